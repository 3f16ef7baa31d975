//! `tsm import`: sends an output file to the operator's server, and shows what became of it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tsm_proto::mno;
use tsm_proto::mno::import_cards_request::Step;

use crate::cli::ImportArgs;
use crate::client::Servers;
use crate::output::Output;
use crate::output_file::{self, Format, Summary};

/// Rows of one message.
const CHUNK: usize = 1_000;
/// Messages that wait to be sent.
const AHEAD: usize = 2;
/// Entries of a page of the report.
const PAGE: u32 = 500;

/// A delivery, for people and programs.
#[derive(Debug, Serialize)]
pub struct ImportView {
    name: String,
    rows: u64,
    accepted: u64,
    present: u64,
    refused: u64,
    done: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows_per_second: Option<f64>,
}

impl From<mno::Import> for ImportView {
    fn from(import: mno::Import) -> Self {
        Self {
            name: import.name,
            rows: import.next_row.saturating_sub(1),
            accepted: import.accepted,
            present: import.present,
            refused: import.refused,
            done: import.done,
            seconds: None,
            rows_per_second: None,
        }
    }
}

impl ImportView {
    fn text(&self) -> String {
        let Self {
            name,
            rows,
            accepted,
            present,
            refused,
            ..
        } = self;
        let state = if self.done {
            "complete"
        } else {
            "NOT COMPLETE"
        };
        let mut text = format!(
            "{name}: {state}, {rows} rows: {accepted} new cards, {present} were there, {refused} refused"
        );
        if let (Some(seconds), Some(speed)) = (self.seconds, self.rows_per_second) {
            text += &format!("\n{seconds:.1} s, {speed:.0} rows per second");
        }
        if *refused > 0 {
            text += &format!("\n`tsm import --report {name}` shows the refused rows.");
        }
        text
    }
}

/// A refused row, for people and programs.
#[derive(Debug, Serialize)]
struct RefusedView {
    row: u64,
    column: String,
    reason: String,
    detail: String,
    iccid: String,
}

impl RefusedView {
    fn text(&self) -> String {
        let Self {
            row,
            column,
            reason,
            detail,
            iccid,
        } = self;
        let card = match iccid.as_str() {
            "" => String::new(),
            iccid => format!(" (card {iccid})"),
        };
        let what = [column.as_str(), detail.as_str()].join(" ");
        format!("row {row}: {reason}: {}{card}", what.trim_start())
    }
}

/// `tsm import`.
///
/// # Errors
/// When the file can't be read, or the server does not answer or refuses.
pub async fn import(servers: &Servers, args: &ImportArgs, output: Output) -> anyhow::Result<()> {
    if let Some(name) = &args.report {
        return report(servers, name, output).await;
    }
    let Some(file) = &args.file else {
        bail!("name the output file, or a delivery with --report");
    };
    let summary = output_file::summary(file)?;
    let delivery = Sending {
        file,
        format: args.format.unwrap_or_else(|| Format::of(file)),
        ignored: &args.ignore,
        name: match &args.name {
            Some(name) => name.clone(),
            None => name_of(file, &summary),
        },
        transport_key: args.transport_key.clone().unwrap_or_default(),
        summary,
    };
    // A file that is none is told before anything else.
    drop(output_file::open(file, delivery.format, delivery.ignored)?);
    let bar = progress_bar(&delivery.summary, output);
    let begun = Instant::now();
    let mut first = None;
    let sent = send(servers, &delivery, |import| {
        let first = first.get_or_insert(import.next_row);
        bar.set_position(import.next_row.saturating_sub(1));
        bar.set_message(format!("{} refused", import.refused));
        *first
    })
    .await;
    bar.finish_and_clear();
    let name = &delivery.name;
    let import = sent.with_context(|| {
        format!("the import of {name} is not complete; the same command goes on with it")
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    let rows = import.next_row.saturating_sub(first.unwrap_or(1));
    let view = ImportView {
        seconds: Some(seconds),
        rows_per_second: Some(rows as f64 / seconds.max(0.001)),
        ..ImportView::from(import)
    };
    output.print(&view, ImportView::text)
}

/// The name of the file, and the beginning of its digest: another file is another delivery.
fn name_of(file: &Path, summary: &Summary) -> String {
    let stem = file.file_stem().and_then(|stem| stem.to_str());
    let plain = |c: char| match c.to_ascii_lowercase() {
        c @ ('a'..='z' | '0'..='9' | '-' | '_') => c,
        _ => '-',
    };
    let stem: String = stem
        .unwrap_or("cards")
        .chars()
        .map(plain)
        .take(48)
        .collect();
    let digest = hex::encode(summary.sha256);
    format!("{stem}-{}", digest.get(..8).unwrap_or_default())
}

fn progress_bar(summary: &Summary, output: Output) -> ProgressBar {
    if output.is_json() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(summary.lines.max(1));
    let template = "{wide_bar} {pos}/{len} rows  {per_sec}  {eta} left  {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// What is sent.
#[derive(Clone, Debug)]
pub struct Sending<'a> {
    /// The output file.
    pub file: &'a Path,
    /// How it is written.
    pub format: Format,
    /// Columns that are left out.
    pub ignored: &'a [String],
    /// Name of the delivery.
    pub name: String,
    /// Name of the transport key; empty when no keys are wrapped.
    pub transport_key: String,
    /// What was found when the file was read the first time.
    pub summary: Summary,
}

/// Sends the rows that the server does not have yet. `progress` hears of each chunk that is stored.
///
/// # Errors
/// When the file can't be read, or the server does not answer or refuses; the rows that
/// were stored by then stay.
pub async fn send<T>(
    servers: &Servers,
    sending: &Sending<'_>,
    mut progress: impl FnMut(&mno::Import) -> T,
) -> anyhow::Result<mno::Import> {
    let rows = output_file::open(sending.file, sending.format, sending.ignored)?;
    let (steps, stream) = mpsc::channel(AHEAD);
    let header = mno::ImportHeader {
        name: sending.name.clone(),
        file_sha256: sending.summary.sha256.to_vec().into(),
        transport_key: sending.transport_key.clone(),
    };
    steps.send(message(Step::Header(header))).await?;
    let mut imports = servers.imports()?;
    let answers = imports.import_cards(ReceiverStream::new(stream)).await?;
    let mut answers = answers.into_inner();
    let Some(mut last) = answers.next().await.transpose()? else {
        bail!("the server ended the import without a word");
    };
    progress(&last);
    let next_row = last.next_row;
    let reading = tokio::task::spawn_blocking(move || read(rows, next_row, &steps));
    while let Some(answer) = answers.next().await.transpose()? {
        progress(&answer);
        last = answer;
    }
    // An answer that ended early says more than the reader, who could not go on.
    reading.await.context("the reader of the file failed")??;
    if !last.done {
        bail!("the server ended the import at row {}", last.next_row);
    }
    Ok(last)
}

fn message(step: Step) -> mno::ImportCardsRequest {
    mno::ImportCardsRequest { step: Some(step) }
}

/// Reads rows from `next_row` on, and sends them; ends when the server is gone.
fn read(
    rows: output_file::Rows,
    next_row: u64,
    steps: &mpsc::Sender<mno::ImportCardsRequest>,
) -> anyhow::Result<()> {
    let (mut number, mut chunk) = (0_u64, Vec::with_capacity(CHUNK));
    let flush = |chunk: &mut Vec<mno::CardRow>, last: u64| {
        let first_row = last.saturating_add(1).saturating_sub(chunk.len() as u64);
        let rows = std::mem::take(chunk);
        steps.blocking_send(message(Step::Rows(mno::ImportRows { first_row, rows })))
    };
    for row in rows {
        let row = row?;
        number = number.saturating_add(1);
        if number < next_row {
            continue;
        }
        chunk.push(row);
        if chunk.len() == CHUNK && flush(&mut chunk, number).is_err() {
            return Ok(());
        }
    }
    if !chunk.is_empty() && flush(&mut chunk, number).is_err() {
        return Ok(());
    }
    let end = message(Step::End(mno::ImportEnd { rows: number }));
    // Nobody listens any more: the answer has said why.
    let _gone = steps.blocking_send(end);
    Ok(())
}

/// A report, for programs.
#[derive(Debug, Serialize)]
struct ReportView {
    #[serde(flatten)]
    import: ImportView,
    refused_rows: Vec<RefusedView>,
}

/// `tsm import --report NAME`.
async fn report(servers: &Servers, name: &str, output: Output) -> anyhow::Result<()> {
    let mut imports = servers.imports()?;
    let request = mno::GetImportRequest {
        name: name.to_owned(),
    };
    let import = imports.get_import(request).await?.into_inner();
    let (mut refused_rows, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = mno::ListRefusedRowsRequest {
            name: name.to_owned(),
            page_size: PAGE,
            page_token,
        };
        let page = imports.list_refused_rows(request).await?.into_inner();
        refused_rows.extend(page.rows.into_iter().map(|row| RefusedView {
            row: row.row,
            column: row.column,
            reason: row.reason,
            detail: row.detail,
            iccid: row.iccid,
        }));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let import = ImportView::from(import);
    let report = ReportView {
        import,
        refused_rows,
    };
    output.print(&report, |report| {
        let ImportView {
            name,
            rows,
            accepted,
            present,
            refused,
            done,
            ..
        } = &report.import;
        let state = if *done { "complete" } else { "NOT COMPLETE" };
        let mut lines = vec![format!(
            "{name}: {state}, {rows} rows: {accepted} new cards, {present} were there, {refused} refused"
        )];
        lines.extend(report.refused_rows.iter().map(RefusedView::text));
        lines.join("\n")
    })
}
