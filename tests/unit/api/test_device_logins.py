"""Programs that wait to be let in from a browser: codes, times, bounds."""

from __future__ import annotations

import re

import pytest

from framefarm.api.pages.device_logins import (
    EVERY_S,
    LASTS_S,
    DeviceDeniedError,
    DeviceHurryError,
    DeviceLogins,
    DevicePendingError,
    NoSuchDeviceCodeError,
)
from framefarm.farm.logins import Credentials

DAY_S = 86_400.0
ADA = Credentials(1, "ada", None, enabled=True)
EVE = Credentials(2, "eve", None, enabled=True)


@pytest.fixture
def logins() -> DeviceLogins:
    return DeviceLogins()


def test_program_that_was_let_in_gets_in_once(logins: DeviceLogins):
    login, secret = logins.begin("laptop", DAY_S, "10.0.0.2", now=0.0)
    with pytest.raises(DevicePendingError):
        logins.take(secret, now=5.0)
    logins.find(login.user_code, now=6.0).let_in = ADA

    assert logins.take(secret, now=10.0) is login
    with pytest.raises(NoSuchDeviceCodeError):
        logins.take(secret, now=11.0)


@pytest.mark.parametrize(
    "way", [str.lower, lambda code: code.replace("-", " "), lambda c: f" {c}\n"]
)
def test_code_may_be_typed_in_any_way(logins: DeviceLogins, way):
    login, _ = logins.begin("laptop", DAY_S, "10.0.0.2", now=0.0)

    assert re.fullmatch("[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", login.user_code)
    assert logins.find(way(login.user_code), now=0.0) is login


@pytest.mark.parametrize("code", ["", "BCDF", "BCDF-GHJK-", "\u017f\u017f", "A" * 40])
def test_code_of_nobody_is_none(logins: DeviceLogins, code: str):
    login, _ = logins.begin("laptop", DAY_S, "10.0.0.2", now=0.0)
    login.user_code = "ZZZZ-ZZZZ"

    with pytest.raises(NoSuchDeviceCodeError):
        logins.find(code, now=0.0)


def test_what_was_answered_is_asked_nobody_else(logins: DeviceLogins):
    login, secret = logins.begin("laptop", DAY_S, "10.0.0.2", now=0.0)
    logins.find(login.user_code, now=0.0).denied = True

    with pytest.raises(NoSuchDeviceCodeError):
        logins.find(login.user_code, now=0.0)
    with pytest.raises(DeviceDeniedError):
        logins.take(secret, now=5.0)
    with pytest.raises(NoSuchDeviceCodeError):
        logins.take(secret, now=6.0)


def test_codes_end(logins: DeviceLogins):
    login, secret = logins.begin("laptop", DAY_S, "10.0.0.2", now=0.0)
    logins.find(login.user_code, now=LASTS_S - 1).let_in = ADA

    with pytest.raises(NoSuchDeviceCodeError):
        logins.take(secret, now=LASTS_S)
    other, _ = logins.begin("laptop", DAY_S, "10.0.0.2", now=LASTS_S)
    with pytest.raises(NoSuchDeviceCodeError):
        logins.find(other.user_code, now=2 * LASTS_S)


def test_who_hurries_is_told(logins: DeviceLogins):
    _, secret = logins.begin("laptop", DAY_S, "10.0.0.2", now=0.0)
    with pytest.raises(DevicePendingError):
        logins.take(secret, now=0.0)

    with pytest.raises(DeviceHurryError) as told:
        logins.take(secret, now=1.0)

    assert told.value.retry_in_s == EVERY_S


def test_one_place_pushes_out_only_its_own(logins: DeviceLogins):
    kept, secret = logins.begin("studio", DAY_S, "10.0.0.2", now=0.0)
    kept.let_in = ADA
    begun = [logins.begin("flood", DAY_S, "2001:db8::1", now=1.0) for _ in range(50)]

    assert logins.take(secret, now=2.0) is kept
    left = []
    for login, device_code in begun:
        login.let_in = EVE
        try:
            left.append(logins.take(device_code, now=3.0))
        except NoSuchDeviceCodeError:
            continue
    assert left == [login for login, _ in begun[-20:]]


def test_there_are_never_more_than_a_thousand(logins: DeviceLogins):
    for n in range(1_200):
        logins.begin("x", DAY_S, f"10.0.{n // 250}.{n % 250}", now=0.0)

    assert len(logins._waiting) == 1_000
