//! Parses and checks the arguments of a call.

use std::cell::RefCell;
use std::ops::RangeInclusive;

use rmcp::model::JsonObject;
use serde::de::DeserializeOwned;
use serde::de::value::MapDeserializer;
use serde_json::Value;
use text::display::{sanitize_line, sanitize_to_length};

use super::result::ToolError;

/// Default number of hits on a page.
const DEFAULT_HITS: u32 = 10;
const HITS_RANGE: RangeInclusive<u32> = 1..=50;

/// Default token limit of an answer.
const DEFAULT_MAX_TOKENS: u32 = 8_000;
const MAX_TOKENS_RANGE: RangeInclusive<u32> = 500..=20_000;

/// Maximum length of a name in a query, in bytes.
const MAX_NAME_BYTES: usize = 500;

/// Maximum length of a message about an invalid argument, in characters.
const MAX_REASON_CHARS: usize = 400;

/// Parses the arguments of a call.
///
/// # Errors
/// When an argument is missing, unknown or invalid; the message names it and lists the arguments in the tool's input
/// schema.
pub fn parse_arguments<T: DeserializeOwned>(
    given: JsonObject,
    input_schema: fn() -> JsonObject,
) -> Result<T, ToolError> {
    // The argument that is being read; `None` before the first one and after the last one.
    let current = RefCell::new(None);
    let mut rest = given.into_iter();
    let entries = std::iter::from_fn(|| {
        let next = rest.next();
        current.replace(next.as_ref().map(|(name, _)| name.clone()));
        next
    });
    T::deserialize(MapDeserializer::new(entries)).map_err(|error: serde_json::Error| {
        let reason = sanitize_to_length(&error.to_string(), MAX_REASON_CHARS);
        let argument = current.take().map(|name| format!("argument `{}`: ", sanitize_line(&name)));
        let known = list_argument_names(&input_schema());
        ToolError(format!("{}{reason}; the arguments are: {known}", argument.unwrap_or_default()))
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
    range: RangeInclusive<u32>,
) -> Result<usize, ToolError> {
    let number = given.unwrap_or(default);
    if !range.contains(&number) {
        let (from, to) = range.into_inner();
        return Err(ToolError(format!("{name} is {number}; give a number from {from} to {to}")));
    }
    Ok(number as usize)
}

/// Returns the number of hits on a page of `search_code` and `find_similar`.
///
/// # Errors
/// When the number is outside the allowed range.
pub fn check_hit_limit(given: Option<u32>) -> Result<usize, ToolError> {
    check_range("limit", given, DEFAULT_HITS, HITS_RANGE)
}

/// Returns the token limit of an answer.
///
/// # Errors
/// When the number is outside the allowed range.
pub fn check_max_tokens(given: Option<u32>) -> Result<usize, ToolError> {
    check_range("max_tokens", given, DEFAULT_MAX_TOKENS, MAX_TOKENS_RANGE)
}

/// Returns the name unchanged.
///
/// # Errors
/// When it has more than [`MAX_NAME_BYTES`] bytes.
pub fn check_name(name: String) -> Result<String, ToolError> {
    if name.len() > MAX_NAME_BYTES {
        let bytes = name.len();
        return Err(ToolError(format!(
            "name has {bytes} bytes, more than {MAX_NAME_BYTES}; give a shorter name, or use search_code"
        )));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::schema::generate_input_schema;
    use crate::wire::search::SearchCodeArguments;

    fn read(arguments_json: &str) -> Result<SearchCodeArguments, String> {
        let given = serde_json::from_str(arguments_json).expect("it is an object");
        parse_arguments(given, generate_input_schema::<SearchCodeArguments>).map_err(|error| error.0)
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
            (r#"{"query": "a", "languages": "rust"}"#, "argument `languages`: unknown field `languages`"),
            (r#"{"query": "a", "language": 7}"#, "argument `language`: expected a name or a list of names"),
            (r#"{"query": "a", "mode": "fuzzy"}"#, "argument `mode`: unknown variant `fuzzy`"),
            // The text of a value does not decide which argument is named.
            (r#"{"query": "a", "mode": "missing field"}"#, "argument `mode`: unknown variant `missing field`"),
        ] {
            let message = read(given).expect_err("it is wrong");
            assert!(message.starts_with(wanted) && message.contains("query (required), "), "{given}: {message}");
        }
    }
}
