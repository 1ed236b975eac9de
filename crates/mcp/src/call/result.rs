//! The result of a tool call: an answer or an error that the model can read.

use answer::{AnswerError, AnswerForm, RenderedAnswer};
use engine::EngineError;
use rmcp::model::{CallToolResult, ContentBlock};
use serde::Serialize;
use serde_json::Value;
use text::display::{sanitize_line, truncate_chars};

/// Maximum length of an error message, in characters; longer ones are truncated.
const MAX_MESSAGE_CHARS: usize = 1_000;

/// The outcome of a tool call.
pub type ToolResult = Result<CallToolResult, ToolError>;

/// An error result of a tool call: a message for the model with the reason and the remedy.
#[derive(Debug)]
pub struct ToolError(pub String);

impl ToolError {
    /// Returns the result of the call, marked with `isError`.
    pub fn into_result(self) -> CallToolResult {
        CallToolResult::error(vec![ContentBlock::text(truncate_chars(&self.0, MAX_MESSAGE_CHARS))])
    }
}

impl From<EngineError> for ToolError {
    fn from(error: EngineError) -> Self {
        Self(sanitize_line(&error.to_string()))
    }
}

impl From<AnswerError> for ToolError {
    fn from(error: AnswerError) -> Self {
        Self(sanitize_line(&error.to_string()))
    }
}

/// Returns the result of a call: the answer as text and, if `form` has it, as structured data.
///
/// # Errors
/// When the structured data cannot be serialized.
pub fn to_tool_result<T: Serialize>(answer: RenderedAnswer<T>, form: AnswerForm) -> ToolResult {
    let mut result = CallToolResult::success(vec![ContentBlock::text(answer.text)]);
    if form == AnswerForm::TextAndData {
        result.structured_content = Some(serde_json::to_value(&answer.structured).map_err(AnswerError::from)?);
    }
    Ok(result)
}

/// Appends notes to the text of a result, each on its own line, and to the note of its structured content.
pub fn append_notes(result: &mut CallToolResult, notes: &[String]) {
    if let Some(Value::Object(structured)) = &mut result.structured_content
        && !notes.is_empty()
    {
        let own = structured.get("note").and_then(Value::as_str).map(str::to_owned);
        let all: Vec<_> = own.into_iter().chain(notes.iter().cloned()).collect();
        structured.insert("note".to_owned(), Value::String(all.join("; ")));
    }
    let text = result.content.first_mut().and_then(|block| match block {
        ContentBlock::Text(text) => Some(&mut text.text),
        _ => None,
    });
    if let Some(text) = text {
        notes.iter().for_each(|note| text.push_str(&format!("\nnote: {note}")));
    }
}
