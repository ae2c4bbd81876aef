"""Tokens of programs: five minutes of access, and a refresh that works once."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.db import connection
from django.utils import timezone

from accounts import signing_keys, tokens
from accounts.authentication import principal_of
from accounts.models import RefreshToken, SigningKey, TokenFamily, User
from accounts.principals import Scope
from tests.accounts.builders import make_tokens, make_user, request_with

TRIES = 50


def test_an_access_token_stands_for_its_user(alice: User):
    pair = make_tokens(alice, scopes=[Scope.READ_MARKET])

    principal = principal_of(request_with(pair.access))

    assert principal is not None
    assert (principal.username, principal.kind) == ("alice", "token")
    assert principal.scopes == {"read:market"}
    assert principal.proof_id == pair.family.public_id


def test_access_lasts_five_minutes_at_most(alice: User):
    pair = make_tokens(alice)
    claims = jwt.decode(pair.access, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == pair.expires_in_s == 300
    with time_machine.travel(timezone.now() + timedelta(seconds=301)):
        assert principal_of(request_with(pair.access)) is None


def test_a_refresh_brings_a_new_pair(alice: User):
    first = make_tokens(alice)
    second = tokens.refresh(first.refresh, now=timezone.now())
    assert second.refresh != first.refresh
    assert second.family == first.family
    assert principal_of(request_with(second.access)) is not None


def test_only_the_hash_of_a_refresh_token_is_kept(alice: User):
    pair = make_tokens(alice)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t::text, f::text FROM accounts_refreshtoken t, "
            "accounts_tokenfamily f"
        )
        rows = "".join(cursor.fetchone())
    assert pair.refresh[13:56] not in rows
    assert pair.access not in rows
    assert pair.refresh not in repr(pair)
    assert pair.access not in repr(pair)


def test_a_refresh_token_that_comes_twice_ends_its_family(alice: User):
    first = make_tokens(alice)
    second = tokens.refresh(first.refresh, now=timezone.now())
    with pytest.raises(tokens.RefreshError):
        tokens.refresh(first.refresh, now=timezone.now())
    with pytest.raises(tokens.RefreshError):
        tokens.refresh(second.refresh, now=timezone.now())
    assert principal_of(request_with(second.access)) is None
    assert TokenFamily.objects.get().revoked_for == "refresh token reused"


@pytest.mark.parametrize("text", ["", "tsr_x", "tsk_" + "a" * 60, "\0"])
def test_what_is_no_refresh_token_is_refused(db: None, text: str):
    with pytest.raises(tokens.RefreshError):
        tokens.refresh(text, now=timezone.now())


def test_a_refresh_ends_with_its_log_in(alice: User):
    pair = make_tokens(alice)
    with pytest.raises(tokens.RefreshError):
        tokens.refresh(pair.refresh, now=timezone.now() + settings.SESSION_LONGEST)


def test_no_refresh_for_who_may_not_log_in_any_more(alice: User):
    pair = make_tokens(alice)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    with pytest.raises(tokens.RefreshError):
        tokens.refresh(pair.refresh, now=timezone.now())


def refresh_all_at_once(text: str) -> int:
    """Return how many of 50 simultaneous uses of ``text`` brought a pair."""
    gate = threading.Barrier(TRIES)

    def use(_: int) -> bool:
        try:
            connection.ensure_connection()
            gate.wait()
            tokens.refresh(text, now=timezone.now())
        except tokens.RefreshError:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(TRIES) as threads:
        return sum(threads.map(use, range(TRIES)))


@pytest.mark.django_db(transaction=True)
def test_of_50_uses_at_once_exactly_one_brings_a_pair():
    pair = make_tokens(make_user())
    assert refresh_all_at_once(pair.refresh) == 1
    assert RefreshToken.objects.count() == 2
    assert TokenFamily.objects.get().revoked_at is not None


@pytest.mark.django_db(transaction=True)
def test_control_without_the_lock_several_do(monkeypatch: pytest.MonkeyPatch):
    read = threading.Barrier(TRIES)

    def unlocked(shown: Any) -> RefreshToken:
        rows = RefreshToken.objects.select_related("family__user")
        token = rows.get(public_id=shown.public_id)
        read.wait()
        return token

    monkeypatch.setattr(tokens, "_locked", unlocked)
    pair = make_tokens(make_user())
    assert refresh_all_at_once(pair.refresh) > 1


# --- tokens that are not ours (S-J1) -------------------------------------------

HEADERS = {"alg": "EdDSA", "typ": "at+jwt"}


def claims_of(pair: tokens.Pair, **changed: Any) -> dict[str, Any]:
    claims = jwt.decode(pair.access, options={"verify_signature": False})
    return {
        name: value for name, value in (claims | changed).items() if value is not None
    }


def signed(claims: dict[str, Any], **headers: Any) -> str:
    """Return ``claims`` signed with our own key, under a header of choice."""
    key = signing_keys.signer()
    return jwt.encode(
        claims,
        signing_keys.private_key(key),
        algorithm="EdDSA",
        headers={"kid": key.kid, "typ": "at+jwt"} | headers,
    )


def written(
    header: dict[str, Any], claims: dict[str, Any], signature: bytes = b""
) -> str:
    def part(content: bytes) -> str:
        return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

    body = [json.dumps(part_).encode() for part_ in (header, claims)]
    return ".".join(map(part, [*body, signature]))


def with_public_key_as_secret(claims: dict[str, Any], secret: bytes) -> str:
    kid = signing_keys.signer().kid
    unsigned = written({"alg": "HS256", "typ": "at+jwt", "kid": kid}, claims)
    unsigned = unsigned.rpartition(".")[0]
    tag = hmac.digest(secret, unsigned.encode(), hashlib.sha256)
    return f"{unsigned}.{base64.urlsafe_b64encode(tag).rstrip(b'=').decode()}"


def public(encoding: Encoding, form: PublicFormat) -> bytes:
    key = signing_keys.private_key(signing_keys.signer()).public_key()
    return key.public_bytes(encoding, form)


def jwk() -> bytes:
    raw = public(Encoding.Raw, PublicFormat.Raw)
    x = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    return json.dumps({"kty": "OKP", "crv": "Ed25519", "x": x}).encode()


def stranger_s(claims: dict[str, Any], **headers: Any) -> str:
    key = Ed25519PrivateKey.generate()
    return jwt.encode(claims, key, algorithm="EdDSA", headers=HEADERS | headers)


def now_s() -> int:
    return int(timezone.now().timestamp())


ATTACKS: dict[str, Callable[[tokens.Pair], str]] = {
    "no algorithm": lambda pair: written(
        {"alg": "none", "typ": "at+jwt", "kid": signing_keys.signer().kid},
        claims_of(pair),
    ),
    "no algorithm, other case": lambda pair: written(
        {"alg": "nOnE", "typ": "at+jwt", "kid": signing_keys.signer().kid},
        claims_of(pair),
    ),
    "no signature": lambda pair: pair.access.rpartition(".")[0] + ".",
    "HS256 with the raw public key": lambda pair: with_public_key_as_secret(
        claims_of(pair), public(Encoding.Raw, PublicFormat.Raw)
    ),
    "HS256 with the PEM": lambda pair: with_public_key_as_secret(
        claims_of(pair), public(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    ),
    "HS256 with the DER": lambda pair: with_public_key_as_secret(
        claims_of(pair), public(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ),
    "HS256 with the JWK": lambda pair: with_public_key_as_secret(
        claims_of(pair), jwk()
    ),
    "an unknown crit": lambda pair: signed(claims_of(pair), crit=["x"], x=1),
    "a jku": lambda pair: signed(claims_of(pair), jku="https://evil.example/"),
    "a jwk": lambda pair: signed(claims_of(pair), jwk=json.loads(jwk())),
    "an x5u": lambda pair: signed(claims_of(pair), x5u="https://evil.example/"),
    "an unknown kid": lambda pair: stranger_s(claims_of(pair), kid="0" * 16),
    "a stranger's key under our kid": lambda pair: stranger_s(
        claims_of(pair), kid=signing_keys.signer().kid
    ),
    "a kid that is a path": lambda pair: stranger_s(
        claims_of(pair), kid="../../etc/passwd"
    ),
    "no kid": lambda pair: stranger_s(claims_of(pair)),
    "expired": lambda pair: signed(claims_of(pair, exp=now_s() - 1)),
    "not before tomorrow": lambda pair: signed(claims_of(pair, nbf=now_s() + 86400)),
    "issued tomorrow": lambda pair: signed(claims_of(pair, iat=now_s() + 86400)),
    "no end": lambda pair: signed(claims_of(pair, exp=None)),
    "for another audience": lambda pair: signed(claims_of(pair, aud="elsewhere")),
    "for no audience": lambda pair: signed(claims_of(pair, aud=None)),
    "by another issuer": lambda pair: signed(
        claims_of(pair, iss="https://evil.example")
    ),
    "another type": lambda pair: signed(claims_of(pair), typ="JWT"),
    "of somebody else": lambda pair: signed(claims_of(pair, sub="1")),
    "of no log-in": lambda pair: signed(claims_of(pair, fam="x" * 16)),
    "a log-in that is no text": lambda pair: signed(claims_of(pair, fam=["\0"])),
    "one bit of the body": lambda pair: pair.access.replace(".e", ".f", 1),
    "refresh used as access": lambda pair: pair.refresh,
    "rubbish": lambda _: "eyJ.eyJ.x",
    "not even ASCII": lambda _: "eyJ\u20ac.eyJ.x",
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_token_that_is_not_ours_lets_nobody_in(alice: User, attack: str):
    pair = make_tokens(alice)
    assert principal_of(request_with(pair.access)) is not None
    assert principal_of(request_with(ATTACKS[attack](pair))) is None


def test_control_our_own_signature_lets_in(alice: User):
    """What the attacks above change is all that is wrong with them."""
    pair = make_tokens(alice)
    assert principal_of(request_with(signed(claims_of(pair)))) is not None


def test_the_library_is_new_enough():
    version = tuple(int(part) for part in jwt.__version__.split(".")[:2])
    assert version >= (2, 13)


# --- keys that rotate ----------------------------------------------------------


def test_a_key_that_is_replaced_verifies_until_its_last_token_is_over(alice: User):
    before = make_tokens(alice)
    now = timezone.now()
    rotated, retired = signing_keys.rotate(now=now)
    after = make_tokens(alice)

    assert retired == 0
    assert jwt.get_unverified_header(after.access)["kid"] == rotated.kid
    for pair in (before, after):
        assert principal_of(request_with(pair.access)) is not None

    _, retired = signing_keys.rotate(now=now + timedelta(seconds=301))
    assert retired == 1
    assert principal_of(request_with(before.access)) is None
    assert principal_of(request_with(after.access)) is not None


def test_a_key_that_has_leaked_is_retired_at_once(alice: User):
    pair = make_tokens(alice)
    signing_keys.rotate(now=timezone.now(), at_once=True)
    assert principal_of(request_with(pair.access)) is None
    assert SigningKey.objects.count() == 1


def test_no_private_key_is_in_the_database(alice: User):
    make_tokens(alice)
    key = signing_keys.signer()
    raw = signing_keys.private_key(key).private_bytes_raw()
    assert raw not in bytes(key.sealed_private_key)
