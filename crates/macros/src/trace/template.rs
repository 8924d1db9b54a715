//! The body that `#[trace]` writes around a function's own.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};

use super::options::Options;
use crate::function::Function;

/// The parts that all expansions have.
///
/// The body does not see the names of locals. Those of items cannot be hidden so: that is why the
/// static stands in a block of its own.
pub(super) struct Template<'a> {
    /// The module with the tracer.
    tracing: TokenStream,
    /// The module with what the expansion calls.
    runtime: TokenStream,
    site: TokenStream,
    options: Options,
    function: &'a Function,
    /// Of what is written around the body.
    span: Span,
}

impl Template<'_> {
    pub(super) fn new(function: &Function, options: Options) -> Template<'_> {
        let krate = options.common.library();
        let name = options.common.name(&function.signature);
        let tracing = quote!(#krate::tracing);
        let runtime = quote!(#tracing::traced);
        let of_site = options.of_site(&tracing);
        let site = quote! {{
            static SITE: #runtime::Site = #runtime::Site::new(#name) #of_site;
            &SITE
        }};
        Template { tracing, runtime, site, options, function, span: function.around() }
    }

    pub(super) fn sync(&self, of: &TokenStream, may_fail: bool) -> TokenStream {
        let Template { runtime, site, function, span, .. } = self;
        let end =
            self.end(&quote_spanned!(*span=> span), &quote_spanned!(*span=> &result), may_fail);
        if end.is_empty() {
            return self.plain();
        }
        let fields = self.fields(quote_spanned!(*span=> span));
        let block = function.block();
        quote_spanned! {*span=>
            let mut span = #runtime::Site::enter(#site);
            #fields
            let result = #runtime::once(move || -> #of #block);
            #end
            result
        }
    }

    /// Where nothing is to be done at the end but to end the span.
    pub(super) fn plain(&self) -> TokenStream {
        let Template { runtime, site, function, span, .. } = self;
        let inner_block = function.inner_block();
        let fields = self.fields(quote_spanned!(*span=> span));
        let mutable = (!fields.is_empty()).then(|| quote!(mut));
        let name = if fields.is_empty() {
            quote_spanned!(*span=> _span)
        } else {
            quote_spanned!(*span=> span)
        };
        quote_spanned! {*span=>
            let #mutable #name = #runtime::Site::enter(#site);
            #fields
            #inner_block
        }
    }

    pub(super) fn asynchronous(&self, of: &TokenStream, may_fail: bool) -> TokenStream {
        let span = self.span;
        let end = self.end(
            &quote_spanned!(span=> future.span()),
            &quote_spanned!(span=> &result),
            may_fail,
        );
        if end.is_empty() {
            return self.waiting(Some(of));
        }
        let begin = self.begin();
        let future = self.in_span(Some(of));
        quote_spanned! {span=>
            #begin
            let mut future = ::core::pin::pin!(#future);
            let result = future.as_mut().await;
            #end
            result
        }
    }

    /// The same where nothing is to be done at the end.
    pub(super) fn waiting(&self, of: Option<&TokenStream>) -> TokenStream {
        let begin = self.begin();
        let future = self.in_span(of);
        quote_spanned! {self.span=>
            #begin
            #future.await
        }
    }

    pub(super) fn future(
        &self,
        of: &TokenStream,
        output: &TokenStream,
        boxed: bool,
    ) -> TokenStream {
        let Template { tracing, runtime, function, span, .. } = self;
        let begin = self.begin();
        let block = function.block();
        let end = self.end(&quote_spanned!(*span=> span), &quote_spanned!(*span=> result), true);
        let followed = quote_spanned!(*span=> #runtime::Followed::new(
            span,
            future,
            |mut span: &#tracing::Span, result: &#output| { #end },
        ));
        let followed = match boxed {
            true => quote!(::std::boxed::Box::pin(#followed)),
            false => followed,
        };
        quote_spanned! {*span=>
            #begin
            let entered = span.enter();
            let future = #runtime::once(move || -> #of #block);
            ::core::mem::drop(entered);
            #followed
        }
    }

    /// The span that may be sent, with its fields.
    fn begin(&self) -> TokenStream {
        let Template { runtime, site, span, .. } = self;
        let fields = self.fields(quote_spanned!(*span=> &span));
        quote_spanned! {*span=>
            let span = #runtime::Site::begin(#site);
            #fields
        }
    }

    /// The body as a future in the span.
    fn in_span(&self, of: Option<&TokenStream>) -> TokenStream {
        let Template { tracing, runtime, function, span, .. } = self;
        let inner_block = function.inner_block();
        // A block cannot be told what it returns, unless something returns first.
        let returns = of.map(|of| {
            quote_spanned! {*span=>
                if false {
                    return #runtime::never::<#of>();
                }
            }
        });
        quote_spanned! {*span=>
            #tracing::FutureExt::in_span(async move { #returns #inner_block }, span)
        }
    }

    fn fields(&self, recorder: TokenStream) -> TokenStream {
        let fields = self.options.fields.as_ref();
        fields.map_or_else(TokenStream::new, |fields| {
            fields.keep(&self.runtime, &recorder, self.span)
        })
    }

    /// What is done as the function returns; `result` is a reference.
    fn end(&self, recorder: &TokenStream, result: &TokenStream, may_fail: bool) -> TokenStream {
        let runtime = &self.runtime;
        let mut end = TokenStream::new();
        if let Some(ret) = &self.options.ret {
            let text = ret.text(runtime, result, true);
            end.extend(quote_spanned! {ret.around()=>
                #runtime::returned(&mut #recorder, || #text);
            });
        }
        if let Some(err) = &self.options.err {
            let text = err.text(runtime, &quote_spanned!(err.around()=> error), false);
            end.extend(quote_spanned! {err.around()=>
                if let ::core::result::Result::Err(error) = #result {
                    #runtime::error(&mut #recorder, || #text);
                }
            });
        } else if may_fail {
            end.extend(quote_spanned! {self.span=>
                if #runtime::Returned(#result).is_error() {
                    #runtime::Recorder::failed(&mut #recorder, "");
                }
            });
        }
        end
    }
}
