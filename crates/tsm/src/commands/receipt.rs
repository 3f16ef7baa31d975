//! `tsm receipt …`: what the servers certify.

use anyhow::Context as _;
use serde::Serialize;
use tsm_core::receipt::ReceiptStatement;
use tsm_proto::mno::{GetReceiptRequest, GetSigningKeyRequest, ListReceiptsRequest, Receipt};

use crate::cli::{AuditListArgs, ReceiptArgs, ReceiptCommand, ReceiptExportArgs};
use crate::client::Servers;
use crate::commands::audit::{log_of, write};
use crate::commands::listing::Listing;
use crate::output::Output;

/// `tsm receipt …`.
///
/// # Errors
/// When the server does not answer or refuses, or a file can't be written.
pub async fn receipt(
    servers: &Servers,
    command: ReceiptCommand,
    output: Output,
) -> anyhow::Result<()> {
    match command {
        ReceiptCommand::List(args) => list(servers, args, output).await,
        ReceiptCommand::Show(args) => {
            let shown = Shown::from(fetch(servers, &args).await?);
            output.print(&shown, |shown| shown.text.clone())
        }
        ReceiptCommand::Export(args) => export(servers, &args, output).await,
    }
}

#[derive(Debug, Serialize)]
struct Shown {
    id: String,
    text: String,
    signature: String,
}

impl From<Receipt> for Shown {
    fn from(receipt: Receipt) -> Self {
        Self {
            id: receipt.id,
            text: receipt.text,
            signature: hex::encode(&receipt.signature),
        }
    }
}

async fn fetch(servers: &Servers, args: &ReceiptArgs) -> anyhow::Result<Receipt> {
    let id = args.id.clone();
    let found = log_of(servers, args.of)?
        .get_receipt(GetReceiptRequest { id })
        .await?;
    Ok(found.into_inner())
}

async fn list(servers: &Servers, args: AuditListArgs, output: Output) -> anyhow::Result<()> {
    let mut listing = Listing::new(&["at", "id", "party", "responsible", "action", "outcome"]);
    let subject = args.subject.unwrap_or_default();
    let mut client = log_of(servers, args.of)?;
    let mut page_token = String::new();
    loop {
        let request = ListReceiptsRequest {
            page_size: 200,
            page_token,
            subject: subject.clone(),
        };
        let page = client.list_receipts(request).await?.into_inner();
        for receipt in page.receipts {
            let said = ReceiptStatement::parse(&receipt.text)
                .with_context(|| format!("receipt {} is malformed", receipt.id))?;
            let responsible = said.responsible.map(|tenant| tenant.to_string());
            listing.push(vec![
                said.at.rfc3339(),
                said.id,
                said.party.as_str().to_owned(),
                responsible.unwrap_or_default(),
                said.action,
                said.outcome,
            ]);
        }
        if page.next_page_token.is_empty() {
            return listing.print(output);
        }
        page_token = page.next_page_token;
    }
}

#[derive(Debug, Serialize)]
struct Exported {
    id: String,
    files: Vec<String>,
}

async fn export(servers: &Servers, args: &ReceiptExportArgs, output: Output) -> anyhow::Result<()> {
    let receipt = fetch(servers, &args.receipt).await?;
    let key = log_of(servers, args.receipt.of)?
        .get_signing_key(GetSigningKeyRequest {})
        .await?
        .into_inner();
    let folder = &args.out;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut files = Vec::new();
    for (name, content) in [
        ("receipt.txt", receipt.text.as_bytes()),
        ("receipt.sig", &receipt.signature),
        ("key.pem", key.public_key.as_bytes()),
        ("certificate.pem", key.certificate.as_bytes()),
    ] {
        // A server without a certificate gives none.
        if !content.is_empty() {
            let path = folder.join(name);
            write(&path, content)?;
            files.push(path.display().to_string());
        }
    }
    let exported = Exported {
        id: receipt.id,
        files,
    };
    output.print(&exported, |exported| exported.files.join("\n"))
}
