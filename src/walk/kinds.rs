//! Files that are out by their name alone.
//!
//! Owns the tables of secrets, lock files, bulk data and binary formats. Invariants: names compare
//! without regard to case; a pattern of files never holds for a folder (`commands/credentials/` is
//! source code); what is reported is the pattern. Never imports the store, the embedder, `index` or `search`.

use crate::types::{RepoPath, SkipReason};

/// Names of files that hold credentials, as globs: one `*` at most, lower case.
const SECRET_FILES: &[&str] = &[
    ".env",
    ".env.*",
    ".env-*",
    ".env_*",
    ".envrc",
    "*.env",
    ".npmrc",
    ".netrc",
    "_netrc",
    ".pgpass",
    ".pypirc",
    ".git-credentials",
    ".htpasswd",
    ".dockercfg",
    "credentials",
    "id_rsa",
    "id_rsa.*",
    "id_dsa",
    "id_dsa.*",
    "id_ecdsa",
    "id_ecdsa.*",
    "id_ed25519",
    "id_ed25519.*",
    "service-account*.json",
    "service_account*.json",
    "*.pem",
    "*.key",
    "*.p8",
    "*.p12",
    "*.pfx",
    "*.jks",
    "*.keystore",
    "*.ppk",
    "*.gpg",
    "*.kdbx",
    "*.tfstate",
    "*.tfstate.backup",
    "*.tfvars",
    "*.tfvars.json",
    "kubeconfig",
    "*.kubeconfig",
];

/// Names of keys that people write more behind. With an extension it is source code: `id_rsa_parser.rs`.
const SECRET_KEYS: &[&str] = &["id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*"];

/// Names that hold credentials with a [`SECRET_DATA`] extension: `secrets.yaml`, never `credentials.py`.
const SECRET_STEMS: &[(&str, &str)] = &[
    ("credentials", "credentials.*"),
    ("secrets", "secrets.*"),
    ("secret", "secret.*"),
    ("kubeconfig", "kubeconfig.*"),
];

const SECRET_DATA: &[&str] = &["json", "yml", "yaml", "toml", "env", "ini", "xml", "properties"];

/// Folders that hold nothing else.
const SECRET_FOLDERS: &[&str] = &[".aws", ".ssh", ".gnupg", ".kube", ".docker", ".azure", ".gcloud"];

/// Extensions of samples and of public keys, which are no secrets.
const SAMPLES: &[&str] = &["example", "sample", "template", "pub"];

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

const DATA: &[&str] = &[
    "json",
    "jsonl",
    "ndjson",
    "geojson",
    "topojson",
    "csv",
    "tsv",
    "svg",
    "parquet",
    "arrow",
    "avro",
    "npy",
    "npz",
    "h5",
    "hdf5",
    "pkl",
    "pickle",
    "sqlite",
    "sqlite3",
    "db",
    "dat",
    "bin",
    "lance",
    "onnx",
    "safetensors",
    "gguf",
    "ipynb",
    "snap",
    "po",
    "pot",
    "mo",
    "xlf",
    "log",
    "diff",
    "patch",
    "dump",
    "lst",
    "sum",
    "tfrecord",
    "pb",
    "pbtxt",
    "mdb",
    "dbf",
    "shp",
    "har",
];

/// Any other `.map` may be a linker's script.
const SOURCE_MAPS: &[&str] = &[".js.map", ".mjs.map", ".cjs.map", ".css.map", ".ts.map"];

const BINARY: &[&str] = &[
    "png", "jpg", "jpeg", "gif", "bmp", "tif", "tiff", "webp", "ico", "icns", "psd", "ai", "eps", "pdf", "zip", "gz",
    "tgz", "bz2", "tar", "xz", "zst", "7z", "rar", "jar", "war", "ear", "class", "o", "a", "so", "dll", "exe", "dylib",
    "lib", "pdb", "wasm", "woff", "woff2", "ttf", "otf", "eot", "mp3", "mp4", "m4a", "mov", "avi", "mkv", "webm",
    "ogg", "flac", "wav", "pyc", "pyo", "whl", "egg", "deb", "rpm", "dmg", "iso", "img", "apk", "ipa", "doc", "docx",
    "xls", "xlsx", "ppt", "pptx", "odt", "ods", "blend", "fbx", "glb", "rlib", "rmeta", "node", "nupkg", "keystore",
    "phar", "swf", "cur", "beam", "hi", "dex", "mpg", "mpeg", "wmv", "flv", "heic", "avif", "aac", "opus", "lz4",
    "lzma", "cab", "msi", "pyd", "gch", "pch", "nib", "elc", "luac", "tflite", "xcf",
];

/// The pattern by which a file may hold credentials, by its name or a folder it lies in.
pub fn secret(path: &RepoPath) -> Option<&'static str> {
    let lower = path.as_str().to_ascii_lowercase();
    let mut parts: Vec<&str> = lower.split('/').collect();
    let name = parts.pop()?;
    parts.into_iter().find_map(secret_folder_name).or_else(|| secret_file_name(name))
}

/// The pattern by which a folder may hold credentials, by its name or a folder it lies in.
pub(super) fn secret_folder(path: &RepoPath) -> Option<&'static str> {
    path.as_str().to_ascii_lowercase().split('/').find_map(secret_folder_name)
}

fn secret_folder_name(lower: &str) -> Option<&'static str> {
    SECRET_FOLDERS.iter().find(|folder| **folder == lower).copied()
}

fn secret_file_name(lower: &str) -> Option<&'static str> {
    let (stem, extension) = lower.rsplit_once('.').unwrap_or((lower, ""));
    if SAMPLES.contains(&extension) {
        return None;
    }
    let as_data = || SECRET_STEMS.iter().find(|(known, _)| *known == stem && SECRET_DATA.contains(&extension));
    let keys: &[&str] = if extension.is_empty() { SECRET_KEYS } else { &[] };
    let pattern = SECRET_FILES.iter().chain(keys).find(|pattern| matches(pattern, lower)).copied();
    pattern.or_else(|| as_data().map(|(_, pattern)| *pattern))
}

/// Whether a glob with one `*` at most matches the whole name.
fn matches(pattern: &str, name: &str) -> bool {
    pattern
        .split_once('*')
        .map_or(pattern == name, |(start, end)| name.strip_prefix(start).is_some_and(|rest| rest.ends_with(end)))
}

/// Why a file that nothing excludes is not worth reading.
pub(super) fn unwanted(path: &RepoPath) -> Option<SkipReason> {
    let name = path.file_name().to_ascii_lowercase();
    let (stem, extension) = name.rsplit_once('.').unwrap_or((&name, ""));
    if LOCK_FILES.contains(&name.as_str()) {
        Some(SkipReason::LockFile)
    } else if DATA.contains(&extension) || SOURCE_MAPS.iter().any(|end| name.ends_with(end)) {
        Some(SkipReason::Data)
    } else if BINARY.contains(&extension) {
        Some(SkipReason::Binary)
    } else if matches!(extension, "js" | "mjs" | "cjs" | "css")
        && [".min", "-min", ".bundle"].iter().any(|end| stem.ends_with(end))
    {
        Some(SkipReason::Minified)
    } else {
        None
    }
}
