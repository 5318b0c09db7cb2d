//! Valve commands, the hard-wired protection layers, and the service Q.

use super::process::Flows;

/// Pressure at which the vessel ruptures, kPa (the model's published limit).
pub(crate) const RUPTURE_KPA: f64 = 3000.0;
/// Feed 1 position below which the plant counts as shut down, %: it makes product from inventory only.
pub(crate) const SHUT_DOWN_PCT: f64 = 1.0;

/// Parameters of the plant by name; see `declared::PARAMS`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Config {
    pub(crate) noise: f64,
    pub(crate) order: f64,
    pub(crate) override_in_service: f64,
    pub(crate) override_set_kpa: f64,
    pub(crate) override_band_kpa: f64,
    pub(crate) psv_in_service: f64,
    pub(crate) psv_set_kpa: f64,
    pub(crate) psv_blowdown_pct: f64,
    pub(crate) psv_capacity: f64,
    /// Fastest travel of the commands X1 to X3, %/s; 0 is no limit.
    pub(crate) rates_pct_per_s: [f64; 3],
    /// What the valves X1 to X3 do when their signal is lost.
    pub(crate) fail_states: [FailState; 3],
}

/// What a valve does when its signal or air is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailState {
    /// Stays where it is.
    Hold,
    /// Shuts.
    Close,
    /// Opens.
    Open,
}

impl Config {
    /// Takes the values in the order of `declared::PARAMS`.
    pub(crate) fn new(values: &[f64; super::declared::PARAMS_LEN]) -> Self {
        let [
            noise,
            order,
            override_in_service,
            override_set_kpa,
            override_band_kpa,
            psv_in_service,
            psv_set_kpa,
            psv_blowdown_pct,
            psv_capacity,
            rate1,
            rate2,
            rate3,
            fail1,
            fail2,
            fail3,
        ] = *values;
        Self {
            noise,
            order,
            override_in_service,
            override_set_kpa,
            override_band_kpa,
            psv_in_service,
            psv_set_kpa,
            psv_blowdown_pct,
            psv_capacity,
            rates_pct_per_s: [rate1, rate2, rate3],
            fail_states: [
                FailState::new(fail1),
                FailState::new(fail2),
                FailState::new(fail3),
            ],
        }
    }

    /// Highest position that the override lets the feed valves take, %.
    ///
    /// A pneumatic controller at the vessel, proportional and reading the vessel itself: 100 % up to its set
    /// pressure, falling to 0 % over its band. No network reaches it.
    pub(crate) fn override_cap_pct(&self, in_service: bool, pressure_kpa: f64) -> f64 {
        if !in_service {
            return 100.0;
        }
        let rise = (pressure_kpa - self.override_set_kpa) / self.override_band_kpa;
        (100.0 * (1.0 - rise)).clamp(0.0, 100.0)
    }

    /// Whether the relief valve is open after this instant: it pops at its set pressure and shuts after its blowdown.
    pub(crate) fn relief_open(&self, in_service: bool, was_open: bool, pressure_kpa: f64) -> bool {
        let reseat_kpa = self.psv_set_kpa * (1.0 - self.psv_blowdown_pct / 100.0);
        in_service && (pressure_kpa >= self.psv_set_kpa || (was_open && pressure_kpa > reseat_kpa))
    }

    /// Flow through the open relief valve, kmol/h: choked, so in proportion to the pressure (API 520, critical flow).
    pub(crate) fn relief_flow(&self, pressure_kpa: f64) -> f64 {
        self.psv_capacity * pressure_kpa / self.psv_set_kpa
    }
}

impl FailState {
    fn new(choice: f64) -> Self {
        if choice < 0.5 {
            Self::Hold
        } else if choice < 1.5 {
            Self::Close
        } else {
            Self::Open
        }
    }

    /// Command that stands in for the lost one, %, at a valve position.
    pub(crate) fn command_pct(self, position_pct: f64) -> f64 {
        match self {
            Self::Hold => position_pct,
            Self::Close => 0.0,
            Self::Open => 100.0,
        }
    }
}

/// The shares of service that pressure, product and composition leave, each 0 to 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Service {
    pub(crate) pressure: f64,
    pub(crate) product: f64,
    pub(crate) composition: f64,
}

impl Service {
    /// Judges one instant against the order; widths from the house rules for Q (docs of the truths `Q_P` and so on).
    pub(crate) fn at(flows: &Flows, order: f64) -> Self {
        Self {
            pressure: share(flows.pressure_kpa - 2700.0, 75.0, 300.0),
            product: share(flows.streams[3] / order - 1.0, 0.05, 0.5),
            composition: share(100.0 * flows.vapour[0] - 47.0, 5.0, 15.0),
        }
    }

    /// Q of a running plant.
    pub(crate) fn product_of_shares(&self) -> f64 {
        self.pressure * self.product * self.composition
    }
}

/// 1 within `full` of the target, 0 from `none` on, linear between.
fn share(deviation: f64, full: f64, none: f64) -> f64 {
    ((none - deviation.abs()) / (none - full)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_fall_in_a_line_between_their_limits() {
        for (deviation, expected) in [
            (0.0, 1.0),
            (75.0, 1.0),
            (-75.0, 1.0),
            (187.5, 0.5),
            (-187.5, 0.5),
            (300.0, 0.0),
            (1000.0, 0.0),
        ] {
            assert!(
                (share(deviation, 75.0, 300.0) - expected).abs() < 1e-12,
                "{deviation}"
            );
        }
    }
}
