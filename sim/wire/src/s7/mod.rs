//! S7comm on ISO-on-TCP: frames, telegrams, values, sessions.
//!
//! Sources: RFC 1006 and ISO 8073 for the transport; *System Software for S7-300/400, System and Standard Functions*
//! (A5E00739858) for system status lists, event ids and time formats, "the manual" below; for S7comm itself, which its
//! vendor does not publish, what captures of real CPUs and the field names of Wireshark's dissector show.
//!
//! Layers, from the wire up: [`tpkt`], [`cotp`], [`pdu`], and in a PDU [`item`] for variables, [`userdata`] for
//! everything that is no job. [`szl`] makes system status lists of a [`persona::S7Persona`] and a [`device::S7Device`].
//! [`server::ServerSession`] and [`client::ClientSession`] put them together.

pub mod block;
pub mod client;
pub mod clock;
pub mod cotp;
pub mod device;
mod error;
pub mod inspect;
pub mod item;
mod link;
pub mod pdu;
pub mod persona;
pub mod server;
pub mod szl;
pub mod tpkt;
pub mod userdata;

pub use error::{ErrorCode, ItemCode};

/// The TCP port registered for ISO-on-TCP (RFC 1006).
pub const TCP_PORT: u16 = 102;
/// Smallest PDU that a CPU negotiates, in bytes.
pub const MIN_PDU_BYTES: u16 = 240;
/// Largest PDU that a CPU negotiates, in bytes.
pub const MAX_PDU_BYTES: u16 = 960;
/// Variables in one job at most.
pub const MAX_ITEMS: usize = 20;
