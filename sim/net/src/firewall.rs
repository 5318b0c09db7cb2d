//! Rules of a firewall, and the changes that can be made to them.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use sim_record::SimTime;

use crate::address::Subnet;
use crate::ids::{HostId, RuleId};
use crate::limits;
use crate::modbus::ModbusMatch;

/// What a firewall does from the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirewallSpec {
    /// Rules; the first that matches decides.
    pub rules: Vec<Rule>,
    /// What happens when none matches.
    pub default_action: Action,
    /// Whether decisions of the default action are logged.
    pub log_default: bool,
    /// Lines logged a second at most.
    pub log_per_second: u32,
}

impl Default for FirewallSpec {
    fn default() -> Self {
        Self {
            rules: Vec::new(),
            default_action: Action::Drop,
            log_default: false,
            log_per_second: 100,
        }
    }
}

/// What is done with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Let it through.
    Accept,
    /// Throw it away in silence.
    Drop,
    /// Refuse it: a reset for TCP, an ICMP error otherwise.
    Reject,
}

/// Which protocol a rule or event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// Any; in an event, one that is none of the others.
    Any,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP.
    Icmp,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Number, unique in its firewall.
    pub id: RuleId,
    /// A rule that is switched off never matches.
    pub enabled: bool,
    /// What it does.
    pub action: Action,
    /// Sources.
    pub src: Subnet,
    /// Destinations.
    pub dst: Subnet,
    /// Protocol.
    pub protocol: Protocol,
    /// Source ports of TCP and UDP.
    pub src_ports: RangeInclusive<u16>,
    /// Destination ports of TCP and UDP.
    pub dst_ports: RangeInclusive<u16>,
    /// Only these Modbus requests over TCP. Connections may be opened for them; every segment towards the server must
    /// then consist of whole requests, each of which is decided by the rules.
    pub modbus: Option<ModbusMatch>,
    /// Who answers for it.
    pub owner: String,
    /// Why it is there.
    pub reason: String,
    /// Instant from which it no longer matches.
    pub expires: Option<SimTime>,
    /// Whether its decisions are logged.
    pub log: bool,
}

impl Rule {
    /// A rule about everything.
    #[must_use]
    pub fn new(id: u16, action: Action) -> Self {
        Self {
            id: RuleId(id),
            enabled: true,
            action,
            src: Subnet::ANY,
            dst: Subnet::ANY,
            protocol: Protocol::Any,
            src_ports: 0..=u16::MAX,
            dst_ports: 0..=u16::MAX,
            modbus: None,
            owner: String::new(),
            reason: String::new(),
            expires: None,
            log: false,
        }
    }

    /// Limits it to these sources and destinations.
    #[must_use]
    pub const fn between(mut self, src: Subnet, dst: Subnet) -> Self {
        self.src = src;
        self.dst = dst;
        self
    }

    /// Limits it to one TCP port.
    #[must_use]
    pub const fn tcp(mut self, port: u16) -> Self {
        self.protocol = Protocol::Tcp;
        self.dst_ports = port..=port;
        self
    }

    /// Logs its decisions.
    #[must_use]
    pub const fn logged(mut self) -> Self {
        self.log = true;
        self
    }

    fn check(&self) -> Result<(), FirewallError> {
        let fault = |what| Err(FirewallError::BadRule { id: self.id, what });
        if self.src_ports.is_empty() || self.dst_ports.is_empty() {
            return fault("a range of ports is empty");
        }
        let with_ports = matches!(self.protocol, Protocol::Tcp | Protocol::Udp);
        if !with_ports && (self.src_ports != (0..=u16::MAX) || self.dst_ports != (0..=u16::MAX)) {
            return fault("ports need the protocol TCP or UDP");
        }
        if let Some(modbus) = &self.modbus {
            if self.protocol != Protocol::Tcp {
                return fault("a Modbus match needs the protocol TCP");
            }
            if modbus
                .addresses
                .as_ref()
                .is_some_and(RangeInclusive::is_empty)
                || modbus.functions.len() > 127
            {
                return fault("the Modbus match is empty or too long");
            }
        }
        if self.owner.len() > limits::TEXT_BYTES_MAX || self.reason.len() > limits::TEXT_BYTES_MAX {
            return fault("owner or reason is too long");
        }
        Ok(())
    }

    /// Whether a session matches, apart from its Modbus requests.
    pub(crate) fn matches(&self, flow: &FlowId, now: SimTime) -> bool {
        let ports = match flow.protocol {
            Protocol::Tcp | Protocol::Udp => {
                self.src_ports.contains(&flow.src.1) && self.dst_ports.contains(&flow.dst.1)
            }
            Protocol::Any | Protocol::Icmp => true,
        };
        self.enabled
            && self.expires.is_none_or(|at| now < at)
            && (self.protocol == Protocol::Any || self.protocol == flow.protocol)
            && ports
            && self.src.contains(flow.src.0)
            && self.dst.contains(flow.dst.0)
    }
}

/// Both ends of a session, the beginner first. Echo requests have their ident as both ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowId {
    /// Protocol.
    pub protocol: Protocol,
    /// Address and port of the end that began.
    pub src: (Ipv4Addr, u16),
    /// Address and port of the other end.
    pub dst: (Ipv4Addr, u16),
}

/// A session that a firewall let through and tracks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its ends.
    pub flow: FlowId,
    /// Rule that let it through; none where the default action did.
    pub rule: Option<RuleId>,
    /// Whether the other end has answered.
    pub answered: bool,
    /// Whether Modbus requests in it are inspected.
    pub inspected: bool,
    /// First packet.
    pub began: SimTime,
    /// Last packet.
    pub last_seen: SimTime,
    /// Who sent its first packet: ground truth.
    pub origin: HostId,
}

/// Which sessions to clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct SessionFilter {
    /// Only sessions with an end in this subnet.
    pub address: Option<Subnet>,
    /// Only sessions whose destination port is this.
    pub port: Option<u16>,
    /// Only sessions that this rule let through.
    pub rule: Option<RuleId>,
}

impl SessionFilter {
    pub(crate) fn matches(&self, session: &Session) -> bool {
        let flow = &session.flow;
        self.address
            .is_none_or(|a| a.contains(flow.src.0) || a.contains(flow.dst.0))
            && self.port.is_none_or(|p| flow.dst.1 == p)
            && self.rule.is_none_or(|r| session.rule == Some(r))
    }
}

/// A change of a firewall's rules. Each can be undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Adds a rule before the one that now has this place; at the end where there is none.
    Insert {
        /// Place, from 0.
        index: usize,
        /// The rule.
        rule: Box<Rule>,
    },
    /// Removes a rule.
    Remove(RuleId),
    /// Switches a rule on.
    Enable(RuleId),
    /// Switches a rule off.
    Disable(RuleId),
    /// Says what happens when no rule matches.
    Default(Action),
}

/// Why rules or a change are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FirewallError {
    /// No such router.
    #[error("there is no such firewall")]
    NoFirewall,
    /// No such rule.
    #[error("there is no rule {0}")]
    NoRule(RuleId),
    /// The number is in use.
    #[error("rule {0} exists already")]
    DuplicateRule(RuleId),
    /// Too many rules.
    #[error("a firewall has at most {max} rules", max = limits::RULES_MAX)]
    TooManyRules,
    /// A rule makes no sense.
    #[error("rule {id}: {what}")]
    BadRule {
        /// The rule.
        id: RuleId,
        /// What is wrong.
        what: &'static str,
    },
    /// There is no change to undo.
    #[error("there is nothing to undo")]
    NothingToUndo,
    /// More log lines than allowed.
    #[error("log_per_second is at most {max}", max = limits::FIREWALL_LOG_PER_SECOND_MAX)]
    TooMuchLog,
}

impl FirewallSpec {
    /// Checks all rules.
    ///
    /// # Errors
    /// The first fault found.
    pub fn check(&self) -> Result<(), FirewallError> {
        if self.rules.len() > limits::RULES_MAX {
            return Err(FirewallError::TooManyRules);
        }
        if self.log_per_second > limits::FIREWALL_LOG_PER_SECOND_MAX {
            return Err(FirewallError::TooMuchLog);
        }
        for (index, rule) in self.rules.iter().enumerate() {
            rule.check()?;
            if self.rules.iter().take(index).any(|r| r.id == rule.id) {
                return Err(FirewallError::DuplicateRule(rule.id));
            }
        }
        Ok(())
    }

    /// Applies a change and returns the one that undoes it.
    pub(crate) fn apply(&mut self, change: &Change) -> Result<Change, FirewallError> {
        match change {
            Change::Insert { index, rule } => {
                rule.check()?;
                if self.rules.len() >= limits::RULES_MAX {
                    return Err(FirewallError::TooManyRules);
                }
                if self.rules.iter().any(|r| r.id == rule.id) {
                    return Err(FirewallError::DuplicateRule(rule.id));
                }
                self.rules
                    .insert((*index).min(self.rules.len()), (**rule).clone());
                Ok(Change::Remove(rule.id))
            }
            Change::Remove(id) => {
                let index = self.find(*id)?;
                Ok(Change::Insert {
                    index,
                    rule: Box::new(self.rules.remove(index)),
                })
            }
            Change::Enable(id) => self.switch(*id, true),
            Change::Disable(id) => self.switch(*id, false),
            Change::Default(action) => Ok(Change::Default(std::mem::replace(
                &mut self.default_action,
                *action,
            ))),
        }
    }

    fn switch(&mut self, id: RuleId, enabled: bool) -> Result<Change, FirewallError> {
        let index = self.find(id)?;
        let rule = self.rules.get_mut(index).ok_or(FirewallError::NoRule(id))?;
        let before = std::mem::replace(&mut rule.enabled, enabled);
        Ok(if before {
            Change::Enable(id)
        } else {
            Change::Disable(id)
        })
    }

    fn find(&self, id: RuleId) -> Result<usize, FirewallError> {
        self.rules
            .iter()
            .position(|r| r.id == id)
            .ok_or(FirewallError::NoRule(id))
    }
}
