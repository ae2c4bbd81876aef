"""System checks: a wrong setting is a sentence with an id."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from tradingsite import checks


def ids_of(check: str) -> set[str]:
    return {str(message.id) for message in getattr(checks, check)(None)}


@pytest.mark.parametrize(
    ("name", "value", "check", "expected"),
    [
        ("TIME_ZONE", "Asia/Kolkata", "settings_are_sound", "tradingsite.E001"),
        ("DATABASE_URL", "", "production_is_sound", "tradingsite.E002"),
        ("REDIS_URL", "", "production_is_sound", "tradingsite.E003"),
        (
            "CHANNEL_LAYERS",
            {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
            "production_is_sound",
            "tradingsite.E004",
        ),
        ("SECRET_KEY", "short", "settings_are_sound", "tradingsite.E005"),
        ("DEBUG", True, "production_is_sound", "tradingsite.E006"),
        ("REDIS_URL", "redis://far:6379", "production_is_sound", "tradingsite.W001"),
    ],
)
def test_each_mistake_has_its_id(
    name: str, value: object, check: str, expected: str, settings: Settings
):
    assert expected not in ids_of(check)
    setattr(settings, name, value)
    assert expected in ids_of(check)


def test_a_data_folder_that_everybody_may_write_is_a_mistake(
    settings: Settings, tmp_path: Path
):
    settings.DATA_DIR = tmp_path
    assert "tradingsite.E007" not in ids_of("settings_are_sound")
    tmp_path.chmod(0o777)
    assert "tradingsite.E007" in ids_of("settings_are_sound")


def test_a_production_site_passes_every_check(tmp_path: Path):
    finished = subprocess.run(
        [
            sys.executable,
            *("manage.py", "check", "--deploy", "--fail-level", "WARNING"),
        ],
        env={
            **os.environ,
            "SITE_URL": "https://example.org",
            "TRADINGSITE_DATA": str(tmp_path),
            "DJANGO_SETTINGS_MODULE": "tradingsite.settings",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
