//! Splits a text into the pieces that no token crosses.

use std::sync::LazyLock;

use regex::Regex;

/// The alternatives of the `o200k` pattern that need no look-ahead, and `\s+$` for spaces at the end, tried in this
/// order at the start of a text. Source: `tiktoken_ext/openai_public.py` of the tiktoken project.
static PIECE: LazyLock<Regex> = LazyLock::new(|| {
    let alternatives = [
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+$",
    ];
    Regex::new(&format!(r"\A(?:{})", alternatives.join("|"))).expect("the pattern is valid")
});

/// Returns the pieces of `text`, in order. Joined, they are the text.
pub(super) fn split_pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = PIECE.find(rest).map_or_else(|| measure_spaces(rest), |piece| piece.end());
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece)
    })
}

/// Returns the length in bytes of the spaces before a word. The last space belongs to the word, unless it is the only
/// one: `\s+(?!\S)|\s+` in the pattern.
fn measure_spaces(text: &str) -> usize {
    let mut ends =
        text.char_indices().take_while(|(_, char)| char.is_whitespace()).map(|(at, char)| at + char.len_utf8());
    let first_end = ends.next().unwrap_or(text.len());
    let mut previous_end = first_end;
    let mut last_end = first_end;
    for end in ends {
        previous_end = last_end;
        last_end = end;
    }
    if last_end == first_end { first_end } else { previous_end }
}
