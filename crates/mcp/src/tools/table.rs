//! The table of tools.

use std::borrow::Cow;
use std::sync::Arc;

use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::json;

use super::entry::ToolEntry;
use super::{find_references, find_similar, find_symbol, index_project, index_status, outline, read_code, search_code};
use crate::roots::served::{ServedRoot, ServedRoots};

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

/// Returns the tool with this name.
pub fn find_tool(name: &str) -> Option<ToolEntry> {
    TOOLS.into_iter().find(|tool| tool.name == name)
}

/// Returns the definition of every tool, with its schemas adapted to these roots.
pub fn describe_tools(roots: &ServedRoots) -> Vec<Tool> {
    let describe = |tool: ToolEntry| {
        let hints = ToolAnnotations::with_title(tool.title)
            .read_only(tool.is_read_only)
            .destructive(false)
            .idempotent(true)
            .open_world(false);
        Tool::new(Cow::Borrowed(tool.name), tool.description, adapt_schema_to_roots(&tool, roots))
            .with_title(tool.title)
            .with_raw_output_schema(Arc::new((tool.output_schema)()))
            .with_annotations(hints)
    };
    TOOLS.into_iter().map(describe).collect()
}

/// Returns the input schema without `root` when one root is served, otherwise with the choices for `root`, required by
/// the tools that need one.
fn adapt_schema_to_roots(tool: &ToolEntry, roots: &ServedRoots) -> JsonObject {
    let mut schema = (tool.input_schema)();
    let Some(properties) = schema.get_mut("properties").and_then(|properties| properties.as_object_mut()) else {
        return schema;
    };
    if let [_] = roots.0.as_slice() {
        properties.remove("root");
        return schema;
    }
    // Short names and full paths are accepted; some clients reject any value that is not listed.
    let names: Vec<_> = roots.short_names().into_iter().chain(roots.0.iter().map(ServedRoot::name)).collect();
    if let Some(root) = properties.get_mut("root").and_then(|root| root.as_object_mut()) {
        root.insert("enum".to_owned(), json!(names));
    }
    if tool.needs_root
        && let Some(required) = schema.entry("required").or_insert_with(|| json!([])).as_array_mut()
    {
        required.push(json!("root"));
    }
    schema
}
