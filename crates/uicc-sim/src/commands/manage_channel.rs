//! MANAGE CHANNEL (G 11.7; ISO/IEC 7816-4, 11.1.2).

use globalplatform::apdu::{CommandApdu, ResponseApdu};
use globalplatform::commands::manage_channel::{ManageChannel, ManageChannelResponse};
use globalplatform::status_word::StatusWord;

use crate::operating_system::{OperatingSystem, refusal};

/// Opens or closes a logical channel.
pub(crate) fn execute(
    system: &mut OperatingSystem,
    command: &CommandApdu,
) -> Result<ResponseApdu, StatusWord> {
    if command.is_secured() {
        return Err(StatusWord::SM_NOT_SUPPORTED);
    }
    let manage = ManageChannel::from_apdu(command).map_err(refusal)?;
    if system.storage.is_closed() && !matches!(manage, ManageChannel::Close(_)) {
        return Err(StatusWord::FUNCTION_NOT_SUPPORTED);
    }
    let not_available = StatusWord::CHANNEL_NOT_SUPPORTED;
    match manage {
        ManageChannel::Open => {
            let channel = system.free_channel().ok_or(not_available)?;
            system.open_channel(channel, command.logical_channel())?;
            let response = ManageChannelResponse { channel };
            Ok(ResponseApdu::with_data(response.encode()))
        }
        ManageChannel::OpenNumbered(channel)
            if system.channels.contains_key(&channel)
                || channel >= system.storage.behaviour.logical_channels =>
        {
            Err(not_available)
        }
        ManageChannel::OpenNumbered(channel) => {
            system.open_channel(channel, command.logical_channel())?;
            Ok(ResponseApdu::ok())
        }
        ManageChannel::Close(channel) => {
            // 0 stands for the channel of the command.
            let channel = if channel == 0 {
                command.logical_channel()
            } else {
                channel
            };
            if channel == 0 {
                return Err(StatusWord::FUNCTION_NOT_SUPPORTED);
            }
            if !system.close_channel(channel) {
                return Err(StatusWord::WARN_CHANNEL_CLOSED);
            }
            Ok(ResponseApdu::ok())
        }
    }
}
