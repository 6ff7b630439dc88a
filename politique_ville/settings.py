"""Réglages : sans rien régler, l'application marche en local sur SQLite.

`MODE=production` est le seul interrupteur : il exige la clé et les hôtes, et durcit les cookies et les en-têtes.
`DATABASE_URL` amène PostgreSQL. Toute autre variable d'environnement remplace exactement une valeur par défaut.
"""

import os
from pathlib import Path

import dj_database_url
from csp.constants import NONE, SELF
from django.contrib.messages import constants as messages
from django.core.exceptions import ImproperlyConfigured

# --- Chemins et environnement ---

BASE_DIR = Path(__file__).resolve().parent.parent
EN_PRODUCTION = os.environ.get("MODE") == "production"
DEBUG = not EN_PRODUCTION and os.environ.get("DEBUG", "1") == "1"


def exige(nom):
    """Valeur d'une variable que la production ne peut pas deviner."""
    valeur = os.environ.get(nom)
    if not valeur:
        raise ImproperlyConfigured(f"MODE=production exige la variable d'environnement {nom}.")
    return valeur


SECRET_KEY = exige("SECRET_KEY") if EN_PRODUCTION else os.environ.get("SECRET_KEY", "cle-de-developpement")
ALLOWED_HOSTS = exige("ALLOWED_HOSTS").split(",") if EN_PRODUCTION else ["*"]
BANDEAU = os.environ.get(
    "BANDEAU", ""
)  # texte du bandeau d'avertissement ; vide : celui des données fictives, s'il y en a
ADRESSE_DAUPHIN = os.environ.get(
    "ADRESSE_DAUPHIN", "https://agent-dauphin.cget.gouv.fr/"
)  # ce que la fiche d'une action ouvre ; « {dossier} » y est remplacé par le numéro ; vide : aucun lien

# --- Applications ---

INSTALLED_APPS = [
    "comptes",
    "territoires",
    "programmation",
    "dispositifs",
    "pilotage",
    "politique_ville",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.forms",
    "django_filters",
    "crispy_forms",
    "widget_tweaks",
    "dsfr",
    "django_htmx",
    "simple_history",
    "csp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "csp.middleware.CSPMiddleware",
    "politique_ville.caractere_nul.refuser_le_caractere_nul",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "politique_ville.cache.garder_pour_soi",
    "politique_ville.saisie.ConserverLaSaisie",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
]

ROOT_URLCONF = "politique_ville.urls"
WSGI_APPLICATION = "politique_ville.wsgi.application"

# --- Gabarits ---

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
                "politique_ville.contexte.page",
            ],
            "builtins": ["politique_ville.templatetags.francais"],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# --- Base de données ---

BASE_LOCALE = f"sqlite:///{BASE_DIR / 'db.sqlite3'}"
DATABASES = {"default": dj_database_url.parse(os.environ.get("DATABASE_URL") or BASE_LOCALE, conn_max_age=60)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Un seul écrivain à la fois, qui attend son tour au lieu d'échouer ; les lecteurs ne sont pas gênés.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-32000;",
    }
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    # Compiler une requête de tableau de bord prend plus de temps que la lire. Et PostgreSQL, réglé d'origine pour un
    # disque à plateaux, relit une table entière plutôt que son index : 240 ms au lieu de 120 pour les financeurs.
    DATABASES["default"].setdefault("OPTIONS", {})["options"] = "-c jit=off -c random_page_cost=1.1"

# --- Comptes ---

AUTH_USER_MODEL = "comptes.Utilisateur"
LOGIN_URL = "comptes:login"
LOGIN_REDIRECT_URL = "accueil"
LOGOUT_REDIRECT_URL = "comptes:login"
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["courriel", "nom", "prenom"]},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# --- Langue ---

LANGUAGE_CODE = "fr"
TIME_ZONE = "Europe/Paris"
USE_I18N = True  # les messages de Django lui-même, en français
USE_TZ = True

# --- Fichiers ---

STATIC_URL = "static/"
STATIC_ROOT = Path(os.environ.get("STATIC_ROOT", BASE_DIR / "staticfiles"))
STATICFILES_DIRS = [BASE_DIR / "static"]
MEDIA_ROOT = Path(os.environ.get("MEDIA_ROOT", BASE_DIR / "media"))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if EN_PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = not EN_PRODUCTION  # en local, lus là où ils sont : rien à collecter
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000  # une décision en lot poste trois champs par action

# --- Courriel ---

EMAIL_BACKEND = os.environ.get("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend")
DEFAULT_FROM_EMAIL = os.environ.get("DEFAULT_FROM_EMAIL", "programmation-ville@localhost")

# --- Journal ---

# Sans ce réglage, Django n'écrirait les pannes nulle part en production : il les envoie par courriel.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"sans_trace_d_un_refus": {"()": "politique_ville.journal.SansTraceDUnRefus"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "filters": ["sans_trace_d_un_refus"]}},
    "loggers": {"django": {"handlers": ["console"], "level": "INFO"}},
}

# --- Sécurité ---

SESSION_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "politique_ville.saisie.jeton_perime"
SESSION_COOKIE_AGE = 12 * 3600
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],  # les pictogrammes du DSFR sont des images dans sa feuille de style
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
# Étendre HSTS aux sous-domaines, ou l'inscrire dans les navigateurs, engage tout le domaine de la préfecture : non.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
# SQLite ne crée pas les index couvrants : il s'en passe, ses totaux restent justes.
SILENCED_SYSTEM_CHECKS += ["models.W040"]
if EN_PRODUCTION:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")  # TLS est terminé par le frontal
    SECURE_SSL_REDIRECT = os.environ.get("SECURE_SSL_REDIRECT", "1") == "1"
    SECURE_HSTS_SECONDS = 31_536_000
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT  # en clair seulement derrière un essai local
    CSRF_TRUSTED_ORIGINS = [o for o in os.environ.get("CSRF_TRUSTED_ORIGINS", "").split(",") if o]

# --- Bibliothèques ---

CRISPY_ALLOWED_TEMPLATE_PACKS = CRISPY_TEMPLATE_PACK = "crispy_dsfr"
DSFR_USE_INTEGRITY_CHECKSUMS = False  # WhiteNoise réécrit les fichiers : l'empreinte du paquet bloquerait tout le style
SIMPLE_HISTORY_HISTORY_CHANGE_REASON_USE_TEXT_FIELD = True  # un motif dépasse 100 caractères
MESSAGE_TAGS = {messages.ERROR: "error", messages.DEBUG: "info"}
