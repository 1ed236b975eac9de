//! Folders that a program fills: installed packages, build output and caches.
//!
//! A name alone decides only where it is used for nothing else. Other names need a marker: a file beside the folder or
//! in it that the program writes. Files that git tracks in such a folder are indexed nevertheless, and a rule in
//! `.codescryignore` includes the others.

use std::ffi::OsStr;
use std::path::Path;

use types::matches_glob;

/// Names of folders that only a program makes.
const BY_NAME: &[&str] = &[
    "node_modules",
    "bower_components",
    "jspm_packages",
    "__pycache__",
    "__pypackages__",
    "site-packages",
    ".venv",
    ".tox",
    ".nox",
    ".eggs",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".hypothesis",
    ".ipynb_checkpoints",
    ".gradle",
    ".dart_tool",
    ".pub-cache",
    ".next",
    ".nuxt",
    ".svelte-kit",
    ".angular",
    ".parcel-cache",
    ".turbo",
    ".pnpm-store",
    ".terraform",
    ".serverless",
    ".stack-work",
    ".bloop",
    ".metals",
    ".zig-cache",
    "zig-cache",
    "elm-stuff",
    "DerivedData",
];

/// A folder that needs a marker. One name of each list must match, in which a `*` stands for any text. An empty list
/// needs nothing.
struct MarkedFolder {
    names: &'static [&'static str],
    /// Names in the folder above.
    beside: &'static [&'static str],
    /// Names in the folder itself.
    inside: &'static [&'static str],
}

const MARKED: &[MarkedFolder] = &[
    // Python: virtual environments, and the output of `build` and `setup.py`.
    MarkedFolder { names: &["venv", "env", "virtualenv", ".env"], beside: &[], inside: &["pyvenv.cfg", "conda-meta"] },
    MarkedFolder { names: &["venv"], beside: &[], inside: &["site-packages", "lib", "Lib", "bin", "Scripts"] },
    MarkedFolder { names: &["build"], beside: &["setup.py", "pyproject.toml"], inside: &["bdist.*", "lib", "lib.*"] },
    MarkedFolder { names: &["dist"], beside: &["setup.py", "pyproject.toml"], inside: &["*.whl", "*.tar.gz"] },
    // Rust, and tools that write the signature of cache folders.
    MarkedFolder { names: &["target"], beside: &["Cargo.toml"], inside: &[] },
    MarkedFolder { names: &["*"], beside: &[], inside: &["CACHEDIR.TAG"] },
    // Java, Kotlin and Scala.
    MarkedFolder { names: &["target"], beside: &["pom.xml", "build.sbt"], inside: &[] },
    MarkedFolder {
        names: &["build"],
        beside: &["build.gradle", "build.gradle.kts"],
        inside: &["classes", "libs", "tmp", "generated", "intermediates", "reports", "kotlin"],
    },
    MarkedFolder { names: &["out"], beside: &["*.iml", ".idea"], inside: &["production", "test", "artifacts"] },
    // JavaScript and TypeScript.
    MarkedFolder { names: &["dist"], beside: &["package.json"], inside: &[] },
    MarkedFolder {
        names: &["build", "out"],
        beside: &["package.json"],
        inside: &["index.html", "index.js", "static", "asset-manifest.json", "_next", "*.js.map", "*.d.ts", "*.min.js"],
    },
    // C and C++.
    MarkedFolder { names: &["*"], beside: &[], inside: &["CMakeCache.txt", "meson-info", ".ninja_log"] },
    // Ruby, PHP, Go.
    MarkedFolder { names: &["bundle"], beside: &[], inside: &["ruby"] },
    MarkedFolder { names: &["vendor"], beside: &["composer.json"], inside: &["autoload.php"] },
    MarkedFolder { names: &["vendor"], beside: &["go.mod"], inside: &["modules.txt"] },
    // Swift and Objective-C.
    MarkedFolder { names: &["Pods"], beside: &["Podfile", "*.podspec"], inside: &[] },
    MarkedFolder { names: &["Carthage"], beside: &["Cartfile"], inside: &["Build", "Checkouts"] },
    MarkedFolder { names: &[".build"], beside: &["Package.swift"], inside: &[] },
    // Elixir, Erlang, OCaml, Haskell, Dart, Zig.
    MarkedFolder { names: &["deps", "_build"], beside: &["mix.exs", "rebar.config"], inside: &[] },
    MarkedFolder { names: &["_build"], beside: &["dune-project", "dune"], inside: &[] },
    MarkedFolder { names: &["dist-newstyle"], beside: &["*.cabal", "cabal.project"], inside: &[] },
    MarkedFolder { names: &["build"], beside: &["pubspec.yaml"], inside: &[] },
    MarkedFolder { names: &["zig-out"], beside: &["build.zig"], inside: &[] },
    // .NET.
    MarkedFolder { names: &["obj"], beside: &[], inside: &["project.assets.json", "*.csproj.nuget.g.props"] },
    MarkedFolder { names: &["bin"], beside: &["*.csproj", "*.fsproj", "*.vbproj"], inside: &["Debug", "Release"] },
    MarkedFolder { names: &["packages"], beside: &["*.sln"], inside: &["repositories.config"] },
];

/// Returns whether a folder of this name is a folder of packages without a marker.
pub(super) fn is_package_folder_by_name(name: &str) -> bool {
    BY_NAME.contains(&name)
}

/// Returns the marker of a folder of packages: `Cargo.toml` for the folder `target` beside it; `None` for other
/// folders. `listing` has the names in the folder.
pub(super) fn package_marker<'n>(folder: &Path, listing: impl Iterator<Item = &'n OsStr>) -> Option<String> {
    let name = folder.file_name()?.to_str()?;
    let listing: Vec<&str> = listing.filter_map(OsStr::to_str).collect();
    // A package of Python may have any name.
    let has_inside = |pattern: &str| listing.iter().find(|own| matches_glob(pattern, own)).map(|own| (*own).to_owned());
    if has_inside("__init__.py").is_some() {
        return None;
    }
    MARKED.iter().filter(|row| row.names.iter().any(|own| matches_glob(own, name))).find_map(|row| {
        let inside = row.inside.iter().find_map(|pattern| has_inside(pattern));
        if inside.is_none() && !row.inside.is_empty() {
            return None;
        }
        match row.beside {
            [] => inside.map(|marker| format!("{name}/{marker}")),
            names => names.iter().find_map(|pattern| find_beside(folder, pattern)),
        }
    })
}

/// Returns the name of a file or folder beside `folder` that matches a pattern.
fn find_beside(folder: &Path, pattern: &str) -> Option<String> {
    let above = folder.parent()?;
    if !pattern.contains('*') {
        return above.join(pattern).symlink_metadata().is_ok().then(|| pattern.to_owned());
    }
    let mut names = above.read_dir().ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.find(|name| matches_glob(pattern, name))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::fs;

    use super::*;

    /// Returns the marker of a folder; `files` are beside it or in it.
    fn marker(folder: &str, files: &[&str]) -> Option<String> {
        let root = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(root.path().join(folder)).expect("a folder");
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, "").expect("a file");
        }
        let folder = root.path().join(folder);
        let listing = fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("it").file_name());
        let listing: Vec<_> = listing.collect();
        package_marker(&folder, listing.iter().map(OsString::as_os_str))
    }

    #[test]
    fn folders_with_a_marker_are_found() {
        for (folder, files, expected) in [
            ("target", &["Cargo.toml"][..], "Cargo.toml"),
            ("venv", &["venv/pyvenv.cfg"], "venv/pyvenv.cfg"),
            ("venv", &["venv/lib/python3.11/site-packages/a.py"], "venv/lib"),
            ("my-env", &["my-env/CACHEDIR.TAG"], "my-env/CACHEDIR.TAG"),
            ("build", &["setup.py", "build/lib/a.py"], "setup.py"),
            ("build", &["build/CMakeCache.txt"], "build/CMakeCache.txt"),
            ("cmake-build-debug", &["cmake-build-debug/CMakeCache.txt"], "cmake-build-debug/CMakeCache.txt"),
            ("dist", &["package.json"], "package.json"),
            ("out", &["package.json", "out/_next/a.js"], "package.json"),
            ("build", &["build.gradle.kts", "build/classes/A.class"], "build.gradle.kts"),
            ("bundle", &["bundle/ruby/a.rb"], "bundle/ruby"),
            ("vendor", &["composer.json", "vendor/autoload.php"], "composer.json"),
            ("Pods", &["Podfile"], "Podfile"),
            ("_build", &["mix.exs"], "mix.exs"),
            ("bin", &["App.csproj", "bin/Debug/a.txt"], "App.csproj"),
        ] {
            assert_eq!(marker(folder, files).as_deref(), Some(expected), "{folder} {files:?}");
        }
    }

    #[test]
    fn folders_of_the_project_are_not() {
        for (folder, files) in [
            ("target", &["src/target.rs"][..]),
            ("venv", &["venv/__init__.py", "venv/lib.py"]),
            ("env", &["env/lib.rs"]),
            ("build", &["package.json", "build/webpack.config.js"]),
            ("build", &["build/lib/a.sh"]),
            ("dist", &["dist/setup.sh"]),
            ("vendor", &["vendor/own.c"]),
            ("bin", &["bin/run.sh"]),
            ("packages", &["package.json", "packages/a/package.json"]),
            ("out", &["out/a.rs"]),
            ("deps", &["deps/jemalloc/a.c"]),
        ] {
            assert_eq!(marker(folder, files), None, "{folder} {files:?}");
        }
    }
}
