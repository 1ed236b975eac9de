//! Tests of collections: repositories that are published at one location, and searched as one without their files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use serde_json::json;

use crate::support::cli::{Project, RunOutput};
use crate::support::mcp::RawClient;

/// Repositories below a project's folder, published at a folder beside it.
struct Team {
    project: Project,
}

impl Team {
    /// Creates the repositories, each with a function named after it, the same type, and a README.
    fn of(names: &[&str]) -> Self {
        let team = Self { project: Project::empty() };
        for name in names {
            team.write(
                name,
                "src/lib.rs",
                &format!(
                    "/// Computes the invoice of {name}.\npub fn invoice_of_{name}(amount: u64) -> u64 {{\n    amount + 1\n}}\n\n\
                     pub struct Settings;\n"
                ),
            );
            team.write(name, "README.md", &format!("# {name}\n\nHow {name} is run.\n"));
        }
        team
    }

    fn write(&self, repository: &str, path: &str, text: &str) {
        self.project.write(&format!("{repository}/{path}"), text);
    }

    fn location(&self) -> PathBuf {
        self.project.home().join("published")
    }

    /// Returns a command of the program, in the home folder `home`.
    fn command(&self, home: &str, arguments: &[&str]) -> Command {
        let home = self.project.home().join(home);
        fs::create_dir_all(&home).expect("a folder");
        let mut command = self.project.command(arguments);
        command.env_remove("CODESCRY_INDEX_DIR").env("HOME", &home).env("XDG_DATA_HOME", home.join("data"));
        command.env("XDG_CACHE_HOME", home.join("cache")).current_dir(&home);
        command
    }

    fn run(&self, home: &str, arguments: &[&str]) -> RunOutput {
        self.command(home, arguments).output().expect("the program starts").into()
    }

    fn publish(&self, name: &str) {
        let folder = self.project.root().join(name);
        let ran = self.run(name, &["publish", &shown(&self.location()), &shown(&folder)]);
        assert_eq!(ran.code, 0, "{}", ran.err);
    }

    /// Runs a subcommand of `codescry collection`.
    fn collection(&self, subcommand: &str, more: &[&str]) -> RunOutput {
        self.run("operator", &[&["collection", subcommand, &shown(&self.location())], more].concat())
    }

    fn compact(&self) -> serde_json::Value {
        let ran = self.collection("compact", &["--json"]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.json()
    }

    /// Runs a command over the collection, in a home folder without anything else.
    fn ask(&self, arguments: &[&str]) -> RunOutput {
        self.run("reader", &[arguments, &["--collection", &shown(&self.location())]].concat())
    }

    fn paths(&self, query: &str) -> Vec<String> {
        let ran = self.ask(&["search", "--json", query]);
        assert!(ran.code == 0 || ran.code == 1, "{}", ran.err);
        ran.paths()
    }
}

fn shown(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

#[test]
fn repositories_published_at_once_are_searched_as_one() {
    let team = Team::of(&["billing", "shop", "web"]);
    thread::scope(|scope| {
        ["billing", "shop", "web"].map(|name| scope.spawn(|| team.publish(name))).map(|one| one.join())
    })
    .into_iter()
    .for_each(|published| published.expect("it is published"));
    let before = team.ask(&["search", "invoice"]);
    assert!(before.code == 2 && before.err.contains("codescry collection compact"), "{}", before.err);
    let listed = team.collection("list", &[]).out;
    assert!(listed.contains("billing") && listed.contains("not compacted yet"), "{listed}");

    let compacted = team.compact();
    assert_eq!((compacted["repositories"].as_u64(), compacted["copied"].as_u64()), (Some(3), Some(3)), "{compacted}");
    assert_eq!(team.paths("invoice_of_shop")[0], "shop/src/lib.rs");
    assert_eq!(team.paths("how the shop is run repo:shop")[0], "shop/README.md");
    let all = team.paths("Settings");
    for name in ["billing", "shop", "web"] {
        assert!(all.contains(&format!("{name}/src/lib.rs")), "{all:?}");
    }
    assert!(team.paths("Settings repo:web").iter().all(|path| path.starts_with("web/")));
    // Texts come from the index, because the files are not here.
    let read = team.ask(&["read", "invoice_of_web"]).out;
    assert!(read.contains("web/src/lib.rs") && read.contains("pub fn invoice_of_web(amount: u64) -> u64 {"), "{read}");
    let outline = team.ask(&["outline", "web/src/lib.rs"]).out;
    assert!(outline.contains("invoice_of_web") && outline.contains("Settings"), "{outline}");
    assert!(team.ask(&["outline", "web"]).out.contains("README.md"));
    let uses = team.ask(&["references", "invoice_of_web", "--kind", "definition"]).out;
    assert!(uses.contains("web/src/lib.rs"), "{uses}");
    let missing = team.ask(&["read", "web/src/main.rs"]);
    assert!(missing.code == 2 && missing.err.contains("does not exist"), "{}", missing.err);
}

#[test]
fn a_collection_answers_as_one_folder_with_the_same_repositories() {
    let team = Team::of(&["billing", "shop", "web"]);
    ["billing", "shop", "web"].iter().for_each(|name| team.publish(name));
    team.compact();
    let folder = shown(team.project.root());
    for query in ["invoice", "where is the invoice computed", "Settings", "how is the shop run", "invoice_of_billing"] {
        let one = team.run("one", &["search", "--json", query, "--in", &folder]).paths();
        let in_memory = team.ask(&["search", "--json", query, "--resident-limit=1000000"]).paths();
        let large = team.ask(&["search", "--json", query, "--resident-limit=0"]).paths();
        // Vectors know the path in the repository, not that in the folder, so the order may differ a little.
        assert!(in_memory[..2].contains(&one[0]), "{query}: {in_memory:?} and {one:?}");
        assert_eq!(large, in_memory, "{query}");
    }
}

#[test]
fn a_newer_index_replaces_the_older_one_when_the_collection_is_compacted() {
    let team = Team::of(&["billing", "shop", "web"]);
    ["billing", "shop", "web"].iter().for_each(|name| team.publish(name));
    let first = team.compact();
    let again = team.compact();
    assert_eq!((&again["was_current"], &again["copied"]), (&json!(true), &json!(0)), "{again}");
    assert_eq!((&again["files"], &again["bytes"]), (&first["files"], &first["bytes"]), "{again}");
    let said = team.collection("compact", &[]).out;
    assert!(said.starts_with("nothing to do: ") && said.contains("3 repositories with 6 files"), "{said}");

    team.write("shop", "src/lib.rs", "/// Sorts parcels by weight.\npub fn sort_parcels() {}\n");
    fs::remove_file(team.project.root().join("shop/README.md")).expect("it is there");
    team.publish("shop");
    assert_eq!(team.paths("invoice_of_shop")[0], "shop/src/lib.rs", "the combined index is as before");
    let compacted = team.compact();
    assert_eq!((compacted["copied"].as_u64(), compacted["repositories"].as_u64()), (Some(1), Some(3)), "{compacted}");
    assert_eq!(team.paths("sort parcels by weight")[0], "shop/src/lib.rs");
    assert!(!team.paths("how is the shop run").contains(&"shop/README.md".to_owned()));
    assert!(!team.ask(&["symbol", "invoice_of_shop"]).out.contains("shop/src/lib.rs"));

    let unknown = team.collection("remove", &["shops"]);
    let said = "has no index of shops; give the name of one that it has: billing, shop, web";
    assert!(unknown.code == 2 && unknown.err.contains(said), "{}", unknown.err);
    assert_eq!(team.collection("remove", &["shop"]).code, 0);
    assert_eq!(team.compact()["removed"].as_u64(), Some(1));
    assert!(team.paths("sort parcels by weight").iter().all(|path| !path.starts_with("shop/")));
    assert_eq!(team.paths("invoice_of_web")[0], "web/src/lib.rs");
}

#[test]
fn missing_and_damaged_parts_are_told() {
    let team = Team::of(&["billing", "shop"]);
    ["billing", "shop"].iter().for_each(|name| team.publish(name));
    team.compact();
    assert_eq!(team.collection("verify", &["--full"]).code, 0);
    let files = fs::read_dir(team.location().join("bases/shop")).expect("a folder").flatten().map(|entry| entry.path());
    let is_manifest = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("tree-"));
    let manifest = files.into_iter().find(is_manifest).expect("a manifest");
    let base: serde_json::Value = serde_json::from_slice(&fs::read(manifest).expect("a file")).expect("JSON");
    let parts = base["parts"].as_array().expect("a list");
    let part = parts.iter().find(|part| part["path"].as_str().is_some_and(|path| path.starts_with("words/")));
    let sum = part.expect("a segment")["sha256"].as_str().expect("a checksum").to_owned();
    let object = team.location().join("parts").join(&sum[..2]).join(&sum);
    let mut bytes = fs::read(&object).expect("it is there");
    *bytes.last_mut().expect("it has bytes") ^= 1;
    fs::write(&object, &bytes).expect("written");
    assert_eq!(team.collection("verify", &[]).code, 0, "the sizes are right");
    let full = team.collection("verify", &["--full"]);
    assert!(full.code == 1 && full.out.contains("is damaged, which shop needs"), "{}{}", full.out, full.err);
    fs::remove_file(&object).expect("it is there");
    let missing = team.collection("verify", &[]);
    assert!(missing.code == 1 && missing.out.contains("is missing, which shop needs"), "{}", missing.out);
    assert!(missing.out.contains("codescry publish --again"), "{}", missing.out);
}

#[test]
fn a_server_answers_from_a_collection_and_is_given_no_folder() {
    let team = Team::of(&["billing", "web"]);
    ["billing", "web"].iter().for_each(|name| team.publish(name));
    team.compact();
    let location = shown(&team.location());
    let mut client =
        RawClient::spawn(team.command("reader", &["serve", "--stdio", "--no-share", "--collection", &location]));
    client.initialize();
    let answer = client.call("search_code", json!({"query": "invoice_of_web"})).to_string();
    assert!(answer.contains("web/src/lib.rs"), "{answer}");
    let read = client.call("read_code", json!({"path": "web/src/lib.rs"})).to_string();
    assert!(read.contains("pub fn invoice_of_web"), "{read}");
    // A run fetches the newest combined index.
    team.write("web", "src/new.rs", "/// Counts zebras.\npub fn count_zebras() {}\n");
    team.publish("web");
    team.compact();
    client.call("index_project", json!({}));
    let answer = client.call("search_code", json!({"query": "count_zebras"})).to_string();
    assert!(answer.contains("web/src/new.rs"), "{answer}");
    client.close();
    let refused =
        team.run("reader", &["search", "invoice", "--in", &shown(team.project.root()), "--collection", &location]);
    assert!(refused.code == 2 && refused.err.contains("searched without a folder"), "{}", refused.err);
}
