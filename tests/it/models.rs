//! Tests of `codescry models`: models from a local hub, from a failing hub and from a folder.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::cli::{Project, RunOutput};

/// A model of the catalog that the test hub offers.
const NAME: &str = "potion-base-8M";
const REPOSITORY: &str = "minishlab/potion-base-8M";

/// A fault that a test hub simulates.
#[derive(Clone, Copy, PartialEq)]
enum HubFault {
    Good,
    /// Closes the connection after this number of bytes of each file.
    CutsAfter(usize),
    /// Accepts requests and never answers.
    SaysNothing,
    /// Stops sending after this number of bytes of a file, and keeps the connection open.
    StopsAfter(usize),
    /// Sends bytes that do not match the checksum.
    Damages,
    /// Answers this number of requests, the first ones, with status 503.
    FailsFirst(usize),
}

/// A model hub on localhost.
struct Hub {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Hub {
    fn start(files: &[(&str, Vec<u8>)], manners: HubFault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (asked, stop) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicBool>::default());
        let files: Arc<HashMap<String, Vec<u8>>> =
            Arc::new(files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.clone())).collect());
        let (seen, stopped, failed) = (Arc::clone(&asked), Arc::clone(&stop), Arc::new(AtomicUsize::new(0)));
        let serve = move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (files, seen, stopped) = (Arc::clone(&files), Arc::clone(&seen), Arc::clone(&stopped));
                let failed = Arc::clone(&failed);
                let stream = stream.expect("a connection");
                thread::spawn(move || answer(stream, &files, &seen, &stopped, &failed, manners));
            }
        };
        Self { address, asked, stop, thread: Some(thread::spawn(serve)) }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("the list").clone()
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(&self.address));
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the hub did not panic");
        }
    }
}

fn answer(
    stream: TcpStream,
    files: &HashMap<String, Vec<u8>>,
    seen: &Mutex<Vec<String>>,
    stopped: &AtomicBool,
    failed: &AtomicUsize,
    manners: HubFault,
) {
    let mut lines = BufReader::new(stream.try_clone().expect("a handle")).lines();
    let Some(Ok(first)) = lines.next() else { return };
    let headers: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let range = headers.iter().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("range").then(|| value.trim_start_matches("bytes=").to_owned())
    });
    seen.lock().expect("the list").push(format!("{first} {}", range.as_deref().unwrap_or("-")));
    if manners == HubFault::SaysNothing {
        return silence(stopped);
    }
    if let HubFault::FailsFirst(times) = manners
        && failed.fetch_add(1, Ordering::SeqCst) < times
    {
        _ = (&stream).write_all(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        return;
    }
    let path = first.split(' ').nth(1).expect("a path");
    let (status, mut body, whole) = respond(path, range.as_deref(), files);
    let mut head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
    if whole > 0 {
        head.push_str(&format!("content-range: bytes 0-0/{whole}\r\n"));
    }
    _ = (&stream).write_all(format!("{head}\r\n").as_bytes());
    let is_file = path.contains("/resolve/");
    match manners {
        HubFault::Damages if is_file => body.iter_mut().for_each(|byte| *byte ^= 1),
        HubFault::CutsAfter(bytes) | HubFault::StopsAfter(bytes) if is_file => body.truncate(bytes),
        _ => {}
    }
    _ = (&stream).write_all(&body).and_then(|()| (&stream).flush());
    if let (HubFault::StopsAfter(_), true) = (manners, is_file) {
        silence(stopped);
    }
}

/// Blocks until the test ends.
fn silence(stopped: &AtomicBool) {
    while !stopped.load(Ordering::SeqCst) {
        thread::sleep(Duration::from_millis(10));
    }
}

fn respond(path: &str, range: Option<&str>, files: &HashMap<String, Vec<u8>>) -> (&'static str, Vec<u8>, usize) {
    if path.starts_with(&format!("/api/models/{REPOSITORY}")) {
        let sibling = |(name, bytes): (&String, &Vec<u8>)| {
            let sum: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            json!({ "rfilename": name, "size": bytes.len(), "lfs": { "sha256": sum } })
        };
        let siblings: Vec<Value> = files.iter().map(sibling).collect();
        return ("200 OK", json!({ "sha": "abc123", "siblings": siblings }).to_string().into_bytes(), 0);
    }
    let name = path.strip_prefix(&format!("/{REPOSITORY}/resolve/abc123/"));
    let Some(bytes) = name.and_then(|name| files.get(name)) else { return ("404 Not Found", Vec::new(), 0) };
    let Some((first, last)) = range.and_then(|range| range.split_once('-')) else {
        return ("200 OK", bytes.clone(), 0);
    };
    let first: usize = first.parse().expect("a number");
    let last = last.parse::<usize>().map_or(bytes.len(), |last| (last + 1).min(bytes.len()));
    ("206 Partial Content", bytes[first..last].to_vec(), bytes.len())
}

fn files() -> Vec<(&'static str, Vec<u8>)> {
    let weights = (0..200_000_u32).map(|at| (at * 31 % 251) as u8).collect();
    vec![("model.safetensors", weights), ("tokenizer.json", b"{}".to_vec()), ("README.md", b"not wanted".to_vec())]
}

/// Runs `codescry models …` with the test's hub and models folder.
fn models(project: &Project, hub: &str, arguments: &[&str]) -> RunOutput {
    command(project, hub, arguments).output().expect("the program starts").into()
}

/// Returns the command that [`models`] runs.
fn command(project: &Project, hub: &str, arguments: &[&str]) -> Command {
    let mut command = project.command(&[&["models"], arguments].concat());
    command.env("CODESCRY_MODELS_DIR", folder(project)).env("HF_ENDPOINT", format!("http://{hub}"));
    command.env("HF_HOME", project.home().join("hf")).env_remove("HF_HUB_OFFLINE").env_remove("HF_TOKEN");
    // Longer than any pause of the test hub on a busy machine.
    command.env_remove("HF_HUB_CACHE").env("CODESCRY_HUB_TIME_LIMIT_MS", "60000");
    // Connect to the hub directly, even if this machine has a proxy.
    command.env("NO_PROXY", "127.0.0.1,localhost").env("no_proxy", "127.0.0.1,localhost");
    command
}

fn folder(project: &Project) -> PathBuf {
    project.home().join("models")
}

fn row(project: &Project, hub: &str, name: &str) -> Value {
    let listed = models(project, hub, &["list", "--json"]).json();
    let rows = listed.as_array().expect("a list").iter();
    rows.clone().find(|row| row["name"] == name).unwrap_or_else(|| panic!("no {name} in {listed}")).clone()
}

#[test]
fn a_model_is_installed_listed_verified_and_removed() {
    let (project, hub) = (Project::empty(), Hub::start(&files(), HubFault::Good));
    assert_eq!(row(&project, &hub.address, NAME)["place"], "hub");
    let ran = models(&project, &hub.address, &["install", "Potion-Base-8M"]);
    assert!(ran.code == 0 && ran.out.contains("use it with --embedder potion-base-8M"), "{} {}", ran.out, ran.err);
    assert!(!hub.asked().iter().any(|line| line.contains("README")), "only what is needed: {:?}", hub.asked());
    let found = row(&project, &hub.address, NAME);
    assert_eq!((&found["place"], &found["precisions"]), (&json!("installed"), &json!(["fp32"])));
    let asked = hub.asked().len();
    assert_eq!(models(&project, &hub.address, &["install", NAME]).code, 0);
    assert_eq!(hub.asked().len(), asked + 1, "what is there is not fetched again");
    assert_eq!(models(&project, &hub.address, &["verify", NAME]).code, 0);
    fs::write(folder(&project).join(NAME).join("tokenizer.json"), "[]").expect("written");
    let ran = models(&project, &hub.address, &["verify", NAME]);
    assert!(ran.code == 2 && ran.out.contains("differs from the installed one") && ran.err.contains("models install"));
    assert_eq!(models(&project, &hub.address, &["install", NAME]).code, 0);
    assert_eq!(models(&project, &hub.address, &["verify", NAME]).code, 0, "a damaged file is fetched again");
    assert_eq!(models(&project, &hub.address, &["remove", NAME]).code, 0);
    assert!(!folder(&project).join(NAME).exists());
    let ran = models(&project, &hub.address, &["remove", NAME]);
    assert!(ran.code == 2 && ran.err.contains("the model potion-base-8M is not installed in"), "{}", ran.err);
}

#[test]
fn an_interrupted_download_is_resumed() {
    let (project, files) = (Project::empty(), files());
    let broken = Hub::start(&files, HubFault::CutsAfter(70_000));
    let ran = models(&project, &broken.address, &["install", NAME]);
    assert!(ran.code == 2 && ran.err.contains("run the command again to continue the download"), "{}", ran.err);
    let part = folder(&project).join(NAME).join("model.safetensors.part");
    let arrived = fs::metadata(&part).expect("the partial download is kept").len();
    assert!(arrived > 0 && arrived < 200_000, "{arrived}");
    let found = row(&project, &broken.address, NAME);
    assert_eq!(found["place"], "hub", "half a model is none");
    let good = Hub::start(&files, HubFault::Good);
    assert_eq!(models(&project, &good.address, &["install", NAME]).code, 0);
    assert!(good.asked().iter().any(|line| line.ends_with(&format!("{arrived}-199999"))), "{:?}", good.asked());
    assert_eq!(fs::read(folder(&project).join(NAME).join("model.safetensors")).expect("it is there"), files[0].1);
}

#[test]
fn a_hub_that_hangs_times_out() {
    for manners in [HubFault::SaysNothing, HubFault::StopsAfter(1_000)] {
        let (project, hub) = (Project::empty(), Hub::start(&files(), manners));
        let begun = Instant::now();
        let mut install = command(&project, &hub.address, &["install", NAME]);
        let ran: RunOutput = install.env("CODESCRY_HUB_TIME_LIMIT_MS", "700").output().expect("it starts").into();
        assert!(begun.elapsed() < Duration::from_secs(30), "it does not hang with it");
        assert!(
            ran.code == 2 && ran.err.contains("the hub did not send an answer, or all of it, within 0.7 s"),
            "{}",
            ran.err
        );
        assert!(ran.err.contains("models add FOLDER"), "{}", ran.err);
    }
}

#[test]
fn damaged_downloads_are_rejected_and_busy_hubs_retried() {
    let (project, hub) = (Project::empty(), Hub::start(&files(), HubFault::Damages));
    let ran = models(&project, &hub.address, &["install", NAME]);
    assert!(ran.code == 2 && ran.err.contains("is damaged: its SHA-256 is"), "{}", ran.err);
    assert!(!folder(&project).join(NAME).join("model.safetensors").exists());
    let hub = Hub::start(&files(), HubFault::FailsFirst(2));
    assert_eq!(models(&project, &hub.address, &["install", NAME]).code, 0);
}

#[test]
fn offline_mode_sends_no_request_and_missing_models_are_reported() {
    let (project, hub) = (Project::empty(), Hub::start(&files(), HubFault::Good));
    let mut install = command(&project, &hub.address, &["install", NAME]);
    let ran: RunOutput = install.env("HF_HUB_OFFLINE", "1").output().expect("it starts").into();
    assert!(ran.code == 2 && ran.err.contains("HF_HUB_OFFLINE is set"), "{}", ran.err);
    assert!(hub.asked().is_empty(), "{:?}", hub.asked());
    for (name, said) in
        [("word2vec", "unknown model word2vec; known: all-MiniLM-L6-v2"), ("CodeRankEmbed", "no ONNX file")]
    {
        let ran = models(&project, &hub.address, &["install", name]);
        assert!(ran.code == 2 && ran.err.contains(said) && ran.err.contains("models add FOLDER"), "{}", ran.err);
    }
    let ran = models(&project, "127.0.0.1:1", &["install", NAME]);
    assert!(ran.code == 2 && ran.err.contains("cannot download http://127.0.0.1:1/"), "{}", ran.err);
}

#[test]
fn a_model_in_the_hubs_cache_is_found() {
    let project = Project::empty();
    let cached = project.home().join("hf/hub/models--minishlab--potion-base-8M");
    fs::create_dir_all(cached.join("snapshots/rev1")).expect("made");
    fs::create_dir_all(cached.join("refs")).expect("made");
    fs::write(cached.join("refs/main"), "rev1").expect("written");
    assert_eq!(row(&project, "127.0.0.1:1", NAME)["place"], "hub", "a snapshot without its files is none");
    for (name, bytes) in files() {
        fs::write(cached.join("snapshots/rev1").join(name), bytes).expect("written");
    }
    assert_eq!(row(&project, "127.0.0.1:1", NAME)["place"], "hub cache");
}

/// Writes a model2vec model of four words and two dimensions, with its tokenizer and description.
fn table(folder: &Path) {
    fs::create_dir_all(folder).expect("made");
    let header = json!({ "embeddings": { "dtype": "F32", "shape": [5, 2], "data_offsets": [0, 40] } }).to_string();
    let values: [f32; 10] = [0.0, 0.0, 1.0, 0.0, 0.9, 0.1, 0.0, 1.0, 0.1, 0.9];
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
    fs::write(folder.join("model.safetensors"), bytes).expect("written");
    let vocabulary = json!({ "[UNK]": 0, "socket": 1, "connection": 2, "parse": 3, "grammar": 4 });
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": { "type": "Lowercase" }, "pre_tokenizer": { "type": "Whitespace" },
        "post_processor": null, "decoder": null,
        "model": { "type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]" },
    });
    fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).expect("written");
    let description = "name = \"words\"\nkind = \"model2vec\"\ndimensions = 2\n[files]\nfp32 = \"model.safetensors\"\n";
    fs::write(folder.join("codescry-model.toml"), description).expect("written");
}

#[test]
fn a_model_from_a_folder_is_added_and_used() {
    let project = Project::empty();
    let own = project.home().join("own");
    table(&own);
    let ran = models(&project, "127.0.0.1:1", &["add", own.to_str().expect("UTF-8")]);
    assert!(ran.code == 0 && ran.out.contains("--embedder words"), "{}", ran.err);
    project.write("net.rs", "fn open() { connection; }\n");
    project.write("text.rs", "fn read() { grammar; }\n");
    let search = |embedder: &str, question: &str| -> RunOutput {
        let arguments = ["search", question, "--json", "--mode", "dense", "--embedder", embedder];
        let mut command = project.command(&arguments);
        command.env("CODESCRY_MODELS_DIR", folder(&project)).output().expect("it starts").into()
    };
    assert_eq!(search("words", "socket").paths()[0], "net.rs", "by a word that no file has");
    assert_eq!(search("words", "parse").paths()[0], "text.rs");
    assert_eq!(search(own.to_str().expect("UTF-8"), "parse").paths()[0], "text.rs", "from the folder itself");
    let ran = search("wrods", "parse");
    assert!(ran.code == 2 && ran.err.contains("unknown model wrods"), "{}", ran.err);
    fs::write(folder(&project).join("words/model.safetensors"), "cut").expect("written");
    let ran = search("words", "parse");
    assert!(ran.code == 2 && ran.err.contains("cannot load the model"), "{}", ran.err);
    let ran = models(&project, "127.0.0.1:1", &["add", project.root().to_str().expect("UTF-8")]);
    assert!(ran.code == 2 && ran.err.contains("codescry-model.toml"), "{}", ran.err);
}
