//! Real time and real sockets.
