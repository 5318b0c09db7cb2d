//! The rubric's file: defaults, places of problems, and the one of `first-watch`.

use grading::{METRICS, Rubric};

fn problem(text: &str) -> (String, u32, u32, String) {
    let problems = Rubric::from_ron(text.as_bytes()).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:#?}");
    let first = &problems[0];
    (
        first.code.to_owned(),
        first.line,
        first.column,
        format!("{}; {}", first.there, first.help),
    )
}

#[test]
fn an_empty_rubric_is_the_default() {
    let rubric = Rubric::from_ron(b"(version: 1)").unwrap();
    assert_eq!(rubric, Rubric::default());
    assert_eq!(rubric.digest(), Rubric::default().digest());
    assert_eq!(rubric.detection.precision_floor, 0.3);
    assert_eq!(rubric.recovery.t_hold_s, 120.0);
    assert_eq!(rubric.safety.rupture_cap_share, 0.2);
}

#[test]
fn numbers_are_taken_and_change_the_digest() {
    let text = b"(version: 1, weights: {\"service\": 40.0}, recovery: (t_hold_s: 60.0))";
    let rubric = Rubric::from_ron(text).unwrap();
    assert_eq!(rubric.weight("service", 20.0), 40.0);
    assert_eq!(rubric.recovery.t_hold_s, 60.0);
    assert_ne!(rubric.digest(), Rubric::default().digest());
}

#[test]
fn mistakes_are_named_with_their_place() {
    let (code, line, column, text) = problem("(version: 1,\n weights: {\"servise\": 1.0})");
    assert_eq!((code.as_str(), line, column), ("E0202", 2, 12));
    assert_eq!(
        text,
        "there is no metric `servise`; did you mean `service`?"
    );
    let (code, line, _, text) = problem("(version: 1,\n detection: (\n  precision_floor: 3.0))");
    assert_eq!((code.as_str(), line), ("E0301", 3));
    assert_eq!(text, "`precision_floor` is 3; write a number from 0 to 1");
    assert_eq!(problem("(version: 2)").0, "E0301");
    assert_eq!(
        problem("(version: 1, safety: (unsafe_gate_s: NaN))").0,
        "E0118"
    );
    assert_eq!(
        problem("(version: 1, safety: (unsafe_gates: 1.0))").0,
        "E0113"
    );
    assert_eq!(problem("").0, "E0104");
    assert_eq!(
        problem("(version: 1, weights: {\"view\": 1.0, \"view\": 2.0})").0,
        "E0201"
    );
}

#[test]
fn shares_of_unknown_objectives_are_found() {
    let mut sources = sim_authored::SourceMap::new();
    let text = b"(version: 1, objectives: {\"blindd\": 0.5})";
    let file = sources.add("rubric.ron", text).unwrap();
    let problems = Rubric::read_for(&sources, file, Some(&["blind", "move"])).unwrap_err();
    assert_eq!(problems[0].there, "there is no objective `blindd`");
    assert_eq!(problems[0].help, "did you mean `blind`?");
    assert!(Rubric::read(&sources, file).is_ok());
}

#[test]
fn the_rubric_of_first_watch_is_valid() {
    let text = include_bytes!("../../../scenarios/first-watch/rubric.ron");
    let rubric = Rubric::from_ron(text).unwrap();
    let blue: f64 = METRICS
        .iter()
        .filter(|kind| kind.side() == grading::Side::Blue)
        .map(|kind| kind.weight(&rubric))
        .sum();
    assert_eq!(blue, 100.0);
}

#[test]
fn metrics_have_unique_ids_and_say_what_they_measure() {
    let mut ids: Vec<&str> = METRICS.iter().map(|kind| kind.id()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), METRICS.len());
    for kind in METRICS {
        assert!(
            kind.summary().ends_with('.') && !kind.title().is_empty(),
            "{}",
            kind.id()
        );
    }
}
