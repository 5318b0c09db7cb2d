//! What the labeller remembers of the records so far, bounded.

use super::declared::{Declared, Rule};
use super::rules::{is_attempt, writes_coils};
use serde::Serialize;
use sim_record::{
    ConnectionOutcome, FirewallChange, ModbusRecord, PlantInfo, PlantSample, PrincipalId,
    ProgramChange, Record, RecordKind, S7Record, S7Service, SafetyEvent, SimDuration, SimTime,
    Team,
};
use sim_scenario::model::Scenario;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// First port that a client opens itself (RFC 6335, dynamic ports).
const EPHEMERAL_FIRST: u16 = 49_152;

/// Attempts to connect within this time make one scan.
pub(super) const SCAN_WINDOW: SimDuration = SimDuration::from_secs(60);
/// Writes of one address within this time count together.
pub(super) const REPEAT_WINDOW: SimDuration = SimDuration::from_secs(60);
/// A red value stands for so long after it was last written, unless somebody overwrites it.
const STANDING: SimDuration = SimDuration::from_secs(20 * 60);
/// Out of band for so long is proven.
const EXCURSION: SimDuration = SimDuration::from_secs(10);
/// A plant that moves so long after a red value was written moves by it.
const MOVE_EFFECT: SimDuration = SimDuration::from_secs(30);
/// Change of a sampled value, as a share of what it was, that counts as a move.
const MOVE: f64 = 0.1;
/// A communication lost so long after a red flood was lost by it.
const FLOOD_EFFECT: SimDuration = SimDuration::from_secs(10);
/// A communication lost so long after a red ARP claim was lost by it.
const ARP_EFFECT: SimDuration = SimDuration::from_secs(60);
/// A bypass that nobody is named for was set by who wrote to the controller within this time.
const WRITE_EFFECT: SimDuration = SimDuration::from_secs(2);

/// Pairs remembered for each attacker.
const PAIRS_MAX: usize = 128;
/// Addresses whose writes are counted, and red values that stand.
const ADDRESSES_MAX: usize = 2048;
/// Connections and reached targets of attackers.
const CONNECTIONS_MAX: usize = 1024;
/// Firewall rules whose last change is known.
const CHANGES_MAX: usize = 256;
/// Firewall changes that can be undone.
const UNDO_MAX: usize = 64;
/// Floods and ARP claims remembered.
const DISTURBANCES_MAX: usize = 64;
/// (attacker, controller) pairs whose reads are counted.
const READERS_MAX: usize = 1024;
/// Bytes of one S7 write whose addresses are remembered: as many as the longest PDU holds.
const WRITTEN_MAX: u32 = 960;
/// Times kept for one address.
const WRITE_TIMES: usize = 3;

#[derive(Serialize)]
struct PlantFacts {
    id: String,
    key: Option<usize>,
    low: f64,
    high: f64,
    damage: f64,
    value: f64,
    out_since: Option<SimTime>,
    proven: bool,
    /// Last sample.
    values: Vec<f64>,
    /// When red last changed a value that drives the plant, and the sample before that.
    pushed: Option<(SimTime, Vec<f64>)>,
}

/// Last change of a firewall.
#[derive(Clone, Copy, Serialize)]
pub(super) struct Change {
    pub change: FirewallChange,
    pub seq: u64,
    pub time: SimTime,
    /// A defender did it.
    pub blue: bool,
}

/// Position of a key.
#[derive(Clone, Serialize)]
pub(super) struct Key {
    pub position: String,
    /// The record, where a defender turned it.
    pub command: Option<u64>,
}

#[derive(Serialize)]
struct Standing {
    by: PrincipalId,
    since: SimTime,
    last: SimTime,
}

#[derive(Serialize)]
struct OpenConnection {
    established: SimTime,
    /// Last request that was answered.
    used: SimTime,
}

#[derive(Serialize)]
struct Disturbance {
    time: SimTime,
    lasts: SimDuration,
    asset: String,
    by: PrincipalId,
}

/// Who pushes a plant, by which controller.
pub(super) struct Pusher {
    pub controller: String,
    pub by: PrincipalId,
    last: SimTime,
}

/// A new pair tried by an attacker.
pub(super) struct Probe {
    /// Pairs within the window.
    pub pairs: usize,
    /// Zone with most of them.
    pub zone: String,
}

/// A plant out of its band under a red value.
pub(super) struct Excursion {
    pub plant: String,
    pub length: SimDuration,
    /// It has just lasted long enough.
    pub proven_now: bool,
}

/// What a record brought that rules need.
#[derive(Default)]
pub(super) struct News {
    pub probe: Option<Probe>,
    /// Reads of this attacker on this controller, this one included.
    pub reads: u32,
    /// Writes of one address within the window, the most of this request.
    pub repeats: usize,
    pub excursion: Option<Excursion>,
    /// A plant that has just moved by a red value.
    pub moved: Option<String>,
    /// A controller went from RUN to RUN: it started anew.
    pub started_anew: bool,
}

/// What addresses of a controller count in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
enum Space {
    Holding,
    Coil,
    /// Bytes of an area of an S7 CPU, such as `DB1`.
    S7(String),
}

/// Controller, space, address.
type Place = (String, Space, u32);

/// A write that a controller carried out.
struct Written<'a> {
    asset: &'a str,
    by: PrincipalId,
    changed: bool,
    space: Space,
    /// First address and how many; none where the request names none.
    at: Option<(u32, u32)>,
}

impl<'a> Written<'a> {
    fn modbus(m: &'a ModbusRecord) -> Self {
        let coils = writes_coils(m.function);
        Self {
            asset: &m.asset,
            by: m.by,
            changed: m.changed,
            space: if coils { Space::Coil } else { Space::Holding },
            at: m
                .address
                .map(|first| (u32::from(first), u32::from(m.count.max(1)))),
        }
    }

    fn s7(r: &'a S7Record) -> Self {
        Self {
            asset: &r.asset,
            by: r.by,
            changed: r.changed,
            space: Space::S7(r.object.clone()),
            at: Some((r.offset, r.bytes.clamp(1, WRITTEN_MAX))),
        }
    }
}

/// All facts.
#[derive(Default, Serialize)]
pub(super) struct Facts {
    #[serde(skip)]
    declared: Declared,
    teams: BTreeMap<PrincipalId, Team>,
    assets: BTreeMap<u32, (String, String)>,
    plants: Vec<PlantFacts>,
    probes: BTreeMap<PrincipalId, VecDeque<(SimTime, u32, u16)>>,
    reads: BTreeMap<(PrincipalId, String), u32>,
    writes: BTreeMap<(PrincipalId, Place), VecDeque<SimTime>>,
    standing: BTreeMap<Place, Standing>,
    last_writer: BTreeMap<String, (PrincipalId, SimTime)>,
    bypassed: BTreeMap<String, PrincipalId>,
    keys: BTreeMap<String, Key>,
    stopped: BTreeSet<String>,
    changes: BTreeMap<Rule, Change>,
    /// Rule and its state before each change, newest last.
    undo: VecDeque<(Rule, Option<Change>)>,
    cleared: Option<Change>,
    connections: BTreeMap<u32, OpenConnection>,
    reached: BTreeSet<(PrincipalId, u32, u16)>,
    disturbances: VecDeque<Disturbance>,
}

impl Facts {
    pub fn new(scenario: &Scenario) -> Self {
        Self {
            declared: Declared::new(scenario),
            ..Self::default()
        }
    }

    /// Remembers a record and says what is new in it.
    pub fn learn(&mut self, record: &Record) -> News {
        let mut news = News::default();
        let time = record.time;
        match &record.kind {
            RecordKind::Principal { id, principal } => {
                self.teams.insert(*id, principal.team);
            }
            RecordKind::Asset(info) => {
                self.assets
                    .insert(info.ip, (info.id.clone(), info.zone.clone()));
            }
            RecordKind::Plant(info) => self.plants.push(PlantFacts::new(info)),
            RecordKind::Sample(sample) => {
                news.moved = self.learn_move(time, sample);
                news.excursion = self.learn_sample(time, sample);
            }
            RecordKind::Connection {
                conn,
                dst,
                port,
                outcome,
                by,
                ..
            } if self.is_red(*by) => {
                if is_attempt(*outcome) {
                    news.probe = self.learn_probe(time, *by, *dst, *port);
                }
                self.learn_connection(time, *conn, *outcome, (*by, *dst, *port));
            }
            // What comes back to a client's own port is a late answer and no probe.
            RecordKind::Blocked { dst, port, by, .. }
                if self.is_red(*by) && *port < EPHEMERAL_FIRST =>
            {
                news.probe = self.learn_probe(time, *by, *dst, *port);
            }
            RecordKind::Modbus(m) => self.learn_modbus(time, m, &mut news),
            RecordKind::S7(r) => self.learn_s7(time, r, &mut news),
            RecordKind::Flood { asset, by, .. } => {
                self.learn_disturbance(time, FLOOD_EFFECT, asset.clone(), *by)
            }
            RecordKind::ArpClaim { ip, by, .. } => {
                if let Some(owner) = self.asset_at(*ip).map(str::to_owned) {
                    self.learn_disturbance(time, ARP_EFFECT, owner, *by);
                }
            }
            RecordKind::Safety { asset, event, by } => self.learn_safety(time, asset, *event, *by),
            RecordKind::Key {
                asset,
                position,
                by,
            } => {
                let command = self.is_blue(*by).then_some(record.seq);
                self.keys.insert(
                    asset.clone(),
                    Key {
                        position: position.clone(),
                        command,
                    },
                );
            }
            RecordKind::Firewall {
                by,
                router,
                rule,
                change,
                ..
            } => self.learn_firewall(record, *by, (router.clone(), rule.clone()), *change),
            RecordKind::Mode { asset, mode, .. } => {
                news.started_anew = self.learn_mode(asset, mode)
            }
            RecordKind::Program {
                asset,
                change: ProgramChange::Restored,
                ..
            } => {
                self.standing.retain(|(a, _, _), _| a != asset);
            }
            _ => {}
        }
        news
    }

    /// Whether a principal attacks.
    pub fn is_red(&self, by: PrincipalId) -> bool {
        self.teams.get(&by) == Some(&Team::Red)
    }

    /// Who has an address.
    pub fn asset_at(&self, ip: u32) -> Option<&str> {
        let host = self.assets.get(&ip).map(|(id, _)| id.as_str());
        host.or_else(|| self.declared.routers.get(&ip).map(String::as_str))
    }

    /// The attacker who set the bypass of a safety controller.
    pub fn bypassed_by(&self, asset: &str) -> Option<PrincipalId> {
        self.bypassed
            .get(asset)
            .copied()
            .filter(|by| self.is_red(*by))
    }

    /// Attackers whose values stand in controllers that drive a plant, the latest first, each pair once.
    pub fn pushers(&self, plant: &str, now: SimTime) -> Vec<Pusher> {
        let mut pushers: Vec<Pusher> = Vec::new();
        for ((controller, _, _), standing) in &self.standing {
            if now.since(standing.last) > STANDING || !self.drives(controller, plant) {
                continue;
            }
            match pushers
                .iter_mut()
                .find(|p| p.controller == *controller && p.by == standing.by)
            {
                Some(known) => known.last = known.last.max(standing.last),
                None => {
                    pushers.push(Pusher {
                        controller: controller.clone(),
                        by: standing.by,
                        last: standing.last,
                    });
                }
            }
        }
        pushers.sort_by_key(|p| std::cmp::Reverse(p.last));
        pushers
    }

    /// Whether a plant that this controller drives is proven to be out of its band under a red value.
    pub fn drives_plant_out_of_band(&self, controller: &str) -> bool {
        self.plants
            .iter()
            .any(|p| p.proven && self.drives(controller, &p.id))
    }

    /// The plant nearest to its damage limit: events of plants do not name theirs.
    pub fn worst_plant(&self) -> Option<&str> {
        let ratio = |p: &PlantFacts| {
            if p.damage > 0.0 {
                p.value / p.damage
            } else {
                0.0
            }
        };
        self.plants
            .iter()
            .max_by(|a, b| ratio(a).total_cmp(&ratio(b)))
            .map(|p| p.id.as_str())
    }

    /// The attacker whose flood or ARP claim explains a lost communication.
    pub fn disturber(&self, station: &str, asset: &str, now: SimTime) -> Option<PrincipalId> {
        let concerns = |d: &&Disturbance| {
            let between = self.declared.routers.values().any(|r| *r == d.asset);
            now.since(d.time) <= d.lasts && (d.asset == station || d.asset == asset || between)
        };
        self.disturbances.iter().rev().find(concerns).map(|d| d.by)
    }

    /// True for a plant: its link to an external controller lies outside the virtual network.
    pub fn is_plant(&self, station: &str) -> bool {
        self.plants.iter().any(|plant| plant.id == station)
    }

    /// The key of a controller, where its position refuses writes.
    pub fn key_against_writes(&self, controller: &str) -> Option<&Key> {
        let key = self
            .keys
            .get(controller)
            .filter(|k| k.position != "REMOTE")?;
        self.declared.gated.contains(controller).then_some(key)
    }

    /// The last change of a firewall rule.
    pub fn change_of(&self, router: &str, rule: &str) -> Option<&Change> {
        self.changes.get(&(router.to_owned(), rule.to_owned()))
    }

    /// When defenders last cleared sessions.
    pub fn cleared(&self) -> Option<&Change> {
        self.cleared.as_ref()
    }

    /// When defenders cleared sessions, if that connection stood then and was of no use since.
    pub fn cleared_under(&self, conn: u32) -> Option<&Change> {
        let open = self.connections.get(&conn)?;
        self.cleared()
            .filter(|c| open.established <= c.time && open.used <= c.time)
    }

    /// The defenders' latest change of a rule that used to let a packet (source, destination, port) pass.
    pub fn closing_change(&self, packet: (u32, u32, u16)) -> Option<(String, Option<u64>)> {
        let closing = self
            .declared
            .accepts
            .iter()
            .filter(|rule| rule.matches(packet))
            .filter_map(|rule| {
                let change = self.changes.get(&rule.id).filter(|c| c.blue)?;
                let word = match change.change {
                    FirewallChange::Disabled => "switched off",
                    FirewallChange::Removed => "removed",
                    _ => return None,
                };
                Some((change.seq, format!("firewall rule {} {word}", rule.id.1)))
            });
        closing.max().map(|(seq, cause)| (cause, Some(seq)))
    }

    /// Whether an attacker once had a connection to that target.
    pub fn reached(&self, by: PrincipalId, dst: u32, port: u16) -> bool {
        self.reached.contains(&(by, dst, port))
    }

    /// Entries of all tables.
    #[cfg(test)]
    pub fn size(&self) -> usize {
        let probes: usize = self.probes.values().map(VecDeque::len).sum();
        let tables =
            self.writes.len() + self.standing.len() + self.reads.len() + self.changes.len();
        probes
            + tables
            + self.undo.len()
            + self.connections.len()
            + self.reached.len()
            + self.disturbances.len()
    }

    fn is_blue(&self, by: PrincipalId) -> bool {
        self.teams.get(&by) == Some(&Team::Blue)
    }

    fn drives(&self, controller: &str, plant: &str) -> bool {
        self.declared
            .drives
            .get(controller)
            .is_some_and(|plants| plants.contains(plant))
    }

    /// The plant of a sample, if a value of it moved soon after a red write; told once for each such write.
    fn learn_move(&mut self, time: SimTime, sample: &PlantSample) -> Option<String> {
        let plant = self.plants.get_mut(usize::from(sample.plant))?;
        plant.values.clone_from(&sample.values);
        let (since, before) = plant.pushed.as_ref()?;
        let in_time = time.since(*since) <= MOVE_EFFECT && !sample.tripped;
        let moved =
            |(now, before): (&f64, &f64)| (now - before).abs() > MOVE * before.abs().max(1.0);
        let found = in_time && sample.values.iter().zip(before).any(moved);
        if found || !in_time {
            plant.pushed = None;
        }
        found.then(|| plant.id.clone())
    }

    fn learn_sample(&mut self, time: SimTime, sample: &PlantSample) -> Option<Excursion> {
        let index = usize::from(sample.plant);
        let id = self.plants.get(index)?.id.clone();
        let pushed = !self.pushers(&id, time).is_empty();
        let plant = self.plants.get_mut(index)?;
        let value = *sample.values.get(plant.key?)?;
        plant.value = value;
        // A tripped plant is out of its band by its protection, not by the attacker.
        if sample.tripped || !pushed || (plant.low..=plant.high).contains(&value) {
            plant.out_since = None;
            plant.proven = false;
            return None;
        }
        let length = time.since(*plant.out_since.get_or_insert(time));
        let proven_now = !plant.proven && length >= EXCURSION;
        plant.proven |= proven_now;
        Some(Excursion {
            plant: id,
            length,
            proven_now,
        })
    }

    fn learn_probe(
        &mut self,
        time: SimTime,
        by: PrincipalId,
        dst: u32,
        port: u16,
    ) -> Option<Probe> {
        let pairs = self.probes.entry(by).or_default();
        while pairs
            .front()
            .is_some_and(|(t, _, _)| time.since(*t) > SCAN_WINDOW)
            || pairs.len() > PAIRS_MAX
        {
            pairs.pop_front();
        }
        let known = pairs.iter().position(|(_, d, p)| (*d, *p) == (dst, port));
        if let Some(index) = known {
            pairs.remove(index);
        }
        pairs.push_back((time, dst, port));
        if known.is_some() {
            return None;
        }
        let pairs = self.probes.get(&by)?;
        let mut zones: BTreeMap<&str, usize> = BTreeMap::new();
        for zone in pairs.iter().filter_map(|(_, d, _)| self.zone_at(*d)) {
            *zones.entry(zone).or_default() += 1;
        }
        let (zone, _) = zones.into_iter().max_by_key(|(_, n)| *n)?;
        Some(Probe {
            pairs: pairs.len(),
            zone: zone.to_owned(),
        })
    }

    fn learn_connection(
        &mut self,
        time: SimTime,
        conn: u32,
        outcome: ConnectionOutcome,
        target: (PrincipalId, u32, u16),
    ) {
        if outcome != ConnectionOutcome::Established {
            return;
        }
        self.connections.insert(
            conn,
            OpenConnection {
                established: time,
                used: time,
            },
        );
        if self.connections.len() > CONNECTIONS_MAX {
            self.connections.pop_first();
        }
        if self.reached.len() < CONNECTIONS_MAX {
            self.reached.insert(target);
        }
    }

    fn learn_modbus(&mut self, time: SimTime, m: &ModbusRecord, news: &mut News) {
        if m.exception.is_none() {
            self.learn_use(time, m.conn);
            if m.write {
                self.learn_write(time, &Written::modbus(m), news);
            }
        }
        if !m.write {
            self.learn_read(m.by, &m.asset, news);
        }
    }

    fn learn_s7(&mut self, time: SimTime, r: &S7Record, news: &mut News) {
        if r.refused.is_none() {
            self.learn_use(time, r.conn);
            if r.service == S7Service::Write {
                self.learn_write(time, &Written::s7(r), news);
            }
        }
        if r.service == S7Service::Read {
            self.learn_read(r.by, &r.asset, news);
        }
    }

    /// A connection was of use.
    fn learn_use(&mut self, time: SimTime, conn: u32) {
        if let Some(open) = self.connections.get_mut(&conn) {
            open.used = time;
        }
    }

    fn learn_read(&mut self, by: PrincipalId, asset: &str, news: &mut News) {
        let key = (by, asset.to_owned());
        if self.is_red(by) && (self.reads.len() < READERS_MAX || self.reads.contains_key(&key)) {
            let reads = self.reads.entry(key).or_default();
            *reads = reads.saturating_add(1);
            news.reads = *reads;
        }
    }

    fn learn_write(&mut self, time: SimTime, written: &Written<'_>, news: &mut News) {
        let red = self.is_red(written.by);
        if red && written.changed {
            let driven = self.declared.drives.get(written.asset);
            for plant in self
                .plants
                .iter_mut()
                .filter(|p| driven.is_some_and(|d| d.contains(&p.id)))
            {
                plant.pushed = Some((time, plant.values.clone()));
            }
        }
        self.last_writer
            .insert(written.asset.to_owned(), (written.by, time));
        let Some((first, count)) = written.at else {
            return;
        };
        for address in first..first.saturating_add(count) {
            let place = (written.asset.to_owned(), written.space.clone(), address);
            if red {
                news.repeats = news.repeats.max(self.count_write(time, written.by, &place));
            }
            self.learn_standing(time, written, red, place);
        }
    }

    /// Writes of one address within the window.
    fn count_write(&mut self, time: SimTime, by: PrincipalId, place: &Place) -> usize {
        let key = (by, place.clone());
        if self.writes.len() >= ADDRESSES_MAX && !self.writes.contains_key(&key) {
            forget_older_half(&mut self.writes, |times| {
                times.back().copied().unwrap_or_default()
            });
        }
        let times = self.writes.entry(key).or_default();
        times.push_back(time);
        while times.len() > WRITE_TIMES
            || times
                .front()
                .is_some_and(|t| time.since(*t) > REPEAT_WINDOW)
        {
            times.pop_front();
        }
        times.len()
    }

    /// A red value stands until somebody else changes it; red refreshes it by writing it again.
    fn learn_standing(&mut self, time: SimTime, m: &Written<'_>, red: bool, place: Place) {
        if !red {
            if m.changed {
                self.standing.remove(&place);
            }
            return;
        }
        if let Some(known) = self.standing.get_mut(&place) {
            known.last = time;
            known.by = m.by;
            return;
        }
        if !m.changed {
            return;
        }
        if self.standing.len() >= ADDRESSES_MAX {
            forget_older_half(&mut self.standing, |standing| standing.last);
        }
        self.standing.insert(
            place,
            Standing {
                by: m.by,
                since: time,
                last: time,
            },
        );
    }

    fn learn_disturbance(
        &mut self,
        time: SimTime,
        lasts: SimDuration,
        asset: String,
        by: PrincipalId,
    ) {
        if !self.is_red(by) {
            return;
        }
        if self.disturbances.len() >= DISTURBANCES_MAX {
            self.disturbances.pop_front();
        }
        self.disturbances.push_back(Disturbance {
            time,
            lasts,
            asset,
            by,
        });
    }

    fn learn_safety(&mut self, time: SimTime, asset: &str, event: SafetyEvent, by: PrincipalId) {
        match event {
            SafetyEvent::BypassOn => {
                let writer = self
                    .last_writer
                    .get(asset)
                    .filter(|(_, t)| time.since(*t) <= WRITE_EFFECT);
                let by = if by == PrincipalId::RANGE {
                    writer.map_or(by, |(w, _)| *w)
                } else {
                    by
                };
                self.bypassed.insert(asset.to_owned(), by);
            }
            SafetyEvent::BypassOff => {
                self.bypassed.remove(asset);
            }
            _ => {}
        }
    }

    /// Remembers the mode of a controller; true where it ran before and runs.
    fn learn_mode(&mut self, asset: &str, mode: &str) -> bool {
        if mode != "RUN" {
            self.stopped.insert(asset.to_owned());
            return false;
        }
        // A start runs the start-up logic: written values are gone.
        self.standing.retain(|(a, _, _), _| a != asset);
        !self.stopped.remove(asset)
    }

    fn learn_firewall(
        &mut self,
        record: &Record,
        by: PrincipalId,
        rule: Rule,
        change: FirewallChange,
    ) {
        let change = Change {
            change,
            seq: record.seq,
            time: record.time,
            blue: self.is_blue(by),
        };
        match change.change {
            FirewallChange::SessionsCleared => {
                self.cleared = Some(change).filter(|c| c.blue).or(self.cleared);
            }
            FirewallChange::Undone => self.learn_undo(&rule.0, change),
            _ if self.changes.len() < CHANGES_MAX || self.changes.contains_key(&rule) => {
                let before = self.changes.insert(rule.clone(), change);
                if self.undo.len() >= UNDO_MAX {
                    self.undo.pop_front();
                }
                self.undo.push_back((rule, before));
            }
            _ => {}
        }
    }

    /// The last change of a router is taken back; the record of that does not name the rule.
    fn learn_undo(&mut self, router: &str, undo: Change) {
        let last = self.undo.iter().rposition(|((of, _), _)| of == router);
        let Some((rule, before)) = last.and_then(|index| self.undo.remove(index)) else {
            return;
        };
        match before {
            Some(before) => {
                let restored = Change {
                    change: before.change,
                    ..undo
                };
                self.changes.insert(rule, restored);
            }
            None => {
                self.changes.remove(&rule);
            }
        }
    }

    /// The zone of an address.
    pub fn zone_at(&self, ip: u32) -> Option<&str> {
        let subnet = || {
            self.declared
                .zones
                .iter()
                .find(|(network, mask, _)| ip & mask == *network)
        };
        self.assets
            .get(&ip)
            .map(|(_, zone)| zone.as_str())
            .or_else(|| subnet().map(|(_, _, id)| id.as_str()))
    }
}

impl PlantFacts {
    fn new(info: &PlantInfo) -> Self {
        let (name, low, high, damage) = &info.key_signal;
        Self {
            id: info.id.clone(),
            key: info.signals.iter().position(|s| s == name),
            low: *low,
            high: *high,
            damage: *damage,
            value: 0.0,
            out_since: None,
            proven: false,
            values: Vec::new(),
            pushed: None,
        }
    }
}

/// Makes room in a full table at a cost that does not grow with how often that is done.
fn forget_older_half<K: Ord, V>(table: &mut BTreeMap<K, V>, time: impl Fn(&V) -> SimTime) {
    let mut times: Vec<SimTime> = table.values().map(&time).collect();
    times.sort_unstable();
    let middle = times.get(times.len() / 2).copied().unwrap_or_default();
    table.retain(|_, value| time(value) > middle);
}
