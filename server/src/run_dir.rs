//! The folder of one match: `match.tpr`, `report.html`, `report.json`, `capture.pcapng`, `historian.csv` and sidecars.
//! Nothing else may lie in it, so that no match is ever written into somebody's work.

use crate::error::Failure;
use crate::package::SCENARIO_FILE;
use crate::session::{Scan, SessionError};
use crate::storage::{
    FileStorage, OWNER_FILE, OpenError, RECORDING_FILE, Storage, TEXTS_FILE, TIMES_FILE, private,
};
use grading::Report;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// The report for people.
pub const REPORT_HTML_FILE: &str = "report.html";
/// The report for programs.
pub const REPORT_JSON_FILE: &str = "report.json";
/// The capture of all taps.
pub const CAPTURE_FILE: &str = "capture.pcapng";
/// What the historian stored.
pub const HISTORIAN_FILE: &str = "historian.csv";
/// How the match was started, so that `resume` needs no options.
pub const SETTINGS_FILE: &str = "match.settings.json";
/// Where a served match can be reached, while it is served.
const ENDPOINTS_FILE: &str = "match.endpoints.json";
/// A recording that `resume` cut, as it was before.
pub const DAMAGED_FILE: &str = "match.tpr.damaged";
/// Ending of a file that is being written beside the one that it replaces.
const NEW_ENDING: &str = ".new";

/// Everything that a match leaves, in the order in which the README tells it.
pub const FILES: [&str; 11] = [
    RECORDING_FILE,
    REPORT_HTML_FILE,
    REPORT_JSON_FILE,
    HISTORIAN_FILE,
    CAPTURE_FILE,
    TEXTS_FILE,
    SETTINGS_FILE,
    ENDPOINTS_FILE,
    TIMES_FILE,
    OWNER_FILE,
    DAMAGED_FILE,
];
/// Longest settings or endpoints file that is read.
const SETTINGS_BYTES_MAX: u64 = 64 * 1024;

/// How a match is driven. None of it changes what happens in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// `run` or `serve`.
    pub command: Command,
    /// Virtual seconds a second; none: as fast as possible.
    pub speed: Option<f64>,
    /// Open exposed endpoints.
    pub expose: Expose,
    /// Address to open them on.
    pub address: std::net::IpAddr,
    /// Inputs a second that one principal may give; none: no limit.
    pub rate_limit: Option<u32>,
    /// Write a capture.
    pub capture: bool,
    /// `HOST:PORT` of the device that plays each external controller. It is nowhere else on disk.
    #[serde(default)]
    pub external: BTreeMap<String, String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            command: Command::Run,
            speed: None,
            expose: Expose::Nothing,
            address: std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
            rate_limit: None,
            capture: true,
            external: BTreeMap::new(),
        }
    }
}

/// Which command plays the match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Command {
    /// Until its declared end.
    Run,
    /// Until stopped.
    Serve,
}

/// Which endpoints are opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expose {
    /// None.
    Nothing,
    /// Those of every foothold.
    All,
    /// Those of one foothold.
    Foothold(String),
}

/// An exposed endpoint of a match that is served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its id in the scenario.
    pub endpoint: String,
    /// Where it is open.
    pub address: std::net::SocketAddr,
    /// Host in the virtual network that it reaches.
    pub target: String,
    /// Port there.
    pub port: u16,
    /// Foothold from which it reaches it.
    pub foothold: String,
    /// Team that acts through it.
    pub team: sim_record::Team,
}

/// The exposed endpoints of a match that is served from `folder` at this moment; nothing where none is.
#[must_use]
pub fn live_endpoints(folder: &Path) -> Option<Vec<Endpoint>> {
    let endpoints = read_json(&folder.join(ENDPOINTS_FILE))?;
    // A process that was killed leaves its file, and others may have its ports by now.
    crate::storage::is_owned(folder).then_some(endpoints)
}

/// A folder of one match with the right to write in it.
pub struct RunDir {
    /// Where.
    pub path: PathBuf,
}

impl RunDir {
    /// Takes a folder for a new match. A finished match in it is replaced, one that could be resumed is not.
    ///
    /// # Errors
    /// The folder holds something else, is in use, or cannot be written.
    pub fn create(path: &Path) -> Result<(Self, FileStorage), Failure> {
        let dir = Self {
            path: path.to_path_buf(),
        };
        if !path.join(RECORDING_FILE).exists() {
            for name in [
                REPORT_HTML_FILE,
                REPORT_JSON_FILE,
                CAPTURE_FILE,
                HISTORIAN_FILE,
            ] {
                if path.join(name).exists() {
                    return Err(Failure::failed(format!(
                        "`{}` holds a `{name}` that belongs to no recording",
                        path.display()
                    ))
                    .hint("choose another folder with --out"));
                }
            }
        }
        dir.check_foreign()?;
        let mut storage = dir.open()?;
        if storage.length() > 0 {
            dir.check_replaceable(&mut storage)?;
        }
        storage
            .clear()
            .and_then(|()| dir.remove_results())
            .map_err(|error| Failure::io(format!("cannot clear `{}`", path.display()), &error))?;
        Ok((dir, storage))
    }

    /// Takes the folder of a match that is to go on.
    ///
    /// # Errors
    /// There is no recording in it, it is in use, or it cannot be written.
    pub fn existing(path: &Path) -> Result<(Self, FileStorage), Failure> {
        let folder = if path.file_name().is_some_and(|name| name == RECORDING_FILE) {
            path.parent()
                .filter(|parent| !parent.as_os_str().is_empty())
                .unwrap_or(Path::new("."))
        } else {
            path
        };
        let dir = Self {
            path: folder.to_path_buf(),
        };
        if !folder.join(RECORDING_FILE).is_file() {
            return Err(Failure::usage(format!(
                "there is no `{RECORDING_FILE}` in `{}`",
                folder.display()
            ))
            .hint("give the folder that `run` or `serve` has named, such as runs/first-watch-42"));
        }
        let storage = dir.open()?;
        Ok((dir, storage))
    }

    /// The recording.
    #[must_use]
    pub fn recording(&self) -> PathBuf {
        self.path.join(RECORDING_FILE)
    }

    /// The capture.
    #[must_use]
    pub fn capture(&self) -> PathBuf {
        self.path.join(CAPTURE_FILE)
    }

    /// Stores how the match is driven.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn write_settings(&self, settings: &Settings) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(settings).map_err(|error| {
            Failure::internal(format!("the settings have no JSON form: {error}"))
        })?;
        self.replace(SETTINGS_FILE, text.as_bytes())
    }

    /// How the match was driven; nothing if the file is missing or damaged.
    #[must_use]
    pub fn read_settings(&self) -> Option<Settings> {
        read_json(&self.path.join(SETTINGS_FILE))
    }

    /// Tells tools where the match can be reached.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn write_endpoints(&self, endpoints: &[Endpoint]) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(endpoints).map_err(|error| {
            Failure::internal(format!("the endpoints have no JSON form: {error}"))
        })?;
        self.replace(ENDPOINTS_FILE, text.as_bytes())
    }

    /// The match can no longer be reached.
    pub fn remove_endpoints(&self) {
        // Without its owner the file means nothing.
        let _ = std::fs::remove_file(self.path.join(ENDPOINTS_FILE));
    }

    /// Writes both reports.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn write_reports(&self, report: &Report) -> Result<(), Failure> {
        write_reports(&self.path, report)
    }

    fn open(&self) -> Result<FileStorage, Failure> {
        FileStorage::open(&self.path).map_err(|error| match &error {
            OpenError::InUse(_) => Failure::failed(error.to_string())
                .hint("wait for it to end, or stop it with Ctrl-C"),
            OpenError::Io(..) => Failure::failed(format!("cannot write to {error}")),
        })
    }

    /// Nobody else's work is in the folder, and the folder is in nobody's scenario.
    fn check_foreign(&self) -> Result<(), Failure> {
        let shown = self.path.display();
        let elsewhere = "choose another folder with --out, such as runs/my-match";
        let whole = std::path::absolute(&self.path)
            .map_err(|error| Failure::io(format!("cannot find `{shown}`"), &error))?;
        let scenario = whole
            .ancestors()
            .find(|folder| folder.join(SCENARIO_FILE).is_file());
        if let Some(scenario) = scenario {
            return Err(Failure::failed(format!(
                "`{shown}` lies in the scenario `{}`, to which everything in it belongs",
                scenario.display()
            ))
            .hint(elsewhere));
        }
        // What cannot be listed cannot be written to either, which the next step says.
        let Ok(entries) = std::fs::read_dir(&self.path) else {
            return Ok(());
        };
        for entry in entries.filter_map(Result::ok) {
            let name = entry.file_name();
            let known = name.to_str().is_some_and(|name| {
                name.starts_with('.') || FILES.contains(&name.trim_end_matches(NEW_ENDING))
            });
            if !known {
                return Err(Failure::failed(format!(
                    "`{shown}` holds `{}`, which is no file of a match",
                    name.to_string_lossy()
                ))
                .hint(elsewhere));
            }
        }
        Ok(())
    }

    fn check_replaceable(&self, storage: &mut FileStorage) -> Result<(), Failure> {
        let path = self.path.display();
        match Scan::of(storage) {
            Ok(scan) if scan.ended => Ok(()),
            // A process that was killed before its header was complete leaves nothing to resume.
            Err(SessionError::NoHeader) => Ok(()),
            Ok(_) => Err(
                Failure::failed(format!("`{path}` holds a match that has not ended"))
                    .hint(format!("`trippoint resume {path}` carries it on"))
                    .hint("choose another folder with --out, or remove this one"),
            ),
            Err(error) => Err(Failure::failed(format!(
                "`{path}` holds a `{RECORDING_FILE}` that is none of ours: {error}"
            ))
            .hint("choose another folder with --out, or remove this one")),
        }
    }

    /// Writes what the historian stored.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn write_historian(&self, csv: &str) -> Result<(), Failure> {
        self.replace(HISTORIAN_FILE, csv.as_bytes())
    }

    fn remove_results(&self) -> std::io::Result<()> {
        for name in [
            REPORT_HTML_FILE,
            REPORT_JSON_FILE,
            CAPTURE_FILE,
            HISTORIAN_FILE,
            SETTINGS_FILE,
            ENDPOINTS_FILE,
        ] {
            match std::fs::remove_file(self.path.join(name)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        replace(&self.path, name, bytes)
    }
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    let file = std::fs::File::open(path).ok()?;
    let mut text = String::new();
    file.take(SETTINGS_BYTES_MAX)
        .read_to_string(&mut text)
        .ok()?;
    serde_json::from_str(&text).ok()
}

/// Writes `report.json` and `report.html` into a folder.
///
/// # Errors
/// The disk refuses.
pub fn write_reports(folder: &Path, report: &Report) -> Result<(), Failure> {
    let mut json = serde_json::to_vec_pretty(report)
        .map_err(|error| Failure::internal(format!("the report has no JSON form: {error}")))?;
    json.push(b'\n');
    replace(folder, REPORT_JSON_FILE, &json)?;
    replace(
        folder,
        REPORT_HTML_FILE,
        grading::render_html(report).as_bytes(),
    )
}

/// Writes a file beside and moves it into place, so that a reader never sees half of it.
fn replace(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), Failure> {
    let beside = format!("{name}{NEW_ENDING}");
    private(folder, &beside, false)
        .and_then(|mut file| {
            file.set_len(0)?;
            file.write_all(bytes)
        })
        .and_then(|()| std::fs::rename(folder.join(&beside), folder.join(name)))
        .map_err(|error| {
            Failure::io(
                format!("cannot write `{}`", folder.join(name).display()),
                &error,
            )
        })
}
