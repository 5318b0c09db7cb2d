//! Verbs of sensors and firewalls.

use sim_record::SimTime;

use super::{Attached, Fabric, NetError, id};
use crate::address::Mac;
use crate::conntrack::Affected;
use crate::firewall::{Change, FirewallError, FirewallSpec, Session, SessionFilter};
use crate::ids::{DiodeId, HostId, RouterId, SwitchId};
use crate::io::Peer;
use crate::modbus::L7Inspector;
use crate::router::Router;

/// Verbs of sensors.
impl Fabric {
    /// Begins or ends mirroring a switch to [`Fabric::poll_captured`].
    ///
    /// # Errors
    /// No such switch.
    pub fn set_tap(&mut self, switch: SwitchId, tapped: bool) -> Result<(), NetError> {
        let switch = self
            .switches
            .get_mut(usize::from(switch.0))
            .ok_or(NetError::NoDevice)?;
        switch.tapped = tapped;
        Ok(())
    }

    /// What a switch has learned: each hardware address with the device at its port.
    ///
    /// # Errors
    /// No such switch.
    pub fn mac_table(&self, switch: SwitchId) -> Result<Vec<(Mac, Attached)>, NetError> {
        let switch = self
            .switches
            .get(usize::from(switch.0))
            .ok_or(NetError::NoDevice)?;
        let attached = |port: usize| match self.io.ports.get(port).map(|p| p.peer) {
            Some(Peer::Host(index)) => Attached::Host(HostId(id(index))),
            Some(Peer::Router { router, .. }) => Attached::Router(RouterId(id(router))),
            Some(Peer::DiodeIn(index) | Peer::DiodeOut(index)) => {
                Attached::Diode(DiodeId(id(index)))
            }
            Some(Peer::Trunk { .. }) | None => Attached::Switch,
        };
        Ok(switch
            .learned(self.io.now)
            .map(|(mac, port)| (mac, attached(port)))
            .collect())
    }
}

/// Verbs of firewalls.
impl Fabric {
    /// Rules and default action of a firewall.
    ///
    /// # Errors
    /// No such router.
    pub fn firewall(&self, router: RouterId) -> Result<&FirewallSpec, FirewallError> {
        Ok(self.router(router)?.firewall.rules())
    }

    /// Changes the rules. Sessions that were let through go on.
    ///
    /// # Errors
    /// No such router or rule, a rule that makes no sense, or too many.
    pub fn change_firewall(
        &mut self,
        now: SimTime,
        router: RouterId,
        change: &Change,
    ) -> Result<(), FirewallError> {
        self.catch_up(now);
        self.router_mut(router)?.firewall.change(change)
    }

    /// Undoes the last change that was not undone; returns the change that this made.
    ///
    /// # Errors
    /// No such router, or nothing to undo.
    pub fn undo_firewall(
        &mut self,
        now: SimTime,
        router: RouterId,
    ) -> Result<Change, FirewallError> {
        self.catch_up(now);
        self.router_mut(router)?.firewall.undo()
    }

    /// Live sessions that the rules would treat otherwise after `change`. They go on until they are cleared.
    ///
    /// # Errors
    /// As for [`Fabric::change_firewall`].
    pub fn preview_firewall(
        &self,
        router: RouterId,
        change: &Change,
    ) -> Result<Vec<Affected>, FirewallError> {
        self.router(router)?.firewall.preview(change, self.io.now)
    }

    /// Live sessions.
    ///
    /// # Errors
    /// No such router.
    pub fn sessions(&self, router: RouterId) -> Result<Vec<Session>, FirewallError> {
        Ok(self.router(router)?.firewall.sessions(self.io.now))
    }

    /// Forgets sessions, so that their next packet is judged by the rules as they are; returns how many were live.
    ///
    /// # Errors
    /// No such router.
    pub fn clear_sessions(
        &mut self,
        now: SimTime,
        router: RouterId,
        filter: &SessionFilter,
    ) -> Result<usize, FirewallError> {
        self.catch_up(now);
        Ok(self
            .router_mut(router)?
            .firewall
            .clear_sessions(filter, now))
    }

    /// Replaces what reads Modbus requests for the rules of a firewall.
    ///
    /// # Errors
    /// No such router.
    pub fn set_inspector(
        &mut self,
        router: RouterId,
        inspector: Box<dyn L7Inspector>,
    ) -> Result<(), FirewallError> {
        self.router_mut(router)?.firewall.inspector = inspector;
        Ok(())
    }

    fn router(&self, router: RouterId) -> Result<&Router, FirewallError> {
        self.routers
            .get(usize::from(router.0))
            .ok_or(FirewallError::NoFirewall)
    }

    fn router_mut(&mut self, router: RouterId) -> Result<&mut Router, FirewallError> {
        self.routers
            .get_mut(usize::from(router.0))
            .ok_or(FirewallError::NoFirewall)
    }
}
