//! The scan cycle and restarts.

use sim_record::{SimDuration, SimTime};
use sim_wire::device::{Area, Mode};

use super::config::{FailState, KeyPosition};
use super::event::{ForceTarget, ModeCause, PlcEventKind};
use super::{Plc, Task, mode_text};
use crate::memory::{AccessSize, set_bit};
use crate::st::{Cycle, Fault, read_memory, write_memory};

impl Plc {
    /// One scan at `now`: 1 take over downloads, 2 freeze inputs, 3 execute the tasks that are due, 4 flush outputs.
    ///
    /// In STOP, in FAULT and without power only downloads are taken over; outputs keep their fail states.
    pub fn scan(&mut self, now: SimTime) {
        // 1 Take over downloads.
        self.adopt_downloads();
        self.last_scan = now;
        if self.mode != Mode::Run || !self.powered {
            return;
        }
        // 2 Freeze inputs.
        self.freeze_inputs();
        // 3 Execute the tasks that are due.
        if let Err((file, fault)) = self.execute(now) {
            self.fault(now, file, fault);
            return;
        }
        // 4 Flush outputs.
        self.flush_outputs();
        self.scans = self.scans.wrapping_add(1);
    }

    fn adopt_downloads(&mut self) {
        for task in &mut self.tasks {
            if let Some(next) = task.pending.take() {
                task.slots = next.program.carry_over(&task.running.program, &task.slots);
                task.running = next;
            }
        }
    }

    fn freeze_inputs(&mut self) {
        let words_at = self.wiring.input_words_at;
        for (i, word) in self.field.input_words.iter().enumerate() {
            let at = words_at + 2 * i;
            if let Some(target) = self.memory.get_mut(at..at + 2) {
                target.copy_from_slice(&word.to_be_bytes());
            }
        }
        let bits_at = self.wiring.input_bits_at;
        let bits = &self.field.input_bits;
        if let Some(target) = self.memory.get_mut(bits_at..bits_at + bits.len()) {
            target.copy_from_slice(bits);
        }
        if let Some((remote, program)) = self.wiring.key_bits {
            set_bit(&mut self.memory, remote, self.key == KeyPosition::Remote);
            set_bit(&mut self.memory, program, self.key == KeyPosition::Program);
        }
        if !self.forces.is_empty() {
            self.apply_forces(|target| {
                matches!(target, ForceTarget::InputBit(_) | ForceTarget::InputWord(_))
            });
        }
    }

    fn apply_forces(&mut self, which: impl Fn(&ForceTarget) -> bool) {
        for (target, value) in self.forces.iter().filter(|(target, _)| which(target)) {
            let (base, index, is_word) = match *target {
                ForceTarget::InputBit(i) => (self.wiring.input_bits_at, i, false),
                ForceTarget::InputWord(i) => (self.wiring.input_words_at, i, true),
                ForceTarget::OutputBit(i) => (self.wiring.output_bits_at, i, false),
                ForceTarget::OutputWord(i) => (self.wiring.output_words_at, i, true),
            };
            if is_word {
                let at = base + 2 * usize::from(index);
                if let Some(bytes) = self.memory.get_mut(at..at + 2) {
                    bytes.copy_from_slice(&value.to_be_bytes());
                }
            } else {
                set_bit(&mut self.memory, base * 8 + usize::from(index), *value != 0);
            }
        }
    }

    fn execute(&mut self, now: SimTime) -> Result<(), (usize, Fault)> {
        let now_us = i64::try_from(now.0).unwrap_or(i64::MAX);
        let mut budget = self.config.watchdog_instructions;
        let periods = self.config.programs.iter().map(|p| p.period_us);
        let startup = std::mem::take(&mut self.startup_due);
        if startup {
            for (file, (task, period_us)) in self.tasks.iter_mut().zip(periods.clone()).enumerate()
            {
                let cycle = Cycle {
                    now_us,
                    period_us: i64::try_from(period_us).unwrap_or(0),
                };
                task.running
                    .program
                    .run_startup(&mut task.slots, &mut self.memory, cycle, &mut budget)
                    .map_err(|fault| (file, fault))?;
            }
        }
        for (file, (task, period_us)) in self.tasks.iter_mut().zip(periods).enumerate() {
            if !task.take_due(now, period_us) {
                continue;
            }
            let cycle = Cycle {
                now_us,
                period_us: i64::try_from(period_us).unwrap_or(0),
            };
            task.running
                .program
                .run_cyclic(&mut task.slots, &mut self.memory, cycle, &mut budget)
                .map_err(|fault| (file, fault))?;
        }
        Ok(())
    }

    fn flush_outputs(&mut self) {
        if !self.forces.is_empty() {
            self.apply_forces(|target| {
                matches!(
                    target,
                    ForceTarget::OutputBit(_) | ForceTarget::OutputWord(_)
                )
            });
        }
        let words_at = self.wiring.output_words_at;
        for (i, word) in self.field.output_words.iter_mut().enumerate() {
            let at = words_at + 2 * i;
            if let Some([high, low]) = self.memory.get(at..at + 2) {
                *word = u16::from_be_bytes([*high, *low]);
            }
        }
        let bits_at = self.wiring.output_bits_at;
        let bits = &mut self.field.output_bits;
        if let Some(source) = self.memory.get(bits_at..bits_at + bits.len()) {
            bits.copy_from_slice(source);
        }
    }

    fn fault(&mut self, now: SimTime, file: usize, fault: Fault) {
        let file_name = self
            .config
            .programs
            .get(file)
            .map_or_else(String::new, |p| p.file_name.clone());
        self.diagnose(
            now,
            format!(
                "{file_name} line {}: {}; CPU in FAULT",
                fault.line,
                fault.kind.text()
            ),
        );
        self.event(now, PlcEventKind::Fault { file_name, fault });
        let from = std::mem::replace(&mut self.mode, Mode::Fault);
        self.event(
            now,
            PlcEventKind::ModeChanged {
                from,
                to: Mode::Fault,
                cause: ModeCause::Fault,
            },
        );
        self.apply_fail_states();
    }

    /// Puts every output channel in its fail state.
    pub(super) fn apply_fail_states(&mut self) {
        for (i, word) in self.field.output_words.iter_mut().enumerate() {
            match self
                .config
                .word_fail_states
                .get(i)
                .copied()
                .unwrap_or_default()
            {
                FailState::Off => *word = 0,
                FailState::Hold => {}
                FailState::Substitute(value) => *word = value,
            }
        }
        for i in 0..usize::from(self.config.output_bits) {
            match self
                .config
                .bit_fail_states
                .get(i)
                .copied()
                .unwrap_or_default()
            {
                FailState::Off => set_bit(&mut self.field.output_bits, i, false),
                FailState::Hold => {}
                FailState::Substitute(value) => set_bit(&mut self.field.output_bits, i, value != 0),
            }
        }
    }

    /// Restarts into RUN: data to initial values (RETAIN data kept unless cold), start-up programs at the next scan.
    ///
    /// A program that lacks a block does not start.
    pub(super) fn restart(&mut self, now: SimTime, cold: bool, cause: ModeCause) {
        if !self.s7.is_complete() {
            self.diagnose(now, "start refused: a block is not loaded".to_owned());
            return;
        }
        self.adopt_downloads();
        self.initialise(cold);
        self.startup_due = true;
        let from = std::mem::replace(&mut self.mode, Mode::Run);
        let kind = if cold { "cold" } else { "warm" };
        self.diagnose(
            now,
            format!(
                "{kind} restart, mode changed from {} to RUN",
                mode_text(from)
            ),
        );
        self.event(
            now,
            PlcEventKind::ModeChanged {
                from,
                to: Mode::Run,
                cause,
            },
        );
    }

    /// Gives slots and memory their values at a restart. Data blocks are retentive, as in S7: only a cold restart
    /// clears them.
    pub(super) fn initialise(&mut self, cold: bool) {
        let located: Vec<_> = self
            .tasks
            .iter()
            .flat_map(|task| task.running.program.located.iter().copied())
            .collect();
        let keep = |bytes: &[u8], at: u32, size: AccessSize| read_memory(bytes, at, size);
        let values: Vec<u64> = located
            .iter()
            .map(|l| {
                if l.retain && !cold {
                    keep(&self.memory, l.at, l.size).unwrap_or(l.value)
                } else {
                    l.value
                }
            })
            .collect();
        let data_blocks = self
            .config
            .layout
            .data_blocks
            .iter()
            .filter(|_| cold)
            .map(|(number, _)| Area::DataBlock(*number));
        for area in [Area::Output, Area::Marker].into_iter().chain(data_blocks) {
            let span = self.config.layout.span(area).unwrap_or_default();
            let (start, length) = (span.0 as usize, span.1 as usize);
            if let Some(bytes) = self.memory.get_mut(start..start + length) {
                bytes.fill(0);
            }
        }
        for (l, value) in located.iter().zip(values) {
            // Places were checked when the program was compiled.
            let _ = write_memory(&mut self.memory, l.at, l.size, value);
        }
        for task in &mut self.tasks {
            task.running.program.restart_slots(&mut task.slots, cold);
            task.next_due = None;
        }
    }
}

impl Task {
    /// True if the task is due; then it is next due one period later, or one period from now where it is late.
    fn take_due(&mut self, now: SimTime, period_us: u64) -> bool {
        let period = SimDuration(period_us);
        match self.next_due {
            Some(due) if now < due => false,
            Some(due) if now < due + period => {
                self.next_due = Some(due + period);
                true
            }
            _ => {
                self.next_due = Some(now + period);
                true
            }
        }
    }
}
