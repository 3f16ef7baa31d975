//! Phones that lie: about the card they hold, and about what it answered.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tsm_proto::mno::GetUiccRequest;
use tsm_proto::sp::{ApplicationState, Credential};
use tsm_tests::agreement::{credentials_of, ensure_active};
use tsm_tests::audit;
use tsm_tests::calls::reason;
use tsm_tests::holder::{Holder, PATIENCE};
use tsm_tests::world::{Options, World};
use uicc_sim::faults::Fault;
use uicc_sim::phone::{PhoneConfig, SharedCard, attach};
use uicc_sim::{CardConfig, CardContacts, NoAnswer, Uicc};

/// A card that calls itself by another one's number; counts its commands.
struct Counting<C> {
    card: C,
    commands: u64,
}

impl<C: CardContacts> CardContacts for Counting<C> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, NoAnswer> {
        self.commands += 1;
        self.card.transmit(command)
    }
    fn reset(&mut self) {
        self.card.reset();
    }
    fn iccid(&self) -> String {
        self.card.iccid()
    }
    fn atr(&self) -> Vec<u8> {
        self.card.atr()
    }
}

/// Says to everything that it went well.
struct YesSayer {
    iccid: String,
    answer: Vec<u8>,
}

impl CardContacts for YesSayer {
    fn transmit(&mut self, _: &[u8]) -> Result<Vec<u8>, NoAnswer> {
        Ok(self.answer.clone())
    }
    fn reset(&mut self) {}
    fn iccid(&self) -> String {
        self.iccid.clone()
    }
    fn atr(&self) -> Vec<u8> {
        vec![0x3B, 0x00]
    }
}

/// A phone with this card, on until the token is cancelled.
fn phone(world: &World, card: SharedCard) -> anyhow::Result<CancellationToken> {
    let config = world.clients.servers.config();
    let mut phone = PhoneConfig::new(config.device.endpoint(&config.mno_address)?);
    phone.first_pause = Duration::from_millis(10);
    phone.longest_pause = Duration::from_millis(20);
    let power = CancellationToken::new();
    let off = power.clone();
    tokio::spawn(async move { attach(phone, card, off.cancelled()).await });
    Ok(power)
}

/// A real card with the number of person `index`, but with keys of somebody else's card.
fn counterfeit(world: &World, index: usize) -> anyhow::Result<Arc<Mutex<Counting<Uicc>>>> {
    let card = Uicc::new(CardConfig {
        isd_key_sets: world.card(index + 1)?.isd_key_sets,
        ..world.card(index)?
    })?;
    Ok(Arc::new(Mutex::new(Counting { card, commands: 0 })))
}

/// Waits until the counterfeit was put to the test at least so often.
async fn wait_until_tested(card: &Arc<Mutex<Counting<Uicc>>>, commands: u64) -> anyhow::Result<()> {
    for _ in 0..2_000 {
        let seen = card.lock().map_or(0, |card| card.commands);
        if seen >= commands {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    anyhow::bail!("the impostor was never asked to prove itself")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_impostor_does_not_take_the_place_of_the_true_phone() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut holder = world.holder(0).await?;
    holder.wait_attached(true).await?;
    let false_card = counterfeit(&world, 0)?;
    let power = phone(&world, false_card.clone())?;
    wait_until_tested(&false_card, 4).await?;

    // It goes on trying all the while.
    let credential = holder.become_active().await?;
    ensure_active(&holder, &credential).await?;
    power.cancel();
    let inventory = false_card
        .lock()
        .map(|mut card| {
            card.card.reset();
            card.card.inventory()
        })
        .map_err(|_| anyhow::anyhow!("the false card broke"))?;
    assert!(inventory.applet(&tsm::dev::layout::JPKI_INSTANCE).is_none());
    audit::ensure_chains_fit(&world.clients.servers).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_impostor_that_comes_first_gains_nothing_and_gives_way() -> anyhow::Result<()> {
    let world = World::start().await?;
    let mut holder = world.holder(0).await?;
    let application = holder.apply().await?;
    holder.wait_attached(true).await?;
    holder.detach().await?;
    let false_card = counterfeit(&world, 0)?;
    let power = phone(&world, false_card.clone())?;
    holder.wait_attached(true).await?;
    let refused = holder.provision_once(&application.id, |_| ()).await;
    assert!(refused.is_err(), "a false card was believed");
    let stored = holder.application(&application.id).await?;
    assert!(
        matches!(
            stored.state(),
            ApplicationState::Approved | ApplicationState::Refused
        ),
        "{stored:?}"
    );

    // The true card proves itself and takes over, although the impostor stays.
    holder.attach()?;
    let application = match stored.state() {
        ApplicationState::Refused => holder.apply().await?,
        _ => stored,
    };
    let credential = provision_past_an_impostor(&mut holder, &application.id).await;
    power.cancel();
    ensure_active(&holder, &credential?).await?;
    audit::ensure_chains_fit(&world.clients.servers).await
}

/// Tries again while the impostor still has the card's place: its answers are
/// forged, and say so, until the true card has proved itself.
async fn provision_past_an_impostor(
    holder: &mut Holder,
    application: &str,
) -> anyhow::Result<Credential> {
    let end = tokio::time::Instant::now() + PATIENCE;
    loop {
        match holder.provision(application).await {
            Err(error)
                if format!("{error:#}").contains("R_MAC_INVALID")
                    && tokio::time::Instant::now() < end =>
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            done => return done,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_no_card_made_change_no_record() -> anyhow::Result<()> {
    let world = World::start().await?;
    let answers: [&[u8]; 4] = [
        &[0x90, 0x00],
        &[0x6A, 0x88],
        &[0x61, 0x10, 0x90, 0x00],
        &[0xAA; 32],
    ];
    for (index, answer) in answers.iter().enumerate() {
        let mut holder = world.holder(index).await?;
        holder.wait_attached(true).await?;
        holder.detach().await?;
        let application = holder.apply().await?;
        let liar = YesSayer {
            iccid: holder.iccid().to_owned(),
            answer: answer.to_vec(),
        };
        let power = phone(&world, Arc::new(Mutex::new(liar)))?;
        holder.wait_attached(true).await?;
        let answer = holder.provision_once(&application.id, |_| ()).await;
        let status = answer.err().map(|status| reason(&status));
        assert!(status.is_some(), "believed");

        let mut uiccs = world.clients.uiccs.clone();
        let request = GetUiccRequest {
            iccid: holder.iccid().to_owned(),
        };
        let uicc = uiccs.get_uicc(request).await?.into_inner();
        assert!(uicc.content.is_none(), "{status:?}: content was recorded");
        assert!(credentials_of(&holder).await?.is_empty(), "{status:?}");
        assert!(holder.deployment().await.is_err(), "{status:?}");
        power.cancel();
    }
    audit::ensure_chains_fit(&world.clients.servers).await
}

/// One bit of one answer, or of one command, is wrong on its way; whatever comes of it, the citizen gets there, and
/// nothing is on record that the card does not hold.
async fn damage_everywhere(fault: impl Fn(usize) -> Fault) -> anyhow::Result<()> {
    let options = Options {
        people: 200,
        cap_bytes: 300,
        ..Options::default()
    };
    let world = World::start_with(options).await?;
    let mut first = world.holder(0).await?;
    first.become_active().await?;
    let commands = first.commands();
    for n in 1..=commands {
        let mut holder = world.holder(usize::try_from(n)?).await?;
        let application = holder.apply().await?;
        holder.wait_attached(true).await?;
        let bit = usize::try_from(n * 37)?;
        holder.contacts().plan_fault(n, fault(bit));
        let answer = holder.provision_once(&application.id, |_| ()).await;
        let what = answer.as_ref().err().map(reason);
        let stored = holder.application(&application.id).await?;
        let application = match stored.state() {
            ApplicationState::Refused => holder.apply().await?.id,
            _ => stored.id,
        };
        let credential = holder
            .provision(&application)
            .await
            .map_err(|error| error.context(format!("command {n} damaged, at first {what:?}")))?;
        ensure_active(&holder, &credential)
            .await
            .map_err(|error| error.context(format!("command {n} damaged, at first {what:?}")))?;
    }
    audit::ensure_chains_fit(&world.clients.servers).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_answer_is_never_believed() -> anyhow::Result<()> {
    damage_everywhere(Fault::FlipResponseBit).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_command_is_never_executed_unnoticed() -> anyhow::Result<()> {
    damage_everywhere(Fault::FlipCommandBit).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_played_twice_does_no_harm() -> anyhow::Result<()> {
    damage_everywhere(|_| Fault::Repeat).await
}
