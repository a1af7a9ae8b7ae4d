//! `instances` of a document: secrets by url, as the originals wrote an InstanceList, or more of each instance; urls alone for a Tenant.

use super::LIKE_A_NUMBER;
use b3lb_proto::v1::{Admission, ChecksumAlgorithm, Instance};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};
use std::fmt;
use std::marker::PhantomData;

/// In the order of the file.
pub(super) struct Instances(Vec<Entry>);

/// An instance, as far as the file says something of it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Entry {
    url: String,
    secret: Option<String>,
    checksum: Option<Checksum>,
    admission: Option<Admitted>,
    capacity: f64,
    tags: Vec<String>,
    signs_forms: bool,
}

/// How calls are signed.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Checksum {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Admitted {
    Open,
    Cordoned,
    Disabled,
}

impl Instances {
    /// What the control plane is told of a pool.
    pub(super) fn messages(self) -> Vec<Instance> {
        self.0.into_iter().map(Entry::message).collect()
    }

    /// The instances of a tenant.
    pub(super) fn urls(self) -> Result<Vec<String>, String> {
        let url = |entry: Entry| match entry.secret {
            None => Ok(entry.url),
            Some(_) => Err("a Tenant lists the urls of its instances, without their secrets".to_owned()),
        };
        self.0.into_iter().map(url).collect()
    }
}

impl Entry {
    fn message(self) -> Instance {
        let admission = match self.admission {
            None => Admission::Unspecified,
            Some(Admitted::Open) => Admission::Open,
            Some(Admitted::Cordoned) => Admission::Cordoned,
            Some(Admitted::Disabled) => Admission::Disabled,
        };
        Instance {
            url: self.url,
            secret: self.secret.unwrap_or_default(),
            checksum: self.checksum.map_or(ChecksumAlgorithm::Unspecified, Into::into).into(),
            admission: admission.into(),
            capacity: self.capacity,
            tags: self.tags,
            signs_forms: self.signs_forms,
            ..Instance::default()
        }
    }
}

/// Instances as a file for `apply`: what is as usual is left out.
pub(crate) fn document(instances: &[Instance]) -> Value {
    let entry = |instance: &Instance| {
        let mut entry = Map::new();
        let mut put = |name: &str, unusual: bool, value: Value| {
            entry.extend(unusual.then(|| (name.to_owned(), value)));
        };
        let (checksum, admission) = (instance.checksum(), instance.admission());
        put("secret", !instance.secret.is_empty(), json!(instance.secret));
        let name = checksum.as_str_name().to_lowercase();
        put("checksum", checksum != ChecksumAlgorithm::Sha256, json!(name));
        put("admission", admission != Admission::Open, json!(admission.as_str_name().to_lowercase()));
        put("capacity", instance.capacity != 1.0, json!(instance.capacity));
        put("tags", !instance.tags.is_empty(), json!(instance.tags));
        put("signs_forms", instance.signs_forms, json!(true));
        (instance.url.clone(), Value::Object(entry))
    };
    let instances: Map<_, _> = instances.iter().map(entry).collect();
    json!({ "kind": "InstanceList", "instances": instances })
}

impl From<Checksum> for ChecksumAlgorithm {
    fn from(checksum: Checksum) -> Self {
        match checksum {
            Checksum::Sha1 => Self::Sha1,
            Checksum::Sha256 => Self::Sha256,
            Checksum::Sha384 => Self::Sha384,
            Checksum::Sha512 => Self::Sha512,
        }
    }
}

impl<'de> Deserialize<'de> for Instances {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Instances;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("instances")
            }

            fn visit_unit<E>(self) -> Result<Instances, E> {
                Ok(Instances(Vec::new()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Instances, A::Error> {
                let mut entries = Vec::new();
                while let Some((url, value)) = map.next_entry::<String, TextOr<Entry>>()? {
                    entries.push(match value {
                        TextOr::Text(secret) => {
                            Entry { url, secret: Some(secret).filter(|secret| !secret.is_empty()), ..Entry::default() }
                        }
                        TextOr::Other(entry) => Entry { url, ..entry },
                    });
                }
                Ok(Instances(entries))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Instances, A::Error> {
                let mut entries = Vec::new();
                while let Some(value) = list.next_element::<TextOr<Entry>>()? {
                    entries.push(match value {
                        TextOr::Text(url) => Entry { url, ..Entry::default() },
                        TextOr::Other(entry) => entry,
                    });
                }
                Ok(Instances(entries))
            }
        }
        deserializer.deserialize_any(Entries)
    }
}

/// A text, or keys.
enum TextOr<T> {
    Text(String),
    Other(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for TextOr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = TextOr<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or keys")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<TextOr<T>, E> {
                Ok(TextOr::Text(text.to_owned()))
            }

            fn visit_unit<E>(self) -> Result<TextOr<T>, E> {
                Ok(TextOr::Text(String::new()))
            }

            fn visit_u64<E: Error>(self, _: u64) -> Result<TextOr<T>, E> {
                Err(E::custom(LIKE_A_NUMBER))
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<TextOr<T>, E> {
                Err(E::custom(LIKE_A_NUMBER))
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<TextOr<T>, E> {
                Err(E::custom(LIKE_A_NUMBER))
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<TextOr<T>, E> {
                Err(E::custom(LIKE_A_NUMBER))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TextOr<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(TextOr::Other)
            }
        }
        deserializer.deserialize_any(Either(PhantomData))
    }
}
