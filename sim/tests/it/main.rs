//! The simulator by itself, held to what BigBlueButton answers.

mod documents;
mod faults;
mod instance;
