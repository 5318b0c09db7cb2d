//! Plants: kind, parameters, initial states, signals.

use sim_authored::{Findings, Spanned, code, did_you_mean, quote};
use sim_plant::{PLANTS, PlantKind, SignalKind, SignalSpec, plant};

use crate::names::Context;
use crate::raw_v1::{self as raw, Text};
use crate::rule_range::{ascending, within};
use crate::values::parse_signal;

pub(crate) fn check(context: &Context, findings: &mut Findings) {
    for (_, plant) in &context.raw.plants {
        check_plant(plant, findings);
    }
    for (_, signal) in &context.raw.gauges {
        check_signal(context, signal, SignalKind::Truth, findings);
    }
    for (_, cast) in &context.raw.casts {
        context_initial_states(context, cast, findings);
    }
}

/// Reports a `plant/signal` that names no signal of this kind; returns its declaration.
pub(crate) fn check_signal(
    context: &Context,
    text: &Text,
    kind: SignalKind,
    findings: &mut Findings,
) -> Option<&'static SignalSpec> {
    let Some(signal) = parse_signal(text) else {
        let there = format!("`{}` is not a signal", quote(text));
        findings.push(text.problem(code::UNKNOWN_SIGNAL, there, "write `plant/signal`"));
        return None;
    };
    let Some(plant_of) = context.raw.plants.get(&signal.plant) else {
        context
            .names
            .plants
            .check_at(&signal.plant, text.span, findings);
        return None;
    };
    let kind_of_plant = plant(&plant_of.kind)?;
    check_signal_name(kind_of_plant, kind, &signal.signal, text, findings)
}

fn check_plant(raw: &raw::Plant, findings: &mut Findings) {
    let Some(kind) = plant(&raw.kind) else {
        let there = format!("there is no kind of plant `{}`", quote(&raw.kind));
        let help = did_you_mean(&raw.kind, PLANTS.iter().map(|kind| kind.id()));
        findings.push(raw.kind.problem(code::UNKNOWN_PLANT, there, help));
        return;
    };
    for (name, value) in &raw.params {
        check_parameter(kind, name, value, findings);
    }
    check_initial_state(kind, &raw.initial, findings);
    within(&raw.q0, 0.0, 1.0, "", findings);
    for signal in &raw.sampled {
        check_signal_name(kind, SignalKind::Truth, signal, signal, findings);
    }
    let key = &raw.key_signal;
    check_signal_name(kind, SignalKind::Truth, &key.signal, &key.signal, findings);
    ascending(
        &key.normal_low,
        &key.normal_high,
        ("low limit", "high limit"),
        findings,
    );
    ascending(
        &key.normal_high,
        &key.damage,
        ("high limit", "limit of damage"),
        findings,
    );
    ascending(
        &key.normal_high,
        &raw.unsafe_above,
        ("high limit", "limit of safety"),
        findings,
    );
}

fn check_parameter(
    kind: &dyn PlantKind,
    name: &Text,
    value: &Spanned<f64>,
    findings: &mut Findings,
) {
    let Some(spec) = kind.params().iter().find(|spec| spec.name == name.value) else {
        let there = format!("`{}` has no parameter `{}`", kind.id(), quote(name));
        let help = did_you_mean(name, kind.params().iter().map(|spec| spec.name));
        findings.push(name.problem(code::UNKNOWN_PARAMETER, there, help));
        return;
    };
    if !spec.accepts(value.value) {
        let whole = if spec.whole { ", a whole number" } else { "" };
        let there = format!("{} is out of range", value.value);
        let help = format!("write {} to {} {}{whole}", spec.min, spec.max, spec.unit);
        findings.push(value.problem(
            code::OUT_OF_RANGE,
            there,
            help.replace(" ,", ",").trim_end(),
        ));
    }
}

fn check_initial_state(kind: &dyn PlantKind, state: &Text, findings: &mut Findings) {
    if !kind.initial_states().contains(&state.value.as_str()) {
        let there = format!("`{}` has no initial state `{}`", kind.id(), quote(state));
        let help = did_you_mean(state, kind.initial_states().iter().copied());
        findings.push(state.problem(code::UNKNOWN_INITIAL_STATE, there, help));
    }
}

fn context_initial_states(context: &Context, cast: &raw::Cast, findings: &mut Findings) {
    for (plant_name, state) in &cast.initial {
        context.names.plants.check(plant_name, findings);
        let of = context.raw.plants.get(plant_name);
        if let Some(kind) = of.and_then(|raw| plant(&raw.kind)) {
            check_initial_state(kind, state, findings);
        }
    }
}

fn check_signal_name(
    plant: &dyn PlantKind,
    kind: SignalKind,
    name: &str,
    at: &Text,
    findings: &mut Findings,
) -> Option<&'static SignalSpec> {
    let signals = plant.signals().iter().filter(|spec| spec.kind == kind);
    let found = signals.clone().find(|spec| spec.name == name);
    if found.is_none() {
        let what = match kind {
            SignalKind::Measurement => "measurement",
            SignalKind::Actuator => "actuator",
            SignalKind::Truth => "truth",
        };
        let there = format!("`{}` has no {what} `{}`", plant.id(), quote(name));
        let help = did_you_mean(name, signals.map(|spec| spec.name));
        findings.push(at.problem(code::UNKNOWN_SIGNAL, there, help));
    }
    found
}
