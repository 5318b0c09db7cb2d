//! What a range promises, on the shipped scenario: where a call stops changes nothing, a log replays, nothing from
//! outside harms or reveals, everybody has only his own senses and hands, and live grading is offline grading.

pub mod inputs;
mod outside;

use grading::{Grader, grade};
use inputs::{
    Step, act, commands, inject, person, report, restore, scan, set_tag, steps, switch_rule_off,
    tool, turn_key, write,
};
use proptest::prelude::*;
use proptest::test_runner::Config;
use sim_range::{Output, RunOptions};
use sim_record::container::{Ending, Header, Item, Reader, Writer};
use sim_record::{
    Input, InputKind, LoggedInput, PlantEvent, Principal, Record, RecordKind, Role, Seed,
    SimDuration, SimTime, Team,
};
use sim_scenario::model::{ObjectiveRule, Scenario};
use sim_view::{Command, Mind, View};
use std::sync::LazyLock;
use tests::play::{Chunks, Draw, Match, Played};
use tests::scenario::{Loaded, load};

static FIRST_WATCH: LazyLock<Loaded> = LazyLock::new(|| load("scenarios/first-watch").unwrap());
static VARIED: LazyLock<Loaded> = LazyLock::new(|| load("scenarios/first-watch-varied").unwrap());

/// Matches with many parts at work: both reds, a blue that recovers, quiet.
const CASTS: [&str; 4] = ["late", "expert-red", "expert", "no-red"];

/// A failing case is made smaller only a little: each try is a whole match.
fn cases(cases: u32) -> Config {
    Config {
        cases,
        max_shrink_iters: 30,
        failure_persistence: None,
        ..Config::default()
    }
}

fn begin(loaded: &Loaded, cast: &str, seed: u64, log: &[LoggedInput], chunks: Chunks) -> Match {
    Match::new(
        &loaded.scenario,
        Seed(seed),
        cast,
        log,
        SimTime::MAX,
        chunks,
    )
    .unwrap()
}

/// Plays live: the steps come at whatever instant the drawn pieces end, and are logged.
fn live(cast: &str, seed: u64, steps: &[Step], from_s: u64) -> (Played, Vec<LoggedInput>) {
    let mut playing = begin(&FIRST_WATCH, cast, seed, &[], Chunks::Whole);
    let mut draw = Draw(seed);
    let mut log = Vec::new();
    playing.play_to(SimTime::ZERO + SimDuration::from_secs(from_s));
    for (step, order) in steps.iter().zip(0..) {
        let wait = SimDuration(draw.spread(7));
        // Two inputs may share an instant; what the first made due has run before the second.
        let time = playing.range().now() + wait;
        playing.play_to(time);
        if playing.range().is_over() {
            break;
        }
        let input = act(step);
        log.push(LoggedInput {
            time,
            order,
            input: input.clone(),
        });
        playing.apply(input);
    }
    playing.play_to(SimTime::MAX);
    (playing.into_played(), log)
}

/// Everything that left towards outside connections, with nothing else.
fn bytes_outside(played: &Played) -> Vec<u8> {
    let bytes = played.outside.iter().filter_map(|output| match output {
        Output::Bytes { data, .. } => Some(data.as_slice()),
        _ => None,
    });
    bytes.flatten().copied().collect()
}

proptest! {
    #![proptest_config(cases(4))]

    #[test]
    fn where_a_call_stops_changes_nothing(
        seed in any::<u64>(),
        cast in prop::sample::select(CASTS.to_vec()),
        varied in any::<bool>(),
    ) {
        let loaded = if varied { &*VARIED } else { &*FIRST_WATCH };
        let whole = begin(loaded, cast, seed, &[], Chunks::Whole).play();
        let pieces = begin(loaded, cast, seed, &[], Chunks::Drawn(Draw(!seed))).play();
        prop_assert!(whole.digests.len() > 90, "only {} digests", whole.digests.len());
        prop_assert_eq!(&whole.digests, &pieces.digests);
        prop_assert!(whole.records == pieces.records);
    }

    #[test]
    fn a_live_match_is_replayed_from_its_log(
        seed in any::<u64>(),
        steps in steps(),
        from_s in 60..900_u64,
        cast in prop::sample::select(CASTS.to_vec()),
    ) {
        let (played, log) = live(cast, seed, &steps, from_s);
        for chunks in [Chunks::Whole, Chunks::Drawn(Draw(seed))] {
            let again = begin(&FIRST_WATCH, cast, seed, &log, chunks).play();
            prop_assert_eq!(&again.digests, &played.digests);
            prop_assert!(again == played);
        }
    }

    #[test]
    fn a_prefix_run_again_is_the_same_range(
        seed in any::<u64>(),
        steps in steps(),
        at_s in 100..1500_u64,
    ) {
        let (played, log) = live("late", seed, &steps, 60);
        let at = SimTime::ZERO + SimDuration::from_secs(at_s);
        let mut killed = begin(&FIRST_WATCH, "late", seed, &log, Chunks::Whole);
        killed.play_to(at);
        let mut again = begin(&FIRST_WATCH, "late", seed, &log, Chunks::Drawn(Draw(seed)));
        again.play_to(at);
        prop_assert_eq!(again.range().digest(), killed.range().digest());
        again.play_to(SimTime::MAX);
        prop_assert!(*again.played() == played);
    }

    #[test]
    fn an_input_to_one_range_is_none_to_another(seed in any::<u64>(), steps in steps()) {
        let alone = begin(&FIRST_WATCH, "late", seed, &[], Chunks::Whole).play();
        let mut one = begin(&FIRST_WATCH, "late", seed, &[], Chunks::Drawn(Draw(1)));
        let mut other = begin(&FIRST_WATCH, "late", seed, &[], Chunks::Drawn(Draw(2)));
        other.play_to(SimTime::ZERO + SimDuration::from_secs(60));
        let mut steps = steps.iter();
        while one.step() {
            if let Some(step) = steps.next() {
                other.apply(act(step));
            }
            let on = other.range().now() + SimDuration::from_secs(1);
            other.play_to(on);
        }
        prop_assert!(one.into_played() == alone);
        prop_assert!(other.played().digests != alone.digests);
    }

    #[test]
    fn who_is_graded_as_an_attacker_shows_nowhere_outside(seed in any::<u64>(), steps in steps()) {
        // The same packets from the same host, once where the scenario gives it to red and once where it gives it to
        // benign life: only ground truth differs.
        let (_, log) = live("no-red", seed, &steps, 60);
        let as_team = |team, role| {
            let mut loaded = FIRST_WATCH.clone();
            let footholds = &mut loaded.scenario.footholds;
            footholds.iter_mut().filter(|f| f.host == "vendor").for_each(|f| f.team = team);
            let inputs = log.iter()
                .filter(|logged| !matches!(logged.input.kind, InputKind::Command(_)))
                .map(|logged| {
                    let principal = Principal { team, role, ..logged.input.principal.clone() };
                    LoggedInput { input: Input { principal, ..logged.input.clone() }, ..logged.clone() }
                })
                .collect::<Vec<_>>();
            watched(&loaded, &inputs, seed)
        };
        let (red, red_views) = as_team(Team::Red, Role::Red);
        let (white, white_views) = as_team(Team::White, Role::Worker);
        prop_assert!(!white.records.iter().any(is_attack));
        prop_assert!(entered(&red) == entered(&white));
        prop_assert_eq!(&red.outside, &white.outside);
        prop_assert!(red_views == white_views);
    }
}

/// Connections that outside tools have had from the contractor's host.
fn entered(played: &Played) -> Vec<SimTime> {
    let vendor = u32::from(ip_of("vendor"));
    let connections = played.records.iter().filter(
        |record| matches!(&record.kind, RecordKind::Connection { src, .. } if *src == vendor),
    );
    connections.map(|record| record.time).collect()
}

fn ip_of(host: &str) -> std::net::Ipv4Addr {
    let hosts = &FIRST_WATCH.scenario.hosts;
    hosts.iter().find(|h| h.id == host).unwrap().ip
}

fn is_attack(record: &Record) -> bool {
    matches!(record.kind, RecordKind::AttackBegan { .. })
}

/// Plays a log and looks at every player's view once a minute.
fn watched(loaded: &Loaded, log: &[LoggedInput], seed: u64) -> (Played, Vec<View>) {
    let mut playing = begin(loaded, "no-red", seed, log, Chunks::Whole);
    let players = [
        person(Team::Red, Role::Red, Some("vendor")),
        person(Team::Blue, Role::Operator, None),
        person(Team::Blue, Role::Analyst, None),
        person(Team::Blue, Role::Engineer, Some("ews")),
        person(Team::Blue, Role::Defender, Some("ews")),
        person(Team::Blue, Role::Observer, None),
    ];
    let mut views = Vec::new();
    for minute in 1..27 {
        playing.play_to(SimTime::ZERO + SimDuration::from_secs(minute * 60));
        views.extend(players.iter().map(|player| playing.range().view(player)));
    }
    playing.play_to(SimTime::MAX);
    (playing.into_played(), views)
}

#[test]
fn attacks_from_outside_are_ground_truth_and_reach_no_player() {
    // The property above says nothing if red is never graded as an attacker.
    let write = Step::Frame {
        conn: 1,
        unit: 1,
        pdu: vec![6, 0x04, 0x05, 0x1F, 0x40],
    };
    let steps = [
        Step::Open {
            conn: 1,
            endpoint: 0,
        },
        write,
    ];
    let (played, _) = live("no-red", 3, &steps, 60);
    assert!(played.records.iter().any(is_attack));
    let outside = bytes_outside(&played);
    assert_eq!(
        outside.len(),
        12,
        "the echo of the write and nothing else: {outside:02x?}"
    );
}

#[test]
fn no_bytes_from_outside_make_a_range_panic_or_say_more_than_a_device_says() {
    let mut draw = Draw(2024);
    for seed in 0..3 {
        let mut steps = Vec::new();
        for conn in 0..40 {
            steps.push(Step::Open {
                conn,
                endpoint: (conn % 3) as u16,
            });
            for _ in 0..draw.below(6) {
                let length = 1 + draw.spread(4);
                let data = draw.bytes(length);
                steps.push(Step::Bytes { conn, data });
                // A frame whose header is right and whose body is anything.
                let length = 1 + draw.below(250);
                let pdu = draw.bytes(length);
                steps.push(Step::Frame { conn, unit: 1, pdu });
            }
            steps.push(Step::Bytes {
                conn,
                data: vec![0; 70_000],
            });
        }
        let (played, _) = live("expert", seed, &steps, 60);
        let outside = bytes_outside(&played);
        let spoken = String::from_utf8_lossy(&outside);
        for secret in [
            "red-standard",
            "blue-expert",
            "T0836",
            "T1692",
            "attack",
            "latent",
            "objective",
        ] {
            assert!(!spoken.contains(secret), "{secret}");
        }
        // Every answer of a device is a Modbus frame: each connection's bytes are whole frames.
        let mut by_conn = std::collections::BTreeMap::<u32, Vec<u8>>::new();
        for output in &played.outside {
            if let Output::Bytes { conn, data } = output {
                by_conn.entry(*conn).or_default().extend(data);
            }
        }
        for (conn, bytes) in by_conn {
            assert!(is_whole_frames(&bytes), "connection {conn}: {bytes:02x?}");
        }
    }
}

fn is_whole_frames(mut bytes: &[u8]) -> bool {
    while let [_, _, 0, 0, high, low, rest @ ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if length < 2 || rest.len() < length {
            return false;
        }
        bytes = &rest[length..];
    }
    bytes.is_empty()
}

#[test]
fn live_grading_is_offline_grading_at_every_prefix() {
    for (cast, loaded) in [
        ("standard", &*FIRST_WATCH),
        ("late", &*FIRST_WATCH),
        ("expert", &*VARIED),
    ] {
        let played = begin(loaded, cast, 11, &[], Chunks::Whole).play();
        let recorded = through_a_recording(&played.records);
        assert_eq!(recorded.len(), played.records.len());
        let mut live = Grader::new(loaded.rubric.clone());
        let mut draw = Draw(5);
        let mut compared = 0;
        for (count, record) in (1..).zip(&played.records) {
            live.observe(record);
            // Often where attacks and reports are, and at the end.
            let wanted = count == played.records.len() || draw.below(150) == 0;
            if wanted {
                let offline = grade(loaded.rubric.clone(), &recorded[..count]);
                assert!(live.report() == offline, "{cast}: after {count} records");
                compared += 1;
            }
        }
        assert!(compared > 8, "{cast}: {compared} prefixes");
    }
}

/// What a file keeps of the records.
fn through_a_recording(records: &[Record]) -> Vec<Record> {
    let header = Header {
        package: Vec::new(),
        seed: Seed(1),
        options: postcard::to_allocvec(&RunOptions::default()).unwrap(),
        fingerprint: String::new(),
    };
    let mut writer = Writer::new(&header).unwrap();
    for record in records {
        writer.record(record).unwrap();
    }
    writer.end(Ending::Over).unwrap();
    let mut reader = Reader::new();
    reader.feed(writer.pending());
    let mut read = Vec::new();
    while let Some(item) = reader.next_item().unwrap() {
        if let Item::Records(some) = item {
            read.extend(some);
        }
    }
    read
}

#[test]
fn actors_decide_the_same_when_only_hidden_truth_differs() {
    for cast in CASTS {
        let truth = &FIRST_WATCH.scenario;
        let other = other_truth(truth);
        let commands_of = |scenario: &Scenario| {
            let played = Match::new(scenario, Seed(4), cast, &[], SimTime::MAX, Chunks::Whole)
                .unwrap()
                .play();
            (commands(&played.records), played)
        };
        let ((decided, played), (decided_otherwise, other_played)) =
            (commands_of(truth), commands_of(&other));
        assert!(decided.len() > 4, "{cast}");
        assert_eq!(decided, decided_otherwise, "{cast}");
        assert!(
            played.records != other_played.records,
            "{cast}: nothing hidden differs"
        );
    }
}

/// The same range with other ground truth: what red is after, what stood wrong from the start, what counts as unsafe,
/// as normal and as recovered.
fn other_truth(truth: &Scenario) -> Scenario {
    let mut other = truth.clone();
    for objective in &mut other.objectives {
        objective.rule = ObjectiveRule::OutOfBand("reactor".into(), 5);
        objective.title = "something else".into();
    }
    other.latent.clear();
    other.recovery.truncate(1);
    for plant in other.plants.values_mut() {
        plant.q0 = 0.5;
        plant.unsafe_above = 2500.0;
        plant.key_signal.1 = 100.0;
        plant.sampled.truncate(2);
    }
    other
}

#[test]
fn actors_decide_the_same_until_a_difference_in_the_plant_shows() {
    // With the relief valve in service the vessel is safe, which nobody can see before it opens.
    let truth = &FIRST_WATCH.scenario;
    let mut other = truth.clone();
    for plant in other.plants.values_mut() {
        plant.params.insert("psv_in_service".into(), 1.0);
    }
    let run = |scenario: &Scenario| {
        let mut playing = Match::new(
            scenario,
            Seed(4),
            "no-blue",
            &[],
            SimTime::MAX,
            Chunks::Whole,
        )
        .unwrap();
        let eyes = [
            person(Team::Red, Role::Red, Some("vendor")),
            person(Team::Blue, Role::Defender, Some("ews")),
        ];
        let mut views = Vec::new();
        while !playing.range().is_over() && playing.range().now() < playing.range().ends() {
            let next = playing.range().now() + SimDuration::from_secs(1);
            playing.play_to(next);
            views.push(eyes.each_ref().map(|eye| playing.range().view(eye)));
        }
        (views, playing.into_played())
    };
    let ((views, played), (other_views, other_played)) = (run(truth), run(&other));
    let differs = views
        .iter()
        .zip(&other_views)
        .position(|(a, b)| a != b)
        .expect("the valve never showed");
    assert!(differs > 600, "it shows after {differs} s");
    let until = SimTime::ZERO + SimDuration::from_secs(differs as u64);
    let before = |played: &Played| {
        let early: Vec<Record> = played
            .records
            .iter()
            .filter(|r| r.time <= until)
            .cloned()
            .collect();
        commands(&early)
    };
    assert!(before(&played).len() > 5);
    assert_eq!(before(&played), before(&other_played));
    let ruptured = |played: &Played| {
        let mut kinds = played.records.iter().map(|record| &record.kind);
        kinds.any(|kind| matches!(kind, RecordKind::PlantEvent(PlantEvent::Ruptured)))
    };
    let ends = (ruptured(&played), ruptured(&other_played));
    assert_eq!(ends, (true, false), "the hidden difference decides the end");
}

#[test]
fn equal_views_are_equal_decisions() {
    // Views from two ranges with different hidden truth; where they are equal, so is every actor's mind behind them.
    let truth = &FIRST_WATCH.scenario;
    let other = other_truth(truth);
    let eye = person(Team::Blue, Role::Defender, Some("ews"));
    let mut ranges = [truth, &other].map(|scenario| {
        Match::new(
            scenario,
            Seed(6),
            "no-blue",
            &[],
            SimTime::MAX,
            Chunks::Whole,
        )
        .unwrap()
    });
    let mut minds = vec![[Mind::new(), Mind::new()]; truth.actors.len()];
    let mut decisions = 0;
    for second in (0..900).step_by(5) {
        let views = ranges.each_mut().map(|range| {
            range.play_to(SimTime::ZERO + SimDuration::from_secs(second));
            range.range().view(&eye)
        });
        assert_eq!(views[0], views[1], "second {second}");
        for (actor, [mind, other_mind]) in truth.actors.values().zip(&mut minds) {
            let decided = mind.decide(&actor.script, &views[0]);
            decisions += decided.len();
            assert_eq!(decided, other_mind.decide(&actor.script, &views[1]));
            assert_eq!(mind, other_mind);
        }
    }
    assert!(decisions > 20, "{decisions}");
}

/// Who asks for what he may not have.
fn beyond_rights() -> Vec<(Principal, Vec<Command>)> {
    let desks = [report(), switch_rule_off(), turn_key(), restore(), inject()];
    let [report, rule, key, restore, inject] = desks;
    let defence = [rule, key, restore, inject];
    let ask = |own: &[Command]| [&defence[..], own].concat();
    vec![
        (
            person(Team::Red, Role::Red, Some("vendor")),
            ask(&[report.clone(), set_tag(), scan("ews"), write("hmi")]),
        ),
        (
            person(Team::Blue, Role::Operator, None),
            ask(&[report.clone(), scan("hmi"), scan("vendor")]),
        ),
        (
            person(Team::Blue, Role::Analyst, None),
            ask(&[set_tag(), scan("vendor")]),
        ),
        (
            person(Team::Blue, Role::Engineer, Some("ews")),
            vec![
                report.clone(),
                set_tag(),
                scan("vendor"),
                write("vendor"),
                write("hmi"),
            ],
        ),
        (
            person(Team::Blue, Role::Observer, None),
            ask(&[report, set_tag(), scan("vendor"), scan("ews")]),
        ),
    ]
}

fn ask_at_100_s(
    asks: &[(Principal, Vec<Command>)],
    mut answered: impl FnMut(&Command, &RecordKind),
) -> Match {
    let mut playing = begin(&FIRST_WATCH, "no-red", 2, &[], Chunks::Whole);
    playing.play_to(SimTime::ZERO + SimDuration::from_secs(100));
    for (principal, commands) in asks {
        for command in commands {
            let kind = InputKind::Command(postcard::to_allocvec(command).unwrap());
            playing.apply(Input {
                principal: principal.clone(),
                kind,
            });
            answered(command, &playing.played().records.last().unwrap().kind);
        }
    }
    playing
}

fn is_refusal(kind: &RecordKind) -> bool {
    matches!(
        kind,
        RecordKind::Command {
            refused: Some(_),
            ..
        }
    )
}

#[test]
fn nobody_acts_beyond_his_role_and_host() {
    let asks = beyond_rights();
    let mut playing = ask_at_100_s(&asks, |command, answer| {
        assert!(is_refusal(answer), "{command}: {answer:?}");
    });
    // Nothing else than the refusals has happened, to the end.
    playing.play_to(SimTime::MAX);
    let records = &playing.played().records;
    let refusals = records
        .iter()
        .filter(|record| is_refusal(&record.kind))
        .count();
    assert_eq!(
        refusals,
        asks.iter()
            .map(|(_, commands)| commands.len())
            .sum::<usize>()
    );
    let rest = |records: &[Record]| {
        let ours = |kind: &RecordKind| {
            matches!(
                kind,
                RecordKind::Command { .. } | RecordKind::Principal { .. }
            )
        };
        let rest = records.iter().filter(|record| !ours(&record.kind));
        rest.map(|record| (record.time, record.kind.clone()))
            .collect::<Vec<_>>()
    };
    let quiet = begin(&FIRST_WATCH, "no-red", 2, &[], Chunks::Whole).play();
    assert_eq!(rest(records), rest(&quiet.records));
}

#[test]
fn what_a_role_may_it_can() {
    // The counterpart of the refusals: each of them is somebody's right.
    let asks = [
        (person(Team::Blue, Role::Analyst, None), vec![report()]),
        (
            person(Team::Red, Role::Red, Some("vendor")),
            vec![scan("vendor")],
        ),
        (
            person(Team::Blue, Role::Engineer, Some("ews")),
            vec![switch_rule_off(), turn_key()],
        ),
        (person(Team::Blue, Role::Operator, None), vec![set_tag()]),
    ];
    let mut playing = ask_at_100_s(&asks, |command, answer| {
        assert!(!is_refusal(answer), "{command}: {answer:?}");
    });
    playing.play_to(SimTime::ZERO + SimDuration::from_secs(200));
    let records = &playing.played().records;
    let has = |wanted: fn(&RecordKind) -> bool| records.iter().any(|record| wanted(&record.kind));
    assert!(has(|kind| matches!(kind, RecordKind::Report(_))));
    assert!(has(|kind| matches!(kind, RecordKind::Firewall { .. })));
    assert!(has(|kind| matches!(kind, RecordKind::Key { .. })));
    assert!(has(
        |kind| matches!(kind, RecordKind::OperatorAction { tag, .. } if tag == "FIC-101.MODE")
    ));
    assert!(records.iter().any(is_attack));
}

#[test]
fn an_outside_tool_acts_from_its_own_foothold() {
    let open = |conn| InputKind::Open { conn, endpoint: 0 };
    let mut playing = begin(&FIRST_WATCH, "no-red", 2, &[], Chunks::Whole);
    playing.play_to(SimTime::ZERO + SimDuration::from_secs(100));
    playing.apply(Input {
        principal: tool("vendor"),
        kind: open(1),
    });
    playing.play_to(SimTime::ZERO + SimDuration::from_secs(101));
    let vendor = ip_of("vendor");
    let from = playing
        .played()
        .records
        .iter()
        .find_map(|record| match &record.kind {
            RecordKind::Connection { src, by, .. }
                if *by != sim_record::PrincipalId::RANGE && *src == u32::from(vendor) =>
            {
                Some(*src)
            }
            _ => None,
        });
    assert_eq!(from, Some(u32::from(vendor)));
}
