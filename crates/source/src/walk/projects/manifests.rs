//! Project manifests: the files that make a folder a project, and how to read the project's name from each.
//!
//! JSON is parsed. Other formats are scanned for the line with the name, so that the name is found even if
//! the manifest is a program or malformed elsewhere. A name that is computed at build time counts as
//! missing. This module reads text only, never the disk.

use serde_json::Value;

/// Whether a manifest makes its folder a project, and the project's name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ProjectClaim {
    /// The folder is not a project.
    NotAProject,
    /// The folder is a project without a name.
    Unnamed,
    /// The folder is a project with this name.
    Named(String),
}

/// A kind of manifest.
pub(super) struct ManifestKind {
    /// A file name, or `*.` and an extension. With an extension, the file stem is the project's name if the text
    /// has none.
    pub pattern: &'static str,
    /// Name of the kind, one word.
    pub kind: &'static str,
    /// Evaluates the manifest's text; `None` where the text is not needed.
    evaluate: Option<fn(&str) -> ProjectClaim>,
}

/// The entry that marks the top of a repository: a folder, or a file that points to one.
pub(super) const GIT: &str = ".git";

/// Every kind of manifest, by precedence: the first one in a folder that has a name counts.
///
/// `package.json` comes late, because it often only serves the tools of a project in another language.
pub(super) const MANIFEST_KINDS: &[ManifestKind] = &[
    with_text("Cargo.toml", "cargo", |text| claim_with(name_in_section(text, &["package"]))),
    with_text("go.mod", "go", |text| claim_with(go_module_name(text))),
    with_text("pyproject.toml", "python", |text| claim_with(name_in_section(text, &["project", "tool.poetry"]))),
    with_text("setup.py", "python", |text| claim_with(assigned_string(text, "name", "="))),
    with_text("setup.cfg", "python", |text| {
        name_in_section(text, &["metadata"]).map_or(ProjectClaim::NotAProject, ProjectClaim::Named)
    }),
    with_text("pom.xml", "maven", |text| claim_with(maven_artifact_id(text))),
    with_text("settings.gradle.kts", "gradle", |text| claim_with(assigned_string(text, "rootProject.name", "="))),
    with_text("settings.gradle", "gradle", |text| claim_with(assigned_string(text, "rootProject.name", "="))),
    without_text("build.gradle.kts", "gradle"),
    without_text("build.gradle", "gradle"),
    with_text("mix.exs", "mix", |text| claim_with(word_after(text, "app: :"))),
    with_text("pubspec.yaml", "pub", |text| claim_with(name_field(text))),
    with_text("*.gemspec", "gem", |text| claim_with(assigned_string(text, ".name", "="))),
    with_text("build.sbt", "sbt", |text| claim_with(sbt_name(text))),
    with_text("package.json", "npm", evaluate_npm),
    with_text("composer.json", "composer", |text| claim_with(json_name(&parse_json(text)))),
    without_text("*.csproj", "dotnet"),
    without_text("*.fsproj", "dotnet"),
    with_text("Package.swift", "swift", |text| claim_with(assigned_string(text, "name", ":"))),
    with_text("CMakeLists.txt", "cmake", evaluate_cmake),
    with_text("build.zig.zon", "zig", |text| {
        claim_with(assigned_string(text, ".name", "=").or_else(|| word_after(text, ".name = .")))
    }),
    without_text("build.zig", "zig"),
    with_text("*.cabal", "haskell", |text| claim_with(name_field(text))),
    with_text("package.yaml", "haskell", |text| claim_with(name_field(text))),
    with_text("dune-project", "dune", |text| claim_with(word_after(text, "(name "))),
    without_text(GIT, "git"),
];

const fn with_text(pattern: &'static str, kind: &'static str, evaluate: fn(&str) -> ProjectClaim) -> ManifestKind {
    ManifestKind { pattern, kind, evaluate: Some(evaluate) }
}

const fn without_text(pattern: &'static str, kind: &'static str) -> ManifestKind {
    ManifestKind { pattern, kind, evaluate: None }
}

/// Returns the index in [`MANIFEST_KINDS`] of a file by its name; `None` for other files.
pub(super) fn manifest_rank(file: &str) -> Option<usize> {
    MANIFEST_KINDS.iter().position(|manifest| match manifest.pattern.strip_prefix('*') {
        Some(end) => file.len() > end.len() && file.ends_with(end),
        None => file == manifest.pattern,
    })
}

impl ManifestKind {
    /// Returns whether the manifest's text is needed.
    pub fn needs_text(&self) -> bool {
        self.evaluate.is_some()
    }

    /// Evaluates a manifest with the name `file`; `text` is `None` if it is not needed or could not be read.
    pub fn claim(&self, file: &str, text: Option<&str>) -> ProjectClaim {
        let claim = self.evaluate.zip(text).map_or(ProjectClaim::Unnamed, |(evaluate, text)| evaluate(text));
        match self.pattern.strip_prefix('*').and_then(|end| file.strip_suffix(end)) {
            Some(stem) if claim == ProjectClaim::Unnamed => ProjectClaim::Named(stem.to_owned()),
            _ => claim,
        }
    }
}

fn claim_with(name: Option<String>) -> ProjectClaim {
    name.map_or(ProjectClaim::Unnamed, ProjectClaim::Named)
}

fn parse_json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

fn json_name(manifest: &Value) -> Option<String> {
    manifest.get("name").and_then(Value::as_str).filter(|name| !name.trim().is_empty()).map(str::to_owned)
}

/// Evaluates a `package.json`. An empty object, and one with only a module type (`{"type": "module"}`), do not make a
/// project.
fn evaluate_npm(text: &str) -> ProjectClaim {
    let manifest = parse_json(text);
    let only_type = manifest.as_object().is_some_and(|fields| fields.keys().all(|key| key == "type"));
    if only_type { ProjectClaim::NotAProject } else { claim_with(json_name(&manifest)) }
}

/// Returns the trimmed lines that do not begin with the mark of a comment in any of the formats.
fn lines_without_comments(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !["#", "//", "--", ";"].iter().any(|marker| line.starts_with(marker)))
}

/// Returns the value of `name = …` in one of these sections of a TOML or INI file.
fn name_in_section(text: &str, sections: &[&str]) -> Option<String> {
    let mut inside = false;
    for line in lines_without_comments(text) {
        if let Some(header) = line.strip_prefix('[') {
            let name = header.split(']').next().unwrap_or_default().trim();
            inside = sections.contains(&name);
        } else if let Some(value) = line.strip_prefix("name").map(str::trim_start).filter(|_| inside)
            && let Some(value) = value.strip_prefix('=')
        {
            return quoted_value(value.trim_start()).or_else(|| bare_value(value));
        }
    }
    None
}

/// Returns the last element of the Go module path that is not a version such as `v2`, or `None`
/// without such an element.
fn go_module_name(text: &str) -> Option<String> {
    let path = lines_without_comments(text).find_map(|line| line.strip_prefix("module "))?.split_whitespace().next()?;
    let is_version = |part: &&str| {
        part.strip_prefix('v').is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    };
    let mut parts = path.trim_matches(['"', '`']).rsplit('/').filter(|part| !part.is_empty());
    parts.find(|part| !is_version(part)).map(str::to_owned)
}

/// Returns the first string assigned to `key`, as in `name = "x"`, anywhere in a line but in comments. `by` is the
/// assignment operator.
fn assigned_string(text: &str, key: &str, by: &str) -> Option<String> {
    let in_line = |line: &str| {
        line.match_indices(key).find_map(|(at, _)| {
            let starts_word = key.starts_with('.') || !line[..at].ends_with(|c: char| is_word(c) || c == '.');
            let value = line[at + key.len()..].trim_start().strip_prefix(by)?.trim_start();
            if starts_word { quoted_value(value) } else { None }
        })
    };
    lines_without_comments(text).find_map(in_line)
}

/// Returns the value of a `name :=` or `ThisBuild / name :=` that is not indented; an indented one is the name of a
/// part of the build.
fn sbt_name(text: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let rest = line.strip_prefix("ThisBuild / ").unwrap_or(line).strip_prefix("name")?;
        quoted_value(rest.trim_start().strip_prefix(":=")?.trim_start())
    })
}

/// Returns the value of `name: x` at the start of a line, as in YAML and Cabal.
fn name_field(text: &str) -> Option<String> {
    let is_name = |line: &&str| line.get(..4).is_some_and(|key| key.eq_ignore_ascii_case("name"));
    let values = text.lines().filter(is_name).filter_map(|line| line[4..].trim_start().strip_prefix(':'));
    values.map(str::trim).find_map(|value| quoted_value(value).or_else(|| bare_value(value)))
}

/// Returns the word after `marker`, from the first line that has both.
fn word_after(text: &str, marker: &str) -> Option<String> {
    lines_without_comments(text).find_map(|line| {
        let rest = line[line.find(marker)? + marker.len()..].trim_start();
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        Some(rest[..end].to_owned()).filter(|word| !word.is_empty())
    })
}

/// Returns the content of a quoted string at the start of `value`, unless it is empty or contains a variable or an
/// escape.
fn quoted_value(value: &str) -> Option<String> {
    let quote = value.chars().next().filter(|c| ['"', '\''].contains(c))?;
    let inside = value[1..].split(quote).next().map(str::trim)?;
    let constant = !inside.is_empty() && !inside.contains(['$', '{', '\\']);
    constant.then(|| inside.to_owned())
}

/// Returns an unquoted value up to a comment, unless it is empty or contains a variable, a quote or a bracket.
fn bare_value(value: &str) -> Option<String> {
    let value = value.split(" #").next().unwrap_or_default().trim();
    let constant = !value.is_empty() && !value.contains(['"', '\'', '$', '{', '[']);
    constant.then(|| value.to_owned())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

/// Returns the `artifactId` directly below the root element, not the `artifactId` of a parent or a dependency.
fn maven_artifact_id(text: &str) -> Option<String> {
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
            return rest.split('<').next().and_then(bare_value);
        }
        depth += 1;
    }
    None
}

/// Evaluates a `CMakeLists.txt`. One without a call of `project` is part of a larger build and does not make a project.
fn evaluate_cmake(text: &str) -> ProjectClaim {
    let text = text.lines().map(|line| line.split('#').next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    let lower = text.to_ascii_lowercase();
    let call = lower.match_indices("project").find_map(|(at, word)| {
        let starts_word = !lower[..at].ends_with(is_word);
        text[at + word.len()..].trim_start().strip_prefix('(').filter(|_| starts_word)
    });
    let Some(inside) = call.map(str::trim_start) else { return ProjectClaim::NotAProject };
    let end = inside.find(|c: char| c.is_whitespace() || c == ')').unwrap_or(inside.len());
    claim_with(quoted_value(inside).or_else(|| bare_value(&inside[..end])))
}
