// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! One program for each event that a system call makes, out of the table of events:
//! its name, and one statement for each parameter; and one more where what the descriptor
//! is can be left out. A source of parameters that the
//! programs do not know is an error of the compiler.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use falco_abi::ebpf::MESSAGES_MAX;
use falco_abi::event::{ABOUT_FD, Event, Param, Source};
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
        let name = match event.info().name {
            "" => "syscall",
            name => name,
        };
        let params = event.info().params;
        if matches!(event, Event::Sendmmsg | Event::Recvmmsg) {
            program(
                &mut text,
                &format!("messages!(call_{name}, {event:?}, 0"),
                params,
            );
            for message in 1..MESSAGES_MAX {
                let head = format!("messages!(call_{name}_{message}, {event:?}, {message}");
                program(&mut text, &head, params);
            }
        } else {
            call(&mut text, name, event, params);
        }
        if event.info().tells_of_fd() {
            let told = &params[..params.len() - ABOUT_FD];
            call(&mut text, &format!("{name}_bare"), event, told);
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

/// The program of a call with one record, which has these parameters.
fn call(text: &mut String, name: &str, event: Event, params: &[Param]) {
    let in_registers =
        params.len() <= NUMBERS_MAX && params.iter().all(|param| param.source.is_in_registers());
    let kind = if in_registers { "numbers" } else { "program" };
    program(text, &format!("{kind}!(call_{name}, {event:?}"), params);
}

fn program(text: &mut String, head: &str, params: &[Param]) {
    writeln!(text, "{head}, {}, call, to, {{", params.len()).expect("a string");
    for (slot, param) in params.iter().enumerate() {
        writeln!(text, "    {}", statement(slot, param.source, "")).expect("a string");
    }
    writeln!(text, "}});").expect("a string");
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
