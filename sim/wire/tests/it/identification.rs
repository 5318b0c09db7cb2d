//! Function 43 with MEI type 14.

use crate::server::{Bench, bench};

/// Objects of a reply, and the header before them.
fn parts(reply: &[u8]) -> ([u8; 7], Vec<(u8, Vec<u8>)>) {
    let (header, mut rest) = reply.split_first_chunk::<7>().unwrap();
    let mut objects = Vec::new();
    while let [id, length, tail @ ..] = rest {
        let (value, tail) = tail.split_at(usize::from(*length));
        objects.push((*id, value.to_vec()));
        rest = tail;
    }
    (*header, objects)
}

fn rich() -> Bench {
    let mut bench = bench();
    bench.device.identity.product_name = "Harrow 20".into();
    bench.device.identity.model_name = "20-C".into();
    bench.device.identity.extended = vec![(0x80, "bench".into()), (0x90, "x".into())];
    bench
}

#[test]
fn basic_objects_byte_by_byte() {
    let expected = [
        &[0x2B, 14, 1, 0x81, 0, 0, 3, 0, 6][..],
        b"Harrow",
        &[1, 5],
        b"HX-20",
        &[2, 4],
        b"V2.1",
    ]
    .concat();
    assert_eq!(bench().ask(&[0x2B, 14, 1, 0]), expected);
}

#[test]
fn each_code_tells_its_category() {
    let mut bench = rich();
    for (code, ids) in [
        (1, &[0, 1, 2][..]),
        (2, &[0, 1, 2, 4, 5]),
        (3, &[0, 1, 2, 4, 5, 0x80, 0x90]),
    ] {
        let (header, objects) = parts(&bench.ask(&[0x2B, 14, code, 0]));
        assert_eq!(header, [0x2B, 14, code, 0x83, 0, 0, ids.len() as u8]);
        assert_eq!(objects.iter().map(|(id, _)| *id).collect::<Vec<_>>(), ids);
    }
}

#[test]
fn a_level_above_the_device_s_own_is_answered_with_its_own() {
    let (header, objects) = parts(&bench().ask(&[0x2B, 14, 3, 0]));
    assert_eq!((header[3], objects.len()), (0x81, 3));
}

#[test]
fn single_objects() {
    let mut bench = rich();
    assert_eq!(
        bench.ask(&[0x2B, 14, 4, 5]),
        [&[0x2B, 14, 4, 0x83, 0, 0, 1, 5, 4][..], b"20-C"].concat()
    );
    assert_eq!(bench.ask(&[0x2B, 14, 4, 3]), [0xAB, 2], "not offered");
}

#[test]
fn a_stream_starts_at_the_object_asked_for_or_at_the_beginning() {
    let mut bench = rich();
    let (_, objects) = parts(&bench.ask(&[0x2B, 14, 2, 2]));
    assert_eq!(objects[0].0, 2);
    let (_, objects) = parts(&bench.ask(&[0x2B, 14, 2, 0x77]));
    assert_eq!(objects[0].0, 0);
}

#[test]
fn long_objects_follow_in_more_responses() {
    let mut bench = bench();
    bench.device.identity.vendor_name = "v".repeat(120);
    bench.device.identity.product_code = "p".repeat(120);
    bench.device.identity.revision = "r".repeat(300);
    let mut found = Vec::new();
    let mut next = 0;
    loop {
        let reply = bench.ask(&[0x2B, 14, 1, next]);
        assert!(reply.len() <= 253);
        let (header, objects) = parts(&reply);
        assert_eq!(usize::from(header[6]), objects.len());
        found.extend(objects.into_iter().map(|(id, value)| (id, value.len())));
        if header[4] == 0 {
            break;
        }
        assert_eq!(header[4], 0xFF);
        next = header[5];
    }
    assert_eq!(
        found,
        [(0, 120), (1, 120), (2, 244)],
        "one object is at most what one response holds"
    );
}
