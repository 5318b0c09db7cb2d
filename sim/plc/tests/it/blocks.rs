//! Standard function blocks against their timing diagrams and truth tables.

use crate::{plc, program, scan};
use sim_plc::Plc;

/// Runs a timer with PT = 250 ms on a pattern of inputs, one a scan of 100 ms; gives Q as digits and ET in ms.
fn timer(kind: &str, pattern: &str) -> (String, Vec<f64>) {
    let mut plc = plc(&program(
        &format!("VAR t : {kind}; i AT %IX0.0 : BOOL; END_VAR"),
        "t(IN := i, PT := T#250ms);",
    ));
    let (mut q, mut et) = (String::new(), Vec::new());
    for (step, digit) in pattern.chars().enumerate() {
        plc.set_input_bit(0, digit == '1');
        scan(&mut plc, step as u64);
        q.push(if plc.variable("t.Q") == Some(1.0) {
            '1'
        } else {
            '0'
        });
        et.push(plc.variable("t.ET").unwrap() * 1000.0);
    }
    (q, et)
}

#[test]
fn ton_delays_the_rising_edge() {
    let (q, et) = timer("TON", "0111110110");
    assert_eq!(q, "0000110000");
    assert_eq!(
        et,
        [0.0, 0.0, 100.0, 200.0, 250.0, 250.0, 0.0, 0.0, 100.0, 0.0]
    );
}

#[test]
fn tof_delays_the_falling_edge() {
    let (q, et) = timer("TOF", "0110000100");
    assert_eq!(q, "0111110111");
    assert_eq!(
        et,
        [0.0, 0.0, 0.0, 0.0, 100.0, 200.0, 250.0, 0.0, 0.0, 100.0]
    );
}

#[test]
fn tp_makes_one_pulse_of_fixed_length() {
    let (q, _) = timer("TP", "0100000111111011");
    assert_eq!(q, "0111000111000011");
}

/// Runs a block on rows of inputs and gives one output for each row.
fn rows(declarations: &str, body: &str, inputs: &[&[u16]], output: &str) -> Vec<f64> {
    let mut plc: Plc = plc(&program(declarations, body));
    let mut out = Vec::new();
    for (step, row) in inputs.iter().enumerate() {
        for (i, value) in row.iter().enumerate() {
            plc.set_input_bit(i as u16, *value != 0);
        }
        scan(&mut plc, step as u64);
        out.push(plc.variable(output).unwrap());
    }
    out
}

const IN: &str =
    "VAR a AT %IX0.0 : BOOL; b AT %IX0.1 : BOOL; c AT %IX0.2 : BOOL; d AT %IX0.3 : BOOL;";

#[test]
fn edges_last_one_scan() {
    let inputs: [&[u16]; 6] = [&[0], &[1], &[1], &[0], &[0], &[1]];
    let rising = rows(
        &format!("{IN} e : R_TRIG; END_VAR"),
        "e(CLK := a);",
        &inputs,
        "e.Q",
    );
    assert_eq!(rising, [0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
    let falling = rows(
        &format!("{IN} e : F_TRIG; END_VAR"),
        "e(CLK := a);",
        &inputs,
        "e.Q",
    );
    assert_eq!(falling, [0.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
}

#[test]
fn bistables_differ_where_both_inputs_are_on() {
    let inputs: [&[u16]; 6] = [&[0, 0], &[1, 0], &[0, 0], &[1, 1], &[0, 1], &[0, 0]];
    let sr = rows(
        &format!("{IN} f : SR; END_VAR"),
        "f(S1 := a, R := b);",
        &inputs,
        "f.Q1",
    );
    assert_eq!(sr, [0.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
    let rs = rows(
        &format!("{IN} f : RS; END_VAR"),
        "f(S := a, R1 := b);",
        &inputs,
        "f.Q1",
    );
    assert_eq!(rs, [0.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
}

#[test]
fn counters_count_edges_and_stop_at_the_range_of_int() {
    let up = "c1(CU := a, R := b, PV := 2);";
    let inputs: [&[u16]; 7] = [
        &[1, 0],
        &[1, 0],
        &[0, 0],
        &[1, 0],
        &[0, 0],
        &[1, 0],
        &[1, 1],
    ];
    let declarations = format!("{IN} c1 : CTU; END_VAR");
    assert_eq!(
        rows(&declarations, up, &inputs, "c1.CV"),
        [1.0, 1.0, 1.0, 2.0, 2.0, 3.0, 0.0]
    );
    assert_eq!(
        rows(&declarations, up, &inputs, "c1.Q"),
        [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0]
    );
    let down = rows(
        &format!("{IN} c1 : CTD; END_VAR"),
        "c1(CD := a, LD := b, PV := 1);",
        &[&[0, 1], &[1, 0], &[0, 0], &[1, 0]],
        "c1.CV",
    );
    assert_eq!(down, [1.0, 0.0, 0.0, -1.0]);
    let both: [&[u16]; 6] = [
        &[1, 0, 0, 0],
        &[0, 1, 0, 0],
        &[0, 0, 0, 1],
        &[1, 1, 0, 0],
        &[0, 0, 0, 0],
        &[1, 0, 1, 0],
    ];
    let ctud = rows(
        &format!("{IN} c1 : CTUD; END_VAR"),
        "c1(CU := a, CD := b, R := c, LD := d, PV := 4);",
        &both,
        "c1.CV",
    );
    assert_eq!(ctud, [1.0, 0.0, 4.0, 4.0, 4.0, 0.0]);
    let full = rows(
        &format!("{IN} c1 : CTU := (CV := 32767); END_VAR"),
        "c1(CU := a, R := b, PV := 2);",
        &[&[1, 0]],
        "c1.CV",
    );
    assert_eq!(full, [32767.0]);
}

const LOOP: &str = "VAR c : PID; pv AT %MD0 : REAL; sp AT %MD1 : REAL := 50.0; manual AT %MX0.0 : BOOL; op AT %MD2 : REAL := 40.0; track AT %MX0.1 : BOOL; END_VAR";
const CALL: &str = "c(AUTO := NOT manual, PV := pv, SP := sp, KP := 2.0, TI := T#10s, OP_MAN := op, TRACK := track, TRACK_OP := 5.0, OUT_MIN := 0.0, OUT_MAX := 100.0);";

fn set(plc: &mut Plc, name: &str, value: f64) {
    plc.set_variable(sim_record::SimTime::ZERO, name, value)
        .unwrap();
}

fn out(plc: &Plc) -> f64 {
    plc.variable("c.OUT").unwrap()
}

#[test]
fn pid_integrates_the_error_over_the_reset_time() {
    let mut plc = plc(&program(LOOP, CALL));
    set(&mut plc, "pv", 48.0);
    // e = 2: proportional 4, integral 2 * 2 / 10 s = 0.4 a second.
    for step in 0..100 {
        scan(&mut plc, step);
    }
    assert!((out(&plc) - 8.0).abs() < 1e-5, "{}", out(&plc));
}

#[test]
fn pid_changes_between_manual_and_automatic_without_a_bump() {
    let mut plc = plc(&program(LOOP, CALL));
    set(&mut plc, "manual", 1.0);
    set(&mut plc, "pv", 30.0);
    for step in 0..10 {
        scan(&mut plc, step);
    }
    assert_eq!(out(&plc), 40.0);
    // To automatic with an error of 20: the output goes on from 40 with the integral's slope of 0.4 a scan.
    set(&mut plc, "manual", 0.0);
    scan(&mut plc, 10);
    assert!((out(&plc) - 40.4).abs() < 1e-4, "{}", out(&plc));
    // Back to manual at the value the operator set.
    set(&mut plc, "op", 33.0);
    set(&mut plc, "manual", 1.0);
    scan(&mut plc, 11);
    assert_eq!(out(&plc), 33.0);
}

#[test]
fn pid_tracks_and_releases_without_a_bump() {
    let mut plc = plc(&program(LOOP, CALL));
    set(&mut plc, "pv", 50.0);
    set(&mut plc, "track", 1.0);
    scan(&mut plc, 0);
    assert_eq!(out(&plc), 5.0);
    set(&mut plc, "track", 0.0);
    scan(&mut plc, 1);
    assert!((out(&plc) - 5.0).abs() < 1e-6);
}

#[test]
fn pid_does_not_wind_up_in_its_limits() {
    let mut plc = plc(&program(LOOP, CALL));
    set(&mut plc, "pv", 0.0);
    for step in 0..6000 {
        scan(&mut plc, step);
    }
    assert_eq!((out(&plc), plc.variable("c.SAT")), (100.0, Some(0.0)));
    // After ten minutes in its limit it leaves it with the first error of the other sign.
    set(&mut plc, "pv", 60.0);
    scan(&mut plc, 6000);
    assert!(out(&plc) < 1.0, "{}", out(&plc));
}

#[test]
fn pid_keeps_small_increments_of_a_slow_loop() {
    // first-watch's pressure loop: 1 kPa of error, gain -0.25, reset time 90 min, 100 ms a scan, one hour.
    let call = "c(AUTO := TRUE, PV := 2701.0, SP := 2700.0, KP := -0.25, TI := T#90m, OUT_MIN := 0.0, OUT_MAX := 100.0);";
    let mut plc = plc(&program("VAR c : PID; END_VAR", call));
    for step in 0..36_000 {
        scan(&mut plc, step);
    }
    // 0.25 proportional + 0.25 * 3600 / 5400 integral.
    assert!(
        (out(&plc) - (0.25 + 0.25 * 3600.0 / 5400.0)).abs() < 1e-4,
        "{}",
        out(&plc)
    );
}

#[test]
fn pid_holds_its_output_while_the_measurement_is_no_number() {
    use sim_wire::device::DeviceModel;
    let mut plc = plc(&program(LOOP, CALL));
    set(&mut plc, "pv", 48.0);
    scan(&mut plc, 0);
    let before = out(&plc);
    plc.write_words(sim_record::SimTime::ZERO, 2048, &[0x7FC0, 0])
        .unwrap();
    scan(&mut plc, 1);
    assert_eq!(out(&plc), before);
    assert_eq!(plc.mode(), sim_wire::device::Mode::Run);
}
