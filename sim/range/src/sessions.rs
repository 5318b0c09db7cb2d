//! Protocol servers of one controller: Modbus, S7comm and program management, one session a connection.

mod observed;
mod s7;

use crate::journal::Journal;
use observed::Observed;
use sim_net::{CloseReason, ConnId, Fabric, HostId};
use sim_plc::Plc;
use sim_record::{
    ModbusRecord, PrincipalId, ProgramChange, RecordKind, SimDuration, SimTime, StateHasher,
};
use sim_wire::device::DeviceModel;
use sim_wire::management::{self, Action, ManagementConfig, ManagementRecord, ManagementServer};
use sim_wire::modbus::server::{
    Communication, CommunicationOf, ModbusPersona, ReplyTiming, ServerSession, Transaction,
};
use sim_wire::s7::server::{ServerConfig as S7Config, ServerSession as S7Session};
use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;
use std::sync::Arc;

/// Connections that the management service takes.
const MANAGEMENT_CONNECTIONS: usize = 12;
/// Bytes taken from a connection in one go.
const READ_BYTES: usize = 4096;

enum Protocol {
    Modbus(ServerSession),
    S7(Box<S7Session>),
    Management(ManagementServer),
}

struct Session {
    protocol: Protocol,
    peer: Ipv4Addr,
    by: PrincipalId,
    allow_listed: bool,
    frame: u64,
    unsent: Vec<u8>,
}

/// What sessions can serve.
pub(crate) trait Device: DeviceModel {
    /// The CPU; none where nothing is programmed.
    fn cpu(&self) -> Option<&Plc>;
    /// The CPU, to act on.
    fn cpu_mut(&mut self) -> Option<&mut Plc>;
}

impl Device for Plc {
    fn cpu(&self) -> Option<&Plc> {
        Some(self)
    }
    fn cpu_mut(&mut self) -> Option<&mut Plc> {
        Some(self)
    }
}

/// What a controller serves.
pub(crate) struct Services {
    /// None where it speaks none.
    pub modbus: Option<ModbusPersona>,
    pub s7: Option<S7Config>,
    /// Program management of the engineering station.
    pub management: bool,
    pub reply_delay: SimDuration,
}

/// The controller that the sessions serve.
pub(crate) struct Served<'a> {
    pub name: &'a str,
    pub device: &'a mut dyn Device,
    pub last_writer: &'a mut PrincipalId,
    /// When its replies leave, if its persona waits for the scan.
    pub next_scan: SimTime,
}

/// One read of an allow-listed poller, for flow totals.
pub(crate) struct Polled {
    pub peer: Ipv4Addr,
    pub port: u16,
    pub exception: bool,
}

/// The connection that a request came by.
#[derive(Clone, Copy)]
struct Origin {
    conn: ConnId,
    peer: Ipv4Addr,
    by: PrincipalId,
    frame: u64,
}

/// All sessions of one controller.
pub(crate) struct Sessions {
    speaks_modbus: bool,
    modbus: Arc<ModbusPersona>,
    /// What the Modbus sessions have in common, where the persona says so.
    communication: Communication,
    s7: Option<Arc<S7Config>>,
    serves_management: bool,
    management: Arc<ManagementConfig>,
    reply_delay: SimDuration,
    open: BTreeMap<ConnId, Session>,
    delayed: VecDeque<(SimTime, ConnId, Vec<u8>)>,
    buffer: Vec<u8>,
}

impl Sessions {
    /// Servers of a controller.
    pub fn new(services: Services) -> Self {
        let speaks_modbus = services.modbus.is_some();
        let modbus = services.modbus.unwrap_or_default();
        Self {
            speaks_modbus,
            communication: Communication::of(&modbus),
            modbus: Arc::new(modbus),
            s7: services.s7.map(Arc::new),
            serves_management: services.management,
            management: Arc::new(ManagementConfig::default()),
            reply_delay: services.reply_delay,
            open: BTreeMap::new(),
            delayed: VecDeque::new(),
            buffer: Vec::new(),
        }
    }

    /// Listens on the host.
    pub fn listen(&self, fabric: &mut Fabric, host: HostId) {
        let mut listen = |port, connections| {
            let _listening = fabric.listen(host, port, connections);
        };
        if self.speaks_modbus {
            listen(crate::link::MODBUS_PORT, self.modbus.limits.connections);
        }
        if let Some(s7) = &self.s7 {
            listen(sim_wire::s7::TCP_PORT, usize::from(s7.persona.connections));
        }
        if self.serves_management {
            listen(management::TCP_PORT, MANAGEMENT_CONNECTIONS);
        }
    }

    /// Takes a connection that the network accepted.
    pub fn accept(
        &mut self,
        now: SimTime,
        conn: ConnId,
        port: u16,
        peer: Ipv4Addr,
        by: PrincipalId,
        allow_listed: bool,
    ) {
        let protocol = match (&self.s7, port) {
            (_, crate::link::MODBUS_PORT) => {
                Protocol::Modbus(ServerSession::new(now, Arc::clone(&self.modbus)))
            }
            (Some(s7), sim_wire::s7::TCP_PORT) => {
                Protocol::S7(Box::new(S7Session::new(now, Arc::clone(s7))))
            }
            _ => Protocol::Management(ManagementServer::new(now, Arc::clone(&self.management))),
        };
        self.open.insert(
            conn,
            Session {
                protocol,
                peer,
                by,
                allow_listed,
                frame: 0,
                unsent: Vec::new(),
            },
        );
    }

    /// Serves what waits on a connection. Returns one entry a read of an allow-listed poller.
    pub fn serve(
        &mut self,
        journal: &mut Journal,
        fabric: &mut Fabric,
        device: &mut Served,
        conn: ConnId,
        frame: u64,
    ) -> Vec<Polled> {
        let now = journal.now;
        let mut polled = Vec::new();
        let Some(session) = self.open.get_mut(&conn) else {
            return polled;
        };
        session.frame = frame;
        loop {
            self.buffer.clear();
            if fabric
                .recv(now, conn, &mut self.buffer, READ_BYTES)
                .is_err()
                || self.buffer.is_empty()
            {
                break;
            }
            let mut rest = self.buffer.as_slice();
            loop {
                let taken = session.handle_input(now, rest);
                rest = rest.get(taken..).unwrap_or(&[]);
                let of_device = (self.modbus.communication_of == CommunicationOf::Device)
                    .then_some(&mut self.communication);
                let worked = session.work(journal, device, of_device, conn, &mut polled);
                session.collect_output();
                // A session serves a bounded number of requests at a time: on until nothing whole is left.
                if !worked && (rest.is_empty() || taken == 0) {
                    break;
                }
            }
        }
        let due = self.reply_due(now, device.next_scan);
        self.send(now, fabric, conn, due);
        polled
    }

    /// When a reply made now leaves.
    fn reply_due(&self, now: SimTime, next_scan: SimTime) -> SimTime {
        match self.modbus.timing {
            ReplyTiming::AtOnce => now + self.reply_delay,
            ReplyTiming::AtScan => next_scan.max(now),
        }
    }

    /// Sends what a session has to say, now or when it is due, and closes it if it is done.
    fn send(&mut self, now: SimTime, fabric: &mut Fabric, conn: ConnId, due: SimTime) {
        let Some(session) = self.open.get_mut(&conn) else {
            return;
        };
        if due == now {
            session.flush(now, fabric, conn);
        } else if !session.unsent.is_empty() {
            let output = std::mem::take(&mut session.unsent);
            self.delayed.push_back((due, conn, output));
        }
        if session.is_closed() {
            let _gone = fabric.close(now, conn);
            self.open.remove(&conn);
        }
    }

    /// A connection takes bytes again.
    pub fn on_writable(&mut self, now: SimTime, fabric: &mut Fabric, conn: ConnId) {
        if let Some(session) = self.open.get_mut(&conn) {
            session.flush(now, fabric, conn);
        }
    }

    /// A connection ended.
    pub fn on_closed(
        &mut self,
        now: SimTime,
        fabric: &mut Fabric,
        conn: ConnId,
        reason: CloseReason,
    ) {
        if self.open.remove(&conn).is_some() && reason == CloseReason::Fin {
            let _gone = fabric.close(now, conn);
        }
    }

    /// True if this controller has that connection.
    pub fn has(&self, conn: ConnId) -> bool {
        self.open.contains_key(&conn)
    }

    /// True while somebody of whom `test` holds has a session.
    pub fn any_by(&self, test: &dyn Fn(PrincipalId) -> bool) -> bool {
        self.open.values().any(|s| test(s.by))
    }

    /// When a delayed reply or an idle timeout is due.
    pub fn next_due(&self) -> SimTime {
        let reply = self.delayed.front().map_or(SimTime::MAX, |(due, ..)| *due);
        self.open
            .values()
            .filter_map(Session::next_timeout)
            .min()
            .unwrap_or(SimTime::MAX)
            .min(reply)
    }

    /// Sends delayed replies and what sessions send unasked, and closes idle connections.
    pub fn run_due(&mut self, journal: &mut Journal, fabric: &mut Fabric, device: &mut Served) {
        let now = journal.now;
        while self.delayed.front().is_some_and(|(due, ..)| *due <= now) {
            if let Some((_, conn, bytes)) = self.delayed.pop_front()
                && let Some(session) = self.open.get_mut(&conn)
            {
                session.unsent.extend_from_slice(&bytes);
                session.flush(now, fabric, conn);
            }
        }
        let due: Vec<ConnId> = self
            .open
            .iter()
            .filter(|(_, s)| s.next_timeout().is_some_and(|t| t <= now))
            .map(|(c, _)| *c)
            .collect();
        for conn in due {
            if let Some(session) = self.open.get_mut(&conn) {
                session.handle_timeout(now);
                session.work_all(journal, device, conn, &mut Vec::new());
                session.collect_output();
            }
            self.send(now, fabric, conn, now);
        }
    }

    /// Adds the state to a digest.
    pub fn digest(&self, hasher: &mut StateHasher) {
        for (conn, session) in &self.open {
            hasher.u64(u64::from(conn.0));
            match &session.protocol {
                Protocol::Modbus(s) => s.digest_into(&mut |bytes| hasher.bytes(bytes)),
                Protocol::S7(s) => s.digest_into(&mut |bytes| hasher.bytes(bytes)),
                Protocol::Management(s) => s.digest_into(&mut |bytes| hasher.bytes(bytes)),
            }
            hasher.bytes(&session.unsent);
        }
        hasher.u64(self.delayed.len() as u64);
        if self.modbus.communication_of == CommunicationOf::Device {
            self.communication
                .digest_into(&mut |bytes| hasher.bytes(bytes));
        }
    }
}

impl Session {
    fn handle_input(&mut self, now: SimTime, bytes: &[u8]) -> usize {
        match &mut self.protocol {
            Protocol::Modbus(s) => s.handle_input(now, bytes),
            Protocol::S7(s) => s.handle_input(now, bytes),
            Protocol::Management(s) => s.handle_input(now, bytes),
        }
    }

    /// Works every whole request; true if there was one.
    fn work(
        &mut self,
        journal: &mut Journal,
        device: &mut Served,
        mut of_device: Option<&mut Communication>,
        conn: ConnId,
        polled: &mut Vec<Polled>,
    ) -> bool {
        self.exchange_communication(of_device.as_deref_mut());
        let any = self.work_all(journal, device, conn, polled);
        self.exchange_communication(of_device);
        any
    }

    /// Lends the session what the device's sessions have in common, or takes it back.
    fn exchange_communication(&mut self, of_device: Option<&mut Communication>) {
        if let (Protocol::Modbus(session), Some(of_device)) = (&mut self.protocol, of_device) {
            session.exchange_communication(of_device);
        }
    }

    fn work_all(
        &mut self,
        journal: &mut Journal,
        device: &mut Served,
        conn: ConnId,
        polled: &mut Vec<Polled>,
    ) -> bool {
        let now = journal.now;
        let mut any = false;
        let name = device.name;
        let mut observed = Observed {
            device: &mut *device.device,
            changed: false,
        };
        let origin = Origin {
            conn,
            peer: self.peer,
            by: self.by,
            frame: self.frame,
        };
        loop {
            observed.changed = false;
            match &mut self.protocol {
                Protocol::Modbus(session) => {
                    let Some(transaction) = session.step(now, &mut observed) else {
                        break;
                    };
                    if transaction.write && transaction.exception.is_none() {
                        *device.last_writer = self.by;
                    }
                    if self.allow_listed && !transaction.write {
                        polled.push(Polled {
                            peer: self.peer,
                            port: crate::link::MODBUS_PORT,
                            exception: transaction.exception.is_some(),
                        });
                    } else {
                        let record = modbus_record(&transaction, origin, name, observed.changed);
                        journal.record(RecordKind::Modbus(record));
                    }
                }
                Protocol::S7(session) => {
                    let Some(transaction) = session.step(now, &mut observed) else {
                        break;
                    };
                    if transaction.is_write() && transaction.is_done() {
                        *device.last_writer = self.by;
                    }
                    if self.allow_listed && s7::is_poll(&transaction) {
                        polled.push(Polled {
                            peer: self.peer,
                            port: sim_wire::s7::TCP_PORT,
                            exception: !transaction.is_done(),
                        });
                    } else {
                        s7::record(journal, &transaction, origin, name, &observed);
                    }
                }
                Protocol::Management(session) => {
                    let Some(record) = session.step(now, &mut observed) else {
                        break;
                    };
                    if record.refusal.is_none()
                        && matches!(record.action, Action::Download | Action::SetMode)
                    {
                        *device.last_writer = self.by;
                    }
                    record_management(journal, &record, name, observed.device, self.by);
                }
            }
            any = true;
        }
        any
    }

    fn collect_output(&mut self) {
        match &mut self.protocol {
            Protocol::Modbus(s) => s.poll_output(&mut self.unsent),
            Protocol::S7(s) => s.poll_output(&mut self.unsent),
            Protocol::Management(s) => s.poll_output(&mut self.unsent),
        };
    }

    fn flush(&mut self, now: SimTime, fabric: &mut Fabric, conn: ConnId) {
        if !self.unsent.is_empty()
            && let Ok(accepted) = fabric.send(now, conn, &self.unsent)
        {
            self.unsent.drain(..accepted.min(self.unsent.len()));
        }
    }

    fn is_closed(&self) -> bool {
        match &self.protocol {
            Protocol::Modbus(s) => s.is_closed(),
            Protocol::S7(s) => s.is_closed(),
            Protocol::Management(s) => s.is_closed(),
        }
    }

    fn handle_timeout(&mut self, now: SimTime) {
        match &mut self.protocol {
            Protocol::Modbus(s) => s.handle_timeout(now),
            Protocol::S7(s) => s.handle_timeout(now),
            Protocol::Management(s) => s.handle_timeout(now),
        }
    }

    fn next_timeout(&self) -> Option<SimTime> {
        match &self.protocol {
            Protocol::Modbus(s) => s.next_timeout(),
            Protocol::S7(s) => s.next_timeout(),
            Protocol::Management(s) => s.next_timeout(),
        }
    }
}

fn modbus_record(t: &Transaction, origin: Origin, name: &str, changed: bool) -> ModbusRecord {
    let addressed = matches!(t.function, 1..=6 | 15 | 16 | 22..=24);
    ModbusRecord {
        conn: origin.conn.0,
        src: u32::from(origin.peer),
        asset: name.to_owned(),
        unit: t.unit,
        function: t.function,
        address: addressed.then_some(t.address),
        count: t.count,
        values: if t.write {
            t.values.as_slice().to_vec()
        } else {
            Vec::new()
        },
        write: t.write,
        changed,
        exception: t.exception,
        by: origin.by,
        frame: origin.frame,
    }
}

fn record_management(
    journal: &mut Journal,
    record: &ManagementRecord,
    name: &str,
    device: &dyn Device,
    by: PrincipalId,
) {
    if record.refusal.is_some() {
        return;
    }
    let change = match record.action {
        Action::Download => ProgramChange::Downloaded,
        Action::Upload => ProgramChange::Uploaded,
        _ => return,
    };
    let cpu = device.cpu();
    if let Some(cpu) = cpu {
        let file = record.file.clone().unwrap_or_default();
        record_program(journal, name, file, change, cpu, by);
    }
}

/// Records what became of a program file or a block.
fn record_program(
    journal: &mut Journal,
    name: &str,
    file: String,
    change: ProgramChange,
    plc: &Plc,
    by: PrincipalId,
) {
    let hash = blake3::Hash::from(plc.program_hash()).to_hex();
    journal.record(RecordKind::Program {
        asset: name.to_owned(),
        file,
        change,
        hash: hash.as_str().get(..16).unwrap_or_default().to_owned(),
        by,
    });
}
