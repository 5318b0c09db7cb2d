//! The log of writes to devices: one JSON line before and one after each.

use crate::error::Failure;
use crate::storage::private;
use serde::Serialize;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// An open log.
pub struct WriteLog {
    path: PathBuf,
    file: File,
}

/// A line of the log.
#[derive(Debug, Serialize)]
pub struct Written<'a, T: Serialize> {
    /// The device's address.
    pub address: String,
    /// Folder of the live range, or nothing for a real device.
    pub range: Option<&'a Path>,
    /// What is written.
    pub write: &'a T,
    /// What the device answered; nothing in the line before it was asked.
    pub answer: Option<String>,
}

#[derive(Serialize)]
struct Line<'a, T: Serialize> {
    unix_ms: u64,
    #[serde(flatten)]
    written: &'a Written<'a, T>,
}

impl WriteLog {
    /// Opens the given log, or the one called `name` in the user's data folder.
    ///
    /// # Errors
    /// It cannot be made or opened.
    pub fn open(path: Option<&Path>, name: &str) -> Result<Self, Failure> {
        let path = match path {
            Some(path) => path.to_path_buf(),
            None => data_folder()
                .ok_or_else(|| {
                    Failure::usage("there is no data folder for the log of writes")
                        .hint("name a file with --log")
                })?
                .join(name),
        };
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let file_name = path
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or_else(|| Failure::usage(format!("`{}` names no file", path.display())))?;
        let file = std::fs::create_dir_all(folder)
            .and_then(|()| private(folder, file_name, true))
            .map_err(|error| cannot(&path, &error))?;
        Ok(Self { path, file })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a line with the present time, and has it on disk before it returns.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn append<T: Serialize>(&mut self, written: &Written<'_, T>) -> Result<(), Failure> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let line = Line {
            unix_ms: now.map_or(0, |since| {
                u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
            }),
            written,
        };
        let mut text = serde_json::to_string(&line)
            .map_err(|error| Failure::internal(format!("a write has no JSON form: {error}")))?;
        text.push('\n');
        self.file
            .write_all(text.as_bytes())
            .and_then(|()| self.file.sync_data())
            .map_err(|error| cannot(&self.path, &error))
    }
}

/// Trippoint's folder for what it keeps about its user: the XDG base directory, or its like elsewhere.
fn data_folder() -> Option<PathBuf> {
    let folder = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    folder("XDG_DATA_HOME")
        .or_else(|| folder("LOCALAPPDATA"))
        .or_else(|| folder("HOME").map(|home| home.join(".local/share")))
        .map(|base| base.join("trippoint"))
}

fn cannot(path: &Path, error: &std::io::Error) -> Failure {
    Failure::io(
        format!("cannot write the log of writes `{}`", path.display()),
        error,
    )
}
