//! Arbitrary records of each table.

mod fleet;
mod reconciliation;

use globalplatform::aid::Aid;
use globalplatform::privileges::Privileges;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use tsm_core::audit::heads::{Head, HeadsStatement, HeadsTip, SignedHeads, UnsignedHead};
use tsm_core::audit::{AuditEntry, AuditHead, Party, Step};
use tsm_core::card::catalogue::{LoadFilePiece, Package, ServiceDefinition};
use tsm_core::card::content::{CardContent, ContentEntry, EntryKind, KeySets};
use tsm_core::card::counter::KeysetCounter;
use tsm_core::card::deployment::{Deployment, KeyHandover, KeySetup, ServiceState};
use tsm_core::card::lease::Lease;
use tsm_core::card::uicc::{IssuerKeys, Uicc};
use tsm_core::fleet::{ByTenant, CardEventCount, CardOfEid, CardOfNumber};
use tsm_core::identity::{Iccid, ServiceName, Tenant};
use tsm_core::jpki::application::{
    Application, ApplicationState, CardGuard, PersonGuard, RequestOutcome, SpentNonce, Stage,
};
use tsm_core::jpki::credential::{
    CardDuty, Credential, CredentialState, KeyAlgorithm, OpenDuty, SealedPrivateKey, SerialIndex,
};
use tsm_core::jpki::domain::{InitialKeys, ProviderDomain};
use tsm_core::ledger::{Account, LedgerLine, Prices, Tariff, Use};
use tsm_core::ports::SlotId;
use tsm_core::receipt::Receipt;
use tsm_core::tenancy::{Contract, ManagementMode, TenantKind, TenantRecord};
use tsm_core::time::Timestamp;

use tsm_core::record::{Record, Table};

use crate::records::field::Coded;

fn iccid() -> impl Strategy<Value = Iccid> {
    "[0-9]{19,20}".prop_map(|text| Iccid::new(&text).unwrap())
}

fn tenant() -> impl Strategy<Value = Tenant> {
    "[a-z0-9_-]{1,64}".prop_map(|text| Tenant::new(&text).unwrap())
}

fn service() -> impl Strategy<Value = ServiceName> {
    "[a-z0-9_-]{1,64}".prop_map(|text| ServiceName::new(&text).unwrap())
}

fn aid() -> impl Strategy<Value = Aid> {
    vec(any::<u8>(), 5..=16).prop_map(|bytes| Aid::new(&bytes).unwrap())
}

fn time() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp)
}

fn code<T: Coded + core::fmt::Debug>() -> impl Strategy<Value = T> {
    let variants: Vec<T> = T::CODES.iter().map(|(variant, _)| *variant).collect();
    prop::sample::select(variants)
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..300)
}

fn entry() -> impl Strategy<Value = ContentEntry> {
    (
        code::<EntryKind>(),
        aid(),
        any::<u8>(),
        option::of(any::<[u8; 3]>().prop_map(Privileges)),
        option::of(aid()),
        option::of(aid()),
    )
        .prop_map(
            |(kind, aid, life_cycle, privileges, load_file, security_domain)| ContentEntry {
                kind,
                aid,
                life_cycle,
                privileges,
                load_file,
                security_domain,
            },
        )
}

fn content() -> impl Strategy<Value = CardContent> {
    let keys = (aid(), bytes(), any::<bool>()).prop_map(|(domain, versions, is_proven)| KeySets {
        domain,
        versions,
        is_proven,
    });
    let lists = (vec(entry(), 0..6), vec(keys, 0..3));
    (time(), any::<u8>(), any::<u32>(), lists).prop_map(
        |(read_at, card_life_cycle, free_memory, (entries, keys))| CardContent {
            read_at,
            card_life_cycle,
            free_memory,
            entries,
            keys,
        },
    )
}

fn uicc() -> impl Strategy<Value = Uicc> {
    let keys = prop_oneof![
        any::<[u8; 10]>().prop_map(IssuerKeys::Diversified),
        bytes().prop_map(IssuerKeys::Sealed),
    ];
    let optional = (option::of(fleet::profile_name()), option::of(fleet::eid()));
    (
        (iccid(), tenant(), tenant()),
        aid(),
        (any::<(u8, u8, u32)>(), keys, optional),
        option::of(content()),
    )
        .prop_map(
            |(
                (iccid, tenant, issuer),
                isd_aid,
                ((isd_key_version, scp_i, memory_bytes), keys, (profile, eid)),
                content,
            )| Uicc {
                iccid,
                tenant,
                issuer,
                isd_aid,
                isd_key_version,
                scp_i,
                keys,
                memory_bytes,
                profile,
                eid,
                content,
            },
        )
}

fn tenant_record() -> impl Strategy<Value = TenantRecord> {
    let flags = (any::<String>(), any::<bool>(), time());
    (tenant(), code::<TenantKind>(), option::of(tenant()), flags).prop_map(
        |(name, kind, parent, (display_name, is_suspended, registered_at))| TenantRecord {
            name,
            kind,
            parent,
            display_name,
            is_suspended,
            registered_at,
        },
    )
}

fn contract() -> impl Strategy<Value = Contract> {
    let modes = vec(code::<ManagementMode>(), 0..4);
    (
        [tenant(), tenant()],
        vec(service(), 0..4),
        modes,
        time(),
        option::of(time()),
    )
        .prop_map(
            |([provider, issuer], services, modes, valid_from, valid_until)| Contract {
                provider,
                issuer,
                services,
                modes,
                valid_from,
                valid_until,
            },
        )
}

fn counter() -> impl Strategy<Value = KeysetCounter> {
    any::<(u32, u32, Option<[u8; 32]>)>().prop_map(|(confirmed, sent, digest)| KeysetCounter {
        confirmed,
        sent,
        digest,
    })
}

fn lease() -> impl Strategy<Value = Lease> {
    (any::<String>(), any::<u64>(), time()).prop_map(|(holder, epoch, expires_at)| Lease {
        holder,
        epoch,
        expires_at,
    })
}

fn package() -> impl Strategy<Value = Package> {
    let imports = vec((aid(), any::<(u8, u8)>()), 0..4);
    (
        aid(),
        any::<(u8, u8)>(),
        vec(aid(), 0..4),
        imports,
        any::<[u8; 32]>(),
        any::<u32>(),
    )
        .prop_map(|(aid, version, applets, imports, sha256, length)| Package {
            aid,
            version,
            applets,
            imports,
            sha256,
            length,
        })
}

fn service_definition() -> impl Strategy<Value = ServiceDefinition> {
    (
        service(),
        tenant(),
        [aid(), aid(), aid(), aid()],
        any::<u32>(),
        (bytes(), fleet::requirements()),
    )
        .prop_map(
            |(name, provider, aids, quota, (provider_public_key, requirements))| {
                let [package, module, instance, security_domain] = aids;
                ServiceDefinition {
                    name,
                    provider,
                    package,
                    module,
                    instance,
                    security_domain,
                    quota,
                    provider_public_key,
                    requirements,
                }
            },
        )
}

fn deployment() -> impl Strategy<Value = Deployment> {
    let handover =
        (any::<u8>(), bytes(), bytes()).prop_map(|(key_version, key, ciphertext)| KeyHandover {
            key_version,
            encapsulated_key: key,
            ciphertext,
        });
    let names = (iccid(), service(), tenant());
    let states = (
        code::<ServiceState>(),
        option::of(code::<ServiceState>()),
        code::<KeySetup>(),
        any::<bool>(),
    );
    (
        names,
        states,
        any::<Option<String>>(),
        option::of(handover),
        time(),
    )
        .prop_map(
            |(names, (desired, observed, key_setup, is_stale), problem, handover, updated_at)| {
                Deployment {
                    iccid: names.0,
                    service: names.1,
                    provider: names.2,
                    desired,
                    observed,
                    is_stale,
                    problem,
                    handover,
                    key_setup,
                    updated_at,
                }
            },
        )
}

fn application() -> impl Strategy<Value = Application> {
    let stage = any::<(String, u32, u64)>().prop_map(|(name, exchanges, micros)| Stage {
        name,
        exchanges,
        micros,
    });
    let texts = any::<(String, String, Option<String>, Option<String>)>();
    let states = (code::<ApplicationState>(), option::of(code::<KeySetup>()));
    let hashes = any::<([u8; 32], [u8; 32])>();
    (
        texts,
        iccid(),
        service(),
        states,
        hashes,
        time(),
        vec(stage, 0..7),
    )
        .prop_map(
            |(texts, iccid, service, (state, key_setup), hashes, created_at, stages)| Application {
                id: texts.0,
                person: texts.1,
                iccid,
                service,
                state,
                refusal: texts.2,
                credential: texts.3,
                key_setup,
                consent_sha256: hashes.0,
                cms_sha256: hashes.1,
                created_at,
                stages,
            },
        )
}

fn credential() -> impl Strategy<Value = Credential> {
    let codes = (
        code::<KeyAlgorithm>(),
        code::<CredentialState>(),
        code::<CardDuty>(),
    );
    let names = (any::<[String; 3]>(), iccid(), service());
    (
        names,
        codes,
        [bytes(), bytes(), bytes()],
        time(),
        time(),
        any::<bool>(),
    )
        .prop_map(
            |(names, codes, parts, not_before, not_after, private_key_destroyed)| {
                let ([id, application, person], iccid, service) = names;
                let [serial, public_key, certificate] = parts;
                Credential {
                    id,
                    application,
                    person,
                    iccid,
                    service,
                    algorithm: codes.0,
                    state: codes.1,
                    serial,
                    public_key,
                    certificate,
                    not_before,
                    not_after,
                    duty: codes.2,
                    private_key_destroyed,
                }
            },
        )
}

fn sealed_private_key() -> impl Strategy<Value = SealedPrivateKey> {
    (any::<u64>(), bytes()).prop_map(|(slot, ciphertext)| SealedPrivateKey {
        slot: SlotId(slot),
        ciphertext,
    })
}

fn open_duty() -> impl Strategy<Value = OpenDuty> {
    (any::<String>(), any::<u32>(), time(), time()).prop_map(
        |(request_id, attempts, due_at, claimed_until)| OpenDuty {
            request_id,
            attempts,
            due_at,
            claimed_until,
        },
    )
}

fn provider_domain() -> impl Strategy<Value = ProviderDomain> {
    let initial = (any::<u8>(), bytes()).prop_map(|(key_version, sealed)| InitialKeys {
        key_version,
        sealed,
    });
    (
        iccid(),
        [aid(), aid()],
        any::<(u8, [u8; 32], u8)>(),
        option::of(initial),
    )
        .prop_map(
            |(iccid, [aid, instance], (scp_i, handover_sha256, generation), initial)| {
                ProviderDomain {
                    iccid,
                    aid,
                    scp_i,
                    instance,
                    handover_sha256,
                    initial,
                    generation,
                }
            },
        )
}

fn audit_entry() -> impl Strategy<Value = AuditEntry> {
    let party = prop::sample::select(Party::ALL.to_vec());
    let said = (any::<[String; 5]>(), time(), party);
    let concerned = (
        prop::option::of(tenant()),
        prop::option::of(iccid()),
        prop::collection::vec(tenant(), 0..4),
    );
    (said, concerned, any::<(u64, [u8; 32])>()).prop_map(
        |((texts, at, party), (responsible, card, tenants), (sequence, previous))| {
            let [subject, actor, person, action, outcome] = texts;
            AuditEntry {
                sequence,
                previous,
                step: Step {
                    subject,
                    at,
                    actor,
                    person,
                    party,
                    responsible,
                    card,
                    tenants,
                    action,
                    outcome,
                },
            }
        },
    )
}

fn account() -> impl Strategy<Value = Account> {
    (tenant(), tenant()).prop_map(|(payer, payee)| Account { payer, payee })
}

fn tariff() -> impl Strategy<Value = Tariff> {
    let prices = prop::option::of(any::<[u64; 3]>().prop_map(
        |[per_megabyte_day, per_installation, per_message]| Prices {
            per_megabyte_day,
            per_installation,
            per_message,
        },
    ));
    (account(), time(), prices).prop_map(|(account, from, prices)| Tariff {
        account,
        from,
        prices,
    })
}

fn ledger_line() -> impl Strategy<Value = LedgerLine> {
    let area = (any::<u64>(), time(), prop::option::of(time()))
        .prop_map(|(bytes, from, until)| Use::Area { bytes, from, until });
    let messages =
        (any::<[u64; 2]>(), time()).prop_map(|([exchanges, bytes], from)| Use::Messages {
            from,
            exchanges,
            bytes,
        });
    let usage = prop_oneof![
        area,
        messages,
        time().prop_map(|at| Use::Installation { at })
    ];
    (account(), iccid(), service(), usage).prop_map(|(account, iccid, service, usage)| LedgerLine {
        account,
        iccid,
        service,
        usage,
    })
}

fn signed_heads() -> impl Strategy<Value = SignedHeads> {
    let head = any::<(String, u64, [u8; 32])>().prop_map(|(subject, sequence, hash)| Head {
        subject,
        sequence,
        hash,
    });
    let statement = (tenant(), time(), any::<([u64; 2], [[u8; 32]; 2])>()).prop_map(
        |(server, at, ([number, count], [previous, root]))| HeadsStatement {
            server,
            number,
            at,
            previous,
            count,
            root,
        },
    );
    (statement, prop::collection::vec(head, 0..4), bytes()).prop_map(
        |(statement, heads, signature)| SignedHeads {
            statement,
            heads,
            signature,
        },
    )
}

/// A record of a table; panics for a table that was forgotten here.
pub(super) fn record(table: Table) -> BoxedStrategy<Record> {
    fn of<T: Into<Record> + core::fmt::Debug + 'static>(
        strategy: impl Strategy<Value = T> + 'static,
    ) -> BoxedStrategy<Record> {
        strategy.prop_map(Into::into).boxed()
    }
    let name = any::<String>;
    match table {
        Table::TenantRecord => of(tenant_record()),
        Table::Contract => of(contract()),
        Table::Uicc => of(uicc()),
        Table::CardProfile => of(fleet::profile()),
        Table::ImportBatch => of(fleet::import()),
        Table::RefusedRow => of(fleet::refused_row()),
        Table::Subscription => of(fleet::subscription()),
        Table::CardEvent => of(fleet::event()),
        Table::CardEventCount => of(any::<u64>().prop_map(|events| CardEventCount { events })),
        Table::ByTenant => of(Just(ByTenant)),
        Table::CardOfNumber => of(iccid().prop_map(|iccid| CardOfNumber { iccid })),
        Table::CardOfEid => of(iccid().prop_map(|iccid| CardOfEid { iccid })),
        Table::KeysetCounter => of(counter()),
        Table::Lease => of(lease()),
        Table::Package => of(package()),
        Table::LoadFilePiece => of(bytes().prop_map(|bytes| LoadFilePiece { bytes })),
        Table::ServiceDefinition => of(service_definition()),
        Table::Deployment => of(deployment()),
        Table::RequestOutcome => of(any::<([u8; 32], String)>().prop_map(
            |(body_sha256, subject)| RequestOutcome {
                body_sha256,
                subject,
            },
        )),
        Table::Application => of(application()),
        Table::PersonGuard => of(name().prop_map(|application| PersonGuard { application })),
        Table::CardGuard => of(name().prop_map(|application| CardGuard { application })),
        Table::SpentNonce => of(name().prop_map(|application| SpentNonce { application })),
        Table::Credential => of(credential()),
        Table::SealedPrivateKey => of(sealed_private_key()),
        Table::OpenDuty => of(open_duty()),
        Table::SerialIndex => of(name().prop_map(|credential| SerialIndex { credential })),
        Table::ProviderDomain => of(provider_domain()),
        Table::Policy => of(reconciliation::policy()),
        Table::Case => of(reconciliation::case()),
        Table::CardHistory => of(reconciliation::card_history()),
        Table::Declaration => of(reconciliation::declaration()),
        Table::Sweep => of(reconciliation::sweep()),
        Table::AuditEntry => of(audit_entry()),
        Table::AuditHead => {
            of(any::<(u64, [u8; 32])>().prop_map(|(sequence, hash)| AuditHead { sequence, hash }))
        }
        Table::UnsignedHead => of(any::<[u8; 32]>().prop_map(|hash| UnsignedHead { hash })),
        Table::SignedHeads => of(signed_heads()),
        Table::Tariff => of(tariff()),
        Table::LedgerLine => of(ledger_line()),
        Table::Receipt => {
            of((name(), bytes()).prop_map(|(text, signature)| Receipt { text, signature }))
        }
        Table::HeadsTip => {
            of(any::<(u64, [u8; 32])>().prop_map(|(number, digest)| HeadsTip { number, digest }))
        }
        other => panic!("no records of table {}", other.name()),
    }
}
