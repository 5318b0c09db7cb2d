//! Controllers: host, programs, process image, Modbus map, safety bits; and the tags that show them.

use std::collections::BTreeMap;

use sim_authored::{Findings, Span, Spanned, code, quote};
use sim_plant::SignalKind;
use sim_view::Table;

use crate::limits::{IMAGE_BITS_MAX, IMAGE_WORDS_MAX, PERIOD_MS, S7_CONNECTIONS_MAX, S7_PDU, UNIT};
use crate::model::MapArea;
use crate::names::Context;
use crate::package::path_fault;
use crate::raw_v1::{self as raw, Text};
use crate::rule_external;
use crate::rule_plant::check_signal;
use crate::rule_range::{ascending, positive, within};
use crate::values::{parse_signal, parse_version};
use sim_plc::memory::{MAX_AREA_BYTES, MAX_DATA_BLOCKS};

pub(crate) fn check(context: &Context, findings: &mut Findings) {
    let mut drivers: BTreeMap<&str, Span> = BTreeMap::new();
    for controller in &context.raw.controllers {
        context.names.hosts.check(&controller.id, findings);
        within(
            &controller.period_ms,
            PERIOD_MS.0,
            PERIOD_MS.1,
            " ms",
            findings,
        );
        within(&controller.unit, UNIT.0, UNIT.1, "", findings);
        within(&controller.reply_delay_us, 0, 10_000_000, " us", findings);
        check_files(context, controller, findings);
        check_io(context, controller, &mut drivers, findings);
        check_map(
            controller,
            context.raw.vary.register_offset_max.value,
            findings,
        );
        check_safety(controller, findings);
        check_protocols(controller, findings);
        for limit in &controller.input_limits {
            within(&limit.max, *limit.min, u16::MAX, "", findings);
        }
    }
    rule_external::check(context, &mut drivers, findings);
    let mut shown = BTreeMap::new();
    for (name, tag) in &context.raw.tags {
        check_tag(context, name, tag, &mut shown, findings);
    }
}

/// Reports a path that leaves the folder, has another ending, or names a file that is not there.
///
/// A file that is there and could not be read has been reported already.
pub(crate) fn check_path(context: &Context, path: &Text, ending: &str, findings: &mut Findings) {
    if let Some(fault) = path_fault(path) {
        let help = "name a file relative to the folder, with forward slashes";
        findings.push(path.problem(code::PATH_ESCAPES, fault, help));
    } else if !context.files.contains(path.as_str()) {
        let there = format!("there is no file `{}`", quote(path));
        let help = sim_authored::nearest(path, context.files.iter().copied()).map_or_else(
            || "write it".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        findings.push(path.problem(code::MISSING_FILE, there, help));
    } else if !path.ends_with(ending) {
        let there = format!("`{}` does not end in `{ending}`", quote(path));
        findings.push(path.problem(code::MISSING_FILE, there, "name a file of that kind"));
    }
}

fn check_files(context: &Context, controller: &raw::Controller, findings: &mut Findings) {
    if controller.programs.is_empty() {
        let there = format!("controller `{}` has no program", quote(&controller.id));
        findings.push(
            controller
                .id
                .problem(code::OUT_OF_RANGE, there, "name a `.st` file"),
        );
    }
    for path in &controller.programs {
        check_path(context, path, ".st", findings);
    }
    if let Some(path) = controller.programs.get(sim_plc::MAX_PROGRAMS) {
        let there = format!(
            "this is one of more than {} programs",
            sim_plc::MAX_PROGRAMS
        );
        findings.push(path.problem(code::LIST_TOO_LONG, there, "join some of them"));
    }
}

fn check_io<'a>(
    context: &Context<'a>,
    controller: &'a raw::Controller,
    drivers: &mut BTreeMap<&'a str, Span>,
    findings: &mut Findings,
) {
    let mut words: BTreeMap<u16, Span> = BTreeMap::new();
    for link in &controller.io {
        match link {
            raw::IoLink::InputWord { word, from, scale } => {
                within(word, 0, IMAGE_WORDS_MAX - 1, "", findings);
                positive(scale, " counts a unit", findings);
                check_signal(context, from, SignalKind::Measurement, findings);
                if let Some(first) = words.insert(word.value, word.span) {
                    let there = format!("%IW{} already has a measurement", word.value);
                    let found = word.problem(code::INPUT_OVERLAP, there, "use a word of its own");
                    findings.push(found.related(first, "the first one is here"));
                }
            }
            raw::IoLink::OutputWord {
                word, to, scale, ..
            } => {
                within(word, 0, IMAGE_WORDS_MAX - 1, "", findings);
                positive(scale, " counts a unit", findings);
                check_driver(context, to, drivers, findings);
            }
            raw::IoLink::OutputBit { bit, to } => {
                within(bit, 0, IMAGE_BITS_MAX - 1, "", findings);
                check_driver(context, to, drivers, findings);
            }
        }
    }
}

/// Reports an actuator that does not exist, or that another output drives already.
pub(crate) fn check_driver<'a>(
    context: &Context,
    to: &'a Text,
    drivers: &mut BTreeMap<&'a str, Span>,
    findings: &mut Findings,
) {
    check_signal(context, to, SignalKind::Actuator, findings);
    if let Some(first) = drivers.insert(to, to.span) {
        let there = format!("`{}` is already driven by another output", quote(to));
        let help = "drive each actuator from one output of one controller";
        let found = to.problem(code::TWO_DRIVERS, there, help);
        findings.push(found.related(first, "the first driver is here"));
    }
}

fn check_map(controller: &raw::Controller, shift: u16, findings: &mut Findings) {
    for (index, range) in controller.modbus_map.iter().enumerate() {
        let last = u32::from(*range.start) + u32::from(*range.count) + u32::from(shift);
        if *range.count == 0 || last > 65_536 {
            let there = format!("the range of {} items ends behind 65535", range.count);
            let help = "write at least 1 item, and stay below 65536 with the offset of `vary`";
            findings.push(range.count.problem(code::OUT_OF_RANGE, there, help));
        }
        let is_word = matches!(range.table, Table::Input | Table::Holding);
        let size = area_items(controller, range.area, is_word).unwrap_or(0);
        if u32::from(*range.offset) + u32::from(*range.count) > size {
            let there = match range.area {
                MapArea::DataBlock(number) if size == 0 => {
                    format!("the controller has no data block {number}")
                }
                _ => format!("the range ends behind the area's {size} items"),
            };
            findings.push(
                range
                    .offset
                    .problem(code::OUT_OF_RANGE, there, "shorten it"),
            );
        }
        let earlier = controller.modbus_map.iter().take(index);
        if let Some(other) = earlier.into_iter().find(|other| overlap(other, range)) {
            let there = format!(
                "address {} is already mapped",
                range.start.value.max(*other.start)
            );
            let found = range
                .start
                .problem(code::MODBUS_OVERLAP, there, "shorten one of the two");
            findings.push(found.related(other.start.span, "the other range is here"));
        }
    }
}

fn overlap(a: &raw::ModbusRange, b: &raw::ModbusRange) -> bool {
    let end = |range: &raw::ModbusRange| u32::from(*range.start) + u32::from(*range.count);
    a.table == b.table && u32::from(*a.start) < end(b) && u32::from(*b.start) < end(a)
}

fn check_safety(controller: &raw::Controller, findings: &mut Findings) {
    match (controller.kind, &controller.safety) {
        (raw::ControllerKind::Sis, None) => {
            let there = format!(
                "safety controller `{}` has no `safety`",
                quote(&controller.id)
            );
            let help = "say which bits its key, buttons and lamps are";
            findings.push(controller.id.problem(code::SAFETY_IO, there, help));
        }
        (raw::ControllerKind::Plc, Some(safety)) => {
            let there = "a control PLC has no safety bits";
            findings.push(safety.problem(
                code::SAFETY_IO,
                there,
                "remove it, or write `kind: Sis`",
            ));
        }
        (raw::ControllerKind::Sis, Some(safety)) => {
            let inputs = [
                &safety.key_remote_bit,
                &safety.key_program_bit,
                &safety.reset_button_bit,
                &safety.shutdown_button_bit,
            ];
            let outputs = [&safety.tripped_bit, &safety.bypass_bit, &safety.demand_bit];
            check_bits(&inputs, findings);
            check_bits(&outputs, findings);
        }
        (raw::ControllerKind::Plc, None) => {}
    }
}

/// A controller speaks some protocol, and an S7 CPU is one that could exist.
fn check_protocols(controller: &raw::Controller, findings: &mut Findings) {
    let Some(cpu) = &controller.s7 else {
        if !controller.modbus {
            let there = format!("controller `{}` speaks no protocol", quote(&controller.id));
            let help = "remove `modbus: false`, or say which CPU it is with `s7`";
            findings.push(controller.id.problem(code::OUT_OF_RANGE, there, help));
        }
        return;
    };
    within(&cpu.rack, 0, 7, "", findings);
    within(&cpu.slot, 0, 31, "", findings);
    within(&cpu.pdu_bytes, S7_PDU.0, S7_PDU.1, " bytes", findings);
    within(&cpu.connections, 1, S7_CONNECTIONS_MAX, "", findings);
    for bytes in [&cpu.input_bytes, &cpu.output_bytes, &cpu.marker_bytes] {
        within(bytes, 0, MAX_AREA_BYTES, " bytes", findings);
    }
    if parse_version(&cpu.firmware).is_none() {
        let there = format!("`{}` is no version", quote(&cpu.firmware));
        let help = "write three numbers up to 255, such as `V3.2.6`";
        findings.push(cpu.firmware.problem(code::OUT_OF_RANGE, there, help));
    }
    if let Some(password) = &cpu.password
        && (password.len() > 8 || !password.is_ascii())
    {
        let there = "the password is longer than 8 characters or not plain text";
        let help = "an S7 password has up to 8 characters";
        findings.push(password.problem(code::OUT_OF_RANGE, there, help));
    }
    if let Some(block) = cpu.data_blocks.get(MAX_DATA_BLOCKS) {
        let there = format!("this is one of more than {MAX_DATA_BLOCKS} data blocks");
        findings.push(
            block
                .number
                .problem(code::LIST_TOO_LONG, there, "join some"),
        );
    }
    for (index, block) in cpu.data_blocks.iter().enumerate() {
        within(&block.number, 1, u16::MAX, "", findings);
        within(&block.bytes, 2, MAX_AREA_BYTES, " bytes", findings);
        let mut earlier = cpu.data_blocks.iter().take(index);
        if let Some(other) = earlier.find(|other| *other.number == *block.number) {
            let there = format!("there are two data blocks {}", block.number);
            let found = block
                .number
                .problem(code::DUPLICATE_ADDRESS, there, "number them apart");
            findings.push(found.related(other.number.span, "the first one is here"));
        }
    }
}

/// Items of an area behind a Modbus map; `None` where the controller has no such area.
fn area_items(controller: &raw::Controller, area: MapArea, is_word: bool) -> Option<u32> {
    let per_byte = |bytes: u32| if is_word { bytes / 2 } else { bytes * 8 };
    match (&controller.s7, area) {
        (None, MapArea::DataBlock(_)) => None,
        (None, _) if is_word => Some(u32::from(IMAGE_WORDS_MAX)),
        (None, _) => Some(u32::from(IMAGE_BITS_MAX)),
        (Some(cpu), MapArea::Input) => Some(per_byte(*cpu.input_bytes)),
        (Some(cpu), MapArea::Output) => Some(per_byte(*cpu.output_bytes)),
        (Some(cpu), MapArea::Marker) => Some(per_byte(*cpu.marker_bytes)),
        (Some(cpu), MapArea::DataBlock(number)) => {
            let mut blocks = cpu.data_blocks.iter();
            let block = blocks.find(|block| *block.number == number)?;
            Some(per_byte(*block.bytes))
        }
    }
}

fn check_bits(bits: &[&Spanned<u16>], findings: &mut Findings) {
    for (index, bit) in bits.iter().enumerate() {
        within(bit, 0, IMAGE_BITS_MAX - 1, "", findings);
        if let Some(other) = bits
            .iter()
            .take(index)
            .find(|other| other.value == bit.value)
        {
            let there = format!("bit {} is already in use", bit.value);
            let found = bit.problem(code::SAFETY_IO, there, "use a bit of its own");
            findings.push(found.related(other.span, "the first use is here"));
        }
    }
}

type Shown<'a> = BTreeMap<(&'a str, Table, u16), Span>;

fn check_tag<'a>(
    context: &Context<'a>,
    name: &Text,
    tag: &'a raw::Tag,
    shown: &mut Shown<'a>,
    findings: &mut Findings,
) {
    context.names.controllers.check(&tag.controller, findings);
    positive(&tag.scale, " counts a unit", findings);
    ascending(&tag.min, &tag.max, ("lowest value", "highest"), findings);
    let read_only = matches!(tag.table, Table::Discrete | Table::Input);
    if *tag.writable && read_only {
        let there = format!("`{}` is in a table that cannot be written", quote(name));
        let help = "use `Coil` or `Holding`, or remove `writable`";
        findings.push(tag.writable.problem(code::OUT_OF_RANGE, there, help));
    }
    let register = (tag.controller.as_str(), tag.table, *tag.address);
    if let Some(first) = shown.insert(register, tag.address.span) {
        let there = format!(
            "{:?} {} is already shown by another tag",
            tag.table, tag.address
        );
        let found = tag
            .address
            .problem(code::SAME_REGISTER, there, "check both addresses");
        findings.push(found.related(first, "the first one is here"));
    }
    let mut controllers = context.raw.controllers.iter();
    let Some(controller) = controllers.find(|controller| controller.id == tag.controller) else {
        rule_external::check_tag(context, name, tag, findings);
        return;
    };
    match input_word(controller, tag) {
        Ok(Some(shown)) => {
            let link = controller.io.iter().find_map(|link| match link {
                raw::IoLink::InputWord { word, from, scale } if **word == shown => {
                    Some((from, scale))
                }
                _ => None,
            });
            if let Some(measurement) = link {
                check_unit(context, tag, measurement, findings);
            }
        }
        Ok(None) => {}
        Err(()) => {
            let there = format!(
                "`{}` does not map {:?} {}",
                controller.id, tag.table, tag.address
            );
            let help = "add the address to its `modbus_map`, or correct it";
            findings.push(tag.address.problem(code::NOT_MAPPED, there, help));
        }
    }
}

/// Finds the input word that a tag shows, if it shows one; an error when its address is not mapped.
fn input_word(controller: &raw::Controller, tag: &raw::Tag) -> Result<Option<u16>, ()> {
    let address = *tag.address;
    if controller.modbus_map.is_empty() && controller.s7.is_none() {
        let size = match tag.table {
            Table::Coil | Table::Discrete => IMAGE_BITS_MAX,
            Table::Input => IMAGE_WORDS_MAX,
            Table::Holding => IMAGE_WORDS_MAX * 2,
        };
        let is_input = tag.table == Table::Input;
        return if address < size {
            Ok(is_input.then_some(address))
        } else {
            Err(())
        };
    }
    let shows = |range: &&raw::ModbusRange| {
        let end = u32::from(*range.start) + u32::from(*range.count);
        range.table == tag.table && *range.start <= address && u32::from(address) < end
    };
    let range = controller.modbus_map.iter().find(shows).ok_or(())?;
    let is_word = matches!(tag.table, Table::Input | Table::Holding);
    let word = address
        .saturating_sub(*range.start)
        .saturating_add(*range.offset);
    Ok((is_word && range.area == MapArea::Input).then_some(word))
}

/// A tag has the unit of the measurement behind it, and the same counts a unit.
pub(crate) fn check_unit(
    context: &Context,
    tag: &raw::Tag,
    (from, scale): (&Text, &Spanned<f64>),
    findings: &mut Findings,
) {
    let unit = parse_signal(from).and_then(|signal| {
        let plant = context.raw.plants.get(&signal.plant)?;
        let kind = sim_plant::plant(&plant.kind)?;
        let index = sim_plant::signal_index(kind, SignalKind::Measurement, &signal.signal)?;
        sim_plant::signal_spec(kind, SignalKind::Measurement, index).map(|spec| spec.unit)
    });
    if let Some(unit) = unit.filter(|unit| *unit != tag.unit.value) {
        let there = format!("`{}` is measured in `{unit}`", quote(from));
        let help = format!("write `unit: \"{unit}\"`");
        let found = tag.unit.problem(code::WRONG_UNIT, there, help);
        findings.push(found.related(from.span, "the measurement"));
    }
    if (scale.value - tag.scale.value).abs() > f64::EPSILON * scale.value.abs() {
        let there = format!("the register holds {} counts a unit", scale.value);
        let help = format!("write `scale: {:?}`", scale.value);
        let found = tag.scale.problem(code::WRONG_UNIT, there, help);
        findings.push(found.related(scale.span, "it is set here"));
    }
}
