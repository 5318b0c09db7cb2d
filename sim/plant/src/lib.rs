//! Process models: virtual plants with fixed steps, seeded transmitters, protection layers and hidden truth.
//!
//! A plant is built by its [`PlantKind`] from the static registry [`PLANTS`] and then driven through the object-safe
//! trait [`Plant`]: command actuators, call [`Plant::step`] once every [`Plant::step_us`], read measurements as a
//! transmitter would show them. Grading reads [`Plant::truth`] and [`Plant::status`], which no controller can see.
//!
//! The crate reads no clock, file, socket or ambient randomness. The same kind, parameters, initial state, seed and
//! sequence of calls give the same bits, however many steps are made between two calls.
//!
//! ```
//! use std::collections::BTreeMap;
//! use sim_plant::{SignalKind, plant, signal_index};
//!
//! let kind = plant("te-reactor").ok_or("te-reactor is in the registry")?;
//! let mut reactor = kind.build(&BTreeMap::new(), "steady", 7)?;
//! let feed = signal_index(kind, SignalKind::Actuator, "X1").ok_or("X1 is declared")?;
//! let pressure = signal_index(kind, SignalKind::Truth, "P").ok_or("P is declared")?;
//! reactor.actuator(feed, 100.0);
//! for _ in 0..600 {
//!     reactor.step();
//! }
//! assert!(reactor.truth(pressure) > 2740.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod codec;
mod contract;
mod registry;
mod sensor;
mod spec;
mod te_reactor;

pub use contract::{DisturbanceError, Plant, PlantKind, PlantStatus, RestoreError};
pub use registry::{PLANTS, plant, signal_count, signal_index, signal_spec};
pub use spec::{BuildError, ParamSpec, SignalKind, SignalSpec, resolve_params};
