//! The real program over real sockets, against the sandbox.

mod bad_input;
mod hostile;
mod killed;
mod output;
mod people;
mod postgres;
mod privacy;
mod program;
mod sandbox_command;
mod state_folder;
mod unread;
mod whole_path;
mod world;
