//! Answers in words.

use super::{ACK, ACK_DATA, JOB, USERDATA};
use crate::conformance::probe::Probe;

/// Puts into words what came back for a probe: whole frames, and bytes that make none.
pub fn describe(probe: &Probe, frames: &[&[u8]], rest: &[u8]) -> String {
    let asked = probe.segments.first().map_or(&[][..], Vec::as_slice);
    let mut words: Vec<String> = frames.iter().map(|frame| one(asked, frame)).collect();
    words.dedup();
    let mut text = words.join(", then ");
    if probe.answers > 1 && frames.len() != probe.answers {
        text = format!("{text}, {} of {}", frames.len(), probe.answers);
    }
    if !rest.is_empty() {
        text = "wrong TPKT length".into();
    }
    text
}

fn one(asked: &[u8], answer: &[u8]) -> String {
    match answer.get(5) {
        Some(0xD0) => return "CC".into(),
        Some(0x80) => return "DR".into(),
        Some(0xC0) => return "DC".into(),
        Some(0x70) => return "ER".into(),
        Some(0xF0) => {}
        _ => return "no COTP".into(),
    }
    let telegram = answer.get(7..).unwrap_or_default();
    let [0x32, kind, _, _, r1, r2, p1, p2, d1, d2, behind @ ..] = telegram else {
        return "no S7 telegram".into();
    };
    let mut behind = behind;
    let mut error = 0;
    if let (ACK | ACK_DATA, [class, code, after @ ..]) = (*kind, behind) {
        error = u16::from_be_bytes([*class, *code]);
        behind = after;
    }
    let parameter_bytes = usize::from(u16::from_be_bytes([*p1, *p2]));
    let data_bytes = usize::from(u16::from_be_bytes([*d1, *d2]));
    let reference = asked.get(11..13);
    if parameter_bytes + data_bytes != behind.len() {
        return "telegram of a wrong length".into();
    }
    if reference.is_some_and(|asked| asked != [*r1, *r2]) && *kind != JOB {
        return "wrong reference".into();
    }
    let (parameters, data) = behind.split_at(parameter_bytes);
    match *kind {
        ACK | ACK_DATA if error != 0 => format!("error {error:04X}"),
        ACK => "acknowledged".into(),
        ACK_DATA => acknowledged(asked, parameters, data),
        USERDATA => userdata_answer(parameters, data),
        JOB => format!("job {:02X}", parameters.first().unwrap_or(&0)),
        other => format!("telegram of kind {other}"),
    }
}

fn acknowledged(asked: &[u8], parameters: &[u8], data: &[u8]) -> String {
    let function = asked.get(17);
    match *parameters {
        [function_back, ..] if Some(&function_back) != function => {
            format!("function {function_back:02X} instead")
        }
        [0xF0, .., high, low] => format!("PDU {}", u16::from_be_bytes([high, low])),
        [4, count, ..] => variables(asked, count, read_items(data)),
        [5, count, ..] => {
            let items = data.iter().map(|code| (*code, 0)).collect();
            variables(asked, count, Some(items))
        }
        _ => "data".into(),
    }
}

/// Return code and bytes of each variable of a read; `None` where the lengths do not fit.
fn read_items(data: &[u8]) -> Option<Vec<(u8, usize)>> {
    let mut items = Vec::new();
    let mut rest = data;
    while let [code, kind, high, low, behind @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let bytes = match (code, kind) {
            (0xFF, 3) => length,
            (0xFF, 4 | 5) => length.div_ceil(8),
            (0xFF, _) => length,
            _ => 0,
        };
        behind.get(..bytes)?;
        items.push((*code, bytes));
        // A variable of an odd length is filled up, but the last.
        rest = behind.get(bytes + bytes % 2..).unwrap_or_default();
    }
    rest.is_empty().then_some(items)
}

fn variables(asked: &[u8], told: u8, items: Option<Vec<(u8, usize)>>) -> String {
    let Some(items) = items else {
        return "variables of a wrong length".into();
    };
    let wanted = usize::from(asked.get(18).copied().unwrap_or(0));
    let mut text = String::new();
    if items.len() != wanted || usize::from(told) != wanted {
        text = format!("{} of {wanted} variables, ", items.len());
    }
    if items.iter().all(|(code, _)| *code == 0xFF) {
        let bytes: usize = items.iter().map(|(_, bytes)| bytes).sum();
        text.push_str("data");
        if bytes > 0 {
            text.push_str(&format!(", {bytes} byte{}", plural(bytes)));
        }
        return text;
    }
    let codes: Vec<String> = items
        .iter()
        .map(|(code, _)| format!("{code:02X}"))
        .collect();
    format!("{text}item {}", codes.join(" "))
}

fn userdata_answer(parameters: &[u8], data: &[u8]) -> String {
    let [_, _, _, _, _, kind, _, _, more @ ..] = parameters else {
        return "userdata without parameters".into();
    };
    if kind >> 4 == 4 {
        return "a request back".into();
    }
    if let [_, _, high, low, ..] = more
        && (*high, *low) != (0, 0)
    {
        return format!("error {:04X}", u16::from_be_bytes([*high, *low]));
    }
    let more_follows = matches!(more, [_, last, ..] if *last != 0);
    let mut text = match data {
        [0xFF, ..] => "data".to_owned(),
        [0x0A, ..] => "acknowledged".to_owned(),
        [code, ..] => format!("item {code:02X}"),
        [] => "no data".to_owned(),
    };
    // A list tells its own records: id, index, bytes of a record, count.
    if kind & 0x0F == 4
        && let [0xFF, _, _, _, _, _, _, _, b1, b2, c1, c2, ..] = data
    {
        let (bytes, count) = (
            u16::from_be_bytes([*b1, *b2]),
            u16::from_be_bytes([*c1, *c2]),
        );
        let (records, long) = (plural(count.into()), plural(bytes.into()));
        text = format!("{count} record{records} of {bytes} byte{long}");
        let held = data.len() - 12;
        if !more_follows && held != usize::from(bytes) * usize::from(count) {
            text.push_str(&format!(", {held} bytes sent"));
        }
    }
    if more_follows {
        text.push_str(", more follows");
    }
    text
}

const fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
