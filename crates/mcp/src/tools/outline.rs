//! The tool `outline`: lists the definitions of a file, or the files of a folder with their definitions.

mod file;
mod folder;

use std::sync::Arc;

use rmcp::model::JsonObject;

use super::entry::ToolEntry;
use crate::call::arguments::{check_max_tokens, check_range};
use crate::call::blocking::run_blocking;
use crate::call::context::CallContext;
use crate::call::cursor::parse_paged_arguments;
use crate::call::result::{ToolResult, to_tool_result};
use crate::roots::served::ServedRoots;
use crate::wire::outline::{OutlineArguments, OutlineOutput};
use crate::wire::schema::{generate_input_schema, generate_output_schema};

/// The tool.
pub const TOOL: ToolEntry = ToolEntry {
    name: "outline",
    title: "Outline a file or a folder",
    description: "List the definitions of a file with lines and signatures, parsed from disk, or the files of \
        a folder with the names they define: path \".\" is a map of the project, \"src/auth\" of a part. Use it to find your way \
        in unknown code, and before reading a large file (\"src/server.rs\"), to read only the lines you need. Unlike ls and grep \
        it shows which definitions a file has; methods are listed below their class.",
    input_schema: generate_input_schema::<OutlineArguments>,
    output_schema: generate_output_schema::<OutlineOutput>,
    is_read_only: true,
    needs_root: true,
    call: |roots, given, context| Box::pin(call_outline(roots, given, context)),
};

/// Allowed depth of a folder's outline, in folders.
const DEPTH_RANGE: std::ops::RangeInclusive<u32> = 1..=50;

/// Answers a call of `outline`.
async fn call_outline(roots: &ServedRoots, given: JsonObject, context: &CallContext) -> ToolResult {
    let (given, cursor) =
        parse_paged_arguments(given, TOOL.input_schema, |given: &OutlineArguments| given.cursor.as_deref())?;
    let root = roots.select_root(given.root.as_deref(), Some(&given.path))?;
    let max_tokens = check_max_tokens(given.max_tokens)?;
    let depth = given.depth.map(|depth| check_range("depth", Some(depth), depth, DEPTH_RANGE)).transpose()?;
    let path = roots.relative_path(root, given.path.trim())?;
    let engine = Arc::clone(&root.engine);
    let Some(file) = path.clone() else {
        return folder::answer_folder_outline(root, context, None, depth, cursor, max_tokens).await;
    };
    let outlined = run_blocking(move || match engine.is_folder(&file)? {
        true => Ok(None),
        false => engine.outline(&file).map(Some),
    });
    match outlined.await?? {
        Some(outline) => {
            to_tool_result(run_blocking(move || file::render_outline(&outline, &cursor, max_tokens)).await??)
        }
        None => folder::answer_folder_outline(root, context, path, depth, cursor, max_tokens).await,
    }
}
