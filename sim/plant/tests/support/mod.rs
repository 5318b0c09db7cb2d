//! A reactor with names instead of indices, and the control loops of the `first-watch` scenario.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "test support: each test file uses a part of it"
)]

use std::collections::BTreeMap;

use sim_plant::{Plant, SignalKind, plant, signal_index};

/// Parameters with every layer out of service and no noise: the bare published model.
pub const BARE: &[(&str, f64)] = &[
    ("noise", 0.0),
    ("override_in_service", 0.0),
    ("psv_in_service", 0.0),
];

pub struct Rig {
    pub plant: Box<dyn Plant>,
    pub steps: u64,
}

impl Rig {
    pub fn new(params: &[(&str, f64)], initial: &str, seed: u64) -> Self {
        let params: BTreeMap<String, f64> = params
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value))
            .collect();
        let plant = plant("te-reactor")
            .unwrap()
            .build(&params, initial, seed)
            .unwrap();
        Self { plant, steps: 0 }
    }

    pub fn bare() -> Self {
        Self::new(BARE, "steady", 1)
    }

    pub fn set(&mut self, name: &str, value: f64) -> &mut Self {
        self.plant
            .actuator(index(SignalKind::Actuator, name), value);
        self
    }

    pub fn truth(&self, name: &str) -> f64 {
        self.plant.truth(index(SignalKind::Truth, name))
    }

    pub fn measured(&self, name: &str) -> f64 {
        self.plant.measurement(index(SignalKind::Measurement, name))
    }

    pub fn step(&mut self) {
        self.plant.step();
        self.steps += 1;
    }

    pub fn run_s(&mut self, seconds: u64) -> &mut Self {
        for _ in 0..seconds * 10 {
            self.step();
        }
        self
    }

    pub fn time_s(&self) -> f64 {
        self.steps as f64 * 0.1
    }

    /// Seconds from now until the true pressure reaches each limit, `None` where it does not within `within_s`.
    pub fn seconds_to(
        &mut self,
        limits_kpa: &[f64],
        within_s: u64,
        mut each_step: impl FnMut(&mut Self),
    ) -> Vec<Option<f64>> {
        let start = self.steps;
        let mut found = vec![None; limits_kpa.len()];
        let p = index(SignalKind::Truth, "P");
        while self.steps - start < within_s * 10 && found.iter().any(Option::is_none) {
            each_step(self);
            self.step();
            let pressure = self.plant.truth(p);
            let burst = self.plant.status().ruptured;
            let elapsed = (self.steps - start) as f64 * 0.1;
            for (slot, limit) in found.iter_mut().zip(limits_kpa) {
                if slot.is_none() && (pressure >= *limit || burst) {
                    *slot = Some(elapsed);
                }
            }
        }
        found
    }
}

pub fn index(kind: SignalKind, name: &str) -> usize {
    signal_index(plant("te-reactor").unwrap(), kind, name).unwrap()
}

/// One PI loop in velocity form, scanned every plant step; bumpless, clamped to 0..100 %.
#[derive(Clone, Copy)]
pub struct Loop {
    pub automatic: bool,
    pub output_pct: f64,
    pv: &'static str,
    op: &'static str,
    setpoint: f64,
    gain: f64,
    integral_h: f64,
    error: f64,
}

impl Loop {
    fn scan(&mut self, rig: &mut Rig) {
        let error = self.setpoint - rig.measured(self.pv);
        if self.automatic {
            let change = error - self.error + error * 0.1 / (3600.0 * self.integral_h);
            self.output_pct = (self.output_pct + self.gain * change).clamp(0.0, 100.0);
        }
        self.error = error;
        rig.set(self.op, self.output_pct);
    }
}

/// The three loops of `first-watch` with the gains that its reference gives.
#[derive(Clone, Copy)]
pub struct Loops {
    pub feed: Loop,
    pub purge: Loop,
    pub composition: Loop,
}

impl Loops {
    pub fn at_steady() -> Self {
        let make = |pv, op, setpoint, gain, integral_h, output_pct| Loop {
            automatic: true,
            output_pct,
            pv,
            op,
            setpoint,
            gain,
            integral_h,
            error: 0.0,
        };
        Self {
            feed: make("F4", "X1", 100.0, 0.1, 1.0, 60.953_27),
            purge: make("P", "X3", 2700.0, -0.25, 1.5, 39.257_77),
            composition: make("yA", "X2", 47.0, 2.0, 3.0, 25.022_32),
        }
    }

    pub fn scan(&mut self, rig: &mut Rig) {
        self.feed.scan(rig);
        self.purge.scan(rig);
        self.composition.scan(rig);
    }
}
