//! The function that `#[timed]` puts in place of one.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::{Error, Result, parse2};

use crate::function::{Function, Words, or_the_item};
use crate::options::{self, Common};
use crate::returns::Returns;

pub(crate) fn attribute(
    options: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    timed(options.into(), item.into()).into()
}

const WORDS: Words =
    Words { name: "timed", infinitive: "time", present: "times", participle: "timed" };

fn timed(options: TokenStream, item: TokenStream) -> TokenStream {
    or_the_item(expand(options, item.clone()), item)
}

fn expand(options: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let options: Options = parse2(options)?;
    let function = Function::parse(item, &WORDS)?;
    let template = Template::new(&function, options);
    let body = match (Returns::of(&function.signature), function.signature.asyncness) {
        (Returns::Never, _) => template.never(),
        (Returns::Value { of, may_fail }, None) => template.sync(&of, may_fail),
        (Returns::Value { of, may_fail }, Some(_)) => template.asynchronous(&of, may_fail),
        (Returns::Future { of, output, boxed }, _) => template.future(&of, &output, boxed),
    };
    Ok(function.with_body(body))
}

/// The options that were given.
#[derive(Default)]
struct Options(Common);

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Options> {
        let mut options = Options::default();
        options::each(input, |key, input| match options.0.take(&key, input)? {
            true => Ok(()),
            false => {
                let text = format!("`timed` has no option `{key}`; it takes `name` and `crate`");
                Err(Error::new(key.span(), text))
            }
        })?;
        Ok(options)
    }
}

/// The parts that all expansions have.
///
/// The body does not see the names of locals. Those of items cannot be hidden so: that is why the
/// static stands in a block of its own.
struct Template<'a> {
    /// The module with what the expansion calls.
    runtime: TokenStream,
    site: TokenStream,
    function: &'a Function,
    /// Of what is written around the body.
    span: Span,
}

impl Template<'_> {
    fn new(function: &Function, options: Options) -> Template<'_> {
        let (krate, name) = (options.0.library(), options.0.name(&function.signature));
        let runtime = quote!(#krate::timed);
        let site = quote! {{
            static SITE: #runtime::Site = #runtime::Site::new(#name);
            &SITE
        }};
        Template { runtime, site, function, span: function.around() }
    }

    fn sync(&self, of: &TokenStream, may_fail: bool) -> TokenStream {
        let Template { runtime, site, function, span } = self;
        let block = function.block();
        let is_error = self.is_error(may_fail);
        quote_spanned! {*span=>
            let call = #runtime::Site::enter(#site);
            let result = #runtime::once(move || -> #of #block);
            call.end(#is_error);
            result
        }
    }

    fn asynchronous(&self, of: &TokenStream, may_fail: bool) -> TokenStream {
        let Template { runtime, site, function, span } = self;
        let inner_block = function.inner_block();
        let is_error = self.is_error(may_fail);
        // A block cannot be told what it returns, unless something returns first.
        quote_spanned! {*span=>
            let mut call = #runtime::Site::enter(#site);
            let mut future = ::core::pin::pin!(async move {
                if false {
                    return #runtime::never::<#of>();
                }
                #inner_block
            });
            let result = ::core::future::poll_fn(|context| {
                call.poll(future.as_mut(), context)
            }).await;
            call.end(#is_error);
            result
        }
    }

    fn never(&self) -> TokenStream {
        let Template { runtime, site, function, span } = self;
        let inner_block = function.inner_block();
        quote_spanned! {*span=>
            let _call = #runtime::Site::enter(#site);
            #inner_block
        }
    }

    fn future(&self, of: &TokenStream, output: &TokenStream, boxed: bool) -> TokenStream {
        let Template { runtime, site, function, span } = self;
        let block = function.block();
        let followed = quote_spanned! {*span=>
            #runtime::Site::follow(
                #site,
                #runtime::once(move || -> #of #block),
                |result: &#output| #runtime::Returned(result).is_error(),
            )
        };
        match boxed {
            true => quote!(::std::boxed::Box::pin(#followed)),
            false => followed,
        }
    }

    fn is_error(&self, may_fail: bool) -> TokenStream {
        let runtime = &self.runtime;
        match may_fail {
            true => quote_spanned!(self.span=> #runtime::Returned(&result).is_error()),
            false => quote!(false),
        }
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

    fn refuses(item: &str, at: &str, text: &str) {
        let (said, shown) = error("", item);
        assert!(said.contains(text), "{item}: {said}");
        assert_eq!(shown, at, "{item}");
    }

    #[test]
    fn what_cannot_be_timed_is_refused_where_it_says_so() {
        refuses("pub const fn f() {}", "const", "which has no clock");
        refuses("const unsafe fn f() {}", "const", "which has no clock");
        refuses("unsafe extern \"C\" fn f() {}", "extern \"C\"", "for other languages");
        refuses("extern fn f(n: u8, ...) {}", "extern", "for other languages");
        refuses("async fn f(&self) -> u8;", ";", "there is no body to time");
    }

    #[test]
    fn what_is_no_function_is_refused() {
        let text = "`timed` times functions, and this is none";
        refuses("pub struct S;", "struct", text);
        refuses("#[derive(Debug)] enum E {}", "enum", text);
        refuses("impl S { fn f() {} }", "impl", text);
        refuses("unsafe impl S {}", "unsafe", text);
        refuses("const N: u8 = 5;", "const", text);
        refuses("extern crate other;", "extern", text);
        refuses("mod m {}", "mod", text);
    }

    #[test]
    fn options_are_refused_where_they_are_wrong() {
        for (options, at, text) in [
            ("nmae = \"x\"", "nmae", "no option `nmae`; it takes `name` and `crate`"),
            ("name = \"\"", "\"\"", "the name is empty"),
            ("name = 5", "5", "expected string literal"),
            ("\"x\"", "\"x\"", "say which option this is"),
            ("name = \"x\", name = \"y\"", "name", "`name` is there twice"),
            ("crate = \"x\"", "\"x\"", "expected identifier"),
            ("name = \"x\" crate = y", "crate", "expected `,`"),
        ] {
            let (said, shown) = error(options, "fn f() {}");
            assert!(said.contains(text), "{options}: {said}");
            assert_eq!(shown, at, "{options}");
        }
    }

    #[test]
    fn an_item_that_is_refused_is_still_there() {
        let item: TokenStream = "const fn f() -> u8 { 5 }".parse().unwrap();
        let expanded = timed(TokenStream::new(), item.clone()).to_string();
        assert!(expanded.contains("compile_error"), "{expanded}");
        assert!(expanded.ends_with(&item.to_string()), "{expanded}");
    }

    #[test]
    fn all_but_the_body_stays() {
        let head = "#[doc = \"Doc.\"] #[inline] pub(crate) async unsafe fn f<'a, T: Copy>(\
             &'a mut self, (a, mut b): (u8, T), rest: impl Fn() -> T) -> Result<&'a T, ()> \
             where T: 'static";
        let item = format!("{head} {{ #![allow(unused)] a?; Ok(b) }}");
        let expanded = timed(TokenStream::new(), item.parse().unwrap()).to_string();
        let head = head.replacen("pub", "#[allow(unused)] pub", 1);
        let expanded = without_spaces(&expanded);
        assert!(expanded.starts_with(&without_spaces(&head)), "{expanded}");
        assert!(expanded.contains("{a?;Ok(b)}"), "{expanded}");
    }

    fn without_spaces(text: &str) -> String {
        text.split_whitespace().collect()
    }
}
