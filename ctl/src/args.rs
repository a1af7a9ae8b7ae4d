//! The command line.

use clap::{Args as ClapArgs, Parser, Subcommand};
use std::path::PathBuf;

/// Manages a pool of BigBlueButton instances behind B3LB.
#[derive(Debug, Parser)]
#[command(name = "b3lbctl", version)]
pub(crate) struct Args {
    /// The control plane's url.
    #[arg(long, env = "B3LB_ADDRESS", default_value = "http://127.0.0.1:8091")]
    pub(crate) address: String,
    /// The admin key; better from the environment, where other users do not see it.
    #[arg(long, env = "B3LB_ADMIN_API_KEY", hide_env_values = true)]
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) tls: Tls,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// For an address of https.
#[derive(Debug, ClapArgs)]
pub(crate) struct Tls {
    /// Certificates (PEM) to trust instead of the system's.
    #[arg(long, value_name = "FILE", env = "B3LB_CA_FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// The certificate (PEM) to show to a control plane that asks for one.
    #[arg(long, value_name = "FILE", env = "B3LB_CERTIFICATE", requires = "certificate_key")]
    pub(crate) certificate: Option<PathBuf>,
    /// Its private key (PEM).
    #[arg(long, value_name = "FILE", env = "B3LB_CERTIFICATE_KEY", requires = "certificate")]
    pub(crate) certificate_key: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The pool at this moment.
    Status {
        /// Print it again whenever it has changed.
        #[arg(long)]
        watch: bool,
    },
    /// Lists what there is.
    #[command(subcommand)]
    Get(Get),
    /// Adds an instance, or a tenant, or replaces a tenant.
    #[command(subcommand)]
    Add(Add),
    /// Takes something away.
    #[command(subcommand)]
    Delete(Delete),
    /// No new meetings on an instance.
    Cordon { url: String },
    /// New meetings again on an instance that was cordoned or disabled.
    Uncordon { url: String },
    /// Takes an instance out of the pool, but remembers it.
    Disable { url: String },
    /// Cordons an instance and waits until its last meeting has ended.
    Drain { url: String },
    /// Shows for every instance each term of its score, or why it would not be chosen.
    Explain {
        /// The host name that frontends call; `*` for the catch-all.
        tenant: String,
        /// A meeting that may have an instance already.
        #[arg(default_value = "")]
        meeting_id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Get {
    /// All instances.
    Instances {
        /// Show their secrets.
        #[arg(long)]
        secrets: bool,
    },
    /// All tenants.
    Tenants {
        /// Show their secrets.
        #[arg(long)]
        secrets: bool,
    },
    /// All meetings and where they are.
    Meetings {
        /// Only this tenant's.
        #[arg(long, default_value = "")]
        tenant: String,
        /// Only those on this instance.
        #[arg(long, default_value = "")]
        instance: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Add {
    /// Adds an instance to the pool.
    Instance(AddInstance),
    /// Adds a tenant, or replaces the one with the same host.
    Tenant(AddTenant),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct AddInstance {
    /// Its base url, such as `https://bbb1.example.org/bigbluebutton`.
    pub(crate) url: String,
    /// Its secret, as `bbb-conf --secret` shows it.
    #[arg(long, env = "B3LB_INSTANCE_SECRET", hide_env_values = true)]
    pub(crate) secret: String,
    /// How many users it can hold, relative to the others.
    #[arg(long, default_value_t = 1.0)]
    pub(crate) capacity: f64,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct AddTenant {
    /// The host name that its frontends call; `*` for the catch-all.
    pub(crate) host: String,
    /// A secret of its own, several for a rotation; without one the global secret is its.
    #[arg(long = "secret", env = "B3LB_TENANT_SECRET", hide_env_values = true)]
    pub(crate) secrets: Vec<String>,
    /// An instance it may use; without one it may use the whole pool.
    #[arg(long = "instance")]
    pub(crate) instances: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Delete {
    /// Takes an instance out of the pool for good.
    Instance {
        url: String,
        /// Even though it has meetings.
        #[arg(long)]
        force: bool,
    },
    /// Forgets a tenant.
    Tenant { host: String },
}
