//! What the applet keeps of one credential: the live slot with its PIN counter, and the pending slot that
//! personalisation fills.

use globalplatform::tlv::{Tag, Tlv, Writer};
use zeroize::Zeroizing;

use super::key::{Algorithm, PrivateKey, RSA_PRIME_BYTES, Unusable};
use super::purpose::{Pin, Purpose};

/// Names a credential; made by the service provider.
pub(super) type CredentialId = [u8; 16];

/// The longest certificate the applet takes, in bytes.
pub(super) const CERTIFICATE_LIMIT: usize = 4096;

/// A credential in use.
#[derive(Clone)]
pub(super) struct Live {
    pub(super) id: CredentialId,
    pub(super) key: PrivateKey,
    pub(super) certificate: Vec<u8>,
    pub(super) pin: Pin,
    pub(super) tries_left: u8,
}

/// A credential in the making.
#[derive(Clone)]
pub(super) struct Pending {
    pub(super) id: CredentialId,
    pub(super) algorithm: Algorithm,
    /// The one prime that came before the other: p (first) or q (second).
    pub(super) half: (Option<Prime>, Option<Prime>),
    pub(super) key: Option<PrivateKey>,
    pub(super) certificate: Option<Vec<u8>>,
    pub(super) pin: Option<Pin>,
    /// The key has signed a challenge since key, certificate and PIN are complete.
    pub(super) proved: bool,
}

/// A prime that waits for its companion.
pub(super) type Prime = Zeroizing<[u8; RSA_PRIME_BYTES]>;

/// Both slots of one purpose.
#[derive(Clone)]
pub(super) struct Slots {
    pub(super) purpose: Purpose,
    pub(super) live: Option<Live>,
    pub(super) pending: Option<Pending>,
    /// The certificate of whoever issues the certificates, DER.
    pub(super) issuer: Option<Vec<u8>>,
}

impl Pending {
    /// An empty slot for this credential.
    pub(super) const fn new(id: CredentialId, algorithm: Algorithm) -> Self {
        Self {
            id,
            algorithm,
            half: (None, None),
            key: None,
            certificate: None,
            pin: None,
            proved: false,
        }
    }

    /// Whether key, certificate and PIN are there.
    pub(super) const fn is_complete(&self) -> bool {
        self.key.is_some() && self.certificate.is_some() && self.pin.is_some()
    }

    /// How far it has got: `incomplete`, `complete` or `proved`.
    pub(super) const fn progress(&self) -> &'static str {
        match (self.proved, self.is_complete()) {
            (true, _) => "proved",
            (false, true) => "complete",
            (false, false) => "incomplete",
        }
    }

    /// The live credential this becomes, if it is complete.
    pub(super) fn into_live(self, purpose: Purpose) -> Option<Live> {
        Some(Live {
            id: self.id,
            key: self.key?,
            certificate: self.certificate?,
            pin: self.pin?,
            tries_left: purpose.pin_tries(),
        })
    }
}

const ID: Tag = Tag(0x80);
const ALGORITHM: Tag = Tag(0x81);
/// A part of the key: p and q, or the scalar.
const KEY_PART: Tag = Tag(0x82);
const CERTIFICATE: Tag = Tag(0x83);
const PIN: Tag = Tag(0x84);
const TRIES_LEFT: Tag = Tag(0x85);
const PROVED: Tag = Tag(0x86);
const HALF_P: Tag = Tag(0x87);
const HALF_Q: Tag = Tag(0x88);

impl Slots {
    /// Slots with nothing in them.
    pub(super) const fn empty(purpose: Purpose) -> Self {
        Self {
            purpose,
            live: None,
            pending: None,
            issuer: None,
        }
    }

    /// PIN tries left; none without a credential.
    pub(super) fn tries_left(&self) -> u8 {
        self.live.as_ref().map_or(0, |live| live.tries_left)
    }

    /// How far the pending slot has got: `none`, `incomplete`, `complete` or `proved`.
    pub(super) fn progress(&self) -> &'static str {
        self.pending.as_ref().map_or("none", Pending::progress)
    }

    /// Takes a stored object that has one of these tags; says whether it had.
    pub(super) fn read(
        &mut self,
        tlv: &Tlv<'_>,
        live: Tag,
        pending: Tag,
        issuer: Tag,
    ) -> Result<bool, Unusable> {
        let purpose = self.purpose;
        if tlv.tag == live {
            let fields = Fields::read(purpose, tlv)?;
            self.live = Some(fields.live(purpose).ok_or(Unusable)?);
        } else if tlv.tag == pending {
            let fields = Fields::read(purpose, tlv)?;
            self.pending = Some(fields.pending().ok_or(Unusable)?);
        } else if tlv.tag == issuer {
            self.issuer = Some(tlv.value.to_vec());
        } else {
            return Ok(false);
        }
        Ok(true)
    }
}

impl Live {
    /// The slot as it is stored.
    pub(super) fn encode(&self, slot: &mut Writer) {
        slot.tlv(ID, &self.id);
        encode_key(slot, &self.key);
        slot.tlv(CERTIFICATE, &self.certificate);
        slot.tlv(PIN, self.pin.danger_characters());
        slot.tlv(TRIES_LEFT, &[self.tries_left]);
    }
}

impl Pending {
    /// The slot as it is stored.
    pub(super) fn encode(&self, slot: &mut Writer) {
        slot.tlv(ID, &self.id);
        match &self.key {
            Some(key) => encode_key(slot, key),
            None => slot.tlv(ALGORITHM, &[self.algorithm.to_byte()]),
        }
        slot.optional(HALF_P, self.half.0.as_deref());
        slot.optional(HALF_Q, self.half.1.as_deref());
        slot.optional(CERTIFICATE, self.certificate.as_deref());
        slot.optional(PIN, self.pin.as_ref().map(Pin::danger_characters));
        slot.tlv(PROVED, &[self.proved.into()]);
    }
}

fn encode_key(slot: &mut Writer, key: &PrivateKey) {
    slot.tlv(ALGORITHM, &[key.algorithm().to_byte()]);
    for part in key.danger_parts() {
        slot.tlv(KEY_PART, &part);
    }
}

/// The data objects of one slot, before they are put together.
#[derive(Default)]
struct Fields<'a> {
    id: Option<CredentialId>,
    algorithm: Option<Algorithm>,
    key_parts: Vec<&'a [u8]>,
    certificate: Option<Vec<u8>>,
    pin: Option<Pin>,
    tries_left: Option<u8>,
    proved: bool,
    half: (Option<Prime>, Option<Prime>),
}

impl<'a> Fields<'a> {
    fn read(purpose: Purpose, slot: &Tlv<'a>) -> Result<Self, Unusable> {
        let mut fields = Self::default();
        for tlv in slot.reader().tlvs() {
            let tlv = tlv.map_err(|_| Unusable)?;
            match (tlv.tag, tlv.value) {
                (ID, id) => fields.id = id.try_into().ok(),
                (ALGORITHM, [byte]) => fields.algorithm = Algorithm::from_byte(*byte),
                (KEY_PART, part) => fields.key_parts.push(part),
                (CERTIFICATE, der) => fields.certificate = Some(der.to_vec()),
                (PIN, digits) => fields.pin = Some(Pin::new(purpose, digits)?),
                (TRIES_LEFT, [tries]) => fields.tries_left = Some(*tries),
                (PROVED, [proved]) => fields.proved = *proved != 0,
                (HALF_P, p) => fields.half.0 = p.try_into().ok().map(Zeroizing::new),
                (HALF_Q, q) => fields.half.1 = q.try_into().ok().map(Zeroizing::new),
                _ => return Err(Unusable),
            }
        }
        Ok(fields)
    }

    fn key(&self) -> Option<PrivateKey> {
        match (self.algorithm?, self.key_parts.as_slice()) {
            (Algorithm::Rsa2048, [p, q]) => PrivateKey::from_primes(p, q).ok(),
            (curve, [scalar]) => PrivateKey::from_scalar(curve, scalar).ok(),
            _ => None,
        }
    }

    fn live(self, purpose: Purpose) -> Option<Live> {
        Some(Live {
            id: self.id?,
            key: self.key()?,
            certificate: self.certificate?,
            pin: self.pin?,
            tries_left: self.tries_left?.min(purpose.pin_tries()),
        })
    }

    fn pending(self) -> Option<Pending> {
        let key = self.key();
        if key.is_none() && !self.key_parts.is_empty() {
            return None;
        }
        Some(Pending {
            id: self.id?,
            algorithm: self.algorithm?,
            key,
            half: self.half,
            certificate: self.certificate,
            pin: self.pin,
            proved: self.proved,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOT: Tag = Tag(0xA1);

    fn again(pending: &Pending) -> Slots {
        let mut writer = Writer::new();
        writer.nested(SLOT, |slot| pending.encode(slot));
        let bytes = writer.into_vec();
        let tlv = globalplatform::tlv::Reader::new(&bytes).tlv().unwrap();
        let mut slots = Slots::empty(Purpose::Authentication);
        assert_eq!(slots.read(&tlv, Tag(0xA0), SLOT, Tag(0x8A)), Ok(true));
        slots
    }

    #[test]
    fn a_pending_slot_keeps_the_prime_that_came_first() {
        let mut pending = Pending::new([2; 16], Algorithm::Rsa2048);
        pending.pin = Pin::new(Purpose::Authentication, b"0042").ok();
        pending.half.1 = Some(Zeroizing::new([0x55; RSA_PRIME_BYTES]));
        let slots = again(&pending);
        assert_eq!(slots.progress(), "incomplete");
        let pending = slots.pending.unwrap();
        assert_eq!(pending.half.0, None);
        assert_eq!(pending.half.1.unwrap().as_slice(), [0x55; RSA_PRIME_BYTES]);
        assert!(pending.pin.unwrap().is(b"0042"));
    }

    #[test]
    fn a_pending_slot_says_how_far_it_has_got() {
        let mut pending = Pending::new([2; 16], Algorithm::P256);
        assert_eq!(Slots::empty(Purpose::Signature).progress(), "none");
        assert_eq!(again(&pending).progress(), "incomplete");
        pending.key = PrivateKey::from_scalar(Algorithm::P256, &[0x11; 32]).ok();
        pending.certificate = Some(vec![0x30]);
        pending.pin = Pin::new(Purpose::Authentication, b"0042").ok();
        assert_eq!(again(&pending).progress(), "complete");
        pending.proved = true;
        assert_eq!(again(&pending).progress(), "proved");
        for (purpose, tries) in [(Purpose::Authentication, 3), (Purpose::Signature, 5)] {
            let live = pending.clone().into_live(purpose).unwrap();
            assert_eq!(live.tries_left, tries);
        }
    }

    #[test]
    fn an_incomplete_slot_does_not_become_live() {
        let pending = Pending::new([0; 16], Algorithm::P384);
        assert!(pending.into_live(Purpose::Authentication).is_none());
    }
}
