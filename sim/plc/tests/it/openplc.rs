//! Programs in the dialect of the OpenPLC editor, as they are, against traces worked out by hand.
//!
//! A trace begins with the period of the scan in milliseconds. A line `TIME in NAME=VALUE ...` sets terminals and
//! variables before the scan at that time, a line `TIME out NAME=VALUE ...` says what is there after it.

use sim_plc::memory::DirectAddress;
use sim_plc::{Plc, PlcConfig};
use sim_record::SimTime;
use sim_wire::device::{Area, DeviceModel, Mode};

use crate::config;

/// One line of a trace.
struct Line<'a> {
    number: usize,
    time_ms: u64,
    sets: bool,
    pairs: Vec<(&'a str, &'a str)>,
}

fn read(trace: &str) -> (u64, Vec<Line<'_>>) {
    let mut lines = trace
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let period = lines.next().unwrap().1.strip_prefix("period ").unwrap();
    let lines = lines.map(|(i, line)| {
        let mut words = line.splitn(3, ' ');
        let (time, what, rest) = (
            words.next().unwrap(),
            words.next().unwrap(),
            words.next().unwrap(),
        );
        assert!(what == "in" || what == "out", "line {}", i + 1);
        Line {
            number: i + 1,
            time_ms: time.parse().unwrap(),
            sets: what == "in",
            pairs: pairs(rest),
        }
    });
    (period.parse().unwrap(), lines.collect())
}

/// Splits `A=1 B='two words'`.
fn pairs(mut rest: &str) -> Vec<(&str, &str)> {
    let mut list = Vec::new();
    while let Some((name, after)) = rest.trim_start().split_once('=') {
        let end = match after.strip_prefix('\'') {
            Some(text) => text.find('\'').unwrap() + 2,
            None => after.find(' ').unwrap_or(after.len()),
        };
        list.push((name, &after[..end]));
        rest = &after[end..];
    }
    assert!(!list.is_empty());
    list
}

fn set(plc: &mut Plc, now: SimTime, name: &str, value: &str) {
    let number: u16 = value.parse().unwrap();
    match name.strip_prefix('%').and_then(DirectAddress::parse) {
        Some(at) if at.area == Area::Input && name.contains('X') => {
            plc.set_input_bit(
                u16::try_from(at.index * 8).unwrap() + u16::from(at.bit),
                number != 0,
            );
        }
        Some(at) => plc.set_input_word(u16::try_from(at.index).unwrap(), number),
        None => plc.set_variable(now, name, f64::from(number)).unwrap(),
    }
}

fn shown(plc: &Plc, name: &str) -> String {
    match name.strip_prefix('%').and_then(DirectAddress::parse) {
        Some(at) if at.area == Area::Output && name.contains('X') => {
            let index = u16::try_from(at.index * 8).unwrap() + u16::from(at.bit);
            u8::from(plc.output_bit(index)).to_string()
        }
        Some(at) if at.area == Area::Output => plc
            .output_word(u16::try_from(at.index).unwrap())
            .to_string(),
        Some(at) => {
            let mut bytes = [0; 2];
            let offset = plc.config().layout.offset(at).unwrap();
            plc.read_area(at.area, offset, &mut bytes).unwrap();
            u16::from_be_bytes(bytes).to_string()
        }
        None => match plc.text(name) {
            Some(text) => format!("'{text}'"),
            None => plc
                .variable(name)
                .unwrap_or_else(|| panic!("no variable {name}"))
                .to_string(),
        },
    }
}

fn follow(name: &str, source: &str, trace: &str) -> usize {
    let (period_ms, lines) = read(trace);
    let mut config: PlcConfig = config(source);
    config.programs[0].period_us = period_ms * 1_000;
    let mut plc = Plc::new(config).unwrap_or_else(|e| panic!("{name}: {e}"));
    let last_ms = lines.iter().map(|line| line.time_ms).max().unwrap();
    let mut checks = 0;
    for time_ms in (0..=last_ms).step_by(usize::try_from(period_ms).unwrap()) {
        let now = SimTime(time_ms * 1_000);
        let at = || lines.iter().filter(|line| line.time_ms == time_ms);
        for (variable, value) in at().filter(|l| l.sets).flat_map(|l| &l.pairs) {
            set(&mut plc, now, variable, value);
        }
        plc.scan(now);
        for line in at().filter(|line| !line.sets) {
            for (variable, value) in &line.pairs {
                let found = shown(&plc, variable);
                assert_eq!(
                    found, *value,
                    "{name} line {}: {variable} at {time_ms} ms",
                    line.number
                );
                checks += 1;
            }
        }
    }
    let off_beat = lines.iter().find(|line| line.time_ms % period_ms != 0);
    assert!(off_beat.is_none(), "{name}: a line between two scans");
    assert_eq!(plc.mode(), Mode::Run, "{name}: {:?}", plc.diagnostics());
    checks
}

macro_rules! programs {
    ($($name:literal),*) => {
        [$((
            $name,
            include_str!(concat!("../openplc/", $name, ".st")),
            include_str!(concat!("../openplc/", $name, ".trace")),
        )),*]
    };
}

#[test]
fn programs_of_the_openplc_editor_run_unmodified() {
    for (name, source, trace) in programs![
        "blink",
        "tank",
        "traffic_light",
        "motor",
        "recipe",
        "heater"
    ] {
        assert!(follow(name, source, trace) >= 10, "{name}");
    }
}
