//! What is said about an exchange: a tree of names and values.

/// How a line of the explanation is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Checked, and right.
    Right,
    /// Checked, and wrong; or it could not be decoded.
    Wrong,
    /// A remark.
    Note,
}

/// A name, a value, and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Node {
    /// What it is.
    pub name: String,
    /// Its value in words; empty when the children say it all.
    pub value: String,
    /// How it is meant; nothing for plain information.
    pub verdict: Option<Verdict>,
    /// Its parts.
    pub children: Vec<Node>,
}

impl Node {
    /// A name and a value.
    #[must_use]
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            verdict: None,
            children: Vec::new(),
        }
    }

    /// A name with parts.
    #[must_use]
    pub fn group(name: impl Into<String>, children: Vec<Self>) -> Self {
        Self::new(name, "").with(children)
    }

    /// Something that was checked and is right.
    #[must_use]
    pub fn right(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self::new(name, value).judged(Verdict::Right)
    }

    /// Something that was checked and is wrong, or cannot be decoded.
    #[must_use]
    pub fn wrong(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self::new(name, value).judged(Verdict::Wrong)
    }

    /// A remark.
    #[must_use]
    pub fn note(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self::new(name, value).judged(Verdict::Note)
    }

    /// Bytes in hex, and as text where they are one.
    #[must_use]
    pub fn bytes(name: impl Into<String>, bytes: &[u8]) -> Self {
        Self::new(name, hex_and_text(bytes))
    }

    /// The same with these parts.
    #[must_use]
    pub fn with(mut self, children: Vec<Self>) -> Self {
        self.children = children;
        self
    }

    fn judged(mut self, verdict: Verdict) -> Self {
        self.verdict = Some(verdict);
        self
    }

    /// Whether this line or one below it is marked wrong.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        self.verdict == Some(Verdict::Wrong) || self.children.iter().any(Self::is_wrong)
    }
}

/// Upper-case hex without separators.
pub(crate) fn hex(bytes: &[u8]) -> String {
    hex::encode_upper(bytes)
}

/// Hex, followed by the text when every one of at least four bytes is printable ASCII.
pub(crate) fn hex_and_text(bytes: &[u8]) -> String {
    match text(bytes) {
        Some(text) => format!("{} \"{text}\"", hex(bytes)),
        None if bytes.is_empty() => "empty".to_owned(),
        None => hex(bytes),
    }
}

/// The bytes as text, when there are at least four and all are printable ASCII.
pub(crate) fn text(bytes: &[u8]) -> Option<&str> {
    let printable = |byte: &u8| (0x20..0x7F).contains(byte) && *byte != b'"';
    (bytes.len() >= 4 && bytes.iter().all(printable))
        .then(|| core::str::from_utf8(bytes).ok())
        .flatten()
}

/// "1 byte", "2 bytes".
pub(crate) fn count(bytes: usize) -> String {
    match bytes {
        1 => "1 byte".to_owned(),
        n => format!("{n} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_shown_only_when_all_of_it_can_be() {
        assert_eq!(hex_and_text(b"JPKI"), "4A504B49 \"JPKI\"");
        assert_eq!(hex_and_text(b"JPK"), "4A504B");
        assert_eq!(hex_and_text(b"JPKI\x1b"), "4A504B491B");
        assert_eq!(hex_and_text(b"JPK\x7f"), "4A504B7F");
        assert_eq!(hex_and_text(b"JP\"I"), "4A502249");
        assert_eq!(hex_and_text(b""), "empty");
    }

    #[test]
    fn a_wrong_leaf_makes_its_ancestors_wrong() {
        let leaf = Node::wrong("MAC", "wrong");
        assert!(Node::group("a", vec![Node::group("b", vec![leaf])]).is_wrong());
        assert!(!Node::group("a", vec![Node::right("MAC", "right")]).is_wrong());
    }

    #[test]
    fn counts_have_a_singular() {
        assert_eq!(count(1), "1 byte");
        assert_eq!(count(0), "0 bytes");
    }
}
