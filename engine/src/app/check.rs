//! `-V`, `-L`, `-l` and `--explain`: what is said about rules without running
//! them.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;

use serde_json::{Value, json};

use super::listing::pretty;
use super::startup::{fields, read_rules, rule_options};
use crate::cli::Cli;
use crate::config::Config;
use crate::rules::collect::MAX_NODES;
use crate::rules::describe::{Description, as_text};
use crate::rules::diagnostic::Location;
use crate::rules::{Diagnostic, LoadOptions, LoadResult, Severity};
use crate::rules::{explain, files, location, schema};
use crate::yaml::{self, Node, Source};

/// Longest part of a line that programs are shown.
const SNIPPET: usize = 160;

/// `-V`: says what is wrong with the rules; with `-L` or `-l` also what they
/// are.
pub(super) fn validate(cli: &Cli, config: &Config) -> ExitCode {
    let paths = match cli.files_to_validate() {
        Ok(paths) => paths,
        Err(error) => {
            eprintln!("Error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let options = LoadOptions {
        match_all: rule_options(cli, config).match_all,
        ..LoadOptions::default()
    };
    let LoadResult {
        ruleset,
        diagnostics,
    } = read_rules(&paths, &fields(config), &options);
    let code = match ruleset {
        None => ExitCode::FAILURE,
        Some(_) => ExitCode::SUCCESS,
    };
    if config.outputs.format.json {
        let results = paths.iter().map(|path| source(path));
        let results: Vec<_> = results
            .map(|source| load_result(&source, &diagnostics))
            .collect();
        let mut all = json!({ "falco_load_results": results });
        if wants_description(cli) && ruleset.is_some() {
            all["falco_describe_results"] = described(cli, config, &paths).unwrap_or_default();
        }
        println!("{all}");
        return code;
    }
    for diagnostic in &diagnostics {
        println!("{diagnostic}");
    }
    for path in &cli.validate {
        println!("{}: {}", path.display(), verdict(path, &diagnostics));
    }
    if wants_description(cli) && ruleset.is_some() {
        let (sources, _) = files::read(&paths);
        let fields = fields(config);
        let all = Description::new(&sources, &fields, &[]);
        let only = cli.list_rule.as_deref();
        print!("\n{}", as_text(all.names_and_descriptions(only)));
    }
    code
}

fn wants_description(cli: &Cli) -> bool {
    cli.list_rules || cli.list_rule.is_some()
}

/// What is to be said of a file, or of a directory with files.
fn verdict(path: &Path, diagnostics: &[Diagnostic]) -> &'static str {
    let own = diagnostics.iter();
    let mut own = own.filter(|d| Path::new(&*d.file).starts_with(path));
    let is_error = |d: &Diagnostic| d.severity() == Severity::Error;
    match (own.clone().any(is_error), own.next()) {
        (true, _) => "Invalid",
        (false, Some(_)) => "Ok, with warnings",
        (false, None) => "Ok",
    }
}

/// A file, empty where it cannot be read: that is reported.
fn source(path: &Path) -> Source {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    Source::new(&path.display().to_string(), &text)
}

/// The result of one file. Files are loaded together; an error belongs to the
/// file that it stands in.
fn load_result(source: &Source, diagnostics: &[Diagnostic]) -> Value {
    let documents = yaml::parse(source, 0, MAX_NODES).ok();
    let documents = documents.as_deref();
    let own = diagnostics.iter().filter(|d| d.file == source.path);
    let (errors, warnings): (Vec<_>, Vec<_>) = own.partition(|d| d.severity() == Severity::Error);
    let show = |all: Vec<&Diagnostic>| -> Vec<_> {
        let all = all.into_iter();
        all.map(|diagnostic| entry(diagnostic, source, documents))
            .collect()
    };
    let mut result = json!({
        "name": &*source.path,
        "successful": errors.is_empty(),
        "errors": show(errors),
        "warnings": show(warnings),
    });
    if let Some(documents) = documents {
        let deviations = schema::check(documents);
        result["schema_valid"] = json!(deviations.is_empty());
        if !deviations.is_empty() {
            result["schema_warnings"] = json!(deviations);
        }
    }
    result
}

fn entry(diagnostic: &Diagnostic, source: &Source, documents: Option<&[Rc<Node>]>) -> Value {
    // A file that cannot be read has no place to tell.
    let offset = diagnostic.location.as_ref().map(|at| at.offset);
    let steps = match offset {
        Some(offset) => location::steps(documents, offset),
        None => location::steps(Some(&[]), 0),
    };
    let locations = steps.into_iter().map(|step| {
        let (line, column) = source.position(step.offset);
        json!({
            "item_type": step.kind,
            "item_name": step.name,
            "position": {
                "name": &*diagnostic.file,
                "line": line - 1,
                "column": column - 1,
                "offset": step.offset,
            },
        })
    });
    let message = match &diagnostic.hint {
        Some(hint) => format!("{} (hint: {hint})", diagnostic.message),
        None => diagnostic.message.clone(),
    };
    json!({
        "code": diagnostic.code.name(),
        "codedesc": diagnostic.code.about(),
        "message": message,
        "context": {
            "locations": locations.collect::<Vec<_>>(),
            "snippet": diagnostic.location.as_ref().map_or_else(String::new, snippet),
        },
    })
}

/// The line, shortened around the place, and a caret below it.
fn snippet(at: &Location) -> String {
    let skipped = (at.column - 1).saturating_sub(SNIPPET / 2);
    let shown: String = at.text.chars().skip(skipped).take(SNIPPET).collect();
    let caret = at.column - 1 - skipped;
    format!("{shown}\n{:caret$}^\n", "")
}

/// `-L` and `-l` without `-V`.
pub(super) fn describe(cli: &Cli, config: &Config) -> anyhow::Result<ExitCode> {
    let paths = cli.rules_files(config)?;
    refuse_wrong(cli, config, &paths)?;
    if config.outputs.format.json {
        let Some(all) = described(cli, config, &paths) else {
            return Ok(unknown(cli.list_rule.as_deref()));
        };
        print!("{}", pretty(&all));
        return Ok(ExitCode::SUCCESS);
    }
    let fields = fields(config);
    let (sources, _) = files::read(&paths);
    let all = Description::new(&sources, &fields, &[]);
    let only = cli.list_rule.as_deref();
    if all.names_and_descriptions(only).next().is_none() && only.is_some() {
        return Ok(unknown(only));
    }
    print!("{}", as_text(all.names_and_descriptions(only)));
    Ok(ExitCode::SUCCESS)
}

fn refuse_wrong(cli: &Cli, config: &Config, paths: &[PathBuf]) -> anyhow::Result<()> {
    let loaded = read_rules(paths, &fields(config), &rule_options(cli, config));
    if loaded.ruleset.is_none() {
        for diagnostic in &loaded.diagnostics {
            eprintln!("{diagnostic}");
        }
        anyhow::bail!("there are errors in the rules, see above");
    }
    Ok(())
}

fn unknown(rule: Option<&str>) -> ExitCode {
    eprintln!("Error: there is no rule `{}`", rule.unwrap_or_default());
    ExitCode::FAILURE
}

/// What `-L` or `-l` tells programs; `None` if there is no such rule.
fn described(cli: &Cli, config: &Config, paths: &[PathBuf]) -> Option<Value> {
    let fields = fields(config);
    let (sources, _) = files::read(paths);
    let selection = rule_options(cli, config).selection;
    let mut all = Description::new(&sources, &fields, &selection);
    match &cli.list_rule {
        Some(name) => all.one(name).map(|rule| json!({ "rules": [rule] })),
        None => Some(all.all()),
    }
}

/// `--explain`: how a rule is evaluated.
pub(super) fn explain(cli: &Cli, config: &Config, name: &str) -> anyhow::Result<ExitCode> {
    let paths = cli.rules_files(config)?;
    refuse_wrong(cli, config, &paths)?;
    let (sources, _) = files::read(&paths);
    let fields = fields(config);
    let Some(text) = explain::explain(&sources, &fields, &rule_options(cli, config), name) else {
        return Ok(unknown(Some(name)));
    };
    print!("{text}");
    Ok(ExitCode::SUCCESS)
}
