"""The private broker and store do what the tests and the stack build on."""

import io

import aio_pika
import psutil
import pytest
from aio_pika.abc import AbstractIncomingMessage

pytestmark = pytest.mark.connected
TIMEOUT_S = 20


async def declare_quorum(channel: aio_pika.abc.AbstractChannel, name: str) -> aio_pika.abc.AbstractQueue:
    return await channel.declare_queue(name, durable=True, arguments={"x-queue-type": "quorum"})


async def test_a_confirmed_message_survives_the_sudden_death_of_the_broker(private_broker) -> None:
    connection = await aio_pika.connect(private_broker.amqp_url)
    async with connection:
        channel = await connection.channel()
        await declare_quorum(channel, "kept")
        message = aio_pika.Message(b"still here", delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(message, "kept", timeout=TIMEOUT_S)
        private_broker.settle()
        private_broker.kill()
    assert not private_broker.running
    private_broker.start()
    async with await aio_pika.connect(private_broker.amqp_url) as connection:
        channel = await connection.channel()
        queue = await declare_quorum(channel, "kept")
        got: AbstractIncomingMessage = await queue.get(timeout=TIMEOUT_S)
        assert got.body == b"still here"


async def test_each_test_has_a_virtual_host_of_its_own(private_broker, amqp_url: str) -> None:
    async with await aio_pika.connect(private_broker.amqp_url) as connection:
        await declare_quorum(await connection.channel(), "only-here")
    other = private_broker.node.add_vhost("another")
    try:
        async with await aio_pika.connect(other) as connection:
            with pytest.raises(aio_pika.exceptions.ChannelNotFoundEntity):
                await (await connection.channel()).declare_queue("only-here", passive=True)
    finally:
        private_broker.node.drop_vhost("another")


def test_the_servers_listen_on_loopback_only(private_broker, s3) -> None:
    ours = {psutil.Process().pid} | {child.pid for child in psutil.Process().children(recursive=True)}
    listening = {
        connection.laddr.ip
        for pid in ours
        for connection in psutil.Process(pid).net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening
    assert listening <= {"127.0.0.1", "::1"}


def test_a_bucket_is_empty_and_refuses_a_wrong_key(s3, bucket: str) -> None:
    from minio import Minio
    from minio.error import S3Error

    address = s3.endpoint.removeprefix("http://")
    right = Minio(address, access_key=s3.access_key, secret_key=s3.secret_key, secure=False)
    assert list(right.list_objects(bucket)) == []
    right.put_object(bucket, "a", io.BytesIO(b"abc"), 3)
    wrong = Minio(address, access_key=s3.access_key, secret_key="wrong", secure=False)
    with pytest.raises(S3Error) as refusal:
        wrong.get_object(bucket, "a")
    assert refusal.value.code == "SignatureDoesNotMatch"


def test_a_hundred_buckets_fit(s3) -> None:
    from minio.error import S3Error

    names = [s3.make_bucket(f"many-{number}") for number in range(100)]
    for name in names:
        s3.drop_bucket(name)
    with pytest.raises(S3Error, match="NoSuchBucket"):
        s3.drop_bucket(names[0])
