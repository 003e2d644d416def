//! The program `kopir`. What it does is in [`kopir::cli`].

use std::process::ExitCode;

/// Acts are made of many small pieces that one thread allocates and another frees, which the
/// system's allocator does slowly and with much memory left behind; `kopir bench` shows both.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    kopir::cli::run()
}
