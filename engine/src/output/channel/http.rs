//! Alerts posted to a web server.
//!
//! One connection is used for one request after the other, and made anew when
//! it breaks. A request that got no answer is made again, so that a server can
//! see an alert twice, but none is lost while there is room in the queue.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use nix::sys::socket::{setsockopt, sockopt};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::{Channel, Failure, Opened, Written};
use crate::config::{HttpOutput, Outputs as Settings};
use crate::output::format::Line;
use crate::tls::{self, Trust};

/// Longest answer that is read.
const MAX_ANSWER: usize = 64 << 10;

/// Seconds until an idle connection is probed, and between two probes.
const PROBE: u32 = 60;

pub(super) fn open(settings: &Settings) -> Result<Opened, String> {
    let http = &settings.http;
    let target = Target::new(&http.url)?;
    let tls = match target.secure {
        true => Some(TlsConnector::from(Arc::new(client_config(http)?))),
        false => None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(|error| format!("cannot use the network: {error}"))?;
    let client = Client {
        headers: headers(http, &target, settings.format.json)?,
        target,
        tls,
        connection: None,
        limit: Duration::from_millis(settings.timeout_ms),
        batch: http.batch.max(1),
        alone: 0,
        retries: http.retries,
        timeouts: 0,
        keep_alive: http.keep_alive,
        compress: http.compress,
        echo: http.echo,
    };
    let channel = Http {
        runtime,
        client: Arc::new(Mutex::new(client)),
    };
    Ok(Opened {
        channel: Box::new(channel),
        away: None,
    })
}

fn client_config(http: &HttpOutput) -> Result<rustls::ClientConfig, String> {
    let trust = match (http.insecure, &http.ca_cert, &http.ca_bundle) {
        (true, ..) => Trust::Anybody,
        (false, Some(file), _) | (false, None, Some(file)) => Trust::File(file.clone()),
        (false, None, None) => Trust::Directory(http.ca_path.clone()),
    };
    let identity = (&*http.client_cert, &*http.client_key);
    tls::client(&trust, http.mtls.then_some(identity))
}

fn headers(http: &HttpOutput, target: &Target, json: bool) -> Result<HeaderMap, String> {
    let value = |text: &str| {
        HeaderValue::from_str(text).map_err(|_| format!("`{text}` cannot be a header"))
    };
    let mut headers = HeaderMap::new();
    headers.insert(HOST, value(&target.authority)?);
    headers.insert(hyper::header::USER_AGENT, value(&http.user_agent)?);
    let kind = if json {
        "application/json"
    } else {
        "text/plain"
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if http.compress {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    for (name, text) in &http.headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        let name = name.map_err(|_| "a header has no name".to_owned())?;
        headers.insert(name, value(text)?);
    }
    Ok(headers)
}

/// Where alerts are posted to.
struct Target {
    secure: bool,
    host: String,
    port: u16,
    authority: String,
    path: Uri,
}

impl Target {
    fn new(url: &str) -> Result<Self, String> {
        let wrong = |what: &str| format!("the url `{url}` {what}");
        let uri: Uri = url
            .parse()
            .map_err(|error| wrong(&format!("is wrong: {error}")))?;
        let (secure, port) = match uri.scheme_str() {
            Some("https") => (true, 443),
            Some("http") => (false, 80),
            _ => return Err(wrong("must begin with http:// or https://")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("must not contain a user: use http_output.headers"));
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            secure,
            // An IPv6 address stands in brackets.
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(port),
            authority: authority.to_string(),
            path: path
                .parse()
                .map_err(|error| wrong(&format!("is wrong: {error}")))?,
        })
    }
}

struct Http {
    runtime: Runtime,
    client: Arc<Mutex<Client>>,
}

impl Channel for Http {
    fn write(&mut self, lines: &[Arc<Line>]) -> Written {
        // As a task beside that of the connection: they wake each other without a
        // look at the network in between, which whoever blocks on the runtime would
        // have to take for each request.
        let (client, lines) = (Arc::clone(&self.client), lines.to_vec());
        let task = async move { client.lock().await.write(&lines).await };
        let task = self.runtime.spawn(task);
        self.runtime.block_on(task).unwrap_or_else(|error| Written {
            done: 0,
            failure: Some(Failure::wait(error.to_string())),
        })
    }

    fn reopen(&mut self) {
        self.client.blocking_lock().connection = None;
    }
}

struct Client {
    target: Target,
    headers: HeaderMap,
    tls: Option<TlsConnector>,
    connection: Option<SendRequest<Full<Bytes>>>,
    /// Time for one request, the connection included.
    limit: Duration,
    /// Lines in one request.
    batch: usize,
    /// So many lines go one by one, since some of them was refused.
    alone: usize,
    retries: u8,
    /// Time-outs in a row.
    timeouts: u8,
    keep_alive: bool,
    compress: bool,
    echo: bool,
}

/// Why a request failed.
enum Error {
    /// No answer in time.
    Timeout,
    /// No connection, or it broke.
    Connection(String),
    /// The server does not want this request, now or ever.
    Status(StatusCode),
}

impl Client {
    async fn write(&mut self, lines: &[Arc<Line>]) -> Written {
        let mut done = 0;
        while done < lines.len() {
            let count = match self.alone {
                0 => self.batch.min(lines.len() - done),
                _ => 1,
            };
            let body = self.body(&lines[done..done + count]);
            match self.post(body).await {
                Ok(()) => {
                    self.timeouts = 0;
                    done += count;
                    self.alone = self.alone.saturating_sub(count);
                }
                Err(Error::Status(status)) if is_refusal(status) && count > 1 => {
                    self.alone = count;
                }
                Err(error) => {
                    let failure = Some(self.failure(&error));
                    return Written { done, failure };
                }
            }
        }
        Written::all(done)
    }

    fn failure(&mut self, error: &Error) -> Failure {
        let url = format!("{}{}", self.target.authority, self.target.path);
        match error {
            Error::Timeout if self.timeouts < self.retries => {
                self.timeouts += 1;
                Failure::again()
            }
            Error::Timeout => {
                self.timeouts = 0;
                let limit = self.limit.as_millis();
                Failure::wait(format!("{url} does not answer within {limit} ms"))
            }
            Error::Connection(reason) => Failure::wait(format!("cannot post to {url}: {reason}")),
            Error::Status(status) if is_refusal(*status) => {
                self.alone = self.alone.saturating_sub(1);
                Failure::lose(format!("{url} refuses an alert: {status}"))
            }
            Error::Status(status) => Failure::wait(format!("{url} answers {status}")),
        }
    }

    fn body(&self, lines: &[Arc<Line>]) -> Bytes {
        let mut text = Vec::new();
        for (index, line) in lines.iter().enumerate() {
            if index > 0 {
                text.push(b'\n');
            }
            text.extend_from_slice(line.text().as_bytes());
        }
        if self.compress {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            // Writing to memory cannot fail.
            if encoder.write_all(&text).is_ok() {
                text = encoder.finish().unwrap_or_default();
            }
        }
        text.into()
    }

    /// Posts once; twice, if the connection was an old one that the server may
    /// have closed while nothing was to be said.
    async fn post(&mut self, body: Bytes) -> Result<(), Error> {
        let old = self.connection.is_some();
        match self.try_post(body.clone()).await {
            Err(Error::Connection(_)) if old => self.try_post(body).await,
            result => result,
        }
    }

    async fn try_post(&mut self, body: Bytes) -> Result<(), Error> {
        let connection = self.connection.take();
        let exchange = exchange(
            connection,
            &self.target,
            self.tls.as_ref(),
            self.keep_alive,
            &self.headers,
            body,
        );
        let (connection, status, answer) = match timeout(self.limit, exchange).await {
            Ok(result) => result.map_err(Error::Connection)?,
            Err(_) => return Err(Error::Timeout),
        };
        self.connection = Some(connection);
        if self.echo {
            let mut out = io::stdout().lock();
            // Who looks at the answers may have gone.
            let _ = out.write_all(&answer).and_then(|()| out.write_all(b"\n"));
        }
        match status.is_success() {
            true => Ok(()),
            false => Err(Error::Status(status)),
        }
    }
}

/// Whether the server would refuse the same again: what it says is about the
/// content, and not about the sender or the server.
fn is_refusal(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 411 | 413 | 414 | 415 | 422 | 431)
}

type Answer = (SendRequest<Full<Bytes>>, StatusCode, Bytes);

async fn exchange(
    connection: Option<SendRequest<Full<Bytes>>>,
    target: &Target,
    tls: Option<&TlsConnector>,
    keep_alive: bool,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<Answer, String> {
    let text = |error: hyper::Error| match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    let mut connection = match connection {
        Some(connection) => connection,
        None => connect(target, tls, keep_alive).await?,
    };
    connection.ready().await.map_err(text)?;
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = target.path.clone();
    *request.headers_mut() = headers.clone();
    let response = connection.send_request(request).await.map_err(text)?;
    let status = response.status();
    // Read to its end, so that the connection can be used again.
    let answer = Limited::new(response.into_body(), MAX_ANSWER)
        .collect()
        .await;
    let answer = answer.map_err(|error| format!("the answer cannot be read: {error}"))?;
    Ok((connection, status, answer.to_bytes()))
}

async fn connect(
    target: &Target,
    tls: Option<&TlsConnector>,
    keep_alive: bool,
) -> Result<SendRequest<Full<Bytes>>, String> {
    let text = |error: io::Error| error.to_string();
    let stream = TcpStream::connect((&*target.host, target.port));
    let stream = stream.await.map_err(text)?;
    stream.set_nodelay(true).map_err(text)?;
    if keep_alive {
        setsockopt(&stream, sockopt::KeepAlive, &true)
            .and_then(|()| setsockopt(&stream, sockopt::TcpKeepIdle, &PROBE))
            .and_then(|()| setsockopt(&stream, sockopt::TcpKeepInterval, &PROBE))
            .map_err(|error| error.to_string())?;
    }
    match tls {
        None => handshake(TokioIo::new(stream)).await,
        Some(tls) => {
            let name = ServerName::try_from(target.host.clone());
            let name = name.map_err(|error| error.to_string())?;
            let stream = tls.connect(name, stream).await.map_err(text)?;
            handshake(TokioIo::new(stream)).await
        }
    }
}

async fn handshake<S>(stream: S) -> Result<SendRequest<Full<Bytes>>, String>
where
    S: hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
{
    let (sender, connection) = http1::handshake(stream).await.map_err(|e| e.to_string())?;
    tokio::spawn(async move {
        // Whoever waits for an answer learns of the error as well.
        let _ = connection.await;
    });
    Ok(sender)
}
