//! Tests that run models. Most need ONNX Runtime, and some need all-MiniLM-L6-v2. These tests are ignored by
//! default; `eval "$(tests/onnx/fetch)" && cargo test -p codescry-onnx -- --include-ignored` runs them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use config::{DeviceChoice, LibrarySearchPaths, Provider};
use embed::Embedder as _;
use hub::{InstalledModel, ModelDescription, Pooling, Precision};
use ort::memory::AllocationDevice;

use crate::devices::ort_opener::OrtSessionOpener;
use crate::gpus::VisibleGpus;
use crate::runtime::library;
use crate::session::encoder::Encoder;
use crate::session::model_session::ModelSession as _;
use crate::{OnnxEmbedder, OnnxOptions, check_device_computes};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/onnx");

fn options(scratch: &Path) -> OnnxOptions {
    let library = std::env::var_os("CODESCRY_TEST_ORT_LIB").expect("eval \"$(tests/onnx/fetch)\" sets the library");
    OnnxOptions {
        device: DeviceChoice::Auto,
        library: LibrarySearchPaths { named: Some(library.into()), ..LibrarySearchPaths::default() },
        visible_gpus: VisibleGpus::All,
        probes_dir: scratch.join("probes"),
        max_memory_bytes: 1 << 30,
        batch_tokens: None,
    }
}

fn minilm(options: OnnxOptions) -> OnnxEmbedder {
    let folder = std::env::var_os("CODESCRY_TEST_MINILM").expect("eval \"$(tests/onnx/fetch)\" sets the model");
    let folder = PathBuf::from(folder);
    let description =
        ModelDescription::read(&folder).expect("the description is valid").expect("the description exists");
    let model = InstalledModel::new(description, folder, &[Precision::Int8]).expect("the model is complete");
    OnnxEmbedder::new(model, options)
}

/// Installs a model of 16 tokens and 8 dimensions from the fixtures. `change` adapts its description.
fn tiny(scratch: &Path, file: &str, change: impl FnOnce(&mut ModelDescription)) -> InstalledModel {
    for (from, to) in [(file, "model.onnx"), ("tokenizer.json", "tokenizer.json")] {
        std::fs::copy(Path::new(FIXTURES).join(from), scratch.join(to)).expect("copied");
    }
    let files = BTreeMap::from([(Precision::Fp32, "model.onnx".to_owned())]);
    let mut description = ModelDescription {
        name: "tiny".into(),
        files,
        tokenizer: "tokenizer.json".into(),
        dimensions: 8,
        max_tokens: 32,
        normalize: true,
        ..ModelDescription::default()
    };
    change(&mut description);
    InstalledModel::new(description, scratch.to_owned(), &[Precision::Fp32]).expect("the model is complete")
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[derive(serde::Deserialize)]
struct Golden {
    texts: Vec<String>,
    alone: Vec<Vec<f32>>,
    together: Vec<Vec<f32>>,
}

/// Returns the minimum accepted cosine between vectors of an int8 model and the golden vectors. The golden vectors were
/// computed on a processor with VNNI; on other x86 processors, ONNX Runtime accumulates 8-bit products in 16 bits, and
/// these sums saturate.
fn min_cosine() -> f32 {
    #[cfg(target_arch = "x86_64")]
    if !std::is_x86_feature_detected!("avx512vnni") && !std::is_x86_feature_detected!("avxvnni") {
        return 0.99;
    }
    0.9999
}

#[test]
#[ignore = "needs ONNX Runtime and all-MiniLM-L6-v2; see the module"]
fn vectors_equal_those_of_python_alone_and_in_mixed_batches() {
    let scratch = tempfile::tempdir().expect("a folder");
    let model = minilm(options(scratch.path()));
    let golden = std::fs::read(Path::new(FIXTURES).join("golden.json")).expect("the fixture");
    let Golden { texts, alone, together } = serde_json::from_slice(&golden).expect("the fixture is valid");
    let min_cosine = min_cosine();
    assert_eq!((texts.len(), alone.len(), together.len()), (20, 20, 20));
    for (text, expected) in texts.iter().zip(&alone) {
        let found = model.embed_query(text).expect("a vector");
        assert!(cosine(&found, expected) >= min_cosine, "{text:.40}: {}", cosine(&found, expected));
    }
    // Many copies of each text, so that batches are full and have mixed lengths.
    let many: Vec<&str> = (0..120).map(|at| texts[at * 7 % 20].as_str()).collect();
    for (at, found) in model.embed_passages(&many).expect("vectors").iter().enumerate() {
        let least = cosine(found, &together[at * 7 % 20]).min(cosine(found, &alone[at * 7 % 20]));
        assert!(least >= min_cosine, "text {at}: {least}");
    }
    let report = model.device_report().expect("a report");
    assert_eq!((report.devices, report.texts), (vec!["CPU".to_owned()], 120));
}

#[test]
#[ignore = "needs ONNX Runtime; see the module"]
fn fixed_and_dynamic_shapes_give_the_same_vectors() {
    let (one, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let options = options(one.path());
    let texts = ["connection pool", "parse", "", "file index search model batch", "unheard of", "thread memory"];
    let dynamic = OnnxEmbedder::new(tiny(one.path(), "dynamic.onnx", |_| ()), options.clone());
    let fixed = OnnxEmbedder::new(tiny(other.path(), "fixed.onnx", |_| ()), options);
    let (dynamic_vectors, fixed_vectors) =
        (dynamic.embed_passages(&texts).expect("vectors"), fixed.embed_passages(&texts).expect("vectors"));
    for (one, other) in dynamic_vectors.iter().zip(&fixed_vectors) {
        assert!((cosine(one, other) - 1.0).abs() < 1e-5, "{one:?} {other:?}");
    }
    assert!((cosine(&dynamic_vectors[0], &dynamic_vectors[0]) - 1.0).abs() < 1e-5);
    assert!(cosine(&dynamic_vectors[0], &dynamic_vectors[1]) < 0.99);
    // A text longer than the fixed shape is truncated.
    let long = "pool ".repeat(100);
    let (cut, short) = (fixed.embed_query(&long).expect("a vector"), fixed.embed_query("pool pool").expect("a vector"));
    assert!((cosine(&cut, &short) - 1.0).abs() < 1e-5);
    assert_eq!(fixed.device_report().expect("a report").batches, 3, "two rows per batch");
}

#[test]
#[ignore = "needs ONNX Runtime; see the module"]
fn all_export_variants_give_the_same_vectors() {
    let scratch = tempfile::tempdir().expect("a folder");
    let options = options(scratch.path());
    let texts = ["connection pool", "parse", "", "file index search model batch", "unheard of", "thread memory"];
    let vectors = |file: &str, change: fn(&mut ModelDescription)| {
        let scratch = tempfile::tempdir().expect("a folder");
        let model = OnnxEmbedder::new(tiny(scratch.path(), file, change), options.clone());
        let mut vectors = vec![Vec::new(); texts.len()];
        let embedded = model.embed_each(&texts, &mut |at, vector| {
            vectors[at] = vector;
            true
        });
        embedded.unwrap_or_else(|error| panic!("{file}: {error}"));
        vectors
    };
    let plain = |model: &mut ModelDescription| model.normalize = false;
    let expected = vectors("dynamic.onnx", plain);
    assert_eq!(vectors("narrow.onnx", plain), expected, "32-bit inputs");
    for (half, full) in vectors("half.onnx", plain).iter().flatten().zip(expected.iter().flatten()) {
        assert!((half - full).abs() < 2e-3, "16-bit outputs: {half} {full}");
    }
    // `cached.onnx` adds each token's position to the first value of its vector, so mean pooling adds (n - 1) / 2.
    for ((text, found), plain) in texts.iter().zip(vectors("cached.onnx", plain)).zip(&expected) {
        let tokens = text.split_whitespace().count().max(1);
        let mut shifted = plain.clone();
        shifted[0] += (tokens - 1) as f32 / 2.0;
        let off = found.iter().zip(&shifted).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
        assert!(off < 1e-5, "{text}: {found:?}, not {shifted:?}");
    }
}

#[test]
#[ignore = "needs ONNX Runtime; see the module"]
fn the_compute_check_passes_on_the_cpu_and_fails_without_the_device() {
    let scratch = tempfile::tempdir().expect("a folder");
    let library = library::load_ort_library(&options(scratch.path()).library, None, "tiny").expect("a library");
    assert_eq!(check_device_computes(library, Provider::Cpu, 0), Ok(()));
    // No machine has ten thousand of them.
    assert!(check_device_computes(library, Provider::Cuda, 10_000).is_err());
}

#[test]
#[ignore = "needs ONNX Runtime; see the module"]
fn device_pooling_equals_pooling_on_the_cpu() {
    let scratch = tempfile::tempdir().expect("a folder");
    let options = options(scratch.path());
    let library = library::load_ort_library(&options.library, None, "tiny").expect("a library");
    let texts: [&[u32]; 3] = [&[2, 3], &[4], &[6, 7, 8, 9, 10, 11]];
    // `infinite.onnx` returns infinity for padding.
    for file in ["dynamic.onnx", "narrow.onnx", "half.onnx", "cached.onnx", "infinite.onnx", "fixed.onnx"] {
        let row_count = if file == "fixed.onnx" { 2 } else { 3 };
        for pooling in [Pooling::Mean, Pooling::Cls, Pooling::Last] {
            let scratch = tempfile::tempdir().expect("a folder");
            let model = tiny(scratch.path(), file, |model| (model.pooling, model.normalize) = (pooling, false));
            let path = model.weights_path();
            let opener = OrtSessionOpener {
                library,
                model: &model.description,
                path: &path,
                weights_bytes: 0,
                threads: 1,
                max_memory_bytes: 1 << 30,
                wants_cuda: false,
                arena_limit_bytes: &|_, _| None,
            };
            let rows = &texts[3 - row_count..];
            let mut encoder = opener.open_cpu_session(1).unwrap_or_else(|error| panic!("{}", error.into_message()));
            let run = |encoder: &mut Encoder, is_pooled: bool| {
                let ran = encoder.run(rows, true).unwrap_or_else(|error| panic!("{file}: {error:?}"));
                assert_eq!(ran.is_pooled, is_pooled);
                ran.vectors(rows, &model.description).expect("vectors")
            };
            let expected = run(&mut encoder, false);
            let other = opener.attach_device_pooler(&mut encoder, AllocationDevice::CUDA, Provider::Cpu, 0);
            assert!(other.is_err(), "the provider does not have this memory");
            let graph = encoder.pooling_graph().expect("the model returns token vectors");
            let wrong = if pooling == Pooling::Last { Pooling::Cls } else { Pooling::Last };
            let wrong = opener.open_pooler(graph, wrong, AllocationDevice::CPU, Provider::Cpu, 0).expect("a pooler");
            let said = encoder.attach_pooler(wrong, &model.description).expect_err("it pools differently");
            assert!(said.contains("other vectors"), "{said}");
            assert_eq!(run(&mut encoder, false), expected, "a rejected pooler is not used");
            let pooled = opener.attach_device_pooler(&mut encoder, AllocationDevice::CPU, Provider::Cpu, 0);
            pooled.unwrap_or_else(|problem| panic!("{file}, {pooling:?}: {problem}"));
            let found = run(&mut encoder, true);
            assert_eq!((found.len(), expected.len()), (row_count, row_count));
            for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
                assert!((found - expected).abs() < 1e-5, "{file}, {pooling:?}: {found}, not {expected}");
            }
        }
    }
}

#[test]
#[ignore = "needs ONNX Runtime; see the module"]
fn batches_that_do_not_fit_in_memory_are_halved_without_losing_texts() {
    let (one, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let options = options(one.path());
    let texts: Vec<String> = (0..64).map(|at| "connection pool parse ".repeat(1 + at % 3)).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let hungry = OnnxEmbedder::new(tiny(one.path(), "hungry.onnx", |_| ()), options.clone());
    let plain = OnnxEmbedder::new(tiny(other.path(), "dynamic.onnx", |_| ()), options);
    let (mut count, mut min_cosine) = (0, 1.0_f32);
    let expected = plain.embed_passages(&texts).expect("vectors");
    let embedded = hungry.embed_each(&texts, &mut |at, vector| {
        count += 1;
        min_cosine = min_cosine.min(cosine(&vector, &expected[at]));
        true
    });
    embedded.unwrap_or_else(|error| panic!("{error}"));
    assert!(count == texts.len() && min_cosine > 0.9999, "{count} vectors, the worst {min_cosine}");
    let report = hungry.device_report().expect("a report");
    assert!(report.out_of_memory > 0 && report.summary().contains("halved for lack of memory"), "{report:?}");
}

/// Installs a model whose weights are in a second file, and returns that file as well.
fn external(scratch: &Path) -> (InstalledModel, PathBuf) {
    let data = scratch.join("external.onnx_data");
    std::fs::copy(Path::new(FIXTURES).join("external.onnx_data"), &data).expect("copied");
    (tiny(scratch, "external.onnx", |_| ()), data)
}

fn file_bytes(path: &Path) -> u64 {
    std::fs::metadata(path).expect("the file exists").len()
}

#[test]
fn external_weights_belong_to_the_model() {
    let scratch = tempfile::tempdir().expect("a folder");
    let (model, data) = external(scratch.path());
    assert_eq!(model.weights_bytes(), file_bytes(&data) + file_bytes(&model.weights_path()));
    let (description, id) = (model.description.clone(), model.id().to_owned());
    let again = || InstalledModel::new(description.clone(), scratch.path().to_owned(), &[Precision::Fp32]);
    let mut bytes = std::fs::read(&data).expect("read");
    bytes[0] ^= 1;
    std::fs::write(&data, bytes).expect("written");
    assert_ne!(again().expect("the model is complete").id(), id, "other weights make another model");
    std::fs::remove_file(&data).expect("removed");
    let said = again().expect_err("a file is missing").to_string();
    assert!(said.contains("external.onnx_data is missing"), "{said}");
}

#[test]
#[ignore = "needs ONNX Runtime; see the module"]
fn external_weights_are_loaded_and_count_toward_the_memory_limit() {
    let scratch = tempfile::tempdir().expect("a folder");
    let (model, _) = external(scratch.path());
    let options = options(scratch.path());
    let plain = tempfile::tempdir().expect("a folder");
    let plain = OnnxEmbedder::new(tiny(plain.path(), "dynamic.onnx", |_| ()), options.clone());
    let embedder = OnnxEmbedder::new(model.clone(), options.clone());
    assert_eq!(embedder.embed_query("pool").expect("a vector"), plain.embed_query("pool").expect("a vector"));
    let small = OnnxOptions { max_memory_bytes: file_bytes(&model.weights_path()) + 1, ..options };
    let said = OnnxEmbedder::new(model, small).prepare().expect_err("too large").to_string();
    assert!(said.contains("of weights, and --max-memory is 1 MiB"), "{said}");
}

#[test]
#[ignore = "needs ONNX Runtime; see the module"]
fn vectors_are_truncated_and_prefixes_prepended() {
    let scratch = tempfile::tempdir().expect("a folder");
    let options = options(scratch.path());
    let plain = OnnxEmbedder::new(tiny(scratch.path(), "dynamic.onnx", |_| ()), options.clone());
    let with = |change: fn(&mut ModelDescription)| {
        OnnxEmbedder::new(tiny(scratch.path(), "dynamic.onnx", change), options.clone())
    };
    let cut = with(|model| model.truncate_to = Some(4));
    assert_eq!((cut.dimensions(), cut.embed_query("pool").expect("a vector").len()), (4, 4));
    assert_ne!(cut.model_id(), plain.model_id());
    let prefixed = with(|model| model.query_prefix = "search ".into());
    assert_eq!(prefixed.embed_query("pool").expect("a vector"), plain.embed_query("search pool").expect("a vector"));
    assert_eq!(prefixed.embed_passages(&["pool"]).expect("vectors"), plain.embed_passages(&["pool"]).expect("vectors"));
}

#[test]
#[ignore = "needs ONNX Runtime; see the module"]
fn mismatches_are_reported_before_the_first_text() {
    let scratch = tempfile::tempdir().expect("a folder");
    let options = options(scratch.path());
    let refused = |change: &dyn Fn(&Path, &mut ModelDescription), device: &str| {
        let scratch = tempfile::tempdir().expect("a folder");
        let model = tiny(scratch.path(), "dynamic.onnx", |description| change(scratch.path(), description));
        let device = device.parse().expect("a device");
        let embedder = OnnxEmbedder::new(model, OnnxOptions { device, ..options.clone() });
        embedder.prepare().expect_err("a mismatch").to_string()
    };
    let said = refused(&|_, model| model.dimensions = 16, "cpu");
    assert!(said.contains("8 wide, and the description says 16"), "{said}");
    let said = refused(&|_, model| model.output = Some("pooled".into()), "cpu");
    assert!(said.contains("no output pooled; it has last_hidden_state"), "{said}");
    let said = refused(&|_, model| model.pooling = Pooling::None, "cpu");
    assert!(said.contains("3 axes, and with this pooling 2"), "{said}");
    let other = |folder: &Path, _: &mut ModelDescription| {
        let other = Path::new(FIXTURES).join("tokenizer-of-another.json");
        std::fs::copy(other, folder.join("tokenizer.json")).expect("copied");
    };
    let said = refused(&other, "cpu");
    assert!(said.contains("its largest token ID is 115") && said.contains("use the tokenizer.json"), "{said}");
    let garbage =
        |folder: &Path, _: &mut ModelDescription| std::fs::write(folder.join("tokenizer.json"), "{}").expect("written");
    assert!(refused(&garbage, "cpu").contains("it is not a tokenizer"));
    let truncated = |folder: &Path, _: &mut ModelDescription| {
        let whole = std::fs::read(folder.join("model.onnx")).expect("read");
        std::fs::write(folder.join("model.onnx"), &whole[..whole.len() / 2]).expect("written");
    };
    let said = refused(&truncated, "auto");
    assert!(said.contains("cannot load the model") && said.contains("models verify tiny"), "{said}");
    // No build of ONNX Runtime for this system has this provider.
    let foreign = if cfg!(target_os = "macos") { "directml" } else { "coreml" };
    let said = refused(&|_, _| (), foreign);
    assert!(said.contains(&format!("--device {foreign} is not available")), "{said}");
    assert!(said.contains("was built without it"), "{said}");
}

#[test]
fn workers_and_window_size_are_known_before_a_device_is_open() {
    let scratch = tempfile::tempdir().expect("a folder");
    let predict = |device: &str, library: &str| {
        let library = LibrarySearchPaths { named: Some(scratch.path().join(library)), ..LibrarySearchPaths::default() };
        let (device, probes_dir) = (device.parse().expect("a device"), scratch.path().join("probes"));
        let visible_gpus = VisibleGpus::Listed(Vec::new());
        let options =
            OnnxOptions { device, library, visible_gpus, probes_dir, max_memory_bytes: 1 << 30, batch_tokens: None };
        let model = OnnxEmbedder::new(tiny(scratch.path(), "dynamic.onnx", |_| ()), options);
        (model.worker_count(), model.window_chunks())
    };
    assert_eq!(
        predict("cuda:0,1", "nowhere"),
        (Some(5), Some(8_192)),
        "two windows per GPU, and a thread that tokenizes"
    );
    assert_eq!(predict("cpu", "nowhere"), (Some(3), None));
    assert_eq!(predict("auto", "nowhere"), (Some(3), None), "no GPU is visible");
}

#[test]
#[ignore = "needs ONNX Runtime and all-MiniLM-L6-v2; see the module"]
fn a_query_runs_between_batches() {
    let scratch = tempfile::tempdir().expect("a folder");
    let model = minilm(options(scratch.path()));
    model.prepare().expect("the model loads");
    let texts: Vec<String> = (0..200).map(|at| format!("word{at} ").repeat(60)).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let (first_vector, done) = (std::sync::Barrier::new(2), std::sync::atomic::AtomicBool::new(false));
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let mut first = true;
            let ended = model.embed_each(&texts, &mut |_, _| {
                if std::mem::take(&mut first) {
                    first_vector.wait();
                }
                // Stops as soon as the query is answered. If the query had to wait, all texts would run.
                !done.load(std::sync::atomic::Ordering::Relaxed)
            });
            ended.expect("embedding succeeds");
        });
        first_vector.wait();
        let vector = model.embed_query("a question").expect("a vector");
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(vector.len(), 384);
    });
    assert!(model.device_report().expect("a report").texts < 200, "the query waited for all texts");
}
