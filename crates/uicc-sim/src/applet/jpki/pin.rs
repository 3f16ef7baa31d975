//! The PINs: VERIFY and CHANGE REFERENCE DATA (ISO/IEC 7816-4, 7.5.6 and 7.5.7), with a try counter that is written
//! down before anything is compared.

use globalplatform::status_word::StatusWord;

use super::contents::Contents;
use super::purpose::{Pin, Purpose};
use super::slots::Live;
use crate::applet::Platform;

/// The answer to a VERIFY without data: how many tries are left, also when verified or blocked.
pub(super) fn tries_left(contents: &Contents, purpose: Purpose) -> StatusWord {
    StatusWord::with_tries_left(contents.of(purpose).tries_left())
}

/// Compares a presented PIN with the live one.
///
/// # Errors
/// 63Cx when it is wrong, 6983 when it is blocked (or there is none), or that the counter could not be written.
pub(super) fn verify(
    contents: &mut Contents,
    purpose: Purpose,
    presented: &[u8],
    platform: &mut dyn Platform,
) -> Result<(), StatusWord> {
    if contents.of(purpose).tries_left() == 0 {
        return Err(StatusWord::PIN_BLOCKED);
    }
    // Counted down and written first: a loss of power during the comparison must not give a try back.
    store(contents, purpose, platform, |live| {
        live.tries_left = live.tries_left.saturating_sub(1);
    })?;
    let live = contents.of(purpose).live.as_ref();
    if !live.is_some_and(|live| live.pin.is(presented)) {
        return Err(tries_left(contents, purpose));
    }
    store(contents, purpose, platform, |live| {
        live.tries_left = purpose.pin_tries();
    })
}

/// Replaces the live PIN, and gives it all its tries.
///
/// # Errors
/// 6985 without a live credential, 6A80 for what is no PIN of this purpose, or that it could not be written.
pub(super) fn replace(
    contents: &mut Contents,
    purpose: Purpose,
    characters: &[u8],
    platform: &mut dyn Platform,
) -> Result<(), StatusWord> {
    let pin = Pin::new(purpose, characters)?;
    if contents.of(purpose).live.is_none() {
        return Err(StatusWord::CONDITIONS);
    }
    store(contents, purpose, platform, |live| {
        live.pin = pin;
        live.tries_left = purpose.pin_tries();
    })
}

/// Changes the live slot on the card first, then here.
fn store(
    contents: &mut Contents,
    purpose: Purpose,
    platform: &mut dyn Platform,
    change: impl FnOnce(&mut Live),
) -> Result<(), StatusWord> {
    let mut next = contents.clone();
    if let Some(live) = &mut next.of_mut(purpose).live {
        change(live);
    }
    platform.save(&next.encode())?;
    *contents = next;
    Ok(())
}
