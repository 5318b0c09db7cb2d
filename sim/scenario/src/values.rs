//! Values inside strings: addresses, subnets, signals and instants.

use std::net::Ipv4Addr;

use sim_record::{SimDuration, SimTime};

use crate::model::PlantSignal;

/// Shortest and longest prefix of a zone's subnet.
const PREFIX_MIN: u8 = 8;
const PREFIX_MAX: u8 = 30;

/// A subnet with no bits set behind its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subnet {
    pub network: Ipv4Addr,
    pub prefix: u8,
}

impl Subnet {
    /// Reads `10.30.20.0/24`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (address, prefix) = text
            .split_once('/')
            .ok_or("there is no `/` with a prefix length")?;
        let network: Ipv4Addr = address
            .parse()
            .map_err(|_| "the address is not an IPv4 address")?;
        let prefix = parse_digits(prefix).ok_or("the prefix length is not a number")?;
        if !(PREFIX_MIN..=PREFIX_MAX).contains(&prefix) {
            return Err("the prefix length is not 8 to 30");
        }
        let subnet = Self { network, prefix };
        if network.to_bits() & !subnet.mask() != 0 {
            return Err("the address has bits behind the prefix");
        }
        Ok(subnet)
    }

    /// Returns whether an address lies in it.
    pub fn contains(self, address: Ipv4Addr) -> bool {
        address.to_bits() & self.mask() == self.network.to_bits()
    }

    /// Returns whether the two share an address.
    pub fn overlaps(self, other: Self) -> bool {
        self.contains(other.network) || other.contains(self.network)
    }

    /// Returns whether a host may have an address: in the subnet, neither its network nor broadcast address.
    pub fn is_host(self, address: Ipv4Addr) -> bool {
        let host_bits = address.to_bits() & !self.mask();
        self.contains(address) && host_bits != 0 && host_bits != !self.mask()
    }

    /// Returns the number of addresses that hosts may have.
    pub fn hosts(self) -> u32 {
        (!self.mask()).saturating_sub(1)
    }

    fn last(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.network.to_bits() | !self.mask())
    }

    fn mask(self) -> u32 {
        u32::MAX
            .checked_shl(u32::from(32_u8.saturating_sub(self.prefix)))
            .unwrap_or(0)
    }
}

/// A source or destination of a firewall rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Range {
    Any,
    Within { network: u32, mask: u32 },
}

impl Range {
    /// Reads `any`, `10.30.20.10` or `10.30.20.0/24`.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "any" {
            return Some(Self::Any);
        }
        let (address, prefix) = text.split_once('/').unwrap_or((text, "32"));
        let address: Ipv4Addr = address.parse().ok()?;
        let prefix = parse_digits(prefix).filter(|prefix| *prefix <= 32)?;
        let mask = u32::MAX.checked_shl(u32::from(32 - prefix)).unwrap_or(0);
        let network = address.to_bits();
        (network & !mask == 0).then_some(Self::Within { network, mask })
    }

    /// Returns whether an address matches.
    pub fn contains(self, address: Ipv4Addr) -> bool {
        match self {
            Self::Any => true,
            Self::Within { network, mask } => address.to_bits() & mask == network,
        }
    }

    /// Returns whether every address of a subnet matches.
    pub fn covers(self, subnet: Subnet) -> bool {
        self.contains(subnet.network) && self.contains(subnet.last())
    }

    /// Returns whether some address of a subnet matches.
    pub fn overlaps(self, subnet: Subnet) -> bool {
        match self {
            Self::Any => true,
            Self::Within { network, .. } => {
                self.contains(subnet.network) || subnet.contains(Ipv4Addr::from_bits(network))
            }
        }
    }
}

/// Reads `reactor/P`.
pub(crate) fn parse_signal(text: &str) -> Option<PlantSignal> {
    let (plant, signal) = text.split_once('/')?;
    (!plant.is_empty() && !signal.is_empty()).then(|| PlantSignal {
        plant: plant.to_owned(),
        signal: signal.to_owned(),
    })
}

/// Reads a version such as `V3.2.6`.
pub(crate) fn parse_version(text: &str) -> Option<[u8; 3]> {
    let mut parts = text.strip_prefix('V').unwrap_or(text).splitn(3, '.');
    let mut next = || parts.next()?.parse().ok();
    Some([next()?, next()?, next()?])
}

/// Reads an instant such as `2026-03-12T13:10:00Z` (RFC 3339, years 1970 to 2199) as microseconds since 1970.
pub(crate) fn parse_utc_us(text: &str) -> Option<i64> {
    let (date, rest) = text.split_once('T')?;
    let mut date = date.splitn(3, '-');
    let year = number(date.next()?, 4).filter(|year| (1970..=2199).contains(year))?;
    let month = number(date.next()?, 2).filter(|month| (1..=12).contains(month))?;
    let day = number(date.next()?, 2)?;
    if day < 1 || day > days_in_month(year, month) {
        return None;
    }
    let (clock, offset_min) = split_offset(rest)?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut clock = clock.splitn(3, ':');
    let hour = number(clock.next()?, 2).filter(|hour| *hour < 24)?;
    let minute = number(clock.next()?, 2).filter(|minute| *minute < 60)?;
    let second = number(clock.next()?, 2).filter(|second| *second < 60)?;
    let minutes = (days_since_1970(year, month, day) * 24 + hour) * 60 + minute - offset_min;
    let micros = (minutes * 60 + second) * 1_000_000 + fraction_us(fraction)?;
    (micros >= 0).then_some(micros)
}

/// Turns seconds, checked to be sane, into an instant; others saturate.
pub(crate) fn time_of(seconds: f64) -> SimTime {
    SimTime(micros_of(seconds))
}

/// Turns seconds, checked to be sane, into a length; others saturate.
pub(crate) fn duration_of(seconds: f64) -> SimDuration {
    SimDuration(micros_of(seconds))
}

fn micros_of(seconds: f64) -> u64 {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "float to integer casts saturate"
    )]
    let micros = libm::round(seconds * 1e6) as u64;
    micros
}

fn parse_digits(text: &str) -> Option<u8> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

fn number(text: &str, digits: usize) -> Option<i64> {
    let good = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    good.then(|| text.parse().ok()).flatten()
}

fn split_offset(text: &str) -> Option<(&str, i64)> {
    if let Some(clock) = text.strip_suffix('Z') {
        return Some((clock, 0));
    }
    let at = text.rfind(['+', '-'])?;
    let (clock, offset) = text.split_at_checked(at)?;
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let hours = number(hours, 2).filter(|hours| *hours < 24)?;
    let minutes = number(minutes, 2).filter(|minutes| *minutes < 60)?;
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    Some((clock, sign * (hours * 60 + minutes)))
}

fn fraction_us(digits: &str) -> Option<i64> {
    if digits.is_empty() || digits.len() > 6 {
        return None;
    }
    number(&format!("{digits:0<6}"), 6)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let years: i64 = (1970..year).map(|y| 337 + days_in_month(y, 2)).sum();
    let months: i64 = (1..month).map(|m| days_in_month(year, m)).sum();
    years + months + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_as_rfc_3339() {
        assert_eq!(parse_utc_us("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(
            parse_utc_us("2026-03-12T13:10:00Z"),
            Some(1_773_321_000_000_000)
        );
        assert_eq!(
            parse_utc_us("2026-03-12T14:10:00+01:00"),
            Some(1_773_321_000_000_000)
        );
        assert_eq!(
            parse_utc_us("2000-02-29T12:00:00.5Z"),
            Some(951_825_600_500_000)
        );
        for bad in [
            "",
            "2026-03-12",
            "2026-13-01T00:00:00Z",
            "2025-02-29T00:00:00Z",
            "2026-03-12T24:00:00Z",
            "2026-03-12T13:10:00",
            "2026-03-12T13:10:00.Z",
            "1969-12-31T23:59:59Z",
            "2026-3-12T13:10:00Z",
            "1970-01-01T00:00:00+01:00",
            "2026-03-12T13:10:00é",
            "2026-03-12T-1:10:00Z",
        ] {
            assert_eq!(parse_utc_us(bad), None, "{bad}");
        }
    }

    #[test]
    fn subnets_and_ranges_are_read() -> Result<(), &'static str> {
        let subnet = Subnet::parse("10.30.20.0/24")?;
        let address = |last| Ipv4Addr::new(10, 30, 20, last);
        assert!(subnet.is_host(address(10)));
        assert!(!subnet.is_host(address(0)) && !subnet.is_host(address(255)));
        assert!(!subnet.contains(Ipv4Addr::new(10, 30, 21, 1)));
        assert_eq!(subnet.hosts(), 254);
        assert!(subnet.overlaps(Subnet::parse("10.0.0.0/8")?));
        assert!(!subnet.overlaps(Subnet::parse("10.30.21.0/24")?));
        for bad in [
            "10.30.20.1/24",
            "10.30.20.0",
            "10.30.20.0/33",
            "10.30.0/16",
            "a/24",
            "0.0.0.0/0",
            "10.0.0.0/+8",
        ] {
            assert!(Subnet::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Range::parse("any"), Some(Range::Any));
        assert!(Range::parse("10.30.20.10").is_some_and(|range| range.contains(address(10))));
        assert!(Range::parse("10.30.20.0/24").is_some_and(|range| range.contains(address(99))));
        assert!(Range::parse("0.0.0.0/0").is_some_and(|range| range.contains(address(99))));
        assert_eq!(Range::parse("10.30.20.1/24"), None);
        Ok(())
    }

    #[test]
    fn times_are_rounded_to_microseconds() {
        assert_eq!(time_of(1.5), SimTime(1_500_000));
        assert_eq!(duration_of(0.1), SimDuration(100_000));
        assert_eq!(time_of(-1.0), SimTime::ZERO);
    }
}
