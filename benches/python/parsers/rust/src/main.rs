//! Lists the definitions of Rust files with `syn`, one JSON object per line. Reads paths from standard input.

use std::io::BufRead as _;

use proc_macro2::{LineColumn, Span};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Attribute, Ident};

struct Lister<'p> {
    path: &'p str,
    text: &'p str,
    in_function: bool,
}

impl Lister<'_> {
    fn char_at(&self, at: LineColumn) -> usize {
        let before: usize = self.text.split_inclusive('\n').take(at.line - 1).map(|line| line.chars().count()).sum();
        before + at.column
    }

    fn emit(&self, name: &Ident, kind: &str, attributes: &[Attribute], whole: Span, body: Option<Span>) {
        self.emit_named(&name.to_string(), name.span(), kind, attributes, whole, body);
    }

    fn emit_named(&self, name: &str, at: Span, kind: &str, attributes: &[Attribute], whole: Span, body: Option<Span>) {
        let outer: Vec<_> = attributes.iter().filter(|one| matches!(one.style, syn::AttrStyle::Outer)).collect();
        // Doc comments are attributes to syn.
        let is_doc = |one: &&&Attribute| one.path().is_ident("doc");
        let first = outer.iter().find(|one| !is_doc(one)).map_or_else(|| self.head(&outer, whole), |one| one.span().start());
        let head = self.head(&outer, whole);
        // The value of a constant and the rules of a macro are not part of the signature.
        let is_value = matches!(kind, "constant" | "variable" | "macro");
        let body = body.map_or(whole.end(), |body| body.start());
        let end = if is_value { 0 } else { self.char_at(body) };
        println!("{}", serde_json::json!({
            "path": self.path, "name": name, "kind": kind, "line": at.start().line, "start": first.line,
            "end": whole.end().line, "char_start": self.char_at(head), "char_end": end,
        }));
    }

    /// Returns the start of the first token after the attributes.
    fn head(&self, outer: &[&Attribute], whole: Span) -> LineColumn {
        let Some(last) = outer.last() else { return whole.start() };
        let end = self.char_at(last.span().end());
        let text: Vec<char> = self.text.chars().collect();
        let mut at = end;
        loop {
            while at < text.len() && text[at].is_whitespace() {
                at += 1;
            }
            match (text.get(at), text.get(at + 1)) {
                (Some('/'), Some('/')) => while at < text.len() && text[at] != '\n' { at += 1 },
                (Some('/'), Some('*')) => while at < text.len() && !(text[at] == '*' && text.get(at + 1) == Some(&'/')) { at += 1 },
                _ => break,
            }
            if text.get(at) == Some(&'*') { at += 2 }
        }
        let before = &text[..at];
        let line = before.iter().filter(|c| **c == '\n').count() + 1;
        let column = at - before.iter().rposition(|c| *c == '\n').map_or(0, |newline| newline + 1);
        LineColumn { line, column }
    }
}

fn type_name(of: &syn::Type) -> String {
    match of {
        syn::Type::Path(path) => path.path.segments.last().map(|one| one.ident.to_string()).unwrap_or_default(),
        _ => String::new(),
    }
}

impl<'a> Visit<'a> for Lister<'_> {
    fn visit_item_fn(&mut self, one: &'a syn::ItemFn) {
        self.emit(&one.sig.ident, "function", &one.attrs, one.span(), Some(one.block.span()));
        let before = std::mem::replace(&mut self.in_function, true);
        visit::visit_item_fn(self, one);
        self.in_function = before;
    }
    fn visit_impl_item_fn(&mut self, one: &'a syn::ImplItemFn) {
        self.emit(&one.sig.ident, "method", &one.attrs, one.span(), Some(one.block.span()));
        let before = std::mem::replace(&mut self.in_function, true);
        visit::visit_impl_item_fn(self, one);
        self.in_function = before;
    }
    fn visit_trait_item_fn(&mut self, one: &'a syn::TraitItemFn) {
        self.emit(&one.sig.ident, "method", &one.attrs, one.span(), one.default.as_ref().map(|body| body.span()));
        visit::visit_trait_item_fn(self, one);
    }
    fn visit_item_struct(&mut self, one: &'a syn::ItemStruct) {
        let body = (!one.fields.is_empty() || matches!(one.fields, syn::Fields::Named(_))).then(|| one.fields.span());
        self.emit(&one.ident, "struct", &one.attrs, one.span(), body);
    }
    fn visit_item_enum(&mut self, one: &'a syn::ItemEnum) {
        self.emit(&one.ident, "enum", &one.attrs, one.span(), Some(one.brace_token.span.join()));
    }
    fn visit_item_union(&mut self, one: &'a syn::ItemUnion) {
        self.emit(&one.ident, "union", &one.attrs, one.span(), Some(one.fields.span()));
    }
    fn visit_item_trait(&mut self, one: &'a syn::ItemTrait) {
        self.emit(&one.ident, "trait", &one.attrs, one.span(), Some(one.brace_token.span.join()));
        visit::visit_item_trait(self, one);
    }
    fn visit_item_impl(&mut self, one: &'a syn::ItemImpl) {
        let name = type_name(&one.self_ty);
        if !name.is_empty() {
            self.emit_named(&name, one.self_ty.span(), "impl", &one.attrs, one.span(), Some(one.brace_token.span.join()));
        }
        visit::visit_item_impl(self, one);
    }
    fn visit_item_mod(&mut self, one: &'a syn::ItemMod) {
        if let Some((brace, _)) = &one.content {
            self.emit(&one.ident, "module", &one.attrs, one.span(), Some(brace.span.join()));
        }
        visit::visit_item_mod(self, one);
    }
    fn visit_item_macro(&mut self, one: &'a syn::ItemMacro) {
        if let Some(name) = &one.ident {
            self.emit(name, "macro", &one.attrs, one.span(), None);
        }
    }
    fn visit_item_type(&mut self, one: &'a syn::ItemType) {
        if !self.in_function { self.emit(&one.ident, "type", &one.attrs, one.span(), None) }
    }
    fn visit_item_const(&mut self, one: &'a syn::ItemConst) {
        if !self.in_function && one.ident != "_" { self.emit(&one.ident, "constant", &one.attrs, one.span(), None) }
        visit::visit_item_const(self, one);
    }
    fn visit_item_static(&mut self, one: &'a syn::ItemStatic) {
        if !self.in_function { self.emit(&one.ident, "variable", &one.attrs, one.span(), None) }
    }
}

fn main() {
    for path in std::io::stdin().lock().lines().map_while(Result::ok) {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let Ok(file) = syn::parse_file(&text) else { continue };
        Lister { path: &path, text: &text, in_function: false }.visit_file(&file);
    }
}
