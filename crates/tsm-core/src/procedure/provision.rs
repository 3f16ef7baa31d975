//! Procedure provision.
