//! Datagrams at a rate, bounded by the range.

use super::{Bench, Tool, ToolEvent};
use crate::directory::Directory;
use sim_net::{ConnId, HostId};
use sim_record::{SimDuration, SimTime, StateHasher};
use sim_view::{JobState, JobView};
use std::net::Ipv4Addr;

/// Frames a second that a flood may send.
const MAX_FRAMES_PER_S: u16 = 5_000;
/// Longest flood.
const MAX_SECONDS: u16 = 600;
/// Frames go out in bursts of one such period.
const BURST: SimDuration = SimDuration::from_millis(10);
/// Port flooded.
const PORT: u16 = sim_wire::modbus::TCP_PORT;

/// A flood at work.
pub(super) struct Flood {
    host: HostId,
    target: Ipv4Addr,
    frames_per_s: u64,
    length: SimDuration,
    began: SimTime,
    sent: u64,
    next: SimTime,
}

impl Flood {
    /// Plans a flood from host `from`.
    pub fn new(
        directory: &Directory,
        from: &str,
        target: &str,
        frames_per_s: u16,
        seconds: u16,
    ) -> Result<Self, String> {
        Ok(Self {
            host: directory
                .host(from)
                .ok_or_else(|| format!("no host `{from}`"))?
                .host,
            target: directory
                .address(target, from)
                .ok_or_else(|| format!("no host or address `{target}`"))?,
            frames_per_s: u64::from(frames_per_s.min(MAX_FRAMES_PER_S)),
            length: SimDuration::from_secs(u64::from(seconds.min(MAX_SECONDS))),
            began: SimTime::ZERO,
            sent: 0,
            next: SimTime::MAX,
        })
    }
}

impl Tool for Flood {
    fn start(&mut self, bench: &mut Bench, _view: &mut JobView) -> Result<(), String> {
        self.began = bench.journal.now;
        self.next = self.began;
        Ok(())
    }

    fn next_due(&self) -> SimTime {
        self.next
    }

    fn run(&mut self, bench: &mut Bench, view: &mut JobView) {
        let now = bench.journal.now;
        let elapsed = now.since(self.began);
        let due = self.frames_per_s * (elapsed.0 + BURST.0) / 1_000_000;
        while self.sent < due {
            self.sent += 1;
            // A full link drops datagrams; the sender does not care.
            let _sent = bench
                .fabric
                .udp_send(now, self.host, PORT, (self.target, PORT), b"flood");
        }
        self.next = now + BURST;
        if elapsed >= self.length {
            super::note(view, format!("{} datagrams sent", self.sent));
            view.state = JobState::Done;
        }
    }

    fn on_event(&mut self, _bench: &mut Bench, _view: &mut JobView, _event: ToolEvent) {}

    fn take_opened(&mut self) -> Vec<ConnId> {
        Vec::new()
    }

    fn stop(&mut self, _bench: &mut Bench) {
        self.next = SimTime::MAX;
    }

    fn digest(&self, hasher: &mut StateHasher) {
        hasher.u64(self.sent);
        hasher.u64(self.next.0);
    }
}
