//! Valid responses, and how a response is read in answer to its request.

use super::exception::ExceptionCode;
use super::file::{FileAnswer, FileWrite};
use super::function as fc;
use super::mbap::MAX_PDU_BYTES;
use super::pdu::PduError;
use super::request::{
    DiagnosticData, ReadDeviceId, Request, coil_word, read_words, write_counted,
    write_counted_words,
};
use super::values::{List, MAX_FIFO_VALUES, MAX_READ_WORDS, ReadBits, packed_bytes};
use crate::cursor::{Reader, UnexpectedEnd, Writer};

/// Registers of a read's response.
pub type ReadWords = List<u16, { MAX_READ_WORDS as usize }>;
/// Data of a Report Server ID response after its byte count.
pub type ServerIdData = List<u8, { MAX_PDU_BYTES - 2 }>;

/// A FIFO queue as the device has it: the number of values, then the values.
pub type FifoWords = List<u16, { MAX_FIFO_VALUES as usize + 1 }>;
/// Events that a Get Comm Event Log response carries at most (specification, 6.10).
pub const MAX_COMM_EVENTS: usize = 64;
/// Bytes of a Get Comm Event Log response that its byte count counts, beside the events.
const EVENT_LOG_BYTES: u8 = 6;

/// Bytes of a Read Device Identification response before its objects.
pub(crate) const IDENTIFICATION_HEADER_BYTES: usize = 7;
/// Bytes for the objects of one Read Device Identification response.
pub const MAX_IDENTIFICATION_BYTES: usize = MAX_PDU_BYTES - IDENTIFICATION_HEADER_BYTES;
/// Bytes of the longest object that fits a response.
pub const MAX_OBJECT_BYTES: usize = MAX_IDENTIFICATION_BYTES - 2;

/// What came back for a request.
#[allow(
    clippy::large_enum_variant,
    reason = "values are inline so that a request needs no heap"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The device did it.
    Response(Response),
    /// The device refused.
    Exception(ExceptionCode),
}

/// A response of function 43 with MEI type 14.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceIdentification {
    /// The code of the request.
    pub code: ReadDeviceId,
    /// What the device can answer: 1 to 3, with bit 7 when it also answers single objects.
    pub conformity: u8,
    /// The object to ask for next, if there are more.
    pub next_object_id: Option<u8>,
    /// Object ids and values. [`Response::encode`] leaves out what does not fit one PDU.
    pub objects: Vec<(u8, Vec<u8>)>,
}

/// A response of function 12.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommEventLog {
    /// 0xFFFF while a long command is worked on.
    pub status: u16,
    /// Messages completed.
    pub event_count: u16,
    /// Messages on the bus.
    pub message_count: u16,
    /// Events, newest first. [`Response::encode`] leaves out what is beyond [`MAX_COMM_EVENTS`].
    pub events: Vec<u8>,
}

/// A valid response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// Function 1.
    ReadCoils(ReadBits),
    /// Function 2.
    ReadDiscreteInputs(ReadBits),
    /// Function 3.
    ReadHoldingRegisters(ReadWords),
    /// Function 4.
    ReadInputRegisters(ReadWords),
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
    /// Function 7: eight exception status outputs, the first in the lowest bit.
    ReadExceptionStatus(u8),
    /// Function 8.
    Diagnostics {
        /// Sub-function.
        sub_function: u16,
        /// Data, at least one byte.
        data: DiagnosticData,
    },
    /// Function 11.
    GetCommEventCounter {
        /// 0xFFFF while a long command is worked on.
        status: u16,
        /// Messages completed.
        event_count: u16,
    },
    /// Function 12.
    GetCommEventLog(CommEventLog),
    /// Function 15.
    WriteMultipleCoils {
        /// First address.
        start: u16,
        /// Coils written.
        count: u16,
    },
    /// Function 16.
    WriteMultipleRegisters {
        /// First address.
        start: u16,
        /// Registers written.
        count: u16,
    },
    /// Function 17. Where the run indicator stands in the data is the device's choice.
    ReportServerId(ServerIdData),
    /// Function 20.
    ReadFileRecord(FileAnswer),
    /// Function 21.
    WriteFileRecord(FileWrite),
    /// Function 22.
    MaskWriteRegister {
        /// Address of the register.
        address: u16,
        /// Bits kept.
        and_mask: u16,
        /// Bits taken where not kept.
        or_mask: u16,
    },
    /// Function 23.
    ReadWriteMultipleRegisters(ReadWords),
    /// Function 24.
    ReadFifoQueue(FifoWords),
    /// Function 43 with MEI type 14.
    DeviceIdentification(DeviceIdentification),
}

impl Response {
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
            Self::ReadExceptionStatus(_) => fc::READ_EXCEPTION_STATUS,
            Self::Diagnostics { .. } => fc::DIAGNOSTICS,
            Self::GetCommEventCounter { .. } => fc::GET_COMM_EVENT_COUNTER,
            Self::GetCommEventLog(_) => fc::GET_COMM_EVENT_LOG,
            Self::WriteMultipleCoils { .. } => fc::WRITE_MULTIPLE_COILS,
            Self::WriteMultipleRegisters { .. } => fc::WRITE_MULTIPLE_REGISTERS,
            Self::ReportServerId(_) => fc::REPORT_SERVER_ID,
            Self::ReadFileRecord(_) => fc::READ_FILE_RECORD,
            Self::WriteFileRecord(_) => fc::WRITE_FILE_RECORD,
            Self::MaskWriteRegister { .. } => fc::MASK_WRITE_REGISTER,
            Self::ReadWriteMultipleRegisters(_) => fc::READ_WRITE_MULTIPLE_REGISTERS,
            Self::ReadFifoQueue(_) => fc::READ_FIFO_QUEUE,
            Self::DeviceIdentification(_) => fc::ENCAPSULATED_INTERFACE,
        }
    }

    /// The registers of functions 3, 4 and 23.
    #[must_use]
    pub fn registers(&self) -> Option<&[u16]> {
        match self {
            Self::ReadHoldingRegisters(words)
            | Self::ReadInputRegisters(words)
            | Self::ReadWriteMultipleRegisters(words) => Some(words),
            _ => None,
        }
    }

    /// The bits of functions 1 and 2.
    #[must_use]
    pub const fn bits(&self) -> Option<&ReadBits> {
        match self {
            Self::ReadCoils(bits) | Self::ReadDiscreteInputs(bits) => Some(bits),
            _ => None,
        }
    }

    /// Appends the PDU to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        // No valid response is longer than the limit, so the writer never refuses.
        let written = self.write(&mut Writer::new(out, MAX_PDU_BYTES));
        debug_assert!(written.is_ok(), "a valid response fits its PDU");
    }

    /// Reads the PDU that answers `request`; it must have the request's function, quantity and echoed fields.
    pub fn decode(pdu: &[u8], request: &Request) -> Result<Reply, PduError> {
        let mut reader = Reader::new(pdu);
        let function = reader.read_u8().map_err(|_| PduError::Empty)?;
        let reply = if function == request.function() | fc::EXCEPTION_BIT {
            Reply::Exception(ExceptionCode(reader.read_u8()?))
        } else if function == request.function() {
            Reply::Response(Self::decode_data(request, &mut reader)?)
        } else {
            return Err(PduError::OtherFunction(function));
        };
        match reader.remaining() {
            0 => Ok(reply),
            count => Err(PduError::Trailing(count)),
        }
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), UnexpectedEnd> {
        writer.write_u8(self.function())?;
        match self {
            Self::ReadCoils(bits) | Self::ReadDiscreteInputs(bits) => {
                write_counted(writer, bits.packed())
            }
            Self::ReadHoldingRegisters(words)
            | Self::ReadInputRegisters(words)
            | Self::ReadWriteMultipleRegisters(words) => write_counted_words(writer, words, false),
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
            Self::WriteMultipleCoils { start, count }
            | Self::WriteMultipleRegisters { start, count } => {
                writer.write_u16(*start)?;
                writer.write_u16(*count)
            }
            Self::ReportServerId(data) => write_counted(writer, data),
            Self::MaskWriteRegister {
                address,
                and_mask,
                or_mask,
            } => {
                writer.write_u16(*address)?;
                writer.write_u16(*and_mask)?;
                writer.write_u16(*or_mask)
            }
            Self::ReadExceptionStatus(status) => writer.write_u8(*status),
            Self::GetCommEventCounter {
                status,
                event_count,
            } => {
                writer.write_u16(*status)?;
                writer.write_u16(*event_count)
            }
            Self::GetCommEventLog(log) => log.write(writer),
            Self::ReadFileRecord(answer) => answer.write(writer),
            Self::WriteFileRecord(write) => write.write(writer),
            Self::ReadFifoQueue(words) => {
                writer.write_u16(u16::try_from(2 * words.len()).map_err(|_| UnexpectedEnd)?)?;
                words.iter().try_for_each(|&word| writer.write_u16(word))
            }
            Self::DeviceIdentification(identification) => identification.write(writer),
        }
    }

    fn decode_data(request: &Request, reader: &mut Reader<'_>) -> Result<Self, PduError> {
        Ok(match request {
            Request::ReadCoils(span) => Self::ReadCoils(read_bits(reader, span.count())?),
            Request::ReadDiscreteInputs(span) => {
                Self::ReadDiscreteInputs(read_bits(reader, span.count())?)
            }
            Request::ReadHoldingRegisters(span) => {
                Self::ReadHoldingRegisters(read_registers(reader, span.count())?)
            }
            Request::ReadInputRegisters(span) => {
                Self::ReadInputRegisters(read_registers(reader, span.count())?)
            }
            Request::ReadWriteMultipleRegisters { read, .. } => {
                Self::ReadWriteMultipleRegisters(read_registers(reader, read.count())?)
            }
            Request::WriteSingleCoil { address, value } => {
                expect(reader, &[*address, coil_word(*value)])?;
                Self::WriteSingleCoil {
                    address: *address,
                    value: *value,
                }
            }
            Request::WriteSingleRegister { address, value } => {
                expect(reader, &[*address, *value])?;
                Self::WriteSingleRegister {
                    address: *address,
                    value: *value,
                }
            }
            Request::Diagnostics { sub_function, .. } => {
                expect(reader, &[*sub_function])?;
                let data = reader.take_rest();
                let data = DiagnosticData::new(data).ok_or(PduError::Truncated)?;
                Self::Diagnostics {
                    sub_function: *sub_function,
                    data,
                }
            }
            Request::WriteMultipleCoils { start, values } => {
                expect(reader, &[*start, values.count()])?;
                Self::WriteMultipleCoils {
                    start: *start,
                    count: values.count(),
                }
            }
            Request::WriteMultipleRegisters { start, values } => {
                let count = u16::try_from(values.len()).map_err(|_| PduError::NoEcho)?;
                expect(reader, &[*start, count])?;
                Self::WriteMultipleRegisters {
                    start: *start,
                    count,
                }
            }
            Request::ReportServerId => Self::ReportServerId(read_server_id(reader)?),
            Request::MaskWriteRegister {
                address,
                and_mask,
                or_mask,
            } => {
                expect(reader, &[*address, *and_mask, *or_mask])?;
                Self::MaskWriteRegister {
                    address: *address,
                    and_mask: *and_mask,
                    or_mask: *or_mask,
                }
            }
            Request::ReadDeviceIdentification { code, .. } => {
                Self::DeviceIdentification(DeviceIdentification::read(reader, *code)?)
            }
            Request::ReadExceptionStatus => Self::ReadExceptionStatus(reader.read_u8()?),
            Request::GetCommEventCounter => Self::GetCommEventCounter {
                status: reader.read_u16()?,
                event_count: reader.read_u16()?,
            },
            Request::GetCommEventLog => Self::GetCommEventLog(CommEventLog::read(reader)?),
            Request::ReadFileRecord(asked) => {
                Self::ReadFileRecord(FileAnswer::read(reader, asked)?)
            }
            Request::WriteFileRecord(asked) => {
                let echoed = FileWrite::read(reader)?;
                if echoed != *asked {
                    return Err(PduError::NoEcho);
                }
                Self::WriteFileRecord(echoed)
            }
            Request::ReadFifoQueue { .. } => Self::ReadFifoQueue(read_fifo(reader)?),
        })
    }
}

impl CommEventLog {
    fn write(&self, writer: &mut Writer<'_>) -> Result<(), UnexpectedEnd> {
        let events = self.events.get(..MAX_COMM_EVENTS).unwrap_or(&self.events);
        let count = u8::try_from(events.len()).map_err(|_| UnexpectedEnd)?;
        writer.write_u8(EVENT_LOG_BYTES + count)?;
        writer.write_u16(self.status)?;
        writer.write_u16(self.event_count)?;
        writer.write_u16(self.message_count)?;
        writer.write(events)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, PduError> {
        let byte_count = reader.read_u8()?;
        let events = byte_count
            .checked_sub(EVENT_LOG_BYTES)
            .filter(|events| usize::from(*events) <= MAX_COMM_EVENTS)
            .ok_or(PduError::ByteCount(byte_count))?;
        Ok(Self {
            status: reader.read_u16()?,
            event_count: reader.read_u16()?,
            message_count: reader.read_u16()?,
            events: reader.take(usize::from(events))?.to_vec(),
        })
    }
}

impl DeviceIdentification {
    fn write(&self, writer: &mut Writer<'_>) -> Result<(), UnexpectedEnd> {
        let mut room = MAX_IDENTIFICATION_BYTES;
        let fits =
            self.objects
                .iter()
                .take_while(|(_, value)| match room.checked_sub(value.len() + 2) {
                    Some(left) => {
                        room = left;
                        true
                    }
                    None => false,
                });
        let count = u8::try_from(fits.count()).map_err(|_| UnexpectedEnd)?;
        writer.write(&[
            fc::MEI_DEVICE_IDENTIFICATION,
            self.code.code(),
            self.conformity,
        ])?;
        let more_follows = if self.next_object_id.is_some() {
            0xFF
        } else {
            0x00
        };
        writer.write(&[more_follows, self.next_object_id.unwrap_or(0), count])?;
        for (id, value) in self.objects.iter().take(usize::from(count)) {
            writer.write_u8(*id)?;
            write_counted(writer, value)?;
        }
        Ok(())
    }

    fn read(reader: &mut Reader<'_>, code: ReadDeviceId) -> Result<Self, PduError> {
        let (mei, echoed) = (reader.read_u8()?, reader.read_u8()?);
        if mei != fc::MEI_DEVICE_IDENTIFICATION || echoed != code.code() {
            return Err(PduError::NoEcho);
        }
        let conformity = reader.read_u8()?;
        let (more_follows, next) = (reader.read_u8()?, reader.read_u8()?);
        let count = reader.read_u8()?;
        let mut objects = Vec::new();
        for _ in 0..count {
            let id = reader.read_u8()?;
            let length = reader.read_u8()?;
            objects.push((id, reader.take(usize::from(length))?.to_vec()));
        }
        let next_object_id = (more_follows == 0xFF).then_some(next);
        Ok(Self {
            code,
            conformity,
            next_object_id,
            objects,
        })
    }
}

/// The byte count of a FIFO queue has 16 bits; the queue's own count must fit it.
fn read_fifo(reader: &mut Reader<'_>) -> Result<FifoWords, PduError> {
    let byte_count = usize::from(reader.read_u16()?);
    let bad = PduError::ByteCount(u8::try_from(byte_count).unwrap_or(u8::MAX));
    let mut words = FifoWords::zeroed(byte_count / 2).ok_or(bad)?;
    read_words(reader, words.as_mut_slice())?;
    let values = words.first().map_or(0, |count| usize::from(*count));
    if byte_count % 2 == 1 || values + 1 != words.len() {
        return Err(bad);
    }
    Ok(words)
}

fn read_server_id(reader: &mut Reader<'_>) -> Result<ServerIdData, PduError> {
    let byte_count = reader.read_u8()?;
    let data = reader.take(usize::from(byte_count))?;
    ServerIdData::new(data).ok_or(PduError::ByteCount(byte_count))
}

fn read_bits(reader: &mut Reader<'_>, count: u16) -> Result<ReadBits, PduError> {
    let byte_count = reader.read_u8()?;
    if usize::from(byte_count) != packed_bytes(count) {
        return Err(PduError::ByteCount(byte_count));
    }
    let bytes = reader.take(usize::from(byte_count))?;
    ReadBits::from_packed(count, bytes).ok_or(PduError::ByteCount(byte_count))
}

fn read_registers(reader: &mut Reader<'_>, count: u16) -> Result<ReadWords, PduError> {
    let byte_count = reader.read_u8()?;
    if usize::from(byte_count) != 2 * usize::from(count) {
        return Err(PduError::ByteCount(byte_count));
    }
    let mut words = ReadWords::zeroed(usize::from(count)).ok_or(PduError::ByteCount(byte_count))?;
    read_words(reader, words.as_mut_slice())?;
    Ok(words)
}

fn expect(reader: &mut Reader<'_>, words: &[u16]) -> Result<(), PduError> {
    for &word in words {
        if reader.read_u16()? != word {
            return Err(PduError::NoEcho);
        }
    }
    Ok(())
}
