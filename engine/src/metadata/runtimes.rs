//! Asks the runtimes of a node about containers.
//!
//! One thread with one small event loop does all of it, so that a runtime that
//! hangs, or that answers nonsense, costs this thread alone.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{Mutex, Notify, mpsc, oneshot};
use tokio::time::Instant;

use super::containerd::Containerd;
use super::cri::Cri;
use super::docker::Docker;
use super::endpoint::{Announce, Endpoint, Error, Limits};
use super::engines::{Engine, Engines};
use super::{Announced, Ask, Container, Containers, Info, Listing, Runtime, Told, files};

/// Containers that may wait to be asked for.
const QUEUE: usize = 1024;

/// When to ask about a container that no runtime knew: a runtime may tell of a
/// sandbox only after its first process has run for a while.
const RETRIES: &[Duration] = &[
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(10),
];

/// How often it is asked about after that, as long as somebody is in it. When a
/// runtime is back, those that wait ask at once.
const NOW_AND_THEN: Duration = Duration::from_secs(30);

/// How long a runtime may think before files are asked: well below the time that
/// an event waits.
const SOON: Duration = Duration::from_millis(250);

/// How long one socket is asked alone before the next one is as well.
const HEAD_START: Duration = Duration::from_millis(20);

/// Asks the runtimes.
#[derive(Debug)]
pub struct Runtimes {
    queue: mpsc::Sender<Arc<Container>>,
}

impl Ask for Runtimes {
    fn ask(&self, container: &Arc<Container>) -> bool {
        self.queue.try_send(Arc::clone(container)).is_ok()
    }
}

impl Runtimes {
    /// Starts the thread that asks, and makes `containers` ask it. Sockets and
    /// files are those below `host_root`. Where everything is in one container
    /// nobody is asked.
    ///
    /// # Errors
    /// When the thread, or what it waits with, cannot be made.
    pub fn start(
        host_root: &Path,
        engines: Engines,
        limits: Limits,
        containers: &Arc<Containers>,
    ) -> std::io::Result<()> {
        if let Some((id, info)) = engines.only() {
            containers.set_only(id, info);
            return Ok(());
        }
        let (queue, incoming) = mpsc::channel(QUEUE);
        let listing = containers.listing();
        let node = Arc::new(Node {
            host_root: host_root.to_owned(),
            sockets: Mutex::default(),
            back: Notify::new(),
            containers: Arc::downgrade(containers),
            engines,
            limits,
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        std::thread::Builder::new()
            .name("runtimes".into())
            .spawn(move || runtime.block_on(serve(incoming, node, listing)))?;
        containers.set_asker(Box::new(Self { queue }));
        Ok(())
    }
}

/// One socket.
enum Socket {
    Docker(Runtime, Endpoint<Docker>),
    Cri(Endpoint<Cri>),
    Containerd(Endpoint<Containerd>),
}

impl Socket {
    fn path(&self) -> &Path {
        match self {
            Self::Docker(_, endpoint) => endpoint.path(),
            Self::Cri(endpoint) => endpoint.path(),
            Self::Containerd(endpoint) => endpoint.path(),
        }
    }

    fn engine(&self) -> Engine {
        match self {
            Self::Docker(Runtime::Podman, _) => Engine::Podman,
            Self::Docker(..) => Engine::Docker,
            Self::Cri(_) => Engine::Cri,
            Self::Containerd(_) => Engine::Containerd,
        }
    }

    /// Kind of its containers, where all are of one.
    fn runtime(&self) -> Option<Runtime> {
        match self {
            Self::Docker(runtime, _) => Some(*runtime),
            Self::Cri(_) | Self::Containerd(_) => None,
        }
    }

    async fn listen(
        &self,
        listed: impl FnOnce(),
        connected: impl FnOnce(),
        each: &mut Announce<'_>,
    ) -> Duration {
        match self {
            Self::Docker(_, endpoint) => endpoint.listen(listed, connected, each).await,
            Self::Cri(endpoint) => endpoint.listen(listed, connected, each).await,
            Self::Containerd(endpoint) => endpoint.listen(listed, connected, each).await,
        }
    }

    async fn ask(&self, id: &str, with_size: bool) -> Result<Option<Told>, Error> {
        match self {
            Self::Docker(runtime, endpoint) => {
                let told = endpoint.ask(id, with_size).await?;
                let named = |info| Info {
                    runtime: Some(*runtime),
                    ..info
                };
                Ok(told.map(|told| told.map(named)))
            }
            Self::Cri(endpoint) => endpoint.ask(id, with_size).await,
            Self::Containerd(endpoint) => endpoint.ask(id, with_size).await,
        }
    }
}

/// The runtimes of a node.
struct Node {
    host_root: PathBuf,
    engines: Engines,
    limits: Limits,
    /// Those that were there when last looked, or always may be.
    sockets: Mutex<Vec<Arc<Socket>>>,
    /// Somebody listens at a socket where nobody did, or did not answer.
    back: Notify,
    /// Where answers go, and containers that are announced.
    containers: Weak<Containers>,
}

async fn serve(mut incoming: mpsc::Receiver<Arc<Container>>, node: Arc<Node>, listing: Listing) {
    // The first container shall not wait for a connection as well.
    node.sockets().await;
    // Each of them says for itself what runs.
    drop(listing);
    while let Some(container) = incoming.recv().await {
        tokio::spawn(ask_until_known(container, Arc::clone(&node)));
    }
}

async fn ask_until_known(container: Arc<Container>, node: Arc<Node>) {
    if !node.asks_about(container.runtime()) {
        return container.publish_unknown();
    }
    let nobody_waits = Instant::now() + node.limits.hold;
    let answers = container.whole_answers();
    let waits = RETRIES.iter().copied();
    for wait in waits.chain(std::iter::repeat(NOW_AND_THEN)) {
        // It may be back while others are asked.
        let back = node.back.notified();
        match node.ask(&container).await {
            Some(Told::All(info)) => {
                node.answer(&container, Told::All(info));
                return;
            }
            Some(told) => node.answer(&container, told),
            // The next time is early enough for whoever waits.
            None if Instant::now() + wait < nobody_waits => {}
            None => container.publish_unknown(),
        }
        let _ = tokio::time::timeout(wait, back).await;
        // It was asked about again meanwhile, since something had changed.
        if container.whole_answers() != answers {
            return;
        }
        // Only this task and the list of all containers have it: nobody is in it
        // any more.
        if Arc::strong_count(&container) <= 2 {
            container.publish_left();
            return;
        }
    }
}

impl Node {
    /// All sockets; looks for those whose place is a pattern.
    async fn sockets(self: &Arc<Self>) -> Vec<Arc<Socket>> {
        let mut sockets = self.sockets.lock().await;
        for (engine, path) in self.engines.sockets() {
            for path in files::expand(&self.host_root, &path) {
                let known = |s: &Arc<Socket>| s.engine() == engine && s.path() == path;
                if sockets.iter().any(known) {
                    continue;
                }
                let limits = self.limits;
                let docker =
                    |runtime| Socket::Docker(runtime, Endpoint::new(engine, path.clone(), limits));
                let socket = Arc::new(match engine {
                    Engine::Docker => docker(Runtime::Docker),
                    Engine::Podman => docker(Runtime::Podman),
                    Engine::Cri => Socket::Cri(Endpoint::new(engine, path, limits)),
                    Engine::Containerd => Socket::Containerd(Endpoint::new(engine, path, limits)),
                    // They have no socket.
                    Engine::Lxc | Engine::LibvirtLxc | Engine::Nspawn | Engine::Bpm => continue,
                });
                let listing = self.containers.upgrade().map(|all| all.listing());
                tokio::spawn(listen(Arc::clone(&socket), Arc::downgrade(self), listing));
                sockets.push(socket);
            }
        }
        sockets.clone()
    }

    fn answer(&self, container: &Arc<Container>, told: Told) {
        if let Some(containers) = self.containers.upgrade() {
            containers.answer(container, told.map(|info| self.engines.cut(info)));
        }
    }

    /// Whether anybody is asked who may know such a container.
    fn asks_about(&self, runtime: Runtime) -> bool {
        let mut all = Engine::ALL.iter();
        all.any(|engine| engine.may_know(runtime) && self.engines.is_enabled(*engine))
    }

    /// What whoever knows most of the container knows. Files tell less than a
    /// runtime, but at once: they count until one answers.
    async fn ask(self: &Arc<Self>, container: &Arc<Container>) -> Option<Told> {
        let runtime = container.runtime();
        let files = || {
            files::look(&self.host_root, container).map(|info| match runtime {
                // Nobody else will ever tell.
                Runtime::Lxc | Runtime::LibvirtLxc | Runtime::Nspawn | Runtime::Bpm => {
                    Told::All(info)
                }
                _ => Told::Some(info),
            })
        };
        let mut answers = self.ask_sockets(container).await;
        let mut less = None;
        match tokio::time::timeout(SOON, best(&mut answers, &mut less)).await {
            Ok(Some(told)) => return Some(told),
            Ok(None) => return less.map(Told::Some).or_else(files),
            Err(_) => {
                if let Some(early) = less.clone().map(Told::Some).or_else(files) {
                    self.answer(container, early);
                }
            }
        }
        let told = best(&mut answers, &mut less).await;
        told.or(less.map(Told::Some))
    }

    /// Asks one socket after the other until somebody knows all, but waits for none:
    /// one that hangs goes on to its time limit, for the sake of the warning.
    async fn ask_sockets(self: &Arc<Self>, container: &Container) -> mpsc::Receiver<Answer> {
        let sockets = self.sockets().await;
        let (sender, answers) = mpsc::channel(sockets.len().max(1));
        let mut last: Option<oneshot::Receiver<()>> = None;
        for socket in sockets {
            if !socket.engine().may_know(container.runtime()) {
                continue;
            }
            let (node, sender) = (Arc::clone(self), sender.clone());
            let id = container.full_id().to_owned();
            let (is_over, over) = oneshot::channel();
            let before = last.replace(over);
            tokio::spawn(async move {
                if let Some(before) = before {
                    let _ = tokio::time::timeout(HEAD_START, before).await;
                }
                // Otherwise nobody listens any more.
                if !sender.is_closed()
                    && let Some(answer) = node.ask_socket(&socket, &id).await
                {
                    let _ = sender.send(answer).await;
                }
                drop(is_over);
            });
        }
        answers
    }

    async fn ask_socket(&self, socket: &Socket, id: &str) -> Option<Answer> {
        let engine = socket.engine();
        match socket.ask(id, self.engines.wants_sizes()).await {
            // The interface of Kubernetes will know more of it.
            Ok(Some(Told::All(info)))
                if engine == Engine::Containerd
                    && info.pod.is_some()
                    && self.engines.is_enabled(Engine::Cri) =>
            {
                Some(Answer::Less(info))
            }
            Ok(told) => told.map(Answer::Best),
            Err(error) => {
                log::debug!("{}: {error}", socket.path().display());
                None
            }
        }
    }
}

/// What one socket answers.
enum Answer {
    /// Nobody else knows more.
    Best(Told),
    /// Another socket will know more.
    Less(Info),
}

/// Waits for the answer of whoever knows most; what others tell meanwhile is put
/// into `less`. `None`: nobody knows more than that.
async fn best(answers: &mut mpsc::Receiver<Answer>, less: &mut Option<Info>) -> Option<Told> {
    while let Some(answer) = answers.recv().await {
        match answer {
            Answer::Best(told) => return Some(told),
            Answer::Less(info) => *less = Some(info),
        }
    }
    None
}

/// Says which containers run, and asks about others when the runtime says that it
/// made them: their first process, and perhaps their last, is yet to come.
async fn listen(socket: Arc<Socket>, node: Weak<Node>, listing: Option<Listing>) {
    let mut listing = listing;
    loop {
        let Some(containers) = node.upgrade().map(|node| node.containers.clone()) else {
            return;
        };
        let mut announce = |id: &str, runtime: Option<Runtime>, what: Announced| {
            let runtime = runtime.or(socket.runtime());
            if let (Some(containers), Some(runtime)) = (containers.upgrade(), runtime) {
                containers.announce(id, runtime, what);
            }
        };
        let connected = || {
            if let Some(node) = node.upgrade() {
                node.back.notify_waiters();
            }
        };
        let listed = || drop(listing.take());
        let rest = socket.listen(listed, connected, &mut announce).await;
        if containers.strong_count() == 0 {
            return;
        }
        tokio::time::sleep(rest).await;
    }
}
