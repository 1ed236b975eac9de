//! Replaces tasks of Gradle in its old notation, `task name(type: Exec) { … }`, by functions,
//! `def  name(          ) { … }`, which the grammar can parse.

/// Returns the text with functions in place of tasks; `None` if there is nothing to replace. No position changes.
pub(in crate::parse::syntax) fn replace_task_heads(text: &str) -> Option<Vec<u8>> {
    let mut replaced: Option<Vec<u8>> = None;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let at = start + line.len() - line.trim_start().len();
        start += line.len();
        let Some(head) = line.trim().strip_prefix("task ").and_then(|head| head.strip_suffix('{')) else { continue };
        let Some((name, arguments)) = head.trim_end().split_once('(') else { continue };
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let Some(arguments) = arguments.strip_suffix(')').filter(|_| is_name) else { continue };
        let out = replaced.get_or_insert_with(|| text.as_bytes().to_vec());
        out[at..at + 4].copy_from_slice(b"def ");
        let first = at + "task ".len() + name.len() + 1;
        out[first..first + arguments.len()].fill(b' ');
    }
    replaced
}
