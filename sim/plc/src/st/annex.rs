//! The function blocks of the standard that go beyond bits, timers and INT counters: counters of other types, SEMA, RTC
//! and the examples of its annex (IEC 61131-3, edition 2, annex F), as OpenPLC's library has them.

use super::blocks::{Cycle, Member, Role};
use super::fault::FaultKind;
use super::numeric::{f32_of, i64_of, real, slot_f32, slot_i64};
use super::types::{IntTy, RANGES, Ty};
use Role::{Hidden, Input, Output};

/// A block that a program may replace with one of its own of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Library {
    Ctu(Count),
    Ctd(Count),
    Ctud(Count),
    Sema,
    Rtc,
    Hysteresis,
    Integral,
    Derivative,
    Ramp,
    Pid,
}

/// Type of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Count {
    Int,
    Dint,
    Lint,
    Udint,
    Ulint,
}

impl Count {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "INT" => Self::Int,
            "DINT" => Self::Dint,
            "LINT" => Self::Lint,
            "UDINT" => Self::Udint,
            "ULINT" => Self::Ulint,
            _ => return None,
        })
    }

    /// Smallest and largest count. A ULINT counts as far as a LINT, which nobody will see.
    fn range(self) -> (i64, i64) {
        let ty = match self {
            Self::Int => IntTy::Int,
            Self::Dint => IntTy::Dint,
            Self::Lint => IntTy::Lint,
            Self::Udint => IntTy::Udint,
            Self::Ulint => IntTy::Ulint,
        };
        RANGES.get(ty as usize).copied().unwrap_or((0, 0))
    }

    /// A preset value; one of ULINT above the range of the count is as good as its end.
    fn preset(self, bits: u64) -> i64 {
        if self == Self::Ulint {
            i64::try_from(bits).unwrap_or(i64::MAX)
        } else {
            i64_of(bits)
        }
    }
}

const fn up(ty: Ty) -> [Member; 6] {
    [
        ("CU", Ty::Bool, Input, 0),
        ("R", Ty::Bool, Input, 0),
        ("PV", ty, Input, 0),
        ("Q", Ty::Bool, Output, 0),
        ("CV", ty, Output, 0),
        ("_CU", Ty::Bool, Hidden, 0),
    ]
}

const fn down(ty: Ty) -> [Member; 6] {
    [
        ("CD", Ty::Bool, Input, 0),
        ("LD", Ty::Bool, Input, 0),
        ("PV", ty, Input, 0),
        ("Q", Ty::Bool, Output, 0),
        ("CV", ty, Output, 0),
        ("_CD", Ty::Bool, Hidden, 0),
    ]
}

const fn both(ty: Ty) -> [Member; 10] {
    [
        ("CU", Ty::Bool, Input, 0),
        ("CD", Ty::Bool, Input, 0),
        ("R", Ty::Bool, Input, 0),
        ("LD", Ty::Bool, Input, 0),
        ("PV", ty, Input, 0),
        ("QU", Ty::Bool, Output, 0),
        ("QD", Ty::Bool, Output, 0),
        ("CV", ty, Output, 0),
        ("_CU", Ty::Bool, Hidden, 0),
        ("_CD", Ty::Bool, Hidden, 0),
    ]
}

/// Members of the counters in the order of [`Count`].
static UP: [[Member; 6]; 5] = [
    up(Ty::Int),
    up(Ty::Dint),
    up(Ty::Lint),
    up(Ty::Udint),
    up(Ty::Ulint),
];
static DOWN: [[Member; 6]; 5] = [
    down(Ty::Int),
    down(Ty::Dint),
    down(Ty::Lint),
    down(Ty::Udint),
    down(Ty::Ulint),
];
static BOTH: [[Member; 10]; 5] = [
    both(Ty::Int),
    both(Ty::Dint),
    both(Ty::Lint),
    both(Ty::Udint),
    both(Ty::Ulint),
];
const SEMA: [Member; 4] = [
    ("CLAIM", Ty::Bool, Input, 0),
    ("RELEASE", Ty::Bool, Input, 0),
    ("BUSY", Ty::Bool, Output, 0),
    ("_X", Ty::Bool, Hidden, 0),
];
const RTC: [Member; 6] = [
    ("IN", Ty::Bool, Input, 0),
    ("PDT", Ty::Dt, Input, 0),
    ("Q", Ty::Bool, Output, 0),
    ("CDT", Ty::Dt, Output, 0),
    ("_START", Ty::Time, Hidden, 0),
    ("_IN", Ty::Bool, Hidden, 0),
];
const HYSTERESIS: [Member; 4] = [
    ("XIN1", Ty::Real, Input, 0),
    ("XIN2", Ty::Real, Input, 0),
    ("EPS", Ty::Real, Input, 0),
    ("Q", Ty::Bool, Output, 0),
];
const INTEGRAL: [Member; 7] = [
    ("RUN", Ty::Bool, Input, 0),
    ("R1", Ty::Bool, Input, 0),
    ("XIN", Ty::Real, Input, 0),
    ("X0", Ty::Real, Input, 0),
    ("CYCLE", Ty::Time, Input, 0),
    ("Q", Ty::Bool, Output, 0),
    ("XOUT", Ty::Real, Output, 0),
];
const DERIVATIVE: [Member; 7] = [
    ("RUN", Ty::Bool, Input, 0),
    ("XIN", Ty::Real, Input, 0),
    ("CYCLE", Ty::Time, Input, 0),
    ("XOUT", Ty::Real, Output, 0),
    ("_X1", Ty::Real, Hidden, 0),
    ("_X2", Ty::Real, Hidden, 0),
    ("_X3", Ty::Real, Hidden, 0),
];
const RAMP: [Member; 9] = [
    ("RUN", Ty::Bool, Input, 0),
    ("X0", Ty::Real, Input, 0),
    ("X1", Ty::Real, Input, 0),
    ("TR", Ty::Time, Input, 0),
    ("CYCLE", Ty::Time, Input, 0),
    ("BUSY", Ty::Bool, Output, 0),
    ("XOUT", Ty::Real, Output, 0),
    ("_XI", Ty::Real, Hidden, 0),
    ("_T", Ty::Time, Hidden, 0),
];
const PID: [Member; 13] = [
    ("AUTO", Ty::Bool, Input, 0),
    ("PV", Ty::Real, Input, 0),
    ("SP", Ty::Real, Input, 0),
    ("X0", Ty::Real, Input, 0),
    ("KP", Ty::Real, Input, 0),
    ("TR", Ty::Real, Input, 0),
    ("TD", Ty::Real, Input, 0),
    ("CYCLE", Ty::Time, Input, 0),
    ("XOUT", Ty::Real, Output, 0),
    ("_ITERM", Ty::Real, Hidden, 0),
    ("_X1", Ty::Real, Hidden, 0),
    ("_X2", Ty::Real, Hidden, 0),
    ("_X3", Ty::Real, Hidden, 0),
];

impl Library {
    pub fn named(name: &str) -> Option<Self> {
        let counter = |prefix: &str| Count::named(name.strip_prefix(prefix)?);
        if let Some(count) = counter("CTU_") {
            return Some(Self::Ctu(count));
        }
        if let Some(count) = counter("CTD_") {
            return Some(Self::Ctd(count));
        }
        if let Some(count) = counter("CTUD_") {
            return Some(Self::Ctud(count));
        }
        Some(match name {
            "SEMA" => Self::Sema,
            "RTC" => Self::Rtc,
            "HYSTERESIS" => Self::Hysteresis,
            "INTEGRAL" => Self::Integral,
            "DERIVATIVE" => Self::Derivative,
            "RAMP" => Self::Ramp,
            _ => return None,
        })
    }

    /// Members in the order of their slots.
    pub fn members(self) -> &'static [Member] {
        match self {
            Self::Ctu(count) => UP.get(count as usize).map_or(&[], |m| m),
            Self::Ctd(count) => DOWN.get(count as usize).map_or(&[], |m| m),
            Self::Ctud(count) => BOTH.get(count as usize).map_or(&[], |m| m),
            Self::Sema => &SEMA,
            Self::Rtc => &RTC,
            Self::Hysteresis => &HYSTERESIS,
            Self::Integral => &INTEGRAL,
            Self::Derivative => &DERIVATIVE,
            Self::Ramp => &RAMP,
            Self::Pid => &PID,
        }
    }

    /// Runs the block on its members.
    pub fn call(self, m: &mut [u64], cycle: Cycle) -> Result<(), FaultKind> {
        match (self, m) {
            (Self::Ctu(_) | Self::Ctd(_) | Self::Ctud(_), m) => self.count(m),
            (Self::Sema, [claim, release, busy, x, ..]) => {
                *busy = *x;
                if *claim != 0 {
                    *x = 1;
                } else if *release != 0 {
                    (*busy, *x) = (0, 0);
                }
            }
            (Self::Rtc, [input, pdt, q, cdt, start, last, ..]) => {
                if *input != 0 {
                    if *last == 0 {
                        *start = slot_i64(cycle.now_us);
                    }
                    let elapsed_us = cycle.now_us.saturating_sub(i64_of(*start));
                    *cdt = slot_i64(i64_of(*pdt).saturating_add(elapsed_us));
                }
                (*q, *last) = (*input, *input);
            }
            (Self::Hysteresis, [xin1, xin2, eps, q, ..]) => {
                let (x1, x2, eps) = (f32_of(*xin1), f32_of(*xin2), f32_of(*eps));
                *q = u64::from(if *q != 0 {
                    x1 >= x2 - eps
                } else {
                    x1 > x2 + eps
                });
            }
            (Self::Integral, [run, r1, xin, x0, cycle, q, xout, ..]) => {
                *q = *r1 ^ 1;
                integrate((*run != 0, *r1 != 0), (*xin, *x0), seconds(*cycle), xout)?;
            }
            (Self::Derivative, [run, xin, cycle, xout, x1, x2, x3, ..]) => {
                *xout = derive(*run != 0, *xin, seconds(*cycle), [x1, x2, x3])?;
            }
            (Self::Ramp, [run, x0, x1, tr, cycle, busy, xout, xi, t, ..]) => {
                *busy = *run;
                if *run == 0 {
                    (*xout, *xi, *t) = (*x0, *x0, 0);
                } else if i64_of(*t) >= i64_of(*tr) {
                    (*busy, *xout) = (0, *x1);
                } else {
                    let (from, to) = (f32_of(*xi), f32_of(*x1));
                    *xout = checked(from + (to - from) * seconds(*t) / seconds(*tr))?;
                    *t = slot_i64(i64_of(*t).saturating_add(i64_of(*cycle)));
                }
            }
            (
                Self::Pid,
                [
                    auto,
                    pv,
                    sp,
                    x0,
                    kp,
                    tr,
                    td,
                    cycle,
                    xout,
                    iterm,
                    x1,
                    x2,
                    x3,
                    ..,
                ],
            ) => {
                let (kp, tr, td) = (f32_of(*kp), f32_of(*tr), f32_of(*td));
                let error = checked(f32_of(*pv) - f32_of(*sp))?;
                // In manual the integral is such that the output is X0.
                let held = checked(tr * (f32_of(*x0) - f32_of(error)))?;
                let cycle_s = seconds(*cycle);
                integrate((*auto != 0, *auto == 0), (error, held), cycle_s, iterm)?;
                let rate = f32_of(derive(*auto != 0, error, cycle_s, [x1, x2, x3])?);
                if tr == 0.0 {
                    return Err(FaultKind::DivisionByZero);
                }
                *xout = checked(kp * (f32_of(error) + f32_of(*iterm) / tr + rate * td))?;
            }
            _ => {}
        }
        Ok(())
    }

    fn count(self, m: &mut [u64]) {
        match (self, m) {
            (Self::Ctu(count), [cu, r, pv, q, cv, last, ..]) => {
                let edge = std::mem::replace(last, *cu) == 0 && *cu != 0;
                counted(count, (edge, false), (*r != 0).then_some(0), cv);
                *q = u64::from(i64_of(*cv) >= count.preset(*pv));
            }
            (Self::Ctd(count), [cd, ld, pv, q, cv, last, ..]) => {
                let edge = std::mem::replace(last, *cd) == 0 && *cd != 0;
                let load = (*ld != 0).then(|| count.preset(*pv));
                counted(count, (false, edge), load, cv);
                *q = u64::from(i64_of(*cv) <= 0);
            }
            (Self::Ctud(count), [cu, cd, r, ld, pv, qu, qd, cv, last_up, last_down, ..]) => {
                let up = std::mem::replace(last_up, *cu) == 0 && *cu != 0;
                let down = std::mem::replace(last_down, *cd) == 0 && *cd != 0;
                let load = (*ld != 0).then(|| count.preset(*pv));
                counted(count, (up, down), if *r != 0 { Some(0) } else { load }, cv);
                *qu = u64::from(i64_of(*cv) >= count.preset(*pv));
                *qd = u64::from(i64_of(*cv) <= 0);
            }
            _ => {}
        }
    }
}

/// Loads a count or moves it by one, but not beyond its range.
fn counted(count: Count, edges: (bool, bool), load: Option<i64>, cv: &mut u64) {
    let (low, high) = count.range();
    let value = i64_of(*cv);
    *cv = slot_i64(match (load, edges) {
        (Some(value), _) => value,
        (None, (true, false)) if value < high => value + 1,
        (None, (false, true)) if value > low => value - 1,
        _ => value,
    });
}

fn integrate(
    (run, reset): (bool, bool),
    (xin, x0): (u64, u64),
    cycle_s: f32,
    xout: &mut u64,
) -> Result<(), FaultKind> {
    if reset {
        *xout = x0;
    } else if run {
        *xout = checked(f32_of(*xout) + f32_of(xin) * cycle_s)?;
    }
    Ok(())
}

/// Rate of change by the four last values (annex F, DERIVATIVE).
fn derive(run: bool, xin: u64, cycle_s: f32, last: [&mut u64; 3]) -> Result<u64, FaultKind> {
    let [x1, x2, x3] = last;
    if !run {
        (*x1, *x2, *x3) = (xin, xin, xin);
        return Ok(slot_f32(0.0));
    }
    if cycle_s == 0.0 {
        return Err(FaultKind::DivisionByZero);
    }
    let rise = 3.0 * (f32_of(xin) - f32_of(*x3)) + f32_of(*x1) - f32_of(*x2);
    let rate = checked(rise / (10.0 * cycle_s))?;
    (*x3, *x2, *x1) = (*x2, *x1, xin);
    Ok(rate)
}

/// A REAL that must be finite, since all that it comes from was.
fn checked(value: f32) -> Result<u64, FaultKind> {
    real(value, 0.0, 0.0)
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "the blocks compute with REAL; the nearest REAL is meant"
)]
fn seconds(us: u64) -> f32 {
    (i64_of(us) as f64 / 1e6) as f32
}
