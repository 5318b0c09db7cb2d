//! Raw to checked: controllers, emulated and external.

use sim_record::SimDuration;
use sim_wire::device::Identity;

use crate::lower::{signal, text};
use crate::model::{
    Controller, ControllerKind, ExternalController, ExternalOutput, ExternalSensor, IoLink,
    ModbusRange, Persona, Register, S7Cpu, SafetyIo,
};
use crate::personas;
use crate::raw_v1 as raw;
use crate::values::parse_version;
use crate::variant::Folder;

pub(crate) fn lower_controller(controller: &raw::Controller, folder: Folder) -> Option<Controller> {
    let program = |path: &raw::Text| Some((text(path), folder.text(path)?.to_owned()));
    let limit = |limit: &raw::InputLimit| (*limit.address, *limit.min, *limit.max);
    Some(Controller {
        id: text(&controller.id),
        kind: match controller.kind {
            raw::ControllerKind::Plc => ControllerKind::Plc,
            raw::ControllerKind::Sis => ControllerKind::Sis,
        },
        persona: lower_persona(&controller.persona),
        programs: controller
            .programs
            .iter()
            .map(program)
            .collect::<Option<_>>()?,
        period: SimDuration::from_millis(*controller.period_ms),
        key: controller.key,
        key_gates_writes: controller.key_gates_writes,
        unit: *controller.unit,
        io: controller.io.iter().map(lower_io).collect::<Option<_>>()?,
        modbus_map: controller.modbus_map.iter().map(lower_range).collect(),
        input_limits: controller.input_limits.iter().map(limit).collect(),
        safety: controller
            .safety
            .as_ref()
            .map(|safety| lower_safety(safety)),
        reply_delay: SimDuration(*controller.reply_delay_us),
        modbus: controller.modbus,
        s7: controller.s7.as_ref().map(|cpu| lower_s7(cpu)),
    })
}

pub(crate) fn lower_external(controller: &raw::ExternalController) -> Option<ExternalController> {
    let sensor = |sensor: &raw::ExternalSensor| {
        Some(ExternalSensor {
            address: *sensor.address,
            from: signal(&sensor.from)?,
            scale: *sensor.scale,
        })
    };
    let output = |output: &raw::ExternalOutput| {
        Some(ExternalOutput {
            register: Register {
                table: output.table,
                address: *output.address,
            },
            to: signal(&output.to)?,
            scale: *output.scale,
            fail: output.fail,
        })
    };
    let point = |point: &raw::ExternalPoint| Register {
        table: point.table,
        address: *point.address,
    };
    Some(ExternalController {
        id: text(&controller.id),
        persona: lower_persona(&controller.persona),
        unit: *controller.unit,
        cycle: SimDuration::from_millis(*controller.cycle_ms),
        stale: SimDuration::from_millis(*controller.stale_ms),
        attackable: controller.attackable,
        sensors: controller
            .sensors
            .iter()
            .map(sensor)
            .collect::<Option<_>>()?,
        outputs: controller
            .outputs
            .iter()
            .map(output)
            .collect::<Option<_>>()?,
        points: controller.points.iter().map(point).collect(),
        status_address: *controller.status_address,
    })
}

/// The strings written, over those of the persona that is named.
fn lower_persona(raw: &raw::Persona) -> Persona {
    let (id, written) = match raw {
        raw::Persona::Named(id) => (Some(id), None),
        raw::Persona::Written(told) => (told.like.as_deref(), Some(told)),
    };
    let base = id.and_then(|id| personas::persona(id)).map(|p| &p.identity);
    let pick = |own: fn(&raw::WrittenPersona) -> &Option<raw::Text>,
                named: fn(&Identity) -> &String| {
        let own = written.and_then(|told| own(told).as_ref().map(text));
        own.or_else(|| base.map(named).cloned()).unwrap_or_default()
    };
    Persona {
        vendor: pick(|told| &told.vendor, |base| &base.vendor_name),
        product: pick(|told| &told.product, |base| &base.product_code),
        revision: pick(|told| &told.revision, |base| &base.revision),
        model: pick(|told| &told.model, |base| &base.model_name),
        device: id.cloned(),
    }
}

fn lower_io(link: &raw::IoLink) -> Option<IoLink> {
    Some(match link {
        raw::IoLink::InputWord { word, from, scale } => IoLink::InputWord {
            word: **word,
            from: signal(from)?,
            scale: **scale,
        },
        raw::IoLink::OutputWord {
            word,
            to,
            scale,
            fail,
        } => IoLink::OutputWord {
            word: **word,
            to: signal(to)?,
            scale: **scale,
            fail: *fail,
        },
        raw::IoLink::OutputBit { bit, to } => IoLink::OutputBit {
            bit: **bit,
            to: signal(to)?,
        },
    })
}

fn lower_range(range: &raw::ModbusRange) -> ModbusRange {
    ModbusRange {
        table: range.table,
        start: *range.start,
        count: *range.count,
        area: range.area,
        offset: *range.offset,
    }
}

pub(crate) fn lower_s7(cpu: &raw::S7Cpu) -> S7Cpu {
    S7Cpu {
        order_number: text(&cpu.order_number),
        module: text(&cpu.module),
        hardware: *cpu.hardware,
        // Checked: a wrong version was reported.
        firmware: parse_version(&cpu.firmware).unwrap_or_default(),
        system: text(&cpu.system),
        plant: text(&cpu.plant),
        serial: text(&cpu.serial),
        place: (*cpu.rack, *cpu.slot),
        pdu_bytes: *cpu.pdu_bytes,
        connections: *cpu.connections,
        put_get: cpu.put_get,
        blocks: cpu.blocks,
        password: cpu.password.as_ref().map(text),
        level: cpu.level,
        image_bytes: (*cpu.input_bytes, *cpu.output_bytes, *cpu.marker_bytes),
        data_blocks: cpu
            .data_blocks
            .iter()
            .map(|block| (*block.number, *block.bytes))
            .collect(),
    }
}

fn lower_safety(safety: &raw::SafetyIo) -> SafetyIo {
    SafetyIo {
        key_remote_bit: *safety.key_remote_bit,
        key_program_bit: *safety.key_program_bit,
        reset_button_bit: *safety.reset_button_bit,
        shutdown_button_bit: *safety.shutdown_button_bit,
        tripped_bit: *safety.tripped_bit,
        bypass_bit: *safety.bypass_bit,
        demand_bit: *safety.demand_bit,
    }
}
