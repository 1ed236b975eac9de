//! Closing brackets in code of any language with C's strings and comments.

/// Finds closing brackets in a text. Searches that find nothing are limited together, so that many opening brackets
/// without a closing one cost no more than a few passes over the text.
pub(crate) struct BracketFinder<'t> {
    text: &'t str,
    /// Bytes that may still be read in vain.
    left: usize,
}

impl<'t> BracketFinder<'t> {
    pub fn new(text: &'t str) -> Self {
        Self { text, left: text.len().saturating_mul(4) }
    }

    /// Returns the position after the bracket that closes the one at `open`; `None` if none closes it, or too much text
    /// was read in vain.
    pub fn after_closing(&mut self, open: usize) -> Option<usize> {
        if self.left == 0 {
            return None;
        }
        let bytes = self.text.as_bytes();
        let (mut depth, mut at) = (0_u32, open);
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return Some(at + 1);
                    }
                }
                b'"' | b'\'' | b'`' => at = string_end(bytes, at),
                b'/' if bytes.get(at + 1) == Some(&b'*') => {
                    at = memchr::memmem::find(&bytes[at..], b"*/").map_or(bytes.len(), |end| at + end + 1);
                }
                b'/' if bytes.get(at + 1) == Some(&b'/') && bytes.get(at.wrapping_sub(1)) != Some(&b':') => {
                    at = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |end| at + end);
                }
                _ => {}
            }
            at += 1;
        }
        self.left = self.left.saturating_sub(bytes.len() - open);
        None
    }
}

/// Returns the position of the quote that closes the one at `at`; `at` itself if none does, as for an apostrophe. Only
/// strings in backticks can span several lines.
pub(crate) fn string_end(bytes: &[u8], at: usize) -> usize {
    let quote = bytes[at];
    let mut end = at + 1;
    while let Some(byte) = bytes.get(end) {
        match *byte {
            b'\\' => end += 1,
            b'\n' if quote != b'`' => return at,
            byte if byte == quote => return end,
            _ => {}
        }
        end += 1;
    }
    at
}
