//! Where the tables of a lake are.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use deltalake_core::{DeltaTable, DeltaTableBuilder};
use url::Url;

use super::durable::{DurableFileSystem, SystemSync};

/// A lake in a local folder. Given as a path, absolute or from the current folder, or as a
/// `file://` URL.
#[derive(Debug, Clone)]
pub struct Lake {
    root: PathBuf,
    store: DurableFileSystem,
}

impl Default for Lake {
    fn default() -> Self {
        Self::new(PathBuf::from("/"))
    }
}

impl Lake {
    /// The lake in this (absolute) folder, synced by the operating system.
    pub fn new(root: PathBuf) -> Self {
        Self { root, store: DurableFileSystem::new(Arc::new(SystemSync)) }
    }

    /// The same folder through another store.
    pub fn with_store(self, store: DurableFileSystem) -> Self {
        Self { store, ..self }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of a topic's table.
    pub fn folder(&self, topic: &str) -> PathBuf {
        self.root.join(table_name(topic))
    }

    /// A handle on a topic's table, which may not exist.
    ///
    /// # Errors
    /// When the folder's path is no URL.
    pub fn delta(&self, topic: &str) -> anyhow::Result<DeltaTable> {
        let folder = self.folder(topic);
        let url = Url::from_directory_path(&folder)
            .map_err(|()| anyhow::anyhow!("{} is not an absolute path", folder.display()))?;
        let store = Arc::new(self.store.clone());
        Ok(DeltaTableBuilder::from_url(url.clone())?.with_storage_backend(store, url).build()?)
    }
}

impl FromStr for Lake {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = match Url::parse(text) {
            Ok(url) if url.scheme() == "file" => url
                .to_file_path()
                .map_err(|()| format!("{text} names no folder; write file:///path/to/lake"))?,
            Ok(url) if text.contains("://") => {
                return Err(format!(
                    "the scheme {} is not supported; give a folder or a file:// URL",
                    url.scheme()
                ));
            }
            _ => PathBuf::from(text),
        };
        std::path::absolute(&path)
            .map(Self::new)
            .map_err(|error| format!("{} is not a folder: {error}", path.display()))
    }
}

/// The name of a topic's table: the topic's, with underscores for dots.
pub fn table_name(topic: &str) -> String {
    topic.replace('.', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lake_is_a_folder() {
        let lake: Lake = "file:///var/lake".parse().unwrap();
        let table = lake.folder("orders.order.events.v1");
        assert_eq!(table, Path::new("/var/lake/orders_order_events_v1"));
        assert!("var/lake".parse::<Lake>().unwrap().root().is_absolute());
        assert!("s3://bucket/lake".parse::<Lake>().unwrap_err().contains("s3"));
    }
}
