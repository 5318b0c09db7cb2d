//! The capture of all taps as one pcapng file, bounded and buffered.

use crate::error::Failure;
use crate::package::Loaded;
use sim_net::pcapng::{CAPTURE_FILE_BYTES, Writer};
use sim_net::{CapturedFrame, HostId, SwitchId};
use sim_record::SimTime;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Frames between two writes to disk: some tens of kilobytes of small frames.
const FRAMES_A_WRITE: u32 = 512;

/// A capture file in the making.
pub struct Capture {
    file: File,
    /// Gone when the capture was finished.
    writer: Option<Writer>,
    waiting: u32,
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
        let folder = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let file = crate::storage::private(folder.unwrap_or(Path::new(".")), &name, false)
            .and_then(|file| file.set_len(0).map(|()| file))
            .map_err(|error| Failure::io(format!("cannot write `{}`", path.display()), &error))?;
        let scenario = &loaded.scenario;
        // A range numbers its taps in the order of their zones.
        let taps: Vec<(SwitchId, &str)> = (0_u16..)
            .zip(scenario.zones.iter().filter(|zone| zone.tapped))
            .map(|(tap, zone)| (SwitchId(tap), zone.id.as_str()))
            .collect();
        let start_utc_us = u64::try_from(scenario.start_utc_us).unwrap_or(0);
        Ok(Self {
            file,
            writer: Some(Writer::new(&taps, start_utc_us, CAPTURE_FILE_BYTES)),
            waiting: 0,
            left_out: 0,
        })
    }

    /// Writes one frame.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn frame(
        &mut self,
        time: SimTime,
        number: u64,
        tap: u16,
        bytes: Vec<u8>,
    ) -> io::Result<()> {
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        let added = writer.add(&CapturedFrame {
            number,
            time,
            switch: SwitchId(tap),
            bytes,
            // Ground truth has no place in a capture.
            origin: HostId(0),
        });
        if !added {
            self.left_out = self.left_out.saturating_add(1);
        }
        self.waiting += 1;
        if self.waiting >= FRAMES_A_WRITE {
            self.waiting = 0;
            self.file.write_all(&writer.take())?;
        }
        Ok(())
    }

    /// Writes what is waiting, and the statistics that end the file. Later frames are dropped.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn finish(&mut self) -> io::Result<()> {
        match self.writer.take() {
            Some(writer) => self.file.write_all(&writer.finish()),
            None => Ok(()),
        }
    }

    /// Frames left out because the file was full.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }
}
