//! The checked scenario: what a range is built from. Only `lower` makes one; every name in it resolves, every number is
//! in range, every program compiles.

use serde::{Deserialize, Serialize};
use sim_plc::memory::MemoryLayout;
use sim_record::{Role, SimDuration, SimTime, Team};
use sim_view::script::Script;
use sim_view::{KeyPosition, RuleSpec, Table};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

pub use crate::external::{ExternalController, ExternalOutput, ExternalSensor, Register};

/// A scenario ready to be instantiated with a seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// Short name, equal to its folder's.
    pub id: String,
    /// One line for people.
    pub title: String,
    /// UTC of virtual time 0, microseconds since 1970 (RON: RFC 3339 text `start_utc`).
    pub start_utc_us: i64,
    /// When red may act and when the match ends, by name (`class`, `calm`).
    pub paces: BTreeMap<String, Pace>,
    /// Who plays, by name.
    pub casts: BTreeMap<String, Cast>,
    /// The cast played when none is named.
    pub default_cast: String,
    /// Plants by id.
    pub plants: BTreeMap<String, PlantSpec>,
    /// Zones in order; each is one switch and one subnet.
    pub zones: Vec<Zone>,
    /// Routers with their firewall.
    pub routers: Vec<Router>,
    /// One-way links between zones.
    pub diodes: Vec<Diode>,
    /// Hosts in order.
    pub hosts: Vec<Host>,
    /// Controllers in order.
    pub controllers: Vec<Controller>,
    /// Real controllers outside, in order.
    pub external_controllers: Vec<ExternalController>,
    /// Tags by id, as HMI, historian, detections and scripts name them.
    pub tags: BTreeMap<String, Tag>,
    /// HMI stations.
    pub hmis: Vec<Hmi>,
    /// Historians.
    pub historians: Vec<Historian>,
    /// Engineering stations.
    pub workstations: Vec<Workstation>,
    /// Sensors on taps.
    pub sensors: Vec<Sensor>,
    /// Alarms in order.
    pub alarms: Vec<Alarm>,
    /// Shipped detections in order.
    pub detections: Vec<Detection>,
    /// Gauges that a field person can read: id to plant and truth signal.
    pub gauges: BTreeMap<String, PlantSignal>,
    /// Field crew and phone.
    pub people: People,
    /// Hosts from which outside or scripted people may act.
    pub footholds: Vec<Foothold>,
    /// Addresses that `--expose` opens, reached from a foothold.
    pub endpoints: Vec<Endpoint>,
    /// Scripted actors by id (red, blue and benign life).
    pub actors: BTreeMap<String, Actor>,
    /// Declared latent conditions.
    pub latent: Vec<Latent>,
    /// What must be as approved before a plant counts as recovered.
    pub recovery: Vec<RecoveryCheck>,
    /// Red objectives.
    pub objectives: Vec<Objective>,
    /// Texts given to all at a time.
    pub injects: Vec<Inject>,
    /// What the match seed may vary.
    pub vary: Vary,
}

/// Length of the red window and of the match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// Red may act from here on.
    pub red_from: SimTime,
    /// Red's window closes.
    pub red_until: SimTime,
    /// The match ends.
    pub ends: SimTime,
}

/// Who plays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cast {
    /// One line for people.
    pub title: String,
    /// Actor ids.
    pub actors: Vec<String>,
    /// Pace.
    pub pace: String,
    /// Other initial states of plants.
    pub initial: BTreeMap<String, String>,
    /// Other key positions of controllers at the start (`sis-healthy`).
    pub keys: BTreeMap<String, KeyPosition>,
}

/// A plant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlantSpec {
    /// Kind in `sim_plant::PLANTS`.
    pub kind: String,
    /// Parameters that differ from the kind's defaults.
    pub params: BTreeMap<String, f64>,
    /// Declared initial state of the kind.
    pub initial: String,
    /// Undisturbed baseline Q0, 0 to 1.
    pub q0: f64,
    /// Truth signals in the samples, in order.
    pub sampled: Vec<String>,
    /// The signal charted first: name, low and high limit of normal operation, damage limit.
    pub key_signal: (String, f64, f64, f64),
    /// Unsafe above this value of the key signal.
    pub unsafe_above: f64,
}

/// A plant's signal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PlantSignal {
    /// Plant id.
    pub plant: String,
    /// Signal name of its kind.
    pub signal: String,
}

/// A zone: one switch, one subnet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// Id.
    pub id: String,
    /// Purdue level times ten: 20 is level 2, 35 the DMZ.
    pub purdue_level_x10: u8,
    /// Network address.
    pub network: Ipv4Addr,
    /// Prefix length.
    pub prefix: u8,
    /// Mirrored to the tap.
    pub tapped: bool,
    /// One-way latency of each host's link.
    pub latency: SimDuration,
    /// Frames lost per million.
    pub loss_ppm: u32,
    /// Bandwidth of each link, if limited.
    pub bandwidth_bps: Option<u64>,
}

/// A router between zones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Router {
    /// Id.
    pub id: String,
    /// Zones it joins, with its address in each.
    pub interfaces: Vec<(String, Ipv4Addr)>,
    /// Firewall rules in order.
    pub rules: Vec<RuleSpec>,
    /// `accept`, `drop` or `reject` when no rule matches.
    pub default_action: String,
}

/// A one-way link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diode {
    /// Zone it takes frames from.
    pub from: String,
    /// Zone it gives frames to.
    pub to: String,
}

/// A host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Id.
    pub id: String,
    /// What it is, for people.
    pub title: String,
    /// Zone.
    pub zone: String,
    /// Address.
    pub ip: Ipv4Addr,
    /// Its traffic is known and benign: shipped detections stay quiet about it.
    pub allow_listed: bool,
    /// TCP ports that it answers beside those of its applications (they accept and stay silent), so that scans find life.
    pub open_ports: Vec<u16>,
}

/// Control or safety.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ControllerKind {
    /// A control PLC.
    Plc,
    /// A safety controller.
    Sis,
}

/// A controller on a host of the same id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Controller {
    /// Id, also of its host.
    pub id: String,
    /// Control or safety.
    pub kind: ControllerKind,
    /// Identity told to those who ask.
    pub persona: Persona,
    /// Program files (path in the package, Structured Text source).
    pub programs: Vec<(String, String)>,
    /// Scan period.
    pub period: SimDuration,
    /// Key switch at the start.
    pub key: KeyPosition,
    /// Outside writes only with the key in REMOTE, downloads only in PROGRAM.
    pub key_gates_writes: bool,
    /// Modbus unit id it answers to.
    pub unit: u8,
    /// Words and bits between plant and process image.
    pub io: Vec<IoLink>,
    /// Remapped Modbus ranges; empty: OpenPLC's addressing.
    pub modbus_map: Vec<ModbusRange>,
    /// Operator inputs that the PLC refuses outside limits: (holding address, min, max).
    pub input_limits: Vec<(u16, u16, u16)>,
    /// Bits of the SIS for its panel, if it is one.
    pub safety: Option<SafetyIo>,
    /// Longest reply delay is drawn below this.
    pub reply_delay: SimDuration,
    /// It serves Modbus.
    pub modbus: bool,
    /// It is an S7 CPU: memory counted in bytes, data blocks, S7comm.
    pub s7: Option<S7Cpu>,
}

/// An S7 CPU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct S7Cpu {
    /// Order number.
    pub order_number: String,
    /// Module type, such as the CPU's name.
    pub module: String,
    /// Version of the hardware.
    pub hardware: u8,
    /// Version of the firmware.
    pub firmware: [u8; 3],
    /// Name of the automation system.
    pub system: String,
    /// Plant identification.
    pub plant: String,
    /// Serial number.
    pub serial: String,
    /// Rack and slot that it answers to.
    pub place: (u8, u8),
    /// Largest PDU.
    pub pdu_bytes: u16,
    /// Connections.
    pub connections: u16,
    /// Variables can be read and written ("PUT/GET").
    pub put_get: bool,
    /// Blocks can be transferred, and the mode changed.
    pub blocks: bool,
    /// Password; `None` where none is set.
    pub password: Option<String>,
    /// How far one gets without it.
    pub level: S7Level,
    /// Bytes of inputs, outputs and markers.
    pub image_bytes: (u32, u32, u32),
    /// Data blocks: number and bytes.
    pub data_blocks: Vec<(u16, u32)>,
}

impl S7Cpu {
    /// Its memory.
    #[must_use]
    pub fn memory_layout(&self) -> MemoryLayout {
        let (inputs, outputs, markers) = self.image_bytes;
        MemoryLayout::s7(inputs, outputs, markers, self.data_blocks.clone())
    }
}

/// Protection level of an S7 CPU: how far one gets without the password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum S7Level {
    /// Everything.
    #[default]
    Full,
    /// Blocks can be read.
    ReadOnly,
    /// Blocks can be neither read nor written.
    ReadProtected,
    /// Not even variables.
    NoAccess,
}

/// Identity of a controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Persona {
    /// Vendor.
    pub vendor: String,
    /// Product code.
    pub product: String,
    /// Firmware.
    pub revision: String,
    /// Model.
    pub model: String,
    /// The kind of device, by its id in [`crate::personas`]; without one it is a plain controller.
    pub device: Option<String>,
}

/// One link between a plant's signal and the process image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum IoLink {
    /// Measurement to input word: `round(value * scale)`, clamped to 0..65535.
    InputWord {
        /// %IW index.
        word: u16,
        /// From.
        from: PlantSignal,
        /// Counts a unit.
        scale: f64,
    },
    /// Output word to actuator: `word / scale`.
    OutputWord {
        /// %QW index.
        word: u16,
        /// To.
        to: PlantSignal,
        /// Counts a unit.
        scale: f64,
        /// State in STOP and FAULT.
        fail: FailState,
    },
    /// Output bit to actuator: 1 or 0. Off in STOP and FAULT.
    OutputBit {
        /// %QX bit number (byte * 8 + bit).
        bit: u16,
        /// To.
        to: PlantSignal,
    },
}

/// What an output does in STOP and FAULT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailState {
    /// Zero.
    Off,
    /// The last value.
    Hold,
    /// This raw value.
    Substitute(u16),
}

/// A remapped range of Modbus addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModbusRange {
    /// Table.
    pub table: Table,
    /// First wire address.
    pub start: u16,
    /// Items.
    pub count: u16,
    /// What it shows.
    pub area: MapArea,
    /// First word (word tables) or bit (bit tables) of the area.
    pub offset: u16,
}

/// Memory area behind a Modbus range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MapArea {
    /// %I.
    Input,
    /// %Q.
    Output,
    /// %M.
    Marker,
    /// A data block of an S7 CPU.
    DataBlock(u16),
}

/// Bits of a safety controller: %IX that the range sets, %QX/%MX that the range reads. Bit numbers are byte * 8 + bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SafetyIo {
    /// %IX: key in REMOTE.
    pub key_remote_bit: u16,
    /// %IX: key in PROGRAM.
    pub key_program_bit: u16,
    /// %IX: reset button, set for 1 s.
    pub reset_button_bit: u16,
    /// %IX: shutdown button, set for 1 s.
    pub shutdown_button_bit: u16,
    /// %QX: trip latched.
    pub tripped_bit: u16,
    /// %QX: bypass active.
    pub bypass_bit: u16,
    /// %QX: trip condition met now.
    pub demand_bit: u16,
}

/// A tag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tag {
    /// Controller.
    pub controller: String,
    /// Table.
    pub table: Table,
    /// Wire address (before variation).
    pub address: u16,
    /// Counts a unit.
    pub scale: f64,
    /// Unit.
    pub unit: String,
    /// Range shown and accepted at the HMI.
    pub min: f64,
    /// Range shown and accepted at the HMI.
    pub max: f64,
    /// Operators may write it.
    pub writable: bool,
    /// What it is, for people.
    pub title: String,
}

/// An HMI station: polls, shows, alarms, writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hmi {
    /// Host.
    pub host: String,
    /// Poll period.
    pub period: SimDuration,
    /// Values are stale after this long without an answer.
    pub stale: SimDuration,
    /// Tags polled, in order.
    pub tags: Vec<String>,
}

/// A historian: polls and stores value, time, quality.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Historian {
    /// Host.
    pub host: String,
    /// Poll period.
    pub period: SimDuration,
    /// Tags stored, in order.
    pub tags: Vec<String>,
}

/// An engineering station: approved programs, compare, restore.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workstation {
    /// Host.
    pub host: String,
    /// Controllers whose approved programs it keeps.
    pub controllers: Vec<String>,
}

/// A sensor that reads the taps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sensor {
    /// Host.
    pub host: String,
}

/// Where the limit of an alarm lives: who can tamper with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LivesIn {
    /// In the PLC: a register.
    Plc,
    /// In the HMI.
    Hmi,
    /// In the safety controller.
    Sis,
}

/// When an alarm is active.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum AlarmRule {
    /// Tag above a fixed limit.
    High(String, f64),
    /// Tag below a fixed limit.
    Low(String, f64),
    /// Tag above the value of another tag.
    HighTag(String, String),
    /// Tag below the value of another tag.
    LowTag(String, String),
    /// Bit or word tag differs from zero.
    On(String),
    /// Word tag differs from this value.
    Not(String, f64),
    /// Controller does not answer this station.
    CommunicationLost(String),
}

/// An alarm (ISA-18.2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// Id.
    pub id: String,
    /// When.
    pub rule: AlarmRule,
    /// 1 (critical) to 4 (low).
    pub priority: u8,
    /// Cause.
    pub cause: String,
    /// Consequence.
    pub consequence: String,
    /// Response.
    pub response: String,
    /// Time to respond in seconds.
    pub time_to_respond_s: u32,
    /// Deadband in the tag's unit.
    pub deadband: f64,
    /// On delay.
    pub on_delay: SimDuration,
    /// Off delay.
    pub off_delay: SimDuration,
    /// Where the limit lives.
    pub lives_in: LivesIn,
    /// Safety alarms cannot be shelved.
    pub safety: bool,
    /// Stands active and acknowledged at time 0 (a declared latent condition).
    pub acknowledged_at_start: bool,
}

/// A shipped detection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// Id.
    pub id: String,
    /// Technique it points at.
    pub technique: String,
    /// In words.
    pub title: String,
    /// When it fires. Each fires once for an (asset, source) until `rearm`.
    pub rule: DetectionRule,
    /// Fires again after this long.
    pub rearm: SimDuration,
}

/// When a detection fires.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum DetectionRule {
    /// A host that is not allow-listed opens a Modbus connection.
    NewMaster,
    /// More than so many distinct (host, port) pairs tried by one source in so many seconds.
    Scan {
        /// Pairs.
        pairs: u32,
        /// Seconds.
        seconds: u32,
    },
    /// FC43 or FC17 from a host that is not allow-listed.
    Identification,
    /// A write function from a host not in the list.
    WriteNotFrom(Vec<String>),
    /// Any write to these controllers.
    WriteTo(Vec<String>),
    /// Key of a controller not in RUN without an open permit, as its discrete inputs show.
    KeyNotRun(String),
    /// Bypass tag of a safety controller set without an open permit.
    Bypass {
        /// Tag.
        tag: String,
    },
    /// One of these mode tags changed without an operator-log entry within 5 s.
    ModeChange(Vec<String>),
    /// Two tags differ by more than so much for so many seconds.
    Deviation {
        /// Tag.
        a: String,
        /// Tag.
        b: String,
        /// Limit in their unit.
        limit: f64,
        /// Seconds.
        seconds: u32,
    },
    /// A tag rises faster than so much a minute.
    Rate {
        /// Tag.
        tag: String,
        /// Units a minute.
        limit_per_min: f64,
    },
    /// A tag above a limit while another (a mode) is at a value.
    AboveWhile {
        /// Tag.
        tag: String,
        /// Limit.
        limit: f64,
        /// Mode tag.
        mode: String,
        /// Its value.
        value: f64,
    },
    /// The owner of an address changed by ARP.
    ArpChange,
}

/// Field crew and phone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct People {
    /// Persons in the field; each does one action at a time.
    pub field_persons: u8,
    /// Length of each kind of field action in seconds, by name (`turn_key`, `shutdown`, `reset_trip`, `read_gauge`,
    /// `read_panel`, `cable`, `hand_valve`, `restart`).
    pub field_s: BTreeMap<String, u32>,
    /// Who can be phoned: contact to topic to (delay in seconds, answer).
    pub contacts: BTreeMap<String, BTreeMap<String, (u32, String)>>,
}

/// A host from which somebody may act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Foothold {
    /// Id.
    pub id: String,
    /// Host.
    pub host: String,
    /// Whose.
    pub team: Team,
}

/// An address that `--expose` opens on loopback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Id.
    pub id: String,
    /// Foothold id from which the outside acts.
    pub foothold: String,
    /// Target host.
    pub target: String,
    /// Target port.
    pub port: u16,
}

/// A scripted actor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Actor {
    /// Side.
    pub team: Team,
    /// Role.
    pub role: Role,
    /// Hosts from which it may act.
    pub hosts: Vec<String>,
    /// What it does.
    pub script: Script,
}

/// A declared latent condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latent {
    /// Id.
    pub id: String,
    /// Asset.
    pub asset: String,
    /// Techniques that a report of it may name.
    pub techniques: Vec<String>,
    /// In words.
    pub title: String,
    /// Detections that may fire for it.
    pub detections: Vec<String>,
    /// Alarms that may stand for it.
    pub alarms: Vec<String>,
}

/// Something that must be as approved before a plant counts as recovered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecoveryCheck {
    /// Id.
    pub id: String,
    /// In words.
    pub title: String,
    /// What.
    pub rule: RecoveryRule,
}

/// What must be so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum RecoveryRule {
    /// The true value behind a tag equals the approved one within a tolerance, in the tag's unit.
    TagIs(String, f64, f64),
    /// Key of a controller in a position.
    KeyIs(String, KeyPosition),
    /// No bypass active on a safety controller.
    NoBypass(String),
    /// Trip latch reset.
    NotTripped(String),
    /// Rule of a router absent, disabled or expired.
    RuleGone(String, String),
    /// Running programs equal the approved ones, no forces.
    ProgramApproved(String),
    /// No red session open to the controller.
    NoRedSession(String),
}

/// A red objective.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objective {
    /// Id.
    pub id: String,
    /// In words.
    pub title: String,
    /// Technique.
    pub technique: String,
    /// When it is met.
    pub rule: ObjectiveRule,
}

/// When a red objective is met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ObjectiveRule {
    /// An attack instance of the technique on the asset.
    Attack(String),
    /// A safety function was demanded while bypassed.
    DemandWhileBypassed(String),
    /// Plant pushed out of band for this many seconds in one go by red.
    OutOfBand(String, u32),
    /// Plant destroyed.
    Destroyed(String),
}

/// A text given to all at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inject {
    /// Id.
    pub id: String,
    /// When, if on schedule.
    pub at: Option<SimTime>,
    /// From whom.
    pub contact: String,
    /// Text.
    pub text: String,
}

/// What the match seed may vary. All zero or false: nothing but noise, MACs and jitter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Vary {
    /// Draw host addresses within their subnets (gateways stay).
    pub addresses: bool,
    /// Shift each controller's register block by a multiple of ten below this.
    pub register_offset_max: u16,
    /// Renumber tags (`PT-101` becomes `PT-3nn`).
    pub tag_numbers: bool,
    /// Shift every red step by the same time below this.
    pub attack_start_max_s: u32,
    /// Choose among red actors of the cast's alternatives (actors named `X`, `X@b`, `X@c`).
    pub branches: bool,
    /// Jitter of benign events, below this.
    pub benign_jitter_max_s: u32,
}
