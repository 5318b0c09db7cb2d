//! Hardware addresses and subnets.

use std::net::Ipv4Addr;
use std::str::FromStr;

/// An Ethernet address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// The address of everyone on a segment.
    pub const BROADCAST: Self = Self([0xff; 6]);
    /// No address, as in the target field of an ARP request.
    pub const ZERO: Self = Self([0; 6]);

    /// A locally administered address made of a number, for tests and scenarios without vendor prefixes.
    #[must_use]
    pub const fn local(number: u32) -> Self {
        let [a, b, c, d] = number.to_be_bytes();
        Self([0x02, 0, a, b, c, d])
    }

    /// Whether it is the address of one card.
    #[must_use]
    pub const fn is_unicast(self) -> bool {
        self.0[0] & 1 == 0 && !matches!(self.0, [0, 0, 0, 0, 0, 0])
    }

    /// Whether its group bit is set: broadcast or multicast.
    #[must_use]
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 != 0
    }
}

impl std::fmt::Display for Mac {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl std::fmt::Debug for Mac {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// Why a text is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not six pairs of hex digits between colons.
    #[error("a hardware address has six pairs of hex digits, such as 00:1b:1b:01:02:03")]
    Mac,
    /// Not an address, or an address and a prefix from 0 to 32.
    #[error("a subnet is an address and a prefix, such as 10.30.20.0/24")]
    Subnet,
}

impl FromStr for Mac {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let part = parts
                .next()
                .filter(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit()))
                .ok_or(AddressError::Mac)?;
            *byte = u8::from_str_radix(part, 16).map_err(|_| AddressError::Mac)?;
        }
        if parts.next().is_some() {
            return Err(AddressError::Mac);
        }
        Ok(Self(bytes))
    }
}

/// All addresses that share a prefix.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subnet {
    network: u32,
    prefix: u8,
}

impl Subnet {
    /// Every address.
    pub const ANY: Self = Self {
        network: 0,
        prefix: 0,
    };

    /// The subnet of `ip`; a prefix above 32 counts as 32.
    #[must_use]
    pub fn new(ip: Ipv4Addr, prefix: u8) -> Self {
        let prefix = prefix.min(32);
        Self {
            network: ip.to_bits() & mask(prefix),
            prefix,
        }
    }

    /// A single address.
    #[must_use]
    pub fn host(ip: Ipv4Addr) -> Self {
        Self::new(ip, 32)
    }

    /// Whether `ip` is inside.
    #[must_use]
    pub fn contains(self, ip: Ipv4Addr) -> bool {
        ip.to_bits() & mask(self.prefix) == self.network
    }

    /// Lowest address.
    #[must_use]
    pub fn network(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.network)
    }

    /// Highest address.
    #[must_use]
    pub fn broadcast(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.network | !mask(self.prefix))
    }

    /// Length of the prefix, bits.
    #[must_use]
    pub const fn prefix(self) -> u8 {
        self.prefix
    }
}

fn mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}

impl std::fmt::Display for Subnet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.network(), self.prefix)
    }
}

impl std::fmt::Debug for Subnet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Subnet {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (ip, prefix) = text.split_once('/').unwrap_or((text, "32"));
        let ip: Ipv4Addr = ip.parse().map_err(|_| AddressError::Subnet)?;
        let prefix: u8 = prefix.parse().map_err(|_| AddressError::Subnet)?;
        if prefix > 32 {
            return Err(AddressError::Subnet);
        }
        Ok(Self::new(ip, prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints_hardware_addresses() {
        let mac: Mac = "00:1b:1B:01:02:ff".parse().unwrap();
        assert_eq!(mac, Mac([0, 0x1b, 0x1b, 1, 2, 0xff]));
        assert_eq!(mac.to_string(), "00:1b:1b:01:02:ff");
        for bad in [
            "",
            "00:1b:1b:01:02",
            "00:1b:1b:01:02:03:04",
            "0:1b:1b:01:02:03",
            "00:1b:1b:01:02:+3",
        ] {
            assert_eq!(bad.parse::<Mac>(), Err(AddressError::Mac), "{bad}");
        }
    }

    #[test]
    fn subnets_hold_their_addresses() {
        let subnet: Subnet = "10.30.20.77/24".parse().unwrap();
        assert_eq!(subnet.to_string(), "10.30.20.0/24");
        assert!(subnet.contains(Ipv4Addr::new(10, 30, 20, 255)));
        assert!(!subnet.contains(Ipv4Addr::new(10, 30, 21, 0)));
        assert_eq!(subnet.broadcast(), Ipv4Addr::new(10, 30, 20, 255));
        assert!(Subnet::ANY.contains(Ipv4Addr::new(255, 255, 255, 255)));
        assert_eq!("10.1.2.3".parse::<Subnet>().unwrap().prefix(), 32);
        for bad in [
            "",
            "10.30.20.0/33",
            "10.30.20/24",
            "10.30.20.0/-1",
            "10.30.20.0/",
        ] {
            assert_eq!(bad.parse::<Subnet>(), Err(AddressError::Subnet), "{bad}");
        }
    }
}
