//! What a field is: the columns of the one table of fields, and the values
//! that fields have.

use std::cell::OnceCell;
use std::net::IpAddr;

use bumpalo::Bump;

use super::fields::descriptor::Fd;
use crate::event::Event;
use crate::state::{State, Thread};

/// A value of a field for one event. Bytes borrow from the record, from the
/// state, or from the event's arena.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// True or false.
    Bool(bool),
    /// Signed number.
    Int(i64),
    /// Unsigned number.
    Uint(u64),
    /// Floating-point number.
    Double(f64),
    /// Text; not necessarily UTF-8.
    Text(&'a [u8]),
    /// Bytes.
    Bytes(&'a [u8]),
    /// Address.
    Ip(IpAddr),
    /// Several values.
    List(&'a [Value<'a>]),
}

/// Type of a field; decides which operators it takes and how it is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// [`Value::Bool`].
    Bool,
    /// [`Value::Int`].
    Int,
    /// [`Value::Uint`].
    Uint,
    /// [`Value::Double`].
    Double,
    /// [`Value::Uint`], nanoseconds since the epoch.
    AbsTime,
    /// [`Value::Uint`], nanoseconds.
    RelTime,
    /// [`Value::Uint`], a port: constants may be names of services.
    Port,
    /// [`Value::Text`].
    Text,
    /// [`Value::Text`], a path.
    Path,
    /// [`Value::Bytes`].
    Bytes,
    /// [`Value::Ip`].
    Ip,
    /// [`Value::Ip`], compared with networks.
    Net,
    /// [`Value::Ip`], compared with names of hosts.
    Host,
    /// That of the argument which the field names (`evt.rawarg.X`).
    Dynamic,
}

/// Whether a field takes an argument: `proc.aname[2]`, `proc.env[HOME]`, `evt.arg.fd`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgKind {
    /// No argument.
    None,
    /// May have a number.
    OptionalIndex,
    /// May have a name.
    OptionalKey,
    /// May have either.
    OptionalIndexOrKey,
    /// Must have a name.
    Key,
    /// Must have either.
    IndexOrKey,
    /// Must have a name, behind a dot instead of in brackets.
    Dotted,
    /// May have a name behind a dot.
    OptionalDotted,
    /// Must have a name behind a dot, or a number.
    IndexOrDotted,
}

impl ArgKind {
    /// Whether there may be a name behind a dot.
    pub fn is_dotted(self) -> bool {
        matches!(
            self,
            Self::Dotted | Self::OptionalDotted | Self::IndexOrDotted
        )
    }
}

/// How a value is printed, where its type does not say it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Print {
    /// As values of its type are.
    #[default]
    Plain,
    /// Nine digits, zeros in front: a part of a second.
    NineDigits,
    /// In the upper-case digits of base 16.
    Hex,
    /// Without an argument, the value of the thread itself: conditions look at
    /// the ancestors.
    OwnThread,
}

/// The argument that a rule gave.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum FieldArg {
    /// None.
    None,
    /// A number.
    Index(u32),
    /// A name.
    Key(Box<str>),
}

/// How many values a field has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cardinality {
    /// One.
    One,
    /// A list: `in` means that all elements are in the set, `intersects` that one is.
    List,
    /// Without an argument a list of alternatives ([`Value::List`]), of which
    /// one must satisfy a comparison (`proc.aname`); with an argument one value.
    AnyAncestor,
    /// Both ends of a connection ([`Value::List`]): `!=` means that both
    /// differ, every other comparison that one satisfies it (`fd.ip`).
    BothEnds,
}

/// Everything that a field's value comes from.
pub struct Context<'a> {
    /// The event.
    pub event: &'a Event<'a>,
    /// The thread that made it, if known.
    pub thread: Option<&'a Thread>,
    /// All threads, users, containers.
    pub state: &'a State,
    /// Memory for values that must be put together; emptied after each event.
    pub arena: &'a Bump,
    /// Bytes are shown as base64, not as text.
    pub base64: bool,
    /// The descriptor that the event is about, once a field has asked: many do.
    pub(super) descriptor: OnceCell<Option<Fd<'a>>>,
}

impl<'a> Context<'a> {
    /// Of one event.
    pub fn new(
        event: &'a Event<'a>,
        thread: Option<&'a Thread>,
        state: &'a State,
        arena: &'a Bump,
    ) -> Self {
        Self {
            event,
            thread,
            state,
            arena,
            base64: false,
            descriptor: OnceCell::new(),
        }
    }
}

/// Reads a field. `None`: the field has no value (`<NA>`).
pub type Get = for<'a> fn(&Context<'a>, &FieldArg) -> Option<Value<'a>>;

/// One row of the table of fields.
pub struct Field {
    /// Name, without argument.
    pub name: &'static str,
    /// Type.
    pub ty: FieldType,
    /// Argument.
    pub arg: ArgKind,
    /// How many values.
    pub cardinality: Cardinality,
    /// How it is printed.
    pub print: Print,
    /// Not listed: rules that name it work, new ones should not.
    pub hidden: bool,
    /// Needs to know all that a process has open, whatever the event is about.
    pub open_files: bool,
    /// Needs to know the environments of programs that ran before the first event.
    pub environments: bool,
    /// What it means, one line.
    pub about: &'static str,
    /// A value as it is printed; empty if it never has one.
    pub example: &'static str,
    /// Version of the program that had it first.
    pub since: &'static str,
    /// How it is read.
    pub get: Get,
}
