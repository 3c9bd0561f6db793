//! States that take time: each is shown for two polls and is then over.
use std::collections::BTreeMap;

/// What takes its time: account, region and the id or name of the thing.
pub type Who = (String, String, String);

/// How many polls a slow state lasts.
pub const POLLS: u8 = 2;

/// The words that are still to be shown.
#[derive(Default)]
pub struct Slow(BTreeMap<Who, (&'static str, u8)>);

impl Slow {
    pub fn begin(&mut self, who: Who, word: &'static str) {
        self.begin_for(who, word, None);
    }

    /// A state that lasts as many polls as a test asked for.
    pub fn begin_for(&mut self, who: Who, word: &'static str, polls: Option<u8>) {
        self.0.insert(who, (word, polls.unwrap_or(POLLS)));
    }

    /// The word to show now, without counting it as a poll.
    pub fn peek(&self, who: &Who) -> Option<&'static str> {
        self.0.get(who).map(|(word, _)| *word)
    }

    /// Whether something of that kind is under way.
    pub fn any(&self, is: impl Fn(&Who) -> bool) -> bool {
        self.0.keys().any(is)
    }

    /// Takes a refused try of somebody else for a poll of everything of that kind.
    pub fn pass(&mut self, is: impl Fn(&Who) -> bool) {
        let all: Vec<Who> = self.0.keys().filter(|who| is(who)).cloned().collect();
        for who in &all {
            self.poll(who);
        }
    }

    /// The word to show at this poll; nothing once the state is over.
    pub fn poll(&mut self, who: &Who) -> Option<&'static str> {
        let (word, left) = self.0.get_mut(who)?;
        let shown = *word;
        *left -= 1;
        if *left == 0 {
            self.0.remove(who);
        }
        Some(shown)
    }
}
