//! A controller outside, for the tests of external controllers: a small Modbus server on loopback that controls pressure by
//! a purge valve, in proportion. Written on plain sockets, so that it shares no code with the master that it answers.
//!
//! `external_plc PORT` serves on that port, 0 for a free one. It prints `listening PORT`, and for every cycle the pressure,
//! the valve's position and the setpoint, each as its register holds it.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

/// Holding registers: pressure 0, valve 1, purge command 10, feed 2 command 11, setpoint 20.
const REGISTERS: usize = 32;
/// Setpoint at the start, 0.1 kPa.
const SETPOINT: u16 = 26_500;
/// Purge command at the setpoint, 0.01 %.
const BIAS: i32 = 4_000;
/// Feed 2 command, 0.01 %: that of the published steady state.
const FEED_2: u16 = 2_502;
/// Gain: 0.01 % of valve for each 0.1 kPa of pressure.
const GAIN: i32 = 10;

type Memory = Arc<Mutex<[u16; REGISTERS]>>;

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok());
    let listener = TcpListener::bind(("127.0.0.1", port.unwrap_or(0)))?;
    writeln!(io::stdout(), "listening {}", listener.local_addr()?.port())?;
    let mut registers = [0; REGISTERS];
    registers[20] = SETPOINT;
    registers[11] = FEED_2;
    let memory: Memory = Arc::new(Mutex::new(registers));
    for stream in listener.incoming() {
        let (stream, memory) = (stream?, memory.clone());
        std::thread::spawn(move || {
            // The master went.
            let _ = answer_all(stream, &memory);
        });
    }
    Ok(())
}

fn answer_all(mut stream: TcpStream, memory: &Memory) -> io::Result<()> {
    loop {
        let mut header = [0; 7];
        stream.read_exact(&mut header)?;
        let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
        let mut request = vec![0; length.saturating_sub(1)];
        stream.read_exact(&mut request)?;
        let reply = answer(&request, memory)?;
        let length = u16::try_from(reply.len() + 1).unwrap_or(u16::MAX);
        let mut frame = header;
        frame[4..6].copy_from_slice(&length.to_be_bytes());
        stream.write_all(&[&frame, &reply[..]].concat())?;
    }
}

/// Answers FC1, FC3 and FC16, and refuses everything else.
fn answer(request: &[u8], memory: &Memory) -> io::Result<Vec<u8>> {
    let word = |at: usize| {
        let bytes = request.get(at..at + 2).and_then(|b| b.try_into().ok());
        bytes.map_or(usize::MAX, |b| usize::from(u16::from_be_bytes(b)))
    };
    let function = request.first().copied().unwrap_or(0);
    let (start, count) = (word(1), word(3));
    let places = start..start.saturating_add(count);
    let Ok(mut registers) = memory.lock() else {
        return Err(io::ErrorKind::Other.into());
    };
    match function {
        // The one coil is the healthy feed trip.
        1 if places == (0..1) => Ok(vec![1, 1, 1]),
        3 => Ok(match registers.get(places) {
            Some(values) => {
                let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_be_bytes()).collect();
                let length = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
                [&[3, length], &bytes[..]].concat()
            }
            None => vec![0x83, 2],
        }),
        16 => {
            let Some(target) = registers.get_mut(places) else {
                return Ok(vec![0x90, 2]);
            };
            let values = request.get(6..).unwrap_or_default().chunks_exact(2);
            for (register, value) in target.iter_mut().zip(values) {
                *register = u16::from_be_bytes([value[0], value[1]]);
            }
            if start == 0 {
                control(&mut registers)?;
            }
            Ok(request.get(..5).unwrap_or_default().to_vec())
        }
        other => Ok(vec![other | 0x80, 1]),
    }
}

/// More pressure opens the purge.
fn control(registers: &mut [u16; REGISTERS]) -> io::Result<()> {
    let (pressure, valve, setpoint) = (registers[0], registers[1], registers[20]);
    let command = BIAS + GAIN * (i32::from(pressure) - i32::from(setpoint));
    registers[10] = u16::try_from(command.clamp(0, 10_000)).unwrap_or(0);
    let mut out = io::stdout();
    writeln!(out, "{pressure} {valve} {setpoint}")?;
    out.flush()
}
