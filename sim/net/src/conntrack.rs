//! Stateful filtering: sessions, and what the rules say of new ones.
//!
//! A session keeps the policy under which it was let through, so that a changed or expired rule ends no session until
//! sessions are cleared. A TCP segment in the middle of an unknown session begins one if the rules let it (as Linux
//! does with `nf_conntrack_tcp_loose`), so that clearing sessions ends only those that the rules no longer allow.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use sim_record::{SimTime, StateHasher};

use crate::event::{FirewallLog, LogCause, Stats};
use crate::firewall::{
    Action, Change, FirewallError, FirewallSpec, FlowId, Protocol, Rule, Session, SessionFilter,
};
use crate::ids::{HostId, RouterId, RuleId};
use crate::limits;
use crate::modbus::{L7Inspector, ModbusMatch, ModbusPeek, Request};
use crate::packet::{
    Icmp, Ipv4, PROTOCOL_ICMP, PROTOCOL_TCP, PROTOCOL_UDP, Provenance, Tcp, error_subject,
    udp_ports,
};
use crate::rate::Rate;

pub(crate) struct Firewall {
    router: RouterId,
    spec: FirewallSpec,
    undo: Vec<Change>,
    pub inspector: Box<dyn L7Inspector>,
    sessions: BTreeMap<u128, Tracked>,
    /// Sessions by age: first those that were never answered, then the others.
    ages: [BTreeMap<u64, u128>; 2],
    next_age: u64,
    log_rate: Rate,
    suppressed: u32,
    requests: Vec<Request>,
}

struct Tracked {
    session: Session,
    age: u64,
    stage: Stage,
    expires: SimTime,
    policy: Option<Arc<[PolicyRule]>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Opening,
    Open,
    /// One end sent a FIN.
    Closing,
    /// Both ends sent a FIN, or one a RST.
    Closed,
}

/// A rule as it was when a session began.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PolicyRule {
    rule: Option<RuleId>,
    action: Action,
    modbus: Option<ModbusMatch>,
    log: bool,
}

/// What to do with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accept,
    Drop,
    Reject,
    /// Drop it and reset both ends of its TCP connection.
    ResetBoth,
}

/// A live session that a change would refuse if it began anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Affected {
    /// The session. It goes on until sessions are cleared.
    pub session: Session,
    /// What the changed rules would do with it; `Accept` where only its Modbus inspection changes.
    pub action: Action,
}

/// The parts of a packet that matter here.
struct Seen<'a> {
    flow: FlowId,
    tcp: Option<Tcp>,
    payload: &'a [u8],
    origin: HostId,
    frame: u64,
}

impl Firewall {
    pub(crate) fn new(router: RouterId, spec: FirewallSpec) -> Self {
        Self {
            router,
            spec,
            undo: Vec::new(),
            inspector: Box::new(ModbusPeek),
            sessions: BTreeMap::new(),
            ages: [BTreeMap::new(), BTreeMap::new()],
            next_age: 0,
            log_rate: Rate::default(),
            suppressed: 0,
            requests: Vec::new(),
        }
    }

    /// Decides about a whole packet that is to be forwarded.
    pub(crate) fn decide(
        &mut self,
        now: SimTime,
        ip: &Ipv4,
        packet: &[u8],
        from: Provenance,
        log: &mut Vec<FirewallLog>,
        stats: &mut Stats,
    ) -> Verdict {
        let payload = ip.payload(packet);
        let ends = |a, b| FlowId {
            protocol: protocol_of(ip.protocol),
            src: (ip.src, a),
            dst: (ip.dst, b),
        };
        let Provenance { origin, frame } = from;
        let mut seen = Seen {
            flow: ends(0, 0),
            tcp: None,
            payload: &[],
            origin,
            frame,
        };
        let verdict = match ip.protocol {
            PROTOCOL_TCP => match Tcp::parse(payload) {
                Some(tcp) => {
                    seen.flow = ends(tcp.src_port, tcp.dst_port);
                    seen.payload = payload.get(tcp.header_len..).unwrap_or(&[]);
                    seen.tcp = Some(tcp);
                    self.decide_flow(now, &seen, log, stats)
                }
                None => self.invalid(now, &seen, log),
            },
            PROTOCOL_UDP => match udp_ports(payload) {
                Some((src, dst)) => {
                    seen.flow = ends(src, dst);
                    self.decide_flow(now, &seen, log, stats)
                }
                None => self.invalid(now, &seen, log),
            },
            PROTOCOL_ICMP => match Icmp::parse(payload) {
                Some(Icmp::Echo { ident, reply, .. }) => {
                    seen.flow = ends(ident, ident);
                    if reply && !self.knows(&seen.flow, now) {
                        self.invalid(now, &seen, log)
                    } else {
                        self.decide_flow(now, &seen, log, stats)
                    }
                }
                Some(Icmp::Error { about, .. }) if self.is_related(about, now) => Verdict::Accept,
                _ => self.invalid(now, &seen, log),
            },
            _ => self.decide_flow(now, &seen, log, stats),
        };
        stats.firewall_refused += u64::from(verdict != Verdict::Accept);
        verdict
    }

    pub(crate) fn rules(&self) -> &FirewallSpec {
        &self.spec
    }

    /// Applies a change and remembers how to undo it.
    pub(crate) fn change(&mut self, change: &Change) -> Result<(), FirewallError> {
        let inverse = self.spec.apply(change)?;
        if self.undo.len() >= limits::UNDO_MAX {
            self.undo.remove(0);
        }
        self.undo.push(inverse);
        Ok(())
    }

    /// Undoes the last change and returns what that did.
    pub(crate) fn undo(&mut self) -> Result<Change, FirewallError> {
        let inverse = self.undo.pop().ok_or(FirewallError::NothingToUndo)?;
        self.spec.apply(&inverse)?;
        Ok(inverse)
    }

    /// Live sessions that the rules would treat otherwise after `change`.
    pub(crate) fn preview(
        &self,
        change: &Change,
        now: SimTime,
    ) -> Result<Vec<Affected>, FirewallError> {
        let mut changed = self.spec.clone();
        changed.apply(change)?;
        let mut affected = Vec::new();
        for tracked in self.live(now) {
            let flow = &tracked.session.flow;
            let before = policy(&self.spec, flow, now);
            let after = policy(&changed, flow, now);
            if before == after {
                continue;
            }
            let (before_action, _) = opening(&before);
            let (action, _) = opening(&after);
            if action != before_action || is_inspected(&before) || is_inspected(&after) {
                affected.push(Affected {
                    session: tracked.session.clone(),
                    action,
                });
            }
        }
        Ok(affected)
    }

    pub(crate) fn sessions(&self, now: SimTime) -> Vec<Session> {
        self.live(now).map(|t| t.session.clone()).collect()
    }

    /// Forgets sessions, so that their next packet is judged by the rules as they are; returns how many.
    pub(crate) fn clear_sessions(&mut self, filter: &SessionFilter, now: SimTime) -> usize {
        let keys: Vec<u128> = self
            .sessions
            .iter()
            .filter(|(_, t)| filter.matches(&t.session))
            .map(|(k, _)| *k)
            .collect();
        let live = |key: &&u128| self.sessions.get(*key).is_some_and(|t| t.expires > now);
        let count = keys.iter().filter(live).count();
        for key in keys {
            self.forget(key);
        }
        count
    }

    pub(crate) fn digest(&self, hasher: &mut StateHasher) {
        hasher.u64(self.spec.rules.len() as u64);
        hasher.u64(self.spec.default_action as u64);
        for rule in &self.spec.rules {
            hasher.u64(u64::from(rule.id.0) << 1 | u64::from(rule.enabled));
            hasher.u64(rule.action as u64);
        }
        hasher.u64(self.undo.len() as u64);
        hasher.u64(self.log_rate.digest());
        hasher.u64(u64::from(self.suppressed));
        hasher.u64(self.sessions.len() as u64);
        for (key, tracked) in &self.sessions {
            hasher.bytes(&key.to_le_bytes());
            hasher.u64(tracked.age);
            hasher.u64(tracked.stage as u64);
            hasher.u64(tracked.expires.0);
        }
    }

    fn decide_flow(
        &mut self,
        now: SimTime,
        seen: &Seen<'_>,
        log: &mut Vec<FirewallLog>,
        stats: &mut Stats,
    ) -> Verdict {
        let key = key_of(&seen.flow);
        let begins = seen
            .tcp
            .is_some_and(|t| t.flags & (Tcp::SYN | Tcp::ACK | Tcp::RST) == Tcp::SYN);
        let stale = self.sessions.get(&key).is_some_and(|t| {
            t.expires <= now || (begins && matches!(t.stage, Stage::Closing | Stage::Closed))
        });
        if stale {
            self.forget(key);
        }
        if !self.sessions.contains_key(&key) {
            let verdict = self.begin(now, key, seen, log, stats);
            if verdict != Verdict::Accept {
                return verdict;
            }
        }
        self.follow(now, key, seen, log)
    }

    /// Asks the rules about a packet of no known session and tracks it if they let it through.
    fn begin(
        &mut self,
        now: SimTime,
        key: u128,
        seen: &Seen<'_>,
        log: &mut Vec<FirewallLog>,
        stats: &mut Stats,
    ) -> Verdict {
        if let Some(tcp) = seen.tcp {
            let flags = tcp.flags & (Tcp::SYN | Tcp::ACK | Tcp::RST | Tcp::FIN);
            if flags != Tcp::SYN && flags != Tcp::ACK {
                return self.invalid(now, seen, log);
            }
        }
        let policy = policy(&self.spec, &seen.flow, now);
        let (action, decisive) = opening(&policy);
        let rule = decisive.and_then(|r| r.rule);
        if decisive.is_some_and(|r| r.log) {
            self.log(now, seen, rule, action, LogCause::Session, log);
        }
        match action {
            Action::Accept => {}
            Action::Drop => return Verdict::Drop,
            Action::Reject => return Verdict::Reject,
        }
        let inspected = is_inspected(&policy);
        self.make_room(now, stats);
        let age = self.next_age;
        self.next_age += 1;
        let session = Session {
            flow: seen.flow,
            rule,
            answered: false,
            inspected,
            began: now,
            last_seen: now,
            origin: seen.origin,
        };
        let policy = inspected.then(|| policy.into());
        self.ages[0].insert(age, key);
        self.sessions.insert(
            key,
            Tracked {
                session,
                age,
                stage: Stage::Opening,
                expires: now,
                policy,
            },
        );
        Verdict::Accept
    }

    /// Keeps a session up to date with a packet of it, and inspects the packet where its policy says so.
    fn follow(
        &mut self,
        now: SimTime,
        key: u128,
        seen: &Seen<'_>,
        log: &mut Vec<FirewallLog>,
    ) -> Verdict {
        let Some(tracked) = self.sessions.get_mut(&key) else {
            return Verdict::Drop;
        };
        let forward = seen.flow.src == tracked.session.flow.src;
        tracked.session.last_seen = now;
        if !forward && !tracked.session.answered {
            tracked.session.answered = true;
            self.ages[0].remove(&tracked.age);
            self.ages[1].insert(tracked.age, key);
        }
        if let Some(tcp) = seen.tcp {
            tracked.stage = tracked.stage.after(&tcp, tracked.session.answered);
        }
        let timeout_us = timeout_us(&tracked.session, tracked.stage);
        tracked.expires = SimTime(now.0.saturating_add(timeout_us));
        let policy = tracked
            .policy
            .clone()
            .filter(|_| forward && !seen.payload.is_empty());
        let Some(policy) = policy else {
            return Verdict::Accept;
        };
        let verdict = self.inspect(now, seen, &policy, log);
        if verdict == Verdict::ResetBoth {
            self.forget(key);
        }
        verdict
    }

    fn inspect(
        &mut self,
        now: SimTime,
        seen: &Seen<'_>,
        policy: &[PolicyRule],
        log: &mut Vec<FirewallLog>,
    ) -> Verdict {
        let mut requests = std::mem::take(&mut self.requests);
        requests.clear();
        let whole = self.inspector.requests(seen.payload, &mut requests);
        if !whole {
            requests.clear();
        }
        let mut verdict = Verdict::Accept;
        let none: &[Option<&Request>] = &[None];
        let listed: Vec<Option<&Request>> = requests.iter().map(Some).collect();
        for request in if whole { &listed[..] } else { none } {
            let decides = |r: &&PolicyRule| match (&r.modbus, request) {
                (None, _) => true,
                (Some(modbus), Some(request)) => modbus.matches(request),
                (Some(_), None) => false,
            };
            let Some(rule) = policy.iter().find(decides) else {
                continue;
            };
            if rule.log {
                let cause = match request {
                    Some(r) => LogCause::Modbus {
                        function: r.function,
                        address: r.range.map(|(first, _)| first),
                    },
                    None => LogCause::NotModbus,
                };
                self.log(now, seen, rule.rule, rule.action, cause, log);
            }
            match rule.action {
                Action::Accept => {}
                Action::Drop => verdict = Verdict::Drop,
                Action::Reject => verdict = Verdict::ResetBoth,
            }
            if verdict != Verdict::Accept {
                break;
            }
        }
        drop(listed);
        self.requests = requests;
        verdict
    }

    fn invalid(&mut self, now: SimTime, seen: &Seen<'_>, log: &mut Vec<FirewallLog>) -> Verdict {
        if self.spec.log_default {
            self.log(now, seen, None, Action::Drop, LogCause::Invalid, log);
        }
        Verdict::Drop
    }

    fn log(
        &mut self,
        now: SimTime,
        seen: &Seen<'_>,
        rule: Option<RuleId>,
        action: Action,
        cause: LogCause,
        log: &mut Vec<FirewallLog>,
    ) {
        if !self.log_rate.allow(now, self.spec.log_per_second) {
            self.suppressed = self.suppressed.saturating_add(1);
            return;
        }
        log.push(FirewallLog {
            time: now,
            router: self.router,
            rule,
            action,
            cause,
            src: seen.flow.src.0,
            src_port: seen.flow.src.1,
            dst: seen.flow.dst.0,
            dst_port: seen.flow.dst.1,
            protocol: seen.flow.protocol,
            suppressed: std::mem::take(&mut self.suppressed),
            origin: seen.origin,
            frame: seen.frame,
        });
    }

    fn live(&self, now: SimTime) -> impl Iterator<Item = &Tracked> {
        self.sessions
            .values()
            .filter(move |t| t.expires > now && t.stage != Stage::Closed)
    }

    fn knows(&self, flow: &FlowId, now: SimTime) -> bool {
        self.sessions
            .get(&key_of(flow))
            .is_some_and(|t| t.expires > now)
    }

    /// Whether an ICMP error is about a session that was let through.
    fn is_related(&self, about: &[u8], now: SimTime) -> bool {
        error_subject(about).is_some_and(|(ip, src_port, dst_port)| {
            let protocol = protocol_of(ip.protocol);
            self.knows(
                &FlowId {
                    protocol,
                    src: (ip.src, src_port),
                    dst: (ip.dst, dst_port),
                },
                now,
            )
        })
    }

    /// Drops sessions that have expired unanswered, and when full the oldest, unanswered ones first.
    fn make_room(&mut self, now: SimTime, stats: &mut Stats) {
        for _ in 0..2 {
            let Some((_, &key)) = self.ages[0].first_key_value() else {
                break;
            };
            if self.sessions.get(&key).is_some_and(|t| t.expires > now) {
                break;
            }
            self.forget(key);
        }
        if self.sessions.len() < limits::SESSIONS_MAX {
            return;
        }
        let oldest = self
            .ages
            .iter()
            .find_map(|ages| ages.first_key_value().map(|(_, key)| *key));
        if let Some(key) = oldest {
            self.forget(key);
            stats.sessions_evicted += 1;
        }
    }

    fn forget(&mut self, key: u128) {
        if let Some(tracked) = self.sessions.remove(&key) {
            for ages in &mut self.ages {
                ages.remove(&tracked.age);
            }
        }
    }
}

impl Stage {
    fn after(self, tcp: &Tcp, answered: bool) -> Self {
        match self {
            _ if tcp.has(Tcp::RST) => Self::Closed,
            Self::Open | Self::Opening if tcp.has(Tcp::FIN) => Self::Closing,
            Self::Closing if tcp.has(Tcp::FIN) => Self::Closed,
            Self::Opening if answered && tcp.has(Tcp::ACK) && !tcp.has(Tcp::SYN) => Self::Open,
            stage => stage,
        }
    }
}

/// Idle time after which a session is forgotten: the defaults of Linux `nf_conntrack`, microseconds.
fn timeout_us(session: &Session, stage: Stage) -> u64 {
    let seconds = match (session.flow.protocol, stage) {
        (Protocol::Tcp, Stage::Opening | Stage::Closing) => 120,
        (Protocol::Tcp, Stage::Open) => 432_000,
        (Protocol::Tcp, Stage::Closed) => 10,
        (Protocol::Udp, _) if session.answered => 120,
        (Protocol::Any, _) => 600,
        _ => 30,
    };
    seconds * 1_000_000
}

/// The rules that decide about a session, down to the first that does so whatever it carries; the default action last.
fn policy(spec: &FirewallSpec, flow: &FlowId, now: SimTime) -> Vec<PolicyRule> {
    let mut policy = Vec::new();
    for rule in spec.rules.iter().filter(|r| r.matches(flow, now)) {
        policy.push(PolicyRule::from(rule));
        if rule.modbus.is_none() {
            return policy;
        }
    }
    policy.push(PolicyRule {
        rule: None,
        action: spec.default_action,
        modbus: None,
        log: spec.log_default,
    });
    policy
}

/// Whether a session may begin, and which rule says so: a session in which some requests are allowed must be let
/// through to see them.
fn opening(policy: &[PolicyRule]) -> (Action, Option<&PolicyRule>) {
    let allowing = policy
        .iter()
        .find(|r| r.modbus.is_some() && r.action == Action::Accept);
    let decisive = allowing.or(policy.last());
    (decisive.map_or(Action::Drop, |r| r.action), decisive)
}

fn is_inspected(policy: &[PolicyRule]) -> bool {
    policy.iter().any(|r| r.modbus.is_some())
}

impl From<&Rule> for PolicyRule {
    fn from(rule: &Rule) -> Self {
        Self {
            rule: Some(rule.id),
            action: rule.action,
            modbus: rule.modbus.clone(),
            log: rule.log,
        }
    }
}

fn protocol_of(number: u8) -> Protocol {
    match number {
        PROTOCOL_TCP => Protocol::Tcp,
        PROTOCOL_UDP => Protocol::Udp,
        PROTOCOL_ICMP => Protocol::Icmp,
        _ => Protocol::Any,
    }
}

/// One number for both directions of a session.
fn key_of(flow: &FlowId) -> u128 {
    let end = |(ip, port): (Ipv4Addr, u16)| (u128::from(ip.to_bits()) << 16) | u128::from(port);
    let (a, b) = (end(flow.src), end(flow.dst));
    ((flow.protocol as u128) << 96) | (a.min(b) << 48) | a.max(b)
}
