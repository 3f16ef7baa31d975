//! The usage ledger.

use tsm_core::ledger::{Account, LedgerLine, Prices, Tariff, Use};

use super::field::{Field, Malformed, form};

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AccountForm {
    #[prost(string, required, tag = "1")]
    payer: String,
    #[prost(string, required, tag = "2")]
    payee: String,
}

form!(Account as AccountForm { payer, payee });

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct PricesForm {
    #[prost(uint64, required, tag = "1")]
    per_megabyte_day: u64,
    #[prost(uint64, required, tag = "2")]
    per_installation: u64,
    #[prost(uint64, required, tag = "3")]
    per_message: u64,
}

form!(Prices as PricesForm {
    per_megabyte_day,
    per_installation,
    per_message,
});

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct TariffForm {
    #[prost(message, required, tag = "1")]
    account: AccountForm,
    #[prost(int64, required, tag = "2")]
    from: i64,
    #[prost(message, optional, tag = "3")]
    prices: Option<PricesForm>,
}

form!(Tariff as TariffForm {
    account,
    from,
    prices,
});

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct LedgerLineForm {
    #[prost(message, required, tag = "1")]
    account: AccountForm,
    #[prost(string, required, tag = "2")]
    iccid: String,
    #[prost(string, required, tag = "3")]
    service: String,
    #[prost(oneof = "UseForm", tags = "4, 5, 6")]
    usage: Option<UseForm>,
}

form!(LedgerLine as LedgerLineForm {
    account,
    iccid,
    service,
    usage,
});

#[derive(Clone, PartialEq, prost::Oneof)]
enum UseForm {
    #[prost(message, tag = "4")]
    Area(AreaForm),
    #[prost(int64, tag = "5")]
    Installation(i64),
    #[prost(message, tag = "6")]
    Messages(MessagesForm),
}

#[derive(Clone, PartialEq, prost::Message)]
struct AreaForm {
    #[prost(uint64, required, tag = "1")]
    bytes: u64,
    #[prost(int64, required, tag = "2")]
    from: i64,
    #[prost(int64, optional, tag = "3")]
    until: Option<i64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct MessagesForm {
    #[prost(int64, required, tag = "1")]
    from: i64,
    #[prost(uint64, required, tag = "2")]
    exchanges: u64,
    #[prost(uint64, required, tag = "3")]
    bytes: u64,
}

impl Field<Option<UseForm>> for Use {
    fn wire(&self) -> Result<Option<UseForm>, Malformed> {
        Ok(Some(match *self {
            Self::Area { bytes, from, until } => UseForm::Area(AreaForm {
                bytes,
                from: from.wire()?,
                until: until.wire()?,
            }),
            Self::Installation { at } => UseForm::Installation(at.wire()?),
            Self::Messages {
                from,
                exchanges,
                bytes,
            } => UseForm::Messages(MessagesForm {
                from: from.wire()?,
                exchanges,
                bytes,
            }),
            _ => return Err(Malformed("use")),
        }))
    }

    fn parse(form: Option<UseForm>) -> Result<Self, Malformed> {
        Ok(match form.ok_or(Malformed("use"))? {
            UseForm::Area(AreaForm { bytes, from, until }) => Self::Area {
                bytes,
                from: Field::parse(from)?,
                until: Field::parse(until)?,
            },
            UseForm::Installation(at) => Self::Installation {
                at: Field::parse(at)?,
            },
            UseForm::Messages(MessagesForm {
                from,
                exchanges,
                bytes,
            }) => Self::Messages {
                from: Field::parse(from)?,
                exchanges,
                bytes,
            },
        })
    }
}
