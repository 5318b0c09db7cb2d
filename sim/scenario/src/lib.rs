//! Scenarios: RON schema by version, lowering to checked types, problems with their place.

pub mod model;
