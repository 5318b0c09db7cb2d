//! The requests of nmap's s7-info and of plcscan, byte by byte, and what these tools read in our answers.

use super::{Bench, config, hex};

/// A zero-terminated text at a one-based offset, as Lua's `string.unpack("z", ...)` reads it.
fn text_at(reply: &[u8], offset: usize) -> String {
    let bytes = reply[offset - 1..].split(|byte| *byte == 0).next().unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn nmap_s7_info_reads_the_persona() {
    let mut bench = Bench::new(config());
    let reply = bench.talk(&hex("0300001611e00000001400c1020100c2020102c0010a"));
    // CC: the client's reference, ours, class 0, size and addresses echoed.
    assert_eq!(reply, hex("0300001611d00014441400c0010ac1020100c2020102"));
    let reply = bench.talk(&hex("0300001902f08032010000000000080000f0000001000101e0"));
    assert_eq!(
        reply,
        hex("0300001b02f080320300000000000800000000f0000001000101e0")
    );
    let list = "0300002102f080320700000000000800080001120411440100ff09000400110001";
    assert_eq!(bench.talk(&hex(list))[7], 0x32);
    let reply = bench.talk(&hex(list));
    assert!(reply.len() >= 125, "{} bytes", reply.len());
    assert_eq!(usize::from(reply[3]), reply.len());
    assert_eq!(text_at(&reply, 44), "6ES7 314-6EH04-0AB0 ");
    assert_eq!(text_at(&reply, 72), "6ES7 314-6EH04-0AB0 ");
    assert_eq!(reply[122..125], [3, 2, 17]);
    let components = "0300002102f080320700000000000800080001120411440100ff090004001c0001";
    let reply = bench.talk(&hex(components));
    assert!(reply.len() >= 180, "{} bytes", reply.len());
    let at = |offset: usize| text_at(&reply, offset + 4);
    assert_eq!(at(40), "WW-NORD");
    assert_eq!(at(74), "PUMP HOUSE 2");
    assert_eq!(at(108), "WATERWORKS NORTH");
    assert_eq!(at(142), "Original Siemens Equipment");
    assert_eq!(at(176), "S C-K7RT40412019");
}

/// A request as plcscan packs it.
fn plcscan(kind: u8, parameters: &str, data: &str) -> Vec<u8> {
    let (parameters, data) = (hex(parameters), hex(data));
    let mut pdu = vec![0x32, kind, 0, 0, 0, 0];
    pdu.extend((parameters.len() as u16).to_be_bytes());
    pdu.extend((data.len() as u16).to_be_bytes());
    pdu.extend(parameters);
    pdu.extend(data);
    super::packet(&pdu)
}

#[test]
fn plcscan_tries_addresses_and_splits_lists() {
    // Its second and third address are wrong here: no CC, and the connection ends.
    for called in ["0200", "0201"] {
        let mut bench = Bench::new(config());
        let request = format!("0300001611e00000000700c1020100c202{called}c0010a");
        let reply = bench.talk(&hex(&request));
        assert_eq!(reply, hex("0300000b06800007000003"), "DR, address unknown");
        assert!(bench.session.is_closed());
    }
    let mut bench = Bench::new(config());
    let reply = bench.talk(&hex("0300001611e00000000700c1020100c2020102c0010a"));
    // plcscan wants the length indicator to account for the whole packet.
    assert_eq!(usize::from(reply[4]) + 5, reply.len());
    let reply = bench.talk(&plcscan(1, "f0000001000101e0", ""));
    assert_eq!(reply[19..], hex("f0000001000101e0"));
    for (id, length, count) in [("0011", 28, 3), ("001c", 34, 10)] {
        let data = format!("ff090004{id}0001");
        let reply = bench.talk(&plcscan(7, "0001120411440100", &data));
        assert!(reply.len() <= 1024, "one recv of plcscan");
        let (data, records) = reply[29..].split_at(12);
        assert_eq!(data[..2], [0xFF, 0x09]);
        assert_eq!(data[4..8], hex(&format!("{id}0001")));
        assert_eq!((data[9], data[11]), (length, count));
        assert_eq!(records.len(), usize::from(length) * usize::from(count));
    }
}
