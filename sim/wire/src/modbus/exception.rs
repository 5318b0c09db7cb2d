//! Exception codes: one table with code, name and description (specification, chapter 7).

use std::fmt;

/// The code in an exception response. Any byte can be on the wire; the named ones are constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExceptionCode(pub u8);

impl ExceptionCode {
    /// 01: the function is not offered, or not in this state of the device.
    pub const ILLEGAL_FUNCTION: Self = Self(0x01);
    /// 02: an address of the range does not exist.
    pub const ILLEGAL_DATA_ADDRESS: Self = Self(0x02);
    /// 03: the structure of the request is wrong: quantity, byte count, coil value, length.
    pub const ILLEGAL_DATA_VALUE: Self = Self(0x03);
    /// 04: the device failed while doing it.
    pub const SERVER_DEVICE_FAILURE: Self = Self(0x04);
    /// 05: accepted, but it takes long.
    pub const ACKNOWLEDGE: Self = Self(0x05);
    /// 06: the device is busy with a long command.
    pub const SERVER_DEVICE_BUSY: Self = Self(0x06);
    /// 08: extended memory failed its consistency check.
    pub const MEMORY_PARITY_ERROR: Self = Self(0x08);
    /// 0A: the gateway has no path to the target.
    pub const GATEWAY_PATH_UNAVAILABLE: Self = Self(0x0A);
    /// 0B: the target behind the gateway did not answer.
    pub const GATEWAY_TARGET_FAILED: Self = Self(0x0B);

    /// The table's row for this code.
    #[must_use]
    pub fn info(self) -> Option<&'static ExceptionInfo> {
        TABLE.iter().find(|row| row.code == self)
    }
}

impl fmt::Display for ExceptionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.info() {
            Some(info) => write!(f, "{:02X} {}", self.0, info.name),
            None => write!(f, "{:02X} unknown exception", self.0),
        }
    }
}

/// One row of the exception table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExceptionInfo {
    /// Code on the wire.
    pub code: ExceptionCode,
    /// Name in the specification.
    pub name: &'static str,
    /// What it tells the client.
    pub description: &'static str,
}

/// Every exception of the specification, ascending by code.
pub const TABLE: &[ExceptionInfo] = &[
    row(
        ExceptionCode::ILLEGAL_FUNCTION,
        "illegal function",
        "The device does not offer the function, or not in its present state.",
    ),
    row(
        ExceptionCode::ILLEGAL_DATA_ADDRESS,
        "illegal data address",
        "The first address, or first address plus quantity, does not exist on the device.",
    ),
    row(
        ExceptionCode::ILLEGAL_DATA_VALUE,
        "illegal data value",
        "The structure of the request is wrong: quantity, byte count, coil value or length.",
    ),
    row(
        ExceptionCode::SERVER_DEVICE_FAILURE,
        "server device failure",
        "The device failed, or refused, while performing the action.",
    ),
    row(
        ExceptionCode::ACKNOWLEDGE,
        "acknowledge",
        "The device has accepted the request and needs a long time for it.",
    ),
    row(
        ExceptionCode::SERVER_DEVICE_BUSY,
        "server device busy",
        "The device is busy with a long command; ask again later.",
    ),
    row(
        ExceptionCode::MEMORY_PARITY_ERROR,
        "memory parity error",
        "Extended memory failed its consistency check.",
    ),
    row(
        ExceptionCode::GATEWAY_PATH_UNAVAILABLE,
        "gateway path unavailable",
        "The gateway is misconfigured or overloaded and has no path to the target.",
    ),
    row(
        ExceptionCode::GATEWAY_TARGET_FAILED,
        "gateway target device failed to respond",
        "No device with this unit id answered behind the gateway.",
    ),
];

const fn row(code: ExceptionCode, name: &'static str, description: &'static str) -> ExceptionInfo {
    ExceptionInfo {
        code,
        name,
        description,
    }
}
