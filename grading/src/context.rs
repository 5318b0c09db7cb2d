//! What all metrics share: who is who, what stands how, and which records can be cited.

use crate::attacks::ATTACKS_MAX;
use crate::describe::{address, clip, describe};
use crate::report::RecordLine;
use crate::rubric::{self, seconds};
use crate::{AttackInstance, Curve, Refusal, Register, Visibility, attack};
use serde::Serialize;
use sim_record::{
    AssetInfo, EndReason, MatchInfo, PlantInfo, PlantSample, Principal, PrincipalId, Record,
    RecordKind, ReportRecord, ReportStage, SimDuration, SimTime, Team, Visibility as RecordView,
};
use std::collections::{BTreeMap, VecDeque};

/// Network records that can still be cited by a later record of ground truth.
pub const RECENT_MAX: usize = 512;
/// Most records whose text is kept for evidence.
pub const CITED_MAX: usize = 8_192;
/// Most refused connections whose text is kept.
pub const BLOCKED_CITED_MAX: usize = 128;
/// Most principals, assets, plants, stations, conditions, latent conditions and objectives, each.
pub const NAMES_MAX: usize = 1_024;
/// Most incident reports that are told apart.
pub const REPORTS_MAX: usize = 512;
/// Most firings of shipped detections that are remembered.
pub const DETECTIONS_MAX: usize = 1_024;
/// A detection and the attack that it saw may be this far apart.
const DETECTION_SLACK: SimDuration = SimDuration::from_secs(10);

/// Latest state of a plant.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PlantNow {
    /// Quality of service, 0 to 1.
    pub q: f64,
    /// Baseline.
    pub q0: f64,
    /// Outside the limits of safe operation.
    pub unsafe_now: bool,
    /// A safety function is inhibited.
    pub inhibited: bool,
    /// Tripped or shut down.
    pub tripped: bool,
}

/// A declared latent condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latent {
    /// Asset concerned.
    pub asset: String,
    /// Techniques that a report of it may name.
    pub techniques: Vec<String>,
    /// One line for people.
    pub title: String,
    /// First record that declared it.
    pub record: u64,
}

impl Latent {
    /// Whether a report names it.
    #[must_use]
    pub fn is_meant_by(&self, report: &IncidentReport) -> bool {
        let mut techniques = self.techniques.iter();
        self.asset == report.asset
            && techniques.any(|known| attack::relation(&report.technique, known).is_some())
    }
}

/// A condition for recovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// One line for people, said of what is approved.
    pub title: String,
    /// It is as approved.
    pub ok: bool,
}

/// A declared red objective.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objective {
    /// One line for people.
    pub title: String,
    /// When it was met first, and the records that show it.
    pub met: Option<(SimTime, Vec<u64>)>,
}

/// An incident report of the defenders in its latest version.
#[derive(Clone, Debug, PartialEq)]
pub struct IncidentReport {
    /// Number in the match.
    pub number: u32,
    /// Who filed it.
    pub by: PrincipalId,
    /// When the present claim was made.
    pub claimed: SimTime,
    /// Asset named.
    pub asset: String,
    /// Technique named.
    pub technique: String,
    /// Begin of the attack as reported.
    pub began: SimTime,
    /// Marked "needs confirmation".
    pub needs_confirmation: bool,
    /// Closed as confirmed benign.
    pub closed_as_benign: bool,
    /// When it was closed.
    pub closed: Option<SimTime>,
    /// It cites evidence that is about what it claims.
    pub own_evidence: bool,
    /// Records that it cites.
    pub evidence: Vec<u64>,
    /// Filed or updated sooner after another one than the rubric allows, or beyond the open limit.
    pub too_many: bool,
    /// Records of its stages.
    pub records: Vec<u64>,
}

/// A shipped detection that fired.
#[derive(Clone, Debug)]
struct Fired {
    record: u64,
    time: SimTime,
    asset: String,
    technique: String,
}

#[derive(Clone, Debug, Serialize)]
struct Cited {
    line: RecordLine,
    team: Option<Team>,
}

/// The match so far.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The match, once its first record came.
    pub info: Option<MatchInfo>,
    /// Time of the latest record.
    pub now: SimTime,
    /// Why it ended, once it did.
    pub end: Option<EndReason>,
    /// Attack instances by number.
    pub attacks: BTreeMap<u32, AttackInstance>,
    /// Incident reports of the defenders by number.
    pub reports: BTreeMap<u32, IncidentReport>,
    /// Latent conditions by id.
    pub latents: BTreeMap<String, Latent>,
    /// Red objectives by id.
    pub objectives: BTreeMap<String, Objective>,
    /// Conditions for recovery by id.
    pub conditions: BTreeMap<String, Condition>,
    /// Curves of each plant in order of declaration.
    pub curves: Vec<Curve>,
    /// Latest state of each plant; none before its first sample.
    pub plants: Vec<Option<PlantNow>>,
    /// First destruction of a plant and its record.
    pub ruptured: Option<(SimTime, u64)>,
    principals: BTreeMap<PrincipalId, Principal>,
    assets: BTreeMap<String, AssetInfo>,
    hosts: BTreeMap<u32, String>,
    communications: BTreeMap<(String, String), bool>,
    detections: Vec<Fired>,
    recent: VecDeque<Record>,
    cited: BTreeMap<u64, Cited>,
    blocked_cited: usize,
    submit_interval_us: u64,
    /// How much older than the reported begin evidence may be.
    began_tolerance: SimDuration,
    open_reports_max: usize,
    last_submission: Option<SimTime>,
}

impl Context {
    pub(crate) fn new(rules: &rubric::Detection) -> Self {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to 1,000"
        )]
        let open_reports_max = rules.open_reports_max as usize;
        Self {
            submit_interval_us: seconds(rules.submit_interval_s).0,
            began_tolerance: seconds(rules.began_tolerance_s),
            open_reports_max,
            ..Self::default()
        }
    }

    /// Takes in a record, before the metrics see it.
    pub(crate) fn observe(&mut self, record: &Record) {
        self.now = self.now.max(record.time);
        self.declare(record);
        self.follow(record);
        self.follow_truth(record);
        self.keep(record);
    }

    /// Side of a principal.
    #[must_use]
    pub fn team(&self, id: PrincipalId) -> Team {
        self.principals
            .get(&id)
            .map_or(Team::Range, |principal| principal.team)
    }

    /// Name of a principal for people.
    #[must_use]
    pub fn name(&self, id: PrincipalId) -> &str {
        self.principals.get(&id).map_or("range", Principal::name)
    }

    /// Id of the host with this address, or the address itself.
    #[must_use]
    pub fn host(&self, ip: u32) -> String {
        self.hosts
            .get(&ip)
            .map_or_else(|| address(ip), |id| format!("{id} ({})", address(ip)))
    }

    /// True while operators have lost a controller from their screens.
    #[must_use]
    pub fn blind(&self) -> bool {
        let screens = self.assets.values().any(is_screen);
        self.communications.iter().any(|((station, _), good)| {
            !good && (!screens || self.assets.get(station).is_some_and(is_screen))
        })
    }

    /// Number of pairs of station and controller that have lost each other.
    #[must_use]
    pub fn views_lost(&self) -> usize {
        self.communications.values().filter(|good| !**good).count()
    }

    /// Sum of Q over all plants and of their baselines.
    #[must_use]
    pub fn q_and_q0(&self) -> (f64, f64) {
        let known = self.plants.iter().flatten();
        known.fold((0.0, 0.0), |(q, q0), plant| {
            (q + plant.q.min(plant.q0), q0 + plant.q0)
        })
    }

    /// True when `holds` for any plant.
    #[must_use]
    pub fn any_plant(&self, holds: impl Fn(&PlantNow) -> bool) -> bool {
        self.plants.iter().flatten().any(holds)
    }

    /// First effective instant of the first attack.
    #[must_use]
    pub fn first_attack(&self) -> Option<&AttackInstance> {
        self.attacks
            .values()
            .min_by_key(|attack| (attack.began, attack.number))
    }

    /// Side of whoever caused a record that is still known.
    #[must_use]
    pub fn team_of_record(&self, seq: u64) -> Option<Team> {
        self.cited.get(&seq).and_then(|cited| cited.team)
    }

    /// A record in words, if its text was kept.
    #[must_use]
    pub fn line(&self, seq: u64) -> Option<RecordLine> {
        let kept = self.cited.get(&seq).map(|cited| cited.line.clone());
        kept.or_else(|| self.sample_line(seq))
    }

    /// Effect on the first plant in a stretch of time.
    #[must_use]
    pub fn effect(&self, from: SimTime, to: SimTime) -> Option<crate::PlantEffect> {
        self.curves.first().and_then(|curve| curve.effect(from, to))
    }

    /// Declared end of the match, or the present where none is declared.
    #[must_use]
    pub fn ends(&self) -> SimTime {
        self.info.as_ref().map_or(self.now, |info| info.ends)
    }

    fn sample_line(&self, seq: u64) -> Option<RecordLine> {
        self.curves.iter().find_map(|curve| {
            let index = curve
                .points
                .binary_search_by_key(&seq, |point| point.record)
                .ok()?;
            let point = curve.points.get(index)?;
            let key = format!(
                "{} {:.1} {}",
                curve.info.key_signal.0,
                point.key,
                curve.unit()
            );
            let tripped = if point.tripped { ", tripped" } else { "" };
            Some(RecordLine {
                time: point.time,
                text: clip(&format!(
                    "Plant {}: {key}, Q {:.2}{tripped}",
                    curve.info.id, point.q
                )),
                frame: None,
                visibility: Visibility::Live,
            })
        })
    }

    fn declare(&mut self, record: &Record) {
        match &record.kind {
            RecordKind::Match(info) => self.info = Some(info.clone()),
            RecordKind::Principal { id, principal } if self.principals.len() < NAMES_MAX => {
                self.principals.insert(*id, principal.clone());
            }
            RecordKind::Asset(asset) if self.assets.len() < NAMES_MAX => {
                self.hosts.insert(asset.ip, asset.id.clone());
                self.assets.insert(asset.id.clone(), asset.clone());
            }
            RecordKind::Plant(info) if self.curves.len() < NAMES_MAX => self.add_plant(info),
            RecordKind::Latent {
                id,
                asset,
                technique,
                title,
            } if self.latents.len() < NAMES_MAX => {
                let latent = self.latents.entry(id.clone()).or_insert_with(|| Latent {
                    asset: asset.clone(),
                    techniques: Vec::new(),
                    title: title.clone(),
                    record: record.seq,
                });
                if latent.techniques.len() < NAMES_MAX {
                    latent.techniques.push(technique.clone());
                }
            }
            RecordKind::Objective { id, title, .. } if self.objectives.len() < NAMES_MAX => {
                self.objectives.insert(
                    id.clone(),
                    Objective {
                        title: title.clone(),
                        met: None,
                    },
                );
            }
            _ => {}
        }
    }

    fn add_plant(&mut self, info: &PlantInfo) {
        self.curves.push(Curve::new(info.clone()));
        self.plants.push(None);
    }

    /// States of plant, stations and reports.
    fn follow(&mut self, record: &Record) {
        match &record.kind {
            RecordKind::Sample(sample) => self.sample(record, sample),
            RecordKind::PlantEvent(sim_record::PlantEvent::Ruptured) => {
                self.ruptured.get_or_insert((record.time, record.seq));
            }
            RecordKind::Communication {
                station,
                asset,
                good,
            } => {
                let key = (station.clone(), asset.clone());
                if self.communications.len() < NAMES_MAX || self.communications.contains_key(&key) {
                    self.communications.insert(key, *good);
                }
            }
            RecordKind::Condition { id, title, ok, .. }
                if self.conditions.len() < NAMES_MAX || self.conditions.contains_key(id) =>
            {
                let (title, ok) = (clip(title), *ok);
                self.conditions.insert(id.clone(), Condition { title, ok });
            }
            RecordKind::Report(report) if self.team(report.by) == Team::Blue => {
                self.report(record, report);
            }
            RecordKind::End { reason } => self.end = Some(*reason),
            _ => {}
        }
    }

    fn sample(&mut self, record: &Record, sample: &PlantSample) {
        let index = usize::from(sample.plant);
        let mut sample = sample.clone();
        sample.q = finite(sample.q).clamp(0.0, 1.0);
        sample
            .values
            .iter_mut()
            .for_each(|value| *value = finite(*value));
        if let (Some(curve), Some(now)) = (self.curves.get_mut(index), self.plants.get_mut(index)) {
            curve.observe(record.time, record.seq, &sample);
            *now = Some(PlantNow {
                q: sample.q,
                q0: finite(curve.info.q0).clamp(0.0, 1.0),
                unsafe_now: sample.unsafe_now,
                inhibited: sample.inhibited,
                tripped: sample.tripped,
            });
        }
    }

    fn report(&mut self, record: &Record, report: &ReportRecord) {
        let submission = report.stage != ReportStage::Closed;
        let hasty = self
            .last_submission
            .is_some_and(|last| submission && record.time.since(last).0 < self.submit_interval_us);
        let open = self
            .reports
            .values()
            .filter(|known| known.closed.is_none())
            .count();
        if submission {
            self.last_submission = Some(record.time);
        }
        let own_evidence = self.is_evidence(report);
        if let Some(known) = self.reports.get_mut(&report.report) {
            known.update(record, report, own_evidence, hasty);
            return;
        }
        if self.reports.len() >= REPORTS_MAX {
            return;
        }
        let mut fresh = IncidentReport {
            number: report.report,
            by: report.by,
            claimed: record.time,
            asset: report.asset.clone(),
            technique: report.technique.clone(),
            began: report.began,
            needs_confirmation: report.needs_confirmation,
            closed_as_benign: report.closed_as_benign,
            closed: None,
            own_evidence,
            evidence: cited(report),
            too_many: hasty || open >= self.open_reports_max,
            records: vec![record.seq],
        };
        if report.stage == ReportStage::Closed {
            fresh.closed = Some(record.time);
        }
        self.reports.insert(report.report, fresh);
    }

    /// Whether what a report cites is about what it claims: most of it are alerts of the asset or of the technique, and
    /// not of long before the reported begin. A trip is none, and citing everything proves nothing.
    fn is_evidence(&self, report: &ReportRecord) -> bool {
        let about = |fired: &&Fired| {
            let names = attack::relation(&report.technique, &fired.technique).is_some();
            let in_time = fired.time + self.began_tolerance >= report.began;
            in_time && (fired.asset == report.asset || names)
        };
        let cited = self.detections.iter().filter(|fired| {
            let mut evidence = report.evidence.iter();
            evidence.any(|record| *record == fired.record)
        });
        let fitting = cited.filter(about).count();
        fitting > 0 && fitting * 2 >= report.evidence.len()
    }

    fn follow_truth(&mut self, record: &Record) {
        let time = record.time;
        match &record.kind {
            RecordKind::AttackBegan {
                attack,
                technique,
                asset,
                by,
                record: shown,
                visible,
            } => {
                if self.attacks.len() >= ATTACKS_MAX {
                    return;
                }
                let (frame, register) = self.pin(*shown);
                let mut begun = AttackInstance::begin(*attack, technique, asset, *by, time);
                begun.act(time, *shown, register);
                begun.evidence.cite(record.seq);
                if *visible || frame.is_some() {
                    begun.seen(time);
                }
                self.attacks.insert(*attack, begun);
            }
            RecordKind::AttackWent {
                attack,
                record: shown,
            } => {
                let (frame, register) = self.pin(*shown);
                if let Some(known) = self.attacks.get_mut(attack) {
                    known.act(time, *shown, register);
                    if frame.is_some() {
                        known.seen(time);
                    }
                }
            }
            RecordKind::AttackRefused {
                attack,
                cause,
                command,
                record: shown,
            } => {
                self.pin(*shown);
                if let Some(known) = self.attacks.get_mut(attack) {
                    known.refuse(Refusal {
                        time,
                        cause: clip(cause),
                        command: *command,
                        record: *shown,
                    });
                }
            }
            RecordKind::Detection {
                asset, technique, ..
            } => {
                self.detection(record.seq, time, asset, technique);
            }
            RecordKind::ObjectiveMet {
                id, record: shown, ..
            } => {
                self.pin(*shown);
                if let Some(objective) = self.objectives.get_mut(id) {
                    objective
                        .met
                        .get_or_insert_with(|| (time, vec![*shown, record.seq]));
                }
            }
            _ => {}
        }
    }

    fn detection(&mut self, record: u64, time: SimTime, asset: &str, technique: &str) {
        for known in self.attacks.values_mut() {
            if known.asset == asset && attack::relation(technique, &known.technique).is_some() {
                known.seen(time);
            }
        }
        if self.detections.len() < DETECTIONS_MAX {
            self.detections.push(Fired {
                record,
                time,
                asset: asset.to_owned(),
                technique: technique.to_owned(),
            });
        }
    }

    /// True when a shipped detection said so up to `until` while that asset was under attack.
    #[must_use]
    pub fn detected(&self, asset: &str, technique: &str, until: SimTime) -> bool {
        let mut fired = self.detections.iter().filter(|fired| {
            let names = attack::relation(technique, &fired.technique).is_some();
            fired.time <= until && fired.asset == asset && names
        });
        fired.any(|&Fired { time, .. }| {
            let mut attacks = self.attacks.values().filter(|known| known.asset == asset);
            attacks.any(|known| {
                known.began <= time + DETECTION_SLACK && time <= known.last + DETECTION_SLACK
            })
        })
    }

    /// Keeps the text of a network record that ground truth cites; gives its frame and register.
    fn pin(&mut self, seq: u64) -> (Option<u64>, Option<Register>) {
        let found = self.recent.binary_search_by_key(&seq, |record| record.seq);
        let Some(record) = found.ok().and_then(|index| self.recent.get(index)) else {
            return (
                self.cited.get(&seq).and_then(|cited| cited.line.frame),
                None,
            );
        };
        let record = record.clone();
        let register = register_of(&record.kind);
        self.cite(&record);
        (frame_of(&record.kind), register)
    }

    fn keep(&mut self, record: &Record) {
        match &record.kind {
            RecordKind::Sample(_) | RecordKind::Flow { .. } | RecordKind::Principal { .. } => {}
            RecordKind::Asset(_) | RecordKind::Plant(_) => {}
            RecordKind::Blocked { by, .. } => {
                if self.team(*by) != Team::Red && self.blocked_cited < BLOCKED_CITED_MAX {
                    self.blocked_cited = self.blocked_cited.saturating_add(1);
                    self.cite(record);
                }
                self.remember(record);
            }
            RecordKind::Modbus(_)
            | RecordKind::S7(_)
            | RecordKind::Connection { .. }
            | RecordKind::ArpClaim { .. }
            | RecordKind::Tampered { .. }
            | RecordKind::Flood { .. } => self.remember(record),
            _ => self.cite(record),
        }
    }

    fn remember(&mut self, record: &Record) {
        if self.recent.len() >= RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(record.clone());
    }

    fn cite(&mut self, record: &Record) {
        if self.cited.len() >= CITED_MAX {
            return;
        }
        let team = cause_of(&record.kind).map(|by| self.team(by));
        let visibility = match record.kind.visibility() {
            RecordView::Blue => Visibility::Live,
            RecordView::Own if team == Some(Team::Blue) => Visibility::Live,
            RecordView::Own | RecordView::Truth => Visibility::Debrief,
        };
        let line = RecordLine {
            time: record.time,
            text: describe(&record.kind, self),
            frame: frame_of(&record.kind),
            visibility,
        };
        self.cited.insert(record.seq, Cited { line, team });
    }
}

impl IncidentReport {
    fn update(&mut self, record: &Record, report: &ReportRecord, own_evidence: bool, hasty: bool) {
        if self.records.len() < crate::evidence::EVIDENCE_RECORDS_MAX {
            self.records.push(record.seq);
        }
        self.needs_confirmation |= report.needs_confirmation;
        if report.stage == ReportStage::Closed {
            self.closed.get_or_insert(record.time);
            self.closed_as_benign = report.closed_as_benign;
            return;
        }
        self.closed = None;
        let same_claim = self.asset == report.asset && self.technique == report.technique;
        // Only a changed claim, or the first evidence for it, starts its clock anew.
        if !same_claim || (own_evidence && !self.own_evidence) {
            self.claimed = record.time;
            self.too_many = hasty;
        }
        self.asset.clone_from(&report.asset);
        self.technique.clone_from(&report.technique);
        self.began = report.began;
        self.own_evidence |= own_evidence;
        self.evidence = cited(report);
        self.closed_as_benign = report.closed_as_benign;
    }
}

/// Records that a report cites, bounded.
fn cited(report: &ReportRecord) -> Vec<u64> {
    let cited = report.evidence.iter().copied();
    cited.take(crate::evidence::EVIDENCE_RECORDS_MAX).collect()
}

/// Frame of the capture that a record names.
pub(crate) fn frame_of(kind: &RecordKind) -> Option<u64> {
    let frame = match kind {
        RecordKind::Modbus(modbus) => modbus.frame,
        RecordKind::S7(s7) => s7.frame,
        RecordKind::Connection { frame, .. }
        | RecordKind::ArpClaim { frame, .. }
        | RecordKind::Tampered { frame, .. }
        | RecordKind::Flood { frame, .. }
        | RecordKind::Blocked { frame, .. }
        | RecordKind::Detection { frame, .. } => *frame,
        _ => 0,
    };
    (frame != 0).then_some(frame)
}

fn register_of(kind: &RecordKind) -> Option<Register> {
    match kind {
        RecordKind::Modbus(modbus) => modbus.address.map(|address| Register {
            asset: modbus.asset.clone(),
            area: None,
            address: u32::from(address),
            count: u32::from(modbus.count),
        }),
        RecordKind::S7(s7) if s7.bytes > 0 => Some(Register {
            asset: s7.asset.clone(),
            area: Some(clip(&s7.object)),
            address: s7.offset,
            count: s7.bytes,
        }),
        RecordKind::Tampered {
            asset, register, ..
        } => Some(Register {
            asset: asset.clone(),
            area: None,
            address: u32::from(*register),
            count: 1,
        }),
        _ => None,
    }
}

/// Who caused a record, where it says so.
fn cause_of(kind: &RecordKind) -> Option<PrincipalId> {
    match kind {
        RecordKind::Safety { by, .. }
        | RecordKind::Alarm { by, .. }
        | RecordKind::Condition { by, .. }
        | RecordKind::Command { by, .. }
        | RecordKind::OperatorAction { by, .. }
        | RecordKind::Field { by, .. }
        | RecordKind::Message { by, .. }
        | RecordKind::Firewall { by, .. }
        | RecordKind::Mode { by, .. }
        | RecordKind::Key { by, .. }
        | RecordKind::Program { by, .. }
        | RecordKind::Connection { by, .. }
        | RecordKind::ArpClaim { by, .. }
        | RecordKind::Tampered { by, .. }
        | RecordKind::Flood { by, .. }
        | RecordKind::Blocked { by, .. }
        | RecordKind::AttackBegan { by, .. }
        | RecordKind::ObjectiveMet { by, .. } => Some(*by),
        RecordKind::Report(report) => Some(report.by),
        RecordKind::Modbus(modbus) => Some(modbus.by),
        RecordKind::S7(s7) => Some(s7.by),
        _ => None,
    }
}

/// An operators' screen, by the words of its role.
fn is_screen(asset: &AssetInfo) -> bool {
    let role = asset.role.to_lowercase();
    role.contains("hmi") || role.contains("operator")
}

fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}
