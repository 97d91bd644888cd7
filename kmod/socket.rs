// SPDX-License-Identifier: GPL-2.0-only

//! Sockets and their addresses.

use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use kernel::bindings;
use kernel::prelude::*;

use crate::abi::event::sockaddr::{INET, INET6, UNIX};
use crate::file::OpenFile;
use crate::record::Filled;
use crate::shim::{self, Ends};
use crate::user;

/// Size of the kernel's `struct sockaddr_storage`.
const STORAGE: usize = 128;

/// The socket that an open file is.
pub(crate) struct Socket<'a>(NonNull<bindings::socket>, PhantomData<&'a OpenFile>);

impl<'a> Socket<'a> {
    /// The socket of a file, if it is one.
    #[inline]
    pub(crate) fn of_file(file: &'a OpenFile) -> Option<Self> {
        // SAFETY: The file is valid, and with it the socket, for as long as
        // it is borrowed.
        let socket = NonNull::new(unsafe { shim::falco_socket_of(file.as_ptr()) })?;
        Some(Self(socket, PhantomData))
    }

    /// Both ends of an internet socket, and the family.
    fn ends(&self) -> (u16, Ends) {
        let mut ends = Ends::default();
        // SAFETY: The socket is valid, so it has its `sk`.
        let family = unsafe { shim::falco_inet_ends(self.0.as_ptr(), &mut ends) };
        (family, ends)
    }

    /// The ports of an internet socket: its own and the other one.
    pub(crate) fn ports(&self) -> Option<(u16, u16)> {
        match self.ends() {
            (0, _) => None,
            (_, ends) => Some((ends.local_port, ends.remote_port)),
        }
    }

    /// The address of one end, if it has one.
    fn address<'r>(
        &self,
        peer: bool,
        ends: &(u16, Ends),
        room: &'r mut Room,
    ) -> Option<Address<'r>> {
        let (family, ends) = ends;
        let (bytes, port) = if peer {
            (&ends.remote, ends.remote_port)
        } else {
            (&ends.local, ends.local_port)
        };
        match family {
            0 => self.named_address(peer, room),
            // Also of a connection that is only being made.
            _ if peer && port == 0 => None,
            2 => {
                let mut address = [0; 6];
                address[..4].copy_from_slice(&bytes[..4]);
                address[4..].copy_from_slice(&port.to_ne_bytes());
                Some(Address::Inet(address))
            }
            _ => {
                let mut address = [0; 18];
                address[..16].copy_from_slice(bytes);
                address[16..].copy_from_slice(&port.to_ne_bytes());
                Some(Address::Inet6(address))
            }
        }
    }

    /// The same as the family tells it.
    #[inline(never)]
    fn named_address<'r>(&self, peer: bool, room: &'r mut Room) -> Option<Address<'r>> {
        let socket = self.0.as_ptr();
        let to = room.0.as_mut_ptr().cast::<bindings::sockaddr>();
        // SAFETY: The socket is valid; the room is as large as any address. May sleep.
        let len = unsafe {
            if peer {
                bindings::kernel_getpeername(socket, to)
            } else {
                bindings::kernel_getsockname(socket, to)
            }
        };
        let raw = room.0.get(..usize::try_from(len).ok()?.min(STORAGE))?;
        // SAFETY: The kernel has written that many bytes.
        Some(Address::parse(unsafe {
            &*(core::ptr::from_ref(raw) as *const [u8])
        }))
    }

    /// Writes both ends: first that of the client (`local_first`: ours).
    pub(crate) fn tuple(&self, local_first: bool, to: &mut [u8]) -> Filled {
        self.tuple_with(&[], local_first, to)
    }

    /// The same, with the other end given as user space has it; empty: what the
    /// socket is connected to.
    pub(crate) fn tuple_with(&self, other: &[u8], local_first: bool, to: &mut [u8]) -> Filled {
        let (mut local_room, mut other_room) = (Room::new(), Room::new());
        let ends = self.ends();
        let other = if other.is_empty() {
            self.address(true, &ends, &mut other_room)
        } else {
            Some(Address::parse(other))
        };
        let (Some(local), Some(peer)) = (self.address(false, &ends, &mut local_room), other) else {
            return Filled::Nothing;
        };
        let (source, destination) = if local_first {
            (&local, &peer)
        } else {
            (&peer, &local)
        };
        encode_tuple(source, destination, to)
    }

    /// Writes the address that it is bound to.
    pub(crate) fn local(&self, to: &mut [u8]) -> Filled {
        match self.address(false, &self.ends(), &mut Room::new()) {
            Some(address) => encode_one(&address, to),
            None => Filled::Nothing,
        }
    }

    /// Its protocol.
    pub(crate) fn protocol(&self) -> u16 {
        // SAFETY: The socket is valid, so it has its `sk`.
        unsafe { shim::falco_socket_protocol(self.0.as_ptr()) }
    }

    /// Whether it has its other end for good; also of one for datagrams.
    pub(crate) fn is_connected(&self) -> bool {
        // SAFETY: The socket is valid, so it has its `sk`.
        unsafe { shim::falco_socket_connected(self.0.as_ptr()) }
    }

    /// Length and limit of the accept queue.
    pub(crate) fn queue(&self) -> (u32, u32) {
        let (mut len, mut max) = (0, 0);
        // SAFETY: The socket is valid, so it has its `sk`.
        unsafe { shim::falco_accept_queue(self.0.as_ptr(), &mut len, &mut max) };
        (len, max)
    }
}

/// Room for any address.
#[repr(align(8))]
pub(crate) struct Room([MaybeUninit<u8>; STORAGE]);

impl Room {
    /// Not written yet.
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self([const { MaybeUninit::uninit() }; STORAGE])
    }

    /// Reads what a program gave: where it is and how long, which may be nonsense.
    /// May sleep.
    pub(crate) fn read(&mut self, address: usize, len: i32) -> Option<Result<&[u8]>> {
        let len = usize::try_from(len).ok()?.min(STORAGE);
        Some(user::into(address, &mut self.0[..len]))
    }
}

/// An address in our encoding, ports in the host's order.
enum Address<'a> {
    Inet([u8; 6]),
    Inet6([u8; 18]),
    Unix(&'a [u8]),
    Other(u8),
}

impl<'a> Address<'a> {
    /// Reads a `struct sockaddr`; what is too short for its family is of no family.
    fn parse(raw: &'a [u8]) -> Self {
        let Some(&[f0, f1]) = raw.get(..2).and_then(|f| f.first_chunk()) else {
            return Self::Other(0);
        };
        let family = u16::from_ne_bytes([f0, f1]);
        let port = |at: usize| u16::from_be_bytes([raw[at], raw[at + 1]]).to_ne_bytes();
        match family {
            2 if raw.len() >= 8 => {
                let mut address = [0; 6];
                address[..4].copy_from_slice(&raw[4..8]);
                address[4..].copy_from_slice(&port(2));
                Self::Inet(address)
            }
            10 if raw.len() >= 24 => {
                let mut address = [0; 18];
                address[..16].copy_from_slice(&raw[8..24]);
                address[16..].copy_from_slice(&port(2));
                Self::Inet6(address)
            }
            1 => {
                let text = &raw[2..raw.len().min(110)];
                // An abstract name begins with a NUL and has no other end than
                // its length; a path ends at its NUL.
                let len = match text.first() {
                    Some(0) | None => text.len(),
                    Some(_) => text.iter().position(|&b| b == 0).unwrap_or(text.len()),
                };
                Self::Unix(&text[..len])
            }
            other => Self::Other(other as u8),
        }
    }
}

/// Writes one address, as user space gave it.
pub(crate) fn encode(raw: &[u8], to: &mut [u8]) -> Filled {
    encode_one(&Address::parse(raw), to)
}

fn encode_one(address: &Address<'_>, to: &mut [u8]) -> Filled {
    let mut out = Out { to, len: 0 };
    match address {
        Address::Inet(address) => {
            out.put(&[INET]);
            out.put(address);
        }
        Address::Inet6(address) => {
            out.put(&[INET6]);
            out.put(address);
        }
        Address::Unix(path) => {
            out.put(&[UNIX]);
            out.put_name(path);
        }
        Address::Other(family) => out.put(&[*family]),
    }
    Filled::Whole(out.len)
}

fn encode_tuple(source: &Address<'_>, destination: &Address<'_>, to: &mut [u8]) -> Filled {
    let mut out = Out { to, len: 0 };
    match (source, destination) {
        (Address::Inet(a), Address::Inet(b)) => {
            out.put(&[INET]);
            out.put(a);
            out.put(b);
        }
        (Address::Inet6(a), Address::Inet6(b)) => {
            out.put(&[INET6]);
            out.put(a);
            out.put(b);
        }
        (Address::Unix(a), Address::Unix(b)) => {
            // The kernel's pointers, which Falco prints, stay in the kernel.
            out.put(&[UNIX]);
            out.put(&[0; 16]);
            out.put_name(if b.is_empty() { a } else { b });
        }
        _ => return Filled::Nothing,
    }
    Filled::Whole(out.len)
}

struct Out<'a> {
    to: &'a mut [u8],
    len: usize,
}

impl Out<'_> {
    /// Bytes of a length that the compiler knows: moves instead of a call.
    #[inline(always)]
    fn put<const N: usize>(&mut self, bytes: &[u8; N]) {
        match self
            .to
            .get_mut(self.len..)
            .and_then(<[u8]>::first_chunk_mut)
        {
            Some(room) => {
                *room = *bytes;
                self.len += N;
            }
            None => self.put_name(bytes),
        }
    }

    /// Bytes of any length; what there is no room for is left out.
    fn put_name(&mut self, bytes: &[u8]) {
        let n = bytes.len().min(self.to.len() - self.len);
        self.to[self.len..self.len + n].copy_from_slice(&bytes[..n]);
        self.len += n;
    }
}
