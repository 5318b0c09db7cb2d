//! A Modbus server in the plainest use of tokio-modbus; prints its port and answers until its standard input ends.
#![allow(clippy::print_stdout, reason = "it tells its port")]

use std::future::{Ready, ready};
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_modbus::prelude::{ExceptionCode, Request, Response};
use tokio_modbus::server::Service;
use tokio_modbus::server::tcp::{Server, accept_tcp_connection};

/// Elements of each table.
const ELEMENTS: usize = 2048;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{}", listener.local_addr()?.port());
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let tables = Arc::new(Mutex::new(Tables::new()));
    let on_connected = |stream, address| {
        let service = Arc::new(Shared(Arc::clone(&tables)));
        ready(accept_tcp_connection(stream, address, move |_| {
            Ok(Some(Arc::clone(&service)))
        }))
    };
    let server = Server::new(listener);
    server
        .serve(&on_connected, |error| eprintln!("{error}"))
        .await?;
    Ok(())
}

struct Tables {
    coils: Vec<bool>,
    discrete: Vec<bool>,
    holding: Vec<u16>,
    input: Vec<u16>,
}

struct Shared(Arc<Mutex<Tables>>);

impl Service for Shared {
    type Request = Request<'static>;
    type Response = Response;
    type Exception = ExceptionCode;
    type Future = Ready<Result<Response, ExceptionCode>>;

    fn call(&self, request: Self::Request) -> Self::Future {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ready(tables.serve(request))
    }
}

impl Tables {
    fn new() -> Self {
        Self {
            coils: vec![false; ELEMENTS],
            discrete: vec![false; ELEMENTS],
            holding: vec![0; ELEMENTS],
            input: vec![0; ELEMENTS],
        }
    }

    fn serve(&mut self, request: Request<'_>) -> Result<Response, ExceptionCode> {
        use Request as Q;
        use Response as A;
        Ok(match request {
            Q::ReadCoils(start, count) => A::ReadCoils(read(&self.coils, start, count)?),
            Q::ReadDiscreteInputs(start, count) => {
                A::ReadDiscreteInputs(read(&self.discrete, start, count)?)
            }
            Q::ReadHoldingRegisters(start, count) => {
                A::ReadHoldingRegisters(read(&self.holding, start, count)?)
            }
            Q::ReadInputRegisters(start, count) => {
                A::ReadInputRegisters(read(&self.input, start, count)?)
            }
            Q::WriteSingleCoil(start, value) => {
                write(&mut self.coils, start, &[value])?;
                A::WriteSingleCoil(start, value)
            }
            Q::WriteSingleRegister(start, value) => {
                write(&mut self.holding, start, &[value])?;
                A::WriteSingleRegister(start, value)
            }
            Q::WriteMultipleCoils(start, values) => {
                let count = write(&mut self.coils, start, &values)?;
                A::WriteMultipleCoils(start, count)
            }
            Q::WriteMultipleRegisters(start, values) => {
                let count = write(&mut self.holding, start, &values)?;
                A::WriteMultipleRegisters(start, count)
            }
            Q::MaskWriteRegister(start, and_mask, or_mask) => {
                let old = read(&self.holding, start, 1)?;
                let new: Vec<u16> = old
                    .iter()
                    .map(|word| (word & and_mask) | (or_mask & !and_mask))
                    .collect();
                write(&mut self.holding, start, &new)?;
                A::MaskWriteRegister(start, and_mask, or_mask)
            }
            Q::ReadWriteMultipleRegisters(start, count, write_start, values) => {
                write(&mut self.holding, write_start, &values)?;
                A::ReadWriteMultipleRegisters(read(&self.holding, start, count)?)
            }
            Q::ReportServerId => A::ReportServerId(1, true, b"peer".to_vec()),
            Q::ReadDeviceIdentification(..) | Q::Custom(..) => {
                return Err(ExceptionCode::IllegalFunction);
            }
        })
    }
}

fn read<T: Copy>(table: &[T], start: u16, count: u16) -> Result<Vec<T>, ExceptionCode> {
    let start = usize::from(start);
    let values = table.get(start..start + usize::from(count));
    values
        .map(<[T]>::to_vec)
        .ok_or(ExceptionCode::IllegalDataAddress)
}

fn write<T: Copy>(table: &mut [T], start: u16, values: &[T]) -> Result<u16, ExceptionCode> {
    let start = usize::from(start);
    let place = table.get_mut(start..start + values.len());
    place
        .ok_or(ExceptionCode::IllegalDataAddress)?
        .copy_from_slice(values);
    u16::try_from(values.len()).map_err(|_| ExceptionCode::IllegalDataValue)
}
