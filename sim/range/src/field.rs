//! What people in the plant do, once their time is over.

use crate::range::Range;
use sim_record::PrincipalId;
use sim_view::FieldAction;

impl Range {
    /// Carries out field actions whose time is over.
    pub(crate) fn carry_out_field_actions(&mut self) {
        while let Some((number, by, action)) = self.people.take_due(self.journal.now) {
            let result = self.field_action(by, &action);
            self.people
                .done(&mut self.journal, number, by, &action, result);
        }
    }

    fn field_action(&mut self, by: PrincipalId, action: &FieldAction) -> Result<String, String> {
        let now = self.journal.now;
        match action {
            FieldAction::TurnKey { controller, to } => {
                let slot = self.controllers.get_mut(controller)?;
                slot.turn_key(&mut self.journal, *to, by);
                Ok(format!("key stands in {to:?}"))
            }
            FieldAction::Shutdown { controller } => pressed(
                self.controllers
                    .get_mut(controller)?
                    .press_shutdown(now, by),
            ),
            FieldAction::ResetTrip { controller } => {
                pressed(self.controllers.get_mut(controller)?.press_reset(now))
            }
            FieldAction::ReadGauge { gauge } => self.read_gauge(gauge),
            FieldAction::ReadPanel { controller } => self.read_panel(controller),
            FieldAction::Cable { host, plugged } => {
                let id = self.directory.host(host).ok_or_else(|| unknown(host))?.host;
                self.fabric
                    .unplug(now, id, !plugged)
                    .map_err(|e| e.to_string())?;
                Ok(if *plugged { "plugged in" } else { "unplugged" }.into())
            }
            FieldAction::HandValve {
                actuator,
                position_pct,
            } => {
                let (plant, name) = actuator.split_once('/').ok_or_else(|| unknown(actuator))?;
                let held = self
                    .plants
                    .hand_valve(plant, name, position_pct.map(f64::from));
                held.then(|| "done".to_owned())
                    .ok_or_else(|| unknown(actuator))
            }
            FieldAction::Restart { controller } => {
                let slot = self.controllers.get_mut(controller)?;
                slot.last_writer = by;
                slot.plc.warm_restart(now, sim_plc::ModeCause::Local);
                slot.report_events(&mut self.journal);
                Ok("restarted".into())
            }
        }
    }

    fn read_gauge(&mut self, gauge: &str) -> Result<String, String> {
        let at = self
            .scenario
            .gauges
            .get(gauge)
            .ok_or_else(|| unknown(gauge))?;
        let value = self
            .plants
            .truth(&at.plant, &at.signal)
            .ok_or_else(|| unknown(gauge))?;
        self.gauges.insert(gauge.to_owned(), value);
        Ok(format!("{gauge} reads {value:.0}"))
    }

    fn read_panel(&mut self, controller: &str) -> Result<String, String> {
        let panel = self
            .controllers
            .get(controller)
            .ok_or_else(|| unknown(controller))?
            .panel();
        let text: Vec<String> = panel
            .iter()
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        for (name, value) in panel {
            self.gauges.insert(format!("{controller}/{name}"), value);
        }
        Ok(text.join(", "))
    }
}

fn pressed(there_is_one: bool) -> Result<String, String> {
    there_is_one
        .then(|| "button pressed".to_owned())
        .ok_or_else(|| "no such button".to_owned())
}

fn unknown(what: &str) -> String {
    format!("there is no {what}")
}
