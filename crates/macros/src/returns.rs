//! What a return type says of how a call ends.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::punctuated::Punctuated;
use syn::visit_mut::{VisitMut, visit_type_mut};
use syn::{
    GenericArgument, PathArguments, PathSegment, ReturnType, Signature, Token, Type,
    TypeParamBound, parse_quote,
};

/// What a function gives back, with `_` for each `impl Trait`, which a body's type cannot say.
pub(crate) enum Returns {
    /// Nothing, ever.
    Never,
    /// A value. Alone, `impl Trait` is never an error.
    Value { of: TokenStream, may_fail: bool },
    /// A future, without being `async`.
    Future { of: TokenStream, output: TokenStream, boxed: bool },
}

type Bounds = Punctuated<TypeParamBound, Token![+]>;

impl Returns {
    pub(crate) fn of(signature: &Signature) -> Returns {
        let ReturnType::Type(_, written) = &signature.output else {
            return Returns::Value { of: quote!(()), may_fail: false };
        };
        let written = bare(written);
        let of = with_holes(written);
        if matches!(written, Type::Never(_)) {
            return Returns::Never;
        }
        let future = if signature.asyncness.is_none() { future(written) } else { None };
        match future {
            Some((output, boxed)) => Returns::Future { of, output: with_holes(&output), boxed },
            None => Returns::Value { of, may_fail: !matches!(written, Type::ImplTrait(_)) },
        }
    }
}

/// Without the groups that macros put around a type.
fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => bare(&group.elem),
        Type::Paren(paren) => bare(&paren.elem),
        other => other,
    }
}

fn with_holes(ty: &Type) -> TokenStream {
    let mut ty = ty.clone();
    Holes.visit_type_mut(&mut ty);
    ty.into_token_stream()
}

struct Holes;

impl VisitMut for Holes {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        match ty {
            Type::ImplTrait(_) => *ty = parse_quote!(_),
            other => visit_type_mut(self, other),
        }
    }
}

/// The output of `impl Future<Output = _>` or `Pin<Box<dyn Future<Output = _>>>`; true for the
/// second.
fn future(ty: &Type) -> Option<(Type, bool)> {
    if let Type::ImplTrait(future) = ty {
        return Some((output(&future.bounds)?, false));
    }
    match argument(argument(ty, "Pin")?, "Box")? {
        Type::TraitObject(future) => Some((output(&future.bounds)?, true)),
        _ => None,
    }
}

/// The only argument of a type of this name, wherever it is from.
fn argument<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let Type::Path(path) = ty else {
        return None;
    };
    let last = path.path.segments.last().filter(|segment| segment.ident == name)?;
    match arguments(last)?.first()? {
        GenericArgument::Type(ty) => Some(bare(ty)),
        _ => None,
    }
}

fn arguments(segment: &PathSegment) -> Option<&Punctuated<GenericArgument, Token![,]>> {
    match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => Some(&arguments.args),
        _ => None,
    }
}

/// The `Output`, if these are the bounds of a future and none that another future might not meet.
fn output(bounds: &Bounds) -> Option<Type> {
    let mut output = None;
    for bound in bounds {
        let TypeParamBound::Trait(bound) = bound else {
            continue;
        };
        let last = bound.path.segments.last()?;
        match last.ident.to_string().as_str() {
            "Send" | "Sync" => {}
            "Future" => output = Some(associated_output(last)?),
            _ => return None,
        }
    }
    output
}

fn associated_output(future: &PathSegment) -> Option<Type> {
    arguments(future)?.iter().find_map(|argument| match argument {
        GenericArgument::AssocType(binding) if binding.ident == "Output" => {
            Some(binding.ty.clone())
        }
        _ => None,
    })
}
