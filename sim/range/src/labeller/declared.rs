//! What the labeller takes from the scenario.

use sim_scenario::model::{ControllerKind, IoLink, Scenario};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// What the scenario declares.
#[derive(Default)]
pub(super) struct Declared {
    /// Network, mask, id.
    pub zones: Vec<(u32, u32, String)>,
    pub routers: BTreeMap<u32, String>,
    /// Plants that a control PLC drives.
    pub drives: BTreeMap<String, BTreeSet<String>>,
    pub gated: BTreeSet<String>,
    pub accepts: Vec<AcceptRule>,
}

/// A firewall rule: router and id.
pub(super) type Rule = (String, String);

/// A firewall rule that lets packets pass.
pub(super) struct AcceptRule {
    pub id: Rule,
    pub src: (u32, u32),
    pub dst: (u32, u32),
    pub port: Option<u16>,
}

impl Declared {
    pub fn new(scenario: &Scenario) -> Self {
        let mut declared = Self::default();
        for zone in &scenario.zones {
            let mask = mask(zone.prefix);
            declared
                .zones
                .push((u32::from(zone.network) & mask, mask, zone.id.clone()));
        }
        for router in &scenario.routers {
            declared.routers.extend(
                router
                    .interfaces
                    .iter()
                    .map(|(_, ip)| (u32::from(*ip), router.id.clone())),
            );
            declared
                .accepts
                .extend(
                    router
                        .rules
                        .iter()
                        .filter(|r| r.action == "accept")
                        .map(|rule| AcceptRule {
                            id: (router.id.clone(), rule.id.clone()),
                            src: cidr(&rule.src),
                            dst: cidr(&rule.dst),
                            port: rule.port,
                        }),
                );
        }
        for controller in &scenario.controllers {
            if controller.key_gates_writes {
                declared.gated.insert(controller.id.clone());
            }
            if controller.kind == ControllerKind::Plc {
                let driven = controller.io.iter().filter_map(|io| match io {
                    IoLink::OutputWord { to, .. } | IoLink::OutputBit { to, .. } => {
                        Some(to.plant.clone())
                    }
                    IoLink::InputWord { .. } => None,
                });
                declared
                    .drives
                    .insert(controller.id.clone(), driven.collect());
            }
        }
        for controller in &scenario.external_controllers {
            let driven = controller.outputs.iter().map(|o| o.to.plant.clone());
            declared
                .drives
                .insert(controller.id.clone(), driven.collect());
        }
        declared
    }
}

impl AcceptRule {
    pub fn matches(&self, (src, dst, port): (u32, u32, u16)) -> bool {
        let inside = |ip: u32, (network, mask): (u32, u32)| ip & mask == network;
        inside(src, self.src) && inside(dst, self.dst) && self.port.is_none_or(|p| p == port)
    }
}

/// Network and mask of a CIDR or address; all addresses for any other text, such as `any`.
fn cidr(text: &str) -> (u32, u32) {
    let (ip, prefix) = text.split_once('/').unwrap_or((text, "32"));
    match (ip.parse::<Ipv4Addr>(), prefix.parse::<u8>()) {
        (Ok(ip), Ok(prefix)) => (u32::from(ip) & mask(prefix), mask(prefix)),
        _ => (0, 0),
    }
}

fn mask(prefix: u8) -> u32 {
    u32::MAX
        .checked_shl(32 - u32::from(prefix.min(32)))
        .unwrap_or(0)
}
