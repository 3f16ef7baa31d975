//! Who is told what of work on a card, and what it costs.

use super::world::{World, iccid, jpki, provider};
use crate::audit::AuditEntry;
use crate::card::catalogue::{Package, ServiceDefinition};
use crate::card::deployment::{Deployment, KeySetup, ServiceState};
use crate::identity::{ServiceName, Tenant};
use crate::ledger::Use;
use crate::ledger::settlement::testing::lines;
use crate::ports::{Batch, Clock as _, Store};
use crate::receipt::{Receipt, ReceiptStatement};
use crate::record::{Record, Table};
use futures::executor::block_on;
use globalplatform::aid::Aid;

fn other() -> Tenant {
    Tenant::new("transit-co").unwrap()
}

/// Another provider's service on the same card, which is to be gone.
fn add_another_provider(world: &World) {
    let transit = ServiceName::new("transit").unwrap();
    let known: ServiceDefinition = world.load("jpki");
    let package: Package = world.load(&known.package.to_string());
    let aid = Aid::new(&[0xF0, 0, 0, 0, 9]).unwrap();
    let package = Package { aid, ..package };
    let definition = ServiceDefinition {
        name: transit.clone(),
        provider: other(),
        package: aid,
        instance: Aid::new(&[0xF0, 0, 0, 0, 9, 1]).unwrap(),
        security_domain: Aid::new(&[0xF0, 0, 0, 0, 9, 2]).unwrap(),
        ..known
    };
    let deployment = Deployment {
        iccid: iccid(),
        service: transit.clone(),
        provider: other(),
        desired: ServiceState::Absent,
        observed: None,
        is_stale: false,
        problem: None,
        handover: None,
        key_setup: KeySetup::CarrierTrusted,
        updated_at: crate::time::Timestamp(0),
    };
    let batch = Batch::new()
        .insert("transit", definition)
        .insert(aid.to_string(), package)
        .insert(Deployment::id(&iccid(), &transit), deployment);
    block_on(world.store.commit(batch)).unwrap();
}

fn receipts(world: &World) -> Vec<ReceiptStatement> {
    let found = block_on(world.store.scan(Table::Receipt, "", None, 1_000)).unwrap();
    let read = found.into_iter().map(|(id, found)| match found.value {
        Record::Receipt(Receipt { text, .. }) => {
            let statement = ReceiptStatement::parse(&text).unwrap();
            assert_eq!(id.id, statement.id);
            statement
        }
        other => panic!("{other:?}"),
    });
    read.collect()
}

fn of(world: &World, tenant: &Tenant) -> Vec<AuditEntry> {
    let mut entries = world.audit_entries();
    entries.retain(|entry| entry.step.tenants.contains(tenant));
    entries
}

#[test]
fn a_provider_is_told_of_its_own_services_only() {
    let world = World::new();
    add_another_provider(&world);
    world.desire(ServiceState::Installed);
    world.converge().unwrap();
    world.desire(ServiceState::Absent);
    world.converge().unwrap();

    let theirs = of(&world, &other());
    assert!(!theirs.is_empty());
    for entry in &theirs {
        let said = format!("{} {}", entry.step.action, entry.step.outcome);
        assert_eq!(said, "read transit absent");
    }
    let ours = of(&world, &provider().tenant);
    assert!(
        ours.iter()
            .all(|entry| !entry.step.tenants.contains(&other()))
    );
    assert!(
        ours.iter()
            .any(|entry| entry.step.action.contains("jpki install applet"))
    );
    for receipt in receipts(&world) {
        assert!(!receipt.tenants.contains(&other()), "{receipt:?}");
    }
    // The holder of the card sees all of it.
    let carrier = Tenant::new("carrier").unwrap();
    assert_eq!(of(&world, &carrier).len(), world.audit_entries().len());
}

#[test]
fn what_was_changed_and_read_back_leaves_one_receipt() {
    let world = World::new();
    world.audit().unwrap();
    assert_eq!(receipts(&world), []);
    for (count, desired) in [
        (1, ServiceState::Installed),
        (2, ServiceState::Active),
        (3, ServiceState::Suspended),
        (4, ServiceState::Absent),
    ] {
        world.desire(desired);
        world.converge().unwrap();
        world.converge().unwrap();
        assert_eq!(receipts(&world).len(), count, "{desired:?}");
    }
    let outcomes: Vec<_> = receipts(&world)
        .into_iter()
        .map(|said| said.outcome)
        .collect();
    let expected = [
        "jpki installed",
        "jpki active",
        "jpki suspended",
        "jpki absent",
    ];
    assert_eq!(outcomes, expected);
    let last = receipts(&world).pop().unwrap();
    let entry: AuditEntry = world.load(&last.id);
    assert_eq!(last.entry, entry.hash());
}

#[test]
fn an_area_is_counted_from_reading_to_reading() {
    let world = World::new();
    world.desire(ServiceState::Installed);
    assert_eq!(lines(&world.store), []);
    world.converge().unwrap();
    let installed = world.clock.now();
    for _ in 0..3 {
        world.clock.advance(10);
        world.audit().unwrap();
        world.converge().unwrap();
    }
    let area = |until| Use::Area {
        bytes: 20_000,
        from: installed,
        until,
    };
    let installation = Use::Installation { at: installed };
    assert_eq!(lines(&world.store), [area(None), installation]);
    world.desire(ServiceState::Absent);
    world.converge().unwrap();
    let gone = world.clock.now();
    world.clock.advance(10);
    world.converge().unwrap();
    assert_eq!(lines(&world.store), [area(Some(gone)), installation]);
    let deployment: Deployment = world.load(&Deployment::id(&iccid(), &jpki()));
    assert_eq!(deployment.observed, Some(ServiceState::Absent));
}
