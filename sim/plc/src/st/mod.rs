//! IEC 61131-3 Structured Text: compiler and virtual machine.
//!
//! A source file becomes a [`Program`]: bytecode in which every variable has a fixed slot. Running it needs no
//! allocation and reads nothing but its slots, the controller's memory and the time it is given.
//!
//! Language choices where the standard leaves room:
//! - AND and OR evaluate both sides, so a guard belongs in an IF of its own.
//! - Results that do not fit their type, division by zero and bad indices fault the CPU; conversions to a smaller
//!   integer are checked, conversions to BYTE, WORD and DWORD keep the low bits.
//! - `REAL_TO_INT` rounds half to even; `TIME_TO_DINT` and `DINT_TO_TIME` count milliseconds, as do conversions of TOD;
//!   those of DATE and DT count seconds since 1970.
//! - A STRING without a length has 126 characters, as in OpenPLC. Texts that do not fit are cut off.
//! - Where a file has a CONFIGURATION, its tasks say when which program runs. Such a file is in OpenPLC's dialect: PID is
//!   the block of the standard's annex, and conversions of TIME and TOD count seconds.
//! - A PROGRAM called `STARTUP` is not cyclic: it runs once whenever the controller (re)starts.

mod annex;
mod ast;
mod blocks;
mod calls;
mod codegen;
mod configuration;
mod constants;
mod conversions;
mod data_types;
mod dates;
mod declarations;
mod error;
mod expressions;
mod fault;
mod functions;
mod initial;
mod instances;
mod instr;
mod lexer;
mod numeric;
mod parser;
mod places;
mod program;
mod sections;
mod statements;
mod symbols;
mod tasks;
mod text;
mod texts;
mod types;
mod variables;
mod vm;

pub(crate) use blocks::Cycle;
pub use error::CompileError;
pub use fault::{Fault, FaultKind};
pub(crate) use lexer::direct_address;
pub use program::{Program, VariableInfo};
pub(crate) use program::{read_memory, write_memory};
pub use sections::{Section, UnitKind, sections};

use crate::memory::MemoryLayout;
use error::{Errors, Pos};

/// Longest source file in bytes.
pub const MAX_SOURCE_BYTES: usize = 256 * 1024;
/// Deepest nesting of statements, parentheses and types.
pub const MAX_NESTING: usize = 48;
/// Deepest expression tree.
pub const MAX_EXPRESSION_DEPTH: u16 = 120;
/// Longest name in characters.
pub const MAX_IDENTIFIER_CHARS: usize = 128;
/// Most arguments of one call.
pub const MAX_ARGUMENTS: usize = 256;
/// Longest bytecode of one file, in instructions.
pub const MAX_INSTRUCTIONS: usize = 60_000;
/// Most scalar values of one file: variables, array elements, constants and intermediate results.
pub const MAX_SLOTS: usize = 60_000;
/// Most function block instances of one file.
pub const MAX_INSTANCES: usize = 4_096;
/// Deepest function block inside function block.
pub const MAX_INSTANCE_DEPTH: usize = 24;
/// Most bytes of the full names and bounds of all variables of one file together.
pub const MAX_NAME_BYTES: usize = 8 * 1024 * 1024;
/// Most dimensions of one array.
pub const MAX_DIMENSIONS: usize = 16;
/// Most tasks, and most programs with them, of one CONFIGURATION.
pub const MAX_TASKS: usize = 64;
/// Errors reported for one file.
pub const MAX_ERRORS: usize = 50;

/// Compiles a source file for a controller with OpenPLC addressing.
///
/// # Errors
/// Every problem found, in order of place, at most [`MAX_ERRORS`].
pub fn compile(source: &str) -> Result<Program, Vec<CompileError>> {
    compile_for(source, &MemoryLayout::openplc())
}

/// Compiles a source file for a controller with the given memory.
///
/// # Errors
/// Every problem found, in order of place, at most [`MAX_ERRORS`].
pub fn compile_for(source: &str, layout: &MemoryLayout) -> Result<Program, Vec<CompileError>> {
    let start = Pos { line: 1, column: 1 };
    if source.len() > MAX_SOURCE_BYTES {
        let message = format!("the file has {} bytes", source.len());
        return Err(vec![CompileError::new(
            start,
            "ST000",
            message,
            format!("a program has at most {MAX_SOURCE_BYTES} bytes"),
        )]);
    }
    let mut errors = Errors::default();
    let tokens = lexer::tokens(source, &mut errors);
    let unit = parser::parse(&tokens, &mut errors);
    drop(tokens);
    if errors.is_empty()
        && !unit
            .pous
            .iter()
            .any(|pou| pou.kind == ast::PouKind::Program)
    {
        errors.push(CompileError::new(
            start,
            "ST022",
            "the file has no PROGRAM",
            "write PROGRAM name ... END_PROGRAM",
        ));
    }
    // Meaning is only checked in what was understood; after a syntax error it would report what is not there.
    if !errors.is_empty() {
        return Err(errors.into_sorted());
    }
    codegen::generate(&unit, layout)
}
