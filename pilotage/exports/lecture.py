"""Lire la base et remplir les feuilles du gabarit : les faits, puis chaque synthèse de l'écran mise en formules."""

import hashlib
import json
from collections.abc import Sequence
from types import ModuleType

from django.db.models import Q, QuerySet

from programmation.enums import NaturePilier
from programmation.models import Pilier, Thematique
from programmation.synthese import (
    ChoixDeBase,
    synthese_des_contrats,
    synthese_des_financeurs,
    synthese_des_piliers,
    synthese_des_quartiers,
    synthese_des_thematiques,
)
from territoires.models import ContratDeVille, Quartier

from . import faits, feuilles_de_faits, mesures, syntheses
from .controles import Feuilles
from .demande import Demande
from .formules import Page


def colonnes_du_plan(gabarit) -> dict[str, list[str]]:
    """Les familles de financeurs que réunit chaque colonne du plan demandé."""
    colonnes = {}
    for famille, colonne in gabarit.COLONNE_DE_LA_FAMILLE.items():
        colonnes.setdefault(colonne, []).append(famille.label)
    return colonnes


def lire_les_feuilles(demande: Demande, gabarit: ModuleType) -> Feuilles:
    """Les trois feuilles de faits et les cinq synthèses, formules comprises."""
    pages_de_faits = lire_les_faits(demande, gabarit)
    return Feuilles(*pages_de_faits, *lire_les_syntheses(demande, gabarit, *pages_de_faits))


def lire_les_faits(demande, gabarit) -> tuple[Page, Page, Page]:
    lus = faits.lire(demande.actions)
    transversaux = list(Pilier.objects.filter(nature=NaturePilier.TRANSVERSAL))
    modele = gabarit.programmation(transversaux)
    actions = feuilles_de_faits.page_des_actions(modele, lus, transversaux, gabarit.COLONNE_DE_LA_FAMILLE)
    return (
        actions,
        feuilles_de_faits.page_des_financements(gabarit.FINANCEMENTS, lus, actions),
        feuilles_de_faits.page_de_la_repartition(gabarit.REPARTITION, lus, actions),
    )


def lire_les_syntheses(demande, gabarit, page_des_actions, financements, repartition) -> tuple[Page, ...]:
    """Les cinq synthèses de l'écran, chacune mise en formules."""
    exercice, actions, choix = demande.exercice, demande.actions, demande.choix
    mesure, mesure_des_lieux = (
        mesures.mesure_des_actions(page_des_actions, choix),
        mesures.mesure_des_lieux(repartition, choix),
    )
    contrats = list(contrats_de(exercice, actions).avec_population())
    quartiers = Quartier.objects.filter(contrat__in=contrats).defer("contour")
    lue_par_contrat = synthese_des_contrats(actions, choix, contrats=contrats)
    lue_par_financeur = synthese_des_financeurs(actions, choix, par_contrat=False)
    legende = f"Base : {choix.legende()}"
    return (
        syntheses.page_des_thematiques(
            gabarit.thematiques(choix, contrats, legende),
            synthese_des_thematiques(actions, choix),
            thematiques_de(exercice, actions),
            contrats,
            mesure,
        ),
        syntheses.page_des_piliers(
            gabarit.piliers(choix, legende),
            synthese_des_piliers(actions, choix, departement=exercice.departement),
            mesure,
        ),
        syntheses.page_des_contrats(gabarit.contrats(choix, legende), lue_par_contrat, mesure),
        syntheses.page_des_quartiers(
            gabarit.quartiers(choix, legende),
            synthese_des_quartiers(actions, choix, a_montrer=list(quartiers)),
            {contrat.pk: contrat for contrat in contrats},
            mesure_des_lieux,
            mesure,
            lue_par_contrat.total.nombre,
        ),
        syntheses.page_des_financeurs(
            gabarit.financeurs(f"Base : {lue_par_financeur.legende}"), lue_par_financeur, financements
        ),
    )


def contrats_de(exercice, actions) -> QuerySet[ContratDeVille]:
    """Les contrats en vigueur cette année-là, et ceux des actions."""
    en_vigueur = ContratDeVille.objects.en_vigueur(exercice.annee).filter(departement=exercice.departement)
    des_actions = actions.order_by().values("contrat")
    return ContratDeVille.objects.filter(Q(pk__in=en_vigueur.order_by().values("pk")) | Q(pk__in=des_actions))


def thematiques_de(exercice, actions) -> list[Thematique]:
    """Celles de la nomenclature de l'exercice encore proposées, et celles des actions."""
    proposees = Q(theme__nomenclature=exercice.nomenclature, est_actif=True)
    utilisees = Q(pk__in=actions.order_by().values("thematique"))
    return list(Thematique.objects.filter(proposees | utilisees).select_related("theme"))


def empreinte(feuilles: Feuilles, dispositifs: Sequence[Page], choix: ChoixDeBase) -> str:
    """SHA-256 du JSON des faits et de la base choisie : la même tant que les données ne changent pas."""
    colonnes = [(page, nom) for page in (feuilles.actions, feuilles.financements, *dispositifs) for nom in page.champs]
    colonnes += [(feuilles.repartition, nom) for nom in ("cle", "cle_lieu", "repartition")]  # le reste s'en déduit
    donnees = [[page.nom, nom, page.valeurs(nom)] for page, nom in colonnes]
    canonique = json.dumps([choix.parametres(), donnees], ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(canonique.encode()).hexdigest()
