//! Files that are skipped because of their names: secrets, lock files, bulk data and binary formats.
//!
//! Names are compared case-insensitively. A file pattern never matches a folder, because
//! `commands/credentials/` is source code. The reported reason is the pattern.

use types::{RepoPath, SkipReason};

/// Names of files with credentials, as lower-case globs with at most one `*`.
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

/// Globs of key files without an extension; with an extension, as in `id_rsa_parser.rs`, the file is source code.
const SECRET_KEYS: &[&str] = &["id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*"];

/// File stems with the pattern to report. A file with such a stem holds credentials only if it has an extension of
/// [`SECRET_DATA`]: `secrets.yaml` does, `credentials.py` does not.
const SECRET_STEMS: &[(&str, &str)] = &[
    ("credentials", "credentials.*"),
    ("secrets", "secrets.*"),
    ("secret", "secret.*"),
    ("kubeconfig", "kubeconfig.*"),
];

/// Extensions of data formats that may hold credentials.
const SECRET_DATA: &[&str] = &["json", "yml", "yaml", "toml", "env", "ini", "xml", "properties"];

/// Folders that hold only credentials and settings.
const SECRET_FOLDERS: &[&str] = &[".aws", ".ssh", ".gnupg", ".kube", ".docker", ".azure", ".gcloud"];

/// Extensions of samples and public keys, which are not secrets.
const SAMPLE_EXTENSIONS: &[&str] = &["example", "sample", "template", "pub"];

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

/// Returns the pattern by which a file may hold credentials, matched on its name and its folders.
pub fn secret_pattern(path: &RepoPath) -> Option<&'static str> {
    let lower = path.as_str().to_ascii_lowercase();
    let mut parts: Vec<&str> = lower.split('/').collect();
    let name = parts.pop()?;
    parts.into_iter().find_map(match_secret_folder).or_else(|| match_secret_file(name))
}

/// Returns the pattern by which a folder may hold credentials, matched on its name and the folders above it.
pub(super) fn secret_folder_pattern(path: &RepoPath) -> Option<&'static str> {
    path.as_str().to_ascii_lowercase().split('/').find_map(match_secret_folder)
}

fn match_secret_folder(lower: &str) -> Option<&'static str> {
    SECRET_FOLDERS.iter().find(|folder| **folder == lower).copied()
}

fn match_secret_file(lower: &str) -> Option<&'static str> {
    let (stem, extension) = lower.rsplit_once('.').unwrap_or((lower, ""));
    if SAMPLE_EXTENSIONS.contains(&extension) {
        return None;
    }
    let as_data = || SECRET_STEMS.iter().find(|(known, _)| *known == stem && SECRET_DATA.contains(&extension));
    let keys: &[&str] = if extension.is_empty() { SECRET_KEYS } else { &[] };
    let pattern = SECRET_FILES.iter().chain(keys).find(|pattern| matches_glob(pattern, lower)).copied();
    pattern.or_else(|| as_data().map(|(_, pattern)| *pattern))
}

/// Returns whether a glob with at most one `*` matches the whole name.
fn matches_glob(pattern: &str, name: &str) -> bool {
    pattern
        .split_once('*')
        .map_or(pattern == name, |(start, end)| name.strip_prefix(start).is_some_and(|rest| rest.ends_with(end)))
}

/// Returns why a file is skipped because of its kind.
pub(super) fn skip_reason_by_kind(path: &RepoPath) -> Option<SkipReason> {
    let name = path.file_name().to_ascii_lowercase();
    let (stem, extension) = name.rsplit_once('.').unwrap_or((&name, ""));
    if LOCK_FILES.contains(&name.as_str()) {
        Some(SkipReason::LockFile)
    } else if DATA_EXTENSIONS.contains(&extension) || SOURCE_MAPS.iter().any(|end| name.ends_with(end)) {
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
