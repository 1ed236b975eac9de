//! Where an answer goes on: a short text that a client hands back as it got it.
//!
//! Invariants: it says nothing of the machine; it belongs to one question and is refused with another
//! one; it tells whether the index has moved on since. Must never import: anything of this crate but `engine`.

use rmcp::model::JsonObject;

use super::answer::{Refusal, clean, clip};

/// Arguments that may change from page to page.
const FREE: [&str; 3] = ["cursor", "limit", "max_tokens"];

/// What goes along with an answer that is not the last part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    question: u32,
    /// Of the index that answered.
    edition: u32,
    /// What is before, by a measure of each tool's own.
    pub at: [usize; 2],
}

/// What is said when the index is no longer that of the page before.
pub const MOVED_ON: &str = "the index has changed since the page before: something may come twice or be missing";

impl Cursor {
    /// Where the cursor of a call says that an answer goes on; the beginning for none. `question` is
    /// the [`fingerprint`] of the call's arguments.
    pub fn read(question: u32, cursor: Option<&str>) -> Result<Self, Refusal> {
        let Some(text) = cursor.map(str::trim).filter(|text| !text.is_empty()) else {
            return Ok(Self { question, ..Self::default() });
        };
        let refused = |why: &str| {
            let text = clean(&clip(text, 60));
            Refusal(format!("cursor {text} {why}; give next_cursor of the answer before, with the same arguments"))
        };
        let cursor = parse(text).ok_or_else(|| refused("is none of this server"))?;
        if cursor.question != question {
            return Err(refused("belongs to another question"));
        }
        Ok(cursor)
    }

    /// Whether the page before came from another edition than this one.
    pub fn has_moved_on(&self, edition: u64) -> bool {
        self.at != [0, 0] && self.edition != short(edition)
    }

    /// For the answer, to go on behind `at`.
    pub fn next(&self, edition: u64, at: [usize; 2]) -> String {
        format!("{:08x}{:08x}-{:x}-{:x}", self.question, short(edition), at[0], at[1])
    }
}

fn parse(text: &str) -> Option<Cursor> {
    let mut parts = text.split('-');
    let (head, first, second) = (parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    if head.len() != 16 || parts.next().is_some() || ![head, first, second].into_iter().all(is_hex) {
        return None;
    }
    let number = |part: &str| u32::from_str_radix(part, 16).ok();
    let at = [number(first)? as usize, number(second)? as usize];
    Some(Cursor { question: number(&head[..8])?, edition: number(&head[8..])?, at })
}

#[expect(clippy::cast_possible_truncation, reason = "the halves are folded together first")]
fn short(edition: u64) -> u32 {
    (edition ^ (edition >> 32)) as u32
}

/// A number for all that decides what the answer is (FNV-1a), whatever the order of the arguments.
pub fn fingerprint(given: &JsonObject) -> u32 {
    let mut parts: Vec<String> = given
        .iter()
        .filter(|(name, value)| !FREE.contains(&name.as_str()) && !value.is_null())
        .map(|(name, value)| format!("{name}={value}\n"))
        .collect();
    parts.sort_unstable();
    let bytes = parts.iter().flat_map(|part| part.bytes());
    bytes.fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(given: Value) -> Result<Cursor, String> {
        let Value::Object(given) = given else { panic!("an object") };
        let cursor = given.get("cursor").and_then(Value::as_str);
        Cursor::read(fingerprint(&given), cursor).map_err(|refusal| refusal.0)
    }

    #[test]
    fn a_cursor_goes_on_with_its_own_question_alone() {
        let first = of(json!({ "query": "a", "path": null })).expect("a beginning");
        assert_eq!(first.at, [0, 0]);
        assert!(!first.has_moved_on(7));
        let next = first.next(7, [10, 3]);
        let read = of(json!({ "limit": 3, "cursor": next, "query": "a" })).expect("the same question");
        assert_eq!(read.at, [10, 3]);
        assert!(!read.has_moved_on(7) && read.has_moved_on(8));
        let refused = of(json!({ "query": "b", "cursor": next })).expect_err("another question");
        assert!(refused.contains("another question") && refused.contains("next_cursor"), "{refused}");
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for text in [
            "x",
            "-",
            "0123456789abcdef",
            "0123456789abcdef-1",
            "0123456789abcdef-1-2-3",
            "é-1-1",
            "+123456789abcdef-+1-1",
        ] {
            assert!(of(json!({ "cursor": text })).is_err(), "{text}");
        }
    }
}
