//! A master key under a PKCS#11 token: SoftHSM stands for the token, the program is the real one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first thing that is not as it must be"
)]

mod process;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use process::ledger::Ledger;
use process::load::{fetch, send, submission};
use process::seed::Seed;
use process::{Bus, COMMITTEE, Ground, MISSIONS, Settings, skip};

/// Where Debian and others put the library.
const MODULES: [&str; 3] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
];
const PIN: &str = "73051982";
/// Exit code of the program.
const USAGE: i32 = 2;

/// A token of this test's own, in its directory.
struct Token {
    module: &'static str,
    conf: PathBuf,
}

impl Token {
    /// A token with an AES key of the label `kopir`; why there is none here.
    fn make(ground: &Ground) -> Result<Self, String> {
        let module = MODULES.into_iter().find(|module| Path::new(module).exists());
        let module = module.ok_or("there is no SoftHSM")?;
        let (conf, tokens) = (ground.path("softhsm.conf"), ground.path("tokens"));
        fs::create_dir(&tokens).unwrap();
        let text =
            format!("directories.tokendir = {}\nobjectstore.backend = file\n", tokens.display());
        fs::write(&conf, text).unwrap();
        let token = Self { module, conf };
        let made = token.run(
            "softhsm2-util",
            &["--init-token", "--free", "--label", "bus", "--so-pin", "5678901", "--pin", PIN],
        )?;
        assert!(made.status.success(), "{}", told(&made));
        token.make_key("kopir")?;
        Ok(token)
    }

    fn make_key(&self, label: &str) -> Result<(), String> {
        let made = self.run(
            "pkcs11-tool",
            &[
                "--module",
                self.module,
                "--token-label",
                "bus",
                "--login",
                "--pin",
                PIN,
                "--keygen",
                "--key-type",
                "AES:32",
                "--label",
                label,
            ],
        )?;
        assert!(made.status.success(), "{}", told(&made));
        Ok(())
    }

    fn run(&self, program: &str, words: &[&str]) -> Result<Output, String> {
        let ran = Command::new(program).args(words).env("SOFTHSM2_CONF", &self.conf).output();
        ran.map_err(|_| format!("there is no {program}"))
    }
}

fn told(output: &Output) -> String {
    [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat()
}

fn write_private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_lives_on_the_key_of_a_token_and_is_rotated_to_it_and_to_another() {
    let ground = Ground::new();
    let token = match Token::make(&ground) {
        Ok(token) => token,
        Err(why) => return skip("token", &why),
    };
    // It begins on a file, and goes over to the token.
    let bus = Bus::start(&mut ground.serve(&Settings::default()));
    let (ledger, mut seed) = (Ledger::new(), Seed::of_this_run("token"));
    let mission = ground.client(&bus, MISSIONS[0]).await;
    send(&mission, &ledger, MISSIONS[0], &submission(&mut seed)).await.unwrap();
    assert!(bus.stop().success());
    let config = ground.path("kopir.toml");
    let text = fs::read_to_string(&config).unwrap();
    write_private(&ground.path("token.pin"), &format!("{PIN}\n"));
    let pkcs11 = format!(
        "[vault.pkcs11]\nmodule = \"{}\"\ntoken = \"bus\"\npin = \"token.pin\"\n",
        token.module
    );
    let configure =
        |keys: &str| fs::write(&config, format!("{text}[vault]\n{keys}\n{pkcs11}")).unwrap();
    let kopir = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kopir"));
        command.args(words).arg("--config").arg(&config).env("SOFTHSM2_CONF", &token.conf);
        command
    };
    let rotate = || kopir(&["vault", "rotate"]).output().unwrap();
    configure("master_key = \"pkcs11:kopir\"\nprevious_master_key = \"data/vault-master.key\"");
    let rotated = rotate();
    assert!(rotated.status.success(), "{}", told(&rotated));
    fs::remove_file(ground.data().join("vault-master.key")).unwrap();
    configure("master_key = \"pkcs11:kopir\"");
    for _ in 0..2 {
        let bus = Bus::start(&mut kopir(&["serve"]));
        let committee = ground.client(&bus, COMMITTEE).await;
        assert!(fetch(&committee, 1).await[0].application.is_some(), "its paper opens");
        assert!(bus.stop().success());
    }
    let kept = ground.data().join("vault/master-kopir.token");
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);

    // To another key of the token, which the bus makes none of.
    let both = "master_key = \"pkcs11:kopir-2\"\nprevious_master_key = \"pkcs11:kopir\"";
    configure(both);
    let missing = rotate();
    assert_eq!(missing.status.code(), Some(USAGE), "{}", told(&missing));
    assert!(told(&missing).contains("has no AES key \"kopir-2\""), "{}", told(&missing));
    token.make_key("kopir-2").unwrap();
    let rotated = rotate();
    assert!(rotated.status.success(), "{}", told(&rotated));
    configure("master_key = \"pkcs11:kopir-2\"");
    assert!(Bus::start(&mut kopir(&["serve"])).stop().success());
    configure("master_key = \"pkcs11:kopir\"");
    let refused = Bus::try_start(&mut kopir(&["serve"])).err().unwrap();
    assert_eq!(refused.status.code(), Some(USAGE), "{}", refused.log);
    assert!(refused.log.contains("is wrapped by master key"), "{}", refused.log);
}

#[test]
fn a_token_that_gives_no_key_refuses_the_start_with_the_remedy_and_tells_no_pin() {
    let ground = Ground::new();
    let token = match Token::make(&ground) {
        Ok(token) => token,
        Err(why) => return skip("token", &why),
    };
    drop(ground.serve(&Settings::default()));
    let config = ground.path("kopir.toml");
    let text = fs::read_to_string(&config).unwrap();
    let pin = ground.path("token.pin");
    let start = |label: &str, pkcs11: &str| {
        let vault = format!("[vault]\nmaster_key = \"pkcs11:{label}\"\n[vault.pkcs11]\n{pkcs11}\n");
        fs::write(&config, format!("{text}{vault}pin = \"token.pin\"\n")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_kopir"));
        command.arg("serve").arg("--config").arg(&config).env("SOFTHSM2_CONF", &token.conf);
        Bus::try_start(&mut command)
    };
    let right = format!("module = \"{}\"\ntoken = \"bus\"", token.module);
    let refused = |label: &str, pkcs11: &str, words: &str| {
        let refused = start(label, pkcs11).err().expect(words);
        assert_eq!(refused.status.code(), Some(USAGE), "{}", refused.log);
        assert!(refused.log.contains(words), "{words}: {}", refused.log);
        assert!(!refused.log.contains(PIN) && !refused.log.contains("00000000"), "{}", refused.log);
    };
    write_private(&pin, PIN);
    refused("kopir", "module = \"/none.so\"\ntoken = \"bus\"", "the library cannot be used");
    refused("kopir", "module = \"kopir.toml\"\ntoken = \"bus\"", "the library cannot be used");
    let other = format!("module = \"{}\"\ntoken = \"another\"", token.module);
    refused("kopir", &other, "token \"another\": is not there");
    refused("nokey", &right, "has no AES key \"nokey\"");
    write_private(&pin, "00000000");
    refused("kopir", &right, "refuses the PIN");
    write_private(&pin, PIN);
    assert!(start("kopir", &right).ok().unwrap().stop().success());
    token.make_key("kopir").unwrap();
    refused("kopir", &right, "has 2 AES keys \"kopir\"");
    // What the token encrypted is not what stands there.
    token.make_key("third").unwrap();
    assert!(start("third", &right).is_err(), "the vault has keys of another master key");
    let kept = ground.data().join("vault/master-third.token");
    let first = ground.data().join("vault/master-kopir.token");
    fs::copy(first, &kept).unwrap();
    refused("third", &right, "does not open with this key");
    let mut bytes = fs::read(&kept).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&kept, bytes).unwrap();
    refused("third", &right, "does not open with this key");
}
