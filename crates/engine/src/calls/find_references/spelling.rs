//! Forms of a name that files may spell.

use source::parse;
use text::unicode::decompose;
use types::Language;

/// Returns the form of `name` that occurs in `text` as a whole word: `name` itself, which is in NFC, or its NFD form;
/// `None` if neither occurs. In markup, `lineRemoved` also counts as occurring where the text has `line-removed`.
pub fn spelling_in(text: &str, name: &str, language: Language) -> Option<String> {
    let occurs = |name: &String| parse::find_whole_word(text, name).next().is_some();
    let apart = if name.is_ascii() { None } else { Some(decompose(name)) };
    let found = [Some(name.to_owned()), apart].into_iter().flatten().find(occurs);
    let is_markup = ["vue", "svelte", "astro", "html"].contains(&language.0);
    found.or_else(|| (is_markup && occurs(&to_kebab_case(name))).then(|| name.to_owned()))
}

/// Returns a name such as `lineRemoved` or `LineRemoved` as elements and attributes spell it: `line-removed`.
fn to_kebab_case(name: &str) -> String {
    let mut kebab = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.extend(c.to_lowercase());
    }
    kebab
}
