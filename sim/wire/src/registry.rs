//! The protocols that devices of a range speak.

use crate::{management, modbus, s7};

/// What carries a protocol's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A stream.
    Tcp,
}

impl Transport {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
        }
    }
}

/// One protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// Id, by which lists and documents name it.
    pub id: &'static str,
    /// Name in words.
    pub name: &'static str,
    /// What carries it.
    pub transport: Transport,
    /// Port on which devices listen unless a scenario says otherwise.
    pub port: u16,
    /// Layer of the OSI model (ISO/IEC 7498-1).
    pub layer: u8,
    /// What it offers.
    pub offers: &'static str,
}

/// All protocols, in order of their ids.
pub static PROTOCOLS: [Protocol; 3] = [
    Protocol {
        id: "engineering",
        name: "Management session of the engineering station",
        transport: Transport::Tcp,
        port: management::TCP_PORT,
        layer: 7,
        offers: "server and client: list, upload, download and compare programs, operating mode, diagnostics",
    },
    Protocol {
        id: "modbus-tcp",
        name: "Modbus/TCP",
        transport: Transport::Tcp,
        port: modbus::TCP_PORT,
        layer: 7,
        offers: "server and client: functions 1 to 8, 11, 12, 15 to 17, 20 to 24 and 43/14",
    },
    Protocol {
        id: "s7comm",
        name: "S7 communication",
        transport: Transport::Tcp,
        port: s7::TCP_PORT,
        layer: 7,
        offers: "server and client: variables, system status lists, blocks, mode, clock, password, cyclic data",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_in_order_and_no_two_protocols_share_a_port() {
        for pair in PROTOCOLS.windows(2) {
            assert!(pair[0].id < pair[1].id);
        }
        for (index, one) in PROTOCOLS.iter().enumerate() {
            let others = PROTOCOLS.iter().skip(index + 1);
            assert!(!others.clone().any(|other| other.port == one.port));
            assert!((2..=7).contains(&one.layer));
        }
    }
}
