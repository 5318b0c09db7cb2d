//! Names are well formed and differ; texts have a length; lists have a limit.

use sim_authored::{Findings, Span, Spanned, code, report_duplicates};

use crate::limits::{
    ACTORS_MAX, CONTROLLERS_MAX, EXTERNAL_CONTROLLERS_MAX, HOSTS_MAX, NAME_CHARS_MAX, PLANTS_MAX,
    ROUTERS_MAX, RULES_MAX, TEXT_CHARS_MAX, ZONES_MAX,
};
use crate::names::Context;
use crate::raw_v1::{self as raw, Text};

pub(crate) fn check(context: &Context, findings: &mut Findings) {
    let raw = context.raw;
    raw.paces.report_duplicates("pace", findings);
    raw.casts.report_duplicates("cast", findings);
    raw.plants.report_duplicates("plant", findings);
    raw.tags.report_duplicates("tag", findings);
    raw.gauges.report_duplicates("gauge", findings);
    raw.actors.report_duplicates("actor", findings);
    raw.people.contacts.report_duplicates("contact", findings);
    raw.people
        .field_s
        .report_duplicates("field action", findings);
    for (_, topics) in &raw.people.contacts {
        topics.report_duplicates("topic", findings);
    }
    for (_, plant) in &raw.plants {
        plant.params.report_duplicates("parameter", findings);
    }
    for (_, cast) in &raw.casts {
        cast.initial
            .report_duplicates("initial state of the plant", findings);
        cast.keys
            .report_duplicates("key of the controller", findings);
    }
    check_lists(context, findings);
    check_spelling(context, findings);
    check_texts(context, findings);
    check_sizes(context, findings);
}

fn check_lists(context: &Context, findings: &mut Findings) {
    let raw = context.raw;
    // Zones, hosts and routers share one space of names: targets and assets may be any of them.
    let zones = raw.zones.iter().map(|zone| &zone.id);
    let hosts = raw.hosts.iter().map(|host| &host.id);
    let routers = raw.routers.iter().map(|router| &router.id);
    report_duplicates(
        zones.chain(hosts).chain(routers),
        "zone, host or router",
        findings,
    );
    report_duplicates(
        raw.controllers
            .iter()
            .map(|c| &c.id)
            .chain(raw.external_controllers.iter().map(|c| &c.id)),
        "controller",
        findings,
    );
    report_duplicates(raw.alarms.iter().map(|alarm| &alarm.id), "alarm", findings);
    report_duplicates(raw.detections.iter().map(|d| &d.id), "detection", findings);
    report_duplicates(raw.footholds.iter().map(|f| &f.id), "foothold", findings);
    report_duplicates(raw.endpoints.iter().map(|e| &e.id), "endpoint", findings);
    report_duplicates(
        raw.latent.iter().map(|l| &l.id),
        "latent condition",
        findings,
    );
    report_duplicates(
        raw.recovery.iter().map(|r| &r.id),
        "recovery check",
        findings,
    );
    report_duplicates(raw.objectives.iter().map(|o| &o.id), "objective", findings);
    report_duplicates(raw.injects.iter().map(|i| &i.id), "inject", findings);
    report_duplicates(
        raw.hmis.iter().map(|hmi| &hmi.host),
        "HMI on host",
        findings,
    );
    report_duplicates(
        raw.historians.iter().map(|h| &h.host),
        "historian on host",
        findings,
    );
    report_duplicates(
        raw.workstations.iter().map(|w| &w.host),
        "workstation on host",
        findings,
    );
    report_duplicates(
        raw.sensors.iter().map(|s| &s.host),
        "sensor on host",
        findings,
    );
    for router in &raw.routers {
        router
            .interfaces
            .report_duplicates("interface in zone", findings);
        report_duplicates(router.rules.iter().map(|rule| &rule.id), "rule", findings);
    }
    for hmi in &raw.hmis {
        report_duplicates(&hmi.tags, "tag of this HMI", findings);
    }
    for historian in &raw.historians {
        report_duplicates(&historian.tags, "tag of this historian", findings);
    }
    for (_, cast) in &raw.casts {
        report_duplicates(&cast.actors, "actor of this cast", findings);
    }
    for controller in &raw.controllers {
        report_duplicates(&controller.programs, "program of this controller", findings);
    }
}

fn check_spelling(context: &Context, findings: &mut Findings) {
    let raw = context.raw;
    let mut names: Vec<&Text> = vec![&raw.id];
    names.extend(raw.paces.iter().map(|(name, _)| name));
    names.extend(raw.casts.iter().map(|(name, _)| name));
    names.extend(raw.plants.iter().map(|(name, _)| name));
    names.extend(raw.tags.iter().map(|(name, _)| name));
    names.extend(raw.gauges.iter().map(|(name, _)| name));
    names.extend(raw.actors.iter().map(|(name, _)| name));
    names.extend(raw.zones.iter().map(|zone| &zone.id));
    names.extend(raw.hosts.iter().map(|host| &host.id));
    names.extend(raw.routers.iter().map(|router| &router.id));
    names.extend(
        raw.routers
            .iter()
            .flat_map(|router| &router.rules)
            .map(|rule| &rule.id),
    );
    names.extend(raw.alarms.iter().map(|alarm| &alarm.id));
    names.extend(raw.detections.iter().map(|detection| &detection.id));
    names.extend(raw.footholds.iter().map(|foothold| &foothold.id));
    names.extend(raw.endpoints.iter().map(|endpoint| &endpoint.id));
    names.extend(raw.latent.iter().map(|latent| &latent.id));
    names.extend(raw.recovery.iter().map(|check| &check.id));
    names.extend(raw.objectives.iter().map(|objective| &objective.id));
    names.extend(raw.injects.iter().map(|inject| &inject.id));
    names.extend(context.scripts.values().flatten().map(|step| &step.id));
    for name in names {
        if !is_name(name) {
            let there = format!("`{}` is not a name", sim_authored::quote(name));
            let help = format!(
                "1 to {NAME_CHARS_MAX} letters, digits, `-`, `_`, `.` and `@`, a letter or digit first"
            );
            findings.push(name.problem(code::BAD_NAME, there, help));
        }
    }
}

/// Whether a name is well formed.
pub(crate) fn is_name(name: &str) -> bool {
    let first = name
        .chars()
        .next()
        .is_some_and(|c| c.is_ascii_alphanumeric());
    let good = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
    first && name.len() <= NAME_CHARS_MAX && name.chars().all(good)
}

fn check_texts(context: &Context, findings: &mut Findings) {
    let raw = context.raw;
    let mut texts: Vec<&Text> = vec![&raw.title];
    texts.extend(raw.casts.iter().map(|(_, cast)| &cast.title));
    texts.extend(raw.hosts.iter().map(|host| &host.title));
    texts.extend(raw.tags.iter().map(|(_, tag)| &tag.title));
    texts.extend(raw.detections.iter().map(|detection| &detection.title));
    texts.extend(raw.latent.iter().map(|latent| &latent.title));
    texts.extend(raw.recovery.iter().map(|check| &check.title));
    texts.extend(raw.objectives.iter().map(|objective| &objective.title));
    texts.extend(raw.injects.iter().map(|inject| &inject.text));
    for alarm in &raw.alarms {
        texts.extend([&alarm.cause, &alarm.consequence, &alarm.response]);
    }
    for rule in raw.routers.iter().flat_map(|router| &router.rules) {
        texts.extend([&rule.owner, &rule.reason]);
    }
    let personas = raw.controllers.iter().map(|c| &c.persona);
    let external = raw.external_controllers.iter().map(|c| &c.persona);
    for persona in personas.chain(external) {
        if let raw::Persona::Written(told) = &persona.value {
            let strings = [&told.vendor, &told.product, &told.revision, &told.model];
            texts.extend(strings.into_iter().flatten());
        }
    }
    let answers = raw.people.contacts.iter().flat_map(|(_, topics)| topics);
    texts.extend(answers.map(|(_, answer)| &answer.answer));
    for text in texts {
        let length = text.chars().count();
        if length > TEXT_CHARS_MAX || text.trim().is_empty() {
            let there = format!("this text has {length} characters");
            let help = format!("write 1 to {TEXT_CHARS_MAX}");
            findings.push(text.problem(code::OUT_OF_RANGE, there, help));
        }
        // They would reach the terminal of whoever runs it.
        if text.chars().any(|c| c.is_control() && c != '\n') {
            let there = "this text has control characters";
            let help = "write words, without escapes such as `\\u{1b}`";
            findings.push(text.problem(code::OUT_OF_RANGE, there, help));
        }
    }
}

fn check_sizes(context: &Context, findings: &mut Findings) {
    let raw = context.raw;
    let plants = raw.plants.iter().nth(PLANTS_MAX).map(|(name, _)| name);
    let actors = raw.actors.iter().nth(ACTORS_MAX).map(|(name, _)| name);
    let too_many = [
        (plants, "plants", PLANTS_MAX),
        (actors, "actors", ACTORS_MAX),
        (
            raw.zones.get(ZONES_MAX).map(|zone| &zone.id),
            "zones",
            ZONES_MAX,
        ),
        (
            raw.routers.get(ROUTERS_MAX).map(|router| &router.id),
            "routers",
            ROUTERS_MAX,
        ),
        (
            raw.hosts.get(HOSTS_MAX).map(|host| &host.id),
            "hosts",
            HOSTS_MAX,
        ),
        (
            raw.controllers.get(CONTROLLERS_MAX).map(|c| &c.id),
            "controllers",
            CONTROLLERS_MAX,
        ),
        (
            raw.external_controllers
                .get(EXTERNAL_CONTROLLERS_MAX)
                .map(|c| &c.id),
            "external controllers",
            EXTERNAL_CONTROLLERS_MAX,
        ),
    ];
    let rules = raw
        .routers
        .iter()
        .filter_map(|router| router.rules.get(RULES_MAX));
    let rules = rules.map(|rule| (Some(&rule.id), "rules", RULES_MAX));
    for (first_over, what, limit) in too_many.into_iter().chain(rules) {
        if let Some(name) = first_over {
            let there = format!("this is one of more than {limit} {what}");
            findings.push(name.problem(
                code::LIST_TOO_LONG,
                there,
                format!("keep at most {limit}"),
            ));
        }
    }
    let empty = [
        (raw.plants.is_empty(), "plants"),
        (raw.zones.is_empty(), "zones"),
        (raw.casts.is_empty(), "casts"),
    ];
    for (is_empty, what) in empty {
        if is_empty {
            let at = Spanned::new((), Span::whole(raw.id.span.file));
            let there = format!("`{what}` is empty");
            findings.push(at.problem(code::OUT_OF_RANGE, there, "a match needs at least one"));
        }
    }
}
