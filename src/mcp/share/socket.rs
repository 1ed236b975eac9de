//! The local socket between servers of one index: who is at the other end, and that it is awake.
//!
//! The joiner says the key, the owner says that it agrees; from then on both speak as a client and
//! a server would over standard input and output. Only processes of this user get that far.
//! Must never import: anything of this crate but `config`.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite, BufReader};

/// One end of a conversation.
pub struct Link {
    pub reader: BufReader<Box<dyn AsyncRead + Send + Unpin>>,
    pub writer: Box<dyn AsyncWrite + Send + Unpin>,
}

impl Link {
    /// Over these streams.
    pub fn new(
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
    ) -> Self {
        Self { reader: BufReader::new(Box::new(reader)), writer: Box::new(writer) }
    }
}

#[cfg(unix)]
pub use here::{Cut, Listener, accept, connect, listen};
#[cfg(not(unix))]
pub use nowhere::{Cut, Listener, accept, connect, listen};

/// Unix domain sockets.
#[cfg(unix)]
mod here {
    use std::net::Shutdown;
    use std::os::unix::net as blocking;
    use std::path::Path;
    use std::time::Duration;

    use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::unix::UCred;
    use tokio::net::{UnixListener, UnixStream};

    use super::{Link, io};
    use crate::config::machine;

    /// What a joiner says before the key. The number is for the conversation that follows.
    const HELLO: &str = "codescry-share 1 ";

    /// What an owner answers.
    const WELCOME: &str = "welcome";

    /// Longest first line of either.
    const MAX_HELLO_BYTES: u64 = 200;

    /// How long an owner waits for a joiner's first line.
    const HELLO_PATIENCE: Duration = Duration::from_secs(2);

    /// Where joiners come in.
    pub type Listener = UnixListener;

    /// Ends a connection at once, whatever is under way on it.
    pub struct Cut(blocking::UnixStream);

    impl Cut {
        /// See [`Cut`].
        pub fn now(self) {
            // It may have ended by itself.
            _ = self.0.shutdown(Shutdown::Both);
        }
    }

    /// Begins to listen. Must be called inside of a runtime.
    pub fn listen(at: &Path) -> io::Result<Listener> {
        UnixListener::bind(at)
    }

    /// The next joiner, before it has said what it wants, and how to end it.
    pub async fn accept(listener: &Listener) -> io::Result<(Waiting, Cut)> {
        let (stream, _) = listener.accept().await?;
        own(&stream.peer_cred()?)?;
        let stream = stream.into_std()?;
        let cut = Cut(stream.try_clone()?);
        Ok((Waiting(UnixStream::from_std(stream)?), cut))
    }

    /// Who has come, and has not said what it wants.
    pub struct Waiting(UnixStream);

    impl Waiting {
        /// Lets it in if it knows `key`.
        pub async fn welcome(self, key: &str) -> io::Result<Link> {
            let (reader, writer) = self.0.into_split();
            Link::new(reader, writer).welcome(key).await
        }
    }

    /// Joins the owner that listens at `at`.
    pub async fn connect(at: &Path, key: &str) -> io::Result<Link> {
        let stream = UnixStream::connect(at).await?;
        own(&stream.peer_cred()?)?;
        let (reader, writer) = stream.into_split();
        Link::new(reader, writer).ask(key).await
    }

    impl Link {
        /// Asks the owner of `key` to be let in.
        async fn ask(mut self, key: &str) -> io::Result<Self> {
            self.writer.write_all(format!("{HELLO}{key}\n").as_bytes()).await?;
            self.writer.flush().await?;
            let said = self.first_line().await?;
            if said == WELCOME { Ok(self) } else { Err(io::Error::other("the owner does not want to share")) }
        }

        /// Lets in who knows `key`.
        async fn welcome(mut self, key: &str) -> io::Result<Self> {
            let said = tokio::time::timeout(HELLO_PATIENCE, self.first_line()).await??;
            if said.strip_prefix(HELLO) != Some(key) {
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it wants another index"));
            }
            self.writer.write_all(format!("{WELCOME}\n").as_bytes()).await?;
            self.writer.flush().await?;
            Ok(self)
        }

        pub(super) async fn first_line(&mut self) -> io::Result<String> {
            let mut line = String::new();
            (&mut self.reader).take(MAX_HELLO_BYTES).read_line(&mut line).await?;
            let line = line.strip_suffix('\n').ok_or(io::ErrorKind::UnexpectedEof)?;
            Ok(line.to_owned())
        }
    }

    /// Refuses another user's process.
    fn own(peer: &UCred) -> io::Result<()> {
        if peer.uid() == machine::user_id() {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is another user's"))
    }
}

/// Where there are no such sockets every server has a process of its own.
#[cfg(not(unix))]
mod nowhere {
    use std::path::Path;

    use super::{Link, io};

    /// Cannot be made.
    pub enum Listener {}

    /// Cannot be made.
    pub enum Cut {}

    impl Cut {
        /// Ends a connection.
        pub fn now(self) {
            match self {}
        }
    }

    /// Cannot be made.
    pub enum Waiting {}

    impl Waiting {
        /// Lets it in if it knows `key`.
        pub async fn welcome(self, _: &str) -> io::Result<Link> {
            match self {}
        }
    }

    /// There is nowhere to listen.
    pub fn listen(_: &Path) -> io::Result<Listener> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Nobody comes.
    pub async fn accept(listener: &Listener) -> io::Result<(Waiting, Cut)> {
        match *listener {}
    }

    /// Nobody listens.
    pub async fn connect(_: &Path, _: &str) -> io::Result<Link> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    #[test]
    fn only_who_knows_the_key_comes_in_and_nobody_waits_for_the_silent() {
        let dir = tempfile::tempdir().expect("a folder");
        let at = dir.path().join("sock");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = listen(&at).expect("it is free");
            assert!(listen(&at).is_err(), "one listens at a time");
            let join = |key: &'static str| {
                let at = at.clone();
                tokio::spawn(async move { connect(&at, key).await })
            };
            let silent = tokio::net::UnixStream::connect(&at).await.expect("it listens");
            let (silent_one, _) = accept(&listener).await.expect("it has come");
            let waiting = tokio::spawn(silent_one.welcome("key"));

            let wrong = join("another key");
            let (stranger, _) = accept(&listener).await.expect("it has come");
            assert!(stranger.welcome("key").await.is_err());
            assert!(wrong.await.expect("it ends").is_err());

            let right = join("key");
            let (friend, cut) = accept(&listener).await.expect("it has come");
            let mut here = friend.welcome("key").await.expect("it knows the key");
            let mut there = right.await.expect("it ends").expect("it is let in");
            here.writer.write_all(b"hello\n").await.expect("it is there");
            assert_eq!(there.first_line().await.expect("a line"), "hello");
            cut.now();
            assert!(there.first_line().await.is_err());

            drop(silent);
            assert!(waiting.await.expect("it ends").is_err());
        });
    }
}
