//! Hostile sources, files and requests: errors, never a panic, always bounded.

use proptest::prelude::*;
use sim_plc::{MAX_DIAGNOSTICS, MAX_PENDING_EVENTS, Plc, PlcConfig};
use sim_record::SimTime;
use sim_wire::device::{Area, BitTable, DeviceModel, Mode, WordTable};

use crate::{config, program};

/// Every construct of the language once, to be mutated.
const EVERYTHING: &str = "
TYPE COLOR : (RED, GREEN := 5, BLUE); ROW : ARRAY[1..3] OF INT; END_TYPE
VAR_GLOBAL CONSTANT K : INT := 3; END_VAR
VAR_GLOBAL RETAIN g : REAL := 1.5; END_VAR
FUNCTION SCALE : REAL VAR_INPUT n : INT; END_VAR VAR_OUTPUT o : BOOL; END_VAR VAR l : ROW; END_VAR
  l[2] := n; o := n > K; SCALE := n * 0.5 ** 2; IF n < 0 THEN RETURN; END_IF;
END_FUNCTION
FUNCTION_BLOCK RAMP VAR_INPUT up : BOOL; END_VAR VAR_OUTPUT q : INT; END_VAR VAR e : R_TRIG; c : CTUD; END_VAR
  e(CLK := up); c(CU := e.Q, PV := 10, CV => q);
END_FUNCTION_BLOCK
PROGRAM STARTUP g := 2.0; END_PROGRAM
PROGRAM MAIN
VAR i, j : INT; d : DINT := -16#10; x : REAL; w AT %QW1 : WORD; b AT %IX0.1 : BOOL; t : TIME := T#1m2.5s;
  m : ARRAY[0..1, -1..1] OF REAL := [1.0, 4(2.5)]; r : ROW; col : COLOR := BLUE; f : RAMP := (up := TRUE); p : PID; ton1 : TON; END_VAR
VAR_EXTERNAL g : REAL; END_VAR
  f(up := b OR NOT (i > 3) XOR FALSE, q => j);
  ton1(IN := TRUE, PT := t * 2 / 3); p(AUTO := b, PV := x, SP := g, TI := T#5s);
  FOR i := 10 TO 1 BY -3 DO IF i = 4 THEN EXIT; ELSIF i MOD 2 = 0 THEN d := d + i; ELSE d := d - 1; END_IF; END_FOR;
  WHILE j < 5 DO j := j + 1; END_WHILE; REPEAT j := j - 1; UNTIL j <= 0 END_REPEAT;
  CASE col OF RED: i := 1; GREEN, COLOR#BLUE: i := 2; END_CASE; CASE i OF 1..2, 7: d := 0; ELSE d := 9; END_CASE;
  m[i / 2, K - 3] := SQRT(ABS(x)) + MAX(1.0, x, 2.0) + SCALE(n := i) + SEL(b, x, 1.0) + MUX(1, x, 2.0);
  w := SHL(w, 1) OR ROL(16#8001, 4) AND INT_TO_WORD(i); %MW3 := w; %QX0.0 := b & %IX0.2; r[i] := TRUNC(x); x := LIMIT(0.0, EXPT(x, 2) + LN(10.0), 99.0);
END_PROGRAM
";

fn words() -> impl Strategy<Value = String> {
    let tokens: Vec<&'static str> = EVERYTHING.split_whitespace().collect();
    proptest::collection::vec(proptest::sample::select(tokens), 0..60)
        .prop_map(|list| list.join(" "))
}

/// Compiles, and runs what compiles for a few scans.
fn exercise(source: &str) {
    let Ok(mut plc) = Plc::new(PlcConfig {
        watchdog_instructions: 20_000,
        ..config(source)
    }) else {
        return;
    };
    for step in 0..5_u64 {
        plc.set_input_bit((step % 3) as u16, step % 2 == 0);
        plc.set_input_word(0, u16::MAX.wrapping_mul(step as u16));
        plc.scan(SimTime(step * plc.period_us()));
        if plc.mode() == Mode::Fault {
            plc.request_mode(SimTime(step), Mode::Run).unwrap();
        }
    }
    assert!(!plc.save().is_empty());
}

#[test]
fn the_program_with_everything_runs() {
    let mut plc = Plc::new(config(EVERYTHING)).unwrap();
    for step in 0..100 {
        plc.scan(SimTime(step * 100_000));
    }
    assert_eq!(
        (plc.mode(), plc.scan_count()),
        (Mode::Run, 100),
        "{:?}",
        plc.diagnostics()
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,300}") {
        exercise(&text);
        exercise(&program("VAR i : INT; END_VAR", &text));
    }

    #[test]
    fn shuffled_words_never_panic(declarations in words(), body in words()) {
        exercise(&format!("PROGRAM P {body} END_PROGRAM"));
        exercise(&format!("{EVERYTHING} FUNCTION_BLOCK Z {declarations} {body} END_FUNCTION_BLOCK"));
        exercise(&format!("PROGRAM P VAR {declarations} END_VAR {body} END_PROGRAM"));
    }

    #[test]
    fn mutated_programs_never_panic(edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_usize..12), 1..6)) {
        let mut bytes = EVERYTHING.as_bytes().to_vec();
        for (at, with, length) in edits {
            let start = at.index(bytes.len());
            let end = (start + length).min(bytes.len());
            match with % 4 {
                0 => { bytes.drain(start..end); }
                1 => { let copy = bytes[start..end].to_vec(); bytes.splice(start..start, copy); }
                2 => bytes[start] = with,
                _ => bytes[start] = b"0123456789-()[];:.#%"[usize::from(with / 4) % 20],
            }
            if bytes.is_empty() { break; }
        }
        exercise(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn arbitrary_requests_never_panic_and_stay_bounded(
        requests in proptest::collection::vec((0_u8..9, any::<u16>(), any::<u32>(), proptest::collection::vec(any::<u16>(), 0..200)), 1..60)
    ) {
        let mut plc = Plc::new(config(EVERYTHING)).unwrap();
        for (step, (kind, start, offset, values)) in requests.into_iter().enumerate() {
            let now = SimTime(step as u64 * 100_000);
            let bytes: Vec<u8> = values.iter().map(|v| *v as u8).collect();
            let bits: Vec<bool> = values.iter().map(|v| v % 2 == 0).collect();
            let area = [Area::Input, Area::Output, Area::Marker, Area::DataBlock(start), Area::Timer][usize::from(start % 5)];
            let ok = match kind {
                0 => plc.write_words(now, start, &values).is_ok(),
                1 => plc.write_coils(now, start, &bits).is_ok(),
                2 => plc.write_area(now, area, offset % 20_000, &bytes).is_ok(),
                3 => plc.read_words(WordTable::InputRegisters, start, &mut values.clone()).is_ok(),
                4 => plc.read_bits(BitTable::Coils, start, &mut bits.clone()).is_ok(),
                5 => plc.read_area(area, offset, &mut bytes.clone()).is_ok(),
                6 => plc.write_file(now, "main.st", &bytes).is_ok(),
                7 => plc.set_variable(now, "x", f64::from(offset)).is_ok(),
                _ => plc.restore(&bytes).is_ok(),
            };
            let _ = ok;
            plc.scan(now);
            if plc.mode() != Mode::Run {
                plc.request_mode(now, Mode::Run).unwrap();
            }
        }
        prop_assert!(plc.diagnostics().len() <= MAX_DIAGNOSTICS);
        prop_assert!(plc.events().len() <= MAX_PENDING_EVENTS);
    }

    #[test]
    fn damaged_saved_states_never_panic(edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), cut in any::<prop::sample::Index>()) {
        let mut plc = Plc::new(config(EVERYTHING)).unwrap();
        plc.scan(SimTime::ZERO);
        let mut bytes = plc.save();
        for (at, with) in edits {
            let at = at.index(bytes.len());
            bytes[at] = with;
        }
        if cut.index(4) == 0 {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = plc.restore(&bytes);
        for step in 1..4 {
            plc.scan(SimTime(step * 100_000));
        }
    }
}
