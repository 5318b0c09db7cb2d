//! What a principal sees: the one place where a view is made.

use crate::range::Range;
use sim_record::{Principal, PrincipalId, Role, Team};
use sim_view::View;

impl Range {
    /// The view of `principal` now.
    #[must_use]
    pub fn view(&mut self, principal: &Principal) -> View {
        let by = self.journal.principal(principal);
        self.view_of(principal, by)
    }

    pub(crate) fn view_of(&self, principal: &Principal, by: PrincipalId) -> View {
        let now = self.journal.now;
        let mut view = View::empty(now, principal.team, principal.role);
        view.jobs = self.tools.views(by);
        let sees = Sight::of(principal);
        if sees.operation {
            view.tags = self.stations.tag_views(now);
            view.alarms = self
                .alarms
                .views()
                .map(|(id, a)| (id.to_owned(), a))
                .collect();
            view.log = self.stations.log_lines();
            view.gauges = self.gauges.clone();
        }
        if sees.people {
            view.messages = self.people.message_views();
            view.field = self.people.field_views();
        }
        if sees.analysis {
            view.alerts = self.sensor.alerts().to_vec();
            view.reports = self.reports.views().to_vec();
        }
        if sees.engineering {
            view.rules = self.firewalls.views(now, &self.fabric, &self.directory);
            view.firewall_log = self.firewalls.log_lines();
            view.compares = self.stations.compares.clone();
        }
        view
    }
}

/// The desks a role sits at.
struct Sight {
    operation: bool,
    people: bool,
    analysis: bool,
    engineering: bool,
}

impl Sight {
    fn of(principal: &Principal) -> Self {
        let all = matches!(principal.role, Role::Defender | Role::Instructor);
        let own = principal.team != Team::Red;
        let role = principal.role;
        Self {
            operation: own && (all || matches!(role, Role::Operator | Role::Worker)),
            people: own && (all || matches!(role, Role::Operator | Role::Analyst | Role::Engineer)),
            analysis: own && (all || role == Role::Analyst),
            engineering: own && (all || role == Role::Engineer),
        }
    }
}
