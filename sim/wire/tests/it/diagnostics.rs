//! Function 8.

use crate::server::bench;

#[test]
fn sub_0_echoes_any_data() {
    let mut bench = bench();
    assert_eq!(bench.ask(&[8, 0, 0, 0xA5, 0x37]), [8, 0, 0, 0xA5, 0x37]);
    let long = [&[8, 0, 0][..], &[0x5A; 250]].concat();
    assert_eq!(bench.ask(&long), long);
}

#[test]
fn counters_count_and_clear() {
    let mut bench = bench();
    bench.ask(&[3, 0, 0, 0, 1]);
    bench.ask(&[3, 0, 0, 0, 0]);
    bench.ask(&[7]);
    assert_eq!(
        bench.ask(&[8, 0, 11, 0, 0]),
        [8, 0, 11, 0, 4],
        "frames, this one included"
    );
    assert_eq!(bench.ask(&[8, 0, 13, 0, 0]), [8, 0, 13, 0, 2], "exceptions");
    assert_eq!(
        bench.ask(&[8, 0, 14, 0, 0]),
        [8, 0, 14, 0, 6],
        "frames for this unit"
    );
    assert_eq!(
        bench.ask(&[8, 0, 15, 0, 0]),
        [8, 0, 15, 0, 0],
        "frames without reply"
    );
    assert_eq!(
        bench.talk(&[0, 1, 0, 9, 0, 2, 1, 3]),
        [],
        "another protocol id is discarded"
    );
    assert_eq!(
        bench.ask(&[8, 0, 12, 0, 0]),
        [8, 0, 12, 0, 1],
        "discarded frames"
    );
    for sub_function in [2, 16, 17, 18] {
        assert_eq!(
            bench.ask(&[8, 0, sub_function, 0, 0]),
            [8, 0, sub_function, 0, 0]
        );
    }
    assert_eq!(bench.ask(&[8, 0, 20, 0, 0]), [8, 0, 20, 0, 0]);
    assert_eq!(bench.ask(&[8, 0, 10, 0, 0]), [8, 0, 10, 0, 0]);
    assert_eq!(bench.ask(&[8, 0, 13, 0, 0]), [8, 0, 13, 0, 0], "cleared");
    assert_eq!(
        bench.ask(&[8, 0, 11, 0, 0]),
        [8, 0, 11, 0, 2],
        "counting again"
    );
}

#[test]
fn faults_of_sub_functions() {
    let mut bench = bench();
    assert_eq!(bench.ask(&[8, 0, 3, 0, 0]), [0x88, 1], "serial ASCII only");
    assert_eq!(bench.ask(&[8, 0, 19, 0, 0]), [0x88, 1], "reserved");
    assert_eq!(bench.ask(&[8, 0xFF, 0xFF, 0, 0]), [0x88, 1], "reserved");
    assert_eq!(bench.ask(&[8, 0, 11, 0, 1]), [0x88, 3], "data must be 0");
    assert_eq!(
        bench.ask(&[8, 0, 1, 0, 1]),
        [0x88, 3],
        "data must be 0000 or FF00"
    );
    assert_eq!(bench.ask(&[8, 0, 11, 0]), [0x88, 3], "half a word");
    assert_eq!(bench.ask(&[8, 0, 0]), [0x88, 3], "no data");
    assert_eq!(bench.ask(&[8]), [0x88, 3], "no sub-function");
}

#[test]
fn listen_only_ends_with_a_restart() {
    let mut bench = bench();
    assert_eq!(bench.ask(&[8, 0, 4, 0, 0]), [], "never answered");
    assert_eq!(bench.ask(&[6, 0, 1, 0xAA, 0xAA]), []);
    assert_eq!(bench.device.holding[1], 0x0101, "nothing is executed");
    assert!(
        bench
            .transactions
            .iter()
            .all(|transaction| !transaction.answered)
    );
    assert_eq!(
        bench.ask(&[8, 0, 1, 0, 0]),
        [],
        "the restart itself is not answered"
    );
    assert_eq!(bench.ask(&[6, 0, 1, 0xAA, 0xAA]), [6, 0, 1, 0xAA, 0xAA]);
    assert_eq!(bench.ask(&[8, 0, 1, 0xFF, 0]), [8, 0, 1, 0xFF, 0]);
}
