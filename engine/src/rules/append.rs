//! Text that the configuration adds to the outputs of rules.

use super::model::Rule;
use super::report::Text;

/// One entry of `append_output`.
#[derive(Clone, Debug, Default)]
pub struct AppendOutput {
    /// Which rules.
    pub matches: Match,
    /// Text with fields to add.
    pub extra_output: Option<Text>,
    /// Fields to add to the alert's fields.
    pub extra_fields: Vec<ExtraField>,
    /// Where the text goes.
    pub placement: Placement,
    /// Add the fields that describe container and pod.
    pub suggested: bool,
    /// Condition under which all of it is added; always, if there is none.
    pub when: Option<Text>,
}

/// A condition on rules; what is not given matches all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Match {
    /// Source.
    pub source: Option<String>,
    /// Name.
    pub rule: Option<String>,
    /// Tags; the rule must have all.
    pub tags: Vec<String>,
}

/// A field to add to an alert.
#[derive(Clone, Debug)]
pub enum ExtraField {
    /// A field, with its type.
    Field(Text),
    /// A text with fields, under a name.
    Formatted {
        /// The name.
        name: String,
        /// The text.
        format: Text,
    },
}

/// Where added text goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// Behind the output.
    #[default]
    End,
    /// Before the `)` that ends the output; behind it, if it ends otherwise.
    BeforeClosingParenthesis,
}

impl Match {
    /// Whether the rule is concerned.
    pub fn covers(&self, rule: &Rule) -> bool {
        self.source
            .as_ref()
            .is_none_or(|source| *source == rule.source)
            && self.rule.as_ref().is_none_or(|name| *name == rule.name)
            && self.tags.iter().all(|tag| rule.tags.contains(tag))
    }
}
