//! Everything that an instance keeps: the slots of both credentials.

use globalplatform::tlv::{Reader, Tag, Writer};
use zeroize::Zeroizing;

use super::key::Unusable;
use super::purpose::Purpose;
use super::slots::Slots;

/// The slots of both purposes.
#[derive(Clone)]
pub(super) struct Contents {
    authentication: Slots,
    signature: Slots,
}

impl Default for Contents {
    fn default() -> Self {
        Self {
            authentication: Slots::empty(Purpose::Authentication),
            signature: Slots::empty(Purpose::Signature),
        }
    }
}

/// The tags of one purpose: live slot, pending slot, certificate of the issuer.
struct Tags {
    live: Tag,
    pending: Tag,
    issuer: Tag,
}

const AUTHENTICATION: Tags = Tags {
    live: Tag(0xA0),
    pending: Tag(0xA1),
    issuer: Tag(0x8A),
};
const SIGNATURE: Tags = Tags {
    live: Tag(0xA2),
    pending: Tag(0xA3),
    issuer: Tag(0x8B),
};

impl Contents {
    /// The slots of one purpose.
    pub(super) const fn of(&self, purpose: Purpose) -> &Slots {
        match purpose {
            Purpose::Authentication => &self.authentication,
            Purpose::Signature => &self.signature,
        }
    }

    /// The slots of one purpose.
    pub(super) const fn of_mut(&mut self, purpose: Purpose) -> &mut Slots {
        match purpose {
            Purpose::Authentication => &mut self.authentication,
            Purpose::Signature => &mut self.signature,
        }
    }

    /// Both slots.
    pub(super) const fn all(&self) -> [&Slots; 2] {
        [&self.authentication, &self.signature]
    }

    /// The contents of the instance as the card stores them.
    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut writer = Writer::new();
        for (slots, tags) in [
            (&self.authentication, AUTHENTICATION),
            (&self.signature, SIGNATURE),
        ] {
            if let Some(live) = &slots.live {
                writer.nested(tags.live, |slot| live.encode(slot));
            }
            if let Some(pending) = &slots.pending {
                writer.nested(tags.pending, |slot| pending.encode(slot));
            }
            writer.optional(tags.issuer, slots.issuer.as_deref());
        }
        Zeroizing::new(writer.into_vec())
    }

    /// Reads what [`Contents::encode`] wrote, and what the applet wrote that knew one purpose only.
    pub(super) fn decode(contents: &[u8]) -> Result<Self, Unusable> {
        let mut all = Self::default();
        for tlv in Reader::new(contents).tlvs() {
            let tlv = tlv.map_err(|_| Unusable)?;
            let read = all.authentication.read(
                &tlv,
                AUTHENTICATION.live,
                AUTHENTICATION.pending,
                AUTHENTICATION.issuer,
            )? || all.signature.read(
                &tlv,
                SIGNATURE.live,
                SIGNATURE.pending,
                SIGNATURE.issuer,
            )?;
            if !read {
                return Err(Unusable);
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::key::{Algorithm, PrivateKey};
    use super::super::purpose::Pin;
    use super::super::slots::Pending;
    use super::*;

    const PURPOSES: [Purpose; 2] = [Purpose::Authentication, Purpose::Signature];

    fn complete(purpose: Purpose) -> Pending {
        let pin: &[u8] = match purpose {
            Purpose::Authentication => b"0042",
            Purpose::Signature => b"ABC123",
        };
        Pending {
            key: PrivateKey::from_scalar(Algorithm::P256, &[0x11; 32]).ok(),
            certificate: Some(vec![0x30; 300]),
            pin: Pin::new(purpose, pin).ok(),
            proved: true,
            ..Pending::new([2; 16], Algorithm::P256)
        }
    }

    #[test]
    fn contents_round_trip_with_either_purpose_and_both() {
        for purposes in [&PURPOSES[..1], &PURPOSES[1..], &PURPOSES] {
            for (live, pending, issuer) in [
                (true, false, false),
                (false, true, true),
                (true, true, false),
                (false, false, true),
            ] {
                let mut contents = Contents::default();
                for purpose in purposes {
                    let slots = contents.of_mut(*purpose);
                    slots.pending = pending.then(|| complete(*purpose));
                    slots.live = complete(*purpose).into_live(*purpose).filter(|_| live);
                    slots.issuer = issuer.then(|| vec![0x30; 20]);
                }
                let bytes = contents.encode();
                let again = Contents::decode(&bytes).unwrap();
                assert_eq!(again.encode(), bytes);
                for purpose in PURPOSES {
                    let (before, after) = (contents.of(purpose), again.of(purpose));
                    assert_eq!(after.live.is_some(), before.live.is_some());
                    assert_eq!(after.tries_left(), before.tries_left());
                    assert_eq!(after.progress(), before.progress());
                    assert_eq!(after.issuer, before.issuer);
                }
            }
        }
    }

    #[test]
    fn contents_of_the_applet_that_knew_one_purpose_can_be_read() {
        let old = [
            &[0xA0, 67, 0x80, 16][..],
            &[0x22; 16],
            &[0x81, 1, 2, 0x82, 32],
            &[0x11; 32],
            &[0x83, 1, 0x30, 0x84, 4, 0x30, 0x30, 0x34, 0x32],
            &[0x85, 1, 2],
        ]
        .concat();
        let contents = Contents::decode(&old).unwrap();
        let live = contents.of(Purpose::Authentication).live.as_ref().unwrap();
        assert_eq!((live.id, live.tries_left), ([0x22; 16], 2));
        assert!(live.pin.is(b"0042"));
        assert!(contents.of(Purpose::Signature).live.is_none());
        assert_eq!(contents.encode().as_slice(), old);
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        assert!(Contents::decode(&[]).is_ok());
        assert!(Contents::decode(&[0x8C, 0x00]).is_err());
        assert!(Contents::decode(&[0xA0, 0x00]).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_contents_or_not(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Contents::decode(&bytes);
        }
    }
}
