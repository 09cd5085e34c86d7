"""Ports that are chosen for servers of ours."""

import subprocess
import sys

from deploy.local.servers import ports


def test_a_port_that_was_chosen_is_given_to_no_other_process_before_its_server_has_bound_it() -> None:
    (chosen,) = ports.free_ports(1)
    program = (
        "from deploy.local.servers import ports\n"
        f"ports.LOWEST_PORT = ports.HIGHEST_PORT = {chosen}\n"
        "try:\n    print(ports.free_ports(1))\nexcept ports.NoFreePort:\n    print('none')\n"
    )
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert other.stdout.strip() == "none"


def test_ports_chosen_together_are_different_and_none_is_chosen_twice() -> None:
    first, second = ports.free_ports(20), ports.free_ports(20)
    assert len({*first, *second}) == 40
