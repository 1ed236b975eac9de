//! Fuzzes manifests: with the checksum in the input, and with the right one.
#![no_main]

use codescry_platform::sealed_json::{check_json_seal, seal_json};
use codescry_store::Manifest;

libfuzzer_sys::fuzz_target!(|file: &[u8]| {
    _ = check_json_seal(file);
    let resealed = seal_json(&String::from_utf8_lossy(file));
    _ = check_json_seal(resealed.as_bytes());
    if let Ok(manifest) = serde_json::from_slice::<Manifest>(resealed.as_bytes()) {
        _ = manifest.fingerprint.is_readable();
    }
});
