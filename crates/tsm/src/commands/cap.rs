//! `tsm cap …`: CAP files before they go to a card.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use aws_lc_rs::digest;
use globalplatform::aid::Aid;
use globalplatform::cap::inspect_cap;
use globalplatform::load_file::{
    CapReport, ComponentKind, Finding, Header, ImportedPackage, LoadFileStructure, Severity,
    inspect_data_block, package_name,
};
use serde::Serialize;

use crate::output::Output;

/// Larger files are refused: 16 MiB.
const MAX_FILE: u64 = 16 << 20;

/// `tsm cap inspect FILE`.
///
/// # Errors
/// When the file cannot be read, is no package, or has errors.
pub fn inspect(path: &Path, output: Output) -> anyhow::Result<()> {
    let bytes = read(path)?;
    let report = report_on(&bytes).with_context(|| format!("{} is no CAP file", named(path)))?;
    let view = ReportView::new(&report);
    output.print(&view, |view| view.text(&report))?;
    match report.count(Severity::Error) {
        0 => Ok(()),
        1 => bail!("{} has an error", named(path)),
        errors => bail!("{} has {errors} errors", named(path)),
    }
}

/// What messages call the file.
fn named(path: &Path) -> std::path::Display<'_> {
    let standard_input = Path::new("standard input");
    match path == Path::new("-") {
        true => standard_input.display(),
        false => path.display(),
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().take(MAX_FILE + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes))
    };
    let length = read.with_context(|| format!("cannot read {}", named(path)))?;
    if length as u64 > MAX_FILE {
        bail!("{} has more than {MAX_FILE} bytes", named(path));
    }
    Ok(bytes)
}

/// Tells the forms of a package apart: archive, components, components in C4; all of them may be
/// written in hex.
fn report_on(bytes: &[u8]) -> anyhow::Result<CapReport> {
    if let Some(bytes) = from_hex(bytes)? {
        return report_on(&bytes);
    }
    match bytes.first() {
        None => bail!("it is empty"),
        Some(0x01) => Ok(inspect_data_block(bytes)?),
        Some(0xC4 | 0xE2) => {
            let structure = LoadFileStructure::decode(bytes)?;
            Ok(inspect_data_block(&structure.data_block)?)
        }
        _ => Ok(inspect_cap(bytes)?),
    }
}

/// The bytes of a file that is hex and nothing else.
fn from_hex(text: &[u8]) -> anyhow::Result<Option<Vec<u8>>> {
    let digits = text.iter().copied().filter(|c| !c.is_ascii_whitespace());
    let digits: Vec<u8> = digits.collect();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Ok(None);
    }
    let bytes = hex::decode(&digits);
    Ok(Some(bytes.context("it is hex, but a digit is missing")?))
}

#[derive(Debug, Serialize)]
struct ReportView {
    format: Option<String>,
    extended: bool,
    package: Option<PackageView>,
    /// All packages of the file; in the compact format the one above.
    packages: Vec<PackageView>,
    applets: Vec<String>,
    imports: Vec<PackageView>,
    components: Vec<ComponentView>,
    memory: MemoryView,
    load_file_data_block_hash: HashView,
    errors: usize,
    warnings: usize,
    notes: usize,
    findings: Vec<FindingView>,
    suppressed_findings: usize,
}

#[derive(Debug, Serialize)]
struct PackageView {
    aid: String,
    version: String,
    name: Option<String>,
}

#[derive(Debug, Serialize)]
struct ComponentView {
    tag: u8,
    name: Option<&'static str>,
    bytes: usize,
    loaded: bool,
}

#[derive(Debug, Serialize)]
struct MemoryView {
    load_file_data_block_bytes: usize,
    linked_code_bytes: usize,
    static_image_bytes: usize,
    static_array_bytes: usize,
    largest_frame_bytes: usize,
}

#[derive(Debug, Serialize)]
struct HashView {
    sha1: String,
    sha256: String,
    sha384: String,
    sha512: String,
}

#[derive(Debug, Serialize)]
struct FindingView {
    severity: &'static str,
    component: Option<&'static str>,
    offset: Option<usize>,
    message: String,
}

impl ReportView {
    fn new(report: &CapReport) -> Self {
        let header = report.header.as_ref();
        let memory = &report.memory;
        Self {
            format: header.map(|header| version(header.format)),
            extended: header.is_some_and(Header::is_extended),
            package: header.and_then(|header| {
                let own = header.names.first().filter(|_| !header.is_extended());
                Some(PackageView::new(
                    &header.identity()?,
                    own.map(String::as_str),
                ))
            }),
            packages: header.map(packages).unwrap_or_default(),
            applets: report.applets.iter().map(|a| a.aid.to_string()).collect(),
            imports: report
                .imports
                .iter()
                .map(|import| PackageView::new(import, None))
                .collect(),
            components: report
                .components
                .iter()
                .map(|component| ComponentView {
                    tag: component.tag,
                    name: component.kind.map(ComponentKind::file_stem),
                    bytes: component.size,
                    loaded: component
                        .kind
                        .is_some_and(|kind| ComponentKind::LOAD_ORDER.contains(&kind)),
                })
                .collect(),
            memory: MemoryView {
                load_file_data_block_bytes: memory.load_file_data_block,
                linked_code_bytes: memory.linked_code,
                static_image_bytes: memory.static_image,
                static_array_bytes: memory.static_arrays,
                largest_frame_bytes: memory.largest_frame,
            },
            load_file_data_block_hash: HashView::new(&report.data_block),
            errors: report.count(Severity::Error),
            warnings: report.count(Severity::Warning),
            notes: report.count(Severity::Note),
            findings: report.findings.iter().map(FindingView::new).collect(),
            suppressed_findings: report.suppressed,
        }
    }

    fn text(&self, report: &CapReport) -> String {
        let hash = &self.load_file_data_block_hash;
        format!(
            "{report}load file data block hash:\n  SHA-1   {}\n  SHA-256 {}\n  SHA-384 {}\n  \
             SHA-512 {}\n",
            hash.sha1, hash.sha256, hash.sha384, hash.sha512
        )
    }
}

fn packages(header: &Header) -> Vec<PackageView> {
    header
        .packages
        .iter()
        .enumerate()
        .map(|(index, package)| {
            PackageView::new(package, header.names.get(index).map(String::as_str))
        })
        .collect()
}

fn version((major, minor): (u8, u8)) -> String {
    format!("{major}.{minor}")
}

impl PackageView {
    /// The name that the file tells, else the one that is well known.
    fn new(package: &ImportedPackage, name: Option<&str>) -> Self {
        let well_known = |aid: &Aid| package_name(aid).map(str::to_owned);
        Self {
            aid: package.aid.to_string(),
            version: version(package.version),
            name: name
                .filter(|name| !name.is_empty())
                .map(|name| name.replace('/', "."))
                .or_else(|| well_known(&package.aid)),
        }
    }
}

impl HashView {
    fn new(data: &[u8]) -> Self {
        let hash = |algorithm| hex::encode_upper(digest::digest(algorithm, data));
        Self {
            sha1: hash(&digest::SHA1_FOR_LEGACY_USE_ONLY),
            sha256: hash(&digest::SHA256),
            sha384: hash(&digest::SHA384),
            sha512: hash(&digest::SHA512),
        }
    }
}

impl FindingView {
    fn new(finding: &Finding) -> Self {
        Self {
            severity: finding.severity.as_str(),
            component: finding.component.map(ComponentKind::file_stem),
            offset: finding.offset,
            message: finding.message.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_as_the_standard_says() {
        let hash = HashView::new(b"abc");
        assert_eq!(hash.sha1, "A9993E364706816ABA3E25717850C26C9CD0D89D");
        assert!(hash.sha256.starts_with("BA7816BF8F01CFEA"));
        assert!(hash.sha384.starts_with("CB00753F45A35E8B"));
        assert!(hash.sha512.starts_with("DDAF35A193617ABA"));
    }

    #[test]
    fn names_packages_by_the_file_or_by_what_is_well_known() {
        let framework = ImportedPackage {
            aid: "A0000000620101".parse().unwrap(),
            version: (1, 6),
        };
        let name = |own| PackageView::new(&framework, own).name.unwrap();
        assert_eq!(name(None), "javacard.framework");
        assert_eq!(name(Some("")), "javacard.framework");
        assert_eq!(name(Some("jp/go")), "jp.go");
        assert_eq!(PackageView::new(&framework, None).version, "1.6");
    }

    #[test]
    fn tells_the_forms_of_a_package_apart() {
        assert!(report_on(b" ").is_err());
        assert_eq!(
            report_on(b"C48").unwrap_err().to_string(),
            "it is hex, but a digit is missing"
        );
        assert!(report_on(b"neither").is_err());
        assert!(report_on(&[0x01, 0, 1]).is_err());
        assert!(report_on(&[0xC4, 1]).is_err());
        let header = hex::decode("01000FDECAFFED010204000105A000000151").unwrap();
        let bare = report_on(&header).unwrap();
        assert_eq!(
            bare.header.as_ref().map(|header| header.format),
            Some((2, 1))
        );
        let text = format!("{}\r\n", hex::encode_upper(&header)).replace("DECA", "DE CA\n");
        assert_eq!(report_on(text.as_bytes()).unwrap(), bare);
        let loaded = LoadFileStructure::new(header).encode();
        assert_eq!(report_on(&loaded).unwrap(), bare);
        assert_eq!(report_on(b"").unwrap_err().to_string(), "it is empty");
    }
}
