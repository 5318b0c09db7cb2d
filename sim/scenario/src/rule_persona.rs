//! Personas: the kind of device exists, its key has the position, and a controller without one tells everything itself.

use sim_authored::{Findings, Spanned, code};
use sim_view::KeyPosition;

use crate::names::{Context, Kind};
use crate::personas::{persona, personas};
use crate::raw_v1 as raw;

pub(crate) fn check(context: &Context, findings: &mut Findings) {
    let known = Kind::new("persona", personas().iter().map(|p| p.id.as_str()));
    for controller in &context.raw.controllers {
        if let Some(id) = check_told(&known, &controller.persona, findings)
            && let Some(device) = persona(&id)
        {
            check_key(&id, controller.key, &device.keys, findings);
        }
    }
    for controller in &context.raw.external_controllers {
        check_told(&known, &controller.persona, findings);
    }
}

/// Reports what is missing or unknown; the kind of device, if one is named.
fn check_told(
    known: &Kind,
    told: &Spanned<raw::Persona>,
    findings: &mut Findings,
) -> Option<Spanned<String>> {
    let id = match &told.value {
        raw::Persona::Named(id) => Some(Spanned::new(id.clone(), told.span)),
        raw::Persona::Written(written) => {
            if written.like.is_none() {
                check_complete(told, written, findings);
            }
            written.like.clone()
        }
    }?;
    known.check(&id, findings);
    Some(id)
}

fn check_complete(
    told: &Spanned<raw::Persona>,
    written: &raw::WrittenPersona,
    findings: &mut Findings,
) {
    let fields = [
        ("vendor", &written.vendor),
        ("product", &written.product),
        ("revision", &written.revision),
        ("model", &written.model),
    ];
    for (name, _) in fields.iter().filter(|(_, value)| value.is_none()) {
        let there = format!("the persona has no `{name}`");
        let help = "write it, or name a persona with `like`; `trippoint list personas` shows them";
        findings.push(told.problem(code::MISSING_FIELD, there, help));
    }
}

fn check_key(
    id: &Spanned<String>,
    key: KeyPosition,
    keys: &[KeyPosition],
    findings: &mut Findings,
) {
    if !keys.contains(&key) {
        let there = format!("the key of this persona has no position {key:?}");
        let help = format!("its positions are {keys:?}");
        findings.push(id.problem(code::OUT_OF_RANGE, there, help));
    }
}
