//! Procedure lease.
