//! Files that hold credentials only sometimes, recognized by their names together with texts in them.

use types::{RepoPath, matches_glob};

use super::names::plain_name;

/// The kinds of files that hold credentials only sometimes: globs of lower-case names, lower-case texts, at least one
/// of which must be in the file, and a description of the credentials.
const CREDENTIAL_FILES: &[(&[&str], &[&str], &str)] = &[
    // The address of a remote may contain a password. The folder of a bare repository has any name.
    (&["config", "config.worktree"], &["[remote \"", "[core]\n", "[branch \"", "[credential"], "settings of Git"),
    (&["*.gitconfig", "gitconfig"], &["[credential", "@github.com", "@gitlab.com"], "settings of Git"),
    (&["config.json", "config"], &["\"auths\""], "passwords for container registries"),
    (&["auth.json"], &["http-basic", "github-oauth", "gitlab-token", "bearer", "token", "api_key"], "access tokens"),
    (&["nuget.config"], &["packagesourcecredentials", "cleartextpassword", "apikeys"], "passwords for NuGet"),
    (&["settings.xml", "settings-*.xml", "*-settings.xml"], &["<password>", "<passphrase>"], "passwords for Maven"),
    (
        &["gradle.properties", "*.gradle.properties"],
        &["password=", "password =", "token=", "token =", "secret=", "secret =", "apikey=", "api_key="],
        "passwords for Gradle",
    ),
    (&["my.cnf", "*.my.cnf", ".my.cnf", "client.cnf"], &["password"], "passwords for MySQL"),
    (&["pip.conf", "pip.ini", ".condarc", ".yarnrc*"], &["@", "token", "password"], "passwords for package registries"),
    (
        &["appsettings.json", "appsettings.*.json"],
        &["password=", "password\":", "secret\":", "apikey\":", "accountkey="],
        "passwords of an application",
    ),
    (&["env", "environment", "environment.txt"], &["password=", "secret=", "token=", "_key=", "passwd="], "passwords"),
    (&["shadow", "gshadow"], &[":$", ":!", ":*"], "password hashes"),
    (&["config.toml", "config.yml", "config.yaml", "hosts.yml"], &["oauth_token:", "auth_token:"], "access tokens"),
];

/// Number of leading bytes of a file that are searched for the texts of [`CREDENTIAL_FILES`].
const MAX_BYTES: usize = 256 << 10;

/// Returns a description of the credentials in a file whose name is in [`CREDENTIAL_FILES`]; `None` for other names,
/// and if the first [`MAX_BYTES`] have none of the texts.
pub fn find_credentials_by_name(path: &RepoPath, bytes: &[u8]) -> Option<&'static str> {
    let lower = path.file_name().to_ascii_lowercase();
    let plain = plain_name(&lower);
    let mut rows = CREDENTIAL_FILES
        .iter()
        .filter(|(globs, ..)| globs.iter().any(|glob| matches_glob(glob, &lower) || matches_glob(glob, plain)))
        .peekable();
    rows.peek()?;
    let text = bytes[..bytes.len().min(MAX_BYTES)].to_ascii_lowercase();
    let has = |sign: &&str| memchr::memmem::find(&text, sign.as_bytes()).is_some();
    rows.find(|(_, signs, _)| signs.iter().any(has)).map(|(.., what)| *what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(path: &str, text: &str) -> Option<&'static str> {
        find_credentials_by_name(&RepoPath::new(path), text.as_bytes())
    }

    #[test]
    fn a_name_and_a_text_together_are_credentials() {
        for (path, text) in [
            ("bare.git/config", "[core]\n\tbare = true\n"),
            ("GIT_DIR/config", "[remote \"origin\"]\n\turl = https://u:token@example.invalid/a\n"),
            ("config.bak", "[remote \"origin\"]\n"),
            ("docker/config.json", "{\"auths\": {}}"),
            ("NuGet.Config", "<packageSourceCredentials>"),
            ("settings.xml", "<server><password>x</password></server>"),
            ("gradle.properties", "signing.password=x\n"),
            ("composer/auth.json", "{\"http-basic\": {}}"),
            ("appsettings.Production.json", "{\"D\": \"Server=x;Password=y\"}"),
            ("env", "DB_PASSWORD=x\n"),
            ("backup/shadow", "root:$6$x:19000::\n"),
        ] {
            assert!(judge(path, text).is_some(), "{path}");
        }
    }

    #[test]
    fn other_names_and_other_texts_are_not() {
        for (path, text) in [
            ("config", "Host example\n"),
            ("src/config.rs", "[core]\n"),
            ("config.json", "{\"name\": \"app\"}"),
            ("gradle.properties", "org.gradle.jvmargs=-Xmx2g\n"),
            ("settings.xml", "<settings/>"),
            ("env", "#!/bin/sh\nexec \"$@\"\n"),
        ] {
            assert_eq!(judge(path, text), None, "{path}");
        }
    }
}
