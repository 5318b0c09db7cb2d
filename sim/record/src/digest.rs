//! Digests of state: what a replay must reproduce.

use serde::{Deserialize, Serialize};

/// A BLAKE3 hash of the whole state of a range at one instant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Digest(pub [u8; 32]);

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// Feeds state into a digest. Every variable-length part is preceded by its length.
#[derive(Default)]
pub struct StateHasher(blake3::Hasher);

impl StateHasher {
    /// A hasher with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes with their length.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.u64(bytes.len() as u64);
        self.0.update(bytes);
    }

    /// Adds an integer.
    pub fn u64(&mut self, value: u64) {
        self.0.update(&value.to_le_bytes());
    }

    /// Adds a float by its bits.
    pub fn f64(&mut self, value: f64) {
        self.u64(value.to_bits());
    }

    /// Adds anything serialisable in the stable wire form of postcard.
    pub fn value<T: Serialize>(&mut self, value: &T) {
        match postcard::to_allocvec(value) {
            Ok(bytes) => self.bytes(&bytes),
            Err(_) => self.u64(u64::MAX),
        }
    }

    /// The digest of everything added.
    #[must_use]
    pub fn finish(self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }
}
