//! From trees to predicates: names are looked up, types checked, constants
//! prepared, and the events found under which a condition can be true.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::arguments;
use super::ast::{
    Arg, Call, Check, Expr, FieldRef, List, Literal, Modifier, Name, Op, Right, Span,
};
use super::constant;
use super::error::{Error, ErrorKind, nearest};
use super::events::EventSet;
use super::field::{Cardinality, FieldArg, FieldType};
use super::operand::{Operand, OperandType, Transformer};
use super::predicate::{self, Join, Node, Slots};
use super::table::{BoundField, FieldTable, type_name};
use super::test::Test;
use super::weight::Weight;

/// Most levels of a condition after macros were put in.
pub const MAX_LEVELS: usize = 250;

/// Constants of each list, with lists among them already resolved.
pub type Lists = FxHashMap<Vec<u8>, Vec<Literal>>;

/// What names in a condition mean.
pub struct Scope<'a> {
    /// Fields.
    pub fields: &'a FieldTable,
    /// Lists.
    pub lists: &'a Lists,
    /// Numbers of fields.
    pub slots: &'a Slots,
    /// Macros. `Ok(None)` is one that has errors of its own.
    pub macros: &'a dyn Fn(&Name) -> Result<Option<Macro>, Error>,
}

/// A macro that was compiled.
#[derive(Clone, Copy, Debug)]
pub struct Macro {
    /// Its number among the shared conditions.
    pub shared: usize,
    /// Its events.
    pub events: Events,
    /// Its levels.
    pub levels: usize,
    /// What is expected of it.
    pub weight: Weight,
}

/// The events under which a condition can hold, and those under which it can
/// fail to. Only checks of the event's type narrow them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Events {
    /// It can hold.
    pub holds: EventSet,
    /// It can fail.
    pub fails: EventSet,
}

impl Events {
    fn any() -> Self {
        Self {
            holds: EventSet::all(),
            fails: EventSet::all(),
        }
    }

    fn not(self) -> Self {
        Self {
            holds: self.fails,
            fails: self.holds,
        }
    }

    fn and(self, other: &Self) -> Self {
        Self {
            holds: self.holds.intersection(&other.holds),
            fails: self.fails.union(&other.fails),
        }
    }

    fn or(self, other: &Self) -> Self {
        self.not().and(&other.not()).not()
    }
}

/// A compiled condition.
#[derive(Debug)]
pub struct Compiled {
    /// The predicate.
    pub node: Node,
    /// Its events.
    pub events: Events,
    /// Its levels, those of macros included.
    pub levels: usize,
    /// What is expected of it.
    pub weight: Weight,
}

impl Compiled {
    /// Both must hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            node: Node::And([self.node, other.node].into()),
            events: self.events.and(&other.events),
            levels: self.levels.max(other.levels) + 1,
            weight: Weight::all([self.weight, other.weight].into_iter()),
        }
    }

    /// It must not hold.
    #[must_use]
    #[expect(clippy::should_implement_trait, reason = "it stands beside `and`")]
    pub fn not(self) -> Self {
        Self {
            node: Node::Not(Box::new(self.node)),
            events: self.events.not(),
            levels: self.levels + 1,
            weight: self.weight.not(),
        }
    }
}

/// Compiles a condition.
///
/// # Errors
/// All errors of the condition.
pub fn compile(expr: &Expr, scope: &Scope<'_>) -> Result<Compiled, Vec<Error>> {
    let mut compiler = Compiler {
        scope,
        errors: Vec::new(),
    };
    let compiled = compiler.expr(expr);
    if compiler.errors.is_empty() {
        Ok(compiled)
    } else {
        Err(compiler.errors)
    }
}

struct Compiler<'a> {
    scope: &'a Scope<'a>,
    errors: Vec<Error>,
}

impl Compiler<'_> {
    /// Never fails: errors are collected, so that one run reports all.
    fn expr(&mut self, expr: &Expr) -> Compiled {
        match expr {
            Expr::And(parts) => self.join(parts, Node::And, Events::and, Weight::all),
            Expr::Or(parts) => self.join(parts, Node::Or, Events::or, Weight::one),
            Expr::Not(inner) => self.expr(inner).not(),
            Expr::Macro(name) => self.macro_use(name),
            Expr::Check(check) => self.check(check).unwrap_or_else(|error| {
                self.errors.push(error);
                leaf(Weight::default(), Node::Never)
            }),
        }
    }

    fn join(
        &mut self,
        parts: &[Expr],
        node: fn(Box<[Node]>) -> Node,
        combine: fn(Events, &Events) -> Events,
        weigh: fn(std::vec::IntoIter<Weight>) -> Weight,
    ) -> Compiled {
        let parts: Vec<_> = parts.iter().map(|part| self.expr(part)).collect();
        let weights: Vec<_> = parts.iter().map(|part| part.weight).collect();
        let weight = weigh(weights.into_iter());
        let events = parts.iter().map(|part| part.events);
        Compiled {
            events: events
                .reduce(|all, part| combine(all, &part))
                .unwrap_or_else(Events::any),
            levels: parts.iter().map(|part| part.levels).max().unwrap_or(0) + 1,
            weight,
            node: node(parts.into_iter().map(|part| part.node).collect()),
        }
    }

    fn macro_use(&mut self, name: &Name) -> Compiled {
        let error = match (self.scope.macros)(name) {
            Ok(Some(found)) if found.levels < MAX_LEVELS => {
                return Compiled {
                    node: Node::Macro(found.shared),
                    events: found.events,
                    levels: found.levels + 1,
                    weight: found.weight,
                };
            }
            Ok(Some(_)) => Error::new(name.span, ErrorKind::TooDeep(MAX_LEVELS)),
            Ok(None) => return leaf(Weight::default(), Node::Never),
            Err(error) => error,
        };
        self.errors.push(error);
        leaf(Weight::default(), Node::Never)
    }

    /// A check that was compiled before is the same one again: its constants
    /// are there once, and its answer counts for all.
    fn check(&self, check: &Check) -> Result<Compiled, Error> {
        let key = check.key();
        if let Some((known, weight)) = self.scope.slots.known(&key) {
            return Ok(leaf(weight, Node::Check(known)));
        }
        let compiled = self.check_anew(check)?;
        if let Node::Check(new) = &compiled.node
            && compiled.events == Events::any()
        {
            self.scope.slots.keep(key, new, compiled.weight);
        }
        Ok(compiled)
    }

    fn check_anew(&self, check: &Check) -> Result<Compiled, Error> {
        let (operand, ty) = self.operand(&check.left)?;
        let is_around = matches!(&operand, Operand::Field(field) if field.is_around());
        if !constant::supports(ty.ty, ty.list, check.op)
            || is_around && (check.op != Op::Eq || !matches!(check.right, Right::Value(_)))
        {
            return Err(Error::new(
                check.op_span,
                ErrorKind::Operator {
                    op: check.op.name(),
                    operand: operand.to_string(),
                    ty: if ty.list { "a list" } else { type_name(ty.ty) },
                },
            )
            .hint(match is_around {
                true => Some("this does: =".to_owned()),
                false => operator_hint(ty),
            }));
        }
        if let Right::Operand(right) = &check.right {
            return self.compare(operand, ty, check, right);
        }
        if let Right::List(list) = &check.right {
            self.check_name(list)?;
        }
        if let Operand::Field(field) = &operand
            && field.is_event_type()
        {
            if let Some(compiled) = self.event_check(field, check)? {
                return Ok(compiled);
            }
            // Whatever is asked of a type, it is asked of one that there is.
            for literal in &self.literals(check)? {
                event_set(field, literal)?;
            }
        }
        let test = match (&operand, &check.right) {
            (Operand::Field(field), Right::Value(literal)) if field.is_around() => {
                constant::around(&self.value(literal)?)?
            }
            _ => self.test(ty, check)?,
        };
        let join = join_of(&operand, check.op, ty.list);
        let cost = (operand.cost() + test.cost()) as f32;
        let weight = Weight::new(cost, test.chance());
        Ok(leaf(
            weight,
            Node::Check(Arc::new(predicate::Check {
                slot: self.scope.slots.of(&operand),
                operand,
                test,
                join,
            })),
        ))
    }

    fn test(&self, ty: OperandType, check: &Check) -> Result<Test, Error> {
        if ty.list && matches!(check.right, Right::Modified(..)) {
            return Err(Error::new(
                check.op_span,
                ErrorKind::Operator {
                    op: check.op.name(),
                    operand: "a list".to_owned(),
                    ty: "a list",
                },
            ));
        }
        match &check.right {
            Right::Value(literal) => constant::single(ty.ty, check.op, &self.value(literal)?),
            Right::List(list) => constant::list(ty.ty, check.op, &self.list(list)),
            Right::Modified(modifier, list) => {
                constant::modified(ty.ty, check.op, *modifier, &self.list(list))
            }
            Right::None | Right::Operand(_) => Ok(Test::Exists),
        }
    }

    /// Checks of the event's type look at no text: they become a set.
    fn event_check(&self, field: &BoundField, check: &Check) -> Result<Option<Compiled>, Error> {
        let types = match (&check.right, check.op) {
            (Right::Value(literal), Op::Eq | Op::Ne) => vec![self.value(literal)?],
            (Right::List(list), Op::In | Op::Intersects)
            | (Right::Modified(Modifier::Anyof, list), Op::Eq) => self.list(list).items,
            _ => return Ok(None),
        };
        let mut set = EventSet::EMPTY;
        for literal in &types {
            set = set.union(&event_set(field, literal)?);
        }
        let events = Events {
            holds: set,
            fails: set.complement(),
        };
        if field.field.name == "evt.type" {
            let node = Node::Event(Box::new(set));
            let compiled = Compiled {
                node,
                events,
                levels: 1,
                weight: Weight::new(1.0, 0.1),
            };
            let negated = check.op == Op::Ne;
            return Ok(Some(if negated { compiled.not() } else { compiled }));
        }
        // Several calls can make events of one kind, and some events are made
        // by none: only where a check holds is known.
        let mut compiled = leaf(
            Weight::new(2.0, 0.1),
            Node::Check(Arc::new(predicate::Check {
                operand: Operand::Field(field.clone()),
                slot: None,
                test: self.test(field.operand_type(), check)?,
                join: Join::Whole,
            })),
        );
        if check.op != Op::Ne {
            compiled.events.holds = set;
        }
        Ok(Some(compiled))
    }

    fn compare(
        &self,
        left: Operand,
        ty: OperandType,
        check: &Check,
        right: &super::ast::Operand,
    ) -> Result<Compiled, Error> {
        let span = right.span();
        let (right, right_type) = self.operand(right)?;
        if matches!(
            check.op,
            Op::Pmatch | Op::Regex | Op::Bcontains | Op::Bstartswith
        ) {
            let kind = ErrorKind::NoFieldRight(check.op.name());
            return Err(Error::new(span, kind));
        }
        if let Operand::Field(field) = &left
            && field.is_event_type()
        {
            let name = field.field.name.to_owned();
            return Err(Error::new(
                check.left.span(),
                ErrorKind::NotTransformable(name),
            ));
        }
        for (side, span) in [(&left, check.left.span()), (&right, span)] {
            if let Operand::Field(field) = side
                && !field.is_comparable()
            {
                let name = field.field.name.to_owned();
                return Err(Error::new(span, ErrorKind::NotComparable(name)));
            }
        }
        if !comparable(ty, right_type) {
            let name = |ty: OperandType| if ty.list { "a list" } else { type_name(ty.ty) };
            let kind = ErrorKind::Mismatch {
                left: name(ty),
                right: name(right_type),
            };
            return Err(Error::new(span, kind));
        }
        let join = join_of(&left, check.op, ty.list);
        let weight = Weight::new((left.cost() + right.cost() + 2) as f32, 0.5);
        Ok(leaf(
            weight,
            Node::Compare(Arc::new(predicate::Compare {
                left,
                op: check.op,
                right,
                join,
            })),
        ))
    }

    /// A word where a list is expected is the name of one, or could be.
    fn check_name(&self, list: &List) -> Result<(), Error> {
        let [literal] = list.items.as_slice() else {
            return Ok(());
        };
        let is_word = literal.bytes.first().is_some_and(u8::is_ascii_alphabetic)
            && literal
                .bytes
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || *b == b'_');
        if literal.span != list.span || is_word || self.list_items(literal).is_some() {
            return Ok(());
        }
        let kind = ErrorKind::Syntax {
            expected: "a list in parentheses".to_owned(),
            found: format!("`{}`", String::from_utf8_lossy(&literal.bytes)),
        };
        Err(Error::new(list.span, kind))
    }

    /// All constants of a check.
    fn literals(&self, check: &Check) -> Result<Vec<Literal>, Error> {
        Ok(match &check.right {
            Right::Value(literal) => vec![self.value(literal)?],
            Right::List(list) | Right::Modified(_, list) => self.list(list).items,
            Right::None | Right::Operand(_) => Vec::new(),
        })
    }

    /// The constant itself, or the only item of the list it names.
    fn value(&self, literal: &Literal) -> Result<Literal, Error> {
        let Some(items) = self.list_items(literal) else {
            return Ok(literal.clone());
        };
        match items {
            [item] => Ok(Literal {
                span: literal.span,
                ..item.clone()
            }),
            _ => Err(Error::new(
                literal.span,
                ErrorKind::ListAsValue {
                    name: String::from_utf8_lossy(&literal.bytes).into_owned(),
                    items: items.len(),
                },
            )
            .hint(Some("use `in`, or `= anyof`".to_owned()))),
        }
    }

    /// The constants with those in the place of lists that are named.
    fn list(&self, list: &List) -> List {
        let items = list.items.iter().flat_map(|literal| {
            let own = std::slice::from_ref(literal);
            let items = self.list_items(literal).unwrap_or(own);
            items.iter().map(|item| Literal {
                span: literal.span,
                ..item.clone()
            })
        });
        List {
            items: items.collect(),
            span: list.span,
        }
    }

    fn list_items(&self, literal: &Literal) -> Option<&[Literal]> {
        if literal.quoted {
            return None;
        }
        self.scope.lists.get(&literal.bytes).map(Vec::as_slice)
    }

    fn operand(&self, operand: &super::ast::Operand) -> Result<(Operand, OperandType), Error> {
        operand_in(self.scope.fields, operand)
    }
}

/// Compiles a field or a call, also outside of conditions.
///
/// # Errors
/// When a name is unknown or a type does not fit.
pub fn operand_in(
    fields: &FieldTable,
    operand: &super::ast::Operand,
) -> Result<(Operand, OperandType), Error> {
    match operand {
        super::ast::Operand::Field(field) => {
            let bound = bind(fields, field)?;
            let ty = bound.operand_type();
            Ok((Operand::Field(bound), ty))
        }
        super::ast::Operand::Call(call) => call_in(fields, call),
    }
}

fn bind(fields: &FieldTable, field: &FieldRef) -> Result<BoundField, Error> {
    let bound = fields.bind(field)?;
    if let FieldArg::Key(key) = &bound.arg {
        arguments::check(bound.field, key, field)?;
    }
    Ok(bound)
}

impl BoundField {
    /// Its type for comparisons.
    pub fn operand_type(&self) -> OperandType {
        let ty = match (&self.arg, self.field.ty) {
            (FieldArg::Key(key), FieldType::Dynamic) => {
                arguments::raw_type(key).unwrap_or(FieldType::Dynamic)
            }
            (_, ty) => ty,
        };
        OperandType {
            ty,
            list: self.is_list(),
        }
    }
}

fn call_in(fields: &FieldTable, call: &Call) -> Result<(Operand, OperandType), Error> {
    let name = &call.name;
    let Some(transformer) = Transformer::from_name(&name.text) else {
        let text = name.text.clone();
        let kind = ErrorKind::UnknownTransformer(text);
        let known = Transformer::ALL.into_iter().map(Transformer::name);
        let hint = nearest(&name.text, known);
        return Err(Error::new(name.span, kind).hint(hint));
    };
    let index = option_letter(transformer, call)?;
    check_count(transformer, call)?;
    let mut operands = Vec::with_capacity(call.args.len());
    let mut types = Vec::with_capacity(call.args.len());
    for arg in &call.args {
        let (operand, ty) = arg_in(fields, arg)?;
        operands.push(operand);
        types.push(ty);
    }
    let ty = result_type(transformer, &types).map_err(|ty| {
        let name = name.text.clone();
        Error::new(call.span, ErrorKind::ArgType { name, ty })
    })?;
    let Some(letter) = index else {
        return Ok((Operand::Call(transformer, operands.into()), ty));
    };
    operands.push(Operand::Text(letter.as_bytes().into()));
    let ty = OperandType { list: false, ..ty };
    Ok((Operand::Call(transformer, operands.into()), ty))
}

/// The one option that `getopt(…)[c]` is about.
fn option_letter(transformer: Transformer, call: &Call) -> Result<Option<&str>, Error> {
    let Some(index) = call.index.as_deref() else {
        return Ok(None);
    };
    let name = call.name.text.clone();
    let kind = match transformer {
        Transformer::Getopt if index.len() == 1 => return Ok(Some(index)),
        Transformer::Getopt => ErrorKind::NoOption(index.to_owned()),
        _ => ErrorKind::NoIndex(name),
    };
    Err(Error::new(call.span, kind))
}

fn check_count(transformer: Transformer, call: &Call) -> Result<(), Error> {
    let given = call.args.len();
    let (fits, takes) = match transformer {
        Transformer::Join | Transformer::Getopt => (given == 2, "two arguments"),
        Transformer::Concat => (given >= 2, "two or more arguments"),
        _ => (given == 1, "one argument"),
    };
    if fits {
        return Ok(());
    }
    let kind = ErrorKind::ArgCount {
        name: call.name.text.clone(),
        takes,
        given,
    };
    Err(Error::new(call.span, kind))
}

fn arg_in(fields: &FieldTable, arg: &Arg) -> Result<(Operand, OperandType), Error> {
    let text = OperandType {
        ty: FieldType::Text,
        list: false,
    };
    match arg {
        Arg::Operand(operand) => {
            let (compiled, ty) = operand_in(fields, operand)?;
            match &compiled {
                Operand::Field(field) if !field.is_plain() => {
                    let kind = ErrorKind::NotTransformable(field.field.name.to_owned());
                    Err(Error::new(operand.span(), kind))
                }
                _ => Ok((compiled, ty)),
            }
        }
        Arg::Text(literal) | Arg::Number(literal) => {
            Ok((Operand::Text(literal.bytes.as_slice().into()), text))
        }
        Arg::List(args, span) => list_in(fields, args, *span),
    }
}

fn list_in(fields: &FieldTable, args: &[Arg], span: Span) -> Result<(Operand, OperandType), Error> {
    let mut operands = Vec::with_capacity(args.len());
    for arg in args {
        let (operand, ty) = arg_in(fields, arg)?;
        if ty.list || !is_text(ty.ty) {
            let name = "(…)".to_owned();
            let ty = if ty.list { "a list" } else { type_name(ty.ty) };
            return Err(Error::new(span, ErrorKind::ArgType { name, ty }));
        }
        operands.push(operand);
    }
    let ty = OperandType {
        ty: FieldType::Text,
        list: true,
    };
    Ok((Operand::List(operands.into()), ty))
}

fn is_text(ty: FieldType) -> bool {
    matches!(ty, FieldType::Text | FieldType::Path)
}

/// What the transformer makes of these, or the type that it does not take.
fn result_type(
    transformer: Transformer,
    args: &[OperandType],
) -> Result<OperandType, &'static str> {
    let text = OperandType {
        ty: FieldType::Text,
        list: false,
    };
    let want = |fits: bool, ty: OperandType| match fits {
        true => Ok(()),
        false if ty.list => Err("a list"),
        false => Err(type_name(ty.ty)),
    };
    let &first = args.first().ok_or("nothing")?;
    match transformer {
        Transformer::Val => Ok(first),
        Transformer::Tolower | Transformer::Toupper | Transformer::Basename => {
            want(is_text(first.ty), first).map(|()| first)
        }
        Transformer::B64 => {
            let fits = is_text(first.ty) || first.ty == FieldType::Bytes;
            want(fits && !first.list, first).map(|()| text)
        }
        Transformer::Len => {
            let fits = is_text(first.ty) || first.ty == FieldType::Bytes || first.list;
            want(fits, first).map(|()| OperandType {
                ty: FieldType::Uint,
                list: false,
            })
        }
        Transformer::Join => {
            want(is_text(first.ty) && !first.list, first)?;
            args.get(1).map_or(Err("nothing"), |&list| {
                want(is_text(list.ty) && list.list, list).map(|()| text)
            })
        }
        Transformer::Getopt => {
            want(is_text(first.ty) && first.list, first)?;
            args.get(1).map_or(Err("nothing"), |&options| {
                want(is_text(options.ty) && !options.list, options).map(|()| first)
            })
        }
        Transformer::Concat => args
            .iter()
            .try_for_each(|&arg| want(is_text(arg.ty) && !arg.list, arg))
            .map(|()| text),
    }
}

fn leaf(weight: Weight, node: Node) -> Compiled {
    Compiled {
        node,
        events: Events::any(),
        levels: 1,
        weight,
    }
}

/// The events of a type. No events make a system call that does not exist; who
/// asks for one is warned.
fn event_set(field: &BoundField, literal: &Literal) -> Result<EventSet, Error> {
    let name = String::from_utf8_lossy(&literal.bytes);
    if field.field.name != "evt.type" {
        return Ok(EventSet::of_syscall(&name).unwrap_or(EventSet::EMPTY));
    }
    EventSet::of_type(&name).ok_or_else(|| {
        let hint = nearest(&name, EventSet::type_names());
        let kind = ErrorKind::UnknownEvent(name.clone().into_owned());
        Error::new(literal.span, kind).hint(hint)
    })
}

/// How the values of the left side are joined under an operator.
fn join_of(operand: &Operand, op: Op, list: bool) -> Join {
    let cardinality = match operand {
        Operand::Field(field) => field.cardinality(),
        _ if list => Cardinality::List,
        _ => Cardinality::One,
    };
    match (cardinality, op) {
        (Cardinality::List, Op::Exists) | (Cardinality::One, _) => Join::Whole,
        (Cardinality::List, Op::In) | (Cardinality::BothEnds, Op::Ne) => Join::All,
        _ => Join::Any,
    }
}

/// Whether values of the two types can be compared with each other.
fn comparable(left: OperandType, right: OperandType) -> bool {
    let same = left.ty == right.ty || is_text(left.ty) && is_text(right.ty);
    same && left.list == right.list
}

/// What would apply where an operator does not.
fn operator_hint(ty: OperandType) -> Option<String> {
    let ops = Op::ALL.into_iter();
    let fitting: Vec<_> = ops
        .filter(|&op| constant::supports(ty.ty, ty.list, op))
        .map(Op::name)
        .collect();
    Some(format!("these do: {}", fitting.join(" ")))
}
