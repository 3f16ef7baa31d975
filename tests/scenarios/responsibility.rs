//! Who answers for what, and who pays: audit log, receipts and usage ledger of whole lives.

use std::path::Path;
use std::process::Command;

use tsm::cli::{
    AuditExportArgs, AuditVerifyArgs, LogOf, ReceiptArgs, ReceiptCommand, ReceiptExportArgs,
    SettlementArgs, TrustArgs,
};
use tsm::commands::{audit, receipt, settlement};
use tsm::output::Output;
use tsm_core::receipt::ReceiptStatement;
use tsm_proto::mno::audit_service_client::AuditServiceClient;
use tsm_proto::mno::ledger_service_client::LedgerServiceClient;
use tsm_proto::mno::service_management_client::ServiceManagementClient;
use tsm_proto::mno::tenant_service_client::TenantServiceClient;
use tsm_proto::mno::{
    self, Contract, GetSettlementRequest, ListLedgerLinesRequest, ListReceiptsRequest,
    ManagementMode, Prices, PutContractRequest,
};
use tsm_tests::calls::refused;
use tsm_tests::holder::{Change, Holder};
use tsm_tests::world::World;

const JSON: Output = Output::new(true);

/// Action of every receipt of a server about a subject.
async fn receipts(
    world: &World,
    of: LogOf,
    subject: &str,
) -> anyhow::Result<Vec<ReceiptStatement>> {
    let mut client = match of {
        LogOf::Carrier => world.clients.servers.carrier_audit()?,
        LogOf::Provider => world.clients.servers.provider_audit()?,
    };
    let request = ListReceiptsRequest {
        subject: subject.to_owned(),
        ..ListReceiptsRequest::default()
    };
    let listed = client.list_receipts(request).await?.into_inner();
    let read = listed.receipts.iter();
    Ok(read
        .map(|receipt| ReceiptStatement::parse(&receipt.text))
        .collect::<Result<_, _>>()?)
}

fn actions(receipts: &[ReceiptStatement]) -> Vec<&str> {
    receipts.iter().map(|said| said.action.as_str()).collect()
}

/// `openssl dgst -sha256 -verify` over exported files.
fn openssl_accepts(folder: &Path, text: &str) -> anyhow::Result<bool> {
    let verify = Command::new("openssl")
        .args(["dgst", "-sha256", "-verify", "key.pem"])
        .args(["-signature", "receipt.sig", text])
        .current_dir(folder)
        .output()?;
    Ok(verify.status.success())
}

async fn whole_life(world: &World) -> anyhow::Result<(Holder, String)> {
    let mut holder = world.holder(0).await?;
    let credential = holder.become_active().await?;
    for change in [Change::Suspend, Change::Resume, Change::Delete] {
        holder.change(change, &credential.id).await?;
        holder.wait_until_card_agrees(&credential.id).await?;
    }
    Ok((holder, credential.id))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_of_a_card_leaves_a_receipt_that_openssl_verifies() -> anyhow::Result<()> {
    let world = World::start().await?;
    let (holder, credential) = whole_life(&world).await?;
    let card = format!("card/{}", holder.iccid());
    let carrier = receipts(&world, LogOf::Carrier, &card).await?;
    let done = actions(&carrier);
    assert_eq!(done.len(), 5, "{done:?}");
    for (action, part) in done.iter().zip([
        "install applet",
        "make selectable",
        "lock",
        "unlock",
        "delete domain",
    ]) {
        assert!(action.contains(part), "{action}: {part}");
    }
    for said in &carrier {
        assert_eq!(said.party.as_str(), "carrier");
        assert_eq!(
            said.responsible.as_ref().map(|t| t.as_str()),
            Some("carrier")
        );
        assert_eq!(said.card.as_ref().map(|c| c.as_str()), Some(holder.iccid()));
        assert!(said.tenants.iter().any(|tenant| tenant.as_str() == "j-lis"));
    }
    let provider = receipts(&world, LogOf::Provider, "application/").await?;
    assert_eq!(actions(&provider), ["issue", "personalise", "commit"]);
    let subject = format!("credential/{credential}");
    let provider = receipts(&world, LogOf::Provider, &subject).await?;
    let done = actions(&provider);
    for action in [
        "suspend",
        "card-locked",
        "resume",
        "card-unlocked",
        "delete",
        "card-cleared",
    ] {
        assert!(done.contains(&action), "{action}: {done:?}");
    }

    // The provider's own server may read the carrier's receipts for it, and others may not.
    let own = AuditServiceClient::new(world.mno_as("tsm://j-lis/service-provider")?)
        .list_receipts(ListReceiptsRequest::default())
        .await?;
    assert_eq!(own.into_inner().receipts.len(), 5);
    let other = AuditServiceClient::new(world.mno_as("tsm://other/service-provider")?)
        .list_receipts(ListReceiptsRequest::default())
        .await;
    assert_eq!(refused(other)?, "TENANT_FORBIDDEN");

    for (of, id) in [
        (LogOf::Carrier, &carrier[0].id),
        (LogOf::Provider, &provider[0].id),
    ] {
        let folder = world.dir().join(format!("receipt-{of:?}"));
        let export = ReceiptCommand::Export(ReceiptExportArgs {
            receipt: ReceiptArgs { id: id.clone(), of },
            out: folder.clone(),
        });
        receipt::receipt(&world.clients.servers, export, JSON).await?;
        assert!(openssl_accepts(&folder, "receipt.txt")?);
        let text = std::fs::read_to_string(folder.join("receipt.txt"))?;
        std::fs::write(
            folder.join("forged.txt"),
            text.replacen("outcome: ", "outcome: not ", 1),
        )?;
        assert!(!openssl_accepts(&folder, "forged.txt")?);
        // The key is the one that the certificate names, and the authority has issued it.
        let chain = Command::new("openssl")
            .args(["verify", "-CAfile"])
            .arg(world.dir().join("pki/tls-root.pem"))
            .arg(folder.join("certificate.pem"))
            .output()?;
        assert!(chain.status.success(), "{chain:?}");
        let key = Command::new("openssl")
            .args(["x509", "-pubkey", "-noout", "-in"])
            .arg(folder.join("certificate.pem"))
            .output()?;
        assert_eq!(key.stdout, std::fs::read(folder.join("key.pem"))?);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exported_log_is_verified_without_the_servers() -> anyhow::Result<()> {
    let mut world = World::start().await?;
    whole_life(&world).await?;
    let verify = |file: &Path, certificate: &str| {
        let args = AuditVerifyArgs {
            file: Some(file.to_owned()),
            trust: TrustArgs {
                certificate: Some(world.dir().join(certificate)),
                key: None,
            },
        };
        audit::verify_file(&args, JSON)
    };
    let mut files = Vec::new();
    for (of, name, certificate, other) in [
        (
            LogOf::Carrier,
            "carrier.jsonl",
            "pki/mno-tsm-receipts.pem",
            "pki/sp-tsm-receipts.pem",
        ),
        (
            LogOf::Provider,
            "provider.jsonl",
            "pki/sp-tsm-receipts.pem",
            "pki/mno-tsm-receipts.pem",
        ),
    ] {
        let file = world.dir().join(name);
        let args = AuditExportArgs {
            file: file.clone(),
            of,
        };
        audit::export(&world.clients.servers, &args, JSON).await?;
        verify(&file, certificate)?;
        assert!(verify(&file, other).is_err(), "another server's key");
        files.push((file, certificate));
    }
    for (file, certificate) in &files {
        let text = std::fs::read_to_string(file)?;
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        assert!(lines.len() > 10);
        let forged = world.dir().join("forged.jsonl");
        for index in 0..lines.len() {
            let mut without = lines.clone();
            without.remove(index);
            let mut swapped = lines.clone();
            swapped.swap(index, (index + 1) % lines.len());
            let mut repeated = lines.clone();
            repeated.insert(index, lines[index]);
            let changed = lines[index].replacen('1', "2", 1);
            let mut other = lines.clone();
            other[index] = &changed;
            for (kind, made) in [
                ("removed", &without[..]),
                ("moved", &swapped[..]),
                ("inserted", &repeated[..]),
                ("changed", &other[..]),
                ("cut off", &lines[..index]),
            ] {
                if made.concat() == text {
                    continue;
                }
                std::fs::write(&forged, made.concat())?;
                let found = verify(&forged, certificate);
                assert!(found.is_err(), "line {index} {kind}");
            }
        }
    }
    // Nothing is lost, and nothing has to be signed anew, over a restart.
    world.restart_mno().await?;
    audit::verify(&world.clients.servers, JSON).await
}

fn contract(prices: Option<Prices>) -> PutContractRequest {
    PutContractRequest {
        contract: Some(Contract {
            provider: "j-lis".to_owned(),
            modes: vec![ManagementMode::Simple.into()],
            valid_from: Some(Default::default()),
            prices,
            ..Contract::default()
        }),
    }
}

async fn settle(world: &World, identity: &str) -> anyhow::Result<mno::Settlement> {
    let mut ledger = LedgerServiceClient::new(world.mno_as(identity)?);
    let month = tsm_core::ledger::month::Month::of(now()).to_string();
    let party = String::new();
    Ok(ledger
        .get_settlement(GetSettlementRequest { month, party })
        .await?
        .into_inner())
}

fn now() -> tsm_core::time::Timestamp {
    use tsm_core::ports::Clock as _;
    tsm_store::SystemClock.now()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_used_is_settled_between_the_parties() -> anyhow::Result<()> {
    let world = World::start().await?;
    let admin = world.mno_as("tsm://carrier/admin")?;
    let prices = Prices {
        per_megabyte_day: 1_000,
        per_installation: 50,
        per_message: 2,
    };
    let put = TenantServiceClient::new(admin)
        .put_contract(contract(Some(prices)))
        .await?
        .into_inner();
    assert_eq!(put.prices, Some(prices));
    let mut holder = world.holder(0).await?;
    holder.become_active().await?;

    let settled = settle(&world, "tsm://carrier/operator").await?;
    let [line] = settled.lines.as_slice() else {
        anyhow::bail!("one line was expected: {settled:?}");
    };
    assert_eq!(
        (line.payer.as_str(), line.payee.as_str()),
        ("j-lis", "carrier")
    );
    assert_eq!(line.service, "jpki");
    assert_eq!(line.installations, 1);
    assert_eq!(line.exchanges, 5);
    assert!(line.message_bytes > 1_000, "{line:?}");
    assert_ne!(line.byte_milliseconds, "0");
    let amounts = line.amounts.clone().unwrap_or_default();
    assert_eq!(
        (amounts.installations.as_str(), amounts.messages.as_str()),
        ("50", "10")
    );

    // Both parties see the same; a third sees nothing of it.
    let theirs = settle(&world, "tsm://j-lis/service-provider").await?;
    assert_eq!(theirs.lines.len(), 1);
    assert_eq!(theirs.lines[0].exchanges, 5);
    let other = settle(&world, "tsm://mvno/operator").await;
    assert!(other.is_err() || other?.lines.is_empty());

    // Nothing is added by a request that is repeated when it is done.
    let mut provider = ServiceManagementClient::new(world.mno_as("tsm://j-lis/service-provider")?);
    for request_id in ["again", "again", "and-again"] {
        let request = mno::ChangeServiceRequest {
            request_id: request_id.to_owned(),
            iccid: holder.iccid().to_owned(),
            service: "jpki".to_owned(),
        };
        let deployment = provider.activate_service(request).await?.into_inner();
        assert!(deployment.converged);
    }
    let again = settle(&world, "tsm://carrier/operator").await?;
    assert_eq!(again.lines[0].exchanges, 5);
    assert_eq!(again.lines[0].installations, 1);
    assert_eq!(again.lines[0].message_bytes, line.message_bytes);
    let mut ledger = LedgerServiceClient::new(world.mno_as("tsm://carrier/auditor")?);
    let lines = ledger
        .list_ledger_lines(ListLedgerLinesRequest::default())
        .await?
        .into_inner()
        .lines;
    assert_eq!(lines.len(), 3, "{lines:?}");
    let args = SettlementArgs {
        month: settled.month,
        party: Some("j-lis".to_owned()),
        csv: false,
        check: true,
    };
    settlement::settlement(&world.clients.servers, &args, JSON).await
}
