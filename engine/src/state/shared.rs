//! Bytes that never change, and that many threads have in common.

use std::ops::Deref;

use triomphe::ThinArc;

use super::grown;

/// Such bytes. A copy refers to the same ones; nothing is kept of empty ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shared(Option<ThinArc<(), u8>>);

impl Deref for Shared {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |bytes| &bytes.slice)
    }
}

impl From<&[u8]> for Shared {
    fn from(bytes: &[u8]) -> Self {
        let some = !bytes.is_empty();
        grown::add(bytes.len());
        Self(some.then(|| ThinArc::from_header_and_slice((), bytes)))
    }
}

impl<const N: usize> From<[u8; N]> for Shared {
    fn from(bytes: [u8; N]) -> Self {
        bytes.as_slice().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_bytes() {
        let bytes = Shared::from(&b"abc"[..]);
        assert_eq!((&*bytes, &bytes), (&b"abc"[..], &bytes.clone()));
        assert!(Shared::from(&b""[..]).0.is_none() && Shared::default().is_empty());
        assert_eq!(size_of::<Shared>(), 8);
    }
}
