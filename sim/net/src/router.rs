//! A router: forwards between its subnets what its firewall lets through.

use std::net::Ipv4Addr;

use sim_record::{SimTime, StateHasher};

use crate::address::Subnet;
use crate::conntrack::{Firewall, Verdict};
use crate::event::HostEvent;
use crate::fragment::{Reassembler, split};
use crate::ids::{HostId, RouterId};
use crate::io::Io;
use crate::limits;
use crate::neighbors::Card;
use crate::packet::{
    Arp, ETHERNET_HEADER_LEN, ETHERTYPE_ARP, ETHERTYPE_IPV4, Ethernet, Frame, HOP_LIMIT,
    ICMP_TIME_EXCEEDED, ICMP_UNREACHABLE, Icmp, Ipv4, PROTOCOL_ICMP, PROTOCOL_TCP, Provenance, Tcp,
    decrement_ttl, icmp_error, tcp_reset, tcp_reset_reply,
};
use crate::rate::Rate;
use crate::topology::{RouteSpec, RouterSpec};

pub(crate) struct Router {
    pub interfaces: Vec<Interface>,
    pub firewall: Firewall,
    routes: Vec<RouteSpec>,
    reassembler: Reassembler,
    next_ident: u16,
    errors: Rate,
}

pub(crate) struct Interface {
    pub card: Card,
    pub subnet: Subnet,
}

const CODE_NETWORK: u8 = 0;
const CODE_HOST: u8 = 1;
const CODE_PORT: u8 = 3;
const CODE_FRAGMENT: u8 = 4;
const CODE_PROHIBITED: u8 = 13;

impl Router {
    /// A router whose interfaces sit at the switch ports `ports`.
    pub(crate) fn new(id: RouterId, spec: &RouterSpec, ports: &[usize]) -> Self {
        let interface = |(spec, port): (&crate::topology::InterfaceSpec, &usize)| Interface {
            card: Card::new(*port, spec.mac, spec.ip, HostId::INFRASTRUCTURE),
            subnet: Subnet::new(spec.ip, spec.prefix),
        };
        Self {
            interfaces: spec.interfaces.iter().zip(ports).map(interface).collect(),
            firewall: Firewall::new(id, spec.firewall.clone()),
            routes: spec.routes.clone(),
            reassembler: Reassembler::default(),
            next_ident: 1,
            errors: Rate::default(),
        }
    }

    /// Takes a frame from the cable of `interface`.
    pub(crate) fn receive(&mut self, interface: usize, frame: Frame, io: &mut Io) {
        let Some(ethernet) = Ethernet::parse(&frame.bytes) else {
            return;
        };
        let Some(entry) = self.interfaces.get_mut(interface) else {
            return;
        };
        if ethernet.dst != entry.card.mac && !ethernet.dst.is_group() {
            return;
        }
        let payload = frame.bytes.get(ETHERNET_HEADER_LEN..).unwrap_or(&[]);
        match ethernet.ethertype {
            ETHERTYPE_ARP => match Arp::parse(payload) {
                Some(arp) => entry.card.receive_arp(&arp, io),
                None => io.stats.frames_malformed += 1,
            },
            // Packets to everyone stay in their segment.
            ETHERTYPE_IPV4 if ethernet.dst == entry.card.mac => match Ipv4::parse(payload) {
                Some(ip) => self.receive_ip(interface, frame, &ip, io),
                None => io.stats.frames_malformed += 1,
            },
            _ => {}
        }
    }

    /// When something is due.
    pub(crate) fn next_timer(&self) -> Option<SimTime> {
        self.interfaces
            .iter()
            .filter_map(|i| i.card.next_timer())
            .min()
    }

    /// Repeats ARP requests; tells senders that their destination is silent.
    pub(crate) fn on_timer(&mut self, io: &mut Io) {
        let mut lost: Vec<Vec<u8>> = Vec::new();
        for interface in &mut self.interfaces {
            lost.extend(interface.card.on_timer(io));
        }
        for packet in lost {
            let Some(bytes) = packet.get(ETHERNET_HEADER_LEN..) else {
                continue;
            };
            let Some(ip) = Ipv4::parse(bytes) else {
                continue;
            };
            let own = self.interfaces.iter().any(|i| i.card.ip == ip.src);
            if !own {
                self.send_error(ICMP_UNREACHABLE, CODE_HOST, &ip, bytes, io);
            }
        }
    }

    pub(crate) fn digest(&self, hasher: &mut StateHasher) {
        for interface in &self.interfaces {
            interface.card.digest(hasher);
        }
        hasher.u64(u64::from(self.next_ident));
        hasher.u64(self.errors.digest());
        self.reassembler.digest(hasher);
        self.firewall.digest(hasher);
    }

    fn receive_ip(&mut self, interface: usize, frame: Frame, ip: &Ipv4, io: &mut Io) {
        let source_ok =
            !ip.src.is_unspecified() && !ip.src.is_multicast() && !ip.src.is_broadcast();
        let own = |a: Ipv4Addr| self.interfaces.iter().any(|i| i.card.ip == a);
        if !source_ok || ip.src.is_loopback() || ip.dst.is_loopback() || own(ip.src) {
            io.stats.frames_malformed += 1;
            return;
        }
        let frame = if ip.is_fragment() {
            let whole = self
                .reassembler
                .add(&frame.bytes, ip, io.now, &mut io.stats);
            let Some(bytes) = whole else { return };
            Frame { bytes, ..frame }
        } else {
            frame
        };
        let Some(ip) = frame.bytes.get(ETHERNET_HEADER_LEN..).and_then(Ipv4::parse) else {
            return;
        };
        if self.interfaces.iter().any(|i| i.card.ip == ip.dst) {
            self.receive_own(&frame, &ip, io);
        } else {
            self.forward(interface, frame, &ip, io);
        }
    }

    /// Answers what is for the router itself: it has no services of its own.
    fn receive_own(&mut self, frame: &Frame, ip: &Ipv4, io: &mut Io) {
        let packet = frame.bytes.get(ETHERNET_HEADER_LEN..).unwrap_or(&[]);
        let payload = ip.payload(packet);
        let answer = match ip.protocol {
            PROTOCOL_ICMP => match Icmp::parse(payload) {
                Some(Icmp::Echo {
                    reply: false,
                    ident,
                    sequence,
                    data,
                }) => {
                    let echo = Icmp::Echo {
                        reply: true,
                        ident,
                        sequence,
                        data,
                    };
                    Some(echo.packet(ip.dst, ip.src, HOP_LIMIT))
                }
                _ => None,
            },
            PROTOCOL_TCP => Tcp::parse(payload).and_then(|tcp| {
                tcp_reset_reply(ip, &tcp, payload.len().saturating_sub(tcp.header_len))
            }),
            _ => {
                self.send_error(ICMP_UNREACHABLE, CODE_PORT, ip, packet, io);
                None
            }
        };
        if let Some(answer) = answer {
            self.send(answer, ip.src, io);
        }
    }

    fn forward(&mut self, from: usize, frame: Frame, ip: &Ipv4, io: &mut Io) {
        let Frame {
            mut bytes,
            from: provenance,
        } = frame;
        let Some(packet) = bytes.get(ETHERNET_HEADER_LEN..) else {
            return;
        };
        if ip.ttl <= 1 {
            self.send_error(ICMP_TIME_EXCEEDED, 0, ip, packet, io);
            return;
        }
        let Some((out, next_hop)) = self.route(ip.dst) else {
            self.send_error(ICMP_UNREACHABLE, CODE_NETWORK, ip, packet, io);
            return;
        };
        let broadcast = self
            .interfaces
            .get(out)
            .is_some_and(|i| ip.dst == i.subnet.broadcast());
        if broadcast {
            return;
        }
        // What turns back on its own segment never crosses a zone, and is forwarded without a question.
        if out != from && !self.pass(ip, packet, provenance, io) {
            return;
        }
        if bytes.len() > limits::FRAME_MAX && ip.dont_fragment {
            let packet = bytes.get(ETHERNET_HEADER_LEN..).unwrap_or(&[]);
            self.send_error(ICMP_UNREACHABLE, CODE_FRAGMENT, ip, packet, io);
            return;
        }
        decrement_ttl(&mut bytes);
        self.emit(out, next_hop, bytes, provenance, io);
    }

    /// Asks the firewall and carries out what it says; true where the packet may go on.
    fn pass(&mut self, ip: &Ipv4, packet: &[u8], from: Provenance, io: &mut Io) -> bool {
        let mut log = Vec::new();
        let verdict = self
            .firewall
            .decide(io.now, ip, packet, from, &mut log, &mut io.stats);
        for line in log {
            io.report_droppable(HostEvent::FirewallLog(line));
        }
        match verdict {
            Verdict::Accept => return true,
            Verdict::Drop => {}
            Verdict::Reject => self.reject(ip, packet, io),
            Verdict::ResetBoth => self.reset_both(ip, packet, io),
        }
        false
    }

    fn reject(&mut self, ip: &Ipv4, packet: &[u8], io: &mut Io) {
        let payload = ip.payload(packet);
        if ip.protocol != PROTOCOL_TCP {
            self.send_error(ICMP_UNREACHABLE, CODE_PROHIBITED, ip, packet, io);
            return;
        }
        let Some(tcp) = Tcp::parse(payload) else {
            return;
        };
        if let Some(reset) = tcp_reset_reply(ip, &tcp, payload.len().saturating_sub(tcp.header_len))
        {
            self.send(reset, ip.src, io);
        }
    }

    fn reset_both(&mut self, ip: &Ipv4, packet: &[u8], io: &mut Io) {
        self.reject(ip, packet, io);
        let Some(tcp) = Tcp::parse(ip.payload(packet)) else {
            return;
        };
        let ack = tcp.has(Tcp::ACK).then_some(tcp.ack);
        let reset = tcp_reset((ip.src, tcp.src_port), (ip.dst, tcp.dst_port), tcp.seq, ack);
        self.send(reset, ip.dst, io);
    }

    fn send_error(&mut self, kind: u8, code: u8, ip: &Ipv4, packet: &[u8], io: &mut Io) {
        if !self.errors.allow(io.now, limits::ICMP_ERRORS_PER_SECOND) {
            io.stats.icmp_suppressed += 1;
            return;
        }
        let Some((out, _)) = self.route(ip.src) else {
            return;
        };
        let Some(from) = self.interfaces.get(out).map(|i| i.card.ip) else {
            return;
        };
        if let Some(error) = icmp_error(from, kind, code, ip, packet) {
            self.send(error, ip.src, io);
        }
    }

    fn send(&mut self, packet: Vec<u8>, dst: Ipv4Addr, io: &mut Io) {
        if let Some((out, next_hop)) = self.route(dst) {
            self.emit(
                out,
                next_hop,
                packet,
                Provenance::own(HostId::INFRASTRUCTURE),
                io,
            );
        }
    }

    fn emit(
        &mut self,
        out: usize,
        next_hop: Ipv4Addr,
        packet: Vec<u8>,
        from: Provenance,
        io: &mut Io,
    ) {
        let Some(interface) = self.interfaces.get_mut(out) else {
            return;
        };
        if packet.len() <= limits::FRAME_MAX {
            interface.card.send(next_hop, packet, from, io);
            return;
        }
        let ident = self.next_ident;
        self.next_ident = self.next_ident.wrapping_add(1);
        for piece in split(packet, ident) {
            interface.card.send(next_hop, piece, from, io);
        }
    }

    /// Interface and next hop towards `dst`: an attached subnet first, then the route with the longest prefix.
    fn route(&self, dst: Ipv4Addr) -> Option<(usize, Ipv4Addr)> {
        if dst.is_multicast() || dst.is_broadcast() || dst.is_unspecified() {
            return None;
        }
        if let Some(out) = self.interfaces.iter().position(|i| i.subnet.contains(dst)) {
            return Some((out, dst));
        }
        let matching = self.routes.iter().filter(|r| r.to.contains(dst));
        let route = matching.max_by_key(|r| r.to.prefix())?;
        let out = self
            .interfaces
            .iter()
            .position(|i| i.subnet.contains(route.via))?;
        Some((out, route.via))
    }
}
