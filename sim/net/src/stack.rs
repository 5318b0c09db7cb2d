//! TCP of one host. This module drives smoltcp, with the sockets in `wires`.
//!
//! smoltcp has no accept backlog, so a listening socket is made when a SYN arrives (the SYN trap): idle services cost
//! no socket, and each service has a cap. What a service would answer wrongly is kept from smoltcp: a segment without
//! ACK to a listening port is dropped in silence (RFC 9293 3.10.7.2), or FIN and Xmas scans would call the port closed.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use sim_record::{SimTime, StateHasher};
use smoltcp::iface::{Config, Interface};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr, IpEndpoint, IpListenEndpoint};

use crate::event::{CloseReason, Stats};
use crate::fabric::NetError;
use crate::ids::{ConnId, HostId};
use crate::limits;
use crate::packet::{
    ETHERNET_HEADER_LEN, Ipv4, Provenance, Tcp, tcp_checksum_holds, tcp_reset_reply,
};
use crate::wires::{Place, Wires};

/// The TCP part of a host: services, connections, timers.
pub(crate) struct Stack {
    interface: Interface,
    sockets: Wires,
    device: Queue,
    slots: Vec<Slot>,
    /// Listening ports with the most connections each may have.
    services: BTreeMap<u16, usize>,
    ip: Ipv4Addr,
    buffer_bytes: usize,
    next_port: u16,
}

/// What a stack reports to its host.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StackEvent {
    Accepted {
        conn: ConnId,
        port: u16,
        peer: (Ipv4Addr, u16),
        syn: Provenance,
    },
    Connected {
        conn: ConnId,
    },
    Readable {
        conn: ConnId,
        origin: HostId,
        frame: u64,
    },
    Writable {
        conn: ConnId,
    },
    Closed {
        conn: ConnId,
        reason: CloseReason,
    },
}

#[derive(Debug)]
struct Slot {
    place: Place,
    conn: Option<ConnId>,
    phase: Phase,
    local_port: u16,
    peer: (Ipv4Addr, u16),
    syn: Provenance,
    newest: Provenance,
    readable_reported: bool,
    fin_reported: bool,
    wants_room: bool,
    reset_seen: bool,
    unreachable: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// A SYN came in; nobody knows of it yet.
    HalfOpen,
    /// We sent a SYN.
    Connecting,
    /// Established and in the hands of an application.
    Open,
    /// Given up by the application.
    Lingering,
    /// To be removed without another word.
    Discarded,
}

impl Stack {
    pub(crate) fn new(ip: Ipv4Addr, prefix: u8, buffer_bytes: usize, seed: u64) -> Self {
        let mut device = Queue::default();
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = seed;
        let mut interface = Interface::new(config, &mut device, Instant::ZERO);
        interface.update_ip_addrs(|addresses| {
            // Room for at least one address is a compile-time constant of smoltcp.
            let _ = addresses.push(IpCidr::new(IpAddress::Ipv4(ip), prefix));
        });
        let span = EPHEMERAL_LAST - EPHEMERAL_FIRST + 1;
        let next_port = EPHEMERAL_FIRST + u16::try_from(seed % u64::from(span)).unwrap_or(0);
        Self {
            interface,
            sockets: Wires::default(),
            device,
            slots: Vec::new(),
            services: BTreeMap::new(),
            ip,
            buffer_bytes,
            next_port,
        }
    }

    /// Opens a port for up to `max` connections at a time.
    pub(crate) fn listen(&mut self, port: u16, max: usize) -> Result<(), NetError> {
        if port == 0 {
            return Err(NetError::BadPort);
        }
        if !self.services.contains_key(&port) && self.services.len() >= limits::SERVICES_MAX {
            return Err(NetError::TooMany);
        }
        self.services
            .insert(port, max.clamp(1, limits::SOCKETS_MAX));
        Ok(())
    }

    /// Closes a port; established connections stay.
    pub(crate) fn unlisten(&mut self, port: u16) {
        self.services.remove(&port);
        let (sockets, slots) = (&mut self.sockets, &mut self.slots);
        slots.retain(|slot| {
            let gone = slot.phase == Phase::HalfOpen && slot.local_port == port;
            if gone {
                sockets.remove(slot.place);
            }
            !gone
        });
    }

    /// Starts a connection.
    pub(crate) fn connect(
        &mut self,
        conn: ConnId,
        dst: (Ipv4Addr, u16),
        origin: HostId,
        stats: &mut Stats,
    ) -> Result<(), NetError> {
        if dst.1 == 0 {
            return Err(NetError::BadPort);
        }
        if !self.make_room(stats) {
            return Err(NetError::TooMany);
        }
        let local_port = self.free_port(dst).ok_or(NetError::TooMany)?;
        let mut socket = self.socket();
        socket.set_timeout(Some(Duration::from_micros(limits::CONNECT_TIMEOUT_US)));
        let remote = IpEndpoint::new(IpAddress::Ipv4(dst.0), dst.1);
        let local = IpListenEndpoint {
            addr: Some(IpAddress::Ipv4(self.ip)),
            port: local_port,
        };
        socket
            .connect(self.interface.context(), remote, local)
            .map_err(|_| NetError::NoRoute)?;
        let own = Provenance { origin, frame: 0 };
        self.add(socket, Some(conn), Phase::Connecting, local_port, dst, own);
        Ok(())
    }

    /// Queues bytes and says how many were taken.
    pub(crate) fn send(&mut self, conn: ConnId, data: &[u8]) -> Result<usize, NetError> {
        let slot = self
            .slots
            .iter_mut()
            .find(|s| s.conn == Some(conn))
            .ok_or(NetError::NoConnection)?;
        let socket = self.sockets.get_mut(slot.place);
        let taken = socket
            .send_slice(data)
            .map_err(|_| NetError::NotEstablished)?;
        if taken < data.len() {
            slot.wants_room = true;
        }
        if taken > 0 {
            socket.set_timeout(Some(Duration::from_micros(limits::DATA_TIMEOUT_US)));
        }
        Ok(taken)
    }

    /// Moves up to `max` received bytes to `into`; returns how many were moved and how many are left.
    pub(crate) fn recv(
        &mut self,
        conn: ConnId,
        into: &mut Vec<u8>,
        max: usize,
    ) -> Result<(usize, usize), NetError> {
        let slot = self
            .slots
            .iter_mut()
            .find(|s| s.conn == Some(conn))
            .ok_or(NetError::NoConnection)?;
        let socket = self.sockets.get_mut(slot.place);
        let mut moved = 0;
        // One call gives only what lies in one piece in the ring; without the loop a transfer stalls at each wrap.
        while moved < max && socket.can_recv() {
            let taken = socket.recv(|bytes| {
                let take = bytes.len().min(max - moved);
                into.extend_from_slice(bytes.get(..take).unwrap_or(&[]));
                (take, take)
            });
            match taken {
                Ok(n) if n > 0 => moved += n,
                _ => break,
            }
        }
        let left = socket.recv_queue();
        slot.readable_reported = left > 0;
        Ok((moved, left))
    }

    /// Sends what is queued, then a FIN. The id is no longer valid.
    pub(crate) fn close(&mut self, conn: ConnId) -> Result<(), NetError> {
        let slot = self
            .slots
            .iter_mut()
            .find(|s| s.conn == Some(conn))
            .ok_or(NetError::NoConnection)?;
        let socket = self.sockets.get_mut(slot.place);
        // Unread bytes make it a reset, as in real stacks (RFC 2525 2.17).
        if socket.recv_queue() > 0 {
            socket.abort();
        } else {
            socket.close();
        }
        socket.set_timeout(Some(Duration::from_micros(limits::LINGER_TIMEOUT_US)));
        slot.conn = None;
        slot.phase = Phase::Lingering;
        Ok(())
    }

    /// Sends a RST. The id is no longer valid.
    pub(crate) fn abort(&mut self, conn: ConnId) -> Result<(), NetError> {
        let slot = self
            .slots
            .iter_mut()
            .find(|s| s.conn == Some(conn))
            .ok_or(NetError::NoConnection)?;
        self.sockets.get_mut(slot.place).abort();
        slot.conn = None;
        slot.phase = Phase::Lingering;
        Ok(())
    }

    /// Takes a whole TCP packet for this host, behind room for its Ethernet header.
    pub(crate) fn ingress(
        &mut self,
        now: SimTime,
        frame: Vec<u8>,
        ip: &Ipv4,
        from: Provenance,
        stats: &mut Stats,
    ) {
        let packet = frame.get(ETHERNET_HEADER_LEN..).unwrap_or(&[]);
        let Some(tcp) = Tcp::parse(ip.payload(packet)) else {
            stats.frames_malformed += 1;
            return;
        };
        let peer = (ip.src, tcp.src_port);
        let known = self
            .slots
            .iter()
            .position(|s| s.local_port == tcp.dst_port && s.peer == peer);
        let new_syn = tcp.flags & (Tcp::SYN | Tcp::ACK | Tcp::RST | Tcp::FIN) == Tcp::SYN;
        let known = known.filter(|&index| !(new_syn && self.forget_time_wait(index)));
        let Some(index) = known else {
            self.ingress_unknown(now, frame, ip, &tcp, from, stats);
            return;
        };
        let waiting = self.received_at(index);
        self.feed(now, frame, index);
        let grown = self.received_at(index) > waiting;
        let Some(slot) = self.slots.get_mut(index) else {
            return;
        };
        if grown {
            slot.newest = from;
        }
        let closed = self.sockets.get(slot.place).state() == tcp::State::Closed;
        slot.reset_seen |= closed && tcp.has(Tcp::RST);
    }

    /// A segment of no connection: a SYN to a service opens one, any other that asks for an answer is reset.
    fn ingress_unknown(
        &mut self,
        now: SimTime,
        frame: Vec<u8>,
        ip: &Ipv4,
        tcp: &Tcp,
        from: Provenance,
        stats: &mut Stats,
    ) {
        let payload = ip.payload(frame.get(ETHERNET_HEADER_LEN..).unwrap_or(&[]));
        if !tcp_checksum_holds(ip, payload) {
            stats.frames_malformed += 1;
            return;
        }
        let listening = self.services.contains_key(&tcp.dst_port);
        let new_syn = tcp.flags & (Tcp::SYN | Tcp::ACK | Tcp::RST | Tcp::FIN) == Tcp::SYN;
        if listening && new_syn {
            if self.trap_syn(tcp.dst_port, (ip.src, tcp.src_port), from, stats) {
                // The newest slot is the one that was made for it.
                self.feed(now, frame, self.slots.len().saturating_sub(1));
            } else {
                stats.syns_dropped += 1;
            }
        } else if !listening || tcp.has(Tcp::ACK) {
            let len = payload.len().saturating_sub(tcp.header_len);
            self.device.sent.extend(tcp_reset_reply(ip, tcp, len));
        }
    }

    /// Lets the socket of a slot read one packet.
    fn feed(&mut self, now: SimTime, frame: Vec<u8>, index: usize) {
        let Some(slot) = self.slots.get(index) else {
            return;
        };
        self.device.received = Some(frame);
        self.sockets
            .ingress(slot.place, now, &mut self.interface, &mut self.device);
        self.device.received = None;
    }

    fn received_at(&self, index: usize) -> usize {
        self.slots
            .get(index)
            .map_or(0, |s| self.sockets.get(s.place).recv_queue())
    }

    /// Marks attempts to reach `dst` as hopeless.
    pub(crate) fn unreachable(&mut self, local_port: u16, dst: (Ipv4Addr, u16)) {
        for slot in &mut self.slots {
            let matches = slot.local_port == local_port && slot.peer == dst;
            if matches && slot.phase == Phase::Connecting {
                slot.unreachable = true;
            }
        }
    }

    /// Sends what is due, collects events and says when to come back.
    ///
    /// `new_conn` gives ids for accepted connections.
    pub(crate) fn flush(
        &mut self,
        now: SimTime,
        new_conn: &mut dyn FnMut() -> Option<ConnId>,
        events: &mut Vec<StackEvent>,
    ) -> Option<SimTime> {
        if self.slots.is_empty() {
            return None;
        }
        if self.slots.iter().any(|s| s.unreachable) {
            self.give_up_unreachable(events);
        }
        self.sockets.wake(now);
        self.egress(now);
        let mut again = Vec::new();
        for slot in &mut self.slots {
            if self.sockets.is_touched(slot.place)
                && slot.check(self.sockets.get_mut(slot.place), new_conn, events)
            {
                self.sockets.send_more(slot.place);
                again.push(slot.place);
            }
        }
        if !again.is_empty() {
            self.egress(now);
        }
        self.reap();
        let due = self.sockets.settle(now, &mut self.interface, &again)?;
        // Never the same instant again, whatever a socket says.
        Some(due.max(SimTime(now.0.saturating_add(1))))
    }

    /// Takes the packets to send, each behind room for its Ethernet header.
    pub(crate) fn take_sent(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.device.sent)
    }

    /// Drops every connection and service in silence, as a loss of power does; returns the ids that were in use.
    pub(crate) fn power_off(&mut self) -> Vec<ConnId> {
        let conns = self.slots.iter().filter_map(|s| s.conn).collect();
        for slot in self.slots.drain(..) {
            self.sockets.remove(slot.place);
        }
        self.services.clear();
        self.device.sent.clear();
        conns
    }

    /// Address and port of the other end, and our port.
    pub(crate) fn endpoints(&self, conn: ConnId) -> Option<((Ipv4Addr, u16), u16)> {
        let slot = self.slots.iter().find(|s| s.conn == Some(conn))?;
        Some((slot.peer, slot.local_port))
    }

    /// Who sent the newest segment with data on a connection.
    pub(crate) fn newest(&self, conn: ConnId) -> Option<Provenance> {
        self.slots
            .iter()
            .find(|s| s.conn == Some(conn))
            .map(|s| s.newest)
    }

    /// Sockets in use.
    pub(crate) fn socket_count(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn digest(&self, hasher: &mut StateHasher) {
        hasher.u64(u64::from(self.next_port));
        for (port, max) in &self.services {
            hasher.u64((u64::from(*port) << 16) | *max as u64);
        }
        hasher.u64(self.slots.len() as u64);
        for slot in &self.slots {
            let socket = self.sockets.get(slot.place);
            hasher.u64(u64::from(slot.conn.map_or(0, |c| c.0)));
            hasher.u64(slot.phase as u64);
            hasher.u64(socket.state() as u64);
            hasher.u64((u64::from(slot.peer.0.to_bits()) << 32) | u64::from(slot.peer.1));
            hasher.u64(u64::from(slot.local_port));
            hasher.u64(socket.send_queue() as u64);
            hasher.u64(socket.recv_queue() as u64);
        }
    }

    fn egress(&mut self, now: SimTime) {
        self.sockets
            .egress(now, &mut self.interface, &mut self.device);
    }

    /// Ends hopeless attempts before they send once more.
    fn give_up_unreachable(&mut self, events: &mut Vec<StackEvent>) {
        for slot in self.slots.iter_mut().filter(|s| s.unreachable) {
            let state = self.sockets.get(slot.place).state();
            if slot.phase == Phase::Connecting && state == tcp::State::SynSent {
                slot.closed(CloseReason::Unreachable, Phase::Discarded, events);
            }
        }
        self.reap();
    }

    /// Removes sockets that are done.
    fn reap(&mut self) {
        let (sockets, slots) = (&mut self.sockets, &mut self.slots);
        slots.retain(|slot| {
            let socket = sockets.get(slot.place);
            let done = match slot.phase {
                Phase::HalfOpen => {
                    matches!(socket.state(), tcp::State::Listen | tcp::State::Closed)
                }
                Phase::Lingering => {
                    socket.state() == tcp::State::Closed && socket.remote_endpoint().is_none()
                }
                Phase::Discarded => true,
                Phase::Connecting | Phase::Open => false,
            };
            if done {
                sockets.remove(slot.place);
            }
            !done
        });
    }

    fn trap_syn(
        &mut self,
        port: u16,
        peer: (Ipv4Addr, u16),
        syn: Provenance,
        stats: &mut Stats,
    ) -> bool {
        let Some(&max) = self.services.get(&port) else {
            return false;
        };
        let of_service = |s: &&Slot| s.local_port == port && s.phase != Phase::Connecting;
        if self.slots.iter().filter(of_service).count() >= max {
            let spent = self.evict(|s, state| s.local_port == port && is_spent(s, state));
            let evicted =
                !spent && self.evict(|s, _| s.phase == Phase::HalfOpen && s.local_port == port);
            stats.half_open_evicted += u64::from(evicted);
            if !spent && !evicted {
                return false;
            }
        }
        if !self.make_room(stats) {
            return false;
        }
        let mut socket = self.socket();
        socket.set_timeout(Some(Duration::from_micros(limits::SYN_TIMEOUT_US)));
        if socket.listen(port).is_err() {
            return false;
        }
        self.add(socket, None, Phase::HalfOpen, port, peer, syn);
        true
    }

    /// Frees a socket if none is left: one that only waits for late segments, or else the oldest half-open one.
    fn make_room(&mut self, stats: &mut Stats) -> bool {
        if self.slots.len() < limits::SOCKETS_MAX || self.evict(is_spent) {
            return true;
        }
        let evicted = self.evict(|slot, _| slot.phase == Phase::HalfOpen);
        stats.half_open_evicted += u64::from(evicted);
        evicted
    }

    fn evict(&mut self, which: impl Fn(&Slot, tcp::State) -> bool) -> bool {
        let sockets = &self.sockets;
        let found = self
            .slots
            .iter()
            .position(|s| which(s, sockets.get(s.place).state()));
        let Some(index) = found else { return false };
        let slot = self.slots.remove(index);
        self.sockets.remove(slot.place);
        true
    }

    /// A new SYN for a connection in TIME-WAIT begins a new one (RFC 9293 MAY-2).
    fn forget_time_wait(&mut self, index: usize) -> bool {
        let Some(slot) = self.slots.get(index) else {
            return false;
        };
        let state = self.sockets.get(slot.place).state();
        if !is_spent(slot, state) {
            return false;
        }
        let slot = self.slots.remove(index);
        self.sockets.remove(slot.place);
        true
    }

    fn add(
        &mut self,
        socket: tcp::Socket<'static>,
        conn: Option<ConnId>,
        phase: Phase,
        local_port: u16,
        peer: (Ipv4Addr, u16),
        syn: Provenance,
    ) {
        let place = self.sockets.add(socket);
        self.slots.push(Slot {
            place,
            conn,
            phase,
            local_port,
            peer,
            syn,
            newest: syn,
            readable_reported: false,
            fin_reported: false,
            wants_room: false,
            reset_seen: false,
            unreachable: false,
        });
    }

    fn socket(&self) -> tcp::Socket<'static> {
        let buffer = || tcp::SocketBuffer::new(vec![0; self.buffer_bytes]);
        let mut socket = tcp::Socket::new(buffer(), buffer());
        // Controllers send each answer at once.
        socket.set_nagle_enabled(false);
        socket.set_ack_delay(Some(Duration::from_micros(limits::ACK_DELAY_US)));
        socket
    }

    fn free_port(&mut self, dst: (Ipv4Addr, u16)) -> Option<u16> {
        // More tries than there are sockets: one of them is free.
        for _ in 0..=limits::SOCKETS_MAX + limits::SERVICES_MAX {
            let port = self.next_port;
            self.next_port = if port == EPHEMERAL_LAST {
                EPHEMERAL_FIRST
            } else {
                port + 1
            };
            let used = self
                .slots
                .iter()
                .any(|s| s.local_port == port && s.peer == dst);
            if !used && !self.services.contains_key(&port) {
                return Some(port);
            }
        }
        None
    }
}

/// First port of our own connections (RFC 6335, dynamic ports).
const EPHEMERAL_FIRST: u16 = 49_152;
/// Last port of our own connections.
const EPHEMERAL_LAST: u16 = 65_535;

fn is_spent(slot: &Slot, state: tcp::State) -> bool {
    slot.phase == Phase::Lingering && matches!(state, tcp::State::TimeWait | tcp::State::Closed)
}

impl Slot {
    /// Reports what changed; true where the socket has something to send because of that.
    fn check(
        &mut self,
        socket: &mut tcp::Socket<'static>,
        new_conn: &mut dyn FnMut() -> Option<ConnId>,
        events: &mut Vec<StackEvent>,
    ) -> bool {
        let state = socket.state();
        let opening = matches!(state, tcp::State::SynSent | tcp::State::SynReceived);
        match self.phase {
            Phase::HalfOpen
                if opening || matches!(state, tcp::State::Listen | tcp::State::Closed) =>
            {
                false
            }
            Phase::HalfOpen => {
                socket.set_timeout(None);
                self.conn = new_conn();
                let Some(conn) = self.conn else {
                    self.phase = Phase::Lingering;
                    socket.abort();
                    return true;
                };
                self.phase = Phase::Open;
                let (port, peer, syn) = (self.local_port, self.peer, self.syn);
                events.push(StackEvent::Accepted {
                    conn,
                    port,
                    peer,
                    syn,
                });
                self.check_open(socket, events)
            }
            Phase::Connecting if opening => false,
            Phase::Connecting if state == tcp::State::Closed => {
                let reason = if self.reset_seen {
                    CloseReason::Refused
                } else {
                    CloseReason::Timeout
                };
                self.closed(reason, Phase::Lingering, events);
                false
            }
            Phase::Connecting => {
                self.phase = Phase::Open;
                socket.set_timeout(None);
                events.extend(self.conn.map(|conn| StackEvent::Connected { conn }));
                self.check_open(socket, events)
            }
            Phase::Open => self.check_open(socket, events),
            // Nobody will read what still comes: answer with a reset, as real stacks do.
            Phase::Lingering if socket.recv_queue() > 0 && state != tcp::State::Closed => {
                socket.abort();
                true
            }
            Phase::Lingering | Phase::Discarded => false,
        }
    }

    fn check_open(
        &mut self,
        socket: &mut tcp::Socket<'static>,
        events: &mut Vec<StackEvent>,
    ) -> bool {
        let Some(conn) = self.conn else { return false };
        if socket.state() == tcp::State::Closed {
            let reason = if self.reset_seen {
                CloseReason::Reset
            } else {
                CloseReason::Timeout
            };
            self.closed(reason, Phase::Lingering, events);
            return false;
        }
        if socket.recv_queue() > 0 && !self.readable_reported {
            self.readable_reported = true;
            let Provenance { origin, frame } = self.newest;
            events.push(StackEvent::Readable {
                conn,
                origin,
                frame,
            });
        }
        if self.wants_room && socket.send_queue() * 2 <= socket.send_capacity() {
            self.wants_room = false;
            events.push(StackEvent::Writable { conn });
        }
        if socket.send_queue() == 0 && socket.timeout().is_some() {
            socket.set_timeout(None);
        }
        if socket.state() == tcp::State::CloseWait && !self.fin_reported {
            self.fin_reported = true;
            events.push(StackEvent::Closed {
                conn,
                reason: CloseReason::Fin,
            });
        }
        false
    }

    fn closed(&mut self, reason: CloseReason, phase: Phase, events: &mut Vec<StackEvent>) {
        self.phase = phase;
        events.extend(
            self.conn
                .take()
                .map(|conn| StackEvent::Closed { conn, reason }),
        );
    }
}

pub(crate) fn instant(time: SimTime) -> Instant {
    Instant::from_micros(i64::try_from(time.0).unwrap_or(i64::MAX))
}

/// The device between smoltcp and the fabric: one packet in, any number out.
#[derive(Default)]
pub(crate) struct Queue {
    received: Option<Vec<u8>>,
    sent: Vec<Vec<u8>>,
}

pub(crate) struct Received(Vec<u8>);
pub(crate) struct Sent<'a>(&'a mut Vec<Vec<u8>>);

impl Device for Queue {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sent<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received, Sent<'_>)> {
        Some((Received(self.received.take()?), Sent(&mut self.sent)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Sent<'_>> {
        Some(Sent(&mut self.sent))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = limits::MTU;
        capabilities
    }
}

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0.get(ETHERNET_HEADER_LEN..).unwrap_or(&[]))
    }
}

impl TxToken for Sent<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = vec![0; ETHERNET_HEADER_LEN + len];
        let result = f(frame.get_mut(ETHERNET_HEADER_LEN..).unwrap_or_default());
        self.0.push(frame);
        result
    }
}
