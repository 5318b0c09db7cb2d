//! An S7 CPU on a range: stations poll it over S7comm, and what an attacker does there is seen, labelled and graded.

use grading::grade;
use sim_record::{RecordKind, S7Service, Seed, SimTime};
use tests::play::{Chunks, Match};
use tests::scenario::load;

#[test]
fn an_attack_over_s7comm_is_seen_labelled_and_graded() {
    let loaded = load("tests/scenarios/s7-line").unwrap();
    let playing = Match::new(
        &loaded.scenario,
        Seed(1),
        "attack",
        &[],
        SimTime::MAX,
        Chunks::Whole,
    );
    let records = playing.unwrap().play().records;
    let has = |of: &dyn Fn(&RecordKind) -> bool| records.iter().any(|record| of(&record.kind));

    let polled = |kind: &RecordKind| matches!(kind, RecordKind::Flow { port: 102, .. });
    assert!(has(&polled), "the operator station polls");
    let lost = |kind: &RecordKind| matches!(kind, RecordKind::Communication { good: false, .. });
    assert!(!has(&lost), "and is answered");
    let written = |kind: &RecordKind| {
        matches!(kind, RecordKind::S7(r) if r.service == S7Service::Write
            && r.object == "DB1" && r.offset == 4 && r.values == [0x04, 0xD2] && r.changed)
    };
    assert!(has(&written), "1234 to the setpoint");

    for rule in ["new-master", "identification", "write-source"] {
        let fired =
            |kind: &RecordKind| matches!(kind, RecordKind::Detection { rule: r, .. } if r == rule);
        assert!(has(&fired), "{rule}");
    }
    let report = grade(loaded.rubric.clone(), &records);
    let found: Vec<&str> = report
        .attacks
        .iter()
        .map(|a| a.technique.as_str())
        .collect();
    for technique in ["T0888", "T0848", "T0861", "T1692.001", "T0836"] {
        assert!(found.contains(&technique), "{technique} in {found:?}");
    }
    let changed = report.attacks.iter().find(|a| a.technique == "T0836");
    let register = changed.unwrap().evidence.register.as_ref().unwrap();
    assert_eq!(register.area.as_deref(), Some("DB1"));
    assert_eq!((register.address, register.count), (4, 2));
}

#[test]
fn polling_over_s7comm_is_no_attack() {
    let loaded = load("tests/scenarios/s7-line").unwrap();
    let playing = Match::new(
        &loaded.scenario,
        Seed(1),
        "standard",
        &[],
        SimTime::from_secs(30),
        Chunks::Whole,
    );
    let records = playing.unwrap().play().records;
    let attacked = records
        .iter()
        .any(|record| matches!(record.kind, RecordKind::AttackBegan { .. }));
    assert!(!attacked, "polling is no attack");
}
