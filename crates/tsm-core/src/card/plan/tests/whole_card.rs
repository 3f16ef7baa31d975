//! Random cards, random wishes of several tenants: the properties that a plan must have.
//!
//! A card gets here by random commands of anybody and by plans that were torn off. `PLANNER_CASES`
//! says how many are tried.

use std::cell::Cell;
use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::card::content::{ContentEntry, EntryKind};
use crate::identity::Tenant;

/// Cases of the normal tier.
const CASES: u32 = 3_000;
/// Services of three providers; the fourth to sixth may share with the first to third.
const SERVICES: u8 = 6;
/// Names of nobody's objects, and of objects of services that were never asked for.
const STRANGERS: u8 = 4;

/// A random service; `sharing` 1 shares the domain with the one three before it, 2 the load file too.
fn definition(number: u8, sharing: u8, state: ServiceState) -> DesiredService {
    let twin = if number > 3 { number - 3 } else { number };
    let provider = Tenant::new(&format!("provider-{}", number % 3)).unwrap();
    let quota = 12_000 + 1_000 * u32::from(twin);
    let mut made = DesiredService {
        provider,
        quota,
        load_file_bytes: file_bytes(number),
        ..service(number, state)
    };
    if sharing > 0 {
        made.security_domain = aid(twin, 4);
    }
    if sharing > 1 {
        made.package = aid(twin, 1);
        made.load_file_bytes = file_bytes(twin);
    }
    made
}

fn file_bytes(number: u8) -> u32 {
    2_000 + 100 * u32::from(number)
}

/// What anybody may do to a card.
#[derive(Clone, Debug)]
enum Command {
    Domain(Aid, bool),
    Load(Aid, Aid, u32),
    Install(Aid, Aid),
    Select(Aid),
    Lock(Aid, bool),
    Move(Aid, Aid),
    Delete(Aid),
}

fn any_name() -> impl Strategy<Value = Aid> {
    (1..=SERVICES + STRANGERS, 1..=4_u8).prop_map(|(owner, part)| aid(owner, part))
}

fn any_command() -> impl Strategy<Value = Command> {
    let domain = (1..=SERVICES + STRANGERS).prop_map(|owner| aid(owner, 4));
    let file = (1..=SERVICES + STRANGERS).prop_map(|owner| aid(owner, 1));
    prop_oneof![
        3 => (domain.clone(), prop::bool::weighted(0.8)).prop_map(|(a, keys)| Command::Domain(a, keys)),
        3 => (file.clone(), domain.clone(), 100..4_000_u32).prop_map(|(f, d, n)| Command::Load(f, d, n)),
        1 => (any_name(), domain.clone(), 100..4_000_u32).prop_map(|(f, d, n)| Command::Load(f, d, n)),
        3 => (any_name(), file).prop_map(|(a, f)| Command::Install(a, f)),
        1 => any_name().prop_map(Command::Select),
        1 => (any_name(), any::<bool>()).prop_map(|(a, lock)| Command::Lock(a, lock)),
        1 => (any_name(), domain).prop_map(|(a, d)| Command::Move(a, d)),
        1 => any_name().prop_map(Command::Delete),
    ]
}

/// Refused commands change nothing.
fn carry_out(model: &mut Model, command: &Command) {
    let kind = |model: &Model, aid: &Aid| model.find(aid).map(|entry| entry.kind);
    let _refused_or_not = match command {
        Command::Domain(aid, has_keys) => model.install_domain(*aid).and_then(|()| {
            if *has_keys {
                model.personalize(aid)
            } else {
                Ok(())
            }
        }),
        // A load file that carries the name of a package is that package.
        Command::Load(file, domain, bytes) => {
            let mut packages = (1..=SERVICES).filter(|number| aid(*number, 1) == *file);
            let bytes = packages.next().map_or(*bytes, file_bytes);
            model.load(*file, *domain, bytes)
        }
        Command::Install(aid, file) if kind(model, file) == Some(EntryKind::LoadFile) => {
            model.install_applet(*aid, *file)
        }
        Command::Select(aid) if kind(model, aid) == Some(EntryKind::Applet) => {
            model.make_selectable(aid)
        }
        Command::Lock(aid, lock) if kind(model, aid) == Some(EntryKind::Applet) => {
            model.lock(aid, *lock)
        }
        Command::Move(aid, domain)
            if kind(model, aid) == Some(EntryKind::Applet)
                && kind(model, domain) == Some(EntryKind::SecurityDomain) =>
        {
            let mut entries = model.entries.iter_mut();
            if let Some((entry, _)) = entries.find(|(entry, _)| entry.aid == *aid) {
                entry.security_domain = Some(*domain);
            }
            Ok(())
        }
        Command::Delete(aid) => model.delete(aid),
        _ => Ok(()),
    };
}

/// What is asked for each service: nothing, to stay as it is, or a state.
#[derive(Clone, Copy, Debug)]
enum Wish {
    None,
    Keep(ServiceState),
    Have(ServiceState),
}

fn any_wish() -> impl Strategy<Value = Wish> {
    prop_oneof![
        2 => Just(Wish::None),
        1 => any_state().prop_map(Wish::Keep),
        5 => any_state().prop_map(Wish::Have),
    ]
}

type Wishes = ([Wish; SERVICES as usize], Vec<u8>);

fn any_wishes() -> impl Strategy<Value = Wishes> {
    let unwanted = proptest::collection::vec(SERVICES + 1..=SERVICES + STRANGERS, 0..3);
    ([(); SERVICES as usize].map(|()| any_wish()), unwanted)
}

fn desired(sharing: &[u8; 3], (wishes, unwanted): &Wishes) -> Desired {
    let mut desired = Desired::default();
    for (number, wish) in (1..).zip(wishes) {
        let shared = if number > 3 {
            sharing[usize::from(number - 4)]
        } else {
            0
        };
        match wish {
            Wish::None => {}
            Wish::Keep(state) => desired.kept.push(definition(number, shared, *state)),
            Wish::Have(state) => desired.services.push(definition(number, shared, *state)),
        }
    }
    desired.unwanted = unwanted
        .iter()
        .flat_map(|owner| (1..=4).map(|part| aid(*owner, part)))
        .collect();
    desired
}

#[derive(Clone, Debug)]
struct Case {
    free: u32,
    sharing: [u8; 3],
    commands: Vec<Command>,
    before: Vec<(Wishes, usize)>,
    wishes: Wishes,
    kept: usize,
}

fn any_case() -> impl Strategy<Value = Case> {
    (
        prop_oneof![Just(200_000), 5_000..90_000_u32],
        [(); 3].map(|()| 0..3_u8),
        proptest::collection::vec(any_command(), 0..24),
        proptest::collection::vec((any_wishes(), 0..40_usize), 0..3),
        any_wishes(),
        0..60_usize,
    )
        .prop_map(|(free, sharing, commands, before, wishes, kept)| Case {
            free,
            sharing,
            commands,
            before,
            wishes,
            kept,
        })
}

/// Carries changes out; the card must take every one, within memory and quotas.
fn carry_out_plan(model: &mut Model, desired: &Desired, changes: &[Change]) {
    let nobody = service(1, ServiceState::Absent);
    for change in changes {
        let name = change.service.as_ref();
        let service = name.map_or(&nobody, |name| desired.service(name).unwrap());
        let before = model.clone();
        assert_eq!(
            model.apply(change, service),
            Ok(()),
            "{change:?} on {before:?}"
        );
        if change.action == Action::CreateDomain {
            model.quotas.insert(service.security_domain, service.quota);
        }
    }
}

/// A card after `case`'s past.
fn card(case: &Case) -> Model {
    let mut model = Model::new(case.free);
    for command in &case.commands {
        carry_out(&mut model, command);
    }
    for (wishes, kept) in &case.before {
        let desired = desired(&case.sharing, wishes);
        if let Ok(mut changes) = plan(&desired, &model.content()) {
            changes.truncate(kept % (changes.len() + 1));
            carry_out_plan(&mut model, &desired, &changes);
        }
    }
    model
}

/// What a plan may touch: what was made for a service that it brings somewhere, all that lies in
/// the domain of one that goes, and what is unwanted.
fn may_touch(desired: &Desired, entry: &ContentEntry) -> bool {
    let is_of = |service: &DesiredService| match entry.kind {
        EntryKind::SecurityDomain => entry.aid == service.security_domain,
        _ => {
            let is_inside = entry.security_domain == Some(service.security_domain);
            is_inside
                && (service.names().contains(&entry.aid) || service.state == ServiceState::Absent)
        }
    };
    desired.services.iter().any(is_of) || desired.unwanted.contains(&entry.aid)
}

fn untouchable(desired: &Desired, model: &Model) -> BTreeSet<String> {
    let entries = model.content().entries;
    let others = entries.iter().filter(|entry| {
        let is_kept = |kept: &DesiredService| {
            let exists = kept.state != ServiceState::Absent || entry.aid == kept.instance;
            let is_its = entry.security_domain == Some(kept.security_domain)
                || entry.kind == EntryKind::SecurityDomain;
            exists && is_its && kept.names().contains(&entry.aid)
        };
        let stays = desired.kept.iter().any(is_kept);
        // A kept service shares with another one of its provider: that one's wishes count.
        (stays
            && !desired
                .services
                .iter()
                .any(|s| s.names().contains(&entry.aid)))
            || !may_touch(desired, entry)
    });
    others.map(|entry| format!("{entry:?}")).collect()
}

fn has_arrived(desired: &Desired, model: &Model) -> Result<(), TestCaseError> {
    let content = model.content();
    let is_needed = |aid: &Aid| {
        let by_entry = content.entries.iter().any(|entry| {
            entry.aid != *aid
                && (entry.load_file == Some(*aid) || entry.security_domain == Some(*aid))
        });
        by_entry
            || desired.kept.iter().any(|kept| kept.names().contains(aid))
            || desired
                .services
                .iter()
                .any(|s| s.state != ServiceState::Absent && s.names().contains(aid))
    };
    for service in &desired.services {
        let observed = service.observed(&content);
        match service.state {
            ServiceState::Installed => prop_assert!(matches!(
                observed,
                Some(ServiceState::Installed | ServiceState::Active)
            )),
            ServiceState::Absent => {
                let found = service.find(&content);
                prop_assert!(found.applet.is_none());
                for left in [found.load_file, found.domain].into_iter().flatten() {
                    prop_assert!(is_needed(&left.aid), "{} was left", left.aid);
                }
            }
            state => prop_assert_eq!(observed, Some(state)),
        }
    }
    for aid in &desired.unwanted {
        let is_left = model.find(aid).is_some();
        let is_named = desired.all().any(|service| service.names().contains(aid));
        prop_assert!(!is_left || is_needed(aid) || is_named);
    }
    Ok(())
}

fn check(case: &Case) -> Result<bool, TestCaseError> {
    let mut model = card(case);
    let desired = desired(&case.sharing, &case.wishes);
    let foreign = untouchable(&desired, &model);
    let Ok(changes) = plan(&desired, &model.content()) else {
        return Ok(false);
    };
    let mut torn = model.clone();

    carry_out_plan(&mut model, &desired, &changes);
    has_arrived(&desired, &model)?;
    prop_assert_eq!(plan(&desired, &model.content()), Ok(Vec::new()));
    prop_assert!(foreign.is_subset(&untouchable(&desired, &model)));

    let kept = case.kept % (changes.len() + 1);
    carry_out_plan(&mut torn, &desired, &changes[..kept]);
    prop_assert!(foreign.is_subset(&untouchable(&desired, &torn)));
    let again = plan(&desired, &torn.content());
    let again = again.map_err(|error| TestCaseError::fail(format!("after a tear: {error}")))?;
    carry_out_plan(&mut torn, &desired, &again);
    has_arrived(&desired, &torn)?;
    prop_assert_eq!(plan(&desired, &torn.content()), Ok(Vec::new()));
    prop_assert!(foreign.is_subset(&untouchable(&desired, &torn)));
    Ok(true)
}

#[test]
fn whatever_the_card_holds_a_plan_reaches_what_is_desired_and_touches_nothing_else() {
    let cases = std::env::var("PLANNER_CASES").map_or(CASES, |text| text.parse().unwrap());
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..Config::default()
    };
    let planned = Cell::new(0_u32);
    TestRunner::new(config)
        .run(&any_case(), |case| {
            planned.set(planned.get() + u32::from(check(&case)?));
            Ok(())
        })
        .unwrap();
    println!(
        "{cases} cards, {} of them could be brought to what was desired",
        planned.get()
    );
    assert!(
        planned.get() > cases / 5,
        "too few plans: {}",
        planned.get()
    );
}
