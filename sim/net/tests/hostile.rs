//! Whatever bytes arrive: no panic, bounded tables, and the same frames for the same inputs however time is chunked.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

mod support;

use proptest::prelude::*;
use sim_net::packet::Tcp;
use sim_net::{Capture, Fabric, HostEvent, HostId, LinkSpec, limits};
use sim_record::{Digest, SimTime};
use support::{
    FOOTHOLD, FOOTHOLD_IP, HMI, HMI_IP, Net, PLC, PLC_IP, ROUTER_MAC_20, mac, open_firewall, raw,
    topology,
};

/// A source of numbers for mutations: xorshift64* (Vigna 2016).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// Frames of all kinds that a real session has, to be mutated.
fn seeds() -> Vec<Vec<u8>> {
    let mut net = Net::open(3);
    net.fabric.listen(PLC, 502, 4).unwrap();
    net.fabric.udp_bind(PLC, 20_000).unwrap();
    let conn = net.connected(HMI, PLC_IP, 502);
    net.send(conn, &[0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 10]);
    net.fabric.ping(net.now, HMI, PLC_IP).unwrap();
    net.fabric.ping_ttl(net.now, HMI, PLC_IP, 1).unwrap();
    net.fabric
        .udp_send(net.now, HMI, 9, (PLC_IP, 20_000), &[7; 3_000])
        .unwrap();
    net.fabric
        .udp_send(net.now, HMI, 9, (PLC_IP, 161), b"x")
        .unwrap();
    net.run_ms(50);
    net.fabric.close(net.now, conn).unwrap();
    net.run_ms(50);
    net.captured.into_iter().map(|f| f.bytes).collect()
}

/// Flips, cuts or extends bytes; half of the time the IP header's checksum is mended, so that mutations get further.
fn mutate(frame: &mut Vec<u8>, numbers: &mut Numbers) {
    for _ in 0..=numbers.below(4) {
        if frame.is_empty() {
            break;
        }
        let at = numbers.below(frame.len());
        match numbers.below(6) {
            0 => frame.truncate(at),
            1 => frame.extend(std::iter::repeat_n(0xaa, at)),
            2 => frame[at] = [0, 0xff, 0x7f, 0x80][numbers.below(4)],
            _ => frame[at] ^= 1 << numbers.below(8),
        }
    }
    frame.resize(frame.len().clamp(14, limits::FRAME_MAX), 0);
    if frame.len() >= 34 && numbers.below(2) == 0 {
        frame[24..26].fill(0);
        let sum = raw::checksum(&frame[14..34]);
        frame[24..26].copy_from_slice(&sum.to_be_bytes());
    }
}

#[test]
fn two_hundred_thousand_mutated_frames_do_no_harm() {
    let seeds = seeds();
    assert!(seeds.len() > 30);
    let mut net = Net::open(1);
    net.fabric.listen(PLC, 502, 8).unwrap();
    net.fabric.listen(HMI, 22, 8).unwrap();
    net.fabric.udp_bind(PLC, 20_000).unwrap();
    net.fabric.set_capture(FOOTHOLD, Capture::All).unwrap();
    let mut numbers = Numbers(0x5eed);
    for round in 0..200_000 {
        let mut frame = seeds[numbers.below(seeds.len())].clone();
        if round % 10 == 0 {
            frame = (0..14 + numbers.below(200))
                .map(|_| numbers.next() as u8)
                .collect();
        }
        mutate(&mut frame, &mut numbers);
        // Half go to the router, half to a neighbour, whatever the frame said.
        let dst = [ROUTER_MAC_20, mac(HMI)][numbers.below(2)];
        frame[..6].copy_from_slice(&dst.0);
        // As itself: with a stolen address the switch would send everything back to the thief.
        frame[6..12].copy_from_slice(&mac(FOOTHOLD).0);
        net.fabric
            .send_frame(net.now, FOOTHOLD, frame, FOOTHOLD)
            .unwrap();
        net.run_us(50);
        net.events.clear();
        net.captured.clear();
    }
    for host in [HMI, FOOTHOLD, PLC] {
        assert!(net.fabric.socket_count(host).unwrap() <= limits::SOCKETS_MAX);
        assert!(net.fabric.arp_table(host).unwrap().len() <= limits::ARP_CACHE_MAX);
    }
    let stats = net.fabric.stats();
    assert!(
        stats.frames_malformed > 10_000 && stats.frames_delivered > 200_000,
        "{stats:?}"
    );
    // The network still works.
    net.run_ms(120_000);
    net.connected(HMI, PLC_IP, 502);
}

/// Mutated copies of frames of live connections, with checksums mended, sent into these connections: the TCP state
/// machines of both ends and of the firewall see segments that are almost right.
#[test]
fn mutated_segments_of_live_connections_do_no_harm() {
    let mut net = Net::open(1);
    net.fabric.listen(PLC, 502, 8).unwrap();
    let mut numbers = Numbers(0xcafe);
    let mut conn = net.connected(HMI, PLC_IP, 502);
    for round in 0..60_000_u32 {
        if net
            .fabric
            .send(net.now, conn, &round.to_be_bytes())
            .is_err()
            || round % 500 == 0
        {
            let _ = net.fabric.close(net.now, conn);
            conn = net.connect(HMI, PLC_IP, 502);
        }
        net.run_us(20);
        let mut frame = net.captured[numbers.below(net.captured.len())]
            .bytes
            .clone();
        for _ in 0..=numbers.below(3) {
            // The TCP header and what follows, or the IP header behind its lengths and in front of its addresses.
            let at = if numbers.below(4) == 0 {
                18 + numbers.below(8)
            } else {
                34 + numbers.below(frame.len() - 34)
            };
            frame[at] = if numbers.below(3) == 0 {
                numbers.next() as u8
            } else {
                frame[at] ^ (1 << numbers.below(8))
            };
        }
        sim_net::packet::mend_checksums(&mut frame);
        let ip = sim_net::packet::Summary::of(&frame).and_then(|s| s.ip);
        let dst = if ip.is_some_and(|ip| ip.dst == HMI_IP) {
            mac(HMI)
        } else {
            ROUTER_MAC_20
        };
        frame[..6].copy_from_slice(&dst.0);
        frame[6..12].copy_from_slice(&mac(FOOTHOLD).0);
        net.fabric
            .send_frame(net.now, FOOTHOLD, frame, FOOTHOLD)
            .unwrap();
        net.run_us(numbers.next() % 300);
        net.events.clear();
        let surplus = net.captured.len().saturating_sub(20);
        net.captured.drain(..surplus);
    }
    net.run_ms(120_000);
    for host in [HMI, PLC] {
        assert!(net.fabric.socket_count(host).unwrap() <= limits::SOCKETS_MAX);
    }
    let conn = net.connected(HMI, PLC_IP, 502);
    net.send(conn, b"still right");
    net.run_ms(50);
    assert_eq!(net.received(conn), b"still right");
}

#[test]
fn events_and_captures_that_nobody_takes_are_dropped_and_counted() {
    let mut fabric = Fabric::new(&topology(open_firewall(), LinkSpec::default()), 1).unwrap();
    fabric.set_capture(HMI, Capture::All).unwrap();
    for n in 0..30_000 {
        let frame = raw::ethernet(mac(HMI), mac(FOOTHOLD), &[0; 1_000]);
        fabric
            .send_frame(SimTime(n * 10), FOOTHOLD, frame, FOOTHOLD)
            .unwrap();
    }
    fabric.advance(SimTime::from_secs(1));
    let stats = fabric.stats();
    assert_eq!(stats.events_dropped, 30_000 - limits::EVENTS_MAX as u64);
    assert_eq!(
        stats.captures_dropped,
        30_000 - (limits::CAPTURE_BYTES_MAX / 1_014) as u64
    );
    let numbers: Vec<u64> = std::iter::from_fn(|| fabric.poll_captured())
        .map(|f| f.number)
        .collect();
    assert!(numbers.is_sorted());
}

/// One input of a random session, in microseconds after the one before.
#[derive(Clone, Debug)]
struct Step {
    after_us: u64,
    kind: u8,
    number: u32,
}

/// Plays a session and gives the digest, the bytes of all captured frames and the number of events.
fn play(steps: &[Step], seed: u64, chunks: &[u64]) -> (Digest, Vec<(u64, Vec<u8>)>, usize) {
    let link = LinkSpec {
        latency_us: 37,
        loss_ppm: 20_000,
        bandwidth_bps: Some(10_000_000),
    };
    let mut fabric = Fabric::new(&topology(open_firewall(), link), seed).unwrap();
    fabric.listen(PLC, 502, 4).unwrap();
    let (mut now, mut conns, mut chunk) = (SimTime::ZERO, Vec::new(), chunks.iter().cycle());
    let (mut captured, mut events) = (Vec::new(), 0);
    for step in steps {
        let until = SimTime(now.0 + step.after_us);
        // Nobody answers events here, so that time may pass in any pieces.
        while now < until {
            now = SimTime(now.0 + chunk.next().unwrap()).min(until);
            fabric.advance(now);
        }
        apply(&mut fabric, now, step, &mut conns);
        captured.extend(std::iter::from_fn(|| fabric.poll_captured()).map(|f| (f.time.0, f.bytes)));
        events += std::iter::from_fn(|| fabric.poll_event()).count();
    }
    fabric.advance(SimTime(now.0 + 5_000_000));
    captured.extend(std::iter::from_fn(|| fabric.poll_captured()).map(|f| (f.time.0, f.bytes)));
    events += std::iter::from_fn(|| fabric.poll_event()).count();
    (fabric.digest(), captured, events)
}

fn apply(fabric: &mut Fabric, now: SimTime, step: &Step, conns: &mut Vec<sim_net::ConnId>) {
    let host = HostId((step.number % 3) as u16);
    match step.kind {
        0 => conns.extend(fabric.connect(now, host, PLC_IP, 502)),
        1..=3 => {
            for conn in conns.iter() {
                let _ = fabric.send(now, *conn, &step.number.to_be_bytes());
            }
        }
        4 => {
            let _ = fabric.ping(now, host, HMI_IP);
        }
        5 => {
            let segment = raw::tcp(
                (FOOTHOLD_IP, 9),
                (PLC_IP, step.number as u16),
                1,
                0,
                Tcp::SYN,
                &[],
            );
            let frame = raw::ethernet(ROUTER_MAC_20, mac(FOOTHOLD), &segment);
            let _ = fabric.send_frame(now, FOOTHOLD, frame, FOOTHOLD);
        }
        6 => {
            let _ = fabric.unplug(now, host, step.number.is_multiple_of(2));
        }
        _ => {
            if let Some(conn) = conns.pop() {
                let _ = fabric.close(now, conn);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn chunks_of_time_change_nothing(
        steps in prop::collection::vec((0_u64..3_000_000, 0_u8..8, any::<u32>()), 1..40),
        seed in any::<u64>(),
        chunks in prop::collection::vec(1_u64..700_000, 1..8),
    ) {
        let step = |(after_us, kind, number)| Step { after_us, kind, number };
        let steps: Vec<Step> = steps.into_iter().map(step).collect();
        let whole = play(&steps, seed, &[u64::MAX / 2]);
        let pieces = play(&steps, seed, &chunks);
        prop_assert_eq!(whole.0, pieces.0);
        prop_assert_eq!(whole.1, pieces.1);
        prop_assert_eq!(whole.2, pieces.2);
    }
}

#[test]
fn a_fabric_moves_between_threads() {
    fn assert_send<T: Send>() {}
    assert_send::<Fabric>();
}

#[test]
fn another_seed_gives_other_frames() {
    let steps: Vec<Step> = (0..20)
        .map(|n| Step {
            after_us: 100_000,
            kind: if n == 0 { 0 } else { 1 },
            number: n,
        })
        .collect();
    let one = play(&steps, 1, &[1_000]);
    assert_eq!(one, play(&steps, 1, &[1_000]));
    assert_ne!(one.1, play(&steps, 2, &[1_000]).1);
}

#[test]
fn every_hop_takes_time_so_no_storm_is_endless_at_one_instant() {
    let mut net = Net::open(1);
    for _ in 0..limits::LINK_FRAMES_MAX * 2 {
        let claim = raw::ethernet(sim_net::Mac::BROADCAST, mac(FOOTHOLD), &[0; 46]);
        net.fabric
            .send_frame(net.now, FOOTHOLD, claim, FOOTHOLD)
            .unwrap();
    }
    assert_eq!(
        net.fabric.stats().frames_queue_dropped,
        u64::from(limits::LINK_FRAMES_MAX)
    );
    net.run_us(10);
    assert_eq!(net.fabric.next_event(), None);
    assert!(
        !net.events
            .iter()
            .any(|e| matches!(e, HostEvent::TcpAccepted { .. }))
    );
}
