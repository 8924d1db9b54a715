//! The function that `#[trace]` puts in place of one.

mod fields;
mod options;
mod template;

use proc_macro2::TokenStream;
use syn::{Error, Result, parse2};

use crate::function::{Function, Words, or_the_item};
use crate::returns::Returns;
use options::Options;
use template::Template;

pub(crate) fn attribute(
    options: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    trace(options.into(), item.into()).into()
}

const WORDS: Words =
    Words { name: "trace", infinitive: "trace", present: "traces", participle: "traced" };

fn trace(options: TokenStream, item: TokenStream) -> TokenStream {
    or_the_item(expand(options, item.clone()), item)
}

fn expand(options: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let options: Options = parse2(options)?;
    let function = Function::parse(item, &WORDS)?;
    let returns = Returns::of(&function.signature);
    check(&options, &returns)?;
    let template = Template::new(&function, options);
    let body = match (returns, function.signature.asyncness) {
        (Returns::Never, None) => template.plain(),
        (Returns::Never, Some(_)) => template.waiting(None),
        (Returns::Value { of, may_fail }, None) => template.sync(&of, may_fail),
        (Returns::Value { of, may_fail }, Some(_)) => template.asynchronous(&of, may_fail),
        (Returns::Future { of, output, boxed }, _) => template.future(&of, &output, boxed),
    };
    Ok(function.with_body(body))
}

fn check(options: &Options, returns: &Returns) -> Result<()> {
    let fails = match returns {
        Returns::Never | Returns::Value { may_fail: false, .. } => false,
        Returns::Value { .. } | Returns::Future { .. } => true,
    };
    match &options.err {
        Some(err) if !fails => {
            Err(Error::new(err.span, "`err` is for functions that return a `Result`"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The error of `item` with these options, and the text that it points at.
    fn error(options: &str, item: &str) -> (String, String) {
        let error = expand(options.parse().unwrap(), item.parse().unwrap()).unwrap_err();
        (error.to_string(), error.span().source_text().unwrap_or_default())
    }

    #[test]
    fn what_cannot_be_traced_is_refused_where_it_says_so() {
        for (item, at, text) in [
            ("pub const fn f() {}", "const", "a `const fn` cannot be traced"),
            ("extern \"C\" fn f() {}", "extern \"C\"", "is not traced: trace a Rust function"),
            ("fn f(&self);", ";", "there is no body to trace: put `#[trace]` on"),
            ("struct S;", "struct", "`trace` traces functions, and this is none"),
        ] {
            let (said, shown) = error("", item);
            assert!(said.contains(text), "{item}: {said}");
            assert_eq!(shown, at, "{item}");
        }
    }

    #[test]
    fn options_are_refused_where_they_are_wrong() {
        for (options, at, text) in [
            ("nmae = \"x\"", "nmae", "no option `nmae`; it takes `name`, `kind`, `fields(...)`"),
            ("\"x\"", "\"x\"", "say which option this is"),
            ("kind = Sever", "Sever", "no kind of span is `Sever`; there are Internal, Server"),
            ("kind = \"server\"", "\"server\"", "expected identifier"),
            ("root, root", "root", "`root` is there twice"),
            ("root = true", "=", "expected `,`"),
            ("fields = 1", "=", "expected parentheses"),
            ("fields(a = 1, b = 2, a = 3)", "a", "the key `a` is there twice"),
            ("fields(\"\" = 1)", "\"\"", "the key is empty"),
            ("fields(a.b)", ")", "expected `=`"),
            ("fields(\"a\")", ")", "expected `=`"),
            ("fields(5)", "5", "a field is `key = value`"),
            ("fields(a = )", ")", "expected an expression"),
            ("ret(Pretty)", "Pretty", "say `ret(Debug)` or `ret(Display)`"),
            ("err", "err", "`err` is for functions that return a `Result`"),
        ] {
            let (said, shown) = error(options, "fn f() {}");
            assert!(said.contains(text), "{options}: {said}");
            assert_eq!(shown, at, "{options}: {said}");
        }
    }

    #[test]
    fn an_item_that_is_refused_is_still_there() {
        let item: TokenStream = "const fn f() -> u8 { 5 }".parse().unwrap();
        let expanded = trace(TokenStream::new(), item.clone()).to_string();
        assert!(expanded.contains("compile_error"), "{expanded}");
        assert!(expanded.ends_with(&item.to_string()), "{expanded}");
    }
}
