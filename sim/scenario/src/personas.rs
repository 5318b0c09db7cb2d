//! The registry of personas: kinds of devices that a controller can be, one file of `assets/personas` each.
//!
//! Adding one: the file, and a row in [`FILES`]. What a persona decides about a protocol is that protocol's own type in
//! `sim_wire`; another protocol is another optional field of the file and of [`DevicePersona`].

mod v1;

use std::sync::OnceLock;

use sim_authored::{Problem, SourceMap, parse_ron};
use sim_view::KeyPosition;
use sim_wire::device::Identity;
use sim_wire::modbus::server::{GatewayUnit, ModbusPersona, UnitPolicy};

/// Every persona's file, ascending by id.
const FILES: &[(&str, &str)] = &[
    (
        "corvane-cx24",
        include_str!("../../../assets/personas/corvane-cx24.ron"),
    ),
    (
        "lindqvist-gw4",
        include_str!("../../../assets/personas/lindqvist-gw4.ron"),
    ),
    (
        "tarnbrook-tm8",
        include_str!("../../../assets/personas/tarnbrook-tm8.ron"),
    ),
];

/// A kind of device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DevicePersona {
    /// Id, by which a scenario names it.
    pub id: String,
    /// The class of devices on which it is modelled.
    pub class: String,
    /// What it tells about itself.
    pub identity: Identity,
    /// Positions that its key switch has.
    pub keys: Vec<KeyPosition>,
    /// Its Modbus server, if it has one.
    pub modbus: Option<ModbusDevice>,
}

/// The Modbus server of a kind of device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModbusDevice {
    /// What it decides; its unit ids also depend on the one that the scenario gives.
    persona: ModbusPersona,
    units: DeviceUnits,
    /// Files of functions 20 and 21: number and registers.
    pub files: Vec<(u16, u16)>,
}

/// Unit ids of a kind of device.
#[derive(Clone, Debug, PartialEq, Eq)]
enum DeviceUnits {
    /// Every one.
    Any,
    /// The scenario's, and these.
    Own(Vec<u8>),
    /// The scenario's for the gateway itself, and these behind it.
    Gateway(Vec<GatewayUnit>),
}

impl ModbusDevice {
    /// What the server of a controller decides that has this unit id.
    #[must_use]
    pub fn persona(&self, unit: u8) -> ModbusPersona {
        let units = match &self.units {
            DeviceUnits::Any => UnitPolicy::Any,
            DeviceUnits::Own(also) => {
                UnitPolicy::Only([unit].iter().chain(also).copied().collect())
            }
            DeviceUnits::Gateway(behind) => {
                let own = GatewayUnit {
                    unit,
                    first: 0,
                    count: u16::MAX,
                    identity: None,
                };
                UnitPolicy::Gateway(std::iter::once(own).chain(behind.iter().cloned()).collect())
            }
        };
        ModbusPersona {
            units,
            ..self.persona.clone()
        }
    }
}

/// All personas, ascending by id.
pub fn personas() -> &'static [DevicePersona] {
    static READ: OnceLock<Vec<DevicePersona>> = OnceLock::new();
    // A test reads every file, so none is left out here.
    READ.get_or_init(|| {
        let read = FILES.iter().map(|(id, text)| read(id, text));
        read.filter_map(Result::ok).collect()
    })
}

/// The persona with an id.
#[must_use]
pub fn persona(id: &str) -> Option<&'static DevicePersona> {
    personas().iter().find(|persona| persona.id == id)
}

fn read(id: &str, text: &str) -> Result<DevicePersona, Box<Problem>> {
    let mut sources = SourceMap::new();
    let file = sources.add(&format!("{id}.ron"), text.as_bytes())?;
    let raw: v1::Persona = parse_ron(&sources, file)?;
    Ok(v1::lower(&raw))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_file_is_read_and_has_a_row() {
        for (id, text) in FILES {
            let persona = read(id, text).unwrap_or_else(|problem| panic!("{problem:?}"));
            assert_eq!(persona.id, *id);
            assert!(
                !persona.keys.is_empty() && !persona.class.is_empty(),
                "{id}"
            );
        }
        assert_eq!(personas().len(), FILES.len());
        assert!(FILES.is_sorted());
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/personas");
        let names: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let rows: BTreeSet<String> = FILES.iter().map(|(id, _)| format!("{id}.ron")).collect();
        assert_eq!(names, rows);
    }

    /// By these strings public detectors tell an emulation from a controller.
    #[test]
    fn none_has_the_default_identity_of_an_emulator() {
        let known = [
            "snap7",
            "conpot",
            "pymodbus",
            "siemens",
            "simatic",
            "mouser",
            "technodrome",
            "6es7",
            "riptide",
            "libmodbus",
            "openplc",
            "s7-200",
            "original",
        ];
        for persona in personas() {
            let told = format!("{:?}", persona.identity).to_lowercase();
            for name in known {
                assert!(!told.contains(name), "{} tells {name}", persona.id);
            }
        }
    }

    #[test]
    fn no_two_tell_the_same() {
        let ids: BTreeSet<String> = personas()
            .iter()
            .map(|p| format!("{:?}", p.identity))
            .collect();
        assert_eq!(ids.len(), personas().len());
    }

    #[test]
    fn a_gateway_has_the_scenario_s_unit_for_itself() {
        let gateway = persona("lindqvist-gw4").unwrap().modbus.as_ref().unwrap();
        let units = gateway.persona(200).units;
        assert!([200, 11, 12, 13].iter().all(|unit| units.accepts(*unit)));
        assert!(![0, 1, 255].iter().any(|unit| units.accepts(*unit)));
        assert_eq!(
            units.behind(12).map(|unit| (unit.first, unit.count)),
            Some((1200, 100))
        );
    }
}
