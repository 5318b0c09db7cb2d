//! `trippoint modbus scan`.

use super::Table;
use super::link::{Answer, Heard, Link};
use crate::cli::Context;
use crate::device::DeviceArgs;
use crate::error::Failure;
use crate::ui::Steps;
use clap::Args;
use serde::Serialize;
use sim_wire::modbus::function as fc;
use sim_wire::modbus::{ExceptionCode, Reply, Request, TCP_PORT};
use std::time::Duration;

/// Wait for an answer: most unit ids never give one.
const TIMEOUT: Duration = Duration::from_millis(200);

/// Find what one device answers: unit ids, functions, addresses
///
/// Asks only for reads. The functions that write are tried, without an address and without a value, in a live range only.
/// Each function and address is asked of the first unit that answers, or of --unit.
#[derive(Args, Debug)]
pub struct ScanArgs {
    #[command(flatten)]
    device: DeviceArgs,
    /// Unit ids to try, as numbers and spans
    #[arg(long, value_name = "LIST", default_value = "0-255", value_parser = parse_units, conflicts_with = "unit")]
    units: Units,
    /// Try only this unit
    #[arg(long, value_name = "N")]
    unit: Option<u8>,
    /// Last address to try in each table
    #[arg(long, value_name = "ADDRESS", default_value_t = 1023)]
    last: u16,
}

/// Unit ids, each once, ascending.
#[derive(Clone, Debug)]
struct Units(Vec<u8>);

fn parse_units(text: &str) -> Result<Units, String> {
    let mut units = std::collections::BTreeSet::new();
    for part in text.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        match (from.trim().parse::<u8>(), to.trim().parse::<u8>()) {
            (Ok(from), Ok(to)) if from <= to => units.extend(from..=to),
            _ => {
                return Err(format!(
                    "`{part}` is no unit id or span; write such as 1,10-20,255"
                ));
            }
        }
    }
    Ok(Units(units.into_iter().collect()))
}

/// What a device answers.
#[derive(Serialize)]
struct Found {
    address: String,
    /// Unit ids that answer.
    units: Vec<UnitRow>,
    /// Functions of `unit`.
    functions: Vec<FunctionRow>,
    /// Addresses of `unit` that can be read.
    ranges: Vec<RangeRow>,
    /// The unit that was asked for functions and addresses.
    unit: Option<u8>,
}

#[derive(Serialize)]
struct UnitRow {
    unit: u8,
    answer: String,
}

#[derive(Serialize)]
struct FunctionRow {
    function: u8,
    name: &'static str,
    answer: String,
}

#[derive(Serialize)]
struct RangeRow {
    table: Table,
    first: u16,
    last: u16,
}

/// Runs the command.
pub async fn scan(args: &ScanArgs, context: &mut Context) -> Result<(), Failure> {
    let device = args.device.find(TCP_PORT, TIMEOUT)?;
    let units = args
        .unit
        .map_or_else(|| args.units.0.clone(), |unit| vec![unit]);
    let mut scan = Scan {
        link: Link::new(&device),
        bar: context.ui.steps(0),
        done: 0,
    };
    scan.link.connect().await?;
    let mut found = Found {
        address: device.address.to_string(),
        units: scan.units(&units).await?,
        functions: Vec::new(),
        ranges: Vec::new(),
        unit: None,
    };
    if let Some(unit) = found.units.first().map(|row| row.unit) {
        found.unit = Some(unit);
        found.functions = scan.functions(unit, device.range.is_some()).await?;
        for table in Table::ALL {
            found
                .ranges
                .extend(scan.table(unit, table, args.last).await?);
        }
    }
    drop(scan);
    if context.ui.json {
        return context.ui.json(&found);
    }
    if found.units.is_empty() {
        return Err(Failure::failed(format!(
            "no unit at {} answers",
            device.address
        )));
    }
    context.ui.data(&text(&found))
}

fn text(found: &Found) -> String {
    let units = found
        .units
        .iter()
        .map(|row| [row.unit.to_string(), row.answer.clone()]);
    let functions = found.functions.iter().map(|row| {
        [
            row.function.to_string(),
            row.name.to_owned(),
            row.answer.clone(),
        ]
    });
    let ranges = found.ranges.iter().map(|row| {
        [
            row.table.name().to_owned(),
            row.first.to_string(),
            row.last.to_string(),
        ]
    });
    [
        crate::ui::table(["UNIT", "ANSWER"], units),
        crate::ui::table(["FUNCTION", "NAME", "ANSWER"], functions),
        crate::ui::table(["TABLE", "FIRST", "LAST"], ranges),
    ]
    .join("\n")
}

/// A scan on its way.
struct Scan {
    link: Link,
    bar: Steps,
    done: u64,
}

impl Scan {
    /// Which units answer a read of register 0, with values or with an exception of their own.
    async fn units(&mut self, units: &[u8]) -> Result<Vec<UnitRow>, Failure> {
        let request = Table::Holding.read(0, 1)?;
        let mut rows = Vec::new();
        self.bar.stretch(units.len() as u64);
        for &unit in units {
            self.step(format_args!("unit {unit}"));
            let answer = match self.link.ask(unit, &request).await? {
                Answer::Silence | Answer::Closed => continue,
                // A gateway speaks for a unit that is not there.
                Answer::Reply(Reply::Exception(
                    ExceptionCode::GATEWAY_PATH_UNAVAILABLE | ExceptionCode::GATEWAY_TARGET_FAILED,
                )) => continue,
                Answer::Reply(Reply::Response(_)) => "answers".to_owned(),
                other => other.to_string(),
            };
            rows.push(UnitRow { unit, answer });
        }
        Ok(rows)
    }

    /// Which functions a unit offers.
    async fn functions(&mut self, unit: u8, live: bool) -> Result<Vec<FunctionRow>, Failure> {
        let tried: Vec<_> = fc::TABLE.iter().filter(|row| live || !row.writes).collect();
        let mut rows = Vec::new();
        self.bar.stretch(tried.len() as u64);
        for row in tried {
            self.step(row.name);
            let probe = probe(row.code)?;
            let answer = match self.link.ask_pdu(unit, &probe).await? {
                Heard::Pdu(pdu) => match pdu.as_slice() {
                    [code, exception, ..] if code & fc::EXCEPTION_BIT != 0 => {
                        let exception = ExceptionCode(*exception);
                        if exception == ExceptionCode::ILLEGAL_FUNCTION {
                            continue;
                        }
                        format!("exception {exception}")
                    }
                    _ => "answers".to_owned(),
                },
                Heard::Silence => continue,
                Heard::Closed => Answer::Closed.to_string(),
                Heard::Strange(what) => Answer::Strange(what).to_string(),
            };
            rows.push(FunctionRow {
                function: row.code,
                name: row.name,
                answer,
            });
        }
        Ok(rows)
    }

    /// Which addresses from 0 to `last` a table has.
    async fn table(&mut self, unit: u8, table: Table, last: u16) -> Result<Vec<RangeRow>, Failure> {
        let limit = u32::from(table.limit());
        let mut found: Vec<RangeRow> = Vec::new();
        // Blocks that are to be read, the first one last; one that is refused is halved.
        let mut blocks: Vec<(u32, u32)> = (0..=u32::from(last))
            .step_by(table.limit().into())
            .map(|first| (first, (first + limit).min(u32::from(last) + 1)))
            .collect();
        blocks.reverse();
        self.bar.stretch(blocks.len() as u64);
        while let Some((first, end)) = blocks.pop() {
            self.step(format_args!("{} {first}", table.name()));
            let (start, count) = (narrow(first)?, narrow(end - first)?);
            let answer = self.link.ask(unit, &table.read(start, count)?).await?;
            match answer {
                Answer::Reply(Reply::Response(_)) => extend(&mut found, table, start, count),
                Answer::Reply(Reply::Exception(ExceptionCode::ILLEGAL_FUNCTION)) => break,
                Answer::Reply(Reply::Exception(_)) if count > 1 => {
                    let middle = first + u32::from(count / 2);
                    blocks.extend([(middle, end), (first, middle)]);
                    self.bar.stretch(2);
                }
                _ => {}
            }
        }
        Ok(found)
    }

    fn step(&mut self, what: impl std::fmt::Display) {
        self.bar.at(self.done, what);
        self.done += 1;
    }
}

fn narrow(number: u32) -> Result<u16, Failure> {
    u16::try_from(number).map_err(|error| Failure::internal(error.to_string()))
}

/// Adds addresses to the last range, or begins another.
fn extend(found: &mut Vec<RangeRow>, table: Table, start: u16, count: u16) {
    let last = start.saturating_add(count - 1);
    match found.last_mut() {
        Some(row) if row.last.checked_add(1) == Some(start) => row.last = last,
        _ => found.push(RangeRow {
            table,
            first: start,
            last,
        }),
    }
}

/// A request that changes nothing: a read of one item, or a function that writes without what it would write.
fn probe(function: u8) -> Result<Vec<u8>, Failure> {
    let request = match function {
        fc::READ_COILS => Table::Coil.read(0, 1)?,
        fc::READ_DISCRETE_INPUTS => Table::Discrete.read(0, 1)?,
        fc::READ_HOLDING_REGISTERS => Table::Holding.read(0, 1)?,
        fc::READ_INPUT_REGISTERS => Table::Input.read(0, 1)?,
        fc::DIAGNOSTICS => Request::echo(0),
        fc::READ_FIFO_QUEUE => Request::ReadFifoQueue { pointer: 0 },
        fc::ENCAPSULATED_INTERFACE => {
            return Ok(vec![function, fc::MEI_DEVICE_IDENTIFICATION, 1, 0]);
        }
        fc::READ_FILE_RECORD => return Ok(vec![function, 7, 6, 0, 1, 0, 0, 0, 1]),
        // Those without data, and those that write.
        _ => return Ok(vec![function]),
    };
    let mut pdu = Vec::new();
    request.encode(&mut pdu);
    Ok(pdu)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_lists_are_sets() {
        assert_eq!(parse_units("3,1-2,2").unwrap().0, [1, 2, 3]);
        assert_eq!(parse_units("0-255").unwrap().0.len(), 256);
        for bad in ["", "5-3", "256", "a", "1,", "1-2-3"] {
            assert!(parse_units(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_probe_can_write() {
        for row in fc::TABLE.iter().filter(|row| row.writes) {
            let pdu = probe(row.code).unwrap();
            assert_eq!(pdu, [row.code]);
            assert!(Request::decode(&pdu).is_err(), "{}", row.name);
        }
    }
}
