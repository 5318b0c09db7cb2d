//! The static registry of plants and the look-up of their signals by name.

use crate::contract::PlantKind;
use crate::spec::{SignalKind, SignalSpec};
use crate::te_reactor::TeReactorKind;

/// Every kind of plant, sorted by id. A new plant is a module of this crate and a line here.
pub static PLANTS: &[&dyn PlantKind] = &[&TeReactorKind];

/// Finds a kind of plant by its id.
pub fn plant(id: &str) -> Option<&'static dyn PlantKind> {
    PLANTS.iter().copied().find(|kind| kind.id() == id)
}

/// Index of a signal within its kind, by name.
pub fn signal_index(plant: &dyn PlantKind, kind: SignalKind, name: &str) -> Option<usize> {
    of_kind(plant, kind).position(|spec| spec.name == name)
}

/// Declaration of the signal with this index within its kind.
pub fn signal_spec(
    plant: &dyn PlantKind,
    kind: SignalKind,
    index: usize,
) -> Option<&'static SignalSpec> {
    of_kind(plant, kind).nth(index)
}

/// How many signals of a kind a plant declares.
pub fn signal_count(plant: &dyn PlantKind, kind: SignalKind) -> usize {
    of_kind(plant, kind).count()
}

fn of_kind(plant: &dyn PlantKind, kind: SignalKind) -> impl Iterator<Item = &'static SignalSpec> {
    plant.signals().iter().filter(move |spec| spec.kind == kind)
}
