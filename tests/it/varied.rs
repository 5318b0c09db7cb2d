//! `first-watch-varied`: whatever the seed draws, the match is the same match.

use grading::{Report, grade};
use sim_record::{AlarmState, PlantEvent, Record, RecordKind, Seed, SimTime};
use sim_scenario::model::Scenario;
use std::collections::BTreeSet;
use std::sync::LazyLock;
use tests::play::{Chunks, Match};
use tests::scenario::{Loaded, load};

/// Seeds over which each promise holds.
const SEEDS: std::ops::Range<u64> = 0..20;

static VARIED: LazyLock<Loaded> = LazyLock::new(|| load("scenarios/first-watch-varied").unwrap());

/// The records of a match.
fn play(cast: &str, seed: u64) -> Vec<Record> {
    let scenario = &VARIED.scenario;
    let playing = Match::new(scenario, Seed(seed), cast, &[], SimTime::MAX, Chunks::Whole);
    playing.unwrap().play().records
}

fn score(records: &[Record]) -> Report {
    grade(VARIED.rubric.clone(), records)
}

fn is_ruptured(records: &[Record]) -> bool {
    let mut kinds = records.iter().map(|record| &record.kind);
    kinds.any(|kind| matches!(kind, RecordKind::PlantEvent(PlantEvent::Ruptured)))
}

#[test]
fn seeds_differ_in_addresses_registers_tags_start_and_branch() {
    let drawn: Vec<Scenario> = SEEDS
        .map(|seed| VARIED.scenario.instantiate(Seed(seed)))
        .collect();
    let count =
        |of: &dyn Fn(&Scenario) -> String| drawn.iter().map(of).collect::<BTreeSet<_>>().len();
    assert_eq!(count(&|s| format!("{:?}", s.hosts)), drawn.len());
    assert_eq!(count(&|s| format!("{:?}", s.tags.keys())), drawn.len());
    assert!(count(&|s| s.tags["SIS-1.MOS"].address.to_string()) > 10);
    assert!(count(&|s| s.actors["red-standard"].script.steps[0].at_s.to_string()) > 10);
    assert_eq!(count(&|s| s.casts["standard"].actors[0].clone()), 2);
}

#[test]
fn a_quiet_afternoon_stays_quiet() {
    for seed in SEEDS {
        let latent = VARIED.scenario.instantiate(Seed(seed)).latent;
        let detections: BTreeSet<&String> = latent.iter().flat_map(|l| &l.detections).collect();
        let alarms: BTreeSet<&String> = latent.iter().flat_map(|l| &l.alarms).collect();
        let records = play("no-red", seed);
        for record in &records {
            match &record.kind {
                RecordKind::Detection { rule, .. } => {
                    assert!(detections.contains(rule), "seed {seed}: {record:?}");
                }
                RecordKind::Alarm { alarm, state, .. } if *state != AlarmState::Normal => {
                    assert!(alarms.contains(alarm), "seed {seed}: {record:?}");
                }
                RecordKind::AttackBegan { .. } | RecordKind::PlantEvent(_) => {
                    panic!("seed {seed}: {record:?}");
                }
                _ => {}
            }
        }
    }
}

#[test]
fn every_attack_ends_in_damage_unless_somebody_defends() {
    for seed in SEEDS {
        let (alone, defended) = (play("no-blue", seed), play("standard", seed));
        assert!(is_ruptured(&alone), "seed {seed}: the attack fails");
        assert!(!is_ruptured(&defended), "seed {seed}: the defence fails");
        let (lost, won) = (score(&alone), score(&defended));
        assert!(lost.blue.score < won.blue.score, "seed {seed}");
    }
}

#[test]
fn a_healthy_safety_layer_trips_in_both_branches() {
    for seed in SEEDS {
        assert!(!is_ruptured(&play("sis-healthy", seed)), "seed {seed}");
    }
}

#[test]
fn a_recited_solution_is_worth_less_than_honest_work_and_prevention_more() {
    let mean = |cast: &str| {
        let scores = SEEDS.map(|seed| score(&play(cast, seed)).blue.score);
        scores.sum::<f64>() / 20.0
    };
    let (recited, novice, prevention) = (mean("recited"), mean("standard"), mean("prevention"));
    assert!(recited + 5.0 < novice, "{recited} of {novice}");
    assert!(novice + 5.0 < prevention, "{novice} of {prevention}");
}
