//! Names that parts of the scenario use exist.

use sim_authored::{Findings, code, did_you_mean, quote};

use crate::limits::FIELD_ACTIONS;
use crate::names::Context;
use crate::raw_v1 as raw;
use crate::rule_range::within;

pub(crate) fn check(context: &Context, findings: &mut Findings) {
    check_casts(context, findings);
    check_stations(context, findings);
    check_alarms(context, findings);
    check_detections(context, findings);
    check_people(context, findings);
    check_footholds(context, findings);
    check_latent(context, findings);
    check_recovery(context, findings);
    check_objectives(context, findings);
}

fn check_casts(context: &Context, findings: &mut Findings) {
    let names = &context.names;
    names.casts.check(&context.raw.default_cast, findings);
    for (_, cast) in &context.raw.casts {
        names.actors.check_all(&cast.actors, findings);
        names.paces.check(&cast.pace, findings);
        for (controller, _) in &cast.keys {
            names.emulated.check(controller, findings);
        }
    }
}

fn check_stations(context: &Context, findings: &mut Findings) {
    let names = &context.names;
    for hmi in &context.raw.hmis {
        names.hosts.check(&hmi.host, findings);
        names.tags.check_all(&hmi.tags, findings);
    }
    for historian in &context.raw.historians {
        names.hosts.check(&historian.host, findings);
        names.tags.check_all(&historian.tags, findings);
    }
    for station in &context.raw.workstations {
        names.hosts.check(&station.host, findings);
        names.emulated.check_all(&station.controllers, findings);
    }
    for sensor in &context.raw.sensors {
        names.hosts.check(&sensor.host, findings);
    }
}

fn check_alarms(context: &Context, findings: &mut Findings) {
    use raw::AlarmRule as Rule;
    let tags = &context.names.tags;
    for alarm in &context.raw.alarms {
        match &alarm.rule {
            Rule::High(tag, _) | Rule::Low(tag, _) | Rule::On(tag) | Rule::Not(tag, _) => {
                tags.check(tag, findings);
            }
            Rule::HighTag(tag, limit) | Rule::LowTag(tag, limit) => {
                tags.check(tag, findings);
                tags.check(limit, findings);
            }
            Rule::CommunicationLost(controller) => {
                context.names.controllers.check(controller, findings);
            }
        }
    }
}

fn check_detections(context: &Context, findings: &mut Findings) {
    use raw::DetectionRule as Rule;
    let names = &context.names;
    for detection in &context.raw.detections {
        match &detection.rule {
            Rule::WriteNotFrom(hosts) => names.hosts.check_all(hosts, findings),
            Rule::WriteTo(controllers) => names.controllers.check_all(controllers, findings),
            Rule::KeyNotRun(controller) => names.emulated.check(controller, findings),
            Rule::Bypass { tag } | Rule::Rate { tag, .. } => names.tags.check(tag, findings),
            Rule::ModeChange(tags) => names.tags.check_all(tags, findings),
            Rule::Deviation { a, b, .. } => {
                names.tags.check(a, findings);
                names.tags.check(b, findings);
            }
            Rule::AboveWhile { tag, mode, .. } => {
                names.tags.check(tag, findings);
                names.tags.check(mode, findings);
            }
            Rule::NewMaster | Rule::Scan { .. } | Rule::Identification | Rule::ArpChange => {}
        }
    }
}

fn check_people(context: &Context, findings: &mut Findings) {
    let people = &context.raw.people;
    for (action, seconds) in &people.field_s {
        if !FIELD_ACTIONS.contains(&action.value.as_str()) {
            let there = format!("`{}` is not a field action", quote(action));
            let help = did_you_mean(action, FIELD_ACTIONS);
            findings.push(action.problem(code::UNKNOWN_NAME, there, help));
        }
        within(seconds, 1, 3600, " s", findings);
    }
    for (_, answer) in people.contacts.iter().flat_map(|(_, topics)| topics) {
        within(&answer.delay_s, 1, 3600, " s", findings);
    }
}

fn check_footholds(context: &Context, findings: &mut Findings) {
    let names = &context.names;
    for foothold in &context.raw.footholds {
        names.hosts.check(&foothold.host, findings);
    }
    for endpoint in &context.raw.endpoints {
        names.footholds.check(&endpoint.foothold, findings);
        names.hosts.check(&endpoint.target, findings);
        within(&endpoint.port, 1, u16::MAX, "", findings);
    }
}

fn check_latent(context: &Context, findings: &mut Findings) {
    for latent in &context.raw.latent {
        context.names.assets.check(&latent.asset, findings);
        context
            .names
            .detections
            .check_all(&latent.detections, findings);
        context.names.alarms.check_all(&latent.alarms, findings);
    }
}

fn check_recovery(context: &Context, findings: &mut Findings) {
    use raw::RecoveryRule as Rule;
    let names = &context.names;
    for check in &context.raw.recovery {
        match &check.rule {
            Rule::TagIs(tag, _, within_units) => {
                names.tags.check(tag, findings);
                within(within_units, 0.0, f64::MAX, "", findings);
            }
            Rule::KeyIs(controller, _) | Rule::ProgramApproved(controller) => {
                names.emulated.check(controller, findings);
            }
            Rule::NoRedSession(controller) => names.controllers.check(controller, findings),
            Rule::NoBypass(sis) | Rule::NotTripped(sis) => names.safety.check(sis, findings),
            Rule::RuleGone(router, rule) => {
                names.routers.check(router, findings);
                check_rule_of(context, router, rule, findings);
            }
        }
    }
}

fn check_rule_of(context: &Context, router: &raw::Text, rule: &raw::Text, findings: &mut Findings) {
    let mut routers = context.raw.routers.iter();
    if let Some(found) = routers.find(|raw| raw.id == *router) {
        let ids = found.rules.iter().map(|rule| rule.id.as_str());
        crate::names::Kind::new("rule", ids).check(rule, findings);
    }
}

fn check_objectives(context: &Context, findings: &mut Findings) {
    use raw::ObjectiveRule as Rule;
    let names = &context.names;
    for objective in &context.raw.objectives {
        match &objective.rule {
            Rule::Attack(asset) => names.assets.check(asset, findings),
            Rule::DemandWhileBypassed(sis) => names.safety.check(sis, findings),
            Rule::OutOfBand(plant, seconds) => {
                names.plants.check(plant, findings);
                within(seconds, 1, 86_400, " s", findings);
            }
            Rule::Destroyed(plant) => names.plants.check(plant, findings),
            Rule::Answer(answer) => {
                let there = format!("the answer `{}` stands in the folder", quote(answer));
                let help = "ask for what happens in the match: `Attack`, `OutOfBand`, `Destroyed` \
                    or `DemandWhileBypassed`";
                findings.push(answer.problem(code::LITERAL_ANSWER, there, help));
            }
        }
    }
}
