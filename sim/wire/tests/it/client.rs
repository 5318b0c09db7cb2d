//! The client session, requests in and bytes out, bytes in and events out.

use sim_record::SimTime;
use sim_wire::modbus::client::{ClientConfig, ClientEvent, ClientSession, RequestId};
use sim_wire::modbus::pdu::PduError;
use sim_wire::modbus::{ExceptionCode, ReadDeviceId, Request, Response};

use crate::server::frame;

const NOW: SimTime = SimTime::from_secs(1);

fn sent(session: &mut ClientSession) -> Vec<u8> {
    let mut out = Vec::new();
    session.poll_output(&mut out);
    out
}

#[test]
fn fc3_and_fc16_requests_and_their_answers() {
    let mut session = ClientSession::new(ClientConfig::default());
    let read = session
        .request(NOW, Request::read_holding_registers(0x10, 2).unwrap())
        .unwrap();
    let write = session
        .request(NOW, Request::write_registers(0x20, &[0xBEEF]).unwrap())
        .unwrap();
    assert_eq!(sent(&mut session), [0, 1, 0, 0, 0, 6, 1, 3, 0, 0x10, 0, 2]);
    session.handle_input(NOW, &[0, 1, 0, 0, 0, 7, 1, 3, 4, 0xAA, 0xBB, 0xCC, 0xDD]);
    let Some(ClientEvent::Response { id, response }) = session.poll_event() else {
        panic!()
    };
    assert_eq!(
        (id, response.registers().unwrap()),
        (read, &[0xAABB, 0xCCDD][..])
    );
    assert_eq!(
        sent(&mut session),
        [0, 2, 0, 0, 0, 9, 1, 16, 0, 0x20, 0, 1, 2, 0xBE, 0xEF]
    );
    session.handle_input(NOW, &[0, 2, 0, 0, 0, 6, 1, 16, 0, 0x20, 0, 1]);
    let response = Response::WriteMultipleRegisters {
        start: 0x20,
        count: 1,
    };
    assert_eq!(
        session.poll_event(),
        Some(ClientEvent::Response {
            id: write,
            response
        })
    );
    assert_eq!(session.poll_event(), None);
    assert_eq!(session.next_timeout(), None);
}

fn single(request: Request) -> (ClientSession, RequestId) {
    let mut session = ClientSession::new(ClientConfig::default());
    let id = session.request(NOW, request).unwrap();
    (session, id)
}

/// Checks a request's bytes and what the client makes of a response's.
fn exchange(request: Request, pdu: &[u8], reply: &[u8]) -> Response {
    let (mut session, id) = single(request);
    assert_eq!(sent(&mut session), frame(1, 1, pdu));
    session.handle_input(NOW, &frame(1, 1, reply));
    match session.poll_event() {
        Some(ClientEvent::Response {
            id: answered,
            response,
        }) if answered == id => {
            let mut encoded = Vec::new();
            response.encode(&mut encoded);
            assert_eq!(encoded, reply, "the response encodes to its bytes");
            response
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_function_s_bytes() {
    let bits = exchange(
        Request::read_coils(3, 10).unwrap(),
        &[1, 0, 3, 0, 10],
        &[1, 2, 0x81, 2],
    );
    let bits: Vec<bool> = bits.bits().unwrap().iter().collect();
    assert_eq!(
        bits,
        [
            true, false, false, false, false, false, false, true, false, true
        ]
    );
    exchange(
        Request::read_discrete_inputs(3, 1).unwrap(),
        &[2, 0, 3, 0, 1],
        &[2, 1, 1],
    );
    exchange(
        Request::read_input_registers(3, 1).unwrap(),
        &[4, 0, 3, 0, 1],
        &[4, 2, 9, 9],
    );
    let coil = Request::WriteSingleCoil {
        address: 3,
        value: true,
    };
    exchange(coil, &[5, 0, 3, 0xFF, 0], &[5, 0, 3, 0xFF, 0]);
    let register = Request::WriteSingleRegister {
        address: 3,
        value: 0xABCD,
    };
    exchange(register, &[6, 0, 3, 0xAB, 0xCD], &[6, 0, 3, 0xAB, 0xCD]);
    exchange(
        Request::echo(0x1234),
        &[8, 0, 0, 0x12, 0x34],
        &[8, 0, 0, 0x12, 0x34],
    );
    let coils = Request::write_coils(3, &[true, false, true]).unwrap();
    exchange(coils, &[15, 0, 3, 0, 3, 1, 5], &[15, 0, 3, 0, 3]);
    exchange(Request::ReportServerId, &[17], &[17, 3, 7, 0xFF, b'x']);
    let mask = Request::MaskWriteRegister {
        address: 4,
        and_mask: 0xF2,
        or_mask: 0x25,
    };
    exchange(
        mask,
        &[22, 0, 4, 0, 0xF2, 0, 0x25],
        &[22, 0, 4, 0, 0xF2, 0, 0x25],
    );
    let both = Request::read_write_registers(3, 2, 14, &[0xFF]).unwrap();
    let reply = exchange(
        both,
        &[23, 0, 3, 0, 2, 0, 14, 0, 1, 2, 0, 0xFF],
        &[23, 4, 0, 1, 0, 2],
    );
    assert_eq!(reply.registers().unwrap(), [1, 2]);
    let identify = Request::ReadDeviceIdentification {
        code: ReadDeviceId::Basic,
        object_id: 0,
    };
    let reply = [43, 14, 1, 0x81, 0xFF, 2, 2, 0, 1, b'V', 1, 0];
    let Response::DeviceIdentification(answer) = exchange(identify, &[43, 14, 1, 0], &reply) else {
        panic!()
    };
    assert_eq!(answer.next_object_id, Some(2));
    assert_eq!(answer.objects, [(0, b"V".to_vec()), (1, vec![])]);
}

#[test]
fn values_that_no_request_can_carry() {
    assert!(Request::read_coils(0, 2000).is_ok() && Request::read_coils(0, 2001).is_err());
    assert!(Request::read_holding_registers(0, 125).is_ok());
    assert!(Request::read_holding_registers(0, 126).is_err());
    assert!(Request::read_input_registers(0, 0).is_err());
    assert!(
        Request::write_registers(0, &[0; 123]).is_ok()
            && Request::write_registers(0, &[0; 124]).is_err()
    );
    assert!(
        Request::write_coils(0, &[true; 1968]).is_ok()
            && Request::write_coils(0, &[true; 1969]).is_err()
    );
    assert!(Request::write_coils(0, &[]).is_err());
    assert!(Request::read_write_registers(0, 1, 0, &[0; 122]).is_err());
}

#[test]
fn an_exception_is_an_event() {
    let (mut session, id) = single(Request::read_coils(0, 1).unwrap());
    session.handle_input(NOW, &frame(1, 1, &[0x81, 2]));
    let code = ExceptionCode::ILLEGAL_DATA_ADDRESS;
    assert_eq!(
        session.poll_event(),
        Some(ClientEvent::Exception { id, code })
    );
}

#[test]
fn answers_that_do_not_fit_their_request() {
    let cases: [(&[u8], PduError); 9] = [
        (&[3, 2, 0, 1], PduError::ByteCount(2)),
        (&[3, 4, 0, 1, 0], PduError::Truncated),
        (&[3, 4, 0, 1, 0, 2, 9], PduError::Trailing(1)),
        (&[4, 4, 0, 1, 0, 2], PduError::OtherFunction(4)),
        (&[0x84, 2], PduError::OtherFunction(0x84)),
        (&[0x83], PduError::Truncated),
        (&[0x83, 2, 0], PduError::Trailing(1)),
        (&[3], PduError::Truncated),
        (&[3, 0], PduError::ByteCount(0)),
    ];
    for (pdu, error) in cases {
        let (mut session, id) = single(Request::read_holding_registers(0, 2).unwrap());
        session.handle_input(NOW, &frame(1, 1, pdu));
        assert_eq!(
            session.poll_event(),
            Some(ClientEvent::ProtocolError { id, error }),
            "{pdu:02X?}"
        );
        assert!(!session.is_closed());
    }
    let (mut session, id) = single(Request::write_registers(5, &[1]).unwrap());
    session.handle_input(NOW, &frame(1, 1, &[16, 0, 6, 0, 1]));
    assert_eq!(
        session.poll_event(),
        Some(ClientEvent::ProtocolError {
            id,
            error: PduError::NoEcho
        })
    );
}

#[test]
fn a_timeout_frees_the_line_and_a_late_answer_is_ignored() {
    let (mut session, first) = single(Request::read_holding_registers(0, 1).unwrap());
    let second = session
        .request(NOW, Request::read_holding_registers(1, 1).unwrap())
        .unwrap();
    assert_eq!(sent(&mut session), frame(1, 1, &[3, 0, 0, 0, 1]));
    let at = session.next_timeout().unwrap();
    assert_eq!(at, NOW + ClientConfig::TIMEOUT);
    session.handle_timeout(SimTime(at.0 - 1));
    assert_eq!(session.poll_event(), None);
    session.handle_timeout(at);
    assert_eq!(
        session.poll_event(),
        Some(ClientEvent::Timeout { id: first })
    );
    assert_eq!(sent(&mut session), frame(2, 1, &[3, 0, 1, 0, 1]));
    session.handle_input(at, &frame(1, 1, &[3, 2, 9, 9]));
    assert_eq!((session.poll_event(), session.stray_replies()), (None, 1));
    session.handle_input(at, &frame(2, 1, &[3, 2, 0, 5]));
    assert_eq!(session.poll_event().unwrap().id(), second);
}

#[test]
fn pipelined_requests_match_by_transaction_id() {
    let config = ClientConfig {
        in_flight: 3,
        ..ClientConfig::default()
    };
    let mut session = ClientSession::new(config);
    let ids: Vec<_> = (0..3)
        .map(|n| {
            session
                .request(NOW, Request::read_holding_registers(n, 1).unwrap())
                .unwrap()
        })
        .collect();
    assert_eq!(sent(&mut session).len(), 36);
    let replies = [
        frame(3, 1, &[3, 2, 0, 3]),
        frame(1, 1, &[3, 2, 0, 1]),
        frame(2, 1, &[3, 2, 0, 2]),
    ]
    .concat();
    session.handle_input(NOW, &replies);
    let events: Vec<_> = std::iter::from_fn(|| session.poll_event())
        .map(|event| event.id())
        .collect();
    assert_eq!(events, [ids[2], ids[0], ids[1]]);
}

#[test]
fn another_unit_s_or_protocol_s_answer_is_not_taken() {
    let (mut session, _) = single(Request::read_holding_registers(0, 1).unwrap());
    session.handle_input(NOW, &frame(1, 2, &[3, 2, 0, 1]));
    let mut foreign = frame(1, 1, &[3, 2, 0, 1]);
    foreign[3] = 1;
    session.handle_input(NOW, &foreign);
    assert_eq!((session.poll_event(), session.stray_replies()), (None, 2));
}

#[test]
fn a_stream_without_frames_closes_and_loses_what_is_open() {
    let (mut session, id) = single(Request::read_holding_registers(0, 1).unwrap());
    session.handle_input(NOW, b"HTTP/1.0 400 Bad Request\r\n");
    assert!(session.is_closed());
    assert_eq!(
        session.poll_event(),
        Some(ClientEvent::ConnectionLost { id })
    );
    session.handle_close();
    assert!(!session.is_closed());
    let again = session
        .request(NOW, Request::read_holding_registers(0, 1).unwrap())
        .unwrap();
    assert!(again > id);
    let mut out = Vec::new();
    assert!(session.poll_output(&mut out));
    assert!(out.ends_with(&frame(2, 1, &[3, 0, 0, 0, 1])));
}

#[test]
fn a_full_queue_says_so() {
    let config = ClientConfig {
        queued: 2,
        ..ClientConfig::default()
    };
    let mut session = ClientSession::new(config);
    let mut ask = || session.request(NOW, Request::ReportServerId).is_ok();
    assert_eq!([ask(), ask(), ask(), ask()], [true, true, true, false]);
    session.handle_close();
    let lost = std::iter::from_fn(|| session.poll_event()).count();
    assert_eq!(lost, 3, "each accepted request has its event");
}

#[test]
fn raw_requests_and_raw_bytes() {
    let mut session = ClientSession::new(ClientConfig::default());
    let id = session
        .request_raw(NOW, 9, vec![0x10, 0, 0, 0x80, 0, 0])
        .unwrap();
    session.send_raw(&[1, 2, 3]).unwrap();
    assert_eq!(
        sent(&mut session),
        [&frame(1, 9, &[0x10, 0, 0, 0x80, 0, 0])[..], &[1, 2, 3]].concat()
    );
    session.handle_input(NOW, &frame(1, 9, &[0x90, 3]));
    assert_eq!(
        session.poll_event(),
        Some(ClientEvent::RawResponse {
            id,
            pdu: vec![0x90, 3]
        })
    );
    session
        .send_raw(&vec![0; sim_wire::modbus::client::OUTPUT_BYTES])
        .unwrap();
    assert!(session.send_raw(&[0]).is_err());
}
