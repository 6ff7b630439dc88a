# Deux commandes suffisent : « make demo » pour se servir de l'application, « make test » pour la vérifier.
# Il faut Python 3.11 ou plus, et rien d'autre : la première commande installe le reste dans .venv/.

PORT ?= 8000
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := aide
.PHONY: aide demo test lint fix banc installer propre

aide: ## liste ces commandes
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

demo: .venv/.installe ## lance l'application avec ses données de démonstration (PORT=8001 pour un autre port)
	@$(BIN)/python scripts/demo.py $(PORT)

test: .venv/.installe ## vérifie tout : lint, suite sur SQLite et sur PostgreSQL, navigateur
	@$(BIN)/python scripts/tester.py

lint: .venv/.installe ## vérifie le style, les gabarits, les contrats d'import et les migrations
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@find templates -name '*.html' -exec $(BIN)/djade --check --target-version 5.2 {} +
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python manage.py check --fail-level WARNING
	@$(BIN)/python manage.py makemigrations --check --dry-run

fix: .venv/.installe ## corrige ce que les outils savent corriger
	@$(BIN)/ruff check --quiet --fix . || true
	@$(BIN)/ruff format --quiet .
	@find templates -name '*.html' -exec $(BIN)/djade --target-version 5.2 {} + || true

banc: .venv/.installe ## mesure la vitesse à grande échelle, sur PostgreSQL puis sur SQLite
	@$(BIN)/python scripts/avec_postgres.py $(BIN)/python scripts/banc.py || test $$? -eq 69 # 69 : pas de PostgreSQL ici
	@mkdir -p build && rm -f build/banc.sqlite3*
	@DATABASE_URL=sqlite:///$(CURDIR)/build/banc.sqlite3 $(BIN)/python scripts/banc.py; \
		code=$$?; rm -f build/banc.sqlite3*; exit $$code

installer: .venv/.installe ## installe l'application et ses outils dans .venv/

propre: ## enlève .venv/ et les caches ; garde la base et les fichiers déposés
	@rm -rf .venv build *.egg-info .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Le tampon porte la date de l'installation : elle n'est refaite que si les dépendances changent.
.venv/.installe: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Il faut Python 3.11 ou plus : aucun n'a été trouvé (make … PYTHON=/chemin/de/python3)." >&2; exit 1; }
	@echo "Installation dans .venv/ (environ une minute la première fois)…"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(PIP) -e '.[dev]'
	@touch $@

# Le pilote du navigateur pèse 45 Mo : on ne l'installe que là où un navigateur peut servir (scripts/tester.py).
.venv/.navigateur: .venv/.installe
	@echo "Installation du pilote de navigateur…"
	@$(PIP) -e '.[dev,e2e]'
	@touch $@
