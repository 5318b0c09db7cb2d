//! The controller: process image, scan cycle, operating modes, key, forces and program files.

mod access;
mod blocks;
mod build;
mod config;
mod device;
mod event;
mod files;
mod scan;
mod state;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use sim_record::SimTime;
use sim_wire::device::{DeviceError, DiagnosticEvent, Mode};

pub use config::{
    DEFAULT_WATCHDOG_INSTRUCTIONS, FailState, KeyPosition, MAX_MAP_ENTRIES, MAX_PERIOD_US,
    MAX_PROGRAMS, MAX_WATCHDOG_INSTRUCTIONS, MIN_PERIOD_US, ModbusMap, ModbusRange, PlcConfig,
    PlcError, ProgramConfig, RangeCheck, ReadOnlyRange, S7Config, Table,
};
pub use event::{ForceTarget, ModeCause, PlcEvent, PlcEventKind, WriteTarget};
pub use state::RestoreError;

use crate::memory::{bit_at, set_bit as memory_bit};
use crate::st::{CompileError, Program, VariableInfo};
use access::Wiring;
use blocks::S7State;

/// Entries of the diagnostics buffer; the oldest is dropped.
pub const MAX_DIAGNOSTICS: usize = 100;
/// Events that wait to be drained; the oldest is dropped.
pub const MAX_PENDING_EVENTS: usize = 1_024;
/// Channels that can be forced at once.
pub const MAX_FORCES: usize = 64;
/// Longest name that is copied from a client's request into an event, in characters.
pub const MAX_NAME_CHARS: usize = 64;

/// An emulated controller.
///
/// The range calls [`Plc::scan`] every [`Plc::period_us`]; between scans it sets inputs, reads outputs and lets
/// protocol servers in through `DeviceModel`. Copies are independent and share only what never changes.
#[derive(Clone, Debug)]
pub struct Plc {
    config: Arc<PlcConfig>,
    wiring: Arc<Wiring>,
    period_us: u64,
    tasks: Vec<Task>,
    memory: Vec<u8>,
    field: Field,
    mode: Mode,
    key: KeyPosition,
    powered: bool,
    /// STARTUP programs run before the next cyclic ones.
    startup_due: bool,
    forces: BTreeMap<ForceTarget, u16>,
    diagnostics: Vec<DiagnosticEvent>,
    events: VecDeque<PlcEvent>,
    events_dropped: u64,
    compile_errors: Vec<CompileError>,
    last_scan: SimTime,
    scans: u64,
    s7: S7State,
}

/// A program file with its task.
#[derive(Clone, Debug)]
struct Task {
    running: Stored,
    /// A download that takes effect at the next scan.
    pending: Option<Stored>,
    slots: Vec<u64>,
    /// `None` where the task is due at the next scan, whenever that is.
    next_due: Option<SimTime>,
}

/// A program file: its text, its hash and its code.
#[derive(Clone, Debug)]
struct Stored {
    source: Arc<str>,
    hash: [u8; 32],
    program: Arc<Program>,
}

/// The terminals: what sensors put in and what actuators get.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Field {
    input_words: Vec<u16>,
    /// Eight to a byte, as in memory.
    input_bits: Vec<u8>,
    output_words: Vec<u16>,
    output_bits: Vec<u8>,
}

// Identity and plain state.
impl Plc {
    /// Name of the controller.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// What it was built from.
    #[must_use]
    pub fn config(&self) -> &PlcConfig {
        &self.config
    }

    /// Time between scans in microseconds: the greatest common divisor of the task periods.
    #[must_use]
    pub fn period_us(&self) -> u64 {
        self.period_us
    }

    /// Key position.
    #[must_use]
    pub fn key(&self) -> KeyPosition {
        self.key
    }

    /// True while it has supply power.
    #[must_use]
    pub fn powered(&self) -> bool {
        self.powered
    }

    /// Scans executed in RUN so far.
    #[must_use]
    pub fn scan_count(&self) -> u64 {
        self.scans
    }

    /// Time of the last scan.
    #[must_use]
    pub fn last_scan(&self) -> SimTime {
        self.last_scan
    }

    /// Takes the events since the last call, oldest first.
    pub fn events(&mut self) -> Vec<PlcEvent> {
        self.events.drain(..).collect()
    }

    /// Takes the oldest event.
    pub fn poll_event(&mut self) -> Option<PlcEvent> {
        self.events.pop_front()
    }

    /// True if there are events to take.
    #[must_use]
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// Events dropped because nobody took them.
    #[must_use]
    pub fn events_dropped(&self) -> u64 {
        self.events_dropped
    }

    fn event(&mut self, time: SimTime, kind: PlcEventKind) {
        self.s7.note(time, &kind);
        if self.events.len() >= MAX_PENDING_EVENTS {
            self.events.pop_front();
            self.events_dropped = self.events_dropped.saturating_add(1);
        }
        self.events.push_back(PlcEvent { time, kind });
    }

    fn diagnose(&mut self, time: SimTime, text: String) {
        if self.diagnostics.len() >= MAX_DIAGNOSTICS {
            self.diagnostics.remove(0);
        }
        self.diagnostics.push(DiagnosticEvent { time, text });
        self.s7.diagnosed = self.s7.diagnosed.saturating_add(1);
    }
}

// Field side: what sensors put in and actuators take out.
impl Plc {
    /// Sets an input word at the terminals; it reaches `%IW` at the next scan. Words that are not wired are ignored.
    pub fn set_input_word(&mut self, index: u16, value: u16) {
        if let Some(word) = self.field.input_words.get_mut(usize::from(index)) {
            *word = value;
        }
    }

    /// Sets an input bit at the terminals; it reaches `%IX` at the next scan. Bits that are not wired are ignored.
    pub fn set_input_bit(&mut self, index: u16, value: bool) {
        if index < self.config.input_bits {
            memory_bit(&mut self.field.input_bits, usize::from(index), value);
        }
    }

    /// An input word at the terminals; 0 where none is wired.
    #[must_use]
    pub fn input_word(&self, index: u16) -> u16 {
        self.field
            .input_words
            .get(usize::from(index))
            .copied()
            .unwrap_or(0)
    }

    /// An input bit at the terminals; FALSE where none is wired.
    #[must_use]
    pub fn input_bit(&self, index: u16) -> bool {
        bit_at(&self.field.input_bits, usize::from(index))
    }

    /// An output word as the actuator gets it; 0 where none is wired.
    #[must_use]
    pub fn output_word(&self, index: u16) -> u16 {
        self.field
            .output_words
            .get(usize::from(index))
            .copied()
            .unwrap_or(0)
    }

    /// An output bit as the actuator gets it; FALSE where none is wired.
    #[must_use]
    pub fn output_bit(&self, index: u16) -> bool {
        bit_at(&self.field.output_bits, usize::from(index))
    }
}

// What people do at the controller.
impl Plc {
    /// Turns the key switch.
    pub fn set_key(&mut self, now: SimTime, key: KeyPosition) {
        if key == self.key {
            return;
        }
        let from = std::mem::replace(&mut self.key, key);
        self.diagnose(now, format!("key switch turned to {}", key_text(key)));
        self.event(now, PlcEventKind::KeyChanged { from, to: key });
    }

    /// Switches the supply power. Without power all outputs are zero and nothing answers; when it comes back the
    /// controller makes a warm restart and runs.
    pub fn set_power(&mut self, now: SimTime, on: bool) {
        if on == self.powered {
            return;
        }
        self.powered = on;
        self.event(now, PlcEventKind::PowerChanged { on });
        if on {
            self.diagnose(now, "power on".to_owned());
            self.restart(now, false, ModeCause::Power);
        } else {
            let from = std::mem::replace(&mut self.mode, Mode::Stop);
            self.diagnose(now, "power off".to_owned());
            self.event(
                now,
                PlcEventKind::ModeChanged {
                    from,
                    to: Mode::Stop,
                    cause: ModeCause::Power,
                },
            );
            self.field.output_words.fill(0);
            self.field.output_bits.fill(0);
        }
    }

    /// Sets the operating mode at the controller itself, whatever the key says. RUN from another mode is a warm
    /// restart.
    pub fn set_mode(&mut self, now: SimTime, mode: Mode, cause: ModeCause) {
        if !self.powered || mode == self.mode {
            return;
        }
        if mode == Mode::Run {
            self.restart(now, false, cause);
            return;
        }
        let from = std::mem::replace(&mut self.mode, mode);
        self.diagnose(
            now,
            format!(
                "mode changed from {} to {}",
                mode_text(from),
                mode_text(mode)
            ),
        );
        self.event(
            now,
            PlcEventKind::ModeChanged {
                from,
                to: mode,
                cause,
            },
        );
        self.apply_fail_states();
    }

    /// Restarts with all data at initial values, RETAIN or not, and runs.
    pub fn cold_restart(&mut self, now: SimTime, cause: ModeCause) {
        if self.powered {
            self.restart(now, true, cause);
        }
    }

    /// Restarts with non-RETAIN data at initial values and runs.
    pub fn warm_restart(&mut self, now: SimTime, cause: ModeCause) {
        if self.powered {
            self.restart(now, false, cause);
        }
    }
}

// What the engineering station does.
impl Plc {
    /// Forces a channel: an input against its sensor, an output against the program.
    ///
    /// # Errors
    /// [`DeviceError::WriteRefused`] where the key forbids it, [`DeviceError::BadAddress`] where the channel is not
    /// wired, [`DeviceError::Failure`] without power or beyond [`MAX_FORCES`].
    pub fn force(
        &mut self,
        now: SimTime,
        target: ForceTarget,
        value: u16,
    ) -> Result<(), DeviceError> {
        let outcome = self.write_gate().and_then(|()| {
            let known = self.forces.contains_key(&target);
            match self.is_wired(target) {
                true if known || self.forces.len() < MAX_FORCES => Ok(()),
                true => Err(DeviceError::Failure),
                false => Err(DeviceError::BadAddress),
            }
        });
        if let Err(reason) = outcome {
            self.event(
                now,
                PlcEventKind::WriteRefused {
                    target: WriteTarget::Forces,
                    start: 0,
                    count: 1,
                    reason,
                },
            );
            return Err(reason);
        }
        if self.forces.insert(target, value) != Some(value) {
            self.diagnose(now, format!("force set on {target:?}"));
            self.event(
                now,
                PlcEventKind::Forced {
                    target,
                    value: Some(value),
                },
            );
        }
        Ok(())
    }

    /// Removes all forces.
    ///
    /// # Errors
    /// [`DeviceError::WriteRefused`] where the key forbids it, [`DeviceError::Failure`] without power.
    pub fn clear_forces(&mut self, now: SimTime) -> Result<(), DeviceError> {
        if let Err(reason) = self.write_gate() {
            self.event(
                now,
                PlcEventKind::WriteRefused {
                    target: WriteTarget::Forces,
                    start: 0,
                    count: 0,
                    reason,
                },
            );
            return Err(reason);
        }
        for target in std::mem::take(&mut self.forces).into_keys() {
            self.event(
                now,
                PlcEventKind::Forced {
                    target,
                    value: None,
                },
            );
        }
        self.diagnose(now, "forces removed".to_owned());
        Ok(())
    }

    /// Forces in effect.
    pub fn forces(&self) -> impl Iterator<Item = (ForceTarget, u16)> + '_ {
        self.forces.iter().map(|(target, value)| (*target, *value))
    }

    /// True if any channel is forced.
    #[must_use]
    pub fn has_forces(&self) -> bool {
        !self.forces.is_empty()
    }

    /// Online value of a variable, such as `MAIN.LEVEL`, `MAIN.T1.ET` or `MAIN.A[3]`; BOOL is 0 or 1, TIME in
    /// seconds. The program's name may be left out.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<f64> {
        self.tasks
            .iter()
            .find_map(|task| task.running.program.value(name, &task.slots, &self.memory))
    }

    /// Online value of a STRING, named as for [`Plc::variable`].
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        self.tasks
            .iter()
            .find_map(|task| task.running.program.text(name, &task.slots))
    }

    /// Sets a variable online.
    ///
    /// # Errors
    /// [`DeviceError::WriteRefused`] where the key forbids it, [`DeviceError::BadValue`] where the variable does not
    /// exist, is constant or cannot hold the value, [`DeviceError::Failure`] without power.
    pub fn set_variable(
        &mut self,
        now: SimTime,
        name: &str,
        value: f64,
    ) -> Result<(), DeviceError> {
        let mut outcome = self.write_gate();
        if outcome.is_ok() {
            let memory = &mut self.memory;
            let set = |task: &mut Task| {
                task.running
                    .program
                    .set_value(name, value, &mut task.slots, memory)
            };
            outcome = self
                .tasks
                .iter_mut()
                .find_map(set)
                .ok_or(DeviceError::BadValue);
        }
        match outcome {
            Ok(()) => self.event(
                now,
                PlcEventKind::VariableSet {
                    name: name.chars().take(MAX_NAME_CHARS).collect(),
                },
            ),
            Err(reason) => self.event(
                now,
                PlcEventKind::WriteRefused {
                    target: WriteTarget::Variable,
                    start: 0,
                    count: 1,
                    reason,
                },
            ),
        }
        outcome
    }

    /// Variables of a program file in order of their names; none where the file does not exist.
    #[must_use]
    pub fn variables(&self, file_name: &str) -> Vec<VariableInfo> {
        let index = self
            .config
            .programs
            .iter()
            .position(|p| p.file_name == file_name);
        let task = index.and_then(|i| self.tasks.get(i));
        task.map_or_else(Vec::new, |task| task.running.program.variables().collect())
    }
}

fn key_text(key: KeyPosition) -> &'static str {
    match key {
        KeyPosition::Run => "RUN",
        KeyPosition::Remote => "REMOTE",
        KeyPosition::Program => "PROGRAM",
    }
}

fn mode_text(mode: Mode) -> &'static str {
    match mode {
        Mode::Run => "RUN",
        Mode::Stop => "STOP",
        Mode::Fault => "FAULT",
    }
}
