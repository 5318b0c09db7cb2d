//! What a principal can ask for.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A Modbus table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Table {
    /// FC1.
    Coil,
    /// FC2.
    Discrete,
    /// FC4.
    Input,
    /// FC3.
    Holding,
}

/// A register by number or, for scripted actors and stations, by a tag of the scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RegisterRef {
    /// Wire address.
    At(u16),
    /// Tag id; its address follows the variation of the match.
    Tag(String),
}

impl fmt::Display for RegisterRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(a) => write!(f, "{a}"),
            Self::Tag(t) => write!(f, "{t}"),
        }
    }
}

/// What a man in the middle shows instead of the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RewriteValue {
    /// The value seen when the spoofing began, for ever.
    Freeze,
    /// This raw value.
    Raw(u16),
}

/// Position of a controller's key switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum KeyPosition {
    /// Outside writes and downloads refused.
    Run,
    /// Outside writes allowed.
    Remote,
    /// Downloads allowed.
    Program,
}

/// Something a person does in the plant, without the network. Takes a declared time and one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FieldAction {
    /// Turns the key of a controller.
    TurnKey {
        /// Controller id.
        controller: String,
        /// Position.
        to: KeyPosition,
    },
    /// Presses the emergency shutdown button of a safety controller.
    Shutdown {
        /// Safety controller id.
        controller: String,
    },
    /// Presses its reset button.
    ResetTrip {
        /// Safety controller id.
        controller: String,
    },
    /// Reads the local gauge of a plant signal.
    ReadGauge {
        /// Gauge id of the scenario.
        gauge: String,
    },
    /// Looks at the hard-wired panel of a safety controller: lamps and transmitters.
    ReadPanel {
        /// Safety controller id.
        controller: String,
    },
    /// Unplugs (or plugs) the network cable of a host.
    Cable {
        /// Host id.
        host: String,
        /// True: plugged in.
        plugged: bool,
    },
    /// Turns the hand valve of an actuator; the range holds it until released.
    HandValve {
        /// `plant/actuator`.
        actuator: String,
        /// Position in %, or `None` to release it to the controller.
        position_pct: Option<u8>,
    },
    /// Restarts a controller (warm: RETAIN data kept).
    Restart {
        /// Controller id.
        controller: String,
    },
}

impl fmt::Display for FieldAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TurnKey { controller, to } => write!(f, "turn key of {controller} to {to:?}"),
            Self::Shutdown { controller } => write!(f, "press shutdown button of {controller}"),
            Self::ResetTrip { controller } => write!(f, "press reset button of {controller}"),
            Self::ReadGauge { gauge } => write!(f, "read gauge {gauge}"),
            Self::ReadPanel { controller } => write!(f, "read panel of {controller}"),
            Self::Cable {
                host,
                plugged: true,
            } => write!(f, "plug in {host}"),
            Self::Cable {
                host,
                plugged: false,
            } => write!(f, "unplug {host}"),
            Self::HandValve {
                actuator,
                position_pct: Some(p),
            } => write!(f, "set hand valve of {actuator} to {p} %"),
            Self::HandValve {
                actuator,
                position_pct: None,
            } => write!(f, "release hand valve of {actuator}"),
            Self::Restart { controller } => write!(f, "restart {controller}"),
        }
    }
}

/// A firewall rule as an engineer writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleSpec {
    /// Id, unique in its firewall.
    pub id: String,
    /// `accept`, `drop` or `reject`.
    pub action: String,
    /// Source CIDR, or `any`.
    pub src: String,
    /// Destination CIDR, or `any`.
    pub dst: String,
    /// Destination port, or any.
    pub port: Option<u16>,
    /// Modbus function codes it matches; empty: not looked at.
    #[serde(default)]
    pub functions: Vec<u8>,
    /// Modbus address range it matches.
    pub addresses: Option<(u16, u16)>,
    /// Who answers for it.
    pub owner: String,
    /// Why it is there.
    pub reason: String,
    /// Virtual second at which it stops matching.
    pub expires_s: Option<u64>,
}

/// A change of a firewall.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FirewallCommand {
    /// Inserts a rule before `before`, or at the end.
    Add {
        /// The rule.
        rule: RuleSpec,
        /// Id of the rule that it precedes.
        before: Option<String>,
    },
    /// Removes a rule.
    Remove(String),
    /// Switches a rule off.
    Disable(String),
    /// Switches a rule on.
    Enable(String),
    /// Takes the last change back.
    Undo,
    /// Clears established sessions of a source address, or all.
    ClearSessions {
        /// Source host id or address; `None` for all.
        src: Option<String>,
    },
}

/// Evidence that a report cites: something that the reporter's view has shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Citation {
    /// An alert by its number in the view.
    Alert(u64),
    /// The newest alert of a shipped detection, by its id: one on the reported asset, if there is one.
    Detection(String),
}

/// What a principal can ask for. `from` is a host from which the principal may act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    // --- network tools, from a foothold or a station ---
    /// TCP connect scan.
    Scan {
        /// Host.
        from: String,
        /// CIDR, zone id or host id.
        targets: String,
        /// Ports.
        ports: Vec<u16>,
    },
    /// FC43/14 and FC17.
    Identify {
        /// Host.
        from: String,
        /// Host id or address.
        target: String,
        /// Unit id.
        unit: u8,
    },
    /// Reads registers or bits.
    Read {
        /// Host.
        from: String,
        /// Host id or address.
        target: String,
        /// Unit id.
        unit: u8,
        /// Table.
        table: Table,
        /// First.
        start: RegisterRef,
        /// How many.
        count: u16,
    },
    /// Writes holding registers (FC16, or FC6 for one).
    Write {
        /// Host.
        from: String,
        /// Host id or address.
        target: String,
        /// Unit id.
        unit: u8,
        /// First.
        start: RegisterRef,
        /// Raw values.
        values: Vec<u16>,
    },
    /// Writes and goes on rewriting every `period_s` until stopped.
    Hold {
        /// Host.
        from: String,
        /// Host id or address.
        target: String,
        /// Unit id.
        unit: u8,
        /// First.
        start: RegisterRef,
        /// Raw values.
        values: Vec<u16>,
        /// Period in seconds.
        period_s: u16,
    },
    /// Sends datagrams at a rate (bounded by the range).
    Flood {
        /// Host.
        from: String,
        /// Host id or address.
        target: String,
        /// Frames a second.
        frames_per_s: u16,
        /// Length in seconds.
        seconds: u16,
    },
    /// Poisons the ARP tables of two hosts, forwards between them and rewrites registers in the replies.
    ArpSpoof {
        /// Host.
        from: String,
        /// Station that is deceived.
        victim: String,
        /// Its peer on the same switch, usually the gateway.
        peer: String,
        /// Controller whose replies are changed.
        target: String,
        /// Registers and what is shown instead.
        rewrite: Vec<(Table, RegisterRef, RewriteValue)>,
    },
    /// Ends a running job of this principal by the id of the command that began it.
    StopJob {
        /// Job id, as in the view.
        job: u32,
    },
    /// Downloads a program file over the management session.
    Download {
        /// Host.
        from: String,
        /// Controller host id or address.
        target: String,
        /// File name.
        file: String,
        /// Structured Text.
        source: String,
    },
    /// Asks a controller for another mode over the management session.
    SetMode {
        /// Host.
        from: String,
        /// Controller host id or address.
        target: String,
        /// True: RUN.
        run: bool,
    },
    // --- stations ---
    /// Writes a tag at the HMI, in engineering units (thousandths: 2700000 is 2700).
    SetTag {
        /// Tag id.
        tag: String,
        /// Value in thousandths of the tag's unit.
        value_milli: i64,
    },
    /// Acknowledges an alarm.
    Acknowledge {
        /// Alarm id.
        alarm: String,
    },
    /// Shelves an alarm for a time; safety alarms refuse.
    Shelve {
        /// Alarm id.
        alarm: String,
        /// Seconds.
        seconds: u32,
    },
    // --- blue ---
    /// Files an incident report.
    Report {
        /// Asset (host or controller id).
        asset: String,
        /// ATT&CK for ICS id.
        technique: String,
        /// Virtual second at which it began, by the reporter; `None`: now.
        began_s: Option<u64>,
        /// Needs confirmation.
        #[serde(default)]
        needs_confirmation: bool,
        /// Evidence from the reporter's view; what it has not shown is left out.
        #[serde(default)]
        evidence: Vec<Citation>,
        /// Free text; kept outside the recording, named by its hash.
        #[serde(default)]
        text: String,
    },
    /// Changes a report.
    UpdateReport {
        /// Number.
        report: u32,
        /// New asset.
        asset: String,
        /// New technique.
        technique: String,
    },
    /// Closes a report.
    CloseReport {
        /// Number.
        report: u32,
        /// Confirmed benign by asking.
        benign: bool,
    },
    /// Changes a firewall.
    Firewall {
        /// Router id.
        router: String,
        /// What.
        change: FirewallCommand,
    },
    /// Sends a person into the plant.
    Field(FieldAction),
    /// Phones a contact of the scenario.
    Phone {
        /// Contact.
        contact: String,
        /// Topic.
        topic: String,
    },
    /// Compares a controller's program with the engineering station's copy.
    Compare {
        /// Controller.
        controller: String,
    },
    /// Restores the engineering station's copy.
    Restore {
        /// Controller.
        controller: String,
        /// Saves the running program, diagnostics and hashes as evidence first.
        save_first: bool,
    },
    // --- instructor ---
    /// Gives an inject now.
    Inject {
        /// Inject id.
        id: String,
    },
}

impl fmt::Display for Command {
    #[allow(clippy::too_many_lines, reason = "one arm a command")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scan {
                from,
                targets,
                ports,
            } => write!(f, "scan {targets} ports {ports:?} from {from}"),
            Self::Identify { from, target, .. } => write!(f, "identify {target} from {from}"),
            Self::Read {
                from,
                target,
                table,
                start,
                count,
                ..
            } => {
                write!(
                    f,
                    "read {count} {table:?} at {start} of {target} from {from}"
                )
            }
            Self::Write {
                from,
                target,
                start,
                values,
                ..
            } => write!(f, "write {values:?} to {start} of {target} from {from}"),
            Self::Hold {
                from,
                target,
                start,
                values,
                period_s,
                ..
            } => {
                write!(
                    f,
                    "hold {values:?} at {start} of {target} every {period_s} s from {from}"
                )
            }
            Self::Flood {
                from,
                target,
                frames_per_s,
                seconds,
            } => {
                write!(
                    f,
                    "flood {target} with {frames_per_s} frames/s for {seconds} s from {from}"
                )
            }
            Self::ArpSpoof {
                from,
                victim,
                peer,
                target,
                ..
            } => {
                write!(
                    f,
                    "stand between {victim} and {peer} and change replies of {target} from {from}"
                )
            }
            Self::StopJob { job } => write!(f, "stop job {job}"),
            Self::Download {
                from, target, file, ..
            } => write!(f, "download {file} to {target} from {from}"),
            Self::SetMode { from, target, run } => {
                write!(
                    f,
                    "ask {target} for {} from {from}",
                    if *run { "RUN" } else { "STOP" }
                )
            }
            Self::SetTag { tag, value_milli } => write!(f, "set {tag} to {}", milli(*value_milli)),
            Self::Acknowledge { alarm } => write!(f, "acknowledge {alarm}"),
            Self::Shelve { alarm, seconds } => write!(f, "shelve {alarm} for {seconds} s"),
            Self::Report {
                asset, technique, ..
            } => write!(f, "report {technique} on {asset}"),
            Self::UpdateReport {
                report,
                asset,
                technique,
            } => write!(f, "change report {report} to {technique} on {asset}"),
            Self::CloseReport { report, .. } => write!(f, "close report {report}"),
            Self::Firewall { router, change } => match change {
                FirewallCommand::Add { rule, .. } => write!(f, "{router}: add rule {}", rule.id),
                FirewallCommand::Remove(r) => write!(f, "{router}: remove rule {r}"),
                FirewallCommand::Disable(r) => write!(f, "{router}: disable rule {r}"),
                FirewallCommand::Enable(r) => write!(f, "{router}: enable rule {r}"),
                FirewallCommand::Undo => write!(f, "{router}: undo"),
                FirewallCommand::ClearSessions { src: Some(s) } => {
                    write!(f, "{router}: clear sessions of {s}")
                }
                FirewallCommand::ClearSessions { src: None } => {
                    write!(f, "{router}: clear all sessions")
                }
            },
            Self::Field(a) => write!(f, "{a}"),
            Self::Phone { contact, topic } => write!(f, "phone {contact} about {topic}"),
            Self::Compare { controller } => write!(f, "compare program of {controller}"),
            Self::Restore { controller, .. } => write!(f, "restore program of {controller}"),
            Self::Inject { id } => write!(f, "inject {id}"),
        }
    }
}

/// Thousandths as a decimal number without trailing zeros.
fn milli(value: i64) -> String {
    let text = format!(
        "{}{}.{:03}",
        if value < 0 { "-" } else { "" },
        value.unsigned_abs() / 1000,
        value.unsigned_abs() % 1000
    );
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
