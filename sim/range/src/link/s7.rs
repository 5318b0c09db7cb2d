//! Registers of an S7 CPU: what stations and tools ask by register is asked over S7comm.
//!
//! A tag of an S7 CPU names a register of the controller's map, and the map says which bytes that is.

use super::Session;
use sim_record::SimTime;
use sim_scenario::model::{Controller, ModbusRange};
use sim_view::Table;
use sim_wire::device::Area;
use sim_wire::modbus::client::{ClientEvent, QueueFull, RequestId};
use sim_wire::modbus::values::ReadBits;
use sim_wire::modbus::{ExceptionCode, ReadWords, Request, Response};
use sim_wire::s7::ItemCode;
use sim_wire::s7::client::{
    self as s7, ClientConfig, ClientSession, Failure, Operation, OperationId, Outcome, Value,
};
use sim_wire::s7::item::{Address, DataType};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Connection type of an operator station.
const OPERATOR_STATION: u8 = 2;
/// System status lists that answer the two ways of asking for an identity.
const COMPONENTS: u16 = 0x001C;
const MODULES: u16 = 0x0011;
/// Bytes of a text that an answer takes over.
const IDENTITY_BYTES: usize = 240;

/// Where an S7 CPU is and which bytes its registers are.
#[derive(Clone, Debug)]
pub(crate) struct Registers {
    place: (u8, u8),
    map: Vec<ModbusRange>,
}

impl Registers {
    /// Those of a controller, if it is an S7 CPU.
    pub fn of(controller: &Controller) -> Option<Self> {
        let cpu = controller.s7.as_ref()?;
        Some(Self {
            place: cpu.place,
            map: controller.modbus_map.clone(),
        })
    }

    /// Area and first item of registers that are mapped in one piece.
    fn find(&self, table: Table, start: u16, count: u16) -> Option<(Area, u32)> {
        let end = |start: u16, count: u16| u32::from(start) + u32::from(count);
        let range = self.map.iter().find(|range| {
            range.table == table
                && range.start <= start
                && end(start, count) <= end(range.start, range.count)
        })?;
        let item = u32::from(range.offset) + u32::from(start - range.start);
        Some((crate::persona::area(range.area), item))
    }

    fn words(&self, table: Table, start: u16, count: u16) -> Option<Address> {
        let (area, word) = self.find(table, start, count)?;
        Some(Address::new(
            area,
            DataType::Byte,
            word * 2,
            count.checked_mul(2)?,
        ))
    }

    fn bits(&self, table: Table, start: u16, count: u16) -> Option<Address> {
        let (area, bit) = self.find(table, start, count)?;
        let bytes = (bit % 8 + u32::from(count)).div_ceil(8);
        let bytes = u16::try_from(bytes).ok()?;
        Some(Address::new(area, DataType::Byte, bit / 8, bytes))
    }

    /// The operation that does what a request asks for.
    fn operation(&self, request: &Request) -> Result<Operation, ExceptionCode> {
        let read = |address: Option<Address>| address.map(|address| Operation::Read(vec![address]));
        let operation = match request {
            Request::ReadHoldingRegisters(span) => {
                read(self.words(Table::Holding, span.start(), span.count()))
            }
            Request::ReadInputRegisters(span) => {
                read(self.words(Table::Input, span.start(), span.count()))
            }
            Request::ReadCoils(span) => read(self.bits(Table::Coil, span.start(), span.count())),
            Request::ReadDiscreteInputs(span) => {
                read(self.bits(Table::Discrete, span.start(), span.count()))
            }
            Request::WriteSingleRegister { address, value } => self.write(*address, &[*value]),
            Request::WriteMultipleRegisters { start, values } => {
                self.write(*start, values.as_slice())
            }
            Request::WriteSingleCoil { address, value } => {
                let place = self.find(Table::Coil, *address, 1);
                place.map(|(area, bit)| {
                    let bit_of_byte = u8::try_from(bit % 8).unwrap_or(0);
                    let address = Address::bit(area, bit / 8, bit_of_byte);
                    Operation::Write(vec![(address, vec![u8::from(*value)])])
                })
            }
            Request::ReadDeviceIdentification { .. } => Some(list(COMPONENTS)),
            Request::ReportServerId => Some(list(MODULES)),
            _ => return Err(ExceptionCode::ILLEGAL_FUNCTION),
        };
        operation.ok_or(ExceptionCode::ILLEGAL_DATA_ADDRESS)
    }

    fn write(&self, start: u16, values: &[u16]) -> Option<Operation> {
        let count = u16::try_from(values.len()).ok()?;
        let address = self.words(Table::Holding, start, count)?;
        let bytes = values.iter().flat_map(|word| word.to_be_bytes());
        Some(Operation::Write(vec![(address, bytes.collect())]))
    }

    /// The answer to a request, made of what its operation brought.
    fn response(&self, request: &Request, outcome: &Outcome) -> Result<Response, ExceptionCode> {
        let answer = match (request, outcome) {
            (Request::ReadHoldingRegisters(_), Outcome::Read(values)) => {
                words(values)?.map(Response::ReadHoldingRegisters)
            }
            (Request::ReadInputRegisters(_), Outcome::Read(values)) => {
                words(values)?.map(Response::ReadInputRegisters)
            }
            (Request::ReadCoils(span), Outcome::Read(values)) => self
                .bits_of(Table::Coil, span.start(), span.count(), values)?
                .map(Response::ReadCoils),
            (Request::ReadDiscreteInputs(span), Outcome::Read(values)) => self
                .bits_of(Table::Discrete, span.start(), span.count(), values)?
                .map(Response::ReadDiscreteInputs),
            (Request::WriteSingleRegister { address, value }, Outcome::Written(codes)) => {
                written(codes)?;
                let (address, value) = (*address, *value);
                Some(Response::WriteSingleRegister { address, value })
            }
            (Request::WriteMultipleRegisters { start, values }, Outcome::Written(codes)) => {
                written(codes)?;
                let count = u16::try_from(values.as_slice().len()).unwrap_or(u16::MAX);
                Some(Response::WriteMultipleRegisters {
                    start: *start,
                    count,
                })
            }
            (Request::WriteSingleCoil { address, value }, Outcome::Written(codes)) => {
                written(codes)?;
                let (address, value) = (*address, *value);
                Some(Response::WriteSingleCoil { address, value })
            }
            (_, Outcome::List(list)) => {
                // Only what people can read of it.
                let text = list
                    .records
                    .iter()
                    .filter(|b| b.is_ascii_graphic() || **b == b' ');
                let text: Vec<u8> = text.copied().take(IDENTITY_BYTES).collect();
                sim_wire::modbus::ServerIdData::new(&text).map(Response::ReportServerId)
            }
            _ => None,
        };
        answer.ok_or(ExceptionCode::SERVER_DEVICE_FAILURE)
    }

    fn bits_of(
        &self,
        table: Table,
        start: u16,
        count: u16,
        values: &[Value],
    ) -> Result<Option<ReadBits>, ExceptionCode> {
        let bytes = bytes(values)?;
        let Some((_, first)) = self.find(table, start, count) else {
            return Ok(None);
        };
        let bit = |n: u16| {
            let at = first % 8 + u32::from(n);
            let byte = usize::try_from(at / 8).ok().and_then(|i| bytes.get(i));
            byte.is_some_and(|byte| byte >> (at % 8) & 1 == 1)
        };
        let bits: Vec<bool> = (0..count).map(bit).collect();
        Ok(ReadBits::new(&bits))
    }
}

/// A client session that is asked by register.
pub(super) struct S7Session {
    registers: Arc<Registers>,
    session: ClientSession,
    asked: BTreeMap<OperationId, (RequestId, Request)>,
    events: VecDeque<ClientEvent>,
    next_id: u64,
}

impl S7Session {
    pub fn new(registers: Arc<Registers>) -> Self {
        let (rack, slot) = registers.place;
        Self {
            session: ClientSession::new(ClientConfig::new(OPERATOR_STATION, rack, slot)),
            registers,
            asked: BTreeMap::new(),
            events: VecDeque::new(),
            next_id: 0,
        }
    }

    fn event_of(&mut self, id: OperationId, result: Result<Outcome, Failure>) {
        let Some((id, request)) = self.asked.remove(&id) else {
            return;
        };
        let event = match result {
            Ok(outcome) => match self.registers.response(&request, &outcome) {
                Ok(response) => ClientEvent::Response { id, response },
                Err(code) => ClientEvent::Exception { id, code },
            },
            Err(Failure::Timeout) => ClientEvent::Timeout { id },
            Err(Failure::ConnectionLost | Failure::ConnectionRefused) => {
                ClientEvent::ConnectionLost { id }
            }
            Err(Failure::Refused(_) | Failure::Protocol | Failure::TooLarge) => {
                let code = ExceptionCode::SERVER_DEVICE_FAILURE;
                ClientEvent::Exception { id, code }
            }
        };
        self.events.push_back(event);
    }
}

impl Session for S7Session {
    fn request(&mut self, now: SimTime, request: Request) -> Result<RequestId, QueueFull> {
        let id = RequestId(self.next_id);
        match self.registers.operation(&request) {
            Ok(operation) => {
                let asked = self.session.request(now, operation);
                self.asked
                    .insert(asked.map_err(|_| QueueFull)?, (id, request));
            }
            // What the CPU cannot be asked for is refused before it is asked; few fit into the queue of a step.
            Err(_) if self.events.len() >= ClientConfig::QUEUED => return Err(QueueFull),
            Err(code) => self.events.push_back(ClientEvent::Exception { id, code }),
        }
        self.next_id += 1;
        Ok(id)
    }

    fn handle_input(&mut self, now: SimTime, bytes: &[u8]) {
        self.session.handle_input(now, bytes);
    }

    fn handle_timeout(&mut self, now: SimTime) {
        self.session.handle_timeout(now);
    }

    fn handle_close(&mut self) {
        self.session.handle_close();
    }

    fn poll_event(&mut self) -> Option<ClientEvent> {
        while let Some(event) = self.session.poll_event() {
            if let s7::ClientEvent::Finished { id, result } = event {
                self.event_of(id, result);
            }
        }
        self.events.pop_front()
    }

    fn poll_output(&mut self, out: &mut Vec<u8>) -> bool {
        self.session.poll_output(out)
    }

    fn next_timeout(&self) -> Option<SimTime> {
        self.session.next_timeout()
    }

    fn digest_into(&self, sink: &mut dyn FnMut(&[u8])) {
        self.session.digest_into(sink);
        sink(&self.next_id.to_be_bytes());
    }
}

fn list(id: u16) -> Operation {
    Operation::ReadList { id, index: 0 }
}

/// The bytes of the one variable that was asked for.
fn bytes(values: &[Value]) -> Result<&[u8], ExceptionCode> {
    match values {
        [value] if value.code == ItemCode::OK => Ok(&value.bytes),
        [value] => Err(exception(value.code)),
        _ => Err(ExceptionCode::SERVER_DEVICE_FAILURE),
    }
}

fn words(values: &[Value]) -> Result<Option<ReadWords>, ExceptionCode> {
    let (words, rest) = bytes(values)?.as_chunks::<2>();
    let words: Vec<u16> = words.iter().map(|word| u16::from_be_bytes(*word)).collect();
    Ok(ReadWords::new(&words).filter(|_| rest.is_empty()))
}

fn written(codes: &[ItemCode]) -> Result<(), ExceptionCode> {
    match codes.iter().find(|code| **code != ItemCode::OK) {
        Some(code) => Err(exception(*code)),
        None => Ok(()),
    }
}

/// The exception that says the same as an item's code.
fn exception(code: ItemCode) -> ExceptionCode {
    if code == ItemCode::ADDRESS || code == ItemCode::MISSING {
        ExceptionCode::ILLEGAL_DATA_ADDRESS
    } else {
        ExceptionCode::SERVER_DEVICE_FAILURE
    }
}
