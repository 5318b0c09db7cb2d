//! What the firewall lets through, refuses, logs, and what changes of its rules do to live sessions.

#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use sim_net::{
    Action, Change, CloseReason, FirewallError, FirewallLog, FirewallSpec, HostEvent, LinkSpec,
    LogCause, ModbusMatch, Protocol, Rule, RuleId, SessionFilter, Subnet, UnreachableCause,
};
use sim_record::SimTime;
use support::{
    FOOTHOLD, FOOTHOLD_IP, HMI, HMI_IP, Net, PLC, PLC_IP, ROUTER, SIS_IP, SUPERVISORY,
    closed_firewall, topology,
};

const READ: [u8; 12] = [0, 1, 0, 0, 0, 6, 1, 3, 4, 0, 0, 18];
const WRITE: [u8; 12] = [0, 2, 0, 0, 0, 6, 1, 6, 4, 1, 0, 1];

fn any_to_502(id: u16, action: Action) -> Rule {
    Rule::new(id, action)
        .between(Subnet::ANY, Subnet::host(PLC_IP))
        .tcp(502)
}

fn net(rules: Vec<Rule>) -> Net {
    net_with(closed_firewall(rules))
}

fn net_with(firewall: FirewallSpec) -> Net {
    let mut net = Net::new(&topology(firewall, LinkSpec::default()), 1);
    net.fabric.listen(PLC, 502, 8).unwrap();
    net.fabric.listen(PLC, 80, 8).unwrap();
    net
}

fn log(net: &Net) -> Vec<FirewallLog> {
    let line = |e: &HostEvent| match e {
        HostEvent::FirewallLog(line) => Some(line.clone()),
        _ => None,
    };
    net.events.iter().filter_map(line).collect()
}

fn sends(net: &mut Net, conn: sim_net::ConnId, data: &[u8]) -> bool {
    let before = net.received(conn).len();
    net.send(conn, data);
    net.run_ms(100);
    net.received(conn).len() == before + data.len()
}

#[test]
fn the_first_matching_rule_decides() {
    let mut net = net(vec![
        any_to_502(5, Action::Drop).between(Subnet::host(FOOTHOLD_IP), Subnet::ANY),
        any_to_502(7, Action::Accept),
        Rule::new(9, Action::Reject).tcp(80),
    ]);
    net.connected(HMI, PLC_IP, 502);
    let dropped = net.connect(FOOTHOLD, PLC_IP, 502);
    let rejected = net.connect(HMI, PLC_IP, 80);
    net.run_ms(1_000);
    assert_eq!(net.close_reason(dropped), None);
    assert_eq!(net.close_reason(rejected), Some(CloseReason::Refused));
    net.run_ms(21_000);
    assert_eq!(net.close_reason(dropped), Some(CloseReason::Timeout));
    let sessions = net.fabric.sessions(ROUTER).unwrap();
    assert_eq!(sessions.len(), 1);
    assert_eq!(
        (sessions[0].rule, sessions[0].flow.src.0),
        (Some(RuleId(7)), HMI_IP)
    );
}

#[test]
fn rejected_datagrams_are_prohibited_and_dropped_ones_silent() {
    let mut reject = Rule::new(1, Action::Reject);
    reject.protocol = Protocol::Udp;
    reject.dst_ports = 161..=161;
    let mut net = net(vec![reject]);
    net.fabric
        .udp_send(net.now, HMI, 5_000, (PLC_IP, 161), b"x")
        .unwrap();
    net.fabric
        .udp_send(net.now, HMI, 5_000, (PLC_IP, 162), b"x")
        .unwrap();
    net.run_ms(5_000);
    let causes: Vec<_> = net
        .events
        .iter()
        .filter_map(|e| match e {
            HostEvent::Unreachable {
                port, cause, from, ..
            } => Some((*port, *cause, *from)),
            _ => None,
        })
        .collect();
    assert_eq!(
        causes,
        [(161, UnreachableCause::Prohibited, support::GATEWAY_20)]
    );
}

#[test]
fn a_rule_stops_matching_when_it_expires_and_its_sessions_go_on() {
    let mut rule = any_to_502(7, Action::Accept);
    rule.expires = Some(SimTime::from_secs(10));
    let mut net = net(vec![rule]);
    let early = net.connected(HMI, PLC_IP, 502);
    net.run_ms(10_000);
    let late = net.connect(HMI, PLC_IP, 502);
    net.run_ms(1_000);
    assert!(!net.is_connected(late));
    assert!(sends(&mut net, early, b"still here"));
}

#[test]
fn a_disabled_rule_ends_sessions_only_when_they_are_cleared() {
    let mut net = net(vec![
        any_to_502(7, Action::Accept),
        any_to_502(8, Action::Reject),
    ]);
    let hmi = net.connected(HMI, PLC_IP, 502);
    let red = net.connected(FOOTHOLD, PLC_IP, 502);
    net.fabric
        .change_firewall(net.now, ROUTER, &Change::Disable(RuleId(7)))
        .unwrap();
    assert!(sends(&mut net, red, b"still here"));
    let late = net.connect(FOOTHOLD, PLC_IP, 502);
    net.run_ms(100);
    assert_eq!(net.close_reason(late), Some(CloseReason::Refused));
    let filter = SessionFilter {
        address: Some(Subnet::host(FOOTHOLD_IP)),
        ..SessionFilter::default()
    };
    assert_eq!(net.fabric.clear_sessions(net.now, ROUTER, &filter), Ok(1));
    net.send(red, b"gone");
    net.run_ms(100);
    assert_eq!(net.close_reason(red), Some(CloseReason::Reset));
    assert!(sends(&mut net, hmi, b"not cleared"));
}

#[test]
fn clearing_sessions_spares_what_the_rules_still_allow() {
    let mut net = net(vec![any_to_502(7, Action::Accept)]);
    let conn = net.connected(HMI, PLC_IP, 502);
    assert_eq!(
        net.fabric
            .clear_sessions(net.now, ROUTER, &SessionFilter::default()),
        Ok(1)
    );
    assert!(sends(&mut net, conn, b"picked up"));
    assert_eq!(net.fabric.sessions(ROUTER).unwrap().len(), 1);
}

#[test]
fn a_preview_names_the_sessions_that_a_change_would_refuse() {
    let mut net = net(vec![any_to_502(7, Action::Accept)]);
    net.connected(HMI, PLC_IP, 502);
    net.connected(FOOTHOLD, PLC_IP, 502);
    let block = any_to_502(3, Action::Drop).between(Subnet::host(FOOTHOLD_IP), Subnet::ANY);
    let insert = Change::Insert {
        index: 0,
        rule: Box::new(block),
    };
    let affected = net.fabric.preview_firewall(ROUTER, &insert).unwrap();
    assert_eq!(affected.len(), 1);
    assert_eq!(
        (affected[0].session.flow.src.0, affected[0].action),
        (FOOTHOLD_IP, Action::Drop)
    );
    let all = net
        .fabric
        .preview_firewall(ROUTER, &Change::Remove(RuleId(7)))
        .unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(net.fabric.firewall(ROUTER).unwrap().rules.len(), 1);
}

#[test]
fn each_change_can_be_undone() {
    let mut net = net(vec![any_to_502(7, Action::Accept)]);
    let before = net.fabric.firewall(ROUTER).unwrap().clone();
    let changes = [
        Change::Insert {
            index: 0,
            rule: Box::new(Rule::new(3, Action::Drop)),
        },
        Change::Disable(RuleId(7)),
        Change::Enable(RuleId(7)),
        Change::Default(Action::Accept),
        Change::Remove(RuleId(7)),
    ];
    for change in &changes {
        net.fabric.change_firewall(net.now, ROUTER, change).unwrap();
    }
    for _ in &changes {
        net.fabric.undo_firewall(net.now, ROUTER).unwrap();
    }
    assert_eq!(net.fabric.firewall(ROUTER).unwrap(), &before);
    assert_eq!(
        net.fabric.undo_firewall(net.now, ROUTER),
        Err(FirewallError::NothingToUndo)
    );
    let twice = Change::Insert {
        index: 0,
        rule: Box::new(Rule::new(7, Action::Drop)),
    };
    assert_eq!(
        net.fabric.change_firewall(net.now, ROUTER, &twice),
        Err(FirewallError::DuplicateRule(RuleId(7)))
    );
}

#[test]
fn a_read_only_conduit_lets_reads_through_and_resets_a_write() {
    let mut reads = any_to_502(1, Action::Accept).logged();
    reads.modbus = Some(ModbusMatch {
        functions: vec![3],
        addresses: Some(1_024..=1_041),
    });
    let mut net = net(vec![reads, any_to_502(2, Action::Reject).logged()]);
    let conn = net.connected(HMI, PLC_IP, 502);
    assert!(sends(&mut net, conn, &READ));
    assert!(sends(&mut net, conn, &[READ, READ].concat()));
    net.send(conn, &WRITE);
    net.run_ms(100);
    assert_eq!(net.close_reason(conn), Some(CloseReason::Reset));
    let lines: Vec<_> = log(&net)
        .iter()
        .map(|l| (l.rule, l.action, l.cause))
        .collect();
    let read = LogCause::Modbus {
        function: 3,
        address: Some(1_024),
    };
    let write = LogCause::Modbus {
        function: 6,
        address: Some(1_025),
    };
    let (accept, reject) = (Some(RuleId(1)), Some(RuleId(2)));
    let session = (accept, Action::Accept, LogCause::Session);
    let read = (accept, Action::Accept, read);
    assert_eq!(
        lines,
        [session, read, read, read, (reject, Action::Reject, write)]
    );
}

#[test]
fn a_conduit_refuses_half_requests_and_what_is_not_modbus() {
    for bytes in [
        &READ[..8],
        b"GET / HTTP/1.0\r\n\r\n",
        &[READ, WRITE].concat(),
    ] {
        let mut reads = any_to_502(1, Action::Accept);
        reads.modbus = Some(ModbusMatch::reads());
        let mut net = net(vec![reads, any_to_502(2, Action::Drop)]);
        let conn = net.connected(HMI, PLC_IP, 502);
        assert!(!sends(&mut net, conn, bytes), "{bytes:?}");
        assert!(net.received(conn).is_empty());
    }
}

#[test]
fn a_conduit_rule_in_front_of_a_wide_one_forbids_single_functions() {
    let mut writes = any_to_502(1, Action::Reject);
    writes.modbus = Some(ModbusMatch {
        functions: vec![5, 6, 15, 16],
        addresses: None,
    });
    let mut net = net(vec![writes, any_to_502(2, Action::Accept)]);
    let conn = net.connected(HMI, PLC_IP, 502);
    assert!(sends(&mut net, conn, &READ));
    net.send(conn, &WRITE);
    net.run_ms(100);
    assert_eq!(net.close_reason(conn), Some(CloseReason::Reset));
}

#[test]
fn a_session_keeps_the_policy_under_which_it_began() {
    let mut net = net(vec![any_to_502(7, Action::Accept)]);
    let conn = net.connected(HMI, PLC_IP, 502);
    let mut writes = any_to_502(1, Action::Reject);
    writes.modbus = Some(ModbusMatch {
        functions: vec![6],
        addresses: None,
    });
    let change = Change::Insert {
        index: 0,
        rule: Box::new(writes),
    };
    let affected = net.fabric.preview_firewall(ROUTER, &change).unwrap();
    assert_eq!((affected.len(), affected[0].action), (1, Action::Accept));
    net.fabric
        .change_firewall(net.now, ROUTER, &change)
        .unwrap();
    assert!(sends(&mut net, conn, &WRITE));
    net.fabric
        .clear_sessions(net.now, ROUTER, &SessionFilter::default())
        .unwrap();
    net.send(conn, &WRITE);
    net.run_ms(100);
    assert_eq!(net.close_reason(conn), Some(CloseReason::Reset));
}

#[test]
fn the_log_says_who_and_which_frame_and_is_limited() {
    let mut firewall = closed_firewall(vec![]);
    firewall.log_default = true;
    firewall.log_per_second = 3;
    let mut net = net_with(firewall);
    for port in 1..=10 {
        net.fabric
            .udp_send(net.now, FOOTHOLD, 5_000, (SIS_IP, port), b"x")
            .unwrap();
    }
    net.run_ms(1_500);
    net.fabric
        .udp_send(net.now, FOOTHOLD, 5_000, (SIS_IP, 99), b"x")
        .unwrap();
    net.run_ms(100);
    let lines = log(&net);
    let ports: Vec<_> = lines.iter().map(|l| (l.dst_port, l.suppressed)).collect();
    assert_eq!(ports, [(1, 0), (2, 0), (3, 0), (99, 7)]);
    let first = &lines[0];
    assert_eq!(
        (first.rule, first.action, first.origin),
        (None, Action::Drop, FOOTHOLD)
    );
    let frame = net
        .captured
        .iter()
        .find(|f| f.number == first.frame)
        .unwrap();
    assert_eq!(frame.switch, SUPERVISORY);
}

#[test]
fn pings_pass_only_where_allowed_and_their_answers_come_back() {
    let mut echo = Rule::new(1, Action::Accept).between(Subnet::host(HMI_IP), Subnet::ANY);
    echo.protocol = Protocol::Icmp;
    let mut net = net(vec![echo]);
    let sequence = net.fabric.ping(net.now, HMI, PLC_IP).unwrap();
    net.fabric.ping(net.now, FOOTHOLD, PLC_IP).unwrap();
    net.run_ms(1_000);
    let replies: Vec<_> = net
        .events
        .iter()
        .filter_map(|e| match e {
            HostEvent::PingReply {
                host,
                sequence,
                from,
                ..
            } => Some((*host, *sequence, *from)),
            _ => None,
        })
        .collect();
    assert_eq!(replies, [(HMI, sequence, PLC_IP)]);
}

#[test]
fn rules_that_make_no_sense_are_refused() {
    let ports = Rule {
        dst_ports: 1..=2,
        ..Rule::new(1, Action::Accept)
    };
    let modbus = Rule {
        modbus: Some(ModbusMatch::reads()),
        ..Rule::new(1, Action::Accept)
    };
    let long = Rule {
        reason: "x".repeat(300),
        ..Rule::new(1, Action::Accept)
    };
    for rule in [ports, modbus, long] {
        let fault = closed_firewall(vec![rule]).check();
        assert!(
            matches!(fault, Err(FirewallError::BadRule { id: RuleId(1), .. })),
            "{fault:?}"
        );
    }
    let many = (0..300).map(|id| Rule::new(id, Action::Drop)).collect();
    assert_eq!(
        closed_firewall(many).check(),
        Err(FirewallError::TooManyRules)
    );
}
