//! Lists: many acts as one. The cases are of the order of 2021, taken in by the akimat itself.

use super::*;
use crate::rpc::proto::forms::v1 as forms;
use crate::rpc::proto::forms::v1::form::Form as Paper;

const AKIMAT: &str = "akimat-kz-55";

fn house() -> House {
    House::open_with(all_parties(), Duration::from_secs(3600))
}

fn kandas() -> forms::KandasApplication {
    let types::Application { region, scope, applicant, family_members, documents, .. } =
        application();
    forms::KandasApplication {
        region,
        provider_name: "Sample akimat".to_owned(),
        scope,
        applicant,
        residence: arrival().residence,
        family_members,
        documents,
        personal_data_consent: true,
        signed_date: day(2021, 9, 6),
        filed_time: stamp("2021-09-06T12:00:00+06:00"),
        accepted_by: official(),
        group: 0,
    }
}

/// Takes an application in; gives the case.
async fn open(house: &House, by: &str, region: &str, n: u32) -> String {
    let application = forms::KandasApplication { region: region.to_owned(), ..kandas() };
    let message = akimat::SubmitKandasApplicationRequest {
        request_id: request_id(n),
        application: Some(application),
        edition: "2021".to_owned(),
    };
    let answer = AkimatService::submit_kandas_application(&house.service, house.from(by, message));
    let receipt = answer.await.unwrap().into_inner().receipt.unwrap();
    assert_eq!(receipt.hop, "K21A-01");
    receipt.case_id
}

fn line(case_id: &str) -> akimat::ReferListToCommissionEntry {
    let line = forms::ListEntry {
        list_number: "5".to_owned(),
        list_date: day(2021, 9, 6),
        person_count: 1,
        ..Default::default()
    };
    akimat::ReferListToCommissionEntry { case_id: case_id.to_owned(), line: Some(line) }
}

fn list(n: u32, cases: &[&str]) -> akimat::ReferListToCommissionRequest {
    akimat::ReferListToCommissionRequest {
        request_id: request_id(n),
        entries: cases.iter().map(|case| line(case)).collect(),
        dispatch: Some(cover()),
    }
}

async fn refer(
    house: &House,
    list: akimat::ReferListToCommissionRequest,
) -> Result<Vec<types::Receipt>, Status> {
    let answer = house.service.refer_list_to_commission(house.from(AKIMAT, list)).await;
    answer.map(|answer| answer.into_inner().receipts)
}

/// The reason of a refusal, and the fields that it names.
fn told(refused: &Status) -> (String, Vec<String>) {
    let details = refused.get_details_bad_request().into_iter();
    let violations = details.flat_map(|bad| bad.field_violations);
    (reason(refused), violations.map(|one| one.field).collect())
}

#[tokio::test]
async fn a_list_is_taken_with_a_receipt_for_each_entry_and_repeated_as_a_whole() {
    let house = house();
    let (first, second) =
        (open(&house, AKIMAT, "KZ-55", 1).await, open(&house, AKIMAT, "KZ-55", 2).await);
    let receipts = refer(&house, list(10, &[&first, &second])).await.unwrap();
    let cases: Vec<_> = receipts.iter().map(|receipt| receipt.case_id.clone()).collect();
    assert_eq!(cases, [first.clone(), second.clone()]);
    for receipt in &receipts {
        assert_eq!((receipt.hop.as_str(), &receipt.request_id), ("K21A-09", &request_id(10)));
    }
    assert_eq!(refer(&house, list(10, &[&first, &second])).await.unwrap(), receipts);

    // Another list under the same id is none, and nothing of it is taken.
    let third = open(&house, AKIMAT, "KZ-55", 3).await;
    for cases in [&[&first[..], &third][..], &[&third], &[&second, &first]] {
        let refused = refer(&house, list(10, cases)).await.unwrap_err();
        assert_eq!(told(&refused).0, "REQUEST_ID_REUSED", "{cases:?}");
    }
    assert_eq!(refer(&house, list(11, &[&third])).await.unwrap().len(), 1);

    // Each case arrives by itself, with the cover and the papers.
    let delivered = house.fetch(AKIMAT, "commission-kz-55").await.unwrap();
    assert_eq!(delivered.len(), 3);
    assert_eq!((&delivered[0].case_id, &delivered[0].dispatch), (&first, &Some(cover())));
    let papers: Vec<_> = delivered[0].forms.iter().map(|form| form.form.clone().unwrap()).collect();
    let expected =
        [Paper::KandasApplication(kandas()), Paper::ListEntry(line(&first).line.unwrap())];
    assert_eq!(papers, expected);
    assert!(delivered[0].forms.iter().all(|form| form.cover.is_none()));
}

#[tokio::test]
async fn a_refused_item_keeps_the_list_out_and_is_named() {
    let house = house();
    let own = open(&house, AKIMAT, "KZ-55", 1).await;
    let strange = open(&house, "akimat-kz-11", "KZ-11", 2).await;
    let mut wrong = list(10, &[&own]);
    wrong.entries[0].line.as_mut().unwrap().person_count = 0;
    let mut none = list(10, &[&own]);
    none.entries[0].line = None;
    let long = vec![&own[..]; 501];
    for (list, reason, fields) in [
        (list(10, &[]), "FIELD_INVALID", &["entries"][..]),
        (list(10, &long), "FIELD_INVALID", &["entries"]),
        (list(10, &[&own, &own]), "LIST_REPEATS_CASE", &["entries[1].case_id"]),
        (list(10, &[&own, &strange]), "CASE_NOT_VISIBLE", &["entries[1]"]),
        (list(10, &[&own, "no case"]), "CASE_NOT_VISIBLE", &["entries[1]"]),
        (wrong, "FIELD_INVALID", &["entries[0].line.person_count"]),
        (none, "FIELD_INVALID", &["entries[0].line"]),
    ] {
        let refused = refer(&house, list).await.unwrap_err();
        let (found, named) = told(&refused);
        assert_eq!(
            (found.as_str(), &named[..]),
            (reason, &fields.iter().map(|field| (*field).to_owned()).collect::<Vec<_>>()[..])
        );
    }
    // The same case is still open to a list without fault; once sent it is not, and the place of
    // what is out of order is told with what is open.
    refer(&house, list(11, &[&own])).await.unwrap();
    let again = open(&house, AKIMAT, "KZ-55", 3).await;
    let refused = refer(&house, list(12, &[&again, &own])).await.unwrap_err();
    assert_eq!(told(&refused), ("ACT_OUT_OF_ORDER".to_owned(), vec!["entries[1]".to_owned()]));
    let open = refused.get_details_precondition_failure().unwrap().violations;
    assert!(open.iter().any(|one| one.subject == format!("{own}/K21A-09")));
}

#[tokio::test]
async fn a_form_is_a_paper_of_its_case_and_its_edition_is_fixed_at_the_opening() {
    let house = house();
    let submit = async |n, edition: &str, one: bool| {
        let (request_id, application) = (request_id(n), Some(kandas()));
        let edition = edition.to_owned();
        if one {
            let message = akimat::SubmitOneApplicationRequest { request_id, application, edition };
            let answer = house.from(AKIMAT, message);
            let answer = AkimatService::submit_one_application(&house.service, answer).await;
            return answer.map(|answer| answer.into_inner().receipt.unwrap());
        }
        let message = akimat::SubmitKandasApplicationRequest { request_id, application, edition };
        let answer = house.from(AKIMAT, message);
        let answer = AkimatService::submit_kandas_application(&house.service, answer).await;
        answer.map(|answer| answer.into_inner().receipt.unwrap())
    };
    let taken = submit(1, "2021", false).await.unwrap();
    assert_eq!(submit(1, "2021", false).await.unwrap(), taken);
    let summary = house.case(AKIMAT, &taken.case_id).await.unwrap().summary.unwrap();
    assert_eq!((summary.procedure.as_str(), summary.edition.as_str()), ("kandas", "2021"));
    // Another service or edition under the same id is other content.
    for (edition, one) in [("", false), ("2021", true)] {
        let reused = submit(1, edition, one).await;
        if let Err(refused) = &reused {
            assert!(["REQUEST_ID_REUSED", "FIELD_INVALID"].contains(&&*reason(refused)));
        }
        assert!(reused.is_err(), "{edition} {one}");
    }
    assert_eq!(reason(&submit(2, "1999", false).await.unwrap_err()), "PROCEDURE_UNKNOWN");
    assert_eq!(reason(&submit(2, "not one", false).await.unwrap_err()), "PROCEDURE_UNKNOWN");
    assert_eq!(reason(&submit(2, "", true).await.unwrap_err()), "CHANNEL_NOT_ALLOWED");
}
