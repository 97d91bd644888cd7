//! Manual pages and completions, from the tables of options and keys, so that
//! they cannot differ from the program.

use std::fmt::Write as _;

use clap::{Arg, Command, CommandFactory as _, ValueEnum};

use crate::cli::Cli;
use crate::config::{APPEND_KEYS, KEYS, Key, MATCH_KEYS};

/// What can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Document {
    /// falco-engine(8).
    Man,
    /// falco.yaml(5).
    ManConfig,
    /// docs/configuration.md.
    Configuration,
    /// Completions for bash.
    Bash,
    /// Completions for zsh.
    Zsh,
    /// Completions for fish.
    Fish,
}

// Writing to a string cannot fail.

/// The text of a document.
pub fn document(which: Document) -> String {
    let command = Cli::command();
    match which {
        Document::Man => man(&command),
        Document::ManConfig => man_config(),
        Document::Configuration => crate::config::reference::markdown(),
        Document::Bash => bash(&command),
        Document::Zsh => zsh(&command),
        Document::Fish => fish(&command),
    }
}

/// Options that are shown, in their order.
fn options(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| !arg.is_hide_set())
}

/// What it can do instead of watching.
fn commands(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|sub| !sub.is_hide_set())
}

fn about(command: &Command) -> String {
    let about = command.get_about().map(ToString::to_string);
    about.unwrap_or_default()
}

fn help(arg: &Arg) -> String {
    arg.get_help().map(ToString::to_string).unwrap_or_default()
}

fn value(arg: &Arg) -> Option<String> {
    let takes = arg.get_action().takes_values();
    let name = arg.get_value_names().and_then(|names| names.first());
    name.filter(|_| takes).map(ToString::to_string)
}

/// Text in which nothing means anything to troff.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    let protect = |line: &str| match line.starts_with(['.', '\'']) {
        true => format!("\\&{line}"),
        false => line.to_owned(),
    };
    text.lines().map(protect).collect::<Vec<_>>().join("\n")
}

fn head(name: &str, section: u8, about: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        ".TH {} {section} \"\" \"falco-engine {version}\"\n.SH NAME\n{} \\- {}\n",
        name.to_uppercase(),
        roff(name),
        roff(about)
    )
}

fn man(command: &Command) -> String {
    let mut text = head("falco-engine", 8, "alerts on what processes do");
    text.push_str(".SH SYNOPSIS\n.B falco\\-engine\n[\\fIOPTION\\fR]...\n");
    for sub in commands(command) {
        let name = roff(sub.get_name());
        let _ = write!(text, ".br\n.B falco\\-engine {name}\n[\\fIOPTION\\fR]...");
        for arg in options(sub).filter(|arg| arg.is_positional()) {
            let _ = write!(text, " [\\fI{}\\fR]", roff(&value(arg).unwrap_or_default()));
        }
        text.push('\n');
    }
    let _ = writeln!(text, ".SH DESCRIPTION\n{}", roff(&about(command)));
    text.push_str(
        ".PP\nWithout an option that only prints something, it runs until it gets SIGINT or SIGTERM.\n\
         .SH OPTIONS\n",
    );
    man_options(&mut text, command);
    text.push_str(".SH COMMANDS\n");
    for sub in commands(command) {
        let _ = writeln!(text, ".SS {}", roff(sub.get_name()));
        let long = sub.get_long_about().map(ToString::to_string);
        let _ = writeln!(text, "{}", paragraphs(&long.unwrap_or_else(|| about(sub))));
        man_options(&mut text, sub);
    }
    text.push_str(MAN_TAIL);
    text
}

fn paragraphs(text: &str) -> String {
    roff(text).replace("\n\n", "\n.sp\n")
}

fn man_options(text: &mut String, command: &Command) {
    for arg in options(command) {
        let short = arg.get_short().map(|short| format!("-{short}"));
        let long = arg.get_long().map(|long| format!("--{long}"));
        let names: Vec<_> = short
            .into_iter()
            .chain(long)
            .map(|name| roff(&name))
            .collect();
        let names = match names.is_empty() {
            true => String::new(),
            false => format!("\\fB{}\\fR ", names.join("\\fR, \\fB")),
        };
        let value = value(arg).map(|name| format!("\\fI{}\\fR", roff(&name)));
        let head = names + &value.unwrap_or_default();
        let _ = writeln!(text, ".TP\n{}", head.trim_end());
        let long = arg.get_long_help().map(ToString::to_string);
        let _ = writeln!(text, "{}", paragraphs(&long.unwrap_or_else(|| help(arg))));
    }
}

const MAN_TAIL: &str = r".SH SIGNALS
.TP
SIGINT, SIGTERM
Write what waits for the outputs (at most five seconds), print how often each rule matched, end.
.TP
SIGHUP
Read configuration and rules again, beside the running engine. If something is wrong with them, the
log says so and nothing changes.
.TP
SIGUSR1
Open the outputs again: files after logrotate, the program of program_output.
.SH EXIT STATUS
.TP
0
The end was asked for, or all that was asked for is printed.
.TP
1
An error, which is on standard error; wrong rules with \-V; lost events, if syscall_event_drops says
to end.
.TP
255
The pid file cannot be written.
.SH ENVIRONMENT
.TP
HOST_ROOT
Directory in which the machine's /proc, /etc and sockets are.
.TP
FALCO_HOSTNAME
Name of the machine in alerts.
.TP
FALCO_CGROUP_MEM_PATH
File with the memory that the container uses, for the metrics.
.SH FILES
.TP
/etc/falco/falco.yaml
Configuration.
.TP
/etc/falco/falco_rules.yaml, /etc/falco/falco_rules.local.yaml, /etc/falco/rules.d
Rules: those that come with the program, and those of the machine's owner.
.TP
/dev/falco
Device of the kernel module falco_kmod.
.SH SEE ALSO
.BR falco.yaml (5),
.BR falco\-rules (5)
";

fn man_config() -> String {
    let mut text = head("falco.yaml", 5, "configuration of falco-engine");
    text.push_str(
        ".SH DESCRIPTION\nThe main file is /etc/falco/falco.yaml or that of \\fB\\-c\\fR. Then come the \
         files of config_files, then the options \\fB\\-o\\fR. In a value, ${NAME} is replaced by \
         that environment variable.\n",
    );
    man_table(&mut text, "KEYS", KEYS);
    man_table(&mut text, "AN ENTRY OF append_output", APPEND_KEYS);
    man_table(&mut text, "match IN SUCH AN ENTRY", MATCH_KEYS);
    text.push_str(".SH SEE ALSO\n.BR falco\\-engine (8),\n.BR falco\\-rules (5)\n");
    text
}

fn man_table<T>(text: &mut String, title: &str, keys: &[Key<T>]) {
    let _ = writeln!(text, ".SH \"{}\"", roff(title));
    for key in keys {
        let _ = writeln!(text, ".TP\n\\fB{}\\fR", roff(key.name));
        let default = match key.default {
            "" => String::new(),
            default => format!(" Without it: {default}."),
        };
        let line = format!("{} Takes {}.{default}", key.meaning, key.kind.form());
        let _ = writeln!(text, "{}", roff(&line));
    }
}

fn names(command: &Command) -> Vec<String> {
    let mut all = Vec::new();
    for arg in options(command) {
        all.extend(arg.get_short().map(|short| format!("-{short}")));
        all.extend(arg.get_long().map(|long| format!("--{long}")));
    }
    all
}

/// The names of the commands in one line.
fn command_names(command: &Command) -> String {
    let names: Vec<_> = commands(command).map(Command::get_name).collect();
    names.join(" ")
}

fn bash(command: &Command) -> String {
    let mut text = format!(
        "_falco_engine() {{\n    local word=\"${{COMP_WORDS[COMP_CWORD]}}\" options first=\n    \
         COMPREPLY=()\n    case ${{COMP_WORDS[1]}} in\n    *) options=\"{}\" ;;&\n",
        names(command).join(" ")
    );
    for sub in commands(command) {
        let options = names(sub).join(" ");
        let _ = writeln!(text, "    {}) options=\"{options}\" ;;", sub.get_name());
    }
    let _ = write!(
        text,
        "    esac\n    [[ $COMP_CWORD != 1 ]] || first=\"{}\"\n    if [[ $word == -* ]]; then\n        \
         mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\")\n    else\n        mapfile -t \
         COMPREPLY < <(compgen -W \"$first\" -f -- \"$word\")\n    fi\n}}\ncomplete -o filenames -F \
         _falco_engine falco-engine\n",
        command_names(command)
    );
    text
}

fn zsh(command: &Command) -> String {
    let mut text = "#compdef falco-engine\ncase $words[2] in\n".to_owned();
    for sub in commands(command) {
        let _ = writeln!(
            text,
            "{})\n    shift words; (( CURRENT-- ))",
            sub.get_name()
        );
        zsh_options(&mut text, sub, "*:file:_files");
        text.push_str("    ;;\n");
    }
    text.push_str("*)\n");
    let first = format!("1::command:({})", command_names(command));
    zsh_options(&mut text, command, &first);
    text.push_str("    ;;\nesac\n");
    text
}

fn zsh_options(text: &mut String, command: &Command, operand: &str) {
    text.push_str("    _arguments \\\n");
    for arg in options(command) {
        let help = help(arg).replace('\'', "").replace(['[', ']', ':'], " ");
        let value = value(arg).map_or_else(String::new, |name| format!(":{name}:_files"));
        let short = arg.get_short().map(|short| format!("-{short}"));
        let long = arg.get_long().map(|long| format!("--{long}"));
        for name in short.into_iter().chain(long) {
            let _ = writeln!(text, "        '*{name}[{help}]{value}' \\");
        }
    }
    let _ = writeln!(text, "        '{operand}'");
}

fn fish(command: &Command) -> String {
    let mut text = String::new();
    for sub in commands(command) {
        let about = quoted(&about(sub));
        let name = sub.get_name();
        let _ = writeln!(
            text,
            "complete -c falco-engine -n __fish_use_subcommand -a {name} -d '{about}'"
        );
        fish_options(
            &mut text,
            sub,
            &format!("'__fish_seen_subcommand_from {name}'"),
        );
    }
    fish_options(&mut text, command, "__fish_use_subcommand");
    text
}

/// Text inside of single quotes, for fish.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "\\'")
}

fn fish_options(text: &mut String, command: &Command, when: &str) {
    for arg in options(command).filter(|arg| !arg.is_positional()) {
        let _ = write!(text, "complete -c falco-engine -n {when}");
        if let Some(short) = arg.get_short() {
            let _ = write!(text, " -s {short}");
        }
        if let Some(long) = arg.get_long() {
            let _ = write!(text, " -l {long}");
        }
        if value(arg).is_some() {
            text.push_str(" -r");
        }
        let _ = writeln!(text, " -d '{}'", quoted(&help(arg)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::operand::Transformer;

    #[test]
    fn every_option_is_in_every_document() {
        let command = Cli::command();
        let mut names = names(&command);
        assert!(names.len() > 30);
        let subs: Vec<_> = commands(&command).map(Command::get_name).collect();
        assert_eq!(subs, ["top", "print", "record"]);
        for sub in commands(&command) {
            names.push(sub.get_name().to_owned());
            names.extend(super::names(sub));
        }
        for which in [Document::Man, Document::Bash, Document::Zsh] {
            let text = document(which);
            for name in &names {
                let name = match which {
                    Document::Man => roff(name),
                    _ => name.clone(),
                };
                assert!(text.contains(&name), "{which:?}: {name}");
            }
        }
        let fish = document(Document::Fish);
        let named = |command: &Command| options(command).filter(|arg| !arg.is_positional()).count();
        let of_subs: usize = commands(&command).map(|sub| 1 + named(sub)).sum();
        assert_eq!(fish.lines().count(), named(&command) + of_subs);
    }

    #[test]
    fn every_key_of_rules_is_in_the_manual() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../packaging/man/falco-rules.5"
        );
        let page = std::fs::read_to_string(path).unwrap();
        let schema: serde_json::Value =
            serde_json::from_str(&crate::app::listing::rule_schema()).unwrap();
        let keys = schema["definitions"]["FalcoRule"]["properties"]
            .as_object()
            .unwrap();
        assert!(keys.len() > 15);
        let transformers = Transformer::ALL.map(Transformer::name);
        for name in keys.keys().map(String::as_str).chain(transformers) {
            assert!(page.contains(&format!("\\fB{}\\fR", roff(name))), "{name}");
        }
    }

    #[test]
    fn every_key_is_in_the_manual() {
        let text = document(Document::ManConfig);
        for key in KEYS {
            assert!(
                text.contains(&format!(".TP\n\\fB{}\\fR\n", roff(key.name))),
                "{}",
                key.name
            );
        }
        assert!(text.lines().all(|line| !line.starts_with(".e")), "{text}");
    }
}
