//! Records as protobuf, and back.
//!
//! Every field that must be there is `required`, which prost always writes; and
//! a record must encode to the bytes that it was decoded from. So a missing
//! field, a field that this version does not know, and a value out of its range
//! are all refused: nothing that is stored is dropped or made up silently.

mod application;
mod audit;
mod card;
mod catalogue;
mod credential;
mod deployment;
mod field;
mod fleet;
mod ledger;
mod reconciliation;
mod tenancy;

use prost::Message;
use tsm_core::record::{Record, Table};

use field::{Field, Malformed};

macro_rules! records {
    ($($record:ident as $form:path),+ $(,)?) => {
        /// Encodes a record; also says which table it belongs to.
        pub(crate) fn encode(record: &Record) -> Result<(Table, Vec<u8>), Malformed> {
            match record {
                $(Record::$record(value) => {
                    let form: $form = value.wire()?;
                    Ok((Table::$record, form.encode_to_vec()))
                })+
                _ => Err(Malformed("table")),
            }
        }

        /// Decodes a record of a table.
        pub(crate) fn decode(table: Table, bytes: &[u8]) -> Result<Record, Malformed> {
            match table {
                $(Table::$record => {
                    let form: $form = exact(bytes)?;
                    Ok(Record::$record(Field::parse(form)?))
                })+
                _ => Err(Malformed("table")),
            }
        }
    };
}

records! {
    TenantRecord as tenancy::TenantForm,
    Contract as tenancy::ContractForm,
    Uicc as card::UiccForm,
    CardProfile as fleet::CardProfileForm,
    ImportBatch as fleet::ImportBatchForm,
    RefusedRow as fleet::RefusedRowForm,
    Subscription as fleet::SubscriptionForm,
    CardEvent as fleet::CardEventForm,
    CardEventCount as fleet::CardEventCountForm,
    ByTenant as fleet::ByTenantForm,
    CardOfNumber as fleet::CardOfNumberForm,
    CardOfEid as fleet::CardOfEidForm,
    KeysetCounter as card::KeysetCounterForm,
    Lease as card::LeaseForm,
    Package as catalogue::PackageForm,
    LoadFilePiece as catalogue::LoadFilePieceForm,
    ServiceDefinition as catalogue::ServiceDefinitionForm,
    Deployment as deployment::DeploymentForm,
    RequestOutcome as application::RequestOutcomeForm,
    Application as application::ApplicationForm,
    PersonGuard as application::PersonGuardForm,
    CardGuard as application::CardGuardForm,
    SpentNonce as application::SpentNonceForm,
    Credential as credential::CredentialForm,
    SealedPrivateKey as credential::SealedPrivateKeyForm,
    OpenDuty as credential::OpenDutyForm,
    SerialIndex as credential::SerialIndexForm,
    ProviderDomain as credential::ProviderDomainForm,
    Policy as reconciliation::PolicyForm,
    Case as reconciliation::CaseForm,
    CardHistory as reconciliation::CardHistoryForm,
    Declaration as reconciliation::DeclarationForm,
    Sweep as reconciliation::SweepForm,
    AuditEntry as audit::AuditEntryForm,
    AuditHead as audit::AuditHeadForm,
    UnsignedHead as audit::UnsignedHeadForm,
    SignedHeads as audit::SignedHeadsForm,
    HeadsTip as audit::HeadsTipForm,
    Receipt as audit::ReceiptForm,
    Tariff as ledger::TariffForm,
    LedgerLine as ledger::LedgerLineForm,
}

fn exact<M: Message + Default>(bytes: &[u8]) -> Result<M, Malformed> {
    let form = M::decode(bytes).map_err(|_| Malformed("protobuf"))?;
    if form.encode_to_vec() != bytes {
        return Err(Malformed("unknown or missing field"));
    }
    Ok(form)
}

#[cfg(test)]
mod tests;
