//! A runtime's socket: the connection is made when something is asked, and after
//! an error not again for a while.

use std::fmt;
use std::future::{Future, poll_fn};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{Mutex, Notify, Semaphore};
use tokio::time::Instant;

use super::engines::Engine;
use super::{Announced, Runtime, Told};

/// Questions that one runtime is asked at a time.
const AT_A_TIME: usize = 8;

/// How long a runtime that announces nothing is not asked to again.
const NOT_ANNOUNCED: Duration = Duration::from_secs(30);

/// Why there is no answer.
#[derive(Debug)]
pub enum Error {
    /// The socket.
    Io(std::io::Error),
    /// The connection, or what the other side says does not fit the protocol.
    Protocol(String),
    /// The other side answered with an error.
    Status(u32, String),
    /// No answer in time.
    Timeout,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::Protocol(what) => f.write_str(what),
            Self::Status(code, message) => write!(f, "error {code}: {message}"),
            Self::Timeout => f.write_str("no answer in time"),
        }
    }
}

impl std::error::Error for Error {}

impl Error {
    /// What the other side said makes no sense.
    pub fn protocol(what: impl fmt::Display) -> Self {
        Self::Protocol(what.to_string())
    }
}

/// The answer, or [`Error::Timeout`] when it is not there within `limit`.
///
/// # Errors
/// Those of the answer, and that it is late.
pub async fn within<T>(
    limit: Duration,
    answer: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    tokio::time::timeout(limit, answer)
        .await
        .unwrap_or(Err(Error::Timeout))
}

/// Time limits.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For connecting, and for each answer.
    pub answer: Duration,
    /// How long a socket is left alone after a first error; doubles each time.
    pub rest: Duration,
    /// How long it is left alone at most.
    pub longest_rest: Duration,
    /// How often it is tried to hear of new containers.
    pub listen: Duration,
    /// How long whoever waits for an answer does so: until then a container that no
    /// runtime knows may still become known.
    pub hold: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(2),
            rest: Duration::from_millis(100),
            longest_rest: Duration::from_secs(5),
            listen: Duration::from_secs(2),
            hold: Duration::from_millis(500),
        }
    }
}

/// What a runtime is asked through.
pub trait Api: Sized + Send + Sync + 'static {
    /// Connects to the socket at `path`, and hears that it answers: one that hangs
    /// takes connections as well. Each answer has `limit`.
    fn connect(path: &Path, limit: Duration) -> impl Future<Output = Result<Self, Error>> + Send;

    /// What the runtime knows of the container, and its size if that is wanted.
    /// `None`: nothing.
    fn ask(
        &self,
        id: &str,
        with_size: bool,
    ) -> impl Future<Output = Result<Option<Told>, Error>> + Send;

    /// Tells `each` of every container that runs.
    fn list(&self, each: &mut Announce<'_>) -> impl Future<Output = Result<(), Error>> + Send;

    /// Tells `each` of every container that is made, started or named anew, until
    /// the runtime ends.
    fn watch(&self, each: &mut Announce<'_>) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Takes the id of a container that is announced, its kind where the socket does
/// not tell that already, and what is said of it.
pub type Announce<'a> = dyn FnMut(&str, Option<Runtime>, Announced) + Send + 'a;

/// One socket.
pub struct Endpoint<A> {
    engine: Engine,
    path: PathBuf,
    limits: Limits,
    /// Those who ask. A runtime that hangs keeps only its own waiting.
    turns: Semaphore,
    /// Whoever listens is told when the connection has ended or does not answer any
    /// more: one that announces nothing does not show it.
    lost: Notify,
    state: Mutex<State<A>>,
}

struct State<A> {
    connection: Option<Arc<A>>,
    /// It has answered once.
    was_there: bool,
    errors: u32,
    rests_until: Option<Instant>,
}

impl<A> State<A> {
    /// Whether this is the connection.
    fn is(&self, other: &Arc<A>) -> bool {
        let mut connection = self.connection.iter();
        connection.any(|connection| Arc::ptr_eq(connection, other))
    }
}

/// For the log: engines may share a socket.
impl<A> fmt::Display for Endpoint<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.path.display(), self.engine.name())
    }
}

impl<A: Api> Endpoint<A> {
    /// The socket of an engine at `path`, which need not be there yet.
    pub fn new(engine: Engine, path: PathBuf, limits: Limits) -> Self {
        Self {
            engine,
            path,
            limits,
            turns: Semaphore::new(AT_A_TIME),
            lost: Notify::new(),
            state: Mutex::new(State {
                connection: None,
                was_there: false,
                errors: 0,
                rests_until: None,
            }),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `None`: it rests, or nobody listens.
    ///
    /// # Errors
    /// When the connection fails.
    pub async fn connection(&self) -> Result<Option<Arc<A>>, Error> {
        let mut state = self.state.lock().await;
        if let Some(connection) = &state.connection {
            return Ok(Some(Arc::clone(connection)));
        }
        if state.rests_until.is_some_and(|end| Instant::now() < end) {
            return Ok(None);
        }
        // A runtime that is not installed is no error; one that was there is missed.
        if !self.path.exists() {
            if state.was_there {
                self.complain(&state, &"the socket is gone");
                state.errors = state.errors.max(1);
            }
            return Ok(None);
        }
        let connected = within(
            self.limits.answer,
            A::connect(&self.path, self.limits.answer),
        );
        match connected.await {
            Ok(connection) => {
                let connection = Arc::new(connection);
                state.connection = Some(Arc::clone(&connection));
                state.was_there = true;
                Ok(Some(connection))
            }
            Err(error) => {
                self.rest(&mut state, &error);
                Err(error)
            }
        }
    }

    fn rest(&self, state: &mut State<A>, error: &Error) {
        self.leave(state);
        let rest = self.limits.rest * 2_u32.saturating_pow(state.errors.min(16));
        let rest = rest.min(self.limits.longest_rest);
        state.rests_until = Some(Instant::now() + rest);
        self.complain(state, error);
        state.errors = state.errors.saturating_add(1);
    }

    fn complain(&self, state: &State<A>, what: &dyn fmt::Display) {
        // Once is news; that it goes on is not.
        if state.errors == 0 {
            log::warn!("container runtime at {self}: {what}");
        }
    }

    /// Notes what came of a question over this connection.
    async fn note<T>(&self, connection: &Arc<A>, answer: &Result<T, Error>) {
        let mut state = self.state.lock().await;
        match answer {
            Ok(_) => {
                if state.errors > 0 {
                    log::info!("container runtime at {self} answers again");
                }
                state.errors = 0;
            }
            // An answer, though a bad one.
            Err(Error::Status(..)) => {}
            // It is one error, however many wait for the same connection.
            Err(error) => {
                if state.is(connection) {
                    self.rest(&mut state, error);
                }
            }
        }
    }

    /// Makes a connection anew where it is this one, which has ended.
    async fn forget(&self, ended: &Arc<A>) {
        let mut state = self.state.lock().await;
        if state.is(ended) {
            self.leave(&mut state);
        }
    }

    fn leave(&self, state: &mut State<A>) {
        if state.connection.take().is_some() {
            self.lost.notify_waiters();
        }
    }

    /// What the runtime knows of the container. `None`: nothing, or nobody listens.
    ///
    /// # Errors
    /// When it does not answer, or says that something is wrong.
    pub async fn ask(&self, id: &str, with_size: bool) -> Result<Option<Told>, Error> {
        let Ok(_turn) = self.turns.acquire().await else {
            return Ok(None);
        };
        let old = self.state.lock().await.connection.is_some();
        let Some(mut connection) = self.connection().await? else {
            return Ok(None);
        };
        let mut answer = connection.ask(id, with_size).await;
        // The runtime may have been started anew since the connection was made.
        if old && matches!(answer, Err(Error::Io(_) | Error::Protocol(_))) {
            self.forget(&connection).await;
            connection = match self.connection().await? {
                Some(connection) => connection,
                None => return Ok(None),
            };
            answer = connection.ask(id, with_size).await;
        }
        self.note(&connection, &answer).await;
        answer
    }

    /// Tells `each` of the containers that run and then of new ones, until the
    /// connection ends or does not answer any more. `listed` is told when all that
    /// run were told, or nobody listens, and `connected` when somebody does. How
    /// long to leave it at that.
    pub async fn listen(
        &self,
        listed: impl FnOnce(),
        connected: impl FnOnce(),
        each: &mut Announce<'_>,
    ) -> Duration {
        let lost = self.lost.notified();
        // An error was logged, and the connection is tried again.
        let Ok(Some(connection)) = self.connection().await else {
            listed();
            return self.limits.listen;
        };
        // Both over the same connection, so that a runtime that is back is always asked
        // for its list first.
        let list = connection.list(each).await;
        if let Err(error) = &list {
            log::debug!("containers of {self}: {error}");
        }
        self.note(&connection, &list).await;
        listed();
        connected();
        let mut lost = pin!(lost);
        let ended = {
            let mut announcements = pin!(connection.watch(each));
            poll_fn(|context| match lost.as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(Err(Error::Timeout)),
                Poll::Pending => announcements.as_mut().poll(context),
            })
            .await
        };
        log::debug!("announcements of {self}: {ended:?}");
        if let Err(Error::Status(..)) = ended {
            // It does not announce any. When it is updated, it may.
            let again = Instant::now() + NOT_ANNOUNCED;
            while Instant::now() < again && self.path.exists() {
                let waited = tokio::time::timeout(self.limits.listen, lost.as_mut());
                if waited.await.is_ok() {
                    break;
                }
            }
        }
        self.forget(&connection).await;
        self.limits.listen
    }
}
