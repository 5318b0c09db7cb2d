//! What every other crate agrees on: ids, principals, virtual time, inputs, records by version and the recording
//! container. Nothing here knows how a range works.

pub mod container;
mod digest;
mod input;
mod principal;
mod record_v1;
mod time;

pub use digest::{Digest, StateHasher};
pub use input::{Closing, ExternalAnswer, Input, InputKind, LinkFault, LoggedInput};
pub use principal::{Principal, PrincipalId, Role, Team, Who};
pub use record_v1::*;
pub use time::{SimDuration, SimTime};

/// Version of [`Record`] and [`LoggedInput`] that this build writes.
pub const RECORD_VERSION: u16 = 1;

/// Master seed of a range. Every subsystem draws its own named stream from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Seed(pub u64);

impl Seed {
    /// The seed of the stream `name`; a new stream never shifts another.
    #[must_use]
    pub fn stream(self, name: &str) -> u64 {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0.to_le_bytes());
        hasher.update(name.as_bytes());
        let mut first = [0_u8; 8];
        first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        u64::from_le_bytes(first)
    }
}
