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

/// Selects an application on a channel. When this fails, everything stays as it was.
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
    let aid = find(&system.storage, &select, current)?;
    let is_domain = system.storage.domain(&aid).is_some();
    let extra = if is_domain {
        Vec::new()
    } else {
        select_applet(system, number, &aid)?
    };
    let extra = match system.storage.application(&aid) {
        Some(application) if application.is_crs() => {
            super::contactless::version(&system.storage).encode()
        }
        _ => extra,
    };
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

/// The application that the command means.
fn find(chip: &Chip, select: &Select, current: Option<Aid>) -> Result<Aid, StatusWord> {
    let not_found = StatusWord::NOT_FOUND;
    let name = match &select.aid {
        None => chip.isd().ok_or(not_found)?.aid.as_bytes().to_vec(),
        Some(name) => name.clone(),
    };
    let after = if select.next {
        let current = chip
            .applications
            .iter()
            .position(|a| Some(a.aid) == current);
        current.map_or(0, |index| index + 1)
    } else {
        0
    };
    let has_name = |a: &Application| {
        let is_alias = |alias: &Aid| name.len() >= Aid::MIN_LENGTH && alias.starts_with(&name);
        a.aid.starts_with(&name) || (chip.is_isd(&a.aid) && chip.aliases.iter().any(is_alias))
    };
    let found = chip
        .applications
        .iter()
        .skip(after)
        .find(|a| has_name(a) && chip.may_be_selected(a));
    match found {
        Some(application) => Ok(application.aid),
        None if chip.life_cycle == CardLifeCycle::CardLocked.byte() => {
            Err(StatusWord::FUNCTION_NOT_SUPPORTED)
        }
        None => Err(not_found),
    }
}

/// Asks the applet. An instance runs on one channel at a time.
fn select_applet(
    system: &mut OperatingSystem,
    number: u8,
    aid: &Aid,
) -> Result<Vec<u8>, StatusWord> {
    if system.elsewhere(number).selected.contains(aid) {
        return Err(StatusWord::CONDITIONS);
    }
    let instance = system.instances.running(&system.storage, aid);
    instance.ok_or(StatusWord::NO_DIAGNOSIS)?.select()
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
