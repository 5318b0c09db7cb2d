//! A range: plants, controllers, network, hosts and scripted people as one deterministic state machine without IO.
//!
//! Calling order: [`Range::new`], then any sequence of [`Range::handle_input`] and [`Range::advance`], and after every
//! call [`Range::poll_output`] until it returns `None`. The shell appends an input to its log, advances to the present,
//! applies the input, and advances again; one at a time.

mod actors;
mod alarms;
mod boundary;
mod bridge;
mod commands;
mod controllers;
mod directory;
mod events;
mod external;
mod field;
mod journal;
mod labeller;
mod link;
mod mirror;
mod network;
mod people;
mod persona;
mod plants;
mod poller;
mod range;
mod recovery;
mod reports;
mod sensor;
mod sessions;
mod sight;
mod stations;
mod tools;
mod traffic;

pub use boundary::{Advance, Budget, BuildError, Output, RunOptions};
pub use range::Range;

/// Virtual time between two digests, microseconds.
pub const DIGEST_PERIOD_US: u64 = 10_000_000;

/// Fingerprint of the engine: pure crates' sources, dependency versions and rustc. Equal fingerprints promise equal digests.
pub const ENGINE_FINGERPRINT: &str = env!("TRIPPOINT_ENGINE_FINGERPRINT");
