//! An entry of the table of tools.

use futures::future::BoxFuture;
use rmcp::model::JsonObject;

use crate::call::arguments::{GivenArguments, KnownArguments};
use crate::call::context::CallContext;
use crate::call::result::ToolResult;
use crate::roots::served::ServedRoots;

/// A tool: its definition, and the function that answers its calls.
pub struct ToolEntry {
    pub name: &'static str,
    pub title: &'static str,
    /// Text for the model that describes the tool and its uses.
    pub description: &'static str,
    /// Words by which a client that loads tools on demand finds the tool.
    pub search_hint: &'static str,
    pub arguments: KnownArguments,
    /// Generates the schema of the answer.
    pub output_schema: fn() -> JsonObject,
    pub is_read_only: bool,
    pub listing: ToolListing,
    pub call: CallFunction,
}

/// The way in which clients learn about a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolListing {
    /// Listed, and loaded from the start by clients that load tools on demand.
    Always,
    /// Listed; clients that load tools on demand load it only when they need it.
    OnDemand,
    /// Not listed; only for clients that know its name.
    Never,
}

/// A function that answers a call, given the roots, the arguments and the context of the call.
pub type CallFunction = for<'c> fn(&'c ServedRoots, GivenArguments, &'c CallContext) -> BoxFuture<'c, ToolResult>;
