//! S7comm on ISO-on-TCP: the probes, and answers in words.
//!
//! Its vendor publishes no specification, so no row asks for an answer. Field names are those of Wireshark's dissector.

mod answer;

use super::probe::{Probe, Protocol};
use answer::describe;

/// PDU reference of the valid request, which no probe has.
const NEXT: u16 = 0x7E57;
/// PDU reference of the probes.
const ASKED: u16 = 0x0102;
/// PDU length that most sessions ask for.
const PDU: u16 = 480;

const JOB: u8 = 1;
const ACK: u8 = 2;
const ACK_DATA: u8 = 3;
const USERDATA: u8 = 7;

const BIT: u8 = 1;
const BYTE: u8 = 2;
const WORD: u8 = 4;
const REAL: u8 = 8;
const INPUTS: u8 = 0x81;
const OUTPUTS: u8 = 0x82;
const MARKERS: u8 = 0x83;
const DB: u8 = 0x84;
const COUNTERS: u8 = 0x1C;
const TIMERS: u8 = 0x1D;

/// How the runner asks over S7comm: rack 0, slot 2, two bytes of DB1.
pub fn protocol() -> Protocol {
    Protocol {
        name: "S7comm",
        frame_bytes: |bytes| {
            let length = bytes.get(2..4)?;
            Some(usize::from(u16::from_be_bytes([length[0], length[1]])))
        },
        describe,
        opening: session(PDU),
        valid: data(&job(NEXT, &read(&[item(BYTE, 2, 1, DB, 0)]), &[])),
        serves: |frame| {
            frame.get(7..9) == Some(&[0x32, ACK_DATA])
                && frame.get(11..13) == Some(&NEXT.to_be_bytes())
                && frame.get(17..21) == Some(&[0, 0, 4, 1])
                && frame.get(21) == Some(&0xFF)
        },
    }
}

/// Every probe, in the order of the page.
pub fn probes() -> Vec<Probe> {
    [
        connections(),
        setups(),
        reads(),
        writes(),
        streams(),
        lists(),
        blocks(),
        control(),
        services(),
        strangers(),
    ]
    .concat()
}

/// What opens a session: connection and setup.
fn session(pdu_bytes: u16) -> Vec<Vec<u8>> {
    vec![connect(0x0102), setup(pdu_bytes)]
}

/// Connection request to a TSAP; 0102 is a programming device's to rack 0, slot 2.
fn connect(tsap: u16) -> Vec<u8> {
    let mut cotp = vec![17, 0xE0, 0, 0, 0, 1, 0, 0xC0, 1, 10, 0xC1, 2, 1, 0, 0xC2, 2];
    cotp.extend(tsap.to_be_bytes());
    tpkt(&cotp)
}

fn tpkt(payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 4).unwrap_or(u16::MAX);
    [&[3, 0][..], &length.to_be_bytes(), payload].concat()
}

/// A telegram in one TPKT.
fn data(telegram: &[u8]) -> Vec<u8> {
    tpkt(&[&[2, 0xF0, 0x80], telegram].concat())
}

fn telegram(kind: u8, reference: u16, parameters: &[u8], data: &[u8]) -> Vec<u8> {
    let length = |part: &[u8]| u16::try_from(part.len()).unwrap_or(u16::MAX).to_be_bytes();
    [
        &[0x32, kind, 0, 0][..],
        &reference.to_be_bytes(),
        &length(parameters),
        &length(data),
        parameters,
        data,
    ]
    .concat()
}

fn job(reference: u16, parameters: &[u8], data: &[u8]) -> Vec<u8> {
    telegram(JOB, reference, parameters, data)
}

fn setup(pdu_bytes: u16) -> Vec<u8> {
    let parameters = [&[0xF0, 0, 0, 1, 0, 1][..], &pdu_bytes.to_be_bytes()].concat();
    data(&job(1, &parameters, &[]))
}

/// One variable; `address` counts bits.
fn item(kind: u8, count: u16, db: u16, area: u8, address: u32) -> Vec<u8> {
    let address = address.to_be_bytes();
    [
        &[0x12, 0x0A, 0x10, kind][..],
        &count.to_be_bytes(),
        &db.to_be_bytes(),
        &[area],
        &address[1..],
    ]
    .concat()
}

fn read(items: &[Vec<u8>]) -> Vec<u8> {
    let count = u8::try_from(items.len()).unwrap_or(u8::MAX);
    [&[4, count][..], &items.concat()].concat()
}

fn write(items: &[Vec<u8>]) -> Vec<u8> {
    let count = u8::try_from(items.len()).unwrap_or(u8::MAX);
    [&[5, count][..], &items.concat()].concat()
}

fn userdata(group: u8, function: u8, data: &[u8]) -> Vec<u8> {
    let parameters = [0, 1, 0x12, 4, 0x11, 0x40 | group, function, 0];
    telegram(USERDATA, ASKED, &parameters, data)
}

/// A probe of one telegram in a session.
fn in_session(group: &'static str, name: &str, telegram: &[u8]) -> Probe {
    let mut probe = Probe::new(group, name, "").send(data(telegram));
    probe.opening = session(PDU);
    probe
}

/// A probe behind the connection, before any setup.
fn connected(group: &'static str, name: &str) -> Probe {
    let mut probe = Probe::new(group, name, "");
    probe.opening = vec![connect(0x0102)];
    probe
}

fn connections() -> Vec<Probe> {
    let probe = |name: &str| Probe::new("Connections", name, "").unfinished();
    let good = connect(0x0102);
    let bare = [6, 0xE0, 0, 0, 0, 1, 0];
    let first_read = data(&job(ASKED, &read(&[item(BYTE, 2, 1, DB, 0)]), &[]));
    let mut other_version = good.clone();
    other_version[0] = 4;
    vec![
        probe("CR to TSAP 0102, rack 0 slot 2").send(good.clone()),
        probe("CR to TSAP 0200").send(connect(0x0200)),
        probe("CR to TSAP 0201").send(connect(0x0201)),
        probe("CR to TSAP 0105, rack 0 slot 5").send(connect(0x0105)),
        probe("CR to TSAP 0162, rack 3 slot 2").send(connect(0x0162)),
        probe("CR to TSAP 4D57").send(connect(0x4D57)),
        probe("CR without parameters").send(tpkt(&bare)),
        probe("CR byte by byte").send(good.clone()).bytewise(),
        probe("CR in a TPKT of version 4").send(other_version),
        probe("data before CR").send(first_read),
        probe("TPKT of length 3").send([3, 0, 0, 3]),
        probe("TPKT of length 7, COTP of length 200").send([3, 0, 0, 7, 200, 0xE0, 0]),
        probe("TPKT of length 65535 and 8 bytes").send([3, 0, 0xFF, 0xFF, 17, 0xE0, 0, 0]),
        probe("3 bytes, then the sending side shut")
            .send(&good[..3])
            .half_close(),
        probe("12 bytes, then the sending side shut")
            .send(&good[..12])
            .half_close(),
        probe("a request of HTTP").send(*b"GET / HTTP/1.0\r\n\r\n"),
    ]
}

fn setups() -> Vec<Probe> {
    let probe = |name: &str| connected("Setup", name).unfinished();
    let first_read = data(&job(ASKED, &read(&[item(BYTE, 2, 1, DB, 0)]), &[]));
    let mut other_protocol = setup(PDU);
    other_protocol[7] = 0x33;
    let plus = [0x72, 1, 0, 4, 0x31, 0, 0, 0];
    vec![
        probe("PDU length 60").send(setup(60)),
        probe("PDU length 240").send(setup(240)),
        probe("PDU length 480").send(setup(480)),
        probe("PDU length 960").send(setup(960)),
        probe("PDU length 2000").send(setup(2000)),
        probe("PDU length 65535").send(setup(65535)),
        probe("setup without parameters").send(data(&job(ASKED, &[0xF0], &[]))),
        probe("read before setup").send(first_read),
        probe("setup with protocol id 33").send(other_protocol),
        probe("protocol id 72, S7comm-plus").send(data(&plus)),
        probe("disconnect request").send(tpkt(&[6, 0x80, 0, 1, 0, 0, 0])),
        probe("setup in two COTP fragments")
            .send(tpkt(&[&[2, 0xF0, 0][..], &setup(480)[7..19]].concat()))
            .send(tpkt(&[&[2, 0xF0, 0x80][..], &setup(480)[19..]].concat())),
    ]
}

fn reads() -> Vec<Probe> {
    let table = [
        ("read 1 byte of DB1", vec![item(BYTE, 1, 1, DB, 0)]),
        ("read 37 bytes of DB1", vec![item(BYTE, 37, 1, DB, 0)]),
        ("read 1 word of DB1", vec![item(WORD, 1, 1, DB, 0)]),
        ("read 1 REAL of DB1", vec![item(REAL, 1, 1, DB, 32)]),
        ("read 2 REAL of DB1", vec![item(REAL, 2, 1, DB, 32)]),
        (
            "read bit 0 of byte 36 of DB1",
            vec![item(BIT, 1, 1, DB, 36 * 8)],
        ),
        ("read 2 bits at once", vec![item(BIT, 2, 1, DB, 0)]),
        ("read inputs", vec![item(BYTE, 2, 0, INPUTS, 0)]),
        ("read outputs", vec![item(BYTE, 2, 0, OUTPUTS, 0)]),
        ("read markers", vec![item(BYTE, 2, 0, MARKERS, 0)]),
        ("read 1 timer", vec![item(TIMERS, 1, 0, TIMERS, 0)]),
        ("read 1 counter", vec![item(COUNTERS, 1, 0, COUNTERS, 0)]),
        (
            "read 3 variables of 1, 2 and 4 bytes",
            vec![
                item(BYTE, 1, 1, DB, 0),
                item(WORD, 1, 1, DB, 0),
                item(REAL, 1, 1, DB, 32),
            ],
        ),
        ("read 20 variables", vec![item(BYTE, 1, 1, DB, 0); 20]),
        ("read 21 variables", vec![item(BYTE, 1, 1, DB, 0); 21]),
        ("read 0 variables", Vec::new()),
        (
            "read DB999, which is not there",
            vec![item(BYTE, 1, 999, DB, 0)],
        ),
        (
            "read DB1 and DB999",
            vec![item(BYTE, 1, 1, DB, 0), item(BYTE, 1, 999, DB, 0)],
        ),
        (
            "read DB1 at byte 60000",
            vec![item(BYTE, 1, 1, DB, 480_000)],
        ),
        (
            "read 60000 bytes of DB1",
            vec![item(BYTE, 60_000, 1, DB, 0)],
        ),
        ("read 0 bytes of DB1", vec![item(BYTE, 0, 1, DB, 0)]),
        (
            "read 65535 bytes of DB1",
            vec![item(BYTE, 0xFFFF, 1, DB, 0)],
        ),
        (
            "read 65535 bytes of DB9 of 65535 bytes",
            vec![item(BYTE, 0xFFFF, 9, DB, 0)],
        ),
        (
            "read 1000 bytes of DB9 at PDU 480",
            vec![item(BYTE, 1000, 9, DB, 0)],
        ),
        ("read area 99", vec![item(BYTE, 1, 0, 0x99, 0)]),
        ("read transport size 99", vec![item(0x99, 1, 1, DB, 0)]),
    ];
    let group = "Read variables";
    let mut list: Vec<Probe> = table
        .iter()
        .map(|(name, items)| in_session(group, name, &job(ASKED, &read(items), &[])))
        .collect();
    let short = [&[4, 3][..], &item(BYTE, 1, 1, DB, 0)].concat();
    list.push(in_session(
        group,
        "read that tells 3 variables and has 1",
        &job(ASKED, &short, &[]),
    ));
    let mut odd = item(BYTE, 1, 1, DB, 0);
    odd[2] = 0xB2;
    list.push(in_session(
        group,
        "read with syntax id B2, symbolic",
        &job(ASKED, &read(&[odd]), &[]),
    ));
    list
}

fn writes() -> Vec<Probe> {
    let two = [0, 4, 0, 16, 0x12, 0x34];
    let first = item(BYTE, 2, 2, DB, 0);
    let table = [
        ("write 2 bytes of DB2", vec![first.clone()], two.to_vec()),
        (
            "write bit 7 of byte 36 of DB2",
            vec![item(BIT, 1, 2, DB, 36 * 8 + 7)],
            vec![0, 3, 0, 1, 1],
        ),
        (
            "write 2 variables of DB2",
            vec![first.clone(), item(BYTE, 2, 2, DB, 16)],
            [two, two].concat(),
        ),
        (
            "write DB2 and DB999",
            vec![first.clone(), item(BYTE, 2, 999, DB, 0)],
            [two, two].concat(),
        ),
        (
            "write 4 bytes with 2",
            vec![item(BYTE, 4, 2, DB, 0)],
            two.to_vec(),
        ),
        ("write 2 bytes with none", vec![first.clone()], Vec::new()),
        (
            "write 2 bytes, 200 told",
            vec![first.clone()],
            vec![0, 4, 0x06, 0x40, 0x12, 0x34],
        ),
        (
            "write DB2 at byte 60000",
            vec![item(BYTE, 2, 2, DB, 480_000)],
            two.to_vec(),
        ),
        ("write DB999", vec![item(BYTE, 2, 999, DB, 0)], two.to_vec()),
        (
            "write markers",
            vec![item(BYTE, 2, 0, MARKERS, 0)],
            two.to_vec(),
        ),
        (
            "write area 99",
            vec![item(BYTE, 2, 0, 0x99, 0)],
            two.to_vec(),
        ),
    ];
    table
        .iter()
        .map(|(name, items, data)| {
            in_session("Write variables", name, &job(ASKED, &write(items), data))
        })
        .collect()
}

fn streams() -> Vec<Probe> {
    let group = "Streams";
    let telegram = job(ASKED, &read(&[item(BYTE, 2, 1, DB, 0)]), &[]);
    let request = data(&telegram);
    let probe = |name: &str| {
        let mut probe = Probe::new(group, name, "");
        probe.opening = session(PDU);
        probe
    };
    let (head, tail) = telegram.split_at(12);
    vec![
        probe("a request, byte by byte")
            .send(request.clone())
            .bytewise(),
        probe("2 requests in one segment")
            .send([request.clone(), request.clone()].concat())
            .answers(2),
        probe("a request in two COTP fragments")
            .send(tpkt(&[&[2, 0xF0, 0][..], head].concat()))
            .send(tpkt(&[&[2, 0xF0, 0x80][..], tail].concat())),
        probe("a request, then the sending side shut")
            .send(request.clone())
            .half_close(),
        probe("9 bytes of a request, then the sending side shut")
            .send(&request[..9])
            .half_close(),
        probe("9 bytes of a request and no more")
            .send(&request[..9])
            .unfinished(),
        probe("an S7 header cut short").send(data(&telegram[..6])),
        probe("parameters longer than the telegram").send(data(&{
            let mut wrong = telegram.clone();
            wrong[6..8].copy_from_slice(&[0xFF, 0xFF]);
            wrong
        })),
        probe("an empty DT").send(tpkt(&[2, 0xF0, 0x80])),
    ]
}

fn lists() -> Vec<Probe> {
    let ask = |name: &str, pdu_bytes: u16, id: u16, index: u16| {
        let data = [
            &[0xFF, 9, 0, 4][..],
            &id.to_be_bytes(),
            &index.to_be_bytes(),
        ]
        .concat();
        let mut probe = in_session("System status lists", name, &userdata(4, 1, &data));
        probe.opening = session(pdu_bytes);
        probe
    };
    vec![
        ask("SZL 0000/0, all list ids", PDU, 0, 0),
        ask("SZL 0011/0, identification", PDU, 0x11, 0),
        ask("SZL 0011/1 as nmap asks", PDU, 0x11, 1),
        ask("SZL 001C/0, components", PDU, 0x1C, 0),
        ask("SZL 001C/1 as nmap asks", PDU, 0x1C, 1),
        ask("SZL 001C/0 at PDU 240", 240, 0x1C, 0),
        ask("SZL 0131/0, communication", PDU, 0x131, 0),
        ask("SZL 0131/1", PDU, 0x131, 1),
        ask("SZL 0132/4, protection", PDU, 0x132, 4),
        ask("SZL 0232/4, protection", PDU, 0x232, 4),
        ask("SZL 0424/0, mode", PDU, 0x424, 0),
        ask("SZL 0074/0, LEDs", PDU, 0x74, 0),
        ask("SZL 0F1C/0, header alone", PDU, 0xF1C, 0),
        ask("SZL 7777/0, which is not there", PDU, 0x7777, 0),
        ask("SZL 0011/99, index that is not there", PDU, 0x11, 0x99),
    ]
}

fn blocks() -> Vec<Probe> {
    let group = "Blocks";
    let ask = |name: &str, function: u8, data: &[u8]| {
        in_session(group, name, &userdata(3, function, data))
    };
    let with = |head: &[u8], text: &str| [head, text.as_bytes()].concat();
    let upload = |name: &str, block: &str| {
        in_session(
            group,
            name,
            &job(ASKED, &with(&[0x1D, 0, 0, 0, 0, 0, 0, 0, 9], block), &[]),
        )
    };
    let download = [
        with(&[0x1A, 0, 1, 0, 0, 0, 0, 0, 9], "_0A00077P"),
        with(&[13], "1000100000064"),
    ]
    .concat();
    vec![
        ask("list all blocks", 1, &[0x0A, 0, 0, 0]),
        ask("list DBs", 2, &with(&[0xFF, 9, 0, 2], "0A")),
        ask("list OBs", 2, &with(&[0xFF, 9, 0, 2], "08")),
        ask("list blocks of type 00", 2, &with(&[0xFF, 9, 0, 2], "00")),
        ask("info of DB1", 3, &with(&[0xFF, 9, 0, 8], "0A00001A")),
        ask(
            "info of DB999, which is not there",
            3,
            &with(&[0xFF, 9, 0, 8], "0A00999A"),
        ),
        ask(
            "info of a block of type ZZ",
            3,
            &with(&[0xFF, 9, 0, 8], "ZZ00001A"),
        ),
        upload("start upload of DB1", "_0A00001A"),
        upload("start upload of DB999", "_0A00999A"),
        in_session(
            group,
            "upload that was not started",
            &job(ASKED, &[0x1E, 0, 0, 0, 0, 0, 0, 99], &[]),
        ),
        in_session(
            group,
            "end of an upload that was not started",
            &job(ASKED, &[0x1F, 0, 0, 0, 0, 0, 0, 99], &[]),
        ),
        in_session(
            group,
            "request download of DB77",
            &job(ASKED, &download, &[]),
        ),
    ]
}

fn control() -> Vec<Probe> {
    let group = "Control";
    let service = |name: &str, block: &[u8], service: &str| {
        let length = |bytes: usize| u8::try_from(bytes).unwrap_or(u8::MAX);
        let parameters = [
            &[0x28, 0, 0, 0, 0, 0, 0, 0xFD, 0, length(block.len())][..],
            block,
            &[length(service.len())],
            service.as_bytes(),
        ]
        .concat();
        in_session(group, name, &job(ASKED, &parameters, &[]))
    };
    let stop = [&[0x29, 0, 0, 0, 0, 0, 9][..], b"P_PROGRAM"].concat();
    vec![
        in_session(group, "stop", &job(ASKED, &stop, &[])),
        in_session(group, "stop while stopped", &job(ASKED, &stop, &[])),
        service("cold restart", b"C ", "P_PROGRAM"),
        service("warm restart while running", &[], "P_PROGRAM"),
        service("compress", &[], "_GARB"),
        service("copy RAM to ROM", b"EP", "_MODU"),
        service(
            "insert DB999, which was not loaded",
            b"\x01\x000A00999P",
            "_INSE",
        ),
        service(
            "delete DB999, which is not there",
            b"\x01\x000A00999B",
            "_DELE",
        ),
        service("a service of an unknown name", &[], "_XXXX"),
        in_session(
            group,
            "service of no name",
            &job(ASKED, &[0x28, 0, 0, 0], &[]),
        ),
        service("warm restart again", &[], "P_PROGRAM"),
    ]
}

fn services() -> Vec<Probe> {
    let ask = |name: &str, group: u8, function: u8, data: &[u8]| {
        in_session(
            "Clock, password, cyclic data",
            name,
            &userdata(group, function, data),
        )
    };
    let time = [
        0xFF, 9, 0, 10, 0, 0x19, 0x26, 3, 0x12, 0x13, 0x10, 0, 0, 0x05,
    ];
    // "wrong" and three blanks, each byte XOR 55 and the byte two places before.
    let password = [
        0xFF, 9, 0, 8, 0x22, 0x27, 0x18, 0x1C, 0x2A, 0x69, 0x5F, 0x1C,
    ];
    let cyclic = [&[0xFF, 9, 0, 16, 0, 1, 1, 10][..], &item(BYTE, 2, 1, DB, 0)].concat();
    vec![
        ask("read clock", 7, 1, &[0x0A, 0, 0, 0]),
        ask("set clock", 7, 2, &time),
        ask("set clock to month 0 of garbage", 7, 2, &{
            let mut wrong = time;
            wrong[6..].fill(0xFF);
            wrong
        }),
        ask("a wrong password", 5, 1, &password),
        ask("clear password", 5, 2, &[0x0A, 0, 0, 0]),
        ask("cyclic data of DB1", 2, 1, &cyclic),
        ask(
            "end of cyclic data that never began",
            2,
            4,
            &[0xFF, 9, 0, 2, 1, 99],
        ),
        ask(
            "diagnostics subscription",
            4,
            2,
            &[0xFF, 9, 0, 12, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        ),
    ]
}

fn strangers() -> Vec<Probe> {
    let group = "Unknown";
    vec![
        in_session(group, "job 55", &job(ASKED, &[0x55, 0], &[])),
        in_session(group, "job without a function", &job(ASKED, &[], &[])),
        in_session(
            group,
            "telegram of kind 9",
            &telegram(9, ASKED, &[4, 0], &[]),
        ),
        in_session(
            group,
            "an acknowledgement nobody waits for",
            &telegram(ACK, ASKED, &[], &[0, 0]),
        ),
        in_session(
            group,
            "userdata group 1, programmer",
            &userdata(1, 1, &[0x0A, 0, 0, 0]),
        ),
        in_session(
            group,
            "userdata group 6, PBC",
            &userdata(6, 1, &[0x0A, 0, 0, 0]),
        ),
        in_session(
            group,
            "userdata group 15",
            &userdata(15, 1, &[0x0A, 0, 0, 0]),
        ),
        in_session(group, "SZL function 9", &userdata(4, 9, &[0x0A, 0, 0, 0])),
        in_session(
            group,
            "userdata with 4 bytes of parameters",
            &telegram(USERDATA, ASKED, &[0, 1, 0x12, 4], &[]),
        ),
        in_session(group, "protocol id 33", &{
            let mut wrong = job(ASKED, &read(&[item(BYTE, 2, 1, DB, 0)]), &[]);
            wrong[0] = 0x33;
            wrong
        }),
        in_session(
            group,
            "S7comm-plus in a session",
            &[0x72, 1, 0, 4, 0x31, 0, 0, 0],
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn ack(parameters: &[u8], payload: &[u8]) -> Vec<u8> {
        let mut bytes = telegram(ACK_DATA, ASKED, parameters, payload);
        bytes.splice(10..10, [0, 0]);
        data(&bytes)
    }

    fn told(asked: &[u8], answer: &[u8]) -> String {
        let probe = Probe::new("g", "p", "").send(data(asked));
        describe(&probe, &[answer], &[])
    }

    #[test]
    fn a_connection_request_has_the_bytes_of_a_programming_device() {
        assert_eq!(
            connect(0x0102),
            [
                3, 0, 0, 22, 17, 0xE0, 0, 0, 0, 1, 0, 0xC0, 1, 10, 0xC1, 2, 1, 0, 0xC2, 2, 1, 2
            ]
        );
        assert_eq!(
            setup(480)[7..],
            [
                0x32, 1, 0, 0, 0, 1, 0, 8, 0, 0, 0xF0, 0, 0, 1, 0, 1, 1, 0xE0
            ]
        );
    }

    #[test]
    fn answers_are_put_into_words() {
        let asked = job(
            ASKED,
            &read(&[item(BYTE, 1, 1, DB, 0), item(BYTE, 1, 9, DB, 0)]),
            &[],
        );
        let both = ack(&[4, 2], &[0xFF, 4, 0, 8, 7, 0, 0x0A, 0, 0, 0]);
        assert_eq!(told(&asked, &both), "item FF 0A");
        let good = ack(&[4, 2], &[0xFF, 4, 0, 8, 7, 0, 0xFF, 4, 0, 8, 9]);
        assert_eq!(told(&asked, &good), "data, 2 bytes");
        let half = ack(&[4, 1], &[0xFF, 4, 0, 8, 7]);
        assert_eq!(told(&asked, &half), "1 of 2 variables, data, 1 byte");
        let cut = ack(&[4, 2], &[0xFF, 4, 0, 80, 7]);
        assert_eq!(told(&asked, &cut), "variables of a wrong length");
        let refused = [
            &[3, 0, 0, 19, 2, 0xF0, 0x80, 0x32, 2, 0, 0, 1, 2, 0, 0, 0, 0][..],
            &[0x81, 4],
        ]
        .concat();
        assert_eq!(told(&asked, &refused), "error 8104");
    }

    #[test]
    fn a_list_tells_its_records_and_whether_more_follow() {
        let asked = userdata(4, 1, &[]);
        let head = [0, 1, 0x12, 8, 0x12, 0x84, 1, 1, 0];
        let answer = |last: u8, error: [u8; 2], payload: &[u8]| {
            let parameters = [&head[..], &[last], &error].concat();
            data(&telegram(USERDATA, ASKED, &parameters, payload))
        };
        let records = [
            &[0xFF, 9, 0, 12, 0, 0x11, 0, 0, 0, 2, 0, 2][..],
            &[1, 2, 3, 4],
        ]
        .concat();
        assert_eq!(
            told(&asked, &answer(0, [0, 0], &records)),
            "2 records of 2 bytes"
        );
        assert_eq!(
            told(&asked, &answer(1, [0, 0], &records[..14])),
            "2 records of 2 bytes, more follows"
        );
        assert_eq!(
            told(&asked, &answer(0, [0, 0], &records[..14])),
            "2 records of 2 bytes, 2 bytes sent"
        );
        assert_eq!(
            told(&asked, &answer(0, [0xD4, 2], &[0x0A, 0, 0, 0])),
            "error D402"
        );
    }

    #[test]
    fn the_valid_request_is_recognised() {
        let protocol = protocol();
        let mut bytes = telegram(ACK_DATA, NEXT, &[4, 1], &[0xFF, 4, 0, 16, 0, 10]);
        bytes.splice(10..10, [0, 0]);
        assert!((protocol.serves)(&data(&bytes)));
        bytes[14] = 0x0A;
        assert!(!(protocol.serves)(&data(&bytes)));
    }

    #[test]
    fn every_probe_has_a_name_of_its_own() {
        let probes = probes();
        let names: BTreeSet<&str> = probes.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names.len(), probes.len());
        assert!(probes.iter().all(|p| !p.segments.is_empty()));
    }
}
