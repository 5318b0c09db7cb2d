//! The client session, requests in and bytes out, bytes in and events out.

use sim_record::{SimDuration, SimTime};
use sim_wire::modbus::client::{ClientConfig, ClientEvent, ClientSession, RequestId};
use sim_wire::modbus::pdu::PduError;
use sim_wire::modbus::{ExceptionCode, Request, Response};

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
