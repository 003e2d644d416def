//! NATS JetStream: a file stream of one replica, acknowledged once the server has synced it. That
//! it has is the server's setting, `sync_interval: always`, which `peers.sh` writes.

use async_nats::jetstream::{self, stream};

use crate::load::{self, Publish};
use crate::{Failure, MESSAGE_BYTES};

const STREAM: &str = "KOPIR_PEER";

#[derive(Clone)]
struct Publisher {
    context: jetstream::Context,
    body: Vec<u8>,
}

impl Publish for Publisher {
    async fn publish(&self, number: u64) -> Result<(), Failure> {
        let subject = format!("kopir.peer.{}", number % 100);
        self.context.publish(subject, self.body.clone().into()).await?.await?;
        Ok(())
    }
}

pub async fn run(address: &str) -> Result<(), Failure> {
    let client = async_nats::connect(address).await?;
    let context = jetstream::new(client);
    for (in_flight, most) in load::LOADS {
        context
            .create_stream(stream::Config {
                name: STREAM.to_owned(),
                subjects: vec!["kopir.peer.>".to_owned()],
                storage: stream::StorageType::File,
                num_replicas: 1,
                ..stream::Config::default()
            })
            .await?;
        let publisher = Publisher { context: context.clone(), body: vec![b'k'; MESSAGE_BYTES] };
        load::measure("jetstream", &publisher, in_flight, most).await?;
        context.delete_stream(STREAM).await?;
    }
    Ok(())
}
