//! Checked types of external controllers: real devices that drive a plant from outside.

use crate::model::{FailState, Persona, PlantSignal};
use serde::{Deserialize, Serialize};
use sim_record::SimDuration;
use sim_view::Table;

/// A real PLC. On the host of the same id stands an emulated front that mirrors the declared registers; nothing else of
/// the device can be seen or reached from the virtual network, and its real address is known to the operator alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExternalController {
    /// Id, also of its host.
    pub id: String,
    /// Identity that the front tells to those who ask.
    pub persona: Persona,
    /// Modbus unit id of the device and of the front.
    pub unit: u8,
    /// Period of writing sensors and reading outputs.
    pub cycle: SimDuration,
    /// Without an answer for this long the link is lost and outputs take their fail state.
    pub stale: SimDuration,
    /// Writes of players may be let through to the device, if the operator confirms it at the start.
    pub attackable: bool,
    /// What the device measures.
    pub sensors: Vec<ExternalSensor>,
    /// What the device drives.
    pub outputs: Vec<ExternalOutput>,
    /// Further registers of the device that the front shows, such as setpoints.
    pub points: Vec<Register>,
    /// Input register in which the front shows the quality of the link: 0 good, 1 uncertain, 2 bad. The next one shows
    /// the age of the last answer in milliseconds.
    pub status_address: u16,
}

/// A register or bit of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Register {
    /// Table.
    pub table: Table,
    /// Wire address.
    pub address: u16,
}

/// A measurement that is written to a holding register of the device: `round(value * scale)`, clamped to 0..65535.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExternalSensor {
    /// Wire address of the holding register.
    pub address: u16,
    /// From.
    pub from: PlantSignal,
    /// Counts a unit.
    pub scale: f64,
}

/// A register or bit of the device that drives an actuator: `raw / scale`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExternalOutput {
    /// Where the device shows it.
    pub register: Register,
    /// To.
    pub to: PlantSignal,
    /// Counts a unit.
    pub scale: f64,
    /// State while the link is lost.
    pub fail: FailState,
}

impl ExternalController {
    /// The registers that are read from the device each cycle, in the order in which an answer lists their values: those
    /// of the outputs, then the points.
    pub fn reads(&self) -> impl Iterator<Item = Register> {
        let outputs = self.outputs.iter().map(|output| output.register);
        outputs.chain(self.points.iter().copied())
    }
}
