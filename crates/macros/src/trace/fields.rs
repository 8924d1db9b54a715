//! What stands between the parentheses of `fields(...)`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Error, Expr, Ident, LitStr, Result, Token, parenthesized};

/// The attributes of a span, one or more.
pub(super) struct Fields(Vec<Field>);

struct Field {
    /// Never empty.
    key: LitStr,
    how: How,
    value: TokenStream,
    span: Span,
}

/// What is kept of a value.
enum How {
    Itself,
    Displayed,
    Debugged,
}

impl Parse for Fields {
    fn parse(input: ParseStream<'_>) -> Result<Fields> {
        let content;
        parenthesized!(content in input);
        let fields = Punctuated::<Field, Token![,]>::parse_terminated(&content)?;
        let fields: Vec<Field> = fields.into_iter().collect();
        for (place, field) in fields.iter().enumerate() {
            if fields[..place].iter().any(|before| before.key.value() == field.key.value()) {
                let text = format!("the key `{}` is there twice", field.key.value());
                return Err(Error::new(field.key.span(), text));
            }
        }
        Ok(Fields(fields))
    }
}

impl Parse for Field {
    fn parse(input: ParseStream<'_>) -> Result<Field> {
        if input.peek(LitStr) {
            return Field::of(input.parse().and_then(not_empty)?, input);
        }
        let how = input.call(how)?;
        if !input.peek(Ident::peek_any) {
            return Err(input.error("a field is `key = value`, its key a name or a text"));
        }
        let first = input.call(Ident::parse_any)?;
        let alone = input.is_empty() || input.peek(Token![,]);
        match how {
            How::Itself if !alone => Field::of(key(&first, input)?, input),
            how => Ok(Field::alone(first, how)),
        }
    }
}

fn not_empty(key: LitStr) -> Result<LitStr> {
    match key.value().is_empty() {
        true => Err(Error::new(key.span(), "the key is empty")),
        false => Ok(key),
    }
}

/// A key of names with dots in between, of which this is the first.
fn key(first: &Ident, input: ParseStream<'_>) -> Result<LitStr> {
    let mut key = first.unraw().to_string();
    while input.parse::<Option<Token![.]>>()?.is_some() {
        let part = input.call(Ident::parse_any)?;
        key = format!("{key}.{}", part.unraw());
    }
    Ok(LitStr::new(&key, first.span()))
}

impl Field {
    /// An argument under its own name.
    fn alone(argument: Ident, how: How) -> Field {
        let (name, span) = (argument.unraw().to_string(), argument.span());
        let key = LitStr::new(&name, span);
        Field { key, how, value: argument.into_token_stream(), span }
    }

    fn of(key: LitStr, input: ParseStream<'_>) -> Result<Field> {
        input.parse::<Token![=]>()?;
        let how = input.call(how)?;
        let value: Expr = input.parse()?;
        let span = value.span();
        Ok(Field { key, how, value: value.into_token_stream(), span })
    }

    fn tokens(&self, runtime: &TokenStream) -> TokenStream {
        let Field { key, value, .. } = self;
        let around = Span::mixed_site().located_at(self.span);
        let value = quote_spanned!(around=> &(#value));
        let value = match self.how {
            How::Itself => value,
            How::Displayed => quote_spanned!(around=> &#runtime::Text::display(#value)),
            How::Debugged => quote_spanned!(around=> &#runtime::Text::debug(#value)),
        };
        quote_spanned!(around=> (#key, #runtime::Field::value(#value)))
    }
}

fn how(input: ParseStream<'_>) -> Result<How> {
    if input.parse::<Option<Token![%]>>()?.is_some() {
        return Ok(How::Displayed);
    }
    let debugged = input.parse::<Option<Token![?]>>()?.is_some();
    Ok(if debugged { How::Debugged } else { How::Itself })
}

impl Fields {
    /// Has `recorder` keep them, if it records.
    pub(super) fn keep(
        &self,
        runtime: &TokenStream,
        recorder: &TokenStream,
        span: Span,
    ) -> TokenStream {
        let fields = self.0.iter().map(|field| field.tokens(runtime));
        let fields = quote!(&[#(#fields),*]);
        // In a closure, so that a `?` among them does not end the function.
        quote_spanned! {span=>
            if #runtime::Recorder::records(&#recorder) {
                #runtime::once(|| #runtime::Recorder::keep(&mut #recorder, #fields));
            }
        }
    }
}
