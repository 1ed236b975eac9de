//! What a tool call is made of: its arguments read, its work done aside, its answer or refusal.
//!
//! A [`Refusal`] is an answer with `isError` that tells the model what to do differently.
//! Must never import: anything of this crate but `engine` errors.

use std::sync::LazyLock;
use std::thread;

use rmcp::model::{CallToolResult, ContentBlock, JsonObject};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::engine::EngineError;

/// Longest message of a refusal, in characters; what is above is cut.
const MAX_MESSAGE_CHARS: usize = 1_000;

/// Why a call was not answered, and what to do instead; in words for the model.
#[derive(Debug)]
pub struct Refusal(pub String);

impl Refusal {
    /// As the answer to a call.
    pub fn into_result(self) -> CallToolResult {
        CallToolResult::error(vec![ContentBlock::text(clip(&self.0, MAX_MESSAGE_CHARS))])
    }
}

impl From<EngineError> for Refusal {
    fn from(error: EngineError) -> Self {
        Self(clean(&error.to_string()))
    }
}

/// Both forms of an answer, saying the same.
pub struct Answer<T> {
    /// For the model to read.
    pub text: String,
    /// For programs.
    pub structured: T,
}

impl<T: Serialize> Answer<T> {
    /// As the answer to a call.
    pub fn into_result(self) -> Result<CallToolResult, Refusal> {
        let structured = serde_json::to_value(&self.structured)
            .map_err(|error| Refusal(format!("the answer cannot be written: {error}; please report this")))?;
        let mut result = CallToolResult::success(vec![ContentBlock::text(self.text)]);
        result.structured_content = Some(structured);
        Ok(result)
    }
}

/// Reads the arguments of a call; a refusal names the argument that is wrong, and all there are.
pub fn arguments<T: DeserializeOwned>(given: JsonObject, known: &JsonObject) -> Result<T, Refusal> {
    serde_json::from_value(Value::Object(given.clone())).map_err(|error| {
        let message = error.to_string();
        // Alone, the wrong argument fails with the same message; a missing one would come last.
        let wrong = given.into_iter().find(|(name, value)| {
            let alone = JsonObject::from_iter([(name.clone(), value.clone())]);
            let error = serde_json::from_value::<T>(Value::Object(alone)).err();
            error.is_some_and(|error| error.to_string() == message)
        });
        let place = match wrong {
            Some((name, _)) if !message.starts_with("missing field") => {
                format!("argument `{}`: ", clean(&name))
            }
            _ => String::new(),
        };
        Refusal(format!("{place}{}; the arguments are: {}", clip(&clean(&message), 400), names(known)))
    })
}

/// The names of the arguments in a schema: `query (required), limit`.
fn names(schema: &JsonObject) -> String {
    let required = schema.get("required").and_then(Value::as_array);
    let required = |name: &String| required.is_some_and(|all| all.iter().any(|one| one == name));
    let properties = schema.get("properties").and_then(Value::as_object);
    let names = properties.into_iter().flat_map(JsonObject::keys);
    let names: Vec<_> =
        names.map(|name| if required(name) { format!("{name} (required)") } else { name.clone() }).collect();
    names.join(", ")
}

/// `given` or `default`, refused outside of `range`.
pub fn within(
    name: &str,
    given: Option<u32>,
    default: u32,
    range: std::ops::RangeInclusive<u32>,
) -> Result<usize, Refusal> {
    let number = given.unwrap_or(default);
    if !range.contains(&number) {
        let (from, to) = range.into_inner();
        return Err(Refusal(format!("{name} is {number}; give a number from {from} to {to}")));
    }
    Ok(number as usize)
}

/// One for each core, in the order of asking: more at once would only slow each other down.
static TURNS: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(thread::available_parallelism().map_or(2, |cores| cores.get().max(2))));

/// Does `work` on a thread where it may block, when it is its turn. A panic becomes a refusal.
pub async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    // There is no end of turns: nobody closes them.
    let turn = TURNS.acquire().await.ok();
    let working = tokio::task::spawn_blocking(move || {
        // Whoever asked may have gone away meanwhile; the work is the work.
        let _turn = turn;
        work()
    });
    working.await.map_err(|error| crashed(&error))
}

/// What to say when a task of a call panicked.
pub fn crashed(error: &tokio::task::JoinError) -> Refusal {
    tracing::error!("a tool call failed: {error}");
    Refusal("this call failed inside codescry, the server goes on; try another way, and please report this".to_owned())
}

/// Whether a character steers the display instead of showing: controls and bidirectional marks.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// `text` on one line without control and bidirectional characters.
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if c == '\n' || c == '\t' { ' ' } else { c }).filter(|c| !steers(*c)).collect()
}

/// The first `chars` characters of `text`, with `…` where it was cut.
pub fn clip(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{schema, wire};
    use super::*;

    fn read(arguments_json: &str) -> Result<wire::SearchArguments, String> {
        let given = serde_json::from_str(arguments_json).expect("it is an object");
        arguments(given, &schema::of_input::<wire::SearchArguments>()).map_err(|refusal| refusal.0)
    }

    #[test]
    fn arguments_are_read_leniently() {
        let read = read(r#"{"query": "a", "limit": "7", "max_tokens": 900.0, "path": null, "language": "rust, go"}"#);
        let read = read.expect("all of it is right");
        assert_eq!((read.limit, read.max_tokens, read.path), (Some(7), Some(900), None));
        assert_eq!(read.language.expect("given").into_vec(), ["rust", "go"]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (given, wanted) in [
            (r#"{"query": "a", "limit": {}}"#, "argument `limit`: expected a whole number"),
            (r#"{"query": "a", "limit": -1}"#, "argument `limit`: expected a whole number"),
            (r#"{"query": 7}"#, "argument `query`: invalid type"),
            (r#"{"limit": 7}"#, "missing field `query`"),
            (r#"{"query": "a", "languages": "rust"}"#, "unknown field `languages`"),
            (r#"{"query": "a", "language": 7}"#, "argument `language`: expected a name or a list of names"),
            (r#"{"query": "a", "mode": "fuzzy"}"#, "argument `mode`: unknown variant `fuzzy`"),
        ] {
            let message = read(given).expect_err("it is wrong");
            assert!(message.contains(wanted) && message.contains("query (required), "), "{given}: {message}");
        }
    }

    #[test]
    fn names_cannot_steer_the_display() {
        assert_eq!(clean("a\u{202e}b\u{1b}[31m\r\nc\u{2066}\u{200b}é漢"), "ab[31m cé漢");
    }
}
