//! Finds the function of a stack frame in the notations of various languages.

/// Suffixes of names that stand for unnamed functions.
const UNNAMED_SUFFIXES: &[&str] = &["<anonymous>", "<init>", "<clinit>", "<module>", "<lambda>"];

/// Names of wrapper functions, which do not identify the wrapped function.
const WRAPPERS: &[&str] =
    &["invoke", "invokeSuspend", "MoveNext", "closure", "anonymous", "fn", "call_once", "module", "chunk"];

/// Returns the function on the frame's line, or on the line `above`; `None` if neither has one.
pub(super) fn find_function(line: &str, above: &str) -> Option<String> {
    parse_numbered_frame(line)
        .or_else(|| parse_zig_frame(line))
        .or_else(|| parse_in_frame(line))
        .or_else(|| parse_at_frame(line))
        .or_else(|| parse_elixir_frame(line))
        .or_else(|| parse_swift_frame(line))
        .or_else(|| parse_line_above(line, above))
}

/// Returns the function that is called at the location on this line. It is the function of the previous frame.
///
/// Examples: `acquire, called at app/Main.hs:9:5 in main:Main` (Haskell), `Pool::acquire(5) called at main.pl
/// line 9` (Perl).
pub(super) fn find_called_function(line: &str) -> Option<String> {
    let (callee, _) = line.split_once(" called at ")?;
    function_name(callee.trim_end_matches(','))
}

/// Parses frames that begin with a number.
///
/// Examples: `#0  0x05 in acquire (wait=5) at pool.c:42` (gdb), `#0 0x4f in Pool::acquire(int)
/// /src/pool.cc:42:9` (sanitizers), `#0      Pool.acquire (package:app/pool.dart:42:5)` (Dart), `#0
/// /app/Main.php(7): App\Pool->acquire(5)` (PHP), ``frame #0: 0x1 app`acquire(wait=5) at pool.c:42:9`` (lldb).
fn parse_numbered_frame(line: &str) -> Option<String> {
    let line = line.trim_start_matches("* ");
    let rest = line.strip_prefix("frame #").or_else(|| line.strip_prefix('#'))?;
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    if let Some((_, callee)) = rest.split_once("): ") {
        return function_name(callee);
    }
    let rest = rest.trim_start();
    let after_address = rest.strip_prefix("0x").and_then(|rest| rest.split_once(" in "));
    let callee = rest.split_once('`').or(after_address).map_or(rest, |(_, callee)| callee);
    let callee = if callee.contains('(') { callee } else { callee.split_whitespace().next()? };
    function_name(callee)
}

/// Parses a Zig frame: `/src/pool.zig:42:9: 0x1038 in acquire (app)`.
fn parse_zig_frame(line: &str) -> Option<String> {
    let (_, rest) = line.split_once(": 0x")?;
    let (_, callee) = rest.split_once(" in ")?;
    function_name(callee)
}

/// Parses frames in which `in` precedes the function.
///
/// Examples: ``pool.rb:42:in `acquire'``, `pool.rb:42:in 'Pool#acquire'` (Ruby), `pool.lua:42: in method
/// 'acquire'` (Lua), `File ~/pool.py:42, in acquire(self)` (IPython).
fn parse_in_frame(line: &str) -> Option<String> {
    let (_, rest) = [":in ", ": in ", ", in "].iter().find_map(|mark| line.split_once(mark))?;
    let lua = ["function ", "method ", "upvalue ", "field ", "local ", "global "];
    let rest = lua.iter().find_map(|prefix| rest.strip_prefix(prefix)).unwrap_or(rest);
    match rest.strip_prefix(['`', '\'']) {
        Some(quoted) => function_name(quoted.split('\'').next()?),
        None if rest.starts_with('<') || rest.contains(' ') && !rest.contains('(') => None,
        None => function_name(rest),
    }
}

/// Parses frames in which `at` or `by` precedes the function or `@` follows it.
///
/// Examples: `at Session.open (…)` (JavaScript), `at App.Session.Open(…) in …` (C#), `at 0x10: open (…)`
/// (valgrind), `open@http://…` (Firefox, Safari).
fn parse_at_frame(line: &str) -> Option<String> {
    let Some(rest) = line.strip_prefix("at ").or_else(|| line.strip_prefix("by ")) else {
        let (callee, location) = line.split_once('@')?;
        let is_frame = !callee.contains(char::is_whitespace) && (location.contains("://") || location.starts_with('/'));
        return if is_frame { function_name(callee) } else { None };
    };
    let rest = rest.strip_prefix("async ").or_else(|| rest.strip_prefix("new ")).unwrap_or(rest);
    let (callee, _) = rest.split_once(['(', '['])?;
    if callee.contains('/') { None } else { function_name(callee) }
}

/// Parses Elixir frames: `lib/pool.ex:42: App.Pool.acquire/1`, `…: anonymous fn/2 in App.Pool.acquire/1`.
fn parse_elixir_frame(line: &str) -> Option<String> {
    let (_, callee) = line.rsplit_once(": ")?;
    let (callee, arity) = callee.rsplit_once('/')?;
    let is_arity = !arity.is_empty() && arity.bytes().all(|byte| byte.is_ascii_digit());
    if is_arity { function_name(callee.rsplit(' ').next()?) } else { None }
}

/// Parses Swift frames: `3 Pool.acquire(wait:) + 52 in app at /src/Pool.swift:42:9`, `4  App  0x10
/// Pool.acquire() + 52 (Pool.swift:42)`.
fn parse_swift_frame(line: &str) -> Option<String> {
    let numbered = line.starts_with(|c: char| c.is_ascii_digit());
    let (callee, _) = line.split_once(" + ").or_else(|| line.split_once(" in "))?;
    let before = callee.split_once('(')?.0;
    if numbered { function_name(before.rsplit(' ').next()?) } else { None }
}

/// Parses the function on the line above a frame.
///
/// Examples: `main.(*Server).Serve(0xc00)` (Go), `12: app::session::open` (Rust), `pool.c: In function
/// 'acquire':` (gcc).
fn parse_line_above(line: &str, above: &str) -> Option<String> {
    if above.contains(": In ")
        && let Some((_, quoted)) = above.split_once("function '")
    {
        return function_name(quoted.split('\'').next()?);
    }
    if above.contains(' ') && !above.contains("::") && !above.contains('(') {
        return None;
    }
    if line.contains(".go:") && above.contains('(') {
        // Go also writes the receiver in brackets. `func1` is a closure in the preceding function.
        let callee = above[..above.rfind('(')?].trim_end_matches("...");
        let is_closure = |part: &&str| {
            let number = part.strip_prefix("func").unwrap_or(part);
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        };
        return callee.rsplit('.').find(|part| !is_closure(part)).and_then(last_identifier);
    }
    let callee = above.split_once(": ").map_or(above, |(_, callee)| callee);
    // `app::open::{{closure}}` and `app::open::h0123456789abcdef` belong to `open`.
    let is_hash = |part: &str| part.len() == 17 && part.starts_with('h');
    let named = |part: &&str| !part.starts_with('{') && !is_hash(part);
    let rust = line.starts_with("at ") && above.contains("::");
    if rust { callee.split("::").filter(named).last().and_then(last_identifier) } else { None }
}

/// Returns the function name in a callee without arguments, qualifiers and decorations; `None` if unnamed or a wrapper.
pub(super) fn function_name(callee: &str) -> Option<String> {
    // C# names state machines and lambdas after the method: `<AcquireAsync>d__5.MoveNext`, `<Acquire>b__0`.
    if let Some(end) = callee.find(">d__").or_else(|| callee.find(">b__")) {
        return last_identifier(&callee[..end]);
    }
    let callee = callee.split(['(', '[']).next().unwrap_or_default().trim();
    let callee = callee.trim_end_matches(".<anonymous closure>"); // Dart: the enclosing function.
    if UNNAMED_SUFFIXES.iter().any(|suffix| callee.ends_with(suffix)) {
        return None;
    }
    // The JVM decorates lambdas and default arguments: `lambda$acquire$0`, `acquire$default`.
    let end = callee.rsplit(['.', ':', ' ']).next().unwrap_or_default();
    let plain = end.strip_prefix("lambda$").unwrap_or(end).split('$').find(|part| !part.is_empty());
    match plain.filter(|plain| end.contains('$') && plain.len() > 1) {
        Some(plain) => last_identifier(plain),
        None => last_identifier(callee),
    }
}

fn last_identifier(callee: &str) -> Option<String> {
    let inside = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let name = callee.rsplit(|c: char| !inside(c)).find(|part| !part.is_empty())?;
    let is_name = !WRAPPERS.contains(&name) && !name.starts_with(|c: char| c.is_ascii_digit());
    is_name.then(|| name.to_owned())
}
