//! MCP resources: files, lines and definitions, such as `codescry://ROOT/src/a.rs#L10-L20`.
//!
//! The list is short, because some clients read every listed resource when they start: a few files in the top folders
//! of the first roots, such as the README. The templates lead to all files. Reading a resource applies the same path
//! checks as `read_code`.

use std::sync::Arc;

use engine::{CodeExcerpt, EngineError, IndexedFile, QueryCalls as _, ReadRequest};
use platform::cancel::CancelToken;
use rmcp::ErrorData;
use rmcp::model::{
    ListResourceTemplatesResult, ListResourcesResult, ReadResourceResult, Resource, ResourceContents, ResourceTemplate,
};

use text::display::{escape_code, escape_name, sanitize_to_length};
use text::encoding::percent::{percent_decode, percent_encode};

use crate::call::blocking::run_blocking;
use crate::call::result::ToolError;
use crate::call::values::parse_line_range;
use crate::roots::served::{ServedRoot, ServedRoots};

const SCHEME: &str = "codescry://";

/// Maximum number of files listed for each root.
const MAX_LISTED: usize = 10;

/// Maximum number of roots whose files are listed.
const MAX_LISTED_ROOTS: usize = 4;

/// Maximum length of a resource's text, in bytes; a longer one can only be read in parts, by lines.
const MAX_TEXT_BYTES: usize = 256 * 1024;

/// Lists some of the indexed files in the top folders of the first roots.
///
/// # Errors
/// When an index cannot be read.
pub async fn list_resources(roots: &ServedRoots) -> Result<ListResourcesResult, ErrorData> {
    let mut resources = Vec::new();
    for (name, root) in roots.short_names().iter().zip(&roots.list).take(MAX_LISTED_ROOTS) {
        let engine = Arc::clone(&root.engine);
        match run_blocking(move || engine.top_files(MAX_LISTED)).await.map_err(to_internal_error)? {
            Ok(files) => resources.extend(files.iter().map(|file| to_resource(name, file))),
            // A root without an index has no files to list.
            Err(EngineError::NotIndexed { .. } | EngineError::Outdated { .. }) => {}
            Err(error) => return Err(to_internal_error(ToolError::from(error))),
        }
    }
    Ok(ListResourcesResult::with_all_items(resources))
}

fn to_resource(root: &str, file: &IndexedFile) -> Resource {
    let path = file.path.as_str();
    let resource = Resource::new(format_uri(root, path), escape_name(path)).with_mime_type(mime_type(file.language.0));
    match file.size_bytes {
        Some(size_bytes) => resource.with_size(size_bytes),
        None => resource,
    }
}

/// Returns the URI templates of lines and definitions, for each root.
pub fn list_templates(roots: &ServedRoots) -> ListResourceTemplatesResult {
    let of_root = |name: String| {
        let lines = ResourceTemplate::new(format!("{SCHEME}{name}/{{+path}}#L{{first}}-L{{last}}"), "lines")
            .with_title("Lines of a file")
            .with_description("A range of lines of a file inside the root, read from disk");
        let symbol = ResourceTemplate::new(format!("{SCHEME}{name}/{{+path}}#{{symbol}}"), "definition")
            .with_title("A definition in a file")
            .with_description("A whole function, type or other definition, such as src/config.rs#Config.load");
        [lines, symbol]
    };
    ListResourceTemplatesResult::with_all_items(roots.short_names().into_iter().flat_map(of_root).collect())
}

/// Reads the text of a resource from disk. Cancelling `cancel` ends the read early.
///
/// # Errors
/// When the URI is invalid, names no root, or leads out of its root, its file or definition cannot be read, its text is
/// too long, or the read is cancelled.
pub async fn read_resource(
    roots: &ServedRoots,
    uri: &str,
    cancel: &CancelToken,
) -> Result<ReadResourceResult, ErrorData> {
    let missing = |why: &str| {
        let uri = sanitize_to_length(uri, 300);
        ErrorData::resource_not_found(format!("{uri}: {why}"), None)
    };
    let names = roots.short_names();
    let (name, request) = parse_uri(uri).ok_or_else(|| missing("not a URI of the form codescry://ROOT/PATH"))?;
    let at = names.iter().position(|known| *known == percent_encode(&name));
    let Some(root) = at.and_then(|at| roots.list.get(at)) else {
        return Err(missing(&format!("no such root; the roots are: {}", names.join(", "))));
    };
    let request = resolve_path(roots, root, request).map_err(|error| missing(&error.0))?;
    let (engine, cancel) = (Arc::clone(&root.engine), cancel.clone());
    let read = run_blocking(move || engine.read_code(&request, &cancel)).await.map_err(to_internal_error)?;
    let CodeExcerpt { text, language, span, .. } = read.map_err(|error| missing(&ToolError::from(error).0))?;
    if text.len() > MAX_TEXT_BYTES {
        let (bytes, first) = (text.len(), span.start_line);
        return Err(missing(&format!(
            "it has {bytes} bytes, too many for one resource; request lines, like #L{first}-L{}",
            first + 999
        )));
    }
    let contents = ResourceContents::text(escape_code(&text), uri).with_mime_type(mime_type(language.0));
    Ok(ReadResourceResult::new(vec![contents]))
}

/// Replaces the path of the request by the path inside the root.
fn resolve_path(roots: &ServedRoots, root: &ServedRoot, request: ReadRequest) -> Result<ReadRequest, ToolError> {
    let path = request.path.as_deref().unwrap_or_default();
    let path =
        roots.path_in_root(root, path)?.ok_or_else(|| ToolError("it is the root; give a file inside it".to_owned()))?;
    Ok(ReadRequest { path: Some(path), ..request })
}

/// Parses a URI into the name of its root and the request to read; `None` for an invalid URI or an absolute path.
fn parse_uri(uri: &str) -> Option<(String, ReadRequest)> {
    let rest = uri.strip_prefix(SCHEME)?;
    let (rest, fragment) = rest.split_once('#').map_or((rest, None), |(rest, fragment)| (rest, Some(fragment)));
    let (name, path) = rest.split_once('/')?;
    let path = percent_decode(path)?;
    if path.is_empty() || path.starts_with(['/', '\\']) || path.contains('\0') {
        return None;
    }
    let fragment = fragment.map(percent_decode);
    let fragment = match fragment {
        Some(None) => return None,
        Some(Some(text)) => Some(text).filter(|text| !text.is_empty()),
        None => None,
    };
    let is_lines =
        |text: &&str| text.strip_prefix('L').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let lines = fragment.as_deref().filter(is_lines).and_then(parse_line_range);
    let symbol = if lines.is_some() { None } else { fragment };
    Some((percent_decode(name)?, ReadRequest { path: Some(path), lines, symbol, context_lines: 0 }))
}

fn format_uri(root: &str, path: &str) -> String {
    let path: Vec<String> = path.split('/').map(percent_encode).collect();
    format!("{SCHEME}{root}/{}", path.join("/"))
}

/// Returns the MIME type of a language.
fn mime_type(language: &str) -> String {
    match language {
        "text" => "text/plain".to_owned(),
        "markdown" | "html" | "css" | "javascript" => format!("text/{language}"),
        other => format!("text/x-{other}"),
    }
}

/// Converts an error that the client did not cause to an internal error of JSON-RPC.
pub fn to_internal_error(error: ToolError) -> ErrorData {
    ErrorData::internal_error(error.0, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_parse_back_to_their_parts() {
        for path in ["src/a.rs", "with space/ü#%?.rs", "a%2Fb.rs", "漢/字"] {
            let (root, request) = parse_uri(&format_uri(&percent_encode("my repo"), path)).expect("a URI");
            assert_eq!((root.as_str(), request.path.as_deref()), ("my repo", Some(path)));
            assert_eq!((request.lines, request.symbol), (None, None));
        }
        let read = |uri: &str| parse_uri(uri).map(|(_, request)| (request.lines, request.symbol));
        assert_eq!(read("codescry://r/a.rs#L10-L20"), Some((Some((10, 20)), None)));
        assert_eq!(read("codescry://r/a.rs#L7"), Some((Some((7, 7)), None)));
        assert_eq!(read("codescry://r/a.rs#List.open"), Some((None, Some("List.open".to_owned()))));
    }

    #[test]
    fn invalid_uris_are_rejected() {
        for uri in [
            "file:///etc/passwd",
            "codescry://r",
            "codescry://r/",
            "codescry://r//etc/passwd",
            "codescry://r/%2Fetc/passwd",
            "codescry://r/%",
            "codescry://r/%+1",
            "codescry://r/%ff",
            "codescry://r/a%00b",
            "",
        ] {
            assert_eq!(parse_uri(uri), None, "{uri}");
        }
    }
}
