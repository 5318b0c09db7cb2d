//! Bounds, prefixes and order.

use crate::story::{BLUE, Defence, Story, first_watch, metric};
use grading::{Grader, METRICS, Report, Rubric, grade};
use proptest::prelude::*;
use sim_record::{
    AlarmState, EndReason, PlantEvent, PrincipalId, Record, RecordKind, ReportStage, SafetyEvent,
    SimTime,
};

fn json(report: &Report) -> String {
    serde_json::to_string(report).unwrap()
}

#[derive(Clone, Debug)]
enum Step {
    Wait(u8),
    Attack(u8, u8, u8),
    Again(u8),
    Refuse(u8, bool),
    Report(u8, u8, u8, u8, bool),
    Plant(f64, bool, bool, bool),
    Safety(u8, u8),
    View(u8, bool),
    Condition(u8, bool),
    Alarm(u8, u8),
    Event(u8, f64),
    Objective(u8),
}

const TECHNIQUES: [&str; 6] = ["T0836", "T0831", "T0855", "T1692", "T1692.001", "T9999"];
const ASSETS: [&str; 3] = ["plc-1", "sis-1", "hmi-1"];

fn step() -> impl Strategy<Value = Step> {
    let any = any::<u8>;
    prop_oneof![
        4 => (1..40_u8).prop_map(Step::Wait),
        1 => (any(), any(), any()).prop_map(|(a, b, c)| Step::Attack(a % 8, b, c)),
        1 => any().prop_map(|a| Step::Again(a % 8)),
        1 => (any(), prop::bool::ANY).prop_map(|(a, b)| Step::Refuse(a % 8, b)),
        2 => (any(), any(), any(), any(), prop::bool::ANY)
            .prop_map(|(a, b, c, d, e)| Step::Report(a % 10, b, c, d, e)),
        1 => (prop::num::f64::ANY, prop::bool::ANY, prop::bool::ANY, prop::bool::ANY)
            .prop_map(|(q, a, b, c)| Step::Plant(q, a, b, c)),
        1 => (any(), any()).prop_map(|(a, b)| Step::Safety(a, b)),
        1 => (any(), prop::bool::ANY).prop_map(|(a, b)| Step::View(a, b)),
        1 => (any(), prop::bool::ANY).prop_map(|(a, b)| Step::Condition(a, b)),
        1 => (any(), any()).prop_map(|(a, b)| Step::Alarm(a, b)),
        1 => (any(), prop::num::f64::ANY).prop_map(|(a, b)| Step::Event(a, b)),
        1 => any().prop_map(Step::Objective),
    ]
}

fn play(steps: &[Step]) -> Vec<Record> {
    let mut story = Story::new();
    let mut now_s = 0_u64;
    let of = |list: &[&'static str], index: u8| list[usize::from(index) % list.len()];
    for step in steps {
        match step {
            Step::Wait(s) => {
                now_s += u64::from(*s);
                story.run(now_s);
            }
            Step::Attack(n, t, a) => {
                story.attack(u32::from(*n), of(&TECHNIQUES, *t), of(&ASSETS, *a));
            }
            Step::Again(n) => story.attack_again(u32::from(*n)),
            Step::Refuse(n, by_command) => {
                let off = story.firewall_off();
                story.refuse(u32::from(*n), by_command.then_some(off));
            }
            Step::Report(n, stage, a, t, flag) => {
                let stages = [
                    ReportStage::Filed,
                    ReportStage::Updated,
                    ReportStage::Closed,
                ];
                let stage = stages[usize::from(*stage) % 3];
                let (asset, technique) = (of(&ASSETS, *a), of(&TECHNIQUES, *t));
                let began = SimTime::from_secs(now_s.saturating_sub(20));
                story.report_as(u32::from(*n), stage, asset, technique, began, |report| {
                    report.needs_confirmation = *flag;
                    report.closed_as_benign = *flag && stage == ReportStage::Closed;
                });
            }
            Step::Plant(q, a, b, c) => {
                (story.q, story.unsafe_now, story.inhibited, story.tripped) = (*q, *a, *b, *c);
                story.pressure = *q;
            }
            Step::Safety(event, by) => {
                let events = [
                    SafetyEvent::Trip,
                    SafetyEvent::BypassOn,
                    SafetyEvent::BypassOff,
                    SafetyEvent::DemandWhileBypassed,
                ];
                story.safety(
                    events[usize::from(*event) % 4],
                    PrincipalId(u16::from(*by) % 4),
                );
            }
            Step::View(a, good) => {
                story.view(
                    if a % 2 == 0 { "hmi-1" } else { "historian-1" },
                    of(&ASSETS, *a),
                    *good,
                );
            }
            Step::Condition(a, ok) => {
                story.condition(of(&ASSETS, *a), *ok);
            }
            Step::Alarm(a, s) => {
                let states = [
                    AlarmState::Unacknowledged,
                    AlarmState::Normal,
                    AlarmState::Shelved,
                ];
                story.alarm(of(&ASSETS, *a), a % 5, states[usize::from(*s) % 3]);
            }
            Step::Event(kind, loss_kmol) => {
                let loss_kmol = *loss_kmol;
                story.push(RecordKind::PlantEvent(match kind % 4 {
                    0 => PlantEvent::ReliefOpened,
                    1 => PlantEvent::ReliefClosed { loss_kmol },
                    2 => PlantEvent::Damaged {
                        what: "pump".into(),
                    },
                    _ => PlantEvent::Ruptured,
                }));
            }
            Step::Objective(a) => {
                let id = if a % 2 == 0 { "blind" } else { "move" };
                let by = PrincipalId(1);
                story.push(RecordKind::ObjectiveMet {
                    id: id.into(),
                    record: u64::from(*a),
                    by,
                });
            }
        }
    }
    story.command(BLUE, "look around");
    story.end(EndReason::TimeUp);
    story.records
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn scores_stay_within_their_bounds(steps in prop::collection::vec(step(), 0..40)) {
        let rubric = Rubric::default();
        let records = play(&steps);
        let report = grade(rubric.clone(), &records);
        for total in [&report.blue, &report.red] {
            prop_assert!((0.0..=100.0).contains(&total.score), "{total:?}");
        }
        for (kind, metric) in METRICS.iter().zip(&report.metrics) {
            let low = kind.floor(&rubric).min(0.0);
            prop_assert!(metric.points >= low && metric.points <= metric.max, "{metric:?}");
            prop_assert!(metric.max <= kind.weight(&rubric) + 0.5, "{metric:?}");
            prop_assert!(metric.value.is_none_or(f64::is_finite), "{metric:?}");
            for point in &metric.details {
                prop_assert!(point.points.is_finite() && point.max.is_finite());
                prop_assert!(point.evidence.from <= point.evidence.to, "{point:?}");
            }
        }
        prop_assert!(grading::render_text(&report).contains("Defenders"));
        prop_assert!(grading::render_html(&report).ends_with("</html>"));
    }

    /// Live grading with reports in between equals grading the prefix as a recording.
    #[test]
    fn live_and_offline_agree_at_every_prefix(
        steps in prop::collection::vec(step(), 0..25),
        every in 1..60_usize,
    ) {
        let records = play(&steps);
        let mut live = Grader::new(Rubric::default());
        for (index, record) in records.iter().enumerate() {
            live.observe(record);
            if index % every == 0 || index + 1 == records.len() {
                let offline = grade(Rubric::default(), &records[..=index]);
                prop_assert_eq!(json(&live.report()), json(&offline), "after {}", index);
            }
        }
    }

    /// Who files first among equal claims changes numbers of reports, never points.
    #[test]
    fn the_order_of_reports_at_one_instant_changes_no_points(
        claims in prop::collection::vec((0..3_usize, 0..6_usize), 1..8),
        turn in 0..8_usize,
    ) {
        let points = |claims: &[(usize, usize)]| {
            let mut story = Story::new();
            story.run(100);
            for (number, technique) in (1..).zip(["T0836", "T0831", "T1692.001", "T0836"]) {
                story.attack(number, technique, ASSETS[number as usize % 2]);
            }
            story.run(150);
            for (number, (asset, technique)) in (1..).zip(claims) {
                story.report(number, ASSETS[*asset], TECHNIQUES[*technique]);
            }
            let text = "(version: 1, detection: (submit_interval_s: 0.0))";
            let rubric = Rubric::from_ron(text.as_bytes()).unwrap();
            let report = grade(rubric, &story.records);
            metric(&report, "detection").points
        };
        let mut turned = claims.clone();
        turned.rotate_left(turn % claims.len());
        prop_assert!((points(&claims) - points(&turned)).abs() < 0.011);
    }
}

#[test]
fn the_lost_match_agrees_at_every_prefix() {
    let records = first_watch(Defence::None).records;
    let mut live = Grader::new(Rubric::default());
    for (index, record) in records.iter().enumerate() {
        live.observe(record);
        if index % 50 == 0 || index + 1 == records.len() {
            assert_eq!(
                json(&live.report()),
                json(&grade(Rubric::default(), &records[..=index]))
            );
        }
    }
}

/// Floods of every kind leave the state of a grader bounded and its report short.
#[test]
fn floods_stay_bounded() {
    let mut story = Story::new();
    story.run(10);
    for number in 0..3_000_u32 {
        story.attack(number, "T0836", "plc-1");
        story.refuse(number, None);
        story.report(number, "plc-1", "T0836");
        story.alarm(&format!("A-{number}"), 1, AlarmState::Unacknowledged);
        story.view(&format!("hmi-{number}"), "plc-1", false);
        story.condition(&format!("c-{number}"), false);
    }
    story.run(1000).end(EndReason::TimeUp);
    let report = story.grade();
    assert!(report.attacks.len() <= 512 && report.missed.len() <= 64);
    assert!(
        report
            .metrics
            .iter()
            .all(|metric| metric.details.len() <= 160)
    );
    assert!(json(&report).len() < 2_000_000);
}
