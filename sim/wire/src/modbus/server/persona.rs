//! What a persona decides about its Modbus server. [`ModbusPersona::default`] is a plain controller on TCP.

use sim_record::SimDuration;

use crate::device::{DeviceError, Identity};
use crate::modbus::function::{self as fc, FunctionSet};
use crate::modbus::{ExceptionCode, ReadDeviceId};

/// Bounds of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of requests that wait at most; the rest stays with the transport. At least one frame always fits.
    pub input_bytes: usize,
    /// Replies that wait at most for the transport; further requests wait with theirs.
    pub replies_waiting: usize,
    /// Silence after which the connection is closed; `None` keeps it open.
    pub idle_timeout: Option<SimDuration>,
    /// Connections at the same time; the host of the server refuses more.
    pub connections: usize,
}

impl Limits {
    /// Bytes of requests that wait at most: some sixteen of the longest frames.
    pub const INPUT_BYTES: usize = 4096;
    /// Replies that wait at most: the upper end of what the guide calls a device's usual number of simultaneous
    /// transactions, 1 to 16.
    pub const REPLIES_WAITING: usize = 16;
    /// Connections at the same time.
    pub const CONNECTIONS: usize = 12;
    /// Silence after which a connection is closed.
    pub const IDLE_TIMEOUT: SimDuration = SimDuration::from_secs(120);
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            input_bytes: Self::INPUT_BYTES,
            replies_waiting: Self::REPLIES_WAITING,
            idle_timeout: Some(Self::IDLE_TIMEOUT),
            connections: Self::CONNECTIONS,
        }
    }
}

/// Which unit ids the server takes for its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum UnitPolicy {
    /// Every one.
    #[default]
    Any,
    /// These. A device on TCP is usually also reached as 255, and often as 0: list them.
    Only(Vec<u8>),
    /// A gateway: the devices behind it, each with its own part of the tables and its own name.
    Gateway(Vec<GatewayUnit>),
}

/// One device behind a gateway. It sees a part of the tables, from its own address 0 on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayUnit {
    /// Unit id.
    pub unit: u8,
    /// Address of the gateway's tables that is the device's address 0, in all four tables.
    pub first: u16,
    /// Addresses of the device in each table.
    pub count: u16,
    /// What it tells about itself; `None`: what the gateway tells.
    pub identity: Option<Box<Identity>>,
}

impl UnitPolicy {
    /// Whether a unit id is the server's own.
    #[must_use]
    pub fn accepts(&self, unit: u8) -> bool {
        match self {
            Self::Any => true,
            Self::Only(units) => units.contains(&unit),
            Self::Gateway(_) => self.behind(unit).is_some(),
        }
    }

    /// The device behind the gateway that has this unit id.
    #[must_use]
    pub fn behind(&self, unit: u8) -> Option<&GatewayUnit> {
        match self {
            Self::Any | Self::Only(_) => None,
            Self::Gateway(units) => units.iter().find(|behind| behind.unit == unit),
        }
    }
}

/// What becomes of a request with a foreign unit id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WrongUnit {
    /// No answer.
    #[default]
    Silent,
    /// Exception 0A, as a gateway answers that has no line for it.
    GatewayPathUnavailable,
    /// Exception 0B, as a gateway answers when nobody is there.
    GatewayTargetFailed,
}

impl WrongUnit {
    /// The exception, if there is an answer.
    #[must_use]
    pub const fn exception(self) -> Option<ExceptionCode> {
        match self {
            Self::Silent => None,
            Self::GatewayPathUnavailable => Some(ExceptionCode::GATEWAY_PATH_UNAVAILABLE),
            Self::GatewayTargetFailed => Some(ExceptionCode::GATEWAY_TARGET_FAILED),
        }
    }
}

/// What unit id 0 means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BroadcastPolicy {
    /// A unit id like any other, which [`UnitPolicy`] accepts or not: the guide lets 0 reach a device on TCP
    /// directly.
    #[default]
    Unit,
    /// A broadcast as on a serial line: writes are done, nothing is answered.
    Silent,
}

/// What becomes of a request with a function that is not offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsupported {
    /// This exception; the specification says 01.
    Exception(ExceptionCode),
    /// No answer, as some serial devices behind a converter.
    Silent,
}

impl Default for Unsupported {
    fn default() -> Self {
        Self::Exception(ExceptionCode::ILLEGAL_FUNCTION)
    }
}

/// What becomes of function 90, with which one vendor's controllers are programmed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Umas {
    /// A function like any other that is not offered.
    #[default]
    Unknown,
    /// Refused as that vendor's controllers refuse what they do not allow: function 90, the request's session key,
    /// status FD, and these bytes. What follows the status differs by firmware, so it is the persona's.
    Refused(Vec<u8>),
}

impl Umas {
    /// Status byte of a refusal; FE is success (Kaspersky ICS CERT, *The secrets of Schneider Electric's UMAS
    /// protocol*, 2022).
    const FAILED: u8 = 0xFD;
    /// Most bytes after the status.
    pub const MAX_DETAIL_BYTES: usize = 16;

    /// The whole answer to `pdu`; `None` where function 90 is unknown.
    pub(super) fn refusal(&self, pdu: &[u8]) -> Option<Vec<u8>> {
        let Self::Refused(detail) = self else {
            return None;
        };
        let session_key = pdu.get(1).copied().unwrap_or(0);
        let mut answer = vec![fc::UMAS, session_key, Self::FAILED];
        answer.extend(detail.iter().take(Self::MAX_DETAIL_BYTES));
        Some(answer)
    }
}

/// Where the run indicator stands in a Report Server ID response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunIndicator {
    /// After the server id and before what else there is, as the specification draws it.
    #[default]
    AfterId,
    /// As the last byte.
    Last,
    /// As the first byte.
    First,
    /// The device tells none.
    Missing,
}

/// What a device says it can tell of itself (specification, 6.21).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conformity {
    /// Highest category: basic, regular or extended.
    pub level: ReadDeviceId,
    /// Whether single objects can be asked for.
    pub individual: bool,
}

/// What the counters of function 8, the event log and listen-only mode belong to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CommunicationOf {
    /// Each connection: nobody can silence another's.
    #[default]
    Connection,
    /// The device: the host lends one [`super::Communication`] to all sessions.
    Device,
}

/// When a device answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplyTiming {
    /// As soon as it can.
    #[default]
    AtOnce,
    /// With its next scan. The host of the server holds the replies back.
    AtScan,
}

/// The exception for each refusal of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceErrorMap {
    /// The function is not offered.
    pub not_supported: ExceptionCode,
    /// An address does not exist.
    pub bad_address: ExceptionCode,
    /// A value is not allowed.
    pub bad_value: ExceptionCode,
    /// Writes are refused now.
    pub write_refused: ExceptionCode,
    /// The operating mode forbids it.
    pub mode_refused: ExceptionCode,
    /// The device failed.
    pub failure: ExceptionCode,
    /// A quantity is 0 or above the limit; no refusal of the device but of its protocol stack.
    pub bad_quantity: ExceptionCode,
}

impl Default for DeviceErrorMap {
    /// As the specification says: a write that is parsed but not done is 04 (state diagrams of 6.5 to 6.12), a
    /// function that the device does not do in its present state is 01 (chapter 7).
    fn default() -> Self {
        Self {
            not_supported: ExceptionCode::ILLEGAL_FUNCTION,
            bad_address: ExceptionCode::ILLEGAL_DATA_ADDRESS,
            bad_value: ExceptionCode::ILLEGAL_DATA_VALUE,
            write_refused: ExceptionCode::SERVER_DEVICE_FAILURE,
            mode_refused: ExceptionCode::ILLEGAL_FUNCTION,
            failure: ExceptionCode::SERVER_DEVICE_FAILURE,
            bad_quantity: ExceptionCode::ILLEGAL_DATA_VALUE,
        }
    }
}

impl DeviceErrorMap {
    /// The exception for `error`.
    #[must_use]
    pub const fn exception(&self, error: DeviceError) -> ExceptionCode {
        match error {
            DeviceError::NotSupported => self.not_supported,
            DeviceError::BadAddress => self.bad_address,
            DeviceError::BadValue => self.bad_value,
            DeviceError::WriteRefused => self.write_refused,
            DeviceError::ModeRefused => self.mode_refused,
            DeviceError::Failure => self.failure,
        }
    }
}

/// Everything that a persona decides. One value serves all connections of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModbusPersona {
    /// Functions offered.
    pub functions: FunctionSet,
    /// Functions not offered.
    pub unsupported: Unsupported,
    /// Function 90.
    pub umas: Umas,
    /// Own unit ids.
    pub units: UnitPolicy,
    /// Foreign unit ids.
    pub wrong_unit: WrongUnit,
    /// Unit id 0.
    pub broadcast: BroadcastPolicy,
    /// Exceptions for the device's refusals.
    pub errors: DeviceErrorMap,
    /// Layout of function 17.
    pub run_indicator: RunIndicator,
    /// Answers of function 43; `None`: whatever the identity holds, and single objects.
    pub conformity: Option<Conformity>,
    /// The first of the eight coils that function 7 shows.
    pub exception_status_coil: u16,
    /// What the counters belong to.
    pub communication_of: CommunicationOf,
    /// When replies leave.
    pub timing: ReplyTiming,
    /// Bounds.
    pub limits: Limits,
}

impl Default for ModbusPersona {
    fn default() -> Self {
        Self {
            functions: FunctionSet::usual(),
            unsupported: Unsupported::default(),
            umas: Umas::default(),
            units: UnitPolicy::default(),
            wrong_unit: WrongUnit::default(),
            broadcast: BroadcastPolicy::default(),
            errors: DeviceErrorMap::default(),
            run_indicator: RunIndicator::default(),
            conformity: None,
            exception_status_coil: 0,
            communication_of: CommunicationOf::default(),
            timing: ReplyTiming::default(),
            limits: Limits::default(),
        }
    }
}

impl ModbusPersona {
    /// Whether the device keeps the counters and the log of functions 11 and 12.
    #[must_use]
    pub const fn keeps_events(&self) -> bool {
        self.functions.contains(fc::GET_COMM_EVENT_COUNTER)
            || self.functions.contains(fc::GET_COMM_EVENT_LOG)
    }
}
