//! The function that a frame is of, as the languages write it.

/// What ends the name of a function that has none of its own.
const NAMELESS: &[&str] = &["<anonymous>", "<init>", "<clinit>", "<module>", "<lambda>"];

/// Names of functions that only carry another one.
const CARRIERS: &[&str] =
    &["invoke", "invokeSuspend", "MoveNext", "closure", "anonymous", "fn", "call_once", "module", "chunk"];

/// The function on a frame's own line, or on the one `above`.
pub(super) fn of(line: &str, above: &str) -> Option<String> {
    numbered(line)
        .or_else(|| after_address(line))
        .or_else(|| said_in(line))
        .or_else(|| after_at(line))
        .or_else(|| with_arity(line))
        .or_else(|| before_place(line))
        .or_else(|| function_above(line, above))
}

/// What is called at the place on this line: `acquire, called at app/Main.hs:9:5 in main:Main` (Haskell),
/// `Pool::acquire(5) called at main.pl line 9` (Perl). The frame before it is of that function.
pub(super) fn called_there(line: &str) -> Option<String> {
    let (callee, _) = line.split_once(" called at ")?;
    name(callee.trim_end_matches(','))
}

/// Of frames that begin with a number: `#0  0x05 in acquire (wait=5) at pool.c:42` (gdb),
/// `#0 0x4f in Pool::acquire(int) /src/pool.cc:42:9` (sanitizers), `#0      Pool.acquire (package:app/pool.dart:42:5)`
/// (Dart), `#0 /app/Main.php(7): App\Pool->acquire(5)` (PHP), ``frame #0: 0x1 app`acquire(wait=5) at pool.c:42:9`` (lldb).
fn numbered(line: &str) -> Option<String> {
    let line = line.trim_start_matches("* ");
    let rest = line.strip_prefix("frame #").or_else(|| line.strip_prefix('#'))?;
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    if let Some((_, callee)) = rest.split_once("): ") {
        return name(callee);
    }
    let rest = rest.trim_start();
    let after_address = rest.strip_prefix("0x").and_then(|rest| rest.split_once(" in "));
    let callee = rest.split_once('`').or(after_address).map_or(rest, |(_, callee)| callee);
    let callee = if callee.contains('(') { callee } else { callee.split_whitespace().next()? };
    name(callee)
}

/// `/src/pool.zig:42:9: 0x1038 in acquire (app)`
fn after_address(line: &str) -> Option<String> {
    let (_, rest) = line.split_once(": 0x")?;
    let (_, callee) = rest.split_once(" in ")?;
    name(callee)
}

/// ``pool.rb:42:in `acquire'``, `pool.rb:42:in 'Pool#acquire'` (Ruby), `pool.lua:42: in method 'acquire'` (Lua),
/// `File ~/pool.py:42, in acquire(self)` (IPython).
fn said_in(line: &str) -> Option<String> {
    let (_, rest) = [":in ", ": in ", ", in "].iter().find_map(|mark| line.split_once(mark))?;
    let lua = ["function ", "method ", "upvalue ", "field ", "local ", "global "];
    let rest = lua.iter().find_map(|what| rest.strip_prefix(what)).unwrap_or(rest);
    match rest.strip_prefix(['`', '\'']) {
        Some(quoted) => name(quoted.split('\'').next()?),
        None if rest.starts_with('<') || rest.contains(' ') && !rest.contains('(') => None,
        None => name(rest),
    }
}

/// `at Session.open (…)` (JavaScript), `at App.Session.Open(…) in …` (C#), `at 0x10: open (…)` (valgrind),
/// `open@http://…` (Firefox, Safari).
fn after_at(line: &str) -> Option<String> {
    let Some(rest) = line.strip_prefix("at ").or_else(|| line.strip_prefix("by ")) else {
        let (callee, place) = line.split_once('@')?;
        let is_frame = !callee.contains(char::is_whitespace) && (place.contains("://") || place.starts_with('/'));
        return if is_frame { name(callee) } else { None };
    };
    let rest = rest.strip_prefix("async ").or_else(|| rest.strip_prefix("new ")).unwrap_or(rest);
    let (callee, _) = rest.split_once(['(', '['])?;
    if callee.contains('/') { None } else { name(callee) }
}

/// `lib/pool.ex:42: App.Pool.acquire/1`, `…: anonymous fn/2 in App.Pool.acquire/1` (Elixir)
fn with_arity(line: &str) -> Option<String> {
    let (_, callee) = line.rsplit_once(": ")?;
    let (callee, arity) = callee.rsplit_once('/')?;
    let is_arity = !arity.is_empty() && arity.bytes().all(|byte| byte.is_ascii_digit());
    if is_arity { name(callee.rsplit(' ').next()?) } else { None }
}

/// `3 Pool.acquire(wait:) + 52 in app at /src/Pool.swift:42:9`,
/// `4  App  0x10 Pool.acquire() + 52 (Pool.swift:42)` (Swift)
fn before_place(line: &str) -> Option<String> {
    let numbered = line.starts_with(|c: char| c.is_ascii_digit());
    let (callee, _) = line.split_once(" + ").or_else(|| line.split_once(" in "))?;
    let before = callee.split_once('(')?.0;
    if numbered { name(before.rsplit(' ').next()?) } else { None }
}

/// The function on the line above: `main.(*Server).Serve(0xc00)` (Go), `12: app::session::open` (Rust),
/// `pool.c: In function 'acquire':` (gcc).
fn function_above(line: &str, above: &str) -> Option<String> {
    if above.contains(": In ")
        && let Some((_, quoted)) = above.split_once("function '")
    {
        return name(quoted.split('\'').next()?);
    }
    if above.contains(' ') && !above.contains("::") && !above.contains('(') {
        return None;
    }
    if line.contains(".go:") && above.contains('(') {
        // The receiver stands in brackets, too; `func1` is a closure in what stands before it.
        let callee = above[..above.rfind('(')?].trim_end_matches("...");
        let is_closure = |part: &&str| {
            let number = part.strip_prefix("func").unwrap_or(part);
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        };
        return callee.rsplit('.').find(|part| !is_closure(part)).and_then(last);
    }
    let callee = above.split_once(": ").map_or(above, |(_, callee)| callee);
    // `app::open::{{closure}}` and `app::open::h0123456789abcdef` are of `open`.
    let is_hash = |part: &str| part.len() == 17 && part.starts_with('h');
    let named = |part: &&str| !part.starts_with('{') && !is_hash(part);
    let rust = line.starts_with("at ") && above.contains("::");
    if rust { callee.split("::").filter(named).last().and_then(last) } else { None }
}

/// The name in a callee as a frame writes it: without arguments, what it is in, and what a compiler made of it.
pub(super) fn name(callee: &str) -> Option<String> {
    // C# writes `<AcquireAsync>d__5.MoveNext` and `<Acquire>b__0` for what is in `AcquireAsync` and `Acquire`.
    if let Some(end) = callee.find(">d__").or_else(|| callee.find(">b__")) {
        return last(&callee[..end]);
    }
    let callee = callee.split(['(', '[']).next().unwrap_or_default().trim();
    let callee = callee.trim_end_matches(".<anonymous closure>"); // Dart: of the function around it
    if NAMELESS.iter().any(|nameless| callee.ends_with(nameless)) {
        return None;
    }
    // The JVM writes `lambda$acquire$0`, `acquire$default`.
    let end = callee.rsplit(['.', ':', ' ']).next().unwrap_or_default();
    let plain = end.strip_prefix("lambda$").unwrap_or(end).split('$').find(|part| !part.is_empty());
    match plain.filter(|plain| end.contains('$') && plain.len() > 1) {
        Some(plain) => last(plain),
        None => last(callee),
    }
}

fn last(callee: &str) -> Option<String> {
    let inside = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let name = callee.rsplit(|c: char| !inside(c)).find(|part| !part.is_empty())?;
    let is_name = !CARRIERS.contains(&name) && !name.starts_with(|c: char| c.is_ascii_digit());
    is_name.then(|| name.to_owned())
}
