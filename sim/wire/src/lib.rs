//! Bytes to values and back, and protocol sessions without IO.

pub mod device;
