//! Lists of lists, resolved.

use super::diagnostic::Code;
use super::model::{Library, List};
use super::report::Report;
use crate::filter::ast::Literal;
use crate::filter::compile::Lists;
use crate::filter::parser;

/// Most items of a list with those of the lists in it.
const MAX_ITEMS: usize = 1 << 20;
/// Most levels of lists in lists.
const MAX_LEVELS: usize = 100;

/// The constants of every list. An item that names another list stands for
/// its items; a list's own name in it is an ordinary text.
pub fn expand(library: &Library, report: &mut Report) -> Lists {
    let mut expander = Expander {
        library,
        lists: Lists::default(),
        open: Vec::new(),
    };
    for list in library.lists.iter() {
        expander.list(list, report);
    }
    expander.lists
}

struct Expander<'a> {
    library: &'a Library,
    lists: Lists,
    /// Lists that are being expanded.
    open: Vec<&'a str>,
}

impl<'a> Expander<'a> {
    fn list(&mut self, list: &'a List, report: &mut Report) {
        if self.lists.contains_key(list.name.as_bytes()) {
            return;
        }
        self.open.push(&list.name);
        let mut literals: Vec<Literal> = Vec::with_capacity(list.items.len());
        let name = Some(("list", list.name.as_str()));
        for item in &list.items {
            let inner = self.library.lists.get(&item.text);
            let inner = inner.filter(|inner| !self.open.contains(&inner.name.as_str()));
            let Some(inner) = inner else {
                match parser::parse_item(&item.text) {
                    Ok(literal) => literals.push(literal),
                    Err(error) => {
                        let source = report.source(item.place().file);
                        let place = item.locate(error.span, source);
                        report.add(Code::Validate, place, name, error.to_string());
                    }
                }
                continue;
            };
            if self.open.len() < MAX_LEVELS {
                self.list(inner, report);
            } else {
                let message = format!("lists are nested more than {MAX_LEVELS} levels deep");
                report.add(Code::Validate, item.place(), name, message);
            }
            let items = self.lists.get(inner.name.as_bytes());
            let items = items.map_or(&[][..], Vec::as_slice);
            if literals.len() + items.len() > MAX_ITEMS {
                let message = format!("list has more than {MAX_ITEMS} items");
                report.add(Code::Validate, item.place(), name, message);
                break;
            }
            literals.extend_from_slice(items);
        }
        self.open.pop();
        // An item is a constant now, whatever lists are called.
        for literal in &mut literals {
            literal.quoted = true;
        }
        self.lists.insert(list.name.clone().into_bytes(), literals);
    }
}
