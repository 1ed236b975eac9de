//! Files that are skipped because of their names: lock files, bulk data and binary formats.
//!
//! Names are compared case-insensitively.

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

/// Names of files that list other files for a program, which git tracks and which say nothing about the code. Names such
/// as `.gitignore` belong to them, too.
const LIST_FILES: &[&str] = &[".gitattributes", ".gitkeep", ".keep", ".mailmap", ".git-blame-ignore-revs"];

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

/// Returns why a file is skipped because of its kind.
pub(super) fn skip_reason_by_kind(path: &RepoPath) -> Option<SkipReason> {
    let name = path.file_name().to_ascii_lowercase();
    let (stem, extension) = name.rsplit_once('.').unwrap_or((&name, ""));
    if LOCK_FILES.contains(&name.as_str()) {
        Some(SkipReason::LockFile)
    } else if LIST_FILES.contains(&name.as_str())
        || (name.starts_with('.') && name.ends_with("ignore"))
        || DATA_EXTENSIONS.contains(&extension)
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
