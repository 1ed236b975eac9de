//! Files, spans and definitions as resources: `codescry://ROOT/src/a.rs#L10-L20`.
//!
//! Invariants: the list is of indexed files alone, a page at a time; what is read goes through the same
//! guard as `read_code`. Must never import: anything of this crate but `engine`.

use std::sync::Arc;

use rmcp::ErrorData;
use rmcp::model::{
    ListResourceTemplatesResult, ListResourcesResult, ReadResourceResult, Resource, ResourceContents, ResourceTemplate,
};

use super::answer::{Refusal, aside, clean, clip};
use super::roots::{Root, Roots, encode};
use super::wire::parse_lines;
use crate::engine::{CodeRead, EngineError, IndexedFile, ReadRequest};

const SCHEME: &str = "codescry://";

/// Files in a part of the list.
const PAGE: usize = 200;

/// Longest text of a resource, in bytes; of a longer one, lines are to be asked for.
const MAX_TEXT_BYTES: usize = 256 * 1024;

/// A part of the list of all indexed files.
pub async fn list(roots: &Roots, cursor: Option<&str>) -> Result<ListResourcesResult, ErrorData> {
    let names = roots.short_names();
    let (mut at, mut offset) = match cursor {
        None => (0, 0),
        Some(cursor) => position(cursor, names.len()).ok_or_else(|| {
            let cursor = clip(&clean(cursor), 60);
            ErrorData::invalid_params(format!("cursor {cursor} is none of this server; list from the beginning"), None)
        })?,
    };
    let mut resources = Vec::new();
    let mut next = None;
    while let Some(root) = roots.0.get(at) {
        let engine = Arc::clone(&root.engine);
        let room = PAGE - resources.len();
        let page = match aside(move || engine.indexed_files(offset, room)).await.map_err(internal)? {
            Ok(page) => page,
            // What is not indexed yet has nothing to list.
            Err(EngineError::NotIndexed { .. } | EngineError::Outdated { .. }) => Default::default(),
            Err(error) => return Err(internal(Refusal::from(error))),
        };
        resources.extend(page.files.iter().map(|file| resource(&names[at], file)));
        offset += page.files.len();
        if offset < page.total {
            next = Some(format!("{at:x}-{offset:x}"));
            break;
        }
        (at, offset) = (at + 1, 0);
        if resources.len() >= PAGE && at < names.len() {
            next = Some(format!("{at:x}-0"));
            break;
        }
    }
    let mut listed = ListResourcesResult::with_all_items(resources);
    listed.next_cursor = next;
    Ok(listed)
}

fn position(cursor: &str, roots: usize) -> Option<(usize, usize)> {
    let (root, offset) = cursor.split_once('-')?;
    let number = |part: &str| u32::from_str_radix(part, 16).ok().map(|number| number as usize);
    Some((number(root)?, number(offset)?)).filter(|(root, _)| *root < roots)
}

fn resource(root: &str, file: &IndexedFile) -> Resource {
    let path = file.path.as_str();
    Resource::new(uri(root, path), clean(path)).with_mime_type(mime(file.language.0)).with_size(file.size_bytes)
}

/// How to address a part of a file.
pub fn templates(roots: &Roots) -> ListResourceTemplatesResult {
    let of_root = |name: String| {
        let lines = ResourceTemplate::new(format!("{SCHEME}{name}/{{+path}}#L{{first}}-L{{last}}"), "lines")
            .with_title("Lines of a file")
            .with_description("A span of a file inside the root, from disk as it is now");
        let symbol = ResourceTemplate::new(format!("{SCHEME}{name}/{{+path}}#{{symbol}}"), "definition")
            .with_title("A definition in a file")
            .with_description("A function, type or other definition, whole, like src/config.rs#Config.load");
        [lines, symbol]
    };
    ListResourceTemplatesResult::with_all_items(roots.short_names().into_iter().flat_map(of_root).collect())
}

/// The text of a resource.
pub async fn read(roots: &Roots, uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let missing = |why: &str| {
        let uri = clip(&clean(uri), 300);
        ErrorData::resource_not_found(format!("{uri}: {why}"), None)
    };
    let names = roots.short_names();
    let (name, request) = parse(uri).ok_or_else(|| missing("it is no codescry://ROOT/PATH"))?;
    let at = names.iter().position(|known| *known == encode(&name));
    let Some(root) = at.and_then(|at| roots.0.get(at)) else {
        return Err(missing(&format!("there is no such root; there are: {}", names.join(", "))));
    };
    let request = inside(roots, root, request).map_err(|refusal| missing(&refusal.0))?;
    let engine = Arc::clone(&root.engine);
    let read = aside(move || engine.read_code(&request)).await.map_err(internal)?;
    let CodeRead { text, language, span, .. } = read.map_err(|error| missing(&Refusal::from(error).0))?;
    if text.len() > MAX_TEXT_BYTES {
        let (bytes, first) = (text.len(), span.start_line);
        return Err(missing(&format!("it has {bytes} bytes; ask for lines of it, like #L{first}-L{}", first + 999)));
    }
    let contents = ResourceContents::text(text, uri).with_mime_type(mime(language.0));
    Ok(ReadResourceResult::new(vec![contents]))
}

fn inside(roots: &Roots, root: &Root, request: ReadRequest) -> Result<ReadRequest, Refusal> {
    let path = request.path.as_deref().unwrap_or_default();
    let path =
        roots.relative(root, path)?.ok_or_else(|| Refusal("it is the root; give a file inside of it".to_owned()))?;
    Ok(ReadRequest { path: Some(path), ..request })
}

/// The name of a root, and what to read in it. A path in an address is never absolute.
fn parse(uri: &str) -> Option<(String, ReadRequest)> {
    let rest = uri.strip_prefix(SCHEME)?;
    let (rest, fragment) = rest.split_once('#').map_or((rest, None), |(rest, fragment)| (rest, Some(fragment)));
    let (name, path) = rest.split_once('/')?;
    let path = decode(path)?;
    if path.is_empty() || path.starts_with(['/', '\\']) || path.contains('\0') {
        return None;
    }
    let fragment = fragment.map(decode);
    let fragment = match fragment {
        Some(None) => return None,
        Some(Some(text)) => Some(text).filter(|text| !text.is_empty()),
        None => None,
    };
    let is_lines =
        |text: &&str| text.strip_prefix('L').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let lines = fragment.as_deref().filter(is_lines).and_then(parse_lines);
    let symbol = if lines.is_some() { None } else { fragment };
    Some((decode(name)?, ReadRequest { path: Some(path), lines, symbol, context_lines: 0 }))
}

fn uri(root: &str, path: &str) -> String {
    let path: Vec<String> = path.split('/').map(encode).collect();
    format!("{SCHEME}{root}/{}", path.join("/"))
}

/// `None` for what is no encoding of UTF-8.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok().filter(|digits| !digits.starts_with('+'))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).ok()
}

fn mime(language: &str) -> String {
    match language {
        "text" => "text/plain".to_owned(),
        "markdown" | "html" | "css" | "javascript" => format!("text/{language}"),
        other => format!("text/x-{other}"),
    }
}

/// What is no fault of the client.
pub fn internal(refusal: Refusal) -> ErrorData {
    ErrorData::internal_error(refusal.0, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_back_to_where_they_are_from() {
        for path in ["src/a.rs", "with space/ü#%?.rs", "a%2Fb.rs", "漢/字"] {
            let (root, request) = parse(&uri(&encode("my repo"), path)).expect("an address");
            assert_eq!((root.as_str(), request.path.as_deref()), ("my repo", Some(path)));
            assert_eq!((request.lines, request.symbol), (None, None));
        }
        let read = |uri: &str| parse(uri).map(|(_, request)| (request.lines, request.symbol));
        assert_eq!(read("codescry://r/a.rs#L10-L20"), Some((Some((10, 20)), None)));
        assert_eq!(read("codescry://r/a.rs#L7"), Some((Some((7, 7)), None)));
        assert_eq!(read("codescry://r/a.rs#List.open"), Some((None, Some("List.open".to_owned()))));
    }

    #[test]
    fn what_is_no_address_of_ours_is_none() {
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
            assert_eq!(parse(uri), None, "{uri}");
        }
    }
}
