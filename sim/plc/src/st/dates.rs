//! Durations, dates and times of day as text and as microseconds.

use std::fmt::{self, Write};

/// One second.
pub(crate) const SECOND_US: i64 = 1_000_000;
/// One day.
pub(crate) const DAY_US: i64 = 86_400 * SECOND_US;
/// Last microsecond of the year 9999, the last year with four digits.
pub(crate) const LAST_US: i64 = 253_402_300_800 * SECOND_US - 1;

/// Longest run of digits in one part of a duration: two of them and every unit stay inside `i128`.
const MAX_DIGITS: usize = 18;

/// Reads the part of a duration after the hash, such as `1h30m` or `-2.5s`; `None` where it is none.
pub(crate) fn duration_us(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut total_us: i128 = 0;
    loop {
        let (whole, after) = digits(rest)?;
        let (fraction, after) = match after.strip_prefix('.') {
            Some(after) => digits(after)?,
            None => ((0, 0), after),
        };
        let end = after
            .bytes()
            .position(|b| !b.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(end)?;
        let unit_ns = unit_ns(unit)?;
        let ns = whole
            .0
            .checked_mul(unit_ns)?
            .checked_add(fraction.0.checked_mul(unit_ns)? / 10_i128.checked_pow(fraction.1)?)?;
        total_us = total_us.saturating_add(ns / 1_000);
        rest = after.trim_start_matches('_');
        if rest.is_empty() {
            return i64::try_from(if negative { -total_us } else { total_us }).ok();
        }
    }
}

/// Number at the start of `text` with its count of digits, and what follows; underscores may part digits.
fn digits(text: &str) -> Option<((i128, u32), &str)> {
    let end = text
        .bytes()
        .position(|b| !(b.is_ascii_digit() || b == b'_'))
        .unwrap_or(text.len());
    let (run, rest) = text.split_at_checked(end)?;
    let (mut value, mut count) = (0_i128, 0_u32);
    for digit in run.bytes().filter(u8::is_ascii_digit) {
        value = value
            .checked_mul(10)?
            .checked_add(i128::from(digit - b'0'))?;
        count += 1;
        if count as usize > MAX_DIGITS {
            return None;
        }
    }
    (count > 0 && run.starts_with(|c: char| c.is_ascii_digit())).then_some(((value, count), rest))
}

fn unit_ns(unit: &str) -> Option<i128> {
    const UNITS: [(&str, i128); 7] = [
        ("d", 86_400_000_000_000),
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1_000),
        ("ns", 1),
    ];
    UNITS
        .iter()
        .find(|(name, _)| unit.eq_ignore_ascii_case(name))
        .map(|(_, ns)| *ns)
}

/// Reads `2024-05-17` as microseconds since 1970-01-01.
pub(crate) fn date_us(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, '-');
    let year = number(parts.next()?, 4)?;
    let month = number(parts.next()?, 2)?;
    let day = number(parts.next()?, 2)?;
    let valid = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day);
    valid.then(|| days_since_1970(year, month, day) * DAY_US)
}

/// Reads `12:30:15` or `12:30:15.25` as microseconds since midnight.
pub(crate) fn time_of_day_us(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, ':');
    let hour = number(parts.next()?, 2)?;
    let minute = number(parts.next()?, 2)?;
    let seconds = parts.next()?;
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let second = number(whole, 2)?;
    let mut micros = number(fraction, 6)?;
    for _ in fraction.len()..6 {
        micros *= 10;
    }
    (hour < 24 && minute < 60 && second < 60)
        .then(|| ((hour * 60 + minute) * 60 + second) * SECOND_US + micros)
}

/// Reads `2024-05-17-12:30:15` as microseconds since 1970-01-01.
pub(crate) fn date_and_time_us(text: &str) -> Option<i64> {
    let (date, time) = text.rsplit_once('-')?;
    Some(date_us(date)? + time_of_day_us(time)?)
}

fn number(text: &str, most_digits: usize) -> Option<i64> {
    let digits =
        !text.is_empty() && text.len() <= most_digits && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the Gregorian calendar, by counting years from March so that the leap day is the last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    // 153 days every five months from March; 719468 days from 0000-03-01 to 1970-01-01.
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

/// Year, month and day of a count of days since 1970-01-01 that is not negative.
fn civil(days: i64) -> (i64, i64, i64) {
    let mut year = 1970 + days / 366;
    while days_since_1970(year + 1, 1, 1) <= days {
        year += 1;
    }
    let mut month = 1;
    while month < 12 && days_since_1970(year, month + 1, 1) <= days {
        month += 1;
    }
    (year, month, days - days_since_1970(year, month, 1) + 1)
}

/// Writes `2024-05-17`.
pub(crate) fn write_date(out: &mut impl Write, us: i64) -> fmt::Result {
    let (year, month, day) = civil(us.clamp(0, LAST_US) / DAY_US);
    write!(out, "{year:04}-{month:02}-{day:02}")
}

/// Writes `12:30:15` and, where there are any, the microseconds.
pub(crate) fn write_time_of_day(out: &mut impl Write, us: i64) -> fmt::Result {
    let us = us.rem_euclid(DAY_US);
    let (s, rest) = (us / SECOND_US, us % SECOND_US);
    write!(out, "{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)?;
    if rest == 0 {
        Ok(())
    } else {
        write!(out, ".{rest:06}")
    }
}

/// Writes a duration such as `T#1d2h3m4s5ms` without the parts that are zero.
pub(crate) fn write_duration(out: &mut impl Write, us: i64) -> fmt::Result {
    const PARTS: [(u64, &str); 6] = [
        (86_400_000_000, "d"),
        (3_600_000_000, "h"),
        (60_000_000, "m"),
        (1_000_000, "s"),
        (1_000, "ms"),
        (1, "us"),
    ];
    out.write_str(if us < 0 { "T#-" } else { "T#" })?;
    let mut rest = us.unsigned_abs();
    if rest == 0 {
        return out.write_str("0s");
    }
    for (unit_us, name) in PARTS {
        if rest >= unit_us {
            write!(out, "{}{name}", rest / unit_us)?;
            rest %= unit_us;
        }
    }
    Ok(())
}
