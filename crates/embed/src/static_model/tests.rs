//! Tests of text vectors, of pieces of unknown words, and of damaged artifacts.

use super::format::VERSION_1_MAGIC;
use super::{ARTIFACT_FORMAT, StaticModel, StaticModelError, encode_model};
use platform::file_format;

/// Returns an artifact with four tokens of two dimensions: `draw`, `json`, `parse`, `sha`.
fn tiny() -> Vec<u8> {
    ARTIFACT_FORMAT.seal(&tiny_body())
}

/// Returns the artifact [`tiny`] without its header and checksum.
fn tiny_body() -> Vec<u8> {
    let mut bytes = Vec::new();
    for field in [4_u32, 2, 19, 1] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.extend(b"draw\njson\nparse\nsha");
    for scale in [0.5_f32, 1.0, 1.0, 2.0] {
        bytes.extend(scale.to_le_bytes());
    }
    bytes.extend([0, 100, 100, 0, 60, 80, 156, 0]);
    bytes
}

fn cosine(one: &str, other: &str) -> f32 {
    let model = StaticModel::builtin();
    let (one, other) = (model.embed_text(one), model.embed_text(other));
    one.iter().zip(&other).map(|(a, b)| a * b).sum()
}

/// Returns the error of opening [`tiny_body`] after `change`, with a correct checksum. Panics if it opens, also in
/// version 1.
fn error(change: impl Fn(&mut Vec<u8>)) -> StaticModelError {
    let mut body = tiny_body();
    change(&mut body);
    let old = [VERSION_1_MAGIC.as_slice(), &body].concat();
    StaticModel::from_bytes(old).expect_err("is no model");
    StaticModel::from_bytes(ARTIFACT_FORMAT.seal(&body)).expect_err("is no model")
}

#[test]
fn texts_of_similar_meaning_have_similar_vectors() {
    assert!(cosine("parse json", "decode json text") > cosine("parse json", "draw a window"));
    assert!(cosine("authenticate", "login password") > cosine("authenticate", "matrix multiply"));
    assert!((cosine("parseHTTPHeader", "parse_http_header") - 1.0).abs() < 1e-6);
}

#[test]
fn unknown_words_are_replaced_by_their_pieces() {
    assert!(cosine("jsondecoderfactoryzz", "json decoder factory") > 0.8);
    assert!(cosine("sha98765", "sha") > 0.6);
    let model = StaticModel::from_bytes(tiny()).expect("is a model");
    for (word, x) in [("qqjson", 1.0), ("sha256", -1.0), ("éjsoné", 1.0), ("字json字", 1.0)] {
        assert_eq!(model.embed_text(word), [x, 0.0], "{word}");
    }
}

#[test]
fn weights_are_lengths_and_counts_are_dampened() {
    let model = StaticModel::from_bytes(tiny()).expect("is a model");
    let expect = |text: &str, x: f32, y: f32| {
        let (found, length) = (model.embed_text(text), x.hypot(y));
        let far = (found[0] - x / length).abs() + (found[1] - y / length).abs();
        assert!(far < 1e-6, "{text}: {found:?}");
    };
    expect("json draw", 100.0, 50.0);
    expect("json json draw", 100.0 * (1.0 + 2.0_f32.ln()), 50.0);
    expect("parse draw qqq", 60.0, 130.0);
    expect("jsonparse", 160.0, 80.0);
    expect("draw qqjsonq qqjsonq", 4.0 / 7.0 * 100.0 * (1.0 + 2.0_f32.ln()), 50.0);
}

#[test]
fn texts_without_known_words_give_zeros_and_others_unit_length() {
    let model = StaticModel::builtin();
    for text in ["", " \n", "😀", "___", "字"] {
        assert_eq!(model.embed_text(text), vec![0.0; model.width()], "{text}");
    }
    assert!((cosine("fn main() {}", "fn main() {}") - 1.0).abs() < 1e-5);
    assert!(model.id().starts_with("codescry-static-v2-"), "{}", model.id());
}

#[test]
fn the_vector_of_a_text_does_not_depend_on_earlier_texts() {
    let model = StaticModel::builtin();
    let texts = ["xyzzyjson a b a", "parse json", "", "xyzzyjson a b a", "parse json"];
    let batch = model.embed_texts(&texts);
    assert_eq!(batch, texts.map(|text| model.embed_text(text)));
    let owned = StaticModel::from_bytes(model.bytes.to_vec()).expect("is a model");
    assert_eq!((owned.embed_texts(&texts), owned.id()), (batch, model.id()));
}

#[test]
fn artifacts_that_violate_the_format_are_errors() {
    for end in 0..tiny_body().len() {
        error(|bytes| bytes.truncate(end));
    }
    assert_eq!(error(|bytes| bytes.push(0)), StaticModelError::Length { expected_bytes: 83, actual_bytes: 84 });
    for (field, value) in [(0, u32::MAX), (0, 1 << 24), (1, u32::MAX), (1, 4096), (2, u32::MAX), (2, 18), (3, 0)] {
        error(|bytes| bytes[field * 4..][..4].copy_from_slice(&u32::to_le_bytes(value)));
        error(|bytes| bytes[field * 4..][..4].fill(0));
    }
    for (at, byte) in [(16, b'z'), (16, b'\n'), (16, 0xff), (18, b'\n'), (20, b'x'), (34, b'\n'), (38, 0xff)] {
        error(|bytes| bytes[at] = byte);
    }
    assert_eq!(error(|bytes| bytes[35 + 15] = 0xc0), StaticModelError::Scale { token: 3 });
}

#[test]
fn damaged_artifacts_are_errors() {
    for at in 0..tiny().len() {
        let mut bytes = tiny();
        bytes[at] ^= 1;
        let error = StaticModel::from_bytes(bytes).expect_err("is no model");
        assert!(matches!(error, StaticModelError::Format(_)), "byte {at}: {error}");
        assert!(StaticModel::from_bytes(tiny()[..at].to_vec()).is_err(), "cut at {at}");
    }
    let other = [b"CSCRYXYZ".as_slice(), &tiny()[8..]].concat();
    assert_eq!(
        StaticModel::from_bytes(other).expect_err("is no model"),
        StaticModelError::Format(file_format::FormatError::Magic)
    );
}

#[test]
fn the_built_in_artifact_is_intact_and_has_the_id_of_its_first_version() {
    let bytes = StaticModel::builtin().bytes.to_vec();
    assert!(ARTIFACT_FORMAT.unseal(&bytes).is_ok());
    assert_eq!(StaticModel::builtin().id(), "codescry-static-v2-965b4c01");
}

#[test]
fn an_artifact_of_version_1_gives_the_same_vectors_and_id() {
    let new = StaticModel::from_bytes(tiny()).expect("is a model");
    let old = StaticModel::from_bytes([VERSION_1_MAGIC.as_slice(), &tiny_body()].concat()).expect("is a model");
    assert_eq!(old.id(), new.id());
    assert_eq!(old.rows(), new.rows());
    assert_eq!(old.embed_text("parse draw json"), new.embed_text("parse draw json"));
}

#[test]
fn rows_that_are_not_finite_are_not_written() {
    let encode = |value| encode_model(&["draw", "json"], &[0.5, -1.0, 0.25, value], 2, 1);
    let rows = StaticModel::from_bytes(encode(2.0).expect("finite")).expect("is a model").rows();
    let ratio = rows[3] / rows[0];
    assert!((ratio - 4.0).abs() < 0.05, "{rows:?}");
    for value in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
        assert_eq!(encode(value), Err(StaticModelError::Value { token: 1 }), "{value}");
    }
}

#[test]
fn a_megabyte_of_anything_is_finite() {
    let model = StaticModel::builtin();
    for unit in ["a", "qzx", "😀", "字", "parse", "sha256 ", "aB", "9a", "\0", "zq_"] {
        let vector = model.embed_text(&unit.repeat(1_000_000 / unit.len()));
        assert!(vector.iter().all(|value| value.is_finite()), "{unit}");
    }
}
