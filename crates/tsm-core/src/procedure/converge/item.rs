//! One deployment while its card is worked on.

use scp03::keys::StaticKeys;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{Context, ConvergeError};
use crate::card::catalogue::{LoadFilePiece, Package, ServiceDefinition};
use crate::card::content::CardContent;
use crate::card::deployment::{Deployment, KeyHandover, ServiceState};
use crate::card::desired::DesiredService;
use crate::card::steps::FIRST_KEY_VERSION;
use crate::error::Reason;
use crate::identity::Iccid;
use crate::ledger::area::Presence;
use crate::ports::{Store, StoreError, Versioned};
use crate::record::{Record, Table};

/// The deployments of one card are read in pages of this many.
const PAGE: usize = 64;
/// Bytes of one AES-128 key.
const KEY_BYTES: usize = 16;

/// A deployment with what is needed to work on it.
#[derive(Debug)]
pub(super) struct Item {
    /// As it will be stored with the next reading.
    pub(super) deployment: Deployment,
    /// Version of the record that `deployment` comes from.
    pub(super) version: u64,
    /// Was on the card, whole, when the work began.
    pub(super) was_deployed: bool,
    /// Not to be worked on any more in this call.
    pub(super) is_stuck: bool,
    /// First keys in the script under way, and the hand-over that theirs replaced.
    pub(super) first_keys: Option<(StaticKeys, Option<KeyHandover>)>,
    definition: ServiceDefinition,
    package: Package,
}

impl Item {
    /// All deployments of the card.
    pub(super) async fn load_all(
        store: &dyn Store,
        iccid: &Iccid,
    ) -> Result<Vec<Self>, StoreError> {
        let prefix = format!("{iccid}/");
        let mut items = Vec::new();
        let mut after = None;
        loop {
            let page = store
                .scan(Table::Deployment, &prefix, after.as_deref(), PAGE)
                .await?;
            after = page.last().map(|(key, _)| key.id.clone());
            for (key, found) in page {
                let Record::Deployment(value) = found.value else {
                    return Err(StoreError::Corrupt(key));
                };
                let found = Versioned {
                    version: found.version,
                    value,
                };
                items.extend(Self::load(store, found).await?);
            }
            if after.is_none() {
                return Ok(items);
            }
        }
    }

    /// Nothing when the catalogue does not know the service or its package any more.
    async fn load(
        store: &dyn Store,
        found: Versioned<Deployment>,
    ) -> Result<Option<Self>, StoreError> {
        let deployment = found.value;
        let service = deployment.service.as_str();
        let definition = store.load::<ServiceDefinition>(service).await?;
        let Some(Versioned {
            value: definition, ..
        }) = definition
        else {
            tracing::warn!(iccid = ?deployment.iccid, service, "deployment without service");
            return Ok(None);
        };
        let package = store
            .load::<Package>(&definition.package.to_string())
            .await?;
        let Some(Versioned { value: package, .. }) = package else {
            tracing::warn!(iccid = ?deployment.iccid, service, "service without package");
            return Ok(None);
        };
        let was_deployed = deployment
            .observed
            .is_some_and(|observed| observed != ServiceState::Absent);
        Ok(Some(Self {
            deployment,
            version: found.version,
            was_deployed,
            is_stuck: false,
            first_keys: None,
            definition,
            package,
        }))
    }

    /// The service as it is desired now.
    pub(super) fn service(&self) -> DesiredService {
        DesiredService::new(&self.definition, &self.package, self.deployment.desired)
    }

    /// Whether the card may be changed for it: what waits for a new request is
    /// left as it is, what shall go may always go.
    pub(super) fn is_open(&self) -> bool {
        !self.is_stuck && self.deployment.is_open()
    }

    /// The card, or the plan, says no. What was never whole on the card is not
    /// desired any more, so that its remains go; everything else stays as it is.
    pub(super) fn refuse(&mut self, reason: Reason) {
        let deployment = &mut self.deployment;
        // An applet without its load file was whole once: it may hold a key.
        let may_go = !self.was_deployed && reason != Reason::Diverged;
        if deployment.desired != ServiceState::Absent && may_go {
            deployment.desired = ServiceState::Absent;
        } else {
            self.is_stuck = true;
        }
        deployment.problem.get_or_insert_with(|| reason.to_string());
    }

    /// Takes over what a verified reading shows.
    pub(super) fn observe(&mut self, content: &CardContent) {
        let deployment = &mut self.deployment;
        let service = DesiredService::new(&self.definition, &self.package, deployment.desired);
        deployment.observed = service.observed(content);
        deployment.is_stale = false;
        if deployment.observed == Some(ServiceState::Absent) {
            deployment.handover = None;
        }
        if deployment.desired != ServiceState::Absent && deployment.converged() {
            deployment.problem = None;
        }
    }

    /// What a verified reading shows of it, for the usage ledger: its area is the quota of its
    /// domain, or what was loaded when there is none.
    pub(super) fn presence(&self, content: &CardContent) -> Presence {
        match self.service().observed(content) {
            Some(ServiceState::Absent) => Presence::Absent,
            Some(_) if self.definition.quota > 0 => Presence::Whole(self.definition.quota.into()),
            Some(_) => Presence::Whole(self.package.length.into()),
            None => Presence::Partial,
        }
    }

    /// Makes first keys for a new domain and seals them to the provider.
    pub(super) fn make_first_keys(&mut self, context: &Context<'_>) -> Result<(), ConvergeError> {
        let mut bytes = Zeroizing::new([0; 3 * KEY_BYTES]);
        context.entropy.fill(bytes.as_mut_slice())?;
        let (enc, rest) = bytes.split_at(KEY_BYTES);
        let (mac, dek) = rest.split_at(KEY_BYTES);
        let keys = StaticKeys::from_bytes(enc, mac, dek)
            .map_err(|error| ConvergeError::Malformed(error.to_string()))?;
        let info = KeyHandover::info(&self.deployment.iccid);
        let (encapsulated_key, ciphertext) = context.vault.hpke_seal(
            &self.definition.provider_public_key,
            &info,
            bytes.as_slice(),
        )?;
        let key_version = FIRST_KEY_VERSION;
        let handover = KeyHandover {
            key_version,
            encapsulated_key,
            ciphertext,
        };
        let replaced = self.deployment.handover.replace(handover);
        self.first_keys = Some((keys, replaced));
        Ok(())
    }

    /// The first keys were made, but no script with them was sent.
    pub(super) fn withdraw_first_keys(&mut self) {
        if let Some((_, replaced)) = self.first_keys.take() {
            self.deployment.handover = replaced;
        }
    }

    /// A reading from before the first keys were sent shows that the domain had
    /// keys: the hand-over of those is the one in force.
    pub(super) fn keep_older_keys(&mut self, before: &CardContent) {
        let had_keys = self
            .service()
            .find(before)
            .domain
            .is_some_and(|d| d.is_personalized());
        if let Some((_, replaced)) = self.first_keys.take()
            && had_keys
        {
            self.deployment.handover = replaced;
        }
    }

    /// The load file data block, checked against what was admitted.
    pub(super) async fn load_file(&self, store: &dyn Store) -> Result<Option<Vec<u8>>, StoreError> {
        let length = usize::try_from(self.package.length).unwrap_or(usize::MAX);
        let mut bytes = Vec::new();
        for index in 0..length.div_ceil(LoadFilePiece::SIZE) {
            let id = LoadFilePiece::id(&self.package.sha256, index);
            let Some(piece) = store.load::<LoadFilePiece>(&id).await? else {
                return Ok(None);
            };
            bytes.extend_from_slice(&piece.value.bytes);
        }
        let digest: [u8; 32] = Sha256::digest(&bytes).into();
        Ok((bytes.len() == length && digest == self.package.sha256).then_some(bytes))
    }
}
