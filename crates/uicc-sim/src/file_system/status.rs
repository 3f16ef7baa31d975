//! STATUS (TS 102 221 11.1.2): not GlobalPlatform's GET STATUS, though it has the same instruction.

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::status_word::StatusWord;
use globalplatform::tlv::{Tag, Writer};

use super::read::wanted;
use super::tree::{Tree, USIM};
use super::{USIM_AID, View, control_parameters};

impl View {
    /// About the current directory: its FCP template (P2 00), the AID of the active application (01), nothing (0C). P1
    /// says what the phone does with the application, which the card does not care about.
    pub(super) fn status(
        &self,
        tree: &Tree,
        command: &CommandApdu,
    ) -> Result<ResponseApdu, StatusWord> {
        if command.p1 > 0x02 {
            return Err(StatusWord::WRONG_P1P2);
        }
        let data = match command.p2 {
            0x00 => {
                let current = self.current(tree).ok_or(StatusWord::CONDITIONS)?;
                control_parameters::template(current)
            }
            0x01 if self.directory.contains(&USIM) => {
                let mut name = Writer::new();
                name.tlv(Tag(0x84), USIM_AID.as_bytes());
                name.into_vec()
            }
            0x01 => return Err(StatusWord::REFERENCED_DATA_NOT_FOUND),
            0x0C => Vec::new(),
            _ => return Err(StatusWord::WRONG_P1P2),
        };
        match wanted(command) {
            Some(wanted) if wanted < data.len() => {
                let length = u16::try_from(data.len()).unwrap_or(0) & 0xFF;
                Err(StatusWord(0x6C00 | length))
            }
            _ => Ok(ResponseApdu::with_data(data)),
        }
    }
}
