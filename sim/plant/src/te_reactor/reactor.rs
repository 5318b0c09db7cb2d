//! The running reactor: one step, signals, disturbances, save and restore.

use std::collections::BTreeMap;

use super::declared::{
    ACTUATORS, DISTURBANCES, DISTURBANCES_LEN, INITIAL_STATES, MEASUREMENTS, PARAMS, PARAMS_LEN,
    SENSORS, SIGNALS, TRIP_FEED, TRIP_PURGE, VL_SP,
};
use super::layers::{Config, RUPTURE_KPA, SHUT_DOWN_PCT, Service};
use super::process::{FEED1_A, FEED1_B, Feed, Flows, State, level_loop_pct};
use crate::codec::{Reader, Writer};
use crate::contract::{DisturbanceError, Plant, PlantKind, PlantStatus, RestoreError};
use crate::sensor::{NoiseStream, Sensor, lag_share};
use crate::spec::{BuildError, ParamSpec, SignalSpec, resolve_params};

/// Fixed step, us.
const STEP_US: u64 = 100_000;
/// The same, s.
const STEP_S: f64 = 0.1;
/// The same, h.
const STEP_H: f64 = STEP_S / 3600.0;
/// How long the initial state `tripped` has been tripped, steps: 30 min.
const TRIPPED_STEPS: u32 = 18_000;
/// First bytes of a saved state: kind and layout version.
const HEADER: &[u8] = b"te-reactor\x01";
/// Bound of every inventory in a saved state, kmol; the vessel full of liquid holds 1013 and leaves no vapour space.
const MOLES_MAX: f64 = 1000.0;
/// Bound of lags, rates and losses in a saved state.
const VALUE_MAX: f64 = 1e6;

/// Registry entry of the reactor.
pub(crate) struct TeReactorKind;

impl PlantKind for TeReactorKind {
    fn id(&self) -> &'static str {
        "te-reactor"
    }

    fn summary(&self) -> &'static str {
        "simplified Tennessee Eastman reactor (Ricker 1993): two-phase, isothermal, ruptures at 3000 kPa"
    }

    fn signals(&self) -> &'static [SignalSpec] {
        &SIGNALS
    }

    fn params(&self) -> &'static [ParamSpec] {
        &PARAMS
    }

    fn disturbances(&self) -> &'static [ParamSpec] {
        &DISTURBANCES
    }

    fn initial_states(&self) -> &'static [&'static str] {
        &INITIAL_STATES
    }

    fn build(
        &self,
        params: &BTreeMap<String, f64>,
        initial: &str,
        seed: u64,
    ) -> Result<Box<dyn Plant>, BuildError> {
        let resolved = resolve_params(&PARAMS, params)?;
        let mut values = [0.0; PARAMS_LEN];
        for (value, given) in values.iter_mut().zip(resolved) {
            *value = given;
        }
        let mut reactor = Reactor::steady(values, seed);
        match initial {
            "steady" => {}
            "tripped" => reactor.trip_and_settle(),
            _ => {
                return Err(BuildError::UnknownInitial {
                    name: initial.to_owned(),
                    known: &INITIAL_STATES,
                });
            }
        }
        Ok(Box::new(reactor))
    }
}

/// The running reactor.
#[derive(Clone, Debug)]
struct Reactor {
    // Fixed from the start.
    params: [f64; PARAMS_LEN],
    config: Config,
    seed: u64,
    noise: [NoiseStream; MEASUREMENTS],
    lag_shares: [f64; MEASUREMENTS],
    // State.
    steps: u64,
    process: State,
    /// Commands as last given, in the order of the actuators.
    commands: [f64; ACTUATORS],
    failed: [bool; ACTUATORS],
    /// Commands of X1 to X3 behind fail state and rate limit, %.
    travelled: [f64; 3],
    relief_open: bool,
    ruptured: bool,
    loss_kmol: f64,
    rate_kpa_per_min: f64,
    disturbances: [f64; DISTURBANCES_LEN],
    sensors: [Sensor; MEASUREMENTS],
    // Follows from the state; kept so that reading is cheap.
    flows: Flows,
}

impl Reactor {
    /// The published steady state at time 0, all layers as the parameters say.
    fn steady(params: [f64; PARAMS_LEN], seed: u64) -> Self {
        let config = Config::new(&params);
        let process = State::steady();
        let [x1, x2, x3, _] = process.valves;
        let flows = Flows::at(&process);
        let mut reactor = Self {
            params,
            config,
            seed,
            noise: noise_streams(seed),
            lag_shares: SENSORS.map(|spec| lag_share(STEP_S, spec.lag_s)),
            steps: 0,
            process,
            commands: [x1, x2, x3, State::steady_level_pct(), 1.0, 1.0],
            failed: [false; ACTUATORS],
            travelled: [x1, x2, x3],
            relief_open: false,
            ruptured: false,
            loss_kmol: 0.0,
            rate_kpa_per_min: 0.0,
            disturbances: [
                config.order,
                FEED1_A,
                FEED1_B,
                config.override_in_service,
                config.psv_in_service,
            ],
            sensors: [Sensor {
                lagged: 0.0,
                reading: 0.0,
            }; MEASUREMENTS],
            flows,
        };
        reactor.settle_sensors();
        reactor
    }

    /// Turns a fresh steady plant into one that has stood tripped for 30 min, valves lined up for a restart.
    fn trip_and_settle(&mut self) {
        let level = self.commands[VL_SP];
        self.commands = [0.0, 0.0, 100.0, level, 0.0, 0.0];
        for _ in 0..TRIPPED_STEPS {
            self.step();
        }
        self.steps = 0;
        self.loss_kmol = 0.0;
        self.settle_sensors();
    }

    fn settle_sensors(&mut self) {
        let values = self.measured_values();
        for (index, sensor) in self.sensors.iter_mut().enumerate() {
            let noise = self.noise[index].sample(self.steps) * self.config.noise;
            *sensor = Sensor::settled(&SENSORS[index], values[index], noise);
        }
    }

    /// Positions that the four valves approach, %, behind every layer: command or fail state, rate limit, override,
    /// trip. Trip solenoids vent the actuator itself, so neither rate limit nor lost signal stops them.
    fn valve_targets(&mut self) -> [f64; 4] {
        for index in 0..3 {
            let wanted = if self.failed[index] {
                self.config.fail_states[index].command_pct(self.process.valves[index])
            } else {
                self.commands[index]
            };
            self.travelled[index] = limited(
                self.travelled[index],
                wanted,
                self.config.rates_pct_per_s[index],
            );
        }
        let cap = self
            .config
            .override_cap_pct(self.override_in_service(), self.flows.pressure_kpa);
        let mut targets = [
            self.travelled[0].min(cap),
            self.travelled[1].min(cap),
            self.travelled[2],
        ];
        if !self.energised(TRIP_FEED) {
            targets[0] = 0.0;
            targets[1] = 0.0;
            self.travelled[0] = 0.0;
            self.travelled[1] = 0.0;
        }
        if !self.energised(TRIP_PURGE) {
            targets[2] = 100.0;
            self.travelled[2] = 100.0;
        }
        let [t1, t2, t3] = targets;
        [
            t1,
            t2,
            t3,
            level_loop_pct(self.commands[VL_SP], self.flows.level_pct),
        ]
    }

    /// One Euler step of a whole vessel, then the layers that act on the new pressure.
    fn step_process(&mut self) {
        let targets = self.valve_targets();
        let feed = self.feed();
        let rates = self.flows.rates(&self.process, feed, targets);
        self.loss_kmol += self.flows.relief * STEP_H;
        let before_kpa = self.flows.pressure_kpa;
        self.process.advance(&rates, STEP_H);
        self.solve();
        self.rate_kpa_per_min = (self.flows.pressure_kpa - before_kpa) / STEP_S * 60.0;
        if self.flows.pressure_kpa >= RUPTURE_KPA {
            self.rupture();
        }
    }

    /// Brings flows and relief valve in line with the inventories.
    fn solve(&mut self) {
        let mut flows = Flows::at(&self.process);
        let pressure_kpa = flows.pressure_kpa;
        self.relief_open =
            self.config
                .relief_open(self.psv_in_service(), self.relief_open, pressure_kpa);
        if self.relief_open {
            flows.relief = self.config.relief_flow(pressure_kpa);
        }
        flows.limit(&self.process, self.feed(), STEP_H);
        self.flows = flows;
    }

    /// Loses the whole inventory and stops everything; latched.
    fn rupture(&mut self) {
        self.loss_kmol += self.process.moles.iter().sum::<f64>();
        self.process = State {
            moles: [0.0; 4],
            valves: [0.0; 4],
        };
        self.flows = Flows::burst();
        self.relief_open = false;
        self.ruptured = true;
    }

    /// True values behind the transmitters, in the order of the measurements.
    fn measured_values(&self) -> [f64; MEASUREMENTS] {
        let p = self.flows.pressure_kpa;
        let [f1, f2, f3, f4] = self.flows.streams;
        let [ya, yb, yc] = self.flows.vapour;
        let [x1, x2, x3, x4] = self.process.valves;
        let level = self.flows.level_pct;
        [
            p,
            f1,
            f2,
            f3,
            f4,
            level,
            100.0 * ya,
            100.0 * yb,
            100.0 * yc,
            x1,
            x2,
            x3,
            x4,
            p,
            p,
            p,
        ]
    }

    /// Truths beyond the measurements, in their order.
    fn further_truths(&self) -> [f64; 13] {
        let service = Service::at(&self.flows, self.disturbances[0]);
        let [a, b, c, d] = self.process.moles;
        [
            self.q(&service),
            service.pressure,
            service.product,
            service.composition,
            self.rate_kpa_per_min,
            a,
            b,
            c,
            d,
            self.flows.reaction,
            self.flows.relief,
            self.loss_kmol,
            self.disturbances[0],
        ]
    }

    fn q(&self, service: &Service) -> f64 {
        if self.ruptured || self.tripped() || self.shut_down() {
            0.0
        } else {
            service.product_of_shares()
        }
    }

    fn feed(&self) -> Feed {
        Feed {
            a: self.disturbances[1],
            b: self.disturbances[2],
        }
    }

    fn override_in_service(&self) -> bool {
        self.disturbances[3] > 0.5
    }

    fn psv_in_service(&self) -> bool {
        self.disturbances[4] > 0.5
    }

    /// A trip output is energised only if it is commanded so and its wire is whole.
    fn energised(&self, output: usize) -> bool {
        self.commands[output] >= 0.5 && !self.failed[output]
    }

    fn tripped(&self) -> bool {
        !self.energised(TRIP_FEED) || !self.energised(TRIP_PURGE)
    }

    fn shut_down(&self) -> bool {
        self.process.valves[0] < SHUT_DOWN_PCT
    }

    fn override_active(&self) -> bool {
        let cap = self
            .config
            .override_cap_pct(self.override_in_service(), self.flows.pressure_kpa);
        !self.ruptured && (self.travelled[0] > cap || self.travelled[1] > cap)
    }
}

impl Plant for Reactor {
    fn step_us(&self) -> u64 {
        STEP_US
    }

    fn step(&mut self) {
        if self.ruptured {
            self.rate_kpa_per_min = 0.0;
        } else {
            self.step_process();
        }
        self.steps += 1;
        let values = self.measured_values();
        // A burst vessel's transmitters are dead: they fall to their live zero without noise.
        let scale = if self.ruptured {
            0.0
        } else {
            self.config.noise
        };
        for (index, sensor) in self.sensors.iter_mut().enumerate() {
            let noise = if scale > 0.0 {
                scale * self.noise[index].sample(self.steps)
            } else {
                0.0
            };
            sensor.update(
                &SENSORS[index],
                self.lag_shares[index],
                values[index],
                noise,
            );
        }
    }

    fn actuator(&mut self, index: usize, command_pct: f64) {
        let Some(command) = self.commands.get_mut(index) else {
            return;
        };
        if command_pct.is_finite() {
            let spec = &SIGNALS[MEASUREMENTS + index];
            *command = command_pct.clamp(spec.min, spec.max);
        }
    }

    fn actuator_fail(&mut self, index: usize, failed: bool) {
        if let Some(flag) = self.failed.get_mut(index) {
            *flag = failed;
        }
    }

    fn measurement(&self, index: usize) -> f64 {
        self.sensors
            .get(index)
            .map_or(f64::NAN, |sensor| sensor.reading)
    }

    fn truth(&self, index: usize) -> f64 {
        match index.checked_sub(MEASUREMENTS) {
            None => self.measured_values()[index],
            Some(further) => self
                .further_truths()
                .get(further)
                .copied()
                .unwrap_or(f64::NAN),
        }
    }

    fn status(&self) -> PlantStatus {
        PlantStatus {
            damaged: self.ruptured,
            ruptured: self.ruptured,
            relief_open: self.relief_open,
            override_active: self.override_active(),
            tripped: self.tripped(),
            shut_down: self.shut_down(),
            loss_kmol: self.loss_kmol,
        }
    }

    fn set_disturbance(&mut self, name: &str, value: f64) -> Result<(), DisturbanceError> {
        let (index, spec) = DISTURBANCES
            .iter()
            .enumerate()
            .find(|(_, spec)| spec.name == name)
            .ok_or_else(|| DisturbanceError::Unknown {
                name: name.to_owned(),
            })?;
        if !spec.accepts(value) {
            return Err(DisturbanceError::Value {
                name: spec.name,
                value,
                min: spec.min,
                max: spec.max,
            });
        }
        self.disturbances[index] = value;
        if !self.ruptured {
            // Flows follow at once, so that a saved state says all there is to say.
            self.solve();
        }
        Ok(())
    }

    fn save(&self) -> Vec<u8> {
        let mut out = Writer::new(HEADER);
        out.reals(&self.params);
        out.word(self.seed);
        out.word(self.steps);
        out.reals(&self.process.moles);
        out.reals(&self.process.valves);
        out.reals(&self.commands);
        out.reals(&self.travelled);
        out.reals(&[self.loss_kmol, self.rate_kpa_per_min]);
        out.reals(&self.disturbances);
        for sensor in &self.sensors {
            out.reals(&[sensor.lagged, sensor.reading]);
        }
        for flag in self.failed {
            out.flag(flag);
        }
        out.flag(self.relief_open);
        out.flag(self.ruptured);
        out.into_bytes()
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), RestoreError> {
        *self = read_saved(bytes)?;
        Ok(())
    }

    fn boxed_clone(&self) -> Box<dyn Plant> {
        Box::new(self.clone())
    }
}

/// Rebuilds a reactor from the bytes of `save`, field by field in the same order.
fn read_saved(bytes: &[u8]) -> Result<Reactor, RestoreError> {
    let mut input = Reader::new(bytes, HEADER)?;
    let params = read_declared(&mut input, &PARAMS, "parameter")?;
    let seed = input.word()?;
    let mut reactor = Reactor::steady(params, seed);
    reactor.steps = input.word()?;
    reactor.process.moles = input.reals("inventory", 0.0, MOLES_MAX)?;
    reactor.process.valves = input.reals("valve position", 0.0, 100.0)?;
    reactor.commands = input.reals("command", 0.0, 100.0)?;
    reactor.travelled = input.reals("command", 0.0, 100.0)?;
    reactor.loss_kmol = input.real("loss", 0.0, VALUE_MAX)?;
    reactor.rate_kpa_per_min = input.real("rate", -VALUE_MAX, VALUE_MAX)?;
    reactor.disturbances = read_declared(&mut input, &DISTURBANCES, "disturbance")?;
    for sensor in &mut reactor.sensors {
        sensor.lagged = input.real("reading", -VALUE_MAX, VALUE_MAX)?;
        sensor.reading = input.real("reading", -VALUE_MAX, VALUE_MAX)?;
    }
    for flag in &mut reactor.failed {
        *flag = input.flag("fail state")?;
    }
    reactor.relief_open = input.flag("relief valve")?;
    reactor.ruptured = input.flag("rupture")?;
    input.finish()?;
    if reactor.ruptured {
        reactor.process = State::burst();
        reactor.flows = Flows::burst();
    } else {
        reactor.solve();
        if !(0.0..RUPTURE_KPA).contains(&reactor.flows.pressure_kpa) {
            return Err(RestoreError::Value { what: "pressure" });
        }
    }
    Ok(reactor)
}

fn read_declared<const N: usize>(
    input: &mut Reader<'_>,
    specs: &[ParamSpec; N],
    what: &'static str,
) -> Result<[f64; N], RestoreError> {
    let mut values = [0.0; N];
    for (value, spec) in values.iter_mut().zip(specs) {
        *value = input.real(what, spec.min, spec.max)?;
        if !spec.accepts(*value) {
            return Err(RestoreError::Value { what });
        }
    }
    Ok(values)
}

fn noise_streams(seed: u64) -> [NoiseStream; MEASUREMENTS] {
    std::array::from_fn(|index| NoiseStream::new(seed, SIGNALS[index].name))
}

/// Moves a command towards the wanted one, no faster than `rate_pct_per_s`; 0 is no limit.
fn limited(from_pct: f64, wanted_pct: f64, rate_pct_per_s: f64) -> f64 {
    if rate_pct_per_s > 0.0 {
        let reach = rate_pct_per_s * STEP_S;
        from_pct + (wanted_pct - from_pct).clamp(-reach, reach)
    } else {
        wanted_pct
    }
}
