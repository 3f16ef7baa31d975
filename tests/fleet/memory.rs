//! How much memory this process uses.

use anyhow::Context as _;

/// Resident memory of this process, in bytes (`VmRSS` of Linux).
pub fn resident_bytes() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("no /proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    let kib: u64 = kib.context("no VmRSS in /proc/self/status")?.parse()?;
    Ok(kib * 1024)
}
