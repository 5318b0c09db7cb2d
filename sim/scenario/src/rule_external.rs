//! External controllers: host, times, and the registers that are exchanged with the device.

use std::collections::BTreeMap;

use sim_authored::{Findings, Span, Spanned, code, quote};
use sim_plant::SignalKind;
use sim_view::Table;

use crate::limits::{EXTERNAL_CYCLE_MS, EXTERNAL_REGISTERS_MAX, PERIOD_MS};
use crate::names::Context;
use crate::raw_v1::{self as raw, Text};
use crate::rule_controller::{check_driver, check_unit};
use crate::rule_plant::check_signal;
use crate::rule_range::{positive, within};

pub(crate) fn check<'a>(
    context: &Context<'a>,
    drivers: &mut BTreeMap<&'a str, Span>,
    findings: &mut Findings,
) {
    for controller in &context.raw.external_controllers {
        context.names.hosts.check(&controller.id, findings);
        check_times(controller, findings);
        within(&controller.unit, 1, u8::MAX, "", findings);
        within(&controller.status_address, 0, u16::MAX - 1, "", findings);
        check_registers(controller, findings);
        for sensor in &controller.sensors {
            positive(&sensor.scale, " counts a unit", findings);
            check_signal(context, &sensor.from, SignalKind::Measurement, findings);
        }
        for output in &controller.outputs {
            check_scale(output, findings);
            check_driver(context, &output.to, drivers, findings);
        }
        if controller.outputs.is_empty() {
            let there = format!("`{}` drives nothing", quote(&controller.id));
            let help = "list at least one of its registers in `outputs`";
            findings.push(controller.id.problem(code::OUT_OF_RANGE, there, help));
        }
    }
}

/// A tag of an external controller shows a declared register, in the unit and scale of what is behind it.
pub(crate) fn check_tag(context: &Context, name: &Text, tag: &raw::Tag, findings: &mut Findings) {
    let mut controllers = context.raw.external_controllers.iter();
    let Some(controller) = controllers.find(|controller| controller.id == tag.controller) else {
        return;
    };
    let is_here = |(table, address): (Table, &Spanned<u16>)| {
        table == tag.table && address.value == tag.address.value
    };
    let status = (Table::Input, &controller.status_address);
    let is_age =
        tag.table == Table::Input && controller.status_address.checked_add(1) == Some(*tag.address);
    if !registers(controller).any(is_here) && !is_here(status) && !is_age {
        let there = format!(
            "`{}` declares no {:?} {}",
            quote(&controller.id),
            tag.table,
            tag.address
        );
        let help = "add the register to its `points`, or correct the address";
        findings.push(tag.address.problem(code::NOT_MAPPED, there, help));
        return;
    }
    if *tag.writable && !controller.attackable {
        let there = format!(
            "`{}` is written through `{}`, which takes no writes",
            quote(name),
            quote(&controller.id)
        );
        let help = "remove `writable`, or let writes through with `attackable: true`";
        findings.push(tag.writable.problem(code::OUT_OF_RANGE, there, help));
    }
    let mut sensors = controller.sensors.iter();
    if let Some(sensor) = sensors.find(|sensor| is_here((Table::Holding, &sensor.address))) {
        check_unit(context, tag, (&sensor.from, &sensor.scale), findings);
    }
}

fn check_times(controller: &raw::ExternalController, findings: &mut Findings) {
    let (shortest, longest) = EXTERNAL_CYCLE_MS;
    within(&controller.cycle_ms, shortest, longest, " ms", findings);
    within(
        &controller.stale_ms,
        PERIOD_MS.0,
        PERIOD_MS.1,
        " ms",
        findings,
    );
    if *controller.stale_ms < controller.cycle_ms.saturating_mul(2) {
        let there = "one answer that is late would lose the link";
        let help = "write at least twice `cycle_ms`";
        let found = controller.stale_ms.problem(code::TIME_ORDER, there, help);
        findings.push(found.related(controller.cycle_ms.span, "the cycle"));
    }
}

/// A bit is 0 or 1, whatever it drives.
fn check_scale(output: &raw::ExternalOutput, findings: &mut Findings) {
    let is_bit = matches!(output.table, Table::Coil | Table::Discrete);
    if is_bit && (*output.scale - 1.0).abs() > f64::EPSILON {
        let there = format!("a bit has no {} counts a unit", output.scale);
        findings.push(
            output
                .scale
                .problem(code::OUT_OF_RANGE, there, "write `scale: 1`"),
        );
    } else {
        positive(&output.scale, " counts a unit", findings);
    }
}

/// All registers but those of the status, as their tables are.
fn registers(controller: &raw::ExternalController) -> impl Iterator<Item = (Table, &Spanned<u16>)> {
    let sensors = controller.sensors.iter();
    let outputs = controller.outputs.iter().map(|o| (o.table, &o.address));
    let points = controller.points.iter().map(|p| (p.table, &p.address));
    sensors
        .map(|sensor| (Table::Holding, &sensor.address))
        .chain(outputs)
        .chain(points)
}

fn check_registers(controller: &raw::ExternalController, findings: &mut Findings) {
    let status = &controller.status_address;
    let mut taken: BTreeMap<(Table, u16), Span> = BTreeMap::new();
    for (index, (table, address)) in registers(controller).enumerate() {
        if index == EXTERNAL_REGISTERS_MAX {
            let there = format!("this is one of more than {EXTERNAL_REGISTERS_MAX} registers");
            findings.push(address.problem(code::LIST_TOO_LONG, there, "exchange fewer of them"));
            return;
        }
        if let Some(first) = taken.insert((table, **address), address.span) {
            let there = format!("{table:?} {address} is declared twice");
            let help = "give each sensor, output and point a register of its own";
            let found = address.problem(code::MODBUS_OVERLAP, there, help);
            findings.push(found.related(first, "the first one is here"));
        }
        // A request that spans both would fail as a whole while the link is lost, and the status with it.
        let near = status.saturating_sub(1)..=status.saturating_add(2);
        if table == Table::Input && near.contains(&address.value) {
            let there = format!("Input {address} touches the two registers of the status");
            let help = "leave at least one address free between them";
            let found = address.problem(code::MODBUS_OVERLAP, there, help);
            findings.push(found.related(status.span, "the status"));
        }
    }
}
