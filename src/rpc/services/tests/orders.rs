//! Quotas, the calendar, and the state of a case.

use super::*;
use crate::rpc::proto::quotas::v1 as quotas;
use crate::rpc::proto::quotas::v1::quota_service_server::QuotaService;

fn house() -> House {
    House::open_with(all_parties(), Duration::from_secs(3600))
}

fn quota(n: u32, region: &str, year: i32, person_count: i32) -> quotas::SetQuotaRequest {
    quotas::SetQuotaRequest {
        request_id: request_id(n),
        region: region.to_owned(),
        year,
        category: types::QuotaCategory::Kandas.into(),
        person_count,
        basis: format!("Sample order {n}"),
    }
}

async fn set(
    house: &House,
    request: quotas::SetQuotaRequest,
) -> Result<quotas::SetQuotaResponse, Status> {
    let answer = house.service.set_quota(house.from("committee", request)).await;
    answer.map(Response::into_inner)
}

#[tokio::test]
async fn a_quota_is_set_with_its_basis_and_read_by_everybody() {
    let house = house();
    let first = set(&house, quota(1, "KZ-55", 2026, 10)).await.unwrap();
    let receipt = first.receipt.clone().unwrap();
    assert_eq!((receipt.case_id.as_str(), receipt.hop.as_str()), ("", ""));
    assert_eq!((receipt.request_id, receipt.content_sha256.len()), (request_id(1), 32));
    let told = first.quota.clone().unwrap();
    assert_eq!(
        (told.set_count, told.reserved_count, told.taken_count, told.free_count),
        (10, 0, 0, 10)
    );
    assert_eq!((told.basis.as_str(), told.set_time), ("Sample order 1", receipt.accepted_time));
    assert_eq!(set(&house, quota(1, "KZ-55", 2026, 10)).await.unwrap(), first);
    let other = set(&house, quota(1, "KZ-55", 2026, 11)).await.unwrap_err();
    assert_eq!(reason(&other), "REQUEST_ID_REUSED");

    set(&house, quota(2, "KZ-55", 2026, 20)).await.unwrap();
    // The receipt stays; the quota is told as it is.
    let again = set(&house, quota(1, "KZ-55", 2026, 10)).await.unwrap();
    assert_eq!(again.receipt, first.receipt);
    assert_eq!(again.quota.unwrap().basis, "Sample order 2");
    let get = async |region: &str| {
        let message = quotas::GetQuotaRequest {
            region: region.to_owned(),
            year: 2026,
            category: types::QuotaCategory::Kandas.into(),
        };
        house.service.get_quota(house.from("front-office-kz-11", message)).await
    };
    let told = get("KZ-55").await.unwrap().into_inner().quota.unwrap();
    assert_eq!((told.set_count, told.basis.as_str()), (20, "Sample order 2"));
    assert_eq!(reason(&get("KZ-11").await.unwrap_err()), "QUOTA_NOT_SET");
    assert_eq!(reason(&get("KZ-00").await.unwrap_err()), "REGION_UNKNOWN");
}

#[tokio::test]
async fn every_rule_of_a_quota_is_held() {
    let house = house();
    let mut wrong = quota(1, "Pavlodar", 2015, -1);
    wrong.request_id.clear();
    wrong.category = 9;
    wrong.basis.clear();
    let refused = set(&house, wrong).await.unwrap_err();
    let violations = refused.get_details_bad_request().unwrap().field_violations;
    let fields: Vec<_> = violations.iter().map(|one| one.field.as_str()).collect();
    assert_eq!(fields, ["request_id", "region", "year", "category", "person_count", "basis"]);
}

#[tokio::test]
async fn quotas_are_listed_later_years_first_in_pages() {
    let house = house();
    for (n, (region, year)) in
        [("KZ-55", 2025), ("KZ-11", 2026), ("KZ-55", 2026), ("KZ-63", 2024)].into_iter().enumerate()
    {
        set(&house, quota(n as u32, region, year, 5)).await.unwrap();
    }
    let list = async |page_size, page_token: &str, year| {
        let page_token = page_token.to_owned();
        let message =
            quotas::ListQuotasRequest { page_size, page_token, year, ..Default::default() };
        let listed = house.service.list_quotas(house.from("akimat-kz-55", message)).await;
        listed.map(Response::into_inner)
    };
    let all = list(0, "", 0).await.unwrap();
    let told: Vec<_> = all.quotas.iter().map(|one| (one.year, one.region.as_str())).collect();
    let mut expected = told.clone();
    expected.sort_by_key(|(year, _)| -year);
    assert_eq!((told.len(), all.next_page_token.as_str()), (4, ""));
    assert_eq!((&told, told[0].0), (&expected, 2026));
    let (mut token, mut paged) = (String::new(), Vec::new());
    for expected in [3, 1] {
        let page = list(3, &token, 0).await.unwrap();
        assert_eq!(page.quotas.len(), expected);
        paged.extend(page.quotas);
        token = page.next_page_token;
    }
    assert_eq!((paged, token.as_str()), (all.quotas, ""));
    let page = list(1, "", 2026).await.unwrap();
    assert_eq!(reason(&list(1, &page.next_page_token, 0).await.unwrap_err()), "PAGE_TOKEN_INVALID");
    assert_eq!(list(0, "", 2026).await.unwrap().quotas.len(), 2);
    assert_eq!(reason(&list(0, "", 1).await.unwrap_err()), "FIELD_INVALID");
}

#[tokio::test]
async fn an_amended_calendar_moves_open_clocks_and_is_told() {
    let house = house();
    let receipt = house.submit(1).await.unwrap();
    // Received on 6 September 2021: five working days, until the 13th.
    house.receive("committee", "").await;
    let get = async || {
        let message = operations::GetCalendarRequest {};
        let told = house.service.get_calendar(house.from("operator", message)).await;
        told.unwrap().into_inner()
    };
    let before = get().await;
    let lines = before.calendar.lines();
    let mut amended = String::new();
    for line in lines {
        if line.starts_with("2021-12-01") {
            amended += "2021-09-08,Wed,day_off_moved,fixed,Sample day off,Sample day off\n";
        }
        let named = line.starts_with("# calendar: ");
        amended += if named { "# calendar: kz-2021.9" } else { line };
        amended += "\n";
    }
    let amend = async |n, calendar: &str| {
        let message = operations::AmendCalendarRequest {
            request_id: request_id(n),
            calendar: calendar.to_owned(),
            reason: "A sample\nresolution".to_owned(),
        };
        let answer = house.service.amend_calendar(house.from("operator", message)).await;
        answer.map(Response::into_inner)
    };
    let same = amend(1, &before.calendar).await.unwrap_err();
    assert_eq!(same.get_details_bad_request().unwrap().field_violations[0].field, "calendar");
    let broken = amend(1, &amended.replace("-08,Wed,", "-08,Thu,")).await.unwrap_err();
    assert!(broken.message().contains("line "), "{}", broken.message());

    let told = amend(2, &amended).await.unwrap();
    assert_eq!(told.previous_version, before.calendar_version);
    // That of the hop and that of the whole service.
    assert_eq!((told.calendar_version.as_str(), told.moved_clock_count), ("kz-2021.9", 2));
    let again = amend(2, &amended).await.unwrap();
    assert_eq!(again.receipt, told.receipt);
    let after = get().await;
    assert_eq!(after.calendar_version, "kz-2021.9");
    assert!(after.calendar.contains("2021-09-08,Wed"));
    assert_eq!(after.first_date, before.first_date);
    house.service.0.engine.caught_up().await;
    let case = house.case("operator", &receipt.case_id).await.unwrap();
    let open = case.hops.iter().find(|hop| hop.sequence == 0).unwrap();
    assert_eq!(open.clock.as_ref().unwrap().due_date, day(2021, 9, 14));
    assert_eq!(open.clock.as_ref().unwrap().calendar_version, "kz-2021.9");
}

#[tokio::test]
async fn where_a_case_stands_is_told_to_readers_of_its_region_and_to_the_contact_centre() {
    let house = house();
    let case = house.submit(1).await.unwrap().case_id;
    house.receive("committee", "").await;
    let status = async |caller: &str| {
        let message = cases::GetCaseStatusRequest { case_id: case.clone() };
        let told = house.service.get_case_status(house.from(caller, message)).await;
        told.map(|told| told.into_inner().status.unwrap())
    };
    let told = status("contact-centre").await.unwrap();
    assert_eq!((told.procedure.as_str(), told.region.as_str()), ("kandas-mission", "KZ-55"));
    assert_eq!(told.state(), cases::CaseState::AtMigrationBody);
    let words = told.state_text.as_ref().unwrap();
    assert_eq!(
        [words.kk.as_str(), words.ru.as_str(), words.en.as_str()],
        ["Уәкілетті органда", "В уполномоченном органе", "With the authorised body"]
    );
    let [awaited] = &told.awaited[..] else { panic!("{:?}", told.awaited) };
    assert_eq!(
        (awaited.hop.as_str(), awaited.role()),
        ("K21B-03", types::PartyRole::MigrationBody)
    );
    assert_eq!(
        (awaited.act(), awaited.due_date),
        (types::Act::ForwardApplication, day(2021, 9, 13))
    );
    for reader in ["adaptation-centre-kz-55", "akimat-kz-55", "mission-uz", "operator"] {
        assert_eq!(status(reader).await.unwrap(), told, "{reader}");
    }
    for stranger in ["front-office-kz-11", "mission-mn", "akimat-kz-11"] {
        assert_eq!(reason(&status(stranger).await.unwrap_err()), "CASE_NOT_VISIBLE", "{stranger}");
    }
}
