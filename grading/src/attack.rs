//! MITRE ATT&CK for ICS: ids, names, tactics, parents and the replacements of revoked ids.
//!
//! The table is `assets/attack/ics-19.1.txt`, derived from the official STIX 2.1 bundle of v19.1;
//! MITRE's notice stands beside it and at its head.

use std::collections::BTreeMap;
use std::sync::OnceLock;

/// The table as text, MITRE's notice included; one line a tactic, technique or revoked id.
pub const TABLE: &str = include_str!("../../assets/attack/ics-19.1.txt");

/// Version of the table.
pub const VERSION: &str = "ATT&CK for ICS v19.1";

/// MITRE's notice, which any copy must carry.
pub const NOTICE: &str = "(c) 2025 The MITRE Corporation. This work is reproduced and distributed \
    with the permission of The MITRE Corporation. ATT&CK is a registered trademark of The MITRE \
    Corporation.";

/// A technique or sub-technique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Technique {
    /// Id, such as `T0836` or `T1692.001`.
    pub id: &'static str,
    /// Name.
    pub name: &'static str,
    /// Short names of its tactics, such as `impair-process-control`.
    pub tactics: Vec<&'static str>,
    /// Id of the technique that a sub-technique belongs to.
    pub parent: Option<&'static str>,
}

/// How a named technique relates to the true one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// The same, after revoked ids are replaced.
    Same,
    /// The named one is the parent of the true one.
    Parent,
}

struct Table {
    techniques: BTreeMap<&'static str, Technique>,
    revoked: BTreeMap<&'static str, &'static str>,
    tactics: BTreeMap<&'static str, &'static str>,
}

/// Finds a technique by its id; a revoked id gives its replacement.
#[must_use]
pub fn resolve(id: &str) -> Option<&'static Technique> {
    let table = table();
    let current = table.revoked.get(id).copied().unwrap_or(id);
    table.techniques.get(current)
}

/// The id in force for `id`: the replacement of a revoked one, otherwise itself.
#[must_use]
pub fn canonical(id: &str) -> &str {
    table().revoked.get(id).copied().unwrap_or(id)
}

/// `T0836 Modify Parameter`, or the id alone when the table does not know it.
#[must_use]
pub fn label(id: &str) -> String {
    match resolve(id) {
        Some(technique) => format!("{} {}", technique.id, full_name(technique)),
        None => id.to_owned(),
    }
}

/// How `named` relates to `truth`; `None` when it is another technique.
#[must_use]
pub fn relation(named: &str, truth: &str) -> Option<Relation> {
    let (named, truth) = (canonical(named), canonical(truth));
    if named == truth {
        return Some(Relation::Same);
    }
    let parent = resolve(truth).and_then(|technique| technique.parent);
    (parent == Some(named)).then_some(Relation::Parent)
}

/// True for a technique that is only a consequence: it is measured, not executed.
#[must_use]
pub fn is_impact(id: &str) -> bool {
    resolve(id).is_some_and(|technique| technique.tactics == ["impact"])
}

/// Every technique and sub-technique, by id.
pub fn techniques() -> impl Iterator<Item = &'static Technique> {
    table().techniques.values()
}

/// Name of a tactic by its short name.
#[must_use]
pub fn tactic_name(short_name: &str) -> Option<&'static str> {
    table().tactics.get(short_name).copied()
}

/// Short names of all tactics.
pub fn tactics() -> impl Iterator<Item = &'static str> + Clone {
    table().tactics.keys().copied()
}

fn full_name(technique: &Technique) -> String {
    match technique.parent.and_then(resolve) {
        Some(parent) => format!("{}: {}", parent.name, technique.name),
        None => technique.name.to_owned(),
    }
}

fn table() -> &'static Table {
    static PARSED: OnceLock<Table> = OnceLock::new();
    PARSED.get_or_init(|| parse(TABLE))
}

fn parse(text: &'static str) -> Table {
    let mut table = Table {
        techniques: BTreeMap::new(),
        revoked: BTreeMap::new(),
        tactics: BTreeMap::new(),
    };
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&'static str> = line.split('|').collect();
        match fields.as_slice() {
            ["tactic", short_name, _, name] => {
                table.tactics.insert(short_name, name);
            }
            ["technique", id, name, tactics] => {
                let technique = Technique {
                    id,
                    name,
                    tactics: tactics.split(',').collect(),
                    parent: id.split_once('.').map(|(parent, _)| parent),
                };
                table.techniques.insert(id, technique);
            }
            ["revoked", id, _, replacement] => {
                table.revoked.insert(id, replacement);
            }
            _ => {}
        }
    }
    table
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_table_is_whole() {
        // Numbers of v19.1: 79 techniques, 18 sub-techniques, 12 tactics, 9 revoked ids.
        assert_eq!(techniques().filter(|t| t.parent.is_none()).count(), 79);
        assert_eq!(techniques().filter(|t| t.parent.is_some()).count(), 18);
        assert_eq!(tactics().count(), 12);
        assert_eq!(table().revoked.len(), 9);
        for technique in techniques() {
            assert!(
                technique.tactics.iter().all(|t| tactic_name(t).is_some()),
                "{}",
                technique.id
            );
            assert!(
                technique.parent.is_none_or(|p| resolve(p).is_some()),
                "{}",
                technique.id
            );
        }
        for replacement in table().revoked.values() {
            assert!(
                table().techniques.contains_key(replacement),
                "{replacement}"
            );
        }
        assert!(TABLE.contains("reproduced and distributed with the permission of The MITRE"));
    }

    #[test]
    fn revoked_ids_lead_to_their_replacement() {
        assert_eq!(resolve("T0855").unwrap().id, "T1692.001");
        assert_eq!(canonical("T0856"), "T1692.002");
        assert_eq!(canonical("T0836"), "T0836");
        assert_eq!(
            label("T0855"),
            "T1692.001 Unauthorized Message: Command Message"
        );
        assert_eq!(label("T9999"), "T9999");
        assert!(resolve("T9999").is_none());
    }

    #[test]
    fn a_parent_is_accepted_and_a_sibling_is_not() {
        assert_eq!(relation("T0855", "T1692.001"), Some(Relation::Same));
        assert_eq!(relation("T1692", "T1692.001"), Some(Relation::Parent));
        assert_eq!(relation("T1692.002", "T1692.001"), None);
        assert_eq!(relation("T1692.001", "T1692"), None);
    }
}
