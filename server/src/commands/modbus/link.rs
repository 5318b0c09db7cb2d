//! One connection to a device, by the client of `tokio-modbus`.
//!
//! That client reads some answers less widely than devices give them (a server id of several bytes, an exception to a
//! function that it has no name for), so the answer is taken from the bytes that it received.

use crate::device::Device;
use crate::error::Failure;
use sim_wire::modbus::{Reply, Request, Response, mbap};
use std::borrow::Cow;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_modbus::client::{Client, Context as ModbusContext, tcp};
use tokio_modbus::slave::{Slave, SlaveContext};
use tokio_modbus::{Error, ProtocolError};

/// Bytes of an answer that are kept: more than the longest frame.
const HEARD_BYTES: usize = 512;

/// What came back for a request.
#[allow(clippy::large_enum_variant, reason = "there is one answer at a time")]
#[derive(Debug)]
pub enum Answer {
    /// A response or an exception.
    Reply(Reply),
    /// Nothing in time.
    Silence,
    /// The device closed the connection.
    Closed,
    /// Bytes that answer something else, or nothing.
    Strange(String),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reply(Reply::Response(_)) => f.write_str("done"),
            Self::Reply(Reply::Exception(code)) => write!(f, "exception {code}"),
            Self::Silence => f.write_str("does not answer"),
            Self::Closed => f.write_str("closes the connection"),
            Self::Strange(what) => write!(f, "answers what is no answer: {what}"),
        }
    }
}

/// A connection that is made when it is needed, and again after silence.
pub struct Link {
    address: SocketAddr,
    timeout: Duration,
    open: Option<ModbusContext>,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Link {
    /// A link to a device; nothing is sent.
    pub fn new(device: &Device) -> Self {
        Self {
            address: device.address,
            timeout: device.timeout,
            open: None,
            heard: Arc::default(),
        }
    }

    /// Connects, if it is not connected.
    ///
    /// # Errors
    /// The device does not accept.
    pub async fn connect(&mut self) -> Result<&mut ModbusContext, Failure> {
        let context = match self.open.take() {
            Some(context) => context,
            None => self.open_stream().await?,
        };
        Ok(self.open.insert(context))
    }

    /// Asks and waits for the answer.
    ///
    /// # Errors
    /// There is no connection.
    pub async fn ask(&mut self, unit: u8, request: &Request) -> Result<Answer, Failure> {
        let mut pdu = Vec::new();
        request.encode(&mut pdu);
        Ok(match self.ask_pdu(unit, &pdu).await? {
            Heard::Pdu(pdu) => match Response::decode(&pdu, request) {
                Ok(reply) => Answer::Reply(reply),
                Err(error) => Answer::Strange(error.to_string()),
            },
            Heard::Silence => Answer::Silence,
            Heard::Closed => Answer::Closed,
            Heard::Strange(what) => Answer::Strange(what),
        })
    }

    /// Asks with any PDU of at least a function code.
    ///
    /// # Errors
    /// There is no connection.
    pub async fn ask_pdu(&mut self, unit: u8, pdu: &[u8]) -> Result<Heard, Failure> {
        let Some((&function, data)) = pdu.split_first() else {
            return Err(Failure::internal("a request without a function"));
        };
        let (wait, heard) = (self.timeout, self.heard.clone());
        let context = self.connect().await?;
        forget(&heard);
        context.set_slave(Slave(unit));
        let request = tokio_modbus::Request::Custom(function, Cow::Borrowed(data));
        let outcome = timeout(wait, context.call(request)).await;
        // The client's reader is of no use after an answer that it could not read, and a late answer must not meet
        // the next question.
        let usable = matches!(
            outcome,
            Ok(Ok(_) | Err(Error::Protocol(ProtocolError::FunctionCodeMismatch { .. })))
        );
        let result = match outcome {
            Err(_) => Heard::Silence,
            Ok(Err(Error::Protocol(ProtocolError::HeaderMismatch { message, .. }))) => {
                Heard::Strange(message)
            }
            // The function is compared below, in the bytes.
            Ok(Ok(_) | Err(Error::Protocol(ProtocolError::FunctionCodeMismatch { .. }))) => {
                take_pdu(&heard, function)
            }
            Ok(Err(Error::Transport(error))) if error.kind() == io::ErrorKind::InvalidData => {
                take_pdu(&heard, function)
            }
            Ok(Err(Error::Transport(_))) => Heard::Closed,
        };
        if !usable {
            self.open = None;
        }
        Ok(result)
    }

    async fn open_stream(&self) -> Result<ModbusContext, Failure> {
        let stream = timeout(self.timeout, TcpStream::connect(self.address))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .and_then(|stream| stream.set_nodelay(true).map(|()| stream))
            .map_err(|error| Failure::io(format!("cannot reach {}", self.address), &error))?;
        let heard = self.heard.clone();
        Ok(tcp::attach(Tapped { stream, heard }))
    }
}

/// What came back for any PDU.
#[derive(Debug)]
pub enum Heard {
    /// A PDU with the function asked for, or its exception.
    Pdu(Vec<u8>),
    /// Nothing in time.
    Silence,
    /// The device closed the connection.
    Closed,
    /// Bytes that answer something else, or nothing.
    Strange(String),
}

fn forget(heard: &Mutex<Vec<u8>>) {
    heard.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

/// The first PDU that was heard.
fn take_pdu(heard: &Mutex<Vec<u8>>, function: u8) -> Heard {
    let heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
    match mbap::decode(&heard) {
        Ok(Some(frame)) if frame.pdu.first().map(|code| code & 0x7F) == Some(function & 0x7F) => {
            Heard::Pdu(frame.pdu.to_vec())
        }
        Ok(Some(_)) => Heard::Strange("another function".into()),
        Ok(None) => Heard::Strange("half a frame".into()),
        Err(error) => Heard::Strange(error.to_string()),
    }
}

/// A connection whose received bytes are kept.
#[derive(Debug)]
struct Tapped {
    stream: TcpStream,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl AsyncRead for Tapped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        let new = buffer.filled().get(before..).unwrap_or(&[]);
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let room = HEARD_BYTES.saturating_sub(heard.len());
        heard.extend(new.iter().take(room));
        drop(heard);
        polled
    }
}

impl AsyncWrite for Tapped {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
