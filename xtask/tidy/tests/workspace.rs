//! Applies the rules to this workspace. The tables here are the decisions: which engine has which home, which folders
//! are flat families, and the limits.

use std::fs;
use std::path::Path;

use tidy::rules::documents::check_documents;
use tidy::rules::engines::{EngineRule, check_engines};
use tidy::rules::imports::check_imports;
use tidy::rules::layout::{
    check_file_lengths, check_front_pages, check_level_widths, check_package_lengths, count_code_lines,
};
use tidy::rules::names::check_names;
use tidy::rules::process::{check_environment, check_printing};
use tidy::rules::prose::count_prose;
use tidy::workspace::{Package, Workspace};

/// Third-party crates with the only places that may use them.
const ENGINES: &[EngineRule] = &[
    EngineRule { crate_name: "aho_corasick", homes: &["crates/secrets"] },
    EngineRule { crate_name: "anyhow", homes: &["src", "xtask"] },
    EngineRule { crate_name: "arrow_array", homes: &["crates/store/src/lance"] },
    EngineRule { crate_name: "arrow_schema", homes: &["crates/store/src/lance"] },
    EngineRule { crate_name: "base64", homes: &["crates/secrets", "xtask/src/tasks/package"] },
    EngineRule { crate_name: "bpe_openai", homes: &["xtask"] },
    EngineRule { crate_name: "clap", homes: &["src/cli", "xtask"] },
    EngineRule { crate_name: "clap_complete", homes: &["src/cli"] },
    EngineRule { crate_name: "clap_mangen", homes: &["src/cli"] },
    EngineRule { crate_name: "console", homes: &["src/cli", "crates/terminal-text"] },
    EngineRule { crate_name: "cpu_time", homes: &["crates/platform"] },
    EngineRule { crate_name: "etcetera", homes: &["crates/config"] },
    EngineRule { crate_name: "fearless_simd", homes: &["crates/embed/src/vector/quantized_matrix.rs"] },
    EngineRule {
        crate_name: "fst",
        homes: &["crates/text/src/tokens/byte_pairs.rs", "xtask/src/tasks/make_token_table.rs"],
    },
    EngineRule { crate_name: "half", homes: &["crates/embed", "crates/onnx", "crates/store/src/lance"] },
    EngineRule { crate_name: "http_body", homes: &["crates/locations/src/storage/http.rs"] },
    EngineRule {
        crate_name: "http_body_util",
        homes: &["crates/locations/src/storage/http.rs", "crates/mcp/src/transport"],
    },
    EngineRule { crate_name: "hyper", homes: &["crates/mcp/src/transport"] },
    EngineRule { crate_name: "hyper_util", homes: &["crates/mcp/src/transport"] },
    EngineRule { crate_name: "ignore", homes: &["crates/source/src/walk"] },
    EngineRule { crate_name: "indicatif", homes: &["src/cli"] },
    EngineRule { crate_name: "jsonc_parser", homes: &["crates/clients"] },
    EngineRule { crate_name: "async_trait", homes: &["crates/store/src/lance/location/remote.rs"] },
    EngineRule { crate_name: "lance", homes: &["crates/store/src/lance"] },
    EngineRule { crate_name: "lance_io", homes: &["crates/store/src/lance/location/remote.rs"] },
    EngineRule { crate_name: "lancedb", homes: &["crates/store/src/lance"] },
    EngineRule { crate_name: "libdeflater", homes: &["xtask/src/tasks/package/archive.rs"] },
    EngineRule { crate_name: "notify", homes: &["crates/index/src/watch.rs"] },
    EngineRule { crate_name: "libc", homes: &["crates/platform/src/confinement.rs"] },
    EngineRule { crate_name: "nvml_wrapper", homes: &["crates/onnx/src/gpus.rs"] },
    EngineRule { crate_name: "object", homes: &["xtask/src/tasks/package/program.rs"] },
    EngineRule {
        crate_name: "object_store",
        homes: &["crates/locations", "crates/store/src/lance/location/remote.rs"],
    },
    EngineRule { crate_name: "ort", homes: &["crates/onnx"] },
    EngineRule { crate_name: "prometheus_client", homes: &["crates/mcp"] },
    EngineRule { crate_name: "pulldown_cmark", homes: &["crates/source/src/parse"] },
    EngineRule { crate_name: "rawzip", homes: &["xtask/src/tasks/package"] },
    EngineRule { crate_name: "rayon", homes: &["crates/search"] },
    EngineRule {
        crate_name: "regex",
        homes: &["crates/secrets", "crates/text/src/encoding.rs", "crates/text/src/tokens/pieces.rs"],
    },
    EngineRule { crate_name: "rmcp", homes: &["crates/mcp", "crates/mcp-schema", "crates/sharing", "xtask"] },
    EngineRule { crate_name: "rustix", homes: &["crates/platform"] },
    EngineRule { crate_name: "safetensors", homes: &["crates/embed/src/embedders/model2vec.rs"] },
    EngineRule { crate_name: "saphyr_parser", homes: &["crates/clients"] },
    EngineRule { crate_name: "schemars", homes: &["crates/mcp-schema"] },
    EngineRule { crate_name: "seccompiler", homes: &["crates/platform/src/confinement.rs"] },
    EngineRule { crate_name: "sha1", homes: &["crates/hub"] },
    EngineRule { crate_name: "sha2", homes: &["crates/hub", "crates/locations", "xtask/src/tasks/package/archive.rs"] },
    EngineRule { crate_name: "chardetng", homes: &["crates/text/src/encoding.rs"] },
    EngineRule { crate_name: "encoding_rs", homes: &["crates/text/src/encoding.rs"] },
    EngineRule { crate_name: "unicode_normalization", homes: &["crates/text"] },
    EngineRule { crate_name: "strsim", homes: &["crates/text"] },
    EngineRule { crate_name: "subtle", homes: &["crates/mcp/src/transport"] },
    EngineRule { crate_name: "sysinfo", homes: &["crates/platform"] },
    EngineRule { crate_name: "tar", homes: &["xtask/src/tasks/package"] },
    EngineRule {
        crate_name: "tokenizers",
        homes: &["crates/embed/src/embedders/model2vec.rs", "crates/onnx/src/tokenizer.rs"],
    },
    EngineRule {
        crate_name: "toml_edit",
        homes: &[
            "crates/clients",
            "crates/config/src/environment/groups.rs",
            "crates/hub",
            "crates/source/src/language/choices.rs",
            "crates/secrets",
            "xtask/src/tasks",
            "xtask/tidy",
        ],
    },
    EngineRule { crate_name: "tracing_subscriber", homes: &["src/cli/logging.rs"] },
    EngineRule { crate_name: "tree_sitter*", homes: &["crates/source"] },
    EngineRule { crate_name: "ts_parser_perl", homes: &["crates/source"] },
    EngineRule { crate_name: "ureq", homes: &["crates/hub/src/client.rs", "crates/locations/src/storage/http.rs"] },
    EngineRule {
        crate_name: "url",
        homes: &["crates/locations/src/url.rs", "crates/store/src/lance/location/remote.rs"],
    },
    EngineRule { crate_name: "zstd", homes: &["crates/store/src/lance/rows/tree_stats.rs"] },
];

/// Third-party crates that any package may use.
const COMMON: &[&str] = &[
    "blake3",
    "bytes",
    "crossbeam_channel",
    "futures",
    "globset",
    "http",
    "lance_datafusion",
    "memchr",
    "parking_lot",
    "serde",
    "serde_json",
    "tempfile",
    "thiserror",
    "tokio",
    "tokio_util",
    "tracing",
    "twox_hash",
    "uuid",
];

/// Folders with one file per command, tool, feature or stage.
const FLAT_FAMILIES: &[&str] =
    &["crates/engine/src/calls", "src/cli/arguments", "src/cli/commands", "src/cli/json_output", "xtask/src/tasks"];

/// Files that may read the environment, the working folder and the arguments.
const ENVIRONMENT_READERS: &[&str] = &["crates/config/src", "src/cli/commands/serve/malloc_arenas.rs"];

/// Files that may print. The log goes to standard error, and a parser process answers on its standard output.
const PRINTERS: &[&str] = &["crates/workers/src/worker.rs", "src/cli/logging.rs", "src/cli/printer.rs"];

/// Documents in which every path refers to this repository. Other documents contain example paths.
const DOCUMENTS: &[&str] = &["README.md", "ARCHITECTURE.md", "NOTICE", "docs/building.md", "docs/models.md"];

/// Folders of the repository that paths in documents begin with.
const FOLDERS: &[&str] = &["benches", "crates", "docs", "examples", "src", "tests", "tools", "xtask"];

/// Maximum number of lines of a file, including tests.
const FILE_LINES: usize = 500;

/// Maximum number of lines of a package, without tests.
const PACKAGE_LINES: usize = 9_000;

/// Maximum number of child modules of a module.
const LEVEL_WIDTH: usize = 10;

/// Maximum number of headless clauses, and of pet phrases, per 1,000 words of comments.
const HEADLESS_RATE: f64 = 1.0;
const PET_RATE: f64 = 0.2;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn read_workspace() -> Workspace {
    let workspace = Workspace::read(root()).expect("the workspace can be read");
    let lines: usize = workspace.packages.iter().map(count_code_lines).sum();
    assert!(workspace.packages.len() > 10 && lines > 20_000, "the search for source files is broken: {lines} lines");
    workspace
}

/// Returns the packages of the program, without the packages of `xtask`.
fn program_packages(workspace: Workspace) -> Vec<Package> {
    workspace.packages.into_iter().filter(|package| !package.folder.starts_with("xtask")).collect()
}

fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
}

#[test]
fn no_file_imports_upwards() {
    let (mut cycles, mut unresolved, mut edges) = (Vec::new(), Vec::new(), 0);
    for package in &read_workspace().packages {
        let report = check_imports(package);
        cycles.extend(report.cycles);
        unresolved.extend(report.unresolved);
        edges += report.edge_count;
    }
    assert!(edges > 300, "the search for imports is broken: {edges} found");
    assert_none(&[unresolved, cycles].concat());
}

#[test]
fn engines_stay_in_their_homes() {
    assert_none(&check_engines(&read_workspace().packages, ENGINES, COMMON));
}

#[test]
fn only_the_configuration_reads_the_environment() {
    assert_none(&check_environment(&program_packages(read_workspace()), ENVIRONMENT_READERS));
}

#[test]
fn only_the_printer_prints() {
    assert_none(&check_printing(&program_packages(read_workspace()), PRINTERS));
}

#[test]
fn files_and_packages_have_a_limited_size() {
    let workspace = read_workspace();
    assert_none(&check_file_lengths(&workspace.all_files, FILE_LINES));
    assert_none(&check_package_lengths(&workspace.packages, PACKAGE_LINES));
}

#[test]
fn levels_have_a_limited_width() {
    assert_none(&check_level_widths(&read_workspace().packages, LEVEL_WIDTH, FLAT_FAMILIES));
}

#[test]
fn modules_with_children_have_a_front_page() {
    let workspace = read_workspace();
    assert_none(&workspace.packages.iter().flat_map(check_front_pages).collect::<Vec<_>>());
}

#[test]
fn paths_in_documents_exist() {
    let read = |path: &&str| fs::read_to_string(root().join(path)).map(|text| ((*path).to_owned(), text));
    let documents: Vec<_> = DOCUMENTS.iter().map(read).collect::<Result<_, _>>().expect("the documents can be read");
    assert_none(&check_documents(&documents, FOLDERS, |path| root().join(path).exists()));
}

#[test]
fn comments_are_plain() {
    let counts = count_prose(&read_workspace().all_files);
    assert!(counts.words > 20_000, "the search for comments is broken: {} words", counts.words);
    let rates = format!("headless {:.2}, pets {:.2} per 1,000 words", counts.headless_rate(), counts.pet_rate());
    let is_plain = counts.headless_rate() <= HEADLESS_RATE && counts.pet_rate() <= PET_RATE;
    assert!(is_plain, "{rates}, such as:\n{}", counts.examples.join("\n"));
}

#[test]
fn every_grammar_is_in_the_notice() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).expect("it is there");
    let (manifest, notice) = (read("crates/source/Cargo.toml"), read("NOTICE"));
    let grammars = manifest.lines().filter_map(|line| line.split_once(".workspace")).map(|(name, _)| name);
    let is_grammar = |name: &&str| {
        (name.starts_with("tree-sitter-") && *name != "tree-sitter-language") || name.starts_with("ts-parser-")
    };
    let is_named = |name: &str| notice.split([' ', '\n']).any(|word| word.trim_end_matches([',', '.']) == name);
    let missing: Vec<&str> = grammars.filter(is_grammar).filter(|name| !is_named(name)).collect();
    assert!(missing.is_empty(), "add to NOTICE: {missing:?}");
}

#[test]
fn ambiguous_names_have_a_reason() {
    let reasons = fs::read_to_string(root().join("xtask/names.toml")).expect("the table of names can be read");
    assert_none(&check_names(&read_workspace().packages, &reasons).faults);
}
