//! What an inspection found, in words.

use alloc::{string::String, vec::Vec};
use core::fmt::{self, Write as _};

use super::super::{Applet, ComponentKind, Header, ImportedPackage, well_known};
use crate::error::DecodeError;

/// More findings than this are counted only.
const MAX_FINDINGS: usize = 100;

/// What is in a package, and what is wrong with it. [`Display`](fmt::Display) tells it to people.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CapReport {
    /// Format, packages and flags, if the Header could be read.
    pub header: Option<Header>,
    /// The applets.
    pub applets: Vec<Applet>,
    /// The packages that must be on the card.
    pub imports: Vec<ImportedPackage>,
    /// The components, in the order in which they were found.
    pub components: Vec<ComponentSummary>,
    /// The load file data block: what LOAD transports in C4, and what is hashed.
    pub data_block: Vec<u8>,
    /// What the package needs on a card.
    pub memory: MemoryForecast,
    /// What is wrong or worth knowing, at most 100 of them.
    pub findings: Vec<Finding>,
    /// How many more there were.
    pub suppressed: usize,
}

/// A component of the package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentSummary {
    /// Its tag.
    pub tag: u8,
    /// What it is; custom components have no kind.
    pub kind: Option<ComponentKind>,
    /// Bytes, tag and size included.
    pub size: usize,
}

/// Memory in bytes, as far as the file tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MemoryForecast {
    /// What is transported and hashed: the number for C6 in INSTALL [for load].
    pub load_file_data_block: usize,
    /// Applet, Class, Method and Export components: what a card keeps at least once it has linked
    /// the package.
    pub linked_code: usize,
    /// The image of the static fields, in non-volatile memory.
    pub static_image: usize,
    /// Arrays that static fields begin with, in non-volatile memory, without the card's headers.
    pub static_arrays: usize,
    /// Parameters, variables and operands of the method that needs most of them, in volatile memory.
    pub largest_frame: usize,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Against the specification or unusual, but cards load it.
    Warning,
    /// A card refuses the package, or must not run it.
    Error,
}

/// Something that is wrong or worth knowing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Where it is; nowhere in particular for findings about the whole file.
    pub component: Option<ComponentKind>,
    /// Byte in that component, from its tag on.
    pub offset: Option<usize>,
    /// What it is, as a lower-case fragment.
    pub message: String,
}

/// Findings while they are made.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    list: Vec<Finding>,
    suppressed: usize,
}

impl Findings {
    pub fn error(&mut self, component: ComponentKind, offset: usize, message: impl Into<String>) {
        self.add(
            Severity::Error,
            Some(component),
            Some(offset),
            message.into(),
        );
    }

    pub fn warning(&mut self, component: ComponentKind, offset: usize, message: impl Into<String>) {
        self.add(
            Severity::Warning,
            Some(component),
            Some(offset),
            message.into(),
        );
    }

    /// A component that cannot be read.
    pub fn malformed(&mut self, component: ComponentKind, error: DecodeError) {
        let severity = match component {
            // Never loaded.
            ComponentKind::Debug => Severity::Warning,
            _ => Severity::Error,
        };
        let message = match error {
            DecodeError::Truncated { needed, .. } => {
                alloc::format!("ends too early: at least {needed} more byte(s) needed")
            }
            DecodeError::TrailingBytes { .. } => "unexpected bytes from here".into(),
            DecodeError::InvalidValue { field, .. } => alloc::format!("invalid {field}"),
            DecodeError::InvalidLength { .. } => "invalid length".into(),
            DecodeError::UnexpectedTag {
                expected, found, ..
            } => alloc::format!("tag {found:02X} where {expected:02X} must be"),
            other => alloc::format!("{other}"),
        };
        self.add(severity, Some(component), Some(error.offset()), message);
    }

    pub fn add(
        &mut self,
        severity: Severity,
        component: Option<ComponentKind>,
        offset: Option<usize>,
        message: String,
    ) {
        if self.list.len() == MAX_FINDINGS {
            self.suppressed += 1;
            return;
        }
        self.list.push(Finding {
            severity,
            component,
            offset,
            message,
        });
    }

    pub fn into_parts(self) -> (Vec<Finding>, usize) {
        (self.list, self.suppressed)
    }
}

impl CapReport {
    /// Whether a card would refuse the package, or must not run it.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// How many findings are this bad.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count()
    }
}

impl Severity {
    /// Its name in lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.severity)?;
        match (self.component, self.offset) {
            (Some(component), Some(offset)) => {
                write!(f, "{}, byte {offset}: ", component.file_stem())?;
            }
            (Some(component), None) => write!(f, "{}: ", component.file_stem())?,
            (None, _) => {}
        }
        write!(f, "{}", Printable(&self.message))
    }
}

impl fmt::Display for CapReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(header) = &self.header {
            write_header(header, f)?;
        }
        writeln!(f, "applets: {}", self.applets.len())?;
        for applet in &self.applets {
            writeln!(f, "  {}", applet.aid)?;
        }
        writeln!(f, "imports: {}", self.imports.len())?;
        for import in &self.imports {
            writeln!(f, "  {}", Named(import))?;
        }
        writeln!(f, "components: {}", self.components.len())?;
        for component in &self.components {
            writeln!(f, "  {component}")?;
        }
        writeln!(f, "memory:\n{}", self.memory)?;
        writeln!(
            f,
            "findings: {} error(s), {} warning(s), {} note(s)",
            self.count(Severity::Error),
            self.count(Severity::Warning),
            self.count(Severity::Note)
        )?;
        for finding in &self.findings {
            writeln!(f, "  {finding}")?;
        }
        if self.suppressed > 0 {
            writeln!(f, "  and {} more", self.suppressed)?;
        }
        Ok(())
    }
}

fn write_header(header: &Header, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (major, minor) = header.format;
    let form = if header.is_extended() {
        "extended"
    } else {
        "compact"
    };
    writeln!(f, "format: CAP {major}.{minor}, {form}")?;
    if let Some(cap) = &header.cap {
        writeln!(f, "file: {}", Named(cap))?;
    }
    for (index, package) in header.packages.iter().enumerate() {
        write!(f, "package: {}", Named(package))?;
        match header.names.get(index) {
            Some(name) if !name.is_empty() => {
                writeln!(f, ", named {}", Printable(&name.replace('/', ".")))?;
            }
            _ => writeln!(f)?,
        }
    }
    if header.uses_int {
        writeln!(f, "needs: 32-bit integers")?;
    }
    Ok(())
}

/// Text out of the file, which must not control the terminal that shows it.
struct Printable<'a>(&'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .chars()
            .map(|c| if c.is_control() { '\u{FFFD}' } else { c })
            .try_for_each(|c| f.write_char(c))
    }
}

/// A package with its version and well-known name.
struct Named<'a>(&'a ImportedPackage);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor) = self.0.version;
        write!(f, "{} version {major}.{minor}", self.0.aid)?;
        match well_known::package_name(&self.0.aid) {
            Some(name) => write!(f, " ({name})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ComponentSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Some(kind) if ComponentKind::LOAD_ORDER.contains(&kind) => {
                write!(f, "{}: {} bytes", kind.file_stem(), self.size)
            }
            Some(kind) => write!(f, "{}: {} bytes, not loaded", kind.file_stem(), self.size),
            None => write!(
                f,
                "custom component {:02X}: {} bytes, not loaded",
                self.tag, self.size
            ),
        }
    }
}

impl fmt::Display for MemoryForecast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            load_file_data_block,
            linked_code,
            static_image,
            static_arrays,
            largest_frame,
        } = self;
        writeln!(f, "  load file data block: {load_file_data_block} bytes")?;
        writeln!(f, "  code after linking: {linked_code} bytes at least")?;
        writeln!(
            f,
            "  static fields: {static_image} bytes, and {static_arrays} bytes in arrays"
        )?;
        write!(f, "  largest stack frame: {largest_frame} bytes")
    }
}
