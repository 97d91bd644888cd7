//! From the names in `rules_files` and `-r` to the files they stand for.

use std::io;
use std::path::{Path, PathBuf};

use super::diagnostic::{Diagnostic, Invalid};
use super::schema::Text;
pub use crate::rules::files::expand as expand_path;

/// The files of `rules_files` in the order in which they are loaded.
///
/// A name that does not exist is an error, since rules that are not there
/// alert nobody, but for `*.local.yaml` and `*.d`: those are for the owner of
/// the machine to make, or not.
pub fn rules_files(names: &[Text]) -> Result<Vec<PathBuf>, Invalid> {
    let mut files = Vec::new();
    let mut errors = Vec::new();
    for name in names {
        let path = Path::new(&name.value);
        match expand_path(path) {
            Ok(found) => files.extend(found),
            Err(error) if error.kind() == io::ErrorKind::NotFound && is_optional(path) => {}
            Err(error) => errors.push(Diagnostic::error(
                name.origin.clone(),
                format!("cannot read the rules in `{}`: {error}", name.value),
            )),
        }
    }
    if errors.is_empty() {
        Ok(files)
    } else {
        Err(Invalid(errors))
    }
}

fn is_optional(path: &Path) -> bool {
    path.file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.ends_with(".local.yaml") || name.ends_with(".d"))
}
