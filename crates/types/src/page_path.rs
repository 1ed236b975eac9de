//! The path of a page of documentation without the language that it names.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Codes of languages (ISO 639-1) and of countries that stand for languages, in the names of translated pages.
const LANGUAGE_CODES: &str = "ar az be bg bn bs ca cn cs cy da de el en eo es et eu fa fi fr gl he hi hr hu hy id it ja jp \
    ka kk kn ko kr lt lv mk ml mn mr ms nb ne nl nn no pl pt ro ru si sk sl sq sr sv sw ta te th tl tr tw ug uk ur uz vi zh";

/// Parts of a name after the code of a language that are longer than two letters: scripts and regions.
const LONG_REGIONS: [&str; 4] = ["hans", "hant", "latam", "419"];

/// Folders that a translated page may be in while the original is not.
const PAGE_FOLDERS: [&str; 7] = ["doc", "docs", "documentation", "i18n", "l10n", "locales", "translations"];

/// The path of a page of documentation, in which translations differ by the language alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagePath {
    /// The parts of the path in lower case, without languages and the folders of pages.
    pub parts: Vec<String>,
    /// Whether the path names a language.
    pub names_language: bool,
    /// Whether the path names no language or English alone: the page is usually the original.
    pub is_original: bool,
}

impl PagePath {
    /// Splits a path, such as `docs/zh-CN/guide.md` or `README_pt_BR.md`.
    pub fn parse(path: &str) -> Self {
        static CODES: LazyLock<HashSet<&str>> = LazyLock::new(|| LANGUAGE_CODES.split_whitespace().collect());
        let path = path.to_ascii_lowercase();
        let mut page = Self { parts: Vec::new(), names_language: false, is_original: true };
        for component in path.split('/').filter(|component| !PAGE_FOLDERS.contains(component)) {
            let mut follows_language = false;
            for part in component.split(['.', '-', '_']) {
                let is_region = follows_language && (part.len() == 2 || LONG_REGIONS.contains(&part)) && part != "md";
                follows_language = !is_region && CODES.contains(part);
                if follows_language {
                    page.names_language = true;
                    page.is_original &= part == "en";
                } else if !is_region {
                    page.parts.push(part.to_owned());
                }
            }
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn translations_have_the_same_parts() {
        let parse = |path: &str| {
            let page = PagePath::parse(path);
            (page.parts.join(" "), page.names_language, page.is_original)
        };
        for path in ["docs/zh-CN/Guide.md", "i18n/zh-Hant/guide.md", "guide_pt_BR.md", "docs/guide.ja.md"] {
            assert_eq!(parse(path), ("guide md".to_owned(), true, false), "{path}");
        }
        assert_eq!(parse("docs/en/guide.md"), ("guide md".to_owned(), true, true));
        assert_eq!(parse("docs/guide.md"), ("guide md".to_owned(), false, true));
        assert_eq!(parse("guides/fr.md"), ("guides md".to_owned(), true, false));
        assert_eq!(parse("is/as.md"), ("is as md".to_owned(), false, true), "no codes of languages");
    }
}
