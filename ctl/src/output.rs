//! How answers are printed: as a table for people, or as JSON, YAML or CSV for programs, which all have the same fields.

use crate::terminal::{harmless, is_command, is_plain};
use anyhow::Context;
use comfy_table::{Attribute, Cell, CellAlignment, Color, Table, presets};
use serde_json::{Map, Value};
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

/// What an answer looks like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// The same with every column.
    Wide,
    /// One document; times are RFC 3339, what is not known is null.
    Json,
    /// The same as YAML.
    Yaml,
    /// The same fields under a header; what is not known is empty, lists are separated by spaces.
    Csv,
}

/// One column: its field in JSON, YAML and CSV, and its title in tables.
pub(crate) struct Column {
    key: &'static str,
    title: &'static str,
    place: Place,
    right: bool,
}

/// Where a column is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Everywhere,
    /// Too much for the usual table.
    Wide,
    /// Only in tables: it says in a few words what other columns say in full.
    Tables,
    /// Not in tables.
    Documents,
    /// Where secrets are wanted.
    Secret,
    /// The same, and not in tables.
    SecretDocuments,
}

/// Rows of values, one for each column.
pub(crate) struct Listing {
    columns: &'static [Column],
    rows: Vec<Vec<Value>>,
    with_secrets: bool,
}

impl Column {
    pub(crate) const fn text(key: &'static str, title: &'static str) -> Self {
        Self { key, title, place: Place::Everywhere, right: false }
    }

    pub(crate) const fn number(key: &'static str, title: &'static str) -> Self {
        Self { right: true, ..Self::text(key, title) }
    }

    /// Without a title, as it is in no table.
    pub(crate) const fn field(key: &'static str) -> Self {
        Self { place: Place::Documents, ..Self::text(key, "") }
    }

    /// Too much for the usual table.
    pub(crate) const fn wide(self) -> Self {
        Self { place: Place::Wide, ..self }
    }

    pub(crate) const fn only_in_tables(self) -> Self {
        Self { place: Place::Tables, ..self }
    }

    pub(crate) const fn secret(self) -> Self {
        let place = if matches!(self.place, Place::Documents) { Place::SecretDocuments } else { Place::Secret };
        Self { place, ..self }
    }
}

impl Listing {
    pub(crate) fn new(columns: &'static [Column]) -> Self {
        Self { columns, rows: Vec::new(), with_secrets: false }
    }

    /// Shows the columns of secrets too, if that is wanted.
    pub(crate) fn with_secrets(self, with_secrets: bool) -> Self {
        Self { with_secrets, ..self }
    }

    pub(crate) fn push<const N: usize>(&mut self, row: [Value; N]) {
        debug_assert_eq!(N, self.columns.len(), "a value for each column");
        self.rows.push(row.into());
    }

    /// Prints all of it.
    ///
    /// # Errors
    /// Whoever reads it has gone away.
    pub(crate) fn print(self, format: Format) -> anyhow::Result<()> {
        match format {
            Format::Table | Format::Wide => print(self.table(format == Format::Wide)),
            Format::Json | Format::Yaml => document(format, &Value::Array(self.objects())),
            Format::Csv => self.csv(),
        }
    }

    /// Each row as an object.
    pub(crate) fn objects(self) -> Vec<Value> {
        let shown = self.shown(|place| place != Place::Tables);
        let object = |row: &Vec<Value>| {
            let fields = shown.iter().map(|i| (self.columns[*i].key.to_owned(), row[*i].clone()));
            Value::Object(fields.collect::<Map<_, _>>())
        };
        self.rows.iter().map(object).collect()
    }

    /// The columns that are seen at such a place.
    fn shown(&self, at: impl Fn(Place) -> bool) -> Vec<usize> {
        let secret = |place| matches!(place, Place::Secret | Place::SecretDocuments);
        let seen = |place| at(place) && (self.with_secrets || !secret(place));
        (0..self.columns.len()).filter(|i| seen(self.columns[*i].place)).collect()
    }

    fn table(self, wide: bool) -> Table {
        let shown = self.shown(|place| match place {
            Place::Everywhere | Place::Tables | Place::Secret => true,
            Place::Wide => wide,
            Place::Documents | Place::SecretDocuments => false,
        });
        let mut table = plain();
        table.set_header(shown.iter().map(|i| Cell::new(self.columns[*i].title).add_attribute(Attribute::Bold)));
        for row in &self.rows {
            table.add_row(shown.iter().map(|i| {
                let (column, value) = (&self.columns[*i], &row[*i]);
                let cell = Cell::new(cell(value));
                let cell = match alarming(column.key, value) {
                    Some(color) => cell.fg(color),
                    None => cell,
                };
                if column.right { cell.set_alignment(CellAlignment::Right) } else { cell }
            }));
        }
        table
    }

    fn csv(self) -> anyhow::Result<()> {
        let shown = self.shown(|place| place != Place::Tables);
        let on_terminal = io::stdout().is_terminal();
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(shown.iter().map(|i| self.columns[*i].key))?;
        for row in &self.rows {
            let fields = shown.iter().map(|i| exact(&row[*i]));
            match on_terminal {
                true => writer.write_record(fields.map(|field| harmless(&field).into_owned()))?,
                false => writer.write_record(fields)?,
            }
        }
        let text = String::from_utf8(writer.into_inner()?)?;
        print(text.trim_end_matches('\n'))
    }
}

/// A table without lines.
pub(crate) fn plain() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if is_plain() {
        table.force_no_tty();
    }
    table
}

/// One document, as JSON or YAML; where a table was asked for as well, as there is no table of it.
///
/// # Errors
/// Whoever reads it has gone away.
pub(crate) fn document(format: Format, value: &Value) -> anyhow::Result<()> {
    match format {
        Format::Json => print(json_text(value)?),
        _ => print(serde_saphyr::to_string(value)?.trim_end_matches('\n')),
    }
}

/// JSON that a terminal shows as it is: what it would take for commands is escaped, which means the same to programs.
fn json_text(value: &Value) -> serde_json::Result<String> {
    let text = serde_json::to_string_pretty(value)?;
    // Outside of its strings there are no commands but the ends of lines, and inside of them these are escaped already.
    let dangerous = |c| c != '\n' && is_command(c);
    if !text.contains(dangerous) {
        return Ok(text);
    }
    let escaped = |c| if dangerous(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    Ok(text.chars().map(escaped).collect())
}

/// Writes one line to stdout, whatever ids and messages are in it.
///
/// # Errors
/// Whoever reads it has gone away.
pub(crate) fn line(text: impl Display) -> anyhow::Result<()> {
    print(harmless(&text.to_string()))
}

/// Writes a text to stdout, which whoever reads it may close before the end.
///
/// # Errors
/// They have.
pub(crate) fn print(text: impl Display) -> anyhow::Result<()> {
    writeln!(io::stdout(), "{text}").context("stdout")
}

/// A value as people read it.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) if number.is_f64() => format!("{:.2}", number.as_f64().unwrap_or_default()),
        Value::Number(number) => number.to_string(),
        Value::String(text) => harmless(text).into_owned(),
        Value::Array(values) => values.iter().map(cell).collect::<Vec<_>>().join(" "),
        Value::Object(map) => {
            map.iter().map(|(name, value)| format!("{}={}", harmless(name), cell(value))).collect::<Vec<_>>().join(" ")
        }
    }
}

/// A value as programs read it.
fn exact(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(exact).collect::<Vec<_>>().join(" "),
        Value::Object(map) => {
            map.iter().map(|(name, value)| format!("{name}={}", exact(value))).collect::<Vec<_>>().join(" ")
        }
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// What somebody should look at.
fn alarming(key: &str, value: &Value) -> Option<Color> {
    match (key, value) {
        ("online", Value::Bool(false)) => Some(Color::Red),
        ("admission", Value::String(admission)) if admission != "open" => Some(Color::Yellow),
        ("cpu" | "mem", Value::Number(percent)) => Some(match percent.as_f64().unwrap_or_default() {
            percent if percent < 33.33 => Color::Green,
            percent if percent < 66.66 => Color::Yellow,
            _ => Color::Red,
        }),
        _ => None,
    }
}
