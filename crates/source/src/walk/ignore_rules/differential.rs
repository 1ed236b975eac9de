//! Compares the ignore rules with the installed git on random trees and patterns. The tests need git.
//!
//! No random case differs. The random cases leave out intended differences: files that are tracked are not included
//! again; `info/exclude` is not used if it is a symbolic link; files above the limit of size are not used; of git's
//! settings, `core.excludesFile` of a repository and `includeIf` are not used, because they can name any file or depend
//! on the repository; and the rules of a folder above a nested repository apply in it, too.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use super::folder_rules::{FolderRules, IgnoreVerdict};

/// Number of paths that are compared.
const CASES: usize = 20_000;

/// A seed to repeat, printed by the test that failed; `None` for a new one.
const REPEATED_SEED: Option<u64> = None;

/// Names of files and folders.
const NAMES: &[&[u8]] = &[
    b"a",
    b"b",
    b"ab",
    b"abc",
    b"foo",
    b"bar",
    b"a.c",
    b"b.rs",
    b"x y",
    "é".as_bytes(),
    b"caf\xe9",
    b"\xff",
    b"[a]",
    b"a*b",
    b"!x",
    b"#h",
    b"a\\b",
    b"q?",
    b"foo.",
    b"..x",
    b".a",
    b"A",
    b"Foo",
    b"z-z",
    b"1",
    b"{a,b}",
    b"^a",
    b" lead",
    b"trail ",
    b"trail  ",
    b"\\",
    b"tab\tx",
    b"\t",
    b"a]",
    b"]",
    b"[",
    b"-",
    b"$x",
    b"a\r",
    b"~",
    b"_",
    b"\x7f",
    b":",
    b"\xef\xbb\xbfa",
];

/// Parts of patterns between slashes.
const PARTS: &[&[u8]] = &[
    b"*",
    b"**",
    b"?",
    b"a",
    b"b",
    b"ab",
    b"abc",
    b"foo",
    b"bar",
    b"*.c",
    b"a.*",
    b"*.rs",
    b"a*",
    b"*b",
    b"[ab]",
    b"[!ab]",
    b"[^a]",
    b"[a-c]*",
    b"[]a]",
    b"[!]a]",
    b"[a",
    b"[]",
    b"a[",
    b"\\a",
    b"\\*",
    b"a\\*b",
    b"\\!x",
    b"!x",
    b"\\#h",
    b"#h",
    b"x\\ y",
    b"x y",
    "é".as_bytes(),
    b"caf\xe9",
    b"caf?",
    b"[\xff]",
    b"[\x80-\xff]",
    b"?*",
    b"**a",
    b"a**",
    b"a**b",
    b"***",
    b"{a,b}",
    b"[[:alpha:]]",
    b"[[:digit:]]",
    b"[[:upper:]]*",
    b"[[:lower:]]oo",
    b"[^[:alnum:]]",
    b"[[:punct:]]",
    b"[[:space:]]",
    b"*[[:blank:]]",
    b"[[:cntrl:]]*",
    b"[[:graph:]]?",
    b"[[:print:]]",
    b"[[:xdigit:]]",
    b"[[:nope:]]",
    b"[[:]",
    b"[[:a]",
    b"[[:alpha]",
    b"[a[:digit:]-z]",
    b"[[:digit:]-z]",
    b"[\\]]",
    b"[a\\]",
    b"[\\a-c]",
    b"[a-\\c]",
    b"[a-",
    b"[a-\\",
    b"foo.",
    b"..x",
    b"trail\\ ",
    b"trail ",
    b"trail  ",
    b"trail\\  ",
    b" lead",
    b"\\\\",
    b"a\\\\b",
    b"[A-Z]*",
    b"[a-]",
    b"[-a]",
    b"[z-a]",
    b"\\",
    b"q\\?",
    b"q?",
    b"^a",
    b"\\^a",
    b"[^^]*",
    b"tab\tx",
    b"tab*",
    b"a\t",
    b"\t",
    b"[!-a]",
    b"[--a]",
    b"[a-c-z]",
    b"*[!a]*",
    b"[/]",
    b"a[/]b",
    b"[!/]",
    b"*\\",
    b"\\/",
    b"a/",
    b"-",
    b"$x",
    b"\\$x",
    b"A",
    b"FOO",
    b"\\A",
    b"[A]",
    b"a\0b",
    b"?\\?",
    b"*a*b",
    b"*?b",
    b".*",
    b"*.",
    b"a\r",
    b"\r",
];

/// A random number generator.
struct Random(u64);

impl Random {
    /// Returns a number below `limit`.
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as usize % limit
    }

    fn is_in_percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn choose<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn pattern(&mut self) -> Vec<u8> {
        let count = self.choose(&[1, 1, 1, 2, 2, 3, 4]);
        let mut pattern = (0..count).map(|_| self.choose(PARTS)).collect::<Vec<_>>().join(&b'/');
        for (percent, before) in [(25, "/"), (10, "**/"), (5, "a"), (25, "!")] {
            if self.is_in_percent(percent) {
                pattern.splice(0..0, before.bytes());
            }
        }
        for (percent, after) in [(25, "/"), (10, "/**")] {
            if self.is_in_percent(percent) {
                pattern.extend(after.bytes());
            }
        }
        if self.is_in_percent(10) {
            let ends = [" ", "  ", "\t", " \\ ", "\r", "\\", "//", "/*", "/**/", "/.", "**", "/\\"];
            pattern.extend(self.choose(&ends).bytes());
        }
        pattern
    }

    fn ignore_file(&mut self) -> Vec<u8> {
        let marks: [&[u8]; 8] = [b"", b"", b"", b"", b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"];
        let mut text = self.choose(&marks).to_vec();
        for _ in 0..self.choose(&[1, 2, 3, 6]) {
            text.extend(self.pattern());
            text.extend(self.choose(&["\n", "\n", "\n", "\r\n", "\n\n"]).bytes());
        }
        if self.is_in_percent(30) {
            text.extend(self.pattern());
            text.extend(self.choose(&["", "\r", "\0"]).bytes());
        }
        text
    }
}

/// A repository with random paths and ignore files, and the user's excludes beside it.
struct RandomRepository {
    root: PathBuf,
    global: PathBuf,
    /// Files and folders relative to the root, and whether each is a folder. Files need not exist.
    paths: BTreeMap<PathBuf, bool>,
}

impl RandomRepository {
    fn create(folder: &Path, random: &mut Random, count: usize) -> Self {
        let (root, global) = (folder.join("repository"), folder.join("global"));
        git(folder, &["init", "-q", "repository"], b"");
        if random.is_in_percent(30) {
            let mut config = fs::OpenOptions::new().append(true).open(root.join(".git/config")).expect("the settings");
            config.write_all(b"[core]\n\tignorecase = true\n").expect("written");
        }
        fs::create_dir_all(root.join(".git/info")).expect("a folder");
        for file in [root.join(".gitignore"), root.join(".git/info/exclude"), global.clone()] {
            // A pattern that excludes everything would hide all differences below.
            let narrow = |random: &mut Random| [b"/?3*/".as_slice(), &random.pattern()].concat();
            fs::write(file, if random.is_in_percent(50) { narrow(random) } else { Vec::new() }).expect("a file");
        }
        let mut paths = BTreeMap::new();
        while paths.len() < count {
            Self::add_tree(&root, &PathBuf::from(format!("w{}", paths.len())), random, &mut paths);
        }
        while paths.len() > count {
            // The last folder or file of the order has nothing below it.
            paths.pop_last();
        }
        Self { root, global, paths }
    }

    /// Adds a folder with files, folders and ignore files.
    fn add_tree(root: &Path, top: &Path, random: &mut Random, paths: &mut BTreeMap<PathBuf, bool>) {
        let mut folders = vec![top.to_owned()];
        for _ in 0..random.choose(&[3, 6, 12]) {
            folders.push(folders[random.below(folders.len())].join(OsStr::from_bytes(random.choose(NAMES))));
        }
        for (number, folder) in folders.iter().enumerate() {
            fs::create_dir_all(root.join(folder)).expect("a folder");
            paths.insert(folder.clone(), true);
            if number == 0 || random.is_in_percent(35) {
                fs::write(root.join(folder).join(".gitignore"), random.ignore_file()).expect("a file");
            }
        }
        for _ in 0..random.choose(&[12, 24]) {
            let at = folders[random.below(folders.len())].join(OsStr::from_bytes(random.choose(NAMES)));
            if random.is_in_percent(2) && !paths.contains_key(&at) {
                std::os::unix::fs::symlink(".", root.join(&at)).expect("a link");
            }
            paths.entry(at).or_insert(false);
        }
    }

    /// Returns the ignore file by which git excludes each path; `None` for paths that it includes.
    fn git_verdicts(&self) -> BTreeMap<PathBuf, Option<String>> {
        let input: Vec<u8> = self.paths.keys().flat_map(|path| [path.as_os_str().as_bytes(), b"\0"].concat()).collect();
        let excludes = format!("core.excludesFile={}", self.global.display());
        let arguments = ["-c", &excludes, "check-ignore", "--stdin", "-z", "-v", "-n", "--no-index"];
        let output = git(&self.root, &arguments, &input);
        let fields: Vec<&[u8]> = output.split(|byte| *byte == 0).collect();
        let verdict = |fields: &[&[u8]]| {
            let [source, _, pattern, path] = fields else { panic!("not four fields: {fields:?}") };
            let is_out = !source.is_empty() && !pattern.starts_with(b"!");
            let source = String::from_utf8_lossy(source).into_owned();
            (PathBuf::from(OsStr::from_bytes(path)), is_out.then_some(source))
        };
        fields.chunks_exact(4).map(verdict).collect()
    }

    /// Returns the same as [`Self::git_verdicts`], by the rules of this crate.
    fn own_verdicts(&self) -> BTreeMap<PathBuf, Option<String>> {
        let mut verdicts: BTreeMap<PathBuf, Option<String>> = BTreeMap::new();
        let top = FolderRules::load_with_global(&self.root, Some(self.global.clone()));
        let mut rules = BTreeMap::from([(PathBuf::new(), top)]);
        // A folder comes before its entries.
        for (path, is_folder) in &self.paths {
            let (above, abs) = (path.parent().expect("a folder"), self.root.join(path));
            let verdict =
                verdicts.get(above).cloned().flatten().or_else(|| match rules[above].verdict(&abs, *is_folder) {
                    IgnoreVerdict::Out { source, .. } => {
                        Some(source.rsplit(" of ").next().unwrap_or_default().to_owned())
                    }
                    IgnoreVerdict::In { .. } | IgnoreVerdict::Silent => None,
                });
            if *is_folder {
                let below = FolderRules::load_below(&rules[above], &abs, &[abs.join(".gitignore")]);
                rules.insert(path.clone(), below);
            }
            verdicts.insert(path.clone(), verdict);
        }
        verdicts
    }
}

/// Runs git without settings of the user or the machine. Returns its output.
fn git(folder: &Path, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = Command::new("git");
    command.current_dir(folder).args(arguments);
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_CONFIG_PARAMETERS", "GIT_TEMPLATE_DIR"] {
        command.env_remove(variable);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().expect("git can be started; this test needs git");
    let mut stdin = process.stdin.take().expect("its input");
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input).expect("git reads its input"));
        process.wait_with_output().expect("git ends")
    });
    // Exit code 1 means that no path is ignored.
    let is_ok = matches!(output.status.code(), Some(0 | 1)) && output.stderr.is_empty();
    assert!(is_ok, "git {arguments:?}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Compares the verdicts for random paths. Returns the number of paths that git excludes.
fn compare(seed: u64, cases: usize) -> usize {
    const REPOSITORIES: usize = 10;
    let mut random = Random(seed);
    let mut excluded = 0;
    for _ in 0..REPOSITORIES {
        // A file system in memory takes a second, a busy disk half a minute.
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let folder = tempfile::tempdir_in(parent).expect("a folder");
        let folder = folder.path().canonicalize().expect("it is there");
        let repository = RandomRepository::create(&folder, &mut random, cases / REPOSITORIES);
        let (git, own) = (repository.git_verdicts(), repository.own_verdicts());
        assert_eq!(git.len(), cases / REPOSITORIES, "git answers for each path");
        let differs = |(path, verdict): &(&PathBuf, &Option<String>)| own.get(*path) != Some(*verdict);
        let different: Vec<String> = git
            .iter()
            .filter(differs)
            .map(|(path, verdict)| {
                let rules = path.ancestors().skip(1).map(|folder| repository.root.join(folder).join(".gitignore"));
                let rules = rules.filter_map(|file| fs::read(file).ok()).map(|text| text.escape_ascii().to_string());
                let rules: Vec<String> = rules.collect();
                format!("{path:?}: git {verdict:?}, here {:?}, rules {rules:?}", own.get(path))
            })
            .collect();
        assert!(different.is_empty(), "seed {seed}: {} differences:\n{}", different.len(), different.join("\n"));
        excluded += git.values().flatten().count();
    }
    excluded
}

#[test]
fn random_rules_exclude_the_same_paths_as_in_git() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let seed = REPEATED_SEED.unwrap_or_else(|| u64::from(now.subsec_nanos()) << 32 | now.as_secs() & 0xffff_ffff);
    let excluded = compare(seed, CASES);
    assert!((CASES / 10..CASES * 9 / 10).contains(&excluded), "seed {seed}: {excluded} of {CASES} are excluded");
}
