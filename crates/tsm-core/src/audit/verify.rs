//! Checking an exported audit log without the server: needs nothing but the file and the key.
//!
//! [`Verifier`] takes the lines of an export in their order and stops at the first one that does
//! not fit. It finds an entry that was changed, removed, inserted or moved; a chain that was
//! computed anew (the signed heads name other hashes); and a tail that was cut off (the heads name
//! entries that are not there, or the signed end is missing).

use std::cmp::Ordering;
use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::AuditEntry;
use super::heads::{Head, HeadsStatement, digest, number};
use crate::identity::Tenant;
use crate::statement::{Reader, Statement, StatementError};
use crate::time::Timestamp;

/// First line of the statement that ends an export.
const END_TITLE: &str = "TSM audit export end 1";

/// The last line of an export: that all of it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndStatement {
    /// The tenant whose server it is.
    pub server: Tenant,
    /// The tenant for which the export was made.
    pub reader: Tenant,
    /// When.
    pub at: Timestamp,
    /// Lines before this one.
    pub lines: u64,
    /// Number of the last signed heads; 0 when there are none.
    pub last_heads: u64,
    /// SHA-256 over all lines before this one, with their line feeds.
    pub sha256: [u8; 32],
}

impl EndStatement {
    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        Statement::new(END_TITLE)
            .line("server", self.server.as_str())
            .line("reader", self.reader.as_str())
            .line("at", &self.at.rfc3339())
            .line("lines", &self.lines.to_string())
            .line("last-heads", &self.last_heads.to_string())
            .line("sha256", &hex::encode(self.sha256))
            .into_text()
    }

    /// Reads the text.
    ///
    /// # Errors
    /// [`StatementError`] for anything that [`text`](Self::text) does not write.
    pub fn parse(text: &str) -> Result<Self, StatementError> {
        let mut reader = Reader::new(text, END_TITLE)?;
        let statement = Self {
            server: reader.parsed("server", |value| Tenant::new(value).ok())?,
            reader: reader.parsed("reader", |value| Tenant::new(value).ok())?,
            at: reader.parsed("at", Timestamp::from_rfc3339)?,
            lines: reader.parsed("lines", number)?,
            last_heads: reader.parsed("last-heads", number)?,
            sha256: reader.parsed("sha256", digest)?,
        };
        reader.end()?;
        Ok(statement)
    }
}

/// A head of a statement as an export shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShownHead {
    /// Of a chain that the reader may see.
    Shown(Head),
    /// Of another: only its leaf.
    Withheld([u8; 32]),
}

impl ShownHead {
    fn leaf(&self) -> [u8; 32] {
        match self {
            Self::Shown(head) => head.leaf(),
            Self::Withheld(leaf) => *leaf,
        }
    }
}

/// One line of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// The first one: what the file is. Nothing in it is believed.
    Header,
    /// An entry, and the hash that the file gives it.
    Entry(Box<AuditEntry>, [u8; 32]),
    /// An entry that the reader may not see, of a chain that it may: its place and hash.
    Withheld(Head),
    /// Signed heads: statement, signature, heads.
    Heads {
        /// The signed text.
        text: String,
        /// ES256, DER.
        signature: Vec<u8>,
        /// What its root covers.
        heads: Vec<ShownHead>,
    },
    /// The end: statement and signature.
    End {
        /// The signed text.
        text: String,
        /// ES256, DER.
        signature: Vec<u8>,
    },
}

/// What does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The line is not one of an export.
    #[error("this is not a line of an audit export: {0}")]
    NotALine(String),
    /// The first line is no header, or another one is.
    #[error("a header must be the first line, and only that")]
    Header,
    /// A line of a kind that has no place here.
    #[error("a line of this kind has no place here: it was moved or inserted")]
    Misplaced,
    /// Lines are sorted.
    #[error("{} stands behind {}: it was moved or inserted", Named(&.found.0, &.found.1), Named(&.before.0, &.before.1))]
    Order {
        /// Subject and number of this line.
        found: (String, u64),
        /// Subject and number of the line before.
        before: (String, u64),
    },
    /// Entries of the chain are missing.
    #[error("{} is missing here: it was removed or moved", Named(.subject, .sequence))]
    Missing {
        /// The chain.
        subject: String,
        /// Number of the first entry that is missing.
        sequence: u64,
    },
    /// What the entry says does not give its hash.
    #[error("{} was changed: its hash does not fit", Named(.subject, .sequence))]
    Changed {
        /// The chain.
        subject: String,
        /// Number of the entry.
        sequence: u64,
    },
    /// The entry does not name the hash of the one before.
    #[error("{} does not follow the entry before it: one of the two was changed or inserted", Named(.subject, .sequence))]
    Link {
        /// The chain.
        subject: String,
        /// Number of the entry.
        sequence: u64,
    },
    /// The statement of signed heads or of the end can't be read.
    #[error("the signed statement is malformed: {0}")]
    Statement(#[from] StatementError),
    /// The signature is not one of the key over the statement.
    #[error("the signature does not verify with the key that was given")]
    Signature,
    /// Heads do not follow the ones before.
    #[error(
        "signed heads {found} do not follow signed heads {before}: some were removed, moved or inserted"
    )]
    HeadsOrder {
        /// Number of these.
        found: u64,
        /// Number of the ones before.
        before: u64,
    },
    /// The statement covers other heads than those of its line.
    #[error("the heads of this line are not those that were signed")]
    Root,
    /// An entry was signed that is not there: the end of its chain was cut off.
    #[error("{} was signed, and is missing: its chain was cut off", Named(.subject, .sequence))]
    Truncated {
        /// The chain.
        subject: String,
        /// Number of the first entry that is missing.
        sequence: u64,
    },
    /// The chain is not the one that was signed.
    #[error("{} is not what was signed: it was changed, or one before it down to entry {after}, and the chain computed anew", Named(.subject, .sequence))]
    Rewritten {
        /// The chain.
        subject: String,
        /// Number of the entry that was signed.
        sequence: u64,
        /// The last entry before it that is what was signed; 0 for none.
        after: u64,
    },
    /// The file has fewer, more or other lines than were exported.
    #[error("the lines are not those that were exported: one was changed, removed or inserted")]
    Lines,
    /// The signed end is missing.
    #[error("the signed end is missing: the file was cut off")]
    NoEnd,
    /// The statements name different servers.
    #[error("this statement is of the server of {found}, the ones before were of {before}")]
    OtherServer {
        /// Whose this one is.
        found: Tenant,
        /// Whose the ones before were.
        before: Tenant,
    },
}

struct Named<'a>(&'a str, &'a u64);

impl core::fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "entry {} of {}", self.1, self.0)
    }
}

/// The first line that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct Fault {
    /// Counted from 1.
    pub line: u64,
    /// What is wrong.
    pub problem: Problem,
}

/// What a whole export that fits shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Entries that were checked.
    pub entries: u64,
    /// Entries of which only place and hash are known.
    pub withheld: u64,
    /// Chains.
    pub chains: u64,
    /// Statements of signed heads.
    pub heads: u64,
    /// The end.
    pub end: EndStatement,
}

/// Whether a signature (second) over a message (first) is one of the key that counts.
pub type CheckSignature<'a> = dyn Fn(&[u8], &[u8]) -> bool + 'a;

/// Checks the lines of an export.
pub struct Verifier<'a> {
    is_signed: &'a CheckSignature<'a>,
    lines: u64,
    hasher: Sha256,
    /// Hashes of every chain, from entry 1 on.
    chains: BTreeMap<String, Chain>,
    last: Option<(String, u64)>,
    counted: (u64, u64),
    heads: u64,
    last_digest: [u8; 32],
    server: Option<Tenant>,
    end: Option<EndStatement>,
}

#[derive(Default)]
struct Chain {
    hashes: Vec<[u8; 32]>,
    /// Number of the last entry that is what was signed.
    confirmed: u64,
}

impl<'a> Verifier<'a> {
    /// Nothing was read yet.
    #[must_use]
    pub fn new(is_signed: &'a CheckSignature<'a>) -> Self {
        Self {
            is_signed,
            lines: 0,
            hasher: Sha256::new(),
            chains: BTreeMap::new(),
            last: None,
            counted: (0, 0),
            heads: 0,
            last_digest: [0; 32],
            server: None,
            end: None,
        }
    }

    /// Takes the next line: as it stands in the file, with its line feed, and what it says.
    ///
    /// # Errors
    /// [`Fault`] when it does not fit; nothing more is to be read then.
    pub fn take(&mut self, raw: &[u8], line: Result<Line, String>) -> Result<(), Fault> {
        self.lines = self.lines.saturating_add(1);
        let number = self.lines;
        self.check(line).map_err(|problem| Fault {
            line: number,
            problem,
        })?;
        self.hasher.update(raw);
        Ok(())
    }

    /// There are no more lines.
    ///
    /// # Errors
    /// [`Fault`] when the end is missing.
    pub fn finish(self) -> Result<Verified, Fault> {
        let (entries, withheld) = self.counted;
        match self.end {
            Some(end) => Ok(Verified {
                entries,
                withheld,
                chains: self.chains.len() as u64,
                heads: self.heads,
                end,
            }),
            None => Err(Fault {
                line: self.lines.saturating_add(1),
                problem: Problem::NoEnd,
            }),
        }
    }

    fn check(&mut self, line: Result<Line, String>) -> Result<(), Problem> {
        if self.end.is_some() {
            return Err(Problem::Misplaced);
        }
        let line = line.map_err(Problem::NotALine)?;
        if matches!(line, Line::Header) != (self.lines == 1) {
            return Err(Problem::Header);
        }
        match line {
            Line::Header => Ok(()),
            Line::Entry(entry, hash) => self.entry(&entry, hash),
            Line::Withheld(head) => {
                let chain = self.follow(&head.subject, head.sequence)?;
                chain.hashes.push(head.hash);
                self.counted.1 = self.counted.1.saturating_add(1);
                Ok(())
            }
            Line::Heads {
                text,
                signature,
                heads,
            } => self.heads(&text, &signature, &heads),
            Line::End { text, signature } => self.end(&text, &signature),
        }
    }

    /// The chain of an entry, when the entry is the next of it.
    fn follow(&mut self, subject: &str, sequence: u64) -> Result<&mut Chain, Problem> {
        if self.heads > 0 {
            return Err(Problem::Misplaced);
        }
        let found = (subject.to_owned(), sequence);
        if let Some(before) = &self.last
            && AuditEntry::id(&before.0, before.1) >= AuditEntry::id(subject, sequence)
        {
            let before = before.clone();
            return Err(Problem::Order { found, before });
        }
        let chain = self.chains.entry(subject.to_owned()).or_default();
        let next = (chain.hashes.len() as u64).saturating_add(1);
        match sequence.cmp(&next) {
            Ordering::Equal => {}
            Ordering::Less => return Err(Problem::Misplaced),
            Ordering::Greater => {
                return Err(Problem::Missing {
                    subject: subject.to_owned(),
                    sequence: next,
                });
            }
        }
        self.last = Some(found);
        Ok(chain)
    }

    fn entry(&mut self, entry: &AuditEntry, hash: [u8; 32]) -> Result<(), Problem> {
        let (subject, sequence) = (entry.step.subject.clone(), entry.sequence);
        let chain = self.follow(&subject, sequence)?;
        if entry.hash() != hash {
            return Err(Problem::Changed { subject, sequence });
        }
        if entry.previous != chain.hashes.last().copied().unwrap_or_default() {
            return Err(Problem::Link { subject, sequence });
        }
        chain.hashes.push(hash);
        self.counted.0 = self.counted.0.saturating_add(1);
        Ok(())
    }

    fn heads(&mut self, text: &str, signature: &[u8], heads: &[ShownHead]) -> Result<(), Problem> {
        let statement = HeadsStatement::parse(text)?;
        if !(self.is_signed)(text.as_bytes(), signature) {
            return Err(Problem::Signature);
        }
        self.same_server(&statement.server)?;
        let follows = statement.number == self.heads.saturating_add(1);
        if !follows || statement.previous != self.last_digest {
            return Err(Problem::HeadsOrder {
                found: statement.number,
                before: self.heads,
            });
        }
        let root = HeadsStatement::root_of(heads.iter().map(ShownHead::leaf));
        if root != statement.root || statement.count != heads.len() as u64 {
            return Err(Problem::Root);
        }
        for head in heads {
            if let ShownHead::Shown(head) = head {
                self.confirm(head)?;
            }
        }
        self.heads = statement.number;
        self.last_digest = statement.digest();
        Ok(())
    }

    /// The chain has the entry that was signed.
    fn confirm(&mut self, head: &Head) -> Result<(), Problem> {
        let subject = head.subject.clone();
        let chain = self.chains.entry(subject.clone()).or_default();
        let index = head
            .sequence
            .checked_sub(1)
            .and_then(|i| usize::try_from(i).ok());
        match index.and_then(|index| chain.hashes.get(index)) {
            None => Err(Problem::Truncated {
                subject,
                sequence: (chain.hashes.len() as u64).saturating_add(1),
            }),
            Some(hash) if *hash != head.hash => Err(Problem::Rewritten {
                subject,
                sequence: head.sequence,
                after: chain.confirmed,
            }),
            Some(_) => {
                chain.confirmed = chain.confirmed.max(head.sequence);
                Ok(())
            }
        }
    }

    fn end(&mut self, text: &str, signature: &[u8]) -> Result<(), Problem> {
        let end = EndStatement::parse(text)?;
        if !(self.is_signed)(text.as_bytes(), signature) {
            return Err(Problem::Signature);
        }
        self.same_server(&end.server)?;
        if end.last_heads != self.heads {
            return Err(Problem::HeadsOrder {
                found: end.last_heads,
                before: self.heads,
            });
        }
        let before = self.lines.saturating_sub(1);
        let sha256: [u8; 32] = self.hasher.clone().finalize().into();
        if end.lines != before || end.sha256 != sha256 {
            return Err(Problem::Lines);
        }
        self.end = Some(end);
        Ok(())
    }

    fn same_server(&mut self, found: &Tenant) -> Result<(), Problem> {
        let before = self.server.get_or_insert_with(|| found.clone());
        if before == found {
            return Ok(());
        }
        Err(Problem::OtherServer {
            found: found.clone(),
            before: before.clone(),
        })
    }
}
