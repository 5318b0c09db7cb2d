//! Read and write jobs.

use sim_wire::device::{Area, DeviceError};
use sim_wire::s7::ItemCode;
use sim_wire::s7::device::{Level, Protection};
use sim_wire::s7::item::DataType;
use sim_wire::s7::server::Action;

use super::{Bench, config, hex, packet, persona};

/// The parameters of a read job for addresses of 10 bytes each: syntax to start.
fn read(addresses: &[&str]) -> Vec<u8> {
    parameters(0x04, addresses)
}

fn parameters(function: u8, addresses: &[&str]) -> Vec<u8> {
    let mut out = vec![function, addresses.len() as u8];
    for address in addresses {
        out.extend([0x12, 0x0A]);
        out.extend(hex(address));
    }
    out
}

fn read_one(address: &str) -> Vec<u8> {
    let (error, answer) = Bench::connected().ask_job(&read(&[address]), &[]);
    assert_eq!((error, &answer[..2]), (0, &[0x04, 1][..]));
    answer[2..].to_vec()
}

#[test]
fn every_area_and_type_is_read() {
    // Type, count, block, area, start in bits; the answer's code, type, length in bits or bytes, bytes.
    for (address, answer) in [
        ("10 02 0002 0000 81 000010", "ff 04 0010 0203"),
        ("10 02 0002 0000 82 000018", "ff 04 0010 0304"),
        ("10 02 0001 0000 83 000020", "ff 04 0008 04"),
        ("10 02 0004 0001 84 000028", "ff 04 0020 05060708"),
        ("10 02 0002 0001 85 000028", "ff 04 0010 0506"),
        ("10 02 0002 0000 80 000010", "ff 04 0010 0203"),
        ("10 01 0001 0001 84 000018", "ff 03 0001 01"),
        ("10 01 0001 0001 84 00001a", "ff 03 0001 00"),
        ("10 03 0003 0001 84 000008", "ff 09 0003 010203"),
        ("10 04 0002 0001 84 000008", "ff 04 0020 01020304"),
        ("10 05 0001 0001 84 000008", "ff 05 0010 0102"),
        ("10 06 0001 0001 84 000008", "ff 04 0020 01020304"),
        ("10 07 0001 0001 84 000008", "ff 05 0020 01020304"),
        ("10 08 0001 0001 84 000008", "ff 07 0004 01020304"),
        ("10 09 0001 0001 84 000008", "ff 09 0002 0102"),
        ("10 0f 0001 0001 84 000008", "ff 09 0008 0102030405060708"),
        ("10 1c 0002 0000 1c 000001", "ff 09 0004 02030405"),
        ("10 1d 0001 0000 1d 000003", "ff 09 0002 0607"),
    ] {
        assert_eq!(read_one(address), hex(answer), "{address}");
    }
}

#[test]
fn each_mistake_has_its_item_code() {
    for (address, code) in [
        // Beyond the end; a count of zero; a byte address with bits.
        ("10 02 0002 0001 84 0001f8", ItemCode::ADDRESS),
        ("10 02 0001 0001 84 ffffff", ItemCode::ADDRESS),
        ("10 02 0000 0001 84 000000", ItemCode::ADDRESS),
        ("10 02 0001 0001 84 000003", ItemCode::ADDRESS),
        ("10 1d 0001 0000 1d 000008", ItemCode::ADDRESS),
        // No such block, no such area.
        ("10 02 0001 0009 84 000000", ItemCode::MISSING),
        ("10 02 0001 0001 99 000000", ItemCode::MISSING),
        // Local data exist only while a block runs.
        ("10 02 0001 0000 86 000000", ItemCode::ACCESS),
        // No such type, several bits at a time, a timer that is a word, a syntax that is not offered.
        ("10 44 0001 0001 84 000000", ItemCode::TYPE),
        ("10 01 0002 0001 84 000000", ItemCode::TYPE),
        ("10 04 0001 0000 1d 000000", ItemCode::TYPE),
        ("10 1d 0001 0000 83 000000", ItemCode::TYPE),
        ("b2 02 0001 0001 84 000000", ItemCode::TYPE),
    ] {
        assert_eq!(read_one(address), [code.0, 0, 0, 0], "{address}");
    }
}

#[test]
fn several_variables_are_filled_to_even_lengths() {
    let addresses = [
        "10 02 0001 0001 84 000008",
        "10 01 0001 0001 84 000008",
        "10 02 0001 0009 84 000000",
        "10 02 0003 0001 84 000000",
    ];
    let mut bench = Bench::connected();
    let (error, answer) = bench.ask_job(&read(&addresses), &[]);
    assert_eq!(error, 0);
    let expected = "04 04 ff040008 01 00 ff030001 01 00 0a000000 ff040018 000102";
    assert_eq!(answer, hex(expected), "no fill after the last");
    let Action::Read(accesses) = &bench.transactions[0].action else {
        panic!("a read")
    };
    assert_eq!(accesses.len(), 4);
    let [byte, bit, missing, bytes] = accesses[..] else {
        panic!("four")
    };
    assert_eq!(byte.area, Some(Area::DataBlock(1)));
    assert_eq!(
        (byte.offset, byte.bytes, byte.values.as_slice()),
        (1, 1, &[1][..])
    );
    assert_eq!((bit.bit, bit.data_type), (Some(0), Some(DataType::Bit)));
    assert_eq!(
        (missing.area, missing.code),
        (Some(Area::DataBlock(9)), ItemCode::MISSING)
    );
    assert_eq!(bytes.values.as_slice(), [0, 1, 2]);
    assert!(!bench.transactions[0].is_write() && !bench.transactions[0].is_done());
}

#[test]
fn twenty_variables_and_no_more() {
    let address = "10 02 0001 0001 84 000008";
    let mut bench = Bench::connected();
    let (error, answer) = bench.ask_job(&read(&[address; 20]), &[]);
    assert_eq!((error, answer.len()), (0, 2 + 20 * 6 - 1));
    assert_eq!(bench.ask_job(&read(&[address; 21]), &[]), (0x8500, vec![]));
    assert_eq!(bench.ask_job(&read(&[]), &[]), (0x8500, vec![]));
    // A count that the parameters do not hold, and parameters beyond the count.
    let mut short = read(&[address]);
    short[1] = 2;
    assert_eq!(bench.ask_job(&short, &[]), (0x8500, vec![]));
    let mut long = read(&[address; 2]);
    long[1] = 1;
    assert_eq!(bench.ask_job(&long, &[]), (0x8500, vec![]));
}

#[test]
fn an_answer_beyond_the_pdu_is_refused_as_a_whole() {
    for (pdu_bytes, most) in [(240, 222_u16), (480, 462)] {
        let mut bench = Bench::with_pdu(config(), pdu_bytes);
        let address = format!("10 02 {most:04x} 0002 84 000000");
        assert_eq!(
            bench.ask_job(&read(&[&address]), &[]).1.len(),
            usize::from(most) + 6
        );
        let address = format!("10 02 {:04x} 0002 84 000000", most + 1);
        assert_eq!(bench.ask_job(&read(&[&address]), &[]), (0x8500, vec![]));
        // Two halves and their headers do not fit either.
        let address = format!("10 02 {:04x} 0002 84 000000", most / 2);
        assert_eq!(
            bench.ask_job(&read(&[address.as_str(); 2]), &[]),
            (0x8500, vec![])
        );
    }
}

#[test]
fn killer_read_of_65535_bytes_of_a_block_of_65535() {
    // openplc-runtime #153: snap7's server died on this one.
    let mut bench = Bench::connected();
    for data_type in ["02", "03", "08"] {
        let address = format!("10 {data_type} ffff 0002 84 000000");
        let (error, answer) = bench.ask_job(&read(&[address.as_str(); 20]), &[]);
        if data_type == "08" {
            assert_eq!((error, answer[2]), (0, ItemCode::ADDRESS.0));
        } else {
            assert_eq!((error, answer), (0x8500, vec![]));
        }
    }
    assert_eq!(
        bench.ask_job(&read(&["10 02 0001 0001 84 000008"]), &[]).0,
        0
    );
}

fn write(address: &str, data: &str) -> (Bench, u8) {
    let mut bench = Bench::connected();
    let (error, answer) = bench.ask_job(&parameters(0x05, &[address]), &hex(data));
    assert_eq!((error, &answer[..2], answer.len()), (0, &[0x05, 1][..], 3));
    (bench, answer[2])
}

#[test]
fn every_area_is_written() {
    for (address, data, area, offset, bytes) in [
        (
            "10 02 0002 0001 84 000010",
            "00 04 0010 aabb",
            Area::DataBlock(1),
            2,
            vec![0xAA, 0xBB],
        ),
        (
            "10 02 0001 0000 82 000010",
            "00 04 0008 aa",
            Area::Output,
            2,
            vec![0xAA],
        ),
        // What is written to the periphery leaves through the outputs.
        (
            "10 02 0001 0000 80 000010",
            "00 04 0008 aa",
            Area::Output,
            2,
            vec![0xAA],
        ),
        (
            "10 02 0001 0000 81 000010",
            "00 04 0008 aa",
            Area::Input,
            2,
            vec![0xAA],
        ),
        (
            "10 01 0001 0000 83 000013",
            "00 03 0001 01",
            Area::Marker,
            2,
            vec![0x0A],
        ),
        (
            "10 01 0001 0000 83 000011",
            "00 03 0001 00",
            Area::Marker,
            2,
            vec![0x00],
        ),
        (
            "10 08 0001 0000 83 000010",
            "00 07 0004 3f800000",
            Area::Marker,
            2,
            vec![0x3F, 0x80, 0, 0],
        ),
        (
            "10 05 0001 0000 83 000010",
            "00 05 0010 0102",
            Area::Marker,
            2,
            vec![1, 2],
        ),
        (
            "10 1d 0001 0000 1d 000001",
            "00 09 0002 0102",
            Area::Timer,
            2,
            vec![1, 2],
        ),
        (
            "10 1c 0001 0000 1c 000001",
            "00 09 0002 0102",
            Area::Counter,
            2,
            vec![1, 2],
        ),
    ] {
        let (bench, code) = write(address, data);
        assert_eq!(code, 0xFF, "{address}");
        let memory = &bench.cpu.areas[&area][offset..offset + bytes.len()];
        assert_eq!(memory, bytes, "{address}");
        let transaction = &bench.transactions[0];
        assert!(transaction.is_write() && transaction.is_done());
    }
}

#[test]
fn each_wrong_write_has_its_item_code() {
    for (address, data, code) in [
        ("10 02 0002 0001 84 000010", "00 04 0008 aa", ItemCode::SIZE),
        (
            "10 02 0001 0001 84 000010",
            "00 04 0010 aabb",
            ItemCode::SIZE,
        ),
        ("10 02 0001 0001 84 000010", "00 03 0001 01", ItemCode::SIZE),
        ("10 01 0001 0001 84 000010", "00 04 0008 01", ItemCode::SIZE),
        ("10 02 0001 0001 84 000010", "00 00 0001 01", ItemCode::TYPE),
        (
            "10 02 0001 0001 84 000200",
            "00 04 0008 01",
            ItemCode::ADDRESS,
        ),
        (
            "10 02 0001 0009 84 000000",
            "00 04 0008 01",
            ItemCode::MISSING,
        ),
    ] {
        let (bench, given) = write(address, data);
        assert_eq!(given, code.0, "{address} {data}");
        assert_eq!(bench.cpu.areas, super::TestCpu::new().areas);
        assert!(!bench.transactions[0].is_done());
    }
    let mut bench = Bench::connected();
    for (refusal, code) in [
        (DeviceError::WriteRefused, ItemCode::ACCESS),
        (DeviceError::ModeRefused, ItemCode::ACCESS),
        (DeviceError::Failure, ItemCode::HARDWARE),
    ] {
        bench.cpu.refusal = Some(refusal);
        let parameters = parameters(0x05, &["10 02 0001 0001 84 000010"]);
        let (_, answer) = bench.ask_job(&parameters, &hex("00 04 0008 aa"));
        assert_eq!(answer[2], code.0);
    }
}

#[test]
fn several_variables_are_written_each_for_itself() {
    let addresses = [
        "10 02 0001 0001 84 000000",
        "10 02 0001 0009 84 000000",
        "10 01 0001 0001 84 000008",
    ];
    let data = hex("00 04 0008 11 00  00 04 0008 22 00  00 03 0001 00");
    let mut bench = Bench::connected();
    let (error, answer) = bench.ask_job(&parameters(0x05, &addresses), &data);
    assert_eq!((error, answer), (0, vec![0x05, 3, 0xFF, 0x0A, 0xFF]));
    assert_eq!(bench.cpu.areas[&Area::DataBlock(1)][..3], [0x11, 0x00, 2]);
    // Data that are missing, or too many, are a wrong telegram, and nothing is written.
    let mut bench = Bench::connected();
    for data in [
        "00 04 0008 11 00  00 04 0008 22 00",
        "00 04 0008 11 00  00 04 0008 22 00  00 03 0001 00 00 00",
    ] {
        let (error, _) = bench.ask_job(&parameters(0x05, &addresses), &hex(data));
        assert_eq!(error, 0x8500);
    }
    assert_eq!(bench.cpu.areas, super::TestCpu::new().areas);
}

#[test]
fn protection_leaves_variables_open_but_for_no_access() {
    let address = "10 02 0001 0001 84 000000";
    let mut bench = Bench::connected();
    for (level, code) in [
        (Level::Full, ItemCode::OK),
        (Level::ReadOnly, ItemCode::OK),
        (Level::ReadProtected, ItemCode::OK),
        (Level::NoAccess, ItemCode::ACCESS),
    ] {
        bench.cpu.protection = Protection {
            password_level: Some(level),
            ..Protection::default()
        };
        assert_eq!(bench.ask_job(&read(&[address]), &[]).1[2], code.0);
        let (_, answer) = bench.ask_job(&parameters(0x05, &[address]), &hex("00 04 0008 00"));
        assert_eq!(answer[2], code.0);
    }
    // A persona without PUT/GET refuses the function.
    let mut persona = persona();
    persona.services.variables = false;
    let mut bench = Bench::with_pdu(sim_wire::s7::server::ServerConfig::new(persona), 480);
    assert_eq!(bench.ask_job(&read(&[address]), &[]), (0x8104, vec![]));
}

#[test]
fn unknown_jobs_are_refused_and_answers_ignored() {
    let mut bench = Bench::connected();
    let reply = bench.ask(&hex("3201000000070001000000"));
    assert_eq!(reply, hex("320200000007000000008001"));
    assert_eq!(bench.transactions[0].action, Action::UnknownJob(0));
    // A PDU whose lengths do not add up, and one of a kind that does not exist.
    assert_eq!(bench.ask(&hex("3201000000080009000004"))[10..], hex("8500"));
    assert_eq!(bench.ask(&hex("3205000000080001000004"))[10..], hex("8500"));
    // python-snap7 3.3.0 asks for the CPU's state with a read job of one byte.
    assert_eq!(bench.ask(&hex("3201000000080001000004"))[10..], hex("8500"));
    // An answer to nothing that we asked is followed by a request: the request is served.
    let stream = [
        packet(&hex("320300000007000000000000")),
        packet(&hex("3201000000070001000000")),
    ];
    assert_eq!(
        bench.talk(&stream.concat())[7..],
        hex("320200000007000000008001")
    );
}
