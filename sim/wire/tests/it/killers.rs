//! Frames that crashed, froze or closed other servers; each is answered like a device would, and the next valid
//! request is served.

use crate::server::{Bench, bench, frame};

/// Sends a frame, expects `reply` as PDU, then a valid read on the same connection.
fn survives(pdu: &[u8], reply: &[u8]) {
    let mut bench = bench();
    assert_eq!(bench.ask(pdu), reply);
    assert_eq!(
        bench.ask(&[3, 0, 1, 0, 1]),
        [3, 2, 1, 1],
        "the next request is served"
    );
}

/// Sends bytes after which a device hangs up, and checks that a new connection is served.
fn hangs_up(bytes: &[u8]) {
    let mut killed = bench();
    assert_eq!(killed.talk(bytes), []);
    assert!(killed.session.is_closed());
    assert_eq!(
        killed.talk(&frame(1, 1, &[3, 0, 1, 0, 1])),
        [],
        "closed is closed"
    );
    let mut next = Bench {
        session: bench().session,
        ..killed
    };
    assert_eq!(next.ask(&[3, 0, 1, 0, 1]), [3, 2, 1, 1]);
}

#[test]
fn fc15_quantity_beyond_its_bytes() {
    // tokio-modbus 0.17 indexes out of bounds.
    survives(&[0x0F, 0, 0, 0x07, 0xB0, 1, 0xFF], &[0x8F, 3]);
    survives(&[0x0F, 0, 0, 0, 16, 1, 0xFF], &[0x8F, 3]);
}

#[test]
fn fc16_quantity_0x8000() {
    // tokio-modbus 0.17 overflows a multiplication.
    survives(&[0x10, 0, 0, 0x80, 0, 0], &[0x90, 3]);
    survives(&[0x10, 0, 0, 0x80, 1, 2, 0, 0], &[0x90, 3]);
}

#[test]
fn fc23_quantity_0x8000() {
    survives(&[0x17, 0, 0, 0, 1, 0, 0, 0x80, 0, 0], &[0x97, 3]);
}

#[test]
fn a_trailing_byte() {
    survives(&[3, 0, 0, 0, 1, 0], &[0x83, 3]);
    survives(&[0x10, 0, 0, 0, 1, 2, 0, 0, 0], &[0x90, 3]);
    survives(&[0x11, 0], &[0x91, 3]);
}

#[test]
fn truncated_pdus() {
    for function in [1, 2, 3, 4, 5, 6, 15, 16, 22, 23, 43] {
        survives(&[function], &[function | 0x80, 3]);
        survives(&[function, 14], &[function | 0x80, 3]);
    }
}

#[test]
fn fc43_with_another_mei_type() {
    survives(&[0x2B, 13, 0, 0], &[0xAB, 1]);
}

#[test]
fn metasploit_asks_fc4_with_quantity_0() {
    let mut bench = bench();
    let reply = bench.talk(&frame(0x2100, 1, &[4, 0, 1, 0, 0]));
    assert_eq!(reply, [0x21, 0, 0, 0, 0, 3, 1, 0x84, 3]);
}

#[test]
fn metasploit_grabs_a_banner_of_unit_255() {
    let mut bench = bench();
    let reply = bench.talk(&frame(0x4444, 0xFF, &[0x2B, 14, 3, 0]));
    assert_eq!(reply[..9], [0x44, 0x44, 0, 0, 0, 29, 0xFF, 0x2B, 14]);
}

#[test]
fn fc90_with_a_length_of_255_and_up_to_260() {
    for length in 255..=260_u16 {
        let mut pdu = vec![0x5A; usize::from(length) - 1];
        survives(&pdu, &[0xDA, 1]);
        pdu[0] = 0x10;
        survives(&pdu, &[0x90, 3]);
        pdu[0] = 8;
        pdu[1..3].fill(0);
        survives(&pdu, &[0x88, 3]);
    }
}

#[test]
fn nmap_always_has_transaction_id_0() {
    let mut bench = bench();
    let twice = [frame(0, 1, &[0x11]), frame(0, 1, &[0x11])].concat();
    let reply = bench.talk(&twice);
    assert_eq!(reply[..9], [0, 0, 0, 0, 0, 10, 1, 0x11, 7]);
    assert_eq!(reply.len(), 32);
}

#[test]
fn a_short_frame_and_close() {
    // conpot waits for the rest forever, with the whole process.
    let mut bench = bench();
    assert_eq!(bench.talk(&[0, 1, 0, 0, 0, 6, 1, 3]), []);
    assert!(bench.transactions.is_empty());
    assert!(
        !bench.session.is_closed(),
        "the peer's close is the transport's to tell"
    );
}

#[test]
fn length_fields_that_make_no_sense() {
    hangs_up(&[0, 1, 0, 0, 0, 0]);
    hangs_up(&[0, 1, 0, 0, 0, 1, 1]);
    hangs_up(&[0, 1, 0, 0, 1, 5]);
    hangs_up(&[0, 1, 0, 0, 0xFF, 0xFF]);
    hangs_up(b"GET / HTTP/1.0\r\n\r\n");
}

#[test]
fn replies_before_the_nonsense_are_still_sent() {
    let mut bench = bench();
    let bytes = [frame(1, 1, &[3, 0, 0, 0, 1]), vec![0; 6]].concat();
    assert_eq!(bench.talk(&bytes), [0, 1, 0, 0, 0, 5, 1, 3, 2, 0, 0]);
    assert!(bench.session.is_closed());
}

#[test]
fn another_protocol_id_is_discarded_and_the_next_frame_served() {
    let mut bench = bench();
    let mut foreign = frame(1, 1, &[3, 0, 0, 0, 1]);
    foreign[3] = 1;
    let bytes = [foreign, frame(2, 1, &[3, 0, 0, 0, 1])].concat();
    assert_eq!(bench.talk(&bytes), [0, 2, 0, 0, 0, 5, 1, 3, 2, 0, 0]);
    assert_eq!(bench.transactions.len(), 1);
}

#[test]
fn all_frames_of_one_segment_are_answered_in_order() {
    // pymodbus's server answers the first and drops the rest.
    let mut bench = bench();
    let bytes: Vec<u8> = (0..100)
        .flat_map(|id| frame(id, 1, &[3, 0, 0, 0, 1]))
        .collect();
    let reply = bench.talk(&bytes);
    let expected: Vec<u8> = (0..100)
        .flat_map(|id| frame(id, 1, &[3, 2, 0, 0]))
        .collect();
    assert_eq!(reply, expected);
}
