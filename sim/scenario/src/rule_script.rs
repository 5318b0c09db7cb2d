//! Actors and their scripts: footholds, steps, and the names and numbers in commands.

use std::net::Ipv4Addr;

use sim_authored::{Finding, Findings, SourceMap, Span, Spanned, code, quote};
use sim_view::permit;
use sim_view::script::Condition;
use sim_view::{Citation, Command, FieldAction, FirewallCommand, RegisterRef, Table};

use crate::limits::{
    COMMANDS_MAX, EVERY_S_MIN, MATCH_S_MAX, READ_BITS_MAX, READ_WORDS_MAX, WRITE_WORDS_MAX,
};
use crate::names::{Context, Kind};
use crate::raw_v1::{self as raw, Text};
use crate::rule_controller::check_path;
use crate::rule_network::check_range;
use crate::rule_range::within;
use crate::values::Range;

pub(crate) fn check(context: &Context, findings: &mut Findings) {
    for (name, actor) in &context.raw.actors {
        check_actor(context, name, actor, findings);
    }
}

/// Finds the place of a name inside a command or condition: the quoted name, else the whole.
pub(crate) fn place_in(sources: &SourceMap, span: Span, name: &str) -> Span {
    let quoted = format!("\"{name}\"");
    let found = sources.text_of(span).find(&quoted);
    let start = found.and_then(|at| span.start.checked_add(u32::try_from(at).ok()?));
    let length = u32::try_from(quoted.len()).unwrap_or(u32::MAX);
    start.map_or(span, |start| {
        Span::new(span.file, start, start.saturating_add(length))
    })
}

fn check_actor(context: &Context, name: &Text, actor: &raw::Actor, findings: &mut Findings) {
    let names = &context.names;
    names.hosts.check_all(&actor.hosts, findings);
    check_path(context, &actor.script, ".ron", findings);
    let on_red_side = *actor.role == raw::Role::Red;
    if (actor.team == raw::Team::Red) != on_red_side {
        let there = format!(
            "`{:?}` is not a role of team `{:?}`",
            actor.role.value, actor.team
        );
        let help = "red actors have the role `Red`, and nobody else has";
        findings.push(actor.role.problem(code::WRONG_SIDE, there, help));
    }
    if actor.team == raw::Team::Red {
        check_footholds(context, name, actor, findings);
    }
    let Some(steps) = context.scripts.get(&actor.script.value) else {
        return;
    };
    let ids = Kind::new("step", steps.iter().map(|step| step.id.as_str()));
    let ids = ids.with_code(code::UNKNOWN_STEP);
    sim_authored::report_duplicates(steps.iter().map(|step| &step.id), "step", findings);
    for step in steps {
        let check = Check {
            context,
            actor,
            ids: &ids,
        };
        check.step(step, findings);
    }
}

fn check_footholds(context: &Context, name: &Text, actor: &raw::Actor, findings: &mut Findings) {
    if actor.hosts.is_empty() {
        let there = format!("actor `{}` attacks from nowhere", quote(name));
        let help = "name the hosts of its footholds in `hosts`";
        findings.push(name.problem(code::NO_FOOTHOLD, there, help));
    }
    for host in &actor.hosts {
        let held = |foothold: &raw::Foothold| foothold.team == actor.team && foothold.host == *host;
        if context.names.hosts.has(host) && !context.raw.footholds.iter().any(held) {
            let there = format!("red has no foothold on `{}`", quote(host));
            let help = format!("add one to `footholds`: (id: .., host: \"{host}\", team: Red)");
            findings.push(host.problem(code::NO_FOOTHOLD, there, help));
        }
    }
}

/// What checking one step of one actor needs.
struct Check<'c, 'a> {
    context: &'c Context<'a>,
    actor: &'c raw::Actor,
    ids: &'c Kind<'c>,
}

impl Check<'_, '_> {
    fn step(&self, step: &raw::Step, findings: &mut Findings) {
        within(&step.at_s, 0.0, MATCH_S_MAX, " s", findings);
        if let Some((after, delay_s)) = &step.after {
            self.ids.check(after, findings);
            within(delay_s, 0.0, MATCH_S_MAX, " s", findings);
        }
        if let Some(until_s) = &step.until_s {
            within(until_s, 0.0, MATCH_S_MAX, " s", findings);
            if until_s.value < step.at_s.value {
                let there = format!("{} s is before the step begins", until_s.value);
                let found = until_s.problem(code::TIME_ORDER, there, "write a later time");
                findings.push(found.related(step.at_s.span, "it begins here"));
            }
        }
        if let Some(every_s) = &step.every_s {
            within(every_s, EVERY_S_MIN, MATCH_S_MAX, " s", findings);
        }
        if let Some(condition) = &step.when {
            self.condition(&condition.value, condition.span, findings);
        }
        if let Some(command) = step.commands.get(COMMANDS_MAX) {
            let there = format!("this is one of more than {COMMANDS_MAX} commands of a step");
            findings.push(command.problem(code::LIST_TOO_LONG, there, "split the step"));
        }
        for command in &step.commands {
            self.side(command, findings);
            self.origin(command, findings);
            self.names(command, findings);
            self.numbers(command, findings);
        }
    }

    fn place(&self, span: Span, name: &str) -> Span {
        place_in(self.context.sources, span, name)
    }

    fn name(&self, kind: &Kind, name: &str, span: Span, findings: &mut Findings) {
        kind.check_at(name, self.place(span, name), findings);
    }

    fn condition(&self, condition: &Condition, span: Span, findings: &mut Findings) {
        let names = &self.context.names;
        match condition {
            Condition::TagAbove(tag, _) | Condition::TagBelow(tag, _) | Condition::TagLost(tag) => {
                self.name(&names.tags, tag, span, findings);
            }
            Condition::AlarmActive(alarm) => self.name(&names.alarms, alarm, span, findings),
            Condition::Alert(detection) => self.name(&names.detections, detection, span, findings),
            Condition::Answered(contact, topic) => self.phone(contact, topic, span, findings),
            Condition::Done(step) | Condition::Failed(step) | Condition::Refused(step) => {
                self.name(self.ids, step, span, findings);
            }
            Condition::GaugeAbove(gauge, _) | Condition::GaugeBelow(gauge, _) => {
                self.gauge(gauge, span, findings);
            }
            Condition::Differs(controller) => {
                self.name(&names.emulated, controller, span, findings);
            }
            Condition::All(list) | Condition::Any(list) => {
                for inner in list {
                    self.condition(inner, span, findings);
                }
            }
            Condition::Not(inner) => self.condition(inner, span, findings),
        }
    }

    /// A gauge by its id, or a lamp of a safety controller's panel as `controller/lamp`.
    fn gauge(&self, gauge: &str, span: Span, findings: &mut Findings) {
        match gauge.split_once('/') {
            Some((sis, _)) if self.context.names.safety.has(sis) => {}
            _ => self.name(&self.context.names.gauges, gauge, span, findings),
        }
    }

    fn phone(&self, contact: &str, topic: &str, span: Span, findings: &mut Findings) {
        self.name(&self.context.names.contacts, contact, span, findings);
        if let Some(topics) = self.context.raw.people.contacts.get(contact) {
            self.name(&Kind::new("topic", topics.keys()), topic, span, findings);
        }
    }

    /// Each role has its own commands; where they may start from is asked apart.
    fn side(&self, command: &Spanned<Command>, findings: &mut Findings) {
        let from: Vec<String> = command.from_host().map(str::to_owned).into_iter().collect();
        let role = crate::lower::role(*self.actor.role);
        if let Err(refusal) = permit::check(role, &from, &command.value) {
            let help = "give it to an actor whose role has it";
            findings.push(command.problem(code::WRONG_SIDE, quote(&refusal), help));
        }
    }

    /// Network tools start from one of the actor's own hosts.
    fn origin(&self, command: &Spanned<Command>, findings: &mut Findings) {
        let Some(from) = command.from_host() else {
            return;
        };
        if !self.actor.hosts.iter().any(|host| host.value == from) {
            let there = format!("the actor may not act from `{}`", quote(from));
            let own = self.actor.hosts.iter().map(|host| host.value.as_str());
            let help = sim_authored::did_you_mean(from, own);
            let span = self.place(command.span, from);
            findings.push(Finding::new(code::NO_FOOTHOLD, span, there, help));
        }
    }

    fn names(&self, command: &Spanned<Command>, findings: &mut Findings) {
        let names = &self.context.names;
        let span = command.span;
        match &command.value {
            Command::Scan { targets, .. } => {
                let is_range = Range::parse(targets).is_some_and(|range| range != Range::Any);
                if !names.zones.has(targets) && !is_range {
                    self.target(targets, span, findings);
                }
            }
            Command::Identify { target, .. }
            | Command::Flood { target, .. }
            | Command::Download { target, .. }
            | Command::SetMode { target, .. } => self.target(target, span, findings),
            Command::Read { target, start, .. }
            | Command::Write { target, start, .. }
            | Command::Hold { target, start, .. } => {
                self.target(target, span, findings);
                self.register(start, span, findings);
            }
            Command::ArpSpoof {
                victim,
                peer,
                target,
                rewrite,
                ..
            } => {
                for end in [victim, peer, target] {
                    self.target(end, span, findings);
                }
                for (_, register, _) in rewrite {
                    self.register(register, span, findings);
                }
            }
            Command::SetTag { tag, .. } => self.name(&names.tags, tag, span, findings),
            Command::Acknowledge { alarm } | Command::Shelve { alarm, .. } => {
                self.name(&names.alarms, alarm, span, findings);
            }
            Command::Report {
                asset, evidence, ..
            } => {
                self.name(&names.reportable, asset, span, findings);
                for cited in evidence {
                    if let Citation::Detection(detection) = cited {
                        self.name(&names.detections, detection, span, findings);
                    }
                }
            }
            Command::UpdateReport { asset, .. } => {
                self.name(&names.reportable, asset, span, findings);
            }
            Command::Firewall { router, change } => {
                self.name(&names.routers, router, span, findings);
                self.firewall(change, span, findings);
            }
            Command::Field(action) => self.field(action, span, findings),
            Command::Phone { contact, topic } => self.phone(contact, topic, span, findings),
            Command::Compare { controller } | Command::Restore { controller, .. } => {
                self.name(&names.emulated, controller, span, findings);
            }
            Command::StopJob { .. } | Command::CloseReport { .. } | Command::Inject { .. } => {}
        }
    }

    /// A host or router by its id, or an address.
    fn target(&self, target: &str, span: Span, findings: &mut Findings) {
        if target.parse::<Ipv4Addr>().is_err() {
            self.name(&self.context.names.assets, target, span, findings);
        }
    }

    fn register(&self, register: &RegisterRef, span: Span, findings: &mut Findings) {
        if let RegisterRef::Tag(tag) = register {
            self.name(&self.context.names.tags, tag, span, findings);
        }
    }

    fn firewall(&self, change: &FirewallCommand, span: Span, findings: &mut Findings) {
        match change {
            FirewallCommand::Add { rule, .. } => {
                if !["accept", "drop", "reject"].contains(&rule.action.as_str()) {
                    let there = format!("`{}` is not an action", quote(&rule.action));
                    let help = "write \"accept\", \"drop\" or \"reject\"";
                    let span = self.place(span, &rule.action);
                    findings.push(Finding::new(code::UNKNOWN_VARIANT, span, there, help));
                }
                for end in [&rule.src, &rule.dst] {
                    check_range(end, self.place(span, end), findings);
                }
            }
            FirewallCommand::ClearSessions { src: Some(src) } => self.target(src, span, findings),
            // Rules may have been added meanwhile, so their ids are not checked.
            _ => {}
        }
    }

    fn field(&self, action: &FieldAction, span: Span, findings: &mut Findings) {
        let names = &self.context.names;
        match action {
            FieldAction::TurnKey { controller, .. } | FieldAction::Restart { controller } => {
                self.name(&names.emulated, controller, span, findings);
            }
            FieldAction::Shutdown { controller }
            | FieldAction::ResetTrip { controller }
            | FieldAction::ReadPanel { controller } => {
                self.name(&names.safety, controller, span, findings);
            }
            FieldAction::ReadGauge { gauge } => self.name(&names.gauges, gauge, span, findings),
            FieldAction::Cable { host, .. } => self.name(&names.hosts, host, span, findings),
            FieldAction::HandValve { actuator, .. } => {
                let text = Spanned::new(actuator.clone(), self.place(span, actuator));
                let kind = sim_plant::SignalKind::Actuator;
                crate::rule_plant::check_signal(self.context, &text, kind, findings);
            }
        }
    }

    fn numbers(&self, command: &Spanned<Command>, findings: &mut Findings) {
        let fault = match &command.value {
            Command::Scan { ports, .. } if ports.is_empty() => Some("the scan tries no port"),
            Command::Read {
                table: Table::Coil | Table::Discrete,
                count,
                ..
            } if *count == 0 || *count > READ_BITS_MAX => Some("a request reads 1 to 2000 bits"),
            Command::Read {
                table: Table::Input | Table::Holding,
                count,
                ..
            } if *count == 0 || *count > READ_WORDS_MAX => {
                Some("a request reads 1 to 125 registers")
            }
            Command::Write { values, .. } | Command::Hold { values, .. }
                if values.is_empty() || values.len() > WRITE_WORDS_MAX =>
            {
                Some("a request writes 1 to 123 registers")
            }
            Command::Hold { period_s: 0, .. } => Some("the period is 0 s"),
            Command::Flood {
                frames_per_s: 0, ..
            }
            | Command::Flood { seconds: 0, .. } => Some("the flood sends nothing"),
            _ => None,
        };
        if let Some(fault) = fault {
            let help = "write a number that a device would take";
            findings.push(command.problem(code::OUT_OF_RANGE, fault, help));
        }
    }
}
