//! What a user types and what comes back.

use crate::support::{Stream, bench_bay, trippoint, trippoint_with};
use sim_record::container::Item;
use std::fs;
use std::path::Path;
use trippoint::interrupt::Interrupt;
use trippoint::storage::FileStorage;

fn play(out: &Path, more: &[&str]) -> crate::support::Said {
    let scenario = bench_bay();
    let args = [
        "run",
        scenario.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ];
    trippoint(&[&args[..], more].concat())
}

#[test]
fn the_whole_command_reference() {
    let mut reference = String::new();
    for command in [
        "",
        "run",
        "serve",
        "resume",
        "check",
        "replay",
        "grade",
        "list",
        "modbus",
        "modbus read",
        "modbus write",
        "modbus scan",
        "modbus id",
    ] {
        let args: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let said = trippoint(&args);
        assert_eq!((said.code, said.err.as_str()), (0, ""));
        reference.push_str(&format!("# trippoint {command}\n\n{}\n", said.out));
    }
    insta::assert_snapshot!(reference);
}

#[test]
fn a_run_leaves_its_folder_and_prints_the_score() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("match");
    let said = play(&out, &["--seed", "5"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("seed 5"), "{}", said.out);
    for name in ["match.tpr", "report.html", "report.json", "capture.pcapng"] {
        assert!(fs::metadata(out.join(name)).unwrap().len() > 0, "{name}");
    }
    let report = fs::read_to_string(out.join("report.json")).unwrap();
    assert!(
        !report.contains(dir.path().to_str().unwrap()),
        "no path in a report"
    );
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_a_live_folder() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(play(dir.path(), &["--seed", "5"]).code, 0);
    for entry in fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.path());
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = |name: &str, seed: &str, file: &str| {
        let out = dir.path().join(name);
        if !out.exists() {
            assert_eq!(play(&out, &["--seed", seed]).code, 0);
        }
        fs::read(out.join(file)).unwrap()
    };
    for file in ["match.tpr", "report.json", "report.html", "capture.pcapng"] {
        assert_eq!(bytes("a", "5", file), bytes("b", "5", file), "{file}");
    }
    assert_ne!(bytes("a", "5", "match.tpr"), bytes("c", "6", "match.tpr"));
}

#[test]
fn replay_verifies_and_makes_the_same_capture() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(play(dir.path(), &["--seed", "5"]).code, 0);
    let file = dir.path().join("match.tpr");
    let pcap = dir.path().join("again.pcapng");
    let said = trippoint(&[
        "replay",
        file.to_str().unwrap(),
        "--verify",
        "--pcap",
        pcap.to_str().unwrap(),
    ]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert!(
        said.out.contains("re-run to 00:30, the match is over"),
        "{}",
        said.out
    );
    let recorded = fs::read(dir.path().join("capture.pcapng")).unwrap();
    assert_eq!(recorded, fs::read(pcap).unwrap());
}

#[test]
fn replay_stops_where_it_is_told() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(play(dir.path(), &["--seed", "5"]).code, 0);
    let file = dir.path().join("match.tpr");
    let said = trippoint(&[
        "replay",
        file.to_str().unwrap(),
        "--until",
        "0:12.5",
        "--json",
    ]);
    assert_eq!(said.code, 0, "{}", said.err);
    let outcome: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(outcome["reached_us"], 12_500_000);
    assert_eq!(outcome["ending"], "stopped");
    assert_eq!(outcome["digests"], 1);
}

#[test]
fn a_recording_of_another_engine_is_refused_in_words_but_graded() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(play(dir.path(), &["--seed", "5"]).code, 0);
    let path = dir.path().join("match.tpr");
    let items = crate::support::items(&fs::read(&path).unwrap());
    fs::write(&path, rewritten(items)).unwrap();
    let file = path.to_str().unwrap();
    let said = trippoint(&["replay", file, "--verify"]);
    assert_eq!(said.code, 1);
    let expected = format!("error: `{file}` was made by engine of another day, this is engine ");
    assert!(said.err.starts_with(&expected), "{}", said.err);
    assert!(
        said.err
            .contains("hint: only the engine that made a recording re-runs it bit for bit")
    );
    let graded = trippoint(&["grade", file]);
    assert_eq!((graded.code, graded.err.as_str()), (0, ""));
}

/// The same recording by another engine.
fn rewritten(items: Vec<Item>) -> Vec<u8> {
    let mut writer = None;
    for item in items {
        match (item, &mut writer) {
            (Item::Header(mut header), _) => {
                header.fingerprint = "of another day".into();
                writer = Some(sim_record::container::Writer::new(&header).unwrap());
            }
            (Item::Input(input), Some(writer)) => writer.input(&input).unwrap(),
            (Item::Records(records), Some(writer)) => {
                records
                    .iter()
                    .for_each(|record| writer.record(record).unwrap());
            }
            (Item::Digest { time, digest }, Some(writer)) => writer.digest(time, digest).unwrap(),
            (Item::End(end), Some(writer)) => writer.end(end.ending).unwrap(),
            (_, None) => panic!("a recording begins with its header"),
        }
    }
    writer.unwrap().pending().to_vec()
}

#[test]
fn a_changed_digest_is_found_with_its_time() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(play(dir.path(), &["--seed", "5"]).code, 0);
    let path = dir.path().join("match.tpr");
    let mut items = crate::support::items(&fs::read(&path).unwrap());
    let mut header = None;
    for item in &mut items {
        match item {
            Item::Header(found) => header = Some(found.clone()),
            Item::Digest { time, digest } if time.0 == 20_000_000 => digest.0[0] ^= 1,
            _ => {}
        }
    }
    let mut writer = sim_record::container::Writer::new(&header.unwrap()).unwrap();
    for item in &items {
        match item {
            Item::Header(_) => {}
            Item::Input(input) => writer.input(input).unwrap(),
            Item::Records(records) => {
                records
                    .iter()
                    .for_each(|record| writer.record(record).unwrap());
            }
            Item::Digest { time, digest } => writer.digest(*time, *digest).unwrap(),
            Item::End(end) => writer.end(end.ending).unwrap(),
        }
    }
    fs::write(&path, writer.pending()).unwrap();
    let said = trippoint(&["replay", path.to_str().unwrap()]);
    assert_eq!(said.code, 1);
    assert!(
        said.err
            .starts_with("error: the digest differs at 00:20\n  recorded: "),
        "{}",
        said.err
    );
}

#[test]
fn grading_again_gives_the_report_of_the_run() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(play(dir.path(), &["--seed", "5"]).code, 0);
    let file = dir.path().join("match.tpr");
    let again = dir.path().join("again");
    let args = [
        "grade",
        file.to_str().unwrap(),
        "--out",
        again.to_str().unwrap(),
        "--json",
    ];
    let said = trippoint(&args);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let live = fs::read(dir.path().join("report.json")).unwrap();
    assert_eq!(live, fs::read(again.join("report.json")).unwrap());
    assert_eq!(String::from_utf8(live).unwrap(), said.out);
}

#[test]
fn a_damaged_recording_is_graded_as_far_as_it_is_sound() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(play(dir.path(), &["--seed", "5"]).code, 0);
    let path = dir.path().join("match.tpr");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 30]).unwrap();
    let file = path.to_str().unwrap();
    let said = trippoint(&["grade", file]);
    assert_eq!(said.code, 0);
    assert!(
        said.err
            .contains("is damaged: the last frame is incomplete"),
        "{}",
        said.err
    );
    let said = trippoint(&["replay", file, "--verify"]);
    assert_eq!(said.code, 1);
    assert!(
        said.err.contains("hint: everything before that is sound"),
        "{}",
        said.err
    );
}

#[test]
fn names_that_do_not_exist_come_back_with_the_nearest() {
    let scenario = bench_bay();
    let scenario = scenario.to_str().unwrap();
    let said = trippoint(&["run", scenario, "--cast", "emtpy"]);
    assert_eq!(said.code, 2);
    assert_eq!(
        said.err,
        "error: there is no cast named `emtpy`\nhint: did you mean `empty`?\n"
    );
    let said = trippoint(&["run", scenario, "--cast", "nobody"]);
    assert_eq!(
        said.err,
        "error: there is no cast named `nobody`\nhint: there are: again, empty\n"
    );
    let near = scenario.replace("bench-bay", "bench-bey");
    let said = trippoint(&["run", &near]);
    assert_eq!(said.code, 2);
    let expected =
        format!("error: there is no scenario named `{near}`\nhint: did you mean `{scenario}`?\n");
    assert_eq!(said.err, expected);
    let said = trippoint(&["serve", scenario, "--seed", "1", "--expose=leptop"]);
    assert_eq!(said.code, 2);
    assert_eq!(
        said.err,
        "error: there is no foothold named `leptop`\nhint: did you mean `laptop`?\n".to_owned()
    );
    let said = trippoint(&["serve", scenario, "--seed", "1", "--expose=station"]);
    assert_eq!(
        said.err,
        "error: the scenario exposes no endpoint for the foothold `station`\n\
         hint: list them in `endpoints:` of scenario.ron\n"
    );
}

#[test]
fn wrong_use_of_the_command_line_is_exit_code_2() {
    for args in [
        &["fly"][..],
        &["run"],
        &["run", "x", "--speed", "0"],
        &["replay", "x", "--until", "noon"],
        &["serve", "x", "--danger-expose-on", "0.0.0.0"],
        &["list", "dragons"],
        &["replay", "no-such-file"],
        &["resume", "no-such-folder"],
    ] {
        let said = trippoint(args);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{args:?}");
        assert!(said.err.starts_with("error: "), "{args:?}: {}", said.err);
    }
}

#[test]
fn check_tells_problems_to_people_and_programs() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("scenario.ron"), "").unwrap();
    let path = dir.path().to_str().unwrap();
    let said = trippoint(&["check", path]);
    assert_eq!(said.code, 1);
    assert!(
        said.out.contains("error[E0104]: empty file"),
        "{}",
        said.out
    );
    assert_eq!(said.err, "error: 1 of 1 scenario is not usable\n");
    let said = trippoint(&["check", path, bench_bay().to_str().unwrap(), "--json"]);
    assert_eq!(said.code, 1);
    let found: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(found[0]["ok"], false);
    assert_eq!(found[0]["problems"][0]["code"], "E0104");
    assert_eq!(found[1]["ok"], true);
    // A folder of scenarios stands for all of them.
    let parent = bench_bay();
    let said = trippoint(&["check", parent.parent().unwrap().to_str().unwrap()]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
}

#[test]
fn one_path_that_cannot_be_read_does_not_keep_the_others_from_their_verdict() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing");
    let file = dir.path().join("a-file");
    fs::write(&file, "").unwrap();
    let sound = bench_bay();
    let paths = [&missing, &sound, &file].map(|path| path.to_str().unwrap());
    let said = trippoint(&[&["check"], &paths[..]].concat());
    assert_eq!(said.code, 1);
    assert!(
        said.out.starts_with(&format!(
            "{0}:\nerror: there is no scenario named `{0}`\nhint: ",
            paths[0]
        )),
        "{}",
        said.out
    );
    assert!(said.out.contains(&format!("{}: ok\n", paths[1])));
    assert_eq!(said.err, "error: 2 of 3 scenarios are not usable\n");
    let said = trippoint(&[&["check", "--json"], &paths[..]].concat());
    assert_eq!(said.code, 1);
    let verdicts: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    for (number, ok) in [(0, false), (1, true), (2, false)] {
        assert_eq!(verdicts[number]["path"], paths[number]);
        assert_eq!(verdicts[number]["ok"], ok);
        assert_eq!(verdicts[number]["error"].is_null(), ok);
    }
    let expected = format!("`{}` is not a scenario", paths[2]);
    assert_eq!(verdicts[2]["error"]["message"], expected);
    let error = last_error(&said);
    assert_eq!(error["message"], "2 of 3 scenarios are not usable");
}

/// The error object that is the last line on stderr under `--json`.
fn last_error(said: &crate::support::Said) -> serde_json::Value {
    let line = said.err.lines().last().unwrap_or_default();
    let error: serde_json::Value =
        serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    assert_eq!(error["event"], "error");
    assert_eq!(error["exit_code"], said.code);
    error
}

#[test]
fn errors_are_json_where_results_are() {
    let dir = tempfile::tempdir().unwrap();
    let bad = dir.path().join("bad");
    fs::create_dir(&bad).unwrap();
    fs::write(
        bad.join("scenario.ron"),
        "(\n  version: 1,\n  flavour: 3,\n)",
    )
    .unwrap();
    let rubric = dir.path().join("long.ron");
    fs::write(
        &rubric,
        vec![b' '; sim_authored::limits::FILE_BYTES_MAX + 9],
    )
    .unwrap();
    let played = dir.path().join("played");
    assert_eq!(play(&played, &["--seed", "5"]).code, 0);
    let recording = played.join("match.tpr");
    let [bad, rubric, recording] = [&bad, &rubric, &recording].map(|path| path.to_str().unwrap());
    for (args, code, exit_code, message) in [
        (&["run", bad][..], "problems", 1, "has errors"),
        (
            &["run", "no-such"],
            "usage",
            2,
            "there is no scenario named",
        ),
        (
            &["grade", recording, "--rubric", rubric],
            "problems",
            1,
            "has errors",
        ),
        (
            &["grade", recording, "--rubric", "/dev/zero"],
            "usage",
            2,
            "is not a file",
        ),
        (&["replay", "no-such"], "usage", 2, "there is no recording"),
        (&["replay", bad], "usage", 2, "is a folder"),
        (
            &["resume", played.to_str().unwrap()],
            "failed",
            1,
            "has ended",
        ),
        (&["fly"], "usage", 2, "unrecognized subcommand 'fly'"),
        (&["run"], "usage", 2, "required arguments were not provided"),
    ] {
        let said = trippoint(&[args, &["--json"]].concat());
        assert_eq!((said.code, said.out.as_str()), (exit_code, ""), "{args:?}");
        let error = last_error(&said);
        assert_eq!(error["code"], code, "{args:?}: {error}");
        let told = error["message"].as_str().unwrap();
        assert!(told.contains(message), "{args:?}: {error}");
        assert!(!told.contains('\n'), "{error}");
        assert!(error["hints"].is_array(), "{error}");
    }
    let problem = &last_error(&trippoint(&["run", bad, "--json"]))["problems"][0];
    assert_eq!(problem["file"], "scenario.ron");
    assert_eq!(
        (&problem["line"], &problem["column"]),
        (&3.into(), &3.into())
    );
    assert!(problem["code"].as_str().unwrap().starts_with('E'));
    let grade = ["grade", recording, "--rubric", rubric, "--json"];
    let problem = &last_error(&trippoint(&grade))["problems"][0];
    assert_eq!(
        (problem["code"].as_str(), problem["file"].as_str()),
        (Some("E0101"), Some(rubric))
    );
    let said = trippoint(&["run", bad, "--cast"]);
    assert!(
        said.err.starts_with("error: "),
        "words without --json: {}",
        said.err
    );
}

#[test]
fn a_scenario_with_errors_is_not_played() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("scenario.ron"), "(version: 1, ").unwrap();
    let said = trippoint(&["run", dir.path().to_str().unwrap()]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("error[E0110]"), "{}", said.err);
    assert!(said.err.contains("hint: `trippoint check "), "{}", said.err);
}

#[test]
fn registries_are_listed() {
    for (what, expected) in [
        ("plants", "te-reactor"),
        ("protocols", "modbus-tcp"),
        ("metrics", "detection"),
        ("problems", "E0104"),
    ] {
        let said = trippoint(&["list", what]);
        assert_eq!((said.code, said.err.as_str()), (0, ""));
        assert!(
            said.out.lines().any(|line| line.starts_with(expected)),
            "{}",
            said.out
        );
        let json: serde_json::Value =
            serde_json::from_str(&trippoint(&["list", what, "--json"]).out).unwrap();
        let rows = json.as_array().unwrap();
        assert_eq!(rows.len(), said.out.lines().count());
        assert!(rows.iter().any(|row| row["id"] == expected));
    }
    let said = trippoint(&["list", "protocols", "--json"]);
    let rows: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let modbus = &rows[1];
    assert_eq!(
        (&modbus["transport"], &modbus["port"]),
        (&"TCP".into(), &502.into())
    );
    assert!(modbus["offers"].as_str().unwrap().contains("43/14"));
}

#[test]
fn a_finished_match_is_replaced_and_nothing_else_is() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(play(dir.path(), &["--seed", "5"]).code, 0);
    let first = fs::read(dir.path().join("match.tpr")).unwrap();
    assert_eq!(play(dir.path(), &["--seed", "6"]).code, 0);
    assert_ne!(first, fs::read(dir.path().join("match.tpr")).unwrap());

    // One that was killed can go on, so it stays.
    fs::write(dir.path().join("match.tpr"), &first[..first.len() - 1]).unwrap();
    let said = play(dir.path(), &["--seed", "5"]);
    assert_eq!(said.code, 1);
    assert!(
        said.err
            .contains("holds a match that has not ended\nhint: `trippoint resume "),
        "{}",
        said.err
    );

    // So does a file of somebody else.
    fs::write(dir.path().join("match.tpr"), "my thesis").unwrap();
    let said = play(dir.path(), &["--seed", "5"]);
    assert_eq!(said.code, 1);
    assert_eq!(
        fs::read(dir.path().join("match.tpr")).unwrap(),
        b"my thesis"
    );
}

#[test]
fn a_match_is_not_written_into_somebodys_work() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("thesis.tex"), "mine").unwrap();
    let said = play(dir.path(), &["--seed", "5"]);
    assert_eq!(said.code, 1);
    let expected = format!(
        "error: `{}` holds `thesis.tex`, which is no file of a match\n\
         hint: choose another folder with --out, such as runs/my-match\n",
        dir.path().display()
    );
    assert_eq!(said.err, expected);
    // Nor into a scenario, in which every file would become a part of it.
    fs::write(dir.path().join("scenario.ron"), "").unwrap();
    for out in [dir.path().to_path_buf(), dir.path().join("runs/one")] {
        let said = play(&out, &["--seed", "5"]);
        assert_eq!(said.code, 1);
        assert!(said.err.contains("lies in the scenario"), "{}", said.err);
        assert!(said.err.contains("hint: choose another"), "{}", said.err);
    }
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn the_readme_tells_every_file_of_a_match() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(readme).unwrap();
    for name in trippoint::run_dir::FILES {
        assert!(readme.contains(&format!("`{name}`")), "{name}");
    }
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(play(dir.path(), &["--seed", "5"]).code, 0);
    for entry in fs::read_dir(dir.path()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(trippoint::run_dir::FILES.contains(&&*name), "{name}");
    }
}

#[test]
fn a_second_owner_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let held = FileStorage::open(dir.path()).unwrap();
    let said = play(dir.path(), &["--seed", "5"]);
    assert_eq!(said.code, 1);
    assert!(
        said.err
            .contains("is in use by another trippoint\nhint: wait"),
        "{}",
        said.err
    );
    drop(held);
    assert_eq!(play(dir.path(), &["--seed", "5"]).code, 0);
}

#[test]
fn an_interrupted_run_ends_with_a_report() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = bench_bay();
    let interrupt = Interrupt::default();
    interrupt.set();
    let (out, err) = (Stream::default(), Stream::default());
    let args = [
        "run",
        scenario.to_str().unwrap(),
        "--seed",
        "5",
        "--out",
        dir.path().to_str().unwrap(),
    ];
    // It could not be finished; a `serve` that is stopped has done what it was there for.
    assert_eq!(trippoint_with(&args, &out, &err, &interrupt), 1);
    assert!(
        err.text()
            .contains("error: the match was stopped at 00:00, before its end at 00:30\nhint: "),
        "{}",
        err.text()
    );
    assert!(
        out.text()
            .contains("The match was stopped at 00:00, before its end at 00:30."),
        "{}",
        out.text()
    );
    let said = trippoint(&[
        "replay",
        dir.path().join("match.tpr").to_str().unwrap(),
        "--verify",
    ]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert!(said.out.contains("1 inputs applied"), "{}", said.out);
}
