//! The command line.
//!
//! - [`add`]: what is said of an instance or a tenant that is added.

mod add;

pub(crate) use add::{AddInstance, AddTenant, Checksum, Parameters};

use crate::completion;
use crate::output::Format;
use clap::{Args as ClapArgs, Parser, Subcommand};
use clap_complete::engine::ArgValueCompleter;
use std::path::PathBuf;
use std::time::Duration;

/// Manages a pool of BigBlueButton instances behind B3LB.
#[derive(Debug, Parser)]
#[command(
    name = "b3lbctl",
    version,
    after_help = "Exit codes: 0 done, 1 the command failed, 2 the command line or a file that it names is wrong."
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// The control plane's url; http://127.0.0.1:8091 unless given here or in the configuration file.
    #[arg(short = 'b', long, visible_aliases = ["b3lb", "bbs"], value_name = "URL", env = "B3LB_ADDRESS", global = true)]
    pub(crate) address: Option<String>,
    /// The admin key; better from the environment or a file, where other users do not see it.
    #[arg(short, long, env = "B3LB_ADMIN_API_KEY", hide_env_values = true, global = true)]
    pub(crate) key: Option<String>,
    /// The configuration file; without it ~/.b3lb/.b3lbctl.yml or ~/.bigblueswarm/.bbsctl.yml if there is one.
    #[arg(long, value_name = "FILE", env = "B3LBCTL_CONFIG", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// Which of the file's contexts; its current_context unless given.
    #[arg(long, value_name = "NAME", env = "B3LB_CONTEXT", global = true, add = ArgValueCompleter::new(completion::contexts))]
    pub(crate) context: Option<String>,
    /// How answers are printed.
    #[arg(short, long, value_enum, default_value_t, global = true)]
    pub(crate) output: Format,
    #[command(flatten)]
    pub(crate) tls: Tls,
}

/// For an address of https.
#[derive(Debug, ClapArgs)]
pub(crate) struct Tls {
    /// Certificates (PEM) to trust instead of the system's.
    #[arg(long, value_name = "FILE", env = "B3LB_CA_FILE", global = true)]
    pub(crate) ca_file: Option<PathBuf>,
    /// The certificate (PEM) to show to a control plane that asks for one.
    #[arg(long, value_name = "FILE", env = "B3LB_CERTIFICATE", requires = "certificate_key", global = true)]
    pub(crate) certificate: Option<PathBuf>,
    /// Its private key (PEM).
    #[arg(long, value_name = "FILE", env = "B3LB_CERTIFICATE_KEY", requires = "certificate", global = true)]
    pub(crate) certificate_key: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Writes a file to begin with: a configuration, a list of instances, a tenant.
    #[command(subcommand)]
    Init(Init),
    /// Makes instances and tenants what files say; lists what changes before it is done.
    Apply {
        /// A file of one document or several; - for stdin. May be given several times.
        #[arg(short, long = "file", value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// Change nothing, only list what would change.
        #[arg(long)]
        dry_run: bool,
        /// Remove instances even though they have meetings or tenants list them.
        #[arg(long)]
        force: bool,
    },
    /// Lists what there is.
    Get(Get),
    /// Shows all there is to say of one thing.
    #[command(subcommand)]
    Describe(Describe),
    /// Adds an instance, or a tenant, or replaces a tenant.
    #[command(subcommand)]
    Add(Add),
    /// Takes something away.
    #[command(subcommand)]
    Delete(Delete),
    /// The pool at this moment.
    Status {
        /// Print it again whenever it has changed.
        #[arg(long)]
        watch: bool,
    },
    /// The pool in numbers, as the original showed it.
    ClusterInfo,
    /// The pool live, on the whole screen.
    Top,
    /// No new meetings on an instance.
    Cordon(Instance),
    /// New meetings again on an instance that was cordoned or disabled.
    #[command(visible_alias = "enable")]
    Uncordon(Instance),
    /// Takes an instance out of the pool, but remembers it.
    Disable(Instance),
    /// Cordons an instance, and with --wait waits until its last meeting has ended.
    Drain(Drain),
    /// Shows for every instance each term of its score, or why it would not be chosen.
    Explain {
        /// The host name that frontends call; * for the catch-all.
        #[arg(add = ArgValueCompleter::new(completion::tenants))]
        tenant: String,
        /// A meeting that may have an instance already.
        #[arg(default_value = "")]
        meeting_id: String,
    },
    /// Ends something that runs.
    #[command(subcommand)]
    End(End),
    /// Creates a meeting through a proxy, as a frontend would, and prints links to join it.
    Test(Test),
    /// Takes over what an original B3LB or BigBlueSwarm knows, while it is running: instances, tenants, meetings, recordings.
    Import(Import),
    /// Prints what makes a shell complete commands and live names.
    Completion {
        #[arg(value_parser = ["bash", "elvish", "fish", "powershell", "zsh"])]
        shell: String,
    },
    /// Writes manual pages into a directory.
    #[command(hide = true)]
    Man { directory: PathBuf },
}

/// An instance that is meant.
#[derive(Debug, ClapArgs)]
pub(crate) struct Instance {
    /// The instance's url.
    #[arg(add = ArgValueCompleter::new(completion::instances))]
    pub(crate) url: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Init {
    /// Writes .b3lbctl.yml with the address and the key that are given; with --context, adds a context to it.
    Config {
        /// The directory to write into; ~/.b3lb unless given.
        #[arg(short, long, value_name = "DIR")]
        dest: Option<PathBuf>,
    },
    /// Writes instances.yml.
    Instances {
        /// The directory to write into; ~/.b3lb unless given.
        #[arg(short, long, value_name = "DIR")]
        dest: Option<PathBuf>,
    },
    /// Writes HOST.tenant.yml.
    Tenant {
        /// The host name that its frontends call.
        #[arg(long)]
        host: String,
        /// A secret of its own.
        #[arg(long)]
        secret: Option<String>,
        /// The most meetings it may have at a time; -1: no limit.
        #[arg(long, alias = "meeting_pool", allow_negative_numbers = true, default_value_t = -1)]
        meeting_pool: i64,
        /// The most users it may have at a time; -1: no limit.
        #[arg(long, alias = "user_pool", allow_negative_numbers = true, default_value_t = -1)]
        user_pool: i64,
        /// The directory to write into; ~/.b3lb unless given.
        #[arg(short, long, value_name = "DIR")]
        dest: Option<PathBuf>,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Get {
    #[command(subcommand)]
    pub(crate) what: GetWhat,
    /// As --output csv.
    #[arg(short, long, global = true, conflicts_with_all = ["json", "output"])]
    pub(crate) csv: bool,
    /// As --output json.
    #[arg(short, long, global = true, conflicts_with = "output")]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GetWhat {
    /// All instances, or one.
    #[command(visible_alias = "instance")]
    Instances {
        /// Only this one.
        #[arg(add = ArgValueCompleter::new(completion::instances))]
        url: Option<String>,
        /// Show their secrets.
        #[arg(long)]
        secrets: bool,
    },
    /// All tenants, or one.
    #[command(visible_alias = "tenant")]
    Tenants {
        /// Only this one.
        #[arg(add = ArgValueCompleter::new(completion::tenants))]
        host: Option<String>,
        /// Show their secrets.
        #[arg(long)]
        secrets: bool,
    },
    /// All meetings and where they are.
    Meetings(Filter),
    /// All recordings that are known and where they are.
    Recordings(Filter),
    /// The latest placements, the latest first, and why each meeting is where it is.
    Placements {
        #[command(flatten)]
        filter: Filter,
        /// At most so many.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
}

/// Whose, and where.
#[derive(Debug, ClapArgs)]
pub(crate) struct Filter {
    /// Only this tenant's.
    #[arg(long, default_value = "", add = ArgValueCompleter::new(completion::tenants))]
    pub(crate) tenant: String,
    /// Only those on this instance.
    #[arg(long, default_value = "", add = ArgValueCompleter::new(completion::instances))]
    pub(crate) instance: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Describe {
    /// One instance: what it is set to, how it is, what it scores and which meetings are on it.
    Instance {
        #[arg(add = ArgValueCompleter::new(completion::instances))]
        url: String,
        /// Show its secret.
        #[arg(long)]
        secrets: bool,
    },
    /// All instances, as a file for apply.
    Instances {
        /// Show their secrets.
        #[arg(long)]
        secrets: bool,
    },
    /// All tenants, as a file for apply.
    Tenants {
        /// Show their secrets.
        #[arg(long)]
        secrets: bool,
    },
    /// One tenant, as a file for apply.
    Tenant {
        #[arg(add = ArgValueCompleter::new(completion::tenants))]
        host: String,
        /// Show its secrets.
        #[arg(long)]
        secrets: bool,
    },
    /// The configuration that the control plane runs with.
    Config {
        /// Show its secrets.
        #[arg(long)]
        secrets: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Add {
    /// Adds an instance to the pool.
    Instance(AddInstance),
    /// Adds a tenant, or replaces the one with the same host.
    Tenant(Box<AddTenant>),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Delete {
    /// Takes an instance out of the pool for good.
    Instance {
        #[arg(add = ArgValueCompleter::new(completion::instances))]
        url: String,
        /// Even though it has meetings.
        #[arg(long)]
        force: bool,
    },
    /// Forgets a tenant.
    Tenant {
        #[arg(add = ArgValueCompleter::new(completion::tenants))]
        host: String,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Drain {
    /// The instance's url.
    #[arg(add = ArgValueCompleter::new(completion::instances))]
    pub(crate) url: String,
    /// Wait until the last meeting has ended.
    #[arg(long)]
    pub(crate) wait: bool,
    /// Wait no longer than this, such as 90m; the instance stays cordoned.
    #[arg(long, value_parser = humantime::parse_duration, requires = "wait")]
    pub(crate) timeout: Option<Duration>,
    /// End the meetings that are left, after asking.
    #[arg(long)]
    pub(crate) end_meetings: bool,
    /// Do not ask.
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum End {
    /// Ends a meeting for everyone in it, after asking.
    Meeting {
        /// The host of its tenant; * for the catch-all.
        #[arg(add = ArgValueCompleter::new(completion::tenants))]
        tenant: String,
        /// Its meetingID.
        meeting_id: String,
        /// Do not ask.
        #[arg(short, long)]
        yes: bool,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Test {
    /// Where frontends call, such as `https://b3lb.example.org/bigbluebutton`; the context's proxy unless given.
    #[arg(long, value_name = "URL", env = "B3LB_PROXY")]
    pub(crate) proxy: Option<String>,
    /// The host name to call it by, if not that of the url.
    #[arg(long, add = ArgValueCompleter::new(completion::tenants))]
    pub(crate) tenant: Option<String>,
    /// What frontends sign with; the control plane is asked for it unless given.
    #[arg(long, env = "B3LB_TENANT_SECRET", hide_env_values = true)]
    pub(crate) secret: Option<String>,
    /// End the meeting again.
    #[arg(long)]
    pub(crate) end: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Import {
    /// The Redis of the original, such as redis://:PASSWORD@127.0.0.1:6379/0; or its configuration file, or an export of its Consul
    /// (`consul kv export configuration/`), which name that Redis.
    pub(crate) source: String,
    /// Change nothing, only show what would be taken over.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Write the configuration file as one of this B3LB; nothing is imported then.
    #[arg(long, value_name = "FILE")]
    pub(crate) write_config: Option<PathBuf>,
}
