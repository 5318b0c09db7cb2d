//! Values that know their place.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::codes::code;
use crate::problem::{Finding, Findings};
use crate::source::{FileId, Span};

/// Name under which [`Spanned`] asks its deserializer for a place.
pub(crate) const SPANNED_TOKEN: &str = "$sim_authored::Spanned";

/// A value and the place in an author's file where it stands.
///
/// Comparing, ordering and hashing look at the value alone. Read through anything but
/// [`crate::parse_ron`], the span is that of the first byte of file 0.
#[derive(Clone, Copy, Default)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

/// A map as written: entries in the order of the file, each key with its place.
///
/// Equal keys are kept, so that [`Entries::report_duplicates`] can name both places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entries<V> {
    list: Vec<(Spanned<String>, V)>,
}

impl<T> Spanned<T> {
    /// Joins a value and its place.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }

    /// Makes a finding at this place: what is there, and what to do.
    pub fn problem(
        &self,
        code: &'static str,
        there: impl Into<String>,
        help: impl Into<String>,
    ) -> Finding {
        Finding::new(code, self.span, there, help)
    }

    /// Turns the value into another one at the same place.
    pub fn map<U>(self, turn: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned::new(turn(self.value), self.span)
    }

    /// Borrows the value with its place.
    pub fn as_ref(&self) -> Spanned<&T> {
        Spanned::new(&self.value, self.span)
    }
}

impl<V> Entries<V> {
    /// Returns the entries in the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, (Spanned<String>, V)> {
        self.list.iter()
    }

    /// Returns the number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Returns whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Returns the first value under a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&V> {
        let found = self.list.iter().find(|(name, _)| name.value == key);
        found.map(|(_, value)| value)
    }

    /// Returns all keys in the order of the file.
    pub fn keys(&self) -> impl Iterator<Item = &str> + Clone {
        self.list.iter().map(|(key, _)| key.value.as_str())
    }

    /// Reports each key that is written more than once, with the place of the first.
    pub fn report_duplicates(&self, what: &str, findings: &mut Findings) {
        report_duplicates(self.list.iter().map(|(key, _)| key), what, findings);
    }
}

/// Reports each name that comes more than once, with the place of the first.
pub fn report_duplicates<'a>(
    names: impl IntoIterator<Item = &'a Spanned<String>>,
    what: &str,
    findings: &mut Findings,
) {
    let mut sorted: Vec<&Spanned<String>> = names.into_iter().collect();
    sorted.sort_by(|a, b| a.value.cmp(&b.value).then(a.span.cmp(&b.span)));
    for group in sorted.chunk_by(|a, b| a.value == b.value) {
        let Some((first, again)) = group.split_first() else {
            continue;
        };
        for name in again {
            let there = format!("the {what} `{}` is already defined", name.value);
            let found = name.problem(code::DUPLICATE_NAME, there, "give each its own name");
            findings.push(found.related(first.span, "the first one is here"));
        }
    }
}

impl<V> Default for Entries<V> {
    fn default() -> Self {
        Self { list: Vec::new() }
    }
}

impl<V> IntoIterator for Entries<V> {
    type Item = (Spanned<String>, V);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}

impl<'a, V> IntoIterator for &'a Entries<V> {
    type Item = &'a (Spanned<String>, V);
    type IntoIter = std::slice::Iter<'a, (Spanned<String>, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

impl<T> Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Spanned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: fmt::Display> fmt::Display for Spanned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Spanned<T> {}

impl<T: PartialOrd> PartialOrd for Spanned<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.value.partial_cmp(&other.value)
    }
}

impl<T: Ord> Ord for Spanned<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.value.cmp(&other.value)
    }
}

impl<T: Hash> Hash for Spanned<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.value.hash(state);
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spanned<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(SPANNED_TOKEN, SpannedVisitor(PhantomData))
    }
}

struct SpannedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for SpannedVisitor<T> {
    type Value = Spanned<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    /// Takes file, start, end and value from a deserializer that knows places.
    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut number = || {
            let found: Option<u32> = access.next_element()?;
            found.ok_or_else(|| de::Error::custom("a place has three numbers"))
        };
        let (file, start, end) = (number()?, number()?, number()?);
        let file = FileId(u16::try_from(file).unwrap_or(u16::MAX));
        let value: Option<T> = access.next_element()?;
        let value = value.ok_or_else(|| de::Error::custom("a place has a value"))?;
        Ok(Spanned::new(value, Span::new(file, start, end)))
    }

    /// Takes the value alone from a deserializer that does not.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Self::Value, D::Error> {
        T::deserialize(inner).map(|value| Spanned::new(value, Span::default()))
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Entries<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor(PhantomData))
    }
}

struct EntriesVisitor<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for EntriesVisitor<V> {
    type Value = Entries<V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map from names to values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = access.next_entry()? {
            list.push(entry);
        }
        Ok(Entries { list })
    }
}
