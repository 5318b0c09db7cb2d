//! External controllers: the Modbus master of a real device. Each cycle it writes what the range gave out, reads the
//! declared registers and gives them back as an input. It runs beside the range in the same thread and only ever waits
//! for the device, so a slow or silent one delays nobody.

use crate::live::range::LiveRange;
use sim_record::{ExternalAnswer, LinkFault};
use sim_scenario::model::{ExternalController, Register, Scenario};
use sim_view::Table;
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_modbus::client::{Client, Context, tcp};
use tokio_modbus::{Error, Request, Response, Slave};

/// A connection that is not made within this time is given up.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// Wait before the first try to connect anew; it doubles with each try that fails.
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// Longest such wait.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Words and bits of one request (Modbus application protocol V1.1b3, sections 6.1 to 6.4, 6.11 and 6.12).
const READ_WORDS_MAX: usize = 125;
const READ_BITS_MAX: usize = 2000;
const WRITE_WORDS_MAX: usize = 123;
const WRITE_BITS_MAX: usize = 1968;

/// A real device that plays an external controller of a scenario.
#[derive(Clone, Debug)]
pub struct Device {
    /// Id of the controller.
    pub name: String,
    /// Where the device is: `HOST:PORT`.
    pub address: String,
    unit: u8,
    /// A cycle that takes longer has failed.
    answer_max: Duration,
    runs: Vec<Run>,
    reads: usize,
}

/// What became of the cycles of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct DeviceCounts {
    /// Id of the controller.
    pub controller: String,
    /// Cycles that came due.
    pub cycles: u64,
    /// Cycles that were answered.
    pub answered: u64,
    /// Cycles that came due while the device was still at work on the one before.
    pub overruns: u64,
    /// Connections that were made.
    pub connections: u64,
    /// Times that a connection could not be made, was lost, or gave no usable answer.
    pub failures: u64,
}

impl fmt::Display for DeviceCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} of {} cycles answered, {} overruns, {} connections, {} failures",
            self.controller,
            self.answered,
            self.cycles,
            self.overruns,
            self.connections,
            self.failures
        )
    }
}

/// Neighbouring registers of one table, read in one request.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    table: Table,
    start: u16,
    /// Position of each value in the answer to the range.
    places: Vec<usize>,
}

impl Device {
    /// The devices of a scenario's external controllers, in its order; addresses by name of the controller.
    #[must_use]
    pub fn of_scenario(scenario: &Scenario, addresses: &BTreeMap<String, String>) -> Vec<Self> {
        let controllers = scenario.external_controllers.iter();
        controllers
            .map(|controller| {
                let address = addresses.get(&controller.id).cloned().unwrap_or_default();
                Self::new(controller, address)
            })
            .collect()
    }

    fn new(controller: &ExternalController, address: String) -> Self {
        Self {
            name: controller.id.clone(),
            address,
            unit: controller.unit,
            // At least one cycle, and early enough that the range knows why the link is lost when it is.
            answer_max: Duration::from_micros(controller.stale.0 / 2),
            runs: runs(controller.reads()),
            reads: controller.reads().count(),
        }
    }
}

/// The next cycle of one device. A cycle that was not begun in time is replaced by the next, so nothing piles up.
#[derive(Default)]
pub struct Mailbox {
    next: RefCell<Option<Cycle>>,
    is_working: Cell<bool>,
    counts: RefCell<DeviceCounts>,
    arrived: Notify,
}

/// What to write, and under which number the answer is given.
struct Cycle {
    number: u64,
    registers: BTreeMap<Register, u16>,
}

impl Mailbox {
    /// Takes a cycle from the range.
    pub fn post(&self, number: u64, registers: Vec<(Register, u16)>) {
        let mut counts = self.counts.borrow_mut();
        counts.cycles += 1;
        if self.is_working.get() {
            counts.overruns += 1;
        }
        let mut next = self.next.borrow_mut();
        // What a player wrote in a cycle that is replaced still reaches the device.
        let mut merged = next.take().map(|cycle| cycle.registers).unwrap_or_default();
        merged.extend(registers);
        *next = Some(Cycle {
            number,
            registers: merged,
        });
        self.arrived.notify_one();
    }

    /// What became of the cycles so far.
    pub fn counts(&self) -> DeviceCounts {
        self.counts.borrow().clone()
    }

    fn count(&self, change: impl FnOnce(&mut DeviceCounts)) {
        change(&mut self.counts.borrow_mut());
    }

    async fn next(&self) -> Cycle {
        loop {
            if let Some(cycle) = self.next.borrow_mut().take() {
                return cycle;
            }
            self.arrived.notified().await;
        }
    }
}

/// The master of one device, for as long as its task lives.
pub struct Master {
    index: u16,
    device: Device,
    mailbox: Rc<Mailbox>,
    range: Rc<LiveRange>,
    /// The last cycle that was begun.
    cycle: u64,
    /// What the range was told last; the same failure again and again is told once.
    told: Option<LinkFault>,
}

impl Master {
    /// A master that is not connected.
    pub fn new(index: u16, device: Device, mailbox: Rc<Mailbox>, range: Rc<LiveRange>) -> Self {
        mailbox.count(|counts| counts.controller.clone_from(&device.name));
        Self {
            index,
            device,
            mailbox,
            range,
            cycle: 0,
            told: None,
        }
    }

    /// Connects, works cycle after cycle, and connects anew after a pause, without end.
    pub async fn run(mut self) {
        let mut pause = PAUSE_MIN;
        loop {
            let fault = match self.connect().await {
                Ok(context) => {
                    self.mailbox.count(|counts| counts.connections += 1);
                    // A cycle that waited through a lost link shows a plant that is past.
                    self.mailbox.next.borrow_mut().take();
                    let before = self.mailbox.counts().answered;
                    let fault = self.work(context).await;
                    if self.mailbox.counts().answered > before {
                        pause = PAUSE_MIN;
                    }
                    fault
                }
                Err(fault) => fault,
            };
            self.tell_fault(fault);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn connect(&self) -> Result<Context, LinkFault> {
        let connecting = TcpStream::connect(&self.device.address);
        let stream = match timeout(CONNECT_MAX, connecting).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(_)) | Err(_) => return Err(LinkFault::NoConnection),
        };
        // Requests are small and each waits for the answer before it.
        let _ = stream.set_nodelay(true);
        Ok(tcp::attach_slave(stream, Slave(self.device.unit)))
    }

    /// Works cycles until the connection is of no more use.
    async fn work(&mut self, mut context: Context) -> LinkFault {
        loop {
            let cycle = self.mailbox.next().await;
            self.cycle = cycle.number;
            self.mailbox.is_working.set(true);
            let exchange = exchange(&mut context, &self.device, &cycle.registers);
            let outcome = timeout(self.device.answer_max, exchange).await;
            self.mailbox.is_working.set(false);
            match outcome.unwrap_or(Err(LinkFault::NoAnswer)) {
                Ok(values) => {
                    self.told = None;
                    self.mailbox.count(|counts| counts.answered += 1);
                    self.answer(ExternalAnswer::Values(values));
                }
                // It answers and may think better of it.
                Err(fault @ LinkFault::Exception(_)) => self.tell_fault(fault),
                Err(fault) => return fault,
            }
        }
    }

    fn tell_fault(&mut self, fault: LinkFault) {
        self.mailbox.count(|counts| counts.failures += 1);
        if self.told != Some(fault) {
            self.told = Some(fault);
            self.answer(ExternalAnswer::Failure(fault));
        }
    }

    fn answer(&self, answer: ExternalAnswer) {
        self.range.external_answer(self.index, self.cycle, answer);
    }
}

/// One cycle: all writes, then all reads.
async fn exchange(
    context: &mut Context,
    device: &Device,
    registers: &BTreeMap<Register, u16>,
) -> Result<Vec<u16>, LinkFault> {
    let written: Vec<u16> = registers.values().copied().collect();
    for run in runs(registers.keys().copied()) {
        let values = run.places.iter().filter_map(|place| written.get(*place));
        let request = match run.table {
            Table::Coil => {
                let coils: Vec<bool> = values.map(|value| *value != 0).collect();
                Request::WriteMultipleCoils(run.start, Cow::Owned(coils))
            }
            Table::Holding => {
                let words: Vec<u16> = values.copied().collect();
                Request::WriteMultipleRegisters(run.start, Cow::Owned(words))
            }
            // The range writes to no table that cannot be written.
            Table::Discrete | Table::Input => continue,
        };
        ask(context, request).await?;
    }
    let mut answer = vec![0; device.reads];
    for run in &device.runs {
        // At most 2000.
        let count = u16::try_from(run.places.len()).unwrap_or(u16::MAX);
        let request = match run.table {
            Table::Coil => Request::ReadCoils(run.start, count),
            Table::Discrete => Request::ReadDiscreteInputs(run.start, count),
            Table::Holding => Request::ReadHoldingRegisters(run.start, count),
            Table::Input => Request::ReadInputRegisters(run.start, count),
        };
        let values = match ask(context, request).await? {
            Response::ReadCoils(bits) | Response::ReadDiscreteInputs(bits) => {
                bits.into_iter().map(u16::from).collect()
            }
            Response::ReadHoldingRegisters(words) | Response::ReadInputRegisters(words) => words,
            _ => return Err(LinkFault::Malformed),
        };
        // Bits come as whole bytes.
        if values.len() < run.places.len() {
            return Err(LinkFault::Malformed);
        }
        for (place, value) in run.places.iter().zip(values) {
            if let Some(slot) = answer.get_mut(*place) {
                *slot = value;
            }
        }
    }
    Ok(answer)
}

/// One request. The crate's typed calls assert what a device may answer, so the plain one is used.
async fn ask(context: &mut Context, request: Request<'_>) -> Result<Response, LinkFault> {
    match context.call(request).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(exception)) => Err(LinkFault::Exception(exception.into())),
        Err(Error::Protocol(_)) => Err(LinkFault::Malformed),
        Err(Error::Transport(error)) if error.kind() == std::io::ErrorKind::InvalidData => {
            Err(LinkFault::Malformed)
        }
        Err(Error::Transport(_)) => Err(LinkFault::Lost),
    }
}

/// Groups registers into requests without a gap: only what is declared is touched.
fn runs(registers: impl Iterator<Item = Register>) -> Vec<Run> {
    let mut sorted: Vec<(Register, usize)> = registers.zip(0..).collect();
    sorted.sort_unstable();
    let mut runs: Vec<Run> = Vec::new();
    for (register, place) in sorted {
        let fits = runs.last_mut().filter(|run| {
            run.table == register.table
                && usize::from(register.address) == usize::from(run.start) + run.places.len()
                && run.places.len() < longest(register.table)
        });
        match fits {
            Some(run) => run.places.push(place),
            None => runs.push(Run {
                table: register.table,
                start: register.address,
                places: vec![place],
            }),
        }
    }
    runs
}

/// Items that one request reads or writes, whichever is less.
fn longest(table: Table) -> usize {
    match table {
        Table::Coil | Table::Discrete => READ_BITS_MAX.min(WRITE_BITS_MAX),
        Table::Input | Table::Holding => READ_WORDS_MAX.min(WRITE_WORDS_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn register(table: Table, address: u16) -> Register {
        Register { table, address }
    }

    #[test]
    fn only_declared_registers_are_touched() {
        let registers = [
            register(Table::Holding, 11),
            register(Table::Coil, 3),
            register(Table::Holding, 10),
            register(Table::Holding, 13),
        ];
        let run = |table, start, places: &[usize]| Run {
            table,
            start,
            places: places.to_vec(),
        };
        assert_eq!(
            runs(registers.into_iter()),
            [
                run(Table::Coil, 3, &[1]),
                run(Table::Holding, 10, &[2, 0]),
                run(Table::Holding, 13, &[3]),
            ]
        );
    }

    #[test]
    fn a_request_is_never_longer_than_a_device_takes() {
        let registers = (0..200).map(|address| register(Table::Holding, address));
        let lengths: Vec<usize> = runs(registers).iter().map(|run| run.places.len()).collect();
        assert_eq!(lengths, [123, 77]);
    }

    #[test]
    fn a_cycle_that_was_not_begun_is_replaced_and_keeps_what_players_wrote() {
        let mailbox = Mailbox::default();
        let (sensor, setpoint) = (register(Table::Holding, 0), register(Table::Holding, 9));
        mailbox.post(1, vec![(sensor, 10), (setpoint, 7)]);
        mailbox.is_working.set(true);
        mailbox.post(2, vec![(sensor, 11)]);
        let cycle = mailbox
            .next
            .borrow_mut()
            .take()
            .map(|c| (c.number, c.registers));
        assert_eq!(
            cycle,
            Some((2, BTreeMap::from([(sensor, 11), (setpoint, 7)])))
        );
        assert_eq!((mailbox.counts().cycles, mailbox.counts().overruns), (2, 1));
    }
}
