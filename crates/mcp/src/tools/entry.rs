//! An entry of the table of tools.

use futures::future::BoxFuture;
use rmcp::model::JsonObject;

use crate::call::context::CallContext;
use crate::call::result::ToolResult;
use crate::roots::served::ServedRoots;

/// A tool: its definition, and the function that answers its calls.
pub struct ToolEntry {
    pub name: &'static str,
    pub title: &'static str,
    /// Text that describes to the model the tool and its uses.
    pub description: &'static str,
    /// Generates the schema of the arguments.
    pub input_schema: fn() -> JsonObject,
    /// Generates the schema of the answer.
    pub output_schema: fn() -> JsonObject,
    pub is_read_only: bool,
    /// Whether a call must name its root when several are served.
    pub needs_root: bool,
    pub call: CallFunction,
}

/// A function that answers a call, given the roots, the arguments and the context of the call.
pub type CallFunction = for<'c> fn(&'c ServedRoots, JsonObject, &'c CallContext) -> BoxFuture<'c, ToolResult>;
