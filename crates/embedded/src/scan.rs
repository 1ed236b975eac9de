//! Chooses the scanner of a language.

use crate::found::HostScan;
use crate::{fences, markup, stylesheet, tagged_strings};

/// Returns whether [`scan_host`], rather than a grammar, finds the definitions of a language.
pub fn is_scanned(language: &str) -> bool {
    language == "css" || (language != "php" && markup::dialect(language).is_some())
}

/// Returns the language whose rules apply to the definitions in files of a host language, such as TypeScript for Vue;
/// `None` for a language that is not a host.
pub fn main_language(language: &str) -> Option<&'static str> {
    match language {
        "vue" | "svelte" | "astro" | "html" | "template" => Some("typescript"),
        "razor" => Some("csharp"),
        _ => None,
    }
}

/// Scans a text in a language that can hold texts of others; `None` if the language can hold none or, where they are
/// marked strings, if there are none. With `name`, also finds its uses in markup and style sheets.
pub fn scan_host(language: &str, text: &str, name: Option<&str>) -> Option<HostScan> {
    match language {
        "css" => Some(stylesheet::scan_stylesheet(text, name)),
        "markdown" => Some(fences::scan_fences(text)),
        "php" if !markup::has_script(text) => tagged_strings::scan_strings(language, text),
        _ => match markup::dialect(language) {
            Some(dialect) => Some(markup::scan_markup(text, dialect, name)),
            None => tagged_strings::scan_strings(language, text),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;

    #[test]
    fn any_text_is_scanned_without_a_fault() {
        let languages = [
            "html",
            "vue",
            "svelte",
            "astro",
            "razor",
            "template",
            "php",
            "css",
            "markdown",
            "typescript",
            "ruby",
            "python",
        ];
        let parts = [
            "<",
            ">",
            "/",
            "{",
            "}",
            "{{",
            "}}",
            "<script",
            "</script>",
            "<style>",
            "</style>",
            "<%",
            "%>",
            "<?",
            "?>",
            "{%",
            "@",
            "(",
            ")",
            "\"",
            "'",
            "`",
            "=",
            " ",
            "\n",
            "é",
            "\u{2000}",
            "😀",
            "a",
            "B-c",
            ".",
            "#",
            ":",
            "--",
            "$",
            ";",
            "/*",
            "*/",
            "//",
            "<!--",
            "-->",
            "@code {",
            "@media ",
            "---\n",
            "```js\n",
            "```\n",
            "sql`",
            "<<~SQL\n",
            "SQL\n",
            "#if ",
            "#snippet a",
            "class=",
            "on:",
            "<h1>",
            "\\",
            "url",
            "lang=\"pug\"",
            "<template",
            "</",
            "@mixin ",
            "/* sql */",
            "\"\"\"--sql",
            "%",
            "&",
            ",",
        ];
        // A linear congruential generator: the texts are the same in every run.
        let mut state = 7_u64;
        let mut next = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        for round in 0..40_000 {
            let text: String = (0..next(30)).map(|_| parts[next(parts.len())]).collect();
            let language = languages[round % languages.len()];
            let Some(found) = scan_host(language, &text, Some("a")) else { continue };
            for one in &found.texts {
                let length = one.range.len() + one.frame.0.len() + one.frame.1.len();
                assert_eq!(one.program(&text).len(), length, "{language} {text:?}");
            }
            let is_in = |range: &Range<usize>| text.get(range.clone()).is_some();
            let are_in = found.comments.iter().all(is_in)
                && found.definitions.iter().all(|one| is_in(&one.node) && is_in(&one.name));
            assert!(are_in && found.depths.is_sorted_by_key(|(at, _)| *at), "{language} {text:?}");
        }
    }

    /// A scanner that reads the rest of the text again for each opening would take hours here.
    #[test]
    fn texts_of_many_openings_without_an_end_are_scanned_and_positions_are_in_the_text() {
        let languages =
            ["html", "vue", "svelte", "astro", "razor", "template", "php", "css", "markdown", "typescript", "ruby"];
        let openings = [
            "{{ ",
            "{% ",
            "<% ",
            "<? ",
            "<!-- ",
            "<a b=\"",
            "<a {",
            "{#if ",
            "@( ",
            "@{ ",
            "@code { ",
            "@* ",
            "sql`${",
            "<<~SQL\n",
            "/* sql */ \"",
            "<script>",
            "<script>{{ ",
            "<h1>",
            "/* ",
            "a { ",
            "#{",
            "url(",
            "```js\n",
            "---\n",
            "<b é={`",
            "'",
        ];
        for language in languages {
            for opening in openings {
                let text = format!("<script>{}", opening.repeat(300_000 / opening.len()));
                let Some(found) = scan_host(language, &text, Some("a")) else { continue };
                for one in &found.texts {
                    assert_eq!(one.program(&text).len(), one.range.len() + one.frame.0.len() + one.frame.1.len());
                }
                let is_in = |range: &Range<usize>| text.get(range.clone()).is_some();
                assert!(found.comments.iter().all(is_in), "{language} {opening}");
                assert!(
                    found.definitions.iter().all(|one| is_in(&one.node) && is_in(&one.name)),
                    "{language} {opening}"
                );
                assert!(found.uses.iter().all(|(at, _)| text.is_char_boundary(*at)), "{language} {opening}");
            }
        }
    }
}
