//! What the applet keeps: the live slot with its PIN counter, and the pending slot that personalisation fills.

use globalplatform::tlv::{Reader, Tag, Tlv, Writer};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::key::{Algorithm, PrivateKey, RSA_PRIME_BYTES, Unusable};

/// Names a credential; made by the service provider.
pub(super) type CredentialId = [u8; 16];

/// Tries that a fresh or changed PIN has.
pub(super) const PIN_TRIES: u8 = 3;
/// The longest certificate the applet takes, in bytes.
pub(super) const CERTIFICATE_LIMIT: usize = 4096;

/// The user-authentication PIN: four ASCII digits.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(super) struct Pin([u8; 4]);

impl Pin {
    /// The PIN in these bytes.
    pub(super) fn new(digits: &[u8]) -> Result<Self, Unusable> {
        let digits: [u8; 4] = digits.try_into().map_err(|_| Unusable)?;
        if digits.iter().all(u8::is_ascii_digit) {
            Ok(Self(digits))
        } else {
            Err(Unusable)
        }
    }

    /// Whether somebody presented this PIN.
    pub(super) fn is(&self, presented: &[u8]) -> bool {
        self.0.as_slice().ct_eq(presented).into()
    }
}

impl core::fmt::Debug for Pin {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Pin(****)")
    }
}

/// A credential in use.
#[derive(Debug, Clone)]
pub(super) struct Live {
    pub(super) id: CredentialId,
    pub(super) key: PrivateKey,
    pub(super) certificate: Vec<u8>,
    pub(super) pin: Pin,
    pub(super) tries_left: u8,
}

/// A credential in the making.
#[derive(Debug, Clone)]
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

/// Both slots.
#[derive(Debug, Clone, Default)]
pub(super) struct Slots {
    pub(super) live: Option<Live>,
    pub(super) pending: Option<Pending>,
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
    pub(super) fn into_live(self) -> Option<Live> {
        Some(Live {
            id: self.id,
            key: self.key?,
            certificate: self.certificate?,
            pin: self.pin?,
            tries_left: PIN_TRIES,
        })
    }
}

const LIVE: Tag = Tag(0xA0);
const PENDING: Tag = Tag(0xA1);
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
    /// The contents of the instance as the card stores them.
    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut writer = Writer::new();
        if let Some(live) = &self.live {
            writer.nested(LIVE, |slot| {
                slot.tlv(ID, &live.id);
                encode_key(slot, &live.key);
                slot.tlv(CERTIFICATE, &live.certificate);
                slot.tlv(PIN, &live.pin.0);
                slot.tlv(TRIES_LEFT, &[live.tries_left]);
            });
        }
        if let Some(pending) = &self.pending {
            writer.nested(PENDING, |slot| encode_pending(slot, pending));
        }
        Zeroizing::new(writer.into_vec())
    }

    /// Reads what [`Slots::encode`] wrote.
    pub(super) fn decode(contents: &[u8]) -> Result<Self, Unusable> {
        let mut slots = Self::default();
        for tlv in Reader::new(contents).tlvs() {
            let tlv = tlv.map_err(|_| Unusable)?;
            let fields = Fields::read(&tlv)?;
            match tlv.tag {
                LIVE => slots.live = Some(fields.live().ok_or(Unusable)?),
                PENDING => slots.pending = Some(fields.pending().ok_or(Unusable)?),
                _ => return Err(Unusable),
            }
        }
        Ok(slots)
    }
}

fn encode_key(slot: &mut Writer, key: &PrivateKey) {
    slot.tlv(ALGORITHM, &[key.algorithm().to_byte()]);
    for part in key.danger_parts() {
        slot.tlv(KEY_PART, &part);
    }
}

fn encode_pending(slot: &mut Writer, pending: &Pending) {
    slot.tlv(ID, &pending.id);
    match &pending.key {
        Some(key) => encode_key(slot, key),
        None => slot.tlv(ALGORITHM, &[pending.algorithm.to_byte()]),
    }
    slot.optional(HALF_P, pending.half.0.as_deref());
    slot.optional(HALF_Q, pending.half.1.as_deref());
    slot.optional(CERTIFICATE, pending.certificate.as_deref());
    slot.optional(PIN, pending.pin.as_ref().map(|pin| pin.0));
    slot.tlv(PROVED, &[pending.proved.into()]);
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
    fn read(slot: &Tlv<'a>) -> Result<Self, Unusable> {
        let mut fields = Self::default();
        for tlv in slot.reader().tlvs() {
            let tlv = tlv.map_err(|_| Unusable)?;
            match (tlv.tag, tlv.value) {
                (ID, id) => fields.id = id.try_into().ok(),
                (ALGORITHM, [byte]) => fields.algorithm = Algorithm::from_byte(*byte),
                (KEY_PART, part) => fields.key_parts.push(part),
                (CERTIFICATE, der) => fields.certificate = Some(der.to_vec()),
                (PIN, digits) => fields.pin = Some(Pin::new(digits)?),
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

    fn live(self) -> Option<Live> {
        Some(Live {
            id: self.id?,
            key: self.key()?,
            certificate: self.certificate?,
            pin: self.pin?,
            tries_left: self.tries_left?.min(PIN_TRIES),
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
    use proptest::prelude::*;

    fn key() -> PrivateKey {
        PrivateKey::from_scalar(Algorithm::P256, &[0x11; 32]).unwrap()
    }

    #[test]
    fn contents_round_trip_in_every_state() {
        let mut pending = Pending::new([2; 16], Algorithm::Rsa2048);
        pending.half.1 = Some(Zeroizing::new([0x55; RSA_PRIME_BYTES]));
        pending.pin = Pin::new(b"0042").ok();
        let complete = Pending {
            key: Some(key()),
            certificate: Some(vec![0x30; 300]),
            half: (None, None),
            algorithm: Algorithm::P256,
            proved: true,
            ..pending.clone()
        };
        let live = complete.clone().into_live();
        for slots in [
            Slots::default(),
            Slots {
                live: None,
                pending: Some(pending),
            },
            Slots {
                live: live.clone(),
                pending: Some(complete),
            },
            Slots {
                live,
                pending: None,
            },
        ] {
            let contents = slots.encode();
            let again = Slots::decode(&contents).unwrap();
            assert_eq!(again.encode(), contents);
            let progress = |s: &Slots| s.pending.as_ref().map(Pending::progress);
            assert_eq!(progress(&again), progress(&slots));
        }
    }

    #[test]
    fn an_incomplete_slot_does_not_become_live() {
        assert!(Pending::new([0; 16], Algorithm::P384).into_live().is_none());
    }

    #[test]
    fn a_pin_has_four_digits_and_is_not_shown() {
        let pin = Pin::new(b"1234").unwrap();
        assert!(pin.is(b"1234") && !pin.is(b"1235") && !pin.is(b"123") && !pin.is(b""));
        for wrong in [&b"123"[..], b"12345", b"12 4", b""] {
            assert!(Pin::new(wrong).is_err());
        }
        assert_eq!(format!("{pin:?}"), "Pin(****)");
    }

    proptest! {
        #[test]
        fn any_bytes_are_contents_or_not(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Slots::decode(&bytes);
        }
    }
}
