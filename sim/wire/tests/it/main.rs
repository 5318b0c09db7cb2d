//! Behaviour of the protocol sessions, by literal bytes and by properties.
#![allow(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod client;
mod communication;
mod device;
mod diagnostics;
mod exceptions;
mod files;
mod identification;
mod inspect;
mod killers;
mod limits;
mod management;
mod persona;
mod properties;
mod s7;
mod server;
mod units;
