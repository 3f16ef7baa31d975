//! Both servers, cards and phones in one process, and rules about the repository.

mod absent_phones;
mod architecture;
mod disappearing_phones;
mod full_cards;
mod impostors;
mod one_credential_per_person;
mod pins;
mod repeated_requests;
mod responsibility;
mod restarts;
mod tenants;
mod torn_cards;
