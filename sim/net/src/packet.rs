//! Frames and packets: reading them without trust, and writing our own.
//!
//! A packet that we build keeps room for its Ethernet header in front ([`ETHERNET_HEADER_LEN`] bytes), so that sending
//! it copies nothing.

use std::net::Ipv4Addr;
use std::ops::Range;

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    Icmpv4Packet, IpAddress, IpProtocol, Ipv4Packet, Ipv4Repr, TcpPacket, UdpPacket,
};
use smoltcp::wire::{TcpControl, TcpRepr, TcpSeqNumber, UdpRepr};

use crate::address::Mac;
use crate::ids::HostId;

/// Length of an Ethernet header, bytes.
pub const ETHERNET_HEADER_LEN: usize = 14;
/// EtherType of IPv4.
pub const ETHERTYPE_IPV4: u16 = 0x0800;
/// EtherType of ARP.
pub const ETHERTYPE_ARP: u16 = 0x0806;
/// IP protocol number of ICMP.
pub const PROTOCOL_ICMP: u8 = 1;
/// IP protocol number of TCP.
pub const PROTOCOL_TCP: u8 = 6;
/// IP protocol number of UDP.
pub const PROTOCOL_UDP: u8 = 17;

/// Hop limit of the packets that hosts and routers send (Linux default, 64).
pub(crate) const HOP_LIMIT: u8 = 64;

const IPV4_HEADER_LEN: usize = 20;
const ARP_LEN: usize = 28;

/// A frame on its way.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub bytes: Vec<u8>,
    pub from: Provenance,
}

/// Where a frame or packet came from: the host whose card put it on a wire, and its last number in the capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Provenance {
    pub origin: HostId,
    pub frame: u64,
}

impl Provenance {
    /// What a host or router sends on its own account.
    pub(crate) const fn own(origin: HostId) -> Self {
        Self { origin, frame: 0 }
    }
}

/// Header of an Ethernet frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ethernet {
    /// Receiver.
    pub dst: Mac,
    /// Sender, as claimed.
    pub src: Mac,
    /// What the payload is.
    pub ethertype: u16,
}

impl Ethernet {
    /// Reads the header; `None` where the frame is too short for one.
    #[must_use]
    pub fn parse(frame: &[u8]) -> Option<Self> {
        let header: &[u8; ETHERNET_HEADER_LEN] = frame.first_chunk()?;
        let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, t0, t1] = *header;
        Some(Self {
            dst: Mac([d0, d1, d2, d3, d4, d5]),
            src: Mac([s0, s1, s2, s3, s4, s5]),
            ethertype: u16::from_be_bytes([t0, t1]),
        })
    }

    /// Writes the header over the first bytes of `frame`, which must have room for it.
    pub fn write(self, frame: &mut [u8]) {
        if let Some(header) = frame.first_chunk_mut::<ETHERNET_HEADER_LEN>() {
            let (dst, rest) = header.split_at_mut(6);
            let (src, ethertype) = rest.split_at_mut(6);
            dst.copy_from_slice(&self.dst.0);
            src.copy_from_slice(&self.src.0);
            ethertype.copy_from_slice(&self.ethertype.to_be_bytes());
        }
    }
}

/// An ARP packet for IPv4 over Ethernet (RFC 826).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    /// 1 is a request, 2 a reply.
    pub operation: u16,
    /// Hardware address that the sender claims.
    pub sender_mac: Mac,
    /// Address that the sender claims.
    pub sender_ip: Ipv4Addr,
    /// Hardware address of the target; zero in a request.
    pub target_mac: Mac,
    /// Address asked for, or the asker's in a reply.
    pub target_ip: Ipv4Addr,
}

impl Arp {
    /// Operation of a request.
    pub const REQUEST: u16 = 1;
    /// Operation of a reply.
    pub const REPLY: u16 = 2;

    /// Reads the payload of a frame; `None` where it is not ARP for IPv4 over Ethernet.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let packet: &[u8; ARP_LEN] = payload.first_chunk()?;
        let (fixed, rest) = packet.split_first_chunk::<8>()?;
        let [0, 1, 8, 0, 6, 4, op0, op1] = *fixed else {
            return None;
        };
        let (sender_mac, rest) = rest.split_first_chunk::<6>()?;
        let (sender_ip, rest) = rest.split_first_chunk::<4>()?;
        let (target_mac, rest) = rest.split_first_chunk::<6>()?;
        let target_ip = rest.first_chunk::<4>()?;
        Some(Self {
            operation: u16::from_be_bytes([op0, op1]),
            sender_mac: Mac(*sender_mac),
            sender_ip: Ipv4Addr::from(*sender_ip),
            target_mac: Mac(*target_mac),
            target_ip: Ipv4Addr::from(*target_ip),
        })
    }

    /// The whole frame that carries this packet from `src` to `dst`.
    #[must_use]
    pub fn frame(&self, dst: Mac, src: Mac) -> Vec<u8> {
        let mut frame = vec![0; ETHERNET_HEADER_LEN];
        Ethernet {
            dst,
            src,
            ethertype: ETHERTYPE_ARP,
        }
        .write(&mut frame);
        frame.extend_from_slice(&[0, 1, 8, 0, 6, 4]);
        frame.extend_from_slice(&self.operation.to_be_bytes());
        frame.extend_from_slice(&self.sender_mac.0);
        frame.extend_from_slice(&self.sender_ip.octets());
        frame.extend_from_slice(&self.target_mac.0);
        frame.extend_from_slice(&self.target_ip.octets());
        frame
    }
}

/// Header of an IPv4 packet whose lengths and checksum hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv4 {
    /// Sender, as claimed.
    pub src: Ipv4Addr,
    /// Receiver.
    pub dst: Ipv4Addr,
    /// IP protocol number of the payload.
    pub protocol: u8,
    /// Time to live, hops.
    pub ttl: u8,
    /// Identification, which fragments of one datagram share.
    pub ident: u16,
    /// Whether more fragments follow.
    pub more_fragments: bool,
    /// Whether routers may not fragment it.
    pub dont_fragment: bool,
    /// Place of this fragment in its datagram, bytes.
    pub fragment_offset: u16,
    /// Length of the header, bytes.
    pub header_len: usize,
    /// Length of header and payload, bytes.
    pub total_len: usize,
}

impl Ipv4 {
    /// Reads a packet; `None` where a length, the version or the checksum is wrong.
    #[must_use]
    pub fn parse(packet: &[u8]) -> Option<Self> {
        let packet = Ipv4Packet::new_checked(packet).ok()?;
        if packet.version() != 4 || !packet.verify_checksum() {
            return None;
        }
        Some(Self {
            src: packet.src_addr(),
            dst: packet.dst_addr(),
            protocol: packet.next_header().into(),
            ttl: packet.hop_limit(),
            ident: packet.ident(),
            more_fragments: packet.more_frags(),
            dont_fragment: packet.dont_frag(),
            fragment_offset: packet.frag_offset(),
            header_len: usize::from(packet.header_len()),
            total_len: usize::from(packet.total_len()),
        })
    }

    /// Whether the packet is part of a datagram.
    #[must_use]
    pub const fn is_fragment(&self) -> bool {
        self.more_fragments || self.fragment_offset != 0
    }

    /// The payload in the packet that this header was read from.
    #[must_use]
    pub fn payload<'a>(&self, packet: &'a [u8]) -> &'a [u8] {
        packet.get(self.header_len..self.total_len).unwrap_or(&[])
    }
}

/// Flags and numbers of a TCP segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tcp {
    /// Sender's port.
    pub src_port: u16,
    /// Receiver's port.
    pub dst_port: u16,
    /// Flags as on the wire: FIN 1, SYN 2, RST 4, PSH 8, ACK 16.
    pub flags: u8,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
    /// Length of header and options, bytes.
    pub header_len: usize,
}

impl Tcp {
    /// The FIN flag.
    pub const FIN: u8 = 1;
    /// The SYN flag.
    pub const SYN: u8 = 2;
    /// The RST flag.
    pub const RST: u8 = 4;
    /// The PSH flag.
    pub const PSH: u8 = 8;
    /// The ACK flag.
    pub const ACK: u8 = 16;

    /// Reads a segment; `None` where a length is wrong. The checksum is left to the receiver's stack.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let segment = TcpPacket::new_checked(payload).ok()?;
        let header_len = usize::from(segment.header_len());
        Some(Self {
            src_port: segment.src_port(),
            dst_port: segment.dst_port(),
            flags: payload.get(13).copied()? & 0x3f,
            seq: u32::from_be_bytes(*payload.get(4..)?.first_chunk()?),
            ack: u32::from_be_bytes(*payload.get(8..)?.first_chunk()?),
            header_len,
        })
    }

    /// Whether a flag is set.
    #[must_use]
    pub const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Whether the checksum of a TCP segment of `ip` is right.
pub(crate) fn tcp_checksum_holds(ip: &Ipv4, segment: &[u8]) -> bool {
    let (src, dst) = (IpAddress::Ipv4(ip.src), IpAddress::Ipv4(ip.dst));
    TcpPacket::new_checked(segment).is_ok_and(|s| s.verify_checksum(&src, &dst))
}

/// What a sensor reads from one frame without keeping state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Ethernet header.
    pub ethernet: Ethernet,
    /// The ARP packet, if it is one.
    pub arp: Option<Arp>,
    /// The IPv4 header, if it is a valid packet.
    pub ip: Option<Ipv4>,
    /// Source and destination port of TCP or UDP; absent in all fragments but the first.
    pub ports: Option<(u16, u16)>,
    /// The TCP header, if there is one.
    pub tcp: Option<Tcp>,
    /// ICMP type and code, if it is ICMP.
    pub icmp: Option<(u8, u8)>,
    /// Where in the frame the payload of TCP or UDP lies.
    pub payload: Range<usize>,
}

impl Summary {
    /// Reads a frame; `None` where it is shorter than an Ethernet header.
    #[must_use]
    pub fn of(frame: &[u8]) -> Option<Self> {
        let ethernet = Ethernet::parse(frame)?;
        let packet = frame.get(ETHERNET_HEADER_LEN..)?;
        let mut summary = Self {
            ethernet,
            arp: None,
            ip: None,
            ports: None,
            tcp: None,
            icmp: None,
            payload: 0..0,
        };
        match ethernet.ethertype {
            ETHERTYPE_ARP => summary.arp = Arp::parse(packet),
            ETHERTYPE_IPV4 => summary.read_ip(packet),
            _ => {}
        }
        Some(summary)
    }

    fn read_ip(&mut self, packet: &[u8]) {
        let Some(ip) = Ipv4::parse(packet) else {
            return;
        };
        self.ip = Some(ip);
        if ip.fragment_offset != 0 {
            return;
        }
        let payload = ip.payload(packet);
        let start = ETHERNET_HEADER_LEN + ip.header_len;
        let end = ETHERNET_HEADER_LEN + ip.total_len;
        match ip.protocol {
            PROTOCOL_TCP => {
                if let Some(tcp) = Tcp::parse(payload) {
                    self.ports = Some((tcp.src_port, tcp.dst_port));
                    self.payload = start + tcp.header_len..end;
                    self.tcp = Some(tcp);
                }
            }
            PROTOCOL_UDP => {
                if let Some((src, dst)) = udp_ports(payload) {
                    self.ports = Some((src, dst));
                    self.payload = start + UDP_HEADER_LEN..end;
                }
            }
            PROTOCOL_ICMP => self.icmp = payload.first().copied().zip(payload.get(1).copied()),
            _ => {}
        }
    }
}

/// Mends the checksums of the IPv4 packet in a frame, and of the TCP or UDP segment in it: what a man in the middle does
/// after a change. False where the frame holds no whole packet; then it is left as it was.
pub fn mend_checksums(frame: &mut [u8]) -> bool {
    let Some(bytes) = frame.get_mut(ETHERNET_HEADER_LEN..) else {
        return false;
    };
    let Ok(mut packet) = Ipv4Packet::new_checked(bytes) else {
        return false;
    };
    packet.fill_checksum();
    let (src, dst) = (
        IpAddress::Ipv4(packet.src_addr()),
        IpAddress::Ipv4(packet.dst_addr()),
    );
    let fragment = packet.more_frags() || packet.frag_offset() != 0;
    match packet.next_header() {
        _ if fragment => {}
        IpProtocol::Tcp => {
            if let Ok(mut segment) = TcpPacket::new_checked(packet.payload_mut()) {
                segment.fill_checksum(&src, &dst);
            }
        }
        IpProtocol::Udp => {
            if let Ok(mut datagram) = UdpPacket::new_checked(packet.payload_mut()) {
                datagram.fill_checksum(&src, &dst);
            }
        }
        _ => {}
    }
    true
}

/// A SYN with this sequence number as an IPv4 packet, for scans and floods through [`crate::Fabric::send_ip`].
#[must_use]
pub fn syn(src: (Ipv4Addr, u16), dst: (Ipv4Addr, u16), seq: u32) -> Vec<u8> {
    let mut packet = tcp_bare(src, dst, TcpControl::Syn, seq, None, SYN_WINDOW);
    packet.drain(..ETHERNET_HEADER_LEN.min(packet.len()));
    packet
}

/// Window in the SYNs of nmap, bytes.
const SYN_WINDOW: u16 = 1_024;

/// Length of a UDP header, bytes.
pub(crate) const UDP_HEADER_LEN: usize = 8;

/// Ports of a UDP datagram whose lengths hold.
pub(crate) fn udp_ports(payload: &[u8]) -> Option<(u16, u16)> {
    let datagram = UdpPacket::new_checked(payload).ok()?;
    Some((datagram.src_port(), datagram.dst_port()))
}

/// The payload of a UDP datagram whose checksum holds.
pub(crate) fn udp_payload<'a>(ip: &Ipv4, payload: &'a [u8]) -> Option<&'a [u8]> {
    let datagram = UdpPacket::new_checked(payload).ok()?;
    let (src, dst) = (IpAddress::Ipv4(ip.src), IpAddress::Ipv4(ip.dst));
    UdpRepr::parse(&datagram, &src, &dst, &ChecksumCapabilities::default()).ok()?;
    Some(datagram.payload())
}

/// Lowers the time to live by one and mends the checksum of the packet in a frame.
pub(crate) fn decrement_ttl(frame: &mut [u8]) {
    let Some(bytes) = frame.get_mut(ETHERNET_HEADER_LEN..) else {
        return;
    };
    if let Ok(mut packet) = Ipv4Packet::new_checked(bytes) {
        packet.set_hop_limit(packet.hop_limit().saturating_sub(1));
        packet.fill_checksum();
    }
}

/// An IPv4 packet around `payload`, behind room for an Ethernet header.
pub(crate) fn ipv4(src: Ipv4Addr, dst: Ipv4Addr, protocol: u8, ttl: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; ETHERNET_HEADER_LEN + IPV4_HEADER_LEN];
    let repr = Ipv4Repr {
        src_addr: src,
        dst_addr: dst,
        next_header: IpProtocol::from(protocol),
        payload_len: payload.len(),
        hop_limit: ttl,
    };
    if let Some(header) = frame.get_mut(ETHERNET_HEADER_LEN..) {
        repr.emit(
            &mut Ipv4Packet::new_unchecked(header),
            &ChecksumCapabilities::default(),
        );
    }
    frame.extend_from_slice(payload);
    frame
}

/// A UDP datagram in an IPv4 packet, behind room for an Ethernet header.
pub(crate) fn udp(src: (Ipv4Addr, u16), dst: (Ipv4Addr, u16), data: &[u8]) -> Vec<u8> {
    let repr = UdpRepr {
        src_port: src.1,
        dst_port: dst.1,
    };
    let mut datagram = vec![0; UDP_HEADER_LEN + data.len()];
    repr.emit(
        &mut UdpPacket::new_unchecked(&mut datagram[..]),
        &IpAddress::Ipv4(src.0),
        &IpAddress::Ipv4(dst.0),
        data.len(),
        |payload| payload.copy_from_slice(data),
        &ChecksumCapabilities::default(),
    );
    ipv4(src.0, dst.0, PROTOCOL_UDP, HOP_LIMIT, &datagram)
}

/// The RST that answers a segment of `ip` (RFC 9293 3.10.7.1), or `None` where the segment is a RST itself.
pub(crate) fn tcp_reset_reply(ip: &Ipv4, tcp: &Tcp, payload_len: usize) -> Option<Vec<u8>> {
    if tcp.has(Tcp::RST) {
        return None;
    }
    let control_len = u32::from(tcp.has(Tcp::SYN)) + u32::from(tcp.has(Tcp::FIN));
    let (seq, ack) = if tcp.has(Tcp::ACK) {
        (tcp.ack, None)
    } else {
        let len = u32::try_from(payload_len).unwrap_or(0);
        (0, Some(tcp.seq.wrapping_add(len).wrapping_add(control_len)))
    };
    Some(tcp_reset(
        (ip.dst, tcp.dst_port),
        (ip.src, tcp.src_port),
        seq,
        ack,
    ))
}

/// A RST with these numbers.
pub(crate) fn tcp_reset(
    src: (Ipv4Addr, u16),
    dst: (Ipv4Addr, u16),
    seq: u32,
    ack: Option<u32>,
) -> Vec<u8> {
    tcp_bare(src, dst, TcpControl::Rst, seq, ack, 0)
}

/// A segment without options and payload in an IPv4 packet, behind room for an Ethernet header.
fn tcp_bare(
    src: (Ipv4Addr, u16),
    dst: (Ipv4Addr, u16),
    control: TcpControl,
    seq: u32,
    ack: Option<u32>,
    window_len: u16,
) -> Vec<u8> {
    let number = |n: u32| TcpSeqNumber(n.cast_signed());
    let repr = TcpRepr {
        src_port: src.1,
        dst_port: dst.1,
        control,
        seq_number: number(seq),
        ack_number: ack.map(number),
        window_len,
        window_scale: None,
        max_seg_size: None,
        sack_permitted: false,
        sack_ranges: [None, None, None],
        timestamp: None,
        payload: &[],
    };
    let mut segment = vec![0; repr.buffer_len()];
    repr.emit(
        &mut TcpPacket::new_unchecked(&mut segment[..]),
        &IpAddress::Ipv4(src.0),
        &IpAddress::Ipv4(dst.0),
        &ChecksumCapabilities::default(),
    );
    ipv4(src.0, dst.0, PROTOCOL_TCP, HOP_LIMIT, &segment)
}

/// An ICMP message as we use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Icmp<'a> {
    /// A request or its reply.
    Echo {
        reply: bool,
        ident: u16,
        sequence: u16,
        data: &'a [u8],
    },
    /// Unreachable (3) or time exceeded (11) with the header and first bytes of the packet concerned.
    Error { kind: u8, code: u8, about: &'a [u8] },
}

/// ICMP type of a destination that cannot be reached.
pub(crate) const ICMP_UNREACHABLE: u8 = 3;
/// ICMP type of a packet whose time to live ran out.
pub(crate) const ICMP_TIME_EXCEEDED: u8 = 11;

const ICMP_HEADER_LEN: usize = 8;

impl<'a> Icmp<'a> {
    /// Reads a message whose checksum holds; `None` for other kinds.
    pub(crate) fn parse(payload: &'a [u8]) -> Option<Self> {
        let packet = Icmpv4Packet::new_checked(payload).ok()?;
        if !packet.verify_checksum() {
            return None;
        }
        let header: &[u8; ICMP_HEADER_LEN] = payload.first_chunk()?;
        let rest = payload.get(ICMP_HEADER_LEN..)?;
        let [kind, code, _, _, i0, i1, s0, s1] = *header;
        match kind {
            0 | 8 => Some(Self::Echo {
                reply: kind == 0,
                ident: u16::from_be_bytes([i0, i1]),
                sequence: u16::from_be_bytes([s0, s1]),
                data: rest,
            }),
            ICMP_UNREACHABLE | ICMP_TIME_EXCEEDED => Some(Self::Error {
                kind,
                code,
                about: rest,
            }),
            _ => None,
        }
    }

    /// The message as an IPv4 packet, behind room for an Ethernet header.
    pub(crate) fn packet(&self, src: Ipv4Addr, dst: Ipv4Addr, ttl: u8) -> Vec<u8> {
        let (head, rest) = match *self {
            Self::Echo {
                reply,
                ident,
                sequence,
                data,
            } => {
                let ([i0, i1], [s0, s1]) = (ident.to_be_bytes(), sequence.to_be_bytes());
                ([if reply { 0 } else { 8 }, 0, 0, 0, i0, i1, s0, s1], data)
            }
            Self::Error { kind, code, about } => ([kind, code, 0, 0, 0, 0, 0, 0], about),
        };
        let mut message = head.to_vec();
        message.extend_from_slice(rest);
        Icmpv4Packet::new_unchecked(&mut message[..]).fill_checksum();
        ipv4(src, dst, PROTOCOL_ICMP, ttl, &message)
    }
}

/// The error about `packet` that `from` sends to its source, or `None` where RFC 1122 3.2.2 forbids one: about an
/// ICMP error, a later fragment, or a packet without a single sender and receiver.
pub(crate) fn icmp_error(
    from: Ipv4Addr,
    kind: u8,
    code: u8,
    ip: &Ipv4,
    packet: &[u8],
) -> Option<Vec<u8>> {
    let one_sender = !ip.src.is_unspecified() && !ip.src.is_multicast() && !ip.src.is_broadcast();
    let one_receiver = !ip.dst.is_multicast() && !ip.dst.is_broadcast();
    if ip.fragment_offset != 0 || !one_sender || !one_receiver {
        return None;
    }
    let echo = matches!(ip.payload(packet).first(), Some(0 | 8));
    if ip.protocol == PROTOCOL_ICMP && !echo {
        return None;
    }
    // RFC 792: the header and the first 64 bits of the payload.
    let about = packet.get(..(ip.header_len + 8).min(ip.total_len))?;
    Some(Icmp::Error { kind, code, about }.packet(from, ip.src, HOP_LIMIT))
}

/// The packet that an ICMP error is about, which is cut behind 8 bytes of payload: header, and ports or echo ident.
pub(crate) fn error_subject(about: &[u8]) -> Option<(Ipv4, u16, u16)> {
    let (fixed, _) = about.split_first_chunk::<IPV4_HEADER_LEN>()?;
    let header_len = usize::from(fixed[0] & 0x0f) * 4;
    if fixed[0] >> 4 != 4 || header_len < IPV4_HEADER_LEN {
        return None;
    }
    let payload: &[u8; 8] = about.get(header_len..)?.first_chunk()?;
    let ip = Ipv4 {
        src: Ipv4Addr::new(fixed[12], fixed[13], fixed[14], fixed[15]),
        dst: Ipv4Addr::new(fixed[16], fixed[17], fixed[18], fixed[19]),
        protocol: fixed[9],
        ttl: fixed[8],
        ident: 0,
        more_fragments: false,
        dont_fragment: false,
        fragment_offset: 0,
        header_len,
        total_len: about.len(),
    };
    let number = |a: usize| u16::from_be_bytes([payload[a], payload[a + 1]]);
    match ip.protocol {
        PROTOCOL_TCP | PROTOCOL_UDP => Some((ip, number(0), number(2))),
        PROTOCOL_ICMP if payload[0] == 8 => Some((ip, number(4), number(4))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Ipv4Addr = Ipv4Addr::new(10, 30, 20, 10);
    const B: Ipv4Addr = Ipv4Addr::new(10, 30, 10, 11);

    #[test]
    fn writes_the_bytes_of_an_arp_request() {
        let arp = Arp {
            operation: Arp::REQUEST,
            sender_mac: Mac([0, 0x1b, 0x1b, 1, 2, 3]),
            sender_ip: A,
            target_mac: Mac::ZERO,
            target_ip: B,
        };
        let frame = arp.frame(Mac::BROADCAST, arp.sender_mac);
        let expected = [
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x1b, 0x1b, 0x01, 0x02, 0x03, 0x08, 0x06,
            0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01, 0x00, 0x1b, 0x1b, 0x01, 0x02, 0x03, 10,
            30, 20, 10, 0, 0, 0, 0, 0, 0, 10, 30, 10, 11,
        ];
        assert_eq!(frame, expected);
        assert_eq!(Summary::of(&frame).unwrap().arp, Some(arp));
        for cut in 0..expected.len() {
            assert_eq!(
                Summary::of(&expected[..cut]).and_then(|s| s.arp),
                None,
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn lowers_the_time_to_live_and_mends_the_checksum() {
        let mut frame = udp((A, 1_000), (B, 2_000), b"hello");
        decrement_ttl(&mut frame);
        let ip = Ipv4::parse(&frame[ETHERNET_HEADER_LEN..]).unwrap();
        assert_eq!(ip.ttl, HOP_LIMIT - 1);
        assert_eq!(
            udp_payload(&ip, ip.payload(&frame[ETHERNET_HEADER_LEN..])),
            Some(&b"hello"[..])
        );
    }

    #[test]
    fn resets_a_syn_as_rfc_9293_says() {
        let ip =
            Ipv4::parse(&ipv4(A, B, PROTOCOL_TCP, 64, &[0; 20])[ETHERNET_HEADER_LEN..]).unwrap();
        let syn = Tcp {
            src_port: 40_000,
            dst_port: 80,
            flags: Tcp::SYN,
            seq: 99,
            ack: 0,
            header_len: 20,
        };
        let reply = tcp_reset_reply(&ip, &syn, 0).unwrap();
        let packet = &reply[ETHERNET_HEADER_LEN..];
        let answer = Tcp::parse(Ipv4::parse(packet).unwrap().payload(packet)).unwrap();
        assert_eq!(
            (answer.seq, answer.ack, answer.flags),
            (0, 100, Tcp::RST | Tcp::ACK)
        );
        assert_eq!((answer.src_port, answer.dst_port), (80, 40_000));
        let rst = Tcp {
            flags: Tcp::RST,
            ..syn
        };
        assert_eq!(tcp_reset_reply(&ip, &rst, 0), None);
    }

    #[test]
    fn checksums_are_mended_after_a_change() {
        let mut frame = udp((A, 1_000), (B, 2_000), b"hello");
        let end = frame.len();
        frame[end - 1] = b'!';
        frame[ETHERNET_HEADER_LEN + 8] = 9;
        assert_eq!(Ipv4::parse(&frame[ETHERNET_HEADER_LEN..]), None);
        assert!(mend_checksums(&mut frame));
        let ip = Ipv4::parse(&frame[ETHERNET_HEADER_LEN..]).unwrap();
        assert_eq!(
            udp_payload(&ip, ip.payload(&frame[ETHERNET_HEADER_LEN..])),
            Some(&b"hell!"[..])
        );
        assert!(!mend_checksums(&mut frame[..20]));
    }

    #[test]
    fn a_syn_is_a_whole_packet() {
        let packet = syn((A, 40_000), (B, 502), 7);
        let ip = Ipv4::parse(&packet).unwrap();
        let tcp = Tcp::parse(ip.payload(&packet)).unwrap();
        assert_eq!(
            (ip.src, ip.dst, tcp.dst_port, tcp.flags, tcp.seq),
            (A, B, 502, Tcp::SYN, 7)
        );
        assert!(tcp_checksum_holds(&ip, ip.payload(&packet)));
    }

    #[test]
    fn errors_name_their_subject_and_breed_no_errors() {
        let about = udp((A, 1_000), (B, 2_000), b"hello");
        let packet = &about[ETHERNET_HEADER_LEN..];
        let ip = Ipv4::parse(packet).unwrap();
        let error = icmp_error(B, ICMP_UNREACHABLE, 13, &ip, packet).unwrap();
        let packet = &error[ETHERNET_HEADER_LEN..];
        let ip = Ipv4::parse(packet).unwrap();
        let Some(Icmp::Error {
            kind: 3,
            code: 13,
            about,
        }) = Icmp::parse(ip.payload(packet))
        else {
            panic!("no error");
        };
        let (subject, src_port, dst_port) = error_subject(about).unwrap();
        assert_eq!(
            (subject.src, src_port, subject.dst, dst_port),
            (A, 1_000, B, 2_000)
        );
        assert_eq!(icmp_error(A, ICMP_UNREACHABLE, 13, &ip, packet), None);
    }
}
