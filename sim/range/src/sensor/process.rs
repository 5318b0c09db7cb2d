//! Detections that read tags as the station shows them.

use super::{ModeLogged, ReadTag};
use serde::Serialize;
use sim_record::{SimDuration, SimTime};
use sim_scenario::model::{DetectionRule, Scenario};
use sim_view::Table;
use std::collections::VecDeque;

/// A change of mode is judged so long after it was seen, so that the operators' log can catch up.
const LOG_DELAY: SimDuration = SimDuration::from_secs(5);
/// Changes of one tag that wait to be judged.
const CHANGES_MAX: usize = 16;
/// Time over which a rate is measured: long enough that a transmitter's noise does not look like a rise.
const RATE_WINDOW: SimDuration = SimDuration::from_secs(60);
/// Shortest time over which a rate means anything.
const RATE_SPAN_MIN: SimDuration = SimDuration::from_secs(45);
/// Fewest values from which a rate is taken.
const RATE_VALUES_MIN: usize = 30;
/// Most values kept for a rate.
const RATE_VALUES_MAX: usize = 128;
/// Two words or bits that differ by more than this differ.
const STEP: f64 = 0.5;

/// A tag whose changes are watched.
#[derive(Serialize)]
pub(super) struct ModeTag {
    tag: String,
    asset: String,
    value: Option<f64>,
    changes: VecDeque<(SimTime, f64, f64)>,
}

/// One detection on tags, with what it remembers.
#[derive(Serialize)]
pub(super) enum Watcher {
    KeyNotRun {
        controller: String,
        tags: Vec<String>,
    },
    Bypass {
        tag: String,
        asset: String,
    },
    ModeChange(Vec<ModeTag>),
    Deviation {
        a: String,
        b: String,
        asset: String,
        limit: f64,
        length: SimDuration,
        since: Option<SimTime>,
    },
    Rate {
        tag: String,
        asset: String,
        limit_per_min: f64,
        values: VecDeque<(SimTime, f64)>,
    },
    AboveWhile {
        tag: String,
        asset: String,
        limit: f64,
        mode: String,
        value: f64,
    },
}

/// Takes asset and text of a finding.
type Found<'a> = &'a mut dyn FnMut(&str, String);

impl Watcher {
    /// The watcher of a rule, if it is one on tags.
    pub fn new(scenario: &Scenario, rule: &DetectionRule) -> Option<Self> {
        let controller = |tag: &str| {
            scenario
                .tags
                .get(tag)
                .map_or_else(String::new, |t| t.controller.clone())
        };
        Some(match rule {
            DetectionRule::KeyNotRun(asset) => Self::KeyNotRun {
                controller: asset.clone(),
                tags: key_tags(scenario, asset),
            },
            DetectionRule::Bypass { tag } => Self::Bypass {
                tag: tag.clone(),
                asset: controller(tag),
            },
            DetectionRule::ModeChange(tags) => {
                let watched = tags.iter().map(|tag| ModeTag {
                    tag: tag.clone(),
                    asset: controller(tag),
                    value: None,
                    changes: VecDeque::new(),
                });
                Self::ModeChange(watched.collect())
            }
            DetectionRule::Deviation {
                a,
                b,
                limit,
                seconds,
            } => Self::Deviation {
                a: a.clone(),
                b: b.clone(),
                // The two values disagree on the station that shows them; whose value is wrong is to be found out.
                asset: station_of(scenario, a).unwrap_or_else(|| controller(a)),
                limit: *limit,
                length: SimDuration::from_secs(u64::from(*seconds)),
                since: None,
            },
            DetectionRule::Rate { tag, limit_per_min } => Self::Rate {
                tag: tag.clone(),
                asset: controller(tag),
                limit_per_min: *limit_per_min,
                values: VecDeque::new(),
            },
            DetectionRule::AboveWhile {
                tag,
                limit,
                mode,
                value,
            } => Self::AboveWhile {
                tag: tag.clone(),
                asset: controller(tag),
                limit: *limit,
                mode: mode.clone(),
                value: *value,
            },
            DetectionRule::NewMaster
            | DetectionRule::Scan { .. }
            | DetectionRule::Identification
            | DetectionRule::WriteNotFrom(_)
            | DetectionRule::WriteTo(_)
            | DetectionRule::ArpChange => return None,
        })
    }

    /// Looks at the tags once.
    pub fn look(
        &mut self,
        now: SimTime,
        read: ReadTag<'_>,
        mode_logged: ModeLogged<'_>,
        found: Found<'_>,
    ) {
        match self {
            Self::KeyNotRun { controller, tags } => {
                if let Some(tag) = tags.iter().find(|t| read(t).is_some_and(|v| v > STEP)) {
                    found(
                        controller,
                        format!("key of {controller} is not in RUN: {tag} is on"),
                    );
                }
            }
            Self::Bypass { tag, asset } => {
                if read(tag).is_some_and(|v| v > STEP) {
                    found(asset, format!("bypass of {asset} is set: {tag} is on"));
                }
            }
            Self::ModeChange(tags) => tags
                .iter_mut()
                .for_each(|tag| tag.look(now, read, mode_logged, found)),
            Self::Deviation {
                a,
                b,
                asset,
                limit,
                length,
                since,
            } => {
                let gap = read(a)
                    .zip(read(b))
                    .map(|(a, b)| a - b)
                    .filter(|gap| gap.abs() > *limit);
                let Some(gap) = gap else {
                    *since = None;
                    return;
                };
                if now.since(*since.get_or_insert(now)) >= *length {
                    found(asset, format!("{a} and {b} differ by {:.1}", gap.abs()));
                }
            }
            Self::Rate {
                tag,
                asset,
                limit_per_min,
                values,
            } => {
                if let Some(value) = read(tag).filter(|v| v.is_finite()) {
                    values.push_back((now, value));
                }
                while values.len() > RATE_VALUES_MAX
                    || values
                        .front()
                        .is_some_and(|(t, _)| now.since(*t) > RATE_WINDOW)
                {
                    values.pop_front();
                }
                if let Some(rate) = rate_per_min(values).filter(|r| *r > *limit_per_min) {
                    found(asset, format!("{tag} rises by {rate:.1} a minute"));
                }
            }
            Self::AboveWhile {
                tag,
                asset,
                limit,
                mode,
                value,
            } => {
                let in_mode = read(mode).is_some_and(|m| (m - *value).abs() < STEP);
                if let Some(shown) = read(tag).filter(|v| in_mode && *v > *limit) {
                    found(
                        asset,
                        format!("{tag} is {shown:.1} while {mode} is {value:.0}"),
                    );
                }
            }
        }
    }
}

impl ModeTag {
    fn look(
        &mut self,
        now: SimTime,
        read: ReadTag<'_>,
        mode_logged: ModeLogged<'_>,
        found: Found<'_>,
    ) {
        if let Some(value) = read(&self.tag)
            && let Some(old) = self.value.replace(value)
            && (old - value).abs() > STEP
            && self.changes.len() < CHANGES_MAX
        {
            self.changes.push_back((now, old, value));
        }
        while let Some((at, old, new)) = self
            .changes
            .front()
            .copied()
            .filter(|(at, _, _)| now.since(*at) >= LOG_DELAY)
        {
            self.changes.pop_front();
            if !mode_logged(&self.tag, at) {
                found(
                    &self.asset,
                    format!(
                        "{} went from {old:.0} to {new:.0} and no operator did it",
                        self.tag
                    ),
                );
            }
        }
    }
}

/// Slope of the least-squares line through the values, in their unit a minute; `None` where they are too few.
fn rate_per_min(values: &VecDeque<(SimTime, f64)>) -> Option<f64> {
    let ((first, _), (last, _)) = (values.front()?, values.back()?);
    if values.len() < RATE_VALUES_MIN || last.since(*first) < RATE_SPAN_MIN {
        return None;
    }
    let count = values.len() as f64;
    let minutes = |t: &SimTime| t.since(*first).as_secs_f64() / 60.0;
    let mean_time = values.iter().map(|(t, _)| minutes(t)).sum::<f64>() / count;
    let mean_value = values.iter().map(|(_, v)| v).sum::<f64>() / count;
    let (mut product, mut square) = (0.0, 0.0);
    for (time, value) in values {
        let dt = minutes(time) - mean_time;
        product += dt * (value - mean_value);
        square += dt * dt;
    }
    (square > 0.0).then(|| product / square)
}

/// Discrete inputs that show the key of a controller: those named `.REMOTE` and `.PROGRAM`.
fn key_tags(scenario: &Scenario, controller: &str) -> Vec<String> {
    let shows_key = |name: &str| matches!(name.rsplit('.').next(), Some("REMOTE" | "PROGRAM"));
    let tags = scenario.tags.iter().filter(|(name, tag)| {
        tag.controller == controller && tag.table == Table::Discrete && shows_key(name)
    });
    tags.map(|(name, _)| name.clone()).collect()
}

/// The first station that shows a tag.
fn station_of(scenario: &Scenario, tag: &str) -> Option<String> {
    scenario
        .hmis
        .iter()
        .find(|hmi| hmi.tags.iter().any(|t| t == tag))
        .map(|hmi| hmi.host.clone())
}
