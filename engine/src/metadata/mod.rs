//! Containers: ids from control groups, names and images from the runtimes.
//!
//! A thread's container is one [`Container`], shared by all its threads. What a
//! runtime knows of it is put in by whichever thread asked the runtime, and is
//! read without a lock. When its first process has ended, what comes by the same
//! id is another container.

pub mod cgroup;
pub mod containerd;
pub mod cri;
mod docker;
pub mod endpoint;
pub mod engines;
mod files;
pub mod grpc;
mod http;
mod image;
pub mod kubernetes;
mod oci;
pub mod recorded;
pub mod runtimes;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockWriteGuard, Weak};
use std::time::{Duration, Instant};

use crate::state::users::Users;
pub use cgroup::Runtime;
pub(crate) use files::expand;
use kubernetes::Cluster;

/// Bytes of an id that are shown.
pub const SHORT_ID: usize = 12;

/// What a runtime knows of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// Kind of the runtime that knows it.
    pub runtime: Option<Runtime>,
    /// The whole id as it was told, if that is another than the control group's.
    pub full_id: Option<String>,
    /// Name.
    pub name: String,
    /// Image as it was asked for, with its tag.
    pub image: String,
    /// Image without tag and digest.
    pub image_repository: String,
    /// Tag of the image.
    pub image_tag: String,
    /// Digest of the image in the registry.
    pub image_digest: String,
    /// Id of the image.
    pub image_id: String,
    /// Whether it runs privileged, if that is known.
    pub privileged: Option<bool>,
    /// Labels of the container.
    pub labels: Vec<(String, String)>,
    /// Mounts.
    pub mounts: Vec<Mount>,
    /// When it was started, nanoseconds since the epoch; 0 if unknown.
    pub started: u64,
    /// Shares the pid namespace of the host, if that is known.
    pub host_pid: Option<bool>,
    /// Shares the network of the host, if that is known.
    pub host_network: Option<bool>,
    /// Shares the IPC namespace of the host, if that is known.
    pub host_ipc: Option<bool>,
    /// Primary address of a container without a pod.
    pub ip: String,
    /// Environment that its first process is given, `NAME=VALUE`.
    pub env: Vec<String>,
    /// Bytes that it has written to its own layer, if somebody wants to know.
    pub size: Option<i64>,
    /// The pod that it is in.
    pub pod: Option<Pod>,
}

/// A mount of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mount {
    /// Path on the host.
    pub source: String,
    /// Path in the container.
    pub destination: String,
    /// Options, where the runtime tells some.
    pub mode: String,
    /// May not be written to.
    pub readonly: bool,
    /// How mounts below it spread: `private`, `rslave`, `rshared`.
    pub propagation: String,
}

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pod {
    /// Name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// Uid.
    pub uid: String,
    /// Full id of its sandbox.
    pub sandbox_id: String,
    /// Labels.
    pub labels: Vec<(String, String)>,
    /// Primary address, empty on the host's network.
    pub ip: String,
    /// What the network's plugin answered, as JSON; empty if unknown.
    pub cni_json: String,
}

impl Pod {
    /// Labels by which a kubelet tells a runtime what pod a container is of.
    const NAME: &str = "io.kubernetes.pod.name";
    const NAMESPACE: &str = "io.kubernetes.pod.namespace";
    const UID: &str = "io.kubernetes.pod.uid";

    /// The pod as the labels of a container tell it.
    pub fn of_labels(labels: &[(String, String)]) -> Option<Self> {
        let label = |key: &str| {
            let mut labels = labels.iter();
            labels.find_map(|(k, v)| (k == key).then(|| v.clone()))
        };
        Some(Self {
            name: label(Self::NAME)?,
            namespace: label(Self::NAMESPACE).unwrap_or_default(),
            uid: label(Self::UID).unwrap_or_default(),
            sandbox_id: label("io.kubernetes.sandbox.id").unwrap_or_default(),
            ..Self::default()
        })
    }
}

const IDLE: u8 = 0;
const ASKED: u8 = 1;
const UNKNOWN: u8 = 2;

/// What was told of a container. An answer stays where it is when another comes,
/// since somebody may be reading it; the last one counts.
#[derive(Debug)]
struct Answer {
    info: Info,
    /// It comes from whoever knows most.
    is_whole: bool,
    next: Place,
}

/// Where an answer is once there is one.
type Place = OnceLock<Box<Answer>>;

/// Answers that one container keeps at most: more often nobody names it anew.
const MOST_ANSWERS: usize = 64;

/// One container.
#[derive(Debug)]
pub struct Container {
    id: Box<str>,
    runtime: Runtime,
    /// What was told of it, the oldest answer first.
    answer: Place,
    /// How often everything was told.
    whole_answers: AtomicU64,
    /// Its first process has ended.
    has_ended: AtomicBool,
    /// Users of the container's own file system, which may change.
    users: RwLock<Option<Arc<Users>>>,
    info_state: AtomicU8,
    /// The second in which somebody last asked for the users; 0: nobody did.
    users_asked: AtomicU32,
    /// Whether there was an answer to that.
    users_answered: AtomicBool,
    /// When the first question was asked.
    asked: OnceLock<Instant>,
    /// How often anything was answered, for whoever waits for it; of all
    /// containers that are kept together.
    answers: Arc<AtomicU64>,
}

/// After this time nobody waits for an answer any more; it is still taken.
const LONGEST_PENDING: Duration = Duration::from_secs(10);

impl Container {
    /// A container of which only the control group told.
    pub fn new(id: &str, runtime: Runtime) -> Self {
        Self {
            id: id.into(),
            runtime,
            answer: Place::new(),
            whole_answers: AtomicU64::new(0),
            has_ended: AtomicBool::new(false),
            users: RwLock::default(),
            info_state: AtomicU8::new(IDLE),
            users_asked: AtomicU32::new(0),
            users_answered: AtomicBool::new(false),
            asked: OnceLock::new(),
            answers: Arc::default(),
        }
    }

    fn answered(&self) {
        self.answers.fetch_add(1, Ordering::Release);
    }

    /// The whole id.
    pub fn full_id(&self) -> &str {
        &self.id
    }

    /// The first 12 characters of the id.
    pub fn id(&self) -> &str {
        self.id.get(..SHORT_ID).unwrap_or(&self.id)
    }

    /// Kind of runtime.
    pub fn runtime(&self) -> Runtime {
        self.runtime
    }

    /// What a runtime knows, once it answered.
    pub fn info(&self) -> Option<&Info> {
        self.last().map(|answer| &answer.info)
    }

    fn last(&self) -> Option<&Answer> {
        let mut last = self.answer.get()?;
        while let Some(next) = last.next.get() {
            last = next;
        }
        Some(last)
    }

    fn append(&self, info: Info, is_whole: bool) {
        let mut answer = Box::new(Answer {
            info,
            is_whole,
            next: Place::new(),
        });
        let mut place = &self.answer;
        for _ in 0..MOST_ANSWERS {
            let Err(refused) = place.set(answer) else {
                return;
            };
            answer = refused;
            let Some(there) = place.get() else {
                return;
            };
            place = &there.next;
        }
    }

    /// How often the runtime that knows most has told of it.
    pub(crate) fn whole_answers(&self) -> u64 {
        self.whole_answers.load(Ordering::Acquire)
    }

    /// Whether its first process has ended.
    pub fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }

    /// Tells that its first process has ended: what comes by its id from now on is
    /// another container.
    pub fn end(&self) {
        self.has_ended.store(true, Ordering::Release);
    }

    /// The container's users, once they were read.
    pub fn users(&self) -> Option<Arc<Users>> {
        self.users
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whether an answer is on its way and worth to wait for.
    pub fn is_pending(&self) -> bool {
        let waits = (self.info_state.load(Ordering::Acquire) == ASKED && self.info().is_none())
            || (self.users_asked.load(Ordering::Acquire) != 0
                && !self.users_answered.load(Ordering::Acquire));
        waits
            && self
                .asked
                .get()
                .is_none_or(|asked| asked.elapsed() < LONGEST_PENDING)
    }

    /// Whether this is the first time that somebody wants to ask the runtimes.
    fn ask(&self) -> bool {
        let first = self
            .info_state
            .compare_exchange(IDLE, ASKED, Ordering::AcqRel, Ordering::Acquire)
            .is_ok();
        if first {
            self.asked.get_or_init(Instant::now);
        }
        first
    }

    /// Puts in what a runtime knows, in place of what it knew before.
    pub fn publish(&self, info: Info) {
        let is_known = |last: &Answer| last.is_whole && last.info == info;
        if !self.last().is_some_and(is_known) {
            self.append(info, true);
        }
        self.whole_answers.fetch_add(1, Ordering::Release);
        self.answered();
    }

    /// Puts in what counts until there is a better answer.
    pub fn publish_early(&self, info: Info) {
        if self.last().is_none() {
            self.append(info, false);
        }
        self.answered();
    }

    /// Tells that nobody asks any more, since nobody is in the container: whoever
    /// hears of it again may.
    fn publish_left(&self) {
        self.info_state.store(IDLE, Ordering::Release);
        self.answered();
    }

    /// Tells that no runtime knows the container.
    pub fn publish_unknown(&self) {
        self.info_state.store(UNKNOWN, Ordering::Release);
        self.answered();
    }

    /// Puts in the users of the container, in place of those before.
    pub fn publish_users(&self, users: Users) {
        *self.users_mut() = Some(Arc::new(users));
        self.publish_no_users();
    }

    /// Tells that the users of the container cannot be read, or are those that
    /// they were.
    pub fn publish_no_users(&self) {
        self.users_answered.store(true, Ordering::Release);
        self.answered();
    }

    /// Takes in what is told of single users.
    pub fn change_users(&self, change: impl FnOnce(&mut Users)) {
        change(Arc::make_mut(self.users_mut().get_or_insert_default()));
    }

    fn users_mut(&self) -> RwLockWriteGuard<'_, Option<Arc<Users>>> {
        self.users.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody has asked for the users in this second, which is counted
    /// from 1; from now on somebody has. And whether nobody has ever.
    pub(crate) fn ask_users(&self, second: u32) -> Option<bool> {
        let before = self.users_asked.load(Ordering::Acquire);
        if before == second {
            return None;
        }
        self.asked.get_or_init(Instant::now);
        self.users_asked.store(second, Ordering::Release);
        Some(before == 0)
    }
}

/// Asks the runtimes about a container.
pub trait Ask: Send + Sync {
    /// Begins to ask; must not wait. The answer is published in the container.
    /// `false`: nobody can be asked.
    fn ask(&self, container: &Arc<Container>) -> bool;
}

/// All containers that were seen, by full id.
#[derive(Default)]
pub struct Containers {
    known: Mutex<HashMap<Box<str>, Arc<Container>>>,
    asker: OnceLock<Box<dyn Ask>>,
    /// The one that everything is in, where that is so.
    only: OnceLock<Arc<Container>>,
    /// Told by a recorder before any thread of them was seen, by short id.
    told: Mutex<HashMap<Box<str>, Info>>,
    /// Those that became known since somebody last looked.
    news: Mutex<Vec<Arc<Container>>>,
    answers: Arc<AtomicU64>,
    asked: AtomicU64,
    again: AtomicU64,
    answered: AtomicU64,
    refused: AtomicU64,
    /// Runtimes that are still to tell what runs already.
    listings: AtomicUsize,
    cluster: Arc<Cluster>,
}

/// As long as it is there, somebody is yet to tell which containers run.
#[derive(Debug)]
pub struct Listing(Weak<Containers>);

impl Drop for Listing {
    fn drop(&mut self) {
        if let Some(containers) = self.0.upgrade() {
            containers.listings.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// What a runtime says of a container by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    /// It is there.
    Is,
    /// It was made now, perhaps by the name of one that was removed.
    Made,
    /// Something of it changed: its name, its address, the time of its start.
    Changed,
}

/// What is told of a container.
#[derive(Debug)]
pub enum Told {
    /// By the runtime that knows most of it.
    All(Info),
    /// By somebody else, or before it was started: more may be told later.
    Some(Info),
}

impl Told {
    /// The same with what is told changed.
    fn map(self, change: impl FnOnce(Info) -> Info) -> Self {
        match self {
            Self::All(info) => Self::All(change(info)),
            Self::Some(info) => Self::Some(change(info)),
        }
    }
}

/// Questions to runtimes, and what came of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LookupCounts {
    /// Containers that were asked about.
    pub asked: u64,
    /// How often one was asked about again, since something of it had changed.
    pub again: u64,
    /// Those that a runtime, or its files, knew.
    pub answered: u64,
    /// Those that could not be asked about, because too many were.
    pub refused: u64,
}

impl std::fmt::Debug for Containers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Containers({})", self.len())
    }
}

/// More containers than a node runs: beyond it those that no thread is in go.
const MANY: usize = 512;

impl Containers {
    /// None, and nobody to ask.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives somebody to ask, once. Containers that were seen before are asked for.
    pub fn set_asker(&self, asker: Box<dyn Ask>) {
        if self.asker.set(asker).is_ok() {
            let seen: Vec<_> = self.lock().values().cloned().collect();
            for container in seen {
                self.request(&container);
            }
        }
    }

    /// What the API server knows of pods.
    pub fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    /// Whether there is somebody to ask.
    pub fn are_asked_for(&self) -> bool {
        self.asker.get().is_some()
    }

    /// Number of containers.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them, by id.
    pub fn all(&self) -> Vec<Arc<Container>> {
        let mut all: Vec<_> = self.lock().values().cloned().collect();
        all.sort_unstable_by(|a, b| a.full_id().cmp(b.full_id()));
        all
    }

    /// The container with this full id, if it was seen.
    pub fn lookup(&self, id: &str) -> Option<Arc<Container>> {
        self.lock().get(id).cloned()
    }

    /// Everything is in this container from now on, whatever control groups say.
    pub fn set_only(&self, id: &str, info: Info) {
        let container = self.get(id, Runtime::Static);
        container.publish(info);
        let _ = self.only.set(container);
    }

    /// The container that a thread in these control groups is in (as in
    /// [`cgroup::container`]).
    pub fn of_groups(&self, groups: &[u8]) -> Option<Arc<Container>> {
        if let Some(only) = self.only.get() {
            return Some(Arc::clone(only));
        }
        let (id, runtime) = cgroup::container(groups)?;
        Some(self.get(&id, runtime))
    }

    /// The container with this full id. At first sight the runtimes are asked.
    pub fn get(&self, id: &str, runtime: Runtime) -> Arc<Container> {
        let container = {
            let mut known = self.lock();
            let there = known.get(id).filter(|c| !c.has_ended()).cloned();
            if let Some(container) = there {
                drop(known);
                // Whoever asked may have given up while nobody was in it.
                self.request(&container);
                return container;
            }
            if known.len() >= MANY {
                known.retain(|_, c| Arc::strong_count(c) > 1);
            }
            let container = Arc::new(Container {
                answers: Arc::clone(&self.answers),
                ..Container::new(id, runtime)
            });
            if let Some(info) = self.told().remove(container.id()) {
                container.publish(info);
            }
            known.insert(id.into(), Arc::clone(&container));
            container
        };
        self.request(&container);
        container
    }

    /// Those that were seen whose id begins so, for recorders tell the start alone.
    pub fn beginning_with(&self, id: &str) -> Vec<Arc<Container>> {
        let short = id.get(..SHORT_ID).unwrap_or(id);
        let known = self.lock();
        let same = known.values().filter(|container| container.id() == short);
        same.cloned().collect()
    }

    /// Takes in what a recorder tells of a container by the start of its id.
    pub fn tell(&self, id: &str, info: Info) {
        let short = id.get(..SHORT_ID).unwrap_or(id);
        let same = self.beginning_with(id);
        if !same.is_empty() {
            for container in same {
                container.publish(info.clone());
            }
            return;
        }
        let mut told = self.told();
        if told.len() < MANY || told.contains_key(short) {
            told.insert(short.into(), info);
        }
    }

    /// Asks the runtimes about a container, if nobody did.
    pub fn request(&self, container: &Arc<Container>) {
        let Some(asker) = self.asker.get() else {
            return;
        };
        let is_whole = container.last().is_some_and(|answer| answer.is_whole);
        if is_whole || !container.ask() {
            return;
        }
        if container.info().is_none() {
            self.asked.fetch_add(1, Ordering::Relaxed);
        }
        self.send(asker.as_ref(), container);
    }

    /// Asks about a container again, of which something may have changed.
    fn renew(&self, container: &Arc<Container>) {
        let Some(asker) = self.asker.get() else {
            return;
        };
        self.again.fetch_add(1, Ordering::Relaxed);
        container.ask();
        self.send(asker.as_ref(), container);
    }

    fn send(&self, asker: &dyn Ask, container: &Arc<Container>) {
        if !asker.ask(container) {
            self.refused.fetch_add(1, Ordering::Relaxed);
            container.publish_unknown();
        }
    }

    /// Takes in what a runtime says of a container by itself.
    pub fn announce(&self, id: &str, runtime: Runtime, what: Announced) {
        match self.lookup(id) {
            None => drop(self.get(id, runtime)),
            // What is said of one that ended comes late. If it was started anew, its
            // first process makes it known; one that was made is another.
            Some(known) if known.has_ended() => {
                if what == Announced::Made {
                    self.get(id, runtime);
                }
            }
            Some(known) => match what {
                Announced::Is => self.request(&known),
                Announced::Made | Announced::Changed => self.renew(&known),
            },
        }
    }

    /// Tells that somebody is about to list the containers that run.
    pub fn listing(self: &Arc<Self>) -> Listing {
        self.listings.fetch_add(1, Ordering::AcqRel);
        Listing(Arc::downgrade(self))
    }

    /// Takes in what a runtime that was asked knows of the container.
    pub fn answer(&self, container: &Arc<Container>, told: Told) {
        let is_first = container.info().is_none();
        match told {
            Told::All(info) => container.publish(info),
            Told::Some(info) => container.publish_early(info),
        }
        if !is_first {
            return;
        }
        self.answered.fetch_add(1, Ordering::Relaxed);
        let mut news = self.news();
        if news.len() < MANY {
            news.push(Arc::clone(container));
        }
    }

    /// Containers that became known since the last time.
    pub fn take_news(&self) -> Vec<Arc<Container>> {
        std::mem::take(&mut *self.news())
    }

    /// How often anything about any container was answered: while that stays the
    /// same, nobody has to look again.
    pub fn answers(&self) -> u64 {
        self.answers.load(Ordering::Acquire)
    }

    /// How often the runtimes were asked.
    pub fn lookups(&self) -> LookupCounts {
        LookupCounts {
            asked: self.asked.load(Ordering::Relaxed),
            again: self.again.load(Ordering::Relaxed),
            answered: self.answered.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }

    /// Waits until the runtimes have said what runs and no answer is on its way, or
    /// `patience` is over: after the start, so that the first events find the
    /// containers that run already. `false`: some answers are missing.
    pub fn settle(&self, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        loop {
            // In this order: who lists makes containers that are asked about.
            let is_listed = self.listings.load(Ordering::Acquire) == 0;
            if is_listed && !self.lock().values().any(|c| c.is_pending()) {
                return true;
            }
            if Instant::now() >= end {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether an answer about this container is on its way.
    pub fn is_pending(&self, id: &str) -> bool {
        self.lookup(id).is_some_and(|c| c.is_pending())
    }

    fn told(&self) -> std::sync::MutexGuard<'_, HashMap<Box<str>, Info>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn news(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Container>>> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Box<str>, Arc<Container>>> {
        // A map is whole even when a thread died with the lock.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    struct Count(Arc<AtomicUsize>);

    impl Ask for Count {
        fn ask(&self, _: &Arc<Container>) -> bool {
            self.0.fetch_add(1, Ordering::Relaxed);
            true
        }
    }

    #[test]
    fn each_container_is_asked_for_once() {
        let asked = Arc::new(AtomicUsize::new(0));
        let containers = Containers::new();
        let early = containers.get("early", Runtime::Docker);
        assert!(!early.is_pending());
        containers.set_asker(Box::new(Count(Arc::clone(&asked))));
        let late = containers.get("late", Runtime::Docker);
        let again = containers.get("late", Runtime::Docker);
        assert!(Arc::ptr_eq(&late, &again));
        containers.request(&late);
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        assert!(early.is_pending() && containers.is_pending("late"));
        late.publish(Info::default());
        early.publish_unknown();
        assert!(!early.is_pending() && !late.is_pending());
    }

    #[test]
    fn a_better_answer_counts() {
        let containers = Containers::new();
        let container = containers.get("late", Runtime::Containerd);
        containers.answer(&container, Told::Some(named("early")));
        assert_eq!(container.info().unwrap().name, "early");
        containers.answer(&container, Told::All(named("whole")));
        containers.answer(&container, Told::Some(named("early")));
        assert_eq!(container.info().unwrap().name, "whole");
        assert_eq!(containers.take_news().len(), 1, "it is news once");
        assert_eq!(containers.lookups().answered, 1);
    }

    fn named(name: &str) -> Info {
        Info {
            name: name.to_owned(),
            ..Info::default()
        }
    }

    #[test]
    fn an_id_that_comes_again_is_another_container() {
        let asked = Arc::new(AtomicUsize::new(0));
        let containers = Containers::new();
        containers.set_asker(Box::new(Count(Arc::clone(&asked))));
        let first = containers.get("web", Runtime::Containerd);
        containers.answer(&first, Told::All(named("first")));
        first.end();
        // What is said of the first one comes late, and makes no other.
        containers.announce("web", Runtime::Containerd, Announced::Changed);
        containers.announce("web", Runtime::Containerd, Announced::Is);
        assert!(Arc::ptr_eq(&first, &containers.lookup("web").unwrap()));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        let second = containers.get("web", Runtime::Containerd);
        assert!(second.is_pending() && second.info().is_none());
        containers.answer(&second, Told::All(named("second")));
        assert_eq!(first.info().unwrap().name, "first", "as it was");
        assert_eq!(second.info().unwrap().name, "second");
        assert_eq!(containers.take_news().len(), 2);
        second.end();
        containers.announce("web", Runtime::Containerd, Announced::Made);
        assert!(containers.is_pending("web"), "it is another");
        assert_eq!(asked.load(Ordering::Relaxed), 3);
        assert_eq!(containers.lookups().again, 0);
    }

    #[test]
    fn what_changed_is_asked_for_again() {
        let asked = Arc::new(AtomicUsize::new(0));
        let containers = Containers::new();
        containers.set_asker(Box::new(Count(Arc::clone(&asked))));
        let web = containers.get("web", Runtime::Docker);
        containers.answer(&web, Told::All(named("old")));
        let old = web.info().unwrap();
        containers.announce("web", Runtime::Docker, Announced::Is);
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        containers.announce("web", Runtime::Docker, Announced::Changed);
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        assert!(!web.is_pending(), "no event waits for what is known");
        containers.answer(&web, Told::All(named("new")));
        assert_eq!(
            (web.info().unwrap().name.as_str(), &*old.name),
            ("new", "old")
        );
        assert_eq!(containers.take_news().len(), 1, "it is news once");
        assert_eq!(containers.lookups().again, 1);
        // However often it is named anew, memory has an end.
        for i in 0..2 * MOST_ANSWERS {
            web.publish(named(&format!("{i}")));
        }
        assert_eq!(web.info().unwrap().name, format!("{}", MOST_ANSWERS - 3));
    }

    #[test]
    fn the_start_waits_for_whoever_lists() {
        let containers = Arc::new(Containers::new());
        let listing = containers.listing();
        assert!(!containers.settle(Duration::ZERO));
        drop(listing);
        assert!(containers.settle(Duration::ZERO));
    }

    #[test]
    fn containers_without_threads_go() {
        let containers = Containers::new();
        let kept = containers.get("kept", Runtime::Docker);
        for i in 0..2 * MANY {
            containers.get(&format!("{i}"), Runtime::Docker);
        }
        assert!(containers.len() <= MANY);
        assert!(Arc::ptr_eq(&kept, &containers.lookup("kept").unwrap()));
    }
}
