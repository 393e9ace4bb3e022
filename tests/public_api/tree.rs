//! The modules of a crate with their items, as far as they are in a build that users make.

use std::collections::{BTreeMap, BTreeSet};
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Item, Lit, Meta, Token};

/// All modules; the first is the root.
pub(crate) struct Crate {
    pub(crate) modules: Vec<Module>,
}

pub(crate) struct Module {
    /// From the crate's name.
    pub(crate) path: Vec<String>,
    pub(crate) parent: usize,
    pub(crate) children: BTreeMap<String, usize>,
    pub(crate) items: Vec<Item>,
    /// Those it needs, with those of the modules around it.
    pub(crate) features: Features,
}

/// Features that something needs to be there.
pub(crate) type Features = BTreeSet<String>;

impl Crate {
    /// Reads `lib.rs` and the files of its modules, by their names below `src/`.
    pub(crate) fn read(name: &str, read: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut tree = Crate { modules: Vec::new() };
        let items = parse("lib", read);
        tree.add(vec![name.to_owned()], 0, Features::new(), items, read);
        tree
    }

    fn add(
        &mut self,
        path: Vec<String>,
        parent: usize,
        features: Features,
        items: Vec<Item>,
        read: &dyn Fn(&str) -> Option<String>,
    ) -> usize {
        let id = self.modules.len();
        let items: Vec<_> = items.into_iter().filter(|item| features_of(attributes(item)).is_some()).collect();
        let inner: Vec<_> =
            items.iter().filter_map(|item| if let Item::Mod(it) = item { Some(it.clone()) } else { None }).collect();
        self.modules.push(Module { path, parent, children: BTreeMap::new(), items, features });
        for module in inner {
            let name = module.ident.to_string();
            let Module { path, features, .. } = &self.modules[id];
            let path = [&path[..], std::slice::from_ref(&name)].concat();
            let features = features | &features_of(&module.attrs).unwrap_or_default();
            let items = match module.content {
                Some((_, items)) => items,
                None => parse(&path[1..].join("/"), read),
            };
            let child = self.add(path, id, features, items, read);
            self.modules[id].children.insert(name, child);
        }
        id
    }
}

/// The items of a module below `src/`: `table` is in `table.rs` or in `table/mod.rs`.
fn parse(module: &str, read: &dyn Fn(&str) -> Option<String>) -> Vec<Item> {
    let text = read(&format!("{module}.rs")).or_else(|| read(&format!("{module}/mod.rs")));
    let text = text.unwrap_or_else(|| panic!("src/{module} has no file"));
    let items = syn::parse_file(&text).unwrap_or_else(|error| panic!("src/{module} does not parse: {error}")).items;
    items.into_iter().flat_map(|item| projected(item, module)).collect()
}

/// What `pin_project!` is given is what it gives back, and some that nobody can name.
fn projected(item: Item, module: &str) -> Vec<Item> {
    match item {
        Item::Macro(it) if it.mac.path.is_ident("pin_project") => {
            let inside = it.mac.parse_body::<syn::File>();
            inside.unwrap_or_else(|error| panic!("a projection in src/{module} does not parse: {error}")).items
        }
        item => vec![item],
    }
}

pub(crate) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(it) => &it.attrs,
        Item::Enum(it) => &it.attrs,
        Item::ExternCrate(it) => &it.attrs,
        Item::Fn(it) => &it.attrs,
        Item::Impl(it) => &it.attrs,
        Item::Macro(it) => &it.attrs,
        Item::Mod(it) => &it.attrs,
        Item::Static(it) => &it.attrs,
        Item::Struct(it) => &it.attrs,
        Item::Trait(it) => &it.attrs,
        Item::Type(it) => &it.attrs,
        Item::Union(it) => &it.attrs,
        Item::Use(it) => &it.attrs,
        _ => &[],
    }
}

/// The features that these attributes ask for; nothing when no user's build has what carries them.
pub(crate) fn features_of(attributes: &[Attribute]) -> Option<Features> {
    let conditions = attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    let conditions: Vec<Meta> = conditions.filter_map(|attribute| attribute.parse_args().ok()).collect();
    features_for(&conditions)
}

/// The features that make all these conditions true; nothing when none do.
pub(crate) fn features_for(conditions: &[Meta]) -> Option<Features> {
    if conditions.iter().all(|condition| is_true(condition, false)) {
        return Some(Features::new());
    }
    let mut features = Features::new();
    for condition in conditions {
        collect_features(condition, &mut features);
    }
    conditions.iter().all(|condition| is_true(condition, true)).then_some(features)
}

fn is_true(condition: &Meta, has_features: bool) -> bool {
    match condition {
        Meta::Path(name) => !["test", "doctest", "contraflow_loom"].iter().any(|cfg| name.is_ident(cfg)),
        Meta::NameValue(pair) => has_features || !pair.path.is_ident("feature"),
        Meta::List(list) => {
            let inner = nested(list);
            let mut values = inner.iter().map(|condition| is_true(condition, has_features));
            if list.path.is_ident("not") {
                values.all(|value| !value)
            } else if list.path.is_ident("any") {
                values.any(|value| value)
            } else {
                values.all(|value| value)
            }
        }
    }
}

fn collect_features(condition: &Meta, features: &mut Features) {
    match condition {
        Meta::Path(_) => {}
        Meta::NameValue(pair) => {
            if let (true, Expr::Lit(ExprLit { lit: Lit::Str(name), .. })) = (pair.path.is_ident("feature"), &pair.value)
            {
                features.insert(name.value());
            }
        }
        Meta::List(list) => nested(list).iter().for_each(|condition| collect_features(condition, features)),
    }
}

/// What stands between the brackets of `all(..)`, `derive(..)` and the like.
pub(crate) fn nested(list: &syn::MetaList) -> Vec<Meta> {
    let parsed = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
    parsed.map(|metas| metas.into_iter().collect()).unwrap_or_default()
}
