//! The program `kopir`. What it does is in [`kopir::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    kopir::cli::run()
}
