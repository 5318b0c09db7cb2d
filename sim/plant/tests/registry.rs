//! The registry and what each plant declares.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use sim_plant::{BuildError, PLANTS, SignalKind, plant, signal_count, signal_index, signal_spec};

#[test]
fn ids_are_sorted_unique_and_found() {
    let ids: Vec<_> = PLANTS.iter().map(|kind| kind.id()).collect();
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(ids, sorted);
    for id in ids {
        assert_eq!(plant(id).unwrap().id(), id);
    }
    assert!(plant("te-Reactor").is_none());
}

#[test]
fn declarations_are_complete_and_unambiguous() {
    for kind in PLANTS {
        assert!(!kind.summary().is_empty());
        let mut names = BTreeSet::new();
        for spec in kind.signals() {
            assert!(names.insert((spec.kind, spec.name)), "{} twice", spec.name);
            assert!(
                !spec.summary.is_empty() && spec.min < spec.max,
                "{}",
                spec.name
            );
        }
        for spec in kind.params().iter().chain(kind.disturbances()) {
            assert!(
                !spec.summary.is_empty() && spec.accepts(spec.default),
                "{}",
                spec.name
            );
            assert!(
                !spec.accepts(f64::NAN) && !spec.accepts(f64::INFINITY),
                "{}",
                spec.name
            );
        }
        for list in [kind.params(), kind.disturbances()] {
            let unique: BTreeSet<_> = list.iter().map(|spec| spec.name).collect();
            assert_eq!(unique.len(), list.len());
        }
        assert!(!kind.initial_states().is_empty());
    }
}

#[test]
fn every_declared_signal_has_a_value_and_no_other_has() {
    for kind in PLANTS {
        for initial in kind.initial_states() {
            let built = kind.build(&BTreeMap::new(), initial, 3).unwrap();
            assert_eq!(built.step_us() % 1000, 0);
            let measurements = signal_count(*kind, SignalKind::Measurement);
            let truths = signal_count(*kind, SignalKind::Truth);
            for index in 0..measurements {
                let spec = signal_spec(*kind, SignalKind::Measurement, index).unwrap();
                assert!(
                    (spec.min..=spec.max).contains(&built.measurement(index)),
                    "{}",
                    spec.name
                );
                // The truths begin with the measured values, in the order of the measurements.
                assert_eq!(
                    signal_index(*kind, SignalKind::Truth, spec.name),
                    Some(index)
                );
            }
            for index in 0..truths {
                let spec = signal_spec(*kind, SignalKind::Truth, index).unwrap();
                assert!(
                    (spec.min..=spec.max).contains(&built.truth(index)),
                    "{}",
                    spec.name
                );
            }
            assert!(built.measurement(measurements).is_nan());
            assert!(built.truth(truths).is_nan());
            assert!(built.truth(usize::MAX).is_nan());
        }
    }
}

#[test]
fn te_reactor_has_the_signals_that_scenarios_bind() {
    let kind = plant("te-reactor").unwrap();
    let names = |wanted: SignalKind| -> Vec<&str> {
        kind.signals()
            .iter()
            .filter(|spec| spec.kind == wanted)
            .map(|spec| spec.name)
            .collect()
    };
    assert_eq!(
        names(SignalKind::Measurement),
        [
            "P", "F1", "F2", "F3", "F4", "VL", "yA", "yB", "yC", "X1", "X2", "X3", "X4", "P_A",
            "P_B", "P_C"
        ]
    );
    assert_eq!(
        names(SignalKind::Actuator),
        ["X1", "X2", "X3", "VL_sp", "TRIP_FEED", "TRIP_PURGE"]
    );
    assert_eq!(kind.initial_states(), ["steady", "tripped"]);
}

#[test]
fn wrong_parameters_are_refused_in_words() {
    let kind = plant("te-reactor").unwrap();
    let refused = |name: &str, value: f64, initial: &str| {
        kind.build(&BTreeMap::from([(name.to_owned(), value)]), initial, 1)
            .err()
            .unwrap()
    };
    assert_eq!(
        refused("nois", 1.0, "steady").to_string(),
        "no parameter `nois`"
    );
    assert_eq!(
        refused("noise", -1.0, "steady").to_string(),
        "parameter `noise` is -1; it takes 0 to 10"
    );
    assert_eq!(
        refused("x1_fail", 0.5, "steady").to_string(),
        "parameter `x1_fail` is 0.5; it takes 0 to 2, whole numbers only"
    );
    assert!(matches!(
        refused("noise", f64::NAN, "steady"),
        BuildError::ParamValue { name: "noise", .. }
    ));
    assert_eq!(
        refused("noise", 1.0, "cold").to_string(),
        "no initial state `cold`; there is steady, tripped"
    );
}
