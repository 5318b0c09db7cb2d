//! What S7comm transactions leave in the records.

use super::{Origin, observed::Observed, record_program};
use crate::journal::Journal;
use sim_record::{ProgramChange, RecordKind, S7Record, S7Service};
use sim_wire::device::Area;
use sim_wire::s7::ItemCode;
use sim_wire::s7::block::BlockId;
use sim_wire::s7::server::{Access, Action, Transaction};

/// Blocks of one job that a record names.
const NAMES_MAX: usize = 8;

/// Whether a transaction is what a poller does all day.
pub(super) fn is_poll(transaction: &Transaction) -> bool {
    matches!(
        transaction.action,
        Action::Connect { .. } | Action::Disconnect | Action::Setup { .. } | Action::Read(_)
    )
}

/// Records a transaction: one record a variable that is written, one for anything else, and what became of a program.
pub(super) fn record(
    journal: &mut Journal,
    transaction: &Transaction,
    origin: Origin,
    name: &str,
    observed: &Observed,
) {
    let (service, object) = wanted(&transaction.action);
    let mut record = S7Record {
        conn: origin.conn.0,
        src: u32::from(origin.peer),
        asset: name.to_owned(),
        service,
        object,
        offset: 0,
        bytes: 0,
        values: Vec::new(),
        write: transaction.is_write(),
        changed: observed.changed,
        refused: transaction.refusal.map(|code| code.0),
        by: origin.by,
        frame: origin.frame,
    };
    match &transaction.action {
        Action::Write(accesses) => {
            for access in accesses {
                let mut one = record.clone();
                describe(&mut one, access);
                one.values = access.values.as_slice().to_vec();
                journal.record(RecordKind::S7(one));
            }
        }
        Action::Read(accesses) => {
            if let Some(first) = accesses.first() {
                describe(&mut record, first);
            }
            let bytes = accesses.iter().map(|access| access.bytes);
            record.bytes = bytes.fold(0, u32::saturating_add);
            journal.record(RecordKind::S7(record));
        }
        // The end of a connection and the parts of what was asked for before say nothing new.
        Action::Disconnect | Action::NextPart | Action::UploadPart | Action::EndUpload => {}
        Action::DownloadPart => {}
        _ => {
            journal.record(RecordKind::S7(record));
        }
    }
    let (ids, change) = match &transaction.action {
        Action::StartUpload(id) => (std::slice::from_ref(id), ProgramChange::Uploaded),
        Action::InsertBlocks(ids) => (ids.as_slice(), ProgramChange::Downloaded),
        Action::DeleteBlocks(ids) => (ids.as_slice(), ProgramChange::Deleted),
        _ => return,
    };
    let Some(cpu) = observed.device.cpu() else {
        return;
    };
    for id in ids.iter().filter(|_| transaction.is_done()) {
        record_program(journal, name, id.to_string(), change, cpu, origin.by);
    }
}

fn describe(record: &mut S7Record, access: &Access) {
    record.object = access.area.map_or_else(String::new, area_name);
    record.offset = access.offset;
    record.bytes = access.bytes;
    if access.code != ItemCode::OK {
        record.refused = record.refused.or(Some(u16::from(access.code.0)));
    }
}

/// The service and its object.
fn wanted(action: &Action) -> (S7Service, String) {
    let none = String::new;
    match action {
        Action::Connect { .. } | Action::Disconnect | Action::Setup { .. } => {
            (S7Service::Connect, none())
        }
        Action::Read(_) => (S7Service::Read, none()),
        Action::Write(_) => (S7Service::Write, none()),
        Action::ReadList { id, index } => {
            (S7Service::Identify, format!("list {id:04X} index {index}"))
        }
        Action::ListBlocks(kind) => {
            let of = kind.map_or_else(none, |kind| kind.name().to_owned());
            (S7Service::Directory, of)
        }
        Action::BlockInfo(id) => (S7Service::Directory, id.to_string()),
        Action::StartUpload(id) => (S7Service::Upload, id.to_string()),
        Action::NextPart | Action::UploadPart | Action::EndUpload => (S7Service::Upload, none()),
        Action::StartDownload(id) | Action::LoadBlock(id) => (S7Service::Download, id.to_string()),
        Action::DownloadPart => (S7Service::Download, none()),
        Action::InsertBlocks(ids) => (S7Service::Insert, names(ids)),
        Action::DeleteBlocks(ids) => (S7Service::Delete, names(ids)),
        Action::Start(kind) => (S7Service::Control, format!("{kind:?} start").to_lowercase()),
        Action::Stop => (S7Service::Control, "stop".to_owned()),
        Action::Memory(service) => (S7Service::Control, format!("{service:?}").to_lowercase()),
        Action::ReadClock => (S7Service::Clock, "read".to_owned()),
        Action::SetClock(_) => (S7Service::Clock, "set".to_owned()),
        Action::GivePassword => (S7Service::Password, "given".to_owned()),
        Action::ClearPassword => (S7Service::Password, "taken back".to_owned()),
        Action::Subscribe | Action::SubscribeMessages | Action::Unsubscribe => {
            (S7Service::Subscribe, none())
        }
        Action::UnknownJob(function) => (S7Service::Unknown, format!("job {function:02X}")),
        Action::UnknownService { group, service } => (
            S7Service::Unknown,
            format!("group {group} service {service}"),
        ),
        Action::Malformed(byte) => (S7Service::Unknown, format!("malformed {byte:02X}")),
    }
}

/// Names of blocks; a job names few.
fn names(ids: &[BlockId]) -> String {
    let names: Vec<String> = ids.iter().take(NAMES_MAX).map(BlockId::to_string).collect();
    names.join(" ")
}

fn area_name(area: Area) -> String {
    match area {
        Area::Input => "I".to_owned(),
        Area::Output => "Q".to_owned(),
        Area::Marker => "M".to_owned(),
        Area::DataBlock(number) => format!("DB{number}"),
        Area::Timer => "T".to_owned(),
        Area::Counter => "C".to_owned(),
    }
}
