//! The client against the server, for every family of services.

use std::sync::Arc;

use proptest::prelude::*;
use sim_record::{SimDuration, SimTime};
use sim_wire::device::{Area, Mode};
use sim_wire::s7::block::{BlockKind, language};
use sim_wire::s7::client::{
    ClientConfig, ClientEvent, ClientSession, Failure, Operation, OperationId, Outcome,
    pushed_values,
};
use sim_wire::s7::device::{Level, MemoryService, StartKind};
use sim_wire::s7::item::{Address, DataType};
use sim_wire::s7::server::{ServerConfig, ServerSession};
use sim_wire::s7::userdata::group;
use sim_wire::s7::{ErrorCode, ItemCode};

use super::device::{EPOCH_US, TestCpu, id, test_block};
use super::{Bench, NOW, config, hex};

/// A client and a server with nothing between them.
struct Pair {
    client: ClientSession,
    bench: Bench,
}

impl Pair {
    fn new() -> Self {
        Self::with(ClientConfig::new(1, 0, 2), config())
    }

    fn with(client: ClientConfig, server: ServerConfig) -> Self {
        Self {
            client: ClientSession::new(client),
            bench: Bench::new(server),
        }
    }

    /// Carries bytes to and fro until nobody says anything.
    fn settle(&mut self) {
        loop {
            let mut request = Vec::new();
            let asked = self.client.poll_output(&mut request);
            let reply = self.bench.talk(&request);
            self.client.handle_input(self.bench.now, &reply);
            if !asked && reply.is_empty() {
                return;
            }
        }
    }

    fn ask(&mut self, operation: Operation) -> Result<Outcome, Failure> {
        let id = self.client.request(self.bench.now, operation).unwrap();
        self.settle();
        match self.client.poll_event() {
            Some(ClientEvent::Finished {
                id: finished,
                result,
            }) if finished == id => result,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn connects_on_demand_and_negotiates() {
    let mut pair = Pair::new();
    assert_eq!(pair.client.pdu_bytes(), None);
    let mut request = Vec::new();
    pair.client.request(NOW, Operation::Connect).unwrap();
    pair.client.poll_output(&mut request);
    assert_eq!(request, hex("0300001611e00000000100c0010ac1020100c2020102"));
    let reply = pair.bench.talk(&request);
    pair.client.handle_input(NOW, &reply);
    pair.settle();
    assert_eq!(pair.client.pdu_bytes(), Some(480));
    assert!(matches!(
        pair.client.poll_event(),
        Some(ClientEvent::Finished {
            id: OperationId(0),
            result: Ok(Outcome::Done)
        })
    ));
    assert_eq!(
        pair.ask(Operation::Connect),
        Ok(Outcome::Done),
        "once is enough"
    );
}

#[test]
fn a_wrong_slot_is_refused() {
    let mut pair = Pair::with(ClientConfig::new(1, 0, 3), config());
    let second = Operation::ReadClock;
    pair.client.request(NOW, Operation::ReadClock).unwrap();
    pair.client.request(NOW, second).unwrap();
    pair.settle();
    assert!(pair.client.is_closed());
    let failures: Vec<Failure> = std::iter::from_fn(|| pair.client.poll_event())
        .map(|event| match event {
            ClientEvent::Finished { result, .. } => result.unwrap_err(),
            ClientEvent::Push { .. } => panic!("nothing was subscribed"),
        })
        .collect();
    assert_eq!(
        failures,
        [Failure::ConnectionRefused, Failure::ConnectionLost]
    );
    // On a fresh transport it may try again.
    pair.client.handle_close();
    assert!(!pair.client.is_closed());
}

#[test]
fn variables() {
    let mut pair = Pair::new();
    let db1 = Area::DataBlock(1);
    let addresses = vec![
        Address::new(db1, DataType::Byte, 1, 3),
        Address::bit(Area::Marker, 3, 1),
        Address::new(Area::DataBlock(9), DataType::Byte, 0, 1),
        Address::new(Area::Timer, DataType::Timer, 2, 1),
    ];
    let Ok(Outcome::Read(values)) = pair.ask(Operation::Read(addresses)) else {
        panic!("a read")
    };
    let found: Vec<(ItemCode, &[u8])> = values.iter().map(|v| (v.code, &v.bytes[..])).collect();
    assert_eq!(
        found,
        [
            (ItemCode::OK, &[1, 2, 3][..]),
            (ItemCode::OK, &[1]),
            (ItemCode::MISSING, &[]),
            (ItemCode::OK, &[4, 5]),
        ]
    );
    let writes = vec![
        (Address::new(db1, DataType::Byte, 1, 1), vec![0xAA]),
        (Address::bit(Area::Marker, 3, 1), vec![0]),
        (
            Address::new(db1, DataType::Real, 4, 1),
            1.5_f32.to_be_bytes().to_vec(),
        ),
        (Address::new(db1, DataType::Word, 63, 1), vec![1, 2]),
        (
            Address::new(Area::Counter, DataType::Counter, 0, 1),
            vec![7, 8],
        ),
    ];
    let ok = ItemCode::OK;
    assert_eq!(
        pair.ask(Operation::Write(writes)),
        Ok(Outcome::Written(vec![ok, ok, ok, ItemCode::ADDRESS, ok]))
    );
    let memory = &pair.bench.cpu.areas;
    assert_eq!((memory[&db1][1], memory[&Area::Marker][3]), (0xAA, 1));
    assert_eq!(memory[&db1][4..8], 1.5_f32.to_be_bytes());
    assert_eq!(memory[&Area::Counter][..2], [7, 8]);
    let too_much = Address::new(Area::DataBlock(2), DataType::Byte, 0, 463);
    assert_eq!(
        pair.ask(Operation::Read(vec![too_much])),
        Err(Failure::Refused(ErrorCode::WRONG_PDU))
    );
    assert_eq!(
        pair.ask(Operation::Write(vec![(too_much, vec![0; 463])])),
        Err(Failure::TooLarge)
    );
}

#[test]
fn lists_in_one_part_and_in_many() {
    let mut pair = Pair::new();
    let Ok(Outcome::List(long)) = pair.ask(Operation::ReadList {
        id: 0x001C,
        index: 0,
    }) else {
        panic!("a list")
    };
    let mut small = ClientConfig::new(1, 0, 2);
    small.pdu_bytes = 240;
    let mut pair = Pair::with(small, config());
    let list = Operation::ReadList {
        id: 0x001C,
        index: 0,
    };
    assert_eq!(pair.ask(list), Ok(Outcome::List(long)));
    assert_eq!(
        pair.ask(Operation::ReadList {
            id: 0x0022,
            index: 0
        }),
        Err(Failure::Refused(ErrorCode::NO_INFORMATION))
    );
}

#[test]
fn blocks() {
    let mut pair = Pair::new();
    let Ok(Outcome::Counts(counts)) = pair.ask(Operation::CountBlocks) else {
        panic!("counts")
    };
    assert_eq!((counts.len(), counts[3]), (7, (BlockKind::Db, 3)));
    let scl = language::SCL;
    assert_eq!(
        pair.ask(Operation::ListBlocks(BlockKind::Db)),
        Ok(Outcome::Blocks(vec![(1, scl), (2, scl), (3, scl)]))
    );
    let fc5 = id(BlockKind::Fc, 5);
    let Ok(Outcome::Info(info)) = pair.ask(Operation::BlockInfo(fc5)) else {
        panic!("a description")
    };
    assert_eq!(
        (info.id, info.code_bytes, info.code_time_us),
        (fc5, 2000, EPOCH_US)
    );
    let fc9 = id(BlockKind::Fc, 9);
    let missing = Err(Failure::Refused(ErrorCode::BLOCK_NOT_FOUND));
    assert_eq!(pair.ask(Operation::BlockInfo(fc9)), missing);
    let block = pair.bench.cpu.blocks[&fc5].clone();
    assert_eq!(
        pair.ask(Operation::Upload(fc5)),
        Ok(Outcome::Uploaded(block))
    );
    assert_eq!(pair.ask(Operation::Upload(fc9)), missing);

    let block = test_block(fc9, &[9; 3000]);
    let download = Operation::Download {
        id: fc9,
        block: block.clone(),
    };
    assert_eq!(pair.ask(download), Ok(Outcome::Done));
    assert_eq!(pair.ask(Operation::Insert(vec![fc9])), Ok(Outcome::Done));
    assert_eq!(
        pair.ask(Operation::Upload(fc9)),
        Ok(Outcome::Uploaded(block.clone()))
    );
    assert_eq!(
        pair.ask(Operation::Delete(vec![fc9, fc5])),
        Ok(Outcome::Done)
    );
    assert_eq!(pair.ask(Operation::Delete(vec![fc9])), missing);
    let mut broken = block;
    broken[40] ^= 1;
    assert_eq!(
        pair.ask(Operation::Download {
            id: fc9,
            block: broken
        }),
        Err(Failure::Refused(ErrorCode::BLOCK_STRUCTURE))
    );
    assert_eq!(
        pair.ask(Operation::Download {
            id: fc9,
            block: Vec::new()
        }),
        Err(Failure::Refused(ErrorCode::BLOCK_STRUCTURE))
    );
    let huge = Operation::Download {
        id: fc9,
        block: vec![0; 1_000_000],
    };
    assert_eq!(pair.ask(huge), Err(Failure::TooLarge));
}

#[test]
fn modes_memory_clock_and_password() {
    let mut pair = Pair::new();
    let refused = |code| Err(Failure::Refused(code));
    let done = Ok(Outcome::Done);
    let start = Operation::Start(StartKind::Warm);
    assert_eq!(pair.ask(start), refused(ErrorCode::OBJECT_STATE));
    assert_eq!(pair.ask(Operation::Stop), done);
    assert_eq!(pair.bench.cpu.mode, Mode::Stop);
    assert_eq!(pair.ask(Operation::Stop), refused(ErrorCode::OBJECT_STATE));
    assert_eq!(pair.ask(Operation::Start(StartKind::Cold)), done);
    assert_eq!(pair.bench.cpu.starts, [StartKind::Cold]);
    for service in [MemoryService::Compress, MemoryService::CopyRamToRom] {
        assert_eq!(pair.ask(Operation::Memory(service)), done);
    }
    assert_eq!(pair.bench.cpu.memory_services.len(), 2);

    assert_eq!(
        pair.ask(Operation::ReadClock),
        Ok(Outcome::Clock(EPOCH_US + 7_000_000))
    );
    assert_eq!(
        pair.ask(Operation::SetClock(EPOCH_US + 3_600_000_000)),
        done
    );
    assert_eq!(
        pair.ask(Operation::ReadClock),
        Ok(Outcome::Clock(EPOCH_US + 3_600_000_000))
    );

    pair.bench.cpu.protection.password_level = Some(Level::ReadOnly);
    assert_eq!(pair.ask(Operation::Stop), refused(ErrorCode::PROTECTION));
    let wrong = Operation::GivePassword(*b"letmein ");
    assert_eq!(pair.ask(wrong), refused(ErrorCode::WRONG_PASSWORD));
    assert_eq!(pair.ask(Operation::GivePassword(*b"secret  ")), done);
    assert_eq!(pair.ask(Operation::Stop), done);
    assert_eq!(pair.ask(Operation::ClearPassword), done);
    assert_eq!(
        pair.ask(Operation::ClearPassword),
        refused(ErrorCode::NOT_LEGITIMATED)
    );
}

#[test]
fn subscriptions() {
    let mut pair = Pair::new();
    let address = Address::new(Area::DataBlock(1), DataType::Byte, 2, 2);
    let subscribe = Operation::Subscribe {
        addresses: vec![address],
        interval: 2,
        changes: false,
    };
    let Ok(Outcome::Subscribed { job, values }) = pair.ask(subscribe) else {
        panic!("a subscription")
    };
    assert_eq!(values[0].bytes, [2, 3]);
    assert_eq!(pair.ask(Operation::SubscribeMessages(3)), Ok(Outcome::Done));
    pair.bench.cpu.areas.get_mut(&Area::DataBlock(1)).unwrap()[2] = 0xAA;
    pair.bench.cpu.mode = Mode::Stop;
    pair.bench.wait(SimDuration::from_millis(200));
    pair.settle();
    let Some(ClientEvent::Push {
        group: group::CYCLIC,
        job: pushed,
        bytes,
        ..
    }) = pair.client.poll_event()
    else {
        panic!("cyclic data")
    };
    assert_eq!(
        (pushed, pushed_values(&bytes).unwrap()[0].bytes.clone()),
        (job, vec![0xAA, 3])
    );
    let stopped = ClientEvent::Push {
        group: group::MODE,
        service: 0,
        job: 0,
        bytes: Vec::new(),
    };
    assert_eq!(pair.client.poll_event(), Some(stopped));
    assert_eq!(pair.ask(Operation::Unsubscribe(job)), Ok(Outcome::Done));
    assert_eq!(
        pair.ask(Operation::Unsubscribe(job)),
        Err(Failure::Refused(ErrorCode::CYCLIC_UNKNOWN))
    );
}

#[test]
fn raw_requests_bring_raw_answers() {
    let mut pair = Pair::new();
    let Ok(Outcome::Raw(answer)) = pair.ask(Operation::Raw(hex("3201000000000001000000"))) else {
        panic!("an answer")
    };
    assert_eq!((answer[1], &answer[10..]), (2, &hex("8001")[..]));
}

#[test]
fn silence_is_a_timeout_and_a_late_answer_is_ignored() {
    let mut pair = Pair::new();
    assert_eq!(pair.ask(Operation::Connect), Ok(Outcome::Done));
    let first = pair.client.request(NOW, Operation::ReadClock).unwrap();
    let mut request = Vec::new();
    pair.client.poll_output(&mut request);
    let late = pair.bench.talk(&request);
    let later = pair.client.next_timeout().unwrap();
    assert_eq!(later, NOW + ClientConfig::TIMEOUT);
    pair.client.handle_timeout(later);
    let timeout = ClientEvent::Finished {
        id: first,
        result: Err(Failure::Timeout),
    };
    assert_eq!(pair.client.poll_event(), Some(timeout));
    pair.client.handle_input(later, &late);
    assert_eq!(pair.client.poll_event(), None);
    assert!(pair.ask(Operation::ReadClock).is_ok());

    let mut lonely = ClientSession::new(ClientConfig::new(1, 0, 2));
    lonely.request(NOW, Operation::ReadClock).unwrap();
    lonely.handle_timeout(later);
    assert!(lonely.is_closed(), "nobody answered the call");
}

#[test]
fn the_queue_is_bounded() {
    let mut client = ClientSession::new(ClientConfig::new(1, 0, 2));
    let accepted = (0..1000)
        .filter(|_| client.request(NOW, Operation::ReadClock).is_ok())
        .count();
    assert_eq!(accepted, ClientConfig::QUEUED + 1);
    assert_eq!(client.open_operations(), accepted);
    client.handle_close();
    let lost = std::iter::from_fn(|| client.poll_event()).count();
    assert_eq!(lost, accepted);
}

/// What a client says that does a bit of everything, and what the server answers.
fn requests_and_replies() -> (Vec<u8>, Vec<u8>) {
    let fc9 = id(BlockKind::Fc, 9);
    let mut small = ClientConfig::new(1, 0, 2);
    small.pdu_bytes = 240;
    let mut pair = Pair::with(small, config());
    let address = Address::new(Area::DataBlock(1), DataType::Byte, 1, 3);
    let block = test_block(fc9, &[9; 700]);
    for operation in [
        Operation::Read(vec![address, address]),
        Operation::Write(vec![(address, vec![7; 3])]),
        Operation::ReadList {
            id: 0x001C,
            index: 0,
        },
        Operation::Upload(id(BlockKind::Db, 3)),
        Operation::Download { id: fc9, block },
        Operation::Insert(vec![fc9]),
        Operation::Stop,
        Operation::ReadList {
            id: 0x0424,
            index: 0,
        },
    ] {
        pair.client.request(NOW, operation).unwrap();
    }
    let (mut requests, mut replies) = (Vec::new(), Vec::new());
    loop {
        let start = requests.len();
        if !pair.client.poll_output(&mut requests) {
            return (requests, replies);
        }
        let reply = pair.bench.talk(&requests[start..]);
        replies.extend(&reply);
        pair.client.handle_input(NOW, &reply);
    }
}

/// What the server says to a client that connects, uploads and reads a list.
fn conversation() -> (Vec<Operation>, Vec<u8>) {
    let operations = vec![
        Operation::Upload(id(BlockKind::Fc, 5)),
        Operation::ReadList {
            id: 0x001C,
            index: 0,
        },
        Operation::Read(vec![Address::new(Area::DataBlock(1), DataType::Byte, 0, 9)]),
    ];
    let mut pair = Pair::new();
    let mut said = Vec::new();
    for operation in &operations {
        pair.client.request(NOW, operation.clone()).unwrap();
    }
    loop {
        let mut request = Vec::new();
        if !pair.client.poll_output(&mut request) {
            return (operations, said);
        }
        let reply = pair.bench.talk(&request);
        said.extend(&reply);
        pair.client.handle_input(NOW, &reply);
    }
}

proptest! {
    #[test]
    fn any_split_gives_the_same_bytes_and_state(
        cuts in prop::collection::vec(1_usize..120, 0..80),
    ) {
        let (requests, replies) = requests_and_replies();
        let digest = |session: &ServerSession| {
            let mut digest = Vec::new();
            session.digest_into(&mut |bytes| digest.extend_from_slice(bytes));
            digest
        };
        let mut whole = Bench::new(config());
        prop_assert_eq!(&whole.talk(&requests), &replies);
        let mut bench = Bench::new(config());
        let (mut rest, mut said) = (requests.as_slice(), Vec::new());
        for cut in cuts {
            let (piece, tail) = rest.split_at(cut.min(rest.len()));
            said.extend(bench.talk(piece));
            rest = tail;
        }
        said.extend(bench.talk(rest));
        prop_assert_eq!(said, replies);
        prop_assert_eq!(bench.transactions, whole.transactions);
        prop_assert_eq!(digest(&bench.session), digest(&whole.session));
    }

    #[test]
    fn a_client_survives_any_server(
        flips in prop::collection::vec((0_usize..4000, any::<u8>()), 0..6),
        noise in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let (operations, mut said) = conversation();
        let length = said.len();
        for (at, byte) in flips {
            said[at % length] = byte;
        }
        said.extend(noise);
        let mut client = ClientSession::new(ClientConfig::new(1, 0, 2));
        for operation in operations {
            client.request(NOW, operation).unwrap();
        }
        let mut out = Vec::new();
        for piece in said.chunks(97) {
            client.handle_input(NOW, piece);
            client.poll_output(&mut out);
        }
        client.handle_close();
        // Every operation has exactly one end.
        let ends = std::iter::from_fn(|| client.poll_event())
            .filter(|event| matches!(event, ClientEvent::Finished { .. }));
        prop_assert_eq!(ends.count(), 3);
    }

    #[test]
    fn a_server_survives_any_flip_in_a_download(
        at in 0_usize..2000, byte: u8, seed in 0_u8..4,
    ) {
        let fc9 = id(BlockKind::Fc, 9);
        let mut client = ClientSession::new(ClientConfig::new(1, 0, 2));
        let block = test_block(fc9, &[seed; 700]);
        client.request(NOW, Operation::Download { id: fc9, block }).unwrap();
        client.request(NOW, Operation::Insert(vec![fc9])).unwrap();
        let mut server = ServerSession::new(NOW, Arc::new(config()));
        let mut cpu = TestCpu::new();
        let mut sent = 0;
        let mut now: SimTime = NOW;
        for _ in 0..200 {
            let mut request = Vec::new();
            client.poll_output(&mut request);
            for (index, target) in request.iter_mut().enumerate() {
                if sent + index == at {
                    *target = byte;
                }
            }
            sent += request.len();
            prop_assert!(server.handle_input(now, &request) == request.len());
            while server.step(now, &mut cpu).is_some() {}
            let mut reply = Vec::new();
            server.poll_output(&mut reply);
            client.handle_input(now, &reply);
            if request.is_empty() && reply.is_empty() {
                now = now + SimDuration::from_secs(3);
                client.handle_timeout(now);
                server.handle_timeout(now);
            }
        }
        client.handle_close();
        prop_assert_eq!(std::iter::from_fn(|| client.poll_event()).count(), 2);
    }
}
