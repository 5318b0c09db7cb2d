//! Bytes of a saved state: little-endian, fixed layout, every value checked on the way in.

use crate::contract::RestoreError;

/// Appends values to a saved state.
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    /// Starts a saved state with the kind's header.
    pub(crate) fn new(header: &[u8]) -> Self {
        Self(header.to_vec())
    }

    pub(crate) fn flag(&mut self, value: bool) {
        self.0.push(u8::from(value));
    }

    pub(crate) fn word(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn real(&mut self, value: f64) {
        self.word(value.to_bits());
    }

    pub(crate) fn reals(&mut self, values: &[f64]) {
        for value in values {
            self.real(*value);
        }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Takes values from a saved state; the bytes may come from anyone.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Opens a saved state, if it starts with the kind's header.
    pub(crate) fn new(bytes: &'a [u8], header: &[u8]) -> Result<Self, RestoreError> {
        bytes
            .strip_prefix(header)
            .map(Self)
            .ok_or(RestoreError::Header)
    }

    pub(crate) fn flag(&mut self, what: &'static str) -> Result<bool, RestoreError> {
        match self.take::<1>()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(RestoreError::Value { what }),
        }
    }

    pub(crate) fn word(&mut self) -> Result<u64, RestoreError> {
        Ok(u64::from_le_bytes(self.take::<8>()?))
    }

    /// A number from `min` to `max`; NaN and infinities never are.
    pub(crate) fn real(
        &mut self,
        what: &'static str,
        min: f64,
        max: f64,
    ) -> Result<f64, RestoreError> {
        let value = f64::from_bits(self.word()?);
        if (min..=max).contains(&value) {
            Ok(value)
        } else {
            Err(RestoreError::Value { what })
        }
    }

    /// `N` numbers, each from `min` to `max`.
    pub(crate) fn reals<const N: usize>(
        &mut self,
        what: &'static str,
        min: f64,
        max: f64,
    ) -> Result<[f64; N], RestoreError> {
        let mut values = [0.0; N];
        for value in &mut values {
            *value = self.real(what, min, max)?;
        }
        Ok(values)
    }

    /// Ends the reading; bytes left over are an error.
    pub(crate) fn finish(self) -> Result<(), RestoreError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(RestoreError::Length)
        }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], RestoreError> {
        let (head, rest) = self
            .0
            .split_first_chunk::<N>()
            .ok_or(RestoreError::Length)?;
        self.0 = rest;
        Ok(*head)
    }
}
