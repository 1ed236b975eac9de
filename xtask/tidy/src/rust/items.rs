//! Lists the definitions, imports and paths of a file.

use std::collections::BTreeMap;

use super::tokens::{Token, TokenKind};

/// The contents of a file that the rules check.
#[derive(Debug, Default)]
pub struct FileItems {
    pub definitions: Vec<ItemDefinition>,
    pub imports: Vec<Import>,
    pub paths: Vec<PathUse>,
    /// The words of the file outside of `use` items, of a path only the first one. Each has its first line and the
    /// inline modules around it.
    pub words: BTreeMap<String, (usize, Vec<String>)>,
}

/// An item that a file defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemDefinition {
    pub kind: DefinitionKind,
    pub name: String,
    /// Whether the item is `pub`, including restricted forms; for a method of a trait, whether the trait is.
    pub is_public: bool,
    /// The inline modules around the item, outermost first.
    pub module: Vec<String>,
    pub line: usize,
}

/// The kind of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DefinitionKind {
    /// A struct, enum, union, trait or type alias.
    Type,
    /// A function outside of any `impl` or trait.
    Function,
    /// A function of an inherent `impl` or of a trait.
    Method,
    /// A constant or static.
    Constant,
    Macro,
    Module,
}

/// One imported name of a `use` item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// The segments of the path, such as `crate`, `query`, `Query`.
    pub path: Vec<String>,
    /// The name that the import gives; `None` for `*`, and for an import as `_`.
    pub name: Option<String>,
    pub module: Vec<String>,
    pub line: usize,
}

/// A path with at least two segments outside of `use` items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathUse {
    pub path: Vec<String>,
    pub module: Vec<String>,
    pub line: usize,
}

/// Lists the items of a file from its tokens. Definitions in function bodies and in implementations of traits are left
/// out.
pub fn list_items(tokens: &[Token]) -> FileItems {
    let mut reader = ItemReader { tokens, at: 0, scopes: Vec::new(), pending: None, items: FileItems::default() };
    while reader.at < tokens.len() {
        reader.read_token();
    }
    reader.items
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Scope {
    Module(String),
    InherentImpl,
    TraitImpl,
    Trait {
        is_public: bool,
    },
    /// The body of a `macro_rules!`, or the argument of a macro call: its items count as items of the scope around it.
    Macro,
    Other,
}

struct ItemReader<'t> {
    tokens: &'t [Token],
    at: usize,
    scopes: Vec<Scope>,
    /// The scope that the next `{` opens.
    pending: Option<Scope>,
    items: FileItems,
}

impl ItemReader<'_> {
    fn read_token(&mut self) {
        let token = &self.tokens[self.at];
        match &token.kind {
            TokenKind::Symbol('{') => {
                let scope = self.pending.take().unwrap_or_else(|| self.unintroduced_scope());
                self.scopes.push(scope);
            }
            TokenKind::Symbol('}') => drop(self.scopes.pop()),
            TokenKind::Symbol(';') => self.pending = None,
            TokenKind::Word(word) => return self.read_word(word),
            _ => {}
        }
        self.at += 1;
    }

    fn read_word(&mut self, word: &str) {
        let next = self.word_at(self.at + 1).map(str::to_owned);
        match (word, next) {
            ("use", _) if !self.symbol_at(self.at + 1, '<') => return self.read_use(),
            ("mod", Some(name)) => {
                self.define(DefinitionKind::Module, &name);
                self.pending = Some(Scope::Module(name));
            }
            ("impl", _) if self.pending.is_none() && self.starts_item() => self.pending = Some(self.read_impl()),
            ("trait", Some(name)) => {
                self.define(DefinitionKind::Type, &name);
                self.pending = Some(Scope::Trait { is_public: self.is_public() });
            }
            ("struct" | "enum", Some(name)) => {
                self.define(DefinitionKind::Type, &name);
                self.pending = Some(Scope::Other);
            }
            ("union", Some(name)) if self.symbol_at(self.at + 2, '{') || self.symbol_at(self.at + 2, '<') => {
                self.define(DefinitionKind::Type, &name);
                self.pending = Some(Scope::Other);
            }
            ("type", Some(name)) => self.define(DefinitionKind::Type, &name),
            ("fn", Some(name)) => {
                self.define(DefinitionKind::Function, &name);
                self.pending = Some(Scope::Other);
            }
            ("const" | "static", Some(name)) => self.read_constant(&name),
            ("macro_rules", _) => {
                if let Some(name) = self.word_at(self.at + 2).map(str::to_owned) {
                    self.define(DefinitionKind::Macro, &name);
                }
                self.pending = Some(Scope::Macro);
            }
            _ => return self.read_path(word),
        }
        self.at += 1;
    }

    /// Returns the scope that a `{` opens without an item before it.
    fn unintroduced_scope(&self) -> Scope {
        let is_macro_call = self.at > 0 && self.symbol_at(self.at - 1, '!');
        let is_macro_arm = self.scopes.last() == Some(&Scope::Macro) && self.at > 0 && self.symbol_at(self.at - 1, '>');
        if is_macro_call || is_macro_arm { Scope::Macro } else { Scope::Other }
    }

    fn read_constant(&mut self, next: &str) {
        let is_parameter = self.at > 0 && ['<', ',', '*'].iter().any(|symbol| self.symbol_at(self.at - 1, *symbol));
        if !is_parameter && !["fn", "unsafe", "async", "extern", "_"].contains(&next) {
            let name = if next == "mut" { self.word_at(self.at + 2) } else { Some(next) };
            if let Some(name) = name.map(str::to_owned) {
                self.define(DefinitionKind::Constant, &name);
            }
        }
    }

    /// Reads the head of an `impl` without advancing.
    fn read_impl(&self) -> Scope {
        let head = self.tokens[self.at..].iter().take_while(|token| !token.is_symbol('{'));
        let head: Vec<&Token> = head.collect();
        // `for<'a>` is part of a bound.
        let is_trait = head.windows(2).any(|pair| pair[0].is_word("for") && !pair[1].is_symbol('<'));
        if is_trait { Scope::TraitImpl } else { Scope::InherentImpl }
    }

    fn read_path(&mut self, first: &str) {
        let (line, module) = (self.tokens[self.at].line, self.module());
        self.items.words.entry(first.to_owned()).or_insert_with(|| (line, module.clone()));
        let is_inside = self.at > 0 && {
            let before = &self.tokens[self.at - 1];
            before.kind == TokenKind::PathSeparator || before.is_symbol('.')
        };
        let mut path = vec![first.to_owned()];
        self.at += 1;
        while self.separator_at(self.at) {
            let Some(word) = self.word_at(self.at + 1) else { break };
            path.push(word.to_owned());
            self.at += 2;
        }
        if path.len() > 1 && !is_inside {
            self.items.paths.push(PathUse { path, module, line });
        }
    }

    fn read_use(&mut self) {
        self.at += 1;
        // A leading `::` names an external crate.
        if self.separator_at(self.at) {
            while self.at < self.tokens.len() && !self.symbol_at(self.at, ';') {
                self.at += 1;
            }
            return;
        }
        self.read_use_tree(&[]);
        self.at += 1;
    }

    fn read_use_tree(&mut self, prefix: &[String]) {
        let mut path = prefix.to_vec();
        loop {
            let line = self.tokens.get(self.at).map_or(0, |token| token.line);
            if let Some(word) = self.word_at(self.at).map(str::to_owned) {
                self.at += 1;
                // `a::{self}` imports `a`.
                if word != "self" || path.is_empty() {
                    path.push(word);
                }
                if self.separator_at(self.at) {
                    self.at += 1;
                    continue;
                }
                let mut name = path.last().cloned();
                if self.tokens.get(self.at).is_some_and(|token| token.is_word("as")) {
                    name = self.word_at(self.at + 1).map(str::to_owned);
                    self.at += 2;
                }
                self.import(path, name, line);
            } else if self.symbol_at(self.at, '*') {
                self.at += 1;
                self.import(path, None, line);
            } else if self.symbol_at(self.at, '{') {
                self.at += 1;
                while self.at < self.tokens.len() && !self.symbol_at(self.at, '}') {
                    let before = self.at;
                    if !self.symbol_at(self.at, ',') {
                        self.read_use_tree(&path);
                    }
                    self.at = self.at.max(before + usize::from(self.symbol_at(self.at, ',') || self.at == before));
                }
                self.at += 1;
            }
            return;
        }
    }

    fn import(&mut self, path: Vec<String>, name: Option<String>, line: usize) {
        let module = self.module();
        self.items.imports.push(Import { path, name: name.filter(|name| name != "_"), module, line });
    }

    fn define(&mut self, kind: DefinitionKind, name: &str) {
        let outer = self.scopes.split_last().map_or(&[][..], |(_, outer)| outer);
        let are_modules =
            |scopes: &[Scope]| scopes.iter().all(|scope| matches!(scope, Scope::Module(_) | Scope::Macro));
        let (kind, is_public) = match self.scopes.last() {
            None | Some(Scope::Module(_) | Scope::Macro) if are_modules(outer) => (kind, self.is_public()),
            Some(Scope::InherentImpl) if are_modules(outer) && kind == DefinitionKind::Function => {
                (DefinitionKind::Method, self.is_public())
            }
            Some(Scope::Trait { is_public }) if are_modules(outer) && kind == DefinitionKind::Function => {
                (DefinitionKind::Method, *is_public)
            }
            _ => return,
        };
        let (module, line) = (self.module(), self.tokens[self.at].line);
        self.items.definitions.push(ItemDefinition { kind, name: name.to_owned(), is_public, module, line });
    }

    /// Returns whether the item whose keyword is at the current token has a `pub`.
    fn is_public(&self) -> bool {
        let mut at = self.at;
        while at > 0 {
            at -= 1;
            let token = &self.tokens[at];
            let is_modifier = ["async", "unsafe", "extern", "const", "default"].iter().any(|word| token.is_word(word));
            if is_modifier || token.kind == TokenKind::Literal {
                continue;
            }
            if token.is_symbol(')') {
                // Skips the restriction in `pub(crate)` and `pub(in path)`.
                while at > 0 && !self.tokens[at].is_symbol('(') {
                    at -= 1;
                }
                return at > 0 && self.tokens[at - 1].is_word("pub");
            }
            return token.is_word("pub");
        }
        false
    }

    /// Returns whether an item can start at the current token.
    fn starts_item(&self) -> bool {
        let Some(before) = self.at.checked_sub(1).map(|before| &self.tokens[before]) else { return true };
        matches!(before.kind, TokenKind::Symbol(';' | '}' | '{' | ']')) || before.is_word("unsafe")
    }

    fn module(&self) -> Vec<String> {
        let name = |scope: &Scope| match scope {
            Scope::Module(name) => Some(name.clone()),
            _ => None,
        };
        self.scopes.iter().filter_map(name).collect()
    }

    fn word_at(&self, at: usize) -> Option<&str> {
        self.tokens.get(at).and_then(Token::word)
    }

    fn symbol_at(&self, at: usize, symbol: char) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is_symbol(symbol))
    }

    fn separator_at(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|token| token.kind == TokenKind::PathSeparator)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tokens::tokenize;
    use super::*;

    fn items(text: &str) -> FileItems {
        list_items(&tokenize(text))
    }

    #[test]
    fn definitions_are_listed_with_their_kind_and_visibility() {
        let text = "pub struct A<T> { b: T } impl<F: for<'a> Fn(&'a u8)> A<F> { pub(crate) const fn c() {} fn d() {} }
            impl Clone for A<u8> { fn clone(&self) {} } pub trait E { type F; fn g(&self); }
            fn h(i: impl E) -> impl E { fn j() {} struct K; } mod l { pub type M = u8; } const N: u8 = { 1 };
            macro_rules! o { ($p:ident) => { fn $p() {} struct S; } } enum Q { R } o! { fn t() { o! { } } }";
        let found: Vec<(String, DefinitionKind, bool)> =
            items(text).definitions.into_iter().map(|one| (one.name, one.kind, one.is_public)).collect();
        use DefinitionKind::*;
        let expected = [
            ("A", Type, true),
            ("c", Method, true),
            ("d", Method, false),
            ("E", Type, true),
            ("g", Method, true),
            ("h", Function, false),
            ("l", Module, false),
            ("M", Type, true),
            ("N", Constant, false),
            ("o", Macro, false),
            ("S", Type, false),
            ("Q", Type, false),
            ("t", Function, false),
        ];
        assert_eq!(found, expected.map(|(name, kind, public)| (name.to_owned(), kind, public)));
    }

    #[test]
    fn imports_are_listed_one_per_name() {
        let text =
            "use crate::{a::{self, B as C}, d::*}; pub use super::e::F; use ::g::H; use i as _; fn j() { use k::l; }";
        let found: Vec<(String, Option<String>)> =
            items(text).imports.into_iter().map(|one| (one.path.join("::"), one.name)).collect();
        let expected = [
            ("crate::a", Some("a")),
            ("crate::a::B", Some("C")),
            ("crate::d", None),
            ("super::e::F", Some("F")),
            ("i", None),
            ("k::l", Some("l")),
        ];
        assert_eq!(found, expected.map(|(path, name)| (path.to_owned(), name.map(str::to_owned))));
    }

    #[test]
    fn paths_in_code_are_listed() {
        let found: Vec<String> = items("fn a() -> crate::B { c::d::<E>(self::f::G::h).i::<j::K>(); }")
            .paths
            .into_iter()
            .map(|one| one.path.join("::"))
            .collect();
        assert_eq!(found, ["crate::B", "c::d", "self::f::G::h", "j::K"]);
    }
}
