//! Addresses of locations: folders, and places in object stores.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Component, Path, PathBuf};

use url::Url;

use crate::error::LocationError;

/// The URL schemes of the object stores.
const STORES: [&str; 3] = ["s3", "gs", "az"];

/// The address of a location: a folder, or a URL of an object store without credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocationUrl {
    pub(crate) place: LocationPlace,
    /// The project that the fragment of the URL names; `None` without a fragment.
    pub project: Option<String>,
}

/// The place of a location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LocationPlace {
    Folder(PathBuf),
    /// A bucket with the scheme of its store, and the folder in it without slashes at its ends.
    Bucket {
        scheme: &'static str,
        bucket: String,
        folder: String,
    },
}

impl LocationUrl {
    /// Returns whether `word` is meant as a URL and not as a folder.
    pub fn is_url(word: &OsStr) -> bool {
        word.to_str().is_some_and(|word| word.contains("://"))
    }

    /// Parses a folder, or a URL: `file:///folder`, `s3://bucket/folder`, `gs://bucket/folder`,
    /// `az://container/folder`. The fragment of a URL names a project.
    ///
    /// # Errors
    /// [`LocationError::Syntax`] if the URL is invalid or has another scheme, credentials, a query or no bucket.
    pub fn parse(word: &OsStr) -> Result<Self, LocationError> {
        let Some(text) = word.to_str().filter(|_| Self::is_url(word)) else {
            let folder = std::path::absolute(Path::new(word)).map_err(|error| LocationError::Syntax {
                location: word.to_string_lossy().into_owned(),
                problem: error.to_string(),
            })?;
            return Self::of_folder(&folder, None);
        };
        // A message names no credentials, not even in a URL that is refused for them.
        let shown = match text.split_once("://") {
            Some((scheme, rest)) => match rest.split_once('@').filter(|(user, _)| !user.contains('/')) {
                Some((_, host)) => format!("{scheme}://…@{host}"),
                None => text.to_owned(),
            },
            None => text.to_owned(),
        };
        let shown = shown.split(['?', '#']).next().unwrap_or_default().to_owned();
        let refuse = |problem: &str| LocationError::Syntax { location: shown.clone(), problem: problem.to_owned() };
        let url = Url::parse(text).map_err(|error| refuse(&error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            return Err(refuse("a URL takes no credentials; put them into the variables of the store"));
        }
        let project = url.fragment().filter(|name| !name.is_empty()).map(str::to_owned);
        if url.scheme() == "file" {
            let folder = url.to_file_path().map_err(|()| refuse("it names no folder of this machine"))?;
            return Self::of_folder(&folder, project);
        }
        let scheme = STORES.into_iter().find(|scheme| *scheme == url.scheme());
        let scheme = scheme.ok_or_else(|| refuse("the schemes are file, s3, gs and az"))?;
        let bucket = url.host_str().filter(|bucket| !bucket.is_empty()).ok_or_else(|| refuse("it names no bucket"))?;
        // No object store of this program has names with empty parts, such as `a//b`.
        let parts: Vec<&str> = url.path().split('/').filter(|part| !part.is_empty()).collect();
        let folder = parts.join("/");
        Ok(Self { place: LocationPlace::Bucket { scheme, bucket: bucket.to_owned(), folder }, project })
    }

    /// Returns the location in a folder, which need not exist.
    fn of_folder(folder: &Path, project: Option<String>) -> Result<Self, LocationError> {
        let folder = clean_folder(folder);
        if folder.is_file() {
            let location = folder.display().to_string();
            return Err(LocationError::Syntax { location, problem: "it is a file".to_owned() });
        }
        Ok(Self { place: LocationPlace::Folder(folder), project })
    }

    /// Returns the address of a project's indexes at this location.
    #[must_use]
    pub fn with_project(self, project: &str) -> Self {
        Self { project: Some(project.to_owned()), ..self }
    }

    /// Returns the folder of a location on this machine; `None` for an object store.
    pub fn folder(&self) -> Option<&Path> {
        match &self.place {
            LocationPlace::Folder(folder) => Some(folder),
            LocationPlace::Bucket { .. } => None,
        }
    }
}

/// Returns an absolute path without `.`, `..` and doubled separators, so that a location has one address. A folder
/// that `..` leaves may be a link; if it exists, the parent is that of its target.
fn clean_folder(folder: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in folder.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                clean = clean.canonicalize().unwrap_or(clean);
                clean.pop();
            }
            component => clean.push(component),
        }
    }
    clean
}

impl fmt::Display for LocationUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            LocationPlace::Folder(folder) => write!(f, "{}", folder.display()),
            LocationPlace::Bucket { scheme, bucket, folder } if folder.is_empty() => write!(f, "{scheme}://{bucket}"),
            LocationPlace::Bucket { scheme, bucket, folder } => write!(f, "{scheme}://{bucket}/{folder}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(word: &str) -> Result<LocationUrl, String> {
        LocationUrl::parse(OsStr::new(word)).map_err(|error| error.to_string())
    }

    #[test]
    fn urls_and_folders_are_told_apart() {
        for (word, shown) in [
            ("s3://bucket/a/b/", "s3://bucket/a/b"),
            ("gs://bucket", "gs://bucket"),
            ("az://box/x", "az://box/x"),
            ("file:///srv/indexes", "/srv/indexes"),
            ("/srv/indexes", "/srv/indexes"),
            ("s3://bucket//a//b/", "s3://bucket/a/b"),
            ("file:///srv//indexes/", "/srv/indexes"),
            ("//srv//./no-such-folder/../indexes//", "/srv/indexes"),
        ] {
            assert_eq!(parse(word).expect(word).to_string(), shown);
        }
        assert_eq!(parse("s3://bucket/a#web").expect("a URL").project.as_deref(), Some("web"));
        assert!(parse("indexes").expect("a folder").folder().is_some_and(Path::is_absolute));
    }

    #[test]
    #[cfg(unix)]
    fn the_parent_of_a_link_is_that_of_its_target() {
        let home = tempfile::tempdir().expect("a temporary folder");
        let home = home.path().canonicalize().expect("it is there");
        std::fs::create_dir_all(home.join("far/inner")).expect("a folder");
        std::os::unix::fs::symlink(home.join("far/inner"), home.join("link")).expect("a link");
        let shown = |path: &str| {
            let word = home.join(path).to_string_lossy().into_owned();
            PathBuf::from(parse(&word).expect("a folder").to_string())
        };
        assert_eq!(shown("link/../indexes"), home.join("far/indexes"));
        assert_eq!(shown("link/indexes"), home.join("link/indexes"), "a link without `..` keeps its name");
        std::fs::write(home.join("c.py"), "").expect("a file");
        let refused = parse(&home.join("c.py").to_string_lossy()).expect_err("no folder");
        assert!(refused.contains("it is a file; give a folder, or a URL"), "{refused}");
    }

    #[test]
    fn credentials_in_a_url_are_refused_and_not_shown() {
        for word in ["s3://key:secret@bucket/a", "s3://bucket/a?X-Amz-Signature=secret", "https://u:secret@host/a"] {
            let error = parse(word).expect_err(word);
            assert!(!error.contains("secret") && error.contains("bucket"), "{error}");
        }
        assert!(parse("ftp://host/a").expect_err("no such scheme").contains("s3, gs and az"));
        assert!(parse("s3:///a").is_err());
    }
}
