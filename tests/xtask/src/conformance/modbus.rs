//! Modbus/TCP: the probes, and answers in words.
//!
//! Function codes, limits and exceptions are those of the Modbus application protocol specification V1.1b3; frames those of
//! the messaging implementation guide V1.0b.

use super::probe::{Probe, Protocol};

/// Transaction id of the valid request, which no probe has.
const NEXT: u16 = 0x7E57;
/// Transaction id of the probes.
const ASKED: u16 = 0x0102;
/// Unit id of the probes.
const UNIT: u8 = 1;

/// Answered with data.
const DATA: &str = "data";
/// Answered with data, or refused as a function that the device does not have.
const OPTIONAL: &str = "data or 01";

/// How the runner asks over Modbus/TCP.
pub fn protocol() -> Protocol {
    Protocol {
        name: "Modbus/TCP",
        frame_bytes: |bytes| {
            let length = bytes.get(4..6)?;
            Some(6 + usize::from(u16::from_be_bytes([length[0], length[1]])))
        },
        describe,
        opening: Vec::new(),
        valid: frame(NEXT, UNIT, &[3, 4, 0, 0, 1]),
        serves: |frame| {
            frame.starts_with(&NEXT.to_be_bytes()) && frame.len() == 11 && frame[7] == 3
        },
    }
}

/// Every probe, in the order of the page.
pub fn probes() -> Vec<Probe> {
    [
        valid(),
        quantities(),
        addresses(),
        values(),
        functions(),
        frames(),
        streams(),
        units(),
    ]
    .concat()
}

/// A frame of Modbus/TCP.
fn frame(transaction: u16, unit: u8, pdu: &[u8]) -> Vec<u8> {
    let length = u16::try_from(pdu.len() + 1).unwrap_or(u16::MAX);
    with_length(transaction, 0, length, unit, pdu)
}

fn with_length(transaction: u16, protocol: u16, length: u16, unit: u8, pdu: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(7 + pdu.len());
    for word in [transaction, protocol, length] {
        bytes.extend(word.to_be_bytes());
    }
    bytes.push(unit);
    bytes.extend(pdu);
    bytes
}

/// A read of two holding registers, in the frame of the probes.
fn read() -> Vec<u8> {
    frame(ASKED, UNIT, &[3, 4, 0, 0, 2])
}

/// Rows of one group that send one PDU each.
fn rows(group: &'static str, table: &[(&str, &'static str, &[u8])]) -> Vec<Probe> {
    table
        .iter()
        .map(|(name, asked, pdu)| Probe::new(group, *name, asked).send(frame(ASKED, UNIT, pdu)))
        .collect()
}

fn valid() -> Vec<Probe> {
    rows(
        "Every function, a valid request",
        &[
            ("FC 1 read coils", DATA, &[1, 0, 0, 0, 8]),
            ("FC 2 read discrete inputs", DATA, &[2, 0, 0, 0, 8]),
            ("FC 3 read holding registers", DATA, &[3, 4, 0, 0, 2]),
            ("FC 4 read input registers", DATA, &[4, 0, 0, 0, 1]),
            ("FC 5 write single coil", DATA, &[5, 0, 64, 0xFF, 0]),
            ("FC 6 write single register", DATA, &[6, 4, 1, 0x12, 0x34]),
            ("FC 7 read exception status", OPTIONAL, &[7]),
            ("FC 8/0 return query data", OPTIONAL, &[8, 0, 0, 0x12, 0x34]),
            ("FC 8/2 diagnostic register", OPTIONAL, &[8, 0, 2, 0, 0]),
            ("FC 8/10 clear counters", OPTIONAL, &[8, 0, 10, 0, 0]),
            ("FC 8/11 bus message count", OPTIONAL, &[8, 0, 11, 0, 0]),
            ("FC 8/14 server message count", OPTIONAL, &[8, 0, 14, 0, 0]),
            ("FC 11 comm event counter", OPTIONAL, &[11]),
            ("FC 12 comm event log", OPTIONAL, &[12]),
            ("FC 15 write coils", DATA, &[15, 0, 64, 0, 9, 2, 1, 0]),
            (
                "FC 16 write registers",
                DATA,
                &[16, 4, 1, 0, 1, 2, 0x12, 0x34],
            ),
            ("FC 17 report server id", OPTIONAL, &[17]),
            (
                "FC 20 read file record",
                OPTIONAL,
                &[20, 7, 6, 0, 1, 0, 0, 0, 2],
            ),
            (
                "FC 21 write file record",
                OPTIONAL,
                &[21, 9, 6, 0, 1, 0, 0, 0, 1, 0x12, 0x34],
            ),
            ("FC 22 mask write", OPTIONAL, &[22, 4, 1, 0xFF, 0xFF, 0, 0]),
            (
                "FC 23 read/write registers",
                OPTIONAL,
                &[23, 4, 0, 0, 2, 4, 1, 0, 1, 2, 0x12, 0x34],
            ),
            ("FC 24 read FIFO queue", OPTIONAL, &[24, 4, 0]),
            ("FC 43/14 basic identification", OPTIONAL, &[43, 14, 1, 0]),
            ("FC 43/14 regular identification", OPTIONAL, &[43, 14, 2, 0]),
            (
                "FC 43/14 extended identification",
                OPTIONAL,
                &[43, 14, 3, 0],
            ),
            ("FC 43/14 one object", OPTIONAL, &[43, 14, 4, 0]),
        ],
    )
}

fn quantities() -> Vec<Probe> {
    let mut list = rows(
        "Quantities out of range",
        &[
            ("FC 1, quantity 0", "03", &[1, 0, 0, 0, 0]),
            ("FC 2, quantity 0", "03", &[2, 0, 0, 0, 0]),
            ("FC 3, quantity 0", "03", &[3, 4, 0, 0, 0]),
            ("FC 4, quantity 0", "03", &[4, 0, 0, 0, 0]),
            ("FC 1, quantity 2001", "03", &[1, 0, 0, 0x07, 0xD1]),
            ("FC 2, quantity 2001", "03", &[2, 0, 0, 0x07, 0xD1]),
            ("FC 3, quantity 126", "03", &[3, 4, 0, 0, 126]),
            ("FC 4, quantity 126", "03", &[4, 0, 0, 0, 126]),
            ("FC 3, quantity 65535", "03", &[3, 4, 0, 0xFF, 0xFF]),
            ("FC 15, quantity 0", "03", &[15, 0, 64, 0, 0, 0]),
            ("FC 16, quantity 0", "03", &[16, 4, 1, 0, 0, 0]),
            (
                "FC 23, read quantity 0",
                "03",
                &[23, 4, 0, 0, 0, 4, 1, 0, 1, 2, 0, 0],
            ),
            (
                "FC 23, read quantity 126",
                "03",
                &[23, 4, 0, 0, 126, 4, 1, 0, 1, 2, 0, 0],
            ),
            (
                "FC 23, write quantity 0",
                "03",
                &[23, 4, 0, 0, 1, 4, 1, 0, 0, 0],
            ),
        ],
    );
    for (name, head, data) in [
        (
            "FC 15, quantity 1969",
            &[15, 0, 64, 0x07, 0xB1, 247][..],
            247,
        ),
        ("FC 16, quantity 124", &[16, 4, 1, 0, 124, 248], 248),
        (
            "FC 23, write quantity 122",
            &[23, 4, 0, 0, 1, 4, 1, 0, 122, 244],
            244,
        ),
    ] {
        let pdu = [head, &vec![0; data]].concat();
        let probe = Probe::new("Quantities out of range", name, "03");
        list.push(probe.send(frame(ASKED, UNIT, &pdu)));
    }
    list
}

fn addresses() -> Vec<Probe> {
    rows(
        "Addresses that do not exist",
        &[
            ("FC 1 at 65000", "02", &[1, 0xFD, 0xE8, 0, 8]),
            ("FC 2 at 65000", "02", &[2, 0xFD, 0xE8, 0, 8]),
            ("FC 3 at 65000", "02", &[3, 0xFD, 0xE8, 0, 2]),
            ("FC 4 at 65000", "02", &[4, 0xFD, 0xE8, 0, 2]),
            ("FC 5 at 65000", "02", &[5, 0xFD, 0xE8, 0xFF, 0]),
            ("FC 6 at 65000", "02", &[6, 0xFD, 0xE8, 0, 1]),
            ("FC 15 at 65000", "02", &[15, 0xFD, 0xE8, 0, 8, 1, 0]),
            ("FC 16 at 65000", "02", &[16, 0xFD, 0xE8, 0, 1, 2, 0, 0]),
            ("FC 22 at 65000", "02", &[22, 0xFD, 0xE8, 0xFF, 0xFF, 0, 0]),
            (
                "FC 23, read at 65000",
                "02",
                &[23, 0xFD, 0xE8, 0, 1, 4, 1, 0, 1, 2, 0, 0],
            ),
            (
                "FC 23, write at 65000",
                "02",
                &[23, 4, 0, 0, 1, 0xFD, 0xE8, 0, 1, 2, 0, 0],
            ),
            ("FC 3, 2 registers from 65535", "02", &[3, 0xFF, 0xFF, 0, 2]),
            ("FC 1, 16 coils from 65528", "02", &[1, 0xFF, 0xF8, 0, 16]),
        ],
    )
}

fn values() -> Vec<Probe> {
    rows(
        "Values and counts that contradict each other",
        &[
            ("FC 5, value 1234", "03", &[5, 0, 64, 0x12, 0x34]),
            (
                "FC 15, quantity 16 with 1 byte",
                "03",
                &[15, 0, 64, 0, 16, 1, 0xFF],
            ),
            (
                "FC 15, quantity 1968 with 1 byte",
                "03",
                &[15, 0, 64, 0x07, 0xB0, 1, 0xFF],
            ),
            (
                "FC 16, byte count 4 for 1 register",
                "03",
                &[16, 4, 1, 0, 1, 4, 0, 0, 0, 0],
            ),
            (
                "FC 16, byte count 2, 4 bytes sent",
                "",
                &[16, 4, 1, 0, 1, 2, 0, 0, 0, 0],
            ),
            ("FC 16, quantity 32768", "03", &[16, 4, 1, 0x80, 0, 0]),
            (
                "FC 23, byte count 1 for 1 register",
                "03",
                &[23, 4, 0, 0, 1, 4, 1, 0, 1, 1, 0],
            ),
            ("FC 8/0 without data", "", &[8, 0, 0]),
            ("FC 8/99", "", &[8, 0, 99, 0, 0]),
            ("FC 20, byte count 6", "", &[20, 6, 6, 0, 1, 0, 0, 0]),
            ("FC 20, reference type 5", "", &[20, 7, 5, 0, 1, 0, 0, 0, 2]),
            (
                "FC 21, record longer than the request",
                "",
                &[21, 9, 6, 0, 1, 0, 0, 0, 9, 0x12, 0x34],
            ),
        ],
    )
}

fn functions() -> Vec<Probe> {
    rows(
        "Functions that do not exist",
        &[
            ("FC 0", "01", &[0, 0, 0, 0, 1]),
            ("FC 9", "01", &[9, 0, 0, 0, 1]),
            ("FC 90 as UMAS asks", "01", &[90, 0, 2]),
            ("FC 127", "01", &[127, 0, 0, 0, 1]),
            ("FC 131, a response's code", "", &[0x83, 0, 0, 0, 1]),
            ("FC 43/13 without CANopen", "01", &[43, 13, 0, 0]),
            ("FC 43/14, read code 0", "03", &[43, 14, 0, 0]),
            ("FC 43/14, read code 5", "03", &[43, 14, 5, 0]),
            (
                "FC 43/14, one object that is not there",
                "02",
                &[43, 14, 4, 0x42],
            ),
        ],
    )
}

fn frames() -> Vec<Probe> {
    let group = "Frames that are none";
    let probe = |name: &str| Probe::new(group, name, "");
    let pdu = [3, 4, 0, 0, 2];
    let with = |protocol, length| with_length(ASKED, protocol, length, UNIT, &pdu);
    let umas = [&[90_u8, 0, 2][..], &[0; 251]].concat();
    vec![
        probe("protocol id 1").send(with(1, 6)),
        probe("length field 0").send(with(0, 0)),
        probe("length field 1").send(with_length(ASKED, 0, 1, UNIT, &[])),
        probe("length field 3 before 6 bytes")
            .send(with(0, 3))
            .unfinished(),
        probe("length field 9 before 6 bytes")
            .send(with(0, 9))
            .unfinished(),
        probe("length field 261").send(with(0, 261)).unfinished(),
        probe("length field 65535")
            .send(with(0, 0xFFFF))
            .unfinished(),
        probe("FC 90 with length field 255").send(frame(ASKED, UNIT, &umas)),
        probe("FC 3 without address").send(frame(ASKED, UNIT, &[3])),
        probe("FC 3 without quantity").send(frame(ASKED, UNIT, &[3, 4, 0])),
        probe("FC 16 without data").send(frame(ASKED, UNIT, &[16, 4, 1, 0, 1, 2])),
        probe("FC 43 alone").send(frame(ASKED, UNIT, &[43])),
        probe("FC 3 with one byte more").send(frame(ASKED, UNIT, &[3, 4, 0, 0, 2, 0])),
        probe("FC 17 with one byte more").send(frame(ASKED, UNIT, &[17, 0])),
        probe("a request of HTTP")
            .send(*b"GET / HTTP/1.0\r\n\r\n")
            .unfinished(),
    ]
}

fn streams() -> Vec<Probe> {
    let probe = |name: &str, asked| Probe::new("Streams", name, asked);
    let request = read();
    let (head, tail) = request.split_at(4);
    let many = |count: u16| -> Vec<u8> {
        (0..count)
            .flat_map(|id| frame(id, UNIT, &[3, 4, 0, 0, 2]))
            .collect()
    };
    vec![
        probe("a request, byte by byte", DATA)
            .send(request.clone())
            .bytewise(),
        probe("a request in two segments", DATA)
            .send(head)
            .send(tail),
        probe("2 requests in one segment", DATA)
            .send(many(2))
            .answers(2),
        probe("16 requests in one segment", DATA)
            .send(many(16))
            .answers(16),
        probe("a request and half of the next", DATA)
            .send([&request, head].concat())
            .unfinished(),
        probe("a request, then the sending side shut", DATA)
            .send(request.clone())
            .half_close(),
        probe("3 bytes, then the sending side shut", "")
            .send(&request[..3])
            .half_close(),
        probe("8 bytes, then the sending side shut", "")
            .send(&request[..8])
            .half_close(),
        probe("8 bytes and no more", "silence")
            .send(&request[..8])
            .unfinished(),
    ]
}

fn units() -> Vec<Probe> {
    [0, 1, 2, 247, 255]
        .into_iter()
        .map(|unit| {
            let probe = Probe::new("Unit ids", format!("FC 3 for unit {unit}"), "");
            probe.send(frame(ASKED, unit, &[3, 4, 0, 0, 2]))
        })
        .collect()
}

fn describe(probe: &Probe, frames: &[&[u8]], rest: &[u8]) -> String {
    let asked = probe.segments.concat();
    let mut words: Vec<String> = frames
        .iter()
        .map(|frame| one(&asked, frame, probe.answers == 1))
        .collect();
    words.dedup();
    let mut text = words.join(", then ");
    if probe.answers > 1 && frames.len() != probe.answers {
        text = format!("{text}, {} of {}", frames.len(), probe.answers);
    }
    if !rest.is_empty() {
        text = "wrong MBAP length".into();
    }
    text
}

fn one(asked: &[u8], answer: &[u8], same_transaction: bool) -> String {
    let (Some(pdu), Some(&function)) = (answer.get(7..), asked.get(7)) else {
        return "short frame".into();
    };
    if same_transaction && answer.get(..2) != asked.get(..2) {
        return "wrong transaction id".into();
    }
    if answer.get(2..4) != Some(&[0, 0]) {
        return "wrong protocol id".into();
    }
    match *pdu {
        [code, exception] if code == function | 0x80 => format!("{exception:02}"),
        [code, ..] if code != function => format!("function {code} instead"),
        _ if well_formed(pdu) => "data".into(),
        _ => "data of a wrong length".into(),
    }
}

/// Whether the length of a response fits what it says about itself.
fn well_formed(pdu: &[u8]) -> bool {
    let byte_count = |skip: usize| {
        pdu.get(1)
            .is_some_and(|count| usize::from(*count) + skip == pdu.len())
    };
    match pdu.first() {
        Some(1..=4 | 12 | 17 | 20 | 21 | 23) => byte_count(2),
        Some(5 | 6 | 11 | 15 | 16) => pdu.len() == 5,
        Some(7) => pdu.len() == 2,
        Some(22) => pdu.len() == 7,
        Some(24) => {
            let count = pdu.get(1..3).map(|c| u16::from_be_bytes([c[0], c[1]]));
            count.is_some_and(|count| usize::from(count) + 3 == pdu.len())
        }
        _ => pdu.len() > 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn told(asked: &[u8], answer: &[u8], rest: &[u8]) -> String {
        let probe = Probe::new("g", "p", "").send(frame(ASKED, UNIT, asked));
        describe(&probe, &[&frame(ASKED, UNIT, answer)], rest)
    }

    #[test]
    fn answers_are_put_into_words() {
        let asked = [3, 4, 0, 0, 1];
        assert_eq!(told(&asked, &[3, 2, 0, 0], &[]), "data");
        assert_eq!(told(&asked, &[0x83, 2], &[]), "02");
        assert_eq!(told(&asked, &[0x80, 1], &[]), "function 128 instead");
        assert_eq!(told(&asked, &[3, 4, 0, 0], &[]), "data of a wrong length");
        // tokio-modbus 0.17 tells one byte too few with function 17.
        assert_eq!(told(&[17], &[17, 3, 1, 0xFF, 7], &[7]), "wrong MBAP length");
    }

    #[test]
    fn of_two_requests_one_answer_is_half() {
        let probe = Probe::new("g", "p", "")
            .send([frame(0, 1, &[3, 4, 0, 0, 1]), frame(1, 1, &[3, 4, 0, 0, 1])].concat())
            .answers(2);
        let answer = frame(0, 1, &[3, 2, 0, 0]);
        assert_eq!(describe(&probe, &[&answer], &[]), "data, 1 of 2");
        assert_eq!(describe(&probe, &[&answer, &answer], &[]), "data");
    }

    #[test]
    fn the_valid_request_is_recognised() {
        let protocol = protocol();
        assert!((protocol.serves)(&frame(NEXT, UNIT, &[3, 2, 0, 0])));
        assert!(!(protocol.serves)(&frame(NEXT, UNIT, &[0x83, 2])));
        assert!(!(protocol.serves)(&frame(ASKED, UNIT, &[3, 2, 0, 0])));
    }

    #[test]
    fn every_probe_has_a_name_of_its_own() {
        let probes = probes();
        let names: BTreeSet<&str> = probes.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names.len(), probes.len());
        assert!(probes.iter().all(|p| !p.segments.is_empty()));
    }
}
