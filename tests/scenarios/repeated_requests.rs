//! The same request gets the same answer and is done once; another one under its id is refused.

use futures::future::join_all;
use tsm_proto::sp::CredentialState;
use tsm_tests::audit::{self, provider_entries};
use tsm_tests::calls::{new_request_id, refused};
use tsm_tests::holder::Change;
use tsm_tests::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_submitted_again_is_the_same_application() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let holder = world.holder(0).await?;
    let request = holder.sign()?;
    let answers = join_all((0..4).map(|_| holder.submit(request.clone()))).await;
    let mut applications = Vec::new();
    for answer in answers {
        applications.push(answer?);
    }
    assert!(applications.windows(2).all(|pair| pair[0] == pair[1]));
    let entries = provider_entries(&world.clients).await?.len();

    world.restart_sp().await?;
    assert_eq!(holder.submit(request.clone()).await?, applications[0]);
    assert_eq!(provider_entries(&world.clients).await?.len(), entries);

    let mut other = holder.sign()?;
    other.request_id = request.request_id.clone();
    assert_eq!(refused(holder.submit(other).await)?, "REQUEST_ID_REUSED");
    // Also somebody else's application, before anything is said about it.
    let mut somebody = world.holder(1).await?.sign()?;
    somebody.request_id = request.request_id;
    assert_eq!(refused(holder.submit(somebody).await)?, "REQUEST_ID_REUSED");
    assert_eq!(provider_entries(&world.clients).await?.len(), entries);
    audit::ensure_chains_fit(&world.clients.servers).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_asked_for_again_is_made_once() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    let mut holder = world.holder(0).await?;
    let signed = holder.sign()?;
    let application = holder.submit(signed.clone()).await?;
    holder.wait_attached(true).await?;
    let credential = holder.provision(&application.id).await?;
    let id = credential.id.as_str();

    for (change, state) in [
        (Change::Suspend, CredentialState::Suspended),
        (Change::Resume, CredentialState::Active),
        (Change::Revoke, CredentialState::Revoked),
        (Change::Delete, CredentialState::Revoked),
    ] {
        let name = new_request_id();
        let first = holder.change_as(&name, change, id).await?;
        assert_eq!(first.state(), state, "{change:?}");
        let first = holder.wait_until_card_agrees(id).await?;
        assert_eq!(first.state(), state, "{change:?}");
        let before = (
            provider_entries(&world.clients).await?.len(),
            holder.commands(),
        );
        world.restart_sp().await?;
        let again = holder.change_as(&name, change, id).await?;
        assert_eq!(again, first, "{change:?}");
        // Another change, another credential, or an application under the same id.
        let other = if change == Change::Suspend {
            Change::Delete
        } else {
            Change::Suspend
        };
        let answer = holder.change_as(&name, other, id).await;
        assert_eq!(refused(answer)?, "REQUEST_ID_REUSED", "{change:?}");
        let mut application = holder.sign()?;
        application.request_id = name;
        let answer = holder.submit(application).await;
        assert_eq!(refused(answer)?, "REQUEST_ID_REUSED", "{change:?}");
        let answer = holder.change_as(&signed.request_id, change, id).await;
        assert_eq!(refused(answer)?, "REQUEST_ID_REUSED", "{change:?}");
        let after = (
            provider_entries(&world.clients).await?.len(),
            holder.commands(),
        );
        assert_eq!(after, before, "{change:?} was done again");
    }
    audit::ensure_chains_fit(&world.clients.servers).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_active_application_provisioned_again_changes_nothing() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut holder = world.holder(0).await?;
    let application = holder.apply().await?;
    holder.wait_attached(true).await?;
    let credential = holder.provision(&application.id).await?;
    let before = (holder.commands(), holder.inventory());
    let pin = std::mem::replace(&mut holder.person.pin, "4711".to_owned());
    assert_eq!(holder.provision(&application.id).await?, credential);
    assert_eq!((holder.commands(), holder.inventory()), before);
    holder.log_in_with(&pin)
}
