//! The kernel's description of its own types (BTF), as far as offsets of fields need
//! it. The format is the kernel's (`Documentation/bpf/btf.rst`).

use std::path::Path;

use anyhow::{Context as _, bail, ensure};

/// Where the running kernel shows it.
pub(super) const PATH: &str = "/sys/kernel/btf/vmlinux";

const MAGIC: u16 = 0xEB9F;
/// Bytes of a type without what follows it.
const TYPE: usize = 12;
/// Most typedefs and qualifiers around a type.
const DEPTH: u32 = 32;

mod kind {
    pub(super) const INT: u32 = 1;
    pub(super) const PTR: u32 = 2;
    pub(super) const ARRAY: u32 = 3;
    pub(super) const STRUCT: u32 = 4;
    pub(super) const UNION: u32 = 5;
    pub(super) const ENUM: u32 = 6;
    pub(super) const FUNC_PROTO: u32 = 13;
    pub(super) const VAR: u32 = 14;
    pub(super) const DATASEC: u32 = 15;
    pub(super) const FLOAT: u32 = 16;
    pub(super) const DECL_TAG: u32 = 17;
    pub(super) const ENUM64: u32 = 19;
}

/// All types of a kernel.
pub(super) struct Types {
    bytes: Vec<u8>,
    /// Start of each type in `bytes`; 0 is `void`.
    starts: Vec<usize>,
    strings: std::ops::Range<usize>,
}

/// One type.
#[derive(Clone, Copy)]
struct Type {
    kind: u32,
    count: usize,
    /// Members say how many bits they have.
    bits: bool,
    /// Size in bytes, or another type.
    value: u32,
    name: u32,
    /// What follows.
    more: usize,
}

impl Types {
    /// Reads a description.
    ///
    /// # Errors
    /// When there is none, or it is damaged.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let bytes = std::fs::read(path)
            .with_context(|| format!("cannot read the kernel's types in {}", path.display()))?;
        Self::parse(bytes).with_context(|| format!("{} is damaged", path.display()))
    }

    fn parse(bytes: Vec<u8>) -> anyhow::Result<Self> {
        let mut types = Self {
            bytes,
            starts: vec![0],
            strings: 0..0,
        };
        ensure!(types.half(0)? == MAGIC, "it does not begin as it must");
        let header = types.word(4)? as usize;
        let at = |offset: u32, from: usize| Some(header + offset as usize + from);
        let begin = at(types.word(8)?, 0).context("offset of types")?;
        let end = begin + types.word(12)? as usize;
        let text = at(types.word(16)?, 0).context("offset of names")?;
        types.strings = text..text + types.word(20)? as usize;
        ensure!(
            types.strings.end <= types.bytes.len() && end <= types.bytes.len(),
            "it ends too early"
        );
        let mut start = begin;
        while start < end {
            let found = types.at(start)?;
            types.starts.push(start);
            start = found.more
                + match found.kind {
                    kind::INT | kind::VAR | kind::DECL_TAG => 4,
                    kind::ARRAY => 12,
                    kind::STRUCT | kind::UNION | kind::DATASEC | kind::ENUM64 => 12 * found.count,
                    kind::ENUM | kind::FUNC_PROTO => 8 * found.count,
                    _ => 0,
                };
        }
        Ok(types)
    }

    fn half(&self, at: usize) -> anyhow::Result<u16> {
        let bytes = self.bytes.get(at..at + 2).context("it ends too early")?;
        Ok(u16::from_ne_bytes(bytes.try_into()?))
    }

    fn word(&self, at: usize) -> anyhow::Result<u32> {
        let bytes = self.bytes.get(at..at + 4).context("it ends too early")?;
        Ok(u32::from_ne_bytes(bytes.try_into()?))
    }

    fn at(&self, start: usize) -> anyhow::Result<Type> {
        let info = self.word(start + 4)?;
        Ok(Type {
            kind: info >> 24 & 0x1F,
            count: (info & 0xFFFF) as usize,
            bits: info >> 31 != 0,
            value: self.word(start + 8)?,
            name: self.word(start)?,
            more: start + TYPE,
        })
    }

    fn name(&self, offset: u32) -> &[u8] {
        let text = self.bytes.get(self.strings.clone()).unwrap_or_default();
        let text = text.get(offset as usize..).unwrap_or_default();
        text.split(|&byte| byte == 0).next().unwrap_or_default()
    }

    /// A type without typedefs and qualifiers.
    fn plain(&self, id: u32) -> anyhow::Result<Type> {
        let mut id = id;
        for _ in 0..DEPTH {
            let start = *self.starts.get(id as usize).context("no such type")?;
            ensure!(start != 0, "a field of no type");
            let found = self.at(start)?;
            match found.kind {
                // Typedef, volatile, const, restrict, type tag.
                8..=11 | 18 => id = found.value,
                _ => return Ok(found),
            }
        }
        bail!("a type without end")
    }

    fn size(&self, id: u32) -> anyhow::Result<u32> {
        let found = self.plain(id)?;
        match found.kind {
            kind::PTR => Ok(8),
            kind::INT | kind::STRUCT | kind::UNION | kind::ENUM | kind::FLOAT | kind::ENUM64 => {
                Ok(found.value)
            }
            kind::ARRAY => Ok(self.size(self.word(found.more)?)? * self.word(found.more + 8)?),
            other => bail!("a field of kind {other}"),
        }
    }

    /// A member of a structure, also of those without name within it: its offset in
    /// bits, and its type.
    fn member(&self, of: Type, name: &[u8]) -> anyhow::Result<Option<(u32, u32)>> {
        for i in 0..of.count {
            let at = of.more + 12 * i;
            let (member, ty, offset) = (self.word(at)?, self.word(at + 4)?, self.word(at + 8)?);
            let offset = if of.bits { offset & 0xFF_FFFF } else { offset };
            let member = self.name(member);
            if member == name {
                return Ok(Some((offset, ty)));
            }
            if member.is_empty() {
                let inner = self.plain(ty)?;
                if let Some((more, ty)) = self.member(inner, name)? {
                    return Ok(Some((offset + more, ty)));
                }
            }
        }
        Ok(None)
    }

    /// The number that a path (see [`falco_abi::ebpf::Path`]) stands for, if the kernel
    /// has such a field.
    ///
    /// # Errors
    /// When the description is damaged, or the path makes no sense.
    pub(super) fn find(&self, path: &str) -> anyhow::Result<Option<u32>> {
        let (path, bits) = match path.strip_suffix(":bit") {
            Some(path) => (path, true),
            None => (path, false),
        };
        let mut parts = path.split('.');
        let first = parts.next().unwrap_or_default().as_bytes();
        // A name can be there twice; the one with the field counts.
        for &start in &self.starts[1..] {
            let found = self.at(start)?;
            if found.kind != kind::STRUCT || self.name(found.name) != first {
                continue;
            }
            if path.len() == first.len() {
                return Ok(Some(found.value));
            }
            if let Some(offset) = self.walk(found, parts.clone())? {
                return Ok(Some(if bits { offset } else { offset / 8 }));
            }
        }
        Ok(None)
    }

    fn walk<'a>(
        &self,
        from: Type,
        parts: impl Iterator<Item = &'a str>,
    ) -> anyhow::Result<Option<u32>> {
        let mut offset = 0;
        let mut of = from;
        for part in parts {
            let (name, index) = match part.split_once('[') {
                Some((name, index)) => (name, Some(index.trim_end_matches(']').parse::<u32>()?)),
                None => (part, None),
            };
            let Some((more, mut ty)) = self.member(of, name.as_bytes())? else {
                return Ok(None);
            };
            offset += more;
            if let Some(index) = index {
                let array = self.plain(ty)?;
                if array.kind != kind::ARRAY {
                    return Ok(None);
                }
                ty = self.word(array.more)?;
                offset += 8 * index * self.size(ty)?;
            }
            of = match self.plain(ty) {
                Ok(next) => next,
                // Of a type that nothing can be in.
                Err(_) => from,
            };
        }
        Ok(Some(offset))
    }
}
