//! Tests of training as a whole and of its parts.

use crate::examples::TrainingExamples;
use crate::math::{DenseMatrix, RandomStream, multiply};
use crate::optimizer::{Trainer, TrainingBatch, compute_gradient};
use crate::table::{TokenWeights, TrainingTable};
use crate::{
    MODEL_VERSION, PairKind, TextPair, TrainingOptions, TrainingRepository, TrainingSplit, commits, pairs, train_model,
};
use embed::add_path_vector;
use embed::static_model::StaticModel;
use platform::cancel::CancelToken;
use types::AbsPath;

/// Words of two vocabularies: queries use the first word of each line, passages the second.
const SYNONYMS: &[(&str, &str)] = &[
    ("fetch", "download"),
    ("remove", "unlink"),
    ("sort", "quicksort"),
    ("picture", "bitmap"),
    ("password", "credential"),
    ("thread", "worker"),
    ("window", "viewport"),
    ("mail", "smtp"),
];

/// Returns a model with random rows, in which no word has a meaning yet.
fn random_model(seed: u64) -> StaticModel {
    let mut tokens: Vec<String> = SYNONYMS.iter().flat_map(|(one, other)| [*one, *other]).map(str::to_owned).collect();
    tokens.extend((0..40).map(|number| {
        format!("word{}", char::from(b'a' + number % 26).to_string().repeat(1 + usize::from(number / 26)))
    }));
    tokens.sort();
    tokens.dedup();
    let mut random = RandomStream::new(seed, 9);
    let rows: Vec<f32> = (0..tokens.len() * 16).map(|_| as_signed(random.next())).collect();
    let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
    let artifact = embed::static_model::encode_model(&tokens, &rows, 16, 1).expect("fits");
    StaticModel::from_bytes(artifact).expect("is a model")
}

#[expect(clippy::cast_precision_loss, reason = "any number from -1 to 1 will do")]
fn as_signed(random: u64) -> f32 {
    (random >> 40) as f32 / 8_388_608.0 - 1.0
}

/// Returns queries and passages that share a meaning but no word, with random words added.
fn toy_repository(name: &str, seed: u64, pairs: usize) -> TrainingRepository {
    let mut random = RandomStream::new(seed, 1);
    let noise =
        |random: &mut RandomStream| format!("word{}", char::from(b'a' + u8::try_from(random.below(26)).unwrap_or(0)));
    let pair = |target: usize| {
        let (one, other) = (random.below(SYNONYMS.len()), random.below(SYNONYMS.len()));
        let query = format!("{} {} {}", SYNONYMS[one].0, SYNONYMS[other].0, noise(&mut random));
        let passage = format!("{} {} {}", SYNONYMS[one].1, SYNONYMS[other].1, noise(&mut random));
        TextPair { kind: PairKind::Doc, query, passage, path: noise(&mut random), target: target as u64 }
    };
    TrainingRepository { name: name.to_owned(), pairs: (0..pairs).map(pair).collect() }
}

fn options() -> TrainingOptions {
    TrainingOptions {
        epochs: 6,
        decay_epochs: None,
        temperature: 0.05,
        learning_rate: 0.02,
        batch_pairs: 32,
        hard_negatives: 1,
        ..TrainingOptions::default()
    }
}

fn toy_split() -> TrainingSplit {
    TrainingSplit::by_repository(
        vec![toy_repository("a", 1, 200), toy_repository("b", 2, 200), toy_repository("c", 3, 60)],
        |name| name == "c",
    )
}

#[test]
fn training_learns_the_meaning_of_words() {
    let mut epochs = Vec::new();
    let trained = train_model(&random_model(1), &toy_split(), &options(), &mut |epoch, _| epochs.push(epoch.number))
        .expect("trains");
    assert_eq!(epochs, (0..=6).collect::<Vec<_>>());
    let (before, after) = (trained.before.measure, trained.best.measure);
    assert!(before.mrr < 0.15 && after.mrr > before.mrr + 0.2, "{before:?} {after:?}");
    let model = StaticModel::from_bytes(trained.artifact).expect("opens");
    let cosine = |one: &str, other: &str| {
        let (one, other) = (model.embed_text(one), model.embed_text(other));
        one.iter().zip(&other).map(|(a, b)| a * b).sum::<f32>()
    };
    assert!(cosine("remove", "unlink") > cosine("remove", "bitmap") + 0.3);
    assert!(model.id().starts_with("codescry-static-v2-"));
}

#[test]
fn equal_input_gives_equal_bytes_for_any_number_of_threads() {
    let artifact = |threads: usize, seed: u64| {
        let options = TrainingOptions { threads, seed, epochs: 2, ..options() };
        train_model(&random_model(1), &toy_split(), &options, &mut |_, _| ()).expect("trains").artifact
    };
    let first = artifact(1, 7);
    assert_eq!(first, artifact(1, 7));
    assert_eq!(first, artifact(2, 7));
    assert_eq!(first, artifact(3, 7));
    assert_ne!(first, artifact(1, 8));
}

#[test]
fn nothing_to_train_with_leaves_the_start() {
    let start = random_model(1);
    let split = TrainingSplit { train: Vec::new(), held_out: Vec::new() };
    let trained = train_model(&start, &split, &options(), &mut |_, _| ()).expect("trains");
    assert_eq!(trained.best.number, 0);
    let model = StaticModel::from_bytes(trained.artifact).expect("opens");
    let (found, expected) = (model.embed_text("fetch mail"), start.embed_text("fetch mail"));
    assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?} {expected:?}");
}

#[test]
fn a_strong_pull_keeps_the_table_near_its_start() {
    let start = random_model(1);
    let distance = |pull: f32| {
        let options = TrainingOptions { pull, hard_negatives: 0, ..options() };
        let examples = TrainingExamples::tokenize(&toy_split().train, &start);
        let mut table = TrainingTable::from_model(&start);
        let mut trainer = Trainer::new(&examples, &options);
        (0..3).for_each(|_| _ = trainer.run_epoch(&mut table, &CancelToken::default(), &mut |_, _| ()));
        table.rows.iter().zip(&table.start).map(|(row, start)| (row - start) * (row - start)).sum::<f32>()
    };
    assert!(distance(20.0) < distance(0.0) / 2.0);
}

#[test]
fn vectors_equal_those_of_the_model() {
    let model = StaticModel::builtin();
    let table = TrainingTable::from_model(&model);
    let (text, path) = ("fn parseHTTPHeader(xyzzyjson) { decode decode sha98765 }", "src http header rs");
    let bags = model.weighted_tokens(&[text, path, "", "😀"]);
    let near = |found: &[f32], expected: &[f32]| {
        found.iter().zip(expected).for_each(|(a, b)| assert!((a - b).abs() < 1e-5, "{a} {b}"));
    };
    near(&table.embed(&bags[0]), &model.embed_text(text));
    let mut joined = model.embed_text(text);
    add_path_vector(&mut joined, &model.embed_text(path));
    near(&table.embed_passage(&bags[0], &bags[1]), &joined);
    near(&table.embed_passage(&bags[0], &bags[2]), &model.embed_text(text));
    assert_eq!(table.embed(&bags[3]), vec![0.0; table.dimensions()]);
}

#[test]
fn an_artifact_gives_the_same_vectors_up_to_rounding() {
    let start = StaticModel::builtin();
    let table = TrainingTable::from_model(&start).interpolate(0.5);
    let model = StaticModel::from_bytes(table.encode_artifact(MODEL_VERSION).expect("fits")).expect("opens");
    assert!(model.tokens().eq(start.tokens()));
    for text in ["parse the header of a request", "retry", "struct Ledger { total: u64 }"] {
        let vector = table.embed(&start.weighted_tokens(&[text])[0]);
        let cosine: f32 = vector.iter().zip(model.embed_text(text)).map(|(a, b)| a * b).sum();
        assert!(cosine > 0.999, "{text}: {cosine}");
    }
}

/// Returns the loss of a batch, for finite differences.
fn loss(table: &TrainingTable, batch: &TrainingBatch<'_>) -> f64 {
    compute_gradient(table, batch, 0.2, 1).loss
}

#[test]
fn the_gradient_agrees_with_finite_differences() {
    let mut table = TrainingTable::from_model(&random_model(3));
    let bags: Vec<Vec<(u32, f32)>> =
        (0..9_u32).map(|at| vec![(at, 1.0), ((at * 5 + 3) % 20, 1.5), (20 + at % 3, 0.4)]).collect();
    let bag = |at: usize| -> &TokenWeights { &bags[at] };
    let batch = TrainingBatch {
        queries: (0..3).map(bag).collect(),
        passages: vec![(bag(3), bag(7)), (bag(4), &[]), (bag(5), bag(8)), (bag(6), bag(7))],
        masked: vec![vec![], vec![2], vec![]],
    };
    let found = compute_gradient(&table, &batch, 0.2, 2);
    let mut by_row = vec![0.0; table.rows.len()];
    let mut add = |bag: &TokenWeights, values: &[f32]| {
        for (token, weight) in bag {
            let row = &mut by_row[*token as usize * 16..][..16];
            row.iter_mut().zip(values).for_each(|(sum, value)| *sum += weight * value);
        }
    };
    batch.queries.iter().enumerate().for_each(|(at, bag)| add(bag, found.queries.row(at)));
    for (at, (passage, path)) in batch.passages.iter().enumerate() {
        add(passage, found.passages.row(at));
        add(path, found.paths.row(at));
    }
    for at in (0..24 * 16).step_by(7) {
        let kept = table.rows[at];
        let mut moved = |by: f32| {
            table.rows[at] = kept + by;
            loss(&table, &batch)
        };
        let slope = (moved(0.01) - moved(-0.01)) / 0.02;
        table.rows[at] = kept;
        assert!((slope - f64::from(by_row[at])).abs() < 2e-3, "{at}: {slope} {}", by_row[at]);
    }
}

#[test]
fn a_product_is_right_for_any_number_of_threads() {
    let mut random = RandomStream::new(5, 5);
    let mut matrix = |rows: usize, width: usize| DenseMatrix {
        width,
        values: (0..rows * width).map(|_| as_signed(random.next())).collect(),
    };
    for (rows, depth, width) in [(1, 1, 1), (5, 3, 17), (9, 16, 33), (4, 20, 16)] {
        let (one, other) = (matrix(rows, depth), matrix(depth, width));
        let found = multiply(&one, &other, 1);
        assert_eq!(found, multiply(&one, &other, 3));
        for row in 0..rows {
            for column in 0..width {
                let expected: f32 = (0..depth).map(|at| one.row(row)[at] * other.row(at)[column]).sum();
                assert!((found.row(row)[column] - expected).abs() < 1e-5);
            }
        }
    }
}

/// Writes files and reads the pairs of their folder.
fn pairs_of(files: &[(&str, &str)]) -> Vec<TextPair> {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("has a parent")).expect("a folder");
        std::fs::write(path, text).expect("is written");
    }
    pairs::read_pairs("fixture", &AbsPath::canonical(folder.path()).expect("is there")).expect("is read").pairs
}

fn of_kind(pairs: &[TextPair], kind: PairKind) -> Vec<(&str, &str)> {
    pairs.iter().filter(|pair| pair.kind == kind).map(|pair| (pair.query.as_str(), pair.passage.as_str())).collect()
}

const RUST: &str = "\
/// Holds the money of an account.
pub struct Ledger { total: u64, entries: Vec<Entry> }

impl Ledger {
    /// Adds a payment in cents. Panics never.
    ///
    /// # Errors
    pub fn record_payment(&mut self, cents: u64) {
        self.total += cents; self.entries.push(Entry::new(cents));
    }
}

#[test]
fn test_record_payment_twice() {
    let mut ledger = Ledger::default(); ledger.record_payment(3);
}
";

#[test]
fn definitions_become_pairs() {
    let readme = "# Ledger\n\nA program.\n\n## Paying in\n\nCall the method that records a payment, with an amount.\n";
    let pairs = pairs_of(&[("src/ledger.rs", RUST), ("README.md", readme)]);
    let docs = of_kind(&pairs, PairKind::Doc);
    let (query, passage) = docs.iter().find(|(query, _)| query.starts_with("Adds")).expect("the method's");
    assert_eq!(*query, "Adds a payment in cents.");
    assert!(passage.starts_with("Ledger record_payment\n") && !passage.contains("in cents"), "{passage}");
    assert!(docs.iter().any(|(query, _)| *query == "Holds the money of an account."));
    let (_, body) =
        *of_kind(&pairs, PairKind::Name).iter().find(|(query, _)| *query == "record payment").expect("the method's");
    assert!(!body.contains("record_payment") && body.contains("self.total += cents"), "{body}");
    let headings = of_kind(&pairs, PairKind::Heading);
    assert!(
        headings.iter().any(|(query, body)| *query == "Ledger Paying in" && body.starts_with("Call")),
        "{headings:?}"
    );
    let tests = of_kind(&pairs, PairKind::Test);
    assert!(tests.len() == 1 && tests[0].1.contains("cents: u64"), "{tests:?}");
    let path = pairs.iter().find(|pair| pair.kind == PairKind::Doc).map(|pair| pair.path.as_str());
    assert_eq!(path, Some("src ledger rs"));
}

#[test]
fn doc_comments_are_separated_from_code_in_every_style() {
    let cases = [
        (
            "a.py",
            "def load(path, mode):\n    \"\"\"Loads a table from disk.\n\n    More.\n    \"\"\"\n    return read(path, mode, True)\n",
        ),
        (
            "a.js",
            "/**\n * Loads a table from disk.\n * @param {string} path\n */\nfunction load(path, mode) { return read(path, mode, true) }\n",
        ),
        (
            "a.go",
            "package a\n\n// Loads a table from disk. More.\nfunc load(path string, mode int) error { return read(path, mode, true) }\n",
        ),
        ("a.rb", "# Loads a table from disk.\ndef load(path, mode)\n  read(path, mode, true, false, nil)\nend\n"),
        (
            "a.cs",
            "class A {\n/// <summary>\n/// Loads a table from disk.\n/// </summary>\nint Load(string path, int mode) { return Read(path, mode, true); }\n}\n",
        ),
        (
            "a.lua",
            "--- Loads a table from disk.\n---@param path string\nlocal function load(path, mode)\n  return read(path, mode, true)\nend\n",
        ),
        (
            "a.ex",
            "defmodule A do\n  @doc \"\"\"\n  Loads a table from disk.\n  \"\"\"\n  def load(path, mode) do\n    read(path, mode, true, false)\n  end\nend\n",
        ),
        (
            "a.hs",
            "module A where\n\n-- | Loads a table from disk.\nload :: FilePath -> Mode -> IO Table\nload path mode = readTable path mode True\n",
        ),
        (
            "a.c",
            "/* Loads a table from disk. */\nint load(const char *path, int mode) { return read_table(path, mode, 1); }\n",
        ),
    ];
    for (path, text) in cases {
        let pairs = pairs_of(&[(path, text)]);
        let docs = of_kind(&pairs, PairKind::Doc);
        assert_eq!(docs.iter().map(|(query, _)| *query).collect::<Vec<_>>(), ["Loads a table from disk."], "{path}");
        assert!(!docs[0].1.contains("from disk") && docs[0].1.to_lowercase().contains("mode"), "{path}: {}", docs[0].1);
    }
}

#[test]
fn a_single_repository_is_split_by_its_definitions() {
    let split = TrainingSplit::by_definition(vec![toy_repository("a", 1, 100)], 5);
    let kept = &split.train[0].pairs;
    let (held_back, candidates): (Vec<&TextPair>, Vec<&TextPair>) =
        split.held_out[0].pairs.iter().partition(|pair| pair.kind == PairKind::Doc);
    assert_eq!((kept.len(), held_back.len(), candidates.len()), (80, 20, 80));
    assert!(held_back.iter().all(|one| kept.iter().all(|other| one.target != other.target)));
    assert!(candidates.iter().all(|one| one.query.is_empty()), "candidates have no query");
}

#[test]
fn a_commit_message_is_paired_with_the_function_it_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    let git = |arguments: &[&str]| {
        let mut git = std::process::Command::new("git");
        git.arg("-C").arg(folder.path()).args(["-c", "user.name=A", "-c", "user.email=a@example.org"]);
        // Isolate from an enclosing repository's hook and from the user's configuration, such as signing.
        git.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        let ran = git.args(arguments).output().expect("there is a git");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    };
    let lines = |delay: u32| {
        let middle = "    step();\n".repeat(9);
        format!("fn connect_slowly() {{\n{middle}    wait({delay});\n}}\n\nfn other_thing() {{\n{middle}}}\n")
    };
    let write = |delay| std::fs::write(folder.path().join("a.rs"), lines(delay)).expect("is written");
    git(&["init", "-q"]);
    write(1);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "Begin"]);
    write(2);
    git(&["commit", "-q", "-a", "-m", "fix(net): give a slow server more time (#12)"]);
    write(3);
    git(&["commit", "-q", "-a", "-m", "Bump the version of everything"]);
    let root = AbsPath::canonical(folder.path()).expect("is there");
    let pairs = commits::read_pairs_with_history("fixture", &root, 10).expect("is read").pairs;
    let commits = of_kind(&pairs, PairKind::Commit);
    assert_eq!(commits.len(), 1, "{commits:?}");
    assert!(commits[0].0 == "give a slow server more time" && commits[0].1.contains("wait(3)"), "{commits:?}");
}

#[cfg(unix)]
#[test]
fn a_file_that_became_a_link_after_the_walk_is_not_read() {
    let base = tempfile::tempdir().expect("a folder");
    let root = base.path().join("root");
    std::fs::create_dir(&root).expect("a folder");
    let outside = base.path().join("outside.py");
    let documented = |name: &str| {
        format!(
            "def {name}_request(queue):\n    \"\"\"Returns the {name} request that waits in the queue of the server.\"\"\"\n    \
             entries = sorted(queue, key=lambda entry: entry.priority)\n    for entry in entries:\n        \
             if entry.is_ready():\n            return entry\n    return None\n"
        )
    };
    std::fs::write(&outside, documented("outsider")).expect("a file");
    for name in ["first", "second"] {
        std::fs::write(root.join(format!("{name}.py")), documented(name)).expect("a file");
    }
    let root = AbsPath::canonical(&root).expect("it is there");
    let swapped = root.as_path().join("second.py");
    let read = pairs::read_pairs_observed(
        "test",
        &root,
        &workers::ParserPool::in_process(),
        &CancelToken::default(),
        &mut |done, _| {
            if done == 1 {
                std::fs::remove_file(&swapped).expect("removed");
                std::os::unix::fs::symlink(&outside, &swapped).expect("a link");
            }
        },
    );
    let pairs = read.expect("the folder is readable").expect("it was not cancelled").pairs;
    let mentions = |name: &str| pairs.iter().any(|pair| format!("{pair:?}").contains(name));
    assert!(mentions("first"), "the first file is read: {pairs:?}");
    assert!(!mentions("outsider"), "the link is not followed: {pairs:?}");
}
