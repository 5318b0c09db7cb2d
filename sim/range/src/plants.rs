//! The plants of a range and what drives them.

use crate::BuildError;
use crate::journal::Journal;
use sim_plant::{Plant, PlantKind, SignalKind, signal_index};
use sim_record::{PlantEvent, PlantInfo, PlantSample, RecordKind, Seed, SimTime, StateHasher};
use sim_scenario::model::{Cast, PlantSpec, Scenario};
use std::collections::BTreeMap;

/// One plant.
pub(crate) struct PlantSlot {
    pub name: String,
    kind: &'static dyn PlantKind,
    pub plant: Box<dyn Plant>,
    spec: PlantSpec,
    next_step: SimTime,
    sampled: Vec<usize>,
    q: Option<usize>,
    key: Option<usize>,
    was_relieving: bool,
    was_damaged: bool,
    was_ruptured: bool,
    hand_valves: BTreeMap<usize, f64>,
}

/// All plants, in order of their names.
pub(crate) struct Plants {
    pub slots: Vec<PlantSlot>,
}

impl Plants {
    /// Builds the plants of a scenario in the initial states of the cast.
    pub fn new(scenario: &Scenario, cast: &Cast, seed: Seed) -> Result<Self, BuildError> {
        let slots = scenario.plants.iter().map(|(name, spec)| {
            let refuse = |reason: String| BuildError::Plant {
                plant: name.clone(),
                reason,
            };
            let kind = sim_plant::plant(&spec.kind)
                .ok_or_else(|| refuse(format!("no plant kind `{}`", spec.kind)))?;
            let initial = cast.initial.get(name).unwrap_or(&spec.initial);
            let plant = kind
                .build(&spec.params, initial, seed.stream(&format!("plant/{name}")))
                .map_err(|e| refuse(e.to_string()))?;
            Ok(PlantSlot {
                name: name.clone(),
                sampled: spec
                    .sampled
                    .iter()
                    .filter_map(|s| signal_index(kind, SignalKind::Truth, s))
                    .collect(),
                q: signal_index(kind, SignalKind::Truth, "Q"),
                key: signal_index(kind, SignalKind::Truth, &spec.key_signal.0),
                next_step: SimTime(plant.step_us()),
                kind,
                plant,
                spec: spec.clone(),
                was_relieving: false,
                was_damaged: false,
                was_ruptured: false,
                hand_valves: BTreeMap::new(),
            })
        });
        Ok(Self {
            slots: slots.collect::<Result<_, _>>()?,
        })
    }

    /// Declares the plants.
    pub fn declare(&self, journal: &mut Journal) {
        for slot in &self.slots {
            let unit = |name: &String| {
                slot.kind
                    .signals()
                    .iter()
                    .find(|s| s.name == name.as_str())
                    .map_or("", |s| s.unit)
                    .to_owned()
            };
            journal.record(RecordKind::Plant(PlantInfo {
                id: slot.name.clone(),
                kind: slot.spec.kind.clone(),
                signals: slot.spec.sampled.clone(),
                units: slot.spec.sampled.iter().map(unit).collect(),
                q0: slot.spec.q0,
                key_signal: slot.spec.key_signal.clone(),
            }));
        }
    }

    /// When the next step is due.
    pub fn next_due(&self) -> SimTime {
        self.slots
            .iter()
            .map(|s| s.next_step)
            .min()
            .unwrap_or(SimTime::MAX)
    }

    /// Steps every plant that is due. True if one was destroyed in this step.
    pub fn step_due(&mut self, journal: &mut Journal) -> bool {
        let mut destroyed = false;
        let now = journal.now;
        for slot in self.slots.iter_mut().filter(|s| s.next_step <= now) {
            for (index, position_pct) in &slot.hand_valves {
                slot.plant.actuator(*index, *position_pct);
            }
            slot.plant.step();
            slot.next_step = SimTime(slot.next_step.0 + slot.plant.step_us());
            destroyed |= slot.report_events(journal);
        }
        destroyed
    }

    /// Index of a plant by name.
    pub fn index(&self, name: &str) -> Option<usize> {
        self.slots.iter().position(|s| s.name == name)
    }

    /// Index of a signal of a plant.
    pub fn signal(&self, plant: usize, kind: SignalKind, name: &str) -> Option<usize> {
        self.slots
            .get(plant)
            .and_then(|s| signal_index(s.kind, kind, name))
    }

    /// A truth by name, for gauges and recovery.
    pub fn truth(&self, plant: &str, signal: &str) -> Option<f64> {
        let slot = self.slots.get(self.index(plant)?)?;
        signal_index(slot.kind, SignalKind::Truth, signal).map(|i| slot.plant.truth(i))
    }

    /// Holds an actuator by hand, or releases it.
    pub fn hand_valve(&mut self, plant: &str, actuator: &str, position_pct: Option<f64>) -> bool {
        let Some(slot) = self.index(plant).and_then(|i| self.slots.get_mut(i)) else {
            return false;
        };
        let Some(index) = signal_index(slot.kind, SignalKind::Actuator, actuator) else {
            return false;
        };
        match position_pct {
            Some(position) => slot.hand_valves.insert(index, position),
            None => slot.hand_valves.remove(&index),
        };
        true
    }

    /// Commands an actuator, unless a hand holds it.
    pub fn command(&mut self, plant: usize, actuator: usize, value: f64) {
        if let Some(slot) = self.slots.get_mut(plant)
            && !slot.hand_valves.contains_key(&actuator)
        {
            slot.plant.actuator(actuator, value);
        }
    }

    /// Writes one sample of each plant.
    pub fn sample(&self, journal: &mut Journal, inhibited: bool) {
        for (index, slot) in self.slots.iter().enumerate() {
            journal.record(RecordKind::Sample(slot.sample(index, inhibited)));
        }
    }

    /// Adds the whole state to a digest.
    pub fn digest(&self, hasher: &mut StateHasher) {
        for slot in &self.slots {
            hasher.bytes(&slot.plant.save());
            hasher.u64(slot.next_step.0);
            for (index, position) in &slot.hand_valves {
                hasher.u64(*index as u64);
                hasher.f64(*position);
            }
        }
    }
}

impl PlantSlot {
    fn q(&self) -> f64 {
        self.q.map_or(0.0, |i| self.plant.truth(i))
    }

    fn sample(&self, index: usize, inhibited: bool) -> PlantSample {
        let status = self.plant.status();
        let key = self.key.map_or(0.0, |i| self.plant.truth(i));
        PlantSample {
            plant: u16::try_from(index).unwrap_or(u16::MAX),
            q: self.q(),
            unsafe_now: status.ruptured || key > self.spec.unsafe_above,
            inhibited,
            tripped: status.tripped || status.shut_down,
            values: self.sampled.iter().map(|i| self.plant.truth(*i)).collect(),
        }
    }

    /// Records changes of the plant's status; true if it was destroyed just now.
    fn report_events(&mut self, journal: &mut Journal) -> bool {
        let status = self.plant.status();
        if status.relief_open != self.was_relieving {
            self.was_relieving = status.relief_open;
            journal.record(RecordKind::PlantEvent(if status.relief_open {
                PlantEvent::ReliefOpened
            } else {
                PlantEvent::ReliefClosed {
                    loss_kmol: status.loss_kmol,
                }
            }));
        }
        if status.damaged && !self.was_damaged && !status.ruptured {
            journal.record(RecordKind::PlantEvent(PlantEvent::Damaged {
                what: self.name.clone(),
            }));
        }
        self.was_damaged = status.damaged;
        let destroyed = status.ruptured && !self.was_ruptured;
        if destroyed {
            journal.record(RecordKind::PlantEvent(PlantEvent::Ruptured));
        }
        self.was_ruptured = status.ruptured;
        destroyed
    }
}
