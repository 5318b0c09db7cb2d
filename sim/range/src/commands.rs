//! Commands of players and actors, carried out or refused in words.

use crate::external::Entry;
use crate::range::Range;
use crate::reports::Draft;
use crate::sensor::Sensor;
use crate::stations::Operator;
use crate::tools::{Bench, Purpose};
use sim_record::{Principal, PrincipalId, RecordKind, Role, Team};
use sim_view::{Citation, Command};
use std::collections::BTreeSet;

/// Evidence references kept of one report.
const MAX_EVIDENCE: usize = 64;

impl Range {
    /// Lets every actor whose time has come look at its view and decide.
    pub(crate) fn let_actors_decide(&mut self) {
        for turn in self.actors.due(self.journal.now) {
            let principal = self.journal.who(turn.by).clone();
            let view = self.view_of(&principal, turn.by);
            for (step, command) in self.actors.decide(&turn, &view) {
                self.command(turn.by, &step, &command);
            }
        }
    }

    /// A command from outside.
    pub(crate) fn input_command(&mut self, principal: &Principal, bytes: &[u8]) {
        let by = self.journal.principal(principal);
        match postcard::from_bytes::<Command>(bytes) {
            Ok(command) => self.command(by, "", &command),
            Err(_) => {
                let refused = Some("not a command of this version".to_owned());
                self.journal.record(RecordKind::Command {
                    by,
                    text: "unreadable".into(),
                    refused,
                });
            }
        }
    }

    /// An outside program connected to an endpoint. Who does not act from the endpoint's foothold is refused.
    pub(crate) fn input_open(&mut self, principal: &Principal, conn: u32, endpoint: u16) {
        let by = self.journal.principal(principal);
        match self.entry(principal, by, endpoint) {
            Ok(entry) => {
                let opened = self
                    .externals
                    .open(&mut self.journal, &mut self.fabric, conn, &entry);
                let Some(opened) = opened else { return };
                self.note_opened(opened, by);
                let asset = self.directory.name_of_ip(entry.target.0);
                if let Some(source) = self.directory.host_by_id(entry.host) {
                    let pair = (source.ip, entry.target.0);
                    self.traffic.suspect(pair, asset, by);
                }
            }
            Err(refused) => {
                self.journal.record(RecordKind::Command {
                    by,
                    text: format!("connect to endpoint {endpoint}"),
                    refused: Some(refused),
                });
                self.journal
                    .outputs
                    .push_back(crate::Output::Close { conn, reset: true });
            }
        }
    }

    /// Whether a principal has opened this outside connection: nobody else sends on it or closes it.
    pub(crate) fn owns(&self, principal: &Principal, conn: u32) -> bool {
        self.externals
            .owner(conn)
            .is_some_and(|by| self.journal.who(by) == principal)
    }

    /// Where a principal enters by an endpoint, or why he may not.
    fn entry(
        &self,
        principal: &Principal,
        by: PrincipalId,
        endpoint: u16,
    ) -> Result<Entry, String> {
        let footholds = &self.scenario.footholds;
        let endpoints = &self.scenario.endpoints;
        let found = endpoints.get(usize::from(endpoint)).and_then(|e| {
            let foothold = footholds.iter().find(|f| f.id == e.foothold)?;
            let host = self.directory.host(&foothold.host)?;
            let target = self.directory.host(&e.target)?;
            Some((e, foothold, host.host, target.ip))
        });
        let (endpoint_spec, foothold, host, ip) = found.ok_or("there is no such endpoint")?;
        let from = principal.foothold.as_deref();
        if principal.team != foothold.team || from != Some(foothold.host.as_str()) {
            return Err(format!(
                "the foothold `{}` is not this principal's",
                foothold.id
            ));
        }
        Ok(Entry {
            by,
            endpoint,
            endpoints_of_foothold: endpoints
                .iter()
                .filter(|e| e.foothold == foothold.id)
                .count(),
            host,
            target: (ip, endpoint_spec.port),
        })
    }

    fn command(&mut self, by: PrincipalId, step: &str, command: &Command) {
        let record = self.journal.record(RecordKind::Command {
            by,
            text: command.to_string(),
            refused: None,
        });
        if let Err(refused) = self.try_command(by, step, command) {
            let text = format!("refused (record {record})");
            self.journal.record(RecordKind::Command {
                by,
                text,
                refused: Some(refused),
            });
        }
    }

    fn try_command(
        &mut self,
        by: PrincipalId,
        step: &str,
        command: &Command,
    ) -> Result<(), String> {
        let principal = self.journal.who(by).clone();
        let own_host = principal.foothold.iter().cloned().collect::<Vec<_>>();
        let hosts = self
            .actors
            .hosts_of(by)
            .map_or(own_host, <[String]>::to_vec);
        sim_view::permit::check(principal.role, &hosts, command)?;
        let now = self.journal.now;
        if principal.team == Team::Red && !(self.pace.red_from..self.pace.red_until).contains(&now)
        {
            return Err("outside red's window".into());
        }
        let journal = &mut self.journal;
        match command {
            Command::SetTag { tag, value_milli } => {
                self.set_tag(by, principal.name(), tag, *value_milli)
            }
            Command::Acknowledge { alarm } => self.alarms.acknowledge(journal, alarm, by),
            Command::Shelve { alarm, seconds } => self.alarms.shelve(journal, alarm, *seconds, by),
            Command::Report {
                asset,
                technique,
                began_s,
                needs_confirmation,
                evidence,
                text,
            } => self.reports.file(
                journal,
                by,
                Draft {
                    asset: asset.clone(),
                    technique: technique.clone(),
                    began_s: *began_s,
                    needs_confirmation: *needs_confirmation,
                    evidence: cited(&self.sensor, evidence, asset),
                    text: text.clone(),
                },
            ),
            Command::UpdateReport {
                report,
                asset,
                technique,
            } => self
                .reports
                .update(journal, by, *report, asset.clone(), technique.clone()),
            Command::CloseReport { report, benign } => {
                self.reports.close(journal, by, *report, *benign)
            }
            Command::Firewall { router, change } => self.firewalls.command(
                journal,
                &mut self.fabric,
                &self.directory,
                by,
                router,
                change,
            ),
            Command::Field(action) => self.people.order(journal, by, step, action.clone()),
            Command::Phone { contact, topic } => self.people.phone(journal, by, contact, topic),
            Command::Compare { controller } => self.manage(by, step, controller, None),
            Command::Restore {
                controller,
                save_first,
            } => self.manage(by, step, controller, Some(*save_first)),
            Command::StopJob { job } => {
                let mut bench = Bench {
                    journal,
                    fabric: &mut self.fabric,
                    directory: &self.directory,
                };
                self.tools.stop(&mut bench, by, *job)
            }
            Command::Inject { id } => self.inject(principal.role, id),
            Command::Flood { from, target, .. } => {
                self.suspect_flood(by, from, target);
                self.start_tool(by, step, command)
            }
            Command::Scan { .. }
            | Command::Identify { .. }
            | Command::Read { .. }
            | Command::Write { .. }
            | Command::Hold { .. }
            | Command::ArpSpoof { .. }
            | Command::Download { .. }
            | Command::SetMode { .. } => self.start_tool(by, step, command),
        }
    }

    fn start_tool(&mut self, by: PrincipalId, step: &str, command: &Command) -> Result<(), String> {
        let mut bench = Bench {
            journal: &mut self.journal,
            fabric: &mut self.fabric,
            directory: &self.directory,
        };
        let started = self.tools.start(&mut bench, by, step, command);
        self.take_tool_results();
        started
    }

    fn suspect_flood(&mut self, by: PrincipalId, from: &str, target: &str) {
        let source = self.directory.host(from).map(|host| host.ip);
        if let (Some(source), Some(ip)) = (source, self.directory.address(target, from)) {
            let name = self.directory.name_of_ip(ip);
            self.traffic.suspect((source, ip), name, by);
        }
    }

    fn inject(&mut self, role: Role, id: &str) -> Result<(), String> {
        debug_assert_eq!(role, Role::Instructor);
        let index = self
            .scenario
            .injects
            .iter()
            .position(|i| i.id == id)
            .ok_or_else(|| format!("no inject `{id}`"))?;
        self.give_inject(index);
        Ok(())
    }

    fn set_tag(
        &mut self,
        by: PrincipalId,
        who: &str,
        tag: &str,
        value_milli: i64,
    ) -> Result<(), String> {
        #[allow(
            clippy::cast_precision_loss,
            reason = "tags are far below 2^53 thousandths"
        )]
        let value = value_milli as f64 / 1000.0;
        let operator = Operator { by, name: who };
        let opened = self.stations.set_tag(
            &mut self.journal,
            &mut self.fabric,
            &self.directory,
            &operator,
            tag,
            value,
        )?;
        if let Some(conn) = opened {
            self.note_station_connection(conn);
        }
        Ok(())
    }

    /// A management job of the engineering station: compare, or restore (with evidence saved first or not).
    fn manage(
        &mut self,
        by: PrincipalId,
        step: &str,
        controller: &str,
        restore: Option<bool>,
    ) -> Result<(), String> {
        let station = self
            .stations
            .workstation()
            .ok_or("there is no engineering station")?
            .to_owned();
        let host = self
            .directory
            .host(&station)
            .ok_or("there is no engineering station")?
            .host;
        let files = self
            .controllers
            .get(controller)
            .ok_or_else(|| format!("no controller `{controller}`"))?
            .approved
            .clone();
        let controller = controller.to_owned();
        let purpose = match restore {
            None => Purpose::Compare { controller, files },
            Some(save_first) => {
                if save_first {
                    self.journal.record(RecordKind::Program {
                        asset: controller.clone(),
                        file: String::new(),
                        change: sim_record::ProgramChange::EvidenceSaved,
                        hash: String::new(),
                        by,
                    });
                }
                Purpose::Restore {
                    controller,
                    files,
                    save_first,
                }
            }
        };
        let mut bench = Bench {
            journal: &mut self.journal,
            fabric: &mut self.fabric,
            directory: &self.directory,
        };
        let started = self.tools.manage(&mut bench, by, step, host, purpose);
        self.take_tool_results();
        started
    }
}

/// Records of the evidence that exists, each once.
fn cited(sensor: &Sensor, citations: &[Citation], asset: &str) -> Vec<u64> {
    let known = citations.iter().filter_map(|c| sensor.cited(c, asset));
    let records: BTreeSet<u64> = known.take(MAX_EVIDENCE).collect();
    records.into_iter().collect()
}
