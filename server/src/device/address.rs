//! The address of one device.

use crate::error::Failure;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Reads an IP address or `localhost`, with or without a port.
///
/// # Errors
/// It is a network, a range or list of addresses, one that stands for several devices, or none.
pub fn parse(text: &str, usual_port: u16) -> Result<SocketAddr, Failure> {
    let several = text.contains(['/', '*', ',', ' ']) || is_span(text);
    if several {
        return Err(Failure::usage(format!(
            "`{text}` stands for several addresses; this tool works on one device"
        ))
        .hint("to look for devices inside a range use nmap from a foothold"));
    }
    let address = match text.strip_prefix("localhost") {
        Some("") => Some(SocketAddr::from((Ipv4Addr::LOCALHOST, usual_port))),
        Some(port) => port
            .strip_prefix(':')
            .and_then(|port| port.parse().ok())
            .map(|port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        None => text.parse().ok().or_else(|| {
            let ip: IpAddr = text.trim_matches(['[', ']']).parse().ok()?;
            Some(SocketAddr::new(ip, usual_port))
        }),
    };
    let Some(address) = address else {
        return Err(Failure::usage(format!("`{text}` is no IP address"))
            .hint("write one such as 192.0.2.7 or 192.0.2.7:1502"));
    };
    let ip = address.ip();
    if ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return Err(Failure::usage(format!(
            "{ip} is no single device's address"
        )));
    }
    if address.port() == 0 {
        return Err(Failure::usage("port 0 is none"));
    }
    Ok(address)
}

/// A span such as `192.0.2.1-20` or `192.0.2.1-192.0.2.20`.
fn is_span(text: &str) -> bool {
    text.split_once('-')
        .is_some_and(|(from, to)| from.parse::<IpAddr>().is_ok() && !to.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_device_is_taken() {
        for (text, address) in [
            ("192.0.2.7", "192.0.2.7:502"),
            ("192.0.2.7:1502", "192.0.2.7:1502"),
            ("localhost", "127.0.0.1:502"),
            ("localhost:8", "127.0.0.1:8"),
            ("::1", "[::1]:502"),
            ("[::1]", "[::1]:502"),
            ("[::1]:7", "[::1]:7"),
        ] {
            assert_eq!(
                parse(text, 502).unwrap(),
                address.parse().unwrap(),
                "{text}"
            );
        }
    }

    #[test]
    fn several_and_none_are_refused_in_words() {
        for (text, words) in [
            ("192.0.2.0/24", "several addresses"),
            ("192.0.2.1-20", "several addresses"),
            ("192.0.2.1-192.0.2.9", "several addresses"),
            ("192.0.2.1,192.0.2.2", "several addresses"),
            ("192.0.2.*", "several addresses"),
            ("192.0.2.1 192.0.2.2", "several addresses"),
            ("0.0.0.0", "no single device"),
            ("255.255.255.255", "no single device"),
            ("224.0.0.1:502", "no single device"),
            ("ff02::1", "no single device"),
            ("192.0.2.7:0", "port 0"),
            ("plc-1", "no IP address"),
            ("localhost:", "no IP address"),
            ("localhosts", "no IP address"),
            ("", "no IP address"),
        ] {
            let failure = parse(text, 502).unwrap_err();
            assert!(
                failure.message.contains(words),
                "{text}: {}",
                failure.message
            );
            assert_eq!(failure.kind.exit_code(), 2);
        }
    }
}
