//! What each valid request does to the device.

use sim_record::SimTime;

use super::identification;
use super::{LinkState, ServerConfig, Values};
use crate::device::{BitTable, DeviceError, DeviceModel, Mode, WordTable};
use crate::modbus::exception::ExceptionCode;
use crate::modbus::request::{DiagnosticData, Request};
use crate::modbus::response::{ReadWords, Response, ServerIdData};
use crate::modbus::values::{BitSpan, MAX_READ_BITS, MAX_WRITE_BITS, ReadBits, WordSpan};

/// Diagnostics sub-function 1.
pub(super) const RESTART_COMMUNICATIONS: u16 = 1;
/// Word of sub-function 1 that also clears the communications event log.
const CLEAR_LOG: u16 = 0xFF00;

/// Executes a request; `Ok(None)` when the device must not answer.
pub(super) fn execute(
    request: &Request,
    now: SimTime,
    device: &mut dyn DeviceModel,
    config: &ServerConfig,
    link: &mut LinkState,
) -> Result<Option<Response>, ExceptionCode> {
    let mut target = Target {
        now,
        device,
        config,
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
        Request::Diagnostics { sub_function, data } => {
            return diagnostics(*sub_function, data, link);
        }
        Request::WriteMultipleCoils { start, values } => {
            let count = values.count();
            let mut bits = [false; MAX_WRITE_BITS as usize];
            bits.iter_mut()
                .zip(values.iter())
                .for_each(|(slot, bit)| *slot = bit);
            target.write_coils(*start, bits.get(..usize::from(count)).unwrap_or(&bits))?;
            Response::WriteMultipleCoils {
                start: *start,
                count,
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
        Request::ReportServerId => Response::ReportServerId(report_server_id(target.device)),
        Request::MaskWriteRegister {
            address,
            and_mask,
            or_mask,
        } => {
            let current = target.read_word(*address)?;
            target.write_words(*address, &[(current & and_mask) | (or_mask & !and_mask)])?;
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
            let identity = target.device.identity();
            Response::DeviceIdentification(identification::read(identity, *code, *object_id)?)
        }
    };
    Ok(Some(response))
}

/// The device with its refusals as exceptions.
struct Target<'a> {
    now: SimTime,
    device: &'a mut dyn DeviceModel,
    config: &'a ServerConfig,
}

impl Target<'_> {
    fn read_bits(&self, table: BitTable, span: BitSpan) -> Result<ReadBits, ExceptionCode> {
        let count = usize::from(span.count());
        check_end(span.start(), count)?;
        let mut bits = [false; MAX_READ_BITS as usize];
        let bits = bits.split_at_mut(count.min(usize::from(MAX_READ_BITS))).0;
        self.device
            .read_bits(table, span.start(), bits)
            .map_err(|error| self.exception(error))?;
        ReadBits::new(bits).ok_or(ExceptionCode::ILLEGAL_DATA_VALUE)
    }

    fn read_words(&self, table: WordTable, span: WordSpan) -> Result<ReadWords, ExceptionCode> {
        let count = usize::from(span.count());
        check_end(span.start(), count)?;
        let mut words = ReadWords::zeroed(count).ok_or(ExceptionCode::ILLEGAL_DATA_VALUE)?;
        let read = self
            .device
            .read_words(table, span.start(), words.as_mut_slice());
        read.map_err(|error| self.exception(error))?;
        Ok(words)
    }

    fn read_word(&self, address: u16) -> Result<u16, ExceptionCode> {
        let mut word = [0];
        let read = self
            .device
            .read_words(WordTable::HoldingRegisters, address, &mut word);
        read.map_err(|error| self.exception(error))?;
        Ok(word[0])
    }

    fn write_coils(&mut self, start: u16, values: &[bool]) -> Result<(), ExceptionCode> {
        check_end(start, values.len())?;
        let written = self.device.write_coils(self.now, start, values);
        written.map_err(|error| self.exception(error))
    }

    fn write_words(&mut self, start: u16, values: &[u16]) -> Result<(), ExceptionCode> {
        check_end(start, values.len())?;
        let written = self.device.write_words(self.now, start, values);
        written.map_err(|error| self.exception(error))
    }

    const fn exception(&self, error: DeviceError) -> ExceptionCode {
        self.config.errors.exception(error)
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

/// Addresses end at 65535.
fn check_end(start: u16, count: usize) -> Result<(), ExceptionCode> {
    if usize::from(start) + count > 0x1_0000 {
        Err(ExceptionCode::ILLEGAL_DATA_ADDRESS)
    } else {
        Ok(())
    }
}

fn diagnostics(
    sub_function: u16,
    data: &DiagnosticData,
    link: &mut LinkState,
) -> Result<Option<Response>, ExceptionCode> {
    let counters = link.counters;
    let answer = |data| Ok(Some(Response::Diagnostics { sub_function, data }));
    let word = match data.as_slice() {
        &[high, low] => Some(u16::from_be_bytes([high, low])),
        _ => None,
    };
    // Sub-function 0 echoes any data; all others carry one word.
    let counted = match sub_function {
        0 => return answer(data.clone()),
        RESTART_COMMUNICATIONS => {
            return match word {
                Some(0 | CLEAR_LOG) => {
                    *link = LinkState::default();
                    answer(data.clone())
                }
                _ => Err(ExceptionCode::ILLEGAL_DATA_VALUE),
            };
        }
        4 => {
            require_zero(word)?;
            link.listen_only = true;
            return Ok(None);
        }
        10 | 20 => {
            require_zero(word)?;
            if sub_function == 10 {
                link.counters = super::Counters::default();
            }
            return answer(data.clone());
        }
        // The diagnostic register has no bits that this device defines; TCP knows no NAK, busy or overrun.
        2 | 16 | 17 | 18 => 0,
        11 => counters.bus_messages,
        12 => counters.communication_errors,
        13 => counters.exceptions,
        14 => counters.server_messages,
        15 => counters.no_responses,
        // 3 sets the delimiter of serial ASCII; the rest is reserved.
        _ => return Err(ExceptionCode::ILLEGAL_FUNCTION),
    };
    require_zero(word)?;
    answer(DiagnosticData::from_array(counted.to_be_bytes()))
}

fn require_zero(word: Option<u16>) -> Result<(), ExceptionCode> {
    if word == Some(0) {
        Ok(())
    } else {
        Err(ExceptionCode::ILLEGAL_DATA_VALUE)
    }
}

/// Server id, run indicator (FF running, 00 not), and what the persona puts after it; cut where the PDU ends.
fn report_server_id(device: &dyn DeviceModel) -> ServerIdData {
    let identity = device.identity();
    let indicator = if device.mode() == Mode::Run {
        0xFF
    } else {
        0x00
    };
    let mut data = ServerIdData::from_array([0; crate::modbus::mbap::MAX_PDU_BYTES - 2]);
    let capacity = data.len();
    let id_room = capacity - 1;
    let bytes = (identity.server_id.iter().copied().take(id_room))
        .chain([indicator])
        .chain(identity.server_id_extra.iter().copied());
    let used = data
        .as_mut_slice()
        .iter_mut()
        .zip(bytes)
        .map(|(slot, byte)| *slot = byte)
        .count();
    ServerIdData::new(data.get(..used).unwrap_or(&data)).unwrap_or(data)
}
