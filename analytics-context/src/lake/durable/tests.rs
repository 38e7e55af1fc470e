//! What is left beside files in their places.

use std::time::{Duration, SystemTime};

use object_store::ObjectStoreExt as _;

use super::*;

/// A disk that takes no bytes any more.
#[derive(Debug)]
struct Full;

impl FileSync for Full {
    fn file(&self, _path: &FilePath) -> io::Result<()> {
        Err(ErrorKind::StorageFull.into())
    }

    fn folder(&self, _path: &FilePath) -> io::Result<()> {
        Ok(())
    }
}

/// What lies in a folder.
fn names(folder: &FilePath) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_file_that_cannot_be_made_durable_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = DurableFileSystem::new(Arc::new(Full));
    let place = Path::from_absolute_path(folder.path().join("ramen")).unwrap();
    for _ in 0..2 {
        store.put(&place, "noodles".into()).await.unwrap_err();
        assert_eq!(names(folder.path()), Vec::<String>::new());
    }
}

#[test]
fn what_dead_writers_have_left_is_swept_once_it_is_old() {
    let folder = tempfile::tempdir().unwrap();
    let day = Duration::from_secs(24 * 3600);
    std::fs::create_dir(folder.path().join("log")).unwrap();
    for (name, age) in [
        ("rows.parquet#1", day),
        ("log/7.json#12", 2 * day),
        ("log/8.json#1", day / 2),
        ("rows.parquet", 9 * day),
        ("rows#last", 9 * day),
        ("rows#", 9 * day),
    ] {
        let file = File::create(folder.path().join(name)).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    }
    assert_eq!(sweep(folder.path(), day).unwrap(), 2);
    assert_eq!(names(folder.path()), ["log", "rows#", "rows#last", "rows.parquet"]);
    assert_eq!(names(&folder.path().join("log")), ["8.json#1"]);
}
