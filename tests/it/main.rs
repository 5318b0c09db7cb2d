//! The one end-to-end test binary: the whole product from outside.
#![allow(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod command_line;
mod external;
mod first_watch;
mod how_to;
mod personas;
mod range;
#[cfg(feature = "real-clients")]
mod real_clients;
mod reference;
mod s7;
mod varied;
