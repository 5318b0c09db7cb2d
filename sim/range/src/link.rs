//! One Modbus client connection of a station or tool over the virtual network, reopened when lost.

use sim_net::{CloseReason, ConnId, Fabric, HostId};
use sim_record::{SimDuration, SimTime, StateHasher};
use sim_wire::modbus::Request;
use sim_wire::modbus::client::{ClientConfig, ClientEvent, ClientSession, QueueFull, RequestId};
use std::net::Ipv4Addr;

/// Wait before a lost connection is opened again.
const RETRY: SimDuration = SimDuration::from_secs(2);
/// Modbus/TCP.
pub(crate) const MODBUS_PORT: u16 = sim_wire::modbus::TCP_PORT;

/// What the link's connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkState {
    /// Not connected; a request opens it.
    Closed,
    /// SYN sent.
    Opening(ConnId),
    /// Established.
    Open(ConnId),
}

/// A client connection to one controller.
pub(crate) struct Link {
    pub host: HostId,
    pub target: Ipv4Addr,
    pub state: LinkState,
    /// Why the last attempt or connection ended.
    pub last_close: Option<CloseReason>,
    session: ClientSession,
    not_before: SimTime,
    buffer: Vec<u8>,
}

impl Link {
    /// A closed link.
    pub fn new(host: HostId, target: Ipv4Addr, unit: u8) -> Self {
        let config = ClientConfig {
            unit,
            ..ClientConfig::default()
        };
        Self {
            host,
            target,
            state: LinkState::Closed,
            last_close: None,
            session: ClientSession::new(config),
            not_before: SimTime::ZERO,
            buffer: Vec::new(),
        }
    }

    /// The connection, if there is one.
    pub fn conn(&self) -> Option<ConnId> {
        match self.state {
            LinkState::Closed => None,
            LinkState::Opening(conn) | LinkState::Open(conn) => Some(conn),
        }
    }

    /// Asks; opens the connection if need be. The caller registers a new connection (returned) as its own.
    pub fn request(
        &mut self,
        now: SimTime,
        fabric: &mut Fabric,
        request: Request,
    ) -> Result<(RequestId, Option<ConnId>), QueueFull> {
        let opened = self.ensure_open(now, fabric);
        let id = self.session.request(now, request)?;
        self.flush(now, fabric);
        Ok((id, opened))
    }

    /// Opens the connection if it is closed and the time has come; returns it if it is new.
    pub fn ensure_open(&mut self, now: SimTime, fabric: &mut Fabric) -> Option<ConnId> {
        if self.state != LinkState::Closed || now < self.not_before {
            return None;
        }
        self.not_before = now + RETRY;
        let conn = fabric
            .connect(now, self.host, self.target, MODBUS_PORT)
            .ok()?;
        self.state = LinkState::Opening(conn);
        Some(conn)
    }

    /// The network established the connection.
    pub fn on_connected(&mut self, now: SimTime, fabric: &mut Fabric) {
        if let LinkState::Opening(conn) = self.state {
            self.state = LinkState::Open(conn);
        }
        self.flush(now, fabric);
    }

    /// Bytes are waiting.
    pub fn on_readable(&mut self, now: SimTime, fabric: &mut Fabric) {
        if let LinkState::Open(conn) = self.state {
            self.buffer.clear();
            if fabric.recv(now, conn, &mut self.buffer, usize::MAX).is_ok() {
                self.session.handle_input(now, &self.buffer);
            }
            self.flush(now, fabric);
        }
    }

    /// The connection ended.
    pub fn on_closed(&mut self, now: SimTime, fabric: &mut Fabric, reason: CloseReason) {
        if let (CloseReason::Fin, Some(conn)) = (reason, self.conn()) {
            let _gone = fabric.close(now, conn);
        }
        self.last_close = Some(reason);
        self.drop_session();
    }

    /// Closes the connection from this side.
    pub fn close(&mut self, now: SimTime, fabric: &mut Fabric) {
        if let Some(conn) = self.conn() {
            let _gone = fabric.close(now, conn);
        }
        self.drop_session();
    }

    /// Lets requests time out; a connection that answers nothing is given up.
    pub fn on_timer(&mut self, now: SimTime, fabric: &mut Fabric) {
        self.session.handle_timeout(now);
        self.flush(now, fabric);
    }

    /// The next thing that happened to a request.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        self.session.poll_event()
    }

    /// When `on_timer` is due.
    pub fn next_timeout(&self) -> Option<SimTime> {
        self.session.next_timeout()
    }

    /// Adds the state to a digest.
    pub fn digest(&self, hasher: &mut StateHasher) {
        hasher.u64(self.conn().map_or(0, |c| u64::from(c.0) + 1));
        hasher.u64(self.not_before.0);
        self.session.digest_into(&mut |bytes| hasher.bytes(bytes));
    }

    fn drop_session(&mut self) {
        self.session.handle_close();
        self.state = LinkState::Closed;
    }

    fn flush(&mut self, now: SimTime, fabric: &mut Fabric) {
        if let LinkState::Open(conn) = self.state {
            self.buffer.clear();
            if self.session.poll_output(&mut self.buffer) {
                // One request in flight is far below the send buffer, so nothing is left over.
                let _accepted = fabric.send(now, conn, &self.buffer);
            }
        }
    }
}
