//! Recognizes translations of a page of documentation, which say the same in other languages.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// Codes of languages (ISO 639-1) and of countries that stand for languages, in the names of translated pages.
const LANGUAGE_CODES: &str = "ar az be bg bn bs ca cn cs cy da de el en eo es et eu fa fi fr gl he hi hr hu hy id it ja jp \
    ka kk kn ko kr lt lv mk ml mn mr ms nb ne nl nn no pl pt ro ru si sk sl sq sr sv sw ta te th tl tr tw ug uk ur uz vi zh";

/// Parts of a name after the code of a language that are longer than two letters: scripts and regions.
const LONG_REGIONS: [&str; 4] = ["hans", "hant", "latam", "419"];

/// Folders that a translated page may be in while the original is not.
const PAGE_FOLDERS: [&str; 7] = ["doc", "docs", "documentation", "i18n", "l10n", "locales", "translations"];

/// The language that a path names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PathLanguage {
    /// None, or English: the page is usually the original.
    Original,
    Other,
}

/// The pages of an answer, by their paths without languages.
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
        let texts = paths.map(PageText::of_path).filter(|text| text.language == PathLanguage::Original);
        Self { originals: texts.map(|text| text.key).collect(), seen: HashMap::new() }
    }

    /// Returns whether the page at `path` is a translation of one that was seen or is preferred, or the original of a
    /// seen translation.
    pub fn is_repeated(&mut self, path: &str) -> bool {
        let PageText { key, language, names_language } = PageText::of_path(path);
        if language == PathLanguage::Other && self.originals.contains(&key) {
            return true;
        }
        match self.seen.get(&key) {
            Some(seen) => *seen || names_language,
            None => {
                self.seen.insert(key, names_language);
                false
            }
        }
    }
}

/// A page of documentation, identified by its path.
struct PageText {
    /// The parts of the path in lower case, without languages and [`PAGE_FOLDERS`].
    key: Vec<String>,
    language: PathLanguage,
    names_language: bool,
}

impl PageText {
    fn of_path(path: &str) -> Self {
        static CODES: LazyLock<HashSet<&str>> = LazyLock::new(|| LANGUAGE_CODES.split_whitespace().collect());
        let path = path.to_ascii_lowercase();
        let mut text = Self { key: Vec::new(), language: PathLanguage::Original, names_language: false };
        for component in path.split('/').filter(|component| !PAGE_FOLDERS.contains(component)) {
            let mut follows_language = false;
            for part in component.split(['.', '-', '_']) {
                let is_region = follows_language && (part.len() == 2 || LONG_REGIONS.contains(&part)) && part != "md";
                follows_language = !is_region && CODES.contains(part);
                if follows_language {
                    text.names_language = true;
                    text.language = if part == "en" { text.language } else { PathLanguage::Other };
                } else if !is_region {
                    text.key.push(part.to_owned());
                }
            }
        }
        text
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
