//! This machine, as captures describe it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::sys::socket::SockaddrStorage;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{SysconfVar, sysconf};

use crate::clock;
use crate::source::capture::{Interface, Machine};

/// This machine. The name is the state's.
pub fn of_host() -> Machine {
    let number = |var| {
        let value = sysconf(var).ok().flatten().unwrap_or(0);
        u64::try_from(value).unwrap_or(0)
    };
    let up = clock_gettime(ClockId::CLOCK_BOOTTIME)
        .map_or(0, |up| up.tv_sec() * 1_000_000_000 + up.tv_nsec());
    Machine {
        cpus: u32::try_from(number(SysconfVar::_NPROCESSORS_ONLN)).unwrap_or(0),
        memory: number(SysconfVar::_PHYS_PAGES) * number(SysconfVar::PAGE_SIZE),
        boot: clock::now().saturating_sub(up.cast_unsigned()),
        interfaces: interfaces(),
        ..Machine::default()
    }
}

/// The interfaces with their addresses; none, if nobody tells.
fn interfaces() -> Vec<Interface> {
    let all = getifaddrs().into_iter().flatten();
    all.filter_map(|one| interface(&one)).collect()
}

fn ip(address: Option<&SockaddrStorage>) -> Option<IpAddr> {
    let address = address?;
    let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
}

fn interface(told: &InterfaceAddress) -> Option<Interface> {
    let address = ip(told.address.as_ref())?;
    let none: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    Some(Interface {
        name: told.interface_name.as_bytes().into(),
        address,
        mask: ip(told.netmask.as_ref()).unwrap_or(none),
        broadcast: ip(told.broadcast.as_ref()).unwrap_or(none),
        speed: 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_processors_and_an_interface() {
        let machine = of_host();
        assert!(machine.cpus > 0 && machine.memory > 0 && machine.boot > 0);
        let own = machine.interfaces.iter().find(|one| &*one.name == b"lo");
        assert_eq!(own.unwrap().address, Ipv4Addr::LOCALHOST);
    }
}
