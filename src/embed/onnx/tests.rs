//! Models that really run. They need ONNX Runtime, and some need all-MiniLM-L6-v2:
//! `eval "$(tests/onnx/fetch)"` fetches both. Without them these tests say that they are skipped.

use std::collections::BTreeMap;
use std::path::Path;

use ort::memory::AllocationDevice;

use super::session::Runs as _;
use super::*;
use crate::embed::models::{Description, Pooling, Precision};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/onnx");

#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn options(scratch: &Path) -> Option<OnnxOptions> {
    let Some(library) = std::env::var_os("CODESCRY_TEST_ORT_LIB") else {
        eprintln!("SKIPPED: no ONNX Runtime; eval \"$(tests/onnx/fetch)\" first");
        return None;
    };
    Some(OnnxOptions {
        device: DeviceChoice::Auto,
        library: LibraryPlaces { named: Some(library.into()), ..LibraryPlaces::default() },
        visible: Visible::All,
        probes_dir: scratch.join("probes"),
        max_memory_bytes: 1 << 30,
        batch_tokens: None,
    })
}

#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn minilm(options: OnnxOptions) -> Option<OnnxEmbedder> {
    let Some(folder) = std::env::var_os("CODESCRY_TEST_MINILM").map(PathBuf::from) else {
        eprintln!("SKIPPED: no all-MiniLM-L6-v2; eval \"$(tests/onnx/fetch)\" first");
        return None;
    };
    let description = Description::read(&folder).expect("it holds").expect("it is there");
    let model = Installed::new(description, folder, &[Precision::Int8]).expect("it is complete");
    Some(OnnxEmbedder::new(model, options))
}

/// A model of 16 tokens and 8 values, whose rows are `dynamic` or 2 by 8 tokens.
fn tiny(scratch: &Path, file: &str, change: impl FnOnce(&mut Description)) -> Installed {
    for (from, to) in [(file, "model.onnx"), ("tokenizer.json", "tokenizer.json")] {
        std::fs::copy(Path::new(FIXTURES).join(from), scratch.join(to)).expect("copied");
    }
    let files = BTreeMap::from([(Precision::Fp32, "model.onnx".to_owned())]);
    let mut description = Description {
        name: "tiny".into(),
        files,
        tokenizer: "tokenizer.json".into(),
        dimensions: 8,
        max_tokens: 32,
        normalize: true,
        ..Description::default()
    };
    change(&mut description);
    Installed::new(description, scratch.to_owned(), &[Precision::Fp32]).expect("it is complete")
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

/// How much alike vectors of a model with 8 bits must at least be. The golden ones are those of a processor with
/// VNNI; on another x86 processor ONNX Runtime adds products of 8 bits up in 16, and cuts off what does not fit.
fn least_like() -> f32 {
    #[cfg(target_arch = "x86_64")]
    if !std::is_x86_feature_detected!("avx512vnni") && !std::is_x86_feature_detected!("avxvnni") {
        return 0.99;
    }
    0.9999
}

#[test]
fn vectors_are_those_of_python_alone_and_in_batches_of_mixed_lengths() {
    let scratch = tempfile::tempdir().expect("a folder");
    let Some(model) = options(scratch.path()).and_then(minilm) else { return };
    let golden = std::fs::read(Path::new(FIXTURES).join("golden.json")).expect("the fixture");
    let Golden { texts, alone, together } = serde_json::from_slice(&golden).expect("the fixture holds");
    let least_like = least_like();
    assert_eq!((texts.len(), alone.len(), together.len()), (20, 20, 20));
    for (text, expected) in texts.iter().zip(&alone) {
        let found = model.try_query(text).expect("a vector");
        assert!(cosine(&found, expected) >= least_like, "{text:.40}: {}", cosine(&found, expected));
    }
    // Each text many times, so that batches are full and of every length.
    let many: Vec<&str> = (0..120).map(|at| texts[at * 7 % 20].as_str()).collect();
    for (at, found) in model.embed_passages(&many).iter().enumerate() {
        let least = cosine(found, &together[at * 7 % 20]).min(cosine(found, &alone[at * 7 % 20]));
        assert!(least >= least_like, "text {at}: {least}");
    }
    let report = model.report().expect("a report");
    assert_eq!((report.devices, report.texts), (vec!["CPU".to_owned()], 120));
}

#[test]
fn a_model_with_a_fixed_shape_gives_what_one_without_gives() {
    let (one, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let Some(options) = options(one.path()) else { return };
    let texts = ["connection pool", "parse", "", "file index search model batch", "unheard of", "thread memory"];
    let dynamic = OnnxEmbedder::new(tiny(one.path(), "dynamic.onnx", |_| ()), options.clone());
    let fixed = OnnxEmbedder::new(tiny(other.path(), "fixed.onnx", |_| ()), options);
    let (dynamic_vectors, fixed_vectors) = (dynamic.embed_passages(&texts), fixed.embed_passages(&texts));
    for (one, other) in dynamic_vectors.iter().zip(&fixed_vectors) {
        assert!((cosine(one, other) - 1.0).abs() < 1e-5, "{one:?} {other:?}");
    }
    assert!((cosine(&dynamic_vectors[0], &dynamic_vectors[0]) - 1.0).abs() < 1e-5);
    assert!(cosine(&dynamic_vectors[0], &dynamic_vectors[1]) < 0.99);
    // Longer than the shape: cut.
    let long = "pool ".repeat(100);
    let (cut, short) = (fixed.try_query(&long).expect("a vector"), fixed.try_query("pool pool").expect("a vector"));
    assert!((cosine(&cut, &short) - 1.0).abs() < 1e-5);
    assert_eq!(fixed.report().expect("a report").batches, 3, "two rows a batch");
}

#[test]
fn every_shape_of_export_gives_the_same_vectors() {
    let scratch = tempfile::tempdir().expect("a folder");
    let Some(options) = options(scratch.path()) else { return };
    let texts = ["connection pool", "parse", "", "file index search model batch", "unheard of", "thread memory"];
    let vectors = |file: &str, change: fn(&mut Description)| {
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
    let plain = |model: &mut Description| model.normalize = false;
    let expected = vectors("dynamic.onnx", plain);
    assert_eq!(vectors("narrow.onnx", plain), expected, "inputs of 32 bits");
    for (half, whole) in vectors("half.onnx", plain).iter().flatten().zip(expected.iter().flatten()) {
        assert!((half - whole).abs() < 2e-3, "outputs of 16 bits: {half} {whole}");
    }
    // That one adds each token's position to the first value.
    for ((text, found), plain) in texts.iter().zip(vectors("cached.onnx", plain)).zip(&expected) {
        let tokens = text.split_whitespace().count().max(1);
        let mut shifted = plain.clone();
        shifted[0] += (tokens - 1) as f32 / 2.0;
        let off = found.iter().zip(&shifted).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
        assert!(off < 1e-5, "{text}: {found:?}, not {shifted:?}");
    }
}

#[test]
fn vectors_pooled_where_the_model_runs_are_those_pooled_here() {
    let scratch = tempfile::tempdir().expect("a folder");
    let Some(options) = options(scratch.path()) else { return };
    let library = library::load(&options.library, None, "tiny").expect("a library");
    let texts: [&[u32]; 3] = [&[2, 3], &[4], &[6, 7, 8, 9, 10, 11]];
    // One gives no numbers where the padding is.
    for file in ["dynamic.onnx", "narrow.onnx", "half.onnx", "cached.onnx", "infinite.onnx", "fixed.onnx"] {
        let most = if file == "fixed.onnx" { 2 } else { 3 };
        for pooling in [Pooling::Mean, Pooling::Cls, Pooling::Last] {
            let scratch = tempfile::tempdir().expect("a folder");
            let model = tiny(scratch.path(), file, |model| (model.pooling, model.normalize) = (pooling, false));
            let path = model.file();
            let opening = Opening {
                library,
                model: &model.description,
                path: &path,
                weights_bytes: 0,
                threads: 1,
                max_memory_bytes: 1 << 30,
                wants_cuda: false,
                device_bytes: &|_, _| None,
            };
            let rows = &texts[3 - most..];
            let mut encoder = opening.on_cpu(1).unwrap_or_else(|refusal| panic!("{}", refusal.problem()));
            let run = |encoder: &mut session::Encoder, is_pooled: bool| {
                let ran = encoder.run(rows, true).unwrap_or_else(|error| panic!("{file}: {error:?}"));
                assert_eq!(ran.is_pooled, is_pooled);
                ran.vectors(rows, &model.description).expect("vectors")
            };
            let expected = run(&mut encoder, false);
            let other = opening.pool_there(&mut encoder, AllocationDevice::CUDA, Provider::Cpu, 0);
            assert!(other.is_err(), "memory that this provider has not");
            let graph = encoder.pooling_graph().expect("it gives vectors of tokens");
            let wrong = if pooling == Pooling::Last { Pooling::Cls } else { Pooling::Last };
            let wrong = opening.pooler(graph, wrong, AllocationDevice::CPU, Provider::Cpu, 0).expect("a pooler");
            let said = encoder.pool_with(wrong, &model.description).expect_err("it pools in another way");
            assert!(said.contains("other vectors"), "{said}");
            assert_eq!(run(&mut encoder, false), expected, "a pooler that is refused is not used");
            let pooled = opening.pool_there(&mut encoder, AllocationDevice::CPU, Provider::Cpu, 0);
            pooled.unwrap_or_else(|problem| panic!("{file}, {pooling:?}: {problem}"));
            let found = run(&mut encoder, true);
            assert_eq!((found.len(), expected.len()), (most, most));
            for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
                assert!((found - expected).abs() < 1e-5, "{file}, {pooling:?}: {found}, not {expected}");
            }
        }
    }
}

#[test]
fn a_session_without_memory_for_a_batch_has_smaller_ones_and_loses_none() {
    let (one, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let Some(options) = options(one.path()) else { return };
    let texts: Vec<String> = (0..64).map(|at| "connection pool parse ".repeat(1 + at % 3)).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let hungry = OnnxEmbedder::new(tiny(one.path(), "hungry.onnx", |_| ()), options.clone());
    let plain = OnnxEmbedder::new(tiny(other.path(), "dynamic.onnx", |_| ()), options);
    let (mut count, mut least) = (0, 1.0_f32);
    let expected = plain.embed_passages(&texts);
    let embedded = hungry.embed_each(&texts, &mut |at, vector| {
        count += 1;
        least = least.min(cosine(&vector, &expected[at]));
        true
    });
    embedded.unwrap_or_else(|error| panic!("{error}"));
    assert!(count == texts.len() && least > 0.9999, "{count} vectors, the worst {least}");
    let report = hungry.report().expect("a report");
    assert!(report.out_of_memory > 0 && report.sentence().contains("halved for want of memory"), "{report:?}");
}

#[test]
fn weights_beside_a_model_belong_to_it() {
    let scratch = tempfile::tempdir().expect("a folder");
    let named = |file: &str| Path::new(FIXTURES).join(file);
    let data = scratch.path().join("external.onnx_data");
    std::fs::copy(named("external.onnx_data"), &data).expect("copied");
    let model = tiny(scratch.path(), "external.onnx", |_| ());
    let length = |path: &Path| std::fs::metadata(path).expect("it is there").len();
    assert_eq!(model.weights_bytes(), length(&data) + length(&model.file()));
    let (description, id) = (model.description.clone(), model.id().to_owned());
    let again = || Installed::new(description.clone(), scratch.path().to_owned(), &[Precision::Fp32]);
    if let Some(options) = options(scratch.path()) {
        let plain = tempfile::tempdir().expect("a folder");
        let plain = OnnxEmbedder::new(tiny(plain.path(), "dynamic.onnx", |_| ()), options.clone());
        let embedder = OnnxEmbedder::new(model.clone(), options.clone());
        assert_eq!(embedder.try_query("pool").expect("a vector"), plain.try_query("pool").expect("a vector"));
        let small = OnnxOptions { max_memory_bytes: length(&model.file()) + 1, ..options };
        let said = OnnxEmbedder::new(model, small).ready().expect_err("too large").to_string();
        assert!(said.contains("of weights, and --max-memory is 1 MiB"), "{said}");
    }
    let mut bytes = std::fs::read(&data).expect("read");
    bytes[0] ^= 1;
    std::fs::write(&data, bytes).expect("written");
    assert_ne!(again().expect("it is complete").id(), id, "other weights are another model");
    std::fs::remove_file(&data).expect("removed");
    let said = again().expect_err("it is not complete").to_string();
    assert!(said.contains("external.onnx_data is missing"), "{said}");
}

#[test]
fn dimensions_are_cut_and_prefixes_stand_in_front() {
    let scratch = tempfile::tempdir().expect("a folder");
    let Some(options) = options(scratch.path()) else { return };
    let plain = OnnxEmbedder::new(tiny(scratch.path(), "dynamic.onnx", |_| ()), options.clone());
    let with =
        |change: fn(&mut Description)| OnnxEmbedder::new(tiny(scratch.path(), "dynamic.onnx", change), options.clone());
    let cut = with(|model| model.truncate_to = Some(4));
    assert_eq!((cut.dimensions(), cut.try_query("pool").expect("a vector").len()), (4, 4));
    assert_ne!(cut.model_id(), plain.model_id());
    let prefixed = with(|model| model.query_prefix = "search ".into());
    assert_eq!(prefixed.try_query("pool").expect("it"), plain.try_query("search pool").expect("it"));
    assert_eq!(prefixed.embed_passages(&["pool"]), plain.embed_passages(&["pool"]));
}

#[test]
fn what_does_not_fit_is_told_before_the_first_text() {
    let scratch = tempfile::tempdir().expect("a folder");
    let Some(options) = options(scratch.path()) else { return };
    let refused = |change: &dyn Fn(&Path, &mut Description), device: &str| {
        let scratch = tempfile::tempdir().expect("a folder");
        let model = tiny(scratch.path(), "dynamic.onnx", |description| change(scratch.path(), description));
        let device = device.parse().expect("a device");
        let embedder = OnnxEmbedder::new(model, OnnxOptions { device, ..options.clone() });
        embedder.ready().expect_err("it does not fit").to_string()
    };
    let said = refused(&|_, model| model.dimensions = 16, "cpu");
    assert!(said.contains("8 wide, and the description says 16"), "{said}");
    let said = refused(&|_, model| model.output = Some("pooled".into()), "cpu");
    assert!(said.contains("no output pooled; it has last_hidden_state"), "{said}");
    let said = refused(&|_, model| model.pooling = Pooling::None, "cpu");
    assert!(said.contains("3 axes, and with this pooling 2"), "{said}");
    let other = |folder: &Path, _: &mut Description| {
        let other = Path::new(FIXTURES).join("tokenizer-of-another.json");
        std::fs::copy(other, folder.join("tokenizer.json")).expect("copied");
    };
    let said = refused(&other, "cpu");
    assert!(said.contains("its last token is 115") && said.contains("take the tokenizer.json"), "{said}");
    let garbage =
        |folder: &Path, _: &mut Description| std::fs::write(folder.join("tokenizer.json"), "{}").expect("written");
    assert!(refused(&garbage, "cpu").contains("it is no tokenizer"));
    let truncated = |folder: &Path, _: &mut Description| {
        let whole = std::fs::read(folder.join("model.onnx")).expect("read");
        std::fs::write(folder.join("model.onnx"), &whole[..whole.len() / 2]).expect("written");
    };
    let said = refused(&truncated, "auto");
    assert!(said.contains("cannot load the model") && said.contains("models verify tiny"), "{said}");
    if library::loaded().is_some_and(|library| !library.providers.contains(&Provider::Cuda)) {
        let said = refused(&|_, _| (), "cuda:0");
        assert!(said.contains("--device cuda is not to be had") && said.contains("was built without it"), "{said}");
    }
}

#[test]
fn the_pipeline_is_told_of_devices_before_any_is_open() {
    let scratch = tempfile::tempdir().expect("a folder");
    let of = |device: &str, library: &str| {
        let library = LibraryPlaces { named: Some(scratch.path().join(library)), ..LibraryPlaces::default() };
        let (device, probes_dir) = (device.parse().expect("a device"), scratch.path().join("probes"));
        let visible = Visible::These(Vec::new());
        let options =
            OnnxOptions { device, library, visible, probes_dir, max_memory_bytes: 1 << 30, batch_tokens: None };
        let model = OnnxEmbedder::new(tiny(scratch.path(), "dynamic.onnx", |_| ()), options);
        (model.workers(), model.window_chunks())
    };
    assert_eq!(of("cuda:0,1", "nowhere"), (Some(5), Some(8_192)), "two windows a GPU, and tokens for the next");
    assert_eq!(of("cpu", "nowhere"), (Some(3), None));
    assert_eq!(of("auto", "nowhere"), (Some(3), None), "no GPU is seen");
}

#[test]
fn a_question_passes_between_batches() {
    let scratch = tempfile::tempdir().expect("a folder");
    let Some(model) = options(scratch.path()).and_then(minilm) else { return };
    model.ready().expect("it is ready");
    let texts: Vec<String> = (0..200).map(|at| format!("word{at} ").repeat(60)).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let (began, done) = (std::sync::Barrier::new(2), std::sync::atomic::AtomicBool::new(false));
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let mut first = true;
            let ended = model.embed_each(&texts, &mut |_, _| {
                if std::mem::take(&mut first) {
                    began.wait();
                }
                // Stops as soon as the question has its answer; were it kept waiting, all would be run.
                !done.load(std::sync::atomic::Ordering::Relaxed)
            });
            ended.expect("no failure");
        });
        began.wait();
        let vector = model.try_query("a question").expect("a vector");
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(vector.len(), 384);
    });
    assert!(model.report().expect("a report").texts < 200, "the question waited for all texts");
}
