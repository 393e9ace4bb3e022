//! What can be reached from outside, and on which paths.

use crate::resolve::{Import, Target, imports, name_of};
use crate::tree::{Crate, Features, attributes, features_of};
use std::collections::{BTreeMap, BTreeSet};
use syn::{Item, Visibility};

/// One public path.
pub(crate) struct Reached {
    pub(crate) path: Vec<String>,
    pub(crate) target: Target,
    pub(crate) features: Features,
}

/// The paths under which things are listed; other paths to them are aliases.
pub(crate) type Homes = BTreeMap<Target, Vec<String>>;

impl Crate {
    /// All public paths of the crate.
    pub(crate) fn reached(&self) -> Vec<Reached> {
        let mut walk = Walk { tree: self, reached: Vec::new(), open: Vec::new() };
        walk.reach(Target::Module(0), self.modules[0].path.clone(), Features::new());
        walk.reached
    }

    /// For each thing the path on which most of its own modules are public; among equals the shortest.
    pub(crate) fn homes(&self, reached: &[Reached]) -> Homes {
        let mut homes = Homes::new();
        for Reached { path, target, .. } in reached {
            let own = match target {
                Target::Module(module) | Target::Item(module, _) | Target::Variant(module, ..) => {
                    &self.modules[*module].path[..]
                }
                Target::Foreign(_) => &[],
            };
            let cost = |path: &[String]| (own.len() - shared(own, path), path.len(), path.to_vec());
            let home = homes.entry(target.clone()).or_insert_with(|| path.clone());
            if cost(path) < cost(home) {
                home.clone_from(path);
            }
        }
        // A variant lives in its enum, however it is re-exported.
        for Reached { target, .. } in reached {
            if let Target::Variant(module, place, name) = target
                && let Some(parent) = homes.get(&Target::Item(*module, *place))
            {
                let path = [&parent[..], std::slice::from_ref(name)].concat();
                homes.insert(target.clone(), path);
            }
        }
        homes
    }
}

struct Walk<'a> {
    tree: &'a Crate,
    reached: Vec<Reached>,
    /// The modules that are being walked, so that a circle comes to an end.
    open: Vec<usize>,
}

impl Walk<'_> {
    fn reach(&mut self, target: Target, path: Vec<String>, features: Features) {
        if let Target::Module(module) = target {
            self.reached.push(Reached { path: path.clone(), target, features: features.clone() });
            self.walk(module, &path, &features, &BTreeSet::new());
        } else {
            self.reached.push(Reached { path, target, features });
        }
    }

    /// Reaches what is public in a module, as if it stood at `path`; a glob does not bring in the names `taken` there.
    fn walk(&mut self, module: usize, path: &[String], features: &Features, taken: &BTreeSet<String>) {
        if self.open.contains(&module) {
            return;
        }
        self.open.push(module);
        let tree = self.tree;
        let here = &tree.modules[module];
        let features = features | &here.features;
        let at = |name: &str| [path, &[name.to_owned()]].concat();
        let names: BTreeSet<_> = here
            .items
            .iter()
            .flat_map(|item| name_of(item).into_iter().chain(imports(item).into_iter().map(|import| import.name)))
            .chain(here.children.keys().cloned())
            .chain(taken.iter().cloned())
            .collect();
        for (place, item) in here.items.iter().enumerate().filter(|(_, item)| is_public(item)) {
            let features = &features | &features_of(attributes(item)).unwrap_or_default();
            for import in imports(item) {
                if !taken.contains(&import.name) {
                    self.import(module, &import, path, &features, &names);
                }
            }
            match item {
                Item::Mod(it) if !taken.contains(&it.ident.to_string()) => {
                    let name = it.ident.to_string();
                    self.reach(Target::Module(here.children[&name]), at(&name), features);
                }
                Item::Macro(it) => {
                    // Exported macros live at the root, wherever they stand.
                    let name = it.ident.as_ref().map(ToString::to_string).unwrap_or_default();
                    let root = tree.modules[0].path[0].clone();
                    self.reach(Target::Item(module, place), vec![root, name], features);
                }
                _ => {
                    if let Some(name) = name_of(item).filter(|name| !taken.contains(name)) {
                        self.reach(Target::Item(module, place), at(&name), features);
                    }
                }
            }
        }
        self.open.pop();
    }

    fn import(
        &mut self,
        module: usize,
        import: &Import,
        path: &[String],
        features: &Features,
        names: &BTreeSet<String>,
    ) {
        let Import { path: from, name } = import;
        let targets = self.tree.resolve(module, from);
        assert!(!targets.is_empty(), "`pub use {}` leads nowhere that this test can see", from.join("::"));
        let at = |name: &str| [path, &[name.to_owned()]].concat();
        for target in targets {
            if name != "*" {
                self.reach(target, at(name), features.clone());
                continue;
            }
            match target {
                Target::Module(other) => self.walk(other, path, features, names),
                Target::Item(other, place) => {
                    for variant in self.tree.variants(other, place) {
                        let target = Target::Variant(other, place, variant.clone());
                        self.reach(target, at(&variant), features.clone());
                    }
                }
                Target::Foreign(mut foreign) => {
                    foreign.push("*".to_owned());
                    self.reach(Target::Foreign(foreign), at("*"), features.clone());
                }
                Target::Variant(..) => {}
            }
        }
    }
}

/// How many of the modules that a thing stands in are on the path to it, in order.
fn shared(own: &[String], path: &[String]) -> usize {
    let mut left = path;
    let is_on_path = |module: &&String| match left.iter().position(|name| name == *module) {
        Some(at) => {
            left = &left[at + 1..];
            true
        }
        None => false,
    };
    own.iter().filter(is_on_path).count()
}

fn is_public(item: &Item) -> bool {
    let visibility = match item {
        Item::Const(it) => &it.vis,
        Item::Enum(it) => &it.vis,
        Item::Fn(it) => &it.vis,
        Item::Mod(it) => &it.vis,
        Item::Static(it) => &it.vis,
        Item::Struct(it) => &it.vis,
        Item::Trait(it) => &it.vis,
        Item::Type(it) => &it.vis,
        Item::Union(it) => &it.vis,
        Item::Use(it) => &it.vis,
        Item::Macro(it) => return it.attrs.iter().any(|attribute| attribute.path().is_ident("macro_export")),
        _ => return false,
    };
    matches!(visibility, Visibility::Public(_))
}
