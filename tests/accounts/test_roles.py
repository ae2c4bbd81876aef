"""The table of roles and actions in the docs is the code's."""

from pathlib import Path

from accounts.models import Membership
from accounts.roles import ALLOWED, SCOPES, Action

DOC = Path(__file__).resolve().parents[2] / "docs" / "access-roles.md"


def table() -> str:
    roles = list(ALLOWED)
    header = ["action", "scope of a key", *roles]
    rows = [
        [f"`{action}`", f"`{SCOPES[action]}`"]
        + ["yes" if action in ALLOWED[role] else "" for role in roles]
        for action in Action
    ]
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def test_the_docs_show_the_table_of_the_code():
    assert table() in DOC.read_text(encoding="utf-8"), f"should be:\n{table()}"


def test_every_role_of_a_membership_is_in_the_table():
    assert set(ALLOWED) == set(Membership.Role.values)


def test_every_action_has_a_scope_and_somebody_who_may():
    assert set(SCOPES) == set(Action)
    assert set().union(*ALLOWED.values()) == set(Action)


def test_who_hands_out_roles_neither_trades_nor_posts():
    assert not ALLOWED["admin"] & {Action.TRADE, Action.POST_LEDGER}
