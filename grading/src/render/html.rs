//! The report as one self-contained HTML file: no external resource, no script.

use super::charts::{self, Axis, LANES, short};
use crate::describe::clock;
use crate::report::PlantCurve;
use crate::{
    AttackSummary, Evidence, MetricScore, MissedChance, Point, Report, Side, TimelineEvent,
    TimelineLane, Total,
};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sim_record::{EndReason, SimTime};

/// Style sheet of the page.
const STYLE: &str = include_str!("style.css");

/// Most rows of the table beside a curve.
const CURVE_ROWS_MAX: usize = 60;

/// Writes the report as one accessible HTML file without external resources or scripts.
#[must_use]
pub fn render_html(report: &Report) -> String {
    let title = if report.summary.title.is_empty() {
        "Match"
    } else {
        &report.summary.title
    };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Report: " (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a class="skip" href="#main" { "Skip to the report" }
                (head(report, title))
                main id="main" {
                    (in_short(report))
                    (score(report))
                    (course(report))
                    (missed(report))
                    (attacks(report))
                    (evidence_section(report))
                    (information(report))
                }
                (foot(report))
            }
        }
    };
    page.into_string()
}

fn head(report: &Report, title: &str) -> Markup {
    let summary = &report.summary;
    let seed = summary.seed.map(|seed| format!(", seed {seed}"));
    html! {
        header {
            h1 { (title) }
            p class="lead" { (report.headline) }
            p class="note" {
                "Scenario " code { (summary.scenario) } ", cast " (summary.cast) ", pace " (summary.pace)
                @if let Some(seed) = seed { (seed) }
                ". Virtual start " (utc(summary.start_utc_us)) ", graded up to " (clock(summary.graded_until_us))
                " of " (clock(summary.ends_us)) ": " (ending(summary.ended)) "."
            }
            @if report.practice {
                p { span class="practice" { "Practice" } " This match was not run by an instructor's server." }
            }
            nav aria-label="Contents" {
                ul {
                    li { a href="#score" { "Score" } }
                    li { a href="#course" { "Course of the match" } }
                    li { a href="#missed" { "Missed chances" } }
                    li { a href="#attacks" { "Attacks" } }
                    li { a href="#evidence" { "Points and evidence" } }
                    li { a href="#information" { "Further figures" } }
                }
            }
        }
    }
}

/// What a manager reads: one fact a line.
fn in_short(report: &Report) -> Markup {
    let reason = |id: &str| {
        let metric = report.metrics.iter().find(|metric| metric.id == id);
        metric.map(|metric| metric.reason.clone())
    };
    let facts = [
        ("Service", reason("service")),
        ("Safety", reason("safety")),
        ("Damage", reason("damage")),
        ("Detection", reason("detection")),
        ("Containment", reason("containment")),
        ("Recovery", reason("recovery")),
    ];
    let first = report.missed.first();
    html! {
        h2 id="short" { "In short" }
        dl {
            @for (name, fact) in facts {
                @if let Some(fact) = fact { dt { (name) } dd { (fact) } }
            }
            @if let Some(first) = first {
                dt { "First missed chance" }
                dd { a href="#chance-1" { (clock(first.evidence.from)) ", " (first.title) } }
            }
        }
    }
}

fn score(report: &Report) -> Markup {
    html! {
        h2 id="score" { "Score" }
        ul class="totals" {
            (total("Defenders", "blue", &report.blue))
            @if report.red.max > 0.0 { (total("Attackers", "red", &report.red)) }
        }
        (score_table("Defenders", "blue", Side::Blue, &report.blue, report))
        @if report.red.max > 0.0 {
            (score_table("Attackers", "red", Side::Red, &report.red, report))
        }
    }
}

fn total(name: &str, class: &str, total: &Total) -> Markup {
    html! {
        li class=(class) {
            div { (name) }
            div class="number" { (format!("{:.1}", total.score)) }
            div class="note" { "of 100" }
            @for cap in &total.caps {
                div { "At most " (short(cap.limit)) ", because " (cap.reason) "." }
            }
        }
    }
}

fn score_table(name: &str, class: &str, side: Side, total: &Total, report: &Report) -> Markup {
    scrolling(
        name,
        &html! {
            table class=(class) {
                caption { (name) ": points by metric" }
                thead {
                    tr {
                        th scope="col" { "Metric" }
                        th scope="col" class="n" { "Points" }
                        th scope="col" class="n" { "Of" }
                        th class="picture" scope="col" aria-hidden="true" {}
                        th scope="col" { "Why" }
                    }
                }
                tbody {
                    @for metric in report.side(side) {
                        tr {
                            th scope="row" { a href=(format!("#m-{}", metric.id)) { (metric.title) } }
                            (points_cells(metric))
                            td { (metric.reason) }
                        }
                    }
                }
                tfoot {
                    tr {
                        th scope="row" { "Sum" }
                        td class="n" { (format!("{:.1}", total.points)) }
                        td class="n" { (format!("{:.0}", total.max)) }
                        td class="picture" aria-hidden="true" {}
                        td { "Score " (format!("{:.1}", total.score)) " of 100" }
                    }
                }
            }
        },
    )
}

fn points_cells(metric: &MetricScore) -> Markup {
    let counts = metric.max > 0.0 || metric.points < 0.0;
    let share = if metric.max > 0.0 {
        (metric.points / metric.max).clamp(0.0, 1.0)
    } else {
        0.0
    };
    html! {
        @if counts {
            td class="n" { (format!("{:.1}", metric.points)) }
            td class="n" { (format!("{:.0}", metric.max)) }
        } @else {
            td class="n" { "no occasion" }
            td class="n" { "0" }
        }
        td class="picture" aria-hidden="true" {
            @if metric.max > 0.0 {
                div class="bar" { span style=(format!("width:{:.0}%", share * 100.0)) {} }
            }
        }
    }
}

fn course(report: &Report) -> Markup {
    let axis = Axis::of(report);
    html! {
        h2 id="course" { "Course of the match" }
        p { "All charts share one axis of time, in minutes and seconds since the start. The shaded part is the attackers' window." }
        figure {
            div class="scroll" role="region" aria-label="Timeline chart" tabindex="0" { (charts::timeline(report, axis)) }
            figcaption { "Timeline. Bars last; marks are instants." }
        }
        (timeline_table(report))
        @for (index, curve) in report.curves.iter().enumerate() {
            h3 { "Plant " (curve.plant) }
            figure {
                div class="scroll" role="region" aria-label=(format!("Chart of {}", curve.signal)) tabindex="0" { (charts::key_signal(curve, index, axis)) }
                figcaption { (curve.signal) " in " (curve.unit) ": the green band is normal, the dashed line is the limit of damage." }
            }
            figure {
                div class="scroll" role="region" aria-label="Chart of quality of service" tabindex="0" { (charts::quality(curve, index, axis)) }
                figcaption { "Quality of service Q; the dashed line is the undisturbed baseline." }
            }
            (curve_table(curve))
        }
    }
}

fn timeline_table(report: &Report) -> Markup {
    html! {
        details {
            summary { "Table of the timeline (" (report.timeline.len()) " events)" }
            (scrolling("Table of the timeline", &html! {
                table {
                    caption { "Events in order of time" }
                    thead { tr {
                        th scope="col" { "From" } th scope="col" { "To" } th scope="col" { "Lane" }
                        th scope="col" { "Event" } th scope="col" class="n" { "Record" }
                    } }
                    tbody { @for event in &report.timeline { (timeline_row(event)) } }
                }
            }))
            @if report.timeline_left_out > 0 {
                p { (report.timeline_left_out) " further events are only in the recording." }
            }
        }
    }
}

fn timeline_row(event: &TimelineEvent) -> Markup {
    html! {
        tr {
            td class="t" { (clock(event.time)) }
            td class="t" { @if let Some(until) = event.until { (clock(until)) } }
            td { (lane_name(event.lane)) }
            td { (event.text) }
            td class="n" { @if let Some(record) = event.record { (record) } }
        }
    }
}

fn lane_name(lane: TimelineLane) -> &'static str {
    LANES
        .iter()
        .find(|(known, _)| *known == lane)
        .map_or("", |(_, name)| name)
}

fn curve_table(curve: &PlantCurve) -> Markup {
    let step = curve.points.len().div_ceil(CURVE_ROWS_MAX).max(1);
    let state = |tripped: bool, inhibited: bool| match (tripped, inhibited) {
        (true, true) => "tripped, protection inhibited",
        (true, false) => "tripped",
        (false, true) => "protection inhibited",
        (false, false) => "",
    };
    html! {
        details {
            summary { "Table of " (curve.signal) " and Q" }
            (scrolling("Table of the curves", &html! {
                table {
                    caption { (curve.plant) ": " (curve.signal) " and quality of service" }
                    thead { tr {
                        th scope="col" { "Time" } th scope="col" class="n" { (curve.signal) " in " (curve.unit) }
                        th scope="col" class="n" { "Q" } th scope="col" { "State" }
                    } }
                    tbody {
                        @for point in curve.points.iter().step_by(step) {
                            tr {
                                td class="t" { (clock(point.time)) }
                                td class="n" { (format!("{:.1}", point.key)) }
                                td class="n" { (format!("{:.2}", point.q)) }
                                td { (state(point.tripped, point.inhibited)) }
                            }
                        }
                    }
                }
            }))
        }
    }
}

fn missed(report: &Report) -> Markup {
    html! {
        h2 id="missed" { "Missed chances" }
        @if report.missed.is_empty() { p { "None." } }
        @for (index, chance) in report.missed.iter().enumerate() { (missed_card(index, chance, report)) }
    }
}

fn missed_card(index: usize, chance: &MissedChance, report: &Report) -> Markup {
    let number = index.saturating_add(1);
    html! {
        section class="card chance" id=(format!("chance-{number}")) {
            h3 { (number) ". " (clock(chance.evidence.from)) ", " (chance.title) }
            p { (chance.visible) " " (chance.could) }
            (evidence(&chance.evidence, report))
        }
    }
}

fn attacks(report: &Report) -> Markup {
    html! {
        h2 id="attacks" { "Attacks" }
        @if report.attacks.is_empty() {
            p { "There was no attack." }
        } @else {
            (scrolling("Attacks", &html! {
                table {
                    caption { "Attack instances as the range derived them from what happened" }
                    thead { tr {
                        th scope="col" class="n" { "No." } th scope="col" { "From" } th scope="col" { "To" }
                        th scope="col" { "Technique" } th scope="col" { "On" } th scope="col" { "Visible" }
                        th scope="col" { "Reported" } th scope="col" class="n" { "Acts" } th scope="col" class="n" { "Refused" }
                    } }
                    tbody { @for known in &report.attacks { (attack_row(known)) } }
                }
            }))
            @for known in &report.attacks {
                section class="card" id=(format!("attack-{}", known.number)) {
                    h3 { "Attack " (known.number) ": " (known.label()) " on " (known.asset) }
                    p { "By " (known.by) "." }
                    @for refusal in &known.refusals {
                        p { "Refused at " (clock(refusal.time)) ": " (refusal.cause) "." }
                    }
                    (evidence(&known.evidence, report))
                }
            }
        }
    }
}

fn attack_row(known: &AttackSummary) -> Markup {
    let time = |time: Option<SimTime>, none: &str| time.map_or_else(|| none.to_owned(), clock);
    html! {
        tr {
            td class="n" { (known.number) }
            td class="t" { (clock(known.evidence.from)) }
            td class="t" { (clock(known.evidence.to)) }
            th scope="row" { a href=(format!("#attack-{}", known.number)) { (known.label()) } }
            td { (known.asset) }
            td class="t" { (time(known.visible_us, "never")) }
            td class="t" {
                (time(known.reported_us, "not reported"))
                @if let Some(report) = known.report { " (report " (report) ")" }
            }
            td class="n" { (known.acts) }
            td class="n" { (known.refused) }
        }
    }
}

fn evidence_section(report: &Report) -> Markup {
    let scored = report
        .metrics
        .iter()
        .filter(|metric| metric.side != Side::Info);
    html! {
        h2 id="evidence" { "Points and evidence" }
        p { "Records are numbered through the match. Frames are those of the capture; in Wireshark, filter by " code { "frame.number" } "." }
        @for metric in scored {
            h3 id=(format!("m-{}", metric.id)) { (metric.title) ": " (format!("{:.1} of {:.0}", metric.points, metric.max)) }
            p { (metric.reason) }
            @for (index, point) in metric.details.iter().enumerate() {
                (point_card(metric, index, point, report))
            }
        }
    }
}

fn point_card(metric: &MetricScore, index: usize, point: &Point, report: &Report) -> Markup {
    let earned = if point.max > 0.0 {
        format!("{:.2} of {:.2}", point.points, point.max)
    } else {
        format!("{:.2}", point.points)
    };
    let number = index.saturating_add(1);
    html! {
        section class="card" id=(format!("m-{}-{number}", metric.id)) {
            span class="points" { (earned) " points" }
            h4 { (point.reason) }
            (evidence(&point.evidence, report))
        }
    }
}

fn evidence(evidence: &Evidence, report: &Report) -> Markup {
    let span = if evidence.from == evidence.to {
        clock(evidence.from)
    } else {
        format!("{} to {}", clock(evidence.from), clock(evidence.to))
    };
    let more = evidence
        .record_count
        .saturating_sub(evidence.records.len() as u64);
    let frames: Vec<String> = evidence.frames.iter().map(ToString::to_string).collect();
    html! {
        dl class="evidence" {
            dt { "Time" } dd { (span) }
            @if let Some(register) = &evidence.register {
                dt { "Register" }
                dd {
                    (register.asset)
                    @match &register.area {
                        Some(area) => { ", " (area) ", " (register.count) " bytes from " (register.address) }
                        None => { ", address " (register.address) ", " (register.count) " items" }
                    }
                }
            }
            @if let Some(effect) = &evidence.plant_effect {
                dt { "Effect on the plant" }
                dd { (effect.in_words()) }
            }
            @if !frames.is_empty() {
                dt { "Frames" } dd { code { (frames.join(", ")) } }
            }
            @if !evidence.records.is_empty() {
                dt { "Records" }
                dd {
                    ul {
                        @for seq in &evidence.records { (record_item(*seq, report)) }
                        @if more > 0 { li { "and " (more) " more" } }
                    }
                }
            }
        }
    }
}

fn record_item(seq: u64, report: &Report) -> Markup {
    html! {
        li {
            @match report.records.get(&seq) {
                Some(line) => { "Record " (seq) " at " (clock(line.time)) ": " (line.text) },
                None => { "Record " (seq) },
            }
        }
    }
}

fn information(report: &Report) -> Markup {
    html! {
        h2 id="information" { "Further figures" }
        (scrolling("Further figures", &html! {
            table {
                caption { "For information; no points" }
                thead { tr { th scope="col" { "Figure" } th scope="col" class="n" { "Value" } th scope="col" { "Unit" } th scope="col" { "Meaning" } } }
                tbody {
                    @for metric in report.side(Side::Info) {
                        tr {
                            th scope="row" { (metric.title) }
                            td class="n" { @if let Some(value) = metric.value { (short(value)) } @else { "none" } }
                            td { (metric.unit) }
                            td { (metric.reason) }
                        }
                    }
                }
            }
        }))
        @if !report.flags.is_empty() {
            h3 { "For the instructor" }
            @for flag in &report.flags {
                section class="card" { p { (flag.text) } (evidence(&flag.evidence, report)) }
            }
        }
    }
}

fn foot(report: &Report) -> Markup {
    html! {
        footer {
            p {
                "Graded from records of version " (report.record_version) " by the rubric \u{201c}" (report.rubric.title)
                "\u{201d}, BLAKE3 " code { (report.rubric.digest) } "."
            }
            p { (report.attack_notice) }
        }
    }
}

/// A wide table can be scrolled by keyboard.
fn scrolling(name: &str, table: &Markup) -> Markup {
    html! { div class="scroll" role="region" aria-label=(name) tabindex="0" { (table) } }
}

fn ending(end: Option<EndReason>) -> &'static str {
    match end {
        None => "still running",
        Some(EndReason::TimeUp) => "played to its end",
        Some(EndReason::Destroyed) => "ended by the destruction of the plant",
        Some(EndReason::Stopped) => "stopped by its host",
    }
}

/// `2026-03-01 14:30 UTC` from microseconds since 1970 (civil calendar, after H. Hinnant's days_from_civil).
fn utc(us: i64) -> String {
    let minutes = us.div_euclid(60_000_000);
    let (days, minute) = (minutes.div_euclid(1_440), minutes.rem_euclid(1_440));
    let shifted = days.saturating_add(719_468);
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 {
        month_index + 3
    } else {
        month_index - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02} UTC",
        minute / 60,
        minute % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calendar_is_right() {
        assert_eq!(utc(0), "1970-01-01 00:00 UTC");
        assert_eq!(utc(951_782_400_000_000), "2000-02-29 00:00 UTC");
        assert_eq!(utc(1_772_375_400_000_000), "2026-03-01 14:30 UTC");
    }
}
