//! Any frames at any times from an attacker's card into a small network: no panic, bounded queues, and a network that
//! still carries a connection afterwards.
//!
//! The input is a list of frames: one byte of flags, one of delay, one of length, the bytes. A flag mends the IP
//! header's checksum, because no mutation would.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sim_net::{HostEvent, LinkSpec, limits};
use sim_record::{SimDuration, SimTime};

#[path = "../../../sim/net/tests/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "shared with the tests of the network")]
mod support;

use support::{FOOTHOLD, HMI, PLC, PLC_IP, closed_firewall, topology};

/// Frames of one input at most.
const FRAMES: usize = 24;
/// Virtual time after which the network has come to rest.
const REST: SimDuration = SimDuration::from_secs(1);

fuzz_target!(|bytes: &[u8]| {
    let open = bytes.first().is_some_and(|b| b % 2 == 0);
    let firewall = if open {
        support::open_firewall()
    } else {
        closed_firewall(Vec::new())
    };
    let mut fabric = sim_net::Fabric::new(&topology(firewall, LinkSpec::default()), 7)
        .expect("the topology of the tests is sound");
    fabric.listen(PLC, 502, 4).expect("the host is there");
    fabric.listen(HMI, 502, 4).expect("the host is there");
    let mut now = SimTime::ZERO;
    let mut rest = bytes.get(1..).unwrap_or_default();
    for _ in 0..FRAMES {
        let [flags, delay, length, tail @ ..] = rest else {
            break;
        };
        let (frame, after) = tail.split_at(usize::from(*length).min(tail.len()));
        rest = after;
        let frame = dressed(frame, *flags);
        let _ = fabric.send_frame(now, FOOTHOLD, frame, FOOTHOLD);
        now = now + SimDuration(u64::from(*delay) * 50 + 1);
        fabric.advance(now);
        drain(&mut fabric);
    }
    now = now + REST;
    fabric.advance(now);
    drain(&mut fabric);
    // Neighbours on one switch can still talk, unless the attacker spoofed the addresses; so the check is made on the
    // other side of the firewall, where no frame of a closed firewall arrives.
    if !open {
        reaches(&mut fabric, now);
    }
});

/// The frame with an Ethernet header of the network, if the flags ask for it, and a right checksum.
fn dressed(frame: &[u8], flags: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(frame.len() + 14);
    if flags & 1 == 0 {
        let to = match flags >> 1 & 3 {
            0 => support::mac(HMI),
            1 => support::ROUTER_MAC_20,
            2 => support::mac(FOOTHOLD),
            _ => sim_net::Mac::BROADCAST,
        };
        out.extend_from_slice(&to.0);
        out.extend_from_slice(&support::mac(FOOTHOLD).0);
        out.extend_from_slice(if flags & 8 == 0 { &[8, 0] } else { &[8, 6] });
    }
    out.extend_from_slice(frame);
    out.resize(out.len().clamp(14, limits::FRAME_MAX), 0);
    if flags & 16 == 0 && out.len() >= 34 {
        out[14] = 0x45;
        out[24..26].fill(0);
        let sum = support::raw::checksum(&out[14..34]);
        out[24..26].copy_from_slice(&sum.to_be_bytes());
    }
    out
}

fn drain(fabric: &mut sim_net::Fabric) {
    while let Some(event) = fabric.poll_event() {
        if let HostEvent::TcpReadable { conn, .. } = event {
            let _ = fabric.close(fabric.now(), conn);
        }
    }
    while fabric.poll_captured().is_some() {}
}

/// A host of the control zone reaches another one.
fn reaches(fabric: &mut sim_net::Fabric, now: SimTime) {
    let conn = fabric
        .connect(now, support::SIS, PLC_IP, 502)
        .expect("a socket is free");
    fabric.advance(now + REST);
    let mut established = false;
    while let Some(event) = fabric.poll_event() {
        established |= matches!(event, HostEvent::TcpConnected { conn: c, .. } if c == conn);
    }
    assert!(established, "the network carries nothing any more");
}
