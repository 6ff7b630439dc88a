"""Lire les actions, leur plan, leurs quartiers, leurs étiquettes et leurs décisions, en sept requêtes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.db.models import F, Max, QuerySet

from programmation.enums import StatutAction
from programmation.models import Action, Decision, Financement, LigneEngagement, Localisation

CHAMPS_DE_L_ACTION = {
    "annee": F("exercice__annee"),
    "contrat_code": F("contrat__code"),
    "contrat_intitule": F("contrat__intitule"),
    "theme_code": F("thematique__theme__code"),
    "theme_libelle": F("thematique__theme__libelle"),
    "theme_pk": F("thematique__theme"),
    "thematique_code": F("thematique__code"),
    "thematique_libelle": F("thematique__libelle"),
    "pilier_libelle": F("pilier__libelle"),
    "dispositif_libelle": F("dispositif__libelle"),
    "est_pre": F("dispositif__est_pre"),
    "programme_pre": F("suivi_pre__suivi__programme"),
    "porteur_pk": F("porteur"),
    "porteur_nom": F("porteur__nom"),
    "porteur_forme": F("porteur__forme"),
    "courant_pk": F("porteur__fusionne_dans"),
    "courant_nom": F("porteur__fusionne_dans__nom"),
    "courant_forme": F("porteur__fusionne_dans__forme"),
    "siret": F("etablissement__siret"),
}
CHAMPS_PROPRES = [
    "pk",
    "cle",
    "version",
    "intitule",
    "dossier",
    "tranche",
    "echelle",
    "statut",
    "origine",
    "duree",
    "cpo_rang",
    "cpo_nombre",
    "date_debut",
    "date_fin",
    "cout_previsionnel",
    "beneficiaires_prevus",
    "beneficiaires_femmes",
    "beneficiaires_hommes",
    "beneficiaires_qpv",
    "contrat_id",
    "thematique_id",
    "pilier_id",
]


@dataclass(frozen=True)
class Faits:
    """Ce que la base contient, avant toute mise en feuille : une ligne par action, et ce qui s'y rattache."""

    actions: list[dict]
    lignes: dict[int, list[dict]]
    lieux: dict[int, list[dict]]
    priorites: dict[int, list]
    transversaux: dict[int, list]
    decisions: dict[int, date]
    ejs: dict[int, str]


def lire(actions: QuerySet[Action]) -> Faits:
    """Les actions qui ont quitté le brouillon, dans l'ordre de leur contrat et de leur dossier."""
    deposees = actions.exclude(statut=StatutAction.BROUILLON).order_by()
    lues = list(deposees.values(*CHAMPS_PROPRES, **CHAMPS_DE_L_ACTION))
    lues.sort(key=lambda a: (a["contrat_intitule"] or "~", a["contrat_id"] or 0, a["dossier"] or "~", a["pk"]))
    siennes = {"action__in": deposees.values("pk")}
    return Faits(
        actions=lues,
        lignes=par_action(lignes_de_plan(siennes)),
        lieux=par_action(localisations(siennes)),
        priorites=etiquettes(Action.priorites, siennes, "prioritetransversale__libelle"),
        transversaux=etiquettes(Action.piliers_transversaux, siennes, "pilier"),
        decisions=dict(
            Decision.objects.filter(**siennes).order_by().values_list("action").annotate(derniere=Max("date"))
        ),
        ejs=numeros_par_action(LigneEngagement.objects.filter(**siennes)),
    )


def numeros_par_action(engagees: QuerySet[LigneEngagement]) -> dict[int, str]:
    """« 2101000001 ; 2101000002 » : les EJ de chaque action, par date."""
    numeros = {}
    lues = engagees.order_by("engagement__date", "engagement_id").values_list("action", "engagement__numero")
    for action, numero in lues:
        numeros.setdefault(action, {})[numero] = None
    return {action: " ; ".join(siens) for action, siens in numeros.items()}


def lignes_de_plan(siennes):
    champs = ["financeur_id", "famille", "nature", "demande", "propose", "accorde", "verse", "etat", "date_etat"]
    libelles = {"financeur_nom": F("financeur__nom"), "bop": F("financeur__bop")}
    return Financement.objects.filter(**siennes).order_by("action_id", "pk").values("action_id", *champs, **libelles)


def localisations(siennes):
    champs = ["quartier_id", "cle", "cumul_avant", "cumul_apres", "cumul_total"]
    libelles = {"code": F("quartier__code"), "nom": F("quartier__nom"), "usage": F("quartier__nom_d_usage")}
    lues = Localisation.objects.filter(**siennes).order_by("action_id", "quartier_id")
    return lues.values("action_id", *champs, **libelles)


def par_action(lues: Iterable[dict]) -> dict[int, list[dict]]:
    groupes = {}
    for lue in lues:
        groupes.setdefault(lue["action_id"], []).append(lue)
    return groupes


def etiquettes(relation, siennes, champ):
    """Les étiquettes de chaque action (priorités, piliers transversaux), triées."""
    groupes = {}
    for action, etiquette in relation.through.objects.filter(**siennes).order_by().values_list("action", champ):
        groupes.setdefault(action, []).append(etiquette)
    return {action: sorted(siennes) for action, siennes in groupes.items()}
