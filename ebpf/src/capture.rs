// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! From a call to the parameters of its record that are not in registers. The methods
//! that end in `_of` are named after the sources of the table of events.

use falco_abi::event::{CWD, Event, Fact, Field, Quota, RETURNED, Source};
use falco_abi::flags;
use falco_abi::record::flag;

use crate::buffers::{self, Message};
use crate::call::Call;
use crate::file;
use crate::kernel::{bounded, constant, user};
use crate::record::{CUT, PATH_MAX, Scratch, bytes, kernel_string, string};
use crate::socket;
use crate::task::{self, Facts};
use crate::values;

/// The kernel's `AT_FDCWD`.
const AT_FDCWD: i32 = -100;
/// Length of a task's name, its NUL included.
const COMM: u32 = 16;
const PR_SET_NAME: u32 = 15;
const PR_GET_NAME: u32 = 16;
const PR_GET_CHILD_SUBREAPER: u32 = 37;
/// What the kernel makes of `vfork`.
const VFORK_FLAGS: u64 = 0x4100;

/// A descriptor that was looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Nothing,
    Argument(u8),
    Returned,
}

/// Reads the parameters of one call.
pub struct Reader<'a> {
    pub scratch: &'a mut Scratch,
    pub call: Call,
    event: Event,
    facts: Facts,
    /// The last descriptor that was looked at, and its file and socket.
    known: Known,
    file: u64,
    /// Its inode, what that is, and what the file is for its file system.
    inode: u64,
    kind: Option<u64>,
    private: u64,
    sock: u64,
    sock_is_known: bool,
    /// Name of the program that was started, in the kernel's memory, or 0.
    pub program: u64,
}

impl<'a> Reader<'a> {
    /// A reader that has read nothing.
    #[inline(always)]
    pub fn new(scratch: &'a mut Scratch, event: Event, call: Call) -> Self {
        scratch.set_compat(call.compat);
        Self {
            scratch,
            call,
            event,
            facts: Facts::of_current(),
            known: Known::Nothing,
            file: 0,
            inode: 0,
            kind: None,
            private: 0,
            sock: 0,
            sock_is_known: false,
            program: 0,
        }
    }

    /// Sets a number.
    #[inline(always)]
    pub fn number(&mut self, slot: usize, value: u64) {
        self.scratch.number(slot, value);
    }

    /// The file behind a descriptor, or 0.
    #[inline(always)]
    fn file(&mut self, n: u8) -> u64 {
        let (which, fd) = if n == RETURNED {
            (Known::Returned, self.call.result as i32)
        } else {
            (Known::Argument(n), self.call.int(n))
        };
        if self.known != which {
            self.known = which;
            self.file = file::of_descriptor(fd);
            [self.inode, self.private] = file::inode_and_private(self.file);
            self.kind = None;
            self.sock_is_known = false;
        }
        self.file
    }

    /// What kind of file was looked at last.
    #[inline(always)]
    fn kind(&mut self) -> u64 {
        match self.kind {
            Some(kind) => kind,
            None => {
                let kind = file::kind(self.inode);
                self.kind = Some(kind);
                kind
            }
        }
    }

    #[inline(always)]
    fn opened(&mut self) -> u64 {
        self.file(RETURNED)
    }

    /// The socket behind a descriptor, or 0.
    #[inline(always)]
    fn sock(&mut self, n: u8) -> u64 {
        let file = self.file(n);
        if !self.sock_is_known {
            self.sock_is_known = true;
            let kind = self.kind();
            self.sock = socket::of_file(file, kind, self.private);
        }
        self.sock
    }

    /// Bytes of data to record of what goes through the call's descriptor.
    #[inline(always)]
    fn snaplen(&mut self) -> u64 {
        use falco_abi::ebpf::constant::{PORT_FIRST, PORT_LAST, PORT_SNAPLEN, SNAPLEN};
        let usual = constant(SNAPLEN);
        if constant(PORT_SNAPLEN) <= usual {
            return usual;
        }
        let sock = self.sock(0);
        if sock == 0 {
            return usual;
        }
        let Some((a, b)) = socket::ports(sock) else {
            return usual;
        };
        let chosen = |port: u16| {
            let port = u64::from(port);
            port >= constant(PORT_FIRST) && port <= constant(PORT_LAST)
        };
        if chosen(a) || chosen(b) {
            constant(PORT_SNAPLEN)
        } else {
            usual
        }
    }

    /// Puts the path of a file.
    #[inline(always)]
    fn put_path(&mut self, slot: usize, file: u64) {
        let whole = file::path(self.scratch, file);
        self.scratch.path_text(slot, whole);
    }

    /// Puts what a writer has put at the end; nothing when that is empty.
    #[inline(always)]
    fn put_written(&mut self, slot: usize, len: u64) {
        if len != 0 {
            let start = self.scratch.len.wrapping_sub(len);
            self.scratch.span(slot, start, len);
        }
    }

    #[inline(always)]
    pub fn str_of(&mut self, slot: usize, n: u8) {
        let address = self.call.arg(n);
        if address != 0 {
            self.scratch.text(slot, address);
        }
    }

    #[inline(always)]
    pub fn made_str_of(&mut self, slot: usize, n: u8) {
        if self.call.result >= 0 {
            self.scratch.text(slot, self.call.arg(n));
        }
    }

    /// The directory that a relative path starts from.
    #[inline(always)]
    pub fn base_of(&mut self, slot: usize, fd: u8, path: u8) {
        let params = self.event.info().params;
        let mut name = 0;
        while name < params.len() {
            if let Source::Str(n) = params[name].source {
                if n == path {
                    break;
                }
            }
            name += 1;
        }
        // Of the path as it was recorded: the program may change its own copy.
        if name == params.len() || !self.scratch.is_there(name) {
            return;
        }
        let span = self.scratch.located(name);
        if span.len > 0 && self.scratch.byte(u64::from(span.offset)) == b'/' {
            return;
        }
        let fd = if fd == CWD {
            AT_FDCWD
        } else {
            self.call.int(fd)
        };
        if fd == AT_FDCWD {
            let whole = file::working_directory(self.scratch);
            self.scratch.path_text(slot, whole);
        } else {
            let directory = file::of_descriptor(fd);
            if directory != 0 {
                self.put_path(slot, directory);
            }
        }
    }

    #[inline(always)]
    fn put_open_flags(&mut self, slot: usize, kernel: u32) {
        let mut flags = flags::open::from_kernel(kernel);
        let file = self.opened();
        if file != 0 {
            flags |= file::open_flags(file, self.inode);
        }
        self.number(slot, u64::from(flags));
    }

    #[inline(always)]
    pub fn open_flags_of(&mut self, slot: usize, n: u8) {
        self.put_open_flags(slot, self.call.word(n));
    }

    #[inline(always)]
    pub fn open_how_of(&mut self, slot: usize, n: u8, field: u8) {
        let Some(value) = user::<u64>(self.call.arg(n) + 8 * u64::from(field)) else {
            self.scratch.mark(flag::FAULT);
            return;
        };
        match field {
            0 => {
                // The file has those that the kernel took, but for those that only make it.
                let mut taken = value as u32;
                let file = self.opened();
                if file != 0 {
                    taken =
                        taken & flags::open::OPENING | file::flags(file) & !flags::open::OPENING;
                }
                self.put_open_flags(slot, taken);
            }
            1 => self.number(slot, value & 0xFFFF_FFFF),
            _ => self.number(slot, u64::from(flags::resolve::from_kernel(value))),
        }
    }

    #[inline(always)]
    pub fn creat_flags_of(&mut self, slot: usize) {
        let file = self.opened();
        let layer = if file == 0 {
            0
        } else {
            file::layer(self.inode)
        };
        self.number(slot, layer);
    }

    #[inline(always)]
    pub fn file_dev_of(&mut self, slot: usize) {
        let file = self.opened();
        if file != 0 {
            self.number(slot, file::dev(self.inode));
        }
    }

    #[inline(always)]
    pub fn file_ino_of(&mut self, slot: usize) {
        let file = self.opened();
        if file != 0 {
            self.number(slot, file::ino(self.inode));
        }
    }

    #[inline(always)]
    pub fn opened_path_of(&mut self, slot: usize) {
        let file = self.opened();
        if file == 0 {
            return;
        }
        let whole = file::path(self.scratch, file);
        let params = self.event.info().params;
        let mut given = 0;
        while given < params.len() && !matches!(params[given].source, Source::Str(_)) {
            given += 1;
        }
        if given < params.len() && self.scratch.is_there(given) {
            let span = self.scratch.located(given);
            if file::is_text(self.scratch, span.offset.into(), span.len.into()) != 0 {
                return;
            }
        }
        self.scratch.path_text(slot, whole);
    }

    #[inline(always)]
    pub fn fd_path_of(&mut self, slot: usize, n: u8) {
        let file = self.file(n);
        if file != 0 {
            self.put_path(slot, file);
        }
    }

    #[inline(always)]
    pub fn fd_kind_of(&mut self, slot: usize, n: u8) {
        let file = self.file(n);
        if file != 0 {
            let kind = self.kind();
            self.number(slot, kind);
        }
    }

    #[inline(always)]
    pub fn sock_addr_of(&mut self, slot: usize, address: u8, len: u8) {
        if self.call.int(len) >= 0 {
            let len = socket::given(self.scratch, self.call.arg(address), self.call.int(len));
            self.put_written(slot, len);
        }
    }

    #[inline(always)]
    pub fn sock_tuple_of(&mut self, slot: usize, n: u8) {
        let sock = self.sock(n);
        if sock != 0 {
            // The client's end first: ours, unless we accepted.
            let len = socket::tuple(self.scratch, sock, u64::from(n != RETURNED));
            self.put_written(slot, len);
        }
    }

    #[inline(always)]
    pub fn local_addr_of(&mut self, slot: usize, n: u8) {
        let sock = self.sock(n);
        if sock != 0 {
            let len = socket::local(self.scratch, sock);
            self.put_written(slot, len);
        }
    }

    #[inline(always)]
    pub fn socket_proto_of(&mut self, slot: usize, n: u8) {
        let sock = self.sock(n);
        if sock != 0 {
            self.number(slot, socket::protocol(sock));
        }
    }

    #[inline(always)]
    pub fn connected_of(&mut self, slot: usize, n: u8) {
        let sock = self.sock(n);
        if sock != 0 {
            self.number(slot, u64::from(socket::is_connected(sock)));
        }
    }

    #[inline(always)]
    pub fn queue_percent_of(&mut self, slot: usize, n: u8) {
        let sock = self.sock(n);
        if sock != 0 {
            let (len, max) = (socket::queue_len(sock), socket::queue_max(sock));
            self.number(slot, if max == 0 { 0 } else { len * 100 / max });
        }
    }

    #[inline(always)]
    pub fn queue_len_of(&mut self, slot: usize, n: u8) {
        let sock = self.sock(n);
        if sock != 0 {
            self.number(slot, socket::queue_len(sock));
        }
    }

    #[inline(always)]
    pub fn queue_max_of(&mut self, slot: usize, n: u8) {
        let sock = self.sock(n);
        if sock != 0 {
            self.number(slot, socket::queue_max(sock));
        }
    }

    /// Ends of a socket that sends or has received; what was given (address and
    /// length) is the other end of one that is not connected.
    #[inline(always)]
    fn put_tuple(&mut self, slot: usize, fd: u8, address: u64, len: i32, sends: bool) {
        let sock = self.sock(fd);
        if sock == 0 {
            return;
        }
        let len = if address == 0 || len <= 0 {
            socket::tuple(self.scratch, sock, u64::from(sends))
        } else {
            socket::tuple_with(self.scratch, sock, address, len, u64::from(sends))
        };
        self.put_written(slot, len);
    }

    #[inline(always)]
    pub fn tuple_to_of(&mut self, slot: usize, fd: u8, address: u8, len: u8) {
        self.put_tuple(slot, fd, self.call.arg(address), self.call.int(len), true);
    }

    /// The same where the kernel has written the address and, through a pointer, its
    /// length.
    #[inline(always)]
    pub fn tuple_from_of(&mut self, slot: usize, fd: u8, address: u8, len: u8) {
        if self.call.received().is_none() {
            return;
        }
        let address = self.call.arg(address);
        let len = if address == 0 {
            Some(0)
        } else {
            user::<i32>(self.call.arg(len))
        };
        match len {
            Some(len) => self.put_tuple(slot, fd, address, len, false),
            None => self.scratch.mark(flag::FAULT),
        }
    }

    /// Puts the first bytes of a buffer of which `len` count.
    #[inline(always)]
    fn put_buffer(&mut self, slot: usize, address: u64, size: u64, len: u64, limit: u64) {
        let whole = if size < len { size } else { len };
        let result = bytes(self.scratch, address, whole, limit);
        self.scratch.filled(slot, result);
    }

    #[inline(always)]
    pub fn sent_of(&mut self, slot: usize, address: u8, len: u8) {
        let limit = self.snaplen();
        let call = self.call;
        self.put_buffer(slot, call.arg(address), call.arg(len), call.sent(), limit);
    }

    #[inline(always)]
    pub fn received_of(&mut self, slot: usize, address: u8) {
        if let Some(len) = self.call.received() {
            let limit = self.snaplen();
            self.put_buffer(slot, self.call.arg(address), len, len, limit);
        }
    }

    #[inline(always)]
    pub fn buffer_of(&mut self, slot: usize, address: u8, len: u8) {
        let call = self.call;
        let limit = constant(falco_abi::ebpf::constant::SNAPLEN);
        self.put_buffer(slot, call.arg(address), call.arg(len), u64::MAX, limit);
    }

    #[inline(always)]
    fn put_vector(&mut self, slot: usize, address: u64, count: u64, len: u64) {
        let limit = self.snaplen();
        let result = buffers::gather(self.scratch, address, count, len, limit);
        self.scratch.filled(slot, result);
    }

    #[inline(always)]
    pub fn sent_vector_of(&mut self, slot: usize, address: u8, count: u8) {
        let call = self.call;
        self.put_vector(slot, call.arg(address), call.arg(count), call.sent());
    }

    #[inline(always)]
    pub fn received_vector_of(&mut self, slot: usize, address: u8, count: u8) {
        if let Some(len) = self.call.received() {
            let call = self.call;
            self.put_vector(slot, call.arg(address), call.arg(count), len);
        }
    }

    #[inline(always)]
    fn put_size(&mut self, slot: usize, address: u64, count: u64) {
        let size = buffers::size(self.scratch, address, count);
        if size == u64::MAX {
            self.scratch.mark(flag::FAULT);
        } else if size == CUT {
            self.scratch.mark(flag::TRUNCATED);
        } else {
            self.number(slot, size & 0xFFFF_FFFF);
        }
    }

    #[inline(always)]
    pub fn vector_size_of(&mut self, slot: usize, address: u8, count: u8) {
        self.put_size(slot, self.call.arg(address), self.call.arg(count));
    }

    /// The `struct msghdr` in an argument.
    #[inline(always)]
    fn message(&mut self, n: u8) -> Option<Message> {
        let message = Message::read(self.scratch, self.call.arg(n));
        if message.is_none() {
            self.scratch.mark(flag::FAULT);
        }
        message
    }

    #[inline(always)]
    pub fn message_size_of(&mut self, slot: usize, n: u8) {
        if let Some(message) = self.message(n) {
            self.put_size(slot, message.vector, message.count);
        }
    }

    #[inline(always)]
    pub fn sent_message_of(&mut self, slot: usize, n: u8) {
        if let Some(message) = self.message(n) {
            self.put_vector(slot, message.vector, message.count, self.call.sent());
        }
    }

    #[inline(always)]
    pub fn received_message_of(&mut self, slot: usize, n: u8) {
        let Some(message) = self.message(n) else {
            return;
        };
        if let Some(len) = self.call.received() {
            self.put_vector(slot, message.vector, message.count, len);
        }
    }

    #[inline(always)]
    pub fn message_tuple_to_of(&mut self, slot: usize, fd: u8, n: u8) {
        if let Some(message) = self.message(n) {
            self.put_tuple(slot, fd, message.name, message.name_len, true);
        }
    }

    #[inline(always)]
    pub fn message_tuple_from_of(&mut self, slot: usize, fd: u8, n: u8) {
        let Some(message) = self.message(n) else {
            return;
        };
        if self.call.received().is_some() {
            self.put_tuple(slot, fd, message.name, message.name_len, false);
        }
    }

    #[inline(always)]
    pub fn message_control_of(&mut self, slot: usize, n: u8) {
        let Some(message) = self.message(n) else {
            return;
        };
        if self.call.received().is_some() {
            let limit = constant(falco_abi::ebpf::constant::SNAPLEN);
            self.put_buffer(slot, message.control, message.control_len, u64::MAX, limit);
        }
    }

    /// A descriptor that the call wrote into an array.
    #[inline(always)]
    fn made(&mut self, array: u8, index: u8) -> Option<i32> {
        if self.call.result < 0 {
            return None;
        }
        let fd = user::<i32>(self.call.arg(array).wrapping_add(4 * u64::from(index)));
        if fd.is_none() {
            self.scratch.mark(flag::FAULT);
        }
        fd
    }

    #[inline(always)]
    pub fn made_fd_of(&mut self, slot: usize, array: u8, index: u8) {
        if let Some(fd) = self.made(array, index) {
            self.number(slot, i64::from(fd) as u64);
        }
    }

    #[inline(always)]
    pub fn made_ino_of(&mut self, slot: usize, array: u8, index: u8) {
        if let Some(fd) = self.made(array, index) {
            let file = file::of_descriptor(fd);
            if file != 0 {
                self.number(slot, file::ino(file::inode(file)));
            }
        }
    }

    #[inline(always)]
    pub fn prctl_text_of(&mut self, slot: usize, option: u8, n: u8) {
        if matches!(self.call.word(option), PR_SET_NAME | PR_GET_NAME) {
            let result = string(self.scratch, self.call.arg(n), COMM);
            self.scratch.filled(slot, result);
        }
    }

    #[inline(always)]
    pub fn prctl_number_of(&mut self, slot: usize, option: u8, n: u8) {
        match self.call.word(option) {
            PR_SET_NAME | PR_GET_NAME => self.number(slot, 0),
            PR_GET_CHILD_SUBREAPER => {
                let value = user::<i32>(self.call.arg(n));
                self.scratch
                    .put(slot, value.map(|value| i64::from(value) as u64));
            }
            _ => self.number(slot, self.call.arg(n)),
        }
    }

    #[inline(always)]
    pub fn field_of(&mut self, slot: usize, n: u8, at: u8, field: Field) {
        let value = values::field(self.scratch, &self.call, n, at, field);
        self.scratch.put(slot, value);
    }

    #[inline(always)]
    pub fn made_of(&mut self, slot: usize, n: u8, at: u8, field: Field) {
        if self.call.result >= 0 {
            self.field_of(slot, n, at, field);
        }
    }

    #[inline(always)]
    pub fn field_bits_of(&mut self, slot: usize, n: u8, at: u8, pairs: &'static [(u32, u32)]) {
        let bits = values::field(self.scratch, &self.call, n, at, Field::U32);
        let bits = bits.map(|bits| u64::from(flags::portable(bits as u32, pairs)));
        self.scratch.put(slot, bits);
    }

    #[inline(always)]
    pub fn timespec_of(&mut self, slot: usize, n: u8) {
        if self.call.arg(n) != 0 {
            let narrow = self.scratch.is_compat() && !self.call.has_time64();
            let time = values::timespec(self.call.arg(n), narrow);
            self.scratch.put(slot, time);
        }
    }

    #[inline(always)]
    pub fn poll_fds_of(&mut self, slot: usize, fds: u8, count: u8) {
        let result = values::poll_fds(self.scratch, self.call.arg(fds), self.call.arg(count));
        self.scratch.filled(slot, result);
    }

    #[inline(always)]
    fn put_sockopt(&mut self, slot: usize, n: u8, len: u64) {
        let address = self.call.arg(n);
        if address != 0 {
            let option = flags::sockopt_from_kernel(self.call.word(1), self.call.word(2));
            let which = u64::from(flags::sockopt_type(option));
            let result = values::sockopt(self.scratch, which, address, len);
            self.scratch.filled(slot, result);
        }
    }

    #[inline(always)]
    pub fn sock_opt_value_of(&mut self, slot: usize, n: u8) {
        self.put_sockopt(slot, n, self.call.arg(n + 1));
    }

    #[inline(always)]
    pub fn sock_opt_result_of(&mut self, slot: usize, n: u8) {
        if self.call.result >= 0 {
            let len = user::<u32>(self.call.arg(n + 1)).unwrap_or(0);
            self.put_sockopt(slot, n, len.into());
        }
    }

    #[inline(always)]
    pub fn sembuf_of(&mut self, slot: usize, which: u8, field: u8) {
        self.scratch
            .put(slot, values::sembuf(&self.call, which, field));
    }

    #[inline(always)]
    pub fn quota_of(&mut self, slot: usize, what: Quota) {
        if what == Quota::Path {
            if values::is_quota_on(&self.call) {
                self.scratch.text(slot, self.call.arg(3));
            }
        } else {
            let value = values::quota(self.scratch, &self.call, what);
            self.scratch.put(slot, value);
        }
    }

    #[inline(always)]
    pub fn keyctl_of(&mut self, slot: usize, n: u8) {
        let which = flags::keyctl_type(self.call.word(0), n);
        let value = self.call.arg(n);
        if which == 1 && value == 0 {
            return;
        }
        let more = if n < 5 { self.call.arg(n + 1) } else { 0 };
        let result = values::keyctl(self.scratch, u64::from(which), value, more);
        self.scratch.filled(slot, result);
    }

    #[inline(always)]
    pub fn fsconfig_bytes_of(&mut self, slot: usize) {
        if self.call.word(1) == values::SET_BINARY {
            let (address, len) = (self.call.arg(3), self.call.arg(4));
            self.put_buffer(slot, address, len, len, values::VALUE_MAX);
        }
    }

    #[inline(always)]
    pub fn fsconfig_text_of(&mut self, slot: usize) {
        if values::is_fsconfig_text(self.call.word(1)) {
            self.scratch.text(slot, self.call.arg(3));
        }
    }

    #[inline(always)]
    pub fn task_of(&mut self, slot: usize, fact: Fact) {
        self.facts.put(self.scratch, slot, fact);
    }

    /// The programs do not supply it either.
    #[inline(always)]
    pub fn none_of(&mut self, _slot: usize) {}

    /// What the table leaves to the hook of the event.
    #[inline(always)]
    pub fn hook_of(&mut self, slot: usize) {
        match self.event {
            Event::Execve if self.program != 0 => self.started(slot),
            Event::Execve => self.failed_exec(slot, 0),
            Event::Execveat => self.failed_exec(slot, 1),
            Event::Clone => self.clone_flags(slot, self.call.arg(0)),
            Event::Clone3 => match user::<u64>(self.call.arg(0)) {
                Some(flags) => self.clone_flags(slot, flags),
                None => self.scratch.mark(flag::FAULT),
            },
            Event::Fork => self.clone_flags(slot, 0),
            Event::Vfork => self.clone_flags(slot, VFORK_FLAGS),
            _ => {}
        }
    }

    #[inline(always)]
    fn clone_flags(&mut self, slot: usize, kernel: u64) {
        let mut flags = flags::clone::from_kernel(kernel);
        if !task::in_initial_namespace(self.facts.task) {
            flags |= flags::clone::CHILD_IN_PIDNS;
        }
        self.number(slot, u64::from(flags));
    }

    /// The name and the arguments of a program that was started.
    #[inline(always)]
    fn started(&mut self, slot: usize) {
        use falco_abi::event::execve::Slot::{args, exe};
        let result = kernel_string(self.scratch, self.program);
        self.scratch.filled(slot, result);
        self.facts
            .put_arguments(self.scratch, exe as usize, args as usize);
    }

    /// What the program that could not be started would have got. The parameters that
    /// both calls have in common are at the same places.
    #[inline(always)]
    fn failed_exec(&mut self, slot: usize, path: u8) {
        use falco_abi::event::execve::Slot::{args, exe};
        let result = string(self.scratch, self.call.arg(path), PATH_MAX as u32);
        self.scratch.filled(slot, result);
        let result = task::strings(self.scratch, self.call.arg(path + 1));
        self.scratch.filled(args as usize, result);
        task::split_first(self.scratch, exe as usize, args as usize);
    }
}

/// How many messages of a `sendmmsg` or `recvmmsg` went through; the first one counts
/// always.
#[inline(always)]
pub fn message_count(call: &Call) -> u64 {
    if call.result > 1 {
        bounded::<0xFFFF>(call.result as u64)
    } else {
        1
    }
}

/// One of these messages as a call of its own.
#[inline(always)]
pub fn one_message(scratch: &mut Scratch, call: &Call, i: u64) -> Call {
    // `struct mmsghdr`: a `struct msghdr`, and how much went through.
    let (stride, moved_at) = if call.compat != 0 { (32, 28) } else { (64, 56) };
    let message = call.args[1].wrapping_add(stride * i);
    let moved = if call.result > 0 {
        match user::<u32>(message.wrapping_add(moved_at)) {
            Some(moved) => u64::from(moved),
            None => {
                scratch.mark(flag::FAULT);
                0
            }
        }
    } else {
        0
    };
    // Through memory: the verifier would go on with each of these ways by itself.
    scratch.set::<0>(message);
    scratch.set::<1>(moved);
    scratch.set::<2>(call.compat);
    let mut one = *call;
    one.args[1] = scratch.get::<0>();
    one.moved = Some(scratch.get::<1>());
    one.compat = scratch.get::<2>();
    one
}
