//! Writing an audit log as a file that can be checked without the server.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};
use tonic::Status;
use tsm_core::audit::AuditEntry;
use tsm_core::audit::heads::{HeadsTip, SignedHeads, sign_heads};
use tsm_core::audit::verify::EndStatement;
use tsm_core::ports::{Store, StoreError};
use tsm_core::record::{Record, Table};

use crate::audit_file::{FORMAT, JsonEntry, JsonLine};
use crate::audit_service::{AuditLog, Reader};
use crate::status;

/// Records read at a time.
const PAGE: usize = 256;
/// Bytes after which a part is sent.
const PART: usize = 64 << 10;

/// Takes parts of the file; false when nobody reads any more.
type Send<'a, Sent> = &'a (dyn Fn(Vec<u8>) -> Sent + core::marker::Send + Sync);

/// Writes everything that `reader` may see, part by part.
///
/// # Errors
/// The status of what failed; the file is not whole then, and has no end.
pub async fn export<Sent>(
    log: &AuditLog,
    reader: &Reader,
    send: Send<'_, Sent>,
) -> Result<(), Status>
where
    Sent: Future<Output = bool> + core::marker::Send,
{
    let store: &dyn Store = log.store.as_ref();
    let now = log.clock.now();
    let signed = sign_heads(store, log.vault.as_ref(), &log.server, now).await;
    signed.map_err(|error| status::of(&error))?;
    let tip = store.load::<HeadsTip>(HeadsTip::ID).await.map_err(failed)?;
    let last_heads = tip.map_or(0, |tip| tip.value.number);
    let mut writer = Writer {
        log,
        reader,
        send,
        buffer: Vec::new(),
        hasher: Sha256::new(),
        lines: 0,
        shown: BTreeSet::new(),
    };
    writer.write(&JsonLine::Header {
        format: FORMAT.to_owned(),
        server: log.server.to_string(),
        reader: reader.tenant.to_string(),
        at: now.rfc3339(),
        public_key: log.key.public_key.clone(),
    })?;
    if writer.entries().await? && writer.heads(last_heads).await? {
        writer.end(last_heads).await?;
    }
    Ok(())
}

fn failed(error: StoreError) -> Status {
    status::of(&error)
}

struct Writer<'a, Sent> {
    log: &'a AuditLog,
    reader: &'a Reader,
    send: Send<'a, Sent>,
    buffer: Vec<u8>,
    hasher: Sha256,
    lines: u64,
    /// Chains of which the reader sees something.
    shown: BTreeSet<String>,
}

/// The entries of one chain until one that the reader sees: all of them are told then.
#[derive(Default)]
struct Chain {
    subject: String,
    withheld: Vec<JsonLine>,
    is_shown: bool,
}

impl<Sent> Writer<'_, Sent>
where
    Sent: Future<Output = bool> + core::marker::Send,
{
    fn write(&mut self, line: &JsonLine) -> Result<(), Status> {
        let line = line
            .write()
            .map_err(|_| Status::internal("a line could not be written"))?;
        self.hasher.update(&line);
        self.lines = self.lines.saturating_add(1);
        self.buffer.extend_from_slice(line.as_bytes());
        Ok(())
    }

    /// Sends what is written when it is enough for a part; false when nobody reads any more.
    async fn pass(&mut self, least: usize) -> bool {
        if self.buffer.len() < least {
            return true;
        }
        (self.send)(std::mem::take(&mut self.buffer)).await
    }

    async fn entries(&mut self) -> Result<bool, Status> {
        let mut after: Option<String> = None;
        let mut chain = Chain::default();
        loop {
            let store = &self.log.store;
            let page = store
                .scan(Table::AuditEntry, "", after.as_deref(), PAGE)
                .await;
            let page = page.map_err(failed)?;
            let is_last = page.len() < PAGE;
            for (key, found) in page {
                let Record::AuditEntry(entry) = found.value else {
                    return Err(failed(StoreError::Corrupt(key)));
                };
                self.entry(&mut chain, &entry)?;
                after = Some(key.id);
            }
            if !self.pass(PART).await {
                return Ok(false);
            }
            if is_last {
                return Ok(true);
            }
        }
    }

    fn entry(&mut self, chain: &mut Chain, entry: &AuditEntry) -> Result<(), Status> {
        if chain.subject != entry.step.subject {
            *chain = Chain {
                subject: entry.step.subject.clone(),
                ..Chain::default()
            };
        }
        if self.reader.sees_step(&entry.step) {
            chain.is_shown = true;
            self.shown.insert(chain.subject.clone());
            for line in std::mem::take(&mut chain.withheld) {
                self.write(&line)?;
            }
            return self.write(&JsonLine::Entry(JsonEntry::from(entry)));
        }
        let line = JsonLine::withheld(entry);
        if chain.is_shown {
            return self.write(&line);
        }
        chain.withheld.push(line);
        Ok(())
    }

    async fn heads(&mut self, last: u64) -> Result<bool, Status> {
        for number in 1..=last {
            let store: &dyn Store = self.log.store.as_ref();
            let found = store.load::<SignedHeads>(&SignedHeads::id(number)).await;
            let Some(found) = found.map_err(failed)? else {
                // The reader will see that one is missing.
                tracing::error!(number, "signed heads of the audit log are missing");
                continue;
            };
            let line = JsonLine::heads(&found.value, |subject| self.shown.contains(subject));
            self.write(&line)?;
            if !self.pass(PART).await {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn end(&mut self, last_heads: u64) -> Result<(), Status> {
        let statement = EndStatement {
            server: self.log.server.clone(),
            reader: self.reader.tenant.clone(),
            at: self.log.clock.now(),
            lines: self.lines,
            last_heads,
            sha256: self.hasher.clone().finalize().into(),
        };
        let text = statement.text();
        let signature = self.log.vault.sign(text.as_bytes());
        let signature = signature.map_err(|error| status::of(&error))?;
        self.write(&JsonLine::End {
            signed: text,
            signature: hex::encode(signature),
        })?;
        self.pass(0).await;
        Ok(())
    }
}
