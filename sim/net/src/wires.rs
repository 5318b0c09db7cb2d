//! The TCP sockets of one host, each in a set of its own.
//!
//! smoltcp looks at every socket of a set for every packet and at every poll. Here only those are looked at that were
//! touched since the last time or whose timer is due; the order among them is that of their places, as it would be in one
//! set, so what is sent, and when, is the same.

use sim_record::SimTime;
use smoltcp::iface::{Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::socket::tcp;
use smoltcp::time::Instant;

use crate::limits;
use crate::stack::{Queue, instant};

/// Sockets by place; a free place is used again, the lowest first.
#[derive(Default)]
pub(crate) struct Wires {
    wires: Vec<Wire>,
}

struct Wire {
    set: SocketSet<'static>,
    /// None while the place is free.
    handle: Option<SocketHandle>,
    /// Something happened to it since the last flush.
    touched: bool,
    /// May have more to send in this flush.
    sending: bool,
    /// When its own timers are due.
    due: Option<SimTime>,
}

/// Where a socket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    index: usize,
    handle: SocketHandle,
}

impl Wires {
    /// Adds a socket.
    pub(crate) fn add(&mut self, socket: tcp::Socket<'static>) -> Place {
        let free = self.wires.iter().position(|w| w.handle.is_none());
        let index = free.unwrap_or_else(|| {
            self.wires.push(Wire {
                set: SocketSet::new(Vec::with_capacity(1)),
                handle: None,
                touched: false,
                sending: false,
                due: None,
            });
            self.wires.len() - 1
        });
        let wire = &mut self.wires[index];
        let handle = wire.set.add(socket);
        wire.handle = Some(handle);
        wire.touched = true;
        wire.due = None;
        Place { index, handle }
    }

    /// Removes a socket; its place is forgotten with it.
    pub(crate) fn remove(&mut self, place: Place) {
        let wire = &mut self.wires[place.index];
        wire.set.remove(place.handle);
        wire.handle = None;
        wire.touched = false;
        wire.sending = false;
        wire.due = None;
    }

    /// A socket, to look at.
    pub(crate) fn get(&self, place: Place) -> &tcp::Socket<'static> {
        self.wires[place.index].set.get(place.handle)
    }

    /// A socket, to act on: it is looked at in the next flush.
    pub(crate) fn get_mut(&mut self, place: Place) -> &mut tcp::Socket<'static> {
        let wire = &mut self.wires[place.index];
        wire.touched = true;
        wire.set.get_mut(place.handle)
    }

    /// Lets a socket read the packet that waits in the device.
    pub(crate) fn ingress(
        &mut self,
        place: Place,
        now: SimTime,
        interface: &mut Interface,
        device: &mut Queue,
    ) {
        let wire = &mut self.wires[place.index];
        wire.touched = true;
        interface.poll_ingress_single(instant(now), device, &mut wire.set);
    }

    /// Begins a flush: sockets whose timers are due count as touched, and all touched ones may send.
    pub(crate) fn wake(&mut self, now: SimTime) {
        for wire in &mut self.wires {
            wire.touched |= wire.due.is_some_and(|due| due <= now);
            wire.sending = wire.touched;
        }
    }

    /// True where a socket has to be looked at in this flush.
    pub(crate) fn is_touched(&self, place: Place) -> bool {
        self.wires[place.index].touched
    }

    /// A socket has something to send because of what was found in this flush.
    pub(crate) fn send_more(&mut self, place: Place) {
        self.wires[place.index].sending = true;
    }

    /// Sends what is due, one packet a socket in turn.
    pub(crate) fn egress(&mut self, now: SimTime, interface: &mut Interface, device: &mut Queue) {
        // A buffer holds at most this many packets of one byte.
        for _ in 0..limits::TCP_BUFFER_BYTES_MAX {
            let mut any = false;
            for wire in self.wires.iter_mut().filter(|w| w.sending) {
                let result = interface.poll_egress(instant(now), device, &mut wire.set);
                wire.sending = result != PollResult::None;
                any |= wire.sending;
            }
            if !any {
                return;
            }
        }
    }

    /// Ends a flush: says when the next timer is due. Those in `again` stay touched, since they have sent behind the last
    /// look.
    pub(crate) fn settle(
        &mut self,
        now: SimTime,
        interface: &mut Interface,
        again: &[Place],
    ) -> Option<SimTime> {
        for wire in self.wires.iter_mut().filter(|w| w.touched) {
            let due: Option<Instant> = interface.poll_at(instant(now), &wire.set);
            wire.due = due.map(|at| SimTime(u64::try_from(at.total_micros()).unwrap_or(0)));
            wire.touched = false;
        }
        for place in again {
            let wire = &mut self.wires[place.index];
            wire.touched = wire.handle == Some(place.handle);
        }
        self.wires.iter().filter_map(|w| w.due).min()
    }
}
