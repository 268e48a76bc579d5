//! What stands around a schema: names, scope, and what `kubectl get` prints.

use super::PART_OF;
use super::schema::{Field, Schema};
use serde_json::{Value, json};

/// A kind that the API server is to serve.
pub(super) struct Definition {
    /// Group and version.
    pub(super) api_version: &'static str,
    pub(super) kind: &'static str,
    pub(super) plural: &'static str,
    pub(super) short_names: &'static [&'static str],
    pub(super) namespaced: bool,
    /// What it is, for `kubectl explain`.
    pub(super) about: &'static str,
    pub(super) columns: Vec<Column>,
    /// Whether its status is written apart from the rest.
    pub(super) has_status: bool,
}

/// A column of `kubectl get`: its name, its type, and where the value is.
pub(super) type Column = (&'static str, &'static str, &'static str);

const AGE: Column = ("Age", "date", ".metadata.creationTimestamp");

impl Definition {
    /// The definition, with the fields beside `metadata`.
    pub(super) fn with<'a>(self, fields: impl IntoIterator<Item = Field<'a>>) -> Value {
        self.with_root(fields, |root| root)
    }

    /// The same, with rules over the whole object.
    pub(super) fn with_root<'a>(
        self,
        fields: impl IntoIterator<Item = Field<'a>>,
        finish: impl FnOnce(Schema) -> Schema,
    ) -> Value {
        let (group, version) = self.api_version.split_once('/').unwrap_or((self.api_version, ""));
        let head = [
            ("apiVersion", "Group and version of the API.", Schema::text()),
            ("kind", "The kind of the object.", Schema::text()),
            ("metadata", "", Schema::metadata()),
        ];
        let root: Value = finish(Schema::object(head.into_iter().chain(fields)).about(self.about)).into();
        let columns: Vec<Value> = self
            .columns
            .iter()
            .chain([&AGE])
            .map(|(name, kind, path)| json!({"name": name, "type": kind, "jsonPath": path}))
            .collect();
        let mut version = json!({
            "name": version,
            "served": true,
            "storage": true,
            "additionalPrinterColumns": columns,
            "schema": {"openAPIV3Schema": root},
        });
        if self.has_status {
            version["subresources"] = json!({"status": {}});
        }
        let mut names = json!({
            "kind": self.kind,
            "listKind": format!("{}List", self.kind),
            "plural": self.plural,
            "singular": self.kind.to_lowercase(),
        });
        if !self.short_names.is_empty() {
            names["shortNames"] = json!(self.short_names);
        }
        json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{}.{group}", self.plural), "labels": {PART_OF.0: PART_OF.1}},
            "spec": {
                "group": group,
                "scope": if self.namespaced { "Namespaced" } else { "Cluster" },
                "names": names,
                "versions": [version],
            },
        })
    }
}
