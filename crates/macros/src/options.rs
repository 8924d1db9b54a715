//! What stands between the parentheses of an attribute.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Ident, LitStr, Path, Result, Signature, Token, parse_quote};

/// The options that every attribute has.
#[derive(Default)]
pub(crate) struct Common {
    /// Never empty.
    name: Option<LitStr>,
    krate: Option<Path>,
}

impl Common {
    /// Takes the value of an option, if it is one of these.
    pub(crate) fn take(&mut self, key: &Ident, input: ParseStream<'_>) -> Result<bool> {
        match key.to_string().as_str() {
            "name" => once(key, &mut self.name, || value(input).and_then(not_empty))?,
            "crate" => once(key, &mut self.krate, || value(input))?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The name under which the function is recorded.
    pub(crate) fn name(&self, function: &Signature) -> TokenStream {
        match &self.name {
            Some(name) => name.to_token_stream(),
            None => {
                let name = function.ident.unraw().to_string();
                quote!(::core::concat!(::core::module_path!(), "::", #name))
            }
        }
    }

    /// Where the library is found.
    pub(crate) fn library(&self) -> Path {
        self.krate.clone().unwrap_or_else(|| parse_quote!(::perf_monitor))
    }
}

/// Hands each option, by its key, to `take`.
pub(crate) fn each(
    input: ParseStream<'_>,
    mut take: impl FnMut(Ident, ParseStream<'_>) -> Result<()>,
) -> Result<()> {
    while !input.is_empty() {
        if input.peek(LitStr) {
            return Err(input.error("say which option this is: `name = \"...\"`"));
        }
        take(input.call(Ident::parse_any)?, input)?;
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
    }
    Ok(())
}

pub(crate) fn once<T>(
    key: &Ident,
    option: &mut Option<T>,
    value: impl FnOnce() -> Result<T>,
) -> Result<()> {
    if option.replace(value()?).is_some() {
        return Err(Error::new(key.span(), format!("`{key}` is there twice")));
    }
    Ok(())
}

pub(crate) fn value<T: Parse>(input: ParseStream<'_>) -> Result<T> {
    input.parse::<Token![=]>()?;
    input.parse()
}

fn not_empty(name: LitStr) -> Result<LitStr> {
    match name.value().is_empty() {
        true => Err(Error::new(name.span(), "the name is empty: leave it out, or say one")),
        false => Ok(name),
    }
}
