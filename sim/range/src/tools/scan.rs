//! TCP connect scan.

use super::{Bench, Tool, ToolEvent, note};
use crate::directory::Directory;
use sim_net::{CloseReason, ConnId, HostId};
use sim_record::{SimDuration, SimTime, StateHasher};
use sim_view::{JobState, JobView};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Attempts at the same time; a stack has about 32 sockets.
const PARALLEL: usize = 16;
/// Patience an attempt.
const TIMEOUT: SimDuration = SimDuration::from_millis(500);
/// Ports a scan may try.
const MAX_PORTS: usize = 64;
/// Virtual time between two looks at the attempts.
const TICK: SimDuration = SimDuration::from_millis(100);

/// A scan at work.
pub(super) struct Scan {
    host: HostId,
    waiting: std::vec::IntoIter<(Ipv4Addr, u16)>,
    trying: BTreeMap<ConnId, (Ipv4Addr, u16, SimTime)>,
    opened: Vec<ConnId>,
    given_up: Vec<ConnId>,
    next_tick: SimTime,
    open: u32,
    closed: u32,
    silent: u32,
}

impl Scan {
    /// Plans a scan of `targets` as seen from host `from`.
    pub fn new(
        directory: &Directory,
        from: &str,
        targets: &str,
        ports: &[u16],
    ) -> Result<Self, String> {
        let host = directory
            .host(from)
            .ok_or_else(|| format!("no host `{from}`"))?
            .host;
        let targets = directory
            .targets(targets, from)
            .ok_or_else(|| format!("`{targets}` is no host, zone or small subnet"))?;
        let pairs: Vec<_> = ports
            .iter()
            .take(MAX_PORTS)
            .flat_map(|port| targets.iter().map(move |ip| (*ip, *port)))
            .collect();
        Ok(Self {
            host,
            waiting: pairs.into_iter(),
            trying: BTreeMap::new(),
            opened: Vec::new(),
            given_up: Vec::new(),
            next_tick: SimTime::ZERO,
            open: 0,
            closed: 0,
            silent: 0,
        })
    }

    fn refill(&mut self, bench: &mut Bench, view: &mut JobView) {
        let now = bench.journal.now;
        while self.trying.len() < PARALLEL {
            let Some((ip, port)) = self.waiting.next() else {
                break;
            };
            if let Ok(conn) = bench.fabric.connect(now, self.host, ip, port) {
                self.trying.insert(conn, (ip, port, now + TIMEOUT));
                self.opened.push(conn);
            }
        }
        if self.trying.is_empty() {
            note(
                view,
                format!(
                    "{} open, {} closed, {} silent",
                    self.open, self.closed, self.silent
                ),
            );
            view.state = JobState::Done;
        }
    }
}

impl Tool for Scan {
    fn start(&mut self, bench: &mut Bench, view: &mut JobView) -> Result<(), String> {
        self.next_tick = bench.journal.now + TICK;
        self.refill(bench, view);
        Ok(())
    }

    fn next_due(&self) -> SimTime {
        self.next_tick
    }

    fn run(&mut self, bench: &mut Bench, view: &mut JobView) {
        let now = bench.journal.now;
        self.next_tick = now + TICK;
        let late: Vec<ConnId> = self
            .trying
            .iter()
            .filter(|(_, (.., deadline))| *deadline <= now)
            .map(|(c, _)| *c)
            .collect();
        for conn in late {
            self.trying.remove(&conn);
            let _gone = bench.fabric.abort(now, conn);
            self.given_up.push(conn);
            self.silent += 1;
        }
        self.refill(bench, view);
    }

    fn on_event(&mut self, bench: &mut Bench, view: &mut JobView, event: ToolEvent) {
        let now = bench.journal.now;
        match event {
            ToolEvent::Connected(conn) => {
                if let Some((ip, port, _)) = self.trying.remove(&conn) {
                    note(view, format!("{ip}:{port} open"));
                    self.open += 1;
                    let _gone = bench.fabric.abort(now, conn);
                }
            }
            ToolEvent::Closed(conn, reason) => {
                if self.trying.remove(&conn).is_some() {
                    match reason {
                        CloseReason::Refused => self.closed += 1,
                        _ => self.silent += 1,
                    }
                }
            }
            ToolEvent::Readable(_) | ToolEvent::Frame { .. } => {}
        }
        if view.state == JobState::Running {
            self.refill(bench, view);
        }
    }

    fn take_given_up(&mut self) -> Vec<ConnId> {
        std::mem::take(&mut self.given_up)
    }

    fn take_opened(&mut self) -> Vec<ConnId> {
        std::mem::take(&mut self.opened)
    }

    fn stop(&mut self, bench: &mut Bench) {
        for conn in std::mem::take(&mut self.trying).into_keys() {
            let _gone = bench.fabric.abort(bench.journal.now, conn);
        }
    }

    fn digest(&self, hasher: &mut StateHasher) {
        hasher.u64(self.waiting.len() as u64);
        hasher.u64(self.next_tick.0);
        for conn in self.trying.keys() {
            hasher.u64(u64::from(conn.0));
        }
    }
}
