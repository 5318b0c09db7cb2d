//! What a firewall must know of Modbus: function code and addresses of each request.

use std::ops::RangeInclusive;

/// One Modbus request as a firewall sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Function code.
    pub function: u8,
    /// First address and number of items; functions 22 and 24 count one item.
    pub range: Option<(u16, u16)>,
    /// The second range of function 23, which it writes.
    pub write_range: Option<(u16, u16)>,
}

/// Reads the requests of one TCP segment for a firewall.
pub trait L7Inspector: Send {
    /// Adds the requests in `payload` to `requests`; false where it is not made of whole, well-formed requests.
    fn requests(&self, payload: &[u8], requests: &mut Vec<Request>) -> bool;
}

/// Requests that one segment may hold: an MTU full of the shortest.
const REQUESTS_MAX: usize = 128;
/// Length of the MBAP header, bytes (Modbus Messaging on TCP/IP V1.0b, 3.1.3).
const MBAP_LEN: usize = 7;

/// The inspector that a fabric has from the start, after the Modbus Application Protocol V1.1b3.
#[derive(Clone, Copy, Debug, Default)]
pub struct ModbusPeek;

impl L7Inspector for ModbusPeek {
    fn requests(&self, mut payload: &[u8], requests: &mut Vec<Request>) -> bool {
        while !payload.is_empty() {
            let Some((mbap, rest)) = payload.split_first_chunk::<MBAP_LEN>() else {
                return false;
            };
            let [_, _, p0, p1, l0, l1, _unit] = *mbap;
            let length = usize::from(u16::from_be_bytes([l0, l1]));
            // The length counts the unit id and the PDU, which has at most 253 bytes.
            if [p0, p1] != [0, 0] || !(2..=254).contains(&length) || requests.len() >= REQUESTS_MAX
            {
                return false;
            }
            let Some((pdu, next)) = rest.split_at_checked(length - 1) else {
                return false;
            };
            let Some(request) = peek(pdu) else {
                return false;
            };
            requests.push(request);
            payload = next;
        }
        true
    }
}

fn peek(pdu: &[u8]) -> Option<Request> {
    let (&function, body) = pdu.split_first()?;
    let word = |at: usize| Some(u16::from_be_bytes(*body.get(at..)?.first_chunk()?));
    let range = match function {
        1..=4 | 15 | 16 | 23 => Some((word(0)?, word(2)?)),
        5 | 6 | 22 | 24 => Some((word(0)?, 1)),
        0 | 128.. => return None,
        _ => None,
    };
    let write_range = if function == 23 {
        Some((word(4)?, word(6)?))
    } else {
        None
    };
    Some(Request {
        function,
        range,
        write_range,
    })
}

/// Which requests a rule is about.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ModbusMatch {
    /// Function codes; all when empty.
    pub functions: Vec<u8>,
    /// Addresses, first to last; a request without an address, or that reaches outside, does not match.
    pub addresses: Option<RangeInclusive<u16>>,
}

impl ModbusMatch {
    /// The four functions that read coils, inputs and registers.
    #[must_use]
    pub fn reads() -> Self {
        Self {
            functions: vec![1, 2, 3, 4],
            addresses: None,
        }
    }

    /// Whether the rule is about this request.
    #[must_use]
    pub fn matches(&self, request: &Request) -> bool {
        if !self.functions.is_empty() && !self.functions.contains(&request.function) {
            return false;
        }
        let Some(addresses) = &self.addresses else {
            return true;
        };
        let inside = |(first, count): (u16, u16)| {
            let last = u32::from(first) + u32::from(count.max(1)) - 1;
            first >= *addresses.start() && last <= u32::from(*addresses.end())
        };
        request.range.is_some_and(inside) && request.write_range.is_none_or(inside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification for function 3: read 3 registers from 107.
    const READ: [u8; 12] = [0x15, 0x01, 0, 0, 0, 6, 0xff, 3, 0, 0x6b, 0, 3];
    const WRITE: [u8; 12] = [0x15, 0x02, 0, 0, 0, 6, 0xff, 6, 0, 1, 0, 3];

    fn peek_all(payload: &[u8]) -> Option<Vec<Request>> {
        let mut requests = Vec::new();
        ModbusPeek
            .requests(payload, &mut requests)
            .then_some(requests)
    }

    #[test]
    fn reads_pipelined_requests_and_refuses_cut_ones() {
        let both = [READ, WRITE].concat();
        let requests = peek_all(&both).unwrap();
        assert_eq!(
            requests[0],
            Request {
                function: 3,
                range: Some((0x6b, 3)),
                write_range: None
            }
        );
        assert_eq!(
            requests[1],
            Request {
                function: 6,
                range: Some((1, 1)),
                write_range: None
            }
        );
        for cut in (1..both.len()).filter(|&c| c != READ.len()) {
            assert_eq!(peek_all(&both[..cut]), None, "cut at {cut}");
        }
    }

    #[test]
    fn a_range_must_lie_inside_with_its_last_item() {
        let rule = ModbusMatch {
            functions: vec![3, 23],
            addresses: Some(100..=109),
        };
        let read = |first, count| Request {
            function: 3,
            range: Some((first, count)),
            write_range: None,
        };
        assert!(rule.matches(&read(100, 10)));
        assert!(!rule.matches(&read(99, 2)));
        assert!(!rule.matches(&read(105, 6)));
        assert!(!rule.matches(&read(109, u16::MAX)));
        assert!(!rule.matches(&Request {
            function: 16,
            ..read(100, 1)
        }));
        assert!(!rule.matches(&Request {
            function: 23,
            range: Some((100, 1)),
            write_range: Some((110, 1))
        }));
        assert!(!rule.matches(&Request {
            function: 3,
            range: None,
            write_range: None
        }));
    }
}
