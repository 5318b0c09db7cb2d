//! The lossless view of a PDU, and what can be wrong with one.

use super::exception::ExceptionCode;
use super::function as fc;
use crate::cursor::UnexpectedEnd;

pub use super::values::{
    BitSpan, Bits, List, MAX_FIFO_VALUES, MAX_READ_BITS, MAX_READ_WORDS, MAX_READ_WRITE_WORDS,
    MAX_WRITE_BITS, MAX_WRITE_WORDS, ReadBits, Span, WordSpan, WriteBits,
};

/// Why bytes are not a valid request or not a valid response to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PduError {
    /// There is not even a function code.
    #[error("empty PDU")]
    Empty,
    /// The function code is not one of [`fc::TABLE`].
    #[error("unknown function {0:#04x}")]
    UnknownFunction(u8),
    /// Function 43 with another MEI type than 14.
    #[error("unknown MEI type {0:#04x}")]
    UnknownMei(u8),
    /// The PDU ends inside a field.
    #[error("PDU ends inside a field")]
    Truncated,
    /// Bytes follow the last field.
    #[error("{0} bytes follow the last field")]
    Trailing(usize),
    /// A quantity of 0 or above the function's limit.
    #[error("quantity {0} out of range")]
    Quantity(u16),
    /// The byte count does not fit the quantity or the data.
    #[error("byte count {0} does not fit")]
    ByteCount(u8),
    /// A coil value that is neither 0x0000 nor 0xFF00.
    #[error("value {0:#06x} not allowed")]
    Value(u16),
    /// A reference type other than 6, a file 0, or a record beyond 9999.
    #[error("file {file} record {record} with reference type {reference} does not exist")]
    FileReference {
        /// Reference type; 6 is the only one.
        reference: u8,
        /// File number.
        file: u16,
        /// First record.
        record: u16,
    },
    /// A Read Device Identification code that is not 1 to 4.
    #[error("read device id code {0:#04x} not allowed")]
    ReadDeviceId(u8),
    /// A response to another function.
    #[error("response has function {0:#04x}")]
    OtherFunction(u8),
    /// A response that does not repeat what it must repeat of the request.
    #[error("response does not echo the request")]
    NoEcho,
}

impl PduError {
    /// How a device answers a request with this fault.
    #[must_use]
    pub const fn exception(self) -> ExceptionCode {
        match self {
            Self::UnknownFunction(_) | Self::UnknownMei(_) => ExceptionCode::ILLEGAL_FUNCTION,
            Self::FileReference { .. } => ExceptionCode::ILLEGAL_DATA_ADDRESS,
            _ => ExceptionCode::ILLEGAL_DATA_VALUE,
        }
    }
}

impl From<UnexpectedEnd> for PduError {
    fn from(_: UnexpectedEnd) -> Self {
        Self::Truncated
    }
}

/// A view over the bytes of a PDU, however wrong they are: getters return `None` where the bytes end, setters change
/// single fields in place and check nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<T>(T);

/// Whether a request reads or writes the device's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccessKind {
    /// Reads.
    Read,
    /// Writes.
    Write,
    /// Touches no table: diagnostics, identification, files, unknown functions.
    Other,
}

/// One range that a request touches, as its fields say; nothing is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Reads, writes or neither.
    pub kind: AccessKind,
    /// First address, 0 for [`AccessKind::Other`].
    pub address: u16,
    /// Quantity, 0 for [`AccessKind::Other`].
    pub count: u16,
}

impl<T: AsRef<[u8]>> Packet<T> {
    /// A view over `bytes`.
    pub const fn new(bytes: T) -> Self {
        Self(bytes)
    }

    /// The bytes, unchanged.
    pub fn into_inner(self) -> T {
        self.0
    }

    /// All bytes of the PDU.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_ref()
    }

    /// Function code as on the wire, with the exception bit where it is set.
    #[must_use]
    pub fn function(&self) -> Option<u8> {
        self.as_bytes().first().copied()
    }

    /// The exception code, if this is an exception response.
    #[must_use]
    pub fn exception(&self) -> Option<ExceptionCode> {
        match self.as_bytes() {
            [function, code, ..] if function & fc::EXCEPTION_BIT != 0 => Some(ExceptionCode(*code)),
            _ => None,
        }
    }

    /// Everything after the function code.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        self.as_bytes().get(1..).unwrap_or(&[])
    }

    /// The 16-bit field that starts `offset` bytes into the PDU.
    #[must_use]
    pub fn word(&self, offset: usize) -> Option<u16> {
        let end = offset.checked_add(2)?;
        let bytes: [u8; 2] = self.as_bytes().get(offset..end)?.try_into().ok()?;
        Some(u16::from_be_bytes(bytes))
    }

    /// First 16-bit field: in most requests the first address.
    #[must_use]
    pub fn address(&self) -> Option<u16> {
        self.word(1)
    }

    /// Second 16-bit field: in most requests the quantity, in single writes the value.
    #[must_use]
    pub fn quantity(&self) -> Option<u16> {
        self.word(3)
    }

    /// The ranges that a request touches: function 23 has two, the write first as the device does it.
    #[must_use]
    pub fn accesses(&self) -> [Option<Access>; 2] {
        let access = |kind, address: Option<u16>, count: Option<u16>| {
            Some(Access {
                kind,
                address: address.unwrap_or(0),
                count: count.unwrap_or(0),
            })
        };
        let (kind, count) = match self.function() {
            None => return [None, None],
            Some(
                fc::READ_COILS
                | fc::READ_DISCRETE_INPUTS
                | fc::READ_HOLDING_REGISTERS
                | fc::READ_INPUT_REGISTERS,
            ) => (AccessKind::Read, self.quantity()),
            Some(fc::WRITE_SINGLE_COIL | fc::WRITE_SINGLE_REGISTER | fc::MASK_WRITE_REGISTER) => {
                (AccessKind::Write, Some(1))
            }
            Some(fc::WRITE_MULTIPLE_COILS | fc::WRITE_MULTIPLE_REGISTERS) => {
                (AccessKind::Write, self.quantity())
            }
            // The count register and as many values as a queue can have.
            Some(fc::READ_FIFO_QUEUE) => (AccessKind::Read, Some(1 + MAX_FIFO_VALUES)),
            Some(fc::READ_WRITE_MULTIPLE_REGISTERS) => {
                return [
                    access(AccessKind::Write, self.word(5), self.word(7)),
                    access(AccessKind::Read, self.address(), self.quantity()),
                ];
            }
            Some(_) => return [access(AccessKind::Other, None, None), None],
        };
        [access(kind, self.address(), count), None]
    }
}

impl<T: AsRef<[u8]> + AsMut<[u8]>> Packet<T> {
    /// Changes the function code. Returns whether there was a byte to change.
    pub fn set_function(&mut self, function: u8) -> bool {
        self.0
            .as_mut()
            .first_mut()
            .map(|byte| *byte = function)
            .is_some()
    }

    /// Changes the 16-bit field that starts `offset` bytes into the PDU. Returns whether it exists.
    pub fn set_word(&mut self, offset: usize, value: u16) -> bool {
        let Some(end) = offset.checked_add(2) else {
            return false;
        };
        let field = self.0.as_mut().get_mut(offset..end);
        field
            .map(|field| field.copy_from_slice(&value.to_be_bytes()))
            .is_some()
    }

    /// Changes the first 16-bit field.
    pub fn set_address(&mut self, address: u16) -> bool {
        self.set_word(1, address)
    }

    /// Changes the second 16-bit field.
    pub fn set_quantity(&mut self, quantity: u16) -> bool {
        self.set_word(3, quantity)
    }
}
