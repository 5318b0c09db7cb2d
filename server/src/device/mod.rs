//! What tools may do to a device: they work on one address, and read only, unless the device belongs to a live range or
//! its address is typed a second time. Every write is logged.

mod address;
mod write_log;

use crate::error::{Failure, unknown_name};
use crate::run_dir::live_endpoints;
use clap::Args;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use write_log::{WriteLog, Written};

/// Wait for an answer, unless the user or the tool says otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(1);

/// Which device a tool talks to.
#[derive(Args, Debug)]
pub struct DeviceArgs {
    /// The device: its IP address, with `:PORT` if that is another than usual; with --range an exposed endpoint's name
    #[arg(value_name = "ADDRESS")]
    address: String,
    /// Folder of a match that `serve` runs now; ADDRESS is one of its exposed endpoints
    #[arg(long, value_name = "DIR")]
    range: Option<PathBuf>,
    /// Milliseconds to wait for an answer [default: 1000; 200 in a scan]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(1..=60_000))]
    timeout_ms: Option<u32>,
}

/// What a tool needs to write.
#[derive(Args, Debug)]
pub struct WriteArgs {
    /// Outside a live range: the same address again. What is behind it may move machines and hurt people
    #[arg(long, value_name = "ADDRESS", conflicts_with = "range")]
    real_device: Option<String>,
    /// File to which every write is appended [default: `modbus-writes.jsonl` in trippoint's data folder]
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

/// One device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Where it is.
    pub address: SocketAddr,
    /// The folder of the live range to which it belongs, if it does.
    pub range: Option<PathBuf>,
    /// Wait for an answer.
    pub timeout: Duration,
}

impl DeviceArgs {
    /// Finds the device.
    ///
    /// # Errors
    /// The address is not one device's, or no endpoint of the live range.
    pub fn find(&self, usual_port: u16, timeout: Duration) -> Result<Device, Failure> {
        let address = match &self.range {
            Some(folder) => self.endpoint(folder)?,
            None => address::parse(&self.address, usual_port)?,
        };
        Ok(Device {
            address,
            range: self.range.clone(),
            timeout: self
                .timeout_ms
                .map_or(timeout, |ms| Duration::from_millis(u64::from(ms))),
        })
    }

    fn endpoint(&self, folder: &Path) -> Result<SocketAddr, Failure> {
        let path = folder.display();
        let Some(endpoints) = live_endpoints(folder) else {
            return Err(
                Failure::usage(format!("no match is served from `{path}` now"))
                    .hint("give the folder that `trippoint serve --expose` has named"),
            );
        };
        let found = endpoints
            .iter()
            .find(|e| e.endpoint == self.address || e.address.to_string() == self.address);
        let Some(endpoint) = found else {
            let known = endpoints.iter().map(|e| e.endpoint.as_str());
            return Err(unknown_name("exposed endpoint", &self.address, known));
        };
        if endpoint.address.ip().is_loopback() {
            Ok(endpoint.address)
        } else {
            Err(Failure::usage(format!(
                "`{}` is open on {}, not on loopback",
                self.address, endpoint.address
            ))
            .hint("leave out --range and give the address itself"))
        }
    }
}

impl WriteArgs {
    /// Opens the log of writes, if this device may be written to.
    ///
    /// # Errors
    /// The device is outside a live range and its address was not typed again, or the log cannot be opened.
    pub fn permit(
        &self,
        device: &Device,
        usual_port: u16,
        log_name: &str,
    ) -> Result<WriteLog, Failure> {
        if device.range.is_none() {
            let Some(again) = &self.real_device else {
                return Err(Failure::usage(format!(
                    "{} belongs to no live range, so it is only read",
                    device.address
                ))
                .hint("--range DIR names the folder of the match whose endpoint it is")
                .hint(
                    "for a device of your own type --real-device with its address, and know what it moves",
                ));
            };
            let again = address::parse(again, usual_port)?;
            if again != device.address {
                return Err(Failure::usage(format!(
                    "--real-device says {again}, the address given is {}",
                    device.address
                )));
            }
        }
        WriteLog::open(self.log.as_deref(), log_name)
    }
}
