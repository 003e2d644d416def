//! RabbitMQ: a quorum queue with publisher confirms, which come after its log is synced.

use lapin::options::{
    BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};

use crate::load::{self, Publish};
use crate::{Failure, MESSAGE_BYTES};

const QUEUE: &str = "kopir-peer";
/// The protocol's number for a message that is to survive a restart.
const PERSISTENT: u8 = 2;

#[derive(Clone)]
struct Publisher {
    channel: Channel,
    body: Vec<u8>,
}

impl Publish for Publisher {
    async fn publish(&self, _number: u64) -> Result<(), Failure> {
        let properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
        let options = BasicPublishOptions::default();
        let sent =
            self.channel.basic_publish("".into(), QUEUE.into(), options, &self.body, properties);
        match sent.await?.await? {
            Confirmation::Ack(_) => Ok(()),
            refused => Err(format!("a message was not confirmed: {refused:?}").into()),
        }
    }
}

pub async fn run(address: &str) -> Result<(), Failure> {
    let connection = Connection::connect(address, ConnectionProperties::default()).await?;
    for (in_flight, most) in load::LOADS {
        let channel = connection.create_channel().await?;
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(QUEUE.into(), options, arguments).await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let publisher = Publisher { channel: channel.clone(), body: vec![b'k'; MESSAGE_BYTES] };
        load::measure("rabbitmq", &publisher, in_flight, most).await?;
        channel.queue_delete(QUEUE.into(), QueueDeleteOptions::default()).await?;
    }
    Ok(())
}
