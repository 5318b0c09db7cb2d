//! A reader and a writer that cannot leave their bounds. Numbers are big-endian, as in every protocol here.

/// The input ended, or the output is full, before the value was complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unexpected end of data")]
pub struct UnexpectedEnd;

/// Reads values from the front of a byte slice.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader at the first byte of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Bytes not read so far.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Whether everything has been read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes all that is left.
    pub fn take_rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// Takes the next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], UnexpectedEnd> {
        let (head, tail) = self.rest.split_at_checked(count).ok_or(UnexpectedEnd)?;
        self.rest = tail;
        Ok(head)
    }

    /// Takes one byte.
    pub fn read_u8(&mut self) -> Result<u8, UnexpectedEnd> {
        self.read_array::<1>().map(u8::from_be_bytes)
    }

    /// Takes a 16-bit number.
    pub fn read_u16(&mut self) -> Result<u16, UnexpectedEnd> {
        self.read_array().map(u16::from_be_bytes)
    }

    /// Takes a 32-bit number.
    pub fn read_u32(&mut self) -> Result<u32, UnexpectedEnd> {
        self.read_array().map(u32::from_be_bytes)
    }

    /// Takes a 64-bit number.
    pub fn read_u64(&mut self) -> Result<u64, UnexpectedEnd> {
        self.read_array().map(u64::from_be_bytes)
    }

    /// Takes `N` bytes as an array.
    pub fn read_array<const N: usize>(&mut self) -> Result<[u8; N], UnexpectedEnd> {
        let (head, tail) = self.rest.split_first_chunk::<N>().ok_or(UnexpectedEnd)?;
        self.rest = tail;
        Ok(*head)
    }
}

/// Appends values to a byte vector up to a limit.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
    room: usize,
}

impl<'a> Writer<'a> {
    /// A writer that appends at most `limit` bytes to `out`.
    pub const fn new(out: &'a mut Vec<u8>, limit: usize) -> Self {
        Self { out, room: limit }
    }

    /// Bytes that still fit.
    #[must_use]
    pub const fn room(&self) -> usize {
        self.room
    }

    /// Appends `bytes` or nothing.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), UnexpectedEnd> {
        self.room = self.room.checked_sub(bytes.len()).ok_or(UnexpectedEnd)?;
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    /// Appends one byte.
    pub fn write_u8(&mut self, value: u8) -> Result<(), UnexpectedEnd> {
        self.write(&[value])
    }

    /// Appends a 16-bit number.
    pub fn write_u16(&mut self, value: u16) -> Result<(), UnexpectedEnd> {
        self.write(&value.to_be_bytes())
    }

    /// Appends a 32-bit number.
    pub fn write_u32(&mut self, value: u32) -> Result<(), UnexpectedEnd> {
        self.write(&value.to_be_bytes())
    }

    /// Appends a 64-bit number.
    pub fn write_u64(&mut self, value: u64) -> Result<(), UnexpectedEnd> {
        self.write(&value.to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_big_endian_and_stops_at_the_end() {
        let mut reader = Reader::new(&[1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(reader.read_u8(), Ok(1));
        assert_eq!(reader.read_u16(), Ok(0x0203));
        assert_eq!(reader.read_u32(), Ok(0x0405_0607));
        assert_eq!(reader.read_u16(), Err(UnexpectedEnd));
        assert_eq!(reader.take_rest(), &[8]);
        assert!(reader.is_empty());
    }

    #[test]
    fn a_full_writer_appends_nothing() {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out, 3);
        assert_eq!(writer.write_u16(0x0102), Ok(()));
        assert_eq!(writer.write_u16(0x0304), Err(UnexpectedEnd));
        assert_eq!(writer.write_u8(9), Ok(()));
        assert_eq!(out, [1, 2, 9]);
    }
}
