//! Inserts and removes a hook: an element of the array at `hooks.EVENT`.

use jsonc_parser::ast::{Array, ObjectProp, Value};
use serde_json::Value as Plain;

use super::container::Container;
use super::cut::cut_member;
use super::parse::{find_object, find_property, parse_jsonc, to_plain};
use super::style::JsonStyle;
use super::values::{check_equal_rest, insert_value, strip_value};
use crate::client::HookSettings;
use crate::entry::FieldValue;
use crate::error::EditError;
use crate::formats::splice::apply_splices;

/// The key of the object of hooks.
const HOOKS: &str = "hooks";

/// The end of the command of a hook of codescry.
const HOOK_COMMAND: &str = " hook";

/// Returns the command of the hook of codescry, if there is one.
pub(crate) fn find_json_hook(text: &str, event: &str) -> Result<Option<String>, EditError> {
    let root = parse_jsonc(text)?;
    let hooks = find_hooks(text, root.as_ref(), event)?.map(|array| array.elements.iter().map(to_plain));
    Ok(hooks.into_iter().flatten().find_map(|hook| our_command(&hook)))
}

/// Returns `text` with a hook that runs `command` after the tools that `settings` name. An existing hook of codescry is
/// kept.
///
/// # Errors
/// When `text` cannot be parsed or edited in its formatting, or holds something else where the hook belongs.
pub(crate) fn insert_json_hook(text: &str, settings: &HookSettings, command: &str) -> Result<String, EditError> {
    let HookSettings { event, matcher, timeout, .. } = *settings;
    let root = parse_jsonc(text)?;
    let style = JsonStyle::detect(text);
    let hook = |style: &JsonStyle| {
        let fields = [
            ("type", FieldValue::Text("command".to_owned())),
            ("command", FieldValue::Text(command.to_owned())),
            ("timeout", FieldValue::Number(timeout)),
        ];
        let hooks = style.format_array(&style.format_fields(&fields));
        style.format_object(&[("matcher", style.format_value(&FieldValue::Text(matcher.to_owned()))), (HOOKS, hooks)])
    };
    let edited = match find_hooks(text, root.as_ref(), event)? {
        Some(array) if array.elements.iter().any(|hook| is_ours(&to_plain(hook))) => text.to_owned(),
        Some(array) => apply_splices(text, style.insert_member(text, &Container::of_array(array), &hook)),
        None => insert_value(text, root.as_ref(), &style, &[HOOKS, event], &|style| style.format_array(&hook(style)))?,
    };
    check_hook_edit(text, edited, event)
}

/// Returns `text` without the hooks of codescry.
///
/// # Errors
/// The errors of [`insert_json_hook`].
pub(crate) fn remove_json_hook(text: &str, event: &str) -> Result<String, EditError> {
    let root = parse_jsonc(text)?;
    let Some(array) = find_hooks(text, root.as_ref(), event)? else { return Ok(text.to_owned()) };
    let Some(at) = array.elements.iter().position(|hook| is_ours(&to_plain(hook))) else { return Ok(text.to_owned()) };
    let edited = apply_splices(text, cut_member(text, &Container::of_array(array), at));
    remove_json_hook(&check_hook_edit(text, edited, event)?, event)
}

/// Returns the array of hooks of an event, if there is one.
///
/// # Errors
/// When the root or `hooks` is not an object, the event's value is not an array, or a key occurs twice.
fn find_hooks<'v, 't>(
    text: &str,
    root: Option<&'v Value<'t>>,
    event: &str,
) -> Result<Option<&'v Array<'t>>, EditError> {
    let Some(hooks) = find_object(text, root, &[HOOKS])? else { return Ok(None) };
    match find_property(text, hooks, event)? {
        None => Ok(None),
        Some(ObjectProp { value: Value::Array(array), .. }) => Ok(Some(array)),
        Some(other) => Err(EditError::at(text, other.range.start, format!("{event:?} is not an array"))),
    }
}

/// Returns the command by which a hook runs codescry; `None` if it does not.
fn our_command(hook: &Plain) -> Option<String> {
    let mut commands = hook[HOOKS].as_array()?.iter().filter_map(|command| command["command"].as_str());
    let is_ours = |command: &&str| {
        command
            .strip_suffix(HOOK_COMMAND)
            .is_some_and(|program| program.trim_end_matches(['"', '\'']).trim_end_matches(".exe").ends_with("codescry"))
    };
    commands.find(is_ours).map(str::to_owned)
}

/// Returns whether a hook runs codescry.
fn is_ours(hook: &Plain) -> bool {
    our_command(hook).is_some()
}

/// Returns `edited` if its values differ from those of `text` only in hooks of codescry; otherwise an error.
fn check_hook_edit(text: &str, edited: String, event: &str) -> Result<String, EditError> {
    check_equal_rest(text, edited, |root| {
        strip_value(root, &[HOOKS, event], &|hooks| {
            if let Some(hooks) = hooks.as_array_mut() {
                hooks.retain(|hook| !is_ours(hook));
            }
        });
    })
}
