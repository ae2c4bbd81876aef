"""The second factor: codes that work once, codes on paper, and a lock on guessing."""

import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from accounts import second_factor
from accounts.models import RecoveryCode, SecondFactor, User, attempts
from tests.accounts.builders import (
    TOTP_SECRET,
    code_of,
    enrol,
    join,
    make_account,
    make_user,
)

HERE = "127.0.0.1"


def shows(user: User, code: str, *, address: str = HERE) -> bool:
    try:
        second_factor.check(user, code, address=address, now=timezone.now())
    except second_factor.CodeError:
        return False
    return True


# RFC 6238, appendix B, SHA-1; the last six of its eight figures.
@pytest.mark.parametrize(
    ("at_s", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_codes_are_those_of_the_standard(at_s: int, code: str):
    secret = b"12345678901234567890"
    assert second_factor.code_at(secret, at_s // 30) == code


@pytest.mark.parametrize(
    ("steps", "is_good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_a_code_is_good_for_one_step_to_either_side(
    alice: User, steps: int, is_good: bool
):
    with time_machine.travel(datetime(2026, 1, 5, 6, 0, 15, tzinfo=UTC), tick=False):
        enrol(alice)
        assert shows(alice, code_of(steps=steps)) == is_good


def test_a_code_works_once(alice: User):
    enrol(alice)
    code = code_of()
    assert shows(alice, code)
    assert not shows(alice, code)


def test_a_code_before_one_that_was_used_is_refused(alice: User):
    with time_machine.travel(datetime(2026, 1, 5, 6, 0, 15, tzinfo=UTC), tick=False):
        enrol(alice)
        assert shows(alice, code_of(steps=1))
        assert not shows(alice, code_of(steps=0))


def test_a_code_may_be_typed_with_a_space(alice: User):
    enrol(alice)
    code = code_of()
    assert shows(alice, f" {code[:3]} {code[3:]} ")


@pytest.mark.parametrize(
    "code", ["", "0", "12345", "1234567", "١٢٣٤٥٦", "\0", "x" * 40]
)
def test_what_is_no_code_is_refused(alice: User, code: str):
    enrol(alice)
    assert not shows(alice, code)


def test_who_has_no_second_factor_shows_no_code(alice: User):
    assert not shows(alice, code_of())


def test_the_sixth_try_is_refused_even_with_the_right_code(alice: User):
    enrol(alice)
    for _ in range(5):
        assert not shows(alice, "000000x")
    with pytest.raises(second_factor.CodeError) as refused:
        second_factor.check(alice, code_of(), address=HERE, now=timezone.now())
    assert timedelta() < refused.value.wait <= timedelta(minutes=15)


def test_the_lock_holds_from_every_address(alice: User):
    enrol(alice)
    for host in range(5):
        shows(alice, "no", address=f"198.51.100.{host}")
    assert not shows(alice, code_of(), address="203.0.113.9")


def test_the_lock_ends(alice: User):
    enrol(alice)
    for _ in range(6):
        shows(alice, "no")
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        assert shows(alice, code_of())


def test_a_right_code_forgives_the_wrong_ones(alice: User):
    enrol(alice)
    for _ in range(4):
        shows(alice, "no")
    assert shows(alice, code_of())
    for _ in range(4):
        shows(alice, "no")
    assert shows(alice, code_of(steps=1))


def test_a_recovery_code_works_once(alice: User):
    enrol(alice)
    first, *_ = RecoveryCode.objects.renew(alice.pk)
    assert shows(alice, first.upper().replace("-", " "))
    assert not shows(alice, first)


def test_new_recovery_codes_end_the_old_ones(alice: User):
    enrol(alice)
    old, *_ = RecoveryCode.objects.renew(alice.pk)
    new, *_ = RecoveryCode.objects.renew(alice.pk)
    assert not shows(alice, old)
    assert shows(alice, new)


def test_a_recovery_code_is_its_owner_s_only(alice: User):
    bob = make_user("bob")
    enrol(alice)
    enrol(bob)
    code, *_ = RecoveryCode.objects.renew(alice.pk)
    assert not shows(bob, code)


def test_only_hashes_and_sealed_secrets_are_kept(alice: User):
    enrol(alice)
    codes = RecoveryCode.objects.renew(alice.pk)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(c::text, ''), max(f::text) "
            "FROM accounts_recoverycode c, accounts_secondfactor f"
        )
        rows = "".join(cursor.fetchone())
    assert not any(code in rows or code.replace("-", "") in rows for code in codes)
    assert TOTP_SECRET not in rows
    assert base64.b32decode(TOTP_SECRET).hex() not in rows


def test_a_sealed_secret_is_of_no_use_to_somebody_else(alice: User):
    enrol(alice)
    bob = make_user("bob")
    sealed = SecondFactor.objects.get(user=alice).sealed_secret
    SecondFactor.objects.create(
        user=bob, sealed_secret=sealed, confirmed_at=timezone.now()
    )
    with pytest.raises(Exception):  # noqa: B017, PT011 # the vault's own business
        second_factor.check(bob, code_of(), address=HERE, now=timezone.now())


def test_a_new_secret_counts_when_a_code_of_it_was_shown(alice: User):
    enrol(alice)
    new = second_factor.propose(alice)
    assert not second_factor.confirm(alice, "000000x", now=timezone.now())
    assert second_factor.has_secret(alice, TOTP_SECRET)
    assert second_factor.confirm(alice, code_of(new), now=timezone.now())
    assert second_factor.has_secret(alice, new)
    assert not shows(alice, code_of(new)), "the code that confirmed it was used"


def test_a_secret_that_was_never_confirmed_lets_nobody_in(alice: User):
    secret = second_factor.propose(alice)
    assert not second_factor.is_enrolled(alice)
    assert not shows(alice, code_of(secret))


@pytest.mark.parametrize(
    ("role", "is_required"),
    [("viewer", False), ("back_office", False), ("trader", True)],
)
def test_who_trades_must_have_one(alice: User, role: str, is_required: bool):
    join(alice, make_account(), role)
    assert second_factor.is_required_of(alice) == is_required


def test_staff_must_have_one(db: None):
    assert second_factor.is_required_of(make_user("clerk", is_staff=True))


def all_at_once(user: User, codes: list[str]) -> int:
    """Return how many of ``codes``, shown from as many threads, were accepted."""

    def show(code: str) -> bool:
        try:
            return shows(user, code)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(codes)) as threads:
        return sum(threads.map(show, codes))


@pytest.mark.django_db(transaction=True)
def test_one_code_shown_many_times_at_once_is_taken_once(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setitem(attempts.CODE_LIMITS, "code account", 1000)
    alice = make_user()
    enrol(alice)
    assert all_at_once(alice, [code_of()] * 20) == 1


@pytest.mark.django_db(transaction=True)
def test_guesses_all_at_once_are_counted_exactly(monkeypatch: pytest.MonkeyPatch):
    looked_at = []

    def look(user: User, code: str, now: datetime) -> bool:
        looked_at.append(code)
        return False

    monkeypatch.setattr(second_factor, "_is_right", look)
    alice = make_user()
    all_at_once(alice, ["no"] * 20)
    assert len(looked_at) == 5
