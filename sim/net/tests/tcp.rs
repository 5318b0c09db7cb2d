//! TCP between hosts: across the router, to closed ports, over bad links, under floods.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use sim_net::packet::{Summary, Tcp};
use sim_net::{CloseReason, ConnId, HostEvent, LinkSpec, NetError, limits};
use support::{
    CONTROL, FOOTHOLD, FOOTHOLD_IP, HMI, HMI_IP, Net, PLC, PLC_IP, mac, open_firewall, raw,
    topology,
};

#[test]
fn two_hosts_talk_across_the_router() {
    let mut net = Net::open(1);
    net.fabric.listen(PLC, 502, 4).unwrap();
    let conn = net.connected(HMI, PLC_IP, 502);
    net.send(conn, b"hello");
    net.run_ms(50);
    assert_eq!(net.received(conn), b"hello");
    let accepted = net.events.iter().find_map(|e| match e {
        HostEvent::TcpAccepted {
            peer_ip,
            origin,
            frame,
            ..
        } => Some((*peer_ip, *origin, *frame)),
        _ => None,
    });
    let (peer_ip, origin, frame) = accepted.unwrap();
    assert_eq!((peer_ip, origin), (HMI_IP, HMI));
    let syn = net.captured.iter().find(|f| f.number == frame).unwrap();
    assert_eq!(syn.switch, CONTROL);
    assert_eq!(
        Summary::of(&syn.bytes).unwrap().tcp.unwrap().flags,
        Tcp::SYN
    );
}

#[test]
fn readable_bytes_name_the_frame_that_brought_them() {
    let mut net = Net::open(1);
    net.fabric.listen(PLC, 502, 4).unwrap();
    let conn = net.connected(HMI, PLC_IP, 502);
    net.send(conn, b"hello");
    net.run_ms(50);
    let frame = net.events.iter().find_map(|e| match e {
        HostEvent::TcpReadable {
            host: PLC,
            origin: HMI,
            frame,
            ..
        } => Some(*frame),
        _ => None,
    });
    let captured = net
        .captured
        .iter()
        .find(|f| Some(f.number) == frame)
        .unwrap();
    let summary = Summary::of(&captured.bytes).unwrap();
    assert_eq!(&captured.bytes[summary.payload], b"hello");
}

#[test]
fn a_closed_port_refuses() {
    let mut net = Net::open(1);
    let conn = net.connect(HMI, PLC_IP, 502);
    net.run_ms(50);
    assert_eq!(net.close_reason(conn), Some(CloseReason::Refused));
    assert_eq!(
        net.fabric.send(net.now, conn, b"x"),
        Err(NetError::NoConnection)
    );
    assert_eq!(net.fabric.socket_count(HMI), Ok(0));
}

#[test]
fn both_ends_close_in_order_and_free_their_sockets() {
    let mut net = Net::open(1);
    net.fabric.listen(PLC, 502, 4).unwrap();
    let conn = net.connected(HMI, PLC_IP, 502);
    net.fabric.close(net.now, conn).unwrap();
    net.run_ms(100);
    let fins = net.events.iter().filter(|e| {
        matches!(
            e,
            HostEvent::TcpClosed {
                reason: CloseReason::Fin,
                ..
            }
        )
    });
    assert_eq!(fins.count(), 1);
    assert_eq!(net.fabric.socket_count(PLC), Ok(0));
    // The end that closed first stays in TIME-WAIT.
    assert_eq!(net.fabric.socket_count(HMI), Ok(1));
    net.run_ms(11_000);
    assert_eq!(net.fabric.socket_count(HMI), Ok(0));
    assert_eq!(net.fabric.next_event(), None);
}

#[test]
fn an_idle_connection_lives_on() {
    let mut net = Net::open(1);
    net.fabric.listen(PLC, 502, 4).unwrap();
    let conn = net.connected(HMI, PLC_IP, 502);
    net.run_ms(3_600_000);
    net.send(conn, b"still here");
    net.run_ms(50);
    assert_eq!(net.received(conn), b"still here");
    assert_eq!(net.close_reason(conn), None);
}

#[test]
fn a_long_transfer_wraps_the_ring_without_a_stall() {
    let mut net = Net::open(1);
    net.fabric.listen(PLC, 502, 4).unwrap();
    let conn = net.connected(HMI, PLC_IP, 502);
    let data: Vec<u8> = (0..=250).cycle().take(20_000).collect();
    let mut sent = 0;
    let began = net.now;
    while net.received(conn).len() < data.len() {
        sent += net.fabric.send(net.now, conn, &data[sent..]).unwrap_or(0);
        net.run_us(100);
        assert!(
            net.now.since(began).0 < 1_000_000,
            "stalled at {}",
            net.received(conn).len()
        );
    }
    assert_eq!(net.received(conn), data);
}

#[test]
fn a_full_buffer_says_when_it_takes_more() {
    let mut net = Net::open(1);
    net.fabric.listen(PLC, 502, 4).unwrap();
    let conn = net.connected(HMI, PLC_IP, 502);
    let taken = net.fabric.send(net.now, conn, &[0; 10_000]).unwrap();
    assert_eq!(taken, limits::TCP_BUFFER_BYTES);
    net.run_ms(50);
    assert!(
        net.events
            .iter()
            .any(|e| matches!(e, HostEvent::TcpWritable { conn: c, .. } if *c == conn))
    );
}

#[test]
fn lost_frames_are_sent_again() {
    let link = LinkSpec {
        latency_us: 100,
        loss_ppm: 50_000,
        bandwidth_bps: None,
    };
    let mut net = Net::new(&topology(open_firewall(), link), 7);
    net.fabric.listen(PLC, 502, 4).unwrap();
    let conn = net.connect(HMI, PLC_IP, 502);
    net.run_ms(20_000);
    assert!(net.is_connected(conn));
    let mut expected = Vec::new();
    for byte in 0..50 {
        net.send(conn, &[byte; 40]);
        expected.extend_from_slice(&[byte; 40]);
        net.run_ms(2_000);
    }
    net.run_ms(60_000);
    assert_eq!(net.received(conn), expected);
    assert!(net.fabric.stats().frames_lost > 10);
}

#[test]
fn a_narrow_link_delays_and_then_drops() {
    let link = LinkSpec {
        latency_us: 1,
        loss_ppm: 0,
        bandwidth_bps: Some(1_000_000),
    };
    let mut net = Net::new(&topology(open_firewall(), link), 1);
    let frame = vec![0xff; 1_000];
    // 1,000 bytes at 1 Mbit/s take 8 ms on each of two cables.
    net.fabric
        .set_capture(FOOTHOLD, sim_net::Capture::All)
        .unwrap();
    net.fabric
        .send_frame(net.now, HMI, frame.clone(), HMI)
        .unwrap();
    net.run_us(16_001);
    assert!(net.events.is_empty());
    net.run_us(1);
    assert_eq!(net.events.len(), 1);
    for _ in 0..200 {
        net.fabric
            .send_frame(net.now, HMI, frame.clone(), HMI)
            .unwrap();
    }
    let queued = limits::LINK_QUEUE_BYTES_MAX / 1_000 + 1;
    assert_eq!(net.fabric.stats().frames_queue_dropped, 200 - queued);
}

#[test]
fn an_unplugged_machine_times_out_and_comes_back() {
    let mut net = Net::open(1);
    net.fabric.listen(PLC, 502, 4).unwrap();
    let conn = net.connected(HMI, PLC_IP, 502);
    net.fabric.unplug(net.now, PLC, true).unwrap();
    net.send(conn, b"lost");
    net.run_ms(30_000);
    assert_eq!(net.close_reason(conn), None);
    let late = net.connect(HMI, PLC_IP, 502);
    net.run_ms(31_000);
    assert_eq!(net.close_reason(conn), Some(CloseReason::Timeout));
    assert!(matches!(
        net.close_reason(late),
        Some(CloseReason::Timeout | CloseReason::Unreachable)
    ));
    net.fabric.unplug(net.now, PLC, false).unwrap();
    let again = net.connected(HMI, PLC_IP, 502);
    net.send(again, b"back");
    net.run_ms(50);
    assert_eq!(net.received(again), b"back");
}

#[test]
fn without_power_a_machine_forgets_its_connections() {
    let mut net = Net::open(1);
    net.fabric.listen(PLC, 502, 4).unwrap();
    let conn = net.connected(HMI, PLC_IP, 502);
    net.fabric.set_power(net.now, PLC, false).unwrap();
    assert_eq!(net.fabric.listen(PLC, 502, 4), Err(NetError::Off));
    net.run_ms(1_000);
    net.fabric.set_power(net.now, PLC, true).unwrap();
    net.fabric.listen(PLC, 502, 4).unwrap();
    net.send(conn, b"who are you");
    net.run_ms(100);
    assert_eq!(net.close_reason(conn), Some(CloseReason::Reset));
    net.connected(HMI, PLC_IP, 502);
}

#[test]
fn a_silent_address_is_unreachable_after_three_arp_requests() {
    let mut net = Net::open(1);
    let conn = net.connect(HMI, std::net::Ipv4Addr::new(10, 30, 20, 99), 80);
    net.run_ms(2_999);
    assert_eq!(net.close_reason(conn), None);
    net.run_ms(10);
    assert_eq!(net.close_reason(conn), Some(CloseReason::Unreachable));
    let requests = net
        .captured
        .iter()
        .filter(|f| Summary::of(&f.bytes).unwrap().arp.is_some());
    assert_eq!(requests.count(), 3);
}

#[test]
fn a_service_takes_its_cap_and_no_more() {
    let mut net = Net::open(1);
    net.fabric.listen(PLC, 502, 3).unwrap();
    let conns: Vec<ConnId> = (0..5).map(|_| net.connect(HMI, PLC_IP, 502)).collect();
    net.run_ms(2_000);
    let connected = conns.iter().filter(|c| net.is_connected(**c)).count();
    assert_eq!(connected, 3);
    assert_eq!(net.fabric.socket_count(PLC), Ok(3));
    assert!(net.fabric.stats().syns_dropped > 0);
}

#[test]
fn a_stack_has_a_cap_of_sockets() {
    let mut net = Net::open(1);
    let results: Vec<_> = (0..40)
        .map(|_| net.fabric.connect(net.now, HMI, PLC_IP, 502))
        .collect();
    assert_eq!(
        results.iter().filter(|r| r.is_ok()).count(),
        limits::SOCKETS_MAX
    );
    assert_eq!(results.last(), Some(&Err(NetError::TooMany)));
}

#[test]
fn a_service_answers_during_a_syn_flood_and_memory_stays_bounded() {
    let link = LinkSpec {
        latency_us: 100,
        ..LinkSpec::default()
    };
    let mut net = Net::new(&topology(open_firewall(), link), 1);
    net.fabric.listen(PLC, 502, 8).unwrap();
    let steady = net.connected(HMI, PLC_IP, 502);
    for n in 0..20_000_u32 {
        // Spoofed sources of the attacker's own subnet; nobody resets the half-open connections.
        let src = std::net::Ipv4Addr::from_bits(FOOTHOLD_IP.to_bits() + 1 + n % 100);
        let segment = raw::tcp(
            (src, 1_024 + (n % 60_000) as u16),
            (PLC_IP, 502),
            n,
            0,
            Tcp::SYN,
            &[],
        );
        let frame = raw::ethernet(support::ROUTER_MAC_20, mac(FOOTHOLD), &segment);
        net.fabric
            .send_frame(net.now, FOOTHOLD, frame, FOOTHOLD)
            .unwrap();
        net.run_us(200);
        assert!(net.fabric.socket_count(PLC).unwrap() <= 8);
    }
    net.send(steady, b"alive");
    net.run_ms(100);
    assert_eq!(net.received(steady), b"alive");
    let stats = net.fabric.stats();
    assert!(stats.half_open_evicted > 15_000, "{stats:?}");
    assert!(stats.sessions_evicted > 15_000, "{stats:?}");
    assert!(net.fabric.sessions(support::ROUTER).unwrap().len() <= limits::SESSIONS_MAX);
    net.run_ms(30_000);
    net.connected(HMI, PLC_IP, 502);
}
