//! The program as somebody meets it whose files are wrong: what it says, where,
//! and with which exit code. None of this needs the module.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

fn engine(directory: &TempDir, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_falco-engine"))
        .args(arguments)
        .current_dir(directory)
        .output()
        .expect("the program starts")
}

/// A directory with a configuration that names `rules.yaml`, and these rules.
fn with_rules(rules: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    write(
        "falco.yaml",
        "rules_files: [rules.yaml]\nstdout_output: {enabled: true}\nlog_syslog: false\n",
    );
    write("rules.yaml", rules);
    directory
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs the engine over the rules, which are wrong, and returns what it says.
fn refused(rules: &str) -> String {
    let directory = with_rules(rules);
    let output = engine(&directory, &["-c", "falco.yaml"]);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

fn assert_says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "does not say {part:?}:\n{said}");
    }
}

fn rule(condition: &str) -> String {
    format!("- rule: R\n  desc: d\n  condition: {condition}\n  output: o\n  priority: INFO\n")
}

#[test]
fn a_syntax_error_of_yaml_has_its_place() {
    let said = refused("- rule: [unclosed\n  desc: d\n");
    assert_says(&said, &["rules.yaml:", "LOAD_ERR_YAML"]);
}

#[test]
fn a_syntax_error_of_a_condition_has_its_place() {
    let said = refused(&rule("evt.type = open and and proc.name = x"));
    assert_says(
        &said,
        &[
            "rules.yaml:3:",
            "LOAD_ERR_COMPILE_CONDITION",
            "and and proc.name",
            "^",
        ],
    );
}

#[test]
fn an_unknown_field_is_shown_with_the_nearest() {
    let said = refused(&rule("evt.type = open and proc.nmae = x"));
    assert_says(
        &said,
        &["rules.yaml:3:34:", "proc.nmae", "proc.name", "^^^^^^^^^"],
    );
}

#[test]
fn an_undefined_macro_is_shown() {
    let said = refused(&rule("evt.type = open and no_such_macro"));
    assert_says(
        &said,
        &["rules.yaml:3:34:", "no_such_macro", "^^^^^^^^^^^^^"],
    );
}

#[test]
fn a_cycle_of_macros_is_shown() {
    let macros = "- macro: a\n  condition: b\n- macro: b\n  condition: a\n";
    let said = refused(&format!("{macros}{}", rule("evt.type = open and a")));
    assert_says(&said, &["rules.yaml:", "loop", "macro"]);
}

#[test]
fn all_errors_of_all_files_are_shown() {
    let directory = with_rules(&format!(
        "{}{}",
        rule("evt.type = open and first.wrong = 1"),
        rule("evt.type = open and second_wrong").replace("rule: R", "rule: S"),
    ));
    fs::write(
        directory.path().join("more.yaml"),
        rule("evt.type = nosuchcall").replace("rule: R", "rule: T"),
    )
    .unwrap();
    let arguments = ["-c", "falco.yaml", "-r", "rules.yaml", "-r", "more.yaml"];
    let output = engine(&directory, &arguments);
    assert_eq!(output.status.code(), Some(1));
    assert_says(
        &stderr(&output),
        &[
            "first.wrong",
            "second_wrong",
            "more.yaml:3:",
            "nosuchcall",
            "3 error(s)",
        ],
    );
}

#[test]
fn errors_in_what_the_configuration_adds_are_shown_in_its_file() {
    let directory = with_rules(&rule("evt.type = open"));
    let text = "\
rules_files: [rules.yaml]
append_output:
  - when: >
      evt.type = open
      and proc.nmae = x
  - extra_output: 'a=%proc.nmae'
    extra_fields: [evt.type, fd.nmae, {k: '%evt.tpye'}]
";
    fs::write(directory.path().join("falco.yaml"), text).unwrap();
    let options = ["-o", "append_output[].when=no_such_macro"];
    let output = engine(&directory, &[&["-c", "falco.yaml"], &options[..]].concat());
    assert_eq!(output.status.code(), Some(1));
    let shown = [
        "falco.yaml:5:11: error[LOAD_ERR_COMPILE_CONDITION]: unknown field `proc.nmae`\n   |\n 5 \
         |       and proc.nmae = x\n   |           ^^^^^^^^^\n  hint: did you mean `proc.name`?",
        "falco.yaml:6:22: error[LOAD_ERR_COMPILE_OUTPUT]: unknown field `proc.nmae`",
        "falco.yaml:7:30: error[LOAD_ERR_COMPILE_OUTPUT]: unknown field `fd.nmae`",
        "falco.yaml:7:44: error[LOAD_ERR_COMPILE_OUTPUT]: unknown field `evt.tpye`",
        "-o append_output[].when=no_such_macro: error[LOAD_ERR_COMPILE_CONDITION]: undefined macro \
         `no_such_macro`",
        "5 error(s)",
    ];
    assert_says(&stderr(&output), &shown);
}

#[test]
fn a_missing_rules_file_is_named() {
    let directory = with_rules("");
    for arguments in [&["-r", "no-such.yaml"][..], &["-V", "no-such.yaml"]] {
        let output = engine(&directory, &[&["-c", "falco.yaml"], arguments].concat());
        assert_eq!(output.status.code(), Some(1));
        assert_says(&stderr(&output), &["no-such.yaml"]);
    }
    fs::remove_file(directory.path().join("rules.yaml")).unwrap();
    let output = engine(&directory, &["-c", "falco.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    assert_says(&stderr(&output), &["falco.yaml:1:", "rules.yaml"]);
}

#[test]
fn a_missing_configuration_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let output = engine(&directory, &["-c", "no-such.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    assert_says(&stderr(&output), &["no-such.yaml"]);
}

#[test]
fn an_unwritable_output_file_is_named() {
    let directory = with_rules(&rule("evt.type = open"));
    let output = engine(
        &directory,
        &[
            "-c",
            "falco.yaml",
            "--dry-run",
            "-o",
            "file_output.enabled=true",
            "-o",
            "file_output.filename=/proc/no/such/file",
        ],
    );
    assert_eq!(output.status.code(), Some(1));
    assert_says(&stderr(&output), &["/proc/no/such/file"]);
}

#[test]
fn without_the_module_it_says_how_to_load_it() {
    if Path::new(falco_abi::control::DEVICE_PATH).exists() {
        println!("skipped: this machine has the module");
        return;
    }
    let directory = with_rules(&rule("evt.type = open"));
    let output = engine(&directory, &["-c", "falco.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    assert_says(&stderr(&output), &["/dev/falco", "modprobe falco_kmod"]);
}

#[test]
fn rules_are_validated() {
    let directory = with_rules(&rule("evt.type = open"));
    let output = engine(&directory, &["-V", "rules.yaml"]);
    assert_eq!(output.status.code(), Some(0));
    assert_says(
        &String::from_utf8_lossy(&output.stdout),
        &["rules.yaml: Ok"],
    );

    let directory = with_rules(&rule("evt.type = open and nothing"));
    let output = engine(&directory, &["-V", "rules.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stdout);
    assert_says(&said, &["rules.yaml:3:", "nothing", "rules.yaml: Invalid"]);
}

#[test]
fn the_shipped_rules_and_configuration_are_right() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules");
    let directory = tempfile::tempdir().unwrap();
    let rules = shipped.join("falco_rules.yaml");
    let output = engine(&directory, &["-V", rules.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.ends_with(": Ok\n"),
        "{said}"
    );
    let loaded = falco_engine::config::load(&shipped.join("falco.yaml"), &[]).unwrap();
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_str(&stdout(output)).unwrap_or_else(|e| panic!("{e}: {}", stdout(output)))
}

#[test]
fn validation_as_json_has_the_form_of_falco() {
    let directory = with_rules(&rule("evt.type = open and no.field = 1"));
    let output = engine(&directory, &["-V", "rules.yaml", "-o", "json_output=true"]);
    assert_eq!(output.status.code(), Some(1));
    let result = &json(&output)["falco_load_results"][0];
    assert_eq!(result["name"], "rules.yaml");
    assert_eq!(result["successful"], false);
    let error = &result["errors"][0];
    assert_eq!(error["code"], "LOAD_ERR_COMPILE_CONDITION");
    let locations = error["context"]["locations"].as_array().unwrap();
    let kinds = locations.iter().map(|at| at["item_type"].as_str().unwrap());
    assert_eq!(
        kinds.collect::<Vec<_>>(),
        [
            "rules content",
            "rule",
            "rule condition",
            "condition expression"
        ]
    );
    assert_eq!(locations[1]["item_name"], "R");
    let position = &locations[3]["position"];
    assert_eq!(
        (position["line"].as_u64(), position["column"].as_u64()),
        (Some(2), Some(33))
    );
    let snippet = error["context"]["snippet"].as_str().unwrap();
    let lines: Vec<_> = snippet.lines().collect();
    assert_eq!(lines[1].find('^'), lines[0].find("no.field"), "{snippet}");
    assert_eq!(result["schema_valid"], true);
    assert!(result.get("schema_warnings").is_none());
}

#[test]
fn validation_as_json_tells_what_the_schema_does_not_allow() {
    let directory = with_rules("- list: l\n  items: []\n  colour: red\n");
    let output = engine(&directory, &["-V", "rules.yaml", "-o", "json_output=true"]);
    let result = &json(&output)["falco_load_results"][0];
    assert_eq!(result["successful"], true);
    assert_eq!(result["schema_valid"], false);
    let warnings = result["schema_warnings"].as_array().unwrap();
    assert_eq!(
        warnings[0],
        "failed for <root>[0]: the key `colour` is not known"
    );
    let broken = with_rules("- [\n");
    let output = engine(&broken, &["-V", "rules.yaml", "-o", "json_output=true"]);
    let result = &json(&output)["falco_load_results"][0];
    assert_eq!(result["errors"][0]["code"], "LOAD_ERR_YAML_PARSE");
    assert!(result.get("schema_valid").is_none());
}

#[test]
fn rules_are_described() {
    let text = rule("opened and proc.name in (l)")
        + "- macro: opened\n  condition: evt.type = open\n- list: l\n  items: [a, b]\n";
    let directory = with_rules(&text);
    let all = engine(&directory, &["-c", "falco.yaml", "-L"]);
    assert!(stdout(&all).contains("R   ") && stdout(&all).contains(" d\n"));
    let all = engine(
        &directory,
        &["-c", "falco.yaml", "-L", "-o", "json_output=true"],
    );
    let all = json(&all);
    let details = &all["rules"][0]["details"];
    assert_eq!(
        details["condition_compiled"],
        "(evt.type = open and proc.name in (a, b))"
    );
    assert_eq!(all["macros"][0]["details"]["used"], true);
    let one = engine(
        &directory,
        &["-c", "falco.yaml", "-l", "R", "-o", "json_output=true"],
    );
    assert_eq!(json(&one)["rules"][0]["info"]["name"], "R");
    let none = engine(&directory, &["-c", "falco.yaml", "-l", "X"]);
    assert_eq!(none.status.code(), Some(1));
    assert_says(&stderr(&none), &["no rule `X`"]);
    let explained = engine(&directory, &["-c", "falco.yaml", "--explain", "R"]);
    assert_says(
        &stdout(&explained),
        &[
            "proc.name in (a, b)",
            "events (1):\n  open\n",
            "on open, where this rule alone is of interest:\n  tried on every event\n",
            "proc.name in hash set of 2 (\"a\", \"b\")\n",
        ],
    );
    let off = engine(
        &directory,
        &["-c", "falco.yaml", "--explain", "R", "-D", "R"],
    );
    assert_says(&stdout(&off), &["the rule is off", "proc.name in (a, b)"]);
}

/// What rules have in common is told, with the structures that find it.
#[test]
fn what_rules_share_is_explained() {
    let mut text =
        "- macro: bad_path\n  condition: fd.name startswith /a or fd.name startswith /b\n\
                    - macro: said\n  condition: proc.cmdline contains one or proc.cmdline contains \
                    two or proc.cmdline contains three\n"
            .to_owned();
    for at in 0..8 {
        text += &format!(
            "- rule: Name {at}\n  desc: d\n  condition: evt.type = open and proc.name = n{at} \
             and said\n  output: o\n  priority: INFO\n\
             - rule: Path {at}\n  desc: d\n  condition: evt.type = open and bad_path and \
             proc.pname != p{at}\n  output: o\n  priority: INFO\n"
        );
    }
    let directory = with_rules(&text);
    let explain = |name| {
        stdout(&engine(
            &directory,
            &["-c", "falco.yaml", "--explain", name],
        ))
    };
    assert_says(
        &explain("Name 3"),
        &[
            "looked up by the value of proc.name in a hash table of 8 values for 8 rules",
            "proc.name = \"n3\"  [hash table of proc.name: 8 values for 8 checks]",
            "proc.cmdline contains one of 3 (Aho-Corasick automaton)  [answered once for",
        ],
    );
    assert_says(
        &explain("Path 3"),
        &[
            "tried with 8 rules if this holds:",
            "fd.name startswith one of 2 (trie)  [answered once for",
        ],
    );
}

/// Several files are validated together, each has its own verdict; with `-L` or
/// `-l` what they define is told behind it.
#[test]
fn files_are_validated_and_described() {
    let directory = with_rules(&rule("evt.type = open"));
    let more = directory.path().join("more.yaml");
    fs::write(&more, "- rule: R\n  condition: and\n  append: true\n").unwrap();
    let both = engine(&directory, &["-V", "rules.yaml", "-V", "more.yaml", "-L"]);
    assert_eq!(both.status.code(), Some(1));
    assert!(stdout(&both).ends_with("rules.yaml: Ok\nmore.yaml: Invalid\n"));
    let one = engine(&directory, &["-V", "rules.yaml", "-l", "R"]);
    assert_eq!(one.status.code(), Some(0));
    assert_says(&stdout(&one), &["rules.yaml: Ok\n\nRule  ", "\nR      "]);
}

/// Names of the rules that are enabled.
fn enabled(directory: &TempDir, arguments: &[&str]) -> Vec<String> {
    let mut all = vec!["-c", "falco.yaml", "-L", "-o", "json_output=true"];
    all.extend(arguments);
    let output = engine(directory, &all);
    let rules = json(&output)["rules"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let rules = rules
        .into_iter()
        .filter(|rule| rule["info"]["enabled"] == true);
    let name =
        |rule: serde_json::Value| rule["info"]["name"].as_str().unwrap_or_default().to_owned();
    rules.map(name).collect()
}

#[test]
fn rules_are_selected() {
    let one = |name: &str, tag: &str| {
        format!(
            "- {{rule: {name}, desc: d, condition: evt.type = open, output: o, priority: INFO, \
             tags: [{tag}]}}\n"
        )
    };
    let directory = with_rules(&(one("A one", "x") + &one("B one", "y") + &one("C two", "x")));
    assert_eq!(enabled(&directory, &[]).len(), 3);
    assert_eq!(enabled(&directory, &["-D", "one"]), ["C two"]);
    assert_eq!(enabled(&directory, &["-T", "x"]), ["B one"]);
    assert_eq!(enabled(&directory, &["-t", "y"]), ["B one"]);
    let config = [
        "-o",
        "rules[].disable.rule=*",
        "-o",
        "rules[].enable.tag=x",
        "-o",
        "rules[].disable.rule=C*",
    ];
    assert_eq!(enabled(&directory, &config), ["A one"]);
}

#[test]
fn tables_are_listed() {
    let directory = tempfile::tempdir().unwrap();
    let list = |arguments: &[&str]| stdout(&engine(&directory, arguments));
    assert_says(
        &list(&["--list"]),
        &["Field Class:", "proc.name", "evt.arg[N]|.NAME"],
    );
    assert_says(&list(&["--list", "syscall", "-N"]), &["proc.name\n"]);
    assert_eq!(list(&["--list", "k8s_audit"]), "");
    assert_says(
        &list(&["--list", "--markdown"]),
        &["Name | Type | Description", "`proc.name`"],
    );
    assert_says(
        &list(&["--list", "--format", "json"]),
        &["\"fieldclasses\""],
    );
    assert_says(&list(&["--list-events"]), &["< openat(", "procexit("]);
    assert!(!list(&["--list-syscall-events"]).contains("procexit("));
    assert_says(
        &list(&["--rule-schema"]),
        &["draft-06", "skip-if-unknown-filter"],
    );
}
