//! The management session, both sides and their wire.

use std::sync::Arc;

use sim_record::{SimDuration, SimTime};
use sim_wire::device::{DeviceError, DiagnosticEvent, Mode};
use sim_wire::management::{
    Action, CHUNK_BYTES, MAX_FILE_BYTES, ManagementClient, ManagementClientConfig,
    ManagementConfig, ManagementEvent, ManagementFailure, ManagementRecord, ManagementServer,
    Operation, Outcome, Refusal, file_hash,
};

use crate::device::MemoryDevice;

const NOW: SimTime = SimTime::from_secs(3);

struct Bench {
    client: ManagementClient,
    server: ManagementServer,
    device: MemoryDevice,
    records: Vec<ManagementRecord>,
}

impl Bench {
    fn new(told: &str, known: &str) -> Self {
        let config = ManagementClientConfig {
            token: told.into(),
            ..ManagementClientConfig::default()
        };
        let server = ManagementConfig {
            token: known.into(),
            ..ManagementConfig::default()
        };
        Self {
            client: ManagementClient::new(config),
            server: ManagementServer::new(NOW, Arc::new(server)),
            device: MemoryDevice::new(),
            records: Vec::new(),
        }
    }

    /// Carries bytes both ways until nothing moves.
    fn run(&mut self) {
        loop {
            let mut to_server = Vec::new();
            let asked = self.client.poll_output(&mut to_server);
            let taken = self.server.handle_input(NOW, &to_server);
            assert_eq!(taken, to_server.len());
            while let Some(record) = self.server.step(NOW, &mut self.device) {
                self.records.push(record);
            }
            let mut to_client = Vec::new();
            let answered = self.server.poll_output(&mut to_client);
            self.client.handle_input(NOW, &to_client);
            if !asked && !answered {
                return;
            }
        }
    }

    fn ask(&mut self, operation: Operation) -> Result<Outcome, ManagementFailure> {
        let id = self.client.request(NOW, operation).unwrap();
        self.run();
        let ManagementEvent { id: ended, result } =
            self.client.poll_event().expect("each operation ends");
        assert_eq!(ended, id);
        result
    }

    fn actions(&self) -> Vec<Action> {
        self.records.iter().map(|record| record.action).collect()
    }
}

fn named(name: &str) -> String {
    name.into()
}

#[test]
fn list_hash_and_mode() {
    let mut bench = Bench::new("key", "key");
    assert_eq!(
        bench.ask(Operation::ListFiles),
        Ok(Outcome::Files(vec![named("main.st")]))
    );
    let hash = file_hash(b"PROGRAM main END_PROGRAM");
    assert_eq!(
        bench.ask(Operation::Hash {
            name: named("main.st")
        }),
        Ok(Outcome::Hash { length: 24, hash })
    );
    assert_eq!(bench.ask(Operation::GetMode), Ok(Outcome::Mode(Mode::Run)));
    assert_eq!(bench.ask(Operation::SetMode(Mode::Stop)), Ok(Outcome::Done));
    assert_eq!(bench.device.mode, Mode::Stop);
    assert_eq!(bench.ask(Operation::GetMode), Ok(Outcome::Mode(Mode::Stop)));
    use Action::{GetMode, Hash, Hello, ListFiles, SetMode};
    assert_eq!(
        bench.actions(),
        [Hello, ListFiles, Hash, GetMode, SetMode, GetMode]
    );
    assert_eq!(bench.records[4].mode, Some(Mode::Stop));
}

#[test]
fn upload_and_download_of_every_size() {
    for size in [
        0,
        1,
        CHUNK_BYTES - 1,
        CHUNK_BYTES,
        CHUNK_BYTES + 1,
        MAX_FILE_BYTES,
    ] {
        let mut bench = Bench::new("", "");
        let bytes: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
        let download = Operation::Download {
            name: named("b.st"),
            bytes: bytes.clone(),
        };
        assert_eq!(bench.ask(download), Ok(Outcome::Done), "{size}");
        assert_eq!(
            bench.device.files.last().unwrap(),
            &(named("b.st"), bytes.clone())
        );
        let record = bench.records.last().unwrap();
        assert_eq!(
            (record.action, record.file.as_deref()),
            (Action::Download, Some("b.st"))
        );
        assert_eq!(
            (record.hash, record.refusal),
            (Some(file_hash(&bytes)), None)
        );
        assert_eq!(
            bench.ask(Operation::Upload {
                name: named("b.st")
            }),
            Ok(Outcome::Uploaded(bytes))
        );
    }
}

#[test]
fn diagnostics_newest_last_and_bounded() {
    let mut bench = Bench::new("", "");
    let event = |n: u64| DiagnosticEvent {
        time: SimTime(n),
        text: format!("event {n} {}", "ä".repeat(200)),
    };
    bench.device.diagnostics = (0..1000).map(event).collect();
    let Ok(Outcome::Diagnostics(events)) = bench.ask(Operation::Diagnostics) else {
        panic!()
    };
    assert!(events.len() > 20 && events.len() < 1000);
    assert_eq!(events.last().unwrap().time, SimTime(999));
    assert!(events.iter().all(|event| event.text.len() <= 255));
}

#[test]
fn what_the_device_refuses_reaches_the_station() {
    let mut bench = Bench::new("", "");
    let missing = bench.ask(Operation::Upload {
        name: named("no.st"),
    });
    assert_eq!(
        missing,
        Err(ManagementFailure::Refused(Refusal::Device(
            DeviceError::BadAddress
        )))
    );
    let broken = bench.ask(Operation::Download {
        name: named("main.st"),
        bytes: b"BROKEN".to_vec(),
    });
    assert_eq!(
        broken,
        Err(ManagementFailure::Refused(Refusal::Device(
            DeviceError::BadValue
        )))
    );
    bench.device.refusal = Some(DeviceError::ModeRefused);
    let stopped = bench.ask(Operation::SetMode(Mode::Stop));
    assert_eq!(
        stopped,
        Err(ManagementFailure::Refused(Refusal::Device(
            DeviceError::ModeRefused
        )))
    );
    assert_eq!(
        bench.records.last().unwrap().refusal,
        Some(Refusal::Device(DeviceError::ModeRefused))
    );
}

#[test]
fn what_is_too_large_is_not_sent() {
    let mut bench = Bench::new("", "");
    let bytes = vec![0; MAX_FILE_BYTES + 1];
    let failure = Err(ManagementFailure::TooLarge);
    assert_eq!(
        bench.ask(Operation::Download {
            name: named("a"),
            bytes
        }),
        failure
    );
    assert_eq!(
        bench.ask(Operation::Hash {
            name: "a".repeat(65)
        }),
        failure
    );
    assert!(bench.records.is_empty());
}

#[test]
fn a_wrong_token_is_refused_and_the_third_closes() {
    let mut bench = Bench::new("guess", "key");
    for closed in [false, false, true] {
        let failure = ManagementFailure::Refused(Refusal::NotAuthorised);
        assert_eq!(bench.ask(Operation::SetMode(Mode::Stop)), Err(failure));
        assert_eq!(bench.server.is_closed(), closed);
    }
    assert_eq!(bench.device.mode, Mode::Run);
    assert_eq!(bench.actions(), [Action::Hello; 3]);
}

/// A server after the given frames, and the frames it answered with.
fn serve(token: &str, bytes: &[u8]) -> (ManagementServer, MemoryDevice, Vec<u8>) {
    let config = ManagementConfig {
        token: token.into(),
        ..ManagementConfig::default()
    };
    let mut server = ManagementServer::new(NOW, Arc::new(config));
    let mut device = MemoryDevice::new();
    let mut rest = bytes;
    let mut out = Vec::new();
    loop {
        let taken = server.handle_input(NOW, rest);
        rest = &rest[taken..];
        while server.step(NOW, &mut device).is_some() {}
        if !server.poll_output(&mut out) && rest.is_empty() {
            return (server, device, out);
        }
    }
}

/// A frame: the header, and the sequence number, kind and body as given.
fn framed(rest: &[u8]) -> Vec<u8> {
    [&b"TPM1\0\0\0"[..], &[rest.len() as u8], rest].concat()
}

#[test]
fn frames_byte_by_byte() {
    let ask = b"TPM1\x00\x00\x00\x05\x00\x00\x00\x07\x09";
    let (_, _, out) = serve("", ask);
    assert_eq!(
        out, b"TPM1\x00\x00\x00\x07\x00\x00\x00\x07\x89\x00\x01",
        "get mode: run"
    );
    let (_, _, out) = serve("key", ask);
    assert_eq!(
        out, b"TPM1\x00\x00\x00\x06\x00\x00\x00\x07\x89\x02",
        "not authorised"
    );
    let hello = b"TPM1\x00\x00\x00\x07\x00\x00\x00\x01\x01\x01k";
    let stop = b"TPM1\x00\x00\x00\x06\x00\x00\x00\x02\x0A\x02";
    let (_, device, out) = serve("k", &[&hello[..], stop].concat());
    assert_eq!(
        out,
        [
            &b"TPM1\x00\x00\x00\x06\x00\x00\x00\x01\x81\x00"[..],
            b"TPM1\x00\x00\x00\x06\x00\x00\x00\x02\x8A\x00",
        ]
        .concat()
    );
    assert_eq!(device.mode, Mode::Stop);
    let (_, _, out) = serve("", b"TPM1\x00\x00\x00\x05\x00\x00\x00\x01\x02");
    assert_eq!(
        out,
        b"TPM1\x00\x00\x00\x10\x00\x00\x00\x01\x82\x00\x00\x01\x07main.st"
    );
}

#[test]
fn malformed_bodies_are_refused_and_the_session_goes_on() {
    for body in [
        &[99][..],
        &[1, 5, b'x'],
        &[3, 2, 0xFF, 0xFE],
        &[4, 0, 0],
        &[6, 0, 0, 0, 0],
        &[9, 0],
        &[10, 4],
        &[10],
        &[0],
    ] {
        let bytes = [
            framed(&[&[0, 0, 0, 1], body].concat()),
            framed(&[0, 0, 0, 2, 9]),
        ]
        .concat();
        let (server, _, out) = serve("", &bytes);
        let refused = framed(&[0, 0, 0, 1, body[0] | 0x80, 1]);
        let answered = framed(&[0, 0, 0, 2, 0x89, 0, 1]);
        assert_eq!(out, [refused, answered].concat(), "{body:?}");
        assert!(!server.is_closed());
    }
}

#[test]
fn what_is_no_frame_closes_at_its_first_wrong_byte() {
    for bytes in [
        &b"TPM1\x00\x00\x00\x04"[..],
        b"TPM1\x00\x00\x20\x01",
        b"TPM1\xFF\xFF\xFF\xFF",
        b"TPM2",
        b"\x00",
        b"G",
        b"TG",
    ] {
        assert!(serve("", bytes).0.is_closed(), "{bytes:?}");
    }
    for bytes in [&b"TPM"[..], b"TPM1\x00\x00\x20\x00"] {
        assert!(!serve("", bytes).0.is_closed(), "{bytes:?}");
    }
}

#[test]
fn chunks_out_of_order_are_refused() {
    /// Bytes of an answer that only says how it went.
    const ANSWER_BYTES: usize = 14;
    let chunk = framed(&[0, 0, 0, 1, 6, 0, 0, 0, 0, 7]);
    let end = framed(&[0, 0, 0, 2, 7]);
    let read = framed(&[0, 0, 0, 1, 4, 0, 0, 0, 0]);
    assert_eq!(serve("", &chunk).2[12..], [0x86, 4], "no start");
    assert_eq!(serve("", &end).2[12..], [0x87, 4], "no start");
    assert_eq!(serve("", &read).2[12..], [0x84, 4], "no start");
    let start = |length: u8, hash: [u8; 32]| {
        framed(&[&[0, 0, 0, 1, 5, 1, b'a', 0, 0, 0, length][..], &hash].concat())
    };
    let answers = |parts: &[&[u8]]| {
        let out = serve("", &parts.concat()).2;
        let answers = out.chunks(ANSWER_BYTES);
        answers.map(|answer| answer[13]).collect::<Vec<_>>()
    };
    let hash = file_hash(&[7]);
    assert_eq!(answers(&[&start(1, hash), &chunk, &end]), [0, 0, 0]);
    assert_eq!(answers(&[&start(1, hash), &end]), [0, 4], "too early");
    assert_eq!(
        answers(&[&start(1, hash), &chunk, &chunk]),
        [0, 0, 4],
        "twice"
    );
    assert_eq!(
        answers(&[&start(1, [0; 32]), &chunk, &end]),
        [0, 0, 5],
        "another hash"
    );
}

#[test]
fn a_silent_device_times_out_and_the_next_operation_runs() {
    let config = ManagementClientConfig {
        timeout: SimDuration::from_secs(2),
        ..Default::default()
    };
    let mut client = ManagementClient::new(config);
    let first = client.request(NOW, Operation::GetMode).unwrap();
    let second = client.request(NOW, Operation::GetMode).unwrap();
    let at = client.next_timeout().unwrap();
    assert_eq!(at, SimTime::from_secs(5));
    client.handle_timeout(at);
    let failed = |id, failure| {
        Some(ManagementEvent {
            id,
            result: Err(failure),
        })
    };
    assert_eq!(
        client.poll_event(),
        failed(first, ManagementFailure::Timeout)
    );
    client.handle_input(at, &framed(&[0, 0, 0, 1, 0x81, 0]));
    assert_eq!(client.poll_event(), None, "a late answer is ignored");
    client.handle_input(at, &framed(&[0, 0, 0, 2, 0x81, 0]));
    client.handle_input(at, &framed(&[0, 0, 0, 3, 0x89, 0, 2]));
    let result = Ok(Outcome::Mode(Mode::Stop));
    assert_eq!(
        client.poll_event(),
        Some(ManagementEvent { id: second, result })
    );
}

#[test]
fn a_device_that_talks_nonsense() {
    for answer in [
        framed(&[0, 0, 0, 1, 0x89, 0]),
        framed(&[0, 0, 0, 1, 0x81, 99]),
        framed(&[0, 0, 0, 1, 0x81, 0, 0]),
        b"TPM1\xFF\xFF\xFF\xFF".to_vec(),
        b"HTTP".to_vec(),
    ] {
        let mut client = ManagementClient::new(ManagementClientConfig::default());
        client.request(NOW, Operation::GetMode).unwrap();
        client.handle_input(NOW, &answer);
        let event = client.poll_event().unwrap();
        assert_eq!(event.result, Err(ManagementFailure::Protocol), "{answer:?}");
    }
}

#[test]
fn a_lost_connection_ends_every_operation() {
    let mut bench = Bench::new("", "");
    for _ in 0..3 {
        bench.client.request(NOW, Operation::GetMode).unwrap();
    }
    bench.client.handle_close();
    let ends = std::iter::from_fn(|| bench.client.poll_event());
    assert!(
        ends.map(|event| event.result)
            .eq([const { Err(ManagementFailure::ConnectionLost) }; 3])
    );
    assert_eq!(bench.ask(Operation::GetMode), Ok(Outcome::Mode(Mode::Run)));
}
