//! Fields and transformers: where the values of a comparison come from.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bumpalo::Bump;

use super::field::{Cardinality, Context, FieldArg, FieldType, Value};
use super::ops::getopt;
use super::table::{self, BoundField};

/// Something that has a value for an event.
#[derive(Clone, Debug)]
pub enum Operand {
    /// A field.
    Field(BoundField),
    /// A transformer of other operands.
    Call(Transformer, Box<[Operand]>),
    /// A constant text.
    Text(Box<[u8]>),
    /// Several operands.
    List(Box<[Operand]>),
}

/// Type of an operand, and whether it is a list of such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperandType {
    /// Type of one value.
    pub ty: FieldType,
    /// Whether there are several.
    pub list: bool,
}

/// A function of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transformer {
    /// Letters in lower case.
    Tolower,
    /// Letters in upper case.
    Toupper,
    /// What follows the last `/`.
    Basename,
    /// What base64 text encodes.
    B64,
    /// Length of a text, number of elements of a list.
    Len,
    /// Elements of a list with a separator between them.
    Join,
    /// Texts one behind the other.
    Concat,
    /// Short options of a list of words; with a third argument the value of
    /// one option.
    Getopt,
    /// The value itself.
    Val,
}

impl Transformer {
    /// Every transformer.
    pub const ALL: [Self; 9] = [
        Self::Tolower,
        Self::Toupper,
        Self::Basename,
        Self::B64,
        Self::Len,
        Self::Join,
        Self::Concat,
        Self::Getopt,
        Self::Val,
    ];

    /// How it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tolower => "tolower",
            Self::Toupper => "toupper",
            Self::Basename => "basename",
            Self::B64 => "b64",
            Self::Len => "len",
            Self::Join => "join",
            Self::Concat => "concat",
            Self::Getopt => "getopt",
            Self::Val => "val",
        }
    }

    /// The transformer that is written so.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.name() == name)
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(field) => match &field.arg {
                FieldArg::None => f.write_str(field.field.name),
                FieldArg::Index(index) => write!(f, "{}[{index}]", field.field.name),
                FieldArg::Key(key) if field.field.arg.is_dotted() => {
                    write!(f, "{}.{key}", field.field.name)
                }
                FieldArg::Key(key) => write!(f, "{}[{key}]", field.field.name),
            },
            Self::Call(transformer, _) => write!(f, "{}(…)", transformer.name()),
            Self::Text(text) => write!(f, "{:?}", String::from_utf8_lossy(text)),
            Self::List(_) => f.write_str("(…)"),
        }
    }
}

impl Operand {
    /// About what its value costs, in comparisons.
    pub fn cost(&self) -> u32 {
        match self {
            Self::Text(_) => 0,
            Self::List(items) => items.iter().map(Self::cost).sum(),
            Self::Call(_, args) => 10 + args.iter().map(Self::cost).sum::<u32>(),
            Self::Field(field) => match field.field.name {
                "evt.num" | "evt.cpu" | "evt.rawres" | "evt.source" | "evt.failed"
                | "evt.is_async" | "evt.rawtime" => 1,
                "proc.name" | "proc.exe" | "proc.exepath" | "proc.pid" | "proc.tty"
                | "user.uid" | "container.id" => 2,
                "evt.args" | "evt.info" | "evt.arg" | "proc.cmdline" | "proc.pcmdline"
                | "proc.env" | "proc.args" | "proc.exeline" => 20,
                _ => match field.cardinality() {
                    Cardinality::AnyAncestor => 30,
                    _ => 6,
                },
            },
        }
    }

    /// Whether its value may follow from what a descriptor is.
    pub fn may_name_files(&self) -> bool {
        match self {
            Self::Field(field) => table::may_name_files(field.field),
            Self::Text(_) => false,
            Self::Call(_, items) | Self::List(items) => items.iter().any(Self::may_name_files),
        }
    }

    /// The value for the event of the context.
    #[inline]
    pub fn get<'a>(&'a self, ctx: &Context<'a>) -> Option<Value<'a>> {
        match self {
            Self::Field(field) => (field.field.get)(ctx, &field.arg),
            Self::Text(text) => Some(Value::Text(text)),
            Self::List(items) => Some(Value::List(values(items, ctx)?)),
            Self::Call(transformer, args) => transform(*transformer, args, ctx),
        }
    }
}

/// Values of all; missing when one is.
fn values<'a>(operands: &'a [Operand], ctx: &Context<'a>) -> Option<&'a [Value<'a>]> {
    let mut values = bumpalo::collections::Vec::with_capacity_in(operands.len(), ctx.arena);
    for operand in operands {
        values.push(operand.get(ctx)?);
    }
    Some(values.into_bump_slice())
}

fn transform<'a>(
    transformer: Transformer,
    args: &'a [Operand],
    ctx: &Context<'a>,
) -> Option<Value<'a>> {
    let first = args.first()?.get(ctx)?;
    Some(match transformer {
        Transformer::Val => first,
        Transformer::Tolower => map(first, ctx.arena, &|text, arena| {
            let lower = arena.alloc_slice_copy(text);
            lower.make_ascii_lowercase();
            lower
        }),
        Transformer::Toupper => map(first, ctx.arena, &|text, arena| {
            let upper = arena.alloc_slice_copy(text);
            upper.make_ascii_uppercase();
            upper
        }),
        Transformer::Basename => map(first, ctx.arena, &|text, _| {
            memchr::memrchr(b'/', text).map_or(text, |at| &text[at + 1..])
        }),
        Transformer::B64 => Value::Text(decode(first.bytes()?, ctx.arena)?),
        Transformer::Len => Value::Uint(length(first)? as u64),
        Transformer::Join => match args.get(1)?.get(ctx)? {
            Value::List(items) => Value::Text(join(first.bytes()?, items, ctx.arena)?),
            one => Value::Text(one.bytes()?),
        },
        Transformer::Concat => Value::Text(join(b"", values(args, ctx)?, ctx.arena)?),
        Transformer::Getopt => {
            let Value::List(words) = first else {
                return None;
            };
            let specification = args.get(1)?.get(ctx)?.bytes()?;
            match args.get(2) {
                None => options(words, specification, ctx.arena),
                Some(letter) => {
                    let letter = letter.get(ctx)?.bytes()?;
                    Value::Text(option(words, specification, letter)?)
                }
            }
        }
    })
}

/// Applies a function to a text, or to each of a list.
fn map<'a>(
    value: Value<'a>,
    arena: &'a Bump,
    change: &dyn Fn(&'a [u8], &'a Bump) -> &'a [u8],
) -> Value<'a> {
    match value {
        Value::Text(text) => Value::Text(change(text, arena)),
        Value::List(items) => {
            let items = items.iter().map(|item| map(*item, arena, change));
            let mut list = bumpalo::collections::Vec::new_in(arena);
            list.extend(items);
            Value::List(list.into_bump_slice())
        }
        other => other,
    }
}

fn length(value: Value<'_>) -> Option<usize> {
    match value {
        Value::List(items) => Some(items.len()),
        Value::Text(text) => Some(memchr::memchr(0, text).unwrap_or(text.len())),
        Value::Bytes(bytes) => Some(bytes.len()),
        _ => None,
    }
}

fn join<'a>(separator: &[u8], items: &[Value<'_>], arena: &'a Bump) -> Option<&'a [u8]> {
    let mut joined = bumpalo::collections::Vec::new_in(arena);
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            joined.extend_from_slice(separator);
        }
        joined.extend_from_slice(item.bytes()?);
    }
    Some(joined.into_bump_slice())
}

/// All options: the letter of each, then its value if it takes one.
fn options<'a>(words: &'a [Value<'a>], specification: &[u8], arena: &'a Bump) -> Value<'a> {
    let mut all = bumpalo::collections::Vec::new_in(arena);
    let words = words.iter().filter_map(Value::bytes);
    getopt::options(words, specification, |option| {
        all.push(Value::Text(option.letter));
        all.extend(option.value.map(Value::Text));
    });
    Value::List(all.into_bump_slice())
}

/// The value of an option where it stands last, its letter if it takes none.
fn option<'a>(words: &'a [Value<'a>], specification: &[u8], letter: &[u8]) -> Option<&'a [u8]> {
    let mut last = None;
    let words = words.iter().filter_map(Value::bytes);
    getopt::options(words, specification, |option| {
        if option.letter == letter {
            last = Some(option.value.unwrap_or(option.letter));
        }
    });
    last
}

/// What is not base64 with its padding has no value.
fn decode<'a>(text: &[u8], arena: &'a Bump) -> Option<&'a [u8]> {
    const BASE64: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::RequireCanonical)
            .with_decode_allow_trailing_bits(true),
    );
    let room = arena.alloc_slice_fill_copy(base64::decoded_len_estimate(text.len()), 0);
    let len = BASE64.decode_slice(text, room).ok()?;
    Some(&room[..len])
}
