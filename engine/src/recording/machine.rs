//! This machine, as captures describe it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::sys::socket::SockaddrStorage;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{SysconfVar, sysconf};

use crate::clock;
use crate::source::capture::Machine;

/// An address of IPv4 in a list of interfaces.
const IPV4: u16 = 1;
/// Likewise of IPv6.
const IPV6: u16 = 2;

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
        interfaces: interfaces().into(),
        ..Machine::default()
    }
}

/// Addresses of the interfaces; none, if nobody tells.
fn interfaces() -> Vec<u8> {
    let mut list = Vec::new();
    for interface in getifaddrs().into_iter().flatten() {
        entry(&interface, &mut list);
    }
    list
}

fn ip(address: Option<&SockaddrStorage>) -> Option<IpAddr> {
    let address = address?;
    let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
}

fn entry(interface: &InterfaceAddress, list: &mut Vec<u8>) {
    let Some(address) = ip(interface.address.as_ref()) else {
        return;
    };
    let mask = ip(interface.netmask.as_ref());
    let broadcast = ip(interface.broadcast.as_ref());
    let name = interface.interface_name.as_bytes();
    let start = list.len();
    list.extend_from_slice(&[0; 4]);
    let ty = if address.is_ipv4() { IPV4 } else { IPV6 };
    list.extend_from_slice(&ty.to_le_bytes());
    list.extend_from_slice(&(name.len() as u16).to_le_bytes());
    for part in [Some(address), mask, broadcast] {
        match (address, part) {
            (IpAddr::V4(_), Some(IpAddr::V4(part))) => list.extend_from_slice(&part.octets()),
            (IpAddr::V4(_), _) => list.extend_from_slice(&Ipv4Addr::UNSPECIFIED.octets()),
            (IpAddr::V6(_), Some(IpAddr::V6(part))) => list.extend_from_slice(&part.octets()),
            (IpAddr::V6(_), _) => list.extend_from_slice(&Ipv6Addr::UNSPECIFIED.octets()),
        }
    }
    // Speed of the link: unknown.
    list.extend_from_slice(&0_u64.to_le_bytes());
    list.extend_from_slice(name);
    let len = ((list.len() - start) as u32).to_le_bytes();
    list[start..start + 4].copy_from_slice(&len);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_processors_and_an_interface() {
        let machine = of_host();
        assert!(machine.cpus > 0 && machine.memory > 0 && machine.boot > 0);
        let mut rest = &machine.interfaces[..];
        while let Some((len, _)) = rest.split_first_chunk::<4>() {
            let len = u32::from_le_bytes(*len) as usize;
            let name = u16::from_le_bytes([rest[6], rest[7]]) as usize;
            assert!(len == 28 + name || len == 64 + name, "{len} {name}");
            rest = &rest[len..];
        }
        assert!(rest.is_empty());
    }
}
