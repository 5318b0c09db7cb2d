//! Block lists, block information, uploads, downloads, insertion and deletion.

use sim_record::SimDuration;
use sim_wire::device::DeviceError;
use sim_wire::s7::block::{BlockInfo, BlockKind, language};
use sim_wire::s7::device::{Level, Protection, Selector};
use sim_wire::s7::server::{Action, Limits};

use super::device::{EPOCH_US, id, test_block};
use super::{Bench, config, hex, packet, pdus, persona};

fn error(parameters: &[u8]) -> u16 {
    u16::from_be_bytes([parameters[3], parameters[4]])
}

#[test]
fn blocks_are_counted_and_listed() {
    let mut bench = Bench::connected();
    let (_, data) = bench.ask_userdata(3, 1, &[]);
    let counts = "3038 0001 3045 0000 3043 0001 3041 0003 3042 0000 3044 0000 3046 0000";
    assert_eq!(data, hex(&format!("ff09001c {counts}")));
    let (_, data) = bench.ask_userdata(3, 2, b"0A");
    assert_eq!(data, hex("ff09000c 0001 22 04 0002 22 04 0003 22 04"));
    let (parameters, data) = bench.ask_userdata(3, 2, b"0E");
    assert_eq!(
        (error(&parameters), data),
        (0xD20E, hex("0a000000")),
        "none of that kind"
    );
    for bad in [&b"0Z"[..], b"A", b"1A"] {
        assert_eq!(error(&bench.ask_userdata(3, 2, bad).0), 0xD202);
    }
}

#[test]
fn a_long_list_of_blocks_comes_in_parts() {
    let mut bench = Bench::with_pdu(config(), 240);
    for number in 0..300 {
        bench
            .cpu
            .blocks
            .insert(id(BlockKind::Fb, number), Vec::new());
    }
    let (mut parameters, data) = bench.ask_userdata(3, 2, b"0E");
    let mut entries = data[4..].to_vec();
    while parameters[2] != 0 {
        let mut next = hex("320700000009000c0004 000112081243 02 00 00000000 0a000000");
        next[17] = parameters[0];
        let reply = bench.ask(&next);
        assert!(reply.len() <= 240);
        parameters = reply[17..22].to_vec();
        entries.extend(&reply[26..]);
    }
    assert_eq!(entries.len(), 300 * 4);
    assert_eq!(entries[4 * 299..], [1, 43, 0x22, language::SCL]);
}

#[test]
fn block_info_tells_the_header() {
    let mut bench = Bench::connected();
    let (_, data) = bench.ask_userdata(3, 3, b"0A00001A");
    assert_eq!(data.len(), 4 + 78);
    let info = &data[4..];
    // The places that snap7's client reads.
    assert_eq!(info[..2], *b"0A");
    assert_eq!((info[9], info[10], info[11]), (1, language::SCL, 0x0A));
    assert_eq!(info[12..14], [0, 1]);
    assert_eq!(info[14..18], u32::to_be_bytes(36 + 64 + 6 + 36));
    assert_eq!(info[34..36], [0, 6]);
    assert_eq!(info[40..42], [0, 64]);
    let info = BlockInfo::from_info_bytes(info).unwrap();
    assert_eq!(info.code_time_us, EPOCH_US);
}

#[test]
fn killer_block_info_of_a_missing_block_leaks_nothing() {
    // snap7's server answers with what its buffer held before.
    let mut bench = Bench::connected();
    bench.ask_userdata(4, 1, &hex("001c0000"));
    let (parameters, data) = bench.ask_userdata(3, 3, b"0A04711A");
    assert_eq!((error(&parameters), data), (0xD209, hex("0a000000")));
    for bad in [
        &b"0A00001"[..],
        b"0A0001A",
        b"0Z00001A",
        b"0A99999A",
        b"0A00001X",
    ] {
        assert_eq!(error(&bench.ask_userdata(3, 3, bad).0), 0xD201);
    }
}

fn start_upload(name: &[u8]) -> Vec<u8> {
    [&hex("1d 000000000000 00 09")[..], name].concat()
}

/// Uploads with requests as snap7's client sends them.
fn upload(bench: &mut Bench, name: &[u8]) -> Result<Vec<u8>, u16> {
    let (error, answer) = bench.ask_job(&start_upload(name), &[]);
    if error != 0 {
        return Err(error);
    }
    assert_eq!(
        (answer.len(), &answer[..7]),
        (16, &hex("1d000100000000")[..])
    );
    let number = answer[7];
    assert_eq!(answer[8], 7, "seven digits");
    let length: usize = std::str::from_utf8(&answer[9..]).unwrap().parse().unwrap();
    let mut block = Vec::new();
    loop {
        let (error, answer) = bench.ask_job(&[0x1E, 0, 0, 0, 0, 0, 0, number], &[]);
        assert_eq!((error, answer[0]), (0, 0x1E));
        let part = &answer[6..];
        assert_eq!(
            answer[2..6],
            [(part.len() >> 8) as u8, part.len() as u8, 0, 0xFB]
        );
        block.extend(part);
        if answer[1] == 0 {
            break;
        }
        assert_eq!(part.len(), 462, "a PDU of 480 filled");
    }
    assert_eq!(
        bench.ask_job(&[0x1F, 0, 0, 0, 0, 0, 0, number], &[]),
        (0, vec![0x1F])
    );
    assert_eq!(block.len(), length);
    Ok(block)
}

#[test]
fn a_block_is_uploaded_in_parts() {
    let mut bench = Bench::connected();
    let block = upload(&mut bench, b"_0C00005A").unwrap();
    assert_eq!(block, bench.cpu.blocks[&id(BlockKind::Fc, 5)]);
    assert_eq!(
        bench.transactions[0].action,
        Action::StartUpload(id(BlockKind::Fc, 5))
    );
    assert_eq!(upload(&mut bench, b"_0C00006A"), Err(0xD209));
    assert_eq!(upload(&mut bench, b"_0C0006A"), Err(0xD201));
}

#[test]
fn uploads_are_few_and_end() {
    let mut bench = Bench::connected();
    // A number that was not given, before and after.
    for function in [0x1E, 0x1F] {
        assert_eq!(
            bench.ask_job(&[function, 0, 0, 0, 0, 0, 0, 1], &[]).0,
            0x8401
        );
    }
    for _ in 0..Limits::UPLOADS {
        assert_eq!(bench.ask_job(&start_upload(b"_0C00005A"), &[]).0, 0);
    }
    assert_eq!(bench.ask_job(&start_upload(b"_0C00005A"), &[]).0, 0x8304);
    bench.wait(Limits::TRANSFER_TIMEOUT);
    assert_eq!(bench.ask_job(&[0x1E, 0, 0, 0, 0, 0, 0, 1], &[]).0, 0x8401);
    assert!(upload(&mut bench, b"_0A00001A").is_ok());
}

fn announce(name: &[u8], load: usize, code: usize) -> Vec<u8> {
    let sizes = format!("1{load:06}{code:06}");
    [
        &hex("1a 00 01 00 00 00 00 00 09")[..],
        name,
        &[13],
        sizes.as_bytes(),
    ]
    .concat()
}

/// The PDU of a job, or the client's answer to one.
fn pdu(kind: u8, reference: u16, parameters: &[u8], data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x32, kind, 0, 0];
    out.extend(reference.to_be_bytes());
    out.extend((parameters.len() as u16).to_be_bytes());
    out.extend((data.len() as u16).to_be_bytes());
    if kind == 3 {
        out.extend([0, 0]);
    }
    out.extend(parameters);
    out.extend(data);
    packet(&out)
}

/// Downloads a block with telegrams as snap7's client sends them; the parts are `part_bytes` long. The error is that
/// of the announcement, or of the CPU's end.
fn download(bench: &mut Bench, name: &[u8; 9], block: &[u8], part_bytes: usize) -> Result<(), u16> {
    let announcement = announce(name, block.len(), block.len().saturating_sub(78));
    let mut replies = pdus(&bench.talk(&pdu(1, 7, &announcement, &[])));
    let acknowledge = replies.remove(0);
    let error = u16::from_be_bytes([acknowledge[10], acknowledge[11]]);
    if error != 0 {
        assert!(replies.is_empty());
        return Err(error);
    }
    assert_eq!(acknowledge[12..], [0x1A]);
    let mut parts = block.chunks(part_bytes).peekable();
    loop {
        let [job] = &replies[..] else {
            panic!("one job at a time")
        };
        assert_eq!((job.len(), job[1]), (28, 1));
        let reference = u16::from_be_bytes([job[4], job[5]]);
        assert_eq!((job[18], &job[19..]), (9, &name[..]));
        if job[10] == 0x1C {
            assert!(bench.talk(&pdu(3, reference, &[0x1C], &[])).is_empty());
            let error = u16::from_be_bytes([job[12], job[13]]);
            assert_eq!(job[11], if error == 0 { 0 } else { 2 });
            return if error == 0 { Ok(()) } else { Err(error) };
        }
        assert_eq!(job[10], 0x1B);
        let part = parts.next().unwrap();
        let more = u8::from(parts.peek().is_some());
        let data = [&(part.len() as u16).to_be_bytes()[..], &[0, 0xFB], part].concat();
        replies = pdus(&bench.talk(&pdu(3, reference, &[0x1B, more], &data)));
    }
}

fn on_blocks(service: &[u8], names: &[&[u8]]) -> Vec<u8> {
    let list = names.concat();
    let mut out = hex("28 000000000000 fd 00");
    out.extend([list.len() as u8 + 2, names.len() as u8, 0]);
    out.extend(list);
    out.push(service.len() as u8);
    out.extend(service);
    out
}

#[test]
fn a_block_is_downloaded_inserted_and_deleted() {
    let mut bench = Bench::connected();
    let fc9 = id(BlockKind::Fc, 9);
    let block = test_block(fc9, &[7; 1500]);
    assert_eq!(download(&mut bench, b"_0C00009P", &block, 462), Ok(()));
    assert!(
        !bench.cpu.blocks.contains_key(&fc9),
        "nothing changes before the insertion"
    );
    let loaded = bench
        .transactions
        .iter()
        .find(|t| t.action == Action::LoadBlock(fc9))
        .unwrap();
    assert!(loaded.is_write() && loaded.is_done());
    assert_eq!(
        bench.ask_job(&on_blocks(b"_INSE", &[b"0C00009P"]), &[]),
        (0, vec![0x28])
    );
    assert_eq!(bench.cpu.blocks[&fc9], block);
    let last = bench.transactions.last().unwrap();
    assert_eq!(last.action, Action::InsertBlocks(vec![fc9]));
    assert_eq!(upload(&mut bench, b"_0C00009A"), Ok(block));
    let both = on_blocks(b"_DELE", &[b"0C00009B", b"0C00005B"]);
    assert_eq!(bench.ask_job(&both, &[]), (0, vec![0x28]));
    assert!(bench.cpu.blocks.keys().all(|id| id.kind != BlockKind::Fc));
    assert_eq!(bench.ask_job(&both, &[]).0, 0xD209);
    assert_eq!(
        bench.ask_job(&on_blocks(b"_INSE", &[b"0C00009P"]), &[]).0,
        0xD209
    );
}

#[test]
fn a_bad_block_is_refused_at_the_end_of_its_download() {
    let mut bench = Bench::connected();
    let block = test_block(id(BlockKind::Fc, 9), &[7; 100]);
    let mut broken = block.clone();
    broken[50] ^= 1;
    assert_eq!(
        download(&mut bench, b"_0C00009P", &broken, 462),
        Err(0xD226)
    );
    assert_eq!(
        download(&mut bench, b"_0C00008P", &block, 462),
        Err(0xD226),
        "another number"
    );
    bench.cpu.refusal = Some(DeviceError::ModeRefused);
    assert_eq!(download(&mut bench, b"_0C00009P", &block, 462), Err(0xD081));
    bench.cpu.refusal = None;
    assert_eq!(download(&mut bench, b"_0C00009P", &block, 462), Ok(()));
    let refused = bench
        .transactions
        .iter()
        .filter(|t| matches!(t.action, Action::LoadBlock(_)) && t.refusal.is_some());
    assert_eq!(refused.count(), 3);
}

#[test]
fn a_download_is_held_to_its_announcement() {
    // Less, or more, than announced; an answer that is none; an error from the client.
    let begin = |bench: &mut Bench| {
        let reply = bench.talk(&pdu(1, 7, &announce(b"_0C00009P", 100, 22), &[]));
        u16::from_be_bytes([pdus(&reply)[1][4], pdus(&reply)[1][5]])
    };
    let part = |bytes: &[u8]| [&(bytes.len() as u16).to_be_bytes()[..], &[0, 0xFB], bytes].concat();
    for (parameters, data, code) in [
        ([0x1B, 0], part(&[0; 99]), 0xD219),
        ([0x1B, 0], part(&[0; 101]), 0xD219),
        ([0x1B, 1], part(&[0; 101]), 0xD219),
        ([0x1B, 0], vec![0, 1, 0, 0xFB], 0x8500),
    ] {
        let mut bench = Bench::connected();
        let reference = begin(&mut bench);
        let reply = pdus(&bench.talk(&pdu(3, reference, &parameters, &data)));
        assert_eq!((reply[0][10], reply[0][11]), (0x1C, 2));
        assert_eq!(u16::from_be_bytes([reply[0][12], reply[0][13]]), code);
        // Until the client confirms, it is under way.
        assert_eq!(
            bench.ask_job(&announce(b"_0C00009P", 100, 22), &[]).0,
            0xD240
        );
    }
    let mut bench = Bench::connected();
    begin(&mut bench);
    assert_eq!(
        bench.ask_job(&announce(b"_0C00009P", 100, 22), &[]).0,
        0xD240
    );
    bench.wait(Limits::TRANSFER_TIMEOUT);
    let reference = begin(&mut bench);
    // The client gives up: an answer with an error, to the right reference only.
    let give_up = |reference: u16| {
        let mut pdu = hex("3202000000000000000085 00");
        pdu[4..6].copy_from_slice(&reference.to_be_bytes());
        packet(&pdu)
    };
    assert!(bench.talk(&give_up(reference.wrapping_add(9))).is_empty());
    assert_eq!(
        bench.ask_job(&announce(b"_0C00009P", 100, 22), &[]).0,
        0xD240
    );
    assert!(bench.talk(&give_up(reference)).is_empty());
    let mut config = config();
    config.limits.block_bytes = 99;
    let mut small = Bench::with_pdu(config, 480);
    assert_eq!(
        small.ask_job(&announce(b"_0C00009P", 100, 22), &[]).0,
        0xD20F
    );
    for bad in [
        &b"1a"[..],
        b"\x1a\0\x01\0\0\0\0\0\x09_0C00009P",
        b"\x1a\0\x01\0\0\0\0\0\x09_0C00009P\x0d1000x00000022",
    ] {
        assert_ne!(small.ask_job(&[&[0x1A], bad].concat(), &[]).0, 0);
    }
}

#[test]
fn protection_guards_programs() {
    let protect = |selector_level, password_level| Protection {
        selector: Selector::Run,
        selector_level,
        password_level,
    };
    let block = test_block(id(BlockKind::Fc, 9), &[7; 100]);
    for (protection, upload_ok, change_ok) in [
        (protect(Level::Full, None), true, true),
        (protect(Level::ReadOnly, None), true, false),
        (protect(Level::Full, Some(Level::ReadOnly)), true, false),
        (
            protect(Level::Full, Some(Level::ReadProtected)),
            false,
            false,
        ),
    ] {
        let mut bench = Bench::connected();
        bench.cpu.protection = protection;
        let expected = if upload_ok { Ok(()) } else { Err(0xD241) };
        assert_eq!(upload(&mut bench, b"_0A00001A").map(|_| ()), expected);
        let expected = if change_ok { Ok(()) } else { Err(0xD241) };
        assert_eq!(download(&mut bench, b"_0C00009P", &block, 462), expected);
        for service in [&b"_INSE"[..], b"_DELE"] {
            let (code, _) = bench.ask_job(&on_blocks(service, &[b"0C00009P"]), &[]);
            assert_eq!(code, expected.err().unwrap_or(0));
        }
        // Lists stay open, and the password opens the rest, but for what the selector forbids.
        assert_eq!(error(&bench.ask_userdata(3, 1, &[]).0), 0);
        let given = error(&bench.ask_userdata(5, 1, &hex("2630101720365543")).0);
        let by_password = given == 0;
        assert_eq!(by_password, protection.password_level.is_some());
        let expected = if change_ok || by_password {
            Ok(())
        } else {
            Err(0xD241)
        };
        assert_eq!(download(&mut bench, b"_0C00009P", &block, 462), expected);
    }
}

#[test]
fn a_persona_may_have_no_classic_block_services() {
    let mut persona = persona();
    persona.services.blocks = false;
    let mut bench = Bench::with_pdu(sim_wire::s7::server::ServerConfig::new(persona), 480);
    assert_eq!(upload(&mut bench, b"_0A00001A"), Err(0x8104));
    assert_eq!(
        download(&mut bench, b"_0C00009P", &[0; 100], 99),
        Err(0x8104)
    );
    assert_eq!(
        bench.ask_job(&on_blocks(b"_DELE", &[b"0C00005B"]), &[]).0,
        0x8104
    );
    assert_eq!(error(&bench.ask_userdata(3, 1, &[]).0), 0x8104);
    bench.wait(SimDuration::from_secs(1));
}
