//! Steps about sockets.

use std::net::SocketAddr;
use std::os::fd::{AsRawFd as _, OwnedFd};

use anyhow::{Context as _, ensure};
use nix::libc;
use nix::sys::socket::{
    AddressFamily, Backlog, MsgFlags, SockFlag, SockType, SockaddrLike, SockaddrStorage, UnixAddr,
    accept, bind, connect, listen, recvfrom, sendto, socket,
};

use crate::kernel::{open, read, write};
use crate::scene::{DIR, say};

fn address(text: &str) -> anyhow::Result<SockaddrStorage> {
    let address: SocketAddr = text.parse().context("no address")?;
    Ok(address.into())
}

fn made(address: &dyn SockaddrLike, kind: SockType) -> anyhow::Result<OwnedFd> {
    let family = address.family().unwrap_or(AddressFamily::Unspec);
    Ok(socket(family, kind, SockFlag::empty(), None)?)
}

/// A socket that waits for connections.
fn waiting(at: &dyn SockaddrLike) -> anyhow::Result<OwnedFd> {
    let server = made(at, SockType::Stream)?;
    bind(server.as_raw_fd(), at)?;
    listen(&server, Backlog::new(5)?)?;
    Ok(server)
}

/// Both ends of a connection: the server waits at `to`, the client is at `from`.
fn connected(from: &str, to: &str) -> anyhow::Result<(OwnedFd, OwnedFd)> {
    let (from, to) = (address(from)?, address(to)?);
    let server = waiting(&to)?;
    let client = made(&from, SockType::Stream)?;
    bind(client.as_raw_fd(), &from)?;
    connect(client.as_raw_fd(), &to)?;
    Ok((server, client))
}

fn number(fd: &OwnedFd) -> usize {
    fd.as_raw_fd() as usize
}

/// A connection of IPv4, from both sides.
pub(crate) fn tcp() -> anyhow::Result<()> {
    let (server, client) = connected("10.9.8.8:4802", "10.9.8.7:4801")?;
    let taken = accept(server.as_raw_fd())? as usize;
    write(number(&client), b"ping")?;
    read(taken, &mut [0; 16])?;
    Ok(())
}

/// A connection of IPv6.
pub(crate) fn ipv6() -> anyhow::Result<()> {
    connected("[::1]:4804", "[::1]:4803")?;
    Ok(())
}

/// A datagram, from both sides.
pub(crate) fn udp() -> anyhow::Result<()> {
    let (from, to) = (address("10.9.8.8:4806")?, address("10.9.8.7:4805")?);
    let server = made(&to, SockType::Datagram)?;
    bind(server.as_raw_fd(), &to)?;
    let client = made(&from, SockType::Datagram)?;
    bind(client.as_raw_fd(), &from)?;
    sendto(client.as_raw_fd(), b"datagram", &to, MsgFlags::empty())?;
    recvfrom::<SockaddrStorage>(server.as_raw_fd(), &mut [0; 16])?;
    Ok(())
}

/// Where nobody waits.
pub(crate) fn refused() -> anyhow::Result<()> {
    let to = address("127.0.0.1:4809")?;
    let client = made(&to, SockType::Stream)?;
    let result = connect(client.as_raw_fd(), &to);
    ensure!(result == Err(nix::errno::Errno::ECONNREFUSED), "{result:?}");
    Ok(())
}

/// Sockets with a path, and with a name that is in no file system.
pub(crate) fn unix() -> anyhow::Result<()> {
    let path = format!("{DIR}/socket");
    let addresses = [
        UnixAddr::new(path.as_str())?,
        UnixAddr::new_abstract(b"in-no-file-system")?,
    ];
    for address in addresses {
        let _server = waiting(&address)?;
        let client = made(&address, SockType::Stream)?;
        connect(client.as_raw_fd(), &address)?;
    }
    Ok(())
}

/// A line of log.
pub(crate) fn syslog() -> anyhow::Result<()> {
    let address = UnixAddr::new("/dev/log")?;
    let log = made(&address, SockType::Datagram)?;
    connect(log.as_raw_fd(), &address)?;
    let line = b"<15>fields: a line of log";
    nix::sys::socket::send(log.as_raw_fd(), line, MsgFlags::empty())?;
    Ok(())
}

/// Waits for a file and for a connection.
pub(crate) fn poll() -> anyhow::Result<()> {
    let file = open(&format!("{DIR}/dir/file"), libc::O_RDONLY)?;
    let (server, client) = connected("10.9.8.8:4808", "10.9.8.7:4807")?;
    // Both have something to read: those that have not are not told.
    write(accept(server.as_raw_fd())? as usize, b"x")?;
    let client = number(&client);
    say("poll", "nums", format_args!("{file},{client}"))?;
    say(
        "poll",
        "names",
        format_args!("{DIR}/dir/file,10.9.8.8:4808->10.9.8.7:4807"),
    )?;
    let mut wanted = [file, client].map(|fd| libc::pollfd {
        fd: fd as i32,
        events: libc::POLLIN,
        revents: 0,
    });
    // SAFETY: The array lives during the call and has this length.
    let ready = unsafe { libc::poll(wanted.as_mut_ptr(), 2, 1000) };
    ensure!(ready == 2, "{ready} are ready");
    Ok(())
}
