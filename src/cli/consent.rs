//! The question before anything is done, and the signals that decline it or stop what was begun.
use std::{future::pending, io::Write as _};

use anstream::{eprint, eprintln};
use anyhow::Result;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
};
use tokio_util::sync::CancellationToken;

use crate::plan::Plan;

/// How the user agrees to a plan.
pub enum Consent {
    Given,
    /// The stack's name was given on the command line.
    Named(String),
    Ask,
    /// The stack's name has to be typed; one that was given without `--yes` has to be right, too.
    AskName(Option<String>),
}

/// Asks, where it is to be asked; a signal that comes before the answer is a no.
///
/// # Errors
/// The terminal cannot be written or read.
pub async fn agreed(consent: &Consent, plan: &Plan, signals: Option<&mut Signals>) -> Result<bool> {
    let expected = match consent {
        Consent::Given | Consent::Named(_) => return Ok(true),
        Consent::Ask => {
            eprint!("Do this? Only `yes` is taken as yes: ");
            "yes"
        }
        Consent::AskName(_) => {
            eprint!("Type the stack's name to remove it ({}): ", plan.stack);
            plan.stack.as_str()
        }
    };
    std::io::stderr().flush()?;
    let (tell, told) = oneshot::channel();
    // A thread that nobody waits for: after a signal the line may never come.
    std::thread::spawn(move || {
        let mut answer = String::new();
        let read = std::io::stdin().read_line(&mut answer);
        // Nobody listens any more after a signal.
        let _ = tell.send(read.map(|_| answer));
    });
    let signalled = async {
        match signals {
            Some(signals) => signals.next().await,
            None => pending().await,
        }
    };
    tokio::select! {
        biased;
        () = signalled => {
            eprintln!();
            Ok(false)
        }
        answer = told => Ok(answer??.trim() == expected),
    }
}

/// Ctrl-C, and the termination signal that CI systems send.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From here on neither ends the process by itself.
    ///
    /// # Errors
    /// The system has no handler to give.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next of either kind.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// The first of either kind: start nothing more. The second: stop waiting.
    pub async fn obey(mut self, stop: CancellationToken, abandon: CancellationToken) {
        for token in [stop, abandon] {
            self.next().await;
            token.cancel();
        }
    }
}
