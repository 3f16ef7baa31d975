//! `LedgerService`: who used how much, and what is due for it.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use tsm_core::identity::Tenant;
use tsm_core::ledger::month::Month;
use tsm_core::ledger::{Account, settlement};
use tsm_core::record::{Record, Table};
use tsm_proto::mno;
use tsm_proto::mno::ledger_service_server::LedgerService;
use tsm_server::convert::{tenant, timestamp};
use tsm_server::status::{self, invalid_field};

use crate::authorisation::Method;
use crate::convert::ledger;
use crate::state::{Admitted, State};

/// Contracts read at a time.
const PAGE: usize = 200;

pub(crate) struct LedgerRpc(pub(crate) Arc<State>);

#[tonic::async_trait]
impl LedgerService for LedgerRpc {
    async fn get_settlement(
        &self,
        request: Request<mno::GetSettlementRequest>,
    ) -> Result<Response<mno::Settlement>, Status> {
        let admitted = self.0.admit(&request, Method::ReadLedger).await?;
        let request = request.into_inner();
        let month = Month::parse(&request.month)
            .ok_or_else(|| invalid_field("month", "must be a month, for example 2026-11"))?;
        let party = party(&request.party)?;
        let store = self.0.store.as_ref();
        let as_of = self.0.clock.now().min(month.end());
        let mut lines = Vec::new();
        for account in accounts(&self.0).await? {
            if is_shown(&admitted, party.as_ref(), &account) {
                let settled = settlement::settle(store, &account, month, as_of).await;
                let settled = settled.map_err(|error| status::of(&error))?;
                lines.extend(settled.iter().map(ledger::settlement_line));
            }
        }
        Ok(Response::new(mno::Settlement {
            month: month.to_string(),
            from: Some(timestamp(month.start())),
            until: Some(timestamp(month.end())),
            as_of: Some(timestamp(as_of)),
            lines,
        }))
    }

    async fn list_ledger_lines(
        &self,
        request: Request<mno::ListLedgerLinesRequest>,
    ) -> Result<Response<mno::ListLedgerLinesResponse>, Status> {
        let admitted = self.0.admit(&request, Method::ReadLedger).await?;
        let request = request.into_inner();
        let party = party(&request.party)?;
        let at = (request.page_size, request.page_token.as_str());
        let (lines, next_page_token) = self
            .0
            .page(&admitted, Table::LedgerLine, at, |record| match record {
                Record::LedgerLine(line) if is_shown(&admitted, party.as_ref(), &line.account) => {
                    Some(ledger::line(&line))
                }
                _ => None,
            })
            .await?;
        Ok(Response::new(mno::ListLedgerLinesResponse {
            lines,
            next_page_token,
        }))
    }
}

fn party(text: &str) -> Result<Option<Tenant>, Status> {
    match text {
        "" => Ok(None),
        text => tenant("party", text).map(Some),
    }
}

/// The caller's tenant is a party, and so is the one that was asked for.
fn is_shown(admitted: &Admitted, party: Option<&Tenant>, account: &Account) -> bool {
    let parties = [&account.payer, &account.payee];
    parties.iter().any(|own| admitted.reach.covers(own))
        && party.is_none_or(|party| parties.contains(&party))
}

/// Everybody who has, or had, a contract.
async fn accounts(state: &State) -> Result<Vec<Account>, Status> {
    let mut accounts = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = state
            .store
            .scan(Table::Contract, "", after.as_deref(), PAGE)
            .await;
        let page = page.map_err(|error| status::of(&error))?;
        let is_last = page.len() < PAGE;
        for (key, found) in page {
            if let Record::Contract(contract) = found.value {
                accounts.push(Account {
                    payer: contract.provider,
                    payee: contract.issuer,
                });
            }
            after = Some(key.id);
        }
        if is_last {
            return Ok(accounts);
        }
    }
}
