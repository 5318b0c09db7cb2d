//! What every plant offers to the range: the kind in the registry and the running plant.

use std::collections::BTreeMap;

use crate::spec::{BuildError, ParamSpec, SignalSpec};

/// One entry of the registry: what a kind of plant declares, and how to build one.
pub trait PlantKind: Sync {
    /// Name in scenario files, in kebab case.
    fn id(&self) -> &'static str;
    /// What it is, in one line.
    fn summary(&self) -> &'static str;
    /// Declared measurements, actuators and truths; the index of a signal counts within its kind.
    fn signals(&self) -> &'static [SignalSpec];
    /// Declared parameters.
    fn params(&self) -> &'static [ParamSpec];
    /// Declared disturbances, which [`Plant::set_disturbance`] may change at any time; `default` is the usual value.
    fn disturbances(&self) -> &'static [ParamSpec] {
        &[]
    }
    /// Names of the declared initial states; the first is the default.
    fn initial_states(&self) -> &'static [&'static str];
    /// Builds a plant at time 0 in the named initial state; `seed` feeds its sensor noise.
    ///
    /// # Errors
    /// [`BuildError`] for an unknown name, a value out of range.
    fn build(
        &self,
        params: &BTreeMap<String, f64>,
        initial: &str,
        seed: u64,
    ) -> Result<Box<dyn Plant>, BuildError>;
}

/// A running plant. Nothing here reads a clock: the caller steps it once every [`Plant::step_us`] of virtual time.
pub trait Plant: Send {
    /// Fixed step, us; a multiple of 1 ms.
    fn step_us(&self) -> u64;
    /// Advances by exactly one fixed step.
    fn step(&mut self);
    /// Commands an actuator, clamped to its declared range (0 to 100 % for a valve, 0 or 1 for a trip output).
    ///
    /// The command holds until the next one. A value that is not finite and an unknown index change nothing.
    fn actuator(&mut self, index: usize, command_pct: f64);
    /// Puts an actuator into its fail state (loss of signal or air), or back; an unknown index changes nothing.
    fn actuator_fail(&mut self, index: usize, failed: bool);
    /// A measurement as its transmitter shows it: lag, noise, range. NaN for an unknown index.
    ///
    /// It changes only in [`Plant::step`]; reading it twice gives the same value.
    fn measurement(&self, index: usize) -> f64;
    /// A hidden truth, without lag or noise. NaN for an unknown index.
    fn truth(&self, index: usize) -> f64;
    /// What the protection layers and the vessel have come to.
    fn status(&self) -> PlantStatus;
    /// Sets a declared disturbance.
    ///
    /// # Errors
    /// [`DisturbanceError`] for an unknown name or a value out of range; the plant is unchanged then.
    fn set_disturbance(&mut self, name: &str, value: f64) -> Result<(), DisturbanceError>;
    /// The whole state, parameters and seed included, so that a restored plant goes on bit for bit.
    fn save(&self) -> Vec<u8>;
    /// Takes over a state that [`Plant::save`] of the same kind wrote.
    ///
    /// # Errors
    /// [`RestoreError`]; the plant is unchanged then.
    fn restore(&mut self, bytes: &[u8]) -> Result<(), RestoreError>;
    /// An independent copy.
    fn boxed_clone(&self) -> Box<dyn Plant>;
}

/// What the protection layers and the equipment have come to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PlantStatus {
    /// Equipment is damaged; latched.
    pub damaged: bool,
    /// The vessel has ruptured; latched, and implies `damaged`.
    pub ruptured: bool,
    /// A relief device is open at this instant.
    pub relief_open: bool,
    /// The hard-wired override is limiting an actuator at this instant.
    pub override_active: bool,
    /// At least one trip output is de-energised at this instant.
    pub tripped: bool,
    /// The plant takes no feed and so produces nothing, whatever still flows out.
    pub shut_down: bool,
    /// Matter lost to the environment since time 0 (relief and rupture), kmol.
    pub loss_kmol: f64,
}

/// Why a disturbance was refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DisturbanceError {
    /// The plant declares no such disturbance.
    #[error("no disturbance `{name}`")]
    Unknown {
        /// The name as given.
        name: String,
    },
    /// The value is not finite, out of range, or not whole where it must be.
    #[error("disturbance `{name}` is {value}; it takes {min} to {max}")]
    Value {
        /// The declared name.
        name: &'static str,
        /// The value as given.
        value: f64,
        /// Lowest accepted value.
        min: f64,
        /// Highest accepted value.
        max: f64,
    },
}

/// Why a saved state was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// The bytes do not start as a saved state of this kind of plant and version does.
    #[error("not a saved state of this kind of plant and version")]
    Header,
    /// The bytes are too short or too long.
    #[error("saved state has the wrong length")]
    Length,
    /// A value is not finite or lies outside what the plant can reach.
    #[error("saved state holds an impossible {what}")]
    Value {
        /// Which value.
        what: &'static str,
    },
}
