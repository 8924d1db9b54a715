//! The workspace as `cargo metadata` tells it.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::command::{cargo, output};
use crate::error::{Error, Result};

/// The checkout: where it lies and which packages it has.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// One member of the workspace.
#[derive(Debug, Clone, Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Goes to the registry: false for xtask and the benches.
    pub(crate) published: bool,
    pub(crate) has_library: bool,
    pub(crate) test_targets: Vec<String>,
    /// Each feature with what it switches on.
    pub(crate) features: Vec<(String, Vec<String>)>,
    pub(crate) dependencies: Vec<Dependency>,
}

/// One line of a package's dependency tables.
#[derive(Debug, Clone)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) dev: bool,
}

impl Workspace {
    pub(crate) fn load() -> Result<Self> {
        let text = output(cargo().args(["metadata", "--format-version", "1", "--no-deps"]))?;
        let metadata = serde_json::from_str(&text)
            .map_err(|cause| Error::new(format!("`cargo metadata` printed no JSON: {cause}")))?;
        Ok(Self::from_metadata(&metadata))
    }

    fn from_metadata(metadata: &Value) -> Self {
        Self {
            root: text(&metadata["workspace_root"]).into(),
            target: text(&metadata["target_directory"]).into(),
            packages: items(&metadata["packages"]).map(Package::from_metadata).collect(),
        }
    }

    /// A cargo that starts at the root, wherever the caller stands.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = cargo();
        command.current_dir(&self.root);
        command
    }
}

impl Package {
    fn from_metadata(package: &Value) -> Self {
        let targets = || items(&package["targets"]);
        let is = |target: &Value, kind: &str| items(&target["kind"]).any(|k| k == kind);
        Self {
            name: text(&package["name"]),
            published: package["publish"].is_null(),
            has_library: targets().any(|target| is(target, "lib") || is(target, "proc-macro")),
            test_targets: targets()
                .filter(|target| is(target, "test"))
                .map(|target| text(&target["name"]))
                .collect(),
            features: features(&package["features"]),
            dependencies: items(&package["dependencies"]).map(Dependency::from_metadata).collect(),
        }
    }
}

impl Dependency {
    fn from_metadata(dependency: &Value) -> Self {
        Self { name: text(&dependency["name"]), dev: dependency["kind"] == "dev" }
    }
}

fn features(table: &Value) -> Vec<(String, Vec<String>)> {
    let entries = table.as_object().into_iter().flatten();
    entries.map(|(name, enables)| (name.clone(), items(enables).map(text).collect())).collect()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_read_with_its_tests_features_and_kinds_of_dependencies() {
        let metadata = serde_json::json!({
            "workspace_root": "root", "target_directory": "root/target",
            "packages": [{
                "name": "a", "publish": [],
                "targets": [{"name": "a", "kind": ["lib"]}, {"name": "loom", "kind": ["test"]}],
                "features": {"default": ["x"], "x": []},
                "dependencies": [{"name": "b", "kind": null}, {"name": "c", "kind": "dev"}],
            }],
        });
        let workspace = Workspace::from_metadata(&metadata);
        let package = &workspace.packages[0];
        assert!(!package.published && package.has_library);
        assert_eq!(package.test_targets, ["loom"]);
        assert_eq!(package.features[0], ("default".to_owned(), vec!["x".to_owned()]));
        assert_eq!(package.dependencies.iter().map(|d| d.dev).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn this_workspace_has_xtask_in_it() {
        let workspace = Workspace::load().unwrap();
        assert!(
            workspace.packages.iter().any(|package| package.name == "xtask" && !package.published)
        );
    }
}
