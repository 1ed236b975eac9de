//! Finds out how the program was installed and how to update it, from its path and from the files that package managers
//! keep beside it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::check::DoctorCheck;

/// The path of a file that packagers write, relative to the parent of the program's folder. Its first line that is not
/// blank says how the program was installed, such as `as an image`; the second one is the command that updates it.
const MARKER: &str = "share/codescry/installed-by";

/// Maximum size of a file beside the program that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// The way in which the program was installed, and how to update it.
#[derive(Debug, PartialEq, Eq)]
pub struct Installation {
    /// The way in which the program was installed, such as "by pip".
    pub source: String,
    /// The command that updates the program.
    pub update: String,
    /// For a program in a cache: the command that installs it permanently.
    pub lasting: Option<&'static str>,
}

impl Installation {
    fn new(source: impl Into<String>, update: impl Into<String>) -> Self {
        Self { source: source.into(), update: update.into(), lasting: None }
    }

    fn temporary(source: &str, update: &str, lasting: &'static str) -> Self {
        Self { lasting: Some(lasting), ..Self::new(source, update) }
    }

    /// Finds out how the program at this path was installed. Symbolic links are followed.
    pub fn detect(program: &Path) -> Self {
        let program = program.canonicalize().unwrap_or_else(|_| program.to_owned());
        let folder = program.parent().unwrap_or(Path::new(""));
        let above = folder.parent().unwrap_or(Path::new(""));
        detect_marker(above)
            .or_else(|| detect_node_package(&program))
            .or_else(|| detect_wheel(&program, above))
            .or_else(|| detect_system_package(&program))
            .or_else(|| detect_cargo(folder, above))
            .or_else(|| detect_bundle(folder, above))
            .or_else(|| is_build_folder(&program).then(describe_build))
            .unwrap_or_else(|| {
                let releases = concat!(env!("CARGO_PKG_REPOSITORY"), "/releases");
                Self::new("from an archive, or copied", format!("download the new version from {releases}"))
            })
    }

    /// Returns the check that reports the installation.
    pub fn check(&self) -> DoctorCheck {
        let finding = format!("{}; to update: {}", self.source, self.update);
        match self.lasting {
            None => DoctorCheck::ok("installation", finding),
            Some(lasting) => DoctorCheck::warn(
                "installation",
                format!("{finding}; the cache may be emptied, and clients that start the program then fail"),
                format!("{lasting}, then run `codescry install`"),
            ),
        }
    }
}

fn detect_marker(above: &Path) -> Option<Installation> {
    let text = read_small_file(&above.join(MARKER))?;
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    Some(Installation::new(lines.next()?, lines.next()?))
}

/// Recognizes a path below `node_modules/@codescry`, such as `node_modules/@codescry/PLATFORM/bin/codescry`.
fn detect_node_package(program: &Path) -> Option<Installation> {
    let names = list_names(program);
    if !names.windows(2).any(|pair| pair[0] == "node_modules" && pair[1] == "@codescry") {
        return None;
    }
    let has = |name: &str| names.iter().any(|other| other == name);
    if has("_npx") {
        let lasting = "npm install --global codescry";
        return Some(Installation::temporary("from the cache of npx", "npx codescry@latest", lasting));
    }
    if has(".pnpm") {
        return Some(Installation::new("by pnpm", "pnpm update codescry, with --global if it was installed so"));
    }
    let modules = names.iter().position(|name| name == "node_modules")?;
    // `PREFIX/lib/node_modules` on Unix, `%APPDATA%\npm\node_modules` on Windows.
    let is_global = modules > 0 && ["lib", "npm"].contains(&names[modules - 1].as_str());
    Some(if is_global {
        Installation::new("by npm, for all folders", "npm install --global codescry@latest")
    } else {
        let project: PathBuf = program.ancestors().filter(|path| path.ends_with("node_modules")).last()?.into();
        let project = project.parent().unwrap_or(Path::new("")).display().to_string();
        Installation::new("by npm, for one project", format!("npm install codescry@latest in {project}"))
    })
}

/// Recognizes the folder of scripts of a Python environment that has this package.
fn detect_wheel(program: &Path, above: &Path) -> Option<Installation> {
    let names = list_names(program);
    let follow = |one: &str, other: &str| names.windows(2).any(|pair| pair[0] == one && pair[1] == other);
    let installer = read_installer(above)?;
    Some(if follow("uv", "tools") {
        Installation::new("by uv, as a tool", "uv tool upgrade codescry")
    } else if names.iter().any(|name| name.starts_with("archive-v")) {
        Installation::temporary("from the cache of uvx", "uvx codescry@latest", "uv tool install codescry")
    } else if follow("pipx", "venvs") {
        Installation::new("by pipx", "pipx upgrade codescry")
    } else if installer == "uv" {
        Installation::new("by uv", "uv pip install --upgrade codescry")
    } else {
        Installation::new("by pip", "pip install --upgrade codescry")
    })
}

/// Returns the name of the program that installed the package into the Python environment in this folder: empty if it
/// is not recorded, `None` if the package is not installed there.
fn read_installer(environment: &Path) -> Option<String> {
    let mut packages = vec![environment.join("Lib/site-packages")];
    for version in list_folder(&environment.join("lib")) {
        packages.extend(["site-packages", "dist-packages"].map(|name| version.join(name)));
    }
    let entries = packages.iter().flat_map(|folder| list_folder(folder));
    let mut infos = entries.filter(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("codescry-") && name.ends_with(".dist-info")
    });
    let installer = read_small_file(&infos.next()?.join("INSTALLER")).unwrap_or_default();
    Some(installer.trim().to_owned())
}

/// Recognizes the folders of Homebrew and Scoop.
fn detect_system_package(program: &Path) -> Option<Installation> {
    let names = list_names(program);
    let has = |part: &[&str]| names.windows(part.len()).any(|window| window == part);
    if has(&["Cellar", "codescry"]) {
        return Some(Installation::new("by Homebrew", "brew upgrade codescry"));
    }
    has(&["scoop", "apps", "codescry"]).then(|| Installation::new("by Scoop", "scoop update codescry"))
}

/// Recognizes the folder `bin` of `cargo install`, whose record names the source of the package.
fn detect_cargo(folder: &Path, above: &Path) -> Option<Installation> {
    if folder.file_name()? != "bin" {
        return None;
    }
    let record = read_small_file(&above.join(".crates.toml"))?;
    let line = record.lines().find_map(|line| line.trim().strip_prefix("\"codescry "))?;
    let source = line.split_once('(')?.1.split_once(')')?.0;
    Some(match source.split_once('+')? {
        ("path", address) => {
            let folder = address.strip_prefix("file://").unwrap_or(address);
            Installation::new(
                "by cargo, from a folder",
                format!("git pull, then cargo install --path {folder} --locked"),
            )
        }
        ("git", address) => {
            let address = address.split(['#', '?']).next()?;
            Installation::new("by cargo, from a repository", format!("cargo install --git {address} --locked"))
        }
        _ => Installation::new("by cargo", "cargo binstall codescry, or cargo install codescry --locked"),
    })
}

/// Recognizes an unpacked MCP bundle: `server/codescry` beside `manifest.json`.
fn detect_bundle(folder: &Path, above: &Path) -> Option<Installation> {
    let manifest = read_small_file(&above.join("manifest.json")).filter(|_| folder.ends_with("server"))?;
    let update = "open the new version's .mcpb file in the client";
    manifest.contains("\"manifest_version\"").then(|| Installation::new("in an MCP bundle of a client", update))
}

fn describe_build() -> Installation {
    Installation::new("built from source", "git pull, then build it again")
}

/// Returns whether the program is in a build folder of Cargo: one with the file `.cargo-lock`, or one such as
/// `…/target/release`.
pub fn is_build_folder(program: &Path) -> bool {
    let Some(folder) = program.parent() else { return false };
    let is_profile = ["release", "debug", "dist"].iter().any(|profile| folder.ends_with(profile));
    let names = list_names(folder);
    folder.join(".cargo-lock").is_file() || is_profile && names.iter().any(|name| name.starts_with("target"))
}

/// Returns whether `found`, a file on `$PATH`, is the launcher that npm installs with `program`.
pub fn is_launcher_of(found: &Path, program: &Path) -> bool {
    let (Ok(found), Ok(program)) = (found.canonicalize(), program.canonicalize()) else { return false };
    let modules =
        |path: &Path| path.ancestors().filter(|path| path.ends_with("node_modules")).last().map(PathBuf::from);
    found.ends_with("codescry/bin/codescry.js")
        && detect_node_package(&program).is_some()
        && modules(&found) == modules(&program)
}

/// Returns the names of the folders and of the file of a path.
fn list_names(path: &Path) -> Vec<String> {
    path.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect()
}

/// Lists a folder, sorted; a folder that cannot be read has no entries.
fn list_folder(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// Reads a text file; `None` if it is missing or unreadable, is not UTF-8, or has more than [`MAX_FILE_BYTES`].
fn read_small_file(path: &Path) -> Option<String> {
    let is_small = fs::metadata(path).is_ok_and(|data| data.is_file() && data.len() <= MAX_FILE_BYTES);
    if is_small { fs::read_to_string(path).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a program and the files of a package manager.
    struct Installed {
        root: tempfile::TempDir,
    }

    impl Installed {
        fn new(files: &[(&str, &str)]) -> Self {
            let root = tempfile::tempdir().expect("a folder");
            for (path, text) in files {
                let path = root.path().join(path);
                fs::create_dir_all(path.parent().expect("it has a folder")).expect("created");
                fs::write(path, text).expect("written");
            }
            Self { root }
        }

        fn detect(&self, program: &str) -> Installation {
            let program = self.root.path().join(program);
            fs::create_dir_all(program.parent().expect("it has a folder")).expect("created");
            fs::write(&program, "").expect("written");
            Installation::detect(&program)
        }
    }

    fn update(program: &str, files: &[(&str, &str)]) -> String {
        Installed::new(files).detect(program).update
    }

    #[test]
    fn packages_of_npm_are_recognized_by_their_folder() {
        let inside = "node_modules/@codescry/linux-x64/bin/codescry";
        let global = format!("lib/node_modules/codescry/{inside}");
        assert_eq!(update(&global, &[]), "npm install --global codescry@latest");
        assert!(update(&format!("lib/project/{inside}"), &[]).starts_with("npm install codescry@latest in "));
        let pnpm = format!("project/node_modules/.pnpm/@codescry+linux-x64@1/{inside}");
        assert!(update(&pnpm, &[]).starts_with("pnpm update"));
        let npx = Installed::new(&[]).detect(&format!(".npm/_npx/0a1b/{inside}"));
        assert_eq!((npx.update.as_str(), npx.lasting), ("npx codescry@latest", Some("npm install --global codescry")));
        let check = npx.check();
        assert!(check.remedy.is_some_and(|remedy| remedy.starts_with("npm install --global codescry, then ")));
        assert!(update("node_modules/other/bin/codescry", &[]).starts_with("download"));
    }

    #[test]
    fn wheels_are_recognized_by_their_record() {
        let info = |installer: &'static str| {
            [("venv/lib/python3.12/site-packages/codescry-0.1.0.dist-info/INSTALLER", installer)]
        };
        assert_eq!(update("venv/bin/codescry", &info("pip\n")), "pip install --upgrade codescry");
        assert_eq!(update("venv/bin/codescry", &info("uv")), "uv pip install --upgrade codescry");
        let windows = [("venv/Lib/site-packages/codescry-0.1.0.dist-info/INSTALLER", "pip")];
        assert_eq!(update("venv/Scripts/codescry.exe", &windows), "pip install --upgrade codescry");
        let tool = [("uv/tools/codescry/lib/python3.12/site-packages/codescry-0.1.0.dist-info/INSTALLER", "uv")];
        assert_eq!(update("uv/tools/codescry/bin/codescry", &tool), "uv tool upgrade codescry");
        let pipx = [("pipx/venvs/codescry/lib/python3.12/site-packages/codescry-0.1.0.dist-info/INSTALLER", "pip")];
        assert_eq!(update("pipx/venvs/codescry/bin/codescry", &pipx), "pipx upgrade codescry");
        let cache = [("uv/archive-v0/x/lib/python3.12/site-packages/codescry-0.1.0.dist-info/INSTALLER", "uv")];
        let uvx = Installed::new(&cache).detect("uv/archive-v0/x/bin/codescry");
        assert_eq!((uvx.update.as_str(), uvx.lasting), ("uvx codescry@latest", Some("uv tool install codescry")));
        // Another package in the same environment says nothing about this program.
        let other = [("venv/lib/python3.12/site-packages/other-0.1.0.dist-info/INSTALLER", "pip")];
        assert!(update("venv/bin/codescry", &other).starts_with("download"));
    }

    #[test]
    fn other_package_managers_are_recognized() {
        assert_eq!(update("homebrew/Cellar/codescry/0.1.0/bin/codescry", &[]), "brew upgrade codescry");
        assert_eq!(update("scoop/apps/codescry/current/codescry.exe", &[]), "scoop update codescry");
        let cargo = |source: &str| {
            let record = format!(
                "[v1]\n\"bat 1.0.0 (path+file:///b)\" = [\"bat\"]\n\"codescry 0.1.0 ({source})\" = [\"codescry\"]\n"
            );
            update("bin/codescry", &[(".crates.toml", &record)])
        };
        assert!(cargo("registry+https://index").starts_with("cargo binstall codescry"));
        assert_eq!(
            cargo("path+file:///home/a/codescry"),
            "git pull, then cargo install --path /home/a/codescry --locked"
        );
        assert_eq!(
            cargo("git+https://host/codescry?branch=a#0a1b"),
            "cargo install --git https://host/codescry --locked"
        );
        assert!(update("bin/codescry", &[(".crates.toml", "[v1]\n")]).starts_with("download"));
        let bundle = [("manifest.json", "{\"manifest_version\": \"0.3\"}")];
        assert!(update("server/codescry", &bundle).contains(".mcpb"));
        assert!(update("target/release/codescry", &[]).starts_with("git pull"));
        assert!(update("builds/fast/codescry", &[("builds/fast/.cargo-lock", "")]).starts_with("git pull"));
        assert!(update("codescry-0.1.0/codescry", &[]).contains("/releases"));
    }

    #[test]
    fn a_packager_can_say_how_to_update() {
        let marker = [("usr/share/codescry/installed-by", "as an image\n\ndocker pull host/codescry\n")];
        let image = Installed::new(&marker).detect("usr/bin/codescry");
        assert_eq!(image, Installation::new("as an image", "docker pull host/codescry"));
        assert_eq!(image.check().message, "as an image; to update: docker pull host/codescry");
        let half = [("usr/share/codescry/installed-by", "as an image\n")];
        assert!(update("usr/bin/codescry", &half).starts_with("download"));
    }

    #[test]
    #[cfg(unix)]
    fn the_launcher_of_npm_is_not_another_program() {
        let installed = Installed::new(&[("lib/node_modules/codescry/bin/codescry.js", ""), ("other/codescry.js", "")]);
        let path = |name: &str| installed.root.path().join(name);
        let inside = "lib/node_modules/codescry/node_modules/@codescry/linux-x64/bin/codescry";
        installed.detect(inside);
        std::os::unix::fs::symlink(path("lib/node_modules/codescry/bin/codescry.js"), path("codescry"))
            .expect("linked");
        assert!(is_launcher_of(&path("codescry"), &path(inside)));
        assert!(!is_launcher_of(&path("other/codescry.js"), &path(inside)));
        assert!(!is_launcher_of(&path("codescry"), &path("other/codescry.js")));
    }
}
