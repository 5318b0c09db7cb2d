//! What firewalls, sensors and a man in the middle read and change.

use sim_wire::modbus::inspect::{
    NotModbus, Remainder, Seen, StreamInspector, patch_response_register,
    patch_transaction_register, requests,
};
use sim_wire::modbus::pdu::{AccessKind, Packet};

use crate::server::frame;

/// Function, kind, first address, quantity.
type Brief = (u8, AccessKind, u16, u16);

fn brief(seen: &Seen) -> Brief {
    (seen.function, seen.kind, seen.address, seen.count)
}

#[test]
fn every_function_s_range_is_seen() {
    use AccessKind::{Other, Read, Write};
    let cases: [(&[u8], &[Brief]); 14] = [
        (&[1, 0, 1, 0, 9], &[(1, Read, 1, 9)]),
        (&[2, 0, 1, 0, 9], &[(2, Read, 1, 9)]),
        (&[3, 0, 1, 0, 9], &[(3, Read, 1, 9)]),
        (&[4, 0, 1, 0, 9], &[(4, Read, 1, 9)]),
        (&[5, 0, 1, 0xFF, 0], &[(5, Write, 1, 1)]),
        (&[6, 0, 1, 0, 9], &[(6, Write, 1, 1)]),
        (&[8, 0, 4, 0, 0], &[(8, Other, 0, 0)]),
        (&[15, 0, 1, 0, 9, 2, 0, 0], &[(15, Write, 1, 9)]),
        (&[16, 0, 1, 0, 1, 2, 0, 0], &[(16, Write, 1, 1)]),
        (&[17], &[(17, Other, 0, 0)]),
        (&[22, 0, 1, 0, 0, 0, 0], &[(22, Write, 1, 1)]),
        (
            &[23, 0, 1, 0, 2, 0, 3, 0, 4],
            &[(23, Write, 3, 4), (23, Read, 1, 2)],
        ),
        (&[43, 14, 1, 0], &[(43, Other, 0, 0)]),
        (&[90, 1, 2], &[(90, Other, 0, 0)]),
    ];
    for (pdu, expected) in cases {
        let found: Vec<_> = requests(&frame(1, 1, pdu))
            .map(|seen| brief(&seen))
            .collect();
        assert_eq!(found, expected, "{pdu:02X?}");
    }
}

#[test]
fn several_frames_and_what_follows_them() {
    let whole = [frame(7, 1, &[3, 0, 1, 0, 2]), frame(8, 2, &[6, 0, 9, 0, 1])].concat();
    let mut iterator = requests(&whole);
    let ids: Vec<_> = iterator
        .by_ref()
        .map(|seen| (seen.transaction_id, seen.unit))
        .collect();
    assert_eq!(
        (ids, iterator.remainder()),
        (vec![(7, 1), (8, 2)], Remainder::Nothing)
    );
    let mut iterator = requests(&whole[..20]);
    assert_eq!(iterator.by_ref().count(), 1);
    assert_eq!(iterator.remainder(), Remainder::Partial(8));
    let mut iterator = requests(b"GET / HTTP/1.0\r\n");
    assert_eq!(iterator.by_ref().count(), 0);
    assert_eq!(iterator.remainder(), Remainder::NotModbus);
}

#[test]
fn a_write_split_over_packets_is_still_seen() {
    let bytes = frame(7, 1, &[6, 0, 9, 0, 1]);
    let mut inspector = StreamInspector::default();
    let mut found = Vec::new();
    for byte in &bytes {
        inspector
            .handle_input(&[*byte], &mut |seen| found.push(brief(&seen)))
            .unwrap();
    }
    assert_eq!(found, [(6, AccessKind::Write, 9, 1)]);
    assert_eq!(inspector.partial_bytes(), 0);
    assert_eq!(inspector.handle_input(&[0; 8], &mut |_| ()), Err(NotModbus));
    assert_eq!(
        inspector.handle_input(&bytes, &mut |_| ()),
        Err(NotModbus),
        "lost for good"
    );
}

#[test]
fn the_last_address_of_a_range() {
    let seen = requests(&frame(1, 1, &[3, 0xFF, 0xFF, 0, 9]))
        .next()
        .unwrap();
    assert_eq!(seen.last_address(), 0xFFFF);
    let seen = requests(&frame(1, 1, &[3, 0, 10, 0, 2])).next().unwrap();
    assert_eq!(seen.last_address(), 11);
}

#[test]
fn a_register_of_a_response_is_replaced_in_place() {
    let response = frame(5, 1, &[3, 6, 0, 1, 0, 2, 0, 3]);
    let mut payload = response.clone();
    assert!(patch_response_register(&mut payload, 100, 101, 0xBEEF));
    assert_eq!(payload, frame(5, 1, &[3, 6, 0, 1, 0xBE, 0xEF, 0, 3]));
    for register in [99, 103, 0] {
        let mut payload = response.clone();
        assert!(!patch_response_register(
            &mut payload,
            100,
            register,
            0xBEEF
        ));
        assert_eq!(payload, response);
    }
}

#[test]
fn only_register_reads_are_patched() {
    for pdu in [
        &[0x83, 2][..],
        &[1, 2, 0, 0],
        &[3, 9, 0, 1],
        &[16, 0, 0, 0, 1],
        &[3],
    ] {
        let response = frame(5, 1, pdu);
        let mut payload = response.clone();
        assert!(
            !patch_response_register(&mut payload, 0, 0, 0xBEEF),
            "{pdu:02X?}"
        );
        assert_eq!(payload, response);
    }
    let mut payload = frame(5, 1, &[4, 2, 0, 0]);
    assert!(patch_response_register(&mut payload, 7, 7, 1));
}

#[test]
fn one_transaction_among_several_is_patched() {
    let mut payload = [frame(5, 1, &[3, 2, 0, 0]), frame(6, 1, &[3, 2, 0, 0])].concat();
    assert!(patch_transaction_register(&mut payload, 6, 0, 0, 0x0102));
    assert_eq!(
        payload,
        [frame(5, 1, &[3, 2, 0, 0]), frame(6, 1, &[3, 2, 1, 2])].concat()
    );
}

#[test]
fn a_packet_shows_and_changes_what_is_wrong() {
    let mut packet = Packet::new(vec![0x10, 0, 1, 0x80, 0, 0]);
    assert_eq!(
        (packet.function(), packet.address(), packet.quantity()),
        (Some(16), Some(1), Some(0x8000))
    );
    assert!(packet.set_quantity(0) && packet.set_address(0xFFFF) && packet.set_function(0x7F));
    assert!(!packet.set_word(5, 1) && !packet.set_word(usize::MAX, 1));
    assert_eq!(packet.into_inner(), [0x7F, 0xFF, 0xFF, 0, 0, 0]);
    assert_eq!(Packet::new([0x83, 2]).exception().unwrap().0, 2);
    assert_eq!(Packet::new([]).accesses(), [None, None]);
}
