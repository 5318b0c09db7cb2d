//! Endpoints from outside: whose they are, and that one takes nothing from another.

use super::inputs::{person, tool};
use super::{FIRST_WATCH, begin};
use sim_range::Output;
use sim_record::{
    Closing, Input, InputKind, Principal, RecordKind, Role, SimDuration, SimTime, Team,
};
use tests::play::{Chunks, Match};

/// What an outside connection was told last: bytes, or its end (by reset).
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Bytes(Vec<u8>),
    Closed { reset: bool },
}

fn told(playing: &Match, number: u32) -> Told {
    let of_it = playing
        .played()
        .outside
        .iter()
        .rev()
        .find_map(|output| match output {
            Output::Bytes { conn, data } if *conn == number => Some(Told::Bytes(data.clone())),
            Output::Close { conn, reset } if *conn == number => {
                Some(Told::Closed { reset: *reset })
            }
            _ => None,
        });
    of_it.unwrap_or(Told::Nothing)
}

fn by(principal: &Principal, kind: InputKind) -> Input {
    Input {
        principal: principal.clone(),
        kind,
    }
}

fn open(conn: u32, endpoint: u16) -> InputKind {
    InputKind::Open { conn, endpoint }
}

fn read(conn: u32) -> InputKind {
    let data = READ.to_vec();
    InputKind::Bytes { conn, data }
}

fn close(conn: u32, how: Closing) -> InputKind {
    InputKind::Close { conn, how }
}

/// FC4, input register 0 of unit 1.
const READ: [u8; 12] = [0, 1, 0, 0, 0, 6, 1, 4, 0, 0, 0, 1];

fn ms_on(playing: &mut Match, ms: u64) {
    let until = playing.range().now() + SimDuration::from_millis(ms);
    playing.play_to(until);
}

#[test]
fn who_does_not_own_the_foothold_is_refused_at_its_endpoint() {
    let mut playing = begin(&FIRST_WATCH, "no-red", 2, &[], Chunks::Whole);
    playing.play_to(SimTime::ZERO + SimDuration::from_secs(100));
    let station = Principal {
        foothold: Some("ews".into()),
        ..person(Team::Blue, Role::Engineer, None)
    };
    let nobodys = Principal {
        foothold: None,
        ..tool("vendor")
    };
    let turncoat = Principal {
        team: Team::Blue,
        ..tool("vendor")
    };
    // Another's endpoint, from nowhere, from the host under another team's name, an endpoint that is none.
    let intruders = [
        (&station, 0),
        (&nobodys, 0),
        (&turncoat, 0),
        (&tool("vendor"), 2),
        (&station, 9),
    ];
    for (conn, (who, endpoint)) in (1..).zip(intruders) {
        playing.apply(by(who, open(conn, endpoint)));
        assert_eq!(
            told(&playing, conn),
            Told::Closed { reset: true },
            "{who:?} {endpoint}"
        );
        let refused = playing
            .played()
            .records
            .iter()
            .rev()
            .find_map(|record| match &record.kind {
                RecordKind::Command { refused, .. } => refused.clone(),
                _ => None,
            });
        let expected = match endpoint {
            9 => "there is no such endpoint",
            2 => "the foothold `station` is not this principal's",
            _ => "the foothold `vendor` is not this principal's",
        };
        assert_eq!(refused.as_deref(), Some(expected));
    }
    // Nor does anybody send on another's connection or close it.
    playing.apply(by(&tool("vendor"), open(10, 0)));
    ms_on(&mut playing, 50);
    playing.apply(by(&station, read(10)));
    playing.apply(by(&station, close(10, Closing::Reset)));
    ms_on(&mut playing, 200);
    assert_eq!(told(&playing, 10), Told::Nothing);
    playing.apply(by(&tool("vendor"), read(10)));
    ms_on(&mut playing, 200);
    assert!(
        matches!(told(&playing, 10), Told::Bytes(_)),
        "{:?}",
        told(&playing, 10)
    );
}

#[test]
fn what_happens_at_one_endpoint_takes_nothing_from_another() {
    let (vendor, kept) = (tool("vendor"), 1);
    for (how, hold) in [
        (Some(Closing::Fin), 1),
        (Some(Closing::Reset), 1),
        (None, 1),
        (Some(Closing::Fin), 30),
    ] {
        let mut playing = begin(&FIRST_WATCH, "no-red", 2, &[], Chunks::Whole);
        playing.play_to(SimTime::ZERO + SimDuration::from_secs(100));
        playing.apply(by(&vendor, open(kept, 1)));
        ms_on(&mut playing, 50);
        // A thousand connections a second at the other endpoint, each left at once, after a while, or never.
        for conn in 100..1_100 {
            playing.apply(by(&vendor, open(conn, 0)));
            ms_on(&mut playing, 1);
            if let Some(how) = how
                && conn >= 100 + hold
            {
                playing.apply(by(&vendor, close(conn - hold, how)));
            }
            if conn % 100 == 0 {
                playing.apply(by(&vendor, read(kept)));
                // A further one at the endpoint that is left alone.
                playing.apply(by(&vendor, open(10_000 + conn, 1)));
                ms_on(&mut playing, 20);
                playing.apply(by(&vendor, read(10_000 + conn)));
                ms_on(&mut playing, 100);
                for conn in [kept, 10_000 + conn] {
                    assert!(
                        matches!(told(&playing, conn), Told::Bytes(_)),
                        "{conn} {how:?}: {:?}",
                        told(&playing, conn)
                    );
                }
                playing.apply(by(&vendor, close(10_000 + conn, Closing::Reset)));
            }
        }
    }
}
