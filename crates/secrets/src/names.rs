//! The table of names of files and folders that hold credentials.
//!
//! Names are compared in lower case and in three forms: whole, without the marks of copies and backups, and without
//! both these marks and leading dots. So `server.key.bak`, `.env~`, `.server.key.swp` and
//! `terraform.tfstate.1700000000.backup` match. A file pattern never matches a folder, because `commands/credentials/`
//! is source code. The reported reason is the pattern.

use types::{RepoPath, matches_glob};

/// Names of files with credentials, as lower-case globs with at most one `*`.
const SECRET_FILES: &[&str] = &[
    // Environments.
    ".env",
    ".env.*",
    ".env-*",
    ".env_*",
    "*.env",
    "*.envrc",
    ".flaskenv",
    "dotenv",
    // Passwords and tokens of programs.
    "*.npmrc",
    "*.netrc",
    "netrc",
    "_netrc",
    "*.pgpass",
    "pgpass",
    "pgpass.conf",
    "*.pypirc",
    "*.git-credentials",
    "git-credentials",
    "*.htpasswd",
    "htpasswd",
    "htdigest",
    "*.dockercfg",
    "*.dockerconfigjson",
    "*.s3cfg",
    "*.boto",
    "*.passwd-s3fs",
    "*.terraformrc",
    "terraform.rc",
    "credentials.tfrc.json",
    "*.databrickscfg",
    "*.ftpconfig",
    "sftp-config.json",
    "rclone.conf",
    ".msmtprc",
    "*.vault-token",
    "vault-token",
    ".vault_pass*",
    "vault_pass*",
    "vault-password*",
    "wp-config.php",
    "local.settings.json",
    "local.properties",
    "sentry.properties",
    "keystore.properties",
    "key.properties",
    "signing.properties",
    "credentials",
    "*.ovpn",
    // Histories of shells hold the commands that were typed.
    "*.bash_history",
    "bash_history",
    "*.zsh_history",
    "zsh_history",
    "*.python_history",
    "*.psql_history",
    "*.mysql_history",
    "*.rediscli_history",
    // Keys.
    "id_rsa",
    "id_rsa.*",
    "id_dsa",
    "id_dsa.*",
    "id_ecdsa",
    "id_ecdsa.*",
    "id_ed25519",
    "id_ed25519.*",
    "*.pem",
    "*.key",
    "*.p8",
    "*.p12",
    "*.pfx",
    "*.pkcs12",
    "*.jks",
    "*.bcfks",
    "*.keystore",
    "*.keytab",
    "*.ppk",
    "*.gpg",
    "*.kdbx",
    "*.kdb",
    // Accounts of clouds.
    "service-account*.json",
    "service_account*.json",
    "client_secret*.json",
    "client-secret*.json",
    "rootkey.csv",
    "*accesskeys.csv",
    "*access_keys.csv",
    "*.tfstate",
    "*.tfstate.backup",
    "*.tfvars",
    "*.tfvars.json",
    "*.tfplan",
    "kubeconfig",
    "*.kubeconfig",
    "kube.config",
];

/// Globs that apply only to names without an extension: `id_rsa_parser.rs` is source code.
const SECRET_KEYS: &[&str] = &[
    "id_rsa*",
    "id_dsa*",
    "id_ecdsa*",
    "id_ed25519*",
    "*_rsa",
    "*-rsa",
    "*_dsa",
    "*-dsa",
    "*_ecdsa",
    "*-ecdsa",
    "*_ed25519",
    "*-ed25519",
    "ssh_host_*_key",
    "*deploy_key",
    "*deploy-key",
    "*private_key",
    "*private-key",
    "privkey*",
    "kubeconfig*",
];

/// Words for credentials, with the pattern to report. A data file whose name has such a word may hold credentials if
/// only [`ENVIRONMENTS`] and numbers follow the first one: `secrets.yaml`, `secrets.prod.yaml`, `db-secret.yaml` and
/// `gcp-credentials.json` may, `credentials.py` and `secret-santa.json` do not. Without the extension of a data format,
/// only `credentials` and `creds` after another word match, as in `aws_credentials`. Names with [`SAMPLE_WORDS`] or
/// [`REFERENCE_WORDS`], and texts such as `secret.txt`, do not match.
const SECRET_WORDS: &[(&str, &str)] = &[
    ("credentials", "credentials.*"),
    ("credential", "credential.*"),
    ("creds", "creds.*"),
    ("secrets", "secrets.*"),
    ("secret", "secret.*"),
    ("passwords", "passwords.*"),
    ("kubeconfig", "kubeconfig.*"),
];

/// Words in the names of files without readable credentials, which are stored elsewhere, encrypted or absent.
const REFERENCE_WORDS: &[&str] = &["external", "sealed", "no", "without"];

/// Names of the environments in which a program runs.
const ENVIRONMENTS: &[&str] = &[
    "local",
    "dev",
    "devel",
    "develop",
    "development",
    "prod",
    "production",
    "live",
    "stage",
    "staging",
    "test",
    "testing",
    "qa",
    "uat",
    "ci",
    "demo",
    "preview",
    "sandbox",
    "docker",
    "default",
    "shared",
    "common",
    "global",
];

/// Extensions of data formats that may hold credentials.
const SECRET_DATA: &[&str] =
    &["json", "yml", "yaml", "toml", "env", "ini", "xml", "properties", "cfg", "conf", "csv", "txt"];

/// Extensions of [`SECRET_DATA`] that prose and lists have too.
const SECRET_TEXTS: &[&str] = &["txt", "csv", "cfg", "conf"];

/// Folders that hold only credentials and settings.
const SECRET_FOLDERS: &[&str] =
    &[".aws", ".ssh", ".gnupg", ".kube", ".docker", ".azure", ".gcloud", ".password-store", ".oci"];

/// Names of folders whose data files are credentials; their source files are not.
const SECRET_DATA_FOLDERS: &[&str] = &["secrets", ".secrets", "secret"];

/// Names of data files with a fixed purpose, which hold no credentials even in [`SECRET_DATA_FOLDERS`].
const MANIFESTS: &[&str] = &[
    "package.json",
    "composer.json",
    "deno.json",
    "project.json",
    "tsconfig.json",
    "pom.xml",
    "cargo.toml",
    "pyproject.toml",
    "chart.yaml",
    "kustomization.yaml",
    "kustomization.yml",
    "action.yml",
    "action.yaml",
    "requirements.txt",
    "cmakelists.txt",
    "setup.cfg",
    "tox.ini",
    "readme.txt",
    "license.txt",
];

/// Extensions, and parts of data files' names, of samples and public keys, which are not secrets.
const SAMPLE_WORDS: &[&str] = &["example", "sample", "template", "pub", "tmpl", "tpl", "dist", "dummy", "schema"];

/// Ends of names of copies and backups.
const BACKUP_ENDS: &[&str] = &[
    "~",
    ".bak",
    ".bkp",
    ".bck",
    ".backup",
    ".old",
    ".orig",
    ".original",
    ".save",
    ".saved",
    ".swp",
    ".swo",
    ".swn",
    ".tmp",
    ".temp",
    ".copy",
    ".prev",
    ".previous",
    ".new",
    ".disabled",
    ".off",
    ".rej",
    ".rpmsave",
    ".rpmnew",
    ".rpmorig",
    ".dpkg-old",
    ".dpkg-new",
    ".dpkg-dist",
    ".txt",
    "-backup",
    "_backup",
    "-bak",
    "_bak",
    "-old",
    "_old",
    "-copy",
    "_copy",
    " copy",
    " - copy",
    "#",
];

/// Starts of names of copies and backups.
const BACKUP_STARTS: &[&str] = &["#", ".#", "copy of ", "backup of ", "backup-", "backup_", "old-", "old_", "bak."];

/// Returns the pattern by which a file may hold credentials, matched on its name and its folders; `None` if no pattern
/// matches.
pub fn secret_pattern(path: &RepoPath) -> Option<&'static str> {
    let lower = path.as_str().to_ascii_lowercase();
    let (above, name) = lower.rsplit_once('/').map_or((None, lower.as_str()), |(above, name)| (Some(above), name));
    let mut folders = above.into_iter().flat_map(|above| above.split('/'));
    let folder = folders.clone().next_back();
    folders.find_map(match_secret_folder).or_else(|| match_secret_file(name, folder))
}

/// Returns the pattern by which a folder may hold credentials, matched on its name and the folders above it; `None` if
/// no pattern matches.
pub fn secret_folder_pattern(path: &RepoPath) -> Option<&'static str> {
    path.as_str().to_ascii_lowercase().split('/').find_map(match_secret_folder)
}

fn match_secret_folder(lower: &str) -> Option<&'static str> {
    SECRET_FOLDERS.iter().find(|folder| **folder == lower).copied()
}

fn match_secret_file(lower: &str, folder: Option<&str>) -> Option<&'static str> {
    let plain = plain_name(lower);
    if [lower, plain].iter().any(|name| SAMPLE_WORDS.contains(&split_extension(name).1)) {
        return None;
    }
    let without_dot = plain.trim_start_matches('.');
    let of_plain = || if lower == plain { None } else { match_plain_name(plain) };
    let of_rest = || if without_dot == plain { None } else { match_plain_name(without_dot) };
    match_plain_name(lower).or_else(of_plain).or_else(of_rest).or_else(|| match_data_folder(plain, folder?))
}

fn match_plain_name(name: &str) -> Option<&'static str> {
    let (stem, extension) = split_extension(name);
    let keys: &[&str] = if extension.is_empty() { SECRET_KEYS } else { &[] };
    let pattern = SECRET_FILES.iter().chain(keys).find(|pattern| matches_glob(pattern, name)).copied();
    pattern.or_else(|| match_environment(name)).or_else(|| match_secret_word(stem, extension))
}

/// Matches names such as `prod.env.local` and `env.production`.
fn match_environment(name: &str) -> Option<&'static str> {
    let mut parts = name.split('.').skip_while(|part| *part != "env");
    parts.next()?;
    let is_environment = |part: &str| ENVIRONMENTS.contains(&part) || is_number(part);
    let rest: Vec<&str> = parts.collect();
    (!rest.is_empty() && rest.into_iter().all(is_environment)).then_some("*.env.*")
}

fn match_secret_word(stem: &str, extension: &str) -> Option<&'static str> {
    if !SECRET_DATA.contains(&extension) && !extension.is_empty() && !ENVIRONMENTS.contains(&extension) {
        return None;
    }
    let is_data = SECRET_DATA.contains(&extension);
    let words: Vec<&str> = stem.split(['.', '-', '_', ' ']).filter(|word| !word.is_empty()).collect();
    if words.iter().any(|word| SAMPLE_WORDS.contains(word) || REFERENCE_WORDS.contains(word)) {
        return None;
    }
    let pattern_of = |word: &str| SECRET_WORDS.iter().find(|(known, _)| *known == word).map(|(_, pattern)| *pattern);
    let (at, pattern) = words.iter().enumerate().find_map(|(at, word)| Some((at, pattern_of(word)?)))?;
    // A text about one secret does not hold secrets.
    if matches!(pattern, "secret.*" | "credential.*") && SECRET_TEXTS.contains(&extension) {
        return None;
    }
    let is_neutral = |word: &&str| ENVIRONMENTS.contains(word) || is_number(word);
    let rest_is_neutral = words[at + 1..].iter().all(is_neutral);
    // Without a data extension, `aws_credentials` holds credentials, but `secret` and `print_secret` may be programs.
    let is_store = is_data || matches!(pattern, "credentials.*" | "creds.*");
    (rest_is_neutral && is_store && (is_data || at > 0)).then_some(pattern)
}

/// Matches the data files directly in a folder such as `secrets`.
fn match_data_folder(name: &str, folder: &str) -> Option<&'static str> {
    let (stem, extension) = split_extension(name);
    let is_sample = stem.split(['.', '-', '_']).any(|word| SAMPLE_WORDS.contains(&word));
    let is_data = SECRET_DATA.contains(&extension) && !MANIFESTS.contains(&name) && !is_sample;
    (is_data && SECRET_DATA_FOLDERS.contains(&folder)).then_some("secrets/*")
}

/// Returns a lower-case name without the marks of copies and backups.
pub fn plain_name(lower: &str) -> &str {
    let mut name = lower.trim();
    loop {
        let before = name.len();
        name = name.trim_end();
        for end in BACKUP_ENDS {
            name = name.strip_suffix(end).map_or(name, str::trim_end);
        }
        for start in BACKUP_STARTS {
            name = name.strip_prefix(start).unwrap_or(name);
        }
        // `state.1`, `state.2024-01-31`, `state (2)`.
        let digits = name.trim_end_matches(|c: char| c.is_ascii_digit() || "-_()".contains(c));
        if digits.len() < name.len() && digits.ends_with(['.', ' ']) {
            name = digits.trim_end_matches(['.', ' ']);
        }
        if name.len() == before {
            return name;
        }
    }
}

fn split_extension(name: &str) -> (&str, &str) {
    name.rsplit_once('.').unwrap_or((name, ""))
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(path: &str) -> Option<&'static str> {
        secret_pattern(&RepoPath::new(path))
    }

    #[test]
    fn backups_and_copies_of_secret_files_are_secret() {
        for name in ["server.key", ".env", "id_rsa", "terraform.tfstate", "credentials.json", ".npmrc", "prod.env"] {
            for (start, end) in [
                ("", ".bak"),
                ("", "~"),
                ("", ".orig"),
                ("", ".old.1"),
                ("", ".1"),
                ("", ".1700000000.backup"),
                ("", ".2024-01-31"),
                ("", ".save"),
                ("", ".swp"),
                ("", " copy"),
                ("", " (2)"),
                ("", " "),
                ("", ".txt"),
                ("#", "#"),
                (".#", ""),
                ("Copy of ", ""),
                ("backup-", ""),
                (" ", ""),
            ] {
                let copy = format!("{start}{name}{end}");
                assert!(pattern(&copy).is_some(), "{copy}");
            }
        }
        for swapped in [".server.key.swp", "..env.swp", ".id_rsa.swo"] {
            assert!(pattern(swapped).is_some(), "{swapped}");
        }
    }

    #[test]
    fn names_with_environments_and_prefixes_are_secret() {
        for (path, expected) in [
            ("prod.env.local", "*.env.*"),
            ("env.production", "*.env.*"),
            ("app/web.env.staging", "*.env.*"),
            (".env.example.local", ".env.*"),
            ("secrets.prod.yaml", "secrets.*"),
            ("secrets-prod.yaml", "secrets.*"),
            ("prod_secrets.yml", "secrets.*"),
            ("db-secret.yaml", "secret.*"),
            ("gcp-credentials.json", "credentials.*"),
            ("application_default_credentials.json", "credentials.*"),
            ("aws_credentials", "credentials.*"),
            ("credentials.txt", "credentials.*"),
            ("credentials.csv", "credentials.*"),
            ("Cargo_credentials.toml", "credentials.*"),
            ("passwords.txt", "passwords.*"),
            ("secrets/prod.yaml", "secrets/*"),
            ("deploy_rsa", "*_rsa"),
            ("my_id_rsa", "*_rsa"),
            ("github-ed25519", "*-ed25519"),
            ("deploy_rsa.bak", "*_rsa"),
            ("ssh_host_ed25519_key", "ssh_host_*_key"),
            ("client_secret_1.apps.googleusercontent.com.json", "client_secret*.json"),
            ("kubeconfig-prod", "kubeconfig*"),
            ("user.npmrc", "*.npmrc"),
            ("x.tfplan.txt", "*.tfplan"),
            (".secrets.yaml", "secrets.*"),
        ] {
            assert_eq!(pattern(path), Some(expected), "{path}");
        }
    }

    #[test]
    fn samples_public_keys_and_sources_are_not_secret() {
        for path in [
            ".env.local.example",
            ".env.example.bak",
            "secrets.example.yaml",
            "example-credentials.json",
            "deploy_rsa.pub",
            "id_rsa.pub.bak",
            "external-secrets.yaml",
            "sealed-secrets.yaml",
            "secret-santa.json",
            "how-to-hide-a-secret.txt",
            "secret_manager.yaml",
            "credentials-provider.properties",
            "secrets.ts",
            "secrets/mod.rs",
            "secrets/README.md",
            "secrets/package.json",
            "secrets/Makefile",
            "config.env.ts",
            "vite-env.d.ts",
            "env.rs",
            "env",
            "setup_env.py",
            "print_secret",
            "rsa",
            "test_rsa.c",
            "keyboard",
            "notes.txt",
            "main.rs.bak",
        ] {
            assert_eq!(pattern(path), None, "{path}");
        }
    }
}
