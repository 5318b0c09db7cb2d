//! The reactor's equations: Ricker 1993, in hours, kmol, kPa and m3.

/// Universal gas constant, kJ/(kmol K).
const GAS_CONSTANT: f64 = 8.314;
/// Reactor temperature, K; the model is isothermal.
const TEMPERATURE_K: f64 = 373.0;
/// Volume of the vessel, m3.
const VESSEL_M3: f64 = 122.0;
/// Molar density of liquid D, kmol/m3.
const LIQUID_KMOL_PER_M3: f64 = 8.3;
/// Liquid volume that the level transmitter calls 100 %, m3.
const LIQUID_FULL_M3: f64 = 30.0;
/// Least vapour space that the gas law is given, m3, so that a vessel full of liquid has a finite pressure (far above
/// the rupture).
const VAPOUR_FLOOR_M3: f64 = 0.1;
/// Pressure downstream of purge and product valves, kPa.
const DOWNSTREAM_KPA: f64 = 100.0;
/// Rate constant of A + C -> D, kmol/h with pressures in kPa.
const RATE_CONSTANT: f64 = 0.00117;
/// First-order lag of every valve, h.
const VALVE_LAG_H: f64 = 0.00277;
/// Capacities of the four valves (F1, F2, F3, F4): kmol/h per %, the last two per % and root kPa.
const VALVE_CAPACITY: [f64; 4] = [3.3046, 0.2246, 0.00352, 0.0417];
/// Product valve at the published steady state, %: the bias of the level loop.
const LEVEL_BIAS_PCT: f64 = 47.030_248_234_576_51;
/// Gain of the level loop, % per %; negative because more opening means less level.
const LEVEL_GAIN: f64 = -1.4;
/// What is left to read once the vessel has burst, kPa: the standard atmosphere.
pub(crate) const ATMOSPHERE_KPA: f64 = 101.325;
/// Mole fraction of A in feed 1.
pub(crate) const FEED1_A: f64 = 0.485;
/// Mole fraction of B in feed 1; the rest is C.
pub(crate) const FEED1_B: f64 = 0.005;

/// The eight states of the model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct State {
    /// Inventory of A, B, C (vapour) and D (liquid), kmol.
    pub(crate) moles: [f64; 4],
    /// Positions of valves X1 to X4, %.
    pub(crate) valves: [f64; 4],
}

/// Composition of feed 1, mole fractions of A and B.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Feed {
    pub(crate) a: f64,
    pub(crate) b: f64,
}

/// What follows from the states at one instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Flows {
    /// Pressure, kPa.
    pub(crate) pressure_kpa: f64,
    /// Mole fractions of A, B, C in the vapour.
    pub(crate) vapour: [f64; 3],
    /// F1 to F4, kmol/h.
    pub(crate) streams: [f64; 4],
    /// Reaction rate, kmol/h.
    pub(crate) reaction: f64,
    /// Flow through the relief valve, kmol/h; zero until a layer opens it.
    pub(crate) relief: f64,
    /// Liquid level, %.
    pub(crate) level_pct: f64,
}

impl State {
    /// The published steady state, solved for yA = 0.47, F4 = 100 kmol/h, P = 2700 kPa with 110 kmol of liquid.
    ///
    /// Ricker fixes those conditions; with them the balances have a closed solution: the reaction rate equals F4,
    /// which gives yC; B leaves only by the purge, which ties F3 to F1; C then gives F1 and A gives F2.
    pub(crate) fn steady() -> Self {
        const PRESSURE_KPA: f64 = 2700.0;
        const PRODUCT: f64 = 100.0;
        const VAPOUR_A: f64 = 0.47;
        const LIQUID_KMOL: f64 = 110.0;
        let order_a = libm::pow(VAPOUR_A * PRESSURE_KPA, 1.2);
        let vapour_c = libm::pow(PRODUCT / (RATE_CONSTANT * order_a), 2.5) / PRESSURE_KPA;
        let vapour_b = 1.0 - VAPOUR_A - vapour_c;
        let vapour_m3 = VESSEL_M3 - LIQUID_KMOL / LIQUID_KMOL_PER_M3;
        let vapour_kmol = PRESSURE_KPA * vapour_m3 / (GAS_CONSTANT * TEMPERATURE_K);
        let feed1 = PRODUCT / (1.0 - FEED1_A - FEED1_B - vapour_c * FEED1_B / vapour_b);
        let purge = FEED1_B * feed1 / vapour_b;
        let feed2 = PRODUCT + VAPOUR_A * purge - FEED1_A * feed1;
        let root = (PRESSURE_KPA - DOWNSTREAM_KPA).sqrt();
        let [c1, c2, c3, c4] = VALVE_CAPACITY;
        Self {
            moles: [
                VAPOUR_A * vapour_kmol,
                vapour_b * vapour_kmol,
                vapour_c * vapour_kmol,
                LIQUID_KMOL,
            ],
            valves: [
                feed1 / c1,
                feed2 / c2,
                purge / (c3 * root),
                PRODUCT / (c4 * root),
            ],
        }
    }

    /// What is left once the vessel has burst: nothing.
    pub(crate) fn burst() -> Self {
        Self {
            moles: [0.0; 4],
            valves: [0.0; 4],
        }
    }

    /// Level that the level loop holds at the published steady state, %.
    pub(crate) fn steady_level_pct() -> f64 {
        level_pct(110.0)
    }

    /// Moves every state along its rate by `step_h` (explicit Euler).
    ///
    /// The floor takes the rounding left over where `Flows::limit` has emptied an inventory to the last.
    pub(crate) fn advance(&mut self, rates: &[f64; 8], step_h: f64) {
        for (value, rate) in self.moles.iter_mut().chain(&mut self.valves).zip(rates) {
            *value = (*value + step_h * rate).max(0.0);
        }
    }
}

impl Flows {
    /// Solves the algebraic equations at a state, with the relief valve shut.
    pub(crate) fn at(state: &State) -> Self {
        let [a, b, c, d] = state.moles;
        let [x1, x2, x3, x4] = state.valves;
        let [c1, c2, c3, c4] = VALVE_CAPACITY;
        let total = a + b + c;
        let vapour_m3 = (VESSEL_M3 - d / LIQUID_KMOL_PER_M3).max(VAPOUR_FLOOR_M3);
        let pressure_kpa = total * GAS_CONSTANT * TEMPERATURE_K / vapour_m3;
        let vapour = if total > 0.0 {
            [a / total, b / total, c / total]
        } else {
            [0.0; 3]
        };
        // No flow back from downstream: both lines have a check valve.
        let root = (pressure_kpa - DOWNSTREAM_KPA).max(0.0).sqrt();
        Self {
            pressure_kpa,
            vapour,
            streams: [c1 * x1, c2 * x2, c3 * x3 * root, c4 * x4 * root],
            reaction: reaction_rate(pressure_kpa, vapour),
            relief: 0.0,
            level_pct: level_pct(d),
        }
    }

    /// What is read and flows once the vessel has burst: nothing.
    pub(crate) fn burst() -> Self {
        Self {
            pressure_kpa: ATMOSPHERE_KPA,
            vapour: [0.0; 3],
            streams: [0.0; 4],
            reaction: 0.0,
            relief: 0.0,
            level_pct: 0.0,
        }
    }

    /// Keeps reaction and outflows within what one step finds in the vessel, so that no inventory turns negative.
    ///
    /// It binds only in a nearly empty vessel: the order of 0.4 in C would take the last C in finite time.
    pub(crate) fn limit(&mut self, state: &State, feed: Feed, step_h: f64) {
        let [f1, f2, f3, f4] = self.streams;
        let [a, b, c, d] = state.moles;
        let [ya, _, yc] = self.vapour;
        let most = (a + b + c) / step_h;
        self.streams[2] = f3.min(most);
        self.relief = self.relief.min(most - self.streams[2]);
        let out = self.streams[2] + self.relief;
        let reach_a = a / step_h + feed.a * f1 + f2 - ya * out;
        let reach_c = c / step_h + (1.0 - feed.a - feed.b) * f1 - yc * out;
        self.reaction = self.reaction.min(reach_a).min(reach_c).max(0.0);
        self.streams[3] = f4.min(d / step_h + self.reaction).max(0.0);
    }

    /// Rates of the eight states, per hour; `targets` are the valve positions that the lag approaches, %.
    pub(crate) fn rates(&self, state: &State, feed: Feed, targets: [f64; 4]) -> [f64; 8] {
        let [f1, f2, f3, f4] = self.streams;
        let [ya, yb, yc] = self.vapour;
        let out = f3 + self.relief;
        let r = self.reaction;
        let lag = |target: f64, position: f64| (target - position) / VALVE_LAG_H;
        let [t1, t2, t3, t4] = targets;
        let [x1, x2, x3, x4] = state.valves;
        [
            feed.a * f1 + f2 - ya * out - r,
            feed.b * f1 - yb * out,
            (1.0 - feed.a - feed.b) * f1 - yc * out - r,
            r - f4,
            lag(t1, x1),
            lag(t2, x2),
            lag(t3, x3),
            lag(t4, x4),
        ]
    }
}

/// Command of the level loop inside the model, %: proportional, on the product valve.
pub(crate) fn level_loop_pct(setpoint_pct: f64, level_pct: f64) -> f64 {
    (LEVEL_BIAS_PCT + LEVEL_GAIN * (setpoint_pct - level_pct)).clamp(0.0, 100.0)
}

fn level_pct(liquid_kmol: f64) -> f64 {
    100.0 * (liquid_kmol / LIQUID_KMOL_PER_M3) / LIQUID_FULL_M3
}

/// r = 0.00117 (yA P)^1.2 (yC P)^0.4, with both powers taken at once: ((yA P)^3 yC P)^0.4.
fn reaction_rate(pressure_kpa: f64, vapour: [f64; 3]) -> f64 {
    let [ya, _, yc] = vapour;
    let (pa, pc) = (ya * pressure_kpa, yc * pressure_kpa);
    RATE_CONSTANT * libm::pow(pa * pa * pa * pc, 0.4)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp, reason = "exact values are meant")]

    use super::*;

    const FEED: Feed = Feed {
        a: FEED1_A,
        b: FEED1_B,
    };

    /// Half a unit of the last printed digit of the reference (eight decimals), with room for rounding.
    fn assert_printed(value: f64, printed: f64, decimals: i32) {
        let half_unit = 0.5 * libm::pow(10.0, -f64::from(decimals));
        assert!(
            (value - printed).abs() <= half_unit * 1.000_001,
            "{value} is not {printed}"
        );
    }

    #[test]
    fn steady_state_is_the_published_one() {
        let state = State::steady();
        let flows = Flows::at(&state);
        assert!((flows.pressure_kpa - 2700.0).abs() < 1e-9);
        assert!((flows.streams[3] - 100.0).abs() < 1e-9);
        assert!((flows.vapour[0] - 0.47).abs() < 1e-9);
        for (value, printed) in
            state
                .moles
                .iter()
                .zip([44.499_999_58, 13.532_969_97, 36.647_880_63, 110.0])
        {
            assert_printed(*value, printed, 8);
        }
        for (value, printed) in state
            .valves
            .iter()
            .zip([60.953_27, 25.022_32, 39.257_77, 47.030_25])
        {
            assert_printed(*value, printed, 5);
        }
        for (value, printed) in
            flows
                .streams
                .iter()
                .zip([201.426_186_40, 5.620_013_59, 7.046_199_99])
        {
            assert_printed(*value, printed, 8);
        }
        assert_printed(flows.level_pct, 44.176_706_83, 8);
        assert_printed(flows.vapour[1], 0.142_932_49, 8);
        assert_printed(flows.vapour[2], 0.387_067_51, 8);
        assert!(
            (level_loop_pct(State::steady_level_pct(), flows.level_pct) - state.valves[3]).abs()
                < 1e-9
        );
    }

    #[test]
    fn nothing_moves_at_the_steady_state() {
        let state = State::steady();
        let flows = Flows::at(&state);
        for rate in flows.rates(&state, FEED, state.valves) {
            assert!(rate.abs() < 1e-12, "{rate}");
        }
    }

    #[test]
    fn one_power_equals_the_two_published_ones() {
        let flows = Flows::at(&State::steady());
        let [ya, _, yc] = flows.vapour;
        let published = 0.00117
            * libm::pow(ya * flows.pressure_kpa, 1.2)
            * libm::pow(yc * flows.pressure_kpa, 0.4);
        assert!((flows.reaction - published).abs() < 1e-12 * published);
    }

    #[test]
    fn limits_do_not_bind_in_a_working_vessel() {
        let state = State::steady();
        let free = Flows::at(&state);
        let mut limited = free;
        limited.limit(&state, FEED, 0.1 / 3600.0);
        assert_eq!(free, limited);
    }

    #[test]
    fn an_empty_vessel_neither_reacts_nor_flows_out() {
        let state = State {
            moles: [0.0; 4],
            valves: [0.0, 0.0, 100.0, 100.0],
        };
        let mut flows = Flows::at(&state);
        flows.limit(&state, FEED, 0.1 / 3600.0);
        assert_eq!(flows.streams, [0.0; 4]);
        assert_eq!(flows.reaction, 0.0);
        assert_eq!(flows.vapour, [0.0; 3]);
    }

    fn attacked(state: &State) -> [f64; 8] {
        let flows = Flows::at(state);
        let product = level_loop_pct(State::steady_level_pct(), flows.level_pct);
        flows.rates(
            state,
            FEED,
            [100.0, State::steady().valves[1], 0.0, product],
        )
    }

    fn runge_kutta(state: &mut State, step_h: f64) {
        let along = |rates: &[f64; 8], step: f64| {
            let mut moved = *state;
            moved.advance(rates, step);
            moved
        };
        let k1 = attacked(state);
        let k2 = attacked(&along(&k1, step_h / 2.0));
        let k3 = attacked(&along(&k2, step_h / 2.0));
        let k4 = attacked(&along(&k3, step_h));
        let mean = std::array::from_fn(|i| (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]) / 6.0);
        state.advance(&mean, step_h);
    }

    #[test]
    fn euler_at_100_ms_follows_runge_kutta_to_the_rupture() {
        let (mut euler, mut reference) = (State::steady(), State::steady());
        let mut steps = 0;
        let mut worst_kpa: f64 = 0.0;
        while Flows::at(&reference).pressure_kpa < 3000.0 {
            let rates = attacked(&euler);
            euler.advance(&rates, 0.1 / 3600.0);
            for _ in 0..10 {
                runge_kutta(&mut reference, 0.01 / 3600.0);
            }
            steps += 1;
            let apart = (Flows::at(&euler).pressure_kpa - Flows::at(&reference).pressure_kpa).abs();
            worst_kpa = worst_kpa.max(apart);
        }
        assert!(worst_kpa < 0.05, "{worst_kpa}");
        let rates = attacked(&euler);
        euler.advance(&rates, 0.1 / 3600.0);
        assert!(
            Flows::at(&euler).pressure_kpa >= 3000.0,
            "Euler is at most one step late"
        );
        // 0.0936 h, as the times of `first-watch` have it (337 s).
        assert!((3365..=3372).contains(&steps), "{steps}");
    }
}
