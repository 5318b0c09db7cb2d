//! eTaPR of incident reports taken as a stream, as a published comparator beside BATADAL's S.
//!
//! Hwang et al., "Do You Know Existing Accuracy Metrics Overrate Time-Series Anomaly Detections?", SAC 2022,
//! doi 10.1145/3477314.3507024, without an ambiguous tail (delta 0). An attack or a report that hardly overlaps the
//! other side does not count, so an alarm that never ends earns nothing.

use super::batadal::{Series, attacked_and_reported};
use super::{Metric, MetricKind, MetricResult, Side};
use crate::{Context, Rubric, Visibility};
use sim_record::Record;

/// Least share of a report that attacks must fill.
const THETA_P: f64 = 0.5;
/// Least share of an attack that reports must fill.
const THETA_R: f64 = 0.1;

/// eTaPR's F1.
pub struct Etapr;

impl MetricKind for Etapr {
    fn id(&self) -> &'static str {
        "etapr-f1"
    }
    fn title(&self) -> &'static str {
        "eTaPR F1"
    }
    fn summary(&self) -> &'static str {
        "Open incident reports against attack time as spans, by enhanced time-aware precision and recall (theta 0.5 and 0.1)."
    }
    fn unit(&self) -> &'static str {
        "F1"
    }
    fn side(&self) -> Side {
        Side::Info
    }
    fn visibility(&self) -> Visibility {
        Visibility::Debrief
    }
    fn default_points(&self) -> f64 {
        0.0
    }
    fn start(&self, _rubric: &Rubric) -> Box<dyn Metric> {
        Box::new(Running)
    }
}

struct Running;

impl Metric for Running {
    fn observe(&mut self, _record: &Record, _context: &Context) {}

    fn result(&self, _rubric: &Rubric, context: &Context) -> MetricResult {
        let (attacked, reported) = attacked_and_reported(context);
        let (attacks, reports) = (spans(&attacked), spans(&reported));
        if attacks.is_empty() {
            return MetricResult::none("There was no attack.");
        }
        let (precision, recall) = precision_and_recall(&attacks, &reports, THETA_P, THETA_R);
        let sum = precision + recall;
        let f1 = if sum > 0.0 {
            2.0 * precision * recall / sum
        } else {
            0.0
        };
        let reason = format!(
            "F1 = {f1:.3}: eTaP {precision:.3}, eTaR {recall:.3} (theta_p {THETA_P}, theta_r {THETA_R})."
        );
        MetricResult::info(Some(f1), reason)
    }
}

/// First and last sample, both included.
type Span = (usize, usize);

/// The stretches of a series.
fn spans(series: &Series) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut start = 0;
    for stretch in series.chunk_by(|a, b| a == b) {
        if stretch.first() == Some(&true) {
            spans.push((start, start + stretch.len() - 1));
        }
        start += stretch.len();
    }
    spans
}

/// eTaP and eTaR; 0 where a side is empty.
fn precision_and_recall(
    attacks: &[Span],
    reports: &[Span],
    theta_p: f64,
    theta_r: f64,
) -> (f64, f64) {
    let mut overlaps: Vec<Vec<f64>> = attacks
        .iter()
        .map(|attack| reports.iter().map(|r| overlap(*attack, *r)).collect())
        .collect();
    while prune(&mut overlaps, attacks, reports, theta_p, theta_r) {}
    let recalls = attacks.iter().zip(&overlaps).map(|(attack, row)| {
        let share = row.iter().sum::<f64>() / length(*attack);
        credit(share, theta_r, share.min(1.0))
    });
    let recall = recalls.sum::<f64>() / count(attacks.len());
    let roots: f64 = reports.iter().map(|r| libm::sqrt(length(*r))).sum();
    let precisions = reports.iter().enumerate().map(|(j, report)| {
        let share = column(&overlaps, j) / length(*report);
        credit(share, theta_p, share) * libm::sqrt(length(*report))
    });
    // An empty sum is -0.0.
    (precisions.sum::<f64>() / roots.max(1.0) + 0.0, recall)
}

/// Drops attacks and reports that overlap too little; true if one was dropped.
fn prune(
    overlaps: &mut [Vec<f64>],
    attacks: &[Span],
    reports: &[Span],
    theta_p: f64,
    theta_r: f64,
) -> bool {
    let is_little = |sum: f64, of: Span, theta: f64| sum > 0.0 && sum / length(of) < theta;
    let mut dropped = false;
    for (row, attack) in overlaps.iter_mut().zip(attacks) {
        if is_little(row.iter().sum(), *attack, theta_r) {
            row.fill(0.0);
            dropped = true;
        }
    }
    for (j, report) in reports.iter().enumerate() {
        if is_little(column(overlaps, j), *report, theta_p) {
            let cells = overlaps.iter_mut().filter_map(|row| row.get_mut(j));
            cells.for_each(|cell| *cell = 0.0);
            dropped = true;
        }
    }
    dropped
}

/// Half for being found at all, half for how much of it.
fn credit(share: f64, theta: f64, portion: f64) -> f64 {
    if share >= theta && share > 0.0 {
        f64::midpoint(1.0, portion)
    } else {
        0.0
    }
}

fn column(overlaps: &[Vec<f64>], j: usize) -> f64 {
    overlaps.iter().filter_map(|row| row.get(j)).sum()
}

fn overlap(a: Span, b: Span) -> f64 {
    let (from, to) = (a.0.max(b.0), a.1.min(b.1));
    if from <= to { length((from, to)) } else { 0.0 }
}

fn length((from, to): Span) -> f64 {
    count(to - from + 1)
}

#[allow(clippy::cast_precision_loss, reason = "at most 1e5")]
fn count(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the authors' repository (README of saurf4ng/eTaPR): theta_p 0.5, theta_r 0.01, delta 0.
    #[test]
    fn the_example_of_its_authors_is_reproduced() {
        let attacks = [(1, 4), (59, 60), (62, 64), (67, 96)];
        let long = [(2, 57), (59, 60), (62, 64), (66, 69)];
        let short = [(2, 17), (59, 60), (62, 64), (66, 69)];
        for (reports, precision) in [
            (long, 0.387_682_306_299_639_5),
            (short, 0.535_329_416_677_799),
        ] {
            let (p, r) = precision_and_recall(&attacks, &reports, 0.5, 0.01);
            assert!((p - precision).abs() < 1e-12, "{p} is not {precision}");
            assert!((r - 0.6375).abs() < 1e-12, "{r}");
        }
    }

    #[test]
    fn silence_and_an_alarm_that_never_ends_earn_nothing_and_a_perfect_one_all() {
        let attacks = [(50, 69), (120, 129)];
        assert_eq!(
            precision_and_recall(&attacks, &[], THETA_P, THETA_R),
            (0.0, 0.0)
        );
        assert_eq!(
            precision_and_recall(&attacks, &[(0, 199)], THETA_P, THETA_R),
            (0.0, 0.0)
        );
        assert_eq!(
            precision_and_recall(&attacks, &attacks, THETA_P, THETA_R),
            (1.0, 1.0)
        );
    }

    #[test]
    fn spans_are_the_stretches_of_a_series() {
        let series = [false, true, true, false, true];
        assert_eq!(spans(&series), [(1, 2), (4, 4)]);
        assert_eq!(spans(&[]), []);
    }
}
