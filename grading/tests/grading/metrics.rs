//! Each metric as a table of records and values.

use crate::story::{BLUE, Defence, RED, Story, WHITE, first_watch, metric};
use sim_record::{
    AlarmState, EndReason, PlantEvent, PrincipalId, RecordKind, ReportStage, SafetyEvent, SimTime,
};

fn close_to(value: f64, expected: f64) {
    assert!(
        (value - expected).abs() < 0.011,
        "{value} is not {expected}"
    );
}

#[test]
fn service_is_production_and_time_in_specification() {
    let mut story = Story::new();
    story.run(100);
    story.q = 0.5;
    story.run(200).run(200);
    story.q = 1.0;
    story.run(400);
    let report = story.grade();
    let service = metric(&report, "service");
    // 100 of 400 s at half production: 87.5 %; off specification for 100 of 400 s.
    close_to(service.value.unwrap(), 0.875);
    close_to(service.points, 14.0 * 0.875 + 6.0 * 0.75);
    assert_eq!(service.details[0].evidence.from, SimTime::from_secs(101));
    assert_eq!(service.details[0].evidence.to, SimTime::from_secs(201));
    assert!(
        report
            .records
            .contains_key(&service.details[0].evidence.records[0])
    );
}

#[test]
fn production_that_nobody_sees_does_not_count() {
    let mut story = Story::new();
    story.run(100);
    story.view("hmi-1", "plc-1", false);
    story.run(200);
    story.view("hmi-1", "plc-1", true);
    story.run(300);
    // A historian's gap costs view points, but operators still see.
    story.view("historian-1", "plc-1", false);
    story.run(400);
    let report = story.grade();
    close_to(metric(&report, "service").value.unwrap(), 0.7525);
    assert_eq!(metric(&report, "view").value, Some(200.0));
    close_to(metric(&report, "view").points, 6.0 - 200.0 * 0.02);
}

#[test]
fn a_destroyed_plant_loses_the_rest_of_the_order() {
    let mut story = Story::new();
    story.run(810);
    story.rupture();
    let report = story.grade();
    close_to(metric(&report, "service").value.unwrap(), 0.5);
    assert_eq!(metric(&report, "damage").points, 0.0);
    assert!(report.blue.score <= 20.0);
    assert_eq!(report.blue.caps[0].limit, 20.0);
    assert!(
        report
            .headline
            .starts_with("The plant was destroyed at 13:30")
    );
}

/// reference: analytic R = 0.7333 for a loss of 24 Q-seconds over 90 s.
#[test]
fn resilience_is_the_integral_of_lost_performance_since_the_first_attack() {
    let mut story = Story::new();
    story.q = 0.2;
    story.run(10);
    story.q = 1.0;
    story.run(20);
    story.attack(1, "T0836", "plc-1");
    story.q = 0.6;
    story.run(80);
    story.q = 1.0;
    story.run(110);
    let r = metric(&story.grade(), "resilience").value.unwrap();
    assert!((r - (1.0 - 24.0 / 90.0)).abs() < 0.006, "{r}");
}

#[test]
fn unsafe_seconds_cost_and_cap_the_total() {
    let mut story = Story::new();
    story.run(100);
    story.unsafe_now = true;
    story.run(160);
    story.unsafe_now = false;
    story.run(1620).end(EndReason::TimeUp);
    let report = story.grade();
    assert_eq!(metric(&report, "safety").value, Some(60.0));
    close_to(metric(&report, "safety").points, 14.0);
    // 60 of 600 s: a tenth of the way from 100 to 20.
    assert_eq!(report.blue.caps[0].limit, 92.0);
    assert!(report.blue.score <= 92.0);
}

#[test]
fn a_trip_costs_no_safety_points_and_a_permitted_proof_test_neither() {
    let mut story = Story::new();
    story.run(10);
    story.safety(SafetyEvent::Trip, PrincipalId::RANGE);
    story.run(20);
    story.safety(SafetyEvent::BypassOn, WHITE);
    story.alarm("BYPASS", 1, AlarmState::Unacknowledged);
    story.inhibited = true;
    story.run(600);
    let report = story.grade();
    assert_eq!(metric(&report, "safety").points, 20.0);
    assert!(
        metric(&report, "safety")
            .reason
            .contains("Trips and shutdowns: 1")
    );
}

#[test]
fn relief_and_damage_cost_by_their_rates() {
    let mut story = Story::new();
    story.run(10);
    story.push(RecordKind::PlantEvent(PlantEvent::ReliefOpened));
    story.push(RecordKind::PlantEvent(PlantEvent::ReliefClosed {
        loss_kmol: 2.0,
    }));
    story.push(RecordKind::PlantEvent(PlantEvent::ReliefClosed {
        loss_kmol: 5.0,
    }));
    story.push(RecordKind::PlantEvent(PlantEvent::Damaged {
        what: "pump P-1".into(),
    }));
    let report = story.grade();
    // 1 for the opening, 5 kmol at 0.2 in all, 5 for the pump.
    close_to(metric(&report, "damage").points, 10.0 - 1.0 - 1.0 - 5.0);
    assert_eq!(metric(&report, "damage").value, Some(5.0));
}

#[test]
fn blocked_traffic_of_others_costs_and_of_red_does_not() {
    let blocked = |by| {
        let mut story = Story::new();
        story.run(10);
        for _ in 0..20 {
            story.push(RecordKind::Blocked {
                router: "fw-1".into(),
                rule: String::new(),
                src: 1,
                dst: 2,
                port: 502,
                by,
                frame: 5,
            });
        }
        metric(&story.grade(), "conduits").points
    };
    close_to(blocked(WHITE), 3.0);
    close_to(blocked(RED), 4.0);
}

/// One attack T0836 on plc-1 at 100 s; points of one report of it, filed as told.
fn detection_points(write: impl FnOnce(&mut Story)) -> f64 {
    let mut story = Story::new();
    story.run(100);
    story.attack(1, "T0836", "plc-1");
    write(&mut story);
    let end_s = story.records.last().unwrap().time.0 / 1_000_000 + 1;
    story.run(end_s.max(1620));
    metric(&story.grade(), "detection").points
}

#[test]
fn detection_needs_asset_technique_time_and_own_evidence() {
    let at = SimTime::from_secs;
    close_to(
        detection_points(|story| {
            story.report(1, "plc-1", "T0836");
        }),
        15.0,
    );
    // The full points come from 60 % of the value, so that a late report alone still earns them.
    close_to(
        detection_points(|story| {
            story.run(100 + 300);
            story.report_as(1, ReportStage::Filed, "plc-1", "T0836", at(100), |_| {});
        }),
        15.0,
    );
    close_to(
        detection_points(|story| {
            story.run(100 + 540);
            story.report_as(1, ReportStage::Filed, "plc-1", "T0836", at(640), |_| {});
        }),
        15.0 * (1.0 - 0.6 * 0.9) * 0.8 / 0.6,
    );
    // After the window, without evidence, dismissed: true, but nothing earned and nothing lost.
    close_to(
        detection_points(|story| {
            story.run(701);
            story.report(1, "plc-1", "T0836");
        }),
        0.0,
    );
    close_to(
        detection_points(|story| {
            story.report_as(1, ReportStage::Filed, "plc-1", "T0836", at(100), |r| {
                r.evidence.clear()
            });
        }),
        0.0,
    );
    close_to(
        detection_points(|story| {
            story.report_as(1, ReportStage::Closed, "plc-1", "T0836", at(100), |r| {
                r.closed_as_benign = true;
            });
        }),
        0.0,
    );
    // Wrong asset or technique: false.
    close_to(
        detection_points(|story| {
            story.report(1, "sis-1", "T0836");
        }),
        -1.0,
    );
    close_to(
        detection_points(|story| {
            story.report(1, "plc-1", "T0843");
        }),
        -1.0,
    );
    // Uncertain and closed by asking: cheaper.
    close_to(
        detection_points(|story| {
            story.report_as(1, ReportStage::Filed, "sis-1", "T0836", at(100), |r| {
                r.needs_confirmation = true;
            });
            story.report_as(1, ReportStage::Closed, "sis-1", "T0836", at(100), |r| {
                r.closed_as_benign = true;
            });
        }),
        -0.25,
    );
}

#[test]
fn a_report_before_the_attack_is_false_and_duplicates_merge() {
    let mut story = Story::new();
    story.run(50);
    story.report(1, "plc-1", "T0836");
    story.run(100);
    story.attack(1, "T0836", "plc-1");
    story.run(130);
    story.report(2, "plc-1", "T0836");
    story.run(160);
    story.report(3, "plc-1", "T0836");
    for (number, at_s) in [(4, 190), (5, 220), (6, 250)] {
        story.run(at_s);
        story.report(number, "hmi-1", "T0814");
    }
    let report = story.grade();
    let detection = metric(&report, "detection");
    // Full credit less two false claims: the one before the attack, and one that came three times.
    close_to(detection.points, 15.0 - 2.0);
    assert_eq!(report.attacks[0].report, Some(2));
}

#[test]
fn revoked_ids_and_parents_are_accepted() {
    let points = |technique: &str| {
        let mut story = Story::new();
        story.run(100);
        story.attack(1, "T1692.001", "sis-1");
        story.run(400);
        story.report_as(
            1,
            ReportStage::Filed,
            "sis-1",
            technique,
            SimTime::from_secs(100),
            |_| {},
        );
        metric(&story.grade(), "detection").details[0]
            .reason
            .clone()
    };
    assert!(points("T0855").contains("report 1"));
    assert!(points("T1692").contains("names the parent"));
    assert!(points("T1692.002").contains("not reported"));
}

#[test]
fn the_latent_condition_is_never_false_and_earns_hygiene() {
    let mut story = Story::new();
    story.run(30);
    story.report(1, "sis-1", "T0858");
    story.run(100);
    let report = story.grade();
    let detection = metric(&report, "detection");
    assert_eq!((detection.points, detection.max), (0.5, 0.5));
    assert_eq!(report.blue.score, 100.0);
}

#[test]
fn what_is_not_visible_cannot_be_credited_and_is_flagged() {
    let mut story = Story::new();
    story.run(100);
    let shown = story.command(RED, "read a file on vendor-1");
    story.push(RecordKind::AttackBegan {
        attack: 1,
        technique: "T0893".into(),
        asset: "vendor-1".into(),
        by: RED,
        record: shown,
        visible: false,
    });
    story.run(130);
    story.report(1, "vendor-1", "T0893");
    let report = story.grade();
    assert_eq!(metric(&report, "detection").points, 0.0);
    assert_eq!(report.attacks[0].visible_us, None);
    assert!(
        report.flags[0]
            .text
            .contains("before anything of that attack was visible")
    );
}

#[test]
fn a_shipped_detection_makes_an_attack_visible() {
    let mut story = Story::new();
    story.run(100);
    let shown = story.command(RED, "spoof");
    story.push(RecordKind::AttackBegan {
        attack: 1,
        technique: "T0830".into(),
        asset: "hmi-1".into(),
        by: RED,
        record: shown,
        visible: false,
    });
    story.run(150);
    story.push(RecordKind::Detection {
        rule: "arp-change".into(),
        asset: "hmi-1".into(),
        technique: "T0830".into(),
        text: "address changed".into(),
        frame: 77,
    });
    assert_eq!(
        story.grade().attacks[0].visible_us,
        Some(SimTime::from_secs(150))
    );
}

#[test]
fn submitting_too_fast_earns_nothing_and_is_flagged() {
    let mut story = Story::new();
    story.run(100);
    story.attack(1, "T0836", "plc-1");
    story.attack(2, "T0831", "plc-1");
    story.run(110);
    story.report(1, "plc-1", "T0836");
    story.run(120);
    story.report(2, "plc-1", "T0831");
    let report = story.grade();
    assert_eq!(report.attacks[0].report, Some(1));
    assert_eq!(report.attacks[1].report, None);
    assert!(report.flags[0].text.contains("too soon"));
}

/// One write can be two techniques; a report of either has found it, and a second one earns nothing.
#[test]
fn techniques_of_one_act_are_one_incident() {
    let play = |named: &[&str]| {
        let mut story = Story::new();
        story.run(100);
        let shown = story.modbus("plc-1", 16, 1025, &[1, 0]);
        for (attack, technique) in [(1, "T1692.001"), (2, "T0836")] {
            story.push(RecordKind::AttackBegan {
                attack,
                technique: technique.into(),
                asset: "plc-1".into(),
                by: RED,
                record: shown,
                visible: true,
            });
        }
        story.run(200);
        story.attack(3, "T0806", "plc-1");
        for (number, technique) in (1..).zip(named) {
            story.run(220 + u64::from(number) * 20);
            story.report(number, "plc-1", technique);
        }
        story.run(400);
        story.grade()
    };
    let none = play(&[]);
    assert!(
        metric(&none, "detection")
            .reason
            .contains("0 of 2 visible incidents")
    );
    let one = play(&["T0836"]);
    assert_eq!(
        (one.attacks[0].report, one.attacks[1].report),
        (Some(1), Some(1))
    );
    assert_eq!(
        metric(&one, "mttd").reason,
        "2 min 50 s over 2 cases, 1 censored."
    );
    let twice = play(&["T0836", "T0855"]);
    let points = |report: &grading::Report| metric(report, "detection").points;
    assert_eq!(points(&twice), points(&one));
    assert!(points(&play(&["T0836", "T0806"])) > points(&one));
}

/// A shipped detection can name an act otherwise than ground truth does; repeating it is no lie.
#[test]
fn a_report_that_repeats_a_shipped_detection_of_the_attack_is_not_false() {
    let points = |fires_at_s: u64| {
        let mut story = Story::new();
        story.run(fires_at_s.min(100));
        let detection = RecordKind::Detection {
            rule: "new-master".into(),
            asset: "plc-1".into(),
            technique: "T0848".into(),
            text: "a new master".into(),
            frame: 5,
        };
        if fires_at_s < 100 {
            story.push(detection.clone());
            story.run(100);
        }
        story.attack(1, "T0888", "plc-1");
        if fires_at_s >= 100 {
            story.push(detection);
        }
        story.run(130);
        story.report(1, "plc-1", "T0848");
        metric(&story.grade(), "detection").points
    };
    assert_eq!(points(100), 0.0);
    assert_eq!(points(50), -1.0);
}

#[test]
fn a_trip_is_no_evidence() {
    let mut story = Story::new();
    story.run(100);
    story.attack(1, "T0836", "plc-1");
    let trip = story.safety(SafetyEvent::Shutdown, BLUE);
    story.run(120);
    story.report_as(
        1,
        ReportStage::Filed,
        "plc-1",
        "T0836",
        SimTime::from_secs(100),
        |report| {
            report.evidence = vec![trip];
        },
    );
    assert_eq!(metric(&story.grade(), "detection").points, 0.0);
}

#[test]
fn containment_needs_a_refusal_by_a_defenders_command() {
    let play = |write: &dyn Fn(&mut Story)| {
        let mut story = Story::new();
        story.run(100);
        story.attack(1, "T0836", "plc-1");
        write(&mut story);
        story.run(1620).end(EndReason::TimeUp);
        let report = story.grade();
        let containment = metric(&report, "containment").clone();
        (containment.points, containment.details[0].reason.clone())
    };
    let (points, reason) = play(&|_| {});
    assert_eq!(points, 0.0);
    assert!(
        reason.contains("Stopping by itself contains nothing"),
        "{reason}"
    );
    let (points, reason) = play(&|story| {
        let off = story.firewall_off();
        story.run(190);
        story.refuse(1, Some(off));
    });
    // 90 of 900 s: a tenth of the way to 40 %.
    close_to(points, 10.0 * 0.94);
    assert!(reason.contains("rule-7 is off"), "{reason}");
    let (points, reason) = play(&|story| {
        story.refuse(1, None);
        let own = story.command(RED, "close connection");
        story.refuse(1, Some(own));
    });
    assert_eq!(points, 0.0);
    assert!(reason.contains("by no command of a defender"), "{reason}");
    let (points, reason) = play(&|story| {
        let off = story.firewall_off();
        story.refuse(1, Some(off));
        story.run(300);
        story.attack_again(1);
    });
    assert_eq!(points, 0.0);
    assert!(reason.contains("went on by another way"), "{reason}");
}

/// What the process does after the last act is a consequence, which reopens nothing.
#[test]
fn a_consequence_after_containment_does_not_reopen_it() {
    let mut story = Story::new();
    story.run(100);
    story.attack(1, "T0836", "plc-1");
    let off = story.firewall_off();
    story.run(190);
    story.refuse(1, Some(off));
    story.run(250);
    let demand = story.safety(SafetyEvent::DemandWhileBypassed, RED);
    story.push(RecordKind::AttackBegan {
        attack: 2,
        technique: "T0880".into(),
        asset: "sis-1".into(),
        by: RED,
        record: demand,
        visible: true,
    });
    let report = story.grade();
    close_to(metric(&report, "containment").points, 10.0 * 0.94);
    assert!(
        metric(&report, "red-precision")
            .reason
            .starts_with("1 refused attempt")
    );
}

#[test]
fn recovery_needs_everything_for_the_hold_time_and_a_closed_report() {
    let play = |bypass_off: bool, close: bool, hold_s: u64| {
        let mut story = Story::new();
        story.run(100);
        story.attack(1, "T0836", "plc-1");
        story.report(1, "plc-1", "T0836");
        story.condition("mos-off", false);
        story.q = 0.5;
        story.run(200);
        story.q = 1.0;
        if bypass_off {
            story.condition("mos-off", true);
        }
        if close {
            story.close(1, "plc-1", "T0836");
        }
        story.run(201 + hold_s);
        let report = story.grade();
        (
            metric(&report, "recovery").clone(),
            metric(&report, "mttr").clone(),
        )
    };
    let (recovery, mttr) = play(true, true, 120);
    assert_eq!(recovery.value, Some(101.0));
    close_to(recovery.points, 10.0 * (1.0 - 0.5 * 101.0 / 1200.0));
    assert_eq!(mttr.value, Some(101.0));
    assert!(play(true, true, 119).0.reason.contains("has not held"));
    assert!(
        play(false, true, 300)
            .0
            .reason
            .contains("not so: mos-off approved")
    );
    let (recovery, mttr) = play(true, false, 300);
    assert!(recovery.reason.contains("no incident report is closed"));
    assert!(mttr.reason.ends_with("1 censored."));
}

#[test]
fn times_are_restricted_means_with_censored_cases() {
    let mut story = Story::new();
    story.run(100);
    story.attack(1, "T0836", "plc-1");
    story.attack(2, "T0831", "plc-1");
    story.run(200);
    story.report(1, "plc-1", "T0836");
    story.run(400);
    let report = story.grade();
    // 100 s for the reported one, 300 s up to now for the other.
    assert_eq!(metric(&report, "mttd").value, Some(200.0));
    assert_eq!(
        metric(&report, "mttd").reason,
        "3 min 20 s over 2 cases, 1 censored."
    );
}

#[test]
fn red_earns_by_control_precision_and_stealth() {
    let report = first_watch(Defence::None).grade();
    let objectives = metric(&report, "red-objectives");
    assert_eq!(objectives.value, Some(2.0));
    // Objective values fall to half over the window of 1,200 s; damage pays 20 % once.
    let value = |at_s: f64| 30.0 * (1.0 - 0.5 * at_s / 1200.0);
    close_to(objectives.points, value(390.0) + value(704.0) + 12.0);
    assert_eq!(metric(&report, "red-precision").points, 20.0);
    assert_eq!(metric(&report, "red-stealth").points, 20.0);
    let contained = first_watch(Defence::Expert).grade();
    assert!(contained.red.score < report.red.score / 2.0);
}

#[test]
fn destroying_everything_pays_red_once() {
    let mut story = Story::new();
    story.run(100);
    story.attack(1, "T0836", "plc-1");
    let shown = story.push(RecordKind::PlantEvent(PlantEvent::Ruptured));
    for id in ["blind", "move"] {
        story.push(RecordKind::ObjectiveMet {
            id: id.into(),
            record: shown,
            by: RED,
        });
    }
    let report = story.grade();
    assert_eq!(metric(&report, "red-objectives").points, 12.0);
    assert_eq!(metric(&report, "red-stealth").points, 0.0);
}

#[test]
fn eleven_alarms_in_ten_minutes_are_a_flood() {
    let play = |every_s: u64| {
        let mut story = Story::new();
        for number in 1..=11_u64 {
            story.run(number * every_s);
            story.alarm(&format!("A-{number}"), 3, AlarmState::Unacknowledged);
        }
        metric(&story.grade(), "alarm-flood").clone()
    };
    assert_eq!(play(10).value, Some(11.0));
    assert!(play(10).reason.ends_with(": a flood."));
    assert_eq!(play(60).value, Some(10.0));
    assert!(play(60).reason.ends_with(": no flood."));
}

#[test]
fn batadal_s_of_silence_is_a_quarter() {
    let mut story = Story::new();
    story.run(100);
    story.attack(1, "T0836", "plc-1");
    story.run(200);
    story.attack_again(1);
    story.run(400);
    assert_eq!(metric(&story.grade(), "batadal-s").value, Some(0.25));
}

#[test]
fn every_missed_chance_of_the_lost_match_is_named() {
    let report = first_watch(Defence::None).grade();
    let titles: Vec<&str> = report
        .missed
        .iter()
        .map(|chance| chance.title.as_str())
        .collect();
    let expected = [
        "Before the attack: the SIS key stands in REMOTE",
        "The cheapest moment: stop red-one at its source",
        "Not reported: T0846.001 Remote System Discovery: Port Scan on plc-1",
        "Not reported: T1692.001 Unauthorized Message: Command Message on sis-1",
        "Unanswered alarm: BYPASS",
        "Unanswered alarm: PAH",
        "The last moment: 15:33",
    ];
    for title in expected {
        assert!(titles.contains(&title), "{title} is not in {titles:#?}");
    }
    assert!(
        report
            .missed
            .is_sorted_by_key(|chance| chance.evidence.from)
    );
}
