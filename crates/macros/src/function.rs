//! A function as an attribute finds it.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{AttrStyle, Attribute, Error, LitStr, Result, Signature, Token, Visibility, braced};

/// How an attribute speaks of itself.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) name: &'static str,
    /// What it does to a function, as in "time a function".
    pub(crate) infinitive: &'static str,
    /// The same, as in "it times functions".
    pub(crate) present: &'static str,
    /// The same, as in "a timed function".
    pub(crate) participle: &'static str,
}

/// A function with a body that can be recorded. The body is not looked into.
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

impl Function {
    /// The function that the attribute of these words stands before.
    pub(crate) fn parse(item: TokenStream, words: &Words) -> Result<Function> {
        (|input: ParseStream<'_>| parse(input, words)).parse2(item)
    }

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

/// The function, or the item as it is and an error: what calls it is not at fault.
pub(crate) fn or_the_item(function: Result<TokenStream>, item: TokenStream) -> TokenStream {
    function.unwrap_or_else(|error| {
        let error = error.into_compile_error();
        quote!(#error #item)
    })
}

fn in_braces(body: TokenStream, span: Span) -> TokenTree {
    let mut group = Group::new(Delimiter::Brace, body);
    group.set_span(span);
    group.into()
}

fn parse(input: ParseStream<'_>, words: &Words) -> Result<Function> {
    let Words { name, infinitive, present, .. } = words;
    let mut attributes = input.call(Attribute::parse_outer)?;
    let visibility = input.parse()?;
    let default = input.parse()?;
    if !begins_function(input) {
        return Err(input.error(format!("`{name}` {present} functions, and this is none")));
    }
    let signature: Signature = input.parse()?;
    check(&signature, words)?;
    if input.peek(Token![;]) {
        return Err(input.error(format!(
            "there is no body to {infinitive}: put `#[{name}]` on the functions that have one"
        )));
    }
    let content;
    let braces = braced!(content in input).span.join();
    attributes.extend(inner_attributes(&content)?);
    let body = content.parse()?;
    Ok(Function { attributes, visibility, default, signature, body, braces })
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

fn check(signature: &Signature, words: &Words) -> Result<()> {
    let Words { infinitive, participle, .. } = words;
    if let Some(word) = &signature.constness {
        let text = format!(
            "a `const fn` cannot be {participle}: it also runs in the compiler, which has no clock"
        );
        return Err(Error::new(word.span(), text));
    }
    if let Some(abi) = &signature.abi {
        let text = format!(
            "a function for other languages is not {participle}: {infinitive} a Rust function that it calls"
        );
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
