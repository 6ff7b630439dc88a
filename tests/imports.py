"""Fabriquer un fichier d'import et lire son plan, dans un test."""

import io
from pathlib import Path

from openpyxl import Workbook

from programmation.imports import lots
from programmation.models import Action, Correspondance
from tests.fabriques import (
    ContratFactory,
    DispositifFactory,
    ExerciceFactory,
    FinanceurFactory,
    PilierFactory,
    QuartierFactory,
    ThematiqueFactory,
)


def octets_xlsx(entetes, *lignes, feuille="Actions"):
    livre = Workbook()
    page = livre.active
    page.title = feuille
    for valeurs in (entetes, *lignes):
        page.append(valeurs)
    sortie = io.BytesIO()
    livre.save(sortie)
    return sortie.getvalue()


def fichier(entetes, *lignes, nom="actions.xlsx"):
    """Le fichier reçu, prêt à lire, d'une feuille « Actions »."""
    return lots.recevoir_un_fichier(io.BytesIO(octets_xlsx(entetes, *lignes)), nom)


def csv(entetes, *lignes, nom="actions.csv"):
    textes = [";".join("" if v is None else str(v) for v in valeurs) for valeurs in (entetes, *lignes)]
    return lots.recevoir_un_fichier(io.BytesIO("\r\n".join(textes).encode()), nom)


def planifier(recu, exercice, par):
    """Le plan, sans rien garder."""
    return lots.essayer(recu, exercice, par=par)


def importer(recu, exercice, par):
    """Le lot déposé, planifié et confirmé."""
    lot = lots.deposer(recu, exercice, par=par)
    lots.planifier(lot, par=par)
    return lots.confirmer(lot, par=par)


def compteurs(plan):
    """Les seuls sorts qui arrivent : {"cree": 2, "refuse": 1}."""
    return {str(statut): nombre for statut, nombre in plan.compteurs.items() if nombre}


def messages(plan, gravite=None):
    """Les messages en clair, espaces insécables ramenées à des espaces."""
    dits = [anomalie for anomalie in plan.anomalies if gravite in (None, anomalie.gravite)]
    return [en_clair(str(anomalie)) for anomalie in dits]


def en_clair(valeur):
    """La même valeur, espaces insécables ramenées à des espaces, pour la comparer à ce qu'on lit."""
    if isinstance(valeur, str):
        return valeur.replace("\u00a0", " ").replace("\u202f", " ")
    if isinstance(valeur, dict):
        return {en_clair(cle): en_clair(v) for cle, v in valeur.items()}
    return tuple(map(en_clair, valeur)) if isinstance(valeur, tuple) else valeur


def actions_importees():
    return list(Action.objects.order_by("pk").values_list("intitule", "campagne__intitule"))


# --- Le monde que décrivent les fichiers tests/fichiers/actions.* ---

FICHIERS = Path(__file__).parent / "fichiers"


def monde_des_fichiers():
    """L'exercice, le contrat et les référentiels que nomment les fichiers d'essai."""
    exercice = ExerciceFactory()
    caen = ContratFactory(code="CN01403M", intitule="Contrat de ville de Caen la mer")
    for code, nom in (("QN01401M", "Chemin Vert"), ("QN01402M", "Guérinière")):
        QuartierFactory(contrat=caen, code=code, nom=nom)
    thematique = ThematiqueFactory(code="1.1", libelle="Éducation")
    Correspondance.objects.create(thematique=thematique, pilier=PilierFactory())
    DispositifFactory(libelle="Contrat de ville")
    FinanceurFactory(p147=True)
    FinanceurFactory(nom="CAF du Calvados", famille="caf", departement=exercice.departement)
    FinanceurFactory(nom="Région Normandie", famille="region", departement=exercice.departement)
    return exercice


def fichier_d_essai(nom):
    with (FICHIERS / nom).open("rb") as flux:
        return lots.recevoir_un_fichier(flux, nom)
