//! The file of users while the relay runs: it is read again when it has changed.
//!
//! A change is seen by time, length and number of the file. Whoever writes it in place is given time: it is read when
//! two looks in a row have seen the same. If it cannot be used, the users of before stay; if it could not be read, the
//! next look tries again.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::{BadLine, Users};

/// Most octets of a file.
const MOST: u64 = 256 << 20;
/// Bad lines that are told of one file.
const TOLD: usize = 10;

/// A file of users, and what was read of it last.
#[derive(Debug)]
pub(crate) struct UsersFile {
    path: PathBuf,
    realm: String,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    users: Arc<Users>,
    /// The file as it was when it was read; `None` if the last try did not come to an end.
    read: Option<Stamp>,
    /// As it was at the last look.
    seen: Stamp,
    /// Why it could not be read, as it was told last.
    told: Option<String>,
}

/// A file as it was; `None` where it cannot be looked at.
type Stamp = Option<(Option<SystemTime>, u64, u64)>;

/// Why a file of users cannot be used.
#[derive(Debug)]
pub(crate) enum Unusable {
    Unreadable(io::Error),
    Lines(Vec<BadLine>),
}

/// What a look at the file has found.
#[derive(Debug)]
pub(crate) enum Changed {
    /// Nothing new.
    No,
    /// Other users.
    Users(Arc<Users>),
    /// It cannot be used: a text for each line of a log, told once. The users of before stay.
    Unusable(Vec<String>),
}

impl UsersFile {
    /// Reads the file for the first time.
    pub(crate) fn open(path: &Path, realm: &str) -> Result<Self, Unusable> {
        let stamp = stamp(path);
        let users = Arc::new(read(path, realm)?);
        Ok(Self {
            path: path.to_owned(),
            realm: realm.to_owned(),
            state: Mutex::new(State {
                users,
                read: Some(stamp),
                seen: stamp,
                told: None,
            }),
        })
    }

    /// The users now.
    pub(crate) fn users(&self) -> Arc<Users> {
        Arc::clone(&self.state().users)
    }

    /// Looks whether the file has changed, and reads it then; with `now` whatever it looks like. It blocks.
    pub(crate) fn look(&self, now: bool) -> Changed {
        self.look_by(now, text)
    }

    /// The same, with what reads the file.
    fn look_by(&self, now: bool, text: impl FnOnce(&Path) -> io::Result<String>) -> Changed {
        let stamp = stamp(&self.path);
        {
            let mut state = self.state();
            let is_settled = std::mem::replace(&mut state.seen, stamp) == stamp;
            if !now && (state.read == Some(stamp) || !is_settled) {
                return Changed::No;
            }
            // Until it is read: who else would try again?
            state.read = None;
        }
        let read = text(&self.path).map_err(Unusable::Unreadable);
        let read = read
            .and_then(|text| parse(&text, &self.realm))
            .map(Arc::new);
        let mut state = self.state();
        if let Err(Unusable::Unreadable(error)) = &read
            && is_of_the_system(error)
        {
            let text = error.to_string();
            let is_known = state.told.as_ref() == Some(&text);
            state.told = Some(text);
            if is_known && !now {
                return Changed::No;
            }
        } else {
            state.read = Some(stamp);
            state.told = None;
        }
        match read {
            Ok(users) => {
                state.users = Arc::clone(&users);
                Changed::Users(users)
            }
            Err(unusable) => Changed::Unusable(unusable.texts(&self.path)),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Unusable {
    /// A text for each thing that is wrong, with the file and, where there is one, the line.
    pub(crate) fn texts(&self, path: &Path) -> Vec<String> {
        let file = path.display();
        let lines = match self {
            Self::Unreadable(error) => return vec![format!("{file}: {error}")],
            Self::Lines(lines) => lines,
        };
        let mut texts: Vec<_> = lines
            .iter()
            .take(TOLD)
            .map(|bad| format!("{file}:{}: {}", bad.line, bad.text))
            .collect();
        if lines.len() > TOLD {
            texts.push(format!("{file}: {} more lines", lines.len() - TOLD));
        }
        texts
    }
}

/// Reads the users of a realm.
pub(crate) fn read(path: &Path, realm: &str) -> Result<Users, Unusable> {
    let text = text(path).map_err(Unusable::Unreadable)?;
    parse(&text, realm)
}

fn parse(text: &str, realm: &str) -> Result<Users, Unusable> {
    Users::parse(text, realm).map_err(Unusable::Lines)
}

fn text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let read = File::open(path)?.take(MOST + 1).read_to_string(&mut text)?;
    if read as u64 > MOST {
        let wrong = format!("it has more than {MOST} octets");
        return Err(io::Error::new(io::ErrorKind::InvalidData, wrong));
    }
    Ok(text)
}

/// Whether the same file may be read the next time.
fn is_of_the_system(error: &io::Error) -> bool {
    error.kind() != io::ErrorKind::InvalidData
}

fn stamp(path: &Path) -> Stamp {
    let meta = path.metadata().ok()?;
    Some((meta.modified().ok(), meta.len(), number(&meta)))
}

#[cfg(unix)]
fn number(meta: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(meta)
}

#[cfg(not(unix))]
fn number(_meta: &Metadata) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use std::fs;

    use msrp::Algorithm;

    use super::*;

    const MD5: &str = "08e1e037ea8ebfee628c1cae9ad3ee0c";

    /// A folder of its own, gone with the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("msrp-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).expect("a folder");
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn has(file: &UsersFile, user: &str) -> bool {
        file.users().find(user, Algorithm::Md5).is_some()
    }

    #[test]
    fn a_file_is_read_again_once_it_has_settled() {
        let folder = Folder::new("users-settled");
        let path = folder.0.join("users");
        fs::write(&path, format!("alice:here:{MD5}\n")).expect("written");
        let file = UsersFile::open(&path, "here").expect("users");
        assert!(has(&file, "alice"));
        assert!(matches!(file.look(false), Changed::No));

        fs::write(&path, format!("bobby:here:{MD5}\n#\n")).expect("written");
        assert!(matches!(file.look(false), Changed::No), "it may go on");
        assert!(matches!(file.look(false), Changed::Users(_)));
        assert!(has(&file, "bobby") && !has(&file, "alice"));
        assert!(matches!(file.look(false), Changed::No));
    }

    #[test]
    fn what_cannot_be_used_changes_nothing_and_is_told_once() {
        let folder = Folder::new("users-unusable");
        let path = folder.0.join("users");
        fs::write(&path, format!("alice:here:{MD5}\n")).expect("written");
        let file = UsersFile::open(&path, "here").expect("users");

        let many = "alice:here:\n".repeat(TOLD + 2);
        fs::write(&path, many).expect("written");
        let Changed::Unusable(texts) = file.look(true) else {
            panic!("it is unusable");
        };
        assert_eq!(texts.len(), TOLD + 1);
        assert!(texts[1].starts_with(&format!("{}:2: expected ", path.display())));
        assert!(texts[TOLD].ends_with(": 2 more lines"), "{}", texts[TOLD]);
        assert!(has(&file, "alice"));
        assert!(matches!(file.look(false), Changed::No));
        assert!(matches!(file.look(false), Changed::No));

        fs::remove_file(&path).expect("removed");
        assert!(matches!(file.look(false), Changed::No));
        assert!(matches!(file.look(false), Changed::Unusable(_)));
        assert!(has(&file, "alice"));

        fs::write(&path, format!("bob:here:{MD5}\n")).expect("written");
        assert!(matches!(file.look(true), Changed::Users(_)));
        assert!(has(&file, "bob") && !has(&file, "alice"));
    }

    #[test]
    fn a_file_that_could_not_be_read_is_tried_again_and_told_once() {
        let folder = Folder::new("users-again");
        let path = folder.0.join("users");
        fs::write(&path, format!("alice:here:{MD5}\n")).expect("written");
        let file = UsersFile::open(&path, "here").expect("users");
        fs::write(&path, format!("bobby:here:{MD5}\n#\n")).expect("written");
        assert!(matches!(file.look(false), Changed::No), "it may go on");

        let failing = |text: &'static str| move |_: &Path| Err(io::Error::other(text));
        let changed = file.look_by(false, failing("too many open files"));
        let Changed::Unusable(texts) = changed else {
            panic!("it is unusable");
        };
        assert_eq!(texts, [format!("{}: too many open files", path.display())]);
        let again = |now, text| file.look_by(now, failing(text));
        assert!(matches!(again(false, "too many open files"), Changed::No));
        assert!(matches!(
            again(true, "too many open files"),
            Changed::Unusable(_)
        ));
        assert!(matches!(
            again(false, "a fault of the disk"),
            Changed::Unusable(_)
        ));
        assert!(has(&file, "alice"));
        assert!(matches!(file.look(false), Changed::Users(_)));
        assert!(has(&file, "bobby") && !has(&file, "alice"));
        assert!(matches!(file.look(false), Changed::No));

        // The same where it is read although it looks as before, and where reading panics.
        assert!(matches!(
            again(true, "a fault of the disk"),
            Changed::Unusable(_)
        ));
        assert!(matches!(file.look(false), Changed::Users(_)));
        let panicking = || file.look_by(true, |_: &Path| panic!("while it is read"));
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(panicking));
        assert!(caught.is_err());
        assert!(matches!(file.look(false), Changed::Users(_)));
        assert!(matches!(file.look(false), Changed::No));
    }

    #[test]
    fn a_file_that_is_no_text_is_refused() {
        let folder = Folder::new("users-octets");
        let path = folder.0.join("users");
        fs::write(&path, b"alice:\xff").expect("written");
        let unusable = UsersFile::open(&path, "here").expect_err("no text");
        assert_eq!(unusable.texts(&path).len(), 1);
        assert!(UsersFile::open(&folder.0, "here").is_err(), "a folder");
    }
}
