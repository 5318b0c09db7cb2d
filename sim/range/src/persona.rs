//! What a scenario says of a controller, in the words of `sim_plc`.

use crate::controllers::plc_key;
use crate::sessions::Services;
use sim_plc::memory::MemoryLayout;
use sim_plc::{FailState as PlcFail, ModbusMap, PlcConfig, ProgramConfig, RangeCheck, S7Config};
use sim_scenario::model::{
    Controller, FailState, IoLink, MapArea, ModbusRange, Persona, S7Cpu, S7Level,
};
use sim_scenario::personas::{DevicePersona, persona};
use sim_view::{KeyPosition, Table};
use sim_wire::device::{Area, BitTable, Identity, WordTable};
use sim_wire::modbus::server::{ModbusPersona, UnitPolicy};
use sim_wire::s7::device::Level;
use sim_wire::s7::persona::S7Persona;
use sim_wire::s7::server::ServerConfig;

/// How long before the match a CPU's program was written: some 200 days.
const PROJECT_AGE_US: u64 = 200 * 86_400_000_000;

/// The configuration of a controller's CPU.
pub(crate) fn plc_config(
    controller: &Controller,
    key: KeyPosition,
    start_utc_us: i64,
) -> PlcConfig {
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
        persona: identity(&controller.persona),
        key: plc_key(key),
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
        layout: layout(controller),
        s7: controller.s7.as_ref().map(|cpu| s7_cpu(cpu, start_utc_us)),
        modbus: if ranges.is_empty() && controller.s7.is_none() {
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

/// What the controller serves.
pub(crate) fn services(controller: &Controller) -> Services {
    let s7 = s7_server(controller);
    let modbus = modbus_of(&controller.persona, controller.unit);
    Services {
        modbus: modbus.filter(|_| controller.modbus),
        // An S7 CPU is programmed over S7comm.
        management: s7.is_none(),
        s7,
        reply_delay: controller.reply_delay,
    }
}

/// What the Modbus server of a device does; nothing if its kind has none.
pub(crate) fn modbus_of(persona: &Persona, unit: u8) -> Option<ModbusPersona> {
    let Some(device) = device(persona) else {
        return Some(ModbusPersona {
            units: UnitPolicy::Only(vec![unit, 0, 255]),
            ..ModbusPersona::default()
        });
    };
    let modbus = device.modbus.as_ref()?;
    Some(modbus.persona(unit))
}

/// The kind of device that a controller is, if the scenario names one.
fn device(told: &Persona) -> Option<&'static DevicePersona> {
    persona(told.device.as_deref()?)
}

/// What the controller's S7 server does, if it is an S7 CPU.
fn s7_server(controller: &Controller) -> Option<ServerConfig> {
    let cpu = controller.s7.as_ref()?;
    let mut persona = S7Persona::new(&cpu.order_number, &cpu.module);
    persona.hardware_version = cpu.hardware;
    persona.firmware = cpu.firmware;
    persona.system_name.clone_from(&cpu.system);
    persona.module_name.clone_from(&cpu.module);
    persona.plant_identification.clone_from(&cpu.plant);
    persona.serial_number.clone_from(&cpu.serial);
    persona.pdu_bytes = cpu.pdu_bytes;
    persona.connections = cpu.connections;
    persona.addressing.places = vec![cpu.place];
    persona.services.variables = cpu.put_get;
    persona.services.blocks = cpu.blocks;
    persona.services.control = cpu.blocks;
    Some(ServerConfig::new(persona))
}

fn s7_cpu(cpu: &S7Cpu, start_utc_us: i64) -> S7Config {
    let start_unix_us = u64::try_from(start_utc_us).unwrap_or(0);
    S7Config {
        start_unix_us,
        project_unix_us: start_unix_us.saturating_sub(PROJECT_AGE_US),
        password: cpu.password.as_ref().map(|text| {
            let mut password = [b' '; 8];
            for (to, from) in password.iter_mut().zip(text.bytes()) {
                *to = from;
            }
            password
        }),
        password_level: match cpu.level {
            S7Level::Full => Level::Full,
            S7Level::ReadOnly => Level::ReadOnly,
            S7Level::ReadProtected => Level::ReadProtected,
            S7Level::NoAccess => Level::NoAccess,
        },
    }
}

/// Memory of the S7 CPU, or that of all others with a data block for each file of the kind of device, two bytes a
/// register.
fn layout(controller: &Controller) -> MemoryLayout {
    if let Some(cpu) = &controller.s7 {
        return cpu.memory_layout();
    }
    let modbus = device(&controller.persona).and_then(|device| device.modbus.as_ref());
    let files = modbus.map_or(&[][..], |modbus| &modbus.files);
    MemoryLayout {
        data_blocks: files
            .iter()
            .map(|(number, registers)| (*number, 2 * u32::from(*registers)))
            .collect(),
        ..MemoryLayout::openplc()
    }
}

/// What a controller tells about itself.
pub(crate) fn identity(persona: &Persona) -> Identity {
    if let Some(device) = device(persona) {
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
    sim_plc::ModbusRange {
        table,
        start: range.start,
        count: u32::from(range.count),
        area: area(range.area),
        offset: u32::from(range.offset),
    }
}

/// The memory area that a map names.
pub(crate) const fn area(area: MapArea) -> Area {
    match area {
        MapArea::Input => Area::Input,
        MapArea::Output => Area::Output,
        MapArea::Marker => Area::Marker,
        MapArea::DataBlock(number) => Area::DataBlock(number),
    }
}
