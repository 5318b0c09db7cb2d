//! Unsafe seconds, seconds with a safety function inhibited, and trips.

use super::service::evidence_of;
use super::{Metric, MetricKind, MetricResult, Side};
use crate::describe::duration;
use crate::rubric::seconds;
use crate::{Context, Evidence, Interval, Point, Rubric, Spans, Visibility};
use sim_record::{
    AlarmState, PrincipalId, Record, RecordKind, SafetyEvent, SimDuration, SimTime, Team,
};

/// Most trips, demands and openings that are listed one by one.
const LISTED_MAX: usize = 16;

/// A sample may show an inhibition up to this long before or after the event that began it.
const SAMPLE_PERIOD: SimDuration = SimDuration::from_secs(1);

/// Safety.
pub struct Safety;

impl MetricKind for Safety {
    fn id(&self) -> &'static str {
        "safety"
    }
    fn title(&self) -> &'static str {
        "Safety"
    }
    fn summary(&self) -> &'static str {
        "Seconds outside safe limits, and seconds with a safety function inhibited: from the first visible evidence plus a grace period, or at once when the defenders set it. A trip costs nothing."
    }
    fn unit(&self) -> &'static str {
        "unsafe s"
    }
    fn side(&self) -> Side {
        Side::Blue
    }
    fn visibility(&self) -> Visibility {
        Visibility::Live
    }
    fn default_points(&self) -> f64 {
        20.0
    }
    fn start(&self, rubric: &Rubric) -> Box<dyn Metric> {
        Box::new(Running {
            max: self.weight(rubric),
            grace: seconds(rubric.safety.inhibited_grace_s),
            ..Running::default()
        })
    }
}

#[derive(Default)]
struct Running {
    max: f64,
    grace: SimDuration,
    unsafe_spans: Spans,
    inhibited: Spans,
    counted: Spans,
    /// From when the present inhibition counts, once that is known.
    counts_from: Option<SimTime>,
    /// Who set the latest bypass, and when.
    bypass: Option<(SimTime, Team)>,
    trips: Vec<(SimTime, u64, &'static str)>,
    demands: Vec<(SimTime, u64)>,
    trip_count: u64,
}

impl Metric for Running {
    fn observe(&mut self, record: &Record, context: &Context) {
        match &record.kind {
            RecordKind::Sample(_) => self.sample(record, context),
            RecordKind::Safety { event, by, .. } => self.safety(record, *event, *by, context),
            RecordKind::Detection { .. }
            | RecordKind::Mode { .. }
            | RecordKind::Alarm {
                state: AlarmState::Unacknowledged,
                ..
            } => {
                self.evidence(record.time);
            }
            _ => {}
        }
    }

    fn result(&self, rubric: &Rubric, context: &Context) -> MetricResult {
        if context.plants.iter().all(Option::is_none) {
            return MetricResult::none("No plant was running yet.");
        }
        let rules = &rubric.safety;
        let unsafe_s = self.unsafe_spans.total_s(context.now);
        let inhibited_s = self.counted.total_s(context.now);
        let unsafe_cost = (unsafe_s * rules.unsafe_cost_per_s).min(self.max);
        let inhibited_cost = (inhibited_s * rules.inhibited_cost_per_s).min(self.max - unsafe_cost);
        let mut details = vec![self.kept(unsafe_cost + inhibited_cost, context)];
        details.extend(self.costs(unsafe_s, unsafe_cost, inhibited_s, inhibited_cost, context));
        details.extend(self.events());
        let mut reason = if unsafe_s > 0.0 {
            format!("Outside safe limits for {}", duration(unsafe_s))
        } else {
            "Never outside safe limits".to_owned()
        };
        if inhibited_s > 0.0 {
            reason.push_str(&format!(
                "; protection inhibited for {} beyond what is allowed",
                duration(inhibited_s)
            ));
        }
        reason.push('.');
        if self.trip_count > 0 {
            reason.push_str(&format!(" Trips and shutdowns: {}.", self.trip_count));
        }
        MetricResult {
            value: Some(unsafe_s),
            max: self.max,
            reason,
            details,
        }
    }
}

impl Running {
    fn sample(&mut self, record: &Record, context: &Context) {
        let (time, seq) = (record.time, record.seq);
        self.unsafe_spans
            .set(context.any_plant(|plant| plant.unsafe_now), time, seq);
        let inhibited = context.any_plant(|plant| plant.inhibited);
        self.inhibited.set(inhibited, time, seq);
        if !inhibited {
            self.counts_from = None;
        } else if let Some((set, team)) = self.bypass {
            match team {
                Team::Blue => self.counts_from = Some(self.counts_from.unwrap_or(set).min(set)),
                // A proof test under a permit is benign life.
                Team::White => {}
                Team::Red | Team::Range => self.evidence(set),
            }
        }
        let counts = inhibited && self.counts_from.is_some_and(|from| from <= time);
        self.counted.set(counts, time, seq);
    }

    fn safety(&mut self, record: &Record, event: SafetyEvent, by: PrincipalId, context: &Context) {
        let listed = |list: usize| list < LISTED_MAX;
        match event {
            SafetyEvent::Trip | SafetyEvent::Shutdown => {
                self.trip_count = self.trip_count.saturating_add(1);
                if listed(self.trips.len()) {
                    let what = crate::describe::safety_event(event);
                    self.trips.push((record.time, record.seq, what));
                }
            }
            SafetyEvent::BypassOn => self.bypass = Some((record.time, context.team(by))),
            SafetyEvent::BypassOff => self.bypass = None,
            SafetyEvent::DemandWhileBypassed => {
                self.evidence(record.time);
                if listed(self.demands.len()) {
                    self.demands.push((record.time, record.seq));
                }
            }
            SafetyEvent::Reset => {}
        }
    }

    /// Something showed that protection is inhibited: from `time` plus the grace period it counts.
    fn evidence(&mut self, time: SimTime) {
        let Some(since) = self.inhibited.since() else {
            return;
        };
        let benign = matches!(self.bypass, Some((_, Team::White)));
        if !benign && time + SAMPLE_PERIOD >= since && self.counts_from.is_none() {
            self.counts_from = Some(time + self.grace);
        }
    }

    fn kept(&self, cost: f64, context: &Context) -> Point {
        let reason = if cost > 0.0 {
            "Full points, before what unsafe and unprotected seconds cost."
        } else {
            "The plant stayed inside safe limits with its protection in service."
        };
        Point {
            points: self.max,
            max: self.max,
            reason: reason.into(),
            visibility: Visibility::Live,
            evidence: Evidence::between(SimTime::ZERO, context.now),
        }
    }

    fn costs(
        &self,
        unsafe_s: f64,
        unsafe_cost: f64,
        inhibited_s: f64,
        inhibited_cost: f64,
        context: &Context,
    ) -> Vec<Point> {
        let cost = |cost: f64, reason: String, stretch: Option<Interval>| Point {
            points: -cost,
            max: 0.0,
            reason,
            visibility: Visibility::Live,
            evidence: evidence_of(stretch.as_ref(), context),
        };
        let mut points = Vec::new();
        if unsafe_s > 0.0 {
            let reason = format!("Outside safe limits for {}.", duration(unsafe_s));
            points.push(cost(
                unsafe_cost,
                reason,
                self.unsafe_spans.longest(context.now),
            ));
        }
        if inhibited_s > 0.0 {
            let reason = format!(
                "A safety function stayed inhibited for {} beyond what is allowed.",
                duration(inhibited_s)
            );
            points.push(cost(
                inhibited_cost,
                reason,
                self.counted.longest(context.now),
            ));
        }
        points
    }

    fn events(&self) -> Vec<Point> {
        let event = |time: SimTime, seq: u64, reason: String| Point {
            points: 0.0,
            max: 0.0,
            reason,
            visibility: Visibility::Live,
            evidence: Evidence::at(time).citing(seq),
        };
        let trips = self.trips.iter().map(|(time, seq, what)| {
            event(*time, *seq, format!("A {what}: safe, but without service."))
        });
        let demands = self.demands.iter().map(|(time, seq)| {
            event(
                *time,
                *seq,
                "A trip was demanded while its bypass stood.".into(),
            )
        });
        trips.chain(demands).collect()
    }
}
