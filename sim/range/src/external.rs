//! Connections of outside programs, from a foothold into the virtual network.

use crate::Output;
use crate::journal::Journal;
use sim_net::{CloseReason, ConnId, Fabric, HostId, limits};
use sim_record::{Closing, PrincipalId, SimDuration, SimTime, StateHasher};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Sockets of a foothold's stack that outside connections leave to the commands that are given there.
const OTHER_SOCKETS: usize = 8;
/// Outside connections that all endpoints of one foothold have together; each endpoint has its even share of them, so
/// that what happens at one endpoint takes nothing from another.
const MAX_CONNECTIONS: usize = limits::SOCKETS_MAX - OTHER_SOCKETS;
/// Bytes that wait for the virtual network to take them; more resets the connection.
const MAX_WAITING_BYTES: usize = 64 * 1024;

/// An outside program that is done sending still hears answers for this long.
const HALF_CLOSED: SimDuration = SimDuration::from_millis(100);

/// Where an outside connection enters, and whose it is.
pub(crate) struct Entry {
    /// Who connects; nobody else may send on it or close it.
    pub by: PrincipalId,
    /// Index of the endpoint.
    pub endpoint: u16,
    /// Endpoints that its foothold has.
    pub endpoints_of_foothold: usize,
    /// The foothold's host.
    pub host: HostId,
    /// Address and port that the endpoint reaches.
    pub target: (Ipv4Addr, u16),
}

struct Outside {
    by: PrincipalId,
    endpoint: u16,
    conn: ConnId,
    connected: bool,
    waiting: Vec<u8>,
    fin_after: bool,
    /// When a connection whose outside end is done is closed: until then it hears the rest of the answer.
    close_at: Option<SimTime>,
}

/// All outside connections.
#[derive(Default)]
pub(crate) struct Externals {
    open: BTreeMap<u32, Outside>,
    by_conn: BTreeMap<ConnId, u32>,
}

impl Externals {
    /// An outside program connected: a virtual connection from the foothold begins. Where its endpoint has its share
    /// of connections already, one that the outside has left makes room; else the new one is reset.
    pub fn open(
        &mut self,
        journal: &mut Journal,
        fabric: &mut Fabric,
        number: u32,
        entry: &Entry,
    ) -> Option<ConnId> {
        let share = (MAX_CONNECTIONS / entry.endpoints_of_foothold.max(1)).max(1);
        let of_endpoint = |o: &&Outside| o.endpoint == entry.endpoint;
        if self.open.values().filter(of_endpoint).count() >= share {
            self.end_one_left(journal, fabric, entry.endpoint);
        }
        let has_room = self.open.values().filter(of_endpoint).count() < share;
        let conn = if has_room && !self.open.contains_key(&number) {
            let (ip, port) = entry.target;
            fabric.connect(journal.now, entry.host, ip, port).ok()
        } else {
            None
        };
        match conn {
            Some(conn) => {
                self.by_conn.insert(conn, number);
                let outside = Outside {
                    by: entry.by,
                    endpoint: entry.endpoint,
                    conn,
                    connected: false,
                    waiting: Vec::new(),
                    fin_after: false,
                    close_at: None,
                };
                self.open.insert(number, outside);
            }
            None => journal.outputs.push_back(Output::Close {
                conn: number,
                reset: true,
            }),
        }
        conn
    }

    /// Whose connection it is.
    pub fn owner(&self, number: u32) -> Option<PrincipalId> {
        self.open.get(&number).map(|outside| outside.by)
    }

    /// Bytes from outside.
    pub fn bytes(&mut self, journal: &mut Journal, fabric: &mut Fabric, number: u32, data: &[u8]) {
        let Some(outside) = self.open.get_mut(&number) else {
            return;
        };
        if outside.waiting.len() + data.len() > MAX_WAITING_BYTES {
            self.reset(journal, fabric, number);
            return;
        }
        outside.waiting.extend_from_slice(data);
        outside.flush(journal.now, fabric);
    }

    /// The outside program closed.
    pub fn close(&mut self, now: SimTime, fabric: &mut Fabric, number: u32, how: Closing) {
        let Some(outside) = self.open.get_mut(&number) else {
            return;
        };
        match how {
            Closing::Fin => {
                outside.fin_after = true;
                outside.flush(now, fabric);
            }
            Closing::Reset => {
                // Gone already where the network closed it at the same instant.
                let _gone = fabric.abort(now, outside.conn);
                self.forget(number);
            }
        }
    }

    /// When a half-closed connection is to be closed.
    pub fn next_due(&self) -> SimTime {
        let due = self.open.values().filter_map(|o| o.close_at).min();
        due.unwrap_or(SimTime::MAX)
    }

    /// Closes half-closed connections whose time is over.
    pub fn run_due(&mut self, journal: &mut Journal, fabric: &mut Fabric) {
        let now = journal.now;
        let is_due = |o: &Outside| o.close_at.is_some_and(|at| at <= now);
        let due: Vec<u32> = self
            .open
            .iter()
            .filter(|(_, o)| is_due(o))
            .map(|(n, _)| *n)
            .collect();
        for number in due {
            self.end(journal, fabric, number);
        }
    }

    /// The server came back: every outside connection is reset.
    pub fn reset_all(&mut self, now: SimTime, fabric: &mut Fabric) {
        for outside in std::mem::take(&mut self.open).into_values() {
            let _gone = fabric.abort(now, outside.conn);
        }
        self.by_conn.clear();
    }

    /// The outside number of a connection.
    pub fn number(&self, conn: ConnId) -> Option<u32> {
        self.by_conn.get(&conn).copied()
    }

    /// The virtual connection is established.
    pub fn on_connected(&mut self, now: SimTime, fabric: &mut Fabric, number: u32) {
        if let Some(outside) = self.open.get_mut(&number) {
            outside.connected = true;
            outside.flush(now, fabric);
        }
    }

    /// The virtual connection takes bytes again.
    pub fn on_writable(&mut self, now: SimTime, fabric: &mut Fabric, number: u32) {
        if let Some(outside) = self.open.get_mut(&number) {
            outside.flush(now, fabric);
        }
    }

    /// Bytes for outside.
    pub fn on_readable(&mut self, journal: &mut Journal, fabric: &mut Fabric, number: u32) {
        let Some(outside) = self.open.get(&number) else {
            return;
        };
        let mut data = Vec::new();
        if fabric
            .recv(journal.now, outside.conn, &mut data, usize::MAX)
            .is_ok()
            && !data.is_empty()
        {
            journal
                .outputs
                .push_back(Output::Bytes { conn: number, data });
        }
    }

    /// The virtual connection ended.
    pub fn on_closed(
        &mut self,
        journal: &mut Journal,
        fabric: &mut Fabric,
        number: u32,
        reason: CloseReason,
    ) {
        if let Some(outside) = self.open.get(&number)
            && reason == CloseReason::Fin
        {
            let _gone = fabric.close(journal.now, outside.conn);
        }
        self.forget(number);
        journal.outputs.push_back(Output::Close {
            conn: number,
            reset: reason != CloseReason::Fin,
        });
    }

    /// Adds the state to a digest.
    pub fn digest(&self, hasher: &mut StateHasher) {
        for (number, outside) in &self.open {
            hasher.u64(u64::from(*number));
            hasher.u64(u64::from(outside.by.0));
            hasher.u64(u64::from(outside.endpoint));
            hasher.u64(u64::from(outside.conn.0));
            hasher.u64(u64::from(outside.connected));
            hasher.bytes(&outside.waiting);
            hasher.u64(outside.close_at.map_or(0, |t| t.0 + 1));
        }
    }

    /// Ends the half-closed connection of an endpoint that has been so for the longest.
    fn end_one_left(&mut self, journal: &mut Journal, fabric: &mut Fabric, endpoint: u16) {
        let left = self.open.iter().filter(|(_, o)| o.endpoint == endpoint);
        let longest = left
            .filter_map(|(number, o)| Some((o.close_at?, *number)))
            .min();
        if let Some((_, number)) = longest {
            self.end(journal, fabric, number);
        }
    }

    /// Ends a half-closed connection, behind what has been answered.
    fn end(&mut self, journal: &mut Journal, fabric: &mut Fabric, number: u32) {
        self.on_readable(journal, fabric, number);
        if let Some(outside) = self.open.get(&number) {
            let _gone = fabric.close(journal.now, outside.conn);
        }
        self.forget(number);
        journal.outputs.push_back(Output::Close {
            conn: number,
            reset: false,
        });
    }

    fn reset(&mut self, journal: &mut Journal, fabric: &mut Fabric, number: u32) {
        if let Some(outside) = self.open.get(&number) {
            let _gone = fabric.abort(journal.now, outside.conn);
        }
        self.forget(number);
        journal.outputs.push_back(Output::Close {
            conn: number,
            reset: true,
        });
    }

    fn forget(&mut self, number: u32) {
        if let Some(outside) = self.open.remove(&number) {
            self.by_conn.remove(&outside.conn);
        }
    }
}

impl Outside {
    fn flush(&mut self, now: SimTime, fabric: &mut Fabric) {
        if !self.connected {
            return;
        }
        if !self.waiting.is_empty()
            && let Ok(accepted) = fabric.send(now, self.conn, &self.waiting)
        {
            self.waiting.drain(..accepted.min(self.waiting.len()));
        }
        if self.fin_after && self.waiting.is_empty() && self.close_at.is_none() {
            self.close_at = Some(now + HALF_CLOSED);
        }
    }
}
