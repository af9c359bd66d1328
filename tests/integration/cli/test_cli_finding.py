"""Which manager a worker chooses that was told none."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from framefarm.agent.discovery import FoundManager
from framefarm.agent.identity import Identities, Identity, IdentityFile
from framefarm.cli import finding
from framefarm.cli.failures import UsageFailure
from framefarm.cli.settings import Settings
from framefarm.client import local_manager
from framefarm.client.local_manager import LocalManager


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> list[FoundManager]:
    """What announces itself; nothing at first, and no manager at the usual address either."""
    found: list[FoundManager] = []
    monkeypatch.setattr(finding, "browse", lambda: found)
    monkeypatch.setattr(finding, "_is_manager", lambda _: False)
    return found


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def answering() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def silent() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


TOKEN = "k7mq-2xw9-p4rt-8n3h"


def joined(settings: Settings, url: str, farm: str = "f1") -> None:
    settings.worker_dir.mkdir(parents=True)
    known = Identity("w1", "key", farm=farm, url=url)
    IdentityFile(settings.worker_dir).save(Identities((known,)))


def noted(settings: Settings, url: str) -> None:
    settings.manager_dir.mkdir(parents=True)
    local_manager.note(settings.manager_dir, LocalManager(url))


STUDIO = FoundManager("FrameFarm on studio", "f1", "http://10.0.0.5:7070")
OTHER = FoundManager("FrameFarm on other", "f2", "https://10.0.0.6:7070")


@pytest.mark.usefixtures("network")
def test_the_one_told_counts_above_all(settings, answering, tmp_path):
    joined(settings, answering)
    told = Settings(home=tmp_path, url="http://box:1")

    assert finding.choose_manager(told).url == "http://box:1"


def test_the_one_joined_last_comes_before_those_here_and_on_the_network(
    settings, network, answering
):
    joined(settings, answering)
    noted(settings, answering)
    network.append(OTHER)

    choice = finding.choose_manager(settings)

    assert (choice.url, choice.how) == (answering, "joined before")


def test_the_one_joined_last_is_found_at_its_new_address(settings, network, silent):
    joined(settings, silent)
    network += [OTHER, STUDIO]

    choice = finding.choose_manager(settings)

    assert choice.url == STUDIO.url
    assert "another address" in choice.how


def test_the_one_joined_last_is_waited_for_and_no_other_taken(settings, network, silent):
    joined(settings, silent)
    network.append(OTHER)

    choice = finding.choose_manager(settings)

    assert (choice.url, choice.how) == (silent, "joined before; does not answer yet")


def test_one_on_this_machine_comes_before_the_network(settings, network, answering):
    noted(settings, answering)
    network.append(STUDIO)

    assert finding.choose_manager(settings).url == answering


def test_a_note_of_a_manager_that_was_killed_is_not_believed(settings, network, silent):
    noted(settings, silent)
    network.append(STUDIO)

    with pytest.raises(UsageFailure, match=STUDIO.url):
        finding.choose_manager(settings)


def test_one_on_the_network_is_joined_with_a_token(network, tmp_path):
    network.append(STUDIO)

    choice = finding.choose_manager(Settings(home=tmp_path, join=TOKEN))

    assert choice.url == STUDIO.url
    assert choice.how == "found on the network: FrameFarm on studio"


def test_nobody_on_the_network_is_worked_for_without_a_token_of_it(settings, network):
    network.append(STUDIO)

    with pytest.raises(UsageFailure) as told:
        finding.choose_manager(settings)

    assert str(told.value) == (
        "found FrameFarm on studio at http://10.0.0.5:7070; it takes in a new worker with a join "
        "token only: framefarm worker http://10.0.0.5:7070 --join TOKEN. "
        "`framefarm workers invite` on its machine makes one"
    )


def test_a_farm_that_encrypts_is_not_looked_for_where_nothing_is_encrypted(
    settings, network, silent
):
    encrypted = silent.replace("http:", "https:")
    joined(settings, encrypted)
    network.append(STUDIO)

    assert finding.choose_manager(settings).url == encrypted
    safe = replace(STUDIO, url="https://10.0.0.5:7070")
    network.append(safe)
    assert finding.choose_manager(settings).url == safe.url


def test_several_on_the_network_are_listed(settings, network):
    network += [STUDIO, OTHER]

    with pytest.raises(UsageFailure) as told:
        finding.choose_manager(settings)

    lines = str(told.value).splitlines()
    assert lines[0] == "2 managers are on this network; name one:"
    assert lines[1:] == [
        "  framefarm worker http://10.0.0.5:7070    FrameFarm on studio",
        "  framefarm worker https://10.0.0.6:7070    FrameFarm on other",
    ]


@pytest.mark.usefixtures("network")
def test_with_none_anywhere_it_waits_for_one_here(settings):
    choice = finding.choose_manager(settings)

    assert choice.url == "http://127.0.0.1:7070"
    assert "none was found" in choice.how


def test_who_has_a_token_is_looking_for_a_new_manager(settings, network, answering, tmp_path):
    joined(settings, answering)
    noted(settings, answering)
    joining = Settings(home=tmp_path, join=TOKEN)

    with pytest.raises(UsageFailure, match="no manager was found on this network"):
        finding.choose_manager(joining)
    network.append(OTHER)
    assert finding.choose_manager(joining).url == OTHER.url
