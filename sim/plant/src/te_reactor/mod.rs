//! `te-reactor`: the simplified Tennessee Eastman reactor of Ricker, J. Process Control 3 (1993) 109-123.
//!
//! An isothermal two-phase reactor makes liquid D from gaseous A and C over an inert B. The equations are in
//! `process`, the valves and hard-wired layers in `layers`, the declarations in `signals`, and this module puts them
//! together step by step.
//!
//! **Step.** Euler, 100 ms. The fastest time constant is the valve lag of 9.972 s, so the step is a hundredth of it. A
//! unit test runs the worst case (feed full open, purge shut, from the steady state to 3000 kPa) beside a Runge-Kutta
//! solution of fourth order at 10 ms: the pressures stay within 0.05 kPa and the rupture within one step of it.

mod declared;
mod layers;
mod process;
mod reactor;

pub(crate) use reactor::TeReactorKind;
