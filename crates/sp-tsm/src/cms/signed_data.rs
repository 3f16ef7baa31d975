//! The parts of a SignedData (RFC 5652, section 5). What is hashed or signed
//! stays the bytes that came in; nothing is encoded anew for a check.

use cms::content_info::CmsVersion;
use cms::signed_data::SignerIdentifier;
use const_oid::ObjectIdentifier;
use der::asn1::AnyRef;
use der::{Decode, Reader, SliceReader, Tag, TagNumber, Tagged};
use spki::AlgorithmIdentifierRef;

use super::refusal::Refusal;

const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
/// The only content type that an application may have.
pub const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");

/// Certificates that one message may bring along.
const MAX_CERTIFICATES: usize = 16;

/// A SignedData with attached content and exactly one signer.
pub struct SignedData<'a> {
    /// The attached content.
    pub content: &'a [u8],
    /// DER of the certificates, as they came.
    pub certificates: Vec<&'a [u8]>,
    /// The one signer.
    pub signer: SignerInfo<'a>,
}

/// The one signer of a message (RFC 5652, section 5.3).
pub struct SignerInfo<'a> {
    /// Which certificate signed.
    pub id: SignerIdentifier,
    /// Hash over content and attributes.
    pub digest: AlgorithmIdentifierRef<'a>,
    /// Content octets of the signed attributes, without tag and length.
    pub signed_attributes: Option<&'a [u8]>,
    /// How the signature was made.
    pub algorithm: AlgorithmIdentifierRef<'a>,
    /// The signature.
    pub signature: &'a [u8],
}

impl<'a> SignedData<'a> {
    /// Reads a `ContentInfo` that holds SignedData.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] for anything else, for detached content, and for
    /// more or less than one signer.
    pub fn parse(der: &'a [u8]) -> Result<Self, Refusal> {
        let mut info = sequence(whole(der)?)?;
        if info.decode::<ObjectIdentifier>().map_err(broken)? != SIGNED_DATA {
            return Err(Refusal::Malformed("it is another kind of CMS message"));
        }
        let mut inner = reader(
            optional(&mut info, 0)?
                .ok_or(Refusal::Malformed("no content"))?
                .value(),
        )?;
        info.finish().map_err(broken)?;
        let mut message = sequence(inner.decode().map_err(broken)?)?;
        inner.finish().map_err(broken)?;

        let version: CmsVersion = message.decode().map_err(broken)?;
        let digests = expect(&mut message, Tag::Set)?;
        let content = attached_content(expect(&mut message, Tag::Sequence)?)?;
        let certificates = certificates(optional(&mut message, 0)?)?;
        // Revocation lists that the signer brings along are not asked.
        optional(&mut message, 1)?;
        let signer = one_signer(expect(&mut message, Tag::Set)?)?;
        message.finish().map_err(broken)?;
        // With content of type data, both versions are the same (section 5.1).
        if version != version_for(&signer.id) {
            return Err(Refusal::Malformed("unknown version of SignedData"));
        }
        announced(digests, &signer.digest)?;
        Ok(Self {
            content,
            certificates,
            signer,
        })
    }
}

fn broken(_: der::Error) -> Refusal {
    Refusal::Malformed("broken encoding")
}

fn reader(bytes: &[u8]) -> Result<SliceReader<'_>, Refusal> {
    SliceReader::new(bytes).map_err(broken)
}

fn whole(der: &[u8]) -> Result<AnyRef<'_>, Refusal> {
    AnyRef::from_der(der).map_err(broken)
}

fn sequence(element: AnyRef<'_>) -> Result<SliceReader<'_>, Refusal> {
    if element.tag() != Tag::Sequence {
        return Err(Refusal::Malformed("broken encoding"));
    }
    reader(element.value())
}

fn expect<'a>(reader: &mut SliceReader<'a>, tag: Tag) -> Result<AnyRef<'a>, Refusal> {
    let element: AnyRef<'a> = reader.decode().map_err(broken)?;
    if element.tag() == tag {
        Ok(element)
    } else {
        Err(Refusal::Malformed("broken encoding"))
    }
}

/// The next element if it is the constructed context-specific one numbered `number`.
fn optional<'a>(reader: &mut SliceReader<'a>, number: u32) -> Result<Option<AnyRef<'a>>, Refusal> {
    let wanted = Tag::ContextSpecific {
        constructed: true,
        number: TagNumber(number),
    };
    if reader.is_finished() || Tag::peek(reader).map_err(broken)? != wanted {
        return Ok(None);
    }
    reader.decode().map(Some).map_err(broken)
}

fn attached_content(info: AnyRef<'_>) -> Result<&[u8], Refusal> {
    let mut info = sequence(info)?;
    if info.decode::<ObjectIdentifier>().map_err(broken)? != DATA {
        return Err(Refusal::Malformed("the content type is not data"));
    }
    let attached = optional(&mut info, 0)?.ok_or(Refusal::Malformed(
        "the content is detached; sign with -nodetach",
    ))?;
    info.finish().map_err(broken)?;
    let mut inner = reader(attached.value())?;
    let content = expect(&mut inner, Tag::OctetString)?;
    inner.finish().map_err(broken)?;
    Ok(content.value())
}

fn certificates(set: Option<AnyRef<'_>>) -> Result<Vec<&[u8]>, Refusal> {
    let mut found = Vec::new();
    let Some(set) = set else {
        return Ok(found);
    };
    let mut set = reader(set.value())?;
    while !set.is_finished() {
        let is_certificate = Tag::peek(&set).map_err(broken)? == Tag::Sequence;
        let element = set.tlv_bytes().map_err(broken)?;
        // Other choices (attribute certificates) say nothing about the signer.
        if is_certificate {
            found.push(element);
        }
        if found.len() > MAX_CERTIFICATES {
            return Err(Refusal::Malformed("too many certificates"));
        }
    }
    Ok(found)
}

fn one_signer(set: AnyRef<'_>) -> Result<SignerInfo<'_>, Refusal> {
    let mut set = reader(set.value())?;
    let exactly_one = Refusal::Malformed("there must be exactly one signer");
    if set.is_finished() {
        return Err(exactly_one);
    }
    let mut info = sequence(set.decode().map_err(broken)?)?;
    if !set.is_finished() {
        return Err(exactly_one);
    }
    let version: CmsVersion = info.decode().map_err(broken)?;
    let id: SignerIdentifier = info.decode().map_err(broken)?;
    if version != version_for(&id) {
        return Err(Refusal::Malformed("unknown version of SignerInfo"));
    }
    let digest = info.decode().map_err(broken)?;
    let signed_attributes = optional(&mut info, 0)?.map(AnyRef::value);
    let algorithm = info.decode().map_err(broken)?;
    let signature = expect(&mut info, Tag::OctetString)?.value();
    // Unsigned attributes (time stamps) prove nothing about the content.
    optional(&mut info, 1)?;
    info.finish().map_err(broken)?;
    Ok(SignerInfo {
        id,
        digest,
        signed_attributes,
        algorithm,
        signature,
    })
}

/// Version of a SignerInfo (section 5.3).
fn version_for(id: &SignerIdentifier) -> CmsVersion {
    match id {
        SignerIdentifier::IssuerAndSerialNumber(_) => CmsVersion::V1,
        SignerIdentifier::SubjectKeyIdentifier(_) => CmsVersion::V3,
    }
}

/// The signer's hash must be among those announced at the front (section 5.1).
fn announced(set: AnyRef<'_>, digest: &AlgorithmIdentifierRef<'_>) -> Result<(), Refusal> {
    let mut set = reader(set.value())?;
    let mut found = false;
    while !set.is_finished() {
        let algorithm: AlgorithmIdentifierRef<'_> = set.decode().map_err(broken)?;
        found |= algorithm.oid == digest.oid;
    }
    if found {
        Ok(())
    } else {
        Err(Refusal::Malformed("the signer's hash was not announced"))
    }
}
