//! Both servers, cards and phones in one process, and rules about the repository.

mod architecture;
mod disappearing_phones;
