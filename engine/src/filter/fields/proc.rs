//! Getters of `proc.*` and `thread.*`.

use falco_abi::event::Event as Kind;
use falco_abi::flags::exec;

use super::descriptor::Fd;
use super::names::CAPABILITIES;
use super::user::signed;
use super::{blanks, joined, list, text_in};
use crate::filter::field::{Context, FieldArg, Value};
use crate::state::files::FileTable;
use crate::state::{Thread, UNSET};

type Answer<'a> = Option<Value<'a>>;

/// Levels that `proc.aenv[NAME]` looks at.
const ENV_LEVELS: usize = 20;

fn text(text: &[u8]) -> Answer<'_> {
    Some(Value::Text(text))
}

fn int<'a>(number: u32) -> Answer<'a> {
    Some(Value::Int(signed(number)))
}

fn uint<'a>(number: impl Into<u64>) -> Answer<'a> {
    Some(Value::Uint(number.into()))
}

/// No value instead of an id that nobody knows.
fn known<'a>(id: u32) -> Answer<'a> {
    (id != UNSET).then_some(Value::Int(id.into()))
}

/// No value instead of 0.
fn nonzero<'a>(number: u64) -> Answer<'a> {
    (number != 0).then_some(Value::Uint(number))
}

fn parent<'a>(ctx: &Context<'a>) -> Option<&'a Thread> {
    ctx.state.threads().parent(ctx.thread?)
}

fn ancestors<'a>(ctx: &Context<'a>) -> impl Iterator<Item = &'a Thread> {
    let table = ctx.state.threads();
    ctx.thread.into_iter().flat_map(|t| table.ancestors(t))
}

/// The ancestor with this number: 0 is the thread itself.
fn ancestor<'a>(ctx: &Context<'a>, index: u32) -> Option<&'a Thread> {
    match index {
        0 => ctx.thread,
        index => ancestors(ctx).nth(index as usize - 1),
    }
}

/// What one ancestor has, or all have.
fn each<'a>(
    ctx: &Context<'a>,
    arg: &FieldArg,
    get: impl Fn(&'a Thread) -> Value<'a>,
) -> Answer<'a> {
    match arg {
        FieldArg::Index(index) => ancestor(ctx, *index).map(get),
        FieldArg::None => {
            let mut all = ancestors(ctx).map(get).peekable();
            all.peek()?;
            Some(list(ctx.arena, all))
        }
        FieldArg::Key(_) => None,
    }
}

pub(super) fn name<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    text(ctx.thread?.comm())
}

pub(super) fn pname<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    text(parent(ctx)?.comm())
}

pub(super) fn aname<'a>(ctx: &Context<'a>, arg: &FieldArg) -> Answer<'a> {
    each(ctx, arg, |t| Value::Text(t.comm()))
}

pub(super) fn exe<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    text(ctx.thread?.exe())
}

pub(super) fn pexe<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    text(parent(ctx)?.exe())
}

pub(super) fn aexe<'a>(ctx: &Context<'a>, arg: &FieldArg) -> Answer<'a> {
    each(ctx, arg, |t| Value::Text(t.exe()))
}

pub(super) fn exepath<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    text(ctx.thread?.exepath())
}

pub(super) fn pexepath<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    text(parent(ctx)?.exepath())
}

pub(super) fn aexepath<'a>(ctx: &Context<'a>, arg: &FieldArg) -> Answer<'a> {
    each(ctx, arg, |t| Value::Text(t.exepath()))
}

pub(super) fn args<'a>(ctx: &Context<'a>, arg: &FieldArg) -> Answer<'a> {
    let thread = ctx.thread?;
    match arg {
        FieldArg::Index(index) => text(thread.image.args().nth(*index as usize).unwrap_or(b"")),
        _ => text(thread.joined_args()),
    }
}

pub(super) fn aargs<'a>(ctx: &Context<'a>, arg: &FieldArg) -> Answer<'a> {
    match arg {
        FieldArg::Index(index) => text(ancestor(ctx, *index)?.joined_args()),
        _ => {
            let args = ancestors(ctx).map(Thread::joined_args);
            let args = joined(ctx.arena, b" ", args.skip_while(|args| args.is_empty()));
            (!args.is_empty()).then_some(Value::Text(args))
        }
    }
}

pub(super) fn cmdline<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    text(&ctx.thread?.cmdline)
}

pub(super) fn pcmdline<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    text(&parent(ctx)?.cmdline)
}

pub(super) fn acmdline<'a>(ctx: &Context<'a>, arg: &FieldArg) -> Answer<'a> {
    each(ctx, arg, |t| Value::Text(&t.cmdline))
}

pub(super) fn cmdnargs<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    uint(ctx.thread?.image.args().count() as u64)
}

pub(super) fn cmdlenargs<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    uint(ctx.thread?.image.args().map(<[u8]>::len).sum::<usize>() as u64)
}

pub(super) fn exeline<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let thread = ctx.thread?;
    text(joined(
        ctx.arena,
        b" ",
        [thread.exe(), thread.joined_args()],
    ))
}

pub(super) fn env<'a>(ctx: &Context<'a>, arg: &FieldArg) -> Answer<'a> {
    let image = &ctx.thread?.image;
    match arg {
        FieldArg::Key(name) => text(image.variable(name.as_bytes()).unwrap_or(b"")),
        _ => text(blanks(ctx.arena, &image.env)),
    }
}

pub(super) fn aenv<'a>(ctx: &Context<'a>, arg: &FieldArg) -> Answer<'a> {
    match arg {
        FieldArg::Key(name) => {
            let mut levels = ancestors(ctx).take(ENV_LEVELS);
            text(levels.find_map(|t| t.image.variable(name.as_bytes()))?)
        }
        arg => each(ctx, arg, |t| Value::Text(blanks(ctx.arena, &t.image.env))),
    }
}

pub(super) fn cwd<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    text(&ctx.thread?.cwd)
}

pub(super) fn loginshellid<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let line = ctx.thread.into_iter().chain(ancestors(ctx));
    int(line.filter(|t| t.comm().ends_with(b"sh")).last()?.pid)
}

pub(super) fn tty<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    uint(ctx.thread?.tty)
}

pub(super) fn pid<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    int(ctx.thread?.pid)
}

pub(super) fn ppid<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    parent(ctx)?;
    int(ctx.thread?.ptid)
}

pub(super) fn apid<'a>(ctx: &Context<'a>, arg: &FieldArg) -> Answer<'a> {
    let thread = ctx.thread?;
    if thread.pid == UNSET {
        return None;
    }
    each(ctx, arg, |t| Value::Int(i64::from(t.pid)))
}

pub(super) fn vpid<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    known(ctx.thread?.vpid)
}

pub(super) fn pvpid<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    int(parent(ctx)?.vpid)
}

/// The process after which a group or a session is called. When it ended, or
/// when the id that is known is one of the thread's pid namespace, the highest
/// ancestor with the same id stands for it.
fn leader<'a>(
    ctx: &Context<'a>,
    id: fn(&Thread) -> u32,
    own: fn(&Thread) -> u32,
) -> Option<&'a Thread> {
    let thread = ctx.thread?;
    let wanted = id(thread);
    if wanted == UNSET {
        return None;
    }
    // Outside of namespaces, and for ids of none, the id is enough.
    let is_global = thread.vtid == thread.tid || own(thread) == thread.pid;
    let named = is_global.then(|| ctx.state.thread(wanted)).flatten();
    named.or_else(|| ancestors(ctx).take_while(|t| id(t) == wanted).last())
}

fn session_leader<'a>(ctx: &Context<'a>) -> Option<&'a Thread> {
    leader(ctx, |t| t.sid, |t| t.vpid)
}

pub(super) fn sid<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    int(ctx.thread?.sid)
}

fn group_leader<'a>(ctx: &Context<'a>) -> Option<&'a Thread> {
    leader(ctx, |t| t.pgid, |t| t.pid)
}

fn own_group_leader<'a>(ctx: &Context<'a>) -> Option<&'a Thread> {
    leader(ctx, |t| t.vpgid, |t| t.vpid)
}

pub(super) fn vpgid<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    int(ctx.thread?.vpgid)
}

pub(super) fn pgid<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    int(ctx.thread?.pgid)
}

/// What a leader has; nothing of one that nobody knows.
macro_rules! of_leader {
    ($($field:ident: $leader:ident, $get:expr;)*) => {$(
        pub(super) fn $field<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
            ctx.thread?;
            text($leader(ctx).map_or(b"", $get))
        }
    )*};
}

of_leader! {
    sname: session_leader, |t| t.comm();
    sid_exe: session_leader, Thread::exe;
    sid_exepath: session_leader, Thread::exepath;
    vpgid_name: own_group_leader, |t| t.comm();
    vpgid_exe: own_group_leader, Thread::exe;
    vpgid_exepath: own_group_leader, Thread::exepath;
    pgid_name: group_leader, |t| t.comm();
    pgid_exe: group_leader, Thread::exe;
    pgid_exepath: group_leader, Thread::exepath;
}

/// How long ago the thread was made.
fn since(ctx: &Context<'_>, thread: &Thread) -> Option<u64> {
    match thread.start {
        0 => None,
        start => Some(ctx.event.time.saturating_sub(start)),
    }
}

pub(super) fn duration<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    since(ctx, ctx.thread?).map(Value::Uint)
}

pub(super) fn ppid_duration<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    since(ctx, parent(ctx)?).map(Value::Uint)
}

pub(super) fn pid_ts<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    nonzero(ctx.thread?.start)
}

pub(super) fn ppid_ts<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    uint(parent(ctx)?.start)
}

fn exe_flag<'a>(ctx: &Context<'a>, bit: u32) -> Answer<'a> {
    Some(Value::Bool(ctx.thread?.image.flags & bit != 0))
}

pub(super) fn is_exe_writable<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    exe_flag(ctx, exec::WRITABLE)
}

pub(super) fn is_exe_upper_layer<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    exe_flag(ctx, exec::UPPER_LAYER)
}

pub(super) fn is_exe_lower_layer<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    exe_flag(ctx, exec::LOWER_LAYER)
}

pub(super) fn is_exe_from_memfd<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    exe_flag(ctx, exec::FROM_MEMFD)
}

pub(super) fn is_sid_leader<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let thread = ctx.thread?;
    Some(Value::Bool(thread.sid == thread.vpid))
}

pub(super) fn is_vpgid_leader<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let thread = ctx.thread?;
    Some(Value::Bool(thread.vpgid == thread.vpid))
}

pub(super) fn is_pgid_leader<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let thread = ctx.thread?;
    Some(Value::Bool(thread.pgid == thread.pid))
}

pub(super) fn is_guessed<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    Some(Value::Bool(ctx.thread?.guessed))
}

pub(super) fn exe_ino<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let ino = ctx.thread?.image.ino;
    (ino != 0).then_some(Value::Int(ino.cast_signed()))
}

pub(super) fn exe_ctime<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    nonzero(ctx.thread?.image.ctime)
}

pub(super) fn exe_mtime<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    nonzero(ctx.thread?.image.mtime)
}

pub(super) fn exe_ctime_to_start<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let image = &ctx.thread?.image;
    let (start, ctime) = (image.process_start, image.ctime);
    if start == 0 || ctime == 0 {
        return None;
    }
    // A later change gives a huge number, as rules expect it.
    nonzero(start.wrapping_sub(ctime))
}

pub(super) fn exe_ctime_from_pidns<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let thread = ctx.thread?;
    if !thread.executed || thread.pidns_start == 0 {
        return None;
    }
    nonzero(thread.image.ctime.saturating_sub(thread.pidns_start))
}

pub(super) fn pidns_start<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    nonzero(ctx.thread?.pidns_start)
}

pub(super) fn nthreads<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    uint(ctx.state.threads().thread_count(ctx.thread?.pid))
}

pub(super) fn nchilds<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let threads = ctx.state.threads().thread_count(ctx.thread?.pid);
    uint(threads.saturating_sub(1))
}

pub(super) fn vmsize<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    uint(ctx.thread?.usage.vm_size)
}

pub(super) fn vmrss<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    uint(ctx.thread?.usage.vm_rss)
}

pub(super) fn vmswap<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    uint(ctx.thread?.usage.vm_swap)
}

pub(super) fn fdlimit<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    Some(Value::Int(ctx.thread?.usage.fd_limit))
}

pub(super) fn tid<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    Some(Value::Int(ctx.event.header.tid.cast_signed().into()))
}

pub(super) fn vtid<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    known(ctx.thread?.vtid)
}

pub(super) fn ismain<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    Some(Value::Bool(ctx.thread?.is_leader()))
}

fn capabilities<'a>(ctx: &Context<'a>, set: u64) -> Answer<'a> {
    let names = CAPABILITIES.iter().enumerate();
    let names = names.filter_map(|(bit, name)| (set >> bit & 1 != 0).then_some(name));
    text(joined(ctx.arena, b" ", names))
}

pub(super) fn cap_permitted<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    capabilities(ctx, ctx.thread?.caps.permitted)
}

pub(super) fn cap_inheritable<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    capabilities(ctx, ctx.thread?.caps.inheritable)
}

pub(super) fn cap_effective<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    capabilities(ctx, ctx.thread?.caps.effective)
}

pub(super) fn cgroups<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let groups = ctx.thread.filter(|t| t.pid != UNSET)?.cgroups();
    let groups = groups.map(|(name, path)| joined(ctx.arena, b"=", [name, path]));
    text(joined(ctx.arena, b" ", groups))
}

pub(super) fn cgroup<'a>(ctx: &Context<'a>, arg: &FieldArg) -> Answer<'a> {
    let FieldArg::Key(subsystem) = arg else {
        return None;
    };
    let thread = ctx.thread?;
    let path = |wanted: &[u8]| thread.cgroups().find(|(name, _)| *name == wanted);
    // The unified hierarchy is that of all subsystems without one of their own.
    text(path(subsystem.as_bytes()).or_else(|| path(b"unified"))?.1)
}

pub(super) fn pfmajor<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    uint(ctx.thread?.usage.major_faults)
}

pub(super) fn pfminor<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    uint(ctx.thread?.usage.minor_faults)
}

/// The descriptors that the thread has open.
fn files<'a>(ctx: &Context<'a>) -> Option<&'a FileTable> {
    ctx.state.threads().files(ctx.thread?)
}

pub(super) fn fdopencount<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    ctx.thread?;
    uint(files(ctx).map_or(0, FileTable::len) as u64)
}

pub(super) fn fdusage<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let limit = ctx.thread?.usage.fd_limit;
    let open = files(ctx).map_or(0, FileTable::len);
    Some(Value::Double(match limit {
        ..=0 => 0.0,
        limit => open as f64 * 100.0 / limit as f64,
    }))
}

fn kind_of<'a>(ctx: &Context<'a>, num: i64) -> Answer<'a> {
    text(Fd::open(ctx, num)?.kind.name()?.as_bytes())
}

fn name_of<'a>(ctx: &Context<'a>, num: i64) -> Answer<'a> {
    text(Fd::open(ctx, num)?.name(ctx).unwrap_or_default())
}

pub(super) fn stdin_type<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    kind_of(ctx, 0)
}

pub(super) fn stdout_type<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    kind_of(ctx, 1)
}

pub(super) fn stderr_type<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    kind_of(ctx, 2)
}

pub(super) fn stdin_name<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    name_of(ctx, 0)
}

pub(super) fn stdout_name<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    name_of(ctx, 1)
}

pub(super) fn stderr_name<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    name_of(ctx, 2)
}

pub(super) fn nametid<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    let thread = ctx.thread?;
    let tid = text_in!(ctx.arena, "{}", thread.tid);
    text(joined(ctx.arena, b"", [thread.comm(), tid]))
}

/// Memory belongs to the process; its first thread stands for it.
fn memory<'a>(ctx: &Context<'a>, kib: impl FnOnce(&Thread) -> u32, unit: u64) -> Answer<'a> {
    let thread = ctx.thread?;
    let kib = if thread.is_leader() { kib(thread) } else { 0 };
    uint(u64::from(kib) * unit)
}

pub(super) fn thread_vmsize<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    memory(ctx, |t| t.usage.vm_size, 1)
}

pub(super) fn thread_vmrss<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    memory(ctx, |t| t.usage.vm_rss, 1)
}

pub(super) fn thread_vmsize_bytes<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    memory(ctx, |t| t.usage.vm_size, 1024)
}

pub(super) fn thread_vmrss_bytes<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    memory(ctx, |t| t.usage.vm_rss, 1024)
}

/// Time on a processor. Nothing tells it but events of the scheduler, which
/// nobody records.
pub(super) fn exectime<'a>(_: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    uint(0_u64)
}

/// The same of all threads.
pub(super) fn totexectime<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    ctx.thread?;
    uint(0_u64)
}

/// Share of a processor in the last second. Events that told it are made no
/// more.
pub(super) fn cpu<'a>(ctx: &Context<'a>, _: &FieldArg) -> Answer<'a> {
    ctx.thread?;
    (ctx.event.kind == Kind::Procinfo).then_some(Value::Double(0.0))
}
