//! The state machine itself: what is due, in which order.

use crate::actors::Actors;
use crate::alarms::Alarms;
use crate::bridge::Bridges;
use crate::controllers::Controllers;
use crate::directory::Directory;
use crate::external::Externals;
use crate::journal::Journal;
use crate::labeller::Labeller;
use crate::network::{self, Firewalls};
use crate::people::People;
use crate::plants::Plants;
use crate::recovery::{Recovery, Watched};
use crate::reports::Reports;
use crate::sensor::Sensor;
use crate::stations::Stations;
use crate::tools::{Bench, Tools};
use crate::traffic::Traffic;
use crate::{Advance, Budget, BuildError, DIGEST_PERIOD_US, Output, RunOptions};
use sim_net::Fabric;
use sim_record::{
    AssetInfo, Digest, EndReason, Input, InputKind, MatchInfo, RecordKind, Seed, SimDuration,
    SimTime, StateHasher, Team,
};
use sim_scenario::model::{Cast, Pace, Scenario};
use std::collections::BTreeMap;

/// Period of samples, alarms, detections on values and conditions.
const SECOND: SimDuration = SimDuration::from_secs(1);
/// Connections that an idle port takes.
const IDLE_CONNECTIONS: usize = 4;
/// Period of flow totals.
const FLOW_PERIOD_S: u64 = 60;

/// One virtual plant with its controllers, network, hosts and people.
pub struct Range {
    pub(crate) scenario: Scenario,
    pub(crate) journal: Journal,
    pub(crate) directory: Directory,
    pub(crate) fabric: Fabric,
    pub(crate) plants: Plants,
    pub(crate) controllers: Controllers,
    pub(crate) bridges: Bridges,
    pub(crate) stations: Stations,
    pub(crate) alarms: Alarms,
    pub(crate) tools: Tools,
    pub(crate) people: People,
    pub(crate) reports: Reports,
    pub(crate) firewalls: Firewalls,
    pub(crate) sensor: Sensor,
    pub(crate) externals: Externals,
    pub(crate) actors: Actors,
    pub(crate) traffic: Traffic,
    pub(crate) gauges: BTreeMap<String, f64>,
    labeller: Labeller,
    recovery: Recovery,
    pub(crate) pace: Pace,
    open_ended: bool,
    capture: bool,
    over: bool,
    red_stopped: bool,
    next_second: SimTime,
    next_digest: SimTime,
    tap_of_switch: Vec<Option<u16>>,
}

impl Range {
    /// Builds a range at virtual time 0. `scenario` is already instantiated with the seed.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn new(scenario: &Scenario, seed: Seed, options: &RunOptions) -> Result<Self, BuildError> {
        let name = if options.cast.is_empty() {
            &scenario.default_cast
        } else {
            &options.cast
        };
        let cast = scenario
            .casts
            .get(name)
            .ok_or_else(|| BuildError::NoSuchCast(name.clone()))?;
        let pace = *scenario
            .paces
            .get(&cast.pace)
            .ok_or_else(|| BuildError::NoSuchCast(cast.pace.clone()))?;
        let directory = Directory::new(scenario);
        let mut fabric = network::fabric(scenario, seed)?;
        let plants = Plants::new(scenario, cast, seed)?;
        let controllers = Controllers::new(scenario, cast, &directory, &plants, &mut fabric)?;
        let bridges = Bridges::new(scenario, options, &directory, &plants, &mut fabric)?;
        open_idle_ports(scenario, &directory, &mut fabric);
        let mut journal = Journal::new();
        journal.record(RecordKind::Match(match_info(
            scenario, seed, options, name, cast, pace,
        )));
        let mut taps = 0_u16..;
        let mut range = Self {
            stations: Stations::new(scenario, &directory, seed),
            alarms: Alarms::new(&scenario.alarms),
            tools: Tools::default(),
            people: People::new(&scenario.people),
            reports: Reports::default(),
            firewalls: Firewalls::new(scenario),
            sensor: Sensor::new(scenario, &directory),
            externals: Externals::default(),
            actors: Actors::new(scenario, cast, options, &mut journal),
            traffic: Traffic::default(),
            gauges: BTreeMap::new(),
            labeller: Labeller::new(scenario),
            recovery: Recovery::new(&scenario.recovery),
            tap_of_switch: scenario
                .zones
                .iter()
                .map(|z| if z.tapped { taps.next() } else { None })
                .collect(),
            scenario: scenario.clone(),
            journal,
            directory,
            fabric,
            plants,
            controllers,
            bridges,
            pace,
            open_ended: options.open_ended,
            capture: false,
            over: false,
            red_stopped: false,
            next_second: SimTime::ZERO,
            next_digest: SimTime(DIGEST_PERIOD_US),
        };
        range.declare();
        Ok(range)
    }

    /// Turns frames of the taps into outputs, or not. Changes no state that a digest sees.
    pub fn set_capture(&mut self, on: bool) {
        self.capture = on;
    }

    /// Names of the taps in the order of their indices in [`Output::Frame`].
    #[must_use]
    pub fn taps(&self) -> Vec<String> {
        self.scenario
            .zones
            .iter()
            .filter(|z| z.tapped)
            .map(|z| z.id.clone())
            .collect()
    }

    /// Applies an input at the present instant.
    pub fn handle_input(&mut self, input: Input) {
        if self.over {
            return;
        }
        match input.kind {
            InputKind::Stop => self.end(EndReason::Stopped),
            InputKind::Resumed => {
                self.journal.record(RecordKind::Resumed);
                self.externals.reset_all(self.journal.now, &mut self.fabric);
            }
            InputKind::Command(bytes) => self.input_command(&input.principal, &bytes),
            InputKind::Open { conn, endpoint } => self.input_open(&input.principal, conn, endpoint),
            InputKind::Bytes { conn, data } if self.owns(&input.principal, conn) => self
                .externals
                .bytes(&mut self.journal, &mut self.fabric, conn, &data),
            InputKind::Close { conn, how } if self.owns(&input.principal, conn) => self
                .externals
                .close(self.journal.now, &mut self.fabric, conn, how),
            // Of a connection that is gone, or another's.
            InputKind::Bytes { .. } | InputKind::Close { .. } => {}
            InputKind::External {
                controller,
                cycle,
                answer,
            } => {
                if let Some(bridge) = self.bridges.get_mut(controller)
                    && input.principal.team == Team::Range
                {
                    bridge.answered(&mut self.journal, &mut self.plants, cycle, answer);
                }
            }
        }
        self.finish_instant();
    }

    /// Runs everything due up to and at `until`.
    pub fn advance(&mut self, until: SimTime, budget: Budget) -> Advance {
        let mut left = budget.instants;
        while !self.over {
            let due = self.next_due();
            if due > until {
                self.journal.now = self.journal.now.max(until);
                return Advance::Reached;
            }
            if left == 0 {
                return Advance::OutOfBudget;
            }
            left -= 1;
            self.journal.now = self.journal.now.max(due);
            self.run_instant();
        }
        Advance::Over
    }

    /// The next thing for the outside.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.journal.outputs.pop_front()
    }

    /// Virtual time.
    #[must_use]
    pub fn now(&self) -> SimTime {
        self.journal.now
    }

    /// Declared end.
    #[must_use]
    pub fn ends(&self) -> SimTime {
        self.pace.ends
    }

    /// When something is due next; nothing changes before.
    #[must_use]
    pub fn next_wake(&self) -> SimTime {
        self.next_due()
    }

    /// True when the match has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// The historian's store as CSV: `time_s,tag,value,quality`.
    #[must_use]
    pub fn historian_csv(&self) -> String {
        self.stations.historian_csv()
    }

    /// Digest of the complete state.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hasher = StateHasher::new();
        hasher.u64(self.journal.now.0);
        hasher.u64(self.journal.len());
        hasher.bytes(&self.fabric.digest().0);
        self.plants.digest(&mut hasher);
        self.controllers.digest(&mut hasher);
        self.bridges.digest(&mut hasher);
        self.stations.digest(&mut hasher);
        self.alarms.digest(&mut hasher);
        self.tools.digest(&mut hasher);
        self.people.digest(&mut hasher);
        self.reports.digest(&mut hasher);
        self.firewalls.digest(&mut hasher);
        self.sensor.digest(&mut hasher);
        self.externals.digest(&mut hasher);
        self.actors.digest(&mut hasher);
        self.traffic.digest(&mut hasher);
        self.labeller.digest(&mut hasher);
        self.recovery.digest(&mut hasher);
        hasher.finish()
    }

    fn next_due(&self) -> SimTime {
        let end = if self.open_ended {
            SimTime::MAX
        } else {
            self.pace.ends
        };
        let dues = [
            self.fabric.next_event().unwrap_or(SimTime::MAX),
            self.people.next_due(),
            self.actors.next_due(),
            self.controllers.next_due(),
            self.bridges.next_due(),
            self.stations.next_due(),
            self.tools.next_due(),
            self.externals.next_due(),
            self.plants.next_due(),
            self.next_second,
            self.next_digest,
            end,
        ];
        dues.into_iter().min().unwrap_or(end)
    }

    /// Handles one instant. The order at equal time is the order of these phases, then of ids, then of sequence.
    fn run_instant(&mut self) {
        let now = self.journal.now;
        // 1. Network: frames and timers due; hosts answer.
        self.fabric.advance(now);
        self.handle_events();
        // 2. People outside the network: field actions and phone.
        self.people.answer_due(&mut self.journal);
        self.carry_out_field_actions();
        // 3. Scripted actors look and decide.
        if self.actors.next_due() <= now {
            self.let_actors_decide();
        }
        // 4. Controllers: replies, then freeze inputs, execute, flush outputs; then the external ones.
        self.controllers
            .run_due(&mut self.journal, &mut self.fabric, &mut self.plants);
        self.bridges
            .run_due(&mut self.journal, &mut self.fabric, &mut self.plants);
        // 5. Stations poll, tools work, outside connections end.
        self.run_stations();
        if self.tools.next_due() <= now {
            let mut bench = Bench {
                journal: &mut self.journal,
                fabric: &mut self.fabric,
                directory: &self.directory,
            };
            self.tools.run_due(&mut bench);
            self.take_tool_results();
        }
        if self.externals.next_due() <= now {
            self.externals.run_due(&mut self.journal, &mut self.fabric);
        }
        // 6. Plants.
        let destroyed = self.plants.step_due(&mut self.journal);
        // 7. Once a second: samples, alarms, detections on values, conditions, totals.
        if self.next_second <= now {
            self.run_second();
        }
        // 8. What follows from all that: connections, frames at the taps, ground truth.
        self.finish_instant();
        // 9. The end, and digests.
        if destroyed {
            self.end(EndReason::Destroyed);
        } else if now >= self.pace.ends && !self.open_ended {
            self.end(EndReason::TimeUp);
        } else if self.next_digest <= now {
            self.next_digest = SimTime(self.next_digest.0 + DIGEST_PERIOD_US);
            self.push_digest();
        }
    }

    fn run_second(&mut self) {
        let now = self.journal.now;
        self.next_second = now + SECOND;
        let inhibited = self.controllers.safety_inhibited();
        self.plants.sample(&mut self.journal, inhibited);
        if let Some(hmi) = self.stations.hmi() {
            self.alarms.evaluate(&mut self.journal, hmi);
        }
        self.stations
            .watch_values(&mut self.journal, &mut self.sensor);
        let watched = Watched {
            controllers: &self.controllers,
            bridges: &self.bridges,
            firewalls: &self.firewalls,
            fabric: &self.fabric,
            directory: &self.directory,
        };
        self.recovery.watch(&mut self.journal, &watched);
        if now.0.is_multiple_of(FLOW_PERIOD_S * 1_000_000) {
            self.traffic.record_flows(&mut self.journal);
        }
        self.traffic.record_floods(&mut self.journal);
        for index in 0..self.scenario.injects.len() {
            if self.scenario.injects[index]
                .at
                .is_some_and(|at| at <= now && now.since(at) < SECOND)
            {
                self.give_inject(index);
            }
        }
        if now >= self.pace.red_until && !self.red_stopped {
            self.red_stopped = true;
            let journal = &self.journal;
            let red: Vec<_> = self
                .actors
                .principals()
                .filter(|p| journal.who(*p).team == Team::Red)
                .collect();
            let mut bench = Bench {
                journal: &mut self.journal,
                fabric: &mut self.fabric,
                directory: &self.directory,
            };
            self.tools.stop_all(&mut bench, &|by| red.contains(&by));
        }
    }

    /// Gives an inject to everybody.
    pub(crate) fn give_inject(&mut self, index: usize) {
        if let Some(inject) = self.scenario.injects.get(index).cloned() {
            self.people
                .tell(self.journal.now, &inject.contact, &inject.id, &inject.text);
            self.journal.record(RecordKind::Inject {
                id: inject.id,
                text: inject.text,
            });
        }
    }

    fn finish_instant(&mut self) {
        self.handle_events();
        self.handle_captured();
        while let Some(record) = self.journal.take_unlabelled() {
            for kind in self.labeller.observe(&record) {
                self.journal.record(kind);
            }
        }
    }

    fn handle_captured(&mut self) {
        while let Some(frame) = self.fabric.poll_captured() {
            self.sensor
                .on_frame(&mut self.journal, frame.time, frame.number, &frame.bytes);
            self.traffic.note_syn(&frame);
            if self.capture {
                let tap = self
                    .tap_of_switch
                    .get(usize::from(frame.switch.0))
                    .copied()
                    .flatten()
                    .unwrap_or(0);
                self.journal.outputs.push_back(Output::Frame {
                    time: frame.time,
                    number: frame.number,
                    tap,
                    bytes: frame.bytes,
                });
            }
        }
    }

    fn end(&mut self, reason: EndReason) {
        self.over = true;
        self.traffic.record_flows(&mut self.journal);
        self.journal.record(RecordKind::End { reason });
        self.finish_instant();
        self.push_digest();
    }

    fn push_digest(&mut self) {
        let digest = self.digest();
        self.journal.outputs.push_back(Output::Digest {
            time: self.journal.now,
            digest,
        });
    }

    /// Records at time 0 what there is.
    fn declare(&mut self) {
        for zone in &self.scenario.zones {
            self.journal.record(RecordKind::Asset(AssetInfo {
                id: zone.id.clone(),
                ip: u32::from(zone.network),
                role: "zone".into(),
                zone: zone.id.clone(),
                purdue_level: zone.purdue_level_x10,
                allow_listed: false,
            }));
        }
        for router in &self.scenario.routers {
            let (zone, ip) = router
                .interfaces
                .first()
                .cloned()
                .unwrap_or((String::new(), std::net::Ipv4Addr::UNSPECIFIED));
            self.journal.record(RecordKind::Asset(AssetInfo {
                id: router.id.clone(),
                ip: u32::from(ip),
                role: "firewall".into(),
                zone,
                purdue_level: 0,
                allow_listed: true,
            }));
        }
        for host in &self.scenario.hosts {
            let zone = self.scenario.zones.iter().find(|z| z.id == host.zone);
            self.journal.record(RecordKind::Asset(AssetInfo {
                id: host.id.clone(),
                ip: u32::from(host.ip),
                role: host.title.clone(),
                zone: host.zone.clone(),
                purdue_level: zone.map_or(0, |z| z.purdue_level_x10),
                allow_listed: host.allow_listed,
            }));
        }
        self.plants.declare(&mut self.journal);
        for latent in &self.scenario.latent {
            for technique in &latent.techniques {
                self.journal.record(RecordKind::Latent {
                    id: latent.id.clone(),
                    asset: latent.asset.clone(),
                    technique: technique.clone(),
                    title: latent.title.clone(),
                });
            }
        }
        for objective in &self.scenario.objectives {
            self.journal.record(RecordKind::Objective {
                id: objective.id.clone(),
                title: objective.title.clone(),
                technique: objective.technique.clone(),
            });
        }
        self.alarms.declare(&mut self.journal);
        self.finish_instant();
    }
}

/// Ports that only show life, so that scans find some.
fn open_idle_ports(scenario: &Scenario, directory: &Directory, fabric: &mut Fabric) {
    for host in &scenario.hosts {
        let Some(entry) = directory.host(&host.id) else {
            continue;
        };
        for port in &host.open_ports {
            // The checked scenario names no port twice on a host.
            let _listening = fabric.listen(entry.host, *port, IDLE_CONNECTIONS);
        }
    }
}

fn match_info(
    scenario: &Scenario,
    seed: Seed,
    options: &RunOptions,
    name: &str,
    cast: &Cast,
    pace: Pace,
) -> MatchInfo {
    MatchInfo {
        scenario: scenario.id.clone(),
        title: scenario.title.clone(),
        cast: name.to_owned(),
        pace: cast.pace.clone(),
        seed: seed.0,
        start_utc_us: scenario.start_utc_us,
        red_window: (pace.red_from, pace.red_until),
        ends: pace.ends,
        practice: options.practice,
    }
}
