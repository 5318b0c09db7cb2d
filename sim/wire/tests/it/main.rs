//! Behaviour of the protocol sessions, by literal bytes and by properties.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod client;
mod device;
mod server;
