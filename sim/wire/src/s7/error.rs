//! Error codes: what a CPU answers, and what it means.

use std::fmt;

/// The code in the header of a job's answer, or in the parameters of a userdata answer. Any number can be on the
/// wire; the named ones are constants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ErrorCode(pub u16);

impl ErrorCode {
    /// 0000: done.
    pub const NONE: Self = Self(0x0000);
    /// 8001: not possible in the present state.
    pub const STATE: Self = Self(0x8001);
    /// 8104: the CPU does not have this service.
    pub const NOT_IMPLEMENTED: Self = Self(0x8104);
    /// 8304: no further parallel upload.
    pub const NO_MORE_UPLOADS: Self = Self(0x8304);
    /// 8305: the function is not available.
    pub const NOT_AVAILABLE: Self = Self(0x8305);
    /// 8401: services in the wrong order.
    pub const SEQUENCE: Self = Self(0x8401);
    /// 8402: the state of the object forbids it, as when a CPU to be started runs already.
    pub const OBJECT_STATE: Self = Self(0x8402);
    /// 8404: the function cannot be performed.
    pub const CANNOT_PERFORM: Self = Self(0x8404);
    /// 8500: wrong telegram, also an answer that would exceed the PDU.
    pub const WRONG_PDU: Self = Self(0x8500);
    /// 8702: the partner does not support the service.
    pub const SERVICE_NOT_SUPPORTED: Self = Self(0x8702);
    /// 8703: access to the object refused.
    pub const ACCESS_REFUSED: Self = Self(0x8703);
    /// D081: not permitted in the present operating mode.
    pub const MODE: Self = Self(0xD081);
    /// D201: syntax error in a block's name.
    pub const BLOCK_NAME: Self = Self(0xD201);
    /// D202: syntax error in a function's parameters.
    pub const PARAMETER_SYNTAX: Self = Self(0xD202);
    /// D209: block not found.
    pub const BLOCK_NOT_FOUND: Self = Self(0xD209);
    /// D20E: no (further) block.
    pub const NO_BLOCK: Self = Self(0xD20E);
    /// D20F: larger than the module takes.
    pub const BLOCK_TOO_LARGE: Self = Self(0xD20F);
    /// D210: invalid block number.
    pub const BLOCK_NUMBER: Self = Self(0xD210);
    /// D219: wrong lengths in a block.
    pub const BLOCK_LENGTHS: Self = Self(0xD219);
    /// D226: structural error in a block.
    pub const BLOCK_STRUCTURE: Self = Self(0xD226);
    /// D240: another block function is under way.
    pub const COORDINATION: Self = Self(0xD240);
    /// D241: not permitted in the present protection level.
    pub const PROTECTION: Self = Self(0xD241);
    /// D402: no such information.
    pub const NO_INFORMATION: Self = Self(0xD402);
    /// D405: syntax error in the parameters of an information function.
    pub const INFORMATION_SYNTAX: Self = Self(0xD405);
    /// D602: wrong password.
    pub const WRONG_PASSWORD: Self = Self(0xD602);
    /// D604: no password to clear.
    pub const NOT_LEGITIMATED: Self = Self(0xD604);
    /// D605: no password is set.
    pub const NO_PASSWORD: Self = Self(0xD605);
    /// D801: at least one address is wrong.
    pub const CYCLIC_ADDRESS: Self = Self(0xD801);
    /// D802: the job does not exist.
    pub const CYCLIC_UNKNOWN: Self = Self(0xD802);
    /// D804: illegal cycle time.
    pub const CYCLIC_TIME: Self = Self(0xD804);
    /// D805: no more cyclic jobs.
    pub const CYCLIC_FULL: Self = Self(0xD805);
    /// DC01: invalid date or time.
    pub const INVALID_TIME: Self = Self(0xDC01);

    /// What it means, in English; empty for a code that is not in the table.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::NONE => "no error",
            Self::STATE => "not possible in the present state",
            Self::NOT_IMPLEMENTED => "the CPU does not have this service, or error in the telegram",
            Self::NO_MORE_UPLOADS => "no further parallel upload possible",
            Self::NOT_AVAILABLE => "function not available",
            Self::SEQUENCE => "services in the wrong order",
            Self::OBJECT_STATE => "the state of the object forbids the service",
            Self::CANNOT_PERFORM => "the function cannot be performed",
            Self::WRONG_PDU => "wrong telegram, or the answer exceeds the PDU",
            Self::SERVICE_NOT_SUPPORTED => "service not supported by the module",
            Self::ACCESS_REFUSED => "access to the object refused",
            Self::MODE => "not permitted in the present operating mode",
            Self::BLOCK_NAME => "syntax error in the block name",
            Self::PARAMETER_SYNTAX => "syntax error in the function parameters",
            Self::BLOCK_NOT_FOUND => "block not found",
            Self::NO_BLOCK => "no (further) block",
            Self::BLOCK_TOO_LARGE => "block larger than the module takes",
            Self::BLOCK_NUMBER => "invalid block number",
            Self::BLOCK_LENGTHS => "wrong lengths in the block",
            Self::BLOCK_STRUCTURE => "structural error in the block",
            Self::COORDINATION => "another block function is under way",
            Self::PROTECTION => "not permitted in the present protection level",
            Self::NO_INFORMATION => "no such information",
            Self::INFORMATION_SYNTAX => "information service unknown or with wrong parameters",
            Self::WRONG_PASSWORD => "wrong password",
            Self::NOT_LEGITIMATED => "no password to clear",
            Self::NO_PASSWORD => "no password is set",
            Self::CYCLIC_ADDRESS => "at least one address is wrong",
            Self::CYCLIC_UNKNOWN => "the cyclic job does not exist",
            Self::CYCLIC_TIME => "illegal cycle time",
            Self::CYCLIC_FULL => "no more cyclic jobs",
            Self::INVALID_TIME => "invalid date or time",
            _ => "",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.meaning() {
            "" => write!(f, "{:04X} unknown error", self.0),
            meaning => write!(f, "{:04X} {meaning}", self.0),
        }
    }
}

/// The code of one variable in the answer to a read or write job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ItemCode(pub u8);

impl ItemCode {
    /// FF: done.
    pub const OK: Self = Self(0xFF);
    /// 01: the hardware failed.
    pub const HARDWARE: Self = Self(0x01);
    /// 03: access not allowed.
    pub const ACCESS: Self = Self(0x03);
    /// 05: the address is outside the area.
    pub const ADDRESS: Self = Self(0x05);
    /// 06: the data type is not supported here, as more than one bit at a time.
    pub const TYPE: Self = Self(0x06);
    /// 07: data type and length do not fit together.
    pub const SIZE: Self = Self(0x07);
    /// 0A: the object does not exist, as a data block or an area.
    pub const MISSING: Self = Self(0x0A);

    /// What it means, in English; empty for a code that is not in the table.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::OK => "done",
            Self::HARDWARE => "hardware fault",
            Self::ACCESS => "access not allowed",
            Self::ADDRESS => "address outside the area",
            Self::TYPE => "data type not supported",
            Self::SIZE => "data type and length do not fit",
            Self::MISSING => "object does not exist",
            _ => "",
        }
    }
}

impl fmt::Display for ItemCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.meaning() {
            "" => write!(f, "{:02X} unknown item code", self.0),
            meaning => write!(f, "{:02X} {meaning}", self.0),
        }
    }
}
