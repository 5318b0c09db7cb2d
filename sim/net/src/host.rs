//! A host: network card, ARP, IP, ICMP, UDP and the TCP stack.

use std::collections::{BTreeSet, VecDeque};
use std::net::Ipv4Addr;

use sim_record::{SimTime, StateHasher};

use crate::address::{Mac, Subnet};
use crate::event::{CloseReason, HostEvent, UnreachableCause};
use crate::fabric::NetError;
use crate::firewall::Protocol;
use crate::fragment::{Reassembler, split};
use crate::ids::{ConnId, HostId};
use crate::io::Io;
use crate::limits;
use crate::neighbors::Card;
use crate::packet::{
    Arp, ETHERNET_HEADER_LEN, ETHERTYPE_ARP, ETHERTYPE_IPV4, Ethernet, Frame, HOP_LIMIT,
    ICMP_TIME_EXCEEDED, ICMP_UNREACHABLE, Icmp, Ipv4, PROTOCOL_ICMP, PROTOCOL_TCP, PROTOCOL_UDP,
    Provenance, error_subject, icmp_error, udp, udp_payload, udp_ports,
};
use crate::rate::Rate;
use crate::stack::{Stack, StackEvent};
use crate::topology::HostSpec;

/// Which frames a host application sees beside what its stack makes of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capture {
    /// None.
    #[default]
    Off,
    /// Frames to this card, or to a group, that the host's own stack has no use for: IP packets for other addresses
    /// (what a man in the middle forwards) and other EtherTypes than IPv4 and ARP.
    Foreign,
    /// Every frame that reaches the card.
    All,
}

pub(crate) struct Host {
    pub id: HostId,
    pub card: Card,
    pub stack: Stack,
    pub capture: Capture,
    pub external: bool,
    pub powered: bool,
    subnet: Subnet,
    gateway: Option<Ipv4Addr>,
    reassembler: Reassembler,
    udp_ports: BTreeSet<u16>,
    pings: VecDeque<Ping>,
    next_sequence: u16,
    next_ident: u16,
    errors: Rate,
    stack_timer: Option<SimTime>,
}

#[derive(Clone, Copy, Debug)]
struct Ping {
    sequence: u16,
    dst: Ipv4Addr,
    sent: SimTime,
}

impl Host {
    pub(crate) fn new(id: HostId, spec: &HostSpec, port: usize, seed: u64) -> Self {
        let mut card = Card::new(port, spec.mac, spec.ip, id);
        for (ip, mac) in &spec.static_arp {
            card.pin(*ip, *mac);
        }
        Self {
            id,
            card,
            stack: Stack::new(spec.ip, spec.prefix, spec.tcp_buffer_bytes, seed),
            capture: Capture::Off,
            external: false,
            powered: true,
            subnet: Subnet::new(spec.ip, spec.prefix),
            gateway: spec.gateway,
            reassembler: Reassembler::default(),
            udp_ports: BTreeSet::new(),
            pings: VecDeque::new(),
            next_sequence: 1,
            next_ident: 1,
            errors: Rate::default(),
            stack_timer: None,
        }
    }

    /// Takes a frame from the cable. True where the stack has to be flushed.
    pub(crate) fn receive(&mut self, frame: Frame, io: &mut Io) -> bool {
        let Some(ethernet) = Ethernet::parse(&frame.bytes) else {
            return false;
        };
        if !self.powered {
            return false;
        }
        if self.capture == Capture::All {
            self.report_frame(&frame, io);
        }
        let to_me = ethernet.dst == self.card.mac;
        if !to_me && !ethernet.dst.is_group() {
            return false;
        }
        match ethernet.ethertype {
            ETHERTYPE_ARP => {
                if let Some(arp) = frame.bytes.get(ETHERNET_HEADER_LEN..).and_then(Arp::parse) {
                    self.card.receive_arp(&arp, io);
                } else {
                    io.stats.frames_malformed += 1;
                }
                false
            }
            ETHERTYPE_IPV4 => self.receive_ip(frame, io),
            _ => {
                if self.capture == Capture::Foreign {
                    self.report_frame(&frame, io);
                }
                false
            }
        }
    }

    /// Whether `dst` is on this subnet or there is a gateway.
    pub(crate) fn has_route(&self, dst: Ipv4Addr) -> bool {
        dst != self.card.ip && self.next_hop(dst).is_some()
    }

    /// Sends an IP packet, behind room for its Ethernet header.
    pub(crate) fn send_ip(&mut self, packet: Vec<u8>, dst: Ipv4Addr, io: &mut Io) {
        let ident = self.next_ident;
        if packet.len() > limits::FRAME_MAX {
            self.next_ident = self.next_ident.wrapping_add(1);
        }
        for piece in split(packet, ident) {
            if self.is_broadcast(dst) {
                self.card.broadcast(piece, Provenance::own(self.id), io);
            } else if let Some(next_hop) = self.next_hop(dst) {
                self.card
                    .send(next_hop, piece, Provenance::own(self.id), io);
            }
        }
    }

    pub(crate) fn bind_udp(&mut self, port: u16) -> Result<(), NetError> {
        if port == 0 {
            return Err(NetError::BadPort);
        }
        if self.udp_ports.len() >= limits::UDP_PORTS_MAX && !self.udp_ports.contains(&port) {
            return Err(NetError::TooMany);
        }
        self.udp_ports.insert(port);
        Ok(())
    }

    pub(crate) fn send_udp(
        &mut self,
        src_port: u16,
        dst: (Ipv4Addr, u16),
        data: &[u8],
        io: &mut Io,
    ) -> Result<(), NetError> {
        if data.len() > limits::DATAGRAM_BYTES_MAX {
            return Err(NetError::TooLong);
        }
        if !self.is_broadcast(dst.0) && !self.has_route(dst.0) {
            return Err(NetError::NoRoute);
        }
        let packet = udp((self.card.ip, src_port), dst, data);
        self.send_ip(packet, dst.0, io);
        Ok(())
    }

    pub(crate) fn ping(&mut self, dst: Ipv4Addr, ttl: u8, io: &mut Io) -> Result<u16, NetError> {
        if !self.has_route(dst) {
            return Err(NetError::NoRoute);
        }
        if self.pings.len() >= limits::PINGS_MAX {
            self.pings.pop_front();
        }
        let sequence = self.next_sequence;
        self.next_sequence = self.next_sequence.wrapping_add(1);
        self.pings.push_back(Ping {
            sequence,
            dst,
            sent: io.now,
        });
        let echo = Icmp::Echo {
            reply: false,
            ident: self.ident(),
            sequence,
            data: &PING_DATA,
        };
        let packet = echo.packet(self.card.ip, dst, ttl);
        self.send_ip(packet, dst, io);
        Ok(sequence)
    }

    /// Handles timers that are due and lets the stack send; returns when to come back.
    pub(crate) fn flush(&mut self, io: &mut Io) -> Option<SimTime> {
        if self.card.next_timer().is_some_and(|at| at <= io.now) {
            for lost in self.card.on_timer(io) {
                self.report_undeliverable(&lost, io);
            }
        }
        let mut events = Vec::new();
        let id = self.id;
        self.stack_timer = self
            .stack
            .flush(io.now, &mut || io.new_conn(id), &mut events);
        for event in events {
            self.report_stack_event(event, io);
        }
        for packet in self.stack.take_sent() {
            let dst = packet
                .get(ETHERNET_HEADER_LEN..)
                .and_then(Ipv4::parse)
                .map(|ip| ip.dst);
            if let Some(dst) = dst {
                self.send_ip(packet, dst, io);
            }
        }
        [self.stack_timer, self.card.next_timer()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Cuts the power: connections, services, caches and everything under way in the host are gone.
    pub(crate) fn power_off(&mut self, io: &mut Io) {
        for conn in self.stack.power_off() {
            io.conns.remove(&conn);
        }
        self.card.clear();
        self.udp_ports.clear();
        self.pings.clear();
        self.reassembler = Reassembler::default();
        self.powered = false;
    }

    pub(crate) fn digest(&self, hasher: &mut StateHasher) {
        hasher.u64(
            u64::from(self.powered) | u64::from(self.external) << 1 | (self.capture as u64) << 2,
        );
        hasher.u64(u64::from(self.next_sequence) << 16 | u64::from(self.next_ident));
        hasher.u64(self.stack_timer.map_or(0, |t| t.0));
        for port in &self.udp_ports {
            hasher.u64(u64::from(*port));
        }
        for ping in &self.pings {
            hasher.u64(u64::from(ping.sequence));
            hasher.u64(ping.sent.0);
        }
        self.card.digest(hasher);
        self.reassembler.digest(hasher);
        self.stack.digest(hasher);
    }

    fn receive_ip(&mut self, frame: Frame, io: &mut Io) -> bool {
        let Some(ip) = frame.bytes.get(ETHERNET_HEADER_LEN..).and_then(Ipv4::parse) else {
            io.stats.frames_malformed += 1;
            return false;
        };
        if ip.dst != self.card.ip && !self.is_broadcast(ip.dst) {
            if self.capture == Capture::Foreign {
                self.report_frame(&frame, io);
            }
            return false;
        }
        if self.external {
            io.report_droppable(HostEvent::Ip {
                time: io.now,
                host: self.id,
                packet: frame
                    .bytes
                    .get(ETHERNET_HEADER_LEN..)
                    .unwrap_or(&[])
                    .to_vec(),
                origin: frame.from.origin,
                frame: frame.from.frame,
            });
            return false;
        }
        if ip.src.is_unspecified()
            || ip.src.is_multicast()
            || self.is_broadcast(ip.src)
            || ip.src == self.card.ip
        {
            io.stats.frames_malformed += 1;
            return false;
        }
        let from = frame.from;
        if !ip.is_fragment() {
            return self.receive_datagram(frame.bytes, &ip, from, io);
        }
        let Some(whole) = self
            .reassembler
            .add(&frame.bytes, &ip, io.now, &mut io.stats)
        else {
            return false;
        };
        let Some(ip) = whole.get(ETHERNET_HEADER_LEN..).and_then(Ipv4::parse) else {
            return false;
        };
        self.receive_datagram(whole, &ip, from, io)
    }

    fn receive_datagram(
        &mut self,
        bytes: Vec<u8>,
        ip: &Ipv4,
        from: Provenance,
        io: &mut Io,
    ) -> bool {
        let packet = bytes.get(ETHERNET_HEADER_LEN..).unwrap_or(&[]);
        match ip.protocol {
            PROTOCOL_TCP if ip.dst == self.card.ip => {
                self.stack.ingress(io.now, bytes, ip, from, &mut io.stats);
                return true;
            }
            PROTOCOL_TCP => {}
            PROTOCOL_UDP => self.receive_udp(packet, ip, from, io),
            PROTOCOL_ICMP => return self.receive_icmp(packet, ip, io),
            _ => self.send_error(ip, packet, CODE_PROTOCOL, io),
        }
        false
    }

    fn receive_udp(&mut self, packet: &[u8], ip: &Ipv4, from: Provenance, io: &mut Io) {
        let payload = ip.payload(packet);
        let (Some((peer_port, port)), Some(data)) = (udp_ports(payload), udp_payload(ip, payload))
        else {
            io.stats.frames_malformed += 1;
            return;
        };
        if !self.udp_ports.contains(&port) {
            self.send_error(ip, packet, CODE_PORT, io);
            return;
        }
        io.report_droppable(HostEvent::Udp {
            time: io.now,
            host: self.id,
            port,
            peer_ip: ip.src,
            peer_port,
            data: data.to_vec(),
            origin: from.origin,
            frame: from.frame,
        });
    }

    fn receive_icmp(&mut self, packet: &[u8], ip: &Ipv4, io: &mut Io) -> bool {
        match Icmp::parse(ip.payload(packet)) {
            Some(Icmp::Echo {
                reply: false,
                ident,
                sequence,
                data,
            }) if ip.dst == self.card.ip => {
                let answer = Icmp::Echo {
                    reply: true,
                    ident,
                    sequence,
                    data,
                };
                let packet = answer.packet(self.card.ip, ip.src, HOP_LIMIT);
                self.send_ip(packet, ip.src, io);
                false
            }
            Some(Icmp::Echo {
                reply: true,
                ident,
                sequence,
                ..
            }) if ident == self.ident() => {
                self.receive_pong(sequence, ip.src, io);
                false
            }
            Some(Icmp::Error { kind, code, about }) => {
                self.receive_error(kind, code, about, ip.src, io)
            }
            _ => false,
        }
    }

    fn receive_pong(&mut self, sequence: u16, from: Ipv4Addr, io: &mut Io) {
        let old = |p: &Ping| io.now.since(p.sent).0 > limits::PING_TIMEOUT_US;
        self.pings.retain(|p| !old(p));
        let Some(at) = self
            .pings
            .iter()
            .position(|p| p.sequence == sequence && p.dst == from)
        else {
            return;
        };
        let Some(ping) = self.pings.remove(at) else {
            return;
        };
        let round_trip_us = io.now.since(ping.sent).0;
        io.report_droppable(HostEvent::PingReply {
            time: io.now,
            host: self.id,
            sequence,
            from,
            round_trip_us,
        });
    }

    /// An ICMP error about something that this host sent. True where the stack has to be flushed.
    fn receive_error(
        &mut self,
        kind: u8,
        code: u8,
        about: &[u8],
        from: Ipv4Addr,
        io: &mut Io,
    ) -> bool {
        let Some((subject, src_port, dst_port)) = error_subject(about) else {
            return false;
        };
        if subject.src != self.card.ip {
            return false;
        }
        let cause = cause_of(kind, code);
        self.report_failure(&subject, (src_port, dst_port), from, cause, about, io)
    }

    fn report_undeliverable(&mut self, lost: &[u8], io: &mut Io) {
        let Some(packet) = lost.get(ETHERNET_HEADER_LEN..) else {
            return;
        };
        let Some((subject, src_port, dst_port)) = error_subject(packet) else {
            return;
        };
        let from = self.card.ip;
        self.report_failure(
            &subject,
            (src_port, dst_port),
            from,
            UnreachableCause::Host,
            packet,
            io,
        );
    }

    fn report_failure(
        &mut self,
        subject: &Ipv4,
        (src_port, dst_port): (u16, u16),
        from: Ipv4Addr,
        cause: UnreachableCause,
        about: &[u8],
        io: &mut Io,
    ) -> bool {
        let (protocol, port) = match subject.protocol {
            PROTOCOL_TCP => {
                self.stack.unreachable(src_port, (subject.dst, dst_port));
                return true;
            }
            PROTOCOL_UDP => (Protocol::Udp, dst_port),
            _ if src_port == self.ident() => {
                let at = subject.header_len + 6;
                let sequence: Option<[u8; 2]> =
                    about.get(at..at + 2).and_then(|b| b.first_chunk().copied());
                let Some(sequence) = sequence.map(u16::from_be_bytes) else {
                    return false;
                };
                self.pings.retain(|p| p.sequence != sequence);
                (Protocol::Icmp, sequence)
            }
            _ => return false,
        };
        let (time, host, dst) = (io.now, self.id, subject.dst);
        io.report_droppable(HostEvent::Unreachable {
            time,
            host,
            dst,
            port,
            protocol,
            from,
            cause,
        });
        false
    }

    fn report_stack_event(&mut self, event: StackEvent, io: &mut Io) {
        let (time, host) = (io.now, self.id);
        let event = match event {
            StackEvent::Accepted {
                conn,
                port,
                peer: (peer_ip, peer_port),
                syn,
            } => {
                let Provenance { origin, frame } = syn;
                HostEvent::TcpAccepted {
                    time,
                    host,
                    conn,
                    port,
                    peer_ip,
                    peer_port,
                    origin,
                    frame,
                }
            }
            StackEvent::Connected { conn } => HostEvent::TcpConnected { time, host, conn },
            StackEvent::Readable {
                conn,
                origin,
                frame,
            } => HostEvent::TcpReadable {
                time,
                host,
                conn,
                origin,
                frame,
            },
            StackEvent::Writable { conn } => HostEvent::TcpWritable { time, host, conn },
            StackEvent::Closed { conn, reason } => {
                if reason != CloseReason::Fin {
                    io.conns.remove(&conn);
                }
                HostEvent::TcpClosed {
                    time,
                    host,
                    conn,
                    reason,
                }
            }
        };
        io.report(event);
    }

    fn report_frame(&self, frame: &Frame, io: &mut Io) {
        io.report_droppable(HostEvent::Frame {
            time: io.now,
            host: self.id,
            bytes: frame.bytes.clone(),
            origin: frame.from.origin,
            frame: frame.from.frame,
        });
    }

    fn send_error(&mut self, ip: &Ipv4, packet: &[u8], code: u8, io: &mut Io) {
        if ip.dst != self.card.ip {
            return;
        }
        if !self.errors.allow(io.now, limits::ICMP_ERRORS_PER_SECOND) {
            io.stats.icmp_suppressed += 1;
            return;
        }
        if let Some(error) = icmp_error(self.card.ip, ICMP_UNREACHABLE, code, ip, packet) {
            self.send_ip(error, ip.src, io);
        }
    }

    fn next_hop(&self, dst: Ipv4Addr) -> Option<Ipv4Addr> {
        if dst.is_unspecified() || dst.is_multicast() || dst.is_broadcast() {
            return None;
        }
        if self.subnet.contains(dst) {
            Some(dst)
        } else {
            self.gateway
        }
    }

    fn is_broadcast(&self, ip: Ipv4Addr) -> bool {
        ip.is_broadcast() || ip == self.subnet.broadcast()
    }

    /// Ident of this host's echo requests.
    fn ident(&self) -> u16 {
        self.id.0.wrapping_add(1)
    }

    /// Connection's endpoints: the other end, and our port.
    pub(crate) fn endpoints(&self, conn: ConnId) -> Option<((Ipv4Addr, u16), u16)> {
        self.stack.endpoints(conn)
    }

    /// Address of this card.
    pub(crate) fn mac(&self) -> Mac {
        self.card.mac
    }
}

/// Payload of an echo request: 56 bytes, as `ping` sends.
const PING_DATA: [u8; 56] = [0x54; 56];
const CODE_PROTOCOL: u8 = 2;
const CODE_PORT: u8 = 3;

/// The meaning of an ICMP error (RFC 792, RFC 1122 3.2.2.1, RFC 1812 5.2.7.1).
fn cause_of(kind: u8, code: u8) -> UnreachableCause {
    match (kind, code) {
        (ICMP_TIME_EXCEEDED, _) => UnreachableCause::TimeExceeded,
        (_, 0 | 6) => UnreachableCause::Network,
        (_, 1 | 7) => UnreachableCause::Host,
        (_, 3) => UnreachableCause::Port,
        (_, 9 | 10 | 13) => UnreachableCause::Prohibited,
        _ => UnreachableCause::Other,
    }
}
