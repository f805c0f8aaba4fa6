//! A local folder
