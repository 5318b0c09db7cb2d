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
use sim_record::{PrincipalId, Record, SimTime};
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
        "Incident reports matched one to one with attacks by asset, technique and time; early and right earns more, false reports cost. Techniques of one act count as one incident."
    }
    fn unit(&self) -> &'static str {
        "incidents reported"
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

/// What was credited for an incident.
#[derive(Clone, Debug, PartialEq)]
pub struct Credit {
    /// Report.
    pub report: u32,
    /// When it was filed.
    pub time: SimTime,
    /// Share of the incident's value, 0 to 1.
    pub share: f64,
    /// Why not more.
    pub reason: String,
}

/// Attack instances that one act began: the same attacker, asset and first record.
///
/// One write can be an unauthorized message and a changed parameter at once; a report that names
/// either has found it, and nobody must report one frame twice.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// Numbers of its attack instances.
    pub attacks: Vec<u32>,
    /// Begin of the first one.
    pub began: SimTime,
    /// First moment at which the defenders could see any of them.
    pub visible: Option<SimTime>,
    /// Weight: the greatest of its techniques'.
    pub value: f64,
    /// The report that found it.
    pub credit: Option<Credit>,
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
    /// Everything that there was to detect.
    pub incidents: Vec<Incident>,
    /// For the instructor.
    pub flags: Vec<Flag>,
    verdicts: BTreeMap<u32, Verdict>,
    /// True reports among those that claim something, 0 to 1; 1 without any.
    precision: f64,
    false_count: usize,
}

impl Outcome {
    /// Credit by attack instance.
    pub fn credits(&self) -> BTreeMap<u32, &Credit> {
        let credited = self.incidents.iter().filter_map(|incident| {
            let credit = incident.credit.as_ref()?;
            Some(incident.attacks.iter().map(move |number| (*number, credit)))
        });
        credited.flatten().collect()
    }

    fn reported(&self) -> usize {
        self.incidents
            .iter()
            .filter(|incident| incident.credit.is_some())
            .count()
    }
}

/// Matches the reports of a match with its incidents.
#[must_use]
pub fn outcome(rubric: &Rubric, context: &Context) -> Outcome {
    let mut incidents = incidents(rubric, context);
    let reports: Vec<&IncidentReport> = context.reports.values().take(MATCHED_MAX).collect();
    let best = |report: &IncidentReport, incident: &Incident| {
        let members = incident
            .attacks
            .iter()
            .filter_map(|number| context.attacks.get(number));
        let credits = members.map(|known| credit(rubric, report, known));
        credits.fold((0.0, String::new()), |best, next| {
            if next.0 > best.0 { next } else { best }
        })
    };
    let weights: Vec<Vec<i64>> = reports
        .iter()
        .map(|report| {
            let values = incidents
                .iter()
                .map(|incident| best(report, incident).0 * incident.value);
            values.map(millionths).collect()
        })
        .collect();
    let partners = maximum_weight_matching(&weights);
    for (report, partner) in reports.iter().zip(&partners) {
        if let Some(incident) = partner.and_then(|index| incidents.get_mut(index)) {
            let (share, reason) = best(report, incident);
            let (number, time) = (report.number, report.claimed);
            incident.credit = Some(Credit {
                report: number,
                time,
                share,
                reason,
            });
        }
    }
    let mut outcome = Outcome {
        incidents,
        ..Outcome::default()
    };
    judge_rest(&mut outcome, rubric, context, &reports);
    outcome
}

/// Groups attack instances by the act that began them.
fn incidents(rubric: &Rubric, context: &Context) -> Vec<Incident> {
    let mut incidents: Vec<Incident> = Vec::new();
    let mut by_act: BTreeMap<(PrincipalId, &str, Option<u64>), usize> = BTreeMap::new();
    for known in context.attacks.values() {
        let act = known.evidence.records.first().copied();
        let key = (known.by, known.asset.as_str(), act);
        let value = rubric::Detection::technique_weight(rubric, &known.technique);
        if let Some(incident) = by_act.get(&key).and_then(|index| incidents.get_mut(*index)) {
            incident.attacks.push(known.number);
            incident.began = incident.began.min(known.began);
            incident.visible = match (incident.visible, known.visible) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
            incident.value = incident.value.max(value);
        } else if incidents.len() < MATCHED_MAX {
            by_act.insert(key, incidents.len());
            incidents.push(Incident {
                attacks: vec![known.number],
                began: known.began,
                visible: known.visible,
                value,
                credit: None,
            });
        }
    }
    incidents
}

/// A weight for the matching, which is exact on integers.
fn millionths(value: f64) -> i64 {
    #[allow(clippy::cast_possible_truncation, reason = "0 to 1e6")]
    let whole = libm::round(value * CREDIT_UNIT) as i64;
    whole
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
    let credits = outcome
        .incidents
        .iter()
        .filter_map(|incident| incident.credit.as_ref());
    let credited: Vec<u32> = credits.map(|credit| credit.report).collect();
    let found: Vec<u32> = outcome.credits().into_keys().collect();
    let mut false_claims: Vec<(&str, &str)> = Vec::new();
    for report in reports
        .iter()
        .filter(|report| !credited.contains(&report.number))
    {
        let mut verdict = judge(rubric, context, report, &found);
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

fn judge(rubric: &Rubric, context: &Context, report: &IncidentReport, found: &[u32]) -> Verdict {
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
        if context.detected(&report.asset, &report.technique, claimed) {
            return Verdict::Empty(
                "a shipped detection says so, but the act has another name.",
                false,
            );
        }
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
    if all.iter().any(|known| found.contains(&known.number)) {
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
        let visible: Vec<&Incident> = outcome
            .incidents
            .iter()
            .filter(|incident| incident.visible.is_some())
            .collect();
        let possible: f64 = visible.iter().map(|incident| incident.value).sum();
        let earned = visible
            .iter()
            .filter_map(|incident| Some(incident.value * incident.credit.as_ref()?.share));
        let earned: f64 = earned.sum();
        let below_floor = outcome.precision < rubric.detection.precision_floor;
        let unit = if below_floor {
            0.0
        } else {
            let enough = possible * rubric.detection.full_credit_share;
            self.max / enough.max(earned).max(1e-9)
        };
        let mut details = Vec::new();
        for incident in &visible {
            let full = self.max * incident.value / possible.max(1e-9);
            details.push(incident_point(
                incident,
                incident.value * unit,
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
            value: Some(ratio(outcome.reported(), 1)),
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

fn incident_point(incident: &Incident, unit: f64, max: f64, context: &Context) -> Point {
    let (what, mut evidence) = in_words(incident, context);
    let (points, why) = match &incident.credit {
        Some(credit) => {
            if let Some(report) = context.reports.get(&credit.report) {
                let records = report.records.iter().chain(&report.evidence);
                records.for_each(|seq| evidence.cite(*seq));
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

/// An incident in words, such as `T0836 Modify Parameter (also T1692.001) on plc1`, and its evidence.
pub(crate) fn in_words(incident: &Incident, context: &Context) -> (String, Evidence) {
    let mut members = incident
        .attacks
        .iter()
        .filter_map(|number| context.attacks.get(number));
    let Some(first) = members.next() else {
        return (String::new(), Evidence::at(incident.began));
    };
    let mut evidence = first.evidence.clone();
    let mut also: Vec<&str> = Vec::new();
    for other in members {
        also.push(attack::canonical(&other.technique));
        evidence.from = evidence.from.min(other.evidence.from);
        evidence.to = evidence.to.max(other.evidence.to);
    }
    let effect = context.effect(evidence.from, evidence.to);
    let also = if also.is_empty() {
        String::new()
    } else {
        format!(" (also {})", also.join(", "))
    };
    let what = format!(
        "{}{also} on {}",
        attack::label(&first.technique),
        first.asset
    );
    (clip(&what), evidence.with_effect(effect))
}

fn evidence_of(report: &IncidentReport) -> Evidence {
    let mut evidence = Evidence::at(report.claimed);
    let records = report.records.iter().chain(&report.evidence);
    records.for_each(|seq| evidence.cite(*seq));
    evidence
}

fn reason(outcome: &Outcome, visible: usize, below_floor: bool, rubric: &Rubric) -> String {
    if visible == 0 && outcome.verdicts.is_empty() {
        return "No attack was visible, and nothing was reported.".into();
    }
    let techniques: usize = outcome.incidents.iter().map(|i| i.attacks.len()).sum();
    let together = if techniques > outcome.incidents.len() {
        format!(" ({techniques} attacks; those that one act began are one incident)")
    } else {
        String::new()
    };
    let mut reason = format!(
        "{} of {}{together} reported; {}.",
        outcome.reported(),
        plural(visible as u64, "visible incident"),
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
