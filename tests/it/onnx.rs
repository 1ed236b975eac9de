//! Indexing and searching with transformers through the built binary, and everything that may be
//! wrong on the way to one.
//!
//! `eval "$(tests/onnx/fetch)"` fetches ONNX Runtime and a model; tests that need them say when they
//! are skipped.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::cli::{Project, Ran};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/onnx");

#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn fetched(variable: &str) -> Option<PathBuf> {
    let found = std::env::var_os(variable).map(PathBuf::from);
    if found.is_none() {
        eprintln!("SKIPPED: {variable} is not set; eval \"$(tests/onnx/fetch)\" first");
    }
    found
}

/// A project with a tiny model in `home/tiny`: a table of 16 words as a graph.
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

/// The program with a library, and with no other to be found.
fn run(project: &Project, library: Option<&Path>, arguments: &[&str]) -> Ran {
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

#[test]
fn without_a_library_what_needs_none_works_and_what_needs_one_says_so() {
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
fn a_wrong_library_is_named_with_what_the_loader_says() {
    let (project, tiny) = with_tiny();
    let garbage = project.home().join("libonnxruntime.so");
    fs::write(&garbage, "this is no library").expect("written");
    let ran = run(&project, Some(&garbage), &["index", "--embedder", &tiny]);
    assert!(ran.code == 2 && ran.err.contains("cannot use the ONNX Runtime library"), "{}", ran.err);
    assert!(ran.err.contains("libonnxruntime.so") && ran.err.contains("1.17"), "{}", ran.err);
    #[cfg(target_os = "linux")]
    if let Some(other) = ["/lib/x86_64-linux-gnu/libm.so.6", "/lib/aarch64-linux-gnu/libm.so.6", "/lib64/libm.so.6"]
        .iter()
        .find(|path| Path::new(path).is_file())
    {
        let ran = run(&project, Some(Path::new(other)), &["index", "--embedder", &tiny]);
        assert!(ran.code == 2 && ran.err.contains("it is a library, but not ONNX Runtime's"), "{}", ran.err);
    }
}

#[test]
fn a_model_answers_and_the_report_says_what_ran() {
    let (project, tiny) = with_tiny();
    let Some(library) = fetched("CODESCRY_TEST_ORT_LIB") else { return };
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
}

#[cfg(feature = "lance")]
#[test]
fn an_index_remembers_the_folder_of_its_model_and_takes_no_other_unasked() {
    let (project, tiny) = with_tiny();
    let Some(library) = fetched("CODESCRY_TEST_ORT_LIB") else { return };
    assert_eq!(run(&project, Some(&library), &["index", "--embedder", &tiny]).code, 0);
    let unchanged = run(&project, Some(&library), &["index", "--json"]).json();
    assert_eq!(unchanged["files_indexed"], 0, "the same model without being told: {unchanged}");
    fs::rename(&tiny, format!("{tiny}-elsewhere")).expect("moved");
    let status = run(&project, Some(&library), &["status", "--json"]).json();
    let because = status["redo_because"].as_str().unwrap_or_default();
    assert!(because.contains("cannot be used now") && because.contains("--embedder builtin"), "{status}");
    for command in [&["index"][..], &["search", "connection"]] {
        let ran = run(&project, Some(&library), command);
        assert!(ran.code == 2 && ran.err.contains("cannot be used now"), "{command:?}: {}", ran.err);
    }
    assert_eq!(run(&project, Some(&library), &["index", "--embedder", "builtin"]).code, 0);
}

#[test]
fn a_device_asked_for_by_name_is_not_replaced() {
    let (project, tiny) = with_tiny();
    let Some(library) = fetched("CODESCRY_TEST_ORT_LIB") else { return };
    let ran = run(&project, Some(&library), &["index", "--embedder", &tiny, "--device", "cuda:0,1"]);
    assert!(ran.code == 2 && ran.err.contains("--device cuda:0,1 is not to be had"), "{}", ran.err);
    let ran = run(&project, Some(&library), &["index", "--embedder", &tiny, "--device", "gpu"]);
    assert!(ran.code == 2 && ran.err.contains("give auto, cuda"), "{}", ran.err);
}

#[test]
fn a_truncated_model_and_a_tokenizer_that_does_not_fit_are_told() {
    let (project, tiny) = with_tiny();
    let Some(library) = fetched("CODESCRY_TEST_ORT_LIB") else { return };
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
        ran.code == 2 && ran.err.contains("does not fit") && ran.err.contains("its last token is 115"),
        "{}",
        ran.err
    );
}

#[test]
fn minilm_finds_by_meaning_what_has_no_word_in_common() {
    let (Some(library), Some(model)) = (fetched("CODESCRY_TEST_ORT_LIB"), fetched("CODESCRY_TEST_MINILM")) else {
        return;
    };
    let project = Project::empty();
    project.write("a.py", "def greet(name):\n    return 'good morning, ' + name\n");
    project.write("b.py", "def total(prices):\n    return sum(prices) * 1.19  # value added tax\n");
    let folder = model.to_str().expect("UTF-8");
    let arguments =
        ["search", "how much money does the customer owe", "--json", "--mode", "dense", "--embedder", folder];
    let ran = run(&project, Some(&library), &arguments);
    assert_eq!(ran.paths().first().map(String::as_str), Some("b.py"), "{}", ran.err);
}

/// State and message of a check of the doctor.
fn check<'a>(answer: &'a Value, name: &str) -> (&'a str, &'a str) {
    let checks = answer["checks"].as_array().expect("checks are a list");
    let check = checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no {name} in {answer}"));
    (check["state"].as_str().expect("a state"), check["message"].as_str().expect("a message"))
}
