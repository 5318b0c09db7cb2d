//! What a scenario says of a controller, in the words of `sim_plc`.

use crate::controllers::plc_key;
use sim_plc::memory::MemoryLayout;
use sim_plc::{FailState as PlcFail, ModbusMap, PlcConfig, ProgramConfig, RangeCheck};
use sim_scenario::model::{Controller, FailState, IoLink, MapArea, ModbusRange};
use sim_scenario::personas::{DevicePersona, persona};
use sim_view::{KeyPosition, Table};
use sim_wire::device::{Area, BitTable, Identity, WordTable};
use sim_wire::modbus::server::{ModbusPersona, UnitPolicy};

/// The configuration of a controller's CPU.
pub(crate) fn plc_config(controller: &Controller, key: KeyPosition) -> PlcConfig {
    let ranges: Vec<_> = controller.modbus_map.iter().map(to_range).collect();
    let programs = controller
        .programs
        .iter()
        .map(|(file_name, source)| ProgramConfig {
            file_name: file_name.clone(),
            source: source.clone(),
            period_us: controller.period.0,
        });
    PlcConfig {
        name: controller.id.clone(),
        programs: programs.collect(),
        persona: identity(controller),
        key: plc_key(key),
        layout: layout(controller),
        input_words: top(controller, |l| {
            if let IoLink::InputWord { word, .. } = l {
                Some(*word)
            } else {
                None
            }
        }),
        input_bits: input_bits(controller),
        output_words: top(controller, |l| {
            if let IoLink::OutputWord { word, .. } = l {
                Some(*word)
            } else {
                None
            }
        }),
        output_bits: output_bits(controller),
        word_fail_states: word_fail_states(controller),
        modbus: if ranges.is_empty() {
            ModbusMap::openplc()
        } else {
            ModbusMap { ranges }
        },
        range_checks: controller
            .input_limits
            .iter()
            .map(|(address, min, max)| RangeCheck {
                address: *address,
                min: *min,
                max: *max,
            })
            .collect(),
        key_gates_writes: controller.key_gates_writes,
        key_bits: controller
            .safety
            .map(|s| (s.key_remote_bit, s.key_program_bit)),
        ..PlcConfig::default()
    }
}

/// What the controller's Modbus server does; nothing if its kind of device has none.
pub(crate) fn modbus_persona(controller: &Controller) -> Option<ModbusPersona> {
    let Some(device) = device(controller) else {
        return Some(ModbusPersona {
            units: UnitPolicy::Only(vec![controller.unit, 0, 255]),
            ..ModbusPersona::default()
        });
    };
    let modbus = device.modbus.as_ref()?;
    Some(modbus.persona(controller.unit))
}

/// The kind of device that the controller is, if the scenario names one.
fn device(controller: &Controller) -> Option<&'static DevicePersona> {
    persona(controller.persona.device.as_deref()?)
}

/// Memory with a data block for each file of the kind of device, two bytes a register.
fn layout(controller: &Controller) -> MemoryLayout {
    let modbus = device(controller).and_then(|device| device.modbus.as_ref());
    let files = modbus.map_or(&[][..], |modbus| &modbus.files);
    MemoryLayout {
        data_blocks: files
            .iter()
            .map(|(number, registers)| (*number, 2 * u32::from(*registers)))
            .collect(),
        ..MemoryLayout::openplc()
    }
}

fn identity(controller: &Controller) -> Identity {
    let persona = &controller.persona;
    if let Some(device) = device(controller) {
        return Identity {
            vendor_name: persona.vendor.clone(),
            product_code: persona.product.clone(),
            revision: persona.revision.clone(),
            model_name: persona.model.clone(),
            ..device.identity.clone()
        };
    }
    Identity {
        vendor_name: persona.vendor.clone(),
        product_code: persona.product.clone(),
        revision: persona.revision.clone(),
        product_name: persona.product.clone(),
        model_name: persona.model.clone(),
        server_id: format!(
            "{} {} {}",
            persona.vendor, persona.product, persona.revision
        )
        .into_bytes(),
        ..Identity::default()
    }
}

/// One more than the highest index that `pick` finds among the links.
fn top(controller: &Controller, pick: impl Fn(&IoLink) -> Option<u16>) -> u16 {
    controller
        .io
        .iter()
        .filter_map(pick)
        .max()
        .map_or(0, |i| i + 1)
}

fn input_bits(controller: &Controller) -> u16 {
    let safety = controller.safety.map(|s| {
        [
            s.key_remote_bit,
            s.key_program_bit,
            s.reset_button_bit,
            s.shutdown_button_bit,
        ]
    });
    safety.into_iter().flatten().max().map_or(0, |b| b + 1)
}

fn output_bits(controller: &Controller) -> u16 {
    let lamps = controller
        .safety
        .map(|s| [s.tripped_bit, s.bypass_bit, s.demand_bit]);
    let lamps = lamps.into_iter().flatten().max().map_or(0, |b| b + 1);
    lamps.max(top(controller, |l| {
        if let IoLink::OutputBit { bit, .. } = l {
            Some(*bit)
        } else {
            None
        }
    }))
}

fn word_fail_states(controller: &Controller) -> Vec<PlcFail> {
    let mut states = Vec::new();
    for link in &controller.io {
        if let IoLink::OutputWord { word, fail, .. } = link {
            let index = usize::from(*word);
            if states.len() <= index {
                states.resize(index + 1, PlcFail::Off);
            }
            states[index] = match fail {
                FailState::Off => PlcFail::Off,
                FailState::Hold => PlcFail::Hold,
                FailState::Substitute(raw) => PlcFail::Substitute(*raw),
            };
        }
    }
    states
}

fn to_range(range: &ModbusRange) -> sim_plc::ModbusRange {
    let table = match range.table {
        Table::Coil => sim_plc::Table::Bits(BitTable::Coils),
        Table::Discrete => sim_plc::Table::Bits(BitTable::DiscreteInputs),
        Table::Input => sim_plc::Table::Words(WordTable::InputRegisters),
        Table::Holding => sim_plc::Table::Words(WordTable::HoldingRegisters),
    };
    let area = match range.area {
        MapArea::Input => Area::Input,
        MapArea::Output => Area::Output,
        MapArea::Marker => Area::Marker,
    };
    sim_plc::ModbusRange {
        table,
        start: range.start,
        count: u32::from(range.count),
        area,
        offset: u32::from(range.offset),
    }
}
