//! Ids of what is in a fabric: indices into the topology that built it.

/// A host, by its index in [`crate::Topology::hosts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub u16);

impl HostId {
    /// Origin of frames that no host caused: what routers send on their own account.
    pub const INFRASTRUCTURE: Self = Self(u16::MAX);
}

/// A switch, by its index in [`crate::Topology::switches`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SwitchId(pub u16);

/// A router, by its index in [`crate::Topology::routers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouterId(pub u16);

/// A data diode, by its index in [`crate::Topology::diodes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DiodeId(pub u16);

/// One end of a TCP connection. Both ends have their own id, and no id is used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u32);

/// Number of a firewall rule, unique in its firewall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub u16);

macro_rules! display_number {
    ($($id:ty),*) => {$(
        impl std::fmt::Display for $id {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}
display_number!(HostId, SwitchId, RouterId, DiodeId, ConnId, RuleId);
