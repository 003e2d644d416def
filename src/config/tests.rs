//! The sample is sound, complete and honest about the defaults; each mistake is told with its key
//! and its remedy.

use super::*;
use crate::domain::Act;
use crate::domain::procedure::NoLadder;
use crate::domain::signature::KeyRole;
use crate::engine::vitals::DiskMarks;
use crate::trust::signature::policy::{ActPolicy, Demand, Policy};

const SAMPLE: &str = include_str!("../../deploy/kopir.toml");

/// The keys without a default, and nothing else.
const LEAST: &str = r#"
version = 1
listen = "127.0.0.1:7443"
data_dir = "../data"
registry_file = "parties.toml"
tls = { ca_file = "../certs/ca.pem", certificate_file = "../certs/bus.pem", key_file = "../certs/bus.key" }
"#;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(Path::new("etc/kopir.toml"), text)
}

fn refusal(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

/// The sample with the lines in effect that it shows as comments.
fn whole_sample() -> String {
    let shown = |line: &str| {
        let line = line.strip_prefix("# ")?;
        let shown = line.starts_with('[') || line.contains(" = ") && !line.ends_with('.');
        shown.then(|| line.to_owned())
    };
    SAMPLE.lines().map(|line| shown(line).unwrap_or(line.to_owned()) + "\n").collect()
}

#[test]
fn the_sample_shows_the_defaults() {
    let (sample, least) = (parse(SAMPLE).unwrap(), parse(LEAST).unwrap());
    assert_eq!(format!("{sample:#?}"), format!("{least:#?}"));
}

#[test]
fn the_sample_has_every_key() {
    let sample = whole_sample();
    let table: toml::Table = sample.parse().unwrap();
    // What serde would have accepted in place of an unknown key is every key there is.
    let mut told = 0;
    let sections = [""].into_iter().chain(
        table.iter().filter(|(_, value)| value.is_table()).map(|(section, _)| section.as_str()),
    );
    for section in sections {
        let mut table = table.clone();
        let keys = match section {
            "" => &mut table,
            section => table[section].as_table_mut().unwrap(),
        };
        keys.insert("no_such_key".into(), 1.into());
        let known: Vec<String> = keys.keys().cloned().collect();
        let refusal = refusal(&toml::to_string(&table).unwrap());
        let (_, expected) = refusal.split_once("expected ").unwrap();
        for key in expected.split('`').skip(1).step_by(2) {
            assert!(known.iter().any(|known| known == key), "{section}: {key}");
            told += 1;
        }
    }
    assert!(told > 40, "{told}");
}

#[test]
fn the_sample_tells_every_range() {
    // A number one beyond either end of the range in the comment is refused with that range.
    let mut section = "";
    let mut checked = 0;
    for line in SAMPLE.lines() {
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']');
        }
        let Some((name, rest)) = line.split_once(" = ") else { continue };
        let Some((value, comment)) = rest.split_once('#') else { continue };
        let range = comment.trim().split(';').next().unwrap().split_once(" to ");
        let Some((min, max)) = range else { continue };
        let (min, max): (i64, i64) = (min.parse().unwrap(), max.parse().unwrap());
        for beyond in [min - 1, max + 1, -1] {
            let mistaken = line.replacen(value.trim(), &format!("{beyond} "), 1);
            let refusal = refusal(&SAMPLE.replacen(line, &mistaken, 1));
            let told = format!(
                "etc/kopir.toml: key {section}.{name}: {beyond} is out of range; \
                 write a number from {min} to {max}"
            );
            assert_eq!(refusal, told);
        }
        checked += 1;
    }
    assert_eq!(checked, 51);
}

#[test]
fn values_have_their_units() {
    let config = parse(&whole_sample()).unwrap();
    assert_eq!(config.engine.reserve_disk_bytes, 256 * 1024 * 1024);
    assert_eq!(config.journal.segment_bytes, 64 * 1024 * 1024);
    assert_eq!(config.journal.max_record_bytes, 512 * 1024);
    assert_eq!(config.index_cache_bytes, 32 * 1024 * 1024);
    assert_eq!(config.limits.max_message_bytes, 256 * 1024);
    assert_eq!(config.limits.stream_idle, Duration::from_secs(300));
    assert_eq!(config.http2.max_header_list_bytes, 16 * 1024);
    assert_eq!(config.consent_validity, Some(CalendarDays(365)));
    assert_eq!(config.quota.when_unset, WhenUnset::Refuse);
    assert_eq!(
        (config.readings.strict_from, config.readings.roll_over),
        (Some(false), Some(false))
    );
    let published: Vec<_> =
        config.readings.publications.iter().map(|(key, day)| format!("{key} {day}")).collect();
    assert_eq!(published, ["kandas/2021 2021-08-20", "kandas/2024 2024-06-13"]);
    let start = "2023-01-09T03:00:00Z".parse().unwrap();
    assert_eq!(config.sandbox, Some(Sandbox { start }));
}

#[test]
fn relative_paths_begin_at_the_file() {
    let absolute = LEAST.replace("../certs/ca.pem", "/etc/ca.pem");
    let config = parse(&absolute).unwrap();
    assert_eq!(config.tls.files.tls.ca, Path::new("/etc/ca.pem"));
    assert_eq!(config.tls.files.tls.key, Path::new("etc/../certs/bus.key"));
    assert_eq!(config.registry_file, Path::new("etc/parties.toml"));
    assert_eq!(config.journal_dir(), Path::new("etc/../data/journal"));
    assert_eq!(config.index_dir(), Path::new("etc/../data/index"));
    let here = Config::parse(Path::new("kopir.toml"), LEAST).unwrap();
    assert_eq!(here.registry_file, Path::new("parties.toml"));
}

#[test]
fn a_mistaken_key_is_named_with_its_line() {
    let unknown = LEAST.to_owned() + "[limits]\nmax_message_kb = 256\n";
    let told = refusal(&unknown);
    assert!(
        told.starts_with(
            "etc/kopir.toml:8: key limits.max_message_kb: unknown field `max_message_kb`"
        ),
        "{told}"
    );
    let mistyped = LEAST.to_owned() + "[journal]\n\nsegment_mib = \"64\" # quoted\n";
    let told = refusal(&mistyped);
    assert!(told.starts_with("etc/kopir.toml:9: key journal.segment_mib: invalid type"), "{told}");
    let told = refusal("version = \"1\"");
    assert!(told.starts_with("etc/kopir.toml:1: key version: invalid type"), "{told}");
}

#[test]
fn numbers_that_do_not_work_together_are_refused_with_the_least_that_does() {
    let cases = [
        ("engine", "max_waiting_commands = 1000\nmax_group_commands = 1001", "write at least 1001"),
        ("engine", "max_waiting_commands = 2047", "write at least 2048"),
        ("engine", "reserve_disk_mib = 127", "write at least 128"),
        ("engine", "warn_disk_mib = 255", "write at least 256"),
        ("journal", "max_record_kib = 511", "write at least 512"),
        ("journal", "max_record_kib = 513\nsegment_mib = 1", "write at least 2"),
        ("limits", "max_connections = 31", "write at least 32"),
        ("http2", "connection_window_kib = 255", "write at least 256"),
    ];
    for (section, keys, least) in cases {
        let told = refusal(&format!("{LEAST}[{section}]\n{keys}\n"));
        let key = keys.split(" = ").next().unwrap();
        let key = if least.ends_with(" 2") { "segment_mib" } else { key };
        assert!(told.starts_with(&format!("etc/kopir.toml: key {section}.{key}: ")), "{told}");
        assert!(told.ends_with(least), "{told}");
    }
}

#[test]
fn the_operator_is_warned_before_anything_is_refused() {
    let marks = |keys: &str| parse(&format!("{LEAST}[engine]\n{keys}\n")).unwrap().keeper.disk;
    for keys in ["", "reserve_disk_mib = 2000", "warn_disk_mib = 256", "reserve_disk_mib = 1048576"]
    {
        let DiskMarks { warn_bytes, intake_bytes, all_bytes } = marks(keys);
        assert!(warn_bytes >= intake_bytes && intake_bytes > all_bytes, "{keys}");
    }
    assert_eq!(marks("reserve_disk_mib = 2000").warn_bytes, 4000 * 1024 * 1024);
}

#[test]
fn memory_has_no_bound_unless_one_is_set() {
    let bound = |keys: &str| parse(&format!("{LEAST}[limits]\n{keys}\n")).unwrap().keeper;
    assert_eq!(bound("").max_memory_bytes, None);
    assert_eq!(bound("max_memory_mib = 0").max_memory_bytes, None);
    assert_eq!(bound("max_memory_mib = 512").max_memory_bytes, Some(512 * 1024 * 1024));
}

#[test]
fn no_file_takes_the_clock_for_right() {
    assert!(!parse(LEAST).unwrap().clock.accept);
    let told = refusal(&format!("{LEAST}[clock]\naccept = true\n"));
    assert!(told.contains("key clock.accept: unknown field"), "{told}");
}

#[test]
fn a_slip_in_the_filter_does_not_cost_the_log() {
    for filter in ["inof", "info,", "info,kopir=verbose", "kopir=", "kopir", ""] {
        let told = refusal(&format!("{LEAST}[log]\nfilter = {filter:?}\n"));
        assert!(told.starts_with(&format!("etc/kopir.toml: key log.filter: {filter:?}")), "{told}");
    }
    let log = parse(&format!("{LEAST}[log]\nfilter = \"warn,kopir::engine=debug\"\n")).unwrap().log;
    assert!(log.filter.would_enable("kopir::engine", &tracing::Level::DEBUG));
    assert!(!log.filter.would_enable("h2", &tracing::Level::INFO));
}

#[test]
fn a_quota_that_nobody_has_set_refuses_or_admits_and_nothing_else() {
    let unset = |word: &str| parse(&format!("{LEAST}[quota]\nwhen_unset = \"{word}\"\n"));
    assert_eq!(parse(LEAST).unwrap().quota.when_unset, WhenUnset::Refuse);
    assert_eq!(unset("refuse").unwrap().quota.when_unset, WhenUnset::Refuse);
    assert_eq!(unset("admit").unwrap().quota.when_unset, WhenUnset::Admit);
    let told = unset("maybe").unwrap_err().to_string();
    assert_eq!(
        told,
        "etc/kopir.toml: key quota.when_unset: \"maybe\" is not \"refuse\" or \"admit\"; \
         write for example `when_unset = \"refuse\"`"
    );
}

/// The configured procedures, with these days of publication.
fn published(days: &str) -> Result<Procedures, ConfigError> {
    let text = format!("{LEAST}[procedures.publication_dates]\n{days}\n");
    parse(&text)?.procedures(procedures::load().unwrap())
}

#[test]
fn an_edition_applies_from_the_eleventh_day_after_its_publication() {
    let days = "\"kandas-status/2025\" = \"2025-10-14\"";
    let configured = published(days).unwrap();
    let from = |name: &str| {
        let key = configured.keys().find(|key| key.to_string() == name).unwrap();
        configured[key].in_force_from()
    };
    assert_eq!(from("kandas-status/2025"), Some(jiff::civil::date(2025, 10, 25)));
    assert_eq!(from("kandas/2024"), None);
}

#[test]
fn a_day_of_publication_that_cannot_be_is_refused_with_the_remedy() {
    let cases = [
        (
            "\"kandas/2031\" = \"2031-01-01\"",
            "kandas/2031 is no procedure of this bus; `kopir procedure list` shows them",
        ),
        (
            "\"kandas/2021\" = \"2024-06-13\"\n\"kandas/2024\" = \"2024-06-13\"",
            "kandas/2024 cannot be published on or before the day of kandas/2021; correct the dates",
        ),
        (
            "\"kandas-2024\" = \"2024-06-13\"",
            "\"kandas-2024\" is not a procedure and its edition, with the day of publication; \
             write for example `\"kandas/2024\" = \"2024-06-13\"`",
        ),
        (
            "\"kandas/2024\" = \"13.06.2024\"",
            "\"13.06.2024\" is not a day as YYYY-MM-DD; \
             write for example `\"kandas/2024\" = \"2024-06-13\"`",
        ),
    ];
    for (days, told) in cases {
        let refusal = published(days).unwrap_err().to_string();
        assert_eq!(refusal, format!("etc/kopir.toml: key procedures.publication_dates: {told}"));
    }
}

#[test]
fn the_readings_of_the_configuration_reach_every_procedure() {
    let text = format!(
        "{LEAST}[procedures]\nstrict_from = true\nroll_over = true\nconsent_validity_days = 90\n"
    );
    let shipped = procedures::load().unwrap();
    for procedure in parse(&text).unwrap().procedures(shipped.clone()).unwrap().values() {
        assert_eq!(procedure.counting(), Counting { strict_from: true, roll_over: true });
        assert_eq!(procedure.consent_validity(), Some(CalendarDays(90)));
    }
    assert_eq!(parse(LEAST).unwrap().procedures(shipped.clone()).unwrap(), shipped);
}

/// The mail server of the sample, without one of its lines or with another.
fn smtp(from: &str, to: &str) -> String {
    let sample = "host = \"mail.example.kz\"\nport = 587\ntls = \"starttls\"\n\
                  from = \"kopir@example.kz\"\nusername = \"kopir\"\n\
                  password_file = \"smtp.password\"\ntimeout_seconds = 30\n";
    assert!(sample.contains(from), "{from}");
    format!("{LEAST}[notify.smtp]\n{}", sample.replacen(from, to, 1))
}

#[test]
fn a_mail_server_is_taken_as_the_sample_shows_it() {
    let sample = parse(&whole_sample()).unwrap().notify;
    assert_eq!(sample.ca_file.as_deref(), Some(Path::new("etc/../certs/outside.pem")));
    assert_eq!(sample.smtp, parse(&smtp("", "")).unwrap().notify.smtp);
    let smtp = sample.smtp.unwrap();
    assert_eq!(smtp.password_file.as_deref(), Some(Path::new("etc/smtp.password")));
    assert_eq!(parse(LEAST).unwrap().notify.smtp, None);
    // The port follows from how the connection is protected.
    for (tls, host, port) in [
        ("starttls", "mail.example.kz", 587),
        ("implicit", "10.0.0.1", 465),
        ("none", "127.0.0.1", 25),
        ("none", "localhost", 25),
        ("none", "::1", 25),
    ] {
        let text = format!("host = {host:?}\ntls = {tls:?}\nfrom = \"a@b.kz\"\n");
        let config = parse(&format!("{LEAST}[notify.smtp]\n{text}")).unwrap();
        assert_eq!(config.notify.smtp.unwrap().options.port, port);
    }
}

#[test]
fn a_mail_server_that_cannot_be_is_refused_with_the_remedy() {
    let none = smtp("tls = \"starttls\"", "tls = \"none\"");
    for (text, told) in [
        (smtp("host = \"mail.example.kz\"\n", ""), "host: is missing; write for example"),
        (smtp("mail.example.kz", "mail example"), "host: \"mail example\" is not a host name"),
        (smtp("587", "0"), "port: 0 is out of range; write a number from 1 to 65535"),
        (smtp("starttls", "ssl"), "tls: \"ssl\" is not starttls, implicit or none"),
        (none, "tls: \"none\" is not possible to another machine"),
        (smtp("from = \"kopir@example.kz\"\n", ""), "from: is missing"),
        (smtp("kopir@example.kz", "Kopir"), "from: \"Kopir\" is not an address of e-mail"),
        (smtp("username = \"kopir\"\n", ""), "username: is missing"),
        (smtp("password_file = \"smtp.password\"\n", ""), "password_file: is missing"),
        (smtp("timeout_seconds = 30", "timeout_seconds = 301"), "timeout_seconds: 301 is out"),
        (smtp("", "password = \"sesame\"\n"), "password: unknown field `password`"),
    ] {
        let told = format!("key notify.smtp.{told}");
        let refusal = refusal(&text);
        assert!(refusal.starts_with("etc/kopir.toml:") && refusal.contains(&told), "{refusal}");
    }
    let waits = "backoff_min_seconds = 60\nbackoff_max_seconds = 59";
    let told = refusal(&format!("{LEAST}[notify]\n{waits}\n"));
    assert!(told.contains("key notify.backoff_max_seconds: 59 is too small"), "{told}");
    assert!(told.ends_with("write at least 60"), "{told}");
}

/// A configuration with the sample's registry and more, and what stops it.
fn ladder_refusal(registry_end: &str, config_end: &str) -> Option<String> {
    let dir = tempfile::tempdir().unwrap();
    let parties = include_str!("../../deploy/parties.toml");
    fs::write(dir.path().join("parties.toml"), format!("{parties}\n{registry_end}")).unwrap();
    let text = format!("{LEAST}{config_end}\n");
    let config = Config::parse(&dir.path().join("kopir.toml"), &text).unwrap();
    let inputs = match config.open_ladder() {
        Ok(inputs) => inputs,
        Err(why) => return Some(why.to_string()),
    };
    let book = registry::contacts(&config.registry_file, &inputs.parties).unwrap();
    config.check_rungs(&book.contacts, &inputs.ladder).err().map(|why| why.to_string())
}

#[test]
fn rungs_of_a_hop_that_has_no_ladder_are_refused_with_the_reason() {
    for (hop, told) in [
        ("K24-12", "K24-12 is possible and never owed"),
        ("K99-01", "K99-01 is no hop of a procedure; name"),
    ] {
        let hops = format!("[ladder.hops]\n\"{hop}\" = [\"half\"]");
        let refusal = ladder_refusal("", &hops).unwrap();
        assert!(refusal.contains(&format!("key ladder.hops: {told}")), "{refusal}");
        assert!(refusal.contains("`kopir procedure show`"), "{refusal}");
    }
    assert_eq!(ladder_refusal("", "[ladder.hops]\n\"K21B-03\" = [\"half\"]"), None);
    // Of every hop there is, those with a ladder are taken.
    let procedures = procedures::load().unwrap();
    let hops = procedures.values().flat_map(|procedure| procedure.hops());
    let without: Vec<_> = hops.filter_map(|hop| hop.no_ladder()).collect();
    for why in [NoLadder::Branch, NoLadder::Applicants, NoLadder::NoTerm] {
        assert!(without.contains(&why), "{why}");
    }
}

#[test]
fn a_contact_that_waits_for_what_is_never_said_is_refused_with_the_remedy() {
    let contact = |rung| {
        format!(
            "[[contact]]\nparty = \"mission-uz\"\nemail = [\"a@b\"]\nrungs = [\"due\", \"{rung}\"]"
        )
    };
    let refusal = ladder_refusal(&contact("opening"), "").unwrap();
    let told =
        "contact of mission-uz, key rungs: opening is said of no hop; put it into ladder.rungs";
    assert!(refusal.contains("parties.toml") && refusal.contains(told), "{refusal}");
    let opening = "[ladder.hops]\n\"K21B-03\" = [\"opening\"]";
    assert_eq!(ladder_refusal(&contact("opening"), opening), None);
    let without = "[ladder]\nrungs = [\"day-before\"]";
    assert!(ladder_refusal(&contact("half"), without).is_some());
    for said in ["due", "infeasible", "held", "late-discharge", "day-before"] {
        assert_eq!(
            ladder_refusal(&contact(said).replace("\"due\", ", ""), without),
            None,
            "{said}"
        );
    }
}

#[test]
fn a_push_whose_longest_wait_is_shorter_than_its_first_is_refused() {
    let waits = |base: u32, max: u32| {
        format!("{LEAST}[push]\nbackoff_base_ms = {base}\nbackoff_max_seconds = {max}\n")
    };
    let told = refusal(&waits(1_001, 1));
    assert!(told.contains("key push.backoff_max_seconds: 1 is too small"), "{told}");
    assert!(told.contains("push.backoff_base_ms") && told.ends_with("write at least 2"), "{told}");
    let told = refusal(&waits(60_000, 59));
    assert!(told.ends_with("write at least 60"), "{told}");
}

#[test]
fn what_the_notifications_lack_stops_the_start_with_the_key() {
    let dir = tempfile::tempdir().unwrap();
    let registry = dir.path().join("parties.toml");
    let contact = "[[contact]]\nparty = \"mission-uz\"\nemail = [\"duty@example.kz\"]\n";
    let parties = include_str!("../../deploy/parties.toml");
    fs::write(&registry, format!("{parties}\n{contact}")).unwrap();
    let parties = registry::read(&registry).unwrap();
    let told = |text: &str| {
        let config = Config::parse(&dir.path().join("kopir.toml"), text).unwrap();
        config.notifications(&parties).unwrap_err().to_string()
    };
    let refusal = told(LEAST);
    assert!(refusal.contains("kopir.toml: key notify.smtp: is missing"), "{refusal}");
    assert!(refusal.contains("mission-uz"), "{refusal}");
    let refusal = told(&format!("{}[notify]\nca_file = \"none.pem\"\n", smtp("", "")));
    assert!(refusal.contains("key notify.ca_file: ") && refusal.contains("none.pem"), "{refusal}");
    let local =
        smtp("mail.example.kz\"\nport = 587\ntls = \"starttls", "localhost\"\ntls = \"none");
    let refusal = told(&local);
    assert!(refusal.contains("key notify.smtp.password_file: "), "{refusal}");
    assert!(refusal.contains("smtp.password"), "{refusal}");
}

#[test]
fn a_master_key_is_a_file_a_credential_or_of_a_token() {
    use crate::vault::master::MasterSource;
    use crate::vault::secret::SecretFile;

    let plain = |path: &str| MasterSource::Plain(SecretFile::Path(path.into()));
    let with = |section: &str| parse(&format!("{LEAST}[vault]\n{section}"));
    let place =
        with("dir = \"keys\"\nmaster_key = \"/k\"\nprevious_master_key = \"old\"").unwrap().vault;
    assert_eq!(place.dir, Path::new("etc/keys"));
    assert_eq!(place.master, plain("/k"));
    assert_eq!(place.previous, Some(plain("etc/old")));
    let place = with("master_key = \"credential:kopir-vault\"").unwrap().vault;
    let credential = |name: &str| SecretFile::Credential(name.to_owned());
    assert_eq!(place.master, MasterSource::Plain(credential("kopir-vault")));
    let token = "master_key = \"pkcs11:kopir\"\n[vault.pkcs11]\nmodule = \"/m.so\"\n\
                 token = \"HSM 1\"\npin = \"credential:pin\"";
    let MasterSource::Token(key) = with(token).unwrap().vault.master else { panic!("no token") };
    assert_eq!((key.token.as_str(), key.label.as_str()), ("HSM 1", "kopir"));
    assert_eq!((key.pin, key.module), (credential("pin"), "/m.so".into()));
    assert!(key.file.ends_with("vault/master-kopir.token"), "{}", key.file.display());
    for (section, key) in [
        ("dir = \"\"", "vault.dir"),
        ("master_key = \"\"", "vault.master_key"),
        ("master_key = \"credential:\"", "vault.master_key"),
        ("master_key = \"credential:../etc/shadow\"", "vault.master_key"),
        ("master_key = \"credential:.hidden\"", "vault.master_key"),
        ("master_key = \"a\"\nprevious_master_key = \"a\"", "vault.previous_master_key"),
        ("master_key = \"pkcs11:kopir\"", "vault.pkcs11"),
        ("master_key = \"pkcs11:../kopir\"", "vault.master_key"),
        ("[vault.pkcs11]\ntoken = \"a\"\npin = \"p\"", "vault.pkcs11.module"),
        ("[vault.pkcs11]\nmodule = \"m\"\ntoken = \" \"\npin = \"p\"", "vault.pkcs11.token"),
        ("[vault.pkcs11]\nmodule = \"m\"\ntoken = \"a\"", "vault.pkcs11.pin"),
    ] {
        let error = with(section).unwrap_err().to_string();
        assert!(
            error.contains(&format!("key {key}:")) && error.contains("write for example"),
            "{error}"
        );
    }
}

#[test]
fn signatures_are_asked_as_the_sample_says() {
    let least = parse(LEAST).unwrap().signatures;
    assert_eq!(least.policy, Policy::default());
    assert_eq!((least.anchors_file, least.crl_dir, least.verifier), (None, None, None));
    let sample = parse(&whole_sample()).unwrap().signatures;
    let decision = sample.policy.of(Act::RecordDecision).unwrap();
    let roles = vec![KeyRole::Head];
    assert_eq!(*decision, ActPolicy { demand: Demand::Required, undetermined: false, roles });
    assert_eq!(sample.policy.of(Act::CertifyCopies), Policy::default().of(Act::CertifyCopies));
    assert_eq!(sample.crl_dir.as_deref(), Some(Path::new("etc/../crl")));
    let verifier = sample.verifier.unwrap();
    assert_eq!(verifier.url.to_string(), "http://127.0.0.1:14579/");
    assert_eq!(verifier.timeout, Duration::from_secs(10));
    // What is said of all acts holds for those of which nothing is said.
    let all = "[signatures]\ndemand = \"required\"\nundetermined = \"refuse\"\n\
               [signatures.acts.publish-result]\ndemand = \"none\"\n";
    let all = parse(&format!("{LEAST}{all}")).unwrap().signatures.policy;
    let of = |act| all.of(act).map(|of| (of.demand, of.undetermined));
    assert_eq!(of(Act::RecordDecision), Some((Demand::Required, false)));
    assert_eq!(of(Act::PublishResult), Some((Demand::None, false)));
}

#[test]
fn what_cannot_be_asked_of_a_signature_is_refused_with_the_remedy() {
    for (text, told) in [
        ("algorithms = [\"sha1\"]", "algorithms: \"sha1\" is not rsa-pkcs1, rsa-pss"),
        ("demand = \"always\"", "demand: \"always\" is not \"required\", \"optional\" or"),
        ("undetermined = \"maybe\"", "undetermined: \"maybe\" is not \"accept\" or"),
        ("anchors_file = \"\"", "anchors_file: \"\" is not a path"),
        ("[signatures.acts.submit-application]", "acts: \"submit-application\" is not an act that"),
        ("acts.send-decision.roles = [\"chief\"]", "acts: \"chief\" is not head, signatory or"),
        ("[signatures.verifier]", "verifier.url: is missing"),
        ("verifier.url = \"http://nca.example.kz\"", "is not an address: https, or http to this"),
        ("verifier = { url = \"https://a.kz\", timeout_seconds = 61 }", "61 is out of range"),
    ] {
        let refusal = refusal(&format!("{LEAST}[signatures]\n{text}\n"));
        assert!(refusal.contains("key signatures.") && refusal.contains(told), "{refusal}");
    }
}

#[test]
fn what_signatures_need_stops_the_start_with_the_key() {
    let dir = tempfile::tempdir().unwrap();
    let told = |text: &str| {
        let text = format!("{LEAST}[signatures]\n{text}\n");
        let config = Config::parse(&dir.path().join("kopir.toml"), &text).unwrap();
        config.desk(None).unwrap_err().to_string()
    };
    fs::create_dir(dir.path().join("lists")).unwrap();
    fs::write(dir.path().join("lists/a.crl"), "no list").unwrap();
    for (text, key, words) in [
        ("anchors_file = \"none.pem\"", "signatures.anchors_file", "none.pem"),
        ("crl_dir = \"none\"", "signatures.crl_dir", "should hold revocation lists"),
        ("crl_dir = \"lists\"", "signatures.crl_dir", "a.crl: is no full revocation list"),
        (
            "verifier = { url = \"https://a.kz\", ca_file = \"none.pem\" }",
            "signatures.verifier.ca_file",
            "none.pem",
        ),
    ] {
        let refusal = told(text);
        assert!(refusal.contains(&format!("key {key}: ")) && refusal.contains(words), "{refusal}");
    }
}

#[test]
fn a_time_stamp_authority_is_asked_as_the_sample_says() {
    assert_eq!(parse(LEAST).unwrap().evidence.timestamp, None);
    let sample = parse(&whole_sample()).unwrap().evidence.timestamp.unwrap();
    assert_eq!(sample.url.to_string(), "http://tsa.example.kz:80/");
    assert_eq!(sample.anchors_file, Path::new("etc/../certs/tsa.pem"));
    let spans = (sample.interval, sample.timeout);
    assert_eq!(spans, (Duration::from_secs(3_600), Duration::from_secs(10)));
    assert_eq!(sample.policy.unwrap().to_string(), "1.3.6.1.4.1.99999.1");
    let with = |text: &str| format!("{LEAST}[evidence.timestamp]\n{text}\n");
    let sound = "url = \"https://tsa.example.kz\"\nanchors_file = \"none.pem\"\n";
    for (text, told) in [
        ("", "timestamp.url: is missing"),
        ("url = \"ftp://tsa.example.kz\"", "url: \"ftp://tsa.example.kz\" is not an http or https"),
        ("url = \"http://tsa.example.kz\"", "timestamp.anchors_file: is missing"),
        (&format!("{sound}policy = \"one\""), "policy: \"one\" is not an object identifier"),
        (&format!("{sound}interval_seconds = 0"), "interval_seconds: 0 is out of range"),
        (&format!("{sound}timeout_seconds = 61"), "timeout_seconds: 61 is out of range"),
        (&format!("{sound}ca_file = \"\""), "timestamp.ca_file: \"\" is not a path"),
    ] {
        let refusal = refusal(&with(text));
        assert!(refusal.contains("key evidence.") && refusal.contains(told), "{refusal}");
    }
    let dir = tempfile::tempdir().unwrap();
    let config = Config::parse(&dir.path().join("kopir.toml"), &with(sound)).unwrap();
    let refusal = config.timestamp_service().unwrap_err().to_string();
    assert!(refusal.contains("key evidence.timestamp.anchors_file: "), "{refusal}");
}

#[test]
fn a_rule_of_retention_is_taken_as_the_sample_shows_it() {
    let rules = |text: &str| parse(&format!("{LEAST}\n{text}"));
    let rule = "[[retention.rules]]\nprocedure = \"kandas-status\"\nrole = \"state-corporation\"\n\
                years = 1\nsource = \"004 App. 2 row 5\"\n";
    let taken = rules(&format!("{rule}[[retention.rules]]\ndays = 400\nsource = \"assumed\"\n"));
    let taken = taken.unwrap().retention;
    assert_eq!(taken.rules.len(), 2);
    assert_eq!(
        taken.rules[0].to_string(),
        "kandas-status, state-corporation: 1 years after closing; 004 App. 2 row 5"
    );
    assert_eq!(taken.rules[1].to_string(), "any procedure: 400 days after closing; assumed");
    assert_eq!(parse(SAMPLE).unwrap().retention, Retention::default());
    assert_eq!(parse(&whole_sample()).unwrap().retention.rules, taken.rules[..1]);
    for (rule, key, remedy) in [
        ("years = 0\nsource = \"assumed\"", "retention.rules.years", "1 to 100"),
        ("days = 40000\nsource = \"assumed\"", "retention.rules.days", "1 to 36600"),
        ("years = 1\ndays = 2\nsource = \"assumed\"", "retention.rules", "one of the two"),
        ("source = \"assumed\"", "retention.rules.years", "years = 1"),
        ("years = 1", "retention.rules.source", "004 App. 2 row 5"),
        ("years = 1\nsource = \"\"", "retention.rules.source", "or assumed"),
        ("years = 1\nsource = \"assumed\"\nrole = \"court\"", "retention.rules.role", "a role"),
        (
            "years = 1\nsource = \"assumed\"\nprocedure = \"A B\"",
            "retention.rules.procedure",
            "name",
        ),
    ] {
        let refused = rules(&format!("[[retention.rules]]\n{rule}\n")).unwrap_err().to_string();
        assert!(refused.contains(key) && refused.contains(remedy), "{rule}: {refused}");
    }
    let refused = rules("[retention]\nkeep_cases = [\"no case\"]\n").unwrap_err().to_string();
    assert!(refused.contains("retention.keep_cases"), "{refused}");
}
