//! The parts that all tool calls share: parsing arguments, running blocking work, and building the result.

use std::sync::LazyLock;
use std::thread;

use rmcp::model::{CallToolResult, ContentBlock, JsonObject};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Semaphore;

use engine::EngineError;

/// Longest error message, in characters; longer ones are truncated.
const MAX_MESSAGE_CHARS: usize = 1_000;

/// An error result of a tool call: a message for the model with the reason and the remedy.
#[derive(Debug)]
pub struct ToolError(pub String);

impl ToolError {
    /// Returns the result of the call, marked with `isError`.
    pub fn into_result(self) -> CallToolResult {
        CallToolResult::error(vec![ContentBlock::text(truncate_chars(&self.0, MAX_MESSAGE_CHARS))])
    }
}

impl From<EngineError> for ToolError {
    fn from(error: EngineError) -> Self {
        Self(sanitize_line(&error.to_string()))
    }
}

/// An answer as text and as structured data, with the same contents.
pub struct ToolAnswer<T> {
    /// Text for the model.
    pub text: String,
    /// Data for programs.
    pub structured: T,
}

impl<T: Serialize> ToolAnswer<T> {
    /// Returns the result of the call.
    ///
    /// # Errors
    /// When the structured data cannot be serialized.
    pub fn into_result(self) -> Result<CallToolResult, ToolError> {
        let structured = serde_json::to_value(&self.structured)
            .map_err(|error| ToolError(format!("the answer cannot be serialized: {error}; please report this")))?;
        let mut result = CallToolResult::success(vec![ContentBlock::text(self.text)]);
        result.structured_content = Some(structured);
        Ok(result)
    }
}

/// Parses the arguments of a call.
///
/// # Errors
/// When an argument is missing, unknown or invalid; the message names it and lists the arguments in `known`,
/// the tool's input schema.
pub fn parse_arguments<T: DeserializeOwned>(given: JsonObject, known: &JsonObject) -> Result<T, ToolError> {
    serde_json::from_value(Value::Object(given.clone())).map_err(|error| {
        let message = error.to_string();
        // Finds the invalid argument: on its own, it fails with the same message.
        let invalid = given.into_iter().find(|(name, value)| {
            let alone = JsonObject::from_iter([(name.clone(), value.clone())]);
            let error = serde_json::from_value::<T>(Value::Object(alone)).err();
            error.is_some_and(|error| error.to_string() == message)
        });
        let prefix = match invalid {
            Some((name, _)) if !message.starts_with("missing field") => {
                format!("argument `{}`: ", sanitize_line(&name))
            }
            _ => String::new(),
        };
        ToolError(format!(
            "{prefix}{}; the arguments are: {}",
            truncate_chars(&sanitize_line(&message), 400),
            list_argument_names(known)
        ))
    })
}

/// Lists the arguments of an input schema, such as `query (required), limit`.
fn list_argument_names(schema: &JsonObject) -> String {
    let required = schema.get("required").and_then(Value::as_array);
    let required = |name: &String| required.is_some_and(|all| all.iter().any(|one| one == name));
    let properties = schema.get("properties").and_then(Value::as_object);
    let names = properties.into_iter().flat_map(JsonObject::keys);
    let names: Vec<_> =
        names.map(|name| if required(name) { format!("{name} (required)") } else { name.clone() }).collect();
    names.join(", ")
}

/// Returns `given`, or `default` when it is absent.
///
/// # Errors
/// When the number is outside `range`; the message begins with `name`.
pub fn check_range(
    name: &str,
    given: Option<u32>,
    default: u32,
    range: std::ops::RangeInclusive<u32>,
) -> Result<usize, ToolError> {
    let number = given.unwrap_or(default);
    if !range.contains(&number) {
        let (from, to) = range.into_inner();
        return Err(ToolError(format!("{name} is {number}; give a number from {from} to {to}")));
    }
    Ok(number as usize)
}

/// Permits for blocking work, one per core, granted in order of request: more threads would only slow each other down.
static BLOCKING_PERMITS: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(thread::available_parallelism().map_or(2, |cores| cores.get().max(2))));

/// Runs `work` on a blocking thread, after waiting for one of the permits, one per core.
///
/// # Errors
/// When `work` panics.
pub async fn run_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ToolError> {
    // Acquiring fails only for a closed semaphore, and this one is never closed.
    let permit = BLOCKING_PERMITS.acquire().await.ok();
    let task = tokio::task::spawn_blocking(move || {
        // The permit is held until the work ends, even when the call has been cancelled by then.
        let _permit = permit;
        work()
    });
    task.await.map_err(|error| report_panic(&error))
}

/// Logs the panic of a call's task, and returns the error for the model.
pub fn report_panic(error: &tokio::task::JoinError) -> ToolError {
    tracing::error!("a tool call failed: {error}");
    ToolError(
        "this call failed inside codescry, but the server keeps running; try a different call, and please report this"
            .to_owned(),
    )
}

/// Returns whether a character is invisible and affects the display: control, zero-width and bidirectional characters.
fn is_display_control(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Returns `text` as a single line, without control, zero-width and bidirectional characters.
pub fn sanitize_line(text: &str) -> String {
    text.chars().map(|c| if c == '\n' || c == '\t' { ' ' } else { c }).filter(|c| !is_display_control(*c)).collect()
}

/// Returns the first `max_chars` characters of `text`, followed by `…` when more were cut off.
pub fn truncate_chars(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{schema, wire};
    use super::*;

    fn read(arguments_json: &str) -> Result<wire::SearchCodeArguments, String> {
        let given = serde_json::from_str(arguments_json).expect("it is an object");
        parse_arguments(given, &schema::input_schema::<wire::SearchCodeArguments>()).map_err(|error| error.0)
    }

    #[test]
    fn arguments_are_read_leniently() {
        let read = read(r#"{"query": "a", "limit": "7", "max_tokens": 900.0, "path": null, "language": "rust, go"}"#);
        let read = read.expect("all of it is right");
        assert_eq!((read.limit, read.max_tokens, read.path), (Some(7), Some(900), None));
        assert_eq!(read.language.expect("given").into_vec(), ["rust", "go"]);
    }

    #[test]
    fn errors_name_the_invalid_argument() {
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
    fn sanitizing_removes_display_controls() {
        assert_eq!(sanitize_line("a\u{202e}b\u{1b}[31m\r\nc\u{2066}\u{200b}é漢"), "ab[31m cé漢");
    }
}
