//! The options of training.

/// The options of training. The defaults are those of the built-in embedding.
#[derive(Clone, Debug)]
pub struct TrainingOptions {
    pub epochs: usize,
    /// Number of epochs after which the learning rate reaches zero; `None` means `epochs`. With a number larger than
    /// `epochs`, training ends before the rate reaches zero.
    pub decay_epochs: Option<usize>,
    pub seed: u64,
    pub threads: usize,
    /// Maximum number of runs of pairs in a batch. Each run is from one repository and has at most `batch_pairs` pairs.
    pub batch_repositories: usize,
    pub batch_pairs: usize,
    /// Maximum number of pairs of one kind and repository in an epoch. Each epoch draws new ones.
    pub epoch_pairs: usize,
    pub temperature: f32,
    /// Adam's initial step size; it falls linearly and reaches zero after `decay_epochs`.
    pub learning_rate: f32,
    /// Strength of the pull towards the initial table: the share of the difference from its initial value by which a
    /// step of size 1 moves a row back.
    pub pull: f32,
    /// Probability that a passage of a batch is embedded with its path.
    pub path_share: f32,
    /// Maximum number of hard negatives per query; 0 for none.
    pub hard_negatives: usize,
    /// Number of epochs between two searches for hard negatives.
    pub mining_epochs: usize,
    /// Weight of the trained table in the final model; the initial table has the remaining weight.
    pub kept_share: f32,
}

impl Default for TrainingOptions {
    fn default() -> Self {
        Self {
            epochs: 2,
            decay_epochs: Some(3),
            seed: 1,
            threads: 2,
            batch_repositories: 8,
            batch_pairs: 256,
            epoch_pairs: 1_500,
            temperature: 0.1,
            learning_rate: 1e-3,
            pull: 0.0,
            path_share: 0.5,
            hard_negatives: 0,
            mining_epochs: 2,
            kept_share: 1.0,
        }
    }
}
