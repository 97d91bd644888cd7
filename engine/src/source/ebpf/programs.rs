//! Loading the programs, and attaching those that are needed.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, anyhow, bail};
use aya::maps::{Array, ArrayOfMaps, Map, MapData, PerCpuArray, ProgramArray};
use aya::programs::links::FdLink;
use aya::programs::{BtfTracePoint, Program, ProgramError};
use aya::{Btf, Ebpf, EbpfLoader, VerifierLogLevel};
use falco_abi::control::{Interest, Setup, hook};
use falco_abi::ebpf::{
    ABSENT, BARE, CONSTANTS_NAME, MESSAGES_MAX, OFFSETS, OFFSETS_NAME, PATHS, SCRATCH_DEPTH,
    constant, counter, foreign, message_program, setting,
};
use falco_abi::event::Event;
use falco_abi::ia32::{Adapt, IA32, IPC_MAX, SOCKETCALLS, ipc_call};
use falco_abi::syscall::{EVENT_BY_NUMBER, NONE, SYSCALL_MAX, SYSCALL_WORDS};
use log::debug;
use nix::sys::resource::{Resource, setrlimit};

use super::types::{self, Types};
use crate::source::ProgramUse;
use crate::source::mapping::{Word, give_back};

/// The programs, as `make ebpf` has built them; none where [`LEFT_OUT`] says why.
#[cfg(not(ebpf_is_left_out))]
pub(super) static OBJECT: &[u8] = aya::include_bytes_aligned!(env!("EBPF_OBJECT"));
#[cfg(ebpf_is_left_out)]
pub(super) static OBJECT: &[u8] = &[];

/// Why the engine was built without them.
const LEFT_OUT: Option<&str> = option_env!("EBPF_LEFT_OUT");

/// Whether the kernel measures what programs cost.
const STATISTICS: &str = "/proc/sys/kernel/bpf_stats_enabled";

/// The kernel's `BPF_MAP_TYPE_RINGBUF`.
const RINGBUF: u32 = 27;
/// The first version in which maps are no locked memory of the process that makes them.
const OWN_MEMORY_SINCE: (u32, u32) = (5, 11);
/// The first version that gives programs a task with its type.
const TYPED_TASK_SINCE: (u32, u32) = (5, 11);
/// The first version in which programs that have functions can call other programs.
const CHAINS_SINCE: (u32, u32) = if cfg!(target_arch = "x86_64") {
    (5, 10)
} else {
    (6, 0)
};

/// Only x86 has tracepoints for it.
const FAULT: u64 = if cfg!(target_arch = "x86_64") {
    hook::FAULT
} else {
    0
};

/// Programs with their tracepoints and the bit that asks for them, life cycles first,
/// so that no child is seen before its birth. Which calls are of interest decides
/// about the last two.
const HOOKS: [(&str, &str, u64); 9] = [
    ("process_fork", "sched_process_fork", hook::FORK),
    ("process_exec", "sched_process_exec", hook::EXEC),
    ("process_exit", "sched_process_exit", hook::EXIT),
    ("signal_deliver", "signal_deliver", hook::SIGNAL),
    ("sched_switch", "sched_switch", hook::SWITCH),
    ("page_fault_user", "page_fault_user", FAULT),
    ("page_fault_kernel", "page_fault_kernel", FAULT),
    ("sys_enter", "sys_enter", 0),
    ("sys_exit", "sys_exit", 0),
];

/// The program that finds out which process the reader is.
const FIND_OWNER: &str = "find_owner";
/// Inode of the first pid namespace, on every kernel.
const FIRST_PID_SPACE: u64 = 0xEFFF_FFFC;

/// The loaded programs with their maps.
pub(super) struct Programs {
    loader: Arc<Mutex<Loader>>,
    table: ProgramArray<MapData>,
    interest: Array<MapData, [u32; 2]>,
    settings: Array<MapData, [u64; setting::LEN]>,
    /// Unmapped before the map goes.
    waiting: Word,
    _waiting: MapData,
    counters: PerCpuArray<MapData, [u64; counter::LEN]>,
    rings: ArrayOfMaps<MapData>,
    /// Programs that are in the table.
    told: BTreeSet<CallProgram>,
    attached: BTreeMap<&'static str, FdLink>,
    values: [u64; setting::LEN],
}

/// The programs, of which those are loaded that were asked for so far. Loading takes
/// long, and so can be done by another thread than that which reads records.
pub(super) struct Loader {
    ebpf: Ebpf,
    /// The kernel's types, until programs are loaded: they take more memory than all else.
    btf: Option<Btf>,
}

/// The program of an event, or the one that leaves out what the descriptor is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct CallProgram {
    event: Event,
    bare: bool,
}

impl CallProgram {
    /// That of a call of interest.
    fn of(interest: &Interest, number: usize) -> Self {
        let event = EVENT_BY_NUMBER[number];
        Self {
            event,
            bare: event.info().tells_of_fd() && !has(&interest.descriptors, number),
        }
    }

    /// Its place in the dispatcher's table.
    fn index(self) -> u32 {
        self.event as u32 + if self.bare { BARE } else { 0 }
    }

    /// Its name, and those of the programs that it goes on with, with their places.
    fn parts(self) -> impl Iterator<Item = (String, u32)> {
        let name = match self.event.info().name {
            "" => "call_syscall".to_owned(),
            name if self.bare => format!("call_{name}_bare"),
            name => format!("call_{name}"),
        };
        let several = matches!(self.event, Event::Sendmmsg | Event::Recvmmsg);
        (0..if several { MESSAGES_MAX } else { 1 }).map(move |message| match message {
            0 => (name.clone(), self.index()),
            message => {
                let index = message_program(self.event, message);
                (format!("{name}_{message}"), index as u32)
            }
        })
    }
}

/// What an interest needs.
struct Needs {
    /// Programs that the dispatcher calls.
    calls: BTreeSet<CallProgram>,
    /// Those of [`HOOKS`] that are to be attached.
    hooks: Vec<(&'static str, &'static str)>,
}

impl Programs {
    /// Prepares the programs for this kernel; nothing is attached yet. Rings of
    /// `ring_bytes` each are to follow, `cpus` places for them.
    pub(super) fn new(setup: &Setup, ring_bytes: u64, cpus: u32) -> anyhow::Result<Self> {
        if let Some(why) = LEFT_OUT {
            bail!("this engine was built without eBPF programs: {why}");
        }
        if kernel_version()? < OWN_MEMORY_SINCE {
            let all = nix::libc::RLIM_INFINITY;
            // Without the right to do so the limit may be high enough.
            if let Err(error) = setrlimit(Resource::RLIMIT_MEMLOCK, all, all) {
                debug!("the limit of locked memory stays as it is: {error}");
            }
        }
        let offsets = offsets(Path::new(types::PATH))?;
        let constants = constants(setup, ring_bytes)?;
        let btf = kernel_types()?;
        let mut ebpf = EbpfLoader::new()
            .btf(Some(&btf))
            .override_global(OFFSETS_NAME, &offsets[..], true)
            .override_global(CONSTANTS_NAME, &constants[..], true)
            // A reason for a refusal, in a few lines: the whole log of a long program is
            // many megabytes, which the library asks for again and again.
            .verifier_log_level(VerifierLogLevel::STATS)
            .map_max_entries("RINGS", cpus)
            .map_max_entries("SCRATCH", cpus * SCRATCH_DEPTH)
            .load(OBJECT)
            .map_err(|error| refused(&error))?;
        let mut map = |name: &str| {
            ebpf.take_map(name)
                .with_context(|| format!("the programs have no map {name}"))
        };
        let page = super::super::page_size().context("cannot ask for the page size")?;
        let Map::Array(waiting) = map("WAITING")? else {
            bail!("the programs' map WAITING is of another kind");
        };
        Ok(Self {
            table: ProgramArray::try_from(map("PROGRAMS")?)?,
            interest: Array::try_from(map("INTEREST")?)?,
            settings: Array::try_from(map("SETTINGS")?)?,
            waiting: Word::new(waiting.fd(), page).context("cannot map what wakes the reader")?,
            _waiting: waiting,
            counters: PerCpuArray::try_from(map("COUNTERS")?)?,
            rings: ArrayOfMaps::try_from(map("RINGS")?)?,
            loader: Arc::new(Mutex::new(Loader {
                ebpf,
                btf: Some(btf),
            })),
            told: BTreeSet::new(),
            attached: BTreeMap::new(),
            values: [0; setting::LEN],
        })
    }

    /// Makes a ring of so many bytes and gives it to CPUs.
    pub(super) fn add_ring(
        &mut self,
        bytes: u32,
        cpus: impl Iterator<Item = u32>,
    ) -> anyhow::Result<MapData> {
        let description = aya_obj::Map::new_from_params(RINGBUF, 0, 0, bytes, 0);
        let map =
            MapData::create(description, "falco_ring", None).map_err(|error| refused(&error))?;
        for cpu in cpus {
            self.rings.set(cpu, &map, 0)?;
        }
        Ok(map)
    }

    /// Changes a setting, if it is another one.
    pub(super) fn set(&mut self, index: usize, value: u64) -> anyhow::Result<()> {
        if self.values[index] != value {
            self.values[index] = value;
            self.settings.set(0, self.values, 0)?;
        }
        Ok(())
    }

    /// Tells the programs which process this is. In another pid namespace than the first one
    /// it has another number there, which a program sees.
    pub(super) fn set_owner(&mut self) -> anyhow::Result<()> {
        const OWN_SPACE: &str = "/proc/self/ns/pid";
        let pid = std::process::id().into();
        let space =
            std::fs::metadata(OWN_SPACE).with_context(|| format!("cannot read {OWN_SPACE}"));
        let space = space?.ino();
        if space == FIRST_PID_SPACE {
            return self.set(setting::OWNER, pid);
        }
        self.set(setting::OWN_PID, pid)?;
        self.set(setting::OWN_SPACE, space)?;
        let link = {
            let mut loader = self.loader.lock().unwrap_or_else(PoisonError::into_inner);
            loader.load(&Needs {
                calls: BTreeSet::new(),
                hooks: vec![(FIND_OWNER, "sys_enter")],
            })?;
            loader.attach(FIND_OWNER)?
        };
        // Any call of ours is seen.
        nix::unistd::getppid();
        drop(link);
        self.values = self.settings.get(&0, 0)?;
        if self.values[setting::OWNER] == 0 {
            bail!("cannot find out which process this is outside of its pid namespace");
        }
        Ok(())
    }

    /// The reader is about to sleep.
    pub(super) fn wait(&self) {
        self.waiting.set(1);
    }

    /// The counters of each CPU.
    pub(super) fn counters(&self) -> anyhow::Result<Vec<[u64; counter::LEN]>> {
        Ok(self.counters.get(&0, 0)?.to_vec())
    }

    /// What the programs that are loaded have cost, by the kernel's own measure; nothing
    /// if that is turned off (`kernel.bpf_stats_enabled`).
    pub(super) fn costs(&self) -> Vec<ProgramUse> {
        if std::fs::read(STATISTICS).is_ok_and(|text| text.starts_with(b"0")) {
            return Vec::new();
        }
        let cost = |(name, program): (&str, &Program)| {
            let info = program.info().ok()?;
            Some(ProgramUse {
                name: name.into(),
                runs: info.run_count(),
                nanoseconds: u64::try_from(info.run_time().as_nanos()).unwrap_or(u64::MAX),
            })
        };
        // While programs are loaded there is no answer, rather than a wait.
        let loader = self.loader.try_lock();
        loader.map_or_else(
            |_| Vec::new(),
            |loader| loader.ebpf.programs().filter_map(cost).collect(),
        )
    }

    /// What loads programs beside the reader.
    pub(super) fn loader(&self) -> Arc<Mutex<Loader>> {
        Arc::clone(&self.loader)
    }

    /// Loads what the interest needs, unless it is loaded, tells the dispatcher, attaches
    /// and detaches.
    pub(super) fn set_interest(&mut self, interest: &Interest) -> anyhow::Result<()> {
        let needs = needs(interest);
        let mut loader = self.loader.lock().unwrap_or_else(PoisonError::into_inner);
        loader.load(&needs)?;
        for call in needs.calls.difference(&self.told) {
            for (name, index) in call.parts() {
                let fd = loader.program(&name)?.fd()?.try_clone()?;
                self.table.set(index, &fd, 0)?;
            }
        }
        self.told.extend(&needs.calls);
        for number in 0..SYSCALL_MAX {
            let entry = [own_entry(number, interest), foreign_entry(number, interest)];
            self.interest.set(u32::try_from(number)?, entry, 0)?;
        }
        for (program, ..) in HOOKS {
            if !needs.hooks.iter().any(|hook| hook.0 == program) {
                self.attached.remove(program);
            }
        }
        for &(name, _) in &needs.hooks {
            if !self.attached.contains_key(name) {
                self.attached.insert(name, loader.attach(name)?);
            }
        }
        drop(loader);
        self.set(setting::HOOKS, interest.hooks)
    }
}

/// Whether a bitmap has a system call.
fn has(bitmap: &[u64; SYSCALL_WORDS], number: usize) -> bool {
    bitmap[number / 64] & 1 << (number % 64) != 0
}

fn needs(interest: &Interest) -> Needs {
    let (mut entries, mut exits) = (false, false);
    let mut calls = BTreeSet::new();
    for number in (0..SYSCALL_MAX).filter(|&number| has(&interest.syscalls, number)) {
        if never_returns(EVENT_BY_NUMBER[number]) {
            entries = true;
        } else {
            exits = true;
            calls.insert(CallProgram::of(interest, number));
        }
    }
    if cfg!(target_arch = "x86_64") && (entries || exits) {
        // Of a call of x32 its name is recorded.
        calls.insert(CallProgram {
            event: Event::Syscall,
            bare: false,
        });
    }
    let hooks = HOOKS
        .into_iter()
        .filter(|&(program, _, bit)| match program {
            "sys_enter" => entries,
            "sys_exit" => exits,
            _ => interest.hooks & bit != 0,
        });
    Needs {
        calls,
        hooks: hooks.map(|(program, point, _)| (program, point)).collect(),
    }
}

impl Loader {
    /// Loads what an interest needs, beside the reader: it finds it loaded then.
    pub(super) fn prepare(&mut self, interest: &Interest) -> anyhow::Result<()> {
        self.load(&needs(interest))
    }

    fn program(&mut self, name: &str) -> anyhow::Result<&mut BtfTracePoint> {
        let program = self.ebpf.program_mut(name);
        let program = program.with_context(|| format!("the programs have none for `{name}`"))?;
        Ok(program.try_into()?)
    }

    /// Attaches a program that is loaded, for as long as the link is there.
    fn attach(&mut self, name: &str) -> anyhow::Result<FdLink> {
        let program = self.program(name)?;
        let link = program.attach().map_err(|error| refused(&error))?;
        Ok(program.take_link(link)?.into())
    }

    /// Loads programs that are not loaded yet. The verifier takes its time for each, and
    /// checks several at once.
    fn load(&mut self, needs: &Needs) -> anyhow::Result<()> {
        let calls = needs.calls.iter().flat_map(|call| call.parts());
        let calls = calls.map(|(name, _)| (name, "sys_exit"));
        let hooks = needs
            .hooks
            .iter()
            .map(|&(name, point)| (name.to_owned(), point));
        let mut wanted: BTreeMap<String, &str> = calls.chain(hooks).collect();
        let mut programs = Vec::new();
        for (name, program) in self.ebpf.programs_mut() {
            if let Some(point) = wanted.remove(name) {
                let program: &mut BtfTracePoint = program.try_into()?;
                if program.fd().is_err() {
                    programs.push((name, point, program));
                }
            }
        }
        if let Some(name) = wanted.keys().next() {
            bail!("the programs have none for `{name}`");
        }
        if programs.is_empty() {
            return Ok(());
        }
        let btf = match self.btf.take() {
            Some(btf) => btf,
            None => kernel_types()?,
        };
        let queue = Mutex::new(programs);
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let work = || {
            while let Some((name, point, program)) = next() {
                load_program(program, name, point, &btf)?;
            }
            anyhow::Ok(())
        };
        let workers = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let result = std::thread::scope(|scope| {
            let others: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
            let mut result = work();
            for other in others {
                let other = other.join();
                result = result
                    .and(other.unwrap_or_else(|_| {
                        Err(anyhow!("the loading of eBPF programs broke off"))
                    }));
            }
            result
        });
        drop(btf);
        give_back();
        result
    }
}

fn kernel_types() -> anyhow::Result<Btf> {
    Btf::from_sys_fs().context("cannot read the kernel's types")
}

/// What the table of interest has for a number.
fn own_entry(number: usize, interest: &Interest) -> u32 {
    match has(&interest.syscalls, number) {
        true => CallProgram::of(interest, number).index() + 1,
        false => 0,
    }
}

/// The same for the call that this number is in a 32-bit program.
fn foreign_entry(number: usize, interest: &Interest) -> u32 {
    if cfg!(not(target_arch = "x86_64")) {
        return own_entry(number, interest);
    }
    let wanted = |number: u16| number != NONE && has(&interest.syscalls, number.into());
    let if_any = |any, entry| if any { entry } else { 0 };
    match IA32.get(number).copied().flatten() {
        Some(call) if call.adapt == Adapt::Socketcall => {
            let any = SOCKETCALLS.iter().any(|&(number, _)| wanted(number));
            if_any(any, foreign::SOCKETCALL)
        }
        Some(call) if call.adapt == Adapt::Ipc => {
            let mut calls = (0..IPC_MAX).filter_map(ipc_call);
            if_any(calls.any(|(number, _)| wanted(number)), foreign::IPC)
        }
        Some(call) if call.number != NONE => own_entry(call.number.into(), interest),
        _ => 0,
    }
}

/// Loads a program.
fn load_program(
    program: &mut BtfTracePoint,
    name: &str,
    tracepoint: &str,
    btf: &Btf,
) -> anyhow::Result<()> {
    match program.load(tracepoint, btf) {
        Ok(()) => Ok(()),
        Err(ProgramError::LoadError {
            io_error,
            verifier_log,
        }) if io_error.raw_os_error() != Some(nix::libc::EPERM) => {
            let log = verifier_log.to_string();
            let reason = log.lines().take(4).collect::<Vec<_>>().join("; ");
            bail!("the kernel's verifier refuses the eBPF program `{name}`: {io_error}: {reason}");
        }
        Err(error) => Err(refused(&error)),
    }
}

/// Calls recorded at their entry, since there is no exit.
fn never_returns(event: Event) -> bool {
    matches!(event, Event::Exit | Event::ExitGroup)
}

/// What to say when the kernel does not want us.
fn refused(error: &(impl std::error::Error + Send + Sync + 'static)) -> anyhow::Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    let mut text = Vec::new();
    let mut forbidden = false;
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            forbidden |= io.kind() == std::io::ErrorKind::PermissionDenied;
        }
        text.push(error.to_string());
        cause = error.source();
    }
    let text = text.join(": ");
    if forbidden {
        anyhow!(
            "the kernel does not allow eBPF programs here ({text}): run as root, or with CAP_BPF, \
             CAP_PERFMON, CAP_SYS_RESOURCE and CAP_SYS_PTRACE"
        )
    } else {
        anyhow!("the eBPF programs could not be loaded: {text}")
    }
}

/// The offsets of a kernel's fields, by its description of its types.
fn offsets(types: &Path) -> anyhow::Result<[u32; OFFSETS]> {
    let types = Types::read(types).context(
        "eBPF needs the kernel's description of its types: a kernel of 5.8 or newer that was built \
         with CONFIG_DEBUG_INFO_BTF",
    )?;
    let mut offsets = [ABSENT; OFFSETS];
    let mut missing = Vec::new();
    for (offset, path) in offsets.iter_mut().zip(PATHS) {
        for name in path.names {
            if let Some(found) = types.find(name)? {
                *offset = found;
                break;
            }
        }
        if *offset == ABSENT && !path.optional {
            missing.push(path.names.join(" or "));
        }
    }
    if !missing.is_empty() {
        bail!(
            "this kernel's structures are not those that the eBPF programs know; it has no {}",
            missing.join(", no ")
        );
    }
    Ok(offsets)
}

fn constants(setup: &Setup, ring_bytes: u64) -> anyhow::Result<[u64; constant::LEN]> {
    use falco_abi::control::{SNAPLEN_DEFAULT, SNAPLEN_MAX, STRINGS_DEFAULT, STRINGS_MAX};
    let snaplen = match setup.snaplen {
        0 => SNAPLEN_DEFAULT,
        more => more.min(SNAPLEN_MAX),
    };
    let strings = match setup.strings {
        0 => STRINGS_DEFAULT,
        more => more.min(STRINGS_MAX),
    };
    let page = super::super::page_size().context("cannot ask for the page size")?;
    let mut constants = [0; constant::LEN];
    constants[constant::RING_BYTES] = ring_bytes;
    constants[constant::SNAPLEN] = snaplen.into();
    constants[constant::PORT_SNAPLEN] = setup.port_snaplen.min(SNAPLEN_MAX).into();
    constants[constant::PORT_FIRST] = setup.port_first.into();
    constants[constant::PORT_LAST] = setup.port_last.into();
    constants[constant::THROTTLE] = setup.throttle.into();
    constants[constant::THROTTLE_GROUP] = setup.throttle_group.into();
    constants[constant::STRINGS] = strings.into();
    let version = kernel_version()?;
    constants[constant::TYPED_TASK] = u64::from(version >= TYPED_TASK_SINCE);
    constants[constant::CHAINS] = u64::from(version >= CHAINS_SINCE);
    constants[constant::PAGE_SHIFT] = page.trailing_zeros().into();
    Ok(constants)
}

/// The running kernel's version.
fn kernel_version() -> anyhow::Result<(u32, u32)> {
    let release = nix::sys::utsname::uname()?.release().to_owned();
    let release = release.to_string_lossy();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Ok((major, minor)),
        _ => bail!("the kernel's version `{release}` is not a version"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use falco_abi::ebpf::At;

    use super::*;

    fn object(machine: &str) -> aya_obj::Object {
        let file = format!("../ebpf/prebuilt/falco-{machine}.o");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        aya_obj::Object::parse(&std::fs::read(path).unwrap()).unwrap()
    }

    /// Both are of the same sources: what one architecture has is there for the other.
    #[test]
    fn each_architecture_has_all_programs() {
        let names = |object: &aya_obj::Object| -> BTreeSet<String> {
            object.programs.keys().cloned().collect()
        };
        let (x86_64, aarch64) = (object("x86_64"), object("aarch64"));
        assert_eq!(names(&x86_64), names(&aarch64));
        for event in EVENT_BY_NUMBER.into_iter().filter(|&e| !never_returns(e)) {
            for bare in [false, true]
                .into_iter()
                .take(1 + usize::from(event.info().tells_of_fd()))
            {
                for (name, _) in (CallProgram { event, bare }).parts() {
                    assert!(aarch64.programs.contains_key(&name), "{name}");
                }
            }
        }
        for name in HOOKS.map(|(name, ..)| name).into_iter().chain([FIND_OWNER]) {
            assert!(aarch64.programs.contains_key(name), "{name}");
        }
    }

    /// `FALCO_BTF` names a file with the types of another kernel, of whatever machine.
    #[test]
    fn another_kernel_has_the_fields() {
        let Some(path) = std::env::var_os("FALCO_BTF") else {
            eprintln!("skipped: FALCO_BTF names no description of a kernel's types");
            return;
        };
        let offsets = offsets(Path::new(&path)).unwrap();
        let of = |at: At| offsets[at as usize];
        // Six different registers, and the number of the call.
        let registers: BTreeSet<u32> = [
            At::RegsArg0,
            At::RegsArg1,
            At::RegsArg2,
            At::RegsArg3,
            At::RegsArg4,
            At::RegsArg5,
            At::RegsNumber,
        ]
        .map(of)
        .into();
        assert_eq!(registers.len(), 7);
        for (path, offset) in PATHS.iter().zip(offsets) {
            println!("{:?} {offset:x}", path.names);
        }
    }
}
