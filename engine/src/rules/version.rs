//! What rule files require.

use super::diagnostic::Code;
use super::item::Item;
use super::report::Report;
use super::yaml::Kind;

/// Version of the rule language that this engine understands.
pub const ENGINE_VERSION: (u64, u64, u64) = (0, 62, 0);

/// Checks `required_engine_version`.
pub fn engine(item: &Item<'_>, report: &mut Report) {
    let Some(scalar) = item.required("required_engine_version", report) else {
        return;
    };
    item.finish(report);
    let Some(required) = parse(&scalar.text) else {
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
}

/// Checks the shape of `required_plugin_versions`: what plugins do elsewhere
/// is built in.
pub fn plugins(item: &Item<'_>, report: &mut Report) {
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
        let Kind::Map(pairs) = &entry.kind else {
            let message = "entry is not a map with `name` and `version`";
            item.report(report, Code::YamlValidate, entry.place, message);
            continue;
        };
        let entry = Item::new(entry, pairs, "required plugin version");
        entry.required("name", report);
        entry.required("version", report);
        entry.get("alternatives");
        entry.finish(report);
    }
}

/// `x.y.z`, or `N` for `0.N.0`.
fn parse(text: &str) -> Option<(u64, u64, u64)> {
    let digits = |part: &str| part.parse().ok().filter(|_| !part.starts_with('+'));
    let parts: Option<Vec<u64>> = text.split('.').map(digits).collect();
    match parts?[..] {
        [minor] => Some((0, minor, 0)),
        [major, minor, patch] => Some((major, minor, patch)),
        _ => None,
    }
}
