//! A small network and a driver for it: two zones of hosts on two switches with a router between.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::net::Ipv4Addr;

use sim_net::{
    Action, CapturedFrame, ConnId, Fabric, FirewallSpec, HostEvent, HostId, HostSpec,
    InterfaceSpec, LinkSpec, Mac, RouterId, RouterSpec, Rule, SwitchId, SwitchSpec, Topology,
};
use sim_record::SimTime;

/// The HMI of the supervisory zone.
pub const HMI: HostId = HostId(0);
/// The attacker's foothold in the supervisory zone.
pub const FOOTHOLD: HostId = HostId(1);
/// The controller of the control zone.
pub const PLC: HostId = HostId(2);
/// Another machine of the control zone.
pub const SIS: HostId = HostId(3);
pub const ROUTER: RouterId = RouterId(0);
pub const SUPERVISORY: SwitchId = SwitchId(0);
pub const CONTROL: SwitchId = SwitchId(1);

pub const HMI_IP: Ipv4Addr = Ipv4Addr::new(10, 30, 20, 10);
pub const FOOTHOLD_IP: Ipv4Addr = Ipv4Addr::new(10, 30, 20, 40);
pub const PLC_IP: Ipv4Addr = Ipv4Addr::new(10, 30, 10, 11);
pub const SIS_IP: Ipv4Addr = Ipv4Addr::new(10, 30, 10, 21);
pub const GATEWAY_20: Ipv4Addr = Ipv4Addr::new(10, 30, 20, 1);
pub const GATEWAY_10: Ipv4Addr = Ipv4Addr::new(10, 30, 10, 1);
pub const ROUTER_MAC_20: Mac = Mac::local(0x2001);
pub const ROUTER_MAC_10: Mac = Mac::local(0x1001);

pub fn mac(host: HostId) -> Mac {
    Mac::local(0x100 + u32::from(host.0))
}

/// Two zones with this firewall between.
pub fn topology(firewall: FirewallSpec, link: LinkSpec) -> Topology {
    let host = |name, id, switch, ip, gateway| HostSpec {
        gateway: Some(gateway),
        link,
        ..HostSpec::new(name, switch, ip, 24, mac(id))
    };
    let interface = |switch, ip, mac| InterfaceSpec {
        switch,
        ip,
        prefix: 24,
        mac,
        link,
    };
    Topology {
        switches: vec![
            SwitchSpec {
                name: "supervisory".into(),
                tapped: true,
            },
            SwitchSpec {
                name: "control".into(),
                tapped: true,
            },
        ],
        hosts: vec![
            host("hmi", HMI, 0, HMI_IP, GATEWAY_20),
            host("foothold", FOOTHOLD, 0, FOOTHOLD_IP, GATEWAY_20),
            host("plc-1", PLC, 1, PLC_IP, GATEWAY_10),
            host("sis-1", SIS, 1, SIS_IP, GATEWAY_10),
        ],
        routers: vec![RouterSpec {
            name: "firewall".into(),
            interfaces: vec![
                interface(0, GATEWAY_20, ROUTER_MAC_20),
                interface(1, GATEWAY_10, ROUTER_MAC_10),
            ],
            routes: Vec::new(),
            firewall,
        }],
        ..Topology::default()
    }
}

/// A firewall that lets everything through.
pub fn open_firewall() -> FirewallSpec {
    FirewallSpec {
        default_action: Action::Accept,
        ..FirewallSpec::default()
    }
}

/// A firewall with these rules that drops the rest.
pub fn closed_firewall(rules: Vec<Rule>) -> FirewallSpec {
    FirewallSpec {
        rules,
        ..FirewallSpec::default()
    }
}

/// Runs a fabric with an echo server at every accepted connection, and keeps what happens.
pub struct Net {
    pub fabric: Fabric,
    pub now: SimTime,
    pub events: Vec<HostEvent>,
    pub captured: Vec<CapturedFrame>,
    /// What clients received, by connection.
    pub received: std::collections::BTreeMap<ConnId, Vec<u8>>,
    servers: Vec<ConnId>,
    pub echo: bool,
}

impl Net {
    pub fn new(topology: &Topology, seed: u64) -> Self {
        Self {
            fabric: Fabric::new(topology, seed).unwrap(),
            now: SimTime::ZERO,
            events: Vec::new(),
            captured: Vec::new(),
            received: std::collections::BTreeMap::new(),
            servers: Vec::new(),
            echo: true,
        }
    }

    pub fn open(seed: u64) -> Self {
        Self::new(&topology(open_firewall(), LinkSpec::default()), seed)
    }

    /// Runs for `us` microseconds, instant by instant.
    pub fn run_us(&mut self, us: u64) {
        let until = SimTime(self.now.0 + us);
        while let Some(at) = self.fabric.next_event().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.fabric.advance(self.now);
            self.drain();
        }
        self.now = until;
        self.fabric.advance(until);
        self.drain();
    }

    pub fn run_ms(&mut self, ms: u64) {
        self.run_us(ms * 1_000);
    }

    fn drain(&mut self) {
        while let Some(frame) = self.fabric.poll_captured() {
            self.captured.push(frame);
        }
        while let Some(event) = self.fabric.poll_event() {
            match &event {
                HostEvent::TcpAccepted { conn, .. } => self.servers.push(*conn),
                HostEvent::TcpReadable { conn, .. } => self.readable(*conn),
                HostEvent::TcpClosed { conn, .. } if self.servers.contains(conn) => {
                    let _ = self.fabric.close(self.now, *conn);
                }
                _ => {}
            }
            self.events.push(event);
        }
    }

    fn readable(&mut self, conn: ConnId) {
        let mut data = Vec::new();
        self.fabric
            .recv(self.now, conn, &mut data, usize::MAX)
            .unwrap();
        if self.servers.contains(&conn) && self.echo {
            self.fabric.send(self.now, conn, &data).unwrap();
        } else {
            self.received
                .entry(conn)
                .or_default()
                .extend_from_slice(&data);
        }
    }

    pub fn connect(&mut self, host: HostId, ip: Ipv4Addr, port: u16) -> ConnId {
        self.fabric.connect(self.now, host, ip, port).unwrap()
    }

    pub fn send(&mut self, conn: ConnId, data: &[u8]) {
        assert_eq!(self.fabric.send(self.now, conn, data), Ok(data.len()));
    }

    /// A connection that is established.
    pub fn connected(&mut self, host: HostId, ip: Ipv4Addr, port: u16) -> ConnId {
        let conn = self.connect(host, ip, port);
        self.run_ms(50);
        assert!(self.is_connected(conn), "{:?}", self.events);
        conn
    }

    pub fn is_connected(&self, conn: ConnId) -> bool {
        self.events
            .iter()
            .any(|e| matches!(e, HostEvent::TcpConnected { conn: c, .. } if *c == conn))
    }

    pub fn close_reason(&self, conn: ConnId) -> Option<sim_net::CloseReason> {
        self.events.iter().find_map(|e| match e {
            HostEvent::TcpClosed {
                conn: c, reason, ..
            } if *c == conn => Some(*reason),
            _ => None,
        })
    }

    pub fn received(&self, conn: ConnId) -> &[u8] {
        self.received.get(&conn).map_or(&[], Vec::as_slice)
    }
}

/// Packets made by hand, as an attacker's tool makes them.
pub mod raw {
    use std::net::Ipv4Addr;

    use sim_net::Mac;
    use sim_net::packet::{ETHERTYPE_IPV4, Ethernet};

    /// An IPv4 packet in a frame.
    pub fn ethernet(dst: Mac, src: Mac, packet: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; 14];
        Ethernet {
            dst,
            src,
            ethertype: ETHERTYPE_IPV4,
        }
        .write(&mut frame);
        frame.extend_from_slice(packet);
        frame
    }

    /// An IPv4 packet with its checksum.
    pub fn ipv4(
        src: Ipv4Addr,
        dst: Ipv4Addr,
        protocol: u8,
        ttl: u8,
        ident_and_fragment: u32,
        data: &[u8],
    ) -> Vec<u8> {
        let mut packet = vec![0x45, 0];
        packet.extend_from_slice(&u16::try_from(20 + data.len()).unwrap().to_be_bytes());
        packet.extend_from_slice(&ident_and_fragment.to_be_bytes());
        packet.extend_from_slice(&[ttl, protocol, 0, 0]);
        packet.extend_from_slice(&src.octets());
        packet.extend_from_slice(&dst.octets());
        let sum = checksum(&packet);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
        packet.extend_from_slice(data);
        packet
    }

    /// A TCP segment in an IPv4 packet.
    pub fn tcp(
        src: (Ipv4Addr, u16),
        dst: (Ipv4Addr, u16),
        seq: u32,
        ack: u32,
        flags: u8,
        data: &[u8],
    ) -> Vec<u8> {
        let mut segment = Vec::new();
        segment.extend_from_slice(&src.1.to_be_bytes());
        segment.extend_from_slice(&dst.1.to_be_bytes());
        segment.extend_from_slice(&seq.to_be_bytes());
        segment.extend_from_slice(&ack.to_be_bytes());
        segment.extend_from_slice(&[0x50, flags, 4, 0, 0, 0, 0, 0]);
        segment.extend_from_slice(data);
        let sum = pseudo_checksum(src.0, dst.0, 6, &segment);
        segment[16..18].copy_from_slice(&sum.to_be_bytes());
        ipv4(src.0, dst.0, 6, 64, 0, &segment)
    }

    /// A UDP datagram without its IP header.
    pub fn udp(src: (Ipv4Addr, u16), dst: (Ipv4Addr, u16), data: &[u8]) -> Vec<u8> {
        let mut datagram = Vec::new();
        datagram.extend_from_slice(&src.1.to_be_bytes());
        datagram.extend_from_slice(&dst.1.to_be_bytes());
        datagram.extend_from_slice(&u16::try_from(8 + data.len()).unwrap().to_be_bytes());
        datagram.extend_from_slice(&[0, 0]);
        datagram.extend_from_slice(data);
        let sum = pseudo_checksum(src.0, dst.0, 17, &datagram);
        datagram[6..8].copy_from_slice(&sum.to_be_bytes());
        datagram
    }

    fn pseudo_checksum(src: Ipv4Addr, dst: Ipv4Addr, protocol: u8, data: &[u8]) -> u16 {
        let mut all = Vec::new();
        all.extend_from_slice(&src.octets());
        all.extend_from_slice(&dst.octets());
        all.extend_from_slice(&[0, protocol]);
        all.extend_from_slice(&u16::try_from(data.len()).unwrap().to_be_bytes());
        all.extend_from_slice(data);
        checksum(&all)
    }

    /// The internet checksum (RFC 1071).
    pub fn checksum(bytes: &[u8]) -> u16 {
        let mut sum = 0_u32;
        for pair in bytes.chunks(2) {
            sum += u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
        }
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !u16::try_from(sum).unwrap()
    }
}
