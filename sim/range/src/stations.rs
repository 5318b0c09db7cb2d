//! HMI, historian and engineering station: what they poll, show, log and keep.

use crate::directory::Directory;
use crate::journal::Journal;
use crate::poller::Poller;
use crate::sensor::Sensor;
use sim_net::{CloseReason, ConnId, Fabric, HostId};
use sim_record::{PrincipalId, RecordKind, Seed, SimDuration, SimTime, StateHasher};
use sim_scenario::model::Scenario;
use sim_view::{CompareView, LogLine, Quality, TagView};
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;

/// Lines of the operators' log kept for views.
const MAX_LOG: usize = 256;
/// Values that a historian stores; older ones are dropped and the export says so.
const MAX_STORED: usize = 200_000;
/// An operator action explains a change of mode this long before and after.
const EXPLAINS: SimDuration = SimDuration::from_secs(5);

struct Station {
    poller: Poller,
    is_historian: bool,
}

struct Stored {
    time: SimTime,
    tag: u16,
    value: f32,
    quality: Quality,
}

struct LogEntry {
    time: SimTime,
    tag: String,
    text: String,
}

/// Who operates a station.
pub(crate) struct Operator<'a> {
    pub by: PrincipalId,
    pub name: &'a str,
}

/// All stations.
pub(crate) struct Stations {
    stations: Vec<Station>,
    owners: BTreeMap<ConnId, (usize, usize)>,
    log: VecDeque<LogEntry>,
    store: VecDeque<Stored>,
    stored_tags: Vec<String>,
    dropped: u64,
    /// Last compare of each controller.
    pub compares: BTreeMap<String, CompareView>,
    workstation: Option<String>,
}

impl Stations {
    /// The stations of a scenario; each begins to poll at its own moment of the first second.
    pub fn new(scenario: &Scenario, directory: &Directory, seed: Seed) -> Self {
        let mut stations = Vec::new();
        let mut stored_tags = Vec::new();
        let first = |host: &str, period: SimDuration| {
            SimTime(1 + seed.stream(&format!("poll/{host}")) % (period.0 / 4).clamp(1, 250_000))
        };
        let id = |host: &str| directory.host(host).map_or(HostId(u16::MAX), |h| h.host);
        for hmi in &scenario.hmis {
            let at = first(&hmi.host, hmi.period);
            let poller = Poller::new(
                directory,
                (&hmi.host, id(&hmi.host)),
                &hmi.tags,
                hmi.period,
                hmi.stale,
                at,
            );
            stations.push(Station {
                poller,
                is_historian: false,
            });
        }
        for historian in &scenario.historians {
            let at = first(&historian.host, historian.period);
            let stale = SimDuration(historian.period.0.saturating_mul(3));
            let host = (historian.host.as_str(), id(&historian.host));
            stations.push(Station {
                poller: Poller::new(
                    directory,
                    host,
                    &historian.tags,
                    historian.period,
                    stale,
                    at,
                ),
                is_historian: true,
            });
            stored_tags.extend(historian.tags.iter().cloned());
        }
        Self {
            stations,
            owners: BTreeMap::new(),
            log: VecDeque::new(),
            store: VecDeque::new(),
            stored_tags,
            dropped: 0,
            compares: BTreeMap::new(),
            workstation: scenario.workstations.first().map(|w| w.host.clone()),
        }
    }

    /// The first HMI.
    pub fn hmi(&self) -> Option<&Poller> {
        self.stations
            .iter()
            .find(|s| !s.is_historian)
            .map(|s| &s.poller)
    }

    /// The engineering station's host.
    pub fn workstation(&self) -> Option<&str> {
        self.workstation.as_deref()
    }

    /// When something is due by time.
    pub fn next_due(&self) -> SimTime {
        self.stations
            .iter()
            .map(|s| s.poller.next_due())
            .min()
            .unwrap_or(SimTime::MAX)
    }

    /// Runs what is due; new connections are returned.
    pub fn run_due(&mut self, journal: &mut Journal, fabric: &mut Fabric) -> Vec<ConnId> {
        let now = journal.now;
        let mut opened_now = Vec::new();
        for (index, station) in self.stations.iter_mut().enumerate() {
            if station.poller.next_due() > now {
                continue;
            }
            let mut opened = Vec::new();
            let polled = station.poller.run(now, fabric, &mut opened);
            for (conn, source) in opened {
                self.owners.insert(conn, (index, source));
                opened_now.push(conn);
            }
            for (asset, good) in station.poller.communication_changes(now) {
                journal.record(RecordKind::Communication {
                    station: station.poller.host_name.clone(),
                    asset,
                    good,
                });
            }
            if polled && station.is_historian {
                store(
                    &mut self.store,
                    &mut self.dropped,
                    &self.stored_tags,
                    &station.poller,
                    now,
                );
            }
        }
        opened_now
    }

    /// True if a station owns the connection; the network event goes to it.
    pub fn owns(&self, conn: ConnId) -> bool {
        self.owners.contains_key(&conn)
    }

    /// A station's connection was established.
    pub fn on_connected(&mut self, now: SimTime, fabric: &mut Fabric, conn: ConnId) {
        if let Some((station, source)) = self.owner(conn) {
            station.poller.on_connected(now, fabric, source);
        }
    }

    /// Bytes wait on a station's connection.
    pub fn on_readable(&mut self, now: SimTime, fabric: &mut Fabric, conn: ConnId) {
        if let Some((station, source)) = self.owner(conn) {
            station.poller.on_readable(now, fabric, source);
        }
    }

    /// A station's connection ended.
    pub fn on_closed(
        &mut self,
        now: SimTime,
        fabric: &mut Fabric,
        conn: ConnId,
        reason: CloseReason,
    ) {
        if let Some((station, source)) = self.owner(conn) {
            station.poller.on_closed(now, fabric, source, reason);
        }
        self.owners.remove(&conn);
    }

    /// An operator writes a tag at the HMI, in engineering units; a new connection is returned.
    pub fn set_tag(
        &mut self,
        journal: &mut Journal,
        fabric: &mut Fabric,
        directory: &Directory,
        operator: &Operator,
        name: &str,
        value: f64,
    ) -> Result<Option<ConnId>, String> {
        let now = journal.now;
        let tag = directory
            .tag(name)
            .ok_or_else(|| format!("no tag `{name}`"))?;
        if !tag.writable {
            return Err(format!("`{name}` is not writable at the HMI"));
        }
        if !(tag.min..=tag.max).contains(&value) {
            return Err(format!(
                "{value} is outside {} to {} {}",
                tag.min, tag.max, tag.unit
            ));
        }
        let index = self
            .stations
            .iter()
            .position(|s| !s.is_historian)
            .ok_or("there is no HMI")?;
        let Some(station) = self.stations.get_mut(index) else {
            return Err("there is no HMI".into());
        };
        let old = station
            .poller
            .tag(now, name)
            .filter(|t| t.quality == Quality::Good)
            .map(|t| t.value);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped; a float to integer cast saturates"
        )]
        let raw = (value * tag.scale).round().clamp(0.0, 65535.0) as u16;
        let opened = station.poller.write(now, fabric, name, raw)?;
        let host = station.poller.host_name.clone();
        if let Some((conn, source)) = opened {
            self.owners.insert(conn, (index, source));
        }
        journal.record(RecordKind::OperatorAction {
            by: operator.by,
            station: host,
            tag: name.into(),
            old,
            new: value,
        });
        let before = old.map_or_else(|| "?".to_owned(), |v| v.to_string());
        self.log(
            now,
            name,
            format!("{}: {name} {before} -> {value} {}", operator.name, tag.unit),
        );
        Ok(opened.map(|(conn, _)| conn))
    }

    /// Adds a line to the operators' log.
    pub fn log(&mut self, now: SimTime, tag: &str, text: String) {
        if self.log.len() >= MAX_LOG {
            self.log.pop_front();
        }
        self.log.push_back(LogEntry {
            time: now,
            tag: tag.to_owned(),
            text,
        });
    }

    /// The operators' log for views.
    pub fn log_lines(&self) -> Vec<LogLine> {
        self.log
            .iter()
            .map(|e| LogLine {
                time: e.time,
                text: e.text.clone(),
            })
            .collect()
    }

    /// The HMI's tags for views.
    pub fn tag_views(&self, now: SimTime) -> BTreeMap<String, TagView> {
        self.hmi()
            .map(|h| h.tags(now).map(|(n, v)| (n.to_owned(), v)).collect())
            .unwrap_or_default()
    }

    /// Lets the sensor look at the values that the HMI shows.
    pub fn watch_values(&self, journal: &mut Journal, sensor: &mut Sensor) {
        let Some(hmi) = self.hmi() else { return };
        let now = journal.now;
        let read = |tag: &str| {
            hmi.tag(now, tag)
                .filter(|t| t.quality == Quality::Good)
                .map(|t| t.value)
        };
        let explained = |tag: &str, at: SimTime| {
            self.log.iter().rev().any(|e| {
                e.tag == tag && e.time.since(at) <= EXPLAINS && at.since(e.time) <= EXPLAINS
            })
        };
        sensor.on_tags(journal, &read, &explained);
    }

    /// The historian's store.
    pub fn historian_csv(&self) -> String {
        let mut csv = String::from("time_s,tag,value,quality\n");
        if self.dropped > 0 {
            // Writing to a string cannot fail.
            let _infallible = writeln!(csv, "# {} older values were dropped", self.dropped);
        }
        for stored in &self.store {
            let tag = self
                .stored_tags
                .get(usize::from(stored.tag))
                .map_or("", String::as_str);
            let _infallible = writeln!(
                csv,
                "{:.3},{tag},{},{:?}",
                stored.time.as_secs_f64(),
                stored.value,
                stored.quality
            );
        }
        csv
    }

    /// Adds the state to a digest.
    pub fn digest(&self, hasher: &mut StateHasher) {
        for station in &self.stations {
            station.poller.digest(hasher);
        }
        hasher.u64(self.store.len() as u64 + self.dropped);
        hasher.u64(self.log.len() as u64);
        hasher.value(&self.compares);
    }

    fn owner(&mut self, conn: ConnId) -> Option<(&mut Station, usize)> {
        let (index, source) = *self.owners.get(&conn)?;
        self.stations.get_mut(index).map(|s| (s, source))
    }
}

fn store(
    store: &mut VecDeque<Stored>,
    dropped: &mut u64,
    names: &[String],
    poller: &Poller,
    now: SimTime,
) {
    for (name, view) in poller.tags(now) {
        let Some(tag) = names.iter().position(|n| n == name) else {
            continue;
        };
        if store.len() >= MAX_STORED {
            store.pop_front();
            *dropped += 1;
        }
        #[allow(
            clippy::cast_possible_truncation,
            reason = "an archive keeps single precision"
        )]
        let value = view.value as f32;
        store.push_back(Stored {
            time: view.time,
            tag: u16::try_from(tag).unwrap_or(u16::MAX),
            value,
            quality: view.quality,
        });
    }
}
