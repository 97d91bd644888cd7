//! Names of hosts in conditions (`fd.sip.name = example.com`), resolved on a
//! thread of their own: no event waits for a name server.

use std::collections::BTreeMap;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, RwLock, Weak};
use std::thread;
use std::time::Duration;

/// How often names are resolved again.
const REFRESH: Duration = Duration::from_secs(60);

/// Every name that a condition has, as long as the condition lives.
static KNOWN: Mutex<BTreeMap<Box<str>, Weak<Host>>> = Mutex::new(BTreeMap::new());

/// A name, and the addresses that it had when it was last resolved.
#[derive(Debug)]
pub struct Host {
    name: Box<str>,
    addresses: RwLock<Vec<IpAddr>>,
}

impl Host {
    /// The host of a name, the same for all conditions that have it.
    pub fn named(name: &str) -> Arc<Self> {
        let mut known = known();
        if let Some(host) = known.get(name).and_then(Weak::upgrade) {
            return host;
        }
        let host = Arc::new(Self {
            name: name.into(),
            addresses: RwLock::default(),
        });
        known.insert(name.into(), Arc::downgrade(&host));
        host
    }

    /// Whether the address is one of its own.
    pub fn has(&self, address: IpAddr) -> bool {
        let addresses = self.addresses.read();
        addresses
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&address)
    }

    /// What a name server says; what was known stays if it says nothing.
    fn resolve(&self) {
        let Ok(found) = (&*self.name, 0).to_socket_addrs() else {
            return;
        };
        let found = found.map(|address| address.ip().to_canonical()).collect();
        *self
            .addresses
            .write()
            .unwrap_or_else(PoisonError::into_inner) = found;
    }
}

fn known() -> MutexGuard<'static, BTreeMap<Box<str>, Weak<Host>>> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The name, among those of conditions, that has this address.
pub fn name_of(address: IpAddr) -> Option<Arc<Host>> {
    let known = known();
    let mut hosts = known.values().filter_map(Weak::upgrade);
    hosts.find(|host| host.has(address))
}

impl Host {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Begins to resolve, if a condition has a name at all.
pub fn start() {
    static ONCE: Once = Once::new();
    if known().is_empty() {
        return;
    }
    ONCE.call_once(|| {
        let thread = thread::Builder::new().name("hosts".to_owned());
        let run = || {
            loop {
                known().retain(|_, host| host.strong_count() > 0);
                let hosts: Vec<_> = known().values().filter_map(Weak::upgrade).collect();
                hosts.iter().for_each(|host| host.resolve());
                drop(hosts);
                thread::sleep(REFRESH);
            }
        };
        if let Err(error) = thread.spawn(run) {
            log::warn!("names of hosts in rules are not resolved: {error}");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_addresses() {
        let host = Host::named("127.0.0.1");
        let address = IpAddr::from([127, 0, 0, 1]);
        assert!(!host.has(address) && name_of(address).is_none());
        host.resolve();
        assert!(host.has(address));
        assert_eq!(
            name_of(address).map(|h| h.name().to_owned()).as_deref(),
            Some("127.0.0.1")
        );
        assert!(Arc::ptr_eq(&host, &Host::named("127.0.0.1")));
        drop(host);
    }
}
