//! `cargo xtask make-token-table`: writes the `o200k` vocabulary that the program counts tokens with, and counts to
//! test it by. Needs `--features token-table`, which compiles the published tokenizer.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Writes the vocabulary of the token counter and the counts that its test expects
#[derive(clap::Args)]
pub struct MakeTokenTableArguments {
    /// The folder for `o200k.fst` and `token-counts.tsv`
    #[arg(default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/text/assets"), hide_default_value = true)]
    output: PathBuf,
    /// A folder of texts whose lines are counted
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/source/fixtures"), hide_default_value = true)]
    texts: PathBuf,
}

/// Texts on which tokenizers differ: spaces before and after words, line ends, case, digits, scripts, long runs.
const DIFFICULT_TEXTS: &[&str] = &[
    " ",
    "  ",
    "   a",
    "a   ",
    "a \n b",
    " \n",
    "\n\n\n",
    "\r\n\r\n",
    "\t\tif x:\n\t\t\treturn\n",
    "a\u{a0}\u{a0}b",
    "\u{3000}字",
    "don't DON'T we'll I'VE it'S",
    "HTTPServerError",
    "getHTTPResponse2XX",
    "snake_case_name",
    "1234567890",
    "0x1fE9",
    "3.14159e-10",
    "¡Ñandú! ¿qué?",
    "Ünïcödé",
    "e\u{301}\u{301}",
    "漢字かなカナ",
    "한국어",
    "Привет, мир",
    "שלום",
    "مرحبا",
    "ไทย",
    "👩‍👩‍👧‍👦🇩🇪",
    "\u{feff}x",
    "//////// -------- ======== ________",
    "#[derive(Debug)]\n///\n",
    "</div></div>\n\n",
    "a/b/c\r\n/d",
    "!!!???...\n/\n",
    "𝒳𝓎 ①②③ Ⅷ ½",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "QUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJDRAQUJDRA",
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKjMzEfYyjiWA4R4",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934c",
];

/// Writes the vocabulary and the counts.
///
/// # Errors
/// If a folder of texts cannot be read or a file cannot be written.
pub fn run_make_token_table(arguments: &MakeTokenTableArguments) -> Result<()> {
    let tokenizer = bpe_openai::o200k_base();
    let ranks = 0..u32::try_from(tokenizer.bpe.num_tokens()).context("the vocabulary is too large")?;
    let mut tokens: Vec<_> = ranks.map(|rank| (tokenizer.bpe.token_bytes(rank), u64::from(rank))).collect();
    tokens.sort_unstable();
    let table = fst::Map::from_iter(tokens)?.into_fst().into_inner();
    fs::write(arguments.output.join("o200k.fst"), table).context("cannot write the vocabulary")?;

    let mut texts: BTreeSet<String> = DIFFICULT_TEXTS.iter().map(|&text| text.to_owned()).collect();
    collect_texts(&arguments.texts, &mut texts)?;
    let mut counts = String::from("# Tokens, text; written by `cargo xtask make-token-table`\n");
    for text in texts {
        let escaped = text.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t");
        counts += &format!("{}\t{escaped}\n", tokenizer.count(text.as_str()));
    }
    fs::write(arguments.output.join("token-counts.tsv"), counts).context("cannot write the counts")
}

/// Adds every fifth line, and every fifth run of four lines, of each UTF-8 file below a folder.
fn collect_texts(folder: &Path, texts: &mut BTreeSet<String>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect_texts(&path, texts)?;
        } else if let Ok(text) = fs::read_to_string(&path) {
            let lines: Vec<_> = text.split_inclusive('\n').collect();
            texts.extend(lines.iter().step_by(5).map(|&line| line.to_owned()));
            texts.extend(lines.chunks(4).step_by(5).map(|lines| lines.concat()));
        }
    }
    Ok(())
}
