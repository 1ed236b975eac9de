//! Names of the blocks of Terraform, close to how its expressions write them: `var.region`, `module.net`,
//! `resource.aws_s3_bucket.logs`.

use types::SymbolKind;

/// Returns the kind and the container of a block, given its words before its last label: `resource "aws_s3_bucket"` is
/// `resource.aws_s3_bucket`, `variable` is `var`.
pub(in crate::parse) fn describe_block(head: &str) -> (SymbolKind, String) {
    let words: Vec<&str> = head.split([' ', '\t', '"']).filter(|word| !word.is_empty()).collect();
    let (kind, first) = match words.first().copied().unwrap_or_default() {
        "variable" => (SymbolKind::Variable, "var"),
        "locals" => (SymbolKind::Variable, "local"),
        "output" => (SymbolKind::Property, "output"),
        "module" => (SymbolKind::Module, "module"),
        other => (SymbolKind::Resource, other),
    };
    let rest = words.iter().skip(1).copied();
    (kind, std::iter::once(first).chain(rest).collect::<Vec<_>>().join("."))
}
