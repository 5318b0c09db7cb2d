//! Who is where: names of the scenario resolved to addresses and indices.

use crate::link::{Registers, Target};
use sim_net::{HostId, RouterId};
use sim_scenario::model::{Scenario, Tag};
use sim_view::RegisterRef;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

/// One host.
#[derive(Clone, Debug)]
pub(crate) struct HostEntry {
    pub name: String,
    pub ip: Ipv4Addr,
    pub host: HostId,
    pub allow_listed: bool,
}

/// All names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Directory {
    hosts: Vec<HostEntry>,
    by_name: BTreeMap<String, usize>,
    by_ip: BTreeMap<Ipv4Addr, usize>,
    routers: BTreeMap<String, (RouterId, Vec<(String, Ipv4Addr)>)>,
    zones: BTreeMap<String, (Ipv4Addr, u8)>,
    zone_of: BTreeMap<String, String>,
    units: BTreeMap<String, u8>,
    s7: BTreeMap<Ipv4Addr, Arc<Registers>>,
    fronts: BTreeSet<String>,
    tags: BTreeMap<String, Tag>,
}

impl Directory {
    /// Reads the names of a checked scenario; host and router ids are positions in it.
    pub fn new(scenario: &Scenario) -> Self {
        let mut directory = Self {
            tags: scenario.tags.clone(),
            ..Self::default()
        };
        for (index, host) in scenario.hosts.iter().enumerate() {
            directory.by_name.insert(host.id.clone(), index);
            directory.by_ip.insert(host.ip, index);
            directory.zone_of.insert(host.id.clone(), host.zone.clone());
            directory.hosts.push(HostEntry {
                name: host.id.clone(),
                ip: host.ip,
                host: HostId(small(index)),
                allow_listed: host.allow_listed,
            });
        }
        for (index, router) in scenario.routers.iter().enumerate() {
            directory.routers.insert(
                router.id.clone(),
                (RouterId(small(index)), router.interfaces.clone()),
            );
        }
        for zone in &scenario.zones {
            directory
                .zones
                .insert(zone.id.clone(), (zone.network, zone.prefix));
        }
        for controller in &scenario.controllers {
            directory
                .units
                .insert(controller.id.clone(), controller.unit);
            let host = directory.host(&controller.id).map(|host| host.ip);
            if let (Some(ip), Some(registers)) = (host, Registers::of(controller)) {
                directory.s7.insert(ip, Arc::new(registers));
            }
        }
        for controller in &scenario.external_controllers {
            directory
                .units
                .insert(controller.id.clone(), controller.unit);
            directory.fronts.insert(controller.id.clone());
        }
        directory
    }

    /// All hosts in order of their ids.
    pub fn hosts(&self) -> &[HostEntry] {
        &self.hosts
    }

    /// A host by name.
    pub fn host(&self, name: &str) -> Option<&HostEntry> {
        self.by_name.get(name).and_then(|i| self.hosts.get(*i))
    }

    /// A host by id.
    pub fn host_by_id(&self, id: HostId) -> Option<&HostEntry> {
        self.hosts.get(usize::from(id.0))
    }

    /// A host by address.
    pub fn host_by_ip(&self, ip: Ipv4Addr) -> Option<&HostEntry> {
        self.by_ip.get(&ip).and_then(|i| self.hosts.get(*i))
    }

    /// The name of whoever has `ip`: a host, a router, or the address itself.
    pub fn name_of_ip(&self, ip: Ipv4Addr) -> String {
        if let Some(host) = self.host_by_ip(ip) {
            return host.name.clone();
        }
        let router = self
            .routers
            .iter()
            .find(|(_, (_, interfaces))| interfaces.iter().any(|(_, i)| *i == ip));
        router.map_or_else(|| ip.to_string(), |(name, _)| name.clone())
    }

    /// The name of a host, for records.
    pub fn name_of(&self, id: HostId) -> String {
        self.host_by_id(id)
            .map_or_else(String::new, |h| h.name.clone())
    }

    /// The zone of a host.
    pub fn zone_of(&self, host: &str) -> Option<&str> {
        self.zone_of.get(host).map(String::as_str)
    }

    /// The zone that contains an address.
    pub fn zone_of_ip(&self, ip: Ipv4Addr) -> Option<&str> {
        self.zones
            .iter()
            .find(|(_, (net, prefix))| in_subnet(ip, *net, *prefix))
            .map(|(name, _)| name.as_str())
    }

    /// A router by name.
    pub fn router(&self, name: &str) -> Option<RouterId> {
        self.routers.get(name).map(|(id, _)| *id)
    }

    /// Name of a router.
    pub fn router_name(&self, id: RouterId) -> &str {
        self.routers
            .iter()
            .find(|(_, (i, _))| *i == id)
            .map_or("", |(name, _)| name.as_str())
    }

    /// How a link reaches the controller at an address.
    pub fn target(&self, ip: Ipv4Addr, unit: u8) -> Target {
        let s7 = self.s7.get(&ip).cloned();
        Target { ip, unit, s7 }
    }

    /// Modbus unit id of a controller.
    pub fn unit(&self, controller: &str) -> u8 {
        self.units.get(controller).copied().unwrap_or(1)
    }

    /// True for the front of an external controller, which has no register between those that it mirrors.
    pub fn is_front(&self, controller: &str) -> bool {
        self.fronts.contains(controller)
    }

    /// A tag by name.
    pub fn tag(&self, name: &str) -> Option<&Tag> {
        self.tags.get(name)
    }

    /// The address behind a host name, a router seen from `from`, or a literal address.
    pub fn address(&self, name: &str, from: &str) -> Option<Ipv4Addr> {
        if let Some(host) = self.host(name) {
            return Some(host.ip);
        }
        if let Some((_, interfaces)) = self.routers.get(name) {
            let zone = self.zone_of(from);
            let near = interfaces
                .iter()
                .find(|(z, _)| Some(z.as_str()) == zone)
                .or_else(|| interfaces.first());
            return near.map(|(_, ip)| *ip);
        }
        name.parse().ok()
    }

    /// The wire address of a register.
    pub fn register(&self, register: &RegisterRef) -> Option<u16> {
        match register {
            RegisterRef::At(address) => Some(*address),
            RegisterRef::Tag(tag) => self.tag(tag).map(|t| t.address),
        }
    }

    /// All host addresses of a CIDR, zone or host name, without network and broadcast address; at most 1024.
    pub fn targets(&self, text: &str, from: &str) -> Option<Vec<Ipv4Addr>> {
        let (network, prefix) = match (self.zones.get(text), text.split_once('/')) {
            (Some(zone), _) => *zone,
            (None, Some((ip, prefix))) => (ip.parse().ok()?, prefix.parse().ok()?),
            (None, None) => return self.address(text, from).map(|ip| vec![ip]),
        };
        if !(22..=32).contains(&prefix) {
            return None;
        }
        if prefix == 32 {
            return Some(vec![network]);
        }
        let size = 1_u32 << (32 - u32::from(prefix));
        let base = u32::from(network) & !(size - 1);
        Some(
            (1..size.saturating_sub(1))
                .map(|i| Ipv4Addr::from(base + i))
                .collect(),
        )
    }
}

fn in_subnet(ip: Ipv4Addr, network: Ipv4Addr, prefix: u8) -> bool {
    let mask = u32::MAX
        .checked_shl(32 - u32::from(prefix.min(32)))
        .unwrap_or(0);
    u32::from(ip) & mask == u32::from(network) & mask
}

fn small(index: usize) -> u16 {
    u16::try_from(index).unwrap_or(u16::MAX)
}
