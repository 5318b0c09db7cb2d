//! Network tools at work for a principal from a host: scans, reads, writes, floods, spoofing, program management.

mod flood;
mod manage;
mod modbus;
mod scan;
mod spoof;

pub(crate) use manage::Purpose;

use crate::directory::Directory;
use crate::journal::Journal;
use sim_net::{CloseReason, ConnId, Fabric, HostId};
use sim_record::{PrincipalId, SimTime, StateHasher};
use sim_view::{Command, CompareView, JobState, JobView};
use std::collections::BTreeMap;

/// Jobs that one range runs at a time.
const MAX_RUNNING: usize = 64;
/// Finished jobs kept for views.
const MAX_KEPT: usize = 128;
/// Lines of findings kept a job.
const MAX_FINDINGS: usize = 256;

/// What a job may touch while it works.
pub(crate) struct Bench<'a> {
    pub journal: &'a mut Journal,
    pub fabric: &'a mut Fabric,
    pub directory: &'a Directory,
}

/// One tool at work.
trait Tool {
    /// Starts. `Err` refuses the command in words.
    fn start(&mut self, bench: &mut Bench, view: &mut JobView) -> Result<(), String>;
    /// When something is due by time.
    fn next_due(&self) -> SimTime;
    /// Runs what is due.
    fn run(&mut self, bench: &mut Bench, view: &mut JobView);
    /// A connection of this job changed.
    fn on_event(&mut self, bench: &mut Bench, view: &mut JobView, event: ToolEvent);
    /// Connections opened since the last call.
    fn take_opened(&mut self) -> Vec<ConnId>;
    /// Attempts to connect given up since the last call.
    fn take_given_up(&mut self) -> Vec<ConnId> {
        Vec::new()
    }
    /// Stops at once.
    fn stop(&mut self, bench: &mut Bench);
    /// Adds the state to a digest.
    fn digest(&self, hasher: &mut StateHasher);
    /// What the workstation learned, when done.
    fn outcome(&mut self) -> Option<Outcome> {
        None
    }
}

/// What happened on a connection of a job, or a frame for a spoofing one.
pub(crate) enum ToolEvent {
    Connected(ConnId),
    Readable(ConnId),
    Closed(ConnId, CloseReason),
    Frame {
        bytes: Vec<u8>,
        origin: HostId,
        frame: u64,
    },
}

/// What a workstation learned about a controller.
pub(crate) struct Outcome {
    pub controller: String,
    pub compare: Option<CompareView>,
}

struct Job {
    by: PrincipalId,
    host: HostId,
    view: JobView,
    tool: Box<dyn Tool + Send>,
    outcome_taken: bool,
}

/// All jobs of a range.
#[derive(Default)]
pub(crate) struct Tools {
    jobs: BTreeMap<u32, Job>,
    next_id: u32,
    owners: BTreeMap<ConnId, u32>,
    new_connections: Vec<(ConnId, PrincipalId)>,
    given_up: Vec<ConnId>,
}

impl Tools {
    /// Starts the tool that `command` asks for; `step` is the name that a script gave it.
    pub fn start(
        &mut self,
        bench: &mut Bench,
        by: PrincipalId,
        step: &str,
        command: &Command,
    ) -> Result<(), String> {
        let (from, tool) = make(bench.directory, by, command)?;
        let host = bench
            .directory
            .host(&from)
            .ok_or_else(|| format!("no host `{from}`"))?
            .host;
        self.launch(bench, by, step, host, command.to_string(), tool)
    }

    /// Starts a program management job of the engineering station.
    pub fn manage(
        &mut self,
        bench: &mut Bench,
        by: PrincipalId,
        step: &str,
        station: HostId,
        purpose: Purpose,
    ) -> Result<(), String> {
        let text = purpose.to_string();
        let tool = manage::Manage::new(bench.directory, station, purpose)?;
        self.launch(bench, by, step, station, text, Box::new(tool))
    }

    fn launch(
        &mut self,
        bench: &mut Bench,
        by: PrincipalId,
        step: &str,
        host: HostId,
        command: String,
        mut tool: Box<dyn Tool + Send>,
    ) -> Result<(), String> {
        if self
            .jobs
            .values()
            .filter(|j| j.view.state == JobState::Running)
            .count()
            >= MAX_RUNNING
        {
            return Err("too many jobs at once".into());
        }
        self.next_id += 1;
        let id = self.next_id;
        let mut view = JobView {
            id,
            step: step.to_owned(),
            command,
            state: JobState::Running,
            findings: Vec::new(),
            values: Vec::new(),
            exception: None,
        };
        tool.start(bench, &mut view)?;
        self.own(id, by, tool.take_opened());
        self.jobs.insert(
            id,
            Job {
                by,
                host,
                view,
                tool,
                outcome_taken: false,
            },
        );
        self.forget_old();
        Ok(())
    }

    /// Stops a job of `by`.
    pub fn stop(&mut self, bench: &mut Bench, by: PrincipalId, id: u32) -> Result<(), String> {
        let job = self
            .jobs
            .get_mut(&id)
            .filter(|j| j.by == by)
            .ok_or_else(|| format!("no job {id}"))?;
        if job.view.state == JobState::Running {
            job.tool.stop(bench);
            job.view.state = JobState::Done;
        }
        Ok(())
    }

    /// Stops every running job of `by` (red's window closed).
    pub fn stop_all(&mut self, bench: &mut Bench, is_theirs: &dyn Fn(PrincipalId) -> bool) {
        for job in self
            .jobs
            .values_mut()
            .filter(|j| is_theirs(j.by) && j.view.state == JobState::Running)
        {
            job.tool.stop(bench);
            job.view.state = JobState::Done;
        }
    }

    /// When something is due by time.
    pub fn next_due(&self) -> SimTime {
        self.running()
            .map(|j| j.tool.next_due())
            .min()
            .unwrap_or(SimTime::MAX)
    }

    /// Runs what is due.
    pub fn run_due(&mut self, bench: &mut Bench) {
        let now = bench.journal.now;
        let due: Vec<u32> = self
            .jobs
            .iter()
            .filter(|(_, j)| j.view.state == JobState::Running && j.tool.next_due() <= now)
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            if let Some(job) = self.jobs.get_mut(&id) {
                job.tool.run(bench, &mut job.view);
                self.given_up.extend(job.tool.take_given_up());
                let (by, opened) = (job.by, job.tool.take_opened());
                self.own(id, by, opened);
            }
        }
    }

    /// Gives an event to the job that owns the connection; false if none does.
    pub fn on_conn_event(&mut self, bench: &mut Bench, conn: ConnId, event: ToolEvent) -> bool {
        let Some(id) = self.owners.get(&conn).copied() else {
            return false;
        };
        if matches!(event, ToolEvent::Closed(..)) {
            self.owners.remove(&conn);
        }
        if let Some(job) = self.jobs.get_mut(&id) {
            job.tool.on_event(bench, &mut job.view, event);
            let (by, opened) = (job.by, job.tool.take_opened());
            self.own(id, by, opened);
        }
        true
    }

    /// Gives a frame to the jobs that listen on `host`.
    pub fn on_frame(
        &mut self,
        bench: &mut Bench,
        host: HostId,
        bytes: &[u8],
        origin: HostId,
        frame: u64,
    ) {
        for job in self
            .jobs
            .values_mut()
            .filter(|j| j.host == host && j.view.state == JobState::Running)
        {
            let event = ToolEvent::Frame {
                bytes: bytes.to_vec(),
                origin,
                frame,
            };
            job.tool.on_event(bench, &mut job.view, event);
        }
    }

    /// Attempts to connect that tools gave up since the last call.
    pub fn take_given_up(&mut self) -> Vec<ConnId> {
        let given_up = std::mem::take(&mut self.given_up);
        for conn in &given_up {
            self.owners.remove(conn);
        }
        given_up
    }

    /// Connections opened since the last call and for whom.
    pub fn take_new_connections(&mut self) -> Vec<(ConnId, PrincipalId)> {
        std::mem::take(&mut self.new_connections)
    }

    /// Who last started a running job on a host.
    pub fn principal_on(&self, host: HostId) -> Option<PrincipalId> {
        self.jobs
            .values()
            .rev()
            .find(|j| j.host == host)
            .map(|j| j.by)
    }

    /// Compare results not taken yet.
    pub fn take_outcomes(&mut self) -> Vec<(PrincipalId, Outcome)> {
        let mut outcomes = Vec::new();
        for job in self
            .jobs
            .values_mut()
            .filter(|j| !j.outcome_taken && j.view.state != JobState::Running)
        {
            job.outcome_taken = true;
            outcomes.extend(job.tool.outcome().map(|o| (job.by, o)));
        }
        outcomes
    }

    /// Jobs of a principal for its view.
    pub fn views(&self, by: PrincipalId) -> Vec<JobView> {
        self.jobs
            .values()
            .filter(|j| j.by == by)
            .map(|j| j.view.clone())
            .collect()
    }

    /// Adds the state to a digest.
    pub fn digest(&self, hasher: &mut StateHasher) {
        hasher.u64(u64::from(self.next_id));
        for job in self.running() {
            hasher.u64(u64::from(job.view.id));
            job.tool.digest(hasher);
        }
    }

    fn running(&self) -> impl Iterator<Item = &Job> {
        self.jobs
            .values()
            .filter(|j| j.view.state == JobState::Running)
    }

    fn own(&mut self, id: u32, by: PrincipalId, opened: Vec<ConnId>) {
        for conn in opened {
            self.owners.insert(conn, id);
            self.new_connections.push((conn, by));
        }
    }

    fn forget_old(&mut self) {
        while self.jobs.len() > MAX_KEPT {
            let Some(oldest) = self
                .jobs
                .iter()
                .find(|(_, j)| j.view.state != JobState::Running)
                .map(|(id, _)| *id)
            else {
                return;
            };
            self.jobs.remove(&oldest);
            self.owners.retain(|_, id| *id != oldest);
        }
    }
}

/// Notes a finding, within bounds.
fn note(view: &mut JobView, text: String) {
    if view.findings.len() < MAX_FINDINGS {
        view.findings.push(text);
    }
}

/// The tool for a network command and the host it runs on.
fn make(
    directory: &Directory,
    by: PrincipalId,
    command: &Command,
) -> Result<(String, Box<dyn Tool + Send>), String> {
    Ok(match command {
        Command::Scan {
            from,
            targets,
            ports,
        } => (
            from.clone(),
            Box::new(scan::Scan::new(directory, from, targets, ports)?),
        ),
        Command::Identify { .. }
        | Command::Read { .. }
        | Command::Write { .. }
        | Command::Hold { .. } => modbus::make(directory, command)?,
        Command::Flood {
            from,
            target,
            frames_per_s,
            seconds,
        } => (
            from.clone(),
            Box::new(flood::Flood::new(
                directory,
                from,
                target,
                *frames_per_s,
                *seconds,
            )?),
        ),
        Command::ArpSpoof {
            from,
            victim,
            peer,
            target,
            rewrite,
        } => (
            from.clone(),
            Box::new(spoof::Spoof::new(
                directory, by, from, victim, peer, target, rewrite,
            )?),
        ),
        Command::Download {
            from,
            target,
            file,
            source,
        } => {
            let host = directory
                .host(from)
                .ok_or_else(|| format!("no host `{from}`"))?
                .host;
            let purpose = Purpose::Download {
                target: target.clone(),
                file: file.clone(),
                source: source.clone(),
            };
            (
                from.clone(),
                Box::new(manage::Manage::new(directory, host, purpose)?),
            )
        }
        Command::SetMode { from, target, run } => {
            let host = directory
                .host(from)
                .ok_or_else(|| format!("no host `{from}`"))?
                .host;
            (
                from.clone(),
                Box::new(manage::Manage::new(
                    directory,
                    host,
                    Purpose::SetMode {
                        target: target.clone(),
                        run: *run,
                    },
                )?),
            )
        }
        _ => return Err("not a network command".into()),
    })
}
