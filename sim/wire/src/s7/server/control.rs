//! Start, stop, and the services on the program that are called by name.

use super::Exchange;
use super::blocks::block_error;
use super::record::Action;
use crate::cursor::{Reader, UnexpectedEnd};
use crate::device::{DeviceError, Mode};
use crate::s7::block::BlockId;
use crate::s7::device::{Level, MemoryService, StartKind};
use crate::s7::error::ErrorCode;
use crate::s7::pdu::{self, Pdu, function, rosctr};

/// Names of services.
pub(crate) mod name {
    pub(crate) const PROGRAM: &[u8] = b"P_PROGRAM";
    pub(crate) const COMPRESS: &[u8] = b"_GARB";
    pub(crate) const COPY: &[u8] = b"_MODU";
    pub(crate) const INSERT: &[u8] = b"_INSE";
    pub(crate) const DELETE: &[u8] = b"_DELE";
}

/// Argument of a cold restart.
pub(crate) const COLD: &[u8] = b"C ";
/// Argument of a copy: from RAM ("E") to ROM ("P").
pub(crate) const RAM_TO_ROM: &[u8] = b"EP";
/// Second parameter of an answer: the CPU runs already.
const ALREADY_RUNNING: u8 = 2;
/// Second parameter of an answer: the CPU is stopped already.
const ALREADY_STOPPED: u8 = 7;
/// Bytes of one block's name in a list: the name and the file system.
const LISTED_BYTES: usize = 8;

impl Exchange<'_> {
    /// A job with a service's name.
    pub(super) fn control(&mut self, request: &Pdu<'_>) -> Result<(), ErrorCode> {
        let (name, argument) =
            service_call(request.parameters).map_err(|_| ErrorCode::PARAMETER_SYNTAX)?;
        match name {
            name::PROGRAM => self.start(request, argument),
            name::COMPRESS => self.memory(request, MemoryService::Compress),
            name::COPY if argument == RAM_TO_ROM => {
                self.memory(request, MemoryService::CopyRamToRom)
            }
            name::INSERT | name::DELETE => self.change_program(request, name, argument),
            _ => Err(ErrorCode::PARAMETER_SYNTAX),
        }
    }

    pub(super) fn stop(&mut self, request: &Pdu<'_>) -> Result<(), ErrorCode> {
        self.action = Action::Stop;
        self.may_control()?;
        if !matches!(request.parameters, [_, _, _, _, _, _, 9, name @ ..] if name == name::PROGRAM)
        {
            return Err(ErrorCode::PARAMETER_SYNTAX);
        }
        if self.device.mode() != Mode::Run {
            self.already(request, &[function::STOP, ALREADY_STOPPED]);
            return Ok(());
        }
        self.device.stop(self.now).map_err(control_error)?;
        self.answer(request, &[function::STOP]);
        Ok(())
    }

    fn start(&mut self, request: &Pdu<'_>, argument: &[u8]) -> Result<(), ErrorCode> {
        let kind = match argument {
            [] => StartKind::Warm,
            COLD => StartKind::Cold,
            _ => return Err(ErrorCode::PARAMETER_SYNTAX),
        };
        self.action = Action::Start(kind);
        self.may_control()?;
        if self.device.mode() == Mode::Run {
            self.already(request, &[function::CONTROL, ALREADY_RUNNING]);
            return Ok(());
        }
        self.device.start(self.now, kind).map_err(control_error)?;
        self.answer(request, &[function::CONTROL]);
        Ok(())
    }

    fn memory(&mut self, request: &Pdu<'_>, service: MemoryService) -> Result<(), ErrorCode> {
        self.action = Action::Memory(service);
        self.may_control()?;
        self.device
            .memory_service(self.now, service)
            .map_err(control_error)?;
        self.answer(request, &[function::CONTROL]);
        Ok(())
    }

    /// Inserts or deletes blocks, one after the other up to the first that is refused.
    fn change_program(
        &mut self,
        request: &Pdu<'_>,
        name: &[u8],
        argument: &[u8],
    ) -> Result<(), ErrorCode> {
        self.offers_blocks()?;
        let ids = listed_blocks(argument).ok_or(ErrorCode::BLOCK_NAME)?;
        let insert = name == name::INSERT;
        self.action = if insert {
            Action::InsertBlocks(ids.clone())
        } else {
            Action::DeleteBlocks(ids.clone())
        };
        if self.level() > Level::Full {
            return Err(ErrorCode::PROTECTION);
        }
        for id in ids {
            let done = if insert {
                self.device.insert_block(self.now, id)
            } else {
                self.device.delete_block(self.now, id)
            };
            done.map_err(block_error)?;
        }
        self.answer(request, &[function::CONTROL]);
        Ok(())
    }

    fn may_control(&self) -> Result<(), ErrorCode> {
        if !self.config.persona.services.control {
            return Err(ErrorCode::NOT_IMPLEMENTED);
        }
        if self.level() > Level::Full {
            return Err(ErrorCode::PROTECTION);
        }
        Ok(())
    }

    /// Refuses because the CPU is already in the mode; clients look at the second parameter.
    fn already(&mut self, request: &Pdu<'_>, parameters: &[u8]) {
        let (reference, code) = (request.reference, ErrorCode::OBJECT_STATE);
        pdu::begin(self.reply, rosctr::ACK_DATA, reference, code, parameters);
        self.refusal = Some(code);
    }
}

/// Name and argument of a service.
fn service_call(parameters: &[u8]) -> Result<(&[u8], &[u8]), UnexpectedEnd> {
    let mut reader = Reader::new(parameters);
    let _function_and_reserved = reader.take(8)?;
    let argument_bytes = reader.read_u16()?;
    let argument = reader.take(usize::from(argument_bytes))?;
    let name_bytes = reader.read_u8()?;
    let name = reader.take(usize::from(name_bytes))?;
    if reader.is_empty() {
        Ok((name, argument))
    } else {
        Err(UnexpectedEnd)
    }
}

/// The blocks that an argument lists: a count, a zero, then eight characters for each.
fn listed_blocks(argument: &[u8]) -> Option<Vec<BlockId>> {
    let ([count, _], names) = argument.split_first_chunk::<2>()?;
    if *count == 0 || names.len() != usize::from(*count) * LISTED_BYTES {
        return None;
    }
    let names = names.chunks_exact(LISTED_BYTES);
    names
        .map(|name| match name {
            [name @ .., b'A' | b'B' | b'P'] => BlockId::from_ascii(name),
            _ => None,
        })
        .collect()
}

/// What a device's refusal is in services on its mode and memory.
const fn control_error(error: DeviceError) -> ErrorCode {
    match error {
        DeviceError::NotSupported => ErrorCode::NOT_IMPLEMENTED,
        DeviceError::WriteRefused => ErrorCode::PROTECTION,
        DeviceError::ModeRefused => ErrorCode::MODE,
        DeviceError::BadAddress | DeviceError::BadValue | DeviceError::Failure => {
            ErrorCode::CANNOT_PERFORM
        }
    }
}
