//! The management session: how the engineering station lists, uploads, downloads and compares program files, and
//! reads and sets the operating mode.
//!
//! As in the field, *upload* goes from the controller to the station and *download* from the station to the
//! controller. Every frame begins with the same header; numbers are big-endian.
//!
//! | bytes | field |
//! |---|---|
//! | 0 to 3 | magic, the ASCII text `TPM1` |
//! | 4 to 7 | length of what follows |
//! | 8 to 11 | sequence number, which the answer repeats |
//! | 12 | kind; an answer has bit 7 set |
//! | 13 on | body; an answer's begins with a status byte |
//!
//! The magic is there for whoever reads a capture: without it Wireshark's guesses take a frame that begins with a small
//! length for SMPP, and call it malformed.
//!
//! | kind | request body | answer body |
//! |---|---|---|
//! | 1 hello | token | |
//! | 2 list files | | count (16 bits), names |
//! | 3 upload start | name | length (32 bits), hash (32 bytes) |
//! | 4 upload chunk | offset (32 bits) | bytes |
//! | 5 download start | name, length (32 bits), hash (32 bytes) | |
//! | 6 download chunk | offset (32 bits), bytes | |
//! | 7 download end | | |
//! | 8 hash | name | length (32 bits), hash (32 bytes) |
//! | 9 get mode | | mode |
//! | 10 set mode | mode | |
//! | 11 diagnostics | | count (16 bits), times (64 bits) and texts |
//!
//! Strings are a length byte and UTF-8. Hashes are BLAKE3.

mod client;
mod frame;
mod message;
mod server;

pub use client::{
    ManagementClient, ManagementClientConfig, ManagementEvent, ManagementFailure, Operation,
    OperationId, Outcome, QueueFull,
};
pub use message::{Answer, Message, Refusal};
pub use server::{Action, ManagementConfig, ManagementRecord, ManagementServer};

/// The bytes that every frame begins with.
pub const MAGIC: [u8; 4] = *b"TPM1";
/// TCP port of the management session in our scenarios.
pub const TCP_PORT: u16 = 20_102;
/// Bytes of the longest program file.
pub const MAX_FILE_BYTES: usize = 256 * 1024;
/// Bytes of one chunk of a file.
pub const CHUNK_BYTES: usize = 4096;
/// Bytes of the longest frame after its length field.
pub const MAX_FRAME_BYTES: usize = 8192;
/// Bytes of the longest file name.
pub const MAX_NAME_BYTES: usize = 64;
/// Bytes of the longest token.
pub const MAX_TOKEN_BYTES: usize = 64;

/// BLAKE3 hash of a program file.
pub type FileHash = [u8; 32];

/// The hash by which files are compared.
#[must_use]
pub fn file_hash(bytes: &[u8]) -> FileHash {
    *blake3::hash(bytes).as_bytes()
}
