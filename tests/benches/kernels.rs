//! Time of the small parts that every match repeats: a controller's scan, the Modbus codec, a plant's step, a request
//! across the virtual network. Prints one JSON object a line; `cargo xtask bench` runs it and makes rows of them.
#![allow(clippy::print_stdout, reason = "the caller reads standard output")]

use sim_net::{ConnId, Fabric, HostEvent, HostId, HostSpec, Mac, SwitchSpec, Topology};
use sim_plant::{PLANTS, SignalKind};
use sim_plc::{Plc, PlcConfig, ProgramConfig};
use sim_record::SimTime;
use sim_wire::modbus::server::{ModbusPersona, ServerSession};
use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Samples of one measurement, of which the median counts.
const SAMPLES: usize = 9;

/// FC3, ten holding registers from 1024, unit 1.
const REQUEST: [u8; 12] = [0, 1, 0, 0, 0, 6, 1, 3, 4, 0, 0, 10];

fn main() -> Outcome {
    // Cargo gives `--bench`, and the smoke test asks for short samples.
    let smoke = std::env::args().any(|argument| argument == "--smoke");
    let sample = Duration::from_millis(if smoke { 2 } else { 150 });
    scan(sample)?;
    codec(sample)?;
    plant(sample)?;
    fabric(sample, false)?;
    fabric(sample, true)?;
    Ok(())
}

/// A program of 50 statements as a control engineer writes them: scaling, limits, interlocks, timers, a state machine.
fn fifty_statements() -> String {
    let declarations = "\
PROGRAM bench
VAR raw1 AT %IW0 : UINT; raw2 AT %IW1 : UINT; raw3 AT %IW2 : UINT; out1 AT %QW0 : UINT; out2 AT %QW1 : UINT; END_VAR
VAR p, f, l, e, u, acc : REAL; n : INT := 1; state : INT; hi, hh, lo, trip, run, ack : BOOL; t1 : TON; t2 : TON; END_VAR
";
    let block = "\
p := UINT_TO_REAL(raw1) * 0.1;
f := UINT_TO_REAL(raw2) * 0.01;
l := UINT_TO_REAL(raw3) * 0.1;
hi := p > 270.0;
hh := p > 290.0;
lo := l < 10.0;
t1(IN := hi, PT := T#2s);
IF t1.Q AND NOT ack THEN trip := hh; END_IF;
e := 270.0 - p;
acc := LIMIT(-100.0, acc + e * 0.01, 100.0);
u := LIMIT(0.0, 50.0 + e * 0.5 + acc, 100.0);
n := n + 1;
IF n > 1000 THEN n := 0; END_IF;
run := (run OR ack) AND NOT trip AND NOT lo;
CASE state OF 0: state := 1; 1: state := 2; ELSE state := 0; END_CASE;
";
    // 15 statements that hold 5 more: 20 a block, and 10 more at the end.
    let end = "\
t2(IN := lo, PT := T#5s);
trip := trip OR t2.Q;
ack := FALSE;
u := u + f * 0.001;
e := e + 1.0;
hh := hh AND hi;
lo := lo AND NOT hi;
out1 := REAL_TO_UINT(u * 100.0);
out2 := MIN(out1, 10000);
run := run AND NOT hh;
END_PROGRAM
";
    [declarations, block, block, end].concat()
}

fn controller(source: String) -> Outcome<Plc> {
    Ok(Plc::new(PlcConfig {
        name: "bench".into(),
        programs: vec![ProgramConfig {
            file_name: "bench.st".into(),
            source,
            period_us: 10_000,
        }],
        input_words: 3,
        output_words: 2,
        ..PlcConfig::default()
    })?)
}

fn scan(sample: Duration) -> Outcome {
    let mut plc = controller(fifty_statements())?;
    plc.set_input_word(0, 2750);
    let mut now = SimTime::ZERO;
    let per_scan = time(sample, || {
        now.0 += 10_000;
        plc.scan(now);
    });
    if plc.diagnostics_len() > 0 {
        return Err("the program of 50 statements faults".into());
    }
    tell("scan of a program of 50 statements", per_scan * 1e6, "us");
    Ok(())
}

trait Diagnostics {
    fn diagnostics_len(&self) -> usize;
}

impl Diagnostics for Plc {
    fn diagnostics_len(&self) -> usize {
        sim_wire::device::DeviceModel::diagnostics(self).len()
    }
}

fn codec(sample: Duration) -> Outcome {
    let mut plc = controller(fifty_statements())?;
    let mut session = ServerSession::new(SimTime::ZERO, Arc::new(ModbusPersona::default()));
    let mut output = Vec::new();
    let per_request = time(sample, || {
        black_box(session.handle_input(SimTime::ZERO, black_box(&REQUEST)));
        black_box(session.step(SimTime::ZERO, &mut plc));
        output.clear();
        session.poll_output(&mut output);
    });
    if output.len() != 29 {
        return Err(format!("an answer of {} bytes", output.len()).into());
    }
    tell(
        "Modbus server session, request of 10 registers to answer",
        per_request * 1e9,
        "ns",
    );
    Ok(())
}

fn plant(sample: Duration) -> Outcome {
    for kind in PLANTS {
        let initial = kind.initial_states().first().ok_or("no initial state")?;
        let mut plant = kind.build(&BTreeMap::new(), initial, 1)?;
        let valves = sim_plant::signal_count(*kind, SignalKind::Actuator);
        let per_step = time(sample, || plant.step());
        tell(
            &format!("step of the plant {} ({valves} actuators)", kind.id()),
            per_step * 1e9,
            "ns",
        );
    }
    Ok(())
}

/// Client and server on one switch, and the request that goes round.
struct Wire {
    fabric: Fabric,
    client: ConnId,
    server: ConnId,
    buffer: Vec<u8>,
}

fn fabric(sample: Duration, tapped: bool) -> Outcome {
    let mut wire = Wire::new(tapped)?;
    let mut failed = false;
    let per_request = time(sample, || failed |= wire.request().is_none());
    if failed {
        return Err("a request got lost in the fabric".into());
    }
    let tap = if tapped { "on" } else { "off" };
    tell(
        &format!("request and answer across one switch, tap {tap}"),
        per_request * 1e6,
        "us",
    );
    Ok(())
}

impl Wire {
    fn new(tapped: bool) -> Outcome<Self> {
        let host = |name, last: u8| {
            let mac = Mac::local(u32::from(last));
            HostSpec::new(name, 0, Ipv4Addr::new(10, 0, 0, last), 24, mac)
        };
        let topology = Topology {
            switches: vec![SwitchSpec {
                name: "s".into(),
                tapped,
            }],
            hosts: vec![host("client", 1), host("server", 2)],
            ..Topology::default()
        };
        let mut fabric = Fabric::new(&topology, 1)?;
        fabric.listen(HostId(1), 502, 4)?;
        let client = fabric.connect(SimTime::ZERO, HostId(0), Ipv4Addr::new(10, 0, 0, 2), 502)?;
        let mut server = None;
        while let Some(at) = fabric.next_event().filter(|at| at.0 < 1_000_000) {
            fabric.advance(at);
            while let Some(event) = fabric.poll_event() {
                if let HostEvent::TcpAccepted { conn, .. } = event {
                    server = Some(conn);
                }
            }
        }
        Ok(Self {
            fabric,
            client,
            server: server.ok_or("no connection")?,
            buffer: Vec::new(),
        })
    }

    fn request(&mut self) -> Option<()> {
        let now = self.fabric.now();
        self.fabric.send(now, self.client, &REQUEST).ok()?;
        self.until_readable(self.server)?;
        self.fabric
            .send(self.fabric.now(), self.server, &[0; 29])
            .ok()?;
        self.until_readable(self.client)
    }

    fn until_readable(&mut self, wanted: ConnId) -> Option<()> {
        loop {
            let at = self.fabric.next_event()?;
            self.fabric.advance(at);
            while self.fabric.poll_captured().is_some() {}
            while let Some(event) = self.fabric.poll_event() {
                if let HostEvent::TcpReadable { conn, .. } = event
                    && conn == wanted
                {
                    self.buffer.clear();
                    self.fabric
                        .recv(at, conn, &mut self.buffer, usize::MAX)
                        .ok()?;
                    return Some(());
                }
            }
        }
    }
}

/// Seconds that one call takes: the median of some samples.
fn time(sample: Duration, mut call: impl FnMut()) -> f64 {
    let mut calls = 1_u32;
    loop {
        let began = Instant::now();
        (0..calls).for_each(|_| call());
        if began.elapsed() >= sample / 4 || calls > u32::MAX / 8 {
            break;
        }
        calls *= 2;
    }
    let mut samples: Vec<f64> = (0..SAMPLES)
        .map(|_| {
            let began = Instant::now();
            (0..calls * 4).for_each(|_| call());
            began.elapsed().as_secs_f64() / f64::from(calls * 4)
        })
        .collect();
    samples.sort_unstable_by(f64::total_cmp);
    samples.get(SAMPLES / 2).copied().unwrap_or(f64::NAN)
}

fn tell(what: &str, value: f64, unit: &str) {
    println!(
        "{}",
        serde_json::json!({"what": what, "value": value, "unit": unit})
    );
}
