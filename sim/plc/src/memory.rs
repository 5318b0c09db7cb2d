//! Memory areas of a controller as one run of bytes, and how `%` addresses fall into it.
//!
//! Words are big-endian, as in S7 and as Modbus sends them.

use sim_wire::device::Area;

/// Bytes of the bit region of each area under [`Addressing::OpenPlc`] (8192 bits, as OpenPLC has).
pub const OPENPLC_BIT_BYTES: u32 = 1024;
/// Elements of each word, double word and long word region under [`Addressing::OpenPlc`].
pub const OPENPLC_ELEMENTS: u32 = 1024;
/// Largest size of one area or data block in bytes.
pub const MAX_AREA_BYTES: u32 = 65_536;
/// Largest number of data blocks.
pub const MAX_DATA_BLOCKS: usize = 64;

/// Timers of an S7 CPU: 256 of two bytes, as an S7-300 has. Structured Text has timers of its own, so that these change
/// only by what clients write.
pub const S7_TIMER_BYTES: u32 = 2 * 256;
/// Counters of an S7 CPU, as its timers.
pub const S7_COUNTER_BYTES: u32 = 2 * 256;

/// How `%IW3` finds its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Addressing {
    /// Bits, words, double words and long words are separate tables, counted in elements: `%IW3` is the fourth word
    /// and shares nothing with `%IX`. So OpenPLC programs and their Modbus addresses run unmodified.
    #[default]
    OpenPlc,
    /// Every address counts bytes and all sizes overlap: `%IW3` is bytes 3 and 4, `%IX3.0` a bit of its high byte.
    S7,
}

/// Width of a direct address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccessSize {
    /// X: one bit.
    Bit,
    /// B: 8 bits.
    Byte,
    /// W: 16 bits.
    Word,
    /// D: 32 bits.
    Dword,
    /// L: 64 bits.
    Lword,
}

impl AccessSize {
    /// Width in bytes; a bit needs the byte that holds it.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        match self {
            Self::Bit | Self::Byte => 1,
            Self::Word => 2,
            Self::Dword => 4,
            Self::Lword => 8,
        }
    }
}

/// A direct address such as `%QX0.3` or `%MW10`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectAddress {
    /// Memory area.
    pub area: Area,
    /// Width.
    pub size: AccessSize,
    /// Number before the dot.
    pub index: u32,
    /// Bit 0 to 7; 0 for wider accesses.
    pub bit: u8,
}

impl DirectAddress {
    /// Reads an address with or without its `%`, such as `%MW10`, in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        crate::st::direct_address(&text.strip_prefix('%').unwrap_or(text).to_ascii_uppercase())
    }
}

/// Sizes of the areas and the addressing rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryLayout {
    /// How addresses count.
    pub addressing: Addressing,
    /// Size of the input area in bytes.
    pub input_bytes: u32,
    /// Size of the output area in bytes.
    pub output_bytes: u32,
    /// Size of the marker area in bytes.
    pub marker_bytes: u32,
    /// Data blocks as (number, bytes).
    pub data_blocks: Vec<(u16, u32)>,
}

impl Default for MemoryLayout {
    fn default() -> Self {
        Self::openplc()
    }
}

impl MemoryLayout {
    /// The tables of OpenPLC: 8192 bits and 1024 words of inputs and outputs, and 1024 words, double words and long
    /// words of markers.
    #[must_use]
    pub const fn openplc() -> Self {
        let io = OPENPLC_BIT_BYTES + 2 * OPENPLC_ELEMENTS;
        Self {
            addressing: Addressing::OpenPlc,
            input_bytes: io,
            output_bytes: io,
            marker_bytes: io + 12 * OPENPLC_ELEMENTS,
            data_blocks: Vec::new(),
        }
    }

    /// Byte-addressed areas of the given sizes.
    #[must_use]
    pub const fn s7(
        input_bytes: u32,
        output_bytes: u32,
        marker_bytes: u32,
        data_blocks: Vec<(u16, u32)>,
    ) -> Self {
        Self {
            addressing: Addressing::S7,
            input_bytes,
            output_bytes,
            marker_bytes,
            data_blocks,
        }
    }

    /// Size of all areas together in bytes.
    #[must_use]
    pub fn total_bytes(&self) -> u32 {
        match self.addressing {
            Addressing::OpenPlc => self.declared_bytes(),
            Addressing::S7 => self
                .declared_bytes()
                .saturating_add(S7_TIMER_BYTES + S7_COUNTER_BYTES),
        }
    }

    /// Size of inputs, outputs, markers and data blocks.
    fn declared_bytes(&self) -> u32 {
        let blocks = self
            .data_blocks
            .iter()
            .fold(0_u32, |sum, (_, bytes)| sum.saturating_add(*bytes));
        self.input_bytes
            .saturating_add(self.output_bytes)
            .saturating_add(self.marker_bytes)
            .saturating_add(blocks)
    }

    /// First byte and length of an area inside the whole memory, or `None` where the controller lacks it.
    #[must_use]
    pub fn span(&self, area: Area) -> Option<(u32, u32)> {
        let marker = self.input_bytes.saturating_add(self.output_bytes);
        match area {
            Area::Input => Some((0, self.input_bytes)),
            Area::Output => Some((self.input_bytes, self.output_bytes)),
            Area::Marker => Some((marker, self.marker_bytes)),
            Area::DataBlock(number) => {
                let mut start = marker.saturating_add(self.marker_bytes);
                for (other, bytes) in &self.data_blocks {
                    if *other == number {
                        return Some((start, *bytes));
                    }
                    start = start.saturating_add(*bytes);
                }
                None
            }
            Area::Timer | Area::Counter if self.addressing == Addressing::OpenPlc => None,
            Area::Timer => Some((self.declared_bytes(), S7_TIMER_BYTES)),
            Area::Counter => {
                let start = self.declared_bytes().saturating_add(S7_TIMER_BYTES);
                Some((start, S7_COUNTER_BYTES))
            }
        }
    }

    /// Byte offset inside its area of an element, such as word 10 of `%MW10`; `None` where no such element exists.
    #[must_use]
    pub fn offset(&self, address: DirectAddress) -> Option<u32> {
        let (_, length) = self.span(address.area)?;
        let width = address.size.bytes();
        let by_byte =
            self.addressing == Addressing::S7 || matches!(address.area, Area::DataBlock(_));
        let offset = if by_byte {
            address.index
        } else {
            let (base, count) = match address.size {
                AccessSize::Bit | AccessSize::Byte => (0, OPENPLC_BIT_BYTES),
                AccessSize::Word => (OPENPLC_BIT_BYTES, OPENPLC_ELEMENTS),
                AccessSize::Dword => (OPENPLC_BIT_BYTES + 2 * OPENPLC_ELEMENTS, OPENPLC_ELEMENTS),
                AccessSize::Lword => (OPENPLC_BIT_BYTES + 6 * OPENPLC_ELEMENTS, OPENPLC_ELEMENTS),
            };
            if address.index >= count {
                return None;
            }
            base + address.index * width
        };
        (offset.checked_add(width)? <= length).then_some(offset)
    }

    /// Byte offset inside the whole memory, or `None` where no such element exists.
    #[must_use]
    pub fn absolute(&self, address: DirectAddress) -> Option<u32> {
        let (start, _) = self.span(address.area)?;
        start.checked_add(self.offset(address)?)
    }

    /// Byte offset inside its area of word `index` (`%MW index` under OpenPLC addressing and past its end, bytes
    /// `2 * index` under S7 addressing and in data blocks); `None` where the area ends before.
    #[must_use]
    pub fn word_offset(&self, area: Area, index: u32) -> Option<u32> {
        let (_, length) = self.span(area)?;
        let by_byte = self.addressing == Addressing::S7 || matches!(area, Area::DataBlock(_));
        let base = if by_byte { 0 } else { OPENPLC_BIT_BYTES };
        let offset = index.checked_mul(2)?.checked_add(base)?;
        (offset.checked_add(2)? <= length).then_some(offset)
    }
}

/// Bit `at` of a run of bytes, counted from the lowest bit of the first; FALSE beyond the end.
pub(crate) fn bit_at(bytes: &[u8], at: usize) -> bool {
    bytes
        .get(at / 8)
        .is_some_and(|byte| byte >> (at % 8) & 1 == 1)
}

/// Sets bit `at` of a run of bytes; beyond the end nothing happens.
pub(crate) fn set_bit(bytes: &mut [u8], at: usize, value: bool) {
    if let Some(byte) = bytes.get_mut(at / 8) {
        let mask = 1_u8 << (at % 8);
        *byte = if value { *byte | mask } else { *byte & !mask };
    }
}
