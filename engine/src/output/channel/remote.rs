//! Alerts to a log daemon on another machine, in the form of RFC 5424: in
//! datagrams, or in a stream with the length in front of each message (RFC
//! 6587, RFC 5425).
//!
//! Nobody answers, so that what the other side had not read when it went away
//! is gone, and nobody can know.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::{Channel, Failure, Opened, Written};
use crate::clock;
use crate::config::{Outputs as Settings, Transport};
use crate::output::format::{Line, hostname};
use crate::tls::{self, SYSTEM_AUTHORITIES, Trust};

/// How long a connection or a write may take.
const PATIENCE: Duration = Duration::from_millis(900);

/// Facility `user`, as with the local log daemon.
const FACILITY: u8 = 1 << 3;

/// Longest name of a rule in a message; RFC 5424 allows no more.
const MAX_ID: usize = 32;

/// Longest text of a datagram that every network takes in one piece or several.
const MAX_DATAGRAM: usize = 8192;

pub(super) fn open(settings: &Settings) -> Result<Opened, String> {
    let remote = &settings.remote_syslog;
    let Some((host, _)) = remote.address.rsplit_once(':') else {
        return Err(format!("`{}` must be host:port", remote.address));
    };
    let tls = match remote.transport {
        Transport::Tls => {
            let trust = match (remote.insecure, &remote.ca_bundle) {
                (true, _) => Trust::Anybody,
                (false, Some(file)) => Trust::File(file.clone()),
                (false, None) => Trust::Directory(SYSTEM_AUTHORITIES.into()),
            };
            let host = host.trim_matches(['[', ']']).to_owned();
            let name = ServerName::try_from(host).map_err(|error| error.to_string())?;
            Some((Arc::new(tls::client(&trust, None)?), name))
        }
        Transport::Udp | Transport::Tcp => None,
    };
    let mut channel = Remote {
        address: remote.address.clone(),
        transport: remote.transport,
        tls,
        hostname: hostname(),
        connection: None,
    };
    let away = channel.connect().err();
    let away = away.map(|error| channel.reason(&error));
    Ok(Opened {
        channel: Box::new(channel),
        away,
    })
}

struct Remote {
    address: String,
    transport: Transport,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    hostname: String,
    connection: Option<Connection>,
}

enum Connection {
    Datagrams(UdpSocket),
    Stream(TcpStream),
    Encrypted(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Channel for Remote {
    fn write(&mut self, lines: &[Arc<Line>]) -> Written {
        let (done, result) = match self.connect() {
            Ok(()) => self.try_write(lines),
            Err(error) => (0, Err(error)),
        };
        let failure = result.err().map(|error| {
            self.connection = None;
            Failure::wait(self.reason(&error))
        });
        Written { done, failure }
    }

    fn reopen(&mut self) {
        self.connection = None;
    }

    fn finish(&mut self) -> Vec<Arc<Line>> {
        if let Some(Connection::Encrypted(stream)) = &mut self.connection {
            stream.conn.send_close_notify();
            // Nobody is left to be told of an error.
            let _ = stream.flush();
        }
        Vec::new()
    }
}

impl Remote {
    fn reason(&self, error: &io::Error) -> String {
        format!("cannot send to {}: {error}", self.address)
    }

    /// Makes sure that there is a connection, and that the other side has not
    /// closed it.
    fn connect(&mut self) -> io::Result<()> {
        if self.connection.as_mut().is_some_and(Connection::is_closed) {
            self.connection = None;
        }
        if self.connection.is_none() {
            self.connection = Some(self.new_connection()?);
        }
        Ok(())
    }

    fn new_connection(&self) -> io::Result<Connection> {
        let mut problem = io::Error::other("the name has no address");
        for address in self.address.to_socket_addrs()? {
            if self.transport == Transport::Udp {
                let any = if address.is_ipv6() {
                    "[::]:0"
                } else {
                    "0.0.0.0:0"
                };
                let socket = UdpSocket::bind(any)?;
                socket.connect(address)?;
                return Ok(Connection::Datagrams(socket));
            }
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(stream) => return self.stream(stream),
                Err(error) => problem = error,
            }
        }
        Err(problem)
    }

    fn stream(&self, stream: TcpStream) -> io::Result<Connection> {
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let Some((config, name)) = &self.tls else {
            return Ok(Connection::Stream(stream));
        };
        let connection = ClientConnection::new(Arc::clone(config), name.clone());
        let connection = connection.map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Connection::Encrypted(Box::new(stream)))
    }

    fn try_write(&mut self, lines: &[Arc<Line>]) -> (usize, io::Result<()>) {
        let Some(connection) = &mut self.connection else {
            return (0, Err(io::ErrorKind::NotConnected.into()));
        };
        if let Connection::Datagrams(socket) = connection {
            for (done, line) in lines.iter().enumerate() {
                let message = message(&self.hostname, line);
                let end = message.floor_char_boundary(MAX_DATAGRAM);
                if let Err(error) = socket.send(&message.as_bytes()[..end]) {
                    return (done, Err(error));
                }
            }
            return (lines.len(), Ok(()));
        }
        // All or nothing: a connection on which a write failed is not used any
        // more, and what it took of these lines cannot be known.
        let mut bytes = Vec::new();
        for line in lines {
            let message = message(&self.hostname, line);
            bytes.extend_from_slice(format!("{} ", message.len()).as_bytes());
            bytes.extend_from_slice(message.as_bytes());
        }
        let result = match connection {
            Connection::Datagrams(_) => Ok(()),
            Connection::Stream(stream) => stream.write_all(&bytes),
            Connection::Encrypted(stream) => stream.write_all(&bytes).and_then(|()| stream.flush()),
        };
        match result {
            Ok(()) => (lines.len(), Ok(())),
            Err(error) => (0, Err(error)),
        }
    }
}

impl Connection {
    /// Whether the other side has closed it. It never has anything to say, so
    /// that its end is all that can be read.
    fn is_closed(&mut self) -> bool {
        let stream = match self {
            Self::Datagrams(_) => return false,
            Self::Stream(stream) => stream,
            Self::Encrypted(stream) => &mut stream.sock,
        };
        if stream.set_nonblocking(true).is_err() {
            return true;
        }
        let result = match self {
            Self::Datagrams(_) => return false,
            Self::Stream(stream) => stream.read(&mut [0; 256]),
            Self::Encrypted(stream) => stream.read(&mut [0; 256]),
        };
        let stream = match self {
            Self::Datagrams(_) => return false,
            Self::Stream(stream) => stream,
            Self::Encrypted(stream) => &mut stream.sock,
        };
        let blocking = stream.set_nonblocking(false);
        match result {
            Ok(0) => true,
            Ok(_) => blocking.is_err(),
            Err(error) => error.kind() != io::ErrorKind::WouldBlock || blocking.is_err(),
        }
    }
}

/// `<PRI>1 TIME HOST falco PID RULE - TEXT`.
fn message(hostname: &str, line: &Line) -> String {
    let priority = FACILITY | line.priority as u8;
    let time = clock::iso(line.time);
    // Microseconds are the finest that the form allows.
    let time = &time[..time.len() - 3];
    let mut text = format!("<{priority}>1 {time}Z ");
    name(&mut text, hostname, 255);
    let _ = write!(text, " falco {} ", std::process::id());
    name(&mut text, &line.rule, MAX_ID);
    text.push_str(" - ");
    text.push_str(line.body());
    text
}

/// Adds a name of printable characters without blanks, as the head of a
/// message wants it.
fn name(text: &mut String, name: &str, most: usize) {
    if name.is_empty() {
        return text.push('-');
    }
    let printable = |char: char| if char.is_ascii_graphic() { char } else { '_' };
    text.extend(name.chars().map(printable).take(most));
}

#[cfg(test)]
mod tests {
    use super::super::tests::line;
    use super::*;

    #[test]
    fn form() {
        let pid = std::process::id();
        assert_eq!(
            message("a host", &line("text")),
            format!("<11>1 1970-01-01T00:00:00.000000Z a_host falco {pid} r - Error text")
        );
        let mut text = String::new();
        name(&mut text, "", 5);
        name(&mut text, "ü b c d", 5);
        assert_eq!(text, "-__b_c");
    }
}
