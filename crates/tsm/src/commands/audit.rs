//! `tsm audit verify`: recomputes every hash chain of both audit logs.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail, ensure};
use serde::Serialize;
use tsm_core::audit::{AuditEntry, Party};
use tsm_core::time::Timestamp;
use tsm_proto::mno::ListAuditEntriesRequest;

use crate::client::Servers;
use crate::output::Output;

#[derive(Debug, Serialize)]
struct Report {
    carrier_entries: usize,
    provider_entries: usize,
    chains: usize,
}

/// `tsm audit verify`.
///
/// # Errors
/// When a log can't be read, or an entry does not fit its chain.
pub async fn verify(servers: &Servers, output: Output) -> anyhow::Result<()> {
    let mut carrier = servers.carrier_audit()?;
    let mut provider = servers.operations()?;
    let carrier_entries = read(async |request| {
        Ok(carrier
            .list_audit_entries(request)
            .await
            .context("carrier's audit log")?
            .into_inner())
    })
    .await?;
    let provider_entries = read(async |request| {
        Ok(provider
            .list_audit_entries(request)
            .await
            .context("provider's audit log")?
            .into_inner())
    })
    .await?;
    let chains = check(&carrier_entries)? + check(&provider_entries)?;
    let report = Report {
        carrier_entries: carrier_entries.len(),
        provider_entries: provider_entries.len(),
        chains,
    };
    output.print(&report, |report| {
        format!(
            "{} entries of the carrier and {} of the provider in {} chains: every hash fits",
            report.carrier_entries, report.provider_entries, report.chains
        )
    })
}

type Entry = tsm_proto::mno::AuditEntry;

async fn read(
    mut page: impl AsyncFnMut(
        ListAuditEntriesRequest,
    ) -> anyhow::Result<tsm_proto::mno::ListAuditEntriesResponse>,
) -> anyhow::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut page_token = String::new();
    loop {
        let answer = page(ListAuditEntriesRequest {
            page_size: 200,
            page_token,
        })
        .await?;
        entries.extend(answer.entries);
        if answer.next_page_token.is_empty() {
            return Ok(entries);
        }
        page_token = answer.next_page_token;
    }
}

/// Checks all chains; returns how many there are.
fn check(entries: &[Entry]) -> anyhow::Result<usize> {
    let mut heads: BTreeMap<&str, (u64, Vec<u8>)> = BTreeMap::new();
    for entry in entries {
        let (sequence, previous) = heads
            .get(entry.subject.as_str())
            .cloned()
            .unwrap_or((0, vec![0; 32]));
        let name = format!("entry {} of {}", entry.sequence, entry.subject);
        ensure!(
            entry.sequence == sequence + 1,
            "{name} does not follow entry {sequence}"
        );
        ensure!(
            entry.previous_hash == previous,
            "{name} does not name the entry before it"
        );
        let hash = recompute(entry).with_context(|| name.clone())?;
        ensure!(
            entry.hash == hash.as_slice(),
            "{name} was changed: its hash does not fit"
        );
        heads.insert(&entry.subject, (entry.sequence, hash.to_vec()));
    }
    Ok(heads.len())
}

fn recompute(entry: &Entry) -> anyhow::Result<[u8; 32]> {
    let Some(at) = entry.at else {
        bail!("it has no time")
    };
    Ok(AuditEntry {
        subject: entry.subject.clone(),
        sequence: entry.sequence,
        at: Timestamp(at.seconds * 1_000 + i64::from(at.nanos) / 1_000_000),
        actor: entry.actor.clone(),
        party: Party::parse(&entry.party).context("unknown party")?,
        action: entry.action.clone(),
        outcome: entry.outcome.clone(),
        previous: entry
            .previous_hash
            .as_ref()
            .try_into()
            .context("its previous hash is cut")?,
    }
    .hash())
}
