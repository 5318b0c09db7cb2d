//! What counts as an attack, what does not, and what follows from defence.
#![allow(clippy::unwrap_used, clippy::too_many_lines, reason = "tests")]

use super::*;
use crate::sensor::tests_support::scenario;
use sim_record::{
    AssetInfo, ConnectionOutcome, FirewallChange, ModbusRecord, PlantInfo, PlantSample, Principal,
    ProgramChange, Role, Team,
};
use sim_wire::modbus::function as fc;
use std::net::Ipv4Addr;

const RED: PrincipalId = PrincipalId(1);
const BLUE: PrincipalId = PrincipalId(2);
const WHITE: PrincipalId = PrincipalId(3);
const VENDOR: u32 = 0x0a1e_1428;
const PLC1: u32 = 0x0a1e_0a0b;
const GATEWAY: u32 = 0x0a1e_1401;

/// A labeller with the declarations of a match, fed one record at a time.
struct Bench {
    labeller: Labeller,
    seq: u64,
    now: SimTime,
}

impl Bench {
    fn new() -> Self {
        let mut bench = Self {
            labeller: Labeller::new(&scenario()),
            seq: 0,
            now: SimTime::ZERO,
        };
        for (id, team, role) in [
            (RED, Team::Red, Role::Red),
            (BLUE, Team::Blue, Role::Defender),
            (WHITE, Team::White, Role::Worker),
        ] {
            bench.see(RecordKind::Principal {
                id,
                principal: Principal::actor("somebody", team, role, None),
            });
        }
        for host in scenario().hosts {
            bench.see(RecordKind::Asset(AssetInfo {
                id: host.id,
                ip: u32::from(host.ip),
                role: host.title,
                zone: host.zone,
                purdue_level: 1,
                allow_listed: host.allow_listed,
            }));
        }
        bench.see(RecordKind::Plant(PlantInfo {
            id: "reactor".into(),
            kind: "te-reactor".into(),
            signals: vec!["F1".into(), "P".into()],
            units: vec!["kmol/h".into(), "kPa".into()],
            q0: 1.0,
            key_signal: ("P".into(), 2625.0, 2775.0, 3000.0),
        }));
        bench
    }

    fn see(&mut self, kind: RecordKind) -> Vec<RecordKind> {
        let record = Record {
            seq: self.seq,
            time: self.now,
            kind,
        };
        self.seq += 1;
        let found = self.labeller.observe(&record);
        for kind in &found {
            let own = Record {
                seq: self.seq,
                time: self.now,
                kind: kind.clone(),
            };
            self.seq += 1;
            assert!(
                self.labeller.observe(&own).is_empty(),
                "ground truth is no evidence of itself"
            );
        }
        found
    }

    fn after(&mut self, s: u64) -> &mut Self {
        self.now = self.now + SimDuration::from_secs(s);
        self
    }

    /// Techniques and assets of the attacks that begin with a record.
    fn began(&mut self, kind: RecordKind) -> Vec<(String, String)> {
        began(&self.see(kind))
    }

    /// Samples of the pressure once a second for so long; what was found meanwhile.
    fn hold(&mut self, pressure: f64, seconds: u64, tripped: bool) -> Vec<RecordKind> {
        let mut found = Vec::new();
        for _ in 0..seconds {
            self.after(1);
            found.extend(self.see(sample(pressure, tripped)));
        }
        found
    }
}

/// Without T0848, which every Modbus request of an attacker shows.
fn began(found: &[RecordKind]) -> Vec<(String, String)> {
    let attacks = found.iter().filter_map(|kind| match kind {
        RecordKind::AttackBegan {
            technique, asset, ..
        } if technique != "T0848" => Some((technique.clone(), asset.clone())),
        _ => None,
    });
    attacks.collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(t, a)| ((*t).to_owned(), (*a).to_owned()))
        .collect()
}

fn sample(pressure: f64, tripped: bool) -> RecordKind {
    RecordKind::Sample(PlantSample {
        plant: 0,
        q: 1.0,
        unsafe_now: false,
        inhibited: false,
        tripped,
        values: vec![1.0, pressure],
    })
}

fn request(asset: &str, function: u8, address: u16, count: u16, by: PrincipalId) -> ModbusRecord {
    let write = fc::writes(function);
    ModbusRecord {
        conn: 7,
        src: VENDOR,
        asset: asset.into(),
        unit: 1,
        function,
        address: Some(address),
        count,
        values: if write {
            vec![1; usize::from(count)]
        } else {
            Vec::new()
        },
        write,
        changed: write,
        exception: None,
        by,
        frame: 99,
    }
}

fn write(asset: &str, address: u16, by: PrincipalId) -> RecordKind {
    RecordKind::Modbus(request(asset, fc::WRITE_SINGLE_REGISTER, address, 1, by))
}

fn connection(dst: u32, port: u16, outcome: ConnectionOutcome, by: PrincipalId) -> RecordKind {
    RecordKind::Connection {
        conn: 7,
        src: VENDOR,
        dst,
        port,
        outcome,
        by,
        frame: 5,
    }
}

fn firewall(rule: &str, change: FirewallChange, by: PrincipalId) -> RecordKind {
    RecordKind::Firewall {
        by,
        router: "fw1".into(),
        rule: rule.into(),
        change,
        sessions_ended: 1,
    }
}

fn blocked(rule: &str) -> RecordKind {
    RecordKind::Blocked {
        router: "fw1".into(),
        rule: rule.into(),
        src: VENDOR,
        dst: PLC1,
        port: 502,
        by: RED,
        frame: 9,
    }
}

fn cause(found: &[RecordKind]) -> Option<(String, Option<u64>)> {
    found.iter().find_map(|kind| match kind {
        RecordKind::AttackRefused { cause, command, .. } => Some((cause.clone(), *command)),
        _ => None,
    })
}

/// Each kind of record alone, done by an attacker: what begins.
#[test]
fn each_record_of_an_attacker_begins_its_attacks() {
    let mode = |mode: &str, cause: &str| RecordKind::Mode {
        asset: "plc1".into(),
        mode: mode.into(),
        cause: cause.into(),
        by: RED,
    };
    let program = |change| RecordKind::Program {
        asset: "plc1".into(),
        file: "plc1.st".into(),
        change,
        hash: String::new(),
        by: RED,
    };
    let modbus = |function, count| RecordKind::Modbus(request("plc1", function, 0, count, RED));
    let table: Vec<(RecordKind, &[(&str, &str)])> = vec![
        (modbus(fc::ENCAPSULATED_INTERFACE, 0), &[("T0888", "plc1")]),
        (modbus(fc::REPORT_SERVER_ID, 0), &[("T0888", "plc1")]),
        (modbus(fc::READ_HOLDING_REGISTERS, 18), &[("T0861", "plc1")]),
        (modbus(fc::READ_HOLDING_REGISTERS, 1), &[]),
        (
            modbus(fc::READ_INPUT_REGISTERS, 11),
            &[("T0861", "plc1"), ("T0801", "plc1")],
        ),
        (modbus(fc::READ_DISCRETE_INPUTS, 1), &[("T0801", "plc1")]),
        (
            modbus(fc::WRITE_SINGLE_REGISTER, 1),
            &[("T1692.001", "plc1"), ("T0836", "plc1")],
        ),
        (modbus(fc::WRITE_SINGLE_COIL, 1), &[("T1692.001", "plc1")]),
        (
            mode("STOP", "a client over the network"),
            &[("T0858", "plc1")],
        ),
        (mode("STOP", "Power"), &[("T0816", "plc1")]),
        (
            mode("RUN", "a client over the network"),
            &[("T0816", "plc1")],
        ),
        (mode("FAULT", "watchdog"), &[]),
        (program(ProgramChange::Downloaded), &[("T0843", "plc1")]),
        (program(ProgramChange::Uploaded), &[("T0845", "plc1")]),
        (program(ProgramChange::ComparedEqual), &[]),
        (
            RecordKind::ArpClaim {
                ip: GATEWAY,
                old_mac: [1; 6],
                new_mac: [2; 6],
                by: RED,
                frame: 3,
            },
            &[("T0830", "fw1")],
        ),
        (
            RecordKind::Tampered {
                victim: "hmi".into(),
                asset: "plc1".into(),
                register: 0,
                real: 2800,
                shown: 2700,
                by: RED,
                frame: 3,
            },
            &[("T1692.002", "hmi"), ("T0832", "hmi")],
        ),
        (
            RecordKind::Flood {
                asset: "hmi".into(),
                frames_per_s: 900,
                by: RED,
                frame: 3,
            },
            &[("T0814", "hmi")],
        ),
        (
            RecordKind::Safety {
                asset: "sis1".into(),
                event: SafetyEvent::BypassOn,
                by: RED,
            },
            &[("T0837", "sis1")],
        ),
        (
            RecordKind::Safety {
                asset: "sis1".into(),
                event: SafetyEvent::Trip,
                by: RED,
            },
            &[],
        ),
    ];
    for (kind, expected) in table {
        assert_eq!(
            Bench::new().began(kind.clone()),
            pairs(expected),
            "{kind:?}"
        );
    }
}

#[test]
fn the_same_records_of_others_are_no_attack() {
    for by in [BLUE, WHITE, PrincipalId::RANGE] {
        let mut bench = Bench::new();
        for function in [
            fc::READ_INPUT_REGISTERS,
            fc::ENCAPSULATED_INTERFACE,
            fc::WRITE_SINGLE_REGISTER,
        ] {
            for _ in 0..5 {
                assert_eq!(
                    bench.see(RecordKind::Modbus(request("plc1", function, 0, 11, by))),
                    []
                );
            }
        }
        for port in 1..40 {
            assert_eq!(
                bench.see(connection(PLC1, port, ConnectionOutcome::Refused, by)),
                []
            );
        }
        assert_eq!(
            bench.see(RecordKind::Safety {
                asset: "sis1".into(),
                event: SafetyEvent::BypassOn,
                by
            }),
            []
        );
        assert_eq!(
            bench.see(RecordKind::Safety {
                asset: "sis1".into(),
                event: SafetyEvent::DemandWhileBypassed,
                by: RED
            }),
            []
        );
        assert_eq!(bench.hold(2900.0, 90, false), []);
        assert_eq!(bench.see(RecordKind::PlantEvent(PlantEvent::Ruptured)), []);
    }
}

#[test]
fn ten_pairs_within_a_minute_make_a_scan_of_their_zone() {
    let target = |n: u32| (0x0a1e_0a00 + n, 502);
    let mut bench = Bench::new();
    for n in 1..10 {
        let (ip, port) = target(n);
        assert_eq!(
            bench.see(connection(ip, port, ConnectionOutcome::TimedOut, RED)),
            []
        );
        assert_eq!(
            bench.see(connection(ip, port, ConnectionOutcome::TimedOut, RED)),
            [],
            "the same pair again"
        );
    }
    assert_eq!(
        bench.began(connection(
            0x0a1e_0a0a,
            102,
            ConnectionOutcome::TimedOut,
            RED
        )),
        pairs(&[("T0846.001", "control")])
    );

    let mut slow = Bench::new();
    for n in 1..40 {
        let (ip, port) = target(n);
        assert_eq!(
            slow.after(7)
                .see(connection(ip, port, ConnectionOutcome::TimedOut, RED)),
            []
        );
    }
}

#[test]
fn single_reads_add_up_to_an_identification_of_points() {
    let mut bench = Bench::new();
    let read = |a| RecordKind::Modbus(request("plc1", fc::READ_HOLDING_REGISTERS, a, 1, RED));
    assert_eq!(bench.began(read(1024)), []);
    assert_eq!(bench.began(read(1025)), []);
    assert_eq!(bench.began(read(1026)), pairs(&[("T0861", "plc1")]));
}

#[test]
fn an_instance_begins_once_and_goes_on_once_a_second() {
    let mut bench = Bench::new();
    let first = bench.see(write("plc1", 1029, RED));
    assert!(
        matches!(&first[0], RecordKind::AttackBegan { attack: 1, by: RED, visible: true, record, .. } if *record == bench.seq - 4)
    );
    assert_eq!(
        bench.see(write("plc1", 1029, RED)),
        [],
        "within the same second"
    );
    let again = bench.after(5).see(write("plc1", 1029, RED));
    let went: Vec<u32> = again
        .iter()
        .filter_map(|k| {
            if let RecordKind::AttackWent { attack, .. } = k {
                Some(*attack)
            } else {
                None
            }
        })
        .collect();
    assert_eq!(went, [1, 2, 3]);
    assert_eq!(
        began(&again),
        pairs(&[("T0806", "plc1")]),
        "third write of one address"
    );
}

#[test]
fn three_writes_of_one_address_count_only_within_a_minute() {
    let mut bench = Bench::new();
    for _ in 0..10 {
        let found = bench.after(31).see(write("plc1", 1029, RED));
        assert!(!began(&found).iter().any(|(t, _)| t == "T0806"));
    }
    for address in 0..100 {
        let found = bench.see(write("plc1", 2000 + address, RED));
        assert!(!began(&found).iter().any(|(t, _)| t == "T0806"));
    }
}

#[test]
fn a_demand_in_vain_belongs_to_whoever_set_the_bypass() {
    let safety = |event, by| RecordKind::Safety {
        asset: "sis1".into(),
        event,
        by,
    };
    let mut bench = Bench::new();
    bench.see(write("sis1", 1024, RED));
    // Nobody is named: the last writer set it.
    let found = bench.see(safety(SafetyEvent::BypassOn, PrincipalId::RANGE));
    assert_eq!(began(&found), pairs(&[("T0837", "sis1")]));
    assert!(
        found
            .iter()
            .any(|k| matches!(k, RecordKind::ObjectiveMet { id, by: RED, .. } if id == "disarm"))
    );
    let found = bench
        .after(60)
        .see(safety(SafetyEvent::DemandWhileBypassed, PrincipalId::RANGE));
    assert_eq!(began(&found), pairs(&[("T0880", "sis1")]));
    assert!(
        found
            .iter()
            .any(|k| matches!(k, RecordKind::ObjectiveMet { id, .. } if id == "demand"))
    );
    bench.see(safety(SafetyEvent::BypassOff, BLUE));
    assert_eq!(
        bench
            .after(60)
            .see(safety(SafetyEvent::DemandWhileBypassed, PrincipalId::RANGE)),
        []
    );
}

#[test]
fn a_plant_out_of_band_is_manipulated_while_a_red_value_stands() {
    let mut bench = Bench::new();
    bench.see(write("plc1", 1029, RED));
    assert_eq!(bench.hold(2770.0, 30, false), [], "in its band");
    assert_eq!(bench.hold(2790.0, 10, false), [], "not long enough");
    let found = bench.hold(2790.0, 1, false);
    assert_eq!(began(&found), pairs(&[("T0831", "plc1")]));
    assert_eq!(
        bench.hold(2790.0, 49, false),
        [],
        "a standing value is no new act"
    );
    let found = bench.hold(2790.0, 1, false);
    assert!(
        matches!(&found[..], [RecordKind::ObjectiveMet { id, by: RED, .. }] if id == "control"),
        "{found:?}"
    );
    assert_eq!(
        bench.hold(2790.0, 100, false),
        [],
        "an objective is met once"
    );
}

#[test]
fn a_plant_that_moves_after_a_red_write_is_manipulated_long_before_its_band_ends() {
    let moved = |by, pressure| {
        let mut bench = Bench::new();
        bench.hold(2700.0, 5, false);
        bench.see(write("plc1", 1029, by));
        began(&bench.hold(pressure, 5, false))
    };
    assert_eq!(moved(RED, 2971.0), pairs(&[("T0831", "plc1")]));
    assert_eq!(moved(RED, 2710.0), []);
    assert_eq!(moved(BLUE, 2971.0), []);
    let mut late = Bench::new();
    late.hold(2700.0, 5, false);
    late.see(write("plc1", 1029, RED));
    late.hold(2700.0, 31, false);
    assert_eq!(late.hold(2971.0, 5, false), []);
}

#[test]
fn any_request_of_an_attacker_is_that_of_a_rogue_master() {
    let mut bench = Bench::new();
    let found = bench.see(RecordKind::Modbus(request(
        "plc1",
        fc::READ_HOLDING_REGISTERS,
        0,
        1,
        RED,
    )));
    assert!(
        matches!(&found[..], [RecordKind::AttackBegan { technique, .. }] if technique == "T0848"),
        "{found:?}"
    );
}

#[test]
fn only_the_controller_that_drives_the_plant_counts() {
    let mut bench = Bench::new();
    bench.see(write("sis1", 1024, RED));
    assert_eq!(bench.hold(2790.0, 90, false), []);
}

#[test]
fn what_the_operator_overwrote_or_the_safety_did_is_not_reds() {
    let mut overwritten = Bench::new();
    overwritten.see(write("plc1", 1029, RED));
    overwritten.see(write("plc1", 1029, BLUE));
    assert_eq!(overwritten.hold(2790.0, 90, false), []);

    let mut tripped = Bench::new();
    tripped.see(write("plc1", 1029, RED));
    assert_eq!(tripped.hold(1500.0, 90, true), []);

    let mut restarted = Bench::new();
    restarted.see(write("plc1", 1029, RED));
    restarted.see(RecordKind::Mode {
        asset: "plc1".into(),
        mode: "RUN".into(),
        cause: "local".into(),
        by: BLUE,
    });
    assert_eq!(restarted.hold(2790.0, 90, false), []);

    let mut old = Bench::new();
    old.see(write("plc1", 1029, RED));
    old.after(21 * 60);
    assert_eq!(old.hold(2790.0, 90, false), []);
}

#[test]
fn a_rupture_under_a_red_value_is_reds() {
    let mut bench = Bench::new();
    bench.see(write("plc1", 1029, RED));
    bench.hold(2999.0, 20, false);
    let found = bench.see(RecordKind::PlantEvent(PlantEvent::Ruptured));
    assert_eq!(began(&found), pairs(&[("T0879", "reactor")]));
    assert!(
        found
            .iter()
            .any(|k| matches!(k, RecordKind::ObjectiveMet { id, .. } if id == "destroy"))
    );
}

#[test]
fn a_refused_write_names_the_key_and_who_turned_it() {
    let mut bench = Bench::new();
    let mut refused = request("sis1", fc::WRITE_SINGLE_REGISTER, 1024, 1, RED);
    refused.exception = Some(3);
    refused.changed = false;
    let found = bench.see(RecordKind::Modbus(refused.clone()));
    assert_eq!(
        began(&found),
        pairs(&[("T1692.001", "sis1")]),
        "the attempt is an attack"
    );
    assert_eq!(
        cause(&found),
        Some(("refused by the controller with exception 3".into(), None))
    );
    assert!(
        !found
            .iter()
            .any(|k| matches!(k, RecordKind::ObjectiveMet { .. })),
        "and meets no objective"
    );
    let turned = bench.seq;
    bench.see(RecordKind::Key {
        asset: "sis1".into(),
        position: "RUN".into(),
        by: BLUE,
    });
    let found = bench.after(2).see(RecordKind::Modbus(refused.clone()));
    assert_eq!(began(&found), []);
    assert_eq!(
        cause(&found),
        Some(("key of sis1 in RUN".into(), Some(turned)))
    );
    assert_eq!(bench.see(RecordKind::Modbus(refused)), [], "once a second");
}

#[test]
fn a_blocked_attacker_names_the_rule_that_used_to_let_him_pass() {
    let mut bench = Bench::new();
    assert_eq!(bench.see(blocked("")), [], "nobody is known to attack yet");
    bench.see(write("plc1", 1029, RED));
    assert_eq!(
        cause(&bench.after(2).see(blocked(""))),
        Some(("no firewall rule lets it pass".into(), None))
    );
    bench.see(firewall("r2", FirewallChange::Disabled, BLUE));
    let off = bench.seq;
    bench.see(firewall("r7", FirewallChange::Disabled, BLUE));
    let expected = Some(("firewall rule r7 switched off".into(), Some(off)));
    assert_eq!(cause(&bench.after(2).see(blocked(""))), expected);
    let cleared = bench.seq;
    bench.see(firewall("", FirewallChange::SessionsCleared, BLUE));
    assert_eq!(cause(&bench.after(2).see(blocked(""))), expected);
    bench.see(firewall("", FirewallChange::Undone, BLUE));
    assert_eq!(
        cause(&bench.after(2).see(blocked(""))),
        Some(("sessions cleared".into(), Some(cleared)))
    );
    let added = bench.seq;
    bench.see(firewall("deny-vendor", FirewallChange::Added, BLUE));
    assert_eq!(
        cause(&bench.after(2).see(blocked("deny-vendor"))),
        Some(("firewall rule deny-vendor".into(), Some(added)))
    );
}

#[test]
fn who_is_refused_from_the_first_packet_on_has_only_searched_and_names_the_rule() {
    let mut bench = Bench::new();
    let off = bench.seq;
    bench.see(firewall("r7", FirewallChange::Disabled, BLUE));
    let probe = |host: u32| {
        let mut probe = blocked("");
        if let RecordKind::Blocked { dst, .. } = &mut probe {
            *dst = PLC1 + host;
        }
        probe
    };
    for host in 20..29 {
        assert_eq!(bench.see(probe(host)), [], "too few for a scan");
    }
    let found = bench.see(probe(29));
    assert_eq!(began(&found), pairs(&[("T0846.001", "control")]));
    let expected = Some(("firewall rule r7 switched off".into(), Some(off)));
    assert_eq!(cause(&found), expected, "an address where nobody is");
    let found = bench.after(2).see(probe(0));
    assert_eq!(
        began(&found),
        [],
        "no attack on a host that he never reached"
    );
    assert_eq!(cause(&found), expected);
    let went = |kind: &RecordKind| matches!(kind, RecordKind::AttackWent { .. });
    assert!(!found.iter().any(went), "what is refused has no effect");
}

#[test]
fn a_change_that_is_undone_is_the_last_one_of_that_router() {
    let mut bench = Bench::new();
    bench.see(write("plc1", 1029, RED));
    let off = bench.seq;
    bench.see(firewall("r7", FirewallChange::Disabled, BLUE));
    let elsewhere = |rule: &str, change| {
        let mut record = firewall(rule, change, BLUE);
        if let RecordKind::Firewall { router, .. } = &mut record {
            *router = "fw2".into();
        }
        record
    };
    bench.see(elsewhere("r9", FirewallChange::Added));
    bench.see(elsewhere("", FirewallChange::Undone));
    assert_eq!(
        cause(&bench.after(2).see(blocked(""))),
        Some(("firewall rule r7 switched off".into(), Some(off)))
    );
}

#[test]
fn a_connection_ends_by_clearing_only_if_it_was_of_no_use_since() {
    let mut bench = Bench::new();
    bench.see(connection(PLC1, 502, ConnectionOutcome::Established, RED));
    bench.see(write("plc1", 1029, RED));
    assert_eq!(
        cause(
            &bench
                .after(1)
                .see(connection(PLC1, 502, ConnectionOutcome::Closed, RED))
        ),
        None,
        "he closed it himself"
    );
    let cleared = bench.after(1).seq;
    bench.see(firewall("", FirewallChange::SessionsCleared, BLUE));
    assert_eq!(
        cause(
            &bench
                .after(20)
                .see(connection(PLC1, 502, ConnectionOutcome::Closed, RED))
        ),
        Some(("sessions cleared".into(), Some(cleared)))
    );
    let off = bench.seq;
    bench.see(firewall("r7", FirewallChange::Removed, BLUE));
    assert_eq!(
        cause(
            &bench
                .after(20)
                .see(connection(PLC1, 502, ConnectionOutcome::TimedOut, RED))
        ),
        Some(("firewall rule r7 removed".into(), Some(off)))
    );
    assert_eq!(
        cause(
            &bench
                .after(2)
                .see(connection(PLC1, 102, ConnectionOutcome::Refused, RED))
        ),
        None,
        "never reached"
    );
}

#[test]
fn a_lost_view_is_reds_only_behind_his_flood_or_claim() {
    let lost = || RecordKind::Communication {
        station: "hmi".into(),
        asset: "plc1".into(),
        good: false,
    };
    assert_eq!(Bench::new().see(lost()), []);
    let mut bench = Bench::new();
    bench.see(RecordKind::ArpClaim {
        ip: GATEWAY,
        old_mac: [1; 6],
        new_mac: [2; 6],
        by: RED,
        frame: 3,
    });
    assert_eq!(bench.after(30).began(lost()), pairs(&[("T0829", "hmi")]));
    let mut late = Bench::new();
    late.see(RecordKind::Flood {
        asset: "hmi".into(),
        frames_per_s: 900,
        by: RED,
        frame: 3,
    });
    assert_eq!(late.after(11).see(lost()), []);
}

#[test]
fn a_block_read_of_the_plc_meets_its_objective() {
    let mut bench = Bench::new();
    let found = bench.see(RecordKind::Modbus(request(
        "plc1",
        fc::READ_INPUT_REGISTERS,
        0,
        11,
        RED,
    )));
    assert!(
        found
            .iter()
            .any(|k| matches!(k, RecordKind::ObjectiveMet { id, .. } if id == "know"))
    );
}

#[test]
fn memory_stays_bounded_whatever_red_does() {
    let mut bench = Bench::new();
    for n in 0..20_000_u32 {
        let address = u16::try_from(n % 60_000).unwrap();
        bench.see(write("plc1", address, RED));
        bench.see(RecordKind::Connection {
            conn: n,
            src: VENDOR,
            dst: n.wrapping_mul(2_654_435_761),
            port: address,
            outcome: ConnectionOutcome::Established,
            by: RED,
            frame: 0,
        });
        bench.see(firewall(&format!("rule-{n}"), FirewallChange::Added, BLUE));
    }
    assert!(
        bench.labeller.facts.size() < 10_000,
        "{}",
        bench.labeller.facts.size()
    );
    assert!(bench.labeller.instances.len() <= ATTACKS_MAX);
}

#[test]
fn equal_records_give_equal_digests() {
    let digest = |address: u16| {
        let mut bench = Bench::new();
        bench.see(write("plc1", address, RED));
        bench.hold(2800.0, 30, false);
        let mut hasher = StateHasher::new();
        bench.labeller.digest(&mut hasher);
        hasher.finish()
    };
    assert_eq!(digest(1029), digest(1029));
    assert_ne!(digest(1029), digest(1026));
}

#[test]
fn addresses_of_the_scenario_are_those_of_the_tests() {
    let scenario = scenario();
    let ip = |id: &str| scenario.hosts.iter().find(|h| h.id == id).unwrap().ip;
    assert_eq!(
        (ip("vendor"), ip("plc1")),
        (Ipv4Addr::from(VENDOR), Ipv4Addr::from(PLC1))
    );
}
