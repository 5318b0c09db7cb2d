//! The capture of all taps as one pcapng file, bounded.

use crate::error::Failure;
use crate::package::Loaded;
use sim_record::SimTime;
use std::io;
use std::path::Path;

/// A capture file in the making.
pub struct Capture {
    left_out: u64,
}

impl Capture {
    /// Begins a capture of all taps of a scenario, if one is wanted.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn wanted(wanted: bool, path: &Path, loaded: &Loaded) -> Result<Option<Self>, Failure> {
        if !wanted {
            return Ok(None);
        }
        Self::create(path, loaded).map(Some)
    }

    /// Begins a capture of all taps of a scenario.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn create(path: &Path, loaded: &Loaded) -> Result<Self, Failure> {
        let _ = (path, loaded);
        Ok(Self { left_out: 0 })
    }

    /// Writes one frame.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn frame(
        &mut self,
        _time: SimTime,
        _number: u64,
        _tap: u16,
        _bytes: &[u8],
    ) -> io::Result<()> {
        Ok(())
    }

    /// Writes what is buffered.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Frames left out because the file was full.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }
}
