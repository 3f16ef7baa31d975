//! Which files there are (TS 102 221 clause 13, 3GPP TS 31.102 clause 4).

use super::access_rules::{self, Rule};
use super::contents;
use super::usim::Subscriber;
use crate::chip::Chip;

/// Identifier of the master file.
pub(super) const MASTER_FILE: u16 = 0x3F00;
/// Identifier by which the active application is known.
pub(super) const USIM: u16 = 0x7FFF;
/// Room for short messages.
const SHORT_MESSAGES: usize = 10;

/// A file or directory.
#[derive(Debug)]
pub(super) struct Node {
    /// Identifiers from the master file on, its own last.
    pub(super) path: Vec<u16>,
    /// Short file identifier, 01 to 1E.
    pub(super) short_id: Option<u8>,
    pub(super) rule: Rule,
    pub(super) body: Body,
}

/// What a node is.
#[derive(Debug)]
pub(super) enum Body {
    Directory,
    Transparent(Vec<u8>),
    /// Records of equal length, numbered from 1.
    Records(Vec<Vec<u8>>),
}

/// All files of a card.
#[derive(Debug)]
pub(super) struct Tree(Vec<Node>);

impl Node {
    pub(super) const fn is_directory(&self) -> bool {
        matches!(self.body, Body::Directory)
    }

    /// The file's own identifier.
    pub(super) fn id(&self) -> u16 {
        self.path.last().copied().unwrap_or_default()
    }

    /// Where the file is.
    pub(super) fn parent(&self) -> &[u16] {
        self.path.split_last().map_or(&[], |(_, parent)| parent)
    }
}

impl Tree {
    /// The files of this card.
    pub(super) fn of(chip: &Chip) -> Self {
        let subscriber = Subscriber::of(&chip.usim, &chip.iccid);
        let mut tree = Self(Vec::with_capacity(48));
        tree.directory(&[]);
        tree.master_file(&chip.iccid);
        tree.directory(&[0x7F10]);
        tree.telecom(&subscriber);
        tree.directory(&[USIM]);
        tree.usim(&subscriber);
        tree.usim_state(&subscriber);
        tree
    }

    /// The node with this path.
    pub(super) fn node(&self, path: &[u16]) -> Option<&Node> {
        self.0.iter().find(|node| node.path == path)
    }

    /// The elementary file in a directory that has this short identifier.
    pub(super) fn short(&self, directory: &[u16], id: u8) -> Option<&Node> {
        let mut nodes = self.0.iter();
        nodes.find(|node| node.short_id == Some(id) && node.parent() == directory)
    }

    fn push(&mut self, place: &[u16], short_id: Option<u8>, rule: Rule, body: Body) {
        let mut path = vec![MASTER_FILE];
        path.extend_from_slice(place);
        self.0.push(Node {
            path,
            short_id,
            rule,
            body,
        });
    }

    fn directory(&mut self, place: &[u16]) {
        self.push(place, None, Rule::Always, Body::Directory);
    }

    fn master_file(&mut self, iccid: &str) {
        use Body::{Records, Transparent};
        use Rule::Always;
        let languages = contents::languages();
        self.push(
            &[0x2F00],
            Some(0x1E),
            Always,
            Records(vec![contents::application()]),
        );
        self.push(&[0x2F05], Some(0x05), Always, Transparent(languages));
        self.push(
            &[0x2F06],
            Some(0x06),
            Always,
            Records(access_rules::records()),
        );
        self.push(
            &[0x2F08],
            Some(0x08),
            Always,
            Transparent(contents::POWER.to_vec()),
        );
        self.push(
            &[0x2FE2],
            Some(0x02),
            Always,
            Transparent(contents::number(iccid, 10)),
        );
    }

    /// DF.TELECOM: what phones of the second generation look for there.
    fn telecom(&mut self, subscriber: &Subscriber) {
        use Body::Records;
        let directory = 0x7F10;
        let records = [
            (0x6F3C, contents::empty_messages(SHORT_MESSAGES)),
            (0x6F40, vec![contents::msisdn(subscriber)]),
            (0x6F42, vec![contents::message_parameters(subscriber)]),
        ];
        for (id, records) in records {
            self.push(&[directory, id], None, Rule::Pin, Records(records));
        }
    }

    /// What says who the subscriber is and what the USIM can do.
    fn usim(&mut self, subscriber: &Subscriber) {
        use Body::{Records, Transparent};
        use Rule::{Always, Pin};
        let languages = contents::languages();
        let plmn = contents::network(subscriber);
        let transparent = [
            (0x6F05, Some(0x02), Always, languages),
            (0x6F07, Some(0x07), Pin, contents::imsi(subscriber)),
            (0x6F38, Some(0x04), Pin, contents::services().to_vec()),
            (0x6F46, None, Always, contents::name(subscriber)),
            (0x6F56, Some(0x05), Pin, vec![0x00]),
            (0x6F78, Some(0x06), Pin, contents::access_class(subscriber)),
            (0x6FAD, Some(0x03), Always, contents::admin_data(subscriber)),
            (0x6FCD, Some(0x1B), Pin, contents::display_networks(plmn)),
        ];
        for (id, short_id, rule, bytes) in transparent {
            self.push(&[USIM, id], short_id, rule, Transparent(bytes));
        }
        let records = [
            (0x6F06, Some(0x17), Always, access_rules::records()),
            (0x6F3C, None, Pin, contents::empty_messages(SHORT_MESSAGES)),
            (0x6F40, None, Pin, vec![contents::msisdn(subscriber)]),
            (
                0x6F42,
                None,
                Pin,
                vec![contents::message_parameters(subscriber)],
            ),
            (0x6FB7, Some(0x01), Always, contents::emergency_numbers()),
        ];
        for (id, short_id, rule, records) in records {
            self.push(&[USIM, id], short_id, rule, Records(records));
        }
    }

    /// What a phone would write there while it is used: as on a card that never was.
    fn usim_state(&mut self, subscriber: &Subscriber) {
        use Body::{Records, Transparent};
        let no_keys = [&[0x07][..], &[0xFF; 32]].concat();
        let plmn = contents::network(subscriber);
        let nowhere = [&plmn[..], &[0xFF, 0xFE]].concat();
        let location = [&[0xFF; 4][..], &nowhere, &[0xFF, 0x01]].concat();
        let packet_location = [&[0xFF; 7][..], &nowhere, &[0xFF, 0x01]].concat();
        let eps_location = [&[0xFF; 12][..], &nowhere, &[0x01]].concat();
        for (id, short_id, bytes) in [
            (0x6F08, Some(0x08), no_keys.clone()),
            (0x6F09, Some(0x09), no_keys),
            (0x6F31, Some(0x12), vec![0x05]),
            (0x6F43, None, vec![0xFF; 2]),
            (0x6F5B, Some(0x0F), vec![0xF0, 0, 0, 0xF0, 0, 0]),
            (0x6F5C, Some(0x10), vec![0xFF; 3]),
            (0x6F73, Some(0x0C), packet_location),
            (0x6F7B, Some(0x0D), vec![0xFF; 12]),
            (0x6F7E, Some(0x0B), location),
            (0x6FE3, Some(0x1E), eps_location),
        ] {
            self.push(&[USIM, id], short_id, Rule::Pin, Transparent(bytes));
        }
        let no_context = Records(vec![vec![0xFF; 54]]);
        self.push(&[USIM, 0x6FE4], Some(0x18), Rule::Pin, no_context);
    }
}
