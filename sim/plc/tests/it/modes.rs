//! Modes, restarts, fail states, key, power, forces and the safety controller's bypass.

use sim_plc::{FailState, ForceTarget, KeyPosition, ModeCause, Plc, PlcConfig, PlcEventKind};
use sim_record::SimTime;
use sim_wire::device::{DeviceError, DeviceModel, Mode, Quality};

use crate::{config, plc, program, scan};

const T: SimTime = SimTime(1);

fn driving() -> Plc {
    let body = "%QW0 := 100; %QW1 := 101; %QW2 := 102; %QX0.0 := TRUE; %QX0.1 := TRUE; %QX0.2 := TRUE; n := n + 1; k := k + 1; n := n / (3 - %IB0 * 0 - z);"
        .replace("n := n / (3 - %IB0 * 0 - z);", "IF %IX0.0 THEN n := n / z; END_IF;");
    Plc::new(PlcConfig {
        word_fail_states: vec![FailState::Off, FailState::Hold, FailState::Substitute(4444)],
        bit_fail_states: vec![FailState::Off, FailState::Hold, FailState::Substitute(0)],
        ..config(&program(
            "VAR n : INT := 10; z : INT; sp AT %MW0 : INT := 2700; END_VAR VAR RETAIN k : INT; rsp AT %MW1 : INT := 5; END_VAR",
            &body,
        ))
    })
    .unwrap()
}

fn outputs(plc: &Plc) -> ([u16; 3], [bool; 3]) {
    (
        [0, 1, 2].map(|i| plc.output_word(i)),
        [0, 1, 2].map(|i| plc.output_bit(i)),
    )
}

#[test]
fn outputs_take_their_fail_state_in_stop_and_come_back_in_run() {
    let mut plc = driving();
    assert_eq!(outputs(&plc), ([0; 3], [false; 3]));
    scan(&mut plc, 0);
    assert_eq!(outputs(&plc), ([100, 101, 102], [true; 3]));
    plc.request_mode(T, Mode::Stop).unwrap();
    assert_eq!(outputs(&plc), ([0, 101, 4444], [false, true, false]));
    scan(&mut plc, 1);
    assert_eq!(
        (outputs(&plc), plc.scan_count()),
        (([0, 101, 4444], [false, true, false]), 1)
    );
    // Communication answers in STOP.
    plc.write_words(T, 1024, &[1]).unwrap();
    assert_eq!(plc.point("sp").unwrap().quality, Quality::Uncertain);
    plc.request_mode(T, Mode::Run).unwrap();
    scan(&mut plc, 2);
    assert_eq!(outputs(&plc), ([100, 101, 102], [true; 3]));
    let changes: Vec<_> = plc.events().into_iter().map(|e| e.kind).collect();
    assert_eq!(
        changes,
        [
            PlcEventKind::ModeChanged {
                from: Mode::Run,
                to: Mode::Stop,
                cause: ModeCause::Request
            },
            PlcEventKind::ModeChanged {
                from: Mode::Stop,
                to: Mode::Run,
                cause: ModeCause::Request
            },
        ]
    );
}

#[test]
fn a_fault_stops_the_cpu_until_a_restart() {
    let mut plc = driving();
    scan(&mut plc, 0);
    plc.set_input_bit(0, true);
    scan(&mut plc, 1);
    assert_eq!(
        (plc.mode(), outputs(&plc)),
        (Mode::Fault, ([0, 101, 4444], [false, true, false]))
    );
    let text = &plc.diagnostics().last().unwrap().text;
    assert_eq!(text, "main.st line 3: division by zero; CPU in FAULT");
    assert!(
        matches!(plc.poll_event().unwrap().kind, PlcEventKind::Fault { fault, .. } if fault.line == 3)
    );
    plc.set_input_bit(0, false);
    scan(&mut plc, 2);
    assert_eq!(plc.mode(), Mode::Fault);
    assert_eq!(plc.request_mode(T, Mode::Fault), Err(DeviceError::BadValue));
    plc.request_mode(T, Mode::Run).unwrap();
    scan(&mut plc, 3);
    assert_eq!((plc.mode(), plc.output_word(0)), (Mode::Run, 100));
}

#[test]
fn restarts_initialise_all_but_retain_data_and_cold_ones_all() {
    let mut plc = driving();
    for step in 0..3 {
        scan(&mut plc, step);
    }
    plc.write_words(T, 1024, &[2500, 9]).unwrap();
    let values = |plc: &Plc| ["n", "k", "sp", "rsp"].map(|name| plc.variable(name).unwrap());
    assert_eq!(values(&plc), [13.0, 3.0, 2500.0, 9.0]);
    plc.warm_restart(T, ModeCause::Local);
    assert_eq!(values(&plc), [10.0, 3.0, 2700.0, 9.0]);
    plc.set_power(T, false);
    assert_eq!(
        (plc.mode(), outputs(&plc)),
        (Mode::Stop, ([0; 3], [false; 3]))
    );
    plc.set_power(T, true);
    assert_eq!(
        (plc.mode(), values(&plc)),
        (Mode::Run, [10.0, 3.0, 2700.0, 9.0])
    );
    plc.cold_restart(T, ModeCause::Local);
    assert_eq!(values(&plc), [10.0, 0.0, 2700.0, 5.0]);
}

#[test]
fn retained_instances_and_arrays_keep_every_member() {
    let source = "FUNCTION_BLOCK INNER VAR n : INT; t : CTU; END_VAR n := n + 1; t(CU := n MOD 2 = 0, PV := 9); END_FUNCTION_BLOCK
        PROGRAM MAIN VAR RETAIN f : INNER; a : ARRAY[0..3] OF INT; END_VAR VAR g : INNER; END_VAR
        f(); g(); a[2] := a[2] + 1;
        END_PROGRAM";
    let mut plc = plc(source);
    for step in 0..4 {
        scan(&mut plc, step);
    }
    plc.warm_restart(T, ModeCause::Local);
    let values = ["f.n", "f.t.CV", "g.n", "g.t.CV", "a[2]"].map(|name| plc.variable(name).unwrap());
    assert_eq!(values, [4.0, 2.0, 0.0, 0.0, 4.0]);
}

#[test]
fn startup_programs_run_once_at_every_restart() {
    let source = "VAR_GLOBAL starts : INT; END_VAR VAR_GLOBAL RETAIN all_starts : INT; END_VAR
        PROGRAM STARTUP starts := 7; all_starts := all_starts + 1; END_PROGRAM
        PROGRAM MAIN VAR seen : INT; END_VAR seen := starts; starts := starts + 1; END_PROGRAM";
    let mut plc = plc(source);
    scan(&mut plc, 0);
    scan(&mut plc, 1);
    assert_eq!(
        (plc.variable("seen"), plc.variable("all_starts")),
        (Some(8.0), Some(1.0))
    );
    plc.warm_restart(T, ModeCause::Local);
    scan(&mut plc, 2);
    assert_eq!(
        (plc.variable("seen"), plc.variable("all_starts")),
        (Some(7.0), Some(2.0))
    );
}

#[test]
fn tasks_keep_their_own_periods_and_order() {
    let mut config = config(&program("VAR n AT %MW0 : INT; END_VAR", "n := n + 1;"));
    let slow = program(
        "VAR n AT %MW0 : INT; m AT %MW1 : INT; seen : INT; END_VAR",
        "m := m + 1; seen := n;",
    )
    .replace("MAIN", "SLOW");
    config.programs.push(sim_plc::ProgramConfig {
        file_name: "slow.st".into(),
        source: slow,
        period_us: 250_000,
    });
    let mut plc = Plc::new(config).unwrap();
    assert_eq!(plc.period_us(), 50_000);
    for step in 0..=20 {
        scan(&mut plc, step);
    }
    // One second: fast at 0, 100, .. 1000 ms, slow at 0, 250, .. 1000 ms, each after the fast one of its instant.
    assert_eq!(
        ["MAIN.n", "m", "seen"].map(|n| plc.variable(n).unwrap()),
        [11.0, 5.0, 11.0]
    );
}

#[test]
fn forces_win_over_sensors_and_program_until_removed() {
    let mut plc = plc(&program(
        "VAR seen AT %IW0 : INT; copy : INT; END_VAR",
        "copy := seen; %QX0.0 := %IX0.3; %QW1 := 5;",
    ));
    plc.set_input_word(0, 50);
    plc.force(T, ForceTarget::InputWord(0), 99).unwrap();
    plc.force(T, ForceTarget::InputBit(3), 1).unwrap();
    plc.force(T, ForceTarget::OutputWord(1), 77).unwrap();
    assert_eq!(
        plc.force(T, ForceTarget::OutputWord(8), 1),
        Err(DeviceError::BadAddress)
    );
    scan(&mut plc, 0);
    assert_eq!(
        (plc.variable("copy"), plc.output_bit(0), plc.output_word(1)),
        (Some(99.0), true, 77)
    );
    assert!(plc.has_forces());
    plc.clear_forces(T).unwrap();
    scan(&mut plc, 1);
    assert_eq!(
        (
            plc.variable("copy"),
            plc.output_bit(0),
            plc.output_word(1),
            plc.has_forces()
        ),
        (Some(50.0), false, 5, false)
    );
    let forced = plc
        .events()
        .into_iter()
        .filter(|e| matches!(e.kind, PlcEventKind::Forced { .. }))
        .count();
    assert_eq!(forced, 6);
}

#[test]
fn the_diagnostics_buffer_drops_the_oldest() {
    let mut plc = driving();
    for i in 0..200 {
        let key = if i % 2 == 0 {
            KeyPosition::Remote
        } else {
            KeyPosition::Run
        };
        plc.set_key(SimTime(i), key);
    }
    assert_eq!(plc.diagnostics().len(), sim_plc::MAX_DIAGNOSTICS);
    assert_eq!(plc.diagnostics()[0].time, SimTime(100));
}

/// The bypass of ot-practice.md in Structured Text: code, then its complement within 5 s, key in REMOTE, 30 min at most.
const SIS: &str = "
PROGRAM SIS
VAR CONSTANT CODE : UINT := 2101; END_VAR
VAR
  request AT %MW0 : UINT;
  remote AT %IX1.0 : BOOL;
  armed, bypass AT %QX0.0 : BOOL;
  window, limit : TON;
END_VAR
window(IN := armed, PT := T#5s);
IF window.Q THEN armed := FALSE; END_IF;
IF request = CODE THEN armed := TRUE;
ELSIF request = 65535 - CODE AND armed THEN bypass := TRUE; armed := FALSE;
ELSIF request <> 0 THEN armed := FALSE; END_IF;
request := 0;
limit(IN := bypass, PT := T#30m);
IF limit.Q OR NOT remote THEN bypass := FALSE; armed := FALSE; END_IF;
END_PROGRAM";

#[test]
fn the_bypass_needs_the_key_two_writes_in_time_and_ends_by_itself() {
    let source = SIS.replace(
        "armed, bypass AT %QX0.0 : BOOL;",
        "armed : BOOL; bypass AT %QX0.0 : BOOL;",
    );
    let build = |key| {
        let config = PlcConfig {
            key_gates_writes: true,
            key,
            key_bits: Some((8, 9)),
            input_bits: 10,
            ..config(&source)
        };
        Plc::new(config).unwrap()
    };
    let mut locked = build(KeyPosition::Run);
    assert_eq!(
        locked.write_words(T, 1024, &[2101]),
        Err(DeviceError::WriteRefused)
    );

    // Scans every 100 ms from `from`; true if the bypass is on after the last.
    let run = |plc: &mut Plc, from: u64, scans: u64| {
        for step in from..from + scans {
            scan(plc, step);
        }
        plc.output_bit(0)
    };
    let mut slow = build(KeyPosition::Remote);
    slow.write_words(T, 1024, &[2101]).unwrap();
    run(&mut slow, 0, 60);
    slow.write_words(T, 1024, &[63434]).unwrap();
    assert!(!run(&mut slow, 60, 2));

    let mut plc = build(KeyPosition::Remote);
    plc.write_words(T, 1024, &[2101]).unwrap();
    run(&mut plc, 0, 40);
    plc.write_words(T, 1024, &[63434]).unwrap();
    assert!(run(&mut plc, 40, 1));
    let mut kept = plc.clone();
    assert!(run(&mut kept, 41, 17_999));
    assert!(!run(&mut kept, 18_040, 1));
    plc.set_key(T, KeyPosition::Run);
    assert!(!run(&mut plc, 41, 1));
}
