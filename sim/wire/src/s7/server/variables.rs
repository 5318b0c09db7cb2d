//! Read and write jobs.

use super::Exchange;
use super::record::{Access, Action, Bytes};
use crate::cursor::Reader;
use crate::device::DeviceError;
use crate::s7::MAX_ITEMS;
use crate::s7::device::{Level, S7Device};
use crate::s7::error::{ErrorCode, ItemCode};
use crate::s7::item::{self, Address, Data, DataType, Span, data};
use crate::s7::pdu::{Pdu, function};

impl Exchange<'_> {
    pub(super) fn read_variables(&mut self, request: &Pdu<'_>) -> Result<(), ErrorCode> {
        let addresses = addresses(request.parameters)?;
        self.action = Action::Read(addresses.iter().map(describe).collect());
        let count = u8::try_from(addresses.len()).unwrap_or(0);
        self.answer(request, &[function::READ, count]);
        let accesses = self.append_variables(&addresses)?;
        self.action = Action::Read(accesses);
        Ok(())
    }

    /// Appends the data of variables to the reply, which already has everything else.
    pub(super) fn append_variables(
        &mut self,
        addresses: &[Address],
    ) -> Result<Vec<Access>, ErrorCode> {
        let open = self.level() < Level::NoAccess;
        let spans: Vec<Result<Span, ItemCode>> = addresses
            .iter()
            .map(|address| {
                let span = address.span()?;
                check(&*self.device, &span, false)?;
                if open {
                    Ok(span)
                } else {
                    Err(ItemCode::ACCESS)
                }
            })
            .collect();
        let mut room = usize::from(self.state.pdu_bytes).saturating_sub(self.reply.len());
        for (index, span) in spans.iter().enumerate() {
            let bytes = span.as_ref().map_or(0, |span| span.bytes as usize);
            let fill = usize::from(bytes % 2 == 1 && index + 1 < spans.len());
            room = room
                .checked_sub(item::DATA_HEADER_BYTES + bytes + fill)
                .ok_or(ErrorCode::WRONG_PDU)?;
        }
        let mut accesses = Vec::with_capacity(addresses.len());
        let last = addresses.len().saturating_sub(1);
        for (index, (address, span)) in addresses.iter().zip(spans).enumerate() {
            let start = self.reply.len();
            let result = span.and_then(|span| append(&*self.device, &span, self.reply));
            let mut access = describe(address);
            match result {
                Ok(()) => {
                    let values = self.reply.get(start + item::DATA_HEADER_BYTES..);
                    access.values = Bytes::keep(values.unwrap_or(&[]));
                    access.code = ItemCode::OK;
                }
                Err(code) => {
                    self.reply.truncate(start);
                    item::encode_data_header(code, data::NONE, 0, self.reply);
                    access.code = code;
                }
            }
            if (self.reply.len() - start) % 2 == 1 && index < last {
                self.reply.push(0);
            }
            accesses.push(access);
        }
        Ok(accesses)
    }

    pub(super) fn write_variables(&mut self, request: &Pdu<'_>) -> Result<(), ErrorCode> {
        let addresses = addresses(request.parameters)?;
        let mut accesses: Vec<Access> = addresses.iter().map(describe).collect();
        self.action = Action::Write(accesses.clone());
        let mut reader = Reader::new(request.data);
        let values: Vec<Data<'_>> = addresses
            .iter()
            .map(|_| Data::decode(&mut reader))
            .collect::<Result<_, _>>()
            .map_err(|_| ErrorCode::WRONG_PDU)?;
        if !reader.is_empty() {
            return Err(ErrorCode::WRONG_PDU);
        }
        let count = u8::try_from(addresses.len()).unwrap_or(0);
        self.answer(request, &[function::WRITE, count]);
        let open = self.level() < Level::NoAccess;
        for ((address, value), access) in addresses.iter().zip(&values).zip(&mut accesses) {
            let result = if open {
                self.write_variable(address, value)
            } else {
                Err(ItemCode::ACCESS)
            };
            access.code = result.err().unwrap_or(ItemCode::OK);
            access.values = Bytes::keep(value.bytes);
            self.reply.push(access.code.0);
        }
        self.action = Action::Write(accesses);
        Ok(())
    }

    fn write_variable(&mut self, address: &Address, value: &Data<'_>) -> Result<(), ItemCode> {
        let span = address.span()?;
        let fits = match value.data_code {
            data::BIT => span.data_type == DataType::Bit && value.length == 1,
            data::BITS | data::INTEGER => span.data_type != DataType::Bit && value.length % 8 == 0,
            data::LONG | data::REAL | data::OCTETS => true,
            _ => return Err(ItemCode::TYPE),
        };
        if !fits || value.bytes.len() != span.bytes as usize {
            return Err(ItemCode::SIZE);
        }
        check(&*self.device, &span, true)?;
        let area = span.written_area();
        if span.data_type != DataType::Bit {
            return self
                .device
                .write_area(self.now, area, span.offset, value.bytes)
                .map_err(item_code);
        }
        let mut byte = [0];
        self.device
            .read_area(area, span.offset, &mut byte)
            .map_err(item_code)?;
        let mask = 1 << span.bit;
        let on = value.bytes.first().is_some_and(|value| value & 1 != 0);
        let [byte] = byte;
        let byte = if on { byte | mask } else { byte & !mask };
        self.device
            .write_area(self.now, area, span.offset, &[byte])
            .map_err(item_code)
    }
}

/// The addresses of a job; their count must account for every byte.
fn addresses(parameters: &[u8]) -> Result<Vec<Address>, ErrorCode> {
    let mut reader = Reader::new(parameters);
    let _function = reader.read_u8().map_err(|_| ErrorCode::WRONG_PDU)?;
    let addresses = read_addresses(&mut reader)?;
    if reader.is_empty() {
        Ok(addresses)
    } else {
        Err(ErrorCode::WRONG_PDU)
    }
}

/// Reads the count and as many addresses.
pub(super) fn read_addresses(reader: &mut Reader<'_>) -> Result<Vec<Address>, ErrorCode> {
    let count = usize::from(reader.read_u8().map_err(|_| ErrorCode::WRONG_PDU)?);
    if !(1..=MAX_ITEMS).contains(&count) {
        return Err(ErrorCode::WRONG_PDU);
    }
    (0..count)
        .map(|_| Address::decode(reader).map_err(|_| ErrorCode::WRONG_PDU))
        .collect()
}

/// Whether the device has what the span names.
fn check(device: &dyn S7Device, span: &Span, write: bool) -> Result<(), ItemCode> {
    let area = if write {
        span.written_area()
    } else {
        span.area
    };
    let length = device.area_bytes(area).ok_or(ItemCode::MISSING)?;
    let end = span.offset.checked_add(span.bytes);
    if end.is_some_and(|end| end <= length) {
        Ok(())
    } else {
        Err(ItemCode::ADDRESS)
    }
}

/// Appends a variable's data.
fn append(device: &dyn S7Device, span: &Span, out: &mut Vec<u8>) -> Result<(), ItemCode> {
    item::encode_data_header(ItemCode::OK, span.data_type.data_code(), span.bytes, out);
    let start = out.len();
    out.resize(start + span.bytes as usize, 0);
    let bytes = out.get_mut(start..).unwrap_or(&mut []);
    device
        .read_area(span.area, span.offset, bytes)
        .map_err(item_code)?;
    if let (DataType::Bit, Some(byte)) = (span.data_type, bytes.first_mut()) {
        *byte = (*byte >> span.bit) & 1;
    }
    Ok(())
}

fn describe(address: &Address) -> Access {
    let span = address.span();
    let offset = match (&span, address.area) {
        (Ok(span), _) => span.offset,
        (Err(_), item::area::TIMER | item::area::COUNTER) => address.start.saturating_mul(2),
        (Err(_), _) => address.start >> 3,
    };
    let data_type = DataType::from_code(address.data_type);
    let bytes = data_type.map_or(0, |data_type| {
        u32::from(address.count).saturating_mul(data_type.bytes())
    });
    Access {
        area: address.place(),
        offset,
        bit: (data_type == Some(DataType::Bit))
            .then(|| u8::try_from(address.start & 7).unwrap_or(0)),
        data_type,
        bytes,
        code: span.err().unwrap_or(ItemCode::OK),
        values: Bytes::default(),
    }
}

fn item_code(error: DeviceError) -> ItemCode {
    match error {
        DeviceError::NotSupported => ItemCode::TYPE,
        DeviceError::BadAddress => ItemCode::ADDRESS,
        DeviceError::BadValue => ItemCode::SIZE,
        DeviceError::WriteRefused | DeviceError::ModeRefused => ItemCode::ACCESS,
        DeviceError::Failure => ItemCode::HARDWARE,
    }
}
