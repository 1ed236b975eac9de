//! Fenced code in Markdown.

use crate::found::{EmbeddedText, HostScan};

/// Finds the code of closed fences whose language is named and known. A fence defines nothing: an example in a document
/// must not count as a definition.
pub(crate) fn scan_fences(text: &str) -> HostScan {
    let mut found = HostScan::default();
    let mut open: Option<Fence> = None;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let code = line.trim_start_matches([' ', '\t', '>']);
        let end = start + line.len();
        let mark = code.chars().next().filter(|mark| matches!(mark, '`' | '~')).unwrap_or(' ');
        let length = code.chars().take_while(|c| *c == mark).count();
        let info = code.get(length * mark.len_utf8()..).unwrap_or_default().trim();
        match open.take() {
            Some(fence) if mark == fence.mark && length >= fence.length && info.is_empty() => {
                if let Some(language) = fence.language
                    && fence.start < start
                {
                    let range = fence.start..start;
                    let is_expression = true;
                    found.texts.push(EmbeddedText { range, language, is_expression, ..EmbeddedText::default() });
                }
            }
            Some(fence) => open = Some(fence),
            None if length >= 3 && mark != ' ' && !(mark == '`' && info.contains('`')) => {
                open = Some(Fence { mark, length, start: end, language: fence_language(info) });
            }
            None => {}
        }
        start = end;
    }
    found
}

/// An open fence.
struct Fence {
    mark: char,
    length: usize,
    /// First byte of its code.
    start: usize,
    language: Option<&'static str>,
}

/// Returns the language that the first word after a fence names, as in ` ```ts title="x" ` and ` ```{.python} `; `None`
/// if the word is not in [`FENCE_WORDS`].
fn fence_language(info: &str) -> Option<&'static str> {
    let word = info.trim_start_matches(['{', '.']).split([' ', ',', '}', '{', ':', '\t']).next()?;
    let word = word.to_ascii_lowercase();
    let known = FENCE_WORDS.iter().find(|(words, _)| words.contains(&word.as_str()));
    known.map(|(_, language)| *language)
}

/// Words after a fence, and the languages that they name.
const FENCE_WORDS: &[(&[&str], &str)] = &[
    (&["python", "py", "python3", "pycon"], "python"),
    (&["typescript", "ts", "mts", "cts"], "typescript"),
    (&["tsx"], "tsx"),
    (&["javascript", "js", "jsx", "mjs", "cjs", "node"], "javascript"),
    (&["go", "golang"], "go"),
    (&["rust", "rs", "no_run", "ignore", "should_panic"], "rust"),
    (&["java"], "java"),
    (&["c", "h"], "c"),
    (&["cpp", "c++", "cc", "cxx", "hpp"], "cpp"),
    (&["csharp", "cs", "c#"], "csharp"),
    (&["ruby", "rb"], "ruby"),
    (&["php"], "php"),
    (&["kotlin", "kt", "kts"], "kotlin"),
    (&["scala"], "scala"),
    (&["swift"], "swift"),
    (&["lua"], "lua"),
    (&["bash", "sh", "shell", "zsh"], "bash"),
    (&["haskell", "hs"], "haskell"),
    (&["elixir", "ex", "exs"], "elixir"),
    (&["zig"], "zig"),
    (&["dart"], "dart"),
    (&["sql", "postgresql", "mysql"], "sql"),
    (&["css", "scss", "less"], "css"),
    (&["html", "xml"], "html"),
    (&["vue"], "vue"),
    (&["svelte"], "svelte"),
    (&["astro"], "astro"),
    (&["razor", "cshtml"], "razor"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(&str, &str)> {
        scan_fences(text).texts.into_iter().map(|one| (one.language, &text[one.range])).collect()
    }

    #[test]
    fn fences_with_a_known_language_are_found() {
        let text = "# A\n\n```ts title=\"a\"\nlet a = 1\n```\n- b\n\n  ~~~~ {.python}\n  def b(): pass\n  ~~~\n  ~~~~\n```\nplain\n```\n```sh";
        assert_eq!(found(text), [("typescript", "let a = 1\n"), ("python", "  def b(): pass\n  ~~~\n")]);
        assert_eq!(found("``` `a` ```\nb\n"), []);
    }
}
