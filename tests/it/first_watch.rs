//! The scenario `first-watch`: its time table, what becomes of the plant in each cast, and what each player earns.

use grading::{Grader, Report, Rubric, render_text};
use sim_range::{Budget, Output, Range, RunOptions};
use sim_record::{
    AlarmState, Principal, Record, RecordKind, Role, SafetyEvent, Seed, SimDuration, SimTime, Team,
};
use sim_scenario::ScenarioPackage;
use sim_scenario::model::Scenario;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use tests::checkout;

/// How far a scripted run may be from the published times.
const TOLERANCE_S: f64 = 15.0;
/// Seeds over which the order of scores holds.
const SEEDS: u64 = 20;

static FIRST_WATCH: LazyLock<(Scenario, Rubric)> = LazyLock::new(|| {
    let mut files = BTreeMap::new();
    read_folder(
        &checkout::root().join("scenarios/first-watch"),
        "",
        &mut files,
    );
    let rubric = Rubric::from_ron(&files["rubric.ron"]).unwrap();
    let (scenario, problems) = sim_scenario::check(&ScenarioPackage::new(files));
    (scenario.unwrap_or_else(|| panic!("{problems:?}")), rubric)
});

fn read_folder(folder: &Path, inside: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{inside}{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            read_folder(&entry.path(), &format!("{path}/"), files);
        } else {
            files.insert(path, std::fs::read(entry.path()).unwrap());
        }
    }
}

fn range(scenario: &Scenario, cast: &str, seed: u64) -> Range {
    let options = RunOptions {
        cast: cast.into(),
        practice: true,
        ..RunOptions::default()
    };
    let seed = Seed(seed);
    Range::new(&scenario.instantiate(seed), seed, &options).unwrap()
}

/// Runs up to `until` or the end, whichever comes first.
fn run(range: &mut Range, until: SimTime, mut watch: impl FnMut(Record)) {
    let until = until.min(range.ends());
    while range.now() < until && !range.is_over() {
        let next = (range.now() + SimDuration::from_secs(10)).min(until);
        range.advance(next, Budget::UNLIMITED);
        while let Some(output) = range.poll_output() {
            if let Output::Record(record) = output {
                watch(record);
            }
        }
    }
}

fn report(cast: &str, seed: u64) -> Report {
    let (scenario, rubric) = &*FIRST_WATCH;
    let mut grader = Grader::new(rubric.clone());
    run(&mut range(scenario, cast, seed), SimTime::MAX, |record| {
        grader.observe(&record);
    });
    grader.report()
}

/// A whole match by its records.
struct Played(Vec<Record>);

impl Played {
    fn new(scenario: &Scenario, cast: &str) -> Self {
        let mut records = Vec::new();
        run(&mut range(scenario, cast, 1), SimTime::MAX, |record| {
            records.push(record)
        });
        Self(records)
    }

    fn of(cast: &str) -> Self {
        Self::new(&FIRST_WATCH.0, cast)
    }

    /// When something happened first, seconds.
    fn first(&self, what: impl Fn(&RecordKind) -> bool) -> Option<f64> {
        self.after(0.0, what)
    }

    fn after(&self, from_s: f64, what: impl Fn(&RecordKind) -> bool) -> Option<f64> {
        let mut times = self
            .0
            .iter()
            .filter(|r| what(&r.kind))
            .map(|r| r.time.as_secs_f64());
        times.find(|t| *t >= from_s)
    }

    fn command(&self, text: &str) -> Option<f64> {
        self.first(|kind| matches!(kind, RecordKind::Command { text: t, .. } if t.contains(text)))
    }

    fn attack(&self, technique: &str, asset: &str) -> Option<f64> {
        self.first(|kind| {
            matches!(kind, RecordKind::AttackBegan { technique: t, asset: a, .. } if t == technique && a == asset)
        })
    }

    fn alarm(&self, id: &str) -> Option<f64> {
        self.first(|kind| {
            matches!(kind, RecordKind::Alarm { alarm, state: AlarmState::Unacknowledged, .. } if alarm == id)
        })
    }

    fn safety(&self, wanted: SafetyEvent) -> Option<f64> {
        self.first(|kind| matches!(kind, RecordKind::Safety { event, .. } if *event == wanted))
    }

    /// When the pressure first came to a value.
    fn pressure(&self, kpa: f64) -> Option<f64> {
        self.first(|kind| matches!(kind, RecordKind::Sample(s) if s.values[0] >= kpa))
    }

    fn highest(&self) -> f64 {
        let samples = self.0.iter().filter_map(|r| match &r.kind {
            RecordKind::Sample(s) => Some(s.values[0]),
            _ => None,
        });
        samples.fold(0.0, f64::max)
    }

    fn destroyed(&self) -> Option<f64> {
        self.first(|kind| {
            matches!(
                kind,
                RecordKind::PlantEvent(sim_record::PlantEvent::Ruptured)
            )
        })
    }
}

/// Seconds of a `mm:ss`.
fn at(clock: &str) -> f64 {
    let (minutes, seconds) = clock.split_once(':').unwrap();
    f64::from(minutes.parse::<u32>().unwrap() * 60 + seconds.parse::<u32>().unwrap())
}

#[track_caller]
fn near(what: &str, found: Option<f64>, clock: &str) {
    let found_s = found.unwrap_or_else(|| panic!("{what}: it did not happen"));
    let off_s = found_s - at(clock);
    assert!(
        off_s.abs() <= TOLERANCE_S,
        "{what}: {off_s:+.1} s from {clock}"
    );
}

#[test]
fn the_attack_goes_by_its_time_table() {
    let played = Played::of("no-blue");
    near("scan", played.attack("T0846.001", "control"), "02:00");
    near("identification", played.attack("T0888", "sis1"), "03:30");
    near("points of PLC-1", played.attack("T0861", "plc1"), "04:30");
    near("process state", played.attack("T0801", "plc1"), "04:30");
    near("bypass", played.attack("T0837", "sis1"), "06:30");
    near("bypass alarm", played.alarm("SIS-BYPASS"), "06:30");
    near("purge shut", played.attack("T0836", "plc1"), "08:00");
    near("mode alarm", played.alarm("PIC-MODE"), "08:00");
    near("feed opened", played.alarm("FIC-MODE"), "09:00");
    near("2750", played.pressure(2750.0), "10:39");
    near("writes repeated", played.attack("T0806", "plc1"), "11:00");
    near("PAH", played.alarm("PAH-101"), "11:44");
    near("PAHH", played.alarm("PAHH-101"), "12:37");
    near(
        "demand in vain",
        played.safety(SafetyEvent::DemandWhileBypassed),
        "13:32",
    );
    near("2950", played.pressure(2950.0), "14:31");
    near("rupture", played.destroyed(), "15:34");
}

#[test]
fn a_healthy_safety_layer_trips_in_time() {
    let played = Played::of("sis-healthy");
    near("trip", played.safety(SafetyEvent::Trip), "13:32");
    assert_eq!(played.destroyed(), None);
    assert!(played.highest() < 2902.0, "overshoot: {}", played.highest());
    let refused = played.first(|kind| {
        matches!(kind, RecordKind::Modbus(m) if m.asset == "sis1" && m.write && m.exception.is_some())
    });
    near("bypass request refused", refused, "06:30");
    assert_eq!(played.safety(SafetyEvent::BypassOn), None);
}

#[test]
fn slow_red_takes_thirteen_minutes() {
    let mut scenario = FIRST_WATCH.0.clone();
    let calm = scenario.casts.get_mut("calm").unwrap();
    calm.actors.retain(|actor| actor != "blue-novice");
    near(
        "rupture",
        Played::new(&scenario, "calm").destroyed(),
        "22:11",
    );
}

#[test]
fn the_novice_blocks_first_and_recovers() {
    let played = Played::of("standard");
    let (block, feed) = (
        played.command("disable rule r7"),
        played.command("set FIC-101.OP to 30"),
    );
    near("rule off", block, "12:00");
    near("feed by hand", feed, "12:00");
    assert!(block < feed);
    let alarm = played.alarm("PAH-101").unwrap();
    assert!(block.unwrap() >= alarm + 20.0, "a decision takes 20 s");
    assert!(played.highest() < 2850.0, "peak {}", played.highest());
    assert!(played.safety(SafetyEvent::BypassOff).is_some());
    assert_recovered(&report("standard", 1));
}

#[test]
fn the_expert_never_loses_the_plant() {
    let played = Played::of("expert");
    near("scan reported", played.command("report T0846.001"), "02:40");
    near("vendor phoned", played.command("phone vendor"), "03:10");
    let answered = |who: &'static str| move |kind: &RecordKind| matches!(kind, RecordKind::Message { contact, answer: Some(_), .. } if contact == who);
    near("vendor's answer", played.first(answered("vendor")), "05:00");
    near("approval", played.first(answered("manager")), "06:40");
    near("key ordered", played.command("turn key of sis1"), "06:50");
    near(
        "key turned, bypass off",
        played.safety(SafetyEvent::BypassOff),
        "07:50",
    );
    near("rule off", played.command("disable rule r7"), "07:00");
    assert!(played.highest() < 2710.0, "peak {}", played.highest());
    assert_recovered(&report("expert", 1));
}

#[test]
fn the_late_ones_trip_and_restart() {
    let played = Played::of("late");
    near("key ordered", played.command("turn key of sis1"), "13:00");
    near("rule off", played.command("disable rule r7"), "13:30");
    near("trip", played.safety(SafetyEvent::Trip), "14:00");
    assert!(
        (2915.0..2935.0).contains(&played.highest()),
        "trip at {}",
        played.highest()
    );
    near("reset", played.safety(SafetyEvent::Reset), "16:00");
    let in_band = played.after(
        at("16:00"),
        |kind| matches!(kind, RecordKind::Sample(s) if s.q >= 0.95),
    );
    assert!(in_band.unwrap() < at("17:00"));
    near(
        "automatic",
        played.command("set FIC-101.MODE to 0"),
        "18:00",
    );
    assert_recovered(&report("late", 1));
}

#[test]
fn the_screen_lies_under_expert_red() {
    let mut range = range(&FIRST_WATCH.0, "expert-red", 1);
    let blue = Principal::actor("watcher", Team::Blue, Role::Defender, None);
    let (mut shown, mut records) = (Vec::new(), Vec::new());
    while range.now() < SimTime::from_secs(840) {
        let next = range.now() + SimDuration::from_secs(1);
        run(&mut range, next, |record| records.push(record));
        if range.now() > SimTime::from_secs(455) {
            shown.push(range.view(&blue).tags["PT-101"]);
        }
    }
    let mut played = Played(records);
    assert!(played.highest() > 2900.0);
    assert!(
        shown
            .iter()
            .all(|tag| tag.quality == sim_view::Quality::Good),
        "the view stays"
    );
    assert!(
        shown.iter().all(|tag| (tag.value - 2700.0).abs() < 10.0),
        "near 2700: {shown:?}"
    );
    assert!(
        shown
            .windows(2)
            .all(|pair| pair[0].value.to_bits() == pair[1].value.to_bits()),
        "no noise"
    );
    assert_eq!(played.alarm("PAH-101"), None);
    let fired = |rule: &'static str| move |kind: &RecordKind| matches!(kind, RecordKind::Detection { rule: r, .. } if r == rule);
    near(
        "claimed addresses",
        played.first(fired("arp-change")),
        "07:30",
    );
    assert!(played.first(fired("pressure-deviation")).unwrap() < at("11:00"));

    // Rule 7 off: the vendor's own writes end, what it forwards as the HMI's does not.
    let mut scenario = FIRST_WATCH.0.clone();
    scenario.casts.get_mut("expert-red").unwrap().actors[1] = "blue-expert".into();
    played = Played::new(&scenario, "expert-red");
    let off = played.command("disable rule r7").unwrap();
    assert!(played.attack("T1692.002", "hmi").unwrap() > off);
}

#[test]
fn nothing_happens_without_red() {
    let played = Played::of("no-red");
    for record in &played.0 {
        match &record.kind {
            RecordKind::Alarm { alarm, .. } => assert_eq!(alarm, "SIS-KEY"),
            RecordKind::Detection { rule, text, .. } => assert_eq!(rule, "sis-key", "{text}"),
            RecordKind::Sample(sample) => {
                assert!(sample.q > 0.999, "Q {} at {}", sample.q, record.time);
            }
            RecordKind::Command { text, refused, .. } => assert_eq!(*refused, None, "{text}"),
            RecordKind::AttackBegan { technique, .. } => panic!("{technique}"),
            _ => {}
        }
    }
    let benign = [
        "set PIC-101.SP to 2705",
        "compare program",
        "scan control",
        "read 1 Input",
        "restore program",
    ];
    for text in benign {
        assert!(played.command(text).is_some(), "{text}");
    }
    let downloaded = played.first(|kind| {
        matches!(
            kind,
            RecordKind::Program {
                change: sim_record::ProgramChange::Downloaded,
                ..
            }
        )
    });
    assert!(downloaded.is_some());
    let report = report("no-red", 1);
    assert!(report.blue.score > 99.9, "{}", report.headline);
}

#[test]
fn hidden_truth_changes_no_decision() {
    let (scenario, _) = &*FIRST_WATCH;
    let mut other = scenario.clone();
    other.latent.clear();
    other.objectives.clear();
    other.recovery.clear();
    let plant = other.plants.get_mut("reactor").unwrap();
    plant.key_signal = (plant.key_signal.0.clone(), 1.0, 2.0, 9_000.0);
    plant.unsafe_above = 10.0;
    plant.q0 = 0.5;
    for cast in ["standard", "expert", "late", "expert-red"] {
        assert_eq!(commands(scenario, cast), commands(&other, cast), "{cast}");
    }
}

/// What everybody asked for and when.
fn commands(scenario: &Scenario, cast: &str) -> Vec<(SimTime, String)> {
    let records = Played::new(scenario, cast).0.into_iter();
    let commands = records.filter_map(|record| match record.kind {
        RecordKind::Command {
            text,
            refused: None,
            ..
        } => Some((record.time, text)),
        _ => None,
    });
    commands.collect()
}

#[test]
fn degenerate_players_stay_below_the_novice_and_the_novice_below_the_expert() {
    let degenerate = [
        "nothing", "trip", "block", "stop", "manual", "reports", "silent", "restore",
    ];
    let casts: Vec<String> = degenerate
        .iter()
        .map(|name| format!("degenerate-{name}"))
        .chain(["standard".into(), "expert".into()])
        .collect();
    let scores = scores(&casts);
    for seed in 1..=SEEDS {
        let score = |cast: &str| scores[&(cast.to_owned(), seed)];
        let novice = score("standard");
        for cast in &casts[..degenerate.len()] {
            assert!(
                score(cast) < novice,
                "{cast} {} of {novice}, seed {seed}",
                score(cast)
            );
        }
        assert!(novice < score("expert"), "seed {seed}");
        assert!(
            score("degenerate-trip") > score("degenerate-nothing"),
            "seed {seed}"
        );
    }
}

#[test]
fn closing_the_leftover_rule_before_anybody_attacks_is_worth_more_than_repair() {
    let prevented = report("prevention", 1);
    let contained = metric(&prevented, "containment");
    assert!(
        contained.reason.starts_with("1 of 1 attacker"),
        "{}",
        contained.reason
    );
    let why = &contained.details[0].reason;
    assert!(why.contains("firewall rule r7 switched off"), "{why}");
    assert!(prevented.red.score < 0.01, "{}", prevented.red.score);
    assert!(prevented.blue.score > report("expert", 1).blue.score);
}

#[test]
fn the_instructors_table_of_scores_is_what_the_casts_score() {
    let page = checkout::root().join("scenarios/first-watch/instructor.md");
    let page = std::fs::read_to_string(page).unwrap();
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    let casts = |row: &[&str]| -> Vec<String> {
        let names = row[1].split(',');
        names
            .map(|name| name.trim().trim_matches('`').to_owned())
            .collect()
    };
    let all: Vec<String> = rows.iter().flat_map(|row| casts(row)).collect();
    assert_eq!(all.len(), FIRST_WATCH.0.casts.len(), "{all:?}");
    let scores = totals(&all);
    for row in &rows {
        for cast in casts(row) {
            let of_cast = || (1..=SEEDS).map(|seed| scores[&(cast.clone(), seed)]);
            let mean = |side: fn((f64, f64)) -> f64| of_cast().map(side).sum::<f64>() / 20.0;
            let told = |cell: &str| {
                if cell == "-" {
                    0.0
                } else {
                    cell.parse().unwrap()
                }
            };
            assert!(
                (mean(|s| s.0) - told(row[2])).abs() <= 0.51,
                "{cast}: {}",
                mean(|s| s.0)
            );
            assert!(
                (mean(|s| s.1) - told(row[3])).abs() <= 0.51,
                "{cast}: {}",
                mean(|s| s.1)
            );
            let (low, high) = of_cast().fold((100.0_f64, 0.0_f64), |(low, high), s| {
                (low.min(s.0), high.max(s.0))
            });
            assert!(high - low < 0.8, "{cast}: {low} to {high}");
        }
    }
}

/// The defenders' scores of every cast and seed.
fn scores(casts: &[String]) -> BTreeMap<(String, u64), f64> {
    let totals = totals(casts).into_iter();
    totals.map(|(of, (blue, _))| (of, blue)).collect()
}

/// The defenders' and the attackers' scores of every cast and seed, on all cores.
fn totals(casts: &[String]) -> BTreeMap<(String, u64), (f64, f64)> {
    let tasks: Vec<(String, u64)> = casts
        .iter()
        .flat_map(|cast| (1..=SEEDS).map(move |seed| (cast.clone(), seed)))
        .collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((cast, seed)) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
            let report = report(cast, *seed);
            let score = (report.blue.score, report.red.score);
            done.push(((cast.clone(), *seed), score));
        }
        done
    };
    let workers = std::thread::available_parallelism()
        .map_or(2, usize::from)
        .min(8);
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        handles
            .into_iter()
            .flat_map(|handle| handle.join().unwrap())
            .collect()
    })
}

fn metric<'a>(report: &'a Report, id: &str) -> &'a grading::MetricScore {
    let mut metrics = report.metrics.iter();
    metrics.find(|metric| metric.id == id).unwrap()
}

fn assert_recovered(report: &Report) {
    let recovery = metric(report, "recovery");
    assert!(recovery.points > 0.0, "{}", recovery.reason);
    assert!(
        recovery.reason.starts_with("Recovered at"),
        "{}",
        recovery.reason
    );
}

#[test]
fn the_text_of_the_default_match() {
    let path = checkout::root().join("scenarios/first-watch/expected/report.txt");
    let text = render_text(&report("standard", 1));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let expected = std::fs::read_to_string(&path)
        .unwrap_or_default()
        .replace("\r\n", "\n");
    assert!(
        text == expected,
        "BLESS=1 writes it anew; it is now:\n{text}"
    );
}
