//! What happens on the segments themselves: ARP spoofing, data diodes, trunks, taps, and topologies that are refused.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

mod support;

use std::net::Ipv4Addr;

use sim_net::packet::{Arp, ETHERNET_HEADER_LEN, Ethernet, Summary};
use sim_net::{
    Attached, Capture, DiodeSpec, HostEvent, HostSpec, LinkSpec, Mac, NetError, SwitchId,
    SwitchSpec, Topology, TopologyError, TrunkSpec, UnreachableCause, pcapng,
};
use support::{
    CONTROL, FOOTHOLD, GATEWAY_20, HMI, HMI_IP, Net, PLC, PLC_IP, ROUTER_MAC_20, SUPERVISORY, mac,
    open_firewall, topology,
};

/// Tells `victim` that `ip` is at the foothold's card.
fn poison(net: &mut Net, victim: (Ipv4Addr, Mac), ip: Ipv4Addr) {
    let claim = Arp {
        operation: Arp::REPLY,
        sender_mac: mac(FOOTHOLD),
        sender_ip: ip,
        target_mac: victim.1,
        target_ip: victim.0,
    };
    let frame = claim.frame(victim.1, mac(FOOTHOLD));
    net.fabric
        .send_frame(net.now, FOOTHOLD, frame, FOOTHOLD)
        .unwrap();
    net.run_us(10);
}

/// Forwards what came to the foothold for others, after `change`; counts the frames.
fn forward(net: &mut Net, seen: &mut usize, change: impl Fn(&mut Vec<u8>) -> bool) -> usize {
    let mut count = 0;
    let frames: Vec<_> = net.events[*seen..]
        .iter()
        .filter_map(|e| match e {
            HostEvent::Frame {
                host: FOOTHOLD,
                bytes,
                origin,
                ..
            } => Some((bytes.clone(), *origin)),
            _ => None,
        })
        .collect();
    *seen = net.events.len();
    for (mut bytes, mut origin) in frames {
        let Some(ip) = Summary::of(&bytes).and_then(|s| s.ip) else {
            continue;
        };
        let dst = if ip.dst == HMI_IP {
            mac(HMI)
        } else {
            ROUTER_MAC_20
        };
        if change(&mut bytes) {
            origin = FOOTHOLD;
        }
        let header = Ethernet::parse(&bytes).unwrap();
        Ethernet {
            dst,
            src: mac(FOOTHOLD),
            ..header
        }
        .write(&mut bytes);
        net.fabric
            .send_frame(net.now, FOOTHOLD, bytes, origin)
            .unwrap();
        count += 1;
    }
    count
}

/// Replaces `from` by `to` in the last bytes of a TCP segment and mends its checksum incrementally (RFC 1624).
fn tamper(bytes: &mut [u8], from: u8, to: u8) -> bool {
    let Some(summary) = Summary::of(bytes) else {
        return false;
    };
    let range = summary.payload.clone();
    if range.is_empty()
        || bytes[range.end - 1] != from
        || !(range.end - 1 - range.start).is_multiple_of(2)
    {
        return false;
    }
    bytes[range.end - 1] = to;
    let at = ETHERNET_HEADER_LEN + 20 + 16;
    let old = u16::from_be_bytes([bytes[at], bytes[at + 1]]);
    let sum = u32::from(!old) + u32::from(!(u16::from(from) << 8)) + (u32::from(to) << 8);
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = !(((sum & 0xffff) + (sum >> 16)) as u16);
    bytes[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    true
}

#[test]
fn a_man_in_the_middle_redirects_and_changes_what_the_operator_sees() {
    let mut net = Net::open(1);
    net.fabric.listen(PLC, 502, 4).unwrap();
    let conn = net.connected(HMI, PLC_IP, 502);
    net.fabric.set_capture(FOOTHOLD, Capture::Foreign).unwrap();
    poison(&mut net, (HMI_IP, mac(HMI)), GATEWAY_20);
    poison(&mut net, (GATEWAY_20, ROUTER_MAC_20), HMI_IP);
    assert!(
        net.fabric
            .arp_table(HMI)
            .unwrap()
            .contains(&(GATEWAY_20, mac(FOOTHOLD)))
    );
    let mut seen = net.events.len();
    // The echo server answers with what came in; the operator must see 9 where 5 was sent.
    net.send(conn, &[1, 2, 5]);
    let mut forwarded = 0;
    for _ in 0..200 {
        net.run_us(500);
        forwarded += forward(&mut net, &mut seen, |bytes| {
            let to_hmi = Summary::of(bytes)
                .and_then(|s| s.ip)
                .is_some_and(|ip| ip.dst == HMI_IP);
            to_hmi && tamper(bytes, 5, 9)
        });
    }
    assert_eq!(net.received(conn), [1, 2, 9]);
    assert!(forwarded >= 3);
    let server = net.events.iter().filter_map(|e| match e {
        HostEvent::TcpReadable { host, origin, .. } => Some((*host, *origin)),
        _ => None,
    });
    // The forwarded request keeps its origin; the changed reply has the attacker's.
    assert_eq!(server.collect::<Vec<_>>(), [(PLC, HMI), (HMI, FOOTHOLD)]);
    let changes: Vec<_> = net
        .events
        .iter()
        .filter_map(|e| match e {
            HostEvent::ArpChanged {
                switch,
                ip,
                old_mac,
                new_mac,
                origin,
                frame,
                ..
            } => Some((*switch, *ip, *old_mac, *new_mac, *origin, *frame)),
            _ => None,
        })
        .collect();
    assert_eq!(changes.len(), 2);
    let (switch, ip, old_mac, new_mac, origin, frame) = changes[0];
    assert_eq!((switch, ip, origin), (SUPERVISORY, GATEWAY_20, FOOTHOLD));
    assert_eq!((old_mac, new_mac), (ROUTER_MAC_20, mac(FOOTHOLD)));
    let captured = net.captured.iter().find(|f| f.number == frame).unwrap();
    assert_eq!(
        Summary::of(&captured.bytes).unwrap().arp.unwrap().sender_ip,
        GATEWAY_20
    );
}

#[test]
fn a_poisoned_entry_heals_when_it_expires() {
    let mut net = Net::open(1);
    net.fabric.listen(PLC, 502, 4).unwrap();
    net.connected(HMI, PLC_IP, 502);
    poison(&mut net, (HMI_IP, mac(HMI)), GATEWAY_20);
    net.run_ms(61_000);
    assert!(
        !net.fabric
            .arp_table(HMI)
            .unwrap()
            .contains(&(GATEWAY_20, mac(FOOTHOLD)))
    );
    net.connected(HMI, PLC_IP, 502);
    assert!(
        net.fabric
            .arp_table(HMI)
            .unwrap()
            .contains(&(GATEWAY_20, ROUTER_MAC_20))
    );
}

#[test]
fn an_unasked_claim_for_an_unknown_address_makes_no_entry_elsewhere() {
    let mut net = Net::open(1);
    let claim = Arp {
        operation: Arp::REPLY,
        sender_mac: mac(FOOTHOLD),
        sender_ip: GATEWAY_20,
        target_mac: Mac::BROADCAST,
        target_ip: GATEWAY_20,
    };
    let frame = claim.frame(Mac::BROADCAST, mac(FOOTHOLD));
    net.fabric
        .send_frame(net.now, FOOTHOLD, frame, FOOTHOLD)
        .unwrap();
    net.run_us(10);
    assert_eq!(net.fabric.arp_table(HMI).unwrap(), []);
}

#[test]
fn switches_learn_where_machines_are() {
    let mut net = Net::open(1);
    net.fabric.ping(net.now, HMI, PLC_IP).unwrap();
    net.run_ms(10);
    let table = net.fabric.mac_table(CONTROL).unwrap();
    assert_eq!(
        table,
        [
            (mac(PLC), Attached::Host(PLC)),
            (support::ROUTER_MAC_10, Attached::Router(support::ROUTER))
        ]
    );
    net.fabric.set_capture(FOOTHOLD, Capture::All).unwrap();
    net.fabric.ping(net.now, HMI, PLC_IP).unwrap();
    net.run_ms(10);
    // Unicast between known machines does not reach a third one.
    assert!(
        !net.events
            .iter()
            .any(|e| matches!(e, HostEvent::Frame { .. }))
    );
    // A flood of invented addresses fills the table; from then on unknown ones are flooded.
    for n in 0..5_000 {
        let frame = sim_net::packet::Arp {
            operation: 9,
            sender_mac: Mac::local(0x10_0000 + n),
            sender_ip: Ipv4Addr::UNSPECIFIED,
            target_mac: Mac::ZERO,
            target_ip: Ipv4Addr::UNSPECIFIED,
        }
        .frame(Mac::local(0x20_0000), Mac::local(0x10_0000 + n));
        net.fabric
            .send_frame(net.now, FOOTHOLD, frame, FOOTHOLD)
            .unwrap();
        net.run_us(2);
    }
    assert_eq!(
        net.fabric.mac_table(SUPERVISORY).unwrap().len(),
        sim_net::limits::MAC_TABLE_MAX
    );
}

#[test]
fn taps_number_frames_in_order_and_can_be_switched_off() {
    let mut net = Net::open(1);
    net.fabric.ping(net.now, HMI, PLC_IP).unwrap();
    net.run_ms(10);
    let numbers: Vec<u64> = net.captured.iter().map(|f| f.number).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    assert!(net.captured.is_sorted_by_key(|f| f.time));
    // ARP request and reply and the ping both ways on each segment.
    assert_eq!(numbers.len(), 8);
    net.fabric.set_tap(SUPERVISORY, false).unwrap();
    net.fabric.ping(net.now, HMI, PLC_IP).unwrap();
    net.run_ms(10);
    assert!(net.captured[8..].iter().all(|f| f.switch == CONTROL));
    assert_eq!(net.captured.len(), 10);
}

#[test]
fn a_capture_is_a_file_with_one_interface_a_tap() {
    let mut net = Net::open(1);
    net.fabric.ping(net.now, HMI, PLC_IP).unwrap();
    net.run_ms(10);
    let taps = [(SUPERVISORY, "supervisory"), (CONTROL, "control")];
    let mut writer = pcapng::Writer::new(&taps, 1_700_000_000_000_000, pcapng::CAPTURE_FILE_BYTES);
    for frame in &net.captured {
        assert!(writer.add(frame));
    }
    let mut bytes = writer.take();
    bytes.extend(writer.finish());
    let (mut at, mut kinds) = (0, Vec::new());
    while at < bytes.len() {
        let word = |i: usize| u32::from_le_bytes(bytes[i..i + 4].try_into().unwrap());
        let len = word(at + 4) as usize;
        assert_eq!(word(at + len - 4) as usize, len);
        kinds.push(word(at));
        at += len;
    }
    let packets = vec![6; net.captured.len()];
    assert_eq!(
        kinds,
        [vec![0x0a0d_0d0a, 1, 1], packets, vec![5, 5]].concat()
    );
}

/// A historian inside and a mirror of it outside, in one subnet, with a diode between their switches.
fn diode() -> Topology {
    let inside = HostSpec {
        static_arp: vec![(Ipv4Addr::new(10, 1, 1, 2), Mac::local(2))],
        ..HostSpec::new("inside", 0, Ipv4Addr::new(10, 1, 1, 1), 24, Mac::local(1))
    };
    let outside = HostSpec {
        static_arp: vec![(Ipv4Addr::new(10, 1, 1, 1), Mac::local(1))],
        ..HostSpec::new("outside", 1, Ipv4Addr::new(10, 1, 1, 2), 24, Mac::local(2))
    };
    let switch = |name: &str| SwitchSpec {
        name: name.into(),
        tapped: false,
    };
    Topology {
        switches: vec![switch("inside"), switch("outside")],
        hosts: vec![inside, outside],
        diodes: vec![DiodeSpec {
            name: "diode".into(),
            from: 0,
            to: 1,
            link: LinkSpec::default(),
        }],
        ..Topology::default()
    }
}

#[test]
fn a_data_diode_passes_one_way_only() {
    let (inside, outside) = (sim_net::HostId(0), sim_net::HostId(1));
    let mut net = Net::new(&diode(), 1);
    for host in [inside, outside] {
        net.fabric.udp_bind(host, 20_000).unwrap();
    }
    net.fabric
        .udp_send(
            net.now,
            inside,
            1,
            (Ipv4Addr::new(10, 1, 1, 2), 20_000),
            b"out",
        )
        .unwrap();
    net.fabric
        .udp_send(
            net.now,
            outside,
            1,
            (Ipv4Addr::new(10, 1, 1, 1), 20_000),
            b"in",
        )
        .unwrap();
    let conn = net.connect(outside, Ipv4Addr::new(10, 1, 1, 1), 80);
    net.run_ms(30_000);
    let got: Vec<_> = net
        .events
        .iter()
        .filter_map(|e| match e {
            HostEvent::Udp { host, data, .. } => Some((*host, data.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(got, [(outside, b"out".to_vec())]);
    assert_eq!(net.close_reason(conn), Some(sim_net::CloseReason::Timeout));
    assert!(net.fabric.stats().diode_blocked >= 2);
}

#[test]
fn trunks_join_switches() {
    let mut topology = diode();
    topology.diodes.clear();
    topology.hosts.iter_mut().for_each(|h| h.static_arp.clear());
    topology.trunks.push(TrunkSpec {
        a: 0,
        b: 1,
        link: LinkSpec::default(),
    });
    let mut net = Net::new(&topology, 1);
    net.fabric.listen(sim_net::HostId(1), 80, 1).unwrap();
    net.connected(sim_net::HostId(0), Ipv4Addr::new(10, 1, 1, 2), 80);
}

#[test]
fn an_unplugged_router_isolates_a_zone() {
    let mut net = Net::open(1);
    net.fabric
        .unplug_router(net.now, support::ROUTER, 1, true)
        .unwrap();
    net.fabric.ping(net.now, HMI, PLC_IP).unwrap();
    net.run_ms(5_000);
    assert!(net.events.iter().any(|e| matches!(
        e,
        HostEvent::Unreachable {
            host: HMI,
            dst: PLC_IP,
            cause: UnreachableCause::Host,
            from: GATEWAY_20,
            ..
        }
    )));
}

#[test]
fn verbs_about_nobody_are_refused() {
    let mut net = Net::open(1);
    let nobody = sim_net::HostId(99);
    assert_eq!(net.fabric.listen(nobody, 1, 1), Err(NetError::NoDevice));
    assert_eq!(net.fabric.listen(HMI, 0, 1), Err(NetError::BadPort));
    assert_eq!(
        net.fabric.connect(net.now, HMI, HMI_IP, 1),
        Err(NetError::NoRoute)
    );
    assert_eq!(
        net.fabric.connect(net.now, HMI, Ipv4Addr::BROADCAST, 1),
        Err(NetError::NoRoute)
    );
    assert_eq!(
        net.fabric.connect(net.now, HMI, PLC_IP, 0),
        Err(NetError::BadPort)
    );
    assert_eq!(
        net.fabric.send_frame(net.now, HMI, vec![0; 13], HMI),
        Err(NetError::TooLong)
    );
    assert_eq!(
        net.fabric.send_frame(net.now, HMI, vec![0; 1_215], HMI),
        Err(NetError::TooLong)
    );
    assert_eq!(
        net.fabric.set_tap(SwitchId(9), true),
        Err(NetError::NoDevice)
    );
}

#[test]
fn topologies_that_make_no_sense_are_refused() {
    let good = || topology(open_firewall(), LinkSpec::default());
    assert_eq!(good().check(), Ok(()));
    let fault = |change: fn(&mut Topology)| {
        let mut topology = good();
        change(&mut topology);
        topology.check().unwrap_err().to_string()
    };
    assert_eq!(
        fault(|t| t.hosts[0].switch = 7),
        "hmi: there is no switch 7"
    );
    assert_eq!(
        fault(|t| t.hosts[0].ip = Ipv4Addr::new(10, 30, 20, 255)),
        "hmi: 10.30.20.255/24 is no unicast host address"
    );
    assert_eq!(
        fault(|t| t.hosts[1].ip = HMI_IP),
        "foothold: address 10.30.20.10 is used twice"
    );
    assert_eq!(
        fault(|t| t.hosts[1].mac = mac(HMI)),
        "foothold: hardware address 02:00:00:00:01:00 is used twice"
    );
    assert_eq!(
        fault(|t| t.hosts[1].mac = Mac::BROADCAST),
        "foothold: ff:ff:ff:ff:ff:ff is no unicast hardware address"
    );
    assert_eq!(
        fault(|t| t.hosts[0].gateway = Some(PLC_IP)),
        "hmi: 10.30.10.11 is not on an attached subnet"
    );
    assert!(fault(|t| t.hosts[0].link.latency_us = 0).starts_with("hmi: a link needs"));
    assert!(fault(|t| t.hosts[0].tcp_buffer_bytes = 0).starts_with("hmi: tcp_buffer_bytes"));
    let mut looped = good();
    looped.trunks = vec![
        TrunkSpec {
            a: 0,
            b: 1,
            link: LinkSpec::default()
        };
        2
    ];
    assert_eq!(looped.check(), Err(TopologyError::Loop { a: 0, b: 1 }));
}
