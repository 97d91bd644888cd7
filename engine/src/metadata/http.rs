//! HTTP over a unix socket, as much of it as asking a runtime takes: a path, and
//! an answer in JSON, time and size limited.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, body::Incoming};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::endpoint::{Error, within};

/// Longest answer that is taken, in bytes.
const MAX_ANSWER: usize = 4 << 20;

impl From<hyper::Error> for Error {
    fn from(error: hyper::Error) -> Self {
        Self::protocol(error)
    }
}

/// A server behind a socket. Each request has a connection of its own: servers
/// close idle ones, and a new one costs microseconds.
pub(super) struct Client {
    path: PathBuf,
    limit: Duration,
}

impl Client {
    /// The server at the socket `path`; each answer has `limit`.
    pub(super) fn new(path: &Path, limit: Duration) -> Self {
        Self {
            path: path.to_owned(),
            limit,
        }
    }

    /// What the server has at `path`. `None`: there is no such thing.
    ///
    /// # Errors
    /// When there is no answer, or it is an error or not what was expected.
    pub(super) async fn get<Answer: DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<Option<Answer>, Error> {
        within(self.limit, async {
            let response = send(&self.path, path).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_ANSWER);
            let body = body.collect().await.map_err(Error::protocol)?.to_bytes();
            match status {
                StatusCode::OK => serde_json::from_slice(&body)
                    .map(Some)
                    .map_err(Error::protocol),
                StatusCode::NOT_FOUND => Ok(None),
                _ => {
                    let text = String::from_utf8_lossy(&body[..body.len().min(200)]);
                    Err(Error::Status(status.as_u16().into(), text.into_owned()))
                }
            }
        })
        .await
    }

    /// Gives every line that the server sends at `path` to `each`, until it ends.
    ///
    /// # Errors
    /// When there is no such stream, or it breaks.
    pub(super) async fn lines(&self, path: &str, mut each: impl FnMut(&[u8])) -> Result<(), Error> {
        let response = within(self.limit, send(&self.path, path)).await?;
        if response.status() != StatusCode::OK {
            let status = response.status();
            return Err(Error::Status(status.as_u16().into(), status.to_string()));
        }
        let mut body = response.into_body();
        let mut rest = Vec::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else {
                continue;
            };
            rest.extend_from_slice(&data);
            while let Some(end) = memchr::memchr(b'\n', &rest) {
                each(&rest[..end]);
                rest.drain(..=end);
            }
            if rest.len() > MAX_ANSWER {
                return Err(Error::protocol("a line is too long"));
            }
        }
        Ok(())
    }
}

async fn send(socket: &Path, path: &str) -> Result<hyper::Response<Incoming>, Error> {
    let stream = UnixStream::connect(socket).await.map_err(Error::Io)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        // Whoever waits for the answer learns of the error as well.
        let _ = connection.await;
    });
    let request = Request::get(path)
        .header("host", "localhost")
        .body(Empty::<Bytes>::new())
        .map_err(Error::protocol)?;
    Ok(sender.send_request(request).await?)
}
