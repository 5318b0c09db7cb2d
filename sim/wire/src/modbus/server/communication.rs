//! What a device knows of its own communication: counters, event log, listen-only mode (functions 8, 11 and 12;
//! specification, 6.8 to 6.10).

use std::collections::VecDeque;

use super::persona::ModbusPersona;
use crate::digest;
use crate::modbus::exception::ExceptionCode;
use crate::modbus::request::DiagnosticData;
use crate::modbus::response::{CommEventLog, MAX_COMM_EVENTS, Response};

/// Diagnostics sub-function 1.
pub(super) const RESTART_COMMUNICATIONS: u16 = 1;
/// Word of sub-function 1 that also clears the communications event log.
const CLEAR_LOG: u16 = 0xFF00;
/// Status word of functions 11 and 12: no long command is worked on.
const NOT_BUSY: u16 = 0;

/// Bits of the events in the log (specification, 6.10).
mod event {
    /// A message was received.
    pub const RECEIVED: u8 = 0x80;
    /// It had a communication error.
    pub const RECEIVED_ERROR: u8 = 0x02;
    /// It was a broadcast.
    pub const RECEIVED_BROADCAST: u8 = 0x40;
    /// A message was worked on, answered or not.
    pub const SENT: u8 = 0x40;
    /// Exceptions 1 to 3 were answered.
    pub const SENT_READ_EXCEPTION: u8 = 0x01;
    /// Exception 4 was answered.
    pub const SENT_ABORT: u8 = 0x02;
    /// Exceptions 5 and 6 were answered.
    pub const SENT_BUSY: u8 = 0x04;
    /// Exception 7 was answered.
    pub const SENT_NAK: u8 = 0x08;
    /// In listen-only mode, in events of both kinds.
    pub const LISTEN_ONLY: u8 = 0x20;
    /// Listen-only mode began.
    pub const ENTERED_LISTEN_ONLY: u8 = 0x04;
    /// Communication was restarted.
    pub const RESTARTED: u8 = 0x00;
}

/// Counters that function 8 tells (specification, 6.8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames received (sub-function 11).
    pub bus_messages: u16,
    /// Frames discarded because of their protocol id (sub-function 12).
    pub communication_errors: u16,
    /// Exceptions answered (sub-function 13).
    pub exceptions: u16,
    /// Frames for this unit id (sub-function 14).
    pub server_messages: u16,
    /// Frames for this unit id without a reply (sub-function 15).
    pub no_responses: u16,
    /// Exceptions 07 answered (sub-function 16).
    pub naks: u16,
    /// Exceptions 06 answered (sub-function 17).
    pub busy: u16,
}

/// Counters, log and mode of one connection, or of a device that has them in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Communication {
    pub(super) counters: Counters,
    pub(super) listen_only: bool,
    events: Option<Events>,
}

/// Counter and log of functions 11 and 12.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Events {
    /// Messages completed.
    completed: u16,
    /// At most [`MAX_COMM_EVENTS`], newest first.
    log: VecDeque<u8>,
}

impl Events {
    fn add(&mut self, event: u8) {
        self.log.truncate(MAX_COMM_EVENTS - 1);
        self.log.push_front(event);
    }
}

impl Communication {
    /// Freshly switched on. Only a persona that tells events keeps them.
    #[must_use]
    pub fn of(persona: &ModbusPersona) -> Self {
        Self {
            events: persona.keeps_events().then(Events::default),
            ..Self::default()
        }
    }

    /// What function 8 would tell.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Feeds the state to a digest.
    pub fn digest_into(&self, sink: &mut dyn FnMut(&[u8])) {
        let Counters {
            bus_messages,
            communication_errors,
            exceptions,
            server_messages,
            no_responses,
            naks,
            busy,
        } = self.counters;
        for counter in [
            bus_messages,
            communication_errors,
            exceptions,
            server_messages,
            no_responses,
        ] {
            digest::number(sink, u64::from(counter));
        }
        digest::number(sink, u64::from(self.listen_only));
        // Few personas answer these exceptions or keep a log: what is not there is no state.
        if naks != 0 || busy != 0 {
            digest::number(sink, u64::from(naks));
            digest::number(sink, u64::from(busy));
        }
        if let Some(events) = &self.events {
            digest::number(sink, u64::from(events.completed));
            digest::number(sink, events.log.len() as u64);
            let (front, back) = events.log.as_slices();
            sink(front);
            sink(back);
        }
    }

    /// A frame came that is none of this protocol.
    pub(super) fn discarded(&mut self) {
        count(&mut self.counters.bus_messages);
        count(&mut self.counters.communication_errors);
        self.received(event::RECEIVED_ERROR);
    }

    /// A frame came.
    pub(super) fn arrived(&mut self) {
        count(&mut self.counters.bus_messages);
    }

    /// A frame for this unit is worked on next.
    pub(super) fn accepted(&mut self, broadcast: bool) {
        count(&mut self.counters.server_messages);
        self.received(if broadcast {
            event::RECEIVED_BROADCAST
        } else {
            0
        });
    }

    /// A request was worked on without an exception; `counts` is false for the one that asks for the counter.
    pub(super) fn completed(&mut self, counts: bool) {
        if let Some(events) = &mut self.events
            && counts
        {
            count(&mut events.completed);
        }
    }

    /// A request was worked on.
    pub(super) fn finished(&mut self, exception: Option<ExceptionCode>, answered: bool) {
        if !answered {
            count(&mut self.counters.no_responses);
        }
        if exception.is_some() && answered {
            count(&mut self.counters.exceptions);
        }
        let kind = match exception.map(|code| code.0) {
            Some(1..=3) => event::SENT_READ_EXCEPTION,
            Some(4) => event::SENT_ABORT,
            Some(5) => event::SENT_BUSY,
            Some(6) => {
                count(&mut self.counters.busy);
                event::SENT_BUSY
            }
            Some(7) => {
                count(&mut self.counters.naks);
                event::SENT_NAK
            }
            _ => 0,
        };
        let mode = self.mode_bit();
        self.add(event::SENT | kind | mode);
    }

    /// Sub-function 1: counters begin anew, listen-only mode ends, the log is cleared if `word` says so.
    pub(super) fn restart(&mut self, word: u16) {
        let log = self.events.take().map(|events| events.log);
        *self = Self {
            events: log.map(|log| Events {
                completed: 0,
                log: if word == CLEAR_LOG {
                    VecDeque::new()
                } else {
                    log
                },
            }),
            ..Self::default()
        };
        self.add(event::RESTARTED);
    }

    /// Function 11.
    pub(super) fn event_counter(&self) -> Response {
        Response::GetCommEventCounter {
            status: NOT_BUSY,
            event_count: self.event_count(),
        }
    }

    /// Function 12.
    pub(super) fn event_log(&self) -> Response {
        let log = self.events.as_ref().map(|events| &events.log);
        Response::GetCommEventLog(CommEventLog {
            status: NOT_BUSY,
            event_count: self.event_count(),
            message_count: self.counters.bus_messages,
            events: log.into_iter().flatten().copied().collect(),
        })
    }

    /// Function 8; `Ok(None)` when the device must not answer.
    pub(super) fn diagnostics(
        &mut self,
        sub_function: u16,
        data: &DiagnosticData,
    ) -> Result<Option<Response>, ExceptionCode> {
        let counters = self.counters;
        let answer = |data| Ok(Some(Response::Diagnostics { sub_function, data }));
        let word = diagnostic_word(data);
        // Sub-function 0 echoes any data; all others carry one word.
        let counted = match sub_function {
            0 => return answer(data.clone()),
            RESTART_COMMUNICATIONS => {
                return match word {
                    Some(word @ (0 | CLEAR_LOG)) => {
                        self.restart(word);
                        answer(data.clone())
                    }
                    _ => Err(ExceptionCode::ILLEGAL_DATA_VALUE),
                };
            }
            4 => {
                require_zero(word)?;
                self.listen_only = true;
                self.add(event::ENTERED_LISTEN_ONLY);
                return Ok(None);
            }
            10 | 20 => {
                require_zero(word)?;
                if sub_function == 10 {
                    self.counters = Counters::default();
                    if let Some(events) = &mut self.events {
                        events.completed = 0;
                    }
                }
                return answer(data.clone());
            }
            // The diagnostic register has no bits that this device defines; TCP knows no overrun of characters.
            2 | 18 => 0,
            11 => counters.bus_messages,
            12 => counters.communication_errors,
            13 => counters.exceptions,
            14 => counters.server_messages,
            15 => counters.no_responses,
            16 => counters.naks,
            17 => counters.busy,
            // 3 sets the delimiter of serial ASCII; the rest is reserved.
            _ => return Err(ExceptionCode::ILLEGAL_FUNCTION),
        };
        require_zero(word)?;
        answer(DiagnosticData::from_array(counted.to_be_bytes()))
    }

    fn event_count(&self) -> u16 {
        self.events.as_ref().map_or(0, |events| events.completed)
    }

    fn received(&mut self, kind: u8) {
        let mode = self.mode_bit();
        self.add(event::RECEIVED | kind | mode);
    }

    const fn mode_bit(&self) -> u8 {
        if self.listen_only {
            event::LISTEN_ONLY
        } else {
            0
        }
    }

    fn add(&mut self, event: u8) {
        if let Some(events) = &mut self.events {
            events.add(event);
        }
    }
}

/// The one word of a diagnostics request, if it has just that.
pub(super) fn diagnostic_word(data: &DiagnosticData) -> Option<u16> {
    match data.as_slice() {
        &[high, low] => Some(u16::from_be_bytes([high, low])),
        _ => None,
    }
}

fn require_zero(word: Option<u16>) -> Result<(), ExceptionCode> {
    if word == Some(0) {
        Ok(())
    } else {
        Err(ExceptionCode::ILLEGAL_DATA_VALUE)
    }
}

/// Counters are 16 bits and start again at 0, as the specification says.
fn count(counter: &mut u16) {
    *counter = counter.wrapping_add(1);
}
