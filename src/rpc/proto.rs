//! The generated contracts. They stop in this layer: [`parse`](super::parse) turns them into
//! commands, [`show`](super::show) turns facts into them, and nothing below `rpc` names one.

#[allow(
    missing_docs,
    clippy::allow_attributes_without_reason,
    clippy::doc_lazy_continuation,
    clippy::large_enum_variant,
    clippy::too_many_lines,
    clippy::wildcard_enum_match_arm,
    rustdoc::broken_intra_doc_links,
    reason = "generated from proto/kopir, where the comments and the rules for them are"
)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/contracts.rs"));
}

/// How messages about persons are shown: by their sizes.
mod redacted {
    include!(concat!(env!("OUT_DIR"), "/redacted.rs"));
}

pub use generated::google;
pub use generated::kopir::{
    agency, akimat, career_centre, cases, commission, employment_centre, employment_commission,
    evidence, forms, gateway, inbox, migration, mission, operations, portal, procedures, quality,
    quotas, statecorp, types,
};

/// The descriptors of every contract with their imports and comments, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/kopir.fds"));

#[cfg(test)]
mod tests {
    use super::forms::v1::{Form, form};
    use super::inbox::v1::{Delivery, DeliveryRejection};
    use super::mission::v1::SubmitApplicationRequest;
    use super::types::v1::{Application, Dispatch, Person, PersonName};

    #[test]
    fn nothing_about_a_person_is_shown_by_what_holds_it() {
        let surname = || "SAMPLE SURNAME".to_owned();
        let name = PersonName { surname: surname(), ..PersonName::default() };
        let person = Person { name: Some(name), ..Person::default() };
        let application = Application { applicant: Some(person), ..Application::default() };
        let request = SubmitApplicationRequest {
            request_id: "1".into(),
            application: Some(application.clone()),
        };
        let cover = Dispatch { note: surname(), ..Dispatch::default() };
        let answer = super::forms::v1::Objection::default();
        let form = form::Form::Objection(answer);
        let forms = vec![Form { cover: Some(cover.clone()), form: Some(form), ..Form::default() }];
        let delivery = Delivery {
            application: Some(application),
            dispatch: Some(cover),
            forms,
            ..Delivery::default()
        };
        let rejection = DeliveryRejection { detail: surname(), ..DeliveryRejection::default() };
        for shown in [format!("{request:?}"), format!("{delivery:#?}"), format!("{rejection:?}")] {
            assert!(!shown.contains("SAMPLE"), "{shown}");
            assert!(shown.contains("bytes)"), "{shown}");
        }
    }
}
