//! Reading RON with places: what comes out, and what is said when it is wrong.
#![allow(clippy::unwrap_used, clippy::float_cmp, missing_docs, reason = "tests")]

use proptest::prelude::*;
use serde::Deserialize;
use sim_authored::limits::LIST_MAX;
use sim_authored::{Entries, FileId, Findings, Problem, SourceMap, Span, Spanned, code, parse_ron};

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Plant {
    kind: Spanned<String>,
    #[serde(default)]
    level_m: Option<Spanned<f64>>,
    #[serde(default)]
    ports: Vec<Spanned<u16>>,
    #[serde(default)]
    valves: Entries<Valve>,
    #[serde(default)]
    action: Option<Action>,
    #[serde(default)]
    area: f64,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Valve {
    open_percent: Spanned<f64>,
    #[serde(default)]
    inner: Option<Spanned<Inner>>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Inner {
    depth: Spanned<u8>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
enum Action {
    Wait,
    Write { register: Spanned<u16> },
    Pair(Spanned<u8>, Spanned<u8>),
}

fn sources(text: &str) -> SourceMap {
    let mut map = SourceMap::new();
    map.add("plant.ron", text.as_bytes()).unwrap();
    map
}

fn problem(text: &str) -> Problem {
    let map = sources(text);
    *parse_ron::<Plant>(&map, FileId(0)).unwrap_err()
}

/// Code, line, column, what is there and what to do, in one line.
fn said(text: &str) -> String {
    let found = problem(text);
    let Problem {
        code,
        line,
        column,
        there,
        help,
        ..
    } = found;
    format!("{code} {line}:{column} {there} | {help}")
}

fn here(value: u8) -> Spanned<u8> {
    Spanned::new(value, Span::default())
}

#[test]
fn every_leaf_knows_its_place() {
    let text = "(\n  kind: \"tank\", // a comment\n  level_m: /* ä */ 1.5 ,\n  ports: [ 502,\n    503 ],\n  \
        valves: { \"in\": (open_percent: 40), \"out\": Valve(open_percent: 60.5, inner: (depth: 3)) },\n  \
        action: Write(register: 1024),\n)";
    let map = sources(text);
    let plant: Plant = parse_ron(&map, FileId(0)).unwrap();
    let text_of = |span| map.text_of(span);
    assert_eq!(text_of(plant.kind.span), "\"tank\"");
    assert_eq!(text_of(plant.level_m.unwrap().span), "1.5");
    assert_eq!(text_of(plant.ports[1].span), "503");
    assert_eq!(*plant.ports[1], 503);
    let (name, out) = plant.valves.iter().nth(1).unwrap();
    assert_eq!(text_of(name.span), "\"out\"");
    assert_eq!(text_of(out.open_percent.span), "60.5");
    let inner = out.inner.as_ref().unwrap();
    assert_eq!(text_of(inner.span), "(depth: 3)");
    assert_eq!(text_of(inner.depth.span), "3");
    let Some(Action::Write { register }) = plant.action else {
        panic!("another action")
    };
    assert_eq!(text_of(register.span), "1024");
    let place = map.file(FileId(0)).unwrap().position(register.span.start);
    assert_eq!((place.line, place.column), (7, 27));
}

#[test]
fn values_compare_without_their_places() {
    let read = |text: &str| parse_ron::<Plant>(&sources(text), FileId(0)).unwrap();
    assert_eq!(read("(kind: \"a\")"), read("(\n\n  kind  :  \"a\",\n)"));
    assert_ne!(read("(kind: \"a\")"), read("(kind: \"b\")"));
    let pair = read("(kind: \"a\", action: Pair(1, 2))");
    assert_eq!(pair.action, Some(Action::Pair(here(1), here(2))));
    assert_eq!(
        read("(kind: \"a\", action: Some(Wait))").action,
        Some(Action::Wait)
    );
}

#[test]
fn a_place_makes_a_finding() {
    let map = sources("(kind: \"tank\",\n level_m: 40.0)");
    let plant: Plant = parse_ron(&map, FileId(0)).unwrap();
    let mut findings = Findings::new();
    findings.push(plant.level_m.unwrap().problem(
        code::OUT_OF_RANGE,
        "40 m is too high",
        "at most 12 m",
    ));
    let problems = findings.into_problems(&map);
    assert_eq!(
        (problems[0].line, problems[0].column, problems[0].end_column),
        (2, 11, 15)
    );
}

#[test]
fn duplicate_keys_name_both_places() {
    let map =
        sources("(kind: \"t\", valves: {\n \"v\": (open_percent: 1),\n \"v\": (open_percent: 2)})");
    let plant: Plant = parse_ron(&map, FileId(0)).unwrap();
    let mut findings = Findings::new();
    plant.valves.report_duplicates("valve", &mut findings);
    let problems = findings.into_problems(&map);
    assert_eq!(problems.len(), 1);
    assert_eq!((problems[0].line, problems[0].related[0].line), (3, 2));
    assert_eq!(problems[0].there, "the valve `v` is already defined");
}

#[test]
fn fields_are_checked_by_name() {
    assert_eq!(
        said("(\n kind: \"t\",\n levl_m: 3.0,\n)"),
        "E0113 3:2 `levl_m` is not a field of `Plant` | did you mean `level_m`?"
    );
    assert_eq!(
        said("(kind: \"t\", valves: {\"kind\": (\n open: 3)})"),
        "E0113 2:2 `open` is not a field of `Valve` | did you mean `open_percent`?"
    );
    assert_eq!(
        said("(\n area: 1.0,\n)"),
        "E0114 1:1 `kind` is missing in `Plant` | add `kind: ...`"
    );
    assert_eq!(
        said("(kind: \"t\", valves: {\"a\": Valve(\n)})"),
        "E0114 1:27 `open_percent` is missing in `Valve` | add `open_percent: ...`"
    );
    assert_eq!(
        said("(kind: \"t\",\n kind: \"u\")"),
        "E0115 2:2 `kind` is written a second time in `Plant` | remove one of the two"
    );
    assert_eq!(
        said("(kind: \"t\", action: Writ(register: 1))"),
        "E0116 1:21 `Writ` is not one of the choices here | did you mean `Write`?"
    );
}

#[derive(Debug, Deserialize)]
struct Lenient {
    #[allow(dead_code)]
    step: Option<Spanned<Step>>,
}

#[derive(Debug, Deserialize)]
enum Step {
    Wait {
        #[allow(dead_code)]
        seconds: f64,
    },
}

#[test]
fn no_type_can_skip_a_field() {
    let said = |text: &str| {
        let map = sources(text);
        let found = *parse_ron::<Lenient>(&map, FileId(0)).unwrap_err();
        format!(
            "{} {}:{} {} | {}",
            found.code, found.line, found.column, found.there, found.help
        )
    };
    assert_eq!(
        said("(\n stop: 3)"),
        "E0113 2:2 `stop` is not a field | did you mean `step`?"
    );
    assert_eq!(
        said("(step: Wait(\n seconds: 3, second : 4))"),
        "E0113 2:14 `second` is not a field | did you mean `seconds`?"
    );
}

#[test]
fn types_are_checked_where_they_stand() {
    assert_eq!(
        said("(kind: \"t\",\n level_m: \"high\")"),
        "E0117 2:11 `\"high\"` stands where a number should | write a number"
    );
    assert_eq!(
        said("(kind: \"t\", ports: [1, 2.5])"),
        "E0117 1:24 `2.5` stands where an integer should | write an integer"
    );
    assert_eq!(
        said("(kind: \"t\", ports: [1, 70000])"),
        "E0119 1:24 `70000` does not fit in the type of this field | write a number that fits"
    );
    assert_eq!(
        said("(kind: 3)"),
        "E0117 1:8 `3` stands where a string in quotes should | write a string in quotes"
    );
    assert_eq!(
        said("(kind: \"t\", valves: [1])"),
        "E0117 1:21 `[` stands where a map `{...}` should | write a map `{...}`"
    );
    assert_eq!(
        said("(kind: \"t\", valves: {\"a\": (open_percent: 1, inner: (depth: 300))})"),
        "E0119 1:60 `300` does not fit in the type of this field | write a number that fits"
    );
}

#[test]
fn numbers_that_are_not_finite_are_refused_where_they_stand() {
    for (number, field) in [
        ("NaN", "level_m"),
        ("-1e309", "level_m"),
        ("inf", "level_m"),
        ("1e999", "area"),
    ] {
        let found = problem(&format!("(kind: \"t\",\n {field}: {number},\n)"));
        assert_eq!(found.code, code::NOT_FINITE, "{number}");
        assert_eq!(found.there, format!("`{number}` is not a finite number"));
        let column = u32::try_from(field.len()).unwrap() + 4;
        assert_eq!((found.line, found.column), (2, column), "{number}");
    }
}

#[test]
fn syntax_errors_have_their_place() {
    assert_eq!(
        said("(kind: \"t\" level_m: 3)"),
        "E0110 1:12 expected comma | check commas, colons, quotes and brackets here and just before"
    );
    assert!(
        said("(kind: \"t\",\n").starts_with("E0110 2:1 unexpected end of RON"),
        "{}",
        said("(kind: \"t\",\n")
    );
    assert!(
        said("(kind: \"t\")\n)").starts_with("E0110 2:1 non-whitespace trailing"),
        "{}",
        said("(kind: \"t\")\n)")
    );
    assert_eq!(said("(kind: \"t)").split(' ').nth(1), Some("1:8"));
    assert_eq!(
        said("#![enable(unwrap_newtypes)]\n(kind: \"t\")"),
        "E0112 1:1 an attribute starts here | remove it; `Some` may be left out without it"
    );
}

#[test]
fn recursion_bombs_and_endless_lists_are_refused() {
    let bomb = format!("(kind: \"t\",\n area: {}1", "(".repeat(200_000));
    assert_eq!(problem(&bomb).code, code::NESTING);
    assert_eq!((problem(&bomb).line, problem(&bomb).column), (2, 71));
    let inner = format!("(kind: {}\"t\"", "Some(".repeat(100_000));
    assert_eq!(problem(&inner).code, code::NESTING);
    let long = format!("(kind: \"t\",\n ports: [{}])", "1,".repeat(LIST_MAX + 1));
    assert_eq!(problem(&long).code, code::LIST_TOO_LONG);
    let fits = format!("(kind: \"t\", ports: [{}])", "1,".repeat(LIST_MAX));
    assert!(parse_ron::<Plant>(&sources(&fits), FileId(0)).is_ok());
}

#[test]
fn a_problem_shows_the_line() {
    assert_eq!(
        problem("(\n    kind: \"tank\",\n    level_m: 1e400,\n)").render(false),
        "error[E0118]: not a finite number
 --> plant.ron:3:14
  |
3 |     level_m: 1e400,
  |              ^^^^^ `1e400` is not a finite number
  |
  = help: write a number below 1.7e308 in size"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_text_makes_the_reader_panic(text in "[a-z(){}\\[\\]:,\"'/*#r!0-9.eäNSome \n\\\\-]{0,60}") {
        let mut map = SourceMap::new();
        if let Ok(file) = map.add("x.ron", text.as_bytes())
            && let Err(problem) = parse_ron::<Plant>(&map, file)
        {
            prop_assert!(problem.line >= 1 && problem.column >= 1);
            let _ = problem.render(false);
        }
    }

    #[test]
    fn no_mutation_of_a_good_file_makes_the_reader_panic(
        at in 0_usize..120, byte in any::<u8>(), cut in 0_usize..120,
    ) {
        let good = "(kind: \"tänk\", level_m: 1.5, ports: [502], valves: {\"a\": (open_percent: 4, \
            inner: (depth: 3))}, action: Write(register: 7))";
        let mut bytes = good.as_bytes().to_vec();
        if let Some(slot) = bytes.get_mut(at) { *slot = byte; }
        bytes.truncate(cut.max(1));
        let mut map = SourceMap::new();
        if let Ok(file) = map.add("x.ron", &bytes)
            && let Err(problem) = parse_ron::<Plant>(&map, file)
        {
            let _ = problem.render(true);
        }
    }

    #[test]
    fn what_is_read_is_what_stands_at_its_place(level in -1e300_f64..1e300, ports in proptest::collection::vec(any::<u16>(), 0..20)) {
        let text = format!("(kind: \"t\", level_m: {level:?}, ports: {ports:?})");
        let map = sources(&text);
        let plant: Plant = parse_ron(&map, FileId(0)).unwrap();
        let read = plant.level_m.unwrap();
        prop_assert_eq!(read.value, level);
        prop_assert_eq!(map.text_of(read.span).parse::<f64>().unwrap(), level);
        for (port, read) in ports.iter().zip(&plant.ports) {
            prop_assert_eq!(port, &read.value);
            prop_assert_eq!(map.text_of(read.span), port.to_string());
        }
    }
}
