//! Local files that survive a power cut.
//!
//! `object_store` never syncs what it writes. Here a file is written beside its place, synced,
//! moved into its place, and the folder synced: once a write returns it is there, and a file that
//! can be seen is whole.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
    UploadPart,
};

/// What makes a file or the entries of a folder durable.
pub trait FileSync: std::fmt::Debug + Send + Sync + 'static {
    /// Once this returns, the file's bytes are on the disk.
    ///
    /// # Errors
    /// What the operating system says.
    fn file(&self, path: &FilePath) -> io::Result<()>;
    /// Once this returns, the folder's entries are on the disk.
    ///
    /// # Errors
    /// What the operating system says.
    fn folder(&self, path: &FilePath) -> io::Result<()>;
}

/// `fsync`.
#[derive(Debug)]
pub struct SystemSync;

impl FileSync for SystemSync {
    fn file(&self, path: &FilePath) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn folder(&self, path: &FilePath) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}

/// The local file system as an object store whose writes are durable when they return.
#[derive(Debug, Clone)]
pub struct DurableFileSystem {
    inner: Arc<LocalFileSystem>,
    sync: Arc<dyn FileSync>,
}

impl DurableFileSystem {
    /// The whole file system, made durable by `sync`.
    pub fn new(sync: Arc<dyn FileSync>) -> Self {
        Self { inner: Arc::new(LocalFileSystem::new()), sync }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        location: &Path,
        work: impl FnOnce(&dyn FileSync, PathBuf) -> io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let path = self.inner.path_to_filesystem(location)?;
        let sync = Arc::clone(&self.sync);
        let shown = path.display().to_string();
        let done = tokio::task::spawn_blocking(move || work(&*sync, path)).await;
        done.map_err(|source| object_store::Error::JoinError { source })?
            .map_err(|error| into_store_error(error, shown))
    }
}

impl std::fmt::Display for DurableFileSystem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Durable{}", self.inner)
    }
}

#[async_trait]
impl ObjectStore for DurableFileSystem {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        if matches!(options.mode, PutMode::Update(_)) || !options.attributes.is_empty() {
            return self.inner.put_opts(location, payload, options).await;
        }
        let mode = options.mode;
        self.blocking(location, move |sync, path| put(sync, &path, &payload, &mode)).await?;
        Ok(PutResult { e_tag: None, version: None })
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let upload = self.inner.put_multipart_opts(location, options).await?;
        Ok(Box::new(DurableUpload { upload, location: location.clone(), store: self.clone() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await?;
        self.blocking(to, |sync, path| settle(sync, &path)).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.inner.rename_opts(from, to, options).await?;
        self.blocking(to, |sync, path| settle(sync, &path)).await?;
        self.blocking(from, |sync, path| sync.folder(parent(&path)?)).await
    }
}

#[derive(Debug)]
struct DurableUpload {
    upload: Box<dyn MultipartUpload>,
    location: Path,
    store: DurableFileSystem,
}

#[async_trait]
impl MultipartUpload for DurableUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.upload.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let done = self.upload.complete().await?;
        self.store.blocking(&self.location, |sync, path| settle(sync, &path)).await?;
        Ok(done)
    }

    async fn abort(&mut self) -> Result<()> {
        self.upload.abort().await
    }
}

fn put(
    sync: &dyn FileSync,
    path: &FilePath,
    payload: &PutPayload,
    mode: &PutMode,
) -> io::Result<()> {
    let staged = stage(sync, path, payload)?;
    let moved = match mode {
        PutMode::Create => std::fs::hard_link(&staged, path),
        PutMode::Overwrite | PutMode::Update(_) => std::fs::rename(&staged, path),
    };
    if !matches!(mode, PutMode::Overwrite) || moved.is_err() {
        // The file is in its place or refused; what is left beside it is only litter.
        drop(std::fs::remove_file(&staged));
    }
    moved?;
    sync.folder(parent(path)?)
}

/// Writes the bytes beside their place, under a name that listings of `object_store` pass over.
fn stage(sync: &dyn FileSync, path: &FilePath, payload: &PutPayload) -> io::Result<PathBuf> {
    let mut attempt = 1;
    let (mut file, staged) = loop {
        let mut name = path.as_os_str().to_owned();
        name.push(format!("#{attempt}"));
        match OpenOptions::new().write(true).create_new(true).open(&name) {
            Ok(file) => break (file, PathBuf::from(name)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => attempt += 1,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                create_folders(sync, parent(path)?)?;
            }
            Err(error) => return Err(error),
        }
    };
    let written = payload.iter().try_for_each(|part| file.write_all(part));
    drop(file);
    match written.and_then(|()| sync.file(&staged)) {
        Ok(()) => Ok(staged),
        Err(error) => {
            // A full disk is not to be filled with what no listing shows.
            drop(std::fs::remove_file(&staged));
            Err(error)
        }
    }
}

/// Removes what writers that died have left beside its place, in a folder and all below it, once it has not been
/// written to for so long. How many files that were.
///
/// # Errors
/// When a folder cannot be read or a file not be removed.
pub fn sweep(folder: &FilePath, unused_for: Duration) -> io::Result<usize> {
    let mut swept = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let known = entry.metadata()?;
        if known.is_dir() {
            swept += sweep(&entry.path(), unused_for)?;
        } else if is_staged(&entry.file_name())
            && known.modified()?.elapsed().is_ok_and(|unused| unused >= unused_for)
        {
            std::fs::remove_file(entry.path())?;
            swept += 1;
        }
    }
    Ok(swept)
}

/// Whether this is the name of a file beside its place.
fn is_staged(name: &OsStr) -> bool {
    let attempt = name.to_str().and_then(|name| name.rsplit_once('#'));
    attempt.is_some_and(|(_, digits)| digits.parse::<u64>().is_ok())
}

/// Creates what is missing of a path, and syncs each folder that got a new entry.
fn create_folders(sync: &dyn FileSync, folder: &FilePath) -> io::Result<()> {
    let missing: Vec<_> = folder.ancestors().take_while(|ancestor| !ancestor.exists()).collect();
    std::fs::create_dir_all(folder)?;
    missing.into_iter().try_for_each(|created| sync.folder(parent(created)?))
}

/// Syncs a file that is in its place, and every folder above it that may be new.
fn settle(sync: &dyn FileSync, path: &FilePath) -> io::Result<()> {
    sync.file(path)?;
    let folder = parent(path)?;
    sync.folder(folder)?;
    sync.folder(parent(folder)?)
}

fn parent(path: &FilePath) -> io::Result<&FilePath> {
    path.parent().ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "a file has a folder"))
}

fn into_store_error(error: io::Error, path: String) -> object_store::Error {
    let source = Box::new(error);
    match source.kind() {
        ErrorKind::AlreadyExists => object_store::Error::AlreadyExists { path, source },
        ErrorKind::NotFound => object_store::Error::NotFound { path, source },
        _ => object_store::Error::Generic { store: "DurableFileSystem", source },
    }
}

#[cfg(test)]
mod tests;
