//! Charts as SVG: the timeline in lanes, and the curves of a plant on the same axis of time.
//!
//! Drawn by hand rather than by a plotting library so that every mark is a shape with a text beside
//! it, colours come from the page's style sheet, and nothing carries meaning by colour alone.

use crate::curve::round;
use crate::describe::clock;
use crate::report::PlantCurve;
use crate::{CurvePoint, Report, TimelineEvent, TimelineLane};
use maud::{Markup, html};
use sim_record::SimTime;

/// Width of every chart in its own units: the text of 13 units is still legible on paper.
const WIDTH: f64 = 900.0;
/// Left edge of the area of time; labels stand left of it.
const LEFT: f64 = 92.0;
/// Right edge of the area of time.
const RIGHT: f64 = 884.0;
/// Height of a row of the timeline.
const ROW: f64 = 20.0;
/// Most rows of one lane; what does not fit shares the last one.
const LANE_ROWS_MAX: usize = 28;
/// Width of a character of a label, on average, in the widest font that a browser is likely to take (DejaVu Sans).
const CHARACTER: f64 = 7.6;
/// Most vertices of a curve.
const VERTICES_MAX: usize = 900;
/// Height of the area of a curve.
const CURVE_HEIGHT: f64 = 210.0;
/// Most characters of a label in the timeline.
const LABEL_CHARS_MAX: usize = 72;
/// Room between a mark and its label.
const MARGIN: f64 = 8.0;

/// Lanes in the order of the picture, with their names.
pub(super) const LANES: [(TimelineLane, &str); 7] = [
    (TimelineLane::Attack, "Attack"),
    (TimelineLane::Detection, "Detection"),
    (TimelineLane::Alarm, "Alarm"),
    (TimelineLane::Report, "Report"),
    (TimelineLane::Response, "Response"),
    (TimelineLane::Plant, "Plant"),
    (TimelineLane::Match, "Match"),
];

/// The axis of time that all charts share.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    end_s: f64,
}

impl Axis {
    pub(super) fn of(report: &Report) -> Self {
        let end = report.summary.graded_until_us;
        Self {
            end_s: end.as_secs_f64().max(60.0),
        }
    }

    fn x(self, time: SimTime) -> f64 {
        let share = (time.as_secs_f64() / self.end_s).clamp(0.0, 1.0);
        LEFT + share * (RIGHT - LEFT)
    }

    /// Whole steps of time, about a dozen.
    fn ticks(self) -> Vec<SimTime> {
        let steps = [
            10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400,
        ];
        let fits = |step: &&u64| self.end_s / f64::from(u32::try_from(**step).unwrap_or(1)) <= 15.0;
        let step = steps.iter().find(fits).copied().unwrap_or(86_400);
        let mut ticks = Vec::new();
        let mut at = 0_u64;
        while SimTime::from_secs(at).as_secs_f64() <= self.end_s && ticks.len() < 20 {
            ticks.push(SimTime::from_secs(at));
            at = at.saturating_add(step);
        }
        ticks
    }

    fn draw(self, top: f64, bottom: f64) -> Markup {
        html! {
            @for tick in self.ticks() {
                line class="grid" x1=(n(self.x(tick))) x2=(n(self.x(tick))) y1=(n(top)) y2=(n(bottom)) {}
                text class="soft" x=(n(self.x(tick))) y=(n(bottom + 16.0)) text-anchor="middle" { (clock(tick)) }
            }
            line class="axis" x1=(n(LEFT)) x2=(n(RIGHT)) y1=(n(bottom)) y2=(n(bottom)) {}
        }
    }
}

/// One mark with the room that its label takes.
struct Mark<'r> {
    event: &'r TimelineEvent,
    label: String,
    /// Width of the label.
    width: f64,
    from: f64,
    to: f64,
    side: LabelSide,
}

/// Where the label of a mark stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LabelSide {
    Inside,
    Right,
    Left,
}

/// One lane with its marks in rows that do not overlap.
struct Lane<'r> {
    lane: TimelineLane,
    name: &'static str,
    rows: Vec<Vec<Mark<'r>>>,
    top: f64,
}

/// The timeline in lanes: attack, detections, alarms, reports, responses, plant, match.
pub(super) fn timeline(report: &Report, axis: Axis) -> Markup {
    let mut lanes = Vec::new();
    let mut y = 8.0;
    for (lane, name) in LANES {
        let events = report.timeline.iter().filter(|event| event.lane == lane);
        let rows = rows(events, axis);
        let height = ROW * count(rows.len().max(1)) + 10.0;
        lanes.push(Lane {
            lane,
            name,
            rows,
            top: y,
        });
        y += height;
    }
    let bottom = y;
    let summary = &report.summary;
    let (open, close) = (summary.red_window_from_us, summary.red_window_to_us);
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {}", n(bottom + 24.0))) role="img" aria-labelledby="timeline-title timeline-desc" {
            title id="timeline-title" { "Timeline of the match in lanes" }
            desc id="timeline-desc" {
                "One row for each attack and alarm, marks for detections, reports and responses. The same facts stand in the table below."
            }
            (patterns())
            @if close > open {
                rect class="window" x=(n(axis.x(open))) width=(n(axis.x(close) - axis.x(open))) y="0" height=(n(bottom)) {}
            }
            (axis.draw(0.0, bottom))
            @for lane in &lanes {
                line class="grid" x1="0" x2=(n(RIGHT)) y1=(n(lane.top - 4.0)) y2=(n(lane.top - 4.0)) {}
                text class="lane" x="4" y=(n(lane.top + 14.0)) { (lane.name) }
                @if lane.rows.is_empty() {
                    text class="soft" x=(n(LEFT + MARGIN)) y=(n(lane.top + 14.0)) { "none" }
                }
                @for (index, row) in lane.rows.iter().enumerate() {
                    @for mark in row {
                        (draw_mark(lane.lane, mark, lane.top + ROW * count(index)))
                    }
                }
            }
        }
    }
}

fn rows<'r>(events: impl Iterator<Item = &'r TimelineEvent>, axis: Axis) -> Vec<Vec<Mark<'r>>> {
    let mut rows: Vec<(f64, Vec<Mark<'r>>)> = Vec::new();
    for event in events {
        let mut mark = Mark::of(event, axis);
        let (left, right) = mark.room();
        let free = rows.iter().position(|(end, _)| *end + 6.0 <= left);
        let full = rows.len() >= LANE_ROWS_MAX;
        if free.is_none() && full {
            // No room for a label: the mark alone, in the last row; the table has all texts.
            mark.label.clear();
            mark.width = 0.0;
        }
        match free.or_else(|| full.then(|| rows.len().saturating_sub(1))) {
            Some(index) => {
                if let Some((end, marks)) = rows.get_mut(index) {
                    *end = end.max(right);
                    marks.push(mark);
                }
            }
            None => rows.push((right, vec![mark])),
        }
    }
    rows.into_iter().map(|(_, marks)| marks).collect()
}

impl<'r> Mark<'r> {
    fn of(event: &'r TimelineEvent, axis: Axis) -> Self {
        let from = axis.x(event.time);
        let to = event.until.map_or(from, |until| axis.x(until)).max(from);
        let text = event.text.strip_prefix("Detection ").unwrap_or(&event.text);
        let label = shortened(text, LABEL_CHARS_MAX);
        let rooms = [
            (LabelSide::Inside, to - from - 2.0 * MARGIN),
            (LabelSide::Right, WIDTH - to - MARGIN),
            (LabelSide::Left, from - LEFT - MARGIN),
        ];
        let wanted = text_width(&label);
        let fitting = rooms.into_iter().find(|(_, room)| wanted <= *room);
        let widest = rooms.into_iter().max_by(|(_, a), (_, b)| a.total_cmp(b));
        let (side, room) = fitting.or(widest).unwrap_or((LabelSide::Right, 0.0));
        let label = shortened(&label, characters_in(room));
        let width = text_width(&label);
        Self {
            event,
            label,
            width,
            from,
            to,
            side,
        }
    }

    /// From where to where the mark and its label reach.
    fn room(&self) -> (f64, f64) {
        let beside = self.width + MARGIN;
        match self.side {
            LabelSide::Inside => (self.from, self.to.max(self.from + beside)),
            LabelSide::Right => (self.from - MARGIN, self.to + beside),
            LabelSide::Left => (self.from - beside, self.to + MARGIN),
        }
    }
}

/// Cuts a label to so many characters.
fn shortened(text: &str, chars_max: usize) -> String {
    if text.chars().nth(chars_max).is_none() {
        return text.to_owned();
    }
    let kept: String = text.chars().take(chars_max.saturating_sub(1)).collect();
    format!("{}\u{2026}", kept.trim_end())
}

fn text_width(text: &str) -> f64 {
    CHARACTER * count(text.chars().count())
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "from 0 to a picture's width"
)]
fn characters_in(room: f64) -> usize {
    (room / CHARACTER).clamp(0.0, WIDTH) as usize
}

fn draw_mark(lane: TimelineLane, mark: &Mark<'_>, top: f64) -> Markup {
    let middle = top + ROW / 2.0;
    let (from, to) = (mark.from, mark.to);
    let (label_x, anchor) = match mark.side {
        LabelSide::Inside => (from + MARGIN, "start"),
        LabelSide::Right => (to + MARGIN, "start"),
        LabelSide::Left => (from - MARGIN, "end"),
    };
    let (class, shape) = shape(lane, from, middle);
    let inside = (mark.side == LabelSide::Inside).then_some("inside");
    html! {
        g {
            title { (clock(mark.event.time)) " " (mark.event.text) }
            @if mark.event.until.is_some() {
                rect class=(class) x=(n(from)) y=(n(middle - 8.0)) width=(n((to - from).max(3.0))) height="16" {}
            } @else {
                path class=(class) d=(shape) {}
            }
            text class=[inside] x=(n(label_x)) y=(n(middle + 4.5)) text-anchor=(anchor) { (mark.label) }
        }
    }
}

/// Class and outline of an event without length: each lane has a shape of its own.
fn shape(lane: TimelineLane, x: f64, y: f64) -> (&'static str, String) {
    let (l, r, t, b) = (n(x - 5.0), n(x + 5.0), n(y - 5.0), n(y + 5.0));
    let (x, y) = (n(x), n(y));
    let diamond = format!("M{l} {y}L{x} {t}L{r} {y}L{x} {b}Z");
    let square = format!("M{l} {t}L{r} {t}L{r} {b}L{l} {b}Z");
    match lane {
        TimelineLane::Attack => ("attack", format!("M{l} {t}L{r} {t}L{x} {b}Z")),
        TimelineLane::Alarm => ("alarm", format!("M{x} {t}L{r} {b}L{l} {b}Z")),
        TimelineLane::Detection => ("detection", diamond),
        TimelineLane::Report => ("report", square),
        TimelineLane::Response => ("response", format!("M{l} {t}L{r} {y}L{l} {b}Z")),
        TimelineLane::Plant => ("plant", diamond),
        TimelineLane::Match => ("match", square),
    }
}

/// Key signal of a plant with its band, its limit, and stretches tripped or unprotected.
pub(super) fn key_signal(curve: &PlantCurve, index: usize, axis: Axis) -> Markup {
    let values = curve.points.iter().map(|point| point.key);
    let (low, high) = values.fold((curve.low, curve.high), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    let near = curve.high + (curve.damage - curve.high) * 1.05;
    let scale = Scale::new(low, high.max(near));
    let caption = format!("{} of {} in {}", curve.signal, curve.plant, curve.unit);
    let (top_band, low_band) = (scale.y(curve.high), scale.y(curve.low));
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {}", n(CURVE_HEIGHT + 48.0))) role="img" aria-labelledby=(format!("key-{index}-title key-{index}-desc")) {
            title id=(format!("key-{index}-title")) { (caption) }
            desc id=(format!("key-{index}-desc")) {
                "Normal from " (short(curve.low)) " to " (short(curve.high)) ", damage at " (short(curve.damage)) ". The values stand in the table below."
            }
            rect class="band" x=(n(LEFT)) width=(n(RIGHT - LEFT)) y=(n(top_band)) height=(n(low_band - top_band)) {}
            (states(curve, axis))
            (axis.draw(8.0, CURVE_HEIGHT + 22.0))
            (scale.draw(&curve.unit))
            line class="limit" x1=(n(LEFT)) x2=(n(RIGHT)) y1=(n(scale.y(curve.damage))) y2=(n(scale.y(curve.damage))) {}
            text x=(n(LEFT + 6.0)) y=(n(scale.y(curve.damage) - 7.0)) { "damage " (short(curve.damage)) " " (curve.unit) }
            text x=(n(LEFT + 6.0)) y=(n(top_band - 5.0)) { "normal up to " (short(curve.high)) " " (curve.unit) }
            path class="curve" d=(path(&curve.points, axis, &scale, |point| point.key)) {}
        }
    }
}

/// Quality of service of a plant.
pub(super) fn quality(curve: &PlantCurve, index: usize, axis: Axis) -> Markup {
    let scale = Scale::new(0.0, 1.0);
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {}", n(CURVE_HEIGHT + 48.0))) role="img" aria-labelledby=(format!("q-{index}-title")) {
            title id=(format!("q-{index}-title")) { "Quality of service of " (curve.plant) ", 0 to 1. The values stand in the table below." }
            (axis.draw(8.0, CURVE_HEIGHT + 22.0))
            (scale.draw("Q"))
            line class="limit" x1=(n(LEFT)) x2=(n(RIGHT)) y1=(n(scale.y(curve.q0))) y2=(n(scale.y(curve.q0))) {}
            text x=(n(LEFT + 6.0)) y=(n(scale.y(curve.q0) + 16.0)) { "undisturbed " (short(curve.q0)) }
            path class="curve" d=(path(&curve.points, axis, &scale, |point| point.q)) {}
        }
    }
}

/// Stretches in which protection was inhibited or the plant tripped, as strips with a name.
fn states(curve: &PlantCurve, axis: Axis) -> Markup {
    let inhibited = stretches(&curve.points, |point| point.inhibited);
    let tripped = stretches(&curve.points, |point| point.tripped);
    let strip = |from: SimTime, to: SimTime, class: &str, text: &str| {
        let (x, width) = (axis.x(from), (axis.x(to) - axis.x(from)).max(2.0));
        let wide = width > text_width(text) + 2.0 * MARGIN;
        html! {
            rect class=(class) x=(n(x)) width=(n(width)) y=(n(CURVE_HEIGHT + 4.0)) height="18" {}
            @if wide {
                text class="inside" x=(n(x + 6.0)) y=(n(CURVE_HEIGHT + 17.5)) { (text) }
            }
        }
    };
    html! {
        @for (from, to) in inhibited { (strip(from, to, "state", "protection inhibited")) }
        @for (from, to) in tripped { (strip(from, to, "tripped", "tripped")) }
    }
}

fn stretches(
    points: &[CurvePoint],
    holds: impl Fn(&CurvePoint) -> bool,
) -> Vec<(SimTime, SimTime)> {
    let mut list = Vec::new();
    for stretch in points.chunk_by(|a, b| holds(a) == holds(b)) {
        if let (Some(first), Some(last)) = (stretch.first(), stretch.last())
            && holds(first)
        {
            list.push((first.time, last.time));
        }
    }
    list
}

/// Vertical scale of a curve.
struct Scale {
    low: f64,
    high: f64,
    step: f64,
}

impl Scale {
    fn new(low: f64, high: f64) -> Self {
        let span = (high - low).max(1e-6);
        let step = nice_step(span / 5.0);
        Self {
            low: libm::floor(low / step) * step,
            high: libm::ceil(high / step) * step,
            step,
        }
    }

    fn y(&self, value: f64) -> f64 {
        let share = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        CURVE_HEIGHT - share * (CURVE_HEIGHT - 8.0)
    }

    fn draw(&self, unit: &str) -> Markup {
        let mut ticks = Vec::new();
        let mut value = self.low;
        while value <= self.high + self.step / 2.0 && ticks.len() < 12 {
            ticks.push(value);
            value += self.step;
        }
        html! {
            @for tick in &ticks {
                line class="grid" x1=(n(LEFT)) x2=(n(RIGHT)) y1=(n(self.y(*tick))) y2=(n(self.y(*tick))) {}
                text class="soft" x=(n(LEFT - 8.0)) y=(n(self.y(*tick) + 4.5)) text-anchor="end" { (short(*tick)) }
            }
            text class="lane" x="4" y="20" { (unit) }
        }
    }
}

/// 1, 2 or 5 times a power of ten, not below `least`.
fn nice_step(least: f64) -> f64 {
    let power = libm::exp10(libm::floor(libm::log10(least)));
    let factor = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|factor| factor * power >= least);
    factor.unwrap_or(10.0) * power
}

fn path(
    points: &[CurvePoint],
    axis: Axis,
    scale: &Scale,
    value: impl Fn(&CurvePoint) -> f64,
) -> String {
    let mut path = String::new();
    let step = points.len().div_ceil(VERTICES_MAX).max(1);
    let last = points.len().saturating_sub(1);
    for (index, point) in points.iter().enumerate() {
        if index.checked_rem(step) == Some(0) || index == last {
            path.push(if path.is_empty() { 'M' } else { 'L' });
            path.push_str(&n(axis.x(point.time)));
            path.push(' ');
            path.push_str(&n(scale.y(value(point))));
        }
    }
    path
}

/// Pale, so that a label stands on them.
fn patterns() -> Markup {
    html! {
        defs {
            pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)" {
                rect width="6" height="6" fill="#fbe3e4" {}
                line x1="0" y1="0" x2="0" y2="6" stroke="#f0b9bd" stroke-width="3" {}
            }
            pattern id="dots" width="6" height="6" patternUnits="userSpaceOnUse" {
                rect width="6" height="6" fill="#efe6f8" {}
                circle cx="3" cy="3" r="1.3" fill="#b79ad8" {}
            }
            pattern id="cross" width="6" height="6" patternUnits="userSpaceOnUse" {
                rect width="6" height="6" fill="#fff" {}
                path d="M0 0L6 6M6 0L0 6" stroke="#b9bec6" stroke-width="1" {}
            }
        }
    }
}

/// A coordinate with one decimal.
fn n(value: f64) -> String {
    round(value, 10.0).to_string()
}

/// A value as people write it.
pub(super) fn short(value: f64) -> String {
    round(value, 100.0).to_string()
}

#[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn count(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Visibility;

    const AXIS: Axis = Axis { end_s: 1_620.0 };

    fn event(at_s: u64, seconds: Option<u64>) -> TimelineEvent {
        TimelineEvent {
            time: SimTime::from_secs(at_s),
            until: seconds.map(|seconds| SimTime::from_secs(at_s + seconds)),
            lane: TimelineLane::Attack,
            text: "T1692.001 Unauthorized Message: Command Message on a controller".into(),
            record: None,
            visibility: Visibility::Debrief,
        }
    }

    #[test]
    fn a_label_is_never_cut_off_by_the_picture_and_never_stands_on_the_name_of_its_lane() {
        for seconds in [None, Some(1), Some(300), Some(900), Some(1_620)] {
            for at_s in (0..=1_620).step_by(20) {
                let event = event(at_s, seconds);
                let mark = Mark::of(&event, AXIS);
                let (from, to) = match mark.side {
                    LabelSide::Inside => (mark.from + MARGIN, mark.from + MARGIN + mark.width),
                    LabelSide::Right => (mark.to + MARGIN, mark.to + MARGIN + mark.width),
                    LabelSide::Left => (mark.from - MARGIN - mark.width, mark.from - MARGIN),
                };
                assert!(
                    from >= LEFT && to <= WIDTH,
                    "{at_s} {seconds:?}: {from} to {to}"
                );
                assert!(mark.side != LabelSide::Inside || to <= mark.to);
                // What is cut says so, and keeps enough to be told apart.
                let whole = mark.label == event.text;
                assert!(
                    whole || mark.label.ends_with('\u{2026}') && mark.label.chars().count() > 40
                );
            }
        }
    }

    #[test]
    fn marks_of_one_row_leave_each_other_room() {
        let events: Vec<_> = (0..60)
            .map(|n| event(n * 27, (n % 3 == 0).then_some(n * 5)))
            .collect();
        let mut labelled = 0;
        for row in rows(events.iter(), AXIS) {
            let named: Vec<_> = row.iter().filter(|mark| mark.width > 0.0).collect();
            labelled += named.len();
            for pair in named.windows(2) {
                assert!(pair[0].room().1 < pair[1].room().0);
            }
        }
        assert!(labelled > 20, "{labelled}");
    }
}
