//! The service provider's Trusted Service Manager: applications, certificates,
//! personalisation.
//!
//! | Module | What it is |
//! |---|---|
//! | [`cli`], [`config`] | arguments and configuration file of the program |
//! | [`service`] | starting and stopping a server |
//! | [`authorisation`] | who may call what; one function, deny by default |
//! | [`cms`] | signed applications: signature, chain, person, content |
//! | [`authority`] | the embedded certification authority |
//! | [`key_pool`] | key pairs, RSA made ahead |
//! | [`carrier`], [`card_link`] | the operator's server, and cards behind its relay |
//! | `rpc` | one file per service of `proto/tsm/sp/v1` |

pub mod authorisation;
pub mod authority;
pub mod card_link;
pub mod carrier;
pub mod cli;
pub mod cms;
pub mod config;
mod convert;
mod duties;
pub mod key_pool;
mod rpc;
pub mod service;
pub mod signature;
mod state;

#[cfg(test)]
mod test_openssl;
