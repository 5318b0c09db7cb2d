//! Any bytes as a recording: the reader never panics, and what it read stays read when the tail is torn.
//!
//! Frames are chained by a hash, which no mutation would ever hit. So the input is taken twice: as it is, and as a list
//! of frames (kind, length, body) for which the right chain is computed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sim_record::container::{FORMAT_VERSION, Item, MAGIC, Reader};

/// Bytes of a chain value that a frame carries.
const CHAIN_BYTES: usize = 16;

fuzz_target!(|bytes: &[u8]| {
    read(bytes);
    read(&chained(bytes));
});

fn read(bytes: &[u8]) -> u64 {
    let mut reader = Reader::new();
    let mut items: u64 = 0;
    // Pieces of prime length, so that every frame is torn somewhere.
    for piece in bytes.chunks(251) {
        reader.feed(piece);
        loop {
            match reader.next_item() {
                Ok(Some(item)) => {
                    let good = reader.good_bytes();
                    assert!(good <= bytes.len() as u64, "{good} of {}", bytes.len());
                    assert!(!matches!(item, Item::End(_)) || reader.is_ended());
                    items += 1;
                }
                Ok(None) => break,
                Err(damage) => {
                    assert_eq!(damage.good_bytes, reader.good_bytes());
                    assert_eq!(reader.next_item().err(), Some(damage));
                    return items;
                }
            }
        }
    }
    let _ = reader.finish();
    items
}

/// The input as frames with the chain that the container asks for.
fn chained(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 64);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    out.extend_from_slice(&1_u16.to_le_bytes());
    let mut chain = *blake3::hash(&out).as_bytes();
    let mut rest = bytes;
    while let [kind, low, high, tail @ ..] = rest {
        let length = usize::from(u16::from_le_bytes([*low, *high]) % 1024).min(tail.len());
        let (body, after) = tail.split_at(length);
        rest = after;
        let length = (length as u32).to_le_bytes();
        let mut hasher = blake3::Hasher::new();
        hasher.update(&chain);
        hasher.update(&[*kind]);
        hasher.update(&length);
        hasher.update(body);
        chain = *hasher.finalize().as_bytes();
        out.extend_from_slice(&length);
        out.push(*kind);
        out.extend_from_slice(body);
        out.extend_from_slice(&chain[..CHAIN_BYTES]);
    }
    out
}
