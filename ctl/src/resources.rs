//! The files that describe instances and tenants: those of the originals, and more keys where there is more to say.
//!
//! - [`instances`]: `kind: InstanceList`; [`tenant`]: `kind: Tenant`.

mod instances;
mod tenant;

pub(crate) use instances::document as instances_document;
pub(crate) use tenant::{document as tenant_document, of_original};

use crate::Mistake;
use b3lb_proto::v1;
use instances::Instances;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_saphyr::Error;
use std::collections::BTreeMap;
use std::path::Path;

/// What one document of a file wants.
pub(crate) enum Resource {
    /// The pool is exactly these. One without a secret keeps the one that it has.
    Instances(Vec<v1::Instance>),
    Tenant {
        tenant: Box<v1::Tenant>,
        /// Nothing is said of its secrets: one that is known keeps those it has.
        keeps_secrets: bool,
    },
}

/// One document, whatever its kind. Nothing in it is read before it is known what it should be, so that a secret made of digits stays one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    spec: Option<tenant::Spec>,
    #[serde(default)]
    instances: Option<instances::Instances>,
    #[serde(default)]
    metadata: Option<BTreeMap<String, String>>,
}

/// All documents of a file.
///
/// # Errors
/// [`Mistake`] with the file and the line of what is wrong, without a value: it may be a secret.
pub(crate) fn read(name: &Path, text: &str) -> Result<Vec<Resource>, Mistake> {
    let name = name.display();
    let documents: Vec<Document> = parse(text).map_err(|reason| Mistake(format!("{name}{reason}")))?;
    if documents.is_empty() {
        return Err(Mistake(format!("{name}: there is nothing in it")));
    }
    let several = documents.len() > 1;
    let resource = |(number, document): (usize, Document)| {
        let place = if several { format!(" (document {})", number + 1) } else { String::new() };
        document.resource().map_err(|reason| Mistake(format!("{name}{place}: {reason}")))
    };
    documents.into_iter().enumerate().map(resource).collect()
}

impl Document {
    fn resource(self) -> Result<Resource, String> {
        let Self { kind, spec, instances, metadata } = self;
        match (kind.as_deref().unwrap_or_default(), spec) {
            ("InstanceList", None) if metadata.is_none() => {
                let instances = instances.map(Instances::messages).unwrap_or_default();
                if instances.is_empty() {
                    return Err("it lists no instances; to empty the pool, delete each instance".to_owned());
                }
                Ok(Resource::Instances(instances))
            }
            ("InstanceList", _) => Err("an InstanceList has kind and instances, and nothing else".to_owned()),
            ("Tenant", Some(spec)) => {
                let instances = instances.map(Instances::urls).transpose()?.unwrap_or_default();
                let keeps_secrets = spec.keeps_secrets();
                let tenant = Box::new(spec.message(instances, metadata.unwrap_or_default())?);
                Ok(Resource::Tenant { tenant, keeps_secrets })
            }
            ("Tenant", None) => Err("a Tenant has a spec with a host".to_owned()),
            (kind, _) => Err(format!("kind is {kind:?}; it would be InstanceList or Tenant")),
        }
    }
}

/// What is said of a text without quotes that YAML takes for something else.
const LIKE_A_NUMBER: &str = "a secret that looks like a number needs quotes";

/// All documents of a text; the error begins with the place.
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, String> {
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| place(&error))
}

/// Where a text is wrong, and how, without any of its values.
fn place(error: &Error) -> String {
    let line = error.location().map(|location| format!(":{}", location.line())).unwrap_or_default();
    let told = error.to_string();
    // Names of keys may be told, values not: only messages that begin like these hold none.
    let harmless = ["unknown field", "missing field", "duplicate field", "unknown variant", LIKE_A_NUMBER];
    let reason = match error {
        Error::ExternalMessage { msg, .. } => format!("no valid YAML: {msg}"),
        Error::Eof { .. } => "no valid YAML: it ends in the middle of something".to_owned(),
        Error::DuplicateMappingKey { .. } => "a key that was there before".to_owned(),
        _ => match harmless.iter().find_map(|start| told.find(start)) {
            Some(at) => {
                let line = told[at..].lines().next().unwrap_or_default();
                line.split(" at line ").next().unwrap_or_default().to_owned()
            }
            None => "a value of another kind belongs here".to_owned(),
        },
    };
    format!("{line}: {reason}")
}
