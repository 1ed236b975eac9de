//! Parses and checks the arguments of a call.
//!
//! Models and clients spell arguments in many ways: numbers as text, lists as JSON in a text, names in other cases, and
//! further arguments of the client's own. Unambiguous spellings are accepted. An argument that is not known is ignored,
//! with a note if its name is close to a known one; a value that cannot be interpreted is an error that names the
//! argument.

use std::ops::RangeInclusive;

use answer::{Detail, TokenBudget};
use mcp_schema::argument::{Argument, DETAIL, HIT_LIMIT, MAX_TOKENS};
use platform::file_format::checksum64;
use rmcp::model::JsonObject;
use serde_json::Value;
use text::display::sanitize_to_length;
use text::edit_distance::count_edits_within;
use text::name_key::{is_same_name, name_key};

use super::context::CallContext;
use super::result::ToolError;
use super::values::{ArgumentValue, is_filter_word, parse_value};

/// Default number of hits on a page.
const DEFAULT_HITS: u32 = 10;
const HITS_RANGE: RangeInclusive<u32> = 1..=50;

/// Allowed token limits of an answer.
const MAX_TOKENS_RANGE: RangeInclusive<u32> = 500..=20_000;

/// Arguments that may differ between the pages of one answer.
const UNBOUND_ARGUMENTS: [&str; 4] = ["cursor", "detail", "limit", "max_tokens"];

/// Maximum length of the name of a kind in a message, in characters.
const MAX_KIND_CHARS: usize = 60;

/// Maximum length of a name that a call looks up, in bytes.
const MAX_NAME_BYTES: usize = 500;

/// Maximum length of an argument's name in a message, in characters.
const MAX_SHOWN_CHARS: usize = 60;

/// Maximum length of a known name for which one edit, rather than two, counts as close.
const SHORT_NAME_CHARS: usize = 5;

/// The arguments that a tool knows.
#[derive(Clone, Copy)]
pub struct KnownArguments {
    pub required: &'static [&'static Argument],
    pub optional: &'static [&'static Argument],
    /// Optional arguments that no schema lists.
    pub unlisted: &'static [&'static Argument],
}

/// The arguments of a call, by their known names.
#[derive(Debug, Default)]
pub struct GivenArguments {
    values: Vec<(&'static str, ArgumentValue)>,
    /// Notes about arguments that were ignored.
    pub notes: Vec<String>,
}

impl KnownArguments {
    fn all(&self) -> impl Iterator<Item = &'static Argument> {
        self.required.iter().chain(self.optional).chain(self.unlisted).copied()
    }

    /// Lists the names of the listed arguments, such as `query (required), limit`.
    fn list_names(&self) -> String {
        let required = self.required.iter().map(|argument| format!("{} (required)", argument.name));
        let optional = self.optional.iter().map(|argument| argument.name.to_owned());
        required.chain(optional).collect::<Vec<_>>().join(", ")
    }

    /// Parses the arguments of a call.
    ///
    /// # Errors
    /// When a required argument is missing or a value cannot be interpreted; the message names the argument and lists
    /// the known ones.
    pub fn parse(&self, given: JsonObject) -> Result<GivenArguments, ToolError> {
        let mut parsed = GivenArguments::default();
        let known = self.list_names();
        // An argument under its own name wins over one under an alias.
        let (mut named, mut others) = (Vec::new(), Vec::new());
        for (name, value) in given {
            match self.find(&name) {
                Some((argument, true)) => named.push((argument, value)),
                Some((argument, false)) => others.push((argument, value)),
                None => parsed.notes.extend(self.note_unknown(&name)),
            }
        }
        for (argument, value) in named.into_iter().chain(others) {
            if parsed.get(argument).is_some() {
                continue;
            }
            let value = parse_value(argument.kind, value).map_err(|expected| {
                ToolError(format!("argument `{}`: expected {expected}; the arguments are: {known}", argument.name))
            })?;
            parsed.values.extend(value.map(|value| (argument.name, value)));
        }
        if let Some(missing) = self.required.iter().find(|argument| parsed.get(argument).is_none()) {
            let notes: String = parsed.notes.iter().map(|note| format!("{note}; ")).collect();
            return Err(ToolError(format!(
                "argument `{}` is missing; {notes}the arguments are: {known}",
                missing.name
            )));
        }
        Ok(parsed)
    }

    /// Returns the argument with this name or alias, ignoring case and separators, and whether it is the name rather
    /// than an alias; `None` if there is none.
    fn find(&self, name: &str) -> Option<(&'static Argument, bool)> {
        let own = self.all().find(|argument| is_same_name(argument.name, name)).map(|argument| (argument, true));
        let is_alias = |argument: &&Argument| argument.aliases.iter().any(|alias| is_same_name(alias, name));
        own.or_else(|| self.all().find(is_alias).map(|argument| (argument, false)))
    }

    /// Returns a note if the name is close to a known one.
    fn note_unknown(&self, name: &str) -> Option<String> {
        let key: String = name_key(name).collect();
        let is_close = |argument: &&Argument| {
            let known: String = name_key(argument.name).collect();
            let max_edits = if known.len() <= SHORT_NAME_CHARS { 1 } else { 2 };
            known.len() > 3
                && (count_edits_within(&key, &known, max_edits).is_some()
                    || key.strip_prefix(known.as_str()).or_else(|| key.strip_suffix(known.as_str())).is_some())
        };
        let close = self.all().find(is_close)?;
        let name = sanitize_to_length(name, MAX_SHOWN_CHARS);
        Some(format!("argument `{name}` is not known and was ignored: did you mean `{}`?", close.name))
    }
}

impl GivenArguments {
    fn get(&self, argument: &Argument) -> Option<&ArgumentValue> {
        self.values.iter().find(|(name, _)| *name == argument.name).map(|(_, value)| value)
    }

    /// Returns the value of a text or a path; `None` if it is absent or blank.
    pub fn text(&self, argument: &Argument) -> Option<&str> {
        match self.get(argument)? {
            ArgumentValue::Text(text) => Some(text.as_str()).filter(|text| !text.trim().is_empty()),
            _ => None,
        }
    }

    /// Returns the value of a required text, which may be blank.
    pub fn required_text(&self, argument: &Argument) -> &str {
        match self.get(argument) {
            Some(ArgumentValue::Text(text)) => text,
            _ => "",
        }
    }

    /// Returns the names or paths of a list; empty if it is absent.
    pub fn list(&self, argument: &Argument) -> Vec<String> {
        match self.get(argument) {
            Some(ArgumentValue::List(names)) => names.clone(),
            _ => Vec::new(),
        }
    }

    /// Returns the value of a number; `None` if it is absent.
    pub fn number(&self, argument: &Argument) -> Option<u32> {
        match self.get(argument)? {
            ArgumentValue::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Returns the value of a flag, which is false if it is absent.
    pub fn flag(&self, argument: &Argument) -> bool {
        matches!(self.get(argument), Some(ArgumentValue::Flag(true)))
    }

    /// Returns ranges of lines, each as its first and its last line; empty if they are absent.
    pub fn lines(&self, argument: &Argument) -> Vec<(u32, u32)> {
        match self.get(argument) {
            Some(ArgumentValue::Lines(ranges)) => ranges.clone(),
            _ => Vec::new(),
        }
    }

    /// Returns a number, or `default` when it is absent.
    ///
    /// # Errors
    /// When the number is outside `range`; the message names the argument.
    pub fn number_within(
        &self,
        argument: &Argument,
        default: u32,
        range: RangeInclusive<u32>,
    ) -> Result<usize, ToolError> {
        let number = self.number(argument).unwrap_or(default);
        if !range.contains(&number) {
            let (from, to) = range.into_inner();
            return Err(ToolError(format!("{} is {number}; give a number from {from} to {to}", argument.name)));
        }
        Ok(number as usize)
    }

    /// Returns the number of hits on a page of `search_code` and `find_similar`.
    ///
    /// # Errors
    /// When the number is outside the allowed range.
    pub fn hit_limit(&self) -> Result<usize, ToolError> {
        self.number_within(&HIT_LIMIT, DEFAULT_HITS, HITS_RANGE)
    }

    /// Returns the level of detail of the hits; the default if the call gives none.
    pub fn detail(&self) -> Detail {
        self.text(&DETAIL).and_then(Detail::parse_detail).unwrap_or_default()
    }

    /// Returns the budget of the answer, of `default` tokens unless the call gives another number, which is brought
    /// into the allowed range.
    pub fn token_budget(&self, default: u32, context: &CallContext) -> TokenBudget {
        let (least, most) = MAX_TOKENS_RANGE.into_inner();
        let max_tokens = self.number(&MAX_TOKENS).map_or(default, |given| given.clamp(least, most)) as usize;
        TokenBudget { max_tokens, form: context.form }
    }

    /// Returns a hash of the arguments that determine the answer, regardless of their order and spelling.
    pub fn fingerprint(&self) -> u64 {
        let bound = self.values.iter().filter(|(name, _)| !UNBOUND_ARGUMENTS.contains(name));
        let mut parts: Vec<String> = bound.map(|(name, value)| format!("{name}={value:?}\n")).collect();
        parts.sort_unstable();
        checksum64(parts.concat().as_bytes())
    }
}

/// Returns the name unchanged.
///
/// # Errors
/// When the name has more than [`MAX_NAME_BYTES`] bytes.
pub fn check_name(name: &str) -> Result<String, ToolError> {
    if name.len() > MAX_NAME_BYTES {
        let bytes = name.len();
        return Err(ToolError(format!(
            "name has {bytes} bytes, more than {MAX_NAME_BYTES}; give a shorter name, or use search_code"
        )));
    }
    Ok(name.to_owned())
}

/// Returns the checked names of an argument, each with the filters among them: `load, save -test` are two names without
/// their tests.
///
/// # Errors
/// As [`check_name`].
pub fn checked_names(given: &GivenArguments, argument: &Argument) -> Result<Vec<String>, ToolError> {
    let listed = given.list(argument);
    if listed.len() < 2 {
        return listed.iter().map(|name| check_name(name)).collect();
    }
    let (filters, names): (Vec<Vec<&str>>, Vec<Vec<&str>>) = listed
        .iter()
        .map(|name| name.split_whitespace().partition::<Vec<&str>, _>(|word| is_filter_word(word)))
        .unzip();
    // Filters alone are a name that the search refuses.
    let has_name = names.iter().any(|words| !words.is_empty());
    let names = names.iter().filter(|words| !has_name || !words.is_empty());
    names.map(|words| check_name(&[words.as_slice(), &filters.concat()].concat().join(" "))).collect()
}

/// Parses the values of the argument `kind`, each by `parse`, which describes an unknown one.
///
/// # Errors
/// That description, for an unknown kind.
pub fn parse_kinds<K>(names: &[String], parse: impl Fn(&str) -> Result<K, String>) -> Result<Vec<K>, ToolError> {
    let kinds: Result<_, String> = names.iter().map(|name| parse(&sanitize_to_length(name, MAX_KIND_CHARS))).collect();
    kinds.map_err(|message| ToolError(format!("argument `kind`: {message}")))
}

/// Returns the trimmed text of an argument before the arguments are parsed, for the choice of the root. Looks for the
/// argument's name, not for its aliases. `None` if it is absent, blank or not a text.
pub fn raw_text<'g>(given: &'g JsonObject, argument: &Argument) -> Option<&'g str> {
    let found = given.iter().find(|(name, _)| is_same_name(name, argument.name));
    found.and_then(|(_, value)| value.as_str()).map(str::trim).filter(|text| !text.is_empty())
}

/// Converts a JSON value to an object of arguments: an empty list, a blank text and null stand for none, another text
/// for the JSON in it. Returns `None` for other values.
pub fn to_argument_object(value: Value) -> Option<JsonObject> {
    match value {
        Value::Object(object) => Some(object),
        Value::Null => Some(JsonObject::new()),
        Value::Array(list) if list.is_empty() => Some(JsonObject::new()),
        Value::String(text) if text.trim().is_empty() => Some(JsonObject::new()),
        Value::String(text) => serde_json::from_str(&text).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use mcp_schema::argument::{CONTENT, CURSOR, INCLUDE_DEFINITION, LANGUAGE, LINES, QUERY};

    const KNOWN: KnownArguments = KnownArguments {
        required: &[&QUERY],
        optional: &[&HIT_LIMIT, &LANGUAGE, &MAX_TOKENS, &CONTENT, &LINES, &CURSOR],
        unlisted: &[&INCLUDE_DEFINITION],
    };

    fn parse(given: Value) -> Result<GivenArguments, String> {
        KNOWN.parse(to_argument_object(given).expect("an object")).map_err(|error| error.0)
    }

    #[test]
    fn values_and_names_are_understood_in_many_spellings() {
        for (given, limit, languages) in [
            (json!({ "query": "a", "limit": 7, "language": "rust, go" }), 7, vec!["rust", "go"]),
            (json!({ "query": "a", "limit": "7", "language": "[\"rust\", \"go\"]" }), 7, vec!["rust", "go"]),
            (json!({ "Query": "a", "LIMIT": 7.0, "Language": ["rust", "go"] }), 7, vec!["rust", "go"]),
            (json!({ "q": "a", "top_k": "7.0", "lang": "rust,,go," }), 7, vec!["rust", "go"]),
            (json!({ "query": "a", "max-results": " 7 ", "languages": "'rust'" }), 7, vec!["rust"]),
            (json!("{\"query\": \"a\", \"limit\": 7, \"language\": null}"), 7, vec![]),
        ] {
            let parsed = parse(given.clone()).unwrap_or_else(|error| panic!("{given}: {error}"));
            assert_eq!(parsed.text(&QUERY), Some("a"), "{given}");
            assert_eq!(parsed.number(&HIT_LIMIT), Some(limit), "{given}");
            assert_eq!(parsed.list(&LANGUAGE), languages, "{given}");
            assert!(parsed.notes.is_empty(), "{given}: {:?}", parsed.notes);
        }
        let parsed = parse(json!({ "query": 7, "maxTokens": "900", "Content": " Docs", "includeDeclaration": "True" }));
        let parsed = parsed.expect("all of it has a meaning");
        assert_eq!((parsed.text(&QUERY), parsed.number(&MAX_TOKENS)), (Some("7"), Some(900)));
        assert_eq!((parsed.text(&CONTENT), parsed.flag(&INCLUDE_DEFINITION)), (Some("docs"), true));
        for lines in [json!("10-40"), json!("L10-L40"), json!([10, 40]), json!("[10, 40]"), json!("10:40")] {
            let parsed = parse(json!({ "query": "a", "lines": lines })).expect("lines");
            assert_eq!(parsed.lines(&LINES), [(10, 40)], "{lines}");
        }
        for lines in
            [json!("10-40, 60"), json!("L10-L40\nL60"), json!([[10, 40], 60, [60, 60]]), json!(["10-40", "60"])]
        {
            let parsed = parse(json!({ "query": "a", "lines": lines })).expect("several ranges");
            assert_eq!(parsed.lines(&LINES)[..2], [(10, 40), (60, 60)], "{lines}");
        }
    }

    #[test]
    fn unknown_arguments_are_ignored_and_close_ones_noted() {
        let given = json!({ "query": "a", "sessionId": "x", "explanation": {}, "toolCallId": 7, "random_string": "" });
        assert_eq!(parse(given).expect("they are ignored").notes, Vec::<String>::new());
        for (name, meant) in [("limitt", "limit"), ("max_tokes", "max_tokens"), ("searchQuery", "query")] {
            let notes = parse(json!({ "query": "a", name: 1 })).expect("it is ignored").notes;
            let wanted = format!("argument `{name}` is not known and was ignored: did you mean `{meant}`?");
            assert_eq!(notes, [wanted]);
        }
        let missing = parse(json!({ "qeury": "a" })).expect_err("the query is missing");
        assert!(missing.starts_with("argument `query` is missing; argument `qeury` is not known"), "{missing}");
    }

    #[test]
    fn values_without_a_meaning_are_errors_that_name_the_argument() {
        for (given, wanted) in [
            (json!({ "query": "a", "limit": {} }), "argument `limit`: expected a whole number"),
            (json!({ "query": "a", "limit": -1 }), "argument `limit`: expected a whole number"),
            (json!({ "query": "a", "limit": "many" }), "argument `limit`: expected a whole number"),
            (json!({ "query": ["a", "b"] }), "argument `query`: expected a text"),
            (json!({}), "argument `query` is missing"),
            (json!([]), "argument `query` is missing"),
            (json!({ "query": null }), "argument `query` is missing"),
            (json!({ "query": "a", "language": { "x": 1 } }), "argument `language`: expected names"),
            (
                json!({ "query": "a", "content": "music" }),
                "argument `content`: expected one of code, docs, config, all",
            ),
            (json!({ "query": "a", "lines": "9-" }), "argument `lines`: expected lines"),
            (json!({ "query": "a", "lines": [0, 3] }), "argument `lines`: expected lines"),
            (json!({ "query": "a", "include_definition": "perhaps" }), "expected true or false"),
        ] {
            let message = parse(given.clone()).expect_err("it has no meaning");
            assert!(message.contains(wanted) && message.contains("query (required), "), "{given}: {message}");
        }
        assert_eq!(to_argument_object(json!(7)), None);
        assert_eq!(to_argument_object(json!(null)), Some(JsonObject::new()));
    }

    #[test]
    fn the_fingerprint_ignores_spelling_order_pages_and_unknown_arguments() {
        let hash = |given: Value| parse(given).expect("valid").fingerprint();
        let base = hash(json!({ "query": "a", "language": ["go", "c"] }));
        assert_eq!(base, hash(json!({ "lang": "go,c", "Query": "a", "limit": 3, "cursor": "x", "sessionId": 9 })));
        assert_ne!(base, hash(json!({ "query": "b", "language": ["go", "c"] })));
    }
}
