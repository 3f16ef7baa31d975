//! Procedure converge.
