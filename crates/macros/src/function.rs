//! A function as the attribute finds it.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{AttrStyle, Attribute, Error, LitStr, Result, Signature, Token, Visibility, braced};

/// A function with a body that can be timed. The body is not looked into.
pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    visibility: Visibility,
    /// A specialisable method's word, which the compiler may not take yet.
    default: Option<Token![default]>,
    pub(crate) signature: Signature,
    /// What is between the braces.
    body: TokenStream,
    braces: Span,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Function> {
        let mut attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let default = input.parse()?;
        if !begins_function(input) {
            return Err(input.error("`timed` times functions, and this is none"));
        }
        let signature: Signature = input.parse()?;
        check(&signature)?;
        if input.peek(Token![;]) {
            let text = "there is no body to time: put `#[timed]` on the functions that have one";
            return Err(input.error(text));
        }
        let content;
        let braces = braced!(content in input).span.join();
        attributes.extend(inner_attributes(&content)?);
        let body = content.parse()?;
        Ok(Function { attributes, visibility, default, signature, body, braces })
    }
}

impl Function {
    /// For what is written around the body: names that it does not see, at its place in messages.
    pub(crate) fn around(&self) -> Span {
        Span::mixed_site().located_at(self.braces)
    }

    /// The body in its braces.
    pub(crate) fn block(&self) -> TokenTree {
        in_braces(self.body.clone(), self.braces)
    }

    /// The body in braces that are not its own, which the compiler may find unneeded.
    pub(crate) fn inner_block(&self) -> TokenTree {
        in_braces(self.body.clone(), self.around())
    }

    /// The function with another body.
    pub(crate) fn with_body(&self, body: TokenStream) -> TokenStream {
        let mut tokens = TokenStream::new();
        self.attributes.iter().for_each(|attribute| attribute.to_tokens(&mut tokens));
        self.visibility.to_tokens(&mut tokens);
        self.default.to_tokens(&mut tokens);
        self.signature.to_tokens(&mut tokens);
        in_braces(body, self.braces).to_tokens(&mut tokens);
        tokens
    }
}

fn in_braces(body: TokenStream, span: Span) -> TokenTree {
    let mut group = Group::new(Delimiter::Brace, body);
    group.set_span(span);
    group.into()
}

/// Whether `fn` comes after words that may stand before it.
fn begins_function(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    while ahead.peek(Token![const])
        || ahead.peek(Token![async])
        || ahead.peek(Token![unsafe])
        || ahead.peek(Token![extern])
        || ahead.peek(LitStr)
    {
        if ahead.parse::<TokenTree>().is_err() {
            return false;
        }
    }
    ahead.peek(Token![fn])
}

fn check(signature: &Signature) -> Result<()> {
    if let Some(word) = &signature.constness {
        let text = "a `const fn` cannot be timed: it also runs in the compiler, which has no clock";
        return Err(Error::new(word.span(), text));
    }
    if let Some(abi) = &signature.abi {
        let text =
            "a function for other languages is not timed: time a Rust function that it calls";
        return Err(Error::new(abi.span(), text));
    }
    Ok(())
}

/// The body's own attributes, which can stand before the function as well.
fn inner_attributes(content: ParseStream<'_>) -> Result<Vec<Attribute>> {
    let mut attributes = content.call(Attribute::parse_inner)?;
    attributes.iter_mut().for_each(|attribute| attribute.style = AttrStyle::Outer);
    Ok(attributes)
}
