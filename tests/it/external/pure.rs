//! External controllers without sockets: what goes out, and what each answer does.

use sim_range::{Budget, Output, Range, RunOptions};
use sim_record::{
    ExternalAnswer, Input, InputKind, LinkFault, LoggedInput, Principal, RecordKind, Role, Seed,
    SimTime, Team,
};
use sim_scenario::model::Register;
use sim_view::{Quality, Table};
use std::sync::LazyLock;
use tests::play::{Chunks, Draw, Match};
use tests::scenario::{Loaded, load};

static LOADED: LazyLock<Loaded> = LazyLock::new(|| load("tests/scenarios/external-plc").unwrap());

/// A range with its device played by the test.
struct Rig {
    range: Range,
    log: Vec<LoggedInput>,
    /// Last cycle that went out.
    cycle: u64,
    registers: Vec<(Register, u16)>,
    links: Vec<bool>,
}

fn holding(address: u16) -> Register {
    Register {
        table: Table::Holding,
        address,
    }
}

/// Purge, trip of the feeds, feed 2 and setpoint.
fn values(purge: u16) -> ExternalAnswer {
    ExternalAnswer::Values(vec![purge, 1, 2_502, 26_500])
}

impl Rig {
    fn new() -> Self {
        let scenario = LOADED.scenario.instantiate(Seed(7));
        let range = Range::new(&scenario, Seed(7), &RunOptions::default()).unwrap();
        Self {
            range,
            log: Vec::new(),
            cycle: 0,
            registers: Vec::new(),
            links: Vec::new(),
        }
    }

    fn run_to(&mut self, ms: u64) {
        self.range
            .advance(SimTime::from_millis(ms), Budget::UNLIMITED);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.range.poll_output() {
            match output {
                Output::External {
                    cycle, registers, ..
                } => {
                    assert_eq!(cycle, self.cycle + 1);
                    (self.cycle, self.registers) = (cycle, registers);
                }
                Output::Record(record) => {
                    if let RecordKind::Communication { station, good, .. } = record.kind
                        && station == "reactor"
                    {
                        self.links.push(good);
                    }
                }
                _ => {}
            }
        }
    }

    fn answer_by(&mut self, principal: Principal, cycle: u64, answer: ExternalAnswer) {
        let input = Input {
            principal,
            kind: InputKind::External {
                controller: 0,
                cycle,
                answer,
            },
        };
        self.log.push(LoggedInput {
            time: self.range.now(),
            order: self.log.len() as u64,
            input: input.clone(),
        });
        self.range.handle_input(input);
        self.drain();
    }

    fn answer(&mut self, answer: ExternalAnswer) {
        self.answer_by(Principal::range(), self.cycle, answer);
    }

    /// Answers every cycle up to this time with the same command of the purge.
    fn control_to(&mut self, ms: u64, purge: u16) {
        while self.range.now() < SimTime::from_millis(ms) {
            let next = self.range.now().0 / 1000 + 50;
            self.run_to(next);
            self.answer(values(purge));
        }
    }

    /// Purge valve as the device would see it, 0.01 %.
    fn purge(&self) -> u16 {
        let found = self.registers.iter().find(|(r, _)| *r == holding(1));
        found.unwrap().1
    }

    fn tag(&mut self, name: &str) -> (f64, Quality) {
        let operator = Principal {
            team: Team::Blue,
            role: Role::Operator,
            ..Principal::range()
        };
        let view = self.range.view(&operator);
        let tag = &view.tags[name];
        (tag.value, tag.quality)
    }
}

#[test]
fn each_cycle_the_measurements_go_out() {
    let mut rig = Rig::new();
    rig.run_to(0);
    // The published steady state: 2700 kPa, purge 39.26 %.
    assert_eq!(
        (rig.cycle, rig.registers.clone()),
        (1, vec![(holding(0), 27_000), (holding(1), 3_926)])
    );
    rig.run_to(1_000);
    assert_eq!(rig.cycle, 21);
}

#[test]
fn an_answer_drives_the_plant_and_its_absence_is_the_fail_state() {
    let mut rig = Rig::new();
    rig.control_to(5_000, 9_000);
    let open = rig.purge();
    assert!(open > 5_500, "{open}");
    // Half a second later the link is lost, and the purge, whose fail state is off, shuts.
    rig.run_to(5_450);
    assert_eq!(rig.links, [] as [bool; 0]);
    rig.run_to(5_550);
    assert_eq!(rig.links, [false]);
    let top = rig.purge();
    rig.run_to(9_000);
    assert!(rig.purge() + 1_000 < top, "{top} {}", rig.purge());
    rig.control_to(12_000, 9_000);
    assert_eq!(rig.links, [false, true]);
    assert!(rig.purge() > 5_000, "{}", rig.purge());
}

#[test]
fn only_a_whole_new_answer_of_the_server_counts() {
    let mut rig = Rig::new();
    rig.run_to(100);
    let before = rig.range.digest();
    let player = Principal {
        team: Team::Red,
        ..Principal::range()
    };
    rig.answer_by(player, rig.cycle, values(9_000));
    assert_eq!(rig.range.digest(), before);
    rig.answer_by(Principal::range(), rig.cycle + 1, values(9_000));
    assert_eq!(rig.range.digest(), before);
    for bad in [
        ExternalAnswer::Values(Vec::new()),
        ExternalAnswer::Values(vec![9_000; 500]),
        ExternalAnswer::Failure(LinkFault::NoAnswer),
    ] {
        rig.answer(bad);
    }
    let other = InputKind::External {
        controller: u16::MAX,
        cycle: 1,
        answer: values(9_000),
    };
    rig.range.handle_input(Input {
        principal: Principal::range(),
        kind: other,
    });
    rig.run_to(3_000);
    // The purge shut, since none of these was an answer.
    assert_eq!(rig.links, [false]);
    assert!(rig.purge() < 3_926, "{}", rig.purge());
    rig.answer(values(9_000));
    assert_eq!(rig.links, [false, true]);
    let after = rig.range.digest();
    rig.answer_by(Principal::range(), 1, values(0));
    assert_eq!(
        rig.range.digest(),
        after,
        "an older answer tells nothing new"
    );
}

#[test]
fn operators_and_historian_see_age_and_quality() {
    let mut rig = Rig::new();
    rig.control_to(5_000, 4_000);
    assert_eq!(rig.tag("PLC1.QUALITY"), (0.0, Quality::Good));
    assert_eq!(rig.tag("PT-101").1, Quality::Good);
    assert_eq!(rig.tag("PIC-101.OP"), (40.0, Quality::Good));
    rig.run_to(10_000);
    assert_eq!(rig.tag("PLC1.QUALITY"), (2.0, Quality::Good));
    let (age_s, quality) = rig.tag("PLC1.AGE");
    assert!((4.0..5.1).contains(&age_s), "{age_s}");
    assert_eq!(quality, Quality::Good);
    assert_eq!(rig.tag("PT-101").1, Quality::Stale);
    rig.control_to(15_000, 4_000);
    assert_eq!(rig.tag("PLC1.QUALITY"), (0.0, Quality::Good));
    assert_eq!(rig.tag("PT-101").1, Quality::Good);
    let csv = rig.range.historian_csv();
    let pressure = |quality: &str| {
        let of = |line: &&str| line.contains(",PT-101,") && line.ends_with(quality);
        csv.lines().filter(of).count()
    };
    assert!(pressure("Good") > 5 && pressure("Stale") > 1, "{csv}");
}

#[test]
fn a_log_replays_without_a_device() {
    let mut rig = Rig::new();
    rig.control_to(3_000, 9_000);
    rig.run_to(6_000);
    rig.answer(ExternalAnswer::Failure(LinkFault::NoConnection));
    rig.control_to(20_000, 6_000);
    let until = SimTime::from_secs(20);
    let played = |chunks| {
        let seed = Seed(7);
        Match::new(&LOADED.scenario, seed, "", &rig.log, until, chunks)
            .unwrap()
            .play()
    };
    let whole = played(Chunks::Whole);
    assert_eq!(whole.digests.len(), 2);
    assert_eq!(whole, played(Chunks::Drawn(Draw(7))));
    let digest = whole.digests.last().unwrap().1;
    // Without one answer it is another match.
    let shorter = rig.log[1..].to_vec();
    let other = Match::new(
        &LOADED.scenario,
        Seed(7),
        "",
        &shorter,
        until,
        Chunks::Whole,
    );
    assert_ne!(other.unwrap().play().digests.last().unwrap().1, digest);
}
