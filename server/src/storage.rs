//! Where a recording lives while its match is played. One owner at a time; append only.

use sim_record::SimTime;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Name of the recording in its folder.
pub const RECORDING_FILE: &str = "match.tpr";
/// Lock and number of the owner.
pub const OWNER_FILE: &str = "match.owner";
/// Virtual and wall times; no digest sees it.
pub const TIMES_FILE: &str = "match.times";
/// Free texts of reports by their hash; no digest sees it.
pub const TEXTS_FILE: &str = "texts.jsonl";

/// Power loss costs at most this long.
const SYNC_PERIOD: Duration = Duration::from_secs(1);
/// One line of the sidecar: virtual and wall microseconds, both little-endian u64.
const TIMES_LINE_BYTES: usize = 16;

/// A recording in the making, its sidecars, and the right to write them.
pub trait Storage: Send {
    /// Appends to the recording. When it returns, the bytes outlive this process.
    ///
    /// # Errors
    /// The medium refuses.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Bytes in the recording.
    fn length(&self) -> u64;

    /// Reads from the recording; fewer bytes than asked for only at its end.
    ///
    /// # Errors
    /// The medium refuses.
    fn read(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Cuts the recording, to drop a torn tail, and forgets the free texts: a re-run of the log tells them again.
    ///
    /// # Errors
    /// The medium refuses.
    fn cut(&mut self, length: u64) -> io::Result<()>;

    /// Notes in a sidecar that the match has come to this virtual time now.
    ///
    /// # Errors
    /// The medium refuses.
    fn mark(&mut self, reached: SimTime) -> io::Result<()>;

    /// Latest virtual time noted, by any owner.
    fn marked(&self) -> SimTime;

    /// Keeps the free text of a report beside the recording.
    ///
    /// # Errors
    /// The medium refuses.
    fn keep_text(&mut self, hash: &str, text: &str) -> io::Result<()>;

    /// Makes everything durable; nothing is appended after it.
    ///
    /// # Errors
    /// The medium refuses.
    fn seal(&mut self) -> io::Result<()>;

    /// Number of the present owner: one more for each time the recording was opened for writing.
    fn epoch(&self) -> u64;
}

/// Why a recording cannot be opened for writing.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("`{0}` is in use by another trippoint")]
    InUse(PathBuf),
    /// The medium refuses.
    #[error("`{0}`: {1}")]
    Io(PathBuf, io::Error),
}

/// Files in a folder of their own, readable by their owner only.
pub struct FileStorage {
    folder: PathBuf,
    recording: File,
    length: u64,
    times: File,
    texts: Option<File>,
    marked: SimTime,
    epoch: u64,
    dirty: Arc<AtomicBool>,
    /// Holds the lock until dropped.
    _owner: File,
}

impl FileStorage {
    /// Makes the folder if need be and takes the right to write its recording, leaving what is there as it is.
    ///
    /// # Errors
    /// Another process has it, or the medium refuses.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        let failed = |error| OpenError::Io(folder.to_path_buf(), error);
        private_folder(folder).map_err(failed)?;
        let mut owner = private(folder, OWNER_FILE, false).map_err(failed)?;
        match owner.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse(folder.to_path_buf())),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let epoch = next_epoch(&mut owner).map_err(failed)?;
        let mut recording = private(folder, RECORDING_FILE, false).map_err(failed)?;
        let length = recording.seek(SeekFrom::End(0)).map_err(failed)?;
        let mut times = private(folder, TIMES_FILE, true).map_err(failed)?;
        let marked = last_mark(&mut times).map_err(failed)?;
        let dirty = Arc::new(AtomicBool::new(false));
        if let Ok(file) = recording.try_clone() {
            sync_regularly(file, &dirty);
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            recording,
            length,
            times,
            texts: None,
            marked,
            epoch,
            dirty,
            _owner: owner,
        })
    }

    /// Forgets an older match in this folder.
    ///
    /// # Errors
    /// The medium refuses.
    pub fn clear(&mut self) -> io::Result<()> {
        self.cut(0)?;
        self.times.set_len(0)?;
        self.marked = SimTime::ZERO;
        Ok(())
    }
}

impl Storage for FileStorage {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.recording.write_all(bytes)?;
        self.length = self.length.saturating_add(bytes.len() as u64);
        self.dirty.store(true, Ordering::Release);
        Ok(())
    }

    fn length(&self) -> u64 {
        self.length
    }

    fn read(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.recording.seek(SeekFrom::Start(offset))?;
        let mut filled = 0;
        while filled < into.len() {
            match self.recording.read(&mut into[filled..])? {
                0 => break,
                count => filled += count,
            }
        }
        self.recording.seek(SeekFrom::End(0))?;
        Ok(filled)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.recording.set_len(length)?;
        self.length = self.recording.seek(SeekFrom::End(0))?;
        self.texts = None;
        match std::fs::remove_file(self.folder.join(TEXTS_FILE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn mark(&mut self, reached: SimTime) -> io::Result<()> {
        let mut line = [0_u8; TIMES_LINE_BYTES];
        line[..8].copy_from_slice(&reached.0.to_le_bytes());
        line[8..].copy_from_slice(&wall_us().to_le_bytes());
        self.times.write_all(&line)?;
        self.marked = self.marked.max(reached);
        Ok(())
    }

    fn marked(&self) -> SimTime {
        self.marked
    }

    fn keep_text(&mut self, hash: &str, text: &str) -> io::Result<()> {
        let file = match &mut self.texts {
            Some(file) => file,
            None => self.texts.insert(private(&self.folder, TEXTS_FILE, true)?),
        };
        let line = serde_json::json!({ "hash": hash, "text": text });
        writeln!(file, "{line}")
    }

    fn seal(&mut self) -> io::Result<()> {
        self.dirty.store(false, Ordering::Release);
        self.recording.sync_all()
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }
}

/// A recording in memory, for tests and for matches of which only the report counts.
#[derive(Default)]
pub struct MemoryStorage {
    /// The recording.
    pub bytes: Arc<std::sync::Mutex<Vec<u8>>>,
    marked: SimTime,
}

impl MemoryStorage {
    /// A storage that shares its bytes with the caller.
    #[must_use]
    pub fn shared(bytes: Arc<std::sync::Mutex<Vec<u8>>>) -> Self {
        Self {
            bytes,
            marked: SimTime::ZERO,
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let mut bytes = match self.bytes.lock() {
            Ok(bytes) => bytes,
            Err(poisoned) => poisoned.into_inner(),
        };
        act(&mut bytes)
    }
}

impl Storage for MemoryStorage {
    fn append(&mut self, more: &[u8]) -> io::Result<()> {
        self.with(|bytes| bytes.extend_from_slice(more));
        Ok(())
    }

    fn length(&self) -> u64 {
        self.with(|bytes| bytes.len() as u64)
    }

    fn read(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        Ok(self.with(|bytes| {
            let rest = bytes.get(start..).unwrap_or_default();
            let count = rest.len().min(into.len());
            into[..count].copy_from_slice(&rest[..count]);
            count
        }))
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        self.with(|bytes| bytes.truncate(length));
        Ok(())
    }

    fn mark(&mut self, reached: SimTime) -> io::Result<()> {
        self.marked = self.marked.max(reached);
        Ok(())
    }

    fn marked(&self) -> SimTime {
        self.marked
    }

    fn keep_text(&mut self, _hash: &str, _text: &str) -> io::Result<()> {
        Ok(())
    }

    fn seal(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn epoch(&self) -> u64 {
        1
    }
}

/// Opens or makes a file that only its owner may read: a live recording holds seed and truth.
pub(crate) fn private(folder: &Path, name: &str, append: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).create(true);
    if append {
        options.append(true);
    } else {
        options.write(true).truncate(false);
    }
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(folder.join(name))
}

/// Makes a folder that only its owner may list: its name tells the seed of a live match.
fn private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Whether some process has the right to write the recording in a folder now.
pub(crate) fn is_owned(folder: &Path) -> bool {
    File::open(folder.join(OWNER_FILE))
        .is_ok_and(|owner| matches!(owner.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn next_epoch(owner: &mut File) -> io::Result<u64> {
    let mut text = String::new();
    owner.take(32).read_to_string(&mut text)?;
    let epoch = text.trim().parse::<u64>().unwrap_or(0).saturating_add(1);
    owner.set_len(0)?;
    owner.seek(SeekFrom::Start(0))?;
    writeln!(owner, "{epoch}")?;
    Ok(epoch)
}

fn last_mark(times: &mut File) -> io::Result<SimTime> {
    let length = times.seek(SeekFrom::End(0))?;
    let line_bytes = TIMES_LINE_BYTES as u64;
    let whole = length - length % line_bytes;
    times.set_len(whole)?;
    if whole == 0 {
        return Ok(SimTime::ZERO);
    }
    let mut reached = [0_u8; 8];
    times.seek(SeekFrom::Start(whole - line_bytes))?;
    times.read_exact(&mut reached)?;
    Ok(SimTime(u64::from_le_bytes(reached)))
}

fn wall_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    })
}

type Dirty = (File, Arc<AtomicBool>);

/// Syncs the file each [`SYNC_PERIOD`] while it is dirty, in one thread for all recordings, so that no range waits for a
/// disk. The file is let go when its storage is.
fn sync_regularly(file: File, dirty: &Arc<AtomicBool>) {
    static SYNCER: OnceLock<Option<Sender<Dirty>>> = OnceLock::new();
    let sender = SYNCER.get_or_init(|| {
        let (sender, files) = channel::<Dirty>();
        let thread = std::thread::Builder::new().name("sync".into());
        let started = thread.spawn(move || {
            let mut all: Vec<Dirty> = Vec::new();
            loop {
                match files.recv_timeout(SYNC_PERIOD) {
                    Ok(file) => all.push(file),
                    Err(RecvTimeoutError::Timeout) => {
                        all.retain(|(_, dirty)| Arc::strong_count(dirty) > 1);
                        for (file, dirty) in &all {
                            if dirty.swap(false, Ordering::AcqRel) {
                                // A failing disk shows at the next append or at sealing, where it is reported.
                                let _ = file.sync_data();
                            }
                        }
                    }
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        });
        started.ok().map(|_| sender)
    });
    if let Some(sender) = sender {
        let _ = sender.send((file, dirty.clone()));
    }
}
