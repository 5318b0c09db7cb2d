//! What a fabric reports: to host applications, sensors and the keeper of records.

use std::net::Ipv4Addr;

use sim_record::SimTime;

use crate::address::Mac;
use crate::firewall::{Action, Protocol};
use crate::ids::{ConnId, HostId, RouterId, RuleId, SwitchId};

/// Something that a host application, a sensor or the record must know, in the order in which it happened.
///
/// `origin` is the host whose card put the causing frame on a wire: ground truth, never to be shown to players. `frame`
/// is that frame's last number in the capture, 0 where no tap saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostEvent {
    /// A listening port accepted a connection.
    TcpAccepted {
        /// Instant.
        time: SimTime,
        /// Accepting host.
        host: HostId,
        /// The new connection.
        conn: ConnId,
        /// Listening port.
        port: u16,
        /// Address of the other end, as on the wire.
        peer_ip: Ipv4Addr,
        /// Port of the other end.
        peer_port: u16,
        /// Who sent the SYN.
        origin: HostId,
        /// Frame of the SYN.
        frame: u64,
    },
    /// A connection attempt succeeded.
    TcpConnected {
        /// Instant.
        time: SimTime,
        /// Connecting host.
        host: HostId,
        /// The connection.
        conn: ConnId,
    },
    /// Bytes wait for [`crate::Fabric::recv`]. Reported once until that is called.
    TcpReadable {
        /// Instant.
        time: SimTime,
        /// Receiving host.
        host: HostId,
        /// The connection.
        conn: ConnId,
        /// Who sent the newest segment.
        origin: HostId,
        /// Frame of the newest segment.
        frame: u64,
    },
    /// A connection whose buffer was full takes bytes again.
    TcpWritable {
        /// Instant.
        time: SimTime,
        /// Sending host.
        host: HostId,
        /// The connection.
        conn: ConnId,
    },
    /// A connection ended. After [`CloseReason::Fin`] what was received can still be read and
    /// [`crate::Fabric::close`] is due; after any other reason the id is no longer valid.
    TcpClosed {
        /// Instant.
        time: SimTime,
        /// Host.
        host: HostId,
        /// The connection.
        conn: ConnId,
        /// Why.
        reason: CloseReason,
    },
    /// A datagram arrived at a bound port.
    Udp {
        /// Instant.
        time: SimTime,
        /// Receiving host.
        host: HostId,
        /// Bound port.
        port: u16,
        /// Sender's address, as on the wire.
        peer_ip: Ipv4Addr,
        /// Sender's port.
        peer_port: u16,
        /// Payload.
        data: Vec<u8>,
        /// Who sent it.
        origin: HostId,
        /// Frame.
        frame: u64,
    },
    /// An echo request was answered.
    PingReply {
        /// Instant.
        time: SimTime,
        /// Asking host.
        host: HostId,
        /// Number that [`crate::Fabric::ping`] returned.
        sequence: u16,
        /// Who answered, as on the wire.
        from: Ipv4Addr,
        /// Time since the request, microseconds.
        round_trip_us: u64,
    },
    /// An ICMP error, or no ARP answer, about a datagram or an echo request.
    Unreachable {
        /// Instant.
        time: SimTime,
        /// Host that had sent the packet.
        host: HostId,
        /// Where it was to go.
        dst: Ipv4Addr,
        /// Destination port of a datagram, or the number of an echo request.
        port: u16,
        /// Protocol of the packet.
        protocol: Protocol,
        /// Who reports it; the host itself where ARP had no answer.
        from: Ipv4Addr,
        /// What is reported.
        cause: UnreachableCause,
    },
    /// A frame for an application that asked for such frames with [`crate::Fabric::set_capture`].
    Frame {
        /// Instant.
        time: SimTime,
        /// Receiving host.
        host: HostId,
        /// The whole frame.
        bytes: Vec<u8>,
        /// Who sent it.
        origin: HostId,
        /// Its number.
        frame: u64,
    },
    /// An IP packet for a host whose stack is outside ([`crate::Fabric::set_external_stack`]).
    Ip {
        /// Instant.
        time: SimTime,
        /// Receiving host.
        host: HostId,
        /// The packet, without an Ethernet header.
        packet: Vec<u8>,
        /// Who sent it.
        origin: HostId,
        /// Its number.
        frame: u64,
    },
    /// A firewall logged something.
    FirewallLog(FirewallLog),
    /// At a tapped switch an address was claimed by another card than before.
    ArpChanged {
        /// Instant.
        time: SimTime,
        /// The switch.
        switch: SwitchId,
        /// Address claimed.
        ip: Ipv4Addr,
        /// Card that had it.
        old_mac: Mac,
        /// Card that claims it.
        new_mac: Mac,
        /// Who sent it.
        origin: HostId,
        /// Frame of the claim.
        frame: u64,
    },
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CloseReason {
    /// The other end closed in order and will send no more.
    Fin,
    /// An established connection was reset.
    Reset,
    /// The other end stopped answering, or never did.
    Timeout,
    /// The port is closed: a reset answered the attempt.
    Refused,
    /// A router, or ARP, says that there is no way.
    Unreachable,
}

/// What an ICMP error says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnreachableCause {
    /// No route (codes 0 and 6).
    Network,
    /// No such machine, or no ARP answer (codes 1 and 7).
    Host,
    /// Nobody listens (code 3).
    Port,
    /// A firewall forbids it (codes 9, 10 and 13).
    Prohibited,
    /// The time to live ran out on the way.
    TimeExceeded,
    /// Any other code.
    Other,
}

/// One line of a firewall's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirewallLog {
    /// Instant.
    pub time: SimTime,
    /// Firewall.
    pub router: RouterId,
    /// Rule that decided; none where the default action did.
    pub rule: Option<RuleId>,
    /// What was done.
    pub action: Action,
    /// What it was about.
    pub cause: LogCause,
    /// Source, as on the wire.
    pub src: Ipv4Addr,
    /// Source port, or the ident of an echo request.
    pub src_port: u16,
    /// Destination.
    pub dst: Ipv4Addr,
    /// Destination port.
    pub dst_port: u16,
    /// Protocol.
    pub protocol: Protocol,
    /// Lines left out since the last one because there were too many a second.
    pub suppressed: u32,
    /// Who sent the packet.
    pub origin: HostId,
    /// Frame of the packet.
    pub frame: u64,
}

/// What a line of a firewall's log is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogCause {
    /// A new session was let through or refused.
    Session,
    /// A packet that belongs to no session and begins none, such as a FIN scan.
    Invalid,
    /// A Modbus request in a session with a Modbus rule.
    Modbus {
        /// Function code.
        function: u8,
        /// First address, if the function has one.
        address: Option<u16>,
    },
    /// Bytes in a session with a Modbus rule that are not whole Modbus requests.
    NotModbus,
}

/// A frame that a tap saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapturedFrame {
    /// Number in the capture, from 1, in the order of time and sequence over all taps.
    pub number: u64,
    /// Instant at the tap.
    pub time: SimTime,
    /// Tapped switch.
    pub switch: SwitchId,
    /// The whole frame.
    pub bytes: Vec<u8>,
    /// Who sent it: ground truth, not part of the capture file.
    pub origin: HostId,
}

/// Counters of a fabric since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Frames that reached a host, router or diode.
    pub frames_delivered: u64,
    /// Frames that taps saw.
    pub frames_captured: u64,
    /// Captured frames that were dropped because nobody polled them.
    pub captures_dropped: u64,
    /// Events that were dropped because nobody polled them.
    pub events_dropped: u64,
    /// Frames lost on links that lose.
    pub frames_lost: u64,
    /// Frames dropped because a link was full.
    pub frames_queue_dropped: u64,
    /// Frames dropped on an unplugged cable.
    pub frames_unplugged: u64,
    /// Frames dropped because they were too short, too long or no valid packet.
    pub frames_malformed: u64,
    /// Frames that came from the wrong side of a data diode.
    pub diode_blocked: u64,
    /// Packets dropped because their next hop was not resolved in time or too many waited.
    pub arp_dropped: u64,
    /// SYNs dropped because a service or stack was full.
    pub syns_dropped: u64,
    /// Half-open connections that made room for newer ones.
    pub half_open_evicted: u64,
    /// Datagrams whose fragments were dropped: incomplete, overlapping or too many.
    pub reassembly_dropped: u64,
    /// ICMP errors not sent because there were too many a second.
    pub icmp_suppressed: u64,
    /// Packets that firewalls refused.
    pub firewall_refused: u64,
    /// Sessions that made room for newer ones.
    pub sessions_evicted: u64,
}
