//! Files that are out by their name alone.

use crate::types::{RepoPath, SkipReason};

/// Whole names that hold credentials, lower case.
const SECRET_NAMES: &[&str] = &[
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
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    ".env",
];

/// Extensions of keys and of files that hold passwords.
const SECRET_EXTENSIONS: &[&str] =
    &["pem", "key", "p12", "pfx", "jks", "keystore", "ppk", "kdbx", "tfstate", "tfvars", "p8", "gpg"];

/// Names before a data extension: `secrets.yaml`, `credentials.json`.
const SECRET_STEMS: &[&str] = &["credentials", "secrets", "secret"];

const SECRET_DATA: &[&str] = &["json", "yml", "yaml", "toml", "env", "ini", "xml", "properties"];

/// Folders that hold nothing else.
const SECRET_FOLDERS: &[&str] = &[".aws", ".ssh", ".gnupg", ".kube", ".docker", ".azure", ".gcloud"];

/// Samples of secrets are none.
const SAMPLES: &[&str] = &["example", "sample", "template", "dist", "pub"];

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
    "map",
    "snap",
    "po",
    "pot",
    "mo",
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

const BINARY: &[&str] = &[
    "png", "jpg", "jpeg", "gif", "bmp", "tif", "tiff", "webp", "ico", "icns", "psd", "ai", "eps", "pdf", "zip", "gz",
    "tgz", "bz2", "tar", "xz", "zst", "7z", "rar", "jar", "war", "ear", "class", "o", "a", "so", "dll", "exe", "dylib",
    "lib", "pdb", "wasm", "woff", "woff2", "ttf", "otf", "eot", "mp3", "mp4", "m4a", "mov", "avi", "mkv", "webm",
    "ogg", "flac", "wav", "pyc", "pyo", "whl", "egg", "deb", "rpm", "dmg", "iso", "img", "apk", "ipa", "doc", "docx",
    "xls", "xlsx", "ppt", "pptx", "odt", "ods", "blend", "fbx", "glb", "rlib", "rmeta", "node", "nupkg", "keystore",
    "phar", "swf", "cur", "beam", "hi", "dex",
];

/// The pattern by which a path may hold credentials.
pub fn secret(path: &RepoPath) -> Option<&'static str> {
    let lower = path.as_str().to_ascii_lowercase();
    let mut parts: Vec<&str> = lower.split('/').collect();
    if let Some(folder) = parts.iter().find_map(|part| SECRET_FOLDERS.iter().find(|folder| *folder == part)) {
        return Some(folder);
    }
    let name = parts.pop()?;
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    if SAMPLES.contains(&extension) {
        return None;
    }
    if name.starts_with(".env.") {
        return Some(".env.*");
    }
    if let Some(known) =
        SECRET_NAMES.iter().find(|known| **known == name || (known.starts_with("id_") && **known == stem))
    {
        return Some(known);
    }
    if SECRET_STEMS.contains(&stem) && SECRET_DATA.contains(&extension) {
        return Some("credentials or secrets as data");
    }
    if extension == "json" && (stem.starts_with("service-account") || stem.starts_with("service_account")) {
        return Some("service-account*.json");
    }
    SECRET_EXTENSIONS.iter().find(|known| **known == extension).copied()
}

/// Why a file that nothing excludes is not worth reading.
pub(super) fn unwanted(path: &RepoPath) -> Option<SkipReason> {
    let name = path.file_name().to_ascii_lowercase();
    let (stem, extension) = name.rsplit_once('.').unwrap_or((&name, ""));
    if LOCK_FILES.contains(&name.as_str()) {
        Some(SkipReason::LockFile)
    } else if DATA.contains(&extension) {
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
