//! The only way a protocol server reaches its device.

use sim_record::SimTime;

/// Bit tables of the Modbus data model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BitTable {
    /// Read-write single bits.
    Coils,
    /// Read-only single bits.
    DiscreteInputs,
}

/// Word tables of the Modbus data model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WordTable {
    /// Read-only 16-bit words.
    InputRegisters,
    /// Read-write 16-bit words.
    HoldingRegisters,
}

/// Memory areas of a controller, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Area {
    /// Process image of inputs (%I).
    Input,
    /// Process image of outputs (%Q).
    Output,
    /// Markers (%M).
    Marker,
    /// A data block.
    DataBlock(u16),
    /// Timers.
    Timer,
    /// Counters.
    Counter,
}

/// Operating mode of a controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Executing its program.
    Run,
    /// Not executing; outputs in their fail state; communication answers.
    Stop,
    /// Stopped by a fault; outputs in their fail state; communication answers.
    Fault,
}

/// Trust in a value, as OPC names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quality {
    /// The value is current.
    Good,
    /// The value is old or doubtful.
    Uncertain,
    /// The value must not be used.
    Bad,
}

/// One named value with its quality and the virtual time it was last set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Engineering value; booleans are 0 and 1.
    pub value: f64,
    /// Trust in the value.
    pub quality: Quality,
    /// Virtual time of the last change of source data.
    pub time: SimTime,
}

/// Identity that a device tells about itself (Modbus FC17 and FC43/14, S7 SZL).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Object 0x00.
    pub vendor_name: String,
    /// Object 0x01.
    pub product_code: String,
    /// Object 0x02.
    pub revision: String,
    /// Object 0x03; empty means not offered.
    pub vendor_url: String,
    /// Object 0x04; empty means not offered.
    pub product_name: String,
    /// Object 0x05; empty means not offered.
    pub model_name: String,
    /// Object 0x06; empty means not offered.
    pub application_name: String,
    /// Vendor-specific objects 0x80 and up, ascending by id.
    pub extended: Vec<(u8, String)>,
    /// FC17: bytes of the server id before the run indicator.
    pub server_id: Vec<u8>,
    /// FC17: bytes that follow the run indicator.
    pub server_id_extra: Vec<u8>,
}

/// One entry of the diagnostics buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiagnosticEvent {
    /// When it happened.
    pub time: SimTime,
    /// Short text in the words of the vendor's manual.
    pub text: String,
}

/// Why a device refuses a request. Each protocol maps it to its own codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// The function is not offered by this persona.
    #[error("function not supported")]
    NotSupported,
    /// An address of the range does not exist.
    #[error("address does not exist")]
    BadAddress,
    /// A value is out of range or malformed.
    #[error("value not allowed")]
    BadValue,
    /// The area or the device refuses writes now (key switch, protection, read-only).
    #[error("write refused")]
    WriteRefused,
    /// The operating mode or key position forbids it.
    #[error("mode or key position forbids it")]
    ModeRefused,
    /// The device cannot answer now.
    #[error("device failure")]
    Failure,
}

/// What a protocol server may ask of its device. Nothing here reads a clock: `now` is an argument.
pub trait DeviceModel {
    /// Identity strings.
    fn identity(&self) -> &Identity;
    /// Current operating mode.
    fn mode(&self) -> Mode;
    /// Asks for another mode, as a programming client would.
    fn request_mode(&mut self, now: SimTime, mode: Mode) -> Result<(), DeviceError>;
    /// Fills `out` with bits from `start`.
    fn read_bits(&self, table: BitTable, start: u16, out: &mut [bool]) -> Result<(), DeviceError>;
    /// Writes coils from `start`; all or none.
    fn write_coils(&mut self, now: SimTime, start: u16, values: &[bool])
    -> Result<(), DeviceError>;
    /// Fills `out` with words from `start`.
    fn read_words(&self, table: WordTable, start: u16, out: &mut [u16]) -> Result<(), DeviceError>;
    /// Writes holding registers from `start`; all or none.
    fn write_words(&mut self, now: SimTime, start: u16, values: &[u16]) -> Result<(), DeviceError>;
    /// Fills `out` with bytes of an area (for S7 and for the engineering station).
    fn read_area(&self, area: Area, offset: u32, out: &mut [u8]) -> Result<(), DeviceError>;
    /// Writes bytes of an area; all or none.
    fn write_area(
        &mut self,
        now: SimTime,
        area: Area,
        offset: u32,
        bytes: &[u8],
    ) -> Result<(), DeviceError>;
    /// A named point.
    fn point(&self, tag: &str) -> Option<Point>;
    /// Diagnostics buffer, newest last, bounded.
    fn diagnostics(&self) -> &[DiagnosticEvent];
    /// Names of stored program files.
    fn file_names(&self) -> Vec<String>;
    /// Uploads a stored program file.
    fn read_file(&self, name: &str) -> Result<Vec<u8>, DeviceError>;
    /// Downloads a program file: compiled at once; a file that does not compile is refused, one that faults does so
    /// in its next scan.
    fn write_file(&mut self, now: SimTime, name: &str, bytes: &[u8]) -> Result<(), DeviceError>;
}
