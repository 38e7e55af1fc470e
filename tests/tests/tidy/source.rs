//! The files of the workspace, and which crate and module each belongs to.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// One Rust file.
pub struct Source {
    /// From the root of the workspace, with forward slashes.
    pub path: String,
    /// Its text.
    pub text: String,
}

impl Source {
    /// A file that exists on this page only.
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// The folder of its crate: `orders-context`.
    pub fn package(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }

    /// Its module path: `["domain", "order"]`; empty for a crate's root, a test or a tool.
    pub fn module(&self) -> Vec<String> {
        let mut parts = self.path.trim_end_matches(".rs").split('/').skip(1);
        if parts.next() != Some("src") {
            return Vec::new();
        }
        match parts.map(str::to_owned).collect::<Vec<_>>() {
            root if root == ["lib"] || root == ["main"] => Vec::new(),
            tool if tool.first().is_some_and(|first| first == "bin") => Vec::new(),
            module => module,
        }
    }

    /// Whether all of it is a test: it lies in a crate's `tests` or `benches` folder.
    pub fn is_test(&self) -> bool {
        matches!(self.path.split('/').nth(1), Some("tests" | "benches"))
    }
}

/// One crate's `Cargo.toml`, as far as the rules need it.
pub struct Manifest {
    /// The folder of the crate.
    pub package: String,
    /// The names under `[dependencies]`, as `Cargo.toml` spells them.
    pub dependencies: Vec<String>,
}

impl Manifest {
    /// Reads the names of the dependencies; those of tests alone are left out, because the
    /// compiler itself keeps them out of everything else.
    pub fn parse(package: &str, toml: &str) -> Self {
        let mut dependencies = Vec::new();
        let mut inside = false;
        for line in toml.lines().map(str::trim) {
            if line.starts_with('[') {
                inside = line.ends_with("dependencies]") && !line.contains("dev-dependencies");
                if let Some(name) = line.strip_prefix("[dependencies.") {
                    dependencies.push(name.trim_end_matches(']').to_owned());
                }
            } else if inside && !line.starts_with('#') {
                let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
                dependencies.extend((!name.is_empty()).then(|| name.to_owned()));
            }
        }
        Self { package: package.to_owned(), dependencies }
    }

    /// Whether that crate is a dependency, however it spells its dashes.
    pub fn depends_on(&self, name: &str) -> bool {
        self.dependencies.iter().any(|each| each.replace('-', "_") == name.replace('-', "_"))
    }
}

/// Everything the rules look at.
pub struct Workspace {
    /// Every Rust file.
    pub sources: Vec<Source>,
    /// Every crate.
    pub manifests: Vec<Manifest>,
}

impl Workspace {
    /// Reads the workspace this test belongs to.
    pub fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
        let toml = fs::read_to_string(root.join("Cargo.toml")).unwrap();
        let mut workspace = Self { sources: Vec::new(), manifests: Vec::new() };
        for package in members(&toml) {
            let folder = root.join(&package);
            let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
            workspace.manifests.push(Manifest::parse(&package, &manifest));
            for file in rust_files(&folder) {
                let path = file.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
                workspace.sources.push(Source { path, text: fs::read_to_string(file).unwrap() });
            }
        }
        assert!(workspace.sources.len() > 20, "The workspace at {} was not read.", root.display());
        workspace
    }

    /// The manifest of the crate in that folder.
    pub fn manifest(&self, package: &str) -> Option<&Manifest> {
        self.manifests.iter().find(|manifest| manifest.package == package)
    }
}

fn members(toml: &str) -> Vec<String> {
    let list = toml.split("members = [").nth(1).and_then(|rest| rest.split(']').next());
    let quoted = list.unwrap_or_default().split('"').skip(1).step_by(2);
    quoted.map(str::to_owned).collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() && entry.file_name() != "target" {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_are_read_without_what_only_tests_need() {
        let toml = "[package]\nname = \"x\"\n[dependencies]\nserde.workspace = true\n\
                    # why\nalpha-beta = { path = \"..\" }\n[dev-dependencies]\nproptest = \"1\"\n";
        let manifest = Manifest::parse("x", toml);
        assert_eq!(manifest.dependencies, ["serde", "alpha-beta"]);
        assert!(manifest.depends_on("alpha_beta") && !manifest.depends_on("proptest"));
    }

    #[test]
    fn a_path_says_which_module_a_file_is() {
        let module = |path: &str| Source::new(path, "").module().join("::");
        assert_eq!(module("orders-context/src/domain/flow.rs"), "domain::flow");
        assert_eq!(module("orders-context/src/domain.rs"), "domain");
        assert_eq!(module("orders-context/src/main.rs"), "");
        assert_eq!(module("orders-context/tests/spec.rs"), "");
    }
}
