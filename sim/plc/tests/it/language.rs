//! Types, operators, statements and declarations.

use crate::{after_scan, eval, fault_after_scan, plc, program, scan};

#[test]
fn operators_bind_as_the_standard_says() {
    for (ty, expression, value) in [
        ("INT", "2 + 3 * 4", 14.0),
        ("INT", "(2 + 3) * 4", 20.0),
        ("INT", "i - 2 - 1", 4.0),
        ("INT", "i MOD 4 * 2", 6.0),
        ("INT", "-i + 1", -6.0),
        ("INT", "j MOD 2", -1.0),
        ("INT", "i / 2", 3.0),
        ("INT", "j / 2", -1.0),
        ("REAL", "-x ** 2.0", 6.25),
        ("REAL", "2.0 * x ** 2", 12.5),
        ("BOOL", "a OR b AND b", 1.0),
        ("BOOL", "(a OR b) AND b", 0.0),
        ("BOOL", "a OR a XOR a", 1.0),
        ("BOOL", "a & NOT b", 1.0),
        ("BOOL", "i > 3 = TRUE", 1.0),
        ("BOOL", "NOT (i = 7)", 0.0),
        ("BOOL", "i <> 7 OR j <= -3", 1.0),
        ("WORD", "w AND 16#30 OR 1", 49.0),
        ("WORD", "NOT w", f64::from(0xFF0F_u16)),
        ("BYTE", "bb XOR 16#FF", f64::from(0x7E)),
    ] {
        assert_eq!(eval(ty, expression), value, "{expression}");
    }
}

#[test]
fn literals_in_every_notation() {
    for (ty, expression, value) in [
        ("DINT", "1_000_000", 1e6),
        ("WORD", "16#FF_FF", 65535.0),
        ("BYTE", "2#1000_0001", 129.0),
        ("BYTE", "8#17", 15.0),
        ("INT", "INT#-32768", -32768.0),
        ("INT", "INT#16#7F", 127.0),
        ("REAL", "1.5E-3", f64::from(1.5e-3_f32)),
        ("LREAL", "1e3", 1000.0),
        ("REAL", "REAL#3", 3.0),
        ("BOOL", "BOOL#1", 1.0),
        ("BOOL", "1", 1.0),
        ("TIME", "T#1h2m3s4ms", 3723.004),
        ("TIME", "TIME#-1.5s", -1.5),
        ("TIME", "t#2d", 172_800.0),
        ("TIME", "T#500us", 0.0005),
        ("LINT", "9223372036854775807", 9_223_372_036_854_775_807.0),
        ("UDINT", "4294967295", 4_294_967_295.0),
    ] {
        assert_eq!(eval(ty, expression), value, "{expression}");
    }
}

#[test]
fn numbers_widen_where_nothing_is_lost() {
    for (ty, expression, value) in [
        ("DINT", "i", 7.0),
        ("REAL", "i", 7.0),
        ("REAL", "i / 2.0", 3.5),
        ("LREAL", "d", 100_000.0),
        ("LREAL", "l + x", 2.6),
        ("DINT", "u + i", 12.0),
        ("REAL", "i * x", 17.5),
        ("DWORD", "w", 240.0),
        ("REAL", "1", 1.0),
    ] {
        assert_eq!(eval(ty, expression), value, "{expression}");
    }
}

#[test]
fn conversions_follow_the_standard() {
    for (ty, expression, value) in [
        ("INT", "REAL_TO_INT(2.5)", 2.0),
        ("INT", "REAL_TO_INT(x + 1.0)", 4.0),
        ("INT", "REAL_TO_INT(-x)", -2.0),
        ("INT", "TRUNC(-x)", -2.0),
        ("DINT", "TRUNC(3.99)", 3.0),
        ("WORD", "INT_TO_WORD(j)", 65533.0),
        ("INT", "WORD_TO_INT(16#FFFD)", -3.0),
        ("SINT", "BYTE_TO_SINT(bb)", -127.0),
        ("INT", "BYTE_TO_INT(bb)", 129.0),
        ("DINT", "DWORD_TO_DINT(dw)", -2_147_483_647.0),
        ("BYTE", "DINT_TO_BYTE(d)", f64::from(100_000_u32 as u8)),
        ("BOOL", "INT_TO_BOOL(i)", 1.0),
        ("INT", "BOOL_TO_INT(a)", 1.0),
        ("DINT", "TIME_TO_DINT(t)", 1500.0),
        ("TIME", "DINT_TO_TIME(d)", 100.0),
        ("REAL", "TIME_TO_REAL(t)", 1500.0),
        ("TIME", "REAL_TO_TIME(x)", 0.002_5),
        ("REAL", "LREAL_TO_REAL(l)", f64::from(0.1_f32)),
        ("REAL", "TO_REAL(i)", 7.0),
        ("UINT", "REAL_TO_UINT(x * 100.0)", 250.0),
    ] {
        assert_eq!(eval(ty, expression), value, "{expression}");
    }
}

#[test]
fn standard_functions() {
    for (ty, expression, value) in [
        ("INT", "ABS(j)", 3.0),
        ("REAL", "ABS(y)", 0.5),
        ("REAL", "SQRT(x * x)", 2.5),
        ("LREAL", "SQRT(l * l)", 0.1),
        ("REAL", "LN(EXP(x))", 2.5),
        ("REAL", "LOG(1000.0)", 3.0),
        ("REAL", "SIN(0.0) + COS(0.0)", 1.0),
        ("LREAL", "ATAN(1.0) * 4.0", core::f64::consts::PI),
        ("INT", "MIN(i, j, 2)", -3.0),
        ("INT", "MAX(IN1 := i, IN2 := 9)", 9.0),
        ("REAL", "MAX(x, y)", 2.5),
        ("INT", "LIMIT(0, j, 10)", 0.0),
        ("INT", "LIMIT(MN := 0, IN := 99, MX := 10)", 10.0),
        ("TIME", "LIMIT(T#1s, t, T#1200ms)", 1.2),
        ("INT", "SEL(a, 1, 2)", 2.0),
        ("INT", "SEL(b, i, j)", 7.0),
        ("INT", "MUX(2, 10, 11, 12)", 12.0),
        ("WORD", "SHL(w, 8)", f64::from(0xF000)),
        ("WORD", "SHR(w, 4)", 15.0),
        ("WORD", "SHL(w, 16)", 0.0),
        ("BYTE", "ROL(bb, 1)", 3.0),
        ("BYTE", "ROR(bb, 9)", f64::from(0xC0)),
        ("DWORD", "ROR(dw, 1)", f64::from(0xC000_0000_u32)),
        ("REAL", "EXPT(2.0, 10)", 1024.0),
        ("INT", "MOVE(i)", 7.0),
        ("INT", "ADD(1, i, j)", 5.0),
        ("BOOL", "GE(i, 7)", 1.0),
        ("TIME", "t + T#1s", 2.5),
        ("TIME", "t * 2", 3.0),
        ("TIME", "t / x", 0.6),
        ("BOOL", "t > T#1s", 1.0),
    ] {
        assert_eq!(eval(ty, expression), value, "{expression}");
    }
}

#[test]
fn if_elsif_else_takes_one_branch() {
    let source = program(
        "VAR n : INT; r : INT; END_VAR",
        "n := n + 1;
         IF n = 1 THEN r := 10; ELSIF n = 2 THEN r := 20; ELSIF n = 3 THEN r := 30; ELSE r := 40; END_IF;",
    );
    let mut plc = plc(&source);
    let seen: Vec<_> = (0..5)
        .map(|step| {
            scan(&mut plc, step);
            plc.variable("MAIN.r").unwrap()
        })
        .collect();
    assert_eq!(seen, [10.0, 20.0, 30.0, 40.0, 40.0]);
}

#[test]
fn case_selects_by_value_list_range_and_enumeration() {
    let source = "TYPE MODE : (IDLE, HEAT := 10, COOL); END_TYPE
        PROGRAM MAIN
        VAR n : INT := -6; r : INT; m : MODE := COOL; s : INT; END_VAR
        n := n + 1;
        CASE n OF
          -5: r := 1;
          -4, -2: r := 2;
          -1..2: r := 3; s := s + 1;
          3: ;
        ELSE r := 9;
        END_CASE;
        CASE m OF
          IDLE: s := 100;
          MODE#HEAT, COOL: m := MODE.IDLE;
        END_CASE;
        END_PROGRAM";
    let mut plc = plc(source);
    let mut seen = Vec::new();
    for step in 0..10 {
        scan(&mut plc, step);
        seen.push(plc.variable("r").unwrap());
        if step == 0 {
            assert_eq!(plc.variable("m"), Some(0.0));
        }
    }
    assert_eq!(seen, [1.0, 2.0, 9.0, 2.0, 3.0, 3.0, 3.0, 3.0, 3.0, 9.0]);
}

#[test]
fn loops_count_leave_and_stop_at_their_bounds() {
    let loops = "VAR i : INT; j : INT; sum : DINT; n : INT; step : INT := -2; END_VAR";
    for (body, sum) in [
        ("FOR i := 1 TO 10 DO sum := sum + i; END_FOR;", 55.0),
        ("FOR i := 10 TO 1 BY -3 DO sum := sum + i; END_FOR;", 22.0),
        ("FOR i := 10 TO 1 BY step DO sum := sum + i; END_FOR;", 30.0),
        ("FOR i := 5 TO 1 DO sum := 99; END_FOR;", 0.0),
        ("FOR i := 32765 TO 32767 DO sum := sum + 1; END_FOR;", 3.0),
        (
            "FOR i := 1 TO 3 DO FOR j := 1 TO 3 DO IF j = 2 THEN EXIT; END_IF; sum := sum + 1; END_FOR; END_FOR;",
            3.0,
        ),
        (
            "WHILE n < 4 DO n := n + 1; sum := sum + n; END_WHILE;",
            10.0,
        ),
        (
            "REPEAT n := n + 1; sum := sum + n; UNTIL n >= 4 END_REPEAT;",
            10.0,
        ),
        ("REPEAT sum := 1; UNTIL TRUE END_REPEAT;", 1.0),
        ("sum := 1; RETURN; sum := 2;", 1.0),
    ] {
        assert_eq!(after_scan(loops, body, "sum"), sum, "{body}");
    }
}

#[test]
fn the_bounds_of_a_loop_are_computed_once() {
    let body = "FOR i := 1 TO n DO n := n + 1; sum := sum + 1; END_FOR;";
    assert_eq!(
        after_scan("VAR i : INT; n : INT := 3; sum : INT; END_VAR", body, "sum"),
        3.0
    );
}

#[test]
fn a_loop_may_count_in_located_memory() {
    let body = "FOR i := 0 TO 4 DO sum := sum + i; END_FOR;";
    assert_eq!(
        after_scan("VAR i AT %MW5 : INT; sum : INT; END_VAR", body, "sum"),
        10.0
    );
}

#[test]
fn arrays_of_one_and_more_dimensions() {
    let declarations = "TYPE ROW : ARRAY[1..3] OF INT; END_TYPE
        PROGRAM MAIN
        VAR CONSTANT TOP : INT := 4; END_VAR
        VAR a : ARRAY[-1..TOP] OF INT := [5, 3(7), 1]; m : ARRAY[0..1, 1..3] OF REAL; n : ARRAY[0..1] OF ROW; c : ROW; i : INT := 1; r : INT; END_VAR
        FOR i := 1 TO 3 DO m[1, i] := i * 1.5; n[0][i] := i; END_FOR;
        i := 0;
        r := a[-1] + a[i] + a[i + 3];
        a[i + 4] := 42;
        c := n;
        END_PROGRAM";
    // `c := n` has another type: that line must be refused, the rest must run.
    assert!(sim_plc::st::compile(declarations).is_err());
    let mut plc = plc(&declarations.replace("c := n;", ""));
    scan(&mut plc, 0);
    assert_eq!(plc.variable("r"), Some(13.0));
    assert_eq!(plc.variable("MAIN.a[4]"), Some(42.0));
    assert_eq!(plc.variable("m[1,3]"), Some(4.5));
    assert_eq!(plc.variable("n[0, 2]"), Some(2.0));
    assert_eq!(plc.variable("a[5]"), None);
}

#[test]
fn whole_arrays_are_copied() {
    let declarations =
        "VAR a : ARRAY[0..2] OF INT := [1, 2, 3]; b : ARRAY[0..2] OF INT; r : INT; END_VAR";
    assert_eq!(
        after_scan(
            declarations,
            "b := a; a[1] := 9; r := b[0] + b[1] + b[2];",
            "r"
        ),
        6.0
    );
}

#[test]
fn functions_have_fresh_locals_defaults_and_outputs() {
    let source = "
        FUNCTION SCALE : REAL
        VAR_INPUT raw : INT; low : REAL; high : REAL; END_VAR
        VAR_OUTPUT over : BOOL; END_VAR
        VAR calls : INT := 5; END_VAR
          calls := calls + 1;
          over := raw > 1000;
          SCALE := low + (high - low) * raw / 1000.0 + calls - 6;
        END_FUNCTION
        FUNCTION TWICE : INT VAR_INPUT n : INT; END_VAR TWICE := n * 2; END_FUNCTION
        PROGRAM MAIN
        VAR r : REAL; o : BOOL; n : INT; END_VAR
          r := SCALE(500, 0.0, 10.0);
          r := SCALE(raw := 1200, low := r, high := 15.0, over => o);
          n := TWICE(TWICE(TWICE(n := 1) + TWICE(2)));
        END_PROGRAM";
    let mut plc = plc(source);
    scan(&mut plc, 0);
    assert_eq!(plc.variable("MAIN.r"), Some(17.0));
    assert_eq!(plc.variable("MAIN.o"), Some(1.0));
    assert_eq!(plc.variable("MAIN.n"), Some(24.0));
}

#[test]
fn function_blocks_keep_their_data_apart() {
    let source = "
        FUNCTION_BLOCK COUNTER
        VAR_INPUT step : INT := 1; reset : BOOL; END_VAR
        VAR_OUTPUT value : INT; END_VAR
        VAR_TEMP t : INT := 3; END_VAR
          t := t + 1;
          IF reset THEN value := 0; RETURN; END_IF;
          value := value + step * (t - 3);
        END_FUNCTION_BLOCK
        FUNCTION_BLOCK PAIR
        VAR_OUTPUT sum : INT; END_VAR
        VAR one : COUNTER; ten : COUNTER := (step := 10); END_VAR
          one(); ten();
          sum := one.value + ten.value;
        END_FUNCTION_BLOCK
        PROGRAM MAIN
        VAR a : PAIR; b : PAIR; c : COUNTER; seen : INT; END_VAR
          a();
          a(sum => seen);
          b();
          c(step := 5);
          c.step := 7;
          c();
        END_PROGRAM";
    let mut plc = plc(source);
    scan(&mut plc, 0);
    for (name, value) in [
        ("seen", 22.0),
        ("MAIN.a.sum", 22.0),
        ("MAIN.b.sum", 11.0),
        ("MAIN.c.value", 12.0),
        ("MAIN.a.ten.value", 20.0),
    ] {
        assert_eq!(plc.variable(name), Some(value), "{name}");
    }
    scan(&mut plc, 1);
    assert_eq!(plc.variable("MAIN.b.sum"), Some(22.0));
}

#[test]
fn programs_of_one_file_share_global_variables() {
    let source = "
        VAR_GLOBAL CONSTANT LIMIT_KPA : INT := 2900; END_VAR
        VAR_GLOBAL level : INT := 3; END_VAR
        PROGRAM WRITER VAR_EXTERNAL level : INT; END_VAR level := level + 1; END_PROGRAM
        PROGRAM READER VAR r : INT; END_VAR r := level + LIMIT_KPA; END_PROGRAM";
    let mut plc = plc(source);
    scan(&mut plc, 0);
    assert_eq!(
        (plc.variable("READER.r"), plc.variable("level")),
        (Some(2904.0), Some(4.0))
    );
}

#[test]
fn comments_case_and_pragmas_do_not_matter() {
    let body = "(* outer (* inner *) still *) {pragma} R := /* c style */ 5; // to the end\n";
    assert_eq!(after_scan("var r : Int; end_var", body, "MAIN.R"), 5.0);
}

#[test]
fn direct_addresses_stand_in_statements() {
    let mut plc = plc(&program(
        "VAR n : INT; END_VAR",
        "n := WORD_TO_INT(%IW1) + 1; %QW2 := n; %QX0.3 := %IX0.1 AND NOT %IX0.2; %MW9 := 16#BEEF; %MD1 := 3.5; IF %IW1 > 5 THEN %MB3 := 7; END_IF;"
            .replace("%MD1 := 3.5", "%MD1 := 16#40600000").as_str(),
    ));
    plc.set_input_word(1, 41);
    plc.set_input_bit(1, true);
    scan(&mut plc, 0);
    assert_eq!(
        (plc.output_word(2), plc.output_bit(3), plc.output_bit(2)),
        (42, true, false)
    );
    let mut words = [0; 2];
    use sim_wire::device::{DeviceModel, WordTable::HoldingRegisters};
    plc.read_words(HoldingRegisters, 1033, &mut words[..1])
        .unwrap();
    assert_eq!(words[0], 0xBEEF);
    // %MD1 is registers 2050 and 2051, high word first.
    plc.read_words(HoldingRegisters, 2050, &mut words).unwrap();
    assert_eq!(words, [0x4060, 0]);
}

#[test]
fn located_reals_and_integers_share_bytes_with_modbus() {
    let mut plc = plc(&program(
        "VAR sp AT %MD0 : REAL := 12.5; n AT %MD1 : DINT; neg AT %MW0 : INT := -2; l AT %ML0 : LREAL; END_VAR",
        "sp := sp + 1.0; n := -1; l := 0.5; neg := neg - 1;",
    ));
    scan(&mut plc, 0);
    use sim_wire::device::{DeviceModel, WordTable::HoldingRegisters};
    let mut words = [0; 4];
    plc.read_words(HoldingRegisters, 2048, &mut words).unwrap();
    assert_eq!(words, [0x4158, 0, 0xFFFF, 0xFFFF]);
    plc.read_words(HoldingRegisters, 4096, &mut words).unwrap();
    assert_eq!(words, [0x3FE0, 0, 0, 0]);
    plc.read_words(HoldingRegisters, 1024, &mut words[..1])
        .unwrap();
    assert_eq!((words[0], plc.variable("neg")), (0xFFFD, Some(-3.0)));
}

#[test]
fn faults_stop_the_cpu_and_name_the_line() {
    let declarations = "VAR i : INT := 32767; z : INT; r : REAL; x : REAL := 3.0E38; a : ARRAY[1..3] OF INT; n : INT := 4; d : DINT := 70000; \
                        m : INT := -32768; l : LINT := 9223372036854775807; END_VAR";
    for (body, text) in [
        ("i := i + 1;", "numeric overflow"),
        ("i := i * 2;", "numeric overflow"),
        ("i := -m;", "numeric overflow"),
        ("i := ABS(m);", "numeric overflow"),
        ("i := m / -1;", "numeric overflow"),
        ("l := l + 1;", "numeric overflow"),
        ("i := DINT_TO_INT(d);", "numeric overflow"),
        ("i := 5 / z;", "division by zero"),
        ("i := 5 MOD z;", "division by zero"),
        ("r := 5.0 / r;", "division by zero"),
        ("x := x * 10.0;", "numeric overflow"),
        ("r := SQRT(r - 1.0);", "operand out of range"),
        ("r := LN(r);", "operand out of range"),
        ("i := REAL_TO_INT(x);", "operand out of range"),
        ("a[n] := 1;", "array index out of bounds"),
        ("i := a[z];", "array index out of bounds"),
        ("i := MUX(n, 1, 2);", "array index out of bounds"),
        ("WHILE TRUE DO ; END_WHILE;", "scan time watchdog expired"),
        (
            "REPEAT z := 0; UNTIL FALSE END_REPEAT;",
            "scan time watchdog expired",
        ),
    ] {
        let message = fault_after_scan(declarations, &format!("\n\n{body}"));
        assert_eq!(
            message,
            format!("main.st line 5: {text}; CPU in FAULT"),
            "{body}"
        );
    }
}

#[test]
fn values_that_are_no_numbers_pass_through_without_harm() {
    use sim_wire::device::DeviceModel;
    let mut plc = plc(&program(
        "VAR x AT %MD0 : REAL; y : REAL; above : BOOL; below : BOOL; END_VAR",
        "y := x * 2.0 + 1.0; above := y > 5.0; below := y <= 5.0;",
    ));
    // A NaN with a payload of its own, written by somebody outside.
    plc.write_words(sim_record::SimTime::ZERO, 2048, &[0xFFC1, 0x2345])
        .unwrap();
    scan(&mut plc, 0);
    assert!(plc.variable("y").unwrap().is_nan());
    assert_eq!(
        (plc.variable("above"), plc.variable("below")),
        (Some(0.0), Some(0.0))
    );
    assert_eq!(plc.scan_count(), 1);
}
