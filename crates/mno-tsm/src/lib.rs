//! The operator's Trusted Service Manager: UICC fleet, catalogue, security
//! domains, delivery to the card.
//!
//! | Module | What it is |
//! |---|---|
//! | [`cli`], [`config`] | arguments and configuration file of the program |
//! | [`service`] | starting and stopping a server |
//! | [`authorisation`] | who may call what; one function, deny by default |
//! | [`gateway`] | phones that dial in, the scripts they play, who replaces whom |
//! | [`card_link`] | the `CardLink` port over the gateway |
//! | [`relay`] | what a provider may send to its own security domain |
//! | [`worker`] | brings cards with open work to what is desired |
//! | `rpc` | one file per service of `proto/tsm/mno/v1` and `proto/tsm/card/v1` |

pub mod authorisation;
pub mod card_link;
mod card_work;
pub mod cli;
pub mod config;
mod convert;
pub mod gateway;
mod index;
mod metering;
pub mod relay;
mod rpc;
pub mod service;
mod state;
mod tenants;
pub mod worker;
