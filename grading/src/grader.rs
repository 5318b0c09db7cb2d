//! The grader: one implementation for live matches and recordings.

use crate::context::Context;
use crate::course::Course;
use crate::curve::round;
use crate::describe::clock;
use crate::metrics::detection;
use crate::missed;
use crate::report::PlantCurve;
use crate::{
    AttackSummary, Cap, Evidence, Flag, METRICS, MatchSummary, Metric, MetricScore, Report, Rubric,
    RubricStamp, Side, Total, attack,
};
use sim_record::{EndReason, RECORD_VERSION, Record, SimTime};
use std::collections::BTreeMap;

/// Most parts of one metric that a report lists.
pub const DETAILS_MAX: usize = 160;

/// Grades a match record by record.
pub struct Grader {
    rubric: Rubric,
    context: Context,
    course: Course,
    metrics: Vec<Box<dyn Metric>>,
}

/// Grades a whole recording: the fold of [`Grader::observe`].
#[must_use]
pub fn grade<'r>(rubric: Rubric, records: impl IntoIterator<Item = &'r Record>) -> Report {
    let mut grader = Grader::new(rubric);
    for record in records {
        grader.observe(record);
    }
    grader.report()
}

impl Grader {
    /// A grader that has seen nothing.
    #[must_use]
    pub fn new(rubric: Rubric) -> Self {
        let metrics = METRICS.iter().map(|kind| kind.start(&rubric)).collect();
        let context = Context::new(&rubric.detection);
        Self {
            rubric,
            context,
            course: Course::default(),
            metrics,
        }
    }

    /// Takes in the next record.
    pub fn observe(&mut self, record: &Record) {
        self.context.observe(record);
        self.course.observe(record, &self.context);
        for metric in &mut self.metrics {
            metric.observe(record, &self.context);
        }
    }

    /// The match as the metrics see it.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The report after the records so far.
    #[must_use]
    pub fn report(&self) -> Report {
        let metrics = self.scores();
        let blue = Total::of(&metrics, Side::Blue, self.caps(&metrics));
        let red = Total::of(&metrics, Side::Red, Vec::new());
        let (timeline, timeline_left_out) = self.course.events(&self.context);
        let mut report = Report {
            record_version: RECORD_VERSION,
            rubric: RubricStamp {
                title: self.rubric.title.clone(),
                digest: self.rubric.digest(),
            },
            practice: self.context.info.as_ref().is_none_or(|info| info.practice),
            summary: self.summary(),
            headline: self.headline(&blue, &red),
            blue,
            red,
            metrics,
            attacks: self.attacks(),
            missed: missed::chances(&self.rubric, &self.context, &self.course),
            flags: self.flags(),
            timeline,
            timeline_left_out,
            curves: self.context.curves.iter().map(PlantCurve::of).collect(),
            records: BTreeMap::new(),
            attack_notice: format!("{}. {}", attack::VERSION, attack::NOTICE),
        };
        self.resolve(&mut report);
        report
    }

    fn scores(&self) -> Vec<MetricScore> {
        let pairs = METRICS.iter().zip(&self.metrics);
        pairs
            .map(|(kind, metric)| {
                let mut result = metric.result(&self.rubric, &self.context);
                let points = result.points(kind.floor(&self.rubric));
                result.details.truncate(DETAILS_MAX);
                for point in &mut result.details {
                    point.points = round(point.points, 100.0);
                    point.max = round(point.max, 100.0);
                }
                MetricScore {
                    id: kind.id().to_owned(),
                    title: kind.title().to_owned(),
                    side: kind.side(),
                    value: result.value.map(|value| round(value, 1_000.0)),
                    unit: kind.unit().to_owned(),
                    points: round(points, 100.0),
                    max: round(result.max, 100.0),
                    reason: result.reason,
                    visibility: kind.visibility(),
                    details: result.details,
                }
            })
            .collect()
    }

    /// Unsafe seconds and rupture are gates: no other points make up for them.
    fn caps(&self, metrics: &[MetricScore]) -> Vec<Cap> {
        let rules = &self.rubric.safety;
        let floor = rules.rupture_cap_share * 100.0;
        let mut caps = Vec::new();
        if let Some((time, _)) = self.context.ruptured {
            let reason = format!("the plant was destroyed at {}", clock(time));
            caps.push(Cap {
                limit: round(floor, 100.0),
                reason,
            });
        }
        let unsafe_s = metrics.iter().find(|metric| metric.id == "safety");
        let unsafe_s = unsafe_s.and_then(|metric| metric.value).unwrap_or(0.0);
        if unsafe_s > 0.0 {
            let share = (unsafe_s / rules.unsafe_gate_s).min(1.0);
            let limit = 100.0 - (100.0 - floor) * share;
            let reason = format!("the plant was unsafe for {unsafe_s:.0} s");
            caps.push(Cap {
                limit: round(limit, 100.0),
                reason,
            });
        }
        caps
    }

    fn summary(&self) -> MatchSummary {
        let context = &self.context;
        let Some(info) = &context.info else {
            return MatchSummary {
                graded_until_us: context.now,
                ..MatchSummary::default()
            };
        };
        MatchSummary {
            scenario: info.scenario.clone(),
            title: info.title.clone(),
            cast: info.cast.clone(),
            pace: info.pace.clone(),
            seed: context.end.map(|_| info.seed),
            start_utc_us: info.start_utc_us,
            red_window_from_us: info.red_window.0,
            red_window_to_us: info.red_window.1,
            graded_until_us: context.now,
            ends_us: info.ends,
            ended: context.end,
        }
    }

    fn headline(&self, blue: &Total, red: &Total) -> String {
        let outcome = match (self.context.ruptured, self.context.end) {
            (Some((time, _)), _) => format!("The plant was destroyed at {}", clock(time)),
            (None, Some(EndReason::Destroyed)) => "The plant was destroyed".to_owned(),
            (None, Some(EndReason::Stopped)) if self.context.now < self.ends() => {
                return self.stopped_headline(blue);
            }
            (None, Some(_)) if self.context.attacks.is_empty() => {
                "The shift passed without an attack".to_owned()
            }
            (None, Some(_)) => "The plant survived the attack".to_owned(),
            (None, None) => format!("The match is at {}", clock(self.context.now)),
        };
        let red = if red.max > 0.0 {
            format!(", attackers {:.0}", red.score)
        } else {
            String::new()
        };
        format!("{outcome}. Defenders {:.0} of 100 points{red}.", blue.score)
    }

    /// Of a match that was stopped before its end: no verdict, and whose the points so far are.
    fn stopped_headline(&self, blue: &Total) -> String {
        let open = if self.context.attacks.is_empty() {
            "Whether an attack comes"
        } else {
            "Whether the plant survives the attack"
        };
        format!(
            "The match was stopped at {}, before its end at {}. {open} is not decided, and the points are those of the \
             part that was played: defenders {:.0} of 100.",
            clock(self.context.now),
            clock(self.ends()),
            blue.score
        )
    }

    /// The declared end of the match.
    fn ends(&self) -> SimTime {
        self.context
            .info
            .as_ref()
            .map_or(SimTime::ZERO, |info| info.ends)
    }

    fn attacks(&self) -> Vec<AttackSummary> {
        let outcome = detection::outcome(&self.rubric, &self.context);
        let credits = outcome.credits();
        let summarise = |known: &crate::AttackInstance| {
            let credited = credits.get(&known.number);
            let effect = self.context.effect(known.began, known.last);
            AttackSummary {
                number: known.number,
                technique: attack::canonical(&known.technique).to_owned(),
                technique_name: attack::resolve(&known.technique)
                    .map_or_else(String::new, |technique| technique.name.to_owned()),
                asset: known.asset.clone(),
                by: self.context.name(known.by).to_owned(),
                visible_us: known.visible,
                report: credited.map(|credit| credit.report),
                reported_us: credited.map(|credit| credit.time),
                acts: known.acts,
                refused: known.refused,
                refusals: known.refusals.iter().take(DETAILS_SHORT).cloned().collect(),
                evidence: known.evidence.clone().with_effect(effect),
            }
        };
        self.context.attacks.values().map(summarise).collect()
    }

    fn flags(&self) -> Vec<Flag> {
        let outcome = detection::outcome(&self.rubric, &self.context);
        let mut flags = outcome.flags;
        flags.truncate(DETAILS_MAX);
        flags
    }

    /// Puts frames to all evidence and writes every cited record in words.
    fn resolve(&self, report: &mut Report) {
        let mut records = BTreeMap::new();
        let mut fill = |evidence: &mut Evidence| {
            for seq in &evidence.records {
                if let Some(line) = self.context.line(*seq) {
                    evidence.frames.extend(line.frame);
                    records.insert(*seq, line);
                }
            }
        };
        let points = report
            .metrics
            .iter_mut()
            .flat_map(|metric| &mut metric.details);
        points.for_each(|point| fill(&mut point.evidence));
        report
            .attacks
            .iter_mut()
            .for_each(|known| fill(&mut known.evidence));
        report
            .missed
            .iter_mut()
            .for_each(|chance| fill(&mut chance.evidence));
        report
            .flags
            .iter_mut()
            .for_each(|flag| fill(&mut flag.evidence));
        report.records = records;
    }
}

/// Refusals that a report lists for one attack.
const DETAILS_SHORT: usize = 4;
