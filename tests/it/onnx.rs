//! Tests of indexing and searching with transformers, and of errors in their setup.
//!
//! Tests that need more than this repository are ignored, in a module named after the need. `eval
//! "$(tests/onnx/fetch)"` fetches ONNX Runtime and a model; `cargo test --test it -- --ignored needs_ort needs_minilm`
//! runs their tests.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::cli::{Project, RunOutput};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/onnx");

/// Returns the path that `tests/onnx/fetch` put into a variable.
fn fetched(variable: &str) -> PathBuf {
    let path = std::env::var_os(variable).map(PathBuf::from);
    path.unwrap_or_else(|| panic!("{variable} is not set; run eval \"$(tests/onnx/fetch)\" first"))
}

/// Creates a project with a tiny model of 16 words in `home/tiny`. Returns the project and the model's folder.
fn with_tiny() -> (Project, String) {
    let project = Project::empty();
    let folder = project.home().join("tiny");
    fs::create_dir(&folder).expect("made");
    for (from, to) in [("dynamic.onnx", "model.onnx"), ("tokenizer.json", "tokenizer.json")] {
        fs::copy(Path::new(FIXTURES).join(from), folder.join(to)).expect("copied");
    }
    let description = "name = \"tiny\"\ndimensions = 8\nmax_tokens = 64\n[files]\nfp32 = \"model.onnx\"\n";
    fs::write(folder.join("codescry-model.toml"), description).expect("written");
    project.write("pool.rs", "// connection pool\nfn a() {}\n");
    project.write("header.rs", "// parse header\nfn b() {}\n");
    (project, folder.to_str().expect("UTF-8").to_owned())
}

/// Runs the program so that it can find no ONNX Runtime library except `library` and those in the system's folders.
fn run(project: &Project, library: Option<&Path>, arguments: &[&str]) -> RunOutput {
    let mut command = project.command(arguments);
    command.env("CODESCRY_MODELS_DIR", project.home().join("models")).env("PATH", project.home());
    for name in ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "VIRTUAL_ENV", "CONDA_PREFIX"] {
        command.env_remove(name);
    }
    if let Some(library) = library {
        command.env("CODESCRY_ORT_LIB", library);
    }
    command.output().expect("the program starts").into()
}

/// Creates a project and installs a tiny model whose weights are in a separate file.
fn with_external_weights() -> Project {
    let (project, tiny) = with_tiny();
    for (from, to) in [("external.onnx", "model.onnx"), ("external.onnx_data", "external.onnx_data")] {
        fs::copy(Path::new(FIXTURES).join(from), Path::new(&tiny).join(to)).expect("copied");
    }
    let ran = run(&project, None, &["models", "add", &tiny]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    project
}

#[test]
fn a_missing_library_affects_only_commands_that_need_it() {
    let (project, tiny) = with_tiny();
    let nowhere = project.home().join("no-such-library");
    assert_eq!(run(&project, Some(&nowhere), &["search", "connection pool"]).code, 0, "the built-in model needs none");
    let ran = run(&project, Some(&nowhere), &["index", "--embedder", &tiny]);
    assert!(ran.code == 2 && ran.err.contains("there is no such library"), "{}", ran.err);
    assert!(ran.err.contains("CODESCRY_ORT_LIB"), "{}", ran.err);
    assert_eq!(run(&project, Some(&nowhere), &["status", "--embedder", &tiny]).code, 0, "a status needs none");
    let doctor = run(&project, Some(&nowhere), &["doctor", "--json", "--embedder", &tiny]).json();
    let (state, said) = check(&doctor, "onnx runtime");
    assert!(state == "fail" && said.contains("no such library"), "{said}");
}

#[test]
fn external_weights_are_installed_with_a_model() {
    let project = with_external_weights();
    let added = project.home().join("models/tiny/external.onnx_data");
    assert!(added.is_file());
    assert!(run(&project, None, &["models", "verify", "tiny"]).out.contains("external.onnx_data"));
    fs::remove_file(added).expect("removed");
    let ran = run(&project, None, &["index", "--embedder", "tiny"]);
    assert!(ran.code == 2 && ran.err.contains("external.onnx_data is missing"), "{}", ran.err);
}

#[test]
fn vectors_are_truncated_only_to_trained_widths() {
    let (project, tiny) = with_tiny();
    let description = Path::new(&tiny).join("codescry-model.toml");
    let text = fs::read_to_string(&description).expect("read");
    fs::write(&description, format!("truncatable = [4]\n{text}")).expect("written");
    let ran = run(&project, None, &["index", "--embedder", &format!("{tiny}@5")]);
    assert!(ran.code == 2 && ran.err.contains("cannot be truncated to 5: it was trained for 4 and 8"), "{}", ran.err);
    fs::write(&description, &text).expect("written");
    let ran = run(&project, None, &["index", "--embedder", &format!("{tiny}@4")]);
    assert!(ran.code == 2 && ran.err.contains("was not trained to be truncated"), "{}", ran.err);
    assert!(ran.err.contains("Qwen3-Embedding-0.6B (32, 64, 128, 256, 512, 768)"), "{}", ran.err);
}

#[test]
fn an_invalid_library_is_named_with_the_loader_error() {
    let (project, tiny) = with_tiny();
    let garbage = project.home().join("libonnxruntime.so");
    fs::write(&garbage, "this is no library").expect("written");
    let ran = run(&project, Some(&garbage), &["index", "--embedder", &tiny]);
    assert!(ran.code == 2 && ran.err.contains("cannot use the ONNX Runtime library"), "{}", ran.err);
    assert!(ran.err.contains("libonnxruntime.so") && ran.err.contains("1.17"), "{}", ran.err);
}

#[test]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn another_library_is_not_taken_for_onnx_runtime() {
    let (project, tiny) = with_tiny();
    // Use the C library of this test process as a library that is not ONNX Runtime.
    let maps = fs::read_to_string("/proc/self/maps").expect("a list of mapped files");
    let other = maps.lines().filter_map(|line| line.split_whitespace().nth(5)).find(|path| path.contains("/libc"));
    let ran = run(&project, other.map(Path::new), &["index", "--embedder", &tiny]);
    assert!(ran.code == 2 && ran.err.contains("it is a library, but not ONNX Runtime"), "{other:?}: {}", ran.err);
}

/// Tests for machines without ONNX Runtime in the system's folders.
mod needs_no_ort {
    use super::*;

    #[test]
    #[ignore = "needs a machine without ONNX Runtime in the system's folders"]
    fn without_any_library_the_error_lists_the_places_searched() {
        let (project, tiny) = with_tiny();
        let doctor = run(&project, None, &["doctor", "--json", "--embedder", &tiny]).json();
        let checks = doctor["checks"].as_array().expect("checks are a list");
        let place = checks.iter().find(|check| check["name"] == "onnx place");
        assert!(place.is_none(), "this machine has ONNX Runtime: {place:?}");
        let ran = run(&project, None, &["index", "--embedder", &tiny]);
        let places = "(looked beside the program, in the system's folders";
        assert!(
            ran.code == 2 && ran.err.contains("no ONNX Runtime library was found") && ran.err.contains(places),
            "{}",
            ran.err
        );
        assert!(
            ran.err.contains("the model tiny needs one") && ran.err.contains("pip install onnxruntime"),
            "{}",
            ran.err
        );
        let (state, said) = check(&doctor, "onnx runtime");
        assert!(state == "fail" && said.contains("no ONNX Runtime library was found"), "{said}");
        let doctor = run(&project, None, &["doctor", "--json"]).json();
        assert_eq!(check(&doctor, "onnx runtime").0, "ok", "the built-in model needs none");
        assert!(check(&doctor, "onnx places").1.contains("/usr/lib"), "each folder is shown");
        assert_eq!(run(&project, None, &["search", "connection pool"]).code, 0);
    }
}

/// Tests with ONNX Runtime 1.16.3.
mod needs_old_ort {
    use super::*;

    #[test]
    #[ignore = "needs ONNX Runtime 1.16.3: tests/onnx/fetch"]
    fn a_library_that_is_too_old_is_rejected_with_the_required_version() {
        let (project, tiny) = with_tiny();
        let library = fetched("CODESCRY_TEST_OLD_ORT_LIB");
        let ran = run(&project, Some(&library), &["index", "--embedder", &tiny]);
        assert!(ran.code == 2 && ran.err.contains("its version is 1.16.3"), "{}", ran.err);
        assert!(ran.err.contains("1.17.0 or newer is needed"), "{}", ran.err);
    }
}

/// Tests with ONNX Runtime for CUDA, on a machine without a GPU.
mod needs_gpu_ort {
    use super::*;

    #[test]
    #[ignore = "needs ONNX Runtime for CUDA, and no CUDA GPU: tests/onnx/fetch --gpu"]
    fn devices_that_auto_passes_over_are_reported() {
        let (project, tiny) = with_tiny();
        let library = fetched("CODESCRY_TEST_ORT_GPU_LIB");
        let ran = run(&project, Some(&library), &["index", "--json", "--embedder", &tiny, "--device", "auto"]);
        let device = &ran.json()["device"];
        assert_eq!((ran.code, &device["devices"][0]), (0, &"CPU".into()), "{}", ran.err);
        let reason = device["passed_over"][0].as_str().unwrap_or_default();
        assert!(reason.starts_with("CUDA: "), "{device}");
        assert!(ran.err.contains("tiny runs on CPU: CUDA: "), "once, plainly: {}", ran.err);
        let ran = run(&project, Some(&library), &["index", "--rebuild", "--embedder", &tiny, "--device", "cuda"]);
        assert!(ran.code == 2 && ran.err.contains("--device cuda is not available"), "{}", ran.err);
        let site = library.ancestors().nth(3).expect("site-packages");
        assert!(site.join("nvidia/cu13/lib").is_dir(), "tests/onnx/fetch --gpu installs the CUDA libraries beside it");
        assert!(!ran.err.contains("libcublas"), "only the driver is missing: {}", ran.err);
        let doctor = run(&project, Some(&library), &["doctor", "--json", "--device", "cuda"]).json();
        let (state, said) = check(&doctor, "onnx device");
        assert!(state == "fail" && said.contains("cuda does not work"), "{said}");
    }
}

/// Tests with ONNX Runtime and tiny models.
mod needs_ort {
    use super::*;

    #[test]
    #[ignore = "needs ONNX Runtime: tests/onnx/fetch"]
    fn a_model_with_external_weights_is_used() {
        let project = with_external_weights();
        let library = fetched("CODESCRY_TEST_ORT_LIB");
        let arguments = ["search", "connection", "--json", "--mode", "dense", "--embedder", "tiny"];
        assert_eq!(run(&project, Some(&library), &arguments).paths()[0], "pool.rs");
    }

    #[test]
    #[ignore = "needs ONNX Runtime: tests/onnx/fetch"]
    fn vectors_are_truncated_to_a_trained_width() {
        let (project, tiny) = with_tiny();
        let description = Path::new(&tiny).join("codescry-model.toml");
        let text = fs::read_to_string(&description).expect("read");
        fs::write(&description, format!("truncatable = [4]\n{text}")).expect("written");
        let library = fetched("CODESCRY_TEST_ORT_LIB");
        let cut = format!("{tiny}@4");
        let report = run(&project, Some(&library), &["index", "--json", "--embedder", &cut]).json();
        let model = report["device"]["model"].as_str().unwrap_or_default();
        assert!(model.starts_with("tiny:fp32@4@"), "{report}");
        let arguments = ["search", "connection", "--json", "--mode", "dense", "--embedder", &cut];
        assert_eq!(run(&project, Some(&library), &arguments).paths()[0], "pool.rs");
        if cfg!(feature = "lance") {
            let unchanged = run(&project, Some(&library), &["index", "--json"]).json();
            assert_eq!(unchanged["files_indexed"], 0, "the index remembers the width too: {unchanged}");
        }
    }

    #[test]
    #[ignore = "needs ONNX Runtime: tests/onnx/fetch"]
    fn a_model_is_used_and_the_report_names_the_device() {
        let (project, tiny) = with_tiny();
        let library = fetched("CODESCRY_TEST_ORT_LIB");
        let ran =
            run(&project, Some(&library), &["search", "connection", "--json", "--mode", "dense", "--embedder", &tiny]);
        assert_eq!(ran.paths()[0], "pool.rs", "{}", ran.err);
        let arguments = ["index", "--json", "--rebuild", "--max-cache-bytes", "0", "--embedder", &tiny];
        let report = run(&project, Some(&library), &arguments).json();
        let device = &report["device"];
        assert_eq!((&device["asked"], &device["devices"][0]), (&"auto".into(), &"CPU".into()), "{report}");
        assert!(device["texts"].as_u64().is_some_and(|texts| texts >= 2), "{report}");
        if cfg!(feature = "lance") {
            let status = run(&project, Some(&library), &["status", "--json"]).json();
            assert_eq!(status["device"]["devices"][0], "CPU", "what ran stays known: {status}");
        }
        let doctor = run(&project, Some(&library), &["doctor", "--json", "--embedder", &tiny]).json();
        let (state, said) = check(&doctor, "onnx runtime");
        assert!(state == "ok" && said.contains("built for") && said.contains("CPU"), "{said}");
        assert!(check(&doctor, "onnx place").1.contains("by CODESCRY_ORT_LIB"));
        let (state, said) = check(&doctor, "onnx device");
        assert!(state == "ok" && said.contains("cpu works"), "a session was opened: {said}");
    }

    #[cfg(feature = "lance")]
    #[test]
    #[ignore = "needs ONNX Runtime: tests/onnx/fetch"]
    fn an_index_remembers_its_model_and_uses_no_other_unasked() {
        let (project, tiny) = with_tiny();
        let library = fetched("CODESCRY_TEST_ORT_LIB");
        let description = Path::new(&tiny).join("codescry-model.toml");
        let unknown = fs::read_to_string(&description).expect("read");
        // Run once with the name of a known model that is not installed, and once with an unknown name.
        for description_now in [unknown.replace("tiny", "all-MiniLM-L6-v2"), unknown] {
            fs::write(&description, description_now).expect("written");
            assert_eq!(run(&project, Some(&library), &["index", "--embedder", &tiny]).code, 0);
            let unchanged = run(&project, Some(&library), &["index", "--json"]).json();
            assert_eq!(unchanged["files_indexed"], 0, "the same model without being told: {unchanged}");
        }
        fs::rename(&tiny, format!("{tiny}-elsewhere")).expect("moved");
        let status = run(&project, Some(&library), &["status", "--json"]).json();
        let because = status["redo_because"].as_str().unwrap_or_default();
        assert!(
            because.contains("the model that made the index is not available")
                && because.contains("--embedder builtin"),
            "{status}"
        );
        for command in [&["index"][..], &["search", "connection"]] {
            let ran = run(&project, Some(&library), command);
            assert!(
                ran.code == 2 && ran.err.contains("the model that made the index is not available"),
                "{command:?}: {}",
                ran.err
            );
        }
        assert_eq!(run(&project, Some(&library), &["index", "--embedder", "builtin"]).code, 0);
    }

    #[test]
    #[ignore = "needs ONNX Runtime: tests/onnx/fetch"]
    fn a_device_requested_by_name_is_not_replaced() {
        let (project, tiny) = with_tiny();
        let library = fetched("CODESCRY_TEST_ORT_LIB");
        let ran = run(&project, Some(&library), &["index", "--embedder", &tiny, "--device", "cuda:0,1"]);
        assert!(ran.code == 2 && ran.err.contains("--device cuda:0,1 is not available"), "{}", ran.err);
        let ran = run(&project, Some(&library), &["index", "--embedder", &tiny, "--device", "gpu"]);
        assert!(ran.code == 2 && ran.err.contains("give auto, cuda"), "{}", ran.err);
    }

    #[test]
    #[ignore = "needs ONNX Runtime: tests/onnx/fetch"]
    fn truncated_models_and_mismatched_tokenizers_are_reported() {
        let (project, tiny) = with_tiny();
        let library = fetched("CODESCRY_TEST_ORT_LIB");
        let model = Path::new(&tiny).join("model.onnx");
        let whole = fs::read(&model).expect("read");
        fs::write(&model, &whole[..whole.len() / 2]).expect("written");
        let ran = run(&project, Some(&library), &["index", "--embedder", &tiny]);
        assert!(
            ran.code == 2 && ran.err.contains("cannot load the model") && ran.err.contains("model.onnx"),
            "{}",
            ran.err
        );
        fs::write(&model, whole).expect("written");
        fs::copy(Path::new(FIXTURES).join("tokenizer-of-another.json"), Path::new(&tiny).join("tokenizer.json"))
            .expect("copied");
        let ran = run(&project, Some(&library), &["index", "--embedder", &tiny]);
        assert!(
            ran.code == 2 && ran.err.contains("does not fit") && ran.err.contains("its largest token ID is 115"),
            "{}",
            ran.err
        );
    }
}

/// Tests with ONNX Runtime and all-MiniLM-L6-v2.
mod needs_minilm {
    use super::*;

    #[test]
    #[ignore = "needs ONNX Runtime and all-MiniLM-L6-v2: tests/onnx/fetch"]
    fn a_model_in_the_hub_cache_is_used() {
        let (library, model) = (fetched("CODESCRY_TEST_ORT_LIB"), fetched("CODESCRY_TEST_MINILM"));
        let project = Project::empty();
        project.write("a.py", "def greet(name):\n    return 'good morning, ' + name\n");
        project.write("b.py", "def total(prices):\n    return sum(prices) * 1.19  # value added tax\n");
        let cached = project.home().join("hf/hub/models--Xenova--all-MiniLM-L6-v2");
        let snapshot = cached.join("snapshots/rev1");
        fs::create_dir_all(snapshot.join("onnx")).expect("made");
        fs::create_dir_all(cached.join("refs")).expect("made");
        fs::write(cached.join("refs/main"), "rev1").expect("written");
        fs::copy(model.join("model.onnx"), snapshot.join("onnx/model_quantized.onnx")).expect("copied");
        fs::copy(model.join("tokenizer.json"), snapshot.join("tokenizer.json")).expect("copied");
        let arguments = ["search", "how much money", "--json", "--mode", "dense", "--embedder", "minilm"];
        let mut command = project.command(&arguments);
        command.env("HF_HOME", project.home().join("hf")).env_remove("HF_HUB_CACHE").env("CODESCRY_ORT_LIB", library);
        let ran: RunOutput =
            command.env("CODESCRY_MODELS_DIR", project.home().join("models")).output().expect("it starts").into();
        assert_eq!(ran.paths().first().map(String::as_str), Some("b.py"), "{}", ran.err);
    }

    #[test]
    #[ignore = "needs ONNX Runtime and all-MiniLM-L6-v2: tests/onnx/fetch"]
    fn minilm_finds_text_without_a_common_word() {
        let (library, model) = (fetched("CODESCRY_TEST_ORT_LIB"), fetched("CODESCRY_TEST_MINILM"));
        let project = Project::empty();
        project.write("a.py", "def greet(name):\n    return 'good morning, ' + name\n");
        project.write("b.py", "def total(prices):\n    return sum(prices) * 1.19  # value added tax\n");
        let folder = model.to_str().expect("UTF-8");
        let arguments =
            ["search", "how much money does the customer owe", "--json", "--mode", "dense", "--embedder", folder];
        let ran = run(&project, Some(&library), &arguments);
        assert_eq!(ran.paths().first().map(String::as_str), Some("b.py"), "{}", ran.err);
    }
}

/// Returns the state and message of a check in the answer of `codescry doctor`.
fn check<'a>(answer: &'a Value, name: &str) -> (&'a str, &'a str) {
    let checks = answer["checks"].as_array().expect("checks are a list");
    let check = checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no {name} in {answer}"));
    (check["state"].as_str().expect("a state"), check["message"].as_str().expect("a message"))
}
