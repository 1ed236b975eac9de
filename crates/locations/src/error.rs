//! The errors of locations, and their translation from those of `object_store`.
//!
//! A message of an object store can quote the request with its signature, its token and its address. Nothing of it is
//! passed on but the status, the code of the store and the kind of the failure.

use std::error::Error;
use std::path::PathBuf;

use object_store::client::{HttpError, HttpErrorKind};
use platform::process::advise_on_io_error;

/// The reason why a location cannot be read or written. No message contains a credential.
#[derive(Debug, thiserror::Error)]
pub enum LocationError {
    /// The text is no location.
    #[error("cannot use the location {location}: {problem}; give a folder, or a URL such as s3://bucket/folder")]
    Syntax { location: String, problem: String },
    /// The settings of the object store are incomplete or wrong.
    #[error("cannot use {location}: {problem}; correct the variables with which the tools of this store are set up")]
    Setup { location: String, problem: String },
    /// Nothing is published at the location.
    #[error("nothing is published at {location}; publish an index with `codescry publish {location}`")]
    Nothing { location: String },
    /// The location has no base of the project.
    #[error("{location} has no index of {project}, only of {known}; name one of them: {location}#NAME")]
    NoProject { location: String, project: String, known: String },
    /// The collection has no such repository to remove.
    #[error("{location} has no index of {repository}; {}", advise_repository(known))]
    NoRepository { location: String, repository: String, known: Vec<String> },
    /// A newer program wrote the location.
    #[error("{location} has format {found}, and this program knows formats up to {known}; update codescry")]
    Newer { location: String, found: u32, known: u32 },
    /// The store refuses the credentials or the operation.
    #[error("{location} refuses {operation}{}: {}", describe_code(code), advise_credentials(code))]
    Denied { location: String, operation: &'static str, code: String },
    /// The store cannot be reached, or its answer did not come in time or broke off.
    #[error(
        "cannot reach {location}: {problem}; check the network, the proxy and the address, then run the command again"
    )]
    Unreachable { location: String, problem: String },
    /// The store failed, and repeated requests did too.
    #[error("{location} fails {operation}{}; run the command again later", describe_code(code))]
    Failing { location: String, operation: &'static str, code: String },
    /// A stored object differs from the published one.
    #[error(
        "{object} at {location} is damaged: {problem}; publish the index again with `codescry publish --again {location}`"
    )]
    Damaged { location: String, object: String, problem: String },
    /// An object that must be there is missing.
    #[error(
        "{object} is missing at {location}; run the command again, or publish the index again with `codescry publish {location}`"
    )]
    Missing { location: String, object: String },
    /// The published index lacks the checksums of blocks, which an older program did not publish.
    #[error(
        "the index at {location} cannot be read in place, because an older codescry published it; publish it again with \
         `codescry publish {location}`, or leave out --in-place"
    )]
    NotInPlace { location: String },
    /// The list of bases changed, or could not be replaced, during each attempt to add an entry.
    #[error(
        "others changed the list of {project} at {location} {attempts} times in a row; run `codescry publish` again"
    )]
    Contended { location: String, project: String, attempts: u32 },
    /// Another combined index was published while this one was made.
    #[error(
        "another process compacted {location} at the same time; run `codescry collection compact {location}` again"
    )]
    Superseded { location: String },
    /// A file of the index that is published changed or vanished.
    #[error("the index in {dir} changed while it was published ({file}); run `codescry publish` again")]
    Changed { dir: PathBuf, file: String },
    /// An operation on this machine failed, such as reading or writing a file.
    #[error("cannot {operation} {path}: {source}{}", advise_files(operation, source))]
    Io { operation: &'static str, path: PathBuf, source: std::io::Error },
    /// The caller stopped the work.
    #[error("stopped; run the command again to go on where it stopped")]
    Stopped,
}

/// Names the repositories of a collection.
fn advise_repository(known: &[String]) -> String {
    if known.is_empty() {
        "it has none of any repository".to_owned()
    } else {
        format!("give the name of one that it has: {}", known.join(", "))
    }
}

impl LocationError {
    /// Returns whether the location may answer later, so that a base in the cache can be used until then.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Failing { .. })
    }
}

fn describe_code(code: &str) -> String {
    if code.is_empty() { String::new() } else { format!(" ({code})") }
}

/// Returns the remedy for a failed operation on a file of this machine, after a semicolon; empty if none is known.
fn advise_files(operation: &str, source: &std::io::Error) -> String {
    advise_on_io_error(operation, &source.to_string(), "give a folder that can be written")
}

fn advise_credentials(code: &str) -> &'static str {
    if code.contains("Expired") {
        "the credentials have expired, renew them and run the command again"
    } else if code.contains("Skewed") {
        "the clock of this machine is wrong, set it and run the command again"
    } else {
        "check the credentials in the variables of this store, such as AWS_ACCESS_KEY_ID, and what they may do there"
    }
}

/// The kinds of failures of a request, as far as a caller treats them differently.
#[derive(Debug)]
pub enum StoreFailure {
    /// The object is not there.
    NotFound,
    /// The condition of a conditional request does not hold.
    LostCondition,
    /// The request may have been carried out: the connection broke, no answer came in time, or the store failed.
    Unknown(LocationError),
    /// The request was not carried out.
    Failed(LocationError),
}

impl StoreFailure {
    /// Returns the error, for a caller that expects the object and sets no condition.
    pub fn into_error(self, location: &str, object: &str) -> LocationError {
        match self {
            Self::NotFound | Self::LostCondition => {
                LocationError::Missing { location: location.to_owned(), object: object.to_owned() }
            }
            Self::Unknown(error) | Self::Failed(error) => error,
        }
    }
}

/// Translates an error of `object_store`. `operation` is what failed, such as `to read`.
pub fn translate(location: &str, operation: &'static str, error: &object_store::Error) -> StoreFailure {
    use object_store::Error as Store;
    let location = location.to_owned();
    let text = error.to_string();
    let code = find_code(&text);
    if let Some(kind) = find_cause(error).map(HttpError::kind) {
        let problem = describe_http(kind, error).to_owned();
        let error = LocationError::Unreachable { location, problem };
        return if kind == HttpErrorKind::Connect { StoreFailure::Failed(error) } else { StoreFailure::Unknown(error) };
    }
    match error {
        Store::NotFound { .. } if code.contains("NoSuchBucket") => {
            StoreFailure::Failed(LocationError::Setup { location, problem: "there is no such bucket".to_owned() })
        }
        Store::NotFound { .. } => StoreFailure::NotFound,
        Store::AlreadyExists { .. } | Store::Precondition { .. } | Store::NotModified { .. } => {
            StoreFailure::LostCondition
        }
        Store::PermissionDenied { .. } | Store::Unauthenticated { .. } => {
            StoreFailure::Failed(LocationError::Denied { location, operation, code })
        }
        _ if is_refusal(&code) => StoreFailure::Failed(LocationError::Denied { location, operation, code }),
        Store::NotImplemented { .. } | Store::NotSupported { .. } | Store::InvalidPath { .. } => {
            let problem = format!("the store does not support it ({operation})");
            StoreFailure::Failed(LocationError::Setup { location, problem })
        }
        _ if text.contains("169.254.169.254") || text.contains("metadata.google") || text.contains("169.254.170.2") => {
            StoreFailure::Failed(LocationError::Denied { location, operation, code: "no credentials".to_owned() })
        }
        _ => match find_cause::<std::io::Error>(error) {
            Some(source) => StoreFailure::Failed(LocationError::Io {
                operation: operation.trim_start_matches("to "),
                path: location.into(),
                source: std::io::Error::new(source.kind(), source.to_string()),
            }),
            None => StoreFailure::Unknown(LocationError::Failing { location, operation, code }),
        },
    }
}

fn is_refusal(code: &str) -> bool {
    ["ExpiredToken", "InvalidToken", "RequestTimeTooSkewed", "AuthorizationHeaderMalformed", "InvalidAccessKeyId"]
        .iter()
        .any(|refusal| code.contains(refusal))
}

/// Returns the code in the body of an error of S3 or Azure, such as `ExpiredToken`, otherwise the status, such as
/// `HTTP status 503`; empty if there is neither.
fn find_code(text: &str) -> String {
    let inside = |start: &str, end: &str| Some(text.split_once(start)?.1.split_once(end)?.0);
    let is_word = |code: &&str| code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if let Some(code) = inside("<Code>", "</Code>").filter(is_word) {
        return code.to_owned();
    }
    let status = inside("status code: ", " ").filter(|status| status.bytes().all(|byte| byte.is_ascii_digit()));
    status.map(|status| format!("HTTP status {status}")).unwrap_or_default()
}

/// Returns the first error of a type among an error and its causes.
fn find_cause<T: Error + 'static>(error: &object_store::Error) -> Option<&T> {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn describe_http(kind: HttpErrorKind, error: &object_store::Error) -> &'static str {
    match kind {
        HttpErrorKind::Timeout => "it does not answer in time",
        HttpErrorKind::Interrupted => "the connection broke",
        HttpErrorKind::Connect if error.to_string().contains("failed to lookup") => "its name is not known",
        HttpErrorKind::Connect => "no connection can be made",
        _ => "the request failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_and_nothing_else_is_quoted() {
        let secret = "Server returned non-2xx status code: 403 Forbidden: <Error><Code>ExpiredToken</Code>\
                      <Token-0>AQoSECRET</Token-0></Error>";
        assert_eq!(find_code(secret), "ExpiredToken");
        assert_eq!(find_code("status code: 503 Service Unavailable: "), "HTTP status 503");
        assert_eq!(find_code("<Code>see http://key@host</Code>"), "");
        let source: Box<dyn Error + Send + Sync> = secret.into();
        let denied = object_store::Error::PermissionDenied { path: "a?X-Amz-Signature=abc".to_owned(), source };
        let StoreFailure::Failed(error) = translate("s3://bucket", "to read", &denied) else { panic!("a refusal") };
        let text = error.to_string();
        assert!(text.contains("expired") && text.contains("s3://bucket"), "{text}");
        assert!(!text.contains("SECRET") && !text.contains("Signature"), "{text}");
    }

    #[test]
    fn a_file_of_a_location_that_cannot_be_written_names_the_remedy() {
        let failed = |code: i32| {
            let source: Box<dyn Error + Send + Sync> = Box::new(std::io::Error::from_raw_os_error(code));
            let error = object_store::Error::Generic { store: "LocalFileSystem", source };
            let StoreFailure::Failed(error) = translate("/mnt/indexes", "to write", &error) else {
                panic!("a failure")
            };
            error.to_string()
        };
        assert!(
            failed(28).starts_with("cannot write /mnt/indexes: ") && failed(28).contains("; make room"),
            "{}",
            failed(28)
        );
        assert!(failed(13).ends_with("; give a folder that can be written"), "{}", failed(13));
        assert!(failed(24).contains("ulimit -n"), "{}", failed(24));
    }
}
