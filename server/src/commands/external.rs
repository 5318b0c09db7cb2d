//! Where the real devices are that play a scenario's external controllers.

use crate::error::{Failure, unknown_name};
use clap::Args;
use sim_scenario::model::Scenario;
use std::collections::BTreeMap;

/// Addresses of devices by the name of their controller.
pub(super) type Addresses = BTreeMap<String, String>;

/// Where devices are.
#[derive(Args, Debug)]
pub struct ExternalArgs {
    /// The real device that plays an external controller of the scenario; its address stays with you
    #[arg(long = "external", value_name = "NAME=HOST:PORT", value_parser = parse_external)]
    addresses: Vec<(String, String)>,
}

impl ExternalArgs {
    /// The address of each external controller of a scenario; those of `earlier` hold where none is given.
    ///
    /// # Errors
    /// A name is none, is given twice, or a controller has no address.
    pub(super) fn settle(
        &self,
        scenario: &Scenario,
        earlier: Addresses,
    ) -> Result<Addresses, Failure> {
        let mut given = Addresses::new();
        for (name, address) in &self.addresses {
            check_name(scenario, name)?;
            if given.insert(name.clone(), address.clone()).is_some() {
                return Err(Failure::usage(format!("`{name}` has two addresses")));
            }
        }
        let mut addresses = earlier;
        addresses.extend(given);
        for controller in &scenario.external_controllers {
            let id = &controller.id;
            if !addresses.contains_key(id) {
                return Err(Failure::usage(format!(
                    "`{id}` is an external controller, and nobody says where its device is"
                ))
                .hint(format!("give it with `--external {id}=HOST:PORT`")));
            }
        }
        Ok(addresses)
    }
}

/// Refuses a scenario whose external controllers could not follow.
pub(super) fn refuse_without_devices(scenario: &Scenario) -> Result<(), Failure> {
    let Some(controller) = scenario.external_controllers.first() else {
        return Ok(());
    };
    let id = &controller.id;
    Err(Failure::usage(format!(
        "`{id}` is an external controller: a real device works in real time, so `run` cannot play it"
    ))
    .hint(format!("`trippoint serve SCENARIO --external {id}=HOST:PORT` plays it")))
}

/// Refuses what a real device cannot follow: another pace than its own, or several plants.
pub(super) fn check_pace(scenario: &Scenario, speed: f64, matches: u16) -> Result<(), Failure> {
    let Some(controller) = scenario.external_controllers.first() else {
        return Ok(());
    };
    let id = &controller.id;
    if (speed - 1.0).abs() > f64::EPSILON {
        return Err(Failure::usage(format!(
            "`{id}` is an external controller: a real device works in real time, not at speed {speed}"
        ))
        .hint("leave out `--speed`"));
    }
    if matches > 1 {
        return Err(Failure::usage(format!(
            "`{id}` is an external controller: one device cannot drive {matches} plants"
        ))
        .hint("leave out `--matches`"));
    }
    Ok(())
}

/// The controllers to which writes of players go through: those that the scenario allows and the operator names.
///
/// # Errors
/// A name is none, or the scenario does not allow it.
pub(super) fn attackable(
    scenario: &Scenario,
    confirmed: &[String],
) -> Result<Vec<String>, Failure> {
    for name in confirmed {
        check_name(scenario, name)?;
        let mut allowed = scenario
            .external_controllers
            .iter()
            .filter(|c| c.attackable);
        if !allowed.any(|c| c.id == *name) {
            return Err(
                Failure::usage(format!("the scenario lets no player write to `{name}`"))
                    .hint("its author allows it with `attackable: true`"),
            );
        }
    }
    let mut names = confirmed.to_vec();
    names.sort();
    names.dedup();
    Ok(names)
}

fn check_name(scenario: &Scenario, name: &str) -> Result<(), Failure> {
    let known = scenario.external_controllers.iter().map(|c| c.id.as_str());
    if known.clone().any(|id| id == name) {
        return Ok(());
    }
    Err(unknown_name("external controller", name, known))
}

fn parse_external(text: &str) -> Result<(String, String), String> {
    let expected =
        || format!("`{text}` is no device; write NAME=HOST:PORT, such as plc1=192.0.2.10:502");
    let (name, address) = text.split_once('=').ok_or_else(expected)?;
    let (host, port) = address.rsplit_once(':').ok_or_else(expected)?;
    let port: u16 = port.parse().map_err(|_| expected())?;
    if name.is_empty() || host.is_empty() || port == 0 {
        return Err(expected());
    }
    Ok((name.to_owned(), address.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_has_a_name_a_host_and_a_port() {
        let parsed = |name: &str, address: &str| Ok((name.to_owned(), address.to_owned()));
        assert_eq!(
            parse_external("plc1=127.0.0.1:502"),
            parsed("plc1", "127.0.0.1:502")
        );
        assert_eq!(
            parse_external("plc1=[::1]:502"),
            parsed("plc1", "[::1]:502")
        );
        for bad in [
            "plc1",
            "plc1=",
            "plc1=host",
            "=host:502",
            "plc1=:502",
            "plc1=host:0",
            "plc1=host:65536",
        ] {
            assert!(parse_external(bad).is_err(), "{bad}");
        }
    }
}
