"""Les postes d'une portée, hors des parts des piliers et de l'enveloppe ; et le quota qui reste à signer."""

from dataclasses import dataclass
from datetime import date as Date
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse

from dispositifs.models import (
    LieuDuPoste,
    LieuFonjep,
    PosteAdulteRelais,
    PosteFonjep,
    QuotaAdulteRelais,
    ReleveAnct,
    ReleveFonjep,
)
from dispositifs.regles import MOIS_DU_RAPPEL
from dispositifs.synthese import (
    ReleveDeLAnnee,
    SyntheseDuQuota,
    TotalDesCouts,
    couts_des_adultes_relais,
    couts_fonjep,
    de_ces_postes,
    nombres_de_postes,
    releves_par_annee,
    synthese_du_quota,
)

from ..portee import Portee


@dataclass(frozen=True)
class LigneDePostes:
    """Une sorte de postes : leur nombre et leurs coûts de l'année, et ce que l'ANCT en a publié, à côté.

    `sans_convention` : les postes dont aucune n'est enregistrée, et dont on ne sait donc ni le coût ni la vacance.
    `occupation_suivie` : faux pour les FONJEP, dont on ne sait que la période. `adresse` : la liste de ces postes.
    """

    libelle: str
    total: TotalDesCouts
    sans_convention: int
    publie: ReleveDeLAnnee | None
    occupation_suivie: bool
    adresse: str


def postes_de_la_portee(portee: Portee) -> tuple[LigneDePostes, ...]:
    """Les adultes-relais et les FONJEP de la portée, si elle les demande. Neuf requêtes."""
    if not portee.avec_postes:
        return ()
    debut, fin = Date(int(portee.annee), 1, 1), Date(int(portee.annee), 12, 31)
    adultes_relais = du_territoire(portee, PosteAdulteRelais, LieuDuPoste)
    fonjep = du_territoire(portee, PosteFonjep, LieuFonjep)
    couts = couts_des_adultes_relais(adultes_relais, debut, fin).total, couts_fonjep(fonjep, debut, fin).total
    sans = [nombres_de_postes(postes).sans_convention for postes in (adultes_relais, fonjep)]
    publies = publie(ReleveAnct, adultes_relais, portee), publie(ReleveFonjep, fonjep, portee)
    adresses = adresse_de_la_liste(portee, "adulte_relais_list"), adresse_de_la_liste(portee, "fonjep_list")
    return (
        LigneDePostes("Adultes-relais", couts[0], sans[0], publies[0], True, adresses[0]),
        LigneDePostes("FONJEP", couts[1], sans[1], publies[1], False, adresses[1]),
    )


def publie(modele, postes, portee) -> ReleveDeLAnnee | None:
    """Ce que dit la liste de l'ANCT de ces postes, cette année-là."""
    releves = releves_par_annee(de_ces_postes(modele, postes).filter(annee=portee.annee))
    return releves[0] if releves else None


def du_territoire(portee, modele, lieux) -> QuerySet:
    """Les postes visibles de la portée ; un poste de plusieurs quartiers choisis n'est compté qu'une fois."""
    postes = modele.objects.visibles_par(portee.utilisateur).filter(departement__in=portee.cadre.departements_montres)
    if portee.quartiers:
        return postes.filter(Exists(lieux.objects.filter(poste=OuterRef("pk"), quartier__in=portee.quartiers)))
    return postes.filter(contrat=portee.contrat) if portee.contrat else postes


def adresse_de_la_liste(portee, nom) -> str:
    """La liste des mêmes postes ; vide pour ce qu'elle ne montre pas : plusieurs quartiers ou départements."""
    if len(portee.quartiers) > 1 or portee.departement is None:
        return ""
    choisis = {
        "annee": portee.annee,
        "departement": portee.departement.code,
        "contrat": portee.contrat and portee.contrat.pk,
        "quartier": portee.quartiers[0].pk if portee.quartiers else None,
    }
    return f"{reverse(f'dispositifs:{nom}')}?{urlencode({cle: v for cle, v in choisis.items() if v})}"


def quota_a_signer(portee: Portee, jour: Date) -> SyntheseDuQuota | None:
    """Le quota de l'année en cours s'il reste des postes à signer, de septembre à décembre, pour qui le voit."""
    exercice = portee.exercice
    if exercice is None or exercice.annee != jour.year or jour.month < MOIS_DU_RAPPEL:
        return None
    quota = synthese_du_quota(exercice, QuotaAdulteRelais.objects.visibles_par(portee.utilisateur))
    return quota if quota.inutilises and quota.inutilises > 0 else None
