//! A real server over mutual TLS: starting and ending, who may do what, the
//! catalogue, phones that attach, and the relay.

mod cap;
mod catalogue;
mod devices;
mod fleet;
mod lifetime;
mod phone;
mod relay;
mod world;
