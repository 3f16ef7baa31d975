//! What the shells of both servers share: configuration files, logs, mutual
//! TLS, who calls, errors to gRPC status, listening and shutting down.
//!
//! Programs that only need TLS (the phone of the simulator) use [`tls`] alone.

pub mod audit_export;
pub mod audit_file;
pub mod audit_service;
pub mod config;
pub mod convert;
pub mod deadline;
pub mod denials;
pub mod harden;
pub mod health;
pub mod listener;
pub mod paging;
pub mod peer;
pub mod reflection;
pub mod serve;
pub mod shutdown;
pub mod signing;
pub mod status;
pub mod telemetry;
pub mod tls;
