//! Stands in for crates.io's `datafusion-functions-nested`, the functions of SQL on arrays and maps.
//!
//! DataFusion registers them for queries in SQL. codescry makes its queries from expressions, without arrays. The
//! functions that other crates name can be put into an expression here, but such an expression cannot be planned.

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

    /// Plans the operators on arrays. It leaves them unplanned.
    #[derive(Debug)]
    pub struct NestedFunctionPlanner;

    impl ExprPlanner for NestedFunctionPlanner {}

    /// Plans the access to an item of an array or a map. It leaves it unplanned.
    #[derive(Debug)]
    pub struct FieldAccessPlanner;

    impl ExprPlanner for FieldAccessPlanner {}
}

macro_rules! missing {
    ($($type:ident $name:ident ($($argument:ident),*))*) => {
        $(
            /// A function that cannot be planned.
            #[derive(Debug, PartialEq, Eq, Hash)]
            pub struct $type(Signature);

            impl Default for $type {
                fn default() -> Self {
                    Self::new()
                }
            }

            impl $type {
                /// Makes the function.
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

            /// Puts the function into an expression.
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
