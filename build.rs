//! Passes options that make the program smaller to the linker, if it supports them: only on Linux, and only in
//! optimized builds.
//!
//! The options affect linking only, so the dependencies are not compiled again. Each option is tested by linking an
//! empty program with it; with relocation packing, that program is also run.

use std::env;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// The linker option for identical code folding. It is safe, because this program compares no function addresses.
const FOLD_EQUAL_FUNCTIONS: &str = "-Wl,--icf=all";

/// The linker option that packs relative relocations into a few percent of their usual size. The loader must support
/// it, as glibc does from version 2.36 on.
const PACK_RELOCATIONS: &str = "-Wl,-z,pack-relative-relocs";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") || env::var("OPT_LEVEL").as_deref() == Ok("0") {
        return;
    }
    if link_with(FOLD_EQUAL_FUNCTIONS) {
        println!("cargo::rustc-link-arg-bins={FOLD_EQUAL_FUNCTIONS}");
    }
    let is_native = env::var_os("HOST") == env::var_os("TARGET");
    if is_native && link_with(PACK_RELOCATIONS) && Command::new(trial()).status().is_ok_and(|status| status.success()) {
        println!("cargo::rustc-link-arg-bins={PACK_RELOCATIONS}");
    }
}

/// Returns the path of the empty program.
fn trial() -> std::path::PathBuf {
    Path::new(&env::var_os("OUT_DIR").unwrap_or_default()).join("trial")
}

/// Links an empty program with the linker and the flags of this build and one more argument. Returns whether that
/// succeeded.
fn link_with(argument: &str) -> bool {
    let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["-", "--crate-name=trial", "--crate-type=bin", "--edition=2024"]).arg("-o").arg(trial());
    if let Some(target) = env::var_os("TARGET") {
        rustc.arg("--target").arg(target);
    }
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        let mut choice = std::ffi::OsString::from("-Clinker=");
        choice.push(linker);
        rustc.arg(choice);
    }
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    rustc.args(flags.split('\u{1f}').filter(|flag| !flag.is_empty())).arg(format!("-Clink-arg={argument}"));
    let started = rustc.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    started.is_ok_and(|mut rustc| {
        let is_written = rustc.stdin.take().is_some_and(|mut input| input.write_all(b"fn main() {}\n").is_ok());
        rustc.wait().is_ok_and(|status| status.success()) && is_written
    })
}
