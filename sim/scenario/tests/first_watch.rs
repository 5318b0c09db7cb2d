//! The shipped scenario loads, and varies with the match seed.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::float_cmp,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    missing_docs,
    reason = "tests"
)]

mod folder;

use std::collections::BTreeSet;

use folder::{read_folder, repository};
use sim_authored::render_all;
use sim_record::Seed;
use sim_scenario::model::{MapArea, Scenario, Vary};
use sim_scenario::{BASE_FOLDER, check};
use sim_view::script::Step;
use sim_view::{Command, Table};

#[test]
fn first_watch_loads_without_a_problem() {
    let (scenario, problems) = check(&read_folder(&repository("scenarios/first-watch")));
    assert!(problems.is_empty(), "{}", render_all(&problems, false));
    let scenario = scenario.unwrap();
    assert_eq!(scenario.id, "first-watch");
    assert_eq!(scenario.hosts.len(), 9);
    assert_eq!(scenario.tags["PIC-101.SP"].address, 1024);
    assert_eq!(scenario.actors["red-standard"].script.steps.len(), 8);
}

fn varied(vary: Vary) -> Scenario {
    let (scenario, _) = check(&read_folder(&repository("scenarios/first-watch")));
    Scenario {
        vary,
        ..scenario.unwrap()
    }
}

#[test]
fn nothing_varies_unless_asked() {
    let scenario = varied(Vary::default());
    assert_eq!(scenario.instantiate(Seed(1)), scenario);
}

#[test]
fn the_same_seed_gives_the_same_match_and_another_one_differs() {
    let all = Vary {
        addresses: true,
        register_offset_max: 100,
        tag_numbers: true,
        attack_start_max_s: 120,
        branches: true,
        benign_jitter_max_s: 5,
    };
    let scenario = varied(all);
    let one = scenario.instantiate(Seed(1));
    assert_eq!(one, scenario.instantiate(Seed(1)));
    assert_ne!(one, scenario.instantiate(Seed(2)));
    assert_eq!(one, one.instantiate(Seed(99)));
}

#[test]
fn addresses_stay_in_their_zone_and_rules_follow() {
    let scenario = varied(Vary {
        addresses: true,
        ..Vary::default()
    });
    for seed in 0..50 {
        let drawn = scenario.instantiate(Seed(seed));
        let addresses: BTreeSet<_> = drawn.hosts.iter().map(|host| host.ip).collect();
        assert_eq!(addresses.len(), drawn.hosts.len());
        for (host, before) in drawn.hosts.iter().zip(&scenario.hosts) {
            assert_eq!(host.ip.octets()[..3], before.ip.octets()[..3]);
            assert!(![0, 1, 255].contains(&host.ip.octets()[3]));
        }
        let of = |id: &str| {
            drawn
                .hosts
                .iter()
                .find(|host| host.id == id)
                .unwrap()
                .ip
                .to_string()
        };
        let rules = &drawn.routers[0].rules;
        assert_eq!(rules[0].src, of("hmi"));
        assert_eq!(rules[5].dst, of("plc1"));
        assert_eq!(rules[6].src, of("vendor"));
        assert_eq!(rules[6].dst, "10.30.10.0/24");
    }
}

#[test]
fn registers_shift_by_controller_and_tags_follow() {
    let scenario = varied(Vary {
        register_offset_max: 100,
        ..Vary::default()
    });
    let mut seen = BTreeSet::new();
    for seed in 0..50 {
        let drawn = scenario.instantiate(Seed(seed));
        let offset = drawn.tags["PIC-101.SP"].address - 1024;
        assert!(offset.is_multiple_of(10) && offset < 100);
        seen.insert(offset);
        assert_eq!(drawn.tags["PT-101"].address, offset);
        let map = &drawn.controllers[0].modbus_map;
        let shown = |table, address: u16| {
            map.iter().find(|range| {
                range.table == table
                    && range.start <= address
                    && address < range.start + range.count
            })
        };
        let holding = shown(Table::Holding, offset + 1024).unwrap();
        assert_eq!(
            (holding.area, holding.start),
            (MapArea::Marker, offset + 1024)
        );
        assert_eq!(drawn.controllers[1].modbus_map[1].offset, 10);
    }
    assert!(seen.len() > 5);
}

#[test]
fn tags_are_renumbered_loop_by_loop() {
    let scenario = varied(Vary {
        tag_numbers: true,
        ..Vary::default()
    });
    let drawn = scenario.instantiate(Seed(3));
    assert_eq!(drawn.tags.len(), scenario.tags.len());
    assert!(!drawn.tags.contains_key("PT-101"));
    assert!(drawn.tags.contains_key("SIS-1.TRIP"));
    let number = drawn.hmis[0].tags[0].strip_prefix("PT-").unwrap();
    assert!(drawn.tags.contains_key(&format!("PIC-{number}.SP")));
    assert_eq!(drawn.alarms[0].id, format!("PAH-{number}"));
    let named = drawn.hmis[0].tags.iter().chain(&drawn.historians[0].tags);
    assert!(named.clone().all(|tag| drawn.tags.contains_key(tag)));
    let text = format!("{:?}", drawn.actors);
    assert!(!text.contains("-101"), "{text}");
}

#[test]
fn red_shifts_as_one_and_benign_life_jitters() {
    let vary = Vary {
        attack_start_max_s: 120,
        benign_jitter_max_s: 5,
        ..Vary::default()
    };
    let scenario = varied(vary);
    let mut starts = BTreeSet::new();
    for seed in 0..50 {
        let drawn = scenario.instantiate(Seed(seed));
        let steps = |name: &str| drawn.actors[name].script.steps.clone();
        let before = &scenario.actors["red-standard"].script.steps;
        let shift = steps("red-standard")[0].at_s - before[0].at_s;
        assert!((0.0..120.0).contains(&shift));
        starts.insert(shift as u32);
        for (step, before) in steps("red-standard").iter().zip(before) {
            assert_eq!(step.at_s - before.at_s, shift);
        }
        for (step, before) in steps("life")
            .iter()
            .zip(&scenario.actors["life"].script.steps)
        {
            assert!((0.0..5.0).contains(&(step.at_s - before.at_s)));
        }
        let blue = scenario.actors["blue-expert"].script.steps.iter();
        for (step, before) in steps("blue-expert").iter().zip(blue) {
            assert_eq!(step.at_s, before.at_s);
            let later = begins(before).map(|began_s| match began_s {
                0 => 0,
                _ => began_s + shift as u64,
            });
            assert!(begins(step).eq(later));
        }
    }
    assert!(starts.len() > 20);
}

/// When the attacks began that a step reports, by its own words.
fn begins(step: &Step) -> impl Iterator<Item = u64> {
    step.commands.iter().filter_map(|command| match command {
        Command::Report { began_s, .. } => *began_s,
        _ => None,
    })
}

#[test]
fn a_branch_replaces_its_actor_in_every_cast() {
    let scenario = varied(Vary {
        branches: true,
        ..Vary::default()
    });
    let names = ["red-standard", "red-standard@b"];
    assert_ne!(
        scenario.actors[names[0]].script,
        scenario.actors[names[1]].script
    );
    let mut seen = BTreeSet::new();
    for seed in 0..50 {
        let drawn = scenario.instantiate(Seed(seed));
        let actor = drawn.casts["standard"].actors[0].clone();
        assert_eq!(drawn.casts["late"].actors[0], actor);
        seen.insert(actor);
    }
    assert!(seen.iter().eq(names));
}

#[test]
fn the_varied_form_is_the_same_package() {
    let package = read_folder(&repository("scenarios/first-watch-varied"));
    assert_eq!(package.base().as_deref(), Some("first-watch"));
    let base = read_folder(&repository("scenarios/first-watch"));
    for (path, bytes) in &base.files {
        assert_eq!(&package.files[&format!("{BASE_FOLDER}{path}")], bytes);
    }
    let (scenario, problems) = check(&package);
    assert!(problems.is_empty(), "{}", render_all(&problems, false));
    let scenario = scenario.unwrap();
    assert_eq!(scenario.id, "first-watch-varied");
    let plain = varied(scenario.vary);
    let same = Scenario {
        id: plain.id.clone(),
        title: plain.title.clone(),
        ..scenario.clone()
    };
    assert_eq!(same, plain);
    let (one, other) = (scenario.instantiate(Seed(1)), scenario.instantiate(Seed(4)));
    let addresses = |drawn: &Scenario| drawn.hosts.iter().map(|host| host.ip).collect::<Vec<_>>();
    assert_ne!(addresses(&one), addresses(&other));
    let maps = |drawn: &Scenario| drawn.controllers[0].modbus_map.clone();
    assert_ne!(maps(&one), maps(&other));
    assert!(!one.tags.keys().eq(other.tags.keys()));
    let start = |drawn: &Scenario| drawn.actors["red-standard"].script.steps[0].at_s;
    assert_ne!(start(&one), start(&other));
    let branches: BTreeSet<_> = (0..20)
        .map(|seed| scenario.instantiate(Seed(seed)).casts["standard"].actors[0].clone())
        .collect();
    assert_eq!(branches.len(), 2);
}
