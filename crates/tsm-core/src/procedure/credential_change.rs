//! Procedure credential_change.
