//! `trippoint modbus`: a Modbus client for players and instructors.

mod identity;
mod link;
mod scan;

use crate::cli::Context;
use crate::device::{DeviceArgs, TIMEOUT, WriteArgs, Written};
use crate::error::Failure;
use clap::{Args, Subcommand, ValueEnum};
use link::{Answer, Link};
use serde::Serialize;
use sim_wire::modbus::pdu::{MAX_READ_BITS, MAX_READ_WORDS, MAX_WRITE_BITS, MAX_WRITE_WORDS};
use sim_wire::modbus::{ExceptionCode, Reply, Request, Response, TCP_PORT};

/// Name of the log of writes in the user's data folder.
const WRITE_LOG: &str = "modbus-writes.jsonl";

/// Read, write, scan and identify one Modbus/TCP device
///
/// Talks to an exposed endpoint of a live range, or to a device of your own. Addresses count from 0, as they are on the
/// wire. Outside a live range it only reads, unless --real-device repeats the address; every write is logged.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ModbusArgs {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  trippoint modbus id plc1-modbus --range runs/first-watch-7
  trippoint modbus read 127.0.0.1:40123 input 0 7
  trippoint modbus write plc1-modbus holding 1024 1 --range runs/first-watch-7
  trippoint modbus scan plc1-modbus --range runs/first-watch-7 --json";

#[derive(Subcommand, Debug)]
enum Command {
    Read(ReadArgs),
    Write(WriteCommand),
    Scan(scan::ScanArgs),
    Id(identity::IdArgs),
}

/// Unit id of one device.
#[derive(Args, Debug)]
struct Unit {
    /// Unit id
    #[arg(long, value_name = "N", default_value_t = 1)]
    unit: u8,
}

/// Read coils, inputs or registers
#[derive(Args, Debug)]
struct ReadArgs {
    #[command(flatten)]
    device: DeviceArgs,
    /// Table
    #[arg(value_enum)]
    table: Table,
    /// First address, from 0
    start: u16,
    /// How many
    #[arg(default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    count: u32,
    #[command(flatten)]
    unit: Unit,
}

/// Write coils or holding registers
///
/// One value is written with function 5 or 6, several with 15 or 16 in one request. Coils are 0 or 1.
#[derive(Args, Debug)]
struct WriteCommand {
    #[command(flatten)]
    device: DeviceArgs,
    /// Table
    #[arg(value_enum)]
    table: WritableTable,
    /// First address, from 0
    start: u16,
    /// Values, one an address
    #[arg(required = true, value_name = "VALUE")]
    values: Vec<u16>,
    #[command(flatten)]
    unit: Unit,
    #[command(flatten)]
    permission: WriteArgs,
}

/// The four tables of the data model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Table {
    /// Coils, function 1
    Coil,
    /// Discrete inputs, function 2
    Discrete,
    /// Holding registers, function 3
    Holding,
    /// Input registers, function 4
    Input,
}

impl Table {
    const ALL: [Self; 4] = [Self::Coil, Self::Discrete, Self::Holding, Self::Input];

    const fn name(self) -> &'static str {
        match self {
            Self::Coil => "coil",
            Self::Discrete => "discrete",
            Self::Holding => "holding",
            Self::Input => "input",
        }
    }

    const fn is_bits(self) -> bool {
        matches!(self, Self::Coil | Self::Discrete)
    }

    /// Most items of one read.
    const fn limit(self) -> u16 {
        if self.is_bits() {
            MAX_READ_BITS
        } else {
            MAX_READ_WORDS
        }
    }

    /// A read of at most [`Self::limit`] items.
    fn read(self, start: u16, count: u16) -> Result<Request, Failure> {
        let request = match self {
            Self::Coil => Request::read_coils(start, count),
            Self::Discrete => Request::read_discrete_inputs(start, count),
            Self::Holding => Request::read_holding_registers(start, count),
            Self::Input => Request::read_input_registers(start, count),
        };
        request.map_err(|error| Failure::usage(error.to_string()))
    }
}

/// The two tables that can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum WritableTable {
    /// Coils, functions 5 and 15
    Coil,
    /// Holding registers, functions 6 and 16
    Holding,
}

/// Runs the command.
pub fn modbus(args: &ModbusArgs, context: &mut Context) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io("cannot start the network", &error))?;
    runtime.block_on(async {
        match &args.command {
            Command::Read(args) => read(args, context).await,
            Command::Write(args) => write(args, context).await,
            Command::Scan(args) => scan::scan(args, context).await,
            Command::Id(args) => identity::id(args, context).await,
        }
    })
}

#[derive(Serialize)]
struct Values {
    address: String,
    unit: u8,
    table: Table,
    start: u16,
    values: Vec<u16>,
}

async fn read(args: &ReadArgs, context: &mut Context) -> Result<(), Failure> {
    let device = args.device.find(TCP_PORT, TIMEOUT)?;
    let end = u32::from(args.start) + args.count;
    if end > 0x1_0000 {
        return Err(Failure::usage(format!(
            "{} addresses from {} on reach beyond 65535",
            args.count, args.start
        )));
    }
    let mut link = Link::new(&device);
    let mut values = Vec::new();
    let mut at = u32::from(args.start);
    while at < end {
        let count =
            u16::try_from(end - at).map_or(args.table.limit(), |left| left.min(args.table.limit()));
        let start = u16::try_from(at).map_err(|error| Failure::internal(error.to_string()))?;
        let request = args.table.read(start, count)?;
        let response = expect_response(link.ask(args.unit.unit, &request).await?, &device.address)?;
        values.extend(items(&response));
        at += u32::from(count);
    }
    let values = Values {
        address: device.address.to_string(),
        unit: args.unit.unit,
        table: args.table,
        start: args.start,
        values,
    };
    if context.ui.json {
        return context.ui.json(&values);
    }
    let rows = (args.start..=u16::MAX)
        .zip(&values.values)
        .map(|(at, value)| {
            let hexadecimal = if args.table.is_bits() {
                String::new()
            } else {
                format!("{value:#06x}")
            };
            [at.to_string(), value.to_string(), hexadecimal]
        });
    let text = crate::ui::table(["ADDRESS", "VALUE", ""], rows);
    context.ui.data(&text)
}

/// What is written, for the log and the user.
#[derive(Serialize)]
struct Write {
    unit: u8,
    table: WritableTable,
    start: u16,
    values: Vec<u16>,
}

async fn write(args: &WriteCommand, context: &mut Context) -> Result<(), Failure> {
    let device = args.device.find(TCP_PORT, TIMEOUT)?;
    let request = write_request(args)?;
    let mut log = args.permission.permit(&device, TCP_PORT, WRITE_LOG)?;
    if device.range.is_none() && args.unit.unit == 0 {
        return Err(
            Failure::usage("unit 0 may be a broadcast to every device behind a gateway")
                .hint("name one with --unit"),
        );
    }
    let write = Write {
        unit: args.unit.unit,
        table: args.table,
        start: args.start,
        values: args.values.clone(),
    };
    let written = |answer| Written {
        address: device.address.to_string(),
        range: device.range.as_deref(),
        write: &write,
        answer,
    };
    let mut link = Link::new(&device);
    link.connect().await?;
    log.append(&written(None))?;
    let answer = link.ask(args.unit.unit, &request).await;
    let told = match &answer {
        Ok(answer) => answer.to_string(),
        Err(failure) => failure.message.clone(),
    };
    log.append(&written(Some(told)))?;
    expect_response(answer?, &device.address)?;
    if context.ui.json {
        let value = serde_json::json!({
            "address": device.address.to_string(),
            "write": write,
            "log": log.path(),
        });
        return context.ui.json(&value);
    }
    context.ui.say(format_args!(
        "{} value{} written to {}; logged in {}",
        args.values.len(),
        if args.values.len() == 1 { "" } else { "s" },
        device.address,
        log.path().display()
    ));
    Ok(())
}

fn write_request(args: &WriteCommand) -> Result<Request, Failure> {
    let limit = match args.table {
        WritableTable::Coil => MAX_WRITE_BITS,
        WritableTable::Holding => MAX_WRITE_WORDS,
    };
    if args.values.len() > usize::from(limit)
        || usize::from(args.start) + args.values.len() > 0x1_0000
    {
        return Err(Failure::usage(format!(
            "{} values from {} on do not fit one request of at most {limit}",
            args.values.len(),
            args.start
        )));
    }
    let address = args.start;
    let request = match (args.table, args.values.as_slice()) {
        (WritableTable::Holding, &[value]) => {
            return Ok(Request::WriteSingleRegister { address, value });
        }
        (WritableTable::Holding, values) => Request::write_registers(address, values),
        (WritableTable::Coil, values) => {
            if let Some(value) = values.iter().find(|value| **value > 1) {
                return Err(
                    Failure::usage(format!("{value} is no coil's value")).hint("a coil is 0 or 1")
                );
            }
            let bits: Vec<bool> = values.iter().map(|value| *value == 1).collect();
            if let &[value] = bits.as_slice() {
                return Ok(Request::WriteSingleCoil { address, value });
            }
            Request::write_coils(address, &bits)
        }
    };
    request.map_err(|error| Failure::usage(error.to_string()))
}

/// The response, or why there is none in words.
fn expect_response(answer: Answer, address: &std::net::SocketAddr) -> Result<Response, Failure> {
    match answer {
        Answer::Reply(Reply::Response(response)) => Ok(response),
        Answer::Reply(Reply::Exception(code)) => Err(refusal(code)),
        other => Err(Failure::failed(format!("{address} {other}"))),
    }
}

fn refusal(code: ExceptionCode) -> Failure {
    let failure = Failure::failed(format!("the device refuses with exception {code}"));
    match code.info() {
        Some(info) => failure.hint(info.description),
        None => failure,
    }
}

/// Registers, or bits as 0 and 1.
fn items(response: &Response) -> Vec<u16> {
    match (response.registers(), response.bits()) {
        (Some(words), _) => words.to_vec(),
        (None, Some(bits)) => bits.iter().map(u16::from).collect(),
        (None, None) => Vec::new(),
    }
}
