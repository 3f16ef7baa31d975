//! Does a check of the secure channel take longer when more of what it checks is right?
//!
//! ```text
//! timing calls            every check once for every wrong position, each inside `measured_call`,
//!                         for callgrind; prints group and case of each call in order
//! timing apdus            wrapping and unwrapping, the same way: instructions for each APDU
//! timing dudect ROUNDS    Welch's t for two classes of wrong input, by the clock
//! ```
//!
//! `tests/timing/run.sh` runs all of it and compares the counts.

mod apdus;
mod calls;
mod card;
mod control;
mod dudect;
mod forge;
mod host;

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("calls") => {
            let mut calls = calls::Calls::new();
            for _ in 0..2 {
                card::all(&mut calls)?;
                host::all(&mut calls)?;
                control::all(&mut calls)?;
                calls.warmed_up();
            }
            calls.print();
        }
        Some("apdus") => {
            let mut calls = calls::Calls::new();
            for _ in 0..2 {
                apdus::all(&mut calls)?;
                calls.warmed_up();
            }
            calls.print();
        }
        Some("dudect") => {
            let rounds = arguments.next().map_or(Ok(100_000), |n| n.parse())?;
            dudect::report(rounds)?;
        }
        _ => return Err("usage: timing calls | apdus | dudect [ROUNDS]".into()),
    }
    Ok(())
}
