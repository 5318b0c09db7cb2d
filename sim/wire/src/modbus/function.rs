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
/// Read Exception Status.
pub const READ_EXCEPTION_STATUS: u8 = 7;
/// Diagnostics.
pub const DIAGNOSTICS: u8 = 8;
/// Get Comm Event Counter.
pub const GET_COMM_EVENT_COUNTER: u8 = 11;
/// Get Comm Event Log.
pub const GET_COMM_EVENT_LOG: u8 = 12;
/// Write Multiple Coils.
pub const WRITE_MULTIPLE_COILS: u8 = 15;
/// Write Multiple Registers.
pub const WRITE_MULTIPLE_REGISTERS: u8 = 16;
/// Report Server ID.
pub const REPORT_SERVER_ID: u8 = 17;
/// Read File Record.
pub const READ_FILE_RECORD: u8 = 20;
/// Write File Record.
pub const WRITE_FILE_RECORD: u8 = 21;
/// Mask Write Register.
pub const MASK_WRITE_REGISTER: u8 = 22;
/// Read/Write Multiple Registers.
pub const READ_WRITE_MULTIPLE_REGISTERS: u8 = 23;
/// Read FIFO Queue.
pub const READ_FIFO_QUEUE: u8 = 24;
/// Encapsulated Interface Transport; with MEI type 14, Read Device Identification.
pub const ENCAPSULATED_INTERFACE: u8 = 43;
/// MEI type of Read Device Identification.
pub const MEI_DEVICE_IDENTIFICATION: u8 = 14;
/// The code that one vendor's controllers use for programming (UMAS); no function of the specification, never served.
pub const UMAS: u8 = 90;
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
    row(READ_EXCEPTION_STATUS, "Read Exception Status", false),
    row(DIAGNOSTICS, "Diagnostics", false),
    row(GET_COMM_EVENT_COUNTER, "Get Comm Event Counter", false),
    row(GET_COMM_EVENT_LOG, "Get Comm Event Log", false),
    row(WRITE_MULTIPLE_COILS, "Write Multiple Coils", true),
    row(WRITE_MULTIPLE_REGISTERS, "Write Multiple Registers", true),
    row(REPORT_SERVER_ID, "Report Server ID", false),
    row(READ_FILE_RECORD, "Read File Record", false),
    row(WRITE_FILE_RECORD, "Write File Record", true),
    row(MASK_WRITE_REGISTER, "Mask Write Register", true),
    row(
        READ_WRITE_MULTIPLE_REGISTERS,
        "Read/Write Multiple Registers",
        true,
    ),
    row(READ_FIFO_QUEUE, "Read FIFO Queue", false),
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

    /// What most controllers on TCP offer: no serial-line status (7, 11, 12), no files (20, 21), no queues (24).
    #[must_use]
    pub fn usual() -> Self {
        [
            READ_EXCEPTION_STATUS,
            GET_COMM_EVENT_COUNTER,
            GET_COMM_EVENT_LOG,
            READ_FILE_RECORD,
            WRITE_FILE_RECORD,
            READ_FIFO_QUEUE,
        ]
        .into_iter()
        .fold(Self::all(), Self::without)
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
