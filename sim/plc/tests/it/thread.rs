//! One controller from sensor to Modbus client.

use sim_plc::{Plc, PlcConfig, ProgramConfig};
use sim_record::SimTime;
use sim_wire::device::{DeviceModel, Mode, WordTable};

const TANK: &str = "
PROGRAM TANK
VAR
  Level AT %IW0 : INT;
  Valve AT %QW0 : INT;
  Alarm AT %QX0.0 : BOOL;
  SP AT %MW0 : INT := 2700;
  Delay : TON;
  Scaled : REAL;
END_VAR
  Scaled := Level / 10.0;
  Delay(IN := Level > SP, PT := T#2s);
  IF Delay.Q THEN
    Valve := 0;
  ELSE
    Valve := SP - Level;
  END_IF;
  Alarm := Delay.Q;
END_PROGRAM
";

fn tank() -> Plc {
    Plc::new(PlcConfig {
        name: "PLC-1".into(),
        programs: vec![ProgramConfig {
            file_name: "tank.st".into(),
            source: TANK.into(),
            period_us: 100_000,
        }],
        input_words: 1,
        output_words: 1,
        output_bits: 1,
        ..PlcConfig::default()
    })
    .unwrap()
}

#[test]
fn alarm_rises_exactly_two_seconds_after_the_level() {
    let mut plc = tank();
    let mut rose = None;
    for step in 0..50_u64 {
        let now = SimTime::from_millis(step * plc.period_us() / 1000);
        plc.set_input_word(0, if step >= 5 { 2701 } else { 2600 });
        plc.scan(now);
        if plc.output_bit(0) {
            rose = rose.or(Some(now));
        }
    }
    assert_eq!(rose, Some(SimTime::from_millis(2500)));
    assert_eq!(plc.variable("TANK.Scaled"), Some(f64::from(270.1_f32)));
    assert_eq!(plc.mode(), Mode::Run);
}

#[test]
fn a_written_setpoint_moves_the_valve_and_a_written_output_lasts_one_scan() {
    let mut plc = tank();
    plc.set_input_word(0, 2000);
    plc.scan(SimTime::ZERO);
    assert_eq!(plc.output_word(0), 700);
    plc.write_words(SimTime::from_millis(50), 1024, &[2500])
        .unwrap();
    plc.write_words(SimTime::from_millis(50), 0, &[9]).unwrap();
    let mut word = [0];
    plc.read_words(WordTable::HoldingRegisters, 0, &mut word)
        .unwrap();
    assert_eq!(word, [9]);
    plc.scan(SimTime::from_millis(100));
    plc.read_words(WordTable::HoldingRegisters, 0, &mut word)
        .unwrap();
    assert_eq!((word, plc.output_word(0)), ([500], 500));
}
