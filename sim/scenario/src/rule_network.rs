//! Zones, routers, hosts: subnets, addresses, firewall rules, who reaches whom.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use sim_authored::{Findings, Span, code, quote};
use sim_view::Table;

use crate::limits::{BANDWIDTH_BPS_MIN, LATENCY_US};
use crate::names::Context;
use crate::raw_v1::{self as raw, Text};
use crate::rule_range::within;
use crate::values::{Range, Subnet};

/// TCP port of Modbus, from the Modbus messaging guide, section 4.3.
const MODBUS_PORT: u16 = 502;

pub(crate) fn check(context: &Context, findings: &mut Findings) {
    let subnets = check_zones(context, findings);
    let mut taken = BTreeMap::new();
    for router in &context.raw.routers {
        check_router(context, router, &subnets, &mut taken, findings);
    }
    for diode in &context.raw.diodes {
        context.names.zones.check(&diode.from, findings);
        context.names.zones.check(&diode.to, findings);
        if diode.from == diode.to {
            let there = "the diode leads back to its own zone";
            findings.push(
                diode
                    .to
                    .problem(code::OUT_OF_RANGE, there, "name another zone"),
            );
        }
    }
    for host in &context.raw.hosts {
        context.names.zones.check(&host.zone, findings);
        check_address(&host.ip, &host.zone, &subnets, &mut taken, findings);
        for port in &host.open_ports {
            within(port, 1, u16::MAX, "", findings);
        }
    }
    if !findings.has_errors() {
        check_reach(context, findings);
    }
}

fn check_zones<'a>(context: &Context<'a>, findings: &mut Findings) -> BTreeMap<&'a str, Subnet> {
    let mut subnets: BTreeMap<&str, Subnet> = BTreeMap::new();
    let mut earlier: Vec<(Subnet, Span)> = Vec::new();
    for zone in &context.raw.zones {
        within(&zone.purdue_level, 0.0, 5.0, "", findings);
        within(
            &zone.latency_us,
            LATENCY_US.0,
            LATENCY_US.1,
            " us",
            findings,
        );
        within(&zone.loss_ppm, 0, 1_000_000, " ppm", findings);
        if let Some(bandwidth) = &zone.bandwidth_bps {
            within(
                bandwidth,
                BANDWIDTH_BPS_MIN,
                u64::from(u32::MAX) * 1000,
                " bit/s",
                findings,
            );
        }
        let subnet = match Subnet::parse(&zone.subnet) {
            Ok(subnet) => subnet,
            Err(fault) => {
                let help = "write a subnet such as `10.30.20.0/24`";
                findings.push(zone.subnet.problem(code::BAD_ADDRESS, fault, help));
                continue;
            }
        };
        if let Some((_, span)) = earlier.iter().find(|(other, _)| other.overlaps(subnet)) {
            let there = format!(
                "`{}` overlaps the subnet of another zone",
                quote(&zone.subnet)
            );
            let found = zone
                .subnet
                .problem(code::OVERLAPPING_SUBNETS, there, "give it another");
            findings.push(found.related(*span, "the other one is here"));
        }
        earlier.push((subnet, zone.subnet.span));
        subnets.insert(&zone.id, subnet);
    }
    subnets
}

fn check_router(
    context: &Context,
    router: &raw::Router,
    subnets: &BTreeMap<&str, Subnet>,
    taken: &mut BTreeMap<Ipv4Addr, Span>,
    findings: &mut Findings,
) {
    for (zone, address) in &router.interfaces {
        context.names.zones.check(zone, findings);
        check_address(address, zone, subnets, taken, findings);
    }
    if router.interfaces.len() < 2 {
        let there = format!("router `{}` joins fewer than two zones", quote(&router.id));
        findings.push(
            router
                .id
                .problem(code::OUT_OF_RANGE, there, "give it two interfaces"),
        );
    }
    for rule in &router.rules {
        check_rule(rule, findings);
    }
}

fn check_rule(rule: &raw::Rule, findings: &mut Findings) {
    for end in [&rule.src, &rule.dst] {
        check_range(end, end.span, findings);
    }
    if let Some(port) = &rule.port {
        within(port, 1, u16::MAX, "", findings);
    }
    for function in &rule.functions {
        within(function, 1, 127, "", findings);
    }
    let Some(addresses) = &rule.addresses else {
        return;
    };
    if addresses.0 > addresses.1 {
        let there = format!("the range ends at {} before it begins", addresses.1);
        findings.push(addresses.problem(code::OUT_OF_RANGE, there, "write (first, last)"));
    }
}

/// Reports a source or destination that is none.
pub(crate) fn check_range(text: &str, span: Span, findings: &mut Findings) {
    if Range::parse(text).is_none() {
        let there = format!("`{}` is not an address or subnet", quote(text));
        let help = "write `any`, an address, or a subnet such as `10.30.20.0/24`";
        findings.push(sim_authored::Finding::new(
            code::BAD_ADDRESS,
            span,
            there,
            help,
        ));
    }
}

fn check_address(
    text: &Text,
    zone: &str,
    subnets: &BTreeMap<&str, Subnet>,
    taken: &mut BTreeMap<Ipv4Addr, Span>,
    findings: &mut Findings,
) {
    let Ok(address) = text.parse::<Ipv4Addr>() else {
        let there = format!("`{}` is not an IPv4 address", quote(text));
        let help = "write four numbers from 0 to 255, such as `10.30.20.10`";
        findings.push(text.problem(code::BAD_ADDRESS, there, help));
        return;
    };
    if let Some(subnet) = subnets.get(zone).filter(|subnet| !subnet.is_host(address)) {
        let there = format!(
            "{address} is not an address for a host in zone `{}`",
            quote(zone)
        );
        let help = format!("choose one from {}/{}", subnet.network, subnet.prefix);
        findings.push(text.problem(code::OUTSIDE_SUBNET, there, help));
    }
    if let Some(first) = taken.insert(address, text.span) {
        let there = format!("{address} is already in use");
        let found = text.problem(code::DUPLICATE_ADDRESS, there, "choose another address");
        findings.push(found.related(first, "the first one is here"));
    }
}

/// Every HMI and historian reaches every controller whose tags it polls.
fn check_reach(context: &Context, findings: &mut Findings) {
    let filters: Vec<Filter> = context.raw.routers.iter().map(Filter::new).collect();
    for hmi in &context.raw.hmis {
        check_station(context, &filters, &hmi.host, &hmi.tags, findings);
    }
    for historian in &context.raw.historians {
        check_station(
            context,
            &filters,
            &historian.host,
            &historian.tags,
            findings,
        );
    }
}

fn check_station(
    context: &Context,
    filters: &[Filter],
    station: &Text,
    tags: &[Text],
    findings: &mut Findings,
) {
    let Some(from) = end_of(context, station) else {
        return;
    };
    let mut reported = BTreeSet::new();
    for name in tags {
        let Some(tag) = context.raw.tags.get(name) else {
            continue;
        };
        let Some(to) = end_of(context, &tag.controller) else {
            continue;
        };
        let read = Read {
            table: tag.table,
            address: tag.address.value,
        };
        if reaches(filters, from, to, read) || !reported.insert(&tag.controller.value) {
            continue;
        }
        let there = format!(
            "`{}` cannot read `{}` from `{}`",
            quote(station),
            quote(name),
            quote(&tag.controller)
        );
        let help = "join their zones by a router and accept the read before any rule refuses it";
        findings.push(
            station
                .problem(code::UNREACHABLE, there, help)
                .related(name.span, "this tag"),
        );
    }
}

/// Where a host is: its zone and address.
type End<'a> = (&'a str, Ipv4Addr);

#[derive(Clone, Copy)]
struct Read {
    table: Table,
    address: u16,
}

fn end_of<'a>(context: &Context<'a>, host: &str) -> Option<End<'a>> {
    let host = context.raw.hosts.iter().find(|raw| raw.id.value == host)?;
    Some((host.zone.as_str(), host.ip.parse().ok()?))
}

/// A router with its rules read.
struct Filter<'a> {
    router: &'a raw::Router,
    rules: Vec<(&'a raw::Rule, Option<Range>, Option<Range>)>,
}

impl<'a> Filter<'a> {
    fn new(router: &'a raw::Router) -> Self {
        let read = |rule: &'a raw::Rule| (rule, Range::parse(&rule.src), Range::parse(&rule.dst));
        Self {
            router,
            rules: router.rules.iter().map(read).collect(),
        }
    }

    fn accepts(&self, from: Ipv4Addr, to: Ipv4Addr, read: Read) -> bool {
        let function = match read.table {
            Table::Coil => 1,
            Table::Discrete => 2,
            Table::Holding => 3,
            Table::Input => 4,
        };
        let contains = |range: &Option<Range>, address| range.is_some_and(|r| r.contains(address));
        let within = |range: &(u16, u16)| (range.0..=range.1).contains(&read.address);
        let mut rules = self.rules.iter();
        let first = rules.find(|(rule, src, dst)| {
            contains(src, from)
                && contains(dst, to)
                && rule.port.is_none_or(|port| port.value == MODBUS_PORT)
                && (rule.functions.is_empty() || rule.functions.iter().any(|f| f.value == function))
                && rule.addresses.is_none_or(|range| within(&range))
        });
        let action = first.map_or(self.router.default_action, |(rule, _, _)| rule.action);
        action == raw::RuleAction::Accept
    }
}

/// Returns whether a read gets through: by one zone, or by routers that each accept it.
fn reaches(filters: &[Filter], from: End, to: End, read: Read) -> bool {
    let mut reached = BTreeSet::from([from.0]);
    let mut open = vec![from.0];
    while let Some(zone) = open.pop() {
        if zone == to.0 {
            return true;
        }
        for filter in filters {
            let interfaces = &filter.router.interfaces;
            if interfaces.get(zone).is_some() && filter.accepts(from.1, to.1, read) {
                open.extend(interfaces.keys().filter(|next| reached.insert(next)));
            }
        }
    }
    false
}
