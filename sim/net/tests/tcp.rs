//! TCP between hosts: across the router, to closed ports, over bad links, under floods.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use sim_net::{CloseReason, HostEvent, LinkSpec};
use support::{HMI, Net, PLC, PLC_IP, open_firewall, topology};

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
    assert_eq!((peer_ip, origin), (support::HMI_IP, HMI));
    let syn = net.captured.iter().find(|f| f.number == frame).unwrap();
    assert_eq!(syn.switch, support::CONTROL);
    assert_eq!(
        sim_net::packet::Summary::of(&syn.bytes)
            .unwrap()
            .tcp
            .unwrap()
            .flags,
        2
    );
}

#[test]
fn a_closed_port_refuses() {
    let mut net = Net::new(&topology(open_firewall(), LinkSpec::default()), 1);
    let conn = net.connect(HMI, PLC_IP, 502);
    net.run_ms(50);
    assert_eq!(net.close_reason(conn), Some(CloseReason::Refused));
}
