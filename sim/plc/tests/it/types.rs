//! 64-bit numbers, texts, structures, arrays of them, subranges, dates.

use sim_plc::Plc;
use sim_record::SimTime;
use sim_wire::device::{DeviceModel, Mode};

use crate::{after_scan, config, eval, fault_after_scan, plc, program, scan};

/// Text of a variable after one scan.
fn text(declarations: &str, body: &str, name: &str) -> String {
    let mut plc = plc(&program(declarations, body));
    scan(&mut plc, 0);
    assert_eq!(plc.mode(), Mode::Run, "{body}: {:?}", plc.diagnostics());
    plc.text(name).unwrap()
}

/// A text expression.
fn say(expression: &str) -> String {
    let declarations = "VAR s : STRING; p : STRING := 'pump'; e : STRING[3] := 'abc'; i : INT := -42; n : INT := 2; u : ULINT := ULINT#18446744073709551615; \
                        b : BOOL := TRUE; w : WORD := 16#BEEF; x : REAL := 2.5; l : LREAL := 1e20; t : TIME := T#1d2h3m4s5ms; d : DATE := D#2024-02-29; \
                        o : TOD := TOD#23:59:59.25; z : DT := DT#2024-02-29-12:30:00; END_VAR";
    text(declarations, &format!("s := {expression};"), "s")
}

#[test]
fn wide_numbers_use_all_64_bits() {
    for (ty, expression, value) in [
        (
            "ULINT",
            "18446744073709551615",
            18_446_744_073_709_551_615.0,
        ),
        (
            "ULINT",
            "ULINT#9223372036854775808 + 1",
            9_223_372_036_854_775_809.0,
        ),
        (
            "LWORD",
            "16#FFFF_FFFF_0000_0000",
            18_446_744_069_414_584_320.0,
        ),
        ("LINT", "-9223372036854775808", -9_223_372_036_854_775_808.0),
        ("SINT", "SINT#-128", -128.0),
        ("USINT", "255", 255.0),
        (
            "BOOL",
            "ULINT#18446744073709551615 > UDINT_TO_ULINT(5)",
            1.0,
        ),
        ("BOOL", "DWORD_TO_LWORD(dw) < 16#8000_0000_0000_0000", 1.0),
        (
            "LWORD",
            "NOT DWORD_TO_LWORD(0)",
            18_446_744_073_709_551_615.0,
        ),
        (
            "LWORD",
            "ROL(DWORD_TO_LWORD(dw), 32)",
            f64::from(0x8000_0001_u32) * 4_294_967_296.0,
        ),
        ("LWORD", "SHR(SHL(DWORD_TO_LWORD(dw), 33), 33)", 1.0),
        (
            "ULINT",
            "MAX(DINT_TO_ULINT(d), ULINT#18446744073709551615 / 2)",
            9_223_372_036_854_775_807.0,
        ),
        ("ULINT", "ULINT#18446744073709551615 MOD 10", 5.0),
        (
            "REAL",
            "ULINT_TO_REAL(18446744073709551615)",
            18_446_744_073_709_551_616.0,
        ),
        ("ULINT", "LREAL_TO_ULINT(1.8e19)", 1.8e19),
        ("LINT", "LWORD_TO_LINT(16#FFFF_FFFF_FFFF_FFFF)", -1.0),
    ] {
        assert_eq!(eval(ty, expression), value, "{expression}");
    }
    for (declarations, body) in [
        (
            "VAR u : ULINT := 18446744073709551615; END_VAR",
            "u := u + 1;",
        ),
        ("VAR u : ULINT; END_VAR", "u := u - 1;"),
        (
            "VAR u : ULINT := 9223372036854775808; i : LINT; END_VAR",
            "i := ULINT_TO_LINT(u);",
        ),
        (
            "VAR u : ULINT; i : LINT := -1; END_VAR",
            "u := LINT_TO_ULINT(i);",
        ),
    ] {
        assert!(
            fault_after_scan(declarations, body).contains("numeric overflow"),
            "{body}"
        );
    }
    let zero = fault_after_scan("VAR u : ULINT; END_VAR", "u := 5 / u;");
    assert!(zero.contains("division by zero"), "{zero}");
}

#[test]
fn texts_are_joined_cut_searched_and_compared() {
    for (expression, expected) in [
        ("'a$'b$$c$41'", "a'b$cA"),
        ("CONCAT(p, ' ', 'on')", "pump on"),
        ("LEFT(p, 2)", "pu"),
        ("RIGHT(IN := p, L := 3)", "ump"),
        ("MID(p, 2, 2)", "um"),
        ("DELETE(p, 2, 2)", "pp"),
        ("INSERT(p, 'LU', 2)", "puLUmp"),
        ("REPLACE(p, 'X', 2, 2)", "pXp"),
        ("LEFT(p, 200)", "pump"),
        ("LEFT(p, -1)", ""),
        ("MID(p, 5, 4)", "p"),
        ("e", "abc"),
        ("SEL(b, 'no', 'yes')", "yes"),
        ("MUX(n, 'a', 'b', 'c')", "c"),
        ("INT_TO_STRING(i)", "-42"),
        ("ULINT_TO_STRING(u)", "18446744073709551615"),
        ("BOOL_TO_STRING(b)", "TRUE"),
        ("WORD_TO_STRING(w)", "16#BEEF"),
        ("REAL_TO_STRING(x)", "2.5"),
        ("LREAL_TO_STRING(l)", "1e20"),
        ("TIME_TO_STRING(t)", "T#1d2h3m4s5ms"),
        ("DATE_TO_STRING(d)", "D#2024-02-29"),
        ("TOD_TO_STRING(o)", "TOD#23:59:59.250000"),
        ("DT_TO_STRING(z)", "DT#2024-02-29-12:30:00"),
        ("TO_STRING(i)", "-42"),
        ("CONCAT(INT_TO_STRING(i), INT_TO_STRING(n))", "-422"),
    ] {
        assert_eq!(say(expression), expected, "{expression}");
    }
    let declarations = "VAR r : BOOL; n : INT; x : REAL; t : TIME; s : STRING := 'pump'; END_VAR";
    for (body, name, value) in [
        ("n := LEN(s);", "n", 4.0),
        ("n := FIND(s, 'mp');", "n", 3.0),
        ("n := FIND(s, 'x');", "n", 0.0),
        ("r := s = 'pump';", "r", 1.0),
        ("r := s <> 'pump';", "r", 0.0),
        ("r := s < 'pumps' AND s >= 'pum';", "r", 1.0),
        ("r := GT(s, 'pum');", "r", 1.0),
        ("n := STRING_TO_INT(' -17 ');", "n", -17.0),
        ("n := STRING_TO_INT('16#7F');", "n", 127.0),
        ("x := STRING_TO_REAL('2.5e1');", "x", 25.0),
        ("t := STRING_TO_TIME('T#1m30s');", "t", 90.0),
        ("r := STRING_TO_BOOL('true');", "r", 1.0),
    ] {
        assert_eq!(after_scan(declarations, body, name), value, "{body}");
    }
    let fault = fault_after_scan(declarations, "n := STRING_TO_INT(s);");
    assert!(fault.contains("operand out of range"), "{fault}");
}

#[test]
fn a_text_that_does_not_fit_is_cut_off() {
    let declarations = "VAR s : STRING[3]; l : STRING; n : INT; END_VAR";
    assert_eq!(text(declarations, "s := 'abcdef';", "s"), "abc");
    let grow = "l := 'x'; FOR n := 1 TO 20 DO l := CONCAT(l, l); END_FOR; n := LEN(l);";
    assert_eq!(after_scan(declarations, grow, "n"), 126.0);
    // What is behind the end does not count.
    let shrink = "s := 'abc'; s := 'a'; n := BOOL_TO_INT(s = 'a');";
    assert_eq!(after_scan(declarations, shrink, "n"), 1.0);
}

const SHAPES: &str = "TYPE
  KIND : (OFF, ON := 5);
  LEVEL : INT (0..100) := 20;
  COUNT : DINT := 7;
  NAME : STRING[12];
  PUMP : STRUCT name : NAME := 'pump'; k : KIND := ON; speed : REAL; hours : ARRAY[1..3] OF UDINT; level : LEVEL; END_STRUCT;
  PLANT : STRUCT pumps : ARRAY[0..1, 1..2] OF PUMP; n : COUNT; END_STRUCT
  ROW : ARRAY[1..3] OF INT := [1, 2, 3];
END_TYPE\n";

#[test]
fn structures_have_members_initial_values_and_copies() {
    let declarations = "VAR a : PUMP := (speed := 1.5, hours := [10, 2(20)]); b : PUMP; p : PLANT; q : PLANT := (n := 9, pumps := [2((speed := 3.0)), (name := 'last', level := 5)]); \
                        i : INT := 1; r : ROW; rows : ARRAY[0..1] OF ROW; m : ARRAY[0..1, 0..2] OF INT := [[1, 2, 3], [4, 5, 6]]; s : STRUCT x : INT := 4; y : INT; END_STRUCT; END_VAR";
    let body = "b := a; b.hours[3] := 99; p.pumps[i, i + 1] := b; p.pumps[0, 1].name := CONCAT(a.name, ' 2'); p.pumps[i, 2].hours[i] := 5; s.y := s.x + 1; \
                IF p.pumps[i, 2].name = 'pump' THEN p.n := p.n + 1; END_IF; rows[1, 2] := r[2];";
    let mut plc = Plc::new(config(&(SHAPES.to_owned() + &program(declarations, body)))).unwrap();
    scan(&mut plc, 0);
    assert_eq!(plc.mode(), Mode::Run, "{:?}", plc.diagnostics());
    for (name, value) in [
        ("a.speed", 1.5),
        ("a.k", 5.0),
        ("a.level", 20.0),
        ("a.hours[1]", 10.0),
        ("a.hours[3]", 20.0),
        ("b.hours[3]", 99.0),
        ("p.pumps[1,2].speed", 1.5),
        ("p.pumps[1,2].hours[3]", 99.0),
        ("p.pumps[1,2].hours[1]", 5.0),
        ("p.pumps[1,1].speed", 0.0),
        ("MAIN.p.pumps[0,2].level", 20.0),
        ("p.n", 8.0),
        ("q.n", 9.0),
        ("q.pumps[0,2].speed", 3.0),
        ("q.pumps[1,1].level", 5.0),
        ("q.pumps[1,2].level", 20.0),
        ("r[3]", 3.0),
        ("rows[1,2]", 2.0),
        ("m[1,1]", 5.0),
        ("s.y", 5.0),
    ] {
        assert_eq!(plc.variable(name), Some(value), "{name}");
    }
    assert_eq!(plc.text("p.pumps[0,1].name").as_deref(), Some("pump 2"));
    assert_eq!(plc.text("q.pumps[1,1].name").as_deref(), Some("last"));
    for wrong in [
        "p.pumps.n",
        "p.pumps[2,1].speed",
        "p.pumps[1,2]speed",
        "a.name",
    ] {
        assert_eq!(plc.variable(wrong), None, "{wrong}");
    }
    assert!(plc.set_variable(SimTime(1), "a.level", 101.0).is_err());
    assert!(plc.set_variable(SimTime(1), "a.level", 100.0).is_ok());
}

#[test]
fn subranges_and_indices_are_checked_where_they_are_written() {
    let with = |body: &str| {
        let declarations = "VAR l : LEVEL; i : INT := 101; p : PLANT; END_VAR";
        let mut plc = plc(&(SHAPES.to_owned() + &program(declarations, body)));
        scan(&mut plc, 0);
        (
            plc.mode(),
            plc.diagnostics()
                .last()
                .map(|d| d.text.clone())
                .unwrap_or_default(),
        )
    };
    assert_eq!(with("l := i - 1;").0, Mode::Run);
    for (body, why) in [
        ("l := i;", "numeric overflow"),
        ("p.pumps[1, 1].level := i;", "numeric overflow"),
        ("p.pumps[i, 1].level := 1;", "array index"),
        ("p.pumps[0, 1].hours[i] := 1;", "array index"),
    ] {
        let (mode, text) = with(body);
        assert_eq!(mode, Mode::Fault, "{body}");
        assert!(text.contains(why), "{body}: {text}");
    }
}

#[test]
fn dates_and_times_of_day_are_computed() {
    for (ty, expression, value) in [
        ("DATE", "D#1970-01-02", 86_400.0),
        ("DATE", "DATE#2024-02-29", 1_709_164_800.0),
        ("DT", "DT#2001-09-09-01:46:40", 1e9),
        ("TOD", "TIME_OF_DAY#12:30:15.5", 45_015.5),
        ("TOD", "TOD#10:00:00 + T#90m", 41_400.0),
        ("TIME", "TOD#10:00:00 - TOD#09:59:00", 60.0),
        ("DT", "DT#2024-02-28-23:59:59 + T#2s", 1_709_164_801.0),
        (
            "TIME",
            "DT#2024-03-01-00:00:00 - DT#2024-02-29-00:00:00",
            86_400.0,
        ),
        (
            "TIME",
            "SUB_DATE_DATE(D#2024-03-01, D#2024-02-28)",
            172_800.0,
        ),
        (
            "DATE",
            "DT_TO_DATE(DT#2024-02-29-12:00:01)",
            1_709_164_800.0,
        ),
        ("TOD", "DT_TO_TOD(DT#2024-02-29-12:00:01)", 43_201.0),
        (
            "DT",
            "CONCAT_DATE_TOD(D#1970-01-02, TOD#00:00:01)",
            86_401.0,
        ),
        ("INT", "DAY_OF_WEEK(D#2024-02-29)", 4.0),
        ("UDINT", "DT_TO_UDINT(DT#2001-09-09-01:46:40)", 1e9),
        ("DINT", "TOD_TO_DINT(TOD#00:00:01)", 1000.0),
        ("BOOL", "D#2024-01-01 > D#2023-12-31", 1.0),
        ("TIME", "MULTIME(t, 2)", 3.0),
        ("TIME", "DIV_TIME(t, 3)", 0.5),
        ("TIME", "ADD_TIME(t, T#500ms)", 2.0),
    ] {
        assert_eq!(eval(ty, expression), value, "{expression}");
    }
    let fault = fault_after_scan("VAR o : TOD := TOD#23:59:59; END_VAR", "o := o + T#1s;");
    assert!(fault.contains("numeric overflow"), "{fault}");
}

#[test]
fn binary_coded_decimals_convert_both_ways() {
    assert_eq!(eval("UINT", "WORD_BCD_TO_UINT(16#1234)"), 1234.0);
    assert_eq!(eval("WORD", "UINT_TO_BCD_WORD(9876)"), f64::from(0x9876));
    assert_eq!(eval("LWORD", "ULINT_TO_BCD_LWORD(12)"), f64::from(0x12));
    assert_eq!(eval("INT", "REAL_TRUNC_INT(x)"), 2.0);
    let declarations = "VAR w : WORD := 16#12A4; u : UINT := 10000; END_VAR";
    let digit = fault_after_scan(declarations, "u := WORD_BCD_TO_UINT(w);");
    assert!(digit.contains("operand out of range"), "{digit}");
    let long = fault_after_scan(declarations, "w := UINT_TO_BCD_WORD(u);");
    assert!(long.contains("numeric overflow"), "{long}");
}

#[test]
fn every_pair_of_numbers_converts() {
    let numbers = [
        "SINT", "USINT", "INT", "UINT", "DINT", "UDINT", "LINT", "ULINT", "REAL", "LREAL", "BYTE",
        "WORD", "DWORD", "LWORD", "STRING",
    ];
    for from in numbers {
        for to in numbers.iter().filter(|to| **to != from) {
            let value = if from == "STRING" { "'5'" } else { "5" };
            let declarations = format!("VAR a : {from} := {value}; r : {to}; n : LREAL; END_VAR");
            let back = if *to == "STRING" {
                "n := LEN(r);".to_owned()
            } else {
                format!("n := {to}_TO_LREAL(r);")
            };
            let back = if *to == "LREAL" {
                "n := r;".to_owned()
            } else {
                back
            };
            let body = format!("r := {from}_TO_{to}(a); {back}");
            let digits = if from.ends_with("WORD") || from == "BYTE" {
                3.0 + f64::from(match from {
                    "BYTE" => 2,
                    "WORD" => 4,
                    "DWORD" => 8,
                    _ => 16,
                })
            } else {
                1.0
            };
            let expected = if *to == "STRING" { digits } else { 5.0 };
            assert_eq!(after_scan(&declarations, &body, "n"), expected, "{body}");
        }
    }
}

#[test]
fn retain_digest_and_saved_state_hold_texts_and_structures() {
    let source = SHAPES.to_owned()
        + &program(
            "VAR RETAIN kept : PLANT; s : STRING := 'a'; END_VAR VAR lost : PLANT; END_VAR",
            "kept.n := kept.n + 1; kept.pumps[1, 1].name := CONCAT('n', DINT_TO_STRING(kept.n)); lost := kept; s := CONCAT(s, 'b');",
        );
    let mut plc = plc(&source);
    for step in 0..3 {
        scan(&mut plc, step);
    }
    let digest = |plc: &Plc| {
        let mut out = Vec::new();
        plc.digest_into(&mut |bytes| out.extend_from_slice(bytes));
        out
    };
    let saved = plc.save();
    let before = digest(&plc);
    scan(&mut plc, 3);
    assert_ne!(digest(&plc), before);
    plc.restore(&saved).unwrap();
    assert_eq!(digest(&plc), before);
    plc.warm_restart(SimTime(10), sim_plc::ModeCause::Request);
    assert_eq!(plc.variable("kept.n"), Some(10.0));
    assert_eq!(plc.text("kept.pumps[1,1].name").as_deref(), Some("n10"));
    assert_eq!(plc.text("s").as_deref(), Some("abbb"));
    assert_eq!(plc.text("lost.pumps[1,1].name").as_deref(), Some("pump"));
    plc.cold_restart(SimTime(11), sim_plc::ModeCause::Request);
    assert_eq!(plc.text("s").as_deref(), Some("a"));
    // A download with one more member keeps what is the same.
    scan(&mut plc, 4);
    let next = source.replace("speed : REAL;", "spare : REAL; speed : REAL;");
    plc.download(SimTime(12), "main.st", next.as_bytes())
        .unwrap();
    plc.set_mode(SimTime(13), Mode::Stop, sim_plc::ModeCause::Request);
    plc.scan(SimTime(14));
    assert_eq!(plc.variable("kept.n"), Some(8.0));
    assert_eq!(plc.text("kept.pumps[1,1].name").as_deref(), Some("n8"));
    assert_eq!(plc.variable("kept.pumps[1,1].spare"), Some(0.0));
}
