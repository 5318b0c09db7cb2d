//! Controllers: scan cycle, wires to the plant, and the protocol servers on their host.

use crate::BuildError;
use crate::directory::Directory;
use crate::journal::Journal;
use crate::plants::Plants;
use crate::sessions::{Served, Sessions};
use sim_net::{Fabric, HostId};
use sim_plant::SignalKind;
use sim_plc::{KeyPosition as PlcKey, ModeCause, Plc, PlcEvent, PlcEventKind};
use sim_record::{PrincipalId, RecordKind, SafetyEvent, SimDuration, SimTime, StateHasher};
use sim_scenario::model::{
    Cast, Controller, ControllerKind, IoLink, PlantSignal, SafetyIo, Scenario,
};
use sim_view::{KeyPosition, Table};
use sim_wire::device::{BitTable, DeviceModel, Mode, WordTable};

/// How long a pressed button stays pressed.
const PRESS: SimDuration = SimDuration::from_secs(1);
/// A trip condition that returns after this long is a new demand.
const DEMAND_GAP: SimDuration = SimDuration::from_secs(10);

/// A wire between plant and process image, resolved to indices.
enum Wire {
    InputWord {
        word: u16,
        plant: usize,
        signal: usize,
        scale: f64,
    },
    OutputWord {
        word: u16,
        plant: usize,
        actuator: usize,
        scale: f64,
    },
    OutputBit {
        bit: u16,
        plant: usize,
        actuator: usize,
    },
}

/// One controller.
pub(crate) struct ControllerSlot {
    pub name: String,
    pub host: HostId,
    pub kind: ControllerKind,
    pub plc: Plc,
    pub sessions: Sessions,
    /// Who wrote or commanded it last: the cause of what it does next.
    pub last_writer: PrincipalId,
    pub approved: Vec<(String, String)>,
    approved_hash: [u8; 32],
    wires: Vec<Wire>,
    safety: Option<SafetyIo>,
    pub next_scan: SimTime,
    reset_until: SimTime,
    shutdown_until: SimTime,
    shutdown_by: PrincipalId,
    was_tripped: bool,
    was_bypassed: bool,
    /// Last instant at which the trip condition was met while bypassed.
    last_demand: Option<SimTime>,
}

/// All controllers in order of the scenario.
pub(crate) struct Controllers {
    pub slots: Vec<ControllerSlot>,
}

impl Controllers {
    /// Builds the controllers with the key positions of the cast, and lets their servers listen.
    pub fn new(
        scenario: &Scenario,
        cast: &Cast,
        directory: &Directory,
        plants: &Plants,
        fabric: &mut Fabric,
    ) -> Result<Self, BuildError> {
        let mut slots = Vec::new();
        for controller in &scenario.controllers {
            let host = directory.host(&controller.id).map(|h| h.host);
            let refuse = |reason: String| BuildError::Controller {
                controller: controller.id.clone(),
                reason,
            };
            let host = host.ok_or_else(|| refuse("has no host".into()))?;
            let key = cast
                .keys
                .get(&controller.id)
                .copied()
                .unwrap_or(controller.key);
            let plc = Plc::new(crate::persona::plc_config(
                controller,
                key,
                scenario.start_utc_us,
            ))
            .map_err(|e| refuse(e.to_string()))?;
            let sessions = Sessions::new(crate::persona::services(controller));
            sessions.listen(fabric, host);
            slots.push(ControllerSlot::new(controller, host, plc, sessions, plants));
        }
        Ok(Self { slots })
    }

    /// When the next scan or reply is due.
    pub fn next_due(&self) -> SimTime {
        self.slots
            .iter()
            .map(|s| s.next_scan.min(s.sessions.next_due()))
            .min()
            .unwrap_or(SimTime::MAX)
    }

    /// Sends replies that are due, then scans every controller that is due: freeze inputs, execute, flush outputs.
    pub fn run_due(&mut self, journal: &mut Journal, fabric: &mut Fabric, plants: &mut Plants) {
        let now = journal.now;
        for slot in &mut self.slots {
            slot.serve_due(journal, fabric);
            if slot.next_scan <= now {
                slot.next_scan = SimTime(slot.next_scan.0 + slot.plc.period_us());
                slot.scan(journal, plants);
            }
        }
    }

    /// A controller by name.
    pub fn get(&self, name: &str) -> Option<&ControllerSlot> {
        self.slots.iter().find(|s| s.name == name)
    }

    /// A controller by name, to act on it.
    pub fn get_mut(&mut self, name: &str) -> Result<&mut ControllerSlot, String> {
        let found = self.slots.iter_mut().find(|s| s.name == name);
        found.ok_or_else(|| format!("there is no {name}"))
    }

    /// The controller on a host.
    pub fn on_host(&mut self, host: HostId) -> Option<&mut ControllerSlot> {
        self.slots.iter_mut().find(|s| s.host == host)
    }

    /// A safety function that has not yet acted is inhibited: bypassed, or its controller does not run.
    pub fn safety_inhibited(&self) -> bool {
        self.slots
            .iter()
            .filter(|s| s.kind == ControllerKind::Sis && !s.was_tripped)
            .any(|s| s.was_bypassed || s.plc.mode() != Mode::Run)
    }

    /// Adds the whole state to a digest.
    pub fn digest(&self, hasher: &mut StateHasher) {
        for slot in &self.slots {
            slot.plc.digest_into(&mut |bytes| hasher.bytes(bytes));
            slot.sessions.digest(hasher);
            hasher.u64(slot.next_scan.0);
            hasher.u64(slot.reset_until.0);
            hasher.u64(slot.shutdown_until.0);
            hasher.u64(u64::from(slot.last_writer.0));
            hasher.u64(slot.last_demand.map_or(0, |t| t.0 + 1));
        }
    }
}

impl ControllerSlot {
    fn new(
        controller: &Controller,
        host: HostId,
        plc: Plc,
        sessions: Sessions,
        plants: &Plants,
    ) -> Self {
        Self {
            name: controller.id.clone(),
            host,
            kind: controller.kind,
            approved_hash: plc.program_hash(),
            sessions,
            last_writer: PrincipalId::RANGE,
            approved: controller.programs.clone(),
            wires: controller
                .io
                .iter()
                .filter_map(|link| resolve(link, plants))
                .collect(),
            safety: controller.safety,
            // Nobody is answered from an image that was never read.
            next_scan: SimTime::ZERO,
            plc,
            reset_until: SimTime::ZERO,
            shutdown_until: SimTime::ZERO,
            shutdown_by: PrincipalId::RANGE,
            was_tripped: false,
            was_bypassed: false,
            last_demand: None,
        }
    }

    /// Presses the reset button of a safety controller.
    pub fn press_reset(&mut self, now: SimTime) -> bool {
        self.reset_until = now + PRESS;
        self.safety.is_some()
    }

    /// Presses the shutdown button of a safety controller.
    pub fn press_shutdown(&mut self, now: SimTime, by: PrincipalId) -> bool {
        self.shutdown_until = now + PRESS;
        self.shutdown_by = by;
        self.safety.is_some()
    }

    /// Turns the key.
    pub fn turn_key(&mut self, journal: &mut Journal, to: KeyPosition, by: PrincipalId) {
        self.plc.set_key(journal.now, plc_key(to));
        self.last_writer = by;
        journal.record(RecordKind::Key {
            asset: self.name.clone(),
            position: key_name(to).into(),
            by,
        });
        self.report_events(journal);
    }

    /// Position of the key.
    pub fn key(&self) -> KeyPosition {
        match self.plc.key() {
            PlcKey::Run => KeyPosition::Run,
            PlcKey::Remote => KeyPosition::Remote,
            PlcKey::Program => KeyPosition::Program,
        }
    }

    /// Running programs equal the approved ones and nothing is forced.
    pub fn is_approved(&self) -> bool {
        self.plc.program_hash() == self.approved_hash && self.plc.forces().next().is_none()
    }

    /// Trip latched.
    pub fn is_tripped(&self) -> bool {
        self.was_tripped
    }

    /// Bypass active.
    pub fn is_bypassed(&self) -> bool {
        self.was_bypassed
    }

    /// Lamps and transmitters of the hard-wired panel: what is true in the controller's image.
    pub fn panel(&self) -> Vec<(&'static str, f64)> {
        let Some(io) = self.safety else {
            return Vec::new();
        };
        let bit = |b: u16| f64::from(u8::from(self.plc.output_bit(b)));
        let word = |i: u16| self.raw(Table::Input, i).map_or(0.0, f64::from);
        vec![
            ("tripped", bit(io.tripped_bit)),
            ("bypass", bit(io.bypass_bit)),
            ("demand", bit(io.demand_bit)),
            ("a", word(0)),
            ("b", word(1)),
            ("c", word(2)),
        ]
    }

    /// A raw value behind a Modbus address, as a reader would get it.
    pub fn raw(&self, table: Table, address: u16) -> Option<u16> {
        let mut bits = [false];
        let mut words = [0];
        match table {
            Table::Coil => self
                .plc
                .read_bits(BitTable::Coils, address, &mut bits)
                .ok()?,
            Table::Discrete => self
                .plc
                .read_bits(BitTable::DiscreteInputs, address, &mut bits)
                .ok()?,
            Table::Input => self
                .plc
                .read_words(WordTable::InputRegisters, address, &mut words)
                .ok()?,
            Table::Holding => self
                .plc
                .read_words(WordTable::HoldingRegisters, address, &mut words)
                .ok()?,
        }
        Some(if matches!(table, Table::Coil | Table::Discrete) {
            u16::from(bits[0])
        } else {
            words[0]
        })
    }

    /// Records what the PLC noted about itself.
    pub fn report_events(&mut self, journal: &mut Journal) {
        if !self.plc.has_events() {
            return;
        }
        for PlcEvent { kind, .. } in self.plc.events() {
            if let PlcEventKind::ModeChanged { to, cause, .. } = kind {
                journal.record(RecordKind::Mode {
                    asset: self.name.clone(),
                    mode: mode_name(to).into(),
                    cause: cause_name(cause).into(),
                    by: self.last_writer,
                });
            }
        }
    }

    /// Sends what is due to clients without a request of theirs.
    fn serve_due(&mut self, journal: &mut Journal, fabric: &mut Fabric) {
        if self.sessions.next_due() > journal.now {
            return;
        }
        let mut device = Served {
            name: &self.name,
            device: &mut self.plc,
            last_writer: &mut self.last_writer,
            next_scan: self.next_scan,
        };
        self.sessions.run_due(journal, fabric, &mut device);
        self.report_events(journal);
    }

    fn scan(&mut self, journal: &mut Journal, plants: &mut Plants) {
        let now = journal.now;
        self.read_plant(now, plants);
        self.plc.scan(now);
        self.drive_plant(plants);
        self.report_events(journal);
        self.report_safety(journal);
    }

    fn read_plant(&mut self, now: SimTime, plants: &Plants) {
        for wire in &self.wires {
            if let Wire::InputWord {
                word,
                plant,
                signal,
                scale,
            } = wire
                && let Some(slot) = plants.slots.get(*plant)
            {
                self.plc
                    .set_input_word(*word, to_raw(slot.plant.measurement(*signal) * scale));
            }
        }
        if let Some(io) = self.safety {
            self.plc
                .set_input_bit(io.reset_button_bit, now < self.reset_until);
            self.plc
                .set_input_bit(io.shutdown_button_bit, now < self.shutdown_until);
        }
    }

    fn drive_plant(&self, plants: &mut Plants) {
        for wire in &self.wires {
            match wire {
                Wire::InputWord { .. } => {}
                Wire::OutputWord {
                    word,
                    plant,
                    actuator,
                    scale,
                } => {
                    plants.command(
                        *plant,
                        *actuator,
                        f64::from(self.plc.output_word(*word)) / scale,
                    );
                }
                Wire::OutputBit {
                    bit,
                    plant,
                    actuator,
                } => {
                    plants.command(
                        *plant,
                        *actuator,
                        f64::from(u8::from(self.plc.output_bit(*bit))),
                    );
                }
            }
        }
    }

    fn report_safety(&mut self, journal: &mut Journal) {
        let Some(io) = self.safety else { return };
        let now = journal.now;
        let running = self.plc.mode() == Mode::Run;
        // A controller that does not run has let go of its outputs: the plant is tripped.
        let tripped = !running || self.plc.output_bit(io.tripped_bit);
        let bypassed = running && self.plc.output_bit(io.bypass_bit);
        let demanded = running && self.plc.output_bit(io.demand_bit);
        let by_people = now < self.shutdown_until + PRESS;
        let mut record = |event, by| {
            journal.record(RecordKind::Safety {
                asset: self.name.clone(),
                event,
                by,
            });
        };
        if tripped != self.was_tripped {
            match (tripped, by_people) {
                (true, true) => record(SafetyEvent::Shutdown, self.shutdown_by),
                (true, false) => record(
                    SafetyEvent::Trip,
                    if running {
                        PrincipalId::RANGE
                    } else {
                        self.last_writer
                    },
                ),
                (false, _) => record(SafetyEvent::Reset, PrincipalId::RANGE),
            }
        }
        if bypassed != self.was_bypassed {
            let event = if bypassed {
                SafetyEvent::BypassOn
            } else {
                SafetyEvent::BypassOff
            };
            record(event, self.last_writer);
        }
        // Transmitters are noisy near the limit: one demand lasts until the condition was gone for a while.
        if demanded && bypassed {
            if self.last_demand.is_none_or(|t| now.since(t) > DEMAND_GAP) {
                record(SafetyEvent::DemandWhileBypassed, self.last_writer);
            }
            self.last_demand = Some(now);
        }
        self.was_tripped = tripped;
        self.was_bypassed = bypassed;
    }
}

fn resolve(link: &IoLink, plants: &Plants) -> Option<Wire> {
    let find = |at: &PlantSignal, kind| {
        let plant = plants.index(&at.plant)?;
        Some((plant, plants.signal(plant, kind, &at.signal)?))
    };
    Some(match link {
        IoLink::InputWord { word, from, scale } => {
            let (plant, signal) = find(from, SignalKind::Measurement)?;
            Wire::InputWord {
                word: *word,
                plant,
                signal,
                scale: *scale,
            }
        }
        IoLink::OutputWord {
            word, to, scale, ..
        } => {
            let (plant, actuator) = find(to, SignalKind::Actuator)?;
            Wire::OutputWord {
                word: *word,
                plant,
                actuator,
                scale: *scale,
            }
        }
        IoLink::OutputBit { bit, to } => {
            let (plant, actuator) = find(to, SignalKind::Actuator)?;
            Wire::OutputBit {
                bit: *bit,
                plant,
                actuator,
            }
        }
    })
}

/// Rounds and clamps to a word; what is not a number reads as zero.
pub(crate) fn to_raw(value: f64) -> u16 {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped; a float to integer cast saturates"
    )]
    let raw = value.round().clamp(0.0, 65535.0) as u16;
    raw
}

/// The PLC's word for a key position.
pub(crate) fn plc_key(key: KeyPosition) -> PlcKey {
    match key {
        KeyPosition::Run => PlcKey::Run,
        KeyPosition::Remote => PlcKey::Remote,
        KeyPosition::Program => PlcKey::Program,
    }
}

fn key_name(key: KeyPosition) -> &'static str {
    match key {
        KeyPosition::Run => "RUN",
        KeyPosition::Remote => "REMOTE",
        KeyPosition::Program => "PROGRAM",
    }
}

fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Run => "RUN",
        Mode::Stop => "STOP",
        Mode::Fault => "FAULT",
    }
}

fn cause_name(cause: ModeCause) -> &'static str {
    match cause {
        ModeCause::Request => "asked over the network",
        ModeCause::Local => "at the controller",
        ModeCause::Fault => "fault of the program",
        ModeCause::Power => "supply power",
    }
}
