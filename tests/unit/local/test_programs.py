"""Where no RabbitMQ is installed, people are told what to do, or it is fetched."""

from pathlib import Path

import pytest

from deploy.local.programs import ready_rabbitmq
from deploy.local.rabbitmq import RabbitMissing
from deploy.local.settings import LocalSettings


def test_a_missing_broker_is_named_with_the_ways_out(tmp_path: Path) -> None:
    settings = LocalSettings(rabbitmq_places="/nowhere", rabbitmq_fetch=False, programs_dir=tmp_path)
    with pytest.raises(RabbitMissing, match=r"no rabbitmq-server in /nowhere.*apt-get install.*TRUSCORE_AMQP_URL"):
        ready_rabbitmq(settings)
