//! What changes while a relay runs: users and certificates. Files are read in a task of their own, so that a file
//! system that hangs holds no signal up.

use std::sync::Arc;
use std::time::Duration;

use msrp::Engine;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use super::users::{Changed, Users, UsersFile};

/// What was read.
#[derive(Debug)]
pub(crate) enum News {
    /// Other users, and who they were before.
    Users { before: Arc<Users>, now: Arc<Users> },
    /// The users cannot be used, for these reasons; those of before stay.
    NoUsers(Vec<String>),
    /// The certificates, after a signal.
    Certificates(msrp::Result<()>),
}

/// Looks at files.
pub(crate) struct Watch {
    wishes: mpsc::Sender<()>,
    news: mpsc::Receiver<News>,
}

impl Watch {
    /// Looks at the users from time to time, never if `distance` is zero. To be called in a runtime.
    pub(crate) fn start(engine: Engine, users: Arc<UsersFile>, distance: Duration) -> Self {
        // One wish that waits is enough: all of them are the same.
        let (wishes, wished) = mpsc::channel(1);
        let (told, news) = mpsc::channel(4);
        tokio::spawn(watch(engine, users, distance, wished, told));
        Self { wishes, news }
    }

    /// Reads all files, whether they have changed or not.
    pub(crate) fn reload(&self) {
        // It fails where such a wish waits.
        let _ = self.wishes.try_send(());
    }

    /// The next news.
    ///
    /// # Cancel safety
    /// None are lost.
    pub(crate) async fn next(&mut self) -> News {
        match self.news.recv().await {
            Some(news) => news,
            None => std::future::pending().await,
        }
    }
}

async fn watch(
    engine: Engine,
    users: Arc<UsersFile>,
    distance: Duration,
    mut wished: mpsc::Receiver<()>,
    told: mpsc::Sender<News>,
) {
    let mut looks = (!distance.is_zero()).then(|| {
        let mut looks = interval(distance);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        looks
    });
    loop {
        let look = async {
            match &mut looks {
                Some(looks) => looks.tick().await,
                None => std::future::pending().await,
            }
        };
        let now = tokio::select! {
            wish = wished.recv() => match wish {
                Some(()) => true,
                None => return,
            },
            _ = look => false,
        };
        if now {
            let engine = engine.clone();
            let read = spawn_blocking(move || engine.reload_tls()).await;
            if let Ok(read) = read
                && told.send(News::Certificates(read)).await.is_err()
            {
                return;
            }
        }
        let before = users.users();
        let file = Arc::clone(&users);
        let news = match spawn_blocking(move || file.look(now)).await {
            Ok(Changed::Users(now)) => News::Users { before, now },
            Ok(Changed::Unusable(texts)) => News::NoUsers(texts),
            // After a panic the next look reads it.
            Ok(Changed::No) | Err(_) => continue,
        };
        if told.send(news).await.is_err() {
            return;
        }
    }
}
