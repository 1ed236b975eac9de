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
    /// Grammar, if there is one. Boxed so that rows without a grammar are small.
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

/// Returns the row of a language of configuration with a grammar.
fn parsed_config(
    name: &'static str,
    keys: LanguageKeys,
    language: tree_sitter_language::LanguageFn,
    query: &'static str,
) -> LanguageRow {
    LanguageRow { content: Config, ..parsed(name, keys, language, query) }
}

/// Returns the row of a language without a grammar.
fn plain(name: &'static str, keys: LanguageKeys, content: ContentKind) -> LanguageRow {
    LanguageRow { name, extensions: keys.0, file_names: keys.1, interpreters: keys.2, content, grammar: None }
}

/// The extensions, file names and interpreters by which a language is recognized.
type LanguageKeys = (&'static [&'static str], &'static [&'static str], &'static [&'static str]);

macro_rules! query {
    ($($name:literal),+) => {
        concat!($(include_str!(concat!("queries/", $name, ".scm"))),+)
    };
}

/// The language table. The first row applies to files that match no other row.
#[rustfmt::skip]
pub(super) static ROWS: std::sync::LazyLock<Vec<LanguageRow>> = std::sync::LazyLock::new(|| vec![
    plain("text", (&["txt", "text"], &["license", "readme", "notice", "changelog", "authors", "contributing"], &[]), Docs),
    parsed("python", (&["py", "pyi", "pyw", "pyx", "pxd", "ipynb"], &["sconstruct", "sconscript"], &["python"]), tree_sitter_python::LANGUAGE, query!("python")),
    parsed("typescript", (&["ts", "mts", "cts"], &[], &["deno"]), tree_sitter_typescript::LANGUAGE_TYPESCRIPT, query!("typescript", "javascript_values")),
    parsed("tsx", (&["tsx"], &[], &[]), tree_sitter_typescript::LANGUAGE_TSX, query!("typescript", "javascript_values")),
    parsed("javascript", (&["js", "jsx", "mjs", "cjs"], &["jakefile"], &["node"]), tree_sitter_javascript::LANGUAGE, query!("javascript", "javascript_values")),
    parsed("go", (&["go"], &[], &[]), tree_sitter_go::LANGUAGE, query!("go")),
    parsed("rust", (&["rs"], &[], &[]), tree_sitter_rust::LANGUAGE, query!("rust")),
    parsed("java", (&["java"], &[], &[]), tree_sitter_java::LANGUAGE, query!("java")),
    parsed("c", (&["c", "h"], &[], &[]), tree_sitter_c::LANGUAGE, query!("c")),
    parsed("cpp", (&["cpp", "cc", "cxx", "c++", "hpp", "hh", "hxx", "h++", "ipp", "inl", "tpp", "cu", "cuh", "ino", "cppm", "ixx"], &[], &[]), tree_sitter_cpp::LANGUAGE, query!("cpp")),
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
    parsed("perl", (&["pl", "pm", "t", "psgi"], &["cpanfile"], &["perl"]), ts_parser_perl::LANGUAGE, query!("perl")),
    parsed("r", (&["r"], &[".rprofile"], &["rscript"]), tree_sitter_r::LANGUAGE, query!("r")),
    parsed("powershell", (&["ps1", "psm1", "psd1"], &[], &["pwsh", "powershell"]), tree_sitter_powershell::LANGUAGE, query!("powershell")),
    parsed("groovy", (&["groovy", "gvy", "jenkinsfile"], &["jenkinsfile"], &["groovy"]), tree_sitter_groovy::LANGUAGE, query!("groovy")),
    parsed("erlang", (&["erl", "hrl", "escript"], &[], &["escript"]), tree_sitter_erlang::LANGUAGE, query!("erlang")),
    parsed("elm", (&["elm"], &[], &[]), tree_sitter_elm::LANGUAGE, query!("elm")),
    parsed("solidity", (&["sol"], &[], &[]), tree_sitter_solidity::LANGUAGE, query!("solidity")),
    parsed("gdscript", (&["gd"], &[], &[]), tree_sitter_gdscript::LANGUAGE, query!("gdscript")),
    parsed("glsl", (&["glsl", "vert", "frag", "geom", "comp", "tesc", "tese", "mesh", "rgen", "rchit", "rmiss"], &[], &[]), tree_sitter_glsl::LANGUAGE_GLSL, query!("glsl")),
    parsed("wgsl", (&["wgsl"], &[], &[]), tree_sitter_wgsl_bevy::LANGUAGE, query!("wgsl")),
    parsed("nix", (&["nix"], &[], &[]), tree_sitter_nix::LANGUAGE, query!("nix")),
    parsed("starlark", (&["bzl", "star"], &[], &[]), tree_sitter_starlark::LANGUAGE, query!("starlark")),
    parsed_config("bazel", (&["bazel"], &["build", "workspace"], &[]), tree_sitter_starlark::LANGUAGE, query!("starlark")),
    parsed_config("cmake", (&["cmake"], &["cmakelists.txt"], &[]), tree_sitter_cmake::LANGUAGE, query!("cmake")),
    parsed_config("gradle", (&["gradle"], &[], &[]), tree_sitter_groovy::LANGUAGE, query!("groovy")),
    plain("markdown", (&["md", "markdown", "mdx"], &[], &[]), Docs),
    plain("restructuredtext", (&["rst"], &[], &[]), Docs),
    plain("asciidoc", (&["adoc", "asciidoc"], &[], &[]), Docs),
    plain("org", (&["org"], &[], &[]), Docs),
    plain("tex", (&["tex", "sty", "bib"], &[], &[]), Docs),
    plain("html", (&["html", "htm", "xhtml"], &[], &[]), Docs),
    plain("objective-c", (&["m", "mm"], &[], &[]), Code),
    plain("matlab", (&[], &[], &["octave"]), Code),
    plain("julia", (&["jl"], &[], &["julia"]), Code),
    plain("ocaml", (&["ml", "mli"], &[], &["ocaml"]), Code),
    plain("coq", (&[], &[], &[]), Code),
    plain("fsharp", (&["fs", "fsx", "fsi"], &[], &[]), Code),
    plain("clojure", (&["clj", "cljs", "cljc", "edn"], &[], &[]), Code),
    plain("forth", (&["fth", "4th", "forth"], &[], &["gforth"]), Code),
    plain("hack", (&["hack", "hhi"], &[], &["hhvm"]), Code),
    plain("nim", (&["nim"], &[], &[]), Code),
    plain("fish", (&["fish"], &[], &["fish"]), Code),
    plain("vim", (&["vim"], &[".vimrc"], &[]), Code),
    plain("lisp", (&["lisp", "el", "scm", "rkt"], &[], &[]), Code),
    plain("assembly", (&["s", "asm"], &[], &[]), Code),
    plain("fortran", (&["f", "f90", "f95", "f03"], &[], &[]), Code),
    plain("pascal", (&["pas", "pp"], &[], &[]), Code),
    plain("prolog", (&["prolog"], &[], &["swipl", "gprolog"]), Code),
    plain("puppet", (&[], &[], &["puppet"]), Code),
    plain("raku", (&["raku", "rakumod", "rakutest", "rakudoc"], &[], &["raku", "rakudo"]), Code),
    plain("vlang", (&[], &[], &[]), Code),
    plain("verilog", (&["v", "sv", "svh"], &[], &[]), Code),
    plain("vhdl", (&["vhd", "vhdl"], &[], &[]), Code),
    plain("shader", (&["hlsl", "hlsli", "metal", "shader", "cginc"], &[], &[]), Code),
    plain("vue", (&["vue"], &[], &[]), Code),
    plain("svelte", (&["svelte"], &[], &[]), Code),
    plain("astro", (&["astro"], &[], &[]), Code),
    plain("razor", (&["razor", "cshtml"], &[], &[]), Code),
    plain("css", (&["css", "scss", "less", "pcss"], &[], &[]), Code),
    plain("sass", (&["sass", "styl"], &[], &[]), Code),
    plain("visual-basic", (&["vb", "bas", "vbs"], &[], &[]), Code),
    plain("batch", (&["bat", "cmd"], &[], &[]), Code),
    plain("tcl", (&["tcl"], &[], &["tclsh", "wish"]), Code),
    plain("prisma", (&["prisma"], &[], &[]), Code),
    plain("coffeescript", (&["coffee"], &["cakefile"], &["coffee"]), Code),
    plain("cobol", (&["cbl", "cob", "cpy"], &[], &[]), Code),
    plain("apex", (&["trigger", "apex", "cls"], &[], &[]), Code),
    plain("include", (&["inc"], &[], &[]), Code),
    plain("template", (&["erb", "haml", "slim", "ejs", "hbs", "mustache", "jinja", "jinja2", "j2", "tmpl", "tpl", "twig", "liquid", "heex", "eex"], &[], &[]), Code),
    parsed("protobuf", (&["proto"], &[], &[]), tree_sitter_proto::LANGUAGE, query!("protobuf")),
    parsed("graphql", (&["graphql", "gql", "graphqls"], &[], &[]), tree_sitter_graphql::LANGUAGE, query!("graphql")),
    plain("thrift", (&["thrift", "avdl", "capnp", "fbs"], &[], &[]), Code),
    plain("crystal", (&["cr"], &[], &["crystal"]), Code),
    plain("d", (&["d"], &[], &[]), Code),
    plain("awk", (&["awk"], &[], &["awk"]), Code),
    parsed_config("toml", (&["toml"], &["pipfile"], &[]), tree_sitter_toml_ng::LANGUAGE, query!("toml")),
    parsed_config("yaml", (&["yaml", "yml"], &[".clang-format", ".clang-tidy", ".clangd", ".condarc", ".gemrc"], &[]), tree_sitter_yaml::LANGUAGE, query!("yaml")),
    parsed_config("json", (&["json", "jsonc"], &[], &[]), tree_sitter_json::LANGUAGE, query!("json")),
    plain("ini", (&["ini", "cfg", "conf", "properties", "editorconfig"], &[".gitconfig", ".gitmodules", ".flake8", ".pylintrc", ".coveragerc", ".buckconfig", ".hgrc"], &[]), Config),
    plain("settings", (&[], &[".gitattributes", ".tool-versions", ".htaccess", ".bazelversion", ".node-version", ".python-version", ".ruby-version", ".java-version", "codeowners"], &[]), Config),
    plain("xml", (&["xml", "xsd", "xsl", "xslt", "plist", "csproj", "fsproj", "vbproj", "props", "targets"], &[], &[]), Config),
    parsed_config("make", (&["mk", "mak"], &["makefile", "gnumakefile", "bsdmakefile"], &["make"]), tree_sitter_make::LANGUAGE, query!("make")),
    parsed_config("docker", (&["dockerfile", "containerfile"], &["dockerfile", "containerfile"], &[]), tree_sitter_containerfile::LANGUAGE, query!("docker")),
    parsed("terraform", (&["tf", "tofu", "hcl", "nomad"], &[], &[]), tree_sitter_hcl::LANGUAGE, query!("terraform")),
    plain("gn", (&["gn", "gni"], &[], &[]), Config),
    plain("meson", (&[], &["meson.build", "meson_options.txt"], &[]), Config),
    plain("json5", (&["json5"], &[], &[]), Config),
    plain("just", (&["just"], &["justfile"], &[]), Config),
]);

/// Other names of languages, as code hosts, editors and fenced code call them, by the name in [`ROWS`]. Extensions are
/// not repeated. `react` means `tsx`, the language of most React components.
#[rustfmt::skip]
pub(super) static ALIASES: &[(&str, &[&str])] = &[
    ("text", &["plain", "plaintext", "plain text"]),
    ("python", &["python2", "python3", "py2", "py3", "ipython", "ipython3", "cython", "jupyter", "jupyter notebook", "notebook", "sage"]),
    ("typescript", &["deno"]),
    ("tsx", &["react", "typescriptreact", "typescript-react", "reactts"]),
    ("javascript", &["ecmascript", "es6", "esm", "node", "nodejs", "node.js", "javascriptreact", "javascript-react", "reactjs"]),
    ("go", &["golang"]),
    ("c", &["ansi c", "c89", "c99", "c11", "c17", "c23"]),
    ("cpp", &["cplusplus", "cuda", "arduino", "c++11", "c++14", "c++17", "c++20", "c++23"]),
    ("csharp", &["c#", "c-sharp", "c_sharp", "dotnet", ".net"]),
    ("ruby", &["jruby", "mruby", "rails"]),
    ("php", &["php7", "php8"]),
    ("scala", &["scala3", "dotty"]),
    ("bash", &["shell", "shellscript", "shell-script", "shell script", "posix", "posix shell", "dash", "console", "sh-session"]),
    ("elixir", &["iex"]),
    ("sql", &["postgres", "postgresql", "pgsql", "plpgsql", "mysql", "sqlite", "tsql", "t-sql", "plsql", "pl/sql"]),
    ("perl", &["perl5"]),
    ("r", &["rlang", "rscript", "splus"]),
    ("powershell", &["pwsh", "posh"]),
    ("groovy", &["jenkins"]),
    ("gdscript", &["godot"]),
    ("nix", &["nixos"]),
    ("starlark", &["skylark"]),
    ("markdown", &["gfm", "commonmark"]),
    ("restructuredtext", &["rest", "re-structured-text", "restructured-text"]),
    ("org", &["org-mode", "orgmode"]),
    ("tex", &["latex", "bibtex"]),
    ("objective-c", &["objc", "obj-c", "objectivec", "objective c", "objective-c++", "objectivec++", "objective-cpp", "objcpp", "objc++", "obj-c++"]),
    ("fsharp", &["f#", "f-sharp"]),
    ("matlab", &["octave"]),
    ("ocaml", &["reasonml"]),
    ("coq", &["rocq"]),
    ("raku", &["perl6"]),
    ("clojure", &["clojurescript"]),
    ("vim", &["viml", "vimscript", "vim script", "nvim"]),
    ("lisp", &["emacs", "elisp", "emacs-lisp", "emacs lisp", "common-lisp", "common lisp", "commonlisp", "scheme", "racket"]),
    ("assembly", &["assembler", "nasm", "x86asm", "gas"]),
    ("fortran", &["fortran77", "fortran90"]),
    ("pascal", &["delphi", "object pascal", "objectpascal"]),
    ("verilog", &["systemverilog", "system-verilog"]),
    ("razor", &["blazor"]),
    ("css", &["postcss"]),
    ("sass", &["stylus"]),
    ("visual-basic", &["visual basic", "visualbasic", "vb.net", "vba", "vbnet", "vbscript", "visual basic .net"]),
    ("batch", &["batchfile", "dosbatch", "winbatch"]),
    ("coffeescript", &["coffee-script"]),
    ("template", &["jinja-html", "handlebars", "django", "html+django", "embedded ruby"]),
    ("protobuf", &["proto3", "protocol-buffers", "protocol buffers", "protobuffer"]),
    ("thrift", &["flatbuffers", "capnproto", "avro"]),
    ("d", &["dlang"]),
    ("awk", &["gawk", "mawk", "nawk"]),
    ("json", &["jsonl", "ndjson", "geojson", "json-with-comments", "json with comments"]),
    ("ini", &["dosini", "java-properties"]),
    ("make", &["makefile"]),
    ("terraform", &["opentofu"]),
    ("html", &["html5"]),
];
