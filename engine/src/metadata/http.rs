//! HTTP as much of it as asking a runtime or an API server takes: a path, and an
//! answer in JSON, time and size limited.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, AUTHORIZATION, HOST, HeaderValue};
use hyper::{Request, StatusCode, body::Incoming};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::endpoint::{Error, within};

/// Longest answer that is taken, in bytes.
const MAX_ANSWER: usize = 4 << 20;

/// Longest token of a service account.
const MAX_TOKEN: u64 = 64 << 10;

impl From<hyper::Error> for Error {
    fn from(error: hyper::Error) -> Self {
        Self::protocol(error)
    }
}

/// Where a server is.
enum Place {
    Socket(PathBuf),
    Tls {
        host: String,
        port: u16,
        name: ServerName<'static>,
        connector: TlsConnector,
        /// The file of a token by which the server knows us. It is read each
        /// time, since it is replaced while the program runs.
        token: PathBuf,
    },
}

/// A server. Each request has a connection of its own: servers close idle ones,
/// and a new one costs microseconds, or, from an API server, little beside what
/// is asked for.
pub(super) struct Client {
    place: Place,
    limit: Duration,
}

impl Client {
    /// The server at the socket `path`; each answer has `limit`.
    pub(super) fn new(path: &Path, limit: Duration) -> Self {
        Self {
            place: Place::Socket(path.to_owned()),
            limit,
        }
    }

    /// The server at `host` and `port` behind TLS, which is shown the token in a file.
    ///
    /// # Errors
    /// When `host` is no name.
    pub(super) fn tls(
        (host, port): (&str, u16),
        tls: rustls::ClientConfig,
        token: &Path,
        limit: Duration,
    ) -> Result<Self, String> {
        let name = ServerName::try_from(host.to_owned());
        Ok(Self {
            place: Place::Tls {
                host: host.to_owned(),
                port,
                name: name.map_err(|error| format!("`{host}`: {error}"))?,
                connector: TlsConnector::from(Arc::new(tls)),
                token: token.to_owned(),
            },
            limit,
        })
    }

    /// What the server has at `path`. `None`: there is no such thing.
    ///
    /// # Errors
    /// When there is no answer, or it is an error or not what was expected.
    pub(super) async fn get<Answer: DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<Option<Answer>, Error> {
        self.get_as(path, "application/json").await
    }

    /// The same in one of several forms.
    ///
    /// # Errors
    /// When there is no answer, or it is an error or not what was expected.
    pub(super) async fn get_as<Answer: DeserializeOwned>(
        &self,
        path: &str,
        accept: &'static str,
    ) -> Result<Option<Answer>, Error> {
        let body = self.body(path, accept).await?;
        let answer = body.map(|body| serde_json::from_slice(&body).map_err(Error::protocol));
        answer.transpose()
    }

    /// The same as it came.
    ///
    /// # Errors
    /// When there is no answer, or it is an error.
    pub(super) async fn body(
        &self,
        path: &str,
        accept: &'static str,
    ) -> Result<Option<Bytes>, Error> {
        within(self.limit, async {
            let response = self.send(path, accept).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_ANSWER);
            let body = body.collect().await.map_err(Error::protocol)?.to_bytes();
            match status {
                StatusCode::OK => Ok(Some(body)),
                StatusCode::NOT_FOUND => Ok(None),
                _ => {
                    let text = String::from_utf8_lossy(&body[..body.len().min(200)]);
                    Err(Error::Status(status.as_u16().into(), text.into_owned()))
                }
            }
        })
        .await
    }

    /// The lines that the server sends at `path`, as they come.
    ///
    /// # Errors
    /// When there is no such stream.
    pub(super) async fn lines(&self, path: &str, accept: &'static str) -> Result<Lines, Error> {
        let response = within(self.limit, self.send(path, accept)).await?;
        if response.status() != StatusCode::OK {
            let status = response.status();
            return Err(Error::Status(status.as_u16().into(), status.to_string()));
        }
        Ok(Lines {
            body: response.into_body(),
            rest: Vec::new(),
        })
    }

    async fn send(
        &self,
        path: &str,
        accept: &'static str,
    ) -> Result<hyper::Response<Incoming>, Error> {
        let request = Request::get(path).header(ACCEPT, accept);
        let with = |request: hyper::http::request::Builder| {
            let request = request.body(Empty::<Bytes>::new());
            request.map_err(Error::protocol)
        };
        match &self.place {
            Place::Socket(path) => {
                let stream = UnixStream::connect(path).await.map_err(Error::Io)?;
                exchange(stream, with(request.header(HOST, "localhost"))?).await
            }
            Place::Tls {
                host,
                port,
                name,
                connector,
                token,
            } => {
                let mut request = request.header(HOST, host);
                if let Some(token) = bearer(token) {
                    request = request.header(AUTHORIZATION, token);
                }
                let request = with(request)?;
                let stream = TcpStream::connect((host.as_str(), *port)).await;
                let stream = connector.connect(name.clone(), stream.map_err(Error::Io)?);
                exchange(stream.await.map_err(Error::Io)?, request).await
            }
        }
    }
}

/// What shows the token in the file, if there is one.
fn bearer(file: &Path) -> Option<HeaderValue> {
    let is_short = fs::metadata(file).is_ok_and(|meta| meta.len() <= MAX_TOKEN);
    let token = fs::read_to_string(file).ok().filter(|_| is_short)?;
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.trim())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

async fn exchange<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    request: Request<Empty<Bytes>>,
) -> Result<hyper::Response<Incoming>, Error> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        // Whoever waits for the answer learns of the error as well.
        let _ = connection.await;
    });
    Ok(sender.send_request(request).await?)
}

/// Lines that a server sends.
pub(super) struct Lines {
    body: Incoming,
    rest: Vec<u8>,
}

impl Lines {
    /// The next one. `None`: there are no more.
    ///
    /// # Errors
    /// When the connection breaks, or the line does not end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.rest) {
                let rest = self.rest.split_off(end + 1);
                return Ok(Some(std::mem::replace(&mut self.rest, rest)));
            }
            if self.rest.len() > MAX_ANSWER {
                return Err(Error::protocol("a line is too long"));
            }
            let Some(frame) = self.body.frame().await else {
                return Ok(None);
            };
            if let Ok(data) = frame?.into_data() {
                self.rest.extend_from_slice(&data);
            }
        }
    }
}
