//! Copies, digests, save and restore.

use sim_plc::{ForceTarget, KeyPosition, Plc, RestoreError};
use sim_record::SimTime;
use sim_wire::device::DeviceModel;

use crate::{config, plc, program, scan};

fn digest(plc: &Plc) -> Vec<u8> {
    let mut out = Vec::new();
    plc.digest_into(&mut |bytes| out.extend_from_slice(bytes));
    out
}

fn busy() -> Plc {
    let declarations =
        "VAR n : INT; t : TON; c : PID; x AT %MD0 : REAL; END_VAR VAR RETAIN k : DINT; END_VAR";
    let body = "n := n + 1; k := k + n; t(IN := %IX0.0, PT := T#1s); c(AUTO := TRUE, PV := x, SP := 5.0, TI := T#10s); x := x + c.OUT / 100.0; %QW0 := INT_TO_WORD(n);";
    plc(&program(declarations, body))
}

#[test]
fn copies_are_independent_and_equal_ones_go_on_equally() {
    let mut a = busy();
    a.set_input_bit(0, true);
    for step in 0..5 {
        scan(&mut a, step);
    }
    let mut b = a.clone();
    assert_eq!(digest(&a), digest(&b));
    for step in 5..20 {
        scan(&mut a, step);
    }
    assert_ne!(digest(&a), digest(&b));
    for step in 5..20 {
        scan(&mut b, step);
    }
    assert_eq!(digest(&a), digest(&b));
}

#[test]
fn every_kind_of_state_changes_the_digest() {
    let base = busy();
    let changes: [fn(&mut Plc); 8] = [
        |p| p.set_key(SimTime(1), KeyPosition::Program),
        |p| p.set_input_word(3, 1),
        |p| p.write_words(SimTime(1), 1900, &[1]).unwrap(),
        |p| p.set_variable(SimTime(1), "k", 1.0).unwrap(),
        |p| p.force(SimTime(1), ForceTarget::InputWord(1), 0).unwrap(),
        |p| {
            p.request_mode(SimTime(1), sim_wire::device::Mode::Stop)
                .unwrap()
        },
        |p| p.set_power(SimTime(1), false),
        |p| {
            p.write_file(SimTime(1), "main.st", program("", ";").as_bytes())
                .unwrap()
        },
    ];
    for (i, change) in changes.into_iter().enumerate() {
        let mut changed = base.clone();
        change(&mut changed);
        assert_ne!(digest(&base), digest(&changed), "change {i}");
    }
}

#[test]
fn a_restored_controller_goes_on_as_the_saved_one() {
    let mut saved = busy();
    saved.set_input_bit(0, true);
    for step in 0..7 {
        scan(&mut saved, step);
    }
    saved
        .force(SimTime(700_000), ForceTarget::OutputWord(3), 9)
        .unwrap();
    let next = saved
        .program_source("main.st")
        .unwrap()
        .replace("n + 1", "n + 2");
    saved
        .write_file(SimTime(700_000), "main.st", next.as_bytes())
        .unwrap();
    let bytes = saved.save();
    let mut restored = busy();
    restored.restore(&bytes).unwrap();
    assert_eq!(digest(&saved), digest(&restored));
    for step in 7..30 {
        scan(&mut saved, step);
        scan(&mut restored, step);
        saved.set_input_bit(0, step % 4 == 0);
        restored.set_input_bit(0, step % 4 == 0);
    }
    assert_eq!(digest(&saved), digest(&restored));
    assert_eq!(
        (saved.save(), restored.output_word(3)),
        (restored.save(), 9)
    );
}

#[test]
fn damaged_states_are_refused_and_change_nothing() {
    let mut plc = busy();
    scan(&mut plc, 0);
    let bytes = plc.save();
    let before = digest(&plc);
    assert_eq!(plc.restore(&[]), Err(RestoreError::Damaged));
    assert_eq!(plc.restore(&[9]), Err(RestoreError::Format));
    assert_eq!(
        plc.restore(&bytes[..bytes.len() - 1]),
        Err(RestoreError::Damaged)
    );
    assert_eq!(
        plc.restore(&[bytes.as_slice(), &[0]].concat()),
        Err(RestoreError::Damaged)
    );
    let mut huge = bytes.clone();
    huge[21..29].fill(0xFF);
    assert_eq!(plc.restore(&huge), Err(RestoreError::Configuration));
    let mut other = Plc::new(sim_plc::PlcConfig {
        input_words: 3,
        ..config(&program("", ";"))
    })
    .unwrap();
    assert_eq!(other.restore(&bytes), Err(RestoreError::Configuration));
    assert_eq!(digest(&plc), before);
}
