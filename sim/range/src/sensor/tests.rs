//! Each shipped detection fires on its attack and stays quiet about its benign counterpart.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::tests_support::scenario;
use super::*;
use sim_record::{RecordKind, SimDuration};
use std::cell::RefCell;

const VENDOR: [u8; 4] = [10, 30, 20, 40];
const HMI: [u8; 4] = [10, 30, 20, 10];
const HISTORIAN: [u8; 4] = [10, 30, 20, 20];
const SCANNER: [u8; 4] = [10, 30, 20, 60];
const PLC1: [u8; 4] = [10, 30, 10, 11];
const SIS1: [u8; 4] = [10, 30, 10, 21];
const SYN: u8 = 0x02;
const PSH_ACK: u8 = 0x18;
/// Read holding register 1024, then write 2705 to it; transaction 1, unit 1.
const READ: [u8; 12] = [0, 1, 0, 0, 0, 6, 1, 3, 4, 0, 0, 18];
const WRITE: [u8; 12] = [0, 1, 0, 0, 0, 6, 1, 6, 4, 0, 0x0a, 0x91];
const IDENTIFY: [u8; 11] = [0, 1, 0, 0, 0, 5, 1, 0x2b, 0x0e, 1, 0];

/// A sensor with a journal and the values that a station shows.
struct Bench {
    sensor: Sensor,
    journal: Journal,
    tags: BTreeMap<String, f64>,
    logged: bool,
    frames: u64,
}

impl Bench {
    fn new() -> Self {
        let scenario = scenario();
        let directory = Directory::new(&scenario);
        let sensor = Sensor::new(&scenario, &directory);
        let tags = [
            ("PT-101", 2700.0),
            ("PT-201", 2701.0),
            ("PIC-101.MODE", 0.0),
            ("FIC-101.MODE", 0.0),
            ("FIC-101.OP", 61.0),
        ];
        let tags = tags.into_iter().map(|(t, v)| (t.to_owned(), v)).collect();
        Self {
            sensor,
            journal: Journal::new(),
            tags,
            logged: false,
            frames: 0,
        }
    }

    fn frame(&mut self, bytes: &[u8]) -> &mut Self {
        self.frames += 1;
        let now = self.journal.now;
        self.sensor
            .on_frame(&mut self.journal, now, self.frames, bytes);
        self
    }

    fn set(&mut self, tag: &str, value: f64) -> &mut Self {
        self.tags.insert(tag.into(), value);
        self
    }

    /// So many seconds of looking at the station.
    fn look(&mut self, seconds: u64) -> &mut Self {
        for _ in 0..seconds {
            self.journal.now = self.journal.now + SimDuration::from_secs(1);
            let (tags, logged) = (&self.tags, self.logged);
            self.sensor
                .on_tags(&mut self.journal, &|t| tags.get(t).copied(), &|_, _| logged);
        }
        self
    }

    /// (rule, asset) of what fired so far.
    fn fired(&self) -> Vec<(String, String)> {
        self.sensor
            .alerts()
            .iter()
            .map(|a| (a.rule.clone(), a.asset.clone()))
            .collect()
    }
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(r, a)| ((*r).to_owned(), (*a).to_owned()))
        .collect()
}

/// A TCP segment in a frame; `seq` counts from 1000.
fn segment(src: [u8; 4], dst: [u8; 4], port: u16, flags: u8, seq: u32, payload: &[u8]) -> Vec<u8> {
    let mut tcp = Vec::new();
    tcp.extend_from_slice(&40_000_u16.to_be_bytes());
    tcp.extend_from_slice(&port.to_be_bytes());
    tcp.extend_from_slice(&(1000 + seq).to_be_bytes());
    tcp.extend_from_slice(&[0; 4]);
    tcp.extend_from_slice(&[0x50, flags, 0x20, 0, 0, 0, 0, 0]);
    tcp.extend_from_slice(payload);
    packet(src, dst, 6, &tcp)
}

fn packet(src: [u8; 4], dst: [u8; 4], protocol: u8, payload: &[u8]) -> Vec<u8> {
    let total = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    let mut ip = vec![
        0x45, 0, total[0], total[1], 0, 7, 0x40, 0, 64, protocol, 0, 0,
    ];
    ip.extend_from_slice(&src);
    ip.extend_from_slice(&dst);
    let sum = ip
        .chunks(2)
        .map(|w| u32::from(u16::from_be_bytes([w[0], w[1]])))
        .sum::<u32>();
    let once = (sum & 0xffff) + (sum >> 16);
    let [.., high, low] = (!((once & 0xffff) + (once >> 16))).to_be_bytes();
    ip[10..12].copy_from_slice(&[high, low]);
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    frame.extend_from_slice(&ip);
    frame.extend_from_slice(payload);
    frame
}

#[test]
fn a_new_master_fires_once_and_again_after_its_rearm_time() {
    let mut bench = Bench::new();
    let request = segment(VENDOR, PLC1, 502, PSH_ACK, 1, &READ);
    bench.frame(&request).frame(&request);
    assert_eq!(
        bench.fired(),
        pairs(&[("new-master", "plc1")]),
        "the same packet at two taps counts once"
    );
    bench.journal.now = SimTime::from_secs(599);
    assert_eq!(bench.frame(&request).fired().len(), 1);
    bench.journal.now = SimTime::from_secs(600);
    assert_eq!(bench.frame(&request).fired().len(), 2);
    let alert = bench.sensor.alerts().first().unwrap();
    assert_eq!(
        (alert.id, alert.frame, alert.technique.as_str()),
        (1, 1, "T0848")
    );
    assert_eq!(
        alert.text,
        "vendor (10.30.20.40) talks to plc1: Modbus function 3"
    );
    let record = bench.journal.take_unlabelled().unwrap().kind;
    assert!(matches!(record, RecordKind::Detection { rule, frame: 1, .. } if rule == "new-master"));
}

#[test]
fn polls_setpoint_changes_and_answers_are_quiet() {
    let mut bench = Bench::new();
    for (second, source) in (0..100).zip([HMI, HISTORIAN].into_iter().cycle()) {
        bench.journal.now = SimTime::from_secs(second);
        bench.frame(&segment(source, PLC1, 502, SYN, 0, &[]));
        bench.frame(&segment(source, PLC1, 502, PSH_ACK, 1, &READ));
        bench.frame(&segment(PLC1, source, 40_000, PSH_ACK, 1, &WRITE));
    }
    bench.frame(&segment(HMI, PLC1, 502, PSH_ACK, 1, &WRITE));
    bench.frame(&segment([10, 30, 20, 30], PLC1, 502, PSH_ACK, 1, &IDENTIFY));
    assert_eq!(bench.fired(), []);
}

#[test]
fn writes_and_identification_of_a_stranger_fire() {
    let mut bench = Bench::new();
    bench.frame(&segment(VENDOR, PLC1, 502, PSH_ACK, 1, &IDENTIFY));
    assert_eq!(
        bench.fired(),
        pairs(&[("new-master", "plc1"), ("identification", "plc1")])
    );
    let mut bench = Bench::new();
    bench.frame(&segment(VENDOR, SIS1, 502, PSH_ACK, 1, &WRITE));
    assert_eq!(
        bench.fired(),
        pairs(&[
            ("new-master", "sis1"),
            ("write-source", "sis1"),
            ("sis-write", "sis1")
        ])
    );
    let mut bench = Bench::new();
    bench.frame(&segment(HMI, SIS1, 502, PSH_ACK, 1, &WRITE));
    assert_eq!(
        bench.fired(),
        pairs(&[("sis-write", "sis1")]),
        "whoever writes to the safety controller"
    );
    let mut bench = Bench::new();
    bench.frame(&segment(HISTORIAN, PLC1, 502, PSH_ACK, 1, &WRITE));
    assert_eq!(
        bench.fired(),
        pairs(&[("write-source", "plc1")]),
        "on the allow-list, but it has nothing to write"
    );
}

#[test]
fn a_request_cut_over_segments_is_put_together() {
    let mut bench = Bench::new();
    for (seq, byte) in (1..).zip(&WRITE) {
        let part = segment(VENDOR, SIS1, 502, PSH_ACK, seq, &[*byte]);
        // Each passes two taps.
        bench.frame(&part).frame(&part);
    }
    assert!(bench.fired().contains(&("sis-write".into(), "sis1".into())));
}

#[test]
fn forged_sequence_numbers_hide_no_request() {
    let mut bench = Bench::new();
    bench.frame(&segment(VENDOR, SIS1, 502, PSH_ACK, 1, b"\x00\x01"));
    bench.frame(&segment(VENDOR, SIS1, 502, PSH_ACK, 900_000, b"garbage"));
    bench.frame(&segment(VENDOR, SIS1, 502, PSH_ACK, 500, &WRITE));
    assert!(bench.fired().contains(&("sis-write".into(), "sis1".into())));
}

#[test]
fn more_than_twenty_pairs_in_thirty_seconds_are_a_scan_of_their_zone() {
    let sweep = |bench: &mut Bench, source, flags, count: u8| {
        for n in 1..=count {
            let probe = segment(source, [10, 30, 10, n], 502, flags, 0, &[]);
            bench.frame(&probe).frame(&probe);
        }
    };
    let mut bench = Bench::new();
    sweep(&mut bench, VENDOR, SYN, 20);
    assert_eq!(bench.fired(), [], "twenty are not more than twenty");
    sweep(&mut bench, VENDOR, SYN, 254);
    assert_eq!(bench.fired(), pairs(&[("scan", "control")]));

    let mut fin = Bench::new();
    sweep(&mut fin, VENDOR, 0x01, 30);
    assert_eq!(fin.fired(), pairs(&[("scan", "control")]), "a FIN scan");

    let mut allowed = Bench::new();
    sweep(&mut allowed, SCANNER, SYN, 254);
    assert_eq!(
        allowed.fired(),
        [],
        "the asset scanner is on the allow-list"
    );

    let mut slow = Bench::new();
    for n in 1..=100 {
        slow.journal.now = SimTime::from_secs(u64::from(n) * 2);
        slow.frame(&segment(VENDOR, [10, 30, 10, n], 502, SYN, 0, &[]));
    }
    assert_eq!(slow.fired(), [], "sixteen within thirty seconds");
}

#[test]
fn answers_to_a_scan_are_no_scan() {
    let mut bench = Bench::new();
    for port in 1..200_u16 {
        let mut reply = segment(PLC1, VENDOR, port, 0x14, 0, &[]);
        bench.frame(&reply);
        let udp: Vec<u8> = [502, port, 8, 0]
            .iter()
            .flat_map(|w: &u16| w.to_be_bytes())
            .collect();
        reply = packet(PLC1, VENDOR, 17, &udp);
        bench.frame(&reply);
    }
    assert_eq!(bench.fired(), []);
}

#[test]
fn an_address_that_moves_fires_and_its_owner_coming_back_does_not() {
    let gateway = Ipv4Addr::new(10, 30, 20, 1);
    let mut bench = Bench::new();
    let (owner, thief) = ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 9]);
    bench
        .sensor
        .on_arp_changed(&mut bench.journal, gateway, owner, thief, 17);
    bench
        .sensor
        .on_arp_changed(&mut bench.journal, gateway, thief, owner, 18);
    bench
        .sensor
        .on_arp_changed(&mut bench.journal, gateway, owner, thief, 19);
    assert_eq!(bench.fired(), pairs(&[("arp-change", "fw1")]));
    assert_eq!(
        bench.sensor.alerts()[0].text,
        "fw1 (10.30.20.1) moved from 02:00:00:00:00:01 to 02:00:00:00:00:09"
    );
}

#[test]
fn the_key_left_in_remote_fires_in_the_first_second() {
    let mut bench = Bench::new();
    assert_eq!(bench.set("SIS-1.REMOTE", 0.0).look(5).fired(), []);
    assert_eq!(
        bench.set("SIS-1.REMOTE", 1.0).look(1).fired(),
        pairs(&[("sis-key", "sis1")])
    );
    assert_eq!(bench.look(3000).fired().len(), 1);
}

#[test]
fn a_bypass_fires() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.set("SIS-1.BYPASS", 1.0).look(1).fired(),
        pairs(&[("sis-bypass", "sis1")])
    );
}

#[test]
fn a_mode_change_fires_after_five_seconds_if_nobody_logged_it() {
    let mut bench = Bench::new();
    bench.look(10).set("PIC-101.MODE", 1.0);
    assert_eq!(bench.look(5).fired(), []);
    assert_eq!(bench.look(1).fired(), pairs(&[("mode-change", "plc1")]));
    let mut operator = Bench::new();
    operator.logged = true;
    assert_eq!(
        operator.look(10).set("PIC-101.MODE", 1.0).look(20).fired(),
        []
    );
}

#[test]
fn the_log_is_asked_about_the_instant_of_the_change() {
    let mut bench = Bench::new();
    bench.look(10).set("PIC-101.MODE", 1.0).look(5);
    let asked = RefCell::new(Vec::new());
    bench.journal.now = SimTime::from_secs(16);
    let tags = bench.tags.clone();
    bench.sensor.on_tags(
        &mut bench.journal,
        &|t| tags.get(t).copied(),
        &|tag, time| {
            asked.borrow_mut().push((tag.to_owned(), time));
            true
        },
    );
    assert_eq!(
        asked.into_inner(),
        [("PIC-101.MODE".to_owned(), SimTime::from_secs(11))]
    );
}

#[test]
fn a_deviation_fires_after_ten_seconds_on_the_station_that_shows_it() {
    let mut bench = Bench::new();
    bench.set("PT-201", 2731.0);
    assert_eq!(bench.look(10).fired(), []);
    assert_eq!(
        bench.look(1).fired(),
        pairs(&[("pressure-deviation", "hmi")])
    );
    let mut short = Bench::new();
    for _ in 0..20 {
        short
            .set("PT-201", 2731.0)
            .look(9)
            .set("PT-201", 2720.0)
            .look(1);
    }
    assert_eq!(short.fired(), []);
}

#[test]
fn a_rise_fires_and_noise_and_a_setpoint_change_do_not() {
    let ramp = |per_min: f64, seconds: u32| {
        let mut bench = Bench::new();
        for second in 0..seconds {
            // Repeatability of the transmitter, about 3 kPa either way.
            let noise = [3.0, -3.0, 1.0, -2.0, 2.0][second as usize % 5];
            bench
                .set(
                    "PT-101",
                    2700.0 + per_min * f64::from(second) / 60.0 + noise,
                )
                .set("PT-201", 2700.0);
            bench
                .sensor
                .watchers
                .retain(|(_, w)| matches!(w, Watcher::Rate { .. }));
            bench.look(1);
        }
        bench.fired()
    };
    assert_eq!(ramp(40.0, 90), pairs(&[("pressure-rate", "plc1")]));
    assert_eq!(ramp(20.0, 600), []);
    assert_eq!(ramp(0.0, 600), []);
    let mut step = Bench::new();
    step.look(120)
        .set("PT-101", 2705.0)
        .look(120)
        .set("PT-101", 2700.0)
        .look(120);
    assert_eq!(step.fired(), []);
}

#[test]
fn a_full_feed_fires_only_in_manual() {
    let mut bench = Bench::new();
    bench.logged = true;
    assert_eq!(bench.set("FIC-101.OP", 80.0).look(20).fired(), []);
    assert_eq!(
        bench.set("FIC-101.MODE", 1.0).look(1).fired(),
        pairs(&[("feed-manual", "plc1")])
    );
    let mut low = Bench::new();
    low.logged = true;
    assert_eq!(
        low.set("FIC-101.MODE", 1.0)
            .set("FIC-101.OP", 30.0)
            .look(20)
            .fired(),
        []
    );
}

#[test]
fn values_that_are_not_good_prove_nothing() {
    let mut bench = Bench::new();
    bench.tags.clear();
    assert_eq!(bench.look(200).fired(), []);
}

/// A million random and forged frames from ever new sources: memory and alerts stay bounded.
#[test]
fn a_flood_of_forged_frames_stays_bounded() {
    let mut bench = Bench::new();
    let mut random = Random(1);
    for n in 0..1_000_000_u64 {
        let bytes = random.bytes();
        let [a, b, c, d, e, f, g, _] = bytes;
        bench.journal.now = SimTime(n * 100);
        match n % 3 {
            0 => bench.frame(&segment(
                [a, b, c, d],
                PLC1,
                502,
                PSH_ACK,
                u32::from(e),
                &WRITE,
            )),
            1 => bench.frame(&segment(
                [a, b, c, d],
                [10, 30, 10, e],
                u16::from_be_bytes([f, g]),
                SYN,
                0,
                &[],
            )),
            _ => bench.frame(&bytes.repeat(8)),
        };
        while bench.journal.take_unlabelled().is_some() {}
        bench.journal.outputs.clear();
    }
    let (flows, attempts) = bench.sensor.traffic.size();
    assert!(
        flows <= 256 && attempts <= 64 * 256,
        "{flows} flows, {attempts} attempts"
    );
    assert!(bench.sensor.alerts().len() <= 256);
    assert!(
        bench.sensor.alerts().last().unwrap().id <= 6 * 30 * 2,
        "{}",
        bench.sensor.alerts().last().unwrap().id
    );
}

/// Random and cut frames, alone and inside valid headers.
#[test]
fn no_bytes_panic() {
    let mut random = Random(2);
    let mut bench = Bench::new();
    let whole = segment(VENDOR, PLC1, 502, PSH_ACK, 1, &WRITE);
    for round in 0..20_000 {
        let bytes: Vec<u8> = (0..round % 200).map(|_| random.bytes()[0]).collect();
        bench.frame(&bytes);
        bench.frame(&segment(VENDOR, PLC1, 502, PSH_ACK, 1, &bytes));
        bench.frame(&packet(VENDOR, PLC1, 6, &bytes));
        bench.frame(&packet(VENDOR, PLC1, 17, &bytes));
        let mut changed = whole.clone();
        let [at, value, cut, ..] = random.bytes();
        if let Some(byte) = changed.get_mut(usize::from(at)) {
            *byte = value;
        }
        bench.frame(&changed);
        bench.frame(changed.get(..usize::from(cut)).unwrap_or(&[]));
    }
    assert!(
        !bench.fired().is_empty(),
        "whole frames among them are still read"
    );
}

#[test]
fn equal_frames_give_equal_digests() {
    let digest = |last_seq: u32| {
        let mut bench = Bench::new();
        for seq in [1, 13, last_seq] {
            bench.frame(&segment(VENDOR, PLC1, 502, PSH_ACK, seq, &WRITE));
        }
        bench.look(3);
        let mut hasher = StateHasher::new();
        bench.sensor.digest(&mut hasher);
        hasher.finish()
    };
    assert_eq!(digest(25), digest(25));
    assert_ne!(digest(25), digest(26), "a gap is remembered");
}

/// Knuth's linear congruential generator (MMIX), enough to vary bytes.
struct Random(u64);

impl Random {
    fn bytes(&mut self) -> [u8; 8] {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0.to_be_bytes()
    }
}
