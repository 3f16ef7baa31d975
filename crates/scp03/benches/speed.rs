//! What SCP03 costs here, beside the AES blocks that the standard requires anyway.
//!
//! ```text
//! cargo bench -p scp03
//! YUBIKIT_PYTHON=/path/to/python cargo bench -p scp03     # beside Yubico's yubikit as well
//! SPEED_ROUNDS=500 cargo bench -p scp03                   # quicker, less exact
//! ```
//!
//! Ours and the limit take turns, thousands of times, and the fastest turn of each counts: another
//! program on the machine slows both, and seldom all turns. `limit` is defined in `speed/limit.rs`.
//! Nothing here asserts a time.

#[path = "speed/limit.rs"]
mod limit;
#[path = "speed/measure.rs"]
mod measure;
#[path = "speed/opening.rs"]
mod opening;
#[path = "speed/script.rs"]
mod script;
#[path = "speed/sessions.rs"]
mod sessions;
#[path = "speed/yubikit.rs"]
mod yubikit;

use std::error::Error;

use scp03::Mode;

use crate::measure::Fastest;
use crate::sessions::Phase;

/// Clear data of a command, in bytes; 239 is the most that fits a short one at level 33.
const LENGTHS: [usize; 5] = [16, 32, 64, 128, 239];

fn main() -> Result<(), Box<dyn Error>> {
    let rounds = match std::env::var("SPEED_ROUNDS") {
        Ok(rounds) => rounds.parse()?,
        Err(_) => 4000,
    };
    println!("AES: {}", limit::backend());
    let block = limit::single_block(rounds);
    println!(
        "one AES-128 block of a chain: {:.1} ns; entering the AES code: {:.1} ns\n",
        block.in_a_chain, block.entry
    );

    println!("level 33, AES-128, S8, nanoseconds    ours   limit   ratio");
    let mut ours_at = Vec::new();
    for length in LENGTHS {
        let (ours, limit) = sessions::measure(length, rounds)?;
        for phase in Phase::ALL {
            let (ours, limit) = (ours.of(phase), limit.of(phase));
            row(&format!("{} {length} bytes", phase.name()), ours, limit);
        }
        ours_at.push((length, ours));
    }

    println!("\nopening a session, level 33             ours   limit   ratio  cmac crate  ratio");
    for key_length in [16, 24, 32] {
        for mode in [Mode::S8, Mode::S16] {
            let measured = opening::measure(key_length, mode, rounds)?;
            let (limit, by_crate) = (measured.limit.nanos(), measured.by_crate.nanos());
            for (end, ours) in [("host", measured.host), ("card", measured.card)] {
                let name = format!("{end}, AES-{} {mode:?}", 8 * key_length);
                let ours = ours.nanos();
                let (to_limit, to_crate) = (ours / limit, ours / by_crate);
                println!(
                    "{name:<34} {ours:>8.0} {limit:>7.0} {to_limit:>7.2} {by_crate:>11.0} {to_crate:>6.2}"
                );
            }
        }
    }

    println!(
        "\na script of {} commands, level 33, AES-128, S8, for each command",
        script::COMMANDS
    );
    for length in LENGTHS {
        let (ours, limit) = script::measure(length, rounds / 8)?;
        row(&format!("build {length} bytes"), &ours, &limit);
    }

    println!("\nbeside yubikit, level 33, AES-128, S8      ours  yubikit  times faster");
    for (length, ours) in ours_at {
        match yubikit::measure(length)? {
            None => println!("{length} bytes: not measured (YUBIKIT_PYTHON is not set)"),
            Some(theirs) => {
                for (name, ours, theirs) in [
                    ("wrap", ours.of(Phase::HostWrap), theirs.wrap),
                    ("unwrap", ours.of(Phase::HostUnwrap), theirs.unwrap),
                ] {
                    let (name, ours) = (format!("host {name} {length} bytes"), ours.nanos());
                    println!(
                        "{name:<36} {ours:>8.0} {theirs:>8.0} {:>9.0}",
                        theirs / ours
                    );
                }
            }
        }
    }
    Ok(())
}

fn row(name: &str, ours: &Fastest, limit: &Fastest) {
    let (ours, limit) = (ours.nanos(), limit.nanos());
    println!("{name:<34} {ours:>8.0} {limit:>7.0} {:>7.2}", ours / limit);
}
