//! Blocks of a CPU's program: names, and the form in which they are loaded.
//!
//! A block is a header of [`HEADER_BYTES`], the code or data, whatever else belongs to it (interface, source), and a
//! footer of [`FOOTER_BYTES`] with author, family, name, version and checksum. The places of the fields are those that
//! captures of uploads show; the checksum is ours (CRC-16/XMODEM over all between header and footer), because the
//! vendor's is not published.

use super::clock;
use crate::cursor::Reader;

/// Bytes of the header.
pub const HEADER_BYTES: usize = 36;
/// Bytes of the footer.
pub const FOOTER_BYTES: usize = 36;
/// Bytes of author, family and name.
pub const NAME_BYTES: usize = 8;
/// Bytes of the longest block that the form can say: five digits in the answer to an upload.
pub const MAX_BLOCK_BYTES: usize = 65_535;
/// Bytes of a block's description in the answer to a block information request.
pub const INFO_BYTES: usize = 78;
/// First bytes of every block.
const MAGIC: [u8; 2] = *b"pp";

/// Kinds of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BlockKind {
    /// Organization block.
    Ob,
    /// Function block.
    Fb,
    /// Function.
    Fc,
    /// Data block.
    Db,
    /// System data block.
    Sdb,
    /// System function.
    Sfc,
    /// System function block.
    Sfb,
}

impl BlockKind {
    /// Every kind, in the order in which CPUs list them.
    pub const ALL: [Self; 7] = [
        Self::Ob,
        Self::Fb,
        Self::Fc,
        Self::Db,
        Self::Sdb,
        Self::Sfc,
        Self::Sfb,
    ];

    /// The character that names the kind.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Ob => b'8',
            Self::Fb => b'E',
            Self::Fc => b'C',
            Self::Db => b'A',
            Self::Sdb => b'B',
            Self::Sfc => b'D',
            Self::Sfb => b'F',
        }
    }

    /// The kind that a character names.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// The number of the kind in a block's header: 08 for an organization block, 0A for a data block, and so on.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Ob => 0x08,
            Self::Db => 0x0A,
            Self::Sdb => 0x0B,
            Self::Fc => 0x0C,
            Self::Sfc => 0x0D,
            Self::Fb => 0x0E,
            Self::Sfb => 0x0F,
        }
    }

    /// The usual abbreviation.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ob => "OB",
            Self::Fb => "FB",
            Self::Fc => "FC",
            Self::Db => "DB",
            Self::Sdb => "SDB",
            Self::Sfc => "SFC",
            Self::Sfb => "SFB",
        }
    }
}

/// Names a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlockId {
    /// Kind.
    pub kind: BlockKind,
    /// Number.
    pub number: u16,
}

impl std::fmt::Display for BlockId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.kind.name(), self.number)
    }
}

impl BlockId {
    /// Reads `0`, the kind's character and five digits. `None` for anything else.
    #[must_use]
    pub fn from_ascii(text: &[u8]) -> Option<Self> {
        let (head, digits) = text.split_first_chunk::<2>()?;
        let kind = BlockKind::from_code(head[1]).filter(|_| head[0] == b'0')?;
        if digits.len() != 5 {
            return None;
        }
        let number = u16::try_from(number_from_ascii(digits)?).ok()?;
        Some(Self { kind, number })
    }

    /// `0`, the kind's character and five digits.
    #[must_use]
    pub fn to_ascii(self) -> [u8; 7] {
        let mut out = [b'0', self.kind.code(), 0, 0, 0, 0, 0];
        let digits = ascii_digits::<5>(u32::from(self.number));
        out[2..].copy_from_slice(&digits);
        out
    }
}

/// Digits of a number, zeros first; digits that do not fit are lost.
#[must_use]
pub fn ascii_digits<const N: usize>(mut value: u32) -> [u8; N] {
    let mut out = [b'0'; N];
    for digit in out.iter_mut().rev() {
        *digit = b'0' + u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
    }
    out
}

/// Reads up to nine digits and nothing else.
#[must_use]
pub fn number_from_ascii(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 9 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(
        digits
            .iter()
            .fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')),
    )
}

/// Languages in a block's header.
pub mod language {
    /// Statement list.
    pub const AWL: u8 = 1;
    /// Ladder.
    pub const KOP: u8 = 2;
    /// Function block diagram.
    pub const FUP: u8 = 3;
    /// Structured text.
    pub const SCL: u8 = 4;
    /// Data block.
    pub const DB: u8 = 5;
}

/// What header and footer of a block say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockInfo {
    /// Which block.
    pub id: BlockId,
    /// Language, one of [`language`].
    pub language: u8,
    /// Flags; bit 0 linked.
    pub flags: u8,
    /// Bytes of the whole block.
    pub load_bytes: u32,
    /// Bytes of code or data.
    pub code_bytes: u16,
    /// Bytes of the interface and whatever else follows the code.
    pub interface_bytes: u16,
    /// Bytes of local data.
    pub local_bytes: u16,
    /// Last change of the code, microseconds since 1970.
    pub code_time_us: u64,
    /// Last change of the interface, microseconds since 1970.
    pub interface_time_us: u64,
    /// Author, at most eight characters.
    pub author: [u8; NAME_BYTES],
    /// Family, at most eight characters.
    pub family: [u8; NAME_BYTES],
    /// Name, at most eight characters.
    pub name: [u8; NAME_BYTES],
    /// Version, high nibble dot low nibble.
    pub version: u8,
    /// Checksum in the footer.
    pub checksum: u16,
}

/// Why bytes are no block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// It does not begin like a block, or names a kind that does not exist.
    #[error("no block header")]
    Header,
    /// The lengths in the header do not fit the bytes.
    #[error("the lengths in the header do not fit the block")]
    Length,
    /// The footer's checksum is not that of the bytes.
    #[error("wrong checksum")]
    Checksum,
}

impl BlockInfo {
    /// A block's description without lengths and checksum, which [`assemble`] fills in.
    #[must_use]
    pub fn new(id: BlockId, language: u8, time_us: u64) -> Self {
        Self {
            id,
            language,
            flags: 1,
            load_bytes: 0,
            code_bytes: 0,
            interface_bytes: 0,
            local_bytes: 0,
            code_time_us: time_us,
            interface_time_us: time_us,
            author: [0; NAME_BYTES],
            family: [0; NAME_BYTES],
            name: [0; NAME_BYTES],
            version: 0x01,
            checksum: 0,
        }
    }

    /// Reads header and footer of a block and checks lengths and checksum; a checksum of 0 is none, as snap7's client
    /// sends it.
    pub fn read(block: &[u8]) -> Result<Self, BlockError> {
        let (header, rest) = block
            .split_first_chunk::<HEADER_BYTES>()
            .ok_or(BlockError::Header)?;
        let mut info = Self::read_header(header)?;
        if usize::try_from(info.load_bytes) != Ok(block.len()) {
            return Err(BlockError::Length);
        }
        let (body, footer) = rest
            .split_last_chunk::<FOOTER_BYTES>()
            .ok_or(BlockError::Length)?;
        if usize::from(info.code_bytes) + usize::from(info.interface_bytes) > body.len() {
            return Err(BlockError::Length);
        }
        info.read_footer(footer).ok_or(BlockError::Length)?;
        if info.checksum != 0 && info.checksum != crc16(body) {
            return Err(BlockError::Checksum);
        }
        Ok(info)
    }

    fn read_header(header: &[u8; HEADER_BYTES]) -> Result<Self, BlockError> {
        let end = |_| BlockError::Header;
        let mut reader = Reader::new(header);
        let magic = reader.read_array::<2>().map_err(end)?;
        let [_, flags, language, kind] = reader.read_array().map_err(end)?;
        let number = reader.read_u16().map_err(end)?;
        let kind = BlockKind::ALL
            .into_iter()
            .find(|known| known.number() == kind && magic == MAGIC)
            .ok_or(BlockError::Header)?;
        let load_bytes = reader.read_u32().map_err(end)?;
        let _security = reader.read_u32().map_err(end)?;
        let mut time = || -> Result<u64, BlockError> {
            let ms = reader.read_u32().map_err(end)?;
            let days = reader.read_u16().map_err(end)?;
            Ok(clock::from_block_time(ms, days))
        };
        let (code_time_us, interface_time_us) = (time()?, time()?);
        let interface_bytes = reader.read_u16().map_err(end)?;
        let _segment_bytes = reader.read_u16().map_err(end)?;
        Ok(Self {
            flags,
            load_bytes,
            interface_bytes,
            local_bytes: reader.read_u16().map_err(end)?,
            code_bytes: reader.read_u16().map_err(end)?,
            interface_time_us,
            ..Self::new(BlockId { kind, number }, language, code_time_us)
        })
    }

    fn read_footer(&mut self, footer: &[u8; FOOTER_BYTES]) -> Option<()> {
        let mut reader = Reader::new(footer);
        self.author = reader.read_array().ok()?;
        self.family = reader.read_array().ok()?;
        self.name = reader.read_array().ok()?;
        [self.version, _] = reader.read_array().ok()?;
        self.checksum = reader.read_u16().ok()?;
        Some(())
    }

    /// The description as the answer to a block information request tells it.
    #[must_use]
    pub fn to_info_bytes(&self) -> Vec<u8> {
        let mut out = vec![b'0', self.id.kind.code(), 0x00, 0x4A, 0x00, 0x02];
        self.write_header(&mut out);
        self.write_footer(&mut out);
        out
    }

    /// Reads what [`Self::to_info_bytes`] writes.
    #[must_use]
    pub fn from_info_bytes(bytes: &[u8]) -> Option<Self> {
        let (_, rest) = bytes.split_first_chunk::<6>()?;
        let (header, rest) = rest.split_first_chunk::<HEADER_BYTES>()?;
        let mut info = Self::read_header(header).ok()?;
        info.read_footer(rest.first_chunk()?)?;
        Some(info)
    }

    fn write_header(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[1, self.flags, self.language, self.id.kind.number()]);
        out.extend_from_slice(&self.id.number.to_be_bytes());
        out.extend_from_slice(&self.load_bytes.to_be_bytes());
        out.extend_from_slice(&[0; 4]);
        for time in [self.code_time_us, self.interface_time_us] {
            let (ms, days) = clock::block_time(time);
            out.extend_from_slice(&ms.to_be_bytes());
            out.extend_from_slice(&days.to_be_bytes());
        }
        out.extend_from_slice(&self.interface_bytes.to_be_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&self.local_bytes.to_be_bytes());
        out.extend_from_slice(&self.code_bytes.to_be_bytes());
    }

    fn write_footer(&self, out: &mut Vec<u8>) {
        for text in [&self.author, &self.family, &self.name] {
            out.extend_from_slice(text);
        }
        out.extend_from_slice(&[self.version, 0]);
        out.extend_from_slice(&self.checksum.to_be_bytes());
        out.extend_from_slice(&[0; 8]);
    }
}

/// Puts a block together: header, code or data, interface or source, footer. Lengths and checksum are computed.
/// [`BlockError::Length`] when a part is longer than its field can say, or the whole than [`MAX_BLOCK_BYTES`].
pub fn assemble(info: &BlockInfo, code: &[u8], interface: &[u8]) -> Result<Vec<u8>, BlockError> {
    let length = HEADER_BYTES + code.len() + interface.len() + FOOTER_BYTES;
    if length > MAX_BLOCK_BYTES {
        return Err(BlockError::Length);
    }
    let body = [code, interface].concat();
    let info = BlockInfo {
        load_bytes: u32::try_from(length).map_err(|_| BlockError::Length)?,
        code_bytes: u16::try_from(code.len()).map_err(|_| BlockError::Length)?,
        interface_bytes: u16::try_from(interface.len()).map_err(|_| BlockError::Length)?,
        checksum: crc16(&body),
        ..info.clone()
    };
    let mut out = Vec::with_capacity(length);
    info.write_header(&mut out);
    out.extend_from_slice(&body);
    info.write_footer(&mut out);
    Ok(out)
}

/// Code (or data) and interface (or source) of a block that [`BlockInfo::read`] accepts.
pub fn parts(block: &[u8]) -> Result<(BlockInfo, &[u8], &[u8]), BlockError> {
    let info = BlockInfo::read(block)?;
    let body = block
        .get(HEADER_BYTES..block.len().saturating_sub(FOOTER_BYTES))
        .ok_or(BlockError::Length)?;
    let (code, rest) = body
        .split_at_checked(usize::from(info.code_bytes))
        .ok_or(BlockError::Length)?;
    let interface = rest
        .get(..usize::from(info.interface_bytes))
        .ok_or(BlockError::Length)?;
    Ok((info, code, interface))
}

/// CRC-16/XMODEM: polynomial 1021, start 0.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc: u16, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            let shifted = crc << 1;
            if crc & 0x8000 == 0 {
                shifted
            } else {
                shifted ^ 0x1021
            }
        })
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    const ID: BlockId = BlockId {
        kind: BlockKind::Db,
        number: 7,
    };

    #[test]
    fn the_checksum_is_xmodem() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
    }

    #[test]
    fn a_block_comes_apart_as_it_was_put_together() {
        let mut info = BlockInfo::new(ID, language::DB, 1_709_212_029_456_000);
        info.name = *b"PUMPS\0\0\0";
        let block = assemble(&info, &[1, 2, 3], b"source").unwrap();
        let (read, code, interface) = parts(&block).unwrap();
        assert_eq!((code, interface), (&[1, 2, 3][..], &b"source"[..]));
        assert_eq!((read.id, read.name, read.load_bytes), (ID, info.name, 81));
        assert_eq!(
            BlockInfo::from_info_bytes(&read.to_info_bytes()),
            Some(read)
        );
        let mut bad = block.clone();
        bad[40] ^= 1;
        assert_eq!(BlockInfo::read(&bad), Err(BlockError::Checksum));
        assert_eq!(BlockInfo::read(&block[..80]), Err(BlockError::Length));
        assert_eq!(BlockInfo::read(&block[..8]), Err(BlockError::Header));
    }

    #[test]
    fn names_are_seven_characters() {
        assert_eq!(&ID.to_ascii(), b"0A00007");
        assert_eq!(BlockId::from_ascii(b"0A00007"), Some(ID));
        for bad in [
            &b"0A0007"[..],
            b"1A00007",
            b"0Z00007",
            b"0A99999",
            b"0A0 007",
        ] {
            assert_eq!(BlockId::from_ascii(bad), None);
        }
    }
}
