//! The rows of the language table.

use super::grammar::Grammar;
use types::ContentKind::{self, Code, Config, Docs};

/// A language: how its files are recognized, and how they are parsed.
pub struct LanguageRow {
    /// Name in filters, in the store and in answers.
    pub name: &'static str,
    /// File extensions, lower case, without the dot.
    pub extensions: &'static [&'static str],
    /// Whole file names, lower case.
    pub file_names: &'static [&'static str],
    /// Programs of a `#!` line, without their versions.
    pub interpreters: &'static [&'static str],
    pub content: ContentKind,
    /// Grammar; `None` if files are split by headings (Markdown) or lines. Boxed so that rows without one are small.
    pub grammar: Option<Box<Grammar>>,
}

/// Returns the row of a language with a grammar.
fn parsed(
    name: &'static str,
    keys: LanguageKeys,
    language: tree_sitter_language::LanguageFn,
    query: &'static str,
) -> LanguageRow {
    let grammar = Some(Box::new(Grammar::new(language, query)));
    LanguageRow { name, extensions: keys.0, file_names: keys.1, interpreters: keys.2, content: Code, grammar }
}

/// Returns the row of a language whose files are split by headings or lines.
fn plain(name: &'static str, keys: LanguageKeys, content: ContentKind) -> LanguageRow {
    LanguageRow { name, extensions: keys.0, file_names: keys.1, interpreters: keys.2, content, grammar: None }
}

/// The extensions, file names and interpreters by which a language is recognized.
type LanguageKeys = (&'static [&'static str], &'static [&'static str], &'static [&'static str]);

macro_rules! query {
    ($name:literal) => {
        include_str!(concat!("queries/", $name, ".scm"))
    };
}

/// The language table. The first row applies to files that match no other row.
#[rustfmt::skip]
pub(super) static ROWS: std::sync::LazyLock<Vec<LanguageRow>> = std::sync::LazyLock::new(|| vec![
    plain("text", (&["txt", "text"], &["license", "readme", "notice", "changelog", "authors", "contributing"], &[]), Docs),
    parsed("python", (&["py", "pyi", "pyw", "ipynb"], &["sconstruct", "sconscript"], &["python"]), tree_sitter_python::LANGUAGE, query!("python")),
    parsed("typescript", (&["ts", "mts", "cts"], &[], &["deno"]), tree_sitter_typescript::LANGUAGE_TYPESCRIPT, query!("typescript")),
    parsed("tsx", (&["tsx"], &[], &[]), tree_sitter_typescript::LANGUAGE_TSX, query!("typescript")),
    parsed("javascript", (&["js", "jsx", "mjs", "cjs"], &["jakefile"], &["node"]), tree_sitter_javascript::LANGUAGE, query!("javascript")),
    parsed("go", (&["go"], &[], &[]), tree_sitter_go::LANGUAGE, query!("go")),
    parsed("rust", (&["rs"], &[], &[]), tree_sitter_rust::LANGUAGE, query!("rust")),
    parsed("java", (&["java"], &[], &[]), tree_sitter_java::LANGUAGE, query!("java")),
    parsed("c", (&["c", "h"], &[], &[]), tree_sitter_c::LANGUAGE, query!("c")),
    parsed("cpp", (&["cpp", "cc", "cxx", "c++", "hpp", "hh", "hxx", "h++", "ipp", "inl", "tpp", "cu", "cuh"], &[], &[]), tree_sitter_cpp::LANGUAGE, query!("cpp")),
    parsed("csharp", (&["cs", "csx"], &[], &[]), tree_sitter_c_sharp::LANGUAGE, query!("csharp")),
    parsed("ruby", (&["rb", "rake", "gemspec", "ru"], &["rakefile", "gemfile", "podfile", "vagrantfile", "guardfile"], &["ruby"]), tree_sitter_ruby::LANGUAGE, query!("ruby")),
    parsed("php", (&["php", "phtml", "php5"], &[], &["php"]), tree_sitter_php::LANGUAGE_PHP, query!("php")),
    parsed("kotlin", (&["kt", "kts"], &[], &[]), tree_sitter_kotlin_ng::LANGUAGE, query!("kotlin")),
    parsed("scala", (&["scala", "sc", "sbt"], &[], &["scala"]), tree_sitter_scala::LANGUAGE, query!("scala")),
    parsed("swift", (&["swift"], &[], &[]), tree_sitter_swift::LANGUAGE, query!("swift")),
    parsed("lua", (&["lua"], &[], &["lua", "luajit"]), tree_sitter_lua::LANGUAGE, query!("lua")),
    parsed("bash", (&["sh", "bash", "zsh", "ksh", "bats"], &[".bashrc", ".bash_profile", ".zshrc", ".profile"], &["bash", "sh", "zsh", "dash", "ksh"]), tree_sitter_bash::LANGUAGE, query!("bash")),
    parsed("haskell", (&["hs"], &[], &["runhaskell"]), tree_sitter_haskell::LANGUAGE, query!("haskell")),
    parsed("elixir", (&["ex", "exs"], &[], &["elixir"]), tree_sitter_elixir::LANGUAGE, query!("elixir")),
    parsed("zig", (&["zig"], &[], &[]), tree_sitter_zig::LANGUAGE, query!("zig")),
    parsed("dart", (&["dart"], &[], &["dart"]), tree_sitter_dart::LANGUAGE, query!("dart")),
    parsed("sql", (&["sql", "ddl", "psql"], &[], &[]), tree_sitter_sequel::LANGUAGE, query!("sql")),
    plain("markdown", (&["md", "markdown", "mdx"], &[], &[]), Docs),
    plain("restructuredtext", (&["rst"], &[], &[]), Docs),
    plain("asciidoc", (&["adoc", "asciidoc"], &[], &[]), Docs),
    plain("org", (&["org"], &[], &[]), Docs),
    plain("tex", (&["tex", "sty", "bib"], &[], &[]), Docs),
    plain("html", (&["html", "htm", "xhtml"], &[], &[]), Docs),
    plain("objective-c", (&["m", "mm"], &[], &[]), Code),
    plain("perl", (&["pl", "pm", "t"], &[], &["perl"]), Code),
    plain("r", (&["r"], &[], &["rscript"]), Code),
    plain("julia", (&["jl"], &[], &["julia"]), Code),
    plain("ocaml", (&["ml", "mli"], &[], &["ocaml"]), Code),
    plain("fsharp", (&["fs", "fsx", "fsi"], &[], &[]), Code),
    plain("clojure", (&["clj", "cljs", "cljc", "edn"], &[], &[]), Code),
    plain("erlang", (&["erl", "hrl"], &[], &["escript"]), Code),
    plain("nim", (&["nim"], &[], &[]), Code),
    plain("groovy", (&["groovy"], &["jenkinsfile"], &["groovy"]), Code),
    plain("powershell", (&["ps1", "psm1", "psd1"], &[], &["pwsh"]), Code),
    plain("fish", (&["fish"], &[], &["fish"]), Code),
    plain("vim", (&["vim"], &[".vimrc"], &[]), Code),
    plain("lisp", (&["lisp", "el", "scm", "rkt"], &[], &[]), Code),
    plain("assembly", (&["s", "asm"], &[], &[]), Code),
    plain("fortran", (&["f", "f90", "f95", "f03"], &[], &[]), Code),
    plain("pascal", (&["pas", "pp"], &[], &[]), Code),
    plain("verilog", (&["v", "sv", "svh"], &[], &[]), Code),
    plain("vhdl", (&["vhd", "vhdl"], &[], &[]), Code),
    plain("solidity", (&["sol"], &[], &[]), Code),
    plain("shader", (&["glsl", "hlsl", "wgsl", "frag", "vert", "metal"], &[], &[]), Code),
    plain("vue", (&["vue"], &[], &[]), Code),
    plain("svelte", (&["svelte"], &[], &[]), Code),
    plain("astro", (&["astro"], &[], &[]), Code),
    plain("razor", (&["razor", "cshtml"], &[], &[]), Code),
    plain("css", (&["css", "scss", "less", "pcss"], &[], &[]), Code),
    plain("sass", (&["sass", "styl"], &[], &[]), Code),
    plain("template", (&["erb", "haml", "slim", "ejs", "hbs", "mustache", "jinja", "jinja2", "j2", "tmpl", "tpl", "twig", "liquid", "heex", "eex"], &[], &[]), Code),
    plain("protobuf", (&["proto"], &[], &[]), Code),
    plain("graphql", (&["graphql", "gql", "graphqls"], &[], &[]), Code),
    plain("thrift", (&["thrift", "avdl", "capnp", "fbs"], &[], &[]), Code),
    plain("elm", (&["elm"], &[], &[]), Code),
    plain("crystal", (&["cr"], &[], &["crystal"]), Code),
    plain("d", (&["d"], &[], &[]), Code),
    plain("awk", (&["awk"], &[], &["awk"]), Code),
    plain("toml", (&["toml"], &["pipfile"], &[]), Config),
    plain("yaml", (&["yaml", "yml"], &[], &[]), Config),
    plain("ini", (&["ini", "cfg", "conf", "properties", "editorconfig"], &[], &[]), Config),
    plain("xml", (&["xml", "xsd", "xsl", "xslt", "plist", "csproj", "fsproj", "vbproj", "props", "targets"], &[], &[]), Config),
    plain("make", (&["mk", "mak"], &["makefile", "gnumakefile", "bsdmakefile"], &["make"]), Config),
    plain("cmake", (&["cmake"], &["cmakelists.txt"], &[]), Config),
    plain("docker", (&["dockerfile", "containerfile"], &["dockerfile", "containerfile"], &[]), Config),
    plain("terraform", (&["tf", "hcl"], &[], &[]), Config),
    plain("nix", (&["nix"], &[], &[]), Config),
    plain("starlark", (&["bzl", "bazel", "star"], &["build", "workspace", "build.bazel", "workspace.bazel"], &[]), Config),
    plain("gradle", (&["gradle"], &[], &[]), Config),
    plain("meson", (&[], &["meson.build", "meson_options.txt"], &[]), Config),
    plain("json5", (&["json5", "jsonc"], &[], &[]), Config),
    plain("just", (&["just"], &["justfile"], &[]), Config),
]);
