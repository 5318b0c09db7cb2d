//! Properties over generated values and bytes.

use std::sync::Arc;

use proptest::prelude::*;
use sim_record::SimTime;
use sim_wire::management::{
    MAGIC, ManagementClient, ManagementClientConfig, ManagementConfig, ManagementServer, Message,
    Operation,
};
use sim_wire::modbus::client::{ClientConfig, ClientEvent, ClientSession};
use sim_wire::modbus::function::FunctionSet;
use sim_wire::modbus::inspect::{StreamInspector, patch_response_register, requests};
use sim_wire::modbus::mbap;
use sim_wire::modbus::pdu::{AccessKind, Packet};
use sim_wire::modbus::server::{
    BroadcastPolicy, GatewayUnit, ModbusPersona, RunIndicator, ServerSession, Umas, UnitPolicy,
    Unsupported, WrongUnit,
};
use sim_wire::modbus::{FileRead, FileRun, FileWrite, ReadDeviceId, Reply, Request, Response};

use crate::device::MemoryDevice;
use crate::server::{Bench, bench, frame, full};

const NOW: SimTime = SimTime::from_secs(1);

fn request() -> impl Strategy<Value = Request> {
    let bits = prop::collection::vec(any::<bool>(), 1..=1968);
    let words = prop::collection::vec(any::<u16>(), 1..=123);
    let few_words = prop::collection::vec(any::<u16>(), 1..=121);
    prop_oneof![
        (any::<u16>(), 1..=2000_u16)
            .prop_map(|(start, count)| Request::read_coils(start, count).unwrap()),
        (any::<u16>(), 1..=2000_u16)
            .prop_map(|(start, count)| Request::read_discrete_inputs(start, count).unwrap()),
        (any::<u16>(), 1..=125_u16)
            .prop_map(|(start, count)| Request::read_holding_registers(start, count).unwrap()),
        (any::<u16>(), 1..=125_u16)
            .prop_map(|(start, count)| Request::read_input_registers(start, count).unwrap()),
        any::<(u16, bool)>()
            .prop_map(|(address, value)| Request::WriteSingleCoil { address, value }),
        any::<(u16, u16)>()
            .prop_map(|(address, value)| Request::WriteSingleRegister { address, value }),
        any::<(u16, u16)>()
            .prop_map(|(sub_function, word)| Request::diagnostics(sub_function, word)),
        (any::<u16>(), bits).prop_map(|(start, bits)| Request::write_coils(start, &bits).unwrap()),
        (any::<u16>(), words)
            .prop_map(|(start, words)| Request::write_registers(start, &words).unwrap()),
        prop_oneof![
            Just(Request::ReportServerId),
            Just(Request::ReadExceptionStatus),
            Just(Request::GetCommEventCounter),
            Just(Request::GetCommEventLog),
            any::<u16>().prop_map(|pointer| Request::ReadFifoQueue { pointer }),
            file_read().prop_map(Request::ReadFileRecord),
            file_write().prop_map(Request::WriteFileRecord),
        ],
        any::<(u16, u16, u16)>().prop_map(|(address, and_mask, or_mask)| {
            Request::MaskWriteRegister {
                address,
                and_mask,
                or_mask,
            }
        }),
        (any::<u16>(), 1..=125_u16, any::<u16>(), few_words).prop_map(
            |(start, count, write, words)| {
                Request::read_write_registers(start, count, write, &words).unwrap()
            }
        ),
        (1..=4_u8, any::<u8>()).prop_map(|(code, object_id)| Request::ReadDeviceIdentification {
            code: ReadDeviceId::from_code(code).unwrap(),
            object_id
        }),
    ]
}

fn run(counts: std::ops::RangeInclusive<u16>) -> impl Strategy<Value = FileRun> {
    (1..=u16::MAX, 0..=9999_u16, counts).prop_map(|(file, record, count)| FileRun {
        file,
        record,
        count,
    })
}

/// One long run or many short ones.
fn file_read() -> impl Strategy<Value = FileRead> {
    prop_oneof![
        prop::collection::vec(run(1..=121), 1..=1),
        prop::collection::vec(run(1..=2), 1..=35),
    ]
    .prop_map(|runs| FileRead::new(&runs).unwrap())
}

fn file_write() -> impl Strategy<Value = FileWrite> {
    prop_oneof![
        prop::collection::vec(run(1..=122), 1..=1),
        prop::collection::vec(run(1..=1), 1..=27),
    ]
    .prop_flat_map(|runs| {
        let words = runs.iter().map(|run| usize::from(run.count)).sum::<usize>();
        (Just(runs), prop::collection::vec(any::<u16>(), words))
    })
    .prop_map(|(runs, words)| FileWrite::new(&runs, &words).unwrap())
}

/// Valid frames, valid frames with one byte changed, and noise.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let valid = (any::<u16>(), any::<u8>(), request())
        .prop_map(|(id, unit, request)| {
            let mut pdu = Vec::new();
            request.encode(&mut pdu);
            frame(id, unit, &pdu)
        })
        .boxed();
    let changed = (valid.clone(), any::<prop::sample::Index>(), any::<u8>()).prop_map(
        |(mut bytes, at, to)| {
            let at = at.index(bytes.len());
            bytes[at] = to;
            bytes
        },
    );
    let noise = prop::collection::vec(any::<u8>(), 0..300);
    let framed = prop::collection::vec(any::<u8>(), 1..259).prop_map(|pdu| frame(1, 1, &pdu));
    let part = prop_oneof![4 => valid, 3 => changed, 2 => framed, 1 => noise];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

/// Personas that differ in everything.
fn persona() -> impl Strategy<Value = ModbusPersona> {
    prop_oneof![
        Just(ModbusPersona::default()),
        Just(ModbusPersona {
            functions: FunctionSet::all(),
            broadcast: BroadcastPolicy::Silent,
            ..ModbusPersona::default()
        }),
        Just(ModbusPersona {
            functions: FunctionSet::all(),
            units: UnitPolicy::Gateway(vec![
                GatewayUnit {
                    unit: 1,
                    first: 16,
                    count: 40,
                    identity: None
                },
                GatewayUnit {
                    unit: 9,
                    first: 65_000,
                    count: 1_000,
                    identity: None
                },
            ]),
            wrong_unit: WrongUnit::GatewayTargetFailed,
            unsupported: Unsupported::Silent,
            umas: Umas::Refused(vec![0x80; 40]),
            run_indicator: RunIndicator::Last,
            ..ModbusPersona::default()
        }),
    ]
}

/// Cuts bytes into pieces at the given places.
fn pieces<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places
        .windows(2)
        .map(|pair| &bytes[pair[0]..pair[1]])
        .collect()
}

fn cuts() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..40)
}

proptest! {
    #[test]
    fn requests_round_trip(request in request()) {
        let mut pdu = Vec::new();
        request.encode(&mut pdu);
        prop_assert!(pdu.len() <= mbap::MAX_PDU_BYTES);
        prop_assert_eq!(Request::decode(&pdu).unwrap(), request);
        prop_assert_eq!(Packet::new(&pdu).into_inner(), &pdu);
    }

    #[test]
    fn decoded_requests_encode_to_a_request_that_decodes_to_them(pdu in prop::collection::vec(any::<u8>(), 0..260)) {
        if let Ok(request) = Request::decode(&pdu) {
            let mut encoded = Vec::new();
            request.encode(&mut encoded);
            prop_assert_eq!(encoded.len(), pdu.len());
            prop_assert_eq!(Request::decode(&encoded).unwrap(), request);
        }
    }

    #[test]
    fn the_client_understands_every_answer_of_the_server(requests in prop::collection::vec(request(), 1..20)) {
        let mut bench = full();
        let mut client = ClientSession::new(ClientConfig { in_flight: 20, ..ClientConfig::default() });
        let mut ids = Vec::new();
        for request in requests {
            // Listen-only mode answers nothing.
            if !matches!(request, Request::Diagnostics { sub_function: 4, .. }) {
                ids.push(client.request(NOW, request).unwrap());
            }
        }
        let mut out = Vec::new();
        client.poll_output(&mut out);
        client.handle_input(NOW, &bench.talk(&out));
        for id in ids {
            match client.poll_event() {
                Some(ClientEvent::Response { id: answered, .. } | ClientEvent::Exception { id: answered, .. }) =>
                    prop_assert_eq!(answered, id),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }

    #[test]
    fn any_splitting_gives_the_same_outcome(bytes in stream(), cuts in cuts(), persona in persona()) {
        let mut whole = Bench::new(persona.clone());
        let mut split = Bench::new(persona);
        let expected = whole.talk(&bytes);
        let mut found = Vec::new();
        for piece in pieces(&bytes, &cuts) {
            found.extend(split.talk(piece));
        }
        prop_assert_eq!(found, expected);
        prop_assert_eq!(&split.transactions, &whole.transactions);
        prop_assert_eq!(split.session.is_closed(), whole.session.is_closed());
        prop_assert_eq!(split.device.holding, whole.device.holding);
        let mut digests = [Vec::new(), Vec::new()];
        split.session.digest_into(&mut |part| digests[0].extend_from_slice(part));
        whole.session.digest_into(&mut |part| digests[1].extend_from_slice(part));
        prop_assert_eq!(&digests[0], &digests[1]);
    }

    #[test]
    fn any_bytes_leave_the_next_connection_served(bytes in stream(), persona in persona()) {
        let mut first = Bench::new(persona.clone());
        let out = first.talk(&bytes);
        let answered = first.transactions.iter().filter(|transaction| transaction.answered).count();
        prop_assert!(out.len() <= answered * 260);
        let mut next = Bench { session: Bench::new(persona).session, ..first };
        prop_assert_eq!(next.ask(&[8, 0, 0, 1, 2]), [8, 0, 0, 1, 2]);
    }

    #[test]
    fn a_peer_that_never_reads_holds_bounded_memory(bytes in stream(), persona in persona()) {
        let mut device = MemoryDevice::new();
        let mut session = ServerSession::new(NOW, Arc::new(persona));
        for _ in 0..50 {
            let _ = session.handle_input(NOW, &bytes);
            while session.step(NOW, &mut device).is_some() {}
        }
        let mut state = 0;
        session.digest_into(&mut |part| state += part.len());
        prop_assert!(state < 4096 + 17 * 260 + 300);
    }

    #[test]
    fn the_client_survives_any_answer(bytes in stream(), cuts in cuts(), asked in request()) {
        let run = |pieces: &[&[u8]]| {
            let mut client = ClientSession::new(ClientConfig::default());
            client.request(NOW, asked.clone()).unwrap();
            pieces.iter().for_each(|piece| client.handle_input(NOW, piece));
            (std::iter::from_fn(|| client.poll_event()).collect::<Vec<_>>(), client.is_closed(), client.stray_replies())
        };
        prop_assert_eq!(run(&pieces(&bytes, &cuts)), run(&[&bytes]));
    }

    #[test]
    fn responses_of_any_bytes_never_panic(pdu in prop::collection::vec(any::<u8>(), 0..260), asked in request()) {
        for function in [pdu.first().copied().unwrap_or(0), asked.function(), asked.function() | 0x80] {
            let mut pdu = pdu.clone();
            Packet::new(&mut pdu).set_function(function);
            if let Ok(Reply::Response(response)) = Response::decode(&pdu, &asked) {
                prop_assert_eq!(response.function(), asked.function());
            }
        }
    }

    #[test]
    fn inspection_sees_what_the_server_executes(bytes in stream(), cuts in cuts()) {
        let mut bench = bench();
        bench.talk(&bytes);
        let mut inspector = StreamInspector::default();
        let mut seen = Vec::new();
        for piece in pieces(&bytes, &cuts) {
            if inspector.handle_input(piece, &mut |found| seen.push(found)).is_err() {
                break;
            }
        }
        let whole: Vec<_> = requests(&bytes).collect();
        prop_assert_eq!(&seen, &whole);
        // Function 23 is seen twice. Inspection ends at another protocol id, the server discards it and goes on.
        let once = seen.iter().filter(|seen| (seen.function, seen.kind) != (23, AccessKind::Read));
        let seen: Vec<_> = once.map(|seen| (seen.transaction_id, seen.unit, seen.function)).collect();
        let executed = bench.transactions.iter().map(|done| (done.transaction_id, done.unit, done.function));
        let executed: Vec<_> = executed.collect();
        prop_assert!(executed.starts_with(&seen));
        prop_assert!(bench.session.counters().communication_errors > 0 || executed.len() == seen.len());
    }

    #[test]
    fn patching_never_changes_the_length(bytes in stream(), start in any::<u16>(), register in any::<u16>()) {
        let mut patched = bytes.clone();
        let changed = patch_response_register(&mut patched, start, register, 0x5555);
        prop_assert_eq!(patched.len(), bytes.len());
        prop_assert!(changed || patched == bytes);
    }

    #[test]
    fn management_survives_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..600), cuts in cuts()) {
        let frames = bytes.chunks(40).flat_map(|body| {
            let length = body.len() as u32 + 4;
            [&MAGIC[..], &length.to_be_bytes(), &[0, 0, 0, 1], body].concat()
        });
        let framed: Vec<u8> = frames.collect();
        for bytes in [&bytes, &framed] {
            let run = |pieces: &[&[u8]]| {
                let mut device = MemoryDevice::new();
                let mut server = ManagementServer::new(NOW, Arc::new(ManagementConfig::default()));
                let mut client = ManagementClient::new(ManagementClientConfig::default());
                client.request(NOW, Operation::Upload { name: "main.st".into() }).unwrap();
                let mut out = Vec::new();
                let mut records = Vec::new();
                for piece in pieces {
                    client.handle_input(NOW, piece);
                    let mut rest = *piece;
                    loop {
                        let taken = server.handle_input(NOW, rest);
                        rest = &rest[taken..];
                        records.extend(std::iter::from_fn(|| server.step(NOW, &mut device)));
                        if !server.poll_output(&mut out) && rest.is_empty() {
                            break;
                        }
                    }
                }
                (out, records, server.is_closed(), std::iter::from_fn(|| client.poll_event()).collect::<Vec<_>>())
            };
            prop_assert_eq!(run(&pieces(bytes, &cuts)), run(&[bytes]));
        }
    }

    #[test]
    fn management_messages_round_trip(name in "[a-zä]{0,30}", offset in any::<u32>(), length in 0..=262_144_u32) {
        for message in [
            Message::Hello { token: name.clone() },
            Message::Hash { name: name.clone() },
            Message::UploadStart { name: name.clone() },
            Message::UploadChunk { offset },
            Message::DownloadStart { name: name.clone(), length, hash: [7; 32] },
            Message::DownloadChunk { offset, bytes: vec![1; 9] },
        ] {
            let mut bytes = Vec::new();
            message.encode(offset, &mut bytes);
            prop_assert_eq!(&bytes[8..12], &offset.to_be_bytes());
            prop_assert_eq!(Message::decode(bytes[12], &bytes[13..]), Ok(message));
        }
    }
}
