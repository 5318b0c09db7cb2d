//! Compile errors with their place, and the bounded list that collects them.

use super::MAX_ERRORS;

/// A place in the source, counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pos {
    pub line: u32,
    pub column: u32,
}

/// Why a source does not compile, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{line}:{column}: {code}: {message}")]
pub struct CompileError {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Stable problem code, `ST` and three digits.
    pub code: &'static str,
    /// What is there.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl CompileError {
    pub(crate) fn new(
        pos: Pos,
        code: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            line: pos.line,
            column: pos.column,
            code,
            message: message.into(),
            hint: hint.into(),
        }
    }
}

/// Errors found so far, at most [`MAX_ERRORS`].
#[derive(Debug, Default)]
pub(crate) struct Errors {
    list: Vec<CompileError>,
}

impl Errors {
    pub fn push(&mut self, error: CompileError) {
        if !self.full() && !self.list.contains(&error) {
            self.list.push(error);
        }
    }

    pub fn full(&self) -> bool {
        self.list.len() >= MAX_ERRORS
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The errors in order of their place.
    pub fn into_sorted(mut self) -> Vec<CompileError> {
        self.list.sort();
        self.list
    }
}
