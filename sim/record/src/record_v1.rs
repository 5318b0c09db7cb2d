//! Records of version 1: what happened in a range, in order. Grading reads nothing else.
//!
//! Hosts, controllers, tags, rules and people are named by their id in the scenario. Frames are named by the frame
//! number of the capture.

use crate::{Principal, PrincipalId, SimTime};
use serde::{Deserialize, Serialize};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Position in the match, from 0, without gaps. Evidence cites it.
    pub seq: u64,
    /// Virtual time.
    pub time: SimTime,
    /// What.
    pub kind: RecordKind,
}

/// Who may know a record before the debrief.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Any member of the defending team.
    Blue,
    /// The principal's own team.
    Own,
    /// Ground truth: instructors only, until the end.
    Truth,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum RecordKind {
    // --- declarations at time 0 ---
    /// The match: written once, first.
    Match(MatchInfo),
    /// A principal before its first use.
    Principal {
        /// Its number from here on.
        id: PrincipalId,
        /// Who it is.
        principal: Principal,
    },
    /// A host or controller that reports may name.
    Asset(AssetInfo),
    /// A plant with the order of values in its samples, and the undisturbed baseline Q0.
    Plant(PlantInfo),
    /// A declared latent condition: true before the match, worth a hygiene credit, never a false report.
    Latent {
        /// Id in the scenario.
        id: String,
        /// Asset concerned.
        asset: String,
        /// ATT&CK for ICS technique that a report of it may name.
        technique: String,
        /// One line for people.
        title: String,
    },
    /// A red objective.
    Objective {
        /// Id in the scenario.
        id: String,
        /// One line for people.
        title: String,
        /// Technique it shows.
        technique: String,
    },
    // --- plant ---
    /// State of a plant, once a second.
    Sample(PlantSample),
    /// A plant-wide event.
    PlantEvent(PlantEvent),
    /// A safety controller tripped, was reset, bypassed or demanded in vain.
    Safety {
        /// Controller.
        asset: String,
        /// What.
        event: SafetyEvent,
        /// Who caused it, if known.
        by: PrincipalId,
    },
    /// An alarm changed state (ISA-18.2).
    Alarm {
        /// Alarm id.
        alarm: String,
        /// 1 (critical) to 4 (low).
        priority: u8,
        /// New state.
        state: AlarmState,
        /// Who acted on it, or the range.
        by: PrincipalId,
    },
    /// A communication with a controller was lost or came back at a station.
    Communication {
        /// HMI or historian host.
        station: String,
        /// Controller.
        asset: String,
        /// True when values are good again.
        good: bool,
    },
    /// A condition for recovery (see the scenario's `recovery`) changed.
    Condition {
        /// Id of the condition.
        id: String,
        /// One line for people, said of what is approved, such as `Safety key in RUN`.
        title: String,
        /// True when it is as approved.
        ok: bool,
        /// Who changed it last, if known.
        by: PrincipalId,
    },
    // --- people and stations ---
    /// A command of a player or actor, with what became of it.
    Command {
        /// Who.
        by: PrincipalId,
        /// The command in words, as `sim_view` prints it.
        text: String,
        /// Refusal in words, if refused.
        refused: Option<String>,
    },
    /// An operator changed a value at a station.
    OperatorAction {
        /// Who.
        by: PrincipalId,
        /// Station (host).
        station: String,
        /// Tag.
        tag: String,
        /// Value shown before, if any.
        old: Option<f64>,
        /// Value written.
        new: f64,
    },
    /// A field action was ordered, took effect or failed.
    Field {
        /// Who ordered it.
        by: PrincipalId,
        /// In words.
        action: String,
        /// Stage.
        stage: FieldStage,
    },
    /// Somebody was phoned, or answered.
    Message {
        /// Who called.
        by: PrincipalId,
        /// Contact of the scenario.
        contact: String,
        /// Topic.
        topic: String,
        /// The answer, once given.
        answer: Option<String>,
    },
    /// An incident report was filed, updated or closed.
    Report(ReportRecord),
    // --- network ---
    /// A TCP connection attempt and its outcome.
    Connection {
        /// Number of the connection in the range.
        conn: u32,
        /// Source address as on the wire.
        src: u32,
        /// Destination address as on the wire.
        dst: u32,
        /// Destination port.
        port: u16,
        /// Outcome.
        outcome: ConnectionOutcome,
        /// Who really opened it (ground truth).
        by: PrincipalId,
        /// Frame of the SYN, 0 if no tap saw it.
        frame: u64,
    },
    /// One Modbus request as the controller handled it. Reads of allow-listed pollers are summed up in [`Self::Flow`].
    Modbus(ModbusRecord),
    /// An S7comm request to a controller. Requests of allow-listed pollers are summed up in `Flow` instead.
    S7(S7Record),
    /// Traffic of one pair on one port since its last such record.
    Flow {
        /// Source host id.
        src: String,
        /// Destination host id.
        dst: String,
        /// Port.
        port: u16,
        /// Requests in the period.
        requests: u32,
        /// Refused requests in the period.
        exceptions: u32,
    },
    /// A host claimed an address by ARP that another one owns.
    ArpClaim {
        /// Address claimed.
        ip: u32,
        /// Rightful MAC.
        old_mac: [u8; 6],
        /// Claimed MAC.
        new_mac: [u8; 6],
        /// Who (ground truth).
        by: PrincipalId,
        /// Frame.
        frame: u64,
    },
    /// A reply was changed on its way.
    Tampered {
        /// Station that was deceived.
        victim: String,
        /// Controller whose reply it was.
        asset: String,
        /// Register changed.
        register: u16,
        /// True value.
        real: u16,
        /// Value shown.
        shown: u16,
        /// Who (ground truth).
        by: PrincipalId,
        /// Frame.
        frame: u64,
    },
    /// More frames a second than the flood limit of the range.
    Flood {
        /// Host flooded.
        asset: String,
        /// Frames in the last second.
        frames_per_s: u32,
        /// Who (ground truth).
        by: PrincipalId,
        /// Last frame.
        frame: u64,
    },
    /// A firewall refused something.
    Blocked {
        /// Router whose firewall it is.
        router: String,
        /// Rule id, empty for the default action.
        rule: String,
        /// Source address.
        src: u32,
        /// Destination address.
        dst: u32,
        /// Destination port.
        port: u16,
        /// Who really sent it (ground truth).
        by: PrincipalId,
        /// Frame.
        frame: u64,
    },
    /// A firewall rule changed, or sessions were cleared.
    Firewall {
        /// Who.
        by: PrincipalId,
        /// Router whose firewall it is.
        router: String,
        /// Rule concerned, empty when sessions were cleared.
        rule: String,
        /// What.
        change: FirewallChange,
        /// Established sessions that the change ended.
        sessions_ended: u32,
    },
    // --- controllers ---
    /// Mode of a controller changed.
    Mode {
        /// Controller.
        asset: String,
        /// `RUN`, `STOP` or `FAULT`.
        mode: String,
        /// In words.
        cause: String,
        /// Who.
        by: PrincipalId,
    },
    /// A key switch was turned.
    Key {
        /// Controller.
        asset: String,
        /// `RUN`, `REMOTE` or `PROGRAM`.
        position: String,
        /// Who.
        by: PrincipalId,
    },
    /// A program was downloaded, restored or read.
    Program {
        /// Controller.
        asset: String,
        /// File.
        file: String,
        /// What.
        change: ProgramChange,
        /// BLAKE3 of the program after it, first 16 hex digits.
        hash: String,
        /// Who.
        by: PrincipalId,
    },
    // --- detection and truth ---
    /// A shipped detection fired.
    Detection {
        /// Rule id.
        rule: String,
        /// Asset concerned.
        asset: String,
        /// Technique it points at.
        technique: String,
        /// In words.
        text: String,
        /// Frame that made it fire, 0 if none.
        frame: u64,
    },
    /// Ground truth: an attack instance began. Derived by the labeller.
    AttackBegan {
        /// Number of the instance.
        attack: u32,
        /// ATT&CK for ICS id.
        technique: String,
        /// Asset attacked.
        asset: String,
        /// Who.
        by: PrincipalId,
        /// Record that shows it.
        record: u64,
        /// First event of it that blue could see, if it was visible at once.
        visible: bool,
    },
    /// Ground truth: an attack instance had effect again.
    AttackWent {
        /// Number of the instance.
        attack: u32,
        /// Record that shows it.
        record: u64,
    },
    /// Ground truth: an attempt of a known attacker was refused or had no effect, and why.
    AttackRefused {
        /// Number of the instance that it would have continued, or the last of that attacker on that asset.
        attack: u32,
        /// Cause in words: the rule, the key position, the cleared session, the restored program.
        cause: String,
        /// Record of the defender's command that set the cause, if any.
        command: Option<u64>,
        /// Record that shows the refusal.
        record: u64,
    },
    /// A red objective was met.
    ObjectiveMet {
        /// Objective id.
        id: String,
        /// Record that shows it.
        record: u64,
        /// Who.
        by: PrincipalId,
    },
    // --- course of the match ---
    /// The server came back after a kill.
    Resumed,
    /// An inject of the scenario was given.
    Inject {
        /// Inject id.
        id: String,
        /// Text.
        text: String,
    },
    /// The end; written once, last.
    End {
        /// Why.
        reason: EndReason,
    },
}

impl RecordKind {
    /// Who may know it before the debrief.
    #[must_use]
    pub fn visibility(&self) -> Visibility {
        match self {
            Self::AttackBegan { .. }
            | Self::AttackWent { .. }
            | Self::AttackRefused { .. }
            | Self::ObjectiveMet { .. }
            | Self::Objective { .. }
            | Self::Latent { .. }
            | Self::Sample(_)
            | Self::Match(_)
            | Self::Principal { .. }
            | Self::Tampered { .. }
            | Self::Condition { .. }
            | Self::Connection { .. }
            | Self::Modbus(_)
            | Self::S7(_)
            | Self::ArpClaim { .. }
            | Self::Flood { .. }
            | Self::Blocked { .. }
            | Self::Program { .. } => Visibility::Truth,
            Self::Command { .. } | Self::Report(_) => Visibility::Own,
            Self::Asset(_)
            | Self::Plant(_)
            | Self::PlantEvent(_)
            | Self::Safety { .. }
            | Self::Alarm { .. }
            | Self::Communication { .. }
            | Self::OperatorAction { .. }
            | Self::Field { .. }
            | Self::Message { .. }
            | Self::Flow { .. }
            | Self::Firewall { .. }
            | Self::Mode { .. }
            | Self::Key { .. }
            | Self::Detection { .. }
            | Self::Resumed
            | Self::Inject { .. }
            | Self::End { .. } => Visibility::Blue,
        }
    }
}

/// The frame of a match.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MatchInfo {
    /// Scenario id.
    pub scenario: String,
    /// Scenario title.
    pub title: String,
    /// Cast.
    pub cast: String,
    /// Pace.
    pub pace: String,
    /// Seed.
    pub seed: u64,
    /// UTC of virtual time 0 in microseconds since 1970.
    pub start_utc_us: i64,
    /// Red's window opens and closes.
    pub red_window: (SimTime, SimTime),
    /// Declared end.
    pub ends: SimTime,
    /// True unless an instructor's server ran it.
    pub practice: bool,
}

/// A host or controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssetInfo {
    /// Id in the scenario.
    pub id: String,
    /// Address.
    pub ip: u32,
    /// What it is, in words.
    pub role: String,
    /// Zone id.
    pub zone: String,
    /// Purdue level, 0 to 5; 3.5 is written 35.
    pub purdue_level: u8,
    /// True for hosts whose traffic is on the scenario's allow-list.
    pub allow_listed: bool,
}

/// A plant and what is normal for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlantInfo {
    /// Id in the scenario.
    pub id: String,
    /// Kind in the registry.
    pub kind: String,
    /// Names of the values of a sample, in order.
    pub signals: Vec<String>,
    /// Their units.
    pub units: Vec<String>,
    /// Undisturbed baseline of Q, constant over the match.
    pub q0: f64,
    /// Signal whose band is charted, its low and high limit of normal operation, and its damage limit.
    pub key_signal: (String, f64, f64, f64),
}

/// State of a plant once a second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlantSample {
    /// Index of the plant in order of declaration.
    pub plant: u16,
    /// Quality of service, 0 to 1.
    pub q: f64,
    /// Outside the limits of safe operation, whatever the product does.
    pub unsafe_now: bool,
    /// A safety function is inhibited (bypassed, or its controller cannot act).
    pub inhibited: bool,
    /// Tripped or shut down.
    pub tripped: bool,
    /// Values in the order of [`PlantInfo::signals`].
    pub values: Vec<f64>,
}

/// A plant-wide event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum PlantEvent {
    /// The relief valve opened.
    ReliefOpened,
    /// It reseated; loss so far in kmol.
    ReliefClosed {
        /// Loss to the environment in kmol.
        loss_kmol: f64,
    },
    /// Equipment is damaged for the rest of the match.
    Damaged {
        /// In words.
        what: String,
    },
    /// The vessel burst.
    Ruptured,
}

/// What a safety controller did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SafetyEvent {
    /// Tripped the plant by its own protection.
    Trip,
    /// A person pressed the shutdown button.
    Shutdown,
    /// The latch was reset.
    Reset,
    /// A maintenance bypass was set.
    BypassOn,
    /// The bypass ended.
    BypassOff,
    /// The trip condition was met while bypassed.
    DemandWhileBypassed,
}

/// State of an alarm (ISA-18.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum AlarmState {
    /// Normal.
    Normal,
    /// Active, unacknowledged.
    Unacknowledged,
    /// Active, acknowledged.
    Acknowledged,
    /// Returned to normal, unacknowledged.
    ReturnedUnacknowledged,
    /// Latched: stays until reset.
    Latched,
    /// Shelved by a person for a limited time.
    Shelved,
    /// Suppressed by design.
    Suppressed,
    /// Out of service.
    OutOfService,
}

/// Stage of a field action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FieldStage {
    /// A person is on the way.
    Ordered,
    /// Done; what was found, in words.
    Done(String),
    /// Not possible, in words.
    Failed(String),
}

/// How a connection attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConnectionOutcome {
    /// Established.
    Established,
    /// Reset by the target: port closed.
    Refused,
    /// Nobody answered, or a firewall dropped it.
    TimedOut,
    /// Ended after it was established.
    Closed,
}

/// One Modbus request as handled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModbusRecord {
    /// Connection in the range.
    pub conn: u32,
    /// Source address as on the wire.
    pub src: u32,
    /// Controller.
    pub asset: String,
    /// Unit id.
    pub unit: u8,
    /// Function code.
    pub function: u8,
    /// First address, if the function has one.
    pub address: Option<u16>,
    /// Items.
    pub count: u16,
    /// Values written, at most 16; empty for reads.
    pub values: Vec<u16>,
    /// True where the request writes.
    pub write: bool,
    /// True where a write changed at least one value.
    pub changed: bool,
    /// Exception answered, if any.
    pub exception: Option<u8>,
    /// Who really sent it (ground truth).
    pub by: PrincipalId,
    /// Last frame of the request, 0 if no tap saw it.
    pub frame: u64,
}

/// What a request of S7comm wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum S7Service {
    /// A connection to the CPU, or its setup.
    Connect,
    /// Read a variable.
    Read,
    /// Write a variable.
    Write,
    /// Read a system status list: who the CPU is and how it does.
    Identify,
    /// List or describe blocks.
    Directory,
    /// Read a block.
    Upload,
    /// Load a block; it takes effect when it is inserted.
    Download,
    /// Insert a block.
    Insert,
    /// Delete a block.
    Delete,
    /// Start, stop, compress, copy.
    Control,
    /// Read or set the clock.
    Clock,
    /// Give a password.
    Password,
    /// Have variables or messages sent again and again.
    Subscribe,
    /// Something that this CPU does not know.
    Unknown,
}

/// One request of S7comm to a controller, or one variable of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct S7Record {
    /// Connection in the range.
    pub conn: u32,
    /// Source address as on the wire.
    pub src: u32,
    /// Controller.
    pub asset: String,
    /// What it wanted.
    pub service: S7Service,
    /// Of what, such as `DB1`, `OB1` or `list 0011`.
    pub object: String,
    /// First byte of a variable.
    pub offset: u32,
    /// Bytes of a variable.
    pub bytes: u32,
    /// Bytes written, at most 16; empty for reads.
    pub values: Vec<u8>,
    /// True where the request writes.
    pub write: bool,
    /// True where a write changed at least one byte.
    pub changed: bool,
    /// Error code answered, if any.
    pub refused: Option<u16>,
    /// Who really sent it (ground truth).
    pub by: PrincipalId,
    /// Last frame of the request, 0 if no tap saw it.
    pub frame: u64,
}

/// An incident report. Free text is kept outside and named by its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportRecord {
    /// Number in the match, from 1.
    pub report: u32,
    /// Who.
    pub by: PrincipalId,
    /// Filed, updated or closed.
    pub stage: ReportStage,
    /// Asset named.
    pub asset: String,
    /// ATT&CK for ICS id named; may be the parent of a sub-technique.
    pub technique: String,
    /// When the reported attack began, by the reporter.
    pub began: SimTime,
    /// Marked "needs confirmation".
    pub needs_confirmation: bool,
    /// Closed as "confirmed benign by asking".
    pub closed_as_benign: bool,
    /// Records of what the reporter cites.
    pub evidence: Vec<u64>,
    /// BLAKE3 of the free text, hex, empty if none.
    pub text_hash: String,
}

/// Stage of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReportStage {
    /// New.
    Filed,
    /// Changed; the latest version counts from its own time.
    Updated,
    /// Closed.
    Closed,
}

/// A change of a firewall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FirewallChange {
    /// A rule was added.
    Added,
    /// A rule was removed.
    Removed,
    /// A rule was switched off.
    Disabled,
    /// A rule was switched on.
    Enabled,
    /// The last change was undone.
    Undone,
    /// Sessions were cleared.
    SessionsCleared,
}

/// What happened to a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProgramChange {
    /// Downloaded.
    Downloaded,
    /// Restored from the engineering station's copy.
    Restored,
    /// Uploaded (read).
    Uploaded,
    /// Compared with the engineering station's copy: equal.
    ComparedEqual,
    /// Compared: different.
    ComparedDifferent,
    /// Saved as evidence.
    EvidenceSaved,
    /// A block was deleted.
    Deleted,
}

/// Why a match ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndReason {
    /// Its time was over.
    TimeUp,
    /// The plant was destroyed.
    Destroyed,
    /// Stopped by its host.
    Stopped,
}
