//! Checks a configuration and builds a controller from it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use sim_record::SimTime;
use sim_wire::device::{Area, Mode, WordTable};

use super::access::{Mapped, Wiring};
use super::blocks::S7State;
use super::config::{
    MAX_MAP_ENTRIES, MAX_PERIOD_US, MAX_PROGRAMS, MAX_WATCHDOG_INSTRUCTIONS, MIN_PERIOD_US,
    PlcConfig, PlcError, Table,
};
use super::{Field, Plc, Stored, Task};
use crate::memory::{MAX_AREA_BYTES, MAX_DATA_BLOCKS, MemoryLayout};
use crate::st::{self, CompileError};

impl Plc {
    /// Builds a controller: compiles its programs, checks its map and starts it in RUN with initial values. Its first
    /// scan runs the start-up programs.
    ///
    /// # Errors
    /// The first fault of the configuration.
    pub fn new(config: PlcConfig) -> Result<Self, PlcError> {
        check_layout(&config.layout)?;
        check_limits(&config)?;
        let wiring = wire(&config)?;
        let mut tasks = Vec::new();
        for program in &config.programs {
            let stored = Stored::compile(&program.source, &config.layout).map_err(|errors| {
                PlcError::Compile {
                    file_name: program.file_name.clone(),
                    errors,
                }
            })?;
            tasks.push(Task {
                slots: stored.program.init.clone(),
                running: stored,
                pending: None,
                next_due: None,
            });
        }
        let field = Field {
            input_words: vec![0; usize::from(config.input_words)],
            input_bits: vec![0; usize::from(config.input_bits).div_ceil(8)],
            output_words: vec![0; usize::from(config.output_words)],
            output_bits: vec![0; usize::from(config.output_bits).div_ceil(8)],
        };
        let mut plc = Self {
            period_us: config
                .programs
                .iter()
                .fold(0, |a, p| greatest_common_divisor(a, p.period_us)),
            s7: S7State::new(&config),
            memory: vec![0; config.layout.total_bytes() as usize],
            key: config.key,
            wiring: Arc::new(wiring),
            config: Arc::new(config),
            tasks,
            field,
            mode: Mode::Run,
            powered: true,
            startup_due: true,
            forces: BTreeMap::new(),
            diagnostics: Vec::new(),
            events: VecDeque::new(),
            events_dropped: 0,
            compile_errors: Vec::new(),
            last_scan: SimTime::ZERO,
            scans: 0,
        };
        plc.initialise(true);
        Ok(plc)
    }
}

impl Stored {
    /// Compiles a program file.
    pub(super) fn compile(source: &str, layout: &MemoryLayout) -> Result<Self, Vec<CompileError>> {
        let program = st::compile_for(source, layout)?;
        Ok(Self {
            source: source.into(),
            hash: *blake3::hash(source.as_bytes()).as_bytes(),
            program: Arc::new(program),
        })
    }
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

fn check_layout(layout: &MemoryLayout) -> Result<(), PlcError> {
    let areas = [layout.input_bytes, layout.output_bytes, layout.marker_bytes];
    let blocks = &layout.data_blocks;
    let numbers: BTreeSet<u16> = blocks.iter().map(|(number, _)| *number).collect();
    let sizes_fit = areas
        .iter()
        .chain(blocks.iter().map(|(_, bytes)| bytes))
        .all(|bytes| *bytes <= MAX_AREA_BYTES);
    if sizes_fit && blocks.len() <= MAX_DATA_BLOCKS && numbers.len() == blocks.len() {
        Ok(())
    } else {
        Err(PlcError::Layout)
    }
}

fn check_limits(config: &PlcConfig) -> Result<(), PlcError> {
    if config.programs.is_empty() || config.programs.len() > MAX_PROGRAMS {
        return Err(PlcError::ProgramCount(config.programs.len()));
    }
    let mut names = BTreeSet::new();
    for program in &config.programs {
        if program.file_name.is_empty() || !names.insert(&program.file_name) {
            return Err(PlcError::FileName(program.file_name.clone()));
        }
        let period_us = program.period_us;
        if !(MIN_PERIOD_US..=MAX_PERIOD_US).contains(&period_us) || period_us % MIN_PERIOD_US != 0 {
            return Err(PlcError::Period {
                file_name: program.file_name.clone(),
                period_us,
            });
        }
    }
    if config.watchdog_instructions == 0 || config.watchdog_instructions > MAX_WATCHDOG_INSTRUCTIONS
    {
        return Err(PlcError::Watchdog(config.watchdog_instructions));
    }
    let lists = [
        ("the Modbus map", config.modbus.ranges.len()),
        ("the list of range checks", config.range_checks.len()),
        ("the list of read-only ranges", config.read_only.len()),
    ];
    match lists.into_iter().find(|(_, n)| *n > MAX_MAP_ENTRIES) {
        Some((what, _)) => Err(PlcError::TooMany(what)),
        None => Ok(()),
    }
}

/// Resolves channels and Modbus ranges to bytes of memory.
fn wire(config: &PlcConfig) -> Result<Wiring, PlcError> {
    let mut wiring = wire_channels(config)?;
    for (index, range) in config.modbus.ranges.iter().enumerate() {
        let mapped = Mapped::resolve(&config.layout, range)
            .filter(|new| !wiring.ranges.iter().any(|old| old.overlaps(new)));
        let Some(mapped) = mapped else {
            return Err(PlcError::ModbusRange {
                index,
                start: range.start,
                count: range.count,
            });
        };
        wiring.ranges.push(mapped);
    }
    for check in &config.range_checks {
        let at = wiring
            .find(
                Table::Words(WordTable::HoldingRegisters),
                u32::from(check.address),
            )
            .filter(|_| check.min <= check.max);
        let Some((mapped, distance)) = at else {
            return Err(PlcError::Protection {
                what: "range check",
                address: check.address,
            });
        };
        wiring
            .checks
            .push((mapped.at + 2 * distance, check.min, check.max));
    }
    for range in &config.read_only {
        if wiring.find(range.table, u32::from(range.start)).is_none() {
            return Err(PlcError::Protection {
                what: "read-only range",
                address: range.start,
            });
        }
    }
    Ok(wiring)
}

fn wire_channels(config: &PlcConfig) -> Result<Wiring, PlcError> {
    let layout = &config.layout;
    let words = |area: Area, channels: u16, what: &'static str| -> Result<usize, PlcError> {
        let Some(last) = channels.checked_sub(1) else {
            return Ok(0);
        };
        let (start, _) = layout.span(area).unwrap_or_default();
        let at = layout
            .word_offset(area, u32::from(last))
            .and(layout.word_offset(area, 0));
        at.map(|at| (start + at) as usize)
            .ok_or(PlcError::Channels(what))
    };
    let bits = |area: Area, channels: u16, what: &'static str| -> Result<usize, PlcError> {
        let (start, length) = layout.span(area).unwrap_or_default();
        if u32::from(channels).div_ceil(8) <= length {
            Ok(start as usize)
        } else {
            Err(PlcError::Channels(what))
        }
    };
    let key_bits = match config.key_bits {
        None => None,
        Some((remote, program)) => {
            let at = bits(
                Area::Input,
                remote.max(program).saturating_add(1),
                "key bit",
            )?;
            Some((at * 8 + usize::from(remote), at * 8 + usize::from(program)))
        }
    };
    Ok(Wiring {
        input_words_at: words(Area::Input, config.input_words, "input word")?,
        input_bits_at: bits(Area::Input, config.input_bits, "input bit")?,
        output_words_at: words(Area::Output, config.output_words, "output word")?,
        output_bits_at: bits(Area::Output, config.output_bits, "output bit")?,
        key_bits,
        ranges: Vec::new(),
        checks: Vec::new(),
    })
}
