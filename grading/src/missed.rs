//! Missed chances: moments at which a defender could have stopped it, told from the records.

use crate::context::Context;
use crate::course::Course;
use crate::describe::{clip, clock, duration};
use crate::metrics::detection;
use crate::rubric::seconds;
use crate::{Evidence, MissedChance, Rubric, attack};
use sim_record::{SimDuration, SimTime};

/// Most missed chances of a report.
pub const CHANCES_MAX: usize = 64;

/// Alarms of this priority and above ask for an action.
const URGENT_PRIORITY: u8 = 2;

/// Every missed chance so far in order of time.
pub(crate) fn chances(rubric: &Rubric, context: &Context, course: &Course) -> Vec<MissedChance> {
    let mut chances = Vec::new();
    latent(rubric, context, &mut chances);
    unreported(rubric, context, &mut chances);
    unanswered(rubric, context, course, &mut chances);
    uncontained(context, course, &mut chances);
    last_moment(rubric, context, &mut chances);
    chances.sort_by_key(|chance| (chance.evidence.from, chance.evidence.to));
    chances.truncate(CHANCES_MAX);
    chances
}

fn latent(rubric: &Rubric, context: &Context, chances: &mut Vec<MissedChance>) {
    if context.attacks.is_empty() {
        return;
    }
    for latent in context.latents.values() {
        if !context.reports.values().any(|r| latent.is_meant_by(r)) {
            chances.push(MissedChance {
                title: clip(&format!("Before the attack: {}", latent.title)),
                visible: "It stood so from the start of the shift.".into(),
                could: format!(
                    "Report and correct it; the report is worth {} points.",
                    rubric.detection.hygiene_credit
                ),
                evidence: Evidence::at(SimTime::ZERO).citing(latent.record),
            });
        }
    }
}

fn unreported(rubric: &Rubric, context: &Context, chances: &mut Vec<MissedChance>) {
    let outcome = detection::outcome(rubric, context);
    for incident in &outcome.incidents {
        let Some(visible) = incident.visible else {
            continue;
        };
        let (what, evidence) = detection::in_words(incident, context);
        let seen = format!("It could be seen from {}.", clock(visible));
        let first = incident
            .attacks
            .first()
            .and_then(|number| context.attacks.get(number));
        match &incident.credit {
            None => chances.push(MissedChance {
                title: clip(&format!("Not reported: {what}")),
                visible: seen,
                could: first.map_or("", |known| advice(&known.technique)).into(),
                evidence,
            }),
            Some(credit) if credit.time.since(visible) > seconds(rubric.debrief.response_s) => {
                let delay = duration(credit.time.since(visible).as_secs_f64());
                chances.push(MissedChance {
                    title: clip(&format!("Reported late: {what}")),
                    visible: format!("{seen} The report came {delay} later."),
                    could: "An earlier report earns more and leaves more time to act.".into(),
                    evidence,
                });
            }
            Some(_) => {}
        }
    }
}

fn unanswered(
    rubric: &Rubric,
    context: &Context,
    course: &Course,
    chances: &mut Vec<MissedChance>,
) {
    if context.attacks.is_empty() {
        return;
    }
    let allowed = seconds(rubric.debrief.response_s);
    for (time, alarm, priority, record) in &course.raised {
        // Alarms that stand at the very start belong to the declared state of the plant.
        let start = *time < SimTime::from_secs(1);
        let answered = acted(course, *time, allowed);
        if *priority > URGENT_PRIORITY || start || answered || context.now < *time + allowed {
            continue;
        }
        let effect = context.effect(*time, *time);
        chances.push(MissedChance {
            title: clip(&format!("Unanswered alarm: {alarm}")),
            visible: format!("Priority {priority}, raised at {}.", clock(*time)),
            could: format!(
                "Act within {}; nobody did.",
                duration(allowed.as_secs_f64())
            ),
            evidence: Evidence::at(*time).citing(*record).with_effect(effect),
        });
    }
}

/// What would have stopped a technique, by its first tactic.
fn advice(technique: &str) -> &'static str {
    let tactics = attack::resolve(technique).map_or(&[][..], |known| &known.tactics);
    let any = |wanted: &[&str]| tactics.iter().any(|tactic| wanted.contains(tactic));
    if attack::is_impact(technique) {
        "This is a consequence: report it, make the plant safe, and stop what causes it."
    } else if any(&["impair-process-control"]) {
        "Report it, close its way in, and take the process back: manual control, or the shutdown button."
    } else if any(&["inhibit-response-function", "evasion"]) {
        "Report it, and put the protection back in service before anything else."
    } else if any(&["discovery", "collection", "initial-access"]) {
        "Report it, ask its owner, and close its way in before it writes."
    } else {
        "Report it with its evidence, and stop the source."
    }
}

/// True when a defender did something within `allowed` after `time`.
fn acted(course: &Course, time: SimTime, allowed: SimDuration) -> bool {
    let first = course
        .responses
        .partition_point(|response| *response < time);
    course
        .responses
        .get(first)
        .is_some_and(|response| *response <= time + allowed)
}

/// The first visible act that changed something, when no defender did anything before the damage.
fn uncontained(context: &Context, course: &Course, chances: &mut Vec<MissedChance>) {
    let refused = context.attacks.values().any(|known| {
        known
            .refusals
            .iter()
            .any(|refusal| refusal.command.is_some())
    });
    let first = context
        .attacks
        .values()
        .filter_map(|known| Some((known.visible?, known)))
        .min_by_key(|(visible, known)| (*visible, known.number));
    let Some((visible, known)) = first.filter(|_| !refused) else {
        return;
    };
    let until = context.ruptured.map_or(context.now, |(time, _)| time);
    let acts = course
        .responses
        .iter()
        .filter(|time| **time >= visible && **time <= until)
        .count();
    chances.push(MissedChance {
        title: clip(&format!("The cheapest moment: stop {} at its source", context.name(known.by))),
        visible: format!(
            "The first visible act was {} on {} at {}.",
            attack::label(&known.technique),
            known.asset,
            clock(visible)
        ),
        could: format!(
            "Close its way in (rule, session, key) before it writes. Defenders acted {acts} times up to {}, and no act refused it.",
            clock(until)
        ),
        evidence: Evidence::between(visible, until)
            .citing(known.evidence.records.first().copied().unwrap_or_default()),
    });
}

fn last_moment(rubric: &Rubric, context: &Context, chances: &mut Vec<MissedChance>) {
    let Some((ruptured, record)) = context.ruptured else {
        return;
    };
    let before = seconds(rubric.debrief.last_moment_s);
    // Strictly before the damage, even if the author gives no time.
    let moment = SimTime(ruptured.0.saturating_sub(before.0.max(1)));
    let point = context.curves.first().and_then(|curve| {
        let samples = curve.between(SimTime::ZERO, moment);
        samples.last().map(|point| (curve, *point))
    });
    let Some((curve, point)) = point else {
        return;
    };
    let could = if before > SimDuration::ZERO {
        "Cutting the cause at this moment would still have held; later it would not.".to_owned()
    } else {
        "The last sample before the damage; by then only the fastest action could have held."
            .to_owned()
    };
    chances.push(MissedChance {
        title: format!("The last moment: {}", clock(point.time)),
        visible: clip(&format!(
            "{} was at {:.0} {}; the limit of damage is {:.0}.",
            curve.info.key_signal.0,
            point.key,
            curve.unit(),
            curve.info.key_signal.3
        )),
        could,
        evidence: Evidence::between(point.time, ruptured)
            .citing(point.record)
            .citing(record),
    });
}
