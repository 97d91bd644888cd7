//! Runtimes that answer over gRPC as a test says, or that do not behave.
#![allow(dead_code, unreachable_pub, reason = "not every test needs everything")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use falco_engine::metadata::endpoint::Limits;
use falco_engine::metadata::engines::{Engine, Engines};
use falco_engine::metadata::grpc::NOT_FOUND;
use falco_engine::metadata::runtimes::Runtimes;
use falco_engine::metadata::{Container, Containers, Info};
use http::{HeaderMap, HeaderValue, Response};
use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::oneshot;

/// Short ones, so that tests are.
pub const LIMITS: Limits = Limits {
    answer: Duration::from_millis(300),
    rest: Duration::from_millis(20),
    longest_rest: Duration::from_millis(100),
    listen: Duration::from_millis(20),
    // A container that nobody knows is unknown at once.
    hold: Duration::ZERO,
};

/// For what must happen.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What the runtime at a socket does with a connection.
#[derive(Clone, Copy)]
pub enum Manner {
    /// Answers.
    Well,
    /// Takes connections, says nothing.
    Hangs,
    /// Says something that is not HTTP.
    Garbage,
    /// Answers with messages that are none.
    BadMessages,
    /// Ends the connection in the middle of the second answer.
    HangsUp,
}

/// What is answered.
pub enum Reply {
    /// One message.
    Message(Bytes),
    /// These messages, and more may come.
    Stream(Vec<Bytes>),
    /// There is no such thing.
    NotFound,
}

impl From<Option<Bytes>> for Reply {
    fn from(message: Option<Bytes>) -> Self {
        message.map_or(Self::NotFound, Self::Message)
    }
}

/// From method, containerd's namespace, and request to the answer.
pub type Answer = fn(&str, &str, &[u8]) -> Reply;

/// A runtime that runs.
pub struct Server {
    /// How often it was asked about something.
    pub asked: Arc<AtomicUsize>,
    path: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    /// Ends it with all connections, and takes its socket away.
    pub fn stop(mut self) {
        let _ = self.stop.take().map(|stop| stop.send(()));
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The path of a socket, which goes with its directory.
pub struct Socket {
    path: PathBuf,
    _directory: tempfile::TempDir,
}

impl std::ops::Deref for Socket {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.path
    }
}

/// A socket of this test, which is not there yet.
pub fn socket(name: &str) -> Socket {
    let directory = tempfile::tempdir().unwrap();
    Socket {
        path: directory.path().join(format!("{name}.sock")),
        _directory: directory,
    }
}

/// Starts a runtime.
pub fn serve(path: &Path, manner: Manner, answer: Answer) -> Server {
    let asked = Arc::new(AtomicUsize::new(0));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let listener = {
        let _guard = runtime.enter();
        UnixListener::bind(path).unwrap()
    };
    let (stop, stopped) = oneshot::channel();
    let count = Arc::clone(&asked);
    let thread = std::thread::spawn(move || {
        runtime.block_on(async move {
            // All of it ends with this.
            tokio::spawn(async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    tokio::spawn(connection(stream, manner, answer, Arc::clone(&count)));
                }
            });
            // A test that lets go of it does not want it to end.
            if stopped.await.is_err() {
                std::future::pending::<()>().await;
            }
        });
    });
    Server {
        asked,
        path: path.to_owned(),
        stop: Some(stop),
        thread: Some(thread),
    }
}

async fn connection(
    mut stream: UnixStream,
    manner: Manner,
    answer: Answer,
    asked: Arc<AtomicUsize>,
) {
    match manner {
        Manner::Hangs => std::future::pending().await,
        Manner::Garbage => {
            let _ = stream.write_all(&[0xA5; 4096]).await;
            return;
        }
        _ => {}
    }
    let Ok(mut connection) = h2::server::handshake(stream).await else {
        return;
    };
    while let Some(Ok((request, respond))) = connection.accept().await {
        let path = request.uri().path().to_owned();
        let method = path.rsplit('/').next().unwrap().to_owned();
        // Whoever listens asks nothing.
        let listens = matches!(method.as_str(), "GetContainerEvents" | "Subscribe");
        if !listens {
            let count = asked.fetch_add(1, Ordering::Relaxed);
            if matches!(manner, Manner::HangsUp) && count % 2 == 1 {
                return;
            }
        }
        tokio::spawn(exchange(method, request, respond, manner, answer));
    }
}

async fn exchange(
    method: String,
    request: http::Request<h2::RecvStream>,
    mut respond: h2::server::SendResponse<Bytes>,
    manner: Manner,
    answer: Answer,
) {
    let namespace = request.headers().get("containerd-namespace").cloned();
    let namespace = namespace.map_or(String::new(), |n| n.to_str().unwrap().to_owned());
    let mut body = request.into_body();
    let mut bytes = Vec::new();
    while let Some(Ok(chunk)) = body.data().await {
        bytes.extend_from_slice(&chunk);
    }
    let reply = match manner {
        Manner::BadMessages => Reply::Message(Bytes::from_static(b"\0\0\0\0\x04\xff\xff\xff\xff")),
        _ => answer(&method, &namespace, &bytes),
    };
    let response = Response::builder().header("content-type", "application/grpc");
    let (messages, ends) = match reply {
        Reply::Message(message) => (vec![message], true),
        Reply::Stream(messages) => (messages, false),
        Reply::NotFound => {
            // As gRPC servers do it when there is nothing but an error.
            let code = HeaderValue::from(NOT_FOUND);
            let response = response.header("grpc-status", code).body(()).unwrap();
            let _ = respond.send_response(response, true);
            return;
        }
    };
    let response = response.body(()).unwrap();
    let Ok(mut stream) = respond.send_response(response, false) else {
        return;
    };
    for message in messages {
        // In pieces, as a network might cut it.
        let middle = message.len() / 2;
        let _ = stream.send_data(message.slice(..middle), false);
        let _ = stream.send_data(message.slice(middle..), false);
    }
    if !ends {
        std::future::pending::<()>().await;
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let _ = stream.send_trailers(trailers);
}

/// Containers that are asked for at these sockets alone.
pub fn containers(engine: Engine, sockets: &[&Socket]) -> Arc<Containers> {
    let paths = sockets.iter().map(|path| path.display().to_string());
    start(Path::new("/"), Engines::at(engine, paths.collect()))
}

/// Containers that these engines are asked for, below this root.
pub fn start(root: &Path, engines: Engines) -> Arc<Containers> {
    start_within(LIMITS, root, engines)
}

/// The same within other limits.
pub fn start_within(limits: Limits, root: &Path, engines: Engines) -> Arc<Containers> {
    let containers = Arc::new(Containers::new());
    Runtimes::start(root, engines, limits, &containers).unwrap();
    containers
}

/// Engines of a configuration.
pub fn engines(json: &serde_json::Value) -> Engines {
    serde_json::from_value(json.clone()).unwrap()
}

/// What is known of the container, once it is.
pub fn known(container: &Container) -> &Info {
    wait(container, |c| c.info().is_some());
    container.info().unwrap()
}

/// A map of texts.
pub fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.map(|(key, value)| (key.into(), value.into())).into()
}

/// Waits until it is so.
pub fn until(what: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !what() {
        assert!(Instant::now() < end, "nothing came");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Waits until the container is so.
pub fn wait(container: &Container, what: impl Fn(&Container) -> bool) {
    until(|| what(container));
}
