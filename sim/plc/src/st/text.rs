//! Texts in slots, and the functions of texts.
//!
//! A STRING of `n` characters is one slot with its length and `n / 8` slots (rounded up) with eight characters each, the
//! first in the highest byte; behind the end are zeros, so that equal texts have equal slots. A text is passed as a
//! reference: its first slot in the low 16 bits, its capacity in the next 8.
//!
//! What does not fit is cut off, and lengths and places are cut to what a text has, as OpenPLC's library does.
#![allow(
    clippy::cast_possible_truncation,
    reason = "slots are untyped 64-bit words; references and lengths are cut to the width that they have"
)]

use std::fmt::{self, Write};

use super::dates;
use super::fault::FaultKind;
use super::instr::{Slot, TextConvert, TextFn};
use super::numeric::{f32_of, f64_of, i64_of, slot_f32, slot_f64, slot_i64};
use super::types::{IntTy, RANGES};

/// Characters of a STRING without a length, as in OpenPLC.
pub(crate) const DEFAULT_CHARS: u8 = 126;
/// Characters of the longest STRING, as in S7.
pub(crate) const MAX_CHARS: u8 = 254;

/// Slots that a STRING of this capacity takes.
pub(crate) const fn slots_of(capacity: u8) -> usize {
    1 + (capacity as usize).div_ceil(8)
}

/// Reference to the text at `slot`.
pub(crate) fn reference(slot: Slot, capacity: u8) -> u64 {
    u64::from(slot) | u64::from(capacity) << 16
}

/// Slots that hold `bytes`, as many as a text of `capacity` has.
pub(crate) fn image(capacity: u8, bytes: &[u8]) -> Vec<u64> {
    let mut slots = vec![0; slots_of(capacity)];
    store(&mut slots, reference(0, capacity), bytes);
    slots
}

/// The text at `slot`; characters above 127 are those of ISO 8859-1.
pub(crate) fn string(slots: &[u64], slot: usize, capacity: u8) -> Option<String> {
    let slot = Slot::try_from(slot).ok()?;
    let text = Text::load(slots, reference(slot, capacity));
    Some(text.bytes().iter().map(|b| char::from(*b)).collect())
}

/// A copy of a text.
struct Text {
    length: usize,
    characters: [u8; 256],
}

impl Text {
    const EMPTY: Self = Self {
        length: 0,
        characters: [0; 256],
    };

    fn load(slots: &[u64], reference: u64) -> Self {
        let mut text = Self::EMPTY;
        let (start, capacity) = parts(reference);
        let Some((length, words)) = slots.get(start..).and_then(<[u64]>::split_first) else {
            return text;
        };
        text.length = usize::try_from(*length).unwrap_or(capacity).min(capacity);
        let target = text.characters.chunks_exact_mut(8);
        for (bytes, word) in target.zip(words).take(text.length.div_ceil(8)) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        text
    }

    fn bytes(&self) -> &[u8] {
        self.characters.get(..self.length).unwrap_or_default()
    }

    /// Appends what fits.
    fn push(&mut self, bytes: &[u8]) {
        let most = usize::from(MAX_CHARS);
        let n = bytes.len().min(most.saturating_sub(self.length));
        let (Some(target), Some(source)) = (
            self.characters.get_mut(self.length..self.length + n),
            bytes.get(..n),
        ) else {
            return;
        };
        target.copy_from_slice(source);
        self.length += n;
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

/// First slot and capacity of a reference.
pub(crate) fn parts(reference: u64) -> (usize, usize) {
    (
        usize::from(reference as u16),
        usize::from((reference >> 16) as u8),
    )
}

/// Stores as much of `bytes` as fits.
fn store(slots: &mut [u64], reference: u64, bytes: &[u8]) {
    let (start, capacity) = parts(reference);
    let length = bytes.len().min(capacity);
    let Some((first, words)) = slots.get_mut(start..).and_then(<[u64]>::split_first_mut) else {
        return;
    };
    *first = length as u64;
    let mut chunks = bytes.get(..length).unwrap_or_default().chunks(8);
    for word in words.iter_mut().take(capacity.div_ceil(8)) {
        let mut eight = [0; 8];
        if let Some(chunk) = chunks.next() {
            for (to, from) in eight.iter_mut().zip(chunk) {
                *to = *from;
            }
        }
        *word = u64::from_be_bytes(eight);
    }
}

fn get(slots: &[u64], slot: Slot) -> u64 {
    slots.get(usize::from(slot)).copied().unwrap_or(0)
}

fn set(slots: &mut [u64], slot: Slot, value: u64) {
    if let Some(target) = slots.get_mut(usize::from(slot)) {
        *target = value;
    }
}

/// A length from 0 to 254.
fn length(slots: &[u64], slot: Slot) -> usize {
    i64_of(get(slots, slot)).clamp(0, i64::from(MAX_CHARS)) as usize
}

/// Bytes before and from place `place`, which counts from 1.
fn split(bytes: &[u8], place: usize) -> (&[u8], &[u8]) {
    bytes.split_at(place.saturating_sub(1).min(bytes.len()))
}

/// Runs a function of texts.
#[inline(never)]
pub(crate) fn run(
    f: TextFn,
    slots: &mut [u64],
    d: Slot,
    a: Slot,
    b: Slot,
) -> Result<(), FaultKind> {
    let text = Text::load(slots, get(slots, a));
    let bytes = text.bytes();
    let mut out = Text::EMPTY;
    match f {
        TextFn::Copy => out.push(bytes),
        TextFn::Len => {
            set(slots, d, text.length as u64);
            return Ok(());
        }
        TextFn::Eq | TextFn::Ne | TextFn::Lt | TextFn::Le | TextFn::Find => {
            let other = Text::load(slots, get(slots, b));
            set(slots, d, relation(f, bytes, other.bytes()));
            return Ok(());
        }
        TextFn::Left => out.push(split(bytes, length(slots, b) + 1).0),
        TextFn::Right => {
            let skip = bytes.len().saturating_sub(length(slots, b));
            out.push(split(bytes, skip + 1).1);
        }
        TextFn::Concat => {
            out.push(bytes);
            out.push(Text::load(slots, get(slots, b)).bytes());
        }
        TextFn::Mid | TextFn::Delete => {
            let (count, place) = (length(slots, b), length(slots, b.saturating_add(1)));
            let (before, from) = split(bytes, place);
            let (middle, after) = split(from, count + 1);
            if f == TextFn::Mid {
                out.push(middle);
            } else {
                out.push(before);
                out.push(after);
            }
        }
        TextFn::Insert => {
            let place = length(slots, b.saturating_add(1));
            let (before, after) = split(bytes, place + 1);
            out.push(before);
            out.push(Text::load(slots, get(slots, b)).bytes());
            out.push(after);
        }
        TextFn::Replace => {
            let count = length(slots, b.saturating_add(1));
            let (before, from) = split(bytes, length(slots, b.saturating_add(2)));
            out.push(before);
            out.push(Text::load(slots, get(slots, b)).bytes());
            out.push(split(from, count + 1).1);
        }
    }
    store(slots, get(slots, d), out.bytes());
    Ok(())
}

fn relation(f: TextFn, a: &[u8], b: &[u8]) -> u64 {
    match f {
        TextFn::Eq => u64::from(a == b),
        TextFn::Ne => u64::from(a != b),
        TextFn::Lt => u64::from(a < b),
        TextFn::Le => u64::from(a <= b),
        _ if b.is_empty() => 0,
        _ => a
            .windows(b.len())
            .position(|window| window == b)
            .map_or(0, |at| at as u64 + 1),
    }
}

/// Converts between a text and a number.
#[inline(never)]
pub(crate) fn convert(
    how: TextConvert,
    slots: &mut [u64],
    d: Slot,
    a: Slot,
) -> Result<(), FaultKind> {
    let bits = get(slots, a);
    let mut out = Text::EMPTY;
    let is_text = match how {
        TextConvert::FromBool => out.write_str(if bits == 0 { "FALSE" } else { "TRUE" }),
        TextConvert::FromInt => write!(out, "{}", i64_of(bits)),
        TextConvert::FromUnsigned => write!(out, "{bits}"),
        TextConvert::FromBits(width) => {
            write!(out, "16#{bits:0digits$X}", digits = usize::from(width) / 4)
        }
        TextConvert::FromReal => write_real(&mut out, f32_of(bits), f64::from(f32_of(bits))),
        TextConvert::FromLreal => write_real(&mut out, f64_of(bits), f64_of(bits)),
        TextConvert::FromTime => dates::write_duration(&mut out, i64_of(bits)),
        TextConvert::FromDate => out
            .write_str("D#")
            .and_then(|()| dates::write_date(&mut out, i64_of(bits))),
        TextConvert::FromTod => out
            .write_str("TOD#")
            .and_then(|()| dates::write_time_of_day(&mut out, i64_of(bits))),
        TextConvert::FromDt => out
            .write_str("DT#")
            .and_then(|()| dates::write_date(&mut out, i64_of(bits)))
            .and_then(|()| out.write_str("-"))
            .and_then(|()| dates::write_time_of_day(&mut out, i64_of(bits))),
        _ => Err(fmt::Error),
    };
    if is_text.is_ok() {
        store(slots, get(slots, d), out.bytes());
        return Ok(());
    }
    let text = Text::load(slots, bits);
    let text = std::str::from_utf8(text.bytes()).map_err(|_| FaultKind::BadValue)?;
    let value = parse(how, text.trim()).ok_or(FaultKind::BadValue)?;
    set(slots, d, value);
    Ok(())
}

/// The shortest digits that stand for this REAL or LREAL; very large and very small ones with an exponent.
fn write_real<T: fmt::Display + fmt::LowerExp>(
    out: &mut Text,
    value: T,
    magnitude: f64,
) -> fmt::Result {
    let plain = magnitude == 0.0 || (1e-4..1e10).contains(&libm::fabs(magnitude));
    if plain {
        write!(out, "{value}")
    } else {
        write!(out, "{value:e}")
    }
}

fn parse(how: TextConvert, text: &str) -> Option<u64> {
    Some(match how {
        TextConvert::ToBool if text.eq_ignore_ascii_case("TRUE") || text == "1" => 1,
        TextConvert::ToBool if text.eq_ignore_ascii_case("FALSE") || text == "0" => 0,
        TextConvert::ToInt(ty) => whole(ty, text)?,
        TextConvert::ToReal => {
            let value = text.parse::<f32>().ok().filter(|v| v.is_finite())?;
            slot_f32(value)
        }
        TextConvert::ToLreal => {
            let value = text.parse::<f64>().ok().filter(|v| v.is_finite())?;
            slot_f64(value)
        }
        TextConvert::ToTime => {
            slot_i64(dates::duration_us(without_prefix(text, &["T#", "TIME#"]))?)
        }
        TextConvert::ToDate => slot_i64(dates::date_us(without_prefix(text, &["D#", "DATE#"]))?),
        TextConvert::ToTod => slot_i64(dates::time_of_day_us(without_prefix(
            text,
            &["TOD#", "TIME_OF_DAY#"],
        ))?),
        TextConvert::ToDt => slot_i64(dates::date_and_time_us(without_prefix(
            text,
            &["DT#", "DATE_AND_TIME#"],
        ))?),
        _ => return None,
    })
}

/// An integer such as `-5` or `16#FF` inside the range of its type.
fn whole(ty: IntTy, text: &str) -> Option<u64> {
    let value = match text.split_once('#') {
        Some(("2", digits)) => i128::from_str_radix(digits, 2).ok()?,
        Some(("8", digits)) => i128::from_str_radix(digits, 8).ok()?,
        Some(("16", digits)) => i128::from_str_radix(digits, 16).ok()?,
        Some(_) => return None,
        None => text.parse().ok()?,
    };
    if ty == IntTy::Ulint {
        return u64::try_from(value).ok();
    }
    let (low, high) = RANGES.get(ty as usize)?;
    let value = i64::try_from(value).ok()?;
    (low..=high).contains(&&value).then(|| slot_i64(value))
}

fn without_prefix<'a>(text: &'a str, prefixes: &[&str]) -> &'a str {
    prefixes
        .iter()
        .find_map(|prefix| {
            let (head, rest) = text.split_at_checked(prefix.len())?;
            head.eq_ignore_ascii_case(prefix).then_some(rest)
        })
        .unwrap_or(text)
}
