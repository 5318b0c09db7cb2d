//! The transport PDUs of ISO 8073, class 0, as ISO-on-TCP uses them.

use crate::cursor::Reader;

/// Bytes of a data TPDU before its data.
pub const DATA_HEADER_BYTES: usize = 3;
/// Smallest size code: 128 bytes.
pub const MIN_SIZE_CODE: u8 = 0x07;
/// Largest size code: 8192 bytes.
pub const MAX_SIZE_CODE: u8 = 0x0D;
/// Size code when none was negotiated on either side: 1024 bytes, what CPUs use.
pub const USUAL_SIZE_CODE: u8 = 0x0A;
/// Reason in a refusal: the called address is unknown (ISO 8073, 13.5.3).
pub const REASON_ADDRESS_UNKNOWN: u8 = 3;

/// Codes of the transport PDUs; the low nibble of CR and CC is credit, which class 0 ignores.
const CONNECT_REQUEST: u8 = 0xE0;
const CONNECT_CONFIRM: u8 = 0xD0;
const DISCONNECT_REQUEST: u8 = 0x80;
const DISCONNECT_CONFIRM: u8 = 0xC0;
pub(super) const DATA: u8 = 0xF0;
const ERROR: u8 = 0x70;
const END_OF_MESSAGE: u8 = 0x80;

const PARAMETER_SIZE: u8 = 0xC0;
const PARAMETER_CALLING: u8 = 0xC1;
const PARAMETER_CALLED: u8 = 0xC2;

/// Bytes of a TPDU with that size code; codes outside the range are read as the nearest one.
#[must_use]
pub fn size_bytes(code: u8) -> usize {
    1 << code.clamp(MIN_SIZE_CODE, MAX_SIZE_CODE)
}

/// A transport service access point: S7 uses two bytes, connection type, then rack and slot; others use text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tsap(pub Vec<u8>);

impl Tsap {
    /// The address of a CPU: connection type (1 programming device, 2 operator station, 3 other), rack 0 to 7, slot
    /// 0 to 31.
    #[must_use]
    pub fn of(connection: u8, rack: u8, slot: u8) -> Self {
        Self(vec![connection, (rack << 5) | (slot & 0x1F)])
    }

    /// Connection type, rack and slot, where it has that form.
    #[must_use]
    pub fn parts(&self) -> Option<(u8, u8, u8)> {
        match *self.0.as_slice() {
            [connection, place] => Some((connection, place >> 5, place & 0x1F)),
            _ => None,
        }
    }
}

/// A connection request or confirmation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connect {
    /// Reference of the receiver; 0 in a request.
    pub destination_reference: u16,
    /// Reference of the sender.
    pub source_reference: u16,
    /// Class in the high nibble, options in the low.
    pub class: u8,
    /// Size code.
    pub size_code: Option<u8>,
    /// Who calls.
    pub calling: Option<Tsap>,
    /// Who is called.
    pub called: Option<Tsap>,
}

/// One transport PDU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tpdu<'a> {
    /// CR.
    ConnectRequest(Connect),
    /// CC.
    ConnectConfirm(Connect),
    /// DR.
    DisconnectRequest {
        /// Reference of the receiver.
        destination_reference: u16,
        /// Reference of the sender.
        source_reference: u16,
        /// Why.
        reason: u8,
    },
    /// DC.
    DisconnectConfirm {
        /// Reference of the receiver.
        destination_reference: u16,
        /// Reference of the sender.
        source_reference: u16,
    },
    /// DT.
    Data {
        /// Whether the message ends here.
        end: bool,
        /// This part of the message.
        bytes: &'a [u8],
    },
    /// ER.
    Error,
}

/// No transport PDU of class 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no transport PDU of class 0")]
pub struct CotpError;

/// Reads a transport PDU.
pub fn decode(bytes: &[u8]) -> Result<Tpdu<'_>, CotpError> {
    let (&length, rest) = bytes.split_first().ok_or(CotpError)?;
    let (header, rest) = rest
        .split_at_checked(usize::from(length))
        .ok_or(CotpError)?;
    let mut reader = Reader::new(header);
    let code = reader.read_u8().map_err(|_| CotpError)?;
    if code == DATA {
        let end = reader.read_u8().map_err(|_| CotpError)? & END_OF_MESSAGE != 0;
        return Ok(Tpdu::Data { end, bytes: rest });
    }
    match code & 0xF0 {
        CONNECT_REQUEST => connect(&mut reader).map(Tpdu::ConnectRequest),
        CONNECT_CONFIRM => connect(&mut reader).map(Tpdu::ConnectConfirm),
        _ => decode_end(code, &mut reader),
    }
}

fn decode_end<'a>(code: u8, reader: &mut Reader<'_>) -> Result<Tpdu<'a>, CotpError> {
    let mut reference = || reader.read_u16().map_err(|_| CotpError);
    match code {
        DISCONNECT_REQUEST => Ok(Tpdu::DisconnectRequest {
            destination_reference: reference()?,
            source_reference: reference()?,
            reason: reader.read_u8().map_err(|_| CotpError)?,
        }),
        DISCONNECT_CONFIRM => Ok(Tpdu::DisconnectConfirm {
            destination_reference: reference()?,
            source_reference: reference()?,
        }),
        ERROR => Ok(Tpdu::Error),
        _ => Err(CotpError),
    }
}

fn connect(reader: &mut Reader<'_>) -> Result<Connect, CotpError> {
    let mut connect = Connect {
        destination_reference: reader.read_u16().map_err(|_| CotpError)?,
        source_reference: reader.read_u16().map_err(|_| CotpError)?,
        class: reader.read_u8().map_err(|_| CotpError)?,
        ..Connect::default()
    };
    while !reader.is_empty() {
        let code = reader.read_u8().map_err(|_| CotpError)?;
        let length = reader.read_u8().map_err(|_| CotpError)?;
        let value = reader.take(usize::from(length)).map_err(|_| CotpError)?;
        match code {
            PARAMETER_SIZE => connect.size_code = value.first().copied(),
            PARAMETER_CALLING => connect.calling = Some(Tsap(value.to_vec())),
            PARAMETER_CALLED => connect.called = Some(Tsap(value.to_vec())),
            _ => {}
        }
    }
    Ok(connect)
}

/// Appends a connection request.
pub fn encode_request(request: &Connect, out: &mut Vec<u8>) {
    encode_connect(CONNECT_REQUEST, request, out);
}

/// Appends a connection confirmation.
pub fn encode_confirm(confirm: &Connect, out: &mut Vec<u8>) {
    encode_connect(CONNECT_CONFIRM, confirm, out);
}

/// Appends a disconnect request; as an answer to a connection request it is the refusal.
pub fn encode_disconnect_request(destination: u16, source: u16, reason: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[6, DISCONNECT_REQUEST]);
    out.extend_from_slice(&destination.to_be_bytes());
    out.extend_from_slice(&source.to_be_bytes());
    out.push(reason);
}

/// Appends a disconnect confirmation.
pub fn encode_disconnect_confirm(destination: u16, source: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(&[5, DISCONNECT_CONFIRM]);
    out.extend_from_slice(&destination.to_be_bytes());
    out.extend_from_slice(&source.to_be_bytes());
}

/// Appends the header of a data TPDU; its data follow.
pub fn encode_data_header(end: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(&[2, DATA, if end { END_OF_MESSAGE } else { 0 }]);
}

fn encode_connect(code: u8, connect: &Connect, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0, code]);
    out.extend_from_slice(&connect.destination_reference.to_be_bytes());
    out.extend_from_slice(&connect.source_reference.to_be_bytes());
    out.push(connect.class);
    let mut parameter = |code: u8, value: &[u8]| {
        // A TSAP longer than the length indicator allows is cut.
        let value = value.get(..MAX_TSAP_BYTES).unwrap_or(value);
        out.push(code);
        out.push(u8::try_from(value.len()).unwrap_or(0));
        out.extend_from_slice(value);
    };
    if let Some(size_code) = connect.size_code {
        parameter(PARAMETER_SIZE, &[size_code]);
    }
    if let Some(calling) = &connect.calling {
        parameter(PARAMETER_CALLING, &calling.0);
    }
    if let Some(called) = &connect.called {
        parameter(PARAMETER_CALLED, &called.0);
    }
    let length = u8::try_from(out.len().saturating_sub(start + 1)).unwrap_or(u8::MAX);
    if let Some(field) = out.get_mut(start) {
        *field = length;
    }
}

/// Bytes of a TSAP that are sent at most, so that two fit beside the fixed part.
const MAX_TSAP_BYTES: usize = 64;
