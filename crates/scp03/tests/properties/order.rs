//! Commands and responses that come out of order, twice, not at all, or from another session.

use globalplatform::apdu::ResponseApdu;
use globalplatform::status_word::StatusWord;
use proptest::prelude::*;
use proptest::sample::Index;
use scp03::{ChannelError, SecurityLevel};

use crate::traffic::{Step, any_command, any_response};

/// What can happen to a sequence.
#[derive(Debug, Clone)]
pub enum Disorder {
    Swap(Index, Index),
    Repeat(Index, Index),
    Lose(Index),
    Replace(Index, Index),
    Reverse,
}

impl Disorder {
    /// The sequence of places after the disorder; a place of `count` or more is that of another
    /// session's.
    pub fn apply(&self, count: usize) -> Vec<usize> {
        let mut places: Vec<usize> = (0..count).collect();
        match self {
            Self::Swap(a, b) => places.swap(a.index(count), b.index(count)),
            Self::Repeat(which, to) => places.insert(to.index(count + 1), which.index(count)),
            Self::Lose(which) => _ = places.remove(which.index(count)),
            Self::Replace(which, by) => places[which.index(count)] = count + by.index(count),
            Self::Reverse => places.reverse(),
        }
        places
    }
}

pub fn any_disorder() -> impl Strategy<Value = Disorder> {
    let two = || any::<(Index, Index)>();
    prop_oneof![
        two().prop_map(|(a, b)| Disorder::Swap(a, b)),
        two().prop_map(|(a, b)| Disorder::Repeat(a, b)),
        any::<Index>().prop_map(Disorder::Lose),
        two().prop_map(|(a, b)| Disorder::Replace(a, b)),
        Just(Disorder::Reverse),
    ]
}

/// Sessions with some exchanges, all at levels of `levels`.
fn any_exchanges(
    levels: &[SecurityLevel],
) -> impl Strategy<Value = (crate::ends::Setup, Vec<Step>)> + use<> {
    crate::ends::any_setup_at(levels).prop_flat_map(|setup| {
        let exchange = (any_command(&setup), any_response(&setup))
            .prop_map(|(command, response)| Step::Exchange(command, response));
        let exchanges = prop::collection::vec(exchange, 2..6);
        (Just(setup), exchanges)
    })
}

proptest! {
    #[test]
    fn commands_out_of_order_are_refused_from_the_first_on(
        (setup, steps) in any_exchanges(&SecurityLevel::ALL[1..]),
        disorder in any_disorder(),
    ) {
        let mut other = setup.clone();
        other.host_random[0] ^= 1;
        let (mut host, mut card) = setup.open();
        let (mut other_host, _) = other.open();
        let mut sent: Vec<_> = steps.iter().map(|step| host.sends(&step.command())).collect();
        sent.extend(steps.iter().map(|step| other_host.sends(&step.command())));

        let places = disorder.apply(steps.len());
        let in_order = places.iter().zip(0..).take_while(|(place, n)| *place == n).count();
        for place in &places[..in_order] {
            prop_assert!(card.hears(&sent[*place]).is_ok());
            card.answers(&steps[*place].command(), &steps[*place].response());
        }
        let Some(wrong) = places.get(in_order) else {
            return Ok(());
        };
        prop_assert_eq!(card.hears(&sent[*wrong]), Err(StatusWord::SECURITY_STATUS));
        card.assert_dead(&sent[in_order.min(steps.len() - 1)]);
        for place in &places[in_order..] {
            prop_assert_eq!(card.hears(&sent[*place]), Err(StatusWord::SECURITY_STATUS));
        }
    }

    #[test]
    fn responses_out_of_order_are_refused_from_the_first_on(
        (setup, steps) in any_exchanges(&SecurityLevel::ALL[3..]),
        disorder in any_disorder(),
    ) {
        let answered = |setup: &crate::ends::Setup| -> Vec<Vec<u8>> {
            let (mut host, mut card) = setup.open();
            steps
                .iter()
                .map(|step| {
                    let plain = card.hears(&host.sends(&step.command())).unwrap();
                    card.answers(&plain, &step.response())
                })
                .collect()
        };
        let mut other = setup.clone();
        other.host_random[0] ^= 1;
        let mut sent = answered(&setup);
        sent.extend(answered(&other));

        let (mut host, _) = setup.open();
        let places = disorder.apply(steps.len());
        for (n, place) in places.iter().enumerate().take(steps.len()) {
            let _ = host.sends(&steps[n].command());
            let response = ResponseApdu::decode(&sent[*place]).unwrap();
            let heard = host.hears(&sent[*place]);
            if *place == n {
                prop_assert_eq!(heard, Ok(steps[n].response()));
            } else if !response.sw.is_ok_or_warning() {
                // A bare error is proven by nothing.
                prop_assert_eq!(heard, Ok(response));
            } else {
                prop_assert_eq!(heard, Err(ChannelError::NotGenuine));
                host.assert_dead(&sent[n]);
                break;
            }
        }
    }

    #[test]
    fn one_command_has_one_response(
        (setup, steps) in any_exchanges(&SecurityLevel::ALL),
    ) {
        let (mut host, mut card) = setup.open();
        for step in &steps {
            let plain = card.hears(&host.sends(&step.command())).unwrap();
            let sent = card.answers(&plain, &step.response());
            prop_assert_eq!(host.hears(&sent), Ok(step.response()));
            prop_assert_eq!(host.hears(&sent), Err(ChannelError::NothingOutstanding));
        }
    }
}
