//! A real server over mutual TLS: starting and ending, who may do what, the
//! catalogue, phones that attach, and the relay.

#[cfg(test)]
mod cap;
#[cfg(test)]
mod catalogue;
#[cfg(test)]
mod deliveries;
#[cfg(test)]
mod devices;
#[cfg(test)]
mod fleet;
#[cfg(test)]
mod isolation;
#[cfg(test)]
mod lifetime;
#[cfg(test)]
mod phone;
#[cfg(test)]
mod relay;
#[cfg(test)]
mod subscriptions;
#[cfg(test)]
mod tenants;
#[cfg(test)]
mod world;
