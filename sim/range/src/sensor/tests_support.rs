//! A small scenario with the names and addresses of `first-watch`, without reading its folder.

use sim_record::{SimDuration, SimTime};
use sim_scenario::model::{
    Controller, ControllerKind, Detection, DetectionRule, FailState, Hmi, Host, IoLink, Objective,
    ObjectiveRule, Pace, Persona, PlantSignal, Router, Scenario, Tag, Zone,
};
use sim_view::{KeyPosition, RuleSpec, Table};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// The scenario.
pub(crate) fn scenario() -> Scenario {
    let pace = Pace {
        red_from: SimTime::ZERO,
        red_until: SimTime::from_secs(1200),
        ends: SimTime::from_secs(1620),
    };
    Scenario {
        id: "first-watch".into(),
        title: String::new(),
        start_utc_us: 0,
        paces: BTreeMap::from([("class".into(), pace)]),
        casts: BTreeMap::new(),
        default_cast: String::new(),
        plants: BTreeMap::new(),
        zones: vec![zone("supervisory", 20), zone("control", 10)],
        routers: vec![router()],
        diodes: Vec::new(),
        hosts: vec![
            host("hmi", "supervisory", [20, 10], true),
            host("historian", "supervisory", [20, 20], true),
            host("ews", "supervisory", [20, 30], true),
            host("vendor", "supervisory", [20, 40], false),
            host("scanner", "supervisory", [20, 60], true),
            host("plc1", "control", [10, 11], false),
            host("sis1", "control", [10, 21], false),
        ],
        controllers: vec![
            controller("plc1", ControllerKind::Plc),
            controller("sis1", ControllerKind::Sis),
        ],
        external_controllers: Vec::new(),
        tags: tags(),
        hmis: vec![Hmi {
            host: "hmi".into(),
            period: SimDuration::from_secs(1),
            stale: SimDuration::from_secs(5),
            tags: tags().into_keys().collect(),
        }],
        historians: Vec::new(),
        workstations: Vec::new(),
        sensors: Vec::new(),
        alarms: Vec::new(),
        detections: detections(),
        gauges: BTreeMap::new(),
        people: sim_scenario::model::People::default(),
        footholds: Vec::new(),
        endpoints: Vec::new(),
        actors: BTreeMap::new(),
        latent: Vec::new(),
        recovery: Vec::new(),
        objectives: objectives(),
        injects: Vec::new(),
        vary: sim_scenario::model::Vary::default(),
    }
}

fn zone(id: &str, net: u8) -> Zone {
    Zone {
        id: id.into(),
        purdue_level_x10: 10,
        network: Ipv4Addr::new(10, 30, net, 0),
        prefix: 24,
        tapped: true,
        latency: SimDuration::from_millis(1),
        loss_ppm: 0,
        bandwidth_bps: None,
    }
}

fn router() -> Router {
    let rule = |id: &str, src: &str| RuleSpec {
        id: id.into(),
        action: "accept".into(),
        src: src.into(),
        dst: "10.30.10.0/24".into(),
        port: Some(502),
        functions: Vec::new(),
        addresses: None,
        owner: String::new(),
        reason: String::new(),
        expires_s: None,
    };
    Router {
        id: "fw1".into(),
        interfaces: vec![
            ("supervisory".into(), Ipv4Addr::new(10, 30, 20, 1)),
            ("control".into(), Ipv4Addr::new(10, 30, 10, 1)),
        ],
        rules: vec![rule("r2", "10.30.20.20"), rule("r7", "10.30.20.40")],
        default_action: "drop".into(),
    }
}

fn host(id: &str, zone: &str, [net, number]: [u8; 2], allow_listed: bool) -> Host {
    Host {
        id: id.into(),
        title: id.into(),
        zone: zone.into(),
        ip: Ipv4Addr::new(10, 30, net, number),
        allow_listed,
        open_ports: Vec::new(),
    }
}

fn controller(id: &str, kind: ControllerKind) -> Controller {
    let to = PlantSignal {
        plant: "reactor".into(),
        signal: "X1".into(),
    };
    let text = String::new;
    Controller {
        id: id.into(),
        kind,
        persona: Persona {
            device: None,
            vendor: text(),
            product: text(),
            revision: text(),
            model: text(),
        },
        programs: Vec::new(),
        period: SimDuration::from_millis(100),
        key: KeyPosition::Remote,
        key_gates_writes: kind == ControllerKind::Sis,
        unit: 1,
        io: vec![IoLink::OutputWord {
            word: 0,
            to,
            scale: 100.0,
            fail: FailState::Off,
        }],
        modbus_map: Vec::new(),
        input_limits: Vec::new(),
        safety: None,
        reply_delay: SimDuration::from_millis(5),
        modbus: true,
        s7: None,
    }
}

fn tags() -> BTreeMap<String, Tag> {
    let tag = |name: &str, controller: &str, table, address| {
        let tag = Tag {
            controller: controller.into(),
            table,
            address,
            scale: 1.0,
            unit: String::new(),
            min: 0.0,
            max: 3200.0,
            writable: false,
            title: String::new(),
        };
        (name.to_owned(), tag)
    };
    BTreeMap::from([
        tag("PT-101", "plc1", Table::Input, 0),
        tag("PIC-101.MODE", "plc1", Table::Holding, 1025),
        tag("FIC-101.MODE", "plc1", Table::Holding, 1028),
        tag("FIC-101.OP", "plc1", Table::Holding, 1029),
        tag("PT-201", "sis1", Table::Input, 3),
        tag("SIS-1.BYPASS", "sis1", Table::Discrete, 1),
        tag("SIS-1.REMOTE", "sis1", Table::Discrete, 2),
        tag("SIS-1.PROGRAM", "sis1", Table::Discrete, 3),
    ])
}

fn detections() -> Vec<Detection> {
    let detection = |id: &str, technique: &str, rule, rearm_s| Detection {
        id: id.into(),
        technique: technique.into(),
        title: String::new(),
        rule,
        rearm: SimDuration::from_secs(rearm_s),
    };
    let text = |t: &str| t.to_owned();
    vec![
        detection("new-master", "T0848", DetectionRule::NewMaster, 600),
        detection(
            "scan",
            "T0846.001",
            DetectionRule::Scan {
                pairs: 20,
                seconds: 30,
            },
            600,
        ),
        detection(
            "identification",
            "T0888",
            DetectionRule::Identification,
            600,
        ),
        detection(
            "write-source",
            "T1692.001",
            DetectionRule::WriteNotFrom(vec![text("hmi"), text("ews")]),
            120,
        ),
        detection(
            "sis-write",
            "T1692.001",
            DetectionRule::WriteTo(vec![text("sis1")]),
            120,
        ),
        detection(
            "sis-key",
            "T0858",
            DetectionRule::KeyNotRun(text("sis1")),
            3600,
        ),
        detection(
            "sis-bypass",
            "T0837",
            DetectionRule::Bypass {
                tag: text("SIS-1.BYPASS"),
            },
            600,
        ),
        detection(
            "mode-change",
            "T0836",
            DetectionRule::ModeChange(vec![text("PIC-101.MODE"), text("FIC-101.MODE")]),
            60,
        ),
        detection(
            "pressure-deviation",
            "T1692.002",
            DetectionRule::Deviation {
                a: text("PT-101"),
                b: text("PT-201"),
                limit: 30.0,
                seconds: 10,
            },
            600,
        ),
        detection(
            "pressure-rate",
            "T0831",
            DetectionRule::Rate {
                tag: text("PT-101"),
                limit_per_min: 25.0,
            },
            600,
        ),
        detection(
            "feed-manual",
            "T0831",
            DetectionRule::AboveWhile {
                tag: text("FIC-101.OP"),
                limit: 75.0,
                mode: text("FIC-101.MODE"),
                value: 1.0,
            },
            600,
        ),
        detection("arp-change", "T0830", DetectionRule::ArpChange, 600),
    ]
}

fn objectives() -> Vec<Objective> {
    let objective = |id: &str, technique: &str, rule| Objective {
        id: id.into(),
        title: String::new(),
        technique: technique.into(),
        rule,
    };
    vec![
        objective("know", "T0861", ObjectiveRule::Attack("plc1".into())),
        objective("command", "T1692.001", ObjectiveRule::Attack("sis1".into())),
        objective("disarm", "T0837", ObjectiveRule::Attack("sis1".into())),
        objective(
            "control",
            "T0831",
            ObjectiveRule::OutOfBand("reactor".into(), 60),
        ),
        objective(
            "demand",
            "T0880",
            ObjectiveRule::DemandWhileBypassed("sis1".into()),
        ),
        objective(
            "destroy",
            "T0879",
            ObjectiveRule::Destroyed("reactor".into()),
        ),
    ]
}
