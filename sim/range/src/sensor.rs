//! The shipped detections: what a sensor on the taps and the values of a station tell, and nothing else.
//!
//! Adding a detection: a variant of `DetectionRule`, then an arm in [`traffic`] (frames) or [`process`] (tags).

mod alerts;
mod process;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod tests_support;
mod traffic;

use crate::directory::Directory;
use crate::journal::Journal;
use alerts::{Alerts, Finding};
use process::Watcher;
use sim_record::{SimTime, StateHasher};
use sim_scenario::model::{Detection, DetectionRule, Scenario};
use sim_view::{AlertView, Citation};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use traffic::Traffic;

/// Addresses whose first owner is remembered.
const OWNERS_MAX: usize = 256;

/// Whether the operators' log has an entry on a tag around an instant.
pub(crate) type ModeLogged<'a> = &'a dyn Fn(&str, SimTime) -> bool;
/// Good value of a tag as the station shows it.
pub(crate) type ReadTag<'a> = &'a dyn Fn(&str) -> Option<f64>;

/// All shipped detections of a range.
pub(crate) struct Sensor {
    detections: Vec<Detection>,
    directory: Directory,
    traffic: Traffic,
    /// One for each detection that looks at tags, with its index.
    watchers: Vec<(usize, Watcher)>,
    /// First owner of each address that ever changed hands.
    owners: BTreeMap<Ipv4Addr, [u8; 6]>,
    alerts: Alerts,
}

impl Sensor {
    /// A sensor that has seen nothing.
    pub fn new(scenario: &Scenario, directory: &Directory) -> Self {
        let detections = scenario.detections.clone();
        let watchers = detections
            .iter()
            .enumerate()
            .filter_map(|(index, detection)| {
                Watcher::new(scenario, &detection.rule).map(|watcher| (index, watcher))
            });
        Self {
            watchers: watchers.collect(),
            traffic: Traffic::new(directory, scenario, &detections),
            alerts: Alerts::new(detections.len()),
            directory: directory.clone(),
            owners: BTreeMap::new(),
            detections,
        }
    }

    /// A frame at a tap. The same packet may come once from each tap that it passes.
    pub fn on_frame(&mut self, journal: &mut Journal, time: SimTime, number: u64, bytes: &[u8]) {
        let (detections, alerts) = (&self.detections, &mut self.alerts);
        self.traffic
            .on_frame(&self.directory, time, bytes, &mut |index, mut finding| {
                finding.frame = number;
                if let Some(detection) = detections.get(index) {
                    alerts.fire(journal, (index, detection), finding);
                }
            });
    }

    /// At a tapped switch an address was claimed by another card than before.
    pub fn on_arp_changed(
        &mut self,
        journal: &mut Journal,
        ip: Ipv4Addr,
        old_mac: [u8; 6],
        new_mac: [u8; 6],
        frame: u64,
    ) {
        if self.owners.len() >= OWNERS_MAX && !self.owners.contains_key(&ip) {
            return;
        }
        // The first owner who takes his address back is no news.
        if *self.owners.entry(ip).or_insert(old_mac) == new_mac {
            return;
        }
        let asset = self.directory.name_of_ip(ip);
        for (index, detection) in self.detections.iter().enumerate() {
            if detection.rule == DetectionRule::ArpChange {
                let finding = Finding {
                    asset: asset.clone(),
                    source: source_of_mac(new_mac),
                    text: format!(
                        "{asset} ({ip}) moved from {} to {}",
                        mac(old_mac),
                        mac(new_mac)
                    ),
                    frame,
                };
                self.alerts.fire(journal, (index, detection), finding);
            }
        }
    }

    /// Looks at the values of the station; once a second.
    pub fn on_tags(
        &mut self,
        journal: &mut Journal,
        read: ReadTag<'_>,
        mode_logged: ModeLogged<'_>,
    ) {
        for (index, watcher) in &mut self.watchers {
            let Some(detection) = self.detections.get(*index) else {
                continue;
            };
            watcher.look(journal.now, read, mode_logged, &mut |asset, text| {
                let finding = Finding {
                    asset: asset.to_owned(),
                    source: 0,
                    text,
                    frame: 0,
                };
                self.alerts.fire(journal, (*index, detection), finding);
            });
        }
    }

    /// Alerts, newest last, bounded.
    pub fn alerts(&self) -> &[AlertView] {
        self.alerts.shown()
    }

    /// The record behind a citation in a report about `asset`, where it names something that was shown.
    pub fn cited(&self, citation: &Citation, asset: &str) -> Option<u64> {
        self.alerts.cited(citation, asset)
    }

    /// Adds the state to a digest.
    pub fn digest(&self, hasher: &mut StateHasher) {
        self.traffic.digest(hasher);
        hasher.value(&self.alerts);
        for (_, watcher) in &self.watchers {
            hasher.value(watcher);
        }
        for (ip, owner) in &self.owners {
            hasher.u64(u64::from(u32::from(*ip)));
            hasher.bytes(owner);
        }
    }
}

fn source_of_mac([a, b, c, d, e, f]: [u8; 6]) -> u64 {
    u64::from_be_bytes([0, 0, a, b, c, d, e, f])
}

fn mac(bytes: [u8; 6]) -> String {
    sim_net::Mac(bytes).to_string()
}
