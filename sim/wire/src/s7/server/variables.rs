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
        let count = u8::try_from(addresses.len()).unwrap_or(0);
        self.answer(request, &[function::READ, count]);
        let open = self.level() < Level::NoAccess;
        let room = usize::from(self.state.pdu_bytes).saturating_sub(self.reply.len());
        let collected = collect(&*self.device, open, &addresses, room, self.reply);
        let (accesses, refusal) = match collected {
            Ok(accesses) => (accesses, None),
            Err(code) => (addresses.iter().map(describe).collect(), Some(code)),
        };
        self.action = Action::Read(accesses);
        refusal.map_or(Ok(()), Err)
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
            data::BITS | data::INTEGER => {
                span.data_type != DataType::Bit && value.length.is_multiple_of(8)
            }
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
    let [_function, count] = reader.read_array().map_err(|_| ErrorCode::WRONG_PDU)?;
    read_addresses(&mut reader, count)
}

/// Reads as many addresses; they must account for every byte.
pub(super) fn read_addresses(
    reader: &mut Reader<'_>,
    count: u8,
) -> Result<Vec<Address>, ErrorCode> {
    if !(1..=MAX_ITEMS).contains(&usize::from(count)) {
        return Err(ErrorCode::WRONG_PDU);
    }
    let addresses = (0..count)
        .map(|_| Address::decode(reader))
        .collect::<Result<_, _>>()
        .map_err(|_| ErrorCode::WRONG_PDU)?;
    if reader.is_empty() {
        Ok(addresses)
    } else {
        Err(ErrorCode::WRONG_PDU)
    }
}

/// Appends the data of variables, each with its code; [`ErrorCode::WRONG_PDU`] when they need more than `room` bytes.
pub(super) fn collect(
    device: &dyn S7Device,
    open: bool,
    addresses: &[Address],
    mut room: usize,
    out: &mut Vec<u8>,
) -> Result<Vec<Access>, ErrorCode> {
    let readable = |address: &Address| {
        let span = address.span()?;
        check(device, &span, false)?;
        if open {
            Ok(span)
        } else {
            Err(ItemCode::ACCESS)
        }
    };
    let spans: Vec<Result<Span, ItemCode>> = addresses.iter().map(readable).collect();
    let last = spans.len().saturating_sub(1);
    for (index, span) in spans.iter().enumerate() {
        let bytes = span.as_ref().map_or(0, |span| span.bytes as usize);
        let fill = usize::from(bytes % 2 == 1 && index < last);
        room = room
            .checked_sub(item::DATA_HEADER_BYTES + bytes + fill)
            .ok_or(ErrorCode::WRONG_PDU)?;
    }
    let mut accesses = Vec::with_capacity(addresses.len());
    for (index, (address, span)) in addresses.iter().zip(spans).enumerate() {
        let start = out.len();
        let mut access = describe(address);
        match span.and_then(|span| append(device, &span, out)) {
            Ok(()) => {
                let values = out.get(start + item::DATA_HEADER_BYTES..);
                access.values = Bytes::keep(values.unwrap_or(&[]));
            }
            Err(code) => {
                out.truncate(start);
                item::encode_data_header(code, data::NONE, 0, out);
                access.code = code;
            }
        }
        if (out.len() - start) % 2 == 1 && index < last {
            out.push(0);
        }
        accesses.push(access);
    }
    Ok(accesses)
}

/// Whether an address is one that can be read.
pub(super) fn exists(device: &dyn S7Device, address: &Address) -> bool {
    address
        .span()
        .is_ok_and(|span| check(device, &span, false).is_ok())
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
