//! Paths of events: in which parameters they are, where they start, and how they
//! become absolute.

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;
use falco_abi::event::{
    ALL, Event as Kind, ParamType, access, chmod, chown, chroot, creat, fchmod, fchmodat,
    fchmodat2, fchown, fchownat, lchown, link, linkat, mkdir, mkdirat, mknod, mknodat, mount, open,
    openat, openat2, rename, renameat, renameat2, rmdir, symlink, symlinkat, umount2, unlink,
    unlinkat,
};

use crate::event::Event;

/// The working directory in place of a descriptor.
pub(crate) const AT_FDCWD: i64 = -100;

/// Slots of a path and of the directory that it starts from.
#[derive(Clone, Copy)]
pub(crate) struct Slots {
    path: usize,
    /// `None`: the working directory.
    base: Option<usize>,
}

macro_rules! slots {
    ($event:ident, $path:ident) => {
        Slots {
            path: $event::Slot::$path as usize,
            base: None,
        }
    };
    ($event:ident, $path:ident, $base:ident) => {
        Slots {
            path: $event::Slot::$path as usize,
            base: Some($event::Slot::$base as usize),
        }
    };
}

/// Paths of one kind of events.
#[derive(Clone, Copy)]
struct Paths {
    one: Option<Slots>,
    two: Option<(Slots, Slots)>,
    other: Option<Slots>,
    /// Slots in which an event may tell a directory that a path starts from.
    bases: u64,
}

#[inline]
fn paths(kind: Kind) -> &'static Paths {
    static PATHS: [Paths; ALL.len()] = {
        let none = Paths {
            one: None,
            two: None,
            other: None,
            bases: 0,
        };
        let mut all = [none; ALL.len()];
        let mut at = 0;
        while at < ALL.len() {
            let (one, two, other) = (one_of(ALL[at]), two_of(ALL[at]), other_of(ALL[at]));
            let (source, target) = match two {
                Some((source, target)) => (Some(source), Some(target)),
                None => (None, None),
            };
            let bases = base_bit(one) | base_bit(source) | base_bit(target) | base_bit(other);
            all[ALL[at] as usize] = Paths {
                one,
                two,
                other,
                bases,
            };
            at += 1;
        }
        all
    };
    &PATHS[kind as usize]
}

/// The one path of a call.
pub(crate) fn one(kind: Kind) -> Option<Slots> {
    paths(kind).one
}

/// Source and target of a call with two paths.
pub(crate) fn two(kind: Kind) -> Option<(Slots, Slots)> {
    paths(kind).two
}

/// The path of a call that `fs.path.*` leaves out.
fn other(kind: Kind) -> Option<Slots> {
    paths(kind).other
}

const fn base_bit(slots: Option<Slots>) -> u64 {
    match slots {
        Some(Slots {
            base: Some(slot), ..
        }) => 1 << slot,
        _ => 0,
    }
}

const fn one_of(kind: Kind) -> Option<Slots> {
    Some(match kind {
        Kind::Open => slots!(open, name, base),
        Kind::Openat => slots!(openat, name, base),
        Kind::Openat2 => slots!(openat2, name, base),
        Kind::Creat => slots!(creat, name, base),
        Kind::Unlink => slots!(unlink, path, base),
        Kind::Unlinkat => slots!(unlinkat, name, base),
        Kind::Chmod => slots!(chmod, filename, base),
        Kind::Fchmodat => slots!(fchmodat, filename, base),
        Kind::Fchmodat2 => slots!(fchmodat2, filename, base),
        Kind::Fchmod => slots!(fchmod, path),
        Kind::Mkdir => slots!(mkdir, path, base),
        Kind::Mkdirat => slots!(mkdirat, path, base),
        Kind::Rmdir => slots!(rmdir, path, base),
        Kind::Chown => slots!(chown, path, base),
        Kind::Lchown => slots!(lchown, path, base),
        Kind::Fchown => slots!(fchown, path),
        Kind::Fchownat => slots!(fchownat, pathname, base),
        Kind::Umount2 => slots!(umount2, name),
        _ => return None,
    })
}

const fn two_of(kind: Kind) -> Option<(Slots, Slots)> {
    Some(match kind {
        Kind::Rename => (
            slots!(rename, oldpath, oldbase),
            slots!(rename, newpath, newbase),
        ),
        Kind::Renameat => (
            slots!(renameat, oldpath, oldbase),
            slots!(renameat, newpath, newbase),
        ),
        Kind::Renameat2 => (
            slots!(renameat2, oldpath, oldbase),
            slots!(renameat2, newpath, newbase),
        ),
        Kind::Mount => (slots!(mount, dev), slots!(mount, dir)),
        // The source is what was made.
        Kind::Link => (
            slots!(link, newpath, newbase),
            slots!(link, oldpath, oldbase),
        ),
        Kind::Linkat => (
            slots!(linkat, newpath, newbase),
            slots!(linkat, oldpath, oldbase),
        ),
        Kind::Symlink => (slots!(symlink, linkpath, base), slots!(symlink, target)),
        Kind::Symlinkat => (slots!(symlinkat, linkpath, base), slots!(symlinkat, target)),
        _ => return None,
    })
}

const fn other_of(kind: Kind) -> Option<Slots> {
    Some(match kind {
        Kind::Access => slots!(access, name, base),
        Kind::Mknod => slots!(mknod, path, base),
        Kind::Mknodat => slots!(mknodat, path, base),
        Kind::Chroot => slots!(chroot, path),
        _ => return None,
    })
}

/// The slots of whichever path is in this slot.
pub(crate) fn in_slot(kind: Kind, slot: usize) -> Option<Slots> {
    let (source, target) = two(kind).unzip();
    let known = [one(kind), source, target, other(kind)]
        .into_iter()
        .flatten()
        .find(|slots| slots.path == slot);
    let param = kind.info().params.get(slot)?;
    let is_path = matches!(param.ty, ParamType::Path | ParamType::RelPath) && !param.extra;
    known.or_else(|| {
        is_path.then_some(Slots {
            path: slot,
            base: None,
        })
    })
}

/// Slot of the descriptor that the path starts from.
pub(crate) fn descriptor(kind: Kind, slots: Slots) -> Option<usize> {
    let params = kind.info().params;
    let before = slots.path.checked_sub(1)?;
    let is_descriptor = matches!(params[slots.path].ty, ParamType::RelPath)
        && matches!(params[before].ty, ParamType::Fd);
    is_descriptor.then_some(before)
}

/// Directory of the descriptor in this slot, if a path starts from it.
pub(crate) fn of_descriptor<'a>(event: &Event<'a>, slot: usize) -> Option<&'a [u8]> {
    let slots = in_slot(event.kind, slot + 1)?;
    descriptor(event.kind, slots).filter(|&at| at == slot)?;
    event.bytes(slots.base?)
}

/// The working directory, if the event tells it.
#[inline]
pub(crate) fn working_directory<'a>(event: &Event<'a>, kind: Kind) -> Option<&'a [u8]> {
    match paths(kind).bases & !event.header.missing {
        0 => None,
        _ => told_directory(event, kind),
    }
}

fn told_directory<'a>(event: &Event<'a>, kind: Kind) -> Option<&'a [u8]> {
    let (source, target) = two(kind).unzip();
    let mut all = [one(kind), source, target, other(kind)]
        .into_iter()
        .flatten();
    all.find_map(|slots| {
        let base = event.bytes(slots.base?)?;
        let from_cwd = match descriptor(kind, slots) {
            Some(slot) => event.int(slot) == Some(AT_FDCWD),
            None => true,
        };
        (from_cwd && base.starts_with(b"/")).then_some(base)
    })
}

/// The path as the program gave it.
pub(crate) fn given<'a>(event: &Event<'a>, slots: Slots) -> Option<&'a [u8]> {
    event.bytes(slots.path)
}

/// The directory that the path starts from, if the event tells it.
pub(crate) fn base<'a>(event: &Event<'a>, slots: Slots) -> Option<&'a [u8]> {
    event.bytes(slots.base?)
}

/// Whether there is `//` or `/.` in a path. Without an early end this is done for
/// many bytes at once; the last of them may be looked at twice.
fn has_suspect(path: &[u8]) -> bool {
    const AT_ONCE: usize = 16;
    let pairs = |bytes: &[u8], next: &[u8]| {
        let pairs = bytes.iter().zip(next);
        pairs.fold(0, |found, (&byte, &next)| {
            let ends = u8::from(next == b'/') | u8::from(next == b'.');
            found | u8::from(byte == b'/') & ends
        })
    };
    let next = path.get(1..).unwrap_or_default();
    let bytes = &path[..next.len()];
    let (many, more) = (bytes.as_chunks::<AT_ONCE>().0, next.as_chunks().0);
    let all = many.iter().zip(more);
    let found = all.fold(0, |found, (b, n): (_, &[u8; AT_ONCE])| found | pairs(b, n));
    let last = match (bytes.last_chunk::<AT_ONCE>(), next.last_chunk::<AT_ONCE>()) {
        (Some(bytes), Some(next)) => pairs(bytes, next),
        _ => pairs(bytes, next),
    };
    found | last != 0
}

/// Whether a path has nothing that must be taken out.
fn is_clean(path: &[u8]) -> bool {
    if !path.starts_with(b"/") || (path.len() > 1 && path.ends_with(b"/")) {
        return false;
    }
    // Nearly all paths are without `//` and `/.`.
    let suspect = has_suspect(path);
    if !suspect {
        return true;
    }
    // `//`, `/.` at the end of a part, `/..` at the end of a part.
    let part_ends = |rest: &[u8]| matches!(rest, [] | [b'/', ..]);
    !path.iter().enumerate().any(|(at, &byte)| {
        byte == b'/'
            && match &path[at + 1..] {
                [b'/', ..] => true,
                [b'.', b'.', rest @ ..] | [b'.', rest @ ..] => part_ends(rest),
                _ => false,
            }
    })
}

/// `path` from the directory `base`, if it does not start from the root.
pub(crate) fn absolute<'a>(
    arena: &'a Bump,
    path: &'a [u8],
    base: impl FnOnce() -> Option<&'a [u8]>,
) -> &'a [u8] {
    let base = match path {
        [b'/', ..] => None,
        _ => base(),
    };
    join(arena, base.unwrap_or_default(), path)
}

/// A directory with a longer name counts as unknown: the kernel takes no such path,
/// and what is put together step by step would grow without an end.
const LONGEST_BASE: usize = libc::PATH_MAX as usize;

/// `path` from the directory `base`, without `.`, `..`, and empty parts.
/// Symbolic links are not followed: what the program named counts.
pub(crate) fn join<'a>(arena: &'a Bump, base: &'a [u8], path: &'a [u8]) -> &'a [u8] {
    let base = match path {
        [b'/', ..] => b"",
        _ if base.len() > LONGEST_BASE => b"",
        _ => base,
    };
    if is_clean(path) || (base.is_empty() && !path.starts_with(b"/")) {
        return path;
    }
    let mut whole = BumpVec::with_capacity_in(base.len() + path.len() + 1, arena);
    // Most relative paths go on where a clean directory ends.
    let folder = base.strip_suffix(b"/").unwrap_or(base);
    let plain = !matches!(path, [] | [b'/' | b'.', ..] | [.., b'/']);
    let clean = || folder.is_empty() || folder != b"/" && is_clean(folder);
    if plain && !has_suspect(path) && clean() {
        whole.extend_from_slice_copy(folder);
        whole.push(b'/');
        whole.extend_from_slice_copy(path);
        return whole.into_bump_slice();
    }
    for part in [base, path]
        .into_iter()
        .flat_map(|p| p.split(|&b| b == b'/'))
    {
        match part {
            b"" | b"." => {}
            b".." => {
                let parent = whole.iter().rposition(|&b| b == b'/').unwrap_or(0);
                whole.truncate(parent);
            }
            part => {
                whole.push(b'/');
                whole.extend_from_slice_copy(part);
            }
        }
    }
    if whole.is_empty() {
        whole.push(b'/');
    }
    whole.into_bump_slice()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_made_absolute() {
        let arena = Bump::new();
        let cases: &[(&str, &str, &str)] = &[
            ("/tmp/", "/etc/passwd", "/etc/passwd"),
            ("/tmp/", "a", "/tmp/a"),
            ("/tmp", "a", "/tmp/a"),
            ("/tmp/", "../etc/./passwd", "/etc/passwd"),
            ("/tmp/", "../../../x", "/x"),
            ("/", "a//b", "/a/b"),
            ("/tmp/", "/a/../..", "/"),
            ("/tmp/", "/a/", "/a"),
            ("/tmp/", ".", "/tmp"),
            ("/tmp/", "", "/tmp"),
            ("/", "", "/"),
            ("", "a/b", "a/b"),
            ("", "/..a/.b", "/..a/.b"),
            ("/", "a", "/a"),
            ("//", "a", "/a"),
            ("/a//b/", "c", "/a/b/c"),
            ("/a/../b", "c/.d", "/b/c/.d"),
            ("/a/", "b/c/", "/a/b/c"),
            ("a", "b", "/a/b"),
            (
                "",
                "/0123456789abcdef/0123456789abcde/./x",
                "/0123456789abcdef/0123456789abcde/x",
            ),
            ("", "/0123456789abcde//x", "/0123456789abcde/x"),
            (
                "/0123456789abcde/",
                "0123456789abcdef/../x",
                "/0123456789abcde/x",
            ),
        ];
        for (base, path, whole) in cases {
            let joined = join(&arena, base.as_bytes(), path.as_bytes());
            assert_eq!(
                std::str::from_utf8(joined).unwrap(),
                *whole,
                "{base} {path}"
            );
        }
    }

    #[test]
    fn clean_paths_are_not_copied() {
        let arena = Bump::new();
        let path = b"/usr/lib/libc.so";
        assert!(std::ptr::eq(join(&arena, b"/tmp/", path), path));
    }
}
