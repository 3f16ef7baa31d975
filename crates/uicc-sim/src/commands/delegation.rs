//! Delegated management on the card side: who may manage content with a token, and what it gets as a receipt
//! (G 9.1.3, 11.1.6, C.4, C.5).
//!
//! Tokens are verified by the nearest domain above with Token Verification (key 70/01), receipts are made by the nearest
//! one with Receipt Generation (key 71/01). A token with an identifier (tag 93) is good once; without one it may come
//! again, as far as the registry still allows what it asks for.

use globalplatform::aid::Aid;
use globalplatform::commands::confirmation::{Confirmation, ManagementResponse};
use globalplatform::commands::control_reference::ControlReference;
use globalplatform::delegated_management::{
    HashAlgorithm, ReceiptSubject, SignedCommand, Signer, Verifier,
};
use globalplatform::privileges::Privileges;
use globalplatform::status_word::StatusWord;

use super::Domain;
use super::authority::Function;
use crate::memory::token_footprint;
use crate::security_domain::{StoredKey, TokenIdentifier};
use crate::signature_key::{SigningKey, VerifyingKey};

/// Version and identifier of the keys that verify tokens and make receipts.
const TOKEN_KEY: (u8, u8) = (0x70, 0x01);
const RECEIPT_KEY: (u8, u8) = (0x71, 0x01);
/// The confirmation counter never wraps; this is where it stops.
const LAST_CONFIRMATION: u16 = 0x7FFF;

/// By what right content is managed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Authority {
    /// The domain's own.
    Owner,
    /// A token that was verified.
    Token(VerifiedToken),
}

/// A verified token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VerifiedToken {
    verifier: Aid,
    identifier: Option<TokenIdentifier>,
    /// The weakest load file hash that goes with the token.
    pub(crate) weakest_hash: HashAlgorithm,
}

impl Authority {
    /// The weakest load file hash that goes with it, and whether there must be one.
    pub(crate) const fn hash_rule(&self) -> Option<HashAlgorithm> {
        match self {
            Self::Owner => None,
            Self::Token(token) => Some(token.weakest_hash),
        }
    }
}

impl Domain<'_> {
    /// This domain may change card content: the ISD and PERSONALIZED domains with Authorized Management by themselves,
    /// those with Delegated Management with a token.
    ///
    /// # Errors
    /// 6985: the function was taken away, the domain is not PERSONALIZED, or the token was used before. 6982: no such
    /// right, no token, or one that is not genuine. 6A80: a token where none is due, or one of another domain.
    pub(crate) fn demand_management(
        &self,
        function: Function,
        signed: &SignedCommand,
        reference: Option<&ControlReference>,
    ) -> Result<Authority, StatusWord> {
        self.demand_manager(function)?;
        self.demand_token(signed, reference)
    }

    /// As [`Domain::demand_management`], but for the token.
    pub(crate) fn demand_manager(&self, function: Function) -> Result<(), StatusWord> {
        self.demand_function(function)?;
        if self.is_isd() {
            return Ok(());
        }
        self.demand_personalized(&self.aid)?;
        let manages = Privileges::AUTHORIZED_MANAGEMENT | Privileges::DELEGATED_MANAGEMENT;
        let own = self.storage.application(&self.aid);
        if own.is_some_and(|own| own.privileges.intersects(manages)) {
            Ok(())
        } else {
            Err(StatusWord::SECURITY_STATUS)
        }
    }

    /// The command carries a token exactly when this domain needs one.
    pub(crate) fn demand_token(
        &self,
        signed: &SignedCommand,
        reference: Option<&ControlReference>,
    ) -> Result<Authority, StatusWord> {
        match (&signed.token, self.is_delegated()) {
            (None, false) => Ok(Authority::Owner),
            (Some(_), false) => Err(StatusWord::WRONG_DATA),
            (None, true) => Err(StatusWord::SECURITY_STATUS),
            (Some(token), true) => self.verify_token(&signed.input, token, reference),
        }
    }

    fn is_delegated(&self) -> bool {
        !self.is_isd() && self.holds(Privileges::DELEGATED_MANAGEMENT)
    }

    fn verify_token(
        &self,
        input: &[u8],
        token: &[u8],
        reference: Option<&ControlReference>,
    ) -> Result<Authority, StatusWord> {
        let refused = StatusWord::SECURITY_STATUS;
        let (verifier, key) = self
            .keeper(Privileges::TOKEN_VERIFICATION, TOKEN_KEY)
            .ok_or(refused)?;
        let verifying = VerifyingKey::of(&key).ok_or(refused)?;
        if !verifying.verify(input, token) {
            return Err(refused);
        }
        let domain = self.storage.domain(&verifier).ok_or(refused)?;
        let names = |tag: u16, given: Option<&Vec<u8>>| {
            given.is_none_or(|given| domain.data(tag) == Some(given.as_slice()))
        };
        let none = ControlReference::default();
        let reference = reference.unwrap_or(&none);
        if !names(0x42, reference.provider.as_ref())
            || !names(0x45, reference.image_number.as_ref())
        {
            return Err(StatusWord::WRONG_DATA);
        }
        let authority = Authority::Token(VerifiedToken {
            verifier,
            identifier: reference.token_identifier.clone().map(TokenIdentifier),
            weakest_hash: VerifyingKey::weakest_hash(&key).ok_or(refused)?,
        });
        self.demand_unused(&authority)?;
        Ok(authority)
    }

    /// The token can be used now: it was not before, its identifier can be kept, and the receipt has a number.
    ///
    /// # Errors
    /// 6985 when it was, or when there are no more numbers; 6A84 without room; 6982 when its verifier is gone.
    pub(super) fn demand_unused(&self, authority: &Authority) -> Result<(), StatusWord> {
        let Authority::Token(token) = authority else {
            return Ok(());
        };
        let verifier = self.storage.domain(&token.verifier);
        let verifier = verifier.ok_or(StatusWord::SECURITY_STATUS)?;
        if let Some(identifier) = &token.identifier {
            if verifier.used_tokens.contains(identifier) {
                return Err(StatusWord::CONDITIONS);
            }
            self.demand_memory(&token.verifier, token_footprint(identifier))?;
        }
        let maker = self.receipt_maker();
        let maker = maker.and_then(|(maker, _)| self.storage.domain(&maker));
        match maker {
            Some(maker) if maker.confirmation_counter > LAST_CONFIRMATION => {
                Err(StatusWord::CONDITIONS)
            }
            _ => Ok(()),
        }
    }

    /// The nearest domain above this one with a privilege, if it serves, and its key for it.
    fn keeper(&self, privilege: Privileges, place: (u8, u8)) -> Option<(Aid, StoredKey)> {
        // Not this domain itself: Delegated Management excludes both privileges.
        let line = self.storage.ancestry(self.aid).into_iter();
        let keeper = line
            .filter_map(|aid| self.storage.application(&aid))
            .find(|application| application.privileges.contains(privilege))
            .filter(|application| self.storage.serves(&application.aid))?;
        let mut keys = keeper.domain()?.keys().into_iter();
        keys.find(|key| key.place() == place)
            .map(|key| (keeper.aid, key))
    }

    fn receipt_maker(&self) -> Option<(Aid, SigningKey)> {
        let (maker, key) = self.keeper(Privileges::RECEIPT_GENERATION, RECEIPT_KEY)?;
        Some((maker, SigningKey::of(&key)?))
    }

    /// What was done by `authority` is done: its token is used up. Gives the response, with a receipt for what was
    /// delegated, as far as somebody on the card makes receipts.
    pub(crate) fn confirm(
        &mut self,
        authority: &Authority,
        subject: &ReceiptSubject,
    ) -> ManagementResponse {
        let Authority::Token(token) = authority else {
            return ManagementResponse::NONE;
        };
        self.use_up(token);
        let Some((maker, key)) = self.receipt_maker() else {
            return ManagementResponse::NONE;
        };
        let Some(domain) = self.storage.write().domain_mut(&maker) else {
            return ManagementResponse::NONE;
        };
        let mut unique_data = domain.data(0x42).unwrap_or_default().to_vec();
        unique_data.extend_from_slice(domain.data(0x45).unwrap_or_default());
        let mut confirmation = Confirmation {
            counter: domain.confirmation_counter,
            unique_data,
            token_identifier: token.identifier.clone().map(|identifier| identifier.0),
            ..Confirmation::default()
        };
        domain.confirmation_counter = domain.confirmation_counter.saturating_add(1);
        let Ok(receipt) = key.sign(&subject.receipt_input(&confirmation));
        confirmation.receipt = receipt;
        ManagementResponse {
            confirmation: Some(confirmation),
        }
    }

    /// The token cannot come again, if it has an identifier.
    pub(crate) fn use_up(&mut self, token: &VerifiedToken) {
        let Some(identifier) = &token.identifier else {
            return;
        };
        if let Some(domain) = self.storage.write().domain_mut(&token.verifier) {
            domain.used_tokens.push(identifier.clone());
        }
    }
}
