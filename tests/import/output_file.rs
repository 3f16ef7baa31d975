//! Output files with cards that are made up.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::ops::Range;
use std::path::Path;

/// The profile of all cards.
pub const PROFILE: &str = "uicc-128k";

/// What can be looked for.
pub struct Card {
    pub iccid: String,
    pub msisdn: String,
}

/// The card with this number. Numbers of subscriptions come in no order, as in life.
pub fn card(number: u64) -> Card {
    Card {
        iccid: format!("8981100{number:012}"),
        msisdn: format!("8190{:08}", number.wrapping_mul(7_919_777) % 100_000_000),
    }
}

/// Writes a row for each number; returns the numbers.
pub fn write(path: &Path, numbers: Range<u64>) -> anyhow::Result<Range<u64>> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "iccid,profile,key_version,kdd,msisdn")?;
    for number in numbers.clone() {
        let Card { iccid, msisdn } = card(number);
        let kdd = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        writeln!(file, "{iccid},{PROFILE},48,0000{kdd:016x},{msisdn}")?;
    }
    file.flush()?;
    Ok(numbers)
}
