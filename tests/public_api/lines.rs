//! The lines of the record, in order.

use crate::reach::{Homes, Reached};
use crate::resolve::Target;
use crate::text::{joined, text};
use crate::tree::{Crate, Features, attributes, features_for, features_of, nested};
use proc_macro2::Span;
use std::collections::{BTreeMap, BTreeSet};
use syn::visit::{self, Visit};
use syn::{
    Attribute, Fields, FnArg, GenericParam, Generics, Ident, ImplItem, Item, ItemImpl, Meta, Pat, Signature, TraitItem,
    Type, Visibility,
};

/// The public API, one line an item, each thing's own lines after it.
pub(crate) fn api(tree: &Crate) -> Vec<String> {
    let reached = tree.reached();
    let homes = tree.homes(&reached);
    let mut lines = Lines { tree, homes: &homes, features: BTreeMap::new(), found: BTreeSet::new() };
    for it in &reached {
        if homes[&it.target] == it.path {
            lines.features.insert(it.target.clone(), it.features.clone());
        }
    }
    for it in &reached {
        lines.path(it);
    }
    for module in 0..tree.modules.len() {
        for item in &tree.modules[module].items {
            if let Item::Impl(block) = item {
                lines.block(module, block);
            }
        }
    }
    lines.found.into_iter().map(|line| line.text).collect()
}

/// Ordered by path, then by rank: the item, its derives, its impls. Members have paths of their own.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    path: Vec<String>,
    rank: u8,
    text: String,
}

const ITEM: u8 = 0;
const DERIVE: u8 = 1;
const IMPL: u8 = 2;

struct Lines<'a> {
    tree: &'a Crate,
    homes: &'a Homes,
    /// What each listed thing needs to be there.
    features: BTreeMap<Target, Features>,
    found: BTreeSet<Line>,
}

impl Lines<'_> {
    fn add(&mut self, path: &[String], rank: u8, features: &Features, text: String) {
        let marks = features.iter().fold(String::new(), |marks, feature| marks + " [" + feature + "]");
        self.found.insert(Line { path: path.to_vec(), rank, text: text + &marks });
    }

    /// A public path: the item itself, or the alias that it is.
    fn path(&mut self, Reached { path, target, features }: &Reached) {
        let home = &self.homes[target];
        let name = path.join("::");
        if let Target::Foreign(foreign) = target {
            self.add(path, ITEM, features, format!("use {name} = {}", foreign.join("::")));
        } else if home != path {
            // What is in a module that is an alias is that module's.
            if !self.is_below_an_alias(path) {
                self.add(path, ITEM, features, format!("use {name} = {}", home.join("::")));
            }
        } else if let Target::Module(_) = target {
            self.add(path, ITEM, features, format!("mod {name}"));
        } else if let Target::Item(module, place) = target {
            self.item(path, &self.tree.modules[*module].items[*place], features);
        }
    }

    fn is_below_an_alias(&self, path: &[String]) -> bool {
        let is_home = |path: &[String]| {
            self.homes.iter().any(|(target, home)| home == path && matches!(target, Target::Module(_)))
        };
        (1..path.len()).any(|length| !is_home(&path[..length]))
    }

    fn item(&mut self, path: &[String], item: &Item, features: &Features) {
        let name = path.join("::");
        let line = match item {
            Item::Const(it) => format!("const {name}: {}", text(&it.ty)),
            Item::Static(it) => format!("static {name}: {}", text(&it.ty)),
            Item::Fn(it) => function(&name, &it.sig, &Generics::default()),
            Item::Type(it) => {
                format!("type {name}{} = {}{}", parameters(&it.generics), text(&it.ty), bounds(&it.generics))
            }
            Item::Macro(_) => format!("macro {name}!"),
            Item::Struct(it) => {
                self.fields(path, &it.fields, features);
                format!("struct {name}{}{}{}", parameters(&it.generics), shape(&it.fields), bounds(&it.generics))
            }
            Item::Union(it) => {
                let fields = Fields::Named(it.fields.clone());
                self.fields(path, &fields, features);
                format!("union {name}{}{}{}", parameters(&it.generics), shape(&fields), bounds(&it.generics))
            }
            Item::Enum(it) => {
                for variant in &it.variants {
                    self.variant(path, variant, features);
                }
                format!("enum {name}{}{}", parameters(&it.generics), bounds(&it.generics))
            }
            Item::Trait(it) => {
                for item in &it.items {
                    self.trait_item(path, item, features);
                }
                let above = if it.supertraits.is_empty() { "" } else { ": " };
                let above = format!("{above}{}", joined(&it.supertraits, " + "));
                format!("trait {name}{}{above}{}", parameters(&it.generics), bounds(&it.generics))
            }
            _ => return,
        };
        self.add(path, ITEM, features, marked(attributes(item), line));
        for (needed, traits) in derives(attributes(item)) {
            self.add(path, DERIVE, &(features | &needed), format!("derive({}) for {name}", traits.join(", ")));
        }
    }

    fn fields(&mut self, path: &[String], fields: &Fields, features: &Features) {
        for (place, field) in fields.iter().enumerate() {
            if let (Visibility::Public(_), Some(own)) = (&field.vis, features_of(&field.attrs)) {
                let name = field.ident.as_ref().map_or_else(|| place.to_string(), ToString::to_string);
                let path = [path, &[name]].concat();
                let line = format!("field {}: {}", path.join("::"), text(&field.ty));
                self.add(&path, ITEM, &(features | &own), line);
            }
        }
    }

    fn variant(&mut self, path: &[String], variant: &syn::Variant, features: &Features) {
        let Some(own) = features_of(&variant.attrs) else { return };
        let features = features | &own;
        // `thiserror` makes a `From` of it.
        for field in &variant.fields {
            if field.attrs.iter().any(|attribute| attribute.path().is_ident("from")) {
                let line = format!("impl From<{}> for {}", text(&field.ty), path.join("::"));
                self.add(path, IMPL, &features, line);
            }
        }
        let typed = |field: &syn::Field| match &field.ident {
            Some(name) => format!("{name}: {}", text(&field.ty)),
            None => text(&field.ty),
        };
        let fields = variant.fields.iter().map(typed).collect::<Vec<_>>().join(", ");
        let fields = match &variant.fields {
            Fields::Named(_) => format!(" {{ {fields} }}"),
            Fields::Unnamed(_) => format!("({fields})"),
            Fields::Unit => String::new(),
        };
        let value = variant.discriminant.as_ref().map(|(_, value)| format!(" = {}", text(value))).unwrap_or_default();
        let path = [path, &[variant.ident.to_string()]].concat();
        let line = format!("variant {}{fields}{value}", path.join("::"));
        self.add(&path, ITEM, &features, marked(&variant.attrs, line));
    }

    fn trait_item(&mut self, path: &[String], item: &TraitItem, features: &Features) {
        let (name, attributes) = match item {
            TraitItem::Const(it) => (&it.ident, &it.attrs),
            TraitItem::Fn(it) => (&it.sig.ident, &it.attrs),
            TraitItem::Type(it) => (&it.ident, &it.attrs),
            _ => return,
        };
        let Some(own) = features_of(attributes) else { return };
        let path = [path, &[name.to_string()]].concat();
        let name = path.join("::");
        let line = match item {
            TraitItem::Const(it) => {
                let default = if it.default.is_some() { " = .." } else { "" };
                format!("const {name}: {}{default}", text(&it.ty))
            }
            TraitItem::Fn(it) => {
                let default = if it.default.is_some() { " { .. }" } else { "" };
                function(&name, &it.sig, &Generics::default()) + default
            }
            TraitItem::Type(it) => {
                let above = if it.bounds.is_empty() { "" } else { ": " };
                let above = format!("{above}{}", joined(&it.bounds, " + "));
                format!("type {name}{}{above}{}", parameters(&it.generics), bounds(&it.generics))
            }
            _ => return,
        };
        self.add(&path, ITEM, &(features | &own), line);
    }

    /// An impl, which may stand in any module.
    fn block(&mut self, module: usize, block: &ItemImpl) {
        let needed = &self.tree.modules[module].features | &features_of(&block.attrs).unwrap_or_default();
        let own = self.home_of(module, head(&block.self_ty));
        let Some((_, of, _)) = &block.trait_ else {
            if let Local::Public(target, home) = own {
                let features = &needed | &self.features[&target];
                self.members(&home, block, &features);
            }
            return;
        };
        let (Local::Public(target, path), false) =
            (own.or(self.home_of(module, Some(of))), self.names_private(module, of))
        else {
            return;
        };
        let features = &needed | &self.features[&target];
        self.add(&path, IMPL, &features, self.headline(module, block, of));
    }

    fn members(&mut self, home: &[String], block: &ItemImpl, features: &Features) {
        let arguments = head(&block.self_ty).and_then(|path| path.segments.last()).map(|last| text(&last.arguments));
        let owner = format!("{}{}", home.join("::"), arguments.unwrap_or_default());
        for item in &block.items {
            let (name, line, visibility, attributes) = match item {
                ImplItem::Const(it) => {
                    let needed = after_where(&predicates(&block.generics));
                    let line = format!("const {owner}::{}: {}{needed}", it.ident, text(&it.ty));
                    (&it.ident, line, &it.vis, &it.attrs)
                }
                ImplItem::Fn(it) => {
                    let line = function(&format!("{owner}::{}", it.sig.ident), &it.sig, &block.generics);
                    (&it.sig.ident, line, &it.vis, &it.attrs)
                }
                _ => continue,
            };
            if let (Visibility::Public(_), Some(own)) = (visibility, features_of(attributes)) {
                let path = [home, &[name.to_string()]].concat();
                self.add(&path, ITEM, &(features | &own), line);
            }
        }
    }

    /// `impl<T> Trait<T> for path::Type<T> { type Item = T; } where T: Send`
    fn headline(&self, module: usize, block: &ItemImpl, of: &syn::Path) -> String {
        let mut own = (*block.self_ty).clone();
        if let Local::Public(_, home) = self.home_of(module, head(&own))
            && let Some(path) = head_mut(&mut own)
            && let Some(last) = path.segments.pop().map(syn::punctuated::Pair::into_value)
        {
            let segment = |name: &String| syn::PathSegment::from(Ident::new(name, Span::call_site()));
            path.segments = home.iter().map(segment).collect();
            if let Some(renamed) = path.segments.last_mut() {
                renamed.arguments = last.arguments;
            }
        }
        let types: Vec<_> = block
            .items
            .iter()
            .filter_map(|item| if let ImplItem::Type(it) = item { Some(it) } else { None })
            .map(|it| format!("type {}{} = {};", it.ident, parameters(&it.generics), text(&it.ty)))
            .collect();
        let types = if types.is_empty() { String::new() } else { format!(" {{ {} }}", types.join(" ")) };
        let generics = parameters(&block.generics);
        let predicates = bounds(&block.generics);
        let of = of.segments.last().map(text).unwrap_or_default();
        format!("impl{generics} {of} for {}{types}{predicates}", text(&own))
    }

    fn home_of(&self, module: usize, path: Option<&syn::Path>) -> Local {
        let Some(path) = path.filter(|path| path.leading_colon.is_none()) else { return Local::Foreign };
        let names: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let mut local = Local::Foreign;
        for target in self.tree.resolve(module, &names) {
            if let Some(home) = self.homes.get(&target).filter(|_| matches!(target, Target::Item(..))) {
                return Local::Public(target, home.clone());
            }
            if !matches!(target, Target::Foreign(_)) {
                local = Local::Private;
            }
        }
        local
    }

    /// Whether a trait's arguments name something of ours that cannot be reached.
    fn names_private(&self, module: usize, of: &syn::Path) -> bool {
        struct Paths(Vec<syn::Path>);
        impl<'ast> Visit<'ast> for Paths {
            fn visit_path(&mut self, path: &'ast syn::Path) {
                self.0.push(path.clone());
                visit::visit_path(self, path);
            }
        }
        let mut paths = Paths(Vec::new());
        paths.visit_path(of);
        paths.0.iter().any(|path| self.home_of(module, Some(path)) == Local::Private)
    }
}

/// Whose a named thing is.
#[derive(PartialEq)]
enum Local {
    Public(Target, Vec<String>),
    Private,
    Foreign,
}

impl Local {
    /// An impl for what is foreign is found at its trait.
    fn or(self, other: Local) -> Local {
        if self == Local::Foreign { other } else { self }
    }
}

/// The path in `Type`, `&Type`, `(Type)`.
fn head(of: &Type) -> Option<&syn::Path> {
    match of {
        Type::Path(it) if it.qself.is_none() => Some(&it.path),
        Type::Reference(it) => head(&it.elem),
        Type::Paren(it) => head(&it.elem),
        Type::Group(it) => head(&it.elem),
        _ => None,
    }
}

fn head_mut(of: &mut Type) -> Option<&mut syn::Path> {
    match of {
        Type::Path(it) => Some(&mut it.path),
        Type::Reference(it) => head_mut(&mut it.elem),
        Type::Paren(it) => head_mut(&mut it.elem),
        Type::Group(it) => head_mut(&mut it.elem),
        _ => None,
    }
}

/// A signature under its whole path; `around` is what the impl around it asks for.
fn function(name: &str, signature: &Signature, around: &Generics) -> String {
    let words = [
        signature.constness.map(|word| text(&word)),
        signature.asyncness.map(|word| text(&word)),
        signature.unsafety.map(|word| text(&word)),
        signature.abi.as_ref().map(text),
    ];
    let words: String = words.into_iter().flatten().map(|word| word + " ").collect();
    let inputs: Vec<_> = signature.inputs.iter().map(input).collect();
    let output = text(&signature.output);
    let output = if output.is_empty() { output } else { format!(" {output}") };
    let mut needed = predicates(around);
    needed.extend(where_clause(&signature.generics));
    let needed = after_where(&needed);
    format!("{words}fn {name}{}({}){output}{needed}", parameters(&signature.generics), inputs.join(", "))
}

/// An argument without what is the body's own affair.
fn input(input: &FnArg) -> String {
    let mut input = input.clone();
    match &mut input {
        FnArg::Receiver(it) => {
            it.attrs.clear();
            if it.reference.is_none() {
                it.mutability = None;
            }
        }
        FnArg::Typed(it) => {
            it.attrs.clear();
            match &mut *it.pat {
                Pat::Ident(name) => (name.mutability, name.by_ref) = (None, None),
                other => *other = syn::parse_quote!(_),
            }
        }
    }
    text(&input)
}

/// `<T: Copy, const N: usize>`, or nothing.
fn parameters(generics: &Generics) -> String {
    if generics.params.is_empty() { String::new() } else { format!("<{}>", joined(&generics.params, ", ")) }
}

/// The where clause, or nothing.
fn bounds(generics: &Generics) -> String {
    after_where(&where_clause(generics))
}

fn after_where(predicates: &[String]) -> String {
    if predicates.is_empty() { String::new() } else { format!(" where {}", predicates.join(", ")) }
}

fn where_clause(generics: &Generics) -> Vec<String> {
    generics.where_clause.iter().flat_map(|clause| &clause.predicates).map(text).collect()
}

/// What an impl asks of its parameters, in their list or after `where`.
fn predicates(generics: &Generics) -> Vec<String> {
    let listed = generics.params.iter().filter_map(|parameter| match parameter {
        GenericParam::Type(it) if !it.bounds.is_empty() => Some(format!("{}: {}", it.ident, joined(&it.bounds, " + "))),
        GenericParam::Lifetime(it) if !it.bounds.is_empty() => {
            Some(format!("{}: {}", text(&it.lifetime), joined(&it.bounds, " + ")))
        }
        _ => None,
    });
    listed.chain(where_clause(generics)).collect()
}

/// How a struct ends: `..` stands for fields that are not public.
fn shape(fields: &Fields) -> &'static str {
    let is_open = fields.iter().all(|field| matches!(field.vis, Visibility::Public(_)));
    match (fields, is_open) {
        (Fields::Unit, _) => ";",
        (Fields::Named(_), true) => " {}",
        (Fields::Named(_), false) => " { .. }",
        (Fields::Unnamed(_), true) => "()",
        (Fields::Unnamed(_), false) => "(..)",
    }
}

fn marked(attributes: &[Attribute], line: String) -> String {
    let is_open = attributes.iter().any(|attribute| attribute.path().is_ident("non_exhaustive"));
    if is_open { format!("#[non_exhaustive] {line}") } else { line }
}

/// The derived traits by the features they need, in order.
fn derives(attributes: &[Attribute]) -> BTreeMap<Features, Vec<String>> {
    let mut derives: BTreeMap<Features, Vec<String>> = BTreeMap::new();
    let mut add = |features: Features, list: &Meta| {
        if let Meta::List(list) = list
            && list.path.is_ident("derive")
        {
            let names = nested(list).into_iter().filter_map(|of| Some(of.path().segments.last()?.ident.to_string()));
            derives.entry(features).or_default().extend(names);
        }
    };
    for attribute in attributes {
        match &attribute.meta {
            Meta::List(list) if list.path.is_ident("cfg_attr") => {
                if let Some((condition, then)) = nested(list).split_first()
                    && let Some(features) = features_for(std::slice::from_ref(condition))
                {
                    for meta in then {
                        add(features.clone(), meta);
                    }
                }
            }
            meta => add(Features::new(), meta),
        }
    }
    for names in derives.values_mut() {
        names.sort();
    }
    derives
}
