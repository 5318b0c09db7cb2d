//! Protocol servers of one controller: Modbus and program management, one session a connection.

use crate::journal::Journal;
use sim_net::{CloseReason, ConnId, Fabric, HostId};
use sim_plc::Plc;
use sim_record::{
    ModbusRecord, PrincipalId, ProgramChange, RecordKind, SimDuration, SimTime, StateHasher,
};
use sim_scenario::model::Controller;
use sim_wire::device::{
    Area, BitTable, DeviceError, DeviceModel, DiagnosticEvent, Identity, Mode, Point, WordTable,
};
use sim_wire::management::{self, Action, ManagementConfig, ManagementRecord, ManagementServer};
use sim_wire::modbus::server::{
    Communication, CommunicationOf, ModbusPersona, ReplyTiming, ServerSession, Transaction,
};
use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;
use std::sync::Arc;

/// Connections that the management service takes.
const MANAGEMENT_CONNECTIONS: usize = 12;
/// Bytes taken from a connection in one go.
const READ_BYTES: usize = 4096;

enum Protocol {
    Modbus(ServerSession),
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

/// The controller that the sessions serve.
pub(crate) struct Served<'a> {
    pub name: &'a str,
    pub plc: &'a mut Plc,
    pub last_writer: &'a mut PrincipalId,
    /// When its replies leave, if its persona waits for the scan.
    pub next_scan: SimTime,
}

/// One Modbus read of an allow-listed poller, for flow totals.
pub(crate) struct Polled {
    pub peer: Ipv4Addr,
    pub exception: bool,
}

/// All sessions of one controller.
pub(crate) struct Sessions {
    speaks_modbus: bool,
    modbus: Arc<ModbusPersona>,
    /// What the Modbus sessions have in common, where the persona says so.
    communication: Communication,
    management: Arc<ManagementConfig>,
    reply_delay: SimDuration,
    open: BTreeMap<ConnId, Session>,
    delayed: VecDeque<(SimTime, ConnId, Vec<u8>)>,
    buffer: Vec<u8>,
}

impl Sessions {
    /// Servers by the controller's persona.
    pub fn new(controller: &Controller) -> Self {
        let modbus = crate::persona::modbus_persona(controller);
        let speaks_modbus = modbus.is_some();
        let modbus = modbus.unwrap_or_default();
        Self {
            speaks_modbus,
            communication: Communication::of(&modbus),
            modbus: Arc::new(modbus),
            management: Arc::new(ManagementConfig::default()),
            reply_delay: controller.reply_delay,
            open: BTreeMap::new(),
            delayed: VecDeque::new(),
            buffer: Vec::new(),
        }
    }

    /// Listens on the host.
    pub fn listen(&self, fabric: &mut Fabric, host: HostId) {
        if self.speaks_modbus {
            let connections = self.modbus.limits.connections;
            let _listening = fabric.listen(host, crate::link::MODBUS_PORT, connections);
        }
        let _listening = fabric.listen(host, management::TCP_PORT, MANAGEMENT_CONNECTIONS);
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
        let protocol = if port == crate::link::MODBUS_PORT {
            Protocol::Modbus(ServerSession::new(now, Arc::clone(&self.modbus)))
        } else {
            Protocol::Management(ManagementServer::new(now, Arc::clone(&self.management)))
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

    /// Serves what waits on a connection. Returns one entry a Modbus request of an allow-listed poller.
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
        let output = std::mem::take(&mut session.unsent);
        let due = match self.modbus.timing {
            ReplyTiming::AtOnce => now + self.reply_delay,
            ReplyTiming::AtScan => device.next_scan.max(now),
        };
        if due == now {
            session.unsent = output;
            session.flush(now, fabric, conn);
        } else if !output.is_empty() {
            self.delayed.push_back((due, conn, output));
        }
        if session.is_closed() {
            let _gone = fabric.close(now, conn);
            self.open.remove(&conn);
        }
        polled
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

    /// Sends delayed replies and closes idle connections.
    pub fn run_due(&mut self, now: SimTime, fabric: &mut Fabric) {
        while self.delayed.front().is_some_and(|(due, ..)| *due <= now) {
            if let Some((_, conn, bytes)) = self.delayed.pop_front()
                && let Some(session) = self.open.get_mut(&conn)
            {
                session.unsent.extend_from_slice(&bytes);
                session.flush(now, fabric, conn);
            }
        }
        let idle: Vec<ConnId> = self
            .open
            .iter()
            .filter(|(_, s)| s.next_timeout().is_some_and(|t| t <= now))
            .map(|(c, _)| *c)
            .collect();
        for conn in idle {
            self.open.remove(&conn);
            let _gone = fabric.close(now, conn);
        }
    }

    /// Adds the state to a digest.
    pub fn digest(&self, hasher: &mut StateHasher) {
        for (conn, session) in &self.open {
            hasher.u64(u64::from(conn.0));
            match &session.protocol {
                Protocol::Modbus(s) => s.digest_into(&mut |bytes| hasher.bytes(bytes)),
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
            plc: &mut *device.plc,
            changed: false,
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
                            exception: transaction.exception.is_some(),
                        });
                    } else {
                        let record = modbus_record(
                            &transaction,
                            conn,
                            self.peer,
                            name,
                            observed.changed,
                            self.by,
                            self.frame,
                        );
                        journal.record(RecordKind::Modbus(record));
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
                    record_management(journal, &record, name, observed.plc, self.by);
                }
            }
            any = true;
        }
        any
    }

    fn collect_output(&mut self) {
        match &mut self.protocol {
            Protocol::Modbus(s) => s.poll_output(&mut self.unsent),
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
            Protocol::Management(s) => s.is_closed(),
        }
    }

    fn next_timeout(&self) -> Option<SimTime> {
        match &self.protocol {
            Protocol::Modbus(s) => s.next_timeout(),
            Protocol::Management(s) => s.next_timeout(),
        }
    }
}

fn modbus_record(
    t: &Transaction,
    conn: ConnId,
    peer: Ipv4Addr,
    name: &str,
    changed: bool,
    by: PrincipalId,
    frame: u64,
) -> ModbusRecord {
    let addressed = matches!(t.function, 1..=6 | 15 | 16 | 22..=24);
    ModbusRecord {
        conn: conn.0,
        src: u32::from(peer),
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
        by,
        frame,
    }
}

fn record_management(
    journal: &mut Journal,
    record: &ManagementRecord,
    name: &str,
    plc: &Plc,
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
    let hash = blake3::Hash::from(plc.program_hash()).to_hex();
    journal.record(RecordKind::Program {
        asset: name.to_owned(),
        file: record.file.clone().unwrap_or_default(),
        change,
        hash: hash.as_str().get(..16).unwrap_or_default().to_owned(),
        by,
    });
}

/// A PLC that notes whether a write changed anything.
struct Observed<'a> {
    plc: &'a mut Plc,
    changed: bool,
}

impl DeviceModel for Observed<'_> {
    fn identity(&self) -> &Identity {
        self.plc.identity()
    }
    fn mode(&self) -> Mode {
        self.plc.mode()
    }
    fn request_mode(&mut self, now: SimTime, mode: Mode) -> Result<(), DeviceError> {
        self.plc.request_mode(now, mode)
    }
    fn read_bits(&self, table: BitTable, start: u16, out: &mut [bool]) -> Result<(), DeviceError> {
        self.plc.read_bits(table, start, out)
    }
    fn write_coils(
        &mut self,
        now: SimTime,
        start: u16,
        values: &[bool],
    ) -> Result<(), DeviceError> {
        let mut before = vec![false; values.len()];
        let known = self
            .plc
            .read_bits(BitTable::Coils, start, &mut before)
            .is_ok();
        self.plc.write_coils(now, start, values)?;
        self.changed |= !known || before != values;
        Ok(())
    }
    fn read_words(&self, table: WordTable, start: u16, out: &mut [u16]) -> Result<(), DeviceError> {
        self.plc.read_words(table, start, out)
    }
    fn write_words(&mut self, now: SimTime, start: u16, values: &[u16]) -> Result<(), DeviceError> {
        let mut before = vec![0; values.len()];
        let known = self
            .plc
            .read_words(WordTable::HoldingRegisters, start, &mut before)
            .is_ok();
        self.plc.write_words(now, start, values)?;
        self.changed |= !known || before != values;
        Ok(())
    }
    fn read_area(&self, area: Area, offset: u32, out: &mut [u8]) -> Result<(), DeviceError> {
        self.plc.read_area(area, offset, out)
    }
    fn write_area(
        &mut self,
        now: SimTime,
        area: Area,
        offset: u32,
        bytes: &[u8],
    ) -> Result<(), DeviceError> {
        let mut before = vec![0; bytes.len()];
        let known = self.plc.read_area(area, offset, &mut before).is_ok();
        self.plc.write_area(now, area, offset, bytes)?;
        self.changed |= !known || before != bytes;
        Ok(())
    }
    fn point(&self, tag: &str) -> Option<Point> {
        self.plc.point(tag)
    }
    fn diagnostics(&self) -> &[DiagnosticEvent] {
        self.plc.diagnostics()
    }
    fn file_names(&self) -> Vec<String> {
        self.plc.file_names()
    }
    fn read_file(&self, name: &str) -> Result<Vec<u8>, DeviceError> {
        self.plc.read_file(name)
    }
    fn write_file(&mut self, now: SimTime, name: &str, bytes: &[u8]) -> Result<(), DeviceError> {
        self.plc.write_file(now, name, bytes)
    }
}
