//! What a fabric is made of: switches, hosts, routers, diodes and the links between them.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use crate::address::{Mac, Subnet};
use crate::firewall::FirewallSpec;
use crate::limits;

/// A whole network. Ids are indices into these lists.
#[derive(Clone, Debug, Default)]
pub struct Topology {
    /// Ethernet segments.
    pub switches: Vec<SwitchSpec>,
    /// Machines with one address each.
    pub hosts: Vec<HostSpec>,
    /// Routers, each with a firewall.
    pub routers: Vec<RouterSpec>,
    /// One-way links between switches.
    pub diodes: Vec<DiodeSpec>,
    /// Two-way links between switches; they may form no loop.
    pub trunks: Vec<TrunkSpec>,
}

/// A learning switch.
#[derive(Clone, Debug, Default)]
pub struct SwitchSpec {
    /// Name, shown in captures.
    pub name: String,
    /// Whether a tap mirrors it from the start.
    pub tapped: bool,
}

/// A link between a device and its switch; both directions have these properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkSpec {
    /// Delay, microseconds, at least 1.
    pub latency_us: u32,
    /// Lost frames in a million.
    pub loss_ppm: u32,
    /// Bits a second; unlimited without it.
    pub bandwidth_bps: Option<u64>,
}

impl Default for LinkSpec {
    fn default() -> Self {
        Self {
            latency_us: 1,
            loss_ppm: 0,
            bandwidth_bps: None,
        }
    }
}

/// A machine with one network card.
#[derive(Clone, Debug)]
pub struct HostSpec {
    /// Name; seeds the host's random numbers.
    pub name: String,
    /// Index of its switch.
    pub switch: usize,
    /// Address.
    pub ip: Ipv4Addr,
    /// Length of the subnet's prefix, bits.
    pub prefix: u8,
    /// Router for other subnets.
    pub gateway: Option<Ipv4Addr>,
    /// Hardware address.
    pub mac: Mac,
    /// Cable to the switch.
    pub link: LinkSpec,
    /// Fixed ARP entries, as a sender in front of a data diode needs.
    pub static_arp: Vec<(Ipv4Addr, Mac)>,
    /// Size of each TCP buffer, bytes.
    pub tcp_buffer_bytes: usize,
}

impl HostSpec {
    /// A host with a default link and no gateway.
    #[must_use]
    pub fn new(name: &str, switch: usize, ip: Ipv4Addr, prefix: u8, mac: Mac) -> Self {
        Self {
            name: name.to_owned(),
            switch,
            ip,
            prefix,
            gateway: None,
            mac,
            link: LinkSpec::default(),
            static_arp: Vec::new(),
            tcp_buffer_bytes: limits::TCP_BUFFER_BYTES,
        }
    }
}

/// A router between subnets.
#[derive(Clone, Debug, Default)]
pub struct RouterSpec {
    /// Name.
    pub name: String,
    /// One interface a subnet.
    pub interfaces: Vec<InterfaceSpec>,
    /// Routes to subnets that are not attached.
    pub routes: Vec<RouteSpec>,
    /// What it lets through.
    pub firewall: FirewallSpec,
}

/// An interface of a router.
#[derive(Clone, Debug)]
pub struct InterfaceSpec {
    /// Index of its switch.
    pub switch: usize,
    /// Address, the gateway of this subnet's hosts.
    pub ip: Ipv4Addr,
    /// Length of the subnet's prefix, bits.
    pub prefix: u8,
    /// Hardware address.
    pub mac: Mac,
    /// Cable to the switch.
    pub link: LinkSpec,
}

/// A static route.
#[derive(Clone, Copy, Debug)]
pub struct RouteSpec {
    /// Where to.
    pub to: Subnet,
    /// The next router, on an attached subnet.
    pub via: Ipv4Addr,
}

/// A one-way link: frames pass from one switch to the other and never back.
#[derive(Clone, Debug)]
pub struct DiodeSpec {
    /// Name.
    pub name: String,
    /// Index of the switch that it listens on.
    pub from: usize,
    /// Index of the switch that it sends into.
    pub to: usize,
    /// Properties of both of its cables.
    pub link: LinkSpec,
}

/// A two-way link between two switches.
#[derive(Clone, Debug)]
pub struct TrunkSpec {
    /// Index of one switch.
    pub a: usize,
    /// Index of the other switch.
    pub b: usize,
    /// Properties of the cable.
    pub link: LinkSpec,
}

/// Why a topology cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopologyError {
    /// A list is longer than its limit.
    #[error("{what}: {count} given, at most {max} allowed")]
    TooMany {
        /// Which list.
        what: &'static str,
        /// Its length.
        count: usize,
        /// Its limit.
        max: usize,
    },
    /// An index names no switch.
    #[error("{name}: there is no switch {switch}")]
    NoSwitch {
        /// Device.
        name: String,
        /// Index given.
        switch: usize,
    },
    /// An address is no unicast address of its subnet.
    #[error("{name}: {ip}/{prefix} is no unicast host address")]
    BadAddress {
        /// Device.
        name: String,
        /// Address given.
        ip: Ipv4Addr,
        /// Prefix given, bits.
        prefix: u8,
    },
    /// A hardware address is a group address or zero.
    #[error("{name}: {mac} is no unicast hardware address")]
    BadMac {
        /// Device.
        name: String,
        /// Address given.
        mac: Mac,
    },
    /// Two devices have the same address.
    #[error("{name}: address {ip} is used twice")]
    DuplicateIp {
        /// The second device.
        name: String,
        /// Address.
        ip: Ipv4Addr,
    },
    /// Two devices have the same hardware address.
    #[error("{name}: hardware address {mac} is used twice")]
    DuplicateMac {
        /// The second device.
        name: String,
        /// Address.
        mac: Mac,
    },
    /// A gateway or next router is not on an attached subnet.
    #[error("{name}: {via} is not on an attached subnet")]
    GatewayUnreachable {
        /// Device.
        name: String,
        /// Address given.
        via: Ipv4Addr,
    },
    /// A link has no delay, loses more than everything or has no bandwidth.
    #[error("{name}: a link needs latency_us >= 1, loss_ppm <= 1000000 and bandwidth_bps >= 1000")]
    BadLink {
        /// Device.
        name: String,
    },
    /// Trunks between switches form a loop, in which a broadcast would never end.
    #[error("the trunk from switch {a} to switch {b} closes a loop")]
    Loop {
        /// One switch.
        a: usize,
        /// The other switch.
        b: usize,
    },
    /// A TCP buffer is empty or too large.
    #[error("{name}: tcp_buffer_bytes must be from 256 to {max}", max = limits::TCP_BUFFER_BYTES_MAX)]
    BadBuffer {
        /// Host.
        name: String,
    },
    /// The rules of a firewall are wrong.
    #[error("{name}: {error}")]
    Firewall {
        /// Router.
        name: String,
        /// What is wrong.
        error: crate::firewall::FirewallError,
    },
}

impl Topology {
    /// Checks everything that [`crate::Fabric::new`] relies on.
    ///
    /// # Errors
    /// The first fault found, in the order switches, hosts, routers, diodes, trunks.
    pub fn check(&self) -> Result<(), TopologyError> {
        let lists = [
            ("switches", self.switches.len(), limits::SWITCHES_MAX),
            ("hosts", self.hosts.len(), limits::HOSTS_MAX),
            ("routers", self.routers.len(), limits::ROUTERS_MAX),
            ("diodes", self.diodes.len(), limits::DIODES_MAX),
            ("trunks", self.trunks.len(), limits::TRUNKS_MAX),
        ];
        for (what, count, max) in lists {
            if count > max {
                return Err(TopologyError::TooMany { what, count, max });
            }
        }
        let mut seen = Seen::default();
        for host in &self.hosts {
            self.check_host(host, &mut seen)?;
        }
        for router in &self.routers {
            self.check_router(router, &mut seen)?;
        }
        for diode in &self.diodes {
            self.check_switch(&diode.name, diode.from)?;
            self.check_switch(&diode.name, diode.to)?;
            check_link(&diode.name, diode.link)?;
        }
        self.check_trunks()
    }

    fn check_host(&self, host: &HostSpec, seen: &mut Seen) -> Result<(), TopologyError> {
        self.check_switch(&host.name, host.switch)?;
        check_link(&host.name, host.link)?;
        check_address(&host.name, host.ip, host.prefix)?;
        seen.add(&host.name, host.ip, host.mac)?;
        let subnet = Subnet::new(host.ip, host.prefix);
        if let Some(via) = host.gateway
            && !subnet.contains(via)
        {
            return Err(TopologyError::GatewayUnreachable {
                name: host.name.clone(),
                via,
            });
        }
        if !(256..=limits::TCP_BUFFER_BYTES_MAX).contains(&host.tcp_buffer_bytes) {
            return Err(TopologyError::BadBuffer {
                name: host.name.clone(),
            });
        }
        Ok(())
    }

    fn check_router(&self, router: &RouterSpec, seen: &mut Seen) -> Result<(), TopologyError> {
        let lists = [
            (
                "interfaces",
                router.interfaces.len(),
                limits::ROUTER_INTERFACES_MAX,
            ),
            ("routes", router.routes.len(), limits::ROUTES_MAX),
        ];
        for (what, count, max) in lists {
            if count > max {
                return Err(TopologyError::TooMany { what, count, max });
            }
        }
        for interface in &router.interfaces {
            self.check_switch(&router.name, interface.switch)?;
            check_link(&router.name, interface.link)?;
            check_address(&router.name, interface.ip, interface.prefix)?;
            seen.add(&router.name, interface.ip, interface.mac)?;
        }
        for route in &router.routes {
            let attached = |i: &InterfaceSpec| Subnet::new(i.ip, i.prefix).contains(route.via);
            if !router.interfaces.iter().any(attached) {
                return Err(TopologyError::GatewayUnreachable {
                    name: router.name.clone(),
                    via: route.via,
                });
            }
        }
        let bad = |error| TopologyError::Firewall {
            name: router.name.clone(),
            error,
        };
        router.firewall.check().map_err(bad)
    }

    fn check_switch(&self, name: &str, switch: usize) -> Result<(), TopologyError> {
        if switch < self.switches.len() {
            return Ok(());
        }
        Err(TopologyError::NoSwitch {
            name: name.to_owned(),
            switch,
        })
    }

    /// Joins the switches trunk by trunk and diode by diode; a link inside a joined group closes a loop. A diode counts
    /// as a link, for a diode beside a trunk would carry a broadcast round without end.
    fn check_trunks(&self) -> Result<(), TopologyError> {
        let mut group: Vec<usize> = (0..self.switches.len()).collect();
        for trunk in &self.trunks {
            self.check_switch("trunk", trunk.a)?;
            self.check_switch("trunk", trunk.b)?;
            check_link("trunk", trunk.link)?;
        }
        let diodes = self.diodes.iter().map(|d| (d.from, d.to));
        for (a, b) in self.trunks.iter().map(|t| (t.a, t.b)).chain(diodes) {
            let (Some(&group_a), Some(&group_b)) = (group.get(a), group.get(b)) else {
                continue;
            };
            if group_a == group_b {
                return Err(TopologyError::Loop { a, b });
            }
            for member in &mut group {
                if *member == group_b {
                    *member = group_a;
                }
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct Seen {
    ips: BTreeSet<Ipv4Addr>,
    macs: BTreeSet<Mac>,
}

impl Seen {
    fn add(&mut self, name: &str, ip: Ipv4Addr, mac: Mac) -> Result<(), TopologyError> {
        let name = || name.to_owned();
        if !mac.is_unicast() {
            return Err(TopologyError::BadMac { name: name(), mac });
        }
        if !self.ips.insert(ip) {
            return Err(TopologyError::DuplicateIp { name: name(), ip });
        }
        if !self.macs.insert(mac) {
            return Err(TopologyError::DuplicateMac { name: name(), mac });
        }
        Ok(())
    }
}

fn check_link(name: &str, link: LinkSpec) -> Result<(), TopologyError> {
    let bandwidth_ok = link.bandwidth_bps.is_none_or(|bps| bps >= 1_000);
    if link.latency_us >= 1 && link.loss_ppm <= 1_000_000 && bandwidth_ok {
        return Ok(());
    }
    Err(TopologyError::BadLink {
        name: name.to_owned(),
    })
}

fn check_address(name: &str, ip: Ipv4Addr, prefix: u8) -> Result<(), TopologyError> {
    let subnet = Subnet::new(ip, prefix.min(32));
    let inside = prefix <= 30 && ip != subnet.network() && ip != subnet.broadcast();
    if inside
        && !ip.is_multicast()
        && !ip.is_unspecified()
        && !ip.is_broadcast()
        && !ip.is_loopback()
    {
        return Ok(());
    }
    Err(TopologyError::BadAddress {
        name: name.to_owned(),
        ip,
        prefix,
    })
}
