//! What cards and other workers say no to.

use async_trait::async_trait;
use globalplatform::commands::{delete, install, load, put_key, set_status};

use super::world::{INSTANCE, PACKAGE, World, iccid, provider};
use super::*;
use crate::card::catalogue::LoadFilePiece;
use crate::card::lease::Lease;
use crate::card::model::Model;
use crate::card_session::fake::Fault;
use crate::ports::{Batch, Script};

fn refuse(world: &World, ins: u8, sw: u16) {
    world.change_card(|card| card.refuse = Some((ins, StatusWord(sw))));
}

#[test]
fn what_was_begun_is_removed_when_the_card_says_no() {
    for (ins, sw, problem) in [
        (install::INS, 0x6A80, "CARD_REFUSED"),
        (put_key::INS, 0x6A84, "INSUFFICIENT_SE_MEMORY"),
        (set_status::INS, 0x6985, "CARD_REFUSED"),
        (load::INS, 0x6A84, "INSUFFICIENT_SE_MEMORY"),
        (load::INS, 0x6438, "PACKAGE_IMPORT_MISSING"),
    ] {
        let world = World::new();
        world.audit().unwrap();
        world.desire(ServiceState::Installed);
        refuse(&world, ins, sw);
        let report = world.converge().unwrap();
        let deployment = report.deployment(&jpki()).unwrap();
        assert_eq!(deployment.problem.as_deref(), Some(problem), "{ins:02X}");
        assert_eq!(deployment.desired, ServiceState::Absent);
        assert_eq!(deployment.observed, Some(ServiceState::Absent));
        assert_eq!(deployment.handover, None);
        assert_eq!(*deployment, world.deployment());
        world.change_card(|card| assert_eq!(card.model, Model::new(100_000)));

        // A new request starts from a clean card.
        world.desire(ServiceState::Installed);
        let report = world.converge().unwrap();
        assert!(report.deployment(&jpki()).unwrap().converged());
        assert_eq!(report.deployment(&jpki()).unwrap().problem, None);
    }
}

#[test]
fn a_card_without_enough_memory_is_not_written_at_all() {
    let world = World::with_memory(15_000);
    world.desire(ServiceState::Installed);
    let report = world.converge().unwrap();
    let deployment = report.deployment(&jpki()).unwrap();
    assert_eq!(
        deployment.problem.as_deref(),
        Some("INSUFFICIENT_SE_MEMORY")
    );
    assert_eq!(deployment.desired, ServiceState::Absent);
    assert_eq!(*deployment, world.deployment());
    assert!(
        world
            .executed()
            .iter()
            .all(|ins| matches!(ins, 0xF2 | 0xCA))
    );
}

#[test]
fn what_is_in_use_is_not_removed_because_a_change_was_refused() {
    let world = World::new();
    world.desire(ServiceState::Installed);
    world.converge().unwrap();
    world.desire(ServiceState::Active);
    refuse(&world, install::INS, 0x6985);
    let report = world.converge().unwrap();
    let deployment = report.deployment(&jpki()).unwrap();
    assert_eq!(deployment.problem.as_deref(), Some("CARD_REFUSED"));
    assert_eq!(deployment.desired, ServiceState::Active);
    assert_eq!(deployment.observed, Some(ServiceState::Installed));
    assert!(!deployment.has_open_work());

    // It waits for a new request; one card with a problem is no endless loop.
    let before = world.executed().len();
    world.converge().unwrap();
    assert!(
        world.executed()[before..]
            .iter()
            .all(|ins| matches!(ins, 0xF2 | 0xCA))
    );
    world.desire(ServiceState::Active);
    assert!(
        world
            .converge()
            .unwrap()
            .deployment(&jpki())
            .unwrap()
            .converged()
    );
}

#[test]
fn a_refusal_that_came_once_does_not_stop_the_same_request_for_ever() {
    for (before, desired, ins) in [
        (
            &[ServiceState::Installed][..],
            ServiceState::Active,
            install::INS,
        ),
        (
            &[ServiceState::Installed, ServiceState::Active],
            ServiceState::Suspended,
            set_status::INS,
        ),
    ] {
        let world = World::new();
        for state in before {
            world.desire(*state);
            world.converge().unwrap();
        }
        for sw in [0x6985, 0x6581] {
            let asked = world.request(&provider(), "the one", desired).unwrap();
            assert_eq!(asked.problem, None);
            // A bare status word: the card said so once, or the phone made it up.
            refuse(&world, ins, sw);
            let report = world.converge().unwrap();
            let deployment = report.deployment(&jpki()).unwrap();
            assert_eq!(deployment.problem.as_deref(), Some("CARD_REFUSED"));
            assert!(!deployment.has_open_work());
        }
        let again = world.request(&provider(), "the one", desired).unwrap();
        assert!(again.has_open_work());
        assert_eq!(again, world.deployment());
        let report = world.converge().unwrap();
        let deployment = report.deployment(&jpki()).unwrap();
        assert_eq!(deployment.observed, Some(desired));
        assert!(deployment.converged() && deployment.problem.is_none());
    }
}

#[test]
fn an_old_request_forgets_no_problem_of_a_newer_one() {
    let world = World::new();
    world
        .request(&provider(), "old", ServiceState::Installed)
        .unwrap();
    world.converge().unwrap();
    world.desire(ServiceState::Active);
    refuse(&world, install::INS, 0x6985);
    world.converge().unwrap();
    let before = world.deployment();
    assert!(before.problem.is_some());
    let late = world.request(&provider(), "old", ServiceState::Installed);
    assert_eq!(late.unwrap(), before);
}

#[test]
fn an_applet_without_its_load_file_stays_until_it_shall_go() {
    let world = World::new();
    world.desire(ServiceState::Installed);
    world.converge().unwrap();
    world.change_card(|card| {
        let is_file = |entry: &crate::card::content::ContentEntry| entry.aid == PACKAGE;
        card.model.entries.retain(|(entry, _)| !is_file(entry));
    });
    for _ in 0..2 {
        world.desire(ServiceState::Active);
        let report = world.converge().unwrap();
        let deployment = report.deployment(&jpki()).unwrap();
        assert_eq!(deployment.problem.as_deref(), Some("DIVERGED"));
        assert_eq!(deployment.desired, ServiceState::Active);
        world.change_card(|card| assert!(card.model.find(&INSTANCE).is_some()));
    }
    world.desire(ServiceState::Absent);
    assert!(
        world
            .converge()
            .unwrap()
            .deployment(&jpki())
            .unwrap()
            .converged()
    );
}

#[test]
fn what_shall_go_is_tried_again_with_the_next_call() {
    let world = World::new();
    world.desire(ServiceState::Installed);
    world.converge().unwrap();
    world.desire(ServiceState::Absent);
    refuse(&world, delete::INS, 0x6985);
    let report = world.converge().unwrap();
    let deployment = report.deployment(&jpki()).unwrap();
    assert_eq!(deployment.problem.as_deref(), Some("CARD_REFUSED"));
    assert!(!deployment.converged() && deployment.has_open_work());
    let report = world.converge().unwrap();
    assert!(report.deployment(&jpki()).unwrap().converged());
}

#[test]
fn somebody_else_s_name_is_left_alone() {
    let world = World::new();
    world.change_card(|card| card.model.install_domain(INSTANCE).unwrap());
    world.desire(ServiceState::Installed);
    let report = world.converge().unwrap();
    let deployment = report.deployment(&jpki()).unwrap();
    assert_eq!(deployment.problem.as_deref(), Some("AID_CONFLICT"));
    world.desire(ServiceState::Absent);
    world.converge().unwrap();
    world.change_card(|card| assert!(card.model.find(&INSTANCE).is_some()));
}

#[test]
fn a_locked_card_is_not_changed() {
    let world = World::new();
    world.change_card(|card| card.model.life_cycle = 0x7F);
    world.desire(ServiceState::Installed);
    let report = world.converge().unwrap();
    let deployment = report.deployment(&jpki()).unwrap();
    assert_eq!(deployment.problem.as_deref(), Some("CARD_LOCKED"));
    assert_eq!(report.exchanges, 1);
}

#[test]
fn a_damaged_load_file_is_never_sent() {
    let world = World::new();
    let package: crate::card::catalogue::Package = world.load(&PACKAGE.to_string());
    world.remove::<LoadFilePiece>(&LoadFilePiece::id(&package.sha256, 1));
    world.desire(ServiceState::Installed);
    let report = world.converge().unwrap();
    let deployment = report.deployment(&jpki()).unwrap();
    assert_eq!(deployment.problem.as_deref(), Some("PACKAGE_UNUSABLE"));
    assert!(
        world
            .executed()
            .iter()
            .all(|ins| matches!(ins, 0xF2 | 0xCA))
    );
}

/// Another worker takes the card.
fn second_lease() -> Batch {
    let lease = Lease {
        holder: "other".to_owned(),
        epoch: 2,
        expires_at: Timestamp(60_000),
    };
    Batch::new().update(iccid().as_str(), 1, lease)
}

/// The card answers, and the worker gets no further than its counters.
struct Crashing<'a>(&'a World);

#[async_trait]
impl CardLink for Crashing<'_> {
    async fn exchange(
        &self,
        iccid: &Iccid,
        epoch: u64,
        script: Script,
        deadline: Timestamp,
    ) -> Result<Vec<Vec<u8>>, crate::ports::LinkError> {
        self.0.store.commit(second_lease()).await.unwrap();
        self.0.link.exchange(iccid, epoch, script, deadline).await
    }
}

#[test]
fn first_keys_outlive_a_crash_between_verification_and_record() {
    let world = World::new();
    world.audit().unwrap();
    world.desire(ServiceState::Installed);
    let link = Crashing(&world);
    let crashed = block_on(converge(
        &world.context_over(&link),
        &iccid(),
        1,
        Timestamp(60_000),
    ));
    assert_eq!(crashed.unwrap_err().reason(), Reason::CardBusy);
    let keys = world.card_keys().unwrap();
    let handover = world.deployment().handover;
    assert_eq!(service_keys(handover.as_ref().unwrap()), keys);
    assert_eq!(world.uicc().content, None);

    // Even when the next scripts get lost.
    let (context, card) = (world.context(), iccid());
    let again = || block_on(converge(&context, &card, 2, Timestamp(60_000)));
    for _ in 0..2 {
        world.link.fault(Fault::LoseScript);
        again().unwrap_err();
        assert_eq!(world.deployment().handover, handover);
    }
    let report = again().unwrap();
    assert!(report.deployment(&jpki()).unwrap().converged());
    assert_eq!(world.deployment().handover, handover);
    assert_eq!(world.card_keys(), Some(keys));
}

#[test]
fn nothing_is_recorded_under_an_old_lease() {
    let world = World::new();
    world.desire(ServiceState::Installed);
    block_on(world.store.commit(second_lease())).unwrap();
    let before = world.deployment();
    assert_eq!(world.converge().unwrap_err().reason(), Reason::CardBusy);
    assert_eq!(world.deployment(), before);
    assert_eq!(world.uicc().content, None);
}

/// A provider that changes its mind while the script is on its way.
struct Interfering<'a> {
    world: &'a World,
    desired: ServiceState,
}

#[async_trait]
impl CardLink for Interfering<'_> {
    async fn exchange(
        &self,
        iccid: &Iccid,
        epoch: u64,
        script: Script,
        deadline: Timestamp,
    ) -> Result<Vec<Vec<u8>>, crate::ports::LinkError> {
        let request = ChangeRequest {
            request_id: "interfering".to_owned(),
            iccid: iccid.clone(),
            service: jpki(),
            desired: self.desired,
        };
        set_desired(&self.world.context(), &provider(), &request)
            .await
            .unwrap();
        self.world
            .link
            .exchange(iccid, epoch, script, deadline)
            .await
    }
}

#[test]
fn a_request_that_comes_meanwhile_is_followed_and_not_overwritten() {
    for desired in [ServiceState::Absent, ServiceState::Active] {
        let world = World::new();
        world.audit().unwrap();
        world.desire(ServiceState::Installed);
        let link = Interfering {
            world: &world,
            desired,
        };
        let context = world.context_over(&link);
        let report = block_on(converge(&context, &iccid(), 1, Timestamp(60_000))).unwrap();
        let deployment = report.deployment(&jpki()).unwrap();
        assert_eq!(deployment.desired, desired);
        assert!(deployment.converged());
        assert_eq!(*deployment, world.deployment());
    }
}

#[test]
fn a_hand_over_that_was_not_stored_is_not_kept() {
    let world = World::new();
    world.desire(ServiceState::Installed);
    world.converge().unwrap();
    let handover = world.deployment().handover;
    // The snapshot says that the card is empty, and the load file is gone: new
    // keys are planned and never sent.
    world.edit_uicc(|uicc| uicc.content.as_mut().unwrap().entries.truncate(1));
    let package: crate::card::catalogue::Package = world.load(&PACKAGE.to_string());
    world.remove::<LoadFilePiece>(&LoadFilePiece::id(&package.sha256, 0));
    let report = world.converge().unwrap();
    assert_eq!(report.deployment(&jpki()).unwrap().handover, handover);
    assert_eq!(world.deployment().observed, Some(ServiceState::Installed));
}
