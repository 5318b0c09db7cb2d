//! Behaviour of the shell: recordings, the command line, the live rule, resuming, real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    reason = "a test that cannot go on has failed"
)]

mod commands;
mod container;
mod live;
mod modbus;
mod resume;
mod support;
mod variants;
