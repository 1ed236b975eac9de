//! Traces as programs print them.

use super::*;

/// `path:line function` of each frame, the innermost first.
fn frames(text: &str) -> Vec<String> {
    let places = trace(text).map(|trace| trace.places).unwrap_or_default();
    let written = |place: &Place| {
        let line = place.line.map_or(String::new(), |line| format!(":{line}"));
        format!("{}{line} {}", place.path, place.function).trim_end().to_owned()
    };
    places.iter().map(written).collect()
}

#[test]
fn frames_are_read_innermost_first() {
    for (text, expected) in [
        (
            "Traceback (most recent call last):\n  File \"/app/main.py\", line 10, in <module>\n    run()\n  File \
             \"/app/net/pool.py\", line 42, in acquire\n    raise PoolError(\"no connection is free\")\nPoolError: no \
             connection is free",
            vec!["/app/net/pool.py:42 acquire", "/app/main.py:10"],
        ),
        (
            "java.lang.IllegalStateException: outer\n\tat org.app.Main.main(Main.java:5)\nCaused by: \
             java.io.IOException: inner\n\tat org.app.net.Pool.acquire(Pool.java:42)\n\tat \
             org.app.net.PoolKt$lazy$1.invoke(Pool.kt:9)\n\t... 3 more",
            vec!["org/app/net/Pool.java:42 acquire", "org/app/net/Pool.kt:9", "org/app/Main.java:5 main"],
        ),
        (
            "TypeError: x is undefined\n    at Session.open (/srv/app/src/session.ts:12:7)\n    at async \
             file:///srv/app/src/main.js:3:1\n    at node:internal/process:95:5",
            vec!["/srv/app/src/session.ts:12 open", "srv/app/src/main.js:3"],
        ),
        (
            "thread 'main' panicked at src/pool.rs:42:9:\nno connection is free\nstack backtrace:\n   0: \
             rust_begin_unwind\n   1: app::pool::Pool::acquire::h0123456789abcdef\n             at ./src/pool.rs:42:9\n   \
             2: app::main\n             at ./src/main.rs:3:5",
            vec!["src/pool.rs:42", "src/pool.rs:42 acquire", "src/main.rs:3 main"],
        ),
        (
            "panic: no connection is free\n\ngoroutine 1 [running]:\nexample.com/app/net.(*Pool).Acquire(0xc000012345, \
             0x1)\n\t/home/me/app/net/pool.go:42 +0x1d\nmain.main()\n\t/home/me/app/main.go:9 +0x2a\nexit status 2",
            vec!["/home/me/app/net/pool.go:42 Acquire", "/home/me/app/main.go:9 main"],
        ),
        (
            "Unhandled exception. System.InvalidOperationException: none\n   at App.Net.Pool.Acquire(Int32 wait) in \
             C:\\src\\app\\Net\\Pool.cs:line 42\n   at App.Program.Main() in C:\\src\\app\\Program.cs:line 7",
            vec!["/src/app/Net/Pool.cs:42 Acquire", "/src/app/Program.cs:7 Main"],
        ),
        (
            "/app/lib/pool.rb:42:in `acquire': no connection is free (PoolError)\n\tfrom /app/main.rb:3:in `<main>'",
            vec!["/app/lib/pool.rb:42 acquire", "/app/main.rb:3 main"],
        ),
        (
            "PHP Fatal error: none in /app/src/Pool.php:42\n#0 /app/src/Main.php(7): App\\Pool->acquire(5)",
            vec!["/app/src/Pool.php:42", "/app/src/Main.php:7 acquire"],
        ),
        ("src/pool.c:42:7: error: use of undeclared identifier 'wait'", vec!["src/pool.c:42"]),
        ("at acquire (src/pool.js:42:1)", vec!["src/pool.js:42 acquire"]),
        ("how does pool.rs hand out connections", vec![]),
        ("a function\nin two lines", vec![]),
    ] {
        assert_eq!(frames(text), expected, "{text}");
    }
}

#[test]
fn the_message_is_what_is_no_frame() {
    let text = "Traceback (most recent call last):\n  File \"/app/pool.py\", line 4, in get\n    raise \
                PoolError(wait)\nPoolError: no connection is free";
    assert_eq!(trace(text).expect("a trace").message, "raise PoolError(wait)\nPoolError: no connection is free");
    let message = |text: &str| trace(text).expect("a trace").message;
    assert_eq!(message("src/pool.c:42:7: error: no such name"), "error: no such name");
    assert_eq!(message("at get (a.js:1:2)\nat put (b.js:3:4)"), "");
}

#[test]
fn paths_are_told_from_names() {
    for (token, expected) in [
        ("snapshot.rs", Some(("snapshot.rs", None))),
        ("`src/search/snapshot.rs:120`,", Some(("src/search/snapshot.rs", Some(120)))),
        ("src\\net\\Pool.cs:7:3", Some(("src/net/Pool.cs", Some(7)))),
        ("src/pool.go#L12", Some(("src/pool.go", Some(12)))),
        ("src/pool.go:12-20", Some(("src/pool.go", Some(12)))),
        ("Foo.bar", None),
        ("Foo::bar", None),
        ("and/or", None),
        ("e.g.", None),
        ("1.5", None),
        ("https://example.com/a.rs", None),
    ] {
        let found = place_in(token);
        assert_eq!(found.as_ref().map(|place| (place.path.as_str(), place.line)), expected, "{token}");
    }
}
