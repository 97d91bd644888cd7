//! The one table of fields: it is complete, what is written of it is up to date.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use falco_engine::app::listing::{Format, fields};
use falco_engine::filter::field::{ArgKind, Cardinality, Field, FieldType};
use falco_engine::filter::fields::FIELDS;
use falco_engine::filter::table::FieldTable;
use falco_engine::filter::template::Template;

/// The reference, beside the repository or where `FALCO_REFERENCE` says.
fn reference() -> Option<String> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/reference");
    let folder = std::env::var_os("FALCO_REFERENCE").map_or_else(|| beside.into(), PathBuf::from);
    let path = folder.join("fields.tsv");
    let text = std::fs::read_to_string(&path);
    if text.is_err() {
        println!("skipped: there is no {}", path.display());
    }
    text.ok()
}

/// Fields that Falco does not have: docs/differences.md.
const OWN: [&str; 1] = ["proc.is_guessed"];

/// Fields of another plugin, and names that stand for an argument of a field.
fn is_elsewhere(name: &str, class: &str) -> bool {
    class.contains("instance of") || name.starts_with("static.")
}

fn has_type(field: &Field, theirs: &str) -> bool {
    let name = theirs.split('(').next().unwrap_or(theirs);
    match field.ty {
        FieldType::Bool => name == "bool",
        FieldType::Int => name.starts_with("int"),
        FieldType::Uint => name.starts_with("uint"),
        FieldType::Double => name == "double",
        FieldType::AbsTime => name == "abstime",
        FieldType::RelTime => name == "reltime",
        FieldType::Port => name == "port",
        FieldType::Text | FieldType::Path | FieldType::Host => name == "string",
        FieldType::Bytes => name == "bytebuf",
        FieldType::Ip => name == "ipaddr",
        FieldType::Net => name == "ipnet",
        FieldType::Dynamic => name == "dynamic",
    }
}

fn has_argument(field: &Field, theirs: &str) -> bool {
    let expected = match field.arg {
        ArgKind::None => "none",
        ArgKind::OptionalIndex => "optional index ",
        ArgKind::OptionalKey => "optional",
        ArgKind::OptionalIndexOrKey => "optional index or name",
        ArgKind::OptionalDotted => "optional suffix",
        ArgKind::Key | ArgKind::IndexOrKey | ArgKind::Dotted | ArgKind::IndexOrDotted => "required",
    };
    let both = theirs.contains("index or ") || theirs.contains("or index");
    let takes_both = matches!(
        field.arg,
        ArgKind::OptionalIndexOrKey | ArgKind::IndexOrKey | ArgKind::IndexOrDotted
    );
    theirs.starts_with(expected)
        && both == takes_both
        && theirs.contains(".") == field.arg.is_dotted()
}

#[test]
fn it_has_every_field_of_the_reference() {
    let Some(reference) = reference() else {
        return;
    };
    let own: BTreeMap<&str, &Field> = FIELDS.iter().map(|field| (field.name, field)).collect();
    let table = FieldTable::new(FIELDS);
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for line in reference.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [name, ty, arg, is_list, _, _, class, ..] = columns[..] else {
            panic!("{line}");
        };
        let flags = columns.get(7).copied().unwrap_or_default();
        if is_elsewhere(name, class) {
            continue;
        }
        seen.insert(name);
        let Some(field) = own.get(name) else {
            wrong.push(format!("{name} is missing"));
            continue;
        };
        if !has_type(field, ty) {
            wrong.push(format!("{name} is {ty} there, {:?} here", field.ty));
        }
        if !has_argument(field, arg) {
            wrong.push(format!("{name} has `{arg}` there, {:?} here", field.arg));
        }
        let shown = match field.arg {
            ArgKind::Key => format!("%{name}[1]"),
            _ => format!("%{name}"),
        };
        // Of a network outputs say that it is one.
        if flags.split(',').any(|flag| flag == "filter-only")
            && field.ty != FieldType::Net
            && Template::compile(&shown, &table).is_ok()
        {
            wrong.push(format!("{name} is for conditions alone there"));
        }
        if (field.cardinality == Cardinality::List) != (is_list == "yes") {
            wrong.push(format!("{name} is a list there: {is_list}"));
        }
    }
    wrong.extend(
        own.keys()
            .filter(|name| !seen.contains(*name) && !OWN.contains(name))
            .map(|name| format!("{name} is not in the reference")),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_row_is_whole() {
    let mut names = BTreeSet::new();
    for field in FIELDS {
        assert!(names.insert(field.name), "{} is there twice", field.name);
        assert!(
            !field.about.is_empty() && !field.since.is_empty(),
            "{}",
            field.name
        );
        let valueless = field.about.contains("no value");
        assert_eq!(field.example.is_empty(), valueless, "{}", field.name);
    }
}

const HEAD: &str = "# Fields\n\n\
    What conditions and outputs can name. Made from the table of fields\n\
    (`engine/src/filter/fields.rs`): `UPDATE_DOCS=1 cargo test -p falco-engine --test state_table`\n\
    writes it again.\n\n";

#[test]
fn the_documentation_is_up_to_date() {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/fields.md"));
    let expected = format!("{HEAD}{}", fields(Format::Markdown, false));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &expected).unwrap();
    }
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let differs = text.lines().zip(expected.lines()).find(|(a, b)| a != b);
    assert!(
        text == expected,
        "{} is not what the table says: {differs:?}",
        path.display()
    );
}
