//! What is known of the machine, as the blocks that come before the events:
//! the opposite of what a capture's reader takes into the state.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use falco_abi::flags::{clone, exec};

use super::{Part, block};
use crate::source::capture::format::{self, Block, HOSTNAME, fd, interface, l4, user};
use crate::source::capture::{Interface, Machine};
use crate::state::address::{Address, End};
use crate::state::{Descriptor, FdKind, Protocol, State, Thread, UNSET};

/// Longest path in a list; sysdig refuses longer ones.
const LONGEST_PATH: usize = 1023;
/// Longest list of arguments, variables or control groups, likewise.
const LONGEST_LIST: usize = 4095;
/// Bytes of a list of threads or descriptors after which another block begins.
const LONG_BLOCK: usize = 4 << 20;

/// Last kind of descriptors that sysdig 0.29 knows; it refuses later ones.
const OLD_KINDS: u8 = fd::FILE_V2;

/// Appends all blocks that come before the first event. `old_readers`: without
/// kinds of descriptors that they do not know. After each list `part` may take what
/// there is, or want no more: what many processes have in common is listed for each.
pub(super) fn write(
    machine: &Machine,
    state: &State,
    old_readers: bool,
    out: &mut Vec<u8>,
    part: &mut Part<'_>,
) {
    section(out);
    about_machine(machine, state, out);
    blocks(out, Block::Interfaces { sized: true }, |out| {
        for one in &machine.interfaces {
            interface(one, out);
        }
    });
    let mut threads: Vec<&Thread> = state.threads().iter().filter(|t| t.is_known()).collect();
    // A process comes before its threads, which are put into it.
    threads.sort_unstable_by_key(|thread| (thread.pid, !thread.is_leader(), thread.tid));
    blocks(out, Block::Users { sized: true }, |out| users(state, out));
    let mut left = threads.iter().copied().peekable();
    loop {
        blocks(out, Block::Processes(9), |out| {
            let start = out.len();
            while out.len() - start < LONG_BLOCK
                && let Some(entry) = left.next()
            {
                sized(out, |out| thread(entry, out));
            }
        });
        if !part(out) {
            return;
        }
        if left.peek().is_none() {
            break;
        }
    }
    let mut any = false;
    for thread in threads.iter().filter(|thread| thread.is_leader()) {
        if !descriptors(state, thread, old_readers, out, part) {
            return;
        }
        any = true;
    }
    if !any {
        // Sysdig does not read a capture without such a list.
        let tid = 0_u64;
        let fds = Block::Descriptors { sized: true };
        blocks(out, fds, |out| out.extend_from_slice(&tid.to_le_bytes()));
    }
}

fn blocks(out: &mut Vec<u8>, of: Block, body: impl FnOnce(&mut Vec<u8>)) {
    if let Some(ty) = format::block_type(of) {
        block(out, ty, body);
    }
}

/// An entry that begins with its length.
fn sized(out: &mut Vec<u8>, entry: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    entry(out);
    let len = ((out.len() - start) as u32).to_le_bytes();
    out[start..start + 4].copy_from_slice(&len);
}

fn section(out: &mut Vec<u8>) {
    blocks(out, Block::Section, |out| {
        out.extend_from_slice(&format::BYTE_ORDER.to_le_bytes());
        out.extend_from_slice(&format::MAJOR.to_le_bytes());
        out.extend_from_slice(&format::MINOR.to_le_bytes());
        // The length of the section: unknown.
        out.extend_from_slice(&u64::MAX.to_le_bytes());
    });
}

fn about_machine(machine: &Machine, state: &State, out: &mut Vec<u8>) {
    blocks(out, Block::Machine, |out| {
        out.extend_from_slice(&machine.cpus.to_le_bytes());
        out.extend_from_slice(&machine.memory.to_le_bytes());
        // Highest process id: unknown.
        out.extend_from_slice(&0_u64.to_le_bytes());
        let name = state.hostname().as_bytes();
        let len = name.len().min(HOSTNAME - 1);
        let start = out.len();
        out.extend_from_slice(&name[..len]);
        out.resize(start + HOSTNAME, 0);
        out.extend_from_slice(&machine.boot.to_le_bytes());
        // Flags and two reserved words.
        out.extend_from_slice(&[0; 24]);
    });
}

/// An entry of the list of interfaces. Its length is that of what follows.
fn interface(one: &Interface, out: &mut Vec<u8>) {
    let mut entry = Vec::new();
    let name = &one.name[..one.name.len().min(LONGEST_PATH)];
    let v6 = one.address.is_ipv6();
    let ty = if v6 { interface::IPV6 } else { interface::IPV4 };
    entry.extend_from_slice(&ty.to_le_bytes());
    entry.extend_from_slice(&(name.len() as u16).to_le_bytes());
    for part in [one.address, one.mask, one.broadcast] {
        match v6 {
            true => entry.extend_from_slice(&ipv6(part).octets()),
            false => entry.extend_from_slice(&ipv4(part).octets()),
        }
    }
    entry.extend_from_slice(&one.speed.to_le_bytes());
    entry.extend_from_slice(name);
    out.extend_from_slice(&(entry.len() as u32).to_le_bytes());
    out.extend_from_slice(&entry);
}

/// Text behind its length.
fn text(bytes: &[u8], longest: usize, out: &mut Vec<u8>) {
    let bytes = &bytes[..bytes.len().min(longest)];
    out.extend_from_slice(&(bytes.len() as u16).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn users(state: &State, out: &mut Vec<u8>) {
    for (uid, entry) in state.users().users() {
        sized(out, |out| {
            out.push(user::USER);
            out.extend_from_slice(&uid.to_le_bytes());
            // The user's group, which the state does not keep.
            out.extend_from_slice(&u32::MAX.to_le_bytes());
            for part in [&entry.name, &entry.home, &entry.shell] {
                text(part.as_bytes(), LONGEST_PATH, out);
            }
        });
    }
    for (gid, name) in state.users().groups() {
        sized(out, |out| {
            out.push(user::GROUP);
            out.extend_from_slice(&gid.to_le_bytes());
            text(name.as_bytes(), LONGEST_PATH, out);
        });
    }
}

/// The portable bits of clone that made what is no first thread.
fn thread_bits() -> u32 {
    clone::THREAD | clone::FILES
}

fn thread(thread: &Thread, out: &mut Vec<u8>) {
    let image = &thread.image;
    for id in [
        thread.tid,
        thread.pid,
        thread.ptid,
        thread.sid,
        thread.vpgid,
    ] {
        out.extend_from_slice(&u64::from(id).to_le_bytes());
    }
    text(thread.comm(), LONGEST_PATH, out);
    text(&image.exe, LONGEST_PATH, out);
    text(&image.exepath, LONGEST_PATH, out);
    text(&image.args, LONGEST_LIST, out);
    text(&thread.cwd, LONGEST_PATH, out);
    let usage = &thread.usage;
    out.extend_from_slice(&usage.fd_limit.to_le_bytes());
    let made = if thread.is_leader() { 0 } else { thread_bits() };
    for word in [
        made,
        thread.uid,
        thread.gid,
        usage.vm_size,
        usage.vm_rss,
        usage.vm_swap,
    ] {
        out.extend_from_slice(&word.to_le_bytes());
    }
    out.extend_from_slice(&usage.major_faults.to_le_bytes());
    out.extend_from_slice(&usage.minor_faults.to_le_bytes());
    text(&image.env, LONGEST_LIST, out);
    out.extend_from_slice(&u64::from(thread.vtid).to_le_bytes());
    out.extend_from_slice(&u64::from(thread.vpid).to_le_bytes());
    text(&thread.cgroups, LONGEST_LIST, out);
    // The root directory, which the state does not keep.
    text(b"/", LONGEST_PATH, out);
    out.extend_from_slice(&thread.pidns_start.to_le_bytes());
    out.extend_from_slice(&thread.tty.to_le_bytes());
    out.extend_from_slice(&thread.loginuid.to_le_bytes());
    let flag = |bit: u32| u8::from(image.flags & bit != 0);
    out.push(flag(exec::WRITABLE));
    let caps = thread.caps;
    for set in [caps.inheritable, caps.permitted, caps.effective] {
        out.extend_from_slice(&set.to_le_bytes());
    }
    out.push(flag(exec::UPPER_LAYER));
    for number in [image.ino, image.ctime, image.mtime] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.push(flag(exec::FROM_MEMFD));
    out.push(flag(exec::LOWER_LAYER));
    let group = match thread.pgid {
        UNSET => u64::MAX,
        group => group.into(),
    };
    out.extend_from_slice(&group.to_le_bytes());
}

/// The open descriptors of a process; other threads have the same. `false`: no
/// more is wanted.
fn descriptors(
    state: &State,
    thread: &Thread,
    old_readers: bool,
    out: &mut Vec<u8>,
    part: &mut Part<'_>,
) -> bool {
    let Some(files) = state.threads().files(thread) else {
        return true;
    };
    let mut left = files.iter().peekable();
    loop {
        blocks(out, Block::Descriptors { sized: true }, |out| {
            out.extend_from_slice(&u64::from(thread.tid).to_le_bytes());
            let start = out.len();
            while out.len() - start < LONG_BLOCK
                && let Some((num, file)) = left.next()
            {
                sized(out, |out| {
                    out.extend_from_slice(&u64::from(num).to_le_bytes());
                    out.extend_from_slice(&file.ino.to_le_bytes());
                    descriptor(file, old_readers, out);
                });
            }
        });
        if !part(out) {
            return false;
        }
        if left.peek().is_none() {
            return true;
        }
    }
}

fn protocol(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Unknown => 0,
        Protocol::Tcp => l4::TCP,
        Protocol::Udp => l4::UDP,
        Protocol::Icmp => l4::ICMP,
        Protocol::Raw => l4::RAW,
    }
}

fn ipv4(address: IpAddr) -> Ipv4Addr {
    match address.to_canonical() {
        IpAddr::V4(address) => address,
        // One end of each family: there is none.
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    }
}

fn ipv6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

fn descriptor(file: &Descriptor, old_readers: bool, out: &mut Vec<u8>) {
    let v6 = file.kind == FdKind::Ipv6;
    let address = |end: End, out: &mut Vec<u8>| match v6 {
        true => out.extend_from_slice(&ipv6(end.0).octets()),
        false => out.extend_from_slice(&ipv4(end.0).octets()),
    };
    match (file.address(), file.kind) {
        (Some(Address::IpPair(source, destination)), _) => {
            out.push(if v6 { fd::IPV6 } else { fd::IPV4 });
            address(source, out);
            address(destination, out);
            out.extend_from_slice(&source.1.to_le_bytes());
            out.extend_from_slice(&destination.1.to_le_bytes());
            out.push(protocol(file.protocol));
        }
        (Some(Address::Ip(end)), _) => {
            out.push(if v6 { fd::IPV6_SERVER } else { fd::IPV4_SERVER });
            address(end, out);
            out.extend_from_slice(&end.1.to_le_bytes());
            out.push(protocol(file.protocol));
        }
        (Some(Address::UnixPair(source, destination, path)), _) => {
            out.push(fd::UNIX);
            out.extend_from_slice(&source.to_le_bytes());
            out.extend_from_slice(&destination.to_le_bytes());
            text(path, LONGEST_PATH, out);
        }
        (_, FdKind::Unix) => {
            out.push(fd::UNIX);
            out.extend_from_slice(&[0; 16]);
            text(file.name(), LONGEST_PATH, out);
        }
        (_, FdKind::File) => {
            out.push(fd::FILE_V2);
            out.extend_from_slice(&file.flags().to_le_bytes());
            text(file.name(), LONGEST_PATH, out);
            out.extend_from_slice(&file.dev().to_le_bytes());
        }
        (_, kind) => {
            let kind = match number(kind) {
                kind if old_readers && kind > OLD_KINDS => fd::UNSUPPORTED,
                kind => kind,
            };
            out.push(kind);
            text(file.name(), LONGEST_PATH, out);
        }
    }
}

/// Number of a kind that has a name alone.
fn number(kind: FdKind) -> u8 {
    match kind {
        FdKind::Directory => fd::DIRECTORY,
        FdKind::Pipe => fd::FIFO,
        FdKind::Event => fd::EVENT,
        FdKind::Signal => fd::SIGNAL,
        FdKind::Eventpoll => fd::EPOLL,
        FdKind::Inotify => fd::INOTIFY,
        FdKind::Timer => fd::TIMER,
        FdKind::Netlink => fd::NETLINK,
        FdKind::Bpf => fd::BPF,
        FdKind::Userfault => fd::USERFAULT,
        FdKind::IoUring => fd::IO_URING,
        FdKind::Memfd => fd::MEMFD,
        FdKind::Pidfd => fd::PIDFD,
        // A socket without addresses has no number of its own.
        FdKind::Unknown
        | FdKind::Socket
        | FdKind::Ipv4
        | FdKind::Ipv6
        | FdKind::File
        | FdKind::Unix => fd::UNSUPPORTED,
    }
}
