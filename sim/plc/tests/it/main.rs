//! Behaviour of the compiler and of the controller, through the public interface only.
#![allow(
    clippy::unwrap_used,
    clippy::float_cmp,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    clippy::too_many_lines
)]

mod access;
mod blocks;
mod compile_errors;
mod language;
mod modes;
mod openplc;
mod programs;
mod robustness;
mod s7_blocks;
mod state;
mod tasks;
mod thread;
mod types;
mod units;

use sim_plc::{Plc, PlcConfig, ProgramConfig};
use sim_record::SimTime;

/// A controller with one program of 100 ms and eight channels of every kind.
pub fn config(source: &str) -> PlcConfig {
    PlcConfig {
        name: "PLC-T".into(),
        programs: vec![ProgramConfig {
            file_name: "main.st".into(),
            source: source.into(),
            period_us: 100_000,
        }],
        input_words: 8,
        input_bits: 8,
        output_words: 8,
        output_bits: 8,
        ..PlcConfig::default()
    }
}

/// Builds a controller from a source file.
pub fn plc(source: &str) -> Plc {
    Plc::new(config(source)).unwrap_or_else(|e| panic!("{e}\n{source}"))
}

/// Wraps declarations and statements in a program called MAIN.
pub fn program(declarations: &str, body: &str) -> String {
    format!("PROGRAM MAIN\n{declarations}\n{body}\nEND_PROGRAM\n")
}

/// Runs scan number `step` (from 0) at its time.
pub fn scan(plc: &mut Plc, step: u64) {
    plc.scan(SimTime(step * plc.period_us()));
}

/// Value of a variable after one scan.
pub fn after_scan(declarations: &str, body: &str, name: &str) -> f64 {
    let mut plc = plc(&program(declarations, body));
    scan(&mut plc, 0);
    assert_eq!(
        plc.scan_count(),
        1,
        "{body}: {:?}",
        sim_wire::device::DeviceModel::diagnostics(&plc)
    );
    plc.variable(name)
        .unwrap_or_else(|| panic!("no variable {name}"))
}

/// Value of an expression stored in a variable of the given type.
pub fn eval(ty: &str, expression: &str) -> f64 {
    let declarations = "VAR r : ".to_owned()
        + ty
        + "; i : INT := 7; j : INT := -3; d : DINT := 100000; u : UINT := 5; x : REAL := 2.5; y : REAL := -0.5; l : LREAL := 0.1; \
           t : TIME := T#1500ms; a : BOOL := TRUE; b : BOOL; w : WORD := 16#00F0; bb : BYTE := 16#81; dw : DWORD := 16#80000001; END_VAR";
    after_scan(&declarations, &format!("r := {expression};"), "r")
}

/// The fault text of the last diagnostics entry after one scan; panics if the CPU still runs.
pub fn fault_after_scan(declarations: &str, body: &str) -> String {
    let mut plc = plc(&program(declarations, body));
    scan(&mut plc, 0);
    assert_eq!(
        sim_wire::device::DeviceModel::mode(&plc),
        sim_wire::device::Mode::Fault,
        "{body}"
    );
    sim_wire::device::DeviceModel::diagnostics(&plc)
        .last()
        .unwrap()
        .text
        .clone()
}
