//! Whom the bus believes, by which files.

use jiff::Timestamp;

use super::{digest, time};
use crate::evidence::stamps::Stamps;
use crate::rpc::proto::operations::v1 as operations;
use crate::trust::crl::{CrlState, Worth};
use crate::trust::live::{FileRefused, LiveTrust, Part, Report};
use crate::trust::ocsp::OcspState;

/// What is in force, and what is refused.
pub fn trust(live: &LiveTrust, now: Timestamp) -> operations::TrustStatus {
    let (current, report) = (live.current(), live.report());
    let Report { refused, registry, registry_since, registry_needs_restart } = report;
    operations::TrustStatus {
        registry_hash: registry.map(|hash| digest(&hash)).unwrap_or_default(),
        registry_time: registry_since.map(time),
        registry_needs_restart,
        certificate_expire_time: Some(time(current.certificate_until)),
        revocation_lists: current.crls(now).into_iter().map(list).collect(),
        refused_files: refused.into_iter().map(refused_file).collect(),
        ocsp: current.answers(now).map(answers),
    }
}

fn answers(state: OcspState) -> operations::OcspStatus {
    let OcspState { good, revoked, overdue, unanswered } = state;
    operations::OcspStatus {
        good_count: good,
        revoked_count: revoked,
        overdue_count: overdue,
        unanswered_count: unanswered,
    }
}

/// The time-stamps of checkpoints; none where there are none and nothing is wrong.
pub fn time_stamp(stamps: &Stamps) -> Option<operations::TimeStampStatus> {
    let (last, problem) = (stamps.last(), stamps.problem());
    if last.is_none() && problem.is_none() {
        return None;
    }
    let since = problem.as_ref().map(|problem| time(problem.since));
    Some(operations::TimeStampStatus {
        time: last.as_ref().map(|last| time(last.at)),
        tree_size: last.map(|last| last.size).unwrap_or_default(),
        problem: problem.map(|problem| problem.why).unwrap_or_default(),
        problem_time: since,
    })
}

fn list(state: CrlState) -> operations::RevocationList {
    let CrlState { issuer, this_update, next_update, revoked, worth } = state;
    operations::RevocationList {
        issuer,
        issue_time: Some(time(this_update)),
        next_issue_time: Some(time(next_update)),
        revoked_count: revoked,
        state: match worth {
            Worth::Current => operations::RevocationListState::Current,
            Worth::Overdue => operations::RevocationListState::Overdue,
            Worth::Lapsed => operations::RevocationListState::Lapsed,
        }
        .into(),
    }
}

fn refused_file((part, refused): (Part, FileRefused)) -> operations::RefusedFile {
    let FileRefused { since, why } = refused;
    operations::RefusedFile { key: part.key().to_owned(), problem: why, time: Some(time(since)) }
}
