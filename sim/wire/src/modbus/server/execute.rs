//! What each valid request does to the device.

use sim_record::SimTime;

use super::identification;
use super::persona::{GatewayUnit, RunIndicator};
use super::{Communication, ModbusPersona, Values};
use crate::device::{Area, BitTable, DeviceError, DeviceModel, Identity, Mode, WordTable};
use crate::modbus::exception::ExceptionCode;
use crate::modbus::file::{FileAnswer, FileRead, FileReadWords, FileWrite};
use crate::modbus::mbap::MAX_PDU_BYTES;
use crate::modbus::request::Request;
use crate::modbus::response::{FifoWords, ReadWords, Response, ServerIdData};
use crate::modbus::values::{
    BitSpan, MAX_FIFO_VALUES, MAX_READ_BITS, MAX_WRITE_BITS, ReadBits, WordSpan, WriteBits,
};

/// Executes a request; `Ok(None)` when the device must not answer.
pub(super) fn execute(
    request: &Request,
    now: SimTime,
    device: &mut dyn DeviceModel,
    unit: u8,
    persona: &ModbusPersona,
    communication: &mut Communication,
) -> Result<Option<Response>, ExceptionCode> {
    let mut target = Target {
        now,
        device,
        persona,
        behind: persona.units.behind(unit),
    };
    let response = match request {
        Request::ReadCoils(span) => Response::ReadCoils(target.read_bits(BitTable::Coils, *span)?),
        Request::ReadDiscreteInputs(span) => {
            Response::ReadDiscreteInputs(target.read_bits(BitTable::DiscreteInputs, *span)?)
        }
        Request::ReadHoldingRegisters(span) => {
            Response::ReadHoldingRegisters(target.read_words(WordTable::HoldingRegisters, *span)?)
        }
        Request::ReadInputRegisters(span) => {
            Response::ReadInputRegisters(target.read_words(WordTable::InputRegisters, *span)?)
        }
        Request::WriteSingleCoil { address, value } => {
            target.write_coils(*address, &[*value])?;
            Response::WriteSingleCoil {
                address: *address,
                value: *value,
            }
        }
        Request::WriteSingleRegister { address, value } => {
            target.write_words(*address, &[*value])?;
            Response::WriteSingleRegister {
                address: *address,
                value: *value,
            }
        }
        Request::ReadExceptionStatus => Response::ReadExceptionStatus(target.exception_status()?),
        Request::Diagnostics { sub_function, data } => {
            return communication.diagnostics(*sub_function, data);
        }
        Request::GetCommEventCounter => communication.event_counter(),
        Request::GetCommEventLog => communication.event_log(),
        Request::ReadFileRecord(read) => Response::ReadFileRecord(target.read_files(read)?),
        Request::WriteFileRecord(write) => {
            target.write_files(write)?;
            Response::WriteFileRecord(write.clone())
        }
        Request::ReadFifoQueue { pointer } => Response::ReadFifoQueue(target.read_fifo(*pointer)?),
        Request::WriteMultipleCoils { start, values } => {
            target.write_packed(*start, values)?;
            Response::WriteMultipleCoils {
                start: *start,
                count: values.count(),
            }
        }
        Request::WriteMultipleRegisters { start, values } => {
            target.write_words(*start, values)?;
            let count =
                u16::try_from(values.len()).map_err(|_| ExceptionCode::ILLEGAL_DATA_VALUE)?;
            Response::WriteMultipleRegisters {
                start: *start,
                count,
            }
        }
        Request::ReportServerId => Response::ReportServerId(target.report_server_id()),
        Request::MaskWriteRegister {
            address,
            and_mask,
            or_mask,
        } => {
            target.mask_write(*address, *and_mask, *or_mask)?;
            Response::MaskWriteRegister {
                address: *address,
                and_mask: *and_mask,
                or_mask: *or_mask,
            }
        }
        Request::ReadWriteMultipleRegisters {
            read,
            write_start,
            values,
        } => {
            // Both ranges are checked before anything changes (specification, 6.17, state diagram).
            target.read_words(WordTable::HoldingRegisters, *read)?;
            target.write_words(*write_start, values)?;
            let words = target.read_words(WordTable::HoldingRegisters, *read)?;
            Response::ReadWriteMultipleRegisters(words)
        }
        Request::ReadDeviceIdentification { code, object_id } => {
            let (identity, conformity) = (target.identity(), persona.conformity);
            Response::DeviceIdentification(identification::read(
                identity, conformity, *code, *object_id,
            )?)
        }
    };
    Ok(Some(response))
}

/// The device with its refusals as exceptions.
struct Target<'a> {
    now: SimTime,
    device: &'a mut dyn DeviceModel,
    persona: &'a ModbusPersona,
    /// The device behind the gateway that is asked, if this is one.
    behind: Option<&'a GatewayUnit>,
}

impl Target<'_> {
    fn read_bits(&self, table: BitTable, span: BitSpan) -> Result<ReadBits, ExceptionCode> {
        let count = usize::from(span.count());
        let start = self.place(span.start(), count)?;
        let mut bits = [false; MAX_READ_BITS as usize];
        let bits = bits.split_at_mut(count.min(usize::from(MAX_READ_BITS))).0;
        self.device
            .read_bits(table, start, bits)
            .map_err(|error| self.exception(error))?;
        ReadBits::new(bits).ok_or(ExceptionCode::ILLEGAL_DATA_VALUE)
    }

    fn read_words(&self, table: WordTable, span: WordSpan) -> Result<ReadWords, ExceptionCode> {
        let count = usize::from(span.count());
        let start = self.place(span.start(), count)?;
        let mut words = ReadWords::zeroed(count).ok_or(ExceptionCode::ILLEGAL_DATA_VALUE)?;
        let read = self.device.read_words(table, start, words.as_mut_slice());
        read.map_err(|error| self.exception(error))?;
        Ok(words)
    }

    fn read_word(&self, address: u16) -> Result<u16, ExceptionCode> {
        let mut word = [0];
        let address = self.place(address, 1)?;
        let read = self
            .device
            .read_words(WordTable::HoldingRegisters, address, &mut word);
        read.map_err(|error| self.exception(error))?;
        Ok(word[0])
    }

    fn mask_write(&mut self, address: u16, and: u16, or: u16) -> Result<(), ExceptionCode> {
        let current = self.read_word(address)?;
        self.write_words(address, &[(current & and) | (or & !and)])
    }

    fn write_coils(&mut self, start: u16, values: &[bool]) -> Result<(), ExceptionCode> {
        let start = self.place(start, values.len())?;
        let written = self.device.write_coils(self.now, start, values);
        written.map_err(|error| self.exception(error))
    }

    fn write_packed(&mut self, start: u16, values: &WriteBits) -> Result<(), ExceptionCode> {
        let mut bits = [false; MAX_WRITE_BITS as usize];
        bits.iter_mut()
            .zip(values.iter())
            .for_each(|(slot, bit)| *slot = bit);
        self.write_coils(
            start,
            bits.get(..usize::from(values.count())).unwrap_or(&bits),
        )
    }

    fn write_words(&mut self, start: u16, values: &[u16]) -> Result<(), ExceptionCode> {
        let start = self.place(start, values.len())?;
        let written = self.device.write_words(self.now, start, values);
        written.map_err(|error| self.exception(error))
    }

    /// The eight coils that the persona shows as exception status outputs.
    fn exception_status(&self) -> Result<u8, ExceptionCode> {
        let mut bits = [false; 8];
        let start = self.place(self.persona.exception_status_coil, bits.len())?;
        self.device
            .read_bits(BitTable::Coils, start, &mut bits)
            .map_err(|error| self.exception(error))?;
        Ok(bits
            .iter()
            .rev()
            .fold(0, |byte, &bit| byte << 1 | u8::from(bit)))
    }

    /// File n is data block n of the device, record r its word r.
    fn read_files(&self, read: &FileRead) -> Result<FileAnswer, ExceptionCode> {
        let mut words =
            FileReadWords::zeroed(read.word_count()).ok_or(ExceptionCode::ILLEGAL_DATA_VALUE)?;
        let mut slots = words.as_mut_slice();
        for run in read.runs() {
            let (here, rest) = slots
                .split_at_mut_checked(usize::from(run.count))
                .ok_or(ExceptionCode::ILLEGAL_DATA_VALUE)?;
            let mut bytes = vec![0; 2 * here.len()];
            self.device
                .read_area(
                    Area::DataBlock(run.file),
                    2 * u32::from(run.record),
                    &mut bytes,
                )
                .map_err(|error| self.file_exception(error))?;
            for (word, pair) in here.iter_mut().zip(bytes.as_chunks::<2>().0) {
                *word = u16::from_be_bytes(*pair);
            }
            slots = rest;
        }
        FileAnswer::new(read.clone(), &words).ok_or(ExceptionCode::ILLEGAL_DATA_VALUE)
    }

    /// Every run is checked before the first is written.
    fn write_files(&mut self, write: &FileWrite) -> Result<(), ExceptionCode> {
        for (run, words) in write.runs() {
            let mut bytes = vec![0; 2 * words.len()];
            self.device
                .read_area(
                    Area::DataBlock(run.file),
                    2 * u32::from(run.record),
                    &mut bytes,
                )
                .map_err(|error| self.file_exception(error))?;
        }
        for (run, words) in write.runs() {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
            self.device
                .write_area(
                    self.now,
                    Area::DataBlock(run.file),
                    2 * u32::from(run.record),
                    &bytes,
                )
                .map_err(|error| self.file_exception(error))?;
        }
        Ok(())
    }

    /// A queue in holding registers: the number of values, then the values.
    fn read_fifo(&self, pointer: u16) -> Result<FifoWords, ExceptionCode> {
        let count = self.read_word(pointer)?;
        if count > MAX_FIFO_VALUES {
            return Err(ExceptionCode::ILLEGAL_DATA_VALUE);
        }
        let count = usize::from(count);
        let start = self.place(pointer, count + 1)?;
        let mut words = FifoWords::zeroed(count + 1).ok_or(ExceptionCode::ILLEGAL_DATA_VALUE)?;
        self.device
            .read_words(WordTable::HoldingRegisters, start, words.as_mut_slice())
            .map_err(|error| self.exception(error))?;
        Ok(words)
    }

    fn identity(&self) -> &Identity {
        let own = self.behind.and_then(|behind| behind.identity.as_deref());
        own.unwrap_or_else(|| self.device.identity())
    }

    /// Server id, run indicator (FF running, 00 not), and what the identity puts beside them; cut where the PDU ends.
    fn report_server_id(&self) -> ServerIdData {
        let identity = self.identity();
        let indicator = [if self.device.mode() == Mode::Run {
            0xFF
        } else {
            0x00
        }];
        let room = MAX_PDU_BYTES - 2 - indicator.len();
        let id = identity
            .server_id
            .get(..room)
            .unwrap_or(&identity.server_id);
        let extra = identity.server_id_extra.as_slice();
        let extra = extra.get(..room - id.len()).unwrap_or(extra);
        let parts: [&[u8]; 3] = match self.persona.run_indicator {
            RunIndicator::AfterId => [id, &indicator, extra],
            RunIndicator::Last => [id, extra, &indicator],
            RunIndicator::First => [&indicator, id, extra],
            RunIndicator::Missing => [id, extra, &[]],
        };
        // What is told has one byte at least.
        ServerIdData::new(&parts.concat()).unwrap_or_else(|| ServerIdData::from_array([0]))
    }

    /// The device's address for an address of the request. Addresses end at 65535, or where the part of a device
    /// behind a gateway ends.
    fn place(&self, start: u16, count: usize) -> Result<u16, ExceptionCode> {
        let (first, room) = match self.behind {
            None => (0, 0x1_0000),
            Some(behind) => (behind.first, usize::from(behind.count)),
        };
        if usize::from(start) + count > room {
            return Err(ExceptionCode::ILLEGAL_DATA_ADDRESS);
        }
        let placed = usize::from(first) + usize::from(start);
        u16::try_from(placed)
            .ok()
            .filter(|_| placed + count <= 0x1_0000)
            .ok_or(ExceptionCode::ILLEGAL_DATA_ADDRESS)
    }

    const fn exception(&self, error: DeviceError) -> ExceptionCode {
        self.persona.errors.exception(error)
    }

    /// A device without data blocks has no files: an address that does not exist, not an unknown function.
    const fn file_exception(&self, error: DeviceError) -> ExceptionCode {
        match error {
            DeviceError::NotSupported => self.exception(DeviceError::BadAddress),
            other => self.exception(other),
        }
    }
}

/// The values for the records: written ones first, else those read.
pub(super) fn summary(request: &Request, response: &Response) -> Values {
    match (request, response) {
        (Request::WriteSingleCoil { value, .. }, _) => Values::keep([u16::from(*value)]),
        (Request::WriteSingleRegister { value, .. }, _) => Values::keep([*value]),
        (Request::WriteMultipleCoils { values, .. }, _) => {
            Values::keep(values.iter().map(u16::from))
        }
        (Request::WriteMultipleRegisters { values, .. }, _) => Values::keep(values.iter().copied()),
        (Request::ReadWriteMultipleRegisters { values, .. }, _) => {
            Values::keep(values.iter().copied())
        }
        (Request::WriteFileRecord(write), _) => Values::keep(write.words().iter().copied()),
        (
            Request::MaskWriteRegister {
                and_mask, or_mask, ..
            },
            _,
        ) => Values::keep([*and_mask, *or_mask]),
        (_, Response::ReadCoils(bits) | Response::ReadDiscreteInputs(bits)) => {
            Values::keep(bits.iter().map(u16::from))
        }
        (_, Response::ReadHoldingRegisters(words) | Response::ReadInputRegisters(words)) => {
            Values::keep(words.iter().copied())
        }
        _ => Values::default(),
    }
}
