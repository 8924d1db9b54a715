//! The functions that there are, and what they take.

use super::ast::Type;

macro_rules! functions {
    ($($variant:ident $name:literal ($($arg:ident),*) $(optional $optional:literal)? -> $returns:ident;)*) => {
        /// A function of PromQL.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Function { $(
            #[doc = concat!("`", $name, "`")]
            $variant,
        )* }

        impl Function {
            pub(crate) const ALL: &[Function] = &[$(Function::$variant,)*];

            pub(crate) fn name(self) -> &'static str {
                match self { $(Function::$variant => $name,)* }
            }

            /// The types of its arguments.
            pub(crate) fn args(self) -> &'static [Type] {
                match self { $(Function::$variant => &[$(Type::$arg),*],)* }
            }

            /// How many of the last arguments may be left out.
            pub(crate) fn optional(self) -> usize {
                match self { $(Function::$variant => 0 $(+ $optional)?,)* }
            }

            pub(crate) fn returns(self) -> Type {
                match self { $(Function::$variant => Type::$returns,)* }
            }
        }
    };
}

functions! {
    Rate "rate" (Matrix) -> Vector;
    Irate "irate" (Matrix) -> Vector;
    Increase "increase" (Matrix) -> Vector;
    Delta "delta" (Matrix) -> Vector;
    Deriv "deriv" (Matrix) -> Vector;
    PredictLinear "predict_linear" (Matrix, Scalar) -> Vector;
    AvgOverTime "avg_over_time" (Matrix) -> Vector;
    MinOverTime "min_over_time" (Matrix) -> Vector;
    MaxOverTime "max_over_time" (Matrix) -> Vector;
    SumOverTime "sum_over_time" (Matrix) -> Vector;
    CountOverTime "count_over_time" (Matrix) -> Vector;
    LastOverTime "last_over_time" (Matrix) -> Vector;
    StddevOverTime "stddev_over_time" (Matrix) -> Vector;
    QuantileOverTime "quantile_over_time" (Scalar, Matrix) -> Vector;
    HistogramQuantile "histogram_quantile" (Scalar, Vector) -> Vector;
    Absent "absent" (Vector) -> Vector;
    Abs "abs" (Vector) -> Vector;
    Ceil "ceil" (Vector) -> Vector;
    Floor "floor" (Vector) -> Vector;
    Round "round" (Vector, Scalar) optional 1 -> Vector;
    Clamp "clamp" (Vector, Scalar, Scalar) -> Vector;
    ClampMin "clamp_min" (Vector, Scalar) -> Vector;
    ClampMax "clamp_max" (Vector, Scalar) -> Vector;
    Time "time" () -> Scalar;
    Scalar "scalar" (Vector) -> Scalar;
    Vector "vector" (Scalar) -> Vector;
}

impl Function {
    pub(crate) fn named(name: &str) -> Option<Function> {
        Function::ALL.iter().copied().find(|function| function.name() == name)
    }
}

/// What Prometheus has beside these, so that an error can tell a gap from a typing error.
pub(crate) const UNSUPPORTED: [&str; 49] = [
    "absent_over_time",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "changes",
    "cos",
    "cosh",
    "count_values",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "days_in_month",
    "deg",
    "double_exponential_smoothing",
    "exp",
    "histogram_avg",
    "histogram_count",
    "histogram_fraction",
    "histogram_stddev",
    "histogram_stdvar",
    "histogram_sum",
    "holt_winters",
    "hour",
    "idelta",
    "info",
    "label_join",
    "label_replace",
    "limitk",
    "limit_ratio",
    "ln",
    "log10",
    "log2",
    "mad_over_time",
    "minute",
    "month",
    "pi",
    "present_over_time",
    "rad",
    "resets",
    "sgn",
    "sin",
    "sinh",
    "sort",
    "sqrt",
    "timestamp",
    "year",
];
