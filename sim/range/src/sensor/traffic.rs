//! Detections that read frames: who talks to controllers, who writes, who scans.

use super::alerts::Finding;
use crate::directory::Directory;
use serde::Serialize;
use sim_net::packet::{PROTOCOL_TCP, PROTOCOL_UDP, Summary, Tcp};
use sim_record::{SimDuration, SimTime, StateHasher};
use sim_scenario::model::{Detection, DetectionRule, Scenario};
use sim_wire::modbus::TCP_PORT;
use sim_wire::modbus::function as fc;
use sim_wire::modbus::inspect::{Seen, StreamInspector, requests};
use sim_wire::s7;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::Ipv4Addr;

/// Connections whose requests are put together from segments.
const FLOWS_MAX: usize = 256;
/// Sources whose attempts are counted, for each rule.
const SOURCES_MAX: usize = 64;
/// Pairs remembered for each source.
const PAIRS_MAX: usize = 256;
/// A scanner is reported so often at most; whether the rule fires again is for its rearm time to say.
const RETELL: SimDuration = SimDuration::from_secs(1);
/// Requests of one segment that are looked at; a segment of MTU size holds fewer than 128.
const REQUESTS_MAX: usize = 128;
/// Ports below this are those of servers; datagrams from them are answers.
const FIRST_CLIENT_PORT: u16 = 1024;

const ETHERTYPE_AT: usize = 12;
const IP_AT: usize = 14;
const PROTOCOL_AT: usize = IP_AT + 9;
const ETHERTYPE_IPV4: [u8; 2] = [0x08, 0x00];

/// One direction of a connection to a controller.
struct Flow {
    /// Sequence number of the next byte.
    next_seq: u32,
    inspector: StreamInspector,
    used: SimTime,
}

/// A request to a controller.
#[derive(Clone, Copy)]
enum Asked {
    Modbus(Seen),
    S7(s7::inspect::Seen),
}

/// A rule about requests to controllers.
enum RequestRule {
    NewMaster,
    Identification,
    WriteNotFrom(BTreeSet<Ipv4Addr>),
    WriteTo(BTreeSet<String>),
}

/// Attempts to reach (address, port) pairs.
type Attempts = VecDeque<(SimTime, Ipv4Addr, u16)>;

/// One source of attempts.
#[derive(Default, Serialize)]
struct Source {
    attempts: Attempts,
    /// When it was last reported as a scanner.
    told: Option<SimTime>,
}

/// A rule about scans, with the attempts of each source.
struct ScanRule {
    index: usize,
    pairs: usize,
    window: SimDuration,
    sources: BTreeMap<Ipv4Addr, Source>,
}

/// State of all detections on frames.
pub(super) struct Traffic {
    controllers: BTreeMap<Ipv4Addr, String>,
    allow_listed: BTreeSet<Ipv4Addr>,
    requests: Vec<(usize, RequestRule)>,
    scans: Vec<ScanRule>,
    flows: BTreeMap<(Ipv4Addr, u16, Ipv4Addr), Flow>,
}

/// Takes a finding of the rule with this index.
type Found<'a> = &'a mut dyn FnMut(usize, Finding);

impl Traffic {
    pub fn new(directory: &Directory, scenario: &Scenario, detections: &[Detection]) -> Self {
        let address = |name: &String| directory.host(name).map(|h| h.ip);
        let mut traffic = Self {
            controllers: scenario
                .controllers
                .iter()
                .map(|c| &c.id)
                .chain(scenario.external_controllers.iter().map(|c| &c.id))
                .filter_map(|id| Some((address(id)?, id.clone())))
                .collect(),
            allow_listed: directory
                .hosts()
                .iter()
                .filter(|h| h.allow_listed)
                .map(|h| h.ip)
                .collect(),
            requests: Vec::new(),
            scans: Vec::new(),
            flows: BTreeMap::new(),
        };
        for (index, detection) in detections.iter().enumerate() {
            let rule = match &detection.rule {
                DetectionRule::NewMaster => RequestRule::NewMaster,
                DetectionRule::Identification => RequestRule::Identification,
                DetectionRule::WriteNotFrom(hosts) => {
                    RequestRule::WriteNotFrom(hosts.iter().filter_map(address).collect())
                }
                DetectionRule::WriteTo(controllers) => {
                    RequestRule::WriteTo(controllers.iter().cloned().collect())
                }
                DetectionRule::Scan { pairs, seconds } => {
                    traffic.scans.push(ScanRule {
                        index,
                        pairs: usize::try_from(*pairs)
                            .unwrap_or(PAIRS_MAX)
                            .min(PAIRS_MAX - 1),
                        window: SimDuration::from_secs(u64::from(*seconds)),
                        sources: BTreeMap::new(),
                    });
                    continue;
                }
                _ => continue,
            };
            traffic.requests.push((index, rule));
        }
        traffic
    }

    pub fn on_frame(
        &mut self,
        directory: &Directory,
        time: SimTime,
        bytes: &[u8],
        found: Found<'_>,
    ) {
        if !may_matter(bytes) {
            return;
        }
        let Some(summary) = Summary::of(bytes) else {
            return;
        };
        let (Some(ip), Some((src_port, dst_port))) = (summary.ip, summary.ports) else {
            return;
        };
        // Routers put fragments together before they forward, so a later tap shows the whole packet.
        if ip.is_fragment() {
            return;
        }
        match summary.tcp {
            Some(tcp) => {
                // SYN, FIN, NULL and Xmas scans have no ACK; whatever belongs to a connection has.
                if !tcp.has(Tcp::ACK) && !tcp.has(Tcp::RST) {
                    self.on_attempt(directory, time, ip.src, (ip.dst, dst_port), found);
                }
                let payload = bytes.get(summary.payload.clone()).unwrap_or(&[]);
                if dst_port == s7::TCP_PORT && self.controllers.contains_key(&ip.dst) {
                    for request in s7::inspect::requests(payload).take(REQUESTS_MAX) {
                        self.on_request(directory, ip.src, ip.dst, Asked::S7(request), found);
                    }
                }
                if dst_port == TCP_PORT && self.controllers.contains_key(&ip.dst) {
                    self.on_segment(
                        directory,
                        time,
                        (ip.src, src_port, ip.dst),
                        (&tcp, payload),
                        found,
                    );
                }
            }
            None if src_port >= FIRST_CLIENT_PORT => {
                self.on_attempt(directory, time, ip.src, (ip.dst, dst_port), found)
            }
            None => {}
        }
    }

    pub fn digest(&self, hasher: &mut StateHasher) {
        for (key, flow) in &self.flows {
            hasher.value(key);
            hasher.u64(u64::from(flow.next_seq));
            hasher.u64(flow.used.0);
            flow.inspector.digest_into(&mut |bytes| hasher.bytes(bytes));
        }
        for scan in &self.scans {
            hasher.value(&scan.sources);
        }
    }

    /// Flows and attempts remembered.
    #[cfg(test)]
    pub fn size(&self) -> (usize, usize) {
        let attempts = self
            .scans
            .iter()
            .flat_map(|s| s.sources.values())
            .map(|s| s.attempts.len());
        (self.flows.len(), attempts.sum())
    }

    fn on_attempt(
        &mut self,
        directory: &Directory,
        time: SimTime,
        source: Ipv4Addr,
        target: (Ipv4Addr, u16),
        found: Found<'_>,
    ) {
        if self.allow_listed.contains(&source) {
            return;
        }
        for scan in &mut self.scans {
            let Some(attempts) = scan.add(time, source, target) else {
                continue;
            };
            let asset = zone_most_tried(directory, attempts);
            let text = format!(
                "{} tried {} addresses and ports of {asset} within {:.0} s",
                person(directory, source),
                attempts.len(),
                scan.window.as_secs_f64()
            );
            found(
                scan.index,
                Finding {
                    asset,
                    source: u64::from(u32::from(source)),
                    text,
                    frame: 0,
                },
            );
        }
    }

    /// A segment to the Modbus port of a controller. Requests cut over segments are put together; a segment out of order
    /// is read by itself, so that forged sequence numbers hide nothing.
    fn on_segment(
        &mut self,
        directory: &Directory,
        time: SimTime,
        key: (Ipv4Addr, u16, Ipv4Addr),
        (tcp, payload): (&Tcp, &[u8]),
        found: Found<'_>,
    ) {
        if tcp.has(Tcp::SYN) || tcp.has(Tcp::RST) {
            self.flows.remove(&key);
        }
        if payload.is_empty() {
            return;
        }
        let mut seen = Vec::new();
        let mut keep = |s: Seen| {
            if seen.len() < REQUESTS_MAX {
                seen.push(s);
            }
        };
        self.make_room(key);
        let flow = self.flows.entry(key).or_insert_with(|| Flow {
            next_seq: tcp.seq,
            inspector: StreamInspector::default(),
            used: time,
        });
        flow.used = time;
        let in_order = flow.next_seq == tcp.seq;
        if in_order {
            flow.next_seq = tcp
                .seq
                .wrapping_add(u32::try_from(payload.len()).unwrap_or(0));
        }
        if !in_order || flow.inspector.handle_input(payload, &mut keep).is_err() {
            requests(payload).take(REQUESTS_MAX).for_each(&mut keep);
        }
        for request in seen {
            self.on_request(directory, key.0, key.2, Asked::Modbus(request), found);
        }
    }

    fn on_request(
        &self,
        directory: &Directory,
        source: Ipv4Addr,
        target: Ipv4Addr,
        asked: Asked,
        found: Found<'_>,
    ) {
        let Some(asset) = self.controllers.get(&target) else {
            return;
        };
        let writes = asked.writes();
        for (index, rule) in &self.requests {
            let matches = match rule {
                RequestRule::NewMaster => !self.allow_listed.contains(&source),
                RequestRule::Identification => {
                    asked.identifies() && !self.allow_listed.contains(&source)
                }
                RequestRule::WriteNotFrom(hosts) => writes && !hosts.contains(&source),
                RequestRule::WriteTo(controllers) => writes && controllers.contains(asset),
            };
            if !matches {
                continue;
            }
            let who = person(directory, source);
            let what = asked.in_words();
            let text = match rule {
                RequestRule::NewMaster => format!("{who} talks to {asset}: {what}"),
                RequestRule::Identification => format!("{who} asked {asset} who it is: {what}"),
                RequestRule::WriteNotFrom(_) | RequestRule::WriteTo(_) => {
                    format!("{who} wrote to {asset}: {what}")
                }
            };
            let source = u64::from(u32::from(source));
            found(
                *index,
                Finding {
                    asset: asset.clone(),
                    source,
                    text,
                    frame: 0,
                },
            );
        }
    }

    fn make_room(&mut self, key: (Ipv4Addr, u16, Ipv4Addr)) {
        if self.flows.len() >= FLOWS_MAX && !self.flows.contains_key(&key) {
            let oldest = self
                .flows
                .iter()
                .min_by_key(|(_, f)| f.used)
                .map(|(k, _)| *k);
            oldest.and_then(|k| self.flows.remove(&k));
        }
    }
}

impl Asked {
    fn writes(self) -> bool {
        match self {
            Self::Modbus(seen) => fc::writes(seen.function),
            Self::S7(seen) => seen.is_write(),
        }
    }

    fn identifies(self) -> bool {
        match self {
            Self::Modbus(seen) => matches!(
                seen.function,
                fc::ENCAPSULATED_INTERFACE | fc::REPORT_SERVER_ID
            ),
            Self::S7(seen) => seen == s7::inspect::Seen::Identify,
        }
    }

    fn in_words(self) -> String {
        match self {
            Self::Modbus(seen) if fc::writes(seen.function) => format!(
                "Modbus function {}, address {}, {} items",
                seen.function, seen.address, seen.count
            ),
            Self::Modbus(seen) => format!("Modbus function {}", seen.function),
            Self::S7(seen) => format!("S7, {}", seen.name()),
        }
    }
}

impl ScanRule {
    /// Adds an attempt; all attempts of the source within the window if they are too many, once in [`RETELL`].
    fn add(
        &mut self,
        time: SimTime,
        source: Ipv4Addr,
        (ip, port): (Ipv4Addr, u16),
    ) -> Option<&Attempts> {
        if self.sources.len() >= SOURCES_MAX && !self.sources.contains_key(&source) {
            let newest = |source: &Source| source.attempts.back().map(|(t, _, _)| *t);
            let oldest = self
                .sources
                .iter()
                .min_by_key(|(_, s)| newest(s))
                .map(|(k, _)| *k);
            oldest.and_then(|k| self.sources.remove(&k));
        }
        let Source { attempts, told } = self.sources.entry(source).or_default();
        if let Some(known) = attempts.iter().position(|(_, i, p)| (*i, *p) == (ip, port)) {
            attempts.remove(known);
        }
        attempts.push_back((time, ip, port));
        while attempts.len() > PAIRS_MAX
            || attempts
                .front()
                .is_some_and(|(t, _, _)| time.since(*t) > self.window)
        {
            attempts.pop_front();
        }
        if attempts.len() <= self.pairs || told.is_some_and(|t| time.since(t) < RETELL) {
            return None;
        }
        *told = Some(time);
        Some(attempts)
    }
}

/// Whether a frame can concern any rule, by a look at a few bytes: most frames of a range are acknowledgements and
/// answers.
fn may_matter(bytes: &[u8]) -> bool {
    if bytes.get(ETHERTYPE_AT..IP_AT) != Some(&ETHERTYPE_IPV4[..]) {
        return false;
    }
    match bytes.get(PROTOCOL_AT) {
        Some(&PROTOCOL_UDP) => true,
        Some(&PROTOCOL_TCP) => {
            let header_len = bytes.get(IP_AT).map_or(0, |b| usize::from(b & 0x0f) * 4);
            let tcp = bytes.get(IP_AT + header_len..).unwrap_or(&[]);
            let port = tcp.get(2..4).unwrap_or(&[]);
            let flags = tcp.get(13).copied().unwrap_or(0);
            flags & Tcp::ACK == 0
                || port == TCP_PORT.to_be_bytes()
                || port == s7::TCP_PORT.to_be_bytes()
        }
        _ => false,
    }
}

fn zone_most_tried(directory: &Directory, attempts: &Attempts) -> String {
    let mut zones: BTreeMap<&str, usize> = BTreeMap::new();
    for zone in attempts
        .iter()
        .filter_map(|(_, ip, _)| directory.zone_of_ip(*ip))
    {
        *zones.entry(zone).or_default() += 1;
    }
    let most = zones.into_iter().max_by_key(|(_, n)| *n);
    most.map_or_else(String::new, |(zone, _)| zone.to_owned())
}

fn person(directory: &Directory, ip: Ipv4Addr) -> String {
    match directory.host_by_ip(ip) {
        Some(host) => format!("{} ({ip})", host.name),
        None => ip.to_string(),
    }
}
