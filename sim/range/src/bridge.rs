//! External controllers: each cycle the plant's measurements go out, and what the device answers drives the plant. When
//! answers stay away for the stale time, the plant's actuators take their fail state until the device answers again.

use crate::controllers::to_raw;
use crate::directory::Directory;
use crate::journal::Journal;
use crate::mirror::{LinkQuality, Mirror, holding};
use crate::plants::Plants;
use crate::sessions::{Served, Services, Sessions};
use crate::{BuildError, Output, RunOptions};
use sim_net::{Fabric, HostId};
use sim_plant::SignalKind;
use sim_record::{
    ExternalAnswer, LinkFault, PrincipalId, RecordKind, SimDuration, SimTime, StateHasher,
};
use sim_scenario::model::{ExternalController, FailState, PlantSignal, Register, Scenario};
use sim_view::Table;

/// A measurement and the holding register of the device that it goes to.
struct Sensor {
    register: Register,
    plant: usize,
    signal: usize,
    scale: f64,
}

/// An actuator and what drives it.
struct Drive {
    plant: usize,
    actuator: usize,
    scale: f64,
    fail: FailState,
    /// What the device last said; unknown before its first answer.
    raw: Option<u16>,
}

/// One external controller: its front on the virtual network, and the plant's end of the link to the device.
pub(crate) struct Bridge {
    pub name: String,
    pub host: HostId,
    pub mirror: Mirror,
    pub sessions: Sessions,
    /// Who wrote through the front last.
    pub last_writer: PrincipalId,
    index: u16,
    /// Plant whose link to the device is lost or good, as the records name it.
    plant: String,
    sensors: Vec<Sensor>,
    /// In the order of the first registers in `reads`.
    drives: Vec<Drive>,
    reads: Vec<Register>,
    period: SimDuration,
    stale: SimDuration,
    next_cycle: SimTime,
    cycle: u64,
    /// Latest cycle that was answered; 0 is none.
    answered: u64,
    answered_at: SimTime,
    fault: Option<LinkFault>,
    is_lost: bool,
}

/// All external controllers in order of the scenario.
pub(crate) struct Bridges {
    slots: Vec<Bridge>,
}

impl Bridges {
    /// Builds the external controllers and lets their fronts listen.
    pub fn new(
        scenario: &Scenario,
        options: &RunOptions,
        directory: &Directory,
        plants: &Plants,
        fabric: &mut Fabric,
    ) -> Result<Self, BuildError> {
        let mut slots = Vec::new();
        for (index, controller) in (0_u16..).zip(&scenario.external_controllers) {
            let refuse = |reason: &str| BuildError::Controller {
                controller: controller.id.clone(),
                reason: reason.into(),
            };
            let host = directory.host(&controller.id).map(|h| h.host);
            let host = host.ok_or_else(|| refuse("has no host"))?;
            let takes_writes = controller.attackable && options.attackable.contains(&controller.id);
            let bridge = Bridge::new(controller, index, host, takes_writes, plants)
                .ok_or_else(|| refuse("names a signal that no plant has"))?;
            bridge.sessions.listen(fabric, host);
            slots.push(bridge);
        }
        Ok(Self { slots })
    }

    /// When the next cycle or reply is due.
    pub fn next_due(&self) -> SimTime {
        let due = |b: &Bridge| b.next_cycle.min(b.sessions.next_due());
        self.slots.iter().map(due).min().unwrap_or(SimTime::MAX)
    }

    /// Sends replies that are due, then begins every cycle that is due.
    pub fn run_due(&mut self, journal: &mut Journal, fabric: &mut Fabric, plants: &mut Plants) {
        let now = journal.now;
        for bridge in &mut self.slots {
            let mut device = Served {
                name: &bridge.name,
                device: &mut bridge.mirror,
                last_writer: &mut bridge.last_writer,
                next_scan: now,
            };
            bridge.sessions.run_due(journal, fabric, &mut device);
            if bridge.next_cycle <= now {
                bridge.next_cycle = bridge.next_cycle + bridge.period;
                bridge.begin_cycle(journal, plants);
            }
        }
    }

    /// An external controller by name.
    pub fn get(&self, name: &str) -> Option<&Bridge> {
        self.slots.iter().find(|b| b.name == name)
    }

    /// An external controller by its index.
    pub fn get_mut(&mut self, index: u16) -> Option<&mut Bridge> {
        self.slots.get_mut(usize::from(index))
    }

    /// The external controller whose front is on a host.
    pub fn on_host(&mut self, host: HostId) -> Option<&mut Bridge> {
        self.slots.iter_mut().find(|b| b.host == host)
    }

    /// Adds the whole state to a digest.
    pub fn digest(&self, hasher: &mut StateHasher) {
        for bridge in &self.slots {
            bridge.mirror.digest(hasher);
            bridge.sessions.digest(hasher);
            hasher.u64(u64::from(bridge.last_writer.0));
            hasher.u64(bridge.next_cycle.0);
            hasher.u64(bridge.cycle);
            hasher.u64(bridge.answered);
            hasher.u64(bridge.answered_at.0);
            hasher.value(&bridge.fault);
            hasher.u64(u64::from(bridge.is_lost));
            for drive in &bridge.drives {
                hasher.value(&drive.raw);
            }
        }
    }
}

impl Bridge {
    /// None where a signal does not exist, which the check of a scenario rules out.
    fn new(
        controller: &ExternalController,
        index: u16,
        host: HostId,
        takes_writes: bool,
        plants: &Plants,
    ) -> Option<Self> {
        let find = |at: &PlantSignal, kind| {
            let plant = plants.index(&at.plant)?;
            Some((plant, plants.signal(plant, kind, &at.signal)?))
        };
        let mut sensors = Vec::new();
        for sensor in &controller.sensors {
            let (plant, signal) = find(&sensor.from, SignalKind::Measurement)?;
            sensors.push(Sensor {
                register: holding(sensor.address),
                plant,
                signal,
                scale: sensor.scale,
            });
        }
        let mut drives = Vec::new();
        for output in &controller.outputs {
            let (plant, actuator) = find(&output.to, SignalKind::Actuator)?;
            drives.push(Drive {
                plant,
                actuator,
                scale: output.scale,
                fail: output.fail,
                raw: None,
            });
        }
        Some(Self {
            name: controller.id.clone(),
            host,
            mirror: Mirror::new(controller, takes_writes),
            sessions: Sessions::new(Services {
                modbus: crate::persona::modbus_of(&controller.persona, controller.unit),
                s7: None,
                management: false,
                reply_delay: SimDuration::ZERO,
            }),
            last_writer: PrincipalId::RANGE,
            index,
            plant: controller.outputs.first()?.to.plant.clone(),
            sensors,
            drives,
            reads: controller.reads().collect(),
            period: controller.cycle,
            stale: controller.stale,
            next_cycle: SimTime::ZERO,
            cycle: 0,
            answered: 0,
            answered_at: SimTime::ZERO,
            fault: None,
            is_lost: false,
        })
    }

    /// What came of a cycle.
    pub fn answered(
        &mut self,
        journal: &mut Journal,
        plants: &mut Plants,
        cycle: u64,
        answer: ExternalAnswer,
    ) {
        let fresh = self.answered < cycle && cycle <= self.cycle;
        match answer {
            ExternalAnswer::Values(values) if values.len() == self.reads.len() && fresh => {
                self.take_values(&values);
                self.answered = cycle;
                self.answered_at = journal.now;
                self.fault = None;
                if self.is_lost {
                    self.is_lost = false;
                    self.report(journal, "RUN", "the device answers again".into());
                }
                self.drive(plants);
            }
            // An answer that is older than one already taken tells nothing new.
            ExternalAnswer::Values(_) if !fresh => {}
            ExternalAnswer::Values(_) => self.fault = Some(LinkFault::Malformed),
            ExternalAnswer::Failure(fault) => self.fault = Some(fault),
        }
        self.show_status(journal.now);
    }

    fn begin_cycle(&mut self, journal: &mut Journal, plants: &mut Plants) {
        let now = journal.now;
        if !self.is_lost && now.since(self.answered_at) >= self.stale {
            self.is_lost = true;
            let why = self.fault.map_or_else(String::new, |f| format!(" ({f})"));
            let stale_ms = self.stale.0 / 1000;
            let cause =
                format!("no answer for {stale_ms} ms{why}; its outputs take their fail state");
            self.report(journal, "FAULT", cause);
        }
        self.drive(plants);
        self.show_status(now);
        self.cycle += 1;
        let mut registers = self.mirror.take_wanted();
        for sensor in &self.sensors {
            let slot = plants.slots.get(sensor.plant);
            let value = slot.map_or(0.0, |slot| slot.plant.measurement(sensor.signal));
            let raw = to_raw(value * sensor.scale);
            self.mirror.show(sensor.register, raw);
            // A player's value stands for one cycle in place of the measurement.
            registers.entry(sensor.register).or_insert(raw);
        }
        journal.outputs.push_back(Output::External {
            controller: self.index,
            cycle: self.cycle,
            registers: registers.into_iter().collect(),
        });
    }

    fn take_values(&mut self, values: &[u16]) {
        for (register, value) in self.reads.iter().zip(values) {
            let value = match register.table {
                Table::Coil | Table::Discrete => u16::from(*value != 0),
                Table::Input | Table::Holding => *value,
            };
            self.mirror.show(*register, value);
        }
        for (drive, register) in self.drives.iter_mut().zip(&self.reads) {
            drive.raw = self.mirror.shown(*register);
        }
    }

    /// Commands the actuators: by what the device last said, or their fail state. Before its first answer, and until the
    /// stale time is over, the plant goes on as it began.
    fn drive(&self, plants: &mut Plants) {
        for drive in &self.drives {
            let raw = match (self.is_lost, drive.fail) {
                (false, _) | (true, FailState::Hold) => drive.raw,
                (true, FailState::Off) => Some(0),
                (true, FailState::Substitute(raw)) => Some(raw),
            };
            if let Some(raw) = raw {
                plants.command(drive.plant, drive.actuator, f64::from(raw) / drive.scale);
            }
        }
    }

    fn show_status(&mut self, now: SimTime) {
        let age = now.since(self.answered_at);
        // The answer to a cycle comes before the next one begins.
        let in_time = SimDuration(self.period.0.saturating_mul(2));
        let quality = if self.is_lost || self.answered == 0 {
            LinkQuality::Bad
        } else if self.fault.is_some() || age >= in_time {
            LinkQuality::Uncertain
        } else {
            LinkQuality::Good
        };
        self.mirror.show_status(quality, age);
    }

    /// Records that the link was lost or came back, and what that means.
    fn report(&self, journal: &mut Journal, mode: &str, cause: String) {
        journal.record(RecordKind::Communication {
            station: self.plant.clone(),
            asset: self.name.clone(),
            good: !self.is_lost,
        });
        journal.record(RecordKind::Mode {
            asset: self.name.clone(),
            mode: mode.into(),
            cause,
            by: PrincipalId::RANGE,
        });
    }
}
