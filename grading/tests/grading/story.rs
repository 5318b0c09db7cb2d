//! Writes lists of records by hand, as a range would.

use grading::{MetricScore, Report, Rubric, grade};
use sim_record::{
    AlarmState, AssetInfo, EndReason, FieldStage, FirewallChange, MatchInfo, ModbusRecord,
    PlantEvent, PlantInfo, PlantSample, Principal, PrincipalId, Record, RecordKind, ReportRecord,
    ReportStage, Role, SafetyEvent, SimTime, Team,
};

pub const RED: PrincipalId = PrincipalId(1);
pub const BLUE: PrincipalId = PrincipalId(2);
pub const WHITE: PrincipalId = PrincipalId(3);
pub const VENDOR_IP: u32 = 0x0A1E_1428;

/// A match in the making.
#[derive(Clone, Debug)]
pub struct Story {
    pub records: Vec<Record>,
    now: SimTime,
    pub pressure: f64,
    pub q: f64,
    pub unsafe_now: bool,
    pub inhibited: bool,
    pub tripped: bool,
    frame: u64,
}

impl Story {
    /// Declarations at time 0: one plant, two controllers, HMI, vendor host, one latent condition.
    pub fn new() -> Self {
        let mut story = Self {
            records: Vec::new(),
            now: SimTime::ZERO,
            pressure: 2700.0,
            q: 1.0,
            unsafe_now: false,
            inhibited: false,
            tripped: false,
            frame: 100,
        };
        story.push(RecordKind::Match(MatchInfo {
            scenario: "first-watch".into(),
            title: "First watch".into(),
            cast: "test".into(),
            pace: "class".into(),
            seed: 7,
            start_utc_us: 1_772_375_400_000_000,
            red_window: (SimTime::ZERO, SimTime::from_secs(1200)),
            ends: SimTime::from_secs(1620),
            practice: true,
        }));
        let people = [
            (RED, Team::Red, Role::Red, "red-one"),
            (BLUE, Team::Blue, Role::Defender, "blue-one"),
            (WHITE, Team::White, Role::Worker, "vendor"),
        ];
        for (id, team, role, name) in people {
            let principal = Principal::actor(name, team, role, None);
            story.push(RecordKind::Principal { id, principal });
        }
        let assets = [
            ("plc-1", 0x0A1E_0A0B, "PLC"),
            ("sis-1", 0x0A1E_0A15, "safety controller"),
            ("hmi-1", 0x0A1E_140A, "HMI"),
            ("historian-1", 0x0A1E_1414, "historian"),
            ("vendor-1", VENDOR_IP, "remote access"),
        ];
        for (id, ip, role) in assets {
            story.push(RecordKind::Asset(AssetInfo {
                id: id.into(),
                ip,
                role: role.into(),
                zone: "control".into(),
                purdue_level: 1,
                allow_listed: false,
            }));
        }
        story.push(RecordKind::Plant(PlantInfo {
            id: "reactor".into(),
            kind: "te-reactor".into(),
            signals: vec!["PT-101".into()],
            units: vec!["kPa".into()],
            q0: 1.0,
            key_signal: ("PT-101".into(), 2625.0, 2775.0, 3000.0),
        }));
        story.push(RecordKind::Latent {
            id: "key-remote".into(),
            asset: "sis-1".into(),
            technique: "T0858".into(),
            title: "the SIS key stands in REMOTE".into(),
        });
        story.push(RecordKind::Objective {
            id: "blind".into(),
            title: "Inhibit the safety function".into(),
            technique: "T0837".into(),
        });
        story.push(RecordKind::Objective {
            id: "move".into(),
            title: "Move the pressure out of its band".into(),
            technique: "T0831".into(),
        });
        story.sample();
        story
    }

    pub fn push(&mut self, kind: RecordKind) -> u64 {
        let seq = self.records.len() as u64;
        self.records.push(Record {
            seq,
            time: self.now,
            kind,
        });
        seq
    }

    pub fn sample(&mut self) {
        let sample = PlantSample {
            plant: 0,
            q: self.q,
            unsafe_now: self.unsafe_now,
            inhibited: self.inhibited,
            tripped: self.tripped,
            values: vec![self.pressure],
        };
        self.push(RecordKind::Sample(sample));
    }

    /// Lets time pass up to `at_s` with a sample each second, the pressure moving evenly to `pressure`.
    pub fn run_to(&mut self, at_s: u64, pressure: f64) -> &mut Self {
        let from_s = self.now.0 / 1_000_000;
        let step = (pressure - self.pressure) / (at_s.saturating_sub(from_s).max(1) as f64);
        for second in from_s + 1..=at_s {
            self.now = SimTime::from_secs(second);
            self.pressure += step;
            self.sample();
        }
        self
    }

    /// Lets time pass at the present pressure.
    pub fn run(&mut self, at_s: u64) -> &mut Self {
        let pressure = self.pressure;
        self.run_to(at_s, pressure)
    }

    pub fn modbus(&mut self, asset: &str, function: u8, address: u16, values: &[u16]) -> u64 {
        self.frame += 2;
        let write = [5, 6, 15, 16].contains(&function);
        self.push(RecordKind::Modbus(ModbusRecord {
            conn: 9,
            src: VENDOR_IP,
            asset: asset.into(),
            unit: 1,
            function,
            address: Some(address),
            count: values.len().max(1) as u16,
            values: values.to_vec(),
            write,
            changed: write,
            exception: None,
            by: RED,
            frame: self.frame,
        }))
    }

    /// An attack instance with the write that shows it.
    pub fn attack(&mut self, attack: u32, technique: &str, asset: &str) -> u64 {
        let shown = self.modbus(asset, 16, 1025, &[1, 0]);
        self.push(RecordKind::AttackBegan {
            attack,
            technique: technique.into(),
            asset: asset.into(),
            by: RED,
            record: shown,
            visible: true,
        })
    }

    pub fn attack_again(&mut self, attack: u32) {
        let record = self.modbus("plc-1", 6, 1029, &[10_000]);
        self.push(RecordKind::AttackWent { attack, record });
    }

    pub fn refuse(&mut self, attack: u32, command: Option<u64>) {
        self.frame += 1;
        let record = self.push(RecordKind::Blocked {
            router: "fw-1".into(),
            rule: "rule-7".into(),
            src: VENDOR_IP,
            dst: 0x0A1E_0A0B,
            port: 502,
            by: RED,
            frame: self.frame,
        });
        let cause = "rule-7 is off".into();
        self.push(RecordKind::AttackRefused {
            attack,
            cause,
            command,
            record,
        });
    }

    pub fn command(&mut self, by: PrincipalId, text: &str) -> u64 {
        self.push(RecordKind::Command {
            by,
            text: text.into(),
            refused: None,
        })
    }

    pub fn firewall_off(&mut self) -> u64 {
        self.push(RecordKind::Firewall {
            by: BLUE,
            router: "fw-1".into(),
            rule: "rule-7".into(),
            change: FirewallChange::Disabled,
            sessions_ended: 1,
        })
    }

    /// A shipped detection on an asset that names no attack of these stories; reports cite it.
    pub fn evidence(&mut self, asset: &str) -> u64 {
        let fired = self.records.iter().find(|record| {
            matches!(&record.kind, RecordKind::Detection { rule, asset: on, .. } if rule == "odd-traffic" && on == asset)
        });
        if let Some(record) = fired {
            return record.seq;
        }
        self.push(RecordKind::Detection {
            rule: "odd-traffic".into(),
            asset: asset.into(),
            technique: "T0887".into(),
            text: "odd traffic".into(),
            frame: 0,
        })
    }

    pub fn report(&mut self, report: u32, asset: &str, technique: &str) -> u64 {
        let began = self.now;
        self.report_as(report, ReportStage::Filed, asset, technique, began, |_| {})
    }

    pub fn report_as(
        &mut self,
        report: u32,
        stage: ReportStage,
        asset: &str,
        technique: &str,
        began: SimTime,
        change: impl FnOnce(&mut ReportRecord),
    ) -> u64 {
        let evidence = vec![self.evidence(asset)];
        let mut record = ReportRecord {
            report,
            by: BLUE,
            stage,
            asset: asset.into(),
            technique: technique.into(),
            began,
            needs_confirmation: false,
            closed_as_benign: false,
            evidence,
            text_hash: String::new(),
        };
        change(&mut record);
        self.push(RecordKind::Report(record))
    }

    pub fn close(&mut self, report: u32, asset: &str, technique: &str) -> u64 {
        let began = self.now;
        self.report_as(report, ReportStage::Closed, asset, technique, began, |_| {})
    }

    pub fn alarm(&mut self, alarm: &str, priority: u8, state: AlarmState) -> u64 {
        let by = PrincipalId::RANGE;
        self.push(RecordKind::Alarm {
            alarm: alarm.into(),
            priority,
            state,
            by,
        })
    }

    pub fn safety(&mut self, event: SafetyEvent, by: PrincipalId) -> u64 {
        self.push(RecordKind::Safety {
            asset: "sis-1".into(),
            event,
            by,
        })
    }

    pub fn condition(&mut self, id: &str, ok: bool) -> u64 {
        self.push(RecordKind::Condition {
            id: id.into(),
            title: format!("{id} approved"),
            ok,
            by: PrincipalId::RANGE,
        })
    }

    pub fn view(&mut self, station: &str, asset: &str, good: bool) -> u64 {
        let (station, asset) = (station.into(), asset.into());
        self.push(RecordKind::Communication {
            station,
            asset,
            good,
        })
    }

    pub fn field_done(&mut self, action: &str) -> u64 {
        let stage = FieldStage::Done("as asked".into());
        self.push(RecordKind::Field {
            by: BLUE,
            action: action.into(),
            stage,
        })
    }

    pub fn end(&mut self, reason: EndReason) -> &mut Self {
        self.push(RecordKind::End { reason });
        self
    }

    pub fn rupture(&mut self) -> &mut Self {
        self.q = 0.0;
        self.push(RecordKind::PlantEvent(PlantEvent::Ruptured));
        self.end(EndReason::Destroyed)
    }

    pub fn grade(&self) -> Report {
        grade(Rubric::default(), &self.records)
    }
}

pub fn metric<'r>(report: &'r Report, id: &str) -> &'r MetricScore {
    report
        .metrics
        .iter()
        .find(|metric| metric.id == id)
        .unwrap()
}

/// How the defenders of [`first_watch`] play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defence {
    /// Nobody.
    None,
    /// Acts on the first alarm, without finding the bypass.
    Novice,
    /// Turns the key and closes the rule before anything moves.
    Expert,
    /// Presses the shutdown button at once.
    TripAtOnce,
}

/// The course of `first-watch`, told by its table of times.
pub fn first_watch(defence: Defence) -> Story {
    let mut story = Story::new();
    story.alarm("SIS-KEY", 2, AlarmState::Acknowledged);
    story.condition("sis-key-run", false);
    story.condition("rule-7-gone", false);
    if defence == Defence::TripAtOnce {
        story.run(5);
        story.command(BLUE, "press shutdown of sis-1");
        story.safety(SafetyEvent::Shutdown, BLUE);
        story.tripped = true;
        story.q = 0.0;
    }
    story.run(120);
    story.attack(1, "T0846.001", "plc-1");
    if defence == Defence::Expert {
        story.run(160);
        story.report(1, "plc-1", "T0846.001");
    }
    story.run(210);
    story.attack(2, "T0888", "plc-1");
    story.run(270);
    story.attack(3, "T0861", "plc-1");
    story.run(390);
    story.attack(4, "T1692.001", "sis-1");
    story.safety(SafetyEvent::BypassOn, RED);
    story.alarm("BYPASS", 1, AlarmState::Unacknowledged);
    let objective = story.records.len() as u64 - 2;
    story.push(RecordKind::ObjectiveMet {
        id: "blind".into(),
        record: objective,
        by: RED,
    });
    story.condition("mos-off", false);
    story.inhibited = true;
    match defence {
        Defence::Expert => expert(&mut story),
        _ => attack_on(&mut story, defence),
    }
    story
}

fn expert(story: &mut Story) {
    story.run(415);
    story.report(2, "sis-1", "T1692.001");
    story.run(420);
    let off = story.firewall_off();
    story.condition("rule-7-gone", true);
    story.run(470);
    story.field_done("turn the key of sis-1 to RUN");
    story.safety(SafetyEvent::BypassOff, BLUE);
    story.alarm("BYPASS", 1, AlarmState::Normal);
    story.inhibited = false;
    story.condition("mos-off", true);
    story.condition("sis-key-run", true);
    story.run(480);
    story.refuse(4, Some(off));
    story.run(600);
    story.close(2, "sis-1", "T1692.001");
    story.run(1620).end(EndReason::TimeUp);
}

fn attack_on(story: &mut Story, defence: Defence) {
    story.run(480);
    story.attack(5, "T0836", "plc-1");
    story.run(540);
    story.attack(6, "T0831", "plc-1");
    if defence == Defence::TripAtOnce {
        for at_s in (660..1200).step_by(60) {
            story.run(at_s);
            story.attack_again(6);
        }
        story.run(1620).end(EndReason::TimeUp);
        return;
    }
    story.run_to(639, 2750.0).run(660);
    story.attack(7, "T0806", "plc-1");
    story.run_to(704, 2800.0);
    story.alarm("PAH", 2, AlarmState::Unacknowledged);
    story.q = 0.8;
    let moved = story.records.len() as u64 - 1;
    story.push(RecordKind::ObjectiveMet {
        id: "move".into(),
        record: moved,
        by: RED,
    });
    if defence == Defence::Novice {
        novice(story);
        return;
    }
    story.run_to(757, 2850.0);
    story.alarm("PAHH", 1, AlarmState::Unacknowledged);
    story.attack_again(7);
    story.q = 0.5;
    story.run_to(812, 2900.0);
    story.unsafe_now = true;
    story.safety(SafetyEvent::DemandWhileBypassed, PrincipalId::RANGE);
    story.attack_again(7);
    story.run_to(871, 2950.0).run_to(934, 3000.0);
    story.rupture();
}

fn novice(story: &mut Story) {
    story.run_to(720, 2815.0);
    let off = story.firewall_off();
    story.condition("rule-7-gone", true);
    story.command(BLUE, "feed to manual 30 %");
    story.run(725);
    story.refuse(7, Some(off));
    story.run_to(760, 2840.0);
    story.report_as(
        1,
        ReportStage::Filed,
        "plc-1",
        "T0806",
        SimTime::from_secs(700),
        |_| {},
    );
    story.run_to(900, 2700.0);
    story.alarm("PAH", 2, AlarmState::Normal);
    story.q = 1.0;
    story.run(1200);
    story.close(1, "plc-1", "T0806");
    story.run(1620).end(EndReason::TimeUp);
}
