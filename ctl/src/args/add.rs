//! What is said of an instance or a tenant that is added.

use crate::completion;
use clap::Args as ClapArgs;
use clap_complete::engine::ArgValueCompleter;

#[derive(Debug, ClapArgs)]
pub(crate) struct AddInstance {
    /// Its base url, such as `https://bbb1.example.org/bigbluebutton`.
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// Its secret, as `bbb-conf --secret` shows it.
    #[arg(long, env = "B3LB_INSTANCE_SECRET", hide_env_values = true)]
    pub(crate) secret: String,
    /// How many users it can hold, relative to the others.
    #[arg(long, default_value_t = 1.0)]
    pub(crate) capacity: f64,
    /// How calls to it are signed.
    #[arg(long, value_enum, default_value_t = Checksum::Sha256)]
    pub(crate) checksum: Checksum,
    /// A word that tenants choose it by; may be given several times.
    #[arg(long = "tag")]
    pub(crate) tags: Vec<String>,
    /// It is older than 2.6.18 or 2.7.8, and checks a form that comes without a query over the form's fields.
    #[arg(long)]
    pub(crate) signs_forms: bool,
}

/// How calls are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Checksum {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct AddTenant {
    /// The host name that its frontends call; `*` for the catch-all.
    pub(crate) host: String,
    /// A secret of its own, several for a rotation; without one the global secret is its.
    #[arg(long = "secret", env = "B3LB_TENANT_SECRET", hide_env_values = true)]
    pub(crate) secrets: Vec<String>,
    /// What the secrets are called, in their order; 1, 2, … unless given.
    #[arg(long = "secret-id")]
    pub(crate) secret_ids: Vec<String>,
    /// How its calls may be signed; in every way unless given. May be given several times.
    #[arg(long = "algorithm", value_enum)]
    pub(crate) algorithms: Vec<Checksum>,
    /// An instance it may use; without one, and without tags, it may use the whole pool.
    #[arg(long = "instance", value_name = "URL", add = ArgValueCompleter::new(completion::instances))]
    pub(crate) instances: Vec<String>,
    /// Instances with this tag are its too.
    #[arg(long = "tag")]
    pub(crate) tags: Vec<String>,
    /// The most meetings it may have at a time.
    #[arg(long)]
    pub(crate) meeting_pool: Option<u32>,
    /// The most users it may have at a time.
    #[arg(long)]
    pub(crate) user_pool: Option<u32>,
    /// Numbers to dial that its meetings are given, such as 10000-99999, or how many digits they have.
    #[arg(long, value_parser = voice_bridges)]
    pub(crate) voice_bridges: Option<(u32, u32, u32)>,
    /// Recordings that name no tenant are its.
    #[arg(long)]
    pub(crate) owns_unlabelled: bool,
    #[command(flatten)]
    pub(crate) parameters: Parameters,
}

/// What is done to a tenant's calls; each of them may be given several times.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Parameters of its calls")]
pub(crate) struct Parameters {
    /// Added to a create that does not have it.
    #[arg(long = "create-default", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) create_defaults: Vec<(String, String)>,
    /// Added to a create, or put in the place of what it has.
    #[arg(long = "create-override", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) create_overrides: Vec<(String, String)>,
    /// Taken out of a create.
    #[arg(long = "create-removed", value_name = "NAME")]
    pub(crate) create_removed: Vec<String>,
    /// Added to a join that does not have it.
    #[arg(long = "join-default", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) join_defaults: Vec<(String, String)>,
    /// Added to a join, or put in the place of what it has.
    #[arg(long = "join-override", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) join_overrides: Vec<(String, String)>,
    /// Taken out of a join.
    #[arg(long = "join-removed", value_name = "NAME")]
    pub(crate) join_removed: Vec<String>,
    /// The longest a meeting may last, in minutes.
    #[arg(long, default_value_t = 0)]
    pub(crate) duration_max: u32,
    /// The url of slides for a create that brings none.
    #[arg(long, default_value = "")]
    pub(crate) slides: String,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it would be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// First, last and digits.
fn voice_bridges(text: &str) -> Result<(u32, u32, u32), String> {
    let number =
        |text: &str| text.parse().map_err(|_| "it would be like 10000-99999, or a number of digits".to_owned());
    match text.split_once('-') {
        Some((first, last)) => Ok((number(first)?, number(last)?, 0)),
        None => Ok((0, 0, number(text)?)),
    }
}
