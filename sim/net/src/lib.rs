//! Virtual Ethernet and IP: links, switches, routers with firewalls, data diodes, hosts and taps.
//!
//! Everything is real frames, so scanning, spoofing, a man in the middle, firewalls and sensors are the real thing. The
//! whole network is one deterministic state machine without clock, sockets or threads: [`Fabric`] is told the time, and
//! reports events and captured frames. Hosts speak TCP through smoltcp, which only the module `stack` drives; Ethernet, ARP,
//! IP forwarding, ICMP, UDP and reassembly are our own.

mod address;
mod conntrack;
mod event;
mod fabric;
mod firewall;
mod fragment;
mod frame_hash;
mod host;
mod ids;
mod io;
pub mod limits;
mod modbus;
mod neighbors;
pub mod packet;
pub mod pcapng;
mod rate;
mod rng;
mod router;
mod stack;
mod switch;
mod topology;
mod wires;

pub use address::{AddressError, Mac, Subnet};
pub use conntrack::Affected;
pub use event::{
    CapturedFrame, CloseReason, FirewallLog, HostEvent, LogCause, Stats, UnreachableCause,
};
pub use fabric::{Attached, ConnInfo, Fabric, NetError, Received};
pub use firewall::{
    Action, Change, FirewallError, FirewallSpec, FlowId, Protocol, Rule, Session, SessionFilter,
};
pub use host::Capture;
pub use ids::{ConnId, DiodeId, HostId, RouterId, RuleId, SwitchId};
pub use modbus::{L7Inspector, ModbusMatch, ModbusPeek, Request};
pub use topology::{
    DiodeSpec, HostSpec, InterfaceSpec, LinkSpec, RouteSpec, RouterSpec, SwitchSpec, Topology,
    TopologyError, TrunkSpec,
};
