//! What can go wrong while a program runs. It stops the CPU, never the host.

/// Kind of a run-time fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// A result does not fit its type.
    Overflow,
    /// Division or MOD by zero.
    DivisionByZero,
    /// An array index outside its bounds.
    BadIndex,
    /// An operand for which the function has no result, such as SQRT of a negative number.
    BadValue,
    /// More instructions in one scan than the watchdog allows.
    Watchdog,
    /// Calls nested deeper than the controller's stack.
    CallDepth,
}

impl FaultKind {
    /// Short text for the diagnostics buffer.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Overflow => "numeric overflow",
            Self::DivisionByZero => "division by zero",
            Self::BadIndex => "array index out of bounds",
            Self::BadValue => "operand out of range",
            Self::Watchdog => "scan time watchdog expired",
            Self::CallDepth => "call stack overflow",
        }
    }
}

/// A fault and the source line whose code raised it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Kind of the fault.
    pub kind: FaultKind,
    /// Line in the source file, from 1; 0 where no line is known.
    pub line: u32,
}
