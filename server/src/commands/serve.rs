//! `trippoint serve`.

use super::{MatchArgs, conclude};
use crate::cli::Context;
use crate::error::Failure;
use crate::run_dir::{RunDir, Settings};
use crate::session::{Session, Setup};
use clap::Args;

/// Run a match in real time until it is stopped
#[derive(Args, Debug)]
pub struct ServeArgs {
    #[command(flatten)]
    of: MatchArgs,
}

/// Runs the command.
pub fn serve(args: &ServeArgs, context: &mut Context) -> Result<(), Failure> {
    let prepared = args.of.prepare(context, true)?;
    let _ = prepared.out;
    Ok(())
}

/// Goes on with a match until it is stopped.
pub(super) fn go_on(
    mut session: Session,
    setup: &Setup<'_>,
    dir: &RunDir,
    settings: &Settings,
    context: &mut Context,
) -> Result<(), Failure> {
    conclude(&mut session, dir, settings, setup.seed, context)
}
