//! Degenerate play never beats honest play.

use crate::story::{BLUE, Defence, RED, Story, WHITE, first_watch, metric};
use sim_record::{EndReason, RecordKind, SafetyEvent};

#[test]
fn the_order_of_players_is_right() {
    let score = |defence| first_watch(defence).grade().blue.score;
    let (none, trip) = (score(Defence::None), score(Defence::TripAtOnce));
    let (novice, expert) = (score(Defence::Novice), score(Defence::Expert));
    assert!(none <= 20.0, "{none}");
    assert!(
        none < trip && trip < novice && novice < expert,
        "{none} {trip} {novice} {expert}"
    );
    assert!(expert > 85.0, "{expert}");
}

#[test]
fn without_red_there_is_full_service_and_full_score() {
    let mut story = Story::new();
    story.run(1620).end(EndReason::TimeUp);
    let report = story.grade();
    assert_eq!(report.blue.score, 100.0);
    assert_eq!(metric(&report, "service").value, Some(1.0));
    assert_eq!(report.red.max, 0.0);
    assert!(report.missed.is_empty() && report.attacks.is_empty() && report.flags.is_empty());
}

/// Reports every asset with many techniques, one each 20 s.
#[test]
fn reporting_everything_earns_less_than_reporting_nothing() {
    let play = |reports: bool| {
        let mut story = Story::new();
        story.run(100);
        story.attack(1, "T0836", "plc-1");
        story.attack(2, "T0831", "plc-1");
        let mut techniques = grading::attack::techniques();
        for number in 1..=60_u32 {
            story.run(100 + u64::from(number) * 20);
            let technique = techniques.next().unwrap().id;
            if reports {
                let asset = if number % 2 == 0 { "plc-1" } else { "sis-1" };
                story.report(number, asset, technique);
                story.close(number, asset, technique);
            }
        }
        story.run(1620).end(EndReason::TimeUp);
        story.grade()
    };
    let (silent, spam) = (play(false), play(true));
    assert_eq!(metric(&silent, "detection").points, 0.0);
    assert_eq!(metric(&spam, "detection").points, -5.0);
    assert!(metric(&spam, "detection").reason.contains("Precision"));
    assert!(spam.blue.score < silent.blue.score);
}

#[test]
fn blocking_every_conduit_costs_view_and_service() {
    let play = |block: bool| {
        let mut story = Story::new();
        story.run(10);
        if block {
            story.firewall_off();
            story.view("hmi-1", "plc-1", false);
            story.view("historian-1", "plc-1", false);
            for frame in 1..=80 {
                story.push(RecordKind::Blocked {
                    router: "fw-1".into(),
                    rule: String::new(),
                    src: 0x0A1E_140A,
                    dst: 0x0A1E_0A0B,
                    port: 502,
                    by: WHITE,
                    frame,
                });
            }
        }
        story.run(100);
        story.attack(1, "T0846.001", "plc-1");
        story.run(1620).end(EndReason::TimeUp);
        story.grade()
    };
    let (open, blocked) = (play(false), play(true));
    assert_eq!(metric(&blocked, "view").points, 0.0);
    assert_eq!(metric(&blocked, "conduits").points, 0.0);
    assert!(metric(&blocked, "service").value.unwrap() < 0.01);
    assert!(blocked.blue.score + 30.0 < open.blue.score);
}

#[test]
fn restoring_every_minute_costs() {
    let mut story = Story::new();
    for minute in 1..20 {
        story.run(minute * 60);
        story.push(RecordKind::Program {
            asset: "plc-1".into(),
            file: "control.st".into(),
            change: sim_record::ProgramChange::Restored,
            hash: "00".into(),
            by: BLUE,
        });
    }
    assert_eq!(metric(&story.grade(), "response").points, -10.0);
}

#[test]
fn leaving_the_bypass_on_costs_and_setting_it_oneself_costs_at_once() {
    let play = |by| {
        let mut story = Story::new();
        story.run(60);
        story.safety(SafetyEvent::BypassOn, by);
        story.inhibited = true;
        story.run(360);
        metric(&story.grade(), "safety").points
    };
    // 300 s at 0.015 points; by others only after 120 s of grace from the alarm.
    assert!(
        (play(BLUE) - (20.0 - 299.0 * 0.015)).abs() < 0.02,
        "{}",
        play(BLUE)
    );
    assert!(
        (play(RED) - (20.0 - 180.0 * 0.015)).abs() < 0.02,
        "{}",
        play(RED)
    );
}
