//! Scenarios: RON schema by version, lowering to checked types, problems with their place.
//!
//! A scenario folder comes in as a [`ScenarioPackage`]. [`check()`] reads it, runs every rule and
//! returns the checked [`Scenario`](model::Scenario) if no rule found an error, and all problems
//! that were found. [`Scenario::instantiate`](model::Scenario::instantiate) draws what `vary` leaves
//! to the match seed.
//!
//! Adding a version of the schema: `raw_vN.rs` beside the older ones, a lowering of each to the one
//! set of checked types, fixtures of the older version kept.
//! Adding a persona: see [`personas`].
//! Adding a rule: a `rule_*.rs` with one public function, a row in `check`, a code in
//! `sim_authored::codes`, a bad fixture under `tests/scenarios/invalid`.

pub mod model;
pub mod personas;

mod check;
mod external;
mod limits;
mod lower;
mod lower_plc;
mod names;
mod package;
mod raw_v1;
mod rule_attack;
mod rule_controller;
mod rule_external;
mod rule_files;
mod rule_names;
mod rule_network;
mod rule_persona;
mod rule_plant;
mod rule_program;
mod rule_range;
mod rule_references;
mod rule_script;
mod rule_time;
mod rule_vary;
mod values;
mod variant;
mod vary;

pub use check::check;
pub use limits::RULES_MAX;
pub use package::{RUBRIC_FILE, SCENARIO_FILE, ScenarioPackage};
pub use variant::{BASE_FOLDER, base_of};
