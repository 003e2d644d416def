//! Compiles the contracts under `proto/kopir` to Rust, without protoc, and keeps their descriptors
//! for reflection.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use prost_types::FileDescriptorSet;

const ROOT: &str = "proto";

/// Packages whose every message is a paper about persons.
const PERSONAL_PACKAGES: [&str; 1] = ["kopir.forms.v1"];
/// Further messages that hold names, birth dates, addresses, documents, or words about persons.
const PERSONAL: [&str; 22] = [
    "kopir.types.v1.Address",
    "kopir.types.v1.Application",
    "kopir.types.v1.ArrivalApplication",
    "kopir.types.v1.ConsentDecision",
    "kopir.types.v1.Dispatch",
    "kopir.types.v1.Document",
    "kopir.types.v1.ElectronicSignature",
    "kopir.types.v1.FamilyMember",
    "kopir.types.v1.HandOver",
    "kopir.types.v1.InclusionDecision",
    "kopir.types.v1.Official",
    "kopir.types.v1.Person",
    "kopir.types.v1.PersonName",
    "kopir.types.v1.Refusal",
    "kopir.agency.v1.DeliveryRejected",
    "kopir.inbox.v1.DeliveryRejection",
    "kopir.inbox.v1.HeldDelivery",
    "kopir.inbox.v1.RedirectDeliveryRequest",
    "kopir.inbox.v1.ReleaseDeliveryRequest",
    "kopir.inbox.v1.WithdrawDeliveryRequest",
    "kopir.akimat.v1.RecordObjectionRequest",
    "kopir.akimat.v1.RecordHearingRequest",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={ROOT}");
    let mut contracts = Vec::new();
    collect(&Path::new(ROOT).join("kopir"), &mut contracts)?;
    // The order of a directory is the file system's; the build's is not.
    contracts.sort();

    let mut compiler = protox::Compiler::new([ROOT])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(&contracts)?;
    // Encoded by the compiler itself, so that the field behaviours, which are extensions unknown
    // to the generated descriptor types, stay in what reflection serves.
    #[expect(clippy::disallowed_methods, reason = "how cargo tells a build script where to write")]
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("kopir.fds"), compiler.encode_file_descriptor_set())?;

    let mut config = tonic_prost_build::Config::new();
    config.skip_source_info();
    let redacted = redacted(&compiler.file_descriptor_set())?;
    config.skip_debug(redacted.names);
    fs::write(out.join("redacted.rs"), redacted.code)?;
    tonic_prost_build::configure()
        .build_client(true)
        .build_server(true)
        // A digest of 32 bytes then shares the buffer of the message that carried it.
        .bytes(".kopir")
        // The error model has its Rust types already.
        .extern_path(".google.rpc", "::tonic_types::pb")
        .include_file("contracts.rs")
        .compile_fds_with_config(compiler.file_descriptor_set(), config)?;
    Ok(())
}

/// Messages that show their size in place of their content.
struct Redacted {
    names: Vec<String>,
    code: String,
}

/// Writes how the messages about persons are shown: by their names and sizes, never their content.
fn redacted(files: &FileDescriptorSet) -> Result<Redacted, Box<dyn Error>> {
    let mut redacted = Redacted { names: Vec::new(), code: String::new() };
    let mut left: Vec<_> = PERSONAL.to_vec();
    for file in &files.file {
        let package = file.package();
        for message in &file.message_type {
            let full = format!("{package}.{}", message.name());
            left.retain(|name| *name != full);
            if !PERSONAL_PACKAGES.contains(&package) && !PERSONAL.contains(&full.as_str()) {
                continue;
            }
            if !message.nested_type.is_empty() {
                return Err(format!("{full}: nested messages are not redacted").into());
            }
            let module = package.replace('.', "::");
            let (name, within) = (message.name(), snake_case(message.name()));
            write!(
                redacted.code,
                "impl ::core::fmt::Debug for super::generated::{module}::{name} {{\n\
                 fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {{\n\
                 write!(f, \"{name}({{}} bytes)\", ::prost::Message::encoded_len(self))\n}}\n}}\n"
            )?;
            // A field that is optional is a oneof to the compiler, and none in the generated code.
            let optional = |index| {
                message
                    .field
                    .iter()
                    .any(|field| field.oneof_index == Some(index) && field.proto3_optional())
            };
            for (index, oneof) in (0..).zip(&message.oneof_decl) {
                if optional(index) {
                    continue;
                }
                let choice = camel_case(oneof.name());
                write!(
                    redacted.code,
                    "impl ::core::fmt::Debug for super::generated::{module}::{within}::{choice} {{\n\
                     fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {{\n\
                     f.write_str(\"{choice}(..)\")\n}}\n}}\n"
                )?;
            }
            redacted.names.push(format!(".{full}"));
        }
    }
    match left.first() {
        Some(unknown) => Err(format!("there is no message {unknown} to redact").into()),
        None => Ok(redacted),
    }
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

fn camel_case(name: &str) -> String {
    let words = name.split('_').map(|word| {
        let (first, rest) = word.split_at(1.min(word.len()));
        first.to_ascii_uppercase() + rest
    });
    words.collect()
}

fn collect(directory: &Path, into: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, into)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            into.push(path);
        }
    }
    Ok(())
}
