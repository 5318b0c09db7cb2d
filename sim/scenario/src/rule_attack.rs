//! Techniques are ids of MITRE ATT&CK for ICS; revoked ids are accepted through their replacements.

use std::collections::BTreeSet;

use sim_authored::{Finding, Findings, Span, code, nearest, quote};
use sim_view::Command;

use crate::names::Context;
use crate::rule_script::place_in;

/// Ids, names and tactics, with MITRE's notice at the head.
const TABLE: &str = include_str!("../../../assets/attack/ics-19.1.txt");

pub(crate) fn check(context: &Context, findings: &mut Findings) {
    let raw = context.raw;
    let known: BTreeSet<&str> = ids().collect();
    let detections = raw.detections.iter().map(|detection| &detection.technique);
    let objectives = raw.objectives.iter().map(|objective| &objective.technique);
    let latent = raw.latent.iter().flat_map(|latent| &latent.techniques);
    for technique in detections.chain(objectives).chain(latent) {
        check_technique(&known, technique, technique.span, findings);
    }
    let steps = context.scripts.values().flatten();
    for command in steps.flat_map(|step| &step.commands) {
        match &command.value {
            Command::Report { technique, .. } | Command::UpdateReport { technique, .. } => {
                let place = place_in(context.sources, command.span, technique);
                check_technique(&known, technique, place, findings);
            }
            _ => {}
        }
    }
}

/// Returns all ids in force and all revoked ones.
fn ids() -> impl Iterator<Item = &'static str> {
    TABLE.lines().filter_map(|line| {
        let mut parts = line.split('|');
        let kind = parts.next()?;
        let id = parts.next()?;
        (kind == "technique" || kind == "revoked").then_some(id)
    })
}

fn check_technique(known: &BTreeSet<&str>, id: &str, span: Span, findings: &mut Findings) {
    if known.contains(id) {
        return;
    }
    let there = format!("`{}` is not a technique of ATT&CK for ICS", quote(id));
    let help = nearest(id, known.iter().copied()).map_or_else(
        || "write an id such as `T0836` or `T1692.001`".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    findings.push(Finding::new(code::UNKNOWN_TECHNIQUE, span, there, help));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_techniques_sub_techniques_and_revoked_ids() {
        assert!(ids().count() > 90);
        for id in ["T0836", "T1692.001", "T0855"] {
            assert!(ids().any(|known| known == id), "{id}");
        }
        assert!(ids().all(|id| id.starts_with('T') && !id.starts_with("TA")));
    }
}
