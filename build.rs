//! Compiles the contracts under `proto/kopir` to Rust, without protoc, and keeps their descriptors
//! for reflection.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

const ROOT: &str = "proto";

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
