//! What rule files require.

use super::diagnostic::Code;
use super::item::Item;
use super::model::Library;
use super::report::Report;
use crate::yaml::{Kind, Node};

/// Version of the rule language that this engine understands.
pub const ENGINE_VERSION: (u64, u64, u64) = (0, 62, 0);

/// Plugins of which the engine does the work itself, with the version that it
/// is equal to.
const BUILT_IN: [(&str, (u64, u64, u64)); 2] = [("container", (0, 7, 1)), ("k8smeta", (0, 4, 1))];

/// Checks `required_engine_version`.
pub fn engine(item: &Item<'_>, library: &mut Library, report: &mut Report) {
    let Some(scalar) = item.required("required_engine_version", report) else {
        return;
    };
    item.finish(report);
    let number = number(&scalar.text).map(|minor| (0, u64::from(minor), 0));
    let Some(required) = number.or_else(|| semantic(&scalar.text)) else {
        let message = format!(
            "`{}` is no version: expected a number or `x.y.z`",
            scalar.text
        );
        item.report(report, Code::YamlValidate, scalar.place(), message);
        return;
    };
    let (major, minor, patch) = ENGINE_VERSION;
    if required.0 != major || required > ENGINE_VERSION {
        let message = format!(
            "rules need version {}.{}.{} of the engine, this is {major}.{minor}.{patch}",
            required.0, required.1, required.2
        );
        item.report(report, Code::Validate, scalar.place(), message);
    }
    library.engine_version = Some(format!("{}.{}.{}", required.0, required.1, required.2));
}

/// Checks `required_plugin_versions`: of each entry one plugin, or what does
/// its work, must be there.
pub fn plugins(item: &Item<'_>, library: &mut Library, report: &mut Report) {
    let Some(node) = item.get("required_plugin_versions") else {
        return;
    };
    item.finish(report);
    let Kind::Sequence(entries) = &node.kind else {
        let message = "`required_plugin_versions` is not a sequence";
        item.report(report, Code::YamlValidate, node.place, message);
        return;
    };
    for entry in entries {
        let before = report.len();
        let Some(first) = plugin(entry, true, report) else {
            continue;
        };
        let mut all = vec![first];
        if let Kind::Map(pairs) = &entry.kind
            && let Some(alternatives) = Item::new(entry, pairs, "plugin").get("alternatives")
        {
            match &alternatives.kind {
                Kind::Sequence(nodes) => {
                    all.extend(nodes.iter().filter_map(|node| plugin(node, false, report)));
                }
                _ if alternatives.is_null() => {}
                _ => {
                    let message = "`alternatives` is not a sequence";
                    item.report(report, Code::YamlValidate, alternatives.place, message);
                }
            }
        }
        for (at, (name, _)) in all.iter().enumerate() {
            if all[..at].iter().any(|(earlier, _)| earlier == name) {
                let message = format!("plugin `{name}` is named twice in one entry");
                item.report(report, Code::Validate, entry.place, message);
            }
        }
        if report.len() == before && !all.iter().any(|(name, version)| is_there(name, version)) {
            let names: Vec<_> = all.iter().map(|(n, v)| format!("{n} {v}")).collect();
            let message = format!(
                "rules need plugin {}, which is not there",
                names.join(" or ")
            );
            item.report(report, Code::Validate, entry.place, message);
        }
        library.plugins.push(all);
    }
}

/// Name and version of an entry or of an alternative to it.
fn plugin(node: &Node, alternatives: bool, report: &mut Report) -> Option<(String, String)> {
    let Kind::Map(pairs) = &node.kind else {
        let message = "entry is not a map with `name` and `version`";
        report.add(Code::YamlValidate, node.place, None, message);
        return None;
    };
    let entry = Item::new(node, pairs, "required plugin version");
    let name = entry.required("name", report);
    let version = entry.required("version", report);
    if alternatives {
        entry.get("alternatives");
    }
    entry.finish(report);
    let (name, version) = (name?, version?);
    if semantic(&version.text).is_none() {
        let message = format!("`{}` is no version: expected `x.y.z`", version.text);
        entry.report(report, Code::Validate, version.place(), message);
        return None;
    }
    Some((name.text.clone(), version.text.clone()))
}

fn is_there(name: &str, version: &str) -> bool {
    let own = BUILT_IN.iter().find(|(own, _)| *own == name);
    own.zip(semantic(version))
        .is_some_and(|((_, own), required)| own.0 == required.0 && *own >= required)
}

/// A whole number as YAML writes it: decimal, octal or hexadecimal.
fn number(text: &str) -> Option<u32> {
    let hexadecimal = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let (digits, radix) = match (hexadecimal, text.strip_prefix('0')) {
        (Some(digits), _) => (digits, 16),
        (None, Some(digits)) if !digits.is_empty() => (digits, 8),
        _ => (text, 10),
    };
    let digits = Some(digits).filter(|digits| !digits.starts_with(['+', '-']));
    u32::from_str_radix(digits?, radix).ok()
}

/// `x.y.z`; what follows is not looked at.
fn semantic(text: &str) -> Option<(u64, u64, u64)> {
    let mut rest = text.trim_start();
    let mut part = |dot: bool| {
        if dot {
            rest = rest.strip_prefix('.')?;
        }
        let end = rest.find(|c: char| !c.is_ascii_digit());
        let (digits, behind) = rest.split_at(end.unwrap_or(rest.len()));
        rest = behind;
        digits.parse().ok()
    };
    Some((part(false)?, part(true)?, part(true)?))
}
