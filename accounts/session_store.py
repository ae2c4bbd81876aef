"""Sessions in our own table, known by a hash, with an end that use does not move.

``SESSION_ENGINE`` names this module. A session ends when it is deleted, when nobody
came with it for ``SESSION_IDLE``, and in any case at the time that was set when it
began: 8 hours later or at the daily end, whichever is first.
"""

import secrets
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.utils import timezone

from accounts.lifetimes import end_of
from accounts.models import Session
from accounts.models.sessions import hashed

STARTED, PROVEN = "started_at", "second_factor_at"
ADDRESS, AGENT, PUBLIC_ID = "address", "agent", "public_id"


def make_public_id() -> str:
    return secrets.token_urlsafe(12)


class SessionStore(db.SessionStore):
    """One session; what people see of it stands in columns beside its data."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def get_expiry_date(self, **kwargs: Any) -> datetime:
        """Return the end: what was asked for, but never later than the latest."""
        asked: datetime = super().get_expiry_date(**kwargs)
        latest = end_of(
            self._started_at(),
            longest=settings.SESSION_LONGEST,
            daily_end=settings.SESSION_DAILY_END,
        )
        return min(asked, latest)

    def _started_at(self) -> datetime:
        kept = self.get(STARTED)
        return datetime.fromisoformat(kept) if kept else timezone.now()

    def _alive(self) -> Session | None:
        rows = Session.objects.alive(timezone.now())
        found: Session | None = rows.filter(
            session_key=hashed(str(self.session_key))
        ).first()
        return found

    def _get_session_from_db(self) -> Session | None:
        found = self._alive()
        if found is None:
            self._session_key = None
        return found

    async def _aget_session_from_db(self) -> Session | None:
        rows = Session.objects.alive(timezone.now())
        key = hashed(str(self.session_key))
        found: Session | None = await rows.filter(session_key=key).afirst()
        if found is None:
            self._session_key = None
        return found

    def exists(self, session_key: str) -> bool:
        return super().exists(hashed(session_key))

    async def aexists(self, session_key: str) -> bool:
        return await super().aexists(hashed(session_key))

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key is not None:
            super().delete(hashed(key))

    async def adelete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key is not None:
            await super().adelete(hashed(key))

    def save(self, must_create: bool = False) -> None:  # noqa: FBT001, FBT002
        if must_create:
            self._name_anew()
        super().save(must_create)

    async def asave(self, must_create: bool = False) -> None:  # noqa: FBT001, FBT002
        if must_create:
            self._name_anew()
        await super().asave(must_create)

    def _name_anew(self) -> None:
        # A row that takes the place of another stands beside it for a moment.
        kept: dict[str, Any] = super()._get_session(no_load=True)  # type: ignore[misc]
        kept[PUBLIC_ID] = make_public_id()

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        now = timezone.now()
        data.setdefault(STARTED, now.isoformat())
        return self._row(data, now, self.get_expiry_date())

    async def acreate_model_instance(self, data: dict[str, Any]) -> Session:
        now = timezone.now()
        data.setdefault(STARTED, now.isoformat())
        return self._row(data, now, await self.aget_expiry_date())

    async def aget_expiry_date(self, **kwargs: Any) -> datetime:
        return self.get_expiry_date(**kwargs)

    def _row(self, data: dict[str, Any], now: datetime, end: datetime) -> Session:
        proven, public_id = (
            data.get(PROVEN),
            data.setdefault(PUBLIC_ID, make_public_id()),
        )
        return Session(
            session_key=hashed(super()._get_or_create_session_key()),  # type: ignore[misc]
            session_data=self.encode(data),
            expire_date=end,
            public_id=public_id,
            user_id=data.get(SESSION_KEY),
            started_at=datetime.fromisoformat(data[STARTED]),
            last_seen_at=now,
            second_factor_at=datetime.fromisoformat(proven) if proven else None,
            address=data.get(ADDRESS, ""),
            agent=data.get(AGENT, ""),
        )
