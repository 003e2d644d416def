//! The papers of a case and the signatures on them, for people.

use super::{Words, add, escaped, label, words};
use crate::domain::event::Event;
use crate::domain::signature::{ProvenBy, RevocationEvidence, SignatureVerdict};
use crate::evidence::bundle::clocks::{Erased, Told};
use crate::evidence::bundle::papers::{Opened, Papers};
use crate::evidence::bundle::signed::{standing, verdicts};
use crate::evidence::note::hex;
use crate::procedures::labels::{LabelKind, Labels};
use crate::vault::personal;

const SIGNATURES: Words = ["Электрондық қолтаңбалар", "Электронные подписи", "Signatures"];
const PAPERS: Words = ["Құжаттар", "Документы", "Papers"];
const RECORD: Words = ["Жазба", "Запись", "Record"];
const OPENED_FOR: Words =
    ["Құжаттар мына тарап үшін ашылған", "Документы раскрыты для", "Papers opened for"];
const SEALED: Words = [
    "Мөрленген: бұл файлда ашылмаған",
    "Запечатано: в этом файле не раскрыто",
    "Sealed: not opened in this file",
];
const PLAIN: Words = [
    "Құжаттарды мөрлеу енгізілгенге дейін жазылған: жазбаның өзінде ашық тұр",
    "Записано до введения запечатывания: стоит в самой записи открыто",
    "Recorded before papers were sealed: it stands in the record itself",
];
const ERASED: Words = [
    "Дербес деректер жойылды; оларды енді ешкім аша алмайды",
    "Персональные данные уничтожены; раскрыть их больше нельзя",
    "The personal data were erased; nobody can open them any more",
];
const DOCUMENT: Words =
    ["Қол қойылған құжат файлы", "Файл подписанного документа", "File of the signed document"];
const VALID: Words = ["Жарамды", "Действительна", "Valid"];
const UNDETERMINED: Words = ["Анықталмаған", "Не установлено", "Undetermined"];
const SIGNER: Words = ["Қол қоюшы", "Подписант", "Signer"];
const ORGANISATION: Words = ["Ұйымның БСН", "БИН организации", "BIN of the organisation"];
const CERTIFICATE: Words =
    ["Сертификат (SHA-256)", "Сертификат (SHA-256)", "Certificate (SHA-256)"];
const CHAIN: Words = [
    "Куәландырушы орталықтар (SHA-256)",
    "Удостоверяющие центры (SHA-256)",
    "Authorities above it (SHA-256)",
];
const SIGNED_AT: Words = [
    "Қол қойылған уақыты, қол қоюшының сөзі бойынша",
    "Время подписания, со слов подписанта",
    "Signed, by the signer's own word",
];
const CHECKED_AT: Words = ["Шина тексерген уақыт", "Время проверки шиной", "Checked by the bus"];
const ALGORITHM: Words = ["Алгоритм", "Алгоритм", "Algorithm"];
const DOCUMENT_HASH: Words =
    ["Құжаттың SHA-256 хэші", "SHA-256 документа", "SHA-256 of the document"];
const REVOCATION: Words =
    ["Қайтарып алу туралы мәліметтер", "Сведения об отзыве", "Evidence about revocation"];
const PROVEN_BY: Words = ["Тексерген", "Проверил", "Proven by"];
const BY_BUS: Words = ["шина", "шина", "the bus"];
const BY_SIDECAR: Words =
    ["шина жанындағы тексеруші", "верификатор при шине", "the verifier beside the bus"];
const BY_NOBODY: Words = ["ешкім", "никто", "nobody"];
const HEAD: Words = ["бірінші басшы", "первый руководитель", "head"];
const SIGNATORY: Words = ["қол қою құқығы бар тұлға", "лицо с правом подписи", "signatory"];
const EMPLOYEE: Words = ["қызметкер", "сотрудник", "employee"];

/// What was found of each signature.
pub(super) fn signatures(page: &mut String, told: &Told, labels: &Labels) {
    let mut found = verdicts(told).peekable();
    if found.peek().is_none() {
        return;
    }
    add(page, format_args!("<h2>{}</h2>\n", words(SIGNATURES)));
    for (record, act, verdict) in found {
        let act = label(labels, LabelKind::Act, act.name());
        add(page, format_args!("<h3>{} {record}: {act}</h3>\n<table>\n", words(RECORD)));
        let word = if verdict.doubt.is_none() { VALID } else { UNDETERMINED };
        let doubt = verdict.doubt.map(|doubt| format!("{doubt}: {}", doubt.words()));
        let told = format!("{} <code>{}</code>", words(word), escaped(&doubt.unwrap_or_default()));
        add(page, format_args!("<tr><th>{}<td>{told}\n", standing(verdict)));
        for (head, value) in rows(verdict) {
            add(page, format_args!("<tr><th>{}<td>{value}\n", words(head)));
        }
        page.push_str("</table>\n");
    }
}

/// What a verdict says, as rows of HTML.
fn rows(found: &SignatureVerdict) -> Vec<(Words, String)> {
    use crate::domain::signature::KeyRole;
    let SignatureVerdict { certificate, document, signed_at, checked_at, digest, scheme, .. } =
        found;
    let role = |role: &KeyRole| match role {
        KeyRole::Head => words(HEAD),
        KeyRole::Signatory => words(SIGNATORY),
        KeyRole::Employee => words(EMPLOYEE),
    };
    let prover = match found.proven_by {
        ProvenBy::Bus => BY_BUS,
        ProvenBy::Sidecar => BY_SIDECAR,
        ProvenBy::Nobody => BY_NOBODY,
    };
    let evidence = |of: &RevocationEvidence| {
        let RevocationEvidence { source, sha256, this_update, next_update } = of;
        let next = next_update.map(|at| format!(" – {at}")).unwrap_or_default();
        format!("<code>{source} {} {this_update}{next}</code>", hex(sha256))
    };
    let code = |text: &str| format!("<code>{}</code>", escaped(text));
    let roles: Vec<_> = found.roles.iter().map(role).collect();
    let chain: Vec<_> = found.chain.iter().map(|hash| code(&hex(hash))).collect();
    let lists: Vec<_> = found.revocation.iter().map(evidence).collect();
    vec![
        (SIGNER, roles.join("<br>")),
        (ORGANISATION, found.organisation.map(|bin| code(&bin.to_string())).unwrap_or_default()),
        (SIGNED_AT, code(&signed_at.to_string())),
        (CHECKED_AT, code(&checked_at.to_string())),
        (PROVEN_BY, words(prover)),
        (ALGORITHM, code(&format!("{scheme}, {digest}"))),
        (DOCUMENT_HASH, code(&hex(document))),
        (CERTIFICATE, code(&hex(certificate))),
        (CHAIN, chain.join("<br>")),
        (REVOCATION, lists.join("<br>")),
    ]
}

/// What stands of the papers.
pub(super) fn papers(page: &mut String, told: &Told, papers: Option<&Papers>, labels: &Labels) {
    add(page, format_args!("<h2>{}</h2>\n", words(PAPERS)));
    for Erased { record, at, by, reason, reference } in told.erasures() {
        let what = format!("{at}, {by} ({reason}: {reference})");
        let (record, what) = (format!("{} {record}", words(RECORD)), escaped(&what));
        add(page, format_args!("<p>{record}: {} <code>{what}</code></p>\n", words(ERASED)));
    }
    if let Some(papers) = papers {
        let party = escaped(&papers.party);
        add(page, format_args!("<p>{}: <code>{party}</code></p>\n", words(OPENED_FOR)));
    }
    let is_erased = told.case.papers.erased().is_some();
    for (sequence, event) in &told.events {
        let mut event = event.clone();
        let Some((_, content)) = personal(&mut event) else { continue };
        let state = match (content.bytes(), is_erased) {
            (Some(_), _) => PLAIN,
            (None, true) => ERASED,
            (None, false) => SEALED,
        };
        let title = match &event {
            Event::Act(act) => label(labels, LabelKind::Act, act.act.name()),
            Event::PartyEnrolled(_)
            | Event::Acknowledged(_)
            | Event::QuotaSet(_)
            | Event::HoldingExpired(_)
            | Event::CalendarAmended(_)
            | Event::ClocksMoved(_)
            | Event::CalendarSettled(_)
            | Event::Notice(_)
            | Event::NoticeAcknowledged(_)
            | Event::NoticeSent(_)
            | Event::BusOutage(_)
            | Event::DeliveryHeld(_)
            | Event::HeldResolved(_)
            | Event::EndpointSet(_)
            | Event::CaseErased(_)
            | Event::DataRead(_)
            | Event::RegistryChanged(_) => super::line(told, &event, labels).0,
        };
        add(page, format_args!("<h3>{} {sequence}: {title}</h3>\n", words(RECORD)));
        match papers.and_then(|papers| papers.opened.get(&sequence.0)) {
            Some(opened) => paper(page, sequence.0, opened),
            None => add(page, format_args!("<p>{}</p>\n", words(state))),
        }
    }
}

/// A paper that was opened.
fn paper(page: &mut String, sequence: u64, opened: &Opened) {
    let Opened { disclosed: _, reading, signed } = opened;
    page.push_str("<table>\n");
    for (field, value) in reading {
        let (field, value) = (escaped(field), escaped(value));
        add(page, format_args!("<tr><th><code>{field}</code><td>{value}\n"));
    }
    if let Some(signed) = signed {
        let file = crate::evidence::bundle::papers::paper_file(sequence, "document");
        let media_type = escaped(&signed.media_type);
        let head = words(DOCUMENT);
        add(page, format_args!("<tr><th>{head}<td><code>{file}</code> ({media_type})\n"));
    }
    page.push_str("</table>\n");
}
