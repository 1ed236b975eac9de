//! Cursors of paged answers: short texts that a client passes back unchanged.
//!
//! A cursor is bound to the arguments of its call and is rejected with other arguments. It reveals nothing about
//! the machine. It records the generation of the index, so that a later page can report a change.

use answer::caveats::append_note;
use engine::MAX_LIMIT;
use mcp_schema::argument::CURSOR;
use text::display::{sanitize_line, truncate_chars};

use super::arguments::GivenArguments;
use super::result::ToolError;

/// The position of a page within an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageCursor {
    /// Hash of the arguments of the call, from [`GivenArguments::fingerprint`], folded to 32 bits.
    arguments_hash: u32,
    /// Generation of the index that gave the previous page, folded to 32 bits.
    generation: u32,
    /// Start of the page: the number of results before it, in units that each tool chooses.
    pub start: [usize; 2],
}

/// Note on a page whose index differs from that of the previous page.
pub const INDEX_CHANGED: &str =
    "the index has changed since the previous page: some results may be repeated or missing";

impl PageCursor {
    /// Returns the cursor of a call; without one, the beginning.
    ///
    /// # Errors
    /// When the text is not a cursor, or belongs to a call with other arguments.
    pub fn of_call(given: &GivenArguments) -> Result<Self, ToolError> {
        Self::parse(fold_to_u32(given.fingerprint()), given.text(&CURSOR))
    }

    /// Parses a cursor; without one, returns the beginning. `arguments_hash` is the folded fingerprint of the call.
    ///
    /// # Errors
    /// When the text is not a cursor, or belongs to a call with other arguments.
    pub fn parse(arguments_hash: u32, cursor: Option<&str>) -> Result<Self, ToolError> {
        let Some(text) = cursor.map(str::trim).filter(|text| !text.is_empty()) else {
            return Ok(Self { arguments_hash, ..Self::default() });
        };
        let invalid = |why: &str| {
            let text = sanitize_line(&truncate_chars(text, 60));
            ToolError(format!("cursor {text} {why}; give the cursor of the page before, with the same arguments"))
        };
        let cursor = decode_cursor(text).ok_or_else(|| invalid("is not from this server"))?;
        if cursor.arguments_hash != arguments_hash {
            return Err(invalid("belongs to a call with other arguments"));
        }
        Ok(cursor)
    }

    /// Returns the number of hits before a page.
    ///
    /// # Errors
    /// When the page starts beyond the last ranked hit.
    pub fn hits_before(&self) -> Result<usize, ToolError> {
        if self.start[0] >= MAX_LIMIT {
            return Err(ToolError(format!("only the first {MAX_LIMIT} hits are ranked; narrow the query")));
        }
        Ok(self.start[0])
    }

    /// Adds a note if `generation`, the generation of this page's index, differs from that of the previous page.
    pub fn note_index_change(&self, generation: u64, note: &mut Option<String>) {
        if self.index_has_changed(generation) {
            append_note(note, INDEX_CHANGED);
        }
    }

    /// Returns whether the previous page came from another generation of the index.
    fn index_has_changed(&self, generation: u64) -> bool {
        self.start != [0, 0] && self.generation != fold_to_u32(generation)
    }

    /// Returns the cursor of the next page, which starts at `start`.
    pub fn format_next(&self, generation: u64, start: [usize; 2]) -> String {
        format!("{:08x}{:08x}-{:x}-{:x}", self.arguments_hash, fold_to_u32(generation), start[0], start[1])
    }
}

fn decode_cursor(text: &str) -> Option<PageCursor> {
    let mut parts = text.split('-');
    let (head, first, second) = (parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    if head.len() != 16 || parts.next().is_some() || ![head, first, second].into_iter().all(is_hex) {
        return None;
    }
    let number = |part: &str| u32::from_str_radix(part, 16).ok();
    let start = [number(first)? as usize, number(second)? as usize];
    Some(PageCursor { arguments_hash: number(&head[..8])?, generation: number(&head[8..])?, start })
}

#[expect(clippy::cast_possible_truncation, reason = "the halves are folded together first")]
fn fold_to_u32(hash: u64) -> u32 {
    (hash ^ (hash >> 32)) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;
    use proptest::test_runner::RngSeed;

    use super::*;

    fn parse(arguments_hash: u32, cursor: Option<&str>) -> Result<PageCursor, String> {
        PageCursor::parse(arguments_hash, cursor).map_err(|error| error.0)
    }

    #[test]
    fn a_cursor_is_bound_to_its_arguments() {
        let first = parse(1, None).expect("a beginning");
        assert_eq!(first.start, [0, 0]);
        assert!(!first.index_has_changed(7));
        let next = first.format_next(7, [10, 3]);
        let read = parse(1, Some(&next)).expect("the same arguments");
        assert_eq!(read.start, [10, 3]);
        assert!(!read.index_has_changed(7) && read.index_has_changed(8));
        let refused = parse(2, Some(&next)).expect_err("other arguments");
        assert!(refused.contains("other arguments") && refused.contains("cursor of the page before"), "{refused}");
    }

    #[test]
    fn invalid_cursors_are_rejected() {
        for text in [
            "x",
            "-",
            "0123456789abcdef",
            "0123456789abcdef-1",
            "0123456789abcdef-1-2-3",
            "é-1-1",
            "+123456789abcdef-+1-1",
        ] {
            assert!(parse(1, Some(text)).is_err(), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 4_000, rng_seed: RngSeed::Fixed(0x5eed), failure_persistence: None, ..ProptestConfig::default()
        })]

        #[test]
        fn mutated_cursors_are_rejected_or_mean_a_page(
            start in any::<[u32; 2]>(), generation in any::<u64>(), at in any::<Index>(), inserted in "\\PC{0,3}", removed in 0..4_usize,
        ) {
            let first = PageCursor { arguments_hash: 7, ..PageCursor::default() };
            let valid = first.format_next(generation, start.map(|part| part as usize));
            let cursor = PageCursor::parse(7, Some(&valid)).map_err(|error| TestCaseError::fail(error.0))?;
            prop_assert_eq!(cursor.start, start.map(|part| part as usize));
            let mut mutant: Vec<char> = valid.chars().collect();
            let at = at.index(mutant.len());
            mutant.splice(at..(at + removed).min(mutant.len()), inserted.chars());
            let mutant: String = mutant.into_iter().collect();
            match PageCursor::parse(7, Some(&mutant)) {
                Ok(page) if !mutant.trim().is_empty() => {
                    let again = format!("{:08x}{:08x}-{:x}-{:x}", page.arguments_hash, page.generation, page.start[0], page.start[1]);
                    prop_assert_eq!(PageCursor::parse(7, Some(&again)).ok(), Some(page));
                }
                Ok(_) => {}
                Err(error) => prop_assert!(error.0.contains("cursor of the page before")),
            }
        }
    }
}
