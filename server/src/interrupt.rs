//! Ctrl-C and SIGTERM as a flag that a loop looks at.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set when the user wants an end.
#[derive(Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// True when the user wants an end.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Asks for an end.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Sets the flag at the first Ctrl-C or SIGTERM; a second one ends the process at once, like a kill, which
    /// `resume` can repair.
    pub fn listen(&self) {
        let flag = self.clone();
        let started = std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build();
                if let Ok(runtime) = runtime {
                    runtime.block_on(async {
                        signal().await;
                        flag.set();
                        signal().await;
                        std::process::exit(130);
                    });
                }
            });
        // Without the thread Ctrl-C simply ends the process.
        drop(started);
    }
}

/// Completes at the next Ctrl-C or SIGTERM.
#[cfg(unix)]
pub async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

/// Completes at the next Ctrl-C.
#[cfg(not(unix))]
pub async fn signal() {
    let _ = tokio::signal::ctrl_c().await;
}
