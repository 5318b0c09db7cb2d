//! Bookkeeping of connections: who opened them, which frame began them, how much they carried.

use crate::journal::Journal;
use sim_net::packet::{Summary, Tcp};
use sim_net::{CapturedFrame, ConnId};
use sim_record::{ConnectionOutcome, PrincipalId, RecordKind, StateHasher};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Beginnings of connections remembered.
const MAX_SYNS: usize = 512;
/// Frames a second to one host from one source from which on it is a flood.
const FLOOD_FRAMES_PER_S: u32 = 300;
/// Pairs of hosts counted a second.
const MAX_PAIRS: usize = 256;

type Ends = (Ipv4Addr, u16, Ipv4Addr, u16);

struct Client {
    ends: Ends,
    by: PrincipalId,
    established: bool,
}

/// Who talks to whom.
#[derive(Default)]
pub(crate) struct Traffic {
    clients: BTreeMap<ConnId, Client>,
    by_ends: BTreeMap<Ends, PrincipalId>,
    syns: BTreeMap<Ends, u64>,
    flows: BTreeMap<(String, String, u16), (u32, u32)>,
    frames: BTreeMap<(Ipv4Addr, Ipv4Addr), (u32, u64)>,
    flooders: BTreeMap<(Ipv4Addr, Ipv4Addr), (String, PrincipalId)>,
}

impl Traffic {
    /// A client opened a connection.
    pub fn open(&mut self, conn: ConnId, ends: Ends, by: PrincipalId) {
        self.by_ends.insert(ends, by);
        self.clients.insert(
            conn,
            Client {
                ends,
                by,
                established: false,
            },
        );
    }

    /// Who opened the connection with these ends, as the server sees them.
    pub fn opener(&self, ends: Ends) -> Option<PrincipalId> {
        self.by_ends.get(&ends).copied()
    }

    /// A client's connection was established.
    pub fn established(&mut self, journal: &mut Journal, conn: ConnId) {
        if let Some(client) = self.clients.get_mut(&conn) {
            client.established = true;
        }
        self.record(journal, conn, ConnectionOutcome::Established);
    }

    /// A client's connection or attempt ended.
    pub fn closed(&mut self, journal: &mut Journal, conn: ConnId, refused: bool) {
        let outcome = match self.clients.get(&conn) {
            None => return,
            Some(c) if c.established => ConnectionOutcome::Closed,
            Some(_) if refused => ConnectionOutcome::Refused,
            Some(_) => ConnectionOutcome::TimedOut,
        };
        self.record(journal, conn, outcome);
        if let Some(client) = self.clients.remove(&conn) {
            self.by_ends.remove(&client.ends);
            self.syns.remove(&client.ends);
        }
    }

    /// Looks at a tapped frame: the beginning of a connection, and how many there are.
    pub fn note_syn(&mut self, frame: &CapturedFrame) {
        let Some(summary) = Summary::of(&frame.bytes) else {
            return;
        };
        let (Some(ip), Some((src_port, dst_port))) = (summary.ip, summary.ports) else {
            return;
        };
        if self.frames.len() < MAX_PAIRS || self.frames.contains_key(&(ip.src, ip.dst)) {
            let entry = self.frames.entry((ip.src, ip.dst)).or_default();
            entry.0 = entry.0.saturating_add(1);
            entry.1 = frame.number;
        }
        if summary
            .tcp
            .is_some_and(|t| t.flags & (Tcp::SYN | Tcp::ACK) == Tcp::SYN)
        {
            if self.syns.len() >= MAX_SYNS {
                self.syns.pop_first();
            }
            self.syns
                .entry((ip.src, src_port, ip.dst, dst_port))
                .or_insert(frame.number);
        }
    }

    /// Somebody may be flooding `target` at an address.
    pub fn suspect(&mut self, pair: (Ipv4Addr, Ipv4Addr), target: String, by: PrincipalId) {
        if self.flooders.len() < MAX_PAIRS || self.flooders.contains_key(&pair) {
            self.flooders.insert(pair, (target, by));
        }
    }

    /// Records floods of the last second.
    pub fn record_floods(&mut self, journal: &mut Journal) {
        for (pair, (frames_per_s, frame)) in std::mem::take(&mut self.frames) {
            if frames_per_s >= FLOOD_FRAMES_PER_S
                && let Some((asset, by)) = self.flooders.get(&pair)
            {
                journal.record(RecordKind::Flood {
                    asset: asset.clone(),
                    frames_per_s,
                    by: *by,
                    frame,
                });
            }
        }
    }

    /// Counts a benign request.
    pub fn count(&mut self, src: String, dst: String, port: u16, exception: bool) {
        let entry = self.flows.entry((src, dst, port)).or_default();
        entry.0 += 1;
        entry.1 += u32::from(exception);
    }

    /// Records and clears the totals.
    pub fn record_flows(&mut self, journal: &mut Journal) {
        for ((src, dst, port), (requests, exceptions)) in std::mem::take(&mut self.flows) {
            journal.record(RecordKind::Flow {
                src,
                dst,
                port,
                requests,
                exceptions,
            });
        }
    }

    /// Adds the state to a digest.
    pub fn digest(&self, hasher: &mut StateHasher) {
        hasher.u64(self.clients.len() as u64);
        for conn in self.clients.keys() {
            hasher.u64(u64::from(conn.0));
        }
        hasher.value(&self.flows);
        hasher.u64(self.syns.len() as u64);
    }

    fn record(&self, journal: &mut Journal, conn: ConnId, outcome: ConnectionOutcome) {
        let Some(client) = self.clients.get(&conn) else {
            return;
        };
        let (src, _, dst, port) = client.ends;
        journal.record(RecordKind::Connection {
            conn: conn.0,
            src: u32::from(src),
            dst: u32::from(dst),
            port,
            outcome,
            by: client.by,
            frame: self.syns.get(&client.ends).copied().unwrap_or(0),
        });
    }
}
