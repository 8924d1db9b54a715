//! What stands between the parentheses of `#[timed(...)]`.

use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Ident, LitStr, Path, Result, Token};

/// The options that were given.
#[derive(Default)]
pub(crate) struct Options {
    /// Never empty.
    pub(crate) name: Option<LitStr>,
    pub(crate) krate: Option<Path>,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Options> {
        let mut options = Options::default();
        while !input.is_empty() {
            options.take(input)?;
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}

impl Options {
    fn take(&mut self, input: ParseStream<'_>) -> Result<()> {
        if input.peek(LitStr) {
            return Err(input.error("say which option this is: `name = \"...\"`"));
        }
        let key = input.call(Ident::parse_any)?;
        match key.to_string().as_str() {
            "name" => once(&key, &mut self.name, || value(input).and_then(not_empty)),
            "crate" => once(&key, &mut self.krate, || value(input)),
            other => {
                let text = format!("`timed` has no option `{other}`; it takes `name` and `crate`");
                Err(Error::new(key.span(), text))
            }
        }
    }
}

fn once<T>(key: &Ident, option: &mut Option<T>, value: impl FnOnce() -> Result<T>) -> Result<()> {
    if option.replace(value()?).is_some() {
        return Err(Error::new(key.span(), format!("`{key}` is there twice")));
    }
    Ok(())
}

fn value<T: Parse>(input: ParseStream<'_>) -> Result<T> {
    input.parse::<Token![=]>()?;
    input.parse()
}

fn not_empty(name: LitStr) -> Result<LitStr> {
    match name.value().is_empty() {
        true => Err(Error::new(name.span(), "the name is empty: leave it out, or say one")),
        false => Ok(name),
    }
}
