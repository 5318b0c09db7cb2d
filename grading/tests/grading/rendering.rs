//! What people read.

use crate::story::{Defence, Story, first_watch};
use grading::{Report, Visibility, render_html, render_text};
use sim_record::{EndReason, RecordKind};

#[test]
fn the_text_of_the_lost_match() {
    insta::assert_snapshot!(render_text(&first_watch(Defence::None).grade()));
}

#[test]
fn the_text_of_the_novice() {
    insta::assert_snapshot!(render_text(&first_watch(Defence::Novice).grade()));
}

#[test]
fn the_json_has_neither_path_nor_clock_and_is_the_same_twice() {
    let json = |story: &Story| serde_json::to_string_pretty(&story.grade()).unwrap();
    let story = first_watch(Defence::Novice);
    let text = json(&story);
    assert_eq!(text, json(&story));
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["practice"], true);
    assert_eq!(value["record_version"], 1);
    assert_eq!(value["summary"]["seed"], 7);
    assert_eq!(value["attacks"][3]["technique"], "T1692.001");
    assert_eq!(value["attacks"][3]["evidence"]["register"]["address"], 1025);
    assert!(!text.contains("/work") && !text.contains("null_us"));
}

/// Every element that HTML wants closed is closed, in order.
fn assert_well_formed(html: &str) {
    const VOID: [&str; 3] = ["meta", "!DOCTYPE", "br"];
    let mut open: Vec<&str> = Vec::new();
    let body = html.split("</style>").nth(1).unwrap();
    for piece in body.split('<').skip(1) {
        let tag = piece.split(['>', ' ']).next().unwrap();
        if let Some(name) = tag.strip_prefix('/') {
            if name == "head" || name == "html" {
                continue;
            }
            assert_eq!(open.pop(), Some(name));
        } else if !VOID.contains(&tag) {
            open.push(tag);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn the_page_is_whole_and_needs_nothing_from_outside() {
    for defence in [
        Defence::None,
        Defence::Novice,
        Defence::Expert,
        Defence::TripAtOnce,
    ] {
        let report = first_watch(defence).grade();
        let html = render_html(&report);
        assert_well_formed(&html);
        for outside in [
            "<script",
            "http://",
            "https://",
            "src=",
            "@import",
            "<link",
            "javascript:",
        ] {
            assert!(!html.contains(outside), "{outside}");
        }
        assert!(html.contains("<html lang=\"en\">"));
        assert_eq!(html.matches("<h1").count(), 1);
        // Each link within the page has its target, and no id stands twice.
        let ids: Vec<&str> = html
            .split(" id=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        for target in html
            .split("href=\"#")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
        {
            assert!(ids.contains(&target), "{target}");
        }
        for id in &ids {
            assert_eq!(ids.iter().filter(|other| *other == id).count(), 1, "{id}");
        }
        assert_eq!(
            html.matches("<table").count(),
            html.matches("<caption").count()
        );
        assert_eq!(
            html.matches("<svg").count(),
            html.matches("role=\"img\"").count()
        );
        assert!(!html.contains("NaN") && !html.contains("inf\""));
    }
}

/// Headings go down one level at a time.
#[test]
fn headings_are_in_order() {
    let html = render_html(&first_watch(Defence::None).grade());
    let mut level = 0;
    for piece in html.split("<h").skip(1) {
        let next = piece.chars().next().and_then(|digit| digit.to_digit(10));
        let Some(next) = next.filter(|_| !piece.starts_with("tml") && !piece.starts_with("ead"))
        else {
            continue;
        };
        assert!(next <= level + 1, "h{next} after h{level}");
        level = next;
    }
}

#[test]
fn text_of_players_cannot_break_out_of_the_page() {
    let mut story = Story::new();
    story.run(10);
    story.attack(1, "<script>alert(1)</script>", "plc-1\"><img src=x>");
    story.report(1, "<b>", "</td>");
    story.push(RecordKind::Inject {
        id: "i".into(),
        text: "</svg><script>".into(),
    });
    story.run(30).end(EndReason::TimeUp);
    let html = render_html(&story.grade());
    assert!(!html.contains("<script") && !html.contains("<img") && !html.contains("<b>"));
    assert_well_formed(&html);
}

#[test]
fn a_report_of_nothing_renders() {
    let empty = grading::grade(grading::Rubric::default(), &[]);
    assert_well_formed(&render_html(&empty));
    assert!(render_text(&empty).starts_with("The match is at 00:00"));
}

/// Nothing from ground truth in what a team sees while the match runs.
#[test]
fn the_live_report_shows_no_ground_truth() {
    let mut story = Story::new();
    story.run(100);
    story.attack(1, "T0836", "plc-1");
    story.report(1, "plc-1", "T0836");
    story.run(130);
    let full = story.grade();
    let live: Report = full.live();
    assert!(
        live.metrics
            .iter()
            .all(|metric| metric.visibility == Visibility::Live)
    );
    assert!(live.metrics.len() < full.metrics.len());
    let json = serde_json::to_string(&live).unwrap();
    assert!(live.attacks.is_empty() && live.missed.is_empty() && live.red.max == 0.0);
    assert!(!json.contains("\"lane\":\"attack\"") && !json.contains("red-one"));
    let mut without = Story::new();
    without.run(100);
    // The same match without the attack, as far as the team can see.
    without.push(RecordKind::Resumed);
    without.push(RecordKind::Resumed);
    without.report(1, "plc-1", "T0836");
    without.run(130);
    let calm = without.grade().live();
    assert_eq!(calm.blue, live.blue);
    assert_eq!(calm.metrics, live.metrics);
}

#[test]
fn a_match_that_was_stopped_has_no_verdict() {
    let mut story = Story::new();
    story.run(100);
    story.attack(1, "T0836", "plc-1");
    story.run(200).end(EndReason::Stopped);
    let headline = story.grade().headline;
    assert!(
        headline.starts_with(
            "The match was stopped at 03:20, before its end at 27:00. Whether the plant survives the attack is not \
             decided, and the points are those of the part that was played: defenders "
        ),
        "{headline}"
    );
    // Before the first attack not even that is known.
    let mut quiet = Story::new();
    quiet.run(200).end(EndReason::Stopped);
    let headline = quiet.grade().headline;
    assert!(
        headline.contains("Whether an attack comes is not decided"),
        "{headline}"
    );
    // A plant that is gone is gone, and a `serve` that was stopped after the declared end is over.
    let mut gone = Story::new();
    gone.run(810);
    gone.rupture();
    gone.end(EndReason::Stopped);
    assert!(
        gone.grade()
            .headline
            .starts_with("The plant was destroyed at 13:30")
    );
    let mut over = Story::new();
    over.run(1_700).end(EndReason::Stopped);
    assert!(
        over.grade()
            .headline
            .starts_with("The shift passed without an attack")
    );
}
