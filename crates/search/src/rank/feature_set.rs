//! Sets of features with learned weights.

/// The sign that a feature's weight may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightSign {
    /// The feature raises the score: the weight is not negative.
    For,
    /// The feature lowers the score: the weight is not positive.
    Against,
    /// The weight may have either sign.
    Either,
}

/// Defines an enum of features, and an array type with a value for each of them.
macro_rules! feature_set {
    (pub enum $feature:ident; pub struct $values:ident; $(#[doc = $about:literal])* $($name:ident = $label:literal,)*) => {
        $(#[doc = $about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "their names for people are their documentation")]
        pub enum $feature { $($name,)* }

        impl $feature {
            /// Every feature, in the order of the values.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Returns the label that `--explain` shows.
            pub fn label(self) -> &'static str {
                match self { $(Self::$name => $label,)* }
            }

            /// Returns the name used in a weights file.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }
        }

        /// The value of each feature; most values are between 0 and 1.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $values(pub [f32; $feature::ALL.len()]);

        impl Default for $values {
            fn default() -> Self {
                Self([0.0; $feature::ALL.len()])
            }
        }

        impl $values {
            /// Returns the value of a feature.
            pub fn get(&self, feature: $feature) -> f32 {
                self.0[feature as usize]
            }

            pub(crate) fn set(&mut self, feature: $feature, value: f32) {
                self.0[feature as usize] = value;
            }
        }
    };
}

pub(crate) use feature_set;
