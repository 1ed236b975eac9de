//! Makes `assets/static_model.bin`, the built-in embedding, from teacher vectors and word counts.
//!
//! Owns the recipe; the artifact's format belongs to `embed::static_model`. Invariant:
//! the same teacher, corpora and options give the same bytes, on any machine (IEEE arithmetic in
//! a fixed order, nothing random, no library mathematics but the square root). Must never import
//! anything but std, codescry's public modules, anyhow and blake3.
//!
//! ```text
//! make_model --teacher FOLDER --corpus FOLDER... --out FILE [--dimensions 256] [--sif 4e-3]
//! ```
//!
//! The recipe, where x is a token's teacher vector and p its share of all words of the corpora
//! (for a token that is not in them, the smallest share of one that is):
//!
//! 1. Centre: x − mean(x).
//! 2. Weigh: w = a / (a + p), smooth inverse frequency (Arora, Liang, Ma 2017).
//! 3. Whiten: with the eigenvectors v and eigenvalues λ of C = Σ p w² x xᵀ, which is the
//!    covariance of what a random word adds to a text, keep x·v / √λ for the largest λ. Without
//!    it a few directions that all code shares decide every cosine (all-but-the-top: Mu,
//!    Viswanath 2018; whitening of sentence vectors: Su, Cao, Liu, Ou 2021).
//! 4. Multiply by w, so that a vector's length carries its weight; round to int8 with a scale a
//!    token.
//!
//! To begin from nothing, put an empty file at `assets/static_model.bin`: the library includes it.

use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use embed::static_model::ARTIFACT_FORMAT;
use text::words;

/// Goes into the artifact and from there into the model's id.
const MODEL_VERSION: u32 = 1;

/// Larger files are not counted: data, not text that someone wrote.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Rows count as orthogonal when the cosine between any two is below this.
const ORTHOGONAL: f64 = 1e-9;

/// Most passes of the eigenvalue iteration; it needs about a dozen, and fails at the limit.
const MAX_SWEEPS: usize = 60;

const USAGE: &str = "make_model --teacher FOLDER --corpus FOLDER... --out FILE [--dimensions 256] [--sif 4e-3]";

struct Options {
    teacher: PathBuf,
    corpora: Vec<PathBuf>,
    out: PathBuf,
    dimensions: usize,
    /// The a of a / (a + p): a word of this share of all words weighs a half.
    sif: f64,
}

/// The teacher's tokens, ascending by bytes, and a vector for each.
struct Teacher {
    tokens: Vec<String>,
    vectors: Vec<Vec<f64>>,
}

/// Eigenvectors of a symmetric matrix as rows, the largest eigenvalue first.
struct Eigen {
    vectors: Vec<Vec<f64>>,
    values: Vec<f64>,
}

fn main() -> Result<()> {
    let options = Options::parse(std::env::args().skip(1))?;
    let mut teacher = Teacher::read(&options.teacher)?;
    let mut counts = Counts::default();
    for corpus in &options.corpora {
        counts.add_folder(corpus)?;
    }
    ensure!(counts.total > 0, "the corpora have no words: name folders with text files after --corpus");
    let shares = counts.shares(&teacher.tokens);
    centre(&mut teacher.vectors);
    let weights: Vec<f64> = shares.iter().map(|share| options.sif / (options.sif + share)).collect();
    let eigen = eigen(covariance(&teacher.vectors, &shares, &weights))?;
    let explained = eigen.explained(options.dimensions);
    let rows = project(&teacher.vectors, &weights, &eigen, options.dimensions)?;
    let artifact = encode(&teacher.tokens, &rows, options.dimensions)?;
    fs::write(&options.out, &artifact).with_context(|| format!("cannot write {}", options.out.display()))?;
    let seen = teacher.tokens.iter().filter(|token| counts.of.contains_key(*token)).count();
    writeln!(
        std::io::stdout().lock(),
        "words counted       {} ({} distinct) in {} files\ntokens              {} ({seen} of them in the corpora)\n\
         dimensions          {}\nexplained variance  {explained:.4}\nsize                {} bytes\nblake3              {}",
        counts.total,
        counts.of.len(),
        counts.files,
        teacher.tokens.len(),
        options.dimensions,
        artifact.len(),
        blake3::hash(&artifact).to_hex(),
    )?;
    Ok(())
}

impl Options {
    fn parse(arguments: impl Iterator<Item = String>) -> Result<Self> {
        let (mut teacher, mut out, mut corpora) = (None, None, Vec::new());
        let (mut dimensions, mut sif) = (256, 4e-3);
        let mut option = String::new();
        for argument in arguments {
            if argument.starts_with("--") {
                option = argument;
                continue;
            }
            match option.as_str() {
                "--teacher" => teacher = Some(PathBuf::from(argument)),
                "--corpus" => corpora.push(PathBuf::from(argument)),
                "--out" => out = Some(PathBuf::from(argument)),
                "--dimensions" => dimensions = argument.parse().with_context(|| format!("--dimensions {argument}"))?,
                "--sif" => sif = argument.parse().with_context(|| format!("--sif {argument}"))?,
                _ => bail!("do not know what to do with {option} {argument}: {USAGE}"),
            }
        }
        ensure!(dimensions > 0 && sif > 0.0, "--dimensions and --sif are above zero: {USAGE}");
        match (teacher, out) {
            (Some(teacher), Some(out)) => Ok(Self { teacher, corpora, out, dimensions, sif }),
            _ => bail!("usage: {USAGE}"),
        }
    }
}

impl Teacher {
    /// Reads `teacher_vectors.bin` (i32 count, i32 dimensions, int8 rows) and `teacher_tokens.txt`.
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
            "teacher_vectors.bin has not the length it promises"
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

/// How often each word occurs in the corpora.
#[derive(Default)]
struct Counts {
    of: HashMap<String, u64>,
    total: u64,
    files: u64,
}

impl Counts {
    /// Counts every text file under a folder; `.git` is left out and links are not followed.
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

    /// Counts a file's words, unless it has a zero byte or is not UTF-8.
    fn add_file(&mut self, bytes: &[u8]) {
        let Some(text) = std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0')) else {
            return;
        };
        self.files += 1;
        words::for_each_word(text, |word| {
            self.total += 1;
            match self.of.get_mut(word) {
                Some(count) => *count += 1,
                None => drop(self.of.insert(word.to_owned(), 1)),
            }
        });
    }

    /// Each token's share of all words; the smallest share of any for a token that does not occur.
    fn shares(&self, tokens: &[String]) -> Vec<f64> {
        let count = |token: &String| self.of.get(token).copied();
        let least = tokens.iter().filter_map(count).min().unwrap_or(1);
        tokens.iter().map(|token| as_f64(count(token).unwrap_or(least)) / as_f64(self.total)).collect()
    }
}

/// Subtracts the mean of all vectors from each.
fn centre(vectors: &mut [Vec<f64>]) {
    let mut mean = vec![0.0; vectors[0].len()];
    for vector in vectors.iter() {
        add_scaled(&mut mean, 1.0 / as_f64(vectors.len() as u64), vector);
    }
    for vector in vectors {
        add_scaled(vector, -1.0, &mean);
    }
}

/// C = Σ p w² x xᵀ, the whole symmetric matrix.
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

/// Eigenvectors and values of a symmetric matrix without negative eigenvalues, by one-sided Jacobi
/// rotations (Hestenes 1958): rotate pairs of rows until all are orthogonal; then each row is an
/// eigenvector as long as its eigenvalue.
///
/// # Errors
///
/// When the rows are not orthogonal after [`MAX_SWEEPS`], as with numbers that are not finite.
fn eigen(mut matrix: Vec<Vec<f64>>) -> Result<Eigen> {
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

/// Rotates two rows so that they are orthogonal; returns the cosine that they had, without sign.
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
    /// Share of the variance in the first `dimensions` directions.
    fn explained(&self, dimensions: usize) -> f64 {
        let kept: f64 = self.values.iter().take(dimensions).sum();
        kept / self.values.iter().sum::<f64>()
    }
}

/// w × x·v / √λ for the first `dimensions` eigenvectors v.
///
/// # Errors
///
/// When the teacher's vectors do not span so many dimensions.
fn project(vectors: &[Vec<f64>], weights: &[f64], eigen: &Eigen, dimensions: usize) -> Result<Vec<Vec<f64>>> {
    let least = eigen.values.get(dimensions - 1).copied().unwrap_or(0.0);
    ensure!(least > eigen.values[0] * 1e-12, "the teacher's vectors span less than {dimensions} dimensions");
    let basis: Vec<(&Vec<f64>, f64)> =
        eigen.vectors.iter().zip(&eigen.values).take(dimensions).map(|(axis, value)| (axis, value.sqrt())).collect();
    let row = |(vector, weight): (&Vec<f64>, &f64)| -> Vec<f64> {
        basis.iter().map(|(axis, deviation)| weight * dot(vector, axis) / deviation).collect()
    };
    Ok(vectors.iter().zip(weights).map(row).collect())
}

/// The artifact: header, tokens, scales, int8 rows.
fn encode(tokens: &[String], rows: &[Vec<f64>], dimensions: usize) -> Result<Vec<u8>> {
    let block = tokens.join("\n");
    // Lengths only matter relative to each other; the longest component of all becomes 1.
    let peak = |row: &[f64]| row.iter().fold(0.0_f64, |peak, value| peak.max(value.abs()));
    let highest = rows.iter().map(|row| peak(row)).fold(f64::MIN_POSITIVE, f64::max);
    let mut artifact = Vec::new();
    for field in [tokens.len(), dimensions, block.len(), MODEL_VERSION as usize] {
        artifact.extend(u32::try_from(field).context("the model is too large")?.to_le_bytes());
    }
    artifact.extend(block.as_bytes());
    for row in rows {
        artifact.extend(scale_of(peak(row) / highest).to_le_bytes());
    }
    for row in rows {
        let peak = peak(row).max(f64::MIN_POSITIVE);
        artifact.extend(row.iter().map(|value| quantized(value / peak).cast_unsigned()));
    }
    Ok(ARTIFACT_FORMAT.seal(&artifact))
}

#[expect(clippy::cast_possible_truncation, reason = "24 bits are enough for the scale of 8-bit numbers")]
fn scale_of(peak: f64) -> f32 {
    (peak / 127.0) as f32
}

#[expect(clippy::cast_possible_truncation, reason = "share is from -1 to 1")]
fn quantized(share: f64) -> i8 {
    (share * 127.0).round() as i8
}

#[expect(clippy::cast_precision_loss, reason = "counts of words stay far below 2^53")]
fn as_f64(count: u64) -> f64 {
    count as f64
}

/// `sum += factor × vector`.
fn add_scaled(sum: &mut [f64], factor: f64, vector: &[f64]) {
    for (total, value) in sum.iter_mut().zip(vector) {
        *total += factor * value;
    }
}

/// The dot product in eight interleaved sums, which a compiler may keep in vector registers.
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
