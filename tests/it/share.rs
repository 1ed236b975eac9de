//! Tests of servers that share one process per index: joining, isolation and takeover.

mod worktrees;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::mcp::{PATIENCE, RawClient, Repository, poll_until};
use crate::support::random::Xorshift;
use crate::support::tested_program;

const QUERY: &str = "check a login attempt against the stored hash";

/// The maximum time for three servers to take over and answer all calls: the timeout of clients. It usually takes a
/// second or two.
const TAKEOVER: Duration = Duration::from_secs(60);

/// Returns the IDs of the processes that own a shared socket; several if servers have different settings.
fn owners(repository: &Repository) -> Vec<u32> {
    let Ok(found) = fs::read_dir(repository.base().join("codescry")) else { return Vec::new() };
    let paths = found.map(|entry| entry.expect("an entry").path());
    let owners = paths.filter(|path| path.extension().is_some_and(|extension| extension == "owner"));
    let ids = owners.map(|path| fs::read_to_string(path).expect("it is there").parse().expect("a number"));
    ids.filter(|id: &u32| Path::new(&format!("/proc/{id}/exe")).exists()).collect()
}

/// Starts several servers at the same time and initializes their sessions.
fn start(repository: &Repository, count: usize) -> Vec<RawClient> {
    let mut servers: Vec<_> = (0..count).map(|_| RawClient::uninitialized(repository)).collect();
    servers.iter_mut().for_each(RawClient::initialize);
    servers
}

/// Removes and returns the server in `servers` that owns the socket.
fn take_owner(repository: &Repository, servers: &mut Vec<RawClient>) -> RawClient {
    let owners = owners(repository);
    let place = servers.iter().position(|server| owners.contains(&server.id()));
    servers.swap_remove(place.unwrap_or_else(|| panic!("none of these is an owner: {owners:?}")))
}

/// Returns the number of threads of a server.
fn threads(server: &RawClient) -> usize {
    fs::read_dir(format!("/proc/{}/task", server.id())).expect("it is there").count()
}

/// Returns a value of `/proc/ID/smaps_rollup`, in KiB.
fn memory_kib(id: u32, what: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).expect("the process is there");
    let line = text.lines().find(|line| line.starts_with(what)).expect("the kernel tells it");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

/// Sends several tool calls and returns their request IDs.
fn ask(server: &mut RawClient, round: usize) -> Vec<Value> {
    let calls = [
        json!({ "name": "search_code", "arguments": { "query": QUERY } }),
        json!({ "name": "outline", "arguments": { "path": "src/retry.rs" } }),
        json!({ "name": "find_similar", "arguments": { "snippet": "clearTimeout(timer);" } }),
        json!({ "name": "index_project", "arguments": {} }),
        json!({ "name": "index_status", "arguments": {} }),
    ];
    let ids: Vec<_> = (0..calls.len()).map(|call| json!(format!("round {round} call {call}"))).collect();
    for (id, call) in ids.iter().zip(calls) {
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": call });
        server.send(request.to_string().as_bytes());
    }
    ids
}

/// Checks that each request is answered once, without an error.
fn answered(server: &mut RawClient, mut ids: Vec<Value>) {
    while !ids.is_empty() {
        let answer = server.next();
        let place = ids.iter().position(|id| *id == answer["id"]);
        ids.swap_remove(place.unwrap_or_else(|| panic!("nobody asked for {answer}")));
        assert_eq!(answer["result"]["isError"], Value::Bool(false), "{answer}");
    }
}

#[test]
fn ten_servers_share_one_process() {
    let repository = Repository::new();
    let mut servers = start(&repository, 10);
    servers.iter_mut().for_each(RawClient::assert_search_works);
    let owner = take_owner(&repository, &mut servers);
    assert_eq!(owners(&repository), [owner.id()]);
    let memory = || {
        let others: Vec<_> = servers.iter().map(|server| memory_kib(server.id(), "Private_Dirty:")).collect();
        (others, memory_kib(owner.id(), "Pss:"))
    };
    let are_small = |(others, own): &(Vec<u64>, u64)| others.iter().all(|other| *other < 16 << 10 && other * 2 < *own);
    let status = repository.command_of(Path::new(tested_program()), &["status"]).output();
    let status = String::from_utf8_lossy(&status.expect("it starts").stdout).into_owned();
    assert!(status.contains(&format!("process {} serves this folder", owner.id())), "{status}");
    // Relays must be small even compared with the index of six files.
    let found = poll_until(memory, are_small);
    assert!(are_small(&found), "{:?} KiB and {} KiB", found.0, found.1);
    for server in &servers {
        let threads = poll_until(|| threads(server), |threads| *threads == 1);
        assert_eq!(threads, 1, "one that only passes messages on has no workers");
    }
    // Clients find files indexed by another client.
    repository.write("src/greeting.rs", "/// Wishes a good morning.\npub fn wish_a_good_morning() {}\n");
    servers[0].indexed();
    for server in &mut servers {
        let found = server.call("search_code", json!({ "query": "wish_a_good_morning" }));
        assert_eq!(found["result"]["structuredContent"]["hits"][0]["path"], "src/greeting.rs", "{found}");
        assert!(server.close().success());
    }
}

#[test]
fn no_call_is_lost_when_owners_are_killed() {
    let repository = Repository::new();
    let mut servers = start(&repository, 4);
    servers.iter_mut().for_each(RawClient::assert_search_works);
    for round in 0..3 {
        let mut owner = take_owner(&repository, &mut servers);
        // Stop the owner, so that the calls cannot be answered before it is killed.
        owner.signal(Signal::STOP);
        let asked: Vec<_> = servers.iter_mut().map(|server| ask(server, round)).collect();
        owner.kill();
        let killed = Instant::now();
        for (server, ids) in servers.iter_mut().zip(asked) {
            answered(server, ids);
            server.assert_search_works();
        }
        assert!(killed.elapsed() < TAKEOVER, "{:?}", killed.elapsed());
        assert_eq!(owners(&repository).len(), 1);
    }
    // The last server leaves its socket and owner file behind.
    take_owner(&repository, &mut servers).kill();
    let mut next = start(&repository, 2);
    next.iter_mut().for_each(RawClient::assert_search_works);
    assert_eq!(owners(&repository).len(), 1);
}

/// Number of clients that ask while processes are killed.
const CLIENTS: usize = 64;

/// Number of processes that are killed meanwhile.
const KILLS: usize = 12;

/// Returns the child processes of a process, such as its parsers. Each belongs to the thread that started it.
fn children(id: u32) -> Vec<i32> {
    let threads = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists.collect::<String>().split_whitespace().filter_map(|child| child.parse().ok()).collect()
}

#[test]
fn no_call_is_lost_while_64_clients_ask_and_processes_of_the_tree_are_killed_at_random() {
    let repository = Repository::new();
    let mut servers = start(&repository, CLIENTS);
    servers[0].indexed();
    let mut random = Xorshift::seeded();
    let mut killed_parsers = 0;
    for round in 0..KILLS {
        let asked: Vec<_> = servers.iter_mut().map(|server| ask(server, round)).collect();
        let owner = owners(&repository);
        let parsers: Vec<i32> = owner.iter().flat_map(|id| children(*id)).collect();
        let kills_owner = round % 4 == 3;
        let place = servers.iter().position(|server| owner.contains(&server.id()));
        let mut gone = None;
        match (place, parsers.is_empty()) {
            (Some(place), _) if kills_owner => {
                servers[place].kill();
                gone = Some(place);
            }
            (_, false) => {
                let parser = Pid::from_raw(*random.one_of(&parsers)).expect("an id");
                // It may have ended by itself.
                killed_parsers += usize::from(kill_process(parser, Signal::KILL).is_ok());
            }
            _ => {}
        }
        for (at, (server, ids)) in servers.iter_mut().zip(asked).enumerate() {
            if gone != Some(at) {
                answered(server, ids);
            }
        }
        if let Some(gone) = gone {
            servers.remove(gone);
        }
        // The next run has something to parse.
        repository.write(&format!("src/round_{round}.rs"), &format!("/// Part {round}.\npub fn part_{round}() {{}}\n"));
    }
    assert_eq!(servers.len(), CLIENTS - KILLS / 4);
    assert!(killed_parsers > 0, "no parser was running");
    assert_eq!(owners(&repository).len(), 1);
    servers[0].indexed();
    let found = servers[1].call("search_code", json!({ "query": "part_7" })).to_string();
    assert!(found.contains("src/round_7.rs"), "{found}");
}

#[test]
fn an_owner_whose_client_disconnects_hands_over() {
    let repository = Repository::new();
    let mut servers = start(&repository, 3);
    servers.iter_mut().for_each(RawClient::assert_search_works);
    let mut owner = take_owner(&repository, &mut servers);
    let asked: Vec<_> = servers.iter_mut().map(|server| ask(server, 0)).collect();
    assert!(owner.close().success());
    for (server, ids) in servers.iter_mut().zip(asked) {
        answered(server, ids);
        server.assert_search_works();
    }
    let mut owner = take_owner(&repository, &mut servers);
    assert!(owner.terminate().success());
    servers[0].assert_search_works();
    assert!(servers[0].close().success());
}

#[test]
fn a_hanging_owner_does_not_block_new_servers() {
    let repository = Repository::new();
    let mut owner = RawClient::initialized(&repository);
    // Wait for the index, so that the owner holds no lock on it.
    owner.indexed();
    owner.signal(Signal::STOP);
    let mut other = RawClient::initialized(&repository);
    other.assert_search_works();
    assert!(other.close().success());
    owner.signal(Signal::CONT);
}

/// A stopped process still accepts connections, so only a timeout reveals that it does not answer.
#[test]
fn a_hanging_owner_is_left_and_joined_again() {
    let repository = Repository::new();
    let mut owner = RawClient::initialized(&repository);
    owner.indexed();
    let mut other = RawClient::initialized(&repository);
    other.assert_search_works();
    // Counts only the threads of a server; threads of the search pool remain once they exist.
    let threads = |server: &RawClient| {
        let all = fs::read_dir(format!("/proc/{}/task", server.id())).expect("it is there");
        let names = all.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("comm")).ok());
        names.filter(|name| name.starts_with("codescry-mcp")).count()
    };
    assert_eq!(poll_until(|| threads(&other), |threads| *threads == 0), 0);
    owner.signal(Signal::STOP);
    let asked = Instant::now();
    other.assert_search_works();
    // This limit is below the timeout of clients.
    assert!(asked.elapsed() < Duration::from_secs(50), "{:?}", asked.elapsed());
    assert!(threads(&other) > 0, "it has a server of its own");
    owner.signal(Signal::CONT);
    let until = Instant::now() + PATIENCE;
    while threads(&other) > 0 {
        assert!(Instant::now() < until, "it does not join the owner again");
        other.assert_search_works();
        std::thread::sleep(Duration::from_millis(200));
    }
    other.assert_search_works();
    owner.assert_search_works();
    assert!(other.close().success());
}

#[test]
fn servers_with_other_folders_settings_or_programs_do_not_join() {
    let repository = Repository::new();
    let neighbour = repository.base().join("neighbour");
    fs::create_dir(&neighbour).expect("a folder");
    fs::write(neighbour.join("secret.rs"), "pub fn secret_of_the_neighbour() {}\n").expect("a file");
    let program = Path::new(tested_program());
    let copy = repository.base().join("codescry-of-another-day");
    fs::copy(program, &copy).expect("the program can be copied");
    let (here, there) = (repository.root(), neighbour.to_string_lossy().into_owned());
    let here = here.to_str().expect("it is UTF-8");

    let secret = |server: &mut RawClient| {
        let found = server.call("search_code", json!({ "query": "secret_of_the_neighbour" }));
        found["result"]["structuredContent"].to_string().contains("secret.rs")
    };
    let mut first = RawClient::initialized(&repository);
    first.indexed();
    for (program, arguments) in [
        (program, &["serve", "--structured", &there][..]),
        (program, &["serve", "--structured", here, "--no-watch"]),
        (program, &["serve", "--structured", here, "--max-file-bytes", "1000"]),
        (&copy, &["serve", "--structured", here]),
    ] {
        let mut other = RawClient::spawn(repository.command_of(program, arguments));
        other.initialize();
        let is_there = arguments.contains(&there.as_str());
        if is_there && cfg!(feature = "lance") {
            // The server has its own process, but must not use the index of another folder.
            let said = other.refused("search_code", json!({ "query": "secret_of_the_neighbour" }));
            assert!(said.contains("give another --index-dir"), "{said}");
        } else {
            other.indexed();
            assert_eq!(secret(&mut other), is_there);
        }
        assert_eq!(owners(&repository).len(), 2, "{arguments:?} has a process of its own");
        assert!(!secret(&mut first), "{arguments:?} widens what another serves");
        let said = first.refused("outline", json!({ "path": format!("{there}/secret.rs") }));
        assert!(said.contains("outside the served roots"), "{said}");
        assert!(other.close().success());
    }
    // Another path to the same folder, and explicit defaults, make no difference.
    let mut same = RawClient::spawn(repository.command_of(program, &["serve", "--structured", "../root/./src/.."]));
    same.initialize();
    same.assert_search_works();
    assert_eq!(owners(&repository), [first.id()]);
    let said = same.refused("outline", json!({ "path": format!("{there}/secret.rs") }));
    assert!(said.contains("outside the served roots"), "{said}");
}

/// Servers share a process although they were started with different environments.
#[test]
fn servers_with_other_environments_share_a_process() {
    let repository = Repository::new();
    let base = repository.base();
    let path = |name: &str| base.join(name).to_string_lossy().into_owned();
    let (index, cache) = (path("index"), path("cache"));
    let arguments = ["serve", "--stdio", "--structured", "--index-dir", &index, "--cache-dir", &cache];
    let status = ["status", "--index-dir", &index, "--cache-dir", &cache];
    let bare = |arguments: &[&str]| {
        let mut command = Command::new(tested_program());
        command.args(arguments).current_dir(repository.root()).env_clear().env("HOME", &base);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
    };
    let of_a_shell = |name: &str| {
        fs::create_dir_all(base.join(name).join("lib/python3.13/site-packages")).expect("a folder");
        let mut command = bare(&arguments);
        command.env("VIRTUAL_ENV", path(name)).env("LD_LIBRARY_PATH", path(name)).env("HF_TOKEN", name);
        command.env("XDG_RUNTIME_DIR", path(name)).env("TMPDIR", path(name)).env("HF_HOME", path(name));
        command
    };
    let mut first = RawClient::spawn(of_a_shell("venv"));
    first.initialize();
    first.assert_search_works();
    for command in [of_a_shell("another"), bare(&arguments)] {
        let mut other = RawClient::spawn(command);
        other.initialize();
        other.assert_search_works();
        let threads = poll_until(|| threads(&other), |threads| *threads == 1);
        assert_eq!(threads, 1, "it has a server of its own");
        assert!(other.close().success());
    }
    let said = bare(&status).output().expect("it starts");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains(&format!("process {} serves this folder", first.id())), "{said}");
}

#[test]
fn sharing_can_be_turned_off() {
    let repository = Repository::new();
    let program = Path::new(tested_program());
    let mut alone = repository.command();
    alone.env("CODESCRY_NO_SHARE", "1");
    let given = repository.command_of(program, &["serve", "--structured", "--no-share"]);
    for command in [alone, given] {
        let mut server = RawClient::spawn(command);
        server.initialize();
        server.assert_search_works();
        assert!(owners(&repository).is_empty() && server.close().success());
    }
    let mut wrong = repository.command();
    let wrong = wrong.env("CODESCRY_NO_SHARE", "perhaps").output().expect("it starts");
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(!wrong.status.success() && said.contains("CODESCRY_NO_SHARE=perhaps"), "{said}");
}

/// Tests that start processes of another user.
mod needs_root {
    use super::*;

    #[test]
    #[ignore = "needs root, who can start processes of another user"]
    fn servers_of_another_user_do_not_join() {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
        let nobody = 65_534;
        let repository = Repository::new();
        let base = repository.base();
        assert_eq!(fs::metadata(&base).expect("it is there").uid(), 0, "run this test as root");
        let program = base.join("codescry-for-all");
        fs::copy(tested_program(), &program).expect("the program can be copied");
        let everybody = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o777)).expect("it is ours");
        [base.as_path(), program.as_path()].into_iter().for_each(everybody);
        let command = || repository.command_of(&program, &["serve", "--structured"]);
        let mut first = RawClient::spawn(command());
        first.initialize();
        first.assert_search_works();
        let index = base.join("index");
        if index.exists() {
            everybody(&index);
        }
        let mut theirs = command();
        theirs
            .uid(nobody)
            .gid(nobody)
            .env("CODESCRY_INDEX_DIR", base.join("theirs"))
            .env("CODESCRY_CACHE_DIR", base.join("their cache"));
        let mut theirs = RawClient::spawn(theirs);
        theirs.initialize();
        theirs.assert_search_works();
        assert_eq!(owners(&repository), [first.id()]);
        let place = base.join("codescry");
        let look = Command::new("ls").arg(&place).uid(nobody).gid(nobody).output().expect("ls is there");
        assert!(!look.status.success(), "the folder of the sockets is open: {look:?}");
    }
}

#[test]
fn long_messages_pass_and_a_client_that_does_not_read_blocks_no_other() {
    let repository = Repository::new();
    let mut owner = RawClient::initialized(&repository);
    let mut joined = RawClient::initialized(&repository);
    assert_eq!(owners(&repository), [owner.id()]);
    let said = joined.refused("search_code", json!({ "query": "long ".repeat(3 << 20) }));
    assert!(said.contains("query has 15728640 bytes"), "{said}");
    joined.send(&vec![b'x'; (16 << 20) + 10]);
    assert_eq!(joined.next()["error"]["code"], -32600);

    let mut deaf = repository.command().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut stdin = deaf.stdin.take().expect("a pipe");
    let greeting = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "deaf", "version": "1" } });
    let greeting = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": greeting });
    let list = r#"{"jsonrpc":"2.0","id":ID,"method":"tools/list"}"#;
    // The answers together exceed the buffers of a pipe and a socket.
    let asking = std::thread::spawn(move || {
        writeln!(stdin, "{greeting}").expect("it reads");
        (1..4_000).take_while(|id| writeln!(stdin, "{}", list.replace("ID", &id.to_string())).is_ok()).count()
    });
    for _ in 0..20 {
        joined.assert_search_works();
        owner.assert_search_works();
    }
    deaf.kill().expect("it can be killed");
    deaf.wait().expect("it ends");
    asking.join().expect("it ends with the pipe");
    assert!(joined.close().success());
    owner.assert_search_works();
}

/// When a client is killed, another process may keep the server's input open.
#[test]
fn a_server_exits_with_the_process_that_started_it() {
    let repository = Repository::new();
    for arguments in ["", "--no-share"] {
        let script = format!("exec 3<&0; \"$0\" serve --stdio {arguments} <&3 & echo $!; wait");
        let mut parent = repository.command_of(Path::new("/bin/sh"), &["-c", &script, tested_program()]);
        let mut parent = parent.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a shell");
        let mut lines = BufReader::new(parent.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
        let id = lines.next().expect("the shell tells of its child");
        let mut stdin = parent.stdin.take().expect("a pipe");
        writeln!(stdin, r#"{{"jsonrpc":"2.0","id":1,"method":"ping"}}"#).expect("it reads");
        assert!(lines.next().is_some_and(|answer| answer.contains("result")), "it is there");
        parent.kill().expect("it can be killed");
        parent.wait().expect("it ends");
        let killed = Instant::now();
        let is_there = || Path::new(&format!("/proc/{id}/exe")).exists();
        while is_there() {
            assert!(killed.elapsed() < PATIENCE, "the server outlives its parent");
            std::thread::sleep(Duration::from_millis(10));
        }
        drop(stdin);
        assert_eq!(lines.count(), 0);
    }
}
