//! Schema version 1 as authors write it: every leaf that a rule can refuse carries its place.
//!
//! Only `lower` reads these types. Numbers carry their unit at the end of the field's name.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use sim_authored::{Entries, Spanned};
use sim_view::script::Condition;
use sim_view::{Command, KeyPosition, Table};

use crate::model::{FailState, LivesIn, MapArea, S7Level};

/// Version of the schema that this file describes.
pub const VERSION: u32 = 1;

/// A name, a text or a path with its place.
pub type Text = Spanned<String>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Checked before the whole is read.
    #[serde(rename = "version")]
    pub _version: Spanned<u32>,
    pub id: Text,
    pub title: Text,
    pub start_utc: Text,
    pub paces: Entries<Pace>,
    pub casts: Entries<Cast>,
    pub default_cast: Text,
    pub plants: Entries<Plant>,
    pub zones: Vec<Zone>,
    #[serde(default)]
    pub routers: Vec<Router>,
    #[serde(default)]
    pub diodes: Vec<Diode>,
    pub hosts: Vec<Host>,
    pub controllers: Vec<Controller>,
    #[serde(default)]
    pub external_controllers: Vec<ExternalController>,
    pub tags: Entries<Tag>,
    #[serde(default)]
    pub hmis: Vec<Hmi>,
    #[serde(default)]
    pub historians: Vec<Historian>,
    #[serde(default)]
    pub workstations: Vec<Workstation>,
    #[serde(default)]
    pub sensors: Vec<Sensor>,
    #[serde(default)]
    pub alarms: Vec<Alarm>,
    #[serde(default)]
    pub detections: Vec<Detection>,
    #[serde(default)]
    pub gauges: Entries<Text>,
    #[serde(default)]
    pub people: People,
    #[serde(default)]
    pub footholds: Vec<Foothold>,
    #[serde(default)]
    pub endpoints: Vec<Endpoint>,
    #[serde(default)]
    pub actors: Entries<Actor>,
    #[serde(default)]
    pub latent: Vec<Latent>,
    #[serde(default)]
    pub recovery: Vec<RecoveryCheck>,
    #[serde(default)]
    pub objectives: Vec<Objective>,
    #[serde(default)]
    pub injects: Vec<Inject>,
    #[serde(default)]
    pub vary: Vary,
}

/// A scenario that is another one with another variation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// Checked before the whole is read.
    #[serde(rename = "version")]
    pub _version: Spanned<u32>,
    /// Name of the base's folder, beside the variant's.
    pub variant_of: Text,
    pub id: Text,
    pub title: Text,
    pub vary: Vary,
    #[serde(default)]
    pub default_cast: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pace {
    pub red_from_s: Spanned<f64>,
    pub red_until_s: Spanned<f64>,
    pub ends_s: Spanned<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cast {
    pub title: Text,
    pub actors: Vec<Text>,
    pub pace: Text,
    #[serde(default)]
    pub initial: Entries<Text>,
    #[serde(default)]
    pub keys: Entries<KeyPosition>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plant {
    pub kind: Text,
    #[serde(default)]
    pub params: Entries<Spanned<f64>>,
    pub initial: Text,
    pub q0: Spanned<f64>,
    pub sampled: Vec<Text>,
    pub key_signal: KeySignal,
    pub unsafe_above: Spanned<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySignal {
    pub signal: Text,
    pub normal_low: Spanned<f64>,
    pub normal_high: Spanned<f64>,
    pub damage: Spanned<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    pub id: Text,
    pub purdue_level: Spanned<f64>,
    pub subnet: Text,
    #[serde(default)]
    pub tapped: bool,
    pub latency_us: Spanned<u64>,
    #[serde(default)]
    pub loss_ppm: Spanned<u32>,
    #[serde(default)]
    pub bandwidth_bps: Option<Spanned<u64>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Router {
    pub id: Text,
    pub interfaces: Entries<Text>,
    pub default_action: RuleAction,
    #[serde(default)]
    pub rules: Vec<Rule>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum RuleAction {
    Accept,
    Drop,
    Reject,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub id: Text,
    pub action: RuleAction,
    pub src: Text,
    pub dst: Text,
    #[serde(default)]
    pub port: Option<Spanned<u16>>,
    #[serde(default)]
    pub functions: Vec<Spanned<u8>>,
    #[serde(default)]
    pub addresses: Option<Spanned<(u16, u16)>>,
    pub owner: Text,
    pub reason: Text,
    #[serde(default)]
    pub expires_s: Option<Spanned<u64>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Diode {
    pub from: Text,
    pub to: Text,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    pub id: Text,
    pub title: Text,
    pub zone: Text,
    pub ip: Text,
    #[serde(default)]
    pub allow_listed: bool,
    #[serde(default)]
    pub open_ports: Vec<Spanned<u16>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum ControllerKind {
    Plc,
    Sis,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Controller {
    pub id: Text,
    pub kind: ControllerKind,
    pub persona: Spanned<Persona>,
    pub programs: Vec<Text>,
    pub period_ms: Spanned<u64>,
    pub key: KeyPosition,
    pub key_gates_writes: bool,
    pub unit: Spanned<u8>,
    pub io: Vec<IoLink>,
    #[serde(default)]
    pub modbus_map: Vec<ModbusRange>,
    #[serde(default)]
    pub input_limits: Vec<InputLimit>,
    #[serde(default)]
    pub safety: Option<Spanned<SafetyIo>>,
    #[serde(default)]
    pub reply_delay_us: Spanned<u64>,
    #[serde(default = "yes")]
    pub modbus: bool,
    #[serde(default)]
    pub s7: Option<Spanned<S7Cpu>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S7Cpu {
    pub order_number: Text,
    pub module: Text,
    #[serde(default)]
    pub hardware: Spanned<u8>,
    pub firmware: Text,
    #[serde(default)]
    pub system: Text,
    #[serde(default)]
    pub plant: Text,
    pub serial: Text,
    #[serde(default)]
    pub rack: Spanned<u8>,
    pub slot: Spanned<u8>,
    pub pdu_bytes: Spanned<u16>,
    pub connections: Spanned<u16>,
    #[serde(default = "yes")]
    pub put_get: bool,
    #[serde(default = "yes")]
    pub blocks: bool,
    #[serde(default)]
    pub password: Option<Text>,
    #[serde(default)]
    pub level: S7Level,
    pub input_bytes: Spanned<u32>,
    pub output_bytes: Spanned<u32>,
    pub marker_bytes: Spanned<u32>,
    #[serde(default)]
    pub data_blocks: Vec<S7Block>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S7Block {
    pub number: Spanned<u16>,
    pub bytes: Spanned<u32>,
}

fn yes() -> bool {
    true
}

/// The id of a persona, or what a controller tells about itself.
#[derive(Debug)]
pub enum Persona {
    Named(String),
    Written(Box<WrittenPersona>),
}

/// Strings that a controller tells. With `like` they replace single ones of that persona, without it all are needed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenPersona {
    #[serde(default)]
    pub like: Option<Text>,
    #[serde(default)]
    pub vendor: Option<Text>,
    #[serde(default)]
    pub product: Option<Text>,
    #[serde(default)]
    pub revision: Option<Text>,
    #[serde(default)]
    pub model: Option<Text>,
}

impl<'de> Deserialize<'de> for Persona {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PersonaVisitor)
    }
}

struct PersonaVisitor;

impl<'de> Visitor<'de> for PersonaVisitor {
    type Value = Persona;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the id of a persona, or its strings in brackets")
    }

    fn visit_str<E: de::Error>(self, id: &str) -> Result<Persona, E> {
        Ok(Persona::Named(id.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Persona, A::Error> {
        let written = WrittenPersona::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Persona::Written(Box::new(written)))
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum IoLink {
    InputWord {
        word: Spanned<u16>,
        from: Text,
        scale: Spanned<f64>,
    },
    OutputWord {
        word: Spanned<u16>,
        to: Text,
        scale: Spanned<f64>,
        fail: FailState,
    },
    OutputBit {
        bit: Spanned<u16>,
        to: Text,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModbusRange {
    pub table: Table,
    pub start: Spanned<u16>,
    pub count: Spanned<u16>,
    pub area: MapArea,
    pub offset: Spanned<u16>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputLimit {
    pub address: Spanned<u16>,
    pub min: Spanned<u16>,
    pub max: Spanned<u16>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalController {
    pub id: Text,
    pub persona: Spanned<Persona>,
    pub unit: Spanned<u8>,
    pub cycle_ms: Spanned<u64>,
    pub stale_ms: Spanned<u64>,
    #[serde(default)]
    pub attackable: bool,
    #[serde(default)]
    pub sensors: Vec<ExternalSensor>,
    pub outputs: Vec<ExternalOutput>,
    #[serde(default)]
    pub points: Vec<ExternalPoint>,
    pub status_address: Spanned<u16>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalSensor {
    pub address: Spanned<u16>,
    pub from: Text,
    pub scale: Spanned<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalOutput {
    pub table: Table,
    pub address: Spanned<u16>,
    pub to: Text,
    pub scale: Spanned<f64>,
    pub fail: FailState,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalPoint {
    pub table: Table,
    pub address: Spanned<u16>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SafetyIo {
    pub key_remote_bit: Spanned<u16>,
    pub key_program_bit: Spanned<u16>,
    pub reset_button_bit: Spanned<u16>,
    pub shutdown_button_bit: Spanned<u16>,
    pub tripped_bit: Spanned<u16>,
    pub bypass_bit: Spanned<u16>,
    pub demand_bit: Spanned<u16>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tag {
    pub controller: Text,
    pub table: Table,
    pub address: Spanned<u16>,
    pub scale: Spanned<f64>,
    pub unit: Text,
    pub min: Spanned<f64>,
    pub max: Spanned<f64>,
    #[serde(default)]
    pub writable: Spanned<bool>,
    pub title: Text,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hmi {
    pub host: Text,
    pub period_ms: Spanned<u64>,
    pub stale_ms: Spanned<u64>,
    pub tags: Vec<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Historian {
    pub host: Text,
    pub period_ms: Spanned<u64>,
    pub tags: Vec<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workstation {
    pub host: Text,
    pub controllers: Vec<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sensor {
    pub host: Text,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum AlarmRule {
    High(Text, Spanned<f64>),
    Low(Text, Spanned<f64>),
    HighTag(Text, Text),
    LowTag(Text, Text),
    On(Text),
    Not(Text, Spanned<f64>),
    CommunicationLost(Text),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alarm {
    pub id: Text,
    pub rule: AlarmRule,
    pub priority: Spanned<u8>,
    pub cause: Text,
    pub consequence: Text,
    pub response: Text,
    pub time_to_respond_s: Spanned<u32>,
    #[serde(default)]
    pub deadband: Spanned<f64>,
    #[serde(default)]
    pub on_delay_s: Spanned<f64>,
    #[serde(default)]
    pub off_delay_s: Spanned<f64>,
    pub lives_in: LivesIn,
    #[serde(default)]
    pub safety: bool,
    #[serde(default)]
    pub acknowledged_at_start: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detection {
    pub id: Text,
    pub technique: Text,
    pub title: Text,
    pub rule: DetectionRule,
    pub rearm_s: Spanned<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum DetectionRule {
    NewMaster,
    Scan {
        pairs: Spanned<u32>,
        seconds: Spanned<u32>,
    },
    Identification,
    WriteNotFrom(Vec<Text>),
    WriteTo(Vec<Text>),
    KeyNotRun(Text),
    Bypass {
        tag: Text,
    },
    ModeChange(Vec<Text>),
    Deviation {
        a: Text,
        b: Text,
        limit: Spanned<f64>,
        seconds: Spanned<u32>,
    },
    Rate {
        tag: Text,
        limit_per_min: Spanned<f64>,
    },
    AboveWhile {
        tag: Text,
        limit: Spanned<f64>,
        mode: Text,
        value: Spanned<f64>,
    },
    ArpChange,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct People {
    pub field_persons: Spanned<u8>,
    #[serde(default)]
    pub field_s: Entries<Spanned<u32>>,
    #[serde(default)]
    pub contacts: Entries<Entries<Answer>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    pub delay_s: Spanned<u32>,
    pub answer: Text,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Team {
    Red,
    Blue,
    White,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Role {
    Red,
    Operator,
    Analyst,
    Engineer,
    Defender,
    Worker,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Foothold {
    pub id: Text,
    pub host: Text,
    pub team: Team,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    pub id: Text,
    pub foothold: Text,
    pub target: Text,
    pub port: Spanned<u16>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    pub team: Team,
    pub role: Spanned<Role>,
    #[serde(default)]
    pub hosts: Vec<Text>,
    /// Path of a file with a list of steps.
    pub script: Text,
}

/// One step of an actor script; the file is a list of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub id: Text,
    #[serde(default)]
    pub at_s: Spanned<f64>,
    #[serde(default)]
    pub after: Option<(Text, Spanned<f64>)>,
    #[serde(default)]
    pub when: Option<Spanned<Condition>>,
    #[serde(default)]
    pub until_s: Option<Spanned<f64>>,
    #[serde(default)]
    pub every_s: Option<Spanned<f64>>,
    pub commands: Vec<Spanned<Command>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latent {
    pub id: Text,
    pub asset: Text,
    pub techniques: Vec<Text>,
    pub title: Text,
    #[serde(default)]
    pub detections: Vec<Text>,
    #[serde(default)]
    pub alarms: Vec<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoveryCheck {
    pub id: Text,
    pub title: Text,
    pub rule: RecoveryRule,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum RecoveryRule {
    TagIs(Text, Spanned<f64>, Spanned<f64>),
    KeyIs(Text, KeyPosition),
    NoBypass(Text),
    NotTripped(Text),
    RuleGone(Text, Text),
    ProgramApproved(Text),
    NoRedSession(Text),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    pub id: Text,
    pub title: Text,
    pub technique: Text,
    pub rule: ObjectiveRule,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum ObjectiveRule {
    Attack(Text),
    DemandWhileBypassed(Text),
    OutOfBand(Text, Spanned<u32>),
    Destroyed(Text),
    /// A text to be found and handed in. Always refused: whoever reads the folder has it.
    Answer(Text),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inject {
    pub id: Text,
    #[serde(default)]
    pub at_s: Option<Spanned<f64>>,
    pub contact: Text,
    pub text: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Vary {
    pub addresses: bool,
    pub register_offset_max: Spanned<u16>,
    pub tag_numbers: bool,
    pub attack_start_max_s: Spanned<u32>,
    pub branches: bool,
    pub benign_jitter_max_s: Spanned<u32>,
}
