//! Rolling hash over every delivered frame: cheap enough for each frame, long enough to tell two runs apart. It guards
//! against mistakes, not against forgery; recordings have their own hash chain.

/// Two lanes of multiply-and-fold over words of 64 bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameHash {
    lanes: [u64; 2],
}

// Odd constants with about as many ones as zeros: the first 128 bits of the fraction of pi, made odd.
const KEYS: [u64; 2] = [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7345];

impl Default for FrameHash {
    fn default() -> Self {
        Self { lanes: KEYS }
    }
}

impl FrameHash {
    /// Adds a frame with its instant and place.
    pub(crate) fn add(&mut self, time_us: u64, place: u64, bytes: &[u8]) {
        self.word(time_us);
        self.word(place);
        self.word(bytes.len() as u64);
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        self.word(u64::from_le_bytes(last));
    }

    /// The state.
    pub(crate) const fn lanes(&self) -> [u64; 2] {
        self.lanes
    }

    fn word(&mut self, word: u64) {
        let [a, b] = self.lanes;
        self.lanes = [
            fold(a ^ word, KEYS[0]).wrapping_add(b),
            fold(b.rotate_left(23) ^ word, KEYS[1]) ^ a,
        ];
    }
}

/// The two halves of the product, one over the other.
const fn fold(a: u64, b: u64) -> u64 {
    let product = (a as u128) * (b as u128);
    let [low, high] = [product & 0xffff_ffff_ffff_ffff, product >> 64];
    #[allow(
        clippy::cast_possible_truncation,
        reason = "both halves are below 2^64"
    )]
    let folded = (low ^ high) as u64;
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_and_the_order_matter() {
        let hash = |frames: &[&[u8]]| {
            let mut hash = FrameHash::default();
            for frame in frames {
                hash.add(1, 2, frame);
            }
            hash.lanes()
        };
        let base = [0_u8; 61];
        let mut seen = vec![hash(&[&base])];
        for bit in 0..base.len() * 8 {
            let mut changed = base;
            changed[bit / 8] ^= 1 << (bit % 8);
            seen.push(hash(&[&changed]));
        }
        seen.push(hash(&[b"a", b"b"]));
        seen.push(hash(&[b"b", b"a"]));
        seen.push(hash(&[b"ab"]));
        let count = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), count);
    }
}
