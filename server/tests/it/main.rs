//! Behaviour of the shell: recordings, the command line, the live rule, resuming, real sockets.

mod commands;
mod container;
mod live;
mod resume;
mod support;
