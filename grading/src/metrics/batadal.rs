//! BATADAL's score S of incident reports taken as a stream, as a published comparator.
//!
//! S = 0.5 S_TTD + 0.5 S_CM, S_TTD = 1 - mean(TTD / Dt), S_CM = (TPR + TNR) / 2, with Dt the number of
//! samples of an attack (rules of the Battle of the Attack Detection Algorithms, 2017).

use super::{Metric, MetricKind, MetricResult, Side};
use crate::{Context, Rubric, Visibility};
use sim_record::{Record, SimTime};

/// Longest match that is scored second by second.
const SECONDS_MAX: usize = 100_000;

/// BATADAL's S.
pub struct Batadal;

impl MetricKind for Batadal {
    fn id(&self) -> &'static str {
        "batadal-s"
    }
    fn title(&self) -> &'static str {
        "BATADAL S"
    }
    fn summary(&self) -> &'static str {
        "Open incident reports against attack time, second by second; 0.25 is silence, 0.75 an alarm that never ends."
    }
    fn unit(&self) -> &'static str {
        "S"
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
        match score(&attacked, &reported) {
            Some(s) => MetricResult::info(Some(s), format!("S = {s:.3}; silence scores 0.250.")),
            None => MetricResult::none("There was no attack."),
        }
    }
}

/// One flag a second.
pub(super) type Series = [bool];

/// Seconds under attack and seconds with an open report that is no dismissal.
pub(super) fn attacked_and_reported(context: &Context) -> (Vec<bool>, Vec<bool>) {
    let seconds = index(context.now).saturating_add(1);
    let mut attacked = vec![false; seconds];
    let mut reported = vec![false; seconds];
    for known in context.attacks.values() {
        mark(&mut attacked, known.began, known.last);
    }
    for report in context
        .reports
        .values()
        .filter(|report| !report.closed_as_benign)
    {
        mark(
            &mut reported,
            report.claimed,
            report.closed.unwrap_or(context.now),
        );
    }
    (attacked, reported)
}

/// BATADAL's S of two series; none without an attack.
fn score(attacked: &[bool], reported: &[bool]) -> Option<f64> {
    let (mut tp, mut fn_, mut tn, mut fp) = (0_u32, 0_u32, 0_u32, 0_u32);
    for (truth, claim) in attacked.iter().zip(reported) {
        let cell = match (truth, claim) {
            (true, true) => &mut tp,
            (true, false) => &mut fn_,
            (false, false) => &mut tn,
            (false, true) => &mut fp,
        };
        *cell = cell.saturating_add(1);
    }
    let share = |part: u32, rest: u32| {
        let whole = part.saturating_add(rest);
        if whole == 0 {
            1.0
        } else {
            f64::from(part) / f64::from(whole)
        }
    };
    let ratios = delays(attacked, reported);
    #[allow(clippy::cast_precision_loss, reason = "at most 1e5")]
    let mean_delay = ratios.iter().sum::<f64>() / (ratios.len().max(1) as f64);
    let s_cm = f64::midpoint(share(tp, fn_), share(tn, fp));
    (!ratios.is_empty()).then_some(f64::midpoint(1.0 - mean_delay, s_cm))
}

/// TTD / Dt of each stretch of attack.
fn delays(attacked: &[bool], reported: &[bool]) -> Vec<f64> {
    let mut ratios = Vec::new();
    let pairs: Vec<(bool, bool)> = attacked
        .iter()
        .copied()
        .zip(reported.iter().copied())
        .collect();
    for stretch in pairs.chunk_by(|a, b| a.0 == b.0) {
        if stretch.first().is_some_and(|(truth, _)| *truth) {
            let found = stretch.iter().position(|(_, claim)| *claim);
            #[allow(clippy::cast_precision_loss, reason = "at most 1e5")]
            ratios.push(found.unwrap_or(stretch.len()) as f64 / stretch.len() as f64);
        }
    }
    ratios
}

fn index(time: SimTime) -> usize {
    usize::try_from(time.0 / 1_000_000)
        .unwrap_or(SECONDS_MAX)
        .min(SECONDS_MAX)
}

fn mark(series: &mut [bool], from: SimTime, to: SimTime) {
    let end = index(to).saturating_add(1).min(series.len());
    if let Some(stretch) = series.get_mut(index(from).min(end)..end) {
        stretch.fill(true);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn series(parts: &[(usize, bool)]) -> Vec<bool> {
        parts
            .iter()
            .flat_map(|(count, value)| vec![*value; *count])
            .collect()
    }

    /// The worked example of the rules: n 168, Dt 40, TTD 8, TP 27, FN 13, TN 128, S 0.81875.
    #[test]
    fn the_example_of_the_rules_is_reproduced() {
        let attacked = series(&[(100, false), (40, true), (28, false)]);
        let reported = series(&[(108, false), (27, true), (33, false)]);
        assert!((score(&attacked, &reported).unwrap() - 0.81875).abs() < 1e-12);
    }

    #[test]
    fn silence_and_constant_alarm_have_their_published_scores() {
        let attacked = series(&[(50, false), (20, true), (30, false)]);
        assert_eq!(score(&attacked, &[false; 100]), Some(0.25));
        assert_eq!(score(&attacked, &[true; 100]), Some(0.75));
        assert_eq!(score(&attacked, &attacked), Some(1.0));
        assert_eq!(score(&[false; 5], &[false; 5]), None);
    }
}
