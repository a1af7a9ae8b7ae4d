//! How answers are printed: as a table for people, or as JSON, YAML or CSV for programs, which all have the same fields.

use anyhow::Context;
use comfy_table::{Attribute, Cell, CellAlignment, Color, Table, presets};
use serde_json::{Map, Value};
use std::fmt::Display;
use std::io::{self, Write};

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
    /// With a header; what is not known is empty.
    Csv,
}

/// One column: its field in JSON and YAML, and its title.
pub(crate) struct Column {
    key: &'static str,
    title: &'static str,
    wide: bool,
    right: bool,
}

/// Rows of values, one for each column.
pub(crate) struct Listing {
    columns: &'static [Column],
    rows: Vec<Vec<Value>>,
}

impl Column {
    pub(crate) const fn text(key: &'static str, title: &'static str) -> Self {
        Self { key, title, wide: false, right: false }
    }

    pub(crate) const fn number(key: &'static str, title: &'static str) -> Self {
        Self { key, title, wide: false, right: true }
    }

    /// Too much for the usual table.
    pub(crate) const fn wide(self) -> Self {
        Self { wide: true, ..self }
    }
}

impl Listing {
    pub(crate) fn new(columns: &'static [Column]) -> Self {
        Self { columns, rows: Vec::new() }
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
        let object = |row: Vec<Value>| {
            let fields = self.columns.iter().zip(row).map(|(column, value)| (column.key.to_owned(), value));
            Value::Object(fields.collect::<Map<_, _>>())
        };
        self.rows.into_iter().map(object).collect()
    }

    fn table(self, wide: bool) -> Table {
        let shown: Vec<usize> = (0..self.columns.len()).filter(|i| wide || !self.columns[*i].wide).collect();
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
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(self.columns.iter().map(|column| column.title))?;
        for row in &self.rows {
            writer.write_record(row.iter().map(|value| match value {
                Value::Null => String::new(),
                value => cell(value),
            }))?;
        }
        let text = String::from_utf8(writer.into_inner()?)?;
        print(text.trim_end_matches('\n'))
    }
}

/// A table without lines.
pub(crate) fn plain() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
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
        Format::Json => print(serde_json::to_string_pretty(value)?),
        _ => print(serde_saphyr::to_string(value)?.trim_end_matches('\n')),
    }
}

/// Writes a line to stdout, which whoever reads it may close before the end.
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
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(cell).collect::<Vec<_>>().join(" "),
        Value::Object(map) => {
            map.iter().map(|(name, value)| format!("{name}={}", cell(value))).collect::<Vec<_>>().join(" ")
        }
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
