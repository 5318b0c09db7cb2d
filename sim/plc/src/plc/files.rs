//! Program files: upload, download, compare.

use sim_record::SimTime;
use sim_wire::device::DeviceError;

use super::config::KeyPosition;
use super::event::PlcEventKind;
use super::{MAX_NAME_CHARS, Plc, Stored};
use crate::st::CompileError;

impl Plc {
    /// Text of a program file as an upload gives it, including a download that waits for the next scan.
    #[must_use]
    pub fn program_source(&self, file_name: &str) -> Option<&str> {
        Some(&self.stored(file_name)?.source)
    }

    /// BLAKE3 of a program file's text.
    #[must_use]
    pub fn file_hash(&self, file_name: &str) -> Option<[u8; 32]> {
        Some(self.stored(file_name)?.hash)
    }

    /// BLAKE3 over the names and texts of all program files: changes whenever one of them does.
    #[must_use]
    pub fn program_hash(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        for (task, program) in self.tasks.iter().zip(&self.config.programs) {
            hasher.update(blake3::hash(program.file_name.as_bytes()).as_bytes());
            hasher.update(&task.pending.as_ref().unwrap_or(&task.running).hash);
        }
        *hasher.finalize().as_bytes()
    }

    /// True if the controller's file has exactly this text; `None` where it has no such file.
    #[must_use]
    pub fn compare(&self, file_name: &str, source: &str) -> Option<bool> {
        Some(self.stored(file_name)?.hash == *blake3::hash(source.as_bytes()).as_bytes())
    }

    /// Downloads a program file. It is compiled at once and takes effect at the next scan; variables that keep their
    /// name and type keep their value, memory keeps its contents, and initial values of new located variables wait for
    /// the next restart.
    ///
    /// # Errors
    /// [`DeviceError::ModeRefused`] where the key forbids downloads, [`DeviceError::BadAddress`] where there is no
    /// such file, [`DeviceError::BadValue`] where it does not compile (see [`Plc::compile_errors`]),
    /// [`DeviceError::Failure`] without power.
    pub fn download(
        &mut self,
        now: SimTime,
        file_name: &str,
        source: &[u8],
    ) -> Result<(), DeviceError> {
        let outcome = self.try_download(now, file_name, source);
        if let Err(reason) = outcome {
            let file_name: String = file_name.chars().take(MAX_NAME_CHARS).collect();
            self.diagnose(now, format!("download of {file_name} refused: {reason}"));
            self.event(now, PlcEventKind::DownloadRefused { file_name, reason });
        }
        outcome
    }

    /// Problems of the last download that did not compile; empty after one that did.
    #[must_use]
    pub fn compile_errors(&self) -> &[CompileError] {
        &self.compile_errors
    }

    fn try_download(
        &mut self,
        now: SimTime,
        file_name: &str,
        source: &[u8],
    ) -> Result<(), DeviceError> {
        if !self.powered {
            return Err(DeviceError::Failure);
        }
        if self.config.key_gates_writes && self.key != KeyPosition::Program {
            return Err(DeviceError::ModeRefused);
        }
        let index = self
            .config
            .programs
            .iter()
            .position(|p| p.file_name == file_name)
            .ok_or(DeviceError::BadAddress)?;
        self.compile_errors.clear();
        let text = std::str::from_utf8(source).map_err(|_| DeviceError::BadValue)?;
        let next = Stored::compile(text, &self.config.layout).map_err(|errors| {
            self.compile_errors = errors;
            DeviceError::BadValue
        })?;
        let task = self.tasks.get_mut(index).ok_or(DeviceError::BadAddress)?;
        let old_hash = task.pending.as_ref().unwrap_or(&task.running).hash;
        if next.hash == old_hash {
            return Ok(());
        }
        let new_hash = next.hash;
        task.pending = Some(next);
        self.diagnose(now, format!("{file_name} downloaded"));
        self.event(
            now,
            PlcEventKind::ProgramChanged {
                file_name: file_name.to_owned(),
                old_hash,
                new_hash,
            },
        );
        Ok(())
    }

    fn stored(&self, file_name: &str) -> Option<&Stored> {
        let index = self
            .config
            .programs
            .iter()
            .position(|p| p.file_name == file_name)?;
        let task = self.tasks.get(index)?;
        Some(task.pending.as_ref().unwrap_or(&task.running))
    }
}
