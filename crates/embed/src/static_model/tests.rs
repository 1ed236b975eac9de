//! Tests of text vectors, of pieces of unknown words, and of damaged artifacts.

use super::*;

/// Returns an artifact with four tokens of two dimensions: `draw`, `json`, `parse`, `sha`.
fn tiny() -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
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
    let (one, other) = (model.embed_query(one), model.embed_query(other));
    one.iter().zip(&other).map(|(a, b)| a * b).sum()
}

fn error(change: impl Fn(&mut Vec<u8>)) -> StaticModelError {
    let mut bytes = tiny();
    change(&mut bytes);
    StaticModel::from_bytes(bytes).expect_err("is no model")
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
        assert_eq!(model.embed_query(word), [x, 0.0], "{word}");
    }
}

#[test]
fn weights_are_lengths_and_counts_are_dampened() {
    let model = StaticModel::from_bytes(tiny()).expect("is a model");
    let expect = |text: &str, x: f32, y: f32| {
        let (found, length) = (model.embed_query(text), x.hypot(y));
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
        assert_eq!(model.embed_query(text), vec![0.0; model.dimensions()], "{text}");
    }
    assert!((cosine("fn main() {}", "fn main() {}") - 1.0).abs() < 1e-5);
    assert!(model.model_id().starts_with("codescry-static-v2-"), "{}", model.model_id());
}

#[test]
fn the_vector_of_a_text_does_not_depend_on_earlier_texts() {
    let model = StaticModel::builtin();
    let texts = ["xyzzyjson a b a", "parse json", "", "xyzzyjson a b a", "parse json"];
    let batch = model.embed_passages(&texts);
    assert_eq!(batch, texts.map(|text| model.embed_query(text)));
    let owned = StaticModel::from_bytes(model.bytes.to_vec()).expect("is a model");
    assert_eq!((owned.embed_passages(&texts), owned.model_id()), (batch, model.model_id()));
}

#[test]
fn corrupt_artifacts_are_errors() {
    for end in 0..tiny().len() {
        error(|bytes| bytes.truncate(end));
    }
    assert_eq!(error(|bytes| bytes.push(0)), StaticModelError::Length { expected_bytes: 67, actual_bytes: 68 });
    assert_eq!(error(|bytes| bytes[7] = b'2'), StaticModelError::Magic);
    for (field, value) in [(2, u32::MAX), (2, 1 << 24), (3, u32::MAX), (3, 4096), (4, u32::MAX), (4, 18), (5, 0)] {
        error(|bytes| bytes[field * 4..][..4].copy_from_slice(&u32::to_le_bytes(value)));
        error(|bytes| bytes[field * 4..][..4].fill(0));
    }
    for (at, byte) in [(24, b'z'), (24, b'\n'), (24, 0xff), (26, b'\n'), (28, b'x'), (42, b'\n'), (46, 0xff)] {
        error(|bytes| bytes[at] = byte);
    }
    assert_eq!(error(|bytes| bytes[43 + 15] = 0xc0), StaticModelError::Scale { token: 3 });
}

#[test]
fn a_megabyte_of_anything_is_finite() {
    let model = StaticModel::builtin();
    for unit in ["a", "qzx", "😀", "字", "parse", "sha256 ", "aB", "9a", "\0", "zq_"] {
        let vector = model.embed_query(&unit.repeat(1_000_000 / unit.len()));
        assert!(vector.iter().all(|value| value.is_finite()), "{unit}");
    }
}
