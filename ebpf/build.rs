// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! One program for each event that a system call makes, out of the table of events:
//! its name, and one statement for each parameter. A source of parameters that the
//! programs do not know is an error of the compiler.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use falco_abi::ebpf::MESSAGES_MAX;
use falco_abi::event::{Event, Source};
use falco_abi::syscall::SYSCALLS;

/// Most parameters of a record that is put together on the stack.
const NUMBERS_MAX: usize = 8;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // What does not return is recorded at its entry.
    let elsewhere = [Event::Exit, Event::ExitGroup];
    let events: BTreeSet<Event> = SYSCALLS
        .iter()
        .map(|call| call.event)
        .filter(|event| !elsewhere.contains(event))
        .collect();
    let mut text = String::new();
    for event in events {
        let params = event.info().params;
        let name = match event.info().name {
            "" => "syscall",
            name => name,
        };
        let in_registers = params.len() <= NUMBERS_MAX
            && params.iter().all(|param| param.source.is_in_registers());
        let several = matches!(event, Event::Sendmmsg | Event::Recvmmsg);
        let kind = match (in_registers, several) {
            (true, _) => "numbers",
            (_, true) => "messages",
            _ => "program",
        };
        let messages = if several { MESSAGES_MAX } else { 1 };
        for message in 0..messages {
            let (suffix, which) = match (several, message) {
                (false, _) => (String::new(), String::new()),
                (_, 0) => (String::new(), "0, ".to_owned()),
                _ => (format!("_{message}"), format!("{message}, ")),
            };
            writeln!(
                text,
                "{kind}!(call_{name}{suffix}, {event:?}, {which}call, to, {{"
            )
            .expect("a string");
            for (slot, param) in params.iter().enumerate() {
                writeln!(text, "    {}", statement(slot, param.source, "")).expect("a string");
            }
            writeln!(text, "}});").expect("a string");
        }
    }
    // The same for calls without parameters of their own, which the dispatcher records as well,
    // and for a program that was started, which a hook of its own records.
    for (name, event) in [("syscall", Event::Syscall), ("execve", Event::Execve)] {
        writeln!(
            text,
            "macro_rules! {name}_parameters {{ ($call:ident, $to:ident) => {{"
        )
        .expect("a string");
        for (slot, param) in event.info().params.iter().enumerate() {
            writeln!(text, "    {}", statement(slot, param.source, "$")).expect("a string");
        }
        writeln!(text, "}}; }}").expect("a string");
    }
    let to = std::env::var("OUT_DIR").expect("cargo sets it");
    std::fs::write(Path::new(&to).join("programs.rs"), text).expect("cargo's directory");
}

/// Puts one parameter.
fn statement(slot: usize, source: Source, mark: &str) -> String {
    let method = method(source);
    if source.is_in_registers() {
        return format!("{mark}to.number({slot}, {mark}call.{method});");
    }
    let (name, arguments) = method.split_once('(').expect("a call");
    format!("{mark}to.{name}({slot}, {arguments};")
}

/// The call of the method for a source: `OpenMode(1, 2)` is `open_mode(1, 2)`.
fn method(source: Source) -> String {
    let text = format!("{source:?}").replace('[', "&[");
    let (name, arguments) = text.split_once('(').unwrap_or((&text, ")"));
    let mut method = String::new();
    for (at, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && at > 0 {
            method.push('_');
        }
        method.push(letter.to_ascii_lowercase());
    }
    format!("{method}_of({arguments}")
}
