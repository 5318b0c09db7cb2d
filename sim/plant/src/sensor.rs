//! Transmitters: a first-order lag, seeded noise and a bounded range.

/// Declared behaviour of one transmitter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SensorSpec {
    /// Time constant of the first-order lag, s.
    pub(crate) lag_s: f64,
    /// Standard deviation of the noise at scale 1, in the unit of the signal.
    pub(crate) noise_sd: f64,
    /// Lowest reading.
    pub(crate) min: f64,
    /// Highest reading.
    pub(crate) max: f64,
}

/// State of one transmitter: the lagged value and what is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sensor {
    /// Value behind the lag, without noise.
    pub(crate) lagged: f64,
    /// What the transmitter shows.
    pub(crate) reading: f64,
}

impl Sensor {
    /// A transmitter that has long seen `value`.
    pub(crate) fn settled(spec: &SensorSpec, value: f64, noise: f64) -> Self {
        Self {
            lagged: value,
            reading: shown(spec, value, noise),
        }
    }

    /// Moves the lag one step towards `value` by `share` (see [`lag_share`]) and shows it with `noise` added.
    pub(crate) fn update(&mut self, spec: &SensorSpec, share: f64, value: f64, noise: f64) {
        self.lagged += share * (value - self.lagged);
        self.reading = shown(spec, self.lagged, noise);
    }
}

/// Share of the way to a held input that a first-order lag goes in one step: the exact solution, 1 - exp(-dt/lag).
pub(crate) fn lag_share(step_s: f64, lag_s: f64) -> f64 {
    1.0 - libm::exp(-step_s / lag_s)
}

/// Noise stream of one sensor: sample `n` depends on the seed, the sensor and `n` only.
///
/// SplitMix64 (Steele, Lea and Flood 2014) is a counter behind a mixer, so the stream has no state of its own and no
/// order of reading can disturb it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoiseStream(u64);

impl NoiseStream {
    /// The stream of the sensor called `name` in a plant with this seed.
    pub(crate) fn new(seed: u64, name: &str) -> Self {
        Self(mix(seed ^ fnv1a(name)))
    }

    /// Sample `n`: mean 0, variance 1, bounded by +-2 sqrt(3).
    ///
    /// The sum of four uniform numbers (Irwin-Hall), which needs no transcendental function and has no far tail
    /// that would trip a healthy plant once in many matches.
    pub(crate) fn sample(self, n: u64) -> f64 {
        let word = mix(self.0.wrapping_add(n.wrapping_mul(GAMMA)));
        let sum: u32 = (0..4).map(|lane| u32::from(lane_of(word, lane))).sum();
        (f64::from(sum) - LANE_SUM_MEAN) / LANE_SUM_SD
    }
}

/// SplitMix64's increment, the golden ratio in 64 bits.
const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;
/// Mean of four uniform 16-bit numbers: 4 * 65535 / 2.
const LANE_SUM_MEAN: f64 = 131_070.0;
/// Standard deviation of that sum: sqrt(4 * (65536^2 - 1) / 12).
const LANE_SUM_SD: f64 = 37_837.227_237_206_48;

fn lane_of(word: u64, lane: u32) -> u16 {
    let [b0, b1, b2, b3, b4, b5, b6, b7] = word.to_le_bytes();
    match lane {
        0 => u16::from_le_bytes([b0, b1]),
        1 => u16::from_le_bytes([b2, b3]),
        2 => u16::from_le_bytes([b4, b5]),
        _ => u16::from_le_bytes([b6, b7]),
    }
}

fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

/// FNV-1a, 64 bits: tells the streams of a plant apart by name, so that adding a sensor moves no other's noise.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

fn shown(spec: &SensorSpec, value: f64, noise: f64) -> f64 {
    (value + noise * spec.noise_sd).clamp(spec.min, spec.max)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::float_cmp, reason = "exact values are meant")]

    use super::*;

    #[test]
    fn mixer_is_splitmix64() {
        // First outputs for seed 1234567, as published with the reference code of SplitMix64.
        let seed = 1_234_567_u64;
        let output = |n: u64| mix(seed.wrapping_add(n.wrapping_mul(GAMMA)));
        assert_eq!(output(1), 6_457_827_717_110_365_317);
        assert_eq!(output(2), 3_203_168_211_198_807_973);
        assert_eq!(output(3), 9_817_491_932_198_370_423);
    }

    #[test]
    fn fnv_is_the_published_one() {
        assert_eq!(fnv1a(""), 0xCBF2_9CE4_8422_2325);
        assert_eq!(fnv1a("a"), 0xAF63_DC4C_8601_EC8C);
        assert_eq!(fnv1a("foobar"), 0x8594_4171_F739_67E8);
    }

    #[test]
    fn samples_have_mean_0_and_variance_1() {
        let stream = NoiseStream::new(1, "P");
        let count = 100_000_u32;
        let (mut sum, mut squares) = (0.0, 0.0);
        for n in 0..count {
            let sample = stream.sample(u64::from(n));
            sum += sample;
            squares += sample * sample;
        }
        let count = f64::from(count);
        assert!((sum / count).abs() < 0.01);
        assert!((squares / count - 1.0).abs() < 0.02);
    }

    #[test]
    fn streams_of_two_sensors_are_not_correlated() {
        let (first, second) = (NoiseStream::new(9, "P_A"), NoiseStream::new(9, "P_B"));
        let count = 100_000_u32;
        let sum: f64 = (0..u64::from(count))
            .map(|n| first.sample(n) * second.sample(n))
            .sum();
        assert!((sum / f64::from(count)).abs() < 0.02);
    }

    #[test]
    fn lag_is_exact_for_a_held_input() {
        let spec = SensorSpec {
            lag_s: 2.0,
            noise_sd: 1.0,
            min: 0.0,
            max: 100.0,
        };
        let mut sensor = Sensor::settled(&spec, 0.0, 0.0);
        let share = lag_share(0.1, spec.lag_s);
        for _ in 0..20 {
            sensor.update(&spec, share, 50.0, 0.0);
        }
        assert!((sensor.reading - 50.0 * (1.0 - libm::exp(-1.0))).abs() < 1e-9);
        sensor.update(&spec, share, 50.0, 1000.0);
        assert_eq!(sensor.reading, 100.0);
    }
}
