//! System status lists, clock and password.

use sim_record::SimTime;
use sim_wire::device::Mode;
use sim_wire::s7::device::{Level, Protection, Selector};
use sim_wire::s7::server::{Action, ServerConfig};
use sim_wire::s7::szl::{IDS, PartialList};

use super::{Bench, config, hex, packet, pdus, persona};

/// Asks for a list that fits one PDU.
fn list(bench: &mut Bench, id: u16, index: u16) -> Option<PartialList> {
    let request = [id.to_be_bytes(), index.to_be_bytes()].concat();
    let (parameters, data) = bench.ask_userdata(4, 1, &request);
    assert_eq!(parameters[1..3], [0, 0], "one telegram");
    if parameters[3..] != [0, 0] {
        assert_eq!(
            (&parameters[3..], &data[..]),
            (&[0xD4, 0x02][..], &hex("0A000000")[..])
        );
        return None;
    }
    assert_eq!(data[..2], [0xFF, 0x09]);
    assert_eq!(
        usize::from(u16::from_be_bytes([data[2], data[3]])),
        data.len() - 4
    );
    let list = PartialList::decode(&data[4..]).unwrap();
    assert_eq!(
        (list.id, list.index),
        (id, index),
        "id and index are echoed"
    );
    Some(list)
}

fn one(id: u16, index: u16) -> PartialList {
    let list = list(&mut Bench::with_pdu(large(), 960), id, index);
    list.unwrap_or_else(|| panic!("{id:04X}/{index}"))
}

fn large() -> ServerConfig {
    let mut persona = persona();
    persona.pdu_bytes = 960;
    ServerConfig::new(persona)
}

#[test]
fn lengths_and_counts_are_those_of_the_records() {
    for id in IDS {
        let index = match id {
            0x0000..=0x00FF | 0x0F00..=0x0FFF | 0x0424 => 0,
            0x0112 => 0x0100,
            0x0115 => 0x0A00,
            0x0232 => 4,
            _ => 1,
        };
        let list = one(id, index);
        let expected = usize::from(list.record_bytes) * usize::from(list.record_count);
        assert!(list.record_bytes > 0 && list.record_count > 0, "{id:04X}");
        let header_only = id >> 8 == 0x0F;
        assert_eq!(
            list.records.len(),
            if header_only { 0 } else { expected },
            "{id:04X}"
        );
    }
    assert_eq!(one(0x0000, 0).record_count, IDS.len() as u16);
    assert!(IDS.is_sorted());
}

#[test]
fn what_does_not_exist_is_refused() {
    let mut bench = Bench::connected();
    for (id, index) in [
        (0x0022, 0),
        (0x0091, 0),
        (0x0524, 0),
        (0x0424, 1),
        (0x0131, 0),
        (0x0131, 2),
        (0x0232, 0),
        (0x0111, 2),
        (0x011C, 6),
        (0x0112, 0x0700),
        (0xFFFF, 0xFFFF),
    ] {
        assert_eq!(list(&mut bench, id, index), None, "{id:04X}/{index:04X}");
    }
    assert!(bench.transactions.iter().all(|t| t.refusal.is_some()));
    // A persona may have fewer.
    let mut fewer = persona();
    fewer.lists_missing = vec![0x0074];
    let mut bench = Bench::with_pdu(ServerConfig::new(fewer), 480);
    assert_eq!(list(&mut bench, 0x0074, 0), None);
    let all = list(&mut bench, 0x0000, 0).unwrap();
    assert!(all.iter().all(|record| record != [0x00, 0x74]));
    // Less than id and index.
    let (parameters, _) = bench.ask_userdata(4, 1, &[0, 0x11]);
    assert_eq!(parameters[3..], [0xD4, 0x05]);
}

#[test]
fn identification_by_index() {
    let firmware = one(0x0111, 7);
    assert_eq!(firmware.records[22..], [0, 0, b'V', 3, 2, 17]);
    assert_eq!(&one(0x0111, 1).records[2..22], b"6ES7 314-6EH04-0AB0 ");
    let kind = one(0x011C, 7);
    assert_eq!(&kind.records[2..18], b"CPU 314C-2 PN/DP");
    assert_eq!((kind.record_bytes, kind.records.len()), (34, 34));
    // snap7's client reads these places of 001C.
    let all = one(0x001C, 0);
    assert_eq!(&all.records[2 + 34..][..12], b"PUMP HOUSE 2");
    assert_eq!(&all.records[2 + 5 * 34..][..16], b"CPU 314C-2 PN/DP");
}

#[test]
fn limits_protection_and_areas() {
    let limits = one(0x0131, 1);
    assert_eq!(
        limits.records[..14],
        hex("0001 03c0 0010 0002dc6c 0002dc6c")
    );
    assert_eq!(one(0x0132, 4).records, one(0x0232, 4).records);
    let mut bench = Bench::connected();
    bench.cpu.protection = Protection {
        selector: Selector::Run,
        selector_level: Level::ReadOnly,
        password_level: Some(Level::ReadProtected),
    };
    let protection = list(&mut bench, 0x0232, 4).unwrap();
    assert_eq!(
        protection.records[..12],
        hex("0004 0002 0003 0003 0001 0000")
    );
    let areas = one(0x0014, 0);
    let rows: Vec<&[u8]> = areas.iter().collect();
    assert_eq!(rows[0], hex("0001 0001 0080 0000"));
    assert_eq!(rows[3], hex("0004 0001 0008 0000"));
    let memory = one(0x0113, 1);
    assert_eq!(memory.records[..8], hex("0001 0001 00040000"));
}

#[test]
fn mode_leds_time_and_diagnostics_are_live() {
    let mut bench = Bench::connected();
    let mode = |bench: &mut Bench| list(bench, 0x0424, 0).unwrap().records;
    assert_eq!(mode(&mut bench)[..4], hex("4302ff08"));
    // Since second 1: 13:07:03.456.
    assert_eq!(mode(&mut bench)[12..], hex("2402291307034565"));
    let led = |bench: &mut Bench, number| list(bench, 0x0119, number).unwrap().records[2];
    assert_eq!(
        (led(&mut bench, 4), led(&mut bench, 5), led(&mut bench, 1)),
        (1, 0, 0)
    );
    bench.cpu.mode = Mode::Stop;
    assert_eq!(mode(&mut bench)[3], 0x04);
    assert_eq!(
        (led(&mut bench, 4), led(&mut bench, 5), led(&mut bench, 1)),
        (0, 1, 0)
    );
    bench.cpu.mode = Mode::Fault;
    assert_eq!((led(&mut bench, 5), led(&mut bench, 1)), (1, 1));
    let time = list(&mut bench, 0x0132, 8).unwrap();
    assert_eq!(time.records[22..30], hex("2402291307094565"));

    for second in 2..14 {
        bench
            .cpu
            .diagnostics
            .push(sim_wire::device::DiagnosticEvent {
                time: SimTime::from_secs(second),
                text: "STOP".into(),
            });
    }
    let newest = list(&mut bench, 0x01A0, 2).unwrap();
    assert_eq!((newest.record_bytes, newest.record_count), (20, 2));
    assert_eq!(newest.records[..2], [0x43, 0x04]);
    assert_eq!(newest.records[12..20], hex("2402291307154565"));
    assert_eq!(newest.records[32..40], hex("2402291307144565"));
    assert_eq!(list(&mut bench, 0x01A0, 0).unwrap().record_count, 0);
}

#[test]
fn a_long_list_comes_in_parts() {
    let whole = one(0x001C, 0).to_bytes();
    let mut bench = Bench::with_pdu(config(), 240);
    let (parameters, data) = bench.ask_userdata(4, 1, &hex("001c0000"));
    let (sequence, unit) = (parameters[0], parameters[1]);
    assert!(sequence != 0 && unit != 0);
    assert_eq!(parameters[2..], [1, 0, 0], "not the last data unit");
    assert_eq!(data.len(), 240 - 22);
    let mut bytes = data[4..].to_vec();
    // The request for the next part, as snap7's client and engineering tools send it.
    let mut next = hex("3207000000 09 000c 0004 000112 08 12 44 01 00 00000000 0a000000");
    next[17] = sequence;
    let reply = bench.ask(&next);
    assert_eq!(
        reply[10..22],
        [0, 1, 0x12, 8, 0x12, 0x84, 1, sequence, unit, 0, 0, 0]
    );
    bytes.extend(&reply[26..]);
    assert_eq!(bytes, whole);
    // There is no third part.
    let reply = bench.ask(&next);
    assert_eq!(reply[20..], hex("8401 0a000000"));
}

#[test]
fn a_part_that_nobody_is_owed_is_refused() {
    let mut bench = Bench::with_pdu(config(), 240);
    let next = hex("320700000009000c0004000112081244010100000000 0a000000");
    assert_eq!(bench.ask(&next)[20..], hex("8401 0a000000"));
    // Another request in between gives up the rest.
    let (parameters, _) = bench.ask_userdata(4, 1, &hex("001c0000"));
    bench.ask_userdata(7, 1, &[]);
    let mut next = next;
    next[17] = parameters[0];
    assert_eq!(bench.ask(&next)[20..], hex("8401 0a000000"));
}

#[test]
fn the_clock_is_read_and_set() {
    let mut bench = Bench::connected();
    let (_, data) = bench.ask_userdata(7, 1, &[]);
    assert_eq!(data, hex("ff09000a 0020 2402291307094565"));
    let (parameters, data) = bench.ask_userdata(7, 2, &hex("0019 3012312359589990"));
    assert_eq!((&parameters[3..], data), (&[0, 0][..], hex("0a000000")));
    assert!(matches!(bench.transactions[1].action, Action::SetClock(_)));
    assert!(bench.transactions[1].is_write());
    let (_, data) = bench.ask_userdata(7, 1, &[]);
    // 2030-12-31 is a Tuesday.
    assert_eq!(data[4..], hex("0020 3012312359589993"));
    for bad in [
        "0020 3013312359589990",
        "0020 3012312459589990",
        "0020 30123123595899",
        "0020 3A12312359589990",
    ] {
        let (parameters, data) = bench.ask_userdata(7, 2, &hex(bad));
        assert_eq!(
            (&parameters[3..], data),
            (&[0xDC, 0x01][..], hex("0a000000"))
        );
    }
}

#[test]
fn the_password_legitimates_the_connection() {
    // "secret  " as snap7's client hides it.
    let hidden = hex("26 30 10 17 20 36 55 43");
    let mut bench = Bench::connected();
    let error = |bench: &mut Bench, service, data: &[u8]| {
        let (parameters, data) = bench.ask_userdata(5, service, data);
        assert_eq!(data, hex("0a000000"));
        u16::from_be_bytes([parameters[3], parameters[4]])
    };
    assert_eq!(error(&mut bench, 1, &hidden), 0xD605, "no password is set");
    assert_eq!(error(&mut bench, 2, &[]), 0xD604);
    bench.cpu.protection.password_level = Some(Level::NoAccess);
    assert_eq!(error(&mut bench, 1, &hex("0000000000000000")), 0xD602);
    let read = hex("0401 120a 10 02 0001 0001 84 000000");
    assert_eq!(bench.ask_job(&read, &[]).1[2], 0x03);
    assert_eq!(error(&mut bench, 1, &hidden), 0);
    assert_eq!(bench.ask_job(&read, &[]).1[2], 0xFF);
    assert_eq!(error(&mut bench, 2, &[]), 0);
    assert_eq!(bench.ask_job(&read, &[]).1[2], 0x03);
    assert_eq!(error(&mut bench, 1, &[1, 2, 3]), 0xD202);
}

#[test]
fn other_groups_are_not_implemented() {
    let mut bench = Bench::connected();
    for (group, service) in [
        (0, 1),
        (1, 2),
        (1, 9),
        (6, 1),
        (4, 0x13),
        (15, 1),
        (7, 9),
        (3, 9),
    ] {
        let (parameters, data) = bench.ask_userdata(group, service, &[1, 2]);
        assert_eq!(
            (&parameters[3..], data),
            (&[0x81, 0x04][..], hex("0a000000"))
        );
    }
    // Parameters that cannot be read.
    let reply = bench.talk(&packet(&hex("32070000000000030000000112")));
    assert_eq!(pdus(&reply), [hex("320200000000000000008500")]);
}
