//! Recognizes manifests of Kubernetes that hold the values of a Secret.

use types::RepoPath;

/// Ends of names of files that may be manifests.
const MANIFEST_ENDS: &[&str] =
    &[".yaml", ".yml", ".json", ".yaml.bak", ".yml.bak", ".yaml.tmpl", ".yml.tmpl", ".yaml.j2"];

/// Returns whether a file has a document of the kind `Secret` with at least one value that is written out. A template,
/// whose values come from elsewhere, does not count. Nor does a file whose name has none of [`MANIFEST_ENDS`].
pub fn is_secret_manifest(path: &RepoPath, bytes: &[u8]) -> bool {
    let name = path.file_name().to_ascii_lowercase();
    if !MANIFEST_ENDS.iter().any(|end| name.ends_with(end)) || memchr::memmem::find(bytes, b"Secret").is_none() {
        return false;
    }
    let text = String::from_utf8_lossy(bytes);
    if text.trim_start().starts_with('{') || name.ends_with(".json") {
        return serde_json::from_str(&text).is_ok_and(|value| has_json_secret(&value));
    }
    let mut documents: Vec<Vec<&str>> = vec![Vec::new()];
    for line in text.lines() {
        match line.trim_end() {
            "---" => documents.push(Vec::new()),
            _ if line.starts_with("--- ") => documents.push(Vec::new()),
            line => documents.last_mut().expect("it has one").push(line),
        }
    }
    documents.iter().any(|lines| has_yaml_secret(lines))
}

fn has_json_secret(value: &serde_json::Value) -> bool {
    let is_value = |value: &serde_json::Value| value.as_str().is_some_and(is_written_out);
    let has_values =
        |key: &str| value.get(key).and_then(|data| data.as_object()).is_some_and(|data| data.values().any(is_value));
    let is_secret = value.get("kind").is_some_and(|kind| kind == "Secret") && value.get("apiVersion").is_some();
    let items = value.get("items").and_then(|items| items.as_array());
    (is_secret && (has_values("data") || has_values("stringData"))) || items.into_iter().flatten().any(has_json_secret)
}

/// Returns whether the lines have `kind: Secret` and, at the same depth, `data` or `stringData` with a value that is
/// written out.
fn has_yaml_secret(lines: &[&str]) -> bool {
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '-']).len();
    lines.iter().enumerate().any(|(at, line)| {
        let Some(kind) = line.trim_start_matches([' ', '-']).strip_prefix("kind:") else { return false };
        let kind = kind.split(" #").next().unwrap_or_default().trim().trim_matches(['"', '\'']);
        let depth = indent(line);
        let is_inside =
            |other: &&&str| other.trim().is_empty() || other.trim_start().starts_with('#') || indent(other) >= depth;
        // The document or the member of a list that the line belongs to.
        let starts_list = |line: &str| line.trim_start().starts_with("- ") && indent(line) == depth;
        let above = lines[..at].iter().rev().take_while(is_inside).count();
        let above = match lines[at - above..=at].iter().rposition(|line| starts_list(line)) {
            Some(start) if depth > 0 => above - start,
            _ => above,
        };
        let below =
            lines[at + 1..].iter().take_while(|line| is_inside(line) && !(depth > 0 && starts_list(line))).count();
        kind == "Secret" && has_yaml_values(&lines[at - above..=at + below], depth)
    })
}

/// Returns whether the lines of a mapping have a value that is written out ([`is_written_out`]) below the key `data` or
/// `stringData`, which is at this depth.
fn has_yaml_values(lines: &[&str], depth: usize) -> bool {
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '-']).len();
    let mut is_data = false;
    for line in lines {
        let trimmed = line.trim_start_matches([' ', '-']).trim_end();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        if indent(line) <= depth {
            let value = trimmed.strip_prefix("data:").or_else(|| trimmed.strip_prefix("stringData:"));
            is_data = value.is_some();
            // Values in the same line: `stringData: {password: x}`.
            let flow = value.map(str::trim).filter(|value| value.starts_with('{'));
            if flow.is_some_and(|flow| flow.split(',').any(|pair| has_value(pair.trim_matches(['{', '}', ' '])))) {
                return true;
            }
        } else if is_data && (has_value(trimmed) || !trimmed.contains(':')) && is_written_out(trimmed) {
            return true;
        }
    }
    false
}

/// Returns whether a pair `key: value` has a value that is written out.
fn has_value(pair: &str) -> bool {
    pair.split_once(':').is_some_and(|(key, value)| !key.contains("{{") && is_written_out(value.trim()))
}

/// Returns whether a value is neither empty or null, nor a mark of a block scalar, nor encrypted, nor a part of a
/// template or a placeholder.
fn is_written_out(value: &str) -> bool {
    let value = value.split(" #").next().unwrap_or_default().trim().trim_matches(['"', '\'']);
    let encloses = |open: &str, close: &str| value.find(open).is_some_and(|at| value[at..].contains(close));
    let is_template = value.contains("{{") || value.contains("}}") || encloses("${", "}") || encloses("$(", ")");
    let is_placeholder = value.starts_with('<') && value.ends_with('>') || value.starts_with("ENC[");
    !value.is_empty()
        && !matches!(value, "|" | ">" | "|-" | ">-" | "{}" | "null" | "~")
        && !is_template
        && !is_placeholder
        && !encloses("{%", "%}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(path: &str, text: &str) -> bool {
        is_secret_manifest(&RepoPath::new(path), text.as_bytes())
    }

    #[test]
    fn manifests_with_values_of_a_secret_are_found() {
        for text in [
            "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {password: notreal}\n",
            "apiVersion: v1\nkind: \"Secret\"\nstringData:\n  token: notreal\n",
            "kind: Secret\nstringData:\n  password: a<b9!\n",
            "kind: Secret\nstringData:\n  password: a$(b${9\n",
            "apiVersion: v1\ndata:\n  a: Tk9U\nkind: Secret # of the database\n",
            "kind: ConfigMap\ndata:\n  a: b\n---\nkind: Secret\ndata:\n  tls.key: |\n    Tk9U\n    UkVB\n",
            "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  data:\n    a: b\n- apiVersion: v1\n  kind: Secret\n  data:\n    a: Tk9U\n",
        ] {
            assert!(judge("k8s/db.yaml", text), "{text}");
            assert!(judge("k8s/db.yml", &text.replace('\n', "\r\n")), "{text}");
            assert!(!judge("k8s/db.go", text), "{text}");
        }
        assert!(judge("a.json", r#"{"apiVersion": "v1", "kind": "Secret", "data": {"a": "Tk9U"}}"#));
        assert!(judge(
            "a.json",
            r#"{"kind": "List", "items": [{"apiVersion": "v1", "kind": "Secret", "stringData": {"a": "b"}}]}"#
        ));
    }

    #[test]
    fn templates_references_and_other_kinds_are_not() {
        for text in [
            "kind: Secret\nstringData:\n  password: {{ .Values.password | quote }}\n",
            "kind: Secret\nstringData:\n  {{- range .Values.secrets }}\n  {{ .name }}: {{ .value }}\n  {{- end }}\n",
            "kind: Secret\nmetadata:\n  name: empty\ntype: Opaque\n",
            "kind: Secret\ndata: {}\n",
            "kind: Secret\ndata:\n  password: ${PASSWORD}\n",
            "kind: Secret\ndata:\n  password: <your password>\n",
            "kind: ExternalSecret\nspec:\n  data:\n    key: a\n",
            "kind: SealedSecret\nspec:\n  encryptedData:\n    a: AgB\n",
            "kind: Deployment\nspec:\n  volumes:\n  - name: x\n    kind: Secret\ndata:\n  a: b\n",
            "apiVersion: v1\nkind: List\nitems:\n- kind: Secret\n  data: {}\n- kind: ConfigMap\n  data:\n    a: b\n",
        ] {
            assert!(!judge("k8s/db.yaml", text), "{text}");
        }
        assert!(!judge("a.json", r#"{"kind": "Secret", "title": "x"}"#));
    }
}
