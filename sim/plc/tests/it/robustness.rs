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

/// What OpenPLC's dialect has beyond it.
const DIALECT: &str = "
TYPE LEVEL : INT (0..100) := 5; N : STRING[12]; P : STRUCT a : N := 'x$'$0A'; b : ARRAY[0..1, 1..2] OF LEVEL := [[1, 2], 2(7)]; c : ULINT; END_STRUCT
  Q : STRUCT p : ARRAY[1..3] OF P := [2((c := 4)), (a := 'z')]; d : DT := DT#2024-02-29-12:00:00; END_STRUCT; END_TYPE
FUNCTION_BLOCK F VAR_IN_OUT q : Q; l : LEVEL; s : STRING; END_VAR VAR_INPUT i : INT; END_VAR VAR_OUTPUT o : P; t : N := 'o'; END_VAR VAR RETAIN k : Q; END_VAR
  q.p[i].b[i MOD 2, i] := l; l := l + 1; s := CONCAT(s, q.p[i].a, 'y'); k := q; o := k.p[1]; q.p[2] := q.p[i]; END_FUNCTION_BLOCK
FUNCTION G : STRING VAR_INPUT p : P; n : INT; END_VAR VAR_IN_OUT u : ULINT; END_VAR u := u * 3; G := INSERT(p.a, 'abc', n); END_FUNCTION
PROGRAM main VAR q : ARRAY[0..1] OF Q; f : F; s, r : STRING := 'text'; l : LEVEL; u : ULINT; i : INT; w AT %QW1 : INT; t : TOD; d : DATE; c : CTU_DINT; m : RAMP; p : PID; x : LWORD; END_VAR
VAR_EXTERNAL g : DINT; END_VAR
  f(q := q[i], l := l, s := s, i := 1 + i, t => r); l := l MOD 50; i := (i + 1) MOD 2; r := G(q[i].p[1], n := i, u := u); u := u MOD 1000;
  s := REPLACE(LEFT(s, 20), r, 1, FIND(s, 'x')); IF s < r AND LEN(s) > 3 THEN s := MID(s, 3, 2); END_IF; q[0] := q[i];
  FOR i := 0 TO 5 DO IF i = 3 THEN CONTINUE; END_IF END_FOR; i := ADD(EN := l > 3, IN1 := 0, IN2 := 1, ENO => p.AUTO);
  t := TOD#23:00:00 - T#1h; d := DT_TO_DATE(q[0].d + T#1d); g := g + DATE_TO_DINT(d) / 100000000 + STRING_TO_DINT('5'); w := WORD_TO_INT(UINT_TO_BCD_WORD(42)); x := ROL(NOT x, 3);
  c(CU := i > 0, PV := 3); m(RUN := TRUE, X1 := 3.0, TR := T#1s, CYCLE := T#100ms); p(KP := 1.0, TR := 2.0, CYCLE := T#100ms); s := CONCAT(s, REAL_TO_STRING(m.XOUT));
END_PROGRAM
PROGRAM other VAR n : INT; END_VAR n := (n + 1) MOD 9; END_PROGRAM
CONFIGURATION c VAR_GLOBAL RETAIN g : DINT; go AT %IX0.0 : BOOL; END_VAR RESOURCE r ON PLC
  TASK a(INTERVAL := T#100ms, PRIORITY := 1); TASK b(SINGLE := go, PRIORITY := 0); PROGRAM i WITH a : main; PROGRAM j WITH b : other; PROGRAM k WITH b : other;
END_RESOURCE END_CONFIGURATION
";

fn words() -> impl Strategy<Value = String> {
    let tokens: Vec<&'static str> = EVERYTHING
        .split_whitespace()
        .chain(DIALECT.split_whitespace())
        .collect();
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
fn types_inside_each_other_and_names_are_bounded() {
    let refused = |source: &str, code: &str| {
        let errors = sim_plc::st::compile(source).expect_err("too much");
        assert_eq!(errors[0].code, code, "{}", errors[0]);
    };
    let mut chain = "TYPE S0 : STRUCT a : INT; END_STRUCT;\n".to_owned();
    for i in 1..5_000 {
        chain += &format!("S{i} : STRUCT a : S{}; END_STRUCT;\n", i - 1);
    }
    refused(&format!("{chain} END_TYPE PROGRAM P END_PROGRAM"), "ST040");
    // Doubling 30 times would be a thousand million slots.
    let mut doubling = "TYPE S0 : STRUCT a : INT; END_STRUCT;\n".to_owned();
    for i in 1..30 {
        doubling += &format!("S{i} : STRUCT a, b : S{}; END_STRUCT;\n", i - 1);
    }
    refused(
        &format!("{doubling} END_TYPE PROGRAM P END_PROGRAM"),
        "ST040",
    );
    let flat = format!(
        "PROGRAM P VAR a : ARRAY[{}0..0] OF INT; END_VAR END_PROGRAM",
        "0..0, ".repeat(16)
    );
    refused(&flat, "ST040");
    let texts = "PROGRAM P VAR a : ARRAY[0..1999] OF STRING[254]; END_VAR END_PROGRAM";
    refused(texts, "ST040");
    refused(
        &format!(
            "PROGRAM P VAR {} : INT; END_VAR END_PROGRAM",
            "a".repeat(129)
        ),
        "ST008",
    );
    // Types inside function blocks are made once per instance.
    let instances: String = (0..4000).map(|i| format!("i{i},")).collect();
    let many = |inside: &str| {
        format!(
            "FUNCTION_BLOCK B VAR_IN_OUT x : {inside}; END_VAR END_FUNCTION_BLOCK PROGRAM P VAR {instances} z : B; END_VAR END_PROGRAM"
        )
    };
    let values: Vec<String> = (0..5000).map(|i| format!("v{i}")).collect();
    refused(&many(&format!("({})", values.join(","))), "ST040");
    refused(
        &many(&format!("STRUCT {} : INT; END_STRUCT", values.join(","))),
        "ST040",
    );
    let long = "n".repeat(128);
    let fields: String = (0..600)
        .map(|i| format!("{}{i:04} : INT;", "f".repeat(120)))
        .collect();
    let inner = format!("TYPE I : STRUCT {fields} END_STRUCT; END_TYPE");
    let vars: String = (0..90)
        .map(|i| format!("{}{i:03} : I;", "v".repeat(120)))
        .collect();
    refused(
        &format!("{inner} PROGRAM {long} VAR {vars} END_VAR END_PROGRAM"),
        "ST040",
    );
    let literal = format!(
        "PROGRAM P VAR s : STRING; END_VAR s := '{}'; END_PROGRAM",
        "x".repeat(255)
    );
    refused(&literal, "ST004");
}

#[test]
fn the_program_with_everything_runs() {
    for source in [EVERYTHING, DIALECT] {
        let mut plc = Plc::new(config(source)).unwrap_or_else(|e| panic!("{e}"));
        for step in 0..100 {
            plc.set_input_bit(0, step % 7 == 0);
            plc.scan(SimTime(step * 100_000));
        }
        assert_eq!(
            (plc.mode(), plc.scan_count()),
            (Mode::Run, 100),
            "{:?}",
            plc.diagnostics()
        );
    }
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
        let dialect = edits.first().is_some_and(|(_, with, _)| with % 2 == 0);
        let mut bytes = if dialect { DIALECT } else { EVERYTHING }.as_bytes().to_vec();
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
        let source = if cut.index(3) == 0 { EVERYTHING } else { DIALECT };
        let mut plc = Plc::new(config(source)).unwrap();
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
