//! Standard function blocks: their members and what a call does.

use super::annex::Library;
use super::fault::FaultKind;
use super::numeric::{f32_of, f64_of, fit, i64_of, slot_f32, slot_f64, slot_i64};
use super::types::{IntTy, Ty};

/// A block that the controller's firmware offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StdBlock {
    Ton,
    Tof,
    Tp,
    Ctu,
    Ctd,
    Ctud,
    RTrig,
    FTrig,
    Sr,
    Rs,
    Pid,
    Library(Library),
}

/// Role of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Input,
    Output,
    /// Not visible to programs.
    Hidden,
}

/// Name, type, role and initial slot of one member.
pub(crate) type Member = (&'static str, Ty, Role, u64);

/// What a block may know of the scan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cycle {
    /// Virtual time of the scan, microseconds.
    pub now_us: i64,
    /// Period of the task, microseconds.
    pub period_us: i64,
}

use Role::{Hidden, Input, Output};

const TIMER: [Member; 6] = [
    ("IN", Ty::Bool, Input, 0),
    ("PT", Ty::Time, Input, 0),
    ("Q", Ty::Bool, Output, 0),
    ("ET", Ty::Time, Output, 0),
    ("_START", Ty::Time, Hidden, 0),
    ("_ON", Ty::Bool, Hidden, 0),
];
const CTU: [Member; 6] = [
    ("CU", Ty::Bool, Input, 0),
    ("R", Ty::Bool, Input, 0),
    ("PV", Ty::Int, Input, 0),
    ("Q", Ty::Bool, Output, 0),
    ("CV", Ty::Int, Output, 0),
    ("_CU", Ty::Bool, Hidden, 0),
];
const CTD: [Member; 6] = [
    ("CD", Ty::Bool, Input, 0),
    ("LD", Ty::Bool, Input, 0),
    ("PV", Ty::Int, Input, 0),
    ("Q", Ty::Bool, Output, 0),
    ("CV", Ty::Int, Output, 0),
    ("_CD", Ty::Bool, Hidden, 0),
];
const CTUD: [Member; 10] = [
    ("CU", Ty::Bool, Input, 0),
    ("CD", Ty::Bool, Input, 0),
    ("R", Ty::Bool, Input, 0),
    ("LD", Ty::Bool, Input, 0),
    ("PV", Ty::Int, Input, 0),
    ("QU", Ty::Bool, Output, 0),
    ("QD", Ty::Bool, Output, 0),
    ("CV", Ty::Int, Output, 0),
    ("_CU", Ty::Bool, Hidden, 0),
    ("_CD", Ty::Bool, Hidden, 0),
];
const R_TRIG: [Member; 3] = [
    ("CLK", Ty::Bool, Input, 0),
    ("Q", Ty::Bool, Output, 0),
    ("_M", Ty::Bool, Hidden, 0),
];
// The memory starts TRUE, so that a clock that is FALSE from the start is no falling edge (IEC 61131-3, F_TRIG).
const F_TRIG: [Member; 3] = [
    ("CLK", Ty::Bool, Input, 0),
    ("Q", Ty::Bool, Output, 0),
    ("_M", Ty::Bool, Hidden, 1),
];
const SR: [Member; 3] = [
    ("S1", Ty::Bool, Input, 0),
    ("R", Ty::Bool, Input, 0),
    ("Q1", Ty::Bool, Output, 0),
];
const RS: [Member; 3] = [
    ("S", Ty::Bool, Input, 0),
    ("R1", Ty::Bool, Input, 0),
    ("Q1", Ty::Bool, Output, 0),
];

/// 1.0 and 100.0 as REAL.
const ONE: u64 = 0x3f80_0000;
const HUNDRED: u64 = 0x42c8_0000;

const PID: [Member; 18] = [
    ("AUTO", Ty::Bool, Input, 0),
    ("PV", Ty::Real, Input, 0),
    ("SP", Ty::Real, Input, 0),
    ("KP", Ty::Real, Input, ONE),
    ("TI", Ty::Time, Input, 0),
    ("TD", Ty::Time, Input, 0),
    ("OP_MAN", Ty::Real, Input, 0),
    ("TRACK", Ty::Bool, Input, 0),
    ("TRACK_OP", Ty::Real, Input, 0),
    ("OUT_MIN", Ty::Real, Input, 0),
    ("OUT_MAX", Ty::Real, Input, HUNDRED),
    ("OUT", Ty::Real, Output, 0),
    ("ERR", Ty::Real, Output, 0),
    ("SAT", Ty::Bool, Output, 0),
    // The integral as LREAL: at 0.1 s and a reset time of hours its increments are below the resolution of REAL.
    ("_I", Ty::Lreal, Hidden, 0),
    ("_PV", Ty::Lreal, Hidden, 0),
    ("_LAST", Ty::Time, Hidden, 0),
    ("_RAN", Ty::Bool, Hidden, 0),
];

impl StdBlock {
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "TON" => Self::Ton,
            "TOF" => Self::Tof,
            "TP" => Self::Tp,
            "CTU" => Self::Ctu,
            "CTD" => Self::Ctd,
            "CTUD" => Self::Ctud,
            "R_TRIG" => Self::RTrig,
            "F_TRIG" => Self::FTrig,
            "SR" => Self::Sr,
            "RS" => Self::Rs,
            "PID" | "PID_ISA" => Self::Pid,
            _ => return Library::named(name).map(Self::Library),
        })
    }

    /// True for blocks that a program may replace with its own.
    pub fn is_library(self) -> bool {
        matches!(self, Self::Library(_))
    }

    /// Members in the order of their slots.
    pub fn members(self) -> &'static [Member] {
        match self {
            Self::Ton | Self::Tof | Self::Tp => &TIMER,
            Self::Ctu => &CTU,
            Self::Ctd => &CTD,
            Self::Ctud => &CTUD,
            Self::RTrig => &R_TRIG,
            Self::FTrig => &F_TRIG,
            Self::Sr => &SR,
            Self::Rs => &RS,
            Self::Pid => &PID,
            Self::Library(block) => block.members(),
        }
    }

    /// Runs the block on its members.
    #[inline]
    pub fn call(self, m: &mut [u64], cycle: Cycle) -> Result<(), FaultKind> {
        match self {
            Self::Ton | Self::Tof | Self::Tp => {
                if let Some(timer) = m.first_chunk_mut::<6>() {
                    self.timer(timer, cycle.now_us);
                }
                Ok(())
            }
            Self::Ctu => m.first_chunk_mut::<6>().map_or(Ok(()), count_up),
            Self::Ctd => m.first_chunk_mut::<6>().map_or(Ok(()), count_down),
            Self::Ctud => m.first_chunk_mut::<10>().map_or(Ok(()), count_both),
            Self::RTrig | Self::FTrig | Self::Sr | Self::Rs => {
                if let Some([a, b, c]) = m.first_chunk_mut::<3>() {
                    self.logic(a, b, c);
                }
                Ok(())
            }
            Self::Pid => m.first_chunk_mut::<18>().map_or(Ok(()), |m| pid(m, cycle)),
            Self::Library(block) => block.call(m, cycle),
        }
    }

    /// TON, TOF and TP by the timing diagrams of IEC 61131-3; the resolution is the scan.
    fn timer(self, m: &mut [u64; 6], now_us: i64) {
        let [input, pt, q, et, start, on] = m;
        let pt_us = i64_of(*pt).max(0);
        let elapsed_us = now_us.saturating_sub(i64_of(*start)).clamp(0, pt_us);
        match self {
            Self::Ton if *input == 0 => (*q, *et, *on) = (0, 0, 0),
            Self::Ton => {
                if *on == 0 {
                    (*start, *on) = (slot_i64(now_us), 1);
                }
                let elapsed_us = now_us.saturating_sub(i64_of(*start)).clamp(0, pt_us);
                *et = slot_i64(elapsed_us);
                *q = u64::from(elapsed_us >= pt_us);
            }
            Self::Tof if *input != 0 => (*q, *et, *on) = (1, 0, 1),
            Self::Tof => {
                if *on != 0 {
                    (*start, *on) = (slot_i64(now_us), 0);
                    *et = 0;
                    *q = u64::from(pt_us > 0);
                } else if *q != 0 {
                    *et = slot_i64(elapsed_us);
                    *q = u64::from(elapsed_us < pt_us);
                }
            }
            // TP: `on` is 1 while the pulse runs, 2 after it until the input falls.
            _ => {
                if *on == 0 && *input != 0 {
                    (*start, *on, *q) = (slot_i64(now_us), 1, 1);
                    *et = 0;
                } else if *on == 1 {
                    *et = slot_i64(elapsed_us);
                }
                if *on == 1 && i64_of(*et) >= pt_us {
                    (*q, *on) = (0, 2);
                }
                if *on == 2 && *input == 0 {
                    (*et, *on) = (0, 0);
                }
            }
        }
    }

    /// Edges and bistables: three BOOL members each.
    fn logic(self, a: &mut u64, b: &mut u64, c: &mut u64) {
        match self {
            Self::RTrig => (*b, *c) = (*a & (*c ^ 1), *a),
            Self::FTrig => (*b, *c) = ((*a ^ 1) & (*c ^ 1), *a ^ 1),
            // SR: set dominates.
            Self::Sr => *c = *a | (*c & (*b ^ 1)),
            // RS: reset dominates.
            _ => *c = (*b ^ 1) & (*a | *c),
        }
    }
}

fn count_up(m: &mut [u64; 6]) -> Result<(), FaultKind> {
    let [cu, reset, pv, q, cv, last] = m;
    if *reset != 0 {
        *cv = 0;
    } else if *cu != 0 && *last == 0 && i64_of(*cv) < i64::from(i16::MAX) {
        *cv = fit(IntTy::Int, i64_of(*cv).checked_add(1))?;
    }
    *last = *cu;
    *q = u64::from(i64_of(*cv) >= i64_of(*pv));
    Ok(())
}

fn count_down(m: &mut [u64; 6]) -> Result<(), FaultKind> {
    let [cd, load, pv, q, cv, last] = m;
    if *load != 0 {
        *cv = *pv;
    } else if *cd != 0 && *last == 0 && i64_of(*cv) > i64::from(i16::MIN) {
        *cv = fit(IntTy::Int, i64_of(*cv).checked_sub(1))?;
    }
    *last = *cd;
    *q = u64::from(i64_of(*cv) <= 0);
    Ok(())
}

fn count_both(m: &mut [u64; 10]) -> Result<(), FaultKind> {
    let [cu, cd, reset, load, pv, qu, qd, cv, last_up, last_down] = m;
    let (up, down) = (*cu != 0 && *last_up == 0, *cd != 0 && *last_down == 0);
    if *reset != 0 {
        *cv = 0;
    } else if *load != 0 {
        *cv = *pv;
    } else if up && !down && i64_of(*cv) < i64::from(i16::MAX) {
        *cv = fit(IntTy::Int, i64_of(*cv).checked_add(1))?;
    } else if down && !up && i64_of(*cv) > i64::from(i16::MIN) {
        *cv = fit(IntTy::Int, i64_of(*cv).checked_sub(1))?;
    }
    (*last_up, *last_down) = (*cu, *cd);
    *qu = u64::from(i64_of(*cv) >= i64_of(*pv));
    *qd = u64::from(i64_of(*cv) <= 0);
    Ok(())
}

/// PID controller in the ISA standard form with derivative on the measurement:
/// `OUT = KP * (e + 1/TI * integral(e) - TD * dPV/dt)`, `e = SP - PV`.
///
/// A negative KP gives direct action. TI = 0 switches the integral off, TD = 0 the derivative. In manual (AUTO FALSE)
/// OUT follows OP_MAN, in TRACK it follows TRACK_OP; meanwhile the integral is set so that the change to automatic
/// makes no bump. The integral stops where it would drive a limited output further into its limit (anti-windup).
fn pid(m: &mut [u64; 18], cycle: Cycle) -> Result<(), FaultKind> {
    let [
        auto,
        pv,
        sp,
        kp,
        ti,
        td,
        op_man,
        track,
        track_op,
        out_min,
        out_max,
        out,
        err,
        sat,
        integral,
        last_pv,
        last_us,
        ran,
    ] = m;
    let real = |slot: &u64| f64::from(f32_of(*slot));
    let (pv, kp) = (real(pv), real(kp));
    let error = real(sp) - pv;
    let (low, high) = (real(out_min), real(out_max));
    if !(pv.is_finite() && kp.is_finite() && error.is_finite() && low <= high) {
        // A measurement that is no number moves nothing: hold the output until it is one again.
        return Ok(());
    }
    let first = *ran == 0;
    let dt_us = if first {
        cycle.period_us
    } else {
        cycle.now_us.saturating_sub(i64_of(*last_us))
    }
    .max(0);
    let dt_s = dt_us as f64 / 1e6;
    let rate = if first || dt_us == 0 {
        0.0
    } else {
        (pv - f64_of(*last_pv)) / dt_s
    };
    let ti_s = i64_of(*ti) as f64 / 1e6;
    let td_s = i64_of(*td) as f64 / 1e6;
    let base = kp * error - kp * td_s * rate;

    let follow = if *track != 0 {
        Some(real(track_op))
    } else {
        (*auto == 0).then(|| real(op_man))
    };
    let mut held = f64_of(*integral);
    let raw = if let Some(target) = follow {
        let target = if target.is_finite() {
            target
        } else {
            real(out)
        };
        held = target.clamp(low, high) - base;
        target
    } else {
        let step = if ti_s > 0.0 {
            kp * error * dt_s / ti_s
        } else {
            0.0
        };
        let ahead = base + held + step;
        let winds_up = (ahead > high && step > 0.0) || (ahead < low && step < 0.0);
        if !winds_up {
            held += step;
        }
        base + held
    };
    let limited = raw.clamp(low, high);
    if !(held.is_finite() && limited.is_finite()) {
        return Err(FaultKind::Overflow);
    }
    *integral = slot_f64(held);
    *last_pv = slot_f64(pv);
    *last_us = slot_i64(cycle.now_us);
    *ran = 1;
    *sat = u64::from(raw < low || raw > high);
    *out = slot_f32(narrow(limited));
    *err = slot_f32(narrow(error));
    Ok(())
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "REAL is the type of the output; the nearest REAL is meant"
)]
fn narrow(value: f64) -> f32 {
    value as f32
}
