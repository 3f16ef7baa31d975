//! `tsm audit …`: listing, exporting and checking audit logs.

use std::io::{BufRead, BufReader, Seek as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use serde::Serialize;
use tonic::transport::Channel;
use tsm_core::audit::verify::{Verified, Verifier};
use tsm_proto::mno::audit_service_client::AuditServiceClient;
use tsm_proto::mno::{ExportAuditRequest, GetSigningKeyRequest, ListAuditEntriesRequest};
use tsm_server::audit_file::read_line;
use tsm_server::signing::point_of;

use crate::cli::{AuditExportArgs, AuditListArgs, AuditVerifyArgs, LogOf, TrustArgs};
use crate::client::Servers;
use crate::commands::listing::Listing;
use crate::output::Output;

/// Longest line of an export: a record has 4 KiB, and what is not printable takes more in JSON.
const LONGEST_LINE: u64 = 1 << 20;

/// The audit log of a server.
///
/// # Errors
/// When a certificate file or the address is not usable.
pub(crate) fn log_of(servers: &Servers, of: LogOf) -> anyhow::Result<AuditServiceClient<Channel>> {
    match of {
        LogOf::Carrier => servers.carrier_audit(),
        LogOf::Provider => servers.provider_audit(),
    }
}

#[derive(Debug, Serialize)]
struct Report {
    carrier_entries: u64,
    provider_entries: u64,
    chains: u64,
    signed_heads: u64,
}

#[derive(Debug, Serialize)]
struct FileReport {
    server: String,
    reader: String,
    exported_at: String,
    entries: u64,
    withheld: u64,
    chains: u64,
    signed_heads: u64,
}

/// `tsm audit verify` of both servers: what they export now is checked with the key that they
/// give.
///
/// # Errors
/// When a log can't be read, or an entry does not fit.
pub async fn verify(servers: &Servers, output: Output) -> anyhow::Result<()> {
    let mut found = Vec::new();
    for (of, name) in [
        (LogOf::Carrier, "the carrier's audit log"),
        (LogOf::Provider, "the provider's audit log"),
    ] {
        let mut client = log_of(servers, of)?;
        let key = client.get_signing_key(GetSigningKeyRequest {}).await;
        let key = key.context(name)?.into_inner().public_key;
        let mut file = tempfile::tempfile().context("no temporary file can be made")?;
        download(&mut client, &mut file).await.context(name)?;
        file.rewind()?;
        let verified = check(BufReader::new(file), &point_of(&key)?);
        found.push(verified.with_context(|| format!("{name} does not hold"))?);
    }
    let [carrier, provider] = found.as_slice() else {
        bail!("two logs were to be read");
    };
    let report = Report {
        carrier_entries: carrier.entries,
        provider_entries: provider.entries,
        chains: carrier.chains.saturating_add(provider.chains),
        signed_heads: carrier.heads.saturating_add(provider.heads),
    };
    output.print(&report, |report| {
        format!(
            "{} entries of the carrier and {} of the provider in {} chains: every hash fits; \
             statements of signed heads that fit: {}",
            report.carrier_entries, report.provider_entries, report.chains, report.signed_heads
        )
    })
}

/// `tsm audit verify FILE`.
///
/// # Errors
/// When the file or the key can't be read, or a line does not fit.
pub fn verify_file(args: &AuditVerifyArgs, output: Output) -> anyhow::Result<()> {
    let Some(path) = &args.file else {
        bail!("name the file to check");
    };
    let file =
        std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let verified = check(BufReader::new(file), &trusted(&args.trust)?);
    let verified = verified.with_context(|| format!("{} does not hold", path.display()))?;
    let report = FileReport {
        server: verified.end.server.to_string(),
        reader: verified.end.reader.to_string(),
        exported_at: verified.end.at.rfc3339(),
        entries: verified.entries,
        withheld: verified.withheld,
        chains: verified.chains,
        signed_heads: verified.heads,
    };
    output.print(&report, |report| {
        let withheld = match report.withheld {
            0 => String::new(),
            count => format!(" ({count} more are other tenants', known by their hash)"),
        };
        format!(
            "the audit log of {} as {} may see it, exported {}\n\
             {} entries{withheld} in {} chains: every hash fits\n\
             statements of signed heads that fit: {}",
            report.server,
            report.reader,
            report.exported_at,
            report.entries,
            report.chains,
            report.signed_heads
        )
    })
}

/// The point of the key that the signatures must be of.
fn trusted(trust: &TrustArgs) -> anyhow::Result<Vec<u8>> {
    let Some(path) = trust.certificate.as_ref().or(trust.key.as_ref()) else {
        bail!("whose signatures? name --certificate or --key");
    };
    let pem = std::fs::read_to_string(path);
    let pem = pem.with_context(|| format!("cannot read {}", path.display()))?;
    point_of(&pem).with_context(|| path.display().to_string())
}

/// Checks an export line by line.
fn check(mut file: impl BufRead, point: &[u8]) -> anyhow::Result<Verified> {
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point);
    let is_signed = |message: &[u8], signature: &[u8]| key.verify(message, signature).is_ok();
    let mut verifier = Verifier::new(&is_signed);
    loop {
        let mut raw = Vec::new();
        let mut limited = std::io::Read::take(&mut file, LONGEST_LINE);
        let read = limited.read_until(b'\n', &mut raw);
        if read.context("the file cannot be read")? == 0 {
            return Ok(verifier.finish()?);
        }
        let line = match std::str::from_utf8(&raw) {
            Ok(text) if text.ends_with('\n') => read_line(text),
            Ok(_) => Err("it has no end, or is too long".to_owned()),
            Err(_) => Err("it is not UTF-8".to_owned()),
        };
        verifier.take(&raw, line)?;
    }
}

#[derive(Debug, Serialize)]
struct Exported {
    file: String,
    bytes: u64,
}

/// `tsm audit export`.
///
/// # Errors
/// When the log can't be read or the file can't be written.
pub async fn export(
    servers: &Servers,
    args: &AuditExportArgs,
    output: Output,
) -> anyhow::Result<()> {
    let cannot = || format!("cannot write {}", args.file.display());
    let mut file = std::fs::File::create_new(&args.file).with_context(cannot)?;
    let downloaded = download(&mut log_of(servers, args.of)?, &mut file).await;
    if downloaded.is_err() {
        // Half a log would only be found to be cut off.
        let _ = std::fs::remove_file(&args.file);
    }
    let exported = Exported {
        file: args.file.display().to_string(),
        bytes: downloaded?,
    };
    file.sync_all().with_context(cannot)?;
    output.print(&exported, |exported| {
        format!("{}: {} bytes", exported.file, exported.bytes)
    })
}

async fn download(
    client: &mut AuditServiceClient<Channel>,
    out: &mut impl std::io::Write,
) -> anyhow::Result<u64> {
    let mut parts = client
        .export_audit(ExportAuditRequest {})
        .await?
        .into_inner();
    let mut bytes = 0;
    while let Some(part) = parts.message().await? {
        out.write_all(&part.content)?;
        bytes += part.content.len() as u64;
    }
    Ok(bytes)
}

/// `tsm audit list`.
///
/// # Errors
/// When the log can't be read.
pub async fn list(servers: &Servers, args: &AuditListArgs, output: Output) -> anyhow::Result<()> {
    let mut listing = Listing::new(&[
        "at",
        "subject",
        "number",
        "actor",
        "person",
        "party",
        "responsible",
        "action",
        "outcome",
    ]);
    for entry in entries(servers, args.of, args.subject.as_deref()).await? {
        listing.push(vec![
            entry
                .at
                .map(crate::commands::tenant::moment)
                .unwrap_or_default(),
            entry.subject,
            entry.sequence.to_string(),
            entry.actor,
            entry.person,
            entry.party,
            entry.responsible,
            entry.action,
            entry.outcome,
        ]);
    }
    listing.print(output)
}

/// All entries whose subject begins so.
///
/// # Errors
/// When the log can't be read.
pub(crate) async fn entries(
    servers: &Servers,
    of: LogOf,
    subject: Option<&str>,
) -> anyhow::Result<Vec<tsm_proto::mno::AuditEntry>> {
    let mut client = log_of(servers, of)?;
    let mut entries = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListAuditEntriesRequest {
            page_size: 200,
            page_token,
            subject: subject.unwrap_or_default().to_owned(),
        };
        let page = client.list_audit_entries(request).await?.into_inner();
        entries.extend(page.entries);
        if page.next_page_token.is_empty() {
            return Ok(entries);
        }
        page_token = page.next_page_token;
    }
}

/// Writes a file for people and programs to read.
///
/// # Errors
/// When it can't be written.
pub(crate) fn write(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    let mut file = std::fs::File::create(path).with_context(cannot)?;
    file.write_all(content).with_context(cannot)
}
