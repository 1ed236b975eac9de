//! The table of tools.

use std::borrow::Cow;
use std::sync::Arc;

use answer::AnswerForm;
use mcp_schema::argument::{MAX_TOKENS, ROOT};
use mcp_schema::schema::build_input_schema;
use rmcp::model::{JsonObject, MetaObject, Tool, ToolAnnotations};
use serde_json::json;

use super::entry::{ToolEntry, ToolListing};
use super::{find_references, find_similar, find_symbol, index_project, index_status, outline, read_code, search_code};

/// Every tool, in the order in which they are listed.
pub const TOOLS: [ToolEntry; 8] = [
    search_code::TOOL,
    find_symbol::TOOL,
    find_references::TOOL,
    read_code::TOOL,
    outline::TOOL,
    find_similar::TOOL,
    index_project::TOOL,
    index_status::TOOL,
];

/// Length of an answer, in characters, up to which a client should show it rather than write it to a file. An answer of
/// the largest budget usually has fewer characters.
const MAX_RESULT_CHARS: u32 = 100_000;

/// Whether the schemas of the tools have the argument `root`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RootArgument {
    /// At most one root is served, and none can be added.
    Absent,
    /// Several are served, or more may be served later.
    Optional,
}

/// Returns the tool with this name; `None` if there is none. Some clients send the name of the server in front of it,
/// as in `mcp__codescry__search_code`.
pub fn find_tool(name: &str) -> Option<ToolEntry> {
    let is_prefix = |prefix: &str| prefix.contains("codescry") && !prefix.ends_with(char::is_alphanumeric);
    let is_named = |tool: &ToolEntry| tool.name == name || name.strip_suffix(tool.name).is_some_and(is_prefix);
    TOOLS.into_iter().find(is_named)
}

/// Returns the definition of every listed tool.
pub fn describe_tools(root: RootArgument, form: AnswerForm) -> Vec<Tool> {
    let listed = TOOLS.into_iter().filter(|tool| tool.listing != ToolListing::Never);
    listed.map(|tool| describe_tool(&tool, root, form)).collect()
}

/// Returns the definition of a tool; only clients that receive structured content get the schema of its answer.
pub fn describe_tool(tool: &ToolEntry, root: RootArgument, form: AnswerForm) -> Tool {
    let hints = ToolAnnotations::new().read_only(tool.is_read_only).open_world(false);
    // The other hints concern tools that change something.
    let hints = if tool.is_read_only { hints } else { hints.destructive(false).idempotent(true) };
    let described = Tool::new(Cow::Borrowed(tool.name), tool.description, input_schema(tool, root))
        .with_title(tool.title)
        .with_annotations(hints)
        .with_meta(client_hints(tool));
    match form {
        AnswerForm::Text => described,
        AnswerForm::TextAndData => described.with_raw_output_schema(Arc::new((tool.output_schema)())),
    }
}

/// Returns the hints that some clients read: how to find the tool, and how to show its answers.
fn client_hints(tool: &ToolEntry) -> MetaObject {
    let mut hints = JsonObject::new();
    if tool.listing == ToolListing::Always {
        hints.insert("anthropic/alwaysLoad".to_owned(), json!(true));
    }
    hints.insert("anthropic/searchHint".to_owned(), json!(tool.search_hint));
    if tool.arguments.optional.iter().any(|argument| argument.name == MAX_TOKENS.name) {
        hints.insert("anthropic/maxResultSizeChars".to_owned(), json!(MAX_RESULT_CHARS));
    }
    MetaObject(hints)
}

/// Returns the schema of the tool's arguments, including `root` if calls may name it.
fn input_schema(tool: &ToolEntry, root: RootArgument) -> JsonObject {
    let mut optional = tool.arguments.optional.to_vec();
    match root {
        RootArgument::Absent => {}
        RootArgument::Optional => optional.push(&ROOT),
    }
    build_input_schema(tool.arguments.required, &optional)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_tools_is_short() {
        for root in [RootArgument::Absent, RootArgument::Optional] {
            let listed = serde_json::to_string(&json!({ "tools": describe_tools(root, AnswerForm::Text) }));
            let listed = listed.expect("JSON");
            let tokens = text::tokens::count_tokens(&listed);
            assert!(listed.len() <= 8_000 && tokens <= 2_000, "{} bytes, {tokens} tokens: {listed}", listed.len());
        }
    }

    #[test]
    fn every_listed_argument_has_a_simple_schema() {
        for tool in describe_tools(RootArgument::Optional, AnswerForm::Text) {
            assert!(tool.output_schema.is_none());
            let properties = tool.input_schema["properties"].as_object().expect("an object");
            for (name, schema) in properties {
                let keys: Vec<_> = schema.as_object().expect("an object").keys().collect();
                let is_simple = keys.iter().all(|key| ["type", "enum", "description"].contains(&key.as_str()));
                let has_plain_type = schema["type"].as_str().is_some_and(|type_name| type_name != "array");
                assert!(is_simple && has_plain_type, "{} {name}: {schema}", tool.name);
            }
            assert_eq!(tool.input_schema.get("additionalProperties"), None, "unknown arguments are ignored");
        }
    }
}
