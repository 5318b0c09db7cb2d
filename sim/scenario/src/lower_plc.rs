//! Raw to checked: controllers.

use sim_record::SimDuration;
use sim_wire::device::Identity;

use crate::lower::{signal, text};
use crate::model::{Controller, ControllerKind, IoLink, ModbusRange, Persona, SafetyIo};
use crate::personas;
use crate::raw_v1 as raw;
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
