//! Restores the model's file from its packed form.

use std::path::PathBuf;
use std::{env, fs};

#[path = "src/packing.rs"]
#[expect(dead_code, reason = "only the library packs")]
mod packing;

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let packed = fs::read(root.join("assets/static_model.packed")).expect("the package contains the model");
    let artifact = packing::unpack_artifact(&packed).expect("`cargo xtask pack-model` wrote the model");
    fs::write(out.join("static_model.bin"), artifact).expect("the folder is writable");
    println!("cargo::rerun-if-changed=assets/static_model.packed");
    println!("cargo::rerun-if-changed=src/packing.rs");
}
