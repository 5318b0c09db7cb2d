//! What a client asks, and the telegrams that say it.

use crate::s7::block::{BlockId, BlockInfo, BlockKind, ascii_digits};
use crate::s7::clock;
use crate::s7::device::{MemoryService, StartKind};
use crate::s7::error::{ErrorCode, ItemCode};
use crate::s7::item::{self, Address, DataType};
use crate::s7::pdu::function;
use crate::s7::server::{control, hide_password, service};
use crate::s7::szl::PartialList;
use crate::s7::userdata::{Parameters, group};

/// What a client wants; blocks and lists go over the wire in as many parts as they need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Connect and set up, and nothing else; every other operation does so first where it is needed.
    Connect,
    /// Read up to 20 variables.
    Read(Vec<Address>),
    /// Write up to 20 variables.
    Write(Vec<(Address, Vec<u8>)>),
    /// Read a system status list.
    ReadList {
        /// Id.
        id: u16,
        /// Index.
        index: u16,
    },
    /// How many blocks of each kind there are.
    CountBlocks,
    /// The blocks of a kind.
    ListBlocks(BlockKind),
    /// A block's header and footer.
    BlockInfo(BlockId),
    /// Read a block.
    Upload(BlockId),
    /// Bring a block into the load memory.
    Download {
        /// Which.
        id: BlockId,
        /// The whole block, header and footer included.
        block: Vec<u8>,
    },
    /// Link loaded blocks into the program.
    Insert(Vec<BlockId>),
    /// Delete blocks.
    Delete(Vec<BlockId>),
    /// Start the CPU.
    Start(StartKind),
    /// Stop the CPU.
    Stop,
    /// Work on the memory.
    Memory(MemoryService),
    /// Read the clock.
    ReadClock,
    /// Set the clock, microseconds since 1970.
    SetClock(u64),
    /// Give the password, eight characters filled with spaces.
    GivePassword([u8; 8]),
    /// Take the password back.
    ClearPassword,
    /// Be sent variables again and again.
    Subscribe {
        /// Which.
        addresses: Vec<Address>,
        /// How often, in units of 100 ms.
        interval: u8,
        /// Whether to be sent changes only.
        changes: bool,
    },
    /// End a subscription to variables.
    Unsubscribe(u8),
    /// Be told of changes of mode (1) and diagnostic events (2); 0 ends it.
    SubscribeMessages(u8),
    /// Send any PDU and take what answers it; bytes 4 and 5 are replaced by the reference.
    Raw(Vec<u8>),
}

/// One variable of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// What became of it.
    pub code: ItemCode,
    /// The bytes; none after an error.
    pub bytes: Vec<u8>,
}

/// What an operation brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done; there is nothing to tell.
    Done,
    /// The variables, in the order asked.
    Read(Vec<Value>),
    /// What became of each variable, in the order asked.
    Written(Vec<ItemCode>),
    /// The system status list.
    List(PartialList),
    /// Blocks of each kind.
    Counts(Vec<(BlockKind, u16)>),
    /// Number and language of each block.
    Blocks(Vec<(u16, u8)>),
    /// Header and footer.
    Info(Box<BlockInfo>),
    /// The block.
    Uploaded(Vec<u8>),
    /// Microseconds since 1970.
    Clock(u64),
    /// The job that sends variables, and the first of them.
    Subscribed {
        /// Names the job.
        job: u8,
        /// The variables, in the order asked.
        values: Vec<Value>,
    },
    /// Any PDU.
    Raw(Vec<u8>),
}

/// Why an operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The CPU refused.
    #[error("refused: {0}")]
    Refused(ErrorCode),
    /// There is no CPU at that rack and slot, or none that takes this kind of connection.
    #[error("no CPU answers at that rack and slot")]
    ConnectionRefused,
    /// No answer in time.
    #[error("no answer in time")]
    Timeout,
    /// An answer that does not fit.
    #[error("the answer makes no sense")]
    Protocol,
    /// The connection ended.
    #[error("connection lost")]
    ConnectionLost,
    /// It does not fit into a PDU, or into what the protocol can say.
    #[error("too large for one request")]
    TooLarge,
}

/// A request before it has a reference.
pub(super) enum Telegram {
    Job(Vec<u8>, Vec<u8>),
    Userdata(Parameters, Vec<u8>),
    Raw(Vec<u8>),
}

/// The first telegram of an operation; `None` for one that cannot be said.
pub(super) fn telegram(operation: &Operation) -> Option<Telegram> {
    let userdata = |group, service, data: &[u8]| {
        Telegram::Userdata(Parameters::request(group, service), data.to_vec())
    };
    Some(match operation {
        Operation::Connect => return None,
        Operation::Read(addresses) => {
            Telegram::Job(with_addresses(function::READ, addresses)?, Vec::new())
        }
        Operation::Write(values) => write(values)?,
        Operation::ReadList { id, index } => {
            let data = [id.to_be_bytes(), index.to_be_bytes()].concat();
            userdata(group::CPU, service::READ_LIST, &data)
        }
        Operation::CountBlocks => userdata(group::BLOCKS, service::COUNT_BLOCKS, &[]),
        Operation::ListBlocks(kind) => {
            userdata(group::BLOCKS, service::LIST_BLOCKS, &[b'0', kind.code()])
        }
        Operation::BlockInfo(id) => {
            let data = [&id.to_ascii()[..], b"A"].concat();
            userdata(group::BLOCKS, service::BLOCK_INFO, &data)
        }
        Operation::Upload(id) => {
            let mut parameters = vec![function::START_UPLOAD, 0, 0, 0, 0, 0, 0, 0];
            push_file_name(*id, b'A', &mut parameters);
            Telegram::Job(parameters, Vec::new())
        }
        Operation::Download { id, block } => download(*id, block)?,
        Operation::Insert(ids) => on_blocks(control::name::INSERT, ids, b'P')?,
        Operation::Delete(ids) => on_blocks(control::name::DELETE, ids, b'B')?,
        Operation::Start(StartKind::Warm) => call(control::name::PROGRAM, &[])?,
        Operation::Start(StartKind::Cold) => call(control::name::PROGRAM, control::COLD)?,
        Operation::Stop => {
            let head = [function::STOP, 0, 0, 0, 0, 0, 9];
            Telegram::Job([&head, control::name::PROGRAM].concat(), Vec::new())
        }
        Operation::Memory(MemoryService::Compress) => call(control::name::COMPRESS, &[])?,
        Operation::Memory(MemoryService::CopyRamToRom) => {
            call(control::name::COPY, control::RAM_TO_ROM)?
        }
        Operation::ReadClock => userdata(group::TIME, service::READ_CLOCK, &[]),
        Operation::SetClock(unix_us) => {
            userdata(group::TIME, service::SET_CLOCK, &clock::clock(*unix_us))
        }
        Operation::GivePassword(password) => {
            let hidden = hide_password(password);
            userdata(group::SECURITY, service::GIVE_PASSWORD, &hidden)
        }
        Operation::ClearPassword => userdata(group::SECURITY, service::CLEAR_PASSWORD, &[]),
        Operation::Subscribe {
            addresses,
            interval,
            changes,
        } => {
            let service = if *changes {
                service::CYCLIC_CHANGES
            } else {
                service::CYCLIC
            };
            let mut data = vec![0, u8::try_from(addresses.len()).ok()?, 0, *interval];
            addresses
                .iter()
                .for_each(|address| address.encode(&mut data));
            userdata(group::CYCLIC, service, &data)
        }
        Operation::Unsubscribe(job) => {
            userdata(group::CYCLIC, service::END_CYCLIC, &[service::CYCLIC, *job])
        }
        Operation::SubscribeMessages(events) => {
            let data = [&[*events, 0][..], STATION].concat();
            userdata(group::CPU, service::MESSAGES, &data)
        }
        Operation::Raw(pdu) => Telegram::Raw(pdu.clone()),
    })
}

/// Name that a subscriber to messages gives.
const STATION: &[u8] = b"STATION ";

fn with_addresses(function: u8, addresses: &[Address]) -> Option<Vec<u8>> {
    let mut parameters = vec![function, u8::try_from(addresses.len()).ok()?];
    addresses
        .iter()
        .for_each(|address| address.encode(&mut parameters));
    Some(parameters)
}

fn write(values: &[(Address, Vec<u8>)]) -> Option<Telegram> {
    let addresses: Vec<Address> = values.iter().map(|(address, _)| *address).collect();
    let mut data = Vec::new();
    for (address, bytes) in values {
        if data.len() % 2 == 1 {
            data.push(0);
        }
        let data_type = DataType::from_code(address.data_type).unwrap_or(DataType::Byte);
        let length = u32::try_from(bytes.len()).ok()?;
        item::encode_data_header(ItemCode(0), data_type.data_code(), length, &mut data);
        data.extend_from_slice(bytes);
    }
    Some(Telegram::Job(
        with_addresses(function::WRITE, &addresses)?,
        data,
    ))
}

fn push_file_name(id: BlockId, file_system: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[9, b'_']);
    out.extend_from_slice(&id.to_ascii());
    out.push(file_system);
}

fn download(id: BlockId, block: &[u8]) -> Option<Telegram> {
    // Six digits say the length.
    let length = u32::try_from(block.len()).ok().filter(|n| *n < 1_000_000)?;
    let code = BlockInfo::read(block).map_or(0, |info| u32::from(info.code_bytes));
    let mut parameters = vec![function::REQUEST_DOWNLOAD, 0, 1, 0, 0, 0, 0, 0];
    push_file_name(id, b'P', &mut parameters);
    parameters.extend_from_slice(&[13, b'1']);
    for bytes in [length, code] {
        parameters.extend_from_slice(&ascii_digits::<6>(bytes));
    }
    Some(Telegram::Job(parameters, Vec::new()))
}

/// A service by its name.
fn call(name: &[u8], argument: &[u8]) -> Option<Telegram> {
    let mut parameters = vec![function::CONTROL, 0, 0, 0, 0, 0, 0, 0xFD];
    let argument_bytes = u16::try_from(argument.len()).ok()?;
    parameters.extend_from_slice(&argument_bytes.to_be_bytes());
    parameters.extend_from_slice(argument);
    parameters.push(u8::try_from(name.len()).ok()?);
    parameters.extend_from_slice(name);
    Some(Telegram::Job(parameters, Vec::new()))
}

fn on_blocks(name: &[u8], ids: &[BlockId], file_system: u8) -> Option<Telegram> {
    let mut argument = vec![u8::try_from(ids.len()).ok()?, 0];
    for id in ids {
        argument.extend_from_slice(&id.to_ascii());
        argument.push(file_system);
    }
    call(name, &argument)
}
