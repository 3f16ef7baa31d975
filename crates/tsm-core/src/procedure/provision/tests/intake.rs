//! Which applications are accepted.

use super::*;

#[test]
fn the_same_request_gets_the_same_answer() {
    let world = world();
    let signed = signed("somebody", "n1");
    let first = world.accept("r1", &signed).unwrap();
    assert_eq!(world.accept("r1", &signed).unwrap(), first);
    let other = crate::procedure::provision::testing::signed("somebody", "n2");
    assert_eq!(
        world.accept("r1", &other),
        Err(ApplicationError::RequestIdReused)
    );
    assert_eq!(world.accept("r2", &signed), Err(ApplicationError::Replayed));
    assert_eq!(
        world.accept("r3", &other),
        Err(ApplicationError::DoubleIssuance)
    );
    let somebody_else = crate::procedure::provision::testing::signed("somebody-else", "n1");
    assert_eq!(
        world.accept("r4", &somebody_else),
        Err(ApplicationError::CardInUse)
    );
    assert_eq!(world.all::<Application>().len(), 1);
    assert_eq!(world.all::<SpentNonce>().len(), 1);
    assert_eq!(world.all::<RequestOutcome>().len(), 1);
    world.check_audit();
}

#[test]
fn a_person_with_a_live_credential_gets_no_second_one() {
    let world = world();
    let application = world.accepted();
    let credential = world.provision(&application.id, PIN).unwrap().credential;
    let other_card = SignedApplication {
        iccid: Iccid::new("8981100000000000025").unwrap(),
        ..signed("somebody", "n2")
    };
    let refused = world.accept("r2", &other_card).unwrap_err();
    assert_eq!(
        (refused.reason(), refused.class()),
        (Reason::DoubleIssuance, Class::Conflict)
    );
    world.change("s", &credential.id, Change::Suspend).unwrap();
    assert_eq!(
        world.accept("r2", &other_card),
        Err(ApplicationError::DoubleIssuance)
    );
    world.change("r", &credential.id, Change::Revoke).unwrap();
    world.accept("r2", &other_card).unwrap();
}

#[test]
fn of_two_applications_at_the_same_moment_one_is_accepted() {
    let world = world();
    for round in 0..20 {
        let person = format!("person-{round}");
        let start = std::sync::Barrier::new(2);
        let submit = &|number: usize| {
            let signed = SignedApplication {
                iccid: Iccid::new(&format!("89811{round:07}{number:07}")).unwrap(),
                ..signed(&person, &format!("nonce-{number}"))
            };
            start.wait();
            world.accept(&format!("race-{round}-{number}"), &signed)
        };
        let outcomes = std::thread::scope(|scope| {
            [1, 2]
                .map(|number| scope.spawn(move || submit(number)))
                .map(|one| one.join().unwrap())
        });
        let refused: Vec<_> = outcomes
            .iter()
            .filter_map(|outcome| outcome.as_ref().err())
            .collect();
        assert_eq!(
            refused,
            [&ApplicationError::DoubleIssuance],
            "round {round}"
        );
    }
}

#[test]
fn an_acceptance_whose_commit_failed_is_whole_or_not_there() {
    for (side, accepted) in [(Side::Before, 0), (Side::After, 1)] {
        let world = world();
        let signed = signed("somebody", "n1");
        world.faults.plan(0, side);
        assert!(world.accept("r1", &signed).is_err());
        assert_eq!(world.all::<Application>().len(), accepted);
        world.accept("r1", &signed).unwrap();
        assert_eq!(world.all::<Application>().len(), 1);
    }
}
