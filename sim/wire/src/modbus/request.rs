//! Valid requests.

use super::file::{FileRead, FileWrite};
use super::function as fc;
use super::mbap::MAX_PDU_BYTES;
use super::pdu::PduError;
use super::values::{
    BitSpan, List, MAX_READ_WRITE_WORDS, MAX_WRITE_BITS, MAX_WRITE_WORDS, WordSpan, WriteBits,
    packed_bytes,
};
use crate::cursor::{Reader, UnexpectedEnd, Writer};

/// Registers of a Write Multiple Registers request.
pub type WriteWords = List<u16, { MAX_WRITE_WORDS as usize }>;
/// Registers that a Read/Write Multiple Registers request writes.
pub type ReadWriteWords = List<u16, { MAX_READ_WRITE_WORDS as usize }>;
/// Data of a Diagnostics request or response.
pub type DiagnosticData = List<u8, { MAX_PDU_BYTES - 3 }>;

/// Values that no valid request can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// A quantity of 0 or above the function's limit.
    #[error("quantity {count} is not 1 to {limit}")]
    Quantity {
        /// What was asked for.
        count: usize,
        /// The function's limit.
        limit: u16,
    },
}

/// A Read Device Identification code (specification, 6.21).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReadDeviceId {
    /// Objects 0x00 to 0x02.
    Basic = 1,
    /// Objects 0x00 to 0x7F.
    Regular = 2,
    /// All objects.
    Extended = 3,
    /// One object.
    Individual = 4,
}

impl ReadDeviceId {
    /// The code on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The value of a code on the wire.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Basic),
            2 => Some(Self::Regular),
            3 => Some(Self::Extended),
            4 => Some(Self::Individual),
            _ => None,
        }
    }
}

/// A valid request: whatever is here, a device can parse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Function 1.
    ReadCoils(BitSpan),
    /// Function 2.
    ReadDiscreteInputs(BitSpan),
    /// Function 3.
    ReadHoldingRegisters(WordSpan),
    /// Function 4.
    ReadInputRegisters(WordSpan),
    /// Function 5.
    WriteSingleCoil {
        /// Address of the coil.
        address: u16,
        /// On or off.
        value: bool,
    },
    /// Function 6.
    WriteSingleRegister {
        /// Address of the register.
        address: u16,
        /// Value.
        value: u16,
    },
    /// Function 7.
    ReadExceptionStatus,
    /// Function 8.
    Diagnostics {
        /// Sub-function.
        sub_function: u16,
        /// Data, at least one byte.
        data: DiagnosticData,
    },
    /// Function 11.
    GetCommEventCounter,
    /// Function 12.
    GetCommEventLog,
    /// Function 15.
    WriteMultipleCoils {
        /// First address.
        start: u16,
        /// Values.
        values: WriteBits,
    },
    /// Function 16.
    WriteMultipleRegisters {
        /// First address.
        start: u16,
        /// Values.
        values: WriteWords,
    },
    /// Function 17.
    ReportServerId,
    /// Function 20.
    ReadFileRecord(FileRead),
    /// Function 21.
    WriteFileRecord(FileWrite),
    /// Function 22: the register becomes (itself AND `and_mask`) OR (`or_mask` AND NOT `and_mask`).
    MaskWriteRegister {
        /// Address of the register.
        address: u16,
        /// Bits to keep.
        and_mask: u16,
        /// Bits to take where not kept.
        or_mask: u16,
    },
    /// Function 23: the device writes first, then reads.
    ReadWriteMultipleRegisters {
        /// Range to read.
        read: WordSpan,
        /// First address to write.
        write_start: u16,
        /// Values to write.
        values: ReadWriteWords,
    },
    /// Function 24.
    ReadFifoQueue {
        /// The register that holds the number of values; the values follow it.
        pointer: u16,
    },
    /// Function 43 with MEI type 14.
    ReadDeviceIdentification {
        /// Which objects.
        code: ReadDeviceId,
        /// First object, or the one object.
        object_id: u8,
    },
}

impl Request {
    /// Function 1: `count` coils from `start`.
    pub fn read_coils(start: u16, count: u16) -> Result<Self, RequestError> {
        bit_span(start, count).map(Self::ReadCoils)
    }

    /// Function 2: `count` discrete inputs from `start`.
    pub fn read_discrete_inputs(start: u16, count: u16) -> Result<Self, RequestError> {
        bit_span(start, count).map(Self::ReadDiscreteInputs)
    }

    /// Function 3: `count` holding registers from `start`.
    pub fn read_holding_registers(start: u16, count: u16) -> Result<Self, RequestError> {
        word_span(start, count).map(Self::ReadHoldingRegisters)
    }

    /// Function 4: `count` input registers from `start`.
    pub fn read_input_registers(start: u16, count: u16) -> Result<Self, RequestError> {
        word_span(start, count).map(Self::ReadInputRegisters)
    }

    /// Function 15: coils from `start`.
    pub fn write_coils(start: u16, values: &[bool]) -> Result<Self, RequestError> {
        let values = WriteBits::new(values).ok_or(RequestError::Quantity {
            count: values.len(),
            limit: MAX_WRITE_BITS,
        })?;
        Ok(Self::WriteMultipleCoils { start, values })
    }

    /// Function 16: holding registers from `start`.
    pub fn write_registers(start: u16, values: &[u16]) -> Result<Self, RequestError> {
        let values = WriteWords::new(values).ok_or(RequestError::Quantity {
            count: values.len(),
            limit: MAX_WRITE_WORDS,
        })?;
        Ok(Self::WriteMultipleRegisters { start, values })
    }

    /// Function 23: writes `values` from `write_start`, then reads `count` registers from `start`.
    pub fn read_write_registers(
        start: u16,
        count: u16,
        write_start: u16,
        values: &[u16],
    ) -> Result<Self, RequestError> {
        let read = word_span(start, count)?;
        let values = ReadWriteWords::new(values).ok_or(RequestError::Quantity {
            count: values.len(),
            limit: MAX_READ_WRITE_WORDS,
        })?;
        Ok(Self::ReadWriteMultipleRegisters {
            read,
            write_start,
            values,
        })
    }

    /// Function 8, sub-function 0: the device echoes `word`.
    #[must_use]
    pub fn echo(word: u16) -> Self {
        Self::diagnostics(0, word)
    }

    /// Function 8 with one word of data.
    #[must_use]
    pub fn diagnostics(sub_function: u16, word: u16) -> Self {
        Self::Diagnostics {
            sub_function,
            data: DiagnosticData::from_array(word.to_be_bytes()),
        }
    }

    /// Function code.
    #[must_use]
    pub const fn function(&self) -> u8 {
        match self {
            Self::ReadCoils(_) => fc::READ_COILS,
            Self::ReadDiscreteInputs(_) => fc::READ_DISCRETE_INPUTS,
            Self::ReadHoldingRegisters(_) => fc::READ_HOLDING_REGISTERS,
            Self::ReadInputRegisters(_) => fc::READ_INPUT_REGISTERS,
            Self::WriteSingleCoil { .. } => fc::WRITE_SINGLE_COIL,
            Self::WriteSingleRegister { .. } => fc::WRITE_SINGLE_REGISTER,
            Self::ReadExceptionStatus => fc::READ_EXCEPTION_STATUS,
            Self::Diagnostics { .. } => fc::DIAGNOSTICS,
            Self::GetCommEventCounter => fc::GET_COMM_EVENT_COUNTER,
            Self::GetCommEventLog => fc::GET_COMM_EVENT_LOG,
            Self::WriteMultipleCoils { .. } => fc::WRITE_MULTIPLE_COILS,
            Self::WriteMultipleRegisters { .. } => fc::WRITE_MULTIPLE_REGISTERS,
            Self::ReportServerId => fc::REPORT_SERVER_ID,
            Self::ReadFileRecord(_) => fc::READ_FILE_RECORD,
            Self::WriteFileRecord(_) => fc::WRITE_FILE_RECORD,
            Self::MaskWriteRegister { .. } => fc::MASK_WRITE_REGISTER,
            Self::ReadWriteMultipleRegisters { .. } => fc::READ_WRITE_MULTIPLE_REGISTERS,
            Self::ReadFifoQueue { .. } => fc::READ_FIFO_QUEUE,
            Self::ReadDeviceIdentification { .. } => fc::ENCAPSULATED_INTERFACE,
        }
    }

    /// Appends the PDU to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        // No valid request is longer than the limit, so the writer never refuses.
        let written = self.write(&mut Writer::new(out, MAX_PDU_BYTES));
        debug_assert!(written.is_ok(), "a valid request fits its PDU");
    }

    /// Reads a PDU.
    pub fn decode(pdu: &[u8]) -> Result<Self, PduError> {
        let mut reader = Reader::new(pdu);
        let function = reader.read_u8().map_err(|_| PduError::Empty)?;
        let request = Self::decode_data(function, &mut reader)?;
        match reader.remaining() {
            0 => Ok(request),
            count => Err(PduError::Trailing(count)),
        }
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), UnexpectedEnd> {
        writer.write_u8(self.function())?;
        match self {
            Self::ReadCoils(span) | Self::ReadDiscreteInputs(span) => {
                writer.write_u16(span.start())?;
                writer.write_u16(span.count())
            }
            Self::ReadHoldingRegisters(span) | Self::ReadInputRegisters(span) => {
                writer.write_u16(span.start())?;
                writer.write_u16(span.count())
            }
            Self::WriteSingleCoil { address, value } => {
                writer.write_u16(*address)?;
                writer.write_u16(coil_word(*value))
            }
            Self::WriteSingleRegister { address, value } => {
                writer.write_u16(*address)?;
                writer.write_u16(*value)
            }
            Self::Diagnostics { sub_function, data } => {
                writer.write_u16(*sub_function)?;
                writer.write(data)
            }
            Self::WriteMultipleCoils { start, values } => {
                writer.write_u16(*start)?;
                writer.write_u16(values.count())?;
                write_counted(writer, values.packed())
            }
            Self::WriteMultipleRegisters { start, values } => {
                writer.write_u16(*start)?;
                write_counted_words(writer, values, true)
            }
            Self::ReadExceptionStatus
            | Self::GetCommEventCounter
            | Self::GetCommEventLog
            | Self::ReportServerId => Ok(()),
            Self::ReadFileRecord(read) => read.write(writer),
            Self::WriteFileRecord(write) => write.write(writer),
            Self::ReadFifoQueue { pointer } => writer.write_u16(*pointer),
            Self::MaskWriteRegister {
                address,
                and_mask,
                or_mask,
            } => {
                writer.write_u16(*address)?;
                writer.write_u16(*and_mask)?;
                writer.write_u16(*or_mask)
            }
            Self::ReadWriteMultipleRegisters {
                read,
                write_start,
                values,
            } => {
                writer.write_u16(read.start())?;
                writer.write_u16(read.count())?;
                writer.write_u16(*write_start)?;
                write_counted_words(writer, values, true)
            }
            Self::ReadDeviceIdentification { code, object_id } => {
                writer.write(&[fc::MEI_DEVICE_IDENTIFICATION, code.code(), *object_id])
            }
        }
    }

    fn decode_data(function: u8, reader: &mut Reader<'_>) -> Result<Self, PduError> {
        Ok(match function {
            fc::READ_COILS => Self::ReadCoils(read_bit_span(reader)?),
            fc::READ_DISCRETE_INPUTS => Self::ReadDiscreteInputs(read_bit_span(reader)?),
            fc::READ_HOLDING_REGISTERS => Self::ReadHoldingRegisters(read_word_span(reader)?),
            fc::READ_INPUT_REGISTERS => Self::ReadInputRegisters(read_word_span(reader)?),
            fc::WRITE_SINGLE_COIL => {
                let address = reader.read_u16()?;
                Self::WriteSingleCoil {
                    address,
                    value: coil_value(reader.read_u16()?)?,
                }
            }
            fc::WRITE_SINGLE_REGISTER => Self::WriteSingleRegister {
                address: reader.read_u16()?,
                value: reader.read_u16()?,
            },
            fc::READ_EXCEPTION_STATUS => Self::ReadExceptionStatus,
            fc::GET_COMM_EVENT_COUNTER => Self::GetCommEventCounter,
            fc::GET_COMM_EVENT_LOG => Self::GetCommEventLog,
            fc::READ_FILE_RECORD => Self::ReadFileRecord(FileRead::read(reader)?),
            fc::WRITE_FILE_RECORD => Self::WriteFileRecord(FileWrite::read(reader)?),
            fc::READ_FIFO_QUEUE => Self::ReadFifoQueue {
                pointer: reader.read_u16()?,
            },
            fc::DIAGNOSTICS => {
                let sub_function = reader.read_u16()?;
                let data = reader.take_rest();
                let data = DiagnosticData::new(data).ok_or(match data.len() {
                    0 => PduError::Truncated,
                    length => PduError::Trailing(length),
                })?;
                Self::Diagnostics { sub_function, data }
            }
            fc::WRITE_MULTIPLE_COILS => read_write_coils(reader)?,
            fc::WRITE_MULTIPLE_REGISTERS => {
                let start = reader.read_u16()?;
                Self::WriteMultipleRegisters {
                    start,
                    values: read_counted_words(reader)?,
                }
            }
            fc::REPORT_SERVER_ID => Self::ReportServerId,
            fc::MASK_WRITE_REGISTER => Self::MaskWriteRegister {
                address: reader.read_u16()?,
                and_mask: reader.read_u16()?,
                or_mask: reader.read_u16()?,
            },
            fc::READ_WRITE_MULTIPLE_REGISTERS => {
                let read = read_word_span(reader)?;
                let write_start = reader.read_u16()?;
                Self::ReadWriteMultipleRegisters {
                    read,
                    write_start,
                    values: read_counted_words(reader)?,
                }
            }
            fc::ENCAPSULATED_INTERFACE => {
                let mei = reader.read_u8()?;
                if mei != fc::MEI_DEVICE_IDENTIFICATION {
                    return Err(PduError::UnknownMei(mei));
                }
                let code = reader.read_u8()?;
                let code = ReadDeviceId::from_code(code).ok_or(PduError::ReadDeviceId(code))?;
                Self::ReadDeviceIdentification {
                    code,
                    object_id: reader.read_u8()?,
                }
            }
            other => return Err(PduError::UnknownFunction(other)),
        })
    }
}

/// The word that stands for a coil's value.
pub(crate) const fn coil_word(value: bool) -> u16 {
    if value { 0xFF00 } else { 0x0000 }
}

/// A coil's value from its word.
const fn coil_value(word: u16) -> Result<bool, PduError> {
    match word {
        0x0000 => Ok(false),
        0xFF00 => Ok(true),
        other => Err(PduError::Value(other)),
    }
}

/// Writes words with their byte count, and with their quantity before it if `quantity`.
pub(crate) fn write_counted_words(
    writer: &mut Writer<'_>,
    words: &[u16],
    quantity: bool,
) -> Result<(), UnexpectedEnd> {
    if quantity {
        writer.write_u16(u16::try_from(words.len()).map_err(|_| UnexpectedEnd)?)?;
    }
    writer.write_u8(u8::try_from(words.len() * 2).map_err(|_| UnexpectedEnd)?)?;
    words.iter().try_for_each(|&word| writer.write_u16(word))
}

/// Writes bytes with their count.
pub(crate) fn write_counted(writer: &mut Writer<'_>, bytes: &[u8]) -> Result<(), UnexpectedEnd> {
    writer.write_u8(u8::try_from(bytes.len()).map_err(|_| UnexpectedEnd)?)?;
    writer.write(bytes)
}

/// Takes `list.len()` words.
pub(crate) fn read_words(reader: &mut Reader<'_>, words: &mut [u16]) -> Result<(), PduError> {
    for word in words {
        *word = reader.read_u16()?;
    }
    Ok(())
}

fn bit_span(start: u16, count: u16) -> Result<BitSpan, RequestError> {
    let limit = super::values::MAX_READ_BITS;
    BitSpan::new(start, count).ok_or(RequestError::Quantity {
        count: usize::from(count),
        limit,
    })
}

fn word_span(start: u16, count: u16) -> Result<WordSpan, RequestError> {
    let limit = super::values::MAX_READ_WORDS;
    WordSpan::new(start, count).ok_or(RequestError::Quantity {
        count: usize::from(count),
        limit,
    })
}

fn read_bit_span(reader: &mut Reader<'_>) -> Result<BitSpan, PduError> {
    let (start, count) = (reader.read_u16()?, reader.read_u16()?);
    BitSpan::new(start, count).ok_or(PduError::Quantity(count))
}

fn read_word_span(reader: &mut Reader<'_>) -> Result<WordSpan, PduError> {
    let (start, count) = (reader.read_u16()?, reader.read_u16()?);
    WordSpan::new(start, count).ok_or(PduError::Quantity(count))
}

fn read_write_coils(reader: &mut Reader<'_>) -> Result<Request, PduError> {
    let start = reader.read_u16()?;
    let quantity = reader.read_u16()?;
    if quantity == 0 || quantity > MAX_WRITE_BITS {
        return Err(PduError::Quantity(quantity));
    }
    let byte_count = reader.read_u8()?;
    if usize::from(byte_count) != packed_bytes(quantity) {
        return Err(PduError::ByteCount(byte_count));
    }
    let bytes = reader.take(usize::from(byte_count))?;
    let values = WriteBits::from_packed(quantity, bytes).ok_or(PduError::ByteCount(byte_count))?;
    Ok(Request::WriteMultipleCoils { start, values })
}

fn read_counted_words<const MAX: usize>(
    reader: &mut Reader<'_>,
) -> Result<List<u16, MAX>, PduError> {
    let quantity = reader.read_u16()?;
    let mut values = List::zeroed(usize::from(quantity)).ok_or(PduError::Quantity(quantity))?;
    let byte_count = reader.read_u8()?;
    if usize::from(byte_count) != 2 * usize::from(quantity) {
        return Err(PduError::ByteCount(byte_count));
    }
    read_words(reader, values.as_mut_slice())?;
    Ok(values)
}
