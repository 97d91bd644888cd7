// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Sockets and their addresses.

use aya_ebpf::helpers::generated as helper;
use falco_abi::ebpf::At;
use falco_abi::event::sockaddr::{INET, INET6, UNIX};
use falco_abi::record::flag;

use crate::kernel::{Window, at, bounded, field, has, opaque, pointer, two_pointers, user};
use crate::record::Scratch;

/// Size of the kernel's `struct sockaddr_storage`.
const STORAGE: u64 = 128;
/// Longest path of a unix socket.
const UNIX_PATH: u64 = 108;
/// The kernel's `S_IFSOCK`, shifted down.
const SOCKET_KIND: u64 = 12;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const AF_UNIX: u16 = 1;
const TCP_ESTABLISHED: u8 = 1;

/// The `struct sock` of a file of this kind, or 0; `socket` is what it is for its file
/// system, if that is known.
#[inline(always)]
pub fn of_file(file: u64, kind: u64, socket: u64) -> u64 {
    if file == 0 || kind != SOCKET_KIND {
        return 0;
    }
    let socket = match socket {
        0 => pointer(file, At::FilePrivate),
        known => known,
    };
    // A file of this kind that is no socket was opened for its path alone.
    if socket == 0 {
        return 0;
    }
    let [owner, sock] = two_pointers(socket, At::SocketFile, At::SocketSock);
    if owner == file { sock } else { 0 }
}

/// Its protocol.
#[inline(always)]
pub fn protocol(sock: u64) -> u64 {
    u64::from(field::<u16>(sock, At::SockProtocol))
}

/// Whether it has its other end for good.
#[inline(always)]
pub fn is_connected(sock: u64) -> bool {
    field::<u8>(sock, At::SockState) == TCP_ESTABLISHED
}

/// Length of the accept queue.
#[inline(always)]
pub fn queue_len(sock: u64) -> u64 {
    u64::from(field::<u32>(sock, At::SockQueue))
}

/// Limit of the accept queue.
#[inline(always)]
pub fn queue_max(sock: u64) -> u64 {
    u64::from(field::<u32>(sock, At::SockQueueMax))
}

#[inline(always)]
fn family(sock: u64) -> u16 {
    field(sock, At::SockFamily)
}

/// The ports of an internet socket: its own and the other one.
#[inline(always)]
pub fn ports(sock: u64) -> Option<(u16, u16)> {
    match family(sock) {
        AF_INET | AF_INET6 => Some((
            u16::from_be(field(sock, At::InetLocalPort)),
            u16::from_be(field(sock, At::SockRemotePort)),
        )),
        _ => None,
    }
}

/// What most is asked of: addresses, the other port and the family.
#[inline(always)]
fn common(sock: u64) -> Window {
    Window::at(sock, At::SockRemote4)
}

/// Adds the address and port of one end of an internet socket.
#[inline(always)]
fn push_inet(scratch: &mut Scratch, sock: &Window, peer: bool) {
    let (address, port): (u32, u16) = if peer {
        (sock.field(At::SockRemote4), sock.field(At::SockRemotePort))
    } else {
        let bound = match sock.field(At::SockLocal4) {
            0 => sock.field(At::InetLocal4),
            bound => bound,
        };
        (bound, sock.field(At::InetLocalPort))
    };
    scratch.push_from(&address.to_ne_bytes());
    scratch.push_from(&u16::from_be(port).to_ne_bytes());
}

/// The same with addresses of 16 bytes.
#[inline(always)]
fn push_inet6(scratch: &mut Scratch, sock: u64, peer: bool) {
    let (address, port) = if !has(At::SockLocal6) {
        ([0; 16], At::InetLocalPort)
    } else if peer {
        (field::<[u8; 16]>(sock, At::SockRemote6), At::SockRemotePort)
    } else {
        let bound = field::<[u8; 16]>(sock, At::SockLocal6);
        let more = pointer(sock, At::InetIpv6);
        let bound = if bound == [0; 16] && more != 0 {
            field(more, At::Ipv6Local)
        } else {
            bound
        };
        (bound, At::InetLocalPort)
    };
    scratch.push_from(&address);
    scratch.push_from(&u16::from_be(field(sock, port)).to_ne_bytes());
}

/// Adds the path of a unix socket, without the NUL of one in the file system. The
/// length is returned.
#[inline(always)]
fn push_unix(scratch: &mut Scratch, sock: u64) -> u64 {
    let address = pointer(sock, At::UnixAddress);
    if sock == 0 || address == 0 || scratch.is_full() {
        return 0;
    }
    // With the family; and of a path with its NUL.
    let len = u64::from(field::<u32>(address, At::UnixAddressLen)).wrapping_sub(2);
    if len == 0 || len > UNIX_PATH + 1 {
        return 0;
    }
    let len = bounded::<0x7F>(len);
    let name = address.wrapping_add(at(At::UnixAddressName)) + 2;
    // SAFETY: At most 127 bytes, for which there is room.
    unsafe { helper::bpf_probe_read_kernel(scratch.end().cast(), len as u32, name as *const _) };
    let len = path_len(scratch, len);
    scratch.len += len;
    len
}

/// Length of the unix path that has just been written at the end, of `len` bytes: one
/// in the file system ends at its NUL, an abstract name begins with one and has no
/// other end than its length.
#[inline(always)]
fn path_len(scratch: &mut Scratch, len: u64) -> u64 {
    let mut len = len;
    if len > UNIX_PATH {
        len = UNIX_PATH;
    }
    let start = scratch.len;
    if scratch.byte(start) == 0 {
        return len;
    }
    for i in 1..UNIX_PATH {
        if i >= len || scratch.byte(start + i) == 0 {
            return i;
        }
    }
    UNIX_PATH
}

/// Writes the address that a socket is bound to as a parameter.
#[inline(never)]
pub fn local(scratch: &mut Scratch, sock: u64) -> u64 {
    let start = scratch.len;
    let common = common(sock);
    match common.field(At::SockFamily) {
        AF_INET => {
            scratch.push(INET);
            push_inet(scratch, &common, false);
        }
        AF_INET6 => {
            scratch.push(INET6);
            push_inet6(scratch, sock, false);
        }
        AF_UNIX => {
            scratch.push(UNIX);
            push_unix(scratch, sock);
        }
        other => scratch.push(other as u8),
    }
    scratch.len.wrapping_sub(start)
}

/// Writes both ends of a socket at the end of the record: first that of the client
/// (`local_first`: ours). Its length, or 0 when there is no such pair.
#[inline(never)]
pub fn tuple(scratch: &mut Scratch, sock: u64, local_first: u64) -> u64 {
    let start = scratch.len;
    let common = common(sock);
    match common.field(At::SockFamily) {
        family @ (AF_INET | AF_INET6) => {
            // Also of a connection that is only being made.
            if common.field::<u16>(At::SockRemotePort) == 0 {
                return 0;
            }
            if family == AF_INET {
                scratch.push(INET);
                push_inet(scratch, &common, local_first == 0);
                push_inet(scratch, &common, local_first != 0);
            } else {
                scratch.push(INET6);
                push_inet6(scratch, sock, local_first == 0);
                push_inet6(scratch, sock, local_first != 0);
            }
        }
        AF_UNIX => {
            let peer = pointer(sock, At::UnixPeer);
            if peer == 0 {
                return 0;
            }
            scratch.push(UNIX);
            scratch.push_from(&[0u8; 16]);
            // That of the destination, or else the other one.
            let (first, second) = if local_first != 0 {
                (peer, sock)
            } else {
                (sock, peer)
            };
            if push_unix(scratch, first) == 0 {
                push_unix(scratch, second);
            }
        }
        _ => return 0,
    }
    scratch.len.wrapping_sub(start)
}

/// The first bytes of a `struct sockaddr` in the program's memory.
#[derive(Clone, Copy)]
struct Given {
    family: u16,
    /// In the host's order.
    port: [u8; 2],
    address4: [u8; 4],
}

impl Given {
    /// Those of one of `len` bytes; what is too short for its family is of no family. `None`
    /// where it cannot be read.
    #[inline(always)]
    fn read(address: u64, len: u64) -> Option<Self> {
        let mut raw = [0; 8];
        if len >= 8 {
            raw = user::<[u8; 8]>(address)?;
        } else if len >= 2 {
            let [a, b] = user::<[u8; 2]>(address)?;
            raw = [a, b, 0, 0, 0, 0, 0, 0];
        }
        let [first, second, high, low, address4 @ ..] = raw;
        Some(Self {
            family: u16::from_ne_bytes([first, second]),
            port: u16::from_be_bytes([high, low]).to_ne_bytes(),
            address4,
        })
    }
}

/// Adds the path of a `struct sockaddr_un` of `len` bytes.
#[inline(always)]
fn push_given_unix(scratch: &mut Scratch, address: u64, len: u64) -> u64 {
    let mut len = opaque(len.wrapping_sub(2));
    if len > UNIX_PATH {
        len = UNIX_PATH;
    }
    if len == 0 || scratch.is_full() {
        return 0;
    }
    // SAFETY: At most 108 bytes, for which there is room.
    unsafe {
        helper::bpf_probe_read_user(
            scratch.end().cast(),
            bounded::<0x7F>(len) as u32,
            (address + 2) as *const _,
        );
    }
    let len = path_len(scratch, len);
    scratch.len += len;
    len
}

/// Length of an address as the kernel takes it.
#[inline(always)]
fn given_len(len: i32) -> u64 {
    if len < 0 {
        0
    } else if len as u64 > STORAGE {
        STORAGE
    } else {
        len as u64
    }
}

/// Writes an address of the program's memory at the end of the record; its length.
#[inline(never)]
pub fn given(scratch: &mut Scratch, address: u64, len: i32) -> u64 {
    let start = scratch.len;
    let len = given_len(len);
    let Some(given) = Given::read(address, len) else {
        scratch.mark(flag::FAULT);
        return 0;
    };
    match given.family {
        AF_INET if len >= 8 => {
            scratch.push(INET);
            scratch.push_from(&given.address4);
            scratch.push_from(&given.port);
        }
        AF_INET6 if len >= 24 => {
            scratch.push(INET6);
            scratch.push_from(&user::<[u8; 16]>(address + 8).unwrap_or_default());
            scratch.push_from(&given.port);
        }
        AF_UNIX => {
            scratch.push(UNIX);
            push_given_unix(scratch, address, len);
        }
        other => scratch.push(other as u8),
    }
    scratch.len.wrapping_sub(start)
}

/// The same for both ends of a socket, of which the other one was given; `sends`: the
/// other one is the destination.
#[inline(never)]
pub fn tuple_with(scratch: &mut Scratch, sock: u64, address: u64, len: i32, sends: u64) -> u64 {
    let start = scratch.len;
    let len = given_len(len);
    let Some(given) = Given::read(address, len) else {
        scratch.mark(flag::FAULT);
        return 0;
    };
    let common = common(sock);
    if given.family != common.field::<u16>(At::SockFamily) {
        return 0;
    }
    match given.family {
        AF_INET if len >= 8 => {
            scratch.push(INET);
            if sends != 0 {
                push_inet(scratch, &common, false);
            }
            scratch.push_from(&given.address4);
            scratch.push_from(&given.port);
            if sends == 0 {
                push_inet(scratch, &common, false);
            }
        }
        AF_INET6 if len >= 24 => {
            scratch.push(INET6);
            if sends != 0 {
                push_inet6(scratch, sock, false);
            }
            scratch.push_from(&user::<[u8; 16]>(address + 8).unwrap_or_default());
            scratch.push_from(&given.port);
            if sends == 0 {
                push_inet6(scratch, sock, false);
            }
        }
        AF_UNIX => {
            scratch.push(UNIX);
            scratch.push_from(&[0u8; 16]);
            // The path of the destination, or else of the source.
            if sends != 0 {
                if push_given_unix(scratch, address, len) == 0 {
                    push_unix(scratch, sock);
                }
            } else if push_unix(scratch, sock) == 0 {
                push_given_unix(scratch, address, len);
            }
        }
        _ => return 0,
    }
    scratch.len.wrapping_sub(start)
}
