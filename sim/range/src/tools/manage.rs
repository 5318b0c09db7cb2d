//! Program management from the engineering station (or a foothold): compare, restore, download, mode.

use super::{Bench, Outcome, Tool, ToolEvent, note};
use crate::directory::Directory;
use sim_net::{CloseReason, ConnId, HostId};
use sim_record::{SimDuration, SimTime, StateHasher};
use sim_view::{CompareView, JobState, JobView};
use sim_wire::device::Mode;
use sim_wire::management::{self, ManagementClient, ManagementClientConfig, Operation};
use std::collections::VecDeque;
use std::fmt;
use std::net::Ipv4Addr;

/// Lines of a text compare that are kept.
const MAX_DIFF_LINES: usize = 40;
/// Patience for the whole job.
const PATIENCE: SimDuration = SimDuration::from_secs(30);

/// What the session is for.
#[derive(Clone, Debug)]
pub(crate) enum Purpose {
    /// Uploads each file and compares it with the approved one.
    Compare {
        controller: String,
        files: Vec<(String, String)>,
    },
    /// Saves evidence if asked, then downloads the approved files.
    Restore {
        controller: String,
        files: Vec<(String, String)>,
        save_first: bool,
    },
    /// Downloads one file.
    Download {
        target: String,
        file: String,
        source: String,
    },
    /// Asks for another mode.
    SetMode { target: String, run: bool },
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compare { controller, .. } => write!(f, "compare program of {controller}"),
            Self::Restore { controller, .. } => write!(f, "restore program of {controller}"),
            Self::Download { target, file, .. } => write!(f, "download {file} to {target}"),
            Self::SetMode { target, run } => {
                write!(f, "ask {target} for {}", if *run { "RUN" } else { "STOP" })
            }
        }
    }
}

impl Purpose {
    fn target(&self) -> &str {
        match self {
            Self::Compare { controller, .. } | Self::Restore { controller, .. } => controller,
            Self::Download { target, .. } | Self::SetMode { target, .. } => target,
        }
    }

    fn operations(&self) -> Vec<Operation> {
        let download = |(name, text): &(String, String)| Operation::Download {
            name: name.clone(),
            bytes: text.clone().into_bytes(),
        };
        match self {
            Self::Compare { files, .. } => files
                .iter()
                .map(|(name, _)| Operation::Upload { name: name.clone() })
                .collect(),
            Self::Restore {
                files, save_first, ..
            } => {
                let save = files
                    .iter()
                    .filter(|_| *save_first)
                    .map(|(name, _)| Operation::Upload { name: name.clone() });
                let diagnostics = save_first.then_some(Operation::Diagnostics);
                save.chain(diagnostics)
                    .chain(files.iter().map(download))
                    .collect()
            }
            Self::Download { file, source, .. } => vec![download(&(file.clone(), source.clone()))],
            Self::SetMode { run, .. } => vec![Operation::SetMode(if *run {
                Mode::Run
            } else {
                Mode::Stop
            })],
        }
    }
}

/// A management session at work.
pub(super) struct Manage {
    host: HostId,
    target: Ipv4Addr,
    purpose: Purpose,
    client: ManagementClient,
    conn: Option<ConnId>,
    opened: Vec<ConnId>,
    outstanding: usize,
    uploads: VecDeque<String>,
    diff: Vec<String>,
    equal: bool,
    failed: bool,
    give_up: SimTime,
    finished: Option<SimTime>,
    buffer: Vec<u8>,
}

impl Manage {
    /// Plans a session from `host`.
    pub fn new(directory: &Directory, host: HostId, purpose: Purpose) -> Result<Self, String> {
        let from = directory.name_of(host);
        let target = directory
            .address(purpose.target(), &from)
            .ok_or_else(|| format!("no controller `{}`", purpose.target()))?;
        let uploads = match &purpose {
            Purpose::Compare { files, .. } => files.iter().map(|(_, text)| text.clone()).collect(),
            _ => VecDeque::new(),
        };
        Ok(Self {
            host,
            target,
            purpose,
            client: ManagementClient::new(ManagementClientConfig::default()),
            conn: None,
            opened: Vec::new(),
            outstanding: 0,
            uploads,
            diff: Vec::new(),
            equal: true,
            failed: false,
            give_up: SimTime::MAX,
            finished: None,
            buffer: Vec::new(),
        })
    }

    fn flush(&mut self, bench: &mut Bench) {
        let Some(conn) = self.conn else { return };
        self.client.poll_output(&mut self.buffer);
        if let Ok(accepted) = bench.fabric.send(bench.journal.now, conn, &self.buffer) {
            self.buffer.drain(..accepted.min(self.buffer.len()));
        }
    }

    fn collect(&mut self, bench: &mut Bench, view: &mut JobView) {
        while let Some(event) = self.client.poll_event() {
            self.outstanding = self.outstanding.saturating_sub(1);
            match event.result {
                Ok(management::Outcome::Uploaded(bytes)) => self.learn_upload(view, &bytes),
                Ok(_) => {}
                Err(failure) => {
                    self.failed = true;
                    note(view, failure.to_string());
                }
            }
        }
        if self.outstanding == 0 && view.state == JobState::Running {
            view.state = if self.failed {
                JobState::Failed
            } else {
                JobState::Done
            };
            self.finished = Some(bench.journal.now);
            self.stop(bench);
        }
    }

    fn learn_upload(&mut self, view: &mut JobView, bytes: &[u8]) {
        let Some(approved) = self.uploads.pop_front() else {
            note(view, format!("saved {} bytes as evidence", bytes.len()));
            return;
        };
        let running = String::from_utf8_lossy(bytes);
        if running != approved {
            self.equal = false;
            let room = MAX_DIFF_LINES.saturating_sub(self.diff.len());
            self.diff
                .extend(line_differences(&approved, &running).take(room));
        }
        note(
            view,
            if self.equal {
                "equal".into()
            } else {
                "different".into()
            },
        );
    }
}

/// Lines that only one side has, in order: `- approved`, `+ running`.
fn line_differences<'a>(approved: &'a str, running: &'a str) -> impl Iterator<Item = String> + 'a {
    let gone = approved
        .lines()
        .filter(|l| !running.lines().any(|r| r == *l))
        .map(|l| format!("- {l}"));
    let new = running
        .lines()
        .filter(|l| !approved.lines().any(|a| a == *l))
        .map(|l| format!("+ {l}"));
    gone.chain(new)
}

impl Tool for Manage {
    fn start(&mut self, bench: &mut Bench, _view: &mut JobView) -> Result<(), String> {
        let now = bench.journal.now;
        self.give_up = now + PATIENCE;
        for operation in self.purpose.operations() {
            self.client
                .request(now, operation)
                .map_err(|e| e.to_string())?;
            self.outstanding += 1;
        }
        let conn = bench
            .fabric
            .connect(now, self.host, self.target, management::TCP_PORT)
            .map_err(|e| e.to_string())?;
        self.opened.push(conn);
        Ok(())
    }

    fn next_due(&self) -> SimTime {
        self.client
            .next_timeout()
            .unwrap_or(SimTime::MAX)
            .min(self.give_up)
    }

    fn run(&mut self, bench: &mut Bench, view: &mut JobView) {
        let now = bench.journal.now;
        self.client.handle_timeout(now);
        if self.give_up <= now {
            self.client.handle_close();
            self.give_up = SimTime::MAX;
        }
        self.flush(bench);
        self.collect(bench, view);
    }

    fn on_event(&mut self, bench: &mut Bench, view: &mut JobView, event: ToolEvent) {
        let now = bench.journal.now;
        match event {
            ToolEvent::Connected(conn) => self.conn = Some(conn),
            ToolEvent::Readable(conn) => {
                let mut bytes = Vec::new();
                if bench.fabric.recv(now, conn, &mut bytes, usize::MAX).is_ok() {
                    self.client.handle_input(now, &bytes);
                }
            }
            ToolEvent::Closed(conn, reason) => {
                if reason == CloseReason::Fin {
                    let _gone = bench.fabric.close(now, conn);
                }
                self.conn = None;
                self.client.handle_close();
            }
            ToolEvent::Frame { .. } => {}
        }
        self.flush(bench);
        self.collect(bench, view);
    }

    fn take_opened(&mut self) -> Vec<ConnId> {
        std::mem::take(&mut self.opened)
    }

    fn stop(&mut self, bench: &mut Bench) {
        if let Some(conn) = self.conn.take() {
            let _gone = bench.fabric.close(bench.journal.now, conn);
        }
    }

    fn digest(&self, hasher: &mut StateHasher) {
        self.client.digest_into(&mut |bytes| hasher.bytes(bytes));
        hasher.u64(self.outstanding as u64);
    }

    fn outcome(&mut self) -> Option<Outcome> {
        let time = self.finished?;
        let compare = match &self.purpose {
            Purpose::Compare { .. } if !self.failed => Some(CompareView {
                time,
                equal: self.equal,
                diff: std::mem::take(&mut self.diff),
            }),
            _ => None,
        };
        Some(Outcome {
            controller: self.purpose.target().to_owned(),
            compare,
        })
    }
}
