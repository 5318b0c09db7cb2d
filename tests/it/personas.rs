//! Controllers with a persona of the registry, asked by a tool from outside.

use sim_range::Output;
use sim_record::{Input, InputKind, Seed, SimDuration, SimTime};
use sim_scenario::model::Scenario;
use sim_scenario::personas::personas;
use tests::checkout::root;
use tests::play::{Chunks, Match};
use tests::scenario::read;

use crate::range::inputs::tool;

/// Scan period of the controller.
const PERIOD_US: u64 = 100_000;
/// No answer.
const NOTHING: [u8; 0] = [];
/// The controller's own persona in its scenario.
const PLAIN: &str = r#"persona: (vendor: "Halden Controls", product: "HC-315", revision: "V2.8.4", model: "HC-315 compact")"#;

/// The small scenario with another persona and key.
fn bay(persona: &str, key: &str) -> Scenario {
    let mut package = read(&root().join("server/tests/scenarios/bench-bay")).unwrap();
    let text = package.files.get_mut("scenario.ron").unwrap();
    let changed = String::from_utf8(text.clone())
        .unwrap()
        .replace(PLAIN, &format!("persona: {persona}"))
        .replace("key: Remote", &format!("key: {key}"));
    assert!(
        changed.contains(persona),
        "the scenario has another persona"
    );
    *text = changed.into_bytes();
    let (scenario, problems) = sim_scenario::check(&package);
    scenario.unwrap_or_else(|| panic!("{problems:?}"))
}

/// A match in which a tool asks the controller.
struct Bay(Match);

impl Bay {
    fn new(persona: &str, key: &str) -> Self {
        let scenario = bay(persona, key);
        let mut playing = Match::new(
            &scenario,
            Seed(1),
            "empty",
            &[],
            SimTime::MAX,
            Chunks::Whole,
        )
        .unwrap();
        playing.play_to(SimTime::from_millis(1_510));
        Self(playing)
    }

    fn apply(&mut self, kind: InputKind) {
        self.0.apply(Input {
            principal: tool("laptop"),
            kind,
        });
    }

    fn open(&mut self, conn: u32) {
        self.apply(InputKind::Open { conn, endpoint: 0 });
        self.wait(1);
    }

    fn wait(&mut self, ms: u64) {
        let until = self.0.range().now() + SimDuration::from_millis(ms);
        self.0.play_to(until);
    }

    /// The answer to a PDU within 300 ms, and the instant at which it came; nothing is an empty one.
    fn ask(&mut self, conn: u32, unit: u8, pdu: &[u8]) -> (Vec<u8>, SimTime) {
        let mut data = vec![0, 9, 0, 0, 0, u8::try_from(pdu.len() + 1).unwrap(), unit];
        data.extend(pdu);
        let before = self.0.played().outside.len();
        self.apply(InputKind::Bytes { conn, data });
        for _ in 0..300 {
            self.wait(1);
            if let Some(output) = self.0.played().outside.get(before) {
                let Output::Bytes { data, .. } = output else {
                    panic!("{output:?}");
                };
                assert_eq!(data[6], unit);
                return (data[7..].to_vec(), self.0.range().now());
            }
        }
        (Vec::new(), self.0.range().now())
    }

    fn reply(&mut self, unit: u8, pdu: &[u8]) -> Vec<u8> {
        self.ask(0, unit, pdu).0
    }
}

#[test]
fn every_persona_serves_and_its_match_is_the_same_again() {
    for persona in personas() {
        let key = format!("{:?}", persona.keys[0]);
        let digests = || {
            let mut bay = Bay::new(&format!("{:?}", persona.id), &key);
            bay.open(0);
            let reply = bay.reply(1, &[4, 0, 0, 0, 1]);
            assert_eq!(reply[..2], [4, 2], "{}", persona.id);
            let pressure = u16::from_be_bytes([reply[2], reply[3]]);
            assert!((2_500..2_900).contains(&pressure), "{}", persona.id);
            bay.reply(1, &[90, 0, 2]);
            bay.0.play_to(SimTime::MAX);
            bay.0.into_played().digests
        };
        assert_eq!(digests(), digests(), "{}", persona.id);
    }
}

#[test]
fn a_compact_controller_answers_with_its_scan_and_refuses_programming() {
    let mut bay = Bay::new(r#""corvane-cx24""#, "Remote");
    bay.open(0);
    let (reply, at) = bay.ask(0, 1, &[17]);
    assert_eq!(reply[..2], [17, 19]);
    assert_eq!(&reply[2..], b"CX\xFFCX24-ETH V3.07.2");
    // The reply left with a scan and was on the way for less than three milliseconds.
    let after_scan_us = at.0 % PERIOD_US;
    assert!(after_scan_us < 3_000, "{after_scan_us} us after a scan");
    assert_eq!(bay.reply(1, &[90, 7, 2]), [90, 7, 0xFD]);
    let reply = bay.reply(255, &[43, 14, 4, 0]);
    assert_eq!(&reply[9..], b"Corvane Automation");
    assert_eq!(bay.reply(9, &[4, 0, 0, 0, 1]), NOTHING, "a foreign unit");
    let mut plain = Bay::new(r#"(like: "corvane-cx24", revision: "V1.00.0")"#, "Remote");
    plain.open(0);
    let reply = plain.reply(1, &[43, 14, 4, 2]);
    assert_eq!(&reply[9..], b"V1.00.0", "one string of its own");
    let reply = plain.reply(1, &[43, 14, 4, 1]);
    assert_eq!(&reply[9..], b"CX24-ETH");
}

#[test]
fn an_old_controller_keeps_files_and_is_silenced_for_everybody() {
    let mut bay = Bay::new(r#""tarnbrook-tm8""#, "Remote");
    bay.open(0);
    let write = [21, 9, 6, 0, 3, 0, 249, 0, 1, 0xAB, 0xCD];
    assert_eq!(bay.reply(1, &write), write);
    assert_eq!(
        bay.reply(1, &[20, 7, 6, 0, 3, 0, 249, 0, 1]),
        [20, 4, 3, 6, 0xAB, 0xCD]
    );
    assert_eq!(
        bay.reply(1, &[20, 7, 6, 0, 3, 0, 250, 0, 1]),
        [0x94, 2],
        "beyond the third file"
    );
    assert_eq!(bay.reply(1, &[3, 0, 0, 0, 126]), [0x83, 2]);
    assert_eq!(bay.reply(1, &[43, 14, 1, 0]), [0xAB, 1]);
    bay.open(1);
    assert_eq!(bay.ask(1, 1, &[7]).0, [7, 0]);
    assert_eq!(bay.ask(1, 1, &[8, 0, 4, 0, 0]).0, NOTHING);
    assert_eq!(
        bay.reply(1, &[4, 0, 0, 0, 1]),
        NOTHING,
        "the first connection, too"
    );
    assert_eq!(bay.ask(1, 1, &[8, 0, 1, 0, 0]).0, NOTHING);
    assert_eq!(bay.reply(1, &[4, 0, 0, 0, 1])[..2], [4, 2]);
}

#[test]
fn a_gateway_has_its_meters_and_no_others() {
    let mut bay = Bay::new(r#""lindqvist-gw4""#, "Run");
    bay.open(0);
    assert_eq!(bay.reply(1, &[6, 4, 0x50, 0, 77]), [6, 4, 0x50, 0, 77]);
    assert_eq!(
        bay.reply(11, &[3, 0, 4, 0, 1]),
        [3, 2, 0, 77],
        "register 1104 behind unit 11"
    );
    assert_eq!(bay.reply(11, &[3, 0, 100, 0, 1]), [0x83, 2]);
    let reply = bay.reply(12, &[17]);
    assert_eq!(&reply[2..], b"\x4C\x45\x11LE-33 pumps\xFF");
    assert_eq!(bay.reply(14, &[3, 0, 0, 0, 1]), [0x83, 0x0B]);
    assert_eq!(bay.reply(0, &[6, 0, 5, 0, 78]), NOTHING, "a broadcast");
    for unit in 11..=13 {
        assert_eq!(bay.reply(unit, &[3, 0, 5, 0, 1]), [3, 2, 0, 78]);
    }
    assert_eq!(
        bay.reply(11, &[8, 0, 0, 1, 2]),
        NOTHING,
        "a function that it lacks"
    );
}

#[test]
fn a_device_takes_as_many_connections_as_its_persona_says() {
    let mut gateway = Bay::new(r#""lindqvist-gw4""#, "Run");
    let mut plain = Bay::new(PLAIN.trim_start_matches("persona: "), "Remote");
    let served = |bay: &mut Bay| {
        (0..6).for_each(|conn| bay.open(conn));
        let answers = |conn: &u32| !bay.ask(*conn, 1, &[4, 0, 0, 0, 1]).0.is_empty();
        (0..6).filter(answers).count()
    };
    // The operator station has one of them for as long as it polls.
    assert!((1..=2).contains(&served(&mut gateway)));
    assert_eq!(served(&mut plain), 6);
}
