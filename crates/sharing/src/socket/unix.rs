//! Sharing over Unix domain sockets.

use std::ffi::OsString;
use std::io;
use std::net::Shutdown;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::net as blocking;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mcp::AnswerForm;
use platform::process;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::UCred;
use tokio::net::{UnixListener, UnixStream};

use crate::folders::ServedTree;
use crate::peer_stream::PeerStream;

/// Prefix of the first line of a joining process. After it come the form of the answers, the key, and the served tree:
/// its root and its index as hexadecimal bytes, or [`NO_TREE`] for the folders of the key. The number is the version of
/// the protocol between relay and owner.
const HELLO: &str = "codescry-share 3 ";

/// The words for the forms of answers in the first line of a joining process.
const FORMS: [(&str, AnswerForm); 2] = [("text", AnswerForm::Text), ("structured", AnswerForm::TextAndData)];

/// The word in place of a tree: the process serves the folders that the key was computed from.
const NO_TREE: &str = "-";

/// The owner's confirmation.
const WELCOME: &str = "welcome";

/// Maximum length of the first line of either side, in bytes.
const MAX_HELLO_BYTES: u64 = 64 << 10;

/// Time that the owner waits for the first line of a joining process.
const HELLO_TIMEOUT: Duration = Duration::from_secs(2);

/// The socket that an owner listens on.
pub type ShareListener = UnixListener;

/// A handle that closes a connection at once, even while messages are in flight.
pub struct ConnectionCloser(blocking::UnixStream);

impl ConnectionCloser {
    /// Closes the connection.
    pub fn close(self) {
        // An error means that it is closed already.
        _ = self.0.shutdown(Shutdown::Both);
    }
}

/// Binds the socket at `path`. Must be called inside a Tokio runtime.
///
/// # Errors
/// When the socket cannot be bound.
pub fn bind_socket(path: &Path) -> io::Result<ShareListener> {
    UnixListener::bind(path)
}

/// Waits for the next process that joins; returns it, unverified, with a handle that closes its connection.
///
/// # Errors
/// `PermissionDenied` if the process runs as another user; any other error comes from the socket.
pub async fn accept_peer(listener: &ShareListener) -> io::Result<(UnverifiedPeer, ConnectionCloser)> {
    let (stream, _) = listener.accept().await?;
    check_same_user(&stream.peer_cred()?)?;
    let stream = stream.into_std()?;
    let closer = ConnectionCloser(stream.try_clone()?);
    Ok((UnverifiedPeer(UnixStream::from_std(stream)?), closer))
}

/// A process that has connected and not sent its key yet.
pub struct UnverifiedPeer(UnixStream);

impl UnverifiedPeer {
    /// Reads the first line of the process: the key, and the form and the tree that it requests.
    ///
    /// # Errors
    /// When the key differs from `key` or does not arrive in time, the line is malformed, or the connection fails.
    pub async fn verify_key(self, key: &str) -> io::Result<VerifiedPeer> {
        let (reader, writer) = self.0.into_split();
        PeerStream::new(reader, writer).receive_key(key).await
    }
}

/// A process that has sent the key and waits to be let in.
pub struct VerifiedPeer {
    stream: PeerStream,
    /// The form of the answers that the process asks for.
    pub form: AnswerForm,
    /// The tree that the process serves; `None` for the folders of the key.
    pub tree: Option<ServedTree>,
}

impl VerifiedPeer {
    /// Sends the owner's confirmation, and returns the stream to the process.
    pub async fn welcome(self) -> io::Result<PeerStream> {
        let mut stream = self.stream;
        stream.writer.write_all(format!("{WELCOME}\n").as_bytes()).await?;
        stream.writer.flush().await?;
        Ok(stream)
    }
}

/// Connects to the owner that listens at `path`, sends `key`, and requests answers of this form about `tree`, or about
/// the folders of the key.
///
/// # Errors
/// When no owner listens, it runs as another user, or it does not confirm the key.
pub async fn connect_to_owner(
    path: &Path,
    key: &str,
    form: AnswerForm,
    tree: Option<&ServedTree>,
) -> io::Result<PeerStream> {
    let stream = UnixStream::connect(path).await?;
    check_same_user(&stream.peer_cred()?)?;
    let (reader, writer) = stream.into_split();
    PeerStream::new(reader, writer).send_key(key, form, tree).await
}

impl PeerStream {
    /// Sends `key`, the form of answers and the tree, and waits for the owner's confirmation.
    async fn send_key(mut self, key: &str, form: AnswerForm, tree: Option<&ServedTree>) -> io::Result<Self> {
        let word = FORMS.iter().find(|(_, known)| *known == form).map_or("text", |(word, _)| word);
        self.writer.write_all(format!("{HELLO}{word} {key} {}\n", encode_tree(tree)).as_bytes()).await?;
        self.writer.flush().await?;
        let reply = self.read_first_line().await?;
        if reply == WELCOME { Ok(self) } else { Err(io::Error::other("the owner refused the connection")) }
    }

    /// Waits for the first line of a joining process, and checks that it has `key`.
    async fn receive_key(mut self, key: &str) -> io::Result<VerifiedPeer> {
        let hello = tokio::time::timeout(HELLO_TIMEOUT, self.read_first_line()).await??;
        let words: Vec<&str> = hello.strip_prefix(HELLO).unwrap_or_default().split(' ').collect();
        let [word, given, tree @ ..] = words.as_slice() else { return Err(refusal()) };
        let form = FORMS.iter().find(|(known, _)| known == word).map(|(_, form)| *form);
        match (form.filter(|_| *given == key), decode_tree(tree)) {
            (Some(form), Some(tree)) => Ok(VerifiedPeer { stream: self, form, tree }),
            _ => Err(refusal()),
        }
    }

    /// Reads the first line, without its line end.
    ///
    /// # Errors
    /// When the stream cannot be read or ends, or the line is too long.
    pub async fn read_first_line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        (&mut self.reader).take(MAX_HELLO_BYTES).read_line(&mut line).await?;
        let line = line.strip_suffix('\n').ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(line.to_owned())
    }
}

fn refusal() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "the process has another sharing key")
}

/// Encodes a tree as words of the first line: [`NO_TREE`], or its root and its index in hexadecimal.
fn encode_tree(tree: Option<&ServedTree>) -> String {
    let hex = |path: &Path| path.as_os_str().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    tree.map_or_else(|| NO_TREE.to_owned(), |tree| format!("{} {}", hex(&tree.root), hex(&tree.index_dir)))
}

/// Decodes the words of [`encode_tree`]: `Some(None)` for [`NO_TREE`]; `None` if they are malformed or a path is not
/// absolute.
fn decode_tree(words: &[&str]) -> Option<Option<ServedTree>> {
    let path = |hex: &str| {
        let digits = hex.as_bytes().as_chunks::<2>();
        let byte = |digits: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
        let bytes = digits.0.iter().map(byte).collect::<Option<Vec<u8>>>().filter(|_| digits.1.is_empty())?;
        let path = PathBuf::from(OsString::from_vec(bytes));
        path.is_absolute().then_some(path)
    };
    match words {
        [NO_TREE] => Some(None),
        [root, index_dir] => Some(Some(ServedTree { root: path(root)?, index_dir: path(index_dir)? })),
        _ => None,
    }
}

/// Returns an error if the other process runs as another user.
fn check_same_user(peer: &UCred) -> io::Result<()> {
    if peer.uid() == process::user_id() {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::PermissionDenied, "the other process belongs to another user"))
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[test]
    fn only_processes_with_the_key_are_let_in_and_a_silent_one_delays_no_other() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("sock");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = bind_socket(&path).expect("the path is free");
            assert!(bind_socket(&path).is_err(), "only one process can listen");
            let join = |key: &'static str| {
                let path = path.clone();
                tokio::spawn(async move { connect_to_owner(&path, key, AnswerForm::TextAndData, None).await })
            };
            let silent = tokio::net::UnixStream::connect(&path).await.expect("the owner listens");
            let (silent_peer, _) = accept_peer(&listener).await.expect("it has connected");
            let waiting = tokio::spawn(silent_peer.verify_key("key"));

            let wrong = join("another key");
            let (stranger, _) = accept_peer(&listener).await.expect("it has connected");
            assert!(stranger.verify_key("key").await.is_err());
            assert!(wrong.await.expect("it ends").is_err());

            let right = join("key");
            let (friend, closer) = accept_peer(&listener).await.expect("it has connected");
            let friend = friend.verify_key("key").await.expect("it has the key");
            assert_eq!((friend.form, &friend.tree), (AnswerForm::TextAndData, &None));
            let mut here = friend.welcome().await.expect("it is still there");
            let mut there = right.await.expect("it ends").expect("it is let in");
            here.writer.write_all(b"hello\n").await.expect("the other end is open");
            assert_eq!(there.read_first_line().await.expect("a line"), "hello");
            closer.close();
            assert!(there.read_first_line().await.is_err());

            drop(silent);
            assert!(waiting.await.expect("it ends").is_err());
        });
    }

    #[test]
    fn a_tree_passes_as_words() {
        let path = |bytes: &[u8]| PathBuf::from(OsString::from_vec(bytes.to_vec()));
        let tree = ServedTree { root: path(b"/srv/my app\xff\n"), index_dir: path(b"/i") };
        for tree in [None, Some(tree)] {
            let words = encode_tree(tree.as_ref());
            assert_eq!(decode_tree(&words.split(' ').collect::<Vec<_>>()), Some(tree), "{words}");
        }
        for words in
            [&[][..], &[""], &["2f"], &["2f", "2"], &["2f", "zz"], &["61", "2f"], &["-", "2f"], &["2f", "2f", "2f"]]
        {
            assert_eq!(decode_tree(words), None, "{words:?}");
        }
    }
}
