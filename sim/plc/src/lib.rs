//! Emulated controllers: Structured Text compiler and virtual machine, process image, scan cycle, operating modes.
//!
//! [`Plc`] is what the range scans and what protocol servers reach through `sim_wire::device::DeviceModel`. It reads
//! no clock: every call that needs the time takes it.

pub mod memory;
mod plc;
pub mod st;

pub use plc::*;
