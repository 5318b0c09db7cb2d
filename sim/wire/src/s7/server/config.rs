//! What a persona decides about its S7 server.

use sim_record::SimDuration;

use crate::s7::block::MAX_BLOCK_BYTES;
use crate::s7::persona::S7Persona;

/// Bounds of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of requests that wait at most; the rest stays with the transport. At least one packet always fits.
    pub input_bytes: usize,
    /// Bytes of answers that wait before further requests do.
    pub output_bytes: usize,
    /// Time in which a fresh connection must have asked for a transport connection; `None` waits for ever.
    pub connect_timeout: Option<SimDuration>,
    /// Time without a whole request after which the connection is closed; `None` keeps it open. One with
    /// subscriptions stays.
    pub idle_timeout: Option<SimDuration>,
    /// Silence after which an upload or download under way is given up.
    pub transfer_timeout: SimDuration,
    /// Uploads open at the same time; at most [`Self::MAX_PARALLEL`] count.
    pub uploads: usize,
    /// Bytes of a block that is downloaded.
    pub block_bytes: usize,
    /// Cyclic jobs at the same time; at most [`Self::MAX_PARALLEL`] count.
    pub cyclic_jobs: usize,
}

impl Limits {
    /// Bytes of requests that wait at most: one of the longest packets.
    pub const INPUT_BYTES: usize = crate::s7::tpkt::MAX_PACKET_BYTES;
    /// Bytes of answers that wait before further requests do.
    pub const OUTPUT_BYTES: usize = 16 * 1024;
    /// Time for the transport connection.
    pub const CONNECT_TIMEOUT: SimDuration = SimDuration::from_secs(10);
    /// Silence after which a connection is closed.
    pub const IDLE_TIMEOUT: SimDuration = SimDuration::from_secs(120);
    /// Silence after which a transfer is given up.
    pub const TRANSFER_TIMEOUT: SimDuration = SimDuration::from_secs(20);
    /// Uploads open at the same time.
    pub const UPLOADS: usize = 2;
    /// Cyclic jobs at the same time.
    pub const CYCLIC_JOBS: usize = 4;
    /// What one byte can number with room to spare.
    pub const MAX_PARALLEL: usize = 64;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            input_bytes: Self::INPUT_BYTES,
            output_bytes: Self::OUTPUT_BYTES,
            connect_timeout: Some(Self::CONNECT_TIMEOUT),
            idle_timeout: Some(Self::IDLE_TIMEOUT),
            transfer_timeout: Self::TRANSFER_TIMEOUT,
            uploads: Self::UPLOADS,
            block_bytes: MAX_BLOCK_BYTES,
            cyclic_jobs: Self::CYCLIC_JOBS,
        }
    }
}

/// Everything that a persona decides. One value serves all connections of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// The make of CPU.
    pub persona: S7Persona,
    /// Bounds.
    pub limits: Limits,
}

impl ServerConfig {
    /// A server of that make with the usual bounds.
    #[must_use]
    pub fn new(persona: S7Persona) -> Self {
        Self {
            persona,
            limits: Limits::default(),
        }
    }
}
