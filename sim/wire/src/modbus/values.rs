//! Bounded values of packets, held inline so that no request needs the heap.

use std::fmt;

/// Most bits that one read may ask for (specification, 6.1).
pub const MAX_READ_BITS: u16 = 2000;
/// Most coils that one write may carry (specification, 6.11).
pub const MAX_WRITE_BITS: u16 = 1968;
/// Most registers that one read may ask for (specification, 6.3).
pub const MAX_READ_WORDS: u16 = 125;
/// Most registers that one write may carry (specification, 6.12).
pub const MAX_WRITE_WORDS: u16 = 123;
/// Most registers that function 23 may write (specification, 6.17).
pub const MAX_READ_WRITE_WORDS: u16 = 121;
/// Most bytes that follow the byte count of a Read File Record request and of its response (specification, 6.14).
pub const MAX_FILE_READ_BYTES: usize = 0xF5;
/// Most bytes that follow the byte count of a Write File Record request (specification, 6.15).
pub const MAX_FILE_WRITE_BYTES: usize = 0xFB;
/// Last record of a file (specification, 6.14).
pub const MAX_FILE_RECORD: u16 = 9999;
/// Most values of a FIFO queue (specification, 6.18).
pub const MAX_FIFO_VALUES: u16 = 31;

/// A first address and a quantity of 1 to `MAX`. The end may lie beyond 65535: that is for the device to refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span<const MAX: u16> {
    start: u16,
    count: u16,
}

/// A range of bits to read.
pub type BitSpan = Span<MAX_READ_BITS>;
/// A range of registers to read.
pub type WordSpan = Span<MAX_READ_WORDS>;

impl<const MAX: u16> Span<MAX> {
    /// A span of `count` items from `start`; `None` when the count is 0 or above `MAX`.
    #[must_use]
    pub const fn new(start: u16, count: u16) -> Option<Self> {
        if count == 0 || count > MAX {
            None
        } else {
            Some(Self { start, count })
        }
    }

    /// First address.
    #[must_use]
    pub const fn start(self) -> u16 {
        self.start
    }

    /// Quantity.
    #[must_use]
    pub const fn count(self) -> u16 {
        self.count
    }
}

/// One to `MAX` items, inline.
#[derive(Clone)]
pub struct List<T, const MAX: usize> {
    len: usize,
    items: [T; MAX],
}

impl<T: Copy + Default, const MAX: usize> List<T, MAX> {
    /// A copy of `items`; `None` when there are none or more than `MAX`.
    #[must_use]
    pub fn new(items: &[T]) -> Option<Self> {
        let mut list = Self::zeroed(items.len())?;
        list.as_mut_slice().copy_from_slice(items);
        Some(list)
    }

    /// `len` default values; `None` when `len` is 0 or above `MAX`.
    #[must_use]
    pub fn zeroed(len: usize) -> Option<Self> {
        (1..=MAX).contains(&len).then(|| Self {
            len,
            items: [T::default(); MAX],
        })
    }

    /// Exactly these items; the build fails when there are none or more than `MAX`.
    #[must_use]
    pub fn from_array<const N: usize>(items: [T; N]) -> Self {
        const { assert!(N >= 1 && N <= MAX, "a list holds 1 to MAX items") };
        let mut list = Self {
            len: N,
            items: [T::default(); MAX],
        };
        list.as_mut_slice().copy_from_slice(&items);
        list
    }

    /// The items.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        self.items.get(..self.len).unwrap_or(&self.items)
    }

    /// The items, to change.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        let len = self.len.min(MAX);
        self.items.split_at_mut(len).0
    }
}

impl<T: Copy + Default, const MAX: usize> std::ops::Deref for List<T, MAX> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        self.as_slice()
    }
}

impl<T: PartialEq + Copy + Default, const MAX: usize> PartialEq for List<T, MAX> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl<T: Eq + Copy + Default, const MAX: usize> Eq for List<T, MAX> {}

impl<T: fmt::Debug + Copy + Default, const MAX: usize> fmt::Debug for List<T, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

/// One to `8 * BYTES` bits, packed as on the wire: the first bit is the lowest of the first byte.
#[derive(Clone, PartialEq, Eq)]
pub struct Bits<const BYTES: usize> {
    count: u16,
    packed: [u8; BYTES],
}

/// Bits of a read's response.
pub type ReadBits = Bits<250>;
/// Bits of a write's request.
pub type WriteBits = Bits<246>;

/// Bytes that hold `count` packed bits.
#[must_use]
pub const fn packed_bytes(count: u16) -> usize {
    (count as usize).div_ceil(8)
}

impl<const BYTES: usize> Bits<BYTES> {
    /// The bits `bits`; `None` when there are none or too many.
    #[must_use]
    pub fn new(bits: &[bool]) -> Option<Self> {
        let count = u16::try_from(bits.len()).ok()?;
        let mut packed = [0; BYTES];
        if count == 0 || packed_bytes(count) > BYTES {
            return None;
        }
        for (byte, chunk) in packed.iter_mut().zip(bits.chunks(8)) {
            *byte = chunk
                .iter()
                .rev()
                .fold(0, |byte, &bit| byte << 1 | u8::from(bit));
        }
        Some(Self { count, packed })
    }

    /// The first `count` bits of `bytes`; `None` when `count` is 0 or too many or `bytes` does not hold exactly them.
    /// Unused bits of the last byte are cleared.
    #[must_use]
    pub fn from_packed(count: u16, bytes: &[u8]) -> Option<Self> {
        let used = packed_bytes(count);
        if count == 0 || used > BYTES || bytes.len() != used {
            return None;
        }
        let mut packed = [0; BYTES];
        packed.get_mut(..used)?.copy_from_slice(bytes);
        if !count.is_multiple_of(8) {
            *packed.get_mut(used - 1)? &= (1_u8 << (count % 8)) - 1;
        }
        Some(Self { count, packed })
    }

    /// Number of bits.
    #[must_use]
    pub const fn count(&self) -> u16 {
        self.count
    }

    /// The bits in order.
    pub fn iter(&self) -> impl Iterator<Item = bool> + '_ {
        (0..self.count).map(|index| self.get(index) == Some(true))
    }

    /// One bit; `None` beyond the last.
    #[must_use]
    pub fn get(&self, index: u16) -> Option<bool> {
        let byte = self.packed.get(usize::from(index / 8))?;
        (index < self.count).then_some(byte >> (index % 8) & 1 == 1)
    }

    /// The packed bytes.
    #[must_use]
    pub fn packed(&self) -> &[u8] {
        self.packed
            .get(..packed_bytes(self.count))
            .unwrap_or(&self.packed)
    }
}

impl<const BYTES: usize> fmt::Debug for Bits<BYTES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(u8::from)).finish()
    }
}
