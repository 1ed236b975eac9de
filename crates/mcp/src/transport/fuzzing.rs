//! The readers of untrusted messages, for the fuzz targets in `fuzz/`. Compiled with `--cfg fuzzing` only.

use rmcp::model::JsonObject;
use serde_json::Value;

use crate::call::cursor::PageCursor;
use crate::tools::table::TOOLS;
use crate::transport::json_lines::{parse_json, parse_message, repair_message};

/// Reads a line as a message, as the arguments of each tool, and as a cursor.
pub fn read_message(line: &[u8]) {
    _ = parse_message(line);
    if let Some(repaired) = repair_message(line) {
        assert!(repair_message(&repaired).is_none_or(|again| again == repaired), "a repaired message stays as it is");
    }
    let arguments = match parse_json(line) {
        Ok(Value::Object(object)) => object,
        _ => JsonObject::new(),
    };
    for tool in TOOLS {
        if let Ok(given) = tool.arguments.parse(arguments.clone()) {
            _ = PageCursor::of_call(&given).and_then(|cursor| cursor.hits_before());
            _ = given.hit_limit();
        }
    }
    _ = PageCursor::parse(0, std::str::from_utf8(line).ok());
}
