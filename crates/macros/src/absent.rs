//! What the attribute does with its feature off.

/// The item as it is. That the type is any type says that nothing is looked at or changed.
pub(crate) fn attribute<T>(_options: T, item: T) -> T {
    item
}

#[cfg(test)]
mod tests {
    use super::*;
    use proc_macro2::TokenStream;

    #[test]
    fn the_item_comes_back_token_for_token() {
        let item = "/// Doc.\n#[inline] const fn f<T>(x: T) -> T where T: Copy { return x; }";
        let item: TokenStream = item.parse().unwrap();
        let options = "name = 5, whatever".parse().unwrap();
        let same = attribute::<TokenStream>(options, item.clone());
        assert_eq!(same.to_string(), item.to_string());
    }
}
