//! The PIN: VERIFY and CHANGE REFERENCE DATA (ISO/IEC 7816-4, 7.5.6 and 7.5.7), with a try counter that is written
//! down before anything is compared.

use globalplatform::status_word::StatusWord;

use super::slots::{PIN_TRIES, Pin, Slots};
use crate::applet::Platform;

/// The answer to a VERIFY without data: how many tries are left, also when verified or blocked.
pub(super) fn tries_left(slots: &Slots) -> StatusWord {
    StatusWord::with_tries_left(slots.live.as_ref().map_or(0, |live| live.tries_left))
}

/// Compares a presented PIN with the live one.
///
/// # Errors
/// 63Cx when it is wrong, 6983 when it is blocked (or there is none), or that the counter could not be written.
pub(super) fn verify(
    slots: &mut Slots,
    presented: &[u8],
    platform: &mut dyn Platform,
) -> Result<(), StatusWord> {
    let blocked = |tries: u8| tries == 0;
    if slots
        .live
        .as_ref()
        .is_none_or(|live| blocked(live.tries_left))
    {
        return Err(StatusWord::PIN_BLOCKED);
    }
    // Counted down and written first: a loss of power during the comparison must not give a try back.
    store(slots, platform, |live| {
        live.tries_left = live.tries_left.saturating_sub(1);
    })?;
    if !slots
        .live
        .as_ref()
        .is_some_and(|live| live.pin.is(presented))
    {
        return Err(tries_left(slots));
    }
    store(slots, platform, |live| live.tries_left = PIN_TRIES)
}

/// Replaces the live PIN, and gives it all its tries.
///
/// # Errors
/// 6985 without a live credential, 6A80 for anything but four digits, or that it could not be written.
pub(super) fn replace(
    slots: &mut Slots,
    digits: &[u8],
    platform: &mut dyn Platform,
) -> Result<(), StatusWord> {
    let pin = Pin::new(digits).map_err(|_| StatusWord::WRONG_DATA)?;
    if slots.live.is_none() {
        return Err(StatusWord::CONDITIONS);
    }
    store(slots, platform, |live| {
        live.pin = pin;
        live.tries_left = PIN_TRIES;
    })
}

/// Changes the live slot on the card first, then here.
fn store(
    slots: &mut Slots,
    platform: &mut dyn Platform,
    change: impl FnOnce(&mut super::slots::Live),
) -> Result<(), StatusWord> {
    let mut next = slots.clone();
    if let Some(live) = &mut next.live {
        change(live);
    }
    platform.save(&next.encode())?;
    *slots = next;
    Ok(())
}
