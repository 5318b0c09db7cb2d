//! What a persona decides about its Modbus server.

use sim_record::SimDuration;

use crate::device::DeviceError;
use crate::modbus::ExceptionCode;
use crate::modbus::function::FunctionSet;

/// Bounds of one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of requests that wait at most; the rest stays with the transport. At least one frame always fits.
    pub input_bytes: usize,
    /// Replies that wait at most for the transport; further requests wait with theirs.
    pub replies_waiting: usize,
    /// Silence after which the connection is closed; `None` keeps it open.
    pub idle_timeout: Option<SimDuration>,
}

impl Limits {
    /// Bytes of requests that wait at most: some sixteen of the longest frames.
    pub const INPUT_BYTES: usize = 4096;
    /// Replies that wait at most: the upper end of what the guide calls a device's usual number of simultaneous
    /// transactions, 1 to 16.
    pub const REPLIES_WAITING: usize = 16;
    /// Silence after which a connection is closed.
    pub const IDLE_TIMEOUT: SimDuration = SimDuration::from_secs(120);
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            input_bytes: Self::INPUT_BYTES,
            replies_waiting: Self::REPLIES_WAITING,
            idle_timeout: Some(Self::IDLE_TIMEOUT),
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
}

impl UnitPolicy {
    /// Whether a unit id is the server's own.
    #[must_use]
    pub fn accepts(&self, unit: u8) -> bool {
        match self {
            Self::Any => true,
            Self::Only(units) => units.contains(&unit),
        }
    }
}

/// What becomes of a request with a foreign unit id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WrongUnit {
    /// No answer.
    #[default]
    Silent,
    /// Exception 0B, as a gateway answers.
    GatewayTargetFailed,
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
pub struct ServerConfig {
    /// Functions offered; others are refused with 01.
    pub functions: FunctionSet,
    /// Own unit ids.
    pub units: UnitPolicy,
    /// Foreign unit ids.
    pub wrong_unit: WrongUnit,
    /// Unit id 0.
    pub broadcast: BroadcastPolicy,
    /// Exceptions for the device's refusals.
    pub errors: DeviceErrorMap,
    /// Bounds.
    pub limits: Limits,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            functions: FunctionSet::all(),
            units: UnitPolicy::default(),
            wrong_unit: WrongUnit::default(),
            broadcast: BroadcastPolicy::default(),
            errors: DeviceErrorMap::default(),
            limits: Limits::default(),
        }
    }
}
