//! Behaviour of `te-reactor` beyond its equations: layers, final elements, transmitters, rupture, balances, save.
#![allow(clippy::unwrap_used, clippy::float_cmp)]

mod support;

use std::collections::BTreeMap;

use proptest::prelude::*;
use sim_plant::{RestoreError, SignalKind, plant, signal_count};
use support::{BARE, Rig, index};

const FULL: &[(&str, f64)] = &[("noise", 0.0)];
const STEP_H: f64 = 0.1 / 3600.0;

fn with(base: &[(&'static str, f64)], more: &[(&'static str, f64)]) -> Vec<(&'static str, f64)> {
    let mut merged: BTreeMap<&'static str, f64> = base.iter().copied().collect();
    merged.extend(more.iter().copied());
    merged.into_iter().collect()
}

fn attack(rig: &mut Rig) {
    rig.set("X1", 100.0).set("X3", 0.0);
}

#[test]
fn steady_state_stays_for_an_hour() {
    let mut rig = Rig::bare();
    rig.run_s(3600);
    assert!((rig.truth("P") - 2700.0).abs() < 1e-6, "{}", rig.truth("P"));
    assert!((rig.measured("yA") - 47.0).abs() < 1e-6);
    assert_eq!(rig.truth("Q"), 1.0);
    assert_eq!(rig.plant.status().loss_kmol, 0.0);
}

#[test]
fn override_keeps_full_feed_below_the_trip() {
    let mut rig = Rig::new(&with(FULL, &[("psv_in_service", 0.0)]), "steady", 1);
    attack(&mut rig);
    let (mut peak_kpa, mut was_active) = (0.0_f64, false);
    for _ in 0..36_000 {
        rig.step();
        peak_kpa = peak_kpa.max(rig.truth("P"));
        was_active |= rig.plant.status().override_active;
    }
    assert!(
        was_active && peak_kpa > 2850.0 && peak_kpa < 2900.0,
        "{peak_kpa}"
    );
}

#[test]
fn relief_valve_holds_below_the_rupture_and_counts_its_loss() {
    let mut rig = Rig::new(&with(FULL, &[("override_in_service", 0.0)]), "steady", 1);
    attack(&mut rig);
    let (mut peak_kpa, mut released_kmol, mut pops) = (0.0_f64, 0.0, 0);
    let mut was_open = false;
    for _ in 0..36_000 {
        released_kmol += rig.truth("F_PSV") * STEP_H;
        rig.step();
        peak_kpa = peak_kpa.max(rig.truth("P"));
        let status = rig.plant.status();
        if status.relief_open && !was_open {
            assert!(rig.truth("P") >= 2950.0);
            pops += 1;
        }
        if !status.relief_open && was_open {
            // Blowdown of 7 %: it shuts at 2743.5 kPa.
            assert!((rig.truth("P") - 2743.5).abs() < 0.5, "{}", rig.truth("P"));
        }
        was_open = status.relief_open;
    }
    assert!(
        pops >= 2 && peak_kpa < 2951.0,
        "{pops} pops, {peak_kpa} kPa"
    );
    assert!(released_kmol > 1.0);
    assert!((rig.plant.status().loss_kmol - released_kmol).abs() < 1e-9);
    assert!(!rig.plant.status().damaged);
}

#[test]
fn layers_return_to_service_while_the_plant_runs() {
    let mut rig = Rig::bare();
    attack(&mut rig);
    rig.seconds_to(&[2960.0], 3600, |_| {});
    assert!(!rig.plant.status().relief_open);
    rig.plant.set_disturbance("psv_in_service", 1.0).unwrap();
    assert!(rig.plant.status().relief_open);
    rig.plant
        .set_disturbance("override_in_service", 1.0)
        .unwrap();
    rig.run_s(600);
    assert!(!rig.plant.status().ruptured);
    assert!(rig.plant.status().loss_kmol > 0.0);
}

#[test]
fn rupture_latches_loses_the_inventory_and_kills_every_reading() {
    let mut rig = Rig::bare();
    attack(&mut rig);
    let mut inventory_kmol = 0.0;
    while !rig.plant.status().ruptured {
        inventory_kmol = ["NA", "NB", "NC", "ND"]
            .iter()
            .map(|name| rig.truth(name))
            .sum();
        rig.step();
    }
    let status = rig.plant.status();
    assert!(status.damaged && status.shut_down && !status.override_active);
    assert!(
        (status.loss_kmol - inventory_kmol).abs() < 0.1,
        "{} of {inventory_kmol}",
        status.loss_kmol
    );
    rig.set("X1", 100.0)
        .set("X2", 100.0)
        .set("TRIP_FEED", 1.0)
        .run_s(120);
    assert!(rig.plant.status().ruptured);
    assert_eq!(rig.plant.status().loss_kmol, status.loss_kmol);
    assert_eq!(
        (rig.truth("Q"), rig.truth("dPdt"), rig.truth("P")),
        (0.0, 0.0, 101.325)
    );
    for name in ["F1", "F2", "F3", "F4", "VL", "yA", "X1", "X4"] {
        assert_eq!(rig.truth(name), 0.0, "{name}");
        assert!(rig.measured(name) < 0.01, "{name}");
    }
    assert!((rig.measured("P_B") - 101.325).abs() < 1e-6);
}

#[test]
fn trip_outputs_are_de_energise_to_trip() {
    let mut rig = Rig::bare();
    rig.set("TRIP_FEED", 0.0)
        .set("X1", 100.0)
        .set("X2", 100.0)
        .run_s(60);
    // Six lags of 9.972 s leave 0.25 % of the way: the valves follow their own lag, not the command.
    assert!(rig.truth("X1") < 0.2 && rig.truth("X2") < 0.2);
    assert!((rig.truth("X3") - 39.257_77).abs() < 1e-3);
    assert!(rig.plant.status().tripped && rig.plant.status().shut_down);
    assert_eq!(rig.truth("Q"), 0.0);
    rig.set("TRIP_PURGE", 0.0).run_s(60);
    assert!(rig.truth("X3") > 99.8);
    rig.set("TRIP_FEED", 1.0).set("TRIP_PURGE", 1.0).run_s(60);
    assert!(rig.truth("X1") > 99.7 && (rig.truth("X3") - 39.26).abs() < 0.2);
    assert!(!rig.plant.status().tripped);
}

#[test]
fn valves_move_63_percent_of_the_way_in_one_lag() {
    let mut rig = Rig::bare();
    let from = rig.truth("X3");
    rig.set("X3", 0.0);
    for _ in 0..100 {
        rig.step();
    }
    // 10 s of a lag of 9.972 s.
    let left = rig.truth("X3") / from;
    assert!((left - libm::exp(-10.0 / 9.972)).abs() < 0.003, "{left}");
}

#[test]
fn rate_limit_holds_back_the_command_but_not_the_trip() {
    let mut rig = Rig::new(&with(BARE, &[("x1_rate_pct_per_s", 1.0)]), "steady", 1);
    rig.set("X1", 100.0).run_s(10);
    assert!(rig.truth("X1") < 71.0, "{}", rig.truth("X1"));
    rig.run_s(90);
    assert!(rig.truth("X1") > 99.0);
    rig.set("TRIP_FEED", 0.0).run_s(30);
    assert!(rig.truth("X1") < 6.0, "{}", rig.truth("X1"));
    rig.set("TRIP_FEED", 1.0).run_s(10);
    assert!(
        rig.truth("X1") < 11.0,
        "a reset ramps from shut: {}",
        rig.truth("X1")
    );
}

#[test]
fn failed_valves_take_their_fail_state() {
    for (choice, reached_pct) in [(0.0, 60.953_27), (1.0, 0.0), (2.0, 100.0)] {
        let mut rig = Rig::new(&with(FULL, &[("x1_fail", choice)]), "steady", 1);
        rig.plant
            .actuator_fail(index(SignalKind::Actuator, "X1"), true);
        rig.set("X1", 20.0).run_s(60);
        assert!(
            (rig.truth("X1") - reached_pct).abs() < 0.3,
            "{choice}: {}",
            rig.truth("X1")
        );
        rig.plant
            .actuator_fail(index(SignalKind::Actuator, "X1"), false);
        rig.run_s(120);
        assert!((rig.truth("X1") - 20.0).abs() < 0.1);
    }
}

#[test]
fn a_trip_shuts_a_feed_valve_whose_signal_is_lost() {
    let mut rig = Rig::new(&with(BARE, &[("x1_fail", 2.0)]), "steady", 1);
    rig.plant
        .actuator_fail(index(SignalKind::Actuator, "X1"), true);
    rig.set("TRIP_FEED", 0.0).run_s(90);
    assert!(rig.truth("X1") < 0.1);
}

#[test]
fn a_broken_trip_wire_trips() {
    let mut rig = Rig::bare();
    rig.plant
        .actuator_fail(index(SignalKind::Actuator, "TRIP_FEED"), true);
    rig.set("TRIP_FEED", 1.0).run_s(60);
    assert!(rig.plant.status().tripped && rig.truth("X1") < 0.2);
}

#[test]
fn level_setpoint_moves_the_product_valve() {
    let mut rig = Rig::bare();
    rig.set("VL_sp", 60.0).run_s(7200);
    let loop_output_pct = 47.030_248_234_576_51 - 1.4 * (60.0 - rig.truth("VL"));
    assert!(
        (rig.truth("X4") - loop_output_pct).abs() < 0.1,
        "{}",
        rig.truth("X4")
    );
    assert!(rig.truth("VL") > 58.0);
}

#[test]
fn q_follows_pressure_product_and_composition() {
    let mut rig = Rig::bare();
    attack(&mut rig);
    rig.seconds_to(&[2887.5], 3600, |_| {});
    // Half-way between 75 and 300 kPa above 2700.
    assert!(
        (rig.truth("Q_P") - 0.5).abs() < 0.005,
        "{}",
        rig.truth("Q_P")
    );
    let product = rig.truth("Q_P") * rig.truth("Q_F4") * rig.truth("Q_yA");
    assert_eq!(rig.truth("Q"), product);

    let mut rig = Rig::bare();
    rig.plant.set_disturbance("order", 80.0).unwrap();
    // 100 against 80 is 25 % off: (50 - 25) / (50 - 5) of the service is left.
    assert!((rig.truth("Q_F4") - 25.0 / 45.0).abs() < 1e-9);
    assert_eq!(rig.truth("order"), 80.0);
    assert_eq!(rig.truth("Q_P"), 1.0);

    let mut rig = Rig::bare();
    rig.plant.set_disturbance("feed1_yA", 0.42).unwrap();
    rig.run_s(3600);
    let off_points = 47.0 - rig.truth("yA");
    assert!((rig.truth("Q_yA") - ((15.0 - off_points) / 10.0).clamp(0.0, 1.0)).abs() < 1e-9);
    assert!(off_points > 5.0 && off_points < 15.0, "{off_points}");
}

#[test]
fn a_shut_feed_serves_nothing_although_product_still_flows() {
    let mut rig = Rig::bare();
    rig.set("X1", 0.0).run_s(60);
    assert!(rig.plant.status().shut_down && !rig.plant.status().tripped);
    assert!(rig.truth("F4") > 95.0);
    assert_eq!(rig.truth("Q"), 0.0);
}

#[test]
fn tripped_state_starts_safe_and_empty_of_feed() {
    let mut rig = Rig::new(FULL, "tripped", 5);
    let status = rig.plant.status();
    assert!(status.tripped && status.shut_down && status.loss_kmol == 0.0);
    assert!(
        rig.truth("P") < 1300.0 && rig.truth("P") > 1100.0,
        "{}",
        rig.truth("P")
    );
    assert_eq!(rig.truth("Q"), 0.0);
    // Resetting the trip feeds nothing by itself: the valves were lined up shut.
    rig.set("TRIP_FEED", 1.0).set("TRIP_PURGE", 1.0).run_s(60);
    assert!(rig.truth("F1") < 0.01);
}

#[test]
fn disturbances_are_checked() {
    let mut rig = Rig::bare();
    assert_eq!(
        rig.plant
            .set_disturbance("ordr", 90.0)
            .unwrap_err()
            .to_string(),
        "no disturbance `ordr`"
    );
    assert_eq!(
        rig.plant
            .set_disturbance("order", f64::NAN)
            .unwrap_err()
            .to_string(),
        "disturbance `order` is NaN; it takes 20 to 200"
    );
    rig.plant.set_disturbance("feed1_yB", 0.02).unwrap();
    rig.run_s(1800);
    assert!(
        rig.truth("yB") > 15.0,
        "more inert in the feed gathers: {}",
        rig.truth("yB")
    );
}

#[test]
fn commands_that_mean_nothing_change_nothing() {
    let mut rig = Rig::bare();
    let before = rig.plant.save();
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        rig.set("X1", value);
    }
    rig.plant.actuator(6, 50.0);
    rig.plant.actuator(usize::MAX, 50.0);
    rig.plant.actuator_fail(usize::MAX, true);
    assert_eq!(rig.plant.save(), before);
    rig.set("X1", 1e300).run_s(300);
    assert!(rig.truth("X1") <= 100.0);
}

#[test]
fn noise_is_seeded_bounded_and_separate_for_each_transmitter() {
    let readings = |seed: u64| {
        let mut rig = Rig::new(&[], "steady", seed);
        let mut rows = Vec::new();
        for _ in 0..2000 {
            rig.step();
            rows.push([
                rig.measured("P"),
                rig.measured("P_A"),
                rig.measured("P_B"),
                rig.measured("F4"),
            ]);
        }
        rows
    };
    let first = readings(1);
    assert_eq!(first, readings(1));
    assert_ne!(first, readings(2));
    assert!(first.iter().all(|[p, a, b, _]| p != a && a != b));
    let deviations: Vec<f64> = first.iter().map(|row| row[1] - 2700.0).collect();
    let mean = deviations.iter().sum::<f64>() / 2000.0;
    let sd = (deviations.iter().map(|d| d * d).sum::<f64>() / 2000.0).sqrt();
    assert!(
        mean.abs() < 0.1 && (sd - 1.0).abs() < 0.1,
        "mean {mean}, sd {sd}"
    );
    assert!(
        deviations.iter().all(|d| d.abs() <= 3.465),
        "bounded by 2 sqrt(3)"
    );
}

#[test]
fn transmitters_lag_and_keep_to_their_range() {
    let mut rig = Rig::bare();
    attack(&mut rig);
    rig.run_s(120);
    let behind_kpa = rig.truth("P") - rig.measured("P");
    // A ramp is followed one lag (0.5 s) behind, less half a step of sampling.
    let expected_kpa = rig.truth("dPdt") / 60.0 * 0.5;
    assert!(
        (behind_kpa - expected_kpa).abs() < 0.1 * expected_kpa + 0.01,
        "{behind_kpa} {expected_kpa}"
    );
    // The analyser shows what was so one lag, 10 s, ago.
    let mut rig = Rig::bare();
    rig.set("X2", 100.0).run_s(120);
    let ten_seconds_ago = rig.truth("yA");
    rig.run_s(10);
    let moved = (rig.truth("yA") - ten_seconds_ago).abs();
    assert!(moved > 0.01, "{moved}");
    assert!((rig.measured("yA") - ten_seconds_ago).abs() < 0.1 * moved);

    let mut noisy = Rig::new(&[("noise", 10.0)], "tripped", 3);
    for _ in 0..2000 {
        noisy.step();
        assert!((0.0..=100.0).contains(&noisy.measured("X1")));
    }
}

#[test]
fn moles_balance_through_moves_trip_and_relief() {
    let mut rig = Rig::new(&with(FULL, &[("override_in_service", 0.0)]), "steady", 1);
    let inventory = |rig: &Rig| ["NA", "NB", "NC", "ND"].map(|name| rig.truth(name));
    let start = inventory(&rig);
    let mut gained = [0.0; 4];
    for step in 0..60_000 {
        match step {
            1000 => attack(&mut rig),
            20_000 => {
                rig.set("X1", 40.0).set("X2", 60.0).set("VL_sp", 20.0);
            }
            40_000 => {
                rig.set("TRIP_FEED", 0.0).set("TRIP_PURGE", 0.0);
            }
            _ => {}
        }
        let out = rig.truth("F3") + rig.truth("F_PSV");
        let [f1, f2, f4, r] = ["F1", "F2", "F4", "r"].map(|name| rig.truth(name));
        let [ya, yb, yc] = ["yA", "yB", "yC"].map(|name| rig.truth(name) / 100.0);
        let rates = [
            0.485 * f1 + f2 - ya * out - r,
            0.005 * f1 - yb * out,
            0.51 * f1 - yc * out - r,
            r - f4,
        ];
        for (sum, rate) in gained.iter_mut().zip(rates) {
            *sum += rate * STEP_H;
        }
        rig.step();
    }
    assert!(rig.plant.status().loss_kmol > 0.0);
    for ((end, start), gained) in inventory(&rig).iter().zip(start).zip(gained) {
        assert!(
            (end - start - gained).abs() < 1e-8,
            "{end} - {start} is not {gained}"
        );
    }
}

#[test]
fn a_saved_state_goes_on_bit_for_bit() {
    let mut rig = Rig::new(
        &[("psv_blowdown_pct", 2.0), ("x3_rate_pct_per_s", 3.0)],
        "steady",
        42,
    );
    rig.plant.set_disturbance("order", 110.0).unwrap();
    attack(&mut rig);
    for checkpoint_s in [1, 60, 400] {
        rig.run_s(checkpoint_s);
        let saved = rig.plant.save();
        let mut other = Rig::new(&[], "tripped", 7);
        other.plant.restore(&saved).unwrap();
        assert_eq!(other.plant.save(), saved);
        assert_eq!(other.truth("F_PSV"), rig.truth("F_PSV"));
        let mut twin = Rig {
            plant: rig.plant.boxed_clone(),
            steps: 0,
        };
        for rig in [&mut other, &mut twin] {
            rig.set("X2", 90.0).run_s(300);
        }
        assert_eq!(other.plant.save(), twin.plant.save());
        assert_eq!(other.plant.status(), twin.plant.status());
    }
}

#[test]
fn a_state_saved_between_a_disturbance_and_the_next_step_goes_on_too() {
    let mut rig = Rig::new(&with(BARE, &[("psv_in_service", 1.0)]), "steady", 1);
    attack(&mut rig);
    while !rig.plant.status().relief_open {
        rig.step();
    }
    rig.plant.set_disturbance("psv_in_service", 0.0).unwrap();
    rig.plant.set_disturbance("feed1_yA", 0.5).unwrap();
    let mut other = Rig::bare();
    other.plant.restore(&rig.plant.save()).unwrap();
    for rig in [&mut rig, &mut other] {
        rig.run_s(10);
    }
    assert_eq!(rig.plant.save(), other.plant.save());
}

#[test]
fn a_ruptured_plant_stays_ruptured_through_a_save() {
    let mut rig = Rig::bare();
    attack(&mut rig);
    rig.run_s(400);
    let mut other = Rig::bare();
    other.plant.restore(&rig.plant.save()).unwrap();
    assert_eq!(other.plant.status(), rig.plant.status());
    assert!(other.plant.status().ruptured);
}

#[test]
fn foreign_or_torn_states_are_refused_and_change_nothing() {
    let mut rig = Rig::bare();
    rig.run_s(5);
    let good = rig.plant.save();
    let mut long = good.clone();
    long.push(0);
    let mut nan = good.clone();
    let moles_at = b"te-reactor\x01".len() + 15 * 8 + 2 * 8;
    nan[moles_at..moles_at + 8].copy_from_slice(&f64::NAN.to_le_bytes());
    let mut burst = good.clone();
    burst[moles_at..moles_at + 8].copy_from_slice(&900.0_f64.to_le_bytes());
    let cases: [(&[u8], RestoreError); 6] = [
        (b"", RestoreError::Header),
        (b"te-reactor\x02", RestoreError::Header),
        (&good[..good.len() - 1], RestoreError::Length),
        (&long, RestoreError::Length),
        (&nan, RestoreError::Value { what: "inventory" }),
        (&burst, RestoreError::Value { what: "pressure" }),
    ];
    for (bytes, error) in cases {
        assert_eq!(rig.plant.restore(bytes), Err(error));
        assert_eq!(rig.plant.save(), good);
    }
}

/// One command a player might send at a moment: which actuator, what value, how long until the next.
fn commands() -> impl Strategy<Value = Vec<(usize, f64, u16)>> {
    prop::collection::vec((0_usize..7, -50.0_f64..150.0, 0_u16..3000), 1..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// However a run is cut, read and cloned between its steps, it ends in the same bytes.
    #[test]
    fn results_do_not_depend_on_how_calls_are_batched(script in commands(), seed: u64, chunk in 1_u16..50) {
        let mut plain = Rig::new(&[], "steady", seed);
        let mut fussy = Rig::new(&[], "steady", seed);
        for (actuator, value, steps) in script {
            plain.plant.actuator(actuator, value);
            fussy.plant.actuator(actuator, value);
            for _ in 0..steps {
                plain.plant.step();
            }
            for step in 0..steps {
                if step % chunk == 0 {
                    fussy.plant.actuator(actuator, value);
                    fussy.plant = fussy.plant.boxed_clone();
                    let before = fussy.plant.measurement(0);
                    prop_assert_eq!(before, fussy.plant.measurement(0));
                }
                fussy.plant.step();
                fussy.plant.truth(usize::from(step % 30));
            }
        }
        prop_assert_eq!(plain.plant.save(), fussy.plant.save());
    }

    /// No command leads to a number that is not finite, a negative inventory, or a state that cannot be saved.
    #[test]
    fn no_command_breaks_the_plant(script in commands(), layers in 0.0_f64..1.0, initial in 0_usize..2) {
        let on = libm::round(layers);
        let kind = plant("te-reactor").unwrap();
        let initial = kind.initial_states()[initial];
        let mut rig = Rig::new(&[("override_in_service", on), ("psv_in_service", on)], initial, 1);
        for (actuator, value, steps) in script {
            rig.plant.actuator(actuator, value);
            for _ in 0..steps {
                rig.plant.step();
            }
            for truth in 0..signal_count(kind, SignalKind::Truth) {
                prop_assert!(rig.plant.truth(truth).is_finite());
            }
            for name in ["NA", "NB", "NC", "ND", "r", "F1", "F3", "F4"] {
                prop_assert!(rig.truth(name) >= 0.0, "{} {}", name, rig.truth(name));
            }
            prop_assert!((0.0..=1.0).contains(&rig.truth("Q")));
            let saved = rig.plant.save();
            prop_assert_eq!(rig.plant.restore(&saved), Ok(()));
        }
    }

    /// Whatever bytes a saved state is made into, restoring it neither panics nor leads to numbers that are not.
    #[test]
    fn mutated_states_never_panic(at in 0_usize..720, byte: u8, more in prop::collection::vec((0_usize..720, any::<u8>()), 0..8)) {
        let mut rig = Rig::bare();
        let mut bytes = rig.plant.save();
        for (at, byte) in more.into_iter().chain([(at, byte)]) {
            if let Some(slot) = bytes.get_mut(at) {
                *slot = byte;
            }
        }
        if rig.plant.restore(&bytes).is_ok() {
            rig.run_s(60);
            for truth in 0..29 {
                prop_assert!(rig.plant.truth(truth).is_finite());
            }
        }
    }
}
