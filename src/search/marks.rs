//! What the words of a path say of a file: a test, an example, code of others.
//!
//! Must never import: anything of this crate but `embed` and `types`.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::embed::words;
use crate::types::RepoPath;

/// Folders and name parts of tests.
pub(super) const TESTS: &str = "test tests testing spec specs mock mocks e2e doctest testutil testutils testcase testcases \
    testhelper testhelpers unittests conftest";

/// Folders and name parts of what shows or measures the code, or feeds its tests.
pub(super) const EXAMPLES: &str = "example examples sample samples demo demos bench benches benchmark benchmarks fixture fixtures \
    testdata";

/// Folders and name parts of code that others wrote, that a program wrote, or that is on its way out.
pub(super) const FOREIGN: &str =
    "vendor vendored thirdparty 3rdparty external generated deprecated legacy compat polyfill";

/// What the words of a path say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    pub test: bool,
    /// An example, a benchmark or a fixture.
    pub example: bool,
    /// Code that others or a program wrote, or that is on its way out.
    pub foreign: bool,
}

impl Marks {
    /// Of a path.
    pub fn of(path: &RepoPath) -> Self {
        static WORDS: LazyLock<HashMap<&str, Marks>> = LazyLock::new(|| {
            let mut words: HashMap<&str, Marks> = HashMap::new();
            TESTS.split_whitespace().for_each(|word| words.entry(word).or_default().test = true);
            EXAMPLES.split_whitespace().for_each(|word| words.entry(word).or_default().example = true);
            FOREIGN.split_whitespace().for_each(|word| words.entry(word).or_default().foreign = true);
            words
        });
        let mut marks = Self::default();
        marks.add_whole(path);
        words::words(path.as_str(), |word| {
            if let Some(mark) = WORDS.get(word) {
                marks.test |= mark.test;
                marks.example |= mark.example;
                marks.foreign |= mark.foreign;
            }
        });
        marks
    }

    /// What is said by whole components and by the last part of a file's name: their words alone say nothing
    /// (`gen` is in the name of many a generator, `t` anywhere).
    fn add_whole(&mut self, path: &RepoPath) {
        for folder in path.folder().split('/') {
            match folder {
                "t" | "__snapshots__" => self.test = true,
                "third_party" | "third-party" | "node_modules" | "bower_components" | "site-packages" | "Pods"
                | "Carthage" | "gen" => self.foreign = true,
                _ => {}
            }
        }
        let (stem, extension) = path.file_name().rsplit_once('.').unwrap_or_default();
        let last = stem.rsplit_once(['.', '_']).map(|(_, last)| last);
        self.test |= extension == "t" || last == Some("cy");
        self.example |= last == Some("stories");
        self.foreign |= matches!(last, Some("gen" | "pb" | "pb2" | "freezed"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_and_examples_are_told_by_their_path() {
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
            let marks = Marks::of(&RepoPath::new(path));
            assert!((marks.test || marks.example) && !marks.foreign, "{path}");
        }
        for path in ["third_party/a.c", "web/node_modules/a/b.js", "gen/api.go", "api/pool.pb.go", "src/routes.gen.ts"]
        {
            assert!(Marks::of(&RepoPath::new(path)).foreign, "{path}");
        }
        for path in ["src/latest.rs", "src/contest.go", "attest/a.c", "lib/mix/tasks/phx.gen.auth.ex", "src/gen.go"] {
            assert_eq!(Marks::of(&RepoPath::new(path)), Marks::default(), "{path}");
        }
    }
}
