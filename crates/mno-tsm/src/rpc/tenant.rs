//! `TenantService`: who is who, and who has a contract with whom.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use tsm_core::audit::{self, Party, Step};
use tsm_core::error::{Failure as _, Reason};
use tsm_core::identity::Caller;
use tsm_core::ledger::{Account, Prices, tariff};
use tsm_core::ports::{Batch, StoreError};
use tsm_core::record::{Record, Table};
use tsm_core::tenancy::{Contract, TenantKind, TenantRecord};
use tsm_proto::mno;
use tsm_proto::mno::tenant_service_server::TenantService;
use tsm_server::convert::tenant;
use tsm_server::status::{self, invalid_field};

use crate::authorisation::Method;
use crate::convert::{ledger, tenancy as convert};
use crate::rpc;
use crate::state::{Admitted, State};

pub(crate) struct TenantRpc(pub(crate) Arc<State>);

#[tonic::async_trait]
impl TenantService for TenantRpc {
    async fn register_tenant(
        &self,
        request: Request<mno::RegisterTenantRequest>,
    ) -> Result<Response<mno::Tenant>, Status> {
        let admitted = self.0.admit(&request, Method::ChangeTenants).await?;
        let caller = &admitted.caller;
        let now = self.0.clock.now();
        let record = convert::new_tenant(request.into_inner(), &caller.tenant, now)?;
        let parent = record.parent.as_ref().unwrap_or(&caller.tenant);
        self.0
            .require(&admitted, parent, &format!("tenant/{parent}"))
            .await?;
        let storing = rpc::decide(|| register(&self.0, caller, &record));
        let registered = self.0.tenants.change(storing).await?;
        Ok(Response::new(convert::tenant(&registered)))
    }

    async fn suspend_tenant(
        &self,
        request: Request<mno::ChangeTenantRequest>,
    ) -> Result<Response<mno::Tenant>, Status> {
        self.switch(request, true).await
    }

    async fn resume_tenant(
        &self,
        request: Request<mno::ChangeTenantRequest>,
    ) -> Result<Response<mno::Tenant>, Status> {
        self.switch(request, false).await
    }

    async fn get_tenant(
        &self,
        request: Request<mno::GetTenantRequest>,
    ) -> Result<Response<mno::Tenant>, Status> {
        let admitted = self.0.admit(&request, Method::ReadTenants).await?;
        let name = tenant("name", &request.get_ref().name)?;
        // Whether there is such a tenant elsewhere is nobody's business.
        self.0
            .require(&admitted, &name, &format!("tenant/{name}"))
            .await?;
        match self.0.tenants.now().find(&name) {
            Some(found) => Ok(Response::new(convert::tenant(found))),
            None => Err(unknown()),
        }
    }

    async fn list_tenants(
        &self,
        request: Request<mno::ListTenantsRequest>,
    ) -> Result<Response<mno::ListTenantsResponse>, Status> {
        let admitted = self.0.admit(&request, Method::ReadTenants).await?;
        let request = request.into_inner();
        let at = (request.page_size, request.page_token.as_str());
        let (tenants, next_page_token) = self
            .0
            .page(&admitted, Table::TenantRecord, at, |record| match record {
                Record::TenantRecord(tenant) if admitted.reach.covers(&tenant.name) => {
                    Some(convert::tenant(&tenant))
                }
                _ => None,
            })
            .await?;
        Ok(Response::new(mno::ListTenantsResponse {
            tenants,
            next_page_token,
        }))
    }

    async fn put_contract(
        &self,
        request: Request<mno::PutContractRequest>,
    ) -> Result<Response<mno::Contract>, Status> {
        let admitted = self.0.admit(&request, Method::ChangeContracts).await?;
        let now = self.0.clock.now();
        let caller = &admitted.caller;
        let mut asked = request.into_inner().contract;
        let prices = ledger::prices(asked.as_mut().and_then(|contract| contract.prices.take()))?;
        let contract = convert::new_contract(asked, &caller.tenant, now)?;
        let object = format!("contract/{}/{}", contract.provider, contract.issuer);
        self.0.require(&admitted, &contract.issuer, &object).await?;
        let tenancy = self.0.tenants.now();
        let kind = tenancy.find(&contract.provider).map(|tenant| tenant.kind);
        if kind != Some(TenantKind::ServiceProvider) {
            let problem = "is not the name of a registered service provider";
            return Err(invalid_field("contract.provider", problem));
        }
        let agreed = rpc::decide(|| agree(&self.0, caller, &contract, prices)).await?;
        let shown = shown(&self.0, &agreed).await;
        Ok(Response::new(shown.map_err(|error| status::of(&error))?))
    }

    async fn list_contracts(
        &self,
        request: Request<mno::ListContractsRequest>,
    ) -> Result<Response<mno::ListContractsResponse>, Status> {
        let admitted = self.0.admit(&request, Method::ReadTenants).await?;
        let own = &admitted.caller.tenant;
        let request = request.into_inner();
        let at = (request.page_size, request.page_token.as_str());
        let (found, next_page_token) = self
            .0
            .page(&admitted, Table::Contract, at, |record| match record {
                Record::Contract(found) if found.provider == *own || found.issuer == *own => {
                    Some(found)
                }
                _ => None,
            })
            .await?;
        let mut contracts = Vec::with_capacity(found.len());
        for contract in &found {
            let shown = shown(&self.0, contract).await;
            contracts.push(shown.map_err(|error| status::of(&error))?);
        }
        Ok(Response::new(mno::ListContractsResponse {
            contracts,
            next_page_token,
        }))
    }
}

impl TenantRpc {
    async fn switch(
        &self,
        request: Request<mno::ChangeTenantRequest>,
        suspend: bool,
    ) -> Result<Response<mno::Tenant>, Status> {
        let admitted = self.0.admit(&request, Method::ChangeTenants).await?;
        let name = tenant("name", &request.get_ref().name)?;
        let object = format!("tenant/{name}");
        self.0.require(&admitted, &name, &object).await?;
        if name == admitted.caller.tenant {
            return Err(invalid_field("name", "nobody can suspend its own tenant"));
        }
        let storing = rpc::decide(|| store_switch(&self.0, &admitted, name.as_str(), suspend));
        let switched = self.0.tenants.change(storing).await?;
        Ok(Response::new(convert::tenant(&switched)))
    }
}

fn unknown() -> Status {
    status::refusal(Reason::TenantUnknown, "no such tenant is registered")
}

/// The caller's tenant, an issuer, answers for it.
fn step(state: &State, caller: &Caller, subject: String, action: String) -> Step {
    let party = Party::issuer(&caller.tenant, &state.carrier);
    Step::by(caller, subject, state.clock.now(), party)
        .answered_by(&caller.tenant)
        .says(action, "stored")
}

/// Registers a tenant, or finds it registered with the same data.
async fn register(
    state: &State,
    caller: &Caller,
    record: &TenantRecord,
) -> Result<Result<TenantRecord, Status>, StoreError> {
    let mut tree = state.tenants.now().as_ref().clone();
    if let Err(error) = tree.insert(record.clone()) {
        return Ok(Err(status::refusal(error.reason(), &error.to_string())));
    }
    let store = state.store.as_ref();
    let name = record.name.as_str();
    if let Some(found) = store.load::<TenantRecord>(name).await? {
        return Ok(if found.value.describes_the_same(record) {
            Ok(found.value)
        } else {
            let other = "the tenant is registered with other data";
            Err(status::refusal(Reason::AlreadyExists, other))
        });
    }
    let (kind, parent) = (record.kind.as_str(), record.parent.as_ref());
    let below = parent.map_or_else(String::new, |parent| format!(" below {parent}"));
    let action = format!("register {kind}{below}");
    let step = step(state, caller, format!("tenant/{name}"), action);
    let step = step.of(&record.name);
    let batch = Batch::new().insert(name, record.clone());
    store
        .commit(audit::append(store, batch, step).await?)
        .await?;
    Ok(Ok(record.clone()))
}

/// Suspends or resumes a tenant.
async fn store_switch(
    state: &State,
    admitted: &Admitted,
    name: &str,
    suspend: bool,
) -> Result<Result<TenantRecord, Status>, StoreError> {
    let store = state.store.as_ref();
    let Some(found) = store.load::<TenantRecord>(name).await? else {
        return Ok(Err(unknown()));
    };
    if found.value.is_suspended == suspend {
        return Ok(Ok(found.value));
    }
    let record = TenantRecord {
        is_suspended: suspend,
        ..found.value
    };
    let action = if suspend { "suspend" } else { "resume" }.to_owned();
    let step = step(state, &admitted.caller, format!("tenant/{name}"), action);
    let step = step.of(&record.name);
    let batch = Batch::new().update(name, found.version, record.clone());
    store
        .commit(audit::append(store, batch, step).await?)
        .await?;
    Ok(Ok(record))
}

fn account(contract: &Contract) -> Account {
    Account {
        payer: contract.provider.clone(),
        payee: contract.issuer.clone(),
    }
}

/// The contract with the prices that hold now.
async fn shown(state: &State, contract: &Contract) -> Result<mno::Contract, StoreError> {
    let tariffs = tariff::all(state.store.as_ref(), &account(contract)).await?;
    let prices = tariffs.last().and_then(|tariff| tariff.prices);
    Ok(mno::Contract {
        prices: prices.map(ledger::shown_prices),
        ..convert::contract(contract)
    })
}

/// Stores a contract in place of the one before. Other prices hold from now on.
async fn agree(
    state: &State,
    caller: &Caller,
    contract: &Contract,
    prices: Option<Prices>,
) -> Result<Result<Contract, Status>, StoreError> {
    let store = state.store.as_ref();
    let id = Contract::id(&contract.provider, &contract.issuer);
    let found = store.load::<Contract>(&id).await?;
    let account = account(contract);
    let now = state.clock.now();
    let tariff = tariff::change(store, Batch::new(), &account, prices, now).await?;
    let is_known = found.as_ref().is_some_and(|found| found.value == *contract);
    if is_known && tariff.put.is_empty() {
        return Ok(Ok(contract.clone()));
    }
    let step = step(
        state,
        caller,
        format!("contract/{id}"),
        format!("{}{}", convert::summary(contract), ledger::summary(prices)),
    );
    let step = step.of(&contract.provider).of(&contract.issuer);
    let version = found.map_or(0, |found| found.version);
    let batch = tariff.update(id, version, contract.clone());
    store
        .commit(audit::append(store, batch, step).await?)
        .await?;
    Ok(Ok(contract.clone()))
}
