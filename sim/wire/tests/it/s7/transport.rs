//! Packets, the transport connection, and the setup on top of it.

use proptest::prelude::*;
use sim_record::SimDuration;
use sim_wire::s7::server::{Action, Limits, ServerConfig};

use super::{Bench, NOW, config, hex, packet, persona};

const CONNECT: &str = "0300001611e00000000100c1020100c2020102c0010a";
const SETUP: &str = "0300001902f08032010000040000080000f0000001000101e0";
const READ_DB1: &str = "0300001f02f080320100000500000e00000401120a10020004000184000010";

#[test]
fn snap7_connects() {
    // The connection request and setup of snap7's client.
    let mut bench = Bench::new(config());
    let reply = bench.talk(&hex("0300001611e00000000100c0010ac1020100c2020102"));
    assert_eq!(reply, hex("0300001611d00001440100c0010ac1020100c2020102"));
    assert_eq!(bench.talk(&hex(SETUP))[..8], hex("0300001b02f08032"));
}

#[test]
fn the_size_of_tpdus_is_the_smaller_one_and_holds_for_answers() {
    for (asked, granted) in [("0d", 0x0A), ("0a", 0x0A), ("09", 0x09), ("03", 0x07)] {
        let mut bench = Bench::new(config());
        let connect = CONNECT.replace("c0010a", &format!("c001{asked}"));
        assert_eq!(bench.talk(&hex(&connect))[13], granted);
    }
    let mut bench = Bench::new(config());
    let reply = bench.talk(&hex("0300001311e00000000100c1020100c2020102"));
    assert!(
        reply.is_empty() && bench.session.is_closed(),
        "a length indicator beyond the packet"
    );
    let mut bench = Bench::new(config());
    let reply = bench.talk(&hex("030000130ee00000000100c1020100c2020102"));
    assert_eq!(
        reply[11..14],
        [0xC0, 1, 0x0A],
        "told also where the client did not ask"
    );

    let mut bench = Bench::new(config());
    bench.talk(&hex(&CONNECT.replace("c0010a", "c00107")));
    bench.talk(&hex(SETUP));
    // 200 bytes of DB2: an answer of 218 bytes in TPDUs of at most 128.
    let reply = bench.talk(&hex(
        "0300001f02f080320100000500000e00000401120a100200c8000284000000",
    ));
    assert_eq!(reply[..7], [3, 0, 0, 4 + 128, 2, 0xF0, 0x00]);
    assert_eq!(reply[132..139], [3, 0, 0, 7 + 93, 2, 0xF0, 0x80]);
    assert_eq!(reply.len(), 132 + 100);
}

#[test]
fn wrong_rack_slot_or_type_is_refused() {
    for called in ["0100", "0101", "0103", "0122", "0002", "0402", "5349"] {
        let mut bench = Bench::new(config());
        let reply = bench.talk(&hex(&CONNECT.replace("c2020102", &format!("c202{called}"))));
        assert_eq!(reply, hex("0300000b06800001000003"), "{called}");
        assert!(bench.session.is_closed());
        assert!(matches!(
            bench.transactions[0].action,
            Action::Connect { .. }
        ));
        assert!(bench.transactions[0].refusal.is_some());
    }
    for called in ["0102", "0202", "0302"] {
        let mut bench = Bench::new(config());
        let reply = bench.talk(&hex(&CONNECT.replace("c2020102", &format!("c202{called}"))));
        assert_eq!(reply[5], 0xD0, "{called}");
    }
}

#[test]
fn a_persona_without_rack_takes_nmaps_second_address_and_no_text() {
    let mut persona = persona();
    persona.addressing.places = vec![(0, 0), (0, 1)];
    let config = ServerConfig::new(persona);
    for (called, answer) in [
        ("c2020102", 0x80),
        ("c2020200", 0xD0),
        ("c2020101", 0xD0),
        // "SIMATIC-ROOT-ES", where S7comm-plus begins.
        ("c20f53494d415449432d524f4f542d4553", 0x80),
    ] {
        let mut bench = Bench::new(config.clone());
        let tpdu = hex(&format!("e00000000500c1020100{called}c0010a"));
        let length = tpdu.len() as u8;
        let packet = [&[3, 0, 0, length + 5, length][..], &tpdu].concat();
        assert_eq!(bench.talk(&packet)[5], answer, "{called}");
    }
}

#[test]
fn the_setup_negotiates() {
    for (asked, granted) in [(60, 240), (240, 240), (480, 480), (960, 480), (65_535, 480)] {
        let mut bench = Bench::new(config());
        bench.talk(&hex(CONNECT));
        let mut setup = hex(SETUP);
        setup[19..25].copy_from_slice(&hex("00000063ffff")[..6]);
        setup[23..25].copy_from_slice(&u16::to_be_bytes(asked));
        let reply = bench.talk(&setup);
        // Parallel jobs: at least one, at most the persona's eight.
        assert_eq!(reply[21..25], [0, 1, 0, 8]);
        assert_eq!(reply[25..27], u16::to_be_bytes(granted), "{asked}");
    }
}

#[test]
fn nothing_is_served_before_the_setup() {
    let mut bench = Bench::new(config());
    bench.talk(&hex(CONNECT));
    let reply = bench.talk(&hex(READ_DB1));
    assert_eq!(reply, hex("0300001302f0803202000005000000000080 01"));
    let list = "0300002102f080320700000000000800080001120411440100ff09000400110001";
    assert_eq!(bench.talk(&hex(list))[8..], hex("0200000000000000008001"));
    // Data before the transport connection is no transport connection.
    let mut bench = Bench::new(config());
    assert!(bench.talk(&hex(SETUP)).is_empty());
    assert!(bench.session.is_closed());
}

#[test]
fn other_protocols_end_the_connection() {
    // S7comm-plus's first request, and protocol id 33.
    for pdu in [
        "72010031000004ca0000000200000120",
        "33010000040000080000f0000001000101e0",
    ] {
        let mut bench = Bench::connected();
        let reply = bench.talk(&packet(&hex(pdu)));
        assert!(reply.is_empty() && bench.session.is_closed(), "{pdu}");
        assert!(!bench.transactions[0].answered);
    }
    let mut bench = Bench::new(config());
    assert!(bench.talk(b"GET / HTTP/1.0\r\n\r\n").is_empty());
    assert!(bench.session.is_closed());
}

#[test]
fn a_disconnect_request_is_confirmed() {
    let mut bench = Bench::connected();
    let reply = bench.talk(&hex("0300000b06804401000180"));
    assert_eq!(reply, hex("0300000a05c000014401"));
    assert!(bench.session.is_closed());
}

#[test]
fn fragments_are_put_together_within_bounds() {
    let mut bench = Bench::connected();
    let whole = bench.talk(&hex(READ_DB1));
    let pdu = &hex(READ_DB1)[7..];
    let mut fragments = Vec::new();
    for (index, part) in pdu.chunks(5).enumerate() {
        let end = if index == pdu.len().div_ceil(5) - 1 {
            0x80
        } else {
            0
        };
        fragments.extend([3, 0, 0, 7 + part.len() as u8, 2, 0xF0, end]);
        fragments.extend(part);
    }
    assert_eq!(bench.talk(&fragments), whole);
    // Fragments without end are not collected for ever.
    let endless = [&[3, 0, 1, 7, 2, 0xF0, 0][..], &[0; 256]].concat();
    for _ in 0..8 {
        assert!(!bench.session.is_closed());
        bench.talk(&endless);
    }
    bench.talk(&endless);
    assert!(bench.session.is_closed());
}

#[test]
fn half_open_and_silent_connections_end() {
    let mut bench = Bench::new(config());
    assert_eq!(
        bench.session.next_timeout(),
        Some(NOW + Limits::CONNECT_TIMEOUT)
    );
    // One byte a second does not keep a connection that never asks for anything.
    for byte in &hex(CONNECT)[..9] {
        bench.wait(SimDuration::from_secs(1));
        bench.talk(&[*byte]);
        assert!(!bench.session.is_closed());
    }
    bench.wait(SimDuration::from_secs(1));
    assert!(bench.session.is_closed());

    let mut bench = Bench::connected();
    assert_eq!(
        bench.session.next_timeout(),
        Some(NOW + Limits::IDLE_TIMEOUT)
    );
    bench.wait(SimDuration::from_secs(119));
    assert!(!bench.session.is_closed());
    bench.wait(SimDuration::from_secs(1));
    assert!(bench.session.is_closed() && bench.session.next_timeout().is_none());
}

#[test]
fn killer_one_byte_a_second_does_not_hold_a_connection() {
    let mut bench = Bench::connected();
    // Bytes of a packet that is long in coming.
    let mut slow = hex("03002004").into_iter().chain(std::iter::repeat(0));
    let seconds = (0..600).find(|_| {
        bench.wait(SimDuration::from_secs(1));
        bench.talk(&[slow.next().unwrap()]);
        bench.session.is_closed()
    });
    assert_eq!(seconds, Some(119));
}

#[test]
fn a_request_beyond_the_pdu_is_refused() {
    let mut bench = Bench::with_pdu(config(), 240);
    let mut pdu = hex("320100000001000e00d90401120a10020001000184000000");
    pdu.resize(24 + 217, 0);
    assert_eq!(bench.ask(&pdu)[10..], hex("8500"));
}

#[test]
fn a_short_frame_and_silence_is_only_a_wait() {
    let mut bench = Bench::connected();
    assert!(bench.talk(&hex("03000021 02f0")).is_empty());
    assert!(!bench.session.is_closed());
    bench.wait(Limits::IDLE_TIMEOUT);
    assert!(bench.session.is_closed());
}

proptest! {
    #[test]
    fn any_split_gives_the_same_bytes(cuts in prop::collection::vec(1_usize..20, 0..60)) {
        let stream = [CONNECT, SETUP, READ_DB1, READ_DB1].map(hex).concat();
        let mut whole = Bench::new(config());
        let expected = whole.talk(&stream);
        let mut bench = Bench::new(config());
        let (mut rest, mut replies) = (stream.as_slice(), Vec::new());
        for cut in cuts {
            let (piece, tail) = rest.split_at(cut.min(rest.len()));
            replies.extend(bench.talk(piece));
            rest = tail;
        }
        replies.extend(bench.talk(rest));
        prop_assert_eq!(replies, expected);
        prop_assert_eq!(bench.transactions, whole.transactions);
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400), framed: bool) {
        let mut bench = Bench::connected();
        let bytes = if framed { packet(&bytes) } else { bytes };
        let reply = bench.talk(&bytes);
        prop_assert!(reply.len() <= 64 * 1024);
    }

    #[test]
    fn any_pdu_with_right_lengths_is_survived(
        kind in prop::sample::select(vec![1_u8, 2, 3, 7]),
        mut parameters in prop::collection::vec(any::<u8>(), 0..40),
        function in prop::sample::select(
            vec![0x04_u8, 0x05, 0x1A, 0x1B, 0x1C, 0x1D, 0x1E, 0x1F, 0x28, 0x29, 0xF0, 0x00],
        ),
        group in 0x40_u8..0x48,
        service in 0_u8..9,
        data in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut bench = Bench::connected();
        if kind == 7 {
            parameters = vec![0, 1, 0x12, 4, 0x11, group, service, 0];
        } else if let Some(first) = parameters.first_mut() {
            *first = function;
        }
        let mut pdu = vec![0x32, kind, 0, 0, 0, 1];
        pdu.extend((parameters.len() as u16).to_be_bytes());
        pdu.extend((data.len() as u16).to_be_bytes());
        pdu.extend(if kind == 2 || kind == 3 { vec![0, 0] } else { vec![] });
        pdu.extend(parameters);
        pdu.extend(data);
        bench.talk(&packet(&pdu));
        prop_assert!(!bench.session.is_closed());
        let reply = bench.talk(&hex(READ_DB1));
        // A setup among them changed the size of the PDU, and nothing worse.
        prop_assert_eq!(&reply[7..9], &[0x32, 3]);
    }
}
