"""The product's Celery application with the jobs of the tests."""

from tradingsite.celery import app

app.conf.imports = ["tests.tradingsite.children.jobs"]
