//! Parameters by reference, EN and ENO, library blocks, CONTINUE, leniencies.

use sim_wire::device::{DeviceModel, Mode};

use crate::{after_scan, eval, plc, program, scan};

/// One scan of a whole file; gives a variable.
fn run(source: &str, name: &str) -> f64 {
    let mut plc = plc(source);
    scan(&mut plc, 0);
    assert_eq!(plc.mode(), Mode::Run, "{source}: {:?}", plc.diagnostics());
    plc.variable(name)
        .unwrap_or_else(|| panic!("no variable {name}"))
}

fn error(source: &str) -> (u32, u32, &'static str) {
    let error = sim_plc::st::compile(source).expect_err(source).remove(0);
    (error.line, error.column, error.code)
}

const UNITS: &str = "TYPE MOTOR : STRUCT starts : INT; name : STRING[8]; speed : ARRAY[0..2] OF REAL; END_STRUCT; END_TYPE
FUNCTION_BLOCK BUMP VAR_IN_OUT x : INT; END_VAR VAR_INPUT more : INT := 1; END_VAR VAR n : INT; END_VAR
  n := n + 1; x := x + more;
END_FUNCTION_BLOCK
FUNCTION_BLOCK START VAR_IN_OUT m : MOTOR; label : STRING; END_VAR VAR b : BUMP; END_VAR
  b(x := m.starts); m.speed[m.starts MOD 3] := 2.5; m.name := CONCAT(label, '!'); label := INT_TO_STRING(m.starts);
END_FUNCTION_BLOCK
FUNCTION SWAP : BOOL VAR_IN_OUT a, b : INT; END_VAR VAR t : INT; END_VAR t := a; a := b; b := t; SWAP := a > b; END_FUNCTION
FUNCTION TOTAL : REAL VAR_INPUT m : MOTOR; END_VAR VAR i : INT; END_VAR
  FOR i := 0 TO 2 DO TOTAL := TOTAL + m.speed[i]; m.speed[i] := 0.0; END_FOR;
END_FUNCTION
FUNCTION GREET : STRING VAR_INPUT who : STRING; times : INT; END_VAR VAR i : INT; END_VAR
  FOR i := 1 TO times DO GREET := CONCAT(GREET, who); END_FOR;
END_FUNCTION
FUNCTION_BLOCK MAKER VAR_OUTPUT m : MOTOR := (starts := 3); s : STRING := 'made'; END_VAR m.starts := m.starts + 1; END_FUNCTION_BLOCK
";

#[test]
fn a_parameter_by_reference_changes_the_variable_itself() {
    let declarations = "VAR i : INT := 5; a : ARRAY[1..3] OF INT := [1, 2, 3]; f : BUMP; w AT %QW3 : INT; k : INT := 2; END_VAR";
    let source = |body: &str| UNITS.to_owned() + &program(declarations, body);
    assert_eq!(run(&source("f(x := i, more := 10); f(x := i);"), "i"), 25.0);
    assert_eq!(
        run(&source("f(x := a[k], more := 7); f(x := a[k]);"), "a[2]"),
        16.0
    );
    // Located variables and addresses are copied in and out.
    assert_eq!(run(&source("w := 4; f(w); f(x := %QW3);"), "w"), 6.0);
    assert_eq!(run(&source("SWAP(a[1], a[k + 1]);"), "a[1]"), 3.0);
    assert_eq!(run(&source("SWAP(a := i, b := k); f(x := i);"), "i"), 3.0);
    assert_eq!(run(&source("f(x := i); f(x := k);"), "f.n"), 2.0);
}

#[test]
fn structures_and_texts_pass_by_reference_through_several_blocks() {
    let declarations = "VAR ms : ARRAY[0..1] OF MOTOR; st : START; who : STRING[20] := 'M'; i : INT := 1; total : REAL; n : INT; END_VAR";
    let body = "st(m := ms[i], label := who); st(m := ms[i], label := who); total := TOTAL(ms[i]); n := LEN(GREET(ms[i].name, 2));";
    let source = UNITS.to_owned() + &program(declarations, body);
    for (name, value) in [
        ("ms[1].starts", 2.0),
        ("ms[0].starts", 0.0),
        ("ms[1].speed[1]", 2.5),
        ("total", 5.0),
        ("n", 4.0),
    ] {
        assert_eq!(run(&source, name), value, "{name}");
    }
    let mut plc = plc(&source);
    scan(&mut plc, 0);
    assert_eq!(plc.text("ms[1].name").as_deref(), Some("1!"));
    assert_eq!(plc.text("who").as_deref(), Some("2"));
}

#[test]
fn functions_and_blocks_give_texts_and_structures() {
    let declarations = "VAR mk : MAKER; got : MOTOR; s, t : STRING; n : INT; END_VAR";
    let body = "mk(m => got, s => s); n := mk.m.starts; t := CONCAT(GREET('ab', 2), GREET(GREET('c', 2), 2)); t := CONCAT(t, mk.s);";
    let mut plc = plc(&(UNITS.to_owned() + &program(declarations, body)));
    scan(&mut plc, 0);
    assert_eq!(plc.variable("got.starts"), Some(4.0));
    assert_eq!(plc.variable("n"), Some(4.0));
    assert_eq!(plc.text("t").as_deref(), Some("ababccccmade"));
    assert_eq!(plc.text("MAIN.S").as_deref(), Some("made"));
}

#[test]
fn wrong_references_are_refused_at_their_place() {
    let vars = "VAR i : INT; d : DINT; f : BUMP; st : START; s : STRING; in1 AT %IW0 : INT; END_VAR VAR CONSTANT k : INT := 1; END_VAR";
    let lines = UNITS.lines().count() as u32;
    for (body, column, code) in [
        ("f();", 1, "ST077"),
        ("f(more := 2);", 1, "ST077"),
        ("f(x := 5);", 8, "ST077"),
        ("f(x := i + 1);", 10, "ST077"),
        ("f(x := d);", 8, "ST077"),
        ("f(x := k);", 8, "ST057"),
        ("f(x := in1);", 8, "ST057"),
        ("f(x := s);", 8, "ST077"),
        ("i := f.x;", 8, "ST045"),
        ("SWAP(i, d);", 9, "ST077"),
        ("SWAP(i);", 1, "ST070"),
    ] {
        let source = format!("{UNITS}PROGRAM MAIN {vars}\n{body}\nEND_PROGRAM");
        assert_eq!(error(&source), (lines + 2, column, code), "{body}");
    }
    assert_eq!(
        error("FUNCTION F : INT VAR_IN_OUT t : TON; END_VAR F := 1; END_FUNCTION PROGRAM P END_PROGRAM").2,
        "ST044"
    );
    assert_eq!(
        error("FUNCTION F : INT VAR_IN_OUT t : INT := 1; END_VAR F := 1; END_FUNCTION PROGRAM P END_PROGRAM").2,
        "ST041"
    );
}

#[test]
fn en_and_eno_make_a_call_conditional() {
    let declarations = "VAR r, q : INT := 9; ok, no : BOOL; c : BUMP; t : TON; yes : BOOL := TRUE; s : STRING; END_VAR";
    let source = |body: &str| UNITS.to_owned() + &program(declarations, body);
    let on = "r := ADD(EN := yes, IN1 := 2, IN2 := 3, ENO => ok);";
    assert_eq!(run(&source(on), "r"), 5.0);
    assert_eq!(run(&source(on), "ok"), 1.0);
    let off = "ok := TRUE; r := ADD(EN := no, IN1 := 2, IN2 := 3, ENO => ok);";
    assert_eq!(run(&source(off), "r"), 0.0);
    assert_eq!(run(&source(off), "ok"), 0.0);
    assert_eq!(
        run(
            &source("c(EN := no, x := r); c(EN := yes, x := r, ENO => ok);"),
            "r"
        ),
        10.0
    );
    assert_eq!(
        run(&source("q := MAX(EN := r > 3, IN1 := r, IN2 := 20);"), "q"),
        20.0
    );
    assert_eq!(
        run(&source("t(EN := no, IN := TRUE, PT := T#0s);"), "t.q"),
        0.0
    );
    assert_eq!(
        run(
            &source("s := 'x'; s := CONCAT(EN := no, IN1 := 'a', IN2 := 'b'); r := LEN(s);"),
            "r"
        ),
        0.0
    );
}

#[test]
fn a_call_by_names_may_leave_inputs_out() {
    let source = "FUNCTION F : INT VAR_INPUT a : INT; b : INT := 20; c : INT (1..9); END_VAR F := a + b + c; END_FUNCTION\n";
    let main = |body: &str| source.to_owned() + &program("VAR n : INT; END_VAR", body);
    assert_eq!(run(&main("n := F(1, 2, 3); n := F(a := 100);"), "n"), 121.0);
    assert_eq!(run(&main("n := F(c := 9, a := 1);"), "n"), 30.0);
    assert_eq!(error(&main("n := F(1, 2);")).2, "ST070");
    assert_eq!(error(&main("n := F(d := 1);")).2, "ST071");
}

#[test]
fn markers_have_bits_words_and_wide_elements() {
    let declarations = "VAR b AT %MX0.3 : BOOL; w AT %MW5 : INT; d AT %MD2 : REAL; l AT %ML1 : ULINT; x AT %ML2 : LWORD; n : INT; END_VAR";
    let body = "b := TRUE; w := -5; d := 2.5; l := 18446744073709551615; x := 16#1_0000_0000; %ML3 := l; IF %MX0.3 AND %ML3 = %ML1 THEN n := %MW5; END_IF;";
    for (name, value) in [
        ("b", 1.0),
        ("w", -5.0),
        ("d", 2.5),
        ("l", 18_446_744_073_709_551_615.0),
        ("x", 4_294_967_296.0),
        ("n", -5.0),
    ] {
        assert_eq!(after_scan(declarations, body, name), value, "{name}");
    }
}

#[test]
fn operators_exist_as_functions() {
    for (ty, expression, value) in [
        ("BOOL", "AND(a, NOT b, i > 3)", 1.0),
        ("BOOL", "OR(b, b) XOR XOR(a, b)", 1.0),
        ("WORD", "OR(w, 16#0F)", f64::from(0x00FF)),
        ("INT", "MOD(i, 4)", 3.0),
        ("INT", "ADD(i, j, 1)", 5.0),
        ("BOOL", "GT(i, u, j) AND LE(1, 2, 2, i)", 1.0),
        ("BOOL", "LT(j, u, i, 6)", 0.0),
        ("BOOL", "EQ(IN1 := i, IN2 := 7) AND NE(i, j)", 1.0),
        ("INT", "MUX(K := 1, IN0 := 4, IN1 := i)", 7.0),
        ("REAL", "EXPT(IN1 := x, IN2 := 2)", 6.25),
        ("INT", "LIMIT(MN := 0, IN := i, MX := 5)", 5.0),
    ] {
        assert_eq!(eval(ty, expression), value, "{expression}");
    }
}

#[test]
fn continue_goes_on_with_the_next_round() {
    let declarations = "VAR i, n : INT; END_VAR";
    for (body, value) in [
        (
            "FOR i := 1 TO 5 DO IF i = 2 THEN CONTINUE; END_IF; n := n + i; END_FOR;",
            13.0,
        ),
        (
            "WHILE i < 5 DO i := i + 1; IF i MOD 2 = 0 THEN CONTINUE; END_IF; n := n + i; END_WHILE;",
            9.0,
        ),
        (
            "REPEAT i := i + 1; IF i = 3 THEN CONTINUE; END_IF; n := n + i; UNTIL i >= 4 END_REPEAT;",
            7.0,
        ),
        // Semicolons after END_IF and its like may be missing, and there may be too many.
        (
            "FOR i := 1 TO 5 DO IF i > 3 THEN n := n + 1; END_IF END_FOR;;",
            2.0,
        ),
    ] {
        assert_eq!(after_scan(declarations, body, "n"), value, "{body}");
    }
}

#[test]
fn counters_count_in_their_own_type() {
    let declarations = "VAR u : CTU_DINT := (PV := 100000); d : CTD_UDINT; b : CTUD_ULINT; c : BOOL; i : INT; END_VAR";
    let body = "FOR i := 1 TO 6 DO c := NOT c; u(CU := c); d(CD := c, LD := i = 1, PV := 4000000000); b(CU := c, CD := FALSE, PV := 2); END_FOR;";
    for (name, value) in [
        ("u.cv", 3.0),
        ("d.cv", 3_999_999_998.0),
        ("b.cv", 3.0),
        ("b.qu", 1.0),
        ("u.q", 0.0),
    ] {
        assert_eq!(after_scan(declarations, body, name), value, "{name}");
    }
}

#[test]
fn the_blocks_of_the_annex_follow_their_equations() {
    let declarations = "VAR n : INT; g : INTEGRAL; d : DERIVATIVE; r : RAMP; h : HYSTERESIS; s : SEMA; c : RTC; x : REAL; END_VAR";
    let body = "x := n; g(RUN := TRUE, XIN := 2.0, CYCLE := T#100ms); d(RUN := n > 0, XIN := x, CYCLE := T#100ms); \
                r(RUN := n > 0, X0 := 10.0, X1 := 20.0, TR := T#1s, CYCLE := T#100ms); h(XIN1 := x, XIN2 := 5.0, EPS := 2.0); \
                s(CLAIM := n = 1, RELEASE := n = 3); c(IN := TRUE, PDT := DT#2024-02-29-23:59:59); n := n + 1;";
    let mut plc = plc(&program(declarations, body));
    let mut seen = Vec::new();
    for step in 0..12 {
        scan(&mut plc, step);
        let value = |name: &str| plc.variable(name).unwrap();
        seen.push([
            value("g.xout"),
            value("d.xout"),
            value("r.xout"),
            value("h.q"),
            value("s.busy"),
            value("c.cdt"),
        ]);
    }
    assert_eq!(plc.mode(), Mode::Run, "{:?}", plc.diagnostics());
    let near = |a: f64, b: f64| (a - b).abs() < 1e-4;
    // Ten integrations of 2.0 over 0.1 s.
    assert!(near(seen[9][0], 2.0), "{seen:?}");
    // One a scan of 0.1 s is ten a second, once four values are known.
    assert!(near(seen[6][1], 10.0), "{seen:?}");
    // In manual X0; then a tenth of the way in each scan; at last X1.
    assert!(
        near(seen[0][2], 10.0)
            && near(seen[1][2], 10.0)
            && near(seen[2][2], 11.0)
            && near(seen[11][2], 20.0),
        "{seen:?}"
    );
    // On above 7, off below 3.
    assert_eq!((seen[7][3], seen[8][3]), (0.0, 1.0));
    // Claimed at 1: busy from the next scan on, until the release at 3.
    assert_eq!([seen[1][4], seen[2][4], seen[3][4]], [0.0, 1.0, 0.0]);
    // The clock was set in the first scan and runs on: 1.1 s later the next day has begun.
    assert!(near(seen[11][5], 1_709_251_199.0 + 1.1), "{}", seen[11][5]);
}

#[test]
fn a_program_may_have_a_block_or_function_with_the_name_of_the_library() {
    let source = "FUNCTION_BLOCK RAMP VAR_INPUT up : BOOL; END_VAR VAR_OUTPUT q : INT; END_VAR q := 42; END_FUNCTION_BLOCK
        FUNCTION LEFT : INT VAR_INPUT n : INT; END_VAR LEFT := n - 1; END_FUNCTION
        PROGRAM MAIN VAR f : RAMP; n : INT; END_VAR f(up := TRUE); n := LEFT(f.q); END_PROGRAM";
    assert_eq!(run(source, "n"), 41.0);
}
