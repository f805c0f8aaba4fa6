//! How many connections there are, and for how long.

use std::time::Duration;

use futures::future::join_all;
use outflow_domain::FileName;
use outflow_file_store_sftp::SftpSettings;
use outflow_ports::{FileStore, promises::file_store::Sample};

use crate::support::{Proxy, Server, name, put, settings, store, until};

#[tokio::test]
async fn a_connection_is_used_again() {
    let server = Server::openssh(&[]);
    let proxy = Proxy::to(server.port, &[]).await;
    let store = store(SftpSettings { port: proxy.port, ..settings(&server) });
    for _ in 0..5 {
        put(&store, &Sample::of(1_000)).await.unwrap();
        store.stat(&name()).await.unwrap().unwrap();
    }
    assert_eq!(proxy.opened(), 1);
}

#[tokio::test]
async fn no_more_are_opened_than_allowed() {
    let server = Server::openssh(&[]);
    let proxy = Proxy::to(server.port, &[]).await;
    let store = store(SftpSettings { port: proxy.port, connections_max: 3, ..settings(&server) });
    let sample = Sample::of(300_000);
    let names: Vec<FileName> = (0..12).map(|it| format!("side-by-side-{it}.csv").parse().unwrap()).collect();
    for put in join_all(names.iter().map(|name| store.put(name, &sample, &|_| ()))).await {
        put.unwrap();
    }
    assert_eq!(server.files().len(), 12);
    assert_eq!((proxy.open_max(), proxy.opened()), (3, 3));
}

#[tokio::test]
async fn one_that_nobody_uses_is_closed_and_later_opened_again() {
    let server = Server::openssh(&[]);
    let proxy = Proxy::to(server.port, &[]).await;
    let idle_timeout = Duration::from_millis(1_500);
    let store = store(SftpSettings { port: proxy.port, idle_timeout, ..settings(&server) });
    store.check().await.unwrap();
    until("the idle connection is closed", || proxy.open() == 0).await;
    store.check().await.unwrap();
    assert_eq!(proxy.opened(), 2);
}

#[tokio::test]
async fn those_of_a_store_that_is_gone_are_closed() {
    let server = Server::openssh(&[]);
    let proxy = Proxy::to(server.port, &[]).await;
    let store = store(SftpSettings { port: proxy.port, ..settings(&server) });
    store.check().await.unwrap();
    assert_eq!(proxy.open(), 1);
    drop(store);
    until("the connection is closed", || proxy.open() == 0).await;
}
