//! Networks.

use std::net::IpAddr;

/// An address with a prefix length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Net {
    address: u128,
    mask: u128,
    v4: bool,
}

impl Net {
    /// `10.0.0.0/8`, `fe80::/10`. The length must be there: 0 to 32 for IPv4,
    /// 1 to 128 for IPv6.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, len) = text.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        let len: u32 = len.parse().ok().filter(|_| !len.starts_with('+'))?;
        let (min, width) = match address {
            IpAddr::V4(_) => (0, 32),
            IpAddr::V6(_) => (1, 128),
        };
        if !(min..=width).contains(&len) {
            return None;
        }
        // Both families are compared in the low bits of one number.
        let all = u128::MAX.checked_shr(128 - width)?;
        let host = all.checked_shr(len).unwrap_or(0);
        let mask = all & !host;
        Some(Self {
            address: bits(address) & mask,
            mask,
            v4: address.is_ipv4(),
        })
    }

    /// Whether the address is in the network.
    pub fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.v4 && bits(address) & self.mask == self.address
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        let contains = |net: &str, address: &str| {
            Net::parse(net).map(|net| net.contains(address.parse().expect("an address")))
        };
        assert_eq!(contains("10.0.0.0/8", "10.200.3.4"), Some(true));
        assert_eq!(contains("10.1.2.3/8", "10.200.3.4"), Some(true));
        assert_eq!(contains("10.0.0.0/8", "11.0.0.1"), Some(false));
        assert_eq!(contains("0.0.0.0/0", "1.2.3.4"), Some(true));
        assert_eq!(contains("1.2.3.4/32", "1.2.3.4"), Some(true));
        assert_eq!(contains("1.2.3.4/32", "1.2.3.5"), Some(false));
        assert_eq!(contains("fe80::/10", "fe80::1"), Some(true));
        assert_eq!(contains("::/1", "1.2.3.4"), Some(false));
        for bad in [
            "10.0.0.0",
            "10.0.0.0/33",
            "::/0",
            "::/129",
            "x/8",
            "1.2.3.4/",
            "1.2.3.4/+8",
        ] {
            assert_eq!(Net::parse(bad), None, "{bad}");
        }
    }
}
