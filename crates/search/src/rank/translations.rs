//! Recognizes translations of a page of documentation, which say the same in other languages.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use types::PagePath;

/// The pages of an answer, by the parts of their paths without languages.
#[derive(Default)]
pub(super) struct PageTexts {
    /// The pages that are preferred to their translations.
    originals: HashSet<Vec<String>>,
    /// The pages that were seen, each with whether its path names a language.
    seen: HashMap<Vec<String>, bool>,
}

impl PageTexts {
    /// Prefers the originals among the pages at `paths` to their translations.
    pub fn prefer_originals<'p>(paths: impl Iterator<Item = &'p str>) -> Self {
        let originals = paths.map(PagePath::parse).filter(|page| page.is_original);
        Self { originals: originals.map(|page| page.parts).collect(), seen: HashMap::new() }
    }

    /// Returns whether the page at `path` is a translation of one that was seen or is preferred, or the original of a
    /// seen translation.
    pub fn is_repeated(&mut self, path: &str) -> bool {
        let page = PagePath::parse(path);
        if !page.is_original && self.originals.contains(&page.parts) {
            return true;
        }
        match self.seen.entry(page.parts) {
            Entry::Occupied(seen) => *seen.get() || page.names_language,
            Entry::Vacant(new) => {
                new.insert(page.names_language);
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_page_of_each_text_is_new() {
        let of_each_text = |paths: &[&str], mut texts: PageTexts| -> Vec<String> {
            paths.iter().filter(|path| !texts.is_repeated(path)).map(|path| (*path).to_owned()).collect()
        };
        let best = |paths: &[&str]| of_each_text(paths, PageTexts::default());
        assert_eq!(
            best(&["docs/ko/Plugin.md", "docs/zh-cn/Plugin.md", "docs/es-ES/Plugin.md", "docs/ko/API.md"]),
            ["docs/ko/Plugin.md", "docs/ko/API.md"]
        );
        assert_eq!(
            best(&["readme.md", "docs/readme_cn.md", "README.zh-Hans.md", "i18n/README_pt_BR.md"]),
            ["readme.md"]
        );
        assert_eq!(best(&["README_ja.md", "README.md"]), ["README_ja.md"]);
        let others = ["docs/api.md", "api.md", "docs/it/api.rst", "a/b/index.md", "a/c/index.md", "is.md", "as.md"];
        assert_eq!(best(&others), others, "paths that name no language are pages of their own");
        let originals = |paths: &[&str]| of_each_text(paths, PageTexts::prefer_originals(paths.iter().copied()));
        assert_eq!(
            originals(&["README_ja.md", "docs/fr/a.md", "README.md", "docs/en/a.md"]),
            ["README.md", "docs/en/a.md"]
        );
        assert_eq!(originals(&["docs/ko/a.md", "docs/ja/a.md"]), ["docs/ko/a.md"], "without an original, the best one");
    }
}
