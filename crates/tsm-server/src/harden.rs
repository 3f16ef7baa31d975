//! Keeps a server's memory out of core dumps and away from other processes.

use rustix::process::{DumpableBehavior, Resource, Rlimit};

/// Makes this process non-dumpable and sets its core limit to zero.
///
/// Call it first in `main`, before any key is read.
///
/// # Errors
/// The operating system's error; a server does not start then.
pub fn harden() -> std::io::Result<()> {
    rustix::process::setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    )?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_no_core_dump() {
        harden().unwrap();
        assert_eq!(rustix::process::getrlimit(Resource::Core).current, Some(0));
        assert_eq!(
            rustix::process::dumpable_behavior().unwrap(),
            DumpableBehavior::NotDumpable
        );
    }
}
