//! The shell around ranges: command line, files, sockets, pacing. Everything that decides a match is in the pure crates;
//! here is what touches the outside.
//!
//! | module | holds |
//! |---|---|
//! | [`cli`], `commands` | what a user types; one file a command |
//! | [`device`] | what tools may do to one device, in a live range or real |
//! | [`error`] | what went wrong, with exit code and hints |
//! | [`package`] | scenario folders from disk to checked scenarios |
//! | [`storage`] | recordings on disk: append, seal, read, owner |
//! | [`session`] | one range with its recording, grader and capture, under the live rule |
//! | [`replay`] | re-running a recording and comparing |
//! | [`live`] | real time and real sockets |

pub mod capture;
pub mod cli;
mod commands;
pub mod device;
pub mod error;
pub mod interrupt;
pub mod live;
pub mod match_time;
pub mod pacing;
pub mod package;
pub mod replay;
pub mod run_dir;
pub mod session;
pub mod storage;
pub mod ui;

pub use cli::{main, run_command};
