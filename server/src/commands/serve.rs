//! `trippoint serve`.

use super::external::{ExternalArgs, attackable, check_pace};
use super::{MatchArgs, Played, Prepared, parse_factor, publish, session_failure};
use crate::capture::Capture;
use crate::cli::Context;
use crate::error::Failure;
use crate::live::{self, Device, Ended, Event, Exposed, Listening, Order};
use crate::run_dir::{Command, Endpoint, Expose, RunDir, Settings};
use crate::session::{Session, SessionError, Setup};
use clap::Args;
use sim_record::Seed;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// Run a match in real time until it is stopped, with real tools if wanted
///
/// Ctrl-C or SIGTERM ends the match, with the same folder of results that `run` leaves and exit code 0, since being stopped
/// is how it ends. Nothing can be reached from outside
/// unless --expose is given; then each endpoint of the scenario is a TCP port on loopback that acts from a foothold inside
/// the virtual network, and the firewalls there see it as that. A server that was killed goes on with `trippoint resume`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ServeArgs {
    #[command(flatten)]
    of: MatchArgs,
    /// Virtual seconds a second
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = parse_factor)]
    speed: f64,
    /// Open the exposed endpoints, or only those of one foothold, on free loopback ports
    #[arg(long, value_name = "FOOTHOLD", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    expose: Option<String>,
    /// Open them on this address instead of loopback: whoever reaches it can attack the match
    #[arg(long, value_name = "ADDR", requires = "expose")]
    danger_expose_on: Option<IpAddr>,
    /// Inputs a second that one endpoint may give, or `off`
    #[arg(long, value_name = "N|off", default_value = "5000", value_parser = parse_rate)]
    rate_limit: Rate,
    /// Run this many matches side by side, with seeds counting up, each in a folder of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    matches: u16,
    #[command(flatten)]
    external: ExternalArgs,
    /// Let players write to this external controller: what they send reaches the real device. Type its name again
    #[arg(long, value_name = "NAME")]
    attackable: Vec<String>,
    /// Threads that run matches [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
}

/// How long workers may take to let go of their folders once their matches have ended.
const LETTING_GO: Duration = Duration::from_secs(2);

const EXAMPLES: &str = "\
Examples:
  trippoint serve scenarios/first-watch --expose
  trippoint serve scenarios/first-watch --expose=vendor --speed 10 --json
  trippoint serve SCENARIO --external plc1=192.0.2.10:502    with a real PLC as its external controller
  mbpoll -m tcp -p PORT -t 4 -r 1 127.0.0.1        read a register through an exposed endpoint";

/// A rate as typed.
#[derive(Clone, Copy, Debug)]
struct Rate(Option<u32>);

fn parse_rate(text: &str) -> Result<Rate, String> {
    if text == "off" {
        return Ok(Rate(None));
    }
    match text.parse::<u32>() {
        Ok(rate) if rate > 0 => Ok(Rate(Some(rate))),
        _ => Err(format!(
            "`{text}` is no rate; write a whole number above 0, or `off`"
        )),
    }
}

/// What makes a session in its worker's thread.
pub(super) type Build = Box<dyn FnOnce() -> Result<Session, SessionError> + Send>;

/// Runs the command.
pub fn serve(args: &ServeArgs, context: &mut Context) -> Result<(), Failure> {
    context.catch_signals();
    let mut prepared = args.of.prepare(context, true)?;
    let scenario = &prepared.loaded.scenario;
    check_pace(scenario, args.speed, args.matches)?;
    let external = args.external.settle(scenario, BTreeMap::new())?;
    prepared.options.attackable = attackable(scenario, &args.attackable)?;
    let settings = Settings {
        command: Command::Serve,
        speed: Some(args.speed),
        expose: match args.expose.as_deref() {
            None => Expose::Nothing,
            Some("") => Expose::All,
            Some(foothold) => Expose::Foothold(foothold.into()),
        },
        address: args
            .danger_expose_on
            .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        rate_limit: args.rate_limit.0,
        capture: !args.of.no_capture,
        external,
    };
    let exposed = live::exposed(&prepared.loaded.scenario, &settings.expose)?;
    let mut matches = Vec::new();
    for number in 0..args.matches {
        matches.push(one_match(number, args, &prepared, &settings, &exposed)?);
    }
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    play(
        matches,
        args.workers.map_or(processors, usize::from),
        context,
    )
}

fn one_match(
    number: u16,
    args: &ServeArgs,
    prepared: &Prepared,
    settings: &Settings,
    exposed: &[Exposed],
) -> Result<(Played, Order), Failure> {
    let seed = Seed(prepared.seed.0.wrapping_add(u64::from(number)));
    let out = if args.matches == 1 {
        prepared.out.clone()
    } else {
        prepared.out.join(seed.0.to_string())
    };
    let (dir, storage) = RunDir::create(&out)?;
    dir.write_settings(settings)?;
    let capture = Capture::wanted(settings.capture, &dir.capture(), &prepared.loaded)?;
    let (loaded, options) = (prepared.loaded.clone(), prepared.options.clone());
    let build = move || {
        let setup = Setup {
            loaded: &loaded,
            seed,
            options,
        };
        Session::begin(&setup, Box::new(storage), capture)
    };
    let devices = Device::of_scenario(&prepared.loaded.scenario, &settings.external);
    let order = order(Box::new(build), exposed.to_vec(), devices, settings);
    let played = Played {
        dir,
        settings: settings.clone(),
        seed,
    };
    Ok((played, order))
}

/// A match for a worker.
pub(super) fn order(
    build: Build,
    exposed: Vec<Exposed>,
    devices: Vec<Device>,
    settings: &Settings,
) -> Order {
    Order {
        build,
        factor: settings.speed.unwrap_or(1.0),
        rate_limit: settings.rate_limit,
        exposed,
        address: settings.address,
        devices,
    }
}

/// Serves matches until all have ended, and publishes each.
pub(super) fn play(
    matches: Vec<(Played, Order)>,
    workers: usize,
    context: &mut Context,
) -> Result<(), Failure> {
    let (played, orders): (Vec<Played>, Vec<Order>) = matches.into_iter().unzip();
    let mut running = played.len();
    let events = live::start(orders, workers, &context.interrupt)
        .map_err(|error| Failure::io("cannot start a worker", &error))?;
    let mut failure = None;
    while running > 0 {
        let Ok(event) = events.recv() else {
            failure.get_or_insert_with(|| Failure::internal("a worker has gone without a word"));
            break;
        };
        match event {
            Event::Started { listening } => {
                for (number, endpoints) in listening {
                    if let Some(of) = played.get(number) {
                        announce(of, &endpoints, context)?;
                    }
                }
            }
            Event::Late { order, late } => {
                if let Some(of) = played.get(order) {
                    context.ui.say(format_args!(
                        "late: {} lost {:.1} s of virtual time in {} steps",
                        of.dir.path.display(),
                        late.lost_us as f64 / 1e6,
                        late.steps
                    ));
                }
            }
            Event::Ended(ended) => {
                running -= 1;
                if let Some(of) = played.get(ended.order)
                    && let Err(error) = end(*ended, of, context)
                {
                    // Each failure is told; the last one makes the exit code.
                    if let Some(earlier) = failure.replace(error) {
                        context.ui.fail(&earlier);
                    }
                }
            }
            Event::Failed(error) => {
                failure = Some(Failure::io("a worker cannot go on", &error));
                // The matches of other workers end in order.
                context.interrupt.set();
            }
        }
    }
    // Who is told that a match has ended finds its folder free.
    while events.recv_timeout(LETTING_GO).is_ok() {}
    failure.map_or(Ok(()), Err)
}

fn end(ended: Ended, of: &Played, context: &mut Context) -> Result<(), Failure> {
    of.dir.remove_endpoints();
    let concluded = ended
        .result
        .map_err(|error| session_failure(error, &of.dir.path))?;
    publish(&concluded, ended.late, &ended.devices, of, context)
}

/// Says what is where: the only data of this command while it runs.
fn announce(of: &Played, listening: &[Listening], context: &mut Context) -> Result<(), Failure> {
    let endpoints: Vec<Endpoint> = listening.iter().map(endpoint).collect();
    of.dir.write_endpoints(&endpoints)?;
    if context.ui.json {
        return context.ui.json_line(&serde_json::json!({
            "event": "serving",
            "directory": of.dir.path,
            "seed": of.seed.0,
            "endpoints": endpoints,
            "external": of.settings.external,
        }));
    }
    context.ui.say(format_args!(
        "serving into {}; Ctrl-C ends with a report",
        of.dir.path.display()
    ));
    for (name, address) in &of.settings.external {
        context
            .ui
            .say(format_args!("{name} is the device at {address}"));
    }
    if endpoints.is_empty() {
        return Ok(());
    }
    context.ui.data(&table(&endpoints))
}

fn endpoint(listening: &Listening) -> Endpoint {
    let exposed = &listening.exposed;
    Endpoint {
        endpoint: exposed.id.clone(),
        address: listening.address,
        target: exposed.target.clone(),
        port: exposed.port,
        foothold: exposed.foothold.clone(),
        team: exposed.principal.team,
    }
}

fn table(endpoints: &[Endpoint]) -> String {
    let rows = endpoints.iter().map(|endpoint| {
        [
            endpoint.endpoint.clone(),
            endpoint.address.to_string(),
            format!("{}:{}", endpoint.target, endpoint.port),
            endpoint.foothold.clone(),
        ]
    });
    crate::ui::table(["ENDPOINT", "ADDRESS", "REACHES", "FROM"], rows)
}
