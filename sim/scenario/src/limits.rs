//! Bounds on scenarios beyond those of files and lists, in one place.

/// Most plants.
pub(crate) const PLANTS_MAX: usize = 8;
/// Most zones.
pub(crate) const ZONES_MAX: usize = 32;
/// Most routers.
pub(crate) const ROUTERS_MAX: usize = 32;
/// Most firewall rules of one router, as many as the virtual network's firewall takes.
pub const RULES_MAX: usize = 256;
/// Most hosts.
pub(crate) const HOSTS_MAX: usize = 256;
/// Most controllers.
pub(crate) const CONTROLLERS_MAX: usize = 64;
/// Most external controllers.
pub(crate) const EXTERNAL_CONTROLLERS_MAX: usize = 8;
/// Most registers that are exchanged with one external controller.
pub(crate) const EXTERNAL_REGISTERS_MAX: usize = 256;
/// Cycles of external controllers, in milliseconds: the timers of the server and common PLCs manage no shorter ones.
pub(crate) const EXTERNAL_CYCLE_MS: (u64, u64) = (20, 10_000);
/// Most actors.
pub(crate) const ACTORS_MAX: usize = 128;
/// Most commands of one step.
pub(crate) const COMMANDS_MAX: usize = 64;
/// Longest match, in seconds: a day.
pub(crate) const MATCH_S_MAX: f64 = 86_400.0;
/// Shortest period of a repeated step, in seconds: an actor looks once a second.
pub(crate) const EVERY_S_MIN: f64 = 1.0;
/// Longest name, in characters.
pub(crate) const NAME_CHARS_MAX: usize = 64;
/// Longest text for people, in characters.
pub(crate) const TEXT_CHARS_MAX: usize = 1000;
/// Scan and poll periods, in milliseconds.
pub(crate) const PERIOD_MS: (u64, u64) = (10, 3_600_000);
/// One-way latency of a link, in microseconds: every hop costs time, so no storm is endless at one instant.
pub(crate) const LATENCY_US: (u64, u64) = (1, 10_000_000);
/// Slowest link, in bits a second.
pub(crate) const BANDWIDTH_BPS_MIN: u64 = 1200;
/// Words and bits of a Modbus read request, from the Modbus application protocol, sections 6.1 to 6.4.
pub(crate) const READ_WORDS_MAX: u16 = 125;
pub(crate) const READ_BITS_MAX: u16 = 2000;
/// Words of a Modbus write request, from the same, section 6.12.
pub(crate) const WRITE_WORDS_MAX: usize = 123;
/// Modbus unit ids, from the Modbus messaging guide, section 4.4.2.
pub(crate) const UNIT: (u8, u8) = (1, 247);
/// Bytes of an S7 PDU as CPUs negotiate it.
pub(crate) const S7_PDU: (u16, u16) = (240, 960);
/// Most S7 connections of one CPU: what an S7-400 offers.
pub(crate) const S7_CONNECTIONS_MAX: u16 = 64;
/// Words and bits of a controller's process image.
pub(crate) const IMAGE_WORDS_MAX: u16 = 1024;
pub(crate) const IMAGE_BITS_MAX: u16 = 8192;
/// Field actions whose length a scenario declares.
pub(crate) const FIELD_ACTIONS: [&str; 8] = [
    "turn_key",
    "shutdown",
    "reset_trip",
    "read_gauge",
    "read_panel",
    "cable",
    "hand_valve",
    "restart",
];
