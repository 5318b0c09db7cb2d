//! What a match seed changes: addresses, register offsets, tag numbers, attack start, branch.
//!
//! Two teams that play the same scenario with different seeds cannot copy each other's addresses or
//! times. Names of hosts and controllers stay; everything that refers to a varied thing follows it.
//! Each kind of variation draws from its own named stream, so switching one on shifts no other.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sim_record::{Seed, Team};
use sim_view::script::{Condition, Script};
use sim_view::{Command, FieldAction, FirewallCommand, RegisterRef, RuleSpec, Table};

use crate::model::{
    AlarmRule, Controller, DetectionRule, MapArea, ModbusRange, RecoveryRule, Scenario, Vary,
};
use crate::values::Subnet;

/// Register offsets are multiples of this many registers.
const OFFSET_STEP: u16 = 10;

/// Separates the name of a red actor from that of its alternative: `red@b`.
const BRANCH_MARK: char = '@';

/// Bits that OpenPLC's addressing shows of each bit area.
const OPENPLC_BITS: u16 = 8192;

/// Words that OpenPLC's addressing shows of each word area; markers start behind the outputs.
const OPENPLC_WORDS: u16 = 1024;

impl Scenario {
    /// Draws everything that [`Vary`] leaves to the match seed.
    ///
    /// The result varies no further: its own `vary` is empty, so that instantiating it again with any
    /// seed changes nothing.
    #[must_use]
    pub fn instantiate(&self, seed: Seed) -> Self {
        let mut scenario = self.clone();
        let vary = std::mem::take(&mut scenario.vary);
        if vary.addresses {
            vary_addresses(&mut scenario, &mut Draw::new(seed, "vary/addresses"));
        }
        if vary.register_offset_max > 0 {
            let draw = &mut Draw::new(seed, "vary/registers");
            vary_registers(&mut scenario, vary.register_offset_max, draw);
        }
        if vary.tag_numbers {
            vary_tag_numbers(&mut scenario, &mut Draw::new(seed, "vary/tags"));
        }
        vary_times(&mut scenario, &vary, seed);
        if vary.branches {
            vary_branches(&mut scenario, &mut Draw::new(seed, "vary/branches"));
        }
        scenario
    }
}

/// A named stream of random numbers.
struct Draw(ChaCha8Rng);

impl Draw {
    fn new(seed: Seed, name: &str) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed.stream(name)))
    }

    /// Draws a number below `bound`; 0 when the bound is 0.
    fn below(&mut self, bound: u32) -> u32 {
        // The high half of a 64-bit product: no bias worth the name and no rejection.
        let product = u64::from(self.0.next_u32()).wrapping_mul(u64::from(bound));
        u32::try_from(product >> 32).unwrap_or(0)
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        let bound = u32::try_from(list.len()).unwrap_or(u32::MAX);
        list.get(self.below(bound) as usize)
    }
}

/// Gives each host another address in its zone and lets every mention of an address follow.
fn vary_addresses(scenario: &mut Scenario, draw: &mut Draw) {
    let mut taken: BTreeSet<Ipv4Addr> = BTreeSet::new();
    for router in &scenario.routers {
        taken.extend(router.interfaces.iter().map(|(_, address)| *address));
    }
    let mut moved = BTreeMap::new();
    for host in &mut scenario.hosts {
        let Some(zone) = scenario.zones.iter().find(|zone| zone.id == host.zone) else {
            continue;
        };
        let subnet = Subnet {
            network: zone.network,
            prefix: zone.prefix,
        };
        let Some(address) = free_address(subnet, &taken, draw) else {
            continue;
        };
        taken.insert(address);
        moved.insert(host.ip.to_string(), address.to_string());
        host.ip = address;
    }
    let follow = |text: &mut String| {
        let plain = text.strip_suffix("/32").unwrap_or(text);
        if let Some(address) = moved.get(plain) {
            text.clone_from(address);
        }
    };
    for router in &mut scenario.routers {
        for rule in &mut router.rules {
            follow(&mut rule.src);
            follow(&mut rule.dst);
        }
    }
    for actor in scenario.actors.values_mut() {
        each_command(&mut actor.script, |command| each_address(command, follow));
    }
}

/// Draws a free address of a subnet, from a random one upwards.
fn free_address(subnet: Subnet, taken: &BTreeSet<Ipv4Addr>, draw: &mut Draw) -> Option<Ipv4Addr> {
    let hosts = subnet.hosts();
    let first = draw.below(hosts);
    // A zone holds far fewer hosts than the limit of lists, so the search is short.
    let tries = hosts.min(
        u32::try_from(taken.len())
            .unwrap_or(u32::MAX)
            .saturating_add(1),
    );
    (0..tries)
        .map(|step| (u64::from(first) + u64::from(step)) % u64::from(hosts.max(1)))
        .filter_map(|index| u32::try_from(index + 1).ok())
        .map(|index| Ipv4Addr::from_bits(subnet.network.to_bits() | index))
        .find(|address| subnet.is_host(*address) && !taken.contains(address))
}

/// Shifts the Modbus addresses of each controller and lets every mention of a register follow.
fn vary_registers(scenario: &mut Scenario, below: u16, draw: &mut Draw) {
    let mut offsets = BTreeMap::new();
    let mut by_address = BTreeMap::new();
    let steps = u32::from(below.saturating_sub(1) / OFFSET_STEP).saturating_add(1);
    for controller in &mut scenario.controllers {
        let steps = u16::try_from(draw.below(steps)).unwrap_or(0);
        let offset = steps.saturating_mul(OFFSET_STEP);
        shift_controller(controller, offset);
        offsets.insert(controller.id.clone(), offset);
        let host = scenario.hosts.iter().find(|host| host.id == controller.id);
        by_address.extend(host.map(|host| (host.ip.to_string(), offset)));
    }
    for tag in scenario.tags.values_mut() {
        let offset = offsets.get(&tag.controller).copied().unwrap_or(0);
        tag.address = tag.address.saturating_add(offset);
    }
    let of = |target: &str| {
        let plain = target.strip_suffix("/32").unwrap_or(target);
        offsets
            .get(plain)
            .or_else(|| by_address.get(plain))
            .copied()
            .unwrap_or(0)
    };
    for router in &mut scenario.routers {
        for rule in &mut router.rules {
            shift_rule(rule, of(&rule.dst));
        }
    }
    for actor in scenario.actors.values_mut() {
        each_command(&mut actor.script, |command| shift_command(command, &of));
    }
}

fn shift_controller(controller: &mut Controller, offset: u16) {
    if controller.modbus_map.is_empty() && controller.s7.is_none() {
        controller.modbus_map = openplc_map();
    }
    for range in &mut controller.modbus_map {
        range.start = range.start.saturating_add(offset);
    }
    for (address, _, _) in &mut controller.input_limits {
        *address = address.saturating_add(offset);
    }
}

fn shift_rule(rule: &mut RuleSpec, offset: u16) {
    if let Some((first, last)) = &mut rule.addresses {
        *first = first.saturating_add(offset);
        *last = last.saturating_add(offset);
    }
}

fn shift_command(command: &mut Command, of: &impl Fn(&str) -> u16) {
    let shift = |register: &mut RegisterRef, offset: u16| {
        if let RegisterRef::At(address) = register {
            *address = address.saturating_add(offset);
        }
    };
    match command {
        Command::Read { target, start, .. }
        | Command::Write { target, start, .. }
        | Command::Hold { target, start, .. } => shift(start, of(target)),
        Command::ArpSpoof {
            target, rewrite, ..
        } => {
            let offset = of(target);
            for (_, register, _) in rewrite {
                shift(register, offset);
            }
        }
        Command::Firewall {
            change: FirewallCommand::Add { rule, .. },
            ..
        } => {
            let offset = of(&rule.dst);
            shift_rule(rule, offset);
        }
        _ => {}
    }
}

/// Writes OpenPLC's addressing out, so that it can be shifted.
fn openplc_map() -> Vec<ModbusRange> {
    let range = |table, start, count, area| ModbusRange {
        table,
        start,
        count,
        area,
        offset: 0,
    };
    vec![
        range(Table::Coil, 0, OPENPLC_BITS, MapArea::Output),
        range(Table::Discrete, 0, OPENPLC_BITS, MapArea::Input),
        range(Table::Input, 0, OPENPLC_WORDS, MapArea::Input),
        range(Table::Holding, 0, OPENPLC_WORDS, MapArea::Output),
        range(
            Table::Holding,
            OPENPLC_WORDS,
            OPENPLC_WORDS,
            MapArea::Marker,
        ),
    ]
}

/// Renumbers tags, alarms and gauges loop by loop: everything of loop 101 gets the same new number.
fn vary_tag_numbers(scenario: &mut Scenario, draw: &mut Draw) {
    let alarms = scenario.alarms.iter().map(|alarm| &alarm.id);
    let names = scenario
        .tags
        .keys()
        .chain(alarms)
        .chain(scenario.gauges.keys());
    let loops: BTreeSet<String> = names
        .filter_map(|name| loop_number(name))
        .map(|(_, number, _)| number.to_owned())
        .collect();
    let mut free: Vec<u32> = (100..1000)
        .filter(|n| !loops.contains(&n.to_string()))
        .collect();
    let mut numbers = BTreeMap::new();
    for old in loops {
        let length = u32::try_from(free.len()).unwrap_or(0);
        if length == 0 {
            break;
        }
        let new = free.swap_remove(draw.below(length) as usize);
        numbers.insert(old, new.to_string());
    }
    let renamed = |name: &str| match loop_number(name) {
        Some((head, number, tail)) => {
            let number = numbers.get(number).map_or(number, String::as_str);
            format!("{head}{number}{tail}")
        }
        None => name.to_owned(),
    };
    rename_stations(scenario, &renamed);
    rename_rules(scenario, &renamed);
    let rename = |name: &mut String| *name = renamed(name);
    for actor in scenario.actors.values_mut() {
        for step in &mut actor.script.steps {
            if let Some(condition) = &mut step.when {
                each_name(condition, &rename);
            }
            for command in &mut step.commands {
                rename_command(command, &rename);
            }
        }
    }
}

/// Splits `PIC-101.SP` into `PIC-`, `101` and `.SP`: letters, a hyphen and exactly three digits.
fn loop_number(name: &str) -> Option<(&str, &str, &str)> {
    let hyphen = name.find('-')?;
    let (head, rest) = name.split_at_checked(hyphen.checked_add(1)?)?;
    let letters = head.strip_suffix('-')?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let good =
        digits == 3 && !letters.is_empty() && letters.bytes().all(|b| b.is_ascii_uppercase());
    let (number, tail) = rest.split_at_checked(digits)?;
    good.then_some((head, number, tail))
}

fn rename_stations(scenario: &mut Scenario, renamed: &impl Fn(&str) -> String) {
    let keys = |name: String| renamed(&name);
    let tags = std::mem::take(&mut scenario.tags);
    scenario.tags = tags
        .into_iter()
        .map(|(name, tag)| (keys(name), tag))
        .collect();
    let gauges = std::mem::take(&mut scenario.gauges);
    scenario.gauges = gauges
        .into_iter()
        .map(|(name, signal)| (keys(name), signal))
        .collect();
    let hmis = scenario.hmis.iter_mut().map(|hmi| &mut hmi.tags);
    let historians = scenario
        .historians
        .iter_mut()
        .map(|historian| &mut historian.tags);
    let latent = scenario.latent.iter_mut().map(|latent| &mut latent.alarms);
    for name in hmis.chain(historians).chain(latent).flatten() {
        *name = renamed(name);
    }
}

fn rename_rules(scenario: &mut Scenario, renamed: &impl Fn(&str) -> String) {
    let rename = |name: &mut String| *name = renamed(name);
    for alarm in &mut scenario.alarms {
        rename(&mut alarm.id);
        match &mut alarm.rule {
            AlarmRule::High(tag, _)
            | AlarmRule::Low(tag, _)
            | AlarmRule::On(tag)
            | AlarmRule::Not(tag, _) => rename(tag),
            AlarmRule::HighTag(tag, limit) | AlarmRule::LowTag(tag, limit) => {
                rename(tag);
                rename(limit);
            }
            AlarmRule::CommunicationLost(_) => {}
        }
    }
    for detection in &mut scenario.detections {
        match &mut detection.rule {
            DetectionRule::Bypass { tag } | DetectionRule::Rate { tag, .. } => rename(tag),
            DetectionRule::ModeChange(tags) => tags.iter_mut().for_each(rename),
            DetectionRule::Deviation { a, b, .. } => {
                rename(a);
                rename(b);
            }
            DetectionRule::AboveWhile { tag, mode, .. } => {
                rename(tag);
                rename(mode);
            }
            _ => {}
        }
    }
    for check in &mut scenario.recovery {
        if let RecoveryRule::TagIs(tag, _, _) = &mut check.rule {
            rename(tag);
        }
    }
}

fn rename_command(command: &mut Command, rename: &impl Fn(&mut String)) {
    let register = |register: &mut RegisterRef| {
        if let RegisterRef::Tag(tag) = register {
            rename(tag);
        }
    };
    match command {
        Command::Read { start, .. }
        | Command::Write { start, .. }
        | Command::Hold { start, .. } => {
            register(start);
        }
        Command::ArpSpoof { rewrite, .. } => {
            for (_, shown, _) in rewrite {
                register(shown);
            }
        }
        Command::SetTag { tag, .. } => rename(tag),
        Command::Acknowledge { alarm } | Command::Shelve { alarm, .. } => rename(alarm),
        Command::Field(FieldAction::ReadGauge { gauge }) => rename(gauge),
        _ => {}
    }
}

/// Renames the tags, alarms and gauges in a condition.
fn each_name(condition: &mut Condition, rename: &impl Fn(&mut String)) {
    match condition {
        Condition::TagAbove(name, _)
        | Condition::TagBelow(name, _)
        | Condition::TagLost(name)
        | Condition::AlarmActive(name)
        | Condition::GaugeAbove(name, _)
        | Condition::GaugeBelow(name, _) => rename(name),
        Condition::All(list) | Condition::Any(list) => {
            for inner in list {
                each_name(inner, rename);
            }
        }
        Condition::Not(inner) => each_name(inner, rename),
        _ => {}
    }
}

/// Shifts all red steps by one time, and each benign step by its own; what scripts report of the attack follows it.
fn vary_times(scenario: &mut Scenario, vary: &Vary, seed: Seed) {
    let shift_s = Draw::new(seed, "vary/attack").below(vary.attack_start_max_s);
    let attack_s = f64::from(shift_s);
    let mut benign = Draw::new(seed, "vary/benign");
    for actor in scenario.actors.values_mut() {
        for step in &mut actor.script.steps {
            let shift_s = match actor.team {
                Team::Red => attack_s,
                Team::White => {
                    let below_ms = vary.benign_jitter_max_s.saturating_mul(1000);
                    f64::from(benign.below(below_ms)) / 1000.0
                }
                Team::Blue | Team::Range => 0.0,
            };
            step.at_s += shift_s;
            if let Some(until_s) = &mut step.until_s {
                *until_s += shift_s;
            }
        }
        each_command(&mut actor.script, |command| {
            shift_report(command, u64::from(shift_s));
        });
    }
}

/// A report of something that was so from the start, at second 0, is about no attack and stays.
fn shift_report(command: &mut Command, shift_s: u64) {
    if let Command::Report {
        began_s: Some(began_s),
        ..
    } = command
        && *began_s > 0
    {
        *began_s = began_s.saturating_add(shift_s);
    }
}

/// Replaces each red actor that has alternatives by one of them or itself, the same in all casts.
fn vary_branches(scenario: &mut Scenario, draw: &mut Draw) {
    let mut chosen = BTreeMap::new();
    for (name, actor) in &scenario.actors {
        if actor.team != Team::Red || name.contains(BRANCH_MARK) {
            continue;
        }
        let branch = |other: &str| {
            let rest = other.strip_prefix(name.as_str());
            other == name || rest.is_some_and(|rest| rest.starts_with(BRANCH_MARK))
        };
        let branches: Vec<&String> = scenario
            .actors
            .keys()
            .filter(|other| branch(other))
            .collect();
        if let Some(branch) = draw.pick(&branches) {
            chosen.insert(name.clone(), (*branch).clone());
        }
    }
    for cast in scenario.casts.values_mut() {
        for actor in &mut cast.actors {
            if let Some(branch) = chosen.get(actor) {
                actor.clone_from(branch);
            }
        }
    }
}

fn each_command(script: &mut Script, mut change: impl FnMut(&mut Command)) {
    for step in &mut script.steps {
        step.commands.iter_mut().for_each(&mut change);
    }
}

/// Calls `follow` with every text of a command that may be an address.
fn each_address(command: &mut Command, follow: impl Fn(&mut String)) {
    match command {
        Command::Scan {
            targets: target, ..
        }
        | Command::Identify { target, .. }
        | Command::Read { target, .. }
        | Command::Write { target, .. }
        | Command::Hold { target, .. }
        | Command::Flood { target, .. }
        | Command::Download { target, .. }
        | Command::SetMode { target, .. } => follow(target),
        Command::ArpSpoof {
            victim,
            peer,
            target,
            ..
        } => {
            follow(victim);
            follow(peer);
            follow(target);
        }
        Command::Firewall { change, .. } => match change {
            FirewallCommand::Add { rule, .. } => {
                follow(&mut rule.src);
                follow(&mut rule.dst);
            }
            FirewallCommand::ClearSessions { src: Some(src) } => follow(src),
            _ => {}
        },
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loop_numbers_are_three_digits_behind_letters() {
        assert_eq!(loop_number("PIC-101.SP"), Some(("PIC-", "101", ".SP")));
        assert_eq!(loop_number("PT-201A"), Some(("PT-", "201", "A")));
        assert_eq!(loop_number("PT-101"), Some(("PT-", "101", "")));
        for other in [
            "SIS-1.TRIP",
            "PT-1011",
            "PT101",
            "-101",
            "pt-101",
            "PIC-MODE",
            "",
        ] {
            assert_eq!(loop_number(other), None, "{other}");
        }
    }

    #[test]
    fn draws_stay_below_their_bound_and_repeat() {
        let mut draw = Draw::new(Seed(7), "x");
        let drawn: Vec<u32> = (0..100).map(|_| draw.below(10)).collect();
        assert!(drawn.iter().all(|n| *n < 10));
        assert!((0..10).all(|n| drawn.contains(&n)));
        let mut again = Draw::new(Seed(7), "x");
        assert!(drawn.iter().all(|n| *n == again.below(10)));
        assert_eq!(draw.below(0), 0);
    }
}
