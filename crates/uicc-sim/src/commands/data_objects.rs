//! Data objects of a security domain: who may write which, and the AID of the issuer security domain (G 11.11.3.1).

use globalplatform::aid::Aid;
use globalplatform::commands::get_data::GetData;
use globalplatform::status_word::StatusWord;

use super::Domain;
use crate::chip::Chip;
use crate::memory::{data_object_footprint, sum};
use crate::security_domain::{DataObject, SecurityDomain};

/// AID of the issuer security domain.
const ISD_AID: u16 = 0x004F;

/// Bytes that an object takes.
pub(super) fn footprint(object: &DataObject) -> u32 {
    data_object_footprint(object.value.len())
}

impl Domain<'_> {
    /// The domain may be given all of these objects.
    ///
    /// # Errors
    /// 6A88 for one that cannot be written there, 6A84 when they do not fit, 6A80 for one that comes twice and an AID that is none, 6985 for one that
    /// is taken or cannot change now.
    pub(super) fn demand_objects(
        &self,
        aid: &Aid,
        objects: &[DataObject],
    ) -> Result<(), StatusWord> {
        let not_found = StatusWord::REFERENCED_DATA_NOT_FOUND;
        let domain = self.storage.domain(aid).ok_or(not_found)?;
        let is_isd = self.storage.is_isd(aid);
        if !objects
            .iter()
            .all(|object| is_writable(object.tag, domain, is_isd))
        {
            return Err(not_found);
        }
        for object in objects.iter().filter(|object| object.tag == ISD_AID) {
            self.demand_new_name(aid, &object.value)?;
        }
        let repeats = |(i, object): (usize, &DataObject)| {
            let mut earlier = objects.iter().take(i);
            earlier.any(|earlier| earlier.tag == object.tag)
        };
        if objects.iter().enumerate().any(repeats) {
            return Err(StatusWord::WRONG_DATA);
        }
        let new = sum(objects.iter().map(footprint));
        let replaced = domain
            .data
            .iter()
            .filter(|old| objects.iter().any(|object| object.tag == old.tag));
        let freed = sum(replaced.map(footprint));
        self.demand_memory(aid, new.saturating_sub(freed))
    }

    /// Stores objects that [`Domain::demand_objects`] has let pass.
    pub(super) fn keep_objects(&mut self, aid: &Aid, objects: Vec<DataObject>) {
        // The new name comes last: until then the domain is found by the old one.
        let (names, objects): (Vec<_>, Vec<_>) = objects
            .into_iter()
            .partition(|object| object.tag == ISD_AID);
        for object in objects {
            if let Some(domain) = self.storage.write().domain_mut(aid) {
                domain.data.retain(|old| old.tag != object.tag);
                domain.data.push(object);
            }
        }
        for name in names {
            if let Ok(new) = Aid::new(&name.value) {
                self.rename_isd(new);
            }
        }
    }

    /// Nothing else has the AID, and nobody on another channel knows the domain by the old one.
    fn demand_new_name(&self, aid: &Aid, value: &[u8]) -> Result<(), StatusWord> {
        let new = Aid::new(value).map_err(|_| StatusWord::WRONG_DATA)?;
        let taken = new != *aid && self.storage.is_taken(&new);
        if taken || *aid != self.aid || self.elsewhere.selected.contains(aid) {
            return Err(StatusWord::CONDITIONS);
        }
        Ok(())
    }

    fn rename_isd(&mut self, new: Aid) {
        self.storage.write().rename_isd(new);
        self.aid = new;
        self.work.renamed = Some(new);
    }
}

/// Numbers, recognition data and the URL of the manager; capabilities and the AID in the issuer security domain, the
/// certificate in a controlling authority's domain. What the card says by itself cannot be written.
const fn is_writable(tag: u16, domain: &SecurityDomain, is_isd: bool) -> bool {
    match tag {
        GetData::IIN | GetData::CIN | GetData::CARD_RECOGNITION | GetData::MANAGER_URL => true,
        GetData::CAPABILITIES | ISD_AID => is_isd,
        GetData::CERTIFICATE => domain.is_casd,
        _ => false,
    }
}

impl Chip {
    /// Gives the issuer security domain another AID wherever it is named.
    fn rename_isd(&mut self, new: Aid) {
        let Some(old) = self.isd().map(|isd| isd.aid) else {
            return;
        };
        if let Some(isd) = self.applications.first_mut() {
            isd.aid = new;
        }
        for application in &mut self.applications {
            if application.security_domain == old {
                application.security_domain = new;
            }
        }
        for file in &mut self.load_files {
            if file.security_domain == old {
                file.security_domain = new;
            }
        }
    }
}
