//! A deserializer around another one that tells [`crate::Spanned`] values where they stand.
//!
//! `ron` keeps no places, but a borrowed `RawValue` is a slice of the text that is being read. When
//! a `Spanned` asks for its value, the slice of that value is taken, its distance from the start of
//! the text is the offset, and the slice is then read in turn. Everything else is passed through,
//! wrapped again on the way down, so that places reach into lists, maps, options and enums. On the
//! way non-finite numbers and overlong lists are refused.

use std::cell::RefCell;
use std::fmt;

use ron::value::RawValue;
use serde::de::value::U32Deserializer;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, MapAccess,
    SeqAccess, VariantAccess, Visitor,
};

use crate::limits::LIST_MAX;
use crate::parse::{offset_of, options};
use crate::source::{FileId, count};
use crate::spanned::SPANNED_TOKEN;

/// Why reading stopped, as far as the wrapped deserializer cannot say it itself.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    /// Byte range in the whole text, as soon as it is known.
    pub(crate) place: Option<(u32, u32)>,
}

#[derive(Clone, Debug)]
pub(crate) enum FaultKind {
    NotFinite,
    ListTooLong,
    /// A field that its type would skip; these are the fields that it has.
    UnknownField(&'static [&'static str]),
    Ron(ron::Error),
}

/// What all layers of one reading share.
#[derive(Clone, Copy)]
pub(crate) struct Context<'c, 'de> {
    pub(crate) text: &'de str,
    pub(crate) file: FileId,
    pub(crate) fault: &'c RefCell<Option<Fault>>,
}

impl Context<'_, '_> {
    fn stop<E: Error>(&self, kind: FaultKind) -> E {
        let message = match &kind {
            FaultKind::NotFinite => "not a finite number".to_owned(),
            FaultKind::ListTooLong => "too many elements".to_owned(),
            FaultKind::UnknownField(_) => "unknown field".to_owned(),
            FaultKind::Ron(error) => error.to_string(),
        };
        self.note(kind, None);
        E::custom(message)
    }

    /// Keeps the first fault, and its place as soon as somebody knows it.
    fn note(&self, kind: FaultKind, place: Option<(u32, u32)>) {
        let mut fault = self.fault.borrow_mut();
        match fault.as_mut() {
            None => *fault = Some(Fault { kind, place }),
            Some(first) if first.place.is_none() => first.place = place,
            Some(_) => {}
        }
    }

    fn start_of(&self, slice: &str) -> Option<usize> {
        let start = slice
            .as_ptr()
            .addr()
            .checked_sub(self.text.as_ptr().addr())?;
        (self.text.get(start..)?.starts_with(slice)).then_some(start)
    }
}

/// The wrapper; `D` is a deserializer or one of serde's access types.
pub(crate) struct Placed<'c, 'de, D> {
    pub(crate) inner: D,
    pub(crate) context: Context<'c, 'de>,
    seen: usize,
    fields: &'static [&'static str],
}

impl<'c, 'de, D> Placed<'c, 'de, D> {
    pub(crate) fn new(inner: D, context: Context<'c, 'de>) -> Self {
        Self {
            inner,
            context,
            seen: 0,
            fields: &[],
        }
    }

    /// Remembers the fields of the struct that is being read.
    fn with_fields(self, fields: &'static [&'static str]) -> Self {
        Self { fields, ..self }
    }

    fn count_element<E: Error>(&mut self) -> Result<(), E> {
        self.seen = self.seen.saturating_add(1);
        if self.seen > LIST_MAX.saturating_add(1) {
            return Err(self.context.stop(FaultKind::ListTooLong));
        }
        Ok(())
    }
}

/// Reads a `Spanned`: takes the slice of its value, then reads the slice.
fn read_spanned<'de, D, V>(placed: Placed<'_, 'de, D>, visitor: V) -> Result<V::Value, D::Error>
where
    D: Deserializer<'de>,
    V: Visitor<'de>,
{
    let context = placed.context;
    let slice = <&'de RawValue>::deserialize(placed.inner)?.trim().get_ron();
    let start = context
        .start_of(slice)
        .ok_or_else(|| D::Error::custom("the value is not part of the text"))?;
    let end = start.saturating_add(slice.len());
    let whole = (count(start), count(end));
    let stop = |error: ron::error::SpannedError| {
        let place = place_of_error(slice, start, &error);
        let message = error.to_string();
        context.note(FaultKind::Ron(error.code), Some(place));
        D::Error::custom(message)
    };
    let mut inner = ron::Deserializer::from_str_with_options(slice, &options()).map_err(stop)?;
    let access = PlaceThenValue {
        numbers: [u32::from(context.file.0), whole.0, whole.1],
        taken: 0,
        inner: Some(Placed::new(&mut inner, context)),
    };
    let result = visitor.visit_seq(access);
    let ended = result.and_then(|value| inner.end().map(|()| value));
    ended.map_err(|error| {
        let spanned = inner.span_error(error);
        stop(spanned)
    })
}

/// Returns the range of an error in the whole text: all of a simple value, else where it arose.
fn place_of_error(slice: &str, start: usize, error: &ron::error::SpannedError) -> (u32, u32) {
    let end = start.saturating_add(slice.len());
    if !slice.contains(['(', '[', '{', '\n']) {
        return (count(start), count(end));
    }
    let from = start.saturating_add(offset_of(slice, error.span.start));
    let to = start.saturating_add(offset_of(slice, error.span.end));
    (count(from), count(to.max(from)))
}

/// Hands out file, start, end and then the value.
struct PlaceThenValue<'c, 'de, 'i> {
    numbers: [u32; 3],
    taken: usize,
    inner: Option<Placed<'c, 'de, &'i mut ron::Deserializer<'de>>>,
}

impl<'de> SeqAccess<'de> for PlaceThenValue<'_, 'de, '_> {
    type Error = ron::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Self::Error> {
        if let Some(number) = self.numbers.get(self.taken) {
            self.taken = self.taken.saturating_add(1);
            let number: U32Deserializer<ron::Error> = number.into_deserializer();
            return seed.deserialize(number).map(Some);
        }
        match self.inner.take() {
            Some(inner) => seed.deserialize(inner).map(Some),
            None => Ok(None),
        }
    }
}

macro_rules! forward {
    ($($method:ident($($argument:ident: $kind:ty),*);)*) => {
        $(fn $method<V: Visitor<'de>>(
            self, $($argument: $kind,)* visitor: V,
        ) -> Result<V::Value, D::Error> {
            self.inner.$method($($argument,)* Placed::new(visitor, self.context))
        })*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Placed<'_, 'de, D> {
    type Error = D::Error;

    forward! {
        deserialize_any();
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_i128();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_u128();
        deserialize_f32();
        deserialize_f64();
        deserialize_char();
        deserialize_str();
        deserialize_string();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_option();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_seq();
        deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_map();
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_identifier();
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let visitor = Placed::new(visitor, self.context).with_fields(fields);
        self.inner.deserialize_struct(name, fields, visitor)
    }

    /// A type that ignores a value would hide an author's slip, whatever attributes it has.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, D::Error> {
        Err(self.context.stop(FaultKind::UnknownField(self.fields)))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        if name == SPANNED_TOKEN {
            return read_spanned(self, visitor);
        }
        let visitor = Placed::new(visitor, self.context);
        self.inner.deserialize_newtype_struct(name, visitor)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! forward_visits {
    ($($method:ident($kind:ty);)*) => {
        $(fn $method<E: Error>(self, value: $kind) -> Result<V::Value, E> {
            self.inner.$method(value)
        })*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Placed<'_, 'de, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    forward_visits! {
        visit_bool(bool);
        visit_i8(i8);
        visit_i16(i16);
        visit_i32(i32);
        visit_i64(i64);
        visit_i128(i128);
        visit_u8(u8);
        visit_u16(u16);
        visit_u32(u32);
        visit_u64(u64);
        visit_u128(u128);
        visit_char(char);
        visit_str(&str);
        visit_borrowed_str(&'de str);
        visit_string(String);
        visit_bytes(&[u8]);
        visit_borrowed_bytes(&'de [u8]);
        visit_byte_buf(Vec<u8>);
    }

    fn visit_f32<E: Error>(self, value: f32) -> Result<V::Value, E> {
        if !value.is_finite() {
            return Err(self.context.stop(FaultKind::NotFinite));
        }
        self.inner.visit_f32(value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<V::Value, E> {
        if !value.is_finite() {
            return Err(self.context.stop(FaultKind::NotFinite));
        }
        self.inner.visit_f64(value)
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.inner
            .visit_some(Placed::new(deserializer, self.context))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<V::Value, D::Error> {
        self.inner
            .visit_newtype_struct(Placed::new(deserializer, self.context))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        self.inner.visit_seq(Placed::new(access, self.context))
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        let access = Placed::new(access, self.context).with_fields(self.fields);
        self.inner.visit_map(access)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<V::Value, A::Error> {
        self.inner.visit_enum(Placed::new(access, self.context))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Placed<'_, 'de, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        let deserializer = Placed::new(deserializer, self.context).with_fields(self.fields);
        self.inner.deserialize(deserializer)
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Placed<'_, 'de, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.count_element()?;
        self.inner
            .next_element_seed(Placed::new(seed, self.context))
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Placed<'_, 'de, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.count_element()?;
        self.inner.next_key_seed(Placed::new(seed, self.context))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let seed = Placed::new(seed, self.context).with_fields(self.fields);
        self.inner.next_value_seed(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'c, 'de, A: EnumAccess<'de>> EnumAccess<'de> for Placed<'c, 'de, A> {
    type Error = A::Error;
    type Variant = Placed<'c, 'de, A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), A::Error> {
        let context = self.context;
        let (value, variant) = self.inner.variant_seed(Placed::new(seed, context))?;
        Ok((value, Placed::new(variant, context)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Placed<'_, 'de, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.inner
            .newtype_variant_seed(Placed::new(seed, self.context))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.inner
            .tuple_variant(len, Placed::new(visitor, self.context))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let visitor = Placed::new(visitor, self.context).with_fields(fields);
        self.inner.struct_variant(fields, visitor)
    }
}
