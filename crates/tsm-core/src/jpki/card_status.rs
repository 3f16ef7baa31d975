//! The status object `E1` of the JPKI applet, as read back inside the provider's session.
//!
//! `E1 { C0 live slot (00 empty, 01 live), [C1 credential id, 16], [C2 SHA-256 of the certificate],
//! C3 PIN tries left, C4 pending slot (00 none, 01 incomplete, 02 complete, 03 proved), [C5 pending
//! credential id, 16], C6 applet version }`. Unknown objects inside are skipped.

use globalplatform::error::DecodeError;
use globalplatform::tlv::{Reader, Tag};

use crate::jpki::credential_id::CredentialId;

const STATUS: Tag = Tag(0xE1);
const LIVE_STATE: Tag = Tag(0xC0);
const LIVE_ID: Tag = Tag(0xC1);
const LIVE_CERTIFICATE: Tag = Tag(0xC2);
const TRIES_LEFT: Tag = Tag(0xC3);
const PENDING_STATE: Tag = Tag(0xC4);
const PENDING_ID: Tag = Tag(0xC5);
const VERSION: Tag = Tag(0xC6);

/// What the applet holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardStatus {
    /// The credential in use.
    pub live: Option<LiveSlot>,
    /// The credential in the making.
    pub pending: Option<PendingSlot>,
    /// Wrong PIN entries that are left; 0 also without live credential.
    pub tries_left: u8,
    /// Major and minor version of the applet.
    pub version: (u8, u8),
}

/// A credential in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveSlot {
    /// Which one.
    pub id: CredentialId,
    /// SHA-256 of its certificate's DER.
    pub certificate_sha256: [u8; 32],
}

/// A credential in the making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingSlot {
    /// Which one.
    pub id: CredentialId,
    /// How far it is.
    pub progress: PendingProgress,
}

/// How far a pending credential is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingProgress {
    /// Key, certificate or PIN is missing.
    Incomplete,
    /// Everything is there.
    Complete,
    /// The key has signed a challenge.
    Proved,
}

impl CardStatus {
    /// Reads a status object.
    ///
    /// # Errors
    /// [`DecodeError`] with the offset in `data`; the card does not behave as the applet should.
    pub fn decode(data: &[u8]) -> Result<Self, DecodeError> {
        let mut outer = Reader::new(data);
        let object = outer.expect(STATUS)?;
        outer.finish()?;
        let mut fields = Fields::default();
        for tlv in object.reader().tlvs() {
            let tlv = tlv?;
            match tlv.tag {
                LIVE_STATE => fields.live_state = Some((tlv.array::<1>()?[0], tlv.value_offset)),
                LIVE_ID => fields.live_id = Some(tlv.array()?),
                LIVE_CERTIFICATE => fields.live_certificate = Some(tlv.array()?),
                TRIES_LEFT => fields.tries_left = Some(tlv.array::<1>()?[0]),
                PENDING_STATE => {
                    fields.pending_state = Some((tlv.array::<1>()?[0], tlv.value_offset))
                }
                PENDING_ID => fields.pending_id = Some(tlv.array()?),
                VERSION => fields.version = Some(tlv.array()?),
                _ => {}
            }
        }
        fields.status(data.len())
    }

    /// Whether the credential `id` with this certificate is the live one.
    #[must_use]
    pub fn is_live(&self, id: &CredentialId, certificate_sha256: &[u8; 32]) -> bool {
        self.live
            .as_ref()
            .is_some_and(|live| live.id == *id && live.certificate_sha256 == *certificate_sha256)
    }

    /// Whether the credential `id` waits in the pending slot with all its parts.
    #[must_use]
    pub fn can_prove(&self, id: &CredentialId) -> bool {
        self.pending
            .as_ref()
            .is_some_and(|slot| slot.id == *id && slot.progress != PendingProgress::Incomplete)
    }

    /// Whether anything of the credential `id` is in one of the slots.
    #[must_use]
    pub fn holds(&self, id: &CredentialId) -> bool {
        self.live.as_ref().is_some_and(|live| live.id == *id)
            || self.pending.as_ref().is_some_and(|slot| slot.id == *id)
    }
}

/// The objects as they come, before they are put together. States with their offsets.
#[derive(Default)]
struct Fields {
    live_state: Option<(u8, usize)>,
    live_id: Option<[u8; 16]>,
    live_certificate: Option<[u8; 32]>,
    tries_left: Option<u8>,
    pending_state: Option<(u8, usize)>,
    pending_id: Option<[u8; 16]>,
    version: Option<[u8; 2]>,
}

impl Fields {
    fn status(self, end: usize) -> Result<CardStatus, DecodeError> {
        let missing = |field| DecodeError::MissingField { offset: end, field };
        let live = match self.live_state.ok_or(missing("live slot state"))? {
            (0x00, _) => None,
            (0x01, _) => Some(LiveSlot {
                id: CredentialId(self.live_id.ok_or(missing("live credential id"))?),
                certificate_sha256: self.live_certificate.ok_or(missing("certificate hash"))?,
            }),
            (_, offset) => {
                return Err(DecodeError::InvalidValue {
                    offset,
                    field: "live slot state",
                });
            }
        };
        let progress = match self.pending_state.ok_or(missing("pending slot state"))? {
            (0x00, _) => None,
            (0x01, _) => Some(PendingProgress::Incomplete),
            (0x02, _) => Some(PendingProgress::Complete),
            (0x03, _) => Some(PendingProgress::Proved),
            (_, offset) => {
                return Err(DecodeError::InvalidValue {
                    offset,
                    field: "pending slot state",
                });
            }
        };
        let pending = match progress {
            None => None,
            Some(progress) => {
                let id = self.pending_id.ok_or(missing("pending credential id"))?;
                Some(PendingSlot {
                    id: CredentialId(id),
                    progress,
                })
            }
        };
        let [major, minor] = self.version.ok_or(missing("applet version"))?;
        let tries_left = self.tries_left.ok_or(missing("PIN tries left"))?;
        Ok(CardStatus {
            live,
            pending,
            tries_left,
            version: (major, minor),
        })
    }
}

#[cfg(test)]
mod tests {
    use globalplatform::tlv::Writer;
    use proptest::prelude::*;

    use super::*;

    fn encode(status: &CardStatus) -> Vec<u8> {
        let mut object = Writer::new();
        object.nested(STATUS, |value| {
            value.tlv(LIVE_STATE, &[status.live.is_some().into()]);
            if let Some(live) = &status.live {
                value.tlv(LIVE_ID, &live.id.0);
                value.tlv(LIVE_CERTIFICATE, &live.certificate_sha256);
            }
            value.tlv(TRIES_LEFT, &[status.tries_left]);
            let state = match status.pending.as_ref().map(|slot| slot.progress) {
                None => 0,
                Some(PendingProgress::Incomplete) => 1,
                Some(PendingProgress::Complete) => 2,
                Some(PendingProgress::Proved) => 3,
            };
            value.tlv(PENDING_STATE, &[state]);
            if let Some(slot) = &status.pending {
                value.tlv(PENDING_ID, &slot.id.0);
            }
            value.tlv(Tag(0xC9), b"from a later version");
            value.tlv(VERSION, &[status.version.0, status.version.1]);
        });
        object.into_vec()
    }

    #[test]
    fn reads_an_empty_applet() {
        let data = hex::decode("E10BC00100C30100C40100C60201").unwrap();
        assert!(CardStatus::decode(&data).is_err(), "a cut version");
        let data = hex::decode("E10DC00100C30100C40100C6020100").unwrap();
        let status = CardStatus::decode(&data).unwrap();
        assert_eq!(
            status,
            CardStatus {
                live: None,
                pending: None,
                tries_left: 0,
                version: (1, 0)
            }
        );
    }

    #[test]
    fn refuses_states_it_does_not_know_with_their_offset() {
        let data = hex::decode("E10DC00102C30100C40100C6020100").unwrap();
        let expected = DecodeError::InvalidValue {
            offset: 4,
            field: "live slot state",
        };
        assert_eq!(CardStatus::decode(&data), Err(expected));
        let data = hex::decode("E10DC00100C30100C40104C6020100").unwrap();
        let expected = DecodeError::InvalidValue {
            offset: 10,
            field: "pending slot state",
        };
        assert_eq!(CardStatus::decode(&data), Err(expected));
    }

    #[test]
    fn refuses_a_live_slot_without_an_id() {
        let data = hex::decode("E10DC00101C30103C40100C6020100").unwrap();
        let expected = DecodeError::MissingField {
            offset: 15,
            field: "live credential id",
        };
        assert_eq!(CardStatus::decode(&data), Err(expected));
    }

    fn any_status() -> impl Strategy<Value = CardStatus> {
        let progress = prop_oneof![
            Just(PendingProgress::Incomplete),
            Just(PendingProgress::Complete),
            Just(PendingProgress::Proved),
        ];
        let live = any::<([u8; 16], [u8; 32])>().prop_map(|(id, certificate_sha256)| LiveSlot {
            id: CredentialId(id),
            certificate_sha256,
        });
        let pending = (any::<[u8; 16]>(), progress).prop_map(|(id, progress)| PendingSlot {
            id: CredentialId(id),
            progress,
        });
        let slots = (proptest::option::of(live), proptest::option::of(pending));
        (slots, any::<(u8, u8, u8)>()).prop_map(|((live, pending), (tries_left, major, minor))| {
            CardStatus {
                live,
                pending,
                tries_left,
                version: (major, minor),
            }
        })
    }

    proptest! {
        #[test]
        fn reads_every_status_back(status in any_status()) {
            prop_assert_eq!(CardStatus::decode(&encode(&status)), Ok(status));
        }

        #[test]
        fn no_bytes_panic(
            status in any_status(),
            cut in 0usize..80,
            garbage in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = CardStatus::decode(&garbage);
            let bytes = encode(&status);
            let cut = cut.min(bytes.len().saturating_sub(1));
            prop_assert!(CardStatus::decode(&bytes[..cut]).is_err());
        }
    }
}
