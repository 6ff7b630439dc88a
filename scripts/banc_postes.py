"""Des postes adultes-relais à l'échelle nationale, pour le banc : écrits en masse et sans historique.

Ils respectent les invariants : conventions de trois ans qui se suivent, occupations dans leur convention.
"""

from datetime import date, timedelta
from random import Random

POSTES, ANNEES_DES_POSTES = 5_000, 6
GRAINE = "postes"
RENOUVELLEMENTS = 2024  # chaque poste y a deux conventions : l'année la plus longue à compter


def creer_les_postes(nombre: int, annees: int, derniere_annee: int) -> None:
    """`nombre` postes répartis entre les départements du volume, conventionnés pendant `annees` années."""
    from dispositifs.enums import CategorieEmployeur
    from dispositifs.models import ConventionAdulteRelais, LieuDuPoste, Occupation, PosteAdulteRelais, ReleveAnct

    sols, alea = lire_les_sols(), Random(GRAINE)
    postes = PosteAdulteRelais.objects.bulk_create(
        poste(rang, sols[rang % len(sols)], alea, CategorieEmployeur) for rang in range(nombre)
    )
    quartiers = {sol["contrat"].pk: sol["quartiers"] for sol in sols}
    LieuDuPoste.objects.bulk_create(
        LieuDuPoste(poste=p, quartier=q) for p in postes for q in alea.sample(quartiers[p.contrat_id], 2)
    )
    conventions = ConventionAdulteRelais.objects.bulk_create(
        ConventionAdulteRelais(poste=p, quotite=alea.choice([50, 80, 100, 100]), signee_le=debut, debut=debut, fin=fin)
        for p in postes
        for debut, fin in periodes(annees, derniere_annee, alea)
    )
    Occupation.objects.bulk_create(o for convention in conventions for o in occupations(convention, alea))
    ReleveAnct.objects.bulk_create(
        ReleveAnct(poste=p, annee=derniere_annee - recul, id_publie=f"{p.numero}01", montant=22_810)
        for p in postes
        for recul in range(1, annees)
    )


def lire_les_sols():
    """Les contrats en vigueur du volume, avec leurs quartiers et les organismes de leur département."""
    from pilotage.volume import DERNIERE_ANNEE
    from programmation.models import Organisme
    from territoires.models import ContratDeVille

    contrats = ContratDeVille.objects.filter(departement__code__startswith="F").en_vigueur(DERNIERE_ANNEE)
    employeurs = list(Organisme.objects.order_by("pk")[:2_000])
    lus = contrats.order_by("pk").prefetch_related("quartiers").select_related("departement")
    return [
        {"contrat": contrat, "quartiers": list(contrat.quartiers.all()), "employeurs": employeurs[rang::97]}
        for rang, contrat in enumerate(lus)
    ]


def poste(rang, sol, alea, categories):
    from dispositifs.models import PosteAdulteRelais

    return PosteAdulteRelais(
        departement=sol["contrat"].departement,
        contrat=sol["contrat"],
        numero=f"{rang // 10_000:03d}20R{rang % 10_000:04d}",
        employeur=alea.choice(sol["employeurs"]),
        categorie_employeur=alea.choice(categories.values),
    )


def periodes(annees, derniere_annee, alea):
    """Des conventions de trois ans qui se suivent, de `annees` années avant la fin de la dernière année."""
    debut = date(derniere_annee - annees + 1, alea.randint(1, 12), 1)
    while debut.year <= derniere_annee:
        suivante = debut.replace(year=debut.year + 3)
        yield debut, suivante - timedelta(days=1)
        debut = suivante


def occupations(convention, alea):
    """Pourvu, parfois après un temps de vacance."""
    from dispositifs.models import Occupation

    vacance = timedelta(days=alea.choice([0, 0, 30, 90]))
    if vacance:
        yield Occupation(
            convention=convention,
            etat="vacant",
            debut=convention.debut,
            fin=convention.debut + vacance - timedelta(days=1),
        )
    yield Occupation(convention=convention, etat="pourvu", nature_contrat="cdd", debut=convention.debut + vacance)


def couter_l_annee_des_renouvellements():
    from dispositifs.models import PosteAdulteRelais
    from dispositifs.synthese import couts_des_adultes_relais

    return couts_des_adultes_relais(
        PosteAdulteRelais.objects.all(), date(RENOUVELLEMENTS, 1, 1), date(RENOUVELLEMENTS, 12, 31)
    )
