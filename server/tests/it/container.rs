//! The recording container: what goes in comes out, and no bytes can hurt its reader.

use proptest::prelude::*;
use sim_record::container::{
    BLOCK_BYTES, End, Ending, Fault, Header, ITEM_BYTES_MAX, Item, MAGIC, Reader, Writer,
};
use sim_record::{
    Digest, Input, InputKind, LoggedInput, Principal, PrincipalId, Record, RecordKind, Seed,
    SimTime,
};

/// One call of the writer.
#[derive(Clone, Debug)]
enum Call {
    Input(Vec<u8>),
    Record(usize),
    Digest(u8),
}

fn header() -> Header {
    Header {
        package: vec![("scenario.ron".into(), b"(version: 1)".to_vec())],
        seed: Seed(7),
        options: vec![1, 2, 3],
        fingerprint: "engine".into(),
    }
}

fn record(seq: u64, time: SimTime, length: usize) -> Record {
    let kind = RecordKind::Message {
        by: PrincipalId(1),
        contact: "shift".into(),
        topic: "x".repeat(length),
        answer: None,
    };
    Record { seq, time, kind }
}

/// Makes the calls a millisecond apart. `store` says after which calls the bytes are taken.
fn write(calls: &[Call], store: impl Fn(usize) -> bool) -> Vec<u8> {
    let mut writer = Writer::new(&header()).unwrap();
    let (mut bytes, mut records) = (Vec::new(), 0);
    for (index, call) in calls.iter().enumerate() {
        let time = SimTime::from_millis(index as u64);
        match call {
            Call::Input(data) => {
                let kind = InputKind::Bytes {
                    conn: 0,
                    data: data.clone(),
                };
                let input = Input {
                    principal: Principal::range(),
                    kind,
                };
                let order = writer.inputs();
                writer.input(&LoggedInput { time, order, input }).unwrap();
            }
            Call::Record(length) => {
                writer.record(&record(records, time, *length)).unwrap();
                records += 1;
            }
            Call::Digest(fill) => writer.digest(time, Digest([*fill; 32])).unwrap(),
        }
        if store(index) {
            bytes.extend_from_slice(writer.pending());
            writer.stored();
        }
    }
    writer.end(Ending::Over).unwrap();
    bytes.extend_from_slice(writer.pending());
    bytes
}

/// Reads as far as it goes: the items, the fault, the good bytes.
fn read(bytes: &[u8], piece: usize) -> (Vec<Item>, Option<Fault>, u64) {
    let mut reader = Reader::new();
    let mut items = Vec::new();
    for piece in bytes.chunks(piece.max(1)) {
        reader.feed(piece);
        loop {
            match reader.next_item() {
                Ok(Some(item)) => items.push(item),
                Ok(None) => break,
                Err(damage) => return (items, Some(damage.fault), damage.good_bytes),
            }
        }
    }
    let fault = reader.finish().err().map(|damage| damage.fault);
    (items, fault, reader.good_bytes())
}

/// A frame with a sound chain, whatever its body.
fn forged(before: &[u8], chain: &mut [u8; 32], kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_le_bytes();
    let hashed = [&chain[..], &[kind], &length, body].concat();
    *chain = *blake3::hash(&hashed).as_bytes();
    [before, &length, &[kind], body, &chain[..16]].concat()
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let call = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Call::Input),
        (0_usize..3000).prop_map(Call::Record),
        any::<u8>().prop_map(Call::Digest),
    ];
    prop::collection::vec(call, 0..60)
}

proptest! {
    #[test]
    fn what_goes_in_comes_out_in_any_pieces(calls in calls(), piece in 1_usize..5000) {
        let bytes = write(&calls, |_| false);
        let (items, fault, good) = read(&bytes, piece);
        prop_assert_eq!(fault, None);
        prop_assert_eq!(good, bytes.len() as u64);
        let mut records = 0;
        let (mut inputs, mut digests) = (Vec::new(), Vec::new());
        for item in &items {
            match item {
                Item::Header(found) => prop_assert_eq!(found, &header()),
                Item::Input(input) => match &input.input.kind {
                    InputKind::Bytes { data, .. } => inputs.push(data.clone()),
                    other => prop_assert!(false, "{:?}", other),
                },
                Item::Records(found) => records += found.len(),
                Item::Digest { digest, .. } => digests.push(digest.0[0]),
                Item::End(_) => {}
            }
        }
        let of = |wanted: fn(&Call) -> bool| calls.iter().filter(|call| wanted(call)).count();
        prop_assert_eq!(records, of(|call| matches!(call, Call::Record(_))));
        prop_assert_eq!(inputs.len(), of(|call| matches!(call, Call::Input(_))));
        prop_assert_eq!(digests.len(), of(|call| matches!(call, Call::Digest(_))));
        prop_assert!(matches!(items.last(), Some(Item::End(_))));
    }

    #[test]
    fn bytes_do_not_depend_on_when_they_are_stored(calls in calls(), every in 1_usize..7) {
        prop_assert_eq!(write(&calls, |_| false), write(&calls, |index| index % every == 0));
    }

    #[test]
    fn a_changed_byte_is_found_where_it_is(calls in calls(), at in any::<prop::sample::Index>(), flip in 1_u8..) {
        let whole = write(&calls, |_| false);
        let mut bytes = whole.clone();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        let (items, fault, good) = read(&bytes, 1000);
        prop_assert!(fault.is_some());
        prop_assert!(good <= at as u64);
        prop_assert_eq!(&items[..], &read(&whole, 1000).0[..items.len()]);
    }

    #[test]
    fn a_torn_tail_is_cut_at_the_last_good_frame(calls in calls(), at in any::<prop::sample::Index>()) {
        let whole = write(&calls, |_| false);
        let at = at.index(whole.len());
        let (items, fault, good) = read(&whole[..at], 1000);
        prop_assert!(good <= at as u64);
        prop_assert_eq!(fault.is_none(), at > 0 && good == at as u64 && at > MAGIC.len());
        prop_assert_eq!(&items[..], &read(&whole, 1000).0[..items.len()]);
        // What is good reads without a fault.
        let good = usize::try_from(good).unwrap();
        prop_assert_eq!(read(&whole[..good], 1000).0, items);
    }

    #[test]
    fn hostile_bodies_with_a_sound_chain_are_refused(
        frames in prop::collection::vec((0_u8..8, prop::collection::vec(any::<u8>(), 0..200)), 1..6),
    ) {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&[1, 0, 1, 0]);
        let mut chain = *blake3::hash(&bytes).as_bytes();
        for (kind, body) in &frames {
            bytes = forged(&bytes, &mut chain, *kind, body);
        }
        let (items, fault, good) = read(&bytes, 64);
        prop_assert!(fault.is_some() || good == bytes.len() as u64);
        prop_assert!(items.len() <= frames.len());
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let (items, _, good) = read(&bytes, 7);
        prop_assert!(items.is_empty() && good <= 12);
    }
}

#[test]
fn a_recording_begins_with_these_bytes() {
    let bytes = write(&[], |_| false);
    assert_eq!(bytes[..12], *b"TPR\r\n\x1a\n\0\x01\0\x01\0");
    assert_eq!(bytes[16], 1, "the first frame is the header");
}

#[test]
fn blocks_are_cut_by_size_and_at_digests_only() {
    let mut calls = vec![Call::Record(1000); 100];
    calls.push(Call::Digest(9));
    calls.push(Call::Record(1));
    let items = read(&write(&calls, |_| true), 4096).0;
    let blocks: Vec<usize> = items
        .iter()
        .filter_map(|item| match item {
            Item::Records(records) => Some(records.len()),
            _ => None,
        })
        .collect();
    // A record of 1,000 letters takes some bytes more; the block is cut by the one that reaches the limit.
    assert_eq!(
        blocks,
        [
            BLOCK_BYTES.div_ceil(1013),
            100 - BLOCK_BYTES.div_ceil(1013),
            1
        ]
    );
}

#[test]
fn a_record_beyond_the_limit_is_refused_and_leaves_no_trace() {
    let mut writer = Writer::new(&header()).unwrap();
    let time = SimTime::ZERO;
    assert!(writer.record(&record(0, time, ITEM_BYTES_MAX)).is_err());
    writer.record(&record(0, time, 3)).unwrap();
    writer.end(Ending::Over).unwrap();
    let (items, fault, _) = read(writer.pending(), 4096);
    assert_eq!(fault, None);
    let end = End {
        ending: Ending::Over,
        time,
        inputs: 0,
        records: 1,
        digests: 0,
    };
    assert_eq!(items.last(), Some(&Item::End(end)));
}

#[test]
fn faults_have_names() {
    let whole = write(&[Call::Digest(1), Call::Digest(2)], |_| false);
    let fault = |bytes: &[u8]| read(bytes, 4096).1;
    assert_eq!(fault(b""), Some(Fault::NotARecording));
    assert_eq!(fault(b"%PDF-1.7 and so on"), Some(Fault::NotARecording));
    let with = |index: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[index] = byte;
        fault(&bytes)
    };
    assert_eq!(with(8, 2), Some(Fault::FormatVersion(2)));
    assert_eq!(with(10, 9), Some(Fault::RecordVersion(9)));
    assert_eq!(with(15, 0xff), Some(Fault::TooLong));
    assert_eq!(with(whole.len() - 1, 0), Some(Fault::Checksum));
    assert_eq!(fault(&[&whole[..], b"x"].concat()), Some(Fault::AfterEnd));
    // Two digests in the wrong order have sound bodies, and a chain that does not hold.
    let frame = 5 + 40 + 16;
    let first = whole.len() - 2 * frame - frame_of_end(&whole);
    let (a, b) = (first..first + frame, first + frame..first + 2 * frame);
    let swapped = [&whole[..first], &whole[b], &whole[a]].concat();
    assert_eq!(fault(&swapped), Some(Fault::Checksum));
}

fn frame_of_end(whole: &[u8]) -> usize {
    // End: ending, time, inputs, records, digests as varints.
    let body = postcard::to_allocvec(&(0_u8, 1_000_u64, 0_u64, 0_u64, 2_u64)).unwrap();
    let frame = 5 + body.len() + 16;
    assert_eq!(
        whole[whole.len() - frame + 4],
        5,
        "the last frame is the end"
    );
    frame
}
