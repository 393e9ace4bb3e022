//! What a name means in a module: names are followed through imports, groups, globs and renames.

use crate::tree::Crate;
use syn::{Item, UseTree};

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    Module(usize),
    /// A module and the item's place in it.
    Item(usize, usize),
    Variant(usize, usize, String),
    /// Something of another crate (or a generic parameter, or what a macro made).
    Foreign(Vec<String>),
}

/// One name that a `use` brings in; `*` for a glob.
#[derive(Debug)]
pub(crate) struct Import {
    pub(crate) path: Vec<String>,
    pub(crate) name: String,
}

/// Names that are being looked up, so that imports in a circle come to an end.
type Open = Vec<(usize, String)>;

impl Crate {
    /// All that a path means in a module; a name can be several things in several namespaces.
    pub(crate) fn resolve(&self, module: usize, path: &[String]) -> Vec<Target> {
        self.follow(module, path, &mut Open::new())
    }

    fn follow(&self, module: usize, path: &[String], open: &mut Open) -> Vec<Target> {
        let Some((first, rest)) = path.split_first() else { return Vec::new() };
        let mut targets = match first.as_str() {
            "crate" => vec![Target::Module(0)],
            "self" => vec![Target::Module(module)],
            "super" => vec![Target::Module(self.modules[module].parent)],
            name => self.look_up(module, name, open),
        };
        if targets.is_empty() {
            return vec![Target::Foreign(path.to_vec())];
        }
        for name in rest {
            targets = targets.into_iter().flat_map(|target| self.step(target, name, open)).collect();
        }
        targets.sort();
        targets.dedup();
        targets
    }

    fn step(&self, target: Target, name: &str, open: &mut Open) -> Vec<Target> {
        match target {
            Target::Module(module) if name == "super" => vec![Target::Module(self.modules[module].parent)],
            Target::Module(module) => self.look_up(module, name, open),
            Target::Item(module, place) => {
                let known = self.variants(module, place).into_iter().filter(|variant| variant == name);
                known.map(|name| Target::Variant(module, place, name)).collect()
            }
            Target::Variant(..) => Vec::new(),
            Target::Foreign(mut path) => {
                path.push(name.to_owned());
                vec![Target::Foreign(path)]
            }
        }
    }

    fn look_up(&self, module: usize, name: &str, open: &mut Open) -> Vec<Target> {
        let here = &self.modules[module];
        let mut found: Vec<_> = here.children.get(name).map(|&child| Target::Module(child)).into_iter().collect();
        let named = here.items.iter().enumerate().filter(|(_, item)| name_of(item).as_deref() == Some(name));
        found.extend(named.map(|(place, _)| Target::Item(module, place)));
        let this = (module, name.to_owned());
        if open.contains(&this) {
            return found;
        }
        open.push(this);
        let imports: Vec<_> = here.items.iter().flat_map(imports).collect();
        for import in imports.iter().filter(|import| import.name == name) {
            found.extend(self.follow(module, &import.path, open));
        }
        if found.is_empty() {
            for import in imports.iter().filter(|import| import.name == "*") {
                for target in self.follow(module, &import.path, open) {
                    // What a foreign glob brings in is not known here.
                    if !matches!(target, Target::Foreign(_)) {
                        found.extend(self.step(target, name, open));
                    }
                }
            }
        }
        open.pop();
        found
    }

    /// The names of an enum's variants; none of other items.
    pub(crate) fn variants(&self, module: usize, place: usize) -> Vec<String> {
        match &self.modules[module].items[place] {
            Item::Enum(it) => it.variants.iter().map(|variant| variant.ident.to_string()).collect(),
            _ => Vec::new(),
        }
    }
}

/// The name that an item is found by in its module; modules are found as such.
pub(crate) fn name_of(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(it) => &it.ident,
        Item::Enum(it) => &it.ident,
        Item::Fn(it) => &it.sig.ident,
        Item::Static(it) => &it.ident,
        Item::Struct(it) => &it.ident,
        Item::Trait(it) => &it.ident,
        Item::Type(it) => &it.ident,
        Item::Union(it) => &it.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

/// The names that an item brings in, when it is a `use`.
pub(crate) fn imports(item: &Item) -> Vec<Import> {
    let mut imports = Vec::new();
    if let Item::Use(it) = item {
        flatten(&it.tree, &mut Vec::new(), &mut imports);
    }
    imports
}

fn flatten(tree: &UseTree, path: &mut Vec<String>, imports: &mut Vec<Import>) {
    let (ident, name) = match tree {
        UseTree::Path(step) => {
            path.push(step.ident.to_string());
            flatten(&step.tree, path, imports);
            path.pop();
            return;
        }
        UseTree::Group(group) => return group.items.iter().for_each(|tree| flatten(tree, path, imports)),
        UseTree::Glob(_) => return imports.push(Import { path: path.clone(), name: "*".to_owned() }),
        UseTree::Name(leaf) => (&leaf.ident, &leaf.ident),
        UseTree::Rename(leaf) => (&leaf.ident, &leaf.rename),
    };
    let mut whole = path.clone();
    if ident != "self" || path.is_empty() {
        whole.push(ident.to_string());
    }
    // `use a::b::{self}` brings in `b`.
    let name = if name == "self" { whole.last().cloned().unwrap_or_default() } else { name.to_string() };
    imports.push(Import { path: whole, name });
}
