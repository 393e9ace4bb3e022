//! Tokens as one line of text, spaced as rustfmt spaces types and signatures.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use quote::ToTokens;

/// The node in one line.
pub(crate) fn text(node: &impl ToTokens) -> String {
    let mut line = String::new();
    write(node.to_token_stream(), &mut line);
    line
}

/// The nodes in one line, `separator` between them.
pub(crate) fn joined<T: ToTokens>(nodes: impl IntoIterator<Item = T>, separator: &str) -> String {
    nodes.into_iter().map(|node| text(&node)).collect::<Vec<_>>().join(separator)
}

fn write(tokens: TokenStream, line: &mut String) {
    let mut last = String::new();
    for word in words(tokens) {
        if !last.is_empty() && has_space(&last, &word) {
            line.push(' ');
        }
        line.push_str(&word);
        last = word;
    }
}

/// Tokens with the marks that belong together as one: `::`, `->`, `'a`; a bracketed group is one word.
fn words(tokens: TokenStream) -> Vec<String> {
    let mut words = Vec::new();
    let mut marks = String::new();
    for token in tokens {
        match token {
            TokenTree::Punct(mark) => {
                marks.push(mark.as_char());
                let is_joined = mark.spacing() == Spacing::Joint
                    && (matches!(marks.as_str(), ":" | "-" | "=" | "'" | "." | "..") && mark.as_char() != '>');
                if !is_joined {
                    words.push(std::mem::take(&mut marks));
                }
            }
            TokenTree::Ident(ident) => words.push(std::mem::take(&mut marks) + &ident.to_string()),
            TokenTree::Literal(literal) => words.push(literal.to_string()),
            TokenTree::Group(group) => {
                let mut inner = String::new();
                write(group.stream(), &mut inner);
                words.push(match group.delimiter() {
                    Delimiter::Parenthesis => format!("({inner})"),
                    Delimiter::Bracket => format!("[{inner}]"),
                    Delimiter::Brace if inner.is_empty() => "{}".to_owned(),
                    Delimiter::Brace => format!("{{ {inner} }}"),
                    Delimiter::None => inner,
                });
            }
        }
    }
    words
}

/// Whether a space stands between two words.
fn has_space(last: &str, next: &str) -> bool {
    let is_word = |text: &str| text.starts_with(|first: char| first.is_alphanumeric() || "_'\"".contains(first));
    match (last, next) {
        ("mut" | "const" | "dyn" | "impl" | "as", _) => true,
        (_, "," | ";" | ":" | "::" | ">" | "?" | ".") if last != ":" && last != "+" => false,
        ("," | ";" | ":" | "->" | "=" | "+" | "=>" | "|", _) | (_, "->" | "=" | "+" | "=>" | "|") => true,
        ("::" | "<" | "&" | "*" | "?" | "!" | "#" | ".", _) => false,
        // `&'a mut T`, `dyn for<'a> Fn`, `impl A for &B`; but `f(x)` and `FnOnce(x)`.
        _ if last.starts_with('\'') => true,
        (_, "<") => false,
        (">", next) => is_word(next) || next.starts_with('{'),
        (last, next) if is_word(last) => is_word(next) || next.starts_with(['&', '*', '{', '!']),
        _ => is_word(next) || next.starts_with('{'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_spaced_as_they_are_written() {
        for line in [
            "&'a mut [u8; 4]",
            "&mut (A, *const [B])",
            "[[u8; N]; 3]",
            "Result<(), Box<dyn std::error::Error + Send + 'static>>",
            "for<'a> fn(&'a T, (u8, &'static str)) -> Option<&'a <T as Iterator>::Item>",
            "impl for<'a> FnOnce(&'a mut S, &(A, B)) -> [T; N] + ?Sized",
            "*const ::std::ffi::c_void",
            "HashMap<K, impl Iterator<Item = (K, V)>>",
            "Fn() -> !",
        ] {
            let tokens: TokenStream = line.parse().unwrap();
            assert_eq!(text(&tokens), line);
        }
    }
}
