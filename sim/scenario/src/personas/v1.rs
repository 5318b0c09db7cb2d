//! Version 1 of a persona's file, and the way to the types of `sim_wire`.

use std::collections::BTreeMap;

use serde::Deserialize;
use sim_record::SimDuration;
use sim_view::KeyPosition;
use sim_wire::device::Identity;
use sim_wire::modbus::function::FunctionSet;
use sim_wire::modbus::server::{
    BroadcastPolicy, CommunicationOf, Conformity, DeviceErrorMap, GatewayUnit, Limits,
    ModbusPersona, ReplyTiming, RunIndicator, Umas, Unsupported, WrongUnit,
};
use sim_wire::modbus::{ExceptionCode, ReadDeviceId};

use super::{DevicePersona, DeviceUnits, ModbusDevice};

/// The version that this module reads.
#[derive(Debug, Deserialize)]
#[serde(try_from = "u32")]
struct Version;

impl TryFrom<u32> for Version {
    type Error = String;

    fn try_from(version: u32) -> Result<Self, String> {
        match version {
            1 => Ok(Self),
            other => Err(format!("version {other} of a persona is not known")),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Persona {
    #[serde(rename = "version")]
    _version: Version,
    id: String,
    class: String,
    identity: Told,
    keys: Vec<KeyPosition>,
    #[serde(default)]
    modbus: Option<Modbus>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    vendor: String,
    product: String,
    revision: String,
    model: String,
    #[serde(default)]
    vendor_url: String,
    #[serde(default)]
    product_name: String,
    #[serde(default)]
    application: String,
    /// Vendor-specific objects, from 0x80 on.
    #[serde(default)]
    extended: BTreeMap<u8, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Modbus {
    functions: Vec<u8>,
    #[serde(default)]
    unsupported: Refusal,
    #[serde(default)]
    umas: Function90,
    units: Units,
    #[serde(default)]
    wrong_unit: ForeignUnit,
    #[serde(default)]
    broadcast: Broadcast,
    server_id: ServerId,
    #[serde(default)]
    identification: Option<Identification>,
    #[serde(default = "illegal_data_value")]
    bad_quantity: u8,
    /// Exception for a write that the device refuses.
    #[serde(default = "server_device_failure")]
    write_refused: u8,
    #[serde(default)]
    exception_status_coil: u16,
    #[serde(default)]
    counters: Counters,
    #[serde(default)]
    timing: Timing,
    connections: usize,
    #[serde(default)]
    idle_timeout_s: Option<u64>,
    replies_waiting: usize,
    /// Registers by file number.
    #[serde(default)]
    files: BTreeMap<u16, u16>,
}

#[derive(Debug, Default, Deserialize)]
enum Refusal {
    #[default]
    IllegalFunction,
    Exception(u8),
    Silent,
}

#[derive(Debug, Default, Deserialize)]
enum Function90 {
    #[default]
    Unknown,
    Refused(Vec<u8>),
}

#[derive(Debug, Deserialize)]
enum Units {
    Any,
    Own { also: Vec<u8> },
    Gateway(Vec<Behind>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Behind {
    unit: u8,
    first: u16,
    count: u16,
    server_id: Vec<u8>,
    name: String,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
enum ForeignUnit {
    #[default]
    Silent,
    GatewayPathUnavailable,
    GatewayTargetFailed,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
enum Broadcast {
    #[default]
    Unit,
    Silent,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServerId {
    id: Vec<u8>,
    run: Run,
    extra: String,
}

#[derive(Clone, Copy, Debug, Deserialize)]
enum Run {
    AfterId,
    Last,
    First,
    Missing,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Identification {
    level: Level,
    individual: bool,
}

#[derive(Clone, Copy, Debug, Deserialize)]
enum Level {
    Basic,
    Regular,
    Extended,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
enum Counters {
    #[default]
    Connection,
    Device,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
enum Timing {
    #[default]
    AtOnce,
    AtScan,
}

const fn illegal_data_value() -> u8 {
    ExceptionCode::ILLEGAL_DATA_VALUE.0
}

const fn server_device_failure() -> u8 {
    ExceptionCode::SERVER_DEVICE_FAILURE.0
}

pub(super) fn lower(raw: &Persona) -> DevicePersona {
    let told = &raw.identity;
    let server_id = raw.modbus.as_ref().map(|modbus| &modbus.server_id);
    DevicePersona {
        id: raw.id.clone(),
        class: raw.class.clone(),
        identity: Identity {
            vendor_name: told.vendor.clone(),
            product_code: told.product.clone(),
            revision: told.revision.clone(),
            vendor_url: told.vendor_url.clone(),
            product_name: told.product_name.clone(),
            model_name: told.model.clone(),
            application_name: told.application.clone(),
            extended: told.extended.clone().into_iter().collect(),
            server_id: server_id.map(|told| told.id.clone()).unwrap_or_default(),
            server_id_extra: server_id
                .map(|told| told.extra.clone().into_bytes())
                .unwrap_or_default(),
        },
        keys: raw.keys.clone(),
        modbus: raw.modbus.as_ref().map(|modbus| lower_modbus(modbus, told)),
    }
}

fn lower_modbus(raw: &Modbus, told: &Told) -> ModbusDevice {
    let functions = raw.functions.iter().copied();
    ModbusDevice {
        persona: ModbusPersona {
            functions: functions.fold(FunctionSet::NONE, FunctionSet::with),
            unsupported: match raw.unsupported {
                Refusal::IllegalFunction => Unsupported::default(),
                Refusal::Exception(code) => Unsupported::Exception(ExceptionCode(code)),
                Refusal::Silent => Unsupported::Silent,
            },
            umas: match &raw.umas {
                Function90::Unknown => Umas::Unknown,
                Function90::Refused(detail) => Umas::Refused(detail.clone()),
            },
            wrong_unit: match raw.wrong_unit {
                ForeignUnit::Silent => WrongUnit::Silent,
                ForeignUnit::GatewayPathUnavailable => WrongUnit::GatewayPathUnavailable,
                ForeignUnit::GatewayTargetFailed => WrongUnit::GatewayTargetFailed,
            },
            broadcast: match raw.broadcast {
                Broadcast::Unit => BroadcastPolicy::Unit,
                Broadcast::Silent => BroadcastPolicy::Silent,
            },
            errors: DeviceErrorMap {
                bad_quantity: ExceptionCode(raw.bad_quantity),
                write_refused: ExceptionCode(raw.write_refused),
                ..DeviceErrorMap::default()
            },
            run_indicator: match raw.server_id.run {
                Run::AfterId => RunIndicator::AfterId,
                Run::Last => RunIndicator::Last,
                Run::First => RunIndicator::First,
                Run::Missing => RunIndicator::Missing,
            },
            conformity: raw.identification.map(|told| Conformity {
                level: match told.level {
                    Level::Basic => ReadDeviceId::Basic,
                    Level::Regular => ReadDeviceId::Regular,
                    Level::Extended => ReadDeviceId::Extended,
                },
                individual: told.individual,
            }),
            exception_status_coil: raw.exception_status_coil,
            communication_of: match raw.counters {
                Counters::Connection => CommunicationOf::Connection,
                Counters::Device => CommunicationOf::Device,
            },
            timing: match raw.timing {
                Timing::AtOnce => ReplyTiming::AtOnce,
                Timing::AtScan => ReplyTiming::AtScan,
            },
            limits: Limits {
                connections: raw.connections,
                idle_timeout: raw.idle_timeout_s.map(SimDuration::from_secs),
                replies_waiting: raw.replies_waiting,
                ..Limits::default()
            },
            ..ModbusPersona::default()
        },
        units: match &raw.units {
            Units::Any => DeviceUnits::Any,
            Units::Own { also } => DeviceUnits::Own(also.clone()),
            Units::Gateway(behind) => {
                DeviceUnits::Gateway(behind.iter().map(|b| lower_behind(b, told)).collect())
            }
        },
        files: raw.files.clone().into_iter().collect(),
    }
}

/// The gateway tells identification objects for the devices behind it, with the device's own name.
fn lower_behind(raw: &Behind, gateway: &Told) -> GatewayUnit {
    GatewayUnit {
        unit: raw.unit,
        first: raw.first,
        count: raw.count,
        identity: Some(Box::new(Identity {
            vendor_name: gateway.vendor.clone(),
            product_code: raw.name.clone(),
            revision: gateway.revision.clone(),
            server_id: raw.server_id.clone(),
            server_id_extra: raw.name.clone().into_bytes(),
            ..Identity::default()
        })),
    }
}
