//! The scripts that run inside Redis, each of them atomic, and what they answer.

use super::{lease_key, unavailable};
use crate::state::{Revision, State};
use crate::store::{Lease, StoreError};
use redis::aio::MultiplexedConnection;
use redis::{RedisError, Script};
use std::sync::LazyLock;

/// Entries of the stream of changes that Redis keeps, about: at 50 changes a second the last three minutes. A control plane that was
/// cut off for longer loads everything anew.
const STREAM_LENGTH: &str = "10000";

/// The keys of the state. They share a hash tag, so that one script may touch them all in a cluster.
const KEYS: [&str; 11] = [
    "{b3lb}:epoch",
    "{b3lb}:restoring",
    "{b3lb}:changes",
    "{b3lb}:instances",
    "{b3lb}:tenants",
    "{b3lb}:meetings",
    "{b3lb}:recordings",
    "{b3lb}:hooks",
    "{b3lb}:pasts",
    "{b3lb}:counts",
    "{b3lb}:bridges",
];

/// The name of the history.
pub(super) const EPOCH: &str = KEYS[0];

/// The stream of changes.
pub(super) const CHANGES: &str = KEYS[2];

/// The last token of any lease.
pub(super) const TOKENS: &str = "{b3lb}:lease:token";

macro_rules! stateful {
    ($file:literal) => {
        LazyLock::new(|| Script::new(concat!(include_str!("lua/prologue.lua"), include_str!(concat!("lua/", $file)))))
    };
}

pub(super) static CLAIM: LazyLock<Script> = stateful!("claim.lua");
pub(super) static FIND: LazyLock<Script> = stateful!("find.lua");
pub(super) static COMMIT: LazyLock<Script> = stateful!("commit.lua");
pub(super) static POSITION: LazyLock<Script> = stateful!("position.lua");
pub(super) static BEGIN: LazyLock<Script> = stateful!("begin.lua");
pub(super) static STAGE: LazyLock<Script> = stateful!("stage.lua");
pub(super) static FINISH: LazyLock<Script> = stateful!("finish.lua");
pub(super) static LEASE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/lease.lua")));
pub(super) static ADMIT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/admit.lua")));
pub(super) static PUBLISH: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/publish.lua")));

/// What is tried out when a connection is new.
const PROBE_KEY: &str = "{b3lb}:probe";
static PROBE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/probe.lua")));

pub(super) static PUBLISHED: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/published.lua")));

/// Those that run on the link that everybody's commands travel on, by name.
pub(super) const NAMES: [&str; 8] = ["claim", "find", "commit", "position", "lease", "admit", "publish", "published"];

/// A script with all it needs to run.
pub(super) struct Invocation {
    script: &'static Script,
    keys: Vec<String>,
    args: Vec<String>,
}

/// The commands that we need and may not run there, by name.
pub(super) async fn forbidden(redis: &mut MultiplexedConnection) -> Result<Vec<String>, RedisError> {
    Ok(Invocation::new(&PROBE, vec![PROBE_KEY.to_owned()], Vec::new()).run(redis).await?.rest)
}

/// What a script answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    /// What became of it.
    pub(super) word: String,
    /// The last revision when it was so, if that matters.
    pub(super) revision: Option<Revision>,
    pub(super) rest: Vec<String>,
}

impl Invocation {
    /// A script that has nothing to do with the state.
    pub(super) fn new(script: &'static Script, keys: Vec<String>, args: Vec<String>) -> Self {
        Self { script, keys, args }
    }

    /// A script about the state, for a caller that knows it up to `known`.
    pub(super) fn stateful(script: &'static Script, known: &State, rest: Vec<String>) -> Self {
        Self::in_epoch(script, &known.epoch, known.revision, rest)
    }

    /// A script about the state at `known` in the history `epoch`.
    pub(super) fn in_epoch(script: &'static Script, epoch: &str, known: Revision, rest: Vec<String>) -> Self {
        let mut args = vec![epoch.to_owned(), known.to_string(), STREAM_LENGTH.to_owned()];
        args.extend(rest);
        Self { script, keys: KEYS.map(str::to_owned).into(), args }
    }

    /// The same, guarded by a lease.
    pub(super) fn under(mut self, lease: Option<&Lease>) -> Self {
        self.keys.extend(lease.map(|lease| lease_key(lease.name)));
        self
    }

    /// What its script is called.
    pub(super) fn name(&self) -> &'static str {
        let scripts = [&CLAIM, &FIND, &COMMIT, &POSITION, &LEASE, &ADMIT, &PUBLISH, &PUBLISHED];
        let own = scripts.iter().position(|script| std::ptr::eq::<Script>(&***script, self.script));
        own.map_or("other", |own| NAMES[own])
    }

    /// Runs it, for as long as it takes.
    pub(super) async fn run(&self, redis: &mut MultiplexedConnection) -> Result<Reply, RedisError> {
        let mut invocation = self.script.prepare_invoke();
        invocation.key(&self.keys).arg(&self.args);
        let answer: Vec<String> = invocation.invoke_async(redis).await?;
        let mut answer = answer.into_iter();
        let (word, revision) = (answer.next().unwrap_or_default(), answer.next().unwrap_or_default());
        Ok(Reply { word, revision: revision.parse().ok(), rest: answer.collect() })
    }
}

impl Reply {
    /// An answer that no script of ours gives.
    pub(super) fn unexpected(&self) -> StoreError {
        unavailable(format!("a script answered {:?}, which is not understood", self.word))
    }
}
