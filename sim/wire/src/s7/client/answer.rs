//! What answers to operations say.

use super::operation::{Failure, Operation, Outcome, Value};
use crate::cursor::Reader;
use crate::s7::block::{BlockInfo, BlockKind, number_from_ascii};
use crate::s7::clock;
use crate::s7::error::ItemCode;
use crate::s7::item;
use crate::s7::pdu::{Pdu, function};
use crate::s7::szl::PartialList;

/// Function of the job that asks for an operation.
pub(super) const fn function_of(operation: &Operation) -> u8 {
    match operation {
        Operation::Read(_) => function::READ,
        Operation::Write(_) => function::WRITE,
        Operation::Upload(_) => function::START_UPLOAD,
        Operation::Download { .. } => function::REQUEST_DOWNLOAD,
        Operation::Stop => function::STOP,
        _ => function::CONTROL,
    }
}

/// The outcome of a job that needs one telegram.
pub(super) fn of_job(operation: &Operation, answer: &Pdu<'_>) -> Result<Outcome, Failure> {
    if answer.function() != Some(function_of(operation)) {
        return Err(Failure::Protocol);
    }
    match operation {
        Operation::Read(addresses) => values(answer.data, addresses.len()).map(Outcome::Read),
        Operation::Write(asked) if answer.data.len() == asked.len() => {
            let codes = answer.data.iter().map(|code| ItemCode(*code));
            Ok(Outcome::Written(codes.collect()))
        }
        Operation::Write(_) => Err(Failure::Protocol),
        _ => Ok(Outcome::Done),
    }
}

/// The outcome of a service, all parts put together. `sequence` is that of the answer.
pub(super) fn of_service(
    operation: &Operation,
    sequence: u8,
    data: &[u8],
) -> Result<Outcome, Failure> {
    match operation {
        Operation::ReadList { .. } => {
            let list = PartialList::decode(data).map_err(|_| Failure::Protocol)?;
            Ok(Outcome::List(list))
        }
        Operation::CountBlocks => {
            let entries = data.as_chunks::<4>().0.iter();
            let known = entries.filter_map(|[_, code, high, low]| {
                let count = u16::from_be_bytes([*high, *low]);
                Some((BlockKind::from_code(*code)?, count))
            });
            Ok(Outcome::Counts(known.collect()))
        }
        Operation::ListBlocks(_) => {
            let entries = data.as_chunks::<4>().0.iter();
            let blocks = entries
                .map(|[high, low, _, language]| (u16::from_be_bytes([*high, *low]), *language));
            Ok(Outcome::Blocks(blocks.collect()))
        }
        Operation::BlockInfo(_) => BlockInfo::from_info_bytes(data)
            .map(|info| Outcome::Info(Box::new(info)))
            .ok_or(Failure::Protocol),
        Operation::ReadClock => {
            let time = data.try_into().ok().and_then(clock::parse_clock);
            time.map(Outcome::Clock).ok_or(Failure::Protocol)
        }
        Operation::Subscribe { addresses, .. } => {
            let data = data.get(2..).ok_or(Failure::Protocol)?;
            let values = values(data, addresses.len())?;
            Ok(Outcome::Subscribed {
                job: sequence,
                values,
            })
        }
        _ => Ok(Outcome::Done),
    }
}

/// Variables, as the answer to a read job and pushes have them.
pub(super) fn values(data: &[u8], count: usize) -> Result<Vec<Value>, Failure> {
    let mut reader = Reader::new(data);
    let values = (0..count)
        .map(|_| {
            item::Data::decode(&mut reader).map(|data| Value {
                code: data.code,
                bytes: data.bytes.to_vec(),
            })
        })
        .collect::<Result<_, _>>()
        .map_err(|_| Failure::Protocol)?;
    if reader.is_empty() {
        Ok(values)
    } else {
        Err(Failure::Protocol)
    }
}

/// Number and length of an upload that was opened.
pub(super) fn opened_upload(answer: &Pdu<'_>) -> Result<(u8, usize), Failure> {
    let [
        function::START_UPLOAD,
        _,
        _,
        _,
        _,
        _,
        _,
        upload,
        _,
        digits @ ..,
    ] = answer.parameters
    else {
        return Err(Failure::Protocol);
    };
    let length = number_from_ascii(digits).and_then(|length| usize::try_from(length).ok());
    length
        .map(|length| (*upload, length))
        .ok_or(Failure::Protocol)
}
