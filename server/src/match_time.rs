//! Virtual times as users type them.

use sim_record::SimTime;

/// Reads `SS`, `MM:SS` or `HH:MM:SS`, each with an optional fraction of a second.
///
/// # Errors
/// Says what is expected.
pub fn parse_time(text: &str) -> Result<SimTime, String> {
    let expected =
        || format!("`{text}` is not a time; write seconds, MM:SS or HH:MM:SS, such as 12:30");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let parts: Vec<&str> = whole.split(':').collect();
    if parts.len() > 3 || fraction.len() > 6 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return Err(expected());
    }
    let mut seconds = 0_u64;
    for (index, part) in parts.iter().enumerate() {
        let digits =
            !part.is_empty() && part.len() <= 9 && part.bytes().all(|b| b.is_ascii_digit());
        let value: u64 = part.parse().map_err(|_| expected())?;
        if !digits || (index > 0 && value >= 60) {
            return Err(expected());
        }
        seconds = seconds.saturating_mul(60).saturating_add(value);
    }
    let micros: u64 = format!("{fraction:0<6}").parse().map_err(|_| expected())?;
    Ok(SimTime(
        seconds.saturating_mul(1_000_000).saturating_add(micros),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_people_write_them() {
        assert_eq!(parse_time("90"), Ok(SimTime::from_secs(90)));
        assert_eq!(parse_time("12:30"), Ok(SimTime::from_secs(750)));
        assert_eq!(parse_time("1:00:00.25"), Ok(SimTime(3_600_250_000)));
        for bad in [
            "",
            "1:",
            "1:60",
            "a",
            "-1",
            "1.0000001",
            "1:2:3:4",
            "+1",
            "99999999999",
        ] {
            assert!(parse_time(bad).is_err(), "{bad}");
        }
    }
}
