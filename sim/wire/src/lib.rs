//! Bytes to values and back, and protocol sessions without IO.
//!
//! Every session has the same verbs and no session reads a clock or a socket:
//!
//! 1. `handle_input(now, bytes)` takes what the transport received. A server session returns how many bytes it took;
//!    the rest stays in the transport's receive buffer and is offered again, so a slow device pushes back.
//! 2. A server then works one request at a time: `step(now, device)` until it returns `None`.
//!    A client tells results: `poll_event()` until it returns `None`.
//! 3. `poll_output(out)` appends everything there is to send, all replies in one piece; go back to 2 if it returned
//!    `true`, because room for replies can let the next request run.
//! 4. `next_timeout()` says when to call `handle_timeout(now)` at the latest.
//! 5. When `is_closed()` is true, send what is left and close the transport.
//!
//! A server session reaches its device only through [`device::DeviceModel`].

mod buffer;
pub mod cursor;
pub mod device;
mod digest;
pub mod management;
pub mod modbus;
mod registry;
pub mod s7;

pub use registry::{PROTOCOLS, Protocol, Transport};
