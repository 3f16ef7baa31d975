//! The same work by Yubico's `yubikit`, in the Python that `YUBIKIT_PYTHON` names.

use std::error::Error;
use std::process::Command;

/// Nanoseconds for one command.
pub struct Yubikit {
    pub wrap: f64,
    pub unwrap: f64,
}

/// Nothing when no Python is named.
///
/// # Errors
/// The Python named has no yubikit, or its answer cannot be read.
pub fn measure(length: usize) -> Result<Option<Yubikit>, Box<dyn Error>> {
    let Some(python) = std::env::var_os("YUBIKIT_PYTHON") else {
        return Ok(None);
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/yubikit_speed.py");
    let output = Command::new(python)
        .args([script, &length.to_string()])
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let text = String::from_utf8(output.stdout)?;
    let mut numbers = text.split_whitespace().map(str::parse::<f64>);
    let mut next = || numbers.next().ok_or("yubikit_speed.py: too few numbers");
    Ok(Some(Yubikit {
        wrap: next()??,
        unwrap: next()??,
    }))
}
