//! `tsm settlement`: what is due for a month.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use serde::Serialize;
use tsm_core::identity::Tenant;
use tsm_core::ledger::Use;
use tsm_core::ledger::month::Month;
use tsm_core::ledger::settlement::{Sum, Usage};
use tsm_core::time::Timestamp;
use tsm_proto::mno;
use tsm_proto::mno::ledger_line::Usage as Used;

use crate::cli::SettlementArgs;
use crate::client::Servers;
use crate::commands::tenant::moment;
use crate::output::Output;

#[derive(Debug, Serialize)]
struct Report {
    month: String,
    from: String,
    until: String,
    as_of: String,
    is_final: bool,
    lines: Vec<Line>,
    parties: Vec<Party>,
}

/// What one service used between two parties. Big numbers are decimal text.
#[derive(Debug, Serialize)]
struct Line {
    payer: String,
    payee: String,
    service: String,
    byte_milliseconds: String,
    megabyte_days: String,
    installations: u64,
    exchanges: u64,
    message_bytes: u64,
    amount_area: Option<String>,
    amount_installations: Option<String>,
    amount_messages: Option<String>,
    amount: Option<String>,
}

/// What a party pays and is paid in all.
#[derive(Debug, Serialize)]
struct Party {
    party: String,
    pays: String,
    is_paid: String,
}

/// `tsm settlement`.
///
/// # Errors
/// When the server does not answer or refuses, or, with `--check`, the sums are not those of the
/// ledger's lines.
pub async fn settlement(
    servers: &Servers,
    args: &SettlementArgs,
    output: Output,
) -> anyhow::Result<()> {
    let request = mno::GetSettlementRequest {
        month: args.month.clone(),
        party: args.party.clone().unwrap_or_default(),
    };
    let found = servers
        .ledger()?
        .get_settlement(request)
        .await?
        .into_inner();
    if args.check {
        check(servers, args, &found).await?;
    }
    let report = report(found)?;
    if args.csv {
        print!("{}", csv(&report));
        return Ok(());
    }
    output.print(&report, text)
}

fn report(found: mno::Settlement) -> anyhow::Result<Report> {
    let mut parties: BTreeMap<String, (u128, u128)> = BTreeMap::new();
    let mut lines = Vec::new();
    for line in found.lines {
        let usage = usage_of(&line)?;
        let amounts = line.amounts.as_ref().map(amounts_of).transpose()?;
        let total = amounts.map(|[area, installations, messages]| area + installations + messages);
        parties.entry(line.payer.clone()).or_default().0 += total.unwrap_or_default();
        parties.entry(line.payee.clone()).or_default().1 += total.unwrap_or_default();
        let amount = |index: usize| amounts.map(|amounts| amounts[index].to_string());
        lines.push(Line {
            byte_milliseconds: line.byte_milliseconds,
            megabyte_days: usage.megabyte_days(),
            installations: usage.installations,
            exchanges: usage.exchanges,
            message_bytes: usage.message_bytes,
            amount_area: amount(0),
            amount_installations: amount(1),
            amount_messages: amount(2),
            amount: total.map(|total| total.to_string()),
            payer: line.payer,
            payee: line.payee,
            service: line.service,
        });
    }
    let parties = parties.into_iter().map(|(party, (pays, is_paid))| Party {
        party,
        pays: pays.to_string(),
        is_paid: is_paid.to_string(),
    });
    Ok(Report {
        is_final: found.as_of == found.until,
        month: found.month,
        from: found.from.map(moment).unwrap_or_default(),
        until: found.until.map(moment).unwrap_or_default(),
        as_of: found.as_of.map(moment).unwrap_or_default(),
        parties: parties.collect(),
        lines,
    })
}

fn usage_of(line: &mno::SettlementLine) -> anyhow::Result<Usage> {
    Ok(Usage {
        byte_milliseconds: line
            .byte_milliseconds
            .parse()
            .context("the server's answer is malformed: byte_milliseconds")?,
        installations: line.installations,
        exchanges: line.exchanges,
        message_bytes: line.message_bytes,
    })
}

fn amounts_of(amounts: &mno::Amounts) -> anyhow::Result<[u128; 3]> {
    let parse = |text: &str| {
        text.parse::<u128>()
            .context("the server's answer is malformed: amounts")
    };
    Ok([
        parse(&amounts.area)?,
        parse(&amounts.installations)?,
        parse(&amounts.messages)?,
    ])
}

fn text(report: &Report) -> String {
    let until = if report.is_final {
        String::new()
    } else {
        format!(", counted until {}", report.as_of)
    };
    let mut text = format!(
        "{}: {} to {}{until}\n",
        report.month, report.from, report.until
    );
    if report.lines.is_empty() {
        text.push_str("nothing was used\n");
    }
    for line in &report.lines {
        text.push_str(&format!(
            "{} pays {} for {}:\n  {} megabyte-days of SIM area{}\n  {} installation(s){}\n  \
             {} exchange(s) with phones, {} bytes{}\n",
            line.payer,
            line.payee,
            line.service,
            line.megabyte_days,
            price(line.amount_area.as_deref()),
            line.installations,
            price(line.amount_installations.as_deref()),
            line.exchanges,
            line.message_bytes,
            price(line.amount_messages.as_deref()),
        ));
        match &line.amount {
            Some(amount) => text.push_str(&format!("  in all {amount}\n")),
            None => text.push_str("  no prices are agreed\n"),
        }
    }
    for party in &report.parties {
        text.push_str(&format!(
            "{}: pays {}, is paid {}\n",
            party.party, party.pays, party.is_paid
        ));
    }
    text
}

fn price(amount: Option<&str>) -> String {
    amount.map_or_else(String::new, |amount| format!(": {amount}"))
}

/// One line for each party and service. No value needs quotes: all are names and numbers.
fn csv(report: &Report) -> String {
    let mut text = String::from(
        "month,as_of,payer,payee,service,byte_milliseconds,megabyte_days,installations,exchanges,\
         message_bytes,amount_area,amount_installations,amount_messages,amount\n",
    );
    for line in &report.lines {
        let amounts = [
            &line.amount_area,
            &line.amount_installations,
            &line.amount_messages,
            &line.amount,
        ];
        let amounts = amounts.map(|amount| amount.clone().unwrap_or_default());
        text.push_str(&format!(
            "{},{},{},{},{},{},{},{},{},{},{}\n",
            report.month,
            report.as_of,
            line.payer,
            line.payee,
            line.service,
            line.byte_milliseconds,
            line.megabyte_days,
            line.installations,
            line.exchanges,
            line.message_bytes,
            amounts.join(","),
        ));
    }
    text
}

/// Adds up the lines of the ledger here; the server must have come to the same.
async fn check(
    servers: &Servers,
    args: &SettlementArgs,
    found: &mno::Settlement,
) -> anyhow::Result<()> {
    let month = Month::parse(&found.month).context("the server's month is malformed")?;
    let as_of = found.as_of.map(timestamp).unwrap_or_default();
    let mut sums: BTreeMap<[String; 3], Sum> = BTreeMap::new();
    let mut client = servers.ledger()?;
    let mut page_token = String::new();
    loop {
        let request = mno::ListLedgerLinesRequest {
            page_size: 500,
            page_token,
            party: args.party.clone().unwrap_or_default(),
        };
        let page = client.list_ledger_lines(request).await?.into_inner();
        for line in page.lines {
            let usage = line.usage.context("a line of the ledger says nothing")?;
            let sum = sums
                .entry([line.payer, line.payee, line.service])
                .or_default();
            sum.add(&use_of(usage), &[], month, as_of);
        }
        if page.next_page_token.is_empty() {
            break;
        }
        page_token = page.next_page_token;
    }
    sums.retain(|_, sum| sum.usage != Usage::default());
    for line in &found.lines {
        let names = [&line.payer, &line.payee, &line.service].map(Clone::clone);
        Tenant::new(&line.payer).context("the server's answer is malformed: payer")?;
        let usage = usage_of(line)?;
        let counted = sums.remove(&names).map(|sum| sum.usage).unwrap_or_default();
        // While the month is not over, messages may have come in between.
        let is_same = if found.as_of == found.until {
            counted == usage
        } else {
            counted.byte_milliseconds == usage.byte_milliseconds
        };
        ensure!(
            is_same,
            "the ledger's lines of {} and {} for {} add up to {counted:?}, not to {usage:?}",
            line.payer,
            line.payee,
            line.service
        );
    }
    ensure!(
        sums.is_empty() || found.as_of != found.until,
        "the ledger has lines that the settlement leaves out"
    );
    Ok(())
}

fn use_of(usage: Used) -> Use {
    let at = |at: Option<prost_types::Timestamp>| at.map(timestamp).unwrap_or_default();
    match usage {
        Used::Area(area) => Use::Area {
            bytes: area.bytes,
            from: at(area.from),
            until: area.until.map(timestamp),
        },
        Used::Installation(installation) => Use::Installation {
            at: at(installation.at),
        },
        Used::Messages(messages) => Use::Messages {
            from: at(messages.from),
            exchanges: messages.exchanges,
            bytes: messages.bytes,
        },
    }
}

fn timestamp(at: prost_types::Timestamp) -> Timestamp {
    let ms = i64::from(at.nanos) / 1_000_000;
    Timestamp(at.seconds.saturating_mul(1_000).saturating_add(ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(amounts: Option<[&str; 3]>) -> mno::Settlement {
        let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        let amounts = amounts.map(|amounts| {
            let [area, installations, messages] = amounts.map(str::to_owned);
            mno::Amounts {
                area,
                installations,
                messages,
            }
        });
        mno::Settlement {
            month: "2026-11".to_owned(),
            from: at(1_793_458_800),
            until: at(1_796_050_800),
            as_of: at(1_796_050_800),
            lines: vec![mno::SettlementLine {
                payer: "j-lis".to_owned(),
                payee: "carrier".to_owned(),
                service: "jpki".to_owned(),
                byte_milliseconds: "127401984000000".to_owned(),
                installations: 1,
                exchanges: 5,
                message_bytes: 14_321,
                amounts,
            }],
        }
    }

    #[test]
    fn tells_what_is_due() {
        let report = report(settled(Some(["147", "50", "10"]))).unwrap();
        assert_eq!(
            text(&report),
            "2026-11: 2026-10-31T15:00:00Z to 2026-11-30T15:00:00Z\n\
             j-lis pays carrier for jpki:\n  1.474560 megabyte-days of SIM area: 147\n  \
             1 installation(s): 50\n  5 exchange(s) with phones, 14321 bytes: 10\n  \
             in all 207\ncarrier: pays 0, is paid 207\nj-lis: pays 207, is paid 0\n"
        );
        assert_eq!(
            csv(&report).lines().nth(1),
            Some(
                "2026-11,2026-11-30T15:00:00Z,j-lis,carrier,jpki,127401984000000,1.474560,1,5,\
                 14321,147,50,10,207"
            )
        );
    }

    #[test]
    fn without_prices_there_is_nothing_to_pay() {
        let report = report(settled(None)).unwrap();
        assert!(text(&report).contains("  no prices are agreed\n"));
        assert!(csv(&report).ends_with(",14321,,,,\n"));
    }
}
