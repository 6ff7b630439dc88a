"""Les règles de la maison que les outils du commerce ne vérifient pas, lues dans les sources."""

import ast
import os
import re
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest
from django.apps import apps

from scripts.avec_postgres import trouver_postgres

RACINE = Path(__file__).resolve().parent.parent
PROJET = tomllib.loads((RACINE / "pyproject.toml").read_text())
APPLICATIONS = ["territoires", "comptes", "programmation", "dispositifs", "pilotage"]


def lancer(*commande, **environnement):
    return subprocess.run(
        commande, cwd=RACINE, env={**os.environ, **environnement}, capture_output=True, text=True, check=False
    )


def fichiers(motif, *dossiers):
    """Fichiers des dossiers donnés, hors bibliothèques recopiées."""
    trouves = (f for dossier in dossiers for f in sorted((RACINE / dossier).rglob(motif)))
    return [f for f in trouves if "vendor" not in f.parts]


def nom(fichier):
    return str(fichier.relative_to(RACINE))


# --- Commandes ---


def test_make_sans_argument_liste_toutes_les_cibles():
    texte = (RACINE / "Makefile").read_text()
    cibles = re.search(r"^\.PHONY: (.*)$", texte, re.MULTILINE)[1].split()
    assert {"aide", "demo", "test", "lint", "fix", "banc", "installer", "propre"} == set(cibles)
    lignes = lancer("make", "--no-print-directory").stdout.splitlines()
    assert [ligne.split()[1] for ligne in lignes] == cibles


def test_l_integration_continue_est_executable():
    assert os.access(RACINE / ".ci" / "run", os.X_OK)


def test_sans_postgresql_rien_n_est_trouve(tmp_path):
    assert trouver_postgres(debian=tmp_path, chemin=str(tmp_path)) is None


def test_la_version_la_plus_recente_de_postgresql_est_choisie(tmp_path):
    for version in ("9.6", "15", "17"):
        (tmp_path / version / "bin").mkdir(parents=True)
        (tmp_path / version / "bin" / "pg_ctl").touch()
    assert trouver_postgres(debian=tmp_path) == tmp_path / "17" / "bin"


@pytest.mark.skipif(trouver_postgres() is None, reason="PostgreSQL n'est pas installé ici")
def test_avec_postgres_donne_une_adresse_rend_le_code_et_efface_tout():
    programme = "import os; print(os.environ['DATABASE_URL']); raise SystemExit(3)"
    resultat = lancer(sys.executable, "scripts/avec_postgres.py", sys.executable, "-c", programme)
    assert resultat.returncode == 3
    dossier = re.fullmatch(r"postgres://postgres@%2Ftmp%2F(pg-\w+)/postgres\n", resultat.stdout)[1]
    assert not Path("/tmp", dossier).exists()


@pytest.mark.parametrize(("ci", "code"), [("true", 1), ("", 0)])
def test_un_test_saute_fait_echouer_l_integration_continue(tmp_path, ci, code):
    essai = tmp_path / "test_essai.py"
    essai.write_text("import pytest\n\n\n@pytest.mark.skip(reason='pour voir')\ndef test_saute():\n    pass\n")
    pytest_seul = [sys.executable, "-m", "pytest", "-q", "-c", "pyproject.toml", "-p", "conftest", essai]
    resultat = lancer(*pytest_seul, CI=ci, PYTHONPATH="tests")
    assert resultat.returncode == code, resultat.stdout
    assert ("n'admet aucun test sauté" in resultat.stdout) == bool(ci)


def test_a_23_h_30_utc_il_est_deja_demain_a_paris():
    programme = """
import horloge_23h30, datetime
from django.conf import settings
from django.utils import timezone
settings.configure(USE_TZ=True, TIME_ZONE="Europe/Paris")
print(timezone.localdate() - timezone.now().date())
"""
    resultat = lancer(sys.executable, "-c", programme, PYTHONPATH="scripts")
    assert resultat.stdout == "1 day, 0:00:00\n"


# --- Démonstration ---


def lire(adresse):
    """Le code et le texte d'une page, erreurs comprises."""
    try:
        with urlopen(adresse) as reponse:
            return reponse.status, reponse.read().decode()
    except HTTPError as erreur:
        return erreur.code, erreur.read().decode()


def attendre(adresse):
    for _ in range(900):  # une machine chargée met plus de trente secondes à créer les tables
        try:
            return lire(adresse)
        except URLError:
            time.sleep(0.1)
    raise TimeoutError(adresse)


@pytest.fixture
def demonstration(tmp_path):
    """La démonstration sans ses données, longues à écrire : les réglages et le serveur sont les siens."""
    with socket.socket() as prise:
        prise.bind(("127.0.0.1", 0))
        port = prise.getsockname()[1]
    programme = f"""
from scripts import demo
demo.regler()
demo.call_command("migrate", verbosity=0)
demo.servir({port})
"""
    environnement = {c: v for c, v in os.environ.items() if not c.startswith("DJANGO_") and c != "DEBUG"}
    environnement["DATABASE_URL"] = f"sqlite:///{tmp_path / 'demonstration.sqlite3'}"
    with subprocess.Popen([sys.executable, "-c", programme], cwd=RACINE, env=environnement) as serveur:
        yield f"http://127.0.0.1:{port}"
        serveur.terminate()


def test_la_demonstration_montre_nos_pages_d_erreur_et_ses_fichiers_statiques(demonstration):
    code, page = attendre(f"{demonstration}/nulle-part/")
    assert (code, "Page introuvable" in page, "URLconf" in page) == (404, True, False)
    assert lire(f"{demonstration}/composants/")[0] == 404
    for statique in ("css/projet.css", "dsfr/dist/dsfr.main.min.css", "admin/css/base.css"):
        assert lire(f"{demonstration}/static/{statique}")[0] == 200


# --- Dépendances ---


def paquets(exigences):
    return {re.match(r"[\w.-]+", e)[0].lower().replace("_", "-") for e in exigences}


def exigences():
    extras = PROJET["project"]["optional-dependencies"]
    return paquets(PROJET["project"]["dependencies"] + [e for extra in extras.values() for e in extra])


def test_les_versions_sont_fixees_sans_adresse_ni_chemin():
    lignes = (RACINE / "constraints.txt").read_text().splitlines()
    assert [ligne for ligne in lignes if not re.fullmatch(r"[\w.-]+==[\w.]+", ligne)] == []
    assert exigences() - paquets(lignes) == set()


def test_chaque_dependance_a_sa_page_de_decision():
    donnees_d_avance = {"django", "django-filter", "django-crispy-forms", "psycopg"}
    pages = " ".join(page.read_text().lower() for page in fichiers("*.md", "docs/decisions"))
    sans_page = {paquet for paquet in exigences() - donnees_d_avance if paquet not in pages}
    assert sans_page == set()


def test_les_applications_s_importent_dans_un_seul_sens():
    maison, application = PROJET["tool"]["importlinter"]["contracts"]
    assert maison["layers"] == [*reversed(APPLICATIONS), "politique_ville.outils"]
    assert set(application["containers"]) == set(APPLICATIONS) - {"territoires"}


# --- Gabarits et fichiers statiques : la politique de sécurité du contenu bloquerait tout écart ---

COMMENTAIRES = re.compile(r"\{#.*?#\}|\{% comment.*?endcomment %\}|<!--.*?-->", re.DOTALL)
EN_LIGNE = re.compile(
    r"<style\b|<script\b(?![^>]*(?:\bsrc=|type=\"application/json\"))[^>]*>|\sstyle=|\son[a-z]+=|\shx-on|javascript:",
    re.IGNORECASE,
)
EXTERNE = re.compile(r"<(?!a\b)[a-z-]+\b[^>]*\s(?:src|href|srcset|data|action)=[\"']?(?:https?:)?//", re.IGNORECASE)
EXTERNE_CSS = re.compile(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", re.IGNORECASE)
# L'espace de noms de SVG est un identifiant, pas une adresse que le navigateur irait chercher.
EXTERNE_JS = re.compile(r"[\"'`](?:https?:)?//(?!www\.w3\.org/)|\beval\(|new Function\(|setAttribute\([\"']style")

GABARITS = ["templates", *(f"{application}/templates" for application in APPLICATIONS)]


def trouvailles(motif, textes):
    return [f"{nom(f)} : {trouve[0]}" for f in textes for trouve in motif.finditer(sans_commentaire(f))]


def sans_commentaire(fichier):
    return COMMENTAIRES.sub("", fichier.read_text())


@pytest.mark.parametrize(
    "fautif",
    [
        '<p style="color: red">',
        '<a href="#" onclick="partir()">',
        "<script>partir()</script>",
        "<style>",
        '<a href="javascript:partir()">',
    ],
)
def test_le_code_en_ligne_est_reconnu(fautif):
    assert EN_LIGNE.search(fautif)


def test_les_scripts_charges_et_les_donnees_json_sont_permis():
    assert not EN_LIGNE.search('<script src="/static/js/plan.js" defer></script>')
    assert not EN_LIGNE.search('<script type="application/json" id="parts">')


def test_aucun_gabarit_ne_porte_de_style_ni_de_script_en_ligne():
    assert trouvailles(EN_LIGNE, fichiers("*.html", *GABARITS)) == []


def test_aucune_ressource_ne_vient_d_un_autre_serveur():
    assert trouvailles(EXTERNE, [*fichiers("*.html", *GABARITS), *fichiers("*.svg", "static")]) == []
    assert trouvailles(EXTERNE_CSS, fichiers("*.css", "static")) == []
    assert trouvailles(EXTERNE_JS, fichiers("*.js", "static")) == []


# --- Sources Python ---

# Ces modules écrivent par lots en connaissance de cause : les opérations tiennent l'historique, les autres créent une
# base neuve (démonstration, banc).
ECRIVENT_PAR_LOTS = {"operations", "migrations", "demonstration", "charger_demonstration", "generer_volume"}


def appels(fichier):
    arbre = ast.parse(fichier.read_text(), fichier)
    return [noeud for noeud in ast.walk(arbre) if isinstance(noeud, ast.Call)]


def racine(expression):
    """`Action.objects.filter(…).update(…)` part de `Action`."""
    while isinstance(expression, ast.Attribute | ast.Call):
        expression = expression.value if isinstance(expression, ast.Attribute) else expression.func
    return getattr(expression, "id", "")


def echappe_a_l_historique(appel, sans_historique):
    """Vrai pour une écriture en masse, sauf sur un modèle nommé qui n'a pas d'historique."""
    if not isinstance(appel.func, ast.Attribute) or racine(appel.func) in sans_historique:
        return False
    en_masse = appel.func.attr in {"bulk_create", "bulk_update"}
    return en_masse or (appel.func.attr == "update" and not appel.args)


def modeles(avec_historique):
    tous = [m for application in APPLICATIONS for m in apps.get_app_config(application).get_models()]
    return {m for m in tous if hasattr(m._meta, "simple_history_manager_attribute") == avec_historique}


def test_les_ecritures_en_masse_sont_reconnues():
    def fautif(source):
        return echappe_a_l_historique(ast.parse(source, mode="eval").body, {"Theme"})

    assert fautif("Action.objects.filter(pk=1).update(statut='x')")
    assert fautif("self.get_queryset().bulk_create(lignes)")
    assert not fautif("Theme.objects.bulk_create(lignes)")
    assert not fautif("totaux.update(autres)")


def test_rien_n_echappe_a_l_historique_hors_des_operations():
    suivies = {modele._meta.app_label for modele in modeles(avec_historique=True)}
    sans_historique = {modele.__name__ for modele in modeles(avec_historique=False)}
    fautes = [
        f"{nom(f)}:{appel.lineno}"
        for f in fichiers("*.py", *suivies)
        if not ECRIVENT_PAR_LOTS & {Path(partie).stem for partie in f.relative_to(RACINE).parts}
        for appel in appels(f)
        if echappe_a_l_historique(appel, sans_historique)
    ]
    assert fautes == []


def test_l_argent_ne_passe_jamais_par_un_nombre_a_virgule_flottante():
    sources = fichiers("*.py", "programmation", "dispositifs", "pilotage")
    sources.append(RACINE / "politique_ville" / "outils" / "montants.py")
    fautes = [f"{nom(f)}:{appel.lineno}" for f in sources for appel in appels(f) if racine(appel.func) == "float"]
    assert fautes == []


# --- Vocabulaire ---

SIGLES = {
    "AE",
    "ANCT",
    "ASP",
    "BOP",
    "CAF",
    "CCAS",
    "CDD",
    "CDI",
    "CER",
    "CLAS",
    "CP",
    "CPO",
    "CRF",
    "DDETS",
    "DP",
    "EJ",
    "EPCI",
    "EPLE",
    "ETP",
    "FONJEP",
    "GIP",
    "INSEE",
    "JSON",
    "P147",
    "PRE",
    "QPV",
    "RNA",
    "SHA",
    "SIREN",
    "SIRET",
    "URL",
    "UUID",
    "VVV",
}
NOMS_PROPRES = {"Dauphin", "État", "France", "GeoJSON"}


def mal_ecrit(libelle):
    return any(mot != mot.lower() and mot not in SIGLES | NOMS_PROPRES for mot in re.findall(r"\w+", str(libelle)))


def pluriel_a_ecrire(meta):
    """Vrai si le pluriel manque et que Django, qui ajoute un « s », l'écrirait mal : « contrat de villes »."""
    return "verbose_name_plural" not in meta.original_attrs and not re.fullmatch(r"\w+[^suxz]", meta.verbose_name)


def test_les_noms_des_modeles_sont_en_minuscules_et_leur_pluriel_est_ecrit():
    tous = [m for m in modeles(True) | modeles(False) if not m.__name__.startswith("Historical")]
    fautes = [m.__name__ for m in tous if mal_ecrit(m._meta.verbose_name) or mal_ecrit(m._meta.verbose_name_plural)]
    assert fautes == []
    assert [m.__name__ for m in tous if pluriel_a_ecrire(m._meta)] == []


def test_les_noms_des_champs_sont_en_minuscules_sauf_les_sigles():
    fautes = [
        f"{modele.__name__}.{champ.name} : {champ.verbose_name}"
        for modele in modeles(True) | modeles(False)
        for champ in modele._meta.fields
        if not champ.auto_created and not champ.name.startswith("history_") and mal_ecrit(champ.verbose_name)
    ]
    assert fautes == []
