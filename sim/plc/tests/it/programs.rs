//! Upload, download, compare, online values.

use sim_plc::{Plc, PlcEventKind};
use sim_record::SimTime;
use sim_wire::device::{DeviceError, DeviceModel, Mode, Quality};

use crate::{config, plc, program, scan};

const T: SimTime = SimTime(3);

fn counting(step: u32) -> String {
    program(
        "VAR n : INT; t : TON; fresh : INT := 4; END_VAR",
        &format!("n := n + {step}; t(IN := TRUE, PT := T#1h);"),
    )
}

#[test]
fn a_download_takes_effect_at_the_next_scan_and_keeps_equal_variables() {
    let mut plc = plc(&counting(1));
    for step in 0..3 {
        scan(&mut plc, step);
    }
    let before = plc.program_hash();
    let next = counting(10).replace("fresh : INT := 4", "fresh : DINT := 6");
    plc.write_file(T, "main.st", next.as_bytes()).unwrap();
    assert_eq!(plc.variable("n"), Some(3.0));
    assert_eq!(plc.read_file("main.st").unwrap(), next.as_bytes());
    assert_ne!(plc.program_hash(), before);
    scan(&mut plc, 3);
    assert_eq!(
        (plc.variable("n"), plc.variable("fresh")),
        (Some(13.0), Some(6.0))
    );
    // The timer goes on as well.
    assert_eq!(plc.variable("t.ET"), Some(0.3));
    let event = plc.poll_event().unwrap();
    let PlcEventKind::ProgramChanged {
        file_name,
        old_hash,
        new_hash,
    } = event.kind
    else {
        panic!("{event:?}")
    };
    assert_eq!(
        (event.time, file_name.as_str(), new_hash),
        (T, "main.st", plc.file_hash("main.st").unwrap())
    );
    assert_eq!(old_hash, *blake3_of(&counting(1)));
    assert_eq!(plc.compare("main.st", &next), Some(true));
    assert_eq!(plc.compare("main.st", &counting(1)), Some(false));
    assert_eq!(plc.compare("other.st", &next), None);
    // Restoring the approved program restores the hash.
    plc.write_file(T, "main.st", counting(1).as_bytes())
        .unwrap();
    assert_eq!(plc.program_hash(), before);
}

/// Hash of a source, taken from a controller that holds it.
fn blake3_of(source: &str) -> Box<[u8; 32]> {
    Box::new(plc(source).file_hash("main.st").unwrap())
}

#[test]
fn a_download_that_does_not_compile_is_refused_with_its_errors() {
    let mut plc = plc(&counting(1));
    let bad = program("VAR n : INT; END_VAR", "n := 1.5;\nm := 2;");
    assert_eq!(
        plc.write_file(T, "main.st", bad.as_bytes()),
        Err(DeviceError::BadValue)
    );
    let places: Vec<_> = plc
        .compile_errors()
        .iter()
        .map(|e| (e.line, e.column))
        .collect();
    assert_eq!(places, [(3, 6), (4, 1)]);
    assert_eq!(
        plc.write_file(T, "main.st", b"\xFF\xFE"),
        Err(DeviceError::BadValue)
    );
    assert_eq!(
        plc.write_file(T, "other.st", counting(2).as_bytes()),
        Err(DeviceError::BadAddress)
    );
    assert_eq!(
        plc.write_file(T, &"x".repeat(100_000), b""),
        Err(DeviceError::BadAddress)
    );
    scan(&mut plc, 0);
    assert_eq!((plc.mode(), plc.variable("n")), (Mode::Run, Some(1.0)));
    let refused = plc.events();
    assert_eq!(refused.len(), 4);
    assert!(refused.iter().all(|e| matches!(&e.kind, PlcEventKind::DownloadRefused { file_name, .. } if file_name.len() <= 64)));
    plc.write_file(T, "main.st", counting(5).as_bytes())
        .unwrap();
    assert!(plc.compile_errors().is_empty());
}

#[test]
fn a_download_of_the_same_text_changes_nothing() {
    let mut plc = plc(&counting(1));
    plc.write_file(T, "main.st", counting(1).as_bytes())
        .unwrap();
    assert!(!plc.has_events());
    assert_eq!(plc.read_file("nothing.st"), Err(DeviceError::BadAddress));
    assert_eq!(plc.file_names(), ["main.st"]);
}

#[test]
fn a_download_that_faults_does_so_in_its_next_scan() {
    let mut plc = plc(&counting(1));
    scan(&mut plc, 0);
    plc.write_file(
        T,
        "main.st",
        program("VAR n : INT; END_VAR", "WHILE TRUE DO n := 0; END_WHILE;").as_bytes(),
    )
    .unwrap();
    assert_eq!(plc.mode(), Mode::Run);
    scan(&mut plc, 1);
    assert_eq!(plc.mode(), Mode::Fault);
    plc.write_file(T, "main.st", counting(1).as_bytes())
        .unwrap();
    plc.request_mode(T, Mode::Run).unwrap();
    scan(&mut plc, 2);
    assert_eq!(plc.mode(), Mode::Run);
}

#[test]
fn online_values_can_be_read_and_set() {
    let declarations = "VAR n : INT; x : REAL; t : TIME := T#90s; a : ARRAY[1..2] OF BOOL; f : TON; m AT %MW0 : UINT; END_VAR VAR CONSTANT K : INT := 3; END_VAR";
    let mut plc = plc(&program(declarations, ";"));
    for (name, value) in [
        ("n", -5.0),
        ("MAIN.x", 1.5),
        ("main.T", 2.5),
        ("a[2]", 1.0),
        ("F.PT", 10.0),
        ("m", 65535.0),
    ] {
        plc.set_variable(T, name, value).unwrap();
        assert_eq!(plc.variable(name), Some(value), "{name}");
    }
    assert_eq!(plc.variable("K"), Some(3.0));
    for (name, value) in [
        ("n", 40_000.0),
        ("K", 1.0),
        ("zz", 1.0),
        ("a", 1.0),
        ("a[3]", 1.0),
        ("a[1", 1.0),
        ("x", f64::NAN),
        ("x", 1e300),
        ("m", -1.0),
        ("", 0.0),
    ] {
        assert_eq!(
            plc.set_variable(T, name, value),
            Err(DeviceError::BadValue),
            "{name}"
        );
    }
    let names: Vec<_> = plc
        .variables("main.st")
        .into_iter()
        .map(|v| (v.name, v.type_name, v.elements))
        .collect();
    assert!(
        names.contains(&("MAIN.A".into(), "BOOL", 2))
            && names.contains(&("MAIN.F.ET".into(), "TIME", 1))
    );
    scan(&mut plc, 4);
    let point = plc.point("MAIN.N").unwrap();
    assert_eq!(
        (point.value, point.quality, point.time),
        (-5.0, Quality::Good, SimTime(400_000))
    );
    assert_eq!(plc.point("nothing"), None);
}

#[test]
fn a_program_says_which_outputs_it_drives() {
    let source = program(
        "VAR q AT %QW2 : INT; b AT %QX1.3 : BOOL; m AT %MW0 : INT; END_VAR",
        "q := m; b := TRUE; %QW2 := 5; m := 1;",
    );
    let compiled = sim_plc::st::compile(&source).unwrap();
    use sim_plc::memory::AccessSize::{Bit, Word};
    assert_eq!(compiled.driven_outputs(), [(11, Bit), (1028, Word)]);
}

#[test]
fn identity_and_configuration_are_those_given() {
    let mut config = config(&counting(1));
    config.persona.vendor_name = "Halden Controls".into();
    let plc = Plc::new(config).unwrap();
    assert_eq!(
        (
            plc.identity().vendor_name.as_str(),
            plc.name(),
            plc.config().programs.len()
        ),
        ("Halden Controls", "PLC-T", 1)
    );
}
