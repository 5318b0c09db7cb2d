//! Cables and the queue of frames under way; what every node needs to send and to report.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use sim_record::{SimTime, StateHasher};

use crate::event::{CapturedFrame, HostEvent, Stats};
use crate::frame_hash::FrameHash;
use crate::ids::{ConnId, HostId, SwitchId};
use crate::limits;
use crate::packet::{ETHERNET_HEADER_LEN, Frame};
use crate::rng::Rng;
use crate::topology::LinkSpec;

/// What sits at the far end of a switch port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Host(usize),
    Router {
        router: usize,
        interface: usize,
    },
    /// The diode's listening side.
    DiodeIn(usize),
    /// The diode's sending side.
    DiodeOut(usize),
    /// The other switch's port of a trunk.
    Trunk {
        port: usize,
    },
}

/// One socket of a switch with its cable.
#[derive(Debug)]
pub(crate) struct Port {
    pub switch: usize,
    pub peer: Peer,
    pub plugged: bool,
    up: Direction,
    down: Direction,
}

/// Which way a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    ToSwitch,
    ToDevice,
}

#[derive(Debug)]
struct Direction {
    link: LinkSpec,
    rng: Rng,
    /// When the sender will have clocked out what waits, nanoseconds.
    busy_until_ns: u64,
    in_flight: u32,
}

/// A frame under way.
#[derive(Debug)]
pub(crate) struct Scheduled {
    pub time: SimTime,
    seq: u64,
    pub port: usize,
    pub way: Way,
    pub frame: Frame,
}

/// Cables, clock, events, capture and counters: all that nodes share.
#[derive(Debug, Default)]
pub(crate) struct Io {
    pub now: SimTime,
    pub ports: Vec<Port>,
    pub stats: Stats,
    pub events: VecDeque<HostEvent>,
    pub captured: VecDeque<CapturedFrame>,
    captured_bytes: usize,
    /// Which host has which connection.
    pub conns: BTreeMap<ConnId, HostId>,
    next_conn: u32,
    next_number: u64,
    heap: BinaryHeap<Scheduled>,
    next_seq: u64,
    delivered: FrameHash,
}

impl Io {
    /// Adds a port to `switch` and returns its index.
    pub(crate) fn add_port(
        &mut self,
        switch: usize,
        peer: Peer,
        link: LinkSpec,
        seed: u64,
    ) -> usize {
        let mut rng = Rng(seed);
        let up = Direction {
            link,
            rng: Rng(rng.next()),
            busy_until_ns: 0,
            in_flight: 0,
        };
        let down = Direction {
            link,
            rng: Rng(rng.next()),
            busy_until_ns: 0,
            in_flight: 0,
        };
        self.ports.push(Port {
            switch,
            peer,
            plugged: true,
            up,
            down,
        });
        self.ports.len() - 1
    }

    /// Puts a frame on the cable at `port`. It arrives at least one microsecond later, or never.
    pub(crate) fn send(&mut self, port: usize, way: Way, frame: Frame) {
        let Some(entry) = self.ports.get_mut(port) else {
            return;
        };
        if frame.bytes.len() < ETHERNET_HEADER_LEN || frame.bytes.len() > limits::FRAME_MAX {
            self.stats.frames_malformed += 1;
            return;
        }
        if !entry.plugged {
            self.stats.frames_unplugged += 1;
            return;
        }
        let direction = match way {
            Way::ToSwitch => &mut entry.up,
            Way::ToDevice => &mut entry.down,
        };
        let full = self.heap.len() >= limits::FRAMES_IN_FLIGHT_MAX;
        let Some(time) = direction
            .arrival(self.now, frame.bytes.len())
            .filter(|_| !full)
        else {
            self.stats.frames_queue_dropped += 1;
            return;
        };
        if direction.link.loss_ppm > 0 && direction.rng.chance_ppm(direction.link.loss_ppm) {
            self.stats.frames_lost += 1;
            return;
        }
        direction.in_flight += 1;
        self.heap.push(Scheduled {
            time,
            seq: self.next_seq,
            port,
            way,
            frame,
        });
        self.next_seq += 1;
    }

    /// When the next frame arrives.
    pub(crate) fn next_arrival(&self) -> Option<SimTime> {
        self.heap.peek().map(|s| s.time)
    }

    /// Takes the next frame that arrives now; frames on unplugged cables vanish.
    pub(crate) fn next_due(&mut self) -> Option<Scheduled> {
        while self.heap.peek()?.time <= self.now {
            let due = self.heap.pop()?;
            let Some(port) = self.ports.get_mut(due.port) else {
                continue;
            };
            let direction = match due.way {
                Way::ToSwitch => &mut port.up,
                Way::ToDevice => &mut port.down,
            };
            direction.in_flight = direction.in_flight.saturating_sub(1);
            if port.plugged {
                return Some(due);
            }
            self.stats.frames_unplugged += 1;
        }
        None
    }

    /// Takes note that a frame reached the device at `port`.
    pub(crate) fn delivered(&mut self, port: usize, frame: &Frame) {
        self.stats.frames_delivered += 1;
        self.delivered.add(
            self.now.0,
            ((port as u64) << 16) | u64::from(frame.from.origin.0),
            &frame.bytes,
        );
    }

    /// Reports an event that must not be lost; their number is bounded by that of connections.
    pub(crate) fn report(&mut self, event: HostEvent) {
        self.events.push_back(event);
    }

    /// Reports an event that may be lost when nobody polls.
    pub(crate) fn report_droppable(&mut self, event: HostEvent) {
        if self.events.len() >= limits::EVENTS_MAX {
            self.stats.events_dropped += 1;
        } else {
            self.events.push_back(event);
        }
    }

    /// Numbers a frame at a tap and keeps a copy.
    pub(crate) fn capture(&mut self, switch: SwitchId, frame: &mut Frame) {
        self.next_number += 1;
        frame.from.frame = self.next_number;
        self.stats.frames_captured += 1;
        if self.captured_bytes + frame.bytes.len() > limits::CAPTURE_BYTES_MAX {
            self.stats.captures_dropped += 1;
            return;
        }
        self.captured_bytes += frame.bytes.len();
        self.captured.push_back(CapturedFrame {
            number: self.next_number,
            time: self.now,
            switch,
            bytes: frame.bytes.clone(),
            origin: frame.from.origin,
        });
    }

    /// Takes the oldest captured frame.
    pub(crate) fn poll_captured(&mut self) -> Option<CapturedFrame> {
        let frame = self.captured.pop_front()?;
        self.captured_bytes = self.captured_bytes.saturating_sub(frame.bytes.len());
        Some(frame)
    }

    /// A fresh id for a connection of `host`, or `None` when all are used up.
    pub(crate) fn new_conn(&mut self, host: HostId) -> Option<ConnId> {
        self.next_conn = self.next_conn.checked_add(1)?;
        let conn = ConnId(self.next_conn);
        self.conns.insert(conn, host);
        Some(conn)
    }

    /// Adds everything to a digest.
    pub(crate) fn digest(&self, hasher: &mut StateHasher) {
        for value in [
            self.now.0,
            self.next_seq,
            self.next_number,
            u64::from(self.next_conn),
        ] {
            hasher.u64(value);
        }
        for lane in self.delivered.lanes() {
            hasher.u64(lane);
        }
        for port in &self.ports {
            hasher.u64(u64::from(port.plugged));
            for direction in [&port.up, &port.down] {
                hasher.u64(direction.rng.0);
                hasher.u64(direction.busy_until_ns);
            }
        }
        let mut queue: Vec<&Scheduled> = self.heap.iter().collect();
        queue.sort_unstable_by_key(|s| (s.time, s.seq));
        hasher.u64(queue.len() as u64);
        for scheduled in queue {
            hasher.u64(scheduled.time.0);
            hasher.u64(scheduled.port as u64);
            hasher.u64(u64::from(scheduled.way == Way::ToDevice));
            hasher.u64(u64::from(scheduled.frame.from.origin.0));
            hasher.bytes(&scheduled.frame.bytes);
        }
        for (conn, host) in &self.conns {
            hasher.u64((u64::from(conn.0) << 16) | u64::from(host.0));
        }
    }
}

impl Direction {
    /// When a frame sent now arrives, or `None` where the queue is full.
    fn arrival(&mut self, now: SimTime, len: usize) -> Option<SimTime> {
        if self.in_flight >= limits::LINK_FRAMES_MAX {
            return None;
        }
        let latency_us = u64::from(self.link.latency_us.max(1));
        let Some(bandwidth_bps) = self.link.bandwidth_bps else {
            return Some(SimTime(now.0.saturating_add(latency_us)));
        };
        // 8e9 bit nanoseconds a byte second, so a frame of 1,214 bytes stays far below 2^64.
        let clocking_ns = (len as u64).saturating_mul(8_000_000_000) / bandwidth_bps.max(1);
        let now_ns = now.0.saturating_mul(1_000);
        let waiting_ns = self.busy_until_ns.saturating_sub(now_ns);
        let queue_ns =
            limits::LINK_QUEUE_BYTES_MAX.saturating_mul(8_000_000_000) / bandwidth_bps.max(1);
        if waiting_ns > queue_ns {
            return None;
        }
        self.busy_until_ns = self.busy_until_ns.max(now_ns).saturating_add(clocking_ns);
        Some(SimTime(
            self.busy_until_ns
                .div_ceil(1_000)
                .saturating_add(latency_us),
        ))
    }
}

impl Ord for Scheduled {
    /// Earlier time first, then the order of sending; reversed, for the heap gives its greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.time, other.seq).cmp(&(self.time, self.seq))
    }
}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.seq == other.seq
    }
}

impl Eq for Scheduled {}
