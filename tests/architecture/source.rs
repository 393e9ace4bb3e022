//! A source file as the rules see it: the module it is, what of it is for tests only, and the paths it names.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, Item, Meta, Token, UseTree};

pub(crate) fn parse(file: &str, text: &str) -> syn::File {
    syn::parse_file(text).unwrap_or_else(|error| panic!("src/{file} does not parse: {error}"))
}

/// `table/spec.rs` is `["table", "spec"]`.
pub(crate) fn module_of(file: &str) -> Vec<String> {
    let path = file.trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').map(str::to_owned).collect()
}

pub(crate) fn is_test_file(file: &str) -> bool {
    module_of(file).iter().any(|module| module == "tests" || module == "loom_tests")
}

/// Whether a `#[cfg]` on it says that it is compiled for tests only.
pub(crate) fn is_test(node: &impl ToTokens) -> bool {
    fn needs_test(predicate: &Meta) -> bool {
        let Meta::List(list) = predicate else { return predicate.path().is_ident("test") };
        let inner = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).unwrap_or_default();
        match list.path.get_ident().map(ToString::to_string).as_deref() {
            Some("all") => inner.iter().any(needs_test),
            Some("any") => !inner.is_empty() && inner.iter().all(needs_test),
            _ => false,
        }
    }
    let leading = |input: ParseStream| {
        let attributes = input.call(Attribute::parse_outer)?;
        input.parse::<TokenStream>().map(|_| attributes)
    };
    let attributes = leading.parse2(node.to_token_stream()).unwrap_or_default();
    let mut conditions = attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    conditions.any(|attribute| attribute.parse_args::<Meta>().is_ok_and(|predicate| needs_test(&predicate)))
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Scope {
    /// Tests too.
    All,
    /// Without what is compiled for tests only.
    Shipped,
}

/// The paths that a file names: imports leaf by leaf, and in code those of two segments or more (one is a local name).
///
/// Those that begin with `self` or `super` are given from `crate`. Renames are forgotten, a glob is a last segment `*`.
pub(crate) fn paths(file: &str, text: &str, scope: Scope) -> Vec<Vec<String>> {
    if scope == Scope::Shipped && is_test_file(file) {
        return Vec::new();
    }
    let mut paths = Paths { scope, module: module_of(file), found: Vec::new() };
    paths.visit_file(&parse(file, text));
    paths.found
}

struct Paths {
    scope: Scope,
    module: Vec<String>,
    found: Vec<Vec<String>>,
}

impl Paths {
    fn looks_at(&self, node: &impl ToTokens) -> bool {
        self.scope == Scope::All || !is_test(node)
    }

    fn add(&mut self, path: &[String]) {
        let supers = path.iter().take_while(|segment| *segment == "super").count();
        let place = if path[0] == "self" { Some((self.module.len(), 1)) } else { None };
        let place = place.or((supers > 0).then(|| (self.module.len().saturating_sub(supers), supers)));
        self.found.push(match place {
            Some((kept, skipped)) => {
                ["crate".to_owned()].iter().chain(&self.module[..kept]).chain(&path[skipped..]).cloned().collect()
            }
            None => path.to_vec(),
        });
    }

    fn add_import(&mut self, mut path: Vec<String>, tree: &UseTree) {
        match tree {
            UseTree::Path(step) => {
                path.push(step.ident.to_string());
                self.add_import(path, &step.tree);
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_import(path.clone(), tree)),
            UseTree::Name(syn::UseName { ident }) | UseTree::Rename(syn::UseRename { ident, .. }) => {
                if ident != "self" || path.is_empty() {
                    path.push(ident.to_string());
                }
                self.add(&path);
            }
            UseTree::Glob(_) => {
                path.push("*".to_owned());
                self.add(&path);
            }
        }
    }

    /// The paths among tokens that no parser knows: a macro's arguments.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let is_colon = |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(mark)) if mark.as_char() == ':');
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token {
                TokenTree::Group(group) => self.add_tokens(group.stream()),
                TokenTree::Ident(first) => {
                    let mut path = vec![first.to_string()];
                    while is_colon(at) && is_colon(at + 1) {
                        let Some(TokenTree::Ident(next)) = tokens.get(at + 2) else { break };
                        path.push(next.to_string());
                        at += 3;
                    }
                    match tokens.get(at + 2) {
                        Some(TokenTree::Group(group)) if is_colon(at) && group.delimiter() == Delimiter::Brace => {
                            if let Ok(tree) = syn::parse2(group.to_token_stream()) {
                                self.add_import(path, &tree);
                            }
                            at += 3;
                        }
                        _ if path.len() > 1 => self.add(&path),
                        _ => {}
                    }
                }
                _ => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item(&mut self, item: &'ast Item) {
        if self.looks_at(item) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        if self.looks_at(item) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &'ast syn::TraitItem) {
        if self.looks_at(item) {
            visit::visit_trait_item(self, item);
        }
    }

    fn visit_stmt(&mut self, statement: &'ast syn::Stmt) {
        if self.looks_at(statement) {
            visit::visit_stmt(self, statement);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if self.looks_at(field) {
            visit::visit_field(self, field);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.module.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.module.pop();
    }

    fn visit_item_use(&mut self, import: &'ast syn::ItemUse) {
        self.add_import(Vec::new(), &import.tree);
    }

    fn visit_item_extern_crate(&mut self, import: &'ast syn::ItemExternCrate) {
        self.add(&[import.ident.to_string()]);
    }

    /// `pub(in crate::table)` hides; it does not import.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            self.add(&path.segments.iter().map(|segment| segment.ident.to_string()).collect::<Vec<_>>());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.visit_path(&call.path);
        self.add_tokens(call.tokens.clone());
    }

    fn visit_meta_list(&mut self, list: &'ast syn::MetaList) {
        self.visit_path(&list.path);
        self.add_tokens(list.tokens.clone());
    }
}
