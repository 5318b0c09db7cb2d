//! Every name of a scenario, for looking references up.

use std::collections::BTreeSet;

use sim_authored::{Finding, Findings, SourceMap, Span, code, did_you_mean, quote};

use crate::lower::Scripts;
use crate::raw_v1::{self as raw, Text};
use crate::variant::Folder;

/// What rules read.
pub(crate) struct Context<'a> {
    pub raw: &'a raw::Scenario,
    pub scripts: &'a Scripts,
    pub sources: &'a SourceMap,
    /// The same by the paths that the scenario uses.
    pub folder: Folder<'a>,
    /// Paths of all files that the scenario can name, readable or not.
    pub files: BTreeSet<&'a str>,
    pub names: Names<'a>,
}

/// The names of one kind, with the word for it.
pub(crate) struct Kind<'a> {
    pub what: &'static str,
    pub code: &'static str,
    set: BTreeSet<&'a str>,
}

/// All names by kind.
pub(crate) struct Names<'a> {
    pub paces: Kind<'a>,
    pub casts: Kind<'a>,
    pub plants: Kind<'a>,
    pub zones: Kind<'a>,
    pub routers: Kind<'a>,
    pub hosts: Kind<'a>,
    /// Emulated and external controllers: what answers Modbus.
    pub controllers: Kind<'a>,
    /// Controllers with key, programs and memory of our own.
    pub emulated: Kind<'a>,
    pub safety: Kind<'a>,
    pub tags: Kind<'a>,
    pub alarms: Kind<'a>,
    pub detections: Kind<'a>,
    pub gauges: Kind<'a>,
    pub footholds: Kind<'a>,
    pub actors: Kind<'a>,
    pub contacts: Kind<'a>,
    /// Hosts and routers: what can be reached.
    pub assets: Kind<'a>,
    /// Zones, hosts, routers and plants: what can be attacked and reported.
    pub reportable: Kind<'a>,
}

impl<'a> Kind<'a> {
    pub fn new(what: &'static str, names: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            what,
            code: code::UNKNOWN_NAME,
            set: names.into_iter().collect(),
        }
    }

    pub fn with_code(self, code: &'static str) -> Self {
        Self { code, ..self }
    }

    pub fn has(&self, name: &str) -> bool {
        self.set.contains(name)
    }

    /// Reports a reference that names nothing of this kind.
    pub fn check(&self, name: &Text, findings: &mut Findings) {
        self.check_at(name, name.span, findings);
    }

    /// The same for a name whose place was found otherwise.
    pub fn check_at(&self, name: &str, span: Span, findings: &mut Findings) {
        // Looking for the nearest name is the dear part, so it stops when nobody would read it.
        if self.has(name) || (findings.is_full() && findings.has_errors()) {
            return;
        }
        let there = format!("there is no {} `{}`", self.what, quote(name));
        let help = did_you_mean(name, self.set.iter().copied());
        findings.push(Finding::new(self.code, span, there, help));
    }

    pub fn check_all(&self, names: &[Text], findings: &mut Findings) {
        for name in names {
            self.check(name, findings);
        }
    }
}

impl<'a> Names<'a> {
    pub fn new(raw: &'a raw::Scenario) -> Self {
        let hosts = || raw.hosts.iter().map(|host| host.id.as_str());
        let routers = || raw.routers.iter().map(|router| router.id.as_str());
        let zones = || raw.zones.iter().map(|zone| zone.id.as_str());
        let controllers = || raw.controllers.iter();
        let emulated = || controllers().map(|c| c.id.as_str());
        let external = raw.external_controllers.iter().map(|c| c.id.as_str());
        let safety = controllers().filter(|c| c.kind == raw::ControllerKind::Sis);
        Self {
            paces: Kind::new("pace", raw.paces.keys()),
            casts: Kind::new("cast", raw.casts.keys()).with_code(code::UNKNOWN_CAST),
            plants: Kind::new("plant", raw.plants.keys()),
            zones: Kind::new("zone", zones()),
            routers: Kind::new("router", routers()),
            hosts: Kind::new("host", hosts()),
            controllers: Kind::new("controller", emulated().chain(external)),
            emulated: Kind::new("emulated controller", emulated()),
            safety: Kind::new("safety controller", safety.map(|c| c.id.as_str())),
            tags: Kind::new("tag", raw.tags.keys()).with_code(code::UNDEFINED_TAG),
            alarms: Kind::new("alarm", raw.alarms.iter().map(|alarm| alarm.id.as_str())),
            detections: Kind::new("detection", raw.detections.iter().map(|d| d.id.as_str())),
            gauges: Kind::new("gauge", raw.gauges.keys()),
            footholds: Kind::new("foothold", raw.footholds.iter().map(|f| f.id.as_str())),
            actors: Kind::new("actor", raw.actors.keys()),
            contacts: Kind::new("contact", raw.people.contacts.keys()),
            assets: Kind::new("host or router", hosts().chain(routers())),
            reportable: Kind::new(
                "zone, host, router or plant",
                zones()
                    .chain(hosts())
                    .chain(routers())
                    .chain(raw.plants.keys()),
            ),
        }
    }
}
