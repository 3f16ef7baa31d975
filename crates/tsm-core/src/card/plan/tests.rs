//! Plans carried out on a model card.

mod whole_card;

use proptest::prelude::*;

use super::*;
use crate::card::content::EntryKind;
use crate::card::model::Model;

fn aid(service: u8, part: u8) -> Aid {
    Aid::from_slice_const(&[0xD3, 0x92, service, 0, 0, part])
}

fn service(number: u8, state: ServiceState) -> DesiredService {
    DesiredService {
        service: ServiceName::new(&format!("service-{number}")).unwrap(),
        provider: crate::identity::Tenant::new("j-lis").unwrap(),
        state,
        package: aid(number, 1),
        module: aid(number, 2),
        instance: aid(number, 3),
        security_domain: aid(number, 4),
        quota: 20_000,
        load_file_bytes: 5_000 + u32::from(number),
    }
}

fn actions(desired: &Desired, model: &Model) -> Vec<Action> {
    let changes = plan(desired, &model.content()).unwrap();
    changes.into_iter().map(|change| change.action).collect()
}

fn apply(model: &mut Model, desired: &Desired, changes: &[Change]) {
    for change in changes {
        let service = desired.service(change.service.as_ref().unwrap()).unwrap();
        assert_eq!(
            model.apply(change, service),
            Ok(()),
            "{change:?} on {model:?}"
        );
    }
}

fn converge(model: &mut Model, desired: &Desired) {
    let changes = plan(desired, &model.content()).unwrap();
    apply(model, desired, &changes);
}

fn only(state: ServiceState) -> Desired {
    Desired::of(vec![service(1, state)])
}

fn any_state() -> impl Strategy<Value = ServiceState> {
    prop_oneof![
        Just(ServiceState::Absent),
        Just(ServiceState::Installed),
        Just(ServiceState::Active),
        Just(ServiceState::Suspended),
    ]
}

fn any_desired() -> impl Strategy<Value = Desired> {
    (0..3_usize).prop_flat_map(|count| {
        proptest::collection::vec(any_state(), count + 1).prop_map(|states| {
            let services = (1..).zip(states).map(|(n, state)| service(n, state));
            Desired::of(services.collect())
        })
    })
}

/// A card on which `plans` were carried out one after the other, the last
/// change of each torn off at some point, with foreign objects on it.
fn torn(plans: &[(Desired, usize)]) -> Model {
    let mut model = foreign(Model::new(100_000));
    for (desired, kept) in plans {
        let changes = plan(desired, &model.content()).unwrap();
        let kept = kept % (changes.len() + 1);
        let mut changes = changes;
        changes.truncate(kept);
        apply(&mut model, desired, &changes);
    }
    model
}

fn foreign(mut model: Model) -> Model {
    model.install_domain(aid(0xEE, 4)).unwrap();
    model.personalize(&aid(0xEE, 4)).unwrap();
    model.load(aid(0xEE, 1), aid(0xEE, 4), 1_000).unwrap();
    model.install_applet(aid(0xEE, 3), aid(0xEE, 1)).unwrap();
    model
}

fn foreign_entries(model: &Model) -> Vec<crate::card::content::ContentEntry> {
    let entries = model.content().entries;
    entries
        .into_iter()
        .filter(|entry| entry.aid.starts_with(&[0xD3, 0x92, 0xEE]))
        .collect()
}

proptest! {
    #[test]
    fn applying_a_plan_reaches_what_is_desired_and_leaves_nothing_to_plan(
        before in proptest::collection::vec((any_desired(), 0..40_usize), 0..4),
        desired in any_desired(),
    ) {
        let mut model = torn(&before);
        converge(&mut model, &desired);
        let content = model.content();
        for service in &desired.services {
            let observed = service.observed(&content);
            match service.state {
                // An applet that could be selected already is not made unselectable.
                ServiceState::Installed => prop_assert!(matches!(
                    observed,
                    Some(ServiceState::Installed | ServiceState::Active)
                )),
                state => prop_assert_eq!(observed, Some(state)),
            }
        }
        prop_assert_eq!(plan(&desired, &content), Ok(Vec::new()));
    }

    #[test]
    fn after_any_prefix_planning_again_still_converges(
        before in proptest::collection::vec((any_desired(), 0..40_usize), 0..3),
        desired in any_desired(),
        kept in 0..40_usize,
    ) {
        let mut plans = before;
        plans.push((desired.clone(), kept));
        let mut model = torn(&plans);
        converge(&mut model, &desired);
        prop_assert_eq!(plan(&desired, &model.content()), Ok(Vec::new()));
    }

    #[test]
    fn objects_of_others_stay_as_they_are(
        plans in proptest::collection::vec((any_desired(), 0..40_usize), 1..4),
    ) {
        let model = torn(&plans);
        prop_assert_eq!(foreign_entries(&model), foreign_entries(&foreign(Model::new(100_000))));
    }

    #[test]
    fn what_is_planned_fits_the_memory(free in 0..60_000_u32, desired in any_desired()) {
        let mut model = Model::new(free);
        match plan(&desired, &model.content()) {
            Ok(changes) => apply(&mut model, &desired, &changes),
            Err(error) => prop_assert_eq!(error.reason(), Reason::InsufficientSeMemory),
        }
    }
}

#[test]
fn deploys_from_nothing_in_the_order_the_card_needs() {
    let model = Model::new(100_000);
    assert_eq!(
        actions(&only(ServiceState::Installed), &model),
        [
            Action::CreateDomain,
            Action::SetDomainKeys,
            Action::LoadPackage,
            Action::InstallApplet
        ]
    );
}

#[test]
fn makes_a_domain_without_keys_anew() {
    let mut model = Model::new(100_000);
    model.install_domain(aid(1, 4)).unwrap();
    let planned = actions(&only(ServiceState::Installed), &model);
    assert_eq!(
        planned[..3],
        [
            Action::DeleteDomain,
            Action::CreateDomain,
            Action::SetDomainKeys
        ]
    );
}

#[test]
fn unlocks_before_making_selectable() {
    let mut model = Model::new(100_000);
    converge(&mut model, &only(ServiceState::Suspended));
    let planned = actions(&only(ServiceState::Active), &model);
    assert_eq!(planned, [Action::Unlock, Action::MakeSelectable]);
}

#[test]
fn locks_before_anything_else_is_done() {
    let mut model = Model::new(100_000);
    converge(&mut model, &only(ServiceState::Active));
    let services = vec![
        service(2, ServiceState::Installed),
        service(1, ServiceState::Suspended),
    ];
    assert_eq!(actions(&Desired::of(services), &model)[0], Action::Lock);
}

#[test]
fn refuses_what_does_not_fit_the_card_before_anything_is_written() {
    let content = Model::new(20_511).content();
    let error = plan(&only(ServiceState::Installed), &content).unwrap_err();
    let expected = PlanError::InsufficientMemory {
        service: ServiceName::new("service-1").unwrap(),
        needed: 20_512,
        free: 20_511,
    };
    assert_eq!(error, expected);
    assert_eq!(plan(&only(ServiceState::Absent), &content), Ok(Vec::new()));
}

#[test]
fn refuses_a_package_that_does_not_fit_its_quota() {
    let mut desired = only(ServiceState::Installed);
    desired.services[0].quota = 5_000;
    let error = plan(&desired, &Model::new(100_000).content()).unwrap_err();
    assert_eq!(error.reason(), Reason::InsufficientSeMemory);
}

#[test]
fn never_touches_a_name_that_belongs_to_somebody_else() {
    let mut model = foreign(Model::new(100_000));
    model.load(aid(1, 1), aid(0xEE, 4), 10).unwrap();
    model.install_applet(aid(1, 3), aid(1, 1)).unwrap();
    let error = plan(&only(ServiceState::Active), &model.content()).unwrap_err();
    assert_eq!(error.reason(), Reason::AidConflict);
    assert_eq!(actions(&only(ServiceState::Absent), &model), []);
    let found = obstacles(&service(1, ServiceState::Installed), &model.content());
    assert_eq!(found.len(), 2);
}

#[test]
fn two_services_can_not_share_a_name() {
    let mut twin = service(2, ServiceState::Absent);
    twin.instance = aid(1, 3);
    let services = vec![service(1, ServiceState::Active), twin];
    let error = plan(&Desired::of(services), &Model::new(100_000).content()).unwrap_err();
    assert_eq!(error.service().as_str(), "service-2");
}

#[test]
fn half_of_a_service_is_no_state() {
    let mut model = Model::new(100_000);
    converge(&mut model, &only(ServiceState::Installed));
    model.delete(&aid(1, 3)).unwrap();
    let content = model.content();
    assert_eq!(service(1, ServiceState::Active).observed(&content), None);
    assert!(
        content
            .find(EntryKind::SecurityDomain, &aid(1, 4))
            .is_some()
    );
}

#[test]
fn an_applet_whose_load_file_seems_to_be_gone_is_never_deleted() {
    for state in [
        ServiceState::Installed,
        ServiceState::Active,
        ServiceState::Suspended,
    ] {
        let mut model = Model::new(100_000);
        converge(&mut model, &only(ServiceState::Active));
        let mut content = model.content();
        content.entries.retain(|entry| entry.aid != aid(1, 1));
        let error = plan(&only(state), &content).unwrap_err();
        assert_eq!(error.reason(), Reason::Diverged);
        let found = obstacles(&service(1, state), &content);
        assert_eq!(found, [error]);
    }
}
