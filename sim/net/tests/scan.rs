//! Scans with hand-made packets, as nmap sends them: what a port answers must be what a real one answers.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use sim_net::packet::{Summary, Tcp};
use sim_net::{Action, Capture, HostEvent, LinkSpec, Rule, Subnet, UnreachableCause};
use support::{
    FOOTHOLD, FOOTHOLD_IP, HMI, HMI_IP, Net, PLC, PLC_IP, ROUTER_MAC_20, SIS_IP, closed_firewall,
    mac, raw, topology,
};

/// Flags of the answer to a segment with `flags` sent to `port` of `ip`, if there is one.
fn probe(net: &mut Net, ip: std::net::Ipv4Addr, port: u16, flags: u8) -> Option<u8> {
    let segment = raw::tcp((FOOTHOLD_IP, 44_444), (ip, port), 1_000, 77, flags, &[]);
    let dst = if ip == HMI_IP {
        mac(HMI)
    } else {
        ROUTER_MAC_20
    };
    let frame = raw::ethernet(dst, mac(FOOTHOLD), &segment);
    let before = net.events.len();
    net.fabric
        .send_frame(net.now, FOOTHOLD, frame, FOOTHOLD)
        .unwrap();
    net.run_ms(20);
    net.events[before..].iter().find_map(|e| match e {
        HostEvent::Frame { bytes, .. } => {
            let tcp = Summary::of(bytes)?.tcp?;
            (tcp.src_port == port && tcp.dst_port == 44_444).then_some(tcp.flags)
        }
        _ => None,
    })
}

fn scanning(net: &mut Net) {
    net.fabric.listen(PLC, 502, 8).unwrap();
    net.fabric.listen(HMI, 22, 8).unwrap();
    net.fabric.set_capture(FOOTHOLD, Capture::All).unwrap();
}

#[test]
fn a_syn_scan_finds_open_closed_and_filtered_ports() {
    let rules = vec![
        Rule::new(1, Action::Drop).tcp(443),
        Rule::new(2, Action::Reject).tcp(8_080),
        Rule::new(3, Action::Accept).between(Subnet::host(FOOTHOLD_IP), Subnet::ANY),
    ];
    let mut net = Net::new(&topology(closed_firewall(rules), LinkSpec::default()), 1);
    scanning(&mut net);
    assert_eq!(
        probe(&mut net, PLC_IP, 502, Tcp::SYN),
        Some(Tcp::SYN | Tcp::ACK)
    );
    assert_eq!(
        probe(&mut net, PLC_IP, 503, Tcp::SYN),
        Some(Tcp::RST | Tcp::ACK)
    );
    assert_eq!(probe(&mut net, PLC_IP, 443, Tcp::SYN), None);
    assert_eq!(
        probe(&mut net, PLC_IP, 8_080, Tcp::SYN),
        Some(Tcp::RST | Tcp::ACK)
    );
    assert_eq!(
        probe(&mut net, SIS_IP, 502, Tcp::SYN),
        Some(Tcp::RST | Tcp::ACK)
    );
    // The foothold's own stack answers the SYN-ACK with a RST, as a scanner's kernel does: no socket stays behind.
    assert_eq!(net.fabric.socket_count(PLC), Ok(0));
}

#[test]
fn fin_null_and_xmas_scans_see_only_closed_ports() {
    let mut net = Net::open(1);
    scanning(&mut net);
    for flags in [0, Tcp::FIN, Tcp::FIN | Tcp::PSH | 32] {
        assert_eq!(
            probe(&mut net, HMI_IP, 22, flags),
            None,
            "open, flags {flags}"
        );
        assert_eq!(
            probe(&mut net, HMI_IP, 23, flags),
            Some(Tcp::RST | Tcp::ACK),
            "closed, flags {flags}"
        );
        // A stateful firewall takes them for what they are.
        assert_eq!(
            probe(&mut net, PLC_IP, 503, flags),
            None,
            "behind the firewall, flags {flags}"
        );
    }
    for port in [22, 23] {
        assert_eq!(
            probe(&mut net, HMI_IP, port, Tcp::ACK),
            Some(Tcp::RST),
            "ack scan of {port}"
        );
    }
}

#[test]
fn a_scan_of_all_ports_leaves_nothing_behind() {
    let mut net = Net::open(1);
    scanning(&mut net);
    let mut open = Vec::new();
    for port in 1..=3_000 {
        if probe(&mut net, PLC_IP, port, Tcp::SYN) == Some(Tcp::SYN | Tcp::ACK) {
            open.push(port);
        }
        net.events.clear();
        net.captured.clear();
    }
    assert_eq!(open, [502]);
    assert_eq!(net.fabric.socket_count(PLC), Ok(0));
    assert!(net.fabric.sessions(support::ROUTER).unwrap().len() <= sim_net::limits::SESSIONS_MAX);
}

#[test]
fn a_fragmented_syn_is_put_together_before_firewall_and_stack() {
    let mut net = Net::open(1);
    scanning(&mut net);
    let segment = raw::tcp((FOOTHOLD_IP, 44_444), (PLC_IP, 502), 1, 0, Tcp::SYN, &[]);
    let data = &segment[20..];
    // nmap -f: fragments of 8 bytes. Offsets count 8 bytes; 0x2000 says that more follow.
    for (index, part) in data.chunks(8).enumerate() {
        let more = if (index + 1) * 8 < data.len() {
            0x2000
        } else {
            0
        };
        let fragment = 0x0bad_0000 | more | u32::try_from(index).unwrap();
        let packet = raw::ipv4(FOOTHOLD_IP, PLC_IP, 6, 64, fragment, part);
        let frame = raw::ethernet(ROUTER_MAC_20, mac(FOOTHOLD), &packet);
        net.fabric
            .send_frame(net.now, FOOTHOLD, frame, FOOTHOLD)
            .unwrap();
    }
    net.run_ms(20);
    let answer = net.events.iter().find_map(|e| match e {
        HostEvent::Frame { bytes, .. } => Summary::of(bytes)?.tcp,
        _ => None,
    });
    assert_eq!(answer.unwrap().flags, Tcp::SYN | Tcp::ACK);
}

#[test]
fn large_datagrams_cross_the_router_in_fragments() {
    let mut net = Net::open(1);
    net.fabric.udp_bind(PLC, 20_000).unwrap();
    let data: Vec<u8> = (0..=255).cycle().take(4_000).collect();
    net.fabric
        .udp_send(net.now, HMI, 5_000, (PLC_IP, 20_000), &data)
        .unwrap();
    net.run_ms(20);
    let got = net.events.iter().find_map(|e| match e {
        HostEvent::Udp { data, peer_ip, .. } => Some((data.clone(), *peer_ip)),
        _ => None,
    });
    assert_eq!(got.unwrap(), (data, HMI_IP));
    assert!(
        net.captured
            .iter()
            .all(|f| f.bytes.len() <= sim_net::limits::FRAME_MAX)
    );
}

#[test]
fn a_trace_of_the_route_finds_the_router() {
    let mut net = Net::open(1);
    net.fabric.ping_ttl(net.now, HMI, PLC_IP, 1).unwrap();
    net.fabric.ping_ttl(net.now, HMI, PLC_IP, 2).unwrap();
    net.run_ms(20);
    let from: Vec<_> = net
        .events
        .iter()
        .filter_map(|e| match e {
            HostEvent::Unreachable {
                from,
                cause: UnreachableCause::TimeExceeded,
                ..
            } => Some(*from),
            HostEvent::PingReply { from, .. } => Some(*from),
            _ => None,
        })
        .collect();
    assert_eq!(from, [support::GATEWAY_20, PLC_IP]);
}

#[test]
fn a_datagram_to_a_closed_port_is_answered_by_an_error() {
    let mut net = Net::open(1);
    net.fabric
        .udp_send(net.now, HMI, 5_000, (PLC_IP, 161), b"x")
        .unwrap();
    net.run_ms(20);
    assert!(net.events.iter().any(|e| matches!(
        e,
        HostEvent::Unreachable {
            host: HMI,
            port: 161,
            cause: UnreachableCause::Port,
            from: PLC_IP,
            ..
        }
    )));
}

#[test]
fn the_router_answers_pings_and_has_no_open_ports() {
    let mut net = Net::open(1);
    net.fabric.set_capture(FOOTHOLD, Capture::All).unwrap();
    net.fabric
        .ping(net.now, FOOTHOLD, support::GATEWAY_20)
        .unwrap();
    net.run_ms(20);
    assert!(net.events.iter().any(|e| matches!(
        e,
        HostEvent::PingReply {
            from: support::GATEWAY_20,
            ..
        }
    )));
    assert_eq!(
        probe(&mut net, support::GATEWAY_20, 22, Tcp::SYN),
        Some(Tcp::RST | Tcp::ACK)
    );
}

#[test]
fn an_outside_stack_speaks_as_the_host() {
    let mut net = Net::open(1);
    net.fabric.listen(PLC, 502, 8).unwrap();
    net.fabric.set_external_stack(FOOTHOLD, true).unwrap();
    let syn = raw::tcp((FOOTHOLD_IP, 44_444), (PLC_IP, 502), 1, 0, Tcp::SYN, &[]);
    net.fabric.send_ip(net.now, FOOTHOLD, &syn).unwrap();
    net.run_ms(20);
    let packets: Vec<_> = net
        .events
        .iter()
        .filter_map(|e| match e {
            HostEvent::Ip {
                host: FOOTHOLD,
                packet,
                ..
            } => Some(packet.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(packets.len(), 1);
    assert_eq!(
        Tcp::parse(&packets[0][20..]).unwrap().flags,
        Tcp::SYN | Tcp::ACK
    );
}
