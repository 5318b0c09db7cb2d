//! Polls tags of controllers in blocks, as an HMI or historian does, and knows how fresh each value is.

use crate::directory::Directory;
use crate::link::Link;
use sim_net::{CloseReason, ConnId, Fabric, HostId};
use sim_record::{SimDuration, SimTime, StateHasher};
use sim_scenario::model::Tag;
use sim_view::{Quality, Table, TagView};
use sim_wire::modbus::Request;
use sim_wire::modbus::Response;
use sim_wire::modbus::client::{ClientEvent, RequestId};
use std::collections::BTreeMap;

/// Addresses in one block at most.
const BLOCK_MAX: u16 = 100;
/// Unused addresses that a block may span.
const BLOCK_GAP: u16 = 16;

/// One range of addresses read in one request.
struct Block {
    source: usize,
    table: Table,
    start: u16,
    count: u16,
    tags: Vec<usize>,
    pending: Option<RequestId>,
}

/// One controller as seen from the station.
pub(crate) struct Source {
    pub controller: String,
    pub link: Link,
    /// Last good answer.
    pub last_good: Option<SimTime>,
    /// Communication is good.
    pub good: bool,
}

struct PolledTag {
    name: String,
    tag: Tag,
    value: f64,
    time: Option<SimTime>,
}

/// The polling part of a station.
pub(crate) struct Poller {
    pub host_name: String,
    pub sources: Vec<Source>,
    blocks: Vec<Block>,
    tags: Vec<PolledTag>,
    by_name: BTreeMap<String, usize>,
    writes: BTreeMap<(usize, RequestId), usize>,
    period: SimDuration,
    stale: SimDuration,
    next_poll: SimTime,
}

impl Poller {
    /// Plans the blocks for `tags` of a station on `host`. The first poll is at `first`.
    pub fn new(
        directory: &Directory,
        host: (&str, HostId),
        tags: &[String],
        period: SimDuration,
        stale: SimDuration,
        first: SimTime,
    ) -> Self {
        let mut poller = Self {
            host_name: host.0.to_owned(),
            sources: Vec::new(),
            blocks: Vec::new(),
            tags: Vec::new(),
            by_name: BTreeMap::new(),
            writes: BTreeMap::new(),
            period,
            stale,
            next_poll: first,
        };
        for name in tags {
            if let Some(tag) = directory.tag(name) {
                poller.by_name.insert(name.clone(), poller.tags.len());
                poller.tags.push(PolledTag {
                    name: name.clone(),
                    tag: tag.clone(),
                    value: 0.0,
                    time: None,
                });
            }
        }
        poller.plan(directory, host.1);
        poller
    }

    fn plan(&mut self, directory: &Directory, host: HostId) {
        let mut order: Vec<usize> = (0..self.tags.len()).collect();
        order.sort_by(|a, b| {
            let key = |i: &usize| {
                self.tags
                    .get(*i)
                    .map(|t| (t.tag.controller.clone(), t.tag.table, t.tag.address))
            };
            key(a).cmp(&key(b))
        });
        for index in order {
            let tag = self.tags[index].tag.clone();
            let source = self.source_for(directory, host, &tag.controller);
            let gap = if directory.is_front(&tag.controller) {
                0
            } else {
                BLOCK_GAP
            };
            let fits = self.blocks.last_mut().filter(|b| {
                b.source == source
                    && b.table == tag.table
                    && tag.address <= b.start.saturating_add(b.count).saturating_add(gap)
                    && tag.address - b.start < BLOCK_MAX
            });
            match fits {
                Some(block) => {
                    block.count = block.count.max(tag.address - block.start + 1);
                    block.tags.push(index);
                }
                None => self.blocks.push(Block {
                    source,
                    table: tag.table,
                    start: tag.address,
                    count: 1,
                    tags: vec![index],
                    pending: None,
                }),
            }
        }
    }

    fn source_for(&mut self, directory: &Directory, host: HostId, controller: &str) -> usize {
        if let Some(index) = self.sources.iter().position(|s| s.controller == controller) {
            return index;
        }
        let target = directory
            .host(controller)
            .map_or(std::net::Ipv4Addr::UNSPECIFIED, |h| h.ip);
        self.sources.push(Source {
            controller: controller.to_owned(),
            link: Link::new(host, directory.target(target, directory.unit(controller))),
            last_good: None,
            good: true,
        });
        self.sources.len() - 1
    }

    /// When something is due by time.
    pub fn next_due(&self) -> SimTime {
        let timeouts = self
            .sources
            .iter()
            .filter_map(|s| s.link.next_timeout())
            .min();
        timeouts.map_or(self.next_poll, |t| t.min(self.next_poll))
    }

    /// Runs what is due; new connections are pushed to `opened` with the index of their source. True at a poll instant.
    pub fn run(
        &mut self,
        now: SimTime,
        fabric: &mut Fabric,
        opened: &mut Vec<(ConnId, usize)>,
    ) -> bool {
        for source in &mut self.sources {
            if source.link.next_timeout().is_some_and(|t| t <= now) {
                source.link.on_timer(now, fabric);
            }
        }
        self.collect(now);
        if self.next_poll > now {
            return false;
        }
        self.next_poll = self.next_poll + self.period;
        for block in &mut self.blocks {
            // A controller that is slow to answer gets no second question for the same block.
            if block.pending.is_some() {
                continue;
            }
            let Some(source) = self.sources.get_mut(block.source) else {
                continue;
            };
            let Some(request) = block.request() else {
                continue;
            };
            if let Ok((id, new)) = source.link.request(now, fabric, request) {
                block.pending = Some(id);
                opened.extend(new.map(|c| (c, block.source)));
            }
        }
        true
    }

    /// The network established the connection of a source.
    pub fn on_connected(&mut self, now: SimTime, fabric: &mut Fabric, source: usize) {
        if let Some(source) = self.sources.get_mut(source) {
            source.link.on_connected(now, fabric);
        }
    }

    /// Bytes wait on the connection of a source.
    pub fn on_readable(&mut self, now: SimTime, fabric: &mut Fabric, source: usize) {
        if let Some(source) = self.sources.get_mut(source) {
            source.link.on_readable(now, fabric);
        }
        self.collect(now);
    }

    /// The connection of a source ended.
    pub fn on_closed(
        &mut self,
        now: SimTime,
        fabric: &mut Fabric,
        source: usize,
        reason: CloseReason,
    ) {
        if let Some(source) = self.sources.get_mut(source) {
            source.link.on_closed(now, fabric, reason);
        }
        self.collect(now);
    }

    /// Writes a raw value to a tag's register; the new connection, if one was opened.
    pub fn write(
        &mut self,
        now: SimTime,
        fabric: &mut Fabric,
        name: &str,
        raw: u16,
    ) -> Result<Option<(ConnId, usize)>, String> {
        let index = *self
            .by_name
            .get(name)
            .ok_or_else(|| format!("`{name}` is not on this station"))?;
        let tag = &self.tags[index].tag;
        let position = self
            .sources
            .iter()
            .position(|s| s.controller == tag.controller);
        let Some((position, source)) =
            position.and_then(|p| self.sources.get_mut(p).map(|s| (p, s)))
        else {
            return Err("no such controller".into());
        };
        let request = match tag.table {
            Table::Holding => Request::WriteSingleRegister {
                address: tag.address,
                value: raw,
            },
            Table::Coil => Request::WriteSingleCoil {
                address: tag.address,
                value: raw != 0,
            },
            Table::Input | Table::Discrete => return Err(format!("`{name}` is read-only")),
        };
        let (id, opened) = source
            .link
            .request(now, fabric, request)
            .map_err(|e| e.to_string())?;
        if self.writes.len() < 64 {
            self.writes.insert((position, id), index);
        }
        Ok(opened.map(|c| (c, position)))
    }

    /// A tag with its quality now.
    pub fn tag(&self, now: SimTime, name: &str) -> Option<TagView> {
        self.by_name
            .get(name)
            .and_then(|i| self.tags.get(*i))
            .map(|t| t.view(now, self.stale))
    }

    /// All tags with their quality now, in order of configuration.
    pub fn tags(&self, now: SimTime) -> impl Iterator<Item = (&str, TagView)> {
        self.tags
            .iter()
            .map(move |t| (t.name.as_str(), t.view(now, self.stale)))
    }

    /// Sources whose communication changed since the last call, with their state now.
    pub fn communication_changes(&mut self, now: SimTime) -> Vec<(String, bool)> {
        let mut changes = Vec::new();
        for source in &mut self.sources {
            let good = source
                .last_good
                .map_or(now.0 < self.stale.0, |t| now.since(t) < self.stale);
            if good != source.good {
                source.good = good;
                changes.push((source.controller.clone(), good));
            }
        }
        changes
    }

    /// True while the controller answers this station.
    pub fn is_good(&self, controller: &str) -> bool {
        self.sources
            .iter()
            .any(|s| s.controller == controller && s.good)
    }

    /// Adds the state to a digest.
    pub fn digest(&self, hasher: &mut StateHasher) {
        hasher.u64(self.next_poll.0);
        for source in &self.sources {
            source.link.digest(hasher);
            hasher.u64(source.last_good.map_or(0, |t| t.0));
        }
        for tag in &self.tags {
            hasher.f64(tag.value);
        }
    }

    fn collect(&mut self, now: SimTime) {
        for (position, source) in self.sources.iter_mut().enumerate() {
            while let Some(event) = source.link.poll_event() {
                let id = event.id();
                if self.writes.remove(&(position, id)).is_some() {
                    continue;
                }
                let Some(block) = self
                    .blocks
                    .iter_mut()
                    .find(|b| b.source == position && b.pending == Some(id))
                else {
                    continue;
                };
                block.pending = None;
                if let ClientEvent::Response { response, .. } = &event {
                    source.last_good = Some(now);
                    block.store(now, response, &mut self.tags);
                }
            }
        }
    }
}

impl Block {
    fn request(&self) -> Option<Request> {
        match self.table {
            Table::Coil => Request::read_coils(self.start, self.count),
            Table::Discrete => Request::read_discrete_inputs(self.start, self.count),
            Table::Input => Request::read_input_registers(self.start, self.count),
            Table::Holding => Request::read_holding_registers(self.start, self.count),
        }
        .ok()
    }

    fn store(&self, now: SimTime, response: &Response, tags: &mut [PolledTag]) {
        for index in &self.tags {
            let Some(tag) = tags.get_mut(*index) else {
                continue;
            };
            if let Some(raw) = raw_at(response, tag.tag.address - self.start) {
                tag.value = f64::from(raw) / tag.tag.scale;
                tag.time = Some(now);
            }
        }
    }
}

/// The word or bit at `offset` of a read response.
pub(crate) fn raw_at(response: &Response, offset: u16) -> Option<u16> {
    match response {
        Response::ReadCoils(bits) | Response::ReadDiscreteInputs(bits) => {
            bits.get(offset).map(u16::from)
        }
        Response::ReadHoldingRegisters(words) | Response::ReadInputRegisters(words) => {
            words.as_slice().get(usize::from(offset)).copied()
        }
        _ => None,
    }
}

impl PolledTag {
    fn view(&self, now: SimTime, stale: SimDuration) -> TagView {
        let quality = match self.time {
            None => Quality::Bad,
            Some(t) if now.since(t) >= stale => Quality::Stale,
            Some(_) => Quality::Good,
        };
        TagView {
            value: self.value,
            quality,
            time: self.time.unwrap_or(SimTime::ZERO),
        }
    }
}
