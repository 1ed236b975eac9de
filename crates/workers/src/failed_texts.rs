//! Texts on which a parser process failed, remembered in a file of the index, so that no later run and no other process
//! fails on them again.
//!
//! ```text
//! failed-texts   header · entries · checksum u64                              little-endian
//! entry          hash of the text, its language, grammar and task, 32 bytes · fault u8 · memory limit u64
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use parking_lot::Mutex;

use platform::atomic_file::{self, Durability};
use platform::file_format::FileFormat;
use platform::process;
use source::language;
use source::parse::syntax::{ParserFault, SyntaxRequest, SyntaxTask};
use types::ContentHash;

const FORMAT: FileFormat = FileFormat { magic: *b"CSFAILED", version: 1 };

/// Name of the file in the index folder.
pub(crate) const FILE_NAME: &str = "failed-texts";

/// Maximum number of entries; the oldest ones are dropped.
const MAX_ENTRIES: usize = 10_000;

/// Prefix of the files that [`FailedTexts::record_attempt`] writes, before the id of the process.
const ATTEMPT_PREFIX: &str = "parsing-";

const ENTRY_BYTES: usize = 32 + 1 + 8;

/// The failure of a parser on a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FailedText {
    key: [u8; 32],
    fault: ParserFault,
    /// Memory limit of the parser, in bytes. With more memory, a text that needed too much is tried again.
    memory_bytes: u64,
}

/// The texts on which a parser process failed.
pub(crate) struct FailedTexts {
    /// `None` to remember them in this process only.
    file: Option<PathBuf>,
    state: Mutex<FailedState>,
}

/// The record of a text that this process parses itself; removed when dropped.
pub(crate) struct AttemptRecord {
    path: PathBuf,
}

impl Drop for AttemptRecord {
    fn drop(&mut self) {
        // A record that stays costs one text, and only after the process has ended.
        _ = fs::remove_file(&self.path);
    }
}

#[derive(Default)]
struct FailedState {
    entries: Vec<FailedText>,
    /// Modification time and length of the file when it was last read or written; `None` before that.
    stamp: Option<(SystemTime, u64)>,
}

impl FailedTexts {
    /// Creates the list that is kept in `file`, which may not exist yet; `None` keeps it in this process only.
    pub fn new(file: Option<PathBuf>) -> Self {
        Self { file, state: Mutex::default() }
    }

    /// Returns the remembered fault on this text that a parser with `memory_bytes` would have again; `None` if there is
    /// none. A fault while finding definitions counts for every task.
    pub fn find(&self, request: &SyntaxRequest<'_>, memory_bytes: u64) -> Option<ParserFault> {
        let has_entries = || {
            let mut state = self.state.lock();
            self.refresh(&mut state);
            !state.entries.is_empty()
        };
        if !has_entries() {
            return None;
        }
        // A parser that fails while it looks for definitions fails before every other task, too. The text is hashed
        // without the lock, and only once per task.
        let other_task = Some(request.task).filter(|task| *task != SyntaxTask::Definitions);
        std::iter::once(SyntaxTask::Definitions).chain(other_task).find_map(|task| {
            let key = text_key(&SyntaxRequest { task, ..*request });
            let state = self.state.lock();
            let entry = state.entries.iter().find(|entry| entry.key == key)?;
            let is_same = entry.fault != ParserFault::OutOfMemory || entry.memory_bytes >= memory_bytes;
            is_same.then_some(entry.fault)
        })
    }

    /// Remembers that a parser with `memory_bytes` failed on this text, and writes the list to the file, if there is
    /// one.
    pub fn remember(&self, request: &SyntaxRequest<'_>, fault: ParserFault, memory_bytes: u64) {
        self.add_entry(FailedText { key: text_key(request), fault, memory_bytes });
    }

    /// Records that this process begins to parse a text itself, until the record is dropped. If parsing ends the
    /// process, the next one finds the record with [`FailedTexts::adopt_attempts`]. `None` if there is no index folder,
    /// or the record cannot be written.
    pub fn record_attempt(&self, request: &SyntaxRequest<'_>) -> Option<AttemptRecord> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let folder = self.file.as_ref()?.parent().filter(|folder| folder.is_dir())?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("{ATTEMPT_PREFIX}{}-{number}", std::process::id()));
        // A parse that cannot be recorded is still useful.
        fs::write(&path, FORMAT.seal(&text_key(request))).ok()?;
        Some(AttemptRecord { path })
    }

    /// Remembers the texts that ended processes were parsing without a worker when they ended.
    pub fn adopt_attempts(&self) {
        let folder = self.file.as_ref().and_then(|file| file.parent());
        let Some(entries) = folder.and_then(|folder| fs::read_dir(folder).ok()) else { return };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let id = name.strip_prefix(ATTEMPT_PREFIX).and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
            if id.is_none_or(process::is_process_running) {
                continue;
            }
            let body = fs::read(&path).ok().and_then(|bytes| FORMAT.unseal(&bytes).ok()?.try_into().ok());
            if let Some(key) = body {
                self.add_entry(FailedText { key, fault: ParserFault::Crashed, memory_bytes: u64::MAX });
            }
            // Another process may have removed it.
            _ = fs::remove_file(&path);
        }
    }

    fn add_entry(&self, entry: FailedText) {
        let mut state = self.state.lock();
        self.refresh(&mut state);
        state.add(entry);
        let Some(file) = &self.file else { return };
        // Without an index folder, nothing is written for it.
        if !file.parent().is_some_and(Path::is_dir) {
            return;
        }
        if let Err(error) = atomic_file::replace_with_bytes(file, Durability::Unsynced, &encode_entries(&state.entries))
        {
            tracing::warn!("cannot remember in {} that a parser failed: {error}", file.display());
        }
        state.stamp = file_stamp(file);
    }

    /// Adds the entries of the file if it has changed since it was last read.
    fn refresh(&self, state: &mut FailedState) {
        let Some(file) = &self.file else { return };
        let stamp = file_stamp(file);
        if stamp.is_none() || stamp == state.stamp {
            return;
        }
        state.stamp = stamp;
        match fs::read(file).map(|bytes| decode_entries(&bytes)) {
            Ok(Some(entries)) => entries.into_iter().for_each(|entry| state.add(entry)),
            Ok(None) => tracing::warn!("{} is damaged and will be written again", file.display()),
            Err(error) => tracing::warn!("cannot read {}: {error}", file.display()),
        }
    }
}

impl FailedState {
    /// Adds an entry at the end, in place of an older one with the same key. If the list is full, removes the oldest
    /// one.
    fn add(&mut self, entry: FailedText) {
        self.entries.retain(|other| other.key != entry.key);
        if self.entries.len() >= MAX_ENTRIES {
            self.entries.remove(0);
        }
        self.entries.push(entry);
    }
}

fn file_stamp(file: &Path) -> Option<(SystemTime, u64)> {
    let metadata = fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// Returns the hash of the text, its language, its grammar and the task.
fn text_key(request: &SyntaxRequest<'_>) -> [u8; 32] {
    let grammar = language::grammar_fingerprint(request.language).unwrap_or(0);
    let task = match request.task {
        SyntaxTask::Definitions => "definitions".to_owned(),
        SyntaxTask::References { name } => format!("references {name}"),
        SyntaxTask::Tokens => "tokens".to_owned(),
    };
    let mut bytes = format!("{} {grammar:x} {task}\0", request.language).into_bytes();
    bytes.extend_from_slice(request.text.as_bytes());
    *ContentHash::of_bytes(&bytes).as_bytes()
}

fn encode_entries(entries: &[FailedText]) -> Vec<u8> {
    let mut body = Vec::with_capacity(entries.len() * ENTRY_BYTES);
    for entry in entries {
        let fault = ParserFault::LASTING.iter().position(|fault| *fault == entry.fault);
        body.extend_from_slice(&entry.key);
        body.push(fault.and_then(|index| u8::try_from(index).ok()).unwrap_or(0));
        body.extend_from_slice(&entry.memory_bytes.to_le_bytes());
    }
    FORMAT.seal(&body)
}

fn decode_entries(bytes: &[u8]) -> Option<Vec<FailedText>> {
    let (entries, rest) = FORMAT.unseal(bytes).ok()?.as_chunks::<ENTRY_BYTES>();
    let decode = |entry: &[u8; ENTRY_BYTES]| {
        let (key, rest) = entry.split_first_chunk::<32>()?;
        let (fault, memory_bytes) = rest.split_first()?;
        Some(FailedText {
            key: *key,
            fault: *ParserFault::LASTING.get(usize::from(*fault))?,
            memory_bytes: u64::from_le_bytes(memory_bytes.try_into().ok()?),
        })
    };
    if rest.is_empty() { entries.iter().map(decode).collect() } else { None }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use types::Language;

    fn request(text: &'static str, task: SyntaxTask<'static>) -> SyntaxRequest<'static> {
        SyntaxRequest { language: Language("ruby"), text, task, time_limit: Duration::from_secs(1) }
    }

    #[test]
    fn another_process_learns_what_failed() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = Some(folder.path().join(FILE_NAME));
        let (one, other) = (FailedTexts::new(file.clone()), FailedTexts::new(file));
        let bad = request("bad", SyntaxTask::Definitions);
        assert_eq!(other.find(&bad, 100), None);
        one.remember(&bad, ParserFault::Crashed, 100);
        one.remember(&request("big", SyntaxTask::Tokens), ParserFault::OutOfMemory, 100);
        assert_eq!(other.find(&bad, 100), Some(ParserFault::Crashed));
        let references = request("bad", SyntaxTask::References { name: "x" });
        assert_eq!(other.find(&references, 100), Some(ParserFault::Crashed), "it fails before every task");
        assert_eq!(other.find(&request("good", SyntaxTask::Definitions), 100), None);
        assert_eq!(other.find(&request("big", SyntaxTask::Definitions), 100), None, "only its tokens failed");
        assert_eq!(other.find(&request("big", SyntaxTask::Tokens), 100), Some(ParserFault::OutOfMemory));
        assert_eq!(other.find(&request("big", SyntaxTask::Tokens), 101), None, "there is more memory now");
        let java = SyntaxRequest { language: Language("java"), ..bad };
        assert_eq!(other.find(&java, 100), None, "another grammar");
    }

    #[test]
    fn a_damaged_file_is_ignored_and_written_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(FILE_NAME);
        FailedTexts::new(Some(file.clone())).remember(&request("bad", SyntaxTask::Definitions), ParserFault::Hung, 1);
        let whole = fs::read(&file).expect("a file");
        for bit in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode_entries(&damaged), None, "bit {bit}");
        }
        fs::write(&file, &whole[..20]).expect("written");
        let failed = FailedTexts::new(Some(file.clone()));
        assert_eq!(failed.find(&request("bad", SyntaxTask::Definitions), 1), None);
        failed.remember(&request("worse", SyntaxTask::Definitions), ParserFault::Crashed, 1);
        assert_eq!(decode_entries(&fs::read(&file).expect("a file")).map(|entries| entries.len()), Some(1));
    }

    #[test]
    fn a_text_that_ended_a_process_is_known_to_the_next_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(FILE_NAME);
        let bad = request("bad", SyntaxTask::Definitions);
        let record = FailedTexts::new(Some(file.clone())).record_attempt(&bad).expect("a record");
        let later = FailedTexts::new(Some(file));
        later.adopt_attempts();
        assert_eq!(later.find(&bad, 1), None, "this process still runs");
        // No process has this id: ids are smaller.
        let dead = folder.path().join(format!("{ATTEMPT_PREFIX}{}-0", i32::MAX));
        fs::rename(&record.path, &dead).expect("renamed");
        later.adopt_attempts();
        assert_eq!(later.find(&bad, 1), Some(ParserFault::Crashed));
        assert!(!dead.exists());
    }

    #[test]
    fn the_list_is_bounded_and_an_absent_folder_is_not_created() {
        let folder = tempfile::tempdir().expect("a folder");
        let absent = folder.path().join("index");
        let failed = FailedTexts::new(Some(absent.join(FILE_NAME)));
        failed.remember(&request("bad", SyntaxTask::Definitions), ParserFault::Hung, 1);
        assert!(!absent.exists() && failed.find(&request("bad", SyntaxTask::Definitions), 1).is_some());
        let mut state = FailedState::default();
        for number in 0..MAX_ENTRIES as u64 + 5 {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&number.to_le_bytes());
            state.add(FailedText { key, fault: ParserFault::Hung, memory_bytes: 0 });
        }
        assert_eq!((state.entries.len(), state.entries[0].key[0]), (MAX_ENTRIES, 5));
    }
}
