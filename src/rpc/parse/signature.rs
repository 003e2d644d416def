//! A document with its signature: the form alone. What the signature is worth is judged apart,
//! since that needs certificates and a core's time.

use super::fault::{Faults, Path};
use crate::rpc::proto::types::v1::SignedDocument;
use crate::trust::signature::{Document, MAX_CONTENT_BYTES, MAX_SIGNATURE_BYTES};

/// Checks a signed document, where there is one.
pub fn document(faults: &mut Faults, at: &Path<'_>, value: &Option<SignedDocument>) {
    let Some(SignedDocument { content, media_type, signature }) = value else { return };
    length(faults, &at.field("content"), content.len(), MAX_CONTENT_BYTES);
    length(faults, &at.field("signature"), signature.len(), MAX_SIGNATURE_BYTES);
    if !is_media_type(media_type) {
        let rule = format_args!("is no media type: type, \"/\" and subtype, as in application/pdf");
        faults.field(&at.field("media_type"), rule);
    }
}

/// The document as it is judged.
pub fn to_judge(value: &SignedDocument) -> Document {
    Document::new(value.content.clone(), value.signature.clone())
}

fn length(faults: &mut Faults, at: &Path<'_>, bytes: usize, most: usize) {
    if !(1..=most).contains(&bytes) {
        faults.field(at, format_args!("must have 1 to {most} bytes"));
    }
}

/// RFC 6838 §4.2: two names of letters, digits and a few signs, without parameters.
fn is_media_type(text: &str) -> bool {
    let is_name = |name: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || "!#$&-^_.+".contains(c);
        name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(inner)
    };
    let parts = text.split_once('/').filter(|_| text.len() <= 127);
    parts.is_some_and(|(kind, subtype)| is_name(kind) && is_name(subtype))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_told_from_other_texts() {
        for text in ["application/pdf", "text/plain", "application/vnd.kz.sample+json", "a/b"] {
            assert!(is_media_type(text), "{text}");
        }
        let long = format!("application/{}", "x".repeat(128));
        for text in ["", "pdf", "application/", "/pdf", "a/b/c", "a b/c", "text/plain; x=y", &long]
        {
            assert!(!is_media_type(text), "{text}");
        }
    }

    #[test]
    fn every_part_must_be_there_and_within_its_bound() {
        let told = |content: usize, media_type: &str, signature: usize| {
            let mut faults = Faults::new();
            let value = Some(SignedDocument {
                content: vec![0; content].into(),
                media_type: media_type.to_owned(),
                signature: vec![0; signature].into(),
            });
            document(&mut faults, &Path::Root.field("signed_document"), &value);
            faults.violations().iter().map(|fault| fault.field.clone()).collect::<Vec<_>>()
        };
        assert_eq!(told(1, "text/plain", 1), [""; 0]);
        assert_eq!(told(MAX_CONTENT_BYTES, "text/plain", MAX_SIGNATURE_BYTES), [""; 0]);
        let all = ["content", "signature", "media_type"].map(|of| format!("signed_document.{of}"));
        assert_eq!(told(0, "", 0), all);
        assert_eq!(told(MAX_CONTENT_BYTES + 1, "x", MAX_SIGNATURE_BYTES + 1), all);
        let mut faults = Faults::new();
        document(&mut faults, &Path::Root, &None);
        assert!(faults.violations().is_empty());
    }
}
