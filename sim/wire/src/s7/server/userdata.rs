//! Everything that is no job: lists, clock, password, and answers longer than a PDU.

use super::record::Action;
use super::{Exchange, Outcome};
use crate::cursor::Reader;
use crate::device::DeviceError;
use crate::digest;
use crate::s7::clock;
use crate::s7::error::ErrorCode;
use crate::s7::pdu::{self, Pdu, rosctr};
use crate::s7::szl::{self, Source};
use crate::s7::userdata::{self, Direction, Parameters, group};

/// Services of the groups.
pub(crate) mod service {
    pub(crate) const READ_LIST: u8 = 1;
    pub(crate) const CYCLIC: u8 = 1;
    pub(crate) const END_CYCLIC: u8 = 4;
    pub(crate) const CYCLIC_CHANGES: u8 = 5;
    pub(crate) const MESSAGES: u8 = 2;
    pub(crate) const DIAGNOSTIC_MESSAGE: u8 = 3;
    pub(crate) const COUNT_BLOCKS: u8 = 1;
    pub(crate) const LIST_BLOCKS: u8 = 2;
    pub(crate) const BLOCK_INFO: u8 = 3;
    pub(crate) const GIVE_PASSWORD: u8 = 1;
    pub(crate) const CLEAR_PASSWORD: u8 = 2;
    pub(crate) const READ_CLOCK: u8 = 1;
    pub(crate) const SET_CLOCK: u8 = 2;
    pub(crate) const READ_CLOCK_FOLLOWING: u8 = 3;
    pub(crate) const SET_CLOCK_FOLLOWING: u8 = 4;
}

/// The rest of an answer that is longer than a PDU.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    group: u8,
    service: u8,
    sequence: u8,
    unit: u8,
    rest: Vec<u8>,
}

impl Parts {
    pub(super) fn digest_into(&self, sink: &mut dyn FnMut(&[u8])) {
        for field in [self.group, self.service, self.sequence, self.unit] {
            digest::number(sink, u64::from(field));
        }
        digest::bytes(sink, &self.rest);
    }
}

impl Exchange<'_> {
    pub(super) fn userdata(&mut self, request: &Pdu<'_>) -> Outcome {
        let Ok(asked) = Parameters::decode(request.parameters) else {
            return Outcome::Refused(ErrorCode::WRONG_PDU);
        };
        if asked.direction != Direction::Request {
            return Outcome::Ignored;
        }
        self.action = Action::UnknownService {
            group: asked.group,
            service: asked.service,
        };
        let served = if asked.follows {
            self.next_part(&asked)
        } else {
            self.state.next_sequence();
            userdata::decode_data(request.data)
                .map_err(|_| ErrorCode::WRONG_PDU)
                .and_then(|(_, data)| self.service(&asked, data))
        };
        let (error, data) = match served {
            Ok(data) => (ErrorCode::NONE, data),
            Err(code) => {
                self.refusal = Some(code);
                (code, Vec::new())
            }
        };
        self.answer_userdata(request, &asked, error, data);
        Outcome::Done
    }

    /// Does what was asked and returns the data of the answer, all of them.
    fn service(&mut self, asked: &Parameters, data: &[u8]) -> Result<Vec<u8>, ErrorCode> {
        match (asked.group, asked.service) {
            (group::CPU, service::READ_LIST) => self.read_list(data),
            (group::CPU, service::MESSAGES) => self.subscribe_messages(data),
            (group::CYCLIC, service::CYCLIC | service::CYCLIC_CHANGES) => {
                self.subscribe(asked, data)
            }
            (group::CYCLIC, service::END_CYCLIC) => self.unsubscribe(data),
            (group::BLOCKS, service::COUNT_BLOCKS) => self.count_blocks(),
            (group::BLOCKS, service::LIST_BLOCKS) => self.list_blocks(data),
            (group::BLOCKS, service::BLOCK_INFO) => self.block_info(data),
            (group::TIME, service::READ_CLOCK | service::READ_CLOCK_FOLLOWING) => {
                self.action = Action::ReadClock;
                Ok(clock::clock(self.device.clock_us(self.now)).to_vec())
            }
            (group::TIME, service::SET_CLOCK | service::SET_CLOCK_FOLLOWING) => {
                self.set_clock(data)
            }
            (group::SECURITY, service::GIVE_PASSWORD) => self.give_password(data),
            (group::SECURITY, service::CLEAR_PASSWORD) => {
                self.action = Action::ClearPassword;
                if std::mem::take(&mut self.state.legitimated) {
                    Ok(Vec::new())
                } else {
                    Err(ErrorCode::NOT_LEGITIMATED)
                }
            }
            _ => Err(ErrorCode::NOT_IMPLEMENTED),
        }
    }

    fn read_list(&mut self, data: &[u8]) -> Result<Vec<u8>, ErrorCode> {
        let mut reader = Reader::new(data);
        let (Ok(id), Ok(index)) = (reader.read_u16(), reader.read_u16()) else {
            return Err(ErrorCode::INFORMATION_SYNTAX);
        };
        self.action = Action::ReadList { id, index };
        let source = Source {
            persona: &self.config.persona,
            device: &*self.device,
            now: self.now,
        };
        szl::read(source, id, index)
            .map(|list| list.to_bytes())
            .ok_or(ErrorCode::NO_INFORMATION)
    }

    fn set_clock(&mut self, data: &[u8]) -> Result<Vec<u8>, ErrorCode> {
        let time = data.try_into().ok().and_then(clock::parse_clock);
        let unix_us = time.ok_or(ErrorCode::INVALID_TIME)?;
        self.action = Action::SetClock(unix_us);
        self.device
            .set_clock_us(self.now, unix_us)
            .map(|()| Vec::new())
            .map_err(|error| match error {
                DeviceError::NotSupported => ErrorCode::NOT_IMPLEMENTED,
                DeviceError::BadValue => ErrorCode::INVALID_TIME,
                DeviceError::WriteRefused => ErrorCode::PROTECTION,
                DeviceError::ModeRefused => ErrorCode::MODE,
                DeviceError::BadAddress | DeviceError::Failure => ErrorCode::CANNOT_PERFORM,
            })
    }

    fn give_password(&mut self, data: &[u8]) -> Result<Vec<u8>, ErrorCode> {
        self.action = Action::GivePassword;
        let hidden = data.try_into().map_err(|_| ErrorCode::PARAMETER_SYNTAX)?;
        if self.device.protection().password_level.is_none() {
            return Err(ErrorCode::NO_PASSWORD);
        }
        if !self.device.check_password(&reveal_password(hidden)) {
            return Err(ErrorCode::WRONG_PASSWORD);
        }
        self.state.legitimated = true;
        Ok(Vec::new())
    }

    fn next_part(&mut self, asked: &Parameters) -> Result<Vec<u8>, ErrorCode> {
        self.action = Action::NextPart;
        self.state
            .parts
            .as_mut()
            .filter(|parts| {
                (parts.group, parts.service, parts.sequence)
                    == (asked.group, asked.service, asked.sequence)
            })
            .map(|parts| std::mem::take(&mut parts.rest))
            .ok_or(ErrorCode::SEQUENCE)
    }

    /// Makes the answer; of data that exceed the PDU the rest is kept for [`Self::next_part`].
    fn answer_userdata(
        &mut self,
        request: &Pdu<'_>,
        asked: &Parameters,
        error: ErrorCode,
        mut data: Vec<u8>,
    ) {
        let under_way = self.state.parts.take().filter(|_| asked.follows);
        let rest = data.split_off(self.state.userdata_room().min(data.len()));
        let more = !rest.is_empty();
        let (sequence, unit) = match &under_way {
            Some(parts) => (parts.sequence, parts.unit),
            None => {
                let sequence = self.state.sequence;
                // One answer is under way at a time, so its sequence number names its parts as well.
                (sequence, if more { sequence } else { 0 })
            }
        };
        let parameters = Parameters {
            direction: Direction::Answer,
            sequence,
            unit,
            more,
            error,
            ..*asked
        };
        pdu::begin(
            self.reply,
            rosctr::USERDATA,
            request.reference,
            ErrorCode::NONE,
            &parameters.to_bytes(),
        );
        if data.is_empty() {
            userdata::encode_no_data(self.reply);
        } else {
            userdata::encode_data(&data, self.reply);
        }
        self.state.parts = more.then_some(Parts {
            group: asked.group,
            service: asked.service,
            sequence,
            unit,
            rest,
        });
    }
}

/// Passwords are eight characters filled with spaces, each mixed with 55 and with the one two before.
#[must_use]
pub(crate) fn hide_password(password: &[u8; 8]) -> [u8; 8] {
    let mut hidden = password.map(|byte| byte ^ 0x55);
    for index in 2..hidden.len() {
        hidden[index] ^= hidden[index - 2];
    }
    hidden
}

/// The inverse of [`hide_password`].
#[must_use]
fn reveal_password(hidden: &[u8; 8]) -> [u8; 8] {
    let mut password = *hidden;
    for index in (2..password.len()).rev() {
        password[index] ^= hidden[index - 2];
    }
    password.map(|byte| byte ^ 0x55)
}
