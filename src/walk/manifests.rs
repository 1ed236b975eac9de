//! The files that make a folder a project, and how each one tells the project's name.
//!
//! JSON is parsed; everything else is scanned for the one line that counts, so that a manifest that
//! is a program, or broken below that line, tells its name all the same. What a scan cannot read (a
//! name put together at build time) is no name. Looks at text only, never at the disk. Never
//! imports the store, the embedder, `index` or `search`.

use serde_json::Value;

/// What a manifest says of its folder.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// That it is no project.
    Nothing,
    /// That it is a project, but not its name.
    Unnamed,
    Name(String),
}

/// A kind of manifest.
pub(super) struct Manifest {
    /// A file name, or `*.` and an extension: then the rest of the name stands in for one the text
    /// does not tell.
    pub pattern: &'static str,
    /// In one word.
    pub kind: &'static str,
    /// What the text says; `None` where none is needed.
    told: Option<fn(&str) -> Told>,
}

/// The mark of a repository: a folder, or a file that points to one.
pub(super) const GIT: &str = ".git";

/// Of several in one folder the first that has a name counts: a `package.json` is often only there
/// for the tools of a project in another language.
pub(super) const ALL: &[Manifest] = &[
    read("Cargo.toml", "cargo", |text| named(in_section(text, &["package"]))),
    read("go.mod", "go", |text| named(go_module(text))),
    read("pyproject.toml", "python", |text| named(in_section(text, &["project", "tool.poetry"]))),
    read("setup.py", "python", |text| named(assigned(text, "name", "="))),
    read("setup.cfg", "python", |text| in_section(text, &["metadata"]).map_or(Told::Nothing, Told::Name)),
    read("pom.xml", "maven", |text| named(artifact_id(text))),
    read("settings.gradle.kts", "gradle", |text| named(assigned(text, "rootProject.name", "="))),
    read("settings.gradle", "gradle", |text| named(assigned(text, "rootProject.name", "="))),
    unread("build.gradle.kts", "gradle"),
    unread("build.gradle", "gradle"),
    read("mix.exs", "mix", |text| named(word_after(text, "app: :"))),
    read("pubspec.yaml", "pub", |text| named(field(text))),
    read("*.gemspec", "gem", |text| named(assigned(text, ".name", "="))),
    read("build.sbt", "sbt", |text| named(sbt(text))),
    read("package.json", "npm", npm),
    read("composer.json", "composer", |text| named(name_of(&json(text)))),
    unread("*.csproj", "dotnet"),
    unread("*.fsproj", "dotnet"),
    read("Package.swift", "swift", |text| named(assigned(text, "name", ":"))),
    read("CMakeLists.txt", "cmake", cmake),
    read("build.zig.zon", "zig", |text| named(assigned(text, ".name", "=").or_else(|| word_after(text, ".name = .")))),
    unread("build.zig", "zig"),
    read("*.cabal", "haskell", |text| named(field(text))),
    read("package.yaml", "haskell", |text| named(field(text))),
    read("dune-project", "dune", |text| named(word_after(text, "(name "))),
    unread(GIT, "git"),
];

const fn read(pattern: &'static str, kind: &'static str, told: fn(&str) -> Told) -> Manifest {
    Manifest { pattern, kind, told: Some(told) }
}

const fn unread(pattern: &'static str, kind: &'static str) -> Manifest {
    Manifest { pattern, kind, told: None }
}

/// The place in [`ALL`] of a file's name.
pub(super) fn rank(file: &str) -> Option<usize> {
    ALL.iter().position(|manifest| match manifest.pattern.strip_prefix('*') {
        Some(end) => file.len() > end.len() && file.ends_with(end),
        None => file == manifest.pattern,
    })
}

impl Manifest {
    /// Whether the text is needed.
    pub fn is_read(&self) -> bool {
        self.told.is_some()
    }

    /// What the file says; `text` is `None` where it is not needed or could not be read.
    pub fn tell(&self, file: &str, text: Option<&str>) -> Told {
        let told = self.told.zip(text).map_or(Told::Unnamed, |(told, text)| told(text));
        match self.pattern.strip_prefix('*').and_then(|end| file.strip_suffix(end)) {
            Some(stem) if told == Told::Unnamed => Told::Name(stem.to_owned()),
            _ => told,
        }
    }
}

fn named(name: Option<String>) -> Told {
    name.map_or(Told::Unnamed, Told::Name)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

fn name_of(manifest: &Value) -> Option<String> {
    manifest.get("name").and_then(Value::as_str).filter(|name| !name.trim().is_empty()).map(str::to_owned)
}

/// A file that only says how its folder's modules are loaded (`{"type": "module"}`) is no project.
fn npm(text: &str) -> Told {
    let manifest = json(text);
    let only_type = manifest.as_object().is_some_and(|fields| fields.keys().all(|key| key == "type"));
    if only_type { Told::Nothing } else { named(name_of(&manifest)) }
}

/// Lines without those that are comments in any of the formats.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !["#", "//", "--", ";"].iter().any(|mark| line.starts_with(mark)))
}

/// `name = …` in one of these sections of a TOML or INI file.
fn in_section(text: &str, sections: &[&str]) -> Option<String> {
    let mut inside = false;
    for line in lines(text) {
        if let Some(header) = line.strip_prefix('[') {
            let name = header.split(']').next().unwrap_or_default().trim();
            inside = sections.contains(&name);
        } else if let Some(value) = line.strip_prefix("name").map(str::trim_start).filter(|_| inside)
            && let Some(value) = value.strip_prefix('=')
        {
            return quoted(value.trim_start()).or_else(|| bare(value));
        }
    }
    None
}

/// The last element of the module's path; a version is none (`/v2`).
fn go_module(text: &str) -> Option<String> {
    let path = lines(text).find_map(|line| line.strip_prefix("module "))?.split_whitespace().next()?;
    let is_version = |part: &&str| {
        part.strip_prefix('v').is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    };
    let mut parts = path.trim_matches(['"', '`']).rsplit('/').filter(|part| !part.is_empty());
    parts.find(|part| !is_version(part)).map(str::to_owned)
}

/// The string that is first given to `key`, as in `name = "x"`, wherever on a line it stands.
fn assigned(text: &str, key: &str, by: &str) -> Option<String> {
    let in_line = |line: &str| {
        line.match_indices(key).find_map(|(at, _)| {
            let starts_word = key.starts_with('.') || !line[..at].ends_with(|c: char| is_word(c) || c == '.');
            let value = line[at + key.len()..].trim_start().strip_prefix(by)?.trim_start();
            if starts_word { quoted(value) } else { None }
        })
    };
    lines(text).find_map(in_line)
}

/// Further in, `name :=` names a part of the build.
fn sbt(text: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let rest = line.strip_prefix("ThisBuild / ").unwrap_or(line).strip_prefix("name")?;
        quoted(rest.trim_start().strip_prefix(":=")?.trim_start())
    })
}

/// `name: x` at the start of a line: YAML, Cabal.
fn field(text: &str) -> Option<String> {
    let is_name = |line: &&str| line.get(..4).is_some_and(|key| key.eq_ignore_ascii_case("name"));
    let values = text.lines().filter(is_name).filter_map(|line| line[4..].trim_start().strip_prefix(':'));
    values.map(str::trim).find_map(|value| quoted(value).or_else(|| bare(value)))
}

/// The word behind `mark`.
fn word_after(text: &str, mark: &str) -> Option<String> {
    lines(text).find_map(|line| {
        let rest = line[line.find(mark)? + mark.len()..].trim_start();
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        Some(rest[..end].to_owned()).filter(|word| !word.is_empty())
    })
}

/// `x` of `"x"…`; not what holds a variable.
fn quoted(value: &str) -> Option<String> {
    let quote = value.chars().next().filter(|c| ['"', '\''].contains(c))?;
    let inside = value[1..].split(quote).next().map(str::trim)?;
    let constant = !inside.is_empty() && !inside.contains(['$', '{', '\\']);
    constant.then(|| inside.to_owned())
}

/// A value without quotes, up to a comment.
fn bare(value: &str) -> Option<String> {
    let value = value.split(" #").next().unwrap_or_default().trim();
    let constant = !value.is_empty() && !value.contains(['"', '\'', '$', '{', '[']);
    constant.then(|| value.to_owned())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

/// The `artifactId` right below the outermost element: not a parent's, nor a dependency's.
fn artifact_id(text: &str) -> Option<String> {
    let mut depth = 0_usize;
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = &rest[at..];
        let end = if rest.starts_with("<!--") { "-->" } else { ">" };
        let after = rest.find(end)? + end.len();
        let tag = &rest[1..after - end.len()];
        rest = &rest[after..];
        if tag.starts_with(['!', '?']) || tag.ends_with('/') {
            continue;
        }
        if tag.starts_with('/') {
            depth = depth.saturating_sub(1);
            continue;
        }
        if depth == 1 && tag.split_whitespace().next() == Some("artifactId") {
            return rest.split('<').next().and_then(bare);
        }
        depth += 1;
    }
    None
}

/// A list of a larger build's parts, without a call of `project`, is no project.
fn cmake(text: &str) -> Told {
    let text = text.lines().map(|line| line.split('#').next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    let lower = text.to_ascii_lowercase();
    let call = lower.match_indices("project").find_map(|(at, word)| {
        let starts_word = !lower[..at].ends_with(is_word);
        text[at + word.len()..].trim_start().strip_prefix('(').filter(|_| starts_word)
    });
    let Some(inside) = call.map(str::trim_start) else { return Told::Nothing };
    let end = inside.find(|c: char| c.is_whitespace() || c == ')').unwrap_or(inside.len());
    named(quoted(inside).or_else(|| bare(&inside[..end])))
}
