//! Lines of the usage ledger, settlements and prices.

use tonic::Status;
use tsm_core::ledger::settlement::SettlementLine;
use tsm_core::ledger::{LedgerLine, Prices, Use};
use tsm_proto::mno;
use tsm_proto::mno::ledger_line::Usage;
use tsm_server::convert::timestamp;
use tsm_server::status::invalid_field;

/// Highest price: a million cards with a gigabyte each for a month still add up.
const HIGHEST: u64 = 1_000_000_000_000;

pub(crate) fn line(line: &LedgerLine) -> mno::LedgerLine {
    let usage = match line.usage {
        Use::Area { bytes, from, until } => Some(Usage::Area(mno::AreaUse {
            bytes,
            from: Some(timestamp(from)),
            until: until.map(timestamp),
        })),
        Use::Installation { at } => Some(Usage::Installation(mno::InstallationUse {
            at: Some(timestamp(at)),
        })),
        Use::Messages {
            from,
            exchanges,
            bytes,
        } => Some(Usage::Messages(mno::MessageUse {
            from: Some(timestamp(from)),
            exchanges,
            bytes,
        })),
        _ => None,
    };
    mno::LedgerLine {
        payer: line.account.payer.to_string(),
        payee: line.account.payee.to_string(),
        iccid: line.iccid.to_string(),
        service: line.service.to_string(),
        usage,
    }
}

pub(crate) fn settlement_line(line: &SettlementLine) -> mno::SettlementLine {
    mno::SettlementLine {
        payer: line.account.payer.to_string(),
        payee: line.account.payee.to_string(),
        service: line.service.to_string(),
        byte_milliseconds: line.usage.byte_milliseconds.to_string(),
        installations: line.usage.installations,
        exchanges: line.usage.exchanges,
        message_bytes: line.usage.message_bytes,
        amounts: line.amounts.map(|amounts| mno::Amounts {
            area: amounts.area.to_string(),
            installations: amounts.installations.to_string(),
            messages: amounts.messages.to_string(),
        }),
    }
}

/// The prices of a contract that is put.
pub(crate) fn prices(prices: Option<mno::Prices>) -> Result<Option<Prices>, Status> {
    let checked = |name: &str, price: u64| {
        if price <= HIGHEST {
            return Ok(price);
        }
        let problem = format!("must be at most {HIGHEST}");
        Err(invalid_field(&format!("contract.prices.{name}"), &problem))
    };
    let Some(prices) = prices else {
        return Ok(None);
    };
    Ok(Some(Prices {
        per_megabyte_day: checked("per_megabyte_day", prices.per_megabyte_day)?,
        per_installation: checked("per_installation", prices.per_installation)?,
        per_message: checked("per_message", prices.per_message)?,
    }))
}

/// The prices of a contract as shown.
pub(crate) const fn shown_prices(prices: Prices) -> mno::Prices {
    mno::Prices {
        per_megabyte_day: prices.per_megabyte_day,
        per_installation: prices.per_installation,
        per_message: prices.per_message,
    }
}

/// What the audit log says of prices.
pub(crate) fn summary(prices: Option<Prices>) -> String {
    prices.map_or_else(String::new, |prices| {
        format!(
            ", prices: {} per megabyte-day, {} per installation, {} per message",
            prices.per_megabyte_day, prices.per_installation, prices.per_message
        )
    })
}
