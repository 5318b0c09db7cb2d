//! What the match seed may change keeps its meaning when it is changed.

use sim_authored::{Finding, Findings, Span, code, quote};
use sim_view::{Command, FirewallCommand};

use crate::names::Context;
use crate::raw_v1 as raw;
use crate::rule_script::place_in;
use crate::values::Range;

pub(crate) fn check(context: &Context, findings: &mut Findings) {
    check_rules(context, findings);
    check_commands(context, findings);
    check_window(context, findings);
    check_branches(context, findings);
}

fn check_rules(context: &Context, findings: &mut Findings) {
    for rule in context.raw.routers.iter().flat_map(|router| &router.rules) {
        check_end(context, &rule.src, rule.src.span, findings);
        check_end(context, &rule.dst, rule.dst.span, findings);
        if let Some(addresses) = &rule.addresses {
            check_registers(context, &rule.dst, addresses.span, findings);
        }
    }
}

fn check_commands(context: &Context, findings: &mut Findings) {
    let steps = context.scripts.values().flatten();
    for command in steps.flat_map(|step| &step.commands) {
        if let Command::Firewall {
            change: FirewallCommand::Add { rule, .. },
            ..
        } = &command.value
        {
            for end in [&rule.src, &rule.dst] {
                check_end(
                    context,
                    end,
                    place_in(context.sources, command.span, end),
                    findings,
                );
            }
            if rule.addresses.is_some() {
                check_registers(context, &rule.dst, command.span, findings);
            }
        }
    }
}

/// Hosts move within their zone, so an end of a rule is one host or router, or whole zones.
fn check_end(context: &Context, end: &str, span: Span, findings: &mut Findings) {
    let Some(range) = Range::parse(end).filter(|_| context.raw.vary.addresses) else {
        return;
    };
    let raw = context.raw;
    let plain = end.strip_suffix("/32").unwrap_or(end);
    let interfaces = raw.routers.iter().flat_map(|router| &router.interfaces);
    let is_known = raw.hosts.iter().any(|host| host.ip.value == plain)
        || interfaces
            .map(|(_, address)| address)
            .any(|address| address.value == plain);
    let splits_zone = |zone: &raw::Zone| {
        let Ok(subnet) = crate::values::Subnet::parse(&zone.subnet) else {
            return false;
        };
        range.overlaps(subnet) && !range.covers(subnet)
    };
    if !is_known && raw.zones.iter().any(splits_zone) {
        let there = format!("`{}` is a part of a zone in which hosts move", quote(end));
        let help = "name one host's address or a whole zone, or set `vary: (addresses: false)`";
        findings.push(Finding::new(code::CANNOT_VARY, span, there, help));
    }
}

/// Each controller's registers shift by their own offset, so a rule about registers is about one.
fn check_registers(context: &Context, dst: &str, span: Span, findings: &mut Findings) {
    let varies = *context.raw.vary.register_offset_max > 0;
    let plain = dst.strip_suffix("/32").unwrap_or(dst);
    if varies && !context.raw.hosts.iter().any(|host| host.ip.value == plain) {
        let there = "the registers of several controllers shift differently";
        let help = "name one controller as `dst`, or set `vary: (register_offset_max: 0)`";
        findings.push(Finding::new(code::CANNOT_VARY, span, there, help));
    }
}

fn check_window(context: &Context, findings: &mut Findings) {
    let shift = &context.raw.vary.attack_start_max_s;
    for (name, pace) in &context.raw.paces {
        let window_s = *pace.red_until_s - *pace.red_from_s;
        if f64::from(**shift) > window_s.max(0.0) {
            let there = format!(
                "{shift} s is longer than red's window of pace `{}`",
                quote(name)
            );
            let found = shift.problem(code::CANNOT_VARY, there, "write a shorter time");
            findings.push(found.related(pace.red_until_s.span, "the window closes here"));
        }
    }
}

/// An alternative `red@b` belongs to a red actor `red`.
fn check_branches(context: &Context, findings: &mut Findings) {
    for (name, actor) in &context.raw.actors {
        let Some((base, _)) = name.split_once('@') else {
            continue;
        };
        let of = context.raw.actors.get(base);
        let is_red = |actor: &raw::Actor| actor.team == raw::Team::Red;
        if !is_red(actor) || !of.is_some_and(is_red) {
            let there = format!("`{}` is an alternative of no red actor", quote(name));
            let help = format!(
                "define a red actor `{}`, or choose a name without `@`",
                quote(base)
            );
            findings.push(name.problem(code::CANNOT_VARY, there, help));
        }
    }
}
