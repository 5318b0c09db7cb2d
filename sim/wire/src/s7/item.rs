//! Variables of read and write jobs: addresses, data types, and their data.

use super::error::ItemCode;
use crate::cursor::{Reader, UnexpectedEnd};
use crate::device::Area;

/// Bytes of an address in the usual form: specification, length, syntax, ten bytes.
pub const ADDRESS_BYTES: usize = 12;
/// Bytes of the header of a variable's data.
pub const DATA_HEADER_BYTES: usize = 4;
/// First byte of an address.
const SPECIFICATION: u8 = 0x12;
/// The syntax of absolute addresses ("S7ANY").
const SYNTAX_ANY: u8 = 0x10;

/// Codes of areas in an address.
pub mod area {
    /// Direct access to the periphery.
    pub const PERIPHERY: u8 = 0x80;
    /// Process image of inputs.
    pub const INPUT: u8 = 0x81;
    /// Process image of outputs.
    pub const OUTPUT: u8 = 0x82;
    /// Markers.
    pub const MARKER: u8 = 0x83;
    /// Data block.
    pub const DATA_BLOCK: u8 = 0x84;
    /// Instance data block: a data block by another code.
    pub const INSTANCE_BLOCK: u8 = 0x85;
    /// Local data, which exist only while a block runs.
    pub const LOCAL: u8 = 0x86;
    /// Local data of the caller.
    pub const PREVIOUS_LOCAL: u8 = 0x87;
    /// Counters.
    pub const COUNTER: u8 = 0x1C;
    /// Timers.
    pub const TIMER: u8 = 0x1D;
}

/// Data types of an address ("transport sizes").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DataType {
    /// One bit.
    Bit,
    /// 8 bits.
    Byte,
    /// A character.
    Char,
    /// 16 bits.
    Word,
    /// 16-bit integer.
    Int,
    /// 32 bits.
    DWord,
    /// 32-bit integer.
    DInt,
    /// 32-bit floating point.
    Real,
    /// Days since 1990-01-01, 16 bits.
    Date,
    /// Milliseconds since midnight, 32 bits.
    TimeOfDay,
    /// Milliseconds, 32 bits.
    Time,
    /// Time in the form of timers, 16 bits.
    S5Time,
    /// Date and time, eight bytes of BCD.
    DateAndTime,
    /// A counter, 16 bits.
    Counter,
    /// A timer, 16 bits.
    Timer,
}

/// Code on the wire, bytes of one element, code of its data in an answer.
const TYPES: [(DataType, u8, u8, u8); 15] = [
    (DataType::Bit, 0x01, 1, data::BIT),
    (DataType::Byte, 0x02, 1, data::BITS),
    (DataType::Char, 0x03, 1, data::OCTETS),
    (DataType::Word, 0x04, 2, data::BITS),
    (DataType::Int, 0x05, 2, data::INTEGER),
    (DataType::DWord, 0x06, 4, data::BITS),
    (DataType::DInt, 0x07, 4, data::INTEGER),
    (DataType::Real, 0x08, 4, data::REAL),
    (DataType::Date, 0x09, 2, data::OCTETS),
    (DataType::TimeOfDay, 0x0A, 4, data::OCTETS),
    (DataType::Time, 0x0B, 4, data::OCTETS),
    (DataType::S5Time, 0x0C, 2, data::OCTETS),
    (DataType::DateAndTime, 0x0F, 8, data::OCTETS),
    (DataType::Counter, 0x1C, 2, data::OCTETS),
    (DataType::Timer, 0x1D, 2, data::OCTETS),
];

impl DataType {
    /// The type with that code.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        TYPES
            .iter()
            .find(|row| row.1 == code)
            .map(|(kind, ..)| *kind)
    }

    /// Code in an address.
    #[must_use]
    pub fn code(self) -> u8 {
        self.row().1
    }

    /// Bytes of one element; a bit takes one.
    #[must_use]
    pub fn bytes(self) -> u32 {
        u32::from(self.row().2)
    }

    /// Code of its data in an answer, one of [`data`].
    #[must_use]
    pub fn data_code(self) -> u8 {
        self.row().3
    }

    fn row(self) -> (Self, u8, u8, u8) {
        TYPES
            .into_iter()
            .find(|row| row.0 == self)
            .unwrap_or((self, 0, 1, 0))
    }
}

/// Codes of data in answers and in write jobs, and how their length counts.
pub mod data {
    /// No data, with an error.
    pub const NONE: u8 = 0x00;
    /// One bit, length in bits.
    pub const BIT: u8 = 0x03;
    /// Bytes, words and double words, length in bits.
    pub const BITS: u8 = 0x04;
    /// Integers, length in bits.
    pub const INTEGER: u8 = 0x05;
    /// Long integers, length in bytes.
    pub const LONG: u8 = 0x06;
    /// Floating point, length in bytes.
    pub const REAL: u8 = 0x07;
    /// Octets, length in bytes.
    pub const OCTETS: u8 = 0x09;
}

/// An address as it is on the wire, whether it makes sense or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// Syntax; every other field is 0 where it is not that of absolute addresses.
    pub syntax: u8,
    /// Code of the data type.
    pub data_type: u8,
    /// Elements.
    pub count: u16,
    /// Number of the data block.
    pub block: u16,
    /// Code of the area, one of [`area`].
    pub area: u8,
    /// Bits from the start of the area; for timers and counters their number. 24 bits.
    pub start: u32,
}

impl Address {
    /// An address of bytes or larger elements at a byte offset; for timers and counters `offset` is the number.
    #[must_use]
    pub fn new(place: Area, data_type: DataType, offset: u32, count: u16) -> Self {
        let (area, block, unit) = match place {
            Area::Input => (area::INPUT, 0, 8),
            Area::Output => (area::OUTPUT, 0, 8),
            Area::Marker => (area::MARKER, 0, 8),
            Area::DataBlock(number) => (area::DATA_BLOCK, number, 8),
            Area::Timer => (area::TIMER, 0, 1),
            Area::Counter => (area::COUNTER, 0, 1),
        };
        Self {
            syntax: SYNTAX_ANY,
            data_type: data_type.code(),
            count,
            block,
            area,
            start: offset.saturating_mul(unit),
        }
    }

    /// The address of one bit.
    #[must_use]
    pub fn bit(place: Area, offset: u32, bit: u8) -> Self {
        let mut address = Self::new(place, DataType::Bit, offset, 1);
        address.start = address.start.saturating_add(u32::from(bit & 7));
        address
    }

    /// Reads an address; one of another syntax is skipped by its length.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, UnexpectedEnd> {
        let specification = reader.read_u8()?;
        let length = reader.read_u8()?;
        let mut body = Reader::new(reader.take(usize::from(length))?);
        let syntax = body.read_u8()?;
        if specification != SPECIFICATION
            || syntax != SYNTAX_ANY
            || usize::from(length) != ADDRESS_BYTES - 2
        {
            return Ok(Self {
                syntax: if syntax == SYNTAX_ANY { 0 } else { syntax },
                data_type: 0,
                count: 0,
                block: 0,
                area: 0,
                start: 0,
            });
        }
        let data_type = body.read_u8()?;
        let count = body.read_u16()?;
        let block = body.read_u16()?;
        let [area, start @ ..] = body.read_array::<4>()?;
        Ok(Self {
            syntax,
            data_type,
            count,
            block,
            area,
            start: u32::from_be_bytes([0, start[0], start[1], start[2]]),
        })
    }

    /// Appends the address.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[SPECIFICATION, 10, self.syntax, self.data_type]);
        out.extend_from_slice(&self.count.to_be_bytes());
        out.extend_from_slice(&self.block.to_be_bytes());
        out.push(self.area);
        let [_, start @ ..] = self.start.to_be_bytes();
        out.extend_from_slice(&start);
    }

    /// The area, where it is one that clients reach; the periphery is read as inputs and written as outputs.
    #[must_use]
    pub const fn place(&self) -> Option<Area> {
        match self.area {
            area::INPUT | area::PERIPHERY => Some(Area::Input),
            area::OUTPUT => Some(Area::Output),
            area::MARKER => Some(Area::Marker),
            area::DATA_BLOCK | area::INSTANCE_BLOCK => Some(Area::DataBlock(self.block)),
            area::TIMER => Some(Area::Timer),
            area::COUNTER => Some(Area::Counter),
            _ => None,
        }
    }

    /// Where the address points, by its form alone; whether that exists is for the device to say.
    pub fn span(&self) -> Result<Span, ItemCode> {
        if self.syntax != SYNTAX_ANY {
            return Err(ItemCode::TYPE);
        }
        let place = self.place().ok_or(match self.area {
            area::LOCAL | area::PREVIOUS_LOCAL => ItemCode::ACCESS,
            _ => ItemCode::MISSING,
        })?;
        let data_type = DataType::from_code(self.data_type).ok_or(ItemCode::TYPE)?;
        let numbered = match place {
            Area::Timer => Some(DataType::Timer),
            Area::Counter => Some(DataType::Counter),
            _ => None,
        };
        let foreign = match numbered {
            Some(own) => data_type != own,
            None => matches!(data_type, DataType::Timer | DataType::Counter),
        };
        // A CPU reads one bit at a time (libnodave: code 6 for a bit block whose length is not 1).
        if foreign || (data_type == DataType::Bit && self.count != 1) {
            return Err(ItemCode::TYPE);
        }
        if self.count == 0 {
            return Err(ItemCode::ADDRESS);
        }
        let (offset, bit) = match numbered {
            Some(own) => (self.start.saturating_mul(own.bytes()), 0),
            None => (self.start >> 3, self.start & 7),
        };
        if data_type != DataType::Bit && bit != 0 {
            return Err(ItemCode::ADDRESS);
        }
        Ok(Span {
            area: place,
            periphery: self.area == area::PERIPHERY,
            offset,
            bit: u8::try_from(bit).unwrap_or(0),
            data_type,
            bytes: u32::from(self.count).saturating_mul(data_type.bytes()),
        })
    }
}

/// A variable in the terms of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Area that is read.
    pub area: Area,
    /// Whether the periphery is meant: inputs where it is read, outputs where it is written.
    pub periphery: bool,
    /// First byte.
    pub offset: u32,
    /// Bit in that byte; 0 unless a bit is meant.
    pub bit: u8,
    /// Data type.
    pub data_type: DataType,
    /// Bytes; one for a bit.
    pub bytes: u32,
}

impl Span {
    /// The area that a write changes.
    #[must_use]
    pub const fn written_area(&self) -> Area {
        if self.periphery {
            Area::Output
        } else {
            self.area
        }
    }
}

/// Appends the header of a variable's data: code, data type, length as the type counts it.
pub fn encode_data_header(code: ItemCode, data_code: u8, bytes: u32, out: &mut Vec<u8>) {
    let length = match data_code {
        data::BITS | data::INTEGER => bytes.saturating_mul(8),
        _ => bytes,
    };
    let length = u16::try_from(length).unwrap_or(u16::MAX);
    out.extend_from_slice(&[code.0, data_code]);
    out.extend_from_slice(&length.to_be_bytes());
}

/// One variable's data as they are on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Data<'a> {
    /// Result in an answer; 0 in a write job.
    pub code: ItemCode,
    /// Code of the data, one of [`data`].
    pub data_code: u8,
    /// Length as it is on the wire.
    pub length: u16,
    /// The bytes.
    pub bytes: &'a [u8],
}

impl<'a> Data<'a> {
    /// Reads one variable's data and, unless it is the last, the byte that fills it to an even length.
    pub fn decode(reader: &mut Reader<'a>) -> Result<Self, UnexpectedEnd> {
        let code = ItemCode(reader.read_u8()?);
        let data_code = reader.read_u8()?;
        let length = reader.read_u16()?;
        let count = match data_code {
            data::BIT | data::BITS | data::INTEGER => usize::from(length).div_ceil(8),
            _ => usize::from(length),
        };
        let bytes = reader.take(count)?;
        if count % 2 == 1 && !reader.is_empty() {
            let _fill = reader.read_u8()?;
        }
        Ok(Self {
            code,
            data_code,
            length,
            bytes,
        })
    }
}
