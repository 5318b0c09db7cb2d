//! Declarations: which signals a plant has and which parameters it takes.

use std::collections::BTreeMap;

/// Which way a signal goes; each kind has its own run of indices, counted in the order of declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SignalKind {
    /// What a transmitter shows: lag, noise and a bounded range.
    Measurement,
    /// What a controller or a hard-wired output commands.
    Actuator,
    /// What is so; only grading and proofs read it.
    Truth,
}

/// One declared signal of a plant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SignalSpec {
    /// Name within its kind, in the field's notation.
    pub name: &'static str,
    /// Unit of the value; empty for a pure number or a two-state signal.
    pub unit: &'static str,
    /// Direction of the signal.
    pub kind: SignalKind,
    /// Lowest value: a transmitter's range, an actuator's lowest command, a truth's lowest expected value.
    pub min: f64,
    /// Highest value, as `min`.
    pub max: f64,
    /// What it is, in one line.
    pub summary: &'static str,
}

impl SignalSpec {
    /// Declares a measurement with the range of its transmitter.
    pub const fn measurement(
        name: &'static str,
        unit: &'static str,
        min: f64,
        max: f64,
        summary: &'static str,
    ) -> Self {
        Self {
            name,
            unit,
            kind: SignalKind::Measurement,
            min,
            max,
            summary,
        }
    }

    /// Declares an actuator with the range of its command.
    pub const fn actuator(
        name: &'static str,
        unit: &'static str,
        min: f64,
        max: f64,
        summary: &'static str,
    ) -> Self {
        Self {
            name,
            unit,
            kind: SignalKind::Actuator,
            min,
            max,
            summary,
        }
    }

    /// Declares a hidden truth with the range in which it is expected.
    pub const fn truth(
        name: &'static str,
        unit: &'static str,
        min: f64,
        max: f64,
        summary: &'static str,
    ) -> Self {
        Self {
            name,
            unit,
            kind: SignalKind::Truth,
            min,
            max,
            summary,
        }
    }
}

/// One declared number: a parameter of a plant, or a disturbance that may change while it runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ParamSpec {
    /// Name in the scenario file, with its unit at the end.
    pub name: &'static str,
    /// Unit; empty for a pure number, a switch or a choice.
    pub unit: &'static str,
    /// Value where the scenario says nothing.
    pub default: f64,
    /// Lowest accepted value.
    pub min: f64,
    /// Highest accepted value.
    pub max: f64,
    /// True where only whole numbers are accepted (switches and choices).
    pub whole: bool,
    /// What it does, in one line.
    pub summary: &'static str,
}

impl ParamSpec {
    /// Declares a number with a unit.
    pub const fn number(
        name: &'static str,
        unit: &'static str,
        default: f64,
        min: f64,
        max: f64,
        summary: &'static str,
    ) -> Self {
        Self {
            name,
            unit,
            default,
            min,
            max,
            whole: false,
            summary,
        }
    }

    /// Declares a switch or a choice: whole numbers from 0 to `max`.
    pub const fn choice(name: &'static str, default: f64, max: f64, summary: &'static str) -> Self {
        Self {
            name,
            unit: "",
            default,
            min: 0.0,
            max,
            whole: true,
            summary,
        }
    }

    /// True if the parameter takes this value: finite, within its range, whole where it must be.
    pub fn accepts(&self, value: f64) -> bool {
        value.is_finite()
            && value >= self.min
            && value <= self.max
            && (!self.whole || is_whole(value))
    }
}

/// Why a plant could not be built.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BuildError {
    /// The parameter is not declared by this kind of plant.
    #[error("no parameter `{name}`")]
    UnknownParam {
        /// The name as given.
        name: String,
    },
    /// The parameter's value is not finite, out of range, or not whole where it must be.
    #[error("parameter `{name}` is {value}; it takes {min} to {max}{}", if *.whole { ", whole numbers only" } else { "" })]
    ParamValue {
        /// The declared name.
        name: &'static str,
        /// The value as given.
        value: f64,
        /// Lowest accepted value.
        min: f64,
        /// Highest accepted value.
        max: f64,
        /// True where only whole numbers are accepted.
        whole: bool,
    },
    /// The initial state is not declared by this kind of plant.
    #[error("no initial state `{name}`; there is {}", known.join(", "))]
    UnknownInitial {
        /// The name as given.
        name: String,
        /// The declared names.
        known: &'static [&'static str],
    },
}

/// Returns one value a declared parameter, in the order of `specs`: the given one or the default.
///
/// # Errors
/// [`BuildError::UnknownParam`] and [`BuildError::ParamValue`].
pub fn resolve_params(
    specs: &'static [ParamSpec],
    given: &BTreeMap<String, f64>,
) -> Result<Vec<f64>, BuildError> {
    if let Some(name) = given
        .keys()
        .find(|name| specs.iter().all(|spec| spec.name != name.as_str()))
    {
        return Err(BuildError::UnknownParam { name: name.clone() });
    }
    specs
        .iter()
        .map(|spec| {
            let value = given.get(spec.name).copied().unwrap_or(spec.default);
            if spec.accepts(value) {
                Ok(value)
            } else {
                Err(BuildError::ParamValue {
                    name: spec.name,
                    value,
                    min: spec.min,
                    max: spec.max,
                    whole: spec.whole,
                })
            }
        })
        .collect()
}

fn is_whole(value: f64) -> bool {
    (value - libm::trunc(value)).abs() < f64::EPSILON
}
