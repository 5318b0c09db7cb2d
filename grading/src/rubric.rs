//! The rubric: weights, rates, windows and limits of grading, with the defaults of fair play.
//!
//! Written as `rubric.ron` in a scenario's folder. Every field has a default, every number a range;
//! units stand at the end of each name. Points are of a match worth 100.

use crate::{METRICS, attack};
use serde::{Deserialize, Serialize};
use sim_authored::{
    Entries, FileId, Finding, Findings, Problem, SourceMap, Spanned, code, did_you_mean, parse_ron,
};
use sim_record::{SimDuration, StateHasher};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Version of the schema of `rubric.ron` that this build reads.
pub const RUBRIC_VERSION: u16 = 1;

/// Longest title in characters.
const TITLE_CHARS_MAX: usize = 120;

const SHARE: RangeInclusive<f64> = 0.0..=1.0;
const POINTS: RangeInclusive<f64> = 0.0..=100.0;
const SECONDS: RangeInclusive<f64> = 0.0..=86_400.0;
/// For divisors.
const SOME_SECONDS: RangeInclusive<f64> = 1.0..=86_400.0;
const COUNT: RangeInclusive<f64> = 0.0..=1_000.0;

/// Declares the sections of a rubric: for each number its name, default and range.
macro_rules! sections {
    ($($(#[$doc:meta])* $name:ident as $field:ident {
        $($(#[$field_doc:meta])* $number:ident = $default:expr, $range:expr;)*
    })*) => {
        $($(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Serialize)]
        pub struct $name { $($(#[$field_doc])* pub $number: f64,)* }

        impl Default for $name {
            fn default() -> Self {
                Self { $($number: $default,)* }
            }
        })*

        /// What all metrics are computed with.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        pub struct Rubric {
            /// Title for people.
            pub title: String,
            /// Points of each metric by its id; a metric that is not named has its default.
            pub weights: BTreeMap<String, f64>,
            /// Weight of detecting a technique by the short name of its tactic, 0 to 1; 1 unless named.
            pub tactic_weights: BTreeMap<String, f64>,
            /// Share of the objectives' points by objective id; equal shares unless named.
            pub objectives: BTreeMap<String, f64>,
            $($(#[$doc])* pub $field: $name,)*
        }

        impl Default for Rubric {
            fn default() -> Self {
                Self {
                    title: "Default rubric".into(),
                    weights: BTreeMap::new(),
                    tactic_weights: default_tactic_weights(),
                    objectives: BTreeMap::new(),
                    $($field: $name::default(),)*
                }
            }
        }

        /// As written, with places.
        mod written {
            use super::{Deserialize, Entries, Spanned};

            $(#[derive(Default, Deserialize)]
            #[serde(default, deny_unknown_fields)]
            pub struct $name { $(pub $number: Option<Spanned<f64>>,)* })*

            #[derive(Deserialize)]
            #[serde(deny_unknown_fields)]
            pub struct Rubric {
                pub version: Spanned<u16>,
                #[serde(default)]
                pub title: Option<Spanned<String>>,
                #[serde(default)]
                pub weights: Entries<Spanned<f64>>,
                #[serde(default)]
                pub tactic_weights: Entries<Spanned<f64>>,
                #[serde(default)]
                pub objectives: Entries<Spanned<f64>>,
                $(#[serde(default)]
                pub $field: $name,)*
            }
        }

        fn lower_sections(written: &written::Rubric, rubric: &mut Rubric, findings: &mut Findings) {
            $($(if let Some(number) = &written.$field.$number {
                check(stringify!($number), number, $range, findings);
                rubric.$field.$number = number.value;
            })*)*
        }
    };
}

sections! {
    /// Production and quality against the undisturbed baseline Q0.
    Service as service {
        /// Part of the points that production earns; the rest is for time in specification.
        production_share = 0.7, SHARE;
        /// Q below this share of Q0 is off specification.
        in_band_share = 0.9, SHARE;
        /// What a second of production counts while the operators' view of a controller is lost.
        blind_share = 0.0, SHARE;
    }
    /// Unsafe and unprotected seconds.
    Safety as safety {
        /// Points lost for each unsafe second.
        unsafe_cost_per_s = 0.1, POINTS;
        /// Points lost for each second with a safety function inhibited, once it counts.
        inhibited_cost_per_s = 0.015, POINTS;
        /// Time after the first visible evidence before an inhibition by others counts.
        inhibited_grace_s = 120.0, SECONDS;
        /// Unsafe seconds after which the total is capped as if the plant were lost.
        unsafe_gate_s = 600.0, SOME_SECONDS;
        /// Share of the total that a ruptured plant leaves.
        rupture_cap_share = 0.2, SHARE;
    }
    /// Damage and loss to the environment.
    Damage as damage {
        /// Points lost for each piece of equipment damaged.
        damaged_cost = 5.0, POINTS;
        /// Points lost for each opening of a relief valve.
        relief_cost = 1.0, POINTS;
        /// Points lost for each kmol lost to the environment.
        loss_cost_per_kmol = 0.2, POINTS;
    }
    /// Loss of view and blocked legitimate traffic.
    View as view {
        /// Points lost for each second in which a station has lost a controller.
        lost_cost_per_s = 0.02, POINTS;
        /// Points lost for each legitimate connection that a firewall refused.
        blocked_cost = 0.05, POINTS;
    }
    /// Incident reports against attack instances.
    Detection as detection {
        /// Time after the last effect of an attack in which a report of it still counts.
        window_s = 600.0, SOME_SECONDS;
        /// Report times are rounded up to multiples of this.
        rounding_s = 5.0, SOME_SECONDS;
        /// What is left of the credit for a report at the end of the window.
        late_share = 0.4, SHARE;
        /// What is left of the credit for naming the parent of a sub-technique.
        parent_share = 0.8, SHARE;
        /// What is left of the credit when the time of the attack is wrong.
        wrong_time_share = 0.8, SHARE;
        /// How far the reported begin of an attack may be off.
        began_tolerance_s = 120.0, SECONDS;
        /// What is left of the credit for a report that cites no evidence of its own.
        no_evidence_share = 0.0, SHARE;
        /// Share of the possible credit that earns all points.
        full_credit_share = 0.6, 0.01..=1.0;
        /// Points lost for each false report.
        false_cost = 1.0, POINTS;
        /// Points lost for a false report marked "needs confirmation" and closed by asking.
        confirmed_benign_cost = 0.25, POINTS;
        /// Most points that false reports cost below zero.
        below_zero_max = 5.0, POINTS;
        /// Below this precision detection earns nothing.
        precision_floor = 0.3, SHARE;
        /// Points for reporting a declared latent condition.
        hygiene_credit = 0.5, POINTS;
        /// Least time between two submissions of a team.
        submit_interval_s = 20.0, SECONDS;
        /// Most reports of a team that may be open at once.
        open_reports_max = 12.0, COUNT;
    }
    /// Refusing the attacker by a defender's command.
    Containment as containment {
        /// Time after the first visible evidence by which the credit has fallen to its floor.
        slow_s = 900.0, SOME_SECONDS;
        /// What is left of the credit for a late containment.
        late_share = 0.4, SHARE;
    }
    /// Back in band, as approved, and reported.
    Recovery as recovery {
        /// Time for which everything must hold.
        t_hold_s = 120.0, SECONDS;
        /// Time after the first loss by which the credit has fallen to its floor.
        slow_s = 1_200.0, SOME_SECONDS;
        /// What is left of the credit for a late recovery.
        late_share = 0.5, SHARE;
    }
    /// Costs of drastic responses.
    Response as response {
        /// Restores and downloads that cost nothing.
        restore_budget = 2.0, COUNT;
        /// Points lost for each restore or download beyond the budget.
        restore_cost = 1.0, POINTS;
        /// Points lost for each restore or download without evidence saved first.
        evidence_cost = 0.5, POINTS;
        /// Most points that responses cost.
        cost_max = 10.0, POINTS;
    }
    /// The attackers' points.
    Red as red {
        /// What is left of an objective's value at the end of the window.
        late_share = 0.5, SHARE;
        /// Share of the objectives' points that uncontrolled damage pays, once.
        uncontrolled_share = 0.2, SHARE;
        /// Share of precision lost for each refused attempt: what red does besides cannot make up for it.
        refused_cost_share = 0.01, SHARE;
        /// Detections that cost no stealth.
        free_detections = 2.0, COUNT;
        /// Share of stealth lost for each further detection or refused attempt.
        noise_cost_share = 0.02, SHARE;
    }
    /// What the debrief points out.
    Debrief as debrief {
        /// Time in which somebody should act on an alarm of priority 1 or 2.
        response_s = 180.0, SECONDS;
        /// Time before damage at which cutting the cause still held; 0 if the author does not know it.
        last_moment_s = 0.0, SECONDS;
    }
}

impl Rubric {
    /// Reads `rubric.ron` from its bytes.
    ///
    /// # Errors
    /// Returns what is wrong with it, with places.
    pub fn from_ron(bytes: &[u8]) -> Result<Self, Vec<Problem>> {
        let mut sources = SourceMap::new();
        let file = sources
            .add("rubric.ron", bytes)
            .map_err(|problem| vec![*problem])?;
        Self::read(&sources, file)
    }

    /// Reads a rubric that is one of the files of a folder.
    ///
    /// # Errors
    /// Returns what is wrong with it, with places.
    pub fn read(sources: &SourceMap, file: FileId) -> Result<Self, Vec<Problem>> {
        Self::read_for(sources, file, None)
    }

    /// Reads a rubric that is one of the files of a folder, whose objectives are known.
    ///
    /// # Errors
    /// Returns what is wrong with it, with places; also shares of objectives that do not exist.
    pub fn read_for(
        sources: &SourceMap,
        file: FileId,
        objectives: Option<&[&str]>,
    ) -> Result<Self, Vec<Problem>> {
        let written: written::Rubric =
            parse_ron(sources, file).map_err(|problem| vec![*problem])?;
        let mut findings = Findings::new();
        written
            .objectives
            .report_duplicates("objective", &mut findings);
        let rubric = lower(&written, &mut findings);
        if let Some(known) = objectives {
            check_names(
                &written.objectives,
                "objective",
                known.iter().copied(),
                &mut findings,
            );
        }
        if findings.has_errors() {
            return Err(findings.into_problems(sources));
        }
        Ok(rubric)
    }

    /// Points of a metric: as written, otherwise `default_points`.
    #[must_use]
    pub fn weight(&self, metric: &str, default_points: f64) -> f64 {
        self.weights.get(metric).copied().unwrap_or(default_points)
    }

    /// BLAKE3 of everything in it, in hexadecimal.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hasher = StateHasher::new();
        hasher.value(self);
        hasher.finish().to_string()
    }
}

impl Detection {
    /// Weight of detecting a technique: the greatest of its tactics' weights.
    #[must_use]
    pub fn technique_weight(rubric: &Rubric, technique: &str) -> f64 {
        let Some(technique) = attack::resolve(technique) else {
            return 1.0;
        };
        let of = |tactic: &&str| rubric.tactic_weights.get(*tactic).copied().unwrap_or(1.0);
        technique.tactics.iter().map(of).fold(0.0, f64::max)
    }
}

/// Turns seconds of a rubric into a duration; the ranges above keep it far below overflow.
#[must_use]
pub(crate) fn seconds(value_s: f64) -> SimDuration {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "ranges are checked"
    )]
    SimDuration((value_s.max(0.0) * 1e6) as u64)
}

/// Looking around is worth less than changing the process, so that decoys cannot dilute detection;
/// naming a consequence is worth less than naming its cause.
fn default_tactic_weights() -> BTreeMap<String, f64> {
    let low = [("discovery", 0.5), ("collection", 0.5), ("impact", 0.5)];
    low.into_iter()
        .map(|(tactic, weight)| (tactic.to_owned(), weight))
        .collect()
}

fn lower(written: &written::Rubric, findings: &mut Findings) -> Rubric {
    let mut rubric = Rubric::default();
    if written.version.value != RUBRIC_VERSION {
        findings.push(written.version.problem(
            code::OUT_OF_RANGE,
            format!("this is version {}", written.version.value),
            format!("write a rubric of version {RUBRIC_VERSION}"),
        ));
    }
    if let Some(title) = &written.title {
        if title.value.chars().count() > TITLE_CHARS_MAX {
            let there = format!("the title is longer than {TITLE_CHARS_MAX} characters");
            findings.push(title.problem(code::OUT_OF_RANGE, there, "shorten it"));
        }
        rubric.title.clone_from(&title.value);
    }
    let metric_ids = METRICS.iter().map(|kind| kind.id());
    written.weights.report_duplicates("metric", findings);
    written.tactic_weights.report_duplicates("tactic", findings);
    check_names(&written.weights, "metric", metric_ids, findings);
    check_names(
        &written.tactic_weights,
        "tactic",
        attack::tactics(),
        findings,
    );
    rubric
        .weights
        .extend(numbers(&written.weights, POINTS, findings));
    rubric
        .tactic_weights
        .extend(numbers(&written.tactic_weights, SHARE, findings));
    rubric
        .objectives
        .extend(numbers(&written.objectives, SHARE, findings));
    lower_sections(written, &mut rubric, findings);
    rubric
}

fn check_names<'a>(
    entries: &Entries<Spanned<f64>>,
    what: &str,
    known: impl Iterator<Item = &'a str> + Clone,
    findings: &mut Findings,
) {
    for (name, _) in entries {
        if !known.clone().any(|known| known == name.value) {
            let there = format!("there is no {what} `{}`", name.value);
            let help = did_you_mean(&name.value, known.clone());
            findings.push(name.problem(code::UNKNOWN_NAME, there, help));
        }
    }
}

fn numbers(
    entries: &Entries<Spanned<f64>>,
    range: RangeInclusive<f64>,
    findings: &mut Findings,
) -> BTreeMap<String, f64> {
    for (name, number) in entries {
        check(&name.value, number, range.clone(), findings);
    }
    entries
        .iter()
        .map(|(name, number)| (name.value.clone(), number.value))
        .collect()
}

fn check(name: &str, number: &Spanned<f64>, range: RangeInclusive<f64>, findings: &mut Findings) {
    if !range.contains(&number.value) {
        let finding: Finding = number.problem(
            code::OUT_OF_RANGE,
            format!("`{name}` is {}", number.value),
            format!("write a number from {} to {}", range.start(), range.end()),
        );
        findings.push(finding);
    }
}
