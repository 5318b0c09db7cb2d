//! One client connection of a station or tool to a controller over the virtual network, reopened when lost.
//!
//! It asks by register: over Modbus, or over S7comm where the controller is an S7 CPU.

mod s7;

pub(crate) use s7::Registers;
use s7::S7Session;

use sim_net::{CloseReason, ConnId, Fabric, HostId};
use sim_record::{SimDuration, SimTime, StateHasher};
use sim_wire::modbus::Request;
use sim_wire::modbus::client::{ClientConfig, ClientEvent, ClientSession, QueueFull, RequestId};
use std::net::Ipv4Addr;
use std::sync::Arc;

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

/// The client side of a protocol, as a link uses it.
trait Session: Send {
    fn request(&mut self, now: SimTime, request: Request) -> Result<RequestId, QueueFull>;
    fn handle_input(&mut self, now: SimTime, bytes: &[u8]);
    fn handle_timeout(&mut self, now: SimTime);
    fn handle_close(&mut self);
    fn poll_event(&mut self) -> Option<ClientEvent>;
    fn poll_output(&mut self, out: &mut Vec<u8>) -> bool;
    fn next_timeout(&self) -> Option<SimTime>;
    fn digest_into(&self, sink: &mut dyn FnMut(&[u8]));
}

/// A controller as a link reaches it.
#[derive(Clone)]
pub(crate) struct Target {
    pub ip: Ipv4Addr,
    /// Modbus unit.
    pub unit: u8,
    /// Where it is an S7 CPU.
    pub s7: Option<Arc<Registers>>,
}

/// A client connection to one controller.
pub(crate) struct Link {
    pub host: HostId,
    target: (Ipv4Addr, u16),
    pub state: LinkState,
    /// Why the last attempt or connection ended.
    pub last_close: Option<CloseReason>,
    session: Box<dyn Session>,
    not_before: SimTime,
    buffer: Vec<u8>,
}

impl Link {
    /// A closed link.
    pub fn new(host: HostId, target: Target) -> Self {
        let (session, port): (Box<dyn Session>, u16) = match target.s7 {
            Some(registers) => (Box::new(S7Session::new(registers)), sim_wire::s7::TCP_PORT),
            None => {
                let config = ClientConfig {
                    unit: target.unit,
                    ..ClientConfig::default()
                };
                (Box::new(ClientSession::new(config)), MODBUS_PORT)
            }
        };
        Self {
            host,
            target: (target.ip, port),
            state: LinkState::Closed,
            last_close: None,
            session,
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
            .connect(now, self.host, self.target.0, self.target.1)
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

impl Session for ClientSession {
    fn request(&mut self, now: SimTime, request: Request) -> Result<RequestId, QueueFull> {
        Self::request(self, now, request)
    }
    fn handle_input(&mut self, now: SimTime, bytes: &[u8]) {
        Self::handle_input(self, now, bytes);
    }
    fn handle_timeout(&mut self, now: SimTime) {
        Self::handle_timeout(self, now);
    }
    fn handle_close(&mut self) {
        Self::handle_close(self);
    }
    fn poll_event(&mut self) -> Option<ClientEvent> {
        Self::poll_event(self)
    }
    fn poll_output(&mut self, out: &mut Vec<u8>) -> bool {
        Self::poll_output(self, out)
    }
    fn next_timeout(&self) -> Option<SimTime> {
        Self::next_timeout(self)
    }
    fn digest_into(&self, sink: &mut dyn FnMut(&[u8])) {
        Self::digest_into(self, sink);
    }
}
