//! Times: the start, the paces, periods and delays.

use sim_authored::{Findings, Spanned, code, quote};

use crate::limits::{MATCH_S_MAX, PERIOD_MS};
use crate::names::Context;
use crate::raw_v1 as raw;
use crate::rule_range::within;
use crate::values::parse_utc_us;

pub(crate) fn check(context: &Context, findings: &mut Findings) {
    let raw = context.raw;
    if parse_utc_us(&raw.start_utc).is_none() {
        let there = format!("`{}` is not an instant", quote(&raw.start_utc));
        let help = "write one such as `2026-03-12T13:10:00Z`";
        findings.push(raw.start_utc.problem(code::BAD_INSTANT, there, help));
    }
    for (_, pace) in &raw.paces {
        check_pace(pace, findings);
    }
    for hmi in &raw.hmis {
        within(&hmi.period_ms, PERIOD_MS.0, PERIOD_MS.1, " ms", findings);
        within(&hmi.stale_ms, PERIOD_MS.0, PERIOD_MS.1, " ms", findings);
        if *hmi.stale_ms <= *hmi.period_ms {
            let there = "values would be stale before the next poll";
            let found =
                hmi.stale_ms
                    .problem(code::TIME_ORDER, there, "write more than `period_ms`");
            findings.push(found.related(hmi.period_ms.span, "the poll period"));
        }
    }
    for historian in &raw.historians {
        within(
            &historian.period_ms,
            PERIOD_MS.0,
            PERIOD_MS.1,
            " ms",
            findings,
        );
    }
    for alarm in &raw.alarms {
        within(&alarm.on_delay_s, 0.0, MATCH_S_MAX, " s", findings);
        within(&alarm.off_delay_s, 0.0, MATCH_S_MAX, " s", findings);
        within(&alarm.priority, 1, 4, "", findings);
        within(&alarm.deadband, 0.0, f64::MAX, "", findings);
        within(&alarm.time_to_respond_s, 1, 86_400, " s", findings);
    }
    for detection in &raw.detections {
        within(&detection.rearm_s, 0.0, MATCH_S_MAX, " s", findings);
        check_detection(&detection.rule, findings);
    }
    for inject in &raw.injects {
        if let Some(at_s) = &inject.at_s {
            within(at_s, 0.0, MATCH_S_MAX, " s", findings);
        }
    }
    within(&raw.vary.attack_start_max_s, 0, 86_400, " s", findings);
    within(&raw.vary.benign_jitter_max_s, 0, 3600, " s", findings);
    within(&raw.vary.register_offset_max, 0, 10_000, "", findings);
}

fn check_pace(pace: &raw::Pace, findings: &mut Findings) {
    for time in [&pace.red_from_s, &pace.red_until_s, &pace.ends_s] {
        within(time, 0.0, MATCH_S_MAX, " s", findings);
    }
    before(
        &pace.red_from_s,
        &pace.red_until_s,
        "red's window opens here",
        findings,
    );
    before(
        &pace.red_until_s,
        &pace.ends_s,
        "red's window closes here",
        findings,
    );
}

fn before(first: &Spanned<f64>, second: &Spanned<f64>, words: &str, findings: &mut Findings) {
    if second.value <= first.value {
        let there = format!("{} s is not after {} s", second.value, first.value);
        let found = second.problem(code::TIME_ORDER, there, "write a later time");
        findings.push(found.related(first.span, words));
    }
}

fn check_detection(rule: &raw::DetectionRule, findings: &mut Findings) {
    match rule {
        raw::DetectionRule::Scan { pairs, seconds } => {
            within(pairs, 1, 65_536, "", findings);
            within(seconds, 1, 86_400, " s", findings);
        }
        raw::DetectionRule::Deviation { limit, seconds, .. } => {
            within(limit, 0.0, f64::MAX, "", findings);
            within(seconds, 0, 86_400, " s", findings);
        }
        _ => {}
    }
}
