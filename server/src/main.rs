//! The binary: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    trippoint::main(std::env::args_os())
}
