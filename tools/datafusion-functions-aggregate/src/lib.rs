//! Stands in for crates.io's `datafusion-functions-aggregate`, the aggregate functions of SQL, such as `sum`.
//!
//! DataFusion registers them for SQL queries, and LanceDB uses them to count the rows that pass a filter. codescry does
//! neither. Expressions can be built from the functions here, but planning such an expression fails.

use std::sync::Arc;

use arrow_schema::DataType;
use datafusion_common::{Result, not_impl_err};
use datafusion_execution::FunctionRegistry;
use datafusion_expr::function::AccumulatorArgs;
use datafusion_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Expr, Signature, Volatility};

/// Returns no function.
pub fn all_default_aggregate_functions() -> Vec<Arc<AggregateUDF>> {
    Vec::new()
}

/// Registers no function.
///
/// # Errors
/// Never.
pub fn register_all(_registry: &mut dyn FunctionRegistry) -> Result<()> {
    Ok(())
}

/// An aggregate function. Planning it fails.
#[derive(Debug, PartialEq, Eq, Hash)]
struct MissingFunction {
    name: &'static str,
    signature: Signature,
}

impl AggregateUDFImpl for MissingFunction {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        not_impl_err!("this program was built without the function {}", self.name)
    }

    fn accumulator(&self, _arguments: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        not_impl_err!("this program was built without the function {}", self.name)
    }
}

fn missing(name: &'static str) -> AggregateUDF {
    AggregateUDF::new_from_impl(MissingFunction { name, signature: Signature::variadic_any(Volatility::Immutable) })
}

macro_rules! functions {
    ($($name:ident)*) => {
        pub mod expr_fn {
            use super::Expr;

            $(
                /// Returns an expression that calls the function of this name.
                pub fn $name(argument: Expr) -> Expr {
                    super::missing(stringify!($name)).call(vec![argument])
                }
            )*
        }
    };
}

functions! { avg count max median min stddev sum }

pub mod average {
    pub use crate::expr_fn::avg;
}

pub mod count {
    pub use crate::expr_fn::count;
}

pub mod min_max {
    use std::sync::Arc;

    use datafusion_expr::AggregateUDF;

    pub use crate::expr_fn::{max, min};

    /// Returns the function `max`. Planning it fails.
    pub fn max_udaf() -> Arc<AggregateUDF> {
        Arc::new(super::missing("max"))
    }
}

pub mod sum {
    pub use crate::expr_fn::sum;
}

pub mod planner {
    use datafusion_expr::planner::ExprPlanner;

    /// A planner for calls of aggregate functions. Plans nothing.
    #[derive(Debug)]
    pub struct AggregateFunctionPlanner;

    impl ExprPlanner for AggregateFunctionPlanner {}
}
