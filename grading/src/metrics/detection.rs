//! Incident reports against attack instances, matched one to one at maximum weight.
//!
//! A report is credited for asset, technique (or its parent), time and own evidence; it earns more
//! when early and right. A report of nothing true costs; below a precision the metric earns nothing.

use super::{Metric, MetricKind, MetricResult, Side, decay};
use crate::context::{Context, IncidentReport};
use crate::describe::{clip, clock, duration, plural};
use crate::matching::maximum_weight_matching;
use crate::rubric::seconds;
use crate::{
    AttackInstance, Evidence, Flag, Point, Rubric, Visibility, attack, attack::Relation, rubric,
};
use sim_record::{Record, SimTime};
use std::collections::BTreeMap;

/// Most reports and attack instances that take part in the matching; the earliest count.
pub const MATCHED_MAX: usize = 160;

/// Resolution of a credit.
const CREDIT_UNIT: f64 = 1e6;

/// Detection.
pub struct Detection;

impl MetricKind for Detection {
    fn id(&self) -> &'static str {
        "detection"
    }
    fn title(&self) -> &'static str {
        "Detection"
    }
    fn summary(&self) -> &'static str {
        "Incident reports matched one to one with attack instances by asset, technique and time; early and right earns more, false reports cost."
    }
    fn unit(&self) -> &'static str {
        "attacks reported"
    }
    fn side(&self) -> Side {
        Side::Blue
    }
    fn visibility(&self) -> Visibility {
        Visibility::Debrief
    }
    fn default_points(&self) -> f64 {
        15.0
    }
    fn floor(&self, rubric: &Rubric) -> f64 {
        -rubric.detection.below_zero_max
    }
    fn start(&self, rubric: &Rubric) -> Box<dyn Metric> {
        Box::new(Running {
            max: self.weight(rubric),
        })
    }
}

/// It computes from the attacks and reports that the context keeps.
struct Running {
    max: f64,
}

/// What was credited for an attack.
#[derive(Clone, Debug, PartialEq)]
pub struct Credit {
    /// Report.
    pub report: u32,
    /// When it was filed.
    pub time: SimTime,
    /// Share of the attack's value, 0 to 1.
    pub share: f64,
    /// Why not more.
    pub reason: String,
}

/// What became of a report that no attack was credited for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    /// A declared latent condition.
    Hygiene(String),
    /// True, but without credit, for this reason; worth a look by an instructor if the flag is set.
    Empty(&'static str, bool),
    /// Nothing true.
    False,
    /// A repetition of another false report.
    FalseAgain,
    /// Nothing true, marked as uncertain and closed by asking.
    ConfirmedBenign,
}

/// Result of the matching.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Credits by attack instance.
    pub credited: BTreeMap<u32, Credit>,
    /// For the instructor.
    pub flags: Vec<Flag>,
    verdicts: BTreeMap<u32, Verdict>,
    /// True reports among those that claim something, 0 to 1; 1 without any.
    precision: f64,
    false_count: usize,
}

/// Matches the reports of a match with its attacks.
#[must_use]
pub fn outcome(rubric: &Rubric, context: &Context) -> Outcome {
    let attacks: Vec<&AttackInstance> = context.attacks.values().take(MATCHED_MAX).collect();
    let reports: Vec<&IncidentReport> = context.reports.values().take(MATCHED_MAX).collect();
    let weights: Vec<Vec<i64>> = reports
        .iter()
        .map(|report| {
            attacks
                .iter()
                .map(|known| weight(rubric, report, known))
                .collect()
        })
        .collect();
    let partners = maximum_weight_matching(&weights);
    let mut outcome = Outcome::default();
    for (report, partner) in reports.iter().zip(&partners) {
        if let Some(known) = partner.and_then(|index| attacks.get(index)) {
            let (share, reason) = credit(rubric, report, known);
            let credit = Credit {
                report: report.number,
                time: report.claimed,
                share,
                reason,
            };
            outcome.credited.insert(known.number, credit);
        }
    }
    judge_rest(&mut outcome, rubric, context, &reports);
    outcome
}

/// Value of matching a report with an attack in millionths.
fn weight(rubric: &Rubric, report: &IncidentReport, known: &AttackInstance) -> i64 {
    let (share, _) = credit(rubric, report, known);
    let value = share * rubric::Detection::technique_weight(rubric, &known.technique);
    #[allow(clippy::cast_possible_truncation, reason = "0 to 1e6")]
    let millionths = libm::round(value * CREDIT_UNIT) as i64;
    millionths
}

/// Share of an attack's value that a report earns, and why not more.
fn credit(rubric: &Rubric, report: &IncidentReport, known: &AttackInstance) -> (f64, String) {
    let rules = &rubric.detection;
    let relation = related(report, known);
    let (Some(relation), Some(visible)) = (relation, known.visible) else {
        return (0.0, String::new());
    };
    let claimed = rounded_up(report.claimed, rules.rounding_s);
    let late = claimed > known.last + seconds(rules.window_s);
    if claimed < visible || late || report.too_many || report.closed_as_benign {
        return (0.0, String::new());
    }
    let delay_s = claimed.since(visible).as_secs_f64();
    let mut share = decay(delay_s, rules.window_s, rules.late_share);
    let mut reason = format!("{} after it became visible", duration(delay_s));
    if relation == Relation::Parent {
        share *= rules.parent_share;
        reason.push_str(", names the parent technique");
    }
    let off = report
        .began
        .since(known.began)
        .0
        .max(known.began.since(report.began).0);
    if off > seconds(rules.began_tolerance_s).0 {
        share *= rules.wrong_time_share;
        reason.push_str(", gives a wrong begin");
    }
    if !report.own_evidence {
        share *= rules.no_evidence_share;
        reason.push_str(", cites no evidence of its own");
    }
    (share, reason)
}

fn related(report: &IncidentReport, known: &AttackInstance) -> Option<Relation> {
    if report.asset != known.asset {
        return None;
    }
    attack::relation(&report.technique, &known.technique)
}

/// Report times are rounded up, so that no point turns on less than the step.
fn rounded_up(time: SimTime, step_s: f64) -> SimTime {
    let step = seconds(step_s).0.max(1);
    SimTime(time.0.div_ceil(step).saturating_mul(step))
}

fn judge_rest(
    outcome: &mut Outcome,
    rubric: &Rubric,
    context: &Context,
    reports: &[&IncidentReport],
) {
    let credited: Vec<u32> = outcome
        .credited
        .values()
        .map(|credit| credit.report)
        .collect();
    let mut false_claims: Vec<(&str, &str)> = Vec::new();
    for report in reports
        .iter()
        .filter(|report| !credited.contains(&report.number))
    {
        let mut verdict = judge(rubric, context, report, &outcome.credited);
        if verdict == Verdict::False {
            let claim = (report.asset.as_str(), attack::canonical(&report.technique));
            if false_claims.contains(&claim) {
                verdict = Verdict::FalseAgain;
            } else {
                false_claims.push(claim);
            }
        }
        if let Verdict::Empty(why, true) = &verdict {
            outcome.flags.push(Flag {
                text: format!("Report {}: {why}", report.number),
                evidence: evidence_of(report),
            });
        }
        outcome.verdicts.insert(report.number, verdict);
    }
    outcome.false_count = false_claims.len();
    let true_count = credited.len();
    let claims = true_count.saturating_add(outcome.false_count);
    outcome.precision = if claims == 0 {
        1.0
    } else {
        ratio(true_count, claims)
    };
}

fn judge(
    rubric: &Rubric,
    context: &Context,
    report: &IncidentReport,
    credited: &BTreeMap<u32, Credit>,
) -> Verdict {
    let claimed = rounded_up(report.claimed, rubric.detection.rounding_s);
    let latent = context.latents.values().find(|l| l.is_meant_by(report));
    if let Some(latent) = latent {
        return Verdict::Hygiene(latent.title.clone());
    }
    let begun = context
        .attacks
        .values()
        .filter(|known| known.began <= claimed);
    let mut meant = begun
        .filter(|known| related(report, known).is_some())
        .peekable();
    if meant.peek().is_none() {
        let asked = report.needs_confirmation && report.closed_as_benign;
        return if asked {
            Verdict::ConfirmedBenign
        } else {
            Verdict::False
        };
    }
    if report.closed_as_benign {
        return Verdict::Empty("it dismissed a true attack as benign.", false);
    }
    if report.too_many {
        return Verdict::Empty(
            "it came too soon after another, or too many were open.",
            true,
        );
    }
    let all: Vec<&AttackInstance> = meant.collect();
    if all
        .iter()
        .all(|known| known.visible.is_none_or(|visible| visible > claimed))
    {
        return Verdict::Empty("it came before anything of that attack was visible.", true);
    }
    if all.iter().any(|known| credited.contains_key(&known.number)) {
        return Verdict::Empty("it repeats a report that was credited.", false);
    }
    if !report.own_evidence {
        return Verdict::Empty("it cites no evidence of its own.", false);
    }
    Verdict::Empty("it came after the time window of that attack.", false)
}

impl Metric for Running {
    fn observe(&mut self, _record: &Record, _context: &Context) {}

    fn result(&self, rubric: &Rubric, context: &Context) -> MetricResult {
        let outcome = outcome(rubric, context);
        let visible: Vec<&AttackInstance> = context
            .attacks
            .values()
            .filter(|known| known.visible.is_some())
            .collect();
        let value_of =
            |known: &AttackInstance| rubric::Detection::technique_weight(rubric, &known.technique);
        let possible: f64 = visible.iter().map(|known| value_of(known)).sum();
        let earned: f64 = visible
            .iter()
            .filter_map(|known| Some(value_of(known) * outcome.credited.get(&known.number)?.share))
            .sum();
        let below_floor = outcome.precision < rubric.detection.precision_floor;
        let unit = if below_floor {
            0.0
        } else {
            self.max
                / (possible * rubric.detection.full_credit_share)
                    .max(earned)
                    .max(1e-9)
        };
        let mut details = Vec::new();
        for known in &visible {
            let full = self.max * value_of(known) / possible.max(1e-9);
            details.push(attack_point(
                known,
                &outcome,
                value_of(known) * unit,
                full,
                context,
            ));
        }
        let hygiene = self.rest(&outcome, rubric, context, &mut details);
        let max = if visible.is_empty() {
            hygiene
        } else {
            self.max
        };
        MetricResult {
            value: Some(ratio(outcome.credited.len(), 1)),
            max,
            reason: reason(&outcome, visible.len(), below_floor, rubric),
            details,
        }
    }
}

impl Running {
    /// Points for reports without an attack; returns the hygiene credit.
    fn rest(
        &self,
        outcome: &Outcome,
        rubric: &Rubric,
        context: &Context,
        details: &mut Vec<Point>,
    ) -> f64 {
        let rules = &rubric.detection;
        let mut hygiene = 0.0;
        let mut praised: Vec<&str> = Vec::new();
        for (number, verdict) in &outcome.verdicts {
            let Some(report) = context.reports.get(number) else {
                continue;
            };
            let (points, why) = match verdict {
                Verdict::Hygiene(title) if praised.contains(&title.as_str()) => (
                    0.0,
                    format!("repeats the declared latent condition: {title}"),
                ),
                Verdict::Hygiene(title) => {
                    praised.push(title);
                    hygiene += rules.hygiene_credit;
                    (
                        rules.hygiene_credit,
                        format!("names a declared latent condition: {title}"),
                    )
                }
                Verdict::Empty(why, _) => (0.0, format!("true, but no credit: {why}")),
                Verdict::False => (
                    -rules.false_cost,
                    "nothing of the kind had happened.".into(),
                ),
                Verdict::FalseAgain => (0.0, "repeats a false report.".into()),
                Verdict::ConfirmedBenign => (
                    -rules.confirmed_benign_cost,
                    "benign, but marked as uncertain and closed by asking.".into(),
                ),
            };
            let claim = format!("{} on {}", attack::label(&report.technique), report.asset);
            details.push(Point {
                points,
                max: points.max(0.0),
                reason: clip(&format!("Report {number}, {claim}: {why}")),
                visibility: Visibility::Debrief,
                evidence: evidence_of(report),
            });
        }
        hygiene
    }
}

fn attack_point(
    known: &AttackInstance,
    outcome: &Outcome,
    unit: f64,
    max: f64,
    context: &Context,
) -> Point {
    let what = format!("{} on {}", attack::label(&known.technique), known.asset);
    let mut evidence = known
        .evidence
        .clone()
        .with_effect(context.effect(known.began, known.last));
    let (points, why) = match outcome.credited.get(&known.number) {
        Some(credit) => {
            if let Some(report) = context.reports.get(&credit.report) {
                report.records.iter().for_each(|seq| evidence.cite(*seq));
            }
            (
                unit * credit.share,
                format!("report {}, {}", credit.report, credit.reason),
            )
        }
        None => (0.0, format!("not reported up to {}", clock(context.now))),
    };
    Point {
        points,
        max: max.max(points),
        reason: clip(&format!("{what}: {why}.")),
        visibility: Visibility::Debrief,
        evidence,
    }
}

fn evidence_of(report: &IncidentReport) -> Evidence {
    let mut evidence = Evidence::at(report.claimed);
    report.records.iter().for_each(|seq| evidence.cite(*seq));
    evidence
}

fn reason(outcome: &Outcome, visible: usize, below_floor: bool, rubric: &Rubric) -> String {
    if visible == 0 && outcome.verdicts.is_empty() {
        return "No attack was visible, and nothing was reported.".into();
    }
    let mut reason = format!(
        "{} of {} reported; {}.",
        outcome.credited.len(),
        plural(visible as u64, "visible attack"),
        plural(outcome.false_count as u64, "false report")
    );
    if below_floor {
        reason.push_str(&format!(
            " Precision {:.2} is below {:.2}: reports earn nothing.",
            outcome.precision, rubric.detection.precision_floor
        ));
    }
    reason
}

#[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}
