//! Tests of the architecture rules: layering, isolated dependencies, environment access and file sizes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The levels of top-level modules, from the bottom up. A module may import only from lower levels.
const LEVELS: &[&[&str]] = &[
    &["types"],
    &["config", "language"],
    &["walk", "parse", "embed", "clients"],
    &["lexical"],
    &["store"],
    &["index", "search", "train"],
    &["engine"],
    &["mcp"],
    &["cli"],
    &["main", "lib"],
];

/// External crates, and the only modules that may use them.
const BEHIND: &[(&str, &[&str])] = &[
    ("lancedb", &["src/store/lance"]),
    ("arrow_array", &["src/store/lance"]),
    ("arrow_schema", &["src/store/lance"]),
    ("lance", &["src/store/lance"]),
    ("ignore", &["src/walk"]),
    ("notify", &["src/index/watch.rs"]),
    ("sysinfo", &["src/config/machine.rs"]),
    ("rustix", &["src/config/machine.rs", "src/walk/beneath.rs", "src/walk/disk.rs"]),
    ("jsonc_parser", &["src/clients"]),
    ("toml_edit", &["src/clients", "src/embed/models"]),
    ("ort", &["src/embed/onnx"]),
    ("nvml_wrapper", &["src/embed/onnx/gauge.rs"]),
    ("tokenizers", &["src/embed/onnx/tokenizer.rs", "src/embed/model2vec.rs"]),
    ("safetensors", &["src/embed/model2vec.rs"]),
    ("ureq", &["src/embed/models/hub.rs"]),
    ("half", &["src/embed", "src/store/lance"]),
    ("fearless_simd", &["src/search/vectors.rs"]),
    ("rmcp", &["src/mcp"]),
    ("schemars", &["src/mcp"]),
    ("hyper", &["src/mcp/http"]),
    ("hyper_util", &["src/mcp/http"]),
    ("http_body_util", &["src/mcp/http"]),
    ("subtle", &["src/mcp/http"]),
    ("prometheus_client", &["src/mcp"]),
    ("bpe_openai", &["src/mcp"]),
    ("clap", &["src/cli"]),
    ("clap_complete", &["src/cli"]),
    ("clap_mangen", &["src/cli"]),
    ("indicatif", &["src/cli"]),
    ("console", &["src/cli"]),
    ("tree_sitter", &["src/language", "src/parse"]),
    ("pulldown_cmark", &["src/parse"]),
    ("anyhow", &["src/cli", "src/main.rs"]),
];

fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("src is readable") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source file is UTF-8");
                let relative = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).expect("below the root").to_owned();
                found.push((relative, text));
            }
        }
    }
    assert!(found.len() > 40, "the walk over src is broken: {} files", found.len());
    found
}

/// Returns the top-level module of a file: `store` for `src/store/lance/mod.rs`.
fn module(path: &Path) -> String {
    let part = path.components().nth(1).expect("below src").as_os_str().to_string_lossy().into_owned();
    part.trim_end_matches(".rs").to_owned()
}

/// Returns the lines of a source file without comments and unit tests.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let end = text.find("\n#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    text[..end].lines().filter(|line| !line.trim_start().starts_with("//"))
}

fn is_test(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "tests.rs") || path.components().any(|part| part.as_os_str() == "tests")
}

/// Returns the top-level modules that a file names as `crate::…` or `codescry::…`.
fn imports(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in code(text) {
        for prefix in ["crate::", "codescry::"] {
            for (at, _) in line.match_indices(prefix) {
                let rest = &line[at + prefix.len()..];
                let inside = rest.strip_prefix('{').map_or(rest, |list| list);
                let names = if rest.starts_with('{') { inside.split([',', '}']).collect() } else { vec![inside] };
                let name = |part: &str| {
                    part.trim().split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default().to_owned()
                };
                found.extend(names.into_iter().map(name).filter(|name| !name.is_empty()));
            }
        }
    }
    found
}

#[test]
fn imports_go_only_to_lower_levels() {
    let level: BTreeMap<&str, usize> =
        LEVELS.iter().enumerate().flat_map(|(level, names)| names.iter().map(move |name| (*name, level))).collect();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (path, text) in sources().into_iter().filter(|(path, _)| !is_test(path)) {
        let module = module(&path);
        let own =
            *level.get(module.as_str()).unwrap_or_else(|| panic!("{} is no module of the design", path.display()));
        for import in imports(&text) {
            let Some(other) = level.get(import.as_str()) else { continue };
            seen += 1;
            if import != module && *other >= own {
                wrong.push(format!("{} imports {import}", path.display()));
            }
        }
    }
    assert!(seen > 50, "the search for imports is broken: {seen} found");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn commands_and_server_call_only_the_engine() {
    let below = ["index", "search", "train", "walk", "parse", "embed", "store", "language"];
    for (path, text) in
        sources().into_iter().filter(|(path, _)| ["mcp", "cli"].contains(&module(path).as_str()) && !is_test(path))
    {
        for import in imports(&text) {
            assert!(!below.contains(&import.as_str()), "{} imports {import}", path.display());
        }
    }
}

#[test]
fn external_crates_stay_behind_their_modules() {
    let mut wrong = Vec::new();
    for (path, text) in sources().into_iter().filter(|(path, _)| !is_test(path)) {
        for (name, homes) in BEHIND {
            let uses = code(&text).any(|line| {
                line.contains(&format!("{name}::")) && !line.contains(&format!("::{name}::")) && !ends_word(line, name)
            });
            if uses && !homes.iter().any(|home| path.starts_with(home)) {
                wrong.push(format!("{} uses {name}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Returns whether every `name::` in the line is only the end of a longer identifier.
fn ends_word(line: &str, name: &str) -> bool {
    line.match_indices(&format!("{name}::"))
        .all(|(at, _)| line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

#[test]
fn only_config_reads_the_environment_and_only_the_printer_prints() {
    for (path, text) in sources().into_iter().filter(|(path, _)| !is_test(path)) {
        let has = |what: &str| code(&text).any(|line| line.contains(what));
        if module(&path) != "config" {
            assert!(!has("env::var") && !has("env::current_dir"), "{} reads the environment", path.display());
        }
        if !path.ends_with("cli/printer.rs") {
            assert!(
                !has("println!") || !code(&text).any(|line| line.trim_start().starts_with("println!")),
                "{} prints",
                path.display()
            );
        }
        assert!(!has("#[allow("), "{} allows where it should expect", path.display());
    }
}

#[test]
fn files_stay_under_500_lines_and_modules_have_a_description() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= 500, "{} has {lines} lines", path.display());
        if path.file_name().is_some_and(|name| name == "mod.rs") {
            assert!(text.starts_with("//!"), "{} does not say what it owns", path.display());
        }
    }
}
