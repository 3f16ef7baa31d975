//! Both servers, cards and phones in one process, for the scenarios.
//!
//! | Module | What it is |
//! |---|---|
//! | [`world`] | a development set-up with both servers, each of which can be killed and started again |
//! | [`holder`] | a citizen with a card in a phone: applies, provisions, changes, logs in |
//! | [`contacts`] | the card's contacts: counts commands; card or phone vanish at a planned one |
//! | [`calls`] | clients of both servers, and what their refusals mean |
//! | [`agreement`] | what server, operator and card must agree on |
//! | [`readers`] | PC/SC readers for programs that were written for real cards |
//! | [`audit`] | the audit logs of both servers |

pub mod agreement;
pub mod audit;
pub mod calls;
pub mod contacts;
pub mod holder;
pub mod readers;
pub mod world;
