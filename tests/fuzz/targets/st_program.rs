//! Any text as a Structured Text program: the compiler refuses it with places, or the controller runs it within its
//! bounds. A bad program faults the CPU, never the host.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sim_plc::st::{MAX_ERRORS, compile};
use sim_plc::{Plc, PlcConfig, ProgramConfig};
use sim_record::SimTime;

/// Scans of a program that compiles.
const SCANS: u64 = 3;
/// Instructions after which the watchdog faults the CPU: enough for every branch, short enough for many inputs.
const WATCHDOG_INSTRUCTIONS: u64 = 2_000;

fuzz_target!(|bytes: &[u8]| {
    let Ok(source) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Err(errors) = compile(source) {
        assert!(!errors.is_empty() && errors.len() <= MAX_ERRORS);
        for error in errors {
            assert!(error.line >= 1 && error.column >= 1, "{error:?}");
        }
        return;
    }
    let config = PlcConfig {
        name: "PLC".into(),
        programs: vec![ProgramConfig {
            file_name: "main.st".into(),
            source: source.into(),
            period_us: 100_000,
        }],
        input_words: 4,
        input_bits: 8,
        output_words: 4,
        output_bits: 8,
        watchdog_instructions: WATCHDOG_INSTRUCTIONS,
        ..PlcConfig::default()
    };
    let Ok(mut plc) = Plc::new(config) else {
        return;
    };
    for scan in 0..SCANS {
        plc.set_input_word(0, bytes.len() as u16);
        plc.set_input_bit(0, scan % 2 == 1);
        plc.scan(SimTime(scan * plc.period_us()));
    }
});
