//! Fuzzes the decoders of the messages between this program and its parser processes: frames, requests and facts. Facts
//! that can be decoded are checked against a text.
#![no_main]

use std::time::Duration;

use codescry_source::parse::syntax::{SyntaxRequest, SyntaxTask};
use codescry_types::Language;
use codescry_workers::{decode_facts, decode_request, encode_facts, read_frame, write_frame};

const TEXT: &str = "/// Größe.\npub fn größe(x: u32) -> u32 {\n    größe(x)\n}\n";

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    _ = read_frame(&mut &*bytes, 1 << 16);
    _ = decode_request(bytes);
    let Some((number, facts)) = decode_facts(bytes) else { return };
    let request = SyntaxRequest {
        language: Language("rust"),
        text: TEXT,
        task: SyntaxTask::Definitions,
        time_limit: Duration::from_secs(1),
    };
    _ = facts.fits_request(&request);
    let mut frame = Vec::new();
    write_frame(&mut frame, &encode_facts(number, &facts)).expect("written");
    let payload = read_frame(&mut frame.as_slice(), usize::MAX).expect("a frame").expect("a payload");
    assert_eq!(decode_facts(&payload).map(|(number, _)| number), Some(number), "facts that decode encode to the same");
});
