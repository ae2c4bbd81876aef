"""Settings of Tradingsite: one file, read from the environment, loud when wrong.

Every setting is listed in README.md. Addresses come from the environment; where
they are absent, from the servers that ``manage.py up`` started and wrote down.
"""

import sys
from datetime import timedelta
from pathlib import Path
from sysconfig import get_path
from typing import Any
from urllib.parse import urlsplit

from celery.schedules import crontab
from whitenoise.compress import Compressor

from tradingsite import environment
from tradingsite.database import database_settings, engine_named, time_limits
from tradingsite.headers import policies
from tradingsite.logs import log_configuration
from tradingsite.ratelimit.families import Family, Share
from tradingsite.redis.channels import channel_host

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(environment.text("TRADINGSITE_DATA", str(BASE_DIR / ".data"))).resolve()
RUNNING_SERVERS = environment.running_servers(DATA_DIR)

# --- who we are ---------------------------------------------------------------
DEBUG = environment.flag("DEBUG", default=False)
PORT = environment.integer("PORT", 8000, least=1)
SITE_URL = environment.text("SITE_URL", f"http://127.0.0.1:{PORT}").rstrip("/")
SECRET_KEY = environment.text("SECRET_KEY") or environment.kept_secret(
    DATA_DIR / "secret_key"
)
# What seals secrets in the database, the first key first; else in the data folder.
MASTER_KEYS = environment.text("TRADINGSITE_MASTER_KEYS")
# Which kind of process this is (web, worker, beat, command ...): pools and logs ask.
PROCESS_KIND = environment.text("TRADINGSITE_PROCESS", "command")

_site = urlsplit(SITE_URL)
_is_https = _site.scheme == "https"
ALLOWED_HOSTS = [
    *environment.texts("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]"),
    _site.hostname or "",
]
CSRF_FAILURE_VIEW = "tradingsite.views.errors.csrf_refused"
CSRF_TRUSTED_ORIGINS = [f"{_site.scheme}://{_site.netloc}"]

INSTALLED_APPS = [
    # daphne takes over runserver; nothing else should pay for importing it.
    *(["daphne"] if "runserver" in sys.argv else []),
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "channels",
    "corsheaders",
    "django_celery_beat",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "tradingsite",
    "marketdata",
    "indicators",
    "accounts",
    "strategies",
    "orders",
    "funds",
]

MIDDLEWARE = [
    "tradingsite.middleware.correlation_id",
    "tradingsite.middleware.request_log",
    "tradingsite.middleware.HealthFirst",
    "django.middleware.security.SecurityMiddleware",
    "tradingsite.headers.Headers",
    "corsheaders.middleware.CorsMiddleware",
    "tradingsite.middleware.StaticFiles",
    "tradingsite.middleware.deadline",
    "tradingsite.middleware.BusyDatabase",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.audit.attempts.refused_attempts",
    "tradingsite.ratelimit.middleware.RateLimits",
    "accounts.gate.SecondFactorGate",
    # A view that says nothing of who may come is for nobody who is not logged in.
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "tradingsite.urls"
ASGI_APPLICATION = "tradingsite.asgi.application"
WSGI_APPLICATION = "tradingsite.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- PostgreSQL ---------------------------------------------------------------
DATABASE_URL = environment.text("DATABASE_URL", RUNNING_SERVERS.get("database_url", ""))
# A pool only where requests share it: a prefork worker would inherit its sockets.
DATABASE_POOL_MAX = environment.integer(
    "DATABASE_POOL_MAX", 12 if PROCESS_KIND == "web" else 0
)
DATABASE_POOL_TIMEOUT_S = 2
SLOW_QUERY_S = environment.integer("SLOW_QUERY_MS", 1000, least=1) / 1000
REQUEST_TIMEOUT_S = environment.integer("REQUEST_TIMEOUT_S", 30, least=1)
DATABASE_ENGINE = environment.text("DATABASE_ENGINE", "postgresql")
_engine = engine_named(DATABASE_ENGINE)
# The engine of django-timescaledb stands on ours.
TIMESCALE_DB_BACKEND_BASE = "tradingsite.database"
_time_limits = time_limits(PROCESS_KIND, request_timeout_s=REQUEST_TIMEOUT_S)
DATABASES = {
    "default": database_settings(
        DATABASE_URL,
        engine=_engine,
        pool_max=DATABASE_POOL_MAX,
        pool_timeout_s=DATABASE_POOL_TIMEOUT_S,
        limits=_time_limits,
    ),
    # Past any PgBouncer: LISTEN needs a session of its own.
    "direct": database_settings(
        environment.text("DATABASE_DIRECT_URL", DATABASE_URL),
        engine=_engine,
        limits=_time_limits,
    )
    | {"TEST": {"MIRROR": "default"}},
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Redis: a cache, a broker and a hint, never the only copy of anything -----
REDIS_URL = environment.text("REDIS_URL", RUNNING_SERVERS.get("redis_url", ""))
REDIS_SENTINELS = environment.texts("REDIS_SENTINELS")
REDIS_SENTINEL_MASTER = environment.text("REDIS_SENTINEL_MASTER", "mymaster")
REDIS_PREFIX = environment.text("REDIS_PREFIX", "tradingsite")
CACHES = {"default": {"BACKEND": "tradingsite.redis.cache.FactoryCache"}}
CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {
            "hosts": [channel_host(REDIS_URL, REDIS_SENTINELS, REDIS_SENTINEL_MASTER)],
            "prefix": f"{REDIS_PREFIX}:channels",
        },
    }
}

# --- side effects: topic -> the function that carries it out ------------------
OUTBOX_HANDLERS: dict[str, str] = {}
OUTBOX_BATCH = environment.integer("OUTBOX_BATCH", 50, least=1)
OUTBOX_HANDLER_TIMEOUT_S = environment.integer("OUTBOX_HANDLER_TIMEOUT_S", 10, least=1)
OUTBOX_LEASE_S = environment.integer("OUTBOX_LEASE_S", 15, least=1)
OUTBOX_ATTEMPTS = environment.integer("OUTBOX_ATTEMPTS", 10, least=1)
OUTBOX_KEPT_DAYS = environment.integer("OUTBOX_KEPT_DAYS", 7, least=1)
IDEMPOTENCY_KEPT_DAYS = environment.integer("IDEMPOTENCY_KEPT_DAYS", 14, least=7)
SCHEDULED_RUNS_KEPT_DAYS = environment.integer("SCHEDULED_RUNS_KEPT_DAYS", 30, least=1)
JOURNAL_KEPT_DAYS = environment.integer("JOURNAL_KEPT_DAYS", 7, least=1)

# --- Celery (the rest of rule 7 stands in tradingsite/celery.py) --------------
# How long a task may be with a dead worker; no task runs longer than half of it.
CELERY_VISIBILITY_TIMEOUT_S = environment.integer(
    "CELERY_VISIBILITY_TIMEOUT_S", 120, least=2
)
CELERY_CONCURRENCY = environment.integer("CELERY_CONCURRENCY", 2, least=1)
# Written to the database once, when a name is not there; then the database rules.
CELERY_BEAT_SCHEDULE = {
    "probe": {"task": "tradingsite.tasks.probe", "schedule": 15.0},
    "prune": {"task": "tradingsite.tasks.prune", "schedule": 600.0},
    # Twice, before the markets open at 09:15 in India: the second finds nothing new.
    "refresh_instruments": {
        "task": "marketdata.tasks.refresh_instruments",
        "schedule": crontab(hour="2,3", minute="40"),
    },
    "roll_up_bars": {"task": "marketdata.tasks.roll_up_bars", "schedule": 15.0},
    # Both look at the dated sessions of each account's exchanges first.
    "sync_accounts": {"task": "accounts.tasks.sync_accounts", "schedule": 60.0},
    "take_snapshots": {"task": "accounts.tasks.take_snapshots", "schedule": 300.0},
    "note_silent_books": {"task": "orders.tasks.note_silent_books", "schedule": 15.0},
    "seal_break_glass": {"task": "accounts.tasks.seal_break_glass", "schedule": 60.0},
    "anchor_audit": {"task": "accounts.tasks.anchor_audit", "schedule": 600.0},
    "summarize_refusals": {
        "task": "accounts.tasks.summarize_refusals",
        "schedule": 60.0,
    },
}

# --- the ticker service and its ticks -----------------------------------------
TICKER_URLS = environment.texts("TICKER_URL", RUNNING_SERVERS.get("ticker_url", ""))
TICK_STREAM = environment.text("TICK_STREAM", "ticks")
TICK_SHARDS = environment.integer("TICK_SHARDS", 2, least=1)
# The yearly rate at which option prices are discounted, in hundredths of a percent.
OPTION_RATE_BASIS_POINTS = environment.integer("OPTION_RATE_BASIS_POINTS", 0)
# How many days back missing minutes are looked for, and asked for how often.
GAP_MAP_DAYS = environment.integer("GAP_MAP_DAYS", 30, least=1)
HISTORY_CALLS_A_SECOND = environment.integer("HISTORY_CALLS_A_SECOND", 3, least=1)

# --- brokers -------------------------------------------------------------------
KITE_URL = environment.text("KITE_URL", "https://api.kite.trade")

# --- history of bars ----------------------------------------------------------
# What each web process keeps of it at hand.
HISTORY_MEMORY_BYTES = environment.integer(
    "HISTORY_MEMORY_BYTES", 64 * 1024 * 1024, least=1024
)

# --- what is loaded whenever the site is prepared; each changes nothing twice ---
PREPARATIONS = ["load_calendar", "make_master_key"]

# --- who may come in ----------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
# How a door below accounts asks who is there.
PRINCIPAL_OF = "accounts.authentication.principal_of"
# Columns that hold sealed secrets; each row tells by ``bound_to`` whose they are.
SEALED_COLUMNS = [
    "accounts.BrokerConnection.sealed",
    "accounts.SecondFactor.sealed_secret",
    "accounts.SecondFactor.sealed_next",
    "accounts.SigningKey.sealed_private_key",
]
# How a floor below accounts writes down what it did.
AUDIT = "accounts.audit.tell"
# Signs what the audit's chains end with; else a key kept in the data folder.
AUDIT_SIGNING_KEY = environment.text("TRADINGSITE_AUDIT_SIGNING_KEY")
# Public keys of before, whose anchors are still believed.
AUDIT_PUBLIC_KEYS = environment.texts("TRADINGSITE_AUDIT_PUBLIC_KEYS")
# The same for a socket, whose handshake or first frame shows the token; and who of
# those that opened sockets may not have them any more.
STREAM_PRINCIPAL_OF = "accounts.standing.opener_of"
STREAM_FALLEN = "accounts.standing.fallen"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "desk"
LOGOUT_REDIRECT_URL = "login"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
# A log-in lasts so long at most, and ends at this time of day, before the markets open.
SESSION_ENGINE = "accounts.session_store"
SESSION_IDLE = timedelta(
    minutes=environment.integer("SESSION_IDLE_MINUTES", 15, least=2)
)
SESSION_LONGEST = timedelta(hours=8)
SESSION_DAILY_END = environment.time_of_day(
    "SESSION_DAILY_END", "08:30", zone="Asia/Kolkata"
)
# How long a process may say who somebody is without looking what was revoked.
AUTHENTICATION_LOOK_S = 0.25
ACCESS_TOKEN_S = 300
# So long it is told that a refresh token of a log-in that is over was used again.
TOKEN_FAMILY_KEPT = timedelta(days=7)
# The browser itself then refuses one that another host or path has set.
_cookie_prefix = "__Host-" if _is_https else ""
SESSION_COOKIE_NAME = f"{_cookie_prefix}sessionid"
CSRF_COOKIE_NAME = f"{_cookie_prefix}csrftoken"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 8 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = _is_https
SECURE_HSTS_SECONDS = 365 * 86400 if _is_https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _is_https
# One proxy stands in front: its X-Forwarded-* headers are believed, nobody else's.
BEHIND_PROXY = environment.flag("BEHIND_PROXY", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# What pages may load; reports of what they tried come to our own door.
CSP_REPORT_PATH = "/csp-report"
CONTENT_SECURITY_POLICIES = policies(CSP_REPORT_PATH)
# Sites whose pages may read the API with a key of their user: exact, never by cookie.
CORS_ALLOWED_ORIGINS = environment.texts("CORS_ALLOWED_ORIGINS")
CORS_URLS_REGEX = r"^/(api|udf)/"
CORS_ALLOW_CREDENTIALS = False
CORS_ALLOW_HEADERS = [
    *("accept", "authorization", "content-type", "idempotency-key"),
    "x-correlation-id",
]
CORS_EXPOSE_HEADERS = [
    *("retry-after", "x-correlation-id", "ratelimit", "ratelimit-policy"),
    *("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"),
]
# A balancer asks from inside, where there is no https.
SECURE_REDIRECT_EXEMPT = [r"^health/"]

# --- limits of a request ------------------------------------------------------
# Requests that one process works on at the same time; more are answered 503.
REQUEST_CONCURRENCY = environment.integer("REQUEST_CONCURRENCY", 64, least=1)
# Seconds between "draining" in /health/ready and the end, for a balancer to notice.
DRAIN_S = environment.integer("DRAIN_S", 0)
# Of a socket: how many there may be, how much each may follow and say.
SOCKETS_PER_ADDRESS = environment.integer("SOCKETS_PER_ADDRESS", 10, least=1)
SOCKETS_PER_ACCOUNT = environment.integer("SOCKETS_PER_ACCOUNT", 10, least=1)
SOCKET_SUBSCRIPTIONS = environment.integer("SOCKET_SUBSCRIPTIONS", 200, least=1)
SOCKET_MESSAGES_A_SECOND = environment.integer("SOCKET_MESSAGES_A_SECOND", 20, least=1)
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

# --- how often one may ask, a minute -------------------------------------------
# The first family that fits counts. Closed ones give little while Redis is away.
RATE_LIMIT_FAMILIES = [
    Family("reports", ["/csp-report"], Share.CLOSED),
    Family("doors", ["/login/", "/password/", "/api/v1/auth/"], Share.CLOSED),
    Family(
        "money",
        [f"/api/v1/{each}" for each in ("accounts", "orders", "strategies", "funds")],
        Share.CLOSED,
    ),
    Family("market", ["/udf/", "/api/"]),
    # Served by themselves, or asked for by those who look after us.
    Family("free", ["/static/", "/health/", "/metrics", "/favicon.ico"]),
    Family("sockets", ["/ws/"]),
    Family("pages", ["/"]),
]
# A family that a plan does not name is not limited. "address" is what all who come
# from one address get together.
RATE_LIMIT_PLANS = {
    "anonymous": {
        "reports": 60,
        "doors": 60,
        "money": 30,
        "market": 60,
        "pages": 120,
        "sockets": 60,
    },
    "free": {"doors": 60, "money": 60, "market": 300, "pages": 300, "sockets": 60},
    "standard": {
        "doors": 120,
        "money": 300,
        "market": 3000,
        "pages": 1200,
        "sockets": 120,
    },
    "internal": {"money": 6000},
    "address": {
        "doors": 600,
        "money": 3000,
        "market": 30_000,
        "pages": 6000,
        "sockets": 600,
    },
}
RATE_LIMIT_ASKER = "accounts.plans.asker_of"

# --- REST ---------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.BearerAuthentication",
        "accounts.authentication.SessionAuthentication",
    ],
    # Nobody may what a view does not grant; the system check names such views.
    "DEFAULT_PERMISSION_CLASSES": ["tradingsite.access.Nobody"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "tradingsite.api.Pages",
    "EXCEPTION_HANDLER": "tradingsite.api.problem_response",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Tradingsite API",
    "DESCRIPTION": "Market data, accounts, orders, strategies and funds of a desk.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "AUTHENTICATION_WHITELIST": [],
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "ApiKey": {"type": "http", "scheme": "bearer", "bearerFormat": "tsk_…"},
            "Token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            "Session": {"type": "apiKey", "in": "cookie", "name": SESSION_COOKIE_NAME},
        }
    },
    "ENUM_NAME_OVERRIDES": {
        "AccountStatus": "accounts.models.desks.TradingAccount.Status",
        "Freshness": ["valid", "stale", "no_data"],
        "LegKind": ["CE", "PE", "FUT"],
        "OrderBookStatus": "orders.models.books.OrderBook.Status",
        "OrderSide": ["BUY", "SELL"],
        "OrderStatus": "orders.serializers.STATUSES",
        "SessionGapStatus": "marketdata.models.gaps.SessionGap.Status",
        "SubscriptionMode": "marketdata.models.subscriptions.Mode",
        "SubscriptionState": (
            "marketdata.models.subscriptions.TickerSubscription.State"
        ),
    },
    "SECURITY": [{"ApiKey": []}, {"Token": []}, {"Session": []}],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# --- joined at the roof: an app adds its own line ------------------------------
HEALTH_PARTS = [
    "tradingsite.health.database",
    "tradingsite.health.migrations",
    "tradingsite.health.redis",
    "tradingsite.health.outbox",
    "tradingsite.health.processes",
    "tradingsite.health.worker",
    "marketdata.health.ticker",
    "marketdata.health.ingest",
    "orders.health.orders",
]
# What the one socket of a page can follow.
STREAM_FEEDS = [
    "marketdata.consumers.QUOTES",
    "marketdata.consumers.OPTIONS",
    "marketdata.consumers.MONITOR",
    "marketdata.consumers.LABELS",
    "accounts.consumers.POSITIONS",
    "orders.consumers.ORDERS",
]
UDF_MARKS = [
    "marketdata.marks.sources.labels",
    "marketdata.marks.sources.expiries",
    "marketdata.marks.sources.special_days",
    "marketdata.marks.sources.gaps",
]
METRICS_SOURCES = [
    "tradingsite.gauges.database_pool",
    "tradingsite.gauges.redis_breaker",
    "tradingsite.gauges.outbox",
    "tradingsite.gauges.processes",
    "orders.gauges.order_books",
]
# What a Prometheus shows as its bearer token; a staff API key will do as well.
METRICS_TOKEN = environment.text("METRICS_TOKEN")

# --- the admin ----------------------------------------------------------------
UNFOLD = {
    "SITE_TITLE": "Tradingsite",
    "SITE_HEADER": "Tradingsite",
    "SITE_SUBHEADER": "Back office",
    "SITE_SYMBOL": "candlestick_chart",
    "SITE_URL": "/",
    # The colours stand in the style sheet: the policy of pages allows no inline style.
    "COLORS": "tradingsite.views.admin_menu.no_inline_colors",
    "STYLES": ["tradingsite.views.admin_menu.style_sheet"],
    "DASHBOARD_CALLBACK": "tradingsite.views.admin_dashboard.fill",
    "SIDEBAR": {
        "show_search": True,
        "navigation": "tradingsite.views.admin_menu.navigation",
    },
}

# --- language, time, files ----------------------------------------------------
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
DISPLAY_TIME_ZONE = "Asia/Kolkata"
USE_TZ = True
USE_I18N = False
STATIC_URL = "/static/"
STATIC_ROOT: Path | None = DATA_DIR / "static"
STATICFILES_DIRS = [
    BASE_DIR / "static",
    # The chart library, as its package ships it.
    ("lightweight-charts", Path(get_path("purelib")) / "lwcharts" / "vendor"),
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "tradingsite.static_files.StaticFiles"},
}
# Pages never ask for what only explains another file.
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = (
    *Compressor.SKIP_COMPRESS_EXTENSIONS,
    *("map", "txt", "md"),
)

# --- logs ---------------------------------------------------------------------
LOGGING = log_configuration(
    level=environment.text("LOG_LEVEL", "INFO"),
    log_format=environment.text("LOG_FORMAT", "json"),
    levels=environment.texts("LOG_LEVELS"),
    # The share, in percent, of lines kept of fast and successful requests.
    sample_percent=environment.integer("LOG_SAMPLE_PERCENT", 100),
)
