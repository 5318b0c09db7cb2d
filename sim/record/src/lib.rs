//! What every other crate agrees on: ids, principals, virtual time, records by version and the recording container.
mod time;
pub use time::{SimDuration, SimTime};
