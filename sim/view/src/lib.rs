//! The only senses and hands of actors, bots, agents and clients.
//!
//! A [`View`] is what one principal may know at one instant; a [`Command`] is what it asks for. Scripted actors decide
//! here, in code that cannot name a range: [`Mind::decide`] sees a view and returns commands, nothing else.

mod command;
mod decide;
pub mod permit;
pub mod script;
mod view;

pub use command::{
    Citation, Command, FieldAction, FirewallCommand, KeyPosition, RegisterRef, RewriteValue,
    RuleSpec, Table,
};
pub use decide::Mind;
pub use view::{
    AlarmView, AlertView, CompareView, FieldView, JobState, JobView, LogLine, MessageView, Quality,
    ReportView, RuleView, TagView, View,
};
