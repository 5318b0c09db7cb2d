//! Every bound of the virtual network in one place. Whatever a player sends, no table or queue grows past these.

/// Hosts in one fabric.
pub const HOSTS_MAX: usize = 1_024;
/// Switches in one fabric.
pub const SWITCHES_MAX: usize = 256;
/// Routers in one fabric.
pub const ROUTERS_MAX: usize = 64;
/// Interfaces of one router.
pub const ROUTER_INTERFACES_MAX: usize = 32;
/// Static routes of one router.
pub const ROUTES_MAX: usize = 64;
/// Data diodes in one fabric.
pub const DIODES_MAX: usize = 64;
/// Links between switches in one fabric.
pub const TRUNKS_MAX: usize = 256;

/// Largest IP packet on any link, bytes. Small enough for a QUIC datagram on a 1,280-byte path.
pub const MTU: usize = 1_200;
/// Largest Ethernet frame on any link, bytes: header and [`MTU`].
pub const FRAME_MAX: usize = MTU + 14;
/// Frames under way on one direction of one link; more are dropped at the tail.
pub const LINK_FRAMES_MAX: u32 = 1_024;
/// Bytes waiting in front of one link with a bandwidth; more are dropped at the tail.
pub const LINK_QUEUE_BYTES_MAX: u64 = 64 * 1_024;
/// Frames under way in the whole fabric.
pub const FRAMES_IN_FLIGHT_MAX: usize = 32_768;

/// Addresses that one switch learns; when full, further ones are flooded, as a real switch does.
pub const MAC_TABLE_MAX: usize = 1_024;
/// Time after which an unused MAC address is forgotten, microseconds (IEEE 802.1D default, 300 s).
pub const MAC_AGE_US: u64 = 300_000_000;
/// Addresses that the ARP watch of one tapped switch remembers.
pub const ARP_WATCH_MAX: usize = 1_024;

/// Entries of one ARP cache.
pub const ARP_CACHE_MAX: usize = 256;
/// Life of an ARP entry without confirmation, microseconds (Linux `gc_stale_time`, 60 s).
pub const ARP_AGE_US: u64 = 60_000_000;
/// Time between two ARP requests for one address, microseconds (RFC 1122 2.3.2.1, 1 s).
pub const ARP_RETRY_US: u64 = 1_000_000;
/// ARP requests before an address counts as unreachable (Linux `mcast_solicit`, 3).
pub const ARP_TRIES: u8 = 3;
/// Next hops that one node resolves at the same time.
pub const ARP_PENDING_MAX: usize = 256;
/// Bytes of packets that one node holds back while it resolves their next hops.
pub const ARP_PENDING_BYTES_MAX: usize = 32 * 1_024;

/// TCP sockets of one stack; smoltcp scans them linearly.
pub const SOCKETS_MAX: usize = 32;
/// Listening ports of one host.
pub const SERVICES_MAX: usize = 64;
/// UDP ports of one host.
pub const UDP_PORTS_MAX: usize = 64;
/// Default size of each TCP buffer, bytes.
pub const TCP_BUFFER_BYTES: usize = 2_048;
/// Largest TCP buffer that a host may ask for, bytes.
pub const TCP_BUFFER_BYTES_MAX: usize = 65_535;
/// Time that a connection may stay half open, microseconds.
pub const SYN_TIMEOUT_US: u64 = 10_000_000;
/// Time after which an unanswered connection attempt is given up, microseconds (Windows default, 21 s).
pub const CONNECT_TIMEOUT_US: u64 = 21_000_000;
/// Time after which unacknowledged data ends a connection, microseconds.
pub const DATA_TIMEOUT_US: u64 = 60_000_000;
/// Time that a closed connection may linger, microseconds (Linux `tcp_fin_timeout`, 60 s).
pub const LINGER_TIMEOUT_US: u64 = 60_000_000;
/// Longest delay of an acknowledgement, microseconds.
pub const ACK_DELAY_US: u64 = 10_000;

/// Echo requests of one host that wait for their reply.
pub const PINGS_MAX: usize = 256;
/// Time after which an unanswered echo request is forgotten, microseconds.
pub const PING_TIMEOUT_US: u64 = 10_000_000;
/// Largest payload of an echo request or datagram, bytes.
pub const DATAGRAM_BYTES_MAX: usize = 4_096;

/// Datagrams that one node reassembles at the same time.
pub const REASSEMBLY_MAX: usize = 16;
/// Largest reassembled payload, bytes.
pub const REASSEMBLY_BYTES_MAX: usize = 8 * 1_024;
/// Fragments of one datagram; `nmap -f` cuts a header in 3.
pub const REASSEMBLY_FRAGMENTS_MAX: usize = 512;
/// Time to complete a datagram, microseconds (Linux `ipfrag_time`, 30 s).
pub const REASSEMBLY_TIMEOUT_US: u64 = 30_000_000;

/// Rules of one firewall.
pub const RULES_MAX: usize = 256;
/// Longest owner, reason or name, bytes.
pub const TEXT_BYTES_MAX: usize = 256;
/// Sessions that one firewall tracks; the oldest makes room.
pub const SESSIONS_MAX: usize = 2_048;
/// Changes that can be undone.
pub const UNDO_MAX: usize = 64;
/// Log entries of one firewall a second.
pub const FIREWALL_LOG_PER_SECOND_MAX: u32 = 1_000;
/// ICMP errors that one node sends a second (Linux `icmp_msgs_per_sec`, 1,000).
pub const ICMP_ERRORS_PER_SECOND: u32 = 1_000;

/// Events that wait to be polled; more of the droppable kinds are counted and dropped.
pub const EVENTS_MAX: usize = 16_384;
/// Bytes of captured frames that wait to be polled; more are counted and dropped.
pub const CAPTURE_BYTES_MAX: usize = 4 * 1_024 * 1_024;
