//! The web server: health, versions, metrics, and a page about the state of the
//! program.
//!
//! It runs on threads of its own (`webserver.threadiness`) and only ever reads what the loop has
//! published. There is no authentication, so it listens on the loopback unless
//! it is told otherwise.

mod status;

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use log::{debug, error, info};
use tokio::sync::{Semaphore, oneshot};
use tokio_rustls::TlsAcceptor;

use crate::clock::{self, SECOND};
use crate::config::WebServer;
use crate::metrics::{Board, prometheus};
use crate::{cli, tls};

/// Connections of a thread at one time; more wait.
const CONNECTIONS: usize = 64;

/// How long a client may take for a request, or keep a connection idle.
const PATIENCE: Duration = Duration::from_secs(10);

/// The loop is healthy if it has published within this time.
const HEALTHY: u64 = 30 * SECOND;

const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=utf-8";

/// The page, with its script and style.
const PAGE: &str = include_str!("status.html");

/// A server that runs until it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    /// What was asked for: the port may have been any.
    wanted: SocketAddr,
    /// For the server that comes after this one.
    listener: TcpListener,
    /// They end when this is dropped.
    _threads: Vec<Worker>,
}

/// A thread that serves.
#[derive(Debug)]
struct Worker {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What answers are made of.
struct Site {
    settings: WebServer,
    board: Arc<Board>,
    /// What the page may load and run: itself.
    policy: HeaderValue,
}

impl Server {
    /// Listens, and answers from what is on the board. If an `old` one listens
    /// on the same address, this one goes on with its socket: nobody is refused
    /// between them.
    ///
    /// # Errors
    /// When the address is taken or the certificate cannot be used.
    pub fn start(
        settings: &WebServer,
        board: Arc<Board>,
        old: Option<&Self>,
    ) -> anyhow::Result<Self> {
        let wanted = SocketAddr::new(settings.address, settings.port);
        let listener = match old.filter(|old| old.wanted == wanted) {
            Some(old) => old.listener.try_clone(),
            None => TcpListener::bind(wanted),
        };
        let listener = listener.with_context(|| format!("webserver: cannot listen on {wanted}"))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let tls = match settings.tls {
            true => {
                let config = tls::server(&settings.certificate);
                let config = config.map_err(|error| anyhow::anyhow!("webserver: {error}"))?;
                Some(TlsAcceptor::from(Arc::new(config)))
            }
            false => None,
        };
        let site = Arc::new(Site {
            settings: settings.clone(),
            board,
            policy: policy()?,
        });
        let threads = (0..settings.threads.max(1))
            .map(|_| Worker::start(listener.try_clone()?, tls.clone(), Arc::clone(&site)));
        let threads = threads.collect::<anyhow::Result<_>>()?;
        let scheme = if settings.tls { "https" } else { "http" };
        info!("web server: {scheme}://{address}/");
        Ok(Self {
            address,
            wanted,
            listener,
            _threads: threads,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Worker {
    fn start(
        listener: TcpListener,
        tls: Option<TlsAcceptor>,
        site: Arc<Site>,
    ) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .context("webserver: cannot use the network")?;
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("web".into())
            .spawn(move || {
                runtime.spawn(serve(listener, tls, site));
                // Until the other end is dropped; what is going on then ends too.
                let _ = runtime.block_on(stopped);
            })
            .context("webserver: cannot start a thread")?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Only the scripts and styles that stand in the page itself.
fn policy() -> anyhow::Result<HeaderValue> {
    let hash = |start: &str, end: &str| {
        let (_, rest) = PAGE.split_once(start).unwrap_or_default();
        let (part, _) = rest.split_once(end).unwrap_or_default();
        let digest = ring::digest::digest(&ring::digest::SHA256, part.as_bytes());
        BASE64_STANDARD.encode(digest)
    };
    let (style, script) = (hash("<style>", "</style>"), hash("<script>", "</script>"));
    let text = format!(
        "default-src 'none'; connect-src 'self'; style-src 'sha256-{style}'; script-src \
         'sha256-{script}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors \
         'none'"
    );
    Ok(HeaderValue::from_str(&text)?)
}

async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, site: Arc<Site>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return error!("webserver: {error}"),
    };
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // No descriptor is left, for example.
                debug!("webserver: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (site, tls) = (Arc::clone(&site), tls.clone());
        tokio::spawn(async move {
            match tls {
                None => answer(TokioIo::new(stream), site).await,
                Some(tls) => {
                    let accepted = tokio::time::timeout(PATIENCE, tls.accept(stream)).await;
                    if let Ok(Ok(stream)) = accepted {
                        answer(TokioIo::new(stream), site).await;
                    }
                }
            }
            drop(permit);
        });
    }
}

async fn answer<S>(stream: S, site: Arc<Site>)
where
    S: hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
{
    let service = service_fn(move |request| {
        let response = site.respond(&request);
        async move { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(stream, service);
    if let Err(error) = connection.await {
        debug!("webserver: {error}");
    }
}

impl Site {
    fn respond(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let mut response = match self.content(request) {
            Ok((kind, text)) => with_content(StatusCode::OK, kind, text),
            Err(status) => with_content(status, "text/plain", format!("{status}\n")),
        };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, self.policy.clone());
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let sniff = HeaderValue::from_static("nosniff");
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, sniff);
        response
    }

    fn content(&self, request: &Request<Incoming>) -> Result<(&'static str, String), StatusCode> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(StatusCode::METHOD_NOT_ALLOWED);
        }
        if !self.is_meant(request) {
            return Err(StatusCode::FORBIDDEN);
        }
        match request.uri().path() {
            path if path == self.settings.health_path => match self.is_healthy() {
                true => Ok((JSON, r#"{"status": "ok"}"#.into())),
                false => Err(StatusCode::SERVICE_UNAVAILABLE),
            },
            "/versions" => Ok((JSON, cli::versions().to_string())),
            "/metrics" if self.settings.prometheus && self.board.loaded().settings.enabled => {
                Ok((prometheus::CONTENT_TYPE, prometheus::text(&self.board)))
            }
            "/" if self.settings.status_page => Ok((HTML, PAGE.into())),
            "/status" if self.settings.status_page => {
                Ok((JSON, status::json(&self.board).to_string()))
            }
            _ => Err(StatusCode::NOT_FOUND),
        }
    }

    /// Whether the request is not one that a page of somebody else makes, by a
    /// name that it lets point to this machine.
    fn is_meant(&self, request: &Request<Incoming>) -> bool {
        if !self.settings.address.is_loopback() {
            return true;
        }
        let host = request.headers().get(header::HOST);
        let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let name = name.trim_matches(['[', ']']);
        name.is_empty() || name == "localhost" || name.parse::<std::net::IpAddr>().is_ok()
    }

    fn is_healthy(&self) -> bool {
        let last = self.board.sample().time.max(self.board.identity.start);
        clock::now().saturating_sub(last) < HEALTHY
    }
}

fn with_content(status: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    use super::*;
    use crate::config;
    use crate::metrics::{Identity, Loaded, Sample};

    #[test]
    fn a_loop_that_stands_still_is_not_healthy() {
        let mut settings = config::defaults().web;
        settings.port = 0;
        let identity = Identity {
            start: clock::now() - 2 * HEALTHY,
            ..Identity::new("none")
        };
        let board = Board::new(
            identity,
            Loaded::default(),
            Default::default(),
            Arc::default(),
        );
        let board = Arc::new(board);
        let server = Server::start(&settings, Arc::clone(&board), None).unwrap();
        let ask = || {
            let mut stream = TcpStream::connect(server.address()).unwrap();
            stream.write_all(b"GET /healthz HTTP/1.0\r\n\r\n").unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            text.split(' ').nth(1).unwrap().to_owned()
        };
        assert_eq!(ask(), "503");
        let now = |time| Sample {
            time,
            ..Sample::default()
        };
        board.publish(now(clock::now()));
        assert_eq!(ask(), "200");
        board.publish(now(clock::now() - 2 * HEALTHY));
        assert_eq!(ask(), "503");
    }
}
