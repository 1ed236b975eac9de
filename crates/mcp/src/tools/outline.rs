//! The tool `outline`: lists the definitions of a file, or the files of a folder with their definitions.

mod file;
mod folder;

use mcp_schema::argument::{CURSOR, DEPTH, FILE_OR_FOLDER, MAX_TOKENS, ROOT};
use mcp_schema::outline::OutlineOutput;
use mcp_schema::schema::generate_output_schema;

use super::entry::{ToolEntry, ToolListing};
use crate::call::arguments::{GivenArguments, KnownArguments};
use crate::call::blocking::run_blocking;
use crate::call::context::CallContext;
use crate::call::cursor::PageCursor;
use crate::call::result::{ToolResult, to_tool_result};
use crate::roots::served::ServedRoots;

/// The `outline` tool.
pub const TOOL: ToolEntry = ToolEntry {
    name: "outline",
    title: "Outline a file or a folder",
    description: "List the definitions of a file with lines and signatures, or the files of a folder with the names \
        they define. Call it before you read a large file, and with path . for a map of the project.",
    search_hint: "structure of a file, map of the project",
    arguments: KnownArguments {
        required: &[&FILE_OR_FOLDER],
        optional: &[&DEPTH, &MAX_TOKENS, &CURSOR],
        unlisted: &[&ROOT],
    },
    output_schema: generate_output_schema::<OutlineOutput>,
    is_read_only: true,
    listing: ToolListing::OnDemand,
    call: |roots, given, context| Box::pin(call_outline(roots, given, context)),
};

/// Default token limit of an answer.
const DEFAULT_TOKENS: u32 = 1_200;

/// Allowed depth of a folder's outline, in folder levels.
const DEPTH_RANGE: std::ops::RangeInclusive<u32> = 1..=50;

/// Answers a call of `outline`.
async fn call_outline(roots: &ServedRoots, given: GivenArguments, context: &CallContext) -> ToolResult {
    let cursor = PageCursor::of_call(&given)?;
    let path = given.required_text(&FILE_OR_FOLDER).trim();
    let target = roots.select_target(given.text(&ROOT))?;
    let budget = given.token_budget(DEFAULT_TOKENS, context);
    let depth = given.number(&DEPTH).map(|depth| given.number_within(&DEPTH, depth, DEPTH_RANGE)).transpose()?;
    let path = roots.relative_path(target, path)?;
    let engine = target.calls();
    let Some(file) = path.clone() else {
        let page = folder::FolderPage { path: None, depth, cursor, budget };
        return folder::answer_folder_outline(roots, target, context, page).await;
    };
    let outlined = run_blocking(move || match engine.is_folder(&file)? {
        true => Ok(None),
        false => engine.outline(&file).map(Some),
    });
    match outlined.await?? {
        Some(outline) => {
            let render = move || file::render_outline(&outline, &cursor, budget);
            to_tool_result(run_blocking(render).await??, budget.form)
        }
        None => {
            let page = folder::FolderPage { path, depth, cursor, budget };
            folder::answer_folder_outline(roots, target, context, page).await
        }
    }
}
