//! `ImportService`: deliveries of cards.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use tsm_core::audit::Party;
use tsm_core::error::Reason;
use tsm_core::fleet::{CardProfile, Delivery, ImportBatch};
use tsm_core::identity::{BatchName, ProfileName, Tenant};
use tsm_core::procedure::import::{CHUNK, Context, Import};
use tsm_core::record::{Record, Table};
use tsm_proto::mno;
use tsm_proto::mno::import_cards_request::Step;
use tsm_proto::mno::import_service_server::ImportService;
use tsm_server::convert::field;
use tsm_server::status::{self, invalid_field};

use crate::authorisation::{self, Method};
use crate::convert::fleet as convert;
use crate::state::{Admitted, State};

/// Answers that wait for a client who does not read.
const ANSWERS: usize = 4;
/// Profiles read at a time.
const PAGE: usize = 500;

pub(crate) struct ImportRpc(pub(crate) Arc<State>);

#[tonic::async_trait]
impl ImportService for ImportRpc {
    type ImportCardsStream = ReceiverStream<Result<mno::Import, Status>>;

    async fn import_cards(
        &self,
        request: Request<Streaming<mno::ImportCardsRequest>>,
    ) -> Result<Response<Self::ImportCardsStream>, Status> {
        let admitted = self.0.admit(&request, Method::ImportCards).await?;
        let steps = request.into_inner();
        let (answers, stream) = mpsc::channel(ANSWERS);
        let state = self.0.clone();
        self.0.life.spawn(async move {
            if let Err(status) = take(&state, &admitted, steps, &answers).await {
                // Nobody is told when the client has gone.
                let _gone = answers.send(Err(status)).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn get_import(
        &self,
        request: Request<mno::GetImportRequest>,
    ) -> Result<Response<mno::Import>, Status> {
        let admitted = self.0.admit(&request, Method::ReadImports).await?;
        let found = find(&self.0, &admitted, &request.get_ref().name).await?;
        Ok(Response::new(convert::import(&found)))
    }

    async fn list_imports(
        &self,
        request: Request<mno::ListImportsRequest>,
    ) -> Result<Response<mno::ListImportsResponse>, Status> {
        let admitted = self.0.admit(&request, Method::ReadImports).await?;
        let request = request.into_inner();
        let at = (request.page_size, request.page_token.as_str());
        let prefix = format!("{}/", admitted.caller.tenant);
        let part = (Table::ImportBatch, prefix.as_str());
        let (imports, next_page_token) = self
            .0
            .page_of(&admitted, part, at, |record| match record {
                Record::ImportBatch(batch) => Some(convert::import(&batch)),
                _ => None,
            })
            .await?;
        Ok(Response::new(mno::ListImportsResponse {
            imports,
            next_page_token,
        }))
    }

    async fn list_refused_rows(
        &self,
        request: Request<mno::ListRefusedRowsRequest>,
    ) -> Result<Response<mno::ListRefusedRowsResponse>, Status> {
        let admitted = self.0.admit(&request, Method::ReadImports).await?;
        let request = request.into_inner();
        let found = find(&self.0, &admitted, &request.name).await?;
        let at = (request.page_size, request.page_token.as_str());
        let prefix = format!("{}/", ImportBatch::id(&found.issuer, &found.name));
        let part = (Table::RefusedRow, prefix.as_str());
        let (rows, next_page_token) = self
            .0
            .page_of(&admitted, part, at, |record| match record {
                Record::RefusedRow(row) => Some(convert::refused_row(&row)),
                _ => None,
            })
            .await?;
        Ok(Response::new(mno::ListRefusedRowsResponse {
            rows,
            next_page_token,
        }))
    }
}

/// A delivery of the caller's own cards; others have no business with it.
async fn find(state: &State, admitted: &Admitted, name: &str) -> Result<ImportBatch, Status> {
    let name = field("name", BatchName::new(name))?;
    let id = ImportBatch::id(&admitted.caller.tenant, &name);
    let found = state.store.load::<ImportBatch>(&id).await;
    let found = found.map_err(|error| status::of(&error))?;
    let unknown = || status::refusal(Reason::ImportUnknown, "no such delivery was imported");
    Ok(found.ok_or_else(unknown)?.value)
}

/// Takes one stream to its end.
async fn take(
    state: &State,
    admitted: &Admitted,
    mut steps: Streaming<mno::ImportCardsRequest>,
    answers: &mpsc::Sender<Result<mno::Import, Status>>,
) -> Result<(), Status> {
    let context = Context {
        store: state.store.as_ref(),
        vault: state.vault.as_ref(),
        clock: state.clock.as_ref(),
    };
    let issuer = &admitted.caller.tenant;
    let party = Party::issuer(issuer, &state.carrier);
    let mut import: Option<(Import, BTreeMap<ProfileName, CardProfile>)> = None;
    while let Some(step) = next(state, &mut steps).await? {
        match (step.step, &mut import) {
            (Some(Step::Header(header)), None) => {
                let header = convert::import_header(header, &admitted.caller, party)?;
                let opened = Import::open(context, header).await;
                let opened = opened.map_err(|error| status::of(&error))?;
                import = Some((opened, profiles(state, issuer).await?));
            }
            (Some(Step::Rows(rows)), Some((import, profiles))) => {
                if rows.rows.len() > CHUNK {
                    return Err(invalid_field("rows.rows", "at most 1000 at a time"));
                }
                // Whoever was suspended since, or lost a tenant, is stopped here.
                let tenancy = state.tenants.now();
                let caller = &admitted.caller;
                let reach = authorisation::authorise(&tenancy, caller, admitted.method);
                let reach =
                    reach.map_err(|reason| status::refusal(reason, "the import may not go on"))?;
                let delivery = Delivery {
                    issuer,
                    profiles,
                    may_have: &|tenant| reach.covers(tenant),
                    has_transport_key: import.batch().transport_key.is_some(),
                };
                let texts = rows.rows.into_iter().map(convert::row).collect();
                let taken = import.take(context, delivery, rows.first_row, texts).await;
                taken.map_err(|error| status::of(&error))?;
            }
            (Some(Step::End(end)), Some((import, _))) => {
                let ended = import.finish(context, end.rows).await;
                ended.map_err(|error| status::of(&error))?;
            }
            (Some(Step::Header(_)), Some(_)) => {
                return Err(invalid_field("header", "comes once, at the beginning"));
            }
            (Some(_), None) => return Err(invalid_field("header", "comes first")),
            (None, _) => return Err(invalid_field("step", "is missing")),
        }
        if let Some((import, _)) = &import {
            let answer = convert::import(import.batch());
            if answers.send(Ok(answer)).await.is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The next message, unless the server is going away.
async fn next(
    state: &State,
    steps: &mut Streaming<mno::ImportCardsRequest>,
) -> Result<Option<mno::ImportCardsRequest>, Status> {
    tokio::select! {
        step = steps.next() => step.transpose(),
        () = state.life.stopping() => Err(Status::unavailable("the server is going away")),
    }
}

/// All card profiles of an issuer.
async fn profiles(
    state: &State,
    issuer: &Tenant,
) -> Result<BTreeMap<ProfileName, CardProfile>, Status> {
    let prefix = format!("{issuer}/");
    let mut found = BTreeMap::new();
    let mut after: Option<String> = None;
    loop {
        let page = state
            .store
            .scan(Table::CardProfile, &prefix, after.as_deref(), PAGE)
            .await
            .map_err(|error| status::of(&error))?;
        after = page.last().map(|(key, _)| key.id.clone());
        found.extend(page.into_iter().filter_map(|(_, row)| match row.value {
            Record::CardProfile(profile) => Some((profile.name.clone(), profile)),
            _ => None,
        }));
        if after.is_none() {
            return Ok(found);
        }
    }
}
