//! What `te-reactor` declares: signals, transmitters, parameters, disturbances.

use crate::sensor::SensorSpec;
use crate::spec::{ParamSpec, SignalSpec};

/// How many measurements there are; the first truths repeat them in the same order.
pub(crate) const MEASUREMENTS: usize = 16;
/// How many actuators there are.
pub(crate) const ACTUATORS: usize = 6;
/// Index of the level setpoint among the actuators; 0 to 2 are the control valves.
pub(crate) const VL_SP: usize = 3;
/// Index of the trip output that shuts both feeds.
pub(crate) const TRIP_FEED: usize = 4;
/// Index of the trip output that opens the purge.
pub(crate) const TRIP_PURGE: usize = 5;

/// Measurements, then actuators, then truths.
pub(crate) static SIGNALS: [SignalSpec; 51] = [
    SignalSpec::measurement(
        "P",
        "kPa",
        0.0,
        3200.0,
        "reactor pressure, control transmitter",
    ),
    SignalSpec::measurement("F1", "kmol/h", 0.0, 400.0, "feed 1 (A and C)"),
    SignalSpec::measurement("F2", "kmol/h", 0.0, 25.0, "feed 2 (pure A)"),
    SignalSpec::measurement("F3", "kmol/h", 0.0, 25.0, "purge"),
    SignalSpec::measurement("F4", "kmol/h", 0.0, 250.0, "product"),
    SignalSpec::measurement("VL", "%", 0.0, 100.0, "liquid level"),
    SignalSpec::measurement("yA", "%", 0.0, 100.0, "A in the vapour, mole percent"),
    SignalSpec::measurement("yB", "%", 0.0, 100.0, "B in the vapour, mole percent"),
    SignalSpec::measurement("yC", "%", 0.0, 100.0, "C in the vapour, mole percent"),
    SignalSpec::measurement("X1", "%", 0.0, 100.0, "position of the feed 1 valve"),
    SignalSpec::measurement("X2", "%", 0.0, 100.0, "position of the feed 2 valve"),
    SignalSpec::measurement("X3", "%", 0.0, 100.0, "position of the purge valve"),
    SignalSpec::measurement("X4", "%", 0.0, 100.0, "position of the product valve"),
    SignalSpec::measurement(
        "P_A",
        "kPa",
        0.0,
        3200.0,
        "reactor pressure, SIS transmitter A",
    ),
    SignalSpec::measurement(
        "P_B",
        "kPa",
        0.0,
        3200.0,
        "reactor pressure, SIS transmitter B",
    ),
    SignalSpec::measurement(
        "P_C",
        "kPa",
        0.0,
        3200.0,
        "reactor pressure, SIS transmitter C",
    ),
    SignalSpec::actuator("X1", "%", 0.0, 100.0, "command of the feed 1 valve"),
    SignalSpec::actuator("X2", "%", 0.0, 100.0, "command of the feed 2 valve"),
    SignalSpec::actuator("X3", "%", 0.0, 100.0, "command of the purge valve"),
    SignalSpec::actuator(
        "VL_sp",
        "%",
        0.0,
        100.0,
        "setpoint of the level loop inside the plant, which moves X4",
    ),
    SignalSpec::actuator(
        "TRIP_FEED",
        "",
        0.0,
        1.0,
        "trip output: 1 energised (healthy), 0 shuts both feeds",
    ),
    SignalSpec::actuator(
        "TRIP_PURGE",
        "",
        0.0,
        1.0,
        "trip output: 1 energised (healthy), 0 opens the purge",
    ),
    SignalSpec::truth("P", "kPa", 0.0, 3200.0, "reactor pressure"),
    SignalSpec::truth("F1", "kmol/h", 0.0, 400.0, "feed 1"),
    SignalSpec::truth("F2", "kmol/h", 0.0, 25.0, "feed 2"),
    SignalSpec::truth("F3", "kmol/h", 0.0, 25.0, "purge"),
    SignalSpec::truth("F4", "kmol/h", 0.0, 250.0, "product"),
    SignalSpec::truth("VL", "%", 0.0, 100.0, "liquid level"),
    SignalSpec::truth("yA", "%", 0.0, 100.0, "A in the vapour, mole percent"),
    SignalSpec::truth("yB", "%", 0.0, 100.0, "B in the vapour, mole percent"),
    SignalSpec::truth("yC", "%", 0.0, 100.0, "C in the vapour, mole percent"),
    SignalSpec::truth("X1", "%", 0.0, 100.0, "position of the feed 1 valve"),
    SignalSpec::truth("X2", "%", 0.0, 100.0, "position of the feed 2 valve"),
    SignalSpec::truth("X3", "%", 0.0, 100.0, "position of the purge valve"),
    SignalSpec::truth("X4", "%", 0.0, 100.0, "position of the product valve"),
    SignalSpec::truth(
        "P_A",
        "kPa",
        0.0,
        3200.0,
        "reactor pressure at SIS transmitter A",
    ),
    SignalSpec::truth(
        "P_B",
        "kPa",
        0.0,
        3200.0,
        "reactor pressure at SIS transmitter B",
    ),
    SignalSpec::truth(
        "P_C",
        "kPa",
        0.0,
        3200.0,
        "reactor pressure at SIS transmitter C",
    ),
    SignalSpec::truth(
        "Q",
        "",
        0.0,
        1.0,
        "service: Q_P x Q_F4 x Q_yA, 0 while tripped, shut down or ruptured",
    ),
    SignalSpec::truth(
        "Q_P",
        "",
        0.0,
        1.0,
        "share of service left by pressure (2700 +-75 full, +-300 none)",
    ),
    SignalSpec::truth(
        "Q_F4",
        "",
        0.0,
        1.0,
        "share of service left by product (order +-5 % full, +-50 % none)",
    ),
    SignalSpec::truth(
        "Q_yA",
        "",
        0.0,
        1.0,
        "share of service left by yA (47 +-5 points full, +-15 none)",
    ),
    SignalSpec::truth(
        "dPdt",
        "kPa/min",
        -500.0,
        500.0,
        "rate of change of the pressure over the last step",
    ),
    SignalSpec::truth("NA", "kmol", 0.0, 1000.0, "inventory of A"),
    SignalSpec::truth("NB", "kmol", 0.0, 1000.0, "inventory of B"),
    SignalSpec::truth("NC", "kmol", 0.0, 1000.0, "inventory of C"),
    SignalSpec::truth("ND", "kmol", 0.0, 1000.0, "inventory of D"),
    SignalSpec::truth("r", "kmol/h", 0.0, 1000.0, "reaction rate A + C -> D"),
    SignalSpec::truth(
        "F_PSV",
        "kmol/h",
        0.0,
        2000.0,
        "flow through relief valve PSV-101",
    ),
    SignalSpec::truth(
        "loss",
        "kmol",
        0.0,
        1000.0,
        "matter lost to the environment since time 0",
    ),
    SignalSpec::truth(
        "order",
        "kmol/h",
        0.0,
        250.0,
        "ordered product, against which Q judges F4",
    ),
];

/// The transmitters, one a measurement. Lags and noise are this project's choice, of the size of a smart
/// transmitter's damping and repeatability (noise about 0.03 to 0.15 % of range); Ricker's article gives none. The
/// lags act on readings only, so the published dynamics stay as they are.
pub(crate) static SENSORS: [SensorSpec; MEASUREMENTS] = [
    sensor(0, 0.5, 1.0),
    sensor(1, 1.0, 0.4),
    sensor(2, 1.0, 0.02),
    sensor(3, 1.0, 0.02),
    sensor(4, 1.0, 0.2),
    sensor(5, 2.0, 0.05),
    sensor(6, 10.0, 0.05),
    sensor(7, 10.0, 0.05),
    sensor(8, 10.0, 0.05),
    sensor(9, 0.5, 0.05),
    sensor(10, 0.5, 0.05),
    sensor(11, 0.5, 0.05),
    sensor(12, 0.5, 0.05),
    sensor(13, 0.5, 1.0),
    sensor(14, 0.5, 1.0),
    sensor(15, 0.5, 1.0),
];

/// How many parameters there are.
pub(crate) const PARAMS_LEN: usize = 15;

/// Parameters, in the order in which `Config` takes them.
pub(crate) static PARAMS: [ParamSpec; PARAMS_LEN] = [
    ParamSpec::number(
        "noise",
        "",
        1.0,
        0.0,
        10.0,
        "scale of the sensor noise; 0 is off",
    ),
    ParamSpec::number(
        "order_kmol_per_h",
        "kmol/h",
        100.0,
        20.0,
        200.0,
        "ordered product at the start",
    ),
    ParamSpec::choice(
        "override_in_service",
        1.0,
        1.0,
        "1 if the hard-wired pressure override is in service",
    ),
    ParamSpec::number(
        "override_set_kpa",
        "kPa",
        2850.0,
        1000.0,
        3000.0,
        "pressure at which the override starts",
    ),
    ParamSpec::number(
        "override_band_kpa",
        "kPa",
        25.0,
        1.0,
        500.0,
        "rise over which the override shuts both feeds",
    ),
    ParamSpec::choice(
        "psv_in_service",
        1.0,
        1.0,
        "1 if relief valve PSV-101 is in service",
    ),
    ParamSpec::number(
        "psv_set_kpa",
        "kPa",
        2950.0,
        1000.0,
        3000.0,
        "set pressure of PSV-101",
    ),
    ParamSpec::number(
        "psv_blowdown_pct",
        "%",
        7.0,
        1.0,
        50.0,
        "fall below the set pressure at which PSV-101 shuts",
    ),
    ParamSpec::number(
        "psv_capacity_kmol_per_h",
        "kmol/h",
        200.0,
        1.0,
        2000.0,
        "flow of PSV-101 at its set pressure",
    ),
    ParamSpec::number(
        "x1_rate_pct_per_s",
        "%/s",
        0.0,
        0.0,
        100.0,
        "fastest travel of the feed 1 command; 0 is no limit",
    ),
    ParamSpec::number(
        "x2_rate_pct_per_s",
        "%/s",
        0.0,
        0.0,
        100.0,
        "fastest travel of the feed 2 command; 0 is no limit",
    ),
    ParamSpec::number(
        "x3_rate_pct_per_s",
        "%/s",
        0.0,
        0.0,
        100.0,
        "fastest travel of the purge command; 0 is no limit",
    ),
    ParamSpec::choice(
        "x1_fail",
        1.0,
        2.0,
        "fail state of the feed 1 valve: 0 hold, 1 close, 2 open",
    ),
    ParamSpec::choice(
        "x2_fail",
        1.0,
        2.0,
        "fail state of the feed 2 valve: 0 hold, 1 close, 2 open",
    ),
    ParamSpec::choice(
        "x3_fail",
        2.0,
        2.0,
        "fail state of the purge valve: 0 hold, 1 close, 2 open",
    ),
];

/// How many disturbances there are.
pub(crate) const DISTURBANCES_LEN: usize = 5;

/// Disturbances, in the order in which `Disturbances` holds them.
pub(crate) static DISTURBANCES: [ParamSpec; DISTURBANCES_LEN] = [
    ParamSpec::number(
        "order",
        "kmol/h",
        100.0,
        20.0,
        200.0,
        "ordered product, against which Q judges F4",
    ),
    ParamSpec::number(
        "feed1_yA",
        "",
        0.485,
        0.3,
        0.6,
        "mole fraction of A in feed 1",
    ),
    ParamSpec::number(
        "feed1_yB",
        "",
        0.005,
        0.0,
        0.1,
        "mole fraction of B in feed 1",
    ),
    ParamSpec::choice(
        "override_in_service",
        1.0,
        1.0,
        "1 if the hard-wired pressure override is in service",
    ),
    ParamSpec::choice(
        "psv_in_service",
        1.0,
        1.0,
        "1 if relief valve PSV-101 is in service",
    ),
];

/// Named initial states; the first is the default.
pub(crate) static INITIAL_STATES: [&str; 2] = ["steady", "tripped"];

const fn sensor(measurement: usize, lag_s: f64, noise_sd: f64) -> SensorSpec {
    let spec = &SIGNALS[measurement];
    SensorSpec {
        lag_s,
        noise_sd,
        min: spec.min,
        max: spec.max,
    }
}
