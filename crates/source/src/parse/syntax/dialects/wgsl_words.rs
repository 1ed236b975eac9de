//! Keywords of WGSL that are newer than the grammar: `const` was `let` outside of functions, and `alias` was `type`.

/// Returns the text with the older keywords; `None` if there is nothing to replace. No position changes.
pub(in crate::parse::syntax) fn replace_wgsl_words(text: &str) -> Option<Vec<u8>> {
    let mut replaced: Option<Vec<u8>> = None;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let older: &[u8] = match line.split_whitespace().next() {
            Some("const") => b"let  ",
            Some("alias") => b"type ",
            _ => b"",
        };
        let at = start + line.len() - line.trim_start().len();
        replaced = match older {
            b"" => replaced,
            older => {
                let mut out = replaced.unwrap_or_else(|| text.as_bytes().to_vec());
                out[at..at + older.len()].copy_from_slice(older);
                Some(out)
            }
        };
        start += line.len();
    }
    replaced
}
