//! Tests of indexes that are searched without being held in memory: on the command line, over HTTP, and after kills.

use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::cli::Project;
use crate::support::http::HttpServer;
use crate::support::mcp::Repository;
use crate::support::random::Xorshift;

const LARGE: &str = "--resident-limit=0";

/// Number of kills of runs that build search indexes.
const KILLS: usize = 12;

fn project() -> Project {
    let project = Project::empty();
    for at in 0..40 {
        let text = format!(
            "/// Computes part {at} of the invoice.\npub fn invoice_part_{at}(amount: u64) -> u64 {{\n    amount + {at}\n}}\n"
        );
        project.write(&format!("src/part{at}.rs"), text);
    }
    project.write("src/pool.rs", "/// Keeps connections open.\npub struct ConnectionPool;\n");
    project.write(
        "tools/run.py",
        "def run_pool():\n    \"\"\"Runs the connection pool.\"\"\"\n    return ConnectionPool()\n",
    );
    project
}

#[test]
fn a_large_index_answers_as_one_in_memory() {
    let project = project();
    let both = |arguments: &[&str]| {
        let run = |limit: &str| project.run(&[arguments, &[limit, "--json"]].concat());
        let (large, resident) = (run(LARGE), run("--resident-limit=1000000"));
        assert_eq!(large.out, resident.out, "{arguments:?}");
        large
    };
    assert_eq!(both(&["search", "connection pool"]).paths()[0], "src/pool.rs");
    assert_eq!(both(&["search", "connection pool lang:python"]).paths(), ["tools/run.py"]);
    assert_eq!(both(&["search", "pool path:tools"]).paths(), ["tools/run.py"]);
    assert_eq!(both(&["search", "ConectionPool"]).paths()[0], "src/pool.rs");
    assert_eq!(both(&["search", "invoice_part_17"]).paths()[0], "src/part17.rs");
    for command in ["symbol", "references"] {
        assert!(both(&[command, "ConnectionPool"]).out.contains("tools/run.py") || command == "symbol");
    }
    assert!(both(&["symbol", "invoice_part_*"]).out.contains("src/part39.rs"));
    project.write("src/pool.rs", "/// Keeps workers busy.\npub struct WorkerPool;\n");
    project.remove("src/part17.rs");
    assert_eq!(both(&["search", "keeps workers busy"]).paths()[0], "src/pool.rs");
    assert!(!both(&["search", "invoice_part_17"]).paths().contains(&"src/part17.rs".to_owned()));
}

#[test]
fn a_server_answers_from_a_large_index() {
    let repository = Repository::new();
    let served = HttpServer::start(&repository, &[LARGE]);
    served.assert_search_works();
}

#[test]
fn kills_while_search_indexes_are_built_lose_nothing() {
    let project = project();
    project.run(&["index"]);
    let begun = Instant::now();
    project.run(&["index", LARGE, "--rebuild"]);
    let (whole, mut random) = (begun.elapsed(), Xorshift::seeded());
    for kill in 0..KILLS {
        project.write("src/new.rs", format!("/// Counts the zebras of round {kill}.\npub fn zebras_{kill}() {{}}\n"));
        let mut run =
            project.command(&["index", LARGE, "--rebuild"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let run = run.as_mut().expect("the program starts");
        thread::sleep(Duration::from_secs_f64(whole.as_secs_f64() * random.below(1_000) as f64 / 1_000.0));
        _ = run.kill();
        run.wait().expect("it ends");
        let found = project.run(&["search", LARGE, "--json", &format!("zebras_{kill}")]).paths();
        assert_eq!(found[0], "src/new.rs", "after kill {kill}");
        assert_eq!(project.run(&["search", LARGE, "--json", "invoice_part_3"]).paths()[0], "src/part3.rs");
    }
}
