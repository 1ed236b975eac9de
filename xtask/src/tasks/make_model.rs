//! `cargo xtask make-model`: makes a static embedding model from a teacher's vectors and word counts.
//!
//! The same teacher, corpora and options give the same bytes on any machine: IEEE arithmetic in a fixed order, nothing
//! random, no mathematical library function except the square root. `embed::static_model` defines the artifact format.
//!
//! The method, where x is a token's teacher vector and p its share of all words of the corpora (for a token that does
//! not occur in them, the smallest share of any token that occurs):
//!
//! 1. Center: x − mean(x).
//! 2. Weight: w = a / (a + p), smooth inverse frequency (Arora, Liang, Ma 2017).
//! 3. Whiten: with the eigenvectors v and eigenvalues λ of C = Σ p w² x xᵀ, which is the covariance of a random word's
//!    contribution to a text, keep x·v / √λ for the largest λ. Otherwise a few directions that all code shares
//!    dominate every cosine (all-but-the-top: Mu, Viswanath 2018; whitening of sentence vectors: Su, Cao, Liu, Ou
//!    2021).
//! 4. Multiply by w, so that a vector's length carries its weight; round to int8 with one scale per token.
//!
//! To start without any model, put an empty file at `crates/builtin-model/assets/static_model.packed`: the program
//! includes it.

use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use embed::static_model::ARTIFACT_FORMAT;
use text::words;

/// The version in the artifact, which becomes part of the model's ID.
const MODEL_VERSION: u32 = 1;

/// Maximum size of a counted file: 1 MiB. Larger files are usually data.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Maximum absolute cosine of two rows that count as orthogonal.
const ORTHOGONAL: f64 = 1e-9;

/// Maximum number of passes of the eigenvalue iteration, which usually takes about a dozen.
const MAX_SWEEPS: usize = 60;

/// Makes a static embedding model from a teacher's vectors and word counts
#[derive(clap::Args)]
pub struct MakeModelArguments {
    /// Folder with `teacher_vectors.bin` and `teacher_tokens.txt`
    #[arg(long)]
    teacher: PathBuf,
    /// Folders with text files whose words are counted
    #[arg(long, num_args = 1.., required = true)]
    corpus: Vec<PathBuf>,
    /// File to write the model to
    #[arg(long)]
    out: PathBuf,
    /// Dimensions of the model
    #[arg(long, default_value_t = 256)]
    dimensions: usize,
    /// The a of a / (a + p): a word with this share of all words has half the weight of a rare one
    #[arg(long, default_value_t = 4e-3)]
    sif: f64,
}

/// The teacher's tokens, sorted by bytes, and one vector per token.
struct Teacher {
    tokens: Vec<String>,
    vectors: Vec<Vec<f64>>,
}

/// The eigenvectors of a symmetric matrix as rows, and their eigenvalues, the largest eigenvalue first.
struct Eigen {
    vectors: Vec<Vec<f64>>,
    values: Vec<f64>,
}

/// Makes the model and prints its measurements.
///
/// # Errors
/// If an option is not above zero, the teacher or a corpus cannot be read, the corpora have no words, the eigenvectors
/// do not converge, the teacher's vectors span too few dimensions, or the model cannot be written.
pub fn run_make_model(arguments: &MakeModelArguments) -> Result<()> {
    let MakeModelArguments { dimensions, sif, .. } = *arguments;
    ensure!(dimensions > 0 && sif > 0.0, "--dimensions and --sif must be above zero");
    let mut teacher = Teacher::read(&arguments.teacher)?;
    let mut counts = WordCounts::default();
    for corpus in &arguments.corpus {
        counts.add_folder(corpus)?;
    }
    ensure!(counts.total > 0, "the corpora have no words; name folders with text files after --corpus");
    let shares = counts.word_shares(&teacher.tokens);
    center(&mut teacher.vectors);
    let weights: Vec<f64> = shares.iter().map(|share| sif / (sif + share)).collect();
    let eigen = compute_eigenvectors(covariance(&teacher.vectors, &shares, &weights))?;
    let explained = eigen.explained_variance(dimensions);
    let rows = project(&teacher.vectors, &weights, &eigen, dimensions)?;
    let artifact = encode_artifact(&teacher.tokens, &rows, dimensions)?;
    fs::write(&arguments.out, &artifact).with_context(|| format!("cannot write {}", arguments.out.display()))?;
    let seen = teacher.tokens.iter().filter(|token| counts.by_word.contains_key(*token)).count();
    writeln!(
        std::io::stdout().lock(),
        "words counted       {} ({} distinct) in {} files\ntokens              {} ({seen} of them in the corpora)\n\
         dimensions          {dimensions}\nexplained variance  {explained:.4}\nsize                {} bytes\nblake3              {}",
        counts.total,
        counts.by_word.len(),
        counts.files,
        teacher.tokens.len(),
        artifact.len(),
        blake3::hash(&artifact).to_hex(),
    )?;
    Ok(())
}

impl Teacher {
    /// Reads `teacher_vectors.bin` (count and dimensions as little-endian u32, then int8 rows) and `teacher_tokens.txt`
    /// (one token per line). Each vector gets length 1.
    fn read(folder: &Path) -> Result<Self> {
        let read =
            |name: &str| fs::read(folder.join(name)).with_context(|| format!("cannot read the teacher's {name}"));
        let bytes = read("teacher_vectors.bin")?;
        let text = String::from_utf8(read("teacher_tokens.txt")?).context("teacher_tokens.txt is not UTF-8")?;
        let (head, body) = bytes.split_at_checked(8).context("teacher_vectors.bin has no header")?;
        let field = |at: usize| head[at..].first_chunk().map_or(0, |field| u32::from_le_bytes(*field) as usize);
        let (count, dimensions) = (field(0), field(4));
        let names: Vec<&str> = text.lines().collect();
        ensure!(count > 0 && dimensions > 0, "teacher_vectors.bin is empty");
        ensure!(
            Some(body.len()) == count.checked_mul(dimensions),
            "the length of teacher_vectors.bin does not match its header"
        );
        ensure!(names.len() == count, "{} tokens for {count} vectors", names.len());
        let mut pairs: Vec<(&str, &[u8])> = names.into_iter().zip(body.chunks(dimensions)).collect();
        pairs.sort_unstable();
        let twice = pairs.windows(2).find(|pair| pair[0].0 == pair[1].0);
        ensure!(twice.is_none() && !pairs[0].0.is_empty(), "teacher_tokens.txt has an empty or repeated token");
        let unit = |row: &[u8]| -> Vec<f64> {
            let row: Vec<f64> = row.iter().map(|byte| f64::from(byte.cast_signed())).collect();
            let length = dot(&row, &row).sqrt().max(f64::MIN_POSITIVE);
            row.iter().map(|value| value / length).collect()
        };
        let tokens = pairs.iter().map(|(token, _)| (*token).to_owned()).collect();
        Ok(Self { tokens, vectors: pairs.iter().map(|(_, row)| unit(row)).collect() })
    }
}

/// The number of occurrences of each word in the corpora.
#[derive(Default)]
struct WordCounts {
    by_word: HashMap<String, u64>,
    total: u64,
    files: u64,
}

impl WordCounts {
    /// Counts the words of every text file of at most [`MAX_FILE_BYTES`] below a folder. Skips `.git` and symbolic
    /// links.
    fn add_folder(&mut self, folder: &Path) -> Result<()> {
        let failed = || format!("cannot read {}", folder.display());
        for entry in fs::read_dir(folder).with_context(failed)? {
            let entry = entry.with_context(failed)?;
            let kind = entry.file_type().with_context(failed)?;
            if kind.is_dir() && entry.file_name() != ".git" {
                self.add_folder(&entry.path())?;
            } else if kind.is_file() && entry.metadata().with_context(failed)?.len() <= MAX_FILE_BYTES {
                let path = entry.path();
                self.add_file(&fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?);
            }
        }
        Ok(())
    }

    /// Counts the words of a file, unless it contains a zero byte or is not UTF-8.
    fn add_file(&mut self, bytes: &[u8]) {
        let Some(text) = std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0')) else {
            return;
        };
        self.files += 1;
        words::for_each_word(text, |word| {
            self.total += 1;
            match self.by_word.get_mut(word) {
                Some(count) => *count += 1,
                None => drop(self.by_word.insert(word.to_owned(), 1)),
            }
        });
    }

    /// Returns each token's share of all words. A token that does not occur gets the smallest share of any token that
    /// does.
    fn word_shares(&self, tokens: &[String]) -> Vec<f64> {
        let count = |token: &String| self.by_word.get(token).copied();
        let least = tokens.iter().filter_map(count).min().unwrap_or(1);
        tokens.iter().map(|token| as_f64(count(token).unwrap_or(least)) / as_f64(self.total)).collect()
    }
}

/// Subtracts the mean of all vectors from each vector.
fn center(vectors: &mut [Vec<f64>]) {
    let mut mean = vec![0.0; vectors[0].len()];
    for vector in vectors.iter() {
        add_scaled(&mut mean, 1.0 / as_f64(vectors.len() as u64), vector);
    }
    for vector in vectors {
        add_scaled(vector, -1.0, &mean);
    }
}

/// Returns C = Σ p w² x xᵀ, the whole symmetric matrix.
fn covariance(vectors: &[Vec<f64>], shares: &[f64], weights: &[f64]) -> Vec<Vec<f64>> {
    let width = vectors[0].len();
    let mut matrix = vec![vec![0.0; width]; width];
    for (vector, (share, weight)) in vectors.iter().zip(shares.iter().zip(weights)) {
        for (at, row) in matrix.iter_mut().enumerate() {
            add_scaled(&mut row[at..], share * weight * weight * vector[at], &vector[at..]);
        }
    }
    for row in 1..width {
        let (above, below) = matrix.split_at_mut(row);
        for (column, other) in above.iter().enumerate() {
            below[0][column] = other[row];
        }
    }
    matrix
}

/// Computes the eigenvectors and eigenvalues of a symmetric matrix without negative eigenvalues by one-sided Jacobi
/// rotations (Hestenes 1958): pairs of rows are rotated until all are orthogonal. Then each row is an eigenvector times
/// its eigenvalue.
///
/// # Errors
/// If the rows are not orthogonal after [`MAX_SWEEPS`] passes.
fn compute_eigenvectors(mut matrix: Vec<Vec<f64>>) -> Result<Eigen> {
    for sweep in 0.. {
        ensure!(sweep < MAX_SWEEPS, "the eigenvectors do not converge: check the teacher's vectors");
        let mut largest = 0.0_f64;
        for first in 0..matrix.len() {
            let (above, below) = matrix.split_at_mut(first + 1);
            for other in below {
                largest = largest.max(make_orthogonal(&mut above[first], other));
            }
        }
        if largest < ORTHOGONAL {
            break;
        }
    }
    let mut pairs: Vec<(f64, Vec<f64>)> = matrix.into_iter().map(|row| (dot(&row, &row).sqrt(), row)).collect();
    pairs.sort_by(|one, other| other.0.total_cmp(&one.0));
    let values = pairs.iter().map(|pair| pair.0).collect();
    let unit = |(length, row): (f64, Vec<f64>)| row.iter().map(|value| value / length).collect();
    Ok(Eigen { values, vectors: pairs.into_iter().map(unit).collect() })
}

/// Rotates two rows so that they are orthogonal, unless they nearly are, and returns the absolute value of their
/// previous cosine.
fn make_orthogonal(one: &mut [f64], other: &mut [f64]) -> f64 {
    let (alpha, beta, gamma) = (dot(one, one), dot(other, other), dot(one, other));
    let cosine = gamma.abs() / (alpha * beta).sqrt().max(f64::MIN_POSITIVE);
    if cosine < ORTHOGONAL * 0.1 {
        return cosine;
    }
    let zeta = (beta - alpha) / (2.0 * gamma);
    let tangent = zeta.signum() / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
    let cos = 1.0 / (1.0 + tangent * tangent).sqrt();
    let sin = cos * tangent;
    for (a, b) in one.iter_mut().zip(other) {
        (*a, *b) = (cos * *a - sin * *b, sin * *a + cos * *b);
    }
    cosine
}

impl Eigen {
    /// Returns the share of the variance in the first `dimensions` directions.
    fn explained_variance(&self, dimensions: usize) -> f64 {
        let kept: f64 = self.values.iter().take(dimensions).sum();
        kept / self.values.iter().sum::<f64>()
    }
}

/// Returns w × x·v / √λ for the first `dimensions` eigenvectors v, one row per token.
///
/// # Errors
/// If the teacher's vectors span fewer dimensions.
fn project(vectors: &[Vec<f64>], weights: &[f64], eigen: &Eigen, dimensions: usize) -> Result<Vec<Vec<f64>>> {
    let least = eigen.values.get(dimensions - 1).copied().unwrap_or(0.0);
    ensure!(least > eigen.values[0] * 1e-12, "the teacher's vectors span fewer than {dimensions} dimensions");
    let basis: Vec<(&Vec<f64>, f64)> =
        eigen.vectors.iter().zip(&eigen.values).take(dimensions).map(|(axis, value)| (axis, value.sqrt())).collect();
    let row = |(vector, weight): (&Vec<f64>, &f64)| -> Vec<f64> {
        basis.iter().map(|(axis, deviation)| weight * dot(vector, axis) / deviation).collect()
    };
    Ok(vectors.iter().zip(weights).map(row).collect())
}

/// Encodes the artifact: header, tokens, scales, int8 rows.
fn encode_artifact(tokens: &[String], rows: &[Vec<f64>], dimensions: usize) -> Result<Vec<u8>> {
    let block = tokens.join("\n");
    // Only the proportions of lengths matter; the largest component of all becomes 1.
    let peak = |row: &[f64]| row.iter().fold(0.0_f64, |peak, value| peak.max(value.abs()));
    let highest = rows.iter().map(|row| peak(row)).fold(f64::MIN_POSITIVE, f64::max);
    let mut artifact = Vec::new();
    for field in [tokens.len(), dimensions, block.len(), MODEL_VERSION as usize] {
        artifact.extend(u32::try_from(field).context("the model is too large")?.to_le_bytes());
    }
    artifact.extend(block.as_bytes());
    for row in rows {
        artifact.extend(row_scale(peak(row) / highest).to_le_bytes());
    }
    for row in rows {
        let peak = peak(row).max(f64::MIN_POSITIVE);
        artifact.extend(row.iter().map(|value| quantize(value / peak).cast_unsigned()));
    }
    Ok(ARTIFACT_FORMAT.seal(&artifact))
}

#[expect(clippy::cast_possible_truncation, reason = "24 bits are enough for the scale of 8-bit numbers")]
fn row_scale(peak: f64) -> f32 {
    (peak / 127.0) as f32
}

#[expect(clippy::cast_possible_truncation, reason = "share is from -1 to 1")]
fn quantize(share: f64) -> i8 {
    (share * 127.0).round() as i8
}

#[expect(clippy::cast_precision_loss, reason = "counts of words stay far below 2^53")]
fn as_f64(count: u64) -> f64 {
    count as f64
}

/// Computes `sum += factor × vector`.
fn add_scaled(sum: &mut [f64], factor: f64, vector: &[f64]) {
    for (total, value) in sum.iter_mut().zip(vector) {
        *total += factor * value;
    }
}

/// Returns the dot product, in eight interleaved sums that the compiler can keep in vector registers.
fn dot(one: &[f64], other: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (one, other) = (one.as_chunks::<8>(), other.as_chunks::<8>());
    for (a, b) in one.0.iter().zip(other.0) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    let rest: f64 = one.1.iter().zip(other.1).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}
