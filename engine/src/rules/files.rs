//! Finds and reads rule files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::diagnostic::{Code, Diagnostic};

/// A rule file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSource {
    /// Path as messages show it.
    pub path: String,
    /// Content.
    pub text: String,
}

/// Reads files, and of directories the files ending in `.yaml` or `.yml` in
/// the order of their names. What cannot be read is a diagnostic.
pub fn read(paths: &[PathBuf]) -> (Vec<RuleSource>, Vec<Diagnostic>) {
    let mut sources = Vec::new();
    let mut diagnostics = Vec::new();
    for path in paths {
        let files = expand(path).unwrap_or_else(|error| {
            diagnostics.push(unreadable(path, &error));
            Vec::new()
        });
        for file in files {
            match fs::read_to_string(&file) {
                Ok(text) => sources.push(RuleSource {
                    path: file.display().to_string(),
                    text,
                }),
                Err(error) => diagnostics.push(unreadable(&file, &error)),
            }
        }
    }
    (sources, diagnostics)
}

/// The file itself, or what a directory has of `*.yaml` and `*.yml`, sorted.
pub fn expand(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        let file = entry?.path();
        let extension = file.extension().and_then(|e| e.to_str());
        // Through links: a mounted ConfigMap consists of them.
        if matches!(extension, Some("yaml" | "yml")) && file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn unreadable(path: &Path, error: &io::Error) -> Diagnostic {
    Diagnostic {
        code: Code::FileRead,
        message: format!("cannot read rules: {error}"),
        hint: None,
        file: path.display().to_string().into(),
        location: None,
        item: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_sorted_and_missing_files_named() {
        let dir = std::env::temp_dir().join(format!("falco-rule-files-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("a directory");
        for name in ["b.yaml", "a.yml", "c.txt"] {
            fs::write(dir.join(name), name).expect("a file");
        }
        let (sources, diagnostics) = read(&[dir.clone(), dir.join("none.yaml")]);
        fs::remove_dir_all(&dir).expect("a directory");
        let texts: Vec<_> = sources.iter().map(|source| source.text.as_str()).collect();
        assert_eq!(texts, ["a.yml", "b.yaml"]);
        assert_eq!(diagnostics.len(), 1);
        assert!(diagnostics[0].file.ends_with("none.yaml"));
        assert_eq!(diagnostics[0].code, Code::FileRead);
    }
}
