//! Tests of files in other encodings, of composed and decomposed characters, and of text without spaces between its
//! words.

use serde_json::json;

use crate::support::cli::Project;
use crate::support::mcp::{RawClient, Repository};

fn utf16(text: &str, is_big: bool) -> Vec<u8> {
    let bytes = |unit: u16| if is_big { unit.to_be_bytes() } else { unit.to_le_bytes() };
    text.encode_utf16().flat_map(bytes).collect()
}

/// The UTF-8 text `// 请求失败后重试` in GBK.
const GBK_COMMENT: &[u8] = b"// \xc7\xeb\xc7\xf3\xca\xa7\xb0\xdc\xba\xf3\xd6\xd8\xca\xd4\n";

#[test]
fn files_in_other_encodings_are_found_read_and_fresh() {
    let project = Project::empty();
    let class = "namespace Shop\r\n{\r\n    public class Source\r\n    {\r\n        public int CountInvoices() { return 2; }\r\n    \
                 }\r\n}\r\n";
    project.write("Little.cs", utf16(&class.replace("Invoices", "Little").replace("name", "\u{feff}name"), false));
    project.write("Bare.cs", utf16(&class.replace("Invoices", "Bare"), true));
    project.write("Marked.cs", class.replace("Invoices", "Marked").replace("name", "\u{feff}name"));
    project.write("retry.cpp", [GBK_COMMENT, b"int send_again(int times) {\n    return times;\n}\n"].concat());
    project.write("broken.py", b"def shout():\n    return '\xff'\n");
    let listing = project.run(&["index", "--dry-run"]);
    assert!(listing.out.contains("  broken.py: its encoding is neither UTF-8 nor"), "{}", listing.out);
    assert!(listing.out.contains("5 files would be indexed, 0 left out"), "{}", listing.out);
    project.run(&["index"]);
    let status = project.run(&["status"]);
    assert!(status.out.contains("1 problem") && status.out.contains("broken.py: its encoding"), "{}", status.out);
    for (name, place) in [
        ("CountLittle", "Little.cs:5"),
        ("CountBare", "Bare.cs:5"),
        ("CountMarked", "Marked.cs:5"),
        ("send_again", "retry.cpp:"),
        ("shout", "broken.py:1"),
    ] {
        let found = project.run(&["symbol", name, "--color", "never"]);
        assert!(found.code == 0 && found.out.contains(place), "{name}: {}{}", found.out, found.err);
    }
    let hits = project.run(&["search", "请求失败", "--json"]).json();
    assert_eq!(hits["results"][0]["path"], "retry.cpp", "{hits}");
    assert_ne!(hits["results"][0]["stale"], true, "{hits}");
    let read = project.run(&["read", "retry.cpp"]);
    assert!(read.out.contains("请求失败后重试") && !read.out.contains("changed"), "{}", read.out);
    let read = project.run(&["read", "Little.cs:5"]);
    assert!(read.out.contains("public int CountLittle()"), "{}", read.out);
}

#[test]
fn text_without_spaces_is_found_by_its_parts() {
    let project = Project::empty();
    project.write("retry.go", "package net\n\n// 请求失败后自动重试三次，每次等待时间加倍\nfunc sendWithBackoff(n int) error { return nil }\n");
    project.write("pool.go", "package net\n\n// 关闭数据库连接\nfunc shutDownPool() {}\n");
    project.write("mail.py", "def deliver(box):\n    \"\"\"ユーザーに確認メールを送信する。失敗した場合は再試行します。\"\"\"\n    return box\n");
    project.write("purge.py", "def purge(box):\n    \"\"\"古い一時ファイルを削除する\"\"\"\n    return box\n");
    project.write("Pay.java", "class Pay {\n    /** 결제를 취소하고 환불을 처리한다 */\n    void undo() {}\n}\n");
    project.write(
        "Key.java",
        "class Key {\n    /** 사용자의 비밀번호를 변경합니다. 값을 지운다 */\n    void rotate() {}\n}\n",
    );
    project.write("thai.js", "// เปลี่ยนรหัสผ่านของผู้ใช้\nfunction change(user) {}\n");
    project.write("size.c", "/* Berechnet die Größe des Zwischenspeichers. */\nint calc(int n) { return n; }\n");
    for filler in 0..6 {
        project.write(&format!("filler{filler}.py"), format!("def filler_{filler}(a):\n    return a + {filler}\n"));
    }
    for (question, path) in [
        ("重试", "retry.go"),
        ("请求失败怎么重试", "retry.go"),
        ("数据库连接", "pool.go"),
        ("再試行", "mail.py"),
        ("メールの送信はどこですか", "mail.py"),
        ("一時ファイル", "purge.py"),
        ("환불", "Pay.java"),
        ("결제는 어떻게 취소하나요", "Pay.java"),
        ("비밀번호 변경", "Key.java"),
        ("값", "Key.java"),
        ("รหัสผ่าน", "thai.js"),
        ("GRÖSSE", "size.c"),
        ("gro\u{308}ße", "size.c"),
        ("\"失敗した場合\"", "mail.py"),
    ] {
        for mode in ["hybrid", "lexical"] {
            let paths = project.paths(&[question, "--mode", mode]);
            assert_eq!(paths.first().map(String::as_str), Some(path), "{question} ({mode}): {paths:?}");
        }
    }
    let ran = project.run(&["search", "请求失败怎么重试", "--json"]).json();
    assert!(!ran["notes"].to_string().contains("nowhere"), "a question is no name: {ran}");
}

#[test]
fn composed_and_decomposed_names_and_paths_are_the_same() {
    let (composed, decomposed) = ("sécurité/café.py", "se\u{301}curite\u{301}/cafe\u{301}.py");
    for (written, asked) in [(composed, decomposed), (decomposed, composed)] {
        let name = |path: &str| path.rsplit('/').next().expect("a name").trim_end_matches(".py").to_owned();
        let repository = Repository::new();
        let code = format!("def servir_{}(x):\n    return x\n\n\nservir_{}(1)\n", name(written), name(written));
        repository.write(written, &code);
        repository.write("other.py", "def other(x):\n    return x\n");
        let mut client = RawClient::initialized(&repository);
        client.indexed();
        let folder = asked.split('/').next().expect("a folder");
        let symbol = format!("servir_{}", name(asked));
        for (tool, given) in [
            ("search_code", json!({ "query": name(asked) })),
            ("search_code", json!({ "query": "servir", "path": folder })),
            ("search_code", json!({ "query": "servir", "path": format!("{folder}/*.py") })),
            ("search_code", json!({ "query": asked })),
            ("find_symbol", json!({ "name": symbol })),
            ("find_references", json!({ "name": symbol })),
            ("read_code", json!({ "path": asked })),
            ("read_code", json!({ "path": asked, "symbol": symbol })),
            ("read_code", json!({ "symbol": symbol })),
            ("outline", json!({ "path": asked })),
            ("outline", json!({ "path": folder })),
        ] {
            let answer = client.call(tool, given.clone());
            let text = answer["result"]["content"][0]["text"].as_str().unwrap_or_default();
            let is_there = text.contains(&name(written));
            assert!(is_there && answer["result"]["isError"] != true, "{tool} {given}: {text}");
        }
    }
}
