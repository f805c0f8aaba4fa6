//! The real program over real sockets, against the sandbox.

mod bad_input;
mod certificates;
mod full_disk;
mod guards;
mod hostile;
mod killed;
mod naughty;
mod npm;
mod output;
mod people;
mod postgres;
mod preflight;
mod privacy;
mod program;
mod proxy;
mod rejects;
mod s3_source;
mod sandbox_command;
mod small_disk;
mod state_folder;
mod stopped;
mod tables;
mod unread;
mod whole_path;
mod why;
mod world;
