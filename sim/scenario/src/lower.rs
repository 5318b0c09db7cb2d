//! Raw to checked: the only constructor of a [`Scenario`].
//!
//! It runs when no rule has found an error, so every conversion succeeds; one that does not gives
//! `None` instead of a made-up value.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use sim_authored::{Entries, Spanned};
use sim_record::{Role, SimDuration, Team};
use sim_view::RuleSpec;
use sim_view::script::{Script, Step};

use crate::model::{
    Actor, Alarm, AlarmRule, Cast, Detection, DetectionRule, Diode, Endpoint, Foothold, Historian,
    Hmi, Host, Inject, Latent, Objective, ObjectiveRule, Pace, People, PlantSignal, PlantSpec,
    RecoveryCheck, RecoveryRule, Router, Scenario, Sensor, Tag, Vary, Workstation, Zone,
};
use crate::raw_v1 as raw;
use crate::values::{Subnet, duration_of, parse_signal, parse_utc_us, time_of};
use crate::variant::Folder;

/// Actor scripts by the path of their file.
pub(crate) type Scripts = BTreeMap<String, Vec<raw::Step>>;

/// Turns a raw scenario without errors into a checked one.
pub(crate) fn lower(raw: &raw::Scenario, scripts: &Scripts, folder: Folder) -> Option<Scenario> {
    let controllers = raw.controllers.iter();
    Some(Scenario {
        id: text(&raw.id),
        title: text(&raw.title),
        start_utc_us: parse_utc_us(&raw.start_utc)?,
        paces: map(&raw.paces, |pace| Some(lower_pace(pace)))?,
        casts: map(&raw.casts, lower_cast)?,
        default_cast: text(&raw.default_cast),
        plants: map(&raw.plants, lower_plant)?,
        zones: raw.zones.iter().map(lower_zone).collect::<Option<_>>()?,
        routers: raw
            .routers
            .iter()
            .map(lower_router)
            .collect::<Option<_>>()?,
        diodes: raw.diodes.iter().map(lower_diode).collect(),
        hosts: raw.hosts.iter().map(lower_host).collect::<Option<_>>()?,
        controllers: controllers
            .map(|controller| crate::lower_plc::lower_controller(controller, folder))
            .collect::<Option<_>>()?,
        external_controllers: raw
            .external_controllers
            .iter()
            .map(crate::lower_plc::lower_external)
            .collect::<Option<_>>()?,
        tags: map(&raw.tags, |tag| Some(lower_tag(tag)))?,
        hmis: raw.hmis.iter().map(lower_hmi).collect(),
        historians: raw.historians.iter().map(lower_historian).collect(),
        workstations: raw.workstations.iter().map(lower_workstation).collect(),
        sensors: raw
            .sensors
            .iter()
            .map(|s| Sensor {
                host: text(&s.host),
            })
            .collect(),
        alarms: raw.alarms.iter().map(lower_alarm).collect(),
        detections: raw.detections.iter().map(lower_detection).collect(),
        gauges: map(&raw.gauges, |signal| parse_signal(signal))?,
        people: lower_people(&raw.people)?,
        footholds: raw.footholds.iter().map(lower_foothold).collect(),
        endpoints: raw.endpoints.iter().map(lower_endpoint).collect(),
        actors: map(&raw.actors, |actor| lower_actor(actor, scripts))?,
        latent: raw.latent.iter().map(lower_latent).collect(),
        recovery: raw.recovery.iter().map(lower_recovery).collect(),
        objectives: raw
            .objectives
            .iter()
            .map(lower_objective)
            .collect::<Option<_>>()?,
        injects: raw.injects.iter().map(lower_inject).collect(),
        vary: lower_vary(&raw.vary),
    })
}

pub(crate) fn text(text: &Spanned<String>) -> String {
    text.value.clone()
}

pub(crate) fn texts(list: &[Spanned<String>]) -> Vec<String> {
    list.iter().map(text).collect()
}

pub(crate) fn signal(text: &Spanned<String>) -> Option<PlantSignal> {
    parse_signal(text)
}

fn map<R, T>(entries: &Entries<R>, lower: impl Fn(&R) -> Option<T>) -> Option<BTreeMap<String, T>> {
    entries
        .iter()
        .map(|(key, value)| Some((text(key), lower(value)?)))
        .collect()
}

fn lower_pace(pace: &raw::Pace) -> Pace {
    Pace {
        red_from: time_of(*pace.red_from_s),
        red_until: time_of(*pace.red_until_s),
        ends: time_of(*pace.ends_s),
    }
}

fn lower_cast(cast: &raw::Cast) -> Option<Cast> {
    Some(Cast {
        title: text(&cast.title),
        actors: texts(&cast.actors),
        pace: text(&cast.pace),
        initial: map(&cast.initial, |state| Some(text(state)))?,
        keys: map(&cast.keys, |key| Some(*key))?,
    })
}

fn lower_plant(plant: &raw::Plant) -> Option<PlantSpec> {
    let key = &plant.key_signal;
    Some(PlantSpec {
        kind: text(&plant.kind),
        params: map(&plant.params, |value| Some(**value))?,
        initial: text(&plant.initial),
        q0: *plant.q0,
        sampled: texts(&plant.sampled),
        key_signal: (
            text(&key.signal),
            *key.normal_low,
            *key.normal_high,
            *key.damage,
        ),
        unsafe_above: *plant.unsafe_above,
    })
}

fn lower_zone(zone: &raw::Zone) -> Option<Zone> {
    let subnet = Subnet::parse(&zone.subnet).ok()?;
    Some(Zone {
        id: text(&zone.id),
        purdue_level_x10: level_x10(*zone.purdue_level),
        network: subnet.network,
        prefix: subnet.prefix,
        tapped: zone.tapped,
        latency: SimDuration(*zone.latency_us),
        loss_ppm: *zone.loss_ppm,
        bandwidth_bps: zone.bandwidth_bps.map(|bandwidth| *bandwidth),
    })
}

fn level_x10(level: f64) -> u8 {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rule has checked that it is 0 to 5; float to integer casts saturate"
    )]
    let tenths = libm::round(level * 10.0) as u8;
    tenths
}

fn lower_router(router: &raw::Router) -> Option<Router> {
    let interface = |(zone, address): &(Spanned<String>, Spanned<String>)| {
        let address: Ipv4Addr = address.parse().ok()?;
        Some((text(zone), address))
    };
    Some(Router {
        id: text(&router.id),
        interfaces: router
            .interfaces
            .iter()
            .map(interface)
            .collect::<Option<_>>()?,
        rules: router.rules.iter().map(lower_rule).collect(),
        default_action: action(router.default_action).to_owned(),
    })
}

fn action(action: raw::RuleAction) -> &'static str {
    match action {
        raw::RuleAction::Accept => "accept",
        raw::RuleAction::Drop => "drop",
        raw::RuleAction::Reject => "reject",
    }
}

fn lower_rule(rule: &raw::Rule) -> RuleSpec {
    RuleSpec {
        id: text(&rule.id),
        action: action(rule.action).to_owned(),
        src: text(&rule.src),
        dst: text(&rule.dst),
        port: rule.port.map(|port| *port),
        functions: rule.functions.iter().map(|function| **function).collect(),
        addresses: rule.addresses.map(|range| *range),
        owner: text(&rule.owner),
        reason: text(&rule.reason),
        expires_s: rule.expires_s.map(|second| *second),
    }
}

fn lower_diode(diode: &raw::Diode) -> Diode {
    Diode {
        from: text(&diode.from),
        to: text(&diode.to),
    }
}

fn lower_host(host: &raw::Host) -> Option<Host> {
    Some(Host {
        id: text(&host.id),
        title: text(&host.title),
        zone: text(&host.zone),
        ip: host.ip.parse().ok()?,
        allow_listed: host.allow_listed,
        open_ports: host.open_ports.iter().map(|port| **port).collect(),
    })
}

fn lower_tag(tag: &raw::Tag) -> Tag {
    Tag {
        controller: text(&tag.controller),
        table: tag.table,
        address: *tag.address,
        scale: *tag.scale,
        unit: text(&tag.unit),
        min: *tag.min,
        max: *tag.max,
        writable: *tag.writable,
        title: text(&tag.title),
    }
}

fn lower_hmi(hmi: &raw::Hmi) -> Hmi {
    Hmi {
        host: text(&hmi.host),
        period: SimDuration::from_millis(*hmi.period_ms),
        stale: SimDuration::from_millis(*hmi.stale_ms),
        tags: texts(&hmi.tags),
    }
}

fn lower_historian(historian: &raw::Historian) -> Historian {
    Historian {
        host: text(&historian.host),
        period: SimDuration::from_millis(*historian.period_ms),
        tags: texts(&historian.tags),
    }
}

fn lower_workstation(station: &raw::Workstation) -> Workstation {
    Workstation {
        host: text(&station.host),
        controllers: texts(&station.controllers),
    }
}

fn lower_alarm(alarm: &raw::Alarm) -> Alarm {
    use raw::AlarmRule as Raw;
    let rule = match &alarm.rule {
        Raw::High(tag, limit) => AlarmRule::High(text(tag), **limit),
        Raw::Low(tag, limit) => AlarmRule::Low(text(tag), **limit),
        Raw::HighTag(tag, limit) => AlarmRule::HighTag(text(tag), text(limit)),
        Raw::LowTag(tag, limit) => AlarmRule::LowTag(text(tag), text(limit)),
        Raw::On(tag) => AlarmRule::On(text(tag)),
        Raw::Not(tag, value) => AlarmRule::Not(text(tag), **value),
        Raw::CommunicationLost(controller) => AlarmRule::CommunicationLost(text(controller)),
    };
    Alarm {
        id: text(&alarm.id),
        rule,
        priority: *alarm.priority,
        cause: text(&alarm.cause),
        consequence: text(&alarm.consequence),
        response: text(&alarm.response),
        time_to_respond_s: *alarm.time_to_respond_s,
        deadband: *alarm.deadband,
        on_delay: duration_of(*alarm.on_delay_s),
        off_delay: duration_of(*alarm.off_delay_s),
        lives_in: alarm.lives_in,
        safety: alarm.safety,
        acknowledged_at_start: alarm.acknowledged_at_start,
    }
}

fn lower_detection(detection: &raw::Detection) -> Detection {
    use raw::DetectionRule as Raw;
    let rule = match &detection.rule {
        Raw::NewMaster => DetectionRule::NewMaster,
        Raw::Scan { pairs, seconds } => DetectionRule::Scan {
            pairs: **pairs,
            seconds: **seconds,
        },
        Raw::Identification => DetectionRule::Identification,
        Raw::WriteNotFrom(hosts) => DetectionRule::WriteNotFrom(texts(hosts)),
        Raw::WriteTo(controllers) => DetectionRule::WriteTo(texts(controllers)),
        Raw::KeyNotRun(controller) => DetectionRule::KeyNotRun(text(controller)),
        Raw::Bypass { tag } => DetectionRule::Bypass { tag: text(tag) },
        Raw::ModeChange(tags) => DetectionRule::ModeChange(texts(tags)),
        Raw::Deviation {
            a,
            b,
            limit,
            seconds,
        } => DetectionRule::Deviation {
            a: text(a),
            b: text(b),
            limit: **limit,
            seconds: **seconds,
        },
        Raw::Rate { tag, limit_per_min } => DetectionRule::Rate {
            tag: text(tag),
            limit_per_min: **limit_per_min,
        },
        Raw::AboveWhile {
            tag,
            limit,
            mode,
            value,
        } => DetectionRule::AboveWhile {
            tag: text(tag),
            limit: **limit,
            mode: text(mode),
            value: **value,
        },
        Raw::ArpChange => DetectionRule::ArpChange,
    };
    Detection {
        id: text(&detection.id),
        technique: text(&detection.technique),
        title: text(&detection.title),
        rule,
        rearm: duration_of(*detection.rearm_s),
    }
}

fn lower_people(people: &raw::People) -> Option<People> {
    Some(People {
        field_persons: *people.field_persons,
        field_s: map(&people.field_s, |seconds| Some(**seconds))?,
        contacts: map(&people.contacts, |topics| {
            map(topics, |answer| {
                Some((*answer.delay_s, text(&answer.answer)))
            })
        })?,
    })
}

fn lower_foothold(foothold: &raw::Foothold) -> Foothold {
    Foothold {
        id: text(&foothold.id),
        host: text(&foothold.host),
        team: team(foothold.team),
    }
}

fn lower_endpoint(endpoint: &raw::Endpoint) -> Endpoint {
    Endpoint {
        id: text(&endpoint.id),
        foothold: text(&endpoint.foothold),
        target: text(&endpoint.target),
        port: *endpoint.port,
    }
}

fn team(team: raw::Team) -> Team {
    match team {
        raw::Team::Red => Team::Red,
        raw::Team::Blue => Team::Blue,
        raw::Team::White => Team::White,
    }
}

pub(crate) fn role(role: raw::Role) -> Role {
    match role {
        raw::Role::Red => Role::Red,
        raw::Role::Operator => Role::Operator,
        raw::Role::Analyst => Role::Analyst,
        raw::Role::Engineer => Role::Engineer,
        raw::Role::Defender => Role::Defender,
        raw::Role::Worker => Role::Worker,
    }
}

fn lower_actor(actor: &raw::Actor, scripts: &Scripts) -> Option<Actor> {
    let steps = scripts.get(&actor.script.value)?;
    Some(Actor {
        team: team(actor.team),
        role: role(*actor.role),
        hosts: texts(&actor.hosts),
        script: Script {
            steps: steps.iter().map(lower_step).collect(),
        },
    })
}

fn lower_step(step: &raw::Step) -> Step {
    Step {
        id: text(&step.id),
        at_s: *step.at_s,
        after: step
            .after
            .as_ref()
            .map(|(id, delay_s)| (text(id), **delay_s)),
        when: step.when.as_ref().map(|condition| condition.value.clone()),
        until_s: step.until_s.map(|until| *until),
        every_s: step.every_s.map(|every| *every),
        commands: step
            .commands
            .iter()
            .map(|command| command.value.clone())
            .collect(),
    }
}

fn lower_latent(latent: &raw::Latent) -> Latent {
    Latent {
        id: text(&latent.id),
        asset: text(&latent.asset),
        techniques: texts(&latent.techniques),
        title: text(&latent.title),
        detections: texts(&latent.detections),
        alarms: texts(&latent.alarms),
    }
}

fn lower_recovery(check: &raw::RecoveryCheck) -> RecoveryCheck {
    use raw::RecoveryRule as Raw;
    let rule = match &check.rule {
        Raw::TagIs(tag, value, within) => RecoveryRule::TagIs(text(tag), **value, **within),
        Raw::KeyIs(controller, key) => RecoveryRule::KeyIs(text(controller), *key),
        Raw::NoBypass(controller) => RecoveryRule::NoBypass(text(controller)),
        Raw::NotTripped(controller) => RecoveryRule::NotTripped(text(controller)),
        Raw::RuleGone(router, rule) => RecoveryRule::RuleGone(text(router), text(rule)),
        Raw::ProgramApproved(controller) => RecoveryRule::ProgramApproved(text(controller)),
        Raw::NoRedSession(controller) => RecoveryRule::NoRedSession(text(controller)),
    };
    RecoveryCheck {
        id: text(&check.id),
        title: text(&check.title),
        rule,
    }
}

fn lower_objective(objective: &raw::Objective) -> Option<Objective> {
    use raw::ObjectiveRule as Raw;
    let rule = match &objective.rule {
        Raw::Attack(asset) => ObjectiveRule::Attack(text(asset)),
        Raw::DemandWhileBypassed(sis) => ObjectiveRule::DemandWhileBypassed(text(sis)),
        Raw::OutOfBand(plant, seconds) => ObjectiveRule::OutOfBand(text(plant), **seconds),
        Raw::Destroyed(plant) => ObjectiveRule::Destroyed(text(plant)),
        Raw::Answer(_) => return None,
    };
    Some(Objective {
        id: text(&objective.id),
        title: text(&objective.title),
        technique: text(&objective.technique),
        rule,
    })
}

fn lower_inject(inject: &raw::Inject) -> Inject {
    Inject {
        id: text(&inject.id),
        at: inject.at_s.map(|at_s| time_of(*at_s)),
        contact: text(&inject.contact),
        text: text(&inject.text),
    }
}

fn lower_vary(vary: &raw::Vary) -> Vary {
    Vary {
        addresses: vary.addresses,
        register_offset_max: *vary.register_offset_max,
        tag_numbers: vary.tag_numbers,
        attack_start_max_s: *vary.attack_start_max_s,
        branches: vary.branches,
        benign_jitter_max_s: *vary.benign_jitter_max_s,
    }
}
