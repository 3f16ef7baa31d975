//! SELECT by name (G 11.9).

use globalplatform::aid::Aid;
use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::select::{Select, SelectResponse};
use globalplatform::life_cycle::CardLifeCycle;
use globalplatform::status_word::StatusWord;
use globalplatform::tlv::{Reader, Tag, Writer};

use crate::channel::Channel;
use crate::chip::{Application, Chip};
use crate::commands::get_data::recognition_data;
use crate::operating_system::{OperatingSystem, refusal};

/// Longest data field of a short command, said in the control information.
const MAX_COMMAND_DATA: u16 = 255;

/// Selects an application on a channel. When this fails, everything stays as it was; only what was selected and is
/// LOCKED by now, and had this name, gives way to what is implicitly selectable (G 6.4.2.1.2).
pub(crate) fn execute(
    system: &mut OperatingSystem,
    number: u8,
    command: &CommandApdu,
) -> Result<ResponseApdu, StatusWord> {
    if command.is_secured() {
        return Err(StatusWord::SM_NOT_SUPPORTED);
    }
    let select = Select::from_apdu(command).map_err(refusal)?;
    let current = system.channels.get(&number).map(|channel| channel.selected);
    let found = first_that_agrees(system, number, &select, current);
    let current = current.and_then(|aid| system.storage.application(&aid));
    if found.is_err()
        && current.is_some_and(|a| a.is_locked() && has_name(&system.storage, &select, a))
    {
        system.begin_anew(number);
    }
    let (aid, extra) = found?;
    let is_domain = system.storage.domain(&aid).is_some();
    // The applet took the place of what was selected before, which may be itself.
    if let Some(mut before) = system.channels.insert(number, Channel::new(aid)) {
        if before.selected == aid {
            system.instances.end_personalisation(&mut before);
        } else {
            system.instances.leave(&mut before);
        }
    }
    let is_locked = system.storage.life_cycle == CardLifeCycle::CardLocked.byte();
    let sw = if is_locked {
        StatusWord::CARD_LOCKED
    } else {
        StatusWord::OK
    };
    let data = match (select.want_fci, is_domain) {
        (false, _) => Vec::new(),
        (true, true) => domain_information(&system.storage, aid),
        (true, false) => applet_information(aid, &extra),
    };
    Ok(ResponseApdu { data, sw })
}

/// The first application with this name that can be selected and does not refuse (G 6.4.2.1.2), and what it answers.
///
/// # Errors
/// What the first one that refuses says; 6A82 when there is none, on a locked card 6A81.
fn first_that_agrees(
    system: &mut OperatingSystem,
    number: u8,
    select: &Select,
    current: Option<Aid>,
) -> Result<(Aid, Vec<u8>), StatusWord> {
    let mut refusal = None;
    for aid in candidates(&system.storage, select, current) {
        match agreement(system, number, &aid) {
            Ok(extra) => return Ok((aid, extra)),
            Err(sw) => refusal = refusal.or(Some(sw)),
        }
    }
    Err(match refusal {
        Some(sw) => sw,
        None if system.storage.is_closed() => StatusWord::FUNCTION_NOT_SUPPORTED,
        None => StatusWord::NOT_FOUND,
    })
}

/// The applications that the command may mean, in the order of the registry.
fn candidates(chip: &Chip, select: &Select, current: Option<Aid>) -> Vec<Aid> {
    let mut all = chip.applications.iter();
    // Without a name the next one is the issuer security domain as well.
    let goes_on = select.next && select.aid.is_some();
    let current = all.position(|a| goes_on && Some(a.aid) == current);
    let after = current.map_or(0, |index| index + 1);
    let later = chip.applications.iter().skip(after);
    later
        .filter(|a| has_name(chip, select, a))
        .filter(|a| chip.may_be_selected(a))
        .map(|a| a.aid)
        .collect()
}

/// Whether the name in the command is this application's or its beginning; without a name it is the issuer security
/// domain.
fn has_name(chip: &Chip, select: &Select, application: &Application) -> bool {
    let is_isd = chip.is_isd(&application.aid);
    let Some(name) = &select.aid else {
        return is_isd;
    };
    let is_alias = |alias: &Aid| name.len() >= Aid::MIN_LENGTH && alias.starts_with(name);
    application.aid.starts_with(name) || (is_isd && chip.aliases.iter().any(is_alias))
}

/// Asks the application; gives what it adds to the answer.
fn agreement(system: &mut OperatingSystem, number: u8, aid: &Aid) -> Result<Vec<u8>, StatusWord> {
    let Some(application) = system.storage.application(aid) else {
        return Err(StatusWord::NOT_FOUND);
    };
    if application.domain().is_some() {
        return Ok(Vec::new());
    }
    let is_crs = application.is_crs();
    let extra = system.select_applet(number, aid)?;
    Ok(match is_crs {
        true => super::contactless::version(&system.storage).encode(),
        false => extra,
    })
}

/// File control information of a security domain, with its recognition data (73).
fn domain_information(chip: &Chip, aid: Aid) -> Vec<u8> {
    let mut information = SelectResponse::new(aid);
    information.max_command_data = Some(MAX_COMMAND_DATA);
    information.management_data = chip.domain(&aid).and_then(|domain| {
        let recognition = recognition_data(domain).encode();
        let card_data = Reader::new(&recognition).tlv().ok()?;
        let data = card_data.reader().tlv().ok()?;
        Some(data.value.to_vec())
    });
    information.encode()
}

/// File control information of an applet: its AID and what it adds.
fn applet_information(aid: Aid, extra: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.nested(Tag(0x6F), |fci| {
        fci.tlv(Tag(0x84), aid.as_bytes());
        fci.bytes(extra);
    });
    writer.into_vec()
}
