//! Outputs of rules with what the configuration adds to them.

use std::sync::Arc;

use super::append::{AppendOutput, ExtraField, Match, Placement};
use super::report::Text;
use crate::filter::error::Error;
use crate::filter::field::Context;
use crate::filter::predicate::{Node, Run};
use crate::filter::table::FieldTable;
use crate::filter::template::Template;
use crate::output::FieldValue;

/// The output of a rule: pieces one behind the other.
#[derive(Debug, Default)]
pub struct Output {
    pieces: Vec<Piece>,
}

#[derive(Debug)]
struct Piece {
    /// Condition, among the shared ones, under which it is there.
    when: Option<Node>,
    text: Option<Template>,
    fields: Vec<Extra>,
}

/// A field that no text shows.
#[derive(Debug)]
enum Extra {
    Field(Template),
    Formatted(Arc<str>, Template),
}

/// One entry of `append_output`, its condition compiled.
pub struct Addition {
    /// Which rules.
    pub matches: Match,
    placement: Placement,
    when: Option<usize>,
    text: Option<Text>,
    fields: Vec<ExtraField>,
}

impl Addition {
    /// The entry with the number of its condition among the shared ones.
    pub fn new(append: &AppendOutput, when: Option<usize>) -> Self {
        Self {
            matches: append.matches.clone(),
            placement: append.placement,
            when,
            text: append.extra_output.clone(),
            fields: append.extra_fields.clone(),
        }
    }

    /// Whether its text is right.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn check(text: &str, fields: &FieldTable) -> Result<(), Vec<Error>> {
        Template::compile(text, fields).map(drop)
    }

    /// A piece with a blank before the text; `None` where the text is wrong,
    /// which was reported when it was checked.
    fn piece(&self, table: &FieldTable) -> Option<Piece> {
        let compile = |text: &str| Template::compile(text, table).ok();
        let text = match &self.text {
            Some(text) => Some(compile(&format!(" {}", text.as_str()))?),
            None => None,
        };
        let fields = self.fields.iter().map(|field| match field {
            ExtraField::Field(name) => compile(&format!("%{}", name.as_str())).map(Extra::Field),
            ExtraField::Formatted { name, format } => compile(format.as_str())
                .map(|format| Extra::Formatted(name.as_str().into(), format)),
        });
        Some(Piece {
            when: self.when.map(Node::Macro),
            text,
            fields: fields.collect::<Option<_>>()?,
        })
    }
}

/// Builds outputs.
pub struct OutputBuilder<'t> {
    text: &'t str,
    whole: Template,
}

impl<'t> OutputBuilder<'t> {
    /// Starts with the output of a rule.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn new(text: &'t str, fields: &FieldTable) -> Result<Self, Vec<Error>> {
        let text = text.trim_end_matches('\n');
        let whole = Template::compile(text, fields)?;
        Ok(Self { text, whole })
    }

    /// Adds what is added to this rule.
    pub fn build(self, additions: &[&Addition], fields: &FieldTable) -> Output {
        let pieces = |placement| {
            let placed = additions.iter().filter(move |a| a.placement == placement);
            placed.filter_map(|addition| addition.piece(fields))
        };
        let mut inside = pieces(Placement::BeforeClosingParenthesis).peekable();
        let has_inside = inside.peek().is_some();
        let mut all = Vec::new();
        match closing(self.text, fields).filter(|_| has_inside) {
            Some((head, tail)) => {
                all.push(head.into());
                all.extend(inside);
                all.push(tail.into());
            }
            None => {
                all.push(self.whole.into());
                all.extend(inside);
            }
        }
        all.extend(pieces(Placement::End));
        Output { pieces: all }
    }
}

/// The text before and from the `)` that ends it. None when that belongs to a
/// transformer, whose text would be cut.
fn closing(text: &str, fields: &FieldTable) -> Option<(Template, Template)> {
    let end = text.trim_end();
    let head = end.strip_suffix(')')?;
    let compile = |text| Template::compile(text, fields).ok();
    Some((compile(head)?, compile(&text[head.len()..])?))
}

impl From<Template> for Piece {
    fn from(text: Template) -> Self {
        Self {
            when: None,
            text: Some(text),
            fields: Vec::new(),
        }
    }
}

impl Output {
    /// Whether it may show, or depend on, what a descriptor is; `shared` as
    /// [`Shared::may_name_files`](crate::filter::predicate::Shared::may_name_files) has it.
    pub fn may_name_files(&self, shared: &[bool]) -> bool {
        self.pieces.iter().any(|piece| {
            let extra = piece.fields.iter().map(|extra| match extra {
                Extra::Field(template) | Extra::Formatted(_, template) => template,
            });
            let mut texts = piece.text.iter().chain(extra);
            texts.any(Template::may_name_files)
                || piece
                    .when
                    .as_ref()
                    .is_some_and(|when| when.may_name_files(shared))
        })
    }

    /// Writes the text, and the fields if they are wanted.
    pub fn render<'a>(
        &'a self,
        run: &mut Run<'a, '_>,
        text: &mut String,
        mut fields: Option<&mut Vec<(Arc<str>, FieldValue)>>,
    ) {
        for piece in &self.pieces {
            if !piece.when.as_ref().is_none_or(|when| when.holds(run)) {
                continue;
            }
            if let Some(template) = &piece.text {
                template.render(run.context(), text);
            }
            if let Some(fields) = fields.as_deref_mut() {
                piece.add_fields(run.context(), fields);
            }
        }
    }
}

impl Piece {
    fn add_fields<'a>(&'a self, ctx: &Context<'a>, fields: &mut Vec<(Arc<str>, FieldValue)>) {
        if let Some(template) = &self.text {
            template.values(ctx, fields);
        }
        for extra in &self.fields {
            match extra {
                Extra::Field(template) => template.values(ctx, fields),
                Extra::Formatted(name, template) => {
                    let mut text = String::new();
                    template.render(ctx, &mut text);
                    fields.push((Arc::clone(name), FieldValue::Text(text)));
                }
            }
        }
    }
}
