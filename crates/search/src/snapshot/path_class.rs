//! Classifies files by path: tests, examples, vendored or generated code.

use std::collections::HashMap;
use std::sync::LazyLock;

use text::words;
use types::RepoPath;

/// Words in the paths of tests.
pub(crate) const TEST_WORDS: &str = "test tests testing spec specs mock mocks e2e doctest testutil testutils testcase testcases \
    testhelper testhelpers unittests conftest";

/// Words in the paths of examples, benchmarks and fixtures.
pub(crate) const EXAMPLE_WORDS: &str = "example examples sample samples demo demos bench benches benchmark benchmarks fixture fixtures \
    testdata";

/// Words in the paths of vendored, generated or deprecated code.
pub(crate) const VENDORED_WORDS: &str =
    "vendor vendored thirdparty 3rdparty external generated deprecated legacy compat polyfill";

/// The class of a file, determined by its path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PathClass {
    /// Whether the file is a test.
    pub test: bool,
    /// Whether the file is an example, a benchmark or a fixture.
    pub example: bool,
    /// Whether the file is vendored, generated or deprecated.
    pub vendored: bool,
    /// Whether the file is a licence, a policy, a list of changes or authors, a dump of an interface, or a script that
    /// wraps a build tool.
    pub boilerplate: bool,
}

impl PathClass {
    /// Classifies a path.
    pub fn from_path(path: &RepoPath) -> Self {
        static WORDS: LazyLock<HashMap<&str, PathClass>> = LazyLock::new(|| {
            let mut words: HashMap<&str, PathClass> = HashMap::new();
            TEST_WORDS.split_whitespace().for_each(|word| words.entry(word).or_default().test = true);
            EXAMPLE_WORDS.split_whitespace().for_each(|word| words.entry(word).or_default().example = true);
            VENDORED_WORDS.split_whitespace().for_each(|word| words.entry(word).or_default().vendored = true);
            words
        });
        let mut class = Self::default();
        class.apply_component_rules(path);
        words::for_each_word(path.as_str(), |word| {
            if let Some(word_class) = WORDS.get(word) {
                class.test |= word_class.test;
                class.example |= word_class.example;
                class.vendored |= word_class.vendored;
            }
        });
        class
    }

    /// Applies the rules for whole folder names, for the file name, and for its extension and the part before that.
    ///
    /// As single words, names such as these would match too much: `gen` is part of many generator names, and `t` is a
    /// common word.
    fn apply_component_rules(&mut self, path: &RepoPath) {
        for folder in path.folder().split('/') {
            match folder {
                "t" | "__snapshots__" => self.test = true,
                "third_party" | "third-party" | "node_modules" | "bower_components" | "site-packages" | "Pods"
                | "Carthage" | "gen" => self.vendored = true,
                _ => {}
            }
        }
        self.boilerplate = is_boilerplate(path.file_name());
        let (stem, extension) = path.file_name().rsplit_once('.').unwrap_or_default();
        let last = stem.rsplit_once(['.', '_']).map(|(_, last)| last);
        self.test |= extension == "t" || last == Some("cy");
        self.example |= last == Some("stories");
        self.vendored |= matches!(last, Some("gen" | "pb" | "pb2" | "freezed"));
    }
}

/// Beginnings of the names of files that say little about the code around them.
const BOILERPLATE_STEMS: &str = "license licence copying notice changelog changes history news releases release_notes \
    releasenotes security code_of_conduct code-of-conduct contributors authors credits governance maintainers gradlew mvnw";

/// Returns whether a file of this name is a licence, a policy, a list of changes, a dump of an interface or a wrapper.
///
/// Other files of code are never boilerplate: `changes.rs` may be about anything.
fn is_boilerplate(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let (stem, extension) = name.rsplit_once('.').unwrap_or((&name, ""));
    let is_text = matches!(extension, "" | "md" | "txt" | "rst" | "adoc" | "bat" | "cmd" | "html");
    extension == "api"
        || is_text
            && BOILERPLATE_STEMS.split_whitespace().any(|start| {
                stem.strip_prefix(start).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphabetic()))
            })
}

/// Names of files that mark the root folder of a project, in addition to a readme.
const PROJECT_FILES: [&str; 15] = [
    "Cargo.toml",
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
    "settings.gradle",
    "settings.gradle.kts",
    "mix.exs",
    "pubspec.yaml",
    "build.sbt",
    "Package.swift",
    "package.yaml",
    "build.zig",
];

/// Returns whether a file of this name marks the root folder of a project: a readme, or one of some manifests. Other
/// manifests, such as `package.json`, are not needed, because nearly every project also has a readme.
pub fn marks_project_root(name: &str) -> bool {
    let starts = |start: &str| name.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start));
    starts("readme") || PROJECT_FILES.contains(&name) || name.ends_with(".gemspec")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_classified() {
        for path in [
            "tests/a.py",
            "app/conftest.py",
            "src/app.test.ts",
            "pkg/cache_test.go",
            "examples/x.rs",
            "src/test/java/FooTest.java",
            "app/src/androidTest/Foo.kt",
            "Tests/FooTests.swift",
            "spec/foo_spec.rb",
            "Foo.Tests/Pool.cs",
            "src/__tests__/pool.tsx",
            "test/test_helper.exs",
            "test/PoolSpec.hs",
            "lib/pool_test.dart",
            "tests/PoolTest.php",
            "t/pool.pl",
            "pool.t",
            "web/login.cy.ts",
            "web/button.stories.tsx",
            "bench/pool_bench.cc",
        ] {
            let class = PathClass::from_path(&RepoPath::new(path));
            assert!((class.test || class.example) && !class.vendored, "{path}");
        }
        for path in ["third_party/a.c", "web/node_modules/a/b.js", "gen/api.go", "api/pool.pb.go", "src/routes.gen.ts"]
        {
            assert!(PathClass::from_path(&RepoPath::new(path)).vendored, "{path}");
        }
        for path in ["LICENSE", "docs/CHANGELOG.md", "LICENSE-MIT.txt", "gradlew.bat", "api/core.api", "NEWS"] {
            assert!(PathClass::from_path(&RepoPath::new(path)).boilerplate, "{path}");
        }
        for path in [
            "src/changes.rs",
            "src/latest.rs",
            "src/contest.go",
            "attest/a.c",
            "lib/mix/tasks/phx.gen.auth.ex",
            "src/gen.go",
        ] {
            assert_eq!(PathClass::from_path(&RepoPath::new(path)), PathClass::default(), "{path}");
        }
    }
}
