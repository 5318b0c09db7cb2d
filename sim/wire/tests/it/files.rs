//! Functions 20, 21 and 24.

use sim_wire::device::DeviceError;

use crate::server::full;

#[test]
fn fc20_reads_records_of_several_runs() {
    let mut bench = full();
    let request = [
        20, 14, 6, 0, 4, 0, 1, 0, 2, // file 4, record 1, two registers
        6, 0, 4, 0, 9, 0, 1, // file 4, record 9, one register
    ];
    let reply = [20, 10, 5, 6, 0x04, 0x01, 0x04, 0x02, 3, 6, 0x04, 0x09];
    assert_eq!(bench.ask(&request), reply);
}

#[test]
fn fc21_writes_records_and_answers_with_the_request() {
    let mut bench = full();
    let request = [
        21, 20, 6, 0, 4, 0, 0, 0, 2, 0xAA, 0xBB, 0xCC, 0xDD, //
        6, 0, 4, 0, 9, 0, 1, 0x12, 0x34,
    ];
    assert_eq!(bench.ask(&request), request);
    assert_eq!(bench.device.block[..4], [0xAA, 0xBB, 0xCC, 0xDD]);
    assert_eq!(bench.device.block[18..], [0x12, 0x34]);
    let transaction = &bench.transactions[0];
    assert!(transaction.write);
    assert_eq!(transaction.values.as_slice(), [0xAABB, 0xCCDD, 0x1234]);
}

#[test]
fn fc21_writes_all_runs_or_none() {
    let mut bench = full();
    let before = bench.device.block.clone();
    let request = [
        21, 18, 6, 0, 4, 0, 0, 0, 1, 0xAA, 0xBB, //
        6, 0, 4, 0, 10, 0, 1, 0x12, 0x34,
    ];
    assert_eq!(bench.ask(&request), [0x95, 2]);
    assert_eq!(bench.device.block, before);
    bench.device.refusal = Some(DeviceError::WriteRefused);
    let allowed = [21, 9, 6, 0, 4, 0, 0, 0, 1, 0xAA, 0xBB];
    assert_eq!(bench.ask(&allowed), [0x95, 4]);
    assert_eq!(bench.device.block, before);
}

#[test]
fn files_and_records_that_do_not_exist_are_02() {
    let mut bench = full();
    let cases: [&[u8]; 5] = [
        &[20, 7, 6, 0, 5, 0, 0, 0, 1],       // no file 5
        &[20, 7, 6, 0, 4, 0, 9, 0, 2],       // beyond its end
        &[20, 7, 6, 0, 0, 0, 0, 0, 1],       // there is no file 0
        &[20, 7, 6, 0, 4, 0x27, 0x10, 0, 1], // record 10000
        &[20, 7, 5, 0, 4, 0, 0, 0, 1],       // another reference type
    ];
    for case in cases {
        assert_eq!(bench.ask(case), [0x94, 2], "{case:?}");
    }
}

#[test]
fn lengths_of_file_requests_that_do_not_fit_are_03() {
    let mut bench = full();
    let run = [6, 0, 4, 0, 0, 0, 1];
    let cases: [Vec<u8>; 7] = [
        vec![20],
        vec![20, 0],
        vec![20, 6, 6, 0, 4, 0, 0, 0],
        vec![20, 14, 6, 0, 4, 0, 0, 0, 1],
        vec![20, 7, 6, 0, 4, 0, 0, 0, 0],
        vec![20, 7, 6, 0, 4, 0, 0, 0, 122],
        [&[20, 252][..], &run.repeat(36)].concat(),
    ];
    for case in cases {
        assert_eq!(bench.ask(&case), [0x94, 3], "{case:?}");
    }
    let cases: [&[u8]; 5] = [
        &[21, 0],
        &[21, 7, 6, 0, 4, 0, 0, 0, 1],
        &[21, 9, 6, 0, 4, 0, 0, 0, 2, 0, 0],
        &[21, 9, 6, 0, 4, 0, 0, 0xFF, 0xFF, 0, 0],
        &[21, 10, 6, 0, 4, 0, 0, 0, 1, 0, 0, 0],
    ];
    for case in cases {
        assert_eq!(bench.ask(case), [0x95, 3], "{case:?}");
    }
}

#[test]
fn fc20_answers_as_much_as_a_response_holds() {
    let mut bench = full();
    bench.device.block = vec![0x55; 400];
    let reply = bench.ask(&[20, 7, 6, 0, 4, 0, 0, 0, 121]);
    assert_eq!(reply[..4], [20, 244, 243, 6]);
    assert_eq!(reply.len(), 246);
    let runs = [6, 0, 4, 0, 0, 0, 2].repeat(35);
    let reply = bench.ask(&[&[20, 245][..], &runs].concat());
    assert_eq!(reply[..8], [20, 210, 5, 6, 0x55, 0x55, 0x55, 0x55]);
}

#[test]
fn fc24_reads_a_queue_and_leaves_it() {
    // The example of the specification, 6.18: two values behind register 0x04DE; here behind register 0x20.
    let mut bench = full();
    bench.device.holding[0x20] = 2;
    bench.device.holding[0x21] = 0x01B8;
    bench.device.holding[0x22] = 0x1284;
    let reply = [24, 0, 6, 0, 2, 0x01, 0xB8, 0x12, 0x84];
    assert_eq!(bench.ask(&[24, 0, 0x20]), reply);
    assert_eq!(bench.ask(&[24, 0, 0x20]), reply);
    assert_eq!(
        (bench.transactions[0].address, bench.transactions[0].write),
        (0x20, false)
    );
}

#[test]
fn queues_are_empty_full_or_refused() {
    let mut bench = full();
    bench.device.holding[0x20] = 0;
    assert_eq!(bench.ask(&[24, 0, 0x20]), [24, 0, 2, 0, 0]);
    bench.device.holding[0x20] = 31;
    assert_eq!(bench.ask(&[24, 0, 0x20]).len(), 3 + 2 + 62);
    bench.device.holding[0x20] = 32;
    assert_eq!(bench.ask(&[24, 0, 0x20]), [0x98, 3]);
    bench.device.holding[255] = 1;
    assert_eq!(
        bench.ask(&[24, 0, 255]),
        [0x98, 2],
        "its values do not exist"
    );
    assert_eq!(bench.ask(&[24, 1, 0]), [0x98, 2]);
    assert_eq!(bench.ask(&[24, 0]), [0x98, 3]);
}
