"""Des postes inventés dans le Gard, pour que le radar, les vacances et le quota aient quelque chose à montrer.

Leurs numéros (9001 et suivants) et leurs codes (FICTIF) ne sont ceux d'aucun poste. Leurs échéances se comptent depuis
le mois du chargement : un radar de dates passées ne montrerait rien.
"""

from dataclasses import dataclass
from datetime import date as Date
from decimal import Decimal

from django.utils import timezone

from comptes.models import Utilisateur
from dispositifs.dates import UN_JOUR, decaler_de_mois
from dispositifs.enums import CategorieEmployeur, EtatOccupation, Mission, NatureContrat
from dispositifs.operations import (
    Saisie,
    SaisieDePoste,
    ajouter_un_avenant,
    enregistrer_des_conventions,
    enregistrer_des_occupations,
    enregistrer_des_postes,
    enregistrer_des_postes_fonjep,
    enregistrer_des_triennalites,
    enregistrer_le_quota,
)
from programmation.enums import FormeOrganisme, StatutAction
from programmation.models import Action, Exercice

from .organismes import MOTIF

DEPARTEMENT, ANNEE = "30", 2026
TROIS_ANS = 36  # mois


@dataclass(frozen=True)
class PosteInvente:
    """Un poste, dont la convention de trois ans finit dans `fin_dans` mois ; `vacant_depuis` : des mois, ou pourvu."""

    fin_dans: int
    quotite: int = 100
    nature: NatureContrat = NatureContrat.CDD
    forme: FormeOrganisme = FormeOrganisme.ASSOCIATION
    vacant_depuis: int | None = None
    nouvelle_quotite: int | None = None  # % d'un temps plein, par un avenant d'il y a six mois
    missions: tuple[Mission, ...] = (Mission.ACCUEIL, Mission.DEMARCHES)


POSTES = (
    PosteInvente(2, nature=NatureContrat.CDI),
    PosteInvente(5, nouvelle_quotite=80, missions=(Mission.CONFLITS, Mission.CADRE_DE_VIE)),
    PosteInvente(10, forme=FormeOrganisme.COMMUNE, missions=(Mission.GENERATIONS, Mission.VIE_ASSOCIATIVE)),
    PosteInvente(15, vacant_depuis=4),
    PosteInvente(22, quotite=50, nature=NatureContrat.CDI, missions=(Mission.GENERATIONS,)),
    PosteInvente(31),
)
FONJEP = ((4, 0), (27, 1))  # (mois avant la fin de la période, rang de reconduction)
POSTES_NOTIFIES = 8  # deux ne servent pas


def inventer_des_postes(agent: Utilisateur, responsable: Utilisateur) -> None:
    """Six adultes-relais, deux postes FONJEP et le quota de l'année, par les opérations."""
    mois = timezone.localdate().replace(day=1)
    for rang, invente in enumerate(POSTES, 1):
        inventer_un_poste(f"03026R{9000 + rang}", invente, action_portee_par(invente.forme, rang - 1), mois, agent)
    for rang, (fin_dans, reconductions) in enumerate(FONJEP, 1):
        porteuse = action_portee_par(FormeOrganisme.ASSOCIATION, len(POSTES) + rang)
        inventer_un_poste_fonjep(f"FICTIF{rang:02d}", fin_dans, reconductions, porteuse, mois, agent)
    exercice = Exercice.objects.get(departement__code=DEPARTEMENT, annee=ANNEE)
    champs = {"postes_notifies": POSTES_NOTIFIES, "notifie_le": Date(ANNEE, 2, 16), "reference": "Notification fictive"}
    enregistrer_le_quota(exercice, champs, par=responsable, motif=MOTIF)


def action_portee_par(forme: FormeOrganisme, rang: int) -> Action:
    """Une action de l'année, dont le poste prend l'employeur, le contrat et les quartiers ; un porteur chacune."""
    actions = Action.objects.filter(
        exercice__departement__code=DEPARTEMENT,
        exercice__annee=ANNEE,
        statut=StatutAction.PROGRAMMEE,
        porteur__forme=forme,
        contrat__isnull=False,
    )
    porteurs = list(actions.order_by("porteur").values_list("porteur", flat=True).distinct())
    siennes = actions.filter(porteur=porteurs[rang % len(porteurs)])
    return siennes.select_related("porteur", "contrat__departement").order_by("pk")[0]


def lieu(action):
    """Ce que le poste prend de l'action."""
    champs = {"departement": action.contrat.departement, "contrat": action.contrat}
    return champs, [localisation.quartier for localisation in action.localisations.select_related("quartier")]


def inventer_un_poste(numero, invente, action, mois, par):
    auteur = {"par": par, "motif": MOTIF}
    champs, quartiers = lieu(action)
    association = invente.forme == FormeOrganisme.ASSOCIATION
    categorie = CategorieEmployeur.ASSOCIATION if association else CategorieEmployeur.COLLECTIVITE
    champs |= {"numero": numero, "employeur": action.porteur, "categorie_employeur": categorie, "agent_referent": par}
    [poste] = enregistrer_des_postes([SaisieDePoste(champs, quartiers=quartiers, missions=invente.missions)], **auteur)
    debut, fin = periode(mois, invente.fin_dans)
    signee = {"poste": poste, "debut": debut, "fin": fin, "quotite": Decimal(invente.quotite), "signee_le": debut}
    [convention] = enregistrer_des_conventions([Saisie(signee)], **auteur)
    enregistrer_des_occupations([Saisie(o) for o in occupations(convention, invente, mois)], **auteur)
    if invente.nouvelle_quotite:
        effet, quotite = decaler_de_mois(mois, -6), Decimal(invente.nouvelle_quotite)
        ajouter_un_avenant(convention, date_effet=effet, quotite=quotite, signe_le=effet, **auteur)


def periode(mois: Date, fin_dans: int) -> tuple[Date, Date]:
    """Trois ans, qui finissent le dernier jour du mois à venir."""
    lendemain = decaler_de_mois(mois, fin_dans + 1)
    return decaler_de_mois(lendemain, -TROIS_ANS), lendemain - UN_JOUR


def occupations(convention, invente, mois):
    """Pourvu depuis le début, et peut-être vacant depuis quelques mois."""
    pourvu = {"convention": convention, "etat": EtatOccupation.POURVU, "nature_contrat": invente.nature}
    pourvu |= {"debut": convention.debut, "conditions_verifiees_le": convention.debut}
    if invente.vacant_depuis is None:
        return [pourvu]
    depuis = decaler_de_mois(mois, -invente.vacant_depuis)
    vacant = {"convention": convention, "etat": EtatOccupation.VACANT, "debut": depuis}
    return [pourvu | {"fin": depuis - UN_JOUR}, vacant]


def inventer_un_poste_fonjep(code, fin_dans, reconductions, action, mois, par):
    """Une période par reconduction, la dernière finissant dans `fin_dans` mois ; les anciennes sont évaluées."""
    auteur = {"par": par, "motif": MOTIF}
    champs, quartiers = lieu(action)
    champs |= {"code": code, "association": action.porteur, "agent_referent": par}
    [poste] = enregistrer_des_postes_fonjep([SaisieDePoste(champs, quartiers=quartiers)], **auteur)
    periodes = [periode(mois, fin_dans - TROIS_ANS * (reconductions - rang)) for rang in range(reconductions + 1)]
    saisies = [{"poste": poste, "rang": rang, "debut": d, "fin": f} for rang, (d, f) in enumerate(periodes)]
    for ancienne in saisies[:-1]:
        ancienne["evaluation_recue_le"] = decaler_de_mois(ancienne["fin"], -7)
    enregistrer_des_triennalites([Saisie(champs) for champs in saisies], **auteur)
