//! A group: several indexed folders that are searched as one.
//!
//! Every repository keeps its own index, engine and watcher. The group joins their snapshots; a call that needs a file
//! is passed to the engine that the first part of the path names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::{GroupRepository, LocatedPath, QuerySource};
use crate::error::{EngineError, PathError};
use crate::models::embedder_word;
use crate::project_scope::named_projects::{resolve_project_folders, resolve_repository};
use crate::state::Engine;
use embed::Embedder;
use platform::threads::run_on_threads;
use search::{Filter, FolderScope, GroupMember, Hit, QueryFilters, Snapshot};
use store::IndexFingerprint;
use text::display::escape_name;
use types::{Project, RepoPath};

/// The kind of the project that stands for a repository of a group.
const REPOSITORY_KIND: &str = "repository";

/// A folder of a group that cannot be searched, and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOutFolder {
    pub folder: PathBuf,
    pub reason: String,
}

/// Several indexed folders that are searched as one.
pub struct EngineGroup {
    /// The engines with the names of their repositories, in the order of the folders.
    members: Vec<(String, Arc<Engine>)>,
    /// Folders that could not be opened.
    unopened: Vec<LeftOutFolder>,
    /// Remarks on folders that are not members of their own: those given twice, or inside of another one.
    remarks: Vec<String>,
    current: Mutex<GroupState>,
}

/// The joined snapshot, and the repositories that it leaves out.
#[derive(Default)]
struct GroupState {
    snapshot: Option<Arc<Snapshot>>,
    /// The repositories that are not in the snapshot, with the reason.
    left_out: BTreeMap<String, String>,
}

impl EngineGroup {
    /// Creates a group of the folders of `engines`. A folder that is given twice, or whose files are in the index of
    /// another one, is no member; [`EngineGroup::remarks`] says so. `unopened` are folders of the group that cannot be
    /// opened.
    pub fn new(engines: Vec<Arc<Engine>>, unopened: Vec<LeftOutFolder>) -> Self {
        let mut remarks = Vec::new();
        let mut kept: Vec<Arc<Engine>> = Vec::new();
        for (at, engine) in engines.iter().enumerate() {
            let root = engine.root();
            let holds = |outer: &&Arc<Engine>| {
                let inner = RepoPath::below(outer.root(), root).filter(|path| !path.as_str().is_empty());
                inner.is_some_and(|inner| outer.covers_folder(&inner))
            };
            if engines[..at].iter().any(|other| other.root() == root) {
                remarks.push(format!("{} is given twice", shown(root)));
            } else if let Some(outer) = engines.iter().find(holds) {
                remarks.push(format!(
                    "{} is not a repository of its own here, because the index of {} has its files",
                    shown(root),
                    shown(outer.root())
                ));
            } else {
                kept.push(Arc::clone(engine));
            }
        }
        let names = name_folders(&kept.iter().map(|engine| engine.root()).collect::<Vec<_>>());
        Self { members: names.into_iter().zip(kept).collect(), unopened, remarks, current: Mutex::default() }
    }

    /// Returns the engines with the names of their repositories.
    pub fn members(&self) -> &[(String, Arc<Engine>)] {
        &self.members
    }

    /// Returns remarks on folders that are not members of their own.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// Loads the snapshots of all repositories and joins them. A failure is reported by the first search.
    pub fn warm_up(&self) {
        if let Err(error) = self.snapshot() {
            tracing::debug!("no snapshot of the group was loaded: {error}");
        }
    }

    fn find_member(&self, name: &str) -> Option<&(String, Arc<Engine>)> {
        self.members.iter().find(|(known, _)| known == name)
    }

    /// Returns the snapshot of each member, or the reason why there is none. Unless all members have loaded a snapshot
    /// before, loads them in parallel.
    fn member_snapshots(&self) -> Vec<Result<Arc<Snapshot>, EngineError>> {
        if self.members.iter().all(|(_, engine)| engine.has_snapshot()) {
            return self.members.iter().map(|(_, engine)| engine.confirmed_snapshot()).collect();
        }
        let next = AtomicUsize::new(0);
        let load = || {
            let mut loaded = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some((_, engine)) = self.members.get(at) else { return loaded };
                loaded.push((at, engine.confirmed_snapshot()));
            }
        };
        let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get).min(self.members.len());
        let mut loaded: Vec<_> = run_on_threads("load group", threads.max(1), load).into_iter().flatten().collect();
        loaded.sort_by_key(|(at, _)| *at);
        loaded.into_iter().map(|(_, snapshot)| snapshot).collect()
    }

    /// Returns the projects of all repositories, with their folders in the group. A repository without a project in its
    /// root folder is a project itself.
    fn find_projects(&self, snapshot: &Snapshot) -> Vec<Project> {
        let mut all = Vec::new();
        for member in snapshot.members() {
            let Some((name, engine)) = self.find_member(&member.name) else { continue };
            let records = member.snapshot.records();
            let projects = engine.projects_of(member.snapshot.generation(), records.iter());
            let in_group = |project: &Project| Project {
                folder: if project.folder.is_empty() { name.clone() } else { format!("{name}/{}", project.folder) },
                ..project.clone()
            };
            if projects.iter().all(|project| !project.folder.is_empty()) {
                let files = member.snapshot.files_indexed();
                all.push(Project { name: name.clone(), kind: REPOSITORY_KIND, folder: name.clone(), files });
            }
            all.extend(projects.iter().map(in_group));
        }
        all
    }

    /// Returns the repository that a filter names.
    fn resolve_repository(&self, snapshot: &Snapshot, name: &str) -> Result<String, EngineError> {
        let state = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let left_out = state.left_out.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.trim()));
        if let Some((name, reason)) = left_out {
            return Err(EngineError::LeftOut { name: name.clone(), reason: reason.clone() });
        }
        drop(state);
        let names: Vec<&str> = snapshot.members().iter().map(|member| member.name.as_str()).collect();
        Ok(resolve_repository(&names, name)?.to_owned())
    }
}

impl QuerySource for EngineGroup {
    fn snapshot(&self) -> Result<Arc<Snapshot>, EngineError> {
        let (mut parts, mut left_out) = (Vec::<GroupMember>::new(), BTreeMap::new());
        let mut first_error = None;
        for ((name, engine), loaded) in self.members.iter().zip(self.member_snapshots()) {
            match loaded {
                Ok(snapshot) if snapshot.is_part() => {
                    let reason = "it has more chunks than --resident-limit; search it alone, or raise the limit";
                    left_out.insert(name.clone(), reason.to_owned());
                }
                Ok(snapshot) => {
                    if let Some(reason) = engine.missing_base_model() {
                        left_out.insert(name.clone(), reason);
                        continue;
                    }
                    let model = |snapshot: &Snapshot| snapshot.manifest().fingerprint.clone();
                    match parts.first().filter(|first| !is_same_model(&model(&first.snapshot), &model(&snapshot))) {
                        Some(first) => {
                            let first_engine = self.find_member(&first.name).map_or(engine, |(_, engine)| engine);
                            let reason = other_model_reason(engine, &model(&snapshot), first, first_engine);
                            left_out.insert(name.clone(), reason);
                        }
                        None => parts.push(GroupMember::new(name.clone(), snapshot)),
                    }
                }
                Err(error) => {
                    left_out.insert(name.clone(), error.to_string());
                    first_error.get_or_insert(error);
                }
            }
        }
        if parts.is_empty() {
            self.current.lock().unwrap_or_else(PoisonError::into_inner).left_out = left_out;
            return Err(first_error.unwrap_or(EngineError::EmptyGroup));
        }
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.left_out = left_out;
        if let Some(joined) = current.snapshot.as_ref().filter(|joined| joined.is_joined_from(&parts)) {
            return Ok(Arc::clone(joined));
        }
        let joined = Arc::new(Snapshot::join(parts, current.snapshot.as_deref()));
        current.snapshot = Some(Arc::clone(&joined));
        Ok(joined)
    }

    fn embedder_of(&self, snapshot: &Snapshot) -> Result<Arc<dyn Embedder>, EngineError> {
        let first = snapshot.members().first().ok_or(EngineError::EmptyGroup)?;
        let (_, engine) = self.find_member(&first.name).ok_or(EngineError::EmptyGroup)?;
        Ok(Arc::clone(&engine.model_of_snapshot(&first.snapshot)?.embedder))
    }

    fn missing_base_model(&self) -> Option<String> {
        None
    }

    fn find_folders(
        &self,
        snapshot: &Snapshot,
        filter: &Filter,
        query_filters: &QueryFilters,
    ) -> Result<FolderScope, EngineError> {
        let (include, exclude) = (&query_filters.include, &query_filters.exclude);
        let repositories = |names: &[String]| -> Result<Vec<String>, EngineError> {
            names.iter().map(|name| self.resolve_repository(snapshot, name)).collect()
        };
        let mut folders = FolderScope::default();
        if !include.repositories.is_empty() {
            folders.inside.push(repositories(&include.repositories)?);
        }
        folders.outside = repositories(&exclude.repositories)?;
        if filter.project.is_some() || !include.projects.is_empty() || !exclude.projects.is_empty() {
            let all = self.find_projects(snapshot);
            let resolve_all = |names: &[String]| -> Result<Vec<String>, EngineError> {
                let of_each = names.iter().map(|name| resolve_project_folders(&all, name));
                Ok(of_each.collect::<Result<Vec<_>, _>>()?.concat())
            };
            if let Some(name) = &filter.project {
                folders.inside.push(resolve_all(std::slice::from_ref(name))?);
            }
            if !include.projects.is_empty() {
                folders.inside.push(resolve_all(&include.projects)?);
            }
            folders.outside.extend(resolve_all(&exclude.projects)?);
        }
        Ok(folders)
    }

    fn locate(&self, path: &str) -> Result<LocatedPath<'_>, PathError> {
        let at = |member: usize, path: &str| {
            let (name, engine) = &self.members[member];
            LocatedPath { engine: engine.as_ref(), path: path.to_owned(), repository: Some(name.as_str()) }
        };
        if Path::new(path).is_absolute() {
            let holds = |member: &usize| Path::new(path).starts_with(self.members[*member].1.root());
            let depth = |member: &usize| self.members[*member].1.root().components().count();
            let innermost = (0..self.members.len()).filter(holds).max_by_key(depth);
            return innermost.map(|member| at(member, path)).ok_or_else(|| self.unknown_path(path));
        }
        let trimmed = path.trim_start_matches("./");
        let (first, rest) = trimmed.split_once('/').unwrap_or((trimmed, ""));
        if let Some(member) = self.members.iter().position(|(name, _)| name == first) {
            return Ok(at(member, if rest.is_empty() { "." } else { rest }));
        }
        // A path without the name of a repository is clear if one repository alone has it.
        let has_it = |member: &usize| self.members[*member].1.resolve_path(path).is_ok();
        let holding: Vec<usize> = (0..self.members.len()).filter(has_it).collect();
        match holding.as_slice() {
            [only] => Ok(at(*only, path)),
            [] => Err(self.unknown_path(path)),
            several => {
                let paths = several.iter().map(|member| format!("{}/{trimmed}", self.members[*member].0)).collect();
                Err(PathError::InSeveralRepositories { path: path.to_owned(), paths })
            }
        }
    }

    fn locate_file(&self, path: &RepoPath) -> Option<LocatedPath<'_>> {
        let (name, inner) = path.as_str().split_once('/')?;
        let (name, engine) = self.find_member(name)?;
        Some(LocatedPath { engine, path: inner.to_owned(), repository: Some(name) })
    }

    fn engines(&self) -> Vec<&Engine> {
        self.members.iter().map(|(_, engine)| engine.as_ref()).collect()
    }

    fn list_repositories(&self) -> Vec<GroupRepository> {
        let state = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let files_of = |name: &str| {
            let members = state.snapshot.as_ref().map_or(&[][..], |snapshot| snapshot.members());
            members.iter().find(|member| member.name == name).map_or(0, |member| member.snapshot.files_indexed())
        };
        let repository = |(name, engine): &(String, Arc<Engine>)| GroupRepository {
            name: name.clone(),
            folder: engine.root().to_owned(),
            files: files_of(name),
            left_out: state.left_out.get(name).cloned(),
        };
        let mut all: Vec<GroupRepository> = self.members.iter().map(repository).collect();
        all.extend(self.unopened.iter().map(|unopened| GroupRepository {
            name: unopened.folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
            folder: unopened.folder.clone(),
            files: 0,
            left_out: Some(unopened.reason.clone()),
        }));
        all
    }

    fn left_out_notes(&self) -> Vec<String> {
        let state = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let left_out = state.left_out.iter().map(|(name, reason)| format!("{name} was not searched: {reason}"));
        let unopened =
            self.unopened.iter().map(|one| format!("{} was not searched: {}", shown(&one.folder), one.reason));
        left_out.chain(unopened).collect()
    }

    fn find_exclusion(&self, snapshot: &Snapshot, path: &str) -> Option<String> {
        let record = |member: &GroupMember, path: &RepoPath| member.snapshot.record(path).is_some();
        let explain = |member: &GroupMember, inner: &str| {
            let (name, engine) = self.find_member(&member.name)?;
            let why = engine.why_not_indexed(inner, |path| record(member, path))?;
            Some(format!("in {name}, {why}"))
        };
        let (first, rest) = path.split_once('/').unwrap_or((path, ""));
        match snapshot.members().iter().find(|member| member.name == first) {
            Some(member) => explain(member, rest),
            None => snapshot.members().iter().find_map(|member| explain(member, path)),
        }
    }

    fn set_projects(&self, hits: &mut [Hit]) {
        for (name, engine) in &self.members {
            let is_own = |hit: &&mut Hit| hit.repository.as_ref() == Some(name);
            let mut own: Vec<&mut Hit> = hits.iter_mut().filter(is_own).collect();
            if !own.is_empty() {
                engine.set_project_names(&mut own, |path| RepoPath::new(&path.as_str()[name.len() + 1..]));
            }
        }
    }
}

impl EngineGroup {
    /// Returns the error for a path that no repository has.
    fn unknown_path(&self, path: &str) -> PathError {
        let names = self.members.iter().map(|(name, _)| name.clone()).collect();
        PathError::InNoRepository { path: path.to_owned(), names }
    }
}

fn shown(path: &Path) -> String {
    escape_name(&path.to_string_lossy()).into_owned()
}

/// Returns whether vectors with these fingerprints are of the same model.
fn is_same_model(a: &IndexFingerprint, b: &IndexFingerprint) -> bool {
    (&a.model_id, a.dimensions) == (&b.model_id, b.dimensions)
}

/// Returns the reason why a repository with vectors of another model is left out.
fn other_model_reason(
    engine: &Engine,
    fingerprint: &IndexFingerprint,
    first: &GroupMember,
    first_engine: &Engine,
) -> String {
    let first_id = &first.snapshot.manifest().fingerprint.model_id;
    format!(
        "its index was made by the model {}, and that of {} by {}, whose vectors cannot be compared; index both with one \
         model, such as with `codescry index {} --embedder {}`",
        fingerprint.model_id,
        first.name,
        first_id,
        shown(engine.root()),
        shown(Path::new(&embedder_word(&first_engine.settings, first_id))),
    )
}

/// Returns a unique name without slashes for each folder: its own name, as in `api`. If several folders have that name,
/// their parents' names precede it, as in `shop-api`. A number follows if the name is still taken, as in `shop-api~2`.
fn name_folders(folders: &[&Path]) -> Vec<String> {
    let own = |folder: &Path| {
        folder.file_name().map_or_else(|| "root".to_owned(), |name| name.to_string_lossy().into_owned())
    };
    let counts = folders.iter().fold(BTreeMap::new(), |mut counts: BTreeMap<String, usize>, folder| {
        *counts.entry(own(folder)).or_default() += 1;
        counts
    });
    let mut names: Vec<String> = Vec::with_capacity(folders.len());
    for folder in folders {
        let name = own(folder);
        let wanted = match folder.parent().filter(|_| counts[&name] > 1) {
            Some(parent) => format!("{}-{name}", own(parent)),
            None => name,
        };
        let mut unique = wanted.clone();
        let mut number = 2;
        while names.contains(&unique) || (unique != own(folder) && counts.contains_key(&unique)) {
            unique = format!("{wanted}~{number}");
            number += 1;
        }
        names.push(unique);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{IndexRequest, Options, QueryCalls as _, SearchQuery, Settings};
    use config::{EmbedderChoice, PipelineOptions};
    use platform::cancel::CancelToken;

    /// Creates and indexes a folder with a function of its name.
    fn index_folder(base: &Path, name: &str, embedder: &str) -> Arc<Engine> {
        let root = base.join(name);
        std::fs::create_dir_all(&root).expect("a folder");
        std::fs::write(root.join("lib.rs"), format!("pub fn open_{name}() {{}}\n")).expect("a file");
        let embedder = Some(embedder.parse::<EmbedderChoice>().unwrap_or_else(|_| panic!("a model: {embedder}")));
        let options = Options {
            path: Some(root),
            index_dir: Some(base.join(format!("{name}-index"))),
            max_cache_bytes: Some(0),
            pipeline: PipelineOptions { embedder, ..PipelineOptions::default() },
            ..Options::default()
        };
        let engine = Engine::open(Settings::resolve(&options).expect("settings")).expect("it opens");
        engine.index(&IndexRequest::default(), &CancelToken::default(), &|_| ()).expect("an index");
        Arc::new(engine)
    }

    #[test]
    fn a_repository_of_another_model_is_left_out_with_the_reason() {
        let folder = tempfile::tempdir().expect("a folder");
        let base = folder.path().canonicalize().expect("it is there");
        let engines = ["api", "web"].map(|name| index_folder(&base, name, "builtin"));
        let other = index_folder(&base, "old", "synthetic:100000");
        let group = EngineGroup::new(engines.into_iter().chain([other]).collect(), Vec::new());
        let query = SearchQuery { text: "open".to_owned(), limit: 9, ..SearchQuery::default() };
        let answer = group.search(&query, &CancelToken::default()).expect("an answer");
        let mut found: Vec<&str> = answer.hits.iter().filter_map(|hit| hit.repository.as_deref()).collect();
        found.sort_unstable();
        assert_eq!(found, ["api", "web"]);
        let notes = answer.notes.join("; ");
        assert!(notes.contains("old was not searched: its index was made by the model synthetic"), "{notes}");
        assert!(notes.contains("old --embedder builtin"), "{notes}");
        let filtered = SearchQuery { text: "repo:old open".to_owned(), ..query };
        let refused = group.search(&filtered, &CancelToken::default()).expect_err("it is left out").to_string();
        assert!(refused.starts_with("old is not searched: its index was made by the model"), "{refused}");
        let left_out = |name: &str| {
            let all = group.list_repositories();
            all.iter().any(|one| one.name == name && one.left_out.is_some())
        };
        assert!(left_out("old") && !left_out("api"));
    }

    #[test]
    fn the_remedy_names_a_model_in_a_user_s_folder_by_its_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let base = folder.path().canonicalize().expect("it is there");
        let (model, fixtures) = (base.join("mine"), concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/onnx"));
        std::fs::create_dir_all(&model).expect("a folder");
        for file in ["model2vec.safetensors", "tokenizer.json"] {
            std::fs::copy(Path::new(fixtures).join(file), model.join(file)).expect("copied");
        }
        let description =
            "name = \"mine\"\nkind = \"model2vec\"\ndimensions = 8\n[files]\nfp32 = \"model2vec.safetensors\"\n";
        std::fs::write(model.join("codescry-model.toml"), description).expect("written");
        let model = model.to_str().expect("it is UTF-8");
        let engines = vec![index_folder(&base, "api", model), index_folder(&base, "web", "builtin")];
        let group = EngineGroup::new(engines, Vec::new());
        let query = SearchQuery { text: "open".to_owned(), limit: 9, ..SearchQuery::default() };
        let notes = group.search(&query, &CancelToken::default()).expect("an answer").notes.join("; ");
        assert!(notes.contains(&format!("web --embedder {model}:fp32")), "{notes}");
        let again = index_folder(&base, "web", &format!("{model}:fp32"));
        let group = EngineGroup::new(vec![index_folder(&base, "api", model), again], Vec::new());
        let found = group.search(&query, &CancelToken::default()).expect("an answer").hits;
        assert!(found.iter().any(|hit| hit.repository.as_deref() == Some("web")), "the remedy helps");
    }

    #[test]
    fn folders_of_the_same_name_are_told_apart_by_the_folder_above() {
        let names = |folders: &[&str]| name_folders(&folders.iter().map(Path::new).collect::<Vec<_>>());
        assert_eq!(names(&["/srv/api", "/srv/web"]), ["api", "web"]);
        assert_eq!(names(&["/a/app", "/b/app", "/c/web"]), ["a-app", "b-app", "web"]);
        assert_eq!(names(&["/x/a/app", "/y/a/app"]), ["a-app", "a-app~2"]);
        assert_eq!(names(&["/x/a-app", "/x/a/app", "/x/b/app"]), ["a-app", "a-app~2", "b-app"]);
        assert_eq!(names(&["/"]), ["root"]);
    }
}
