//! External controllers: a second process controls the plant, is lost, and comes back; what the virtual network sees of
//! it; and that a recording needs no device.

mod pure;

use serde_json::Value;
use sim_record::container::{Item, Reader};
use sim_record::{PlantSample, Record, RecordKind};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use tests::checkout;
use tests::product::{Server, folder, succeeds, text, trippoint};

/// A wait for another process gives up after this long.
const PATIENCE: Duration = Duration::from_secs(60);

fn scenario() -> String {
    text(&checkout::root().join("tests/scenarios/external-plc"))
}

/// The controller outside, as a process.
struct Device {
    child: Child,
    port: u16,
    lines: Receiver<String>,
}

/// What the controller had in its registers in one cycle.
#[derive(Clone, Copy, Debug)]
struct Cycle {
    pressure: u16,
    valve: u16,
    setpoint: u16,
}

impl Device {
    fn start(port: u16) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_external_plc"))
            .arg(port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let stdout = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            let told = BufReader::new(stdout).lines().map_while(Result::ok);
            told.into_iter().try_for_each(|line| sender.send(line))
        });
        let first = lines.recv_timeout(PATIENCE).unwrap();
        let port = first.strip_prefix("listening ").unwrap().parse().unwrap();
        Self { child, port, lines }
    }

    fn address(&self) -> String {
        format!("plc1=127.0.0.1:{}", self.port)
    }

    fn next(&self) -> Cycle {
        let line = self.lines.recv_timeout(PATIENCE).unwrap();
        let words: Vec<u16> = line.split(' ').map(|word| word.parse().unwrap()).collect();
        Cycle {
            pressure: words[0],
            valve: words[1],
            setpoint: words[2],
        }
    }

    /// The first cycle of which this holds.
    fn when(&self, holds: impl Fn(Cycle) -> bool) -> Cycle {
        let start = Instant::now();
        loop {
            let cycle = self.next();
            if holds(cycle) {
                return cycle;
            }
            assert!(start.elapsed() < PATIENCE, "{cycle:?}");
        }
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A tool in the virtual network, on the front of the controller.
struct Tool(TcpStream);

impl Tool {
    fn connect(server: &Server) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", server.port("plc1-modbus"))).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    /// Sends a request and returns the reply, both without header.
    fn ask(&mut self, request: &[u8]) -> Vec<u8> {
        let length = u8::try_from(request.len() + 1).unwrap();
        let header = [0, 1, 0, 0, 0, length, 1];
        self.0.write_all(&[&header, request].concat()).unwrap();
        let mut header = [0; 7];
        self.0.read_exact(&mut header).unwrap();
        let mut reply = vec![0; usize::from(header[5]) - 1];
        self.0.read_exact(&mut reply).unwrap();
        reply
    }

    /// Quality, and age in milliseconds.
    fn status(&mut self) -> (u8, u16) {
        let reply = self.ask(&[4, 0, 100, 0, 2]);
        assert_eq!(reply[..2], [4, 4], "{reply:?}");
        (reply[3], u16::from_be_bytes([reply[4], reply[5]]))
    }

    fn when(&mut self, holds: impl Fn((u8, u16)) -> bool) {
        let start = Instant::now();
        while !holds(self.status()) {
            assert!(start.elapsed() < PATIENCE, "{:?}", self.status());
        }
    }
}

const READ_PRESSURE: [u8; 5] = [3, 0, 0, 0, 1];
/// Setpoint to 2675.0 kPa.
const WRITE_SETPOINT: [u8; 5] = [6, 0, 20, 0x68, 0x7E];
/// Exceptions: no such address, and a device that does not do what it was asked for.
const NO_ADDRESS: u8 = 2;
const REFUSED: u8 = 4;

fn records(out: &Path) -> Vec<Record> {
    let bytes = std::fs::read(out.join("match.tpr")).unwrap();
    let mut reader = Reader::new();
    reader.feed(&bytes);
    let mut records = Vec::new();
    while let Some(item) = reader.next_item().unwrap() {
        if let Item::Records(block) = item {
            records.extend(block);
        }
    }
    records
}

/// Verifies a recording, with no device anywhere.
fn verify(out: &Path) {
    let recording = text(&out.join("match.tpr"));
    let told = succeeds(&["replay", &recording, "--verify", "--json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["ending"], "over");
    assert!(told["inputs"].as_u64().unwrap() > 20, "{told}");
}

#[test]
fn a_second_process_controls_the_plant_is_lost_and_comes_back() {
    let out = folder("external").join("run");
    let device = Device::start(0);
    let server = Server::serve(&scenario(), &out, &["--external", &device.address()]);
    let mut tool = Tool::connect(&server);
    // The controller wants 2650 kPa, so it opens the purge from its 39 % to 90 %, and the pressure falls.
    let first = device.next();
    device.when(|now| now.valve > 5_200 && now.pressure < first.pressure);
    tool.when(|(quality, _)| quality == 0);
    let read = tool.ask(&READ_PRESSURE);
    assert!((26_000..27_100).contains(&u16::from_be_bytes([read[2], read[3]])));
    // Nobody confirmed that players may write, and nothing but the declared registers exists.
    assert_eq!(tool.ask(&WRITE_SETPOINT), [0x86, REFUSED]);
    assert_eq!(tool.ask(&[3, 0, 2, 0, 1]), [0x83, NO_ADDRESS]);
    assert_eq!(tool.ask(&[3, 0, 1, 0, 10]), [0x83, NO_ADDRESS]);
    assert_eq!(tool.ask(&[6, 0, 2, 0, 1]), [0x86, NO_ADDRESS]);

    let port = device.port;
    let last = device.next();
    assert_eq!(last.setpoint, 26_500, "nothing was written");
    drop(device);
    tool.when(|(quality, age_ms)| quality == 2 && age_ms > 3_000);
    assert_eq!(tool.ask(&READ_PRESSURE), [0x83, REFUSED]);

    let device = Device::start(port);
    let back = device.next();
    // The purge was shut for more than two seconds of its lag of ten.
    assert!(back.valve + 300 < last.valve, "{last:?} {back:?}");
    device.when(|now| now.valve > back.valve + 200);
    tool.when(|(quality, _)| quality == 0);
    let ended = server.end();
    let counts = &ended["external"][0];
    assert_eq!(counts["controller"], "plc1");
    assert!(counts["answered"].as_u64().unwrap() > 20, "{counts}");
    assert_eq!(counts["connections"], 2, "{counts}");
    assert!(counts["failures"].as_u64().unwrap() > 0, "{counts}");
    drop(device);
    check_records(&records(&out));
    verify(&out);
}

/// Link and plant as the referee has them.
fn check_records(records: &[Record]) {
    let link: Vec<bool> = records
        .iter()
        .filter_map(|record| match &record.kind {
            RecordKind::Communication {
                station,
                asset,
                good,
            } if station == "reactor" && asset == "plc1" => Some(*good),
            _ => None,
        })
        .collect();
    assert_eq!(link, [false, true]);
    let modes: Vec<(&str, &str)> = records
        .iter()
        .filter_map(|record| match &record.kind {
            RecordKind::Mode { mode, cause, .. } => Some((mode.as_str(), cause.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(modes.len(), 2, "{modes:?}");
    assert_eq!(modes[0].0, "FAULT");
    assert!(
        modes[0].1.starts_with("no answer for 500 ms (")
            && modes[0].1.ends_with("its outputs take their fail state"),
        "{modes:?}"
    );
    assert_eq!(modes[1], ("RUN", "the device answers again"));
    let purge: Vec<f64> = records
        .iter()
        .filter_map(|record| match &record.kind {
            RecordKind::Sample(PlantSample { values, .. }) => Some(values[1]),
            _ => None,
        })
        .collect();
    let open = purge.iter().copied().fold(0.0, f64::max);
    assert!(open > purge[0] + 5.0, "{purge:?}");
}

#[test]
fn a_killed_match_takes_its_device_up_again() {
    let out = folder("external-killed").join("run");
    let device = Device::start(0);
    let server = Server::serve(&scenario(), &out, &["--external", &device.address()]);
    let before = device.when(|now| now.valve > 4_500);
    server.kill();
    let server = Server::resume(&out);
    device.when(|now| now.valve > before.valve + 200);
    drop(server.end());
    verify(&out);
    let resumptions = records(&out)
        .iter()
        .filter(|record| record.kind == RecordKind::Resumed)
        .count();
    assert_eq!(resumptions, 1);
}

#[test]
fn what_players_write_reaches_the_device_where_scenario_and_operator_say_so() {
    let out = folder("external-attackable").join("run");
    let device = Device::start(0);
    let more = ["--external", &device.address(), "--attackable", "plc1"];
    let server = Server::serve(&scenario(), &out, &more);
    let mut tool = Tool::connect(&server);
    tool.when(|(quality, _)| quality == 0);
    assert_eq!(device.next().setpoint, 26_500);
    assert_eq!(tool.ask(&WRITE_SETPOINT), WRITE_SETPOINT);
    device.when(|now| now.setpoint == 26_750);
    drop(server.end());
    verify(&out);
}

/// A device that takes every request and answers with these bytes behind its transaction id, or not at all.
fn bad_device(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("plc1={}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let mut request = [0; 260];
                while matches!(stream.read(&mut request), Ok(2..)) {
                    let reply = [&request[..2], answer].concat();
                    if answer.is_empty() {
                        continue;
                    }
                    if stream.write_all(&reply).is_err() {
                        break;
                    }
                }
            });
        }
    });
    address
}

#[test]
fn a_device_that_answers_badly_is_a_lost_link_with_its_cause() {
    let cases: [(&str, &[u8], &str); 4] = [
        ("silent", &[], "not answered in time"),
        (
            "refusing",
            &[0, 0, 0, 3, 1, 0x90, 2],
            "refused with exception 2",
        ),
        (
            "garbage",
            &[9, 9, 0, 3, 1, 0x90, 2],
            "not what was asked for",
        ),
        // FC16 asked, FC3 answered.
        (
            "other",
            &[0, 0, 0, 5, 1, 3, 2, 0, 0],
            "not what was asked for",
        ),
    ];
    for (name, answer, words) in cases {
        let out = folder("external-bad").join(name);
        let server = Server::serve(&scenario(), &out, &["--external", &bad_device(answer)]);
        let mut tool = Tool::connect(&server);
        // The range's cycles go on all the same.
        tool.when(|(quality, age_ms)| quality == 2 && age_ms > 1_500);
        let counts = server.end()["external"][0].clone();
        assert_eq!(counts["answered"], 0, "{counts}");
        assert!(counts["cycles"].as_u64().unwrap() >= 30, "{counts}");
        let records = records(&out);
        let cause = records.iter().find_map(|record| match &record.kind {
            RecordKind::Mode { cause, .. } => Some(cause.clone()),
            _ => None,
        });
        let cause = cause.unwrap();
        assert!(cause.contains(words), "{name}: {cause}");
        assert!(counts["failures"].as_u64().unwrap() > 0, "{counts}");
    }
}

#[test]
fn what_a_real_device_cannot_follow_is_refused_in_words() {
    let out = text(&folder("external-refused").join("run"));
    let scenario = scenario();
    let refused = |command: &str, more: &[&str]| {
        let first = [command, &scenario, "--seed", "7", "--out", &out];
        let done = trippoint(&[&first[..], more].concat());
        assert_eq!(done.status.code(), Some(2));
        String::from_utf8(done.stderr).unwrap()
    };
    let told = |text: &str, words: &str| assert!(text.contains(words), "{text}");
    told(
        &refused("run", &[]),
        "a real device works in real time, so `run` cannot play it",
    );
    told(
        &refused("run", &["--speed", "max"]),
        "trippoint serve SCENARIO --external plc1=HOST:PORT",
    );
    told(
        &refused("serve", &[]),
        "give it with `--external plc1=HOST:PORT`",
    );
    told(
        &refused("serve", &["--cast", "standard"]),
        "nobody says where its device is",
    );
    let there = ["--external", "plc1=127.0.0.1:502"];
    told(
        &refused("serve", &[&there[..], &["--speed", "10"]].concat()),
        "not at speed 10",
    );
    told(
        &refused("serve", &[&there[..], &["--speed", "max"]].concat()),
        "`max` is not a speed",
    );
    told(
        &refused("serve", &[&there[..], &["--matches", "2"]].concat()),
        "cannot drive 2 plants",
    );
    told(
        &refused("serve", &["--external", "plc=127.0.0.1:502"]),
        "did you mean `plc1`?",
    );
    told(
        &refused("serve", &["--external", "plc1"]),
        "write NAME=HOST:PORT",
    );
    told(
        &refused("serve", &[&there[..], &["--attackable", "plc2"]].concat()),
        "did you mean `plc1`?",
    );
}
