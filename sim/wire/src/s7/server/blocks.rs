//! Block lists and block information.

use super::Exchange;
use super::record::Action;
use crate::device::DeviceError;
use crate::s7::block::{BlockId, BlockKind};
use crate::s7::error::ErrorCode;

/// Flags of a block in a list, as CPUs tell them of linked blocks.
const FLAGS_LINKED: u8 = 0x22;

impl Exchange<'_> {
    /// Number of blocks of each kind.
    pub(super) fn count_blocks(&mut self) -> Result<Vec<u8>, ErrorCode> {
        self.action = Action::ListBlocks(None);
        self.offers_blocks()?;
        let entry = |kind: BlockKind| {
            let count = self.device.blocks(kind).len();
            let [high, low] = u16::try_from(count).unwrap_or(u16::MAX).to_be_bytes();
            [b'0', kind.code(), high, low]
        };
        Ok(BlockKind::ALL.into_iter().flat_map(entry).collect())
    }

    /// Number, flags and language of each block of a kind.
    pub(super) fn list_blocks(&mut self, data: &[u8]) -> Result<Vec<u8>, ErrorCode> {
        self.action = Action::ListBlocks(None);
        self.offers_blocks()?;
        let kind = match *data {
            [b'0', code] => BlockKind::from_code(code),
            _ => None,
        };
        let kind = kind.ok_or(ErrorCode::PARAMETER_SYNTAX)?;
        self.action = Action::ListBlocks(Some(kind));
        let entries = self.device.blocks(kind);
        if entries.is_empty() {
            return Err(ErrorCode::NO_BLOCK);
        }
        let entry = |(number, language): (u16, u8)| {
            let [high, low] = number.to_be_bytes();
            [high, low, FLAGS_LINKED, language]
        };
        Ok(entries.into_iter().flat_map(entry).collect())
    }

    /// Header and footer of a block.
    pub(super) fn block_info(&mut self, data: &[u8]) -> Result<Vec<u8>, ErrorCode> {
        self.offers_blocks()?;
        let name = match data {
            [name @ .., b'A' | b'B' | b'P'] => BlockId::from_ascii(name),
            _ => None,
        };
        let id = name.ok_or(ErrorCode::BLOCK_NAME)?;
        self.action = Action::BlockInfo(id);
        self.device
            .block_info(id)
            .map(|info| info.to_info_bytes())
            .map_err(block_error)
    }

    pub(super) fn offers_blocks(&self) -> Result<(), ErrorCode> {
        if self.config.persona.services.blocks {
            Ok(())
        } else {
            Err(ErrorCode::NOT_IMPLEMENTED)
        }
    }
}

/// What a device's refusal is in services on blocks.
pub(super) const fn block_error(error: DeviceError) -> ErrorCode {
    match error {
        DeviceError::NotSupported => ErrorCode::NOT_IMPLEMENTED,
        DeviceError::BadAddress => ErrorCode::BLOCK_NOT_FOUND,
        DeviceError::BadValue => ErrorCode::BLOCK_STRUCTURE,
        DeviceError::WriteRefused => ErrorCode::PROTECTION,
        DeviceError::ModeRefused => ErrorCode::MODE,
        DeviceError::Failure => ErrorCode::CANNOT_PERFORM,
    }
}
