//! Modbus/TCP: frames, packets, values, sessions.
//!
//! Sources: *MODBUS Application Protocol Specification V1.1b3* and *MODBUS Messaging on TCP/IP Implementation Guide
//! V1.0b*, both of modbus.org; "the specification" and "the guide" below.
//!
//! [`pdu::Packet`] shows any bytes and changes any field, so an attacker can send what is wrong; [`Request`] and
//! [`Response`] hold only what is right.

pub mod client;
pub mod exception;
mod file;
pub mod function;
pub mod inspect;
pub mod mbap;
pub mod pdu;
mod request;
mod response;
pub mod server;
pub mod values;

pub use exception::ExceptionCode;
pub use file::{FileAnswer, FileRead, FileRun, FileWrite};
pub use request::{
    DiagnosticData, ReadDeviceId, ReadWriteWords, Request, RequestError, WriteWords,
};
pub use response::{
    CommEventLog, DeviceIdentification, FifoWords, MAX_IDENTIFICATION_BYTES, MAX_OBJECT_BYTES,
    ReadWords, Reply, Response, ServerIdData,
};

/// The TCP port registered for Modbus.
pub const TCP_PORT: u16 = 502;
