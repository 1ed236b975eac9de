//! Tests of stack traces in the notations of various programs.

use super::*;

/// Formats each frame as `path:line function`, innermost first.
fn frames(text: &str) -> Vec<String> {
    let locations = parse_trace(text).map(|trace| trace.locations).unwrap_or_default();
    let format_location = |location: &QueryLocation| {
        let line = location.line.map_or(String::new(), |line| format!(":{line}"));
        format!("{}{line} {}", location.path, location.function).trim_end().to_owned()
    };
    locations.iter().map(format_location).collect()
}

#[test]
fn frames_are_parsed_innermost_first() {
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
fn frames_of_each_language_are_parsed() {
    for (text, expected) in [
        (
            // Chrome, with files from a development server
            "TypeError: x is undefined\n    at open (http://localhost:5173/src/session.ts?t=1712:12:7)\n    at \
             Object.<anonymous> (webpack-internal:///./src/main.js:3:1)\n    at Array.map (<anonymous>)",
            vec!["src/session.ts:12 open", "src/main.js:3"],
        ),
        (
            // Firefox and Safari
            "open@http://localhost:3000/src/session.js:12:7\nasync*main@http://localhost:3000/src/main.js:3:1",
            vec!["src/session.js:12 open", "src/main.js:3 main"],
        ),
        ("src/pool.ts(42,7): error TS2304: Cannot find name 'wait'.", vec!["src/pool.ts:42"]),
        ("src/pool.ts:42:7 - error TS2304: Cannot find name 'wait'.", vec!["src/pool.ts:42"]),
        (
            "  + Exception Group Traceback (most recent call last):\n  |   File \"/app/main.py\", line 3, in <module>\n  \
             |     run()\n  | ExceptionGroup: two",
            vec!["/app/main.py:3"],
        ),
        (
            "PoolError Traceback (most recent call last)\nFile ~/app/pool.py:42, in acquire(self)\n",
            vec!["~/app/pool.py:42 acquire"],
        ),
        (
            "java.lang.IndexOutOfBoundsException\n\tat java.base/java.util.ArrayList.get(ArrayList.java:427)\n\tat \
             org.app.Pool$Inner.lambda$acquire$0(Pool.java:42)\n\tat org.app.PoolKt.open$default(Pool.kt:7)\n\tat \
             jdk.internal.reflect.NativeMethodAccessorImpl.invoke0(Native Method)",
            vec![
                "java.base/java/util/ArrayList.java:427 get",
                "org/app/Pool.java:42 acquire",
                "org/app/Pool.kt:7 open",
            ],
        ),
        ("[ERROR] /app/src/Pool.java:[42,7] cannot find symbol", vec!["/app/src/Pool.java:42"]),
        ("e: file:///app/src/Pool.kt:42:7 Unresolved reference: wait", vec!["app/src/Pool.kt:42"]),
        (
            "   at App.Pool.<AcquireAsync>d__5.MoveNext() in /app/Pool.cs:line 42\n   at \
             App.Pool.<>c__DisplayClass1_0.<Open>b__0(Int32 x) in /app/Pool.cs:line 7",
            vec!["/app/Pool.cs:42 AcquireAsync", "/app/Pool.cs:7 Open"],
        ),
        ("Net/Pool.cs(42,7): error CS0103: The name 'wait' does not exist [/app/app.csproj]", vec!["Net/Pool.cs:42"]),
        (
            "goroutine 1 [running]:\nmain.(*Pool).Acquire.func1.2()\n\t/app/pool.go:42 +0x1d\ncreated by main.main in \
             goroutine 1\n\t/app/main.go:9 +0x2a",
            vec!["/app/pool.go:42 Acquire", "/app/main.go:9"],
        ),
        ("./pool.go:42:7: undefined: wait", vec!["pool.go:42"]),
        (
            "error[E0425]: cannot find value `wait` in this scope\n  --> src/pool.rs:42:9\n   |\n42 |         wait\n   |         \
             ^^^^ not found in this scope",
            vec!["src/pool.rs:42"],
        ),
        (
            "pool.rb:42:in 'Pool#acquire': none (PoolError)\n\tfrom main.rb:3:in 'block in Main.run'",
            vec!["pool.rb:42 acquire", "main.rb:3 run"],
        ),
        (
            "PHP Parse error:  syntax error, unexpected ';' in /app/src/Pool.php on line 42",
            vec!["/app/src/Pool.php:42"],
        ),
        (
            "** (RuntimeError) none\n    (app 0.1.0) lib/app/pool.ex:42: App.Pool.acquire/1\n    (app 0.1.0) \
             lib/app/main.ex:9: anonymous fn/2 in App.Main.run/1",
            vec!["lib/app/pool.ex:42 acquire", "lib/app/main.ex:9 run"],
        ),
        (
            "App/Pool.swift:42: Fatal error: none\n0 [ra] 0x0001 Pool.acquire(wait:) + 52 in app at /src/App/Pool.swift:42:9\n4   \
             App   0x0002 open() + 8 (Main.swift:9)",
            vec!["App/Pool.swift:42", "/src/App/Pool.swift:42 acquire", "Main.swift:9 open"],
        ),
        (
            "app: none\nCallStack (from HasCallStack):\n  error, called at src/Pool.hs:42:9 in main:Pool\n  acquire, called at \
             app/Main.hs:9:5 in main:Main",
            vec!["src/Pool.hs:42 acquire", "app/Main.hs:9"],
        ),
        ("src/Pool.hs:42:9: error: [GHC-88464]\n    Variable not in scope: wait", vec!["src/Pool.hs:42"]),
        (
            "==1==ERROR: AddressSanitizer: heap-use-after-free\n    #0 0x4f3 in app::Pool::acquire(int, \
             std::vector<int>) /src/net/pool.cc:42:9\n    #1 0x4f4 in main /src/main.c:9:3\n    #2 0x7f in __libc_start_main \
             (/lib/libc.so.6+0x123)",
            vec!["/src/net/pool.cc:42 acquire", "/src/main.c:9 main"],
        ),
        (
            "#0  0x000055 in acquire (wait=5, name=0x1 \"a\") at net/pool.c:42\n#1  main () at main.c:9",
            vec!["net/pool.c:42 acquire", "main.c:9 main"],
        ),
        (
            "* frame #0: 0x0001 app`acquire(wait=5) at pool.c:42:9\n    frame #1: 0x0002 app`main at main.c:9:3",
            vec!["pool.c:42 acquire", "main.c:9 main"],
        ),
        (
            "==12== Invalid read of size 4\n==12==    at 0x109: acquire (pool.c:42)\n==12==    by 0x10A: main (main.c:9)",
            vec!["pool.c:42 acquire", "main.c:9 main"],
        ),
        (
            "In file included from src/main.c:2:\nsrc/pool.h:42:7: error: unknown type name 'conn'\n   42 |  conn *c;",
            vec!["src/main.c:2", "src/pool.h:42"],
        ),
        (
            "src/pool.cc: In member function 'int app::Pool::acquire(int)':\nsrc/pool.cc:42:7: error: 'wait' was not declared",
            vec!["src/pool.cc:42 acquire"],
        ),
        ("src\\pool.cpp(42,7): error C2065: 'wait': undeclared identifier", vec!["src/pool.cpp:42"]),
        (
            "#0      Pool.acquire (package:app/net/pool.dart:42:5)\n#1      main.<anonymous closure> \
             (file:///app/bin/main.dart:9:3)\n#2      _rootRun (dart:async/zone.dart:1399:13)",
            vec!["app/lib/net/pool.dart:42 acquire", "app/bin/main.dart:9 main"],
        ),
        (
            "lua: pool.lua:42: none\nstack traceback:\n\t[C]: in function 'error'\n\tpool.lua:42: in method \
             'acquire'\n\tnet/pool.lua:7: in function <net/pool.lua:5>\n\tmain.lua:9: in main chunk",
            vec!["pool.lua:42", "pool.lua:42 acquire", "net/pool.lua:7", "main.lua:9"],
        ),
        (
            "thread 1 panic: none\n/app/src/pool.zig:42:9: 0x1038 in acquire (app)\n        @panic(\"none\");\n        ^",
            vec!["/app/src/pool.zig:42 acquire"],
        ),
        (
            "none at lib/Pool.pm line 42.\n\tPool::acquire(5) called at main.pl line 9",
            vec!["lib/Pool.pm:42 acquire", "main.pl:9"],
        ),
        ("bin/pool.sh: line 42: wait_for: command not found", vec!["bin/pool.sh:42"]),
    ] {
        assert_eq!(frames(text), expected, "{text}");
    }
}

#[test]
fn the_message_consists_of_the_lines_without_a_frame() {
    let text = "Traceback (most recent call last):\n  File \"/app/pool.py\", line 4, in get\n    raise \
                PoolError(wait)\nPoolError: no connection is free";
    assert_eq!(parse_trace(text).expect("a trace").message, "raise PoolError(wait)\nPoolError: no connection is free");
    let message = |text: &str| parse_trace(text).expect("a trace").message;
    assert_eq!(message("src/pool.c:42:7: error: no such name"), "error: no such name");
    let status = "404: page not found\n    at get (a.js:1:2)\n    at put (b.js:3:4)";
    assert_eq!(message(status), "404: page not found");
    assert_eq!(message("at get (a.js:1:2)\nat put (b.js:3:4)\nat Array.map (<anonymous>)"), "");
    let rustc = "error[E0425]: cannot find value\n  --> src/pool.rs:42:9\n   |\n42 |     wait\n   |     ^^^^ not found";
    assert_eq!(message(rustc), "error[E0425]: cannot find value\nwait\n^^^^ not found");
    let elixir = "** (RuntimeError) none\n    lib/pool.ex:42: App.Pool.acquire/1\n    lib/main.ex:9: App.run/1";
    assert_eq!(message(elixir), "** (RuntimeError) none\nApp.Pool.acquire/1");
}

#[test]
fn paths_are_separated_from_names() {
    for (token, expected) in [
        ("snapshot.rs", Some(("snapshot.rs", None))),
        ("`src/search/snapshot.rs:120`,", Some(("src/search/snapshot.rs", Some(120)))),
        ("src\\net\\Pool.cs:7:3", Some(("src/net/Pool.cs", Some(7)))),
        ("src/pool.go#L12", Some(("src/pool.go", Some(12)))),
        ("src/pool.go:12-20", Some(("src/pool.go", Some(12)))),
        ("package:app/src/pool.dart", Some(("app/lib/src/pool.dart", None))),
        ("https://github.com/o/app/blob/main/src/pool.go#L12-L20", Some(("o/app/blob/main/src/pool.go", Some(12)))),
        ("tests/test_pool.py::test_get", Some(("tests/test_pool.py", None))),
        ("Foo.bar", None),
        ("Foo::bar", None),
        ("and/or", None),
        ("e.g.", None),
        ("1.5", None),
        ("https://example.com/a.rs", None),
    ] {
        let found = parse_location(token);
        assert_eq!(found.as_ref().map(|location| (location.path.as_str(), location.line)), expected, "{token}");
    }
}

#[test]
fn fences_around_a_trace_are_no_part_of_its_message() {
    let fenced = "```console\n$ serve --fast\nError: no connection is free\n    at open (src/pool.js:3:1)\n```";
    let trace = parse_trace(fenced).expect("a trace");
    assert_eq!(trace.message, "$ serve --fast\nError: no connection is free");
    assert_eq!((trace.locations[0].path.as_str(), trace.locations[0].line), ("src/pool.js", Some(3)));
}
