//! `-V`, `-L`, `-l` and `--explain`: what is said about rules without running
//! them.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::listing::pretty;
use super::startup::{read_rules, rule_options};
use crate::cli::Cli;
use crate::config::Config;
use crate::filter::fields::FIELDS;
use crate::filter::table::FieldTable;
use crate::rules::describe::{Description, as_text};
use crate::rules::{Diagnostic, LoadOptions, LoadResult, Severity, explain, files};

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
    } = read_rules(&paths, &options);
    let code = match ruleset {
        None => ExitCode::FAILURE,
        Some(_) => ExitCode::SUCCESS,
    };
    if config.outputs.format.json {
        let results: Vec<_> = paths
            .iter()
            .map(|path| load_result(&path.display().to_string(), &diagnostics))
            .collect();
        let mut all = json!({ "falco_load_results": results });
        if cli.list_rules || cli.list_rule.is_some() {
            all["falco_describe_results"] = described(cli, config, &paths).unwrap_or_default();
        }
        println!("{all}");
        return code;
    }
    for diagnostic in &diagnostics {
        println!("{diagnostic}");
    }
    let verdict = match (ruleset, diagnostics.is_empty()) {
        (None, _) => "Invalid",
        (Some(_), true) => "Ok",
        (Some(_), false) => "Ok, with warnings",
    };
    for path in &cli.validate {
        println!("{}: {verdict}", path.display());
    }
    code
}

/// The result of one file. Files are loaded together; an error belongs to the
/// file that it stands in.
fn load_result(path: &str, diagnostics: &[Diagnostic]) -> Value {
    let own = diagnostics.iter().filter(|d| *d.file == *path);
    let (errors, warnings): (Vec<_>, Vec<_>) = own.partition(|d| d.severity() == Severity::Error);
    let show = |all: Vec<&Diagnostic>| all.into_iter().map(entry).collect::<Vec<_>>();
    json!({
        "name": path,
        "successful": errors.is_empty(),
        "errors": show(errors),
        "warnings": show(warnings),
    })
}

fn entry(diagnostic: &Diagnostic) -> Value {
    let (item_type, item_name) = match &diagnostic.item {
        Some((kind, name)) => (*kind, name.as_str()),
        None => ("rules content", ""),
    };
    let (line, column, offset, snippet) = match &diagnostic.location {
        Some(at) => (at.line - 1, at.column - 1, at.offset, at.text.as_str()),
        None => (0, 0, 0, ""),
    };
    let message = match &diagnostic.hint {
        Some(hint) => format!("{} (hint: {hint})", diagnostic.message),
        None => diagnostic.message.clone(),
    };
    json!({
        "code": diagnostic.code.name(),
        "codedesc": diagnostic.code.about(),
        "message": message,
        "context": {
            "locations": [{
                "item_type": item_type,
                "item_name": item_name,
                "position": {
                    "name": &*diagnostic.file,
                    "line": line,
                    "column": column,
                    "offset": offset,
                },
            }],
            "snippet": snippet,
        },
    })
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
    let fields = FieldTable::new(FIELDS);
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
    let loaded = read_rules(paths, &rule_options(cli, config));
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
    let fields = FieldTable::new(FIELDS);
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
    let fields = FieldTable::new(FIELDS);
    let Some(text) = explain::explain(&sources, &fields, name) else {
        return Ok(unknown(Some(name)));
    };
    print!("{text}");
    Ok(ExitCode::SUCCESS)
}
