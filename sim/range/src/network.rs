//! The fabric built from a scenario, and the firewalls by their rule names.

use crate::BuildError;
use crate::directory::Directory;
use crate::journal::Journal;
use sim_net::{
    Action, Change, DiodeSpec, Fabric, FirewallSpec, HostSpec, InterfaceSpec, LinkSpec, Mac,
    ModbusMatch, Protocol, RouterId, RouterSpec, Rule, RuleId, SessionFilter, Subnet, SwitchSpec,
    Topology,
};
use sim_record::{FirewallChange, PrincipalId, RecordKind, Seed, SimTime, StateHasher};
use sim_scenario::model::{Scenario, Zone};
use sim_view::{FirewallCommand, LogLine, RuleSpec, RuleView};
use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;

/// Rules a firewall may have.
const MAX_RULES: usize = 200;
/// Lines of firewall log kept for views.
const MAX_LOG: usize = 200;
/// Vendor prefix of the range's network cards: locally administered.
const MAC_PREFIX: [u8; 3] = [0x02, 0x1d, 0x5a];

/// Builds the fabric. Host and router ids are positions in the scenario.
pub(crate) fn fabric(scenario: &Scenario, seed: Seed) -> Result<Fabric, BuildError> {
    let mut macs = Macs {
        state: seed.stream("macs"),
        used: Vec::new(),
    };
    let zone_index = |id: &str| scenario.zones.iter().position(|z| z.id == id).unwrap_or(0);
    let link = |zone: &Zone| LinkSpec {
        latency_us: u32::try_from(zone.latency.0).unwrap_or(u32::MAX).max(1),
        loss_ppm: zone.loss_ppm,
        bandwidth_bps: zone.bandwidth_bps,
    };
    let mut topology = Topology::default();
    for zone in &scenario.zones {
        topology.switches.push(SwitchSpec {
            name: zone.id.clone(),
            tapped: zone.tapped,
        });
    }
    for host in &scenario.hosts {
        let index = zone_index(&host.zone);
        let Some(zone) = scenario.zones.get(index) else {
            continue;
        };
        let gateway = scenario
            .routers
            .iter()
            .flat_map(|r| &r.interfaces)
            .find(|(z, _)| *z == zone.id)
            .map(|(_, ip)| *ip);
        topology.hosts.push(HostSpec {
            gateway,
            link: link(zone),
            ..HostSpec::new(&host.id, index, host.ip, zone.prefix, macs.next())
        });
    }
    for router in &scenario.routers {
        let interfaces = router.interfaces.iter().filter_map(|(zone_id, ip)| {
            let index = zone_index(zone_id);
            let zone = scenario.zones.get(index)?;
            Some(InterfaceSpec {
                switch: index,
                ip: *ip,
                prefix: zone.prefix,
                mac: macs.next(),
                link: link(zone),
            })
        });
        let interfaces = interfaces.collect();
        let rules = router
            .rules
            .iter()
            .enumerate()
            .map(|(i, r)| to_rule(number(i), r))
            .collect::<Result<_, _>>();
        let firewall = FirewallSpec {
            rules: rules.map_err(BuildError::Network)?,
            default_action: action(&router.default_action),
            log_default: true,
            ..FirewallSpec::default()
        };
        topology.routers.push(RouterSpec {
            name: router.id.clone(),
            interfaces,
            routes: Vec::new(),
            firewall,
        });
    }
    for diode in &scenario.diodes {
        topology.diodes.push(DiodeSpec {
            name: format!("{}-{}", diode.from, diode.to),
            from: zone_index(&diode.from),
            to: zone_index(&diode.to),
            link: LinkSpec::default(),
        });
    }
    Fabric::new(&topology, seed.stream("net")).map_err(|e| BuildError::Network(e.to_string()))
}

/// Draws distinct hardware addresses.
struct Macs {
    state: u64,
    used: Vec<[u8; 3]>,
}

impl Macs {
    fn next(&mut self) -> Mac {
        loop {
            // SplitMix64 (Steele, Lea and Flood, 2014).
            self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let [a, b, c, ..] = (z ^ (z >> 31)).to_le_bytes();
            if !self.used.contains(&[a, b, c]) {
                self.used.push([a, b, c]);
                return Mac([MAC_PREFIX[0], MAC_PREFIX[1], MAC_PREFIX[2], a, b, c]);
            }
        }
    }
}

// A checked scenario fits the fabric.
const _: () = assert!(sim_scenario::RULES_MAX <= sim_net::limits::RULES_MAX);

/// Firewalls by the names of their rules.
pub(crate) struct Firewalls {
    /// Rules by router in the order of their numbers; removed ones keep their number.
    named: BTreeMap<RouterId, Vec<RuleSpec>>,
    log: VecDeque<LogLine>,
}

impl Firewalls {
    /// Names of the scenario's rules.
    pub fn new(scenario: &Scenario) -> Self {
        let named = scenario
            .routers
            .iter()
            .enumerate()
            .map(|(i, r)| (RouterId(number(i)), r.rules.clone()));
        Self {
            named: named.collect(),
            log: VecDeque::new(),
        }
    }

    /// Carries out a change.
    pub fn command(
        &mut self,
        journal: &mut Journal,
        fabric: &mut Fabric,
        directory: &Directory,
        by: PrincipalId,
        router: &str,
        change: &FirewallCommand,
    ) -> Result<(), String> {
        let now = journal.now;
        let id = directory
            .router(router)
            .ok_or_else(|| format!("no router `{router}`"))?;
        let mut ended = 0;
        let (rule, what) = match change {
            FirewallCommand::Add { rule, before } => {
                self.add(now, fabric, id, rule, before.as_deref())?;
                (rule.id.clone(), FirewallChange::Added)
            }
            FirewallCommand::Remove(rule) => (
                self.apply(now, fabric, id, rule, Change::Remove)?,
                FirewallChange::Removed,
            ),
            FirewallCommand::Disable(rule) => (
                self.apply(now, fabric, id, rule, Change::Disable)?,
                FirewallChange::Disabled,
            ),
            FirewallCommand::Enable(rule) => (
                self.apply(now, fabric, id, rule, Change::Enable)?,
                FirewallChange::Enabled,
            ),
            FirewallCommand::Undo => {
                fabric.undo_firewall(now, id).map_err(|e| e.to_string())?;
                (String::new(), FirewallChange::Undone)
            }
            FirewallCommand::ClearSessions { src } => {
                let address = match src {
                    Some(name) => {
                        let ip = directory
                            .address(name, "")
                            .ok_or_else(|| format!("no host or address `{name}`"))?;
                        Some(Subnet::host(ip))
                    }
                    None => None,
                };
                let filter = SessionFilter {
                    address,
                    ..SessionFilter::default()
                };
                ended = fabric
                    .clear_sessions(now, id, &filter)
                    .map_err(|e| e.to_string())?;
                (
                    src.clone().unwrap_or_default(),
                    FirewallChange::SessionsCleared,
                )
            }
        };
        let sessions_ended = u32::try_from(ended).unwrap_or(u32::MAX);
        journal.record(RecordKind::Firewall {
            by,
            router: router.to_owned(),
            rule,
            change: what,
            sessions_ended,
        });
        Ok(())
    }

    /// Adds a line to the log that views show.
    pub fn log(&mut self, now: SimTime, text: String) {
        if self.log.len() >= MAX_LOG {
            self.log.pop_front();
        }
        self.log.push_back(LogLine { time: now, text });
    }

    /// Log for views.
    pub fn log_lines(&self) -> Vec<LogLine> {
        self.log.iter().cloned().collect()
    }

    /// Name of a rule.
    pub fn rule_name(&self, router: RouterId, rule: RuleId) -> String {
        self.named
            .get(&router)
            .and_then(|r| r.get(usize::from(rule.0)))
            .map_or_else(String::new, |r| r.id.clone())
    }

    /// True while a rule is there, on and not expired.
    pub fn is_active(&self, now: SimTime, fabric: &Fabric, router: RouterId, name: &str) -> bool {
        let Some(id) = self.rule_id(router, name) else {
            return false;
        };
        fabric.firewall(router).is_ok_and(|f| {
            f.rules
                .iter()
                .any(|r| r.id == id && r.enabled && r.expires.is_none_or(|t| now < t))
        })
    }

    /// Rules for views, in order.
    pub fn views(&self, now: SimTime, fabric: &Fabric, directory: &Directory) -> Vec<RuleView> {
        let mut views = Vec::new();
        for (router, named) in &self.named {
            let Ok(firewall) = fabric.firewall(*router) else {
                continue;
            };
            for rule in &firewall.rules {
                if let Some(spec) = named.get(usize::from(rule.id.0)) {
                    let active = rule.enabled && rule.expires.is_none_or(|t| now < t);
                    views.push(RuleView {
                        router: directory.router_name(*router).to_owned(),
                        rule: spec.clone(),
                        active,
                    });
                }
            }
        }
        views
    }

    /// Adds the names to a digest; the rules themselves are the fabric's.
    pub fn digest(&self, hasher: &mut StateHasher) {
        for (router, named) in &self.named {
            hasher.u64(u64::from(router.0));
            hasher.value(named);
        }
    }

    fn add(
        &mut self,
        now: SimTime,
        fabric: &mut Fabric,
        router: RouterId,
        spec: &RuleSpec,
        before: Option<&str>,
    ) -> Result<(), String> {
        let named = self.named.get(&router).map_or(0, Vec::len);
        if named >= MAX_RULES {
            return Err("too many rules".into());
        }
        if self.rule_id(router, &spec.id).is_some() {
            return Err(format!("a rule `{}` exists", spec.id));
        }
        let firewall = fabric.firewall(router).map_err(|e| e.to_string())?;
        let place = before
            .and_then(|b| self.rule_id(router, b))
            .and_then(|b| firewall.rules.iter().position(|r| r.id == b));
        let index = place.unwrap_or(firewall.rules.len());
        let rule = Box::new(to_rule(number(named), spec)?);
        fabric
            .change_firewall(now, router, &Change::Insert { index, rule })
            .map_err(|e| e.to_string())?;
        self.named.entry(router).or_default().push(spec.clone());
        Ok(())
    }

    fn apply(
        &self,
        now: SimTime,
        fabric: &mut Fabric,
        router: RouterId,
        rule: &str,
        change: impl Fn(RuleId) -> Change,
    ) -> Result<String, String> {
        let id = self
            .rule_id(router, rule)
            .ok_or_else(|| format!("no rule `{rule}`"))?;
        fabric
            .change_firewall(now, router, &change(id))
            .map_err(|e| e.to_string())?;
        Ok(rule.to_owned())
    }

    fn rule_id(&self, router: RouterId, name: &str) -> Option<RuleId> {
        self.named
            .get(&router)?
            .iter()
            .rposition(|r| r.id == name)
            .map(|i| RuleId(number(i)))
    }
}

fn number(index: usize) -> u16 {
    u16::try_from(index).unwrap_or(u16::MAX)
}

fn action(text: &str) -> Action {
    match text {
        "accept" => Action::Accept,
        "reject" => Action::Reject,
        _ => Action::Drop,
    }
}

fn to_rule(id: u16, spec: &RuleSpec) -> Result<Rule, String> {
    let subnet =
        |text: &str| parse_subnet(text).ok_or_else(|| format!("`{text}` is no address or subnet"));
    let mut rule = Rule::new(id, action(&spec.action))
        .between(subnet(&spec.src)?, subnet(&spec.dst)?)
        .logged();
    if let Some(port) = spec.port {
        rule = rule.tcp(port);
    }
    if !spec.functions.is_empty() || spec.addresses.is_some() {
        rule.protocol = Protocol::Tcp;
        let functions = spec.functions.clone();
        rule.modbus = Some(ModbusMatch {
            functions,
            addresses: spec.addresses.map(|(a, b)| a..=b),
        });
    }
    rule.owner.clone_from(&spec.owner);
    rule.reason.clone_from(&spec.reason);
    rule.expires = spec.expires_s.map(SimTime::from_secs);
    Ok(rule)
}

fn parse_subnet(text: &str) -> Option<Subnet> {
    if text == "any" {
        return Some(Subnet::ANY);
    }
    match text.split_once('/') {
        Some((ip, prefix)) => {
            let prefix: u8 = prefix.parse().ok()?;
            (prefix <= 32).then_some(Subnet::new(ip.parse::<Ipv4Addr>().ok()?, prefix))
        }
        None => Some(Subnet::host(text.parse().ok()?)),
    }
}
