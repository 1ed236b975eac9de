//! Stands in for crates.io's `protobuf-src`, which compiles protobuf from C++ source.
//!
//! Lance's build scripts ask that crate for `protoc` when their `protoc` feature is on. This one
//! answers with a prebuilt binary from `protoc-bin-vendored`, so that a build needs neither an
//! installed `protoc` nor a C++ tool chain with autotools. `Cargo.toml` puts it in place with
//! `[patch.crates-io]`.

use std::path::PathBuf;

/// Returns the path of a `protoc` for the machine that builds.
///
/// # Panics
/// On a platform for which `protoc-bin-vendored` has no binary; the message names the platform.
pub fn protoc() -> PathBuf {
    match protoc_bin_vendored::protoc_bin_path() {
        Ok(path) => path,
        Err(error) => panic!("{error}; build without lance's `protoc` feature and set PROTOC"),
    }
}

/// Returns the folder of the well-known `.proto` files.
///
/// # Panics
/// On the same platforms as [`protoc`].
pub fn include() -> PathBuf {
    match protoc_bin_vendored::include_path() {
        Ok(path) => path,
        Err(error) => panic!("{error}"),
    }
}
