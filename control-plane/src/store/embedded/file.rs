//! The file in which an embedded store survives its process.

use crate::state::{Change, Revision, State};
use crate::store::record::{self, Record, Table};
use crate::store::{StoreError, new_epoch};
use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What the file is called in its directory.
const NAME: &str = "b3lb.redb";

/// Pages kept in memory. The state is in memory anyway, so that only the pages of the latest writes are read again.
const CACHE: usize = 8 * 1024 * 1024;

/// `epoch` and `revision`.
const META: TableDefinition<'_, &str, &str> = TableDefinition::new("meta");

/// An open file; held by this process alone.
pub(super) struct File {
    path: PathBuf,
    /// `None` after a failed write: redb then wants to be opened anew.
    database: Option<Database>,
}

impl File {
    /// Opens or creates the file in `dir`, and reads it.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] if that is impossible, [`StoreError::Damaged`] if there is something else in it.
    pub(super) fn open(dir: &Path) -> Result<(State, Self), StoreError> {
        let path = dir.join(NAME);
        let unusable = |error: &dyn std::fmt::Display| StoreError::Unusable(format!("{}: {error}", path.display()));
        std::fs::create_dir_all(dir).map_err(|error| unusable(&error))?;
        let database = open(&path).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => unusable(&"another process has it open"),
            error => unusable(&error),
        })?;
        let begun = begin(&database).map_err(|error| unusable(&error))?;
        let records = read(&database).map_err(|error| unusable(&error))?;
        let mut state = begun.ok_or_else(|| StoreError::Damaged {
            key: path.display().to_string(),
            reason: "its revision is no number".to_owned(),
        })?;
        for (table, field, value) in records {
            state.apply(record::read(table, &field, &value)?);
        }
        Ok((record::without_orphans(state), Self { path, database: Some(database) }))
    }

    /// Writes changes that lead from `before` to `revision`, durably, all or none.
    ///
    /// # Errors
    /// What redb or the disk has to say.
    pub(super) fn write(&mut self, revision: Revision, before: State, changes: Vec<Change>) -> Result<(), redb::Error> {
        let database = match self.database.take() {
            Some(database) => database,
            None => open(&self.path)?,
        };
        write(&database, revision, before, changes)?;
        self.database = Some(database);
        Ok(())
    }
}

/// Nobody else may read it: the secrets of instances and tenants stand in it.
fn open(path: &Path) -> Result<Database, DatabaseError> {
    let made = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    made.map_err(|error| DatabaseError::Storage(error.into()))?;
    Database::builder().set_cache_size(CACHE).create(path)
}

/// The empty state of the file's epoch and revision; `None` if they are not what we write.
fn begin(database: &Database) -> Result<Option<State>, redb::Error> {
    let transaction = transaction(database)?;
    let state = {
        let mut meta = transaction.open_table(META)?;
        for table in Table::ALL {
            transaction.open_table(definition(table))?;
        }
        let known = meta.get("epoch")?.map(|epoch| epoch.value().to_owned());
        let epoch = match known {
            Some(epoch) => epoch,
            None => {
                let epoch = new_epoch();
                meta.insert("epoch", &*epoch)?;
                meta.insert("revision", &*Revision::default().to_string())?;
                epoch
            }
        };
        let revision = meta.get("revision")?.and_then(|revision| revision.value().parse().ok());
        revision.map(|revision| State { epoch: epoch.into(), revision, ..State::default() })
    };
    transaction.commit()?;
    Ok(state)
}

fn read(database: &Database) -> Result<Vec<(Table, String, String)>, redb::Error> {
    let transaction = database.begin_read()?;
    let mut records = Vec::new();
    for table in Table::ALL {
        for entry in transaction.open_table(definition(table))?.iter()? {
            let (field, value) = entry?;
            records.push((table, field.value().to_owned(), value.value().to_owned()));
        }
    }
    Ok(records)
}

fn write(database: &Database, revision: Revision, before: State, changes: Vec<Change>) -> Result<(), redb::Error> {
    let transaction = transaction(database)?;
    {
        // A write that was reported as failed may be on the disk all the same; only loading it again would tell.
        let mut meta = transaction.open_table(META)?;
        let known = before.revision.to_string();
        if meta.insert("revision", &*revision.to_string())?.is_none_or(|found| found.value() != known) {
            return Err(redb::Error::Corrupted("it is ahead of the memory; a restart will load it".to_owned()));
        }
    }
    let mut state = before;
    for change in changes {
        if let Change::InstanceRemoved(url) = &change {
            let mut meetings = transaction.open_table(definition(Table::Meetings))?;
            for (meeting, _) in state.placements.iter().filter(|(_, placement)| placement.instance == *url) {
                meetings.remove(&*record::field(meeting))?;
            }
        }
        let Record { table, field, value } = Record::of(&change);
        let mut table = transaction.open_table(definition(table))?;
        match value {
            Some(value) => table.insert(&*field, &*value)?,
            None => table.remove(&*field)?,
        };
        drop(table);
        state.apply(change);
    }
    transaction.commit()?;
    Ok(())
}

/// A file that was not closed is usable again at once, not only after all of it has been read.
fn transaction(database: &Database) -> Result<WriteTransaction, redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    Ok(transaction)
}

fn definition(table: Table) -> TableDefinition<'static, &'static str, &'static str> {
    TableDefinition::new(table.name())
}
