//! What the API server answers, the parts that are used.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Object;

/// Asks for metadata alone: a tenth of a whole object.
pub(super) const METADATA: &str =
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
/// The same for lists.
pub(super) const METADATA_LIST: &str =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
/// Whole objects.
pub(super) const WHOLE: &str = "application/json";

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Metadata {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) uid: String,
    labels: Option<BTreeMap<String, String>>,
    owner_references: Vec<Owner>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Owner {
    pub(super) kind: String,
    pub(super) name: String,
    controller: bool,
}

/// Anything, by its metadata.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Partial {
    pub(super) metadata: Metadata,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Service {
    metadata: Metadata,
    spec: ServiceSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ServiceSpec {
    selector: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct List<T> {
    pub(super) metadata: ListMetadata,
    #[serde(default = "Vec::new")]
    pub(super) items: Vec<T>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ListMetadata {
    pub(super) resource_version: String,
    /// Where the list goes on; empty at its end.
    #[serde(rename = "continue")]
    pub(super) next: String,
}

/// One line of a watch.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Change {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) object: Partial,
}

impl Metadata {
    /// Who made it and keeps it.
    pub(super) fn controller(&self) -> Option<&Owner> {
        self.owner_references.iter().find(|owner| owner.controller)
    }

    pub(super) fn object(&self) -> Object {
        Object {
            name: self.name.clone(),
            uid: self.uid.clone(),
            labels: self
                .labels
                .clone()
                .unwrap_or_default()
                .into_iter()
                .collect(),
        }
    }
}

impl Service {
    /// Whether it leads to pods with these labels.
    pub(super) fn selects(&self, pod: &Metadata) -> bool {
        let selector = self.spec.selector.as_ref();
        // Without a selector somebody else says where it leads.
        let Some(selector) = selector.filter(|selector| !selector.is_empty()) else {
            return false;
        };
        let labels = pod.labels.as_ref();
        let has = |(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value);
        selector.iter().all(has)
    }

    pub(super) fn object(&self) -> Object {
        self.metadata.object()
    }
}
