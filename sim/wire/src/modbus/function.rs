//! Function codes (specification, chapter 6).

/// Read Coils.
pub const READ_COILS: u8 = 1;
/// Read Discrete Inputs.
pub const READ_DISCRETE_INPUTS: u8 = 2;
/// Read Holding Registers.
pub const READ_HOLDING_REGISTERS: u8 = 3;
/// Read Input Registers.
pub const READ_INPUT_REGISTERS: u8 = 4;
/// Write Single Coil.
pub const WRITE_SINGLE_COIL: u8 = 5;
/// Write Single Register.
pub const WRITE_SINGLE_REGISTER: u8 = 6;
/// Diagnostics.
pub const DIAGNOSTICS: u8 = 8;
/// Write Multiple Coils.
pub const WRITE_MULTIPLE_COILS: u8 = 15;
/// Write Multiple Registers.
pub const WRITE_MULTIPLE_REGISTERS: u8 = 16;
/// Report Server ID.
pub const REPORT_SERVER_ID: u8 = 17;
/// Mask Write Register.
pub const MASK_WRITE_REGISTER: u8 = 22;
/// Read/Write Multiple Registers.
pub const READ_WRITE_MULTIPLE_REGISTERS: u8 = 23;
/// Encapsulated Interface Transport; with MEI type 14, Read Device Identification.
pub const ENCAPSULATED_INTERFACE: u8 = 43;
/// MEI type of Read Device Identification.
pub const MEI_DEVICE_IDENTIFICATION: u8 = 14;
/// Added to the function code of a request in an exception response.
pub const EXCEPTION_BIT: u8 = 0x80;

/// One served function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionInfo {
    /// Function code.
    pub code: u8,
    /// Name in the specification.
    pub name: &'static str,
    /// Whether it changes the device's memory.
    pub writes: bool,
}

/// Every function that the server session can serve, ascending by code.
pub const TABLE: &[FunctionInfo] = &[
    row(READ_COILS, "Read Coils", false),
    row(READ_DISCRETE_INPUTS, "Read Discrete Inputs", false),
    row(READ_HOLDING_REGISTERS, "Read Holding Registers", false),
    row(READ_INPUT_REGISTERS, "Read Input Registers", false),
    row(WRITE_SINGLE_COIL, "Write Single Coil", true),
    row(WRITE_SINGLE_REGISTER, "Write Single Register", true),
    row(DIAGNOSTICS, "Diagnostics", false),
    row(WRITE_MULTIPLE_COILS, "Write Multiple Coils", true),
    row(WRITE_MULTIPLE_REGISTERS, "Write Multiple Registers", true),
    row(REPORT_SERVER_ID, "Report Server ID", false),
    row(MASK_WRITE_REGISTER, "Mask Write Register", true),
    row(
        READ_WRITE_MULTIPLE_REGISTERS,
        "Read/Write Multiple Registers",
        true,
    ),
    row(ENCAPSULATED_INTERFACE, "Read Device Identification", false),
];

/// The table's row for a function code.
#[must_use]
pub fn info(code: u8) -> Option<&'static FunctionInfo> {
    TABLE.iter().find(|row| row.code == code)
}

/// Whether a function changes the device's memory; unknown functions do not.
#[must_use]
pub fn writes(code: u8) -> bool {
    info(code).is_some_and(|row| row.writes)
}

const fn row(code: u8, name: &'static str, writes: bool) -> FunctionInfo {
    FunctionInfo { code, name, writes }
}

/// A set of function codes, for personas that do not offer all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionSet(u128);

impl FunctionSet {
    /// No function.
    pub const NONE: Self = Self(0);

    /// Every function of [`TABLE`].
    #[must_use]
    pub fn all() -> Self {
        TABLE.iter().fold(Self::NONE, |set, row| set.with(row.code))
    }

    /// The set with `code`; codes of 128 and above are exception responses and cannot be in a set.
    #[must_use]
    pub const fn with(self, code: u8) -> Self {
        if code < EXCEPTION_BIT {
            Self(self.0 | (1 << code))
        } else {
            self
        }
    }

    /// The set without `code`.
    #[must_use]
    pub const fn without(self, code: u8) -> Self {
        if code < EXCEPTION_BIT {
            Self(self.0 & !(1 << code))
        } else {
            self
        }
    }

    /// Whether `code` is in the set.
    #[must_use]
    pub const fn contains(self, code: u8) -> bool {
        code < EXCEPTION_BIT && self.0 & (1 << code) != 0
    }
}
