//! The report of a case for people: one page of HTML without scripts and without anything that is
//! fetched, in Kazakh, Russian and English.

mod papers;

use std::fmt::Write as _;

use jiff::Timestamp;

use super::clocks::Told;
use super::manifest::Manifest;
use super::papers::Papers;
use crate::domain::CaseId;
use crate::domain::event::{ActRecorded, Event};
use crate::domain::ladder::Notice;
use crate::evidence::log::Published;
use crate::evidence::note::hex;
use crate::journal::Record;
use crate::procedures::labels::{LabelKind, Labels};

/// A text in the three languages.
type Words = [&'static str; 3];

const TITLE: Words = ["Іс бойынша дәлелдемелер", "Доказательства по делу", "Evidence of a case"];
const CASE: Words = ["Іс", "Дело", "Case"];
const PROCEDURE: Words = ["Рәсім мен редакция", "Процедура и редакция", "Procedure and edition"];
const MADE: Words = ["Жасалған уақыты", "Составлено", "Made"];
const JOURNAL: Words = ["Журнал", "Журнал", "Journal"];
const TREE: Words = [
    "Журналдағы жазбалар саны және түбір хэші",
    "Записей в журнале и корневой хеш",
    "Records in the journal, and root hash",
];
const TERMS: Words = ["Мерзімдер", "Сроки", "Terms"];
const RECORDS: Words = ["Журнал жазбалары", "Записи журнала", "Records of the journal"];
const TERM_HEAD: [Words; 7] = [
    ["Қадам", "Шаг", "Step"],
    ["Әрекет", "Действие", "Act"],
    ["Міндетті тарап", "Обязанная сторона", "Duty-holder"],
    ["Басталды", "Начало", "Begun"],
    ["Мерзімнің соңғы күні", "Последний день срока", "Last day of the term"],
    ["Орындалды", "Исполнено", "Done"],
    ["Алынды", "Получено", "Received"],
];
const RECORD_HEAD: [Words; 5] = [
    ["№", "№", "No."],
    ["Уақыты (UTC)", "Время (UTC)", "Time (UTC)"],
    ["Мазмұны", "Содержание", "What it is"],
    ["Тарап", "Сторона", "Party"],
    ["Жазбаның SHA-256 хэші", "SHA-256 записи", "SHA-256 of the record"],
];
const NOTE: Words = [
    "Бұл бет — оқуға арналған мазмұндама. Дәлел болып records, proofs, papers және signatures \
     қалталарындағы файлдар табылады; оларды «kopir evidence verify» командасы немесе c2sp.org/tlog-proof форматын оқитын \
     кез келген бағдарлама тексереді.",
    "Эта страница — изложение для чтения. Доказательством служат файлы в папках records, proofs, papers \
     и signatures; их проверяет команда «kopir evidence verify» или любая программа, читающая формат \
     c2sp.org/tlog-proof.",
    "This page restates the records for reading. The proof is in the files under records, \
     proofs, papers and signatures, which the command kopir evidence verify checks, or any program that reads the format \
     c2sp.org/tlog-proof.",
];

const STYLE: &str = "body{font:15px/1.45 sans-serif;margin:2em;max-width:75em}\
table{border-collapse:collapse;width:100%;margin:1em 0}\
th,td{border:1px solid #999;padding:.3em .5em;text-align:left;vertical-align:top}\
th{background:#eee}small{color:#555;display:block}code{font-size:12px;word-break:break-all}\
.late{background:#fdd}";

/// The page.
pub(super) fn report(
    told: &Told,
    records: &[Record],
    by: &Published,
    manifest: &Manifest,
    labels: &Labels,
    opened: Option<&Papers>,
) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"kk\">\n<meta charset=\"utf-8\">\n<title>{} {}</title>\n\
         <style>{STYLE}</style>\n<h1>{}</h1>\n<p>{}</p>\n<table>\n",
        TITLE[2],
        manifest.case,
        words(TITLE),
        words(NOTE),
    );
    let root = hex(&by.checkpoint.root.0);
    for (head, value) in [
        (CASE, manifest.case.to_string()),
        (PROCEDURE, told.case.procedure.to_string()),
        (MADE, manifest.made_at.to_string()),
        (JOURNAL, manifest.origin.clone()),
        (TREE, format!("{}, {root}", by.checkpoint.size)),
    ] {
        add(
            &mut page,
            format_args!("<tr><th>{}<td><code>{}</code>\n", words(head), escaped(&value)),
        );
    }
    add(&mut page, format_args!("</table>\n<h2>{}</h2>\n<table>\n<tr>", words(TERMS)));
    terms(&mut page, told, manifest.made_at, labels);
    page.push_str("</table>\n");
    papers::signatures(&mut page, told, labels);
    papers::papers(&mut page, told, opened, labels);
    journal(&mut page, told, records, labels);
    page + "\n</table>\n</html>\n"
}

fn journal(page: &mut String, told: &Told, records: &[Record], labels: &Labels) {
    add(page, format_args!("<h2>{}</h2>\n<table>\n<tr>", words(RECORDS)));
    for head in RECORD_HEAD {
        add(page, format_args!("<th>{}", words(head)));
    }
    for (record, (_, event)) in records.iter().zip(&told.events) {
        let (what, party) = line(told, event, labels);
        let at = Timestamp::from_millisecond(record.time_ms).map(|at| at.to_string());
        add(
            page,
            format_args!(
                "\n<tr><td>{}<td>{}<td>{what}<td>{}<td><code>{}</code>",
                record.seq,
                at.unwrap_or_default(),
                escaped(&party),
                record.hash,
            ),
        );
    }
}

fn terms(page: &mut String, told: &Told, now: Timestamp, labels: &Labels) {
    for head in TERM_HEAD {
        add(page, format_args!("<th>{}", words(head)));
    }
    for run in &told.case.hops {
        let [hop, act, holder, begun, _, due_day, _, done, _, received, ..] = told.row(run);
        let class = if run.is_late(now) { " class=\"late\"" } else { "" };
        let act = label(labels, LabelKind::Act, &act);
        add(page, format_args!("\n<tr{class}><td>{hop}<td>{act}"));
        for cell in [holder, begun, due_day, done, received] {
            add(page, format_args!("<td>{}", escaped(&cell)));
        }
    }
    page.push('\n');
}

/// What a record is, and of whom.
fn line(told: &Told, event: &Event, labels: &Labels) -> (String, String) {
    let party = |number| told.party(number);
    let (what, who) = match event {
        Event::Act(act) => return (of_act(act, labels), party(act.author)),
        Event::PartyEnrolled(enrolled) => {
            let what = ["Тараптың тіркелуі", "Регистрация стороны", "Party enrolled"];
            (what, enrolled.party.to_string())
        }
        Event::Acknowledged(taken) => {
            let what = ["Жеткізу расталды", "Получение подтверждено", "Receipt acknowledged"];
            (what, party(taken.by))
        }
        Event::QuotaSet(set) => {
            (["Квота белгіленді", "Квота установлена", "Quota set"], party(set.author))
        }
        Event::HoldingExpired(_) => {
            let what =
                ["Квотадағы орын босады", "Место в квоте освобождено", "Place in the quota freed"];
            (what, String::new())
        }
        Event::CalendarAmended(amended) => {
            let what = ["Күнтізбе өзгертілді", "Календарь изменён", "Calendar amended"];
            (what, party(amended.author))
        }
        Event::ClocksMoved(_) | Event::CalendarSettled(_) => {
            let what = ["Мерзімдер қайта есептелді", "Сроки пересчитаны", "Terms counted again"];
            (what, String::new())
        }
        Event::Notice(notice) => return (of_notice(notice, told.case.id), String::new()),
        Event::NoticeAcknowledged(taken) => {
            let what = ["Хабарлама алынды", "Уведомление получено", "Notice taken"];
            (what, party(taken.by))
        }
        Event::NoticeSent(sent) => {
            let what = ["Хабарлама жіберілді", "Уведомление отправлено", "Notice sent"];
            (what, party(sent.party))
        }
        Event::BusOutage(_) => {
            (["Шинаның тоқтап қалуы", "Простой шины", "Outage of the bus"], String::new())
        }
        Event::DeliveryHeld(held) => {
            let what = ["Жеткізу тоқтатылды", "Доставка задержана", "Delivery held"];
            (what, party(held.party))
        }
        Event::HeldResolved(resolved) => {
            let what =
                ["Тоқтатылған жеткізу шешілді", "Задержка разрешена", "Held delivery resolved"];
            (what, party(resolved.author))
        }
        Event::EndpointSet(set) => (
            ["Мекенжай тіркелді", "Адрес зарегистрирован", "Endpoint registered"],
            party(set.party),
        ),
        Event::RegistryChanged(_) => {
            let what =
                ["Тараптар тізілімі өзгерді", "Реестр сторон изменён", "Party registry changed"];
            (what, String::new())
        }
        Event::CaseErased(erased) => {
            let what =
                ["Жеке деректер жойылды", "Персональные данные уничтожены", "Personal data erased"];
            (what, erased.order.map(|order| party(order.author)).unwrap_or_default())
        }
        Event::DataRead(read) => {
            let what =
                ["Жеке деректер оқылды", "Персональные данные прочитаны", "Personal data read"];
            (what, party(read.reader))
        }
    };
    (words(what), who)
}

fn of_act(act: &ActRecorded, labels: &Labels) -> String {
    let what = label(labels, LabelKind::Act, act.act.name());
    let outcome = act.decision.as_ref().map(|decision| decision.outcome.name());
    match outcome {
        Some(outcome) => format!("{what}: {}", label(labels, LabelKind::Outcome, outcome)),
        None => what,
    }
}

/// A notice with the rungs of this case.
fn of_notice(notice: &Notice, case: CaseId) -> String {
    let about = notice.fired.iter().filter(|fired| fired.case == case);
    let rungs: Vec<_> = about.map(|fired| format!("{} {}", fired.hop, fired.rung)).collect();
    let what = ["Мерзім туралы хабарлама", "Уведомление о сроке", "Notice of a term"];
    format!("{}<code>{}</code>", words(what), rungs.join(", "))
}

fn label(labels: &Labels, kind: LabelKind, name: &str) -> String {
    match labels.get(kind, name) {
        Some(names) => three([&names.kk, &names.ru, &names.en]),
        None => escaped(name),
    }
}

fn words(words: Words) -> String {
    three(words)
}

fn three([kk, ru, en]: [&str; 3]) -> String {
    let (kk, ru, en) = (escaped(kk), escaped(ru), escaped(en));
    format!("{kk} <small lang=\"ru\">{ru}</small><small lang=\"en\">{en}</small>")
}

/// A text as HTML shows it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn add(page: &mut String, piece: std::fmt::Arguments<'_>) {
    // Writing into a string does not fail.
    let _ = page.write_fmt(piece);
}
