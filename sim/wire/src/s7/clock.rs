//! Calendar time as CPUs tell it.

/// Bytes of a time in the form `DATE_AND_TIME`.
pub const DATE_AND_TIME_BYTES: usize = 8;
/// Bytes of a time in the clock services: a zero, the century, then the form `DATE_AND_TIME`.
pub const CLOCK_BYTES: usize = DATE_AND_TIME_BYTES + 2;
/// Days from 1970-01-01 to 1984-01-01, where the time stamps of blocks begin.
const DAYS_TO_1984: u64 = 5113;
const US_PER_DAY: u64 = 86_400_000_000;
/// Years that two digits can mean: 1990 to 2089 (manual, `DATE_AND_TIME`).
const FIRST_YEAR: u64 = 1990;

/// A time in the form `DATE_AND_TIME`: two digits a byte, milliseconds in three digits, weekday 1 for Sunday.
/// `unix_us` are microseconds since 1970-01-01T00:00:00Z; the time zone is the caller's.
#[must_use]
pub fn date_and_time(unix_us: u64) -> [u8; DATE_AND_TIME_BYTES] {
    let days = unix_us / US_PER_DAY;
    let (year, month, day) = civil(days);
    let ms = unix_us % US_PER_DAY / 1000;
    let (seconds, ms) = (ms / 1000, ms % 1000);
    // 1970-01-01 was a Thursday, day 5.
    let weekday = (days + 4) % 7 + 1;
    [
        bcd(year % 100),
        bcd(month),
        bcd(day),
        bcd(seconds / 3600),
        bcd(seconds / 60 % 60),
        bcd(seconds % 60),
        bcd(ms / 10),
        bcd(ms % 10 * 10 + weekday),
    ]
}

/// Reads a time in the form `DATE_AND_TIME`, in microseconds since 1970; `None` where it is no date. The weekday is
/// not looked at.
#[must_use]
pub fn parse_date_and_time(bytes: &[u8; DATE_AND_TIME_BYTES]) -> Option<u64> {
    let mut digits = [0; DATE_AND_TIME_BYTES];
    for (digit, byte) in digits.iter_mut().zip(bytes) {
        *digit = from_bcd(*byte)?;
    }
    let [year, month, day, hour, minute, second, ms, rest] = digits;
    let year = if year < FIRST_YEAR % 100 {
        2000 + year
    } else {
        1900 + year
    };
    let days = days_from_civil(year, month, day)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let ms = ((hour * 60 + minute) * 60 + second) * 1000 + ms * 10 + rest / 10;
    Some(days * US_PER_DAY + ms * 1000)
}

/// A time as the clock services tell it.
#[must_use]
pub fn clock(unix_us: u64) -> [u8; CLOCK_BYTES] {
    let (year, ..) = civil(unix_us / US_PER_DAY);
    let [year_2, month, day, hour, minute, second, ms, rest] = date_and_time(unix_us);
    let century = bcd(year / 100);
    [
        0, century, year_2, month, day, hour, minute, second, ms, rest,
    ]
}

/// Reads a time of the clock services; the century is not looked at, as by CPUs.
#[must_use]
pub fn parse_clock(bytes: &[u8; CLOCK_BYTES]) -> Option<u64> {
    let [_, _, time @ ..] = bytes;
    parse_date_and_time(time)
}

/// A time stamp of a block: milliseconds of the day, days since 1984-01-01.
#[must_use]
pub fn block_time(unix_us: u64) -> (u32, u16) {
    let ms = u32::try_from(unix_us % US_PER_DAY / 1000).unwrap_or(0);
    let days = (unix_us / US_PER_DAY).saturating_sub(DAYS_TO_1984);
    (ms, u16::try_from(days).unwrap_or(u16::MAX))
}

/// Microseconds since 1970 of a block's time stamp.
#[must_use]
pub fn from_block_time(ms: u32, days: u16) -> u64 {
    (u64::from(days) + DAYS_TO_1984) * US_PER_DAY + u64::from(ms) * 1000
}

/// Year, month, day of a day counted from 1970-01-01, by eras of 400 years that begin in March.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + u64::from(month <= 2), month, day)
}

/// The inverse of [`civil`]; `None` for a date that does not exist.
fn days_from_civil(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year_of_march = year - u64::from(month <= 2);
    let (era, of_era) = (year_of_march / 400, year_of_march % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    (civil(days) == (year, month, day)).then_some(days)
}

fn bcd(value: u64) -> u8 {
    u8::try_from(value / 10 % 10 * 16 + value % 10).unwrap_or(0)
}

fn from_bcd(byte: u8) -> Option<u64> {
    let (high, low) = (u64::from(byte >> 4), u64::from(byte & 0x0F));
    (high < 10 && low < 10).then_some(high * 10 + low)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_known_instant() {
        // 2024-02-29T13:07:09.456Z, a Thursday (day 5).
        let us = 1_709_212_029_456_000;
        let time = [0x24, 0x02, 0x29, 0x13, 0x07, 0x09, 0x45, 0x65];
        assert_eq!(date_and_time(us), time);
        assert_eq!(parse_date_and_time(&time), Some(us));
        assert_eq!(clock(us)[..3], [0, 0x20, 0x24]);
        assert_eq!(parse_clock(&clock(us)), Some(us));
        let (ms, days) = block_time(us);
        assert_eq!(from_block_time(ms, days), us);
    }

    #[test]
    fn no_date_is_refused() {
        for bad in [
            [0x23, 0x02, 0x29, 0, 0, 0, 0, 0],
            [0x23, 0x13, 0x01, 0, 0, 0, 0, 0],
            [0x23, 0x00, 0x01, 0, 0, 0, 0, 0],
            [0x23, 0x01, 0x01, 0x24, 0, 0, 0, 0],
            [0x23, 0x01, 0x0A, 0, 0, 0, 0, 0],
        ] {
            assert_eq!(parse_date_and_time(&bad), None, "{bad:02X?}");
        }
    }
}
