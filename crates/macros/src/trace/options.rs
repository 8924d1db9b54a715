//! What stands between the parentheses of `#[trace(...)]`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::{Error, Ident, Result, parenthesized};

use super::fields::Fields;
use crate::options::{self, Common, once, value};

/// The options that were given.
#[derive(Default)]
pub(super) struct Options {
    pub(super) common: Common,
    kind: Option<Ident>,
    root: Option<()>,
    pub(super) fields: Option<Fields>,
    pub(super) err: Option<Shown>,
    pub(super) ret: Option<Shown>,
}

/// A value that is asked for with the way that it is shown.
pub(super) struct Shown {
    /// Where it was asked for.
    pub(super) span: Span,
    by: Option<Ident>,
}

const KINDS: [&str; 5] = ["Internal", "Server", "Client", "Producer", "Consumer"];

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Options> {
        let mut options = Options::default();
        options::each(input, |key, input| match options.common.take(&key, input)? {
            true => Ok(()),
            false => options.take(&key, input),
        })?;
        Ok(options)
    }
}

impl Options {
    fn take(&mut self, key: &Ident, input: ParseStream<'_>) -> Result<()> {
        match key.to_string().as_str() {
            "kind" => once(key, &mut self.kind, || value(input).and_then(known_kind)),
            "root" => once(key, &mut self.root, || Ok(())),
            "fields" => once(key, &mut self.fields, || input.parse()),
            "err" => once(key, &mut self.err, || shown(key, input)),
            "ret" => once(key, &mut self.ret, || shown(key, input)),
            other => {
                let text = format!(
                    "`trace` has no option `{other}`; it takes `name`, `kind`, `fields(...)`, \
                     `err`, `ret`, `root` and `crate`"
                );
                Err(Error::new(key.span(), text))
            }
        }
    }

    /// What is called on a site that has its name, with `tracing` the module of the tracer.
    pub(super) fn of_site(&self, tracing: &TokenStream) -> TokenStream {
        let kind = self.kind.iter().map(|kind| quote!(.kind(#tracing::SpanKind::#kind)));
        let root = self.root.iter().map(|()| quote!(.root()));
        quote!(#(#kind)* #(#root)*)
    }
}

fn known_kind(kind: Ident) -> Result<Ident> {
    match KINDS.iter().any(|known| kind == known) {
        true => Ok(kind),
        false => {
            let text = format!("no kind of span is `{kind}`; there are {}", KINDS.join(", "));
            Err(Error::new(kind.span(), text))
        }
    }
}

fn shown(key: &Ident, input: ParseStream<'_>) -> Result<Shown> {
    let mut shown = Shown { span: key.span(), by: None };
    if input.peek(syn::token::Paren) {
        let content;
        parenthesized!(content in input);
        let by: Ident = content.parse()?;
        if (by != "Debug" && by != "Display") || !content.is_empty() {
            let text = format!("say `{key}(Debug)` or `{key}(Display)`");
            return Err(Error::new(by.span(), text));
        }
        shown.by = Some(by);
    }
    Ok(shown)
}

impl Shown {
    /// Where code for it is said to stand.
    pub(super) fn around(&self) -> Span {
        Span::mixed_site().located_at(self.span)
    }

    /// The text of `value`, a reference; `debugged` unless it was said.
    pub(super) fn text(
        &self,
        runtime: &TokenStream,
        value: &TokenStream,
        debugged: bool,
    ) -> TokenStream {
        let debugged = self.by.as_ref().map_or(debugged, |by| by == "Debug");
        match debugged {
            true => quote_spanned!(self.around()=> #runtime::Text::debug(#value)),
            false => quote_spanned!(self.around()=> #runtime::Text::display(#value)),
        }
    }
}
