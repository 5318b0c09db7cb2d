//! The report on a terminal: score with its reasons.

use crate::describe::clock;
use crate::{MetricScore, Report, Side};

/// Width of the text in characters.
const WIDTH: usize = 100;

/// Column at which reasons begin.
const REASON_COLUMN: usize = 46;

/// Most missed chances, attacks and flags that the text lists; the other forms list all.
const LISTED_MAX: usize = 12;

/// Writes the score with its reasons, aligned, in plain text.
#[must_use]
pub fn render_text(report: &Report) -> String {
    let mut out = String::new();
    head(report, &mut out);
    table("Defenders", report.blue.score, Side::Blue, report, &mut out);
    caps(report, &mut out);
    if report.red.max > 0.0 {
        table("Attackers", report.red.score, Side::Red, report, &mut out);
    }
    information(report, &mut out);
    attacks(report, &mut out);
    missed(report, &mut out);
    flags(report, &mut out);
    out
}

fn line(out: &mut String, text: &str) {
    out.push_str(text.trim_end());
    out.push('\n');
}

fn head(report: &Report, out: &mut String) {
    let summary = &report.summary;
    line(out, &report.headline);
    let seed = summary
        .seed
        .map_or(String::new(), |seed| format!(", seed {seed}"));
    let practice = if report.practice { ", practice" } else { "" };
    line(
        out,
        &format!(
            "{}, cast {}, pace {}{seed}{practice}; graded up to {}",
            summary.title,
            summary.cast,
            summary.pace,
            clock(summary.graded_until_us)
        ),
    );
}

fn table(title: &str, score: f64, side: Side, report: &Report, out: &mut String) {
    line(out, "");
    line(out, &format!("{title:<28}{score:>8.1} of 100"));
    for metric in report.side(side) {
        row(metric, out);
    }
}

fn row(metric: &MetricScore, out: &mut String) {
    let points = if metric.max > 0.0 || metric.points != 0.0 {
        format!("{:>8.1} of {:<5.0}", metric.points, metric.max)
    } else {
        format!("{:>8}         ", "-")
    };
    let start = format!("  {:<26}{points}", metric.title);
    wrapped(&start, REASON_COLUMN, &metric.reason, out);
}

/// Writes `start`, then `text` wrapped in a column of its own.
fn wrapped(start: &str, column: usize, text: &str, out: &mut String) {
    let mut current = format!("{start:<column$}");
    let mut empty = true;
    for word in text.split_whitespace() {
        let length = current.chars().count().saturating_add(word.chars().count());
        if !empty && length >= WIDTH {
            line(out, &current);
            current = " ".repeat(column);
            empty = true;
        }
        if !empty {
            current.push(' ');
        }
        current.push_str(word);
        empty = false;
    }
    line(out, &current);
}

fn caps(report: &Report, out: &mut String) {
    for cap in &report.blue.caps {
        line(
            out,
            &format!("  At most {:.0} of 100, because {}.", cap.limit, cap.reason),
        );
    }
}

fn information(report: &Report, out: &mut String) {
    line(out, "");
    line(out, "For information");
    for metric in report.side(Side::Info) {
        wrapped(
            &format!("  {}", metric.title),
            REASON_COLUMN,
            &metric.reason,
            out,
        );
    }
}

fn attacks(report: &Report, out: &mut String) {
    if report.attacks.is_empty() {
        return;
    }
    line(out, "");
    line(out, "Attacks      visible    reported");
    let or_never = |time: Option<sim_record::SimTime>, never: &str| {
        time.map_or_else(|| never.to_owned(), clock)
    };
    for known in report.attacks.iter().take(LISTED_MAX) {
        let start = format!(
            "  {:<11}{:<11}{:<11}",
            clock(known.evidence.from),
            or_never(known.visible_us, "never"),
            or_never(known.reported_us, "no"),
        );
        wrapped(
            &start,
            35,
            &format!("{} on {}", known.label(), known.asset),
            out,
        );
    }
    more(report.attacks.len(), out);
}

fn missed(report: &Report, out: &mut String) {
    if report.missed.is_empty() {
        return;
    }
    line(out, "");
    line(out, "Missed chances");
    for chance in report.missed.iter().take(LISTED_MAX) {
        let start = format!("  {}", clock(chance.evidence.from));
        wrapped(
            &start,
            10,
            &format!("{}. {} {}", chance.title, chance.visible, chance.could),
            out,
        );
    }
    more(report.missed.len(), out);
}

fn flags(report: &Report, out: &mut String) {
    if report.flags.is_empty() {
        return;
    }
    line(out, "");
    line(out, "For the instructor");
    for flag in report.flags.iter().take(LISTED_MAX) {
        wrapped(
            &format!("  {}", clock(flag.evidence.from)),
            10,
            &flag.text,
            out,
        );
    }
    more(report.flags.len(), out);
}

fn more(length: usize, out: &mut String) {
    let rest = length.saturating_sub(LISTED_MAX);
    if rest > 0 {
        line(out, &format!("  and {rest} more in the report"));
    }
}
