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

pub use generated::google;
pub use generated::kopir::{
    agency, akimat, career_centre, cases, commission, employment_centre, employment_commission,
    forms, gateway, inbox, migration, mission, operations, portal, procedures, quality, quotas,
    statecorp, types,
};

/// The descriptors of every contract with their imports and comments, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/kopir.fds"));
