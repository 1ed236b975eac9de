//! Files that are skipped because of their names: lock files, bulk data, binary formats, and minified scripts and
//! styles.
//!
//! Names are compared case-insensitively. JSON is bulk data, except configuration, which is recognized by its name, and
//! contracts such as OpenAPI descriptions, which are recognized by their paths and keys.

use types::{RepoPath, SkipReason};

/// Names of lock files, lower case.
const LOCK_FILES: &[&str] = &[
    "cargo.lock",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "bun.lock",
    "bun.lockb",
    "poetry.lock",
    "pipfile.lock",
    "uv.lock",
    "pdm.lock",
    "composer.lock",
    "gemfile.lock",
    "go.sum",
    "mix.lock",
    "pubspec.lock",
    "podfile.lock",
    "package.resolved",
    "flake.lock",
    "gradle.lockfile",
    "packages.lock.json",
    "stack.yaml.lock",
    "cabal.project.freeze",
    "deno.lock",
    "conan.lock",
    "cartfile.resolved",
    "rebar.lock",
    "paket.lock",
    "pixi.lock",
    "chart.lock",
    "gopkg.lock",
    "module.bazel.lock",
    ".terraform.lock.hcl",
];

/// Extensions of bulk data.
const DATA_EXTENSIONS: &[&str] = &[
    "jsonl", "ndjson", "geojson", "topojson", "csv", "tsv", "svg", "parquet", "arrow", "avro", "npy", "npz", "h5",
    "hdf5", "pkl", "pickle", "sqlite", "sqlite3", "db", "dat", "bin", "lance", "snap", "po", "pot", "mo", "xlf", "log",
    "diff", "patch", "dump", "lst", "sum", "tfrecord", "pb", "pbtxt", "mdb", "dbf", "shp", "har",
];

/// Extensions of the weights of models, which are data too.
const WEIGHT_EXTENSIONS: &[&str] = &["onnx", "safetensors", "gguf"];

/// Suffixes of the names of JSON files that are configuration.
const CONFIG_JSON_ENDS: &[&str] = &[
    "package.json",
    "composer.json",
    "deno.json",
    "deno.jsonc",
    "bower.json",
    "lerna.json",
    "nx.json",
    "turbo.json",
    "rush.json",
    "project.json",
    "workspace.json",
    "angular.json",
    "nest-cli.json",
    "biome.json",
    "tslint.json",
    "typedoc.json",
    "cypress.json",
    "renovate.json",
    "vercel.json",
    "firebase.json",
    "netlify.json",
    "wrangler.json",
    "components.json",
    "devcontainer.json",
    "devcontainer-feature.json",
    "global.json",
    "launchsettings.json",
    "cdk.json",
    "api-extractor.json",
    "openapi.json",
    "swagger.json",
    "asyncapi.json",
    ".schema.json",
    ".config.json",
];

/// Prefixes of the names of JSON files that are configuration.
const CONFIG_JSON_STARTS: &[&str] = &["tsconfig", "jsconfig", "appsettings", "openapi", "swagger"];

/// Words, also with an `s` at the end, in the path of a JSON file that may be a contract; its keys decide.
const CONTRACT_WORDS: &[&str] =
    &["openapi", "swagger", "schema", "api", "spec", "contract", "cloudformation", "template"];

/// Keys of contracts: OpenAPI, JSON schemas, templates of CloudFormation.
const CONTRACT_KEYS: &[&str] =
    &["\"openapi\"", "\"swagger\"", "json-schema.org/", "\"$defs\"", "\"AWSTemplateFormatVersion\""];

/// Number of leading bytes in which the key of a contract counts.
const CONTRACT_HEAD_BYTES: usize = 2 * 1024;

/// Names of files with lists of people and commits.
const LIST_FILES: &[&str] = &[".mailmap", ".git-blame-ignore-revs"];

/// Ends of source map names; other `.map` files may be linker scripts.
const SOURCE_MAPS: &[&str] = &[".js.map", ".mjs.map", ".cjs.map", ".css.map", ".ts.map"];

/// Extensions of binary formats.
const BINARY_EXTENSIONS: &[&str] = &[
    "png", "jpg", "jpeg", "gif", "bmp", "tif", "tiff", "webp", "ico", "icns", "psd", "ai", "eps", "pdf", "zip", "gz",
    "tgz", "bz2", "tar", "xz", "zst", "7z", "rar", "jar", "war", "ear", "class", "o", "a", "so", "dll", "exe", "dylib",
    "lib", "pdb", "wasm", "woff", "woff2", "ttf", "otf", "eot", "mp3", "mp4", "m4a", "mov", "avi", "mkv", "webm",
    "ogg", "flac", "wav", "pyc", "pyo", "whl", "egg", "deb", "rpm", "dmg", "iso", "img", "apk", "ipa", "doc", "docx",
    "xls", "xlsx", "ppt", "pptx", "odt", "ods", "blend", "fbx", "glb", "rlib", "rmeta", "node", "nupkg", "keystore",
    "phar", "swf", "cur", "beam", "hi", "dex", "mpg", "mpeg", "wmv", "flv", "heic", "avif", "aac", "opus", "lz4",
    "lzma", "cab", "msi", "pyd", "gch", "pch", "nib", "elc", "luac", "tflite", "xcf",
];

/// Returns whether a file's name, in lower case, is the name of a JSON file that is configuration.
fn is_config_json(name: &str) -> bool {
    (name.starts_with('.') && name.ends_with("rc.json"))
        || CONFIG_JSON_ENDS.iter().any(|end| name.ends_with(end))
        || CONFIG_JSON_STARTS.iter().any(|start| name.starts_with(start))
}

/// Returns whether the path of a JSON file says that it may be a contract.
fn may_be_contract(path: &RepoPath) -> bool {
    let path = path.as_str().to_ascii_lowercase();
    let mut words = path.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| CONTRACT_WORDS.iter().any(|known| word.strip_suffix('s').unwrap_or(word) == *known))
}

/// Returns whether these bytes of a file are bulk data: JSON that is neither configuration nor a contract.
pub(super) fn is_bulk_json(path: &RepoPath, bytes: &[u8]) -> bool {
    let name = path.file_name().to_ascii_lowercase();
    let head = &bytes[..bytes.len().min(CONTRACT_HEAD_BYTES)];
    name.ends_with(".json")
        && !is_config_json(&name)
        && !CONTRACT_KEYS.iter().any(|key| memchr::memmem::find(head, key.as_bytes()).is_some())
}

/// Returns why a file is skipped because of its name; `None` if it is not.
pub(super) fn skip_reason_by_kind(path: &RepoPath) -> Option<SkipReason> {
    let name = path.file_name().to_ascii_lowercase();
    let (stem, extension) = name.rsplit_once('.').unwrap_or((&name, ""));
    if LOCK_FILES.contains(&name.as_str()) {
        Some(SkipReason::LockFile)
    } else if LIST_FILES.contains(&name.as_str())
        || DATA_EXTENSIONS.contains(&extension)
        || WEIGHT_EXTENSIONS.contains(&extension)
        || (extension == "json" && !is_config_json(&name) && !may_be_contract(path))
        || SOURCE_MAPS.iter().any(|end| name.ends_with(end))
    {
        Some(SkipReason::Data)
    } else if BINARY_EXTENSIONS.contains(&extension) {
        Some(SkipReason::Binary)
    } else if matches!(extension, "js" | "mjs" | "cjs" | "css")
        && [".min", "-min", ".bundle"].iter().any(|end| stem.ends_with(end))
    {
        Some(SkipReason::Minified)
    } else {
        None
    }
}
