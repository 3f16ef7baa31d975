//! A digest of a card's non-volatile contents, for those who want to know whether anything changed.

use sha2::{Digest, Sha256};

use crate::chip::{Chip, Content};
use crate::random::Generator;
use crate::state::serialise;

impl Chip {
    /// SHA-256 of what the state file would hold, with the generator at its start and every counter at zero: these
    /// move with INITIALIZE UPDATE, whatever comes of it (Amendment D 6.2.2.1).
    pub(crate) fn digest(&self) -> [u8; 32] {
        let mut still = self.clone();
        still.random = Generator::new([0; 32]);
        still.writes = 0;
        for application in &mut still.applications {
            if let Content::Domain(domain) = &mut application.content {
                for set in &mut domain.key_sets {
                    set.counter = 0;
                }
            }
        }
        match serialise(&still) {
            Ok(text) => Sha256::digest(&*text).into(),
            // A chip can always be written.
            Err(_) => [0; 32],
        }
    }
}
