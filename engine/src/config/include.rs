//! `config_files`: further files, put into the tree of the main one.

use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::diagnostic::{Diagnostic, Invalid};
use super::{document, read_source};
use crate::diagnostic::{Place, Source};
use crate::yaml::{Kind, Node};

/// The key that names further files.
const KEY: &str = "config_files";

/// What becomes of a key that is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Strategy {
    /// Lists grow, everything else is replaced.
    #[default]
    Append,
    /// It is replaced.
    Override,
    /// It stays.
    AddOnly,
}

/// Strategies by their names.
pub(super) const STRATEGIES: [(&str, Strategy); 3] = [
    ("append", Strategy::Append),
    ("override", Strategy::Override),
    ("add-only", Strategy::AddOnly),
];

/// What was read beside the main file.
#[derive(Debug, Default)]
pub(super) struct Included {
    pub(super) files: Vec<PathBuf>,
    /// All that was named, be it there or not.
    pub(super) named: Vec<PathBuf>,
}

/// One item of the list.
struct Item {
    path: PathBuf,
    strategy: Strategy,
    place: Place,
}

/// Reads the files that `root` names and merges them into it, in order. What
/// is wrong with any of them is in the result.
pub(super) fn include(
    main: &Path,
    root: &mut Rc<Node>,
    sources: &mut Vec<Source>,
) -> Result<Included, Invalid> {
    let mut included = Included::default();
    let Some(list) = root.get(KEY).filter(|list| !list.is_null()).cloned() else {
        return Ok(included);
    };
    let Kind::Sequence(nodes) = &list.kind else {
        return Err(wrong(
            sources,
            list.place,
            "must be a list of paths or maps",
        ));
    };
    let items: Result<Vec<_>, _> = nodes.iter().map(|node| item(node, sources)).collect();
    for item in items? {
        let main_file = fs::canonicalize(main).ok();
        included.named.push(item.path.clone());
        for path in files_of(&item, sources)? {
            if main_file.is_some() && fs::canonicalize(&path).ok() == main_file {
                let message = format!("`{}` is the main file", path.display());
                return Err(wrong(sources, item.place, &message));
            }
            let source = read_source(&path)?;
            let tree = document::parse(&source, sources.len())?;
            sources.push(source);
            included.files.push(path);
            merge(root, &tree, item.strategy, sources)?;
        }
    }
    Ok(included)
}

fn wrong(sources: &[Source], place: Place, message: &str) -> Invalid {
    let origin = sources[place.file].origin(place.span);
    Invalid(vec![Diagnostic::error(origin, format!("{KEY}: {message}"))])
}

fn item(node: &Node, sources: &[Source]) -> Result<Item, Invalid> {
    const FORM: &str = "an item must be a path or a map with `path` and `strategy`";
    let place = node.place;
    let error = |message: &str| wrong(sources, place, message);
    let Kind::Map(pairs) = &node.kind else {
        let path = expanded(node).ok_or_else(|| error(FORM))?;
        return Ok(Item {
            path,
            strategy: Strategy::default(),
            place,
        });
    };
    if let Some((key, _)) = pairs
        .iter()
        .find(|(key, _)| !matches!(key.text(), Some("path" | "strategy")))
    {
        return Err(wrong(sources, key.place, FORM));
    }
    let strategy = match node.get("strategy") {
        None => Strategy::default(),
        Some(name) => {
            let known = STRATEGIES
                .iter()
                .find(|(known, _)| name.text() == Some(known));
            let Some((_, strategy)) = known else {
                let names = STRATEGIES.map(|(name, _)| name).join(", ");
                let message = format!("strategy must be one of {names}, not `{name}`");
                return Err(wrong(sources, name.place, &message));
            };
            *strategy
        }
    };
    let path = node.get("path").and_then(expanded);
    Ok(Item {
        path: path.ok_or_else(|| error("an item needs a `path`"))?,
        strategy,
        place,
    })
}

/// A path; what the environment says is put in early, since the tree is
/// expanded when all files are in it.
fn expanded(node: &Node) -> Option<PathBuf> {
    node.scalar()?;
    let mut node = Rc::new(node.clone());
    super::expand::expand(&mut node, &|name| std::env::var(name).ok());
    node.text().map(PathBuf::from)
}

/// The files that an item stands for: itself, or those in it by name. None, if
/// there is nothing of this name.
fn files_of(item: &Item, sources: &[Source]) -> Result<Vec<PathBuf>, Invalid> {
    let path = &item.path;
    if path.is_file() {
        return Ok(vec![path.clone()]);
    }
    if !path.is_dir() {
        return Ok(Vec::new());
    }
    let cannot = |error: std::io::Error| {
        let message = format!("cannot read the directory `{}`: {error}", path.display());
        wrong(sources, item.place, &message)
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(cannot)? {
        let file = entry.map_err(cannot)?.path();
        if file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn merge(
    root: &mut Rc<Node>,
    tree: &Node,
    strategy: Strategy,
    sources: &[Source],
) -> Result<(), Invalid> {
    if tree.is_null() {
        return Ok(());
    }
    let Kind::Map(pairs) = &tree.kind else {
        return Err(wrong(sources, tree.place, "the file must be a map of keys"));
    };
    if root.is_null() {
        Rc::make_mut(root).kind = Kind::Map(Vec::new());
    }
    let Kind::Map(known) = &mut Rc::make_mut(root).kind else {
        // The main file is no map, which is reported when it is read.
        return Ok(());
    };
    for (key, value) in pairs {
        if key.text() == Some(KEY) {
            let message = "an included file cannot include others";
            return Err(wrong(sources, key.place, message));
        }
        let at = known.iter().position(|(k, _)| k.text() == key.text());
        let Some((_, old)) = at.and_then(|at| known.get_mut(at)) else {
            known.push((Rc::clone(key), Rc::clone(value)));
            continue;
        };
        match strategy {
            Strategy::AddOnly => {}
            Strategy::Override => *old = Rc::clone(value),
            Strategy::Append => match (&mut Rc::make_mut(old).kind, &value.kind) {
                (Kind::Sequence(items), Kind::Sequence(more)) => {
                    items.extend(more.iter().cloned());
                }
                _ => *old = Rc::clone(value),
            },
        }
    }
    Ok(())
}
