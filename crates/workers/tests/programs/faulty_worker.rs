//! A worker that fails on texts with a marker, `FAULT:NAME`, as a grammar or a broken program could.

use std::fs::File;
use std::io::Write as _;
use std::net::{TcpListener, UdpSocket};
use std::process::{Command, ExitCode};
use std::time::Duration;

use codescry_workers::{encode_facts, run_parse_worker, write_frame};
use source::parse::syntax::{NameUse, ReferenceKind, SyntaxFacts, SyntaxRequest};

fn main() -> ExitCode {
    run_parse_worker(inject_fault)
}

/// Fails in the way that the marker in the text names.
fn inject_fault(request: &SyntaxRequest<'_>) {
    let Some((_, rest)) = request.text.split_once("FAULT:") else { return };
    let name = rest.split(|c: char| !c.is_ascii_lowercase() && c != '-').next().unwrap_or_default();
    let mut out = std::io::stdout();
    // Errors of the output do not matter: the process is about to fail.
    let mut write = |bytes: &[u8]| _ = out.write_all(bytes).and_then(|()| out.flush());
    match name {
        "abort" => std::process::abort(),
        "panic" => panic!("as requested"),
        "exit" => std::process::exit(3),
        "end" => std::process::exit(0),
        "spin" => loop {
            std::hint::spin_loop();
        },
        "sleep" => std::thread::sleep(Duration::from_secs(3_600)),
        "explode" => explode(),
        "garbage" => write(&[0xa5; 4_096]),
        "flood" => loop {
            write(&[0; 64 << 10]);
        },
        "half" => {
            let mut frame = Vec::new();
            _ = write_frame(&mut frame, &encode_facts(0, &SyntaxFacts::default()));
            write(&frame[..frame.len() - 1]);
            std::process::exit(0);
        }
        "number" => write_facts(&mut write, u64::MAX, &SyntaxFacts::default()),
        "outside" => {
            let uses = vec![NameUse { at: usize::MAX, kind: ReferenceKind::Call }];
            write_facts(&mut write, 0, &SyntaxFacts { uses, ..SyntaxFacts::default() });
        }
        "stderr" => {
            eprint_much();
            std::process::abort();
        }
        "delay" => std::thread::sleep(Duration::from_millis(300)),
        "escape" => {
            let file = File::open("/proc/self/status").is_ok() || File::create("/tmp/faulty-worker").is_ok();
            let network = UdpSocket::bind("127.0.0.1:0").is_ok() || TcpListener::bind("127.0.0.1:0").is_ok();
            let process = Command::new("/bin/true").spawn().is_ok();
            let thread = std::thread::Builder::new().spawn(|| ()).is_ok();
            if file || network || process || thread {
                std::process::abort();
            }
        }
        _ => panic!("no fault {name}"),
    }
}

fn write_facts(write: &mut dyn FnMut(&[u8]), number: u64, facts: &SyntaxFacts) {
    let mut frame = Vec::new();
    _ = write_frame(&mut frame, &encode_facts(number, facts));
    write(&frame);
}

/// Allocates memory until there is no more.
fn explode() {
    let mut held: Vec<Vec<u8>> = Vec::new();
    loop {
        held.push(vec![1; 1 << 20]);
    }
}

/// Writes 32 KiB to standard error: more than the parent keeps, and less than a pipe holds.
fn eprint_much() {
    // The parent reads nothing before the process ends.
    let line = [b'x'; 1_024];
    for _ in 0..32 {
        _ = std::io::stderr().write_all(&line);
    }
}
