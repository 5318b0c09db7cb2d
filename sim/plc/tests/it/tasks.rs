//! CONFIGURATION: tasks, instances, global variables.

use sim_plc::{Plc, PlcConfig, st};
use sim_record::SimTime;
use sim_wire::device::{DeviceModel, Mode};

use crate::config;

fn controller(source: &str, period_us: u64) -> Plc {
    let mut config: PlcConfig = config(source);
    config.programs[0].period_us = period_us;
    Plc::new(config).unwrap_or_else(|e| panic!("{e}\n{source}"))
}

const SOURCE: &str = "
PROGRAM counter VAR_EXTERNAL log : DINT; END_VAR VAR n : INT; weight : DINT := 1; END_VAR
  n := n + 1; log := (log * 10 + weight) MOD 100000;
END_PROGRAM
PROGRAM edge VAR_EXTERNAL log : DINT; END_VAR VAR n : INT; END_VAR n := n + 1; log := (log * 10 + 9) MOD 100000; END_PROGRAM
PROGRAM always VAR n : INT; END_VAR n := n + 1; END_PROGRAM
PROGRAM STARTUP VAR_EXTERNAL log : DINT; END_VAR log := 7; END_PROGRAM
CONFIGURATION Config0
  VAR_GLOBAL log : DINT; END_VAR
  RESOURCE Res0 ON PLC
    VAR_GLOBAL go AT %IX0.0 : BOOL; END_VAR
    TASK slow(INTERVAL := T#50ms, PRIORITY := 5);
    TASK fast(INTERVAL := T#20ms, PRIORITY := 1);
    TASK event(SINGLE := go, PRIORITY := 0);
    PROGRAM a WITH slow : counter;
    PROGRAM b WITH fast : counter;
    PROGRAM c WITH event : edge;
    PROGRAM d : always;
  END_RESOURCE
END_CONFIGURATION
";

#[test]
fn tasks_run_at_their_intervals_in_the_order_of_their_priorities() {
    let mut plc = controller(SOURCE, 10_000);
    let mut runs = Vec::new();
    for step in 0..11 {
        plc.set_input_bit(0, step >= 3 && step != 6);
        plc.scan(SimTime(step * 10_000));
        let n = |name: &str| plc.variable(name).unwrap() as u32;
        runs.push([n("a.n"), n("b.n"), n("c.n"), n("d.n")]);
    }
    assert_eq!(plc.mode(), Mode::Run, "{:?}", plc.diagnostics());
    assert_eq!(runs[0], [1, 1, 0, 1]);
    assert_eq!(runs[1], [1, 1, 0, 2]);
    assert_eq!(runs[2], [1, 2, 0, 3]);
    assert_eq!(runs[3], [1, 2, 1, 4]);
    assert_eq!(runs[5], [2, 3, 1, 6]);
    assert_eq!(runs[7], [2, 4, 2, 8]);
    assert_eq!(runs[10], [3, 6, 2, 11]);
}

#[test]
fn startup_comes_first_and_smaller_priorities_before_larger_ones() {
    let source = SOURCE.replace("weight : DINT := 1", "weight : DINT := 1; first : BOOL");
    let mut plc = controller(&source, 10_000);
    plc.set_variable(SimTime(0), "b.weight", 2.0).unwrap();
    plc.set_input_bit(0, true);
    plc.scan(SimTime(0));
    // The start-up program, the event, the fast task, the slow one.
    assert_eq!(plc.variable("log"), Some(7921.0));
    assert_eq!(plc.variable("A.WEIGHT"), Some(1.0));
    assert_eq!(
        plc.variable("EDGE.N"),
        Some(1.0),
        "the only instance of its type"
    );
    assert_eq!(plc.variable("COUNTER.N"), None, "two instances");
}

#[test]
fn instances_of_one_program_share_nothing_but_global_variables() {
    let source = "PROGRAM p VAR x : INT; t : TON; s : STRING := 'a'; END_VAR VAR_EXTERNAL g : INT; END_VAR
          x := x + 1; g := g + 1; t(IN := TRUE, PT := T#1s); s := CONCAT(s, 'b'); END_PROGRAM
        CONFIGURATION c VAR_GLOBAL g : INT; END_VAR RESOURCE r ON PLC TASK t(INTERVAL := T#10ms, PRIORITY := 0);
          PROGRAM one WITH t : p; PROGRAM two WITH t : p; END_RESOURCE END_CONFIGURATION";
    let mut plc = controller(source, 10_000);
    for step in 0..3 {
        plc.scan(SimTime(step * 10_000));
    }
    assert_eq!(plc.variable("one.x"), Some(3.0));
    assert_eq!(plc.variable("two.x"), Some(3.0));
    assert_eq!(plc.variable("g"), Some(6.0));
    assert_eq!(plc.text("two.s").as_deref(), Some("abbb"));
    assert_eq!(plc.variable("two.t.et"), Some(0.02));
}

#[test]
fn a_task_keeps_its_phase_in_a_saved_state_and_waits_after_being_late() {
    let mut plc = controller(SOURCE, 10_000);
    for step in 0..4 {
        plc.scan(SimTime(step * 10_000));
    }
    let mut copy = controller(SOURCE, 10_000);
    copy.restore(&plc.save()).unwrap();
    for step in 4..9 {
        plc.scan(SimTime(step * 10_000));
        copy.scan(SimTime(step * 10_000));
    }
    assert_eq!(plc.save(), copy.save());
    let before = plc.variable("b.n").unwrap();
    // Much later: one run, and the next one interval after it.
    plc.scan(SimTime(1_005_000));
    plc.scan(SimTime(1_015_000));
    assert_eq!(plc.variable("b.n").unwrap(), before + 1.0);
    plc.scan(SimTime(1_025_000));
    assert_eq!(plc.variable("b.n").unwrap(), before + 2.0);
}

#[test]
fn a_download_leaves_the_tasks_their_phase_and_edges() {
    let mut plc = controller(SOURCE, 10_000);
    plc.set_input_bit(0, true);
    plc.scan(SimTime(0));
    let next = SOURCE.replace("weight : DINT := 1", "weight : DINT := 2");
    plc.download(SimTime(5_000), "main.st", next.as_bytes())
        .unwrap();
    plc.scan(SimTime(10_000));
    let n = |plc: &Plc, name: &str| plc.variable(name).unwrap();
    assert_eq!([n(&plc, "a.n"), n(&plc, "b.n"), n(&plc, "c.n")], [1.0; 3]);
    plc.scan(SimTime(20_000));
    assert_eq!(
        [n(&plc, "a.n"), n(&plc, "b.n"), n(&plc, "c.n")],
        [1.0, 2.0, 1.0]
    );
}

#[test]
fn retained_globals_of_a_configuration_survive_a_warm_restart() {
    let source = "PROGRAM p VAR_EXTERNAL kept, lost : INT; END_VAR kept := kept + 1; lost := lost + 1; END_PROGRAM
        CONFIGURATION c VAR_GLOBAL RETAIN kept : INT; END_VAR VAR_GLOBAL lost : INT; END_VAR
          RESOURCE r ON PLC TASK t(INTERVAL := T#10ms, PRIORITY := 0); PROGRAM i WITH t : p; END_RESOURCE END_CONFIGURATION";
    let mut plc = controller(source, 10_000);
    plc.scan(SimTime(0));
    plc.scan(SimTime(10_000));
    plc.warm_restart(SimTime(15_000), sim_plc::ModeCause::Request);
    plc.scan(SimTime(16_000));
    assert_eq!(plc.variable("kept"), Some(3.0));
    assert_eq!(plc.variable("lost"), Some(1.0));
}

#[test]
fn durations_count_seconds_in_the_dialect_of_openplc() {
    let source = "PROGRAM p VAR t : TIME := T#2m30s500ms; i : INT; x, y : REAL; u, v, w : TIME; o : TOD; END_VAR
          i := TIME_TO_INT(t); x := TIME_TO_REAL(t); u := INT_TO_TIME(i); v := REAL_TO_TIME(1.5); o := DINT_TO_TOD(60);
          w := LREAL_TO_TIME(0.25); y := TOD_TO_REAL(TOD#00:00:01.5); END_PROGRAM";
    let dialect = format!("{source} CONFIGURATION c PROGRAM i0 : p; END_CONFIGURATION");
    let names = ["i", "x", "u", "v", "o", "w", "y"];
    let expected = [
        (
            dialect.as_str(),
            [150.0, 150.5, 150.0, 1.5, 60.0, 0.25, 1.5],
        ),
        (
            &source.replace("TIME_TO_INT(t)", "TIME_TO_INT(t / 10)"),
            [15_050.0, 150_500.0, 15.05, 0.0015, 0.06, 0.00025, 1500.0],
        ),
    ];
    for (source, values) in expected {
        let mut plc = controller(source, 10_000);
        plc.scan(SimTime(0));
        for (name, value) in names.iter().zip(values) {
            let found = plc.variable(name).unwrap();
            assert!((found - value).abs() < 1e-9, "{name}: {found}");
        }
    }
}

#[test]
fn mistakes_of_a_configuration_have_their_place() {
    let with = |text: &str| {
        let source = format!(
            "PROGRAM p END_PROGRAM VAR_GLOBAL b : BOOL; END_VAR\nCONFIGURATION c\n{text}\nEND_CONFIGURATION"
        );
        let error = st::compile(&source).expect_err(text).remove(0);
        (error.line, error.column, error.code)
    };
    let task = "TASK t(INTERVAL := T#1s, PRIORITY := 0);";
    for (text, expected) in [
        ("", (2, 1, "ST020")),
        ("PROGRAM i WITH t : p;", (3, 16, "ST023")),
        ("PROGRAM i : q;", (3, 13, "ST023")),
        ("PROGRAM i : p; PROGRAM i : p;", (3, 24, "ST031")),
        ("PROGRAM b : p;", (3, 9, "ST031")),
        ("PROGRAM i : p(x := 1);", (3, 14, "ST020")),
        ("TASK t(INTERVAL := T#0s); PROGRAM i : p;", (3, 6, "ST024")),
        ("TASK t(PRIORITY := 1); PROGRAM i : p;", (3, 6, "ST024")),
        (
            "TASK t(SINGLE := b AND b); PROGRAM i : p;",
            (3, 20, "ST024"),
        ),
        (
            "TASK t(SINGLE := nothing); PROGRAM i : p;",
            (3, 18, "ST053"),
        ),
        ("TASK t(INTERVAL := 5); PROGRAM i : p;", (3, 20, "ST060")),
        ("TASK t(CYCLE := 5);", (3, 8, "ST010")),
        ("VAR_ACCESS END_VAR", (3, 1, "ST021")),
        (
            "RESOURCE a ON PLC END_RESOURCE RESOURCE b ON PLC END_RESOURCE",
            (3, 32, "ST020"),
        ),
        ("garbage", (3, 1, "ST010")),
    ] {
        assert_eq!(with(text), expected, "{text}");
    }
    assert_eq!(
        with(&format!("{task} {task} PROGRAM i : p;")),
        (3, 47, "ST031")
    );
}

#[test]
fn a_program_without_an_instance_is_checked_but_does_not_run() {
    let source = "PROGRAM p VAR n : INT; END_VAR n := n + 1; END_PROGRAM PROGRAM idle VAR n : INT; END_VAR n := 1; END_PROGRAM
        CONFIGURATION c PROGRAM i : p; END_CONFIGURATION";
    let mut plc = controller(source, 10_000);
    plc.scan(SimTime(0));
    assert_eq!(plc.variable("i.n"), Some(1.0));
    assert_eq!(plc.variable("idle.n"), None);
    let wrong = source.replace("n := 1;", "n := 1.5;");
    assert_eq!(st::compile(&wrong).unwrap_err()[0].code, "ST060");
}
