//! Stands in for crates.io's `datafusion-functions-nested`, the functions of SQL on arrays and maps.
//!
//! DataFusion registers them for SQL queries. codescry builds its queries from expressions, without arrays. Expressions
//! can be built from the functions here, but planning such an expression fails.

use std::sync::Arc;

use datafusion_common::Result;
use datafusion_execution::FunctionRegistry;
use datafusion_expr::{HigherOrderUDF, ScalarUDF};

/// Returns no function.
pub fn all_default_nested_functions() -> Vec<Arc<ScalarUDF>> {
    Vec::new()
}

/// Returns no function.
pub fn all_default_higher_order_functions() -> Vec<Arc<HigherOrderUDF>> {
    Vec::new()
}

/// Registers no function.
///
/// # Errors
/// Never.
pub fn register_all(_registry: &mut dyn FunctionRegistry) -> Result<()> {
    Ok(())
}

pub mod planner {
    use datafusion_expr::planner::ExprPlanner;

    /// A planner for operators on arrays. Plans nothing.
    #[derive(Debug)]
    pub struct NestedFunctionPlanner;

    impl ExprPlanner for NestedFunctionPlanner {}

    /// A planner for access to elements of arrays and maps. Plans nothing.
    #[derive(Debug)]
    pub struct FieldAccessPlanner;

    impl ExprPlanner for FieldAccessPlanner {}
}

macro_rules! missing {
    ($($type:ident $name:ident ($($argument:ident),*))*) => {
        $(
            /// A function on arrays. Planning it fails.
            #[derive(Debug, PartialEq, Eq, Hash)]
            pub struct $type(Signature);

            impl Default for $type {
                fn default() -> Self {
                    Self::new()
                }
            }

            impl $type {
                /// Creates the function.
                pub fn new() -> Self {
                    Self(Signature::variadic_any(Volatility::Immutable))
                }
            }

            impl ScalarUDFImpl for $type {
                fn name(&self) -> &str {
                    stringify!($name)
                }

                fn signature(&self) -> &Signature {
                    &self.0
                }

                fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
                    not_impl_err!("this program was built without the function {}", stringify!($name))
                }

                fn invoke_with_args(&self, _arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
                    not_impl_err!("this program was built without the function {}", stringify!($name))
                }
            }

            /// Returns an expression that calls the function.
            pub fn $name($($argument: Expr),*) -> Expr {
                ScalarUDF::new_from_impl($type::new()).call(vec![$($argument),*])
            }
        )*
    };
}

pub mod array_has {
    use arrow_schema::DataType;
    use datafusion_common::{Result, not_impl_err};
    use datafusion_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

    missing! {
        ArrayHas array_has(array, item)
        ArrayHasAll array_has_all(array, items)
        ArrayHasAny array_has_any(array, items)
        ArrayMax array_max(array)
        ArrayMin array_min(array)
        ArrayPosition array_position(array, item, start)
        Cardinality cardinality(array)
    }
}

pub mod expr_fn {
    pub use super::array_has::{
        array_has, array_has_all, array_has_any, array_max, array_min, array_position, cardinality,
    };
}
