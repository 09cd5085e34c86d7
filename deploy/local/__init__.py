"""The whole system as ordinary processes on one machine.

Knows how to install, start, watch and end them on loopback; knows nothing of what they say to each other.
"""

from truscore.process.supervised import ProcessFailed, Started, start_process

from deploy.local.servers.objects import ObjectServer
from deploy.local.servers.ports import free_ports
from deploy.local.servers.rabbitmq import RabbitMQ, find_rabbitmq
from deploy.local.servers.seaweedfs import SeaweedFS, find_weed

__all__ = [
    "ObjectServer",
    "ProcessFailed",
    "RabbitMQ",
    "SeaweedFS",
    "Started",
    "find_rabbitmq",
    "find_weed",
    "free_ports",
    "start_process",
]
