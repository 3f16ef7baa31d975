//! Who may ask for what, and what asking twice does.

use super::world::{DOMAIN, PACKAGE, World, iccid, provider};
use super::*;
use crate::card::catalogue::{Package, ServiceDefinition};
use crate::card::model::Model;
use crate::error::Class;
use crate::fleet::ServiceRequirements;
use crate::identity::{Caller, Role, Tenant};
use crate::ports::{Batch, Store};
use crate::tenancy::ManagementMode;

#[test]
fn another_tenant_can_neither_ask_nor_change() {
    let world = World::new();
    let stranger = Caller::machine(Tenant::new("shop").unwrap(), Role::ServiceProvider);
    let refused = world
        .request(&stranger, "a", ServiceState::Installed)
        .unwrap_err();
    assert_eq!(refused.reason(), Reason::TenantForbidden);
    assert_eq!(refused.class(), Class::Refused);
    let (context, iccid, service) = (world.context(), iccid(), jpki());
    let asked = check_eligibility(&context, &stranger, &iccid, &service, 1, Timestamp(60_000));
    assert_eq!(
        block_on(asked).unwrap_err().reason(),
        Reason::TenantForbidden
    );
    assert!(world.audit_entries().is_empty());
}

#[test]
fn without_a_contract_nothing_new_comes_to_a_card_and_what_is_there_may_go() {
    let world = World::new();
    world.agree(&[ManagementMode::Delegated]);
    for desired in [ServiceState::Installed, ServiceState::Absent] {
        let refused = world.request(&provider(), "a", desired).unwrap_err();
        assert_eq!(refused.reason(), Reason::NoContract);
    }
    let (context, iccid, service) = (world.context(), iccid(), jpki());
    let asked = provider();
    let asked = check_eligibility(&context, &asked, &iccid, &service, 1, Timestamp(60_000));
    let found = block_on(asked).unwrap();
    assert_eq!((found.missing.len(), found.exchanges), (1, 0));
    assert_eq!(found.missing[0].reason, "NO_CONTRACT");
    assert!(world.audit_entries().is_empty());

    world.agree(&[ManagementMode::Simple]);
    let request = |id, desired| world.request(&provider(), id, desired);
    request("b", ServiceState::Installed).unwrap();
    request("c", ServiceState::Active).unwrap();
    world.agree(&[ManagementMode::Delegated]);
    request("d", ServiceState::Suspended).unwrap();
    let resumed = request("e", ServiceState::Active).unwrap_err();
    assert_eq!(resumed.reason(), Reason::NoContract);
    request("f", ServiceState::Absent).unwrap();
}

#[test]
fn the_same_request_changes_nothing_again() {
    let world = World::new();
    let first = world
        .request(&provider(), "a", ServiceState::Installed)
        .unwrap();
    world.clock.advance(10);
    let again = world
        .request(&provider(), "a", ServiceState::Installed)
        .unwrap();
    assert_eq!(first, again);
    world
        .request(&provider(), "b", ServiceState::Absent)
        .unwrap();
    let late = world
        .request(&provider(), "a", ServiceState::Installed)
        .unwrap();
    assert_eq!(
        late.desired,
        ServiceState::Absent,
        "an old request does not come back to life"
    );
}

#[test]
fn a_request_id_stands_for_one_request() {
    let world = World::new();
    world
        .request(&provider(), "a", ServiceState::Installed)
        .unwrap();
    let reused = world
        .request(&provider(), "a", ServiceState::Absent)
        .unwrap_err();
    assert_eq!(reused.reason(), Reason::RequestIdReused);
    assert_eq!(world.deployment().desired, ServiceState::Installed);
}

#[test]
fn only_the_steps_of_the_table_are_possible() {
    use ServiceState::{Absent, Active, Installed, Suspended};
    let states = [Absent, Installed, Active, Suspended];
    let table = [
        [Some(Absent), Some(Installed), None, None],
        [Some(Absent), Some(Installed), Some(Active), None],
        [Some(Absent), Some(Active), Some(Active), Some(Suspended)],
        [Some(Absent), None, Some(Active), Some(Suspended)],
    ];
    for (from, row) in states.into_iter().zip(table) {
        for (to, expected) in states.into_iter().zip(row) {
            let world = World::new();
            let path: &[ServiceState] = match from {
                Absent => &[],
                Installed => &[Installed],
                Active => &[Installed, Active],
                _ => &[Installed, Active, Suspended],
            };
            for step in path {
                world.desire(*step);
            }
            let asked = world.request(&provider(), "the one", to);
            match expected {
                Some(state) => assert_eq!(asked.unwrap().desired, state, "{from:?} to {to:?}"),
                None => assert_eq!(asked.unwrap_err().reason(), Reason::WrongState),
            }
        }
    }
}

#[test]
fn unknown_cards_and_services_are_named() {
    let world = World::new();
    let mut request = ChangeRequest {
        request_id: "a".to_owned(),
        iccid: Iccid::new("8981100000000000099").unwrap(),
        service: jpki(),
        desired: ServiceState::Installed,
    };
    let asked = block_on(set_desired(&world.context(), &provider(), &request));
    assert_eq!(asked.unwrap_err().reason(), Reason::CardUnknown);
    request.service = ServiceName::new("tickets").unwrap();
    let asked = block_on(set_desired(&world.context(), &provider(), &request));
    assert_eq!(asked.unwrap_err().reason(), Reason::ServiceUnknown);
}

fn reasons(world: &World) -> Vec<String> {
    let eligibility = world.check_eligibility().unwrap();
    eligibility
        .missing
        .into_iter()
        .map(|missing| missing.reason)
        .collect()
}

#[test]
fn every_missing_requirement_is_listed() {
    let world = World::with_memory(10_000);
    world.change_card(|card| {
        let mut model = Model::new(10_000);
        model.life_cycle = 0x7F;
        std::mem::swap(&mut card.model, &mut model);
        card.model.life_cycle = 0x0F;
        card.model.install_domain(PACKAGE).unwrap();
        card.model.life_cycle = 0x7F;
    });
    assert_eq!(
        reasons(&world),
        ["CARD_LOCKED", "AID_CONFLICT", "INSUFFICIENT_SE_MEMORY"]
    );
}

#[test]
fn a_card_that_can_not_keep_secrets_is_not_even_read() {
    for scp_i in [0x00, 0x10, 0x20, 0x30, 0x60, 0x04] {
        let world = World::new();
        world.edit_uicc(|uicc| uicc.scp_i = scp_i);
        assert_eq!(reasons(&world), ["SE_PROFILE_NOT_QUALIFIED"]);
        assert_eq!(world.link.exchanges(), 0);
    }
}

#[test]
fn an_unknown_card_is_a_missing_requirement() {
    let world = World::new();
    world.remove::<crate::card::uicc::Uicc>(iccid().as_str());
    assert_eq!(reasons(&world), ["CARD_UNKNOWN"]);
}

#[test]
fn a_service_whose_package_is_not_there_can_not_be_checked() {
    let world = World::new();
    world.remove::<Package>(&PACKAGE.to_string());
    assert_eq!(
        world.check_eligibility().unwrap_err().reason(),
        Reason::PackageUnknown
    );
}

#[test]
fn what_is_deployed_needs_no_more_memory() {
    let world = World::with_memory(20_600);
    world.desire(ServiceState::Installed);
    world.converge().unwrap();
    assert!(
        world
            .uicc()
            .content
            .unwrap()
            .find(crate::card::content::EntryKind::SecurityDomain, &DOMAIN)
            .is_some()
    );
    assert_eq!(reasons(&world), Vec::<String>::new());
}

#[test]
fn a_card_that_is_not_what_the_service_demands_gets_nothing() {
    let world = World::new();
    let store: &dyn Store = &world.store;
    let found = block_on(store.load::<ServiceDefinition>("jpki"))
        .unwrap()
        .unwrap();
    let demanding = ServiceDefinition {
        requirements: ServiceRequirements {
            casd: true,
            ..ServiceRequirements::default()
        },
        ..found.value
    };
    let batch = Batch::new().update("jpki", found.version, demanding);
    block_on(store.commit(batch)).unwrap();
    let refused = world.request(&provider(), "r", ServiceState::Installed);
    assert_eq!(refused.unwrap_err().reason(), Reason::SeProfileNotQualified);
    let checked = world.check_eligibility().unwrap();
    assert_eq!((checked.missing.len(), checked.exchanges), (1, 0));
}
