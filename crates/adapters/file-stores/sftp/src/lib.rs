//! SFTP servers, such as Enhanced FTP
